/* Writes checkpoint files: the writer thread copies sections into chunks, a thread of the checkpoint's own
 * checksums and writes them out, then syncs, renames, and removes what is older than the last two. */
#include "engine/checkpoint.h"

#include "base/error.h"
#include "engine/checkpoint_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 1 << 20,
    SYNC_BYTES = 8 << 20, /* synced as it goes, so that the end has little to wait for and the log's syncs do
                             not stand behind much */
    SPARES_MOST = 4,
    KEPT = 2,
};

/* Whole sections, one behind the other. */
struct chunk {
    struct chunk *next;
    size_t used, capacity;
    char bytes[];
};

struct checkpoint_writer {
    const struct file_ops *ops;
    int directory, file;
    struct checkpoint_header header;

    /* @thread writer */
    struct chunk *filling;
    uint64_t sections, bytes; /* bytes: of the file, all that was added */

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct chunk *first, *last, *spares; /* to be written, oldest first; to be filled again */
    unsigned spare_count;
    size_t backlog_bytes; /* of the chunks handed over */
    bool committed, given_up, done;
    int error;
    char detail[256];

    /* The thread's own. */
    pthread_t thread;
    bool started;
    uint64_t written, synced;
    uint32_t crc;
};

/* ---- the thread ---- */

/* @thread checkpoint */
static int file_failed(struct checkpoint_writer *w, const char *what)
{
    int why = errno;

    pthread_mutex_lock(&w->lock);
    snprintf(w->detail, sizeof(w->detail), "%s failed: %s", what, strerror(why));
    pthread_mutex_unlock(&w->lock);
    return ERROR_IO;
}

static int write_out(struct checkpoint_writer *w, const void *bytes, size_t length)
{
    if (!file_write_all(w->ops, w->file, bytes, length, w->written))
        return file_failed(w, "writing " CHECKPOINT_TEMPORARY);
    w->written += length;
    if (w->written - w->synced < SYNC_BYTES)
        return 0;
    w->synced = w->written;
    return w->ops->sync(w->ops->context, w->file) ? file_failed(w, "syncing " CHECKPOINT_TEMPORARY) : 0;
}

static void checksum_sections(struct checkpoint_writer *w, struct chunk *c)
{
    struct checkpoint_file_section s;

    for (size_t at = 0; at < c->used; at += sizeof(s) + s.length) {
        memcpy(&s, c->bytes + at, sizeof(s));
        s.crc = checkpoint_section_crc(&s, c->bytes + at + sizeof(s));
        memcpy(c->bytes + at, &s, sizeof(s));
        w->crc = crc32c(w->crc, &s, sizeof(s));
    }
}

static int write_head(struct checkpoint_writer *w)
{
    struct checkpoint_file_head head;

    checkpoint_head_seal(&head, &w->header);
    w->crc = crc32c(0, &head, sizeof(head));
    return write_out(w, &head, sizeof(head));
}

static int write_end(struct checkpoint_writer *w)
{
    struct checkpoint_file_end e = {
        .section = {.length = sizeof(e) - sizeof(e.section), .kind = CHECKPOINT_KIND_END},
        .crc_all = w->crc,
        .sections = w->sections,
        .bytes = w->written,
        .digest = w->header.digest,
    };

    e.section.crc = checkpoint_section_crc(&e.section, (const char *)&e + sizeof(e.section));
    return write_out(w, &e, sizeof(e));
}

/* Removes all but this one and the newest other that verifies: a damaged file must not count as the one to
 * fall back on. */
static void remove_older(struct checkpoint_writer *w, const char *this_one)
{
    struct checkpoint_list list = {0};
    struct checkpoint_header h;
    unsigned kept = 1;
    char detail[256];

    if (checkpoint_list_read(w->directory, &list) == 0)
        for (size_t i = 0; i < list.count; i++) {
            const char *name = list.at[i].text;
            if (strcmp(name, this_one) == 0)
                continue;
            if (kept < KEPT && checkpoint_file_read(w->directory, name, NULL, NULL, &h, NULL, detail,
                                                    sizeof(detail)) != ERROR_CORRUPT)
                kept++;
            else
                w->ops->unlink(w->ops->context, w->directory, name);
        }
    checkpoint_list_finish(&list);
}

static int finish_file(struct checkpoint_writer *w)
{
    struct checkpoint_name name = checkpoint_name(w->header.incarnation, w->header.next_offset);
    int error = write_end(w);

    if (error)
        return error;
    if (w->ops->sync(w->ops->context, w->file) != 0)
        return file_failed(w, "syncing " CHECKPOINT_TEMPORARY);
    if (w->ops->rename(w->ops->context, w->directory, CHECKPOINT_TEMPORARY, name.text) != 0)
        return file_failed(w, "renaming " CHECKPOINT_TEMPORARY);
    if (w->ops->sync_directory(w->ops->context, w->directory) != 0)
        return file_failed(w, "syncing the directory");
    remove_older(w, name.text);
    return 0;
}

/* @lock held */
static void keep_spare(struct checkpoint_writer *w, struct chunk *c)
{
    if (c->capacity != CHUNK_BYTES || w->spare_count == SPARES_MOST) {
        free(c);
        return;
    }
    c->next = w->spares;
    w->spares = c;
    w->spare_count++;
}

/* @lock held; let go while it writes. */
static void write_first_chunk(struct checkpoint_writer *w)
{
    struct chunk *c = w->first;
    int error;

    w->first = c->next;
    if (!w->first)
        w->last = NULL;
    pthread_mutex_unlock(&w->lock);
    checksum_sections(w, c);
    error = write_out(w, c->bytes, c->used);
    pthread_mutex_lock(&w->lock);
    w->backlog_bytes -= c->used;
    if (error)
        w->error = error;
    keep_spare(w, c);
}

