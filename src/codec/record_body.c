/* Bodies through the generated code of protobuf-c (but reservations, which are hot: reservation_body.c): a
 * record without any other field than its body is a record too, so that field alone is unpacked and packed.
 * protobuf-c 1.4.1 needs watching:
 *
 * - A few bytes become much memory (1 MiB: 59 MB). A record has 256 KiB at most, and all that is allocated
 * comes out of an arena, BODY_MEMORY_MOST at most.
 * - A NUL cuts its strings short: texts of these messages are declared `bytes` in the schema (the same on the
 * wire).
 * - It takes a bool of any wire type, field number 0, varints beyond 64 bits, and says of nothing where it is
 * wrong: the bytes are held against its own descriptors before it sees them.
 * - It looks for no UTF-8 and knows no ranges: what is said is checked here.
 * - A message that holds itself would overflow the stack: none here does. */
#include "codec/record_body.h"

#include "base/error.h"
#include "codec/body.h"
#include "codec/wire.h"
#include "onhand/v1/record.pb-c.h"

#include <stdio.h>

static const uint8_t numbers[RECORD_KIND_END] = {
    [RECORD_INCARNATION] = ONHAND__V1__RECORD__BODY_INCARNATION,
    [RECORD_LEVEL] = ONHAND__V1__RECORD__BODY_RAISE_LEVEL,
    [RECORD_SETTINGS] = ONHAND__V1__RECORD__BODY_SETTINGS,
    [RECORD_LOCATION] = ONHAND__V1__RECORD__BODY_LOCATION,
    [RECORD_GROUP] = ONHAND__V1__RECORD__BODY_GROUP,
    [RECORD_ITEM] = ONHAND__V1__RECORD__BODY_ITEM,
    [RECORD_CHANNEL] = ONHAND__V1__RECORD__BODY_CHANNEL,
    [RECORD_PROPOSAL] = ONHAND__V1__RECORD__BODY_PROPOSAL,
    [RECORD_ANNOUNCE] = ONHAND__V1__RECORD__BODY_ANNOUNCE_LEVEL,
    [RECORD_PROGRESS] = ONHAND__V1__RECORD__BODY_PROGRESS,
    [RECORD_CUT] = ONHAND__V1__RECORD__BODY_CUT,
    [RECORD_DIGEST] = ONHAND__V1__RECORD__BODY_DIGEST,
    [RECORD_RESERVATION] = ONHAND__V1__RECORD__BODY_RESERVATION,
};

enum record_kind record_body_kind(uint32_t number)
{
    for (int kind = RECORD_EVENTS + 1; kind < RECORD_KIND_END; kind++)
        if (numbers[kind] == number)
            return (enum record_kind)kind;
    return RECORD_EVENTS;
}

/* ---- memory ---- */

struct memory {
    struct arena *arena;
    size_t used_most; /* what the arena may have given out in the end */
    int error;        /* why there was none; 0: there was */
};

static void *take(void *context, size_t bytes)
{
    struct memory *m = context;

    if (bytes > BODY_MEMORY_MOST || m->arena->used_bytes + bytes > m->used_most) {
        m->error = ERROR_LIMIT;
        return NULL;
    }
    void *piece = arena_alloc(m->arena, bytes);
    if (!piece)
        m->error = arena_error(m->arena, bytes);
    return piece;
}

static void give_back(void *context, void *piece) /* the arena does, all at once */ {}

/* ---- reading ---- */

void body_refuse(struct reading *b, const char *pointer, const char *detail)
{
    problems_add(b->problems, pointer, "%s", detail);
    b->error = ERROR_INVALID;
}

/* Where the problems of a body stand, when it cannot be read at all. */
static const char *const pointers[RECORD_KIND_END] = {
    [RECORD_EVENTS] = "",
    [RECORD_INCARNATION] = "/incarnation",
    [RECORD_LEVEL] = "/level",
    [RECORD_SETTINGS] = "/settings",
    [RECORD_LOCATION] = "",
    [RECORD_GROUP] = "",
    [RECORD_ITEM] = "",
    [RECORD_CHANNEL] = "",
    [RECORD_PROPOSAL] = "/proposal",
    [RECORD_ANNOUNCE] = "/level",
    [RECORD_PROGRESS] = "/progress",
    [RECORD_CUT] = "/cut",
    [RECORD_DIGEST] = "/digest",
    [RECORD_RESERVATION] = "/reservation",
};

