/* Events drawn from a seed: every type, every field it may have, values at the edges as well as ordinary
 * ones. */
#ifndef TESTS_ANY_EVENT_H
#define TESTS_ANY_EVENT_H

#include "core/model/event_fields.h"

#include <stdio.h>

struct draw {
    uint64_t state;
    char room[4096]; /* the texts of the event at hand */
    size_t used;
};

static inline uint64_t draw(struct draw *d, uint64_t below)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (d->state * 0x2545F4914F6CDD1Du >> 20) % below;
}

static inline struct text draw_text(struct draw *d, bool name)
{
    static const char *const pieces[] = {"a",
                                         "Z9",
                                         "-",
                                         "_",
                                         ".",
                                         "7",
                                         " ",
                                         "\"",
                                         "\\",
                                         "/",
                                         "<b>",
                                         "&",
                                         "\xc3\xa4",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x91\x9f",
                                         "{",
                                         "|",
                                         "%",
                                         "\xe2\x80\xa8"};
    struct text t = {d->room + d->used, 1};
    size_t wanted = draw(d, 8) ? 1 + draw(d, 12) : 1 + draw(d, 40);
    d->room[d->used++] = "A7bq"[draw(d, 4)];
    for (size_t i = 0; i < wanted; i++) {
        const char *piece = pieces[draw(d, name ? 6 : sizeof(pieces) / sizeof(*pieces))];
        size_t length = strlen(piece);
        if (t.length + length > TEXT_BYTES_MOST || d->used + length > sizeof(d->room) - TEXT_BYTES_MOST)
            break;
        memcpy(d->room + d->used, piece, length);
        d->used += length;
        t.length += length;
    }
    return t;
}

static inline milli_t draw_quantity(struct draw *d)
{
    static const milli_t edges[] = {1, 999, 1000, 1001, 8500, QUANTITY_MOST, QUANTITY_MOST - 1};
    return draw(d, 3) ? 1 + (milli_t)draw(d, 100000) : edges[draw(d, 7)];
}

static inline void draw_field(struct draw *d, struct event *e, enum event_field field)
{
    void *member = event_member_to_fill(e, field);
    switch ((enum field_kind)field_places[field].kind) {
    case KIND_TEXT:
    case KIND_NAME:
        *(struct text *)member = draw_text(d, field_places[field].kind == KIND_NAME);
        break;
    case KIND_SEQUENCE:
        *(uint64_t *)member = draw(d, 4) ? draw(d, 1000000) : INT64_MAX - draw(d, 2);
        break;
    case KIND_QUANTITY:
        *(milli_t *)member = draw_quantity(d);
        break;
    case KIND_LIMIT:
        *(milli_t *)member = draw(d, 3) ? draw_quantity(d) - 1 : LIMIT_NONE;
        break;
    case KIND_INSTANT:
        *(instant_t *)member = draw(d, 4) ? (instant_t)(1795255500000000 + draw(d, 1000000000))
                                          : (instant_t)(draw(d, 2) * INSTANT_MOST);
        break;
    case KIND_STATUS:
        *(enum status *)member = (enum status)(1 + draw(d, STATUSES));
        break;
    case KIND_BASIS:
        e->basis = (enum count_basis)draw(d, BASIS_END);
        break;
    case KIND_ORDER_OP:
        e->op = (enum order_op)draw(d, ORDER_OP_END);
        break;
    case KIND_FLAG:
        *(bool *)member = draw(d, 2);
        break;
    case KIND_STATUSES:
        e->unavailable.has = (uint8_t)draw(d, 1u << STATUSES);
        for (int i = 0; i < STATUSES; i++)
            if (e->unavailable.has >> i & 1)
                e->unavailable.quantity[i] = draw_quantity(d) - 1;
        break;
    case KIND_ALLOCATION:
        e->allocation.op = (enum allocation_op)draw(d, ALLOCATION_OP_END);
        e->allocation.quantity = draw_quantity(d);
        e->allocation.channel = draw_text(d, true);
        if (e->allocation.op == ALLOCATION_MOVE)
            e->allocation.to_channel = draw_text(d, true);
        break;
    }
}

/* Asks event_check whether that type has the field. */
static inline bool draw_may_have(struct draw *d, enum event_type type, enum event_field field)
{
    struct problems p = {0};
    struct event e;
    event_clear(&e);
    e.type = type;
    e.has = UINT32_C(1) << field;
    draw_field(d, &e, field);
    d->used = 0;
    event_check(&e, LEVEL_NEWEST, &p);
    for (size_t i = 0; i < p.count; i++)
        if (!strcmp(p.at[i].pointer, field_places[field].pointer) &&
            !strncmp(p.at[i].detail, "is not a field", 14))
            return false;
    return true;
}

/* A sound event: drawn until event_check has nothing to say. */
static inline struct event draw_event(struct draw *d)
{
    struct event e;
    do {
        uint32_t may = 0;
        d->used = 0;
        event_clear(&e);
        e.type = (enum event_type)(1 + draw(d, EVENT_END - 1));
        for (unsigned f = 0; f < FIELD_END; f++)
            may |= draw_may_have(d, e.type, (enum event_field)f) ? UINT32_C(1) << f : 0;
        for (unsigned f = 0; f < FIELD_END; f++)
            if (may >> f & 1 && draw(d, 3)) {
                draw_field(d, &e, (enum event_field)f);
                e.has |= UINT32_C(1) << f;
            }
    } while (!event_check(&e, LEVEL_NEWEST, NULL));
    return e;
}

/* Field by field, by what was said. */
static inline bool same_event(const struct event *a, const struct event *b)
{
    if (a->type != b->type || a->has != b->has)
        return false;
    for (unsigned f = 0; f < FIELD_END; f++) {
        const void *x = event_member(a, (enum event_field)f), *y = event_member(b, (enum event_field)f);
        bool same = true;
        switch ((enum field_kind)field_places[f].kind) {
        case KIND_TEXT:
        case KIND_NAME:
            same = text_equal(*(const struct text *)x, *(const struct text *)y);
            break;
        case KIND_SEQUENCE:
        case KIND_QUANTITY:
        case KIND_LIMIT:
        case KIND_INSTANT:
            same = *(const int64_t *)x == *(const int64_t *)y;
            break;
        case KIND_STATUS:
        case KIND_BASIS:
        case KIND_ORDER_OP:
            same = *(const unsigned *)x == *(const unsigned *)y;
            break;
        case KIND_FLAG:
            same = a->final == b->final;
            break;
        case KIND_STATUSES:
            same = a->unavailable.has == b->unavailable.has &&
                   !memcmp(a->unavailable.quantity, b->unavailable.quantity, sizeof(a->unavailable.quantity));
            break;
        case KIND_ALLOCATION:
            same = text_equal(a->allocation.channel, b->allocation.channel) &&
                   text_equal(a->allocation.to_channel, b->allocation.to_channel) &&
                   a->allocation.quantity == b->allocation.quantity && a->allocation.op == b->allocation.op;
            break;
        }
        if (!same) {
            fprintf(stderr, "field %s differs\n", field_places[f].pointer + 1);
            return false;
        }
    }
    return true;
}

#endif
