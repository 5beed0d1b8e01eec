/* GET /v1/changes: what changes, as it changes, as Server-Sent Events: the question, and the stream that
 * answers it. Who hears what is listeners.c's. */
#include "http/listeners.h"

#include "codec/row_json.h"
#include "http/ask.h"

#include <stdlib.h>

void changes_get(struct exchange *x);

enum { HEARTBEAT_S = 15, LOOK_S = 1 };

/* ---- the stream ---- */

static void begin(struct listener *n, struct exchange *x)
{
    n->begun = true;
    answer_begin(x, 200, "text/event-stream");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"));
    answer_stream_begin(x);
}

/* The id from which on nothing is missing, without an event: whoever hears little goes on from there, too. */
static void put_reached(struct listener *n, struct buffer *b)
{
    uint64_t reached = listeners_reached(n);

    if (!n->behind && !n->open && !n->ends && reached && reached - 1 > n->last_offset)
        n->last_offset = reached - 1;
    if (!n->open)
        id_write(b, n->loop->http->options.view, n->last_offset);
}

static void put_first(struct listener *n, struct buffer *b)
{
    buffer_text(b, TEXT("retry: 1000\n: what changes, from here on\n\n"));
    if (!n->missed)
        put_reached(n, b);
}

static void take_ready(struct listener *n, struct buffer *b)
{
    buffer_add(b, n->ready.at, n->ready.length);
    b->failed |= n->ready.failed;
    if (n->ready.capacity > LISTENER_READY_BYTES_MOST / 4)
        buffer_finish(&n->ready);
    else
        buffer_clear(&n->ready);
}

/* False: it cannot go on. */
static bool write_some(struct listener *n, struct exchange *x, bool first)
{
    size_t mark = answer_chunk_begin(x), at = x->out->length;
    bool goes_on = true;

    epoch_enter(x->loop->reader);
    if (first)
        put_first(n, x->out);
    if (n->behind && !n->ends)
        goes_on = listeners_catch_up(n);
    take_ready(n, x->out);
    if (x->out->length == at && x->loop->now_us >= n->heartbeat_us) {
        buffer_text(x->out, TEXT(":\n"));
        put_reached(n, x->out);
    }
    epoch_exit(x->loop->reader);
    if (x->out->length != at) {
        n->heartbeat_us = x->loop->now_us + HEARTBEAT_S * INT64_C(1000000);
        listeners_written(n);
    }
    answer_chunk_end(x, mark);
    return goes_on && !x->out->failed;
}

static enum pending_status end_stream(struct listener *n, struct exchange *x)
{
    size_t mark = answer_chunk_begin(x);

    if (n->open)
        buffer_byte(x->out, '\n');
    n->open = false;
    put_reached(n, x->out);
    answer_chunk_end(x, mark);
    answer_stream_end(x);
    x->close = true;
    return PENDING_DONE;
}

/* Called when something is ready and all that was written before is sent. */
static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct listener *n = (struct listener *)p;
    bool first = !n->begun;

    p->deadline_us = x->loop->now_us + LOOK_S * INT64_C(1000000); /* who is gone is not kept for long */
    if (first) {
        begin(n, x);
        if (x->request->method == HTTP_HEAD)
            return PENDING_DONE;
    }
    bool goes_on = write_some(n, x, first);
    if (x->loop->stopping || x->connection->ended || n->keys != x->loop->keys || n->ends)
        return end_stream(n, x); /* the keys are others now: who still may comes again */
    if (goes_on)
        return n->behind && !n->waits ? PENDING_TURN : PENDING_WAIT;
    count(x->loop, METRIC_LISTENERS_CUT, 1);
    return end_stream(n, x);
}

static void listener_free(struct listener *n)
{
    key_set_release(n->keys);
    buffer_finish(&n->ready);
    free(n->skus);
    free(n->locations);
    free(n->products);
    free(n->names);
    free(n);
}

static void drop(struct pending *p)
{
    struct listener *n = (struct listener *)p;
    const struct connection *c = n->connection;

    if (c->write_deadline_us && c->write_deadline_us <= n->loop->now_us)
        count(n->loop, METRIC_LISTENERS_CUT, 1); /* it took nothing for too long */
    listeners_leave(n);
    atomic_fetch_sub_explicit(&n->loop->http->listeners_count, 1, memory_order_relaxed);
    count(n->loop, METRIC_LISTENERS, (uint64_t)-1);
    listener_free(n);
}

/* ---- the question ---- */

struct asked {
    struct listener *listener;
    struct text group, channel, after;
    size_t names_used;
};

static bool is_named(const struct wanted *w, size_t count, struct text name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(w[i].name, name))
            return true;
    return false;
}

