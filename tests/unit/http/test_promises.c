/* POST /v1/promises, and reservations made of what it answers. */
#include "front.h"

#include "http/keys.h"

#include <unistd.h>

#define ALL "\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\",\"sa\",\"su\"]"
#define BERLIN \
    "\"time_zone\":\"Europe/Berlin\",\"opening_hours\":[{" ALL ",\"opens\":\"09:00\",\"closes\":\"18:00\"}]"
#define TUESDAY(time) "\"at\":\"2026-11-24T" time "+01:00\""
#define NEAR "\"near\":{\"latitude\":52.5,\"longitude\":13.4}"
#define ONE_A "\"items\":[{\"sku\":\"A\",\"quantity\":1}]"

static void receive(const char *sku, const char *location, const char *quantity)
{
    static unsigned number;
    char event[400];

    snprintf(event, sizeof(event),
             "[{\"id\":\"e%u\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"%s\",\"location\":\"%s\","
             "\"quantity\":%s,"
             "\"occurred_at\":\"2026-11-21T10:00:00Z\"}]",
             number++, sku, location, quantity);
    desk_say(&desk, event);
}

static void expect_supply(const char *sku, const char *location, const char *quantity, const char *reference,
                          const char *expected_at)
{
    static unsigned number;
    char event[500];

    snprintf(event, sizeof(event),
             "[{\"id\":\"i%u\",\"source\":\"s\",\"type\":\"inbound\",\"sku\":\"%s\",\"location\":\"%s\","
             "\"quantity\":%s,"
             "\"reference\":\"%s\",\"expected_at\":\"%s\",\"occurred_at\":\"2026-11-21T10:00:00Z\"}]",
             number++, sku, location, quantity, reference, expected_at);
    desk_say(&desk, event);
}

/* A has 5 in town and 2 in the suburb, 10 at the warehouse, which supplies town within a day. */
static int set_up(void **state)
{
    front_set_up(state);
    put_done("/v1/locations/town",
             "{\"latitude\":52.5,\"longitude\":13.4," BERLIN
             ",\"methods\":{\"pickup\":{\"preparation_minutes\":120},\"same_day\":{\"cut_off\":"
             "\"12:00\",\"radius_km\":10}}}");
    put_done("/v1/locations/suburb",
             "{\"latitude\":52.6,\"longitude\":13.4," BERLIN
             ",\"methods\":{\"pickup\":{\"preparation_minutes\":30,\"cut_off\":\"16:00\","
             "\"last_collection_minutes\":15}}}");
    put_done("/v1/locations/dc",
             "{\"type\":\"warehouse\",\"latitude\":48.1,\"longitude\":11.6,\"time_zone\":\"Europe/Berlin\","
             "\"opening_hours\":[{\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\"],\"opens\":\"06:00\","
             "\"closes\":\"20:00\"}],\"methods\":{\"ship\":{\"preparation_minutes\":60}},\"lanes\":["
             "{\"to\":\"town\",\"days\":1,\"cut_off\":\"15:00\"},{\"to\":\"nowhere\",\"days\":1}]}");
    put_done("/v1/channels/web", "{}");
    receive("A", "town", "5");
    receive("A", "suburb", "2");
    receive("A", "dc", "10");
    return 0;
}

/* ---- options ---- */

/* model.md, Promises: open 9-18, preparation 120. */
static void case_preparation_120(void **state)
{
    expect(post("/v1/promises",
                "{" ONE_A ",\"location\":\"town\",\"method\":\"pickup\"," TUESDAY("07:30:00") "}"),
           200,
           "{\"options\":[{\"method\":\"pickup\",\"location\":\"town\",\"distance_km\":null,\"ready_at\":"
           "\"2026-11-24T10:00:00Z\",\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"location\":\"town\"}],"
           "\"rests_on\":["
           "{\"kind\":\"stock\",\"sku\":\"A\",\"location\":\"town\",\"quantity\":1,\"available\":5,\"by\":"
           "null,");
    expect(post("/v1/promises",
                "{" ONE_A ",\"location\":\"town\",\"method\":\"pickup\"," TUESDAY("15:59:00") "}"),
           200, "\"ready_at\":\"2026-11-24T16:59:00Z\"");
    put_done("/v1/locations/town",
             "{" BERLIN ",\"methods\":{\"pickup\":{\"preparation_minutes\":180}}}"); /* known at once */
    expect(post("/v1/promises",
                "{" ONE_A ",\"location\":\"town\",\"method\":\"pickup\"," TUESDAY("15:59:00") "}"),
           200, "\"ready_at\":\"2026-11-25T08:59:00Z\"");
}

