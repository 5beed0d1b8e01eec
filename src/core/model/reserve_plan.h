/* A step that is being carried out: acts on holds, planned first and then done. */
#ifndef CORE_MODEL_RESERVE_PLAN_H
#define CORE_MODEL_RESERVE_PLAN_H

#include "core/model/reserve.h"

enum act_kind { ACT_HOLD, ACT_CONFIRM, ACT_UNHOLD, ACT_FULFIL, ACT_FULFIL_ALL, ACT_CALL_OFF, ACT_MOVE_OUT };

struct act {
    struct hold *hold;
    enum act_kind kind;
    milli_t quantity;
};

struct account_at {
    struct demand *demand;
    uint32_t row; /* staged */
    bool was_unmatched;
    struct alerts_before before; /* its row */
    struct row_figures figures;
};

struct plan {
    struct apply *a;
    const struct reservation_said *said; /* NULL: a proposal's */
    struct judging judging;
    bool notes; /* for a history: see judging */
    enum verdict verdict;
    enum reason reason;
    uint32_t line;
    struct kept *kept; /* whose step it is */
    bool is_new;       /* not among the others yet: the plan's own */
    bool forget_one;
    bool was_done;                  /* under this step_id */
    enum reservation_state ends_as; /* if nothing is open afterwards */
    bool revives;
    bool refers;                      /* it gets a reference */
    struct kept_reference *reference; /* for it */
    instant_t expires_at;             /* as it will be */
    bool exchanges;                   /* lines and what is missing, for those it has */
    struct kept_lines lines;          /* holds that stay are among them too */
    struct reservation_missing *missing;
    uint32_t missing_count;
    uint32_t acts_count, accounts_count;
    uint32_t acts_entries;       /* that they add to one account at most */
    struct act *acts;            /* in the arena, like the next */
    struct account_at *accounts; /* that change */
    struct outcome *outcome;
};

int plan_new(struct plan *p, instant_t expires_at);
int plan_confirm(struct plan *p, struct kept *k);
int plan_revival(struct plan *p, struct kept *k);
int plan_release(struct plan *p, struct kept *k, enum reservation_state ends_as);
int plan_extend(struct plan *p, struct kept *k, instant_t expires_at);
int plan_parts(struct plan *p, struct kept *k);
int plan_change(struct plan *p, struct kept *k);
int plan_move(struct plan *p, struct kept *k);

/* May it be handed over already? Of a kit: it and its components. */
bool is_released(const struct state *s, const struct sku *sku);

/* A refusal of the judgement is the step's. */
bool plan_is_granted(struct plan *p);

/* Memory for all of it. ERROR_NOMEM: plan_abandon; or it is refused after all. */
int plan_reserve(struct plan *p, struct outcome *o);
void plan_commit(struct plan *p, struct outcome *o);
void plan_abandon(struct plan *p);

/* A counter of the state's life. */
static inline void count_reservations(uint64_t *of, int64_t by)
{
    __atomic_store_n(of, *of + (uint64_t)by, __ATOMIC_RELAXED);
}

#endif
