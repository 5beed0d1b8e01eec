/* Reservations: what is granted, and every step in every state. */
#include "reserving.h"

static void with_stock(struct world *w, milli_t quantity)
{
    world_open(w);
    expect_verdict(w, plain(EVENT_RECEIPT, at(8, 0), quantity), APPLIED);
}

static void case_01_a_hold_takes_what_is_there_and_no_more(void **unused)
{
    struct world w;
    with_stock(&w, U(2));
    expect_applied(&w, reserve("r-1", U(2)));
    expect_demand(&w, U(2), 0);
    struct row_image row = world_row(&w);
    assert_int_equal(available(&row), 0);
    world_close(&w);

    with_stock(&w, U(2));
    const struct reservation_answer *a = ask(&w, reserve("r-1", U(3)));
    assert_int_equal(a->verdict.reason, REASON_INSUFFICIENT);
    assert_int_equal(a->shortfalls_count, 1);
    assert_int_equal(a->shortfalls[0].requested - a->shortfalls[0].available, U(1));
    assert_null(a->reservation);
    expect_demand(&w, 0, 0);
    struct event limit = event_of(EVENT_SETTING, at(9, 0));
    limit.has |= HAS(backorder_limit);
    limit.backorder_limit = U(1);
    expect_verdict(&w, limit, APPLIED);
    expect_applied(&w, reserve("r-1", U(3)));
    row = world_row(&w);
    assert_int_equal(figure_of(&row, NULL, NULL, &(struct question){.now = DAY_ZERO}).net_available, -U(1));
    world_close(&w);
}

static void case_03_released_once_however_often_it_is_asked(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, for_reference(reserve("r-1", U(2)), "O-1"));
    expect_applied(&w, for_reference(reserve("r-2", U(2)), "O-1"));
    expect_applied(&w, for_reference(reserve("r-3", U(2)), "O-2"));
    expect_demand(&w, U(6), 0);
    expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-2"));
    expect_demand(&w, U(2), 0);
    expect_repeated(&w, ask_of(STEP_RELEASE, "r-1"));
    expect_demand(&w, U(2), 0);
    expect_state(&w, "r-1", RELEASED);
    expect_state(&w, "r-3", HELD);
    world_close(&w);
}

static void case_07_two_lines_for_one_row_see_each_other(void **unused)
{
    struct world w;
    with_stock(&w, U(3));
    struct ask two = reserve("r-1", U(2));
    ask_line(&two, "SKU-1", U(2), "L1");
    const struct reservation_answer *a = ask(&w, two);
    assert_int_equal(a->verdict.reason, REASON_INSUFFICIENT);
    assert_int_equal(a->shortfalls_count, 1);
    assert_int_equal(a->shortfalls[0].requested - a->shortfalls[0].available, U(1));
    expect_demand(&w, 0, 0);
    world_close(&w);
}

static void case_08_one_unit_is_granted_once(void **unused)
{
    struct world w;
    with_stock(&w, U(1));
    expect_applied(&w, reserve("r-1", U(1)));
    expect_refused(&w, reserve("r-2", U(1)), INSUFFICIENT);
    assert_null(reservation_at(&w, "r-2"));
    world_close(&w);
}

static void case_09_a_hold_ends_by_itself(void **unused)
{
    struct world w;
    with_stock(&w, U(100));
    struct ask hold = reserve("r-1", U(20));
    hold.said.ttl_us = 15 * INSTANT_MINUTE;
    expect_applied(&w, hold);
    struct row_image row = world_row(&w);
    assert_int_equal(available(&row), U(80));
    instant_t expires_at = reservation_at(&w, "r-1")->expires_at;
    assert_int_equal(expires_at, w.now + 15 * INSTANT_MINUTE);
    assert_int_equal(due_next(&w.state->due, DUE_HOLD), expires_at);
    assert_int_equal(expire(&w, "r-1", expires_at), VERDICT_SUPERSEDED); /* not yet */
    w.now = expires_at;
    assert_int_equal(expire(&w, "r-1", expires_at), VERDICT_APPLIED);
    assert_int_equal(w.outcome.changes_count, 1);
    row = world_row(&w);
    assert_int_equal(available(&row), U(100));
    expect_state(&w, "r-1", EXPIRED);
    assert_int_equal(due_next(&w.state->due, DUE_HOLD), INT64_MAX);
    assert_int_equal(expire(&w, "r-1", expires_at), VERDICT_SUPERSEDED);
    world_close(&w);
}

