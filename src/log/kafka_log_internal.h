/* The inside of the log on Kafka, shared by its four files: kafka_log.c (opening, ending), kafka_log_send.c
 * (appending), kafka_log_read.c (`next`), kafka_log_topic.c (what the topic must be, and watching it). */
#ifndef LOG_KAFKA_LOG_INTERNAL_H
#define LOG_KAFKA_LOG_INTERNAL_H

#include "log/kafka_duty.h"
#include "log/kafka_log.h"
#include "kafka/topic_facts.h"
#include "core/model/record.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

enum { BATCH_MOST = 256, KEY_BYTES = 20, WATCH_MS = 3000, ASK_MS = 2000 };

/* An append on its way. A message carries instance and number as its key, which leads back here. */
enum slot_state { SLOT_FREE, SLOT_UNSENT, SLOT_SENT, SLOT_DURABLE };
struct slot {
    enum slot_state state;
    uint64_t number;
    const void *bytes; /* the caller's, until it is back or told lost */
    size_t length;
    void *cookie;
    int64_t since_us;
};

struct sending { /* under lock, but for the producer's own doings */
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    struct slot *slots; /* [number & mask] */
    uint64_t mask, head, tail;
    uint64_t instance;
    size_t unacknowledged, unacknowledged_bytes; /* in the producer's queue; also what was told lost */
    int64_t moved_us; /* of the last acknowledgement, or when the queue began to fill */
    uint64_t bytes, acknowledged, produced_anew;
    bool unsent; /* a slot waits for the next producer, or for room */
};

struct reading { /* the caller's of `next` */
    rd_kafka_t *consumer;
    rd_kafka_message_t *batch[BATCH_MOST];
    size_t batch_count;
    uint64_t next_offset;
    _Atomic uint64_t created_anew;
};

struct kafka_log {
    struct log log;
    struct kafka_log_options options;
    char *brokers, *topic;
    struct sending sending;
    struct reading reading;
    rd_kafka_t *admin;       /* watch's */
    struct kafka_duty *duty; /* NULL until somebody asks. The asker's, then stop's */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a slot became free, stopping; the clock is monotonic */
    pthread_t send_thread, watch_thread;
    bool send_started, watch_started, stopping;
    _Atomic bool stopped;    /* nothing is on its way any more: `next` ends */
    rd_kafka_queue_t *queue; /* the consumer's: under lock for `wake`, changed by the reader only */
    uint64_t first_offset, end_offset;
    uint64_t incarnation; /* of the first record at open; 0: not known. Constant */
    bool goes_on;         /* as log_status has it. Constant */
    uint64_t
        ready_from; /* nothing is appended before all up to there was read: what came while nobody answered */
    char complaint[480]; /* the topic is not as it must be, or nobody knows: nothing is appended */
    char trouble[480];
    char failure[480]; /* why `next` ended */

    _Atomic bool over;            /* failure says why: nothing is read or appended any more */
    _Atomic bool confirmed;       /* the topic was looked at: it is the checkpoint's log */
    _Atomic uint64_t needed_from; /* the records that a checkpoint here goes on with */
    _Atomic bool woken, read_anew;
    _Atomic uint64_t reached;        /* all before it came out of `next`: offsets have holes */
    _Atomic uint64_t high_watermark; /* as the last fetch said: the end, open transactions included */
};

static inline struct kafka_log *kafka_log_of(struct log *l)
{
    return (struct kafka_log *)l; /* its first member */
}

/* Ends the log for good: `next` answers ERROR_CORRUPT from now on. @thread any */
void kafka_log_fail(struct kafka_log *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- kafka_log_send.c ---- */
int kafka_send_init(struct kafka_log *l, char *detail, size_t detail_size);
void kafka_send_finish(struct kafka_log *l);
int kafka_log_append(struct log *log, const struct log_append *records, size_t count);
void *kafka_send_main(void *log);
bool kafka_send_stalled(const struct kafka_log *l); /* @lock held */
/* Did an instance of ours append it (whichever)? */
bool kafka_key_is_ours(const void *key, size_t key_length);
/* The cookie that belongs to a message with this key, which is over then; NULL: it is not ours. */
void *kafka_send_back(struct kafka_log *l, const void *key, size_t key_length);
/* Tells all that is on its way lost. Nothing may be appended any more. */
void kafka_send_abandon(struct kafka_log *l);

/* ---- kafka_log_read.c ---- */
int kafka_read_begin(struct kafka_log *l, char *detail, size_t detail_size);
void kafka_read_end(struct kafka_log *l);
int kafka_log_next(struct log *log, struct log_record *ret_records, size_t count, int timeout_ms);

/* ---- kafka_log_topic.c ---- */
rd_kafka_t *kafka_admin_create(const char *brokers, char *detail, size_t detail_size);
struct kafka_ends {
    int64_t first, end;             /* first ≤ offset < end can be read */
    struct incarnation_said begins; /* the first record; number 0: it is not there any more, or none is */
};
/* Is there, one partition, settings as they must be? 0, ERROR_UNAVAILABLE, ERROR_INVALID. */
int kafka_topic_check(rd_kafka_t *admin, const char *topic, enum kafka_log_check check, int timeout_ms,
                      char *detail, size_t detail_size);
int kafka_topic_ends(rd_kafka_t *admin, const char *topic, int timeout_ms, struct kafka_ends *ret,
                     char *detail, size_t detail_size);
/* Is the topic a log, and the one that the state belongs to? Errors as kafka_log_open. */
int kafka_confirm(struct kafka_log *l, int timeout_ms, char *detail, size_t detail_size);
void *kafka_watch_main(void *log);

#endif
