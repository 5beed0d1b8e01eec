/* What the catalogue finds places and variants by agrees with what it holds, also when memory runs out. */
#include "base/error.h"
#include "base/hash.h"
#include "core/model/catalogue.h"
#include "failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { PLACES = 60, ITEMS = 40, PRODUCTS = 4, E7 = 10000000 };

struct fixture {
    struct epoch *epoch;
    struct catalogue *catalogue;
    struct table *table;
    unsigned seed;
    int64_t now;
};

static struct fixture begin(unsigned seed)
{
    struct fixture f = {.epoch = epoch_create(), .seed = seed};
    f.catalogue = catalogue_create(f.epoch);
    f.table = table_create(&(struct table_options){.epoch = f.epoch});
    assert_true(f.catalogue && f.table);
    return f;
}

static void end(struct fixture *f)
{
    for (uint32_t i = 0; i < table_sku_count(f->table); i++)
        free((void *)(uintptr_t)sku_item(table_sku(f->table, i)));
    table_destroy(f->table);
    catalogue_destroy(f->catalogue);
    epoch_destroy(f->epoch);
}

static uint32_t any(struct fixture *f, uint32_t below)
{
    return (uint32_t)rand_r(&f->seed) % below;
}

/* Put somewhere, put nowhere, or taken away. */
static int change_place(struct fixture *f)
{
    char id[16];
    struct location l = {.enabled = true,
                         .has_position = any(f, 5) > 0,
                         .latitude_e7 = (int32_t)any(f, 3) * E7,
                         .longitude_e7 = (int32_t)any(f, 50) * (E7 / 100)};
    snprintf(id, sizeof(id), "place-%u", any(f, PLACES));
    struct reference_said r = {
        .id = text_of(id), .document = TEXT("{}"), .decoded = &l, .deleted = any(f, 5) == 0};
    struct event_verdict v;
    int64_t at = ++f->now;
    return catalogue_put_location(f->catalogue, &r, at, (uint64_t)at, PLACES, &v);
}

static int change_item(struct fixture *f)
{
    char sku[16], product[16];
    struct event_verdict v;
    struct item i = {.step = 1, .release_at = INSTANT_NONE};
    snprintf(sku, sizeof(sku), "sku-%u", any(f, ITEMS));
    snprintf(product, sizeof(product), "product-%u", any(f, PRODUCTS));
    i.product = any(f, 6) ? text_of(product) : (struct text){0};
    struct reference_said r = {
        .id = text_of(sku), .document = TEXT("{}"), .decoded = &i, .deleted = any(f, 6) == 0};
    int64_t at = ++f->now;
    struct sku *s = table_find(f->table, r.id);
    if (!s)
        s = table_add(f->table, r.id, hash_text(r.id));
    return s ? catalogue_put_item(f->catalogue, s, &r, at, (uint64_t)at, &v) : ERROR_NOMEM;
}

/* Each place that has a position once, where it is. */
static void check_places(struct fixture *f)
{
    struct near_question q = {.from = sphere_point_of(E7, E7), .reach = CHORD2_ANY};
    struct near_place found[PLACES + 1];
    size_t placed = 0, count = catalogue_near(f->catalogue, &q, found, PLACES + 1);

    for (uint32_t i = 0; i < catalogue_locations_count(f->catalogue); i++) {
        const struct location *l = catalogue_location_at(f->catalogue, i);
        placed += !l->deleted && l->has_position;
    }
    assert_int_equal(count, placed);
    assert_int_equal(catalogue_near_count(f->catalogue), placed);
    for (size_t i = 0; i < count; i++) {
        const struct location *l = catalogue_location_at(f->catalogue, found[i].number);
        struct sphere_point there = sphere_point_of(l->latitude_e7, l->longitude_e7);
        assert_true(!l->deleted && l->has_position);
        assert_true(found[i].chord2 == sphere_chord2(&q.from, &there));
        assert_true(!i || near_place_before(&found[i - 1], &found[i]));
    }
}

/* Each SKU once with the product that its item says. */
static void check_products(struct fixture *f)
{
    char product[16];

    for (unsigned p = 0; p < PRODUCTS; p++) {
        uint32_t found[ITEMS + 1];
        size_t expected = 0;
        snprintf(product, sizeof(product), "product-%u", p);
        size_t count = catalogue_variants(f->catalogue, text_of(product), found, ITEMS + 1);
        for (uint32_t i = 0; i < table_sku_count(f->table); i++) {
            const struct item *item = item_of(table_sku(f->table, i));
            bool is = item && text_equal(item->product, text_of(product)), is_found = false;
            for (size_t k = 0; k < count; k++)
                is_found |= found[k] == i;
            assert_int_equal(is, is_found);
            expected += is;
        }
        assert_int_equal(count, expected);
        assert_int_equal(catalogue_variants(f->catalogue, text_of(product), NULL, 0), expected);
    }
    assert_int_equal(catalogue_variants(f->catalogue, (struct text){0}, NULL, 0), 0);
}

static void places_and_variants_are_found_as_they_are(void **unused)
{
    struct fixture f = begin(3);

    for (int round = 0; round < 3000; round++) {
        assert_int_equal(round % 2 ? change_place(&f) : change_item(&f), 0);
        if (round % 20 == 0) {
            check_places(&f);
            check_products(&f);
        }
        epoch_poll(f.epoch, 10);
    }
    end(&f);
}

static void want_of_memory_leaves_them_whole(void **unused)
{
    struct fixture f = begin(4);
    unsigned refused = 0;

    for (int round = 0; round < 6000; round++) {
        failing_left = (long)any(&f, 12);
        int result = round % 2 ? change_place(&f) : change_item(&f);
        failing_left = -1;
        assert_true(result == 0 || result == ERROR_NOMEM);
        refused += result != 0;
        check_places(&f);
        check_products(&f);
        epoch_poll(f.epoch, 10);
    }
    assert_true(refused > 500 && refused < 5500);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_variants_are_found_as_they_are),
        cmocka_unit_test(want_of_memory_leaves_them_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
