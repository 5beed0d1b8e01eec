/* The Redis sink beside a writer that changes rows, and a real Redis that is stopped, flushed and full
 * meanwhile: afterwards it holds what the rows say. */
#include "redis_server.h"

#include "base/hash.h"
#include "core/answer/query.h"
#include "engine/feed.h"
#include "sinks/redis_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { SKUS = 400, LOCATIONS = 6, WAIT_MS = 20000 };

static struct redis_server server;
static bool there;

static int set_up(void **unused)
{
    int status = server_start(&server);
    there = status == 0;
    return status < 0 ? -1 : 0;
}

static int tear_down(void **unused)
{
    if (there)
        server_stop(&server);
    return 0;
}

/* An engine's view with nothing behind it: the test is the writer. */
struct world {
    struct epoch *epoch;
    struct state *state;
    struct view view;
    struct feed *feed;
    struct redis_sink *redis;
    struct sink sink;
    redisContext *client;
    struct duty_view duty;
    _Atomic uint64_t
        reported; /* the offset of the last place, as if it were recorded at once; UINT64_MAX: none */
    uint64_t offset;
    int64_t quantity[SKUS][LOCATIONS];
    uint32_t random;
};

static uint32_t draw(struct world *w, uint32_t below)
{
    w->random = w->random * 1664525 + 1013904223;
    return (w->random >> 8) % below;
}

static struct text name_of(char *out, const char *letter, uint32_t number)
{
    return (struct text){out, (size_t)sprintf(out, "%s %u", letter, number)};
}

static void fill_view(struct world *w)
{
    struct view *v = &w->view;

    v->epoch = w->epoch;
    v->table = w->state->table;
    v->catalogue = w->state->catalogue;
    v->incarnations = w->state->incarnations;
    atomic_store(&v->incarnations_count, w->state->incarnations_count);
    atomic_store(&v->next_offset, w->offset);
}

static void report(void *context, uint64_t term, struct duty_place place)
{
    struct world *w = context;
    if (term == atomic_load(&w->duty.term))
        atomic_store(&w->reported, place.offset);
}

static bool recorded(void *context, struct duty_place *ret)
{
    struct world *w = context;
    *ret = (struct duty_place){1795219200000042, atomic_load(&w->reported)};
    return ret->offset != UINT64_MAX;
}

static void world_init(struct world *w)
{
    struct feed_port port;
    char name[32], detail[200];
    uint32_t number;
    bool new;

    *w = (struct world){
        .random = 7, .offset = 1, .duty = {.term = 1, .until_us = INT64_MAX}, .reported = UINT64_MAX};
    w->epoch = epoch_create();
    w->state = state_create(w->epoch);
    assert_int_equal(state_incarnate(w->state, 1795219200000042), 0);
    for (uint32_t i = 0; i < LOCATIONS; i++) {
        sprintf(name, "L%u", i);
        assert_int_equal(catalogue_location_add(w->state->catalogue, text_of(name), 100, &number, &new), 0);
    }
    fill_view(w);
    w->feed = feed_create();
    assert_int_equal(feed_add(w->feed, "redis", 64, &port), 0);
    feed_flush(w->feed, w->offset);
    struct redis_options o = {.address = server.address,
                              .prefix = "t:",
                              .view = &w->view,
                              .answer_timeout_ms = 300,
                              .duty = {&w->duty, w, report, recorded}};
    assert_int_equal(redis_sink_create(&o, &w->redis, detail, sizeof(detail)), 0);
    w->sink = redis_sink_as_sink(w->redis);
    assert_int_equal(w->sink.start(w->sink.context, port), 0);
    w->client = redisConnectUnix(server.socket);
    assert_true(w->client && !w->client->err);
    freeReplyObject(redisCommand(w->client, "FLUSHALL"));
}

static void world_finish(struct world *w)
{
    redis_sink_destroy(w->redis);
    redisFree(w->client);
    feed_destroy(w->feed);
    state_destroy(w->state);
    epoch_destroy(w->epoch);
}

