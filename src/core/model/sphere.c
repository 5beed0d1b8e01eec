/* Sines in integers, and points of the sphere made of them. */
#include "core/model/sphere.h"

__extension__ typedef unsigned __int128 wide;

#define EARTH_RADIUS_MM UINT64_C(6371008800)
enum {
    ONE_BITS = 62, /* 1 is 2^62 */
    QUARTER_E7 = 900000000,
    HALF_E7 = 1800000000,
    SINE_STEPS = 12
};
#define ONE (UINT64_C(1) << ONE_BITS)
#define RADIANS_PER_E7 UINT64_C(8642451851119134904)  /* π / 1.8e9 · 2^92 */
#define QUARTER_RADIANS UINT64_C(7244019458077122842) /* π / 2 · 2^62 */

static uint64_t times(uint64_t a, uint64_t b)
{
    return (uint64_t)((wide)a * b >> ONE_BITS);
}

/* From 0 to π/2: the series, from its end. Each step is 1 - x² / (2k (2k + 1)) · the next, between 0 and 1.
 */
static uint64_t sine_of_radians(uint64_t x)
{
    uint64_t square = times(x, x), sum = ONE;

    for (uint64_t k = SINE_STEPS; k; k--)
        sum = ONE - times(square / (2 * k * (2 * k + 1)), sum);
    return times(x, sum);
}

/* From 0 to 90 degrees. */
static int64_t sine_of_quarter(int32_t e7)
{
    return (int64_t)sine_of_radians((uint64_t)((wide)(uint32_t)e7 * RADIANS_PER_E7 >> (92 - ONE_BITS)));
}

/* From -180 to 180 degrees. */
static int64_t sine(int32_t e7)
{
    int32_t size = e7 < 0 ? -e7 : e7;
    int64_t s = sine_of_quarter(size > QUARTER_E7 ? HALF_E7 - size : size);
    return e7 < 0 ? -s : s;
}

static int64_t cosine(int32_t e7)
{
    return sine(QUARTER_E7 - (e7 < 0 ? -e7 : e7));
}

/* The product of two such numbers, in units of the sphere. */
static int64_t product(int64_t a, int64_t b)
{
    enum { DOWN = 2 * ONE_BITS - SPHERE_UNIT_BITS };
    uint64_t size_a = (uint64_t)(a < 0 ? -a : a), size_b = (uint64_t)(b < 0 ? -b : b);
    int64_t p = (int64_t)(((wide)size_a * size_b + ((wide)1 << (DOWN - 1))) >> DOWN);
    return (a < 0) == (b < 0) ? p : -p;
}

struct sphere_point sphere_point_of(int32_t latitude_e7, int32_t longitude_e7)
{
    int64_t across = cosine(latitude_e7);

    return (struct sphere_point){product(across, cosine(longitude_e7)), product(across, sine(longitude_e7)),
                                 product(sine(latitude_e7), (int64_t)ONE)};
}

chord2_t sphere_reach(uint64_t metres)
{
    /* half the angle, and twice its sine */
    wide half =
        metres < EARTH_RADIUS_MM ? ((wide)metres * 1000 << ONE_BITS) / (2 * EARTH_RADIUS_MM) : ~(wide)0;

    if (half >= QUARTER_RADIANS)
        return CHORD2_ANY;
    return sphere_square((int64_t)(2 * sine_of_radians((uint64_t)half) >> (ONE_BITS - SPHERE_UNIT_BITS)));
}
