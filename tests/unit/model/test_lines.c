/* The lines that an outcome gives for a history: what each event did to each row, and what did nothing. */
#include "world.h"

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    world_open(w);
    w->outcome.keeps_lines = true;
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    free(*state);
    return 0;
}

static const struct outcome_line *only_line(const struct world *w)
{
    assert_int_equal(w->outcome.lines_count, 1);
    return &w->outcome.lines[0];
}

static void case_13_a_count_of_20_on_5_shows_plus_15(void **state)
{
    struct world *w = *state;

    expect_verdict(w, plain(EVENT_RECEIPT, at(9, 0), U(5)), APPLIED);
    expect_verdict(w, counted(at(10, 0), BASIS_PHYSICAL, U(20)), APPLIED);
    const struct outcome_line *l = only_line(w);
    assert_int_equal(l->was.on_hand, U(5));
    assert_int_equal(l->now.on_hand, U(20));
    assert_int_equal(l->quantity, U(20));
}

/* Without being asked for, lines are not made. */
static void lines_cost_nothing_when_nobody_wants_them(void **state)
{
    struct world *w = *state;

    w->outcome.keeps_lines = false;
    expect_verdict(w, plain(EVENT_RECEIPT, at(9, 0), U(5)), APPLIED);
    assert_int_equal(w->outcome.lines_count, 0);
    assert_null(w->outcome.lines);
}

static void what_does_nothing_to_a_known_row_is_a_line_too(void **state)
{
    struct world *w = *state;
    struct event repeated = plain(EVENT_RECEIPT, at(9, 0), U(5));

    repeated.id = TEXT("once");
    expect_verdict(w, repeated, APPLIED);
    expect_verdict(w, repeated, DUPLICATE);
    assert_int_equal(only_line(w)->was.on_hand, U(5));
    assert_int_equal(only_line(w)->now.on_hand, U(5));
    expect_verdict(w, counted(at(10, 0), BASIS_PHYSICAL, U(4)), APPLIED);
    expect_verdict(w, plain(EVENT_SALE, at(9, 30), U(1)), SUPERSEDED);
    assert_int_equal(only_line(w)->now.on_hand, U(4));
    expect_rejected(w, plain(EVENT_SALE, at(20, 0), U(1)), FUTURE);
    assert_int_equal(only_line(w)->now.on_hand, U(4));
}

static void what_is_rejected_of_an_unknown_row_is_no_line(void **state)
{
    struct world *w = *state;

    expect_rejected(w, plain(EVENT_SALE, at(20, 0), U(1)), FUTURE);
    assert_int_equal(w->outcome.lines_count, 0);
    expect_verdict(w, plain(EVENT_RECEIPT, at(9, 0), U(5)), APPLIED);
    expect_rejected(w, with_location(plain(EVENT_SALE, at(20, 0), U(1)), "L2"), FUTURE);
    assert_int_equal(w->outcome.lines_count, 0);
}

static void a_transfer_is_a_line_at_both_ends(void **state)
{
    struct world *w = *state;
    struct event e = order(EVENT_TRANSFER_SHIP, at(10, 0), "T-1", U(3));

    expect_verdict(w, plain(EVENT_RECEIPT, at(9, 0), U(5)), APPLIED);
    e.has |= HAS(to);
    e.to = TEXT("L2");
    expect_verdict(w, e, APPLIED);
    assert_int_equal(w->outcome.lines_count, 2);
    assert_int_equal(w->outcome.lines[0].now.on_hand, U(2));
    assert_int_equal(w->outcome.lines[1].was.incoming, 0);
    assert_int_equal(w->outcome.lines[1].now.incoming, U(3));
    assert_true(w->outcome.lines[0].location != w->outcome.lines[1].location);
}

/* Events of one record that touch one row: each begins where the one before ended. */
static void lines_of_one_record_chain(void **state)
{
    struct world *w = *state;
    struct event events[] = {plain(EVENT_RECEIPT, at(9, 0), U(5)), plain(EVENT_SALE, at(9, 1), U(2)),
                             order(EVENT_ORDER_PLACED, at(9, 2), "O-1", U(1))};
    struct record r = {.kind = RECORD_EVENTS, .events_count = 3, .events = events};

    events[0].id = TEXT("a");
    events[1].id = TEXT("b");
    events[2].id = TEXT("c");
    assert_int_equal(world_record(w, &r), 0);
    assert_int_equal(w->outcome.lines_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(w->outcome.lines[i].event, i);
        if (i)
            assert_memory_equal(&w->outcome.lines[i].was, &w->outcome.lines[i - 1].now,
                                sizeof(struct row_figures));
    }
    assert_int_equal(w->outcome.lines[2].now.committed, U(1));
    assert_int_equal(w->outcome.changes_count, 1);
    assert_int_equal(w->outcome.changes[0].net_was, 0);
    assert_int_equal(w->outcome.changes[0].net_now, U(2));
}

static void an_overdue_line_is_told(void **state)
{
    struct world *w = *state;
    struct record r = {.kind = RECORD_PROPOSAL,
                       .proposal = {.kind = PROPOSAL_OVERDUE,
                                    .sku = TEXT("SKU-1"),
                                    .location = TEXT("L1"),
                                    .reference = TEXT("PO-1"),
                                    .seen = at(12, 30),
                                    .due = at(12, 30)}};

    expect_verdict(w, inbound(at(9, 0), "PO-1", U(7), at(12, 30), NULL), APPLIED);
    assert_int_equal(only_line(w)->now.incoming, U(7));
    w->now = at(13, 0);
    assert_int_equal(world_record(w, &r), 0);
    assert_int_equal(w->outcome.verdicts[0].verdict, VERDICT_APPLIED);
    assert_int_equal(only_line(w)->quantity, U(7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(case_13_a_count_of_20_on_5_shows_plus_15, open_world, close_world),
        cmocka_unit_test_setup_teardown(lines_cost_nothing_when_nobody_wants_them, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_does_nothing_to_a_known_row_is_a_line_too, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(what_is_rejected_of_an_unknown_row_is_no_line, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_transfer_is_a_line_at_both_ends, open_world, close_world),
        cmocka_unit_test_setup_teardown(lines_of_one_record_chain, open_world, close_world),
        cmocka_unit_test_setup_teardown(an_overdue_line_is_told, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
