/* A location's document as answers need it: hours, methods, lanes (core/answer/calendar.h). */
#ifndef CODEC_CALENDAR_JSON_H
#define CODEC_CALENDAR_JSON_H

#include "base/arena.h"
#include "core/answer/calendar.h"

/* From l->document, which is in canonical form or empty. `zone`: what l->time_zone names; NULL: none, or
 * nobody knows it. Arrays and texts of *ret lie in the arena and the document: calendar_copy makes it last.
 * ERROR_NOMEM, ERROR_INVALID. @thread any */
int calendar_read(const struct location *l, const struct zone *zone, struct arena *a, struct calendar *ret);

#endif
