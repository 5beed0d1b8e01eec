/* From a row to what people ask. One pass over plain numbers: nothing here may wait, allocate or fail. */
#include "core/answer/availability.h"

static const struct text level_texts[LEVEL_END] = {TEXT("out_of_stock"), TEXT("low_stock"), TEXT("in_stock"),
                                                   TEXT("backorder"), TEXT("preorder")};

struct text level_text(enum level l)
{
    return (unsigned)l < LEVEL_END ? level_texts[l] : TEXT("");
}

const char *level_name(enum level l)
{
    return level_text(l).at;
}

static milli_t not_below_zero(milli_t q)
{
    return q > 0 ? q : 0;
}

enum level level_of(milli_t available, bool backorder, const struct item *i, const struct question *q)
{
    if (available <= 0 && !backorder)
        return LEVEL_OUT_OF_STOCK;
    if (i && i->release_at != INSTANT_NONE && i->release_at > q->now)
        return LEVEL_PREORDER;
    if (available <= 0)
        return LEVEL_BACKORDER;
    return q->channel && available <= q->channel->low_threshold ? LEVEL_LOW_STOCK : LEVEL_IN_STOCK;
}

/* ---- what is asked, as the arithmetic takes it ---- */

static instant_t instant_asked(const struct asked_row *a, const struct question *q)
{
    instant_t at = q->at_location ? q->at_location(q->at_context, a->location) : q->at;
    return at ? at : INSTANT_NONE;
}

static bool is_plain(const struct asked_row *a, const struct question *q)
{
    const struct terms *t = &a->terms;
    bool bounded = t->buffer || t->buffer_percent || t->cap != LIMIT_NONE || t->safety_stock != LIMIT_NONE;
    return !bounded && !a->left_out_count && !q->at && !q->at_location &&
           !(row_flags(a->row) & (ROW_FENCED | ROW_DATED | ROW_BACKORDER));
}

static void stock_asked(const struct asked_row *a, instant_t at, struct put_back_room *room,
                        struct stock *ret)
{
    if (at == INSTANT_NONE)
        stock_now(a->row, ret);
    else
        stock_of_row(a->row, ret);
    stock_put_back(ret, a->left_out, a->left_out_count, room);
}

static struct promise_question promise_asked(const struct asked_row *a, const struct question *q,
                                             instant_t at)
{
    return (struct promise_question){.channel = q->channel ? q->channel->number : CHANNEL_POOL,
                                     .terms = a->terms,
                                     .at = at,
                                     .log_time = q->now,
                                     .supply_grace_us = q->supply_grace_us,
                                     .step = a->item ? a->item->step : 1};
}

/* ---- when ---- */

/* When a line of supply counts: at its instant, or, once that has passed, at the end of its grace. */
static instant_t counts_at(const struct dated *d, const struct question *q)
{
    return d->at > q->now ? d->at : d->at + q->supply_grace_us;
}

