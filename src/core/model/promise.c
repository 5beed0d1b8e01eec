/* What is projected, what may be promised of it, and what of that is a channel's. */
#include "core/model/promise.h"

#include "core/model/rare.h"

enum { PERCENT_ALL = 100000 }; /* in thousandths of a percent */

const struct terms terms_none = {
    .enabled = true, .cap = LIMIT_NONE, .max_per_line = LIMIT_NONE, .safety_stock = LIMIT_NONE};

static milli_t lesser(milli_t a, milli_t b)
{
    return a < b ? a : b;
}

static milli_t greater(milli_t a, milli_t b)
{
    return a > b ? a : b;
}

/* ---- a row's stock ---- */

static void stock_of_words(const struct row_image *r, struct stock *ret)
{
    *ret = (struct stock){.on_hand = row_on_hand(r),
                          .unavailable = row_unavailable(r),
                          .reserved = row_reserved(r),
                          .committed = row_committed(r),
                          .safety_stock = row_safety_stock(r)};
}

void stock_of_row(const struct row_image *r, struct stock *ret)
{
    const struct rare *rare = row_rare(r);
    stock_of_words(r, ret);
    if (!rare)
        return;
    ret->backorder_limit = rare->backorder_limit;
    ret->dated_count = rare->dated_count;
    ret->dated = rare->dated;
    ret->fences_count = rare->fences_count;
    ret->fences = rare->fences;
}

void stock_now(const struct row_image *r, struct stock *ret)
{
    if (row_flags(r) & (ROW_FENCED | ROW_DATED | ROW_BACKORDER))
        stock_of_row(r, ret);
    else
        stock_of_words(r, ret);
}

static milli_t sellable_of(const struct stock *s)
{
    return s->on_hand - s->unavailable;
}

static milli_t net_available_of(const struct stock *s)
{
    return sellable_of(s) - s->reserved - s->committed - s->safety_stock;
}

/* ---- what is to come ---- */

/* Walks over the instants of a row at which something comes or goes, in order. Supply whose instant has
 * passed comes at the end of its grace instead, or never: among the others, a second hand is in `late`. */
struct outlook {
    const struct stock *stock;
    uint32_t next, late;
    bool delays;
    instant_t log_time;
    int64_t grace_us;
    milli_t projected;
};

static void outlook_begin(struct outlook *o, const struct stock *s)
{
    *o = (struct outlook){.stock = s, .projected = net_available_of(s)};
    for (uint32_t i = 0; i < s->dated_count; i++)
        o->projected += s->dated[i].demand;
}

static void outlook_delay(struct outlook *o, instant_t log_time, int64_t grace_us)
{
    o->delays = true;
    o->log_time = log_time;
    o->grace_us = grace_us;
}

static bool has_passed(const struct outlook *o, const struct dated *d)
{
    return o->delays && d->at <= o->log_time;
}

/* The next instant, or INSTANT_NONE. Supply that will not come any more is left out on the way. */
static instant_t outlook_next(struct outlook *o)
{
    const struct stock *s = o->stock;
    const struct dated *d = s->dated;
    while (o->late < s->dated_count && has_passed(o, &d[o->late]) &&
           d[o->late].at + o->grace_us <= o->log_time)
        o->late++;
    bool late = o->late < s->dated_count && has_passed(o, &d[o->late]);
    instant_t late_at = late ? d[o->late].at + o->grace_us : INSTANT_NONE;
    if (o->next >= s->dated_count)
        return late_at;
    return late && late_at < d[o->next].at ? late_at : d[o->next].at;
}

/* Takes in all that comes and goes at that instant. */
static void outlook_take(struct outlook *o, instant_t at)
{
    const struct stock *s = o->stock;
    const struct dated *d = s->dated;
    if (o->late < s->dated_count && has_passed(o, &d[o->late]) && d[o->late].at + o->grace_us == at)
        o->projected += d[o->late++].incoming;
    if (o->next < s->dated_count && d[o->next].at == at) {
        o->projected -= d[o->next].demand;
        o->projected += has_passed(o, &d[o->next]) ? 0 : d[o->next].incoming;
        o->next++;
    }
}

