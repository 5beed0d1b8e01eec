/* The embedded log at work: appenders put records into a ring, the log thread writes and syncs them in
 * groups, the writer takes them out of the same ring. log_recovery.c finds where to go on after a start,
 * segment_keeper.c has the next segment ready.
 *
 *      tail ≤ delivered ≤ durable ≤ head        (offsets; slot = offset mod capacity)
 *        │        │          │        └ appenders put here, under the lock
 *        │        │          └ the log thread moves it after each sync
 *        │        └ what the last `next` handed out ends here
 *        └ what the writer has done with; the slots before it are free
 *
 * One lock guards the four and is held for a few instructions a record; slots between are read without it,
 * because nobody writes them until they were passed on. A group is copied into one buffer and written by one
 * call: for records of a hundred bytes that is cheaper than an iovec of three a record. */
#include "log/file_log.h"

#include "base/clock.h"
#include "base/error.h"
#include "log/log_clock.h"
#include "log/log_recovery.h"
#include "log/segment_keeper.h"

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

enum {
    GROUP_BYTES_MOST = 1 << 20,
    SEGMENT_BYTES_USUAL = 64 << 20,
    QUEUE_RECORDS_USUAL = 65536,
    QUEUE_BYTES_USUAL = 64 << 20,
    SYNC_US_MOST = 400, /* a slow one says little about the next */
    PREFETCHED = 8,     /* the bytes were written by another core */
    IDLE_SECONDS = 1,   /* without appends: then a mark says that all is durable */
};

/* Appenders write a slot, the log thread only the first of a group: what it writes, the writer's core has to
 * fetch. */
struct slot {
    const void *bytes;
    void *cookie;
    uint32_t length;
    uint32_t group_records; /* of the first of a group: how many it has, and their time */
    int64_t group_appended_at;
};

struct file_log {
    struct log log;
    const struct file_ops *ops;
    int directory, lock_file;
    bool read_only;
    log_lost lost;
    void *lost_context;
    size_t record_bytes_most, queue_bytes_most;
    struct slot *slots;
    uint64_t slots_mask;

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t appended, became_durable;
    uint64_t tail, delivered, durable, head;
    size_t queue_bytes; /* of the records between tail and head */
    bool log_waits, writer_waits, woken, stopping, stopped;
    bool full;   /* no room for another segment: passes when there is */
    bool broken; /* a write or sync failed: stays */
    uint64_t bytes, groups, syncs;
    char reason[160];

    /* The log thread's own. */
    pthread_t thread;
    bool started;
    struct segment_spare active;
    size_t active_end, active_bytes;
    bool marked;
    int64_t sync_us; /* what the last write and sync took */
    struct log_clock clock;
    char *group;

    /* The writer's own: what the last `next` handed out, and the group that the next record is of. */
    size_t delivered_bytes;
    uint32_t group_left;
    int64_t group_appended_at;

    /* The writer's own, too: reading back what was there at start. */
    uint64_t back_next, back_end;
    struct segment_image back;
    size_t back_at;
    uint64_t back_segment_end; /* first offset that `back` does not hold; 0: nothing loaded */

    struct segment_keeper keeper;
};

static struct file_log *file_log_of(struct log *l)
{
    return (struct file_log *)l;
}

static struct slot *slot_of(struct file_log *l, uint64_t offset)
{
    return &l->slots[offset & l->slots_mask];
}

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

/* @lock held. A disk that was full and now has room for a segment is writable again. */
static bool is_writable(struct file_log *l)
{
    if (l->full && segment_keeper_has_spare(&l->keeper))
        l->full = false;
    return !l->read_only && !l->broken && !l->full && !l->stopping;
}

