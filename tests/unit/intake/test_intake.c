/* The whole intake against librdkafka's mock cluster and an engine that the test drives: order, exactly once,
 * starting over, dead letters, stopping. The codec is a fake: a message is a list of words, and a record is a
 * line that names where it came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "codec/event_json.h"
#include "codec/record_codec.h"
#include "intake/intake.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the fake codec: "word word …"; the word `bad` is no event, `rubbish` makes the message unreadable,
 * `reject` is rejected when applied ---- */

int json_events_read(struct text body, bool ndjson, uint32_t level, struct arena *a,
                     const struct event_reader *r, uint32_t *ret_unknown_fields, struct problems *p)
{
    char *words = (char *)(uintptr_t)arena_text(a, body).at, *rest = words, *word; /* events point there */
    size_t number = 0;

    if (strstr(words, "rubbish")) {
        problems_add(p, "", "is rubbish");
        return ERROR_INVALID;
    }
    while ((word = strsep(&rest, " "))) {
        struct event e = {.type = EVENT_SALE, .id = text_of(word)};
        struct problems bad = {0};
        if (strcmp(word, "bad") == 0)
            problems_add(&bad, "/quantity", "must be greater than 0");
        int stop = r->each(r->context, number++, &e, &bad);
        if (stop)
            return stop;
    }
    return 0;
}

int proto_events_read(const void *bytes, size_t length, uint32_t level, struct arena *a,
                      const struct event_reader *r, struct problems *p)
{
    return ERROR_INVALID;
}

int record_events_read(const void *bytes, size_t length, uint32_t level, struct arena *a,
                       const struct event_reader *r, struct problems *p)
{
    return ERROR_INVALID;
}

int record_encode(const struct record *r, struct buffer *out)
{
    buffer_printf(out, "%.*s %d %ld %ld %d %zu", (int)r->intake.name.length, r->intake.name.at,
                  r->intake.partition, r->intake.offset, r->intake.after, r->intake.skipped, r->events_count);
    for (size_t i = 0; i < r->events_count; i++)
        buffer_printf(out, " %.*s", (int)r->events[i].id.length, r->events[i].id.at);
    buffer_byte(out, '\0');
    out->length--;
    return 0;
}

int record_encode_plain(struct text event, uint32_t level, const struct intake_said *intake,
                        struct buffer *out, struct text *ret_event)
{
    return ERROR_INVALID; /* no message here is protobuf */
}

/* ---- the engine: one thread that applies what was submitted, in order ---- */

enum { QUEUE = 8192, APPLIED_MOST = 65536 };

struct engine {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct command *queue[QUEUE];
    size_t first, count, room;
    bool stop;
    struct view view;
    struct intake_backlog *backlog;
    uint64_t offset;
    uint64_t fail_every; /* 0: never; n: each nth record is lost on its way */
    bool fail_kept;      /* …but is applied all the same */
    uint64_t many;       /* calls of submit_all */
    int64_t refused;     /* submits answered with ERROR_BUSY */
    bool unavailable;
    char applied[APPLIED_MOST][24]; /* words in order */
    size_t applied_count, skipped_count, gaps, repeats;
};

static int submit(void *context, struct command *c)
{
    struct engine *e = context;
    int error = 0;

    pthread_mutex_lock(&e->lock);
    if (e->unavailable)
        error = ERROR_UNAVAILABLE;
    else if (e->count >= e->room) {
        error = ERROR_BUSY;
        e->refused++;
    } else {
        e->queue[(e->first + e->count++) % QUEUE] = c;
        pthread_cond_broadcast(&e->changed);
    }
    pthread_mutex_unlock(&e->lock);
    return error;
}

/* All or none, and refusing often enough that commands are put back. */
static int submit_all(void *context, struct command *const *commands, size_t count)
{
    struct engine *e = context;
    int error = 0;

    pthread_mutex_lock(&e->lock);
    if (e->unavailable)
        error = ERROR_UNAVAILABLE;
    else if (e->count + count > e->room || ++e->many % 7 == 0) {
        error = ERROR_BUSY;
        e->refused++;
    }
    for (size_t i = 0; i < count && !error; i++)
        e->queue[(e->first + e->count++) % QUEUE] = commands[i];
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    return error;
}

