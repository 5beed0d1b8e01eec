/* /v1/reservations over real sockets and the real state: shapes, statuses, places, keys; and what the writer
 * is asked about demand. */
#include "front.h"

#include "base/error.h"
#include "http/keys.h"

#include <unistd.h>

#define AT "\"occurred_at\":\"2026-11-21T10:00:00Z\""
#define ITEM(sku, quantity, location) \
    "{\"sku\":\"" sku "\",\"quantity\":" quantity ",\"location\":\"" location "\"}"

/* A has 5 at near-1, 2 at near-2 and 10 far away. */
static int set_up(void **state)
{
    front_set_up(state);
    put_new("/v1/locations/near-1", "{\"latitude\":52.5,\"longitude\":13.4}");
    put_new("/v1/locations/near-2", "{\"latitude\":52.6,\"longitude\":13.4}");
    put_new("/v1/locations/far", "{\"latitude\":48.1,\"longitude\":11.6}");
    put_new("/v1/groups/berlin", "{\"members\":[\"near-2\",\"near-1\"]}");
    put_new("/v1/groups/nobody", "{\"members\":[]}");
    put_new("/v1/channels/web", "{}");
    desk_say(&desk,
             "[{\"id\":\"a1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"near-1\","
             "\"quantity\":5," AT "},"
             "{\"id\":\"a2\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"near-2\","
             "\"quantity\":2," AT "},"
             "{\"id\":\"a3\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"far\","
             "\"quantity\":10," AT "}]");
    return 0;
}

static struct answer reserve(const char *id, const char *rest)
{
    char body[2000];

    snprintf(body, sizeof(body), "{\"id\":\"%s\",%s}", id, rest);
    return post("/v1/reservations", body);
}

static void creation_has_the_shape_of_the_contract(void **state)
{
    struct answer a =
        reserve("r-1", "\"channel\":\"web\",\"method\":\"pickup\",\"reference\":\"ORD-77\","
                       "\"ttl_seconds\":900,\"mode\":\"all\",\"items\":[" ITEM("A", "2", "near-1") "]");
    assert_string_equal(
        a.body,
        "{\"id\":\"r-1\",\"state\":\"held\",\"channel\":\"web\",\"method\":\"pickup\",\"reference\":"
        "\"ORD-77\",\"expires_at\":\"2026-11-21T10:20:00.000010Z\",\"required_at\":null,\"mode\":\"all\","
        "\"revived\":false,\"created_at\":\"2026-11-21T10:05:00.000010Z\",\"changed_at\":\"2026-11-21T10:"
        "05:00.000010Z\",\"ended_at\":null,\"changed_version\":\"1795219200000042:10\","
        "\"lines\":[{\"sku\":\"A\",\"location\":\"near-1\",\"quantity\":2,\"open\":2,\"held\":2,"
        "\"committed\":0,\"gone\":0}],\"missing\":[],\"version\":\"1795219200000042:10\"}");
    expect(a, 201, NULL);
    expect(get("/v1/reservations/r-1"), 200,
           ",\"missing\":[],\"version\":\"1795219200000042:10\",\"as_of\":\"");
    expect(get("/v1/reservations?reference=ORD-77"), 200, "{\"reservations\":[{\"id\":\"r-1\",");
    expect(get("/v1/reservations?reference=none"), 200, "{\"reservations\":[],\"next\":null,");
    expect(get("/v1/reservations"), 400, "reservations are listed by reference");
    expect(get("/v1/reservations/r-2"), 404, "no reservation `r-2` is known");
    expect(get("/v1/reservations/r-1?min_version=x"), 400, "min_version");
}

/* Whatever its white space and order; another one under a granted id is none. */
static void the_same_request_is_known_again(void **state)
{
    expect(reserve("r-1", "\"ttl_seconds\":900,\"items\":[" ITEM("A", "2", "near-1") "]"), 201, NULL);
    expect(post("/v1/reservations",
                "{ \"items\" : [ {\"location\":\"near-1\", \"quantity\":2.0,\"sku\":\"\\u0041\"} ],\n"
                "\"id\":\"r-1\",\"ttl_seconds\":900 }"),
           200, "\"changed_version\":\"1795219200000042:10\"");
    expect(reserve("r-1", "\"ttl_seconds\":901,\"items\":[" ITEM("A", "2", "near-1") "]"), 422,
           "\"reason\":\"conflict\",\"errors\":[{\"pointer\":\"/id\"");
}

