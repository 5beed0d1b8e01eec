/* From rows to figures: the worked cases about availability, levels, explanations, flags. */
#include "core/answer/availability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define UNITS(n) ((milli_t)((n)*1000))

static struct row_image row(milli_t on_hand, milli_t unavailable, milli_t reserved, milli_t committed,
                            milli_t safety_stock)
{
    return (struct row_image){.word = {row_who(0, 1), (uint64_t)on_hand, (uint64_t)unavailable,
                                       (uint64_t)reserved, (uint64_t)committed, (uint64_t)safety_stock,
                                       row_version(1, 0, ROW_COUNTED), 0}};
}

static void hang(struct row_image *r, const struct rare *rare)
{
    uint8_t flags = (uint8_t)(ROW_COUNTED | (rare && rare->backorder_limit ? ROW_BACKORDER : 0) |
                              (rare && rare->fences_count ? ROW_FENCED : 0));
    r->word[ROW_RARE] = (uintptr_t)rare;
    r->word[ROW_VERSION] = row_version(1, 0, flags);
}

static const struct question anybody = {0};
static const struct location open_place = {.registered = true, .enabled = true};

static void case_15_demand_and_safety_stock_are_not_available(void **unused)
{
    static const int cases[][4] = {
        {10, 0, 0, 10}, {10, 0, 3, 7}, {10, 5, 0, 5}, {10, 5, 3, 2}, {10, 10, 0, 0}};

    for (size_t i = 0; i < 5; i++) {
        struct row_image r = row(UNITS(cases[i][0]), 0, 0, UNITS(cases[i][1]), UNITS(cases[i][2]));
        assert_int_equal(figure_of(&r, &open_place, NULL, &anybody).available, UNITS(cases[i][3]));
    }
}

static void case_18_on_hand_is_the_sum_of_its_parts(void **unused)
{
    unsigned seed = 18;

    for (int i = 0; i < 1000; i++) {
        milli_t on_hand = rand_r(&seed) % 100000 - 20000;
        struct row_image r = row(on_hand, rand_r(&seed) % 9000, rand_r(&seed) % 9000, rand_r(&seed) % 9000,
                                 rand_r(&seed) % 900);
        struct figure f = figure_of(&r, NULL, NULL, &anybody);
        assert_int_equal(on_hand, f.net_available + row_committed(&r) + row_reserved(&r) +
                                      row_unavailable(&r) + row_safety_stock(&r));
        assert_int_equal(f.promisable, f.net_available > 0 ? f.net_available : 0);
    }
    /* an order of 4: from available to committed, on_hand stays; shipped: both fall */
    struct row_image before = row(UNITS(10), UNITS(1), 0, 0, UNITS(2)),
                     ordered = row(UNITS(10), UNITS(1), 0, UNITS(4), UNITS(2)),
                     shipped = row(UNITS(6), UNITS(1), 0, 0, UNITS(2));
    assert_int_equal(figure_of(&before, NULL, NULL, &anybody).available, UNITS(7));
    assert_int_equal(figure_of(&ordered, NULL, NULL, &anybody).available, UNITS(3));
    assert_int_equal(figure_of(&shipped, NULL, NULL, &anybody).available, UNITS(3));
}

static void what_was_promised_beyond_stock_is_oversold(void **unused)
{
    struct rare some = {.backorder_limit = UNITS(2), .reorder_point = LIMIT_NONE},
                any = {.backorder_limit = LIMIT_NONE};
    struct row_image r = row(UNITS(5), 0, UNITS(1), UNITS(7), UNITS(2)); /* net -5: 3 beyond what is there */

    assert_int_equal(figure_of(&r, NULL, NULL, &anybody).oversold, UNITS(3));
    hang(&r, &some);
    assert_int_equal(figure_of(&r, NULL, NULL, &anybody).oversold, UNITS(1));
    hang(&r, &any);
    assert_int_equal(figure_of(&r, NULL, NULL, &anybody).oversold, 0);
    r = row(UNITS(-9), 0, 0, UNITS(4), 0); /* never more than the demand itself */
    assert_int_equal(figure_of(&r, NULL, NULL, &anybody).oversold, UNITS(4));
    r = row(UNITS(-9), 0, 0, 0, 0);
    assert_int_equal(figure_of(&r, NULL, NULL, &anybody).oversold, 0);
}

static void places_that_give_nothing_show_0(void **unused)
{
    struct row_image r = row(UNITS(10), 0, 0, 0, 0);
    struct location l = {.registered = true, .enabled = true, .methods = METHOD_PICKUP};
    struct question ship = {.method = METHOD_SHIP}, pickup = {.method = METHOD_PICKUP};

    assert_int_equal(figure_of(&r, &l, NULL, &pickup).available, UNITS(10));
    assert_int_equal(figure_of(&r, &l, NULL, &ship).available, 0);
    l.methods = 0; /* does not say */
    assert_int_equal(figure_of(&r, &l, NULL, &ship).available, UNITS(10));
    l.enabled = false;
    struct figure f = figure_of(&r, &l, NULL, &pickup);
    assert_int_equal(f.available, 0);
    assert_int_equal(f.promisable, UNITS(10)); /* its truth lives on */
    assert_int_equal(f.level, LEVEL_OUT_OF_STOCK);
    l = (struct location){.deleted = true, .enabled = true};
    assert_int_equal(figure_of(&r, &l, NULL, &pickup).available, 0);
}

