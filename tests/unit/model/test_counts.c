/* Counts, and what comes late around them: the worked examples of model.md and the worked cases. */
#include "core/model/expected.h"
#include "world.h"

/* Lateness, first worked example. */
static void late_sales_around_a_count(void **unused)
{
    struct world w;
    world_open(&w);
    expect_verdict(&w, counted(at(10, 0), BASIS_PHYSICAL, U(20)), APPLIED);
    expect_on_hand(&w, U(20));
    say(&w, plain(EVENT_SALE, at(10, 5), U(3)));
    expect_on_hand(&w, U(17));
    say(&w, plain(EVENT_SALE, at(10, 20), U(2)));
    expect_on_hand(&w, U(15));
    expect_verdict(&w, counted(at(10, 10), BASIS_PHYSICAL, U(16)), APPLIED);
    expect_on_hand(&w, U(14));
    struct row_image before = world_row(&w);
    struct event_verdict v = say(&w, plain(EVENT_SALE, at(10, 7), U(1)));
    assert_int_equal(v.verdict, VERDICT_SUPERSEDED);
    assert_int_equal(v.reason, REASON_NOT_COUNTED);
    expect_on_hand(&w, U(14));
    struct row_image after = world_row(&w);
    assert_int_equal(row_offset(&before), row_offset(&after));
    expect_verdict(&w, plain(EVENT_SALE, at(10, 15), U(1)), APPLIED);
    expect_on_hand(&w, U(13));
    expect_verdict(&w, counted(at(10, 9), BASIS_PHYSICAL, U(99)), SUPERSEDED);
    expect_on_hand(&w, U(13));
    world_close(&w);
}

/* Lateness, second worked example. */
static void late_shipment_before_a_physical_count(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 30), "O-1", U(2)));
    expect_row(&w, U(10), 0, U(2), U(8));
    expect_verdict(&w, counted(at(10, 0), BASIS_PHYSICAL, U(8)), APPLIED);
    expect_row(&w, U(8), 0, U(2), U(6));
    struct event_verdict v = say(&w, order(EVENT_ORDER_SHIPPED, at(9, 50), "O-1", U(2)));
    assert_int_equal(v.verdict, VERDICT_PARTIAL);
    assert_int_equal(v.reason, REASON_NOT_COUNTED);
    expect_row(&w, U(8), 0, 0, U(8));
    world_close(&w);
}

/* Lateness, third worked example. */
static void net_count_with_an_order_on_top(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(10)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(3)));
    say(&w, order(EVENT_ORDER_PLACED, at(10, 5), "O-2", U(2)));
    say(&w, counted(at(10, 0), BASIS_NET_OF_COMMITTED, U(7)));
    expect_row(&w, U(10), 0, U(5), U(5));
    /* a late order before a net count raises committed and, with it, on_hand */
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 30), "O-3", U(1)), APPLIED);
    expect_row(&w, U(11), 0, U(6), U(5));
    world_close(&w);
}

static void case_12_six_orders_of_arrival_end_at_99(void **unused)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        struct event events[] = {plain(EVENT_ADJUSTMENT, at(12, 2), -U(2)),
                                 counted(at(12, 3), BASIS_PHYSICAL, U(100)),
                                 plain(EVENT_ADJUSTMENT, at(12, 4), -U(1))};
        struct world w;
        world_open(&w);
        say(&w, plain(EVENT_RECEIPT, at(11, 0), U(102)));
        for (int k = 0; k < 3; k++)
            say(&w, events[orders[i][k]]);
        expect_on_hand(&w, U(99));
        world_close(&w);
    }
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(11, 0), U(102)));
    say(&w, plain(EVENT_ADJUSTMENT, at(12, 4), -U(1)));
    expect_on_hand(&w, U(101));
    say(&w, counted(at(12, 3), BASIS_PHYSICAL, U(100)));
    expect_on_hand(&w, U(99));
    expect_verdict(&w, plain(EVENT_ADJUSTMENT, at(12, 2), -U(2)), SUPERSEDED);
    expect_on_hand(&w, U(99));
    world_close(&w);
}

static void case_13_a_count_moves_by_the_difference(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(5)));
    struct row_image before = world_row(&w);
    say(&w, counted(at(10, 0), BASIS_PHYSICAL, U(20)));
    struct row_image after = world_row(&w);
    assert_int_equal(row_on_hand(&after) - row_on_hand(&before), U(15));
    assert_int_equal(w.outcome.changes_count, 1);
    assert_int_equal(row_rare(&after)->last_count_at, at(10, 0));
    world_close(&w);
}

