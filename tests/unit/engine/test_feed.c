/* The feed: nothing that changed is lost, however slow a sink is; and the writer never waits. */
#include "engine/feed.h"
#include "sinks/null_sink.h"
#include "core/model/state.h"
#include "base/hash.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { SKUS = 3000 };

struct world {
    struct epoch *epoch;
    struct state *state;
    struct feed *feed;
    struct feed_port port;
    struct outcome_change changes[SKUS];
};

static struct sku *sku_at(struct world *w, uint32_t i)
{
    return table_sku(w->state->table, i);
}

static void world_init(struct world *w, size_t ring, uint32_t skus)
{
    w->epoch = epoch_create();
    w->state = state_create(w->epoch);
    assert_non_null(w->state);
    for (uint32_t i = 0; i < skus; i++) {
        char name[16];
        int length = snprintf(name, sizeof(name), "S%u", i);
        struct text t = {name, (size_t)length};
        assert_non_null(table_add(w->state->table, t, hash_text(t)));
    }
    w->feed = feed_create();
    assert_non_null(w->feed);
    assert_int_equal(feed_add(w->feed, "test", ring, &w->port), 0);
}

static void world_finish(struct world *w)
{
    feed_destroy(w->feed);
    state_destroy(w->state);
    epoch_destroy(w->epoch);
}

/* A record that changes these rows. */
static void change(struct world *w, const uint32_t *skus, size_t count, uint64_t offset)
{
    struct record r = {.kind = RECORD_EVENTS};

    for (size_t i = 0; i < count; i++)
        w->changes[i] = (struct outcome_change){.sku = sku_at(w, skus[i]), .location = 7};
    feed_applied(w->feed, w->state, &r, &(struct outcome){.changes = w->changes, .changes_count = count},
                 offset);
}

static size_t take(struct world *w, struct feed_entry *ret, size_t most)
{
    return w->port.take(w->port.tap, ret, most);
}

