/* Slewing: each reading corrects at most a tenth of what passed since the last. */
#include "log/log_clock.h"

void log_clock_start(struct log_clock *c, int64_t at_least_us, int64_t wall_us, int64_t monotonic_us)
{
    c->time_us = wall_us > at_least_us ? wall_us : at_least_us;
    c->monotonic_us = monotonic_us;
}

int64_t log_clock_now(struct log_clock *c, int64_t wall_us, int64_t monotonic_us)
{
    int64_t passed = monotonic_us > c->monotonic_us ? monotonic_us - c->monotonic_us : 0;
    int64_t most = passed / LOG_CLOCK_SLEW;
    int64_t off;

    c->monotonic_us += passed;
    c->time_us += passed;
    off = wall_us - c->time_us;
    c->time_us += off > most ? most : off < -most ? -most : off;
    return c->time_us;
}
