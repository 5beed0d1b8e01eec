/* What model.md leaves to who looks first (an order's cancellation that overtakes its parts, two baskets of
 * one order at one row) is not made here: the oracle has one answer for everything that is. */
#include "sim/shoppers.h"

#include "codec/event_json.h"

#include <stdio.h>
#include <stdlib.h>

enum { MESSAGES = 160, LINES = 3, EVENTS_A_RECORD = 2 };

struct basket_made {
    struct text reference; /* of its order; empty: none */
    bool plain;            /* one line of one item at one place */
    unsigned sku, location, units;
    unsigned channel;
    bool partial;
};

struct making {
    struct world *w;
    instant_t now;
    unsigned steps, references, events;
    unsigned baskets_count;
    struct basket_made baskets[SHOPPER_RESERVATIONS_MOST];
    size_t records_count;
    struct record *records[MESSAGES + 8];
};

struct text shopper_sku(unsigned number)
{
    static const char *const names[SHOPPER_SKUS] = {"PEN", "INK", "CAP",
                                                    "SET"}; /* SET: two pens and an ink */
    return text_of(names[number]);
}

struct text shopper_reservation(unsigned number, char room[16])
{
    snprintf(room, 16, "r-%u", number);
    return text_of(room);
}

static struct text channel_name(unsigned number)
{
    static const char *const names[] = {"", "web", "market"};
    return text_of(names[number]);
}

static struct text name_it(struct making *m, const char *kind, unsigned number)
{
    char name[32];
    snprintf(name, sizeof(name), "%s-%u", kind, number);
    return arena_text(&m->w->arena, text_of(name));
}

static unsigned below(struct making *m, unsigned n)
{
    return (unsigned)random_below(m->w->random, n);
}

static bool percent(struct making *m, unsigned p)
{
    return random_percent(m->w->random, p);
}

static milli_t units(struct making *m, unsigned most)
{
    return (milli_t)(1 + below(m, most)) * MILLI_PER_UNIT;
}

static struct record *add_record(struct making *m, enum record_kind kind)
{
    struct record *r = arena_zalloc(&m->w->arena, sizeof(*r));

    m->now += (instant_t)below(m, 4000) * 1000;
    r->kind = kind;
    r->level = LEVEL_FIRST;
    m->records[m->records_count++] = r;
    return r;
}

/* ---- what operators say ---- */

static void make_reference(struct making *m, enum record_kind kind, const char *id, const char *document)
{
    struct record *r = add_record(m, kind);
    struct problems problems = {0};

    if (reference_from_json(kind, text_of(id), text_of(document), &m->w->arena, r, &problems) != 0)
        abort();
    r->kind = kind;
    r->level = LEVEL_FIRST;
    r->reference.occurred_at = m->w->begin;
}

static struct event *add_event(struct making *m, struct record *r, enum event_type type, unsigned sku,
                               unsigned location)
{
    if (!r->events)
        r->events = arena_zalloc(&m->w->arena, EVENTS_A_RECORD * sizeof(*r->events));
    struct event *e = &r->events[r->events_count++];

    *e = (struct event){.type = type,
                        .has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(occurred_at),
                        .id = name_it(m, "s", m->events++),
                        .source = TEXT("shop"),
                        .sku = shopper_sku(sku),
                        .location = world_location(location),
                        .occurred_at = m->now,
                        .as_of = INSTANT_NONE,
                        .expected_at = INSTANT_NONE,
                        .required_at = INSTANT_NONE};
    return e;
}

static struct event *one_event(struct making *m, enum event_type type, unsigned sku, unsigned location)
{
    return add_event(m, add_record(m, RECORD_EVENTS), type, sku, location);
}

static void with_quantity(struct event *e, milli_t q)
{
    e->quantity = q;
    e->has |= HAS(quantity);
}

static void with_channel(struct event *e, unsigned channel)
{
    e->channel = channel_name(channel);
    if (channel)
        e->has |= HAS(channel);
}

