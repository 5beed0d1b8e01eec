/* GET /v1/changes: what changes, as it changes, as Server-Sent Events.
 *
 * A loop looks into the window every few milliseconds while somebody listens, and writes to each listener
 * what its filters let through. Who does not take what was written is left alone until it has; who falls out
 * of the window meanwhile is cut, comes back with Last-Event-ID and is told when that is not there any more.
 * An event has an `id` only when it is the last one of its record for that listener, so that nobody who comes
 * back has missed half of a record. */
#include "http/commands.h"
#include "http/shape.h"

#include "codec/row_json.h"

#include <stdlib.h>

void changes_get(struct exchange *x);

enum {
    LISTENERS_MOST = 1000,
    LOOK_US = 10000,
    CHANGES_A_LOOK = 256,
    EVENTS_A_TURN = 4096, /* looked at for one listener before the others have their turn */
    HEARTBEAT_S = 15,
    NAMES_MOST = 1000,
};

struct wanted { /* one name of a filter */
    struct text name;
    uint32_t number;
    bool known; /* the number is: what nobody has heard of has none yet */
};

struct listener {
    struct pending pending; /* first */
    struct loop *loop;
    struct connection *connection;
    struct listener *next, *previous; /* of the loop */
    struct key_set *keys;             /* as they were when it came */
    const struct key *key;
    char *names; /* what the filters point into */
    struct wanted *skus, *locations;
    size_t skus_count, locations_count;
    uint64_t cursor, after_offset;
    uint64_t missed_offset; /* of the version it asked to go on from, when that is not there any more */
    bool begun, resumes, missed;
    int64_t heartbeat_us;
    bool holds; /* `held` is to be written: with an id when its record has nothing more for us */
    struct window_change held;
};

/* ---- filters ---- */

static bool lets_through(struct wanted *w, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (w[i].known && w[i].number == number)
            return true;
    return !count;
}

/* Names that nobody had heard of may be known by now. */
static void find_numbers(struct listener *n)
{
    const struct view *v = n->loop->http->options.view;

    for (size_t i = 0; i < n->skus_count; i++) {
        const struct sku *s = n->skus[i].known ? NULL : table_find(v->table, n->skus[i].name);
        if (s)
            n->skus[i] = (struct wanted){n->skus[i].name, sku_number(s), true};
    }
    for (size_t i = 0; i < n->locations_count; i++) {
        const struct location *l =
            n->locations[i].known ? NULL : catalogue_location(v->catalogue, n->locations[i].name);
        if (l)
            n->locations[i] = (struct wanted){n->locations[i].name, l->number, true};
    }
}

static bool wants(struct listener *n, const struct window_change *c)
{
    if (!lets_through(n->skus, n->skus_count, c->sku) ||
        !lets_through(n->locations, n->locations_count, c->location))
        return false;
    if (!n->key || !n->key->locations_count)
        return true;
    const struct location *l = catalogue_location_at(n->loop->http->options.view->catalogue, c->location);
    return l && key_has_location(n->key, l->id);
}

/* ---- writing ---- */

static milli_t shown(milli_t net, const struct location *l)
{
    return net > 0 && l && l->enabled && !l->deleted ? net : 0;
}

static void put_change(struct buffer *b, const struct view *v, const struct window_change *c, bool with_id)
{
    const struct sku *s = table_sku(v->table, c->sku);
    const struct location *l = catalogue_location_at(v->catalogue, c->location);
    uint64_t incarnation = view_incarnation(v);

    buffer_text(b, TEXT("event: change\n"));
    if (with_id)
        buffer_printf(b, "id: %lu:%lu\n", incarnation, c->offset);
    buffer_text(b, TEXT("data: {\"sku\":"));
    json_put_string(b, s ? sku_text(s) : (struct text){0});
    buffer_text(b, TEXT(",\"location\":"));
    json_put_string(b, l ? l->id : (struct text){0});
    buffer_text(b, TEXT(",\"available\":"));
    json_put_quantity(b, shown(c->net_now, l));
    buffer_text(b, TEXT(",\"previous\":"));
    json_put_quantity(b, shown(c->net_was, l));
    buffer_text(b, TEXT(",\"version\":"));
    json_put_version(b, (struct version){incarnation, c->offset});
    buffer_text(b, TEXT(",\"at\":"));
    json_put_instant(b, c->at);
    buffer_text(b, TEXT("}\n\n"));
}

