/* Definitions of model.md, one function each. An event "speaks of" a row when it names it; `until` bounds
 * occurred_at. */
#include "sim/oracle.h"

#define FUTURE_US (5 * INSTANT_MINUTE)

struct row_of {
    const struct oracle *o;
    struct text sku, location;
};

static bool same(struct text a, struct text b)
{
    return text_equal(a, b);
}

static bool is_about(const struct row_of *r, const struct event *e)
{
    return same(e->sku, r->sku) && same(e->location, r->location);
}

bool oracle_take(struct oracle *o, const struct event *e, instant_t appended_at)
{
    if (appended_at > o->log_time)
        o->log_time = appended_at;
    if (e->occurred_at > o->log_time + FUTURE_US ||
        ((e->has & HAS(as_of)) && e->as_of > o->log_time + FUTURE_US))
        return false;
    for (size_t i = 0; i < o->count; i++)
        if (same(o->events[i].id, e->id))
            return false;
    o->events[o->count++] = *e;
    return true;
}

/* The newest count of the row that `fixes` the status (STATUS_NONE: any count), older ones that came late
 * left out. */
static const struct event *newest_count(const struct row_of *r, enum status fixes)
{
    const struct event *newest = NULL, *found = NULL;

    for (size_t i = 0; i < r->o->count; i++) {
        const struct event *e = &r->o->events[i];
        if (e->type != EVENT_COUNT || !is_about(r, e) || (newest && e->as_of < newest->as_of))
            continue;
        newest = e;
        if (fixes == STATUS_NONE || fixes == STATUS_MISSING || (e->unavailable.has & 1 << (fixes - 1)))
            found = e;
    }
    return found;
}

/* A status as it was at `until`: what the newest count fixed and what came after it. */
static milli_t status_at(const struct row_of *r, enum status s, instant_t until)
{
    const struct event *fix = newest_count(r, s);
    instant_t from = fix ? fix->as_of : INSTANT_NONE;
    milli_t q = fix && (fix->unavailable.has & 1 << (s - 1)) ? fix->unavailable.quantity[s - 1] : 0;

    for (size_t i = 0; i < r->o->count; i++) {
        const struct event *e = &r->o->events[i];
        if (!is_about(r, e) || e->occurred_at <= from || e->occurred_at > until)
            continue;
        if (e->type == EVENT_STATUS_CHANGE)
            q += (e->to_status == s) * e->quantity - (e->from_status == s) * e->quantity;
        else if (e->type == EVENT_ORDER_SHORT)
            q += (s == STATUS_MISSING) * e->quantity;
        else if (e->status == s)
            q += e->type == EVENT_SALE || e->type == EVENT_TRANSFER_SHIP ? -e->quantity : e->quantity;
    }
    return q > 0 ? q : 0;
}

static struct text order_of(const struct event *e)
{
    return e->type == EVENT_SALE ? e->order_reference : e->reference;
}

static milli_t gone_at(const struct row_of *r, struct text order, instant_t until)
{
    milli_t tills = 0, orders = 0;

    for (size_t i = 0; i < r->o->count; i++) {
        const struct event *e = &r->o->events[i];
        if (!is_about(r, e) || e->occurred_at > until || !same(order_of(e), order))
            continue;
        tills += (e->type == EVENT_SALE) * e->quantity;
        orders += (e->type == EVENT_ORDER_SHIPPED || e->type == EVENT_ORDER_PICKED_UP) * e->quantity;
    }
    return tills > orders ? tills : orders;
}

static milli_t placed_at(const struct row_of *r, struct text order, instant_t until)
{
    milli_t placed = 0;
    instant_t set_at = INSTANT_NONE;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < r->o->count; i++) {
            const struct event *e = &r->o->events[i];
            if (e->type != EVENT_ORDER_PLACED || !is_about(r, e) || e->occurred_at > until ||
                !same(e->reference, order))
                continue;
            if (pass == 0 && e->op == ORDER_SET && e->occurred_at >= set_at) {
                placed = e->quantity;
                set_at = e->occurred_at;
            } else if (pass == 1 && e->op == ORDER_ADD && e->occurred_at > set_at) {
                placed += e->quantity;
            }
        }
    return placed;
}

static milli_t open_at(const struct row_of *r, struct text order, instant_t until)
{
    milli_t placed = placed_at(r, order, until), cancelled = 0, all = 0;

    for (size_t i = 0; i < r->o->count; i++) {
        const struct event *e = &r->o->events[i];
        if (!is_about(r, e) || e->occurred_at > until || !same(order_of(e), order))
            continue;
        if (e->type == EVENT_ORDER_SHORT || (e->type == EVENT_ORDER_CANCELLED && (e->has & HAS(quantity))))
            cancelled += e->quantity;
        else if (e->type == EVENT_ORDER_CANCELLED && placed_at(r, order, e->occurred_at) > all)
            all = placed_at(r, order, e->occurred_at);
    }
    milli_t open = placed - (all > cancelled ? all : cancelled) - gone_at(r, order, until);
    return open > 0 ? open : 0;
}

