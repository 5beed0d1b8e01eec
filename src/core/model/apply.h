/* One record changes the state: judge repeats and lateness, compute the new rows, publish them, say what
 * became of each event. */
#ifndef CORE_MODEL_APPLY_H
#define CORE_MODEL_APPLY_H

#include "base/buffer.h"
#include "core/model/brief.h"
#include "core/model/reservation.h"
#include "core/model/state.h"
#include "core/model/verdict.h"

enum alert_kind {
    ALERT_OVERSOLD,
    ALERT_REORDER_POINT,
    ALERT_SEQUENCE_REUSED,
    ALERT_NEGATIVE,
    ALERT_UNMATCHED
};

struct outcome_change {
    struct sku *sku;
    uint32_t location;
    milli_t net_was, net_now; /* net available, before and after the record */
    /* with keeps_briefs; else zero */
    struct brief was, now;
    uint8_t flags_was, flags_now; /* enum row_flag */
    milli_t reorder_point;        /* LIMIT_NONE: not set */
    size_t fences_first, fences_count; /* in outcome.fences */
};                                     /* a row that is another now */

/* The figures of a row that its history tells. */
struct row_figures {
    milli_t on_hand, unavailable, reserved, committed, safety_stock;
    milli_t incoming; /* Σ open supply lines */
};
/* What one event (or one step of something else) did to one row; was and now are equal when it did nothing
 * there. */
struct refusal;
struct outcome_line {
    struct sku *sku;
    uint32_t location;
    uint32_t event;   /* its number in the record; 0 for records that are no events */
    milli_t quantity; /* as said there; LIMIT_NONE: nothing was said */
    struct row_figures was, now;
    const struct refusal *refusal; /* why the row could not give it; NULL: none. The state's, until the next record */
};
struct outcome_alert {
    enum alert_kind kind;
    struct sku *sku;
    uint32_t location;
    uint32_t event;
};

/* What became of a record. The caller makes it zero once and hands it in again and again; the arrays belong
 * to it and grow. */
struct outcome {
    size_t verdicts_count; /* one an event, in order; for reference data, settings, level, proposal: exactly
                              one */
    struct event_verdict *verdicts;
    size_t changes_count;
    struct outcome_change *changes;
    size_t alerts_count;
    struct outcome_alert *alerts;
    struct reservation_answer *reservation; /* of a reservation record; the outcome's, unless taken (set to
                                               NULL); gone at the next record */
    size_t locations_count; /* locations that became stale, or are so no longer */
    uint32_t *locations;
    uint64_t product_was; /* of an item that was PUT or deleted: product_mark of what it was a variant of */
    bool keeps_briefs; /* set by the caller: what changes tell of before and after, and reservations, are
                          wanted. False: they cost nothing */
    size_t fences_count;
    struct brief_fence *fences; /* of the changes */
    size_t reservations_count;  /* that became another: each held, until the next record */
    const struct reservation **reservations;
    bool keeps_lines;   /* set by the caller: lines are wanted. False: they cost nothing */
    size_t lines_count; /* in the order in which they happened: each event's rows that are known, a repeated
                           or rejected event's too. Repeats of intake were judged as a whole: no lines */
    struct outcome_line *lines;
    bool halted; /* the record raises the level beyond this build: it was not applied, and nothing after it
                    may be */
    size_t verdicts_capacity, changes_capacity, alerts_capacity, locations_capacity, lines_capacity,
        fences_capacity, reservations_capacity;
};
void outcome_finish(struct outcome *o);

/* Applies one record that stands at `offset` (the state's next_offset or later: offsets may have holes) and
 * was appended at `appended_at`. Returns 0 whatever the verdicts are. ERROR_NOMEM: no event is half done;
 * free memory and call again with the same record, which goes on where it stopped (any other offset:
 * ERROR_INVALID until then). ERROR_LEVEL: outcome.halted. ERROR_CORRUPT: the log's first record is not an
 * incarnation, or the offset is behind. @thread writer, outside any epoch section */
int state_apply(struct state *s, const struct record *r, uint64_t offset, instant_t appended_at,
                struct outcome *o);
/* A record that no decoder could read: counted, log time moves, nothing else. `reason` as the decoder says.
 */
int state_skip(struct state *s, uint64_t offset, instant_t appended_at);

/* What apply knows of locations beside the catalogue: when each was last heard of. INSTANT_NONE: never.
 * @thread any */
instant_t state_location_heard(const struct state *s, uint32_t location);
/* To be called once for each SKU of an image when its rows are in the table (all its rows, as they are there):
 * counts which locations are in use, and what will fall due. ERROR_NOMEM */
int state_rows_loaded(struct state *s, const struct sku *sku, const struct row_image *rows, size_t count);

/* These records will be applied next, in this order: what that will touch is fetched some events ahead. They
 * have to stay where they are meanwhile. At most PREFETCH_EVENTS are looked at. It decides nothing.
 * @thread writer */
enum { PREFETCH_EVENTS = 256 };
void state_prefetch(struct state *s, const struct record *const *records, size_t count);

/* Checks every identity of model.md on a row; aborts with the row printed when one is broken. Called by
 * state_apply when ONHAND_CHECKS. */
void state_check_row(const struct state *s, const struct sku *sku, uint32_t location);

#endif