static void write_held(struct listener *n, struct buffer *b, bool with_id)
{
    if (!n->holds)
        return;
    put_change(b, n->loop->http->options.view, &n->held, with_id);
    n->holds = false;
    count(n->loop, METRIC_CHANGES_TOLD, 1);
}

static void take(struct listener *n, struct buffer *b, const struct window_change *c)
{
    if (n->holds && n->held.offset != c->offset)
        write_held(n, b, true);
    if (!wants(n, c))
        return;
    write_held(n, b, false);
    n->held = *c;
    n->holds = true;
}

/* False: it fell out of the window. Whole records only are shown there, so what is held at the end is the
 * last of its record. */
static bool write_changes(struct listener *n, struct buffer *b)
{
    const struct window *w = n->loop->http->options.window;
    struct window_change changes[CHANGES_A_LOOK];
    uint64_t end = window_newest(w);
    size_t looked = 0;

    while (n->cursor < end && looked < EVENTS_A_TURN) {
        uint64_t left = end - n->cursor;
        int got = window_read(w, &n->cursor, changes, left < CHANGES_A_LOOK ? (size_t)left : CHANGES_A_LOOK);
        if (got < 0)
            return false;
        for (int i = 0; i < got; i++)
            take(n, b, &changes[i]);
        looked += (size_t)got;
    }
    if (n->cursor >= end)
        write_held(n, b, true);
    return true;
}

static void put_missed(struct listener *n, struct buffer *b)
{
    const struct view *v = n->loop->http->options.view;

    buffer_text(b, TEXT("event: missed\ndata: {\"version\":"));
    json_put_version(b, view_version(v));
    buffer_text(b, TEXT("}\n\n"));
    n->missed = false;
}

static void begin(struct listener *n, struct exchange *x)
{
    const struct window *w = n->loop->http->options.window;

    n->begun = true;
    n->cursor = window_newest(w);
    if (n->resumes && !n->missed)
        n->missed = !window_after(w, n->after_offset, &n->cursor);
    if (n->missed)
        n->cursor = window_newest(w);
    answer_begin(x, 200, "text/event-stream");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    answer_stream_begin(x);
}

static enum pending_status end_stream(struct exchange *x)
{
    answer_stream_end(x);
    x->close = true;
    return PENDING_DONE;
}

static void write_some(struct listener *n, struct exchange *x, bool first, bool *ret_goes_on)
{
    size_t mark = answer_chunk_begin(x), at = x->out->length;

    epoch_enter(x->loop->reader);
    find_numbers(n);
    if (first)
        buffer_text(x->out, TEXT("retry: 1000\n: what changes, from here on\n\n"));
    if (n->missed)
        put_missed(n, x->out);
    *ret_goes_on = write_changes(n, x->out);
    epoch_exit(x->loop->reader);
    if (x->out->length == at && x->loop->now_us >= n->heartbeat_us)
        buffer_text(x->out, TEXT(":\n\n"));
    if (x->out->length != at)
        n->heartbeat_us = x->loop->now_us + HEARTBEAT_S * INT64_C(1000000);
    answer_chunk_end(x, mark);
}

/* Called whenever the loop has looked and all that was written before is sent. */
static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct listener *n = (struct listener *)p;
    bool first = !n->begun, goes_on = true;

    if (first) {
        begin(n, x);
        if (x->request->method == HTTP_HEAD)
            return PENDING_DONE;
    }
    if (x->loop->stopping || x->connection->ended || n->keys != x->loop->keys)
        return end_stream(x); /* the keys are others now: who still may comes again */
    write_some(n, x, first, &goes_on);
    if (goes_on)
        return PENDING_WAIT;
    count(x->loop, METRIC_LISTENERS_CUT, 1);
    return end_stream(x);
}

static void drop(struct pending *p)
{
    struct listener *n = (struct listener *)p;

    if (n->next)
        n->next->previous = n->previous;
    *(n->previous ? &n->previous->next : &n->loop->listeners) = n->next;
    atomic_fetch_sub_explicit(&n->loop->http->listeners_count, 1, memory_order_relaxed);
    count(n->loop, METRIC_LISTENERS, (uint64_t)-1);
    key_set_release(n->keys);
    free(n->skus);
    free(n->locations);
    free(n->names);
    free(n);
}

void listeners_tell(struct loop *l)
{
    struct listener *next;

    for (struct listener *n = l->listeners; n; n = next) {
        next = n->next;
        connection_resume(n->connection); /* not while something is unsent */
    }
    if (l->listeners)
        watch_timer(&l->listen, LOOK_US);
}

