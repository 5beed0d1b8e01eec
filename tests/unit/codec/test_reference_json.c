/* Reference data: what a document says reaches the engine, and its canonical form keeps all of it. */
#include "base/error.h"
#include "codec/document.h"
#include "codec/event_json.h"
#include "core/model/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* Everything a location may say, in another order and with more white space and zeros than needed. */
static const char whole_location[] =
    " {\"enabled\": false, \"stale_after_seconds\": 3600, \"id\": \"store-0042\", \"occurred_at\": "
    "\"2026-11-21T10:05:00+01:00\",\n"
    "\"lanes\": [{\"cut_off\": \"15:00\", \"to\": \"store-0001\", \"days\": 2}], \"sources\": "
    "[\"store-0042/*\", \"erp\"], \"returns\": false,\n"
    "\"methods\": {\"same_day\": {\"radius_km\": 10.50, \"cut_off\": \"12:00\"}, \"ship\": {}, \"pickup\": "
    "{\"preparation_minutes\": 120,\n"
    "\"cut_off\": \"16:00\", \"last_collection_minutes\": 15}}, \"exceptions\": [{\"closed\": true, "
    "\"date\": \"2026-12-25\"},\n"
    "{\"date\": \"2026-12-24\", \"opens\": \"09:00\", \"closes\": \"14:00\"}], \"opening_hours\": "
    "[{\"days\": [\"mo\", \"tu\"], \"closes\": \"18:00\",\n"
    "\"opens\": \"09:00\"}, {\"days\": [\"fr\"], \"opens\": \"20:00\", \"closes\": \"02:00\"}], "
    "\"time_zone\": \"Europe/Berlin\",\n"
    "\"longitude\": 13.4050000, \"latitude\": -52.52000659, \"gln\": \"4012345000009\", \"address\": \"Platz "
    "1, 10178 Berlin\",\n"
    "\"type\": \"dark_store\", \"name\": \"Mitte \\u00e4\"} ";

static const char canonical_location[] =
    "{\"name\":\"Mitte \xc3\xa4\",\"type\":\"dark_store\",\"address\":\"Platz 1, 10178 "
    "Berlin\",\"gln\":\"4012345000009\","
    "\"latitude\":-52.5200066,\"longitude\":13.405,\"time_zone\":\"Europe/Berlin\","
    "\"opening_hours\":[{\"days\":[\"mo\",\"tu\"],\"opens\":\"09:00\",\"closes\":\"18:00\"},"
    "{\"days\":[\"fr\"],\"opens\":\"20:00\",\"closes\":\"02:00\"}],"
    "\"exceptions\":[{\"date\":\"2026-12-25\",\"closed\":true},{\"date\":\"2026-12-24\",\"opens\":\"09:00\","
    "\"closes\":\"14:00\"}],"
    "\"methods\":{\"pickup\":{\"preparation_minutes\":120,\"cut_off\":\"16:00\",\"last_collection_minutes\":"
    "15},\"ship\":{},"
    "\"same_day\":{\"cut_off\":\"12:00\",\"radius_km\":10.5}},\"returns\":false,\"sources\":[\"store-0042/"
    "*\",\"erp\"],"
    "\"lanes\":[{\"to\":\"store-0001\",\"days\":2,\"cut_off\":\"15:00\"}],\"stale_after_seconds\":3600,"
    "\"enabled\":false}";

static void assert_text(struct text t, const char *expected)
{
    if (!text_equal(t, text_of(expected)))
        fail_msg("%.*s is not %s", (int)t.length, t.at, expected);
}

static struct record read_sound(enum record_kind kind, const char *id, const char *body, struct arena *a)
{
    struct problems p = {0};
    struct record r;
    if (reference_from_json(kind, text_of(id), text_of(body), a, &r, &p))
        fail_msg("%s: %s %s", body, p.at[0].pointer, p.at[0].detail);
    assert_int_equal(r.kind, kind);
    return r;
}

