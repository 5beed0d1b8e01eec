/* The log thread: takes all waiting appends as a group, writes it, syncs once, and passes it on to the writer
 * from memory. A group is copied into one buffer: for records of a hundred bytes that is
 * cheaper than an iovec of three a record. */
#include "log/file_log_internal.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    SYNC_US_MOST = 400, /* a slow one says little about the next */
    PREFETCHED = 8,     /* the bytes were written by another core */
    IDLE_SECONDS = 1,   /* without appends: then a mark says that all is durable */
    MANY_RECORDS = 64,  /* in a group: then the next may wait a moment for one more record, */
    MOMENT_PART = 16,   /* such a part of what a sync takes; fewer come too slowly to wait for */
    PAUSES_A_LOOK = 8,  /* each look takes the line of the head from those who append */
    PIECE_BYTES = 32 << 10,
};

/* The records [first, end) as bytes in l->group. */
struct group {
    uint64_t first, end;
    size_t bytes, written;
    int64_t appended_at;
    bool failed; /* to write a piece */
};

/* Adds records up to `to`, as many as fit the group and the rest of the segment; false: no more do. */
static bool group_add(struct file_log *l, struct group *g, uint64_t to)
{
    size_t room = l->active_bytes - l->active_end;

    if (room > GROUP_BYTES_MOST)
        room = GROUP_BYTES_MOST;
    for (; g->end < to; g->end++) {
        const struct slot *s = slot_of(l, g->end);
        if (g->end + PREFETCHED < to)
            __builtin_prefetch(slot_of(l, g->end + PREFETCHED)->bytes);
        struct segment_record r = {g->end, g->appended_at, (uint32_t)(g->end - g->first), s->length,
                                   s->bytes};
        if (segment_record_bytes(s->length) > room - g->bytes)
            return false;
        g->bytes += segment_record_put(l->group + g->bytes, l->active.salt, &r);
    }
    return true;
}

/* Where appends have got to. When they were as far at the last look, and the groups before were larger, one
 * more is given a moment to come: those who get their answers together come again together, and a sync that
 * begins between them is one too many. */
static uint64_t head_soon(struct file_log *l, const struct group *g)
{
    uint64_t head = head_of(l);
    int64_t until;

    if (head != g->end || l->usual_records < MANY_RECORDS || g->end - g->first >= l->usual_records)
        return head;
    until = clock_monotonic_us() + l->sync_us / MOMENT_PART;
    do {
        for (unsigned i = 0; i < PAUSES_A_LOOK; i++)
            __builtin_ia32_pause();
        head = head_of(l);
    } while (head == g->end && clock_monotonic_us() < until);
    return head;
}

/* Whole pages of a large group are written while those who append bring more. Nobody takes them for durable:
 * after a crash they are a torn tail, as any part of a group. */
static void group_write_piece(struct file_log *l, struct group *g)
{
    size_t pages_end = (l->active_end + g->bytes) / SEGMENT_PAGE_BYTES * SEGMENT_PAGE_BYTES;

    if (g->bytes - g->written < PIECE_BYTES || g->failed)
        return;
    g->failed = !file_write_all(l->ops, l->active.fd, l->group + g->written,
                                pages_end - l->active_end - g->written, l->active_end + g->written);
    g->written = pages_end - l->active_end;
}

/* What arrives while the group is built goes with it, as long as looks find more and it takes no longer
 * than a sync: what comes so densely would else wait for a sync of its own. */
static void group_build(struct file_log *l, struct group *g, uint64_t to)
{
    int64_t begin = clock_monotonic_us();
    int64_t until = begin + l->sync_us;

    g->appended_at = log_clock_now(&l->clock, clock_wall_us(), begin);
    while (g->end < to && group_add(l, g, to) && clock_monotonic_us() < until) {
        to = head_soon(l, g);
        if (g->end < to)
            group_write_piece(l, g);
    }
}

/* A larger group counts at once, smaller ones little by little. */
static void group_counts(struct file_log *l, const struct group *g)
{
    uint64_t records = g->end - g->first;

    l->usual_records =
        records > l->usual_records ? records : l->usual_records - (l->usual_records - records + 7) / 8;
}

/* Goes on in the prepared segment: everything in the old one is synced. */
static int change_segment(struct file_log *l, uint64_t first_offset)
{
    struct segment_spare next;

    if (segment_keeper_take(&l->keeper, first_offset, &next))
        return ERROR_LIMIT; /* what is written is as good as before: this passes */
    l->ops->close(l->ops->context, l->active.fd);
    l->active = next;
    l->active_end = SEGMENT_HEADER_BYTES;
    l->active_bytes = l->keeper.segment_bytes;
    return 0;
}

/* Up to the end of a page: whatever it held before need not be read first, and zeros are left behind the last
 * record. */
static bool pages_write(struct file_log *l, char *bytes, size_t from, size_t length)
{
    size_t to = segment_page_end(l->active_end + length, l->active_bytes) - l->active_end;

    memset(bytes + length, 0, to - length);
    return file_write_all(l->ops, l->active.fd, bytes + from, to - from, l->active_end + from);
}

