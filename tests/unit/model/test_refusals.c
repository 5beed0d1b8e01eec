/* What the history is told of what was refused: each row that could not give, and by which term. */
#include "reserving.h"

#include "core/history.h"
#include "core/model/refusal.h"

static void with_stock(struct world *w, milli_t quantity)
{
    world_open(w);
    w->outcome.keeps_lines = true;
    expect_verdict(w, plain(EVENT_RECEIPT, at(8, 0), quantity), APPLIED);
}

static void limits(struct world *w, milli_t safety_stock, milli_t backorder_limit)
{
    struct event e = event_of(EVENT_SETTING, at(9, 0));
    e.has |= HAS(safety_stock) | HAS(backorder_limit);
    e.safety_stock = safety_stock;
    e.backorder_limit = backorder_limit;
    expect_verdict(w, e, APPLIED);
}

/* The line of the newest record, as a history gets it. */
static struct history_line line_of(struct world *w, struct ask asked, size_t i)
{
    struct history_line l;
    for (uint32_t n = 0; n < asked.said.lines_count; n++)
        asked.lines[n].locations = asked.places[n];
    asked.said.lines = asked.lines;
    struct record r = {.kind = RECORD_RESERVATION, .reservation = &asked.said};
    assert_int_equal(world_record(w, &r), 0);
    assert_true(i < history_lines_count(&w->outcome));
    history_line_tell(w->state, &r, &w->outcome, i, 7, &l);
    return l;
}

static void expect_bound(struct world *w, struct ask asked, const char *bound, milli_t could_give)
{
    struct history_line l = line_of(w, asked, 0);
    assert_true(text_equal(l.verdict, TEXT("rejected")));
    assert_true(l.is_refused);
    assert_string_equal(bound_name(l.refusal.bound), bound);
    assert_int_equal(l.refusal.available, could_give);
    assert_int_equal(l.was.reserved, l.now.reserved);
}

static void a_refusal_tells_what_was_asked_and_what_was_there(void **unused)
{
    struct world w;
    with_stock(&w, U(10));
    limits(&w, U(1), 0);
    expect_applied(&w, reserve("r-1", U(4)));
    struct history_line l = line_of(&w, for_reference(reserve("r-2", U(6)), "ORD-2"), 0);
    assert_true(text_equal(l.type, TEXT("reserve")));
    assert_true(text_equal(l.verdict_reason, TEXT("insufficient")));
    assert_true(text_equal(l.reservation, TEXT("r-2")));
    assert_true(text_equal(l.reference, TEXT("ORD-2")));
    assert_int_equal(l.quantity, U(6));
    assert_int_equal(l.refusal.requested, U(6));
    assert_int_equal(l.refusal.available, U(5));
    assert_int_equal(l.refusal.on_hand, U(10));
    assert_int_equal(l.refusal.reserved, U(4));
    assert_int_equal(l.refusal.safety_stock, U(1));
    assert_int_equal(l.refusal.n, U(5));
    assert_int_equal(l.refusal.bound, BOUND_SAFETY_STOCK);
    assert_int_equal(l.now.reserved, U(4));
    world_close(&w);
}

static void the_first_term_that_leaves_too_little_is_named(void **unused)
{
    struct world w;
    with_stock(&w, U(20));
    expect_bound(&w, reserve("a", U(21)), "on_hand", U(20));
    expect_verdict(&w, with_status(plain(EVENT_RECEIPT, at(8, 1), U(5)), STATUS_DAMAGED), APPLIED);
    expect_bound(&w, reserve("b", U(21)), "unavailable", U(20));
    expect_applied(&w, reserve("r-1", U(5)));
    expect_bound(&w, reserve("c", U(16)), "demand", U(15));
    limits(&w, U(2), 0);
    expect_bound(&w, reserve("d", U(14)), "safety_stock", U(13));
    limits(&w, U(2), U(3));
    expect_bound(&w, reserve("e", U(17)), "backorder_limit", U(16));
    world_close(&w);
}