/* ---- before protobuf-c: are the bytes what the schema has? ---- */

static enum wire_type wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    default:
        return WIRE_VARINT;
    }
}

static void refuse_type(struct reading *b, const char *pointer, const char *name)
{
    char whole[sizeof(b->problems->at[0].pointer)];

    snprintf(whole, sizeof(whole), "%s%s%s", pointer, *name ? "/" : "", name);
    body_refuse(b, whole, "is not of the type that its field number has");
}

/* As deep as the schema is: three messages. The field of the body itself stands at `pointer`, those in it
 * below. */
static void look_over(struct reading *b, const char *pointer, struct text message,
                      const ProtobufCMessageDescriptor *schema)
{
    struct wire w = wire_of(message);
    struct wire_field f;
    int got;

    while ((got = wire_next(&w, &f)) > 0) {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(schema, f.number);
        if (!field)
            b->unknown_fields++;
        else if (f.type != wire_type_of(field->type))
            refuse_type(b, pointer, schema == &onhand__v1__record__descriptor ? "" : field->name);
        else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            look_over(b, pointer, f.bytes, field->descriptor);
    }
    if (got < 0)
        body_refuse(b, pointer, "is not protobuf: it is cut short or broken");
}

/* ---- what protobuf-c made of them ---- */

struct text body_text(struct reading *b, const char *pointer, ProtobufCBinaryData said)
{
    struct text t = {(const char *)said.data, said.len};

    if (!text_is_utf8(t))
        body_refuse(b, pointer, "must be UTF-8 without control characters");
    return t;
}

instant_t body_instant(struct reading *b, const char *pointer, protobuf_c_boolean has, int64_t said)
{
    if (!has)
        return INSTANT_NONE;
    if (said < 0 || said > INSTANT_MOST)
        body_refuse(b, pointer, "must be an instant of the years 1970 to 9999");
    return said;
}

static void take_incarnation(const Onhand__V1__Incarnation *said, struct incarnation_said *ret)
{
    *ret = (struct incarnation_said){.number = said->number,
                                     .after_number = said->after_number,
                                     .after_offset = said->after_offset,
                                     .digest_high = said->digest_high,
                                     .digest_low = said->digest_low};
}

/* Whether there is such a setting and it may have that value is apply's: it says so to who waits. */
static void take_settings(struct reading *b, const Onhand__V1__Settings *said, struct record *r)
{
    size_t bytes = said->n_settings * sizeof(*r->settings.at);

    if (said->n_settings > RECORD_SETTINGS_MOST) {
        body_refuse(b, "/settings", "must be at most 256 settings");
        return;
    }
    r->settings.at = arena_alloc(b->arena, bytes);
    if (!r->settings.at) {
        b->error = arena_error(b->arena, bytes);
        return;
    }
    r->settings.count = said->n_settings;
    for (size_t i = 0; i < said->n_settings; i++) {
        const Onhand__V1__Setting *one = said->settings[i];
        r->settings.at[i] = (struct setting_said){body_text(b, "/settings", one->name), one->value};
    }
}

static void take_reference(struct reading *b, const Onhand__V1__Reference *said, struct reference_said *ret)
{
    ret->id = body_text(b, "/id", said->id);
    ret->document = body_text(b, "/document", said->document);
    ret->deleted = said->deleted;
    ret->occurred_at = body_instant(b, "/occurred_at", said->has_occurred_at_us, said->occurred_at_us);
}

static void take_proposal(struct reading *b, const Onhand__V1__Proposal *said, struct proposal_said *ret)
{
    ret->kind = (enum proposal_kind)((unsigned)said->kind - 1);
    ret->sku = body_text(b, "/proposal/sku", said->sku);
    ret->location = body_text(b, "/proposal/location", said->location);
    ret->reference = body_text(b, "/proposal/reference", said->reference);
    ret->line = body_text(b, "/proposal/line", said->line);
    ret->seen = body_instant(b, "/proposal/seen", said->has_seen_us, said->seen_us);
    ret->due = body_instant(b, "/proposal/due", said->has_due_us, said->due_us);
    if ((unsigned)ret->kind >= PROPOSAL_KIND_END)
        body_refuse(b, "/proposal/kind", "must be one of overdue, stale, expire, demand");
}

