/* Channels over HTTP: rules, what is set aside, plans, dates in each place's zone, a basket past its own
 * holds. */
#include "front.h"

#include "http/by.h"

#include <unistd.h>

#define AT(hhmm) "\"occurred_at\":\"2026-11-21T" hhmm ":00Z\""

static void set_aside(const char *id, const char *channel, const char *quantity)
{
    char body[400];
    snprintf(body, sizeof(body),
             "{\"id\":\"%s\",\"source\":\"s\",\"type\":\"allocation\",\"sku\":\"A\",\"location\":\"L1\","
             "\"allocation\":{\"channel\":\"%s\",\"op\":\"set\",\"quantity\":%s}," AT("09:00") "}",
             id, channel, quantity);
    desk_say(&desk, body);
}

static void case_16_groups_of_places(void **state)
{
    count_at("A", "eu-1", "5.5", "08:00");
    count_at("A", "eu-2", "3", "08:00");
    count_at("A", "eu-3", "10", "08:00");
    desk_say(&desk,
             "{\"id\":\"q\",\"source\":\"s\",\"type\":\"status_change\",\"sku\":\"A\",\"location\":\"eu-3\","
             "\"quantity\":10,\"to_status\":\"quarantine\"," AT("09:00") "}");
    count_at("A", "eu-x", "10", "08:00");
    count_at("A", "us-1", "0", "08:00");
    expect(put("/v1/locations/eu-x", "{\"enabled\":false}"), 201, "eu-x");
    expect(put("/v1/groups/eu", "{\"members\":[\"eu-1\",\"eu-2\",\"eu-3\",\"eu-x\"]}"), 201, "eu");
    expect(put("/v1/groups/us", "{\"members\":[\"us-1\"]}"), 201, "us");
    expect(put("/v1/groups/world", "{\"members\":[\"eu\",\"us\"]}"), 201, "world");
    expect(get("/v1/availability/A?group=eu"), 200, "\"available\":8.5,\"level\":\"in_stock\",\"locations\"");
    expect(get("/v1/availability/A?group=us"), 200,
           "\"available\":0,\"level\":\"out_of_stock\",\"locations\"");
    expect(get("/v1/availability/A?group=world"), 200,
           "\"available\":8.5,\"level\":\"in_stock\",\"locations\"");
}

static void case_19_each_channel_its_own_place(void **state)
{
    count_at("A", "L1", "0", "08:00");
    count_at("A", "L2", "10", "08:00");
    expect(put("/v1/channels/a", "{\"rules\":[{\"location\":\"L2\",\"enabled\":false}]}"), 201, "\"rules\"");
    expect(put("/v1/channels/b", "{\"rules\":[{\"location\":\"L1\",\"enabled\":false}]}"), 201, "\"rules\"");
    expect(get("/v1/availability/A?channel=a"), 200, "\"available\":0,\"level\":\"out_of_stock\"");
    expect(get("/v1/availability/A?channel=b"), 200, "\"available\":10,\"level\":\"in_stock\"");
}

