/* The log on Kafka: a topic with one partition that every instance reads and appends to. */
#ifndef LOG_KAFKA_LOG_H
#define LOG_KAFKA_LOG_H

#include "base/hash.h"
#include "log/log.h"

enum { KAFKA_LOG_SETTINGS_MOST = 16 };

/* Which of the topic's settings have to be as they must. */
enum kafka_log_check {
    KAFKA_LOG_CHECK_ALL,
    KAFKA_LOG_CHECK_BUT_RETENTION, /* records may go: checkpoints are kept that lead beyond them */
    KAFKA_LOG_CHECK_NONE,          /* tests: a mock cluster has no settings to look at */
};

struct kafka_log_options {
    const char *brokers, *topic;
    uint64_t start_offset; /* `next` begins here: the checkpoint's next offset; 0: the very first record */
    uint64_t incarnation_expected;  /* the checkpoint's; 0: there is no checkpoint */
    struct hash128 digest_expected; /* the checkpoint's: of the state that a log that goes on stands on */
    log_lost lost;
    void *lost_context;
    int command_wait_ms;       /* a record not back after that is told lost (ERROR_TIMEOUT); 0: 4 s */
    size_t queue_records_most; /* a power of two; 0: 65536 */
    size_t queue_bytes_most;   /* 0: 64 MiB */
    enum kafka_log_check check;
};

/* Looks at the topic, then begins to read and to append: at start_offset, or at the first record when that
 * says that the log goes on from the very checkpoint that is expected (log_status.goes_on). When there is a
 * checkpoint and no broker answers, the log opens nevertheless: it gives and takes nothing before the topic
 * could be looked at, and ends for good when it is not the checkpoint's. 0, or ERROR_UNAVAILABLE (no broker
 * answers, and there is no checkpoint), ERROR_INVALID (topic missing, or not as it must be), ERROR_CORRUPT
 * (its first record is no incarnation, it begins after start_offset or ends before it), ERROR_CONFLICT (it is
 * not the checkpoint's log), ERROR_NOMEM; `detail` says what to change. Answers after 15 s at most. Records
 * of several appends of one instance stay in their order; those of other instances may stand between.
 *
 * Threads inside: `send` serves acknowledgements and tells what is lost, `watch` looks at the topic every few
 * seconds. `next` reads on the caller's. */
int kafka_log_open(const struct kafka_log_options *o, struct log **ret_log, char *detail, size_t detail_size);

/* What an operator should know, or "": no broker, a setting changed, a transaction that hangs, reading that
 * stood still. @thread any */
void kafka_log_trouble(struct log *log, char *out, size_t size);

/* Where the log ends now, committed records only, asked of the broker. ERROR_UNAVAILABLE. @thread any */
int kafka_log_end(struct log *log, int timeout_ms, uint64_t *ret_end);

/* What a log topic of so many copies has to be made with: (name, value). The number of them. */
size_t kafka_log_settings(int replication, const char *ret_settings[KAFKA_LOG_SETTINGS_MOST][2]);

/* Checks the topic and, when nothing was ever written to it, writes its first record: the log's incarnation.
 * When two do that at the same moment the one that comes first counts and the other is ignored. Errors as
 * kafka_log_open. *ret_incarnation: what the log begins with now; 0: it no longer begins at its first. */
int kafka_log_begin(const char *brokers, const char *topic, int timeout_ms, enum kafka_log_check check,
                    uint64_t *ret_incarnation, char *detail, size_t detail_size);

/* The same for a log that goes on from another: `from` is the other's checkpoint (after_number, after_offset,
 * digest_…; the number is chosen here). A topic that goes on from there already is as well; one that begins
 * otherwise is ERROR_CONFLICT. */
struct incarnation_said;
int kafka_log_go_on(const char *brokers, const char *topic, int timeout_ms, enum kafka_log_check check,
                    const struct incarnation_said *from, uint64_t *ret_incarnation, char *detail,
                    size_t detail_size);

/* What is on the topic now, without opening it. Errors as kafka_log_open. */
struct kafka_log_found {
    uint64_t first_offset, end_offset;
    uint64_t incarnation;                /* 0: the log no longer begins at its first record, or is empty */
    uint64_t after_number, after_offset; /* the checkpoint it stands on; after_number 0: none */
};
int kafka_log_look(const char *brokers, const char *topic, int timeout_ms, enum kafka_log_check check,
                   struct kafka_log_found *ret, char *detail, size_t detail_size);

#endif
