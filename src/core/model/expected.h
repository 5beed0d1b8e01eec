/* What a count should find: the books' own figure at an instant, to hold a file against them. */
#ifndef CORE_MODEL_EXPECTED_H
#define CORE_MODEL_EXPECTED_H

#include "core/model/state.h"

/* What `count` (its quantity and `book` do not matter) would have to say, at its `as_of` and by its basis, so
 * that nothing changes: 0 for a row that there is none of. *ret_approximate: more changes happened about then
 * than the row remembers one by one. Not REASON_NONE: this count would be refused or be left out, and that is
 * why; nothing is returned. Changes nothing. @thread writer */
enum reason count_expected(const struct state *s, const struct event *count, milli_t *ret_expected,
                           bool *ret_approximate);

#endif