static void rules_and_what_is_set_aside_show(void **state)
{
    count_at("A", "L1", "100", "08:00");
    set_aside("al-1", "marketplace", "30");
    expect(put("/v1/channels/web",
               "{\"rules\":[{\"buffer_percent\":5,\"group\":\"none\"},{\"product\":\"shirt\","
               "\"method\":\"ship\",\"buffer\":7},{\"cap\":40}]}"),
           201, "web");
    expect(put("/v1/items/A", "{\"product\":\"shirt\"}"), 201, "shirt");
    expect(get("/v1/availability/A?location=L1&detail=true"), 200,
           "\"allocations\":{\"marketplace\":{\"quantity\":30,\"consumed\":0}},\"oversold\":0");
    expect(get("/v1/availability/A?location=L1"), 200, "\"available\":70");
    expect(get("/v1/availability/A?channel=marketplace"), 200, "\"available\":100");
    expect(get("/v1/availability/A?channel=web"), 200, "\"available\":40");
    expect(get("/v1/availability/A?channel=web&quantity=41"), 200, "\"locations\":[]");
    expect(post("/v1/availability", "{\"channel\":\"web\",\"method\":\"ship\",\"items\":[{\"sku\":\"A\"}]}"),
           200, "\"available\":40");
    expect(get("/v1/rows/A/L1/explain?channel=web&method=ship"), 200,
           "\"rules\":{\"enabled\":true,\"buffer\":7,\"buffer_percent\":0,\"cap\":40,\"max_per_line\":null,"
           "\"safety_stock\":null,\"by_silence\":[]}");
    expect(get("/v1/rows/A/L1/explain?channel=web&method=ship"), 200,
           "{\"name\":\"set_aside\",\"value\":-30,");
    expect(get("/v1/rows/A/L1/explain?channel=web&method=ship"), 200, "{\"name\":\"buffer\",\"value\":-7,");
    expect(get("/v1/rows/A/L1/explain?channel=web&method=ship"), 200, "{\"name\":\"cap\",\"value\":-23,");
    expect(put("/v1/channels/*", "{\"rules\":[{\"buffer\":1}]}"), 201, "*");
    expect(get("/v1/availability/A?location=L1"), 200, "\"available\":69");
}

static void what_an_item_refuses_is_shown_as_nothing(void **state)
{
    count_at("A", "L1", "5", "08:00");
    expect(put("/v1/items/A", "{\"restrictions\":{\"ship\":false,\"pickup\":true}}"), 201, "restrictions");
    expect(get("/v1/availability/A?method=ship"), 200, "\"available\":0,\"level\":\"out_of_stock\"");
    expect(get("/v1/availability/A?method=pickup"), 200, "\"available\":5");
    expect(get("/v1/availability/A"), 200, "\"available\":5");
    expect(get("/v1/rows/A/L1/explain?method=ship"), 200, "the item may not be handed over by this method");
    expect(put("/v1/channels/web", "{\"rules\":[{\"method\":\"ship\",\"buffer\":4},{\"buffer\":1}]}"), 201,
           "web");
    expect(get("/v1/availability/A?channel=web&method=ship"), 200, "\"available\":0");
    expect(get("/v1/availability/A?channel=web"), 200, "\"available\":4"); /* of the methods that are left */
    expect(put("/v1/items/KIT", "{\"components\":[{\"sku\":\"A\",\"quantity\":2}]}"), 201, "KIT");
    expect(get("/v1/availability/KIT?location=L1&method=ship"), 200, "\"available\":0");
    expect(get("/v1/availability/KIT?location=L1&method=pickup"), 200, "\"available\":2");
    expect(put("/v1/items/A", "{\"restrictions\":{\"ship\":false,\"pickup\":false,\"same_day\":false}}"), 200,
           "A");
    expect(get("/v1/availability/A"), 200, "\"available\":0");
}