static void a_refusal_names_each_shortfall_and_frees_the_id(void **state)
{
    expect(reserve("r-1", "\"items\":[" ITEM("A", "5.5", "near-1") "," ITEM("A", "2", "near-2") "]"), 409,
           "\"reason\":\"insufficient\",\"shortfalls\":[{\"sku\":\"A\",\"location\":\"near-1\",\"requested\":"
           "5.5,"
           "\"available\":5}]");
    expect(get("/v1/reservations/r-1"), 404, NULL);
    expect(reserve("r-1", "\"items\":[" ITEM("A", "5", "near-1") "]"), 201, NULL);
}

static void partial_takes_what_there_is_and_says_what_is_missing(void **state)
{
    expect(reserve("r-1", "\"mode\":\"partial\",\"items\":[" ITEM("A", "7", "near-1") "]"), 201,
           "\"missing\":[{\"sku\":\"A\",\"location\":\"near-1\",\"quantity\":2}]");
}

static void places_are_resolved_in_their_order(void **state)
{
    /* the group's order, not the alphabet's */
    expect(reserve("g", "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"group\":\"berlin\"}]"), 201,
           "\"location\":\"near-2\"");
    /* the nearest that can give the whole line */
    expect(
        reserve("n",
                "\"items\":[{\"sku\":\"A\",\"quantity\":2,\"near\":{\"latitude\":52.6,\"longitude\":13.4}}]"),
        201, "\"location\":\"near-1\"");
    expect(reserve("s", "\"items\":[{\"sku\":\"A\",\"quantity\":4,\"split\":true,\"near\":{\"latitude\":52.6,"
                        "\"longitude\":13.4,\"within_km\":50}}]"),
           201, "[{\"sku\":\"A\",\"location\":\"near-2\",\"quantity\":1,");
    expect(reserve("w",
                   "\"items\":[{\"sku\":\"A\",\"quantity\":4,\"near\":{\"latitude\":52.6,\"longitude\":13.4,"
                   "\"within_km\":50}}]"),
           409, "insufficient");
    expect(reserve("c", "\"items\":[{\"sku\":\"A\",\"quantity\":4,\"candidates\":[\"near-1\",\"far\"]}]"),
           201, "\"location\":\"far\"");
    /* nothing there to ask */
    expect(reserve("x", "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"group\":\"none\"}]"), 400,
           "{\"pointer\":\"/items/0/group\",\"detail\":\"there is no group `none`\"}");
    expect(reserve("x", "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"group\":\"nobody\"}]"), 422,
           "has no location that could give anything");
    expect(reserve("x", "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"near\":{\"latitude\":0,\"longitude\":0,"
                        "\"within_km\":1}}]"),
           422, "/items/0/near");
    /* what was granted is known again, whatever became of its group */
    expect(delete_at("/v1/groups/berlin"), 204, NULL);
    expect(reserve("g", "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"group\":\"berlin\"}]"), 200,
           "\"location\":\"near-2\"");
}

static void steps_lead_where_they_lead(void **state)
{
    expect(reserve("r-1", "\"items\":[" ITEM("A", "3", "near-1") "]"), 201, NULL);
    expect(post("/v1/reservations/r-1/extend", "{\"expires_at\":\"2026-11-21T12:00:00Z\"}"), 200,
           "\"expires_at\":\"2026-11-21T12:00:00Z\"");
    expect(post("/v1/reservations/r-1/confirm", "{}"), 200, "\"state\":\"confirmed\"");
    expect(post_as("/v1/reservations/r-1/confirm", "", NULL), 200, NULL);
    expect(post("/v1/reservations/r-1/release", "{}"), 409, "\"reason\":\"state\",\"state\":\"confirmed\"");
    expect(post("/v1/reservations/r-1/fulfil", "{\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}"), 422,
           "\"reason\":\"step_id_needed\"");
    expect(post("/v1/reservations/r-1/fulfil",
                "{\"step_id\":\"p1\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}"),
           200, "\"gone\":1");
    expect(post("/v1/reservations/r-1/fulfil",
                "{\"step_id\":\"p1\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}"),
           200, "\"gone\":1");
    expect(post("/v1/reservations/r-1/cancel", "{}"), 200, "\"state\":\"cancelled\"");
    expect(post("/v1/reservations/none/confirm", "{}"), 404, "\"reason\":\"unknown_reservation\"");
    expect(post("/v1/reservations/r-1/ship", "{}"), 404, NULL);
    expect(post("/v1/reservations/r-1/confirm", "{\"colour\":1}"), 400, "/colour");
    expect(post_as("/v1/reservations", "Content-Type: text/plain\r\n", "{}"), 415, NULL);
    expect(post("/v1/reservations?x=1", "{}"), 400, "is not a parameter here");
}

