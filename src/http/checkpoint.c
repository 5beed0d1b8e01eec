/* GET /v1/checkpoint: the newest checkpoint's file, for an instance that begins: a slice at a time, from any
 * byte on. A file that has to come from the disk first is asked for ahead and waited for, so that it holds up
 * nobody else on this loop. */
#include "http/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

void checkpoint_get(struct exchange *x);

enum {
    SLICE_BYTES = 256 * 1024,
    AHEAD_BYTES = 4 << 20,
    MISSES_MOST = 200, /* looks, about a millisecond apart, before the disk is waited for */
    RETRY_SECONDS = 5,
};

struct download {
    struct pending pending;
    const struct http_checkpoints *source;
    bool waits; /* for a fresh one: `ticket` */
    bool begun;
    uint64_t ticket;
    struct http_checkpoint found; /* file -1: none */
    uint64_t at, end;             /* of what is left to send */
    unsigned misses;
};

/* ---- which bytes ---- */

enum range { RANGE_WHOLE, RANGE_PART, RANGE_NOWHERE };

static bool digits(struct text t, uint64_t *ret)
{
    uint64_t value = 0;

    for (size_t i = 0; i < t.length; i++)
        if (t.at[i] < '0' || t.at[i] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (unsigned)(t.at[i] - '0'), &value))
            return false;
    *ret = value;
    return t.length > 0;
}

/* bytes=FROM-, FROM-LAST or -COUNT. What is not that, several ranges too, may be passed over: then the whole
 * is sent (RFC 9110, 14.2). */
static enum range range_read(struct text t, uint64_t size, uint64_t *ret_from, uint64_t *ret_end)
{
    uint64_t from, last;

