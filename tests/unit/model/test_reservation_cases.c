/* Worked cases of reservations and of the worked examples of model.md: channels, kits, dates, two messengers.
 */
#include "reserving.h"

static void with_stock(struct world *w, milli_t quantity)
{
    world_open(w);
    expect_verdict(w, plain(EVENT_RECEIPT, at(8, 0), quantity), APPLIED);
}

static struct event set_aside(instant_t when, const char *channel, milli_t q)
{
    struct event e = event_of(EVENT_ALLOCATION, when);
    e.has |= HAS(allocation);
    e.allocation = (struct allocation_said){.channel = text_of(channel), .quantity = q, .op = ALLOCATION_SET};
    return e;
}

static struct promise seen_by(const struct world *w, const char *channel)
{
    struct row_image row = world_row(w);
    struct stock s;
    stock_of_row(&row, &s);
    const struct channel *c = channel ? catalogue_channel(w->state->catalogue, text_of(channel)) : NULL;
    struct promise_question q = {
        .channel = c ? c->number : CHANNEL_POOL, .terms = terms_none, .at = INSTANT_NONE, .step = 1};
    return promise_of(&s, &q);
}

#define expect_seen(w, web_, market_)                               \
    do {                                                            \
        assert_int_equal(seen_by(w, "web").shown, web_);            \
        assert_int_equal(seen_by(w, "marketplace").shown, market_); \
    } while (0)

static void set_limits(struct world *w, milli_t safety_stock, milli_t backorder_limit)
{
    struct event e = event_of(EVENT_SETTING, at(9, 0));
    e.has |= HAS(safety_stock) | HAS(backorder_limit);
    e.safety_stock = safety_stock;
    e.backorder_limit = backorder_limit;
    expect_verdict(w, e, APPLIED);
}

static void with_marketplace(struct world *w, milli_t on_hand, milli_t safety_stock, milli_t backorder_limit)
{
    with_stock(w, on_hand);
    put_channel_named(w, "web");
    put_channel_named(w, "marketplace");
    set_limits(w, safety_stock, backorder_limit);
    expect_verdict(w, set_aside(at(9, 30), "marketplace", U(30)), APPLIED);
}

static void worked_example_of_channels(void **unused)
{
    struct world w;
    with_marketplace(&w, U(100), U(10), 0);
    expect_seen(&w, U(60), U(90));
    expect_applied(&w, for_channel(reserve("r-1", U(40)), "marketplace"));
    expect_seen(&w, U(50), U(50));
    assert_int_equal(reservation_at(&w, "r-1")->lines[0].fence_took, U(30));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
    expect_seen(&w, U(60), U(90));
    expect_verdict(&w, counted(at(11, 0), BASIS_PHYSICAL, U(25)), APPLIED);
    expect_seen(&w, 0, U(15));
    expect_refused(&w, for_channel(reserve("r-2", U(16)), "marketplace"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("r-2", U(15)), "marketplace"));
    world_close(&w);
}

/* Seed 3339 of the simulator: goods of an order left what was set aside before its reservation for a later
 * instant came, and came back to it then. */
static void what_has_left_gives_nothing_back_to_the_fence(void **unused)
{
    struct world w;
    with_marketplace(&w, U(40), 0, 0);
    struct event gone = with_channel(order(EVENT_ORDER_PICKED_UP, at(12, 0), "77", U(4)), "marketplace");
    expect_verdict(&w, gone, APPLIED);
    assert_int_equal(seen_by(&w, "marketplace").fenced, U(26));
    struct ask later = for_reference(for_channel(reserve("r-1", U(4)), "marketplace"), "77");
    later.said.required_at = w.now + 3600 * INSTANT_SECOND;
    expect_applied(&w, later);
    assert_int_equal(seen_by(&w, "marketplace").fenced, U(26));
    assert_int_equal(seen_by(&w, NULL).shown, U(10));
    world_close(&w);
}

static void worked_example_of_backorders_beside_a_fence(void **unused)
{
    struct world w;
    with_marketplace(&w, U(30), 0, U(5));
    expect_refused(&w, for_channel(reserve("r-1", U(6)), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("r-1", U(5)), "web"));
    expect_refused(&w, for_channel(reserve("r-2", U(1)), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("r-3", U(30)), "marketplace"));
    world_close(&w);

    with_marketplace(&w, U(100), U(10), U(5));
    expect_verdict(&w, counted(at(11, 0), BASIS_PHYSICAL, U(25)), APPLIED);
    expect_refused(&w, for_channel(reserve("r-1", U(21)), "marketplace"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("r-1", U(20)), "marketplace"));
    world_close(&w);
}

