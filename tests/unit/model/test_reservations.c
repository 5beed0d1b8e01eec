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

static void case_02_a_change_leaves_its_own_units_out(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, reserve("r-1", U(3)));
    struct ask change = ask_of(STEP_CHANGE, "r-1");
    ask_line(&change, "SKU-1", U(7), "L1");
    expect_applied(&w, change);
    expect_demand(&w, U(7), 0);
    expect_repeated(&w, change);
    change.lines[0].quantity = U(2);
    expect_applied(&w, change);
    expect_demand(&w, U(2), 0);
    change.lines[0].quantity = U(10);
    expect_applied(&w, change);
    expect_demand(&w, U(10), 0);
    change.lines[0].quantity = U(11);
    expect_refused(&w, change, INSUFFICIENT);
    expect_demand(&w, U(10), 0);
    assert_int_equal(reservation_at(&w, "r-1")->lines[0].quantity, U(10));
    assert_int_equal(reservation_at(&w, "r-1")->lines[0].held, U(10));
    world_close(&w);
}

/* A step that did nothing because there was nothing to do is still that step when it comes again. */
static void a_step_that_was_done_is_not_done_later(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, reserve("r-1", U(2)));
    struct ask to_two = with_step_id(ask_of(STEP_CHANGE, "r-1"), "s-1");
    ask_line(&to_two, "SKU-1", U(2), "L1");
    expect_repeated(&w, to_two);
    struct ask to_four = with_step_id(ask_of(STEP_CHANGE, "r-1"), "s-2");
    ask_line(&to_four, "SKU-1", U(4), "L1");
    expect_applied(&w, to_four);
    expect_repeated(&w, to_two);
    expect_demand(&w, U(4), 0);
    world_close(&w);
}

static void what_is_open_moves(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_verdict(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(5)), "L2"), APPLIED);
    expect_applied(&w, reserve("r-1", U(4)));
    struct ask move = ask_of(STEP_MOVE, "r-1");
    move.said.move_from = TEXT("L1");
    move.said.move_to = TEXT("L2");
    expect_applied(&w, move);
    expect_demand(&w, 0, 0);
    struct row_image there = world_row_at(&w, "SKU-1", "L2");
    assert_int_equal(row_reserved(&there), U(4));
    assert_int_equal(reservation_at(&w, "r-1")->lines_count, 1);
    expect_repeated(&w, move);
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    expect_applied(&w, part_of(STEP_FULFIL, "r-1", "s-1", U(1)));
    move.said.move_from = TEXT("L2");
    move.said.move_to = TEXT("L1");
    expect_applied(&w, move);
    expect_demand(&w, 0, U(3));
    there = world_row_at(&w, "SKU-1", "L2");
    assert_int_equal(row_on_hand(&there), U(4));
    assert_int_equal(row_committed(&there), 0);
    const struct reservation *r = reservation_at(&w, "r-1");
    assert_int_equal(r->lines_count, 2);
    assert_int_equal(r->lines[0].quantity, U(1));
    assert_int_equal(r->lines[0].gone, U(1));
    assert_int_equal(r->lines[1].committed, U(3));
    expect_applied(&w, ask_of(STEP_FULFIL, "r-1"));
    expect_row(&w, U(7), 0, 0, U(7));
    expect_state(&w, "r-1", FULFILLED);
    world_close(&w);
}

