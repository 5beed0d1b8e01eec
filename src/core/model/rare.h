/* What few rows have, beside their cache line: read by answers, replaced (never changed) by apply. */
#ifndef CORE_MODEL_RARE_H
#define CORE_MODEL_RARE_H

#include "core/model/promise.h"

struct ledger; /* the writer's own: accounts and the memory of recent changes (ledger.h) */

/* An open supply line. Texts lie in the same allocation as the rare part. */
struct supply_shown {
    struct text reference, line; /* line empty: none */
    milli_t open;
    instant_t expected_at; /* INSTANT_NONE: no instant, shown but never promised */
    bool overdue;
};

struct rare {
    struct ledger *ledger;         /* not for readers; NULL while it rests */
    milli_t unavailable[STATUSES]; /* max(0, Σ changes) */
    milli_t reorder_point;         /* LIMIT_NONE: not set */
    milli_t backorder_limit;       /* LIMIT_NONE: no limit; 0: never */
    instant_t last_count_at;       /* as_of of the newest count; INSTANT_NONE */
    uint32_t supply_count, dated_count, fences_count;
    bool rested;                  /* its ledger did, as an image brought it: behind this (ledger.h) */
    const struct dated *dated;    /* what is to come, supply and demand; in the same allocation */
    const struct fence *fences;   /* the same */
    struct supply_shown supply[]; /* open ones, by expected_at, then reference, then line */
};

/* Frees a rare part, and its ledger with the last rare part that names it, or what rests: the table's
 * retire_rare. @thread writer */
void rare_destroy(void *rare);

#endif
