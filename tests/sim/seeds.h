/* The command line of both simulators: which seeds, and how much is told. */
#ifndef SIM_SEEDS_H
#define SIM_SEEDS_H

#include <stdbool.h>
#include <stdint.h>

struct seeds {
    uint64_t few, many; /* so many by default, and when ONHAND_TEST_LONG is 1 */
    const char *program;
    bool shows; /* knows --show */
    /* One world. False: it failed, and said how. */
    bool (*simulate)(uint64_t seed, bool verbose, bool show_records);
};

/* All of a program's `main`: the exit code. Stops after 20 failures. */
int seeds_main(const struct seeds *s, int argc, char **argv);

#endif
