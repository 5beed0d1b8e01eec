/* What the files of http share: the server, its loops, the connections of a loop, and one request being
 * answered.
 *
 * Everything here belongs to the loop's thread (@thread http), but for what is marked atomic. A handler
 * writes its answer at once into the loop's buffer, or leaves something pending that goes on in later turns
 * of the loop. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/http.h"
#include "http/keys.h"
#include "http/parser.h"
#include "http/watch.h"

#include "base/error.h"
#include "core/answer/finder.h"

#include <pthread.h>
#include <stdio.h>

enum {
    INPUT_BYTES = 32 * 1024, /* a connection's input while there is any */
    OUTPUT_BYTES_MOST =
        256 * 1024, /* unsent answers beyond which no further request of a connection is begun */
    BODIES_BYTES_MOST = 256 << 20, /* of all bodies in memory on one loop */
    SEGMENTS_MOST = 6,             /* of a path */
    ROWS_A_TURN = 1000,            /* in one epoch section */
    LINGER_MS = 1000,
    MIN_VERSION_WAIT_MS = 2000,
};

enum metric {
#define METRIC(NAME, kind, name, help) METRIC_##NAME,
#include "http/metrics.def"
#undef METRIC
    METRIC_END
};

enum problem_type {
#define PROBLEM(NAME, status, name, title) PROBLEM_##NAME,
#include "http/problems.def"
#undef PROBLEM
    PROBLEM_END
};

enum scope_needed {
    OPEN = 0,
    READ = SCOPE_READ,
    RESERVE = SCOPE_RESERVE,
    EVENTS = SCOPE_EVENTS,
    ADMIN = SCOPE_ADMIN
};

struct exchange;
struct connection;
struct left_out_set;

struct route {
    uint8_t method;      /* enum http_method */
    uint8_t scope;       /* enum scope_needed */
    bool streams;        /* the handler takes the body while it comes: exchange_body_some */
    const char *pattern; /* "/v1/availability/{sku}" */
    void (*handler)(struct exchange *x);
};

/* What goes on after its handler returned. */
enum pending_status { PENDING_WAIT, PENDING_TURN, PENDING_DONE };
struct pending {
    /* Goes on. WAIT: connection_resume will be called; TURN: call again in the next turn of the loop, and not
     * before the output is sent; DONE: the answer is complete and `drop` follows. */
    enum pending_status (*step)(struct pending *p, struct exchange *x);
    /* Done, or the connection is gone (no more answer is wanted): frees itself now or when it can. */
    void (*drop)(struct pending *p);
    int64_t deadline_us; /* `step` is called when it has passed; 0: none */
    bool polls;          /* `step` is called every few milliseconds */
};

enum connection_phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_PENDING, PHASE_LINGER };

struct connection {
    struct loop *loop;
    struct connection *next, *previous;           /* of the loop */
    struct connection *turn_next;                 /* waiting for its next turn */
    struct connection *poll_next, *poll_previous; /* of those whose pending polls */
    int fd;
    uint8_t phase;
    bool in_turn;
    bool closing;    /* no further request is read; closed when all is sent */
    bool lingers;    /* then what still comes is read for a while, so that the answer is not lost */
    bool ended;      /* the peer sends no more */
    bool broken;     /* nothing can be sent any more */
    bool body_apart; /* the body is in `body`, not in `in` */
    bool body_comes; /* of a route that streams: its end has not been taken yet */
    uint32_t in_at,
        in_end; /* the unread input is in[in_at, in_end); in_at: the head of the present request */
    uint32_t request_length; /* from in_at: its head, and its body when it is whole in `in` */
    char *in;                /* INPUT_BYTES, or NULL while there is no input */
    struct parser parser;    /* of the request that begins at in + in_at */
    const struct route *route;
    const struct key *key; /* who asks; NULL: no keys here */
    struct key_set *keys;  /* holds `key` */
    struct buffer body;    /* what came of a body that is not whole in `in` */
    struct buffer out;     /* answers not sent yet, from out_sent on */
    size_t out_sent;
    struct pending *pending;
    int64_t deadline_us;       /* of the phase; 0: none */
    int64_t write_deadline_us; /* while there is unsent output */
    size_t write_mark;         /* unsent bytes when the deadline was set */
    int64_t began_us;          /* the present request */
    struct watch readable, writable;
};

/* Memory of a loop that one request after another uses. */
struct scratch {
    char *path; /* decoded segments and parameters: INPUT_BYTES */
    size_t path_used;
    struct arena arena;     /* reset at each request */
    struct query_row *rows; /* rows_capacity */
    size_t rows_capacity;
    uint32_t *locations; /* locations_capacity */
    size_t locations_capacity;
    struct near_place *places; /* places_capacity */
    size_t places_capacity;
    struct finder_room finder;
    struct id_order ids;
    struct left_out_set *left_out; /* NULL: nobody asked past a reservation yet */
};

struct mailbox;
struct listeners;

struct loop {
    struct http *http;
    struct watch_loop *watches;
    struct watch acceptable, mail, sweep, turn, poll, listen;
    struct listeners *listeners; /* listeners.c; NULL: nobody listened yet */
    int64_t sweep_us;            /* between two sweeps */
    int listener;
    bool stopping;
    pthread_t thread;
    bool started;
    struct epoch_reader *reader;
    struct connection *connections;
    unsigned connections_count;
    struct connection *turn_first, **turn_last;
    struct connection *polls;
    char *free_inputs; /* a list through their first bytes */
    unsigned free_inputs_count;
    struct buffer out; /* answers of the callback that runs */
    struct scratch scratch;
    int64_t now_us; /* monotonic, at the beginning of the callback that runs */
    int64_t stop_by_us;
    int64_t date_second;
    char date[40];
    size_t bodies_bytes;
    struct mailbox *mailbox;
    struct key_set *keys;
    int64_t keys_checked_us;
    _Atomic uint64_t metrics[METRIC_END]; /* written by this loop alone, relaxed; read by any */
};

