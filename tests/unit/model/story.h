/* A seeded story: records of every kind about a few SKUs, places and references, so that they get in each
 * other's way. Copy the struct to tell it again from there. */
#ifndef TESTS_STORY_H
#define TESTS_STORY_H

#include "core/model/apply.h"

#include <stdio.h>
#include <stdlib.h>

enum { STORY_EVENTS = 6, STORY_TEXTS = 64 };

struct story {
    unsigned seed;
    uint64_t offset;
    instant_t now;
    int64_t position[3];
    uint64_t sequence[5];
    uint64_t ids;
};

/* What a record points into; valid until the next one is told. */
struct story_record {
    struct record record;
    struct event events[STORY_EVENTS];
    char texts[STORY_TEXTS][48];
    int texts_used;
    struct setting_said setting;
    struct location location;
    struct group group;
    struct item item;
    struct channel channel;
    struct rule rules[2];
    struct text members[4];
    struct component component;
};

static inline struct story story_begin(unsigned seed)
{
    return (struct story){
        .seed = seed, .now = INT64_C(1795219200) * INSTANT_SECOND, .position = {-1, -1, -1}};
}

static inline unsigned story_roll(struct story *s, unsigned sides)
{
    return (unsigned)rand_r(&s->seed) % sides;
}

static inline struct text story_text(struct story_record *r, const char *format, unsigned long long number)
{
    char *at = r->texts[r->texts_used++ % STORY_TEXTS];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return (struct text){at, (size_t)snprintf(at, 48, format, number)};
#pragma GCC diagnostic pop
}

static inline void story_references(struct story *s, struct story_record *r, struct event *e)
{
    e->has |= HAS(reference);
    e->reference = story_text(r, "ref-%llu", story_roll(s, 9));
    if (story_roll(s, 3) == 0) {
        e->has |= HAS(line);
        e->line = story_text(r, "%llu", story_roll(s, 2));
    }
}

