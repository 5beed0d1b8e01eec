/* GET /v1/items/{sku}/jsonld, /v1/products/{product}/jsonld and /v1/locations/{id}/jsonld: one item, product
 * with its variants, or location in schema.org's words, as a shop's page takes them. */
#include "http/etag.h"
#include "http/product_options.h"
#include "http/shape.h"

#include "codec/json_ld.h"

enum { OFFERS_MOST = ROWS_A_TURN, NAMES_MOST = 1024 };

void item_json_ld(struct exchange *x);
void product_json_ld(struct exchange *x);
void location_json_ld(struct exchange *x);

struct asked {
    struct text channel, group;
    uint32_t method;
    size_t names_count;
    struct text names[NAMES_MOST];
};

/* ---- the question ---- */

static void read_parameter(struct asked *a, const struct parameter *p, struct problems *errors)
{
    bool name = text_equal(p->name, TEXT("location")) || text_equal(p->name, TEXT("group")) ||
                text_equal(p->name, TEXT("channel"));

    if (name && !text_is_name(p->value))
        parameter_wrong(errors, p->name, "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
    else if (text_equal(p->name, TEXT("location")) && a->names_count < NAMES_MOST)
        a->names[a->names_count++] = p->value;
    else if (text_equal(p->name, TEXT("group")))
        a->group = p->value;
    else if (text_equal(p->name, TEXT("channel")))
        a->channel = p->value;
    else if (text_equal(p->name, TEXT("method"))) {
        parameter_method(p, &a->method, errors);
    } else
        parameter_unknown(errors, p->name);
}

static bool read_question(struct exchange *x, struct asked *a)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    memset(a, 0, offsetof(struct asked, names));
    errors.count = 0;
    while (parameter_next(x, &rest, &p, &errors))
        read_parameter(a, &p, &errors);
    if (a->names_count && a->group.length)
        problems_add(&errors, "group", "location and group do not go together");
    return parameters_right(x, &errors);
}

/* ---- rows ---- */

struct offers {
    size_t count;
    struct query_row *at;
};

/* The numbers of what was named. False: answered. */
static bool find_places(struct exchange *x, const struct asked *a, const uint32_t **ret, size_t *ret_count)
{
    const struct view *v = exchange_view(x);
    uint32_t *numbers = x->loop->scratch.locations;

    if (a->group.length) {
        const struct group *g;
        if (!group_is_known(x, a->group, &g))
            return false;
        *ret = g->locations;
        *ret_count = g->locations_count;
        return true;
    }
    for (size_t i = 0; i < a->names_count; i++) {
        const struct location *l = catalogue_location(v->catalogue, a->names[i]);
        if (!l || (x->key && !key_has_location(x->key, l->id))) {
            problem(x, l ? PROBLEM_FORBIDDEN : PROBLEM_BAD_PARAMETER,
                    l ? "this key is bound to other locations than %.*s" : "there is no location `%.*s`",
                    (int)a->names[i].length, a->names[i].at);
            return false;
        }
        numbers[i] = l->number;
    }
    *ret = numbers;
    *ret_count = a->names_count;
    return true;
}

static bool too_many(struct exchange *x)
{
    problem(x, PROBLEM_TOO_LARGE, "this would be more than %d offers: name locations, or a smaller group",
            OFFERS_MOST);
    return false;
}

/* False: answered. */
static bool find_offers(struct exchange *x, const struct asked *a, const struct sku *s,
                        const struct question *q, struct offers *ret)
{
    const struct view *v = exchange_view(x);
    bool named = a->names_count || a->group.length;
    const uint32_t *places = NULL;
    milli_t total;

    ret->at = scratch_rows(x->loop, OFFERS_MOST);
    if (!ret->at || !scratch_locations(x->loop, NAMES_MOST)) {
        problem_no_memory(x);
        return false;
    }
    if (named && !find_places(x, a, &places, &ret->count))
        return false;
    if (!named)
        ret->count = query_everywhere(v, s, q, ret->at, OFFERS_MOST, &total);
    if (ret->count > OFFERS_MOST)
        return too_many(x);
    if (named)
        query_locations(v, s, q, places, ret->count, ret->at, &total);
    return true;
}

/* ---- answers ---- */

static bool is_offered(const struct exchange *x, const struct query_row *r)
{
    return r->place && !r->place->deleted && (!x->key || key_has_location(x->key, r->place->id));
}

static void put_offers(struct buffer *b, const struct exchange *x, const struct item *item,
                       const struct offers *o)
{
    bool first = true;

    for (size_t i = 0; i < o->count; i++)
        if (is_offered(x, &o->at[i])) {
            ld_put_offer(b, &o->at[i], item, first);
            first = false;
        }
    ld_product_end(b);
}

static void put_product(struct exchange *x, const struct sku *s, const struct offers *o)
{
    const struct item *item = item_of(s);

    if (ld_product_begin(x->out, sku_text(s), item, &x->loop->scratch.arena))
        x->out->failed = true; /* the answer becomes a 503 */
    put_offers(x->out, x, item, o);
}