static void what_a_promise_rests_on_is_said(void **state)
{
    expect(post("/v1/promises", "{" ONE_A ",\"location\":\"suburb\"," NEAR "," TUESDAY("16:00:01") "}"), 200,
           ",{\"kind\":\"cut_off\",\"location\":\"suburb\",\"cut_off\":\"16:00\",\"at\":\"2026-11-24T15:00:"
           "00Z\",\"missed\":true},"
           "{\"kind\":\"preparation\",\"location\":\"suburb\",\"minutes\":30,\"starts_at\":\"2026-11-25T08:"
           "00:00Z\"},"
           "{\"kind\":\"opening_hours\",\"location\":\"suburb\",\"time_zone\":\"Europe/Berlin\",\"opens_at\":"
           "\"2026-11-25T08:00:00Z\",\"closes_at\":\"2026-11-25T17:00:00Z\"},"
           "{\"kind\":\"last_collection\",\"location\":\"suburb\",\"minutes\":15,\"at\":\"2026-11-25T16:45:"
           "00Z\"}]}],"
           "\"ordered_at\":\"2026-11-24T15:00:01Z\",\"version\":\"");
    expect(post("/v1/promises", "{" ONE_A ",\"location\":\"suburb\"," NEAR "," TUESDAY("16:00:00") "}"), 200,
           "\"distance_km\":11.12,\"ready_at\":\"2026-11-24T15:30:00Z\"");
}

/* Where the parts of an answer stand; SIZE_MAX: it is not there. */
static size_t place_of(const struct answer *a, const char *part)
{
    const char *at = strstr(a->body, part);
    return at ? (size_t)(at - a->body) : SIZE_MAX;
}

static void the_best_comes_first_and_what_waits_last(void **state)
{
    /* at 10:00: the suburb is ready at 10:30, the warehouse ships at 11:00, town is ready and delivers at
     * 12:00 */
    struct answer a = post("/v1/promises", "{" ONE_A "," NEAR "," TUESDAY("10:00:00") "}");
    size_t suburb = place_of(&a, "\"pickup\",\"location\":\"suburb\""),
           ship = place_of(&a, "\"ship\",\"location\":\"dc\""),
           town = place_of(&a, "\"pickup\",\"location\":\"town\""),
           same = place_of(&a, "\"same_day\",\"location\":\"town\"");
    assert_true(suburb < ship && ship < town && town < SIZE_MAX && same < SIZE_MAX);
    answer_free(&a);
    /* three: the suburb has but two, and gets no more */
    a = post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":3}],\"method\":\"pickup\"," NEAR
                             "," TUESDAY("10:00:00") "}");
    assert_int_equal(place_of(&a, "suburb"), SIZE_MAX);
    assert_true(place_of(&a, "\"location\":\"town\"") < SIZE_MAX);
    answer_free(&a);
    /* so many that the suburb waits for the truck: behind town, though it would be ready sooner */
    expect_supply("A", "suburb", "5", "PO-1", "2026-11-24T10:30:00+01:00");
    a = post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":3}],\"method\":\"pickup\"," NEAR
                             "," TUESDAY("10:00:00") "}");
    town = place_of(&a, "\"location\":\"town\"");
    suburb = place_of(&a, "\"location\":\"suburb\",\"distance_km\":11.12,\"ready_at\":\"2026-11-24T10:00:"
                          "00Z\",\"required_at\":"
                          "\"2026-11-24T09:30:00Z\"");
    assert_true(town < suburb && suburb < SIZE_MAX);
    assert_true(place_of(&a, "{\"kind\":\"incoming\",\"sku\":\"A\",\"location\":\"suburb\",\"reference\":"
                             "\"PO-1\",\"line\":null,"
                             "\"quantity\":5,\"expected_at\":\"2026-11-24T09:30:00Z\"}") < SIZE_MAX);
    answer_free(&a);
}