static void make_setting(struct making *m)
{
    struct event *e = one_event(m, EVENT_SETTING, below(m, 3), below(m, SHOPPER_LOCATIONS));

    if (percent(m, 50)) {
        e->safety_stock = (milli_t)below(m, 4) * MILLI_PER_UNIT;
        e->has |= HAS(safety_stock);
    } else {
        e->backorder_limit = percent(m, 15) ? LIMIT_NONE : (milli_t)below(m, 6) * MILLI_PER_UNIT;
        e->has |= HAS(backorder_limit);
    }
}

static void allocate(struct making *m, struct event *e, enum allocation_op op, unsigned channel, milli_t q)
{
    e->allocation = (struct allocation_said){.channel = channel_name(channel), .quantity = q, .op = op};
    e->has |= HAS(allocation);
    if (op == ALLOCATION_MOVE)
        e->allocation.to_channel = channel_name(3 - channel);
}

/* A move goes with the `set` that it moves from, so that there is enough. */
static void make_allocation(struct making *m)
{
    unsigned sku = below(m, 3), location = below(m, SHOPPER_LOCATIONS), channel = 1 + below(m, 2);
    struct record *r = add_record(m, RECORD_EVENTS);
    bool add = percent(m, 30), move = !add && percent(m, 30);

    allocate(m, add_event(m, r, EVENT_ALLOCATION, sku, location), add ? ALLOCATION_ADD : ALLOCATION_SET,
             channel, (milli_t)(add + below(m, 12)) * MILLI_PER_UNIT + (move ? 5 * MILLI_PER_UNIT : 0));
    if (!move)
        return;
    m->now += 1000;
    allocate(m, add_event(m, r, EVENT_ALLOCATION, sku, location), ALLOCATION_MOVE, channel, units(m, 5));
}

static void make_supply(struct making *m)
{
    unsigned sku = below(m, 3), location = below(m, SHOPPER_LOCATIONS);
    struct event *e = one_event(m, EVENT_INBOUND, sku, location);
    struct text reference = name_it(m, "po", m->references++);

    with_quantity(e, units(m, 12));
    e->reference = reference;
    e->expected_at = m->now + (instant_t)below(m, 240) * INSTANT_MINUTE;
    e->has |= HAS(reference) | HAS(expected_at);
    if (!percent(m, 60))
        return;
    e = one_event(m, EVENT_RECEIPT, sku, location);
    with_quantity(e, units(m, 12));
    e->reference = reference;
    e->has |= HAS(reference);
}

static void make_movement(struct making *m)
{
    bool receipt = percent(m, 45);
    struct event *e =
        one_event(m, receipt ? EVENT_RECEIPT : EVENT_SALE, below(m, 3), below(m, SHOPPER_LOCATIONS));

    with_quantity(e, units(m, receipt ? 15 : 3));
    if (!receipt)
        with_channel(e, below(m, 3));
}

/* ---- what shoppers ask for ---- */

static struct reservation_said *add_step(struct making *m, enum reservation_step step, unsigned basket)
{
    struct reservation_said *said = arena_zalloc(&m->w->arena, sizeof(*said));
    struct record *r = add_record(m, RECORD_RESERVATION);
    char room[16];

    *said = (struct reservation_said){.step = step,
                                      .id = arena_text(&m->w->arena, shopper_reservation(basket, room)),
                                      .expires_at = INSTANT_NONE,
                                      .required_at = INSTANT_NONE};
    said->digest.low = m->steps + 1;
    if (step != STEP_RESERVE)
        said->step_id = name_it(m, "step", m->steps);
    m->steps++;
    r->reservation = said;
    return said;
}

static struct text *some_locations(struct making *m, unsigned count, unsigned first)
{
    struct text *locations = arena_alloc(&m->w->arena, count * sizeof(*locations));

    for (unsigned i = 0; i < count; i++)
        locations[i] = world_location((first + i) % SHOPPER_LOCATIONS);
    return locations;
}

static struct line_said make_line(struct making *m, unsigned sku, unsigned location, bool several)
{
    struct line_said l = {
        .sku = shopper_sku(sku), .quantity = units(m, 5), .locations_count = several ? 2 : 1};

