/* Opening hours: both nights on which clocks change, past midnight, dated exceptions, nothing said. */
#include "shop.h"

#include "base/error.h"

#define HOUR (INT64_C(60) * INSTANT_MINUTE)
#define BERLIN "\"time_zone\":\"Europe/Berlin\""

static struct shop shop_of(const char *document)
{
    return shop_open("Europe/Berlin", document, false);
}

static void nothing_said_is_always_open(void **unused)
{
    static const char *const documents[] = {"", "{}", "{" BERLIN ",\"name\":\"x\"}",
                                            "{" BERLIN ",\"opening_hours\":[]}"};

    for (int i = 0; i < 4; i++) {
        struct shop s = shop_of(documents[i]);
        assert_true(!s.hours->limited);
        assert_true(hours_open_at(s.hours, on("2026-11-22T03:00:00Z")));
        assert_instant(hours_add(s.hours, on("2026-11-22T03:00:00Z"), 50 * HOUR), "2026-11-24T05:00:00Z");
        struct hours_piece day[HOURS_DAY_MOST];
        assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-11-22T03:00:00Z")) + 1, day),
                         1);
        assert_instant(day[0].from, "2026-11-23T00:00:00+01:00"); /* in its zone */
        shop_close(&s);
    }
}

/* model.md, Promises: open 9–18, preparation 120: order at 7:30 → 11:00; at 15:59 → 17:59; with 180 at 15:59
 * → next day 9:59. */
static void preparation_runs_inside_opening_hours(void **unused)
{
    struct shop s =
        shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"09:00\",\"closes\":\"18:00\"}]}");

    assert_instant(hours_add(s.hours, on("2026-11-24T07:30:00+01:00"), 2 * HOUR),
                   "2026-11-24T11:00:00+01:00");
    assert_instant(hours_add(s.hours, on("2026-11-24T15:59:00+01:00"), 2 * HOUR),
                   "2026-11-24T17:59:00+01:00");
    assert_instant(hours_add(s.hours, on("2026-11-24T15:59:00+01:00"), 3 * HOUR),
                   "2026-11-25T09:59:00+01:00");
    assert_instant(hours_next(s.hours, on("2026-11-24T18:00:00+01:00")), "2026-11-25T09:00:00+01:00");
    assert_instant(hours_next(s.hours, on("2026-11-24T17:59:59+01:00")), "2026-11-24T17:59:59+01:00");
    assert_false(hours_open_at(s.hours, on("2026-11-24T18:00:00+01:00"))); /* closing time is not open */
    assert_true(hours_open_at(s.hours, on("2026-11-24T09:00:00+01:00")));
    shop_close(&s);
}

static void the_night_that_lacks_an_hour(void **unused)
{
    struct shop s =
        shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"00:00\",\"closes\":\"24:00\"}]}");
    struct hours_piece day[HOURS_DAY_MOST];

    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-03-29T12:00:00+02:00")) + 0, day),
                     1);
    assert_int_equal(day[0].until - day[0].from, 23 * HOUR);
    assert_instant(hours_add(s.hours, on("2026-03-28T12:00:00+01:00"), 24 * HOUR),
                   "2026-03-29T13:00:00+02:00");
    shop_close(&s);
    /* opens at a time that there is not: when the clock is changed; closes at one: then too */
    s = shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"02:30\",\"closes\":\"04:00\"}]}");
    assert_instant(hours_next(s.hours, on("2026-03-29T00:30:00+01:00")), "2026-03-29T03:00:00+02:00");
    shop_close(&s);
    s = shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"22:00\",\"closes\":\"02:30\"}]}");
    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-03-28T12:00:00+01:00")) + 0, day),
                     1);
    assert_instant(day[0].until, "2026-03-29T03:00:00+02:00");
    assert_int_equal(day[0].until - day[0].from, 4 * HOUR);
    assert_instant(hours_add(s.hours, on("2026-03-28T23:00:00+01:00"), 4 * HOUR),
                   "2026-03-29T23:00:00+02:00");
    shop_close(&s);
}