static void what_is_open_goes_to_other_quantities_and_places(void **state)
{
    expect(reserve("r-1", "\"items\":[" ITEM("A", "3", "near-1") "]"), 201, NULL);
    expect(post("/v1/reservations/r-1/change", "{\"items\":[" ITEM("A", "5", "near-1") "]}"), 200,
           "\"quantity\":5,\"open\":5");
    expect(post("/v1/reservations/r-1/change", "{\"items\":[" ITEM("A", "6", "near-1") "]}"), 409,
           "\"requested\":6,\"available\":5}");
    expect(post("/v1/reservations/r-1/move", "{\"from\":\"near-1\",\"to\":\"near-2\"}"), 409,
           "\"reason\":\"insufficient\"");
    expect(post("/v1/reservations/r-1/move", "{\"from\":\"near-1\",\"to\":\"far\"}"), 200,
           "{\"sku\":\"A\",\"location\":\"far\",\"quantity\":5,\"open\":5,");
    expect(get("/v1/availability/A?location=near-1&location=far"), 200,
           "[{\"location\":\"near-1\",\"available\":5,\"level\":\"in_stock\"},{\"location\":\"far\","
           "\"available\":5,");
}

/* An order that is taken as a whole; a sale that must not oversell. */
static void a_reservation_may_begin_confirmed_or_fulfilled(void **state)
{
    expect(reserve("o", "\"state\":\"confirmed\",\"items\":[" ITEM("A", "1", "near-1") "]"), 201,
           "\"state\":\"confirmed\"");
    expect(reserve("s", "\"state\":\"fulfilled\",\"items\":[" ITEM("A", "1", "near-1") "]"), 201,
           "\"state\":\"fulfilled\"");
    expect(get("/v1/availability/A?location=near-1&detail=true"), 200, "\"on_hand\":4,");
    expect(reserve("t", "\"state\":\"fulfilled\",\"items\":[" ITEM("A", "4", "near-1") "]"), 409,
           "insufficient");
}

static void an_etag_is_of_the_reservation_not_of_its_moment(void **state)
{
    expect(reserve("r-1", "\"items\":[" ITEM("A", "1", "near-1") "]"), 201, NULL);
    struct answer a = get("/v1/reservations/r-1");
    char *tag = head_value(a.head, "ETag"), line[100];
    answer_free(&a);
    expect(reserve("r-2", "\"items\":[" ITEM("A", "1", "near-1") "]"), 201, NULL);
    snprintf(line, sizeof(line), "If-None-Match: %s\r\n", tag);
    expect(get_as("/v1/reservations/r-1", line), 304, NULL);
    expect(post("/v1/reservations/r-1/confirm", "{}"), 200, NULL);
    expect(get_as("/v1/reservations/r-1", line), 200, NULL);
    free(tag);
}

/* ---- what the writer is asked ---- */

