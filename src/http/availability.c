/* GET /v1/availability/{sku}: how many of one item, where. */
#include "base/hash.h"
#include "http/by.h"
#include "http/etag.h"
#include "http/insights.h"
#include "http/past.h"
#include "http/shape.h"
#include "http/where.h"

enum {
    NAMES_MOST = 1024 /* more `location=` do not fit into a request line */,
    NEAR_MOST = 100000,
    NEAR_LISTED = 100,
    /* In one section, so that all rows are of one version. Measured over HTTP, best of 8, on two cores with a
     * load of 9: 84 ms for 100,000 rows, 0.9 us a row, during which this loop answers nobody else. */
    EVERYWHERE_MOST = 100000
};

void availability_get(struct exchange *x);

/* The question as it was put. */
struct asked {
    struct text sku, channel, group;
    uint32_t method;
    bool detail;
    struct near_said near;
    uint64_t limit, after; /* limit 0: not said */
    milli_t quantity;      /* 0: any */
    struct version least;
    struct by by;
    struct past past;
    size_t names_count;
    struct text names[NAMES_MOST];
};

/* ---- reading the question ---- */

static void read_location(struct asked *a, const struct parameter *p, struct problems *errors)
{
    if (!text_is_name(p->value))
        parameter_wrong(errors, p->name, parameter_name_must);
    else if (a->names_count < NAMES_MOST)
        a->names[a->names_count++] = p->value;
}

static void read_parameter(struct asked *a, const struct parameter *p, struct problems *errors)
{
    if (text_equal(p->name, TEXT("location")))
        read_location(a, p, errors);
    else if (text_equal(p->name, TEXT("group")))
        parameter_name(p, &a->group, errors);
    else if (text_equal(p->name, TEXT("near")))
        parameter_near(p, &a->near, errors);
    else if (text_equal(p->name, TEXT("reservation")))
        parameter_past(p, &a->past, errors);
    else if (text_equal(p->name, TEXT("within_km")))
        parameter_within(p, &a->near, errors);
    else if (text_equal(p->name, TEXT("limit")))
        parameter_number(p, 1, ROWS_A_TURN, &a->limit, errors);
    else if (text_equal(p->name, TEXT("after")))
        parameter_number(p, 0, EVERYWHERE_MOST, &a->after, errors);
    else if (text_equal(p->name, TEXT("channel")))
        parameter_name(p, &a->channel, errors);
    else if (text_equal(p->name, TEXT("quantity")))
        parameter_quantity(p, &a->quantity, errors);
    else if (text_equal(p->name, TEXT("detail")))
        parameter_flag(p, &a->detail, errors);
    else if (text_equal(p->name, TEXT("method"))) {
        parameter_method(p, &a->method, errors);
    } else if (text_equal(p->name, TEXT("min_version"))) {
        parameter_version(p, &a->least, errors);
    } else if (text_equal(p->name, TEXT("by"))) {
        parameter_by(p, &a->by, errors);
    } else
        parameter_unknown(errors, p->name);
}

static void check_together(const struct asked *a, struct problems *errors)
{
    parameters_where(a->names_count, a->group, &a->near, errors);
    if (a->near.is_said && a->after)
        problems_add(errors, "after", "does not go with near");
}

/* False: answered 400. */
static bool read_question(struct exchange *x, struct asked *a)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    memset(a, 0, offsetof(struct asked, names));
    errors.count = 0;
    a->sku = x->arguments[0];
    while (parameter_next(x, &rest, &p, &errors))
        read_parameter(a, &p, &errors);
    check_together(a, &errors);
    if (!parameters_right(x, &errors))
        return false;
    if (!text_is_identifier(a->sku)) {
        problem(x, PROBLEM_BAD_PATH, "the SKU must be 1 to 128 bytes of UTF-8 without control characters");
        return false;
    }
    return true;
}

/* ---- finding the SKU ---- */

/* What the index has is on its way while the locations' numbers are looked up, and the first row while the
 * SKU is. */
static const struct sku *find_sku(struct exchange *x, const struct asked *a)
{
    const struct view *v = exchange_view(x);
    uint32_t *numbers = x->loop->scratch.locations;
    uint64_t hash = hash_text(a->sku);

    if (!a->names_count)
        return table_find_hashed(v->table, a->sku, hash);
    table_prefetch(v->table, hash);
    for (size_t i = 0; i < a->names_count; i++) {
        const struct location *l = catalogue_location(v->catalogue, a->names[i]);
        numbers[i] = l ? l->number : INDEX_NONE;
    }
    return table_find_for(v->table, a->sku, hash, numbers[0]);
}

