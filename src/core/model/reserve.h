/* Steps of reservations: judging them and carrying them out. */
#ifndef CORE_MODEL_RESERVE_H
#define CORE_MODEL_RESERVE_H

#include "core/model/change.h"
#include "core/model/kept.h"
#include "core/model/refusal.h"

/* ---- for records.c and apply.c ---- */
/* One step. Returns 0 with the verdict, or ERROR_NOMEM: nothing was changed. */
int reservation_step(struct apply *a, const struct reservation_said *said, struct event_verdict *ret,
                     struct outcome *o);
/* What an instance on duty saw: a hold's time is over, demand has come due. */
int reservation_expire(struct apply *a, const struct proposal_said *p, struct event_verdict *ret,
                       struct outcome *o);
int demand_come_due(struct apply *a, const struct proposal_said *p, struct event_verdict *ret,
                    struct outcome *o);
/* After orders have spoken: the states of the reservations that they spoke of. Cannot fail. */
void reservations_follow(struct apply *a);
/* Those that ended long enough ago are forgotten, a few a record. */
void reservations_age(struct apply *a);
/* Rows and reservations are shown, and the answer has what it needs. ERROR_NOMEM: call again. */
int reservations_show(struct apply *a, struct outcome *o);

/* ---- reserve_tell.c: for whoever keeps a history ---- */
struct plan;
/* The lines of a refused step. ERROR_NOMEM: none is there. */
int tell_refused(const struct plan *p, const struct kept *k, struct outcome *o);

/* ---- apply.c: alerts of a row that a step changes ---- */
int alerts_reserve(struct outcome *o, size_t rows); /* ERROR_NOMEM */
struct alerts_before {
    struct row_image row;
    milli_t oversold;
};
struct alerts_before alerts_begin(const struct staged_row *row);
void alerts_raise(struct outcome *o, struct staged_row *row, const struct alerts_before *before,
                  bool unmatched, size_t event);

/* ---- reserve_judge.c: what can be granted ---- */

/* Of a line that was asked for, so much from there. */
struct grant {
    uint32_t line; /* as said, from 0 */
    struct sku *sku;
    uint32_t location;
    bool kit;
    milli_t quantity;
};

/* A row that could not give what a line asked of it. */
struct refused_row {
    struct sku *sku;
    uint32_t location;
    struct refusal refusal;
};
enum { REFUSED_ROWS_MOST = 4096 };

struct judged_row;

struct judging {
    struct apply *a;
    struct arena *arena;
    struct text channel, reference;
    uint64_t account; /* account_hash of what it will be put into: fetched for each row */
    uint32_t channel_number, method;
    instant_t required_at;          /* INSTANT_NONE: now */
    const struct kept *without;     /* judge_leave_out: as if it had nothing. NULL: none */
    struct judged_row *rows;        /* by staged row: their stock, less what earlier lines took */
    uint32_t rows_count, rows_hint; /* how many there will be, probably */
    uint32_t grants_count, grants_capacity;
    struct grant *grants;
    uint32_t shortfalls_count, missing_count;
    struct shortfall *shortfalls;
    struct reservation_missing *missing;
    uint32_t components; /* holds that the grants make */
    enum reason refused;
    uint32_t refused_line;
    bool moves; /* what was granted goes elsewhere: nobody gets more, so max_per_line is not asked */
    bool notes; /* somebody keeps a history: why rows could not give is noted, for the case that nothing is
                   granted */
    uint32_t refused_rows_count, refused_rows_capacity;
    struct refused_row *refused_rows;
};

/* What the reservation has open is left out, as if it had given it back. ERROR_NOMEM */
int judge_leave_out(struct judging *j, const struct kept *k);
/* Judges the lines, one after another, each seeing what the earlier ones took. ERROR_NOMEM; else `refused`
 * says whether there is nothing, or not enough, to grant. */
int judge_lines(struct judging *j, const struct line_said *lines, uint32_t count, bool partial);

#endif
