/* Records into protobuf: fields in the order of their numbers, so that the same record is the same bytes.
 * Events and what stands around them here, the hot path (wire.h); bodies in record_body.c. */
#include "base/error.h"
#include "codec/record_body.h"
#include "codec/record_codec.h"
#include "codec/record_wire.h"

static void put_text_if(struct buffer *out, uint32_t number, struct text t)
{
    if (t.length)
        wire_put_text(out, number, t);
}

static void put_varint_if(struct buffer *out, uint32_t number, uint64_t value)
{
    if (value)
        wire_put_varint(out, number, value);
}

/* ---- the small messages ---- */

static void put_place(struct buffer *out, uint32_t number, enum wire_kind kind, const void *member)
{
    switch (kind) {
    case AS_TEXT:
        put_text_if(out, number, *(const struct text *)member);
        break;
    case AS_INT32: /* negative ones are sign-extended to ten bytes, as protobuf has it */
        put_varint_if(out, number, (uint64_t) * (const int32_t *)member);
        break;
    case AS_INT64:
        put_varint_if(out, number, *(const uint64_t *)member);
        break;
    case AS_SIGNED:
        wire_put_signed(out, number, *(const int64_t *)member);
        break;
    case AS_FLAG:
        put_varint_if(out, number, *(const bool *)member);
        break;
    case AS_ENUM:
        put_varint_if(out, number, *(const unsigned *)member + 1);
        break;
    }
}

static void put_message(struct buffer *out, uint32_t number, const struct wire_message *m,
                        const void *message)
{
    size_t begin = wire_begin(out, number);

    for (uint32_t i = 0; i < m->count; i++)
        put_place(out, i + 1, (enum wire_kind)m->at[i].kind, (const char *)message + m->at[i].offset);
    wire_end(out, begin);
}

/* ---- events ---- */

static void put_limit(struct buffer *out, uint32_t number, milli_t limit)
{
    size_t begin = wire_begin(out, number);

    if (limit != LIMIT_NONE)
        wire_put_signed(out, LIMIT_WIRE_MILLI, limit);
    wire_end(out, begin);
}

static void put_statuses(struct buffer *out, uint32_t number, const struct statuses_said *s)
{
    size_t begin = wire_begin(out, number);

    for (unsigned i = 0; i < STATUSES; i++)
        if (s->has >> i & 1)
            wire_put_signed(out, i + 1, s->quantity[i]);
    wire_end(out, begin);
}

static void put_event_field(struct buffer *out, const struct event *e, enum event_field field)
{
    const void *member = event_member(e, field);
    uint32_t number = EVENT_WIRE_FIRST + field;

    switch ((enum field_kind)field_places[field].kind) {
    case KIND_TEXT:
    case KIND_NAME:
        wire_put_text(out, number, *(const struct text *)member);
        break;
    case KIND_SEQUENCE:
    case KIND_INSTANT:
        wire_put_varint(out, number, *(const uint64_t *)member);
        break;
    case KIND_QUANTITY:
        wire_put_signed(out, number, *(const milli_t *)member);
        break;
    case KIND_STATUS:
        wire_put_varint(out, number, *(const enum status *)member);
        break;
    case KIND_BASIS:
    case KIND_ORDER_OP:
        wire_put_varint(out, number, *(const unsigned *)member + 1);
        break;
    case KIND_FLAG:
        wire_put_varint(out, number, *(const bool *)member);
        break;
    case KIND_LIMIT:
        put_limit(out, number, *(const milli_t *)member);
        break;
    case KIND_STATUSES:
        put_statuses(out, number, member);
        break;
    case KIND_ALLOCATION:
        put_message(out, number, &allocation_message, member);
        break;
    }
}

static void put_event(struct buffer *out, const struct event *e)
{
    size_t begin = wire_begin(out, RECORD_WIRE_EVENTS);

    put_varint_if(out, EVENT_WIRE_TYPE, e->type);
    for (uint32_t has = e->has; has; has &= has - 1)
        put_event_field(out, e, (enum event_field)__builtin_ctz(has));
    wire_end(out, begin);
}

/* ---- records ---- */

int record_encode(const struct record *r, struct buffer *out)
{
    size_t before = out->length;

    if (r->kind == RECORD_EVENTS && r->events_count > RECORD_EVENTS_MOST)
        return ERROR_LIMIT;
    put_varint_if(out, RECORD_WIRE_LEVEL, r->level);
    if (r->kind == RECORD_EVENTS)
        for (size_t i = 0; i < r->events_count; i++)
            put_event(out, &r->events[i]);
    if (r->intake.name.length)
        put_message(out, RECORD_WIRE_INTAKE, &intake_message, &r->intake);
    int error = record_body_encode(r, out);
    if (r->correlation_instance)
        wire_put_fixed64(out, RECORD_WIRE_CORRELATION_INSTANCE, r->correlation_instance);
    put_varint_if(out, RECORD_WIRE_CORRELATION_NUMBER, r->correlation_number);

    if (out->failed)
        return ERROR_NOMEM;
    if (!error && out->length - before > RECORD_BYTES_MOST)
        error = ERROR_LIMIT;
    if (error)
        out->length = before;
    return error;
}

int record_encode_plain(struct text event, uint32_t level, const struct intake_said *intake,
                        struct buffer *out, struct text *ret_event)
{
    put_varint_if(out, RECORD_WIRE_LEVEL, level);
    wire_put_text(out, RECORD_WIRE_EVENTS, event);
    size_t end = out->length;
    put_message(out, RECORD_WIRE_INTAKE, &intake_message, intake);
    if (out->failed)
        return ERROR_NOMEM;
    *ret_event = (struct text){out->at + end - event.length, event.length};
    return 0;
}
