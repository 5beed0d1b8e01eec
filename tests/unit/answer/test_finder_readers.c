/* The store finder while the writer changes places and stock. For the thread sanitizer above all. */
#include "finder_world.h"

#include <pthread.h>
#include <stdatomic.h>

struct shared {
    struct world *world;
    _Atomic bool over;
    _Atomic unsigned broken, looks;
};

enum { STAYING = 2900 };

/* What stays is found where it is; all that is found has what was asked for, in order. */
static void *read_on(void *context)
{
    struct shared *s = context;
    struct world *w = s->world;
    struct epoch_reader *r = epoch_register(w->epoch);
    struct finder_room room = {0};
    struct near_place places[20 + FINDER_TURN];
    struct query_row *rows = calloc(20 + FINDER_TURN, sizeof(*rows));
    unsigned seed = 5;

    while (!atomic_load(&s->over)) {
        struct finder_line line = {w->sku[rand_r(&seed) % SKUS], UNITS(1)};
        struct question q = {0};
        struct finder f = {.view = &w->view,
                           .question = &q,
                           .room = &room,
                           .lines_count = 1,
                           .lines = &line,
                           .near =
                               near_from(50 * E7 + rand_r(&seed) % (6 * E7), rand_r(&seed) % (2 * E7), 0)};
        epoch_enter(r);
        size_t found = finder_find(&f, places, rows, 20);
        bool whole = line.sku != w->sku[0] || found == 20;
        for (size_t i = 0; i < found; i++)
            whole &= rows[i].figure.available >= UNITS(1) && rows[i].location == places[i].number &&
                     (!i || near_place_before(&places[i - 1], &places[i]));
        epoch_exit(r);
        if (!whole)
            atomic_fetch_add(&s->broken, 1);
        atomic_fetch_add(&s->looks, 1);
    }
    free(rows);
    finder_room_finish(&room);
    epoch_unregister(r);
    return NULL;
}

static void change(struct world *w, int round)
{
    uint32_t number = any(w, w->places);
    char id[128];
    const struct location *l = catalogue_location_at(w->catalogue, number);

    snprintf(id, sizeof(id), "%.*s", (int)l->id.length, l->id.at);
    if (round % 3) {
        set(w, sku_named(w, "half"), number, UNITS(any(w, 3)));
    } else if (number >= STAYING) {
        if (any(w, 3))
            put_at(w, id, 50 + any(w, 600) * 0.01, any(w, 200) * 0.01);
        else
            put(w, id, NULL, true);
    }
    epoch_poll(w->epoch, 100);
}

static void readers_ask_while_the_writer_changes_places_and_stock(void **unused)
{
    struct shared s = {.world = begin()};
    pthread_t readers[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_on, &s);
    for (int round = 0; round < 20000 || atomic_load(&s.looks) < 100; round++)
        change(s.world, round);
    atomic_store(&s.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&s.broken), 0);
    end(s.world);
}

/* ---- an item that is nearly sold out, and comes and goes elsewhere ---- */

enum { SCARCE = 3, NEAREST = 8 };

/* What stays is found, unless as many nearer ones were. */
static bool is_complete(const struct world *w, const struct near_question *from,
                        const struct near_place *found, size_t count)
{
    for (uint32_t i = 0; i < w->places; i++) {
        const struct location *l = catalogue_location_at(w->catalogue, i);
        struct near_place p = {sphere_chord2(&from->from, &l->point), i};
        bool listed = count == NEAREST && near_place_before(&found[count - 1], &p);
        if (w->available[SCARCE][i] < UNITS(1) || l->deleted || !l->has_position)
            continue;
        for (size_t k = 0; k < count; k++)
            listed |= found[k].number == i;
        if (!listed)
            return false;
    }
    return true;
}

static void *ask_for_the_scarce(void *context)
{
    struct shared *s = context;
    struct world *w = s->world;
    struct epoch_reader *r = epoch_register(w->epoch);
    struct finder_room room = {0};
    struct near_place places[NEAREST + FINDER_TURN];
    struct query_row *rows = calloc(2 * (NEAREST + FINDER_TURN), sizeof(*rows));
    struct finder_line lines[2] = {{w->sku[SCARCE], UNITS(1)}, {w->sku[0], UNITS(1)}};
    unsigned seed = 5;

    while (!atomic_load(&s->over)) {
        struct question q = {0};
        struct finder f = {.view = &w->view,
                           .question = &q,
                           .room = &room,
                           .lines_count = 1 + rand_r(&seed) % 2,
                           .lines = lines,
                           .near =
                               near_from(50 * E7 + rand_r(&seed) % (6 * E7), rand_r(&seed) % (2 * E7), 0)};
        epoch_enter(r);
        size_t found = finder_find(&f, places, rows, NEAREST);
        bool whole = is_complete(w, &f.near, places, found);
        for (size_t i = 0; i < found; i++)
            whole &= rows[i * f.lines_count].figure.available >= UNITS(1) &&
                     (!i || near_place_before(&places[i - 1], &places[i]));
        epoch_exit(r);
        if (!whole)
            atomic_fetch_add(&s->broken, 1);
        atomic_fetch_add(&s->looks, 1);
    }
    free(rows);
    finder_room_finish(&room);
    epoch_unregister(r);
    return NULL;
}

/* By turns it comes to more places, until these are too many to be listed, and leaves them. */
static void change_the_scarce(struct world *w, struct sku *s, int round)
{
    uint32_t number = any(w, w->places);
    bool comes = round / 2000 % 2 ? any(w, 4) == 0 : any(w, 20) == 0;

    if (w->available[SCARCE][number] < UNITS(1))
        set(w, s, number, comes ? UNITS(1 + any(w, 3)) : any(w, 2) ? 0 : -UNITS(1));
    epoch_poll(w->epoch, 100);
}

static void what_is_nearly_sold_out_is_found_wherever_it_stays(void **unused)
{
    struct shared s = {.world = begin()};
    struct sku *scarce = sku_named(s.world, "sold out nearly everywhere");
    pthread_t readers[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, ask_for_the_scarce, &s);
    for (int round = 0; round < 60000 || atomic_load(&s.looks) < 1000; round++)
        change_the_scarce(s.world, scarce, round);
    atomic_store(&s.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&s.broken), 0);
    end(s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_nearly_sold_out_is_found_wherever_it_stays),
        cmocka_unit_test(readers_ask_while_the_writer_changes_places_and_stock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
