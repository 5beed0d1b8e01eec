/* The variants of a product over HTTP. */
#include "front.h"

static void variant(const char *sku, const char *product, const char *colour, const char *size)
{
    char target[100], body[300];

    snprintf(target, sizeof(target), "/v1/items/%s", sku);
    snprintf(body, sizeof(body),
             "{\"name\":\"Shoe %s\",\"product\":\"%s\",\"options\":{\"colour\":\"%s\",\"size\":\"%s\"}}", sku,
             product, colour, size);
    put_done(target, body);
}

static void open_shop(void)
{
    put_done("/v1/locations/A", "{\"latitude\":0,\"longitude\":1,\"methods\":{\"pickup\":{}}}");
    put_done("/v1/locations/B", "{\"latitude\":0,\"longitude\":2,\"methods\":{\"ship\":{}}}");
    put_done("/v1/locations/C", "{\"latitude\":0,\"longitude\":3}"); /* has none of it */
    put_done("/v1/groups/G", "{\"members\":[\"B\",\"C\"]}");
    put_done("/v1/channels/web", "{\"low_threshold\":3,\"rules\":[{\"buffer\":1}]}");
    variant("w10", "shoe", "white", "10");
    variant("b9", "shoe", "black", "9");
    variant("b10", "shoe", "black", "10");
    variant("other", "boot", "black", "10");
    count_at("w10", "A", "5", "10:00");
    count_at("w10", "B", "2", "10:00");
    count_at("b9", "B", "3", "10:00");
    count_at("other", "A", "100", "10:00");
}

/* The SKUs of an answer in their order, each with what is available. */
static void expect_variants(const char *query, const char *variants)
{
    char target[300], found[1000] = "";

    snprintf(target, sizeof(target), "/v1/products/shoe/availability%s", query);
    struct answer a = get(target);
    if (a.status != 200)
        fail_msg("%s: %s", target, a.body);
    for (const char *at = a.body; (at = strstr(at, "{\"sku\":\"")); at++) {
        const char *sku = at + 8, *available = strstr(at, "\"available\":") + 12;
        sprintf(found + strlen(found), "%s%.*s=%.*s", *found ? " " : "", (int)strcspn(sku, "\""), sku,
                (int)strcspn(available, ","), available);
    }
    assert_string_equal(found, variants);
    answer_free(&a);
}

static void the_matrix_is_there_in_one_call(void **state)
{
    open_shop();
    expect(get("/v1/products/shoe/availability"), 200, "{\"product\":\"shoe\",\"channel\":null,\"version\":");
    expect(get("/v1/products/shoe/availability"), 200,
           "\"available\":10,\"level\":\"in_stock\",\"options\":[{\"name\":\"colour\",\"values\":[\"black\","
           "\"white\"]},"
           "{\"name\":\"size\",\"values\":[\"9\",\"10\"]}],\"variants\":["
           "{\"sku\":\"b9\",\"name\":\"Shoe "
           "b9\",\"options\":{\"colour\":\"black\",\"size\":\"9\"},\"available\":3,"
           "\"level\":\"in_stock\"},"
           "{\"sku\":\"b10\",\"name\":\"Shoe "
           "b10\",\"options\":{\"colour\":\"black\",\"size\":\"10\"},\"available\":0,"
           "\"level\":\"out_of_stock\"},"
           "{\"sku\":\"w10\",\"name\":\"Shoe "
           "w10\",\"options\":{\"colour\":\"white\",\"size\":\"10\"},\"available\":7,"
           "\"level\":\"in_stock\"}]}");
}

static void it_is_narrowed_like_any_availability(void **state)
{
    open_shop();
    expect_variants("", "b9=3 b10=0 w10=7");
    expect_variants("?location=A", "b9=0 b10=0 w10=5");
    expect_variants("?location=A&location=B", "b9=3 b10=0 w10=7");
    expect_variants("?group=G", "b9=3 b10=0 w10=2");
    expect_variants("?near=0,0&limit=1", "b9=0 b10=0 w10=5");
    expect_variants("?near=0,3&limit=1", "b9=3 b10=0 w10=2"); /* C carries none of them */
    expect_variants("?near=0,0&within_km=200", "b9=0 b10=0 w10=5");
    expect_variants("?channel=web", "b9=2 b10=0 w10=5");
    expect_variants("?method=pickup", "b9=0 b10=0 w10=5");
    expect_variants("?quantity=3", "b9=3 b10=0 w10=5");
    expect_variants("?by=2026-12-24", "b9=3 b10=0 w10=7");
    expect(get("/v1/products/shoe/availability?location=A"), 200,
           "\"level\":\"in_stock\",\"locations\":[{\"location\":\"A\",\"available\":5,\"level\":\"in_stock\"}"
           "]}]}");
    expect(get("/v1/products/shoe/availability?near=0,0&limit=1"), 200,
           "\"locations\":[{\"location\":\"A\",\"available\":5,\"level\":\"in_stock\",\"distance_km\":111."
           "195}]}");
    expect(get("/v1/products/shoe/availability?detail=true"), 200, "\"on_hand\":3,");
    expect(get("/v1/products/shoe/availability?channel=web&location=B"), 200, "\"level\":\"low_stock\"");
}