/* ---- finding the rows ---- */

/* The rows of an answer, before any is left out. */
struct rows {
    size_t count;
    struct query_row *at;
    const struct text *names; /* as asked for, or NULL */
};

static bool find_named(struct exchange *x, const struct asked *a, const struct sku *s,
                       const struct question *q, struct rows *r)
{
    milli_t total;

    for (size_t i = 0; i < a->names_count && x->key; i++)
        if (!location_is_allowed(x, a->names[i]))
            return false;
    query_locations(exchange_view(x), s, q, x->loop->scratch.locations, a->names_count, r->at, &total);
    r->count = a->names_count;
    r->names = a->names;
    return true;
}

static bool find_group(struct exchange *x, const struct asked *a, const struct sku *s,
                       const struct question *q, struct rows *r)
{
    const struct view *v = exchange_view(x);
    const struct group *g;
    milli_t total;

    if (!group_is_known(x, a->group, &g))
        return false;
    r->at = scratch_rows(x->loop, g->locations_count);
    if (!r->at) {
        problem_no_memory(x);
        return false;
    }
    query_locations(v, s, q, g->locations, g->locations_count, r->at, &total);
    r->count = g->locations_count;
    return true;
}

static bool is_enough(const struct asked *a, const struct query_row *r)
{
    return r->figure.available >= a->quantity;
}

static bool is_allowed(const struct exchange *x, const struct query_row *r)
{
    return !x->key || !x->key->locations_count || (r->place && key_has_location(x->key, r->place->id));
}

static bool is_keys(void *context, const struct location *l)
{
    const struct exchange *x = context;
    return !x->key || key_has_location(x->key, l->id);
}

/* The nearest that qualify. */
static bool find_near(struct exchange *x, const struct asked *a, const struct sku *s,
                      const struct question *q, struct rows *r)
{
    size_t wanted = a->limit ? a->limit : NEAR_LISTED;
    struct near_place *places = scratch_places(x->loop, wanted + FINDER_TURN);
    struct finder_line line = {s, a->quantity};
    struct finder f = {.view = exchange_view(x),
                       .question = q,
                       .room = &x->loop->scratch.finder,
                       .lines_count = 1,
                       .lines = &line,
                       .near = near_from(a->near.latitude_e7, a->near.longitude_e7, a->near.within_m),
                       .is_wanted = is_keys,
                       .context = x,
                       .looks_most = NEAR_MOST};

    r->at = scratch_rows(x->loop, wanted + FINDER_TURN);
    if (!r->at || !places) {
        problem_no_memory(x);
        return false;
    }
    r->count = finder_find(&f, places, r->at, wanted);
    for (size_t i = 0; i < r->count; i++)
        r->at[i].distance_m = near_distance_m(&a->near, r->at[i].place);
    return true;
}

static bool find_everywhere(struct exchange *x, const struct sku *s, const struct question *q, struct rows *r)
{
    struct loop *l = x->loop;
    size_t count;
    milli_t total;

    while ((count = query_everywhere(exchange_view(x), s, q, r->at, l->scratch.rows_capacity, &total)) >
           l->scratch.rows_capacity) {
        if (count > EVERYWHERE_MOST) {
            problem(x, PROBLEM_TOO_LARGE,
                    "this SKU has more than %d rows: name locations, a group, or a point", EVERYWHERE_MOST);
            return false;
        }
        r->at = scratch_rows(l, count + count / 8);
        if (!r->at) {
            problem_no_memory(x);
            return false;
        }
    }
    r->count = count;
    return true;
}

static bool find_rows(struct exchange *x, const struct asked *a, const struct sku *s,
                      const struct question *q, struct rows *r)
{
    *r = (struct rows){.at = scratch_rows(x->loop, ROWS_A_TURN + 24)};
    if (!r->at) {
        problem_no_memory(x);
        return false;
    }
    if (a->names_count)
        return find_named(x, a, s, q, r);
    if (a->group.length)
        return find_group(x, a, s, q, r);
    if (a->near.is_said)
        return find_near(x, a, s, q, r);
    return find_everywhere(x, s, q, r);
}

/* ---- the answer ---- */

