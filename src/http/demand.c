/* GET /v1/rows/{sku}/{location}/demand: who holds what here. GET /v1/demand?reference=: what is open of an
 * order, over all rows. The accounts are the writer's own, so it is asked. */
#include "http/commands.h"
#include "http/demand_shape.h"
#include "http/etag.h"
#include "http/shape.h"

#include <stdlib.h>

void demand_get(struct exchange *x);
void demand_by_reference(struct exchange *x);

enum { LISTED = 100 };

/* The question and, when it is back, its answer; freed with its batch. */
struct demand_question {
    struct arena arena;
    struct text sku, location; /* of the row; or */
    struct text reference;
    struct demand_filter filter; /* what the key may see of a reference */
    struct demand_place after;
    uint64_t limit;
    int error;
    struct demand_page page;
    bool listed;
    size_t lacks; /* of how many it is known what they lack */
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

/* First who, then in as many turns as it takes how much of it nothing is there for. @thread writer */
static bool ask_reference(struct command *c, const struct state *s)
{
    struct demand_question *q = c->context;

    if (!q->listed)
        q->error = demand_of_reference(s, q->reference, &q->filter, &q->after, q->limit, &q->arena, &q->page);
    q->listed = true;
    return q->error || demand_lacks(s, &q->page, &q->lacks);
}

static void forget(void *context)
{
    struct demand_question *q = context;

    arena_finish(&q->arena);
    free(q);
}

/* As the page before ended: "since:length:length:" and behind it, of a row, reference and line; of a
 * reference SKU, location and line. */
static void put_next(struct buffer *b, const struct demand_question *q)
{
    const struct demand_place *last = &q->page.end;
    struct text first = q->reference.length ? last->sku : last->reference;
    struct buffer next = {0};

    buffer_printf(&next, "%lld:%zu:%zu:", (long long)last->since, first.length, last->location.length);
    buffer_text(&next, first);
    buffer_text(&next, last->location);
    buffer_text(&next, last->line);
    b->failed |= next.failed;
    json_put_string(b, (struct text){next.at, next.length});
    buffer_finish(&next);
}

static bool read_after(struct text t, struct demand_question *q)
{
    long long at = 0;
    unsigned long first = 0, second = 0;
    int used = 0;
    char head[64];
    size_t n = t.length < sizeof(head) - 1 ? t.length : sizeof(head) - 1;

    memcpy(head, t.at, n);
    head[n] = '\0';
    if (sscanf(head, "%lld:%lu:%lu:%n", &at, &first, &second, &used) < 3 || !used ||
        first > t.length - (size_t)used || second > t.length - (size_t)used - first)
        return false;
    const char *from = t.at + used;
    struct text name = {from, first}, location = {from + first, second},
                line = {from + first + second, t.length - (size_t)used - first - second};
    q->after = q->reference.length
                   ? (struct demand_place){.said = true, .since = at, .sku = name, .location = location}
                   : (struct demand_place){.said = true, .since = at, .reference = name};
    q->after.line = line;
    return q->reference.length || !second;
}

/* ---- answering ---- */

static struct buffer *begin_answer(struct exchange *x, const struct demand_question *q, struct etag *ret_etag)
{
    if (!q->reference.length)
        return row_answer_begin(x, q->sku, q->location, ret_etag);
    answer_begin(x, 200, "application/json");
    *ret_etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"reference\":"));
    json_put_string(b, q->reference);
    buffer_string(b, q->page.is_cut ? ",\"complete\":false" : ",\"complete\":true");
    return b;
}