static void take_digest(struct reading *b, const char *pointer, const Onhand__V1__Digest *said,
                        struct digest_said *ret)
{
    *ret = (struct digest_said){.instance = body_text(b, pointer, said->instance),
                                .incarnation = said->incarnation,
                                .next_offset = said->next_offset,
                                .digest_high = said->digest_high,
                                .digest_low = said->digest_low};
}

static void take_progress(struct reading *b, const Onhand__V1__Progress *said, struct progress_said *ret)
{
    *ret = (struct progress_said){.output = body_text(b, "/progress/output", said->output),
                                  .incarnation = said->incarnation,
                                  .offset = said->offset};
}

static void take_body(struct reading *b, const Onhand__V1__Record *said, struct record *r)
{
    switch (r->kind) {
    case RECORD_INCARNATION:
        take_incarnation(said->incarnation, &r->incarnation);
        break;
    case RECORD_LEVEL:
        r->raise_level = said->raise_level;
        break;
    case RECORD_ANNOUNCE:
        r->raise_level = said->announce_level;
        break;
    case RECORD_SETTINGS:
        take_settings(b, said->settings, r);
        break;
    case RECORD_LOCATION:
        take_reference(b, said->location, &r->reference);
        break;
    case RECORD_GROUP:
        take_reference(b, said->group, &r->reference);
        break;
    case RECORD_ITEM:
        take_reference(b, said->item, &r->reference);
        break;
    case RECORD_CHANNEL:
        take_reference(b, said->channel, &r->reference);
        break;
    case RECORD_PROPOSAL:
        take_proposal(b, said->proposal, &r->proposal);
        break;
    case RECORD_PROGRESS:
        take_progress(b, said->progress, &r->progress);
        break;
    case RECORD_CUT:
        take_digest(b, "/cut/instance", said->cut, &r->digest);
        break;
    case RECORD_DIGEST:
        take_digest(b, "/digest/instance", said->digest, &r->digest);
        break;
    case RECORD_RESERVATION: /* reservation_body.c's */
    case RECORD_EVENTS:
    case RECORD_KIND_END:
        break;
    }
}

static int unpack(struct text field, struct arena *a, struct record *r, struct reading *b)
{
    struct memory memory = {.arena = a, .used_most = a->used_bytes + BODY_MEMORY_MOST};
    ProtobufCAllocator allocator = {take, give_back, &memory};

    look_over(b, pointers[r->kind], field, &onhand__v1__record__descriptor);
    if (b->error)
        return b->error;
    const Onhand__V1__Record *said =
        onhand__v1__record__unpack(&allocator, field.length, (const uint8_t *)field.at);
    if (memory.error)
        problems_add(b->problems, pointers[r->kind], "takes more memory than there is for it");
    else if (!said)
        body_refuse(b, pointers[r->kind], "is not protobuf: it is cut short or broken");
    else
        take_body(b, said, r);
    return memory.error ? memory.error : b->error;
}

int record_body_decode(struct text field, struct arena *a, struct record *r, uint32_t *unknown_fields,
                       struct problems *p)
{
    struct reading b = {.arena = a, .problems = p};

    if (r->kind == RECORD_RESERVATION)
        reservation_take(&b, field, &r->reservation);
    else
        b.error = unpack(field, a, r, &b);
    *unknown_fields += b.unknown_fields;
    return b.error;
}

/* ---- writing ---- */

void body_put(struct buffer *out, const Onhand__V1__Record *m)
{
    uint8_t *to = (uint8_t *)buffer_reserve(out, onhand__v1__record__get_packed_size(m));

    if (to)
        out->length += onhand__v1__record__pack(m, to);
}

static void put_incarnation(struct buffer *out, const struct incarnation_said *i, Onhand__V1__Record *m)
{
    Onhand__V1__Incarnation said = ONHAND__V1__INCARNATION__INIT;

    SAY_NUMBER(said, number, i->number);
    SAY_NUMBER(said, after_number, i->after_number);
    SAY_NUMBER(said, after_offset, i->after_offset);
    SAY_NUMBER(said, digest_high, i->digest_high);
    SAY_NUMBER(said, digest_low, i->digest_low);
    m->incarnation = &said;
    body_put(out, m);
}

