/* Points of the sphere, and the tree of places, against looking at all of them. */
#include "core/answer/query.h"
#include "core/model/nearby.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <cmocka.h>

enum { E7 = 10000000, PLACES = 3000 };

/* ---- points ---- */

static int64_t rounded(double x)
{
    return llround(x * (double)(INT64_C(1) << SPHERE_UNIT_BITS));
}

/* A double has 53 bits: it says the 40 of a coordinate but for the last step. */
static void assert_near(int64_t a, int64_t b)
{
    assert_true(llabs(a - b) <= 1);
}

static void points_are_where_floating_point_has_them(void **unused)
{
    unsigned seed = 3;

    for (int i = 0; i < 100000; i++) {
        int32_t latitude = (int32_t)(rand_r(&seed) % 1800000001u) - 900000000;
        int32_t longitude = (int32_t)((int64_t)rand_r(&seed) * 2 % 3600000001 - 1800000000);
        double a = latitude * (M_PI / 1800000000.0), b = longitude * (M_PI / 1800000000.0);
        struct sphere_point p = sphere_point_of(latitude, longitude);
        assert_near(p.x, rounded(cos(a) * cos(b)));
        assert_near(p.y, rounded(cos(a) * sin(b)));
        assert_near(p.z, rounded(sin(a)));
    }
}

static void assert_point(struct sphere_point p, int64_t x, int64_t y, int64_t z)
{
    const int64_t one = INT64_C(1) << SPHERE_UNIT_BITS;
    assert_true(p.x == x * one && p.y == y * one && p.z == z * one);
}

static void poles_and_date_line_are_one_point_whatever_they_are_called(void **unused)
{
    assert_point(sphere_point_of(0, 0), 1, 0, 0);
    assert_point(sphere_point_of(0, 180 * E7), -1, 0, 0);
    assert_point(sphere_point_of(0, -180 * E7), -1, 0, 0);
    assert_point(sphere_point_of(0, -90 * E7), 0, -1, 0);
    for (int longitude = -180; longitude <= 180; longitude += 15) {
        assert_point(sphere_point_of(90 * E7, longitude * E7), 0, 0, 1);
        assert_point(sphere_point_of(-90 * E7, longitude * E7), 0, 0, -1);
    }
}

static void a_reach_is_a_distance_on_the_surface(void **unused)
{
    struct sphere_point here = sphere_point_of(0, 0);
    /* 1 degree is 111,195.08 m */
    struct sphere_point there = sphere_point_of(0, E7);

    assert_true(sphere_chord2(&here, &there) <= sphere_reach(111196));
    assert_true(sphere_chord2(&here, &there) > sphere_reach(111195));
    there = sphere_point_of(0, 180 * E7); /* 20,015,114.35 m */
    assert_true(sphere_chord2(&here, &there) <= sphere_reach(20015115));
    assert_true(sphere_chord2(&here, &there) > sphere_reach(20015000));
    assert_true(sphere_reach(20015115) == CHORD2_ANY && sphere_reach(UINT64_MAX) == CHORD2_ANY);
    assert_true(sphere_reach(0) == 0);
}

/* ---- the tree ---- */

struct place {
    struct sphere_point at;
    bool there;
};

struct world {
    struct epoch *epoch;
    struct nearby tree;
    unsigned seed;
    struct place place[PLACES];
};

static struct world *begin(void)
{
    struct world *w = calloc(1, sizeof(*w));
    w->epoch = w->tree.epoch = epoch_create();
    w->seed = 11;
    return w;
}

static void end(struct world *w)
{
    nearby_finish(&w->tree);
    epoch_destroy(w->epoch);
    free(w);
}

/* Anywhere, on a coarse grid with many at one point, in one town, round a pole, along the date line. */
static struct sphere_point any_point(unsigned *seed)
{
    int32_t a = rand_r(seed) % 1000000, b = rand_r(seed) % 1000000;

    switch (rand_r(seed) % 5) {
    case 0:
        return sphere_point_of((a - 500000) * 1800, (b - 500000) * 3600);
    case 1:
        return sphere_point_of((a % 7 - 3) * 10 * E7, (b % 5 - 2) * 90 * E7);
    case 2:
        return sphere_point_of(52 * E7 + a, 13 * E7 + b);
    case 3:
        return sphere_point_of((a % 2 ? 1 : -1) * (90 * E7 - a), (b - 500000) * 3600);
    default:
        return sphere_point_of((a - 500000) * 1800, (b % 2 ? 1 : -1) * (180 * E7 - b));
    }
}

static void set(struct world *w, uint32_t number, bool there)
{
    struct place *p = &w->place[number];
    struct nearby_change c;

    nearby_begin(&w->tree, &c);
    if (p->there)
        nearby_remove(&c, &p->at, number);
    p->there = there;
    p->at = any_point(&w->seed);
    if (there)
        nearby_add(&c, &p->at, number);
    assert_false(c.failed);
    nearby_commit(&w->tree, &c);
    epoch_poll(w->epoch, 100);
}

static int in_order(const void *left, const void *right)
{
    const struct near_place *a = left, *b = right;
    return near_place_before(a, b) ? -1 : near_place_before(b, a);
}

static size_t find_by_looking_at_all(const struct world *w, const struct near_question *q,
                                     struct near_place *ret)
{
    size_t count = 0;

    for (uint32_t i = 0; i < PLACES; i++) {
        struct near_place p = {sphere_chord2(&q->from, &w->place[i].at), i};
        if (w->place[i].there && p.chord2 <= q->reach && (!q->goes_on || near_place_before(&q->after, &p)))
            ret[count++] = p;
    }
    qsort(ret, count, sizeof(*ret), in_order);
    return count;
}

