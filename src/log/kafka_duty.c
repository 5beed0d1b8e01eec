/* Membership of the group on duty.
 *
 * Kafka gives the one partition to one member; whoever has it is on duty, for a term. A term ends
 *  - when the group takes the partition back, or librdkafka finds that it got no answer from the coordinator
 * for a session's time (the rebalance callback tells both);
 *  - when this process stood still: the thread looks in every POLL_MS, and what it found holds for
 * DUTY_LEASE_MS. Others see by their own clock that the time is over before they act, whichever thread wakes
 * up first. A gap that long means that the partition may be somebody else's by now, and librdkafka may not
 * know it yet: so the group is left and joined anew;
 *  - when this instance says that it is not fit.
 * The lease is shorter than the session, so nobody else was given the partition while it ran; only a
 * coordinator that cannot be reached leaves a moment in which two are on duty, and that does no harm
 * (core/duty.h).
 *
 * Membership is dynamic: a static member that was fenced is told by a fatal error and could not come back.
 * The range assignor gives the partition to the member whose name is first; names begin with the instant of
 * joining, so that whoever joins, or comes back, takes nothing from who is there. */
#include "log/kafka_duty.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "log/kafka_log_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 100, CLOSE_MS = 1000, AGAIN_US = 1000 * 1000 };

struct kafka_duty {
    rd_kafka_t *consumer; /* NULL: no member */
    char *brokers, *topic;
    pthread_t thread;
    bool started;

    /* the thread's */
    bool held;
    int64_t looked_us, again_us;

    pthread_mutex_t lock;
    bool fit, stopping; /* under lock, as what follows */
    uint64_t term;      /* of the last gain */
    bool on;
    int64_t until_us;
};

void kafka_duty_group(const char *topic, char *out, size_t size)
{
    if (strcmp(topic, "onhand.log") == 0)
        snprintf(out, size, "onhand-duty");
    else
        snprintf(out, size, "%s-duty", topic);
}

/* ---- @thread duty-member ---- */

static void publish(struct kafka_duty *d)
{
    pthread_mutex_lock(&d->lock);
    if (d->held && !d->on)
        d->term++;
    bool was = d->on;
    uint64_t term = d->term;
    d->on = d->held;
    d->until_us = d->looked_us + INT64_C(1000) * DUTY_LEASE_MS;
    pthread_mutex_unlock(&d->lock);
    if (was != d->held)
        log_info(d->held ? "on duty (term %lu)" : "off duty (term %lu ended)", term);
}

/* Takes the partition or gives it back, by either protocol; what is taken stands still. */
static void give(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list, bool more)
{
    const char *protocol = rd_kafka_rebalance_protocol(consumer);

    if (protocol && strcmp(protocol, "COOPERATIVE") == 0) {
        rd_kafka_error_t *error = more ? rd_kafka_incremental_assign(consumer, list)
                                       : rd_kafka_incremental_unassign(consumer, list);
        if (error)
            rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(consumer, more ? list : NULL);
    }
    if (more && list->cnt)
        rd_kafka_pause_partitions(consumer, list);
}

static void rebalanced(rd_kafka_t *consumer, rd_kafka_resp_err_t event,
                       rd_kafka_topic_partition_list_t *partitions, void *context)
{
    struct kafka_duty *d = context;
    bool more = event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

    for (int i = 0; i < partitions->cnt; i++)
        partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    if (!more && d->held) {
        d->held = false; /* told to others before it is given back */
        publish(d);
    }
    give(consumer, partitions, more);
    if (more && partitions->cnt)
        d->held = true;
}

