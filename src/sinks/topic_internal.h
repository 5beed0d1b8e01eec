/* What the topic sink's files share: topic_sink.c has thread and duty, topic_producer.c transactions,
 * topic_work.c what is written when, topic_row.c a row as a message, topic_check.c what the topic must be.
 * Everything but `published` and the trouble is the topic thread's. */
#ifndef SINKS_TOPIC_INTERNAL_H
#define SINKS_TOPIC_INTERNAL_H

#include "sinks/dirty.h"
#include "sinks/kits.h"
#include "sinks/patience.h"
#include "sinks/pass.h"
#include "sinks/topic_sink.h"

#include "core/answer/query.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    BATCH_SKUS = 4096,     /* in one transaction */
    BATCH_BYTES = 4 << 20, /* it is committed when it is so large (the last SKU may go beyond) */
    ASK_MS = 150, /* so long may one question about a transaction keep the thread: duty is looked at */
    LOOK_AT_TOPIC_MS = 400, /* and one about the topic */
};

enum topic_stage {
    TOPIC_OFF,     /* not on duty, or fenced in this term */
    TOPIC_OPENING, /* a producer is made, and fences the one of the holder before */
    TOPIC_WAITING, /* for all that the holder before can have known */
    TOPIC_WRITING,
};

enum topic_transaction { TRANSACTION_NONE, TRANSACTION_OPEN, TRANSACTION_COMMITTING, TRANSACTION_ABORTING };

/* The SKUs of the transaction. */
struct topic_batch {
    size_t count, rows, bytes;
    uint32_t sku[BATCH_SKUS];
    uint64_t version[BATCH_SKUS];
};

/* A place of the log up to which everything has been marked. */
struct topic_closed {
    bool valid;
    struct duty_place place;
    int64_t at_us; /* wall clock */
};

struct topic_published {
#define COUNTER(name, type, help) _Atomic uint64_t name;
#include "sinks/topic_counters.def"
#undef COUNTER
};

struct topic_sink {
    struct topic_options options; /* its texts are ours */
    char *transactional_id;
    struct feed_port port;
    struct epoch_reader *reader;
    pthread_t thread;
    bool started;
    int stop_fd;
    int64_t stopping_us; /* 0: not stopping */

    /* duty (topic_sink.c) */
    enum topic_stage stage;
    uint64_t term;
    int64_t fenced_us;        /* monotonic: when another producer took over in this term; 0: none did */
    uint64_t known_by_others; /* TOPIC_WAITING: where the log ended after the one before was fenced */
    bool end_known;
    bool following; /* taken over: what changes goes into the dirty set */
    struct patience patience;

    /* topic_producer.c */
    rd_kafka_t *producer; /* NULL: none */
    bool topic_seen, topic_empty;
    enum topic_transaction transaction;
    int64_t ending_us; /* monotonic, when its end began */

    /* topic_work.c */
    struct dirty_set dirty;
    struct kits kits; /* filled from the items that are looked at */
    struct pass pass;
    struct topic_batch *batch;
    struct topic_closed closed;
    int64_t closed_us; /* monotonic, when one was last closed */
    struct duty_place reported;
    bool feed_left;

    /* topic_row.c */
    struct query_row *rows; /* of one SKU; grows */
    size_t rows_capacity;
    struct buffer key, value;

    struct topic_published published;
};

/* ---- topic_sink.c ---- */
/* Another producer has our transactional id: whatever we know is not worth writing any more. */
void topic_fenced(struct topic_sink *s);

/* ---- topic_producer.c ---- */
/* Makes the producer, looks at the topic, fences. True when it can write; else it is called again. */
bool topic_open(struct topic_sink *s);
/* One message of the transaction, which is begun when there is none. ERROR_UNAVAILABLE, ERROR_NOMEM. */
int topic_produce(struct topic_sink *s, struct text key, struct text value, const char *version);
/* Goes on ending the transaction. */
void topic_end(struct topic_sink *s);
/* Gives up what is on its way; whoever is next aborts it. */
void topic_close(struct topic_sink *s);

/* ---- topic_work.c ---- */
/* On duty, and alone: forgets what was, begins with everything behind the place that is recorded. False
 * without memory. */
bool topic_take_over(struct topic_sink *s);
void topic_drop_work(struct topic_sink *s);
/* Takes the feed; off duty it is let go. */
void topic_take_feed(struct topic_sink *s);
/* A piece of what there is to do. */
void topic_work(struct topic_sink *s);
/* The transaction was committed, or was not. */
void topic_landed(struct topic_sink *s, bool committed);
/* Is there nothing left to write, and was that reported? */
bool topic_idle(const struct topic_sink *s);

/* ---- topic_row.c ---- */
/* Writes the rows of a SKU that are newer than `base` (a version as told here; 0: all). *ret_version: what it
 * was computed at, as one number that grows; never 0. An error leaves rows in the transaction, which are
 * right. */
int topic_write_sku(struct topic_sink *s, uint32_t sku, uint64_t base, uint64_t *ret_version);
/* The number for a place of the log that everything before is written of; 0: of another log. */
uint64_t topic_base(const struct view *v, struct duty_place place);
/* May every row show something else than at `base`, because a channel or a group is another? */
bool topic_rules_changed(struct topic_sink *s, uint64_t base);
void topic_row_finish(struct topic_sink *s);

/* ---- topic_check.c ---- */
int topic_check_with(rd_kafka_t *client, const char *topic, int timeout_ms, bool *ret_empty, char *detail,
                     size_t detail_size);

static inline void topic_add(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

#endif
