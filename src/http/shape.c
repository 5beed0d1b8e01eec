/* Writes rows by hand, straight into the answer. */
#include "http/shape.h"

#include <math.h>

void total_add(struct total *t, const struct figure *f)
{
    t->available += f->available;
    t->backorder |= f->level == LEVEL_BACKORDER;
    t->preorder |= f->level == LEVEL_PREORDER;
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

static void put_limit(struct buffer *b, milli_t limit)
{
    if (limit == LIMIT_NONE)
        PUT("null");
    else
        json_put_quantity(b, limit);
}

static void put_unavailable(struct buffer *b, const struct rare *rare)
{
    PUT(",\"unavailable\":{");
    for (unsigned s = STATUS_NONE + 1; s < STATUS_END; s++) {
        buffer_string(b, s > STATUS_NONE + 1 ? ",\"" : "\"");
        buffer_string(b, status_name((enum status)s));
        PUT("\":");
        json_put_quantity(b, rare ? rare->unavailable[s - 1] : 0);
    }
    PUT("}");
}

static void put_incoming(struct buffer *b, const struct rare *rare)
{
    PUT(",\"incoming\":[");
    for (uint32_t i = 0; rare && i < rare->supply_count; i++) {
        const struct supply_shown *s = &rare->supply[i];
        buffer_string(b, i ? ",{\"reference\":" : "{\"reference\":");
        json_put_string(b, s->reference);
        PUT(",\"line\":");
        put_text_or_null(b, s->line);
        PUT(",\"quantity\":");
        json_put_quantity(b, s->open);
        PUT(",\"expected_at\":");
        json_put_instant(b, s->expected_at);
        buffer_string(b, s->overdue ? ",\"overdue\":true}" : "}");
    }
    PUT("]");
}

static void put_flags(struct buffer *b, const struct query_row *r, const struct item *item)
{
    uint32_t flags = row_shown_flags(&r->row, r->place, item, &r->figure);
    const char *before = "\"";

    PUT(",\"flags\":[");
    for (uint32_t bit = 1; bit <= flags; bit <<= 1)
        if (flags & bit) {
            buffer_string(b, before);
            buffer_string(b, row_shown_flag_name((enum row_shown_flag)bit));
            PUT("\"");
            before = ",\"";
        }
    PUT("]");
}

static void put_row_version(struct buffer *b, const struct view *v, const struct row_image *row)
{
    uint32_t count = atomic_load_explicit(&v->incarnations_count, memory_order_acquire);
    uint8_t index = row_incarnation(row);

    PUT(",\"version\":");
    if (index < count && row->word[ROW_VERSION])
        put_version(b, (struct version){v->incarnations[index], row_offset(row)});
    else
        PUT("null");
}

static void put_detail(struct buffer *b, const struct view *v, const struct query_row *r,
                       const struct item *item)
{
    const struct rare *rare = row_rare(&r->row);
    uint32_t last_event_s = row_last_event_s(&r->row);

    put_row_version(b, v, &r->row);
    PUT(",\"on_hand\":");
    json_put_quantity(b, row_on_hand(&r->row));
    put_unavailable(b, rare);
    PUT(",\"reserved\":");
    json_put_quantity(b, row_reserved(&r->row));
    PUT(",\"committed\":");
    json_put_quantity(b, row_committed(&r->row));
    PUT(",\"safety_stock\":");
    json_put_quantity(b, row_safety_stock(&r->row));
    PUT(",\"net_available\":");
    json_put_quantity(b, r->figure.net_available);
    put_incoming(b, rare);
    PUT(",\"reorder_point\":");
    put_limit(b, rare ? rare->reorder_point : LIMIT_NONE);
    PUT(",\"backorder_limit\":");
    put_limit(b, rare ? rare->backorder_limit : 0);
    PUT(",\"allocations\":{},\"oversold\":");
    json_put_quantity(b, r->figure.oversold);
    put_flags(b, r, item);
    PUT(",\"last_event_at\":");
    json_put_instant(b, last_event_s ? (instant_t)last_event_s * INSTANT_SECOND : INSTANT_NONE);
    PUT(",\"last_count_at\":");
    json_put_instant(b, rare ? rare->last_count_at : INSTANT_NONE);
}

void put_row(struct buffer *b, const struct view *v, const struct query_row *r, const struct item *item,
             struct text name, bool detail, bool distance)
{
    PUT("{\"location\":");
    json_put_string(b, r->place ? r->place->id : name);
    PUT(",\"available\":");
    json_put_quantity(b, r->figure.available);
    PUT(",\"level\":\"");
    buffer_string(b, level_name(r->figure.level));
    PUT("\"");
    if (distance) {
        PUT(",\"distance_km\":");
        json_put_quantity(b, (milli_t)llround(r->distance_m)); /* thousandths of a kilometre */
    }
    if (detail)
        put_detail(b, v, r, item);
    PUT("}");
}

void put_as_of(struct buffer *b, const struct view *v, struct version version)
{
    int64_t log_time = atomic_load_explicit(&v->log_time, memory_order_relaxed);

    PUT("\"version\":");
    put_version(b, version);
    PUT(",\"as_of\":");
    json_put_instant(b, log_time > 0 ? log_time : INSTANT_NONE);
}