static void the_night_that_has_an_hour_twice(void **unused)
{
    struct shop s =
        shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"00:00\",\"closes\":\"24:00\"}]}");
    struct hours_piece day[HOURS_DAY_MOST];

    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-10-25T12:00:00+01:00")) + 0, day),
                     1);
    assert_int_equal(day[0].until - day[0].from, 25 * HOUR);
    assert_instant(hours_add(s.hours, on("2026-10-24T12:00:00+02:00"), 24 * HOUR),
                   "2026-10-25T11:00:00+01:00");
    shop_close(&s);
    s = shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"22:00\",\"closes\":\"02:30\"}]}");
    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-10-24T12:00:00+02:00")) + 0, day),
                     1);
    assert_instant(day[0].until, "2026-10-25T02:30:00+02:00"); /* the first of both */
    assert_false(hours_open_at(s.hours, on("2026-10-25T02:15:00+01:00")));
    shop_close(&s);
    s = shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"01:00\",\"closes\":\"04:00\"}]}");
    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-10-25T12:00:00+01:00")) + 0, day),
                     1);
    assert_int_equal(day[0].until - day[0].from, 4 * HOUR);
    assert_instant(hours_add(s.hours, on("2026-10-25T01:30:00+02:00"), 2 * HOUR),
                   "2026-10-25T02:30:00+01:00");
    shop_close(&s);
}

static void what_lasts_past_midnight_belongs_to_the_day_on_which_it_begins(void **unused)
{
    struct shop s = shop_open("America/New_York",
                              "{\"time_zone\":\"America/New_York\",\"opening_hours\":["
                              "{\"days\":[\"fr\"],\"opens\":\"20:00\",\"closes\":\"02:00\"},"
                              "{\"days\":[\"sa\"],\"opens\":\"01:00\",\"closes\":\"03:00\"}]}",
                              false);
    struct hours_piece day[HOURS_DAY_MOST];

    assert_true(hours_open_at(s.hours, on("2026-11-21T01:59:00-05:00")));
    assert_false(hours_open_at(s.hours, on("2026-11-20T19:59:00-05:00")));
    assert_false(hours_open_at(s.hours, on("2026-11-22T01:30:00-05:00"))); /* a Sunday */
    /* Friday 20:00 to Saturday 3:00 is seven hours, not eight: what overlaps counts once */
    assert_instant(hours_add(s.hours, on("2026-11-20T12:00:00-05:00"), 7 * HOUR),
                   "2026-11-21T03:00:00-05:00");
    assert_instant(hours_add(s.hours, on("2026-11-20T12:00:00-05:00"), 8 * HOUR),
                   "2026-11-27T21:00:00-05:00");
    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-11-20T23:00:00-05:00")) + 0, day),
                     1);
    assert_instant(day[0].until, "2026-11-21T02:00:00-05:00");
    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-11-20T23:00:00-05:00")) + 2, day),
                     0);
    shop_close(&s);
}

static void an_exception_has_the_day_for_itself(void **unused)
{
    struct shop s =
        shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"14:00\",\"closes\":\"18:00\"},{" ALL
                ",\"opens\":\"09:00\",\"closes\":\"14:00\"},{\"days\":[\"we\"],\"opens\":\"22:00\","
                "\"closes\":\"01:00\"}],"
                "\"exceptions\":[{\"date\":\"2026-12-25\",\"closed\":true},{\"date\":\"2026-12-24\","
                "\"opens\":\"09:00\","
                "\"closes\":\"12:00\"},{\"date\":\"2026-12-24\",\"opens\":\"13:00\",\"closes\":\"14:00\"}]}");
    struct hours_piece day[HOURS_DAY_MOST];

    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-12-22T12:00:00+01:00")) + 0, day),
                     1); /* joined */
    assert_instant(day[0].until, "2026-12-22T18:00:00+01:00");
    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-12-22T12:00:00+01:00")) + 2, day),
                     2);
    assert_instant(day[1].from, "2026-12-24T13:00:00+01:00");
    assert_int_equal(hours_of_day(s.hours, zone_day(s.hours->zone, on("2026-12-22T12:00:00+01:00")) + 3, day),
                     0);
    assert_true(hours_open_at(s.hours, on("2026-12-24T00:30:00+01:00"))); /* still Wednesday's */
    assert_instant(hours_add(s.hours, on("2026-12-24T11:00:00+01:00"), 3 * HOUR),
                   "2026-12-26T10:00:00+01:00");
    shop_close(&s);
    s = shop_of("{" BERLIN
                ",\"exceptions\":[{\"date\":\"2026-12-24\",\"opens\":\"09:00\",\"closes\":\"12:00\"}]}");
    assert_instant(hours_next(s.hours, on("2026-11-01T00:00:00Z")), "2026-12-24T09:00:00+01:00");
    assert_int_equal(hours_next(s.hours, on("2026-12-24T12:00:00+01:00")), INSTANT_NONE); /* never again */
    assert_int_equal(hours_add(s.hours, on("2026-11-01T00:00:00Z"), 4 * HOUR), INSTANT_NONE);
    shop_close(&s);
}

