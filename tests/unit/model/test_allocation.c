/* Units set aside for channels: what sets them aside, what moves them, what takes from them. */
#include "world.h"

#include "core/model/fences.h"

static struct event set_aside(int hour, const char *channel, milli_t q)
{
    return allocation(at(hour, 0), ALLOCATION_SET, channel, q, NULL);
}

static struct event sold(int hour, const char *channel, milli_t q)
{
    return with_channel(plain(EVENT_SALE, at(hour, 0), q), channel);
}

static struct fence fence_of(const struct world *w, const char *channel)
{
    struct row_image row = world_row(w);
    const struct rare *rare = row_rare(&row);
    const struct channel *c = catalogue_channel(w->state->catalogue, text_of(channel));
    for (uint32_t i = 0; rare && c && i < rare->fences_count; i++)
        if (rare->fences[i].channel == c->number)
            return rare->fences[i];
    return (struct fence){.channel = CHANNEL_POOL};
}

static uint8_t row_flags_now(const struct world *w)
{
    struct row_image row = world_row(w);
    return row_flags(&row);
}

static void stocked(struct world *w, milli_t q)
{
    world_open(w);
    expect_verdict(w, counted(at(8, 0), BASIS_PHYSICAL, q), APPLIED);
}

static void case_27_set_move_and_consume(void **unused)
{
    struct world w;
    stocked(&w, U(50));
    expect_verdict(&w, set_aside(9, "web", U(10)), APPLIED);
    assert_int_equal(world_promise(&w, NULL).pool, U(40));
    assert_int_equal(world_promise(&w, "web").fenced, U(10));
    expect_verdict(&w, allocation(at(9, 5), ALLOCATION_MOVE, "web", U(2), "marketplace"), APPLIED);
    assert_int_equal(world_promise(&w, "web").fenced, U(8));
    assert_int_equal(world_promise(&w, "marketplace").fenced, U(2));
    assert_int_equal(world_promise(&w, NULL).pool, U(40));
    expect_verdict(&w, sold(10, "web", U(3)), APPLIED); /* the example holds 3: any demand consumes alike */
    assert_int_equal(world_promise(&w, "web").fenced, U(5));
    assert_int_equal(fence_of(&w, "web").consumed, U(3));
    assert_int_equal(world_promise(&w, NULL).pool, U(40));
    world_close(&w);
}

static void case_36_tills_sell_what_is_set_aside_for_them(void **unused)
{
    struct world w;
    stocked(&w, U(100));
    expect_verdict(&w, set_aside(9, "store", U(40)), APPLIED);
    for (int i = 0; i < 4; i++)
        expect_verdict(&w, sold(10, "store", U(10)), APPLIED);
    assert_int_equal(world_promise(&w, NULL).n, U(60));
    assert_int_equal(world_promise(&w, "store").fenced, 0);
    assert_int_equal(world_promise(&w, "web").shown, U(60));
    assert_false(row_flags_now(&w) & ROW_FENCED); /* nothing is set aside any more */
    world_close(&w);
}

static void case_37_a_new_set_begins_anew(void **unused)
{
    struct world w;
    stocked(&w, U(100));
    expect_verdict(&w, set_aside(9, "marketplace", U(30)), APPLIED);
    expect_verdict(&w, sold(10, "marketplace", U(30)), APPLIED);
    assert_int_equal(fence_of(&w, "marketplace").consumed, U(30));
    expect_verdict(&w, set_aside(11, "marketplace", U(30)), APPLIED);
    assert_int_equal(world_promise(&w, "marketplace").fenced, U(30));
    assert_int_equal(fence_of(&w, "marketplace").sets, 2);
    world_close(&w);
}

