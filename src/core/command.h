/* A record on its way to the log and its verdicts on their way back. */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include "core/model/reservation.h"

#include <stddef.h>
#include <stdint.h>

struct state;

/* Belongs to whoever submits it until command_submit returned 0, then to the engine until `done` is called,
 * then to the submitter again. */
struct command {
    struct command *next; /* the holder's */
    const void *bytes;    /* an encoded onhand.v1.Record; stays valid until `done` */
    /* A question instead of a record, about what only the writer may look at: called between two batches,
     * with the state as it is there. False: there is more, call again in the next turn. Has to be quick
     * (about a millisecond): everybody waits meanwhile. @thread writer */
    bool (*ask)(struct command *c, const struct state *s);
    size_t length;
    size_t verdicts_capacity; /* at least the number of events of the record, at least 1 */
    struct event_verdict *verdicts;
    void (*done)(struct command *c); /* @thread writer or log; must not block and cannot fail */
    /* NULL, or the same for many of one context, in the order in which they were applied: then those that a
     * batch answered come back by one call behind it. Single ones still come by `done`. @thread writer */
    void (*done_all)(struct command *const *commands, size_t count);
    void *context; /* the submitter's */
    /* What `bytes` say, when the submitter knows: decoded, checked (sound_level), and valid as long as they
     * are. NULL: they are to be decoded. */
    const struct record *decoded;
    /* filled in before `done` */
    int status; /* 0: durable and applied; ERROR_UNAVAILABLE, ERROR_TIMEOUT, ERROR_IO: not known to be; the id
                   finds out */
    uint32_t verdicts_count;
    uint64_t incarnation, offset;
    int64_t log_time;
    struct reservation_answer
        *reservation; /* of a reservation record: what became of it, the submitter's to destroy; else NULL */
};

enum { COMMANDS_AT_ONCE = 256 };

/* What http and intake need of the engine, so that they need not see it. */
struct command_port {
    void *engine;
    /* 0, ERROR_BUSY (full: 429 or pause), ERROR_UNAVAILABLE (not ready, log failed: 503), ERROR_LIMIT (too
     * long). @thread any, never blocks */
    int (*submit)(void *engine, struct command *c);
    /* The same for many (at most COMMANDS_AT_ONCE) that become neighbours in the log: all of them or none.
     * NULL: one at a time. */
    int (*submit_all)(void *engine, struct command *const *commands, size_t count);
};

#endif
