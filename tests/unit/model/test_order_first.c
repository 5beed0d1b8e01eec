/* An order that is there before the reservation of its own reference: one demand, two messengers that
 * overtook each other. A reservation is judged by what all of it grows by. */
#include "reserving.h"

#include "core/history.h"

static void with_stock(struct world *w, milli_t quantity)
{
    world_open(w);
    expect_verdict(w, plain(EVENT_RECEIPT, at(8, 0), quantity), APPLIED);
}

static struct event placed(const char *reference, milli_t q)
{
    return order(EVENT_ORDER_PLACED, at(9, 0), reference, q);
}

static struct event of_line(struct event e, const char *line)
{
    e.has |= HAS(line);
    e.line = text_of(line);
    return e;
}

static struct event required(struct event e, instant_t when)
{
    e.has |= HAS(required_at);
    e.required_at = when;
    return e;
}

static instant_t day(int n)
{
    return at(12, 0) + n * INSTANT_DAY;
}

static struct ask of(const char *id, milli_t q, const char *reference)
{
    return for_reference(reserve(id, q), reference);
}

static struct ask for_day(struct ask a, instant_t when)
{
    a.said.required_at = when;
    return a;
}

static struct ask partly(struct ask a)
{
    a.said.partial = true;
    return a;
}

static struct ask beginning_as(struct ask a, enum reservation_state s)
{
    a.said.begin = s;
    return a;
}

/* on_hand 2, order 77 of 2 → committed 2, available 0. Its reservation of 2 → granted, still committed 2;
 * another's → refused; `order_shipped` 2 → on_hand 0, fulfilled. */
static void a_reservation_of_what_its_order_has_takes_nothing(void **unused)
{
    struct world w;
    with_stock(&w, U(2));
    expect_verdict(&w, placed("77", U(2)), APPLIED);
    expect_refused(&w, of("r-0", U(1), "78"), INSUFFICIENT);
    expect_refused(&w, reserve("r-0", U(1)), INSUFFICIENT);
    expect_applied(&w, of("r-1", U(2), "77"));
    expect_demand(&w, 0, U(2));
    expect_state(&w, "r-1", CONFIRMED);                      /* the order confirms it */
    expect_refused(&w, of("r-2", U(1), "77"), INSUFFICIENT); /* beyond what the order says */
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, 0);
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(11, 0), "77", U(2)), APPLIED);
    expect_row(&w, 0, 0, 0, 0);
    expect_state(&w, "r-1", FULFILLED);
    world_close(&w);
}

/* on_hand 3, order of 2: a reservation of 4 needs 2 and 1 is there; of 3 is granted, 1 of it held. Released
 * or expired, what stays is what the order says. */
static void only_what_it_grows_by_has_to_be_there(void **unused)
{
    for (int expires = 0; expires < 2; expires++) {
        struct world w;
        with_stock(&w, U(3));
        expect_verdict(&w, placed("77", U(2)), APPLIED);
        expect_refused(&w, of("r-1", U(4), "77"), INSUFFICIENT);
        assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(3));
        expect_applied(&w, of("r-1", U(3), "77"));
        expect_demand(&w, U(1), U(2));
        expect_state(&w, "r-1", HELD);
        expect_refused(&w, reserve("r-2", U(1)), INSUFFICIENT);
        w.now = reservation_at(&w, "r-1")->expires_at;
        if (expires)
            assert_int_equal(expire(&w, "r-1", w.now), VERDICT_APPLIED);
        else
            expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
        expect_demand(&w, 0, U(2));
        expect_row(&w, U(3), 0, U(2), U(1));
        expect_applied(&w, reserve("r-2", U(1)));
        world_close(&w);
    }
}

/* The order alone oversold the row: its reservation changes nothing about that, and is granted. */
static void what_is_oversold_already_is_not_sold_again(void **unused)
{
    struct world w;
    with_stock(&w, U(1));
    expect_verdict(&w, placed("77", U(3)), APPLIED);
    expect_applied(&w, of("r-1", U(3), "77"));
    expect_demand(&w, 0, U(3));
    expect_applied(&w, ask_of(STEP_CANCEL, "r-1")); /* one demand: both are called off */
    expect_demand(&w, 0, 0);
    expect_row(&w, U(1), 0, 0, U(1));
    world_close(&w);
}

