/* POST /v1/availability: many items at once, answered in the order asked, a thousand rows a turn.
 *
 * The rows of an item are of one version up to ROWS_A_TURN of them; beyond, each thousand is. */
#include "http/insights.h"
#include "http/availability_batch.h"

#include "base/hash.h"

#include <stdlib.h>

enum {
    LISTED_WHOLE_BYTES = 1024 * 1024, /* longer answers are sent in pieces */
    ITEM_OUT_BYTES = 192              /* of an item with one row, or a little less */
};

void availability_post(struct exchange *x);

/* How the answering of an item ends for now. */
enum progress { ROWS_FOLLOW, ITEM_ENDS, ANSWERED /* with a problem */ };

/* ---- what comes next ---- */

static const struct batch_item *present(const struct availability_batch *a)
{
    return &a->items[a->item];
}

/* INDEX_NONE: nobody knows it yet. A number once given stays. */
static uint32_t number_of(const struct catalogue *c, struct availability_batch *a, struct text name)
{
    uint64_t hash = hash_text(name);
    struct place_met *met = &a->places[hash % PLACES_MET];

    if (met->hash == hash && text_equal(met->name, name))
        return met->number;
    uint32_t number = catalogue_location_number(c, name, hash);
    if (number != INDEX_NONE)
        *met = (struct place_met){name, hash, number};
    return number;
}

/* Begins to fetch for the present item and those behind it: sixteen misses at once instead of one by one. */
static void look_ahead(const struct view *v, struct availability_batch *a)
{
    uint32_t left = a->items_count - a->item, end = a->item + (left < ITEMS_AHEAD ? left : ITEMS_AHEAD);

    for (uint32_t i = a->item; i < end; i++) {
        struct batch_item *item = &a->items[i];
        item->hash = hash_text(item->sku);
        table_prefetch(v->table, item->hash);
        item->first = item->locations && a->nodes[item->locations].count
                          ? number_of(v->catalogue, a, a->nodes[item->locations + 1].text)
                          : INDEX_NONE;
    }
    for (uint32_t i = a->item; i < end; i++)
        if (a->items[i].first != INDEX_NONE)
            table_prefetch_row(v->table, a->items[i].hash, a->items[i].first);
    a->ahead_end = end;
}

/* ---- which rows ---- */

static enum progress too_many_rows(struct exchange *x)
{
    problem(x, PROBLEM_TOO_LARGE, "more than %d rows: ask for fewer at once", BATCH_ROWS_MOST);
    return ANSWERED;
}

static enum progress no_memory(struct exchange *x)
{
    problem_no_memory(x);
    return ANSWERED;
}

/* Room for the numbers of the present item's locations. */
static bool reserve_locations(struct availability_batch *a, size_t count)
{
    if (count <= a->locations_capacity)
        return true;
    uint32_t *grown = realloc(a->locations, count * sizeof(*grown));
    if (!grown)
        return false;
    a->locations = grown;
    a->locations_capacity = count;
    return true;
}

/* The group as it is now: a later change does not touch this answer. */
static enum progress choose_group(struct exchange *x, struct availability_batch *a, struct text name)
{
    const struct group *g = catalogue_group(exchange_view(x)->catalogue, name);
    struct problems errors = {.count = 0};
    char pointer[48];

    if (!g || g->deleted) {
        snprintf(pointer, sizeof(pointer), "/items/%u/group", a->item);
        problems_add(&errors, pointer, "there is no group `%.*s`", (int)name.length, name.at);
        problem_with(x, PROBLEM_BAD_BODY, &errors, "%s: there is no group `%.*s`", pointer, (int)name.length,
                     name.at);
        return ANSWERED;
    }
    if (g->locations_count > BATCH_ROWS_MOST)
        return too_many_rows(x);
    if (!reserve_locations(a, g->locations_count))
        return no_memory(x);
    memcpy(a->locations, g->locations, g->locations_count * sizeof(*a->locations));
    a->locations_count = g->locations_count;
    return ROWS_FOLLOW;
}