    l.locations = some_locations(m, l.locations_count, location);
    l.split = several && percent(m, 50);
    return l;
}

static void make_lines(struct making *m, struct reservation_said *said, struct basket_made *b)
{
    struct line_said *lines = arena_zalloc(&m->w->arena, LINES * sizeof(*lines));
    unsigned count = b->plain ? 1 : 1 + below(m, LINES);

    for (unsigned i = 0; i < count; i++) {
        unsigned sku = b->plain ? b->sku : below(m, b->channel ? 3 : SHOPPER_SKUS);
        unsigned location = b->plain ? b->location : below(m, SHOPPER_LOCATIONS);
        lines[i] = make_line(m, sku, location, !b->plain && !b->partial && percent(m, 30));
    }
    said->lines = lines;
    said->lines_count = count;
    b->units = (unsigned)(lines[0].quantity / MILLI_PER_UNIT);
}

/* A messenger overtakes: the order's events are there before its reservation is asked for. */
static void make_order_before(struct making *m, const struct basket_made *b)
{
    bool left = percent(m, 20);
    struct event *e = one_event(m, left ? EVENT_ORDER_SHIPPED : EVENT_ORDER_PLACED, b->sku, b->location);

    with_quantity(e, units(m, 5));
    with_channel(e, b->channel);
    e->reference = b->reference;
    e->has |= HAS(reference);
    if (left)
        return;
    if (percent(m, 50)) {
        e->op = ORDER_SET;
        e->has |= HAS(op);
    }
    if (percent(m, 30)) {
        e->required_at = m->now + (instant_t)below(m, 200) * INSTANT_MINUTE;
        e->has |= HAS(required_at);
    }
}

static void make_basket(struct making *m)
{
    if (m->baskets_count == SHOPPER_RESERVATIONS_MOST)
        return;
    unsigned number = m->baskets_count++;
    struct basket_made *b = &m->baskets[number];
    *b = (struct basket_made){.plain = percent(m, 50),
                              .sku = below(m, 3),
                              .location = below(m, SHOPPER_LOCATIONS),
                              .channel = below(m, 3)};
    b->partial = percent(m, 25);
    if (b->plain && percent(m, 40))
        b->reference = name_it(m, "order", m->references++);
    if (b->reference.length && percent(m, 40))
        make_order_before(m, b);
    struct reservation_said *said = add_step(m, STEP_RESERVE, number);
    said->reference = b->reference;
    said->channel = channel_name(b->channel);
    said->expires_at = m->now + (instant_t)(1 + below(m, 120)) * INSTANT_MINUTE;
    said->partial = b->partial;
    if (percent(m, 15))
        said->begin = percent(m, 50) ? RESERVATION_CONFIRMED : RESERVATION_FULFILLED;
    else if (percent(m, 20))
        said->required_at = m->now + (instant_t)below(m, 200) * INSTANT_MINUTE;
    make_lines(m, said, b);
}

/* Its order system speaks too: of as many as are reserved, or of more. */
static void make_order_event(struct making *m, struct basket_made *b)
{
    static const enum event_type types[] = {EVENT_ORDER_PLACED, EVENT_ORDER_SHIPPED, EVENT_ORDER_PICKED_UP,
                                            EVENT_SALE, EVENT_ORDER_PLACED};
    enum event_type type = types[below(m, 5)];
    struct event *e = one_event(m, type, b->sku, b->location);

    with_channel(e, b->channel);
    with_quantity(e, (milli_t)(b->units + (type == EVENT_ORDER_PLACED ? below(m, 3) : 0)) * MILLI_PER_UNIT);
    if (type == EVENT_ORDER_PLACED) {
        e->op = ORDER_SET;
        e->has |= HAS(op);
    }
    if (type == EVENT_SALE) {
        e->order_reference = b->reference;
        e->has |= HAS(order_reference);
    } else {
        e->reference = b->reference;
        e->has |= HAS(reference);
    }
}

