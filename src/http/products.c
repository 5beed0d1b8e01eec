/* GET /v1/products/{product}/availability: all variants of a product at once, size by colour, in total or at
 * some places. */
#include "http/by.h"
#include "http/etag.h"
#include "http/past.h"
#include "http/product_options.h"
#include "http/shape.h"
#include "http/where.h"

#include "core/answer/finder.h"

enum {
    PLACES_MOST = 1000,
    NEAR_LISTED = 10,
    LOOKS_MOST = 20000,
    MATRIX_ROWS_MOST = 100000 /* of all variants together, in one turn of the loop */
};

void product_availability_get(struct exchange *x);

/* The question as it was put. */
struct asked {
    struct text product, channel, group;
    uint32_t method;
    bool detail;
    struct near_said near;
    uint64_t limit;
    milli_t quantity; /* 0: any */
    struct version least;
    struct by by;
    struct past past;
    size_t names_count;
    struct text names[PLACES_MOST];
};

/* ---- reading the question ---- */

static void read_location(struct asked *a, const struct parameter *p, struct problems *errors)
{
    if (!text_is_name(p->value))
        parameter_wrong(errors, p->name, parameter_name_must);
    else if (a->names_count == PLACES_MOST)
        parameter_wrong(errors, p->name, "may be there 1000 times at most");
    else
        a->names[a->names_count++] = p->value;
}

static void read_time(struct asked *a, const struct parameter *p, struct problems *errors)
{
    if (text_equal(p->name, TEXT("by")))
        parameter_by(p, &a->by, errors);
    else if (text_equal(p->name, TEXT("min_version")))
        parameter_version(p, &a->least, errors);
    else if (text_equal(p->name, TEXT("reservation")))
        parameter_past(p, &a->past, errors);
    else
        parameter_unknown(errors, p->name);
}

static void read_parameter(struct asked *a, const struct parameter *p, struct problems *errors)
{
    if (text_equal(p->name, TEXT("location")))
        read_location(a, p, errors);
    else if (text_equal(p->name, TEXT("group")))
        parameter_name(p, &a->group, errors);
    else if (text_equal(p->name, TEXT("near")))
        parameter_near(p, &a->near, errors);
    else if (text_equal(p->name, TEXT("within_km")))
        parameter_within(p, &a->near, errors);
    else if (text_equal(p->name, TEXT("limit")))
        parameter_number(p, 1, PLACES_MOST, &a->limit, errors);
    else if (text_equal(p->name, TEXT("channel")))
        parameter_name(p, &a->channel, errors);
    else if (text_equal(p->name, TEXT("quantity")))
        parameter_quantity(p, &a->quantity, errors);
    else if (text_equal(p->name, TEXT("detail")))
        parameter_flag(p, &a->detail, errors);
    else if (text_equal(p->name, TEXT("method"))) {
        parameter_method(p, &a->method, errors);
    } else
        read_time(a, p, errors);
}

static void check_together(const struct asked *a, struct problems *errors)
{
    parameters_where(a->names_count, a->group, &a->near, errors);
    if (a->limit && !a->near.is_said)
        problems_add(errors, "limit", "goes with near only");
}

/* False: answered 400. */
static bool read_question(struct exchange *x, struct asked *a)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    memset(a, 0, offsetof(struct asked, names));
    errors.count = 0;
    a->product = x->arguments[0];
    while (parameter_next(x, &rest, &p, &errors))
        read_parameter(a, &p, &errors);
    check_together(a, &errors);
    if (!parameters_right(x, &errors))
        return false;
    if (!text_is_identifier(a->product)) {
        problem(x, PROBLEM_BAD_PATH,
                "the product must be 1 to 128 bytes of UTF-8 without control characters");
        return false;
    }
    return true;
}

/* ---- where ---- */

/* The places asked for; none said: everywhere. */
struct where {
    bool everywhere;
    size_t count;
    const uint32_t *numbers;
    const struct text *names; /* as asked for, or NULL */
};

static bool name_places(struct exchange *x, const struct asked *a, struct where *ret)
{
    uint32_t *numbers = x->loop->scratch.locations;

    for (size_t i = 0; i < a->names_count; i++) {
        if (!location_is_allowed(x, a->names[i]))
            return false;
        const struct location *l = catalogue_location(exchange_view(x)->catalogue, a->names[i]);
        numbers[i] = l ? l->number : INDEX_NONE;
    }
    *ret = (struct where){false, a->names_count, numbers, a->names};
    return true;
}

static bool name_group(struct exchange *x, const struct asked *a, struct where *ret)
{
    const struct group *g;

    if (!group_is_known(x, a->group, &g))
        return false;
    *ret = (struct where){false, g->locations_count, g->locations, NULL};
    return true;
}

