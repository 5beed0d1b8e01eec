/* Reads and writes RFC 3339 instants, by arithmetic on civil days: no locale, no time zone data, no libc
 * calendar. */
#include "core/model/instant.h"

#include "base/digits.h"

enum { MICROSECOND_DIGITS = 6, FRACTION_DIGITS_MOST = 9 };

struct civil {
    int year, month, day;
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar. Years begin in March here, so that the leap day
 * is a year's last (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_from_civil(struct civil c)
{
    int64_t year = c.month <= 2 ? c.year - 1 : c.year;
    int64_t era = year / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct civil civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = days / 146097, day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int)((5 * day_of_year + 2) / 153);
    struct civil c = {.day = (int)(day_of_year - (153 * month + 2) / 5 + 1)};
    c.month = month < 10 ? month + 3 : month - 9;
    c.year = (int)(year_of_era + era * 400 + (c.month <= 2));
    return c;
}

static int days_in_month(int year, int month)
{
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* Exactly `count` digits at p as a number; -1 when one of them is none. */
static int digits(const char *p, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

static bool parse_date(const char *p, int64_t *ret_days)
{
    struct civil c = {digits(p, 4), digits(p + 5, 2), digits(p + 8, 2)};

    if (p[4] != '-' || p[7] != '-' || c.year < 0 || c.month < 1 || c.month > 12)
        return false;
    if (c.day < 1 || c.day > days_in_month(c.year, c.month))
        return false;
    *ret_days = days_from_civil(c);
    return true;
}

/* HH:MM:SS and the fraction behind it, as microseconds of the day; moves *p behind them. */
static bool parse_time(const char **p, const char *end, int64_t *ret_us)
{
    const char *t = *p;
    int hour = digits(t, 2), minute = digits(t + 3, 2), second = digits(t + 6, 2);
    int64_t us = 0;

    if (t[2] != ':' || t[5] != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    if (second < 0 || second > 60)
        return false;
    t += 8;
    if (t < end && *t == '.') {
        const char *first = ++t;
        for (; t < end && *t >= '0' && *t <= '9'; t++)
            if (t - first < MICROSECOND_DIGITS)
                us = us * 10 + (*t - '0');
        if (t == first || t - first > FRACTION_DIGITS_MOST)
            return false;
        for (ptrdiff_t i = t - first; i < MICROSECOND_DIGITS; i++)
            us *= 10;
    }
    if (second == 60) {
        second = 59;
        us = INSTANT_SECOND - 1;
    }
    *ret_us = ((hour * 60 + minute) * INT64_C(60) + second) * INSTANT_SECOND + us;
    *p = t;
    return true;
}

/* Z, or the distance east of Greenwich: what is left of the text. */
static bool parse_offset(const char *p, const char *end, int64_t *ret_us)
{
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *ret_us = 0;
        return true;
    }
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':')
        return false;
    int hour = digits(p + 1, 2), minute = digits(p + 4, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    *ret_us = (hour * 60 + minute) * INSTANT_MINUTE * (*p == '-' ? -1 : 1);
    return true;
}

bool instant_parse(struct text t, instant_t *ret_instant)
{
    const char *p = t.at, *end = p + t.length;
    int64_t days, us, offset_us;

    if (t.length < sizeof("1970-01-01T00:00:00Z") - 1 || (p[10] != 'T' && p[10] != 't'))
        return false;
    if (!parse_date(p, &days))
        return false;
    p += 11;
    if (!parse_time(&p, end, &us) || !parse_offset(p, end, &offset_us))
        return false;
    int64_t at = days * INSTANT_DAY + us - offset_us;
    if (at < 0 || at > INSTANT_MOST)
        return false;
    *ret_instant = at;
    return true;
}

static char *put_pair(char *p, unsigned value, char behind)
{
    p = digits_pair(p, value);
    *p = behind;
    return p + 1;
}

size_t instant_format(instant_t at, char out[INSTANT_TEXT_BYTES])
{
    if (at < 0 || at > INSTANT_MOST)
        return 0;
    struct civil c = civil_from_days(at / INSTANT_DAY);
    unsigned second = (unsigned)(at % INSTANT_DAY / INSTANT_SECOND), us = (unsigned)(at % INSTANT_SECOND);
    char *p = digits_pair(out, (unsigned)c.year / 100);

    p = put_pair(p, (unsigned)c.year % 100, '-');
    p = put_pair(p, (unsigned)c.month, '-');
    p = put_pair(p, (unsigned)c.day, 'T');
    p = put_pair(p, second / 3600, ':');
    p = put_pair(p, second / 60 % 60, ':');
    p = digits_pair(p, second % 60);
    if (us) {
        *p++ = '.';
        p = digits_pair(p, us / 10000);
        p = digits_pair(p, us / 100 % 100);
        p = digits_pair(p, us % 100);
    }
    *p++ = 'Z';
    return (size_t)(p - out);
}