/* Goods left first, then the order or nobody spoke of it, then its reservation. */
static void what_has_left_need_not_be_there_again(void **unused)
{
    for (int begin = RESERVATION_HELD; begin <= RESERVATION_FULFILLED; begin++) {
        struct world w;
        with_stock(&w, U(2));
        expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(9, 0), "77", U(2)), APPLIED);
        expect_row(&w, 0, 0, 0, 0);
        expect_applied(&w, beginning_as(of("r-1", U(2), "77"), (enum reservation_state)begin));
        expect_row(&w, 0, 0, 0, 0);
        expect_state(&w, "r-1", FULFILLED);
        expect_refused(&w, of("r-2", U(1), "77"), INSUFFICIENT);
        world_close(&w);
    }
}

/* A hold of 2 expires; meanwhile its order comes, and takes the 2 that are there. The confirmation revives
 * it. */
static void a_revival_takes_what_its_order_took_meanwhile(void **unused)
{
    for (int late = 0; late < 2; late++) { /* the reference was known, or comes with the confirmation */
        struct world w;
        with_stock(&w, U(2));
        expect_applied(&w, late ? reserve("r-1", U(2)) : of("r-1", U(2), "77"));
        w.now = reservation_at(&w, "r-1")->expires_at;
        assert_int_equal(expire(&w, "r-1", w.now), VERDICT_APPLIED);
        expect_demand(&w, 0, 0);
        expect_verdict(&w, placed("77", U(2)), APPLIED);
        expect_demand(&w, 0, U(2));
        if (late)
            expect_refused(&w, for_reference(ask_of(STEP_CONFIRM, "r-1"), "78"), INSUFFICIENT);
        expect_applied(&w, for_reference(ask_of(STEP_CONFIRM, "r-1"), "77"));
        expect_demand(&w, 0, U(2));
        expect_state(&w, "r-1", CONFIRMED);
        assert_true(text_equal(reservation_at(&w, "r-1")->reference, TEXT("77")));
        expect_applied(&w, ask_of(STEP_FULFIL, "r-1"));
        expect_row(&w, 0, 0, 0, 0);
        world_close(&w);
    }
}

/* on_hand 0, 12 come on day 4, order 77 of 12 for day 4: its reservation for day 4 is granted, one more is
 * not. */
static void by_date_as_well(void **unused)
{
    struct world w;
    with_stock(&w, U(1));
    expect_verdict(&w, plain(EVENT_SALE, at(8, 30), U(1)), APPLIED);
    expect_verdict(&w, inbound(at(9, 0), "PO-1", U(12), day(3), NULL), APPLIED);
    expect_verdict(&w, required(placed("77", U(12)), day(4)), APPLIED);
    expect_refused(&w, for_day(of("r-0", U(1), "78"), day(4)), INSUFFICIENT);
    expect_refused(&w, for_day(of("r-1", U(13), "77"), day(4)), INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(12));
    expect_applied(&w, for_day(of("r-1", U(12), "77"), day(4)));
    expect_demand(&w, 0, U(12));
    struct row_image row = world_row(&w);
    assert_int_equal(row_rare(&row)->dated_count, 2); /* it comes on day 3 and goes on day 4 */
    assert_int_equal(row_rare(&row)->dated[1].at, day(4));
    assert_int_equal(row_rare(&row)->dated[1].demand, U(12));
    world_close(&w);
}

/* One demand has one instant. What a reservation asks for on top of it counts at that instant too, so it has
 * to be there by then: 5 now and 20 on day 6 do not give 10 now because day 6 is asked for. */
static void what_is_added_counts_when_the_rest_does(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_verdict(&w, inbound(at(9, 0), "PO-1", U(20), day(6), NULL), APPLIED);
    expect_applied(&w, of("r-1", U(2), "77")); /* now */
    expect_refused(&w, for_day(of("r-2", U(8), "77"), day(6)), INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(3));
    expect_applied(&w, for_day(of("r-2", U(8), "78"), day(6)));
    expect_row(&w, U(5), 0, 0, U(3));
    /* the other way round: for day 6 first, then now */
    expect_refused(&w, of("r-3", U(4), "78"), INSUFFICIENT);
    expect_applied(&w, of("r-3", U(3), "78"));
    world_close(&w);
}

