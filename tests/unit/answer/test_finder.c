/* The store finder against looking at every place: baskets, filters, pages. */
#include "finder_world.h"

enum { QUESTIONS = 10000, MOST = 60 };

struct asked {
    size_t lines_count;
    int sku[3];
    milli_t quantity[3];
    int32_t latitude_e7, longitude_e7;
    uint64_t within_m;
    bool by_id, odd_only;
    const struct group *group;
};

static bool is_odd(void *context, const struct location *l)
{
    return l->number % 2;
}

static void any_point(struct world *w, struct asked *a)
{
    switch (any(w, 5)) {
    case 0: /* anywhere */
        a->latitude_e7 = (int32_t)(any(w, 1800000001) - 900000000);
        a->longitude_e7 = (int32_t)((int64_t)any(w, 1800000001) * 2 - 1800000000);
        break;
    case 1: /* poles */
        a->latitude_e7 = (any(w, 2) ? 1 : -1) * (90 * E7 - (int32_t)any(w, E7));
        a->longitude_e7 = (int32_t)any(w, 360 * (unsigned)E7) - 180 * E7;
        break;
    case 2: /* the date line */
        a->latitude_e7 = (int32_t)any(w, 20 * E7) - 10 * E7;
        a->longitude_e7 = (any(w, 2) ? 1 : -1) * (180 * E7 - (int32_t)any(w, 2 * E7));
        break;
    default: /* England */
        a->latitude_e7 = 50 * E7 + (int32_t)any(w, 6 * E7);
        a->longitude_e7 = -6 * E7 + (int32_t)any(w, 8 * E7);
    }
}

static struct asked any_question(struct world *w)
{
    struct asked a = {.lines_count = any(w, 4), .by_id = any(w, 4) == 0, .odd_only = any(w, 4) == 0};

    for (size_t i = 0; i < a.lines_count; i++) {
        a.sku[i] = (int)((any(w, SKUS) + i) % SKUS);
        a.quantity[i] = any(w, 5) ? UNITS(1 + any(w, 6)) : 0;
    }
    any_point(w, &a);
    if (any(w, 3) == 0)
        a.within_m = 1 + any(w, 400000);
    if (any(w, 5) == 0)
        a.group = catalogue_group_at(w->catalogue, any(w, catalogue_groups_count(w->catalogue)));
    return a;
}

struct candidate {
    double distance_m; /* straight through the Earth */
    const struct location *place;
};

static int by_distance(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    if (a->distance_m != b->distance_m)
        return a->distance_m < b->distance_m ? -1 : 1;
    return a->place->number < b->place->number ? -1 : 1;
}

static int by_id(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return text_compare(a->place->id, b->place->id);
}

static bool qualifies(const struct world *w, const struct asked *a, const struct location *l)
{
    if (l->deleted || (!a->by_id && !l->has_position) || (a->odd_only && l->number % 2 == 0) ||
        (a->group && !group_has(a->group, l->number)))
        return false;
    for (size_t i = 0; i < a->lines_count; i++)
        if (w->available[a->sku[i]][l->number] < a->quantity[i])
            return false;
    return true;
}

/* In floating point, as nothing in the finder is. */
struct vector {
    double x, y, z;
};

static struct vector vector_of(int32_t latitude_e7, int32_t longitude_e7)
{
    double latitude = latitude_e7 * (M_PI / 1800000000.0), longitude = longitude_e7 * (M_PI / 1800000000.0);
    return (struct vector){cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)};
}

#define EARTH_M 6371008.8

static double straight_m(struct vector a, struct vector b)
{
    double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
    return EARTH_M * sqrt(x * x + y * y + z * z);
}

/* The first `most` of those that qualify, and how many there are in all. */
static size_t find_by_looking_at_all(const struct world *w, const struct asked *a, struct candidate *ret,
                                     size_t most)
{
    static struct vector at[PLACES_MOST];
    struct vector from = vector_of(a->latitude_e7, a->longitude_e7);
    double reach_m = a->within_m ? 2 * EARTH_M * sin((double)a->within_m / (2 * EARTH_M)) : INFINITY;
    double bound_m = INFINITY;
    size_t count = 0, kept = 0;

    for (uint32_t i = 0; i < w->places; i++) {
        const struct location *l = catalogue_location_at(w->catalogue, i);
        if (!at[i].x)
            at[i] = vector_of(l->latitude_e7, l->longitude_e7);
        double distance_m = straight_m(from, at[i]);
        if (!qualifies(w, a, l) || (!a->by_id && distance_m > reach_m))
            continue;
        count++;
        if (distance_m > bound_m)
            continue;
        ret[kept++] = (struct candidate){distance_m, l};
        if (kept == 2 * most) {
            qsort(ret, kept, sizeof(*ret), a->by_id ? by_id : by_distance);
            kept = most;
            bound_m = a->by_id ? INFINITY : ret[most - 1].distance_m;
        }
    }
    qsort(ret, kept, sizeof(*ret), a->by_id ? by_id : by_distance);
    return count;
}

static void check_rows(const struct world *w, const struct asked *a, const struct near_place *p,
                       const struct query_row *rows)
{
    for (size_t i = 0; i < a->lines_count; i++) {
        assert_int_equal(rows[i].location, p->number);
        assert_int_equal(rows[i].figure.available, w->available[a->sku[i]][p->number]);
        assert_true(rows[i].figure.available >= a->quantity[i]);
    }
}

