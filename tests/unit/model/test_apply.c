/* Judging events and records: repeats, limits, verdicts, alerts, settings, reference data, positions. */
#include "world.h"

static void movements_add_up(void **unused)
{
    struct world w;
    world_open(&w);
    expect_verdict(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)), APPLIED);
    expect_verdict(&w, plain(EVENT_SALE, at(9, 5), U(3)), APPLIED);
    expect_verdict(&w, plain(EVENT_RETURN, at(9, 6), U(1)), APPLIED);
    expect_verdict(&w, plain(EVENT_ADJUSTMENT, at(9, 7), -U(2.5)), APPLIED);
    expect_row(&w, U(5.5), 0, 0, U(5.5));
    struct row_image r = world_row(&w);
    assert_int_equal(row_offset(&r), w.offset - 1);
    assert_int_equal(row_last_event_s(&r), at(9, 7) / INSTANT_SECOND);
    assert_true(row_flags(&r) & ROW_COUNTED);
    world_close(&w);
}

static void case_04_reserved_is_not_for_events(void **unused)
{
    /* `reserved`, `committed`, `available`, `net_available` have no place in an event: no field of that name,
     * no type that moves them alone */
    enum event_field f;
    assert_false(event_field_from_name(TEXT("reserved"), &f));
    assert_false(event_field_from_name(TEXT("committed"), &f));
    assert_false(event_field_from_name(TEXT("available"), &f));
    assert_false(event_field_from_name(TEXT("net_available"), &f));
    struct world w;
    world_open(&w);
    struct event e = plain(EVENT_RECEIPT, at(9, 0), U(1));
    e.has |= HAS(safety_stock); /* a field of another type is refused as well, and nothing happens */
    e.safety_stock = U(1);
    expect_rejected(&w, e, MALFORMED);
    assert_int_equal(table_sku_count(w.state->table), 0);
    world_close(&w);
}

static void case_05_adjustments_both_ways(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(2)));
    say(&w, plain(EVENT_ADJUSTMENT, at(9, 1), U(2)));
    expect_on_hand(&w, U(4));
    say(&w, with_sku(plain(EVENT_RECEIPT, at(9, 0), U(2)), "SKU-2"));
    say(&w, with_sku(plain(EVENT_ADJUSTMENT, at(9, 1), -U(1)), "SKU-2"));
    struct row_image r = world_row_at(&w, "SKU-2", "L1");
    assert_int_equal(row_on_hand(&r), U(1));
    world_close(&w);
}

static void repeats_change_nothing_and_rejected_ids_may_come_again(void **unused)
{
    struct world w;
    world_open(&w);
    struct event e = plain(EVENT_RECEIPT, at(9, 0), U(5));
    e.id = TEXT("K");
    expect_verdict(&w, e, APPLIED);
    expect_verdict(&w, e, DUPLICATE);
    expect_on_hand(&w, U(5));
    e = plain(EVENT_RECEIPT, at(18, 0), U(5));
    e.id = TEXT("L");
    expect_rejected(&w, e, FUTURE);
    w.now = at(18, 0);
    expect_verdict(&w, e, APPLIED);
    expect_on_hand(&w, U(10));
    /* two in one record */
    struct event twice[] = {plain(EVENT_SALE, at(9, 0), U(1)), plain(EVENT_SALE, at(9, 0), U(1))};
    twice[0].id = twice[1].id = TEXT("M");
    struct record r = {.kind = RECORD_EVENTS, .events_count = 2, .events = twice};
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    assert_int_equal(w.outcome.verdicts[1].verdict, VERDICT_DUPLICATE);
    expect_on_hand(&w, U(9));
    world_close(&w);
}

static void case_39_a_till_that_restarts(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    for (int i = 0; i < 2; i++) {
        struct event e = plain(EVENT_SALE, at(9, 1 + i), U(1));
        e.source = TEXT("till-1");
        e.has |= HAS(sequence);
        e.sequence = i ? 1 : 40000;
        expect_verdict(&w, e, APPLIED);
    }
    struct event e = plain(EVENT_SALE, at(9, 10), U(1));
    e.source = TEXT("till-1");
    e.has |= HAS(sequence);
    e.sequence = 1;
    expect_rejected(&w, e, SEQUENCE_REUSED);
    assert_int_equal(w.outcome.alerts_count, 1);
    assert_int_equal(w.outcome.alerts[0].kind, ALERT_SEQUENCE_REUSED);
    assert_int_equal(w.state->counts.sequence_reused, 1);
    e.has |= HAS(session);
    e.session = TEXT("second");
    expect_verdict(&w, e, APPLIED);
    expect_on_hand(&w, U(7));
    world_close(&w);
}