/* Is this the first event of the row that names its order? */
static bool names_order_first(const struct row_of *r, size_t at)
{
    struct text order = order_of(&r->o->events[at]);

    if (!order.length)
        return false;
    for (size_t i = 0; i < at; i++)
        if (is_about(r, &r->o->events[i]) && same(order_of(&r->o->events[i]), order))
            return false;
    return true;
}

static milli_t committed_at(const struct row_of *r, instant_t until)
{
    milli_t sum = 0;

    for (size_t i = 0; i < r->o->count; i++)
        if (is_about(r, &r->o->events[i]) && names_order_first(r, i))
            sum += open_at(r, order_of(&r->o->events[i]), until);
    return sum;
}

/* What moved on_hand after `from`. Goods that left for an order count once, whoever tells of them. */
static milli_t moved_since(const struct row_of *r, instant_t from)
{
    milli_t sum = 0;

    for (size_t i = 0; i < r->o->count; i++) {
        const struct event *e = &r->o->events[i];
        if (!is_about(r, e))
            continue;
        if (names_order_first(r, i))
            sum -= gone_at(r, order_of(e), INSTANT_MOST) - gone_at(r, order_of(e), from);
        if (e->occurred_at <= from)
            continue;
        if (e->type == EVENT_RECEIPT || e->type == EVENT_RETURN || e->type == EVENT_ADJUSTMENT ||
            e->type == EVENT_TRANSFER_RECEIVE)
            sum += e->quantity;
        else if ((e->type == EVENT_SALE && !e->order_reference.length) || e->type == EVENT_TRANSFER_SHIP)
            sum -= e->quantity;
    }
    return sum;
}

static milli_t incoming(const struct row_of *r, struct text reference)
{
    milli_t inbound = 0, moved = 0;
    instant_t said_at = INSTANT_NONE;
    bool closed = false;

    for (size_t i = 0; i < r->o->count; i++) {
        const struct event *e = &r->o->events[i];
        if (!same(e->sku, r->sku) || !same(e->reference, reference))
            continue;
        if (e->type == EVENT_TRANSFER_SHIP && same(e->to, r->location))
            moved += e->quantity;
        if (!same(e->location, r->location))
            continue;
        if (e->type == EVENT_INBOUND && e->occurred_at >= said_at) {
            said_at = e->occurred_at;
            inbound = e->quantity;
        } else if (e->type == EVENT_RECEIPT || e->type == EVENT_TRANSFER_RECEIVE) {
            moved -= e->quantity;
            closed |= e->final;
        }
    }
    milli_t open = closed ? 0 : inbound + moved;
    return open > 0 ? open : 0;
}

static milli_t all_incoming(const struct row_of *r)
{
    milli_t sum = 0;

    for (size_t i = 0; i < r->o->count; i++) {
        const struct event *e = &r->o->events[i];
        bool first = same(e->sku, r->sku) && (e->type == EVENT_INBOUND || e->type == EVENT_TRANSFER_SHIP);
        for (size_t k = 0; first && k < i; k++)
            first = !(same(r->o->events[k].sku, r->sku) && same(r->o->events[k].reference, e->reference) &&
                      (r->o->events[k].type == EVENT_INBOUND || r->o->events[k].type == EVENT_TRANSFER_SHIP));
        if (first)
            sum += incoming(r, e->reference);
    }
    return sum;
}

struct oracle_row oracle_row(const struct oracle *o, struct text sku, struct text location)
{
    struct row_of r = {o, sku, location};
    struct oracle_row row = {.committed = committed_at(&r, INSTANT_MOST), .incoming = all_incoming(&r)};
    const struct event *count = newest_count(&r, STATUS_NONE);
    instant_t from = count ? count->as_of : INSTANT_NONE, set_at = INSTANT_NONE;

    for (int s = 1; s <= STATUSES; s++) {
        row.unavailable[s - 1] = status_at(&r, (enum status)s, INSTANT_MOST);
        if (count && count->basis >= BASIS_SELLABLE)
            row.on_hand += status_at(&r, (enum status)s, from);
    }
    if (count)
        row.on_hand +=
            count->quantity + (count->basis >= BASIS_NET_OF_COMMITTED ? committed_at(&r, from) : 0);
    row.on_hand += moved_since(&r, from);
    for (size_t i = 0; i < o->count; i++) {
        const struct event *e = &o->events[i];
        if (e->type == EVENT_SETTING && is_about(&r, e) && (e->has & HAS(safety_stock)) &&
            e->occurred_at >= set_at) {
            set_at = e->occurred_at;
            row.safety_stock = e->safety_stock;
        }
    }
    return row;
}

instant_t oracle_counted(const struct oracle *o, struct text location, bool whole)
{
    instant_t newest = INSTANT_NONE;

    for (size_t i = 0; i < o->count; i++) {
        const struct event *e = &o->events[i];
        bool counts = whole ? e->type == EVENT_HEARTBEAT && e->has & HAS(as_of) : e->type == EVENT_COUNT;
        if (counts && same(e->location, location) && e->as_of > newest)
            newest = e->as_of;
    }
    return newest;
}
