/* Schedules and rows by chance. */
#include "bench/load/draw.h"

#include <math.h>

/* SplitMix64 (Steele, Lea, Flood). */
uint64_t dice_next(struct dice *d)
{
    uint64_t v = d->state += UINT64_C(0x9E3779B97F4A7C15);

    v = (v ^ v >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ v >> 27) * UINT64_C(0x94D049BB133111EB);
    return v ^ v >> 31;
}

double dice_share(struct dice *d)
{
    return ((double)(dice_next(d) >> 11) + 0.5) / 9007199254740992.0;
}

uint64_t dice_below(struct dice *d, uint64_t bound)
{
    return (uint64_t)((unsigned __int128)dice_next(d) * bound >> 64);
}

/* ---- when ---- */

void arrivals_begin(struct arrivals *a, double rate, bool poisson, uint64_t seed)
{
    *a = (struct arrivals){.rate = rate, .poisson = poisson, .dice = {seed}};
    if (poisson)
        arrivals_step(a);
}

void arrivals_step(struct arrivals *a)
{
    double mean_ns = a->rate > 0 ? 1e9 / a->rate : 0;

    a->due_ns += a->poisson ? -log(dice_share(&a->dice)) * mean_ns : mean_ns;
}

/* ---- which ---- */

/* The integral of x^-s, exact also where s is near 1. */
static double integral(double x, double s)
{
    double log_x = log(x), t = (1 - s) * log_x;

    return (fabs(t) > 1e-8 ? expm1(t) / t : 1 + t / 2) * log_x;
}

static double integral_inverse(double y, double s)
{
    double t = y * (1 - s);

    t = t < -1 ? -1 : t;
    return exp((fabs(t) > 1e-8 ? log1p(t) / t : 1 - t / 2) * y);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void picker_init(struct picker *p, enum picking how, uint64_t count, double exponent)
{
    *p = (struct picker){.how = how, .count = count, .stride = 2654435761u, .exponent = exponent};
    while (common_divisor(p->stride, count) != 1)
        p->stride++;
    if (how != PICK_ZIPF)
        return;
    p->h_first = integral(1.5, exponent) - 1;
    p->h_last = integral((double)count + 0.5, exponent);
    p->cut = 2 - integral_inverse(integral(2.5, exponent) - pow(2, -exponent), exponent);
}

static uint64_t zipf(const struct picker *p, struct dice *d)
{
    for (;;) {
        double u = p->h_last + dice_share(d) * (p->h_first - p->h_last), x = integral_inverse(u, p->exponent),
               k = floor(x + 0.5);
        k = k < 1 ? 1 : k > (double)p->count ? (double)p->count : k;
        if (k - x <= p->cut || u >= integral(k + 0.5, p->exponent) - pow(k, -p->exponent))
            return (uint64_t)k - 1;
    }
}

uint64_t picker_rank(const struct picker *p, struct dice *d)
{
    if (p->how == PICK_HOT)
        return 0;
    return p->how == PICK_ZIPF ? zipf(p, d) : dice_below(d, p->count);
}

uint64_t picker_row(const struct picker *p, struct dice *d)
{
    if (p->how == PICK_HOT)
        return p->hot % p->count;
    return (uint64_t)((unsigned __int128)picker_rank(p, d) * p->stride % p->count);
}
