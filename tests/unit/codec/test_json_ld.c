/* Items, locations and levels in the words of others, held against files of those words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/error.h"
#include "codec/json.h"
#include "codec/json_ld.h"
#include "codec/event_json.h"
#include "core/model/rare.h"

static struct buffer read_file(const char *name)
{
    char path[400];
    struct buffer b = {0};
    int c;
    snprintf(path, sizeof(path), "%s/protocols/%s", TEST_DATA, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((c = getc(f)) != EOF)
        buffer_byte(&b, (char)c);
    fclose(f);
    buffer_byte(&b, 0);
    return b;
}

/* As it came in by PUT. */
static struct record put(enum record_kind kind, const char *id, const char *document, struct arena *a)
{
    struct record r;
    struct problems p = {0};
    int error = reference_from_json(kind, text_of(id), text_of(document), a, &r, &p);
    if (error)
        fail_msg("%s %s", p.at[0].pointer, p.at[0].detail);
    return r;
}

static void levels_are_schema_orgs_one_to_one(void **unused)
{
    struct buffer words = read_file("schema_org_item_availability.txt");
    for (enum level l = 0; l < LEVEL_END; l++) {
        char line[80];
        snprintf(line, sizeof(line), "%s\n", ld_availability(l));
        assert_non_null(strstr(words.at, line));
        for (enum level other = 0; other < l; other++)
            assert_string_not_equal(ld_availability(l), ld_availability(other));
    }
    assert_string_equal(ld_availability(LEVEL_IN_STOCK), "https://schema.org/InStock");
    assert_string_equal(ld_availability(LEVEL_LOW_STOCK), "https://schema.org/LimitedAvailability");
    assert_string_equal(ld_availability(LEVEL_OUT_OF_STOCK), "https://schema.org/OutOfStock");
    assert_string_equal(ld_availability(LEVEL_BACKORDER), "https://schema.org/BackOrder");
    assert_string_equal(ld_availability(LEVEL_PREORDER), "https://schema.org/PreOrder");
    buffer_finish(&words);
}

static void a_store_has_its_hours(void **unused)
{
    struct arena a = {0}, scratch = {0};
    struct buffer b = {0};
    struct record r =
        put(RECORD_LOCATION, "ST01",
            "{\"name\":\"Main</script><script>alert(1)</script>\",\"type\":\"store\",\"address\":\"1 High St "
            "& Co\","
            "\"gln\":\"9521987900011\",\"latitude\":-0.5,\"longitude\":51.25,\"time_zone\":\"Europe/London\","
            "\"opening_hours\":[{\"days\":[\"mo\",\"su\"],\"opens\":\"09:00\",\"closes\":\"24:00\"}],"
            "\"exceptions\":[{\"date\":\"2026-12-25\",\"closed\":true},{\"date\":\"2026-12-24\",\"opens\":"
            "\"10:00\","
            "\"closes\":\"14:00\"}]}",
            &a);
    assert_int_equal(ld_put_location(&b, r.reference.decoded, &scratch), 0);
    buffer_byte(&b, 0);
    assert_string_equal(
        b.at,
        "{\"@context\":\"https://"
        "schema.org\",\"@type\":\"Store\",\"branchCode\":\"ST01\",\"name\":\"Main\\u003C/"
        "script\\u003E\\u003Cscript\\u003Ealert(1)\\u003C/script\\u003E\",\"globalLocationNumber\":"
        "\"9521987900011\",\"address\":\"1 High St \\u0026 Co\",\"geo\":{\"@type\":\"GeoCoordinates\","
        "\"latitude\":-0.5000000,\"longitude\":51.2500000},\"openingHoursSpecification\":[{\"@type\":"
        "\"OpeningHoursSpecification\",\"dayOfWeek\":[\"https://schema.org/Monday\",\"https://schema.org/"
        "Sunday\"],\"opens\":\"09:00\",\"closes\":\"23:59\"}],\"specialOpeningHoursSpecification\":[{\"@"
        "type\":"
        "\"OpeningHoursSpecification\",\"validFrom\":\"2026-12-25\",\"validThrough\":\"2026-12-25\","
        "\"opens\":"
        "\"00:00\",\"closes\":\"00:00\"},{\"@type\":\"OpeningHoursSpecification\",\"validFrom\":\"2026-12-"
        "24\","
        "\"validThrough\":\"2026-12-24\",\"opens\":\"10:00\",\"closes\":\"14:00\"}]}");
    buffer_clear(&b);
    struct location bare = {.id = TEXT("L9")};
    assert_int_equal(ld_put_location(&b, &bare, &scratch), 0);
    buffer_byte(&b, 0);
    assert_string_equal(b.at,
                        "{\"@context\":\"https://schema.org\",\"@type\":\"Store\",\"branchCode\":\"L9\"}");
    buffer_finish(&b);
    arena_finish(&a);
    arena_finish(&scratch);
}

