/* What a row is good for, in six numbers: all that must be known of a row at some place of the log to say
 * what any channel was shown there, but for rules. What live changes carry of before and after. */
#ifndef CORE_MODEL_BRIEF_H
#define CORE_MODEL_BRIEF_H

#include "core/model/promise.h"

/* Thousandths. */
struct brief {
    milli_t sellable;
    milli_t free;   /* ATP(now) before the safety stock is taken off: another may be set by a rule */
    milli_t demand; /* reserved and committed, for later too */
    milli_t safety_stock;
    milli_t backorder_limit; /* LIMIT_NONE: no limit */
    milli_t fenced;          /* still set aside, for all channels together */
};

/* Of one channel: what was still set aside for it, and what is. */
struct brief_fence {
    uint32_t channel; /* number */
    milli_t was, now;
};

/* Of a published row, or one about to be: what its rare part says counts when its flags say so. */
struct brief brief_of_row(const struct row_image *r);
/* Both sides' fences of a row that changes, one a channel, in order. `ret` has room for as many as both have.
 * Returns how many. */
size_t brief_fences(const struct row_image *was, const struct row_image *now, struct brief_fence *ret);
size_t brief_fences_most(const struct row_image *was, const struct row_image *now);

static inline milli_t brief_net_available(const struct brief *b)
{
    return b->sellable - b->demand - b->safety_stock;
}
milli_t brief_oversold(const struct brief *b);

/* What a channel is shown and may be granted by these terms; `fenced` is what is set aside for it. */
struct brief_promise {
    milli_t shown;
    milli_t grant_most; /* LIMIT_NONE: any quantity */
};
struct brief_promise brief_promise(const struct brief *b, uint32_t channel, milli_t fenced,
                                   const struct terms *terms, milli_t step);

#endif