static void unknown_things_are_made_bare_only_when_accepted(void **unused)
{
    struct world w;
    world_open(&w);
    expect_rejected(&w, plain(EVENT_RECEIPT, at(23, 0), U(1)), FUTURE);
    assert_null(catalogue_location(w.state->catalogue, TEXT("L1")));
    struct event_verdict v = say(&w, plain(EVENT_RECEIPT, at(9, 0), U(1)));
    assert_true(v.notes & NOTE_UNREGISTERED);
    assert_false(catalogue_location(w.state->catalogue, TEXT("L1"))->registered);
    v = say(&w, plain(EVENT_RECEIPT, at(9, 0), U(1)));
    assert_int_equal(v.notes & NOTE_UNREGISTERED, 0);
    struct setting_said most[] = {{TEXT("locations_most"), 1}, {TEXT("skus_most"), 1}};
    struct record settings = {.kind = RECORD_SETTINGS, .settings = {2, most}};
    assert_int_equal(world_record(&w, &settings), 0);
    expect_rejected(&w, with_location(plain(EVENT_RECEIPT, at(9, 0), U(1)), "L2"), TOO_MANY_LOCATIONS);
    expect_rejected(&w, with_location(event_of(EVENT_HEARTBEAT, at(9, 0)), "L2"), TOO_MANY_LOCATIONS);
    expect_rejected(&w, with_sku(plain(EVENT_RECEIPT, at(9, 0), U(1)), "SKU-2"), TOO_MANY_SKUS);
    struct event ship = order(EVENT_TRANSFER_SHIP, at(9, 0), "T-1", U(1));
    ship.has |= HAS(to);
    ship.to = TEXT("L9");
    expect_rejected(&w, ship, TOO_MANY_LOCATIONS);
    expect_on_hand(&w, U(2));
    world_close(&w);
}

static void figures_have_a_range(void **unused)
{
    struct world w;
    world_open(&w);
    expect_verdict(&w, plain(EVENT_RECEIPT, at(9, 0), QUANTITY_MOST - 1), APPLIED);
    expect_verdict(&w, plain(EVENT_RECEIPT, at(9, 1), 1), APPLIED);
    expect_rejected(&w, plain(EVENT_RECEIPT, at(9, 2), 1), RANGE);
    expect_on_hand(&w, QUANTITY_MOST);
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 3), "O", QUANTITY_MOST), APPLIED);
    expect_rejected(&w, order(EVENT_ORDER_PLACED, at(9, 4), "O", 1), RANGE);
    expect_rejected(&w, order(EVENT_ORDER_PLACED, at(9, 4), "P", 1), RANGE);
    expect_row(&w, QUANTITY_MOST, 0, QUANTITY_MOST, 0);
    world_close(&w);
}

static void alerts_go_out_once_per_crossing(void **unused)
{
    struct world w;
    world_open(&w);
    struct event setting = event_of(EVENT_SETTING, at(8, 0));
    setting.has |= HAS(reorder_point);
    setting.reorder_point = U(5);
    say(&w, setting);
    say(&w, plain(EVENT_SALE, at(8, 1), U(1)));
    assert_int_equal(w.outcome.alerts_count, 0); /* never counted nor received */
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(11)));
    assert_int_equal(w.outcome.alerts_count, 0);
    say(&w, plain(EVENT_SALE, at(9, 1), U(5)));
    assert_int_equal(w.outcome.alerts_count, 1);
    assert_int_equal(w.outcome.alerts[0].kind, ALERT_REORDER_POINT);
    say(&w, plain(EVENT_SALE, at(9, 2), U(1)));
    assert_int_equal(w.outcome.alerts_count, 0);
    say(&w, plain(EVENT_RECEIPT, at(9, 3), U(5)));
    say(&w, plain(EVENT_SALE, at(9, 4), U(5)));
    assert_int_equal(w.outcome.alerts_count, 1);
    struct event_verdict v = say(&w, order(EVENT_ORDER_PLACED, at(9, 5), "O", U(6)));
    assert_true(v.notes & NOTE_OVERSOLD);
    assert_int_equal(w.outcome.alerts_count, 1);
    assert_int_equal(w.outcome.alerts[0].kind, ALERT_OVERSOLD);
    say(&w, plain(EVENT_SALE, at(9, 6), U(5)));
    assert_int_equal(w.outcome.alerts_count, 2); /* more oversold, and negative */
    assert_int_equal(w.outcome.alerts[1].kind, ALERT_NEGATIVE);
    world_close(&w);
}

