/* Reference data as documents: what a location, group, item or channel may say, and what the engine makes of
 * it. */
#ifndef CODEC_REFERENCE_JSON_H
#define CODEC_REFERENCE_JSON_H

#include "core/model/record.h"

/* Fills r->decoded from r->id and r->document, as they stand in a record of the log. ERROR_INVALID,
 * ERROR_NOMEM, ERROR_LIMIT. */
int reference_decode(enum record_kind kind, struct reference_said *r, struct arena *a, struct problems *p);

#endif
