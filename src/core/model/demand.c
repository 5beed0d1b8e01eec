/* What is open under a reference follows from its entries in the order in which they occurred, whatever the
 * order in which they arrived. */
#include "core/model/demand.h"

#include "base/error.h"
#include "core/model/promise.h"

#include <stdlib.h>

struct demand *demand_create(struct text reference, struct text line)
{
    size_t bytes = sizeof(struct demand) + (reference.length ? sizeof(struct chain) : 0);
    struct demand *d = account_create(bytes, reference, line);
    if (!d)
        return NULL;
    d->required_at = d->required_said_at = d->dated_at = INSTANT_NONE;
    d->channel = CHANNEL_POOL;
    d->entries = d->first;
    d->entries_capacity = DEMAND_FIRST_ENTRIES;
    return d;
}

void demand_destroy(struct demand *d)
{
    if (d && d->entries != d->first)
        free(d->entries);
    free(d);
}

static bool before(const struct demand_entry *a, const struct demand_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->kind < b->kind;
}

/* The walk over the entries. */
struct walk {
    milli_t placed, cancelled, held, confirmed, called_off, moved;
    milli_t gone[DEMAND_REPORTERS];
    milli_t gone_status[DEMAND_REPORTERS][STATUSES];
};

static milli_t greater(milli_t a, milli_t b)
{
    return a > b ? a : b;
}

static milli_t greatest(const milli_t reported[DEMAND_REPORTERS])
{
    milli_t most = reported[0];
    for (int i = 1; i < DEMAND_REPORTERS; i++)
        most = reported[i] > most ? reported[i] : most;
    return most;
}

/* What orders placed and what reservations hold or confirmed are the same units: the greater counts. */
static milli_t all_wanted(const struct walk *w)
{
    return greater(w->placed, w->confirmed + greater(0, w->held));
}

static void walk_entry(struct walk *w, const struct demand_entry *e)
{
    milli_t rest;
    switch ((enum demand_kind)e->kind) {
    case DEMAND_PLACED:
        w->placed += e->quantity;
        break;
    case DEMAND_SET:
        w->placed = e->quantity;
        break;
    case DEMAND_GONE_TILL:
    case DEMAND_GONE_ORDER:
    case DEMAND_GONE_FULFIL:
        w->gone[e->kind - DEMAND_GONE_TILL] += e->quantity;
        if (e->status)
            w->gone_status[e->kind - DEMAND_GONE_TILL][e->status - 1] += e->quantity;
        break;
    case DEMAND_CANCELLED:
        w->cancelled += e->quantity;
        break;
    case DEMAND_CANCEL_ALL:
        rest = all_wanted(w) - w->moved - greatest(w->gone);
        w->cancelled = greater(rest, w->cancelled);
        break;
    case DEMAND_HOLD:
        w->held += e->quantity;
        break;
    case DEMAND_UNHOLD:
        w->held -= e->quantity;
        break;
    case DEMAND_CONFIRM:
        w->held -= e->quantity;
        w->confirmed += e->quantity;
        break;
    case DEMAND_CALL_OFF:
        w->called_off += e->quantity;
        break;
    case DEMAND_MOVE_OUT:
        w->moved += e->quantity;
        break;
    case DEMAND_KINDS:
        break;
    }
}

static void walk_end(const struct walk *w, bool has_status, struct demand_figures *ret)
{
    milli_t cancelled = greater(w->cancelled, w->called_off) + w->moved, gone = greatest(w->gone);
    milli_t ordered = greater(w->placed, w->confirmed), wanted = all_wanted(w);
    milli_t total = greater(0, wanted - cancelled - gone), open = greater(0, ordered - cancelled - gone);
    *ret = (struct demand_figures){.placed = w->placed,
                                   .held = w->held,
                                   .confirmed = w->confirmed,
                                   .called_off = w->called_off,
                                   .moved = w->moved,
                                   .cancelled = cancelled,
                                   .gone = gone,
                                   .fulfilled = w->gone[DEMAND_GONE_FULFIL - DEMAND_GONE_TILL],
                                   .open = open,
                                   .reserved = total - open,
                                   .unmatched = gone > greater(0, wanted - cancelled)};
    for (int s = 0; has_status && s < STATUSES; s++) {
        milli_t reported[DEMAND_REPORTERS];
        for (int i = 0; i < DEMAND_REPORTERS; i++)
            reported[i] = w->gone_status[i][s];
        ret->gone_status[s] = greatest(reported);
    }
}

void demand_evaluate(const struct demand *d, const struct demand_entry *extra, instant_t until,
                     struct demand_figures *ret)
{
    struct walk w = {0};
    if (extra && extra->at > until)
        extra = NULL;
    bool has_status = d->has_status || (extra && extra->status);
    for (uint32_t i = 0; i < d->entries_count && d->entries[i].at <= until; i++) {
        if (extra && before(extra, &d->entries[i])) {
            walk_entry(&w, extra);
            extra = NULL;
        }
        walk_entry(&w, &d->entries[i]);
    }
    if (extra)
        walk_entry(&w, extra);
    walk_end(&w, has_status, ret);
}

/* All of it, with so much more held (or less). */
static milli_t all_open_with(const struct demand *d, instant_t at, milli_t held)
{
    struct demand_entry hold = {.at = at, .quantity = held, .kind = DEMAND_HOLD};
    struct demand_figures f;
    demand_evaluate(d, &hold, INT64_MAX, &f);
    return f.open + f.reserved;
}

milli_t demand_covered(const struct demand *d, instant_t at, milli_t freed)
{
    /* from some quantity on each unit more is one more that is open; what lies below is covered */
    milli_t grown = all_open_with(d, at, QUANTITY_MOST - freed) - all_open_with(d, at, -freed);
    return grown > 0 ? QUANTITY_MOST - grown : QUANTITY_MOST;
}

