/* Protobuf's wire format, one field at a time, both ways, for what is hot: stock events and what stands
 * around them in a record. Texts are runs of bytes with a length, never C strings.
 *
 * Why not protobuf-c, which reads and writes every other kind of record but reservations (record_body.c): of
 * records with one event (113 bytes, -O2, one core) 5.5 million a second are read here, texts checked and all
 * put in its place, and 11.5 million written; the generated code unpacks 2.3 million, 3.5 out of an arena,
 * with nothing checked or put in its place yet, and packs 3.1. It also copies every text and cuts it at a
 * NUL; here texts stay where they are. Tests and the fuzz target `protobuf` hold the two together, byte for
 * byte. */
#ifndef CODEC_WIRE_H
#define CODEC_WIRE_H

#include "base/buffer.h"

enum { WIRE_VARINT_BYTES = 10, WIRE_TAG_BYTES = 5, WIRE_LENGTH_BYTES = 5 }; /* at most */
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* ---- reading ---- */

struct wire {
    const char *at, *end;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;    /* VARINT, FIXED64, FIXED32 */
    struct text bytes; /* BYTES */
};

static inline struct wire wire_of(struct text t)
{
    const char *at = t.length ? t.at : "";
    return (struct wire){at, at + t.length};
}

/* At most ten bytes and 64 bits; false when it is cut short or longer. */
static inline bool wire_varint(struct wire *w, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && w->at < w->end; shift += 7) {
        uint64_t byte = (unsigned char)*w->at++;
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret = value;
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

static inline bool wire_fixed(struct wire *w, size_t bytes, uint64_t *ret)
{
    if ((size_t)(w->end - w->at) < bytes)
        return false;
    *ret = 0;
    memcpy(ret, w->at, bytes); /* little-endian, as the machines this runs on */
    w->at += bytes;
    return true;
}

static inline bool wire_bytes(struct wire *w, struct text *ret)
{
    const char *before = w->at;
    uint64_t length;

    if (!wire_varint(w, &length) || w->at - before > WIRE_LENGTH_BYTES || length > (uint64_t)(w->end - w->at))
        return false;
    *ret = (struct text){w->at, (size_t)length};
    w->at += length;
    return true;
}

/* The next field: 1, 0 at the end, -1 when the bytes are broken (groups are: nothing writes them any more).
 */
static inline int wire_next(struct wire *w, struct wire_field *ret)
{
    const char *before = w->at;
    uint64_t tag;

    if (w->at == w->end)
        return 0;
    if (!wire_varint(w, &tag) || tag > UINT32_MAX || tag < 8 || w->at - before > WIRE_TAG_BYTES)
        return -1;
    ret->number = (uint32_t)tag >> 3;
    ret->type = (enum wire_type)(tag & 7);
    switch (ret->type) {
    case WIRE_VARINT:
        return wire_varint(w, &ret->value) ? 1 : -1;
    case WIRE_BYTES:
        return wire_bytes(w, &ret->bytes) ? 1 : -1;
    case WIRE_FIXED64:
        return wire_fixed(w, 8, &ret->value) ? 1 : -1;
    case WIRE_FIXED32:
        return wire_fixed(w, 4, &ret->value) ? 1 : -1;
    default:
        return -1;
    }
}

static inline int64_t wire_signed(uint64_t zigzag)
{
    return (int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));
}

/* ---- writing: always the shortest form, so that the same values are the same bytes ---- */

static inline char *wire_put_raw(char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

static inline void wire_put_varint(struct buffer *out, uint32_t number, uint64_t value)
{
    char *to = buffer_reserve(out, 2 * WIRE_VARINT_BYTES);

    if (to)
        out->length = (size_t)(wire_put_raw(wire_put_raw(to, number << 3 | WIRE_VARINT), value) - out->at);
}

static inline void wire_put_signed(struct buffer *out, uint32_t number, int64_t value)
{
    wire_put_varint(out, number, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static inline void wire_put_fixed64(struct buffer *out, uint32_t number, uint64_t value)
{
    char *to = buffer_reserve(out, WIRE_VARINT_BYTES + sizeof(value));

    if (!to)
        return;
    to = wire_put_raw(to, number << 3 | WIRE_FIXED64);
    memcpy(to, &value, sizeof(value));
    out->length = (size_t)(to + sizeof(value) - out->at);
}

static inline void wire_put_text(struct buffer *out, uint32_t number, struct text t)
{
    char *to = buffer_reserve(out, 2 * WIRE_VARINT_BYTES + t.length);

    if (!to)
        return;
    to = wire_put_raw(wire_put_raw(to, number << 3 | WIRE_BYTES), t.length);
    if (t.length)
        memcpy(to, t.at, t.length);
    out->length = (size_t)(to + t.length - out->at);
}

/* A message inside a message: begin, put its fields, end with what begin returned. Room for a length of one
 * byte is left; longer messages are moved. */
static inline size_t wire_begin(struct buffer *out, uint32_t number)
{
    char *to = buffer_reserve(out, WIRE_VARINT_BYTES + 1);

    if (!to)
        return 0;
    out->length = (size_t)(wire_put_raw(to, number << 3 | WIRE_BYTES) + 1 - out->at);
    return out->length;
}

static inline void wire_end(struct buffer *out, size_t begin)
{
    char length_bytes[WIRE_VARINT_BYTES];
    size_t length = out->length - begin,
           more = (size_t)(wire_put_raw(length_bytes, length) - length_bytes) - 1;

    if (out->failed || (more && !buffer_reserve(out, more)))
        return;
    if (more)
        memmove(out->at + begin + more, out->at + begin, length);
    memcpy(out->at + begin - 1, length_bytes, more + 1);
    out->length += more;
}

#endif
