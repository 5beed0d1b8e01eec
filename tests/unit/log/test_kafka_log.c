/* The log on Kafka against librdkafka's mock cluster: what comes back and to whom, what is told lost, what is
 * refused. */
#include "log/kafka_log_internal.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "codec/record_codec.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { WAIT_MS = 15000, MANY = 5000 };

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
    k->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, sizeof(detail));
    k->mock = rd_kafka_handle_mock_cluster(k->client);
    k->brokers = rd_kafka_mock_cluster_bootstraps(k->mock);
    assert_int_equal(rd_kafka_mock_topic_create(k->mock, "log", 1, 1), 0);
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

static void produce(struct cluster *k, const char *topic, const char *text)
{
    assert_int_equal(rd_kafka_producev(k->client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)text, strlen(text)),
                                       RD_KAFKA_V_END),
                     0);
    assert_int_equal(rd_kafka_flush(k->client, WAIT_MS), 0);
}

struct losses {
    _Atomic unsigned count;
    _Atomic int error;
    void *_Atomic cookie;
};

static void lost(void *context, void *cookie, int error)
{
    struct losses *l = context;

    l->error = error;
    l->cookie = cookie;
    l->count++;
}

static uint64_t begin(struct cluster *k)
{
    char detail[400];
    uint64_t incarnation = 0;

    if (kafka_log_begin(k->brokers, "log", WAIT_MS, KAFKA_LOG_CHECK_NONE, &incarnation, detail,
                        sizeof(detail)) != 0)
        fail_msg("%s", detail);
    return incarnation;
}

static struct kafka_log_options options_of(struct cluster *k, struct losses *losses)
{
    return (struct kafka_log_options){.brokers = k->brokers,
                                      .topic = "log",
                                      .lost = lost,
                                      .lost_context = losses,
                                      .check = KAFKA_LOG_CHECK_NONE};
}

static struct log *open_with(struct kafka_log_options o)
{
    struct log *l = NULL;
    char detail[400];

    if (kafka_log_open(&o, &l, detail, sizeof(detail)) != 0)
        fail_msg("%s", detail);
    return l;
}

static struct log *open_log(struct cluster *k, struct losses *losses)
{
    return open_with(options_of(k, losses));
}

/* The next record, whenever it comes. */
static struct log_record next_one(struct log *l)
{
    struct log_record r = {0};

    assert_int_equal(l->ops->next(l, &r, 1, WAIT_MS), 1);
    return r;
}

static void append(struct log *l, const char *text, void *cookie)
{
    const struct log_append one = {text, strlen(text), cookie};

    assert_int_equal(l->ops->append(l, &one, 1), 0);
}

static void assert_text(struct log_record r, const char *text)
{
    assert_int_equal(r.length, strlen(text));
    assert_memory_equal(r.bytes, text, r.length);
}

static void begins_once_and_comes_back_to_whoever_appended(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    int first, second;
    uint64_t incarnation = begin(k);

    assert_int_not_equal(incarnation, 0);
    assert_int_equal(begin(k), incarnation); /* once */
    struct log *a = open_log(k, &none), *b = open_log(k, &none);
    assert_int_equal(next_one(a).offset, 0);
    assert_int_equal(next_one(b).offset, 0);
    append(a, "of a", &first);
    struct log_record r = next_one(a);
    assert_text(r, "of a");
    assert_ptr_equal(r.cookie, &first);
    assert_int_equal(r.offset, 1);
    assert_true(r.appended_at > 0);
    r = next_one(b);
    assert_text(r, "of a");
    assert_null(r.cookie);
    append(b, "of b", &second);
    assert_null(next_one(a).cookie);
    assert_ptr_equal(next_one(b).cookie, &second);
    produce(k, "log", "of somebody else");
    r = next_one(a);
    assert_text(r, "of somebody else");
    assert_null(r.cookie);
    a->ops->destroy(a);
    b->ops->destroy(b);
    assert_int_equal(none.count, 0);
}

