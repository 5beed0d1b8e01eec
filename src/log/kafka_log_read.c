/* Reading the log on Kafka: the one partition, assigned by us at the offset we know, committed records only.
 */
#include "log/kafka_log_internal.h"
#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static rd_kafka_t *consumer_create(struct kafka_log *l, char *detail, size_t detail_size)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", l->brokers},
        {"client.id", "onhand-log"},
        {"group.id", "onhand-log"}, /* librdkafka wants a name; the group is never joined */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"}, /* we decide */
        {"isolation.level", "read_committed"},
        {"enable.partition.eof", "true"}, /* offsets have holes: only this tells that we are at the end */
        {"allow.auto.create.topics", "false"},
        {"check.crcs", "true"},
        {"queued.min.messages", "1000000"}, /* memory is what bounds it */
        {"queued.max.messages.kbytes", "65536"},
        {"fetch.error.backoff.ms", "100"},
        {"fetch.wait.max.ms", "500"}, /* data never waits */
        {"reconnect.backoff.max.ms", "500"},
        {"socket.nagle.disable", "true"},
        {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *consumer = NULL;

    if (kafka_set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, detail_size))
        consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, detail_size);
    if (!consumer)
        rd_kafka_conf_destroy(conf);
    return consumer;
}

int kafka_read_begin(struct kafka_log *l, char *detail, size_t detail_size)
{
    rd_kafka_t *consumer = consumer_create(l, detail, detail_size);

    if (!consumer)
        return ERROR_INVALID;
    rd_kafka_poll_set_consumer(consumer);
    /* the list lives here only: one that is alive makes rd_kafka_destroy hang */
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, l->topic, 0)->offset = (int64_t)l->reading.next_offset;
    rd_kafka_resp_err_t error = rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        snprintf(detail, detail_size, "the log topic %s cannot be read: %s", l->topic,
                 rd_kafka_err2str(error));
        rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return ERROR_INVALID;
    }
    l->reading.consumer = consumer;
    pthread_mutex_lock(&l->lock);
    l->queue = rd_kafka_queue_get_consumer(consumer);
    pthread_mutex_unlock(&l->lock);
    return 0;
}

static void release_batch(struct reading *r)
{
    for (size_t i = 0; i < r->batch_count; i++)
        rd_kafka_message_destroy(r->batch[i]);
    r->batch_count = 0;
}

void kafka_read_end(struct kafka_log *l)
{
    struct reading *r = &l->reading;

    release_batch(r);
    pthread_mutex_lock(&l->lock);
    if (l->queue)
        rd_kafka_queue_destroy(l->queue);
    l->queue = NULL;
    pthread_mutex_unlock(&l->lock);
    if (r->consumer)
        rd_kafka_destroy_flags(r->consumer,
                               RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); /* there is no group to leave */
    r->consumer = NULL;
}

static int read_anew(struct kafka_log *l)
{
    char detail[200];

    kafka_read_end(l);
    l->reading.created_anew++;
    return kafka_read_begin(l, detail, sizeof(detail)) == 0 ? 0 : ERROR_IO;
}

static int failed(struct kafka_log *l, const char *what, int64_t first, int64_t end)
{
    kafka_log_fail(l, "record %lu of the log topic %s %s (it has %ld to %ld): start with a newer checkpoint",
                   l->reading.next_offset, l->topic, what, (long)first, (long)end - 1);
    return ERROR_CORRUPT;
}

/* The broker says that our offset is none of its. Once more, when it was a passing thing. */
static int out_of_range(struct kafka_log *l)
{
    int64_t first = 0, end = 0, next = (int64_t)l->reading.next_offset;

    if (rd_kafka_query_watermark_offsets(l->reading.consumer, l->topic, 0, &first, &end, ASK_MS) == 0) {
        if (next < first)
            return failed(l, "is gone before it was read", first, end);
        if (next > end)
            return failed(l, "should come next, but the log ends before it: was it made anew?", first, end);
    }
    atomic_store(&l->read_anew, true);
    return 0;
}

static void at_the_end(struct kafka_log *l, int64_t offset)
{
    if (offset > (int64_t)atomic_load(&l->reached))
        atomic_store(&l->reached, (uint64_t)offset);
}

/* Where the log ends, as the last fetch said: when nothing comes although that is further, a transaction is
 * open. */