static void the_newest_set_wins_and_adds_before_it_are_in_it(void **unused)
{
    struct world w;
    stocked(&w, U(100));
    expect_verdict(&w, set_aside(10, "web", U(10)), APPLIED);
    expect_verdict(&w, set_aside(9, "web", U(99)), SUPERSEDED);
    expect_verdict(&w, allocation(at(10, 0), ALLOCATION_ADD, "web", U(5), NULL), SUPERSEDED);
    expect_verdict(&w, allocation(at(10, 1), ALLOCATION_ADD, "web", U(5), NULL), APPLIED);
    assert_int_equal(fence_of(&w, "web").quantity, U(15));
    expect_verdict(&w, set_aside(10, "web", U(20)), APPLIED); /* at one instant the later in the log… */
    assert_int_equal(fence_of(&w, "web").quantity, U(25)); /* …and what was added after that stays added */
    expect_verdict(&w, sold(10, "web", U(4)), APPLIED);    /* sold before: not of these */
    assert_int_equal(fence_of(&w, "web").consumed, 0);
    expect_verdict(&w, set_aside(11, "store", U(7)), APPLIED);
    expect_verdict(&w, allocation(at(10, 30), ALLOCATION_MOVE, "web", U(3), "store"), PARTIAL);
    assert_int_equal(fence_of(&w, "web").quantity, U(22));
    assert_int_equal(fence_of(&w, "store").quantity, U(7)); /* said later what the store has */
    world_close(&w);
}

/* In whatever order set and adds arrive, through an image too. */
static void a_late_set_leaves_what_was_added_after_it(void **unused)
{
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    for (int i = 0; i < 4; i++) {
        struct world w;
        stocked(&w, U(100));
        for (int k = 0; k < 4; k++) {
            struct event all[] = {allocation(at(9, 0), ALLOCATION_ADD, "web", U(3), NULL),
                                  allocation(at(10, 0), ALLOCATION_SET, "web", U(20), NULL),
                                  allocation(at(10, 30), ALLOCATION_ADD, "web", U(5), NULL),
                                  allocation(at(11, 0), ALLOCATION_ADD, "web", -U(2), NULL)};
            if (i == 1 && k == 0)
                expect_verdict(&w, allocation(at(9, 1), ALLOCATION_SET, "web", U(4), NULL), APPLIED);
            say(&w, all[orders[i][k]]);
        }
        assert_int_equal(fence_of(&w, "web").quantity, U(23));
        expect_verdict(&w, set_aside(12, "web", U(1)), APPLIED);
        assert_int_equal(fence_of(&w, "web").quantity, U(1));
        world_close(&w);
    }
}

/* The oldest are forgotten: a set older than they counts without them. */
static void of_very_many_adds_the_newest_are_remembered(void **unused)
{
    struct world w;
    stocked(&w, U(1000));
    for (int i = 0; i < 2 * FENCE_ADDS_MOST; i++)
        expect_verdict(&w, allocation(at(10, 0) + i, ALLOCATION_ADD, "web", U(1), NULL), APPLIED);
    assert_int_equal(fence_of(&w, "web").quantity, U(2 * FENCE_ADDS_MOST));
    expect_verdict(&w, set_aside(9, "web", U(10)), APPLIED);
    assert_int_equal(fence_of(&w, "web").quantity, U(10 + FENCE_ADDS_MOST));
    world_close(&w);
}

static void more_than_there_is_cannot_be_taken_away(void **unused)
{
    struct world w;
    stocked(&w, U(100));
    expect_verdict(&w, set_aside(9, "web", U(10)), APPLIED);
    expect_verdict(&w, sold(10, "web", U(6)), APPLIED);
    expect_rejected(&w, allocation(at(10, 0), ALLOCATION_ADD, "web", U(-11), NULL), NOT_SET_ASIDE);
    expect_rejected(&w, allocation(at(10, 0), ALLOCATION_MOVE, "web", U(5), "store"), NOT_SET_ASIDE);
    assert_int_equal(world_promise(&w, "web").fenced, U(4));
    expect_verdict(&w, allocation(at(10, 0), ALLOCATION_ADD, "web", U(-8), NULL), APPLIED);
    assert_int_equal(fence_of(&w, "web").quantity, U(2)); /* below what was consumed */
    assert_int_equal(world_promise(&w, "web").fenced, 0);
    expect_rejected(&w, allocation(at(10, 0), ALLOCATION_ADD, "web", QUANTITY_MOST, NULL), RANGE);
    world_close(&w);
}

