/* A recursive descent over one line: rules, days, spans; then the week is written as rows of days that share
 * a span. */
#include "codec/opening_hours.h"
#include "base/error.h"

#include <stdio.h>
#include <strings.h>

enum { DAYS = 7, SPANS_MOST = 8, DAY_MINUTES = 24 * 60 };

static const char day_names[DAYS][3] = {"mo", "tu", "we", "th", "fr", "sa", "su"};

struct span {
    unsigned opens, closes; /* minutes; closes at or below opens: on the next day */
};

struct week {
    size_t count[DAYS];
    struct span spans[DAYS][SPANS_MOST];
};

struct parse {
    const char *start, *at, *end;
    struct week week;
    bool holidays;
    char *detail;
};

static int fail(struct parse *p, const char *expected)
{
    int left = p->end - p->at > 20 ? 20 : (int)(p->end - p->at);

    snprintf(p->detail, OPENING_HOURS_DETAIL_BYTES, "opening hours at byte %zu (“%.*s”): expected %s",
             (size_t)(p->at - p->start) + 1, left, p->at, expected);
    return ERROR_INVALID;
}

static void skip_spaces(struct parse *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
        p->at++;
}

static bool take(struct parse *p, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(p->end - p->at) < length || strncasecmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

static bool is_letter(const struct parse *p)
{
    return p->at < p->end && ((*p->at | 0x20) >= 'a' && (*p->at | 0x20) <= 'z');
}

/* A word that must end where its letters end: `Sa`, not the beginning of `Saturday`. */
static bool take_word(struct parse *p, const char *word)
{
    const char *before = p->at;

    if (take(p, word) && !is_letter(p))
        return true;
    p->at = before;
    return false;
}

static bool take_day(struct parse *p, unsigned *ret_day)
{
    for (unsigned d = 0; d < DAYS; d++) {
        if (take_word(p, day_names[d])) {
            *ret_day = d;
            return true;
        }
    }
    return false;
}

/* `Mo-Fr,Su` as bits. *ret_days is 0 when there is no day here; `ret_holidays`: PH or SH is among them. */
static int read_days(struct parse *p, unsigned *ret_days, bool *ret_holidays)
{
    unsigned days = 0, first, last;
    bool more = true;

    *ret_holidays = false;
    while (more) {
        if (take_word(p, "PH") || take_word(p, "SH")) {
            *ret_holidays = true;
        } else if (take_day(p, &first)) {
            last = first;
            skip_spaces(p);
            if (p->at + 1 < p->end && *p->at == '-') {
                p->at++;
                skip_spaces(p);
                if (!take_day(p, &last))
                    return fail(p, "a day (Mo, Tu, We, Th, Fr, Sa, Su)");
            }
            for (unsigned d = first;; d = (d + 1) % DAYS) {
                days |= 1u << d;
                if (d == last)
                    break;
            }
        } else if (days || *ret_holidays || is_letter(p)) {
            return fail(p, "a day (Mo, Tu, We, Th, Fr, Sa, Su)");
        }
        const char *before = p->at;
        skip_spaces(p);
        more = (days || *ret_holidays) && take(p, ",");
        if (!more)
            p->at = before;
        else
            skip_spaces(p);
    }
    *ret_days = days;
    return 0;
}

static bool digits(struct parse *p, unsigned most, unsigned *ret)
{
    unsigned n = 0, value = 0;

    while (n < most && p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        value = value * 10 + (unsigned)(*p->at++ - '0');
        n++;
    }
    *ret = value;
    return n > 0;
}

/* H:MM or HH:MM, up to 48:00 (the small hours of the next day). */
static int read_time(struct parse *p, unsigned *ret_minutes)
{
    const char *before = p->at;
    unsigned hours, minutes;

    if (digits(p, 2, &hours) && take(p, ":") && p->end - p->at >= 2 && digits(p, 2, &minutes) &&
        minutes < 60 && hours * 60 + minutes <= 2 * DAY_MINUTES) {
        *ret_minutes = hours * 60 + minutes;
        return 0;
    }
    p->at = before;
    return fail(p, "a time like 09:00");
}

static int read_span(struct parse *p, struct span *ret)
{
    int error = read_time(p, &ret->opens);

    if (error)
        return error;
    if (ret->opens >= DAY_MINUTES)
        return fail(p, "an opening before 24:00");
    skip_spaces(p);
    if (!take(p, "-"))
        return fail(p, "a minus and the closing time");
    skip_spaces(p);
    error = read_time(p, &ret->closes);
    if (error)
        return error;
    if (ret->closes > DAY_MINUTES) {
        ret->closes -= DAY_MINUTES;
        if (ret->closes > ret->opens)
            return fail(p, "a span of at most a day");
    }
    return 0;
}

static int add_span(struct parse *p, unsigned days, const struct span *s)
{
    for (unsigned d = 0; d < DAYS; d++) {
        if (!(days >> d & 1))
            continue;
        if (p->week.count[d] == SPANS_MOST)
            return fail(p, "at most 8 spans a day");
        p->week.spans[d][p->week.count[d]++] = *s;
    }
    return 0;
}

/* Is a `,` here followed by another time of the same days, not by the next rule's days? */
static bool another_span(struct parse *p)
{
    const char *before = p->at;

    skip_spaces(p);
    if (take(p, ",")) {
        skip_spaces(p);
        if (p->at < p->end && *p->at >= '0' && *p->at <= '9')
            return true;
    }
    p->at = before;
    return false;
}

static void clear_days(struct week *w, unsigned days)
{
    for (unsigned d = 0; d < DAYS; d++)
        if (days >> d & 1)
            w->count[d] = 0;
}

static int read_spans(struct parse *p, unsigned days)
{
    struct span s;

    do {
        int error = read_span(p, &s);
        if (!error)
            error = add_span(p, days, &s);
        if (error)
            return error;
    } while (another_span(p));
    return 0;
}

static int read_rule(struct parse *p, bool adds)
{
    unsigned days;
    bool holidays;

    if (take(p, "24/7")) {
        clear_days(&p->week, 0x7F);
        return add_span(p, 0x7F, &(struct span){0, DAY_MINUTES});
    }
    if (take_word(p, "off") || take_word(p, "closed")) {
        clear_days(&p->week, 0x7F);
        return 0;
    }
    int error = read_days(p, &days, &holidays);
    if (error)
        return error;
    p->holidays |= holidays;
    if (!days && !holidays)
        days = 0x7F;
    skip_spaces(p);
    if (take(p, ":")) /* `Mo-Fr: 09:00-17:00` is wrong, and frequent */
        skip_spaces(p);
    if (!adds)
        clear_days(&p->week, days);
    if (take_word(p, "off") || take_word(p, "closed"))
        return 0;
    return read_spans(p, days);
}

/* Behind `||` stands what holds when nothing else does; a mere remark opens nothing. */
static int read_remark(struct parse *p)
{
    skip_spaces(p);
    if (!take(p, "\"") || p->end[-1] != '"' || p->at == p->end)
        return fail(p, "a remark in quotes");
    p->at = p->end;
    return 0;
}

static int read_rules(struct parse *p)
{
    bool adds = false;

    for (;;) {
        skip_spaces(p);
        if (p->at == p->end)
            return 0;
        int error = read_rule(p, adds);
        if (error)
            return error;
        skip_spaces(p);
        if (take(p, "||"))
            return read_remark(p);
        adds = take(p, ",");
        if (!adds && !take(p, ";") && p->at < p->end)
            return fail(p, "; or , or the end");
    }
}

static bool has_span(const struct week *w, unsigned day, const struct span *s)
{
    for (size_t i = 0; i < w->count[day]; i++)
        if (w->spans[day][i].opens == s->opens && w->spans[day][i].closes == s->closes)
            return true;
    return false;
}

static void put_row(const struct week *w, const struct span *s, struct buffer *out, bool first_row)
{
    bool first = true;

    buffer_string(out, first_row ? "{\"days\":[" : ",{\"days\":[");
    for (unsigned d = 0; d < DAYS; d++) {
        if (!has_span(w, d, s))
            continue;
        buffer_printf(out, "%s\"%s\"", first ? "" : ",", day_names[d]);
        first = false;
    }
    buffer_printf(out, "],\"opens\":\"%02u:%02u\",\"closes\":\"%02u:%02u\"}", s->opens / 60, s->opens % 60,
                  s->closes / 60, s->closes % 60);
}

/* A span is written with the first day that has it, for all days that have it. */
static void put_week(const struct week *w, struct buffer *out)
{
    bool first_row = true;

    buffer_byte(out, '[');
    for (unsigned d = 0; d < DAYS; d++) {
        for (size_t i = 0; i < w->count[d]; i++) {
            bool written = false;
            for (unsigned earlier = 0; earlier < d; earlier++)
                written |= has_span(w, earlier, &w->spans[d][i]);
            if (written)
                continue;
            put_row(w, &w->spans[d][i], out, first_row);
            first_row = false;
        }
    }
    buffer_byte(out, ']');
}

int opening_hours_to_json(struct text t, struct buffer *out, bool *ret_holidays,
                          char detail[OPENING_HOURS_DETAIL_BYTES])
{
    struct parse p = {.start = t.at, .at = t.at, .end = t.at + t.length, .detail = detail};
    int error = read_rules(&p);

    if (error)
        return error;
    put_week(&p.week, out);
    *ret_holidays = p.holidays;
    return out->failed ? ERROR_NOMEM : 0;
}
