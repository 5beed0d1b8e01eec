/* Reservations as the log says them and as everybody may see them (model.md, Reservations). What keeps and
 * judges them is reservations.h, the writer's. */
#ifndef CORE_MODEL_RESERVATION_H
#define CORE_MODEL_RESERVATION_H

#include "base/hash.h"
#include "core/model/promise.h"
#include "core/model/verdict.h"

#include <stdatomic.h>

enum { RESERVATION_LINES_MOST = 500, RESERVATION_CANDIDATES_MOST = 1000 /* of all its lines together */ };

enum reservation_step {
    STEP_NONE,
#define STEP(NAME, name) STEP_##NAME,
#include "core/model/steps.def"
#undef STEP
    STEP_END
};
const char *step_name(enum reservation_step s);

enum reservation_state {
#define RESERVATION_STATE(NAME, name) RESERVATION_##NAME,
#include "core/model/reservation_states.def"
#undef RESERVATION_STATE
    RESERVATION_STATE_END
};
const char *reservation_state_name(enum reservation_state s);

/* ---- as a record says it: struct record's `reservation` ---- */

struct line_said {
    struct text sku;
    milli_t quantity;
    uint32_t locations_count; /* at least 1 for reserve and change; 0 or 1 for fulfil and cancel (0: wherever
                                 the line is) */
    const struct text *locations; /* one: from there; several: candidates, tried in this order */
    bool split;
};

struct reservation_said {
    enum reservation_step step;
    struct text id;
    struct text step_id;   /* empty: none */
    struct hash128 digest; /* of what the client sent, before ttl, near or group were resolved: the same
                              request again has the same */
    struct text channel;   /* empty: the pool */
    uint32_t method;       /* enum method of catalogue.h; 0: none said */
    struct text reference; /* reserve, confirm */
    instant_t expires_at;  /* reserve, extend; INSTANT_NONE: not said */
    int64_t ttl_us; /* reserve, extend: from the record's log time; 0: not said. Neither said: the log's
                       setting */
    instant_t required_at;        /* reserve; INSTANT_NONE: now */
    bool partial;                 /* mode: partial instead of all */
    enum reservation_state begin; /* reserve: HELD, or at once CONFIRMED (an order taken as a whole) or
                                     FULFILLED (a sale that must not oversell) */
    uint32_t lines_count;
    const struct line_said *lines;
    struct text move_sku, move_from, move_to; /* move; sku empty: every line at `from` */
};

/* The one place that says what a step may look like, whoever made it: fields of its step, lengths and
 * alphabets of identifiers, ranges, bounds. Adds a problem, its pointer below `prefix`, for each thing wrong,
 * and returns whether there was none. Decoders ask it, so that apply sees only what passed; what needs the
 * state is apply's. @thread any */
bool reservation_check(const struct reservation_said *r, const char *prefix, struct problems *p);

/* ---- as everybody may see it ---- */

/* One line as granted: with `split` or several candidates there may be several for one line that was asked
 * for. */
struct reservation_line {
    struct text sku, location;
    uint32_t sku_number, location_number;
    bool kit;           /* held are its components at the location */
    milli_t quantity;   /* granted, and not moved away or changed since */
    milli_t held;       /* open and held */
    milli_t committed;  /* open and confirmed. open = held + committed */
    milli_t gone;       /* handed over */
    milli_t fence_took; /* of what is open, taken from the channel's fence (what a query that leaves it out
                           has to put back there); of a kit its parts say it */
};

/* What a kit's line holds of one component. */
struct reservation_part {
    uint32_t line, sku_number;
    milli_t held, committed, fence_took; /* as of a line */
};

struct reservation_missing {   /* what `partial` did not get */
    struct text sku, location; /* location: the first candidate's */
    milli_t quantity;
};

/* Immutable once published. Texts lie in the same allocation. */
struct reservation {
    _Atomic uint32_t holders; /* reservation_hold, reservation_drop */
    uint32_t number;
    uint64_t serial; /* in the order in which they were granted */
    struct text id, channel, reference;
    instant_t expires_at, required_at, created_at, changed_at,
        ended_at; /* log time; INSTANT_NONE where not */
    uint64_t offset;
    uint8_t incarnation; /* index: of the record that last changed it */
    bool partial;
    bool revived;                     /* confirmed after it had expired */
    enum reservation_state state : 8; /* of a type of its own, but of one byte: there are many */
    uint32_t method;
    uint32_t channel_number; /* CHANNEL_POOL: none */
    uint32_t lines_count, missing_count, parts_count;
    const struct reservation_line *lines;
    const struct reservation_part *parts; /* of the kits among the lines, line by line */
    const struct reservation_missing *missing;
};

/* Keeps it beyond the epoch section in which it was found. @thread any */
void reservation_hold(const struct reservation *r);
void reservation_drop(const struct reservation *r); /* takes NULL; the last one frees it */

/* Why a line was not granted. */
struct shortfall {
    struct text sku, location;    /* the first candidate's */
    milli_t requested, available; /* what could have been granted over its candidates */
};

/* What became of a reservation record, for whoever waits for it. One allocation, and a hold on the
 * reservation. */
struct reservation_answer {
    struct event_verdict
        verdict; /* applied; duplicate: asked before, or the state it leads to; rejected with reason */
    const struct reservation *reservation; /* as it was after the record; NULL when there is none */
    uint32_t shortfalls_count;
    const struct shortfall *shortfalls; /* REASON_INSUFFICIENT: one a line that fell short */
    uint32_t line;                      /* of a rejection that speaks of one line */
    uint32_t channel_number;            /* who asked, where there are shortfalls; CHANNEL_POOL: nobody said */
};
void reservation_answer_destroy(struct reservation_answer *a); /* takes NULL. @thread any */

#endif
