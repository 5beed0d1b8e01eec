/* Where a value is counted, and which value a share of all stands at. */
#include "bench/load/histogram.h"

#include <math.h>
#include <string.h>

enum { LINEAR = 1 << HISTOGRAM_LINEAR_BITS };

/* The seven bits behind the leading one say which of the 128; what is below 256 has no bits to lose. */
unsigned histogram_bucket(uint64_t ns)
{
    if (ns >= UINT64_C(1) << HISTOGRAM_TOP_BITS)
        ns = (UINT64_C(1) << HISTOGRAM_TOP_BITS) - 1;
    if (ns < 2 * LINEAR)
        return (unsigned)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_LINEAR_BITS;
    return (shift << HISTOGRAM_LINEAR_BITS) + (unsigned)(ns >> shift);
}

static unsigned shift_of(unsigned bucket)
{
    return bucket < 2 * LINEAR ? 0 : (bucket >> HISTOGRAM_LINEAR_BITS) - 1;
}

uint64_t histogram_lowest(unsigned bucket)
{
    unsigned shift = shift_of(bucket);

    return (uint64_t)(bucket - (shift << HISTOGRAM_LINEAR_BITS)) << shift;
}

uint64_t histogram_highest(unsigned bucket)
{
    return histogram_lowest(bucket) + (UINT64_C(1) << shift_of(bucket)) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->counts[histogram_bucket(ns)]++;
    h->least = h->count == 0 || ns < h->least ? ns : h->least;
    h->most = ns > h->most ? ns : h->most;
    h->sum += (double)ns;
    h->count++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->least = into->count == 0 || from->least < into->least ? from->least : into->least;
    into->most = from->most > into->most ? from->most : into->most;
    into->sum += from->sum;
    into->count += from->count;
}

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    double exact = ceil(share * (double)h->count);
    uint64_t rank = exact < 1 ? 1 : exact > (double)h->count ? h->count : (uint64_t)exact, seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank && h->count)
            return histogram_highest(i) < h->most && i + 1 < HISTOGRAM_BUCKETS ? histogram_highest(i)
                                                                               : h->most;
    }
    return 0;
}

double histogram_mean(const struct histogram *h)
{
    return h->count ? h->sum / (double)h->count : 0;
}