static void case_06_two_places_and_a_hold(void **unused)
{
    struct world w;
    with_stock(&w, U(4));
    expect_verdict(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(4)), "L2"), APPLIED);
    expect_applied(&w, reserve("r-1", U(2)));
    struct row_image a = world_row(&w), b = world_row_at(&w, "SKU-1", "L2");
    assert_int_equal(available(&a) + available(&b), U(6));
    assert_int_equal(row_on_hand(&a) + row_on_hand(&b), U(8));
    world_close(&w);
}

static void case_10_checkouts_over_two_warehouses(void **unused)
{
    struct world w;
    with_stock(&w, U(4));
    expect_verdict(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(3)), "L2"), APPLIED);
    struct ask first = reserve("r-1", U(2));
    ask_line(&first, "SKU-1", U(1), "L2");
    expect_applied(&w, first);
    expect_applied(&w, reserve_at("r-2", "SKU-1", U(2), "L2"));
    struct row_image a = world_row(&w), b = world_row_at(&w, "SKU-1", "L2");
    assert_int_equal(available(&a) + available(&b), U(2));
    milli_t own = 0, other = reservation_at(&w, "r-2")->lines[0].held;
    for (uint32_t i = 0; i < 2; i++)
        own += reservation_at(&w, "r-1")->lines[i].held;
    assert_int_equal(U(2) + own, U(5));
    assert_int_equal(U(2) + other, U(4));
    assert_int_equal(U(2) + own + other, U(7));
    world_close(&w);
}

static void case_17_a_hold_in_halves(void **unused)
{
    struct world w;
    with_stock(&w, U(17) / 2);
    expect_applied(&w, reserve("r-1", U(5)));
    struct row_image row = world_row(&w);
    assert_int_equal(available(&row), 3500);
    struct ask change = ask_of(STEP_CHANGE, "r-1");
    ask_line(&change, "SKU-1", 3500, "L1");
    expect_applied(&w, change);
    row = world_row(&w);
    assert_int_equal(available(&row), U(5));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
    row = world_row(&w);
    assert_int_equal(available(&row), 8500);
    world_close(&w);
}

static void case_27_a_hold_consumes_the_fence(void **unused)
{
    struct world w;
    with_stock(&w, U(20));
    put_channel_named(&w, "web");
    put_channel_named(&w, "marketplace");
    expect_verdict(&w, set_aside(at(9, 0), "web", U(10)), APPLIED);
    assert_int_equal(seen_by(&w, NULL).pool, U(10));
    struct event move = set_aside(at(9, 1), "web", U(2));
    move.allocation.op = ALLOCATION_MOVE;
    move.allocation.to_channel = TEXT("marketplace");
    expect_verdict(&w, move, APPLIED);
    assert_int_equal(seen_by(&w, "web").fenced, U(8));
    assert_int_equal(seen_by(&w, "marketplace").fenced, U(2));
    expect_applied(&w, for_channel(reserve("r-1", U(3)), "web"));
    assert_int_equal(seen_by(&w, "web").fenced, U(5));
    struct row_image row = world_row(&w);
    assert_int_equal(row_rare(&row)->fences[0].consumed, U(3));
    assert_int_equal(seen_by(&w, NULL).pool, U(10));
    world_close(&w);
}

static void case_36_tills_sell_what_is_set_aside_for_them(void **unused)
{
    struct world w;
    with_stock(&w, U(100));
    put_channel_named(&w, "store");
    expect_verdict(&w, set_aside(at(9, 0), "store", U(40)), APPLIED);
    struct event sale = plain(EVENT_SALE, at(10, 0), U(40));
    sale.has |= HAS(channel);
    sale.channel = TEXT("store");
    expect_verdict(&w, sale, APPLIED);
    assert_int_equal(seen_by(&w, "store").fenced, 0);
    assert_int_equal(seen_by(&w, "web").shown, U(60));
    world_close(&w);
}

static void case_37_what_was_taken_before_a_set_goes_to_the_pool(void **unused)
{
    struct world w;
    with_stock(&w, U(100));
    put_channel_named(&w, "marketplace");
    expect_verdict(&w, set_aside(at(9, 0), "marketplace", U(30)), APPLIED);
    expect_applied(&w, for_channel(reserve("r-1", U(10)), "marketplace"));
    expect_applied(&w, for_channel(reserve("r-2", U(20)), "marketplace"));
    assert_int_equal(seen_by(&w, "marketplace").fenced, 0);
    w.now += INSTANT_DAY;
    expect_verdict(&w, set_aside(at(20, 0), "marketplace", U(30)), APPLIED);
    milli_t pool = seen_by(&w, NULL).pool;
    expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
    assert_int_equal(seen_by(&w, "marketplace").fenced, U(30));
    assert_int_equal(seen_by(&w, NULL).pool, pool + U(10));
    world_close(&w);
}