static void settings_of_a_row_newest_wins_each(void **unused)
{
    struct world w;
    world_open(&w);
    struct event e = event_of(EVENT_SETTING, at(9, 0));
    e.has |= HAS(safety_stock) | HAS(backorder_limit);
    e.safety_stock = U(3);
    e.backorder_limit = LIMIT_NONE;
    expect_verdict(&w, e, APPLIED);
    struct row_image r = world_row(&w);
    assert_int_equal(row_rare(&r)->backorder_limit, LIMIT_NONE);
    assert_int_equal(row_rare(&r)->reorder_point, LIMIT_NONE);
    e.occurred_at = at(8, 0);
    e.safety_stock = U(9);
    e.id = (struct text){0};
    expect_verdict(&w, e, SUPERSEDED);
    e.has |= HAS(reorder_point);
    e.reorder_point = U(1);
    expect_verdict(&w, e, PARTIAL);
    r = world_row(&w);
    assert_int_equal(row_safety_stock(&r), U(3));
    assert_int_equal(row_rare(&r)->reorder_point, U(1));
    world_close(&w);
}

static void heartbeats_and_events_are_heard(void **unused)
{
    struct world w;
    world_open(&w);
    struct event beat = event_of(EVENT_HEARTBEAT, at(9, 0));
    beat.has &= ~HAS(sku);
    beat.sku = (struct text){0};
    expect_verdict(&w, beat, APPLIED);
    uint32_t number = catalogue_location(w.state->catalogue, TEXT("L1"))->number;
    assert_int_equal(state_location_heard(w.state, number), at(9, 0));
    say(&w, plain(EVENT_RECEIPT, at(9, 30), U(1)));
    assert_int_equal(state_location_heard(w.state, number), at(9, 30));
    assert_int_equal(state_location_heard(w.state, 77), INSTANT_NONE);
    world_close(&w);
}

/* The newest of any row there, whatever comes late; and when somebody says so, of all of them. */
static void a_location_knows_when_it_was_counted(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(1)));
    uint32_t number = catalogue_location(w.state->catalogue, TEXT("L1"))->number;
    assert_int_equal(places_counted(&w.state->places, number), INSTANT_NONE);
    say(&w, counted(at(9, 30), BASIS_PHYSICAL, U(4)));
    assert_int_equal(places_counted(&w.state->places, number), at(9, 30));
    say(&w, counted(at(9, 10), BASIS_PHYSICAL, U(5))); /* superseded */
    struct event other = counted(at(9, 20), BASIS_PHYSICAL, U(7));
    other.sku = TEXT("S2");
    say(&w, other);
    assert_int_equal(places_counted(&w.state->places, number), at(9, 30));
    assert_int_equal(places_counted_whole(&w.state->places, number), INSTANT_NONE);
    struct event whole = event_of(EVENT_HEARTBEAT, at(9, 40));
    whole.has = (whole.has & ~HAS(sku)) | HAS(as_of);
    whole.sku = (struct text){0};
    whole.as_of = at(9, 25);
    expect_verdict(&w, whole, APPLIED);
    assert_int_equal(places_counted_whole(&w.state->places, number), at(9, 25));
    assert_int_equal(places_counted(&w.state->places, number), at(9, 30));
    world_close(&w);
}

static void a_location_in_use_stays(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(1)));
    struct record r = {.kind = RECORD_LOCATION,
                       .reference = {.id = TEXT("L1"), .deleted = true, .occurred_at = INSTANT_NONE}};
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_IN_USE);
    say(&w, order(EVENT_ORDER_PLACED, at(9, 0), "O", U(1)));
    say(&w, plain(EVENT_SALE, at(9, 1), U(1)));
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_IN_USE);
    say(&w, order(EVENT_ORDER_CANCELLED, at(9, 2), "O", U(1)));
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    world_close(&w);
}

