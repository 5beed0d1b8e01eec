/* The appender's clock: it follows the monotonic clock and slews towards the wall, so that a step of the wall
 * clock never steps log time. */
#ifndef LOG_LOG_CLOCK_H
#define LOG_LOG_CLOCK_H

#include <stdint.h>

/* It runs at most a tenth faster or slower than the monotonic clock: a hold of d lasts between d/1.1 and
 * d/0.9 whatever the wall does meanwhile. */
enum { LOG_CLOCK_SLEW = 10 };

/* Zero-initialised is not valid: start it. Microseconds. Not shared between threads. */
struct log_clock {
    int64_t time_us, monotonic_us;
};

/* Starts at the wall's time, but not before at_least_us (the last record's). */
void log_clock_start(struct log_clock *c, int64_t at_least_us, int64_t wall_us, int64_t monotonic_us);
/* The time now; never less than what it said before. */
int64_t log_clock_now(struct log_clock *c, int64_t wall_us, int64_t monotonic_us);

#endif