/* The keys of an object of the example, for the same keys in ours. */
static bool has_key(const struct json_node *nodes, uint32_t object, const char *name)
{
    uint32_t at = object + 1;
    for (uint32_t i = 0; i < nodes[object].count; i++, at = nodes[at].next)
        if (text_equal(nodes[at].key, text_of(name)))
            return true;
    return false;
}

static uint32_t find_type(const struct json_node *nodes, size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i].type == JSON_STRING && text_equal(nodes[i].key, TEXT("@type")) &&
            text_equal(nodes[i].text, text_of(type)))
            for (size_t o = i; o-- > 0;)
                if (nodes[o].type == JSON_OBJECT && nodes[o].next > i)
                    return (uint32_t)o;
    fail_msg("no %s", type);
    return 0;
}

static void a_product_has_an_offer_for_each_place(void **unused)
{
    struct arena a = {0}, scratch = {0};
    struct buffer b = {0};
    struct record r =
        put(RECORD_ITEM, "15056BL",
            "{\"name\":\"EDWARDIAN \\\"PARASOL\\\"\",\"product\":\"15056\",\"options\":{\"colour\":\"Black\","
            "\"handle\":\"long\"},\"gtins\":[\"4006381333931\",\"96385074\"],\"unit\":\"piece\"}",
            &a);
    const struct item *item = r.reference.decoded;
    struct location store = {.id = TEXT("ST01"), .name = TEXT("One")};
    struct location depot = {.id = TEXT("DC"), .type = LOCATION_WAREHOUSE};
    struct query_row rows[2] = {{.place = &store, .figure = {.available = 24000, .level = LEVEL_IN_STOCK}},
                                {.place = &depot, .figure = {.available = 0, .level = LEVEL_BACKORDER}}};
    assert_int_equal(ld_product_begin(&b, TEXT("15056BL"), item, &scratch), 0);
    ld_put_offer(&b, &rows[0], item, true);
    ld_put_offer(&b, &rows[1], item, false);
    ld_product_end(&b);
    struct text ours = {b.at, b.length};
    buffer_byte(&b, 0);
    ours.at = b.at;
    assert_string_equal(
        b.at,
        "{\"@context\":\"https://schema.org\",\"@type\":\"Product\",\"sku\":\"15056BL\",\"name\":\"EDWARDIAN "
        "\\\"PARASOL\\\"\",\"gtin\":\"4006381333931\",\"color\":\"Black\",\"additionalProperty\":[{\"@type\":"
        "\"PropertyValue\",\"name\":\"handle\",\"value\":\"long\"}],\"isVariantOf\":{\"@type\":"
        "\"ProductGroup\","
        "\"productGroupID\":\"15056\"},\"offers\":[{\"@type\":\"Offer\",\"availability\":\"https://"
        "schema.org/"
        "InStock\",\"inventoryLevel\":{\"@type\":\"QuantitativeValue\",\"value\":24,\"unitText\":\"piece\"},"
        "\"availableAtOrFrom\":{\"@type\":\"Store\",\"branchCode\":\"ST01\",\"name\":\"One\"}},{\"@type\":"
        "\"Offer\",\"availability\":\"https://schema.org/BackOrder\",\"inventoryLevel\":{\"@type\":"
        "\"QuantitativeValue\",\"value\":0,\"unitText\":\"piece\"},\"availableAtOrFrom\":{\"@type\":"
        "\"Place\","
        "\"branchCode\":\"DC\"}}]}");
    assert_null(strstr(b.at, "price")); /* never made up */

    /* whatever the example's Product and Offer say but for the price, ours says too */
    struct buffer example = read_file("schema_org_product_group.jsonld");
    const struct json_node *nodes, *theirs;
    size_t count, their_count;
    struct problems p = {0};
    assert_int_equal(json_parse(ours, &a, &nodes, &count, &p), 0);
    assert_int_equal(json_parse((struct text){example.at, example.length - 1}, &a, &theirs, &their_count, &p),
                     0);
    static const char *const types[] = {"Product", "Offer"};
    for (int t = 0; t < 2; t++) {
        uint32_t object = find_type(nodes, count, types[t]), their = find_type(theirs, their_count, types[t]);
        uint32_t at = their + 1;
        for (uint32_t i = 0; i < theirs[their].count; i++, at = theirs[at].next) {
            char name[64];
            snprintf(name, sizeof(name), "%.*s", (int)theirs[at].key.length, theirs[at].key.at);
            if (strncmp(name, "price", 5) != 0)
                assert_true(has_key(nodes, object, name));
        }
    }
    buffer_finish(&example);
    buffer_finish(&b);
    arena_finish(&a);
    arena_finish(&scratch);
}

