/* From a row to what people ask. One pass over plain numbers: nothing here may wait, allocate or fail. */
#include "core/answer/availability.h"

static const char *const level_names[LEVEL_END] = {"out_of_stock", "low_stock", "in_stock", "backorder",
                                                   "preorder"};

const char *level_name(enum level l)
{
    return (unsigned)l < LEVEL_END ? level_names[l] : "";
}

static milli_t not_below_zero(milli_t q)
{
    return q > 0 ? q : 0;
}

/* May this place give anything to whoever asks? A location that does not say its methods is not narrowed by
 * them. */
static bool gives(const struct location *l, const struct question *q)
{
    if (!l)
        return true;
    if (l->deleted || !l->enabled)
        return false;
    return !q->method || !l->methods || (l->methods & q->method);
}

static milli_t backorder_limit_of(const struct row_image *r)
{
    return row_rare(r) ? row_rare(r)->backorder_limit : 0;
}

static milli_t oversold_of(const struct row_image *r, milli_t net)
{
    milli_t demand = row_reserved(r) + row_committed(r), limit = backorder_limit_of(r);

    if (limit == LIMIT_NONE)
        return 0;
    milli_t beyond = not_below_zero(-net - row_safety_stock(r) - limit);
    return beyond < demand ? beyond : demand;
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

bool may_backorder(const struct row_image *r, const struct location *l, const struct question *q)
{
    milli_t net =
        row_on_hand(r) - row_unavailable(r) - row_reserved(r) - row_committed(r) - row_safety_stock(r);
    milli_t limit = backorder_limit_of(r);

    return gives(l, q) && (limit == LIMIT_NONE || (limit > 0 && net > -limit));
}

struct figure figure_of(const struct row_image *r, const struct location *l, const struct item *i,
                        const struct question *q)
{
    struct figure f;

    f.sellable = row_on_hand(r) - row_unavailable(r);
    f.net_available = f.sellable - row_reserved(r) - row_committed(r) - row_safety_stock(r);
    f.promisable = not_below_zero(f.net_available);
    f.available = gives(l, q) ? f.promisable : 0;
    f.oversold = oversold_of(r, f.net_available);
    f.level = level_of(f.available, may_backorder(r, l, q), i, q);
    return f;
}

/* ---- term by term ---- */

static const char *why_nothing(const struct location *l, const struct question *q)
{
    if (gives(l, q))
        return "the location takes part";
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
    milli_t sum;
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

size_t figure_explain(const struct row_image *r, const struct location *l, const struct item *i,
                      const struct question *q, struct explain_term ret_terms[EXPLAIN_TERMS_MOST])
{
    struct explanation e = {.terms = ret_terms};
    struct figure f = figure_of(r, l, i, q);

    add_term(&e, "on_hand", row_on_hand(r), "units physically there, sellable or not");
    add_statuses(&e, r);
    add_term(&e, "reserved", -row_reserved(r), "open holds, which end by themselves");
    add_term(&e, "committed", -row_committed(r), "open confirmed demand");
    add_term(&e, "safety_stock", -row_safety_stock(r), "units never promised");
    add_term(&e, "below_zero", f.promisable - f.net_available, "nothing below zero can be promised");
    add_term(&e, "location", f.available - f.promisable, why_nothing(l, q));
    e.terms[e.count++] =
        (struct explain_term){"available", e.sum, "the sum of all this: what may be promised now"};
    return e.count;
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