static void a_location_keeps_everything(void **unused)
{
    struct arena a = {0};
    struct record r = read_sound(RECORD_LOCATION, "store-0042", whole_location, &a);
    const struct location *l = r.reference.decoded;
    assert_text(r.reference.document, canonical_location);
    assert_text(r.reference.id, "store-0042");
    assert_true(r.reference.occurred_at == 1795251900000000);
    assert_text(l->id, "store-0042");
    assert_text(l->name, "Mitte \xc3\xa4");
    assert_text(l->time_zone, "Europe/Berlin");
    assert_text(l->document, canonical_location);
    assert_true(l->registered && !l->enabled && !l->returns && l->has_position);
    assert_int_equal(l->latitude_e7, -525200066);
    assert_int_equal(l->longitude_e7, 134050000);
    assert_int_equal(l->type, LOCATION_DARK_STORE);
    assert_int_equal(l->methods, METHOD_PICKUP | METHOD_SHIP | METHOD_SAME_DAY);
    assert_true(l->stale_after_us == 3600000000);
    assert_true(l->changed_at == r.reference.occurred_at);
    arena_finish(&a);
}

static void what_is_left_out_has_its_usual_value(void **unused)
{
    struct arena a = {0};
    struct record r = read_sound(RECORD_LOCATION, "a", "{}", &a);
    const struct location *l = r.reference.decoded;
    assert_text(r.reference.document, "{}");
    assert_true(r.reference.occurred_at == INSTANT_NONE);
    assert_true(l->enabled && l->returns && !l->has_position && !l->methods && !l->stale_after_us);
    assert_int_equal(l->type, LOCATION_STORE);
    r = read_sound(RECORD_ITEM, "SKU 1", "{}", &a);
    const struct item *item = r.reference.decoded;
    assert_true(item->step == 1 && item->release_at == INSTANT_NONE && !item->components_count);
    arena_finish(&a);
}

static void groups_items_and_channels_say_what_they_say(void **unused)
{
    struct arena a = {0};
    struct record r =
        read_sound(RECORD_GROUP, "north", "{\"members\":[\"a\",\"b\",\"a\"],\"name\":\"North\"}", &a);
    const struct group *g = r.reference.decoded;
    assert_text(r.reference.document, "{\"name\":\"North\",\"members\":[\"a\",\"b\",\"a\"]}");
    assert_int_equal(g->members_count, 3);
    assert_text(g->members[1], "b");
    assert_text(g->name, "North");

    r = read_sound(
        RECORD_ITEM, "KIT/1",
        "{\"name\":\"Kit\",\"product\":\"P\",\"options\":{\"size\":\"42\",\"colour\":\"black\"},\"gtins\":["
        "\"4006381333931\",\"96385074\"],"
        "\"unit\":\"each\",\"step\":1.0,\"components\":[{\"quantity\":2.50,\"sku\":\"A\"},{\"sku\":\"B\","
        "\"quantity\":1}],"
        "\"release_at\":\"2026-12-01T00:00:00+01:00\",\"restrictions\":{\"ship\":false},\"sku\":\"KIT/1\"}",
        &a);
    const struct item *item = r.reference.decoded;
    assert_text(r.reference.document,
                "{\"name\":\"Kit\",\"product\":\"P\",\"options\":{\"size\":\"42\",\"colour\":\"black\"},"
                "\"gtins\":[\"4006381333931\",\"96385074\"],"
                "\"unit\":\"each\",\"step\":1,\"components\":[{\"sku\":\"A\",\"quantity\":2.5},{\"sku\":"
                "\"B\",\"quantity\":1}],"
                "\"release_at\":\"2026-11-30T23:00:00Z\",\"restrictions\":{\"ship\":false}}");
    assert_text(item->sku, "KIT/1");
    assert_text(item->product, "P");
    assert_text(item->unit, "each");
    assert_int_equal(item->step, 1000);
    assert_int_equal(item->components_count, 2);
    assert_text(item->components[0].sku, "A");
    assert_int_equal(item->components[0].quantity, 2500);
    assert_true(item->release_at == 1796079600000000);
    assert_false(item_goes_by(item, METHOD_SHIP));
    assert_true(item_goes_by(item, METHOD_PICKUP) && item_goes_by(item, 0) && item_goes_by(NULL, METHOD_SHIP));

    r = read_sound(
        RECORD_CHANNEL, "*",
        "{\"rules\":[{\"enabled\":false,\"location\":\"l\",\"sku\":\"s\"},{\"product\":\"p\","
        "\"group\":\"g\",\"method\":\"ship\",\"buffer\":1,"
        "\"buffer_percent\":2.5,\"cap\":3,\"max_per_line\":4,\"safety_stock\":5,\"when\":\"stale\"}],\"low_"
        "threshold\":3,\"name\":\"All\"}",
        &a);
    const struct channel *c = r.reference.decoded;
    assert_text(r.reference.document,
                "{\"name\":\"All\",\"low_threshold\":3,\"rules\":[{\"sku\":\"s\",\"location\":\"l\","
                "\"enabled\":false},{\"product\":\"p\",\"group\":\"g\","
                "\"method\":\"ship\",\"when\":\"stale\",\"buffer\":1,\"buffer_percent\":2.5,\"cap\":3,\"max_"
                "per_line\":4,"
                "\"safety_stock\":5}]}");
    assert_text(c->id, "*");
    assert_int_equal(c->low_threshold, 3000);
    assert_true(c->rules[0].when == RULE_ALWAYS && c->rules[1].when == RULE_WHEN_STALE);
    arena_finish(&a);
}

