/* The Nth allocation fails, for every N of every record: apply stops between two events, goes on with the
 * same record, and the end is as if nothing had been: verdicts, alerts, changes and every byte of the state.
 */
#include "world.h"

#include "core/model/image.h"

static long fail_in = -1; /* allocations until one fails; negative: none does */
static unsigned long failed;

static bool fails(void)
{
    if (fail_in < 0 || fail_in-- > 0)
        return false;
    failed++;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails() ? NULL : __real_realloc(at, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(align, size);
}

enum { RECORDS_MOST = 400, MANY = 60 };

struct heard { /* what a record led to; compared byte by byte, so without holes */
    size_t verdicts, changes, alerts, sum;
};

static struct heard heard_of(const struct outcome *o)
{
    struct heard h = {o->verdicts_count, o->changes_count, o->alerts_count, 0};
    for (size_t i = 0; i < o->verdicts_count; i++)
        h.sum = h.sum * 31 + o->verdicts[i].verdict * 10000u + o->verdicts[i].reason * 100u +
                o->verdicts[i].notes;
    return h;
}

enum { NO_FAILURES = -1, EVERY_FAILURE = -2 };

/* Applies a record; the allocation `first` of it fails, or the first, then the second, … until there is none
 * left to fail. */
static void apply(struct world *w, const struct record *r, long first)
{
    for (long n = first == EVERY_FAILURE ? 0 : first;;) {
        fail_in = n;
        int error = state_apply(w->state, r, w->offset, w->now, &w->outcome);
        fail_in = -1;
        if (error == 0)
            break;
        assert_int_equal(error, ERROR_NOMEM);
        n = first == EVERY_FAILURE ? n + 1 : NO_FAILURES;
    }
    w->offset++;
}

static uint32_t one_of_each(struct event *events, char (*texts)[16])
{
    uint32_t n = 0;
    struct event ship = with_location(order(EVENT_TRANSFER_SHIP, at(9, 40), "T-1", U(10)), "DC");
    ship.has |= HAS(to);
    ship.to = TEXT("L7");
    struct event setting = event_of(EVENT_SETTING, at(9, 45));
    setting.has |= HAS(reorder_point);
    setting.reorder_point = U(100);
    struct event beat = with_location(event_of(EVENT_HEARTBEAT, at(9, 0)), "L8");
    beat.has &= ~HAS(sku);
    beat.sku = (struct text){0};
    struct event all[] = {
        plain(EVENT_RECEIPT, at(9, 0), U(20)),
        with_status(plain(EVENT_RETURN, at(9, 2), U(2)), STATUS_DAMAGED),
        order(EVENT_ORDER_PLACED, at(9, 3), "O-1", U(5)),
        order(EVENT_ORDER_SHIPPED, at(9, 4), "O-1", U(2)),
        order(EVENT_ORDER_SHORT, at(9, 5), "O-1", U(1)),
        sale_of_order(at(9, 6), "O-2", U(1)),
        inbound(at(9, 7), "PO", U(50), at(20, 0), NULL),
        inbound(at(9, 8), "ASN", U(30), at(20, 0), "PO"),
        with_reference(plain(EVENT_RECEIPT, at(9, 9), U(10)), "PO"),
        counted(at(9, 5), BASIS_NET_OF_COMMITTED, U(15)),
        ship,
        setting,
        beat,
        plain(EVENT_RECEIPT, at(23, 0), U(1)),
        order(EVENT_ORDER_PLACED, at(9, 30), "O-3", U(50)),
        order(EVENT_ORDER_PLACED, at(9, 31), "O-3", U(1)),
        order(EVENT_ORDER_PLACED, at(9, 32), "O-3", U(1)),
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++, n++) {
        events[n] = all[i];
        snprintf(texts[n], sizeof(texts[n]), "one-%u", n);
        events[n].id = text_of(texts[n]);
    }
    return n;
}

static void play(struct world *w, long first, struct heard *heard)
{
    static struct event events[RECORDS_MOST];
    static char ids[RECORDS_MOST][16], skus[MANY][16];
    uint32_t single = one_of_each(events, ids), n = single;
    for (int i = 0; i < MANY; i++, n++) {
        snprintf(ids[n], sizeof(ids[n]), "many-%u", n);
        snprintf(skus[i], sizeof(skus[i]), "M-%d", i % 25);
        events[n] = with_sku(plain(i % 3 ? EVENT_RECEIPT : EVENT_SALE, at(10, i % 60), U(1)), skus[i]);
        events[n].id = text_of(ids[n]);
    }
    uint32_t i = 0;
    for (; i < single; i++) {
        struct record r = {.kind = RECORD_EVENTS, .events_count = 1, .events = &events[i]};
        apply(w, &r, first);
        heard[i] = heard_of(&w->outcome);
    }
    struct record many = {.kind = RECORD_EVENTS,
                          .events_count = MANY + 3,
                          .events = &events[single - 3],
                          .intake = {.name = TEXT("tills:1"), .offset = 1, .after = -1}};
    apply(w, &many, first);
    heard[i++] = heard_of(&w->outcome);
    w->now += 40 * INSTANT_DAY; /* closed accounts go */
    struct event late = plain(EVENT_SALE, at(9, 50), U(1));
    late.id = TEXT("late");
    struct record last = {.kind = RECORD_EVENTS, .events_count = 1, .events = &late};
    apply(w, &last, first);
    heard[i] = heard_of(&w->outcome);
}

static void every_allocation_may_fail(void **unused)
{
    static struct heard plainly[RECORDS_MOST], hindered[RECORDS_MOST];
    struct world a, b;
    world_open(&a);
    play(&a, NO_FAILURES, plainly);
    struct hash128 first = state_digest(a.state);
    for (long n = EVERY_FAILURE; n < 60; n++) {
        unsigned long failed_before = failed;
        world_open(&b);
        play(&b, n, hindered);
        assert_memory_equal(plainly, hindered, sizeof(plainly));
        assert_memory_equal(&a.state->counts, &b.state->counts, sizeof(a.state->counts));
        struct hash128 second = state_digest(b.state);
        assert_true(first.high == second.high && first.low == second.low);
        world_close(&b);
        if (n < 12 && n != NO_FAILURES)
            assert_true(failed > failed_before);
    }
    assert_true(failed > 100);
    world_close(&a);
}

static void a_stopped_record_may_be_abandoned_with_the_state(void **unused)
{
    for (long n = 0; n < 12; n++) {
        struct world w;
        world_open(&w);
        struct event e = order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(1));
        e.id = TEXT("x");
        struct record r = {.kind = RECORD_EVENTS, .events_count = 1, .events = &e};
        fail_in = n;
        (void)state_apply(w.state, &r, w.offset, w.now, &w.outcome);
        fail_in = -1;
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_stopped_record_may_be_abandoned_with_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
