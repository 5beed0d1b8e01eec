/* When goods are ready: preparation, cut-offs, last collection, goods that come later, lanes (model.md,
 * Promises). */
#include "shop.h"

#define NINE_TO_SIX "\"opening_hours\":[{" ALL ",\"opens\":\"09:00\",\"closes\":\"18:00\"}]"
#define PICKUP(fields) "\"methods\":{\"pickup\":{" fields "}}"

/* `says`: the members of the document after the time zone. */
static struct shop shop_in(const char *zone, const char *says)
{
    static char document[4][2000];
    static unsigned used;
    char *own = document[used++ % 4];

    snprintf(own, sizeof(document[0]), "{\"time_zone\":\"%s\"%s%s}", zone, *says ? "," : "", says);
    return shop_open(zone, own, strstr(says, "methods") != NULL);
}

static struct readiness ready(const struct shop *s, const char *ordered)
{
    struct readiness r = {0};
    struct order_time o = {.at = on(ordered)};

    assert_true(calendar_ready(s->calendar, METHOD_PICKUP, &o, &r));
    assert_true(hours_open_at(&s->calendar->hours, r.ready_at));
    return r;
}

static void case_preparation_120_and_180(void **unused)
{
    struct shop s = shop_in("Europe/Berlin", NINE_TO_SIX "," PICKUP("\"preparation_minutes\":120"));

    assert_instant(ready(&s, "2026-11-24T07:30:00+01:00").ready_at, "2026-11-24T11:00:00+01:00");
    assert_instant(ready(&s, "2026-11-24T07:30:00+01:00").starts_at, "2026-11-24T09:00:00+01:00");
    assert_instant(ready(&s, "2026-11-24T15:59:00+01:00").ready_at, "2026-11-24T17:59:00+01:00");
    shop_close(&s);
    s = shop_in("Europe/Berlin", NINE_TO_SIX "," PICKUP("\"preparation_minutes\":180"));
    assert_instant(ready(&s, "2026-11-24T15:59:00+01:00").ready_at, "2026-11-25T09:59:00+01:00");
    assert_instant(ready(&s, "2026-11-24T15:59:00+01:00").starts_at, "2026-11-24T15:59:00+01:00");
    assert_false(ready(&s, "2026-11-24T15:59:00+01:00").same_day);
    shop_close(&s);
}

static void what_is_ready_at_closing_is_collected_when_it_opens(void **unused)
{
    struct shop s = shop_in("Europe/Berlin", NINE_TO_SIX "," PICKUP("\"preparation_minutes\":120"));
    assert_instant(ready(&s, "2026-11-24T16:00:00+01:00").ready_at, "2026-11-25T09:00:00+01:00");
    shop_close(&s);
}

static void an_order_after_the_cut_off_starts_with_the_next_opening(void **unused)
{
    struct shop s =
        shop_in("Europe/Berlin", NINE_TO_SIX "," PICKUP("\"cut_off\":\"16:00\",\"preparation_minutes\":30"));

    assert_instant(ready(&s, "2026-11-24T16:00:00+01:00").ready_at,
                   "2026-11-24T16:30:00+01:00"); /* at it: in time */
    assert_instant(ready(&s, "2026-11-24T16:00:00.000001+01:00").ready_at, "2026-11-25T09:30:00+01:00");
    assert_true(ready(&s, "2026-11-24T16:00:00.000001+01:00").missed);
    assert_instant(ready(&s, "2026-11-24T23:00:00+01:00").ready_at, "2026-11-25T09:30:00+01:00");
    assert_instant(ready(&s, "2026-11-25T00:01:00+01:00").ready_at, "2026-11-25T09:30:00+01:00");
    assert_instant(ready(&s, "2026-11-24T12:00:00+01:00").cut_off_at, "2026-11-24T16:00:00+01:00");
    shop_close(&s);
    /* the cut-off is the day's: a second opening of the same day does not count */
    s = shop_in("Europe/Berlin",
                "\"opening_hours\":[{" ALL ",\"opens\":\"09:00\",\"closes\":\"12:00\"},{" ALL
                ",\"opens\":\"14:00\",\"closes\":\"18:00\"}]," PICKUP("\"cut_off\":\"11:00\""));
    assert_instant(ready(&s, "2026-11-24T11:30:00+01:00").ready_at, "2026-11-25T09:00:00+01:00");
    shop_close(&s);
    /* nor do days on which it is closed */
    s = shop_in("Europe/Berlin", NINE_TO_SIX
                ",\"exceptions\":[{\"date\":\"2026-12-25\",\"closed\":true},{\"date\":"
                "\"2026-12-26\",\"opens\":\"11:00\",\"closes\":\"13:00\"}]," PICKUP("\"cut_off\":\"16:00\""));
    assert_instant(ready(&s, "2026-12-24T17:00:00+01:00").ready_at, "2026-12-26T11:00:00+01:00");
    shop_close(&s);
}