static void assert_same(const struct near_place *a, const struct near_place *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(a[i].number == b[i].number && a[i].chord2 == b[i].chord2);
}

static void ask(struct world *w)
{
    static struct near_place all[PLACES], some[PLACES];
    static const size_t sizes[] = {1, 10, 100, PLACES};
    struct near_question q = {.from = any_point(&w->seed), .reach = CHORD2_ANY};

    if (rand_r(&w->seed) % 3 == 0)
        q.reach = sphere_reach((uint64_t)rand_r(&w->seed) % 5000000);
    size_t count = find_by_looking_at_all(w, &q, all), at = 0, size = sizes[rand_r(&w->seed) % 4];
    while (true) { /* page after page */
        size_t found = nearby_find(&w->tree, &q, some, size);
        assert_int_equal(found, count - at < size ? count - at : size);
        assert_same(some, all + at, found);
        at += found;
        if (found < size)
            break;
        q.goes_on = true;
        q.after = some[found - 1];
    }
    assert_int_equal(at, count);
}

static void the_tree_finds_what_looking_at_all_finds(void **unused)
{
    struct world *w = begin();
    size_t there = 0;

    ask(w);
    for (int round = 0; round < 20000; round++) {
        uint32_t number = (uint32_t)rand_r(&w->seed) % PLACES;
        /* it grows, and shrinks again */
        set(w, number, (unsigned)rand_r(&w->seed) % 20000 < (unsigned)(round < 10000 ? 16000 : 4000));
        if (round % 100 == 0)
            ask(w);
    }
    for (uint32_t i = 0; i < PLACES; i++)
        there += w->place[i].there;
    assert_int_equal(nearby_count(&w->tree), there);
    for (uint32_t i = 0; i < PLACES; i++)
        set(w, i, false);
    assert_int_equal(nearby_count(&w->tree), 0);
    assert_null(atomic_load(&w->tree.root));
    ask(w);
    end(w);
}

static void many_at_one_point_are_told_apart_by_number(void **unused)
{
    struct world *w = begin();
    struct near_question q = {.from = sphere_point_of(0, 0), .reach = CHORD2_ANY};
    struct near_place found[PLACES];

    for (uint32_t i = 0; i < PLACES; i++) {
        struct nearby_change c;
        nearby_begin(&w->tree, &c);
        nearby_add(&c, &(struct sphere_point){0}, PLACES - 1 - i);
        nearby_commit(&w->tree, &c);
    }
    assert_int_equal(nearby_find(&w->tree, &q, found, PLACES), PLACES);
    for (uint32_t i = 0; i < PLACES; i++)
        assert_int_equal(found[i].number, i);
    end(w);
}

/* What is given up leaves no trace, and nothing behind. */
static void a_change_that_is_abandoned_was_never_there(void **unused)
{
    struct world *w = begin();
    struct nearby_change c;

    for (uint32_t i = 0; i < 200; i++)
        set(w, i, true);
    for (uint32_t i = 0; i < 200; i++) {
        struct sphere_point elsewhere = any_point(&w->seed);
        nearby_begin(&w->tree, &c);
        nearby_remove(&c, &w->place[i].at, i);
        nearby_add(&c, &elsewhere, i);
        nearby_abandon(&c);
    }
    ask(w);
    assert_int_equal(nearby_count(&w->tree), 200);
    end(w);
}

/* ---- readers, while it changes ---- */

struct shared {
    struct world *world;
    _Atomic bool over;
    _Atomic unsigned broken, looks;
};

enum { STAYING = 100 };

/* Those that stay are always found, wherever the others are at that moment; and what is found is in order. */
static void *read_on(void *context)
{
    struct shared *s = context;
    struct epoch_reader *r = epoch_register(s->world->epoch);
    struct near_place *found = calloc(PLACES, sizeof(*found));
    unsigned seed = 5;

    while (!atomic_load(&s->over)) {
        struct near_question q = {.from = any_point(&seed), .reach = CHORD2_ANY};
        unsigned staying = 0;
        epoch_enter(r);
        size_t count = nearby_find(&s->world->tree, &q, found, PLACES);
        epoch_exit(r);
        for (size_t i = 0; i < count; i++) {
            staying += found[i].number < STAYING;
            if (i && !near_place_before(&found[i - 1], &found[i]))
                atomic_fetch_add(&s->broken, 1);
        }
        if (staying != STAYING)
            atomic_fetch_add(&s->broken, 1);
        atomic_fetch_add(&s->looks, 1);
    }
    free(found);
    epoch_unregister(r);
    return NULL;
}

static void readers_see_all_places_as_they_were_at_one_moment(void **unused)
{
    struct shared s = {.world = begin()};
    pthread_t readers[2];

    for (uint32_t i = 0; i < 600; i++)
        set(s.world, i, true);
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_on, &s);
    for (int round = 0; round < 20000 || atomic_load(&s.looks) < 20; round++) {
        /* moved in one change: it is never nowhere, and never twice */
        uint32_t number = (uint32_t)rand_r(&s.world->seed) % 600;
        set(s.world, number, number < STAYING || round % 5);
    }
    atomic_store(&s.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&s.broken), 0);
    epoch_drain(s.world->epoch);
    end(s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_where_floating_point_has_them),
        cmocka_unit_test(poles_and_date_line_are_one_point_whatever_they_are_called),
        cmocka_unit_test(a_reach_is_a_distance_on_the_surface),
        cmocka_unit_test(the_tree_finds_what_looking_at_all_finds),
        cmocka_unit_test(many_at_one_point_are_told_apart_by_number),
        cmocka_unit_test(a_change_that_is_abandoned_was_never_there),
        cmocka_unit_test(readers_see_all_places_as_they_were_at_one_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
