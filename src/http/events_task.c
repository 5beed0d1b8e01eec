/* Packs events into records of bounded size, hands them over in order, and answers when all are durable and
 * applied. */
#include "http/event_packer.h"
#include "http/events_task.h"

#include "base/array.h"
#include "codec/row_json.h"

#include "codec/json.h"
#include "http/ask.h"

#include <stdlib.h>

enum {
    IN_PLACE = UINT32_MAX,                /* a result that no record knows of */
    ERRORS_BYTES_WHOLE = 4 * 1024 * 1024, /* beyond it only the first error of an event is listed */
};

/* Turns of reading, then waiting for the log, then turns of answering. */
enum phase { READING, WRITING, ANSWERING };

struct result {
    struct text id;
    uint32_t record; /* of the batch, or IN_PLACE */
    uint32_t event;  /* its number in the record; IN_PLACE: where its errors begin in `errors` */
    uint32_t length; /* IN_PLACE: of them */
};

struct events_task {
    struct pending pending;
    enum phase phase;
    struct events_source source;
    struct loop *loop;
    const struct key *key;
    struct batch *batch;
    struct arena arena;
    bool problems_only;
    struct event_packer packer;
    struct result *results;
    size_t results_count, results_capacity;
    struct buffer errors;
    size_t answered; /* results */
    bool listed_one;
};

static void drop(struct pending *p)
{
    struct events_task *t = (struct events_task *)p;

    if (t->source.finish)
        t->source.finish(t->source.context);
    batch_drop(t->batch);
    arena_finish(&t->arena);
    buffer_finish(&t->errors);
    event_packer_finish(&t->packer);
    free(t->results);
    free(t);
}

static enum pending_status step(struct pending *p, struct exchange *x);

struct events_task *events_task_create(struct exchange *x, bool problems_only)
{
    struct events_task *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->loop = x->loop;
    t->key = x->key;
    t->problems_only = problems_only;
    t->batch = batch_create(x);
    if (!t->batch) {
        free(t);
        return NULL;
    }
    t->packer = (struct event_packer){.loop = x->loop, .batch = t->batch};
    t->pending = (struct pending){step, drop, 0, false};
    return t;
}

struct arena *events_task_arena(struct events_task *t)
{
    return &t->arena;
}

/* ---- filling records ---- */

static struct result *add_result(struct events_task *t, const struct event *e)
{
    if (t->results_count == t->results_capacity) {
        size_t capacity = t->results_capacity ? 2 * t->results_capacity : 1;
        if (!array_grow(&t->results, t->results_capacity, capacity, sizeof(*t->results)))
            return NULL;
        t->results_capacity = capacity;
    }
    struct result *r = &t->results[t->results_count++];
    *r = (struct result){.id = e ? e->id : (struct text){0}};
    return r;
}

static int add_bad(struct events_task *t, const struct event *e, const struct problems *p)
{
    struct result *r = add_result(t, e);

    if (!r)
        return ERROR_NOMEM;
    count(t->loop, METRIC_EVENTS_MALFORMED, 1);
    if (r->id.length && !text_is_identifier(r->id))
        r->id = (struct text){0};
    r->record = IN_PLACE;
    r->event = (uint32_t)t->errors.length;
    if (r->event < ERRORS_BYTES_WHOLE) {
        put_problems(&t->errors, p);
    } else {
        struct problems first = {.count = p->count > 0, .at = {p->at[0]}};
        put_problems(&t->errors, &first);
    }
    r->length = (uint32_t)(t->errors.length - r->event);
    return t->errors.failed ? ERROR_NOMEM : 0;
}

static int add_good(struct events_task *t, const struct event *e)
{
    uint32_t record, event;
    int error = event_packer_add(&t->packer, e, &record, &event);
    struct result *r = error ? NULL : add_result(t, e);

    if (error)
        return error;
    if (!r)
        return ERROR_NOMEM;
    r->record = record;
    r->event = event;
    return 0;
}

int events_task_add(struct events_task *t, const struct event *e, const struct problems *p)
{
    struct problems forbidden;

    if (t->results_count == EVENTS_A_REQUEST_MOST)
        return ERROR_LIMIT;
    count(t->loop, METRIC_EVENTS_RECEIVED, 1);
    if (!e || (p && p->count))
        return add_bad(t, e, p);
    forbidden.count = 0;
    event_check_key(t->key, e, &forbidden);
    return forbidden.count ? add_bad(t, e, &forbidden) : add_good(t, e);
}

int events_task_each(void *context, size_t number, const struct event *e, const struct problems *p)
{
    return events_task_add(context, e, p);
}

/* ---- the answer ---- */

struct tally {
    uint64_t of[VERDICT_END];
};

static struct event_verdict verdict_of(const struct events_task *t, const struct result *r)
{
    if (r->record == IN_PLACE)
        return (struct event_verdict){VERDICT_REJECTED, REASON_MALFORMED, 0};
    const struct command *c = batch_command(t->batch, r->record);
    if (r->event < c->verdicts_count)
        return c->verdicts[r->event];
    return (struct event_verdict){VERDICT_REJECTED, REASON_MALFORMED, 0};
}

static void put_reason(const struct events_task *t, struct buffer *b, const struct result *r,
                       enum reason reason)
{
    if (r->record != IN_PLACE) {
        put_verdict_reason(b, reason);
        return;
    }
    buffer_printf(b, ",\"reason\":\"%s\",\"errors\":", reason_name(reason));
    buffer_add(b, t->errors.at + r->event, r->length);
}