static int group_write(struct file_log *l, const struct group *g)
{
    int64_t begin = clock_monotonic_us();

    if (g->failed || !pages_write(l, l->group, g->written, g->bytes) ||
        l->ops->sync(l->ops->context, l->active.fd) != 0)
        return ERROR_IO;
    l->sync_us = clock_monotonic_us() - begin;
    if (l->sync_us > SYNC_US_MOST)
        l->sync_us = SYNC_US_MOST;
    l->active_end += g->bytes;
    l->marked = false;
    segment_keeper_written(&l->keeper, l->active_end);
    group_counts(l, g);
    slot_of(l, g->first)->group_records = (uint32_t)(g->end - g->first);
    slot_of(l, g->first)->group_appended_at = g->appended_at;
    return 0;
}

/* Makes the first records of [g->first, to) durable, and maybe later ones: [g->first, g->end). */
static int commit(struct file_log *l, struct group *g, uint64_t to)
{
    group_build(l, g, to);
    if (g->end == g->first) {
        int error = change_segment(l, g->first);
        if (error)
            return error;
        group_build(l, g, to);
    }
    return group_write(l, g);
}

/* A mark costs no sync: once the kernel has written it, damage before it is never taken for a torn tail. */
static int write_mark(struct file_log *l, uint64_t end)
{
    char mark[SEGMENT_PAGE_BYTES + SEGMENT_FRAME_BYTES];

    if (l->marked || l->active_bytes - l->active_end < SEGMENT_FRAME_BYTES)
        return 0;
    segment_mark_put(mark, l->active.salt, end, l->clock.time_us);
    l->marked = true;
    return pages_write(l, mark, 0, SEGMENT_FRAME_BYTES) ? 0 : ERROR_IO;
}

/* @lock held; let go while the owners are told. Nothing is taken meanwhile, so the range stands. */
static void give_up(struct file_log *l, int error)
{
    uint64_t from = l->durable, to = head_of(l);
    int why = errno;

    l->full = error == ERROR_LIMIT;
    l->broken = !l->full;
    if (l->broken)
        snprintf(l->reason, sizeof(l->reason),
                 "writing the log failed (%s): its file is not trusted again; check the disk and restart",
                 strerror(why));
    pthread_mutex_unlock(&l->lock);
    for (uint64_t o = from; o < to && l->lost; o++)
        l->lost(l->lost_context, slot_of(l, o)->cookie, error == ERROR_LIMIT ? ERROR_UNAVAILABLE : ERROR_IO);
    pthread_mutex_lock(&l->lock);
    for (uint64_t o = from; o < to; o++)
        l->queue_bytes -= slot_of(l, o)->length;
    set_head(l, from);
}

/* @lock held; let go while the disk works. */
static void commit_waiting(struct file_log *l)
{
    struct group g = {.first = l->durable, .end = l->durable};
    uint64_t to = head_of(l);
    int error;

    pthread_mutex_unlock(&l->lock);
    error = commit(l, &g, to);
    pthread_mutex_lock(&l->lock);
    if (error) {
        give_up(l, error);
        return;
    }
    l->durable = g.end;
    l->bytes += g.bytes;
    l->groups++;
    l->syncs++;
    if (l->writer_waits) {
        l->writer_waits = false;
        pthread_mutex_unlock(&l->lock); /* who wakes should not meet the lock */
        pthread_cond_signal(&l->became_durable);
        pthread_mutex_lock(&l->lock);
    }
}

/* @lock held. Waits for appends; writes a mark when there were none for a while. */
static void wait_for_appends(struct file_log *l)
{
    struct timespec until;
    int timed_out = 0;

    l->log_waits = true;
    if (l->marked || l->broken) {
        pthread_cond_wait(&l->appended, &l->lock);
    } else {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += IDLE_SECONDS;
        timed_out = pthread_cond_timedwait(&l->appended, &l->lock, &until);
    }
    l->log_waits = false;
    if (timed_out == ETIMEDOUT && head_of(l) == l->durable && !l->broken && write_mark(l, l->durable))
        give_up(l, ERROR_IO);
}

/* The last thing: a synced mark. It is not needed, so its failure is of no consequence. @thread log */
static void close_whole(struct file_log *l, uint64_t end, bool broken)
{
    if (!broken && write_mark(l, end) == 0)
        l->ops->sync(l->ops->context, l->active.fd);
}

void *file_log_thread(void *context)
{
    struct file_log *l = context;
    bool broken;
    uint64_t end;

    pthread_mutex_lock(&l->lock);
    for (;;) {
        if (head_of(l) != l->durable)
            commit_waiting(l);
        else if (l->stopping)
            break;
        else
            wait_for_appends(l);
    }
    broken = l->broken;
    end = l->durable;
    pthread_mutex_unlock(&l->lock);
    close_whole(l, end, broken);
    return NULL;
}
