/* `reservation=`: a basket asks past its own holds. */
#ifndef HTTP_PAST_H
#define HTTP_PAST_H

#include "http/ask.h"

#include "core/answer/availability.h"

struct past {
    size_t count;
    struct text ids[LEFT_OUT_RESERVATIONS_MOST];
};

/* One more id; else `detail` says what it must be. */
bool past_add(struct past *p, struct text id, const char **ret_detail);
void parameter_past(const struct parameter *a, struct past *ret, struct problems *p);
/* Before the rows are read, in the same epoch section. A key sees past the holds of its own channels only.
 * False: answered, no memory. */
bool past_read(struct exchange *x, const struct past *p, struct question *q);
/* After it: true when the rows have to be read again, because a reservation was changed meanwhile. `tries`
 * begins with 0. A change that does not end is not looked past: then less is promised, never more. */
bool past_again(struct exchange *x, const struct past *p, struct question *q, int *tries);

#endif