static void rules_and_what_is_set_aside_are_named(void **unused)
{
    struct rule rules[] = {{.sets = 1u << RULE_BUFFER, .value = {[RULE_BUFFER] = U(3)}}};
    struct rule most[] = {{.sets = 1u << RULE_MAX_PER_LINE, .value = {[RULE_MAX_PER_LINE] = U(2)}}};
    struct rule off[] = {{.sets = RULE_SETS_ENABLED, .enabled = false}};
    struct channel web = {.id = TEXT("web"), .rules_count = 1, .rules = rules}, shop = {.id = TEXT("shop")},
                   outlet = {.id = TEXT("outlet"), .rules_count = 1, .rules = most},
                   shut = {.id = TEXT("shut"), .rules_count = 1, .rules = off};
    struct world w;

    with_stock(&w, U(10));
    put_the_channel(&w, web);
    put_the_channel(&w, shop);
    put_the_channel(&w, outlet);
    put_the_channel(&w, shut);
    expect_bound(&w, for_channel(reserve("a", U(8)), "web"), "buffer", U(7));
    expect_bound(&w, for_channel(reserve("b", U(3)), "outlet"), "max_per_line", U(2));
    expect_bound(&w, for_channel(reserve("c", U(1)), "shut"), "switched_off", 0);
    expect_verdict(&w, allocation(at(9, 30), ALLOCATION_SET, "shop", U(4), NULL), APPLIED);
    expect_bound(&w, reserve("d", U(7)), "set_aside", U(6));
    world_close(&w);
}

static void each_row_that_was_asked_has_its_line(void **unused)
{
    struct world w;
    with_stock(&w, U(3));
    expect_verdict(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(4)), "L2"), APPLIED);
    expect_verdict(&w, with_sku(plain(EVENT_RECEIPT, at(8, 0), U(9)), "SKU-2"), APPLIED);
    struct ask asked = ask_of(STEP_RESERVE, "r-1");
    ask_line(&asked, "SKU-2", U(1), "L1");
    ask_line(&asked, "SKU-1", U(5), "L1");
    ask_candidate(&asked, "L2");
    struct history_line l = line_of(&w, asked, 0);
    assert_true(text_equal(l.location, TEXT("L1")) && l.refusal.available == U(3));
    l = line_of(&w, asked, 1);
    assert_true(text_equal(l.location, TEXT("L2")) && l.refusal.available == U(4));
    l = line_of(&w, asked, 2); /* it could have given, and is told that it was not for it */
    assert_true(text_equal(l.sku, TEXT("SKU-2")) && !l.is_refused);
    assert_true(l.last);
    asked.lines[1].split = true;
    asked.lines[1].quantity = U(8);
    l = line_of(&w, asked, 1); /* with split: as it was before any of them gave */
    assert_true(l.refusal.available == U(4) && l.refusal.requested == U(8) && l.refusal.reserved == 0);
    world_close(&w);
}

static void what_was_refused_without_looking_at_stock_has_lines_too(void **unused)
{
    struct world w;
    with_stock(&w, U(3));
    expect_applied(&w, reserve("r-1", U(2)));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
    struct history_line l = line_of(&w, ask_of(STEP_CONFIRM, "r-1"), 0);
    assert_true(text_equal(l.type, TEXT("confirm")));
    assert_true(text_equal(l.verdict_reason, TEXT("state")));
    assert_false(l.is_refused);
    struct ask late = reserve("r-2", U(1));
    late.said.expires_at = at(1, 0);
    l = line_of(&w, late, 0);
    assert_true(text_equal(l.verdict_reason, TEXT("expires_in_past")));
    expect_refused(&w, ask_of(STEP_CONFIRM, "nobody"), UNKNOWN_RESERVATION);
    assert_int_equal(w.outcome.lines_count, 0);
    world_close(&w);
}

static void without_a_history_there_are_no_lines(void **unused)
{
    struct world w;
    with_stock(&w, U(3));
    w.outcome.keeps_lines = false;
    expect_refused(&w, reserve("r-1", U(4)), INSUFFICIENT);
    assert_int_equal(w.outcome.lines_count, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_tells_what_was_asked_and_what_was_there),
        cmocka_unit_test(the_first_term_that_leaves_too_little_is_named),
        cmocka_unit_test(rules_and_what_is_set_aside_are_named),
        cmocka_unit_test(each_row_that_was_asked_has_its_line),
        cmocka_unit_test(what_was_refused_without_looking_at_stock_has_lines_too),
        cmocka_unit_test(without_a_history_there_are_no_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
