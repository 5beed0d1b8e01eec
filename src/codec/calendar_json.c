/* Reads hours, methods and lanes out of documents that were checked when they were PUT. */
#include "codec/calendar_json.h"

#include "base/error.h"
#include "codec/document.h"
#include "codec/reference_shape.h"

#include <stdlib.h>

/* ---- values ---- */

static int16_t minute_of(const struct json_node *n) /* "HH:MM" */
{
    const char *t = n->text.at;
    return (int16_t)(((t[0] - '0') * 10 + t[1] - '0') * 60 + (t[3] - '0') * 10 + t[4] - '0');
}

static int16_t cut_off_of(const struct json_node *nodes, uint32_t object)
{
    const struct json_node *n = document_member(nodes, object, "cut_off");
    return n ? minute_of(n) : NO_CUT_OFF;
}

static milli_t number_of(const struct json_node *nodes, uint32_t object, const char *name)
{
    const struct json_node *n = document_member(nodes, object, name);
    milli_t q = 0;

    if (n)
        quantity_parse(n->text, &q);
    return q;
}

static int32_t day_of(const struct json_node *n) /* "YYYY-MM-DD", a day that there is */
{
    char midnight[] = "YYYY-MM-DDT00:00:00Z";
    instant_t at = 0;

    memcpy(midnight, n->text.at, 10);
    return instant_parse(text_of(midnight), &at) ? (int32_t)(at / INSTANT_DAY) : -1; /* before 1970 */
}

static struct hours_span span_of(const struct json_node *nodes, uint32_t object)
{
    const struct json_node *opens = document_member(nodes, object, "opens");
    const struct json_node *closes = document_member(nodes, object, "closes");

    if (!opens || !closes)
        return (struct hours_span){0};
    uint16_t from = (uint16_t)minute_of(opens), until = (uint16_t)minute_of(closes);
    return (struct hours_span){from, (uint16_t)(until < from ? until + DAY_MINUTES : until)};
}

/* ---- hours ---- */

struct day_span { /* of an exception */
    int32_t day;
    struct hours_span span;
};

static int by_day(const void *a, const void *b)
{
    const struct day_span *x = a, *y = b;
    return x->day < y->day ? -1 : x->day > y->day;
}

static bool names_day(const struct json_node *nodes, uint32_t object, unsigned weekday)
{
    static const char names[7][3] = {"mo", "tu", "we", "th", "fr", "sa", "su"};
    const struct json_node *list = document_member(nodes, object, "days");
    uint32_t i = document_index(nodes, list) + 1;

    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next)
        if (text_equal(nodes[i].text, text_of(names[weekday])))
            return true;
    return false;
}

/* Lays each weekday's hours behind one another. */
static void read_week(const struct json_node *nodes, const struct json_node *list, struct hours *h,
                      struct hours_span *spans)
{
    size_t used = 0;

    for (unsigned day = 0; day < 7; day++) {
        uint32_t i = list ? document_index(nodes, list) + 1 : 0;
        size_t count = 0;
        for (uint32_t k = 0; list && k < list->count; k++, i = nodes[i].next)
            if (names_day(nodes, i, day))
                count = hours_join(spans + used, count, span_of(nodes, i));
        used += count;
        h->week[day + 1] = (uint16_t)used;
    }
}

static int read_dated(const struct json_node *nodes, const struct json_node *list, struct arena *a,
                      struct hours *h, struct hours_span *spans)
{
    uint32_t i = document_index(nodes, list) + 1;
    struct day_span *all = arena_alloc(a, (list->count + 1) * sizeof(*all));
    struct hours_dated *dated = arena_alloc(a, (list->count + 1) * sizeof(*dated));
    size_t used = h->week[7];

    if (!all || !dated)
        return ERROR_NOMEM;
    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next)
        all[k] = (struct day_span){day_of(document_member(nodes, i, "date")), span_of(nodes, i)};
    qsort(all, list->count, sizeof(*all), by_day);
    for (uint32_t k = 0; k < list->count;) {
        struct hours_dated *d = &dated[h->dated_count++];
        *d = (struct hours_dated){.day = all[k].day, .first = (uint16_t)used};
        for (; k < list->count && all[k].day == d->day; k++)
            d->count = (uint16_t)hours_join(spans + used, d->count, all[k].span);
        used += d->count;
    }
    h->dated = dated;
    return 0;
}

