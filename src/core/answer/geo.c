/* Distances on the sphere as people read them, and questions for what is near. (What is nearer than what is
 * decided in integers: sphere.h.) */
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

struct near_question near_from(int32_t latitude_e7, int32_t longitude_e7, uint64_t within_m)
{
    return (struct near_question){.from = sphere_point_of(latitude_e7, longitude_e7),
                                  .reach = within_m ? sphere_reach(within_m) : CHORD2_ANY};
}