/* Of what is not there now but may be promised: when it is, if that is known. */
static void a_backorder_says_when(void **state)
{
    desk_say(&desk,
             "[{\"id\":\"b1\",\"source\":\"s\",\"type\":\"setting\",\"sku\":\"A\",\"location\":\"L1\","
             "\"backorder_limit\":5," AT("09:00") "},"
                                                  "{\"id\":\"b2\",\"source\":\"s\",\"type\":\"order_placed\","
                                                  "\"sku\":\"A\",\"location\":\"L1\","
                                                  "\"quantity\":2,\"reference\":\"O-1\"," AT("09:01") "}]");
    expect(get("/v1/availability/A"), 200, "\"level\":\"backorder\",\"locations\"");
    desk_say(
        &desk,
        "[{\"id\":\"b3\",\"source\":\"s\",\"type\":\"inbound\",\"sku\":\"A\",\"location\":\"L1\","
        "\"quantity\":2,\"reference\":\"PO-1\",\"expected_at\":\"2026-11-24T08:00:00Z\"," AT(
            "09:02") "},"
                     "{\"id\":\"b4\",\"source\":\"s\",\"type\":\"inbound\",\"sku\":\"A\",\"location\":\"L1\","
                     "\"quantity\":3,\"reference\":\"PO-2\",\"expected_at\":\"2026-11-25T08:00:00Z\"," AT(
                         "09:02") "},"
                                  "{\"id\":\"b5\",\"source\":\"s\",\"type\":\"inbound\",\"sku\":\"A\","
                                  "\"location\":\"L1\","
                                  "\"quantity\":3,\"reference\":\"PO-3\",\"expected_at\":\"2026-11-26T08:00:"
                                  "00Z\"," AT("09:02") "}]");
    /* the first two only cover what is owed */
    expect(
        get("/v1/availability/A"), 200,
        "\"available\":0,\"level\":\"backorder\",\"available_from\":\"2026-11-25T08:00:00Z\",\"locations\":["
        "{\"location\":\"L1\",\"available\":0,\"level\":\"backorder\",\"available_from\":\"2026-11-25T08:00:"
        "00Z\"}]");
    expect(post("/v1/availability", "{\"items\":[{\"sku\":\"A\"}]}"), 200,
           "\"level\":\"backorder\",\"available_from\":\"2026-11-25T08:00:00Z\",\"locations\"");
    expect(put("/v1/items/KIT", "{\"components\":[{\"sku\":\"A\",\"quantity\":4}]}"), 201, "KIT");
    expect(get("/v1/availability/KIT?location=L1"), 200, "\"level\":\"out_of_stock\"");
    expect(put("/v1/items/KIT", "{\"components\":[{\"sku\":\"A\",\"quantity\":3}]}"), 200, "KIT");
    expect(get("/v1/availability/KIT?location=L1"), 200,
           "\"level\":\"backorder\",\"available_from\":\"2026-11-25T08:00:00Z\"");
    expect(put("/v1/items/A", "{\"release_at\":\"2027-01-01T00:00:00Z\"}"), 201, "A");
    expect(get("/v1/availability/A"), 200,
           "\"level\":\"preorder\",\"available_from\":\"2027-01-01T00:00:00Z\"");
}

static void by_date_counts_what_is_to_come(void **state)
{
    expect(put("/v1/locations/L1", "{\"time_zone\":\"America/New_York\"}"), 201, "L1");
    expect(put("/v1/locations/L2", "{\"time_zone\":\"Asia/Tokyo\"}"), 201, "L2");
    count_at("A", "L1", "1", "08:00");
    count_at("A", "L2", "1", "08:00");
    desk_say(&desk, "[{\"id\":\"i1\",\"source\":\"s\",\"type\":\"inbound\",\"sku\":\"A\",\"location\":\"L1\","
                    "\"quantity\":"
                    "10,\"reference\":\"PO-1\",\"expected_at\":\"2026-11-25T02:00:00Z\"," AT(
                        "09:00") "},"
                                 "{\"id\":\"i2\",\"source\":\"s\",\"type\":\"inbound\",\"sku\":\"A\","
                                 "\"location\":\"L2\",\"quantity\":"
                                 "10,\"reference\":\"PO-1\",\"expected_at\":\"2026-11-25T02:00:00Z\"," AT(
                                     "09:00") "}]");
    expect(get("/v1/availability/A"), 200, "\"available\":2");
    expect(get("/v1/availability/A?by=2026-11-25T02:00:00Z"), 200, "\"available\":22");
    expect(get("/v1/availability/A?by=2026-11-25T01:59:59Z"), 200, "\"available\":2,");
    /* at 2:00 UTC it is the 24th in New York still, and the 25th in Tokyo */
    expect(get("/v1/availability/A?by=2026-11-24"), 200, "{\"location\":\"L1\",\"available\":11");
    expect(get("/v1/availability/A?by=2026-11-24"), 200, "{\"location\":\"L2\",\"available\":1,");
    expect(post("/v1/availability", "{\"by\":\"2026-11-25\",\"items\":[{\"sku\":\"A\"}]}"), 200,
           "\"available\":22");
    expect(get("/v1/rows/A/L1/explain?by=2026-11-24"), 200, "{\"name\":\"to_come\",\"value\":10,");
    expect(get("/v1/rows/A/L1/explain"), 200,
           "\"schedule\":[{\"at\":null,\"incoming\":0,\"demand\":0,\"projected\":1,\"atp\":1},"
           "{\"at\":\"2026-11-25T02:00:00Z\",\"incoming\":10,\"demand\":0,\"projected\":11,\"atp\":11}]");
}