static void put_answer(struct exchange *x, const struct demand_question *q, const struct command *c)
{
    struct etag etag;
    struct buffer *b = begin_answer(x, q, &etag);
    buffer_text(b, TEXT(",\"held\":"));
    json_put_quantity(b, q->page.held);
    buffer_text(b, TEXT(",\"committed\":"));
    json_put_quantity(b, q->page.committed);
    buffer_text(b, TEXT(",\"demand\":["));
    for (size_t i = 0; i < q->page.count; i++) {
        if (i)
            buffer_byte(b, ',');
        if (q->reference.length)
            put_demand_somewhere(b, &q->page.at[i]);
        else
            put_demand(b, &q->page.at[i], false);
    }
    buffer_text(b, TEXT("],\"next\":"));
    if (q->page.more && q->page.count)
        put_next(b, q);
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

static bool copy_all(struct demand_question *q, const struct text *texts, size_t count,
                     const struct text **ret)
{
    struct text *all = arena_alloc(&q->arena, (count + 1) * sizeof(*all));

    for (size_t i = 0; all && i < count; i++)
        if (!copy(q, texts[i], &all[i]))
            return false;
    *ret = all;
    return all;
}

/* A key that is bound sees what is its channels' at its locations. The writer may look after it was taken
 * away. */
static bool copy_filter(struct demand_question *q, const struct key *k)
{
    if (!k)
        return true;
    q->filter.channels_count = k->channels_count;
    q->filter.locations_count = k->locations_count;
    return copy_all(q, k->channels, k->channels_count, &q->filter.channels) &&
           copy_all(q, k->locations, k->locations_count, &q->filter.locations);
}

/* `after` is copied: the rest of the question says how it reads. False: no memory. */
static bool read_parameters(struct exchange *x, struct demand_question *q, bool by_reference,
                            struct text *ret_after, struct problems *errors)
{
    struct parameter p;
    struct text rest = x->query;

    while (parameter_next(x, &rest, &p, errors)) {
        if (text_equal(p.name, TEXT("limit"))) {
            parameter_number(&p, 1, DEMAND_PAGE_MOST, &q->limit, errors);
        } else if (by_reference && text_equal(p.name, TEXT("reference"))) {
            if (!text_is_identifier(p.value))
                parameter_wrong(errors, p.name, "must be 1 to 128 bytes without control characters");
            else if (!copy(q, p.value, &q->reference))
                return false;
        } else if (!text_equal(p.name, TEXT("after"))) {
            parameter_unknown(errors, p.name);
        } else if (!p.value.length) {
            parameter_wrong(errors, p.name, "must be `next` of the page before");
        } else if (!copy(q, p.value, ret_after)) {
            return false;
        }
    }
    return true;
}

static bool copy_row(struct demand_question *q, const struct exchange *x)
{
    return copy(q, x->arguments[0], &q->sku) && copy(q, x->arguments[1], &q->location);
}

static bool read_question(struct exchange *x, struct demand_question *q, bool by_reference)
{
    struct problems errors;
    struct text after = {0};
    bool no_memory = by_reference ? !copy_filter(q, x->key) : !copy_row(q, x);

    errors.count = 0;
    q->limit = LISTED;
    no_memory = no_memory || !read_parameters(x, q, by_reference, &after, &errors);
    if (by_reference && !errors.count && !q->reference.length)
        problems_add(&errors, "reference", "must be there: demand is listed by reference");
    else if (after.length && !read_after(after, q))
        parameter_wrong(&errors, TEXT("after"), "must be `next` of the page before");
    if (no_memory)
        problem_no_memory(x);
    return !no_memory && parameters_right(x, &errors);
}

static void run(struct exchange *x, struct demand_question *q)
{
    struct demand_task *t = calloc(1, sizeof(*t));

    if (t)
        t->batch = batch_create(x);
    if (!t || !t->batch || batch_ask(t->batch, q->reference.length ? ask_reference : ask, q, forget)) {
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

static void ask_for(struct exchange *x, bool by_reference)
{
    struct demand_question *q = calloc(1, sizeof(*q));

    if (!q)
        problem_no_memory(x);
    else if (read_question(x, q, by_reference))
        run(x, q);
    else
        forget(q);
}

void demand_get(struct exchange *x)
{
    if (location_is_allowed(x, x->arguments[1]))
        ask_for(x, false);
}

void demand_by_reference(struct exchange *x)
{
    ask_for(x, true);
}
