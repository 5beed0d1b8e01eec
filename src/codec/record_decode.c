/* Protobuf into records: events and what stands around them, the hot path (wire.h); bodies are
 * record_body.c's. What comes may be forged: every length is checked, memory is bounded by the caller's arena
 * and by the number of events, nothing recurses, and texts are UTF-8 or refused. */
#include "base/error.h"
#include "codec/event_plain.h"
#include "codec/record_body.h"
#include "codec/record_codec.h"
#include "codec/record_wire.h"
#include "codec/reference_json.h"

#include <stdio.h>

enum { NO_EVENT = -1, ALLOCATION_QUANTITY_PLACE = 2 };

/* One record (or event) being read, and what is known to be wrong with it. */
struct decoder {
    struct arena *arena;
    struct problems *problems;
    uint32_t level;
    uint32_t unknown_fields;
    int64_t event; /* the number of the event at hand, for pointers; NO_EVENT outside */
    bool failed;
};

/* Always false, so that a reader can leave with it. */
static bool refuse(struct decoder *d, const char *pointer, const char *detail)
{
    char whole[sizeof(d->problems->at[0].pointer)];

    d->failed = true;
    if (d->event == NO_EVENT)
        problems_add(d->problems, pointer, "%s", detail);
    else if (snprintf(whole, sizeof(whole), "/events/%lld%s", (long long)d->event, pointer) > 0)
        problems_add(d->problems, whole, "%s", detail);
    return false;
}

static bool refuse_bytes(struct decoder *d, const char *pointer)
{
    return refuse(d, pointer, "is not protobuf: it is cut short or broken");
}

static bool want(struct decoder *d, const char *pointer, const struct wire_field *f, enum wire_type type)
{
    return f->type == type || refuse(d, pointer, "is not of the type that its field number has");
}

/* ---- values; `pointer` says where they stand ---- */

static bool read_text(struct decoder *d, const char *pointer, const struct wire_field *f, struct text *ret)
{
    if (!want(d, pointer, f, WIRE_BYTES))
        return false;
    if (!text_is_utf8(f->bytes))
        return refuse(d, pointer, "must be UTF-8 without control characters");
    *ret = f->bytes;
    return true;
}

static bool read_instant(struct decoder *d, const char *pointer, const struct wire_field *f, instant_t *ret)
{
    if (!want(d, pointer, f, WIRE_VARINT))
        return false;
    if (f->value > (uint64_t)INSTANT_MOST)
        return refuse(d, pointer, "must be an instant of the years 1970 to 9999");
    *ret = (instant_t)f->value;
    return true;
}

static bool read_place(struct decoder *d, const struct wire_field *f, const struct wire_place *place,
                       void *member)
{
    enum wire_kind kind = (enum wire_kind)place->kind;

    if (kind == AS_TEXT)
        return read_text(d, place->pointer, f, member);
    if (!want(d, place->pointer, f, WIRE_VARINT))
        return false;
    switch (kind) {
    case AS_INT32:
        *(uint32_t *)member = (uint32_t)f->value;
        break;
    case AS_ENUM: /* a value that is none stays none */
        *(unsigned *)member = (uint32_t)f->value - 1;
        break;
    case AS_SIGNED:
        *(int64_t *)member = wire_signed(f->value);
        break;
    case AS_FLAG:
        *(bool *)member = f->value != 0;
        break;
    default:
        *(uint64_t *)member = f->value;
        break;
    }
    return true;
}

/* A small message over what is in *message already (as protobuf merges messages that come twice). Bit n - 1
 * of *ret_seen is set for field n. */
static bool read_message(struct decoder *d, const struct wire_field *outer, const struct wire_message *m,
                         void *message, uint32_t *ret_seen)
{
    struct wire_field f;
    uint32_t seen = 0;
    int got;

    if (!want(d, m->pointer, outer, WIRE_BYTES))
        return false;
    struct wire w = wire_of(outer->bytes);
    while ((got = wire_next(&w, &f)) > 0) {
        uint32_t i = f.number - 1;
        if (i >= m->count) {
            d->unknown_fields++;
            continue;
        }
        if (!read_place(d, &f, &m->at[i], (char *)message + m->at[i].offset))
            return false;
        seen |= 1u << i;
    }
    *ret_seen = seen;
    return got == 0 || refuse_bytes(d, m->pointer);
}

/* ---- events ---- */