static inline void story_event(struct story *s, struct story_record *r, struct event *e)
{
    static const enum event_type types[] = {
        EVENT_RECEIPT,         EVENT_SALE,          EVENT_SALE,
        EVENT_RETURN,          EVENT_ADJUSTMENT,    EVENT_STATUS_CHANGE,
        EVENT_COUNT,           EVENT_TRANSFER_SHIP, EVENT_TRANSFER_RECEIVE,
        EVENT_INBOUND,         EVENT_ORDER_PLACED,  EVENT_ORDER_PLACED,
        EVENT_ORDER_CANCELLED, EVENT_ORDER_SHIPPED, EVENT_ORDER_PICKED_UP,
        EVENT_ORDER_SHORT,     EVENT_SETTING,       EVENT_HEARTBEAT,
        EVENT_ALLOCATION,
    };
    enum event_type t = types[story_roll(s, sizeof(types) / sizeof(*types))];
    bool again = story_roll(s, 10) == 0 && s->ids > 20;

    *e = (struct event){
        .type = t, .as_of = INSTANT_NONE, .expected_at = INSTANT_NONE, .required_at = INSTANT_NONE};
    e->has = HAS(id) | HAS(location) | HAS(occurred_at) | HAS(sku);
    e->id = story_text(r, "e-%llu", again ? s->ids - story_roll(s, 20) : ++s->ids);
    e->sku = story_text(r, "SKU-%llu", story_roll(s, 12));
    e->location = story_text(r, "place-%llu", story_roll(s, 6));
    e->occurred_at = s->now - story_roll(s, 4000) * INSTANT_MINUTE;
    if (story_roll(s, 2)) {
        unsigned source = story_roll(s, 5);
        e->has |= HAS(source) | HAS(sequence);
        e->source = story_text(r, "source-%llu", source);
        e->sequence = (s->sequence[source] += story_roll(s, 300)) + 500 - story_roll(s, 400);
        if (story_roll(s, 4) == 0) {
            e->has |= HAS(session);
            e->session = story_text(r, "%llu", s->offset / 500);
        }
    }
    if (t != EVENT_SETTING && t != EVENT_HEARTBEAT && t != EVENT_ALLOCATION &&
        !(t == EVENT_ORDER_CANCELLED && story_roll(s, 3) == 0)) {
        e->has |= HAS(quantity);
        e->quantity = (1 + story_roll(s, 9)) * 1000;
    }
    if (t == EVENT_TRANSFER_SHIP || t == EVENT_TRANSFER_RECEIVE || t == EVENT_INBOUND || t == EVENT_RECEIPT ||
        (t >= EVENT_ORDER_PLACED && t <= EVENT_ORDER_SHORT))
        story_references(s, r, e);
    switch (t) {
    case EVENT_ADJUSTMENT:
        e->has |= HAS(reason);
        e->reason = TEXT("told");
        e->quantity -= 4500;
        break;
    case EVENT_STATUS_CHANGE:
        e->has |= HAS(to_status);
        e->to_status = (enum status)(1 + story_roll(s, STATUSES));
        break;
    case EVENT_COUNT:
        e->has |= HAS(as_of) | HAS(basis);
        e->as_of = e->occurred_at;
        e->basis = (enum count_basis)story_roll(s, BASIS_END);
        e->quantity *= 5;
        break;
    case EVENT_HEARTBEAT:
        e->has |= HAS(as_of);
        e->as_of = e->occurred_at;
        break;
    case EVENT_TRANSFER_SHIP:
        e->has |= HAS(to);
        e->to = story_text(r, "place-%llu", 6 + story_roll(s, 3));
        break;
    case EVENT_INBOUND:
        e->has |= HAS(expected_at);
        e->expected_at = s->now + story_roll(s, 2000) * INSTANT_MINUTE;
        if (story_roll(s, 3) == 0) {
            e->has |= HAS(parent);
            e->parent = story_text(r, "ref-%llu", 10 + story_roll(s, 2));
        }
        break;
    case EVENT_SALE:
        if (story_roll(s, 2)) {
            e->has |= HAS(channel);
            e->channel = story_text(r, "channel-%llu", story_roll(s, 4));
        }
        if (story_roll(s, 2)) {
            e->has |= HAS(order_reference);
            e->order_reference = story_text(r, "ref-%llu", story_roll(s, 9));
        }
        break;
    case EVENT_ORDER_PLACED:
        if (story_roll(s, 3) == 0) {
            e->has |= HAS(op);
            e->op = ORDER_SET;
        }
        break;
    case EVENT_ALLOCATION:
        e->has |= HAS(allocation);
        e->allocation.op = (enum allocation_op)story_roll(s, ALLOCATION_OP_END);
        e->allocation.quantity = (1 + story_roll(s, 9)) * 1000;
        e->allocation.channel = story_text(r, "channel-%llu", story_roll(s, 4));
        if (e->allocation.op == ALLOCATION_MOVE)
            e->allocation.to_channel = story_text(r, "channel-%llu", 4 + story_roll(s, 2));
        break;
    case EVENT_SETTING:
        e->has |= HAS(safety_stock) | HAS(reorder_point) | HAS(backorder_limit);
        e->safety_stock = story_roll(s, 3) * 1000;
        e->reorder_point = story_roll(s, 2) ? LIMIT_NONE : 2000;
        e->backorder_limit = story_roll(s, 3) ? 0 : LIMIT_NONE;
        break;
    default:
        break;
    }
}