/* @lock held */
static int take(struct file_log *l, const struct log_append *records, size_t count, size_t bytes)
{
    if (!is_writable(l))
        return ERROR_UNAVAILABLE;
    if (count > l->slots_mask + 1 - (l->head - l->tail) || l->queue_bytes + bytes > l->queue_bytes_most)
        return ERROR_BUSY;
    for (size_t i = 0; i < count; i++) {
        struct slot *s = slot_of(l, l->head + i);
        s->bytes = records[i].bytes;
        s->length = (uint32_t)records[i].length;
        s->cookie = records[i].cookie;
    }
    l->head += count;
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

/* ---- the log thread ---- */

/* The records [first, end) as bytes in l->group. */
struct group {
    uint64_t first, end;
    size_t bytes;
    int64_t appended_at;
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

static uint64_t head_now(struct file_log *l)
{
    uint64_t head;

    pthread_mutex_lock(&l->lock);
    head = l->head;
    pthread_mutex_unlock(&l->lock);
    return head;
}

/* What arrives while the group is built goes with it, for as long as is short beside a sync: the first of
 * many waiting appenders would else be synced alone. */
static void group_build(struct file_log *l, struct group *g, uint64_t to)
{
    int64_t begin = clock_monotonic_us();
    int64_t until = begin + l->sync_us / 4;

    g->appended_at = log_clock_now(&l->clock, clock_wall_us(), begin);
    while (g->end < to && group_add(l, g, to) && clock_monotonic_us() < until)
        to = head_now(l);
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

static int group_write(struct file_log *l, const struct group *g)
{
    int64_t begin = clock_monotonic_us();

    if (!file_write_all(l->ops, l->active.fd, l->group, g->bytes, l->active_end) ||
        l->ops->sync(l->ops->context, l->active.fd) != 0)
        return ERROR_IO;
    l->sync_us = clock_monotonic_us() - begin;
    if (l->sync_us > SYNC_US_MOST)
        l->sync_us = SYNC_US_MOST;
    l->active_end += g->bytes;
    l->marked = false;
    segment_keeper_written(&l->keeper, l->active_end);
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
    char mark[SEGMENT_FRAME_BYTES];

    if (l->marked || l->active_bytes - l->active_end < sizeof(mark))
        return 0;
    segment_mark_put(mark, l->active.salt, end, l->clock.time_us);
    l->marked = true;
    return file_write_all(l->ops, l->active.fd, mark, sizeof(mark), l->active_end) ? 0 : ERROR_IO;
}

/* @lock held; let go while the owners are told. Nothing is taken meanwhile, so the range stands. */
static void give_up(struct file_log *l, int error)
{
    uint64_t from = l->durable, to = l->head;
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
    l->head = from;
}

/* @lock held; let go while the disk works. */
static void commit_waiting(struct file_log *l)
{
    struct group g = {.first = l->durable, .end = l->durable};
    uint64_t to = l->head;
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
    if (timed_out == ETIMEDOUT && l->head == l->durable && !l->broken && write_mark(l, l->durable))
        give_up(l, ERROR_IO);
}

/* The last thing: a synced mark. It is not needed, so its failure is of no consequence. @thread log */
static void close_whole(struct file_log *l, uint64_t end, bool broken)
{
    if (!broken && write_mark(l, end) == 0)
        l->ops->sync(l->ops->context, l->active.fd);
}

static void *log_thread(void *context)
{
    struct file_log *l = context;
    bool broken;
    uint64_t end;

    pthread_mutex_lock(&l->lock);
    for (;;) {
        if (l->head != l->durable)
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

/* ---- delivering: @thread writer ---- */

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

static int file_log_next(struct log *log, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct file_log *l = file_log_of(log);

    if (count > INT32_MAX)
        count = INT32_MAX;
    if (l->back_next < l->back_end)
        return next_back(l, ret_records, count);
    back_finish(l);
    return next_live(l, ret_records, count, timeout_ms);
}

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
    if (is_writable(l) || l->reason[0])
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
        .writable = is_writable(l),
        .first_offset = first,
        .end_offset = l->durable,
        .bytes = l->bytes,
        .groups = l->groups,
        .syncs = l->syncs,
    };
    snprintf(ret->reason, sizeof(ret->reason), "%s", why_not_writable(l));
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

static const struct log_ops file_log_ops = {
    .append = file_log_append,
    .next = file_log_next,
    .wake = file_log_wake,
    .trim = file_log_trim,
    .status = file_log_status,
    .stop = file_log_stop,
    .destroy = file_log_destroy,
};

/* ---- opening ---- */

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
static int lock_directory(struct file_log *l, const char *directory, struct file_log_report *report)
{
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
    struct file_log *l = calloc(1, sizeof(*l));
    size_t records = 1, least = o->queue_records_most ? o->queue_records_most : QUEUE_RECORDS_USUAL;
    pthread_condattr_t monotonic;

    if (!l)
        return NULL;
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
    l->group = o->read_only ? NULL : malloc(GROUP_BYTES_MOST);
    if (!l->slots || (!l->group && !o->read_only)) {
        file_log_destroy(&l->log);
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
    struct segment_header h = {.salt = segment_salt(), .sequence = 1, .bytes = l->keeper.segment_bytes};
    int64_t now = clock_wall_us();
    struct segment_record first = {
        .appended_at = now > (int64_t)o->first_append_at_least ? now : (int64_t)o->first_append_at_least,
        .length = (uint32_t)o->first_record_length,
        .bytes = o->first_record,
    };
    int fd;

    if (o->read_only || o->start_offset != 0)
        return tell(report, ERROR_NOTFOUND, "there is no log here", o->directory);
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
    l->tail = l->delivered = l->durable = l->head = l->back_end = r->end_offset;
    l->back_next = o->start_offset == FILE_LOG_FIRST ? r->first_offset : o->start_offset;
    l->active.sequence = r->list.at[r->tail].sequence;
    l->active.salt = r->image.header.salt;
    l->active_end = r->tail_end;
    l->active_bytes = r->image.header.bytes;
    l->marked = r->whole;
    while (r->list.count > r->tail + 1)
        r->list.count--;
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
    if (segment_keeper_start(&l->keeper) != 0 || pthread_create(&l->thread, NULL, log_thread, l) != 0)
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
        error = lock_directory(l, o->directory, &report);
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
        file_log_destroy(&l->log);
    if (ret_report)
        *ret_report = report;
    return error;
}