static void order_and_offsets_hold_under_load(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    static char texts[MANY][12];
    struct log_record records[100];
    size_t came = 0;

    begin(k);
    struct log *l = open_log(k, &none);
    next_one(l);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%zu", i);
        append(l, texts[i], texts[i]);
    }
    while (came < MANY) {
        int count = l->ops->next(l, records, 100, WAIT_MS);
        assert_true(count > 0);
        for (int i = 0; i < count; i++, came++) {
            assert_text(records[i], texts[came]);
            assert_ptr_equal(records[i].cookie, texts[came]);
            assert_int_equal(records[i].offset, came + 1);
        }
    }
    struct log_status status;
    l->ops->status(l, &status);
    assert_int_equal(status.reached_offset, MANY + 1);
    assert_true(status.writable);
    l->ops->destroy(l);
    assert_int_equal(none.count, 0);
}

static void bounds_are_told_and_nothing_is_dropped(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    static const char long_one[256 * 1024 + 1];
    struct kafka_log_options o = options_of(k, &none);
    const struct log_append too_long = {long_one, sizeof(long_one), NULL};
    struct log_append five[5] = {
        {"x", 1, NULL}, {"x", 1, NULL}, {"x", 1, NULL}, {"x", 1, NULL}, {"x", 1, NULL}};

    begin(k);
    o.queue_records_most = 4;
    struct log *l = open_with(o);
    next_one(l);
    assert_int_equal(l->ops->append(l, &too_long, 1), ERROR_LIMIT);
    assert_int_equal(l->ops->append(l, five, 5), ERROR_BUSY);
    assert_int_equal(l->ops->append(l, five, 4), 0);
    assert_int_equal(l->ops->append(l, five, 1), ERROR_BUSY); /* not back yet: nobody called next */
    for (int i = 0; i < 4; i++)
        next_one(l);
    for (int tries = 0; l->ops->append(l, five, 1) == ERROR_BUSY && tries < WAIT_MS; tries++)
        usleep(1000); /* its acknowledgement may come after the record itself */
    next_one(l);
    l->ops->destroy(l);
    assert_int_equal(none.count, 0);
}

static void what_waits_too_long_is_told_lost_and_may_come_all_the_same(void **state)
{
    struct cluster *k = *state;
    struct losses losses = {0};
    int cookie;
    struct kafka_log_options o = options_of(k, &losses);

    begin(k);
    o.command_wait_ms = 1500; /* the mock answers a fetch when its half second is over */
    struct log *l = open_with(o);
    next_one(l);
    rd_kafka_mock_broker_set_down(k->mock, 1);
    char *bytes = strdup("late");
    append(l, bytes, &cookie);
    for (int tries = 0; losses.count == 0 && tries < WAIT_MS; tries++)
        usleep(1000);
    memset(bytes, 'x', 4); /* ours again: the log has a copy */
    free(bytes);
    assert_int_equal(losses.count, 1);
    assert_int_equal(losses.error, ERROR_TIMEOUT);
    assert_ptr_equal(losses.cookie, &cookie);
    struct log_status status = {.writable = true};
    for (int tries = 0; status.writable && tries < WAIT_MS; tries++, usleep(1000))
        l->ops->status(l, &status);
    assert_false(status.writable);
    assert_non_null(strstr(status.reason, "Kafka does not acknowledge"));
    assert_int_equal(l->ops->append(l, &(struct log_append){"no", 2, NULL}, 1), ERROR_UNAVAILABLE);
    rd_kafka_mock_broker_set_up(k->mock, 1);
    struct log_record r = next_one(l);
    assert_text(r, "late");
    assert_null(r.cookie);
    for (int tries = 0; !status.writable && tries < WAIT_MS; tries++, usleep(1000))
        l->ops->status(l, &status);
    assert_true(status.writable);
    append(l, "after", &cookie);
    assert_ptr_equal(next_one(l).cookie, &cookie);
    l->ops->destroy(l);
    assert_int_equal(losses.count, 1);
}

static void stopping_gives_everything_back(void **state)
{
    struct cluster *k = *state;
    struct losses losses = {0};
    int cookie;

    begin(k);
    struct log *l = open_log(k, &losses);
    next_one(l);
    rd_kafka_mock_broker_set_down(k->mock, 1);
    append(l, "never seen", &cookie);
    l->ops->stop(l);
    assert_int_equal(losses.count, 1);
    assert_ptr_equal(losses.cookie, &cookie);
    assert_int_equal(l->ops->append(l, &(struct log_append){"no", 2, NULL}, 1), ERROR_UNAVAILABLE);
    l->ops->destroy(l);
}

