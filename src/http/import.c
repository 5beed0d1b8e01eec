/* POST /v1/import: a file of events or reference data, taken while it comes; or held against the books.
 *
 * Turns of reading make a round, a round goes to the log and comes back, and so on; the report is held back
 * until the file is over, or until it is long: then it is sent while the file still comes. */
#include "http/ask.h"
#include "http/import.h"

#include <stdarg.h>
#include <stdlib.h>

void import_post(struct exchange *x);

enum phase {
    READING,
    WRITING,
    COMPLETING, /* what was not mentioned */
    CLOSING,    /* that all of the location was counted */
    OVER
};

struct import {
    struct pending pending;
    struct http *http;
    enum phase phase, after;        /* a round that is written */
    bool completes;                 /* all lines are done */
    char location[TEXT_BYTES_MOST]; /* in `round` */
    instant_t as_of;
    struct data_lines lines;
    struct import_round round;
    struct import_report report;
    struct import_mentioned mentioned;
    size_t came_bytes; /* since the deadline was set */
};

static atomic_uint imports_count; /* in this process */

static void drop(struct pending *p)
{
    struct import *im = (struct import *)p;

    import_round_finish(&im->round);
    import_mentioned_finish(&im->mentioned);
    data_lines_finish(&im->lines);
    buffer_finish(&im->report.out);
    free(im);
    atomic_fetch_sub_explicit(&imports_count, 1, memory_order_relaxed);
}

/* ---- the answer ---- */

/* Sends what there is of the report. */
static enum pending_status send_some(struct import *im, struct exchange *x, bool last)
{
    struct buffer *report = &im->report.out;
    bool whole = last && !im->report.begun;

    if (!im->report.begun) {
        answer_begin(x, 200, "application/x-ndjson");
        buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    }
    if (whole) {
        buffer_add(answer_body(x), report->at, report->length);
        x->out->failed |= report->failed;
        answer_end(x);
        return PENDING_DONE;
    }
    if (!im->report.begun)
        answer_stream_begin(x);
    im->report.begun = true;
    size_t mark = answer_chunk_begin(x);
    buffer_add(x->out, report->at, report->length);
    answer_chunk_end(x, mark);
    if (x->out->failed || report->failed) { /* cut, so that it is not taken for whole */
        connection_break(x->connection);
        return PENDING_WAIT;
    }
    buffer_clear(report);
    if (last)
        answer_stream_end(x);
    return last ? PENDING_DONE : PENDING_TURN;
}

static enum pending_status end(struct import *im, struct exchange *x, const char *stopped)
{
    report_totals(&im->report, stopped, data_lines_skipped(&im->lines));
    return send_some(im, x, true);
}

/* It cannot go on. What was written stays written, and is answered as repeated when the file comes again. */
static enum pending_status stop(struct import *im, struct exchange *x, enum problem_type t,
                                const char *format, ...) __attribute__((format(printf, 4, 5)));
static enum pending_status stop(struct import *im, struct exchange *x, enum problem_type t,
                                const char *format, ...)
{
    char detail[300], where[80] = "";
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    if (im->report.begun)
        return end(im, x, detail);
    if (im->report.lines)
        snprintf(where, sizeof(where), "; the first %llu lines are done",
                 (unsigned long long)im->report.lines);
    problem(x, t, "%s%s", detail, where);
    return PENDING_DONE;
}

static enum pending_status stop_for(struct import *im, struct exchange *x, int error)
{
    if (error == ERROR_LIMIT)
        return stop(im, x, PROBLEM_TOO_LARGE, "line %lu makes a record longer than the log takes",
                    im->lines.line);
    return stop(im, x, PROBLEM_UNAVAILABLE, "no memory for this now: try again");
}

/* ---- reading ---- */

static void expect_bytes(struct import *im, struct exchange *x)
{
    im->came_bytes = 0;
    im->pending.deadline_us =
        x->loop->now_us + 1000 * (int64_t)loop_option(x->loop->http->options.body_timeout_ms, 30000);
}

