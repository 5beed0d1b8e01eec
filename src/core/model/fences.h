/* Units set aside for channels at one row: what takes from them and what gives back (model.md, Channels). */
#ifndef CORE_MODEL_FENCES_H
#define CORE_MODEL_FENCES_H

#include "core/model/promise.h"

/* What was added to a fence (or moved to it, or away) after its newest `set`: a set that comes late but
 * occurred before it leaves it as it is. */
struct fence_add {
    uint32_t channel;
    instant_t at;
    milli_t quantity;
};
enum { FENCE_ADDS_MOST = 64 /* of a row: then the oldest are forgotten */ };

/* Part of a ledger. Zero-initialised is empty and valid. Sorted by channel; adds as they came. */
struct fences {
    uint32_t count, capacity;
    struct fence *at;
    uint32_t adds_count, adds_capacity;
    struct fence_add *adds;
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
/* Room for `more` adds. ERROR_NOMEM leaves all as it was */
int fences_reserve_adds(struct fences *f, uint32_t more);
/* In room that was reserved. Cannot fail. */
void fences_note_add(struct fences *f, const struct fence_add *add);
/* What was added to the channel's after `at`. */
milli_t fences_added_after(const struct fences *f, uint32_t channel, instant_t at);
/* A set at `at` has it: what was added up to then is forgotten. */
void fences_forget_adds(struct fences *f, uint32_t channel, instant_t at);
void fences_finish(struct fences *f);

#endif
