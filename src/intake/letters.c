/* A producer of its own for dead letters. A letter is repeated until the broker has it: whoever waits for it
 * may wait long, but loses nothing. */
#include "intake/internal.h"
#include "intake/topics.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

enum { LETTER_BYTES_MOST = 8 * 1024 * 1024, TOPIC_AGAIN_MS = 5000, TOPIC_TIMEOUT_MS = 2000 };

/* @thread intake: acknowledgements are served by rd_kafka_poll there. */
static void acknowledged(rd_kafka_t *producer, const rd_kafka_message_t *m, void *opaque)
{
    struct letters *l = opaque;
    struct parcel *p = m->_private;

    l->sent--;
    if (p->step == PARCEL_ABANDONED) {
        parcel_free(&l->intake->pool, p);
        return;
    }
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->letter = LETTER_DONE;
        intake_say(l->intake, l->trouble, "%s", "");
        lane_letter_done(p->lane, p);
        return;
    }
    p->letter_bare |= m->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    l->topic_seen &= m->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
                     m->err != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC &&
                     m->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    intake_say(l->intake, l->trouble, "the dead-letter topic %s does not take messages: %s", l->topic,
               rd_kafka_err2str(m->err));
    p->letter = LETTER_WANTED;
    l->wanted++;
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, char *detail, size_t size)
{
    return rd_kafka_conf_set(conf, name, value, detail, size) == RD_KAFKA_CONF_OK;
}

int letters_init(struct letters *l, struct intake *i, const char *topic, char *detail, size_t detail_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char bytes[24];

    *l = (struct letters){.intake = i, .topic = strdup(topic)};
    snprintf(bytes, sizeof(bytes), "%d", LETTER_BYTES_MOST);
    rd_kafka_conf_set_opaque(conf, l);
    rd_kafka_conf_set_dr_msg_cb(conf, acknowledged);
    if (!l->topic || !set(conf, "bootstrap.servers", i->brokers, detail, detail_size) ||
        !set(conf, "client.id", "onhand-dead-letter", detail, detail_size) ||
        !set(conf, "acks", "all", detail, detail_size) || !set(conf, "linger.ms", "2", detail, detail_size) ||
        !set(conf, "message.timeout.ms", "0", detail, detail_size) ||
        !set(conf, "message.max.bytes", bytes, detail, detail_size) ||
        !set(conf, "log_level", "2", detail, detail_size)) {
        rd_kafka_conf_destroy(conf);
        return ERROR_INVALID;
    }
    l->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, detail_size);
    if (!l->producer) {
        rd_kafka_conf_destroy(conf);
        return ERROR_INVALID;
    }
    return 0;
}

void letters_finish(struct letters *l)
{
    if (l->producer) {
        rd_kafka_purge(l->producer,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        rd_kafka_flush(l->producer, 200);
        rd_kafka_destroy(l->producer);
    }
    free(l->topic);
    *l = (struct letters){0};
}

static void add_header(rd_kafka_headers_t *h, const char *name, const char *value)
{
    rd_kafka_header_add(h, name, -1, value, (ssize_t)strlen(value));
}

/* The message's own, as they came. */
static rd_kafka_headers_t *headers_begin(const struct parcel *p)
{
    rd_kafka_headers_t *original = p->headers;

    if (p->message && rd_kafka_message_headers(p->message, &original) != RD_KAFKA_RESP_ERR_NO_ERROR)
        original = NULL;
    return original ? rd_kafka_headers_copy(original) : rd_kafka_headers_new(8);
}

static rd_kafka_headers_t *headers_of(const struct parcel *p)
{
    rd_kafka_headers_t *h = headers_begin(p);
    char number[24], at[INSTANT_TEXT_BYTES];

    add_header(h, "onhand.error.topic", p->lane->source->topic);
    snprintf(number, sizeof(number), "%d", p->lane->partition);
    add_header(h, "onhand.error.partition", number);
    snprintf(number, sizeof(number), "%lld", (long long)p->offset);
    add_header(h, "onhand.error.offset", number);
    add_header(h, "onhand.error.reason", p->reason);
    add_header(h, "onhand.error.detail", p->detail);
    if (p->letter_bare)
        add_header(h, "onhand.error.left_out", "the value: it is too large for this topic");
    size_t length = instant_format(clock_wall_us(), at);
    rd_kafka_header_add(h, "onhand.error.at", -1, at, (ssize_t)length);
    return h;
}

static bool produce(struct letters *l, struct parcel *p)
{
    struct text key = parcel_key(p), value = parcel_value(p);
    rd_kafka_headers_t *headers = headers_of(p);
    bool with_value = p->has_value && !p->letter_bare;

    rd_kafka_resp_err_t error = rd_kafka_producev(
        l->producer, RD_KAFKA_V_TOPIC(l->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(p->has_key ? (key.at ? key.at : "") : NULL, key.length),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)(with_value ? (value.at ? value.at : "") : NULL),
                         with_value ? value.length : 0),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(p), RD_KAFKA_V_END);
    if (error) {
        rd_kafka_headers_destroy(headers);
        p->letter_bare |= error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
        return false;
    }
    return true;
}

void letters_send(struct letters *l, struct parcel *p)
{
    p->letter_at_ms = l->intake->now_ms;
    parcel_part(&l->intake->pool, p); /* it may wait long; without memory the message waits with it */
    if (l->topic_seen && produce(l, p)) {
        p->letter = LETTER_SENT;
        l->sent++;
        return;
    }
    p->letter = LETTER_WANTED;
    l->wanted++;
}

static void look_for_topic(struct letters *l)
{
    struct intake *i = l->intake;
    char detail[200];

    if (l->topic_seen || i->now_ms < l->create_at_ms)
        return;
    const struct topic_wanted topic = {
        .name = l->topic, .partitions = 1, .replication = -1, .dead_letter = true};
    int error = topic_is_there(l->producer, l->topic, TOPIC_TIMEOUT_MS)
                    ? 0
                    : topics_create(l->producer, &topic, 1, TOPIC_TIMEOUT_MS, detail, sizeof(detail));
    l->topic_seen = error == 0;
    l->create_at_ms = clock_monotonic_us() / 1000 + TOPIC_AGAIN_MS;
    intake_say(i, l->trouble, "%s%s", error ? "the dead-letter topic could not be made: " : "",
               error ? detail : "");
}

static void send_wanted(struct letters *l)
{
    struct parcel_pool *pool = &l->intake->pool;

    for (size_t k = 0; k < pool->count && l->wanted; k++) {
        struct parcel *p = &pool->all[k];
        if (p->step == PARCEL_FREE || p->letter != LETTER_WANTED)
            continue;
        if (!produce(l, p))
            return;
        l->wanted--;
        p->letter = LETTER_SENT;
        l->sent++;
    }
}

void letters_upkeep(struct letters *l)
{
    if (l->sent)
        rd_kafka_poll(l->producer, 0);
    if (!l->topic_seen)
        look_for_topic(l);
    if (l->wanted && l->topic_seen)
        send_wanted(l);
}
