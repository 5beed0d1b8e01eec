/* Makes the events of a seed. What model.md leaves to the order of arrival (two cancels of all of one order,
 * a line closed and opened again) is not made here: the oracle has one answer for everything that is. */
#include "sim/world.h"

#include <stdio.h>

enum { ORDERS = 24, TRANSFERS = 12 };

struct order {
    char name[16];
    unsigned sku, location;
    milli_t open;
    bool cancelled, used;
};

struct making {
    struct world *w;
    instant_t now;
    struct order orders[ORDERS];
    unsigned orders_count, references;
};

static struct text say(struct world *w, const char *kind, unsigned number)
{
    char name[32];
    snprintf(name, sizeof(name), "%s-%u", kind, number);
    return arena_text(&w->arena, text_of(name));
}

struct text world_sku(unsigned number)
{
    static const char *const names[WORLD_SKUS] = {"SHOE-42", "SHOE-43", "LAMP", "ROPE %{m}"};
    return text_of(names[number]);
}

struct text world_location(unsigned number)
{
    static const char *const names[WORLD_LOCATIONS] = {"store-1", "store-2", "dc", "dark.7"};
    return text_of(names[number]);
}

static milli_t some(struct making *m, unsigned most)
{
    milli_t q = (milli_t)(1 + random_below(m->w->random, most)) * MILLI_PER_UNIT;
    return random_percent(m->w->random, 10) ? q / 8 : q; /* 0.125: exact thousandths */
}

static struct event *begin_event(struct making *m, enum event_type type, unsigned sku, unsigned location)
{
    struct world *w = m->w;
    struct event *e = &w->events[w->events_count];

    m->now += (instant_t)random_below(w->random, 40) * INSTANT_SECOND / 4; /* the same instant comes up too */
    *e = (struct event){.type = type,
                        .has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(occurred_at),
                        .id = say(w, "e", (unsigned)w->events_count),
                        .source = TEXT("sim"),
                        .sku = world_sku(sku),
                        .location = world_location(location),
                        .occurred_at = m->now,
                        .as_of = INSTANT_NONE,
                        .expected_at = INSTANT_NONE,
                        .required_at = INSTANT_NONE};
    w->events_count++;
    return e;
}

static void with_quantity(struct event *e, milli_t q)
{
    e->quantity = q;
    e->has |= HAS(quantity);
}

static void with_reference(struct event *e, struct text reference)
{
    e->reference = reference;
    e->has |= HAS(reference);
}

static void with_status(struct making *m, struct event *e)
{
    static const enum status some_statuses[] = {STATUS_DAMAGED, STATUS_DISPLAY, STATUS_QUARANTINE};
    if (!random_percent(m->w->random, 20))
        return;
    e->status = some_statuses[random_below(m->w->random, 3)];
    e->has |= HAS(status);
}

static void make_movement(struct making *m, unsigned sku, unsigned location)
{
    static const enum event_type types[] = {EVENT_RECEIPT, EVENT_SALE,   EVENT_SALE,
                                            EVENT_SALE,    EVENT_RETURN, EVENT_ADJUSTMENT};
    enum event_type type = types[random_below(m->w->random, 6)];
    struct event *e = begin_event(m, type, sku, location);

    with_quantity(e, some(m, type == EVENT_RECEIPT ? 30 : 5));
    if (type == EVENT_ADJUSTMENT) {
        e->reason = TEXT("found");
        e->has |= HAS(reason);
        if (random_percent(m->w->random, 50))
            e->quantity = -e->quantity;
    } else {
        with_status(m, e);
    }
}

static void make_status_change(struct making *m, unsigned sku, unsigned location)
{
    struct event *e = begin_event(m, EVENT_STATUS_CHANGE, sku, location);

    with_quantity(e, some(m, 3));
    if (random_percent(m->w->random, 60)) {
        e->to_status = random_percent(m->w->random, 50) ? STATUS_DAMAGED : STATUS_OTHER;
        e->has |= HAS(to_status);
    } else {
        e->from_status = STATUS_DAMAGED;
        e->has |= HAS(from_status);
        if (random_percent(m->w->random, 50)) {
            e->to_status = STATUS_QUARANTINE;
            e->has |= HAS(to_status);
        }
    }
}

