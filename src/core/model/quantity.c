/* Reads and writes quantities digit by digit, so that nothing is ever rounded. */
#include "core/model/quantity.h"

#include "base/digits.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Just past the digits that begin at p. */
static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

static bool all_zeros(const char *p, const char *end)
{
    while (p < end && *p == '0')
        p++;
    return p == end;
}

enum quantity_error quantity_parse(struct text t, milli_t *ret_quantity)
{
    const char *p = t.length ? t.at : "", *end = p + t.length;
    bool negative = p < end && *p == '-';
    const char *whole = negative ? p + 1 : p;
    const char *point = skip_digits(whole, end);
    const char *fraction = point < end ? point + 1 : end;

    if (point == whole || (*whole == '0' && point - whole > 1))
        return QUANTITY_NOT_NUMBER;
    if (point < end && (*point != '.' || fraction == end || skip_digits(fraction, end) != end))
        return QUANTITY_NOT_NUMBER;
    if (negative && all_zeros(whole, point) && all_zeros(fraction, end))
        return QUANTITY_NEGATIVE_ZERO;
    if (end - fraction > 3)
        return QUANTITY_FRACTION;
    if (point - whole > 13)
        return QUANTITY_RANGE;

    milli_t q = 0;
    for (p = whole; p < point; p++)
        q = q * 10 + (*p - '0');
    for (int i = 0; i < 3; i++)
        q = q * 10 + (fraction + i < end ? fraction[i] - '0' : 0);
    if (q > QUANTITY_MOST)
        return QUANTITY_RANGE;
    *ret_quantity = negative ? -q : q;
    return QUANTITY_OK;
}

const char *quantity_error_text(enum quantity_error e)
{
    switch (e) {
    case QUANTITY_NOT_NUMBER:
        return "must be a plain decimal number such as 2 or 8.5, without quotes or exponent";
    case QUANTITY_NEGATIVE_ZERO:
        return "must not be -0: write 0";
    case QUANTITY_FRACTION:
        return "must have at most three digits after the point";
    case QUANTITY_RANGE:
        return "must be between -1000000000000 and 1000000000000";
    default:
        return "";
    }
}

size_t quantity_format(milli_t q, char out[QUANTITY_TEXT_BYTES])
{
    uint64_t magnitude = q < 0 ? -(uint64_t)q : (uint64_t)q;
    unsigned fraction = (unsigned)(magnitude % 1000);
    char *to = out;

    if (q < 0)
        *to++ = '-';
    to = digits_put(to, magnitude / 1000);
    if (fraction) {
        *to++ = '.';
        for (unsigned place = 100; fraction; place /= 10) {
            *to++ = (char)('0' + fraction / place);
            fraction %= place;
        }
    }
    return (size_t)(to - out);
}
