/* What the readers and writers of bodies share: what they read into, and how protobuf-c's structs are filled.
 */
#ifndef CODEC_BODY_H
#define CODEC_BODY_H

#include "base/buffer.h"
#include "core/model/reservation.h"
#include "onhand/v1/record.pb-c.h"

struct reading {
    struct arena *arena;
    struct problems *problems;
    uint32_t unknown_fields;
    int error;
};

/* ---- record_body.c ---- */
void body_refuse(struct reading *b, const char *pointer, const char *detail);
struct text body_text(struct reading *b, const char *pointer, ProtobufCBinaryData said);
instant_t body_instant(struct reading *b, const char *pointer, protobuf_c_boolean has, int64_t said);
void body_put(struct buffer *out, const Onhand__V1__Record *m);

/* ---- reservation_body.c ---- */
/* The body's field, from its tag on, into the arena; texts stay in it. What is wrong is in b. */
void reservation_take(struct reading *b, struct text field, const struct reservation_said **ret);
/* Appends the whole body. ERROR_LIMIT: more lines or candidates than a reservation may have. */
int reservation_put(const struct reservation_said *r, struct buffer *out);

/* protobuf-c has no const for what it only reads. */
static inline ProtobufCBinaryData body_bytes(struct text t)
{
    return (ProtobufCBinaryData){t.length, (uint8_t *)(uintptr_t)t.at};
}

/* What is zero, empty or not there is left out, so that the same record is the same bytes. */
#define SAY(message, field, value, is_there) \
    do {                                     \
        (message).has_##field = (is_there);  \
        (message).field = (value);           \
    } while (0)
#define SAY_NUMBER(message, field, value) SAY(message, field, value, (value) != 0)
#define SAY_TEXT(message, field, value) SAY(message, field, body_bytes(value), (value).length > 0)
#define SAY_INSTANT(message, field, value) SAY(message, field, value, (value) != INSTANT_NONE)

#endif