static void a_cut_off_past_midnight_is_of_the_day_on_which_the_hours_began(void **unused)
{
    struct shop s = shop_in("Europe/Berlin",
                            "\"opening_hours\":[{" ALL
                            ",\"opens\":\"10:00\",\"closes\":\"02:00\"}]," PICKUP("\"cut_off\":\"01:00\""));

    assert_instant(ready(&s, "2026-11-24T23:00:00+01:00").ready_at, "2026-11-24T23:00:00+01:00");
    assert_instant(ready(&s, "2026-11-25T00:59:00+01:00").ready_at, "2026-11-25T00:59:00+01:00");
    assert_instant(ready(&s, "2026-11-25T01:01:00+01:00").ready_at, "2026-11-25T10:00:00+01:00");
    shop_close(&s);
    s = shop_in("Europe/Berlin",
                "\"opening_hours\":[{" ALL
                ",\"opens\":\"18:00\",\"closes\":\"02:00\"}]," PICKUP("\"cut_off\":\"23:00\""));
    assert_instant(ready(&s, "2026-11-25T01:00:00+01:00").ready_at, "2026-11-25T18:00:00+01:00");
    assert_instant(ready(&s, "2026-11-25T01:00:00+01:00").cut_off_at, "2026-11-24T23:00:00+01:00");
    shop_close(&s);
}

static void nothing_is_collected_in_the_last_minutes(void **unused)
{
    struct shop s = shop_in("Europe/Berlin", NINE_TO_SIX
                            "," PICKUP("\"preparation_minutes\":120,\"last_collection_minutes\":15"));

    assert_instant(ready(&s, "2026-11-24T15:45:00+01:00").ready_at, "2026-11-24T17:45:00+01:00");
    assert_instant(ready(&s, "2026-11-24T15:45:00+01:00").closes_at, "2026-11-24T18:00:00+01:00");
    assert_instant(ready(&s, "2026-11-24T15:46:00+01:00").ready_at, "2026-11-25T09:00:00+01:00");
    shop_close(&s);
    /* an opening that is too short for it is none */
    s = shop_in(
        "Europe/Berlin", NINE_TO_SIX
        ",\"exceptions\":[{\"date\":\"2026-11-25\",\"opens\":\"09:00\",\"closes\":\"09:10\"}]," PICKUP(
            "\"last_collection_minutes\":15"));
    assert_instant(ready(&s, "2026-11-24T17:50:00+01:00").ready_at, "2026-11-26T09:00:00+01:00");
    shop_close(&s);
    /* hours that go on without a break do not close at midnight */
    s = shop_in("Europe/Berlin",
                "\"opening_hours\":[{" ALL
                ",\"opens\":\"00:00\",\"closes\":\"24:00\"}]," PICKUP("\"last_collection_minutes\":60"));
    assert_instant(ready(&s, "2026-11-24T23:50:00+01:00").ready_at, "2026-11-24T23:50:00+01:00");
    assert_int_equal(ready(&s, "2026-11-24T23:50:00+01:00").closes_at, INSTANT_NONE);
    shop_close(&s);
}

static void preparation_over_both_nights_that_change_clocks(void **unused)
{
    struct shop s = shop_in("Europe/Berlin",
                            "\"opening_hours\":[{" ALL ",\"opens\":\"00:00\",\"closes\":\"24:00\"}]," PICKUP(
                                "\"preparation_minutes\":240,\"cut_off\":\"02:30\""));

    assert_instant(ready(&s, "2026-03-28T23:00:00Z").ready_at,
                   "2026-03-29T03:00:00Z"); /* 0:00 and 4 h: 5:00 */
    assert_instant(ready(&s, "2026-03-29T01:00:00Z").cut_off_at,
                   "2026-03-29T01:00:00Z"); /* there is no 2:30 */
    assert_false(ready(&s, "2026-03-29T01:00:00Z").missed);
    assert_true(ready(&s, "2026-03-29T01:00:01Z").missed);
    assert_instant(ready(&s, "2026-03-29T01:00:01Z").starts_at, "2026-03-29T22:00:00Z");
    assert_instant(ready(&s, "2026-10-24T22:00:00Z").ready_at,
                   "2026-10-25T02:00:00Z"); /* 0:00 and 4 h: 3:00 */
    assert_instant(ready(&s, "2026-10-25T00:00:00Z").cut_off_at, "2026-10-25T00:30:00Z"); /* the first 2:30 */
    shop_close(&s);
}