/* Whatever the example's ProductGroup says of itself, ours says too. */
static void a_product_has_its_variants(void **unused)
{
    struct arena a = {0}, scratch = {0};
    struct buffer b = {0};
    struct record r =
        put(RECORD_ITEM, "M-42", "{\"name\":\"Marlow\",\"product\":\"M\",\"options\":{\"size\":\"42\"}}", &a);
    const struct text names[] = {TEXT("size"), TEXT("colour"), TEXT("</lace>")};
    ld_group_begin(&b, TEXT("M"), TEXT("Marlow"), names, 3);
    assert_int_equal(ld_variant_begin(&b, TEXT("M-42"), r.reference.decoded, &scratch, true), 0);
    ld_product_end(&b);
    assert_int_equal(ld_variant_begin(&b, TEXT("M-43"), NULL, &scratch, false), 0);
    ld_product_end(&b);
    ld_group_end(&b);
    struct text ours = {b.at, b.length};
    buffer_byte(&b, 0);
    ours.at = b.at;
    assert_string_equal(
        b.at, "{\"@context\":\"https://schema.org\",\"@type\":\"ProductGroup\",\"productGroupID\":\"M\","
              "\"name\":\"Marlow\",\"variesBy\":[\"https://schema.org/size\",\"https://schema.org/color\","
              "\"\\u003C/lace\\u003E\"],\"hasVariant\":[{\"@type\":\"Product\",\"sku\":\"M-42\","
              "\"name\":\"Marlow\",\"size\":\"42\",\"offers\":[]},{\"@type\":\"Product\","
              "\"sku\":\"M-43\",\"offers\":[]}]}");
    struct buffer example = read_file("schema_org_product_group.jsonld");
    const struct json_node *nodes, *theirs;
    size_t count, their_count;
    struct problems p = {0};
    assert_int_equal(json_parse(ours, &a, &nodes, &count, &p), 0);
    assert_int_equal(json_parse((struct text){example.at, example.length - 1}, &a, &theirs, &their_count, &p),
                     0);
    uint32_t at = 1;
    for (uint32_t i = 0; i < theirs[0].count; i++, at = theirs[at].next) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)theirs[at].key.length, theirs[at].key.at);
        assert_true(has_key(nodes, 0, name));
    }
    buffer_finish(&example);
    buffer_finish(&b);
    arena_finish(&a);
    arena_finish(&scratch);
}

/* ---- the feed ---- */

static void expect_line(enum level level, milli_t available, milli_t on_display, const char *sla,
                        const char *line)
{
    struct buffer b = {0};
    struct rare rare = {0};
    struct location l = {.id = TEXT("ST01")};
    struct query_row r = {.place = &l, .figure = {.available = available, .level = level}};
    rare.unavailable[STATUS_DISPLAY - 1] = on_display;
    r.row.word[ROW_RARE] = (uint64_t)(uintptr_t)&rare;
    feed_put_local_inventory(&b, TEXT("85123A"), &r, sla);
    buffer_byte(&b, 0);
    assert_string_equal(b.at, line);
    buffer_finish(&b);
}

