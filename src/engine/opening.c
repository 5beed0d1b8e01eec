/* Local days into instants, and sums over them. */
#include "engine/opening.h"
#include "base/error.h"
#include "codec/document.h"

#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

enum { DAY_MINUTES = 24 * 60, ZONE_BYTES = 64 };

struct opening_zone {
    struct opening_zone *next;
    UCalendar *calendar;
    char name[ZONE_BYTES];
};

struct opening_zones {
    struct opening_zone *first;
};

struct span { /* minutes of the local day; until > DAY_MINUTES: of the next */
    uint16_t from, until;
};

struct weekly {
    uint8_t days; /* bits, Monday is 1 */
    struct span span;
};

struct dated {
    int32_t day;      /* since 1970-01-01 */
    struct span span; /* empty: closed */
};

struct opening {
    UCalendar *calendar; /* NULL: always open */
    size_t weekly_count, dated_count;
    struct weekly *weekly;
    struct dated *dated; /* by day */
};

/* ---- zones ---- */

struct opening_zones *opening_zones_create(void)
{
    return calloc(1, sizeof(struct opening_zones));
}

void opening_zones_destroy(struct opening_zones *z)
{
    while (z && z->first) {
        struct opening_zone *zone = z->first;
        z->first = zone->next;
        ucal_close(zone->calendar);
        free(zone);
    }
    free(z);
}

/* A Gregorian calendar without end or beginning, in a zone that ICU knows. */
static UCalendar *calendar_open(const char *name)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar wide[ZONE_BYTES], canonical[ZONE_BYTES];
    UBool known = false;

    u_charsToUChars(name, wide, (int32_t)strlen(name) + 1);
    ucal_getCanonicalTimeZoneID(wide, -1, canonical, ZONE_BYTES, &known, &status);
    if (U_FAILURE(status) || !known)
        return NULL;
    UCalendar *c = ucal_open(wide, -1, "en", UCAL_GREGORIAN, &status);
    if (U_FAILURE(status))
        return NULL;
    ucal_setAttribute(c, UCAL_SKIPPED_WALL_TIME, UCAL_WALLTIME_NEXT_VALID);
    ucal_setAttribute(c, UCAL_REPEATED_WALL_TIME, UCAL_WALLTIME_FIRST);
    ucal_setGregorianChange(c, -1e18, &status);
    return c;
}

static int zone_find(struct opening_zones *z, struct text name, UCalendar **ret)
{
    if (!name.length || name.length >= ZONE_BYTES)
        return ERROR_NOTFOUND;
    for (struct opening_zone *zone = z->first; zone; zone = zone->next)
        if (text_equal(text_of(zone->name), name)) {
            *ret = zone->calendar;
            return 0;
        }
    struct opening_zone *zone = calloc(1, sizeof(*zone));
    if (!zone)
        return ERROR_NOMEM;
    memcpy(zone->name, name.at, name.length);
    zone->calendar = calendar_open(zone->name);
    if (!zone->calendar) {
        free(zone);
        return ERROR_NOTFOUND;
    }
    zone->next = z->first;
    z->first = zone;
    *ret = zone->calendar;
    return 0;
}

/* ---- days ---- */

/* Since 1970-01-01; years begin in March here, so that the leap day is a year's last. */
static int32_t day_of(int32_t year, int32_t month, int32_t day)
{
    int32_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y % 400;
    int32_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int32_t days, int32_t *ret_year, int32_t *ret_month, int32_t *ret_day)
{
    int32_t z = days + 719468, era = z / 146097, of_era = z % 146097;
    int32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int32_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;

    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

/* Monday is 0. */
static unsigned weekday_of(int32_t days)
{
    return (unsigned)(days + 3) % 7;
}

static int32_t local_day(UCalendar *c, instant_t at)
{
    UErrorCode status = U_ZERO_ERROR;

    ucal_setMillis(c, (double)(at / 1000), &status);
    return day_of(ucal_get(c, UCAL_YEAR, &status), ucal_get(c, UCAL_MONTH, &status) + 1,
                  ucal_get(c, UCAL_DATE, &status));
}

static instant_t local_instant(UCalendar *c, int32_t day, unsigned minute)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t year, month, date;

    date_of(day + (int32_t)(minute / DAY_MINUTES), &year, &month, &date);
    minute %= DAY_MINUTES;
    ucal_clear(c);
    ucal_setDateTime(c, year, month - 1, date, (int32_t)minute / 60, (int32_t)minute % 60, 0, &status);
    return (instant_t)ucal_getMillis(c, &status) * 1000;
}

