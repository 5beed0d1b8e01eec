/* Opening: directory, lock, recovery or a new log, threads. */
#include "log/file_log_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "log/log_recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SEGMENT_BYTES_USUAL = 64 << 20, QUEUE_RECORDS_USUAL = 65536, QUEUE_BYTES_USUAL = 64 << 20 };

static int tell(struct file_log_report *report, int error, const char *format, const char *what)
{
    int why = errno;

    snprintf(report->detail, sizeof(report->detail), "%s: ", what);
    snprintf(report->detail + strlen(report->detail), sizeof(report->detail) - strlen(report->detail), "%s",
             format);
    if (error == ERROR_IO)
        snprintf(report->detail + strlen(report->detail), sizeof(report->detail) - strlen(report->detail),
                 " (%s)", strerror(why));
    return error;
}

static int open_directory(struct file_log *l, const char *directory, struct file_log_report *report)
{
    if (!l->read_only && mkdir(directory, 0750) != 0 && errno != EEXIST)
        return tell(report, ERROR_IO, "the directory could not be made", directory);
    l->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->directory < 0)
        return tell(report, errno == ENOENT ? ERROR_NOTFOUND : ERROR_IO, "the directory could not be opened",
                    directory);
    return 0;
}

/* Readers share the lock; where they may not even open it (a copy on a read-only medium) there is nobody to
 * keep out. */
static int lock_directory(struct file_log *l, const struct file_log_options *o,
                          struct file_log_report *report)
{
    const char *directory = o->directory;