static bool is_listed(const struct exchange *x, const struct asked *a, const struct query_row *r)
{
    return (!a->quantity || is_enough(a, r)) && is_allowed(x, r);
}

static void put_locations(struct exchange *x, const struct asked *a, const struct item *item,
                          const struct rows *r, uint64_t *ret_next)
{
    struct buffer *b = x->out;
    uint64_t limit = a->limit ? a->limit : ROWS_A_TURN, matching = 0, listed = 0;

    *ret_next = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct query_row *row = &r->at[i];
        if (!is_listed(x, a, row))
            continue;
        if (matching++ < a->after)
            continue;
        if (listed == limit) {
            *ret_next = *ret_next ? *ret_next : a->after + listed;
            continue;
        }
        if (listed++)
            buffer_byte(b, ',');
        put_row(b, exchange_view(x), row, item, r->names ? r->names[i] : TEXT("unknown"), a->detail,
                a->near.is_said);
    }
}

/* Nothing, or nowhere as many as were asked for. */
static void note_unmet(struct exchange *x, const struct asked *a, const struct sku *s,
                       const struct channel *c, const struct rows *r)
{
    const struct query_row *only = r->count == 1 ? &r->at[0] : NULL;
    milli_t there = only ? only->figure.available : 0;

    insights_note(x, UNMET_QUERY, s, a->names_count == 1 && only ? only->location : UNMET_NONE, c,
                  a->quantity ? a->quantity - there : -1);
}

static void put_answer(struct exchange *x, const struct asked *a, const struct sku *s,
                       const struct channel *c, const struct rows *r, struct version version)
{
    const struct item *item = sku_item(s);
    struct buffer *b = x->out;
    struct total total = {0};
    uint64_t next;

    for (size_t i = 0; i < r->count; i++)
        if (is_listed(x, a, &r->at[i]))
            total_add(&total, &r->at[i].figure);
    if (total.available <= 0)
        note_unmet(x, a, s, c, r);
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, max-age=1");
    answer_body(x);
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, a->sku);
    buffer_text(b, TEXT(",\"channel\":"));
    put_text_or_null(b, c ? c->id : (struct text){0});
    buffer_byte(b, ',');
    size_t version_at = b->length - x->body_at;
    put_as_of(b, exchange_view(x), version);
    size_t version_end = b->length - x->body_at;
    buffer_text(b, TEXT(",\"available\":"));
    json_put_quantity(b, total.available);
    buffer_text(b, TEXT(",\"level\":\""));
    buffer_text(b, level_text(total_level(&total, c)));
    buffer_byte(b, '"');
    put_available_from(b, total_level(&total, c), total.available_from);
    buffer_text(b, TEXT(",\"locations\":["));
    put_locations(x, a, item, r, &next);
    if (next)
        buffer_printf(b, "],\"next\":\"%llu\"}", (unsigned long long)next);
    else
        buffer_text(b, TEXT("],\"next\":null}"));
    etag_end(x, &etag, version_at, version_end);
}

static void answer_question(struct exchange *x, struct asked *a, struct text channel)
{
    const struct view *v = exchange_view(x);
    struct version version = view_version(v); /* before the rows */
    struct question q = {.method = a->method,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    struct rows rows;
    int tries = 0;

    if (!scratch_locations(x->loop, NAMES_MOST)) {
        problem_no_memory(x);
        return;
    }
    const struct sku *s = find_sku(x, a);
    if (!s) {
        problem(x, PROBLEM_NOT_FOUND, "no SKU `%.*s` is known", (int)a->sku.length, a->sku.at);
        return;
    }
    if (!channel_is_known(x, PROBLEM_BAD_PARAMETER, channel, &q.channel))
        return;
    by_ask(&a->by, &q, v);
    bool found = past_read(x, &a->past, &q);
    do
        found = found && find_rows(x, a, s, &q, &rows);
    while (found && past_again(x, &a->past, &q, &tries));
    if (found)
        put_answer(x, a, s, q.channel, &rows, version);
}

void availability_get(struct exchange *x)
{
    struct asked a;
    struct text channel;

    if (!read_question(x, &a) || !ask_channel(x, a.channel, &channel))
        return;
    if ((a.least.incarnation || a.least.offset) && !version_reached(x, a.least))
        return;
    epoch_enter(x->loop->reader);
    answer_question(x, &a, channel);
    epoch_exit(x->loop->reader);
}
