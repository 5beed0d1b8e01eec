/* GET /v1/shortfalls: orders that are short, and by how much. Rows that lack something are found here, a
 * slice a turn; which orders that hits the writer knows, and is asked for a page of them. */
#include "http/commands.h"
#include "http/demand_shape.h"
#include "http/etag.h"
#include "http/shape.h"

#include <stdlib.h>

void shortfalls_get(struct exchange *x);

enum {
    ROWS_LISTED = 50,
    ROWS_LISTED_MOST = 500,
    LOOKED_AT_MOST = 1000000, /* rows of one request: then the page ends, with what was found */
    ROWS_AN_ASK = 8           /* of the writer's turn */
};

struct short_row {
    struct text sku, location;
    milli_t oversold;
    int error;
    struct demand_page page;
};

/* Rows and, when it is back, whose demand is short there; freed with its batch. */
struct shortfalls {
    struct arena arena;
    size_t count, asked;
    struct short_row at[ROWS_LISTED_MOST];
};

struct shortfalls_task {
    struct pending pending;
    const struct key *key;
    uint64_t limit;
    uint32_t sku;  /* the next SKU to look at */
    uint32_t skip; /* short rows of that SKU that an earlier page had */
    size_t looked_at;
    bool no_memory;
    bool whole;               /* all SKUs were looked at */
    struct batch *batch;      /* NULL: still looking */
    struct shortfalls *found; /* the batch's once there is one */
};

/* ---- the writer's part ---- */

/* @thread writer */
static bool ask(struct command *c, const struct state *s)
{
    struct shortfalls *f = c->context;

    for (unsigned i = 0; i < ROWS_AN_ASK && f->asked < f->count; i++, f->asked++) {
        struct short_row *row = &f->at[f->asked];
        row->error = demand_short(s, row->sku, row->location, row->oversold, &f->arena, &row->page);
    }
    return f->asked == f->count;
}

static void forget(void *context)
{
    struct shortfalls *f = context;

    arena_finish(&f->arena);
    free(f);
}

/* ---- looking for rows ---- */

static bool is_wanted(const struct shortfalls_task *t, const struct query_row *r)
{
    return r->place && r->figure.oversold > 0 && (!t->key || key_has_location(t->key, r->place->id));
}

/* The short rows of one SKU. False without memory, or when the page is full: then t->skip says how many of it
 * are in. */
static bool look_at(struct exchange *x, struct shortfalls_task *t, const struct sku *s)
{
    const struct view *v = exchange_view(x);
    struct question q = {.now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    struct shortfalls *f = t->found;
    struct query_row *rows = scratch_rows(x->loop, ROWS_A_TURN);
    size_t count = 0;
    uint32_t number = 0;
    milli_t total;

    while (rows && (count = query_everywhere(v, s, &q, rows, x->loop->scratch.rows_capacity, &total)) >
                       x->loop->scratch.rows_capacity)
        rows = scratch_rows(x->loop, count + count / 8);
    t->no_memory |= !rows;
    if (!rows)
        return false;
    t->looked_at += count + 1;
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(t, &rows[i]) || number++ < t->skip)
            continue;
        if (f->count == t->limit)
            return false;
        struct short_row *row = &f->at[f->count++];
        *row = (struct short_row){.sku = arena_text(&f->arena, sku_text(s)),
                                  .location = arena_text(&f->arena, rows[i].place->id),
                                  .oversold = rows[i].figure.oversold};
        t->no_memory |= !row->sku.at || !row->location.at;
        t->skip = number;
    }
    t->skip = 0;
    return true;
}

/* True: enough, or all of them. */
static bool look(struct exchange *x, struct shortfalls_task *t)
{
    const struct view *v = exchange_view(x);
    uint32_t count = table_sku_count(v->table);
    size_t until = t->looked_at + ROWS_A_TURN;

    while (t->sku < count && t->looked_at < until) {
        if (!look_at(x, t, table_sku(v->table, t->sku)))
            return true;
        t->sku++;
    }
    t->whole = t->sku >= count;
    return t->whole || t->found->count == t->limit || t->looked_at >= LOOKED_AT_MOST;
}

/* ---- the answer ---- */

