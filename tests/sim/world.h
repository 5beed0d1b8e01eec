/* A small world of shops whose messengers repeat, overtake each other and wear wrong watches: the events of
 * one seed. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "core/model/record.h"
#include "sim/random.h"

enum { WORLD_EVENTS_MOST = 400, WORLD_MESSAGES_MOST = 1000, WORLD_SKUS = 4, WORLD_LOCATIONS = 4 };

/* What is sent as one record. */
struct message {
    size_t first, count;         /* its events, in world.sent */
    const struct record *record; /* or this one (shoppers.h) */
    bool intake;
    int32_t partition;
    int64_t offset, after;
};

struct world {
    struct arena arena;
    struct random *random;
    instant_t begin;
    unsigned skus, locations;
    size_t events_count;
    struct event events[WORLD_EVENTS_MOST]; /* as they happened */
    size_t sent_count;
    struct event sent[2 * WORLD_EVENTS_MOST]; /* as they are sent: shuffled, repeated */
    size_t messages_count;
    struct message messages[WORLD_MESSAGES_MOST];
};

void world_make(struct world *w, struct random *r, instant_t begin);
void world_finish(struct world *w);
struct text world_sku(unsigned number);
struct text world_location(unsigned number);

#endif