/* A sender brings 16 KiB, or the end, within each deadline. */
static void note_bytes(struct import *im, struct exchange *x, size_t bytes)
{
    enum { PROGRESS_BYTES = 16 * 1024 };

    im->came_bytes += bytes;
    if (im->came_bytes >= PROGRESS_BYTES)
        expect_bytes(im, x);
}

static enum pending_status stop_reading(struct import *im, struct exchange *x, int error)
{
    if (error == ERROR_CLOSED) { /* nobody is there to be answered */
        connection_break(x->connection);
        return PENDING_WAIT;
    }
    if (error != ERROR_INVALID)
        return stop_for(im, x, error);
    return stop(im, x, problem_of_status(x->request->status), "%s", x->request->detail);
}

enum taken { TAKEN, NOTHING_YET, STOPPED };

/* Takes what has come of the body. */
static enum taken take_some(struct import *im, struct exchange *x, enum pending_status *ret_stopped)
{
    data_lines_compact(&im->lines);
    size_t before = im->lines.bytes.length;
    int error = exchange_body_some(x, IMPORT_BYTES_MOST, &im->lines.bytes, &im->lines.ended);

    if (error) {
        *ret_stopped = stop_reading(im, x, error);
        return STOPPED;
    }
    note_bytes(im, x, im->lines.bytes.length - before);
    if (im->lines.ended || im->lines.bytes.length > before)
        return TAKEN;
    if (x->loop->now_us < im->pending.deadline_us)
        return NOTHING_YET;
    *ret_stopped = stop(im, x, PROBLEM_TIMEOUT, "the body did not come in time");
    return STOPPED;
}

/* The round goes to the log; then `after`. */
static enum pending_status write_round(struct import *im, struct exchange *x, enum phase after)
{
    int error = import_round_end(&im->round);

    if (error)
        return stop_for(im, x, error);
    im->phase = WRITING;
    im->after = after;
    batch_begin_waiting(im->round.batch);
    im->pending.deadline_us = batch_deadline_us(im->round.batch);
    return PENDING_TURN;
}

static enum pending_status read_on(struct import *im, struct exchange *x)
{
    enum pending_status stopped = PENDING_DONE;
    struct data_document d;
    struct problems p;

    for (unsigned lines = 0; lines < IMPORT_LINES_A_TURN;) {
        p.count = 0;
        int got = data_lines_next(&im->lines, &d, &p);
        if (got == 0 && im->lines.ended)
            return write_round(im, x, im->round.full ? COMPLETING : OVER);
        if (got == 0) {
            enum taken t = take_some(im, x, &stopped);
            if (t == TAKEN)
                continue;
            return t == STOPPED ? stopped : PENDING_WAIT;
        }
        if (im->lines.unreadable)
            return stop(im, x, PROBLEM_BAD_BODY, "line %lu: %s", im->lines.line, p.at[0].detail);
        int error = got == ERROR_INVALID ? import_round_add_bad(&im->round, im->lines.line, &p)
                    : got == 1           ? import_round_add(&im->round, &d)
                                         : got;
        if (error)
            return stop_for(im, x, error);
        lines++;
        if (import_round_is_full(&im->round))
            return write_round(im, x, READING);
    }
    return PENDING_TURN;
}

/* ---- writing ---- */

struct mentioning {
    struct import *import;
    struct exchange *exchange;
};

static bool mention(void *context, struct text sku)
{
    struct mentioning *m = context;

    return import_mention(&m->import->mentioned, m->exchange, sku);
}

static enum pending_status begin_round(struct import *im, struct exchange *x, enum phase p)
{
    int error = import_round_begin(&im->round, x);

    im->phase = p;
    expect_bytes(im, x);
    if (error || im->report.out.failed)
        return stop_for(im, x, ERROR_NOMEM);
    if (x->loop->stopping)
        return stop(im, x, PROBLEM_UNAVAILABLE, "this server stops: send the file again");
    return im->report.out.length > IMPORT_REPORT_BYTES_HELD ? send_some(im, x, false) : PENDING_TURN;
}

