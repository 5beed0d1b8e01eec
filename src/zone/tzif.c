/* A file has a block of 32-bit times, which is passed over, one of 64-bit times, and a rule for what comes
 * after them, as POSIX writes the variable TZ. */
#include "zone/tzif.h"

#include <string.h>

enum {
    HEADER_BYTES = 44,
    KIND_BYTES = 6, /* an offset, whether it is summer, a name */
    DAY_SECONDS = 86400,
    RULE_HOURS_MOST = 167,
    OFFSET_HOURS_MOST = 25,
};

/* ---- numbers of the file: the greatest byte first ---- */

static uint32_t read_32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t read_64(const unsigned char *at)
{
    return (int64_t)((uint64_t)read_32(at) << 32 | read_32(at + 4));
}

struct block {
    uint64_t leaps, times, kinds; /* counts */
    uint64_t bytes;               /* what follows the header */
    const unsigned char *at;
};

/* False: no such block. */
static bool read_header(const unsigned char *at, size_t left, unsigned time_bytes, struct block *ret)
{
    if (left < HEADER_BYTES || memcmp(at, "TZif", 4) || at[4] < '2')
        return false;
    uint64_t utc = read_32(at + 20), standard = read_32(at + 24), names = read_32(at + 40);
    struct block b = {.leaps = read_32(at + 28), .times = read_32(at + 32), .kinds = read_32(at + 36)};
    b.bytes = b.times * (time_bytes + 1) + b.kinds * KIND_BYTES + names + b.leaps * (time_bytes + 4) +
              standard + utc;
    b.at = at + HEADER_BYTES;
    *ret = b;
    return b.bytes <= left - HEADER_BYTES;
}

/* ---- the table ---- */

struct table {
    struct zone_span *span;
    uint32_t count, most;
    bool full;
};

/* Offsets in seconds from an instant on, in order; what changes nothing is left out. */
static void add(struct table *t, int64_t from_s, int64_t offset_s)
{
    struct zone_span *last = &t->span[t->count - 1];
    int64_t offset_us = offset_s * INSTANT_SECOND;

    if (from_s <= 0 || from_s * INSTANT_SECOND <= last->from) {
        last->offset_us = offset_us; /* 1970 begins so, or two changes in one */
    } else if (offset_us != last->offset_us) {
        t->full |= t->count == t->most;
        if (!t->full)
            t->span[t->count++] = (struct zone_span){from_s * INSTANT_SECOND, offset_us};
    }
}

/* False: it names a kind that there is not. *ret_last_s: the last instant of a change. */
static bool read_times(const struct block *b, struct table *t, int64_t *ret_last_s)
{
    const unsigned char *number = b->at + b->times * 8, *kind = number + b->times;

    t->span[0] = (struct zone_span){INT64_MIN, (int32_t)read_32(kind) * INSTANT_SECOND};
    t->count = 1;
    *ret_last_s = INT64_MIN;
    for (uint64_t i = 0; i < b->times; i++) {
        int64_t from_s = read_64(b->at + i * 8);
        if (number[i] >= b->kinds || (i && from_s <= *ret_last_s) || from_s > INSTANT_MOST / INSTANT_SECOND)
            return false;
        *ret_last_s = from_s;
        add(t, from_s, (int32_t)read_32(kind + number[i] * KIND_BYTES));
    }
    return true;
}

/* ---- the rule ---- */

struct change {
    char form;       /* 'M', 'J', or '0': days counted from 0 */
    int month, week; /* of M: the week 1 to 5, 5 is the last */
    int day;         /* of M: Sunday is 0 */
    int64_t time_s;  /* of the local day, before the change */
};

struct rule {
    int64_t standard_s, summer_s; /* east is positive */
    bool changes;
    struct change begin, end; /* of summer */
};

/* What is left to read; at NULL when something was wrong. */
struct cursor {
    const char *at, *end;
};

static char peek(const struct cursor *c)
{
    return c->at && c->at < c->end ? *c->at : '\0';
}

static bool take(struct cursor *c, char wanted)
{
    if (peek(c) != wanted)
        return false;
    c->at++;
    return true;
}

