/* Reservations in the public library. */
#include "engine/onhand_internal.h"
#include "base/error.h"
#include "codec/record_codec.h"

#include <stdio.h>
#include <stdlib.h>

enum { TTL_SECONDS_MOST = 31536000 };

_Static_assert((int)RESERVATION_CANCELLED == (int)ONHAND_CANCELLED &&
                   (int)STEP_CONFIRM == (int)ONHAND_CONFIRM && (int)STEP_RELEASE == (int)ONHAND_RELEASE &&
                   (int)STEP_FULFIL == (int)ONHAND_FULFIL && (int)STEP_CANCEL == (int)ONHAND_CANCEL,
               "states or steps differ");

static void tell_problem(onhand_answer *a, const struct problem *p)
{
    a->result = (onhand_result){.verdict = ONHAND_REJECTED, .reason = reason_name(REASON_MALFORMED)};
    memcpy(a->result.pointer, p->pointer, sizeof(a->result.pointer));
    memcpy(a->result.detail, p->detail, sizeof(a->result.detail));
}

static void tell(onhand_answer *a, const struct reservation_answer *r)
{
    enum reason why = (enum reason)r->verdict.reason;

    a->result = (onhand_result){.verdict = (onhand_verdict)r->verdict.verdict, .reason = reason_name(why)};
    snprintf(a->result.pointer, sizeof(a->result.pointer), "%s", reason_pointer(why));
    snprintf(a->result.detail, sizeof(a->result.detail), "%s", reason_detail(why));
    if (r->reservation) {
        a->state = (onhand_state)r->reservation->state;
        a->expires_at_us = r->reservation->expires_at == INSTANT_NONE ? 0 : r->reservation->expires_at;
    }
    a->shortfalls = r->shortfalls_count;
    if (r->shortfalls_count) {
        a->requested_milli = r->shortfalls[0].requested;
        a->available_milli = r->shortfalls[0].available;
    }
}

/* The digest is of the step itself: everything in it is what the caller said. */
static int encode(struct reservation_said *said, struct buffer *bytes)
{
    struct record r = {
        .kind = RECORD_RESERVATION, .level = LEVEL_FIRST, .intake.after = -1, .reservation = said};
    int error = record_encode(&r, bytes);

    if (error)
        return error;
    said->digest = hash128(bytes->at, bytes->length, 0);
    buffer_clear(bytes);
    return record_encode(&r, bytes);
}

static int take_step(onhand_engine *engine, struct reservation_said *said, onhand_answer *ret)
{
    struct problems problems = {.count = 0};
    struct event_verdict verdict;
    struct buffer bytes = {0};

    *ret = (onhand_answer){.result.reason = ""};
    if (!reservation_check(said, "", &problems)) {
        tell_problem(ret, &problems.at[0]);
        return ERROR_INVALID;
    }
    int error = encode(said, &bytes);
    struct command c = {
        .bytes = bytes.at, .length = bytes.length, .verdicts_capacity = 1, .verdicts = &verdict};
    if (!error)
        error = onhand_submit_and_wait(engine->engine, &c);
    if (!error && c.reservation)
        tell(ret, c.reservation);
    else if (!error)
        error = ERROR_CORRUPT;
    reservation_answer_destroy(c.reservation);
    buffer_finish(&bytes);
    return error;
}

static struct line_said *read_lines(const onhand_reservation *r, struct text *locations)
{
    struct line_said *lines = calloc(r->lines_count + 1, sizeof(*lines));

    for (size_t i = 0; lines && i < r->lines_count; i++) {
        locations[i] = text_of(r->lines[i].location);
        lines[i] = (struct line_said){.sku = text_of(r->lines[i].sku),
                                      .quantity = r->lines[i].quantity_milli,
                                      .locations_count = 1,
                                      .locations = &locations[i]};
    }
    return lines;
}

int onhand_reserve(onhand_engine *engine, const onhand_reservation *reservation, onhand_answer *ret_answer)
{
    struct reservation_said said = {
        .step = STEP_RESERVE,
        .id = text_of(reservation->id),
        .channel = text_of(reservation->channel),
        .reference = text_of(reservation->reference),
        .expires_at = INSTANT_NONE,
        .ttl_us = reservation->ttl_seconds * INSTANT_SECOND,
        .required_at = INSTANT_NONE,
        .begin = (enum reservation_state)reservation->begin,
    };
    size_t count = reservation->lines_count;

    if (count > RESERVATION_LINES_MOST || reservation->ttl_seconds < 0 ||
        reservation->ttl_seconds > TTL_SECONDS_MOST)
        return ERROR_INVALID;
    struct text *locations = calloc(count + 1, sizeof(*locations));
    struct line_said *lines = locations ? read_lines(reservation, locations) : NULL;
    int error = ERROR_NOMEM;
    if (lines) {
        said.lines = lines;
        said.lines_count = (uint32_t)count;
        error = take_step(engine, &said, ret_answer);
    }
    free(lines);
    free(locations);
    return error;
}

int onhand_reservation_step(onhand_engine *engine, const char *id, onhand_step step, const char *reference,
                            onhand_answer *ret_answer)
{
    struct reservation_said said = {.step = (enum reservation_step)step,
                                    .id = text_of(id),
                                    .reference = text_of(reference),
                                    .expires_at = INSTANT_NONE,
                                    .required_at = INSTANT_NONE};

    return take_step(engine, &said, ret_answer);
}
