/* The simulator's disk for checkpoints: in memory, slow when the seed says so, forgetful in a crash. */
#ifndef SIM_SIM_STORE_H
#define SIM_SIM_STORE_H

#include "base/buffer.h"
#include "engine/store.h"
#include "sim/random.h"

struct sim_image {
    bool whole;   /* committed and durable */
    bool damaged; /* a bit flipped: verifies no more */
    struct checkpoint_header header;
    struct buffer sections; /* kind, length (u32), bytes */
    unsigned polls_left;
    bool committing;
    struct sim_store *store;
};

struct sim_store {
    struct random *random;
    struct sim_image kept[2]; /* newest first */
    unsigned written, loaded, passed_over;
};

struct checkpoint_store sim_store_open(struct sim_store *s);
/* With some chance the newest one is damaged (there must be an older one to fall back on). */
void sim_store_damage(struct sim_store *s);
void sim_store_finish(struct sim_store *s);

#endif
