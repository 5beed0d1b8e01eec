/* Live changes as Server-Sent Events. */
#include "http/listeners.h"

#include "codec/json.h"
#include "codec/row_json.h"

void id_write(struct buffer *b, const struct view *v, uint64_t offset)
{
    buffer_printf(b, "id: %lu:%lu\n\n", view_incarnation(v), offset);
}

static void put_begin(struct buffer *b, const char *event)
{
    buffer_text(b, TEXT("event: "));
    buffer_string(b, event);
    buffer_text(b, TEXT("\ndata: {"));
}

static void put_end(struct buffer *b, const struct view *v, const struct notice *n)
{
    buffer_text(b, TEXT("\"version\":"));
    json_put_version(b, (struct version){view_incarnation(v), n->offset});
    buffer_text(b, TEXT(",\"at\":"));
    json_put_instant(b, n->at);
    buffer_text(b, TEXT("}\n"));
}

static void put_sku(struct buffer *b, const struct view *v, uint32_t number)
{
    const struct sku *s = table_sku(v->table, number);
    buffer_text(b, TEXT("\"sku\":"));
    json_put_string(b, s ? sku_text(s) : (struct text){0});
    buffer_byte(b, ',');
}

static void put_location(struct buffer *b, const struct view *v, uint32_t number)
{
    const struct location *l = catalogue_location_at(v->catalogue, number);
    buffer_text(b, TEXT("\"location\":"));
    json_put_string(b, l ? l->id : (struct text){0});
    buffer_byte(b, ',');
}

/* ---- rows ---- */

static void put_figures(struct buffer *b, enum tell tell, const struct told *t)
{
    buffer_text(b, TEXT("\"available\":"));
    json_put_quantity(b, t->available);
    buffer_text(b, TEXT(",\"previous\":"));
    json_put_quantity(b, t->previous);
    buffer_text(b, TEXT(",\"level\":\""));
    buffer_string(b, level_name(t->level));
    buffer_text(b, TEXT("\","));
    if (tell == TELL_LEVEL) {
        buffer_text(b, TEXT("\"previous_level\":\""));
        buffer_string(b, level_name(t->level_was));
        buffer_text(b, TEXT("\","));
    }
    if (tell == TELL_OVERSOLD) {
        buffer_text(b, TEXT("\"oversold\":"));
        json_put_quantity(b, t->oversold);
        buffer_byte(b, ',');
    }
    if (tell == TELL_LOW_STOCK && t->reorder_point != LIMIT_NONE) {
        buffer_text(b, TEXT("\"reorder_point\":"));
        json_put_quantity(b, t->reorder_point);
        buffer_byte(b, ',');
    }
}

static void write_row(struct hearing *h, const struct view *v, const struct notice *n,
                      const struct channel *c)
{
    struct buffer *b = &h->bytes;
    struct told told;

    notice_told(v, n, c, &told);
    h->tells = told.tells;
    for (unsigned t = 0; t < TELL_END; t++) {
        if (!(told.tells & 1u << t))
            continue;
        h->event[t].at = (uint32_t)b->length;
        put_begin(b, tell_name((enum tell)t));
        put_sku(b, v, n->sku);
        put_location(b, v, n->location);
        put_figures(b, (enum tell)t, &told);
        put_end(b, v, n);
        h->event[t].length = (uint32_t)b->length - h->event[t].at;
    }
}

/* ---- others ---- */

static void write_silence(struct buffer *b, const struct view *v, const struct notice *n)
{
    put_begin(b, tell_name(TELL_STALE));
    put_location(b, v, n->location);
    buffer_string(b, n->stale ? "\"stale\":true," : "\"stale\":false,");
    buffer_text(b, TEXT("\"last_event_at\":"));
    json_put_instant(b, n->heard_at ? n->heard_at : INSTANT_NONE);
    buffer_byte(b, ',');
    put_end(b, v, n);
}

