/* One pass over an event as well-behaved producers and our own log write it: fields in order, each in its
 * shortest form, texts of printable ASCII. Whoever reads it otherwise (record_decode.c) walks every field
 * through tables, once to read it and once to check it; tests and the fuzz target `protobuf` hold the two
 * together. */
#include "codec/event_plain.h"

#include "codec/record_wire.h"

enum { CONTINUES = 0x80, EVENT_TYPE_TAG = EVENT_WIRE_TYPE << 3 | WIRE_VARINT };

/* Seven bits of each of eight bytes, side by side. */
static uint64_t squeeze(uint64_t w)
{
    w = (w & UINT64_C(0x007F007F007F007F)) | (w & UINT64_C(0x7F007F007F007F00)) >> 1;
    w = (w & UINT64_C(0x00003FFF00003FFF)) | (w & UINT64_C(0x3FFF00003FFF0000)) >> 2;
    return (w & UINT64_C(0x000000000FFFFFFF)) | (w & UINT64_C(0x0FFFFFFF00000000)) >> 4;
}

/* A number of at most eight bytes, when that many are there. */
static bool read_eight(struct wire *w, uint64_t *ret)
{
    uint64_t bytes, ends;

    memcpy(&bytes, w->at, sizeof(bytes));
    ends = ~bytes & UINT64_C(0x8080808080808080);
    if (!ends)
        return false;
    unsigned length = (unsigned)__builtin_ctzll(ends) / 8 + 1;
    *ret = squeeze(bytes & ~UINT64_C(0) >> (64 - 8 * length));
    w->at += length;
    return length == 1 || w->at[-1] != 0;
}

/* In its shortest form: else the last byte adds nothing. */
static bool read_shortest(struct wire *w, uint64_t *ret)
{
    const char *before = w->at;

    if (w->end - w->at >= 8 && read_eight(w, ret))
        return true;
    w->at = before;
    return wire_varint(w, ret) && (w->at - before == 1 || w->at[-1] != 0);
}

/* Numbers up to 15 take one byte, the others two. */
static bool read_tag(struct wire *w, uint32_t *ret_tag)
{
    uint32_t low = (unsigned char)*w->at++;

    if (low >= CONTINUES) {
        uint32_t high = w->at < w->end ? (unsigned char)*w->at++ : 0;
        if (high == 0 || high >= CONTINUES)
            return false;
        low = (low & (CONTINUES - 1)) | high << 7;
    }
    *ret_tag = low;
    return true;
}

static bool read_text(struct wire *w, enum field_kind kind, struct text *ret)
{
    size_t length = w->at < w->end ? (unsigned char)*w->at++ : 0;

    if (length == 0 || length >= CONTINUES || length > (size_t)(w->end - w->at))
        return false;
    *ret = (struct text){w->at, length};
    w->at += length;
    return kind == KIND_NAME ? text_is_name(*ret) : text_is_plain(*ret);
}

/* What event_check would say of the value alone is asked here, but for quantities. */
static bool read_number(struct wire *w, enum field_kind kind, void *member)
{
    uint64_t value;

    if (w->at == w->end || !read_shortest(w, &value))
        return false;
    switch (kind) {
    case KIND_QUANTITY:
        *(milli_t *)member = wire_signed(value);
        return true;
    case KIND_SEQUENCE:
        *(uint64_t *)member = value;
        return value <= INT64_MAX;
    case KIND_INSTANT:
        *(instant_t *)member = (instant_t)value;
        return value <= (uint64_t)INSTANT_MOST;
    case KIND_STATUS:
        *(unsigned *)member = (unsigned)value;
        return value >= 1 && value <= STATUSES;
    case KIND_BASIS:
    case KIND_ORDER_OP: /* 0 on the wire is none */
        *(unsigned *)member = (unsigned)value - 1;
        return value >= 1 && value <= (kind == KIND_BASIS ? (uint64_t)BASIS_END : (uint64_t)ORDER_OP_END);
    case KIND_FLAG:
        *(bool *)member = value != 0;
        return value <= 1;
    default:
        return false;
    }
}

static bool read_type(struct wire *w, uint32_t level, enum event_type *ret)
{
    if (w->end - w->at < 2 || w->at[0] != EVENT_TYPE_TAG)
        return false;
    *ret = (enum event_type)(unsigned char)w->at[1];
    w->at += 2;
    return *ret > EVENT_NONE && *ret < EVENT_END && event_type_level(*ret) <= level;
}

static bool read_field(struct wire *w, uint32_t tag, struct event *e)
{
    uint32_t field = (tag >> 3) - EVENT_WIRE_FIRST;

    if (field >= FIELD_END || e->has >> field) /* out of order, or there already */
        return false;
    enum field_kind kind = (enum field_kind)field_places[field].kind;
    void *member = event_member_to_fill(e, (enum event_field)field);
    bool is_text = kind == KIND_TEXT || kind == KIND_NAME;
    e->has |= UINT32_C(1) << field;
    if ((tag & 7) != (is_text ? WIRE_BYTES : WIRE_VARINT))
        return false;
    return is_text ? read_text(w, kind, member) : read_number(w, kind, member);
}

bool event_plain_read(struct text bytes, uint32_t level, struct event *ret)
{
    struct wire w = wire_of(bytes);
    uint32_t tag;

    event_clear(ret);
    if (!read_type(&w, level, &ret->type))
        return false;
    while (w.at < w.end)
        if (!read_tag(&w, &tag) || !read_field(&w, tag, ret))
            return false;
    return event_check_plain(ret);
}