static int64_t take_number(struct cursor *c, int64_t most)
{
    int64_t n = 0;
    const char *first = c->at;

    while (peek(c) >= '0' && peek(c) <= '9' && n <= most)
        n = n * 10 + (*c->at++ - '0');
    if (c->at == first || n > most)
        c->at = NULL;
    return n;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int64_t take_time(struct cursor *c, int64_t hours_most)
{
    int64_t sign = take(c, '-') ? -1 : 1;

    if (sign > 0)
        take(c, '+');
    int64_t seconds = 3600 * take_number(c, hours_most);
    if (take(c, ':'))
        seconds += 60 * take_number(c, 59);
    if (take(c, ':'))
        seconds += take_number(c, 59);
    return sign * seconds;
}

static void skip_name(struct cursor *c)
{
    const char *first = c->at;

    if (take(c, '<')) {
        while (peek(c) && peek(c) != '>')
            c->at++;
        if (!take(c, '>'))
            c->at = NULL;
        return;
    }
    while ((peek(c) >= 'A' && peek(c) <= 'Z') || (peek(c) >= 'a' && peek(c) <= 'z'))
        c->at++;
    if (c->at == first)
        c->at = NULL;
}

static struct change take_change(struct cursor *c)
{
    struct change d = {.form = '0', .time_s = 2 * 3600};

    if (!take(c, ','))
        c->at = NULL;
    if (take(c, 'M')) {
        d.form = 'M';
        d.month = (int)take_number(c, 12);
        d.week = take(c, '.') ? (int)take_number(c, 5) : 0;
        d.day = take(c, '.') ? (int)take_number(c, 6) : -1;
        if (d.month < 1 || d.week < 1 || d.day < 0)
            c->at = NULL;
    } else {
        d.form = take(c, 'J') ? 'J' : '0';
        d.day = (int)take_number(c, 365);
        if (d.form == 'J' && d.day < 1)
            c->at = NULL;
    }
    if (take(c, '/'))
        d.time_s = take_time(c, RULE_HOURS_MOST);
    return d;
}

/* "EET-2EEST,M4.5.5/0,M10.5.4/24" */
static bool read_rule(struct cursor c, struct rule *ret)
{
    struct rule r = {0};

    skip_name(&c);
    r.standard_s = -take_time(&c, OFFSET_HOURS_MOST);
    if (peek(&c)) {
        r.changes = true;
        skip_name(&c);
        r.summer_s = peek(&c) == ',' ? r.standard_s + 3600 : -take_time(&c, OFFSET_HOURS_MOST);
        r.begin = take_change(&c);
        r.end = take_change(&c);
    }
    *ret = r;
    return c.at == c.end;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970 of a year's first. */
static int64_t year_day(int year)
{
    int64_t before = year - 1;
    return (before * 365 + before / 4 - before / 100 + before / 400) - (1969LL * 365 + 492 - 19 + 4);
}

static int64_t change_day(const struct change *d, int year)
{
    static const int of_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t first = year_day(year);

    if (d->form == '0')
        return first + d->day;
    if (d->form == 'J') /* the 29th of February is not counted */
        return first + d->day - 1 + (is_leap(year) && d->day > 59);
    for (int m = 1; m < d->month; m++)
        first += of_month[m - 1] + (m == 2 && is_leap(year));
    int length = of_month[d->month - 1] + (d->month == 2 && is_leap(year));
    int weekday = (int)(weekday_of((int32_t)first) + 1) % 7; /* Sunday is 0 */
    int in_month = (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
    return first + (in_month < length ? in_month : in_month - 7);
}

static void add_rule(const struct rule *r, int64_t last_s, int last_year, struct table *t)
{
    for (int year = 1970; r->changes && year <= last_year; year++) {
        int64_t begin = change_day(&r->begin, year) * DAY_SECONDS + r->begin.time_s - r->standard_s;
        int64_t end = change_day(&r->end, year) * DAY_SECONDS + r->end.time_s - r->summer_s;
        bool begins_first = begin < end;
        int64_t first = begins_first ? begin : end, second = begins_first ? end : begin;
        if (first > last_s)
            add(t, first, begins_first ? r->summer_s : r->standard_s);
        if (second > last_s)
            add(t, second, begins_first ? r->standard_s : r->summer_s);
    }
}

uint32_t tzif_read(const unsigned char *bytes, size_t length, int last_year, struct zone_span *ret,
                   uint32_t most)
{
    struct table t = {.span = ret, .most = most};
    struct block old, b;
    struct rule rule = {0};
    int64_t last_s;

    if (!most || !read_header(bytes, length, 4, &old))
        return 0;
    size_t at = HEADER_BYTES + (size_t)old.bytes;
    if (!read_header(bytes + at, length - at, 8, &b) || b.leaps || !b.kinds || !read_times(&b, &t, &last_s))
        return 0;
    const char *rest = (const char *)b.at + b.bytes, *end = (const char *)bytes + length;
    if (end - rest < 2 || rest[0] != '\n' || end[-1] != '\n')
        return 0;
    if (end - rest > 2 && !read_rule((struct cursor){rest + 1, end - 1}, &rule))
        return 0;
    add_rule(&rule, last_s, last_year, &t);
    return t.full ? 0 : t.count;
}
