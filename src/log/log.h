/* The log: records in one order, durable before they are told. Embedded (file_log.c), Kafka (kafka_log.c),
 * simulated (tests/sim). */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log;

/* A record as it stands in the log. */
struct log_record {
    uint64_t offset;     /* grows; may have holes */
    int64_t appended_at; /* microseconds since the epoch */
    const void *bytes;   /* valid until the next call of `next` */
    size_t length;
    void *cookie; /* what this process gave to append; NULL for the records of others and of earlier lives */
};

struct log_append {
    const void *bytes;
    size_t length;
    void *cookie;
};

struct log_status {
    bool writable; /* false after a failed sync or a full disk: appends answer ERROR_UNAVAILABLE */
    uint64_t first_offset, end_offset; /* what can be read: first ≤ offset < end (durable) */
    uint64_t reached_offset; /* of a log whose offsets have holes: all before it came out of `next`; else 0 */
    uint64_t bytes, groups, syncs; /* since open */
    uint64_t renewals;             /* since open: a client of the log had to be made anew */
    bool goes_on; /* it begins where the state ends that it was opened for: its first record comes out first,
                     and offsets begin anew */
    char reason[240]; /* why not writable, and what to do */
};

/* Whether this instance is on duty (core/duty.h). */
struct log_duty {
    uint64_t term;    /* grows with each gain; 0: not on duty */
    int64_t until_us; /* monotonic: over then, unless it is said anew */
};

struct log_ops {
    /* Takes the records, in this order and adjacent, or none: ERROR_BUSY when the queue is full,
     * ERROR_UNAVAILABLE when not writable, ERROR_LIMIT for one too long. The bytes must stay valid until the
     * record came back by `next` or `lost` was called for it. @thread any, does not block */
    int (*append)(struct log *l, const struct log_append *records, size_t count);
    /* The next records in order, durable ones only: at most `count`; 0 after timeout_ms (0: at once, -1: for
     * ever) or log_wake; negative: an error that does not pass (ERROR_CORRUPT, ERROR_IO). @thread writer */
    int (*next)(struct log *l, struct log_record *ret_records, size_t count, int timeout_ms);
    /* Makes a waiting `next` return. @thread any */
    void (*wake)(struct log *l);
    /* Records before `offset` are not needed any more. @thread any */
    int (*trim)(struct log *l, uint64_t offset);
    void (*status)(struct log *l, struct log_status *ret);
    /* Membership of those who share this log: at most one at a time is on duty, but for moments. `fit`: this
     * one may be (it is ready and not far behind); who is not gives duty up. To be called every 100 ms or so.
     * NULL: nobody shares it, whoever is fit is on duty. @thread one, does not block */
    void (*duty)(struct log *l, bool fit, struct log_duty *ret);
    /* Stops taking records; what was taken becomes durable or is told lost. @thread any */
    void (*stop)(struct log *l);
    void (*destroy)(struct log *l);
};

struct log {
    const struct log_ops *ops;
};

/* Called for each record that was taken and will not come back through `next` (a failed sync, stop). @thread
 * log */
typedef void (*log_lost)(void *context, void *cookie, int error);

#endif