static void case_14_net_and_physical_counts(void **unused)
{
    for (int physical = 0; physical < 2; physical++) {
        struct world w;
        world_open(&w);
        say(&w, plain(EVENT_RECEIPT, at(9, 0), U(170)));
        say(&w, order(EVENT_ORDER_PLACED, at(9, 30), "O-1", U(3)));
        expect_row(&w, U(170), 0, U(3), U(167));
        say(&w, counted(at(10, 0), physical ? BASIS_PHYSICAL : BASIS_NET_OF_COMMITTED, U(167)));
        if (physical)
            expect_row(&w, U(167), 0, U(3), U(164));
        else
            expect_row(&w, U(170), 0, U(3), U(167));
        world_close(&w);
    }
}

static void net_count_whatever_came_first(void **unused)
{
    /* shipped before placed, both before a net count: nothing open then */
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(10)));
    say(&w, order(EVENT_ORDER_SHIPPED, at(9, 10), "O-1", U(2)));
    say(&w, counted(at(10, 0), BASIS_NET_OF_COMMITTED, U(8)));
    expect_row(&w, U(8), 0, 0, U(8));
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(2)), APPLIED);
    expect_row(&w, U(8), 0, 0, U(8));
    world_close(&w);
    /* placed before, shipped after: open at the count */
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(10)));
    say(&w, order(EVENT_ORDER_SHIPPED, at(10, 10), "O-1", U(2)));
    say(&w, counted(at(10, 0), BASIS_NET_OF_COMMITTED, U(8)));
    expect_row(&w, U(6), 0, 0, U(6));
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(2)), APPLIED);
    expect_row(&w, U(8), 0, 0, U(8));
    world_close(&w);
}

static struct event with_unavailable(struct event e, enum status s, milli_t q)
{
    e.has |= HAS(unavailable);
    e.unavailable.has |= (uint8_t)(1u << (s - 1));
    e.unavailable.quantity[s - 1] = q;
    return e;
}

static void a_sellable_count_leaves_statuses_out(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(10)));
    say(&w, with_status(plain(EVENT_RECEIPT, at(8, 1), U(2)), STATUS_DAMAGED));
    expect_row(&w, U(12), U(2), 0, U(10));
    say(&w, counted(at(9, 0), BASIS_SELLABLE, U(9)));
    expect_row(&w, U(11), U(2), 0, U(9));
    /* a late damaged receipt: what was sellable stays as counted */
    expect_verdict(&w, with_status(plain(EVENT_RECEIPT, at(8, 30), U(1)), STATUS_DAMAGED), APPLIED);
    expect_row(&w, U(12), U(3), 0, U(9));
    /* under a physical one the late receipt only says of what is there that it is damaged */
    say(&w, counted(at(10, 0), BASIS_PHYSICAL, U(12)));
    expect_verdict(&w, with_status(plain(EVENT_RECEIPT, at(9, 30), U(1)), STATUS_DAMAGED), PARTIAL);
    expect_row(&w, U(12), U(4), 0, U(8));
    world_close(&w);
}

static void a_count_fixes_the_statuses_it_names(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(10)));
    say(&w, with_status(plain(EVENT_ADJUSTMENT, at(8, 1), U(3)), STATUS_DAMAGED));
    struct event later = event_of(EVENT_STATUS_CHANGE, at(9, 30));
    later = with_quantity(later, U(1));
    later.has |= HAS(to_status);
    later.to_status = STATUS_DAMAGED;
    say(&w, later);
    expect_row(&w, U(13), U(4), 0, U(9));
    say(&w, with_unavailable(counted(at(9, 0), BASIS_PHYSICAL, U(12)), STATUS_DAMAGED, U(2)));
    expect_row(&w, U(12), U(3), 0, U(9)); /* two were damaged at nine, one more since */
    expect_verdict(&w, with_status(plain(EVENT_ADJUSTMENT, at(8, 30), U(1)), STATUS_DAMAGED), SUPERSEDED);
    expect_row(&w, U(12), U(3), 0, U(9));
    world_close(&w);
}

