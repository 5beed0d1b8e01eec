/* What the rules of channels say for one item at one place: each field by the most specific rule that sets it
 * (model.md, Channels). */
#ifndef CORE_MODEL_RULES_H
#define CORE_MODEL_RULES_H

#include "core/model/catalogue.h"
#include "core/model/promise.h"

/* Whose rules hold for a channel: its own, and those of `*`. Either is NULL where there are none. */
struct rules {
    const struct channel *own, *all;
};

/* For a channel, or NULL for the pool. @thread any, inside an epoch section */
struct rules rules_of(const struct catalogue *c, const struct channel *channel);
static inline bool rules_any(const struct rules *r)
{
    return r->own || r->all;
}

/* What of a place the rules look at. */
struct rules_place {
    const struct location *location; /* NULL: one nobody knows */
    bool stale;                      /* it has been silent for too long */
};

/* The terms for an item at a place: also not enabled where the location gives nothing to anybody, or does not
 * offer the method. `item` NULL: not registered; `method` 0: the most cautious over those that the location
 * offers, each field for itself. At a stale place the rules for stale places are resolved among themselves,
 * and each field is the more cautious of both: silence never shows more. @thread any, inside an epoch section
 */
struct terms rules_resolve(const struct catalogue *c, const struct rules *r, struct text sku,
                           const struct item *item, struct rules_place place, uint32_t method);
/* May the place give anything to whoever asks? One that does not say its methods is not narrowed by them. */
bool location_gives(const struct location *l, uint32_t method);
/* May the item be handed over by that method? Method 0: by any of those that the location offers. Either may be
 * NULL: nothing narrows it. */
bool item_goes_from(const struct item *item, const struct location *l, uint32_t method);

/* ---- for the catalogue ---- */
/* Into the order in which they are found. */
void rules_sort(struct rule *rules, uint32_t count);

#endif