/* Wherever the SKU has a row. The first look is one section: see EVERYWHERE_MOST in availability.c. */
static enum progress choose_everywhere(struct exchange *x, struct availability_batch *a, const struct sku *s,
                                       const struct question *q)
{
    struct loop *l = x->loop;
    struct query_row *rows = scratch_rows(l, ROWS_A_TURN);
    size_t count = 0;
    milli_t total;

    while (rows && (count = query_everywhere(exchange_view(x), s, q, rows, l->scratch.rows_capacity,
                                             &total)) > l->scratch.rows_capacity) {
        if (count > BATCH_ROWS_MOST)
            return too_many_rows(x);
        rows = scratch_rows(l, count + count / 8);
    }
    if (!rows || !reserve_locations(a, count))
        return no_memory(x);
    for (size_t i = 0; i < count; i++)
        a->locations[i] = rows[i].location;
    a->locations_count = count;
    return ROWS_FOLLOW;
}

static enum progress choose_rows(struct exchange *x, struct availability_batch *a, const struct sku *s,
                                 const struct question *q)
{
    uint32_t named = present(a)->locations, group = present(a)->group;
    enum progress p = ROWS_FOLLOW;

    a->name_at = 0;
    a->locations_at = a->locations_count = 0;
    if (named) {
        a->name_at = named + 1;
        a->locations_count = a->nodes[named].count;
    } else if (group) {
        p = choose_group(x, a, a->nodes[group].text);
    } else if (s) {
        p = choose_everywhere(x, a, s, q);
    }
    if (p == ANSWERED)
        return p;
    a->rows += a->locations_count;
    return a->rows > BATCH_ROWS_MOST ? too_many_rows(x) : ROWS_FOLLOW;
}

/* ---- rows ---- */

/* The numbers of the next `count` locations named. NULL: the key may not ask for one of them, answered; or no
 * memory, answered. */
static const uint32_t *named_locations(struct exchange *x, struct availability_batch *a, size_t count)
{
    uint32_t node = a->name_at, first = present(a)->first;

    if (!scratch_locations(x->loop, count)) {
        problem_no_memory(x);
        return NULL;
    }
    uint32_t *numbers = x->loop->scratch.locations;
    for (size_t i = 0; i < count; i++, node = a->nodes[node].next) {
        struct text name = a->nodes[node].text;
        bool known = i == 0 && a->locations_at == 0 && first != INDEX_NONE;
        if (x->key && !location_is_allowed(x, name))
            return NULL;
        numbers[i] = known ? first : number_of(exchange_view(x)->catalogue, a, name);
    }
    return numbers;
}

/* A bound key that names no locations sees its own. */
static bool is_shown(const struct availability_batch *a, const struct query_row *r)
{
    return !a->key || !a->key->locations_count || (r->place && key_has_location(a->key, r->place->id));
}

static void put_rows(struct exchange *x, struct availability_batch *a, const struct sku *s,
                     const struct query_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct text name = a->name_at ? a->nodes[a->name_at].text : TEXT("unknown");
        a->name_at = a->name_at ? a->nodes[a->name_at].next : 0;
        if (!is_shown(a, &rows[i]))
            continue;
        total_add(&a->total, &rows[i].figure);
        if (a->item_out.length)
            buffer_byte(&a->item_out, ',');
        put_row(&a->item_out, exchange_view(x), &rows[i], sku_item(s), name, a->detail, false);
    }
}

/* The next rows of the present item, a turn's worth at most. */
static enum progress put_some_rows(struct exchange *x, struct availability_batch *a, const struct sku *s,
                                   struct question *q, size_t *rows_this_turn)
{
    size_t left = a->locations_count - a->locations_at, count = left < ROWS_A_TURN ? left : ROWS_A_TURN;
    struct query_row *rows = scratch_rows(x->loop, ROWS_A_TURN);
    milli_t total;
    int tries = 0;

