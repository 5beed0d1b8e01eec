/* What is to come at one row, by instant: open supply, and demand that is required later. Part of a ledger.
 */
#ifndef CORE_MODEL_DATED_H
#define CORE_MODEL_DATED_H

#include "core/model/account.h"
#include "core/model/promise.h"

/* Zero-initialised is empty and valid. Sorted by instant, one entry each, none of them empty. */
struct dated_list {
    uint32_t count, capacity;
    uint32_t demands; /* entries with demand */
    struct dated *at;
};

/* Room for `more` instants. ERROR_NOMEM leaves all as it was. */
int dated_reserve(struct dated_list *l, uint32_t more);
/* Adds to an instant's demand (or takes from it), in room that was reserved. INSTANT_NONE: nothing. */
void dated_demand(struct dated_list *l, instant_t at, milli_t quantity);
/* Supply as these accounts have it now: in room for one instant an account. */
void dated_supply(struct dated_list *l, const struct accounts *supply);
void dated_finish(struct dated_list *l);

#endif