static void levels_are_named_for_people(void **unused)
{
    struct channel web = {.low_threshold = UNITS(3)};
    struct question q = {.channel = &web, .now = 1000};
    struct rare backorder = {.backorder_limit = UNITS(5)};
    struct item coming = {.release_at = 1001}, out = {.release_at = 1000},
                none = {.release_at = INSTANT_NONE};
    struct row_image r = row(UNITS(4), 0, 0, 0, 0);

    assert_int_equal(figure_of(&r, NULL, NULL, &q).level, LEVEL_IN_STOCK);
    assert_int_equal(figure_of(&r, NULL, &none, &q).level, LEVEL_IN_STOCK);
    assert_int_equal(figure_of(&r, NULL, &coming, &q).level, LEVEL_PREORDER);
    assert_int_equal(figure_of(&r, NULL, &out, &q).level, LEVEL_IN_STOCK);
    r = row(UNITS(3), 0, 0, 0, 0);
    assert_int_equal(figure_of(&r, NULL, NULL, &q).level, LEVEL_LOW_STOCK);
    assert_int_equal(figure_of(&r, NULL, NULL, &anybody).level, LEVEL_IN_STOCK);
    r = row(UNITS(1), 0, 0, UNITS(2), 0);
    assert_int_equal(figure_of(&r, NULL, NULL, &q).level, LEVEL_OUT_OF_STOCK);
    hang(&r, &backorder);
    assert_int_equal(figure_of(&r, NULL, NULL, &q).level, LEVEL_BACKORDER);
    r.word[ROW_COMMITTED] = UNITS(6); /* the limit is used up */
    assert_int_equal(figure_of(&r, NULL, NULL, &q).level, LEVEL_OUT_OF_STOCK);
    assert_string_equal(level_name(LEVEL_BACKORDER), "backorder");
    assert_string_equal(level_name(LEVEL_END), "");
}

static void explanations_add_up(void **unused)
{
    struct rare rare = {.unavailable = {UNITS(1), UNITS(2), 0, 500, 0}, .backorder_limit = 0};
    struct location closed = {.enabled = false};
    unsigned seed = 5;

    for (int i = 0; i < 1000; i++) {
        struct row_image r =
            row(rand_r(&seed) % 40000 - 9000, 3500, rand_r(&seed) % 9000, rand_r(&seed) % 9000, 700);
        const struct location *l = i % 3 ? &open_place : &closed;
        struct explain_term terms[EXPLAIN_TERMS_MOST];
        hang(&r, i % 2 ? &rare : NULL);
        struct asked_row asked = {.row = &r, .location = l, .terms = terms_none};
        asked.terms.enabled = location_gives(l, 0);
        size_t count = figure_explain(&asked, &anybody, terms);
        milli_t sum = 0;
        for (size_t k = 0; k + 1 < count; k++)
            sum += terms[k].value;
        assert_int_equal(count, 19);
        assert_string_equal(terms[0].name, "on_hand");
        assert_string_equal(terms[2].name, "quarantine");
        assert_int_equal(terms[2].value, i % 2 ? -UNITS(2) : 0);
        assert_string_equal(terms[count - 1].name, "available");
        assert_int_equal(terms[count - 1].value, sum);
        assert_int_equal(sum, figure_of(&r, l, NULL, &anybody).available);
    }
}

static void flags_say_what_is_odd(void **unused)
{
    struct row_image r = row(UNITS(-1), 0, 0, UNITS(1), 0);
    struct item item = {.step = 1}, kit = {.components_count = 1};
    struct figure f = figure_of(&r, &open_place, &item, &anybody);

    assert_int_equal(row_shown_flags(&r, &open_place, &item, &f), SHOWN_NEGATIVE | SHOWN_OVERSOLD);
    r = row(UNITS(1), UNITS(2), 0, 0, 0);
    f = figure_of(&r, &open_place, &item, &anybody);
    assert_int_equal(row_shown_flags(&r, &open_place, &item, &f), SHOWN_STATUSES);
    r = row(UNITS(1), 0, 0, 0, 0);
    r.word[ROW_VERSION] = row_version(1, 0, ROW_UNMATCHED);
    f = figure_of(&r, &open_place, NULL, &anybody);
    assert_int_equal(row_shown_flags(&r, &open_place, NULL, &f),
                     SHOWN_UNMATCHED | SHOWN_UNCOUNTED | SHOWN_UNREGISTERED);
    struct location closed = {.registered = true};
    assert_int_equal(row_shown_flags(&r, &closed, &kit, &f), SHOWN_UNMATCHED | SHOWN_DISABLED);
    assert_string_equal(row_shown_flag_name(SHOWN_UNCOUNTED), "uncounted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_15_demand_and_safety_stock_are_not_available),
        cmocka_unit_test(case_18_on_hand_is_the_sum_of_its_parts),
        cmocka_unit_test(what_was_promised_beyond_stock_is_oversold),
        cmocka_unit_test(places_that_give_nothing_show_0),
        cmocka_unit_test(levels_are_named_for_people),
        cmocka_unit_test(explanations_add_up),
        cmocka_unit_test(flags_say_what_is_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
