/* Demand and supply by reference: whoever reports first, and however often. */
#include "world.h"

#include "core/model/image.h"

static milli_t open_supply(const struct world *w, const char *location, const char *reference)
{
    struct row_image r = world_row_at(w, "SKU-1", location);
    const struct rare *rare = row_rare(&r);
    milli_t open = 0;
    for (uint32_t i = 0; rare && i < rare->supply_count; i++)
        if (text_equal(rare->supply[i].reference, text_of(reference)))
            open += rare->supply[i].open;
    return open;
}

static void case_18_the_identity_of_an_order(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 1), "O-1", U(4)), APPLIED);
    expect_row(&w, U(10), 0, U(4), U(6));
    expect_verdict(&w, order(EVENT_ORDER_SHIPPED, at(9, 2), "O-1", U(4)), APPLIED);
    expect_row(&w, U(6), 0, 0, U(6));
    world_close(&w);
}

static void case_15_available_from_three_numbers(void **unused)
{
    static const int rows[][4] = {
        {10, 0, 0, 10}, {10, 0, 3, 7}, {10, 5, 0, 5}, {10, 5, 3, 2}, {10, 10, 0, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        world_open(&w);
        say(&w, plain(EVENT_RECEIPT, at(9, 0), U(rows[i][0])));
        if (rows[i][1])
            say(&w, order(EVENT_ORDER_PLACED, at(9, 1), "O-1", U(rows[i][1])));
        struct event setting = event_of(EVENT_SETTING, at(9, 2));
        setting.has |= HAS(safety_stock);
        setting.safety_stock = U(rows[i][2]);
        expect_verdict(&w, setting, APPLIED);
        struct row_image r = world_row(&w);
        assert_int_equal(available(&r), U(rows[i][3]));
        world_close(&w);
    }
}

static void case_16_quantities_of_a_group_of_rows(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, with_location(plain(EVENT_RECEIPT, at(9, 0), U(5.5)), "eu-1"));
    say(&w, with_location(plain(EVENT_RECEIPT, at(9, 0), U(3)), "eu-2"));
    say(&w, with_location(with_status(plain(EVENT_RECEIPT, at(9, 0), U(10)), STATUS_QUARANTINE), "eu-3"));
    milli_t sum = 0;
    static const char *const places[] = {"eu-1", "eu-2", "eu-3"};
    for (int i = 0; i < 3; i++) {
        struct row_image r = world_row_at(&w, "SKU-1", places[i]);
        sum += available(&r);
    }
    assert_int_equal(sum, U(8.5));
    world_close(&w);
}

static void case_25_a_receipt_closes_its_line_in_one_step(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, inbound(at(8, 0), "PO-1", U(10), at(15, 0), NULL));
    assert_int_equal(open_supply(&w, "L1", "PO-1"), U(10));
    expect_on_hand(&w, 0);
    say(&w, with_reference(plain(EVENT_RECEIPT, at(9, 0), U(10)), "PO-1"));
    expect_on_hand(&w, U(10));
    assert_int_equal(open_supply(&w, "L1", "PO-1"), 0);
    assert_int_equal(w.outcome.changes_count, 1);
    world_close(&w);
}

static void case_28_handover_or_cancel_before_the_order(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    struct event_verdict v = say(&w, order(EVENT_ORDER_SHIPPED, at(9, 10), "7", U(2)));
    assert_true(v.notes & NOTE_UNMATCHED);
    say(&w, order(EVENT_ORDER_PLACED, at(9, 5), "7", U(2)));
    expect_row(&w, U(8), 0, 0, U(8));
    struct row_image r = world_row(&w);
    assert_int_equal(row_flags(&r) & ROW_UNMATCHED, 0);
    world_close(&w);

    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    expect_verdict(&w, order(EVENT_ORDER_CANCELLED, at(9, 10), "7", U(2)), APPLIED);
    say(&w, order(EVENT_ORDER_PLACED, at(9, 5), "7", U(2)));
    expect_row(&w, U(10), 0, 0, U(10));
    world_close(&w);

    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    expect_verdict(&w, with_reference(event_of(EVENT_ORDER_CANCELLED, at(9, 10)), "7"), APPLIED);
    say(&w, order(EVENT_ORDER_PLACED, at(9, 5), "7", U(2)));
    expect_row(&w, U(10), 0, 0, U(10));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 20), "7", U(1))); /* placed after the cancel */
    expect_row(&w, U(10), 0, U(1), U(9));
    world_close(&w);
}

