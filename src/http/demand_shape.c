/* Writes open demand. */
#include "http/demand_shape.h"

#include "codec/json.h"
#include "codec/row_json.h"

static void put_quantity(struct buffer *b, const char *key, milli_t q)
{
    buffer_string(b, key);
    json_put_quantity(b, q);
}

static void put_text(struct buffer *b, const char *key, struct text t)
{
    buffer_string(b, key);
    put_text_or_null(b, t);
}

static void put_reservations(struct buffer *b, const struct demand_shown *d)
{
    buffer_text(b, TEXT(",\"reservations\":["));
    for (uint32_t i = 0; i < d->reservations_count; i++) {
        if (i)
            buffer_byte(b, ',');
        json_put_string(b, d->reservations[i]);
    }
    buffer_byte(b, ']');
}

static void put_when(struct buffer *b, const struct demand_shown *d)
{
    buffer_text(b, TEXT(",\"required_at\":"));
    json_put_instant(b, d->required_at);
    buffer_text(b, TEXT(",\"since\":"));
    json_put_instant(b, d->since);
    buffer_byte(b, '}');
}

void put_demand_somewhere(struct buffer *b, const struct demand_shown *d)
{
    put_text(b, "{\"sku\":", d->sku);
    put_text(b, ",\"location\":", d->location);
    put_text(b, ",\"line\":", d->line);
    put_reservations(b, d);
    put_text(b, ",\"channel\":", d->channel);
    put_quantity(b, ",\"held\":", d->held);
    put_quantity(b, ",\"committed\":", d->committed);
    put_quantity(b, ",\"open\":", d->held + d->committed);
    put_quantity(b, ",\"short\":", d->is_short);
    put_when(b, d);
}

void put_demand(struct buffer *b, const struct demand_shown *d, bool is_short)
{
    put_text(b, "{\"reference\":", d->reference);
    put_text(b, ",\"line\":", d->line);
    put_reservations(b, d);
    put_text(b, ",\"channel\":", d->channel);
    if (is_short)
        put_quantity(b, ",\"short\":", d->is_short);
    put_quantity(b, ",\"held\":", d->held);
    put_quantity(b, ",\"committed\":", d->committed);
    put_when(b, d);
}

void put_asked_as_of(struct buffer *b, const struct command *c)
{
    buffer_text(b, TEXT(",\"version\":"));
    json_put_version(b, (struct version){c->incarnation, c->offset});
    buffer_text(b, TEXT(",\"as_of\":"));
    json_put_instant(b, c->log_time > 0 ? c->log_time : INSTANT_NONE);
}
