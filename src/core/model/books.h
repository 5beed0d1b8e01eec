/* The inside of a ledger, for the files that change it: apply, events, counts. */
#ifndef CORE_MODEL_BOOKS_H
#define CORE_MODEL_BOOKS_H

#include "core/model/account.h"
#include "core/model/dated.h"
#include "core/model/demand.h"
#include "core/model/fences.h"
#include "core/model/holds.h"
#include "core/model/ledger.h"
#include "core/model/movements.h"
#include "core/model/supply.h"

/* From which on_hand and committed follow. With T the `as_of` of the newest count (INSTANT_NONE, before
 * everything, without one): on_hand = base + [unavailable(T)] + [committed(T)] + [reserved(T)] + after -
 * gone_after       in brackets: by the count's basis so that what arrives late but occurred at or before T
 * changes what T says, and not what was counted. */
struct sums {
    instant_t count_at; /* T */
    enum count_basis basis;
    milli_t base;               /* what the count found */
    milli_t after;              /* Σ movements on hand that occurred after T */
    milli_t committed;          /* Σ open demand now */
    milli_t committed_at_count; /* and at T */
    milli_t reserved;           /* Σ open holds now */
    milli_t reserved_at_count;  /* and at T */
    milli_t gone_after;         /* Σ over demand accounts of what is gone now and was not at T */
};

/* Statuses, for the few rows that have any. Raw sums: what shows is never below zero. */
struct statuses_kept {
    milli_t now[STATUSES];
    milli_t at_count[STATUSES];   /* at T */
    instant_t fixed_at[STATUSES]; /* the newest count that said this status: changes up to then are contained
                                     in it */
    milli_t short_before;         /* what pickers did not find, up to T: cleared by the count */
    milli_t short_after;          /* after T: missing */
};

/* Limits, for the few rows that have any; each with the instant at which it was said. */
struct limits {
    milli_t safety_stock, reorder_point, backorder_limit;
    instant_t safety_stock_at, reorder_point_at, backorder_limit_at;
};

struct ledger {
    uint32_t rares;     /* rare parts that name it */
    uint32_t unmatched; /* demand accounts with more gone than ordered */
    struct sums sums;
    struct statuses_kept *statuses; /* NULL: all zero */
    struct limits *limits;          /* NULL: none said */
    struct movements movements;
    instant_t merged_until; /* entries of demand accounts up to here may be merged */
    instant_t purged_until; /* demand accounts with entries up to here may be gone: what was open before is
                               not known */
    struct accounts demand;
    struct accounts supply;
    struct dated_list dated;
    uint32_t supply_said; /* how many things supply accounts were ever told: their order of arrival */
    uint32_t parents;     /* supply accounts that name an order as parent */
    struct fences fences;
};

/* What the books say of a row's flags. */
enum { LEDGER_FLAGS = ROW_UNMATCHED | ROW_FENCED | ROW_DATED | ROW_BACKORDER };
uint8_t ledger_flags(const struct ledger *l);

extern const struct statuses_kept statuses_none;
extern const struct limits limits_none;

static inline struct statuses_kept ledger_statuses(const struct ledger *l)
{
    return l->statuses ? *l->statuses : statuses_none;
}
static inline struct limits ledger_limits(const struct ledger *l)
{
    return l->limits ? *l->limits : limits_none;
}

/* What a rare part shows of statuses, limits and the newest count. */
void rare_show(struct rare *r, const struct statuses_kept *statuses, const struct limits *limits,
               instant_t count_at);

/* ---- figures from the sums ---- */
milli_t statuses_effective(const struct statuses_kept *k, enum status s);          /* now */
milli_t statuses_effective_at_count(const struct statuses_kept *k, enum status s); /* at T */
milli_t sums_unavailable(const struct statuses_kept *k);
milli_t sums_on_hand(const struct sums *s, const struct statuses_kept *k);
/* Is every figure within ±QUANTITY_MOST, and what they are made of far from the end of 64 bits? */
bool sums_in_range(const struct sums *s, const struct statuses_kept *k);

/* ---- changes to the sums. False: a count that occurred later contains it, and nothing was changed ---- */
bool sums_move(struct sums *s, instant_t at, milli_t quantity);
bool statuses_move(struct statuses_kept *k, instant_t count_at, enum status s, instant_t at,
                   milli_t quantity);
bool statuses_short(struct statuses_kept *k, instant_t count_at, instant_t at, milli_t quantity);

#endif