/* Day zero is noon of the first day. */
static instant_t day(int n)
{
    return at(12, 0) + n * INSTANT_DAY;
}

static struct event required(struct event e, instant_t when)
{
    e.has |= HAS(required_at);
    e.required_at = when;
    return e;
}

static void case_41_what_comes_in_time_is_not_oversold(void **unused)
{
    struct world w;
    with_stock(&w, U(1));
    expect_verdict(&w, plain(EVENT_SALE, at(9, 0), U(1)), APPLIED);
    expect_verdict(&w, inbound(at(9, 0), "PO-1", U(100), day(6), NULL), APPLIED);
    expect_verdict(&w, required(order(EVENT_ORDER_PLACED, at(9, 0), "A", U(12)), day(6)), APPLIED);
    assert_int_equal(w.outcome.alerts_count, 0);
    struct row_image row = world_row(&w);
    struct stock s;
    stock_of_row(&row, &s);
    assert_int_equal(stock_oversold(&s), 0);
    world_close(&w);
}

static struct ask for_day(struct ask a, instant_t when)
{
    a.said.required_at = when;
    return a;
}

static void worked_example_of_promises_by_date(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_verdict(&w, inbound(at(9, 0), "PO-1", U(5), day(2), NULL), APPLIED);
    expect_verdict(&w, inbound(at(9, 0), "PO-2", U(20), day(6), NULL), APPLIED);
    expect_verdict(&w, required(order(EVENT_ORDER_PLACED, at(9, 0), "A", U(12)), day(4)), APPLIED);
    struct row_image row = world_row(&w);
    struct stock s;
    stock_of_row(&row, &s);
    const milli_t atp[] = {U(3), U(3), U(3), U(3), U(3), U(3), U(23)};
    for (int i = 1; i <= 6; i++)
        assert_int_equal(stock_atp(&s, day(i), w.now, 0), atp[i]);
    assert_int_equal(stock_atp(&s, INSTANT_NONE, w.now, 0), U(3));
    expect_refused(&w, reserve("r-1", U(4)), INSUFFICIENT);
    expect_applied(&w, for_day(reserve("r-2", U(20)), day(6)));
    expect_refused(&w, for_day(reserve("r-3", U(4)), day(6)), INSUFFICIENT);
    expect_applied(&w, reserve("r-1", U(3)));
    world_close(&w);
}

static void demand_touches_fences_when_it_falls_due(void **unused)
{
    struct world w;
    with_stock(&w, U(20));
    put_channel_named(&w, "web");
    expect_verdict(&w, set_aside(at(9, 0), "web", U(10)), APPLIED);
    struct ask later = for_day(for_channel(reserve("r-1", U(4)), "web"), day(1));
    later.said.ttl_us = 3 * INSTANT_DAY;
    expect_applied(&w, later);
    assert_int_equal(seen_by(&w, "web").fenced, U(10));
    assert_int_equal(due_next(&w.state->due, DUE_DEMAND), day(1));
    struct record due = {.kind = RECORD_PROPOSAL,
                         .proposal = {.kind = PROPOSAL_DEMAND,
                                      .sku = TEXT("SKU-1"),
                                      .location = TEXT("L1"),
                                      .line = TEXT("r-1"),
                                      .seen = day(1),
                                      .due = day(1)}};
    assert_int_equal(world_record(&w, &due), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_SUPERSEDED); /* not yet */
    w.now = day(1);
    assert_int_equal(world_record(&w, &due), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    assert_int_equal(w.outcome.changes_count, 1);
    assert_int_equal(seen_by(&w, "web").fenced, U(6));
    assert_int_equal(reservation_at(&w, "r-1")->lines[0].fence_took, U(4));
    assert_int_equal(due_next(&w.state->due, DUE_DEMAND), INT64_MAX);
    world_close(&w);
}

/* Seed 56316 of the simulator: nobody had to say that it fell due, for nothing was open then. */
static void what_is_revived_after_its_day_touches_fences_at_once(void **unused)
{
    struct world w;
    with_stock(&w, U(20));
    put_channel_named(&w, "web");
    expect_verdict(&w, set_aside(at(9, 0), "web", U(10)), APPLIED);
    expect_applied(&w, for_day(for_channel(reserve("r-1", U(4)), "web"), at(20, 0)));
    w.now = reservation_at(&w, "r-1")->expires_at;
    assert_int_equal(expire(&w, "r-1", w.now), VERDICT_APPLIED);
    assert_int_equal(seen_by(&w, "web").fenced, U(10));
    w.now = at(21, 0);
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    assert_int_equal(seen_by(&w, "web").fenced, U(6));
    assert_int_equal(seen_by(&w, NULL).shown, U(10));
    world_close(&w);
}

/* Seed 88248: the same by an order. */
static void what_is_ordered_after_its_day_touches_fences_at_once(void **unused)
{
    struct world w;
    with_stock(&w, U(20));
    put_channel_named(&w, "web");
    expect_verdict(&w, set_aside(at(9, 0), "web", U(10)), APPLIED);
    expect_applied(&w, for_reference(for_day(for_channel(reserve("r-1", U(4)), "web"), day(1)), "A"));
    w.now = reservation_at(&w, "r-1")->expires_at;
    assert_int_equal(expire(&w, "r-1", w.now), VERDICT_APPLIED);
    w.now = day(2);
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(10, 0), "A", U(5)), APPLIED);
    assert_int_equal(seen_by(&w, "web").fenced, U(5));
    assert_int_equal(seen_by(&w, NULL).shown, U(10));
    world_close(&w);
}