static void put_result(const struct events_task *t, struct buffer *b, const struct result *r,
                       struct event_verdict v)
{
    buffer_text(b, TEXT("{\"id\":"));
    if (r->id.length)
        json_put_string(b, r->id);
    else
        buffer_text(b, TEXT("null"));
    buffer_printf(b, ",\"verdict\":\"%s\"", verdict_name((enum verdict)v.verdict));
    if (r->record != IN_PLACE && v.verdict != VERDICT_REJECTED) {
        const struct command *c = batch_command(t->batch, r->record);
        buffer_text(b, TEXT(",\"version\":"));
        json_put_version(b, (struct version){c->incarnation, c->offset});
    }
    if (v.reason)
        put_reason(t, b, r, (enum reason)v.reason);
    put_verdict_notes(b, v.notes);
    buffer_byte(b, '}');
}

static void put_tally(const struct events_task *t, struct buffer *b)
{
    struct tally tally = {0};

    for (size_t i = 0; i < t->results_count; i++)
        tally.of[verdict_of(t, &t->results[i]).verdict % VERDICT_END]++;
    buffer_printf(
        b,
        "{\"applied\":%llu,\"duplicate\":%llu,\"superseded\":%llu,\"partial\":%llu,\"rejected\":%llu,"
        "\"results\":[",
        (unsigned long long)tally.of[VERDICT_APPLIED], (unsigned long long)tally.of[VERDICT_DUPLICATE],
        (unsigned long long)tally.of[VERDICT_SUPERSEDED], (unsigned long long)tally.of[VERDICT_PARTIAL],
        (unsigned long long)tally.of[VERDICT_REJECTED]);
}

/* The next ones, and the end behind the last. */
static void put_some_results(struct events_task *t, struct buffer *b)
{
    for (size_t n = 0; n < EVENTS_A_TURN && t->answered < t->results_count; n++) {
        const struct result *r = &t->results[t->answered++];
        struct event_verdict v = verdict_of(t, r);
        if (t->problems_only && v.verdict == VERDICT_APPLIED)
            continue;
        buffer_string(b, t->listed_one ? "," : "");
        put_result(t, b, r, v);
        t->listed_one = true;
    }
    if (t->answered == t->results_count)
        buffer_text(b, TEXT("]}"));
}

/* More results than one turn writes go out in chunks. */
static enum pending_status answer_some(struct events_task *t, struct exchange *x)
{
    bool first = !t->answered;

    if (first) {
        answer_begin(x, 200, "application/json");
        buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    }
    if (first && t->results_count <= EVENTS_A_TURN) {
        put_tally(t, answer_body(x));
        put_some_results(t, x->out);
        answer_end(x);
        return PENDING_DONE;
    }
    if (first)
        answer_stream_begin(x);
    size_t mark = answer_chunk_begin(x);
    if (first)
        put_tally(t, x->out);
    put_some_results(t, x->out);
    answer_chunk_end(x, mark);
    if (x->out->failed) { /* cut, so that it is not taken for whole */
        connection_break(x->connection);
        return PENDING_WAIT;
    }
    if (t->answered < t->results_count)
        return PENDING_TURN;
    answer_stream_end(x);
    return PENDING_DONE;
}

/* ---- from the body to the answer ---- */

static enum pending_status answer_unreadable(struct exchange *x, int error, const struct problems *p)
{
    if (error == ERROR_INVALID)
        problem_with(x, PROBLEM_BAD_BODY, p, "%s", p->count ? p->at[0].detail : "the body cannot be read");
    else if (error == ERROR_LIMIT)
        problem(x, PROBLEM_TOO_LARGE,
                "more than %d events, or one that is longer than the log takes: nothing "
                "was written, send them in parts",
                EVENTS_A_REQUEST_MOST);
    else
        problem_no_memory(x);
    return PENDING_DONE;
}

static enum pending_status write_on(struct events_task *t, struct exchange *x)
{
    switch (batch_advance(t->batch)) {
    case BATCH_WAITING:
        return PENDING_WAIT;
    case BATCH_DONE:
        t->phase = ANSWERING;
        t->pending.deadline_us = 0;
        return answer_some(t, x);
    default:
        batch_answer_failure(t->batch, x);
        return PENDING_DONE;
    }
}

static enum pending_status read_on(struct events_task *t, struct exchange *x)
{
    struct problems p;
    bool more = false;

    p.count = 0;
    int error = t->source.some(t->source.context, x, &more, &p);
    if (!error && more)
        return PENDING_TURN;
    if (!error)
        error = event_packer_flush(&t->packer);
    if (error)
        return answer_unreadable(x, error, &p);
    event_packer_finish(&t->packer);
    t->phase = WRITING;
    batch_begin_waiting(t->batch);
    t->pending.deadline_us = batch_deadline_us(t->batch);
    return write_on(t, x);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct events_task *t = (struct events_task *)p;

    return t->phase == READING ? read_on(t, x) : t->phase == WRITING ? write_on(t, x) : answer_some(t, x);
}

void events_task_run(struct events_task *t, struct exchange *x, const struct events_source *source)
{
    t->source = *source;
    enum pending_status s = step(&t->pending, x);
    t->pending.polls = s == PENDING_TURN || batch_count(t->batch) > 1; /* a full queue is tried again */
    if (s == PENDING_DONE)
        drop(&t->pending);
    else if (s == PENDING_TURN)
        exchange_turn(x, &t->pending);
    else
        exchange_wait(x, &t->pending);
}