static bool read_limit(struct decoder *d, const char *pointer, const struct wire_field *f, milli_t *ret)
{
    struct wire_field inner;
    int got;

    if (!want(d, pointer, f, WIRE_BYTES))
        return false;
    struct wire w = wire_of(f->bytes);
    while ((got = wire_next(&w, &inner)) > 0) {
        if (inner.number != LIMIT_WIRE_MILLI) {
            d->unknown_fields++;
            continue;
        }
        if (!want(d, pointer, &inner, WIRE_VARINT))
            return false;
        *ret = wire_signed(inner.value);
        if (*ret == LIMIT_NONE)
            return refuse(d, pointer, quantity_error_text(QUANTITY_RANGE));
    }
    return got == 0 || refuse_bytes(d, pointer);
}

static bool read_statuses(struct decoder *d, const char *pointer, const struct wire_field *f,
                          struct statuses_said *ret)
{
    struct wire_field inner;
    int got;

    if (!want(d, pointer, f, WIRE_BYTES))
        return false;
    struct wire w = wire_of(f->bytes);
    while ((got = wire_next(&w, &inner)) > 0) {
        unsigned status = inner.number - 1;
        if (status >= STATUSES) {
            d->unknown_fields++;
            continue;
        }
        if (!want(d, pointer, &inner, WIRE_VARINT))
            return false;
        ret->quantity[status] = wire_signed(inner.value);
        ret->has |= (uint8_t)(1u << status);
    }
    return got == 0 || refuse_bytes(d, pointer);
}

static const unsigned OP_UNSAID = -1u; /* what 0 on the wire becomes too */

static bool read_allocation(struct decoder *d, const struct wire_field *f, struct event *e)
{
    bool first = !(e->has & HAS(allocation));
    uint32_t seen;

    if (first)
        e->allocation.op = (enum allocation_op)OP_UNSAID;
    if (!read_message(d, f, &allocation_message, &e->allocation, &seen))
        return false;
    return !first || seen >> ALLOCATION_QUANTITY_PLACE & 1 ||
           refuse(d, "/allocation/quantity", "is required");
}

static bool read_event_number(struct decoder *d, const struct wire_field *f, enum event_field field,
                              void *member)
{
    if (!want(d, field_places[field].pointer, f, WIRE_VARINT))
        return false;
    switch ((enum field_kind)field_places[field].kind) {
    case KIND_QUANTITY:
        *(milli_t *)member = wire_signed(f->value);
        break;
    case KIND_SEQUENCE:
        *(uint64_t *)member = f->value;
        break;
    case KIND_FLAG:
        *(bool *)member = f->value != 0;
        break;
    case KIND_STATUS: /* values that are none stay none: event_check names them */
        *(unsigned *)member = (uint32_t)f->value;
        break;
    default: /* KIND_BASIS, KIND_ORDER_OP */
        *(unsigned *)member = (uint32_t)f->value - 1;
        break;
    }
    return true;
}

static bool read_event_field(struct decoder *d, const struct wire_field *f, enum event_field field,
                             struct event *e)
{
    const char *pointer = field_places[field].pointer;
    void *member = event_member_to_fill(e, field);

    switch ((enum field_kind)field_places[field].kind) {
    case KIND_TEXT:
    case KIND_NAME:
        return read_text(d, pointer, f, member);
    case KIND_INSTANT:
        return read_instant(d, pointer, f, member);
    case KIND_LIMIT:
        if (!(e->has >> field & 1))
            *(milli_t *)member = LIMIT_NONE;
        return read_limit(d, pointer, f, member);
    case KIND_STATUSES:
        return read_statuses(d, pointer, f, member);
    case KIND_ALLOCATION:
        return read_allocation(d, f, e);
    default:
        return read_event_number(d, f, field, member);
    }
}

/* A type of another level is unknown on every build, with the same verdict: EVENT_NONE. */
static void read_event_type(struct decoder *d, const struct wire_field *f, enum event_type *ret)
{
    uint32_t number = (uint32_t)f->value;

    if (!want(d, "/type", f, WIRE_VARINT))
        return;
    bool known = number < EVENT_END && event_type_level((enum event_type)number) <= d->level;
    *ret = known ? (enum event_type)number : EVENT_NONE;
}

static bool read_event(struct decoder *d, struct text bytes, struct event *e)
{
    struct wire w = wire_of(bytes);
    struct wire_field f;
    int got;

    event_clear(e);
    while ((got = wire_next(&w, &f)) > 0) {
        uint32_t field = f.number - EVENT_WIRE_FIRST;
        if (field < FIELD_END) {
            if (read_event_field(d, &f, (enum event_field)field, e))
                e->has |= UINT32_C(1) << field;
        } else if (f.number == EVENT_WIRE_TYPE) {
            read_event_type(d, &f, &e->type);
        } else {
            d->unknown_fields++;
        }
    }
    return got == 0 ? !d->failed : refuse_bytes(d, "");
}

