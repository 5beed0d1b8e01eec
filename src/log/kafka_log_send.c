/* Appending to the log on Kafka: an idempotent producer, acknowledged by all copies, that never gives up.
 *
 * One request is out at a time and what comes meanwhile goes with the next: a linger that follows the load by
 * itself, nothing when there is little to do, a round trip when there is much. */
#include "log/kafka_log_internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "core/model/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { COMMAND_WAIT_MS = 4000, STALLED_MS = 2000, POLL_MS = 20, NAP_US = 5000, LOST_A_TURN = 64 };
#define KEY_MARK "onh1"
_Static_assert(sizeof(KEY_MARK) - 1 + 2 * sizeof(uint64_t) == KEY_BYTES, "the key's parts");

struct lost {
    void *cookie;
    int error;
};

static struct slot *slot_of(struct sending *s, uint64_t number)
{
    return &s->slots[number & s->mask];
}

static void key_write(const struct sending *s, uint64_t number, unsigned char *key)
{
    memcpy(key, KEY_MARK, 4);
    memcpy(key + 4, &s->instance, 8);
    memcpy(key + 12, &number, 8);
}

/* @lock held */
static void slot_free(struct kafka_log *l, struct slot *slot)
{
    struct sending *s = &l->sending;

    slot->state = SLOT_FREE;
    while (s->tail < s->head && slot_of(s, s->tail)->state == SLOT_FREE)
        s->tail++;
    if (s->tail == s->head && l->stopping)
        pthread_cond_broadcast(&l->changed);
}

bool kafka_key_is_ours(const void *key, size_t key_length)
{
    return key_length == KEY_BYTES && memcmp(key, KEY_MARK, sizeof(KEY_MARK) - 1) == 0;
}

void *kafka_send_back(struct kafka_log *l, const void *key, size_t key_length)
{
    struct sending *s = &l->sending;
    const unsigned char *k = key;
    uint64_t number;
    void *cookie = NULL;

    if (!kafka_key_is_ours(key, key_length) || memcmp(k + 4, &s->instance, 8) != 0)
        return NULL;
    memcpy(&number, k + 12, 8);
    pthread_mutex_lock(&l->lock);
    struct slot *slot = slot_of(s, number);
    if (number < s->head && slot->state != SLOT_FREE && slot->number == number) {
        cookie = slot->cookie;
        slot_free(l, slot);
    }
    pthread_mutex_unlock(&l->lock);
    return cookie;
}

/* ---- the producer ---- */

/* @thread send, in rd_kafka_poll */
static void acknowledged(rd_kafka_t *producer, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka_log *l = opaque;
    struct sending *s = &l->sending;
    uint64_t number = (uint64_t)(uintptr_t)m->_private;
    struct lost lost = {0};

    pthread_mutex_lock(&l->lock);
    s->unacknowledged--;
    s->unacknowledged_bytes -= m->len;
    struct slot *slot = slot_of(s, number);
    bool waits = slot->state == SLOT_SENT && slot->number == number;
    if (!m->err) {
        s->moved_us = clock_monotonic_us();
        s->acknowledged++;
        s->bytes += m->len;
        if (waits)
            slot->state = SLOT_DURABLE;
    } else if (waits && rd_kafka_fatal_error(producer, NULL, 0)) {
        slot->state = SLOT_UNSENT; /* goes out again with the next producer */
        s->unsent = true;
    } else if (waits) {
        lost = (struct lost){slot->cookie, ERROR_UNAVAILABLE};
        slot_free(l, slot);
        snprintf(l->trouble, sizeof(l->trouble), "the topic %s does not take records: %s", l->topic,
                 rd_kafka_err2str(m->err));
    }
    pthread_mutex_unlock(&l->lock);
    if (lost.cookie)
        l->options.lost(l->options.lost_context, lost.cookie, lost.error);
}