/* model.md, Available to promise by date: an earlier promise is not eaten. */
static void case_supply_by_date_is_not_promised_twice(void **state)
{
    expect_supply("B", "town", "5", "PO-2", "2026-11-24T00:00:00Z");
    expect_supply("B", "town", "20", "PO-6", "2026-11-28T00:00:00Z");
    receive("B", "town", "10");
    expect(post("/v1/reservations",
                "{\"id\":\"r-4\",\"required_at\":\"2026-11-26T00:00:00Z\",\"items\":[{\"sku\":\"B\","
                "\"quantity\":12,\"location\":\"town\"}]}"),
           201, NULL);
    /* d0 3, d2 3, d4 3, d6 23 */
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"B\",\"quantity\":3}],\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200, "\"ready_at\":\"2026-11-24T11:00:00Z\",\"lines\"");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"B\",\"quantity\":4}],\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200, "\"ready_at\":\"2026-11-28T10:00:00Z\",\"required_at\":\"2026-11-28T00:00:00Z\"");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"B\",\"quantity\":24}],\"location\":\"town\"," TUESDAY(
                                    "10:00:00") "}"),
           200, "{\"options\":[],");
}

/* Supply that did not come in time is no reason for a promise. */
static void what_did_not_come_is_not_rested_on(void **state)
{
    expect_supply("F", "town", "5", "PO-LATE", "2026-11-22T08:00:00Z");
    expect_supply("F", "town", "5", "PO-NEXT", "2026-11-28T08:00:00Z");
    desk.now_us = INT64_C(1795430000000000); /* 2026-11-23T10:33:20Z */
    receive("A", "town", "1");
    struct answer a =
        post("/v1/promises", "{\"items\":[{\"sku\":\"F\",\"quantity\":3}],\"location\":\"town\","
                             "\"method\":\"pickup\"," TUESDAY("10:00:00") "}");
    assert_non_null(strstr(a.body, "\"required_at\":\"2026-11-28T08:00:00Z\""));
    assert_non_null(strstr(a.body, "PO-NEXT"));
    assert_null(strstr(a.body, "PO-LATE"));
    answer_free(&a);
}

static void hours_that_meet_at_midnight_are_one_opening(void **state)
{
    put_done("/v1/locations/town",
             "{\"time_zone\":\"Europe/Berlin\",\"opening_hours\":[{\"days\":[\"mo\"],\"opens\":\"20:00\","
             "\"closes\":\"24:00\"},{\"days\":[\"tu\"],\"opens\":\"00:00\",\"closes\":\"02:00\"}]}");
    expect(post("/v1/promises",
                "{" ONE_A ",\"location\":\"town\",\"method\":\"pickup\"," TUESDAY("00:30:00") "}"),
           200, "\"opens_at\":\"2026-11-23T19:00:00Z\",\"closes_at\":\"2026-11-24T01:00:00Z\"");
}