/* An order for a later day was called off: who reserves under its reference wants the units now. */
static void a_reservation_for_now_does_not_wait_for_a_day_that_was_called_off(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_verdict(&w, inbound(at(9, 0), "PO-1", U(5), day(1), NULL), APPLIED);
    expect_verdict(&w, required(order(EVENT_ORDER_PLACED, at(9, 0), "A", U(1)), day(2)), APPLIED);
    expect_verdict(&w, order(EVENT_ORDER_CANCELLED, at(9, 30), "A", U(1)), APPLIED);
    expect_applied(&w, for_reference(reserve("r-1", U(5)), "A"));
    expect_demand(&w, U(4), 0); /* what was called off stays so */
    assert_int_equal(seen_by(&w, NULL).shown, U(1));
    expect_refused(&w, reserve("r-2", U(2)), INSUFFICIENT);
    world_close(&w);
}

static struct ask by_method(struct ask a, uint32_t method)
{
    a.said.method = method;
    return a;
}

/* An item that may not be shipped, alone or in a kit; nobody says how: it may be picked up. */
static void a_method_that_the_item_refuses_is_refused(void **unused)
{
    struct world w;
    with_stock(&w, U(7));
    expect_verdict(&w, with_sku(plain(EVENT_RECEIPT, at(8, 0), U(2)), "SKU-2"), APPLIED);
    put_the_item(&w, "SKU-1",
                 (struct item){.step = 1, .release_at = INSTANT_NONE, .restricted = METHOD_SHIP});
    struct component parts[] = {{TEXT("SKU-1"), U(2)}, {TEXT("SKU-2"), U(1)}};
    put_item(&w, "KIT", 1, parts, 2);
    expect_refused(&w, by_method(reserve("r-1", U(1)), METHOD_SHIP), METHOD);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, 0);
    expect_refused(&w, by_method(reserve_at("r-1", "KIT", U(1), "L1"), METHOD_SHIP), METHOD);
    expect_applied(&w, by_method(reserve_at("r-1", "KIT", U(1), "L1"), METHOD_PICKUP));
    expect_applied(&w, reserve("r-2", U(1)));
    struct ask both = by_method(reserve("r-3", U(1)), METHOD_SHIP);
    ask_line(&both, "SKU-2", U(1), "L1");
    both.said.partial = true;
    expect_applied(&w, both);
    assert_int_equal(reservation_at(&w, "r-3")->missing_count, 1);
    put_the_item(&w, "SKU-1",
                 (struct item){.step = 1,
                               .release_at = INSTANT_NONE,
                               .restricted = METHOD_SHIP | METHOD_PICKUP | METHOD_SAME_DAY});
    expect_refused(&w, reserve("r-4", U(1)), METHOD);
    world_close(&w);
}

/* A preorder is granted and confirmed; goods leave from the release on. What has left is a fact all the same.
 */
