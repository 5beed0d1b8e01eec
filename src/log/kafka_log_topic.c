/* What a log topic has to be: looked at before the log is opened, and every few seconds as long as it is. */
#include "log/kafka_log_internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "codec/record_codec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum must { EQUAL, AT_LEAST };
enum when { ALWAYS, REPLICATED, FOR_EVER };
enum { FIRST_MS = 200, OPEN_TRANSACTION_MS = 15000, STILL_MS = 15000 };

static const struct {
    const char *name, *value;
    enum must must;
    enum when when;
} log_settings[] = {
#define LOG_TOPIC(name, value, must, when) {name, value, must, when},
#include "log/kafka_log_settings.def"
#undef LOG_TOPIC
};
enum { LOG_SETTINGS_COUNT = sizeof(log_settings) / sizeof(log_settings[0]) };
_Static_assert(sizeof(log_settings) / sizeof(log_settings[0]) <= (size_t)KAFKA_LOG_SETTINGS_MOST,
               "room for all");

size_t kafka_log_settings(int replication, const char *ret_settings[KAFKA_LOG_SETTINGS_MOST][2])
{
    size_t count = 0;

    for (size_t i = 0; i < LOG_SETTINGS_COUNT; i++) {
        if (log_settings[i].when == REPLICATED && replication < 2)
            continue;
        ret_settings[count][0] = log_settings[i].name;
        ret_settings[count++][1] = log_settings[i].value;
    }
    return count;
}

/* It reads the first record, and no more. */
rd_kafka_t *kafka_admin_create(const char *brokers, char *detail, size_t detail_size)
{
    const char *const settings[][2] = {
        {"auto.offset.reset", "error"},         {"isolation.level", "read_committed"},
        {"queued.max.messages.kbytes", "1024"}, {"fetch.message.max.bytes", "4096"},
        {"fetch.wait.max.ms", "100"},
    };

    return topic_asker_create(brokers, "onhand-log-watch", settings, sizeof(settings) / sizeof(settings[0]),
                              detail, detail_size);
}

/* ---- is it as it must be? ---- */

static const char *value_of(const rd_kafka_ConfigEntry_t **entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

struct looked_at {
    int replicas;
    enum kafka_log_check check;
};

static bool is_wanted(enum when when, const struct looked_at *at)
{
    return when == ALWAYS || (when == REPLICATED && at->replicas >= 2) ||
           (when == FOR_EVER && at->check == KAFKA_LOG_CHECK_ALL);
}

static int judge_settings(const struct topic_asked *a, const rd_kafka_ConfigEntry_t **entries, size_t count,
                          void *context, char *detail, size_t size)
{
    const struct looked_at *at = context;

    for (size_t i = 0; i < LOG_SETTINGS_COUNT; i++) {
        const char *wanted = log_settings[i].value, *found = value_of(entries, count, log_settings[i].name);
        if (!found || !is_wanted(log_settings[i].when, at))
            continue;
        if (log_settings[i].must == EQUAL ? strcmp(found, wanted) == 0
                                          : strtoll(found, NULL, 10) >= strtoll(wanted, NULL, 10))
            continue;
        snprintf(detail, size,
                 "the log topic %s has %s=%s and must have %s%s: change it with kafka-configs%s", a->topic,
                 log_settings[i].name, found, log_settings[i].must == AT_LEAST ? "at least " : "", wanted,
                 log_settings[i].when == FOR_EVER ? ", or say --allow-retention and keep checkpoints" : "");
        return ERROR_INVALID;
    }
    return 0;
}

static struct topic_asked asked(rd_kafka_t *admin, const char *topic, int timeout_ms)
{
    return (struct topic_asked){admin, "the log topic", topic, "onhand topics", timeout_ms};
}

int kafka_topic_check(rd_kafka_t *admin, const char *topic, enum kafka_log_check check, int timeout_ms,
                      char *detail, size_t detail_size)
{
    struct topic_asked a = asked(admin, topic, timeout_ms);
    struct looked_at at = {.check = check};
    int partitions = 0, error = topic_ask_partitions(&a, &partitions, &at.replicas, detail, detail_size);

    if (!error && partitions != 1) {
        snprintf(detail, detail_size,
                 "the log topic %s has %d partitions and must have 1: only one keeps the order; make another "
                 "topic with `onhand topics --log-topic NAME`",
                 topic, partitions);
        error = ERROR_INVALID;
    }
    if (!error && check != KAFKA_LOG_CHECK_NONE)
        error = topic_ask_settings(&a, judge_settings, &at, detail, detail_size);
    return error;
}

/* ---- where it begins and ends ---- */

static int read_incarnation(const rd_kafka_message_t *m, struct incarnation_said *ret)
{
    struct arena arena = {0};
    struct problems problems = {0};
    struct record r = {0};
    uint32_t unknown_fields = 0;
    int error = record_decode(m->payload ? m->payload : "", m->len, LEVEL_NEWEST, &arena, &r, &unknown_fields,
                              &problems);

    if (!error && (r.kind != RECORD_INCARNATION || r.incarnation.number == 0))
        error = ERROR_INVALID;
    if (!error)
        *ret = r.incarnation;
    arena_finish(&arena);
    return error == ERROR_NOMEM ? error : error ? ERROR_CORRUPT : 0;
}

static int first_record(rd_kafka_t *admin, const char *topic, int timeout_ms, struct incarnation_said *ret,
                        char *detail, size_t size)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(admin, topic, NULL);
    int64_t until_us = clock_monotonic_us() + INT64_C(1000) * timeout_ms;
    int error = ERROR_UNAVAILABLE;

    snprintf(detail, size, "the first record of the log topic %s cannot be read now", topic);
    if (!t || rd_kafka_consume_start(t, 0, 0) != 0)
        goto out;
    while (clock_monotonic_us() < until_us) {
        rd_kafka_message_t *m = rd_kafka_consume(t, 0, FIRST_MS);
        bool record = m && !m->err;
        if (record)
            error = read_incarnation(m, ret);
        if (m)
            rd_kafka_message_destroy(m);
        if (record)
            break;
    }
    rd_kafka_consume_stop(t, 0);
    if (error == ERROR_CORRUPT)
        snprintf(detail, size,
                 "the first record of the topic %s is no incarnation, so it is not a log: make an empty "
                 "topic with "
                 "`onhand topics --log-topic NAME`, and let nobody write to it before that",
                 topic);
out:
    if (t)
        rd_kafka_topic_destroy(t);
    return error;
}

