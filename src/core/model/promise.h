/* The arithmetic of promises: how much of one row a channel is shown and may be granted, now or at an instant
 * (model.md, Channels and Available to promise by date). Pure functions of plain numbers; apply judges with
 * them, answers show with them, so that what is shown is what is granted. */
#ifndef CORE_MODEL_PROMISE_H
#define CORE_MODEL_PROMISE_H

#include "core/model/record.h"
#include "core/table/row.h"

/* What one instant to come brings and takes. A row's are sorted by instant, one each. */
struct dated {
    instant_t at;
    milli_t incoming; /* open supply, not overdue, with this instant */
    milli_t demand;   /* open demand required then that has not been found due yet */
};

/* Units set aside for a channel. A row's are sorted by channel number, one each. */
struct fence {
    uint32_t channel; /* number in the catalogue */
    milli_t quantity; /* set aside: never below 0 */
    milli_t consumed; /* of those, taken by holds, orders and sales: 0 ≤ consumed; may exceed quantity after
                         an `add` below it */
    uint64_t
        sets; /* how often it was set: what was taken before the newest `set` is given back to the pool */
    instant_t set_at; /* occurred_at of the newest `set`; INSTANT_NONE: none */
};

/* One row, as promises see it. `reserved` and `committed` hold all demand, that for later too. */
struct stock {
    milli_t on_hand, unavailable, reserved, committed, safety_stock;
    milli_t backorder_limit; /* LIMIT_NONE: no limit */
    uint32_t dated_count, fences_count;
    const struct dated *dated;
    const struct fence *fences;
};

/* The rules that hold for one channel, item, place and method, each field resolved for itself. */
struct terms {
    bool enabled;
    milli_t buffer;          /* units held back */
    uint32_t buffer_percent; /* of max(0, sellable), thousandths of a percent, rounded up to the item's step;
                                the larger of both counts */
    milli_t cap;             /* at most so many are shown; LIMIT_NONE */
    milli_t max_per_line;    /* at most so many are granted to one line; LIMIT_NONE */
    milli_t safety_stock;    /* in place of the row's; LIMIT_NONE: the row's */
    uint32_t by_silence;     /* for explanations: bits of enum rule_field, and RULE_SETS_ENABLED, of what is
                                more cautious because the place is stale */
};
extern const struct terms terms_none; /* no rule says anything: enabled, no bounds */

#define CHANNEL_POOL UINT32_MAX /* no channel: the pool's view */

/* Who asks, and for when. */
struct promise_question {
    uint32_t channel;   /* number, or CHANNEL_POOL */
    struct terms terms; /* terms.enabled: also that the place takes part at all */
    instant_t at;       /* INSTANT_NONE: now. Else the judgement is at that instant instead of now */
    instant_t log_time; /* for `at` only: lines whose instant has passed count from the end of their grace */
    int64_t supply_grace_us;
    milli_t step; /* of the item: roundings go to it; 1: any quantity */
};

struct promise {
    milli_t sellable, net_available; /* of all channels, all demand */
    milli_t atp;         /* at the instant asked for, with the row's safety stock; may be negative */
    milli_t n;           /* N(c) */
    milli_t fenced;      /* still set aside for the channel; 0 for the pool */
    milli_t pool;        /* N(c) − Σ fenced(k); may be negative */
    milli_t shown;       /* shown(c) */
    milli_t grant_stock; /* the most that stock allows: ≥ 0, before max_per_line */
    milli_t grant_most;  /* with the backorder limit as well: ≥ grant_stock; LIMIT_NONE without limit */
};

/* From a published row and its rare part. The arrays stay the rare part's. @thread any, inside an epoch
 * section for readers */
void stock_of_row(const struct row_image *r, struct stock *ret);
/* The same for what holds now: the rare part is touched only when the row's flags say that it matters. */
void stock_now(const struct row_image *r, struct stock *ret);

/* What is still set aside. */
static inline milli_t fence_left(const struct fence *f)
{
    return f->quantity > f->consumed ? f->quantity - f->consumed : 0;
}

/* projected(t) and min over t' ≥ t of it. `at` INSTANT_NONE, or not after log time: now, which the state
 * alone decides: a line that is not marked overdue and demand that was not found due count at their instants.
 * Later: a line whose instant has passed counts from the end of its grace, and not at all after that. */
milli_t stock_projected(const struct stock *s, instant_t at, instant_t log_time, int64_t supply_grace_us);
milli_t stock_atp(const struct stock *s, instant_t at, instant_t log_time, int64_t supply_grace_us);
/* min(reserved + committed, max(0, −ATP(now) − safety_stock − backorder_limit)); 0 without limit. */
milli_t stock_oversold(const struct stock *s);
/* What the terms hold back. */
milli_t promise_buffer(const struct stock *s, const struct terms *t, milli_t step);
struct promise promise_of(const struct stock *s, const struct promise_question *q);

#endif