static void answer_item(struct exchange *x, const struct asked *a, struct text channel)
{
    const struct view *v = exchange_view(x);
    const struct sku *s = table_find(v->table, x->arguments[0]);
    struct question q = {.method = a->method,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    struct offers offers;

    if (!s) {
        problem(x, PROBLEM_NOT_FOUND, "no SKU `%.*s` is known", (int)x->arguments[0].length,
                x->arguments[0].at);
        return;
    }
    if (!channel_is_known(x, PROBLEM_BAD_PARAMETER, channel, &q.channel))
        return;
    if (!find_offers(x, a, s, &q, &offers))
        return;
    answer_begin(x, 200, "application/ld+json");
    struct etag etag = etag_begin(x, "private, max-age=1");
    answer_body(x);
    put_product(x, s, &offers);
    etag_end(x, &etag, 0, 0);
}

void item_json_ld(struct exchange *x)
{
    struct asked a;
    struct text channel;

    if (!read_question(x, &a) || !ask_channel(x, a.channel, &channel))
        return;
    epoch_enter(x->loop->reader);
    answer_item(x, &a, channel);
    epoch_exit(x->loop->reader);
}

/* ---- a product ---- */

/* Its name is that of its first item, as in the list of products. */
static struct text name_of(const struct matrix *m)
{
    const struct variant *first = &m->variants[0];

    for (size_t i = 1; i < m->variants_count; i++)
        if (sku_number(m->variants[i].sku) < sku_number(first->sku))
            first = &m->variants[i];
    return first->item->name;
}

/* In which options its variants are not all the same. */
static size_t differences(const struct matrix *m, struct text ret[OPTIONS_MOST])
{
    size_t count = 0;

    for (size_t i = 0; i < m->options_count; i++) {
        struct text name = m->options[i].name, one = variant_value(&m->variants[0], name);
        bool differ = false;
        for (size_t k = 1; k < m->variants_count && !differ; k++)
            differ = !text_equal(variant_value(&m->variants[k], name), one);
        if (differ)
            ret[count++] = name;
    }
    return count;
}

/* All variants with their offers. False: answered. */
static bool put_variants(struct exchange *x, const struct asked *a, const struct question *q,
                         const struct matrix *m, struct buffer *b, struct arena *scratch)
{
    size_t offers_count = 0;

    for (size_t i = 0; i < m->variants_count; i++) {
        const struct variant *v = &m->variants[i];
        struct offers offers;
        if (!find_offers(x, a, v->sku, q, &offers))
            return false;
        offers_count += offers.count;
        if (offers_count > OFFERS_MOST)
            return too_many(x);
        if (ld_variant_begin(b, sku_text(v->sku), v->item, scratch, i == 0))
            b->failed = true;
        put_offers(b, x, v->item, &offers);
    }
    return true;
}

static void answer_product(struct exchange *x, const struct asked *a, struct text channel)
{
    const struct view *v = exchange_view(x);
    struct question q = {.method = a->method,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    struct text names[OPTIONS_MOST];
    struct arena scratch = {0}; /* the matrix lies in the loop's */
    struct buffer variants = {0};
    struct matrix m;

    if (matrix_read_or_answer(x, x->arguments[0], &m) &&
        channel_is_known(x, PROBLEM_BAD_PARAMETER, channel, &q.channel) &&
        put_variants(x, a, &q, &m, &variants, &scratch)) {
        answer_begin(x, 200, "application/ld+json");
        struct etag etag = etag_begin(x, "private, max-age=1");
        answer_body(x);
        ld_group_begin(x->out, x->arguments[0], name_of(&m), names, differences(&m, names));
        buffer_add(x->out, variants.at, variants.length);
        ld_group_end(x->out);
        x->out->failed |= variants.failed;
        etag_end(x, &etag, 0, 0);
    }
    buffer_finish(&variants);
    arena_finish(&scratch);
}

void product_json_ld(struct exchange *x)
{
    struct asked a;
    struct text channel;

    if (!read_question(x, &a) || !ask_channel(x, a.channel, &channel))
        return;
    epoch_enter(x->loop->reader);
    answer_product(x, &a, channel);
    epoch_exit(x->loop->reader);
}

/* ---- a location ---- */

static void answer_location(struct exchange *x)
{
    const struct location *l = catalogue_location(exchange_view(x)->catalogue, x->arguments[0]);

    if (!l || l->deleted) {
        problem(x, PROBLEM_NOT_FOUND, "none of the locations is called `%.*s`", (int)x->arguments[0].length,
                x->arguments[0].at);
        return;
    }
    answer_begin(x, 200, "application/ld+json");
    struct etag etag = etag_begin(x, "private, no-cache");
    if (ld_put_location(answer_body(x), l, &x->loop->scratch.arena))
        x->out->failed = true;
    etag_end(x, &etag, 0, 0);
}

void location_json_ld(struct exchange *x)
{
    if (!parameters_none(x))
        return;
    epoch_enter(x->loop->reader);
    answer_location(x);
    epoch_exit(x->loop->reader);
}
