/* The log on Kafka as callers see it: opening it when the topic is as it must be, telling how it is, ending.
 */
#include "log/kafka_log_internal.h"
#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPEN_MS = 5000, STOP_WAIT_MS = 2500, QUEUE_RECORDS = 65536, QUEUE_BYTES = 64 << 20 };

static void kafka_log_wake(struct log *log)
{
    struct kafka_log *l = kafka_log_of(log);

    pthread_mutex_lock(&l->lock);
    atomic_store(&l->woken, true);
    if (l->queue)
        rd_kafka_queue_yield(l->queue);
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

/* How long records are kept is Kafka's to say; what is needed here is looked after. */
static int kafka_log_trim(struct log *log, uint64_t offset)
{
    atomic_store(&kafka_log_of(log)->needed_from, offset);
    return 0;
}

void kafka_log_fail(struct kafka_log *l, const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&l->lock);
    if (!l->failure[0]) {
        va_start(args, format);
        vsnprintf(l->failure, sizeof(l->failure), format, args);
        va_end(args);
    }
    atomic_store(&l->over, true);
    pthread_mutex_unlock(&l->lock);
}

/* @lock held */
static const char *why_not_writable(struct kafka_log *l)
{
    if (l->failure[0])
        return l->failure;
    if (l->complaint[0])
        return l->complaint;
    if (atomic_load(&l->reached) < l->ready_from)
        return "what came while no broker answered is being read";
    if (kafka_send_stalled(l))
        return "Kafka does not acknowledge records of the log: reads go on, appends do when it answers again";
    return l->stopping ? "the log was stopped" : "";
}

static void kafka_log_status(struct log *log, struct log_status *ret)
{
    struct kafka_log *l = kafka_log_of(log);
    uint64_t reached = atomic_load(&l->reached);

    pthread_mutex_lock(&l->lock);
    const char *reason = why_not_writable(l);
    *ret = (struct log_status){.writable = !reason[0],
                               .first_offset = l->first_offset,
                               .end_offset = reached > l->end_offset ? reached : l->end_offset,
                               .reached_offset = reached,
                               .bytes = l->sending.bytes,
                               .groups = l->sending.acknowledged,
                               .goes_on = l->goes_on,
                               .renewals = l->sending.produced_anew + atomic_load(&l->reading.created_anew)};
    snprintf(ret->reason, sizeof(ret->reason), "%.*s", (int)sizeof(ret->reason) - 1, reason);
    pthread_mutex_unlock(&l->lock);
}

void kafka_log_trouble(struct log *log, char *out, size_t size)
{
    struct kafka_log *l = kafka_log_of(log);

    pthread_mutex_lock(&l->lock);
    const char *why = why_not_writable(l);
    snprintf(out, size, "%s", why[0] ? why : l->trouble);
    pthread_mutex_unlock(&l->lock);
}

/* @lock held. Until everything is back; a broker that is away is not waited for long. */
static void wait_for_the_last(struct kafka_log *l)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_WAIT_MS / 1000;
    until.tv_nsec += STOP_WAIT_MS % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (l->sending.tail != l->sending.head)
        if (pthread_cond_timedwait(&l->changed, &l->lock, &until) == ETIMEDOUT)
            return;
}

/* Nobody joins who was never fit. */
static void kafka_log_duty(struct log *log, bool fit, struct log_duty *ret)
{
    struct kafka_log *l = kafka_log_of(log);

    *ret = (struct log_duty){0};
    if (!l->duty && (!fit || kafka_duty_create(l->brokers, l->topic, &l->duty) != 0))
        return;
    kafka_duty_look(l->duty, fit, ret);
}

static void kafka_log_stop(struct log *log)
{
    struct kafka_log *l = kafka_log_of(log);

    pthread_mutex_lock(&l->lock);
    bool again = l->stopping;
    struct kafka_duty *duty = l->duty;
    l->duty = NULL;
    l->stopping = true;
    pthread_cond_broadcast(&l->changed);
    if (!again)
        wait_for_the_last(l);
    atomic_store(&l->stopped, true);
    pthread_mutex_unlock(&l->lock);
    kafka_duty_destroy(duty); /* nobody asks any more */
    if (l->send_started)
        pthread_join(l->send_thread, NULL);
    if (l->watch_started)
        pthread_join(l->watch_thread, NULL);
    l->send_started = l->watch_started = false;
    if (!again)
        kafka_send_abandon(l);
}

