/* What channels ask for and do not find: noted by the routes that answer, told by GET /v1/insights. */
#ifndef HTTP_INSIGHTS_H
#define HTTP_INSIGHTS_H

#include "http/server.h"

#include "core/answer/unmet.h"

/* Notes one. `location` is a number, UNMET_NONE for several or any; `units` below 0: none were said. Neither
 * waits nor takes memory. */
void insights_note(struct exchange *x, enum unmet_cause cause, const struct sku *s, uint32_t location,
                   const struct channel *c, milli_t units);
/* The lines of a reservation that were refused or granted in part. */
void insights_note_reservation(struct exchange *x, const struct reservation_answer *a);

#endif
