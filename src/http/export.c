/* GET /v1/export: stock or reference data, streamed in slices so that no export holds the loop. */
#include "http/shape.h"

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

struct export
{
    struct pending pending;
    enum export_kind kind;
    bool csv;
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

/* All rows of one SKU, of one version. Returns how many were looked at; 0 without memory. */
static size_t put_sku(struct exchange *x, const struct export *e, const struct sku *s)
{
    const struct view *v = exchange_view(x);
    struct question q = {.now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    const struct item *item = sku_item(s);
    struct loop *l = x->loop;
    struct query_row *rows = scratch_rows(l, ROWS_A_TURN);
    size_t count = 0;
    milli_t total;

    if (item && item->components_count)
        return 1; /* a kit has no stock of its own */
    while (rows && (count = query_everywhere(v, s, &q, rows, l->scratch.rows_capacity, &total)) >
                       l->scratch.rows_capacity)
        rows = scratch_rows(l, count + count / 8);
    if (!rows)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (is_wanted(e, &rows[i]))
            (e->csv ? put_stock_csv : put_stock_json)(x->out, v, sku_text(s), &rows[i], item);
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

/* Object number n, when there is one. False at the end. */
static bool put_reference(struct exchange *x, const struct export *e, uint32_t n)
{
    const struct view *v = exchange_view(x);
    struct buffer *b = x->out;

    if (e->kind == EXPORT_LOCATIONS) {
        if (n >= catalogue_locations_count(v->catalogue))
            return false;
        const struct location *l = catalogue_location_at(v->catalogue, n);
        if (!l || l->deleted || (e->key && !key_has_location(e->key, l->id)))
            return true;
        e->csv ? put_location_csv(b, l) : put_object(b, "id", l->id, l->document);
    } else if (e->kind == EXPORT_GROUPS) {
        if (n >= catalogue_groups_count(v->catalogue))
            return false;
        const struct group *g = catalogue_group_at(v->catalogue, n);
        if (g && !g->deleted)
            e->csv ? put_group_csv(b, g) : put_object(b, "id", g->id, g->document);
    } else if (e->kind == EXPORT_CHANNELS) {
        if (n >= catalogue_channels_count(v->catalogue))
            return false;
        const struct channel *c = catalogue_channel_at(v->catalogue, n);
        if (c && !c->deleted)
            e->csv ? put_channel_csv(b, c) : put_object(b, "id", c->id, c->document);
    } else {
        if (n >= table_sku_count(v->table))
            return false;
        const struct sku *s = table_sku(v->table, n);
        const struct item *i = s ? sku_item(s) : NULL;
        if (i && !i->deleted)
            e->csv ? put_item_csv(b, i, sku_text(s)) : put_object(b, "sku", sku_text(s), i->document);
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
        answer_begin(x, 200, e->csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson");
        buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
        answer_stream_begin(x);
        if (x->request->method == HTTP_HEAD)
            return PENDING_DONE;
    }
    size_t mark = answer_chunk_begin(x);
    if (!e->begun && e->csv)
        buffer_string(x->out, headers[e->kind]);
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

static void read_parameter(struct export *e, const struct parameter *p, struct problems *errors, size_t *used)
{
    if (text_equal(p->name, TEXT("kind"))) {
        if (!read_kind(p->value, &e->kind))
            parameter_wrong(errors, p->name, "must be stock, locations, groups, items or channels");
    } else if (text_equal(p->name, TEXT("format"))) {
        e->csv = text_equal(p->value, TEXT("csv"));
        if (!e->csv && !text_equal(p->value, TEXT("ndjson")))
            parameter_wrong(errors, p->name, "must be ndjson or csv");
    } else if (text_equal(p->name, TEXT("location"))) {
        if (!text_is_name(p->value)) {
            parameter_wrong(errors, p->name,
                            "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
            return;
        }
        memcpy(e->names + *used, p->value.at, p->value.length);
        e->locations[e->locations_count++] = (struct text){e->names + *used, p->value.length};
        *used += p->value.length;
    } else {
        parameter_unknown(errors, p->name);
    }
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
    if (errors.count)
        problem_with(x, PROBLEM_BAD_PARAMETER, &errors, "parameter `%s` %s", errors.at[0].pointer,
                     errors.at[0].detail);
    return !errors.count;
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
