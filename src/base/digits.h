/* Whole numbers as decimal digits, two at a time: what answers are full of. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS_MOST = 20 /* of any uint64_t */ };

/* 0 to 99 as two digits; returns what is behind them. */
static inline char *digits_pair(char *to, unsigned value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";

    memcpy(to, pairs + 2 * value, 2);
    return to + 2;
}

/* The digits of a number without leading zeros, right before `end`; returns the first. */
static inline char *digits_before(char *end, uint64_t value)
{
    for (; value >= 100; value /= 100)
        digits_pair(end -= 2, (unsigned)(value % 100));
    if (value >= 10)
        digits_pair(end -= 2, (unsigned)value);
    else
        *--end = (char)('0' + value);
    return end;
}

/* 0 to 99 as one digit or two. */
static inline char *digits_few(char *to, unsigned value)
{
    if (value >= 10)
        return digits_pair(to, value);
    *to = (char)('0' + value);
    return to + 1;
}

/* Any number's from `to` on; returns what is behind them. */
static inline char *digits_put(char *to, uint64_t value)
{
    if (value < 100) /* most quantities */
        return digits_few(to, (unsigned)value);
    if (value < 10000)
        return digits_pair(digits_few(to, (unsigned)value / 100), (unsigned)value % 100);
    char digits[DIGITS_MOST], *end = digits + DIGITS_MOST;
    const char *first = digits_before(end, value);
    size_t length = (size_t)(end - first);

    memcpy(to, first, length);
    return to + length;
}

#endif