/* Lines of 2 and 4, and a rule that came later: whoever moves them asks for no more than was granted. */
static void a_move_is_not_held_to_what_one_line_may_have(void **unused)
{
    struct rule four[] = {{.sets = 1u << RULE_MAX_PER_LINE, .value = {[RULE_MAX_PER_LINE] = U(4)}}};
    struct channel web = {.id = TEXT("web")}, bounded = {.id = TEXT("web"), .rules_count = 1, .rules = four};
    struct world w;
    with_stock(&w, U(10));
    put_the_channel(&w, web);
    expect_verdict(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(8)), "L2"), APPLIED);
    struct ask asked = for_channel(reserve("r-1", U(2)), "web");
    ask_line(&asked, "SKU-1", U(4), "L1");
    expect_applied(&w, asked);
    put_the_channel(&w, bounded);
    expect_refused(&w, for_channel(reserve("r-2", U(6)), "web"), MAX_PER_LINE);
    struct ask move = ask_of(STEP_MOVE, "r-1");
    move.said.move_from = TEXT("L1");
    move.said.move_to = TEXT("L2");
    expect_applied(&w, move);
    struct row_image there = world_row_at(&w, "SKU-1", "L2");
    assert_int_equal(row_reserved(&there), U(6));
    expect_demand(&w, 0, 0);
    world_close(&w);
}

static void what_expired_is_revived_while_it_is_there(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_applied(&w, reserve("r-1", U(3)));
    instant_t expires_at = w.now = reservation_at(&w, "r-1")->expires_at;
    assert_int_equal(expire(&w, "r-1", expires_at), VERDICT_APPLIED);
    expect_demand(&w, 0, 0);
    expect_applied(&w, reserve("r-2", U(3)));
    expect_refused(&w, ask_of(STEP_CONFIRM, "r-1"), INSUFFICIENT);
    expect_state(&w, "r-1", EXPIRED);
    expect_applied(&w, ask_of(STEP_RELEASE, "r-2"));
    expect_applied(&w, for_reference(ask_of(STEP_CONFIRM, "r-1"), "O-1"));
    expect_demand(&w, 0, U(3));
    expect_state(&w, "r-1", CONFIRMED);
    assert_true(reservation_at(&w, "r-1")->revived);
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(12, 0), "O-1", U(3)), APPLIED);
    expect_state(&w, "r-1", FULFILLED);
    struct reservations_stats stats = reservations_stats(w.state->reservations);
    assert_int_equal(stats.revived, 1);
    assert_int_equal(stats.open, 0);
    assert_int_equal(stats.remembered, 2);
    world_close(&w);
}

/* The same four things in each order of arrival that can be: steps of one reservation keep theirs. */
static void case_31_in_every_order_of_arrival(void **unused)
{
    for (int n = 0; n < 120; n++) {
        struct world w;
        with_stock(&w, U(10));
        int left[5] = {0, 1, 2, 3, 4}, digits = n, steps = 0;
        for (int i = 5; i > 0; i--) {
            int k = digits % i, what = left[k];
            digits /= i;
            left[k] = left[i - 1];
            if (what == 0)
                say(&w, order(EVENT_ORDER_PLACED, at(11, 0), "77", U(2)));
            else if (what == 1)
                say(&w, order(EVENT_ORDER_SHIPPED, at(11, 30), "77", U(2)));
            else if (steps++ == 0)
                expect_applied(&w, for_reference(reserve("r-1", U(2)), "77"));
            else if (steps == 2)
                assert_int_not_equal(ask(&w, ask_of(STEP_CONFIRM, "r-1"))->verdict.verdict, VERDICT_REJECTED);
            else
                ask(&w, ask_of(STEP_FULFIL, "r-1"));
        }
        expect_row(&w, U(8), 0, 0, U(8));
        expect_state(&w, "r-1", FULFILLED);
        world_close(&w);
    }
}

static void a_reference_that_comes_with_the_confirmation(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, reserve("r-1", U(2)));
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(11, 0), "77", U(3)), APPLIED);
    expect_demand(&w, U(2), U(3)); /* nobody knows yet that they are one */
    expect_applied(&w, for_reference(ask_of(STEP_CONFIRM, "r-1"), "77"));
    expect_demand(&w, 0, U(3));
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(11, 0), "77", U(3)), APPLIED);
    expect_row(&w, U(7), 0, 0, U(7));
    expect_state(&w, "r-1", FULFILLED);
    const struct reservation *found[2];
    assert_int_equal(reservations_of(w.state->reservations, TEXT("77"), found, 2), 1);
    assert_ptr_equal(found[0], reservation_at(&w, "r-1"));
    expect_refused(&w, for_reference(ask_of(STEP_CONFIRM, "r-1"), "78"), CONFLICT);
    world_close(&w);
}