/* Up to `at`, it included. */
static void outlook_go(struct outlook *o, instant_t at)
{
    for (instant_t next; (next = outlook_next(o)) != INSTANT_NONE && next <= at;)
        outlook_take(o, next);
}

static void outlook_at(struct outlook *o, const struct stock *s, instant_t at, instant_t log_time,
                       int64_t grace_us)
{
    outlook_begin(o, s);
    if (at == INSTANT_NONE || at <= log_time)
        return;
    outlook_delay(o, log_time, grace_us);
    outlook_go(o, at);
}

milli_t stock_projected(const struct stock *s, instant_t at, instant_t log_time, int64_t supply_grace_us)
{
    struct outlook o;
    outlook_at(&o, s, at, log_time, supply_grace_us);
    return o.projected;
}

milli_t stock_atp(const struct stock *s, instant_t at, instant_t log_time, int64_t supply_grace_us)
{
    if (!s->dated_count)
        return net_available_of(s);
    struct outlook o;
    outlook_at(&o, s, at, log_time, supply_grace_us);
    milli_t least = o.projected;
    for (instant_t next; (next = outlook_next(&o)) != INSTANT_NONE;) {
        outlook_take(&o, next);
        least = lesser(least, o.projected);
    }
    return least;
}

milli_t stock_oversold(const struct stock *s)
{
    if (s->backorder_limit == LIMIT_NONE)
        return 0;
    milli_t atp = stock_atp(s, INSTANT_NONE, 0, 0);
    milli_t beyond = greater(0, -atp - s->safety_stock - s->backorder_limit);
    return lesser(s->reserved + s->committed, beyond);
}

/* ---- what of it is a channel's ---- */

milli_t promise_buffer(const struct stock *s, const struct terms *t, milli_t step)
{
    milli_t sellable = sellable_of(s);
    if (!t->buffer_percent || sellable <= 0)
        return t->buffer;
    __extension__ typedef __int128 wide;
    wide part = ((wide)sellable * t->buffer_percent + PERCENT_ALL - 1) / PERCENT_ALL;
    milli_t of_stock = -quantity_floor(-(milli_t)part, step > 0 ? step : 1);
    return greater(t->buffer, of_stock);
}

static void share_out(const struct stock *s, uint32_t channel, struct promise *p)
{
    milli_t all = 0;
    for (uint32_t i = 0; i < s->fences_count; i++) {
        all += fence_left(&s->fences[i]);
        if (s->fences[i].channel == channel)
            p->fenced = fence_left(&s->fences[i]);
    }
    p->pool = p->n - all;
}

/* By backorder: the row may fall to −b, and the pool may, by what goes beyond the channel's own. */
static milli_t with_backorder(const struct promise *p, milli_t backorder_limit)
{
    if (backorder_limit == 0)
        return p->grant_stock;
    if (backorder_limit == LIMIT_NONE)
        return LIMIT_NONE;
    milli_t own = greater(p->fenced, p->fenced + p->pool + backorder_limit);
    return greater(p->grant_stock, lesser(p->n + backorder_limit, own));
}

struct promise promise_of(const struct stock *s, const struct promise_question *q)
{
    const struct terms *t = &q->terms;
    struct promise p = {.sellable = sellable_of(s), .net_available = net_available_of(s)};
    p.atp = stock_atp(s, q->at, q->log_time, q->supply_grace_us);
    p.n = p.atp + s->safety_stock - (t->safety_stock == LIMIT_NONE ? s->safety_stock : t->safety_stock);
    share_out(s, q->channel, &p);
    if (!t->enabled)
        return p;
    milli_t most = lesser(p.n, p.fenced + greater(0, p.pool)) - promise_buffer(s, t, q->step);
    p.grant_stock = greater(0, most);
    p.shown = lesser(p.grant_stock, t->cap);
    p.grant_most = with_backorder(&p, s->backorder_limit);
    return p;
}