/* ---- what the document says ---- */

static uint16_t minute_of(struct text t) /* "HH:MM", checked when it was PUT */
{
    return (uint16_t)(((t.at[0] - '0') * 10 + t.at[1] - '0') * 60 + (t.at[3] - '0') * 10 + t.at[4] - '0');
}

static struct span span_of(const struct json_node *nodes, uint32_t object)
{
    const struct json_node *opens = document_member(nodes, object, "opens");
    const struct json_node *closes = document_member(nodes, object, "closes");

    if (!opens || !closes || opens->text.length != 5 || closes->text.length != 5)
        return (struct span){0};
    struct span s = {minute_of(opens->text), minute_of(closes->text)};
    if (s.until < s.from)
        s.until = (uint16_t)(s.until + DAY_MINUTES);
    return s;
}

static uint8_t days_of(const struct json_node *nodes, const struct json_node *list)
{
    static const char names[7][3] = {"mo", "tu", "we", "th", "fr", "sa", "su"};
    uint32_t i = list ? document_index(nodes, list) + 1 : 0;
    unsigned days = 0;

    for (uint32_t k = 0; list && k < list->count; k++, i = nodes[i].next)
        for (unsigned day = 0; day < 7; day++)
            days |= text_equal(nodes[i].text, text_of(names[day])) ? 1u << day : 0;
    return (uint8_t)days;
}

static int32_t date_in(struct text t) /* "YYYY-MM-DD" */
{
    int32_t number[3] = {0};
    unsigned part = 0;

    for (size_t i = 0; i < t.length; i++)
        if (t.at[i] == '-' && part < 2)
            part++;
        else
            number[part] = number[part] * 10 + t.at[i] - '0';
    return day_of(number[0], number[1], number[2]);
}

static int by_day(const void *a, const void *b)
{
    const struct dated *x = a, *y = b;

    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (int)x->span.from - (int)y->span.from;
}

static void take_weekly(struct opening *o, const struct json_node *nodes, const struct json_node *list)
{
    uint32_t i = document_index(nodes, list) + 1;

    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next)
        o->weekly[o->weekly_count++] =
            (struct weekly){days_of(nodes, document_member(nodes, i, "days")), span_of(nodes, i)};
}

static void take_dated(struct opening *o, const struct json_node *nodes, const struct json_node *list)
{
    uint32_t i = document_index(nodes, list) + 1;

    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next)
        o->dated[o->dated_count++] =
            (struct dated){date_in(document_member(nodes, i, "date")->text), span_of(nodes, i)};
    qsort(o->dated, o->dated_count, sizeof(*o->dated), by_day);
}

static int take_document(struct opening *o, struct opening_zones *z, const struct json_node *nodes)
{
    const struct json_node *zone = document_member(nodes, 0, "time_zone");
    const struct json_node *weekly = document_member(nodes, 0, "opening_hours");
    const struct json_node *dated = document_member(nodes, 0, "exceptions");

    if (!(weekly && weekly->count) && !(dated && dated->count))
        return 0;
    o->weekly = calloc((weekly ? weekly->count : 0) + 1, sizeof(*o->weekly));
    o->dated = calloc((dated ? dated->count : 0) + 1, sizeof(*o->dated));
    if (!o->weekly || !o->dated)
        return ERROR_NOMEM;
    if (weekly)
        take_weekly(o, nodes, weekly);
    if (dated)
        take_dated(o, nodes, dated);
    return zone_find(z, zone ? zone->text : (struct text){0}, &o->calendar);
}

int opening_create(struct opening_zones *z, struct text document, struct arena *a,
                   struct opening **ret_opening)
{
    struct problems problems = {0};
    const struct json_node *nodes;
    size_t count;
    struct opening *o = calloc(1, sizeof(*o));
    int error = o ? 0 : ERROR_NOMEM;

    if (!error && document.length)
        error = json_parse(document, a, &nodes, &count, &problems);
    if (!error && document.length)
        error = take_document(o, z, nodes);
    if (error) {
        opening_destroy(o);
        return error;
    }
    *ret_opening = o;
    return 0;
}

void opening_destroy(struct opening *o)
{
    if (!o)
        return;
    free(o->weekly);
    free(o->dated);
    free(o);
}

/* ---- the hours of a day ---- */