static void a_row_and_a_log_have_their_bounds(void **unused)
{
    struct world w;
    struct setting_said few[] = {{TEXT("fences_per_row"), 2}, {TEXT("channels_most"), 3}};
    struct record r = {.kind = RECORD_SETTINGS, .settings = {.count = 2, .at = few}};
    stocked(&w, U(100));
    assert_int_equal(world_record(&w, &r), 0);
    expect_verdict(&w, set_aside(9, "web", U(1)), APPLIED);
    expect_verdict(&w, set_aside(9, "store", U(1)), APPLIED);
    expect_rejected(&w, set_aside(9, "marketplace", U(1)), TOO_MANY_ALLOCATIONS);
    expect_rejected(&w, set_aside(9, "outlet", U(1)), TOO_MANY_CHANNELS);
    expect_verdict(&w, set_aside(9, "store", U(3)), APPLIED);
    assert_int_equal(world_promise(&w, NULL).pool, U(96));
    world_close(&w);
}

static void a_channel_nobody_put_is_made_bare(void **unused)
{
    struct world w;
    stocked(&w, U(10));
    expect_verdict(&w, sold(9, "kiosk", U(1)), APPLIED); /* a sale alone makes none */
    assert_null(catalogue_channel(w.state->catalogue, TEXT("kiosk")));
    struct event_verdict v = say(&w, set_aside(9, "kiosk", U(2)));
    assert_true(v.verdict == VERDICT_APPLIED && v.notes & NOTE_UNREGISTERED);
    const struct channel *c = catalogue_channel(w.state->catalogue, TEXT("kiosk"));
    assert_true(c && !c->registered && !c->deleted);
    world_close(&w);
}

static void a_plan_is_no_word_of_the_place(void **unused)
{
    struct world w;
    stocked(&w, U(10));
    const struct location *l = catalogue_location(w.state->catalogue, TEXT("L1"));
    instant_t heard = state_location_heard(w.state, l->number);
    expect_verdict(&w, set_aside(11, "web", U(2)), APPLIED);
    assert_int_equal(state_location_heard(w.state, l->number), heard);
    world_close(&w);
}

static void the_flag_of_backorder_follows_its_limit(void **unused)
{
    struct world w;
    struct event e = event_of(EVENT_SETTING, at(9, 0));
    stocked(&w, U(10));
    e.has |= HAS(backorder_limit);
    e.backorder_limit = U(5);
    expect_verdict(&w, e, APPLIED);
    assert_true(row_flags_now(&w) & ROW_BACKORDER);
    assert_int_equal(world_promise(&w, NULL).grant_most, U(15));
    e.occurred_at = at(10, 0);
    e.backorder_limit = 0;
    expect_verdict(&w, e, APPLIED);
    assert_false(row_flags_now(&w) & ROW_BACKORDER);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_27_set_move_and_consume),
        cmocka_unit_test(case_36_tills_sell_what_is_set_aside_for_them),
        cmocka_unit_test(case_37_a_new_set_begins_anew),
        cmocka_unit_test(the_newest_set_wins_and_adds_before_it_are_in_it),
        cmocka_unit_test(a_late_set_leaves_what_was_added_after_it),
        cmocka_unit_test(of_very_many_adds_the_newest_are_remembered),
        cmocka_unit_test(more_than_there_is_cannot_be_taken_away),
        cmocka_unit_test(a_row_and_a_log_have_their_bounds),
        cmocka_unit_test(a_channel_nobody_put_is_made_bare),
        cmocka_unit_test(a_plan_is_no_word_of_the_place),
        cmocka_unit_test(the_flag_of_backorder_follows_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