/* Steps of one instant and kind are one entry: a basket has several lines of an account. */
static bool join(struct demand *d, const struct demand_entry *entry)
{
    for (uint32_t i = d->entries_count; i > 0 && !before(&d->entries[i - 1], entry); i--)
        if (d->entries[i - 1].at == entry->at && d->entries[i - 1].kind == entry->kind) {
            d->entries[i - 1].quantity += entry->quantity;
            return true;
        }
    return false;
}

void demand_step(struct demand *d, enum demand_kind kind, instant_t at, milli_t quantity)
{
    struct demand_entry entry = {.at = at, .quantity = quantity, .kind = (uint8_t)kind};
    if (quantity > 0 && !join(d, &entry))
        demand_add(d, &entry);
}

void demand_add(struct demand *d, const struct demand_entry *entry)
{
    uint32_t i = d->entries_count++;
    for (; i > 0 && before(entry, &d->entries[i - 1]); i--)
        d->entries[i] = d->entries[i - 1];
    d->entries[i] = *entry;
    d->has_status |= entry->status != STATUS_NONE;
    d->has_steps |= demand_is_step(entry->kind);
}

instant_t demand_set_at(const struct demand *d)
{
    for (uint32_t i = d->entries_count; i > 0; i--)
        if (d->entries[i - 1].kind == DEMAND_SET)
            return d->entries[i - 1].at;
    return INSTANT_NONE;
}

/* What was placed or set before a later `set` of the same range says nothing at its end, unless a `cancel
 * all` between them looks back at it. */
static uint32_t drop_overruled(struct demand *d, uint32_t from, uint32_t to)
{
    uint32_t dropped = 0;
    bool overruled = false;
    for (uint32_t i = to; i > from; i--) {
        struct demand_entry *e = &d->entries[i - 1];
        if (e->kind == DEMAND_CANCEL_ALL) {
            overruled = false;
        } else if (e->kind <= DEMAND_SET && overruled) {
            e->kind = DEMAND_KINDS; /* goes when the range is closed up */
            dropped++;
        } else if (e->kind == DEMAND_SET) {
            overruled = true;
        }
    }
    return dropped;
}

/* Merges neighbours-but-for-others of one kind and status among entries [from, to): the older one goes into
 * the newer one. What is open at the end of the range stays, as long as nothing in the range is a `set` or a
 * `cancel all`, which look back: those, and what is before them, are left alone. */
static uint32_t merge_range(struct demand *d, uint32_t from, uint32_t to)
{
    uint32_t merged = drop_overruled(d, from, to);
    for (uint32_t i = to; i > from; i--)
        if (d->entries[i - 1].kind == DEMAND_SET || d->entries[i - 1].kind == DEMAND_CANCEL_ALL) {
            from = i;
            break;
        }
    for (uint32_t i = from; i < to; i++) {
        uint32_t next = i + 1;
        if (d->entries[i].kind == DEMAND_KINDS)
            continue;
        while (next < to && (d->entries[next].kind != d->entries[i].kind ||
                             d->entries[next].status != d->entries[i].status))
            next++;
        if (next < to) {
            d->entries[next].quantity += d->entries[i].quantity;
            d->entries[i].kind = DEMAND_KINDS;
            merged++;
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->entries_count; i++)
        if (d->entries[i].kind != DEMAND_KINDS)
            d->entries[kept++] = d->entries[i];
    d->entries_count = kept;
    return merged;
}

static void merge_older(struct demand *d, instant_t count_at, instant_t *ret_merged_until)
{
    uint32_t contained = 0; /* in the count */
    while (contained < d->entries_count && d->entries[contained].at <= count_at)
        contained++;
    uint32_t from = contained > DEMAND_ENTRIES_MOST / 2 ? 0 : contained;
    uint32_t to = from ? d->entries_count - DEMAND_ENTRIES_MOST / 4 : contained;
    if (from == 0 && contained == 0)
        to = d->entries_count - DEMAND_ENTRIES_MOST / 4;
    if (to <= from)
        return;
    instant_t until = d->entries[to - 1].at;
    if (merge_range(d, from, to) && until > *ret_merged_until)
        *ret_merged_until = until;
}

int demand_reserve(struct demand *d, uint32_t more, instant_t count_at, instant_t *ret_merged_until)
{
    /* When it is time to merge is a matter of what is there alone: capacities differ between replicas. */
    if (d->entries_count >= DEMAND_ENTRIES_MOST)
        merge_older(d, count_at, ret_merged_until);
    return demand_room(d, more);
}

int demand_room(struct demand *d, uint32_t more)
{
    uint32_t need = d->entries_count + d->holds_count + more, capacity = d->entries_capacity;
    if (need <= capacity)
        return 0;
    while (capacity < need)
        capacity *= 2;
    struct demand_entry *entries =
        realloc(d->entries == d->first ? NULL : d->entries, capacity * sizeof(*entries));
    if (!entries)
        return ERROR_NOMEM;
    if (d->entries == d->first)
        memcpy(entries, d->first, sizeof(d->first));
    d->entries = entries;
    d->entries_capacity = capacity;
    return 0;
}

void demand_fit(struct demand *d)
{
    if (d->entries == d->first || d->entries_count > DEMAND_FIRST_ENTRIES)
        return;
    memcpy(d->first, d->entries, d->entries_count * sizeof(*d->entries));
    free(d->entries);
    d->entries = d->first;
    d->entries_capacity = DEMAND_FIRST_ENTRIES;
}