static void a_producer_that_turned_fatal_is_replaced(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    int cookies[3];

    begin(k);
    struct log *l = open_log(k, &none);
    next_one(l);
    append(l, "before", &cookies[0]);
    assert_ptr_equal(next_one(l).cookie, &cookies[0]);
    /* Produce is request 0; this answer is fatal to an idempotent producer */
    rd_kafka_mock_push_request_errors(k->mock, 0, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(l, "in between", &cookies[1]);
    assert_ptr_equal(next_one(l).cookie, &cookies[1]);
    assert_int_equal(kafka_log_of(l)->sending.produced_anew, 1);
    append(l, "behind", &cookies[2]);
    struct log_record r = next_one(l);
    while (!r.cookie) /* what was sent twice may stand there twice */
        r = next_one(l);
    assert_ptr_equal(r.cookie, &cookies[2]);
    l->ops->destroy(l);
    assert_int_equal(none.count, 0);
}

static void reading_begun_anew_goes_on_where_it_was(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    struct log_status status;

    begin(k);
    struct log *l = open_log(k, &none);
    next_one(l);
    append(l, "first", NULL);
    append(l, "second", NULL);
    assert_text(next_one(l), "first");
    atomic_store(&kafka_log_of(l)->read_anew,
                 true); /* what watch does when nothing comes although there is more */
    struct log_record r = next_one(l);
    assert_text(r, "second");
    assert_int_equal(r.offset, 2);
    l->ops->status(l, &status);
    assert_int_equal(status.renewals, 1);
    l->ops->destroy(l);
}

static void waking_ends_a_wait(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    struct log_record r;

    begin(k);
    struct log *l = open_log(k, &none);
    next_one(l);
    l->ops->wake(l);
    assert_int_equal(l->ops->next(l, &r, 1, -1), 0);
    l->ops->destroy(l);
}

static void assert_refused(struct kafka_log_options o, int error, const char *said)
{
    struct log *l = NULL;
    char detail[400];

    assert_int_equal(kafka_log_open(&o, &l, detail, sizeof(detail)), error);
    assert_non_null(strstr(detail, said));
    assert_null(l);
}

static void what_is_not_the_log_is_refused(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    struct kafka_log_options o = options_of(k, &none);

    assert_refused(o, ERROR_INVALID, "is empty");
    uint64_t incarnation = begin(k);
    o.incarnation_expected = incarnation + 1;
    o.start_offset = 1;
    assert_refused(o, ERROR_CONFLICT, "the checkpoint is of the log with incarnation");
    o.incarnation_expected = incarnation;
    o.start_offset = 7;
    assert_refused(o, ERROR_CORRUPT, "ends at 1");
    assert_int_equal(rd_kafka_mock_topic_create(k->mock, "wide", 2, 1), 0);
    o.topic = "wide";
    assert_refused(o, ERROR_INVALID, "has 2 partitions and must have 1");
    assert_int_equal(rd_kafka_mock_topic_create(k->mock, "foreign", 1, 1), 0);
    produce(k, "foreign", "{\"id\":\"1\"}");
    o = options_of(k, &none);
    o.topic = "foreign";
    assert_refused(o, ERROR_CORRUPT, "is no incarnation");
}

static struct kafka_log_options from_checkpoint(struct kafka_log_options o, uint64_t incarnation,
                                                uint64_t next_offset, uint64_t digest)
{
    o.incarnation_expected = incarnation;
    o.start_offset = next_offset;
    o.digest_expected = (struct hash128){digest, digest + 1};
    return o;
}

static bool goes_on(struct log *l)
{
    struct log_status status;

    l->ops->status(l, &status);
    return status.goes_on;
}

/* A log that goes on from another's checkpoint is read from its first record by whoever has that very one. */
static void a_log_goes_on_from_a_checkpoint_and_no_other(void **state)
{
    struct cluster *k = *state;
    struct losses none = {0};
    struct kafka_log_options o = options_of(k, &none);
    const uint64_t far = UINT64_C(1) << 62; /* the other log's clock was wrong */
    struct incarnation_said from = {
        .after_number = far, .after_offset = 4711, .digest_high = 5, .digest_low = 6};
    uint64_t incarnation = 0, again = 0;
    char detail[400];

    for (int i = 0; i < 2; i++) /* once */
        assert_int_equal(kafka_log_go_on(k->brokers, "log", WAIT_MS, KAFKA_LOG_CHECK_NONE, &from,
                                         i ? &again : &incarnation, detail, sizeof(detail)),
                         0);
    assert_int_equal(incarnation, far + 1);
    assert_int_equal(again, incarnation);
    from.after_offset++;
    assert_int_equal(kafka_log_go_on(k->brokers, "log", WAIT_MS, KAFKA_LOG_CHECK_NONE, &from, &again, detail,
                                     sizeof(detail)),
                     ERROR_CONFLICT);
    assert_non_null(strstr(detail, "has a log of its own already"));
    struct kafka_log_found found;
    assert_int_equal(
        kafka_log_look(k->brokers, "log", WAIT_MS, KAFKA_LOG_CHECK_NONE, &found, detail, sizeof(detail)), 0);
    assert_int_equal(found.incarnation, incarnation);
    assert_int_equal(found.after_number, far);
    assert_int_equal(found.after_offset, 4711);
    assert_int_equal(found.end_offset, 1);

    assert_refused(o, ERROR_CORRUPT, "there is no checkpoint");
    assert_refused(from_checkpoint(o, far, 4711, 5), ERROR_CORRUPT, "is older");
    assert_refused(from_checkpoint(o, far, 4713, 5), ERROR_CORRUPT, "was written on after it had been moved");
    assert_refused(from_checkpoint(o, far, 4712, 7), ERROR_CORRUPT, "has another digest");
    assert_refused(from_checkpoint(o, far - 1, 4712, 5), ERROR_CONFLICT,
                   "the checkpoint is of the log with incarnation");
    struct log *l = open_with(from_checkpoint(o, far, 4712, 5));
    assert_true(goes_on(l));
    assert_int_equal(next_one(l).offset, 0);
    l->ops->destroy(l);
    l = open_with(from_checkpoint(o, incarnation, 1, 9)); /* one of its own */
    assert_false(goes_on(l));
    l->ops->destroy(l);
}

static void settings_of_a_log_topic(void **state)
{
    const char *settings[KAFKA_LOG_SETTINGS_MOST][2];
    size_t one = kafka_log_settings(1, settings), three = kafka_log_settings(3, settings);

    assert_int_equal(three, one + 1);
    assert_string_equal(settings[three - 1][0], "min.insync.replicas");
    assert_string_equal(settings[three - 1][1], "2");
}

/* A topic that was just made: its leader does not know yet that it is the leader. */
static void a_leader_that_does_not_know_yet_is_asked_again(void **state)
{
    struct cluster *k = *state;
    enum { LIST_OFFSETS = 2 };

    rd_kafka_mock_push_request_errors(k->mock, LIST_OFFSETS, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    assert_true(begin(k) > 0);
}

#define ON_CLUSTER(test) cmocka_unit_test_setup_teardown(test, cluster_up, cluster_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_CLUSTER(begins_once_and_comes_back_to_whoever_appended),
        ON_CLUSTER(order_and_offsets_hold_under_load),
        ON_CLUSTER(bounds_are_told_and_nothing_is_dropped),
        ON_CLUSTER(what_waits_too_long_is_told_lost_and_may_come_all_the_same),
        ON_CLUSTER(stopping_gives_everything_back),
        ON_CLUSTER(a_producer_that_turned_fatal_is_replaced),
        ON_CLUSTER(reading_begun_anew_goes_on_where_it_was),
        ON_CLUSTER(a_log_goes_on_from_a_checkpoint_and_no_other),
        ON_CLUSTER(waking_ends_a_wait),
        ON_CLUSTER(a_leader_that_does_not_know_yet_is_asked_again),
        ON_CLUSTER(what_is_not_the_log_is_refused),
        cmocka_unit_test(settings_of_a_log_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