static void *checkpoint_thread(void *context)
{
    struct checkpoint_writer *w = context;
    int error = write_head(w);
    bool finish;

    pthread_mutex_lock(&w->lock);
    if (error)
        w->error = error;
    while (!w->error && !w->given_up && (w->first || !w->committed)) {
        if (w->first)
            write_first_chunk(w);
        else
            pthread_cond_wait(&w->changed, &w->lock);
    }
    finish = !w->error && !w->given_up;
    error = w->error;
    pthread_mutex_unlock(&w->lock);
    if (finish)
        error = finish_file(w);
    if (error || !finish)
        w->ops->unlink(w->ops->context, w->directory, CHECKPOINT_TEMPORARY);
    pthread_mutex_lock(&w->lock);
    w->error = error;
    w->done = true;
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- @thread writer ---- */

static int open_files(struct checkpoint_writer *w, const char *directory)
{
    if (mkdir(directory, 0750) != 0 && errno != EEXIST)
        return ERROR_IO;
    w->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->directory < 0)
        return ERROR_IO;
    w->file = w->ops->open(w->ops->context, w->directory, CHECKPOINT_TEMPORARY, O_WRONLY | O_CREAT, 0640);
    if (w->file < 0)
        return ERROR_IO;
    if (flock(w->file, LOCK_EX | LOCK_NB) != 0)
        return ERROR_BUSY;
    return ftruncate(w->file, 0) == 0 ? 0 : ERROR_IO;
}

int checkpoint_create_on(const struct file_ops *ops, const char *directory, const struct checkpoint_header *h,
                         struct checkpoint_writer **ret_writer)
{
    struct checkpoint_writer *w = calloc(1, sizeof(*w));
    int error;

    if (!w)
        return ERROR_NOMEM;
    w->ops = ops;
    w->directory = w->file = -1;
    w->header = *h;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    error = open_files(w, directory);
    if (!error && pthread_create(&w->thread, NULL, checkpoint_thread, w) != 0)
        error = ERROR_NOMEM;
    if (error) {
        checkpoint_destroy(w);
        return error;
    }
    w->started = true;
    pthread_setname_np(w->thread, "checkpoint");
    *ret_writer = w;
    return 0;
}

int checkpoint_create(const char *directory, const struct checkpoint_header *h,
                      struct checkpoint_writer **ret_writer)
{
    return checkpoint_create_on(&file_ops_system, directory, h, ret_writer);
}

static void hand_over(struct checkpoint_writer *w)
{
    struct chunk *c = w->filling;

    if (!c)
        return;
    w->filling = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->last)
        w->last->next = c;
    else
        w->first = c;
    w->last = c;
    w->backlog_bytes += c->used;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static struct chunk *chunk_get(struct checkpoint_writer *w, size_t bytes)
{
    struct chunk *c = NULL;
    size_t capacity = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

    pthread_mutex_lock(&w->lock);
    if (capacity == CHUNK_BYTES && w->spares) {
        c = w->spares;
        w->spares = c->next;
        w->spare_count--;
    }
    pthread_mutex_unlock(&w->lock);
    if (!c)
        c = malloc(sizeof(*c) + capacity);
    if (c) {
        c->next = NULL;
        c->used = 0;
        c->capacity = capacity;
    }
    return c;
}

int checkpoint_add(struct checkpoint_writer *w, uint8_t kind, const void *bytes, size_t length)
{
    struct checkpoint_file_section s = {.length = (uint32_t)length, .kind = kind};
    size_t whole = sizeof(s) + length;

    if (kind == CHECKPOINT_KIND_END || length > UINT32_MAX - sizeof(s))
        return ERROR_INVALID;
    if (w->filling && w->filling->capacity - w->filling->used < whole)
        hand_over(w);
    if (!w->filling)
        w->filling = chunk_get(w, whole);
    if (!w->filling)
        return ERROR_NOMEM;
    memcpy(w->filling->bytes + w->filling->used, &s, sizeof(s));
    if (length)
        memcpy(w->filling->bytes + w->filling->used + sizeof(s), bytes, length);
    w->filling->used += whole;
    w->sections++;
    return 0;
}

size_t checkpoint_backlog_bytes(const struct checkpoint_writer *w)
{
    /* The lock is not part of what the caller sees as constant. */
    struct checkpoint_writer *open = (struct checkpoint_writer *)(uintptr_t)w;
    size_t bytes = w->filling ? w->filling->used : 0;

    pthread_mutex_lock(&open->lock);
    bytes += w->backlog_bytes;
    pthread_mutex_unlock(&open->lock);
    return bytes;
}

void checkpoint_commit(struct checkpoint_writer *w, struct hash128 digest)
{
    hand_over(w);
    pthread_mutex_lock(&w->lock);
    w->header.digest = digest;
    w->committed = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

int checkpoint_poll(struct checkpoint_writer *w, char *detail, size_t detail_size)
{
    int answer;

    pthread_mutex_lock(&w->lock);
    answer = w->done ? w->error : 1;
    if (w->done && w->error)
        snprintf(detail, detail_size, "%s", w->detail);
    pthread_mutex_unlock(&w->lock);
    return answer;
}

static void free_chunks(struct chunk *c)
{
    while (c) {
        struct chunk *next = c->next;
        free(c);
        c = next;
    }
}

void checkpoint_destroy(struct checkpoint_writer *w)
{
    if (!w)
        return;
    if (w->started) {
        pthread_mutex_lock(&w->lock);
        w->given_up = !w->committed;
        pthread_cond_signal(&w->changed);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    if (w->file >= 0)
        w->ops->close(w->ops->context, w->file);
    if (w->directory >= 0)
        close(w->directory);
    free_chunks(w->first);
    free_chunks(w->spares);
    free(w->filling);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
