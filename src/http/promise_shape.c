/* Writes options, and one sentence of evidence after another. */
#include "http/promise_shape.h"

#include "codec/json.h"
#include "codec/reference_shape.h"
#include "codec/row_json.h"

#include <math.h>

#define PUT(literal) buffer_text(b, TEXT(literal))

enum { INCOMING_MOST = 16 };

static void put_text(struct buffer *b, const char *key, struct text t)
{
    buffer_string(b, key);
    json_put_string(b, t);
}

static void put_quantity(struct buffer *b, const char *key, milli_t q)
{
    buffer_string(b, key);
    json_put_quantity(b, q);
}

static void put_instant(struct buffer *b, const char *key, instant_t at)
{
    buffer_string(b, key);
    json_put_instant(b, at);
}

static const char *method_name(enum method m)
{
    return reference_methods[m == METHOD_PICKUP ? 0 : m == METHOD_SHIP ? 1 : 2];
}

static void put_time(struct buffer *b, const char *key, int minute)
{
    buffer_printf(b, "%s\"%02d:%02d\"", key, minute / 60, minute % 60);
}

/* ---- what it rests on ---- */

/* Supply that has to come for the line to be there at its instant, the last first: without it there was too
 * little. */
static void put_incoming(struct buffer *b, const struct basket *basket, const struct basket_need *n,
                         const struct line_source *s, const struct query_row *row)
{
    const struct rare *rare = row_rare(&row->row);
    unsigned listed = 0;

    for (uint32_t i = rare ? rare->supply_count : 0; i > 0 && listed < INCOMING_MOST; i--) {
        const struct supply_shown *line = &rare->supply[i - 1];
        instant_t counts_at = promise_counts_at(basket, line);
        if (counts_at == INSTANT_NONE || counts_at > s->at)
            continue;
        put_text(b, ",{\"kind\":\"incoming\",\"sku\":", sku_text(n->sku));
        put_text(b, ",\"location\":", s->location->id);
        put_text(b, ",\"reference\":", line->reference);
        PUT(",\"line\":");
        put_text_or_null(b, line->line);
        put_quantity(b, ",\"quantity\":", line->open);
        put_instant(b, ",\"expected_at\":", line->expected_at);
        PUT("}");
        listed++;
    }
}

static void put_stock(struct buffer *b, struct basket *basket, const struct basket_need *n,
                      const struct promise_option *o, const struct line_source *s, bool *first)
{
    struct query_row row;

    promise_row(basket, n, s, o->method, &row);
    put_text(b, *first ? "{\"kind\":\"stock\",\"sku\":" : ",{\"kind\":\"stock\",\"sku\":", sku_text(n->sku));
    *first = false;
    put_text(b, ",\"location\":", s->location->id);
    put_quantity(b, ",\"quantity\":", n->quantity);
    put_quantity(b, ",\"available\":", row.figure.from_stock);
    put_instant(b, ",\"by\":", s->at);
    PUT(",\"version\":");
    json_put_row_version(b, basket->ask->view, &row.row);
    PUT("}");
    if (s->at != INSTANT_NONE)
        put_incoming(b, basket, n, s, &row);
}

static void put_lane(struct buffer *b, const struct promise_option *o, const struct line_source *s)
{
    put_text(b, ",{\"kind\":\"lane\",\"from\":", s->location->id);
    put_text(b, ",\"to\":", o->place->id);
    buffer_printf(b, ",\"days\":%u", s->lane->days);
    if (s->lane->cut_off != NO_CUT_OFF)
        put_time(b, ",\"cut_off\":", s->lane->cut_off);
    put_instant(b, ",\"leaves_at\":", s->transit.leaves_at);
    put_instant(b, ",\"arrives_at\":", s->transit.arrives_at);
    PUT("}");
}