/* All lines are done: what did they not mention? A line that failed may have been about any of it. */
static enum pending_status begin_completing(struct import *im, struct exchange *x)
{
    if (im->as_of == INSTANT_NONE)
        im->as_of = im->round.newest_as_of;
    if (im->report.failed) {
        im->report.left_alone = true;
        return end(im, x, NULL);
    }
    if (im->as_of == INSTANT_NONE)
        return stop(im, x, PROBLEM_BAD_PARAMETER,
                    "as_of= is needed: no line says as of when nothing else is there");
    im->completes = true;
    import_unmentioned_begin(&im->mentioned, exchange_view(x));
    return begin_round(im, x, COMPLETING);
}

static enum pending_status round_done(struct import *im, struct exchange *x)
{
    struct mentioning m = {im, x};

    import_round_report(&im->round, &im->report, im->round.full ? mention : NULL, &m);
    switch (im->after) {
    case READING:
        return begin_round(im, x, READING);
    case COMPLETING:
        return im->completes ? begin_round(im, x, COMPLETING) : begin_completing(im, x);
    case CLOSING:
        return im->report.failed ? end(im, x, NULL) : begin_round(im, x, CLOSING);
    default:
        return end(im, x, NULL);
    }
}

static enum pending_status write_on(struct import *im, struct exchange *x)
{
    switch (batch_advance(im->round.batch)) {
    case BATCH_WAITING:
        return PENDING_WAIT;
    case BATCH_DONE:
        return round_done(im, x);
    case BATCH_REFUSED:
        if (batch_again(im->round.batch))
            return PENDING_WAIT;
        break;
    case BATCH_FAILED:
        break;
    }
    if (im->report.begun)
        return end(im, x, "the log does not answer: send the file again");
    batch_answer_failure(im->round.batch, x);
    return PENDING_DONE;
}

static enum pending_status complete_on(struct import *im, struct exchange *x)
{
    bool more;
    int error = import_unmentioned_some(&im->mentioned, x, &im->round, im->as_of, &more);

    if (error)
        return stop_for(im, x, error);
    if (more && !import_round_is_full(&im->round))
        return PENDING_TURN;
    return write_round(im, x, more ? COMPLETING : im->round.compares ? OVER : CLOSING);
}

static enum pending_status close_count(struct import *im, struct exchange *x)
{
    int error = import_round_add_whole(&im->round, im->as_of);

    return error ? stop_for(im, x, error) : write_round(im, x, OVER);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct import *im = (struct import *)p;

    return im->phase == READING   ? read_on(im, x)
           : im->phase == WRITING ? write_on(im, x)
           : im->phase == CLOSING ? close_count(im, x)
                                  : complete_on(im, x);
}

/* ---- the question ---- */

static bool read_kind(struct text t, enum data_kind *ret)
{
    for (unsigned k = 0; k < DATA_KINDS; k++)
        if (text_equal(t, text_of(data_kind_name((enum data_kind)k)))) {
            *ret = (enum data_kind)k;
            return true;
        }
    *ret = DATA_KINDS;
    return text_equal(t, TEXT("auto"));
}

/* One of two words. */
static void read_choice(const struct parameter *a, const char *off, const char *on, bool *ret,
                        struct problems *p)
{
    *ret = text_equal(a->value, text_of(on));
    if (!*ret && !text_equal(a->value, text_of(off)))
        problems_add(p, "", "%.*s must be %s or %s", (int)a->name.length, a->name.at, off, on);
}

