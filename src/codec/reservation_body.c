/* The body of a reservation's step ↔ struct reservation_said. The one body on a hot path, so it is read and
 * written like events (wire.h), read by the two tables below; texts stay where they are, in the record. */
#include "base/error.h"
#include "codec/body.h"
#include "codec/wire.h"

#include <stdio.h>

/* ---- the two messages, as the schema has them ---- */

enum said_kind {
    SAID_UINT32, /* 0: not said */
    SAID_INT64,  /* the same */
    SAID_INSTANT,
    SAID_FIXED64,
    SAID_FLAG,
    SAID_TEXT,
    SAID_LINE,
    SAID_LOCATION,
};

struct said_field {
    const char *name;
    uint8_t kind; /* enum said_kind */
    uint16_t offset;
};

/* Field number n is at[n - 1]. */
struct said_message {
    const struct said_field *at;
    uint32_t count;
};

#define FIELD(name, kind, type, member)           \
    {                                             \
        name, kind, offsetof(struct type, member) \
    }
#define MESSAGE(fields)                            \
    {                                              \
        fields, sizeof(fields) / sizeof(*(fields)) \
    }

static const struct said_field step_fields[] = {
    FIELD("step", SAID_UINT32, reservation_said, step),
    FIELD("id", SAID_TEXT, reservation_said, id),
    FIELD("step_id", SAID_TEXT, reservation_said, step_id),
    FIELD("digest_high", SAID_FIXED64, reservation_said, digest.high),
    FIELD("digest_low", SAID_FIXED64, reservation_said, digest.low),
    FIELD("channel", SAID_TEXT, reservation_said, channel),
    FIELD("method", SAID_UINT32, reservation_said, method),
    FIELD("reference", SAID_TEXT, reservation_said, reference),
    FIELD("expires_at_us", SAID_INSTANT, reservation_said, expires_at),
    FIELD("ttl_us", SAID_INT64, reservation_said, ttl_us),
    FIELD("required_at_us", SAID_INSTANT, reservation_said, required_at),
    FIELD("partial", SAID_FLAG, reservation_said, partial),
    FIELD("begin", SAID_UINT32, reservation_said, begin),
    FIELD("lines", SAID_LINE, reservation_said, lines),
    FIELD("move_sku", SAID_TEXT, reservation_said, move_sku),
    FIELD("move_from", SAID_TEXT, reservation_said, move_from),
    FIELD("move_to", SAID_TEXT, reservation_said, move_to),
};
static const struct said_field line_fields[] = {
    FIELD("sku", SAID_TEXT, line_said, sku),
    FIELD("quantity_milli", SAID_INT64, line_said, quantity),
    FIELD("locations", SAID_LOCATION, line_said, locations),
    FIELD("split", SAID_FLAG, line_said, split),
};
static const struct said_message step_message = MESSAGE(step_fields), line_message = MESSAGE(line_fields);

/* NULL: unknown here. */
static const struct said_field *field_of(const struct said_message *m, uint32_t number)
{
    return number <= m->count ? &m->at[number - 1] : NULL;
}

/* ---- reading ---- */

struct found {
    size_t lines, candidates;
};

static enum wire_type wire_type_of(const struct said_field *field)
{
    switch ((enum said_kind)field->kind) {
    case SAID_UINT32:
    case SAID_INT64:
    case SAID_INSTANT:
    case SAID_FLAG:
        return WIRE_VARINT;
    case SAID_FIXED64:
        return WIRE_FIXED64;
    default:
        return WIRE_BYTES;
    }
}

static void refuse_type(struct reading *b, const char *name)
{
    char pointer[64];

    snprintf(pointer, sizeof(pointer), "/reservation%s%s", *name ? "/" : "", name);
    body_refuse(b, pointer, "is not of the type that its field number has");
}

/* Are the bytes what the schema has, and how many are there of what comes more than once? */
static void look_over(struct reading *b, struct text message, const struct said_message *m,
                      struct found *found)
{
    struct wire w = wire_of(message);
    struct wire_field f;
    int got;

    while ((got = wire_next(&w, &f)) > 0) {
        const struct said_field *field = field_of(m, f.number);
        if (!field) {
            b->unknown_fields++;
        } else if (f.type != wire_type_of(field)) {
            refuse_type(b, field->name);
        } else if (field->kind == SAID_LINE) {
            found->lines++;
            look_over(b, f.bytes, &line_message, found);
        } else {
            found->candidates += field->kind == SAID_LOCATION;
        }
    }
    if (got < 0)
        body_refuse(b, "/reservation", "is not protobuf: it is cut short or broken");
}

static void take_value(const struct wire_field *f, const struct said_field *field, void *message)
{
    void *member = (char *)message + field->offset;

    switch ((enum said_kind)field->kind) {
    case SAID_UINT32:
        *(uint32_t *)member = (uint32_t)f->value;
        break;
    case SAID_INT64:
    case SAID_FIXED64:
        *(uint64_t *)member = f->value;
        break;
    case SAID_INSTANT: /* one below 0 is refused, also if it is INSTANT_NONE */
        *(instant_t *)member = (int64_t)f->value < 0 ? -1 : (int64_t)f->value;
        break;
    case SAID_FLAG:
        *(bool *)member = f->value != 0;
        break;
    case SAID_TEXT:
        *(struct text *)member = f->bytes;
        break;
    case SAID_LINE:
    case SAID_LOCATION:
        break;
    }
}

