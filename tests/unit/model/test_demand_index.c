/* What is open of a reference, over all rows: found while it is open, and no longer. */
#include "reserving.h"

#include "core/model/demand_index.h"
#include "core/model/demand_list.h"

#define TEXT_ARGS(t) (int)(t).length, (t).at

static struct event placed_at(const char *sku, const char *location, instant_t when, const char *reference,
                              milli_t q)
{
    return with_location(with_sku(order(EVENT_ORDER_PLACED, when, reference, q), sku), location);
}

static struct event of_line(struct event e, const char *line)
{
    e.has |= HAS(line);
    e.line = text_of(line);
    return e;
}

/* "SKU LOCATION LINE held+committed-short" of each, with spaces between. */
static const char *told(struct world *w, const char *reference, const struct demand_filter *f)
{
    static char all[512];
    struct arena arena = {0};
    struct demand_page page;
    struct demand_place after = {0};
    size_t at = 0, length = 0, shown;

    *all = '\0';
    do { /* two a page */
        assert_int_equal(demand_of_reference(w->state, text_of(reference), f, &after, 2, &arena, &page), 0);
        assert_false(page.is_cut);
        shown = 0;
        while (!demand_lacks(w->state, &page, &shown))
            ;
        for (at = 0; at < page.count; at++)
            length += (size_t)snprintf(all + length, sizeof(all) - length, "%s%.*s@%.*s/%.*s:%ld+%ld-%ld",
                                       length ? " " : "", TEXT_ARGS(page.at[at].sku),
                                       TEXT_ARGS(page.at[at].location), TEXT_ARGS(page.at[at].line),
                                       (long)page.at[at].held / 1000, (long)page.at[at].committed / 1000,
                                       (long)page.at[at].is_short / 1000);
        after = page.end;
    } while (page.more);
    arena_finish(&arena);
    return all;
}

static size_t indexed(const struct world *w)
{
    return (size_t)chains_count(w->state->open_demand);
}

static void orders_and_reservations_of_all_rows_oldest_first(void **unused)
{
    struct world w, again;
    world_open(&w);
    expect_verdict(&w, plain(EVENT_RECEIPT, at(8, 0), U(5)), APPLIED);
    assert_string_equal(told(&w, "77", NULL), "");
    expect_verdict(&w, placed_at("SKU-2", "L2", at(9, 30), "77", U(2)), APPLIED);
    expect_verdict(&w, placed_at("SKU-2", "L1", at(9, 0), "77", U(1)), APPLIED);
    expect_verdict(&w, placed_at("SKU-1", "L1", at(9, 0), "77", U(2)), APPLIED);
    expect_verdict(&w, placed_at("SKU-1", "L1", at(9, 0), "78", U(1)), APPLIED);
    expect_applied(&w, for_reference(reserve("r-1", U(3)), "77"));
    assert_string_equal(told(&w, "77", NULL), "SKU-1@L1/:1+2-0 SKU-2@L1/:0+1-1 SKU-2@L2/:0+2-2");
    assert_string_equal(told(&w, "78", NULL), "SKU-1@L1/:0+1-0");
    assert_int_equal(indexed(&w), 4);
    world_through_image(&w, &again);
    assert_int_equal(indexed(&again), 4);
    assert_string_equal(told(&again, "77", NULL), "SKU-1@L1/:1+2-0 SKU-2@L1/:0+1-1 SKU-2@L2/:0+2-2");
    expect_verdict(&again, order(EVENT_ORDER_SHIPPED, at(10, 0), "77", U(3)), APPLIED);
    assert_string_equal(told(&again, "77", NULL), "SKU-2@L1/:0+1-1 SKU-2@L2/:0+2-2");
    world_close(&again);
    world_close(&w);
}