static void read_location(struct import *im, const struct parameter *a, struct problems *p)
{
    if (!text_is_name(a->value) || im->round.location.length) {
        parameter_wrong(p, a->name, "must be one name: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
        return;
    }
    memcpy(im->location, a->value.at, a->value.length);
    im->round.location = (struct text){im->location, a->value.length};
}

static void read_parameter(struct import *im, const struct parameter *a, struct problems *p)
{
    if (text_equal(a->name, TEXT("mode")))
        read_choice(a, "apply", "compare", &im->round.compares, p);
    else if (text_equal(a->name, TEXT("scope")))
        read_choice(a, "lines", "full", &im->round.full, p);
    else if (text_equal(a->name, TEXT("results")))
        read_choice(a, "problems", "all", &im->report.all, p);
    else if (text_equal(a->name, TEXT("location")))
        read_location(im, a, p);
    else if (text_equal(a->name, TEXT("as_of")) && !instant_parse(a->value, &im->as_of))
        parameter_wrong(p, a->name, "must be an instant: 2026-11-21T10:00:00Z");
    else if (text_equal(a->name, TEXT("kind")) && !read_kind(a->value, &im->lines.kind))
        parameter_wrong(p, a->name, "must be auto, events, locations, items, groups or channels");
    else if (!text_equal(a->name, TEXT("as_of")) && !text_equal(a->name, TEXT("kind")))
        parameter_unknown(p, a->name);
}

/* False: answered. */
static bool read_question(struct exchange *x, struct import *im)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    while (parameter_next(x, &rest, &p, &errors))
        read_parameter(im, &p, &errors);
    if (im->round.full != (im->round.location.length > 0))
        problems_add(&errors, "location", "goes with scope=full, which needs it");
    if (im->as_of != INSTANT_NONE && !im->round.full)
        problems_add(&errors, "as_of", "goes with scope=full");
    return parameters_right(x, &errors);
}

/* Is there somebody who may, and a file that can be read? False: answered. */
static bool is_welcome(struct exchange *x, struct import *im)
{
    if (im->round.full && !location_is_allowed(x, im->round.location))
        return false;
    if (im->round.compares && x->key && !key_may(x->key, SCOPE_READ)) {
        problem(x, PROBLEM_FORBIDDEN, "mode=compare shows stock: it needs a key with scope read");
        return false;
    }
    if (x->request->has_length && x->request->content_length > IMPORT_BYTES_MOST) {
        problem(x, PROBLEM_TOO_LARGE, "a file may have %llu bytes: send it in parts",
                (unsigned long long)IMPORT_BYTES_MOST);
        return false;
    }
    im->lines.csv = content_is(x, "text/csv");
    if (im->lines.csv || content_is(x, "application/x-ndjson"))
        return body_is_plain(x);
    problem(x, PROBLEM_MEDIA_TYPE, "Content-Type must be application/x-ndjson or text/csv");
    return false;
}

static struct import *import_create(struct exchange *x)
{
    if (atomic_fetch_add_explicit(&imports_count, 1, memory_order_relaxed) >= IMPORTS_MOST) {
        atomic_fetch_sub_explicit(&imports_count, 1, memory_order_relaxed);
        problem(x, PROBLEM_UNAVAILABLE, "%d imports are going on already: try again", IMPORTS_MOST);
        return NULL;
    }
    struct import *im = calloc(1, sizeof(*im));
    if (!im) {
        atomic_fetch_sub_explicit(&imports_count, 1, memory_order_relaxed);
        problem_no_memory(x);
        return NULL;
    }
    /* it polls: a full queue is tried again */
    im->pending = (struct pending){step, drop, 0, true};
    im->as_of = im->round.newest_as_of = INSTANT_NONE;
    im->lines.kind = DATA_KINDS;
    im->round.key = x->key;
    return im;
}

static enum pending_status begin(struct exchange *x, struct import *im)
{
    if (!read_question(x, im) || !is_welcome(x, im))
        return PENDING_DONE;
    im->report.compares = im->round.compares;
    im->report.full = im->round.full;
    expect_bytes(im, x);
    int error = import_round_begin(&im->round, x);
    return error ? stop_for(im, x, error) : step(&im->pending, x);
}

void import_post(struct exchange *x)
{
    struct import *im = import_create(x);
    enum pending_status s = im ? begin(x, im) : PENDING_DONE;

    if (s == PENDING_DONE && im)
        drop(&im->pending);
    else if (s == PENDING_TURN)
        exchange_turn(x, &im->pending);
    else if (s == PENDING_WAIT)
        exchange_wait(x, &im->pending);
}
