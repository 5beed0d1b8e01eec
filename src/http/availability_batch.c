/* POST /v1/availability: many items at once, answered in the order asked, a thousand rows a turn. */
#include "http/shape.h"

#include <stdlib.h>

enum { ITEMS_MOST = 1000, BATCH_ROWS_MOST = 100000 };

void availability_post(struct exchange *x);

struct availability_batch {
    struct pending pending;
    struct arena arena; /* the parsed body; texts may also lie in the body itself */
    const struct json_node *nodes;
    struct text channel;
    uint32_t method;
    bool detail;
    uint32_t items, item; /* nodes: the array, and the next item in it */
    uint32_t item_number;
    struct version version;
    size_t rows;
    struct buffer out; /* the items answered so far */
    const struct key *key;
};

/* ---- the question ---- */

struct reading {
    const struct json_node *nodes;
    struct problems *errors;
};

static bool read_named(struct reading *r, uint32_t at, const char *pointer, struct text *ret)
{
    const struct json_node *n = &r->nodes[at];

    if (n->type == JSON_NULL)
        return true;
    if (n->type != JSON_STRING || !text_is_name(n->text)) {
        problems_add(r->errors, pointer, "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
        return false;
    }
    *ret = n->text;
    return true;
}

static void read_top(struct availability_batch *a, struct reading *r, uint32_t at, struct version *ret_least)
{
    const struct json_node *n = &r->nodes[at];
    char pointer[80];

    if (text_equal(n->key, TEXT("channel"))) {
        read_named(r, at, "/channel", &a->channel);
    } else if (text_equal(n->key, TEXT("method"))) {
        if (n->type != JSON_NULL && (n->type != JSON_STRING || !method_from_name(n->text, &a->method)))
            problems_add(r->errors, "/method", "must be pickup, ship or same_day");
    } else if (text_equal(n->key, TEXT("detail"))) {
        if (n->type != JSON_TRUE && n->type != JSON_FALSE)
            problems_add(r->errors, "/detail", "must be true or false");
        a->detail = n->type == JSON_TRUE;
    } else if (text_equal(n->key, TEXT("min_version"))) {
        if (n->type != JSON_STRING || !version_parse(n->text, ret_least))
            problems_add(r->errors, "/min_version",
                         "must be a version as answers carry it: incarnation:offset");
    } else if (text_equal(n->key, TEXT("items"))) {
        if (n->type != JSON_ARRAY)
            problems_add(r->errors, "/items", "must be an array");
        a->items = at;
    } else {
        snprintf(pointer, sizeof(pointer), "/%.*s", (int)(n->key.length < 64 ? n->key.length : 64),
                 n->key.at);
        problems_add(r->errors, pointer,
                     text_equal(n->key, TEXT("by")) || text_equal(n->key, TEXT("reservation"))
                         ? "is not supported yet"
                         : "is not a field here");
    }
}

static void check_locations(struct reading *r, uint32_t at, uint32_t number, size_t *rows)
{
    const struct json_node *n = &r->nodes[at];
    uint32_t i = at + 1;

    if (n->type != JSON_ARRAY) {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/items/%u/locations", number);
        problems_add(r->errors, pointer, "must be an array of names");
        return;
    }
    *rows += n->count;
    for (uint32_t k = 0; k < n->count; k++, i = r->nodes[i].next) {
        if (r->nodes[i].type == JSON_STRING && text_is_name(r->nodes[i].text))
            continue;
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/items/%u/locations/%u", number, k);
        problems_add(r->errors, pointer, "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
        return;
    }
}

static void check_item(struct reading *r, uint32_t at, uint32_t number, size_t *rows)
{
    const struct json_node *n = &r->nodes[at];
    char pointer[160];
    bool sku = false, locations = false, group = false;
    struct text ignored;

    snprintf(pointer, sizeof(pointer), "/items/%u", number);
    if (n->type != JSON_OBJECT) {
        problems_add(r->errors, pointer, "must be an object");
        return;
    }
    uint32_t member = at + 1;
    for (uint32_t k = 0; k < n->count; k++, member = r->nodes[member].next) {
        const struct json_node *m = &r->nodes[member];
        snprintf(pointer, sizeof(pointer), "/items/%u/%.*s", number,
                 (int)(m->key.length < 64 ? m->key.length : 64), m->key.at);
        if (text_equal(m->key, TEXT("sku"))) {
            sku = true;
            if (m->type != JSON_STRING || !text_is_identifier(m->text))
                problems_add(r->errors, pointer, "must be a SKU: 1 to 128 bytes without control characters");
        } else if (text_equal(m->key, TEXT("locations"))) {
            locations = true;
            check_locations(r, member, number, rows);
        } else if (text_equal(m->key, TEXT("group"))) {
            group = true;
            read_named(r, member, pointer, &ignored);
        } else {
            problems_add(r->errors, pointer, "is not a field here");
        }
    }
    snprintf(pointer, sizeof(pointer), "/items/%u", number);
    if (!sku)
        problems_add(r->errors, pointer, "must have a sku");
    if (locations && group)
        problems_add(r->errors, pointer, "locations and group do not go together");
}

static bool check_items(struct exchange *x, struct availability_batch *a, struct reading *r)
{
    const struct json_node *n = &r->nodes[a->items];
    size_t rows = 0;

    if (!a->items) {
        problems_add(r->errors, "/items", "must be there");
        return true;
    }
    if (n->type != JSON_ARRAY)
        return true;
    if (n->count > ITEMS_MOST) {
        problem(x, PROBLEM_TOO_LARGE, "%u items: at most %d may be asked at once", n->count, ITEMS_MOST);
        return false;
    }
    uint32_t at = a->items + 1;
    for (uint32_t i = 0; i < n->count; i++, at = r->nodes[at].next)
        check_item(r, at, i, &rows);
    if (rows > BATCH_ROWS_MOST) {
        problem(x, PROBLEM_TOO_LARGE, "%zu rows: at most %d may be asked at once", rows, BATCH_ROWS_MOST);
        return false;
    }
    a->item = a->items + 1;
    return true;
}

/* False: answered. */
static bool read_question(struct exchange *x, struct availability_batch *a, struct version *ret_least)
{
    struct problems errors;
    size_t count;

    errors.count = 0;
    int error = json_parse(x->body, &a->arena, &a->nodes, &count, &errors);
    if (error == ERROR_NOMEM) {
        problem_no_memory(x);
        return false;
    }
    struct reading r = {a->nodes, &errors};
    if (!error && a->nodes[0].type != JSON_OBJECT)
        problems_add(&errors, "", "must be an object");
    if (!error && !errors.count) {
        uint32_t at = 1;
        for (uint32_t i = 0; i < a->nodes[0].count; i++, at = a->nodes[at].next)
            read_top(a, &r, at, ret_least);
        if (!check_items(x, a, &r))
            return false;
    }
    if (errors.count)
        problem_with(x, PROBLEM_BAD_BODY, &errors, "%s%s%s", errors.at[0].pointer,
                     errors.at[0].pointer[0] ? " " : "", errors.at[0].detail);
    return !errors.count;
}

/* ---- the answer ---- */

static const struct json_node *member_of(const struct json_node *nodes, uint32_t object, const char *key,
                                         uint32_t *ret_at)
{
    uint32_t at = object + 1;

    for (uint32_t i = 0; i < nodes[object].count; i++, at = nodes[at].next)
        if (text_equal(nodes[at].key, text_of(key)) && nodes[at].type != JSON_NULL) {
            *ret_at = at;
            return &nodes[at];
        }
    return NULL;
}

/* The rows of one item. `name_at`: node of the first location named, 0 without. Returns false when there is
 * no memory or too much of it is wanted. */
static bool item_rows(struct exchange *x, struct availability_batch *a, const struct sku *s,
                      const struct question *q, uint32_t object, struct query_row **ret_rows,
                      size_t *ret_count, uint32_t *ret_name_at)
{
    const struct view *v = exchange_view(x);
    struct loop *l = x->loop;
    uint32_t at = 0;
    const struct json_node *named = member_of(a->nodes, object, "locations", &at);
    milli_t total;

    *ret_name_at = 0;
    if (named) {
        *ret_count = named->count;
        *ret_rows = scratch_rows(l, named->count);
        if (!*ret_rows || !scratch_locations(l, named->count))
            return false;
        *ret_name_at = at + 1;
        uint32_t one = at + 1;
        for (uint32_t i = 0; i < named->count; i++, one = a->nodes[one].next) {
            const struct location *place = catalogue_location(v->catalogue, a->nodes[one].text);
            l->scratch.locations[i] = place ? place->number : INDEX_NONE;
        }
        query_locations(v, s, q, l->scratch.locations, named->count, *ret_rows, &total);
        return true;
    }
    const struct json_node *group_name = member_of(a->nodes, object, "group", &at);
    const struct group *g = group_name ? catalogue_group(v->catalogue, group_name->text) : NULL;
    if (group_name) {
        *ret_count = g && !g->deleted ? g->locations_count : 0;
        *ret_rows = scratch_rows(l, *ret_count + 1);
        if (*ret_rows)
            query_locations(v, s, q, g ? g->locations : NULL, *ret_count, *ret_rows, &total);
        return *ret_rows;
    }
    *ret_rows = scratch_rows(l, ROWS_A_TURN);
    while (*ret_rows && (*ret_count = query_everywhere(v, s, q, *ret_rows, l->scratch.rows_capacity,
                                                       &total)) > l->scratch.rows_capacity)
        *ret_rows = *ret_count > BATCH_ROWS_MOST ? NULL : scratch_rows(l, *ret_count + *ret_count / 8);
    return *ret_rows;
}

static bool is_allowed(const struct availability_batch *a, const struct query_row *r)
{
    return !a->key || !a->key->locations_count || (r->place && key_has_location(a->key, r->place->id));
}

static void put_known(struct exchange *x, struct availability_batch *a, const struct sku *s,
                      const struct question *q, const struct query_row *rows, size_t count, uint32_t name_at)
{
    struct buffer *b = &a->out;
    struct total total = {0};
    const char *before = "";

    for (size_t i = 0; i < count; i++)
        if (is_allowed(a, &rows[i]))
            total_add(&total, &rows[i].figure);
    buffer_text(b, TEXT(",\"available\":"));
    json_put_quantity(b, total.available);
    buffer_printf(b, ",\"level\":\"%s\",\"locations\":[", level_name(total_level(&total, q->channel)));
    for (size_t i = 0; i < count; i++) {
        struct text name = name_at ? a->nodes[name_at].text : TEXT("unknown");
        name_at = name_at ? a->nodes[name_at].next : 0;
        if (!is_allowed(a, &rows[i]))
            continue;
        buffer_string(b, before);
        put_row(b, exchange_view(x), &rows[i], sku_item(s), name, a->detail, false);
        before = ",";
    }
    buffer_text(b, TEXT("],\"next\":null}"));
}

/* False: more rows or memory than there may be. */
static bool put_item(struct exchange *x, struct availability_batch *a, const struct question *q,
                     size_t *rows_this_turn)
{
    struct buffer *b = &a->out;
    uint32_t at, name_at;
    struct text name = member_of(a->nodes, a->item, "sku", &at)->text;
    const struct sku *s = table_find(exchange_view(x)->table, name);
    struct query_row *rows;
    size_t count = 0;

    if (a->item_number++)
        buffer_byte(b, ',');
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, name);
    buffer_text(b, TEXT(",\"channel\":"));
    put_text_or_null(b, a->channel);
    if (!s) {
        buffer_text(b, TEXT(",\"known\":false,\"available\":0,\"level\":\"out_of_stock\",\"locations\":[],"
                            "\"next\":null}"));
        *rows_this_turn += 1;
        return true;
    }
    if (!item_rows(x, a, s, q, a->item, &rows, &count, &name_at))
        return false;
    *rows_this_turn += count + 1;
    a->rows += count;
    if (a->rows > BATCH_ROWS_MOST)
        return false;
    put_known(x, a, s, q, rows, count, name_at);
    return true;
}

static void answer(struct exchange *x, struct availability_batch *a)
{
    if (a->out.failed) {
        problem_no_memory(x);
        return;
    }
    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    struct buffer *b = answer_body(x);
    buffer_byte(b, '{');
    put_as_of(b, exchange_view(x), a->version);
    buffer_text(b, TEXT(",\"items\":["));
    buffer_add(b, a->out.at, a->out.length);
    buffer_text(b, TEXT("]}"));
    answer_end(x);
}

/* One turn, within one epoch section. */
static enum pending_status turn(struct exchange *x, struct availability_batch *a)
{
    const struct view *v = exchange_view(x);
    struct question q = {.method = a->method,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    size_t rows = 0;

    if (a->channel.length) {
        q.channel = catalogue_channel(v->catalogue, a->channel);
        if (!q.channel || q.channel->deleted) {
            problem(x, PROBLEM_BAD_BODY, "there is no channel `%.*s`", (int)a->channel.length, a->channel.at);
            return PENDING_DONE;
        }
    }
    for (; a->item < a->nodes[a->items].next && rows < ROWS_A_TURN; a->item = a->nodes[a->item].next)
        if (!put_item(x, a, &q, &rows)) {
            problem(x, PROBLEM_TOO_LARGE, "more than %d rows: ask for fewer at once", BATCH_ROWS_MOST);
            return PENDING_DONE;
        }
    if (a->item < a->nodes[a->items].next)
        return PENDING_TURN;
    answer(x, a);
    return PENDING_DONE;
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    epoch_enter(x->loop->reader);
    enum pending_status s = turn(x, (struct availability_batch *)p);
    epoch_exit(x->loop->reader);
    return s;
}

static void drop(struct pending *p)
{
    struct availability_batch *a = (struct availability_batch *)p;

    arena_finish(&a->arena);
    buffer_finish(&a->out);
    free(a);
}

static bool begin(struct exchange *x, struct availability_batch *a)
{
    struct version least = {0};
    struct text channel;

    if (!read_question(x, a, &least) || !ask_channel(x, a->channel, &channel))
        return false;
    a->channel = channel;
    if ((least.incarnation || least.offset) && !version_reached(x, least))
        return false;
    a->version = view_version(exchange_view(x)); /* before any row */
    return true;
}

void availability_post(struct exchange *x)
{
    if (!content_is(x, "application/json")) {
        problem(x, PROBLEM_MEDIA_TYPE, "Content-Type must be application/json");
        return;
    }
    if (!body_is_plain(x))
        return;
    struct availability_batch *a = calloc(1, sizeof(*a));
    if (!a) {
        problem_no_memory(x);
        return;
    }
    a->pending = (struct pending){step, drop, 0, false};
    a->key = x->key;
    if (!begin(x, a) || step(&a->pending, x) == PENDING_DONE)
        drop(&a->pending);
    else
        exchange_turn(x, &a->pending);
}