/* Of dated[from..to), whose instants grow, the first at which so much is shown: more is shown the later. */
static instant_t first_enough(const struct asked_row *a, const struct question *q, const struct stock *s,
                              uint32_t from, uint32_t to, milli_t least)
{
    instant_t found = 0, asked = instant_asked(a, q);

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        instant_t at = counts_at(&s->dated[middle], q);
        bool later = at > q->now && (asked == INSTANT_NONE || at > asked);
        struct promise_question pq = promise_asked(a, q, at);
        if (later && promise_of(s, &pq).shown >= least) {
            found = at;
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return found;
}

instant_t figure_from(const struct asked_row *a, const struct question *q, milli_t least)
{
    struct put_back_room room;
    struct stock s;
    uint32_t late = 0;

    stock_of_row(a->row, &s);
    stock_put_back(&s, a->left_out, a->left_out_count, &room);
    while (late < s.dated_count && s.dated[late].at <= q->now)
        late++;
    instant_t of_late = first_enough(a, q, &s, 0, late, least),
              of_rest = first_enough(a, q, &s, late, s.dated_count, least);
    return of_late && (!of_rest || of_late < of_rest) ? of_late : of_rest;
}

static instant_t available_from(const struct figure *f, const struct asked_row *a, const struct question *q)
{
    if (f->level == LEVEL_PREORDER)
        return a->item->release_at;
    return f->level == LEVEL_BACKORDER ? figure_from(a, q, 1) : 0;
}

/* ---- figures ---- */

/* The words of the row alone, for the many rows that have nothing else. */
static struct figure plain_figure(const struct asked_row *a, const struct question *q)
{
    const struct row_image *r = a->row;
    milli_t demand = row_reserved(r) + row_committed(r);
    struct figure f = {.sellable = row_on_hand(r) - row_unavailable(r)};

    f.net_available = f.sellable - demand - row_safety_stock(r);
    f.promisable = not_below_zero(f.net_available);
    f.available = f.grantable = f.from_stock = a->terms.enabled ? f.promisable : 0;
    milli_t beyond = not_below_zero(-f.net_available - row_safety_stock(r));
    f.oversold = beyond < demand ? beyond : demand;
    f.level = level_of(f.available, false, a->item, q);
    f.available_from = available_from(&f, a, q);
    return f;
}

struct figure figure_asked(const struct asked_row *a, const struct question *q)
{
    if (is_plain(a, q))
        return plain_figure(a, q);
    struct put_back_room room;
    struct stock asked, now;
    instant_t at = instant_asked(a, q);
    struct promise_question pq = promise_asked(a, q, at);

    stock_asked(a, at, &room, &asked);
    stock_now(a->row, &now);
    struct promise p = promise_of(&asked, &pq);
    struct figure f = {.sellable = now.on_hand - now.unavailable,
                       .promisable = not_below_zero(p.atp),
                       .available = p.shown,
                       .grantable = p.grant_most,
                       .from_stock = p.grant_stock,
                       .oversold = stock_oversold(&now),
                       .capped = a->terms.cap != LIMIT_NONE && p.shown >= a->terms.cap};
    f.net_available = f.sellable - now.reserved - now.committed - now.safety_stock;
    f.level = level_of(f.available, p.grant_most > 0, a->item, q);
    f.available_from = available_from(&f, a, q);
    return f;
}

static struct asked_row without_rules(const struct row_image *r, const struct location *l,
                                      const struct item *i, const struct question *q)
{
    struct asked_row a = {.row = r, .location = l, .item = i, .terms = terms_none};
    a.terms.enabled = location_gives(l, q->method) && item_goes_from(i, l, q->method);
    return a;
}

struct figure figure_of(const struct row_image *r, const struct location *l, const struct item *i,
                        const struct question *q)
{
    struct asked_row a = without_rules(r, l, i, q);
    return figure_asked(&a, q);
}

/* ---- term by term ---- */

static const char *why_nothing(const struct asked_row *a, const struct question *q)
{
    const struct location *l = a->location;

    if (a->terms.enabled)
        return "the location takes part";
    if (location_gives(l, q->method) && !item_goes_from(a->item, l, q->method))
        return "the item may not be handed over by this method: it shows 0";
    if (location_gives(l, q->method) && a->terms.by_silence & RULE_SETS_ENABLED)
        return "the channel's rules switch it off while the location is stale: it shows 0 until it speaks";
    if (location_gives(l, q->method))
        return "the channel's rules switch it off here: it shows 0";
    if (l->deleted)
        return "the location was deleted: it shows 0";
    if (!l->enabled)
        return "the location is disabled: it shows 0";
    return "the location does not offer this method: it shows 0";
}

static const char *const status_meanings[STATUSES] = {
    "on hand but damaged",
    "on hand but in quarantine",
    "on hand but on display",
    "believed to be on hand but not found",
    "on hand but not to be sold, for another reason",
};

struct explanation {
    size_t count;
    struct explain_term *terms;
    milli_t sum, step;
};

static void add_term(struct explanation *e, const char *name, milli_t value, const char *meaning)
{
    e->terms[e->count++] = (struct explain_term){name, value, meaning};
    e->sum += value;
}

/* The statuses one by one; the last takes what the row has beyond them, so that the terms always add up. */
static void add_statuses(struct explanation *e, const struct row_image *r)
{
    const struct rare *rare = row_rare(r);
    milli_t left = row_unavailable(r);

    for (int i = 0; i < STATUSES; i++) {
        milli_t q = i == STATUSES - 1 ? left : rare ? rare->unavailable[i] : 0;
        add_term(e, status_name((enum status)(i + 1)), -q, status_meanings[i]);
        left -= q;
    }
}

/* What is there now, and what of it was promised. */
static void add_now(struct explanation *e, const struct row_image *r, const struct stock *s)
{
    add_term(e, "on_hand", row_on_hand(r), "units physically there, sellable or not");
    add_statuses(e, r);
    add_term(e, "reserved", -row_reserved(r), "open holds, which end by themselves");
    add_term(e, "committed", -row_committed(r), "open confirmed demand");
    add_term(e, "left_out", row_reserved(r) - s->reserved + row_committed(r) - s->committed,
             "of these, what the reservations named hold themselves");
    add_term(e, "safety_stock", -row_safety_stock(r), "units never promised");
}

/* What is to come, as one figure; the schedule has it instant by instant. */
static void add_later(struct explanation *e, const struct stock *s, const struct promise *p)
{
    milli_t later = 0;

    for (uint32_t i = 0; i < s->dated_count; i++)
        later += s->dated[i].demand;
    add_term(e, "demand_later", later, "of the demand, what is required at an instant to come");
    add_term(e, "to_come", p->atp - p->net_available - later,
             "what comes up to the instant asked for, less what must stay for demand after it");
}

static const char *because(const struct terms *t, enum rule_field field, const char *always,
                           const char *stale)
{
    return t->by_silence & 1u << field ? stale : always;
}

static void add_terms_of_channel(struct explanation *e, const struct stock *s, const struct promise *p,
                                 const struct terms *t)
{
    milli_t own = p->fenced + not_below_zero(p->pool);
    milli_t most = p->n < own ? p->n : own;
    milli_t buffer = promise_buffer(s, t, e->step);

    add_term(e, "safety_stock_rule", p->n - p->atp,
             because(t, RULE_SAFETY_STOCK, "a rule sets another safety stock for the channel",
                     "a rule sets another safety stock while the location is stale"));
    add_term(e, "set_aside", most - p->n, "set aside for other channels");
    add_term(e, "buffer", -buffer,
             because(t, t->by_silence & 1u << RULE_BUFFER_PERCENT ? RULE_BUFFER_PERCENT : RULE_BUFFER,
                     "a rule holds units back for the channel",
                     "a rule holds units back while the location is stale"));
    add_term(e, "below_zero", not_below_zero(most - buffer) - (most - buffer),
             "nothing below zero can be promised");
    milli_t bounded = not_below_zero(most - buffer);
    add_term(e, "cap", bounded > t->cap ? t->cap - bounded : 0,
             because(t, RULE_CAP, "a rule bounds what the channel is shown",
                     "a rule bounds what the channel is shown while the location is stale"));
}

size_t figure_explain(const struct asked_row *a, const struct question *q,
                      struct explain_term ret_terms[EXPLAIN_TERMS_MOST])
{
    struct explanation e = {.terms = ret_terms, .step = a->item ? a->item->step : 1};
    struct put_back_room room;
    struct stock s;
    instant_t at = instant_asked(a, q);
    struct promise_question pq = promise_asked(a, q, at);

    stock_asked(a, at, &room, &s);
    struct promise p = promise_of(&s, &pq);
    add_now(&e, a->row, &s);
    add_later(&e, &s, &p);
    add_terms_of_channel(&e, &s, &p, &a->terms);
    add_term(&e, "location", p.shown - e.sum, why_nothing(a, q));
    e.terms[e.count++] = (struct explain_term){
        "available", e.sum,
        at == INSTANT_NONE ? "the sum of all this: what may be promised now"
                           : "the sum of all this: what may be promised for that instant"};
    return e.count;
}

/* ---- instant by instant ---- */

/* When it counts: supply whose instant has passed counts from the end of its grace, and not after it. */
static struct schedule_line line_of(const struct stock *s, const struct dated *d, instant_t at,
                                    const struct question *q)
{
    bool passed = d->at <= q->now, comes = !passed || d->at + q->supply_grace_us > q->now;
    return (struct schedule_line){.at = at,
                                  .incoming = comes ? d->incoming : 0,
                                  .demand = d->demand,
                                  .projected = stock_projected(s, at, q->now, q->supply_grace_us),
                                  .atp = stock_atp(s, at, q->now, q->supply_grace_us)};
}

size_t figure_schedule(const struct asked_row *a, const struct question *q, struct schedule_line *ret,
                       size_t most)
{
    struct put_back_room room;
    struct stock s;
    size_t count = 0;

    stock_of_row(a->row, &s);
    stock_put_back(&s, a->left_out, a->left_out_count, &room);
    if (most)
        ret[count] = (struct schedule_line){.at = INSTANT_NONE,
                                            .projected = stock_projected(&s, INSTANT_NONE, q->now, 0),
                                            .atp = stock_atp(&s, INSTANT_NONE, q->now, 0)};
    count++;
    for (uint32_t i = 0; i < s.dated_count; i++) {
        const struct dated *d = &s.dated[i];
        instant_t at = d->at > q->now ? d->at : d->at + q->supply_grace_us;
        if (at <= q->now && !d->demand)
            continue; /* did not come in time */
        if (count < most)
            ret[count] = line_of(&s, d, at, q);
        count++;
    }
    return count;
}

/* ---- flags ---- */

uint32_t row_shown_flags(const struct row_image *r, const struct location *l, const struct item *i,
                         const struct figure *f)
{
    bool kit = i && i->components_count;
    uint32_t flags = 0;

    if (row_on_hand(r) < 0)
        flags |= SHOWN_NEGATIVE;
    if (row_unavailable(r) > 0 && f->sellable < 0)
        flags |= SHOWN_STATUSES;
    if (row_flags(r) & ROW_UNMATCHED)
        flags |= SHOWN_UNMATCHED;
    if (!kit && !(row_flags(r) & ROW_COUNTED))
        flags |= SHOWN_UNCOUNTED;
    if (!i || !l || (!l->registered && !l->deleted))
        flags |= SHOWN_UNREGISTERED;
    if (l && (l->deleted || !l->enabled))
        flags |= SHOWN_DISABLED;
    if (f->oversold > 0)
        flags |= SHOWN_OVERSOLD;
    return flags;
}

const char *row_shown_flag_name(enum row_shown_flag f)
{
    switch (f) {
    case SHOWN_NEGATIVE:
        return "negative";
    case SHOWN_STATUSES:
        return "statuses";
    case SHOWN_UNMATCHED:
        return "unmatched";
    case SHOWN_UNCOUNTED:
        return "uncounted";
    case SHOWN_UNREGISTERED:
        return "unregistered";
    case SHOWN_DISABLED:
        return "disabled";
    case SHOWN_OVERSOLD:
        return "oversold";
    case SHOWN_STALE:
        return "stale";
    }
    return "";
}