static void statuses_may_overtake_each_other(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(10)));
    struct event out = with_quantity(event_of(EVENT_STATUS_CHANGE, at(9, 0)), U(2));
    out.has |= HAS(from_status);
    out.from_status = STATUS_QUARANTINE;
    say(&w, out);
    expect_row(&w, U(10), 0, 0, U(10));
    struct event in = with_quantity(event_of(EVENT_STATUS_CHANGE, at(8, 30)), U(3));
    in.has |= HAS(to_status);
    in.to_status = STATUS_QUARANTINE;
    say(&w, in);
    expect_row(&w, U(10), U(1), 0, U(9));
    world_close(&w);
}

static void case_35_short_pick_and_the_count_after(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(5)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(2)));
    say(&w, order(EVENT_ORDER_SHORT, at(9, 30), "O-1", U(1)));
    say(&w, order(EVENT_ORDER_SHIPPED, at(9, 40), "O-1", U(1)));
    expect_row(&w, U(4), U(1), 0, U(3));
    struct row_image r = world_row(&w);
    assert_int_equal(missing(&r), U(1));
    say(&w, counted(at(10, 0), BASIS_PHYSICAL, U(3)));
    expect_row(&w, U(3), 0, 0, U(3));
    world_close(&w);
}

static void case_35_the_count_comes_first(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(5)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(2)));
    say(&w, counted(at(10, 0), BASIS_PHYSICAL, U(3)));
    expect_verdict(&w, order(EVENT_ORDER_SHORT, at(9, 30), "O-1", U(1)), PARTIAL);
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(9, 40), "O-1", U(1)), PARTIAL);
    expect_row(&w, U(3), 0, 0, U(3));
    world_close(&w);
}

static void what_was_missing_and_found_again_leaves_no_debt(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(5)));
    say(&w, order(EVENT_ORDER_SHORT, at(9, 0), "O-1", U(1)));
    struct event found = with_quantity(event_of(EVENT_STATUS_CHANGE, at(9, 30)), U(1));
    found.has |= HAS(from_status);
    found.from_status = STATUS_MISSING;
    say(&w, found);
    expect_row(&w, U(5), 0, 0, U(5));
    say(&w, counted(at(10, 0), BASIS_PHYSICAL, U(5)));
    say(&w, with_status(plain(EVENT_ADJUSTMENT, at(11, 0), U(1)), STATUS_MISSING));
    expect_row(&w, U(6), U(1), 0, U(5));
    world_close(&w);
}

static void case_40_a_stocktake_a_month_old(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0) - 40 * INSTANT_DAY, U(50)));
    say(&w, plain(EVENT_SALE, at(9, 0) - 2 * INSTANT_DAY, U(20)));
    struct event late = counted(at(9, 0) - 30 * INSTANT_DAY, BASIS_PHYSICAL, U(48));
    expect_rejected(&w, late, COUNT_TOO_OLD);
    expect_on_hand(&w, U(30));
    late.has |= HAS(book);
    late.book = U(50);
    expect_verdict(&w, late, APPLIED);
    expect_on_hand(&w, U(28));
    world_close(&w);
}

static void case_38_a_count_from_the_future(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    struct event e = counted(at(9, 0) + 365 * INSTANT_DAY, BASIS_PHYSICAL, U(20));
    expect_rejected(&w, e, FUTURE);
    e.occurred_at = at(9, 30);
    expect_rejected(&w, e, FUTURE_AS_OF);
    expect_on_hand(&w, U(10));
    expect_verdict(&w, plain(EVENT_SALE, at(9, 40), U(1)), APPLIED);
    expect_on_hand(&w, U(9));
    world_close(&w);
}

static void many_changes_are_merged_and_say_so(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(0, 0), U(1000)));
    for (int i = 0; i < 500; i++)
        say(&w, plain(EVENT_SALE, at(1, 0) + i * INSTANT_MINUTE, U(1)));
    expect_on_hand(&w, U(500));
    /* the newest are exact */
    struct event_verdict v = say(&w, counted(at(1, 0) + 459 * INSTANT_MINUTE, BASIS_PHYSICAL, U(700)));
    assert_int_equal(v.verdict, VERDICT_APPLIED);
    assert_int_equal(v.notes & NOTE_APPROXIMATE, 0);
    expect_on_hand(&w, U(660));
    world_close(&w);
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(0, 0), U(1000)));
    for (int i = 0; i < 500; i++)
        say(&w, plain(EVENT_SALE, at(1, 0) + i * INSTANT_MINUTE, U(1)));
    v = say(&w, counted(at(1, 30), BASIS_PHYSICAL, U(970)));
    assert_int_equal(v.verdict, VERDICT_APPLIED);
    assert_true(v.notes & NOTE_APPROXIMATE);
    world_close(&w);
}

