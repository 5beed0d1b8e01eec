/* GET /v1/rows/{sku}/{location}/demand: who holds what here. The accounts are the writer's own, so it is
 * asked. */
#include "http/commands.h"
#include "http/demand_shape.h"
#include "http/etag.h"
#include "http/shape.h"

#include <stdlib.h>

void demand_get(struct exchange *x);

enum { LISTED = 100 };

/* The question and, when it is back, its answer; freed with its batch. */
struct demand_question {
    struct arena arena;
    struct text sku, location;
    struct demand_place after;
    uint64_t limit;
    int error;
    struct demand_page page;
};

struct demand_task {
    struct pending pending;
    struct batch *batch;
    struct demand_question *question; /* the batch's */
};

/* ---- asking ---- */

/* @thread writer */
static bool ask(struct command *c, const struct state *s)
{
    struct demand_question *q = c->context;

    q->error = demand_list(s, q->sku, q->location, &q->after, q->limit, &q->arena, &q->page);
    return true;
}

static void forget(void *context)
{
    struct demand_question *q = context;

    arena_finish(&q->arena);
    free(q);
}

/* "since:length:reference and line", as the page before ended. */
static void put_next(struct buffer *b, const struct demand_place *last)
{
    char head[64];
    struct buffer next = {0};

    snprintf(head, sizeof(head), "%lld:%zu:", (long long)last->since, last->reference.length);
    buffer_string(&next, head);
    buffer_text(&next, last->reference);
    buffer_text(&next, last->line);
    b->failed |= next.failed;
    json_put_string(b, (struct text){next.at, next.length});
    buffer_finish(&next);
}

static bool read_after(struct text t, struct demand_place *ret)
{
    long long at = 0;
    unsigned long length = 0;
    int used = 0;
    char head[64];
    size_t n = t.length < sizeof(head) - 1 ? t.length : sizeof(head) - 1;

    memcpy(head, t.at, n);
    head[n] = '\0';
    if (sscanf(head, "%lld:%lu:%n", &at, &length, &used) < 2 || !used || length > t.length - (size_t)used)
        return false;
    ret->said = true;
    ret->since = at;
    ret->reference = (struct text){t.at + used, length};
    ret->line = (struct text){t.at + used + length, t.length - (size_t)used - length};
    return true;
}

/* ---- answering ---- */

static void put_answer(struct exchange *x, const struct demand_question *q, const struct command *c)
{
    struct etag etag;
    struct buffer *b = row_answer_begin(x, q->sku, q->location, &etag);
    buffer_text(b, TEXT(",\"held\":"));
    json_put_quantity(b, q->page.held);
    buffer_text(b, TEXT(",\"committed\":"));
    json_put_quantity(b, q->page.committed);
    buffer_text(b, TEXT(",\"demand\":["));
    for (size_t i = 0; i < q->page.count; i++) {
        if (i)
            buffer_byte(b, ',');
        put_demand(b, &q->page.at[i], false);
    }
    buffer_text(b, TEXT("],\"next\":"));
    if (q->page.more && q->page.count)
        put_next(b, &q->page.end);
    else
        buffer_text(b, TEXT("null"));
    size_t version_at = b->length - x->body_at;
    put_asked_as_of(b, c);
    size_t version_end = b->length - x->body_at;
    buffer_byte(b, '}');
    etag_end(x, &etag, version_at, version_end);
}

static void drop(struct pending *p)
{
    struct demand_task *t = (struct demand_task *)p;

    batch_drop(t->batch);
    free(t);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct demand_task *t = (struct demand_task *)p;
    enum batch_status s = batch_advance(t->batch);

    if (s == BATCH_WAITING)
        return PENDING_WAIT;
    if (s != BATCH_DONE)
        problem(x, PROBLEM_UNAVAILABLE, "the writer does not answer now: try again");
    else if (t->question->error == ERROR_NOTFOUND)
        problem(x, PROBLEM_NOT_FOUND, "this SKU has no row at this location");
    else if (t->question->error)
        problem_no_memory(x);
    else
        put_answer(x, t->question, batch_command(t->batch, 0));
    return PENDING_DONE;
}

/* ---- the question ---- */

static bool copy(struct demand_question *q, struct text t, struct text *ret)
{
    *ret = arena_text(&q->arena, t);
    return ret->at || !t.length;
}

static bool read_question(struct exchange *x, struct demand_question *q)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query, after;
    bool no_memory = !copy(q, x->arguments[0], &q->sku) || !copy(q, x->arguments[1], &q->location);

    errors.count = 0;
    q->limit = LISTED;
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("limit")))
            parameter_number(&p, 1, DEMAND_PAGE_MOST, &q->limit, &errors);
        else if (!text_equal(p.name, TEXT("after")))
            parameter_unknown(&errors, p.name);
        else if (!copy(q, p.value, &after))
            no_memory = true;
        else if (!read_after(after, &q->after))
            parameter_wrong(&errors, p.name, "must be `next` of the page before");
    }
    if (no_memory)
        problem_no_memory(x);
    return !no_memory && parameters_right(x, &errors);
}

static void run(struct exchange *x, struct demand_question *q)
{
    struct demand_task *t = calloc(1, sizeof(*t));

    if (t)
        t->batch = batch_create(x);
    if (!t || !t->batch || batch_ask(t->batch, ask, q, forget)) {
        if (!t || !t->batch)
            forget(q);
        if (t)
            drop(&t->pending);
        problem_no_memory(x);
        return;
    }
    t->question = q;
    t->pending = (struct pending){step, drop, batch_deadline_us(t->batch), false};
    if (step(&t->pending, x) == PENDING_DONE)
        drop(&t->pending);
    else
        exchange_wait(x, &t->pending);
}

void demand_get(struct exchange *x)
{
    if (!location_is_allowed(x, x->arguments[1]))
        return;
    struct demand_question *q = calloc(1, sizeof(*q));
    if (!q)
        problem_no_memory(x);
    else if (read_question(x, q))
        run(x, q);
    else
        forget(q);
}
