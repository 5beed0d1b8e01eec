/* The public C library: the engine behind an opaque handle. */
#include "onhand/onhand.h"
#include "base/hash.h"
#include "base/error.h"
#include "codec/event_json.h"
#include "core/answer/query.h"
#include "engine/onhand_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define X(name, code, text) \
    _Static_assert((int)ERROR_##name == (int)ONHAND_##name, "the two lists of error codes differ");
ERRORS(X)
#undef X
_Static_assert((int)VERDICT_APPLIED == (int)ONHAND_APPLIED && (int)VERDICT_REJECTED == (int)ONHAND_REJECTED,
               "verdicts differ");

enum { READY_TIMEOUT_MS = 24 * 3600 * 1000, DIGEST_TIMEOUT_MS = 60 * 1000, ROWS_AT_FIRST = 64 };

struct onhand_reader {
    const struct view *view;
    struct epoch_reader *epoch;
    struct query_row *rows; /* for sums; grows */
    size_t rows_capacity;
};

const char *onhand_strerror(int code)
{
    return error_text(code);
}

const char *onhand_version(void)
{
    return ONHAND_VERSION;
}

int onhand_engine_open(const onhand_options *options, onhand_engine **ret_engine, char *detail,
                       size_t detail_size)
{
    struct engine_options o = {.directory = options->directory,
                               .checkpoint_records = options->checkpoint_records};
    char unused[8];

    if (!options->directory)
        return ERROR_INVALID;
    onhand_engine *e = calloc(1, sizeof(*e));
    if (!e)
        return ERROR_NOMEM;
    int error = detail ? engine_open(&o, &e->engine, detail, detail_size)
                       : engine_open(&o, &e->engine, unused, sizeof(unused));
    if (!error)
        error = engine_wait_ready(e->engine, READY_TIMEOUT_MS);
    if (error) {
        if (e->engine && detail)
            engine_why_not_ready(e->engine, detail, detail_size);
        onhand_engine_close(e);
        return error;
    }
    *ret_engine = e;
    return 0;
}

void onhand_engine_close(onhand_engine *engine)
{
    if (!engine)
        return;
    engine_close(engine->engine);
    free(engine);
}

/* ---- applying ---- */

/* The events of one call: the good ones wait in `events`, `where` says which result each belongs to. */
struct batch {
    struct event *events;
    uint32_t *where;
    size_t good, count, capacity;
    onhand_result *results;
};

static void tell_problem(onhand_result *r, const struct problems *p)
{
    *r = (onhand_result){.verdict = ONHAND_REJECTED, .reason = reason_name(REASON_MALFORMED)};
    if (p->count) {
        memcpy(r->pointer, p->at[0].pointer, sizeof(r->pointer));
        memcpy(r->detail, p->at[0].detail, sizeof(r->detail));
    }
}

static int collect(void *context, size_t number, const struct event *e, const struct problems *p)
{
    struct batch *b = context;

    if (number >= b->capacity)
        return ERROR_LIMIT;
    b->count = number + 1;
    if (!e || p->count) {
        tell_problem(&b->results[number], p);
        return 0;
    }
    b->where[b->good] = (uint32_t)number;
    b->events[b->good++] = *e;
    return 0;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void wake_waiter(struct command *c)
{
    struct waiter *w = c->context;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

int onhand_submit_and_wait(struct engine *engine, struct command *c)
{
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct command_port port = engine_port(engine);

    c->done = wake_waiter;
    c->context = &w;
    int error = port.submit(port.engine, c);
    if (error)
        return error;
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    return c->status;
}

static void tell_verdicts(struct batch *b, size_t from, const struct command *c)
{
    for (size_t i = 0; i < c->verdicts_count; i++) {
        onhand_result *r = &b->results[b->where[from + i]];
        enum reason why = (enum reason)c->verdicts[i].reason;
        *r = (onhand_result){.verdict = (onhand_verdict)c->verdicts[i].verdict, .reason = reason_name(why)};
        snprintf(r->pointer, sizeof(r->pointer), "%s", reason_pointer(why));
        snprintf(r->detail, sizeof(r->detail), "%s", reason_detail(why));
    }
}

/* As many of the good events as fit into one record, from `from` on. */
static int apply_some(struct engine *engine, struct batch *b, size_t from, struct buffer *bytes,
                      struct event_verdict *verdicts, size_t *ret_count)
{
    size_t count = b->good - from;
    int error;

    for (;; count /= 2) {
        struct record r = {
            .kind = RECORD_EVENTS, .level = LEVEL_FIRST, .events_count = count, .events = b->events + from};
        buffer_clear(bytes);
        error = record_encode(&r, bytes);
        if (error != ERROR_LIMIT || count == 1)
            break;
    }
    if (error)
        return error;
    struct command c = {
        .bytes = bytes->at, .length = bytes->length, .verdicts_capacity = count, .verdicts = verdicts};
    error = onhand_submit_and_wait(engine, &c);
    if (error)
        return error;
    tell_verdicts(b, from, &c);
    *ret_count = count;
    return 0;
}

int onhand_apply_json(onhand_engine *engine, const char *json, size_t length, onhand_result *ret_results,
                      size_t capacity, size_t *ret_count)
{
    struct arena arena = {0};
    struct buffer bytes = {0};
    struct problems problems = {0};
    struct event_verdict *verdicts = NULL;
    uint32_t unknown_fields = 0;
    struct batch b = {.capacity = capacity < RECORD_EVENTS_MOST ? capacity : RECORD_EVENTS_MOST,
                      .results = ret_results};
    int error = ERROR_NOMEM;

    b.events = calloc(b.capacity + 1, sizeof(*b.events));
    b.where = calloc(b.capacity + 1, sizeof(*b.where));
    verdicts = calloc(b.capacity + 1, sizeof(*verdicts));
    if (!b.events || !b.where || !verdicts)
        goto done;
    struct event_reader reader = {.context = &b, .each = collect};
    error = json_events_read((struct text){json, length}, false, LEVEL_NEWEST, &arena, &reader,
                             &unknown_fields, &problems);
    for (size_t from = 0, some; !error && from < b.good; from += some)
        error = apply_some(engine->engine, &b, from, &bytes, verdicts, &some);
    if (!error)
        *ret_count = b.count;
done:
    free(verdicts);
    free(b.where);
    free(b.events);
    buffer_finish(&bytes);
    arena_finish(&arena);
    return error;
}

/* ---- asking ---- */

int onhand_reader_open(onhand_engine *engine, onhand_reader **ret_reader)
{
    onhand_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return ERROR_NOMEM;
    r->view = engine_view(engine->engine);
    r->epoch = epoch_register(r->view->epoch);
    r->rows_capacity = ROWS_AT_FIRST;
    r->rows = calloc(r->rows_capacity, sizeof(*r->rows));
    if (!r->epoch || !r->rows) {
        onhand_reader_close(r);
        return ERROR_NOMEM;
    }
    *ret_reader = r;
    return 0;
}

void onhand_reader_close(onhand_reader *reader)
{
    if (!reader)
        return;
    if (reader->epoch)
        epoch_unregister(reader->epoch);
    free(reader->rows);
    free(reader);
}

static struct question pool_question(const struct view *v)
{
    return (struct question){.now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
}

static void add_row(const struct view *v, const struct query_row *row, onhand_figures *f)
{
    const struct row_image *r = &row->row;

    f->on_hand_milli += row_on_hand(r);
    f->unavailable_milli += row_unavailable(r);
    f->reserved_milli += row_reserved(r);
    f->committed_milli += row_committed(r);
    f->safety_stock_milli += row_safety_stock(r);
    f->net_available_milli += row->figure.net_available;
    f->available_milli += row->figure.available;
    uint64_t incarnation = row->known ? v->incarnations[row_incarnation(r)] : 0;
    if (incarnation > f->version_incarnation ||
        (incarnation == f->version_incarnation && row_offset(r) > f->version_offset)) {
        f->version_incarnation = incarnation;
        f->version_offset = row_offset(r);
    }
}

int onhand_query(onhand_reader *reader, const char *sku, size_t sku_length, const char *location,
                 size_t location_length, onhand_figures *ret_figures)
{
    const struct view *v = reader->view;
    int error = ERROR_NOTFOUND;

    epoch_enter(reader->epoch);
    const struct location *l = catalogue_location(v->catalogue, (struct text){location, location_length});
    struct text text = {sku, sku_length};
    const struct sku *s = table_find_for(v->table, text, hash_text(text), l ? l->number : INDEX_NONE);
    if (s) {
        struct question q = pool_question(v);
        struct query_row row = {0};
        milli_t total;
        uint32_t number = l ? l->number : INDEX_NONE;
        query_locations(v, s, &q, &number, 1, &row, &total);
        *ret_figures = (onhand_figures){0};
        add_row(v, &row, ret_figures);
        error = 0;
    }
    epoch_exit(reader->epoch);
    return error;
}

/* Room for `count` rows; false without memory. */
static bool reader_room(onhand_reader *r, size_t count)
{
    if (count <= r->rows_capacity)
        return true;
    struct query_row *grown = realloc(r->rows, (count + count / 2) * sizeof(*grown));
    if (!grown)
        return false;
    r->rows = grown;
    r->rows_capacity = count + count / 2;
    return true;
}

int onhand_query_total(onhand_reader *reader, const char *sku, size_t sku_length, onhand_figures *ret_figures)
{
    const struct view *v = reader->view;
    int error = ERROR_NOTFOUND;

    epoch_enter(reader->epoch);
    const struct sku *s = table_find(v->table, (struct text){sku, sku_length});
    while (s) {
        struct question q = pool_question(v);
        milli_t total;
        size_t count = query_everywhere(v, s, &q, reader->rows, reader->rows_capacity, &total);
        if (count <= reader->rows_capacity) {
            onhand_figures sum = {0};
            for (size_t i = 0; i < count; i++)
                add_row(v, &reader->rows[i], &sum);
            *ret_figures = sum;
            error = 0;
            break;
        }
        if (!reader_room(reader, count)) {
            error = ERROR_NOMEM;
            break;
        }
    }
    epoch_exit(reader->epoch);
    return error;
}

int onhand_digest(onhand_engine *engine, uint64_t *ret_next_offset, uint64_t ret_digest[2])
{
    struct hash128 digest;
    int error = engine_digest(engine->engine, 0, DIGEST_TIMEOUT_MS, ret_next_offset, &digest);

    if (!error) {
        ret_digest[0] = digest.high;
        ret_digest[1] = digest.low;
    }
    return error;
}
