/* Finds the term that a request did not pass: those that take away are gone through one after another, and
 * the first that leaves less than was asked for is it. */
#include "core/model/refusal.h"

static const struct {
    const char *name, *detail;
} bounds[BOUND_END] = {
#define BOUND(NAME, name, detail) {#name, detail},
#include "core/model/bounds.def"
#undef BOUND
};

const char *bound_name(enum bound b)
{
    return (unsigned)b < BOUND_END ? bounds[b].name : "";
}

const char *bound_detail(enum bound b)
{
    return (unsigned)b < BOUND_END ? bounds[b].detail : "";
}

/* Below what is on hand: what of it is left after each term that takes away. */
static enum bound bound_of_stock(const struct refusal *r, milli_t needed)
{
    milli_t left = r->on_hand;

    if (left < needed)
        return BOUND_ON_HAND;
    left -= r->unavailable;
    if (left < needed)
        return BOUND_UNAVAILABLE;
    left -= r->reserved + r->committed;
    if (left < needed)
        return BOUND_DEMAND;
    return left - r->safety_stock < needed ? BOUND_SAFETY_STOCK : BOUND_BY_DATE;
}

static enum bound bound_of(const struct refusal *r, const struct promise *p, const struct terms *t)
{
    milli_t own = r->fenced + (r->pool > 0 ? r->pool : 0);
    milli_t needed = r->requested - r->ordered; /* of stock */

    if (!t->enabled)
        return BOUND_SWITCHED_OFF;
    if (r->max_per_line != LIMIT_NONE && r->max_per_line < r->requested)
        return BOUND_MAX_PER_LINE;
    if (r->backorder_limit != LIMIT_NONE && p->grant_most < needed && r->backorder_limit > 0)
        return r->n + r->backorder_limit < needed ? BOUND_BACKORDER_LIMIT : BOUND_SET_ASIDE;
    if (p->grant_most >= needed)
        return BOUND_RANGE;
    if (r->n < needed)
        return r->required_at != INSTANT_NONE ? BOUND_BY_DATE : bound_of_stock(r, needed);
    return own < needed ? BOUND_SET_ASIDE : BOUND_BUFFER;
}

struct refusal refusal_of(const struct stock *s, const struct promise_question *q, milli_t requested,
                          milli_t ordered, milli_t available)
{
    const struct terms *t = &q->terms;
    struct promise p = promise_of(s, q);
    struct refusal r = {.requested = requested,
                        .available = available,
                        .on_hand = s->on_hand,
                        .unavailable = s->unavailable,
                        .reserved = s->reserved,
                        .committed = s->committed,
                        .safety_stock = t->safety_stock == LIMIT_NONE ? s->safety_stock : t->safety_stock,
                        .n = p.n,
                        .fenced = p.fenced,
                        .pool = p.pool,
                        .buffer = promise_buffer(s, t, q->step),
                        .ordered = ordered,
                        .backorder_limit = s->backorder_limit,
                        .max_per_line = t->max_per_line,
                        .required_at = q->at};

    r.bound = available >= requested ? BOUND_NONE : bound_of(&r, &p, t);
    return r;
}