static void a_feed_says_what_a_store_can_hand_over(void **unused)
{
    expect_line(LEVEL_IN_STOCK, 12000, 0, "same_day", "ST01\t85123A\t12\tin_stock\treserve\tsame_day\n");
    expect_line(LEVEL_LOW_STOCK, 2500, 0, "next_day",
                "ST01\t85123A\t2\tlimited_availability\treserve\tnext_day\n");
    expect_line(LEVEL_IN_STOCK, 1000, 0, NULL, "ST01\t85123A\t1\tin_stock\tnot supported\t\n");
    expect_line(LEVEL_OUT_OF_STOCK, 0, 1000, "same_day", "ST01\t85123A\t0\tout_of_stock\tnot supported\t\n");
    expect_line(LEVEL_BACKORDER, 0, 0, "same_day", "ST01\t85123A\t0\tout_of_stock\tnot supported\t\n");
    expect_line(LEVEL_BACKORDER, 0, 1000, "same_day",
                "ST01\t85123A\t0\ton_display_to_order\tnot supported\t\n");
    expect_line(LEVEL_PREORDER, 5000, 0, "same_day", "ST01\t85123A\t0\tout_of_stock\tnot supported\t\n");
}

/* The columns of the sample but the price, in its order; and only words that it or the help know. */
static void its_columns_are_those_of_the_sample(void **unused)
{
    struct buffer sample = read_file("google_local_inventory_sample.tsv");
    char want[200] = "", *line = sample.at, *end = strchr(line, '\n');
    *end = '\0';
    for (char *column = strtok(line, "\t\r"); column; column = strtok(NULL, "\t\r"))
        if (strcmp(column, "price") != 0)
            snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s%s", *want ? "\t" : "", column);
    strcat(want, "\n");
    assert_string_equal(feed_local_inventory_header, want);
    for (const char *word = "in_stock"; word; word = strcmp(word, "in_stock") ? NULL : "limited_availability")
        assert_non_null(strstr(end + 1, word));
    assert_non_null(strstr(end + 1, "out_of_stock"));
    assert_non_null(strstr(end + 1, "on_display_to_order"));
    assert_non_null(strstr(end + 1, "not supported"));
    buffer_finish(&sample);
}

/* ---- check digits ---- */

static void check_digits_are_gs1s(void **unused)
{
    struct buffer file = read_file("gs1_check_digits.csv");
    unsigned right = 0, wrong = 0;
    char type[16], value[40];
    for (char *at = strchr(file.at, '\n') + 1; *at; at = strchr(at, '\n') + 1) {
        char *comma = strchr(at, ','), *next = strchr(comma + 1, ',');
        snprintf(type, sizeof(type), "%.*s", (int)(comma - at), at);
        snprintf(value, sizeof(value), "%.*s", (int)(next - comma - 1), comma + 1);
        bool gtin = strncmp(type, "GTIN", 4) == 0, is_right = next[1] == '1';
        if (!gtin && strcmp(type, "GLN") != 0)
            continue;
        struct arena a = {0};
        struct record r;
        struct problems p = {0};
        char document[80];
        snprintf(document, sizeof(document), gtin ? "{\"gtins\":[\"%s\"]}" : "{\"gln\":\"%s\"}", value);
        int error = reference_from_json(gtin ? RECORD_ITEM : RECORD_LOCATION, TEXT("X"), text_of(document),
                                        &a, &r, &p);
        if (error != (is_right ? 0 : ERROR_INVALID))
            fail_msg("%s %s: %d", type, value, error);
        if (error) {
            assert_string_equal(p.at[0].pointer, gtin ? "/gtins/0" : "/gln");
            assert_non_null(strstr(p.at[0].detail, "right check digit"));
        }
        right += is_right;
        wrong += !is_right;
        arena_finish(&a);
    }
    assert_true(right >= 9 && wrong >= 9);
    buffer_finish(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_schema_orgs_one_to_one),
        cmocka_unit_test(a_store_has_its_hours),
        cmocka_unit_test(a_product_has_an_offer_for_each_place),
        cmocka_unit_test(a_product_has_its_variants),
        cmocka_unit_test(a_feed_says_what_a_store_can_hand_over),
        cmocka_unit_test(its_columns_are_those_of_the_sample),
        cmocka_unit_test(check_digits_are_gs1s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