static void case_29_set_beats_what_is_older(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    say(&w, order(EVENT_ORDER_PLACED, at(10, 0), "77", U(2)));
    say(&w, order_set(at(10, 5), "77", U(3)));
    expect_row(&w, U(10), 0, U(3), U(7));
    expect_verdict(&w, order_set(at(10, 0), "77", U(2)), SUPERSEDED);
    expect_row(&w, U(10), 0, U(3), U(7));
    world_close(&w);

    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    say(&w, order_set(at(10, 5), "77", U(3)));
    struct event_verdict v = say(&w, order(EVENT_ORDER_PLACED, at(10, 0), "77", U(2)));
    assert_int_equal(v.verdict, VERDICT_SUPERSEDED);
    assert_int_equal(v.reason, REASON_OLDER);
    expect_row(&w, U(10), 0, U(3), U(7));
    say(&w, order(EVENT_ORDER_PLACED, at(10, 6), "77", U(2)));
    expect_row(&w, U(10), 0, U(5), U(5));
    world_close(&w);
}

static void case_30_an_order_never_announced(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 5), "A", U(3)));
    struct event_verdict v = say(&w, order(EVENT_ORDER_SHIPPED, at(9, 10), "B", U(3)));
    assert_int_equal(v.verdict, VERDICT_APPLIED);
    assert_true(v.notes & NOTE_UNMATCHED);
    assert_int_equal(w.outcome.alerts_count, 1);
    assert_int_equal(w.outcome.alerts[0].kind, ALERT_UNMATCHED);
    expect_row(&w, U(7), 0, U(3), U(4));
    struct row_image r = world_row(&w);
    assert_true(row_flags(&r) & ROW_UNMATCHED);
    world_close(&w);
}

static void case_32_till_and_order_system_report_one_handover(void **unused)
{
    for (int till_first = 0; till_first < 2; till_first++) {
        struct world w;
        world_open(&w);
        say(&w, plain(EVENT_RECEIPT, at(9, 0), U(1)));
        say(&w, order(EVENT_ORDER_PLACED, at(9, 1), "9", U(1)));
        struct event till = sale_of_order(at(9, 10), "9", U(1));
        struct event system = order(EVENT_ORDER_PICKED_UP, at(9, 11), "9", U(1));
        struct event_verdict first = say(&w, till_first ? till : system);
        expect_row(&w, 0, 0, 0, 0);
        struct event_verdict second = say(&w, till_first ? system : till);
        expect_row(&w, 0, 0, 0, 0);
        assert_int_equal((first.notes | second.notes) & (NOTE_OVERSOLD | NOTE_UNMATCHED), 0);
        world_close(&w);
    }
}

static void case_33_orders_delivery_notes_and_short_deliveries(void **unused)
{
    struct world w;
    for (int naming_the_order = 0; naming_the_order < 2; naming_the_order++) {
        world_open(&w);
        say(&w, inbound(at(8, 0), "PO-7", U(100), at(20, 0), NULL));
        say(&w, with_reference(plain(EVENT_RECEIPT, at(9, 0), U(40)), "PO-7"));
        assert_int_equal(open_supply(&w, "L1", "PO-7"), U(60));
        say(&w, inbound(at(9, 30), "PO-7", U(100), at(21, 0), NULL));
        assert_int_equal(open_supply(&w, "L1", "PO-7"), U(60));
        say(&w, inbound(at(10, 0), "ASN-1", U(60), at(21, 0), "PO-7"));
        assert_int_equal(open_supply(&w, "L1", "PO-7") + open_supply(&w, "L1", "ASN-1"), U(60));
        assert_int_equal(open_supply(&w, "L1", "ASN-1"), U(60));
        const char *name = naming_the_order ? "PO-7" : "ASN-1";
        say(&w, with_final(with_reference(plain(EVENT_RECEIPT, at(11, 0), U(50)), name)));
        assert_int_equal(open_supply(&w, "L1", "ASN-1"), 0);
        assert_int_equal(open_supply(&w, "L1", "PO-7"), naming_the_order ? 0 : U(10));
        expect_on_hand(&w, U(90));
        world_close(&w);
    }
}

