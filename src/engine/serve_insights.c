/* Reads and writes the file: the new one beside it, synced, then renamed. */
#include "engine/serve_insights.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAVE_EVERY_US INT64_C(60000000)
enum { FILE_BYTES_MOST = 1 << 30 };

int serve_insights_start(struct serve_insights *s, const char *directory, unsigned parts, unsigned hours,
                         unsigned keys)
{
    *s = (struct serve_insights){.saved_us = clock_monotonic_us()};
    snprintf(s->path, sizeof(s->path), "%s/insights", directory);
    if (!hours)
        return 0;
    s->unmet = unmet_create(parts, hours, keys);
    return s->unmet ? 0 : ERROR_NOMEM;
}

/* The log's first incarnation: numbers of SKUs and places are its. 0: not known yet. */
static uint64_t mark_of(const struct view *v)
{
    return atomic_load_explicit(&v->incarnations_count, memory_order_acquire) ? v->incarnations[0] : 0;
}

static int read_file(const char *path, struct buffer *out)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat is;
    ssize_t got = 0;

    if (file < 0)
        return errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO;
    if (fstat(file, &is) != 0 || !S_ISREG(is.st_mode) || is.st_size > FILE_BYTES_MOST) {
        close(file);
        return ERROR_IO;
    }
    char piece[65536];
    while ((got = read(file, piece, sizeof(piece))) > 0)
        buffer_add(out, piece, (size_t)got);
    close(file);
    return got < 0 ? ERROR_IO : out->failed ? ERROR_NOMEM : 0;
}

void serve_insights_restore(struct serve_insights *s, const struct view *v)
{
    struct buffer bytes = {0};

    if (!s->unmet || s->restored || !mark_of(v))
        return;
    s->restored = true;
    int error = read_file(s->path, &bytes);
    if (!error)
        error = unmet_restore(s->unmet, mark_of(v), clock_wall_us() / UNMET_HOUR_US, bytes.at, bytes.length);
    if (error && error != ERROR_NOTFOUND)
        log_warning("insights: %s is not taken in (%s): they begin anew", s->path, error_text(error));
    buffer_finish(&bytes);
}

static int write_all(int file, const char *bytes, size_t length)
{
    while (length) {
        ssize_t wrote = write(file, bytes, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return ERROR_IO;
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return fdatasync(file) == 0 ? 0 : ERROR_IO;
}

static int write_file(const char *path, const struct buffer *bytes)
{
    char fresh[4200];

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    int file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return ERROR_IO;
    int error = write_all(file, bytes->at, bytes->length);
    close(file);
    if (!error && rename(fresh, path) != 0)
        error = ERROR_IO;
    if (error)
        unlink(fresh);
    return error;
}

static void save(struct serve_insights *s, const struct view *v)
{
    struct buffer bytes = {0};
    int error = unmet_save(s->unmet, mark_of(v), &bytes);
    struct hash128 now = error ? s->saved : hash128(bytes.at, bytes.length, 0);

    if (!error && (now.high != s->saved.high || now.low != s->saved.low))
        error = write_file(s->path, &bytes);
    if (error)
        log_warning("insights: %s cannot be written (%s)", s->path, error_text(error));
    else
        s->saved = now;
    buffer_finish(&bytes);
}

void serve_insights_look(struct serve_insights *s, const struct view *v)
{
    int64_t now_us = clock_monotonic_us();

    if (!s->unmet || !s->restored || now_us - s->saved_us < SAVE_EVERY_US)
        return;
    s->saved_us = now_us;
    save(s, v);
}

void serve_insights_stop(struct serve_insights *s, const struct view *v)
{
    if (s->unmet && s->restored)
        save(s, v);
}

void serve_insights_finish(struct serve_insights *s)
{
    unmet_destroy(s->unmet);
    s->unmet = NULL;
}