static void put_sources(struct buffer *b, struct basket *basket, const struct promise_option *o)
{
    bool first = true;

    for (size_t i = 0; i < basket->items_count; i++) {
        const struct basket_item *line = &basket->items[i];
        for (size_t n = 0; n < line->needs_count; n++)
            put_stock(b, basket, &basket->needs[line->needs_first + n], o, &o->source[i], &first);
        bool told = false;
        for (size_t k = 0; k < i; k++)
            told |= o->source[k].lane == o->source[i].lane &&
                    o->source[k].location == o->source[i].location &&
                    o->source[k].transit.leaves_at == o->source[i].transit.leaves_at;
        if (o->source[i].lane && !told)
            put_lane(b, o, &o->source[i]);
    }
}

/* The hours in which it is ready. */
static void put_hours(struct buffer *b, const struct promise_option *o)
{
    const struct hours *h = &o->calendar->hours;

    put_text(b, ",{\"kind\":\"opening_hours\",\"location\":", o->place->id);
    PUT(",\"time_zone\":");
    put_text_or_null(b, o->place->time_zone);
    put_instant(b, ",\"opens_at\":", h->limited ? hours_opening(h, o->readiness.ready_at) : INSTANT_NONE);
    put_instant(b, ",\"closes_at\":", o->readiness.closes_at);
    PUT("}");
}

static void put_way(struct buffer *b, const struct basket *basket, const struct promise_option *o)
{
    const struct way *w = calendar_way(o->calendar, o->method);
    const struct readiness *r = &o->readiness;

    if (w->cut_off != NO_CUT_OFF) {
        put_text(b, ",{\"kind\":\"cut_off\",\"location\":", o->place->id);
        put_time(b, ",\"cut_off\":", w->cut_off);
        put_instant(b, ",\"at\":", r->cut_off_at);
        buffer_printf(b, ",\"missed\":%s}", r->missed ? "true" : "false");
    }
    put_text(b, ",{\"kind\":\"preparation\",\"location\":", o->place->id);
    buffer_printf(b, ",\"minutes\":%u", w->preparation_minutes);
    put_instant(b, ",\"starts_at\":", r->starts_at);
    PUT("}");
    put_hours(b, o);
    if (w->last_collection_minutes && r->closes_at != INSTANT_NONE) {
        put_text(b, ",{\"kind\":\"last_collection\",\"location\":", o->place->id);
        buffer_printf(b, ",\"minutes\":%u", w->last_collection_minutes);
        put_instant(b, ",\"at\":", r->closes_at - w->last_collection_minutes * INSTANT_MINUTE);
        PUT("}");
    }
    if (w->radius_m) {
        put_text(b, ",{\"kind\":\"radius\",\"location\":", o->place->id);
        put_quantity(b, ",\"radius_km\":", w->radius_m);
        PUT("}");
    }
    if (basket->release_at > basket->ask->ordered_at) {
        put_text(b, ",{\"kind\":\"release\",\"sku\":", basket->release_sku);
        put_instant(b, ",\"release_at\":", basket->release_at);
        PUT("}");
    }
}

/* ---- the option ---- */

void put_option(struct buffer *b, struct basket *basket, const struct promise_option *o)
{
    buffer_printf(b, "{\"method\":\"%s\"", method_name(o->method));
    put_text(b, ",\"location\":", o->place->id);
    PUT(",\"distance_km\":");
    if (o->distance_m >= 0)
        json_put_quantity(b, (milli_t)llround(o->distance_m)); /* thousandths of a kilometre */
    else
        PUT("null");
    put_instant(b, ",\"ready_at\":", o->readiness.ready_at);
    if (o->required_at != INSTANT_NONE)
        put_instant(b, ",\"required_at\":", o->required_at);
    PUT(",\"lines\":[");
    for (size_t i = 0; i < basket->items_count; i++) {
        put_text(b, i ? ",{\"sku\":" : "{\"sku\":", sku_text(basket->items[i].sku));
        put_quantity(b, ",\"quantity\":", basket->items[i].quantity);
        put_text(b, ",\"location\":", o->source[i].location->id);
        PUT("}");
    }
    PUT("],\"rests_on\":[");
    put_sources(b, basket, o);
    put_way(b, basket, o);
    PUT("]}");
}