static void say(struct engine *e, struct command *c, enum verdict verdict, enum reason reason)
{
    c->verdicts[c->verdicts_count++] =
        (struct event_verdict){.verdict = (uint8_t)verdict, .reason = (uint8_t)reason};
}

static void apply(struct engine *e, struct command *c)
{
    char line[2048], *rest = line, name[64];
    struct intake_said said = {0};
    int partition, skipped, used;
    long offset, after;
    size_t events;

    snprintf(line, sizeof(line), "%s", (const char *)c->bytes);
    assert_int_equal(
        sscanf(line, "%63s %d %ld %ld %d %zu%n", name, &partition, &offset, &after, &skipped, &events, &used),
        6);
    said = (struct intake_said){text_of(name), partition, offset, after, skipped};
    enum position_verdict position = positions_judge(e->view.positions, &said);
    if (position == POSITION_NEXT)
        positions_advance(e->view.positions, &said);
    e->gaps += position == POSITION_GAP;
    e->repeats += position == POSITION_REPEAT;
    e->skipped_count += position == POSITION_NEXT && skipped;
    rest += used + 1;
    for (size_t i = 0; i < events; i++) {
        char *word = strsep(&rest, " ");
        if (position == POSITION_GAP)
            say(e, c, VERDICT_REJECTED, REASON_GAP);
        else if (position == POSITION_REPEAT)
            say(e, c, VERDICT_DUPLICATE, REASON_NONE);
        else if (strcmp(word, "reject") == 0)
            say(e, c, VERDICT_REJECTED, REASON_FUTURE);
        else {
            say(e, c, VERDICT_APPLIED, REASON_NONE);
            assert_true(e->applied_count < APPLIED_MOST);
            snprintf(e->applied[e->applied_count++], 24, "%s", word);
        }
    }
    const struct record r = {.intake = said, .events_count = events};
    intake_backlog_note(e->backlog, &r, c->verdicts, c->verdicts_count, e->offset);
    c->offset = e->offset;
}

static void handle(struct engine *e, struct command *c)
{
    bool fail = e->fail_every && ++e->offset % e->fail_every == 0;

    c->verdicts_count = 0;
    if (!fail || e->fail_kept)
        apply(e, c);
    c->status = fail ? ERROR_UNAVAILABLE : 0;
    if (!e->fail_every)
        e->offset++;
}

static void *engine_main(void *context)
{
    struct engine *e = context;

    pthread_mutex_lock(&e->lock);
    while (!e->stop || e->count) {
        if (!e->count) {
            pthread_cond_wait(&e->changed, &e->lock);
            continue;
        }
        struct command *c = e->queue[e->first];
        e->first = (e->first + 1) % QUEUE;
        e->count--;
        handle(e, c);
        pthread_mutex_unlock(&e->lock);
        c->done(c);
        pthread_mutex_lock(&e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

static struct engine *engine_new(void)
{
    struct engine *e = calloc(1, sizeof(*e));

    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
    e->room = QUEUE;
    e->view.positions = positions_create();
    e->backlog = intake_backlog_create();
    atomic_store(&e->view.ready, true);
    atomic_store(&e->view.level, 1);
    pthread_create(&e->thread, NULL, engine_main, e);
    return e;
}

static void engine_free(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->stop = true;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    positions_destroy(e->view.positions);
    intake_backlog_destroy(e->backlog);
    free(e);
}

static size_t applied_count(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    size_t count = e->applied_count;
    pthread_mutex_unlock(&e->lock);
    return count;
}

static void wait_applied(struct engine *e, size_t count)
{
    for (int ms = 0; applied_count(e) < count; ms += 10) {
        assert_true(ms < 60000);
        usleep(10000);
    }
}

/* ---- the cluster ---- */

struct cluster {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *mock;
    const char *brokers;
};

static int cluster_up(void **state)
{
    struct cluster *k = calloc(1, sizeof(*k));
    char detail[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", detail, sizeof(detail));
    rd_kafka_conf_set(conf, "log_level", "2", detail, sizeof(detail));
    rd_kafka_conf_set(conf, "linger.ms", "1", detail, sizeof(detail));
    k->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, sizeof(detail));
    k->mock = rd_kafka_handle_mock_cluster(k->client);
    k->brokers = rd_kafka_mock_cluster_bootstraps(k->mock);
    *state = k;
    return 0;
}

static int cluster_down(void **state)
{
    struct cluster *k = *state;

    rd_kafka_destroy(k->client);
    free(k);
    return 0;
}

static void topic(struct cluster *k, const char *name, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(k->mock, name, partitions, 1), 0);
}

static void produce(struct cluster *k, const char *topic, int partition, const char *text)
{
    char key[] = "key";
    assert_int_equal(rd_kafka_producev(k->client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, 3),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)text, strlen(text)),
                                       RD_KAFKA_V_END),
                     0);
    rd_kafka_poll(k->client, 0);
}