static int read_hours(const struct json_node *nodes, struct arena *a, struct hours *h)
{
    const struct json_node *weekly = document_member(nodes, 0, "opening_hours");
    const struct json_node *dated = document_member(nodes, 0, "exceptions");
    size_t weekly_count = weekly ? weekly->count : 0, dated_count = dated ? dated->count : 0;

    if (!weekly_count && !dated_count)
        return 0;
    /* while a day is joined there may be one more than stays */
    struct hours_span *spans = arena_alloc(a, (7 * weekly_count + dated_count + 1) * sizeof(*spans));
    if (!spans)
        return ERROR_NOMEM;
    h->limited = true;
    h->span = spans;
    read_week(nodes, weekly, h, spans);
    return dated_count ? read_dated(nodes, dated, a, h, spans) : 0;
}

/* ---- methods and lanes ---- */

/* Who says no methods takes part in all: but only a store is a place to collect from, suppliers and what is
 * virtual hand nothing to shoppers, and whoever delivers the same day says so. */
static bool goes_without_saying(const struct location *l, unsigned method)
{
    switch (1u << method) {
    case METHOD_PICKUP:
        return l->type == LOCATION_STORE;
    case METHOD_SHIP:
        return l->type != LOCATION_SUPPLIER && l->type != LOCATION_VIRTUAL;
    default:
        return false;
    }
}

static void read_ways(const struct json_node *nodes, const struct location *l, struct calendar *c)
{
    const struct json_node *methods = document_member(nodes, 0, "methods");

    for (unsigned i = 0; i < CALENDAR_METHODS; i++) {
        struct way *w = &c->way[i];
        const struct json_node *said =
            methods ? document_member(nodes, document_index(nodes, methods), reference_methods[i]) : NULL;
        *w = (struct way){.offered = said || (!l->methods && goes_without_saying(l, i)),
                          .cut_off = NO_CUT_OFF};
        if (!said)
            continue;
        uint32_t at = document_index(nodes, said);
        w->cut_off = cut_off_of(nodes, at);
        w->preparation_minutes = (uint32_t)(number_of(nodes, at, "preparation_minutes") / MILLI_PER_UNIT);
        w->last_collection_minutes =
            (uint16_t)(number_of(nodes, at, "last_collection_minutes") / MILLI_PER_UNIT);
        w->radius_m = number_of(nodes, at, "radius_km"); /* thousandths of a kilometre */
    }
}

static int read_lanes(const struct json_node *nodes, struct arena *a, struct calendar *c)
{
    const struct json_node *list = document_member(nodes, 0, "lanes");

    if (!list || !list->count)
        return 0;
    struct supply_lane *lanes = arena_alloc(a, list->count * sizeof(*lanes));
    uint32_t i = document_index(nodes, list) + 1;
    if (!lanes)
        return ERROR_NOMEM;
    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next)
        lanes[k] = (struct supply_lane){.to = document_member(nodes, i, "to")->text,
                                        .days = (uint16_t)(number_of(nodes, i, "days") / MILLI_PER_UNIT),
                                        .cut_off = cut_off_of(nodes, i)};
    c->lanes = lanes;
    c->lanes_count = list->count;
    return 0;
}

int calendar_read(const struct location *l, const struct zone *zone, struct arena *a, struct calendar *ret)
{
    static const struct json_node no_object[] = {{.type = JSON_OBJECT, .next = 1}};
    struct calendar c = {.hours.zone = zone, .zone_unknown = !zone && l->time_zone.length};
    struct problems problems = {0};
    const struct json_node *nodes = no_object;
    size_t count;
    int error = l->document.length ? json_parse(l->document, a, &nodes, &count, &problems) : 0;

    if (!error && !c.zone_unknown)
        error = read_hours(nodes, a, &c.hours);
    if (!error)
        error = read_lanes(nodes, a, &c);
    if (error)
        return error;
    read_ways(nodes, l, &c);
    *ret = c;
    return 0;
}
