/* GET /v1/rows/{sku}/{location}/explain: the arithmetic of a row's availability, term by term. */
#include "http/by.h"
#include "http/etag.h"
#include "http/explain_past.h"
#include "http/past.h"
#include "http/shape.h"

void explain_get(struct exchange *x);

struct asked {
    struct text channel;
    uint32_t method;
    struct by by;
    struct past past;
    struct version version;
    bool of_version; /* else now */
};

static bool read_question(struct exchange *x, struct asked *ret)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    *ret = (struct asked){0};
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("channel"))) {
            if (text_is_name(p.value))
                ret->channel = p.value;
            else
                parameter_wrong(&errors, p.name, "must be a name");
        } else if (text_equal(p.name, TEXT("method"))) {
            parameter_method(&p, &ret->method, &errors);
        } else if (text_equal(p.name, TEXT("reservation"))) {
            parameter_past(&p, &ret->past, &errors);
        } else if (text_equal(p.name, TEXT("by"))) {
            parameter_by(&p, &ret->by, &errors);
        } else if (text_equal(p.name, TEXT("version"))) {
            ret->of_version = parameter_version(&p, &ret->version, &errors);
        } else {
            parameter_unknown(&errors, p.name);
        }
    }
    bool narrowed = ret->channel.length || ret->method || by_said(&ret->by) || ret->past.count;
    if (ret->of_version && narrowed && !errors.count)
        parameter_wrong(&errors, TEXT("version"),
                        "stands alone: what was judged then was judged for its own channel");
    return parameters_right(x, &errors);
}

static void put_terms(struct exchange *x, const struct asked_row *row, const struct question *q)
{
    struct explain_term terms[EXPLAIN_TERMS_MOST];
    size_t n = figure_explain(row, q, terms);
    struct buffer *b = x->out;

    buffer_text(b, TEXT(",\"terms\":["));
    for (size_t i = 0; i < n; i++) {
        buffer_string(b, i ? ",{\"name\":" : "{\"name\":");
        json_put_string(b, text_of(terms[i].name));
        buffer_text(b, TEXT(",\"value\":"));
        json_put_quantity(b, terms[i].value);
        buffer_text(b, TEXT(",\"meaning\":"));
        json_put_string(b, text_of(terms[i].meaning));
        buffer_byte(b, '}');
    }
    buffer_byte(b, ']');
}

/* A kit has no stock of its own: what its components leave. */
static void put_components(struct exchange *x, const struct item *kit, const struct location *l,
                           const struct question *q)
{
    const struct view *v = exchange_view(x);
    struct buffer *b = x->out;

    buffer_text(b, TEXT(",\"components\":["));
    for (uint32_t i = 0; i < kit->components_count; i++) {
        const struct component *c = &kit->components[i];
        const struct sku *s = table_find(v->table, c->sku);
        struct query_row row = {0};
        milli_t total;
        if (s)
            query_locations(v, s, q, &l->number, 1, &row, &total);
        buffer_string(b, i ? ",{\"sku\":" : "{\"sku\":");
        json_put_string(b, c->sku);
        buffer_text(b, TEXT(",\"quantity\":"));
        json_put_quantity(b, c->quantity);
        buffer_text(b, TEXT(",\"available\":"));
        json_put_quantity(b, row.figure.available);
        buffer_byte(b, '}');
    }
    buffer_byte(b, ']');
}

static void put_kit_terms(struct exchange *x, const struct query_row *row)
{
    struct buffer *b = x->out;

    buffer_text(b, TEXT(",\"terms\":[{\"name\":\"available\",\"value\":"));
    json_put_quantity(b, row->figure.available);
    buffer_text(b, TEXT(",\"meaning\":\"the least over the components, in whole kits\"}]"));
}

enum { SCHEDULE_LISTED = 100 };

static void put_schedule(struct exchange *x, const struct asked_row *row, const struct question *q)
{
    struct schedule_line line[SCHEDULE_LISTED];
    size_t count = figure_schedule(row, q, line, SCHEDULE_LISTED);
    struct buffer *b = x->out;

    buffer_text(b, TEXT(",\"schedule\":["));
    for (size_t i = 0; i < count && i < SCHEDULE_LISTED; i++) {
        buffer_string(b, i ? ",{\"at\":" : "{\"at\":");
        json_put_instant(b, line[i].at); /* null: now */
        buffer_text(b, TEXT(",\"incoming\":"));
        json_put_quantity(b, line[i].incoming);
        buffer_text(b, TEXT(",\"demand\":"));
        json_put_quantity(b, line[i].demand);
        buffer_text(b, TEXT(",\"projected\":"));
        json_put_quantity(b, line[i].projected);
        buffer_text(b, TEXT(",\"atp\":"));
        json_put_quantity(b, line[i].atp);
        buffer_byte(b, '}');
    }
    buffer_byte(b, ']');
}