/* One record: rows of one SKU are others now. */
static void change(struct world *w)
{
    uint32_t number = draw(w, SKUS), count = 1 + draw(w, 3);
    struct row_image rows[3];
    struct outcome_change changes[3];
    struct record r = {.kind = RECORD_EVENTS};
    char name[32];
    struct text text = name_of(name, "S{", number);
    struct sku *sku = table_add(w->state->table, text, hash_text(text));
    uint32_t first = draw(w, LOCATIONS);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t location = (first + i) % LOCATIONS;
        int64_t quantity = (int64_t)draw(w, 20000) - 5000;
        rows[i] = (struct row_image){.word = {row_who(location, 1), (uint64_t)quantity, 0, 0, 0, 0,
                                              row_version(w->offset, 0, ROW_COUNTED), 0}};
        changes[i] = (struct outcome_change){.sku = sku, .location = location};
        w->quantity[number][location] = quantity > 0 ? quantity : 0;
    }
    assert_int_equal(table_publish(w->state->table, sku, rows, count), 0);
    atomic_store_explicit(&w->view.next_offset, w->offset + 1, memory_order_release);
    feed_applied(w->feed, w->state, &r, &(struct outcome){.changes = changes, .changes_count = count},
                 w->offset);
    feed_flush(w->feed, ++w->offset);
}

static void change_many(struct world *w, int count)
{
    for (int i = 0; i < count; i++) {
        change(w);
        if (i % 64 == 0)
            epoch_poll(w->epoch, 1000);
    }
}

static int64_t number_of(const redisReply *r)
{
    milli_t q = -1;
    if (r->type == REDIS_REPLY_STRING)
        quantity_parse((struct text){r->str, (size_t)r->len}, &q);
    return q;
}

static bool sku_is_right(struct world *w, uint32_t number)
{
    char key[64];
    int64_t sum = 0;
    bool right = true;

    snprintf(key, sizeof(key), "t:a:{S%%7B%%20%u}", number);
    redisReply *r = redisCommand(w->client, "HMGET %s L0 L1 L2 L3 L4 L5 * @v", key);
    for (uint32_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < LOCATIONS; i++) {
        int64_t there_milli = number_of(r->element[i]);
        right &= there_milli == w->quantity[number][i] || (there_milli == -1 && w->quantity[number][i] == 0);
        sum += w->quantity[number][i];
    }
    right = right && r && r->type == REDIS_REPLY_ARRAY &&
            r->element[LOCATIONS + 1]->type == REDIS_REPLY_STRING && number_of(r->element[LOCATIONS]) == sum;
    if (r)
        freeReplyObject(r);
    return right;
}

static bool all_is_right(struct world *w)
{
    char name[32], version[64];

    redisReply *r = redisCommand(w->client, "HGET t:meta version");
    snprintf(version, sizeof(version), "1795219200000042:%lu", w->offset - 1);
    bool right = r && r->type == REDIS_REPLY_STRING && strcmp(r->str, version) == 0;
    if (r)
        freeReplyObject(r);
    for (uint32_t i = 0; i < SKUS && right; i++) {
        struct text text = name_of(name, "S{", i);
        right = !table_find(w->state->table, text) || sku_is_right(w, i);
    }
    return right;
}