struct carrying {
    const struct exchange *exchange;
    const struct matrix *matrix;
};

/* A place that has rows of none of the variants says nothing. */
static bool carries_any(void *context, const struct location *l)
{
    const struct carrying *c = context;
    const struct table *t = exchange_view(c->exchange)->table;
    struct row_image row;

    if (c->exchange->key && !key_has_location(c->exchange->key, l->id))
        return false;
    for (size_t i = 0; i < c->matrix->variants_count; i++)
        if (c->matrix->variants[i].item->components_count ||
            sku_read(t, c->matrix->variants[i].sku, l->number, &row))
            return true;
    return false;
}

static bool find_near(struct exchange *x, const struct asked *a, const struct matrix *m, struct where *ret)
{
    size_t most = a->limit ? a->limit : NEAR_LISTED;
    struct near_place *places = scratch_places(x->loop, most + FINDER_TURN);
    struct carrying carrying = {x, m};
    struct question q = {0};
    struct finder f = {.view = exchange_view(x),
                       .question = &q,
                       .room = &x->loop->scratch.finder,
                       .near = near_from(a->near.latitude_e7, a->near.longitude_e7, a->near.within_m),
                       .is_wanted = carries_any,
                       .context = &carrying,
                       .looks_most = LOOKS_MOST};

    if (!places) {
        problem_no_memory(x);
        return false;
    }
    size_t count = finder_find(&f, places, NULL, most);
    for (size_t i = 0; i < count; i++)
        x->loop->scratch.locations[i] = places[i].number;
    *ret = (struct where){false, count, x->loop->scratch.locations, NULL};
    return true;
}

static bool find_places(struct exchange *x, const struct asked *a, const struct matrix *m, struct where *ret)
{
    if (!scratch_locations(x->loop, PLACES_MOST)) {
        problem_no_memory(x);
        return false;
    }
    if (a->names_count)
        return name_places(x, a, ret);
    if (a->group.length)
        return name_group(x, a, ret);
    if (a->near.is_said)
        return find_near(x, a, m, ret);
    *ret = (struct where){.everywhere = true};
    return true;
}

/* False: answered 413. */
static bool is_bearable(struct exchange *x, const struct matrix *m, const struct where *p)
{
    size_t rows = p->everywhere ? 0 : m->variants_count * p->count;

    for (size_t i = 0; i < m->variants_count && p->everywhere; i++)
        rows += sku_rows_count(m->variants[i].sku);
    if (rows <= MATRIX_ROWS_MOST)
        return true;
    problem(x, PROBLEM_TOO_LARGE,
            "%zu rows of %zu variants: at most %d may be asked at once: name locations, a "
            "smaller group, or a point",
            rows, m->variants_count, MATRIX_ROWS_MOST);
    return false;
}

/* ---- the answer ---- */

/* What is being made of the variants, one after the other. */
struct making {
    struct exchange *x;
    const struct asked *asked;
    const struct question *question;
    const struct where *places;
    struct buffer out; /* the variants so far */
    struct total all;
};

/* The rows of one variant, in the loop's scratch. NULL without memory. */
static struct query_row *read_rows(struct making *m, const struct variant *v, size_t *ret_count)
{
    const struct view *view = exchange_view(m->x);
    const struct where *p = m->places;
    struct loop *l = m->x->loop;
    size_t count = p->everywhere ? sku_rows_count(v->sku) : p->count;
    struct query_row *rows = scratch_rows(l, count + 1);
    milli_t total;

    if (rows && !p->everywhere)
        query_locations(view, v->sku, m->question, p->numbers, count, rows, &total);
    while (rows && p->everywhere &&
           (count = query_everywhere(view, v->sku, m->question, rows, l->scratch.rows_capacity, &total)) >
               l->scratch.rows_capacity)
        rows = scratch_rows(l, count + count / 8);
    *ret_count = count;
    return rows;
}

static bool is_listed(const struct making *m, const struct query_row *r)
{
    const struct key *k = m->x->key;

    return r->figure.available >= m->asked->quantity &&
           (!k || !k->locations_count || (r->place && key_has_location(k, r->place->id)));
}

static void put_options(struct buffer *b, const struct variant *v)
{
    buffer_text(b, TEXT(",\"options\":{"));
    for (size_t i = 0; i < v->options_count; i++) {
        if (i)
            buffer_byte(b, ',');
        json_put_string(b, v->options[i].name);
        buffer_byte(b, ':');
        json_put_string(b, v->options[i].value);
    }
    buffer_byte(b, '}');
}

