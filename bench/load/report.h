/* Results: a table for people, JSON for everything else (bench/README.md, "Results", says what each member
 * is). */
#ifndef BENCH_LOAD_REPORT_H
#define BENCH_LOAD_REPORT_H

#include "bench/load/options.h"

/* What the instance said it holds, before and after. */
struct totals {
    bool compared;
    struct stock_sums before, after;
};

struct step {
    double rate; /* asked for; 0: max */
    struct run_result result;
};

/* Do the instance's totals differ by what its answers said? What nobody knows the outcome of leaves room. */
bool totals_agree(const struct totals *t, const struct step *steps, unsigned count);
/* Was every answer right, and every total? */
bool report_is_good(const struct totals *t, const struct step *steps, unsigned count);

void report_table(const struct step *steps, unsigned count);
void report_run_totals(const struct totals *t, const struct step *steps, unsigned count);
void report_json(struct buffer *out, const struct options *o, const struct stock *s, const struct totals *t,
                 const struct step *steps, unsigned count);

#endif
