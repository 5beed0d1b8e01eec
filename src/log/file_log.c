/* The embedded log as callers see it: taking appends into the ring, trimming, telling how it is, ending. */
#include "log/file_log_internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- appending: @thread any ---- */

static int check_lengths(const struct file_log *l, const struct log_append *records, size_t count,
                         size_t *ret_bytes)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        if (records[i].length > l->record_bytes_most)
            return ERROR_LIMIT;
        bytes += records[i].length;
    }
    *ret_bytes = bytes;
    return 0;
}

bool file_log_is_writable(struct file_log *l)
{
    if (l->full && segment_keeper_has_spare(&l->keeper))
        l->full = false;
    return !l->read_only && !l->broken && !l->full && !l->stopping;
}

/* @lock held */
static int take(struct file_log *l, const struct log_append *records, size_t count, size_t bytes)
{
    uint64_t head = head_of(l);

    if (!file_log_is_writable(l))
        return ERROR_UNAVAILABLE;
    if (count > l->slots_mask + 1 - (head - l->tail) || l->queue_bytes + bytes > l->queue_bytes_most)
        return ERROR_BUSY;
    for (size_t i = 0; i < count; i++) {
        struct slot *s = slot_of(l, head + i);
        s->bytes = records[i].bytes;
        s->length = (uint32_t)records[i].length;
        s->cookie = records[i].cookie;
    }
    set_head(l, head + count);
    l->queue_bytes += bytes;
    return 0;
}

static int file_log_append(struct log *log, const struct log_append *records, size_t count)
{
    struct file_log *l = file_log_of(log);
    size_t bytes = 0;
    bool wake = false;
    int error = check_lengths(l, records, count, &bytes);

    if (error || count == 0)
        return error;
    pthread_mutex_lock(&l->lock);
    error = take(l, records, count, bytes);
    if (!error) {
        wake = l->log_waits;
        l->log_waits = false;
    }
    pthread_mutex_unlock(&l->lock);
    if (wake)
        pthread_cond_signal(&l->appended);
    return error;
}

/* ---- the rest of log.h ---- */

static void file_log_wake(struct log *log)
{
    struct file_log *l = file_log_of(log);

    pthread_mutex_lock(&l->lock);
    l->woken = true;
    pthread_cond_signal(&l->became_durable);
    pthread_mutex_unlock(&l->lock);
}

static int file_log_trim(struct log *log, uint64_t offset)
{
    struct file_log *l = file_log_of(log);
    uint64_t durable;

    if (l->read_only)
        return ERROR_INVALID;
    pthread_mutex_lock(&l->lock);
    durable = l->durable;
    pthread_mutex_unlock(&l->lock);
    segment_keeper_trim(&l->keeper, offset < durable ? offset : durable);
    return 0;
}

/* @lock held */
static const char *why_not_writable(struct file_log *l)
{
    if (file_log_is_writable(l) || l->reason[0])
        return l->reason;
    if (l->full)
        return "the next segment of the log cannot be made: free space on its disk; appends go on by "
               "themselves then";
    return l->read_only ? "opened for reading only" : "the log was stopped";
}

static void file_log_status(struct log *log, struct log_status *ret)
{
    struct file_log *l = file_log_of(log);
    uint64_t first = segment_keeper_first(&l->keeper);

    pthread_mutex_lock(&l->lock);
    *ret = (struct log_status){
        .writable = file_log_is_writable(l),
        .first_offset = first,
        .end_offset = l->durable,
        .bytes = l->bytes,
        .groups = l->groups,
        .syncs = l->syncs,
    };
    const char *why = why_not_writable(l);
    if (*why) /* asked after each record */
        snprintf(ret->reason, sizeof(ret->reason), "%s", why);
    pthread_mutex_unlock(&l->lock);
}

static void file_log_stop(struct log *log)
{
    struct file_log *l = file_log_of(log);
    bool join;

    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    join = l->started && !l->stopped;
    l->stopped = true;
    pthread_cond_signal(&l->appended);
    pthread_mutex_unlock(&l->lock);
    if (join)
        pthread_join(l->thread, NULL);
}

static void file_log_destroy(struct log *log)
{
    struct file_log *l = file_log_of(log);

    if (!l)
        return;
    file_log_stop(log);
    segment_keeper_finish(&l->keeper);
    if (l->active.fd >= 0)
        l->ops->close(l->ops->context, l->active.fd);
    if (l->lock_file >= 0)
        close(l->lock_file);
    if (l->directory >= 0)
        close(l->directory);
    segment_image_finish(&l->back);
    pthread_cond_destroy(&l->became_durable);
    pthread_cond_destroy(&l->appended);
    pthread_mutex_destroy(&l->lock);
    free(l->group);
    free(l->slots);
    free(l);
}

const struct log_ops file_log_ops = {
    .append = file_log_append,
    .next = file_log_next,
    .wake = file_log_wake,
    .trim = file_log_trim,
    .status = file_log_status,
    .stop = file_log_stop,
    .destroy = file_log_destroy,
};