static void a_receipt_of_the_order_fills_its_notes_oldest_first(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, inbound(at(8, 0), "PO-7", U(100), at(20, 0), NULL));
    say(&w, inbound(at(8, 10), "ASN-1", U(30), at(20, 0), "PO-7"));
    say(&w, inbound(at(8, 20), "ASN-2", U(30), at(20, 0), "PO-7"));
    say(&w, with_reference(plain(EVENT_RECEIPT, at(9, 0), U(40)), "PO-7"));
    assert_int_equal(open_supply(&w, "L1", "ASN-1"), 0);
    assert_int_equal(open_supply(&w, "L1", "ASN-2"), U(20));
    assert_int_equal(open_supply(&w, "L1", "PO-7"), U(40));
    world_close(&w);
}

static void case_34_a_transfer_in_two_parts(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, with_location(plain(EVENT_RECEIPT, at(8, 0), U(30)), "DC"));
    struct event ship = with_location(order(EVENT_TRANSFER_SHIP, at(9, 0), "T-1", U(10)), "DC");
    ship.has |= HAS(to) | HAS(expected_at);
    ship.to = TEXT("L1");
    ship.expected_at = at(15, 0);
    expect_verdict(&w, ship, APPLIED);
    assert_int_equal(w.outcome.changes_count, 2);
    struct row_image dc = world_row_at(&w, "SKU-1", "DC");
    assert_int_equal(row_on_hand(&dc), U(20));
    assert_int_equal(open_supply(&w, "L1", "T-1"), U(10));
    say(&w, order(EVENT_TRANSFER_RECEIVE, at(10, 0), "T-1", U(8)));
    assert_int_equal(open_supply(&w, "L1", "T-1"), U(2));
    say(&w, with_status(order(EVENT_TRANSFER_RECEIVE, at(10, 5), "T-1", U(2)), STATUS_DAMAGED));
    expect_row(&w, U(10), U(2), 0, U(8));
    assert_int_equal(open_supply(&w, "L1", "T-1"), 0);
    world_close(&w);
}

static void a_receipt_may_come_before_its_line(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, with_reference(plain(EVENT_RECEIPT, at(9, 0), U(4)), "PO-1"));
    say(&w, inbound(at(8, 0), "PO-1", U(10), at(15, 0), NULL));
    assert_int_equal(open_supply(&w, "L1", "PO-1"), U(6));
    expect_verdict(&w, inbound(at(7, 0), "PO-1", U(50), at(15, 0), NULL), SUPERSEDED);
    assert_int_equal(open_supply(&w, "L1", "PO-1"), U(6));
    say(&w, inbound(at(9, 0), "PO-1", 0, INSTANT_NONE, NULL));
    assert_int_equal(open_supply(&w, "L1", "PO-1"), 0);
    world_close(&w);
}

static void a_line_becomes_overdue_by_proposal_or_comes_so(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, inbound(at(8, 0), "PO-1", U(10), at(13, 0), NULL));
    struct row_image r = world_row(&w);
    assert_false(row_rare(&r)->supply[0].overdue);
    struct record p = {.kind = RECORD_PROPOSAL,
                       .proposal = {.kind = PROPOSAL_OVERDUE,
                                    .sku = TEXT("SKU-1"),
                                    .location = TEXT("L1"),
                                    .reference = TEXT("PO-1"),
                                    .seen = at(13, 0),
                                    .due = at(13, 0)}};
    assert_int_equal(world_record(&w, &p), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_SUPERSEDED); /* too early */
    w.now = at(13, 0);
    p.proposal.seen = at(12, 59);
    assert_int_equal(world_record(&w, &p), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_SUPERSEDED); /* not what is there */
    p.proposal.seen = at(13, 0);
    assert_int_equal(world_record(&w, &p), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
    r = world_row(&w);
    assert_true(row_rare(&r)->supply[0].overdue);
    assert_int_equal(row_offset(&r), w.offset - 1);
    assert_int_equal(world_record(&w, &p), 0);
    assert_int_equal(w.outcome.verdicts[0].verdict, VERDICT_SUPERSEDED); /* made twice */
    say(&w, inbound(at(13, 0), "PO-1", U(10), at(18, 0), NULL));
    r = world_row(&w);
    assert_false(row_rare(&r)->supply[0].overdue);
    say(&w, inbound(at(13, 1), "PO-2", U(10), at(12, 0), NULL));
    r = world_row(&w);
    assert_true(row_rare(&r)->supply[0].overdue); /* from the start */
    world_close(&w);
}

