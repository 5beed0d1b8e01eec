/* Questions over many rows on a small table: groups, everywhere, kits, nearest places. */
#include "base/hash.h"
#include "core/answer/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define UNITS(n) ((milli_t)((n)*1000))

struct fixture {
    struct epoch *epoch;
    struct epoch_reader *reader;
    struct table *table;
    struct catalogue *catalogue;
    struct view view;
};

static struct fixture *begin(void)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->epoch = epoch_create();
    f->reader = epoch_register(f->epoch);
    f->table = table_create(&(struct table_options){.epoch = f->epoch});
    f->catalogue = catalogue_create(f->epoch);
    assert_true(f->table && f->catalogue);
    f->view.table = f->table;
    f->view.catalogue = f->catalogue;
    return f;
}

static void end(struct fixture *f)
{
    for (uint32_t i = 0; i < table_sku_count(f->table); i++)
        free((void *)(uintptr_t)sku_item(table_sku(f->table, i)));
    table_destroy(f->table);
    catalogue_destroy(f->catalogue);
    epoch_unregister(f->reader);
    epoch_destroy(f->epoch);
    free(f);
}

static uint32_t place(struct fixture *f, const char *id, bool enabled)
{
    struct location l = {.enabled = enabled};
    struct event_verdict v;

    assert_int_equal(catalogue_put_location(f->catalogue,
                                            &(struct reference_said){.id = text_of(id), .decoded = &l}, 1, 1,
                                            99999, &v),
                     0);
    return catalogue_location(f->catalogue, text_of(id))->number;
}

static void stock(struct fixture *f, const char *sku, uint32_t location, milli_t on_hand, milli_t unavailable)
{
    struct text t = text_of(sku);
    struct sku *s = table_add(f->table, t, hash_text(t));
    struct row_image r = {.word = {row_who(location, 1), (uint64_t)on_hand, (uint64_t)unavailable, 0, 0, 0,
                                   row_version(1, 0, ROW_COUNTED), 0}};

    assert_int_equal(table_publish(f->table, s, &r, 1), 0);
}

static struct sku *sku(struct fixture *f, const char *text)
{
    return table_find(f->table, text_of(text));
}

static void kit(struct fixture *f, const char *text, struct component *components, uint32_t count)
{
    struct text t = text_of(text);
    struct sku *s = table_add(f->table, t, hash_text(t));
    struct item i = {
        .step = 1000, .release_at = INSTANT_NONE, .components_count = count, .components = components};
    struct event_verdict v;

    assert_int_equal(
        catalogue_put_item(f->catalogue, s, &(struct reference_said){.id = t, .decoded = &i}, 1, 1, &v), 0);
}

static void group(struct fixture *f, const char *id, struct text *members, uint32_t count)
{
    struct group g = {.members = members, .members_count = count};
    struct event_verdict v;

    assert_int_equal(catalogue_put_group(f->catalogue,
                                         &(struct reference_said){.id = text_of(id), .decoded = &g}, 1, 1, 99,
                                         &v),
                     0);
}

static milli_t total_of(struct fixture *f, const char *text, const char *group_id)
{
    const struct group *g = catalogue_group(f->catalogue, text_of(group_id));
    struct query_row rows[16];
    milli_t total;

    query_locations(&f->view, sku(f, text), &(struct question){0}, g->locations, g->locations_count, rows,
                    &total);
    return total;
}

static void case_16_groups_add_what_each_place_has(void **unused)
{
    struct fixture *f = begin();

    stock(f, "S", place(f, "eu-1", true), 5500, 0);
    stock(f, "S", place(f, "eu-2", true), UNITS(3), 0);
    stock(f, "S", place(f, "eu-3", true), UNITS(10), UNITS(10));
    stock(f, "S", place(f, "eu-x", false), UNITS(10), 0);
    stock(f, "S", place(f, "us-1", true), 0, 0);
    group(f, "eu", (struct text[]){TEXT("eu-1"), TEXT("eu-2"), TEXT("eu-3"), TEXT("eu-x")}, 4);
    group(f, "us", (struct text[]){TEXT("us-1")}, 1);
    group(f, "world", (struct text[]){TEXT("eu"), TEXT("us"), TEXT("eu-1")}, 3);
    assert_int_equal(total_of(f, "S", "eu"), 8500);
    assert_int_equal(total_of(f, "S", "us"), 0);
    assert_int_equal(total_of(f, "S", "world"), 8500);
    end(f);
}

