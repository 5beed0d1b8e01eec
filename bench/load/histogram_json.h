/* A histogram as the member that every result has it as. */
#ifndef BENCH_LOAD_HISTOGRAM_JSON_H
#define BENCH_LOAD_HISTOGRAM_JSON_H

#include "base/buffer.h"
#include "bench/load/histogram.h"

/* {"count","mean","p50",…,"p99_99","most","buckets":[[highest,count],…]}, microseconds. */
void histogram_json(struct buffer *out, const struct histogram *h);
/* The same on standard output, within an object: {"latency_us":…}. */
void histogram_print(const struct histogram *h);

#endif