static void demand_is_listed_oldest_first(void **state)
{
    expect(
        reserve("r-1", "\"channel\":\"web\",\"reference\":\"O-1\",\"items\":[" ITEM("A", "1", "near-1") "]"),
        201, NULL);
    expect(reserve("r-2", "\"items\":[" ITEM("A", "2", "near-1") "]"), 201, NULL);
    desk_say(
        &desk,
        "[{\"id\":\"o\",\"source\":\"s\",\"type\":\"order_placed\",\"sku\":\"A\",\"location\":\"near-1\","
        "\"quantity\":1,\"reference\":\"O-9\",\"line\":\"2\"," AT "}]");
    struct answer a = get("/v1/rows/A/near-1/demand");
    static const char expected[] =
        "{\"sku\":\"A\",\"location\":\"near-1\",\"held\":3,\"committed\":1,\"demand\":["
        "{\"reference\":\"O-9\",\"line\":\"2\",\"reservations\":[],\"channel\":null,\"held\":0,\"committed\":"
        "1,"
        "\"required_at\":null,\"since\":\"2026-11-21T10:00:00Z\"},"
        "{\"reference\":\"O-1\",\"line\":null,\"reservations\":[\"r-1\"],\"channel\":\"web\",\"held\":1,"
        "\"committed\":0,"
        "\"required_at\":null,\"since\":\"2026-11-21T10:05:00.000010Z\"},"
        "{\"reference\":null,\"line\":null,\"reservations\":[\"r-2\"],\"channel\":null,\"held\":2,"
        "\"committed\":0,"
        "\"required_at\":null,\"since\":\"2026-11-21T10:05:00.000011Z\"}],\"next\":null,";
    if (strncmp(a.body, expected, strlen(expected)))
        fail_msg("%s", a.body);
    expect(a, 200, NULL);
    /* a page at a time */
    a = get("/v1/rows/A/near-1/demand?limit=2");
    char *next = strstr(a.body, "\"next\":\""), target[200];
    assert_non_null(next);
    next += strlen("\"next\":\"");
    snprintf(target, sizeof(target), "/v1/rows/A/near-1/demand?after=%.*s", (int)strcspn(next, "\""), next);
    expect(a, 200, NULL);
    expect(get(target), 200, "\"demand\":[{\"reference\":null,\"line\":null,\"reservations\":[\"r-2\"]");
    expect(get("/v1/rows/A/near-1/demand?after=x"), 400, "must be `next` of the page before");
    expect(get("/v1/rows/A/nowhere/demand"), 404, NULL);
    expect(get("/v1/rows/B/near-1/demand"), 404, NULL);
}

static void the_newest_demand_is_short_first(void **state)
{
    expect(get("/v1/shortfalls"), 200, "{\"shortfalls\":[],\"next\":null,");
    expect(reserve("r-1", "\"state\":\"confirmed\",\"items\":[" ITEM("A", "3", "near-1") "]"), 201, NULL);
    expect(reserve("r-2", "\"state\":\"confirmed\",\"items\":[" ITEM("A", "2", "near-1") "]"), 201, NULL);
    desk_say(
        &desk,
        "[{\"id\":\"c\",\"source\":\"s\",\"type\":\"count\",\"sku\":\"A\",\"location\":\"near-1\","
        "\"quantity\":2,\"as_of\":\"2026-11-21T10:05:00.1Z\",\"occurred_at\":\"2026-11-21T10:05:00.1Z\"}]");
    expect(get("/v1/shortfalls"), 200,
           "{\"shortfalls\":[{\"sku\":\"A\",\"location\":\"near-1\",\"oversold\":3,\"demand\":[{"
           "\"reference\":null,"
           "\"line\":null,\"reservations\":[\"r-2\"],\"channel\":null,\"short\":2,");
    expect(get("/v1/shortfalls"), 200, "\"reservations\":[\"r-1\"],\"channel\":null,\"short\":1,");
    /* and shrink when stock comes */
    desk_say(&desk,
             "[{\"id\":\"d\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"near-1\","
             "\"quantity\":2,\"occurred_at\":\"2026-11-21T10:05:00.2Z\"}]");
    expect(get("/v1/shortfalls"), 200,
           "\"oversold\":1,\"demand\":[{\"reference\":null,\"line\":null,\"reservations\":"
           "[\"r-2\"],\"channel\":null,\"short\":1,");
    expect(get("/v1/shortfalls?after=5"), 400, "must be `next`");
    expect(get("/v1/shortfalls?limit=1"), 200, "\"oversold\":1");
}

/* ---- keys ---- */