/* ---- the question ---- */

static void add_name(struct listener *n, const struct parameter *p, struct wanted *to, size_t *count_,
                     size_t *used, struct problems *errors)
{
    bool is_sku = to == n->skus;

    if (!(is_sku ? text_is_identifier(p->value) : text_is_name(p->value))) {
        parameter_wrong(errors, p->name, is_sku ? "must be a SKU" : "must be the name of a location");
        return;
    }
    if (*count_ == NAMES_MOST) {
        parameter_wrong(errors, p->name, "may be said a thousand times");
        return;
    }
    memcpy(n->names + *used, p->value.at, p->value.length);
    to[(*count_)++].name = (struct text){n->names + *used, p->value.length};
    *used += p->value.length;
}

static void read_last_event_id(struct exchange *x, struct listener *n, struct problems *errors)
{
    struct text id = parser_header(x->request, HEADER_LAST_EVENT_ID, x->head);
    struct version version;

    if (!id.length)
        return;
    if (!version_parse(id, &version)) {
        problems_add(errors, "Last-Event-ID", "must be the id of an event");
        return;
    }
    n->resumes = true;
    n->after_offset = version.offset;
    n->missed = version.incarnation != view_incarnation(exchange_view(x));
}

/* False: answered. */
static bool read_question(struct exchange *x, struct listener *n)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;
    size_t used = 0;

    errors.count = 0;
    n->names = malloc(x->query.length + 1);
    n->skus = calloc(x->query.length / 4 + 1, sizeof(*n->skus));           /* "sku=" */
    n->locations = calloc(x->query.length / 9 + 1, sizeof(*n->locations)); /* "location=" */
    if (!n->names || !n->skus || !n->locations) {
        problem_no_memory(x);
        return false;
    }
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("sku")))
            add_name(n, &p, n->skus, &n->skus_count, &used, &errors);
        else if (text_equal(p.name, TEXT("location")))
            add_name(n, &p, n->locations, &n->locations_count, &used, &errors);
        else if (!text_equal(p.name, TEXT("kind")))
            parameter_unknown(&errors, p.name);
        else if (!text_equal(p.value, TEXT("change")))
            parameter_wrong(&errors, p.name, "must be change");
    }
    read_last_event_id(x, n, &errors);
    if (errors.count)
        problem_with(x, PROBLEM_BAD_PARAMETER, &errors, "`%s` %s", errors.at[0].pointer, errors.at[0].detail);
    return !errors.count;
}

/* A bound key may only name its own locations. False: answered. */
static bool may_listen(struct exchange *x, const struct listener *n)
{
    for (size_t i = 0; x->key && i < n->locations_count; i++) {
        struct text name = n->locations[i].name;
        if (key_has_location(x->key, name))
            continue;
        problem(x, PROBLEM_FORBIDDEN, "this key is bound to other locations than %.*s", (int)name.length,
                name.at);
        return false;
    }
    return true;
}

static void enlist(struct exchange *x, struct listener *n)
{
    struct loop *l = x->loop;

    n->next = l->listeners;
    if (n->next)
        n->next->previous = n;
    l->listeners = n;
    count(l, METRIC_LISTENERS, 1);
    if (step(&n->pending, x) == PENDING_DONE) {
        drop(&n->pending);
        return;
    }
    exchange_wait(x, &n->pending);
    watch_timer(&l->listen, LOOK_US);
}

void changes_get(struct exchange *x)
{
    struct http *h = x->loop->http;
    struct listener *n = h->options.window ? calloc(1, sizeof(*n)) : NULL;

    if (!n) {
        problem_no_memory(x);
        return;
    }
    n->pending = (struct pending){.step = step, .drop = drop};
    n->loop = x->loop;
    n->connection = x->connection;
    n->key = x->key;
    bool counted = atomic_fetch_add_explicit(&h->listeners_count, 1, memory_order_relaxed) < LISTENERS_MOST;
    if (counted && read_question(x, n) && may_listen(x, n)) {
        n->keys = x->loop->keys ? key_set_hold(x->loop->keys) : NULL;
        enlist(x, n);
        return;
    }
    if (!counted)
        problem(x, PROBLEM_UNAVAILABLE, "%d listen already: as many as may", LISTENERS_MOST);
    atomic_fetch_sub_explicit(&h->listeners_count, 1, memory_order_relaxed);
    free(n->skus);
    free(n->locations);
    free(n->names);
    free(n);
}