static void a_lane_brings_what_is_missing(void **state)
{
    /* before 15:00: leaves then, arrives when town opens tomorrow, two hours of preparation */
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":6}],\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200,
           "\"ready_at\":\"2026-11-25T10:00:00Z\",\"lines\":[{\"sku\":\"A\",\"quantity\":6,\"location\":"
           "\"dc\"}]");
    expect(
        post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":6}],\"location\":\"town\",\"method\":"
                             "\"pickup\"," TUESDAY("15:00:01") "}"),
        200,
        "{\"kind\":\"lane\",\"from\":\"dc\",\"to\":\"town\",\"days\":1,\"cut_off\":\"15:00\",\"leaves_at\":"
        "\"2026-11-25T14:00:00Z\",\"arrives_at\":\"2026-11-26T08:00:00Z\"}");
    /* what is there stays there: only what is missing comes */
    receive("C", "dc", "1");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":5},{\"sku\":\"C\",\"quantity\":1}],"
                                "\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200,
           "\"lines\":[{\"sku\":\"A\",\"quantity\":5,\"location\":\"town\"},{\"sku\":\"C\",\"quantity\":1,"
           "\"location\":"
           "\"dc\"}]");
    /* its own supply, when it is sooner; the lane when that is */
    expect_supply("C", "town", "1", "PO-C", "2026-11-24T12:00:00Z");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"C\",\"quantity\":1}],\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200, "\"ready_at\":\"2026-11-24T14:00:00Z\",\"required_at\":\"2026-11-24T12:00:00Z\"");
    expect_supply("C", "town", "1", "PO-C", "2026-12-24T12:00:00Z");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"C\",\"quantity\":1}],\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200,
           "\"ready_at\":\"2026-11-25T10:00:00Z\",\"lines\":[{\"sku\":\"C\",\"quantity\":1,\"location\":"
           "\"dc\"}]");
}

static void a_supplier_that_expects_it_sends_it_then(void **state)
{
    expect_supply("D", "dc", "3", "PO-D", "2026-11-26T09:00:00Z");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"D\",\"quantity\":3}],\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200,
           "\"ready_at\":\"2026-11-27T10:00:00Z\",\"required_at\":\"2026-11-26T09:00:00Z\",\"lines\":[{"
           "\"sku\":\"D\","
           "\"quantity\":3,\"location\":\"dc\"}]");
}

static void same_day_covers_the_point_before_the_cut_off(void **state)
{
    expect(post("/v1/promises", "{" ONE_A ",\"method\":\"same_day\"," NEAR "," TUESDAY("12:00:00") "}"), 200,
           "\"ready_at\":\"2026-11-24T11:00:00Z\"");
    expect(post("/v1/promises", "{" ONE_A ",\"method\":\"same_day\"," NEAR "," TUESDAY("12:00:01") "}"), 200,
           "{\"options\":[],");
    expect(post("/v1/promises",
                "{" ONE_A
                ",\"method\":\"same_day\",\"near\":{\"latitude\":52.589,\"longitude\":13.4}," TUESDAY(
                    "10:00:00") "}"),
           200, "{\"kind\":\"radius\",\"location\":\"town\",\"radius_km\":10}");
    expect(post("/v1/promises",
                "{" ONE_A
                ",\"method\":\"same_day\",\"near\":{\"latitude\":52.591,\"longitude\":13.4}," TUESDAY(
                    "10:00:00") "}"),
           200, "{\"options\":[],");
    expect(post("/v1/promises",
                "{" ONE_A ",\"method\":\"same_day\",\"location\":\"town\"," TUESDAY("10:00:00") "}"),
           200, "{\"options\":[],"); /* nobody knows whether it is in reach */
    /* not on a day on which it is closed, and not tomorrow */
    put_done("/v1/locations/town", "{\"latitude\":52.5,\"longitude\":13.4," BERLIN
                                   ",\"exceptions\":[{\"date\":\"2026-11-24\",\"closed\":true}],"
                                   "\"methods\":{\"same_day\":{\"cut_off\":\"12:00\",\"radius_km\":10}}}");
    expect(post("/v1/promises", "{" ONE_A ",\"method\":\"same_day\"," NEAR "," TUESDAY("10:00:00") "}"), 200,
           "{\"options\":[],");
}

