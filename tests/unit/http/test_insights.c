/* What was asked for and not found: by queries, batches and reservations, told by GET /v1/insights. */
#include "front.h"

#include "core/answer/unmet.h"

#include <unistd.h>

#define AT(hhmm) "\"occurred_at\":\"2026-11-21T" hhmm ":00Z\""

static struct unmet *unmet;

static int set_up(void **state)
{
    front_open(state);
    unmet = unmet_create(1, 24, 64);
    assert_non_null(unmet);
    options.unmet = unmet;
    front_start();
    return 0;
}

static int tear_down(void **state)
{
    front_tear_down(state);
    unmet_destroy(unmet);
    return 0;
}

static void expect_not(struct answer a, const char *part)
{
    assert_null(strstr(a.body, part));
    answer_free(&a);
}

static void stocked(void)
{
    count_at("A", "L1", "2", "08:00");
    count_at("A", "L2", "0", "08:00");
    count_at("B", "L1", "0", "08:00");
    expect(put("/v1/channels/web", "{\"rules\":[{\"sku\":\"B\",\"cap\":0}]}"), 201, "web");
}

static void questions_that_found_nothing_are_told(void **state)
{
    stocked();
    expect(
        get("/v1/insights"), 200,
        "\"total\":{\"times\":0,\"queries\":0,\"reservations\":0,\"stores\":0,\"units\":0},\"error_most\":0,"
        "\"entries\":[],\"found\":0,");
    expect(get("/v1/availability/A?location=L1"), 200, "\"available\":2");
    expect(get("/v1/availability/A"), 200, "\"available\":2");
    expect(get("/v1/insights"), 200, "\"entries\":[],\"found\":0,");
    for (int i = 0; i < 3; i++)
        expect(get("/v1/availability/A?location=L2&channel=web"), 200, "\"available\":0");
    expect(get("/v1/availability/A?location=L1&quantity=5"), 200, "\"locations\":[]");
    expect(get("/v1/availability/B"), 200, "\"available\":0");
    expect(get("/v1/availability/nothing-of-the-kind"), 404, "nothing-of-the-kind");
    expect(get("/v1/insights"), 200,
           "\"entries\":[{\"sku\":\"A\",\"location\":\"L2\",\"channel\":\"web\",\"times\":3,\"queries\":3,"
           "\"reservations\":0,\"stores\":0,\"units\":0},");
    expect(get("/v1/insights"), 200,
           "{\"sku\":\"A\",\"location\":\"L1\",\"channel\":null,\"times\":1,\"queries\":1,\"reservations\":0,"
           "\"stores\":0,\"units\":3}");
    expect(get("/v1/insights"), 200,
           "{\"sku\":\"B\",\"location\":null,\"channel\":null,\"times\":1,\"queries\":1");
    expect_not(get("/v1/insights"), "nothing-of-the-kind");
    expect(get("/v1/insights?limit=1"), 200, "\"units\":0}],\"found\":3,");
}

static void baskets_that_were_refused_are_told(void **state)
{
    stocked();
    expect(post("/v1/reservations", "{\"id\":\"r-1\",\"channel\":\"web\",\"items\":[{\"sku\":\"A\","
                                    "\"quantity\":5,\"location\":\"L1\"},"
                                    "{\"sku\":\"B\",\"quantity\":1,\"location\":\"L1\"}]}"),
           409, "shortfalls");
    expect(post("/v1/reservations",
                "{\"id\":\"r-2\",\"mode\":\"partial\",\"items\":[{\"sku\":\"A\",\"quantity\":5,"
                "\"location\":\"L1\"}]}"),
           201, "\"missing\":[{");
    expect(post("/v1/reservations",
                "{\"id\":\"r-2\",\"mode\":\"partial\",\"items\":[{\"sku\":\"A\",\"quantity\":5,"
                "\"location\":\"L1\"}]}"),
           200, "\"missing\":[{"); /* asked again: told once */
    expect(
        get("/v1/insights?channel=web"), 200,
        "\"sku\":\"A\",\"location\":\"L1\",\"channel\":\"web\",\"times\":1,\"queries\":0,\"reservations\":1,"
        "\"stores\":0,\"units\":3}");
    expect(get("/v1/insights?channel=web&sku=B"), 200, "\"units\":1}],\"found\":1,");
    expect(
        get("/v1/insights?group_by=sku"), 200,
        "\"entries\":[{\"sku\":\"A\",\"times\":2,\"queries\":0,\"reservations\":2,\"stores\":0,\"units\":6},"
        "{\"sku\":\"B\",\"times\":1");
    expect(get("/metrics"), 200, "onhand_unmet_reservations_total 3");
}