static void make_part(struct making *m, struct reservation_said *said, const struct basket_made *b)
{
    struct line_said *line = arena_zalloc(&m->w->arena, sizeof(*line));

    if (!b->plain || percent(m, 40))
        return; /* all that is open */
    *line = make_line(m, b->sku, b->location, false);
    line->quantity = MILLI_PER_UNIT;
    said->lines = line;
    said->lines_count = 1;
}

static void make_step(struct making *m)
{
    if (!m->baskets_count)
        return;
    unsigned recent = m->baskets_count < 8 ? m->baskets_count : 8;
    unsigned number = m->baskets_count - 1 - below(m, recent), what = below(m, 100);
    struct basket_made *b = &m->baskets[number];
    struct reservation_said *said;

    if (b->reference.length && what < 45) {
        make_order_event(m, b);
    } else if (what < 40) {
        said = add_step(m, STEP_CONFIRM, number);
        if (b->plain && !b->reference.length && percent(m, 40))
            said->reference = b->reference = name_it(m, "order", m->references++);
    } else if (what < 50) {
        add_step(m, STEP_RELEASE, number);
    } else if (what < 58) {
        said = add_step(m, STEP_EXTEND, number);
        said->expires_at = m->now + (instant_t)(1 + below(m, 60)) * INSTANT_MINUTE;
    } else if (what < 80) {
        make_part(m, add_step(m, what < 72 ? STEP_FULFIL : STEP_CANCEL, number), b);
    } else if (!b->reference.length && what < 90) {
        said = add_step(m, STEP_MOVE, number);
        said->move_sku = shopper_sku(b->sku);
        said->move_from = world_location(b->location);
        said->move_to = world_location(1 - b->location);
    } else if (!b->reference.length) {
        said = add_step(m, STEP_CHANGE, number);
        make_lines(m, said, b);
    }
}

static void happen(struct making *m)
{
    unsigned what = below(m, 100);

    if (what < 18)
        make_movement(m);
    else if (what < 24)
        make_supply(m);
    else if (what < 28)
        make_setting(m);
    else if (what < 36)
        make_allocation(m);
    else if (what < 62)
        make_basket(m);
    else
        make_step(m);
}

/* Among the others, in their own order. */
static void mix(struct world *w, struct making *m)
{
    size_t others = w->messages_count, all = others + m->records_count;
    struct message *mixed = arena_alloc(&w->arena, all * sizeof(*mixed));
    size_t other = 0, own = 0;

    for (size_t i = 0; i < all; i++) {
        if (random_below(w->random, all - i) < others - other)
            mixed[i] = w->messages[other++];
        else
            mixed[i] = (struct message){.count = 1, .record = m->records[own++]};
    }
    memcpy(w->messages, mixed, all * sizeof(*mixed));
    w->messages_count = all;
}

void shoppers_join(struct world *w)
{
    struct making m = {.w = w, .now = w->begin};
    size_t count = 20 + random_below(w->random, MESSAGES - 20 - 2);

    make_reference(&m, RECORD_CHANNEL, "web",
                   "{\"rules\":[{\"buffer\":1},{\"when\":\"stale\",\"buffer\":3}]}");
    make_reference(&m, RECORD_CHANNEL, "market",
                   "{\"rules\":[{\"safety_stock\":2,\"max_per_line\":4},"
                   "{\"location\":\"store-2\",\"when\":\"stale\",\"enabled\":false}]}");
    make_reference(&m, RECORD_CHANNEL, "*",
                   "{\"rules\":[{\"sku\":\"INK\",\"when\":\"stale\",\"buffer\":2}]}");
    for (unsigned i = 0; i < SHOPPER_LOCATIONS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%.*s", (int)world_location(i).length, world_location(i).at);
        make_reference(&m, RECORD_LOCATION, id, "{\"sources\":[\"sh*\"],\"stale_after_seconds\":40}");
    }
    make_reference(&m, RECORD_ITEM, "SET",
                   "{\"components\":[{\"sku\":\"PEN\",\"quantity\":2},{\"sku\":\"INK\",\"quantity\":1}]}");
    while (m.records_count < count)
        happen(&m);
    mix(w, &m);
}
