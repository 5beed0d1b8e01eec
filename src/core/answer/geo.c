/* Distances on the sphere and the places nearest to a point. Floating point orders answers here and decides
 * nothing in the log. */
#include "core/answer/query.h"

#include <math.h>

#define EARTH_RADIUS_M 6371008.8
#define RADIANS_PER_E7 (M_PI / 1800000000.0)

double distance_m(int32_t latitude_a_e7, int32_t longitude_a_e7, int32_t latitude_b_e7,
                  int32_t longitude_b_e7)
{
    double a = latitude_a_e7 * RADIANS_PER_E7, b = latitude_b_e7 * RADIANS_PER_E7;
    double half_latitude = sin((b - a) / 2);
    double half_longitude = sin(((double)longitude_b_e7 - longitude_a_e7) * RADIANS_PER_E7 / 2);
    double h = half_latitude * half_latitude + cos(a) * cos(b) * half_longitude * half_longitude;

    return 2 * EARTH_RADIUS_M * asin(sqrt(h < 1 ? h : 1));
}

/* The nearest ones so far as a heap with the farthest on top, kept in the caller's two arrays. */
struct nearest {
    uint32_t *location;
    double *distance_m;
    size_t count, most;
};

static bool is_farther(const struct nearest *n, size_t a, size_t b)
{
    if (n->distance_m[a] != n->distance_m[b])
        return n->distance_m[a] > n->distance_m[b];
    return n->location[a] > n->location[b];
}

static void swap(struct nearest *n, size_t a, size_t b)
{
    uint32_t location = n->location[a];
    double distance = n->distance_m[a];

    n->location[a] = n->location[b];
    n->distance_m[a] = n->distance_m[b];
    n->location[b] = location;
    n->distance_m[b] = distance;
}

static void sink(struct nearest *n, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && is_farther(n, child + 1, child))
            child++;
        if (child >= count || !is_farther(n, child, at))
            return;
        swap(n, at, child);
        at = child;
    }
}

static void rise(struct nearest *n, size_t at)
{
    for (; at && is_farther(n, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(n, at, (at - 1) / 2);
}

static void offer(struct nearest *n, uint32_t location, double metres)
{
    if (n->count < n->most) {
        n->location[n->count] = location;
        n->distance_m[n->count] = metres;
        rise(n, n->count++);
    } else if (metres < n->distance_m[0]) { /* at a tie the lower number, which came first, stays */
        n->location[0] = location;
        n->distance_m[0] = metres;
        sink(n, 0, n->count);
    }
}

static void sort(struct nearest *n)
{
    for (size_t left = n->count; left > 1; left--) {
        swap(n, 0, left - 1);
        sink(n, 0, left - 1);
    }
}

size_t query_near(const struct view *v, int32_t latitude_e7, int32_t longitude_e7, double within_m,
                  uint32_t *ret_locations, double *ret_distances_m, size_t most)
{
    struct nearest n = {ret_locations, ret_distances_m, 0, most};
    uint32_t count = most ? catalogue_locations_count(v->catalogue) : 0;
    double bound = within_m > 0 ? within_m : INFINITY;

    for (uint32_t i = 0; i < count; i++) {
        const struct location *l = catalogue_location_at(v->catalogue, i);
        if (!l || l->deleted || !l->has_position)
            continue;
        /* Along a meridian alone it is at least this far: spares most places the sines. */
        double at_least = fabs((double)l->latitude_e7 - latitude_e7) * RADIANS_PER_E7 * EARTH_RADIUS_M;
        if (at_least * (1 - 1e-9) > bound)
            continue;
        double metres = distance_m(latitude_e7, longitude_e7, l->latitude_e7, l->longitude_e7);
        if (metres > bound)
            continue;
        offer(&n, i, metres);
        if (n.count == most)
            bound = n.distance_m[0];
    }
    sort(&n);
    return n.count;
}