/* ---- records ---- */

/* A first look at the whole: are the bytes sound, how many events are there, what does it say, and where is
 * its body (tag and all)? */
static int survey(struct decoder *d, struct text bytes, struct record *r, struct text *ret_body)
{
    struct wire w = wire_of(bytes);
    struct wire_field f;
    bool intake = false;
    int got;

    r->kind = RECORD_EVENTS;
    for (const char *begin = w.at; (got = wire_next(&w, &f)) > 0; begin = w.at) {
        enum record_kind kind = record_body_kind(f.number);
        intake |= f.number == RECORD_WIRE_INTAKE;
        r->events_count += f.number == RECORD_WIRE_EVENTS;
        if (kind != RECORD_EVENTS && (r->kind != RECORD_EVENTS)) {
            refuse(d, "", "says two things at once: a record has one body");
            return ERROR_INVALID;
        }
        if (kind != RECORD_EVENTS) {
            r->kind = kind;
            *ret_body = (struct text){begin, (size_t)(w.at - begin)};
        }
    }
    if (got < 0)
        refuse_bytes(d, "");
    else if (r->kind != RECORD_EVENTS && r->events_count)
        refuse(d, "/events", "must not stand beside another body");
    else if (r->kind == RECORD_EVENTS && !r->events_count && !intake)
        refuse(d, "", "says nothing: neither events nor another body");
    else if (r->events_count > RECORD_EVENTS_MOST) {
        refuse(d, "/events", "must be at most 4096 events");
        return ERROR_LIMIT;
    }
    return d->failed ? ERROR_INVALID : 0;
}

static int take_room(struct decoder *d, struct record *r)
{
    size_t bytes = r->events_count * sizeof(*r->events);

    if (!bytes)
        return 0;
    r->events = arena_alloc(d->arena, bytes);
    return r->events ? 0 : arena_error(d->arena, bytes);
}

static void read_record_field(struct decoder *d, const struct wire_field *f, size_t *events_read,
                              struct record *r)
{
    uint32_t seen;

    switch (f->number) {
    case RECORD_WIRE_LEVEL:
        if (want(d, "/level", f, WIRE_VARINT))
            r->level = (uint32_t)f->value;
        break;
    case RECORD_WIRE_EVENTS:
        d->event = (int64_t)*events_read;
        if (want(d, "", f, WIRE_BYTES) && !event_plain_read(f->bytes, d->level, &r->events[*events_read])) {
            read_event(d, f->bytes, &r->events[*events_read]);
            r->sound_level = 0;
        }
        d->event = NO_EVENT;
        ++*events_read;
        break;
    case RECORD_WIRE_INTAKE:
        read_message(d, f, &intake_message, &r->intake, &seen);
        break;
    case RECORD_WIRE_CORRELATION_INSTANCE:
        if (want(d, "/correlation_instance", f, WIRE_FIXED64))
            r->correlation_instance = f->value;
        break;
    case RECORD_WIRE_CORRELATION_NUMBER:
        if (want(d, "/correlation_number", f, WIRE_VARINT))
            r->correlation_number = f->value;
        break;
    default:
        d->unknown_fields += record_body_kind(f->number) == RECORD_EVENTS;
    }
}

static bool begins_with(struct wire *w, uint32_t number, enum wire_type type)
{
    bool does = w->at < w->end && (unsigned char)*w->at == (number << 3 | type);

    w->at += does;
    return does;
}

/* Nearly every record of a busy log: one plain event, and where it came in. False: not so, and nothing was
 * said about it yet. */
static bool read_plain(struct decoder *d, struct text bytes, struct record *r)
{
    struct wire w = wire_of(bytes);
    struct wire_field event, intake = {.type = WIRE_BYTES};
    uint64_t level = 0;
    uint32_t seen;

    if ((begins_with(&w, RECORD_WIRE_LEVEL, WIRE_VARINT) && !wire_varint(&w, &level)) ||
        !begins_with(&w, RECORD_WIRE_EVENTS, WIRE_BYTES) || !wire_bytes(&w, &event.bytes))
        return false;
    bool has_intake = begins_with(&w, RECORD_WIRE_INTAKE, WIRE_BYTES);
    if ((has_intake && !wire_bytes(&w, &intake.bytes)) || w.at != w.end)
        return false;
    struct event *e = arena_alloc(d->arena, sizeof(*e));
    if (!e || !event_plain_read(event.bytes, d->level, e))
        return false;
    r->level = (uint32_t)level;
    r->sound_level = d->level;
    r->events_count = 1;
    r->events = e;
    if (has_intake)
        read_message(d, &intake, &intake_message, &r->intake, &seen);
    return true;
}

