/* Open demand by its reference, over all rows. Follows from the accounts: kept up as they open and close,
 * built anew when an image is loaded, no part of image or digest. Only what is open and has a reference is in
 * it. @thread writer */
#ifndef CORE_MODEL_DEMAND_INDEX_H
#define CORE_MODEL_DEMAND_INDEX_H

#include "core/model/demand.h"
#include "core/model/state.h"

/* Room for an account that may open. ERROR_NOMEM leaves all as it was. */
static inline int demand_index_reserve(struct state *s)
{
    return chains_reserve(s->open_demand);
}
/* The account of that row has opened or closed, or neither; after demand_index_reserve: cannot fail. Inline
 * since every order passes here, and few change anything. */
void demand_index_change(struct state *s, struct demand *d, uint32_t sku, uint32_t location);
static inline void demand_index_follow(struct state *s, struct demand *d, uint32_t sku, uint32_t location)
{
    if (d->indexed != (d->open + d->reserved > 0 && d->account.reference_length))
        demand_index_change(s, d, sku, location);
}
/* After an image was loaded: what is open at this row. ERROR_NOMEM */
struct ledger;
int demand_index_learn(struct state *s, struct ledger *l, uint32_t sku, uint32_t location);

/* Those of one reference, the newest in the index first, one after another. NULL: no more. `*walk` begins
 * zero-initialised but for the reference; nothing may be applied meanwhile. */
struct demand_walk {
    struct text reference;
    bool begun;
    uint64_t hash;
    struct chains_walk at;
    uint32_t passed; /* accounts, of other references too */
    bool is_cut;     /* there were more than DEMAND_PASSED_MOST: those are not told */
};
enum { DEMAND_PASSED_MOST = 50000 /* an order has some hundred */ };
const struct demand *demand_index_next(const struct state *s, struct demand_walk *walk);

#endif