int kafka_topic_ends(rd_kafka_t *admin, const char *topic, int timeout_ms, struct kafka_ends *ret,
                     char *detail, size_t detail_size)
{
    struct topic_asked a = asked(admin, topic, timeout_ms);
    struct kafka_ends ends = {0};
    int error = topic_ask_ends(&a, 0, &ends.first, &ends.end, detail, detail_size);

    if (error)
        return error;
    if (ends.first == 0 && ends.end > 0)
        error = first_record(admin, topic, timeout_ms, &ends.begins, detail, detail_size);
    if (!error)
        *ret = ends;
    return error;
}

/* ---- its beginning ---- */

/* The number is chosen here, greater than that of the log it goes on from. */
static struct record incarnation_record(const struct incarnation_said *from)
{
    uint64_t now = (uint64_t)clock_wall_us();
    struct record r = {.kind = RECORD_INCARNATION, .level = LEVEL_NEWEST};

    if (from)
        r.incarnation = *from;
    r.incarnation.number = from && from->after_number >= now ? from->after_number + 1 : now;
    return r;
}

static int write_incarnation(const char *brokers, const char *topic, int timeout_ms,
                             const struct incarnation_said *from, char *detail, size_t size)
{
    char wait[16];
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"client.id", "onhand-topics"},
                                       {"enable.idempotence", "true"},
                                       {"message.timeout.ms", wait},
                                       {"linger.ms", "0"},
                                       {"log_level", "2"}};
    struct record r = incarnation_record(from);
    struct buffer bytes = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *producer = NULL;
    int error = record_encode(&r, &bytes);

    snprintf(wait, sizeof(wait), "%d", timeout_ms);
    if (!error && kafka_set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, size))
        producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, size);
    if (!producer) {
        rd_kafka_conf_destroy(conf);
        buffer_finish(&bytes);
        return error ? error : ERROR_INVALID;
    }
    rd_kafka_resp_err_t sent = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                                 RD_KAFKA_V_VALUE(bytes.at, bytes.length), RD_KAFKA_V_END);
    if (!sent)
        sent = rd_kafka_flush(producer, timeout_ms);
    if (sent) {
        snprintf(detail, size, "the first record could not be written to %s: %s", topic,
                 rd_kafka_err2str(sent));
        error = ERROR_UNAVAILABLE;
    }
    rd_kafka_destroy(producer);
    buffer_finish(&bytes);
    return error;
}

