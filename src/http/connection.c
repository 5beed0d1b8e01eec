/* One client: bytes in, requests in order, answers out in the same order, and four deadlines.
 *
 * A callback reads once, answers all whole requests that are there into the loop's buffer, and writes once.
 * What the socket does not take moves into the connection, and nothing more is answered before it is gone. A
 * connection without input or output owns no buffer. */
#include "http/server.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void settle(struct connection *c);
static void work(struct connection *c);

/* ---- buffers ---- */

static bool take_input(struct connection *c)
{
    struct loop *l = c->loop;

    if (c->in)
        return true;
    if (l->free_inputs) {
        c->in = l->free_inputs;
        memcpy(&l->free_inputs, c->in, sizeof(l->free_inputs));
        l->free_inputs_count--;
    } else {
        c->in = malloc(INPUT_BYTES);
    }
    c->in_at = c->in_end = 0;
    return c->in;
}

static void give_input(struct connection *c)
{
    struct loop *l = c->loop;

    if (!c->in)
        return;
    if (l->free_inputs_count < 64) {
        memcpy(c->in, &l->free_inputs, sizeof(l->free_inputs));
        l->free_inputs = c->in;
        l->free_inputs_count++;
    } else {
        free(c->in);
    }
    c->in = NULL;
    c->in_at = c->in_end = 0;
}

/* Not under a pending request: texts that wait with it point into its body. */
static void make_room(struct connection *c)
{
    if (c->pending)
        return;
    if (c->in_at && (c->in_at == c->in_end || c->in_end == INPUT_BYTES)) {
        memmove(c->in, c->in + c->in_at, c->in_end - c->in_at);
        c->in_end -= c->in_at;
        c->in_at = 0;
    }
}

static void free_body(struct connection *c)
{
    c->loop->bodies_bytes -= c->body.capacity;
    buffer_finish(&c->body);
}

static size_t unsent(const struct connection *c)
{
    return c->out.length - c->out_sent;
}

/* ---- events and deadlines ---- */

static int64_t from_now(const struct connection *c, unsigned value_ms, unsigned otherwise_ms)
{
    return c->loop->now_us + (int64_t)loop_option(value_ms, otherwise_ms) * 1000;
}

static void enter(struct connection *c, enum connection_phase phase)
{
    const struct http_options *o = &c->loop->http->options;

    if (c->phase == phase && phase != PHASE_IDLE)
        return;
    c->phase = (uint8_t)phase;
    switch (phase) {
    case PHASE_IDLE:
        c->deadline_us = from_now(c, o->idle_timeout_ms, 60000);
        break;
    case PHASE_HEAD:
        c->deadline_us = from_now(c, o->header_timeout_ms, 10000);
        break;
    case PHASE_BODY:
        c->deadline_us = from_now(c, o->body_timeout_ms, 30000);
        break;
    case PHASE_PENDING:
        c->deadline_us = 0; /* the pending's own */
        break;
    case PHASE_LINGER:
        c->deadline_us = from_now(c, LINGER_MS, LINGER_MS);
        break;
    }
}

/* A reader must take at least 16 KiB (or all there is) within each write deadline. */
static void set_write_deadline(struct connection *c)
{
    enum { PROGRESS_BYTES = 16 * 1024 };

    if (c->write_deadline_us && unsent(c) + PROGRESS_BYTES > c->write_mark)
        return;
    c->write_mark = unsent(c);
    c->write_deadline_us = from_now(c, c->loop->http->options.write_timeout_ms, 30000);
}

/* ---- sending ---- */

