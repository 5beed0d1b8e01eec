/* Instants: microseconds since 1970-01-01T00:00:00Z inside, RFC 3339 with offset outside. */
#ifndef CORE_MODEL_INSTANT_H
#define CORE_MODEL_INSTANT_H

#include "base/text.h"

/* Microseconds since the epoch, years 1970 to 9999; INSTANT_NONE where there is none. */
typedef int64_t instant_t;

#define INSTANT_NONE INT64_MIN
#define INSTANT_MOST INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */
#define INSTANT_SECOND INT64_C(1000000)
#define INSTANT_MINUTE (60 * INSTANT_SECOND)
#define INSTANT_DAY (86400 * INSTANT_SECOND)

/* RFC 3339 date-time: `T` and `Z` in either case, an offset is required, at most nine fraction digits (past the sixth cut
 * off), a leap second (:60) counts as :59.999999. False (and *ret untouched) for anything else. @thread any */
bool instant_parse(struct text t, instant_t *ret_instant);
enum { INSTANT_TEXT_BYTES = 32 };
/* 2026-11-21T10:05:00Z, or with six fraction digits when there are any; without NUL; returns the length. */
size_t instant_format(instant_t at, char out[INSTANT_TEXT_BYTES]);

#endif