static void goods_that_come_later_and_what_is_not_sold_yet(void **unused)
{
    struct shop s =
        shop_in("Europe/Berlin", NINE_TO_SIX "," PICKUP("\"preparation_minutes\":60,\"cut_off\":\"12:00\""));
    struct order_time o = {.at = on("2026-11-24T10:00:00+01:00"),
                           .goods_at = on("2026-11-26T17:30:00+01:00")};
    struct readiness r;

    assert_true(
        calendar_ready(s.calendar, METHOD_PICKUP, &o, &r)); /* the cut-off is the order's, not the goods' */
    assert_instant(r.ready_at, "2026-11-27T09:30:00+01:00");
    o = (struct order_time){.at = on("2026-11-24T10:00:00+01:00"),
                            .not_before = on("2026-12-01T00:00:00+01:00")};
    assert_true(calendar_ready(s.calendar, METHOD_PICKUP, &o, &r));
    assert_instant(r.ready_at, "2026-12-01T09:00:00+01:00");
    assert_false(calendar_ready(s.calendar, METHOD_SHIP, &o, &r)); /* it says its methods, and this is none */
    shop_close(&s);
    s = shop_in("Europe/Berlin", NINE_TO_SIX);
    assert_true(calendar_ready(s.calendar, METHOD_PICKUP, &o, &r)); /* a store: goes without saying */
    assert_true(calendar_ready(s.calendar, METHOD_SHIP, &o, &r));
    assert_false(calendar_ready(s.calendar, METHOD_SAME_DAY, &o, &r));
    shop_close(&s);
}

/* What is ordered at `at` leaves and arrives then by that lane of `from`. */
static void expect_transit(const struct shop *from, int lane, const struct shop *to, const char *at,
                           const char *leaves, const char *arrives)
{
    struct transit t;

    assert_true(calendar_transit(from->calendar, &from->calendar->lanes[lane], to->calendar, on(at), &t));
    assert_instant(t.leaves_at, leaves);
    assert_instant(t.arrives_at, arrives);
}

static void lanes_leave_when_the_supplier_works_and_arrive_when_the_store_opens(void **unused)
{
    struct shop from = shop_in(
        "Europe/London", "\"opening_hours\":[{\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\"],\"opens\":"
                         "\"06:00\",\"closes\":\"20:00\"}],\"lanes\":[{\"to\":\"S\",\"days\":2,\"cut_off\":"
                         "\"15:00\"},{\"to\":\"T\",\"days\":0}]");
    struct shop to =
        shop_in("Europe/Berlin", NINE_TO_SIX ",\"exceptions\":[{\"date\":\"2026-11-26\",\"closed\":true}]");

    assert_int_equal(from.calendar->lanes_count, 2);
    assert_true(text_equal(from.calendar->lanes[0].to, TEXT("S")));
    /* Tuesday before 15:00 in London: two days later it is closed, so Friday */
    expect_transit(&from, 0, &to, "2026-11-24T14:00:00Z", "2026-11-24T15:00:00Z",
                   "2026-11-27T09:00:00+01:00");
    /* Friday after 15:00: leaves on Monday */
    expect_transit(&from, 0, &to, "2026-11-27T15:00:01Z", "2026-11-30T15:00:00Z",
                   "2026-12-02T09:00:00+01:00");
    /* the same day, without a cut-off: when the supplier closes, 21:00 in Berlin */
    expect_transit(&from, 1, &to, "2026-11-24T14:00:00Z", "2026-11-24T20:00:00Z",
                   "2026-11-25T09:00:00+01:00");
    shop_close(&from);
    shop_close(&to);
}

/* Found by tests/hours/promise_check.py: the cut-off was taken for one of the calendar's day, on which the
 * supplier may not even work. */
static void a_lanes_cut_off_past_midnight_is_of_the_working_day(void **unused)
{
    struct shop from = shop_in(
        "Europe/London", "\"opening_hours\":[{\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\"],\"opens\":"
                         "\"22:00\",\"closes\":\"04:00\"}],\"lanes\":[{\"to\":\"S\",\"days\":1,\"cut_off\":"
                         "\"02:00\"}]");
    struct shop to = shop_in("Europe/London", NINE_TO_SIX);

    /* the night of Friday: leaves at two on Saturday, a day after Friday it is there */
    expect_transit(&from, 0, &to, "2026-11-27T23:00:00Z", "2026-11-28T02:00:00Z", "2026-11-28T09:00:00Z");
    /* at two on Monday nobody works: the first night is the one that begins in the evening */
    expect_transit(&from, 0, &to, "2026-11-28T02:00:01Z", "2026-12-01T02:00:00Z", "2026-12-01T09:00:00Z");
    shop_close(&from);
    shop_close(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_preparation_120_and_180),
        cmocka_unit_test(what_is_ready_at_closing_is_collected_when_it_opens),
        cmocka_unit_test(an_order_after_the_cut_off_starts_with_the_next_opening),
        cmocka_unit_test(a_cut_off_past_midnight_is_of_the_day_on_which_the_hours_began),
        cmocka_unit_test(nothing_is_collected_in_the_last_minutes),
        cmocka_unit_test(preparation_over_both_nights_that_change_clocks),
        cmocka_unit_test(goods_that_come_later_and_what_is_not_sold_yet),
        cmocka_unit_test(lanes_leave_when_the_supplier_works_and_arrive_when_the_store_opens),
        cmocka_unit_test(a_lanes_cut_off_past_midnight_is_of_the_working_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
