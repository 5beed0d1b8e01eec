/* GET /v1/rows/{sku}/{location}/history: what was said of a row and what it did, newest first. The answer
 * comes from a file: another thread reads it, the loop goes on meanwhile. */
#include "http/commands.h"
#include "http/etag.h"
#include "http/shape.h"

#include "codec/row_json.h"

#include <stdlib.h>

void history_get(struct exchange *x);

enum { LINES_USUAL = 100, WAIT_MS = 5000 };

/* A question on its way. Freed when it is back and nobody waits for it. */
struct asking {
    struct history_question question;
    struct pending pending;
    struct letter letter;
    struct connection *waiter; /* NULL: dropped */
    bool is_back;
    char texts[2 * TEXT_BYTES_MOST];
};

/* ---- the answer ---- */

static void put_member(struct buffer *b, const char *name, struct text t)
{
    buffer_printf(b, ",\"%s\":", name);
    put_text_or_null(b, t);
}

static void put_figures(struct buffer *b, const char *name, const struct row_figures *r)
{
    const struct {
        const char *name;
        milli_t value;
    } all[] = {{"on_hand", r->on_hand},
               {"unavailable", r->unavailable},
               {"reserved", r->reserved},
               {"committed", r->committed},
               {"safety_stock", r->safety_stock},
               {"net_available", r->on_hand - r->unavailable - r->reserved - r->committed - r->safety_stock},
               {"incoming", r->incoming}};

    buffer_printf(b, ",\"%s\":{", name);
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        buffer_printf(b, "%s\"%s\":", i ? "," : "", all[i].name);
        json_put_quantity(b, all[i].value);
    }
    buffer_byte(b, '}');
}

static void put_line(struct buffer *b, uint64_t incarnation, const struct history_line *l)
{
    buffer_text(b, TEXT("{\"version\":"));
    json_put_version(b, (struct version){incarnation, l->offset});
    buffer_printf(b, ",\"event\":%u", l->event);
    put_member(b, "type", l->type);
    buffer_text(b, TEXT(",\"quantity\":"));
    if (l->quantity == LIMIT_NONE)
        buffer_text(b, TEXT("null"));
    else
        json_put_quantity(b, l->quantity);
    put_member(b, "verdict", l->verdict);
    put_member(b, "verdict_reason", l->verdict_reason);
    put_figures(b, "before", &l->was);
    put_figures(b, "after", &l->now);
    put_member(b, "id", l->event_id);
    put_member(b, "source", l->source);
    put_member(b, "reference", l->reference);
    put_member(b, "line", l->line);
    put_member(b, "reservation", l->reservation);
    put_member(b, "channel", l->channel);
    put_member(b, "reason", l->reason);
    buffer_text(b, TEXT(",\"occurred_at\":"));
    json_put_instant(b, l->occurred_at);
    buffer_text(b, TEXT(",\"appended_at\":"));
    json_put_instant(b, l->appended_at);
    buffer_byte(b, '}');
}

static void put_answer(struct exchange *x, const struct history_question *q)
{
    struct version version = {q->incarnation, q->applied_to ? q->applied_to - 1 : 0};

    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, q->sku);
    buffer_text(b, TEXT(",\"location\":"));
    json_put_string(b, q->location);
    buffer_byte(b, ',');
    size_t version_at = b->length - x->body_at;
    put_as_of(b, exchange_view(x), version);
    size_t version_end = b->length - x->body_at;
    buffer_text(b, TEXT(",\"complete_from\":"));
    json_put_version(b, (struct version){q->incarnation, q->complete_from});
    buffer_text(b, TEXT(",\"changes\":["));
    for (size_t i = 0; i < q->count; i++) {
        if (i)
            buffer_byte(b, ',');
        put_line(b, q->incarnation, &q->lines[i]);
    }
    if (q->next_before)
        buffer_printf(b, "],\"next\":\"%ld\"}", q->next_before);
    else
        buffer_text(b, TEXT("],\"next\":null}"));
    etag_end(x, &etag, version_at, version_end);
}

static void put_failure(struct exchange *x, int error)
{
    if (error == ERROR_NOMEM)
        problem_no_memory(x);
    else
        problem(x, PROBLEM_UNAVAILABLE, "the history cannot be read now (%s): try again", error_text(error));
}

/* ---- on its way ---- */

static void free_asking(struct asking *a)
{
    arena_finish(&a->question.arena);
    free(a);
}