/* It opens and closes with every message; lines become one with the reservation; a late cancel closes. */
static void only_what_is_open_is_there(void **unused)
{
    struct world w;
    world_open(&w);
    expect_verdict(&w, plain(EVENT_RECEIPT, at(8, 0), U(9)), APPLIED);
    expect_verdict(&w, order(EVENT_ORDER_CANCELLED, at(9, 0), "77", U(2)), APPLIED);
    assert_int_equal(indexed(&w), 0);
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(8, 59), "77", U(2)), APPLIED);
    assert_int_equal(indexed(&w), 0);
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 10), "77", U(1)), APPLIED);
    assert_string_equal(told(&w, "77", NULL), "SKU-1@L1/:0+1-0");
    expect_verdict(&w, of_line(order(EVENT_ORDER_PLACED, at(9, 0), "79", U(1)), "1"), APPLIED);
    expect_verdict(&w, of_line(order(EVENT_ORDER_PLACED, at(9, 0), "79", U(2)), "2"), APPLIED);
    assert_string_equal(told(&w, "79", NULL), "SKU-1@L1/1:0+1-0 SKU-1@L1/2:0+2-0");
    expect_applied(&w, for_reference(reserve("r-1", U(4)), "79"));
    assert_string_equal(told(&w, "79", NULL), "SKU-1@L1/:1+3-0");
    assert_int_equal(indexed(&w), 2);
    expect_applied(&w, reserve("r-2", U(1))); /* nobody's order */
    assert_int_equal(indexed(&w), 2);
    expect_applied(&w, for_reference(ask_of(STEP_CONFIRM, "r-2"), "80"));
    assert_string_equal(told(&w, "80", NULL), "SKU-1@L1/:0+1-0");
    expect_applied(&w, ask_of(STEP_FULFIL, "r-2"));
    assert_string_equal(told(&w, "80", NULL), "");
    w.now += 40 * INSTANT_DAY; /* closed accounts go */
    expect_verdict(&w, plain(EVENT_RECEIPT, w.now, U(1)), APPLIED);
    assert_int_equal(indexed(&w), 2);
    world_close(&w);
}

static void who_is_bound_sees_what_is_his(void **unused)
{
    struct world w;
    world_open(&w);
    put_channel_named(&w, "web");
    expect_verdict(&w, with_channel(order(EVENT_ORDER_PLACED, at(9, 0), "77", U(1)), "web"), APPLIED);
    expect_verdict(&w, placed_at("SKU-1", "L2", at(9, 1), "77", U(2)), APPLIED);
    struct text web = TEXT("web"), second = TEXT("L2");
    assert_string_equal(told(&w, "77", &(struct demand_filter){.channels_count = 1, .channels = &web}),
                        "SKU-1@L1/:0+1-1");
    assert_string_equal(told(&w, "77", &(struct demand_filter){.locations_count = 1, .locations = &second}),
                        "SKU-1@L2/:0+2-2");
    assert_string_equal(
        told(&w, "77",
             &(struct demand_filter){
                 .channels_count = 1, .channels = &web, .locations_count = 1, .locations = &second}),
        "");
    world_close(&w);
}

/* A reference that everybody gives is cut off, not walked for ever; the index grows with it. */
static void a_look_is_bounded(void **unused)
{
    struct world w;
    struct arena arena = {0};
    struct demand_page page;
    char line[16];
    enum { LINES = DEMAND_PASSED_MOST + 1 };

    world_open(&w);
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof(line), "%d", i);
        expect_verdict(&w, of_line(order(EVENT_ORDER_PLACED, at(9, 0), "77", U(1)), line), APPLIED);
    }
    assert_int_equal(indexed(&w), LINES);
    assert_int_equal(
        demand_of_reference(w.state, TEXT("77"), NULL, &(struct demand_place){0}, 3, &arena, &page), 0);
    assert_true(page.is_cut);
    assert_true(page.more);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.committed, U(DEMAND_PASSED_MOST));
    arena_finish(&arena);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_and_reservations_of_all_rows_oldest_first),
        cmocka_unit_test(only_what_is_open_is_there),
        cmocka_unit_test(who_is_bound_sees_what_is_his),
        cmocka_unit_test(a_look_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
