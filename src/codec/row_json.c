/* Writes rows by hand, straight into the answer or the message. */
#include "codec/row_json.h"
#include "codec/json.h"

#include "base/digits.h"

#define PUT(literal) buffer_text(b, TEXT(literal))

void json_put_version(struct buffer *b, struct version v)
{
    char *room = buffer_reserve(b, 2 * DIGITS_MOST + 3), *to = room;

    if (!room)
        return;
    *to++ = '"';
    to = digits_put(to, v.incarnation);
    *to++ = ':';
    to = digits_put(to, v.offset);
    *to++ = '"';
    b->length += (size_t)(to - room);
}

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

static void put_allocations(struct buffer *b, const struct view *v, const struct rare *rare)
{
    bool any = false;

    PUT(",\"allocations\":{");
    for (uint32_t i = 0; rare && i < rare->fences_count; i++) {
        const struct fence *f = &rare->fences[i];
        const struct channel *c = catalogue_channel_at(v->catalogue, f->channel);
        if (!c)
            continue;
        buffer_string(b, any ? "," : "");
        any = true;
        json_put_string(b, c->id);
        PUT(":{\"quantity\":");
        json_put_quantity(b, f->quantity);
        PUT(",\"consumed\":");
        json_put_quantity(b, f->consumed);
        PUT("}");
    }
    PUT("}");
}

static void put_flags(struct buffer *b, const struct query_row *r, const struct item *item)
{
    uint32_t flags = row_shown_flags(&r->row, r->place, item, &r->figure) | (r->stale ? SHOWN_STALE : 0);
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

void json_put_row_version(struct buffer *b, const struct view *v, const struct row_image *row)
{
    uint32_t count = atomic_load_explicit(&v->incarnations_count, memory_order_acquire);
    uint8_t index = row_incarnation(row);

    if (index < count && row->word[ROW_VERSION])
        json_put_version(b, (struct version){v->incarnations[index], row_offset(row)});
    else
        PUT("null");
}

void json_put_row_facts(struct buffer *b, const struct view *v, const struct query_row *r,
                        const struct item *item)
{
    const struct rare *rare = row_rare(&r->row);
    uint32_t last_event_s = row_last_event_s(&r->row);

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
    put_allocations(b, v, rare);
    PUT(",\"oversold\":");
    json_put_quantity(b, r->figure.oversold);
    put_flags(b, r, item);
    PUT(",\"last_event_at\":");
    json_put_instant(b, last_event_s ? (instant_t)last_event_s * INSTANT_SECOND : INSTANT_NONE);
    PUT(",\"last_count_at\":");
    json_put_instant(b, rare ? rare->last_count_at : INSTANT_NONE);
}
