/* When a location's silence is too long, by its opening hours: what duty asks for each location it looks at,
 * computed once for each word the location said. @thread duty, all of it */
#ifndef ENGINE_SILENCE_H
#define ENGINE_SILENCE_H

#include "core/answer/calendar.h"

struct silence;
struct silence *silence_create(const struct calendars *k); /* NULL without memory */
void silence_destroy(struct silence *s);                   /* takes NULL */
/* engine_options.silence_due; the context is a struct silence. INSTANT_NONE: never, or no memory now. A zone
 * that nobody knows: as if it were always open. @thread duty, inside an epoch section */
instant_t silence_due(void *silence, const struct location *l, instant_t heard);

#endif
