/* Units set aside for channels at one row: what takes from them and what gives back (model.md, Channels). */
#ifndef CORE_MODEL_FENCES_H
#define CORE_MODEL_FENCES_H

#include "core/model/promise.h"

/* Part of a ledger. Zero-initialised is empty and valid. Sorted by channel. */
struct fences {
    uint32_t count, capacity;
    struct fence *at;
};

/* NULL when nothing was ever set aside for the channel here. */
struct fence *fences_find(const struct fences *f, uint32_t channel);
/* Room for `more`. ERROR_NOMEM leaves all as it was */
int fences_reserve(struct fences *f, uint32_t more);
/* The channel's fence, made empty when there is none, in room that was reserved. Cannot fail; pointers to
 * others are not valid any more. */
struct fence *fences_make(struct fences *f, uint32_t channel);
/* What is still set aside for all channels together. */
milli_t fences_left(const struct fences *f);

/* Demand (a hold, an order, a sale) of `channel` grew by `quantity` ≥ 0: takes what is still fenced, the rest
 * is the pool's. Returns what it took, to be kept with whoever took it, together with *ret_sets. Cannot fail.
 */
milli_t fences_take(struct fences *f, uint32_t channel, milli_t quantity, uint64_t *ret_sets);
/* The same demand gave back `quantity` ≥ 0, of which it took `took` when the fence had been set `sets` times:
 * to the fence first. Returns by how much `took` falls; 0 when there was a newer set. */
milli_t fences_give(struct fences *f, uint32_t channel, uint64_t sets, milli_t took, milli_t quantity);
void fences_finish(struct fences *f);

#endif
