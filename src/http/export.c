/* GET /v1/export: stock or reference data, streamed in slices so that no export holds the loop. */
#include "http/shape.h"

#include "codec/json_ld.h"
#include "core/answer/calendar.h"

#include <stdlib.h>

void export_get(struct exchange *x);

enum export_kind {
    EXPORT_STOCK,
    EXPORT_LOCATIONS,
    EXPORT_GROUPS,
    EXPORT_ITEMS,
    EXPORT_CHANNELS,
    EXPORT_KIND_END
};

enum export_format { FORMAT_NDJSON, FORMAT_CSV, FORMAT_JSON_LD, FORMAT_LOCAL_INVENTORY };

struct export
{
    struct pending pending;
    enum export_kind kind;
    enum export_format format;
    struct text channel; /* in `names`; empty: the pool's view */
    size_t locations_count;
    struct text *locations; /* only these; in `names` */
    char *names;
    const struct key *key;
    uint32_t at; /* the next SKU or object */
    bool begun;
};

/* ---- cells ---- */

/* A cell that a spreadsheet would take for a formula gets an apostrophe in front; what has a comma, quote or
 * line end is quoted. */
static void put_cell(struct buffer *b, struct text t)
{
    bool formula = t.length && memchr("=+-@\t\r", t.at[0], 6), quoted = formula;

    for (size_t i = 0; i < t.length && !quoted; i++)
        quoted = memchr(",\"\r\n", t.at[i], 4);
    if (!quoted) {
        buffer_text(b, t);
        return;
    }
    buffer_string(b, formula ? "\"'" : "\"");
    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] == '"')
            buffer_byte(b, '"');
        buffer_byte(b, t.at[i]);
    }
    buffer_byte(b, '"');
}

static void put_instant_cell(struct buffer *b, instant_t at)
{
    char text[INSTANT_TEXT_BYTES];

    if (at != INSTANT_NONE)
        buffer_add(b, text, instant_format(at, text));
}

/* ---- stock ---- */

static void put_stock_csv(struct buffer *b, const struct view *v, struct text sku, const struct query_row *r,
                          const struct item *item)
{
    const struct rare *rare = row_rare(&r->row);
    const milli_t figures[] = {row_reserved(&r->row), row_committed(&r->row), row_safety_stock(&r->row),
                               r->figure.net_available, r->figure.available};
    uint32_t last_event_s = row_last_event_s(&r->row),
             count = atomic_load_explicit(&v->incarnations_count, memory_order_acquire);

    put_cell(b, sku);
    buffer_byte(b, ',');
    put_cell(b, r->place ? r->place->id : (struct text){0});
    buffer_byte(b, ',');
    json_put_quantity(b, row_on_hand(&r->row));
    for (unsigned s = 0; s < STATUSES; s++) {
        buffer_byte(b, ',');
        json_put_quantity(b, rare ? rare->unavailable[s] : 0);
    }
    for (unsigned i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        buffer_byte(b, ',');
        json_put_quantity(b, figures[i]);
    }
    buffer_printf(b, ",%s,", level_name(r->figure.level));
    if (row_incarnation(&r->row) < count)
        buffer_printf(b, "%llu:%llu", (unsigned long long)v->incarnations[row_incarnation(&r->row)],
                      (unsigned long long)row_offset(&r->row));
    buffer_byte(b, ',');
    put_instant_cell(b, last_event_s ? (instant_t)last_event_s * INSTANT_SECOND : INSTANT_NONE);
    buffer_byte(b, ',');
    put_instant_cell(b, rare ? rare->last_count_at : INSTANT_NONE);
    buffer_text(b, TEXT("\r\n"));
}