    if (t.length < 6 || memcmp(t.at, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    t = (struct text){t.at + 6, t.length - 6};
    const char *dash = memchr(t.at, '-', t.length);
    if (!dash)
        return RANGE_WHOLE;
    struct text first = {t.at, (size_t)(dash - t.at)}, second = {dash + 1, t.length - first.length - 1};
    if (!first.length) {
        if (!digits(second, &last))
            return RANGE_WHOLE;
        *ret_from = last < size ? size - last : 0;
        *ret_end = size;
        return last ? RANGE_PART : RANGE_NOWHERE;
    }
    if (!digits(first, &from) || (second.length && (!digits(second, &last) || last < from)))
        return RANGE_WHOLE;
    *ret_from = from;
    *ret_end = second.length && last < size - 1 ? last + 1 : size;
    return from < size ? RANGE_PART : RANGE_NOWHERE;
}

/* ---- the head ---- */

static void etag_of(const struct http_checkpoint *c, char out[112])
{
    snprintf(out, 112, "\"%" PRIu64 "-%" PRIu64 "-%016" PRIx64 "%016" PRIx64 "\"", c->incarnation,
             c->next_offset, c->digest.high, c->digest.low);
}

static enum range which(struct exchange *x, struct download *d, const char *etag)
{
    struct text range = parser_header(x->request, HEADER_RANGE, x->head);
    struct text still = parser_header(x->request, HEADER_IF_RANGE, x->head);

    d->at = 0;
    d->end = d->found.bytes;
    if (still.length && !text_equal(still, text_of(etag)))
        return RANGE_WHOLE;
    return range_read(range, d->found.bytes, &d->at, &d->end);
}

static void put_head(struct exchange *x, const struct download *d, enum range range, const char *etag)
{
    const struct http_checkpoint *c = &d->found;

    answer_begin(x, range == RANGE_PART ? 206 : 200, "application/octet-stream");
    buffer_printf(x->out,
                  "ETag: %s\r\nOnhand-Version: %" PRIu64 ":%" PRIu64 "\r\nOnhand-Digest: %016" PRIx64
                  "%016" PRIx64 "\r\nAccept-Ranges: bytes\r\nCache-Control: private, no-cache\r\n"
                  "Content-Disposition: attachment; filename=\"checkpoint-%020" PRIu64 "-%020" PRIu64
                  "\"\r\n",
                  etag, c->incarnation, c->next_offset - 1, c->digest.high, c->digest.low, c->incarnation,
                  c->next_offset);
    if (range == RANGE_PART)
        buffer_printf(x->out, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", d->at,
                      d->end - 1, c->bytes);
    buffer_printf(x->out, "Content-Length: %" PRIu64 "\r\n\r\n", d->end - d->at);
}

static bool client_has(struct exchange *x, const char *etag)
{
    struct text given = parser_header(x->request, HEADER_IF_NONE_MATCH, x->head);

    if (!given.length || x->request->repeated & 1u << HEADER_IF_NONE_MATCH)
        return false;
    return text_equal(given, TEXT("*")) || memmem(given.at, given.length, etag, strlen(etag));
}

static void not_there(struct exchange *x, int error)
{
    x->retry_after_s = RETRY_SECONDS;
    if (error == ERROR_NOTFOUND)
        problem(x, PROBLEM_NOT_FOUND, "no checkpoint was written here yet; ?fresh=true asks for one");
    else
        problem(x, PROBLEM_UNAVAILABLE, "the checkpoint cannot be read: %s", error_text(error));
}

/* False: the answer is whole. */
static bool begin(struct exchange *x, struct download *d)
{
    char etag[112], line[160];
    int error = d->source->open(x->loop->http->options.engine, &d->found);

    if (error) {
        not_there(x, error);
        return false;
    }
    etag_of(&d->found, etag);
    if (client_has(x, etag)) {
        snprintf(line, sizeof(line), "ETag: %s\r\nCache-Control: private, no-cache\r\n", etag);
        answer_empty(x, 304, line);
        return false;
    }
    enum range range = which(x, d, etag);
    if (range == RANGE_NOWHERE) {
        problem(x, PROBLEM_RANGE, "the checkpoint has %" PRIu64 " bytes", d->found.bytes);
        return false;
    }
    put_head(x, d, range, etag);
    d->begun = true;
    return x->request->method != HTTP_HEAD;
}

/* ---- the bytes ---- */

/* What is in memory already, else ERROR_BUSY; after many looks the disk is waited for, for a little. Returns
 * how many bytes, or an error. */
static ssize_t read_some(struct download *d, char *to, size_t length)
{
    struct iovec part = {to, length};
    ssize_t n = preadv2(d->found.file, &part, 1, (off_t)d->at, RWF_NOWAIT);

    if (n < 0 && errno == EAGAIN && d->misses++ < MISSES_MOST) {
        posix_fadvise(d->found.file, (off_t)d->at, AHEAD_BYTES, POSIX_FADV_WILLNEED);
        return ERROR_BUSY;
    }
    if (n < 0) /* file systems that do not know the flag, too */
        n = pread(d->found.file, to, length < SLICE_BYTES / 4 ? length : SLICE_BYTES / 4, (off_t)d->at);
    d->misses = 0;
    return n > 0 ? n : ERROR_IO;
}

static enum pending_status send_slice(struct exchange *x, struct download *d)
{
    size_t length = d->end - d->at < SLICE_BYTES ? (size_t)(d->end - d->at) : SLICE_BYTES;
    char *to = buffer_reserve(x->out, length);
    ssize_t n = to ? read_some(d, to, length) : ERROR_NOMEM;

    if (n == ERROR_BUSY)
        return PENDING_WAIT;
    if (n < 0) { /* what was sent cannot be taken back: cut it, so that it is not taken for whole */
        connection_break(x->connection);
        return PENDING_WAIT;
    }
    x->out->length += (size_t)n;
    d->at += (uint64_t)n;
    return d->at < d->end ? PENDING_TURN : PENDING_DONE;
}

/* True: there is an answer already. */
static bool still_waits(struct exchange *x, struct download *d)
{
    int status = d->source->asked(x->loop->http->options.engine, d->ticket);

    if (status == 0) {
        d->waits = false;
        d->pending.deadline_us = 0;
    } else if (status < 0) {
        x->retry_after_s = RETRY_SECONDS;
        problem(x, PROBLEM_UNAVAILABLE, "no checkpoint was written: %s", error_text(status));
    } else if (x->loop->now_us >= d->pending.deadline_us) {
        x->retry_after_s = RETRY_SECONDS;
        problem(x, PROBLEM_UNAVAILABLE, "the checkpoint is still being written");
        status = ERROR_TIMEOUT;
    }
    return status < 0;
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct download *d = (struct download *)p;

    if (d->waits && still_waits(x, d))
        return PENDING_DONE;
    if (d->waits)
        return PENDING_WAIT;
    if (!d->begun && !begin(x, d))
        return PENDING_DONE;
    if (x->out->failed) {
        connection_break(x->connection);
        return PENDING_WAIT;
    }
    return send_slice(x, d);
}

static void drop(struct pending *p)
{
    struct download *d = (struct download *)p;

    if (d->found.file >= 0)
        close(d->found.file);
    free(d);
}

/* ---- the question ---- */

static bool read_question(struct exchange *x, bool *ret_fresh)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("fresh")))
            parameter_flag(&p, ret_fresh, &errors);
        else
            parameter_unknown(&errors, p.name);
    }
    return parameters_right(x, &errors);
}

void checkpoint_get(struct exchange *x)
{
    const struct http_options *o = &x->loop->http->options;
    bool fresh = false;

    if (!read_question(x, &fresh))
        return;
    if (x->key && (x->key->locations_count || x->key->channels_count)) {
        problem(x, PROBLEM_FORBIDDEN, "a checkpoint holds everything, and this key is bound");
        return;
    }
    if (!o->checkpoints) {
        problem(x, PROBLEM_NOT_FOUND, "this server writes no checkpoints");
        return;
    }
    struct download *d = calloc(1, sizeof(*d));
    if (!d) {
        problem_no_memory(x);
        return;
    }
    d->pending = (struct pending){step, drop, 0, true};
    d->source = o->checkpoints;
    d->found.file = -1;
    d->waits = fresh;
    if (fresh) {
        d->ticket = o->checkpoints->ask(o->engine);
        d->pending.deadline_us = x->loop->now_us + 1000 * (int64_t)loop_option(o->checkpoint_wait_ms, 30000);
    }
    exchange_turn(x, &d->pending);
}