static void items_say_when_and_how_they_go(void **state)
{
    put_done("/v1/items/A",
             "{\"release_at\":\"2026-12-01T00:00:00+01:00\",\"restrictions\":{\"same_day\":false}}");
    expect(post("/v1/promises",
                "{" ONE_A ",\"location\":\"town\",\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200, "\"ready_at\":\"2026-12-01T08:00:00Z\"");
    expect(post("/v1/promises",
                "{" ONE_A ",\"location\":\"town\",\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200, "{\"kind\":\"release\",\"sku\":\"A\",\"release_at\":\"2026-11-30T23:00:00Z\"}");
    put_done("/v1/items/A", "{\"restrictions\":{\"same_day\":false}}");
    expect(post("/v1/promises", "{" ONE_A ",\"method\":\"same_day\"," NEAR "," TUESDAY("10:00:00") "}"), 200,
           "{\"options\":[],");
    expect(post("/v1/promises", "{" ONE_A ",\"method\":\"pickup\"," NEAR "," TUESDAY("10:00:00") "}"), 200,
           "\"town\"");
}

static void kits_and_lines_that_share_a_component(void **state)
{
    put_done("/v1/items/KIT", "{\"components\":[{\"sku\":\"A\",\"quantity\":2}]}");
    expect(
        post("/v1/promises",
             "{\"items\":[{\"sku\":\"KIT\",\"quantity\":2}],\"location\":\"town\"," TUESDAY("10:00:00") "}"),
        200,
        "\"lines\":[{\"sku\":\"KIT\",\"quantity\":2,\"location\":\"town\"}],\"rests_on\":[{\"kind\":"
        "\"stock\",\"sku\":\"A\","
        "\"location\":\"town\",\"quantity\":4,\"available\":5,");
    put_done("/v1/locations/dc", "{\"enabled\":false}");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"KIT\",\"quantity\":2},{\"sku\":\"A\",\"quantity\":1}]"
                                ",\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200, "\"location\":\"town\"");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"KIT\",\"quantity\":2},{\"sku\":\"A\",\"quantity\":2}]"
                                ",\"location\":\"town\","
                                "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
           200, "{\"options\":[],");
}

static void a_channels_rules_hold(void **state)
{
    put_done("/v1/channels/web",
             "{\"rules\":[{\"location\":\"town\",\"buffer\":3},{\"sku\":\"A\",\"location\":"
             "\"suburb\",\"max_per_line\":1,"
             "\"cap\":1}]}");
    expect(post("/v1/promises",
                "{\"items\":[{\"sku\":\"A\",\"quantity\":2}],\"method\":\"pickup\",\"channel\":\"web\"," NEAR
                "," TUESDAY("10:00:00") "}"),
           200, "{\"options\":[{\"method\":\"pickup\",\"location\":\"town\"");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":3}],\"method\":\"pickup\","
                                "\"channel\":\"web\",\"location\":"
                                "\"suburb\"," TUESDAY("10:00:00") "}"),
           200, "{\"options\":[],");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":2}],\"method\":\"pickup\","
                                "\"channel\":\"web\",\"location\":"
                                "\"suburb\"," TUESDAY("10:00:00") "}"),
           200, "{\"options\":[],"); /* more than one may not go into a line */
}

/* ---- reservations of them ---- */

/* The first option as it was given. */
static void take_option(struct answer a, char *out, size_t size)
{
    const char *begin = strstr(a.body, "{\"options\":[{"), *end;
    int depth = 0;

    assert_int_equal(a.status, 200);
    assert_non_null(begin);
    begin += strlen("{\"options\":[");
    for (end = begin; !(*end == '}' && depth == 1); end++)
        depth += (*end == '{') - (*end == '}');
    snprintf(out, size, "%.*s", (int)(end + 1 - begin), begin);
    answer_free(&a);
}

static void reserve_option(const char *id, const char *option, const char *more, int status, const char *part)
{
    static char body[8192];

    snprintf(body, sizeof(body), "{\"id\":\"%s\",\"promise\":%s%s}", id, option, more);
    expect(post("/v1/reservations", body), status, part);
}

