/* splitmix64: the simulator's only source of chance, so that a seed repeats everything. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = (r->state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static inline uint64_t random_below(struct random *r, uint64_t n)
{
    return n ? random_next(r) % n : 0;
}
static inline bool random_percent(struct random *r, unsigned percent)
{
    return random_below(r, 100) < percent;
}

#endif