static int producer_create(struct kafka_log *l, char *detail, size_t detail_size)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", l->brokers},
        {"client.id", "onhand-log"},
        {"enable.idempotence", "true"}, /* and with it acks=all, and repeats without end */
        {"message.timeout.ms", "0"},    /* a message is never given up: who waited is told after a while */
        {"linger.ms", "0"},
        {"max.in.flight.requests.per.connection", "1"},
        {"queue.buffering.max.messages", "1000000"}, /* the bounds are ours */
        {"queue.buffering.max.kbytes", "1048576"},
        {"retry.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "500"},
        {"socket.nagle.disable", "true"},
        {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *producer = NULL;

    rd_kafka_conf_set_opaque(conf, l);
    rd_kafka_conf_set_dr_msg_cb(conf, acknowledged);
    if (kafka_set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, detail_size))
        producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, detail_size);
    if (!producer) {
        rd_kafka_conf_destroy(conf);
        return ERROR_INVALID;
    }
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, l->topic, NULL);
    if (!topic) {
        snprintf(detail, detail_size, "%s is not the name of a topic", l->topic);
        rd_kafka_destroy(producer);
        return ERROR_INVALID;
    }
    l->sending.producer = producer;
    l->sending.topic = topic;
    return 0;
}

static void producer_destroy(struct sending *s)
{
    if (!s->producer)
        return;
    rd_kafka_purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_topic_destroy(s->topic);
    rd_kafka_destroy(s->producer);
    s->producer = NULL;
    s->topic = NULL;
}

/* @lock held. A copy goes to the producer: it may outlive the command, which may be told lost. */
static void hand_over(struct sending *s, struct slot *slot)
{
    unsigned char key[KEY_BYTES];

    key_write(s, slot->number, key);
    if (!s->producer ||
        rd_kafka_produce(s->topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)slot->bytes, slot->length, key,
                         sizeof(key), (void *)(uintptr_t)slot->number) != 0) {
        slot->state = SLOT_UNSENT;
        s->unsent = true;
        return;
    }
    slot->state = SLOT_SENT;
    if (s->unacknowledged++ == 0)
        s->moved_us = clock_monotonic_us();
    s->unacknowledged_bytes += slot->length;
}

/* @lock held */
static void send_unsent(struct sending *s)
{
    if (!s->unsent)
        return;
    s->unsent = false;
    for (uint64_t number = s->tail; number < s->head && !s->unsent; number++)
        if (slot_of(s, number)->state == SLOT_UNSENT)
            hand_over(s, slot_of(s, number));
}

/* A producer that turned fatal takes nothing any more. What it had and nobody acknowledged goes out again: it
 * may then stand in the log twice, which ids and positions make harmless. */
static void producer_replace(struct kafka_log *l)
{
    struct sending *s = &l->sending, old;
    char detail[200];

    pthread_mutex_lock(&l->lock);
    old = *s;
    s->producer = NULL;
    pthread_mutex_unlock(&l->lock);
    producer_destroy(&old); /* waits for its threads: not under the lock */
    pthread_mutex_lock(&l->lock);
    s->topic = NULL;
    s->unacknowledged = s->unacknowledged_bytes = 0;
    for (uint64_t number = s->tail; number < s->head; number++)
        if (slot_of(s, number)->state == SLOT_SENT)
            slot_of(s, number)->state = SLOT_UNSENT;
    s->unsent = true;
    s->produced_anew++;
    if (producer_create(l, detail, sizeof(detail)) == 0)
        send_unsent(s);
    pthread_mutex_unlock(&l->lock);
}

/* ---- @thread any ---- */

bool kafka_send_stalled(const struct kafka_log *l)
{
    const struct sending *s = &l->sending;

    return s->unacknowledged > 0 && clock_monotonic_us() - s->moved_us > INT64_C(1000) * STALLED_MS;
}