/* Words "P-0" … "P-(count-1)" into each partition. */
static void produce_numbers(struct cluster *k, const char *topic, int partitions, int from, int to)
{
    char word[24];

    for (int n = from; n < to; n++)
        for (int p = 0; p < partitions; p++) {
            snprintf(word, sizeof(word), "%d-%d", p, n);
            produce(k, topic, p, word);
        }
    assert_int_equal(rd_kafka_flush(k->client, 10000), 0);
}

static struct intake *start(struct cluster *k, struct engine *e, const char *topic, const char *letters,
                            unsigned in_flight)
{
    const struct intake_source source = {topic, INTAKE_JSON, 1};
    char detail[200] = "", group[64];
    const struct intake_options o = {.brokers = k->brokers,
                                     .group = group,
                                     .sources = &source,
                                     .sources_count = 1,
                                     .dead_letter_topic = letters,
                                     .view = &e->view,
                                     .commands = {.engine = e, .submit = submit, .submit_all = submit_all},
                                     .backlog = e->backlog,
                                     .in_flight_most = in_flight};
    struct intake *i = NULL;

    snprintf(group, sizeof(group), "group-%s", topic);
    if (intake_start(&o, &i, detail, sizeof(detail)) != 0)
        fail_msg("%s", detail);
    return i;
}

/* Every word once, those of a partition in order. */
static void check_numbers(struct engine *e, int partitions, int count)
{
    int next[16] = {0}, p, n;

    assert_int_equal(applied_count(e), (size_t)(partitions * count));
    for (size_t k = 0; k < e->applied_count; k++) {
        assert_int_equal(sscanf(e->applied[k], "%d-%d", &p, &n), 2);
        assert_int_equal(n, next[p]);
        next[p]++;
    }
}

static double metric(struct intake *i, const char *line)
{
    struct buffer out = {0};
    double value = -1;

    intake_metrics(i, &out);
    buffer_byte(&out, '\0');
    const char *at = strstr(out.at, line);
    if (at)
        value = strtod(at + strlen(line), NULL);
    buffer_finish(&out);
    return value;
}

/* ---- tests ---- */

static void every_message_once_and_in_order(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();

    topic(k, "plain", 3);
    topic(k, "plain-dead", 1);
    produce_numbers(k, "plain", 3, 0, 500);
    struct intake *i = start(k, e, "plain", "plain-dead", 0);
    wait_applied(e, 1500);
    produce_numbers(k, "plain", 3, 500, 600);
    wait_applied(e, 1800);
    check_numbers(e, 3, 600);
    assert_int_equal(e->gaps + e->repeats, 0);
    assert_true(metric(i, "onhand_intake_messages_total{topic=\"plain\",partition=\"2\"} ") == 600);
    assert_true(metric(i, "onhand_intake_rejected_total{topic=\"plain\",partition=\"2\"} ") == 0);
    int64_t began_us = clock_monotonic_us();
    intake_stop(i);
    assert_true(clock_monotonic_us() - began_us < 5500000);
    assert_int_equal(positions_get(e->view.positions, TEXT("plain"), 2), 599);
    /* again: from the state's position, not from what Kafka remembers */
    i = start(k, e, "plain", "plain-dead", 0);
    produce_numbers(k, "plain", 3, 600, 610);
    wait_applied(e, 1830);
    intake_stop(i);
    check_numbers(e, 3, 610);
    engine_free(e);
}

