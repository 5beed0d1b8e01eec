/* An idempotent producer that keeps count of what the broker has. */
#include "intake/send.h"
#include "base/error.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

enum { FULL_WAIT_MS = 100 };

struct sender {
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    uint64_t sent, acknowledged, refused;
    char detail[200]; /* why the first was refused */
};

static void acknowledged(rd_kafka_t *producer, const rd_kafka_message_t *m, void *opaque)
{
    struct sender *s = opaque;

    if (!m->err) {
        s->acknowledged++;
        return;
    }
    if (s->refused++ == 0)
        snprintf(s->detail, sizeof(s->detail), "%s", rd_kafka_err2str(m->err));
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, char *detail, size_t size)
{
    return rd_kafka_conf_set(conf, name, value, detail, size) == RD_KAFKA_CONF_OK;
}

static int open_topic(struct sender *s, const char *brokers, const char *topic, char *detail, size_t size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_dr_msg_cb(conf, acknowledged);
    if (set(conf, "bootstrap.servers", brokers, detail, size) &&
        set(conf, "client.id", "onhand-send", detail, size) &&
        set(conf, "enable.idempotence", "true", detail, size) && set(conf, "linger.ms", "5", detail, size) &&
        set(conf, "message.timeout.ms", "30000", detail, size) &&
        set(conf, "partitioner", "murmur2_random", detail, size) && set(conf, "log_level", "2", detail, size))
        s->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, size);
    if (!s->producer) {
        rd_kafka_conf_destroy(conf);
        return ERROR_INVALID;
    }
    s->topic = rd_kafka_topic_new(s->producer, topic, NULL);
    if (!s->topic) {
        snprintf(detail, size, "%s is not the name of a topic", topic);
        return ERROR_INVALID;
    }
    return 0;
}

int sender_create(const char *brokers, const char *topic, struct sender **ret_sender, char *detail,
                  size_t detail_size)
{
    struct sender *s = calloc(1, sizeof(*s));
    int error = s ? open_topic(s, brokers, topic, detail, detail_size) : ERROR_NOMEM;

    if (error) {
        sender_destroy(s);
        return error;
    }
    *ret_sender = s;
    return 0;
}

int sender_send(struct sender *s, struct text key, struct text value)
{
    for (;;) {
        if (s->refused)
            return ERROR_UNAVAILABLE;
        /* RD_KAFKA_MSG_F_COPY: the value is not written to */
        if (rd_kafka_produce(s->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                             (void *)(uintptr_t)value.at, value.length, key.at, key.length, NULL) == 0)
            break;
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            snprintf(s->detail, sizeof(s->detail), "%s", rd_kafka_err2str(rd_kafka_last_error()));
            return ERROR_INVALID;
        }
        rd_kafka_poll(s->producer, FULL_WAIT_MS);
    }
    s->sent++;
    rd_kafka_poll(s->producer, 0);
    return 0;
}

int sender_finish(struct sender *s, int timeout_ms, uint64_t *ret_missing, char *detail, size_t detail_size)
{
    rd_kafka_flush(s->producer, timeout_ms);
    if (s->acknowledged == s->sent)
        return 0;
    *ret_missing = s->sent - s->acknowledged;
    snprintf(detail, detail_size, "%s", s->refused ? s->detail : "the broker does not answer in time");
    return ERROR_UNAVAILABLE;
}

void sender_destroy(struct sender *s)
{
    if (!s)
        return;
    if (s->producer)
        rd_kafka_purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    if (s->topic)
        rd_kafka_topic_destroy(s->topic);
    if (s->producer)
        rd_kafka_destroy(s->producer);
    free(s);
}