static void put_rule_quantity(struct buffer *b, const char *name, milli_t q)
{
    buffer_string(b, name);
    if (q == LIMIT_NONE)
        buffer_text(b, TEXT("null"));
    else
        json_put_quantity(b, q);
}

/* Which of them are as they are because the place is stale. */
static void put_by_silence(struct buffer *b, const struct terms *t)
{
    static const char *const names[] = {"buffer",       "buffer_percent", "cap",
                                        "max_per_line", "safety_stock",   "enabled"};
    const char *before = "\"";

    buffer_text(b, TEXT(",\"by_silence\":["));
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (t->by_silence & 1u << i) {
            buffer_string(b, before);
            buffer_string(b, names[i]);
            buffer_byte(b, '"');
            before = ",\"";
        }
    buffer_byte(b, ']');
}

/* What the channel's rules come to here. */
static void put_rules(struct exchange *x, const struct terms *t)
{
    struct buffer *b = x->out;

    buffer_text(b, t->enabled ? TEXT(",\"rules\":{\"enabled\":true") : TEXT(",\"rules\":{\"enabled\":false"));
    put_rule_quantity(b, ",\"buffer\":", t->buffer);
    put_rule_quantity(b, ",\"buffer_percent\":", t->buffer_percent);
    put_rule_quantity(b, ",\"cap\":", t->cap);
    put_rule_quantity(b, ",\"max_per_line\":", t->max_per_line);
    put_rule_quantity(b, ",\"safety_stock\":", t->safety_stock);
    put_by_silence(b, t);
    buffer_byte(b, '}');
}

static void answer(struct exchange *x, const struct asked *a, const struct sku *s, const struct location *l,
                   struct question *q)
{
    const struct view *v = exchange_view(x);
    struct version version = view_version(v); /* before the row */
    struct query_row row;
    milli_t total;
    int tries = 0;

    if (!past_read(x, &a->past, q))
        return;
    do
        query_locations(v, s, q, &l->number, 1, &row, &total);
    while (past_again(x, &a->past, q, &tries));
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, sku_text(s));
    buffer_text(b, TEXT(",\"channel\":"));
    put_text_or_null(b, q->channel ? q->channel->id : (struct text){0});
    buffer_byte(b, ',');
    size_t version_at = b->length - x->body_at;
    put_as_of(b, v, version);
    size_t version_end = b->length - x->body_at;
    buffer_text(b, TEXT(",\"row\":"));
    put_row(b, v, &row, sku_item(s), l->id, true, false);
    const struct item *item = item_of(s);
    struct asked_row asked = query_asked(v, s, q, &row);
    if (item && item->components_count) {
        put_kit_terms(x, &row);
        put_components(x, item, l, q);
    } else {
        put_terms(x, &asked, q);
    }
    put_rules(x, &asked.terms);
    if (item && item->components_count)
        buffer_text(b, TEXT(",\"schedule\":[]"));
    else
        put_schedule(x, &asked, q);
    buffer_byte(b, '}');
    etag_end(x, &etag, version_at, version_end);
}

static void explain(struct exchange *x, struct asked *a, struct text channel)
{
    const struct view *v = exchange_view(x);
    struct question q = {.method = a->method,
                         .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    const struct sku *s = table_find(v->table, x->arguments[0]);
    const struct location *l = catalogue_location(v->catalogue, x->arguments[1]);

    by_ask(&a->by, &q, v);
    if (channel.length)
        q.channel = catalogue_channel(v->catalogue, channel);
    if (!s)
        problem(x, PROBLEM_NOT_FOUND, "no SKU `%.*s` is known", (int)x->arguments[0].length,
                x->arguments[0].at);
    else if (!l)
        problem(x, PROBLEM_NOT_FOUND, "no location `%.*s` is known", (int)x->arguments[1].length,
                x->arguments[1].at);
    else if (channel.length && (!q.channel || q.channel->deleted))
        problem(x, PROBLEM_BAD_PARAMETER, "there is no channel `%.*s`", (int)channel.length, channel.at);
    else if (location_is_allowed(x, l->id))
        answer(x, a, s, l, &q);
}

void explain_get(struct exchange *x)
{
    struct asked a;
    struct text channel;

    if (!read_question(x, &a))
        return;
    if (a.of_version) {
        explain_past(x, a.version);
        return;
    }
    if (!ask_channel(x, a.channel, &channel))
        return;
    epoch_enter(x->loop->reader);
    explain(x, &a, channel);
    epoch_exit(x->loop->reader);
}