static void a_lost_command_is_read_again(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();

    topic(k, "lossy", 2);
    topic(k, "lossy-dead", 1);
    e->fail_every = 97;
    produce_numbers(k, "lossy", 2, 0, 400);
    struct intake *i = start(k, e, "lossy", "lossy-dead", 64);
    wait_applied(e, 800);
    intake_stop(i);
    check_numbers(e, 2, 400);
    assert_true(e->gaps > 0); /* what followed the lost one in flight */
    engine_free(e);
}

static void a_command_lost_but_applied_is_a_repeat(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();

    topic(k, "doubt", 1);
    topic(k, "doubt-dead", 1);
    e->fail_every = 101;
    e->fail_kept = true;
    produce_numbers(k, "doubt", 1, 0, 500);
    struct intake *i = start(k, e, "doubt", "doubt-dead", 64);
    wait_applied(e, 500);
    intake_stop(i);
    check_numbers(e, 1, 500);
    engine_free(e);
}

static void waits_when_the_engine_is_full(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();

    topic(k, "full", 2);
    topic(k, "full-dead", 1);
    produce_numbers(k, "full", 2, 0, 300);
    pthread_mutex_lock(&e->lock);
    e->room = 3;
    pthread_mutex_unlock(&e->lock);
    struct intake *i = start(k, e, "full", "full-dead", 16);
    wait_applied(e, 600);
    check_numbers(e, 2, 300);
    pthread_mutex_lock(&e->lock);
    e->unavailable = true; /* long enough for the partitions to be paused */
    pthread_mutex_unlock(&e->lock);
    produce_numbers(k, "full", 2, 300, 400);
    usleep(2500000);
    assert_true(metric(i, "onhand_intake_paused{topic=\"full\",partition=\"0\"} ") == 1);
    pthread_mutex_lock(&e->lock);
    e->unavailable = false;
    pthread_mutex_unlock(&e->lock);
    wait_applied(e, 800);
    check_numbers(e, 2, 400);
    intake_stop(i);
    engine_free(e);
}

/* Reads a dead-letter topic from its beginning: one line a letter. */
static size_t read_letters(struct cluster *k, const char *topic, size_t count, char lines[][512])
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char detail[200];
    size_t got = 0;

    rd_kafka_conf_set(conf, "bootstrap.servers", k->brokers, detail, sizeof(detail));
    rd_kafka_conf_set(conf, "log_level", "2", detail, sizeof(detail));
    rd_kafka_conf_set(conf, "group.id", "reader", detail, sizeof(detail));
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, sizeof(detail));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int tries = 0; got < count && tries < 100; tries++) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(reader, 200);
        if (m && !m->err) {
            rd_kafka_headers_t *headers;
            const void *value;
            const char *name;
            size_t size;
            int n = snprintf(lines[got], 512, "%.*s", (int)m->len, (const char *)m->payload);
            assert_int_equal(rd_kafka_message_headers(m, &headers), 0);
            for (size_t h = 0; rd_kafka_header_get_all(headers, h, &name, &value, &size) == 0; h++)
                if (strcmp(name, "onhand.error.at") != 0)
                    n += snprintf(lines[got] + n, 512 - (size_t)n, "|%s=%.*s", name, (int)size,
                                  (const char *)value);
            got++;
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return got;
}