static void put_stock_json(struct buffer *b, const struct view *v, struct text sku, const struct query_row *r,
                           const struct item *item)
{
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, sku);
    buffer_byte(b, ',');
    size_t at = b->length;
    put_row(b, v, r, item, (struct text){0}, true, false);
    if (!b->failed) { /* the row's own brace becomes ours */
        memmove(b->at + at, b->at + at + 1, b->length - at - 1);
        b->at[b->length - 1] = '\n';
    }
}

static bool is_wanted(const struct export *e, const struct query_row *r)
{
    if (!r->place || (e->key && !key_has_location(e->key, r->place->id)))
        return false;
    for (size_t i = 0; i < e->locations_count; i++)
        if (text_equal(e->locations[i], r->place->id))
            return true;
    return !e->locations_count;
}

/* By when it can be picked up there, as feeds say it; NULL: nobody said that it can. */
static const char *pickup_sla(const struct view *v, const struct location *l)
{
    static const char *const slas[] = {"same_day", "next_day", "2-day", "3-day",
                                       "4-day",    "5-day",    "6-day", "7-day"};
    const struct calendar *c = calendar_of(&v->calendars, l);
    instant_t now = atomic_load_explicit(&v->log_time, memory_order_relaxed);
    struct readiness r;

    if (!(l->methods & METHOD_PICKUP) ||
        !calendar_ready(c, METHOD_PICKUP, &(struct order_time){.at = now}, &r))
        return NULL;
    int32_t days = r.same_day ? 0 : r.day - zone_day(c->hours.zone, now);
    return days < 0 ? slas[0] : days < 8 ? slas[days] : "multi-week";
}

/* Feeds of local inventory speak of stores alone. */
static bool is_store(const struct location *l)
{
    return l->registered && !l->deleted && l->type == LOCATION_STORE;
}

static void put_feed_row(struct buffer *b, const struct view *v, struct text sku, const struct query_row *r,
                         const struct item *item)
{
    if (is_store(r->place))
        feed_put_local_inventory(b, sku, r, pickup_sla(v, r->place));
}