static inline void story_reference_data(struct story *s, struct story_record *r)
{
    struct reference_said *said = &r->record.reference;
    unsigned kind = story_roll(s, 4);

    said->deleted = story_roll(s, 8) == 0;
    said->document = story_text(r, "{\"told\":%llu}", s->offset);
    said->occurred_at = story_roll(s, 4) ? INSTANT_NONE : s->now - story_roll(s, 100) * INSTANT_MINUTE;
    if (kind == 0) {
        r->record.kind = RECORD_LOCATION;
        said->id = story_text(r, "place-%llu", story_roll(s, 10));
        r->location = (struct location){
            .enabled = story_roll(s, 4) != 0, .name = said->document, .type = LOCATION_DARK_STORE};
        said->decoded = &r->location;
    } else if (kind == 1) {
        r->record.kind = RECORD_GROUP;
        said->id = story_text(r, "group-%llu", story_roll(s, 4));
        r->group =
            (struct group){.name = said->document, .members = r->members, .members_count = story_roll(s, 5)};
        for (uint32_t i = 0; i < r->group.members_count; i++)
            r->members[i] = story_roll(s, 4) ? story_text(r, "place-%llu", story_roll(s, 12))
                                             : story_text(r, "group-%llu", story_roll(s, 4));
        said->decoded = &r->group;
    } else if (kind == 2) {
        r->record.kind = RECORD_ITEM;
        said->id = story_text(r, "SKU-%llu", story_roll(s, 14));
        r->component = (struct component){TEXT("SKU-1"), 2000};
        r->item = (struct item){.step = story_roll(s, 6) ? 1 : 2000,
                                .release_at = INSTANT_NONE,
                                .restricted = story_roll(s, 4) == 0 ? METHOD_SHIP : 0,
                                .name = said->document,
                                .unit = TEXT("each"),
                                .components = &r->component,
                                .components_count = story_roll(s, 12) == 0};
        said->decoded = &r->item;
    } else {
        r->record.kind = RECORD_CHANNEL;
        said->id = story_text(r, "channel-%llu", story_roll(s, 3));
        r->channel = (struct channel){.low_threshold = story_roll(s, 5) * 1000, .name = said->document};
        r->channel.rules = r->rules;
        r->channel.rules_count = story_roll(s, 3);
        for (uint32_t i = 0; i < r->channel.rules_count; i++)
            r->rules[i] =
                (struct rule){.item = {NARROWED_BY_NAME, story_text(r, "SKU-%llu", story_roll(s, 3))},
                              .place = {story_roll(s, 2) ? NARROWED_BY_GROUP : NARROWED_NOT, TEXT("group-1")},
                              .sets = 1u << RULE_CAP | RULE_SETS_ENABLED,
                              .value[RULE_CAP] = 1000,
                              .enabled = true};
        said->decoded = &r->channel;
    }
    if (said->deleted)
        said->decoded = NULL, said->document = (struct text){0};
}

static inline void story_setting(struct story *s, struct story_record *r)
{
    static const struct setting_said settings[] = {
        {TEXT("ids_remembered"), 1024},
        {TEXT("ids_remembered"), 2500},
        {TEXT("sources_remembered"), 16},
        {TEXT("sources_bytes"), 16777216},
        {TEXT("closed_accounts_us"), 86400000000},
        {TEXT("closed_accounts_us"), 3600000000},
        {TEXT("movements_us"), 172800000000},
        {TEXT("ids_unverified_rejected"), 1},
        {TEXT("ids_unverified_rejected"), 0},
    };
    r->record.kind = RECORD_SETTINGS;
    r->setting = settings[story_roll(s, sizeof(settings) / sizeof(*settings))];
    r->record.settings.count = 1;
    r->record.settings.at = &r->setting;
}

/* The next record. */
static inline void story_tell(struct story *s, struct story_record *r)
{
    unsigned what = story_roll(s, 40);

    r->record = (struct record){.kind = RECORD_EVENTS, .events = r->events};
    r->texts_used = 0;
    s->now += 1 + story_roll(s, 10 * 60) * INSTANT_SECOND;
    if (s->offset == 0) {
        r->record.kind = RECORD_INCARNATION;
        r->record.incarnation.number = 77;
    } else if (what == 0) {
        story_setting(s, r);
    } else if (what < 6) {
        story_reference_data(s, r);
    } else {
        r->record.events_count = story_roll(s, 4) ? 1 : 1 + story_roll(s, STORY_EVENTS);
        for (size_t i = 0; i < r->record.events_count; i++)
            story_event(s, r, &r->events[i]);
        if (story_roll(s, 3) == 0) {
            unsigned partition = story_roll(s, 3);
            int64_t next = s->position[partition] + 1 + story_roll(s, 3);
            r->record.intake = (struct intake_said){.name = TEXT("tills"),
                                                    .partition = (int32_t)partition,
                                                    .offset = next,
                                                    .after = s->position[partition]};
            s->position[partition] = next;
        }
    }
    s->offset += 1 + (story_roll(s, 20) == 0); /* logs have holes */
}

#endif