static size_t send_some(struct connection *c, const char *bytes, size_t length)
{
    size_t sent = 0;

    while (sent < length && !c->broken) {
        ssize_t n = send(c->fd, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        c->broken = n < 0 && errno != EAGAIN && errno != EWOULDBLOCK;
        break;
    }
    count(c->loop, METRIC_WRITTEN_BYTES, sent);
    return sent;
}

static void trim(struct buffer *b)
{
    enum { KEPT_BYTES = 1024 * 1024 };

    if (b->capacity > KEPT_BYTES)
        buffer_finish(b);
    else
        buffer_clear(b);
}

/* What does not go out at once becomes the connection's. */
static void flush_loop(struct connection *c)
{
    struct buffer *out = &c->loop->out;

    if (!out->length)
        return;
    if (unsent(c)) {
        buffer_add(&c->out, out->at, out->length);
        c->broken |= c->out.failed;
        trim(out);
        return;
    }
    size_t sent = send_some(c, out->at, out->length);
    if (sent == out->length || c->broken) {
        trim(out);
        return;
    }
    buffer_finish(&c->out);
    c->out = *out;
    c->out_sent = sent;
    *out = (struct buffer){0};
}

static void flush_own(struct connection *c)
{
    if (!unsent(c))
        return;
    c->out_sent += send_some(c, c->out.at + c->out_sent, unsent(c));
    if (unsent(c))
        return;
    buffer_finish(&c->out);
    c->out_sent = 0;
    c->write_deadline_us = 0;
}

/* ---- a request from its head to its answer ---- */

static void exchange_init(struct exchange *x, struct connection *c)
{
    memset(x, 0, offsetof(struct exchange, segments));
    x->loop = c->loop;
    x->connection = c;
    x->request = &c->parser;
    x->head = c->in + c->in_at;
    x->key = c->key;
    x->arguments_count = 0;
    x->query = (struct text){0};
    x->body = c->body_apart
                  ? (struct text){c->body.at, c->body.length}
                  : (struct text){x->head + c->parser.head_length, c->request_length - c->parser.head_length};
    x->out = &c->loop->out;
    x->close = c->loop->stopping || c->body_comes;
    x->retry_after_s = 0;
    x->allow = NULL;
    c->loop->scratch.path_used = 0;
}

static void drop_pending(struct connection *c)
{
    struct pending *p = c->pending;

    if (!p)
        return;
    if (p->polls) {
        if (c->poll_next)
            c->poll_next->poll_previous = c->poll_previous;
        *(c->poll_previous ? &c->poll_previous->poll_next : &c->loop->polls) = c->poll_next;
        c->poll_next = c->poll_previous = NULL;
    }
    c->pending = NULL;
    p->drop(p);
}

void exchange_wait(struct exchange *x, struct pending *p)
{
    struct connection *c = x->connection;
    struct loop *l = x->loop;

    drop_pending(c);
    c->pending = p;
    if (!p->polls)
        return;
    c->poll_next = l->polls;
    if (c->poll_next)
        c->poll_next->poll_previous = c;
    l->polls = c;
    loop_schedule_poll(l);
}

static void request_done(struct connection *c, bool close)
{
    drop_pending(c);
    c->closing |= close || c->body_comes || !c->parser.keep_alive;
    c->lingers |= c->body_comes;
    c->body_comes = false;
    c->in_at += c->request_length;
    c->request_length = 0;
    if (c->body_apart)
        free_body(c);
    c->body_apart = false;
    c->parser = (struct parser){0};
    c->route = NULL;
    c->key = NULL;
    key_set_release(c->keys);
    c->keys = NULL;
    enter(c, PHASE_IDLE);
}

/* The answer to a request that cannot be read: nothing after it is read either. */
static void refuse(struct connection *c, enum problem_type t, const char *detail)
{
    struct exchange x;

    exchange_init(&x, c);
    x.close = true;
    problem(&x, t, "%s", detail);
    c->closing = c->lingers = true;
}

static void dispatch(struct connection *c, struct exchange *x)
{
    x->close = c->loop->stopping || c->body_comes;
    x->retry_after_s = 0;
    c->route->handler(x);
    if (c->pending)
        enter(c, PHASE_PENDING);
    else
        request_done(c, x->close);
}

/* Is all of the body in the input already? Bodies in chunks are always collected apart. */
static bool body_is_here(const struct connection *c)
{
    const struct parser *p = &c->parser;
    size_t here = c->in_end - c->in_at - p->head_length;

    return !p->chunked && p->content_length <= here;
}

static size_t body_bytes_most(const struct connection *c)
{
    size_t most = c->loop->http->options.body_bytes_most;
    return most ? most : 8u << 20;
}

static void invite_body(struct connection *c)
{
    if (c->parser.expects_continue && c->in_end - c->in_at == c->parser.head_length)
        buffer_text(&c->loop->out, TEXT("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void begin_body(struct connection *c)
{
    c->body_apart = true;
    c->request_length = c->parser.head_length;
    enter(c, PHASE_BODY);
    invite_body(c);
}

static bool authorize(struct exchange *x)
{
    struct connection *c = x->connection;
    struct loop *l = x->loop;
    unsigned retry;

    if (!l->keys || x->route->scope == OPEN)
        return true;
    struct text given = parser_header(x->request, HEADER_AUTHORIZATION, x->head);
    bool bearer = given.length > 7 && !strncasecmp(given.at, "Bearer ", 7);
    const struct key *key = bearer ? key_find(l->keys, (struct text){given.at + 7, given.length - 7}) : NULL;
    if (!key) {
        count(l, METRIC_UNAUTHORIZED, 1);
        problem(x, PROBLEM_UNAUTHORIZED,
                bearer ? "this key is not known" : "send a key: Authorization: Bearer …");
        return false;
    }
    if (!key_may(key, x->route->scope)) {
        char scope[40];
        scope[scopes_format(x->route->scope, scope)] = '\0';
        count(l, METRIC_UNAUTHORIZED, 1);
        problem(x, PROBLEM_FORBIDDEN, "this needs a key with scope %s", scope);
        return false;
    }
    if (!key_take(key, l->now_us, &retry)) {
        count(l, METRIC_RATE_LIMITED, 1);
        x->retry_after_s = retry;
        problem(x, PROBLEM_TOO_MANY_REQUESTS, "this key may make %u requests a second", key->rate);
        return false;
    }
    c->keys = key_set_hold(l->keys);
    c->key = x->key = key;
    return true;
}

/* How long one may be that is taken while it comes is for its handler to say. */
static bool body_fits(struct exchange *x)
{
    const struct parser *p = x->request;
    size_t most = body_bytes_most(x->connection);

    if (x->route->streams || !p->has_length || p->content_length <= most)
        return true;
    x->close = true;
    problem(x, PROBLEM_TOO_LARGE, "a body may have %zu bytes", most);
    return false;
}

/* Of a route that streams. The body is taken off the input behind the head while the request goes on: the
 * head moves to the front, where there is room behind it. */
static void begin_stream(struct connection *c)
{
    struct exchange x;

    memmove(c->in, c->in + c->in_at, c->in_end - c->in_at);
    c->in_end -= c->in_at;
    c->in_at = 0;
    c->request_length = c->parser.head_length;
    c->body_comes = parser_has_body(&c->parser);
    exchange_init(&x, c);
    router_find(&x);
    dispatch(c, &x);
    if (c->body_comes && c->pending)
        invite_body(c);
}

int exchange_body_some(struct exchange *x, uint64_t bytes_most, struct buffer *into, bool *ret_end)
{
    struct connection *c = x->connection;
    char *from = c->in + c->in_at + c->parser.head_length;
    size_t length = c->in_end - c->in_at - c->parser.head_length, at = 0;
    enum parser_status s = PARSER_MORE;

    while (c->body_comes && s == PARSER_MORE && at < length) {
        size_t used;
        struct text piece;
        s = parser_body(&c->parser, from + at, length - at, bytes_most, &used, &piece);
        at += used;
        buffer_text(into, piece);
    }
    memmove(from, from + at, length - at);
    c->in_end -= (uint32_t)at;
    if (s == PARSER_FAILED) {
        count(c->loop, METRIC_REQUESTS_MALFORMED, 1);
        return ERROR_INVALID;
    }
    c->body_comes &= s != PARSER_READY;
    x->close = c->loop->stopping || c->body_comes;
    *ret_end = !c->body_comes;
    if (into->failed)
        return ERROR_NOMEM;
    return c->body_comes && c->ended && !at ? ERROR_CLOSED : 0;
}

/* The head is whole: who asks what, and is a body to come? */
static void begin_request(struct connection *c)
{
    struct parser *p = &c->parser;
    struct exchange x;
    bool here = body_is_here(c);

    c->began_us = c->loop->now_us;
    c->request_length = p->head_length + (here ? (uint32_t)p->content_length : 0);
    count(c->loop, METRIC_REQUESTS, 1);
    exchange_init(&x, c);
    x.close |= !here; /* a refusal now leaves a body unread */
    if (router_find(&x) && body_fits(&x) && authorize(&x)) {
        c->route = x.route;
        if (x.route->streams)
            begin_stream(c);
        else if (here)
            dispatch(c, &x);
        else
            begin_body(c);
        return;
    }
    c->lingers |= x.close;
    request_done(c, x.close);
}

/* Appends a piece of the body, within the loop's bound for all bodies. */
static bool keep_piece(struct connection *c, struct text piece)
{
    struct loop *l = c->loop;
    size_t before = c->body.capacity;

    if (piece.length > BODIES_BYTES_MOST - l->bodies_bytes)
        return false;
    buffer_text(&c->body, piece);
    l->bodies_bytes += c->body.capacity - before;
    return !c->body.failed;
}

/* Reads what came of the body; true when it is whole and was answered. */
static bool advance_body(struct connection *c)
{
    char *from = c->in + c->in_at + c->parser.head_length;
    size_t length = c->in_end - c->in_at - c->parser.head_length, at = 0;
    enum parser_status s = PARSER_MORE;

    while (s == PARSER_MORE && at < length) {
        size_t used;
        struct text piece;
        s = parser_body(&c->parser, from + at, length - at, body_bytes_most(c), &used, &piece);
        at += used;
        if (piece.length && !keep_piece(c, piece)) {
            refuse(c, PROBLEM_UNAVAILABLE, "no memory for this body now");
            return false;
        }
    }
    memmove(from, from + at, length - at);
    c->in_end -= (uint32_t)at;
    if (s == PARSER_FAILED) {
        count(c->loop, METRIC_REQUESTS_MALFORMED, 1);
        refuse(c, problem_of_status(c->parser.status), c->parser.detail);
    }
    if (s != PARSER_READY)
        return false;
    struct exchange x;
    exchange_init(&x, c);
    router_find(&x);
    dispatch(c, &x);
    return true;
}

/* One step; false when nothing more can be done before more input comes. */
static bool advance(struct connection *c)
{
    if (c->phase == PHASE_BODY)
        return advance_body(c);
    if (c->in_at == c->in_end)
        return false;
    switch (parser_head(&c->parser, c->in + c->in_at, c->in_end - c->in_at)) {
    case PARSER_MORE:
        enter(c, PHASE_HEAD);
        return false;
    case PARSER_READY:
        begin_request(c);
        return true;
    default:
        count(c->loop, METRIC_REQUESTS_MALFORMED, 1);
        c->request_length = c->in_end - c->in_at;
        refuse(c, problem_of_status(c->parser.status), c->parser.detail);
        return false;
    }
}

/* Answers what is there, as long as the peer takes the answers. */
static void work(struct connection *c)
{
    while (!c->closing && !c->pending && !c->broken && !unsent(c)) {
        if (c->loop->out.length >= OUTPUT_BYTES_MOST)
            flush_loop(c);
        else if (!advance(c))
            break;
    }
}

/* ---- pending ---- */

static void queue_turn(struct connection *c)
{
    struct loop *l = c->loop;

    if (c->in_turn)
        return;
    c->in_turn = true;
    c->turn_next = NULL;
    *l->turn_last = c;
    l->turn_last = &c->turn_next;
    loop_schedule_turn(l);
}

void exchange_turn(struct exchange *x, struct pending *p)
{
    exchange_wait(x, p);
    queue_turn(x->connection);
}

static void leave_turns(struct connection *c)
{
    struct loop *l = c->loop;

    if (!c->in_turn)
        return;
    struct connection **at = &l->turn_first;
    while (*at != c)
        at = &(*at)->turn_next;
    *at = c->turn_next;
    if (l->turn_last == &c->turn_next)
        l->turn_last = at;
    c->in_turn = false;
}

static void step(struct connection *c)
{
    struct exchange x;

    exchange_init(&x, c);
    router_find(&x);
    switch (c->pending->step(c->pending, &x)) {
    case PENDING_WAIT:
        break;
    case PENDING_TURN:
        flush_loop(c);
        if (!unsent(c))
            queue_turn(c);
        break;
    case PENDING_DONE:
        request_done(c, x.close);
        work(c);
        break;
    }
    settle(c);
}

void connection_resume(struct connection *c)
{
    if (c->pending && !c->in_turn && !unsent(c))
        step(c);
}

void connection_turns(struct loop *l)
{
    struct connection *last = NULL, *c;

    for (c = l->turn_first; c; c = c->turn_next)
        last = c;
    while ((c = l->turn_first)) { /* those that queue themselves again wait for the next turn */
        leave_turns(c);
        bool was_last = c == last;
        if (!unsent(c)) /* else it goes on when the output is sent */
            step(c);
        if (was_last)
            break;
    }
}

void connection_polls(struct loop *l)
{
    struct connection *next;

    for (struct connection *c = l->polls; c; c = next) {
        next = c->poll_next;
        connection_resume(c);
    }
    if (l->polls)
        loop_schedule_poll(l);
}

/* ---- callbacks ---- */

static void begin_linger(struct connection *c)
{
    shutdown(c->fd, SHUT_WR);
    enter(c, PHASE_LINGER);
    c->in_at = c->in_end = 0;
}

/* After every callback: send, close, wait for the right events. */
static void settle(struct connection *c)
{
    flush_loop(c);
    if (c->broken) {
        connection_destroy(c);
        return;
    }
    bool waits = unsent(c);
    if (waits)
        set_write_deadline(c);
    if (c->phase != PHASE_LINGER && !c->pending && !waits) {
        bool stops = c->loop->stopping && c->phase == PHASE_IDLE && c->in_at == c->in_end;
        if ((c->closing && !c->lingers) || c->ended || stops) {
            connection_destroy(c);
            return;
        }
        if (c->closing)
            begin_linger(c);
    }
    make_room(c);
    if (c->in_at == c->in_end && !c->pending)
        give_input(c);
    bool reads =
        !c->ended && c->in_end < INPUT_BYTES && !(c->closing && c->phase != PHASE_LINGER && !c->body_comes);
    if (!watch_set(&c->writable, waits) || !watch_set(&c->readable, reads))
        connection_destroy(c);
}

static bool read_some(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_end, INPUT_BYTES - c->in_end, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == EWOULDBLOCK))
        return false;
    if (n < 0) {
        c->broken = true;
        return false;
    }
    if (n == 0) {
        c->ended = true;
        return false;
    }
    c->in_end += (uint32_t)n;
    count(c->loop, METRIC_READ_BYTES, (uint64_t)n);
    return true;
}

static void on_readable(void *context)
{
    struct connection *c = context;

    loop_begin(c->loop);
    if (!take_input(c)) {
        connection_destroy(c);
        return;
    }
    if (c->phase == PHASE_LINGER) {
        c->in_end = 0;
        if (!read_some(c) && (c->ended || c->broken))
            connection_destroy(c);
        else
            c->in_end = 0;
        return;
    }
    make_room(c);
    bool more = read_some(c);
    if ((more || c->ended) && c->body_comes && c->pending && !c->in_turn && !unsent(c)) {
        step(c);
        return;
    }
    if (more)
        work(c);
    settle(c);
}

static void on_writable(void *context)
{
    struct connection *c = context;

    loop_begin(c->loop);
    flush_own(c);
    if (!unsent(c) && !c->broken) {
        if (c->pending && !c->in_turn) {
            step(c);
            return;
        }
        work(c);
    }
    settle(c);
}

static bool past(int64_t deadline_us, int64_t now_us)
{
    return deadline_us && now_us >= deadline_us;
}

static void time_out(struct connection *c)
{
    if (c->phase != PHASE_LINGER)
        count(c->loop, METRIC_CONNECTIONS_TIMED_OUT, 1);
    if (c->phase != PHASE_HEAD && c->phase != PHASE_BODY) {
        connection_destroy(c);
        return;
    }
    refuse(c, PROBLEM_TIMEOUT,
           c->phase == PHASE_HEAD ? "the head did not come in time" : "the body did not come in time");
    c->phase = PHASE_IDLE;
    settle(c);
}

void connection_sweep(struct loop *l)
{
    struct connection *next;

    for (struct connection *c = l->connections; c; c = next) {
        next = c->next;
        if (past(c->write_deadline_us, l->now_us)) {
            count(l, METRIC_CONNECTIONS_TIMED_OUT, 1);
            connection_destroy(c);
        } else if (c->pending) {
            if (past(c->pending->deadline_us, l->now_us))
                connection_resume(c);
        } else if (past(c->deadline_us, l->now_us)) {
            time_out(c);
        } else if (l->stopping) {
            settle(c);
        }
    }
}

/* ---- beginning and end ---- */

static void refuse_connection(struct loop *l, int fd)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
        "Connection: close\r\nContent-Length: 113\r\n\r\n"
        "{\"type\":\"urn:onhand:problem:unavailable\",\"title\":\"Not now\",\"status\":503,"
        "\"detail\":\"too many connections are open\"}";
    _Static_assert(sizeof("{\"type\":\"urn:onhand:problem:unavailable\",\"title\":\"Not now\",\"status\":503,"
                          "\"detail\":\"too many connections are open\"}") -
                           1 ==
                       113,
                   "the length said");
    ssize_t n = send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    (void)n;
    count(l, METRIC_CONNECTIONS_REFUSED, 1);
    shutdown(fd, SHUT_WR);
    close(fd);
}

void connection_accept(struct loop *l, int fd)
{
    struct http *h = l->http;
    unsigned most = loop_option(h->options.connections_most, 12000);

    if (atomic_fetch_add_explicit(&h->connections_count, 1, memory_order_relaxed) >= most) {
        atomic_fetch_sub_explicit(&h->connections_count, 1, memory_order_relaxed);
        refuse_connection(l, fd);
        return;
    }
    struct connection *c = calloc(1, sizeof(*c));
    if (!c) {
        atomic_fetch_sub_explicit(&h->connections_count, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    c->loop = l;
    c->fd = fd;
    watch_init(&c->readable, l->watches, WATCH_READ, fd, on_readable, c);
    watch_init(&c->writable, l->watches, WATCH_WRITE, fd, on_writable, c);
    c->next = l->connections;
    if (c->next)
        c->next->previous = c;
    l->connections = c;
    l->connections_count++;
    count(l, METRIC_CONNECTIONS_ACCEPTED, 1);
    enter(c, PHASE_IDLE);
    if (!watch_set(&c->readable, true))
        connection_destroy(c);
}

void connection_break(struct connection *c)
{
    c->broken = true;
}

void connection_destroy(struct connection *c)
{
    struct loop *l = c->loop;

    drop_pending(c);
    leave_turns(c);
    watch_finish(&c->readable);
    watch_finish(&c->writable);
    close(c->fd);
    if (c->next)
        c->next->previous = c->previous;
    *(c->previous ? &c->previous->next : &l->connections) = c->next;
    l->connections_count--;
    atomic_fetch_sub_explicit(&l->http->connections_count, 1, memory_order_relaxed);
    count(l, METRIC_CONNECTIONS_CLOSED, 1);
    give_input(c);
    free_body(c);
    buffer_finish(&c->out);
    key_set_release(c->keys);
    free(c);
}