static void put_product(struct exchange *x, const struct export *e, const struct sku *s,
                        const struct query_row *rows, size_t count)
{
    const struct item *item = item_of(s);
    struct buffer *b = x->out;
    bool first = true;

    if (ld_product_begin(b, sku_text(s), item, &x->loop->scratch.arena)) {
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (is_wanted(e, &rows[i])) {
            ld_put_offer(b, &rows[i], item, first);
            first = false;
        }
    ld_product_end(b);
    buffer_byte(b, '\n');
}

static void put_rows(struct exchange *x, const struct export *e, const struct sku *s,
                     const struct query_row *rows, size_t count)
{
    static void (*const puts[])(struct buffer *, const struct view *, struct text, const struct query_row *,
                                const struct item *) = {[FORMAT_NDJSON] = put_stock_json,
                                                        [FORMAT_CSV] = put_stock_csv,
                                                        [FORMAT_LOCAL_INVENTORY] = put_feed_row};
    if (e->format == FORMAT_JSON_LD) {
        put_product(x, e, s, rows, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (is_wanted(e, &rows[i]))
            puts[e->format](x->out, exchange_view(x), sku_text(s), &rows[i], sku_item(s));
}

/* All rows of one SKU, of one version. Returns how many were looked at; 0 without memory. */
static size_t put_sku(struct exchange *x, const struct export *e, const struct sku *s)
{
    const struct view *v = exchange_view(x);
    struct question q = {.channel = e->channel.length ? catalogue_channel(v->catalogue, e->channel) : NULL,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    const struct item *item = item_of(s);
    struct loop *l = x->loop;
    struct query_row *rows = scratch_rows(l, ROWS_A_TURN);
    size_t count = 0;
    milli_t total;

    if (item && item->components_count && e->format <= FORMAT_CSV)
        return 1; /* a kit has no stock of its own; to shoppers it is an item like others */
    while (rows && (count = query_everywhere(v, s, &q, rows, l->scratch.rows_capacity, &total)) >
                       l->scratch.rows_capacity)
        rows = scratch_rows(l, count + count / 8);
    if (!rows)
        return 0;
    put_rows(x, e, s, rows, count);
    return count + 1;
}

/* ---- reference data ---- */

static void put_object(struct buffer *b, const char *id_key, struct text id, struct text document)
{
    buffer_printf(b, "{\"%s\":", id_key);
    json_put_string(b, id);
    if (document.length > 2) {
        buffer_byte(b, ',');
        buffer_add(b, document.at + 1, document.length - 2);
    }
    buffer_text(b, TEXT("}\n"));
}

static void put_degrees(struct buffer *b, int32_t e7)
{
    buffer_printf(b, "%s%d.%07d", e7 < 0 ? "-" : "", abs(e7) / 10000000, abs(e7) % 10000000);
}

static void put_location_csv(struct buffer *b, const struct location *l)
{
    static const char *const types[] = {"store", "warehouse", "dark_store", "supplier", "virtual"};

    put_cell(b, l->id);
    buffer_byte(b, ',');
    put_cell(b, l->name);
    buffer_printf(b, ",%s,", (unsigned)l->type < 5 ? types[l->type] : "");
    if (l->has_position)
        put_degrees(b, l->latitude_e7);
    buffer_byte(b, ',');
    if (l->has_position)
        put_degrees(b, l->longitude_e7);
    buffer_byte(b, ',');
    put_cell(b, l->time_zone);
    buffer_printf(b, ",%s,%s\r\n", l->enabled ? "true" : "false", l->returns ? "true" : "false");
}

static void put_group_csv(struct buffer *b, const struct group *g)
{
    for (uint32_t i = 0; i < g->members_count; i++) {
        put_cell(b, g->id);
        buffer_byte(b, ',');
        put_cell(b, g->name);
        buffer_byte(b, ',');
        put_cell(b, g->members[i]);
        buffer_text(b, TEXT("\r\n"));
    }
}

static void put_item_csv(struct buffer *b, const struct item *i, struct text sku)
{
    put_cell(b, sku);
    buffer_byte(b, ',');
    put_cell(b, i->name);
    buffer_byte(b, ',');
    put_cell(b, i->product);
    buffer_byte(b, ',');
    put_cell(b, i->unit);
    buffer_byte(b, ',');
    json_put_quantity(b, i->step);
    buffer_text(b, TEXT("\r\n"));
}

static void put_channel_csv(struct buffer *b, const struct channel *c)
{
    put_cell(b, c->id);
    buffer_byte(b, ',');
    put_cell(b, c->name);
    buffer_byte(b, ',');
    json_put_quantity(b, c->low_threshold);
    buffer_text(b, TEXT("\r\n"));
}

static void put_place(struct exchange *x, const struct location *l)
{
    if (ld_put_location(x->out, l, &x->loop->scratch.arena))
        x->out->failed = true;
    buffer_byte(x->out, '\n');
}

/* Object number n, when there is one. False at the end. */
static bool put_reference(struct exchange *x, const struct export *e, uint32_t n)
{
    const struct view *v = exchange_view(x);
    struct buffer *b = x->out;
    bool csv = e->format == FORMAT_CSV;

    if (e->kind == EXPORT_LOCATIONS) {
        if (n >= catalogue_locations_count(v->catalogue))
            return false;
        const struct location *l = catalogue_location_at(v->catalogue, n);
        if (!l || l->deleted || (e->key && !key_has_location(e->key, l->id)))
            return true;
        if (e->format == FORMAT_JSON_LD)
            put_place(x, l);
        else
            csv ? put_location_csv(b, l) : put_object(b, "id", l->id, l->document);
    } else if (e->kind == EXPORT_GROUPS) {
        if (n >= catalogue_groups_count(v->catalogue))
            return false;
        const struct group *g = catalogue_group_at(v->catalogue, n);
        if (g && !g->deleted)
            csv ? put_group_csv(b, g) : put_object(b, "id", g->id, g->document);
    } else if (e->kind == EXPORT_CHANNELS) {
        if (n >= catalogue_channels_count(v->catalogue))
            return false;
        const struct channel *c = catalogue_channel_at(v->catalogue, n);
        if (c && !c->deleted)
            csv ? put_channel_csv(b, c) : put_object(b, "id", c->id, c->document);
    } else {
        if (n >= table_sku_count(v->table))
            return false;
        const struct sku *s = table_sku(v->table, n);
        const struct item *i = s ? sku_item(s) : NULL;
        if (i && !i->deleted)
            csv ? put_item_csv(b, i, sku_text(s)) : put_object(b, "sku", sku_text(s), i->document);
    }
    return true;
}

/* ---- slices ---- */

static const char *const headers[EXPORT_KIND_END] = {
    [EXPORT_STOCK] = "sku,location,on_hand,damaged,quarantine,display,missing,other,reserved,committed,"
                     "safety_stock,net_available,"
                     "available,level,version,last_event_at,last_count_at\r\n",
    [EXPORT_LOCATIONS] = "id,name,type,latitude,longitude,time_zone,enabled,returns\r\n",
    [EXPORT_GROUPS] = "id,name,member\r\n",
    [EXPORT_ITEMS] = "sku,name,product,unit,step\r\n",
    [EXPORT_CHANNELS] = "id,name,low_threshold\r\n",
};

static const char *const format_names[] = {"ndjson", "csv", "jsonld", "google-local-inventory"};
static const char *const media_types[] = {"application/x-ndjson", "text/csv; charset=utf-8; header=present",
                                          "application/x-ndjson", "text/tab-separated-values; charset=utf-8"};

/* True when there is more. */
static bool put_slice(struct exchange *x, struct export *e)
{
    const struct view *v = exchange_view(x);

    if (e->kind != EXPORT_STOCK) {
        for (unsigned i = 0; i < ROWS_A_TURN; i++, e->at++)
            if (!put_reference(x, e, e->at))
                return false;
        return true;
    }
    uint32_t count = table_sku_count(v->table);
    for (size_t rows = 0; rows < ROWS_A_TURN && e->at < count; e->at++) {
        size_t looked = put_sku(x, e, table_sku(v->table, e->at));
        if (!looked) {
            x->out->failed = true;
            return false;
        }
        rows += looked;
    }
    return e->at < count;
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct export *e = (struct export *)p;

    if (!e->begun) {
        answer_begin(x, 200, media_types[e->format]);
        buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
        answer_stream_begin(x);
        if (x->request->method == HTTP_HEAD)
            return PENDING_DONE;
    }
    size_t mark = answer_chunk_begin(x);
    if (!e->begun && e->format == FORMAT_CSV)
        buffer_string(x->out, headers[e->kind]);
    if (!e->begun && e->format == FORMAT_LOCAL_INVENTORY)
        buffer_string(x->out, feed_local_inventory_header);
    e->begun = true;
    epoch_enter(x->loop->reader);
    bool more = put_slice(x, e);
    epoch_exit(x->loop->reader);
    answer_chunk_end(x, mark);
    if (x->out->failed) { /* what was sent cannot be taken back: cut it, so that it is not taken for whole */
        connection_break(x->connection);
        return PENDING_WAIT;
    }
    if (more)
        return PENDING_TURN;
    answer_stream_end(x);
    return PENDING_DONE;
}

static void drop(struct pending *p)
{
    struct export *e = (struct export *)p;

    free(e->locations);
    free(e->names);
    free(e);
}

static bool read_kind(struct text t, enum export_kind *ret)
{
    static const char *const names[EXPORT_KIND_END] = {"stock", "locations", "groups", "items", "channels"};

    for (unsigned k = 0; k < EXPORT_KIND_END; k++)
        if (text_equal(t, text_of(names[k]))) {
            *ret = (enum export_kind)k;
            return true;
        }
    return false;
}

static bool read_format(struct text t, enum export_format *ret)
{
    for (unsigned f = 0; f < sizeof(format_names) / sizeof(*format_names); f++)
        if (text_equal(t, text_of(format_names[f]))) {
            *ret = (enum export_format)f;
            return true;
        }
    return false;
}

static struct text keep(struct export *e, struct text t, size_t *used)
{
    struct text kept = {e->names + *used, t.length};

    memcpy(e->names + *used, t.at, t.length);
    *used += t.length;
    return kept;
}

static void read_parameter(struct export *e, const struct parameter *p, struct problems *errors, size_t *used)
{
    if (text_equal(p->name, TEXT("kind"))) {
        if (!read_kind(p->value, &e->kind))
            parameter_wrong(errors, p->name, "must be stock, locations, groups, items or channels");
    } else if (text_equal(p->name, TEXT("format"))) {
        if (!read_format(p->value, &e->format))
            parameter_wrong(errors, p->name, "must be ndjson, csv, jsonld or google-local-inventory");
    } else if (text_equal(p->name, TEXT("channel"))) {
        if (!text_is_name(p->value) || e->channel.length)
            parameter_wrong(errors, p->name, "must be one name");
        else
            e->channel = keep(e, p->value, used);
    } else if (text_equal(p->name, TEXT("location"))) {
        if (!text_is_name(p->value)) {
            parameter_wrong(errors, p->name,
                            "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
            return;
        }
        e->locations[e->locations_count++] = keep(e, p->value, used);
    } else {
        parameter_unknown(errors, p->name);
    }
}

/* A key that is bound sees what its channel sees. False: answered. */
static bool is_channel_theirs(struct exchange *x, struct export *e)
{
    struct text channel = e->channel;

    if (e->kind != EXPORT_STOCK || (!e->channel.length && e->format <= FORMAT_CSV))
        return true;
    if (!ask_channel(x, e->channel, &channel))
        return false;
    e->channel = channel; /* the key's own text lives as long as the connection */
    epoch_enter(x->loop->reader);
    const struct channel *c;
    bool is = channel_is_known(x, PROBLEM_BAD_PARAMETER, channel, &c);
    epoch_exit(x->loop->reader);
    return is;
}

/* False: answered. */
static bool read_question(struct exchange *x, struct export *e)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;
    size_t used = 0;

    errors.count = 0;
    e->names = malloc(x->query.length + 1);
    e->locations = calloc(x->query.length / 9 + 1, sizeof(*e->locations)); /* "location=" */
    if (!e->names || !e->locations) {
        problem_no_memory(x);
        return false;
    }
    while (parameter_next(x, &rest, &p, &errors))
        read_parameter(e, &p, &errors, &used);
    if (e->locations_count && e->kind != EXPORT_STOCK)
        problems_add(&errors, "location", "goes with kind=stock only");
    if (e->channel.length && e->kind != EXPORT_STOCK)
        problems_add(&errors, "channel", "goes with kind=stock only");
    if ((e->format == FORMAT_LOCAL_INVENTORY && e->kind != EXPORT_STOCK) ||
        (e->format == FORMAT_JSON_LD && e->kind != EXPORT_STOCK && e->kind != EXPORT_LOCATIONS))
        problems_add(&errors, "format", "%s does not go with this kind", format_names[e->format]);
    return parameters_right(x, &errors) && is_channel_theirs(x, e);
}

void export_get(struct exchange *x)
{
    struct export *e = calloc(1, sizeof(*e));

    if (!e) {
        problem_no_memory(x);
        return;
    }
    e->pending = (struct pending){step, drop, 0, false};
    e->key = x->key;
    if (!read_question(x, e) || step(&e->pending, x) == PENDING_DONE)
        drop(&e->pending);
    else
        exchange_turn(x, &e->pending);
}