/* Serves callbacks. Messages do not come, errors pass by themselves, but one. */
static void serve(struct kafka_duty *d, int timeout_ms)
{
    if (!d->consumer) {
        nanosleep(&(struct timespec){.tv_nsec = timeout_ms * 1000000L}, NULL);
        return;
    }
    rd_kafka_message_t *m = rd_kafka_consumer_poll(d->consumer, timeout_ms);

    if (!m)
        return;
    if (m->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
        d->held = false;
    rd_kafka_message_destroy(m);
}

/* ---- joining and leaving ---- */

static rd_kafka_t *consumer_create(struct kafka_duty *d, char *detail, size_t size)
{
    char name[48], group[300], session[16], poll[16];
    const char *const settings[][2] = {
        {"bootstrap.servers", d->brokers},
        {"client.id", name},
        {"group.id", group},
        {"partition.assignment.strategy",
         rd_kafka_version() >= 0x020601ff ? "cooperative-sticky" : "range"}, /* sticky hangs before */
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", "1000"},
        {"max.poll.interval.ms", poll},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"allow.auto.create.topics", "false"},
        {"queued.min.messages", "1"},
        {"queued.max.messages.kbytes", "64"},
        {"reconnect.backoff.max.ms", "500"},
        {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *consumer = NULL;

    snprintf(name, sizeof(name), "onhand-%020ld", clock_wall_us());
    kafka_duty_group(d->topic, group, sizeof(group));
    snprintf(session, sizeof(session), "%d", DUTY_SESSION_MS);
    snprintf(poll, sizeof(poll), "%d", 2 * DUTY_SESSION_MS);
    rd_kafka_conf_set_opaque(conf, d);
    rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
    if (kafka_set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, size))
        consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, size);
    if (!consumer)
        rd_kafka_conf_destroy(conf);
    else
        rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

/* rd_kafka_consumer_close waits for a broker that may be gone: this does not. */
static void close_in_time(rd_kafka_t *consumer)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer, queue);
    int64_t until_us = clock_monotonic_us() + INT64_C(1000) * CLOSE_MS;

    while (!error && !rd_kafka_consumer_closed(consumer) && clock_monotonic_us() < until_us) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, POLL_MS);
        if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
            give(consumer, rd_kafka_event_topic_partition_list(event),
                 rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
        if (event)
            rd_kafka_event_destroy(event);
    }
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_queue_destroy(queue);
}

static void leave(struct kafka_duty *d)
{
    if (!d->consumer)
        return;
    d->held = false;
    publish(d);
    rd_kafka_unsubscribe(d->consumer);
    close_in_time(d->consumer);
    rd_kafka_destroy_flags(d->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    d->consumer = NULL;
    d->held = false; /* whatever came with the last callbacks */
    d->looked_us = clock_monotonic_us();
    d->again_us = d->looked_us + AGAIN_US;
}

static void join(struct kafka_duty *d, int64_t now_us)
{
    char detail[200];

    if (d->consumer || now_us < d->again_us)
        return;
    d->again_us = now_us + AGAIN_US;
    d->consumer = consumer_create(d, detail, sizeof(detail));
    if (!d->consumer)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, d->topic, RD_KAFKA_PARTITION_UA);
    bool joined = rd_kafka_subscribe(d->consumer, list) == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    if (!joined)
        leave(d);
}

/* One look. False when the thread is to end. */
static bool look(struct kafka_duty *d)
{
    int64_t now_us = clock_monotonic_us();
    bool stood_still = now_us - d->looked_us > INT64_C(1000) * DUTY_LEASE_MS;

    pthread_mutex_lock(&d->lock);
    bool fit = d->fit, stopping = d->stopping;
    pthread_mutex_unlock(&d->lock);
    if (stood_still && d->consumer)
        log_info("this process stood still for %ld ms: joining those on duty anew",
                 (now_us - d->looked_us) / 1000);
    if (stopping || !fit || stood_still)
        leave(d);
    if (stopping)
        return false;
    if (d->looked_us < now_us)
        d->looked_us = now_us;
    serve(d, POLL_MS);
    if (fit)
        join(d, now_us);
    publish(d);
    return true;
}

static void *duty_main(void *context)
{
    struct kafka_duty *d = context;

    d->looked_us = clock_monotonic_us();
    while (look(d))
        ;
    return NULL;
}

/* ---- life ---- */

int kafka_duty_create(const char *brokers, const char *topic, struct kafka_duty **ret_duty)
{
    struct kafka_duty *d = calloc(1, sizeof(*d));

    if (!d)
        return ERROR_NOMEM;
    pthread_mutex_init(&d->lock, NULL);
    d->brokers = strdup(brokers);
    d->topic = strdup(topic);
    d->started = d->brokers && d->topic && pthread_create(&d->thread, NULL, duty_main, d) == 0;
    if (!d->started) {
        kafka_duty_destroy(d);
        return ERROR_NOMEM;
    }
    pthread_setname_np(d->thread, "duty-member");
    *ret_duty = d;
    return 0;
}

void kafka_duty_destroy(struct kafka_duty *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_mutex_unlock(&d->lock);
    if (d->started)
        pthread_join(d->thread, NULL);
    pthread_mutex_destroy(&d->lock);
    free(d->brokers);
    free(d->topic);
    free(d);
}

void kafka_duty_look(struct kafka_duty *d, bool fit, struct log_duty *ret)
{
    pthread_mutex_lock(&d->lock);
    d->fit = fit;
    *ret = (struct log_duty){.term = d->on ? d->term : 0, .until_us = d->until_us};
    pthread_mutex_unlock(&d->lock);
}