static void what_cannot_be_used_becomes_a_dead_letter(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();
    static char lines[8][512];

    topic(k, "poison", 1);
    topic(k, "poison-dead", 1);
    produce(k, "poison", 0, "0-0");
    produce(k, "poison", 0, "rubbish");
    produce(k, "poison", 0, "0-1 bad 0-2");
    produce(k, "poison", 0, "0-3 reject");
    produce(k, "poison", 0, "0-4");
    assert_int_equal(rd_kafka_flush(k->client, 10000), 0);
    struct intake *i = start(k, e, "poison", "poison-dead", 0);
    wait_applied(e, 5);
    assert_int_equal(read_letters(k, "poison-dead", 3, lines), 3);
    check_numbers(e, 1, 5);
    assert_int_equal(e->skipped_count, 1);
    assert_string_equal(lines[0],
                        "rubbish|onhand.error.topic=poison|onhand.error.partition=0|onhand.error.offset=1|"
                        "onhand.error.reason=malformed|onhand.error.detail=is rubbish");
    assert_string_equal(
        lines[1],
        "0-1 bad 0-2|onhand.error.topic=poison|onhand.error.partition=0|onhand.error.offset=2|"
        "onhand.error.reason=malformed|onhand.error.detail=event 1: /quantity must be greater than 0");
    assert_string_equal(
        lines[2],
        "0-3 reject|onhand.error.topic=poison|onhand.error.partition=0|onhand.error.offset=3|"
        "onhand.error.reason=future|onhand.error.detail=event 1, id reject: /occurred_at is more than "
        "five minutes after log time: check the sender's clock");
    intake_stop(i);
    assert_true(intake_backlog_clear(e->backlog, UINT64_MAX));
    engine_free(e);
}

