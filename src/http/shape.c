/* Writes rows by hand, straight into the answer. */
#include "http/shape.h"
#include "codec/row_json.h"

#include <math.h>

void total_add(struct total *t, const struct figure *f)
{
    t->available += f->available;
    t->backorder |= f->level == LEVEL_BACKORDER;
    t->preorder |= f->level == LEVEL_PREORDER;
    if (f->available_from && (!t->available_from || f->available_from < t->available_from))
        t->available_from = f->available_from;
}

enum level total_level(const struct total *t, const struct channel *c)
{
    if (t->preorder)
        return LEVEL_PREORDER;
    if (t->available <= 0)
        return t->backorder ? LEVEL_BACKORDER : LEVEL_OUT_OF_STOCK;
    return c && t->available <= c->low_threshold ? LEVEL_LOW_STOCK : LEVEL_IN_STOCK;
}

#define PUT(literal) buffer_text(b, TEXT(literal))

void put_available_from(struct buffer *b, enum level level, instant_t from)
{
    if (!from || (level != LEVEL_BACKORDER && level != LEVEL_PREORDER))
        return;
    PUT(",\"available_from\":");
    json_put_instant(b, from);
}

void put_row(struct buffer *b, const struct view *v, const struct query_row *r, const struct item *item,
             struct text name, bool detail, bool distance)
{
    PUT("{\"location\":");
    json_put_string(b, r->place ? r->place->id : name);
    PUT(",\"available\":");
    json_put_quantity(b, r->figure.available);
    PUT(",\"level\":\"");
    buffer_text(b, level_text(r->figure.level));
    PUT("\"");
    put_available_from(b, r->figure.level, r->figure.available_from);
    if (distance) {
        PUT(",\"distance_km\":");
        json_put_quantity(b, (milli_t)llround(r->distance_m)); /* thousandths of a kilometre */
    }
    if (detail) {
        PUT(",\"version\":");
        json_put_row_version(b, v, &r->row);
        json_put_row_facts(b, v, r, item);
    }
    PUT("}");
}

void put_as_of(struct buffer *b, const struct view *v, struct version version)
{
    int64_t log_time = atomic_load_explicit(&v->log_time, memory_order_relaxed);

    PUT("\"version\":");
    json_put_version(b, version);
    PUT(",\"as_of\":");
    json_put_instant(b, log_time > 0 ? log_time : INSTANT_NONE);
}
