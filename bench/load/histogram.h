/* A log-linear histogram of nanoseconds (HdrHistogram's idea): 128 buckets to each power of two, so that a
 * value is known to less than 1/128 of itself whatever its size, in 35 KB and without a branch that depends
 * on it. */
#ifndef BENCH_LOAD_HISTOGRAM_H
#define BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_LINEAR_BITS = 7, /* 128 buckets a power of two; below 256 each value has its own */
    HISTOGRAM_TOP_BITS = 40,   /* values of 2^40 ns (18 minutes) and more count as the greatest below */
    HISTOGRAM_BUCKETS = (HISTOGRAM_TOP_BITS - HISTOGRAM_LINEAR_BITS + 1) << HISTOGRAM_LINEAR_BITS
};

/* Zero-initialised is empty. One thread. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count, least, most;
    double sum;
};

void histogram_add(struct histogram *h, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);
void histogram_clear(struct histogram *h);

/* The least value v such that at least `share` (0 to 1) of all values are ≤ v, or up to 1/128 more of it:
 * never less than the exact one, never more than the greatest recorded. 0 when empty. */
uint64_t histogram_at(const struct histogram *h, double share);
double histogram_mean(const struct histogram *h);

/* Bucket i holds the values from lowest to highest, both included. */
unsigned histogram_bucket(uint64_t ns);
uint64_t histogram_lowest(unsigned bucket);
uint64_t histogram_highest(unsigned bucket);

#endif