static void a_kit_is_explained_by_its_components(void **state)
{
    count_at("A", "L1", "5", "08:00");
    count_at("B", "L1", "9", "08:00");
    expect(put("/v1/items/KIT",
               "{\"components\":[{\"sku\":\"A\",\"quantity\":2},{\"sku\":\"B\",\"quantity\":1}]}"),
           201, "KIT");
    expect(get("/v1/availability/KIT"), 200, "\"available\":2");
    expect(get("/v1/rows/KIT/L1/explain"), 200,
           "\"terms\":[{\"name\":\"available\",\"value\":2,\"meaning\":\"the least over the components, in "
           "whole "
           "kits\"}],\"components\":[{\"sku\":\"A\",\"quantity\":2,\"available\":5},{\"sku\":\"B\","
           "\"quantity\":1,"
           "\"available\":9}]");
}

static void a_basket_sees_past_its_own_holds(void **state)
{
    count_at("A", "L1", "10", "08:00");
    expect(post("/v1/reservations", "{\"id\":\"r-1\",\"ttl_seconds\":900,\"items\":[{\"sku\":\"A\","
                                    "\"quantity\":4,\"location\":\"L1\"}]}"),
           201, "held");
    expect(get("/v1/availability/A"), 200, "\"available\":6");
    expect(get("/v1/availability/A?reservation=r-1"), 200, "\"available\":10");
    expect(get("/v1/availability/A?reservation=r-2&reservation=r-1"), 200, "\"available\":10");
    expect(post("/v1/availability", "{\"reservation\":[\"r-1\"],\"items\":[{\"sku\":\"A\"}]}"), 200,
           "\"available\":10");
    expect(get("/v1/rows/A/L1/explain?reservation=r-1"), 200, "{\"name\":\"left_out\",\"value\":4,");
    expect(post("/v1/availability", "{\"reservation\":\"r-1\",\"items\":[]}"), 400, "/reservation");
    expect(get("/v1/availability/A?reservation="), 400, "must be a reservation's id");
}

static void model_a_plan_shares_out_what_is_there(void **state)
{
    const char *plan =
        "{\"sku\":\"A\",\"locations\":[\"L1\",\"L2\"],\"shares\":["
        "{\"channel\":\"B\",\"rank\":3,\"percent\":20,\"minimum\":300},"
        "{\"channel\":\"A\",\"rank\":1,\"percent\":40,\"minimum\":100},"
        "{\"channel\":\"C\",\"rank\":4,\"percent\":30},{\"pool\":true,\"rank\":2,\"percent\":10}]}";
    count_at("A", "L1", "1000", "08:00");
    expect(post("/v1/allocations/plan", plan), 200,
           "\"allocations\":[{\"location\":\"L1\",\"channel\":\"A\",\"quantity\":400,\"verdict\":\"applied\","
           "\"previous\":0},"
           "{\"location\":\"L1\",\"channel\":null,\"quantity\":100},"
           "{\"location\":\"L1\",\"channel\":\"B\",\"quantity\":300,\"verdict\":\"applied\",\"previous\":0},"
           "{\"location\":\"L1\",\"channel\":\"C\",\"quantity\":200,\"verdict\":\"applied\",\"previous\":0},"
           "{\"location\":\"L2\",\"channel\":\"A\",\"quantity\":0,\"verdict\":\"applied\",\"previous\":0}");
    expect(get("/v1/availability/A?location=L1"), 200, "\"available\":100");
    expect(get("/v1/availability/A?location=L1&channel=B"), 200, "\"available\":400");
    expect(post("/v1/allocations/plan", plan), 200,
           "\"channel\":\"A\",\"quantity\":400,\"verdict\":\"applied\"");
    expect(get("/v1/availability/A?location=L1"), 200, "\"available\":100");
}