static void nothing_is_handed_over_before_its_release(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_verdict(&w, with_sku(plain(EVENT_RECEIPT, at(8, 0), U(2)), "SKU-2"), APPLIED);
    put_the_item(&w, "SKU-1", (struct item){.step = 1, .release_at = w.now + 3600 * INSTANT_SECOND});
    expect_applied(&w, for_reference(reserve("r-1", U(3)), "77"));
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    expect_refused(&w, ask_of(STEP_FULFIL, "r-1"), NOT_RELEASED);
    expect_refused(&w, part_of(STEP_FULFIL, "r-1", "s-1", U(1)), NOT_RELEASED);
    struct ask sale = reserve("r-2", U(1));
    sale.said.begin = RESERVATION_FULFILLED;
    expect_refused(&w, sale, NOT_RELEASED);
    struct component parts[] = {{TEXT("SKU-1"), U(1)}, {TEXT("SKU-2"), U(1)}};
    put_item(&w, "KIT", 1, parts, 2);
    expect_applied(&w, reserve_at("r-3", "KIT", U(1), "L1"));
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-3"));
    expect_refused(&w, ask_of(STEP_FULFIL, "r-3"), NOT_RELEASED);
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(12, 0), "77", U(1)), APPLIED);
    expect_row(&w, U(9), 0, U(3), U(6));
    w.now += 3600 * INSTANT_SECOND;
    expect_applied(&w, part_of(STEP_FULFIL, "r-1", "s-2", U(1)));
    expect_applied(&w, ask_of(STEP_FULFIL, "r-3"));
    world_close(&w);
}

static void a_kit_holds_its_components(void **unused)
{
    struct world w;
    with_stock(&w, U(7));
    expect_verdict(&w, with_sku(plain(EVENT_RECEIPT, at(8, 0), U(2)), "SKU-2"), APPLIED);
    struct component parts[] = {{TEXT("SKU-1"), U(2)}, {TEXT("SKU-2"), U(1)}};
    put_item(&w, "KIT", 1, parts, 2);
    expect_refused(&w, reserve_at("r-1", "KIT", U(3), "L1"), INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, U(2));
    expect_refused(&w, reserve_at("r-1", "KIT", 1500, "L1"), STEP);
    expect_applied(&w, reserve_at("r-1", "KIT", U(2), "L1"));
    expect_demand(&w, U(4), 0);
    struct row_image other = world_row_at(&w, "SKU-2", "L1");
    assert_int_equal(row_reserved(&other), U(2));
    assert_true(reservation_at(&w, "r-1")->lines[0].kit);
    assert_int_equal(reservation_at(&w, "r-1")->lines[0].held, U(2));
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    struct ask part = with_step_id(ask_of(STEP_FULFIL, "r-1"), "s-1");
    ask_line(&part, "KIT", U(1), "L1");
    expect_applied(&w, part);
    expect_row(&w, U(5), 0, U(2), U(3));
    other = world_row_at(&w, "SKU-2", "L1");
    assert_int_equal(row_on_hand(&other), U(1));
    expect_applied(&w, ask_of(STEP_CANCEL, "r-1"));
    expect_row(&w, U(5), 0, 0, U(5));
    expect_state(&w, "r-1", CANCELLED);
    world_close(&w);
}

/* Each finds its own place: together they would find none. */
static void two_lines_with_the_same_candidates_stay_apart(void **unused)
{
    struct world w;
    with_stock(&w, U(4));
    expect_verdict(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(2)), "L2"), APPLIED);
    struct ask both = reserve("r-1", U(4));
    ask_candidate(&both, "L2");
    ask_line(&both, "SKU-1", U(2), "L1");
    ask_candidate(&both, "L2");
    expect_applied(&w, both);
    assert_int_equal(reservation_at(&w, "r-1")->lines_count, 2);
    world_close(&w);
}

static void candidates_first_by_stock_then_by_backorder(void **unused)
{
    struct world w;
    with_stock(&w, U(3));
    set_limits(&w, 0, U(5));
    expect_verdict(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(4)), "L2"), APPLIED);
    struct ask one = reserve("r-1", U(4));
    ask_candidate(&one, "L2");
    expect_applied(&w, one); /* L1 could by backorder, L2 can by stock */
    assert_true(text_equal(reservation_at(&w, "r-1")->lines[0].location, TEXT("L2")));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
    struct ask split = reserve("r-2", U(9));
    ask_candidate(&split, "L2");
    split.lines[0].split = true;
    expect_applied(&w, split);
    const struct reservation *r = reservation_at(&w, "r-2");
    assert_int_equal(r->lines_count, 2);
    assert_int_equal(r->lines[0].quantity, U(5)); /* 3 of stock, and 2 by backorder when all stock was gone */
    assert_int_equal(r->lines[1].quantity, U(4));
    world_close(&w);
}

static void part_of_it_when_part_is_asked_for(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    put_item(&w, "SKU-1", U(2), NULL, 0);
    expect_refused(&w, reserve("r-1", U(3)), STEP);
    struct ask some = reserve("r-1", U(8));
    some.said.partial = true;
    ask_line(&some, "NOBODY-KNOWS", U(1), "L1");
    expect_applied(&w, some);
    const struct reservation *r = reservation_at(&w, "r-1");
    assert_int_equal(r->lines_count, 1);
    assert_int_equal(r->lines[0].quantity, U(4));
    assert_int_equal(r->missing_count, 2);
    assert_int_equal(r->missing[0].quantity, U(4));
    assert_true(text_equal(r->missing[1].sku, TEXT("NOBODY-KNOWS")));
    world_close(&w);
}