/* Order systems speak of lines; the basket is one. */
static void lines_of_an_order_are_the_reservations(void **unused)
{
    for (int before = 0; before < 2; before++) {
        struct world w;
        with_stock(&w, U(10));
        struct event placed = order(EVENT_ORDER_PLACED, at(11, 0), "77", U(2));
        struct event shipped = order(EVENT_ORDER_SHIPPED, at(11, 30), "77", U(2));
        placed.has |= HAS(line);
        shipped.has |= HAS(line);
        placed.line = shipped.line = TEXT("1");
        if (before)
            expect_verdict(&w, placed, APPLIED);
        expect_applied(&w, for_reference(reserve("r-1", U(2)), "77"));
        assert_int_equal(reservation_at(&w, "r-1")->state, before ? RESERVATION_CONFIRMED : RESERVATION_HELD);
        if (!before)
            expect_verdict(&w, placed, APPLIED);
        expect_demand(&w, 0, U(2));
        expect_verdict(&w, shipped, APPLIED);
        expect_row(&w, U(8), 0, 0, U(8));
        expect_state(&w, "r-1", FULFILLED);
        world_close(&w);
    }
}

static void an_order_cancels_what_is_held(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, for_reference(reserve("r-1", U(2)), "77"));
    expect_verdict(&w, with_reference(event_of(EVENT_ORDER_CANCELLED, at(12, 0)), "77"), APPLIED);
    expect_demand(&w, 0, 0);
    expect_state(&w, "r-1", CANCELLED);
    world_close(&w);
}

/* Which arrow of the state diagram led out of confirmed: what was handed over before the rest was cancelled
 * stands in `gone`. */
static void the_last_of_what_was_open_says_how_it_ended(void **unused)
{
    struct world w;
    with_stock(&w, U(50));
    static const char *const ids[] = {"by-step", "by-order", "handed-over", "shipped"};
    for (int i = 0; i < 4; i++) {
        expect_applied(&w, for_reference(reserve(ids[i], U(2)), ids[i]));
        expect_applied(&w, ask_of(STEP_CONFIRM, ids[i]));
    }
    expect_applied(&w, part_of(STEP_FULFIL, "by-step", "s-1", U(1)));
    expect_state(&w, "by-step", CONFIRMED);
    expect_applied(&w, part_of(STEP_CANCEL, "by-step", "s-2", U(1)));
    expect_state(&w, "by-step", CANCELLED);
    assert_int_equal(reservation_at(&w, "by-step")->lines[0].gone, U(1));
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(12, 0), "by-order", U(1)), APPLIED);
    expect_verdict(&w, with_reference(event_of(EVENT_ORDER_CANCELLED, at(12, 1)), "by-order"), APPLIED);
    expect_state(&w, "by-order", CANCELLED);
    assert_int_equal(reservation_at(&w, "by-order")->lines[0].gone, U(1));
    expect_applied(&w, part_of(STEP_CANCEL, "handed-over", "s-1", U(1)));
    expect_applied(&w, ask_of(STEP_FULFIL, "handed-over"));
    expect_state(&w, "handed-over", FULFILLED);
    expect_applied(&w, part_of(STEP_CANCEL, "shipped", "s-1", U(1)));
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(12, 2), "shipped", U(1)), APPLIED);
    expect_state(&w, "shipped", FULFILLED);
    world_close(&w);
}