    if (!rows)
        return no_memory(x);
    if (*rows_this_turn + count > ROWS_A_TURN && *rows_this_turn) { /* in a turn of its own */
        *rows_this_turn = ROWS_A_TURN;
        return ROWS_FOLLOW;
    }
    const uint32_t *locations = a->name_at ? named_locations(x, a, count) : a->locations + a->locations_at;
    if (a->name_at && !locations)
        return ANSWERED;
    if (s) {
        do
            query_locations(exchange_view(x), s, q, locations, count, rows, &total);
        while (past_again(x, &a->past, q, &tries));
        put_rows(x, a, s, rows, count);
    } else if (a->name_at) {
        for (size_t i = 0; i < count; i++)
            a->name_at = a->nodes[a->name_at].next;
    }
    a->locations_at += count;
    *rows_this_turn += count + 1;
    return a->locations_at == a->locations_count ? ITEM_ENDS : ROWS_FOLLOW;
}

/* ---- items ---- */

static void end_item(struct availability_batch *a, struct text sku, bool known, const struct channel *c)
{
    struct buffer *b = &a->out;

    buffer_text(b, a->item ? TEXT(",{\"sku\":") : TEXT("{\"sku\":"));
    json_put_string(b, sku);
    buffer_text(b, TEXT(",\"channel\":"));
    put_text_or_null(b, a->channel);
    buffer_text(b, known ? TEXT(",\"available\":") : TEXT(",\"known\":false,\"available\":"));
    json_put_quantity(b, a->total.available);
    buffer_text(b, TEXT(",\"level\":\""));
    buffer_text(b, level_text(total_level(&a->total, c)));
    buffer_byte(b, '"');
    put_available_from(b, total_level(&a->total, c), a->total.available_from);
    buffer_text(b, TEXT(",\"locations\":["));
    buffer_add(b, a->item_out.at, a->item_out.length);
    b->failed |= a->item_out.failed;
    buffer_text(b, TEXT("],\"next\":null}"));
    a->item++;
    a->item_begun = false;
}

/* Nothing of it, in all the places that were asked for. */
static void note_unmet(struct exchange *x, const struct availability_batch *a, const struct sku *s,
                       const struct channel *c)
{
    uint32_t named = present(a)->locations;
    uint32_t only = named && a->nodes[named].count == 1 ? x->loop->scratch.locations[0] : UNMET_NONE;

    insights_note(x, UNMET_QUERY, s, only, c, -1);
}

static enum progress put_item(struct exchange *x, struct availability_batch *a, struct question *q,
                              size_t *rows_this_turn)
{
    const struct view *v = exchange_view(x);

    if (a->item == a->ahead_end)
        look_ahead(v, a);
    const struct batch_item *h = present(a);
    const struct sku *s = table_find_hashed(v->table, h->sku, h->hash);
    enum progress p;

    if (!a->item_begun) {
        a->total = (struct total){0};
        buffer_clear(&a->item_out);
        p = choose_rows(x, a, s, q);
        if (p == ANSWERED)
            return p;
        a->item_begun = true;
    }
    p = put_some_rows(x, a, s, q, rows_this_turn);
    if (p == ITEM_ENDS && s && a->total.available <= 0)
        note_unmet(x, a, s, q->channel);
    if (p == ITEM_ENDS)
        end_item(a, h->sku, s != NULL, q->channel);
    return p;
}

/* ---- the answer ---- */

static void begin_answer(struct exchange *x)
{
    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
}

static void put_front(struct exchange *x, const struct availability_batch *a)
{
    buffer_byte(x->out, '{');
    put_as_of(x->out, exchange_view(x), a->version);
    buffer_text(x->out, TEXT(",\"items\":["));
}

