/* /v1/reservations: creation, every step, and looking at them. Each step is one record; it is answered when
 * that record is durable and applied, from the reservation as it was right behind it. */
#include "http/etag.h"
#include "http/record_task.h"
#include "http/reservation_request.h"
#include "http/reservation_shape.h"
#include "http/shape.h"

enum { LISTED = 100, LISTED_MOST = 1000, LISTED_END = 10000 };

/* ---- steps ---- */

/* Reads the body (none at all is `{}`) into the loop's scratch arena. False: answered. */
static bool read_request(struct exchange *x, enum reservation_step step, struct text id,
                         struct reservation_request *ret)
{
    struct problems p;

    if (!parameters_none(x) || !(x->body.length ? body_is_json(x) : body_is_plain(x)))
        return false;
    if (step != STEP_RESERVE && !text_is_identifier(id)) {
        problem(x, PROBLEM_BAD_PATH, "the id must be 1 to 128 bytes of UTF-8 without control characters");
        return false;
    }
    p.count = 0;
    arena_reset(&x->loop->scratch.arena);
    int error = reservation_from_json(step, id, x->body.length ? x->body : TEXT("{}"),
                                      &x->loop->scratch.arena, ret, &p);
    if (error)
        body_wrong(x, error, &p);
    return !error;
}

static void append(struct exchange *x, const struct reservation_said *said)
{
    struct record r = {.kind = RECORD_RESERVATION, .intake.after = -1, .reservation = said};

    record_task_run(x, &r, answer_step);
}

static void answer_unknown(struct exchange *x, struct text id)
{
    problem(x, PROBLEM_NOT_FOUND, "no reservation `%.*s` is known", (int)id.length, id.at);
}

/* A key that is bound takes steps of its own reservations only; the others are not there for it. */
static bool is_own(struct exchange *x, struct text id)
{
    const struct key *k = x->key;

    if (!k || (!k->channels_count && !k->locations_count))
        return true;
    epoch_enter(x->loop->reader);
    const struct reservation *r = reservations_find(exchange_view(x)->reservations, id);
    bool is = r && reservation_is_keys(k, r);
    epoch_exit(x->loop->reader);
    if (!is)
        answer_unknown(x, id);
    return is;
}

static bool may_move_to(struct exchange *x, struct text location)
{
    return !location.length || location_is_allowed(x, location);
}

static void take_step(struct exchange *x, enum reservation_step step)
{
    struct reservation_request q;
    struct text id = x->arguments[0];

    if (!read_request(x, step, id, &q) || !is_own(x, id) || !may_move_to(x, q.said.move_to))
        return;
    if (reservation_places_resolve(x, &q))
        append(x, &q.said);
}

#define STEP_ROUTE(name, STEP)                    \
    void reservations_##name(struct exchange *x); \
    void reservations_##name(struct exchange *x)  \
    {                                             \
        take_step(x, STEP);                       \
    }
STEP_ROUTE(confirm, STEP_CONFIRM)
STEP_ROUTE(release, STEP_RELEASE)
STEP_ROUTE(extend, STEP_EXTEND)
STEP_ROUTE(fulfil, STEP_FULFIL)
STEP_ROUTE(cancel, STEP_CANCEL)
STEP_ROUTE(move, STEP_MOVE)
STEP_ROUTE(change, STEP_CHANGE)

void reservations_post(struct exchange *x);
void reservations_post(struct exchange *x)
{
    struct reservation_request q;

    if (!read_request(x, STEP_RESERVE, (struct text){0}, &q) ||
        !ask_channel(x, q.said.channel, &q.said.channel))
        return;
    if (reservation_places_resolve(x, &q))
        append(x, &q.said);
}

/* ---- looking ---- */

struct asked {
    struct text reference;
    uint64_t limit, after;
    struct version least;
};