static void kits_and_steps(void **unused)
{
    struct world w;
    world_open(&w);
    struct component part = {TEXT("SKU-1"), U(2)};
    struct item kit = {.sku = TEXT("KIT"), .step = 1, .components_count = 1, .components = &part};
    struct record r = {
        .kind = RECORD_ITEM,
        .reference = {
            .id = TEXT("KIT"), .document = TEXT("{}"), .occurred_at = INSTANT_NONE, .decoded = &kit}};
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    expect_rejected(&w, with_sku(plain(EVENT_RECEIPT, at(9, 0), U(1)), "KIT"), KIT);
    struct item whole = {.sku = TEXT("SKU-1"), .step = 1000};
    r.reference.id = TEXT("SKU-1");
    r.reference.decoded = &whole;
    assert_int_equal(world_record(&w, &r), 0);
    expect_rejected(&w, plain(EVENT_RECEIPT, at(9, 0), U(1.5)), STEP);
    expect_verdict(&w, plain(EVENT_RECEIPT, at(9, 0), U(2)), APPLIED);
    world_close(&w);
}

static void log_settings_are_all_or_none(void **unused)
{
    struct world w;
    world_open(&w);
    struct setting_said said[] = {{TEXT("future_tolerance_us"), 0}, {TEXT("movements_us"), 1}};
    struct record r = {.kind = RECORD_SETTINGS, .settings = {2, said}};
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_RANGE);
    assert_int_equal(w.state->settings.future_tolerance_us, 300000000);
    said[1].name = TEXT("no_such");
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_UNKNOWN_FIELD);
    r.settings.count = 1;
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    expect_rejected(&w, plain(EVENT_RECEIPT, w.now + 1, U(1)), FUTURE);
    r.intake.name = TEXT("forged:1");
    r.intake.after = -1;
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_NOT_SUPPORTED);
    world_close(&w);
}

static void levels_and_incarnations(void **unused)
{
    struct world w;
    world_open(&w);
    struct record r = {.kind = RECORD_LEVEL, .raise_level = LEVEL_NEWEST + 1};
    assert_int_equal(world_record(&w, &r), ERROR_LEVEL);
    assert_true(w.outcome.halted);
    assert_int_equal(world_record(&w, &r), ERROR_LEVEL); /* and still */
    r.intake.name = TEXT("forged:1");
    r.intake.after = -1;
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_NOT_SUPPORTED);
    struct record again = {.kind = RECORD_INCARNATION, .incarnation = {.number = 9}};
    assert_int_equal(world_record(&w, &again), 0); /* in the middle: ignored */
    assert_int_equal(state_incarnation(w.state), 1);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(1)));
    again.incarnation.after_number = 1;
    again.incarnation.after_offset = w.offset - 1;
    w.offset = 0; /* another log goes on here */
    assert_int_equal(world_record(&w, &again), 0);
    assert_int_equal(state_incarnation(w.state), 9);
    say(&w, plain(EVENT_RECEIPT, at(9, 1), U(1)));
    assert_int_equal(w.state->counts.events, 2);
    assert_int_equal(w.state->counts.applied, 2); /* the other records are no events */
    assert_int_equal(w.state->counts.rejected, 0);
    struct row_image row = world_row(&w);
    assert_int_equal(row_incarnation(&row), 1);
    assert_int_equal(row_offset(&row), 1);
    w.offset = 0;
    assert_int_equal(world_record(&w, &again), ERROR_CORRUPT);
    world_close(&w);

    struct state *s = state_create(w.epoch = epoch_create());
    struct outcome o = {0};
    struct event e = plain(EVENT_RECEIPT, at(9, 0), U(1));
    struct record first = {.kind = RECORD_EVENTS, .events_count = 1, .events = &e};
    assert_int_equal(state_apply(s, &first, 0, at(12, 0), &o), ERROR_CORRUPT);
    again.incarnation.after_number = 1; /* nothing goes on from nothing */
    assert_int_equal(state_apply(s, &again, 0, at(12, 0), &o), ERROR_CORRUPT);
    outcome_finish(&o);
    state_destroy(s);
    epoch_destroy(w.epoch);
}