static bool wakes(const struct world *w)
{
    struct pollfd p = {.fd = w->port.wake_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void rows_come_in_order_after_a_flush(void **unused)
{
    struct world w;
    struct feed_entry e[8];

    world_init(&w, 16, 4);
    assert_int_equal(take(&w, e, 8), 0);
    change(&w, (uint32_t[]){2, 0}, 2, 40);
    assert_int_equal(take(&w, e, 8), 0); /* not shown yet */
    assert_false(wakes(&w));
    feed_flush(w.feed, 41);
    assert_true(wakes(&w));
    assert_int_equal(w.port.position(w.port.tap), 41);
    assert_int_equal(take(&w, e, 8), 2);
    assert_int_equal(e[0].kind, FEED_ROW);
    assert_int_equal(e[0].sku, 2);
    assert_int_equal(e[0].location, 7);
    assert_int_equal(e[0].offset, 40);
    assert_int_equal(e[1].sku, 0);
    assert_int_equal(take(&w, e, 8), 0);
    world_finish(&w);
}

static void nobody_is_woken_who_is_not_asleep(void **unused)
{
    struct world w;
    struct feed_entry e[8];

    world_init(&w, 16, 4);
    change(&w, (uint32_t[]){1}, 1, 1);
    feed_flush(w.feed, 2);
    assert_false(wakes(&w)); /* it has never slept: it has to look first */
    assert_int_equal(take(&w, e, 8), 1);
    world_finish(&w);
}

static void what_does_not_fit_is_kept_once_a_sku(void **unused)
{
    struct world w;
    struct feed_entry e[64];
    size_t rows = 0, skus = 0, count;
    unsigned seen[SKUS] = {0};

    world_init(&w, 4, SKUS);
    for (uint32_t round = 0; round < 5; round++)
        for (uint32_t i = 0; i < SKUS; i++)
            change(&w, &i, 1, round * SKUS + i);
    feed_flush(w.feed, 5 * SKUS);
    while ((count = take(&w, e, 64)) > 0)
        for (size_t i = 0; i < count; i++) {
            rows += e[i].kind == FEED_ROW;
            skus += e[i].kind == FEED_SKU;
            seen[e[i].sku]++;
        }
    assert_int_equal(rows, 4);    /* the ring */
    assert_int_equal(skus, SKUS); /* and one mark each, for five changes */
    for (uint32_t i = 0; i < SKUS; i++)
        assert_true(seen[i] >= 1);
    change(&w, (uint32_t[]){5}, 1, 99999); /* and the ring is free again */
    feed_flush(w.feed, 100000);
    assert_int_equal(take(&w, e, 64), 1);
    assert_int_equal(e[0].kind, FEED_ROW);
    world_finish(&w);
}

static void reference_data_are_scopes(void **unused)
{
    struct world w;
    struct feed_entry e[8];
    struct event_verdict applied = {.verdict = VERDICT_APPLIED}, superseded = {.verdict = VERDICT_SUPERSEDED};
    struct outcome o = {.verdicts_count = 1, .verdicts = &applied};
    uint32_t number;
    bool new;

    world_init(&w, 4, 4);
    assert_int_equal(catalogue_location_add(w.state->catalogue, TEXT("here"), 10, &number, &new), 0);
    struct record r = {.kind = RECORD_LOCATION, .reference = {.id = TEXT("here")}};
    feed_applied(w.feed, w.state, &r, &o, 1);
    r = (struct record){.kind = RECORD_ITEM, .reference = {.id = TEXT("S3")}};
    feed_applied(w.feed, w.state, &r, &o, 2);
    r.kind = RECORD_GROUP; /* changes no figure */
    feed_applied(w.feed, w.state, &r, &o, 3);
    r.kind = RECORD_ITEM;
    o.verdicts = &superseded; /* changed nothing */
    feed_applied(w.feed, w.state, &r, &o, 4);
    feed_flush(w.feed, 5);
    assert_int_equal(take(&w, e, 8), 2);
    assert_int_equal(e[0].kind, FEED_LOCATION);
    assert_int_equal(e[0].location, number);
    assert_int_equal(e[1].kind, FEED_SKU);
    assert_int_equal(e[1].sku, 3);

    o.verdicts = &applied; /* a scope that finds no room becomes everything */
    for (uint64_t i = 0; i < 5; i++) {
        r = (struct record){.kind = RECORD_LOCATION, .reference = {.id = TEXT("here")}};
        feed_applied(w.feed, w.state, &r, &o, 10 + i);
    }
    feed_flush(w.feed, 15);
    assert_int_equal(take(&w, e, 8), 5);
    assert_int_equal(e[4].kind, FEED_ALL);
    world_finish(&w);
}

/* ---- beside a thread ---- */

struct beside {
    struct world w;
    _Atomic uint32_t figure[SKUS]; /* what the rows are here */
    uint32_t copy[SKUS];           /* what the sink made of them */
    _Atomic bool done;
};

static void *slow_sink(void *context)
{
    struct beside *b = context;
    struct feed_entry e[32];
    uint64_t wakes_count;
    unsigned turn = 0;

    for (;;) {
        bool last = atomic_load(&b->done);
        size_t count = take(&b->w, e, 32);
        for (size_t i = 0; i < count; i++)
            b->copy[e[i].sku] = atomic_load_explicit(&b->figure[e[i].sku], memory_order_relaxed);
        if (count && turn++ % 64 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 300 * 1000}, NULL); /* so that the ring runs over */
        if (count)
            continue;
        if (last)
            return NULL;
        struct pollfd p = {.fd = b->w.port.wake_fd, .events = POLLIN};
        if (poll(&p, 1, 5000) != 1 || read(b->w.port.wake_fd, &wakes_count, sizeof(wakes_count)) < 0)
            return b; /* nobody woke it */
    }
}

static void the_last_change_arrives_whatever_the_sink_does(void **unused)
{
    struct beside *b = calloc(1, sizeof(*b));
    pthread_t thread;
    void *asleep;

    world_init(&b->w, 64, SKUS);
    assert_int_equal(pthread_create(&thread, NULL, slow_sink, b), 0);
    uint32_t x = 1;
    for (uint32_t i = 1; i <= 60000; i++) {
        x = x * 1664525 + 1013904223;
        uint32_t sku = x >> 16 & 2047;
        atomic_store_explicit(&b->figure[sku], i, memory_order_relaxed);
        change(&b->w, &sku, 1, i);
        if (i % 50 == 0)
            feed_flush(b->w.feed, i + 1);
        if (i % 5000 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 3000 * 1000}, NULL); /* so that it falls asleep, too */
    }
    atomic_store(&b->done, true);
    change(&b->w, (uint32_t[]){0}, 1, 60001); /* the last one wakes it in any case */
    feed_flush(b->w.feed, 60002);
    pthread_join(thread, &asleep);
    assert_null(asleep);
    for (uint32_t i = 0; i < SKUS; i++)
        assert_int_equal(b->copy[i], b->figure[i]);
    world_finish(&b->w);
    free(b);
}

static void the_null_sink_sees_what_changed(void **unused)
{
    struct world w;
    struct null_sink *n = null_sink_create();
    struct sink sink = null_sink_as_sink(n);
    struct buffer metrics = {0};
    char trouble[8];

    world_init(&w, 1024, 4);
    assert_int_equal(sink.start(sink.context, w.port), 0);
    for (uint64_t i = 0; i < 500; i++) {
        change(&w, (uint32_t[]){i % 4}, 1, i);
        feed_flush(w.feed, i + 1);
    }
    for (int i = 0; i < 5000 && null_sink_seen(n) < 500; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    assert_int_equal(null_sink_seen(n), 500);
    sink.metrics(sink.context, &metrics);
    feed_metrics(w.feed, &metrics);
    buffer_byte(&metrics, '\0');
    assert_non_null(strstr(metrics.at, "onhand_null_seen_total 500\n"));
    assert_non_null(strstr(metrics.at, "onhand_feed_entries_total{sink=\"test\"} 500\n"));
    sink.trouble(sink.context, trouble, sizeof(trouble));
    assert_string_equal(trouble, "");
    sink.stop(sink.context);
    sink.stop(sink.context); /* twice is once */
    buffer_finish(&metrics);
    null_sink_destroy(n);
    world_finish(&w);
}

int main(void)
{
    hash_seed(7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_order_after_a_flush),
        cmocka_unit_test(nobody_is_woken_who_is_not_asleep),
        cmocka_unit_test(what_does_not_fit_is_kept_once_a_sku),
        cmocka_unit_test(reference_data_are_scopes),
        cmocka_unit_test(the_last_change_arrives_whatever_the_sink_does),
        cmocka_unit_test(the_null_sink_sees_what_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