#define OFFER(available, level, place)                                              \
    "\"offers\":[{\"@type\":\"Offer\",\"availability\":\"https://schema.org/" level \
    "\",\"inventoryLevel\":{\"@type\":\"QuantitativeValue\",\"value\":" available   \
    "},\"availableAtOrFrom\":{\"@type\":\"Store\",\"branchCode\":\"" place "\"}}]}"

static void it_is_told_in_schema_orgs_words(void **state)
{
    open_shop();
    expect(get("/v1/products/shoe/jsonld?location=B&channel=web"), 200,
           "{\"@context\":\"https://schema.org\",\"@type\":\"ProductGroup\",\"productGroupID\":\"shoe\","
           "\"name\":\"Shoe w10\",\"variesBy\":[\"https://schema.org/color\",\"https://schema.org/size\"],"
           "\"hasVariant\":[{\"@type\":\"Product\",\"sku\":\"b9\",\"name\":\"Shoe b9\",\"color\":\"black\","
           "\"size\":\"9\"," OFFER(
               "2", "LimitedAvailability",
               "B") ",{\"@type\":\"Product\","
                    "\"sku\":\"b10\",\"name\":\"Shoe b10\",\"color\":\"black\",\"size\":\"10\"," OFFER(
                        "0", "OutOfStock", "B") ","
                                                "{\"@type\":\"Product\",\"sku\":\"w10\",\"name\":\"Shoe "
                                                "w10\",\"color\":\"white\",\"size\":\"10\"," OFFER(
                                                    "1", "LimitedAvailability", "B") "]}");
    expect(get("/v1/products/boot/jsonld"), 200,
           "\"productGroupID\":\"boot\",\"name\":\"Shoe other\",\"hasVariant\":[");
    expect(get("/v1/products/hat/jsonld"), 404, "no product `hat` is known");
    expect(get("/v1/products/shoe/jsonld?location=nowhere"), 400, "there is no location `nowhere`");
}

static void items_come_change_product_and_go(void **state)
{
    open_shop();
    variant("w9", "shoe", "white", "9");
    expect_variants("", "b9=3 b10=0 w9=0 w10=7");
    variant("w10", "boot", "white", "10");
    expect_variants("", "b9=3 b10=0 w9=0");
    expect(get("/v1/products/boot/availability"), 200, "\"available\":107,");
    variant("w10", "shoe", "white", "10");
    expect_variants("", "b9=3 b10=0 w9=0 w10=7");
    expect(get("/v1/products/boot/availability"), 200, "\"available\":100,");
    expect(delete_at("/v1/items/b10"), 204, "");
    expect_variants("", "b9=3 w9=0 w10=7");
    put_done("/v1/items/b9", "{\"name\":\"no variant of anything any more\"}");
    expect_variants("", "w9=0 w10=7");
    variant("w10", "boot", "white", "10");
    variant("w9", "boot", "white", "9");
    expect(get("/v1/products/shoe/availability"), 404, "no product `shoe` is known");
}

static void many_variants_come_and_go(void **state)
{
    char sku[16], size[16], expected[4000] = "";

    open_shop();
    for (int i = 0; i < 300; i++) {
        snprintf(sku, sizeof(sku), "v%d", i);
        snprintf(size, sizeof(size), "%d", 1000 - i);
        variant(sku, "trousers", "black", size);
    }
    for (int i = 0; i < 300; i++)
        if (i % 20) {
            snprintf(sku, sizeof(sku), "v%d", i);
            variant(sku, "skirt", "black", "1");
        }
    for (int i = 280; i >= 0; i -= 20)
        sprintf(expected + strlen(expected), "%s\"%d\"", i == 280 ? "" : ",", 1000 - i);
    expect(get("/v1/products/trousers/availability"), 200, expected);
}

static void wrong_values_are_named(void **state)
{
    static const struct {
        const char *query, *part;
    } cases[] = {
        {"near=1", "parameter `near` must be latitude,longitude"},
        {"within_km=3", "`within_km` goes with near only"},
        {"limit=3", "`limit` goes with near only"},
        {"near=0,0&limit=0", "`limit` must be an integer from 1 to 1000"},
        {"location=%2F", "`location` must be a name"},
        {"location=A&group=G", "location, group and near do not go together"},
        {"near=0,0&group=G", "location, group and near do not go together"},
        {"group=unheard", "there is no group `unheard`"},
        {"channel=unheard", "there is no channel `unheard`"},
        {"channel=a%20b", "`channel` must be a name"},
        {"method=drone", "`method` must be pickup, ship or same_day"},
        {"by=soon", "`by` must be a date"},
        {"quantity=-1", "`quantity`"},
        {"detail=yes", "`detail` must be true or false"},
        {"min_version=x", "`min_version` must be a version"},
        {"reservation=", "`reservation` must be a reservation's id"},
        {"sku=A", "`sku` is not a parameter here"},
    };
    char target[400];

    open_shop();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(target, sizeof(target), "/v1/products/shoe/availability?%s", cases[i].query);
        expect(get(target), 400, cases[i].part);
    }
    expect(get("/v1/products/unheard/availability"), 404, "no product `unheard` is known");
    expect(get("/v1/products/%01/availability"), 400, "the product must be");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_matrix_is_there_in_one_call), TEST(it_is_narrowed_like_any_availability),
        TEST(it_is_told_in_schema_orgs_words), TEST(items_come_change_product_and_go),
        TEST(many_variants_come_and_go),       TEST(wrong_values_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