/* What instances tell each other moves log time and offset like any record, and nothing else. */
static void cuts_and_digests_change_nothing(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(1)));
    struct row_image before = world_row(&w);
    struct state_counts counts = w.state->counts;
    struct record cut = {.kind = RECORD_CUT, .digest = {.instance = TEXT("one")}};
    struct record digest = {.kind = RECORD_DIGEST, .digest = {TEXT("one"), 1, 2, 3, 4}};
    assert_int_equal(world_record(&w, &cut), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    assert_int_equal(world_record(&w, &digest), 0);
    counts.records += 2;
    assert_memory_equal(&counts, &w.state->counts, sizeof(counts));
    assert_int_equal(w.state->next_offset, w.offset);
    struct row_image after = world_row(&w);
    assert_memory_equal(&before, &after, sizeof(before));
    digest.intake = (struct intake_said){.name = TEXT("forged:1"), .after = -1};
    assert_int_equal(world_record(&w, &digest), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_NOT_SUPPORTED);
    world_close(&w);
}

static void intake_positions_catch_repeats_and_gaps(void **unused)
{
    struct world w;
    world_open(&w);
    struct event e = plain(EVENT_RECEIPT, at(9, 0), U(1));
    e.id = TEXT("a");
    struct record r = {.kind = RECORD_EVENTS,
                       .events_count = 1,
                       .events = &e,
                       .intake = {.name = TEXT("tills:1"), .offset = 5, .after = -1}};
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    e.id = TEXT("b");
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_DUPLICATE);
    r.intake.offset = 9;
    r.intake.after = 8;
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_GAP);
    r.intake.after = 5;
    r.intake.skipped = true;
    r.events_count = 0;
    assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(positions_get(w.state->positions, TEXT("tills:1"), 0), 9);
    assert_int_equal(w.state->counts.skipped, 1);
    assert_int_equal(w.state->counts.gaps, 1);
    expect_on_hand(&w, U(1));
    world_close(&w);
}

static void a_record_of_many_rows_changes_them_together(void **unused)
{
    struct world w;
    world_open(&w);
    enum { EVENTS = 600 };
    struct event *events = calloc(EVENTS, sizeof(*events));
    char(*names)[3][16] = calloc(EVENTS, sizeof(*names));
    for (int i = 0; i < EVENTS; i++) {
        snprintf(names[i][0], 16, "m-%d", i);
        snprintf(names[i][1], 16, "S%d", i % 7);
        snprintf(names[i][2], 16, "P%d", i % 31);
        events[i] = with_location(with_sku(plain(EVENT_RECEIPT, at(9, 0), U(1)), names[i][1]), names[i][2]);
        events[i].id = text_of(names[i][0]);
    }
    struct record r = {.kind = RECORD_EVENTS, .events_count = EVENTS, .events = events};
    for (int round = 0; round < 2; round++)
        assert_int_equal(world_record(&w, &r), 0);
    assert_int_equal(table_rows_count(w.state->table), 7 * 31);
    milli_t sum = 0;
    for (uint32_t s = 0; s < table_sku_count(w.state->table); s++) {
        struct row_image rows[31];
        size_t count = sku_read_all(w.state->table, table_sku(w.state->table, s), rows, 31);
        for (size_t i = 0; i < count; i++) {
            sum += row_on_hand(&rows[i]);
            assert_int_equal(row_offset(&rows[i]), 1);
        }
    }
    assert_int_equal(sum, U(EVENTS));
    assert_int_equal(w.state->counts.duplicate, EVENTS);
    free(names);
    free(events);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(movements_add_up),
        cmocka_unit_test(case_04_reserved_is_not_for_events),
        cmocka_unit_test(case_05_adjustments_both_ways),
        cmocka_unit_test(repeats_change_nothing_and_rejected_ids_may_come_again),
        cmocka_unit_test(case_39_a_till_that_restarts),
        cmocka_unit_test(unknown_things_are_made_bare_only_when_accepted),
        cmocka_unit_test(figures_have_a_range),
        cmocka_unit_test(alerts_go_out_once_per_crossing),
        cmocka_unit_test(settings_of_a_row_newest_wins_each),
        cmocka_unit_test(heartbeats_and_events_are_heard),
        cmocka_unit_test(a_location_knows_when_it_was_counted),
        cmocka_unit_test(a_location_in_use_stays),
        cmocka_unit_test(kits_and_steps),
        cmocka_unit_test(log_settings_are_all_or_none),
        cmocka_unit_test(levels_and_incarnations),
        cmocka_unit_test(cuts_and_digests_change_nothing),
        cmocka_unit_test(intake_positions_catch_repeats_and_gaps),
        cmocka_unit_test(a_record_of_many_rows_changes_them_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
