/* Delivering: first the records of earlier lives, read back from the segments, then those of this life, from
 * the ring. @thread writer */
#include "log/file_log_internal.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static int back_failed(struct file_log *l, uint64_t sequence, int error)
{
    pthread_mutex_lock(&l->lock);
    snprintf(l->reason, sizeof(l->reason),
             "%s: offset %" PRIu64
             " could not be read (%s): restore the file or start from a replica's checkpoint",
             segment_name(sequence).text, l->back_next, error_text(error));
    pthread_mutex_unlock(&l->lock);
    return error;
}

/* Loads the segment that holds back_next, and finds the record in it. */
static int back_load(struct file_log *l)
{
    struct segment_file f;
    struct segment_record r;
    int error;

    segment_keeper_keep(&l->keeper, l->back_next);
    if (!segment_keeper_find(&l->keeper, l->back_next, &f))
        return back_failed(l, 0, ERROR_CORRUPT);
    error = segment_image_load(l->ops, l->directory, f.sequence, &l->back);
    if (error)
        return back_failed(l, f.sequence, error);
    l->back_at = SEGMENT_HEADER_BYTES;
    while (segment_record_get(l->back.bytes, l->back.header.bytes, l->back_at, l->back.header.salt, &r) &&
           r.offset < l->back_next)
        l->back_at += segment_record_bytes(r.length);
    return 0;
}

static bool back_record(struct file_log *l, struct log_record *ret)
{
    struct segment_record r;

    if (!l->back.bytes ||
        !segment_record_get(l->back.bytes, l->back.header.bytes, l->back_at, l->back.header.salt, &r) ||
        r.offset != l->back_next)
        return false;
    l->back_at += segment_record_bytes(r.length);
    l->back_next++;
    *ret = (struct log_record){r.offset, r.appended_at, r.bytes, r.length, NULL};
    return true;
}

/* Records of earlier lives, from the files: as many as the loaded segment still has, for all must stay valid
 * together. */
static int next_back(struct file_log *l, struct log_record *ret, size_t count)
{
    size_t n = 0;

    if (!count)
        return 0;
    if (!back_record(l, &ret[0])) {
        int error = back_load(l);
        if (error)
            return error;
        if (!back_record(l, &ret[0]))
            return back_failed(l, l->back.header.sequence, ERROR_CORRUPT);
    }
    for (n = 1; n < count && l->back_next < l->back_end && back_record(l, &ret[n]);)
        n++;
    return (int)n;
}

static void back_finish(struct file_log *l)
{
    if (l->back.bytes) {
        segment_image_finish(&l->back);
        segment_keeper_keep(&l->keeper, UINT64_MAX);
    }
}

static struct timespec deadline(int timeout_ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

/* @lock held. Until there is something, somebody wakes, or the time is over. */
static void wait_for_durable(struct file_log *l, int timeout_ms)
{
    struct timespec until = deadline(timeout_ms > 0 ? timeout_ms : 0);
    int timed_out = timeout_ms == 0;

    while (l->delivered == l->durable && !l->woken && !timed_out) {
        l->writer_waits = true;
        timed_out = timeout_ms < 0 ? pthread_cond_wait(&l->became_durable, &l->lock)
                                   : pthread_cond_timedwait(&l->became_durable, &l->lock, &until);
    }
    l->writer_waits = false;
    l->woken = false;
}

/* @lock held. What the last call handed out is done with. */
static void release_delivered(struct file_log *l)
{
    l->queue_bytes -= l->delivered_bytes;
    l->delivered_bytes = 0;
    l->tail = l->delivered;
}

static void hand_out(struct file_log *l, uint64_t offset, struct log_record *ret)
{
    const struct slot *s = slot_of(l, offset);

    if (l->group_left == 0) {
        l->group_left = s->group_records;
        l->group_appended_at = s->group_appended_at;
    }
    l->group_left--;
    l->delivered_bytes += s->length;
    *ret = (struct log_record){offset, l->group_appended_at, s->bytes, s->length, s->cookie};
}

static int next_live(struct file_log *l, struct log_record *ret, size_t count, int timeout_ms)
{
    uint64_t from;
    size_t n;

    pthread_mutex_lock(&l->lock);
    release_delivered(l);
    wait_for_durable(l, timeout_ms);
    from = l->delivered;
    n = l->durable - from < count ? l->durable - from : count;
    l->delivered += n;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < n; i++)
        hand_out(l, from + i, &ret[i]);
    return (int)n;
}

int file_log_next(struct log *log, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct file_log *l = file_log_of(log);

    if (count > INT32_MAX)
        count = INT32_MAX;
    if (l->back_next < l->back_end)
        return next_back(l, ret_records, count);
    back_finish(l);
    return next_live(l, ret_records, count, timeout_ms);
}