static void closed_accounts_go_after_their_time(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 1), "O-1", U(2)));
    say(&w, order(EVENT_ORDER_SHIPPED, at(9, 2), "O-1", U(2)));
    w.now += 29 * INSTANT_DAY;
    struct event_verdict v = say(&w, sale_of_order(at(9, 3), "O-1", U(2))); /* a late twin finds it */
    assert_int_equal(v.notes & NOTE_UNMATCHED, 0);
    expect_row(&w, U(8), 0, 0, U(8));
    w.now += 31 * INSTANT_DAY;
    v = say(&w, order(EVENT_ORDER_PICKED_UP, at(9, 4), "O-1", U(2)));
    assert_true(v.notes & NOTE_UNMATCHED);
    expect_row(&w, U(6), 0, 0, U(6));
    world_close(&w);
}

static void a_count_looks_past_accounts_that_are_gone(void **unused)
{
    struct world w;
    world_open(&w);
    struct setting_said keep = {TEXT("closed_accounts_us"), 0};
    struct record settings = {.kind = RECORD_SETTINGS, .settings = {1, &keep}};
    assert_int_equal(world_record(&w, &settings), 0);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)));
    say(&w, order(EVENT_ORDER_PLACED, at(9, 1), "O-1", U(2)));
    say(&w, order(EVENT_ORDER_SHIPPED, at(9, 30), "O-1", U(2)));
    say(&w, plain(EVENT_SALE, at(9, 40), U(1))); /* purges O-1 */
    expect_rejected(&w, counted(at(9, 20), BASIS_NET_OF_COMMITTED, U(7)),
                    COUNT_TOO_OLD); /* what was open then? */
    struct event_verdict v = say(&w, counted(at(9, 20), BASIS_PHYSICAL, U(9)));
    assert_int_equal(v.notes & NOTE_APPROXIMATE, 0);
    expect_row(&w, U(6), 0, 0, U(6));
    world_close(&w);
}

static void open_accounts_have_a_bound(void **unused)
{
    struct world w;
    world_open(&w);
    struct setting_said most = {TEXT("accounts_per_row"), 16};
    struct record settings = {.kind = RECORD_SETTINGS, .settings = {1, &most}};
    assert_int_equal(world_record(&w, &settings), 0);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(100)));
    char name[16];
    for (int i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "O-%d", i);
        expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 1), name, U(1)), APPLIED);
    }
    expect_rejected(&w, order(EVENT_ORDER_PLACED, at(9, 2), "O-16", U(1)), TOO_MANY_ACCOUNTS);
    expect_row(&w, U(100), 0, U(16), U(84));
    say(&w, order(EVENT_ORDER_SHIPPED, at(9, 3), "O-3", U(1)));
    expect_verdict(&w, order(EVENT_ORDER_PLACED, at(9, 4), "O-16", U(1)), APPLIED);
    world_close(&w);
}

static void thousands_of_accounts_in_a_row(void **unused)
{
    struct world w;
    world_open(&w);
    char name[16];
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(10000)));
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "O-%d", i);
        say(&w, order(EVENT_ORDER_PLACED, at(9, 1), name, U(2)));
    }
    expect_row(&w, U(10000), 0, U(6000), U(4000));
    for (int i = 0; i < 3000; i += 2) {
        snprintf(name, sizeof(name), "O-%d", i);
        say(&w, order(EVENT_ORDER_SHIPPED, at(9, 2), name, U(2)));
    }
    expect_row(&w, U(7000), 0, U(3000), U(4000));
    say(&w, counted(at(9, 1), BASIS_NET_OF_COMMITTED, U(4000)));
    expect_row(&w, U(7000), 0, U(3000), U(4000));
    w.now += 31 * INSTANT_DAY;
    say(&w, plain(EVENT_SALE, at(9, 3), U(1)));
    expect_row(&w, U(6999), 0, U(3000), U(3999));
    world_close(&w);
}

