/* Looks through an embedded log without changing it, for `onhand check`. */
#include "base/error.h"
#include "log/file_log.h"
#include "log/log_recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct lines {
    void (*report)(void *context, const char *line);
    void *context;
};

static int open_shared(const char *directory, int *ret_directory, int *ret_lock)
{
    *ret_directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_directory < 0)
        return errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO;
    *ret_lock = openat(*ret_directory, FILE_LOG_LOCK, O_RDONLY | O_CLOEXEC);
    if (*ret_lock >= 0 && flock(*ret_lock, LOCK_SH | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? ERROR_BUSY : ERROR_IO;
    return 0;
}

static void tell_segments(const struct log_recovery *r, const struct lines *to)
{
    char line[128];

    for (size_t i = 0; i < r->list.count; i++) {
        const struct segment_file *f = &r->list.at[i];
        uint64_t end = i < r->tail ? r->list.at[i + 1].first_offset : r->end_offset;
        struct segment_name name = segment_name(f->sequence);

        if (i > r->tail || f->first_offset == SEGMENT_OFFSET_NONE || f->first_offset == end)
            snprintf(line, sizeof(line), "%s: whole, no records yet", name.text);
        else
            snprintf(line, sizeof(line), "%s: whole, offsets %" PRIu64 " to %" PRIu64, name.text,
                     f->first_offset, end - 1);
        to->report(to->context, line);
    }
}

static void tell_end(const struct log_recovery *r, const struct lines *to)
{
    char line[480];

    if (r->torn_bytes)
        snprintf(line, sizeof(line), "the next start will cut a torn tail: %s", r->detail);
    else
        snprintf(line, sizeof(line), "the log is whole and ends before offset %" PRIu64, r->end_offset);
    to->report(to->context, line);
}

int file_log_verify(const char *directory, void (*report)(void *context, const char *line), void *context)
{
    struct lines to = {report, context};
    struct log_recovery r = {.ops = &file_ops_system};
    char line[512];
    int lock = -1, error = open_shared(directory, &r.directory, &lock);

    if (!error)
        error = log_recovery_run(&r);
    if (error) {
        const char *why = error == ERROR_BUSY       ? "another process has this log open"
                          : error == ERROR_NOTFOUND ? "there is no log here"
                                                    : strerror(errno);
        snprintf(line, sizeof(line), "%s: %s", directory, r.detail[0] ? r.detail : why);
        report(context, line);
    } else {
        tell_segments(&r, &to);
        tell_end(&r, &to);
    }
    log_recovery_finish(&r);
    if (lock >= 0)
        close(lock);
    if (r.directory >= 0)
        close(r.directory);
    return error;
}