static void nothing_passes_a_dead_letter_that_is_not_acknowledged(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();
    static char lines[8][512];
    char trouble[200];

    topic(k, "held", 1);
    topic(k, "held-dead", 1);
    rd_kafka_mock_topic_set_error(k->mock, "held-dead", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    produce(k, "held", 0, "0-0");
    produce(k, "held", 0, "rubbish");
    produce(k, "held", 0, "0-1");
    assert_int_equal(rd_kafka_flush(k->client, 10000), 0);
    struct intake *i = start(k, e, "held", "held-dead", 0);
    wait_applied(e, 1);
    usleep(700000);
    assert_int_equal(applied_count(e), 1);
    assert_int_equal(positions_get(e->view.positions, TEXT("held"), 0), 0);
    for (int ms = 0; intake_trouble(i, trouble, sizeof(trouble)), !*trouble; ms += 10) {
        assert_true(ms < 20000);
        usleep(10000);
    }
    assert_non_null(strstr(trouble, "dead-letter topic"));
    rd_kafka_mock_topic_set_error(k->mock, "held-dead", RD_KAFKA_RESP_ERR_NO_ERROR);
    wait_applied(e, 2);
    assert_int_equal(read_letters(k, "held-dead", 1, lines), 1);
    assert_int_equal(e->skipped_count, 1);
    intake_stop(i);
    engine_free(e);
}

static void a_rejection_found_in_the_replay_gets_its_dead_letter(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();
    static char lines[8][512];

    topic(k, "replayed", 1);
    topic(k, "replayed-dead", 1);
    produce(k, "replayed", 0, "0-0");
    produce(k, "replayed", 0, "reject");
    produce(k, "replayed", 0, "0-1");
    produce(k, "replayed", 0, "0-2");
    assert_int_equal(rd_kafka_flush(k->client, 10000), 0);
    /* the life before: three were applied, the second rejected, and then the lights went out */
    struct intake_said said = {TEXT("replayed"), 0, 2, -1, false};
    positions_advance(e->view.positions, &said);
    said.offset = 1;
    const struct record r = {.intake = said, .events_count = 1};
    const struct event_verdict v = {.verdict = VERDICT_REJECTED, .reason = REASON_FUTURE};
    assert_int_equal(intake_backlog_note(e->backlog, &r, &v, 1, 7), 0);
    assert_false(intake_backlog_clear(e->backlog, 8));
    struct intake *i = start(k, e, "replayed", "replayed-dead", 0);
    wait_applied(e, 1);
    assert_int_equal(read_letters(k, "replayed-dead", 1, lines), 1);
    assert_non_null(
        strstr(lines[0], "reject|onhand.error.topic=replayed|onhand.error.partition=0|onhand.error.offset=1|"
                         "onhand.error.reason=future"));
    assert_int_equal(applied_count(e), 1); /* only what the state did not have */
    assert_string_equal(e->applied[0], "0-2");
    intake_stop(i);
    assert_true(intake_backlog_clear(e->backlog, 8));
    engine_free(e);
}

static void a_topic_that_ends_below_the_position_stops_with_an_alarm(void **state)
{
    struct cluster *k = *state;
    struct engine *e = engine_new();
    const struct intake_said said = {TEXT("short"), 0, 99, -1, false};
    char trouble[240];

    topic(k, "short", 1);
    topic(k, "short-dead", 1);
    produce_numbers(k, "short", 1, 0, 5);
    positions_advance(e->view.positions, &said);
    struct intake *i = start(k, e, "short", "short-dead", 0);
    for (int ms = 0; intake_trouble(i, trouble, sizeof(trouble)), !*trouble; ms += 10) {
        assert_true(ms < 20000);
        usleep(10000);
    }
    assert_string_equal(
        trouble,
        "topic short, partition 0 ends at offset 5, but 99 has been read of it: was it made anew? Then raise "
        "its generation");
    assert_int_equal(applied_count(e), 0);
    intake_stop(i);
    engine_free(e);
}

static void bad_options_are_told(void **state)
{
    struct engine *e = engine_new();
    const struct intake_source twice[] = {{"pos", INTAKE_JSON, 1}, {"pos", INTAKE_PROTOBUF, 1}};
    struct intake_options o = {.brokers = "",
                               .group = "g",
                               .sources = twice,
                               .sources_count = 2,
                               .dead_letter_topic = "dead",
                               .view = &e->view,
                               .commands = {.engine = e, .submit = submit}};
    struct intake *i = NULL;
    char detail[200];

    assert_int_equal(intake_start(&o, &i, detail, sizeof(detail)), ERROR_INVALID);
    assert_string_equal(detail, "intake needs the brokers: HOST:PORT, several with commas");
    o.brokers = "127.0.0.1:1";
    assert_int_equal(intake_start(&o, &i, detail, sizeof(detail)), ERROR_INVALID);
    assert_string_equal(detail, "intake topic pos is named twice");
    o.sources_count = 1;
    o.dead_letter_topic = "pos";
    assert_int_equal(intake_start(&o, &i, detail, sizeof(detail)), ERROR_INVALID);
    assert_string_equal(detail, "intake topic pos is the dead-letter topic: it would read what it writes");
    assert_null(i);
    intake_stop(NULL);
    engine_free(e);
}

static void stops_while_no_broker_answers(void **state)
{
    struct engine *e = engine_new();
    struct cluster nobody = {.brokers = "127.0.0.1:1"};
    char trouble[240];
    struct intake *i = start(&nobody, e, "nowhere", "nowhere-dead", 0);

    for (int ms = 0; intake_trouble(i, trouble, sizeof(trouble)), !*trouble; ms += 10) {
        assert_true(ms < 20000);
        usleep(10000);
    }
    int64_t began_us = clock_monotonic_us();
    intake_stop(i);
    assert_true(clock_monotonic_us() - began_us < 5500000);
    engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_once_and_in_order),
        cmocka_unit_test(a_lost_command_is_read_again),
        cmocka_unit_test(a_command_lost_but_applied_is_a_repeat),
        cmocka_unit_test(waits_when_the_engine_is_full),
        cmocka_unit_test(what_cannot_be_used_becomes_a_dead_letter),
        cmocka_unit_test(nothing_passes_a_dead_letter_that_is_not_acknowledged),
        cmocka_unit_test(a_rejection_found_in_the_replay_gets_its_dead_letter),
        cmocka_unit_test(a_topic_that_ends_below_the_position_stops_with_an_alarm),
        cmocka_unit_test(bad_options_are_told),
        cmocka_unit_test(stops_while_no_broker_answers),
    };
    return cmocka_run_group_tests(tests, cluster_up, cluster_down);
}
