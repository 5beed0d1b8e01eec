/* What will fall due, by instant: incoming lines, holds, dated demand. Derived from the state as apply
 * changes it and built anew when an image is loaded; no part of image or digest, and no verdict depends on
 * it. An instance on duty asks it what to propose (engine/duty.h); whether a proposal is right is for apply
 * to judge.
 *
 * How a kind joins: put a struct due_entry into the account that falls due; due_reserve beside whatever else
 * an event reserves, before it changes anything; due_set or due_remove in its commit, whenever the account
 * opens, closes or gets another instant, and on load; due_remove before the account is freed. Then its
 * proposal: a case in due_describe (proposals.h). */
#ifndef CORE_MODEL_DUE_H
#define CORE_MODEL_DUE_H

#include "core/model/record.h"

enum due_kind {
    DUE_SUPPLY, /* an open incoming line passes expected_at + supply_grace_us: PROPOSAL_OVERDUE */
    DUE_HOLD,   /* a held reservation passes expires_at */
    DUE_DEMAND, /* open demand reaches required_at */
    DUE_KINDS
}; /* silent locations are not among them: when they fall due takes zone data, which only duty has
      (engine/duty.h) */

/* Embedded in what falls due. Zero-initialised: not in the heap. Its address must not change while it is in.
 */
struct due_entry {
    uint32_t place;         /* in its heap, from 1 */
    uint32_t sku, location; /* numbers, where what falls due belongs to a row: the owner's to fill in */
};

struct due_slot {
    instant_t at; /* when to look at it; moved on by due_take */
    struct due_entry *entry;
};

/* A heap a kind, the earliest on top. Zero-initialised is empty and valid. @thread writer */
struct due {
    struct due_heap {
        struct due_slot *slots;
        uint32_t count, capacity;
    } heap[DUE_KINDS];
};

void due_finish(struct due *d); /* looks at no entry: they may be gone already */
/* Room for `more` new entries of this kind: that many calls of due_set cannot fail. ERROR_NOMEM leaves all as
 * it was. */
int due_reserve(struct due *d, enum due_kind kind, uint32_t more);
/* It falls due at that instant: put in, after due_reserve, or moved. INSTANT_NONE: never, as due_remove.
 * O(log n) */
void due_set(struct due *d, enum due_kind kind, struct due_entry *e, instant_t at);
void due_remove(struct due *d, enum due_kind kind,
                struct due_entry *e); /* nothing when it is not in. O(log n) */
static inline bool due_contains(const struct due_entry *e)
{
    return e->place != 0;
}

/* When the next of its kind is to be looked at; INT64_MAX: none. */
instant_t due_next(const struct due *d, enum due_kind kind);
/* The earliest at or before `until`, which comes again `retry_us` after its instant or after `known`,
 * whichever is later, unless apply has removed or moved it by then: so nothing is forgotten, and nothing
 * proposed too often. `known` is the log's time as far as it is known for sure; `until` may be a guess. NULL:
 * none. */
struct due_entry *due_take(struct due *d, enum due_kind kind, instant_t until, instant_t known,
                           int64_t retry_us);

#endif