static void case_11_an_id_is_one_request(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_applied(&w, reserve("r-1", U(2)));
    expect_repeated(&w, reserve("r-1", U(2)));
    assert_non_null(w.outcome.reservation->reservation);
    expect_refused(&w, reserve("r-1", U(3)), CONFLICT);
    expect_demand(&w, U(2), 0);
    world_close(&w);
}

static void a_reservation_goes_its_way(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, reserve("r-1", U(4)));
    expect_state(&w, "r-1", HELD);
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    expect_state(&w, "r-1", CONFIRMED);
    expect_demand(&w, 0, U(4));
    expect_refused(&w, part_of(STEP_FULFIL, "r-1", "", U(1)), STEP_ID_NEEDED);
    expect_applied(&w, part_of(STEP_FULFIL, "r-1", "s-1", U(1)));
    expect_row(&w, U(9), 0, U(3), U(6));
    expect_repeated(&w, part_of(STEP_FULFIL, "r-1", "s-1", U(1)));
    expect_row(&w, U(9), 0, U(3), U(6));
    expect_refused(&w, part_of(STEP_FULFIL, "r-1", "s-1", U(2)), STEP_REUSED);
    expect_refused(&w, part_of(STEP_FULFIL, "r-1", "s-2", U(4)), TOO_MUCH);
    expect_applied(&w, part_of(STEP_CANCEL, "r-1", "s-2", U(1)));
    expect_row(&w, U(9), 0, U(2), U(7));
    expect_applied(&w, ask_of(STEP_FULFIL, "r-1"));
    expect_row(&w, U(7), 0, 0, U(7));
    expect_state(&w, "r-1", FULFILLED);
    expect_repeated(&w, ask_of(STEP_FULFIL, "r-1"));
    expect_refused(&w, ask_of(STEP_RELEASE, "r-1"), STATE);
    world_close(&w);
}

static void case_31_two_messengers_of_one_order(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, for_reference(reserve("r-1", U(2)), "77"));
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(12, 0), "77", U(2)), SUPERSEDED);
    expect_demand(&w, 0, U(2));
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(12, 0), "77", U(2)), APPLIED);
    expect_row(&w, U(8), 0, 0, U(8));
    expect_state(&w, "r-1", FULFILLED);
    expect_repeated(&w, ask_of(STEP_FULFIL, "r-1"));
    expect_row(&w, U(8), 0, 0, U(8));
    world_close(&w);
}

static void at_once_confirmed_or_handed_over(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    struct ask taken = reserve("r-1", U(2));
    taken.said.begin = RESERVATION_CONFIRMED;
    expect_applied(&w, taken);
    expect_state(&w, "r-1", CONFIRMED);
    expect_demand(&w, 0, U(2));
    struct ask sold = reserve("r-2", U(3));
    sold.said.begin = RESERVATION_FULFILLED;
    expect_applied(&w, sold);
    expect_state(&w, "r-2", FULFILLED);
    expect_row(&w, U(7), 0, U(2), U(5));
    sold = reserve("r-3", U(6));
    sold.said.begin = RESERVATION_FULFILLED;
    expect_refused(&w, sold, INSUFFICIENT);
    expect_row(&w, U(7), 0, U(2), U(5));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_01_a_hold_takes_what_is_there_and_no_more),
        cmocka_unit_test(case_03_released_once_however_often_it_is_asked),
        cmocka_unit_test(case_07_two_lines_for_one_row_see_each_other),
        cmocka_unit_test(case_08_one_unit_is_granted_once),
        cmocka_unit_test(case_09_a_hold_ends_by_itself),
        cmocka_unit_test(case_11_an_id_is_one_request),
        cmocka_unit_test(a_reservation_goes_its_way),
        cmocka_unit_test(case_31_two_messengers_of_one_order),
        cmocka_unit_test(at_once_confirmed_or_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