/* Three pages, each of any size; places exactly as far as each other (0.1 mm) may come either way. */
static void ask(struct world *w, const struct asked *a)
{
    static struct candidate all[2 * 3 * MOST];
    static struct query_row rows[(MOST + FINDER_TURN) * 3];
    struct near_place places[MOST + FINDER_TURN];
    struct finder_line lines[3];
    size_t count = find_by_looking_at_all(w, a, all, (size_t)3 * MOST), at = 0;
    struct question q = {0};
    struct finder f = {.view = &w->view,
                       .question = &q,
                       .room = &w->room,
                       .lines_count = a->lines_count,
                       .lines = lines,
                       .near = near_from(a->latitude_e7, a->longitude_e7, a->within_m),
                       .order = a->by_id ? &w->order : NULL,
                       .group = a->group,
                       .is_wanted = a->odd_only ? is_odd : NULL};

    for (size_t i = 0; i < a->lines_count; i++)
        lines[i] = (struct finder_line){w->sku[a->sku[i]], a->quantity[i]};
    if (a->by_id)
        f.near.reach = CHORD2_ANY;
    for (int page = 0; page < 3; page++) {
        size_t most = 1 + any(w, MOST), found = finder_find(&f, places, rows, most);
        assert_int_equal(found, count - at < most ? count - at : most);
        assert_false(f.ended_early);
        for (size_t i = 0; i < found; i++) {
            const struct location *l = catalogue_location_at(w->catalogue, places[i].number);
            if (places[i].number != all[at + i].place->number)
                assert_true(!a->by_id && fabs(straight_m(vector_of(a->latitude_e7, a->longitude_e7),
                                                         vector_of(l->latitude_e7, l->longitude_e7)) -
                                              all[at + i].distance_m) < 1e-4);
            check_rows(w, a, &places[i], rows + i * a->lines_count);
        }
        at += found;
        if (found < most)
            return;
        f.near.goes_on = true;
        f.near.after = places[found - 1];
    }
}

static void group(struct world *w, const char *id, uint32_t step)
{
    static struct text members[PLACES_MOST];
    struct group g = {.members = members};
    struct event_verdict v;

    for (uint32_t i = 0; i < w->places; i += step)
        members[g.members_count++] = catalogue_location_at(w->catalogue, i)->id;
    assert_int_equal(catalogue_put_group(w->catalogue,
                                         &(struct reference_said){.id = text_of(id), .decoded = &g}, 1, 1, 99,
                                         &v),
                     0);
}

static void ten_thousand_questions_are_answered_as_by_looking_at_all(void **unused)
{
    struct world *w = begin();

    group(w, "small", 300);
    group(w, "large", 2);
    for (int i = 0; i < QUESTIONS; i++) {
        struct asked a = any_question(w);
        ask(w, &a);
    }
    end(w);
}

/* It ends after so many looks, says so, and goes on behind the last. */
static void it_can_be_asked_to_end_early(void **unused)
{
    struct world *w = begin();
    struct near_place places[PLACES_MOST + FINDER_TURN], some[10 + FINDER_TURN];
    static struct query_row rows[PLACES_MOST + FINDER_TURN];
    struct finder_line line = {w->sku[3], UNITS(1)};
    struct question q = {.at = 1}; /* so that no bits tell where it is */
    struct finder f = {.view = &w->view,
                       .question = &q,
                       .room = &w->room,
                       .lines_count = 1,
                       .lines = &line,
                       .near = near_from(52 * E7, 0, 0)};
    size_t all = finder_find(&f, places, rows, PLACES_MOST), at = 0;
    unsigned early = 0;

    assert_true(all > 5);
    f.looks_most = 100;
    for (;;) {
        size_t found = finder_find(&f, some, rows, 10);
        for (size_t i = 0; i < found; i++)
            assert_int_equal(some[i].number, places[at++].number);
        if (!f.ended_early && found < 10)
            break;
        early += f.ended_early;
        f.near.goes_on = true;
        f.near.after = f.ended_early ? f.last : some[found - 1];
    }
    assert_int_equal(at, all);
    assert_true(early > 0 || all < 10);
    end(w);
}

static void the_order_of_ids_follows_the_catalogue(void **unused)
{
    struct world *w = begin();
    char id[16];

    for (int round = 0; round < 50; round++) {
        for (unsigned i = 0; i < any(w, 5); i++) {
            snprintf(id, sizeof(id), "%u", any(w, 1000));
            put(w, id, &(struct location){.enabled = true}, false);
        }
        assert_int_equal(id_order_follow(&w->order, w->catalogue), 0);
        assert_int_equal(w->order.count, w->places);
        for (uint32_t i = 0; i < w->places; i++) {
            const struct location *l = catalogue_location_at(w->catalogue, w->order.numbers[i]);
            assert_int_equal(w->order.ranks[l->number], i);
            assert_int_equal(id_order_after(&w->order, w->catalogue, l->id), i + 1);
            if (i)
                assert_true(text_compare(catalogue_location_at(w->catalogue, w->order.numbers[i - 1])->id,
                                         l->id) < 0);
        }
    }
    assert_int_equal(id_order_after(&w->order, w->catalogue, TEXT("")), 0);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_questions_are_answered_as_by_looking_at_all),
        cmocka_unit_test(it_can_be_asked_to_end_early),
        cmocka_unit_test(the_order_of_ids_follows_the_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