static void image_keeps_reservations(void **unused)
{
    struct world w, v;
    with_stock(&w, U(50));
    for (int i = 0; i < 12; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r-%d", i);
        struct ask a = reserve(id, U(2));
        if (i % 2)
            a = for_reference(a, i % 4 == 1 ? "A" : "B");
        expect_applied(&w, a);
        if (i % 3 == 0)
            expect_applied(&w, ask_of(STEP_CONFIRM, id));
        if (i % 6 == 0)
            expect_applied(&w, part_of(STEP_FULFIL, id, "s-1", U(1)));
        if (i % 5 == 4)
            expect_applied(&w, ask_of(i % 3 == 0 ? STEP_CANCEL : STEP_RELEASE, id));
    }
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(12, 0), "A", U(3)), APPLIED);
    expect_verdict(&w, allocation(at(12, 0), ALLOCATION_ADD, "web", U(3), NULL), APPLIED);
    world_through_image(&w, &v);
    uint64_t held = 0;
    for (int i = 0; i < 12; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r-%d", i);
        held += reservation_at(&w, id)->state == RESERVATION_HELD;
    }
    assert_true(held > 0);
    assert_int_equal(reservations_stats(w.state->reservations).held, held);
    assert_int_equal(reservations_stats(v.state->reservations).held, held);
    for (int turn = 0; turn < 2; turn++) {
        struct world *one = turn ? &v : &w;
        expect_repeated(one, part_of(STEP_FULFIL, "r-0", "s-1", U(1)));
        expect_verdict(one, allocation(at(11, 0), ALLOCATION_SET, "web", U(1), NULL), APPLIED);
        assert_int_equal(world_promise(one, "web").fenced, U(4));
        expect_applied(one, reserve("r-20", U(1)));
        expect_verdict(one, order(EVENT_ORDER_SHIPPED, at(12, 0), "A", U(4)), APPLIED);
        instant_t expires_at = reservation_at(one, "r-7")->expires_at;
        one->now = expires_at;
        assert_int_equal(due_next(&one->state->due, DUE_HOLD), reservation_at(one, "r-2")->expires_at);
        assert_int_equal(expire(one, "r-7", expires_at), VERDICT_APPLIED);
    }
    struct hash128 a = state_digest(w.state), b = state_digest(v.state);
    assert_true(a.high == b.high && a.low == b.low);
    world_close(&w);
    world_close(&v);
}

/* The goods had left before the order came: it confirms what is held, and no figure of the reservation is
 * another. What it confirmed stands in images all the same, so a cut before it must not show it. */
static void a_cut_is_before_what_came_later_though_nothing_shows_it(void **unused)
{
    struct world w;
    struct hash128 told;
    with_stock(&w, U(10));
    struct event receipt = plain(EVENT_RECEIPT, at(9, 0), U(10));
    receipt.sku = TEXT("SKU-2");
    say(&w, receipt);
    struct ask two = for_reference(reserve("r-1", U(5)), "O-1");
    ask_line(&two, "SKU-2", U(1), "L1");
    expect_applied(&w, two);
    say(&w, sale_of_order(at(11, 30), "O-1", U(5)));
    struct hash128 cut = state_digest(w.state);
    assert_int_equal(image_begin(w.state, NULL, NULL), 0);
    say(&w, order(EVENT_ORDER_PLACED, at(11, 40), "O-1", U(5)));
    assert_int_equal(image_step(w.state, SIZE_MAX, &told), 0);
    assert_true(told.high == cut.high && told.low == cut.low);
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
        cmocka_unit_test(case_02_a_change_leaves_its_own_units_out),
        cmocka_unit_test(a_step_that_was_done_is_not_done_later),
        cmocka_unit_test(what_is_open_moves),
        cmocka_unit_test(a_move_is_not_held_to_what_one_line_may_have),
        cmocka_unit_test(what_expired_is_revived_while_it_is_there),
        cmocka_unit_test(case_31_in_every_order_of_arrival),
        cmocka_unit_test(a_reference_that_comes_with_the_confirmation),
        cmocka_unit_test(an_order_cancels_what_is_held),
        cmocka_unit_test(lines_of_an_order_are_the_reservations),
        cmocka_unit_test(the_last_of_what_was_open_says_how_it_ended),
        cmocka_unit_test(image_keeps_reservations),
        cmocka_unit_test(a_cut_is_before_what_came_later_though_nothing_shows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