static void unknown_things_are_shortfalls_and_disabled_places_grant_nothing(void **unused)
{
    struct world w;
    with_stock(&w, U(5));
    expect_refused(&w, reserve_at("r-1", "NOBODY-KNOWS", U(1), "L1"), INSUFFICIENT);
    assert_int_equal(w.outcome.reservation->shortfalls[0].available, 0);
    expect_refused(&w, reserve_at("r-1", "SKU-1", U(1), "NOWHERE"), INSUFFICIENT);
    struct location off = {.enabled = false, .name = TEXT("L1")};
    struct record r = {
        .kind = RECORD_LOCATION,
        .reference = {
            .id = TEXT("L1"), .document = TEXT("{}"), .occurred_at = INSTANT_NONE, .decoded = &off}};
    assert_int_equal(world_record(&w, &r), 0);
    expect_refused(&w, reserve("r-1", U(1)), INSUFFICIENT);
    world_close(&w);
}

/* An order's late words around a count that knew of a hold. */
static void counts_net_of_demand_know_of_holds(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, for_reference(reserve("r-1", U(3)), "77"));
    w.now += 60 * INSTANT_MINUTE;
    /* on the shelf 10, of which 3 are held: the sender says 7 */
    expect_verdict(&w, counted(w.now - INSTANT_MINUTE, BASIS_NET_OF_DEMAND, U(7)), APPLIED);
    expect_row(&w, U(10), 0, 0, U(7));
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    expect_row(&w, U(10), 0, U(3), U(7));
    /* the order was placed before the count: it is the same demand */
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(12, 0), "77", U(3)), SUPERSEDED);
    expect_row(&w, U(10), 0, U(3), U(7));
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, w.now, "77", U(3)), APPLIED);
    expect_row(&w, U(7), 0, 0, U(7));
    expect_state(&w, "r-1", FULFILLED);
    world_close(&w);
}

static void two_reservations_of_one_reference(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    expect_applied(&w, for_reference(reserve("r-1", U(2)), "77"));
    expect_applied(&w, for_reference(reserve("r-2", U(3)), "77"));
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(12, 0), "77", U(3)), APPLIED);
    expect_demand(&w, U(2), U(3)); /* the oldest first */
    expect_state(&w, "r-1", CONFIRMED);
    expect_state(&w, "r-2", HELD);
    assert_int_equal(reservation_at(&w, "r-2")->lines[0].committed, U(1));
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-2"));
    expect_demand(&w, 0, U(5));
    expect_applied(&w, ask_of(STEP_FULFIL, "r-2")); /* its own, though r-1 is older */
    expect_state(&w, "r-2", FULFILLED);
    expect_state(&w, "r-1", CONFIRMED);
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(12, 0), "77", U(5)), APPLIED);
    expect_row(&w, U(5), 0, 0, U(5));
    expect_state(&w, "r-1", FULFILLED);
    world_close(&w);
}

static void expect_answer(struct world *w, enum reservation_step step, const char *id, enum verdict verdict,
                          enum reason reason)
{
    struct ask a = ask_of(step, id);
    if (step == STEP_CHANGE)
        ask_line(&a, "SKU-1", U(1), "L1");
    if (step == STEP_EXTEND)
        a.said.expires_at = w->now + 60 * INSTANT_MINUTE;
    if (step == STEP_MOVE) {
        a.said.move_from = TEXT("L1");
        a.said.move_to = TEXT("L2");
    }
    const struct reservation_answer *got = ask(w, a);
    if (got->verdict.verdict != verdict || got->verdict.reason != reason)
        print_message("%s of %s: %s %s\n", step_name(step), id, verdict_name(got->verdict.verdict),
                      reason_name(got->verdict.reason));
    assert_int_equal(got->verdict.verdict, verdict);
    assert_int_equal(got->verdict.reason, reason);
}

static void bring_to(struct world *w, enum reservation_state state)
{
    with_stock(w, U(5));
    expect_applied(w, reserve("r-1", U(2)));
    if (state == RESERVATION_CONFIRMED || state == RESERVATION_FULFILLED || state == RESERVATION_CANCELLED)
        expect_applied(w, ask_of(STEP_CONFIRM, "r-1"));
    if (state == RESERVATION_FULFILLED)
        expect_applied(w, ask_of(STEP_FULFIL, "r-1"));
    if (state == RESERVATION_CANCELLED)
        expect_applied(w, ask_of(STEP_CANCEL, "r-1"));
    if (state == RESERVATION_RELEASED)
        expect_applied(w, ask_of(STEP_RELEASE, "r-1"));
    if (state != RESERVATION_EXPIRED)
        return;
    w->now = reservation_at(w, "r-1")->expires_at;
    assert_int_equal(expire(w, "r-1", w->now), VERDICT_APPLIED);
}