/* `begins`: the first record is written when there is none yet. */
static int look_and_begin(const char *brokers, const char *topic, int timeout_ms, enum kafka_log_check check,
                          bool begins, const struct incarnation_said *from, struct kafka_ends *ret,
                          char *detail, size_t size)
{
    rd_kafka_t *admin = kafka_admin_create(brokers, detail, size);

    if (!admin)
        return ERROR_INVALID;
    int error = kafka_topic_check(admin, topic, check, timeout_ms, detail, size);
    if (!error)
        error = kafka_topic_ends(admin, topic, timeout_ms, ret, detail, size);
    if (!error && begins && ret->end == 0) {
        error = write_incarnation(brokers, topic, timeout_ms, from, detail, size);
        if (!error)
            error = kafka_topic_ends(admin, topic, timeout_ms, ret, detail, size);
    }
    topic_asker_destroy(admin);
    if (!error)
        detail[0] = '\0';
    return error;
}

int kafka_log_begin(const char *brokers, const char *topic, int timeout_ms, enum kafka_log_check check,
                    uint64_t *ret_incarnation, char *detail, size_t detail_size)
{
    struct kafka_ends ends = {0};
    int error = look_and_begin(brokers, topic, timeout_ms, check, true, NULL, &ends, detail, detail_size);

    if (!error)
        *ret_incarnation = ends.begins.number;
    return error;
}

static bool same_checkpoint(const struct incarnation_said *a, const struct incarnation_said *b)
{
    return a->after_number == b->after_number && a->after_offset == b->after_offset &&
           a->digest_high == b->digest_high && a->digest_low == b->digest_low;
}

int kafka_log_go_on(const char *brokers, const char *topic, int timeout_ms, enum kafka_log_check check,
                    const struct incarnation_said *from, uint64_t *ret_incarnation, char *detail,
                    size_t detail_size)
{
    struct kafka_ends ends = {0};
    int error = look_and_begin(brokers, topic, timeout_ms, check, true, from, &ends, detail, detail_size);

    if (!error && !same_checkpoint(&ends.begins, from)) {
        snprintf(detail, detail_size,
                 "the topic %s has a log of its own already (incarnation %lu): take another name with "
                 "--log-topic, or delete the topic when nothing in it is needed",
                 topic, ends.begins.number);
        error = ERROR_CONFLICT;
    }
    if (!error)
        *ret_incarnation = ends.begins.number;
    return error;
}

int kafka_log_look(const char *brokers, const char *topic, int timeout_ms, enum kafka_log_check check,
                   struct kafka_log_found *ret, char *detail, size_t detail_size)
{
    struct kafka_ends ends = {0};
    int error = look_and_begin(brokers, topic, timeout_ms, check, false, NULL, &ends, detail, detail_size);

    if (!error)
        *ret = (struct kafka_log_found){.first_offset = (uint64_t)ends.first,
                                        .end_offset = (uint64_t)ends.end,
                                        .incarnation = ends.begins.number,
                                        .after_number = ends.begins.after_number,
                                        .after_offset = ends.begins.after_offset};
    return error;
}

/* ---- @thread watch ---- */

struct watch {
    uint64_t reached;             /* at the last look */
    int64_t still_us, pending_us; /* since when nothing came although there is more; a transaction is open */
};

static void say(struct kafka_log *l, char *what, size_t size, const char *text)
{
    pthread_mutex_lock(&l->lock);
    snprintf(what, size, "%s", text);
    pthread_mutex_unlock(&l->lock);
}

static bool longer_than(int64_t *since_us, bool now, int64_t ms)
{
    int64_t now_us = clock_monotonic_us();

    if (!now)
        *since_us = 0;
    else if (!*since_us)
        *since_us = now_us;
    return now && now_us - *since_us > 1000 * ms;
}

