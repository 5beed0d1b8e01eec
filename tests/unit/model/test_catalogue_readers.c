/* Readers look at the catalogue while it changes: whatever they find is whole. For the thread sanitizer above
 * all. */
#include "core/model/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <cmocka.h>

enum { PLACES = 300, GROUPS = 10, ROUNDS = 3000 };

struct shared {
    struct epoch *epoch;
    struct catalogue *catalogue;
    _Atomic bool over;
    _Atomic unsigned broken, looks;
};

/* A location's name repeats its id; a group's locations exist and are of it. */
static bool is_whole(const struct catalogue *c, unsigned *seed)
{
    char id[32];
    struct text t = {id, (size_t)snprintf(id, sizeof(id), "place-%d", rand_r(seed) % PLACES)};
    const struct location *l = catalogue_location(c, t);

    if (l && (!text_equal(l->id, t) || (l->name.length && !text_equal(l->name, t)) ||
              catalogue_location_at(c, l->number)->number != l->number))
        return false;
    t.length = (size_t)snprintf(id, sizeof(id), "group-%d", rand_r(seed) % GROUPS);
    const struct group *g = catalogue_group(c, t);
    for (uint32_t i = 0; g && i < g->locations_count; i++)
        if (!catalogue_location_at(c, g->locations[i]))
            return false;
    uint32_t count = catalogue_locations_count(c);
    return !count || catalogue_location_at(c, count - 1);
}

static void *read_on(void *context)
{
    struct shared *s = context;
    struct epoch_reader *r = epoch_register(s->epoch);
    unsigned seed = 5;

    while (!atomic_load(&s->over)) {
        epoch_enter(r);
        for (int i = 0; i < 20; i++)
            if (!is_whole(s->catalogue, &seed))
                atomic_fetch_add(&s->broken, 1);
        epoch_exit(r);
        atomic_fetch_add(&s->looks, 1);
    }
    epoch_unregister(r);
    return NULL;
}

static void change(struct shared *s, unsigned *seed, int round)
{
    char id[32], member[4][32];
    struct text members[4], t = {id, (size_t)snprintf(id, sizeof(id), "place-%d", rand_r(seed) % PLACES)};
    struct location l = {.enabled = true, .name = t};
    struct group g = {.members = members, .members_count = 4};
    struct event_verdict v;
    uint32_t number;
    bool is_new;

    if (round % 3 == 0)
        assert_int_equal(catalogue_location_add(s->catalogue, t, PLACES, &number, &is_new), 0);
    else if (round % 3 == 1)
        assert_int_equal(catalogue_put_location(
                             s->catalogue,
                             &(struct reference_said){.id = t, .decoded = &l, .deleted = round % 7 == 0},
                             round, 1, PLACES, &v),
                         0);
    for (int i = 0; i < 4; i++)
        members[i] = (struct text){member[i], (size_t)snprintf(member[i], 32, i ? "place-%d" : "group-%d",
                                                               rand_r(seed) % (i ? PLACES : GROUPS))};
    t.length = (size_t)snprintf(id, sizeof(id), "group-%d", rand_r(seed) % GROUPS);
    if (round % 3 == 2)
        assert_int_equal(catalogue_put_group(s->catalogue, &(struct reference_said){.id = t, .decoded = &g},
                                             round, 1, GROUPS, &v),
                         0);
}

static void readers_find_whole_objects_while_they_change(void **unused)
{
    struct shared s = {.epoch = epoch_create()};
    pthread_t reader;
    unsigned seed = 9;

    s.catalogue = catalogue_create(s.epoch);
    assert_int_equal(pthread_create(&reader, NULL, read_on, &s), 0);
    for (int round = 0; round < ROUNDS || atomic_load(&s.looks) < 10; round++) {
        change(&s, &seed, round);
        epoch_poll(s.epoch, 16);
    }
    atomic_store(&s.over, true);
    pthread_join(reader, NULL);
    assert_int_equal(atomic_load(&s.broken), 0);
    catalogue_destroy(s.catalogue);
    epoch_destroy(s.epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_find_whole_objects_while_they_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
