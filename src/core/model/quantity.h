/* Quantities: exact decimals with at most three fraction digits, kept as 64-bit thousandths. */
#ifndef CORE_MODEL_QUANTITY_H
#define CORE_MODEL_QUANTITY_H

#include "base/text.h"

/* Thousandths of a unit. What comes from outside is within ±QUANTITY_MOST. */
typedef int64_t milli_t;

#define MILLI_PER_UNIT INT64_C(1000)
#define QUANTITY_MOST (INT64_C(1000000000000) * MILLI_PER_UNIT) /* 10^12 units */

enum quantity_error {
    QUANTITY_OK,
    QUANTITY_NOT_NUMBER,   /* anything but -?(0|[1-9][0-9]*)(\.[0-9]+)?: exponents, quotes, NaN, +1, .5, 01 */
    QUANTITY_NEGATIVE_ZERO,
    QUANTITY_FRACTION,     /* a fourth fraction digit that is not there in thousandths: more than three digits written */
    QUANTITY_RANGE,        /* beyond ±10^12 */
};

/* Judges a number by its text (model.md): 2, 2.0 and 2.000 are the same, 2.0001, 2e0 and -0 are refused. @thread any */
enum quantity_error quantity_parse(struct text t, milli_t *ret_quantity);
/* "must be …", for people; "" for QUANTITY_OK. */
const char *quantity_error_text(enum quantity_error e);
enum { QUANTITY_TEXT_BYTES = 24 };
/* Shortest form (12, 8.5, -0.125) without NUL; returns its length. Any int64_t. */
size_t quantity_format(milli_t q, char out[QUANTITY_TEXT_BYTES]);

/* a + b, false (and *ret untouched) when that does not fit in 64 bits. */
static inline bool quantity_add(milli_t a, milli_t b, milli_t *ret)
{
    milli_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret = sum;
    return true;
}

/* q rounded down to a multiple of step (step ≥ 1 thousandth), towards minus infinity. */
static inline milli_t quantity_floor(milli_t q, milli_t step)
{
    milli_t rest = q % step;
    return q - (rest < 0 ? rest + step : rest);
}

#endif