static void put_locations(struct making *m, const struct variant *v, struct query_row *rows, size_t count)
{
    const struct where *p = m->places;
    struct buffer *b = &m->out;
    size_t listed = 0;

    buffer_text(b, TEXT(",\"locations\":["));
    for (size_t i = 0; i < count; i++) {
        if (!is_listed(m, &rows[i]))
            continue;
        if (listed++)
            buffer_byte(b, ',');
        if (m->asked->near.is_said && rows[i].place)
            rows[i].distance_m = near_distance_m(&m->asked->near, rows[i].place);
        put_row(b, exchange_view(m->x), &rows[i], v->item, p->names ? p->names[i] : TEXT("unknown"),
                m->asked->detail, m->asked->near.is_said);
    }
    buffer_byte(b, ']');
}

/* False without memory. */
static bool put_variant(struct making *m, const struct variant *v)
{
    struct total total = {0};
    struct buffer *b = &m->out;
    size_t count;
    struct query_row *rows = read_rows(m, v, &count);

    if (!rows)
        return false;
    for (size_t i = 0; i < count; i++)
        if (is_listed(m, &rows[i])) {
            total_add(&total, &rows[i].figure);
            total_add(&m->all, &rows[i].figure);
        }
    buffer_string(b, b->length ? ",{\"sku\":" : "{\"sku\":");
    json_put_string(b, sku_text(v->sku));
    buffer_text(b, TEXT(",\"name\":"));
    put_text_or_null(b, v->item->name);
    put_options(b, v);
    buffer_text(b, TEXT(",\"available\":"));
    json_put_quantity(b, total.available);
    buffer_text(b, TEXT(",\"level\":\""));
    buffer_string(b, level_name(total_level(&total, m->question->channel)));
    buffer_byte(b, '"');
    if (!m->places->everywhere || m->asked->detail)
        put_locations(m, v, rows, count);
    buffer_byte(b, '}');
    return !b->failed;
}

static void put_option_values(struct buffer *b, const struct matrix *m)
{
    buffer_text(b, TEXT(",\"options\":["));
    for (size_t i = 0; i < m->options_count; i++) {
        buffer_string(b, i ? ",{\"name\":" : "{\"name\":");
        json_put_string(b, m->options[i].name);
        buffer_text(b, TEXT(",\"values\":["));
        for (size_t k = 0; k < m->options[i].values_count; k++) {
            if (k)
                buffer_byte(b, ',');
            json_put_string(b, m->options[i].values[k]);
        }
        buffer_text(b, TEXT("]}"));
    }
    buffer_byte(b, ']');
}

static void put_answer(const struct making *m, const struct matrix *matrix, struct version version)
{
    struct exchange *x = m->x;
    struct buffer *b = x->out;
    const struct channel *c = m->question->channel;

    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, max-age=1");
    answer_body(x);
    buffer_text(b, TEXT("{\"product\":"));
    json_put_string(b, m->asked->product);
    buffer_text(b, TEXT(",\"channel\":"));
    put_text_or_null(b, c ? c->id : (struct text){0});
    buffer_byte(b, ',');
    size_t version_at = b->length - x->body_at;
    put_as_of(b, exchange_view(x), version);
    size_t version_end = b->length - x->body_at;
    buffer_text(b, TEXT(",\"available\":"));
    json_put_quantity(b, m->all.available);
    buffer_text(b, TEXT(",\"level\":\""));
    buffer_string(b, level_name(total_level(&m->all, c)));
    buffer_byte(b, '"');
    put_option_values(b, matrix);
    buffer_text(b, TEXT(",\"variants\":["));
    buffer_add(b, m->out.at, m->out.length);
    buffer_text(b, TEXT("]}"));
    etag_end(x, &etag, version_at, version_end);
}

static bool put_variants(struct making *m, const struct matrix *matrix)
{
    buffer_clear(&m->out);
    m->all = (struct total){0};
    for (size_t i = 0; i < matrix->variants_count; i++)
        if (!put_variant(m, &matrix->variants[i])) {
            problem_no_memory(m->x);
            return false;
        }
    return true;
}

static void answer_question(struct exchange *x, struct asked *a, struct text channel)
{
    const struct view *v = exchange_view(x);
    struct version version = view_version(v); /* before the rows */
    struct question q = {.method = a->method,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    struct matrix matrix;
    struct where places;
    int tries = 0;

    if (!matrix_read_or_answer(x, a->product, &matrix) || !channel_is_known(x, PROBLEM_BAD_PARAMETER, channel, &q.channel) ||
        !find_places(x, a, &matrix, &places) || !is_bearable(x, &matrix, &places))
        return;
    struct making m = {.x = x, .asked = a, .question = &q, .places = &places};
    by_ask(&a->by, &q, v);
    bool made = past_read(x, &a->past, &q);
    do
        made = made && put_variants(&m, &matrix);
    while (made && past_again(x, &a->past, &q, &tries));
    if (made)
        put_answer(&m, &matrix, version);
    buffer_finish(&m.out);
}

void product_availability_get(struct exchange *x)
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
