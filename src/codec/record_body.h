/* The bodies of records that are no events: an incarnation, a level, settings, reference data, a proposal. */
#ifndef CODEC_RECORD_BODY_H
#define CODEC_RECORD_BODY_H

#include "base/buffer.h"
#include "core/model/record.h"

/* The kind of record whose body has that field number; RECORD_EVENTS when it is the number of none. */
enum record_kind record_body_kind(uint32_t number);

/* Reads into *r, whose kind is set, the one field of a record that is its body: `field` from its tag to its
 * end. Texts lie in the arena, those of a reservation in the field; reference data is not decoded yet. Adds
 * to *unknown_fields. ERROR_INVALID, with problems; ERROR_LIMIT when the body takes more memory than
 * BODY_MEMORY_MOST or than the arena gives; ERROR_NOMEM. */
int record_body_decode(struct text field, struct arena *a, struct record *r, uint32_t *unknown_fields,
                       struct problems *p);

/* Appends the body; nothing for events. ERROR_LIMIT: more settings than a record may have. ERROR_NOMEM is
 * out->failed. */
int record_body_encode(const struct record *r, struct buffer *out);

enum { BODY_MEMORY_MOST = 4 * RECORD_BYTES_MOST, RECORD_SETTINGS_MOST = 256 };

#endif