int kafka_log_append(struct log *log, const struct log_append *records, size_t count)
{
    struct kafka_log *l = kafka_log_of(log);
    struct sending *s = &l->sending;
    size_t bytes = 0;
    int error = 0;

    for (size_t i = 0; i < count; i++) {
        if (records[i].length > RECORD_BYTES_MOST)
            return ERROR_LIMIT;
        bytes += records[i].length;
    }
    pthread_mutex_lock(&l->lock);
    if (l->stopping || l->complaint[0] || l->failure[0] || kafka_send_stalled(l))
        error = ERROR_UNAVAILABLE;
    else if (s->head + count - s->tail > s->mask + 1 || s->unacknowledged + count > s->mask + 1 ||
             s->unacknowledged_bytes + bytes > l->options.queue_bytes_most)
        error = ERROR_BUSY;
    for (size_t i = 0; i < count && !error; i++) {
        struct slot *slot = slot_of(s, s->head);
        *slot = (struct slot){.number = s->head++,
                              .bytes = records[i].bytes,
                              .length = records[i].length,
                              .cookie = records[i].cookie,
                              .since_us = clock_monotonic_us()};
        slot->state = SLOT_UNSENT;
        if (s->unsent) /* those before it go first */
            continue;
        hand_over(s, slot);
    }
    pthread_mutex_unlock(&l->lock);
    return error;
}

/* ---- @thread send ---- */

/* Takes out of the slots what has waited too long (or all). How many; the number of the ring is bounded by
 * the caller's array. */
static size_t take_lost(struct kafka_log *l, bool all, struct lost *lost, size_t most)
{
    struct sending *s = &l->sending;
    int64_t before_us = clock_monotonic_us() - INT64_C(1000) * l->options.command_wait_ms;
    size_t count = 0;

    pthread_mutex_lock(&l->lock);
    for (uint64_t number = s->tail; number < s->head && count < most; number++) {
        struct slot *slot = slot_of(s, number);
        if (slot->state == SLOT_FREE)
            continue;
        if (!all && slot->since_us > before_us)
            break;
        lost[count++] = (struct lost){slot->cookie, ERROR_TIMEOUT};
        slot_free(l, slot);
    }
    pthread_mutex_unlock(&l->lock);
    return count;
}

static void tell_lost(struct kafka_log *l, bool all)
{
    struct lost lost[LOST_A_TURN];
    size_t count;

    do {
        count = take_lost(l, all, lost, LOST_A_TURN);
        for (size_t i = 0; i < count; i++)
            if (lost[i].cookie)
                l->options.lost(l->options.lost_context, lost[i].cookie, lost[i].error);
    } while (count == LOST_A_TURN);
}

void kafka_send_abandon(struct kafka_log *l)
{
    tell_lost(l, true);
}

/* Acknowledgements free room and nobody waits for one: they are served in heaps. Woken for each, this thread
 * would run just when the record comes back, on the core that its writer needs. */
static void serve_acknowledgements(struct sending *s)
{
    if (rd_kafka_poll(s->producer, POLL_MS) > 0)
        usleep(NAP_US);
}

void *kafka_send_main(void *log)
{
    struct kafka_log *l = log;
    struct sending *s = &l->sending;

    for (;;) {
        pthread_mutex_lock(&l->lock);
        bool over = l->stopped;
        send_unsent(s);
        pthread_mutex_unlock(&l->lock);
        if (over)
            return NULL;
        if (s->producer)
            serve_acknowledgements(s);
        tell_lost(l, false);
        if (!s->producer || rd_kafka_fatal_error(s->producer, NULL, 0))
            producer_replace(l);
    }
}

int kafka_send_init(struct kafka_log *l, char *detail, size_t detail_size)
{
    struct sending *s = &l->sending;
    size_t capacity = l->options.queue_records_most;

    if (!l->options.command_wait_ms)
        l->options.command_wait_ms = COMMAND_WAIT_MS;
    s->mask = capacity - 1;
    s->slots = calloc(capacity, sizeof(*s->slots));
    if (!s->slots)
        return ERROR_NOMEM;
    if (getrandom(&s->instance, sizeof(s->instance), 0) != (ssize_t)sizeof(s->instance)) {
        snprintf(detail, detail_size, "the system gives no random number");
        return ERROR_IO;
    }
    return producer_create(l, detail, detail_size);
}

void kafka_send_finish(struct kafka_log *l)
{
    producer_destroy(&l->sending);
    free(l->sending.slots);
}
