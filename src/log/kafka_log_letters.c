/* Fetches originals with a consumer of its own and sends them with a producer of its own. One thread's. */
#include "log/kafka_log_letters.h"
#include "base/clock.h"
#include "base/error.h"
#include "core/model/instant.h"
#include "log/kafka_log_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LETTER_BYTES_MOST = 8 * 1024 * 1024, READ_ON = 1000 /* rather than seek, so many records */ };

struct kafka_letters {
    rd_kafka_t *consumer, *producer;
    char *log_topic, *letter_topic;
    int64_t position; /* the next one that the consumer gives; -1: none */
    size_t too_large; /* values of that length are left out; 0: none were refused yet */
    uint64_t waiting, failed;
    rd_kafka_resp_err_t why;
    struct kafka_letters_count count;
};

/* In rd_kafka_poll and flush. */
static void acknowledged(rd_kafka_t *producer, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka_letters *l = opaque;

    l->waiting--;
    if (!m->err) {
        l->count.sent++;
        return;
    }
    l->failed++;
    l->why = m->err;
    if (m->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && (!l->too_large || m->len < l->too_large))
        l->too_large = m->len;
}

static int producer_create(struct kafka_letters *l, const char *brokers, char *detail, size_t size)
{
    char bytes[16];
    const char *const settings[][2] = {
        {"bootstrap.servers", brokers},
        {"client.id", "onhand-dead-letter"},
        {"acks", "all"},
        {"linger.ms", "2"},
        {"message.timeout.ms", "30000"},
        {"message.max.bytes", bytes},
        {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    snprintf(bytes, sizeof(bytes), "%d", LETTER_BYTES_MOST);
    rd_kafka_conf_set_opaque(conf, l);
    rd_kafka_conf_set_dr_msg_cb(conf, acknowledged);
    if (kafka_set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, size))
        l->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, size);
    if (!l->producer)
        rd_kafka_conf_destroy(conf);
    return l->producer ? 0 : ERROR_INVALID;
}

static int consumer_create(struct kafka_letters *l, const char *brokers, char *detail, size_t size)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", brokers},
        {"client.id", "onhand-dead-letter"},
        {"group.id", "onhand-dead-letter"}, /* librdkafka wants a name; the group is never joined */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"isolation.level", "read_committed"},
        {"enable.partition.eof", "true"},
        {"allow.auto.create.topics", "false"},
        {"queued.max.messages.kbytes", "2048"},
        {"fetch.message.max.bytes", "1048576"},
        {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (kafka_set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, size))
        l->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, size);
    if (!l->consumer) {
        rd_kafka_conf_destroy(conf);
        return ERROR_INVALID;
    }
    rd_kafka_poll_set_consumer(l->consumer);
    return 0;
}

int kafka_letters_create(const char *brokers, const char *log_topic, const char *letter_topic,
                         struct kafka_letters **ret_letters, char *detail, size_t detail_size)
{
    struct kafka_letters *l = calloc(1, sizeof(*l));
    int error = ERROR_NOMEM;

    if (!l)
        return ERROR_NOMEM;
    l->position = -1;
    l->log_topic = strdup(log_topic);
    l->letter_topic = strdup(letter_topic);
    if (l->log_topic && l->letter_topic)
        error = consumer_create(l, brokers, detail, detail_size);
    if (!error)
        error = producer_create(l, brokers, detail, detail_size);
    if (error)
        kafka_letters_destroy(l);
    else
        *ret_letters = l;
    return error;
}