/* `list`: a reference and a page may be said. False: answered. */
static bool read_question(struct exchange *x, bool list, struct asked *a)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    *a = (struct asked){.limit = LISTED};
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("min_version"))) {
            parameter_version(&p, &a->least, &errors);
        } else if (list && text_equal(p.name, TEXT("reference"))) {
            if (!text_is_identifier(p.value))
                parameter_wrong(&errors, p.name, "must be 1 to 128 bytes without control characters");
            a->reference = p.value;
        } else if (list && text_equal(p.name, TEXT("limit"))) {
            parameter_number(&p, 1, LISTED_MOST, &a->limit, &errors);
        } else if (list && text_equal(p.name, TEXT("after"))) {
            parameter_number(&p, 0, LISTED_END, &a->after, &errors);
        } else {
            parameter_unknown(&errors, p.name);
        }
    }
    if (list && !errors.count && !a->reference.length)
        problems_add(&errors, "reference", "must be there: reservations are listed by reference");
    return parameters_right(x, &errors);
}

static bool is_there(struct exchange *x, const struct asked *a)
{
    return (!a->least.incarnation && !a->least.offset) || version_reached(x, a->least);
}

static void answer_one(struct exchange *x, const struct reservation *r, struct version version)
{
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_byte(b, '{');
    put_reservation(b, exchange_view(x), r);
    size_t version_at = b->length - x->body_at;
    buffer_byte(b, ',');
    put_as_of(b, exchange_view(x), version);
    size_t version_end = b->length - x->body_at;
    buffer_byte(b, '}');
    etag_end(x, &etag, version_at, version_end);
}

void reservations_by_id(struct exchange *x);
void reservations_by_id(struct exchange *x)
{
    struct asked a;

    if (!read_question(x, false, &a) || !is_there(x, &a))
        return;
    epoch_enter(x->loop->reader);
    struct version version = view_version(exchange_view(x)); /* before the reservation */
    const struct reservation *r = reservations_find(exchange_view(x)->reservations, x->arguments[0]);
    if (r && reservation_is_keys(x->key, r))
        answer_one(x, r, version);
    else
        answer_unknown(x, x->arguments[0]);
    epoch_exit(x->loop->reader);
}

static void answer_list(struct exchange *x, const struct asked *a, const struct reservation **found,
                        size_t count, size_t there_are, struct version version)
{
    size_t listed = 0;

    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"reservations\":["));
    for (size_t i = a->after; i < count; i++) {
        if (!reservation_is_keys(x->key, found[i]))
            continue;
        buffer_string(b, listed++ ? ",{" : "{");
        put_reservation(b, exchange_view(x), found[i]);
        buffer_byte(b, '}');
    }
    if (there_are > count && count < LISTED_END)
        buffer_printf(b, "],\"next\":\"%zu\",", count);
    else
        buffer_text(b, TEXT("],\"next\":null,"));
    size_t version_at = b->length - x->body_at;
    put_as_of(b, exchange_view(x), version);
    size_t version_end = b->length - x->body_at;
    buffer_byte(b, '}');
    etag_end(x, &etag, version_at, version_end);
}

void reservations_by_reference(struct exchange *x);
void reservations_by_reference(struct exchange *x)
{
    struct asked a;

    if (!read_question(x, true, &a) || !is_there(x, &a))
        return;
    size_t most = a.after + a.limit < LISTED_END ? a.after + a.limit : LISTED_END;
    arena_reset(&x->loop->scratch.arena);
    const struct reservation **found = arena_alloc(&x->loop->scratch.arena, most * sizeof(*found));
    if (!found) {
        problem_no_memory(x);
        return;
    }
    epoch_enter(x->loop->reader);
    struct version version = view_version(exchange_view(x));
    size_t there_are = reservations_of(exchange_view(x)->reservations, a.reference, found, most);
    answer_list(x, &a, found, there_are < most ? there_are : most, there_are, version);
    epoch_exit(x->loop->reader);
}