static void hours_without_length_are_none(void **unused)
{
    struct shop s =
        shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"09:00\",\"closes\":\"09:00\"}]}");

    assert_false(!s.hours->limited);
    assert_int_equal(hours_next(s.hours, on("2026-11-01T00:00:00Z")), INSTANT_NONE);
    shop_close(&s);
}

static void a_clock_change_may_leave_nothing_of_a_days_hours(void **unused)
{
    struct shop s = shop_of("{" BERLIN ",\"opening_hours\":[{\"days\":[\"su\"],\"opens\":\"02:10\","
                            "\"closes\":\"02:50\"}]}");
    struct hours_piece pieces[HOURS_DAY_MOST];
    int32_t day = zone_day(s.hours->zone, on("2026-03-29T12:00:00Z"));

    assert_int_equal(hours_of_day(s.hours, day, pieces), 0);
    assert_int_equal(hours_of_day(s.hours, day + 7, pieces), 1);
    shop_close(&s);
}

/* Hours that meet at midnight are one opening; what lasts longer than two weeks has no end. */
static void an_opening_has_a_beginning_and_an_end(void **unused)
{
    struct shop s =
        shop_of("{" BERLIN ",\"opening_hours\":[{\"days\":[\"fr\"],\"opens\":\"10:00\",\"closes\":"
                "\"24:00\"},{\"days\":[\"sa\"],\"opens\":\"00:00\",\"closes\":\"03:00\"}]}");

    assert_instant(hours_opening(s.hours, on("2026-11-28T01:00:00+01:00")), "2026-11-27T10:00:00+01:00");
    assert_instant(hours_closing(s.hours, on("2026-11-27T10:00:00+01:00")), "2026-11-28T03:00:00+01:00");
    shop_close(&s);
    s = shop_of("{" BERLIN ",\"opening_hours\":[{" ALL ",\"opens\":\"00:00\",\"closes\":\"24:00\"}],"
                "\"exceptions\":[{\"date\":\"2026-11-30\",\"closed\":true}]}");
    assert_int_equal(hours_closing(s.hours, on("2026-11-15T23:59:59+01:00")), INSTANT_NONE);
    assert_instant(hours_closing(s.hours, on("2026-11-16T00:00:00+01:00")), "2026-11-30T00:00:00+01:00");
    assert_instant(hours_opening(s.hours, on("2026-12-15T00:00:00+01:00")), "2026-12-01T00:00:00+01:00");
    assert_int_equal(hours_opening(s.hours, on("2026-12-15T00:00:01+01:00")), INSTANT_NONE);
    shop_close(&s);
}

static void an_unknown_zone_is_said(void **unused)
{
    struct shop s = shop_open("Europe/Atlantis",
                              "{\"time_zone\":\"Europe/Atlantis\",\"opening_hours\":[{" ALL
                              ",\"opens\":\"09:00\",\"closes\":\"18:00\"}]}",
                              false);
    const struct zone *zone;

    assert_true(s.calendar->zone_unknown);
    assert_false(s.hours->limited);
    assert_int_equal(zones_find(s.zones, TEXT("Europe/Atlantis"), &zone), ERROR_NOTFOUND);
    assert_int_equal(zones_find(s.zones, TEXT(""), &zone), ERROR_NOTFOUND);
    assert_int_equal(zones_find(s.zones, TEXT("Europe/Berlin"), &zone), 0);
    shop_close(&s);
}