static void every_step_in_every_state(void **unused)
{
    enum { NO = VERDICT_REJECTED, DO = VERDICT_APPLIED, AGAIN = VERDICT_DUPLICATE };
    static const uint8_t verdicts[RESERVATION_STATE_END][STEP_END] = {
        [RESERVATION_HELD] =
            {[STEP_CONFIRM] = DO, [STEP_RELEASE] = DO, [STEP_EXTEND] = DO, [STEP_CHANGE] = DO},
        [RESERVATION_CONFIRMED] = {[STEP_CONFIRM] = AGAIN, [STEP_FULFIL] = DO, [STEP_CANCEL] = DO},
        [RESERVATION_FULFILLED] = {[STEP_CONFIRM] = AGAIN, [STEP_FULFIL] = AGAIN},
        [RESERVATION_RELEASED] = {[STEP_RELEASE] = AGAIN},
        [RESERVATION_EXPIRED] = {[STEP_CONFIRM] = DO},
        [RESERVATION_CANCELLED] = {[STEP_CANCEL] = AGAIN},
    };
    for (int state = 0; state < RESERVATION_STATE_END; state++)
        for (int step = STEP_RESERVE + 1; step < STEP_END; step++) {
            struct world w;
            if (step == STEP_MOVE)
                continue; /* needs stock elsewhere */
            bring_to(&w, (enum reservation_state)state);
            enum verdict v = verdicts[state][step] ? (enum verdict)verdicts[state][step] : VERDICT_REJECTED;
            struct row_image was = world_row(&w), now;
            expect_answer(&w, (enum reservation_step)step, "r-1", v,
                          v == VERDICT_REJECTED ? REASON_STATE : REASON_NONE);
            now = world_row(&w);
            if (v != VERDICT_APPLIED) {
                assert_int_equal(row_offset(&was), row_offset(&now));
                assert_string_equal(reservation_state_name(reservation_at(&w, "r-1")->state),
                                    reservation_state_name((enum reservation_state)state));
            }
            world_close(&w);
        }
}

static void what_ended_is_forgotten_in_time_and_number(void **unused)
{
    struct world w;
    with_stock(&w, U(1000));
    struct setting_said most = {TEXT("reservations_most"), 16};
    struct record r = {.kind = RECORD_SETTINGS, .settings = {1, &most}};
    assert_int_equal(world_record(&w, &r), 0);
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r-%d", i);
        expect_applied(&w, reserve(id, U(1)));
        if (i < 30)
            expect_applied(&w, ask_of(STEP_RELEASE, id));
    }
    struct reservations_stats stats = reservations_stats(w.state->reservations);
    assert_int_equal(stats.open, 10);
    assert_int_equal(stats.remembered, 6);
    assert_null(reservation_at(&w, "r-23"));
    assert_non_null(reservation_at(&w, "r-24")); /* the oldest ended go first */
    for (int i = 40; i < 46; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r-%d", i);
        expect_applied(&w, reserve(id, U(1)));
    }
    expect_refused(&w, reserve("r-99", U(1)), TOO_MANY_RESERVATIONS);
    expect_applied(&w, ask_of(STEP_RELEASE, "r-30"));
    w.now += INSTANT_DAY;
    say(&w, plain(EVENT_RETURN, at(8, 0), U(1)));
    assert_null(reservation_at(&w, "r-30"));
    expect_refused(&w, ask_of(STEP_CONFIRM, "r-30"), UNKNOWN_RESERVATION);
    world_close(&w);
}

/* A checkpoint takes back what was granted, however large: kits of many components, and those of which a part
 * has gone before the rest is moved, which makes a line of each. */