static void a_shortage_here_does_not_eat_stock_there(void **unused)
{
    struct fixture *f = begin();
    struct query_row rows[4];
    milli_t total;

    stock(f, "S", place(f, "a", true), UNITS(-5), 0);
    stock(f, "S", place(f, "b", true), UNITS(10), 0);
    place(f, "c", true);
    assert_int_equal(query_everywhere(&f->view, sku(f, "S"), &(struct question){0}, rows, 4, &total), 2);
    assert_int_equal(total, UNITS(10));
    query_locations(&f->view, sku(f, "S"), &(struct question){0}, (uint32_t[]){2, INDEX_NONE, 0, 1}, 4, rows,
                    &total);
    assert_int_equal(total, UNITS(10));
    assert_true(!rows[0].known && rows[0].place && rows[0].figure.available == 0);
    assert_true(!rows[1].known && !rows[1].place && rows[1].location == INDEX_NONE);
    assert_true(rows[2].known && row_on_hand(&rows[2].row) == UNITS(-5) && rows[2].location == 0);
    assert_true(rows[3].known && rows[3].figure.available == UNITS(10));
    assert_int_equal(query_everywhere(&f->view, sku(f, "S"), &(struct question){0}, rows, 1, &total),
                     2); /* more room, please */
    end(f);
}

static void many_rows_keep_their_places(void **unused)
{
    struct fixture *f = begin();
    struct query_row *rows = calloc(1000, sizeof(*rows));
    uint32_t locations[1000];
    char id[16];
    milli_t total;

    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "s%u", i);
        locations[999 - i] = place(f, id, true);
        if (i % 3)
            stock(f, "S", i, UNITS(i), 0);
    }
    query_locations(&f->view, sku(f, "S"), &(struct question){0}, locations, 1000, rows, &total);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(rows[999 - i].location, i);
        assert_int_equal(rows[999 - i].known, i % 3 != 0);
        assert_int_equal(rows[999 - i].figure.available, i % 3 ? UNITS(i) : 0);
    }
    assert_int_equal(query_everywhere(&f->view, sku(f, "S"), &(struct question){0}, rows, 1000, &total), 666);
    for (uint32_t i = 0; i < 666; i++)
        assert_int_equal(rows[i].figure.available, UNITS(rows[i].location));
    free(rows);
    end(f);
}

static void a_kit_is_as_many_as_its_scarcest_component(void **unused)
{
    struct fixture *f = begin();
    uint32_t a = place(f, "a", true), b = place(f, "b", true), c = place(f, "c", false);
    struct component parts[] = {{TEXT("bolt"), UNITS(4)}, {TEXT("oil"), 500}};
    struct component unknown[] = {{TEXT("bolt"), UNITS(1)}, {TEXT("nobody knows it"), UNITS(1)}};
    struct query_row rows[3];
    milli_t total;

    stock(f, "bolt", a, UNITS(11), 0);
    stock(f, "oil", a, 8250, 0);
    stock(f, "bolt", b, UNITS(100), UNITS(1));
    stock(f, "oil", b, 1700, 0);
    stock(f, "bolt", c, UNITS(100), 0);
    stock(f, "oil", c, UNITS(100), 0);
    kit(f, "kit", parts, 2);
    kit(f, "half", unknown, 2);
    query_locations(&f->view, sku(f, "kit"), &(struct question){0}, (uint32_t[]){a, b, c}, 3, rows, &total);
    assert_int_equal(rows[0].figure.available, UNITS(2)); /* 11 bolts: two kits, three bolts left */
    assert_int_equal(rows[1].figure.available, UNITS(3)); /* 1.7 of oil: three, and 0.2 left */
    assert_int_equal(rows[2].figure.available, 0);        /* disabled */
    assert_int_equal(rows[0].figure.level, LEVEL_IN_STOCK);
    assert_int_equal(rows[2].figure.level, LEVEL_OUT_OF_STOCK);
    assert_true(rows[0].known && rows[0].location == a && rows[0].place);
    assert_int_equal(total, UNITS(5));
    assert_int_equal(query_everywhere(&f->view, sku(f, "kit"), &(struct question){0}, rows, 3, &total), 3);
    assert_int_equal(total, UNITS(5));
    assert_int_equal(query_everywhere(&f->view, sku(f, "half"), &(struct question){0}, rows, 3, &total), 0);
    query_locations(&f->view, sku(f, "half"), &(struct question){0}, (uint32_t[]){a}, 1, rows, &total);
    assert_true(total == 0 && !rows[0].known);
    end(f);
}

/* ---- places ---- */

static void distances_are_those_of_the_sphere(void **unused)
{
    const double radius = 6371008.8;

    assert_true(distance_m(0, 0, 0, 0) == 0);
    assert_true(fabs(distance_m(0, 0, 0, 1800000000) - M_PI * radius) < 0.01);
    assert_true(fabs(distance_m(900000000, 0, -900000000, 0) - M_PI * radius) < 0.01);
    assert_true(fabs(distance_m(0, 0, 0, 10000000) - M_PI * radius / 180) < 0.001);
    assert_true(fabs(distance_m(0, 1795000000, 0, -1795000000) - M_PI * radius / 180) <
                0.001); /* over the date line */
    /* Berlin to Paris: 877.46 km on this sphere */
    assert_true(fabs(distance_m(525200000, 134050000, 488566000, 23522000) - 877463) < 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_16_groups_add_what_each_place_has),
        cmocka_unit_test(a_shortage_here_does_not_eat_stock_there),
        cmocka_unit_test(many_rows_keep_their_places),
        cmocka_unit_test(a_kit_is_as_many_as_its_scarcest_component),
        cmocka_unit_test(distances_are_those_of_the_sphere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
