/* One message becomes one record: its events, checked, with where it came from. Pure. */
#ifndef INTAKE_TRANSLATE_H
#define INTAKE_TRANSLATE_H

#include "intake/intake.h"

enum { MESSAGE_BYTES_MOST = RECORD_BYTES_MOST }; /* longer ones go to the dead-letter topic unread */

/* Working memory, kept from message to message. Zero-initialised is empty and valid. */
struct translator {
    struct arena arena;
    struct event *events;
    size_t events_count, events_capacity;
    struct buffer delimited; /* a lone protobuf event behind its length */
};
void translator_finish(struct translator *t);

/* A record of one event, decoded. */
struct decoded_event {
    struct record record;
    struct event event;
};

struct translation {
    size_t events;      /* that stand in the record */
    size_t bad;         /* that were left out */
    const char *reason; /* NULL: nothing for the dead-letter topic; else a word: "malformed", "too_large" */
    bool decoded;       /* it is known what the record says: one plain event */
    char detail[320];   /* which event, which field, what would be right */
};

/* Writes the record into `out` (emptied first). What cannot be read at all gives a `skipped` record; bad
 * events among good ones are left out of it; both set reason. `said` has name, partition, offset and after.
 * With ret->decoded, *ret_decoded is what decoding the record would give: its texts point into `out`, but for
 * said->name. 0 or ERROR_NOMEM (try again later). */
int translate(struct translator *t, enum intake_format format, struct text payload, uint32_t level,
              const struct intake_said *said, struct buffer *out, struct decoded_event *ret_decoded,
              struct translation *ret);
/* The record that only moves the position. */
int translate_skip(const struct intake_said *said, uint32_t level, struct buffer *out);
/* Says of the nth event of a message's record which one of the message it was: its number (from 0) and id,
 * into out. */
void translate_name_event(struct translator *t, enum intake_format format, struct text payload,
                          uint32_t level, size_t nth, char *out, size_t size);

#endif