static void kafka_log_free(struct kafka_log *l)
{
    kafka_read_end(l);
    kafka_send_finish(l);
    topic_asker_destroy(l->admin);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l->brokers);
    free(l->topic);
    free(l);
}

static void kafka_log_destroy(struct log *log)
{
    if (!log)
        return;
    kafka_log_stop(log);
    kafka_log_free(kafka_log_of(log));
}

static const struct log_ops kafka_log_ops = {
    .append = kafka_log_append,
    .next = kafka_log_next,
    .wake = kafka_log_wake,
    .trim = kafka_log_trim,
    .status = kafka_log_status,
    .duty = kafka_log_duty,
    .stop = kafka_log_stop,
    .destroy = kafka_log_destroy,
};

int kafka_log_end(struct log *log, int timeout_ms, uint64_t *ret_end)
{
    struct kafka_log *l = kafka_log_of(log);
    int64_t first = 0, end = 0;

    if (rd_kafka_query_watermark_offsets(l->admin, l->topic, 0, &first, &end, timeout_ms) != 0)
        return ERROR_UNAVAILABLE;
    *ret_end = (uint64_t)end;
    return 0;
}

/* ---- opening ---- */

static struct kafka_log *kafka_log_allocate(const struct kafka_log_options *o)
{
    struct kafka_log *l = calloc(1, sizeof(*l));
    pthread_condattr_t monotonic;

    if (!l)
        return NULL;
    l->log.ops = &kafka_log_ops;
    l->options = *o;
    if (!l->options.queue_records_most)
        l->options.queue_records_most = QUEUE_RECORDS;
    if (!l->options.queue_bytes_most)
        l->options.queue_bytes_most = QUEUE_BYTES;
    l->brokers = strdup(o->brokers);
    l->topic = strdup(o->topic);
    l->reading.next_offset = o->start_offset;
    atomic_store(&l->needed_from, o->start_offset);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return l;
}

/* Does the log go on from the very checkpoint that is there? */
static bool goes_on(const struct kafka_log *l, const struct kafka_ends *ends)
{
    const struct kafka_log_options *o = &l->options;
    const struct incarnation_said *i = &ends->begins;

    return o->incarnation_expected && i->number && i->after_number == o->incarnation_expected &&
           i->after_offset + 1 == o->start_offset && i->digest_high == o->digest_expected.high &&
           i->digest_low == o->digest_expected.low;
}

/* A log that stands on another is nothing without it. False: what is there does not lead up to it. */
static bool stands_on_what_is_there(const struct kafka_log *l, const struct incarnation_said *i, char *detail,
                                    size_t size)
{
    uint64_t expected = l->options.incarnation_expected;

    if (!i->after_number || (expected && expected != i->after_number))
        return true;
    int n =
        snprintf(detail, size, "the log topic %s goes on from the checkpoint %lu:%lu of another log, and ",
                 l->topic, i->after_number, i->after_offset);
    if (n > 0 && (size_t)n < size)
        snprintf(detail + n, size - (size_t)n,
                 "%s: start with --from URL of another instance of this log, "
                 "or copy the folder `checkpoints` of the data folder that was moved",
                 !expected                                       ? "there is no checkpoint"
                 : l->options.start_offset < i->after_offset + 1 ? "the checkpoint that is there is older"
                 : l->options.start_offset > i->after_offset + 1
                     ? "the old log was written on after it had been moved, which nobody here knows of"
                     : "the checkpoint that is there has another digest");
    return false;
}

