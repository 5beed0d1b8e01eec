/* The arithmetic of promises with the numbers of the model and of the field's own examples, and against a
 * plain restatement of its formulas. */
#include "core/model/promise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { DATED_MOST = 6, FENCES_MOST = 3, RANDOM_ROWS = 20000 };
enum { WEB, MARKETPLACE, STORE };

#define UNITS(q) ((q)*MILLI_PER_UNIT)
#define DAY(d) ((instant_t)(d)*86400 * INSTANT_SECOND)
#define HOUR(h) ((instant_t)(h)*3600 * INSTANT_SECOND)
#define NOON (DAY(0) + HOUR(12))

static struct promise asked(const struct stock *s, uint32_t channel)
{
    struct promise_question q = {.channel = channel, .terms = terms_none, .at = INSTANT_NONE, .step = 1};
    return promise_of(s, &q);
}

static milli_t atp_on(const struct stock *s, int day, int today)
{
    return stock_atp(s, day > today ? DAY(day) : INSTANT_NONE, DAY(today), 0);
}

static milli_t projected_on(const struct stock *s, int day, int today)
{
    return stock_projected(s, day > today ? DAY(day) : INSTANT_NONE, DAY(today), 0);
}

static void expect_atp(const struct stock *s, int first, int count, const int *units)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(atp_on(s, first + i, first), UNITS(units[i]));
}

/* ---- by date ---- */

static void model_a_promise_never_eats_an_earlier_one(void **unused)
{
    const struct dated dated[] = {{DAY(2), UNITS(5), 0}, {DAY(4), 0, UNITS(12)}, {DAY(6), UNITS(20), 0}};
    struct stock s = {.on_hand = UNITS(10), .committed = UNITS(12), .dated_count = 3, .dated = dated};

    assert_int_equal(projected_on(&s, 0, 0), UNITS(10));
    assert_int_equal(projected_on(&s, 2, 0), UNITS(15));
    assert_int_equal(projected_on(&s, 4, 0), UNITS(3));
    assert_int_equal(projected_on(&s, 6, 0), UNITS(23));
    expect_atp(&s, 0, 7, (int[]){3, 3, 3, 3, 3, 3, 23});
    assert_int_equal(asked(&s, CHANNEL_POOL).grant_most, UNITS(3)); /* 4 for today: no; 3: yes */
    struct promise_question later = {
        .channel = CHANNEL_POOL, .terms = terms_none, .at = DAY(6), .log_time = DAY(0), .step = 1};
    assert_true(promise_of(&s, &later).grant_most >= UNITS(20));
}

static void case_20_to_24_demand_and_supply_of_one_week(void **unused)
{
    const struct dated one[] = {{DAY(1), 0, UNITS(3)}};
    struct stock s = {.on_hand = UNITS(20), .committed = UNITS(3), .dated_count = 1, .dated = one};
    expect_atp(&s, 0, 7, (int[]){17, 17, 17, 17, 17, 17, 17});

    const struct dated two[] = {{DAY(1), 0, UNITS(3)}, {DAY(3), UNITS(10), 0}};
    s.dated_count = 2;
    s.dated = two;
    expect_atp(&s, 1, 7, (int[]){17, 17, 27, 27, 27, 27, 27});

    const struct dated all[] = {{DAY(1), 0, UNITS(3)},
                                {DAY(3), UNITS(10), 0},
                                {DAY(4), 0, UNITS(15)},
                                {DAY(5), UNITS(1), 0},
                                {DAY(6), UNITS(3), 0}};
    const int projected[] = {17, 17, 27, 12, 13, 16, 16}, atp[] = {12, 12, 12, 12, 13, 16, 16};
    s.dated_count = 5;
    s.dated = all;
    s.committed = UNITS(18);
    for (int i = 0; i < 7; i++)
        assert_int_equal(projected_on(&s, 1 + i, 0), UNITS(projected[i]));
    expect_atp(&s, 1, 7, atp);

    struct stock shipped = s; /* the demand of day 1 is gone */
    shipped.on_hand = UNITS(17);
    shipped.committed = UNITS(15);
    shipped.dated = all + 1;
    shipped.dated_count = 4;
    expect_atp(&shipped, 1, 7, atp);
    expect_atp(&shipped, 2, 7, (int[]){12, 12, 12, 13, 16, 16, 16});
}

