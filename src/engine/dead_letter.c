/* Writes rejected events to dead-letter.ndjson, off the writer's path. */
#include "engine/dead_letter.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/logger.h"
#include "codec/event_json.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG_BYTES_MOST = 16 * 1024 * 1024, TAIL_BYTES = 1024 * 1024 };

struct dead_letters {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buffer waiting, writing; /* waiting: under lock; writing: the thread's */
    bool busy, stopping;
    int failed; /* the last write failed: tried again with the next */
    uint64_t written, lost;
    /* what the file ended with at open */
    uint64_t known_incarnation, known_offset;
    uint32_t known_number;
    bool known;
};

/* Reads the last whole line's version and cuts off what is behind it. */
static int find_end(struct dead_letters *d)
{
    struct stat st;
    if (fstat(d->fd, &st) != 0)
        return ERROR_IO;
    off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
    size_t length = (size_t)(st.st_size - from);
    char *tail = malloc(length + 1);
    if (!tail)
        return ERROR_NOMEM;
    ssize_t got = length ? pread(d->fd, tail, length, from) : 0;
    if (got != (ssize_t)length) {
        free(tail);
        return ERROR_IO;
    }
    while (length && tail[length - 1] != '\n')
        length--;
    tail[length] = '\0';
    if (length) {
        char *line = tail + length - 1;
        while (line > tail && line[-1] != '\n')
            line--;
        d->known = sscanf(line, "{\"version\":\"%lu:%lu\",\"number\":%u,", &d->known_incarnation,
                          &d->known_offset, &d->known_number) == 3;
    }
    free(tail);
    return ftruncate(d->fd, from + (off_t)length) == 0 ? 0 : ERROR_IO;
}

