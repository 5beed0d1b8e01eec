/* What clients say about reservations (api.md, Shapes) as JSON: read, checked field by field, and with the
 * digest by which the same request is known again. Pure. */
#ifndef CODEC_RESERVATION_JSON_H
#define CODEC_RESERVATION_JSON_H

#include "core/model/reservation.h"

enum place_kind {
    PLACE_GIVEN, /* its location, its candidates, or (fulfil, cancel) none */
    PLACE_GROUP,
    PLACE_NEAR
};

/* Where a line is to come from, as the client said it. */
struct place_said {
    enum place_kind kind;
    struct text group;
    int32_t latitude_e7, longitude_e7;
    uint64_t within_m; /* 0: any distance */
    uint32_t limit;  /* locations near */
};

enum { NEAR_LIMIT = 20, NEAR_LIMIT_MOST = 1000, TTL_SECONDS_MOST = 31536000 };

/* Texts point into the body or the arena, arrays into the arena. */
struct reservation_request {
    struct reservation_said said; /* lines of PLACE_GROUP and PLACE_NEAR have no locations yet */
    struct line_said *lines;      /* said.lines */
    struct place_said *places;    /* one a line */
};

/* Reads a body. `id` is the reservation's, but for STEP_RESERVE, whose body says it. ERROR_INVALID with
 * problems, ERROR_NOMEM. @thread any */
int reservation_from_json(enum reservation_step step, struct text id, struct text body, struct arena *a,
                          struct reservation_request *ret, struct problems *p);

#endif