/* Adds a name to one of the lists: NULL when it is there, or may not be. */
static struct wanted *add_name(struct asked *a, const struct parameter *p, struct wanted *to, size_t *count_,
                               struct problems *errors)
{
    if (is_named(to, *count_, p->value))
        return NULL;
    if (*count_ == LISTENER_NAMES_MOST) {
        parameter_wrong(errors, p->name, "may be said a thousand times");
        return NULL;
    }
    char *at = a->listener->names + a->names_used;
    struct wanted *w = &to[(*count_)++];
    memcpy(at, p->value.at, p->value.length);
    w->name = (struct text){at, p->value.length};
    a->names_used += p->value.length;
    return w;
}

static void add_sku(struct asked *a, const struct parameter *p, struct problems *errors)
{
    if (text_is_identifier(p->value))
        add_name(a, p, a->listener->skus, &a->listener->skus_count, errors);
    else
        parameter_wrong(errors, p->name, "must be a SKU");
}

static void add_location(struct asked *a, const struct parameter *p, struct problems *errors)
{
    if (text_is_name(p->value))
        add_name(a, p, a->listener->locations, &a->listener->locations_count, errors);
    else
        parameter_wrong(errors, p->name, "must be the name of a location");
}

static void add_product(struct asked *a, const struct parameter *p, struct problems *errors)
{
    struct wanted *w = NULL;

    if (text_is_identifier(p->value))
        w = add_name(a, p, a->listener->products, &a->listener->products_count, errors);
    else
        parameter_wrong(errors, p->name, "must be a product");
    if (w) {
        w->number = (uint32_t)product_mark(w->name);
        w->known = true;
    }
}

static void add_kind(struct asked *a, const struct parameter *p, struct problems *errors)
{
    enum tell tell;

    if (!tell_from_name(p->value, &tell)) {
        parameter_wrong(
            errors, p->name,
            "must be change, level, back_in_stock, low_stock, oversold, stale or reservation (it repeats)");
        return;
    }
    a->listener->tells |= 1u << tell;
    a->listener->says_tells = true;
}

static void read_one(struct asked *a, const struct parameter *p, struct problems *errors)
{
    bool group = text_equal(p->name, TEXT("group")), channel = text_equal(p->name, TEXT("channel"));

    if (text_equal(p->name, TEXT("sku")))
        add_sku(a, p, errors);
    else if (text_equal(p->name, TEXT("product")))
        add_product(a, p, errors);
    else if (text_equal(p->name, TEXT("location")))
        add_location(a, p, errors);
    else if (text_equal(p->name, TEXT("kind")))
        add_kind(a, p, errors);
    else if (text_equal(p->name, TEXT("after")))
        a->after = p->value;
    else if (!group && !channel)
        parameter_unknown(errors, p->name);
    else if (!text_is_name(p->value))
        parameter_wrong(errors, p->name, "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
    else
        *(group ? &a->group : &a->channel) = p->value;
}

/* A browser that comes back says where it was in the header, whatever stands in the address. */
static void read_place(struct exchange *x, struct asked *a, struct problems *errors)
{
    struct text header = parser_header(x->request, HEADER_LAST_EVENT_ID, x->head);
    struct text id = header.length ? header : a->after;
    struct listener *n = a->listener;
    struct version version;

    if (!id.length)
        return;
    if (!version_parse(id, &version)) {
        problems_add(errors, header.length ? "Last-Event-ID" : "after", "must be the id of an event");
        return;
    }
    n->skips = true;
    n->after_offset = version.offset;
    n->missed = version.incarnation != view_incarnation(exchange_view(x));
}

static bool make_room(struct exchange *x, struct listener *n)
{
    size_t skus = x->query.length / 4 + 1, locations = x->query.length / 9 + 1; /* "sku=", "location=" */
    size_t products = x->query.length / 8 + 1;

    if (x->key && x->key->locations_count > locations)
        locations = x->key->locations_count;
    n->names = malloc(x->query.length + 1);
    n->skus = calloc(skus < LISTENER_NAMES_MOST ? skus : LISTENER_NAMES_MOST, sizeof(*n->skus));
    n->locations = calloc(locations, sizeof(*n->locations));
    n->products =
        calloc(products < LISTENER_NAMES_MOST ? products : LISTENER_NAMES_MOST, sizeof(*n->products));
    return n->names && n->skus && n->locations && n->products;
}

/* False: answered. */
static bool read_question(struct exchange *x, struct asked *a)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    if (!make_room(x, a->listener)) {
        problem_no_memory(x);
        return false;
    }
    while (parameter_next(x, &rest, &p, &errors))
        read_one(a, &p, &errors);
    if (a->group.length && a->listener->locations_count)
        problems_add(&errors, "group", "and location do not go together");
    read_place(x, a, &errors);
    if (errors.count)
        problem_with(x, PROBLEM_BAD_PARAMETER, &errors, "`%s` %s", errors.at[0].pointer, errors.at[0].detail);
    return !errors.count;
}