/* An order that does not say when leaves it to the reservation, whichever comes first. */
static void who_says_when_is_heard_in_either_order(void **unused)
{
    for (int first = 0; first < 2; first++) {
        struct world w;
        with_stock(&w, U(1));
        expect_verdict(&w, inbound(at(9, 0), "PO-1", U(5), day(5), NULL), APPLIED);
        if (first)
            expect_verdict(&w, placed("77", U(5)), APPLIED);
        expect_applied(&w, for_day(of("r-1", U(5), "77"), day(6)));
        if (!first)
            expect_verdict(&w, placed("77", U(5)), APPLIED);
        expect_demand(&w, 0, U(5));
        struct row_image row = world_row(&w);
        assert_int_equal(available(&row), U(1)); /* now: what is here is not needed for day 6 */
        assert_int_equal(row_rare(&row)->dated_count, 2);
        assert_int_equal(row_rare(&row)->dated[1].demand, U(5));
        world_close(&w);
    }
}

/* Lines of an order at one row are one demand with its reservation; the earliest of their instants counts. */
static void an_orders_lines_together(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_verdict(&w, of_line(required(placed("77", U(2)), day(2)), "1"), APPLIED);
    expect_verdict(&w, of_line(required(placed("77", U(3)), day(1)), "2"), APPLIED);
    expect_refused(&w, reserve("r-0", U(1)), INSUFFICIENT);
    expect_refused(&w, of("r-1", U(6), "77"), INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(5));
    expect_applied(&w, for_day(of("r-1", U(5), "77"), day(3)));
    expect_demand(&w, 0, U(5));
    struct row_image row = world_row(&w);
    assert_int_equal(row_rare(&row)->dated_count, 1);
    assert_int_equal(row_rare(&row)->dated[0].at, day(1));
    assert_int_equal(row_rare(&row)->dated[0].demand, U(5));
    world_close(&w);
}

/* on_hand 10, 4 set aside for web; web's order of 3 takes 3 of them. Its reservation of 3 takes nothing, of 5
 * the one that is left and one of the pool. */
static void what_is_set_aside_is_taken_once(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    put_channel_named(&w, "web");
    expect_verdict(&w, allocation(at(8, 30), ALLOCATION_SET, "web", U(4), NULL), APPLIED);
    expect_verdict(&w, with_channel(placed("77", U(3)), "web"), APPLIED);
    assert_int_equal(world_promise(&w, "web").fenced, U(1));
    expect_applied(&w, for_channel(of("r-1", U(3), "77"), "web"));
    assert_int_equal(world_promise(&w, "web").fenced, U(1));
    assert_int_equal(world_promise(&w, NULL).shown, U(6));
    expect_refused(&w, for_channel(of("r-2", U(8), "77"), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(of("r-2", U(2), "77"), "web"));
    assert_int_equal(world_promise(&w, "web").fenced, 0);
    assert_int_equal(world_promise(&w, NULL).shown, U(5));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-2"));
    assert_int_equal(world_promise(&w, "web").fenced, U(2)); /* of the four that the demand took */
    assert_int_equal(world_promise(&w, NULL).shown, U(5));
    world_close(&w);
}

static void all_of_a_fence_may_be_the_orders(void **unused)
{
    struct world w;
    with_stock(&w, U(4));
    put_channel_named(&w, "web");
    expect_verdict(&w, allocation(at(8, 30), ALLOCATION_SET, "web", U(4), NULL), APPLIED);
    expect_verdict(&w, with_channel(placed("77", U(4)), "web"), APPLIED);
    assert_int_equal(world_promise(&w, "web").fenced, 0);
    expect_applied(&w, for_channel(of("r-1", U(4), "77"), "web"));
    expect_applied(&w, ask_of(STEP_CANCEL, "r-1"));
    assert_int_equal(world_promise(&w, "web").fenced, U(4));
    world_close(&w);
}

/* on_hand 5, order of 2: partly, a reservation of 9 gets 5: the order's 2 and the 3 that are left. */
static void partly_as_much_as_there_is(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_verdict(&w, placed("77", U(2)), APPLIED);
    expect_applied(&w, partly(of("r-1", U(9), "77")));
    assert_int_equal(reservation_at(&w, "r-1")->lines[0].quantity, U(5));
    assert_int_equal(reservation_at(&w, "r-1")->missing[0].quantity, U(4));
    expect_demand(&w, U(3), U(2));
    expect_refused(&w, partly(of("r-2", U(9), "77")), INSUFFICIENT);
    world_close(&w);
}

/* Two lines of one row in a basket are one: 2 and 2 with an order of 2 need 2 more. */
static void two_lines_of_a_basket_ask_once(void **unused)
{
    for (int there = 1; there <= 2; there++) {
        struct world w;
        with_stock(&w, U(2 + there));
        expect_verdict(&w, placed("77", U(2)), APPLIED);
        struct ask basket = of("r-1", U(2), "77");
        ask_line(&basket, "SKU-1", U(2), "L1");
        if (there == 1) {
            expect_refused(&w, basket, INSUFFICIENT);
            assert_int_equal(w.outcome.reservation->shortfalls[0].requested, U(4));
            assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(3));
        } else {
            expect_applied(&w, basket);
            expect_demand(&w, U(2), U(2));
        }
        world_close(&w);
    }
}

