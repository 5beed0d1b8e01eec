/* The real libraries of England and places at the ends of the world, with stock of all densities. */
#ifndef TESTS_ANSWER_FINDER_WORLD_H
#define TESTS_ANSWER_FINDER_WORLD_H

#include "base/hash.h"
#include "core/answer/finder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define UNITS(n) ((milli_t)(n)*1000)
#define E7 10000000

enum { PLACES_MOST = 4000, SKUS = 8 };

struct world {
    struct epoch *epoch;
    struct epoch_reader *reader;
    struct table *table;
    struct catalogue *catalogue;
    struct view view;
    struct finder_room room;
    struct id_order order;
    uint32_t places;
    const struct sku *sku[SKUS];
    milli_t available[SKUS][PLACES_MOST];
    unsigned seed;
};

static unsigned any(struct world *w, unsigned below)
{
    return (unsigned)rand_r(&w->seed) % below;
}

/* ---- places ---- */

static void put(struct world *w, const char *id, const struct location *l, bool deleted)
{
    struct event_verdict v;
    struct reference_said r = {.id = text_of(id), .decoded = l, .deleted = deleted};

    assert_int_equal(catalogue_put_location(w->catalogue, &r, 1, 1, PLACES_MOST, &v), 0);
    w->places = catalogue_locations_count(w->catalogue);
    assert_true(w->places <= PLACES_MOST);
}

static void put_at(struct world *w, const char *id, double latitude, double longitude)
{
    struct location l = {.enabled = true,
                         .has_position = true,
                         .latitude_e7 = (int32_t)llround(latitude * E7),
                         .longitude_e7 = (int32_t)llround(longitude * E7)};
    put(w, id, &l, false);
}

static void put_libraries(struct world *w)
{
    FILE *file = fopen(LIBRARIES, "re");
    char line[100], id[16];
    double latitude, longitude;

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    while (fgets(line, sizeof(line), file)) {
        assert_int_equal(sscanf(line, "%15[^,],%lf,%lf", id, &latitude, &longitude), 3);
        put_at(w, id, latitude, longitude);
    }
    fclose(file);
    assert_int_equal(w->places, 2945);
}

static void put_others(struct world *w)
{
    char id[32];

    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "pole-%d", i);
        put_at(w, id, (i % 2 ? 1 : -1) * (90 - any(w, 1000) * 0.001), any(w, 360) - 180.0);
        snprintf(id, sizeof(id), "line-%d", i);
        put_at(w, id, any(w, 20) - 10.0, (any(w, 2) ? 1 : -1) * (180 - any(w, 100) * 0.01));
        snprintf(id, sizeof(id), "gone-%d", i);
        put_at(w, id, 52 + i * 0.01, 0);
        put(w, id, NULL, true);
        snprintf(id, sizeof(id), "nowhere-%d", i);
        put(w, id, &(struct location){.enabled = true}, false);
    }
}

/* ---- stock ---- */

static struct sku *sku_named(struct world *w, const char *text)
{
    return table_add(w->table, text_of(text), hash_text(text_of(text)));
}

static void set(struct world *w, struct sku *s, uint32_t location, milli_t on_hand)
{
    struct row_image r = {
        .word = {row_who(location, 1), (uint64_t)on_hand, 0, 0, 0, 0, row_version(1, 0, ROW_COUNTED), 0}};
    assert_int_equal(table_publish(w->table, s, &r, 1), 0);
}

/* Of a hundred places so many have a row, and of a hundred of these so many have something. */
static void fill(struct world *w, int number, const char *name, unsigned rows, unsigned stocked)
{
    struct sku *s = sku_named(w, name);

    for (uint32_t i = 0; i < w->places; i++)
        if (any(w, 1000) < rows)
            set(w, s, i, any(w, 1000) < stocked ? UNITS(1 + any(w, 9)) : any(w, 2) ? 0 : -UNITS(3));
    w->sku[number] = s;
}

static void put_kit(struct world *w, int number)
{
    struct component parts[] = {{TEXT("most"), UNITS(2)}, {TEXT("few rows"), UNITS(1)}};
    struct item i = {.step = 1, .release_at = INSTANT_NONE, .components_count = 2, .components = parts};
    struct sku *s = sku_named(w, "kit");
    struct event_verdict v;

    assert_int_equal(catalogue_put_item(w->catalogue, s,
                                        &(struct reference_said){.id = TEXT("kit"), .decoded = &i}, 1, 1, &v),
                     0);
    w->sku[number] = s;
}

static void know_stock(struct world *w)
{
    static struct query_row rows[PLACES_MOST];
    uint32_t numbers[PLACES_MOST];
    milli_t total;

    for (uint32_t i = 0; i < w->places; i++)
        numbers[i] = i;
    for (int s = 0; s < SKUS; s++) {
        query_locations(&w->view, w->sku[s], &(struct question){0}, numbers, w->places, rows, &total);
        for (uint32_t i = 0; i < w->places; i++)
            w->available[s][i] = rows[i].figure.available;
    }
}

static struct world *begin(void)
{
    struct world *w = calloc(1, sizeof(*w));

    w->seed = 7;
    w->epoch = epoch_create();
    w->reader = epoch_register(w->epoch);
    w->table = table_create(&(struct table_options){.epoch = w->epoch});
    w->catalogue = catalogue_create(w->epoch);
    w->view.table = w->table;
    w->view.catalogue = w->catalogue;
    put_libraries(w);
    put_others(w);
    fill(w, 0, "everywhere", 1000, 1000);
    fill(w, 1, "most", 900, 800);
    fill(w, 2, "half", 1000, 500);
    fill(w, 3, "sold out nearly everywhere", 1000, 5);
    fill(w, 4, "few rows", 30, 900);
    fill(w, 5, "very few rows", 3, 1000);
    fill(w, 6, "nowhere any more", 500, 0);
    put_kit(w, 7);
    know_stock(w);
    assert_int_equal(id_order_follow(&w->order, w->catalogue), 0);
    return w;
}

static void end(struct world *w)
{
    for (uint32_t i = 0; i < table_sku_count(w->table); i++)
        free((void *)(uintptr_t)sku_item(table_sku(w->table, i)));
    finder_room_finish(&w->room);
    id_order_finish(&w->order);
    table_destroy(w->table);
    catalogue_destroy(w->catalogue);
    epoch_unregister(w->reader);
    epoch_destroy(w->epoch);
    free(w);
}

#endif