static void note_high_watermark(struct kafka_log *l)
{
    int64_t low = 0, high = 0;

    if (rd_kafka_get_watermark_offsets(l->reading.consumer, l->topic, 0, &low, &high) == 0 && high >= 0)
        atomic_store(&l->high_watermark, (uint64_t)high);
}

static int take_error(struct kafka_log *l, const rd_kafka_message_t *m)
{
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        at_the_end(l, m->offset);
        return 0;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return out_of_range(l);
    default:
        return 0; /* lost connections and the like: librdkafka goes on by itself, and watch looks after it */
    }
}

static int64_t appended_at_us(const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t at_ms = rd_kafka_message_timestamp(m, &type);

    return at_ms > 0 ? at_ms * 1000 : 0;
}

/* Takes a message over, or gives it back. 1: it is a record. */
static int take(struct kafka_log *l, rd_kafka_message_t *m, struct log_record *ret)
{
    struct reading *r = &l->reading;
    int error = 0;

    if (m->err || m->offset < (int64_t)r->next_offset) {
        error = m->err ? take_error(l, m) : 0;
        rd_kafka_message_destroy(m);
        return error;
    }
    *ret = (struct log_record){.offset = (uint64_t)m->offset,
                               .appended_at = appended_at_us(m),
                               .bytes = m->payload ? m->payload : "",
                               .length = m->len,
                               .cookie = kafka_send_back(l, m->key, m->key_len)};
    r->next_offset = (uint64_t)m->offset + 1;
    atomic_store(&l->reached, r->next_offset);
    r->batch[r->batch_count++] = m;
    return 1;
}

/* What has arrived already, behind the first. */
static int take_more(struct kafka_log *l, struct log_record *records, size_t room)
{
    rd_kafka_message_t *more[BATCH_MOST];
    ssize_t count = room ? rd_kafka_consume_batch_queue(l->queue, 0, more, room) : 0;
    int taken = 0, failure = 0;

    for (ssize_t i = 0; i < count; i++) {
        int got = take(l, more[i], &records[taken]);
        taken += got > 0;
        failure = got < 0 ? got : failure;
    }
    return taken ? taken : failure; /* a failure comes again with the next call: it does not pass */
}

/* Until the topic is known to be the log, or the time is over. */
static bool wait_confirmed(struct kafka_log *l, int timeout_ms)
{
    struct timespec until;
    int64_t wait_ms = timeout_ms < 0 ? 1000 : timeout_ms;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&l->lock);
    while (!atomic_load(&l->confirmed) && !atomic_load(&l->woken) && !atomic_load(&l->over))
        if (pthread_cond_timedwait(&l->changed, &l->lock, &until) == ETIMEDOUT)
            break;
    atomic_store(&l->woken, false);
    pthread_mutex_unlock(&l->lock);
    return atomic_load(&l->confirmed);
}

int kafka_log_next(struct log *log, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct kafka_log *l = kafka_log_of(log);
    int64_t until_us = clock_monotonic_us() + INT64_C(1000) * timeout_ms;
    size_t most = count < BATCH_MOST ? count : BATCH_MOST;

    release_batch(&l->reading);
    if (l->stopped)
        return 0;
    if (!atomic_load(&l->confirmed) && !atomic_load(&l->over) && !wait_confirmed(l, timeout_ms))
        return atomic_load(&l->over) ? ERROR_CORRUPT : 0;
    for (;;) {
        if (atomic_load(&l->over))
            return ERROR_CORRUPT;
        if (atomic_exchange(&l->read_anew, false) || !l->reading.consumer) {
            int error = read_anew(l);
            if (error)
                return error;
        }
        int64_t left_ms = timeout_ms < 0 ? 1000 : (until_us - clock_monotonic_us() + 999) / 1000;
        rd_kafka_message_t *m = rd_kafka_consumer_poll(l->reading.consumer, left_ms > 0 ? (int)left_ms : 0);
        int got = m ? take(l, m, ret_records) : 0;
        if (got > 0) {
            int more = take_more(l, ret_records + 1, most - 1);
            return more > 0 ? 1 + more : 1;
        }
        if (got < 0)
            return got;
        note_high_watermark(l);
        if (atomic_exchange(&l->woken, false) || (timeout_ms >= 0 && clock_monotonic_us() >= until_us))
            return 0;
    }
}