/* Compares how far reading is with where the log ends. */
static void look_at_progress(struct kafka_log *l, struct watch *w, uint64_t end)
{
    uint64_t reached = atomic_load(&l->reached), high = atomic_load(&l->high_watermark);
    bool still = reached < end && reached == w->reached;
    char text[480] = "";

    if (longer_than(&w->pending_us, high > end && reached == w->reached, OPEN_TRANSACTION_MS))
        snprintf(
            text, sizeof(text),
            "a transaction on the log topic %s stays open since record %lu: what stands behind it is not "
            "read before it ends (kafka-transactions finds and aborts it)",
            l->topic, end);
    if (longer_than(&w->still_us, still, STILL_MS)) {
        snprintf(text, sizeof(text), "reading the log stands still at record %lu of %lu: begun anew", reached,
                 end);
        w->still_us = 0;
        atomic_store(&l->read_anew, true);
        l->log.ops->wake(&l->log);
    }
    if (!text[0] && l->first_offset > atomic_load(&l->needed_from))
        snprintf(
            text, sizeof(text),
            "the log topic %s begins at record %lu, and the checkpoints here go on at %lu: a restart would "
            "need one of another instance. Write checkpoints more often or keep records longer",
            l->topic, l->first_offset, atomic_load(&l->needed_from));
    w->reached = reached;
    say(l, l->trouble, sizeof(l->trouble), text);
}

/* A topic of the same name, deleted and made again: its offsets mean something else. */
static bool is_another(const struct kafka_log *l, const struct kafka_ends *ends)
{
    return l->incarnation && ends->first == 0 && ends->begins.number != l->incarnation;
}

/* A broker answers at last: is this the log that the checkpoint belongs to? */
static void confirm(struct kafka_log *l)
{
    char detail[480] = "";
    int error = kafka_confirm(l, ASK_MS, detail, sizeof(detail));

    if (error == ERROR_CORRUPT || error == ERROR_CONFLICT)
        kafka_log_fail(l, "%s", detail);
    else if (error != ERROR_UNAVAILABLE)
        say(l, l->complaint, sizeof(l->complaint), error ? detail : "");
    if (!error && l->goes_on) { /* whoever loaded the checkpoint took it for this log's */
        kafka_log_fail(l, "the topic %s goes on from the checkpoint with a log of its own: start again",
                       l->topic);
        error = ERROR_CONFLICT;
    }
    if (!error) {
        pthread_mutex_lock(&l->lock);
        l->ready_from = l->end_offset;
        pthread_mutex_unlock(&l->lock);
        atomic_store(&l->confirmed, true);
    }
    l->log.ops->wake(&l->log);
}

static void look(struct kafka_log *l, struct watch *w)
{
    struct kafka_ends ends;
    char detail[480] = "";

    if (!atomic_load(&l->confirmed)) {
        confirm(l);
        return;
    }
    int error = kafka_topic_check(l->admin, l->topic, l->options.check, ASK_MS, detail, sizeof(detail));

    if (error == ERROR_UNAVAILABLE) {
        say(l, l->trouble, sizeof(l->trouble), detail);
        return;
    }
    say(l, l->complaint, sizeof(l->complaint), error ? detail : "");
    if (!error)
        error = kafka_topic_ends(l->admin, l->topic, ASK_MS, &ends, detail, sizeof(detail));
    if (error == ERROR_CORRUPT || (!error && is_another(l, &ends))) {
        kafka_log_fail(l,
                       "the topic %s is not the log any more that it was: it was made anew. Start on the old "
                       "one, or with an empty data folder",
                       l->topic);
        l->log.ops->wake(&l->log);
    }
    if (error)
        return;
    pthread_mutex_lock(&l->lock);
    l->first_offset = (uint64_t)ends.first;
    l->end_offset = (uint64_t)ends.end;
    pthread_mutex_unlock(&l->lock);
    look_at_progress(l, w, (uint64_t)ends.end);
}

/* @lock held, given up while waiting. Until the next look is due, or stopping. */
static void wait_for_turn(struct kafka_log *l)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += atomic_load(&l->confirmed) ? WATCH_MS / 1000 : 1;
    while (!l->stopping)
        if (pthread_cond_timedwait(&l->changed, &l->lock, &until) == ETIMEDOUT)
            return;
}

void *kafka_watch_main(void *log)
{
    struct kafka_log *l = log;
    struct watch w = {0};

    pthread_mutex_lock(&l->lock);
    for (;;) {
        wait_for_turn(l);
        if (l->stopping)
            break;
        pthread_mutex_unlock(&l->lock);
        look(l, &w);
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}