static void a_promise_becomes_a_reservation(void **state)
{
    static char option[4096];

    take_option(post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":2}],\"location\":\"town\","
                                     "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
                option, sizeof(option));
    reserve_option("p-1", option, ",\"ttl_seconds\":900", 201, "\"method\":\"pickup\"");
    reserve_option("p-1", option, ",\"ttl_seconds\":900", 200,
                   "\"lines\":[{\"sku\":\"A\",\"location\":\"town\",\"quantity\":2,\"open\":2,\"held\":2,");
    reserve_option("p-1", option, "", 422, NULL); /* another request under its id */
    reserve_option("p-2", option, "", 201, NULL);
    reserve_option("p-3", option, "", 409,
                   "\"shortfalls\":[{\"sku\":\"A\",\"location\":\"town\",\"requested\":2,\"available\":1}]");
}

static void one_over_a_lane_is_held_where_the_goods_are(void **state)
{
    static char option[4096];

    take_option(post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":6}],\"location\":\"town\","
                                     "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
                option, sizeof(option));
    reserve_option("p-1", option, "", 201, "\"method\":null");
    expect(get("/v1/availability/A?location=dc"), 200, "\"available\":4");
    expect_supply("E", "town", "3", "PO-E", "2026-11-26T09:00:00Z");
    take_option(post("/v1/promises", "{\"items\":[{\"sku\":\"E\",\"quantity\":3}],\"location\":\"town\","
                                     "\"method\":\"pickup\"," TUESDAY("10:00:00") "}"),
                option, sizeof(option));
    reserve_option("p-2", option, "", 201, "\"required_at\":\"2026-11-26T09:00:00Z\"");
    reserve_option("p-3", option, "", 409, "\"available\":0"); /* promised once */
}

#define OPTION(more) \
    "{\"method\":\"pickup\",\"location\":\"town\",\"ready_at\":\"2026-11-24T11:00:00Z\"" more "}"
#define LINES ",\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"location\":\"town\"}]"

static void a_promise_that_is_none_is_named(void **state)
{
    reserve_option("p", OPTION(LINES), ",\"items\":[{\"sku\":\"A\",\"quantity\":1,\"location\":\"town\"}]",
                   400,
                   "{\"pointer\":\"/items\",\"detail\":\"does not go with promise, which says its lines\"}");
    reserve_option("p", OPTION(LINES), ",\"required_at\":\"2026-11-26T09:00:00Z\"", 400, "\"/required_at\"");
    reserve_option("p", OPTION(LINES), ",\"method\":\"ship\"", 400,
                   "{\"pointer\":\"/method\",\"detail\":\"must be the promise's");
    reserve_option("p", OPTION(""), "", 400, "{\"pointer\":\"/promise/lines\",\"detail\":\"is required\"}");
    reserve_option("p", OPTION(",\"lines\":[]"), "", 400, "\"/promise/lines\"");
    reserve_option("p", OPTION(",\"lines\":[{\"sku\":\"A\",\"quantity\":0,\"location\":\"town\"}]"), "", 400,
                   "\"/promise/lines/0/quantity\"");
    reserve_option("p", OPTION(LINES ",\"price\":3"), "", 400, "\"/promise/price\"");
    reserve_option("p", "7", "", 400, "{\"pointer\":\"/promise\",\"detail\":\"must be an object\"}");
    reserve_option("p", "{\"location\":\"town\"" LINES "}", "", 400, "\"/promise/method\"");
    expect(post("/v1/reservations", "{\"id\":\"p\"}"), 400,
           "{\"pointer\":\"/items\",\"detail\":\"is required, or promise\"}");
    reserve_option("p", OPTION(LINES), ",\"method\":\"pickup\"", 201, NULL);
}

/* ---- what is asked wrongly ---- */

static void expect_bad(const char *body, const char *pointer)
{
    char part[100];

    snprintf(part, sizeof(part), "{\"pointer\":\"%s\"", pointer);
    expect(post("/v1/promises", body), 400, part);
}