    if (o->beside_writer)
        return 0;
    l->lock_file =
        openat(l->directory, FILE_LOG_LOCK, (l->read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0640);
    if (l->lock_file < 0)
        return l->read_only ? 0 : tell(report, ERROR_IO, "the lock file could not be made", directory);
    if (flock(l->lock_file, (l->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? tell(report, ERROR_BUSY, "another process has this log open", directory)
                                : tell(report, ERROR_IO, "the lock could not be taken", directory);
}

static struct file_log *file_log_create(const struct file_log_options *o)
{
    struct file_log *l = aligned_alloc(alignof(struct file_log), sizeof(*l));
    size_t records = 1, least = o->queue_records_most ? o->queue_records_most : QUEUE_RECORDS_USUAL;
    pthread_condattr_t monotonic;

    if (!l)
        return NULL;
    memset(l, 0, sizeof(*l));
    while (records < least)
        records *= 2;
    l->log.ops = &file_log_ops;
    l->ops = o->file_ops ? o->file_ops : &file_ops_system;
    l->directory = l->lock_file = l->active.fd = -1;
    l->read_only = o->read_only;
    l->lost = o->lost;
    l->lost_context = o->lost_context;
    l->queue_bytes_most = o->queue_bytes_most ? o->queue_bytes_most : QUEUE_BYTES_USUAL;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->appended, &monotonic);
    pthread_cond_init(&l->became_durable, &monotonic);
    pthread_condattr_destroy(&monotonic);
    segment_keeper_init(&l->keeper, l->ops, -1, 0);
    l->slots = calloc(records, sizeof(*l->slots));
    l->slots_mask = records - 1;
    l->group = o->read_only ? NULL : malloc(GROUP_BYTES_MOST + SEGMENT_PAGE_BYTES);
    if (!l->slots || (!l->group && !o->read_only)) {
        l->log.ops->destroy(&l->log);
        return NULL;
    }
    return l;
}

static int segment_bytes_of(const struct file_log_options *o, size_t *ret)
{
    size_t bytes = o->segment_bytes ? o->segment_bytes : SEGMENT_BYTES_USUAL;

    if (bytes < SEGMENT_BYTES_LEAST || bytes > SEGMENT_BYTES_MOST || bytes % 8 != 0)
        return ERROR_INVALID;
    *ret = bytes;
    return 0;
}

static size_t record_bytes_most(size_t segment_bytes)
{
    size_t room = segment_bytes - SEGMENT_HEADER_BYTES - SEGMENT_FRAME_BYTES;

    return room < SEGMENT_RECORD_BYTES_MOST ? room : SEGMENT_RECORD_BYTES_MOST;
}

/* A log that is not there yet: one segment, made whole with its first record before it gets its name. */
static int make_first(struct file_log *l, const struct file_log_options *o, struct file_log_report *report)
{
    struct segment_header h = {
        .salt = segment_salt(), .sequence = 1, .bytes = l->keeper.segment_bytes, .identity = o->identity};
    int64_t now = clock_wall_us();
    struct segment_record first = {
        .appended_at = now > (int64_t)o->first_append_at_least ? now : (int64_t)o->first_append_at_least,
        .length = (uint32_t)o->first_record_length,
        .bytes = o->first_record,
    };
    int fd;

    if (o->read_only)
        return tell(report, ERROR_NOTFOUND, "there is no log here", o->directory);
    if (o->start_offset != 0)
        return tell(report, ERROR_NOTFOUND,
                    "there is no log here, but a checkpoint stands on one: restore the log, or set the "
                    "checkpoints aside to begin anew",
                    o->directory);
    if (o->first_record_length > l->record_bytes_most)
        return tell(report, ERROR_INVALID, "the first record is longer than a segment", o->directory);
    fd = segment_file_make(l->ops, l->directory, &h, o->first_record ? &first : NULL, NULL);
    if (fd < 0)
        return tell(report, fd == ERROR_LIMIT ? ERROR_IO : fd, "the first segment could not be made",
                    o->directory);
    l->ops->close(l->ops->context, fd);
    report->created = true;
    return 0;
}

static void begin_at(struct file_log *l, struct log_recovery *r, const struct file_log_options *o)
{
    int64_t at_least = r->last_appended_at > (int64_t)o->first_append_at_least
                           ? r->last_appended_at
                           : (int64_t)o->first_append_at_least;

    log_clock_start(&l->clock, at_least, clock_wall_us(), clock_monotonic_us());
    l->tail = l->delivered = l->durable = l->back_end = r->end_offset;
    set_head(l, r->end_offset);
    l->back_next = o->start_offset == FILE_LOG_FIRST ? r->first_offset : o->start_offset;
    l->active.sequence = r->list.at[r->tail].sequence;
    l->active.salt = r->image.header.salt;
    l->active_end = r->tail_end;
    l->active_bytes = r->image.header.bytes;
    l->marked = r->whole;
    while (r->list.count > r->tail + 1)
        r->list.count--;
    l->back = r->image; /* for its memory: the first record that is read back is looked for anew */
    r->image = (struct segment_image){0};
    l->keeper.list = r->list;
    r->list = (struct segment_list){0};
}

static int recover(struct file_log *l, const struct file_log_options *o, struct file_log_report *report)
{
    struct log_recovery r = {.ops = l->ops,
                             .directory = l->directory,
                             .start_offset = o->start_offset == FILE_LOG_FIRST ? 0 : o->start_offset};
    int error = log_recovery_run(&r);

    if (error == ERROR_NOTFOUND) {
        error = make_first(l, o, report);
        if (!error)
            error = log_recovery_run(&r);
    }
    if (r.detail[0])
        snprintf(report->detail, sizeof(report->detail), "%s", r.detail);
    if (error)
        goto out;
    report->torn_bytes = r.torn_bytes;
    report->first_offset = r.first_offset;
    report->end_offset = r.end_offset;
    report->identity = r.image.header.identity;
    if (o->identity_expected && report->identity != o->identity_expected) {
        snprintf(report->detail, sizeof(report->detail),
                 "this is the log %" PRIu64 ", but the checkpoint stands on the log %" PRIu64
                 ": put the log and the checkpoints of one instance together",
                 report->identity, o->identity_expected);
        error = ERROR_CONFLICT;
        goto out;
    }
    l->keeper.identity = report->identity;
    if (o->start_offset != FILE_LOG_FIRST &&
        (o->start_offset < r.first_offset || o->start_offset > r.end_offset)) {
        snprintf(report->detail, sizeof(report->detail),
                 "the log has offsets %" PRIu64 " to %" PRIu64 ", but %" PRIu64
                 " is asked for: copy a checkpoint from a replica, or restore the log",
                 r.first_offset, r.end_offset, o->start_offset);
        error = ERROR_NOTFOUND;
        goto out;
    }
    if (!o->read_only) {
        error = log_recovery_mend(&r);
        if (error < 0) {
            snprintf(report->detail, sizeof(report->detail), "%s", r.detail);
            goto out;
        }
        l->active.fd = error;
        error = 0;
    }
    begin_at(l, &r, o);
out:
    log_recovery_finish(&r);
    return error;
}

static int start_threads(struct file_log *l)
{
    if (l->read_only)
        return 0;
    if (segment_keeper_start(&l->keeper) != 0 || pthread_create(&l->thread, NULL, file_log_thread, l) != 0)
        return ERROR_NOMEM;
    pthread_setname_np(l->thread, "log");
    l->started = true;
    return 0;
}

int file_log_open(const struct file_log_options *o, struct log **ret_log, struct file_log_report *ret_report)
{
    struct file_log_report report = {0};
    struct file_log *l = file_log_create(o);
    size_t segment_bytes = 0;
    int error = l ? segment_bytes_of(o, &segment_bytes) : ERROR_NOMEM;

    if (error) {
        snprintf(report.detail, sizeof(report.detail), "%s",
                 error == ERROR_INVALID ? "segment_bytes must be 4 KiB to 1 GiB, a multiple of 8"
                                        : error_text(error));
        goto out;
    }
    l->record_bytes_most = record_bytes_most(segment_bytes);
    error = open_directory(l, o->directory, &report);
    if (!error)
        error = lock_directory(l, o, &report);
    if (!error) {
        l->keeper.directory = l->directory;
        l->keeper.segment_bytes = segment_bytes;
        error = recover(l, o, &report);
    }
    if (!error)
        error = start_threads(l);
    if (!error)
        *ret_log = &l->log;
out:
    if (error && l)
        l->log.ops->destroy(&l->log);
    if (ret_report)
        *ret_report = report;
    return error;
}
