/* One seed's world, its engine, and what came out of the log. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/buffer.h"
#include "core/command.h"
#include "engine/engine.h"
#include "sim/shoppers.h"
#include "sim/sim_log.h"
#include "sim/sim_store.h"
#include "sim/world.h"

enum { STEPS_MOST = 200000, EVENTS_A_MESSAGE = 8, RECORDS_MOST = 6 * WORLD_MESSAGES_MOST };
#define TEXT_ARGS(t) (int)(t).length, (t).at
#define BEGIN_US INT64_C(1900000000000000)

/* What a client knows of one message. */
struct sending {
    struct buffer bytes;
    struct command command;
    struct event_verdict verdicts[EVENTS_A_MESSAGE];
    bool on_its_way, acknowledged;
    struct sim *sim;
};

/* A record as it came out of the log, the first time. */
struct witnessed {
    struct buffer bytes;
    instant_t appended_at;
    bool seen;
};

struct sim {
    uint64_t seed;
    struct random random;
    struct world world;
    struct sim_log *disk;
    struct sim_store store;
    struct log witness; /* stands between the engine and the simulated log */
    struct log *inner;
    struct engine *engine;
    struct sending sending[WORLD_MESSAGES_MOST];
    struct sending duty; /* proposals, one at a time */
    struct witnessed records[RECORDS_MOST];
    size_t records_count;
    size_t next_intake[2]; /* per partition: the next message to hand in */
    bool chain_broken[2];
    unsigned crash_percent_of_1000, again_percent;
    unsigned crashes, resent, turns, granted, refused;
    bool show; /* every record, as it comes out of the log */
    const char *failure;
    char detail[400];
};

/* Notes why the seed failed; returns an error for the caller to hand on. */
int sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* judge.c: every figure against the oracles, and the state against a replay of all records. */
int sim_judge(struct sim *s);

#endif