static int read_record(struct decoder *d, struct text bytes, struct record *r)
{
    struct wire w = wire_of(bytes);
    struct wire_field f;
    size_t events_read = 0;
    struct text body = {0};

    if (read_plain(d, bytes, r))
        return d->failed ? ERROR_INVALID : 0;
    int error = survey(d, bytes, r, &body);
    if (!error)
        error = take_room(d, r);
    if (error)
        return error;
    r->sound_level = d->level; /* until one is not plain */
    while (wire_next(&w, &f) > 0)
        read_record_field(d, &f, &events_read, r);
    if (r->kind != RECORD_EVENTS)
        error = record_body_decode(body, d->arena, r, &d->unknown_fields, d->problems);
    if (error || d->failed)
        return error ? error : ERROR_INVALID;
    if (r->kind >= RECORD_LOCATION && r->kind <= RECORD_CHANNEL)
        return reference_decode(r->kind, &r->reference, d->arena, d->problems);
    return 0;
}

int record_decode(const void *bytes, size_t length, uint32_t level, struct arena *a,
                  struct record *ret_record, uint32_t *ret_unknown_fields, struct problems *p)
{
    struct decoder d = {.arena = a, .problems = p, .level = level, .event = NO_EVENT};
    struct record r = {.intake.after = -1};

    if (length > RECORD_BYTES_MOST) {
        problems_add(p, "", "must be at most %d bytes, not %zu", RECORD_BYTES_MOST, length);
        return ERROR_LIMIT;
    }
    int error = read_record(&d, (struct text){bytes, length}, &r);
    if (error)
        return error;
    *ret_record = r;
    *ret_unknown_fields = d.unknown_fields;
    return 0;
}

/* One event of many: its own problems spoil nothing else. What the reader says. */
static int hand_over(struct text one, size_t number, uint32_t level, const struct event_reader *r)
{
    struct problems found; /* five kilobytes: only its count begins at zero */
    struct decoder d = {.problems = &found, .level = level, .event = NO_EVENT};
    struct event e;

    found.count = 0;
    if (event_plain_read(one, level, &e))
        return r->each(r->context, number, &e, &found);
    bool ok = read_event(&d, one, &e);
    if (ok)
        event_check(&e, level, &found);
    return r->each(r->context, number, ok ? &e : NULL, &found);
}

int proto_events_some(struct proto_events *e, size_t events_most, uint32_t level,
                      const struct event_reader *r, bool *ret_more, struct problems *p)
{
    struct wire w = wire_of((struct text){e->body.at + e->at, e->body.length - e->at});
    struct text one;
    int stop = 0;

    for (size_t i = 0; w.at < w.end && i < events_most && !stop; i++) {
        e->at = e->body.length - (size_t)(w.end - w.at);
        if (!wire_bytes(&w, &one)) {
            problems_add(p, "", "byte %zu: the length of an event is broken or goes beyond the end", e->at);
            return ERROR_INVALID;
        }
        stop = hand_over(one, e->number++, level, r);
    }
    e->at = e->body.length - (size_t)(w.end - w.at);
    *ret_more = w.at < w.end;
    return stop;
}

int proto_events_read(const void *bytes, size_t length, uint32_t level, struct arena *a,
                      const struct event_reader *r, struct problems *p)
{
    struct proto_events e = {.body = {bytes, length}};
    bool more = true;
    int stop = 0;

    while (more && !stop)
        stop = proto_events_some(&e, SIZE_MAX, level, r, &more, p);
    return stop;
}

int record_events_read(const void *bytes, size_t length, uint32_t level, struct arena *a,
                       const struct event_reader *r, struct problems *p)
{
    struct decoder d = {.problems = p, .level = level, .event = NO_EVENT};
    struct wire w = wire_of((struct text){bytes, length});
    struct wire_field f;
    struct record seen = {.kind = RECORD_EVENTS};
    struct text body;
    size_t number = 0;
    int error = survey(&d, (struct text){bytes, length}, &seen, &body);

    if (!error && !seen.events_count) {
        refuse(&d, "", "must hold events and nothing else");
        error = ERROR_INVALID;
    }
    while (!error && wire_next(&w, &f) > 0) {
        if (f.number == RECORD_WIRE_EVENTS && f.type == WIRE_BYTES)
            error = hand_over(f.bytes, number++, level, r);
    }
    return error;
}