/* Its locations go to *next, which moves on. */
static void take_line(struct text message, struct line_said *l, struct text **next)
{
    struct wire w = wire_of(message);
    struct wire_field f;

    *l = (struct line_said){.locations = *next};
    while (wire_next(&w, &f) > 0) {
        const struct said_field *field = field_of(&line_message, f.number);
        if (field && field->kind == SAID_LOCATION) {
            *(*next)++ = f.bytes;
            l->locations_count++;
        } else if (field) {
            take_value(&f, field, l);
        }
    }
}

static void take_fields(struct text message, struct reservation_said *r, struct line_said *line,
                        struct text *locations)
{
    struct wire w = wire_of(message);
    struct wire_field f;

    while (wire_next(&w, &f) > 0) {
        const struct said_field *field = field_of(&step_message, f.number);
        if (field && field->kind == SAID_LINE)
            take_line(f.bytes, line++, &locations);
        else if (field)
            take_value(&f, field, r);
    }
}

/* Memory for count pieces; NULL without, and b says why. */
static void *take_room(struct reading *b, size_t count, size_t size)
{
    void *room = arena_alloc(b->arena, count * size);

    if (!room)
        b->error = arena_error(b->arena, count * size);
    return room;
}

static void check_instant(struct reading *b, const char *pointer, instant_t at)
{
    body_instant(b, pointer, at != INSTANT_NONE, at);
}

void reservation_take(struct reading *b, struct text field, const struct reservation_said **ret)
{
    struct wire w = wire_of(field);
    struct wire_field f;
    struct found found = {0};

    if (wire_next(&w, &f) > 0 && f.type == WIRE_BYTES)
        look_over(b, f.bytes, &step_message, &found);
    else
        refuse_type(b, "");
    if (!b->error && (found.lines > RESERVATION_LINES_MOST || found.candidates > RESERVATION_CANDIDATES_MOST))
        body_refuse(b, "/reservation/lines", "must be at most 500 lines with 1000 candidates in all");
    if (b->error)
        return;

    struct reservation_said *r = take_room(b, 1, sizeof(*r));
    struct line_said *lines = take_room(b, found.lines, sizeof(*lines));
    struct text *locations = take_room(b, found.candidates, sizeof(*locations));
    if (b->error)
        return;
    *r = (struct reservation_said){
        .expires_at = INSTANT_NONE, .required_at = INSTANT_NONE, .lines_count = (uint32_t)found.lines};
    take_fields(f.bytes, r, lines, locations);
    r->lines = lines;
    check_instant(b, "/reservation/expires_at", r->expires_at);
    check_instant(b, "/reservation/required_at", r->required_at);
    if (!b->error && !reservation_check(r, "/reservation", b->problems))
        b->error = ERROR_INVALID;
    *ret = r;
}

/* ---- writing: what is zero, empty or not there is left out, so that the same record is the same bytes ----
 */

static uint32_t candidates_of(const struct reservation_said *r)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < r->lines_count; i++)
        count += r->lines[i].locations_count;
    return count;
}

static void put_number(struct buffer *out, uint32_t number, uint64_t value)
{
    if (value)
        wire_put_varint(out, number, value);
}

static void put_fixed64(struct buffer *out, uint32_t number, uint64_t value)
{
    if (value)
        wire_put_fixed64(out, number, value);
}

static void put_instant(struct buffer *out, uint32_t number, instant_t at)
{
    if (at != INSTANT_NONE)
        wire_put_varint(out, number, (uint64_t)at);
}

static void put_text(struct buffer *out, uint32_t number, struct text t)
{
    if (t.length)
        wire_put_text(out, number, t);
}

/* Not by the tables: a basket has a hundred lines, and most fields are not there. */
static void put_line(struct buffer *out, uint32_t number, const struct line_said *l)
{
    size_t begin = wire_begin(out, number);

    put_text(out, 1, l->sku);
    put_number(out, 2, (uint64_t)l->quantity);
    for (uint32_t i = 0; i < l->locations_count; i++)
        wire_put_text(out, 3, l->locations[i]);
    put_number(out, 4, l->split);
    wire_end(out, begin);
}

static void put_step(struct buffer *out, const struct reservation_said *r)
{
    put_number(out, 1, r->step);
    put_text(out, 2, r->id);
    put_text(out, 3, r->step_id);
    put_fixed64(out, 4, r->digest.high);
    put_fixed64(out, 5, r->digest.low);
    put_text(out, 6, r->channel);
    put_number(out, 7, r->method);
    put_text(out, 8, r->reference);
    put_instant(out, 9, r->expires_at);
    put_number(out, 10, (uint64_t)r->ttl_us);
    put_instant(out, 11, r->required_at);
    put_number(out, 12, r->partial);
    put_number(out, 13, r->begin);
    for (uint32_t i = 0; i < r->lines_count; i++)
        put_line(out, 14, &r->lines[i]);
    put_text(out, 15, r->move_sku);
    put_text(out, 16, r->move_from);
    put_text(out, 17, r->move_to);
}

int reservation_put(const struct reservation_said *r, struct buffer *out)
{
    if (r->lines_count > RESERVATION_LINES_MOST || candidates_of(r) > RESERVATION_CANDIDATES_MOST)
        return ERROR_LIMIT;
    size_t begin = wire_begin(out, ONHAND__V1__RECORD__BODY_RESERVATION);
    put_step(out, r);
    wire_end(out, begin);
    return 0;
}
