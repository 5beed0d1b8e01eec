/* Writes a store: where it is, what it has of the basket, its hours, when things can be fetched, how fresh
 * that is. */
#include "http/store_shape.h"

#include "codec/reference_shape.h"

#include <math.h>

#define PUT(literal) buffer_text(b, TEXT(literal))

/* ---- who and where ---- */

/* The address as it stands in the document, in quotes and escaped already. (Inside a string a quote has a
 * backslash before it, so that the member cannot be found in one.) */
static struct text address_of(const struct location *l)
{
    static const char member[] = "\"address\":\"";
    const char *at =
        l->document.length ? memmem(l->document.at, l->document.length, member, sizeof(member) - 1) : NULL;

    if (!at)
        return (struct text){0};
    const char *begin = at + sizeof(member) - 2, *end = begin + 1; /* from quote to quote */
    while (*end != '"')
        end += *end == '\\' ? 2 : 1;
    return (struct text){begin, (size_t)(end + 1 - begin)};
}

static void put_degrees(struct buffer *b, int32_t e7)
{
    uint32_t size = e7 < 0 ? 0u - (uint32_t)e7 : (uint32_t)e7;
    char digits[16];
    int length = snprintf(digits, sizeof(digits), "%u.%07u", size / 10000000u, size % 10000000u);

    while (digits[length - 1] == '0')
        length--;
    length -= digits[length - 1] == '.';
    if (e7 < 0)
        buffer_byte(b, '-');
    buffer_add(b, digits, (size_t)length);
}

static void put_place(struct buffer *b, const struct store_shape *s, const struct location *l)
{
    struct text address = address_of(l);

    PUT("{\"location\":");
    json_put_string(b, l->id);
    PUT(",\"name\":");
    put_text_or_null(b, l->name);
    PUT(",\"type\":\"");
    buffer_string(b, reference_location_types[l->type]);
    PUT("\",\"address\":");
    buffer_text(b, address.length ? address : TEXT("null"));
    PUT(",\"time_zone\":");
    put_text_or_null(b, l->time_zone);
    PUT(",\"latitude\":");
    if (l->has_position)
        put_degrees(b, l->latitude_e7);
    else
        PUT("null");
    PUT(",\"longitude\":");
    if (l->has_position)
        put_degrees(b, l->longitude_e7);
    else
        PUT("null");
    if (s->near) {
        PUT(",\"distance_km\":");
        json_put_quantity(b, (milli_t)llround(near_distance_m(s->near, l))); /* thousandths of a kilometre */
    }
}

/* ---- what it has ---- */

static void put_figure(struct buffer *b, const struct query_row *r)
{
    PUT("\"available\":");
    json_put_quantity(b, r->figure.available);
    PUT(",\"level\":\"");
    buffer_string(b, level_name(r->figure.level));
    buffer_string(b, r->figure.capped ? "\",\"capped\":true" : "\",\"capped\":false");
}

/* How good news a level is. */
static int rank_of(enum level l)
{
    static const int ranks[LEVEL_END] = {[LEVEL_OUT_OF_STOCK] = 0,
                                         [LEVEL_BACKORDER] = 1,
                                         [LEVEL_PREORDER] = 2,
                                         [LEVEL_LOW_STOCK] = 3,
                                         [LEVEL_IN_STOCK] = 4};
    return ranks[l];
}

/* Of a basket: its worst item's. */
static enum level level_of_basket(const struct query_row *rows, size_t count)
{
    enum level worst = LEVEL_IN_STOCK;

    for (size_t i = 0; i < count; i++)
        if (rank_of(rows[i].figure.level) < rank_of(worst))
            worst = rows[i].figure.level;
    return worst;
}

static void put_basket(struct buffer *b, const struct store_shape *s, const struct query_row *rows)
{
    if (s->lines_count == 1) {
        PUT(",");
        put_figure(b, rows);
        return;
    }
    PUT(",\"level\":\"");
    buffer_string(b, level_name(level_of_basket(rows, s->lines_count)));
    PUT("\",\"items\":[");
    for (size_t i = 0; i < s->lines_count; i++) {
        buffer_string(b, i ? ",{\"sku\":" : "{\"sku\":");
        json_put_string(b, sku_text(s->lines[i].sku));
        PUT(",\"quantity\":");
        json_put_quantity(b, s->lines[i].quantity);
        PUT(",");
        put_figure(b, &rows[i]);
        PUT("}");
    }
    PUT("]");
}

/* ---- when ---- */

/* As clocks there show it; `day`: that the hours are of. Midnight at their end is 24:00. */
static void put_clock(struct buffer *b, const struct zone *z, instant_t at, int32_t day, bool ends)
{
    int64_t minutes = (zone_wall(z, at) - day * INSTANT_DAY) / INSTANT_MINUTE;
    int64_t shown = ends && minutes == DAY_MINUTES ? minutes : minutes % DAY_MINUTES;

    buffer_printf(b, "\"%02d:%02d\"", (int)(shown / 60), (int)(shown % 60));
}

static void put_hours(struct buffer *b, const struct hours *h, instant_t now)
{
    struct hours_piece pieces[HOURS_DAY_MOST];
    int32_t day = hours_day_of(h, now);
    size_t count = hours_of_day(h, day, pieces);

    buffer_printf(b, ",\"open_now\":%s,\"hours_today\":[", hours_open_at(h, now) ? "true" : "false");
    for (size_t i = 0; i < count; i++) {
        buffer_string(b, i ? ",{\"opens\":" : "{\"opens\":");
        put_clock(b, h->zone, pieces[i].from, day, false);
        PUT(",\"closes\":");
        put_clock(b, h->zone, pieces[i].until, day, true);
        PUT("}");
    }
    PUT("]");
}

/* To the minute, and never before: an answer that is a second younger is the same. */
static void put_pickup(struct buffer *b, const struct calendar *c, instant_t now)
{
    struct readiness r;

    if (!calendar_ready(c, METHOD_PICKUP, &(struct order_time){.at = now}, &r)) {
        PUT(",\"pickup\":null");
        return;
    }
    PUT(",\"pickup\":{\"ready_at\":");
    json_put_instant(b, (r.ready_at + INSTANT_MINUTE - 1) / INSTANT_MINUTE * INSTANT_MINUTE);
    PUT("}");
}

void put_store(struct buffer *b, const struct store_shape *s, const struct location *l,
               const struct query_row *rows)
{
    const struct calendar *c = calendar_of(&s->view->calendars, l);

    put_place(b, s, l);
    if (s->lines_count)
        put_basket(b, s, rows);
    put_hours(b, &c->hours, s->now);
    put_pickup(b, c, s->now);
    PUT(",\"last_event_at\":");
    json_put_instant(b, places_heard(s->view->places, l->number));
    buffer_printf(b, ",\"stale\":%s}", places_is_stale(s->view->places, l->number) ? "true" : "false");
}