void kafka_letters_destroy(struct kafka_letters *l)
{
    if (!l)
        return;
    if (l->producer) {
        rd_kafka_purge(l->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(l->producer);
    }
    if (l->consumer)
        rd_kafka_destroy_flags(l->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(l->log_topic);
    free(l->letter_topic);
    free(l);
}

struct kafka_letters_count kafka_letters_count(const struct kafka_letters *l)
{
    return l->count;
}

/* ---- originals ---- */

static bool go_to(struct kafka_letters *l, int64_t offset)
{
    if (l->position >= 0 && offset >= l->position && offset - l->position < READ_ON)
        return true;
    /* the list lives here only: one that is alive makes rd_kafka_destroy hang */
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, l->log_topic, 0)->offset = offset;
    rd_kafka_resp_err_t error = rd_kafka_assign(l->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    l->position = error ? -1 : offset;
    return !error;
}

/* Does this message, end or error say that the topic has nothing at `offset` (any more)? */
static bool shows_gone(const rd_kafka_message_t *m, int64_t offset)
{
    if (!m->err || m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return m->offset > offset; /* an end before it was told before it came */
    return m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

/* The message at that offset; NULL and 0: the topic has it no more; ERROR_UNAVAILABLE: nobody says. */
static int fetch(struct kafka_letters *l, int64_t offset, int timeout_ms, rd_kafka_message_t **ret)
{
    int64_t until_us = clock_monotonic_us() + INT64_C(1000) * timeout_ms;

    *ret = NULL;
    if (!go_to(l, offset))
        return ERROR_UNAVAILABLE;
    while (clock_monotonic_us() < until_us) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(l->consumer, ASK_MS / 10);
        bool gone = m && shows_gone(m, offset);
        if (m && !m->err)
            l->position = m->offset + 1;
        if (m && !m->err && m->offset == offset) {
            *ret = m;
            return 0;
        }
        if (m)
            rd_kafka_message_destroy(m);
        if (gone) {
            l->position = -1; /* what was read goes with the next assignment */
            return 0;
        }
    }
    return ERROR_UNAVAILABLE;
}

/* ---- letters ---- */

static void add(rd_kafka_headers_t *h, const char *name, struct text value)
{
    rd_kafka_header_add(h, name, -1, value.at ? value.at : "", (ssize_t)value.length);
}

static rd_kafka_headers_t *headers_of(const struct kafka_letters *l, const struct kafka_letter *letter,
                                      const rd_kafka_message_t *original, bool bare)
{
    rd_kafka_headers_t *h = NULL, *theirs = NULL;
    char offset[24], at[INSTANT_TEXT_BYTES];

    if (original && rd_kafka_message_headers(original, &theirs) == 0 && theirs)
        h = rd_kafka_headers_copy(theirs);
    if (!h)
        h = rd_kafka_headers_new(8);
    add(h, "onhand.error.topic", text_of(l->log_topic));
    add(h, "onhand.error.partition", TEXT("0"));
    add(h, "onhand.error.offset",
        (struct text){offset, (size_t)snprintf(offset, sizeof(offset), "%lu", letter->offset)});
    add(h, "onhand.error.reason", letter->reason);
    add(h, "onhand.error.detail", letter->detail);
    if (!original)
        add(h, "onhand.error.original", TEXT("gone: this is what onhand kept of it"));
    if (bare)
        add(h, "onhand.error.left_out", TEXT("the value: it is too large for this topic"));
    add(h, "onhand.error.at", (struct text){at, instant_format(clock_wall_us(), at)});
    return h;
}

static int send_letter(struct kafka_letters *l, const struct kafka_letter *letter,
                       const rd_kafka_message_t *original)
{
    struct text value = letter->canonical;

    if (original)
        value = (struct text){original->payload, original->len};
    bool bare = l->too_large && value.length >= l->too_large;
    bool with_value = !bare && (value.at || !original); /* a message without a value stays one */
    void *key = original ? original->key : NULL; /* the macro casts the first word of what it is given */
    rd_kafka_headers_t *headers = headers_of(l, letter, original, bare);
    rd_kafka_resp_err_t error = rd_kafka_producev(
        l->producer, RD_KAFKA_V_TOPIC(l->letter_topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, original ? original->key_len : 0),
        RD_KAFKA_V_VALUE(with_value ? (void *)(uintptr_t)(value.at ? value.at : "") : NULL,
                         with_value ? value.length : 0),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (error) {
        rd_kafka_headers_destroy(headers);
        l->why = error;
        l->failed++;
        return ERROR_UNAVAILABLE;
    }
    l->waiting++;
    l->count.gone += !original;
    return 0;
}

int kafka_letters_put(struct kafka_letters *l, const struct kafka_letter *letter, int timeout_ms)
{
    rd_kafka_message_t *original = NULL;
    int error = fetch(l, (int64_t)letter->offset, timeout_ms, &original);

    rd_kafka_poll(l->producer, 0);
    if (error) {
        l->why = RD_KAFKA_RESP_ERR__TRANSPORT;
        l->failed++;
        return error;
    }
    if (original && kafka_key_is_ours(original->key, original->key_len))
        l->count.own++;
    else
        error = send_letter(l, letter, original);
    if (original)
        rd_kafka_message_destroy(original);
    return error;
}

int kafka_letters_flush(struct kafka_letters *l, int timeout_ms, char *detail, size_t detail_size)
{
    rd_kafka_flush(l->producer, timeout_ms);
    if (!l->failed && !l->waiting)
        return 0;
    snprintf(detail, detail_size, "the dead-letter topic %s does not take what the log rejected: %s",
             l->letter_topic, l->failed ? rd_kafka_err2str(l->why) : "no answer");
    rd_kafka_purge(l->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(l->producer, timeout_ms); /* tells what was purged: all of it is put again */
    l->failed = 0;
    return ERROR_UNAVAILABLE;
}