/* Does the state that wants to go on belong to this log, and does the log have what comes next? */
static int judge_ends(const struct kafka_log *l, const struct kafka_ends *ends, char *detail, size_t size)
{
    uint64_t expected = l->options.incarnation_expected, start = l->options.start_offset;

    if (ends->end == 0 && ends->first == 0 && !expected) {
        snprintf(detail, size, "the log topic %s is empty: `onhand topics` writes its first record",
                 l->topic);
        return ERROR_INVALID;
    }
    if (goes_on(l, ends))
        return 0;
    if (!stands_on_what_is_there(l, &ends->begins, detail, size))
        return ERROR_CORRUPT;
    if (expected && ends->begins.number && expected != ends->begins.number) {
        snprintf(
            detail, size,
            "the checkpoint is of the log with incarnation %lu, the topic %s has %lu: give the data folder "
            "that belongs to it, or an empty one",
            expected, l->topic, ends->begins.number);
        return ERROR_CONFLICT;
    }
    if (start > (uint64_t)ends->end) {
        snprintf(
            detail, size,
            "the checkpoint leads up to record %lu, but the log topic %s ends at %ld: it was made anew or "
            "has lost records",
            start, l->topic, (long)ends->end);
        return ERROR_CORRUPT;
    }
    if (start < (uint64_t)ends->first) {
        snprintf(detail, size,
                 "the log topic %s begins at record %ld and %s: copy a newer checkpoint of it into the data "
                 "folder (from a backup, or from another instance)",
                 l->topic, (long)ends->first,
                 expected ? "the checkpoint is older" : "there is no checkpoint");
        return ERROR_CORRUPT;
    }
    return 0;
}

int kafka_confirm(struct kafka_log *l, int timeout_ms, char *detail, size_t size)
{
    struct kafka_ends ends;
    int error = kafka_topic_check(l->admin, l->topic, l->options.check, timeout_ms, detail, size);

    if (!error)
        error = kafka_topic_ends(l->admin, l->topic, timeout_ms, &ends, detail, size);
    if (!error)
        error = judge_ends(l, &ends, detail, size);
    if (error)
        return error;
    pthread_mutex_lock(&l->lock);
    l->incarnation = ends.begins.number;
    l->goes_on = goes_on(l, &ends);
    if (l->goes_on)
        l->reading.next_offset = 0;
    l->first_offset = (uint64_t)ends.first;
    l->end_offset = (uint64_t)ends.end;
    pthread_mutex_unlock(&l->lock);
    return 0;
}

/* Nobody answers, but there is a checkpoint that answers reads. */
static void open_unconfirmed(struct kafka_log *l, const char *detail)
{
    l->first_offset = l->end_offset = l->options.start_offset;
    snprintf(l->complaint, sizeof(l->complaint),
             "%.300s: reads are answered from the checkpoint until one does", detail);
}

static int look_first(struct kafka_log *l, char *detail, size_t size)
{
    l->admin = kafka_admin_create(l->brokers, detail, size);
    if (!l->admin)
        return ERROR_INVALID;
    int error = kafka_confirm(l, OPEN_MS, detail, size);
    atomic_store(&l->confirmed, error == 0);
    if (error != ERROR_UNAVAILABLE || !l->options.incarnation_expected)
        return error;
    open_unconfirmed(l, detail);
    return 0;
}

static int start_threads(struct kafka_log *l)
{
    l->send_started = pthread_create(&l->send_thread, NULL, kafka_send_main, l) == 0;
    l->watch_started = l->send_started && pthread_create(&l->watch_thread, NULL, kafka_watch_main, l) == 0;
    return l->watch_started ? 0 : ERROR_NOMEM;
}

int kafka_log_open(const struct kafka_log_options *o, struct log **ret_log, char *detail, size_t detail_size)
{
    struct kafka_log *l = kafka_log_allocate(o);
    int error = ERROR_NOMEM;

    detail[0] = '\0';
    if (l && l->brokers && l->topic)
        error = look_first(l, detail, detail_size);
    if (!error)
        error = kafka_send_init(l, detail, detail_size);
    if (!error)
        error = kafka_read_begin(l, detail, detail_size);
    if (!error)
        error = start_threads(l);
    if (!error) {
        *ret_log = &l->log;
        return 0;
    }
    if (!detail[0])
        snprintf(detail, detail_size, "%s", error_text(error));
    kafka_log_destroy(l ? &l->log : NULL);
    return error;
}