/* The system's files say what holds; where there are none, ICU. */
static void zones_are_the_systems_or_icus(void **unused)
{
    static const char *const none[] = {"../zoneinfo/Europe/Berlin",
                                       "/usr/share/zoneinfo/Europe/Berlin",
                                       "right/Europe/Berlin",
                                       "posix/Europe/Berlin",
                                       "localtime",
                                       "Europe",
                                       "Europe/",
                                       "tzdata.zi"};
    struct zones *zones = zones_create();
    const struct zone *zone;

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(zones_find(zones, text_of(none[i]), &zone), ERROR_NOTFOUND);
    zones_destroy(zones);
    setenv("TZDIR", "/nowhere", 1);
    zones = zones_create();
    assert_int_equal(zones_find(zones, TEXT("Europe/Berlin"), &zone), 0);
    assert_int_equal(zone_day_end(zone, 20541), on("2026-03-29T21:59:59.999999Z"));
    assert_int_equal(zones_find(zones, TEXT("Europe/Atlantis"), &zone), ERROR_NOTFOUND);
    zones_destroy(zones);
    unsetenv("TZDIR");
}

static void days_end_when_they_do_there(void **unused)
{
    const instant_t midnight = on("2026-03-29T00:00:00Z");
    const int32_t day = (int32_t)(midnight / INSTANT_DAY) - 1,
                  october = zone_day(NULL, on("2026-10-25T00:00:00Z"));
    struct shop s = shop_of("");
    const struct zone *berlin = s.hours->zone;

    assert_int_equal(zone_day_end(NULL, day), midnight - 1);
    /* in Berlin that night has 23 hours, and one in October has 25 */
    assert_int_equal(zone_day_end(berlin, day), midnight - HOUR - 1);
    assert_int_equal(zone_day_end(berlin, day + 1) - zone_day_end(berlin, day), 23 * HOUR);
    assert_int_equal(zone_day_end(berlin, october) - zone_day_end(berlin, october - 1), 25 * HOUR);
    assert_int_equal(zone_day_end(NULL, (int32_t)(INSTANT_MOST / INSTANT_DAY)), INSTANT_MOST);
    shop_close(&s);
}

/* Every hour of three years, added hour by hour and all at once, in zones with odd changes. */
static void adding_in_pieces_is_adding_at_once(void **unused)
{
    static const char *const names[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                        "Pacific/Apia", "Asia/Kathmandu"};
    char document[400];

    for (int z = 0; z < 5; z++) {
        snprintf(
            document, sizeof(document),
            "{\"time_zone\":\"%s\",\"opening_hours\":[{\"days\":[\"mo\",\"we\",\"su\"],\"opens\":\"22:30\","
            "\"closes\":\"04:15\"},{\"days\":[\"tu\"],\"opens\":\"07:00\",\"closes\":\"09:00\"}]}",
            names[z]);
        struct shop s = shop_open(names[z], document, false);
        instant_t from = on("2026-01-01T00:00:00Z"), at = from;
        for (int hours = 1; hours < 2000; hours++) {
            instant_t next = hours_add(s.hours, at, HOUR);
            assert_true(next >= at + HOUR);
            at = next;
            if (hours % 50 == 0)
                assert_int_equal(hours_add(s.hours, from, hours * HOUR), at);
        }
        shop_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_always_open),
        cmocka_unit_test(preparation_runs_inside_opening_hours),
        cmocka_unit_test(the_night_that_lacks_an_hour),
        cmocka_unit_test(the_night_that_has_an_hour_twice),
        cmocka_unit_test(what_lasts_past_midnight_belongs_to_the_day_on_which_it_begins),
        cmocka_unit_test(an_exception_has_the_day_for_itself),
        cmocka_unit_test(hours_without_length_are_none),
        cmocka_unit_test(a_clock_change_may_leave_nothing_of_a_days_hours),
        cmocka_unit_test(an_opening_has_a_beginning_and_an_end),
        cmocka_unit_test(an_unknown_zone_is_said),
        cmocka_unit_test(zones_are_the_systems_or_icus),
        cmocka_unit_test(days_end_when_they_do_there),
        cmocka_unit_test(adding_in_pieces_is_adding_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