static void drop(struct pending *p)
{
    struct asking *a = (struct asking *)((char *)p - offsetof(struct asking, pending));

    a->waiter = NULL;
    if (a->is_back)
        free_asking(a);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct asking *a = (struct asking *)((char *)p - offsetof(struct asking, pending));

    if (!a->is_back) {
        if (x->loop->now_us < p->deadline_us)
            return PENDING_WAIT;
        problem(x, PROBLEM_UNAVAILABLE, "the history did not answer in time: try again");
        return PENDING_DONE;
    }
    if (a->question.status)
        put_failure(x, a->question.status);
    else
        put_answer(x, &a->question);
    return PENDING_DONE;
}

static void opened(struct letter *l, struct loop *loop)
{
    struct asking *a = (struct asking *)((char *)l - offsetof(struct asking, letter));

    a->is_back = true;
    if (!loop || !a->waiter)
        free_asking(a);
    else
        connection_resume(a->waiter);
}

/* @thread history-read */
static void answered(struct history_question *q)
{
    letter_send(&((struct asking *)q)->letter);
}

/* ---- the question ---- */

static bool read_instant(const struct parameter *p, instant_t *ret, struct problems *errors)
{
    if (instant_parse(p->value, ret))
        return true;
    parameter_wrong(errors, p->name, "must be an instant like 2026-11-21T10:05:00Z");
    return false;
}

static bool read_question(struct exchange *x, struct history_question *q)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;
    uint64_t number;

    errors.count = 0;
    q->limit = LINES_USUAL;
    q->from = q->to = INSTANT_NONE;
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("limit")))
            q->limit = parameter_number(&p, 1, HISTORY_PAGE_MOST, &number, &errors) ? (unsigned)number : 1;
        else if (text_equal(p.name, TEXT("after")))
            q->before = parameter_number(&p, 1, INT64_MAX, &number, &errors) ? (int64_t)number : 0;
        else if (text_equal(p.name, TEXT("from")))
            read_instant(&p, &q->from, &errors);
        else if (text_equal(p.name, TEXT("to")))
            read_instant(&p, &q->to, &errors);
        else
            parameter_unknown(&errors, p.name);
    }
    if (errors.count)
        problem_with(x, PROBLEM_BAD_PARAMETER, &errors, "parameter `%s` %s", errors.at[0].pointer,
                     errors.at[0].detail);
    return !errors.count;
}

/* Is there such a row, and may the key see it? False: answered. */
static bool row_is_there(struct exchange *x)
{
    const struct view *v = exchange_view(x);
    struct text sku = x->arguments[0], location = x->arguments[1];
    struct row_image row;

    epoch_enter(x->loop->reader);
    const struct sku *s = table_find(v->table, sku);
    const struct location *l = catalogue_location(v->catalogue, location);
    bool there = s && l && sku_read(v->table, s, l->number, &row);
    epoch_exit(x->loop->reader);
    if (x->key && !key_has_location(x->key, location))
        problem(x, PROBLEM_FORBIDDEN, "this key is bound to other locations than %.*s", (int)location.length,
                location.at);
    else if (!there)
        problem(x, PROBLEM_NOT_FOUND, "no row of SKU `%.*s` at location `%.*s` is known", (int)sku.length,
                sku.at, (int)location.length, location.at);
    else
        return true;
    return false;
}

static void send_question(struct exchange *x, struct asking *a)
{
    const struct history_port *port = &x->loop->http->options.history;

    letter_expect(&a->letter, x->loop);
    int error = port->ask(port->history, &a->question);
    if (!error) {
        exchange_wait(x, &a->pending);
        return;
    }
    letter_not_sent(&a->letter);
    free_asking(a);
    if (error == ERROR_BUSY)
        problem(x, PROBLEM_TOO_MANY_REQUESTS, "too many ask the history now: try again");
    else
        put_failure(x, error);
}

void history_get(struct exchange *x)
{
    struct history_question q = {0};

    if (!read_question(x, &q) || !row_is_there(x))
        return;
    if (!x->loop->http->options.history.ask) {
        problem(x, PROBLEM_UNAVAILABLE, "this server keeps no history: it was started with --history off");
        return;
    }
    struct asking *a = malloc(sizeof(*a));
    if (!a) {
        problem_no_memory(x);
        return;
    }
    *a = (struct asking){.question = q, .waiter = x->connection};
    a->question.sku = (struct text){a->texts, x->arguments[0].length};
    memcpy(a->texts, x->arguments[0].at, x->arguments[0].length);
    a->question.location = (struct text){a->texts + x->arguments[0].length, x->arguments[1].length};
    memcpy(a->texts + x->arguments[0].length, x->arguments[1].at, x->arguments[1].length);
    a->question.done = answered;
    a->letter.opened = opened;
    a->pending = (struct pending){
        .step = step, .drop = drop, .deadline_us = x->loop->now_us + WAIT_MS * INT64_C(1000)};
    send_question(x, a);
}