static void a_plan_under_an_id_is_set_once(void **state)
{
    const char *plan =
        "{\"id\":\"week-47\",\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"web\","
        "\"percent\":50}]}";
    count_at("A", "L1", "10", "08:00");
    expect(post("/v1/allocations/plan", plan), 200, "\"quantity\":5,\"verdict\":\"applied\"");
    desk_say(
        &desk,
        "{\"id\":\"s1\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"L1\",\"quantity\":2,"
        "\"channel\":\"web\",\"occurred_at\":\"2026-11-21T10:06:00Z\"}");
    expect(post("/v1/allocations/plan", plan), 200, "\"verdict\":\"duplicate\"");
    expect(get("/v1/availability/A?detail=true"), 200, "{\"web\":{\"quantity\":5,\"consumed\":2}}");
}

static void a_dry_run_sets_nothing(void **state)
{
    const char *plan =
        "{\"dry_run\":true,\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"web\","
        "\"percent\":50}]}";
    count_at("A", "L1", "10", "08:00");
    expect(post("/v1/allocations/plan", plan), 200,
           "{\"location\":\"L1\",\"channel\":\"web\",\"quantity\":5,\"previous\":0}],\"dry_run\":true}");
    expect(get("/v1/availability/A?location=L1&detail=true"), 200, "\"allocations\":{}");
}

static void plans_that_are_not_right_are_refused(void **state)
{
    static const struct {
        const char *body, *part;
    } rows[] = {
        {"[]", "must be an object"},
        {"{}", "\"pointer\":\"/sku\",\"detail\":\"must be there\""},
        {"{\"sku\":\"A\",\"locations\":[],\"shares\":[]}", "\"pointer\":\"/locations\""},
        {"{\"sku\":\"A\",\"locations\":[\"L1\",\"L1\"],\"shares\":[{\"pool\":true}]}",
         "names a location twice"},
        {"{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{}]}", "\"pointer\":\"/shares/0\""},
        {"{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\",\"pool\":true}]}",
         "either a channel"},
        {"{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\"},{\"channel\":\"a\"}]}",
         "second share"},
        {"{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\",\"percent\":101}]}",
         "/shares/0/percent"},
        {"{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\",\"rank\":1.5}]}",
         "/shares/0/rank"},
        {"{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\",\"minimum\":-1}]}",
         "/shares/0/minimum"},
        {"{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\",\"colour\":1}]}",
         "/shares/0/colour"},
        {"{\"sku\":\"A\",\"dry_run\":1}", "\"pointer\":\"/dry_run\""},
        {"{\"sku\":\"A\",\"colour\":1}", "\"pointer\":\"/colour\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(post("/v1/allocations/plan", rows[i].body), 400, rows[i].part);
    expect(post("/v1/allocations/plan",
                "{\"sku\":\"A\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\"}]}"),
           404, "no SKU `A`");
    expect(put("/v1/items/KIT", "{\"components\":[{\"sku\":\"A\",\"quantity\":1}]}"), 201, "KIT");
    expect(post("/v1/allocations/plan",
                "{\"sku\":\"KIT\",\"locations\":[\"L1\"],\"shares\":[{\"channel\":\"a\"}]}"),
           422, "is a kit");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_16_groups_of_places),
        TEST(case_19_each_channel_its_own_place),
        TEST(rules_and_what_is_set_aside_show),
        TEST(what_an_item_refuses_is_shown_as_nothing),
        TEST(a_backorder_says_when),
        TEST(by_date_counts_what_is_to_come),
        TEST(a_kit_is_explained_by_its_components),
        TEST(a_basket_sees_past_its_own_holds),
        TEST(model_a_plan_shares_out_what_is_there),
        TEST(a_dry_run_sets_nothing),
        TEST(a_plan_under_an_id_is_set_once),
        TEST(plans_that_are_not_right_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