static const struct dated *first_dated(const struct opening *o, int32_t day)
{
    size_t low = 0, high = o->dated_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (o->dated[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low < o->dated_count && o->dated[low].day == day ? &o->dated[low] : NULL;
}

/* Keeps them in order, and joins what meets. */
static size_t add_span(struct span *spans, size_t count, struct span s)
{
    size_t at = count;

    if (s.from >= s.until || count == OPENING_DAY_MOST)
        return count;
    for (; at && spans[at - 1].from > s.from; at--)
        spans[at] = spans[at - 1];
    spans[at] = s;
    count++;
    size_t kept = 0;
    for (size_t i = 1; i < count; i++)
        if (spans[i].from > spans[kept].until)
            spans[++kept] = spans[i];
        else if (spans[i].until > spans[kept].until)
            spans[kept].until = spans[i].until;
    return kept + 1;
}

static size_t spans_of(const struct opening *o, int32_t day, struct span spans[OPENING_DAY_MOST])
{
    const struct dated *end = o->dated + o->dated_count;
    size_t count = 0;

    const struct dated *dated = first_dated(o, day);
    if (dated) {
        for (; dated < end && dated->day == day; dated++)
            count = add_span(spans, count, dated->span);
        return count;
    }
    for (size_t i = 0; i < o->weekly_count; i++)
        if (o->weekly[i].days >> weekday_of(day) & 1)
            count = add_span(spans, count, o->weekly[i].span);
    return count;
}

static size_t hours_of(const struct opening *o, int32_t day, struct opening_hours ret[OPENING_DAY_MOST])
{
    struct span spans[OPENING_DAY_MOST];
    size_t count = spans_of(o, day, spans);

    for (size_t i = 0; i < count; i++)
        ret[i] = (struct opening_hours){local_instant(o->calendar, day, spans[i].from),
                                        local_instant(o->calendar, day, spans[i].until)};
    return count;
}

/* ---- questions ---- */

bool opening_is_always(const struct opening *o)
{
    return !o->calendar;
}

/* Calls for each piece of opening time from `from` on, in order and without overlap, until it says stop. What
 * began on the day before may last past midnight. */
struct piece {
    int64_t left_us;
    instant_t at;
    bool done;
};

static void take_piece(struct piece *p, struct opening_hours h)
{
    instant_t begin = h.from > p->at ? h.from : p->at;

    if (h.until <= begin)
        return;
    if (h.until - begin < p->left_us) {
        p->left_us -= h.until - begin;
        p->at = h.until;
        return;
    }
    p->at = begin + p->left_us;
    p->done = true;
}

static instant_t walk(const struct opening *o, instant_t from, int64_t us)
{
    struct opening_hours hours[OPENING_DAY_MOST];
    struct piece p = {.left_us = us, .at = from};
    int32_t day = local_day(o->calendar, from);

    for (int i = -1; i < OPENING_DAYS_MOST; i++) {
        size_t count = hours_of(o, day + i, hours);
        for (size_t k = 0; k < count && !p.done; k++)
            take_piece(&p, hours[k]);
        if (p.done)
            return p.at;
    }
    return INSTANT_NONE;
}

instant_t opening_add(const struct opening *o, instant_t from, int64_t us)
{
    if (us <= 0)
        return from;
    if (opening_is_always(o))
        return from + us;
    return walk(o, from, us);
}

instant_t opening_next(const struct opening *o, instant_t from)
{
    return opening_is_always(o) ? from : walk(o, from, 0);
}

bool opening_at(const struct opening *o, instant_t at)
{
    struct opening_hours hours[OPENING_DAY_MOST];

    if (opening_is_always(o))
        return true;
    int32_t day = local_day(o->calendar, at);
    for (int i = -1; i <= 0; i++) {
        size_t count = hours_of(o, day + i, hours);
        for (size_t k = 0; k < count; k++)
            if (at >= hours[k].from && at < hours[k].until)
                return true;
    }
    return false;
}

size_t opening_day(const struct opening *o, instant_t at, int days,
                   struct opening_hours ret[OPENING_DAY_MOST])
{
    if (opening_is_always(o)) {
        instant_t midnight = at / INSTANT_DAY * INSTANT_DAY + days * INSTANT_DAY;
        ret[0] = (struct opening_hours){midnight, midnight + INSTANT_DAY};
        return 1;
    }
    return hours_of(o, local_day(o->calendar, at) + days, ret);
}
