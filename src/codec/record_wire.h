/* The field numbers of events and of what stands around them in a record and, as tables, where the fields of
 * the small messages among them lie: read and written alike. */
#ifndef CODEC_RECORD_WIRE_H
#define CODEC_RECORD_WIRE_H

#include "codec/wire.h"
#include "core/model/event_fields.h"

/* An event's fields are numbered in the order of fields.def, behind the type. */
enum { EVENT_WIRE_TYPE = 1, EVENT_WIRE_FIRST = 2 };
enum { LIMIT_WIRE_MILLI = 1 };

enum {
    RECORD_WIRE_LEVEL = 1,
    RECORD_WIRE_EVENTS = 2,
    RECORD_WIRE_INTAKE = 3,
    RECORD_WIRE_CORRELATION_INSTANCE = 14,
    RECORD_WIRE_CORRELATION_NUMBER = 15,
};

enum wire_kind {
    AS_TEXT,
    AS_INT32,
    AS_INT64,
    AS_SIGNED, /* zigzag, and 0 is written too: left out means something else */
    AS_FLAG,
    AS_ENUM, /* the value + 1, so that 0 is none */
};

struct wire_place {
    const char *pointer; /* inside the record or, for an allocation, inside the event */
    uint8_t kind;        /* enum wire_kind */
    uint16_t offset;
};

/* A message as a table: field number n is at[n - 1]. */
struct wire_message {
    const char *pointer;
    uint32_t count;
    const struct wire_place *at;
};

extern const struct wire_message allocation_message, intake_message;

#endif