static void case_26_supply_of_five_days_while_nothing_is_there(void **unused)
{
    struct dated dated[5];
    for (int i = 0; i < 5; i++)
        dated[i] = (struct dated){DAY(1 + i), UNITS(20), 0};
    struct stock s = {.dated_count = 5, .dated = dated};

    assert_int_equal(asked(&s, CHANNEL_POOL).shown, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(atp_on(&s, 1 + i, 0), UNITS(20) * (1 + i));
}

static void case_41_demand_on_the_day_of_its_supply_oversells_nothing(void **unused)
{
    const struct dated dated[] = {{DAY(6), UNITS(100), UNITS(12)}};
    struct stock s = {.committed = UNITS(12), .dated_count = 1, .dated = dated};

    assert_int_equal(stock_oversold(&s), 0);
    s.dated_count = 0; /* found due, and the supply came not */
    assert_int_equal(stock_oversold(&s), UNITS(12));
}

static void case_42_a_late_line_counts_from_the_end_of_its_grace(void **unused)
{
    const struct dated dated[] = {{HOUR(8), UNITS(20), 0}};
    struct stock s = {.dated_count = 1, .dated = dated}, after_the_proposal = {0};
    const instant_t minute = 60 * INSTANT_SECOND;

    assert_int_equal(stock_atp(&s, INSTANT_NONE, HOUR(8) - minute, HOUR(2)), 0);
    assert_int_equal(stock_atp(&s, INSTANT_NONE, HOUR(8) + minute, HOUR(2)), 0);
    assert_int_equal(stock_atp(&s, INSTANT_NONE, HOUR(10) + minute, HOUR(2)), 0);
    assert_int_equal(stock_atp(&s, NOON, HOUR(8) - minute, HOUR(2)), UNITS(20));
    assert_int_equal(stock_atp(&s, NOON, HOUR(8) + minute, HOUR(2)), UNITS(20));
    assert_int_equal(stock_atp(&s, HOUR(10) - minute, HOUR(8) + minute, HOUR(2)), 0); /* still in its grace */
    assert_int_equal(stock_atp(&after_the_proposal, NOON, HOUR(10) + minute, HOUR(2)), 0);
    assert_int_equal(stock_atp(&s, NOON, HOUR(10) + minute, HOUR(2)), 0); /* nor before the proposal is in */
}

/* ---- channels ---- */

static void model_what_is_set_aside_and_what_both_see(void **unused)
{
    struct fence fence = {.channel = MARKETPLACE, .quantity = UNITS(30)};
    struct stock s = {.on_hand = UNITS(100), .safety_stock = UNITS(10), .fences_count = 1, .fences = &fence};

    struct promise p = asked(&s, WEB);
    assert_int_equal(p.n, UNITS(90));
    assert_int_equal(p.pool, UNITS(60));
    assert_int_equal(p.shown, UNITS(60));
    assert_int_equal(asked(&s, CHANNEL_POOL).shown, UNITS(60));
    assert_int_equal(asked(&s, MARKETPLACE).shown, UNITS(90));

    s.reserved = UNITS(40); /* 30 of the fence, 10 of the pool */
    fence.consumed = UNITS(30);
    assert_int_equal(asked(&s, WEB).shown, UNITS(50));
    assert_int_equal(asked(&s, MARKETPLACE).shown, UNITS(50));

    s.reserved = fence.consumed = 0;
    s.on_hand = UNITS(25); /* a count */
    p = asked(&s, MARKETPLACE);
    assert_int_equal(p.n, UNITS(15));
    assert_int_equal(p.pool, UNITS(-15));
    assert_int_equal(p.shown, UNITS(15));
    assert_int_equal(p.grant_most, UNITS(15));
    assert_int_equal(asked(&s, WEB).shown, 0);
    s.backorder_limit = UNITS(5);
    assert_int_equal(asked(&s, MARKETPLACE).grant_most, UNITS(20));
    assert_int_equal(asked(&s, WEB).grant_most, 0);
}

static void model_backorder_leaves_what_is_set_aside(void **unused)
{
    struct fence fence = {.channel = MARKETPLACE, .quantity = UNITS(30)};
    struct stock s = {.on_hand = UNITS(30), .backorder_limit = UNITS(5), .fences_count = 1, .fences = &fence};

    assert_int_equal(asked(&s, WEB).grant_most, UNITS(5));
    assert_int_equal(asked(&s, WEB).grant_stock, 0);
    s.reserved = UNITS(5);
    assert_int_equal(asked(&s, WEB).pool, UNITS(-5));
    assert_int_equal(asked(&s, WEB).grant_most, 0);
    assert_int_equal(asked(&s, MARKETPLACE).grant_most, UNITS(30));
}

static void case_43_a_buffer_is_neither_shown_nor_granted(void **unused)
{
    struct stock s = {.on_hand = UNITS(10)};
    struct promise_question web = {.channel = WEB, .terms = terms_none, .at = INSTANT_NONE, .step = 1};
    web.terms.buffer = UNITS(3);

    struct promise p = promise_of(&s, &web);
    assert_int_equal(p.shown, UNITS(7));
    assert_int_equal(p.grant_most, UNITS(7));
    web.terms.cap = UNITS(2); /* bounds what is shown, not what is granted */
    p = promise_of(&s, &web);
    assert_int_equal(p.shown, UNITS(2));
    assert_int_equal(p.grant_most, UNITS(7));
    web.terms.enabled = false;
    p = promise_of(&s, &web);
    assert_true(p.shown == 0 && p.grant_stock == 0 && p.grant_most == 0);
}

static void percent_of_what_is_sellable_rounded_up_to_the_step(void **unused)
{
    struct stock s = {.on_hand = UNITS(10), .unavailable = UNITS(1)};
    struct promise_question q = {
        .channel = WEB, .terms = terms_none, .at = INSTANT_NONE, .step = MILLI_PER_UNIT};
    q.terms.buffer_percent = 25000; /* 2.25 of 9 */

    assert_int_equal(promise_of(&s, &q).shown, UNITS(6));
    q.step = 1;
    assert_int_equal(promise_of(&s, &q).shown, 6750);
    q.terms.buffer = UNITS(4); /* the larger of both */
    assert_int_equal(promise_of(&s, &q).shown, UNITS(5));
    s.on_hand = QUANTITY_MOST;
    s.unavailable = 0;
    q.terms.buffer_percent = 100000;
    assert_int_equal(promise_of(&s, &q).shown, 0);
}

/* ---- against the formulas ---- */

static milli_t plain_projected(const struct stock *s, const struct promise_question *q, instant_t t)
{
    bool now = q->at == INSTANT_NONE || q->at <= q->log_time;
    milli_t sum = s->on_hand - s->unavailable - s->reserved - s->committed - s->safety_stock;
    for (uint32_t i = 0; i < s->dated_count; i++) {
        const struct dated *d = &s->dated[i];
        instant_t comes = !now && d->at <= q->log_time ? d->at + q->supply_grace_us : d->at;
        bool gone = !now && comes <= q->log_time;
        sum += (d->at <= t ? 0 : d->demand) + (comes <= t && !gone ? d->incoming : 0);
    }
    return sum;
}

/* At every hour there is. */
static milli_t plain_atp(const struct stock *s, const struct promise_question *q)
{
    bool now = q->at == INSTANT_NONE || q->at <= q->log_time;
    instant_t t = now ? INSTANT_NONE : q->at;
    milli_t least = plain_projected(s, q, t);
    for (int hour = 0; hour <= 100; hour++)
        if (HOUR(hour) > t && plain_projected(s, q, HOUR(hour)) < least)
            least = plain_projected(s, q, HOUR(hour));
    return least;
}

struct plain {
    milli_t n, fenced, pool, buffer;
};

static struct plain plain_shares(const struct stock *s, const struct promise_question *q)
{
    milli_t safety = q->terms.safety_stock == LIMIT_NONE ? s->safety_stock : q->terms.safety_stock;
    struct plain p = {.n = plain_atp(s, q) + s->safety_stock - safety};
    p.pool = p.n;
    for (uint32_t i = 0; i < s->fences_count; i++) {
        milli_t left = s->fences[i].quantity - s->fences[i].consumed;
        left = left > 0 ? left : 0;
        p.pool -= left;
        p.fenced += s->fences[i].channel == q->channel ? left : 0;
    }
    milli_t sellable = s->on_hand - s->unavailable;
    while (sellable > 0 && (double)p.buffer * 100000 < (double)sellable * q->terms.buffer_percent)
        p.buffer++;
    p.buffer = q->terms.buffer > p.buffer ? q->terms.buffer : p.buffer;
    return p;
}

static bool plain_granted(const struct stock *s, const struct plain *p, milli_t quantity, bool *ret_stock)
{
    milli_t of_pool = p->pool > 0 ? p->pool : 0, b = s->backorder_limit;
    milli_t most = p->n < p->fenced + of_pool ? p->n : p->fenced + of_pool;
    *ret_stock = quantity <= most - p->buffer;
    if (*ret_stock || b == 0)
        return *ret_stock;
    if (b == LIMIT_NONE)
        return true;
    return p->n - quantity >= -b && (quantity <= p->fenced || p->pool - (quantity - p->fenced) >= -b);
}

static void expect_plain(const struct stock *s, const struct promise_question *q)
{
    struct promise p = promise_of(s, q);
    struct plain plain = plain_shares(s, q);
    assert_int_equal(p.atp, plain_atp(s, q));
    assert_int_equal(p.n, plain.n);
    assert_int_equal(p.fenced, plain.fenced);
    assert_int_equal(p.pool, plain.pool);
    milli_t shown = 0;
    for (milli_t quantity = 1; quantity < 90; quantity++) {
        bool of_stock;
        bool granted = plain_granted(s, &plain, quantity, &of_stock) && q->terms.enabled;
        of_stock = of_stock && q->terms.enabled;
        assert_int_equal(granted, quantity <= p.grant_most);
        assert_int_equal(of_stock, quantity <= p.grant_stock);
        shown = of_stock && quantity <= q->terms.cap ? quantity : shown;
    }
    if (p.shown < 90)
        assert_int_equal(p.shown, shown);
}

static int any(unsigned *seed, int most)
{
    return rand_r(seed) % (most + 1);
}

static void random_stock(unsigned *seed, struct stock *s, struct dated *dated, struct fence *fences)
{
    *s = (struct stock){.on_hand = any(seed, 50) - 5,
                        .unavailable = any(seed, 3),
                        .reserved = any(seed, 10),
                        .committed = any(seed, 10),
                        .safety_stock = any(seed, 4),
                        .backorder_limit = any(seed, 2)   ? any(seed, 9)
                                           : any(seed, 1) ? LIMIT_NONE
                                                          : 0,
                        .dated_count = (uint32_t)any(seed, DATED_MOST),
                        .fences_count = (uint32_t)any(seed, FENCES_MOST),
                        .dated = dated,
                        .fences = fences};
    for (uint32_t i = 0, hour = 0; i < s->dated_count; i++) {
        hour += 1 + (uint32_t)any(seed, 5);
        dated[i] =
            (struct dated){HOUR(hour), any(seed, 2) ? any(seed, 20) : 0, any(seed, 2) ? any(seed, 8) : 0};
    }
    for (uint32_t i = 0; i < s->fences_count; i++)
        fences[i] = (struct fence){.channel = i, .quantity = any(seed, 20), .consumed = any(seed, 20)};
}

static void every_figure_is_what_the_formulas_say(void **unused)
{
    unsigned seed = 20;
    for (int i = 0; i < RANDOM_ROWS; i++) {
        struct dated dated[DATED_MOST];
        struct fence fences[FENCES_MOST];
        struct stock s;
        random_stock(&seed, &s, dated, fences);
        struct promise_question q = {.channel = any(&seed, 1) ? (uint32_t)any(&seed, 2) : CHANNEL_POOL,
                                     .terms = terms_none,
                                     .at = any(&seed, 1) ? HOUR(any(&seed, 40)) : INSTANT_NONE,
                                     .log_time = HOUR(any(&seed, 30)),
                                     .supply_grace_us = HOUR(any(&seed, 4)),
                                     .step = 1};
        q.terms.enabled = any(&seed, 9) > 0;
        q.terms.buffer = any(&seed, 2) ? 0 : any(&seed, 6);
        q.terms.buffer_percent = any(&seed, 2) ? 0 : (uint32_t)any(&seed, 100000);
        q.terms.cap = any(&seed, 2) ? LIMIT_NONE : any(&seed, 20);
        q.terms.safety_stock = any(&seed, 2) ? LIMIT_NONE : any(&seed, 9);
        expect_plain(&s, &q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_a_promise_never_eats_an_earlier_one),
        cmocka_unit_test(case_20_to_24_demand_and_supply_of_one_week),
        cmocka_unit_test(case_26_supply_of_five_days_while_nothing_is_there),
        cmocka_unit_test(case_41_demand_on_the_day_of_its_supply_oversells_nothing),
        cmocka_unit_test(case_42_a_late_line_counts_from_the_end_of_its_grace),
        cmocka_unit_test(model_what_is_set_aside_and_what_both_see),
        cmocka_unit_test(model_backorder_leaves_what_is_set_aside),
        cmocka_unit_test(case_43_a_buffer_is_neither_shown_nor_granted),
        cmocka_unit_test(percent_of_what_is_sellable_rounded_up_to_the_step),
        cmocka_unit_test(every_figure_is_what_the_formulas_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