/* The next piece of a long answer, a chunk each turn. */
static enum pending_status send_piece(struct exchange *x, struct availability_batch *a)
{
    size_t left = a->out.length - a->out_at;

    if (!a->streaming) {
        begin_answer(x);
        answer_stream_begin(x);
    }
    size_t mark = answer_chunk_begin(x), length = left < OUTPUT_BYTES_MOST ? left : OUTPUT_BYTES_MOST;
    if (!a->streaming)
        put_front(x, a);
    a->streaming = true;
    buffer_add(x->out, a->out.at + a->out_at, length);
    a->out_at += length;
    if (a->out_at == a->out.length)
        buffer_text(x->out, TEXT("]}"));
    answer_chunk_end(x, mark);
    if (x->out->failed) { /* cut, so that it is not taken for whole */
        connection_break(x->connection);
        return PENDING_WAIT;
    }
    if (a->out_at < a->out.length)
        return PENDING_TURN;
    answer_stream_end(x);
    return PENDING_DONE;
}

static enum pending_status answer(struct exchange *x, struct availability_batch *a)
{
    if (a->out.failed) {
        problem_no_memory(x);
        return PENDING_DONE;
    }
    if (a->out.length > LISTED_WHOLE_BYTES)
        return send_piece(x, a);
    begin_answer(x);
    struct buffer *b = answer_body(x);
    put_front(x, a);
    buffer_add(b, a->out.at, a->out.length);
    buffer_text(b, TEXT("]}"));
    answer_end(x);
    return PENDING_DONE;
}

/* One turn, within one epoch section. */
static enum pending_status turn(struct exchange *x, struct availability_batch *a)
{
    const struct view *v = exchange_view(x);
    struct question q = {.method = a->method,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    size_t rows = 0;

    if (!channel_is_known(x, PROBLEM_BAD_BODY, a->channel, &q.channel))
        return PENDING_DONE;
    by_ask(&a->by, &q, v);
    if (!past_read(x, &a->past, &q))
        return PENDING_DONE;
    while (a->item < a->items_count && rows < ROWS_A_TURN)
        if (put_item(x, a, &q, &rows) == ANSWERED)
            return PENDING_DONE;
    return a->item < a->items_count ? PENDING_TURN : answer(x, a);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct availability_batch *a = (struct availability_batch *)p;

    if (a->streaming)
        return send_piece(x, a);
    epoch_enter(x->loop->reader);
    enum pending_status s = turn(x, a);
    epoch_exit(x->loop->reader);
    return s;
}

static void drop(struct pending *p)
{
    struct availability_batch *a = (struct availability_batch *)p;

    arena_finish(&a->arena);
    buffer_finish(&a->item_out);
    buffer_finish(&a->out);
    free(a->locations);
    free(a);
}

static bool begin(struct exchange *x, struct availability_batch *a)
{
    struct version least = {0};
    struct text channel;

    if (!batch_read_question(x, a, &least) || !ask_channel(x, a->channel, &channel))
        return false;
    a->channel = channel;
    buffer_reserve(&a->out, a->items_count * ITEM_OUT_BYTES);
    if ((least.incarnation || least.offset) && !version_reached(x, least))
        return false;
    a->version = view_version(exchange_view(x)); /* before any row */
    return true;
}

void availability_post(struct exchange *x)
{
    if (!parameters_none(x) || !body_is_json(x))
        return;
    struct availability_batch *a = calloc(1, sizeof(*a));
    if (!a) {
        problem_no_memory(x);
        return;
    }
    a->pending = (struct pending){step, drop, 0, false};
    a->key = x->key;
    if (!begin(x, a)) {
        drop(&a->pending);
        return;
    }
    enum pending_status s = step(&a->pending, x);
    if (s == PENDING_DONE)
        drop(&a->pending);
    else if (s == PENDING_TURN)
        exchange_turn(x, &a->pending);
    else
        exchange_wait(x, &a->pending);
}
