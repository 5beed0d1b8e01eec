/* The command line of onhand_load: options.def as texts, and what they mean. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include "bench/load/run.h"

enum { RATES_MOST = 64 };

struct texts {
#define OPTION(name, argument, initial, help) const char *name;
#include "bench/load/options.def"
#undef OPTION
};

struct options {
    struct texts said;
    double rates[RATES_MOST]; /* 0: max */
    unsigned rates_count;
    struct run_options run; /* without target, maker and rate */
    enum picking pick;
    double exponent, hot; /* of zipf; the row of hot */
    unsigned batch, lines, ttl_seconds;
};

/* False: `detail` says which option, what was wrong and what would be right. */
bool options_read(struct options *ret, int argc, char **argv, char detail[STOCK_DETAIL_BYTES]);
void options_help(void);

#endif