/* A canonical document comes through JSON and through the log as itself. */
static void canonical_documents_are_fixed_points(void **unused)
{
    struct arena a = {0};
    struct buffer b = {0};
    struct problems p = {0};
    uint32_t unknown;
    struct record r = read_sound(RECORD_LOCATION, "store-0042", canonical_location, &a), back;
    assert_text(r.reference.document, canonical_location);
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(record_decode(b.at, b.length, LEVEL_NEWEST, &a, &back, &unknown, &p), 0);
    assert_text(back.reference.document, canonical_location);
    const struct location *l = back.reference.decoded;
    assert_int_equal(l->latitude_e7, -525200066);
    arena_finish(&a);
    buffer_finish(&b);
}

static void angles_are_rounded_to_the_seventh_digit(void **unused)
{
    static const struct {
        const char *text;
        bool ok;
        int32_t e7;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"90", true, 900000000},
        {"90.0", true, 900000000},
        {"52.52", true, 525200000},
        {"0.00000005", true, 1},
        {"0.00000004999", true, 0},
        {"-0.00000005", true, -1},
        {"89.99999999", true, 900000000},
        {"90.0000001", false, 0},
        {"90.00000001", false, 0},
        {"91", false, 0},
        {"1e1", false, 0},
        {"1.", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"99999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int32_t e7 = 0;
        bool ok = document_angle(text_of(cases[i].text), 90, &e7);
        if (ok != cases[i].ok || e7 != cases[i].e7)
            fail_msg("%s: %d %d", cases[i].text, ok, e7);
    }
}

static void settings_of_the_log_are_read(void **unused)
{
    struct arena a = {0};
    struct problems p = {0};
    struct record r;
    assert_int_equal(settings_from_json(
                         TEXT("{\"supply_grace_us\":7200000000,\"ids_unverified_rejected\":1}"), &a, &r, &p),
                     0);
    assert_int_equal(r.kind, RECORD_SETTINGS);
    assert_int_equal(r.settings.count, 2);
    assert_text(r.settings.at[0].name, "supply_grace_us");
    assert_true(r.settings.at[0].value == 7200000000);
    assert_int_equal(r.settings.at[1].value, 1);
    arena_finish(&a);
}

/* However little memory there is: a clear refusal, or the whole. */
static void want_of_memory_is_refused(void **unused)
{
    size_t most = 0;
    for (int error = ERROR_LIMIT; error; most += 512) {
        struct arena a = {.most_bytes = most + 16};
        struct problems p = {0};
        struct record r = {.kind = RECORD_KIND_END};
        error = reference_from_json(RECORD_LOCATION, TEXT("store-0042"), text_of(whole_location), &a, &r, &p);
        assert_true(error == 0 || error == ERROR_LIMIT || error == ERROR_NOMEM);
        assert_int_equal(r.kind, error ? RECORD_KIND_END : RECORD_LOCATION);
        arena_finish(&a);
        assert_true(most < 1024 * 1024);
    }
    assert_true(most > 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_location_keeps_everything),
        cmocka_unit_test(what_is_left_out_has_its_usual_value),
        cmocka_unit_test(groups_items_and_channels_say_what_they_say),
        cmocka_unit_test(canonical_documents_are_fixed_points),
        cmocka_unit_test(angles_are_rounded_to_the_seventh_digit),
        cmocka_unit_test(settings_of_the_log_are_read),
        cmocka_unit_test(want_of_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
