/* Sharing out what a row has among channels, by rank, percent and minimum (model.md, Channels). */
#ifndef CORE_ANSWER_PLAN_H
#define CORE_ANSWER_PLAN_H

#include "core/model/promise.h"

enum { PLAN_SHARES_MOST = 64 };

struct plan_share {
    uint32_t channel; /* number, or CHANNEL_POOL: stays in the pool; UINT32_MAX as well: a channel nobody
                         knows yet */
    bool pool;
    uint32_t rank;    /* the lowest first; equal ones in their order */
    uint32_t percent; /* of what there is, thousandths of a percent */
    milli_t minimum;  /* not less, if there is so much left */
};

/* What is there to be shared out: available to all channels together, what is set aside for them already
 * included, but not what is set aside for channels that have no share here. Never below 0. */
milli_t plan_there(const struct stock *s, const struct plan_share *shares, size_t count);
/* Sorts by rank. */
void plan_sort(struct plan_share *shares, size_t count);
/* What each gets of `there`, in the order of the shares (sorted): the larger of percent and minimum, as long
 * as there is something left, rounded down to the step. What is left over is the pool's. */
void plan_shares(milli_t there, milli_t step, const struct plan_share *shares, size_t count, milli_t *ret);

#endif
