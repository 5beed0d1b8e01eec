/* What clients say about reservations (the first byte chooses the step): what is accepted can stand in the
 * log and is the same there, and white space makes no other request of it. */
#include "base/error.h"
#include "codec/record_codec.h"
#include "codec/reservation_json.h"
#include "fuzz.h"

/* As http does it for groups and points. */
static bool resolve(struct reservation_request *q)
{
    static const struct text somewhere = {"somewhere", 9};
    size_t candidates = 0;

    for (uint32_t i = 0; i < q->said.lines_count; i++) {
        if (q->places[i].kind != PLACE_GIVEN) {
            MUST(!q->lines[i].locations_count);
            q->lines[i].locations = &somewhere;
            q->lines[i].locations_count = 1;
        }
        candidates += q->lines[i].locations_count;
    }
    return candidates <= RESERVATION_CANDIDATES_MOST;
}

static void go_through_the_log(const struct reservation_request *q, struct arena *a)
{
    struct record r = {.kind = RECORD_RESERVATION, .intake.after = -1, .reservation = &q->said}, back;
    struct problems p = {0};
    struct buffer b = {0}, again = {0};
    uint32_t unknown;
    int error = record_encode(&r, &b);

    MUST(error == 0 || error == ERROR_LIMIT);
    if (!error) {
        MUST(record_decode(b.at, b.length, LEVEL_NEWEST, a, &back, &unknown, &p) == 0);
        MUST(record_encode(&back, &again) == 0);
        MUST(again.length == b.length && !memcmp(again.at, b.at, b.length));
    }
    buffer_finish(&b);
    buffer_finish(&again);
}

static void with_white_space(enum reservation_step step, struct text t, const struct reservation_request *q)
{
    struct arena a = {.most_bytes = 1 << 24};
    struct problems p = {0};
    struct reservation_request other;
    struct buffer b = {0};

    buffer_string(&b, " \n");
    buffer_text(&b, t);
    buffer_string(&b, "\t ");
    MUST(reservation_from_json(step, TEXT("r-1"), (struct text){b.at, b.length}, &a, &other, &p) == 0);
    MUST(other.said.digest.high == q->said.digest.high && other.said.digest.low == q->said.digest.low);
    buffer_finish(&b);
    arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct text t = {(const char *)data + 1, size - 1};
    enum reservation_step step = (enum reservation_step)(1 + data[0] % (STEP_END - 1));
    struct arena a = {.most_bytes = 1 << 24};
    struct problems p = {0};
    struct reservation_request q;

    int error = reservation_from_json(step, TEXT("r-1"), t, &a, &q, &p);
    MUST(error ? p.count || error == ERROR_NOMEM : !p.count);
    if (!error) {
        with_white_space(step, t, &q);
        if (resolve(&q))
            go_through_the_log(&q, &a);
    }
    arena_finish(&a);
    return 0;
}