static void make_count(struct making *m, unsigned sku, unsigned location)
{
    struct event *e = begin_event(m, EVENT_COUNT, sku, location);

    with_quantity(e, (milli_t)random_below(m->w->random, 40) * MILLI_PER_UNIT);
    e->as_of = e->occurred_at;
    e->basis = (enum count_basis)random_below(m->w->random, BASIS_END);
    e->has |= HAS(as_of) | HAS(basis);
    if (random_percent(m->w->random, 40)) {
        e->unavailable.has = 1 << (STATUS_DAMAGED - 1);
        e->unavailable.quantity[STATUS_DAMAGED - 1] = (milli_t)random_below(m->w->random, 4) * MILLI_PER_UNIT;
        e->has |= HAS(unavailable);
    }
}

static struct order *some_order(struct making *m)
{
    return m->orders_count ? &m->orders[random_below(m->w->random, m->orders_count)] : NULL;
}

static void make_order(struct making *m, unsigned sku, unsigned location)
{
    if (m->orders_count == ORDERS)
        return;
    struct order *o = &m->orders[m->orders_count++];
    *o = (struct order){.sku = sku, .location = location};
    snprintf(o->name, sizeof(o->name), "o-%u", m->references++);
    unsigned times = 1 + (unsigned)random_below(m->w->random, 2);
    for (unsigned i = 0; i < times; i++) {
        struct event *e = begin_event(m, EVENT_ORDER_PLACED, sku, location);
        with_quantity(e, some(m, 5));
        with_reference(e, arena_text(&m->w->arena, text_of(o->name)));
        if (random_percent(m->w->random, 25)) {
            e->op = ORDER_SET;
            e->has |= HAS(op);
        }
        o->open += e->quantity;
    }
}

/* What happens to an order: gone by one or two reporters, cut short, cancelled in part, or cancelled whole
 * (and then nothing else). */
static void make_order_step(struct making *m)
{
    struct order *o = some_order(m);

    if (!o || o->cancelled)
        return;
    unsigned what = (unsigned)random_below(m->w->random, 10);
    enum event_type type = what < 3   ? EVENT_ORDER_SHIPPED
                           : what < 5 ? EVENT_ORDER_PICKED_UP
                           : what < 7 ? EVENT_SALE
                           : what < 8 ? EVENT_ORDER_SHORT
                                      : EVENT_ORDER_CANCELLED;
    bool all = type == EVENT_ORDER_CANCELLED && !o->used && random_percent(m->w->random, 60);
    struct event *e = begin_event(m, type, o->sku, o->location);
    struct text name = arena_text(&m->w->arena, text_of(o->name));
    if (!all)
        with_quantity(e, some(m, 3));
    if (type == EVENT_SALE) {
        e->order_reference = name;
        e->has |= HAS(order_reference);
    } else {
        with_reference(e, name);
    }
    o->used = true;
    o->cancelled = all;
}

static void make_transfer(struct making *m, unsigned sku, unsigned location)
{
    struct world *w = m->w;
    unsigned to = (location + 1) % w->locations;
    struct text reference = say(w, "t", m->references++);
    struct event *e;

    if (random_percent(w->random, 40)) {
        e = begin_event(m, EVENT_INBOUND, sku, to);
    } else {
        e = begin_event(m, EVENT_TRANSFER_SHIP, sku, location);
        e->to = world_location(to);
        e->has |= HAS(to);
    }
    bool transfer = e->type == EVENT_TRANSFER_SHIP;
    milli_t q = some(m, 12);
    with_quantity(e, q);
    with_reference(e, reference);
    if (random_percent(w->random, 70)) {
        e->expected_at = m->now + (instant_t)(1 + random_below(w->random, 48)) * 60 * INSTANT_MINUTE;
        e->has |= HAS(expected_at);
    }
    for (unsigned parts = (unsigned)random_below(w->random, 3); parts; parts--) {
        e = begin_event(m, transfer ? EVENT_TRANSFER_RECEIVE : EVENT_RECEIPT, sku, to);
        with_quantity(e, some(m, 8));
        with_reference(e, reference);
        with_status(m, e);
    }
}