/* Lines with candidates stay apart: what the first took of the order the second does not find. */
static void lines_that_stay_apart_share_what_is_ordered(void **unused)
{
    for (int more = 0; more < 2; more++) {
        struct world w;
        with_stock(&w, U(2 + more));
        expect_verdict(&w, placed("77", U(2)), APPLIED);
        struct ask basket = of("r-1", U(2), "77");
        ask_candidate(&basket, "L2");
        ask_line(&basket, "SKU-1", U(1), "L1");
        if (more) {
            expect_applied(&w, basket);
            expect_demand(&w, U(1), U(2));
        } else {
            expect_refused(&w, basket, INSUFFICIENT);
        }
        world_close(&w);
    }
}

/* An order of 3, two reservations under it of 2 each: the first takes 2 of it, the second 1 and 1 more. */
static void several_reservations_of_one_order(void **unused)
{
    struct world w;
    with_stock(&w, U(4));
    expect_verdict(&w, placed("77", U(3)), APPLIED);
    expect_applied(&w, of("r-1", U(2), "77"));
    expect_state(&w, "r-1", CONFIRMED);
    expect_refused(&w, of("r-2", U(3), "77"), INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(2));
    expect_applied(&w, of("r-2", U(2), "77"));
    expect_state(&w, "r-2", HELD);
    expect_demand(&w, U(1), U(3));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-2"));
    expect_demand(&w, 0, U(3));
    expect_applied(&w, ask_of(STEP_CANCEL, "r-1"));
    expect_demand(&w, 0, U(1)); /* what is left of the order, that r-2 did not take */
    world_close(&w);
}

/* Lines said anew: at a row where the order is known already, and where the reservation itself holds some. */
static void a_change_is_judged_by_its_growth(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_verdict(&w, with_sku(plain(EVENT_RECEIPT, at(8, 0), U(2)), "SKU-2"), APPLIED);
    expect_verdict(&w, with_sku(placed("77", U(2)), "SKU-2"), APPLIED);
    expect_applied(&w, of("r-1", U(3), "77"));
    struct ask changed = ask_of(STEP_CHANGE, "r-1");
    ask_line(&changed, "SKU-1", U(5), "L1");
    ask_line(&changed, "SKU-2", U(3), "L1");
    expect_refused(&w, changed, INSUFFICIENT);
    changed.lines[1].quantity = U(2);
    changed.lines[0].quantity = U(6);
    expect_refused(&w, changed, INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(5));
    changed.lines[0].quantity = U(5);
    expect_applied(&w, changed);
    expect_demand(&w, U(5), 0);
    struct row_image other = world_row_at(&w, "SKU-2", "L1");
    assert_int_equal(row_committed(&other), U(2));
    assert_int_equal(row_reserved(&other), 0);
    world_close(&w);
}