static void put_row_short(struct buffer *b, const struct short_row *r)
{
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, r->sku);
    buffer_text(b, TEXT(",\"location\":"));
    json_put_string(b, r->location);
    buffer_text(b, TEXT(",\"oversold\":"));
    json_put_quantity(b, r->oversold);
    buffer_text(b, TEXT(",\"demand\":["));
    for (size_t i = 0; i < r->page.count; i++) {
        if (i)
            buffer_byte(b, ',');
        put_demand(b, &r->page.at[i], true);
    }
    buffer_text(b, TEXT("]}"));
}

static void put_answer(struct exchange *x, const struct shortfalls_task *t)
{
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"shortfalls\":["));
    for (size_t i = 0; i < t->found->count; i++) {
        if (i)
            buffer_byte(b, ',');
        put_row_short(b, &t->found->at[i]);
    }
    if (t->whole)
        buffer_text(b, TEXT("],\"next\":null"));
    else
        buffer_printf(b, "],\"next\":\"%u:%u\"", t->sku, t->skip);
    size_t version_at = b->length - x->body_at;
    put_asked_as_of(b, batch_command(t->batch, 0));
    size_t version_end = b->length - x->body_at;
    buffer_byte(b, '}');
    etag_end(x, &etag, version_at, version_end);
}

/* ---- turns ---- */

/* A row that is gone since has nothing short. */
static bool failed(const struct shortfalls *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->at[i].error && f->at[i].error != ERROR_NOTFOUND)
            return true;
    return false;
}

static void drop(struct pending *p)
{
    struct shortfalls_task *t = (struct shortfalls_task *)p;

    if (t->found && !t->batch)
        forget(t->found);
    batch_drop(t->batch);
    free(t);
}

static bool begin_asking(struct exchange *x, struct shortfalls_task *t)
{
    t->batch = batch_create(x);
    if (!t->batch)
        return false;
    struct shortfalls *found = t->found;
    if (!batch_ask(t->batch, ask, found, forget))
        return true;
    t->found = NULL; /* forgotten */
    return false;
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct shortfalls_task *t = (struct shortfalls_task *)p;

    if (!t->batch) {
        epoch_enter(x->loop->reader);
        bool enough = look(x, t);
        epoch_exit(x->loop->reader);
        if (!enough)
            return PENDING_TURN;
        if (t->no_memory || !begin_asking(x, t)) {
            problem_no_memory(x);
            return PENDING_DONE;
        }
        t->pending.deadline_us = batch_deadline_us(t->batch);
    }
    enum batch_status s = batch_advance(t->batch);
    if (s == BATCH_WAITING)
        return PENDING_WAIT;
    if (s == BATCH_DONE && failed(t->found))
        problem_no_memory(x);
    else if (s == BATCH_DONE)
        put_answer(x, t);
    else
        problem(x, PROBLEM_UNAVAILABLE, "the writer does not answer now: try again");
    return PENDING_DONE;
}

static bool read_after(struct text t, struct shortfalls_task *ret)
{
    char text[32];
    unsigned sku, skip;
    int used = 0;

    if (t.length >= sizeof(text))
        return false;
    memcpy(text, t.at, t.length);
    text[t.length] = '\0';
    if (sscanf(text, "%9u:%9u%n", &sku, &skip, &used) != 2 || (size_t)used != t.length)
        return false;
    ret->sku = sku;
    ret->skip = skip;
    return true;
}

static bool read_question(struct exchange *x, struct shortfalls_task *t)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    t->limit = ROWS_LISTED;
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("limit")))
            parameter_number(&p, 1, ROWS_LISTED_MOST, &t->limit, &errors);
        else if (!text_equal(p.name, TEXT("after")))
            parameter_unknown(&errors, p.name);
        else if (!read_after(p.value, t))
            parameter_wrong(&errors, p.name, "must be `next` of the page before");
    }
    return parameters_right(x, &errors);
}

void shortfalls_get(struct exchange *x)
{
    struct shortfalls_task *t = calloc(1, sizeof(*t));

    if (t)
        t->found = calloc(1, sizeof(*t->found));
    if (!t || !t->found) {
        free(t);
        problem_no_memory(x);
        return;
    }
    t->pending = (struct pending){step, drop, 0, false};
    t->key = x->key;
    if (!read_question(x, t)) {
        drop(&t->pending);
        return;
    }
    enum pending_status s = step(&t->pending, x);
    if (s == PENDING_DONE)
        drop(&t->pending);
    else if (s == PENDING_TURN)
        exchange_turn(x, &t->pending);
    else
        exchange_wait(x, &t->pending);
}