/* ---- what a count should find ---- */

static void expect_expected(struct world *w, instant_t as_of, enum count_basis basis, milli_t expected)
{
    struct event e = counted(as_of, basis, 0);
    milli_t found = -1;
    bool approximate = true;

    assert_int_equal(count_expected(w->state, &e, &found, &approximate), REASON_NONE);
    assert_int_equal(found, expected);
    assert_false(approximate);
    struct row_image before = world_row(w); /* and a count that finds it changes no figure */
    e.quantity = found;
    expect_verdict(w, e, APPLIED);
    struct row_image after = world_row(w);
    assert_int_equal(row_on_hand(&before), row_on_hand(&after));
}

static void expect_no_answer(struct world *w, instant_t as_of, enum reason reason)
{
    struct event e = counted(as_of, BASIS_PHYSICAL, 0);
    milli_t found;
    bool approximate;

    assert_int_equal(count_expected(w->state, &e, &found, &approximate), reason);
}

/* Lateness, first and third worked example: what the books say of an instant that is over. */
static void what_a_count_should_find(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, counted(at(10, 0), BASIS_PHYSICAL, U(20)));
    say(&w, plain(EVENT_SALE, at(10, 5), U(3)));
    say(&w, plain(EVENT_SALE, at(10, 20), U(2)));
    expect_no_answer(&w, at(9, 0), REASON_OLDER);
    expect_no_answer(&w, at(13, 0) + INSTANT_DAY, REASON_FUTURE_AS_OF);
    expect_expected(&w, at(10, 5), BASIS_PHYSICAL, U(17)); /* the same instant is before */
    expect_expected(&w, at(10, 10), BASIS_PHYSICAL, U(17));
    expect_expected(&w, at(10, 30), BASIS_PHYSICAL, U(15));
    world_close(&w);
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(10)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(3)));
    say(&w, order(EVENT_ORDER_PLACED, at(10, 5), "O-2", U(2)));
    expect_expected(&w, at(10, 0), BASIS_NET_OF_COMMITTED, U(7));
    say(&w, order(EVENT_ORDER_SHIPPED, at(10, 10), "O-1", U(3)));
    expect_expected(&w, at(10, 1), BASIS_PHYSICAL, U(10));
    expect_expected(&w, at(10, 30), BASIS_PHYSICAL, U(7));
    expect_expected(&w, at(10, 31), BASIS_NET_OF_DEMAND, U(5));
    world_close(&w);
}

/* What a row remembers rests after a start until something touches it. */
static void what_a_count_should_find_after_a_start(void **unused)
{
    struct world before, w;
    world_open(&before);
    say(&before, plain(EVENT_RECEIPT, at(8, 0), U(20)));
    say(&before, plain(EVENT_SALE, at(10, 5), U(3)));
    say(&before, plain(EVENT_SALE, at(10, 20), U(2)));
    world_through_image(&before, &w);
    expect_expected(&w, at(10, 10), BASIS_PHYSICAL, U(17));
    world_close(&w);
    world_close(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_sales_around_a_count),
        cmocka_unit_test(late_shipment_before_a_physical_count),
        cmocka_unit_test(net_count_with_an_order_on_top),
        cmocka_unit_test(case_12_six_orders_of_arrival_end_at_99),
        cmocka_unit_test(case_13_a_count_moves_by_the_difference),
        cmocka_unit_test(case_14_net_and_physical_counts),
        cmocka_unit_test(net_count_whatever_came_first),
        cmocka_unit_test(a_sellable_count_leaves_statuses_out),
        cmocka_unit_test(a_count_fixes_the_statuses_it_names),
        cmocka_unit_test(statuses_may_overtake_each_other),
        cmocka_unit_test(case_35_short_pick_and_the_count_after),
        cmocka_unit_test(case_35_the_count_comes_first),
        cmocka_unit_test(what_was_missing_and_found_again_leaves_no_debt),
        cmocka_unit_test(case_40_a_stocktake_a_month_old),
        cmocka_unit_test(case_38_a_count_from_the_future),
        cmocka_unit_test(many_changes_are_merged_and_say_so),
        cmocka_unit_test(what_a_count_should_find),
        cmocka_unit_test(what_a_count_should_find_after_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