static int write_all(int fd, const char *at, size_t length)
{
    while (length) {
        ssize_t n = write(fd, at, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERROR_IO;
        at += n;
        length -= (size_t)n;
    }
    return fdatasync(fd) == 0 ? 0 : ERROR_IO;
}

static void *letters_main(void *context)
{
    struct dead_letters *d = context;

    pthread_mutex_lock(&d->lock);
    while (!d->stopping || d->waiting.length) {
        if (!d->waiting.length) {
            pthread_cond_wait(&d->changed, &d->lock);
            continue;
        }
        struct buffer swap = d->writing;
        d->writing = d->waiting;
        d->waiting = swap;
        buffer_clear(&d->waiting);
        d->busy = true;
        pthread_mutex_unlock(&d->lock);

        off_t before = lseek(d->fd, 0, SEEK_END);
        int error = write_all(d->fd, d->writing.at, d->writing.length);
        uint64_t lines = 0;
        for (size_t i = 0; i < d->writing.length; i++)
            lines += d->writing.at[i] == '\n';
        if (error && (before < 0 || ftruncate(d->fd, before) != 0))
            log_error("the dead-letter file could not be put back to its last whole line");

        pthread_mutex_lock(&d->lock);
        if (error && !d->failed)
            log_error("the dead-letter file cannot be written: rejected events are only in the answers until "
                      "it can");
        d->failed = error;
        *(error ? &d->lost : &d->written) += lines;
        d->busy = false;
        pthread_cond_broadcast(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

int dead_letters_open(const char *path, struct dead_letters **ret_letters)
{
    struct dead_letters *d = calloc(1, sizeof(*d));
    int error = ERROR_IO;

    if (!d)
        return ERROR_NOMEM;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    d->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (d->fd < 0)
        goto failed;
    error = find_end(d);
    if (error)
        goto failed;
    if (pthread_create(&d->thread, NULL, letters_main, d) != 0) {
        error = ERROR_NOMEM;
        goto failed;
    }
    *ret_letters = d;
    return 0;
failed:
    if (d->fd >= 0)
        close(d->fd);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
    return error;
}

static bool is_in_file(const struct dead_letters *d, uint64_t incarnation, uint64_t offset, uint32_t number)
{
    if (!d->known || incarnation != d->known_incarnation)
        return d->known && incarnation < d->known_incarnation;
    return offset != d->known_offset ? offset < d->known_offset : number <= d->known_number;
}

/* @lock held. False: the writer of the file is too far behind. */
static bool line_begin(struct dead_letters *d, uint64_t incarnation, uint64_t offset, uint32_t number,
                       instant_t at)
{
    struct buffer *b = &d->waiting;

    if (b->length >= BACKLOG_BYTES_MOST)
        return false;
    buffer_printf(b, "{\"version\":\"%lu:%lu\",\"number\":%u,\"at\":", incarnation, offset, number);
    json_put_instant(b, at);
    return true;
}

/* @lock held. `before`: where the line begins. */
static void line_end(struct dead_letters *d, size_t before)
{
    if (d->waiting.length > before)
        buffer_string(&d->waiting, "}\n");
    if (d->waiting.failed || d->waiting.length == before) {
        d->waiting.length = before;
        d->waiting.failed = false;
        d->lost++;
    }
    pthread_cond_broadcast(&d->changed);
}

void dead_letters_add(struct dead_letters *d, uint64_t incarnation, uint64_t offset, uint32_t number,
                      instant_t at, const struct event *e, struct event_verdict verdict)
{
    enum reason reason = (enum reason)verdict.reason;

    if (is_in_file(d, incarnation, offset, number))
        return;
    pthread_mutex_lock(&d->lock);
    size_t before = d->waiting.length;
    if (line_begin(d, incarnation, offset, number, at)) {
        buffer_printf(&d->waiting, ",\"reason\":\"%s\",\"pointer\":\"%s\",\"detail\":\"%s\",\"event\":",
                      reason_name(reason), reason_pointer(reason), reason_detail(reason));
        event_to_json(e, &d->waiting);
    }
    line_end(d, before);
    pthread_mutex_unlock(&d->lock);
}

static void put_base64(struct buffer *b, struct text bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)bytes.at;

    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t left = bytes.length - i;
        unsigned bits =
            (unsigned)at[i] << 16 | (left > 1 ? (unsigned)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
        char four[5] = {digits[bits >> 18], digits[bits >> 12 & 63], left > 1 ? digits[bits >> 6 & 63] : '=',
                        left > 2 ? digits[bits & 63] : '=', 0};
        buffer_string(b, four);
    }
}

void dead_letters_add_unreadable(struct dead_letters *d, uint64_t incarnation, uint64_t offset, instant_t at,
                                 const char *pointer, const char *detail, struct text bytes)
{
    if (is_in_file(d, incarnation, offset, 0))
        return;
    pthread_mutex_lock(&d->lock);
    size_t before = d->waiting.length;
    if (line_begin(d, incarnation, offset, 0, at)) {
        buffer_string(&d->waiting, ",\"reason\":\"unreadable\",\"pointer\":");
        json_put_string(&d->waiting, text_of(pointer));
        buffer_string(&d->waiting, ",\"detail\":");
        json_put_string(&d->waiting, text_of(detail));
        buffer_string(&d->waiting, ",\"bytes\":\"");
        put_base64(&d->waiting, bytes);
        buffer_string(&d->waiting, "\"");
    }
    line_end(d, before);
    pthread_mutex_unlock(&d->lock);
}

bool dead_letters_idle(struct dead_letters *d)
{
    pthread_mutex_lock(&d->lock);
    bool idle = !d->waiting.length && !d->busy;
    pthread_mutex_unlock(&d->lock);
    return idle;
}

int dead_letters_flush(struct dead_letters *d)
{
    pthread_mutex_lock(&d->lock);
    while (d->waiting.length || d->busy)
        pthread_cond_wait(&d->changed, &d->lock);
    int error = d->failed;
    pthread_mutex_unlock(&d->lock);
    return error;
}

static uint64_t read_under_lock(struct dead_letters *d, const uint64_t *what)
{
    pthread_mutex_lock(&d->lock);
    uint64_t value = *what;
    pthread_mutex_unlock(&d->lock);
    return value;
}

uint64_t dead_letters_written(struct dead_letters *d)
{
    return read_under_lock(d, &d->written);
}

uint64_t dead_letters_lost(struct dead_letters *d)
{
    return read_under_lock(d, &d->lost);
}

void dead_letters_close(struct dead_letters *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    close(d->fd);
    buffer_finish(&d->waiting);
    buffer_finish(&d->writing);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
