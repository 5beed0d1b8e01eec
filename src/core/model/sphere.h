/* Places on the sphere in integers: points, and distances that compare the same everywhere, poles and date
 * line included. */
#ifndef CORE_MODEL_SPHERE_H
#define CORE_MODEL_SPHERE_H

#include <stdint.h>

/* A point of the unit sphere, times 2^40: a step is 6 micrometres of the Earth's surface. */
enum { SPHERE_UNIT_BITS = 40 };
struct sphere_point {
    int64_t x, y, z;
};

/* The square of a straight distance between two points: it grows with the distance on the surface, and so it
 * orders places. At most 2^82 (but for roundings). */
__extension__ typedef unsigned __int128 chord2_t;
#define CHORD2_ANY (~(chord2_t)0) /* farther than any */

/* Angles in 10^-7 degrees: -900,000,000 to 900,000,000 and -1,800,000,000 to 1,800,000,000. */
struct sphere_point sphere_point_of(int32_t latitude_e7, int32_t longitude_e7);
/* What a distance on the surface of the Earth (radius 6,371,008.8 m) comes to. */
chord2_t sphere_reach(uint64_t metres);

static inline chord2_t sphere_square(int64_t a)
{
    uint64_t size = (uint64_t)(a < 0 ? -a : a);
    return (chord2_t)size * size;
}

static inline chord2_t sphere_chord2(const struct sphere_point *a, const struct sphere_point *b)
{
    return sphere_square(a->x - b->x) + sphere_square(a->y - b->y) + sphere_square(a->z - b->z);
}

#endif