static void batches_are_told_item_by_item(void **state)
{
    stocked();
    expect(post("/v1/availability",
                "{\"channel\":\"web\",\"items\":[{\"sku\":\"A\",\"locations\":[\"L2\"]},"
                "{\"sku\":\"A\"},{\"sku\":\"B\",\"locations\":[\"L1\",\"L2\"]},{\"sku\":\"Z\"}]}"),
           200, "items");
    expect(get("/v1/insights?group_by=sku&group_by=location&group_by=hour"), 200, "\"found\":2,");
    expect(get("/v1/insights?location=L2"), 200,
           "\"entries\":[{\"sku\":\"A\",\"location\":\"L2\",\"channel\":\"web\",\"times\":1");
    expect(get("/v1/insights?sku=B"), 200, "\"location\":null");
    expect(get("/v1/insights?group_by=hour"), 200, "\"entries\":[{\"hour\":\"");
    expect(get("/v1/insights?from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z"), 200,
           "\"from\":\"2000-01-01T00:00:00Z\",\"to\":\"2001-01-01T00:00:00Z\"");
    expect(get("/v1/insights?from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z"), 200,
           "\"entries\":[],\"found\":0");
}

static void baskets_that_no_store_has_are_told(void **state)
{
    stocked();
    expect(get("/v1/stores?sku=A&quantity=2"), 200, "\"location\":\"L1\"");
    expect(get("/v1/insights"), 200, "\"found\":0,");
    expect(get("/v1/stores?sku=A&quantity=2&sku=B&quantity=3&channel=web"), 200,
           "\"stores\":[],\"next\":null");
    expect(get("/v1/insights?sku=B"), 200,
           "\"entries\":[{\"sku\":\"B\",\"location\":null,\"channel\":\"web\",\"times\":1,\"queries\":0,"
           "\"reservations\":0,\"stores\":1,\"units\":3}]");
    expect(get("/v1/insights"), 200, "\"stores\":2,\"units\":5},\"error_most\":0");
}

static void questions_about_it_that_are_not_right_are_refused(void **state)
{
    stocked();
    expect(get("/v1/insights?group_by=colour"), 400, "must be sku, location, channel or hour");
    expect(get("/v1/insights?from=yesterday"), 400, "RFC 3339");
    expect(get("/v1/insights?limit=0"), 400, "limit");
    expect(get("/v1/insights?sku=A&sku=B"), 400, "is there twice");
    expect(get("/v1/insights?sku=Q"), 404, "no SKU `Q`");
    expect(get("/v1/insights?location=Q"), 404, "no location `Q`");
    expect(get("/v1/insights?channel=Q"), 400, "there is no channel `Q`");
    expect(get("/v1/insights?colour=red"), 400, "colour");
    options.unmet = NULL;
    front_restart();
    expect(get("/v1/availability/B"), 200, "\"available\":0");
    expect(get("/v1/insights"), 404, "--insights-hours 0");
}

/* More kinds of misses than there is room for. */
static void it_says_how_wrong_it_may_be(void **state)
{
    char target[80], sku[16];
    for (int i = 0; i < 70; i++) {
        snprintf(sku, sizeof(sku), "S%d", i);
        count_at(sku, "L1", "0", "08:00");
    }
    for (int i = 0; i < 140; i++) {
        snprintf(target, sizeof(target), "/v1/availability/S%d", i < 70 ? i : 0);
        expect(get(target), 200, "\"available\":0");
    }
    expect(get("/v1/insights"), 200, "\"total\":{\"times\":140,");
    struct answer a = get("/v1/insights?limit=1000");
    const char *error = strstr(a.body, "\"error_most\":");
    assert_non_null(error);
    int error_most = atoi(error + strlen("\"error_most\":"));
    assert_true(error_most > 0 && error_most < 70);
    const char *first = strstr(a.body, "\"entries\":[{\"sku\":\"S0\"");
    assert_non_null(first);
    int times = atoi(strstr(first, "\"times\":") + strlen("\"times\":"));
    assert_true(times <= 71 && times + error_most >= 71);
    answer_free(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(questions_that_found_nothing_are_told),
        TEST(baskets_that_were_refused_are_told),
        TEST(batches_are_told_item_by_item),
        TEST(baskets_that_no_store_has_are_told),
        TEST(questions_about_it_that_are_not_right_are_refused),
        TEST(it_says_how_wrong_it_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
