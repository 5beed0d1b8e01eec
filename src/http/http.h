/* The front door: HTTP/1.1 on libevent, one loop a thread, own SO_REUSEPORT listeners. Knows core and codec;
 * the engine hands it a port. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buffer.h"
#include "base/hash.h"
#include "core/answer/unmet.h"
#include "core/command.h"
#include "core/history.h"
#include "core/table/window.h"
#include "core/view.h"

struct http;

/* A checkpoint's file, open for reading. */
struct http_checkpoint {
    int file; /* the taker closes it */
    uint64_t bytes;
    uint64_t incarnation, next_offset; /* the state before that record */
    struct hash128 digest;
};

/* Where checkpoints come from. @thread http, all of them; none may wait */
struct http_checkpoints {
    /* The newest that is whole. ERROR_NOTFOUND: there is none. */
    int (*open)(void *engine, struct http_checkpoint *ret);
    /* Asks for a fresh one; what to ask `asked` with. */
    uint64_t (*ask)(void *engine);
    /* 1: not written yet, 0: written, negative: failed. */
    int (*asked)(void *engine, uint64_t ticket);
};

struct http_options {
    const char *listen; /* "127.0.0.1:8080", "[::1]:8080", port 0: any free one */
    unsigned threads;   /* ≥ 1 */
    const struct view *view;
    struct command_port commands;
    const struct window *window; /* of the last changes of rows; NULL: there is none */
    struct history_port history; /* ask NULL: there is none */
    struct unmet *unmet; /* what was asked for and not found: a part for each thread; NULL: it is not noted */
    const char *keys_path;     /* file of keys (http/keys.h); NULL: no keys, loopback only */
    size_t body_bytes_most;    /* 0: 8 MiB */
    unsigned connections_most; /* 0: 12000 */
    unsigned header_timeout_ms, body_timeout_ms, idle_timeout_ms,
        write_timeout_ms;        /* 0: 10 s, 30 s, 60 s, 30 s */
    unsigned command_timeout_ms; /* how long a request waits for the log before it is answered 503; 0: 5 s */
    /* Adds the engine's own metrics to /metrics. @thread http */
    void (*metrics)(void *engine, struct buffer *out);
    /* Why not ready, for /readyz; "" when ready. @thread http */
    void (*why_not_ready)(void *engine, char *out, size_t size);
    void *engine;
    const struct http_checkpoints *checkpoints; /* NULL: there are none to be had */
    unsigned checkpoint_wait_ms;                /* how long a request waits for a fresh one; 0: 30 s */
};

/* 0, ERROR_INVALID (not loopback without keys, bad address; `detail` says what would be right), ERROR_IO,
 * ERROR_NOMEM. */
int http_start(const struct http_options *o, struct http **ret_http, char *detail, size_t detail_size);
/* "http://127.0.0.1:8080", owned by h. */
const char *http_address(const struct http *h);
/* Stops accepting, lets requests finish for at most `most_ms`, closes, joins. Commands that the engine still
 * holds then are given back to nobody: their `done` may be called after this returned, and frees what is
 * theirs. The view is not looked at any more. Takes NULL. */
void http_stop(struct http *h, unsigned most_ms);

#endif