/* ---- who may hear what ---- */

/* A bound key names its own locations, and hears nothing but those when it names none. False: answered. */
static bool bind_locations(struct exchange *x, struct listener *n)
{
    const struct key *k = x->key;

    if (!k || !k->locations_count)
        return true;
    for (size_t i = 0; i < n->locations_count; i++)
        if (!location_is_allowed(x, n->locations[i].name))
            return false;
    n->bound = !n->locations_count;
    for (size_t i = 0; n->bound && i < k->locations_count; i++)
        n->locations[n->locations_count++].name = k->locations[i]; /* n->keys holds it */
    return true;
}

/* False: answered. */
static bool find_group(struct exchange *x, const struct asked *a)
{
    const struct group *g;

    if (!a->group.length)
        return true;
    if (!group_is_known(x, a->group, &g))
        return false;
    a->listener->has_group = true;
    a->listener->group = g->number;
    return true;
}

/* False: answered. */
static bool find_channel(struct exchange *x, const struct asked *a)
{
    const struct channel *c;
    struct text name;

    a->listener->channel = CHANNEL_POOL;
    if (!ask_channel(x, a->channel, &name))
        return false;
    if (!name.length)
        return true;
    if (!channel_is_known(x, PROBLEM_BAD_PARAMETER, name, &c))
        return false;
    a->listener->has_channel = true;
    a->listener->channel = c->number;
    return true;
}

/* What nobody asked for by name is left out quietly where it may not be heard. False: answered. */
static bool settle_kinds(struct exchange *x, struct listener *n)
{
    bool may_reserve = !x->key || key_may(x->key, SCOPE_RESERVE);

    if (!n->says_tells) {
        n->tells = (1u << TELL_END) - 1;
        n->tells &= may_reserve ? ~0u : ~(1u << TELL_RESERVATION);
        n->tells &= n->has_channel ? ~(1u << TELL_OVERSOLD) : ~0u;
    }
    if (n->tells & 1u << TELL_RESERVATION && !may_reserve) {
        problem(x, PROBLEM_FORBIDDEN, "kind=reservation needs a key with scope reserve");
        return false;
    }
    if (n->tells & 1u << TELL_OVERSOLD && n->has_channel) {
        problem(x, PROBLEM_BAD_PARAMETER, "kind=oversold is told without a channel: it is about rows");
        return false;
    }
    return true;
}

/* False: answered. */
static bool may_listen(struct exchange *x, const struct asked *a)
{
    epoch_enter(x->loop->reader);
    bool may = find_group(x, a) && find_channel(x, a);
    epoch_exit(x->loop->reader);
    return may && bind_locations(x, a->listener) && settle_kinds(x, a->listener);
}

/* ---- the route ---- */

static void listen_from_now(struct exchange *x, struct listener *n)
{
    struct loop *l = x->loop;

    n->keys = l->keys ? key_set_hold(l->keys) : NULL;
    epoch_enter(l->reader);
    int error = listeners_join(n);
    epoch_exit(l->reader);
    if (error) {
        if (error == ERROR_LIMIT)
            problem(x, PROBLEM_BAD_PARAMETER, "more than %d kits are variants of what `product` names",
                    LISTENER_NAMES_MOST);
        else
            problem_no_memory(x);
        atomic_fetch_sub_explicit(&l->http->listeners_count, 1, memory_order_relaxed);
        listener_free(n);
        return;
    }
    count(l, METRIC_LISTENERS, 1);
    count(l, METRIC_LISTENERS_TOTAL, 1);
    count(l, METRIC_LISTENERS_RESUMED, n->skips);
    switch (step(&n->pending, x)) {
    case PENDING_DONE:
        drop(&n->pending);
        break;
    case PENDING_TURN:
        exchange_turn(x, &n->pending);
        break;
    case PENDING_WAIT:
        exchange_wait(x, &n->pending);
        break;
    }
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
    struct asked a = {.listener = n};
    bool counted = atomic_fetch_add_explicit(&h->listeners_count, 1, memory_order_relaxed) < LISTENERS_MOST;
    if (counted && read_question(x, &a) && may_listen(x, &a)) {
        listen_from_now(x, n);
        return;
    }
    if (!counted)
        problem(x, PROBLEM_UNAVAILABLE, "%d listen already: as many as may", LISTENERS_MOST);
    atomic_fetch_sub_explicit(&h->listeners_count, 1, memory_order_relaxed);
    listener_free(n);
}
