/* Why one row could not give what was asked of it: the arithmetic as the judgement saw it. Kept with the
 * history, for whoever asks later. */
#ifndef CORE_MODEL_REFUSAL_H
#define CORE_MODEL_REFUSAL_H

#include "core/model/promise.h"

enum bound {
#define BOUND(NAME, name, detail) BOUND_##NAME,
#include "core/model/bounds.def"
#undef BOUND
    BOUND_END
};
const char *bound_name(enum bound b);
const char *bound_detail(enum bound b);

/* All of it as it was then: without what the request's own reservation has, less what the request's earlier
 * lines took. What the reference has on order is among what is committed, and `ordered` says how much. */
struct refusal {
    enum bound bound;
    milli_t requested, available; /* of this row; available: the most it could have given to this line */
    milli_t on_hand, unavailable, reserved, committed, safety_stock;
    milli_t n;                    /* N(c): at the instant asked for, with the channel's own safety stock */
    milli_t fenced, pool, buffer; /* set aside for the channel; left for all; held back by rules */
    milli_t ordered;              /* of its reference here already: asking for that takes nothing */
    milli_t backorder_limit;      /* LIMIT_NONE: none */
    milli_t max_per_line;         /* LIMIT_NONE: none */
    instant_t required_at;        /* INSTANT_NONE: now */
};

/* Why `requested` is more than `available`, which the row could give to one line. Of that, `ordered` is the
 * reference's own demand. */
struct refusal refusal_of(const struct stock *s, const struct promise_question *q, milli_t requested,
                          milli_t ordered, milli_t available);

#endif