static void assert_becomes_right(struct world *w)
{
    for (int ms = 0; ms < WAIT_MS && !all_is_right(w); ms += 20) {
        epoch_poll(w->epoch, 1000);
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    assert_true(all_is_right(w));
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void rows_come_to_redis_while_they_change(void **unused)
{
    struct world w;

    if (!there)
        skip();
    world_init(&w);
    for (int i = 0; i < 20; i++) {
        change_many(&w, 500);
        pause_ms(5);
    }
    assert_becomes_right(&w);
    world_finish(&w);
}

/* A channel's document, as one record. */
static void put_channel(struct world *w, const struct channel *said)
{
    struct event_verdict v;
    struct outcome o = {.verdicts_count = 1, .verdicts = &v};
    struct record r = {.kind = RECORD_CHANNEL,
                       .reference = {.id = TEXT("web"), .document = TEXT("{}"), .decoded = said}};

    assert_int_equal(
        catalogue_put_channel(w->state->catalogue, &r.reference, (instant_t)w->offset, w->offset, 10, &v), 0);
    atomic_store_explicit(&w->view.next_offset, w->offset + 1, memory_order_release);
    feed_applied(w->feed, w->state, &r, &o, w->offset);
    feed_flush(w->feed, ++w->offset);
}

/* Each SKU has a web hash where the web sees 2 at most at L1 and the pool more, and else none. */
static bool channels_are_right(struct world *w, bool bounded)
{
    char name[32];
    bool right = true;

    for (uint32_t i = 0; i < SKUS && right; i++) {
        bool known = table_find(w->state->table, name_of(name, "S{", i)) != NULL;
        bool differs = known && bounded && w->quantity[i][1] > 2000;
        redisReply *r = redisCommand(w->client, "HGET t:a:{S%%7B%%20%u}:web L1", i);
        right = differs ? r && number_of(r) == 2000 : r && r->type == REDIS_REPLY_NIL;
        freeReplyObject(r);
    }
    return right;
}

static void a_channel_with_rules_has_hashes_of_its_own(void **unused)
{
    const struct rule two_at_l1 = {
        .place = {NARROWED_BY_NAME, TEXT("L1")}, .sets = 1u << RULE_CAP, .value[RULE_CAP] = 2000};
    struct world w;

    if (!there)
        skip();
    world_init(&w);
    change_many(&w, 500);
    put_channel(&w, &(struct channel){.rules_count = 1, .rules = &two_at_l1});
    change_many(&w, 500);
    assert_becomes_right(&w);
    assert_true(channels_are_right(&w, true));
    put_channel(&w, &(struct channel){0});
    change_many(&w, 500);
    assert_becomes_right(&w);
    assert_true(channels_are_right(&w, false));
    world_finish(&w);
}

static void redis_in_trouble_changes_nothing_but_redis(void **unused)
{
    static const char *const troubles[] = {"FLUSHALL",
                                           "SCRIPT FLUSH",
                                           "CLIENT KILL TYPE normal SKIPME yes",
                                           "CONFIG SET maxmemory 1",
                                           "CONFIG SET maxmemory 0",
                                           "REPLICAOF 127.0.0.1 1",
                                           "REPLICAOF NO ONE",
                                           "DEL t:mark",
                                           "SET t:a:{S%%7B%%201} text",
                                           "HDEL t:a:{S%%7B%%202} @v"};
    struct world w;

    if (!there)
        skip();
    world_init(&w);
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        change_many(&w, 300);
        redisReply *r = redisCommand(w.client, troubles[i]);
        assert_true(r && r->type != REDIS_REPLY_ERROR);
        freeReplyObject(r);
        change_many(&w, 300);
        pause_ms(30);
    }
    for (uint32_t i = 0; i < 40; i++) /* what was broken by hand is made good with its next change */
        change_many(&w, 300);
    assert_becomes_right(&w);
    world_finish(&w);
}

static void a_redis_that_stands_still_is_left_and_found_again(void **unused)
{
    struct world w;
    char trouble[200] = "";
    struct buffer metrics = {0};

    if (!there)
        skip();
    world_init(&w);
    change_many(&w, 2000);
    kill(server.pid, SIGSTOP);
    change_many(&w, 4000);
    for (int ms = 0; ms < WAIT_MS && !strstr(trouble, "no answer"); ms += 20) {
        pause_ms(20);
        w.sink.trouble(w.sink.context, trouble, sizeof(trouble));
    }
    assert_non_null(strstr(trouble, "no answer within 300 ms"));
    change_many(&w, 1000);
    kill(server.pid, SIGCONT);
    assert_becomes_right(&w);
    w.sink.trouble(w.sink.context, trouble, sizeof(trouble));
    assert_string_equal(trouble, "");
    w.sink.metrics(w.sink.context, &metrics);
    buffer_byte(&metrics, '\0');
    assert_non_null(strstr(metrics.at, "onhand_redis_connected 1\n"));
    assert_non_null(strstr(metrics.at, "onhand_redis_dirty 0\n"));
    buffer_finish(&metrics);
    world_finish(&w);
}

static void stopping_does_not_wait_for_a_redis_that_is_not_there(void **unused)
{
    struct world w;

    if (!there)
        skip();
    world_init(&w);
    kill(server.pid, SIGSTOP);
    change_many(&w, 1000);
    w.sink.stop(w.sink.context);
    kill(server.pid, SIGCONT);
    world_finish(&w);
}

static uint64_t metric(struct world *w, const char *name)
{
    struct buffer metrics = {0};
    char line[80];

    w->sink.metrics(w->sink.context, &metrics);
    buffer_byte(&metrics, '\0');
    snprintf(line, sizeof(line), "\nonhand_redis_%s ", name);
    const char *at = strstr(metrics.at, line);
    assert_non_null(at);
    uint64_t value = strtoull(at + strlen(line), NULL, 10);
    buffer_finish(&metrics);
    return value;
}

static uint64_t skus_sent(struct world *w)
{
    return metric(w, "writes_total") + metric(w, "unchanged_total") + metric(w, "guarded_total") +
           metric(w, "incomplete_total");
}

static void wait_reported(struct world *w)
{
    for (int ms = 0; ms < WAIT_MS && atomic_load(&w->reported) != w->offset; ms += 5)
        pause_ms(5);
    assert_int_equal(atomic_load(&w->reported), w->offset);
}

static void come_off_duty(struct world *w)
{
    atomic_store(&w->duty.term, 0);
    for (int ms = 0; ms < WAIT_MS && metric(w, "connected"); ms += 5)
        pause_ms(5);
    assert_int_equal(metric(w, "connected"), 0);
}

static void who_comes_on_duty_writes_what_is_newer(void **unused)
{
    struct world w;

    if (!there)
        skip();
    world_init(&w);
    change_many(&w, 4000);
    assert_becomes_right(&w);
    wait_reported(&w);
    come_off_duty(&w);
    uint64_t sent = skus_sent(&w), place = atomic_load(&w.reported);
    change_many(&w, 20);
    pause_ms(300);
    assert_int_equal(skus_sent(&w), sent);
    assert_int_equal(atomic_load(&w.reported), place);
    atomic_store(&w.duty.term, 2);
    assert_becomes_right(&w);
    assert_in_range(skus_sent(&w) - sent, 1, 20);
    wait_reported(&w);
    world_finish(&w);
}

/* The place in the log is of another Redis, or of this one before it lost what it had. */
static void who_comes_on_duty_and_finds_it_empty_writes_all(void **unused)
{
    static const char *const losses[] = {"FLUSHALL", "DEL t:mark", "HDEL t:meta version",
                                         "HSET t:meta rebuilding 1"};
    struct world w;

    if (!there)
        skip();
    world_init(&w);
    change_many(&w, 4000);
    for (uint64_t i = 0; i < 4; i++) {
        assert_becomes_right(&w);
        wait_reported(&w);
        come_off_duty(&w);
        freeReplyObject(redisCommand(w.client, losses[i]));
        freeReplyObject(redisCommand(w.client, "DEL t:a:{S%%7B%%201}"));
        atomic_store(&w.duty.term, 2 + i);
    }
    assert_becomes_right(&w);
    /* and what nobody recorded is not relied on */
    come_off_duty(&w);
    atomic_store(&w.reported, UINT64_MAX);
    freeReplyObject(redisCommand(w.client, "DEL t:a:{S%%7B%%201}"));
    atomic_store(&w.duty.term, 9);
    assert_becomes_right(&w);
    world_finish(&w);
}

/* A process that stood still finds its time over, whatever the term says. */
static void duty_ends_with_its_time(void **unused)
{
    struct world w;

    if (!there)
        skip();
    world_init(&w);
    change_many(&w, 100);
    assert_becomes_right(&w);
    atomic_store(&w.duty.until_us, 0);
    for (int ms = 0; ms < WAIT_MS && metric(&w, "connected"); ms += 5)
        pause_ms(5);
    assert_int_equal(metric(&w, "connected"), 0);
    world_finish(&w);
}

int main(void)
{
    hash_seed(7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_to_redis_while_they_change),
        cmocka_unit_test(a_channel_with_rules_has_hashes_of_its_own),
        cmocka_unit_test(redis_in_trouble_changes_nothing_but_redis),
        cmocka_unit_test(a_redis_that_stands_still_is_left_and_found_again),
        cmocka_unit_test(who_comes_on_duty_writes_what_is_newer),
        cmocka_unit_test(who_comes_on_duty_and_finds_it_empty_writes_all),
        cmocka_unit_test(duty_ends_with_its_time),
        cmocka_unit_test(stopping_does_not_wait_for_a_redis_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
