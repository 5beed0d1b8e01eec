/* fields.def as a table: where each field lies in struct event and of what kind it is. The check and both
 * codecs walk it. */
#ifndef CORE_MODEL_EVENT_FIELDS_H
#define CORE_MODEL_EVENT_FIELDS_H

#include "core/model/record.h"

/* The second column of fields.def. */
enum field_kind {
    KIND_TEXT,
    KIND_NAME,
    KIND_SEQUENCE,
    KIND_QUANTITY,
    KIND_LIMIT,
    KIND_INSTANT,
    KIND_STATUS,
    KIND_BASIS,
    KIND_ORDER_OP,
    KIND_FLAG,
    KIND_STATUSES,
    KIND_ALLOCATION,
};

struct field_place {
    const char
        *pointer; /* "/quantity": the JSON pointer inside the event; the name stands behind the slash */
    uint8_t name_length;
    uint8_t kind;    /* enum field_kind */
    uint16_t offset; /* in struct event */
};

extern const struct field_place field_places[FIELD_END];

/* "must be a string", "must be one of add, set": what a value of that kind looks like in JSON. */
const char *field_kind_must(enum field_kind kind);

static inline const void *event_member(const struct event *e, enum event_field f)
{
    return (const char *)e + field_places[f].offset;
}

static inline void *event_member_to_fill(struct event *e, enum event_field f)
{
    return (char *)e + field_places[f].offset;
}

/* What event_check says of an event of a known type whose texts, instants and words of lists are known to be
 * sound and that has no objects: presence, quantities, and what holds between fields. */
bool event_check_plain(const struct event *e);

/* An event of which nothing has been said yet. */
static inline void event_clear(struct event *e)
{
    *e = (struct event){.occurred_at = INSTANT_NONE,
                        .as_of = INSTANT_NONE,
                        .expected_at = INSTANT_NONE,
                        .required_at = INSTANT_NONE};
}

#endif
