/* A round over all SKUs: what has to be looked at again when the changes themselves are not known one by
 * one. One thread's own. */
#ifndef SINKS_PASS_H
#define SINKS_PASS_H

#include "core/view.h"

enum { PASS_LOCATIONS = 64 }; /* more at once: the pass takes every SKU */

/* Zero-initialised is over. What asks for one while it goes on starts the round anew. SKUs that are added
 * meanwhile are not of the round: their own changes are told. */
struct pass {
    uint32_t at, left;
    uint32_t end;           /* behind the last number of the round */
    bool whole;             /* what it comes to is written as a whole, not only what is newer */
    size_t locations_count; /* only SKUs with rows there, and kits; 0: every SKU */
    uint32_t locations[PASS_LOCATIONS];
};

void pass_all(struct pass *p, const struct view *v, bool whole);
void pass_location(struct pass *p, const struct view *v, uint32_t location);
/* The next SKU that belongs to it, inside an epoch section; false when that took too many looks or it is
 * over (`left` is 0). *ret_sku is looked at again when pass_back is called. */
bool pass_next(struct pass *p, const struct view *v, uint32_t *ret_sku);
void pass_back(struct pass *p, uint32_t sku);

#endif