static void what_is_granted_comes_back_from_a_checkpoint(void **unused)
{
    enum { COMPONENTS = 900, KITS = 5 };
    static char names[COMPONENTS][16], kits[KITS][8];
    static struct component components[COMPONENTS];
    struct world w, again;
    with_stock(&w, U(1000));
    for (int i = 0; i < COMPONENTS; i++) {
        snprintf(names[i], sizeof(names[i]), "PART-%d", i);
        components[i] = (struct component){text_of(names[i]), U(1)};
        struct event received = with_sku(plain(EVENT_RECEIPT, at(8, 0), U(1000)), names[i]);
        expect_verdict(&w, received, APPLIED);
        expect_verdict(&w, with_location(received, "L2"), APPLIED);
    }
    struct ask asked = ask_of(STEP_RESERVE, "r-1"), part = with_step_id(ask_of(STEP_FULFIL, "r-1"), "one");
    for (int i = 0; i < KITS; i++) {
        snprintf(kits[i], sizeof(kits[i]), "KIT-%d", i);
        put_item(&w, kits[i], U(1), components, COMPONENTS);
        ask_line(&asked, kits[i], U(2), "L1");
        ask_line(&part, kits[i], U(1), NULL);
    }
    expect_refused(&w, asked, TOO_MANY_LINES);
    asked.said.lines_count = part.said.lines_count = KITS - 1;
    asked.said.digest.low++;
    expect_applied(&w, asked);
    world_through_image(&w, &again);
    assert_non_null(reservation_at(&again, "r-1"));
    world_close(&again);
    expect_applied(&w, ask_of(STEP_CONFIRM, "r-1"));
    expect_applied(&w, part);
    struct ask move = ask_of(STEP_MOVE, "r-1");
    move.said.move_from = TEXT("L1");
    move.said.move_to = TEXT("L2");
    expect_refused(&w, move, TOO_MANY_LINES);
    move.said.move_sku = TEXT("KIT-0");
    expect_refused(&w, move, TOO_MANY_LINES);
    expect_applied(&w, ask_of(STEP_FULFIL, "r-1"));
    world_through_image(&w, &again);
    assert_int_equal(reservation_at(&again, "r-1")->state, RESERVATION_FULFILLED);
    world_close(&again);
    world_close(&w);
}

/* A hundred thousand holds of one row: the last costs what the first did. What is counted is what steps look
 * at. */
static void many_holds_of_one_row(void **unused)
{
    enum { MANY = 100000 };
    struct world w;
    with_stock(&w, U(2) * MANY);
    struct setting_said most = {TEXT("accounts_per_row"), 4 * MANY};
    struct record r = {.kind = RECORD_SETTINGS, .settings = {1, &most}};
    assert_int_equal(world_record(&w, &r), 0);
    char id[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "r-%d", i);
        expect_applied(&w, reserve(id, U(1)));
    }
    expect_demand(&w, U(1) * MANY, 0);
    for (int i = 0; i < MANY; i += 7) {
        snprintf(id, sizeof(id), "r-%d", i);
        expect_applied(&w, ask_of(STEP_CONFIRM, id));
    }
    assert_int_equal(reservation_at(&w, "r-7")->state, RESERVATION_CONFIRMED);
    assert_int_equal(reservation_at(&w, "r-8")->state, RESERVATION_HELD);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_example_of_channels),
        cmocka_unit_test(what_has_left_gives_nothing_back_to_the_fence),
        cmocka_unit_test(worked_example_of_backorders_beside_a_fence),
        cmocka_unit_test(case_06_two_places_and_a_hold),
        cmocka_unit_test(case_10_checkouts_over_two_warehouses),
        cmocka_unit_test(case_17_a_hold_in_halves),
        cmocka_unit_test(case_27_a_hold_consumes_the_fence),
        cmocka_unit_test(case_36_tills_sell_what_is_set_aside_for_them),
        cmocka_unit_test(case_37_what_was_taken_before_a_set_goes_to_the_pool),
        cmocka_unit_test(case_41_what_comes_in_time_is_not_oversold),
        cmocka_unit_test(worked_example_of_promises_by_date),
        cmocka_unit_test(demand_touches_fences_when_it_falls_due),
        cmocka_unit_test(what_is_revived_after_its_day_touches_fences_at_once),
        cmocka_unit_test(what_is_ordered_after_its_day_touches_fences_at_once),
        cmocka_unit_test(a_reservation_for_now_does_not_wait_for_a_day_that_was_called_off),
        cmocka_unit_test(a_method_that_the_item_refuses_is_refused),
        cmocka_unit_test(nothing_is_handed_over_before_its_release),
        cmocka_unit_test(a_kit_holds_its_components),
        cmocka_unit_test(two_lines_with_the_same_candidates_stay_apart),
        cmocka_unit_test(candidates_first_by_stock_then_by_backorder),
        cmocka_unit_test(part_of_it_when_part_is_asked_for),
        cmocka_unit_test(unknown_things_are_shortfalls_and_disabled_places_grant_nothing),
        cmocka_unit_test(counts_net_of_demand_know_of_holds),
        cmocka_unit_test(two_reservations_of_one_reference),
        cmocka_unit_test(every_step_in_every_state),
        cmocka_unit_test(what_ended_is_forgotten_in_time_and_number),
        cmocka_unit_test(what_is_granted_comes_back_from_a_checkpoint),
        cmocka_unit_test(many_holds_of_one_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
