/* One message on its way through: what it said, the record made of it, the command that carries it, and its
 * dead letter if it needs one. */
#ifndef INTAKE_PARCEL_H
#define INTAKE_PARCEL_H

#include "intake/translate.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

struct lane;

enum parcel_step {
    PARCEL_FREE,
    PARCEL_AWAITS_LETTER, /* must not go to the log before its dead letter is acknowledged */
    PARCEL_READY,         /* may go to the log when what is before it in its lane has gone */
    PARCEL_IN_FLIGHT,     /* with the engine */
    PARCEL_LETTER,        /* applied (or long ago): only its dead letter is missing */
    PARCEL_ABANDONED,     /* nobody wants it any more, but the producer still holds its letter */
};

enum letter_step { LETTER_NONE, LETTER_WANTED, LETTER_SENT, LETTER_DONE };

enum { PARCEL_VERDICTS = 2, PARCEL_BYTES_KEPT = 16 * 1024 };

struct parcel {
    /* first: `done` finds the parcel by it. With the verdicts it is what the writer's core touches: two lines
     */
    _Alignas(64) struct command command;
    struct event_verdict few[PARCEL_VERDICTS];
    _Alignas(64) struct decoded_event decoded; /* read by the writer's core, too */
    struct parcel *next;                       /* of whichever list it is in: free, held by its lane */
    struct lane *lane;
    int64_t offset, after; /* of the message, and of the one before it in the chain */
    enum parcel_step step;
    bool listed;          /* in its lane's list of held ones */
    bool from_backlog;    /* its rejection is noted in the backlog as taken */
    struct buffer record; /* what the command carries */
    rd_kafka_message_t
        *message;           /* owned; NULL: none, or parted from: then `original` and `headers` have it */
    struct buffer original; /* its key, then its value */
    size_t key_length;
    bool has_key, has_value;
    rd_kafka_headers_t *headers; /* owned; NULL: none */
    size_t counted;              /* of all these bytes, what the pool knows of */

    enum letter_step letter;
    int64_t letter_at_ms; /* LETTER_WANTED: not before; LETTER_SENT: since */
    bool letter_bare;     /* too large for the topic: without the original's value */
    const char *reason;
    char detail[400];
};
_Static_assert(offsetof(struct parcel, decoded) <= 128, "a command and its verdicts are two lines");

/* A fixed number of parcels, and the way back for those that the engine is done with. */
struct parcel_pool {
    struct parcel *all;
    size_t count, free_count;
    struct parcel *free;
    size_t bytes, bytes_most; /* held by records and originals of parcels in use */
    /* The way back of what a batch answered: a ring that has room for all parcels there are. */
    struct command **ring;
    size_t ring_mask;
    uint64_t ring_tail; /* @thread intake */
    _Atomic uint64_t
        ring_head; /* written by the writer; release: pairs with the acquire in parcel_pool_done */
    _Atomic(struct command *) done; /* the way back of single ones, also release. A stack; whoever takes,
                                       takes all of it */
    _Atomic int wake_after; /* the intake thread sleeps on `wake` until so many more have come back; 0 or
                               less: it does not */
    int wake;               /* eventfd */
};

int parcel_pool_init(struct parcel_pool *p, size_t count, size_t bytes_most);
void parcel_pool_finish(struct parcel_pool *p);

/* @thread intake. NULL when there is none, or when those in use hold too many bytes. */
struct parcel *parcel_take(struct parcel_pool *p);
void parcel_free(struct parcel_pool *p, struct parcel *parcel);
/* An empty parcel for a message of that lane. */
void parcel_begin(struct parcel *parcel, struct lane *lane, int64_t offset);
/* Puts the message into a parcel, whose it is from now on. Nothing is copied: librdkafka makes headers only
 * for those who ask, half a kilobyte a message, and nearly all messages need no dead letter. */
void parcel_fill(struct parcel_pool *p, struct parcel *parcel, struct lane *lane, rd_kafka_message_t *m);
/* Copies what a dead letter needs of the message and gives the message back: each keeps a whole answer of the
 * broker in memory, and none may outlive the consumer. False without memory: it has the message still. */
bool parcel_part(struct parcel_pool *p, struct parcel *parcel);
/* The same for all there are. */
bool parcel_pool_part(struct parcel_pool *p);
/* Gives all messages back, whatever needs them. */
void parcel_pool_drop_messages(struct parcel_pool *p);
/* Readies the command for a record of that many events; with `decoded`, parcel->decoded is what it says.
 * False without memory. */
bool parcel_prepare(struct parcel_pool *p, struct parcel *parcel, size_t events, bool decoded);

/* The command's `done`: @thread writer or log. `context` is the pool. */
void parcel_done(struct command *c);
/* The command's `done_all`. @thread writer */
void parcel_done_all(struct command *const *commands, size_t count);
/* What has come back: single ones, then batches, each in the order in which they did; linked by command.next.
 * @thread intake */
struct command *parcel_pool_done(struct parcel_pool *p);
/* Sleeps until `count` commands came back, at most that long: few wake-ups for whoever gives them back.
 * @thread intake */
void parcel_pool_wait(struct parcel_pool *p, int count, int timeout_ms);

static inline struct text parcel_key(const struct parcel *p)
{
    return (struct text){p->message ? p->message->key : p->original.at, p->key_length};
}

static inline struct text parcel_value(const struct parcel *p)
{
    if (p->message)
        return (struct text){p->message->payload, p->message->len};
    return (struct text){p->original.at + p->key_length, p->original.length - p->key_length};
}

#endif
