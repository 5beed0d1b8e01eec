/* The inside of the embedded log, shared by its four files: file_log.c (appending, ending), file_log_commit.c
 * (the log thread), file_log_next.c (delivering), file_log_open.c.
 *
 *      tail ≤ delivered ≤ durable ≤ head        (offsets; slot = offset mod capacity)
 *        │        │          │        └ appenders put here, under the lock
 *        │        │          └ the log thread moves it after each sync
 *        │        └ what the last `next` handed out ends here
 *        └ what the writer has done with; the slots before it are free
 *
 * One lock guards the four and is held for a few instructions a record; slots between are read without it,
 * because nobody writes them until they were passed on. While the log thread builds a group it looks at the
 * head without the lock. What appenders write has cache lines of its own: the others read next to them all
 * the time. */
#ifndef LOG_FILE_LOG_INTERNAL_H
#define LOG_FILE_LOG_INTERNAL_H

#include "log/file_log.h"

#include "log/log_clock.h"
#include "log/segment_keeper.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

enum { GROUP_BYTES_MOST = 1 << 20, CACHE_LINE = 64 };

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
    alignas(CACHE_LINE) pthread_mutex_t lock;
    _Atomic uint64_t head; /* release by appenders: pairs with the acquire of the log thread, which then sees
                              the slots before it */
    uint64_t tail, delivered, durable;
    size_t queue_bytes; /* of the records between tail and head */
    pthread_cond_t appended, became_durable;
    bool log_waits, writer_waits, woken, stopping, stopped;
    bool full;   /* no room for another segment: passes when there is */
    bool broken; /* a write or sync failed: stays */
    uint64_t bytes, groups, syncs;
    char reason[160];

    /* The log thread's own. */
    alignas(CACHE_LINE) pthread_t thread;
    bool started;
    struct segment_spare active;
    size_t active_end, active_bytes;
    bool marked;
    int64_t sync_us;        /* what the last write and sync took */
    uint64_t usual_records; /* of a group, as the last ones were */
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

    struct segment_keeper keeper;
};

static inline struct file_log *file_log_of(struct log *l)
{
    return (struct file_log *)l;
}

static inline struct slot *slot_of(struct file_log *l, uint64_t offset)
{
    return &l->slots[offset & l->slots_mask];
}

/* @lock held, or the log thread that may miss what is just being put there */
static inline uint64_t head_of(struct file_log *l)
{
    return atomic_load_explicit(&l->head, memory_order_acquire);
}

/* @lock held */
static inline void set_head(struct file_log *l, uint64_t head)
{
    atomic_store_explicit(&l->head, head, memory_order_release);
}

/* @lock held. A disk that was full and now has room for a segment is writable again. */
bool file_log_is_writable(struct file_log *l);
/* The log thread. */
void *file_log_thread(void *context);
/* @thread writer */
int file_log_next(struct log *log, struct log_record *ret_records, size_t count, int timeout_ms);

extern const struct log_ops file_log_ops;

#endif