static void put_settings(struct buffer *out, const struct record *r, Onhand__V1__Record *m)
{
    Onhand__V1__Settings said = ONHAND__V1__SETTINGS__INIT;
    Onhand__V1__Setting each[RECORD_SETTINGS_MOST], *all[RECORD_SETTINGS_MOST];

    for (size_t i = 0; i < r->settings.count; i++) {
        onhand__v1__setting__init(&each[i]);
        SAY_TEXT(each[i], name, r->settings.at[i].name);
        SAY_NUMBER(each[i], value, r->settings.at[i].value);
        all[i] = &each[i];
    }
    said.n_settings = r->settings.count;
    said.settings = all;
    m->settings = &said;
    body_put(out, m);
}

static void put_reference(struct buffer *out, const struct reference_said *r, Onhand__V1__Record *m)
{
    Onhand__V1__Reference said = ONHAND__V1__REFERENCE__INIT;

    SAY_TEXT(said, id, r->id);
    SAY_TEXT(said, document, r->document);
    SAY_NUMBER(said, deleted, r->deleted);
    SAY_INSTANT(said, occurred_at_us, r->occurred_at);
    m->location =
        &said; /* the union's group, item and channel are the same pointer: body_case says which it is */
    body_put(out, m);
}

static void put_proposal(struct buffer *out, const struct proposal_said *p, Onhand__V1__Record *m)
{
    Onhand__V1__Proposal said = ONHAND__V1__PROPOSAL__INIT;

    SAY(said, kind, (Onhand__V1__ProposalKind)(p->kind + 1), true);
    SAY_TEXT(said, sku, p->sku);
    SAY_TEXT(said, location, p->location);
    SAY_TEXT(said, reference, p->reference);
    SAY_TEXT(said, line, p->line);
    SAY_INSTANT(said, seen_us, p->seen);
    SAY_INSTANT(said, due_us, p->due);
    m->proposal = &said;
    body_put(out, m);
}

static void put_progress(struct buffer *out, const struct progress_said *p, Onhand__V1__Record *m)
{
    Onhand__V1__Progress said = ONHAND__V1__PROGRESS__INIT;

    SAY_TEXT(said, output, p->output);
    SAY_NUMBER(said, incarnation, p->incarnation);
    SAY_NUMBER(said, offset, p->offset);
    m->progress = &said;
    body_put(out, m);
}

static void put_digest(struct buffer *out, const struct digest_said *d, Onhand__V1__Record *m)
{
    Onhand__V1__Digest said = ONHAND__V1__DIGEST__INIT;

    SAY_TEXT(said, instance, d->instance);
    SAY_NUMBER(said, incarnation, d->incarnation);
    SAY_NUMBER(said, next_offset, d->next_offset);
    SAY_NUMBER(said, digest_high, d->digest_high);
    SAY_NUMBER(said, digest_low, d->digest_low);
    m->digest = &said; /* cut is the same place */
    body_put(out, m);
}

static void put_level(struct buffer *out, uint32_t level, Onhand__V1__Record *m)
{
    m->raise_level = level; /* announce_level is the same place */
    body_put(out, m);
}

int record_body_encode(const struct record *r, struct buffer *out)
{
    Onhand__V1__Record m = ONHAND__V1__RECORD__INIT;

    if (r->kind == RECORD_SETTINGS && r->settings.count > RECORD_SETTINGS_MOST)
        return ERROR_LIMIT;
    m.body_case = (Onhand__V1__Record__BodyCase)numbers[r->kind];
    switch (r->kind) {
    case RECORD_INCARNATION:
        put_incarnation(out, &r->incarnation, &m);
        break;
    case RECORD_LEVEL:
    case RECORD_ANNOUNCE:
        put_level(out, r->raise_level, &m);
        break;
    case RECORD_SETTINGS:
        put_settings(out, r, &m);
        break;
    case RECORD_LOCATION:
    case RECORD_GROUP:
    case RECORD_ITEM:
    case RECORD_CHANNEL:
        put_reference(out, &r->reference, &m);
        break;
    case RECORD_PROPOSAL:
        put_proposal(out, &r->proposal, &m);
        break;
    case RECORD_PROGRESS:
        put_progress(out, &r->progress, &m);
        break;
    case RECORD_CUT:
    case RECORD_DIGEST:
        put_digest(out, &r->digest, &m);
        break;
    case RECORD_RESERVATION:
        return reservation_put(r->reservation, out);
    case RECORD_EVENTS:
    case RECORD_KIND_END:
        break;
    }
    return 0;
}
