/* The transactional producer: making it fences whoever wrote before, each batch is one transaction, and an
 * error says which of three things is to be done: ask again, abort and write anew, or begin with another
 * producer. */
#include "sinks/topic_internal.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>

#define PATIENCE_US (INT64_C(2) * 1000 * 1000) /* until it is worth a word */

static bool set(rd_kafka_conf_t *conf, const char *const settings[][2], size_t count, char *detail,
                size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], detail, size) != RD_KAFKA_CONF_OK)
            return false;
    return true;
}

static rd_kafka_t *producer_create(const struct topic_sink *s, char *detail, size_t size)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", s->options.brokers},
        {"client.id", "onhand-availability"},
        {"transactional.id", s->transactional_id}, /* and with it idempotence and acks=all */
        {"transaction.timeout.ms", "60000"},       /* a broker that is away for less costs no transaction */
        {"partitioner", "murmur2_random"},         /* a key lies where Java's clients look for it */
        {"linger.ms", "2"},                        /* a batch is sent by its commit */
        {"compression.type", "lz4"},
        {"queue.buffering.max.messages", "1000000"}, /* the bounds are ours */
        {"queue.buffering.max.kbytes", "262144"},
        {"retry.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "500"},
        {"socket.nagle.disable", "true"},
        {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *producer = NULL;

    if (set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, size))
        producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, size);
    if (!producer)
        rd_kafka_conf_destroy(conf);
    return producer;
}

void topic_close(struct topic_sink *s)
{
    if (!s->producer)
        return;
    rd_kafka_purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(s->producer);
    s->producer = NULL;
    s->topic_seen = false;
    s->transaction = TRANSACTION_NONE;
}

/* ---- errors ---- */

static bool means_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* This producer can do nothing more. */
static void fatal(struct topic_sink *s, rd_kafka_resp_err_t code, const char *what)
{
    char why[256] = "";
    rd_kafka_resp_err_t cause = rd_kafka_fatal_error(s->producer, why, sizeof(why));
    bool fenced = means_fenced(code) || means_fenced(cause);

    topic_landed(s, false);
    if (fenced) {
        topic_fenced(s);
        return;
    }
    trouble_say(&s->patience.trouble, "%s: %s: another producer is made", what,
                *why ? why : rd_kafka_err2str(code));
    topic_close(s);
    s->stage = TOPIC_OPENING;
    patience_pause(&s->patience);
}

/* ---- opening ---- */

static bool look_at_topic(struct topic_sink *s)
{
    char detail[320];
    int error = topic_check_with(s->producer, s->options.topic, LOOK_AT_TOPIC_MS, &s->topic_empty, detail,
                                 sizeof(detail));

    s->topic_seen = error == 0;
    if (error) {
        trouble_say(&s->patience.trouble, "%s", detail);
        patience_pause(&s->patience);
    }
    return s->topic_seen;
}

bool topic_open(struct topic_sink *s)
{
    char detail[320] = "";

    if (!s->producer) {
        s->producer = producer_create(s, detail, sizeof(detail));
        if (!s->producer) {
            trouble_say(&s->patience.trouble, "no producer: %s", detail);
            patience_pause(&s->patience);
            return false;
        }
        topic_add(&s->published.producers_total, 1);
    }
    if (!s->topic_seen && !look_at_topic(s))
        return false;
    rd_kafka_error_t *error = rd_kafka_init_transactions(s->producer, ASK_MS);
    if (!error)
        return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (rd_kafka_error_is_fatal(error))
        fatal(s, code, "the topic's transactions cannot begin");
    else if (code != RD_KAFKA_RESP_ERR__TIMED_OUT && !rd_kafka_error_is_retriable(error)) {
        trouble_say(&s->patience.trouble, "the topic's transactions cannot begin: %s",
                    rd_kafka_error_string(error));
        topic_close(s);
        patience_pause(&s->patience);
    }
    rd_kafka_error_destroy(error);
    return false;
}

/* ---- a transaction ---- */

static int begin(struct topic_sink *s)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(s->producer);

    if (error) {
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        fatal(s, code, "no transaction can be begun");
        return ERROR_UNAVAILABLE;
    }
    s->transaction = TRANSACTION_OPEN;
    return 0;
}

int topic_produce(struct topic_sink *s, struct text key, struct text value, const char *version)
{
    if (s->transaction == TRANSACTION_NONE && begin(s) != 0)
        return ERROR_UNAVAILABLE;
    void *key_bytes = (void *)(uintptr_t)key.at; /* the macro has no const */
    rd_kafka_resp_err_t error = rd_kafka_producev(
        s->producer, RD_KAFKA_V_TOPIC(s->options.topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key_bytes, key.length), RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.length),
        RD_KAFKA_V_HEADER("onhand.version", version, strlen(version)), RD_KAFKA_V_END);
    if (error)
        return ERROR_UNAVAILABLE; /* ending the transaction tells why */
    s->batch->rows++;
    s->batch->bytes += key.length + value.length;
    return 0;
}

static bool topic_is_gone(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static void judge(struct topic_sink *s, rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    if (rd_kafka_error_is_fatal(error)) {
        fatal(s, code, rd_kafka_error_string(error));
    } else if (rd_kafka_error_txn_requires_abort(error)) {
        trouble_say(&s->patience.trouble, "a transaction had to be aborted: %s",
                    rd_kafka_error_string(error));
        s->transaction = TRANSACTION_ABORTING;
        s->topic_seen &= !topic_is_gone(code);
    } else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || rd_kafka_error_is_retriable(error)) {
        if (clock_monotonic_us() - s->ending_us > PATIENCE_US)
            trouble_say(&s->patience.trouble, "Kafka does not take rows: they are written when it does");
    } else { /* a state it should not be in: the next producer begins from none */
        trouble_say(&s->patience.trouble, "a transaction could not be ended: %s",
                    rd_kafka_error_string(error));
        topic_landed(s, false);
        topic_close(s);
        s->stage = TOPIC_OPENING;
        patience_pause(&s->patience);
    }
}

void topic_end(struct topic_sink *s)
{
    bool aborting = s->transaction == TRANSACTION_ABORTING;
    rd_kafka_error_t *error;

    if (s->transaction == TRANSACTION_OPEN) {
        s->transaction = TRANSACTION_COMMITTING;
        s->ending_us = clock_monotonic_us();
    }
    error = aborting ? rd_kafka_abort_transaction(s->producer, ASK_MS)
                     : rd_kafka_commit_transaction(s->producer, ASK_MS);
    rd_kafka_poll(s->producer, 0);
    if (error) {
        judge(s, error);
        rd_kafka_error_destroy(error);
        return;
    }
    s->transaction = TRANSACTION_NONE;
    topic_landed(s, !aborting);
    if (aborting) {
        patience_pause(&s->patience);
        if (!s->topic_seen) { /* it was deleted: looked at anew, and filled anew when it is back */
            topic_close(s);
            s->stage = TOPIC_OPENING;
        }
    } else {
        patience_went_well(&s->patience);
    }
}