/* Orders speak of components: SKU-1 2 and SKU-2 1, all there is. The kit of them is the same demand. */
static void a_kit_of_which_the_parts_are_ordered(void **unused)
{
    struct world w;
    with_stock(&w, U(2));
    expect_verdict(&w, with_sku(plain(EVENT_RECEIPT, at(8, 0), U(1)), "SKU-2"), APPLIED);
    struct component parts[] = {{TEXT("SKU-1"), U(2)}, {TEXT("SKU-2"), U(1)}};
    put_item(&w, "KIT", 1, parts, 2);
    expect_verdict(&w, placed("77", U(2)), APPLIED);
    expect_verdict(&w, with_sku(placed("77", U(1)), "SKU-2"), APPLIED);
    expect_refused(&w, reserve_at("r-0", "KIT", U(1), "L1"), INSUFFICIENT);
    expect_applied(&w, for_reference(reserve_at("r-1", "KIT", U(1), "L1"), "77"));
    expect_demand(&w, 0, U(2));
    world_close(&w);
}

/* The limit is for what is new: on_hand 0, order of 2, limit 3 → one more, not two. */
static void below_zero_only_for_what_is_new(void **unused)
{
    struct world w;
    with_stock(&w, U(2));
    expect_verdict(&w, plain(EVENT_SALE, at(8, 30), U(2)), APPLIED);
    struct event limit = event_of(EVENT_SETTING, at(8, 40));
    limit.has |= HAS(backorder_limit);
    limit.backorder_limit = U(3);
    expect_verdict(&w, limit, APPLIED);
    expect_verdict(&w, placed("77", U(2)), APPLIED);
    expect_refused(&w, of("r-1", U(4), "77"), INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(3));
    expect_applied(&w, of("r-1", U(3), "77"));
    expect_demand(&w, U(1), U(2));
    world_close(&w);
}

/* Of 7 requested 2 are on order; 5 are needed and, beside the 2 committed, 3 are there. */
static void a_refusal_says_what_is_on_order(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    w.outcome.keeps_lines = true;
    expect_verdict(&w, placed("77", U(2)), APPLIED);
    expect_refused(&w, of("r-1", U(7), "77"), INSUFFICIENT);
    struct reservation_said said = {.step = STEP_RESERVE, .id = TEXT("r-1"), .reference = TEXT("77")};
    struct record r = {.kind = RECORD_RESERVATION, .reservation = &said};
    struct history_line l;
    assert_int_equal(history_lines_count(&w.outcome), 1);
    history_line_tell(w.state, &r, &w.outcome, 0, 7, &l);
    assert_true(l.is_refused);
    assert_int_equal(l.refusal.requested, U(7));
    assert_int_equal(l.refusal.ordered, U(2));
    assert_int_equal(l.refusal.committed, U(2));
    assert_int_equal(l.refusal.n, U(3));
    assert_int_equal(l.refusal.available, U(5));
    assert_int_equal(l.refusal.bound, BOUND_DEMAND);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reservation_of_what_its_order_has_takes_nothing),
        cmocka_unit_test(only_what_it_grows_by_has_to_be_there),
        cmocka_unit_test(what_is_oversold_already_is_not_sold_again),
        cmocka_unit_test(what_has_left_need_not_be_there_again),
        cmocka_unit_test(a_revival_takes_what_its_order_took_meanwhile),
        cmocka_unit_test(by_date_as_well),
        cmocka_unit_test(what_is_added_counts_when_the_rest_does),
        cmocka_unit_test(who_says_when_is_heard_in_either_order),
        cmocka_unit_test(an_orders_lines_together),
        cmocka_unit_test(what_is_set_aside_is_taken_once),
        cmocka_unit_test(all_of_a_fence_may_be_the_orders),
        cmocka_unit_test(partly_as_much_as_there_is),
        cmocka_unit_test(two_lines_of_a_basket_ask_once),
        cmocka_unit_test(lines_that_stay_apart_share_what_is_ordered),
        cmocka_unit_test(several_reservations_of_one_order),
        cmocka_unit_test(a_change_is_judged_by_its_growth),
        cmocka_unit_test(a_kit_of_which_the_parts_are_ordered),
        cmocka_unit_test(below_zero_only_for_what_is_new),
        cmocka_unit_test(a_refusal_says_what_is_on_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
