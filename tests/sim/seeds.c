/* Runs a simulator on one seed after another. */
#include "sim/seeds.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILURES_MOST = 20 };

int seeds_main(const struct seeds *s, int argc, char **argv)
{
    const char *long_run = getenv("ONHAND_TEST_LONG");
    uint64_t seeds = long_run && strcmp(long_run, "1") == 0 ? s->many : s->few, from = 1, failures = 0;
    bool verbose = false, show_records = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
            from = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else if (s->shows && strcmp(argv[i], "--show") == 0)
            show_records = true;
        else
            return fprintf(stderr, "usage: %s [--seeds N] [--from SEED] [--verbose]%s\n", s->program,
                           s->shows ? " [--show]" : ""),
                   2;
    }
    logger_set_level(LOGGER_ERROR);
    int64_t began = clock_monotonic_us();
    for (uint64_t seed = from; seed < from + seeds && failures < FAILURES_MOST; seed++) {
        hash_seed(seed | 1);
        failures += !s->simulate(seed, verbose, show_records);
    }
    printf("%lu seeds from %lu: %lu failed, %.1f s\n", seeds, from, failures,
           (double)(clock_monotonic_us() - began) / 1e6);
    return failures != 0;
}