struct http {
    struct http_options options;
    char listen_address[128];
    char *keys_path;
    struct keyring *keyring; /* NULL: no keys */
    _Atomic bool stopping;
    _Atomic unsigned connections_count, listeners_count;
    int64_t stop_by_us; /* set before stopping */
    unsigned loops_count;
    struct loop *loops;
};

static inline void count(struct loop *l, enum metric m, uint64_t by)
{
    uint64_t before = atomic_load_explicit(&l->metrics[m], memory_order_relaxed);
    atomic_store_explicit(&l->metrics[m], before + by, memory_order_relaxed);
}

/* ---- one request being answered ---- */
struct exchange {
    struct loop *loop;
    struct connection *connection;
    const struct parser *request;
    const char *head; /* the request's first byte */
    const struct route *route;
    const struct key *key; /* NULL: no keys here */
    size_t segments_count;
    struct text segments[SEGMENTS_MOST]; /* of the path, decoded; those of the pattern's {…} in `arguments` */
    size_t arguments_count;
    struct text arguments[SEGMENTS_MOST];
    struct text query; /* as it came */
    struct text body;
    struct buffer *out;
    size_t answer_at, length_at, body_at; /* of the answer being written, in out */
    bool close;
    unsigned retry_after_s; /* of a problem; 0: one second for 429 and 503, none for others */
    const char *allow;      /* of a 405 */
};

static inline const struct view *exchange_view(const struct exchange *x)
{
    return x->loop->http->options.view;
}

/* The request is answered later: the connection calls p's functions from now on. */
void exchange_wait(struct exchange *x, struct pending *p);
/* The same, and `step` is called in the next turn. */
void exchange_turn(struct exchange *x, struct pending *p);

/* For routes that stream: appends what has come of the body, at most about INPUT_BYTES a call, and takes it
 * off the connection, which then reads on; `step` is called when more is there. *ret_end: that was all of it.
 * ERROR_INVALID: it cannot be read, and x->request says why; ERROR_CLOSED: the peer is gone; ERROR_NOMEM. An
 * answer before the end closes the connection. */
int exchange_body_some(struct exchange *x, uint64_t bytes_most, struct buffer *into, bool *ret_end);

/* ---- answer.c: answers, written straight into x->out ---- */
/* Status line and the headers that every answer has. Own header lines may follow ("Name: value\r\n" into
 * x->out), then the body. */
void answer_begin(struct exchange *x, unsigned status, const char *content_type);
/* The same with a Content-Security-Policy of its own: a page may do more than an answer. */
void answer_begin_under(struct exchange *x, unsigned status, const char *content_type, const char *policy);
/* Ends the head; what is added to x->out from here is the body. */
struct buffer *answer_body(struct exchange *x);
/* Fills in the length; a HEAD's body is taken away again. Without memory the answer becomes a 503 and the
 * connection closes. */
void answer_end(struct exchange *x);
/* An answer without a body: 204, 304. `lines`: own header lines, or "". */
void answer_empty(struct exchange *x, unsigned status, const char *lines);
/* A body whose length nobody knows yet, in chunks (HTTP/1.0: until the connection closes). */
void answer_stream_begin(struct exchange *x);  /* instead of answer_body */
size_t answer_chunk_begin(struct exchange *x); /* then write the bytes, then end with what this returned */
void answer_chunk_end(struct exchange *x, size_t mark);
void answer_stream_end(struct exchange *x);

/* ---- problem.c ---- */
/* A whole answer: application/problem+json. */
void problem(struct exchange *x, enum problem_type t, const char *detail_format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with `errors`. */
void problem_with(struct exchange *x, enum problem_type t, const struct problems *errors,
                  const char *detail_format, ...) __attribute__((format(printf, 4, 5)));
/* Beginning and end, for problems with members of their own in between (each begins with a comma). */
void problem_begin(struct exchange *x, enum problem_type t, const char *detail);
void problem_end(struct exchange *x);
/* `[{"pointer":…,"detail":…}]` */
void put_problems(struct buffer *b, const struct problems *p);
enum problem_type problem_of_status(unsigned status);
void problem_no_memory(struct exchange *x);

/* ---- router.c ---- */
extern const struct route routes[];
extern const size_t routes_count;
/* Finds x->route from path and method and fills segments and arguments. False: answered already (400, 404,
 * 405, 501). */
bool router_find(struct exchange *x);
/* Decodes %XX (and + as a space when `plus`) into the scratch. False: a bad escape, or no room. */
bool percent_decode(struct loop *l, struct text t, bool plus, struct text *ret);

/* ---- connection.c ---- */
void connection_accept(struct loop *l, int fd);
/* What was pending may go on. */
void connection_resume(struct connection *c);
/* Nothing more is sent; closed at the end of the callback that runs. */
void connection_break(struct connection *c);
/* Closes at once whatever goes on. */
void connection_destroy(struct connection *c);
/* Runs every fraction of the shortest deadline. */
void connection_sweep(struct loop *l);
void connection_turns(struct loop *l);
void connection_polls(struct loop *l);

/* ---- server.c ---- */
/* At the beginning of every callback: what time it is. */
void loop_begin(struct loop *l);
void loop_schedule_turn(struct loop *l);
void loop_schedule_poll(struct loop *l);
static inline unsigned loop_option(unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

/* ---- listeners.c ---- */
/* Tells all who listen what has changed. */
void listeners_tell(struct loop *l);
void listeners_destroy(struct listeners *l); /* takes NULL; nobody listens any more */

#endif
