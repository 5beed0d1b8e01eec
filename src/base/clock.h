/* The two clocks. Nothing in core may include this: core's only "now" is log time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void);      /* microseconds since 1970-01-01T00:00:00Z */
int64_t clock_monotonic_us(void); /* microseconds since some fixed instant */

#endif
