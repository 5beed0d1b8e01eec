/* The body of a reservation's step ↔ struct reservation_said. */
#include "base/error.h"
#include "codec/body.h"

/* ---- reading ---- */

/* Memory for count pieces; NULL without, and b says why. */
static void *take_room(struct reading *b, size_t count, size_t size)
{
    void *room = arena_alloc(b->arena, count * size);

    if (!room)
        b->error = arena_error(b->arena, count * size);
    return room;
}

static const struct text *take_locations(struct reading *b, const Onhand__V1__ReservationLine *said)
{
    struct text *all = take_room(b, said->n_locations, sizeof(*all));

    for (size_t i = 0; all && i < said->n_locations; i++)
        all[i] = (struct text){(const char *)said->locations[i].data, said->locations[i].len};
    return all;
}

static bool too_many(const Onhand__V1__Reservation *said)
{
    size_t candidates = 0;

    for (size_t i = 0; i < said->n_lines; i++)
        candidates += said->lines[i]->n_locations;
    return said->n_lines > RESERVATION_LINES_MOST || candidates > RESERVATION_CANDIDATES_MOST;
}

static void take_lines(struct reading *b, const Onhand__V1__Reservation *said, struct reservation_said *r)
{
    struct line_said *lines = take_room(b, said->n_lines, sizeof(*lines));

    for (size_t i = 0; !b->error && i < said->n_lines; i++) {
        const Onhand__V1__ReservationLine *one = said->lines[i];
        lines[i] = (struct line_said){.sku = {(const char *)one->sku.data, one->sku.len},
                                      .quantity = one->quantity_milli,
                                      .locations_count = (uint32_t)one->n_locations,
                                      .locations = take_locations(b, one),
                                      .split = one->split};
    }
    r->lines_count = (uint32_t)said->n_lines;
    r->lines = lines;
}

static struct text text_in(ProtobufCBinaryData said)
{
    return (struct text){(const char *)said.data, said.len};
}

void reservation_take(struct reading *b, const Onhand__V1__Reservation *said,
                      const struct reservation_said **ret)
{
    struct reservation_said *r = take_room(b, 1, sizeof(*r));

    if (!r)
        return;
    *r = (struct reservation_said){
        .step = (enum reservation_step)said->step,
        .id = text_in(said->id),
        .step_id = text_in(said->step_id),
        .digest = {.high = said->digest_high, .low = said->digest_low},
        .channel = text_in(said->channel),
        .method = said->method,
        .reference = text_in(said->reference),
        .ttl_us = said->ttl_us,
        .partial = said->partial,
        .begin = (enum reservation_state)said->begin,
        .move_sku = text_in(said->move_sku),
        .move_from = text_in(said->move_from),
        .move_to = text_in(said->move_to),
    };
    r->expires_at = body_instant(b, "/reservation/expires_at", said->has_expires_at_us, said->expires_at_us);
    r->required_at =
        body_instant(b, "/reservation/required_at", said->has_required_at_us, said->required_at_us);
    if (too_many(said))
        body_refuse(b, "/reservation/lines", "must be at most 500 lines with 1000 candidates in all");
    if (!b->error)
        take_lines(b, said, r);
    if (!b->error && !reservation_check(r, "/reservation", b->problems))
        b->error = ERROR_INVALID;
    *ret = r;
}

/* ---- writing ---- */

static uint32_t candidates_of(const struct reservation_said *r)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < r->lines_count; i++)
        count += r->lines[i].locations_count;
    return count;
}

/* 70 KB of the stack, of which only what is said is touched. */
struct lines {
    Onhand__V1__ReservationLine each[RESERVATION_LINES_MOST], *all[RESERVATION_LINES_MOST];
    ProtobufCBinaryData locations[RESERVATION_CANDIDATES_MOST];
};

static void say_lines(const struct reservation_said *r, struct lines *l, Onhand__V1__Reservation *said)
{
    ProtobufCBinaryData *next = l->locations;

    for (uint32_t i = 0; i < r->lines_count; i++) {
        const struct line_said *line = &r->lines[i];
        Onhand__V1__ReservationLine *one = l->all[i] = &l->each[i];
        onhand__v1__reservation_line__init(one);
        SAY_TEXT(*one, sku, line->sku);
        SAY_NUMBER(*one, quantity_milli, line->quantity);
        SAY_NUMBER(*one, split, line->split);
        one->n_locations = line->locations_count;
        one->locations = next;
        for (uint32_t k = 0; k < line->locations_count; k++)
            *next++ = body_bytes(line->locations[k]);
    }
    said->n_lines = r->lines_count;
    said->lines = l->all;
}

int reservation_put(const struct reservation_said *r, struct buffer *out)
{
    Onhand__V1__Record m = ONHAND__V1__RECORD__INIT;
    Onhand__V1__Reservation said = ONHAND__V1__RESERVATION__INIT;
    struct lines lines;

    if (r->lines_count > RESERVATION_LINES_MOST || candidates_of(r) > RESERVATION_CANDIDATES_MOST)
        return ERROR_LIMIT;
    SAY_NUMBER(said, step, (uint32_t)r->step);
    SAY_TEXT(said, id, r->id);
    SAY_TEXT(said, step_id, r->step_id);
    SAY_NUMBER(said, digest_high, r->digest.high);
    SAY_NUMBER(said, digest_low, r->digest.low);
    SAY_TEXT(said, channel, r->channel);
    SAY_NUMBER(said, method, r->method);
    SAY_TEXT(said, reference, r->reference);
    SAY_INSTANT(said, expires_at_us, r->expires_at);
    SAY_NUMBER(said, ttl_us, r->ttl_us);
    SAY_INSTANT(said, required_at_us, r->required_at);
    SAY_NUMBER(said, partial, r->partial);
    SAY_NUMBER(said, begin, (uint32_t)r->begin);
    SAY_TEXT(said, move_sku, r->move_sku);
    SAY_TEXT(said, move_from, r->move_from);
    SAY_TEXT(said, move_to, r->move_to);
    say_lines(r, &lines, &said);
    m.body_case = ONHAND__V1__RECORD__BODY_RESERVATION;
    m.reservation = &said;
    body_put(out, &m);
    return 0;
}