static void keys_reserve_where_and_as_whom_they_may(void **state)
{
    char any[KEY_HEADERS_BYTES], web[KEY_HEADERS_BYTES], reader[KEY_HEADERS_BYTES];

    new_key(SCOPE_RESERVE, NULL, NULL, 0, JSON, any);
    new_key(SCOPE_RESERVE, "web", "near-1,near-2", 0, JSON, web);
    new_key(SCOPE_READ, NULL, NULL, 0, JSON, reader);
    front_restart();
    expect(post_as("/v1/reservations", reader, "{}"), 403, "scope reserve");
    expect(post_as("/v1/reservations", any, "{\"id\":\"a\",\"items\":[" ITEM("A", "1", "far") "]}"), 201,
           NULL);
    /* its own channel, without saying it */
    expect(post_as("/v1/reservations", web, "{\"id\":\"w\",\"items\":[" ITEM("A", "1", "near-1") "]}"), 201,
           "\"channel\":\"web\"");
    expect(post_as("/v1/reservations", web,
                   "{\"id\":\"x\",\"channel\":\"shop\",\"items\":[" ITEM("A", "1", "near-1") "]}"),
           403, "other channels");
    expect(post_as("/v1/reservations", web, "{\"id\":\"x\",\"items\":[" ITEM("A", "1", "far") "]}"), 403,
           "other locations than far");
    expect(
        post_as(
            "/v1/reservations", web,
            "{\"id\":\"x\",\"items\":[{\"sku\":\"A\",\"quantity\":1,\"candidates\":[\"near-1\",\"far\"]}]}"),
        403, "other locations than far");
    /* near it finds its own only: 6 are left of them, not 10 */
    expect(post_as(
               "/v1/reservations", web,
               "{\"id\":\"x\",\"items\":[{\"sku\":\"A\",\"quantity\":9,\"split\":true,\"near\":{\"latitude\":"
               "48.1,"
               "\"longitude\":11.6}}]}"),
           409, "\"available\":6}");
    /* what is another's is not there */
    expect(get_as("/v1/reservations/a", web), 404, NULL);
    expect(post_as("/v1/reservations/a/release", web, "{}"), 404, NULL);
    expect(post_as("/v1/reservations/w/move", web, "{\"from\":\"near-1\",\"to\":\"far\"}"), 403, "far");
    expect(post_as("/v1/reservations/w/release", web, "{}"), 200, "\"state\":\"released\"");
    expect(get_as("/v1/reservations/w", any), 200, NULL);
    expect(get_as("/v1/rows/A/near-1/demand", reader), 200, "\"demand\":[]");
}

/* ---- when the log does not take it ---- */

static void a_full_log_and_a_silent_one_are_said(void **state)
{
    desk_refuse(&desk, ERROR_BUSY);
    expect(reserve("r-1", "\"items\":[" ITEM("A", "1", "near-1") "]"), 429, "nothing was written");
    desk_refuse(&desk, ERROR_UNAVAILABLE);
    expect(reserve("r-1", "\"items\":[" ITEM("A", "1", "near-1") "]"), 503, "nothing was written");
    expect(get("/v1/rows/A/near-1/demand"), 503, "the writer does not answer now");
    expect(get("/v1/shortfalls"), 503, "the writer does not answer now");
    desk_refuse(&desk, 0);
    expect(reserve("r-1", "\"items\":[" ITEM("A", "1", "near-1") "]"), 201, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(creation_has_the_shape_of_the_contract),
        TEST(the_same_request_is_known_again),
        TEST(a_refusal_names_each_shortfall_and_frees_the_id),
        TEST(partial_takes_what_there_is_and_says_what_is_missing),
        TEST(places_are_resolved_in_their_order),
        TEST(steps_lead_where_they_lead),
        TEST(what_is_open_goes_to_other_quantities_and_places),
        TEST(a_reservation_may_begin_confirmed_or_fulfilled),
        TEST(an_etag_is_of_the_reservation_not_of_its_moment),
        TEST(demand_is_listed_oldest_first),
        TEST(the_newest_demand_is_short_first),
        TEST(keys_reserve_where_and_as_whom_they_may),
        TEST(a_full_log_and_a_silent_one_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