static void make_setting(struct making *m, unsigned sku, unsigned location)
{
    struct event *e = begin_event(m, EVENT_SETTING, sku, location);
    e->safety_stock = (milli_t)random_below(m->w->random, 5) * MILLI_PER_UNIT;
    e->has |= HAS(safety_stock);
}

static void make_heartbeat(struct making *m, unsigned location)
{
    struct event *e = begin_event(m, EVENT_HEARTBEAT, 0, location);
    e->sku = (struct text){0};
    e->has &= ~HAS(sku);
    if (random_percent(m->w->random, 30)) { /* all that is there was counted */
        e->as_of = e->occurred_at;
        e->has |= HAS(as_of);
    }
}

static void happen(struct making *m)
{
    unsigned sku = (unsigned)random_below(m->w->random, m->w->skus);
    unsigned location = (unsigned)random_below(m->w->random, m->w->locations);
    unsigned what = (unsigned)random_below(m->w->random, 100);

    if (what < 45)
        make_movement(m, sku, location);
    else if (what < 52)
        make_status_change(m, sku, location);
    else if (what < 62)
        make_count(m, sku, location);
    else if (what < 74)
        make_order(m, sku, location);
    else if (what < 88)
        make_order_step(m);
    else if (what < 95)
        make_transfer(m, sku, location);
    else if (what < 97)
        make_setting(m, sku, location);
    else
        make_heartbeat(m, location);
}

/* The events in the order they are sent: each a little late, some twice, some with a watch that is wrong by a
 * year. */
static void send_all(struct world *w)
{
    unsigned spread = 1 + (unsigned)random_below(w->random, 60),
             twice = (unsigned)random_below(w->random, 30);
    bool used[WORLD_EVENTS_MOST] = {false};

    for (size_t sent = 0, from = 0; sent < w->events_count; sent++) {
        while (used[from])
            from++;
        size_t at = from + random_below(w->random, spread);
        while (at >= w->events_count || used[at])
            at = from + random_below(w->random, spread);
        used[at] = true;
        w->sent[w->sent_count] = w->events[at];
        if (random_percent(w->random, 1))
            w->sent[w->sent_count].occurred_at += 365 * INSTANT_DAY;
        w->sent_count++;
        if (random_percent(w->random, twice) &&
            w->sent_count < 2 * WORLD_EVENTS_MOST - (w->events_count - sent))
            w->sent[w->sent_count] = w->sent[random_below(w->random, w->sent_count)], w->sent_count++;
    }
}

static void pack(struct world *w)
{
    int64_t last[2] = {-1, -1};

    for (size_t at = 0; at < w->sent_count && w->messages_count < WORLD_MESSAGES_MOST - 200;) {
        struct message *m = &w->messages[w->messages_count++];
        size_t left = w->sent_count - at;
        *m = (struct message){.first = at, .count = 1, .intake = random_percent(w->random, 50)};
        if (random_percent(w->random, 30))
            m->count = 1 + random_below(w->random, left < 5 ? left : 5);
        if (m->intake) {
            m->partition = (int32_t)random_below(w->random, 2);
            m->after = last[m->partition];
            m->offset = last[m->partition] +=
                1 + (int64_t)random_below(w->random, 3); /* offsets have holes */
        }
        at += m->count;
    }
}

void world_make(struct world *w, struct random *r, instant_t begin)
{
    struct making m = {.w = w, .now = begin};
    size_t count;

    *w = (struct world){.random = r, .begin = begin};
    w->skus = 1 + (unsigned)random_below(r, WORLD_SKUS);
    w->locations = 2 + (unsigned)random_below(r, WORLD_LOCATIONS - 1);
    count = 10 + random_below(r, 30 * w->skus * w->locations > WORLD_EVENTS_MOST - 20
                                     ? WORLD_EVENTS_MOST - 20
                                     : 30 * w->skus * w->locations);
    while (w->events_count < count)
        happen(&m);
    send_all(w);
    pack(w);
}

void world_finish(struct world *w)
{
    arena_finish(&w->arena);
}