static void an_account_with_very_many_entries_stays_right(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(1000)));
    for (int i = 0; i < 300; i++) {
        say(&w, order(EVENT_ORDER_PLACED, at(9, 0) + i * INSTANT_SECOND, "WEEK", U(2)));
        say(&w, order(EVENT_ORDER_SHIPPED, at(9, 0) + i * INSTANT_SECOND + 1000, "WEEK", U(1)));
        if (i == 150)
            say(&w, counted(at(9, 0) + i * INSTANT_SECOND + 2000, BASIS_NET_OF_COMMITTED, U(500)));
    }
    /* 151 open at the count: 651 there; 149 more gone since */
    expect_row(&w, U(502), 0, U(300), U(202));
    world_close(&w);
}

static int load_at_once(void *context, uint8_t kind, const void *bytes, size_t length)
{
    return image_load(context, kind, bytes, length);
}

/* A second world that begins from an image of the first. */
static void world_copy(struct world *copy, const struct world *w)
{
    struct hash128 digest, loaded;
    int more = 1;
    *copy = (struct world){.now = w->now, .offset = w->offset, .ids = w->ids};
    copy->epoch = epoch_create();
    copy->state = state_create(copy->epoch);
    assert_int_equal(image_begin(w->state, load_at_once, copy->state), 0);
    while (more == 1)
        more = image_step(w->state, 1 << 20, &digest);
    assert_int_equal(more, 0);
    assert_int_equal(image_load_finish(copy->state, &loaded), 0);
    assert_true(digest.high == loaded.high && digest.low == loaded.low);
}

/* When movements and entries are merged must not depend on how much room the arrays happen to have. */
static void a_replica_out_of_an_image_merges_alike(void **unused)
{
    struct world w, copy;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(8, 0), U(1000)));
    say(&w, inbound(at(8, 0), "PO", U(900), at(20, 0), NULL));
    for (int i = 0; i < 700; i++) {
        instant_t when = at(9, 0) + i * 10 * INSTANT_SECOND;
        struct event events[] = {
            order(EVENT_ORDER_PLACED, when, "WEEK", U(2)),
            order(EVENT_ORDER_SHIPPED, when + 1, "WEEK", U(1)),
            plain(EVENT_SALE, when + 2, U(1)),
            with_reference(plain(EVENT_RECEIPT, when + 3, U(1)), "PO"),
            order_set(when + 4, "SET", U(1 + i % 7)),
        };
        if (i == 41)
            world_copy(&copy, &w);
        for (size_t k = 0; k < sizeof(events) / sizeof(events[0]); k++) {
            say(&w, events[k]);
            if (i >= 41)
                say(&copy, events[k]);
        }
    }
    struct hash128 lived = state_digest(w.state), loaded = state_digest(copy.state);
    assert_true(lived.high == loaded.high && lived.low == loaded.low);
    expect_row(&w, U(300), 0, U(707), 0);
    assert_int_equal(open_supply(&w, "L1", "PO"), U(200));
    world_close(&w);
    world_close(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_15_available_from_three_numbers),
        cmocka_unit_test(case_16_quantities_of_a_group_of_rows),
        cmocka_unit_test(case_18_the_identity_of_an_order),
        cmocka_unit_test(case_25_a_receipt_closes_its_line_in_one_step),
        cmocka_unit_test(case_28_handover_or_cancel_before_the_order),
        cmocka_unit_test(case_29_set_beats_what_is_older),
        cmocka_unit_test(case_30_an_order_never_announced),
        cmocka_unit_test(case_32_till_and_order_system_report_one_handover),
        cmocka_unit_test(case_33_orders_delivery_notes_and_short_deliveries),
        cmocka_unit_test(a_receipt_of_the_order_fills_its_notes_oldest_first),
        cmocka_unit_test(case_34_a_transfer_in_two_parts),
        cmocka_unit_test(a_receipt_may_come_before_its_line),
        cmocka_unit_test(a_line_becomes_overdue_by_proposal_or_comes_so),
        cmocka_unit_test(closed_accounts_go_after_their_time),
        cmocka_unit_test(a_count_looks_past_accounts_that_are_gone),
        cmocka_unit_test(open_accounts_have_a_bound),
        cmocka_unit_test(thousands_of_accounts_in_a_row),
        cmocka_unit_test(an_account_with_very_many_entries_stays_right),
        cmocka_unit_test(a_replica_out_of_an_image_merges_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