static void every_bad_field_is_named(void **state)
{
    expect_bad("{}", "/items");
    expect_bad("{\"items\":[]," NEAR "}", "/items");
    expect_bad("{" ONE_A "}", "/near");
    expect_bad("[]", "");
    expect_bad("{", "");
    expect_bad("{\"items\":[{\"quantity\":1}]," NEAR "}", "/items/0/sku");
    expect_bad("{\"items\":[{\"sku\":\"A\"}]," NEAR "}", "/items/0/quantity");
    expect_bad("{\"items\":[{\"sku\":\"A\",\"quantity\":0}]," NEAR "}", "/items/0/quantity");
    expect_bad("{\"items\":[{\"sku\":\"A\",\"quantity\":\"1\"}]," NEAR "}", "/items/0/quantity");
    expect_bad("{\"items\":[{\"sku\":\"A\",\"quantity\":1,\"location\":\"x\"}]," NEAR "}",
               "/items/0/location");
    expect_bad("{" ONE_A ",\"near\":{\"latitude\":91,\"longitude\":0}}", "/near/latitude");
    expect_bad("{" ONE_A ",\"near\":{\"latitude\":9}}", "/near/longitude");
    expect_bad("{" ONE_A ",\"near\":{\"latitude\":9,\"longitude\":9,\"within_km\":0}}", "/near/within_km");
    expect_bad("{" ONE_A ",\"near\":\"52,13\"}", "/near");
    expect_bad("{" ONE_A ",\"location\":\"a b\"}", "/location");
    expect_bad("{" ONE_A ",\"location\":\"town\",\"method\":\"drone\"}", "/method");
    expect_bad("{" ONE_A ",\"location\":\"town\",\"channel\":7}", "/channel");
    expect_bad("{" ONE_A ",\"location\":\"town\",\"limit\":21}", "/limit");
    expect_bad("{" ONE_A ",\"location\":\"town\",\"at\":\"2026-11-24\"}", "/at");
    expect_bad("{" ONE_A ",\"location\":\"town\",\"by\":\"2026-11-24\"}", "/by");
    put_done("/v1/items/A", "{\"step\":2}");
    expect_bad("{" ONE_A ",\"location\":\"town\"}", "/items/0/quantity");
    put_done("/v1/items/A", "{}");
    expect(post("/v1/promises", "{" ONE_A ",\"location\":\"mars\"}"), 404,
           "{\"pointer\":\"/location\",\"detail\":\"no location `mars` is known\"}");
    expect(post("/v1/promises", "{\"items\":[{\"sku\":\"A\",\"quantity\":1},{\"sku\":\"Z\",\"quantity\":1}],"
                                "\"location\":\"town\"}"),
           404, "{\"pointer\":\"/items/1/sku\",\"detail\":\"no item `Z` is known\"}");
    expect(post("/v1/promises", "{" ONE_A ",\"location\":\"town\",\"channel\":\"tv\"}"), 400,
           "there is no channel `tv`");
    expect(post("/v1/promises?method=pickup", "{" ONE_A ",\"location\":\"town\"}"), 400, "method");
    expect(post_as("/v1/promises", "Content-Type: text/plain\r\n", "{}"), 415, NULL);
    expect(get("/v1/promises"), 405, NULL);
}

static void the_clock_on_the_wall_says_when_nobody_else_does(void **state)
{
    expect(post("/v1/promises", "{" ONE_A "," NEAR "}"), 200, "\"ordered_at\":\"20");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_preparation_120),
        TEST(what_a_promise_rests_on_is_said),
        TEST(the_best_comes_first_and_what_waits_last),
        TEST(case_supply_by_date_is_not_promised_twice),
        TEST(what_did_not_come_is_not_rested_on),
        TEST(hours_that_meet_at_midnight_are_one_opening),
        TEST(a_lane_brings_what_is_missing),
        TEST(a_supplier_that_expects_it_sends_it_then),
        TEST(same_day_covers_the_point_before_the_cut_off),
        TEST(items_say_when_and_how_they_go),
        TEST(kits_and_lines_that_share_a_component),
        TEST(a_channels_rules_hold),
        TEST(a_promise_becomes_a_reservation),
        TEST(one_over_a_lane_is_held_where_the_goods_are),
        TEST(a_promise_that_is_none_is_named),
        TEST(every_bad_field_is_named),
        TEST(the_clock_on_the_wall_says_when_nobody_else_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