static void write_reservation(struct buffer *b, const struct view *v, const struct notice *n)
{
    const struct channel *c =
        n->number == CHANNEL_POOL ? NULL : catalogue_channel_at(v->catalogue, n->number);

    put_begin(b, tell_name(TELL_RESERVATION));
    buffer_text(b, TEXT("\"id\":"));
    json_put_string(b, n->id);
    buffer_text(b, TEXT(",\"state\":\""));
    buffer_string(b, reservation_state_name(n->state));
    buffer_text(b, TEXT("\",\"reference\":"));
    put_text_or_null(b, n->reference);
    buffer_text(b, TEXT(",\"channel\":"));
    put_text_or_null(b, c ? c->id : (struct text){0});
    buffer_byte(b, ',');
    put_end(b, v, n);
}

static void write_one(struct hearing *h, enum tell tell, const struct view *v, const struct notice *n,
                      void (*write)(struct buffer *b, const struct view *v, const struct notice *n))
{
    h->tells = 1u << tell;
    write(&h->bytes, v, n);
    h->event[tell].at = 0;
    h->event[tell].length = (uint32_t)h->bytes.length;
}

void hearing_write(struct hearing *h, const struct view *v, const struct notice *n, const struct channel *c)
{
    buffer_clear(&h->bytes);
    h->tells = 0;
    if (n->kind == NOTICE_ROW || n->kind == NOTICE_KIT)
        write_row(h, v, n, c);
    else if (n->kind == NOTICE_SILENCE)
        write_one(h, TELL_STALE, v, n, write_silence);
    else if (n->kind == NOTICE_RESERVATION)
        write_one(h, TELL_RESERVATION, v, n, write_reservation);
    if (h->bytes.failed) { /* whoever was to hear it is cut */
        buffer_finish(&h->bytes);
        h->bytes.failed = true;
    }
}

/* ---- what tells to ask anew ---- */

static void put_named(struct buffer *b, const char *member, struct text id)
{
    buffer_printf(b, "\"%s\":", member);
    json_put_string(b, id);
    buffer_byte(b, ',');
}

void refresh_write(struct buffer *b, const struct view *v, const struct notice *n)
{
    const struct group *g = n->kind == NOTICE_GROUP ? catalogue_group_at(v->catalogue, n->number) : NULL;
    const struct channel *c = n->kind == NOTICE_CHANNEL && n->number != CHANNEL_POOL
                                  ? catalogue_channel_at(v->catalogue, n->number)
                                  : NULL;
    static const char *const reasons[] = {[NOTICE_ITEM] = "item",
                                          [NOTICE_LOCATION] = "location",
                                          [NOTICE_GROUP] = "group",
                                          [NOTICE_CHANNEL] = "channel",
                                          [NOTICE_SILENCE] = "silence"};

    put_begin(b, "refresh");
    buffer_printf(b, "\"reason\":\"%s\",", reasons[n->kind]);
    if (n->kind == NOTICE_ITEM)
        put_sku(b, v, n->sku);
    if (n->kind == NOTICE_LOCATION || n->kind == NOTICE_SILENCE)
        put_location(b, v, n->location);
    if (g)
        put_named(b, "group", g->id);
    if (n->kind == NOTICE_CHANNEL)
        put_named(b, "channel", c ? c->id : TEXT("*"));
    put_end(b, v, n);
}

void missed_write(struct buffer *b, const struct view *v, const struct window *w)
{
    buffer_text(b, TEXT("event: missed\ndata: {\"version\":"));
    json_put_version(b, view_version(v));
    buffer_text(b, TEXT(",\"oldest\":"));
    json_put_version(b, (struct version){view_incarnation(v), window_oldest_offset(w)});
    buffer_text(b, TEXT(",\"detail\":\"what changed since your last id is not kept any more: ask for what "
                        "is available anew; what follows here is new\"}\n\n"));
}
