/* What is drawn by chance: when the next request is due, and which row it is about. The same seed draws the
 * same. */
#ifndef BENCH_LOAD_DRAW_H
#define BENCH_LOAD_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

uint64_t dice_next(struct dice *d);                  /* 64 bits */
double dice_share(struct dice *d);                   /* in (0, 1) */
uint64_t dice_below(struct dice *d, uint64_t bound); /* 0 to bound - 1; bound ≥ 1 */

/* ---- when ---- */

/* The schedule: each request's instant is fixed before anything is sent, whatever the server does. */
struct arrivals {
    double
        rate; /* a second; 0: as soon as the last one is answered (a closed loop, and said so in results) */
    bool poisson;
    double due_ns; /* of the next, from the beginning */
    struct dice dice;
};

void arrivals_begin(struct arrivals *a, double rate, bool poisson, uint64_t seed);
/* On to the request after the next. */
void arrivals_step(struct arrivals *a);

/* ---- which ---- */

enum picking { PICK_UNIFORM, PICK_ZIPF, PICK_HOT };

/* Zipf: the k-th most wanted of n is drawn in proportion to 1/k^s, by rejection-inversion (Hörmann and
 * Derflinger, 1996): no table however many rows there are. Ranks are strewn over the rows, so that the wanted
 * are no neighbours. */
struct picker {
    enum picking how;
    uint64_t count, stride, hot; /* hot: the one row of PICK_HOT */
    double exponent, h_first, h_last, cut;
};

/* count ≥ 1; exponent > 0 (for PICK_ZIPF). */
void picker_init(struct picker *p, enum picking how, uint64_t count, double exponent);
uint64_t picker_rank(const struct picker *p, struct dice *d); /* 0 is the most wanted */
uint64_t picker_row(const struct picker *p, struct dice *d);  /* 0 to count - 1 */

#endif
