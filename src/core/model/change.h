/* What one event does to one row: computed first, so that it can still be refused, then committed, which
 * cannot fail. */
#ifndef CORE_MODEL_CHANGE_H
#define CORE_MODEL_CHANGE_H

#include "core/model/staging.h"

enum supply_act { SUPPLY_ACT_NONE, SUPPLY_ACT_SET, SUPPLY_ACT_SHIP, SUPPLY_ACT_RECEIVE };

enum { CHANGE_MOVES_MOST = 3, CHANGE_FENCES_MOST = 2 };

struct change {
    struct staged_row *row;
    instant_t at;     /* when it occurred */
    struct sums sums; /* as they will be, like the next two */
    struct statuses_kept statuses;
    struct limits limits;
    milli_t on_hand_said;                     /* by how much the event says that on hand changes */
    struct movement moves[CHANGE_MOVES_MOST]; /* to remember */
    uint32_t moves_count;
    struct demand *demand; /* NULL: none */
    bool demand_new;
    bool required; /* the event says when it is required */
    struct demand_entry entry;
    struct demand_figures demand_now, demand_at_count; /* of the account, as they will be */
    struct supply *supply;                             /* NULL: none */
    bool supply_new;
    enum supply_act supply_act;
    char *parent;                            /* a copy for the account, or NULL */
    struct fence fences[CHANGE_FENCES_MOST]; /* those that change, as they will be */
    uint32_t fences_count;
    bool adds_to_fences; /* by so much each, instead of setting it */
    milli_t fence_add[CHANGE_FENCES_MOST];
    bool is_count; /* sums are a new count's */
    bool received; /* from now on the row is not uncounted */
    bool limits_said;
    bool did;             /* something is done, even if no figure shows it */
    enum reason left_out; /* why a part is not */
    enum reason refused;  /* why all of it is not */
};

void change_begin(struct change *c, struct staged_row *row, instant_t at);
/* A part of the event: units that come (or go) on hand, or to a status. */
void change_move(struct change *c, milli_t on_hand);
void change_status(struct change *c, enum status status, milli_t quantity);
void change_short(struct change *c, milli_t quantity);
/* An entry in a demand account, made if there is none. Refuses, or ERROR_NOMEM. */
int change_demand(struct change *c, struct apply *a, struct text reference, struct text line,
                  const struct demand_entry *entry);
/* An act on a supply account, made if there is none; what it says is in the event. */
int change_supply(struct change *c, const struct apply *a, const struct event *e, enum supply_act act);
/* Memory for the commit, and the last look: range, what was left out. ERROR_NOMEM: call again, or abandon. */
int change_ready(struct change *c, const struct apply *a);
/* Makes it so. `e` is the event, for what the accounts keep of it. */
void change_commit(struct change *c, struct apply *a, const struct event *e);
/* Frees what a change that will not be committed has made. */
void change_abandon(struct change *c);

/* allocation.c: units are set aside for a channel; the channels are in the catalogue. */
void change_allocation(struct change *c, const struct apply *a, const struct event *e);
/* Units that are sold without an order come out of what is set aside for the channel (empty: the pool). */
void change_consume(struct change *c, const struct apply *a, struct text channel, milli_t quantity);

/* ---- demand accounts and their row (settle.c) ---- */
/* The account that speaks of this reference and line here: a reservation's, whatever the line, when there is
 * one. NULL: none. */
struct demand *demand_of_order(const struct ledger *l, struct text reference, struct text line);
enum { LINES_JOINED_MOST = 64 /* of one reference in one row: more is what nobody sends in good faith */ };
/* The accounts that a reservation with this reference makes one here: the reference's own, and as long as no
 * reservation has spoken those that orders opened by line. At most 1 + LINES_JOINED_MOST. */
uint32_t demand_of_reservation(const struct ledger *l, struct text reference, struct demand **ret);
/* From when on what is open counts: INSTANT_NONE, now. */
static inline instant_t demand_counts_at(const struct demand *d)
{
    return d->future ? d->required_at : INSTANT_NONE;
}
/* Orders opened it and said no instant: the first reservation may. */
static inline bool demand_awaits_instant(const struct demand *d)
{
    return !d->has_steps && d->required_at == INSTANT_NONE;
}
/* May the row have one more open account? */
bool accounts_have_room(const struct ledger *l, const struct log_settings *settings);
/* Room for `entries` more, and for all that follows from them. ERROR_NOMEM. `dated`: it may be required
 * later. */
int demand_prepare(struct apply *a, struct staged_row *row, struct demand *d, uint32_t entries, bool dated);
/* What follows from an account's figures beyond the sums: it closes or opens, its place among what is to come
 * and falls due, its channel's fence, the reservations that it is part of. */
void demand_follow(struct apply *a, struct staged_row *row, struct demand *d,
                   const struct demand_figures *now);
/* Steps have been added: figures and sums follow, and all beyond. */
void demand_settle(struct apply *a, struct staged_row *row, struct demand *d);
/* When it is required is said anew, or it opens: is that still to come? */
void demand_require(struct demand *d, instant_t required_at, instant_t log_time);
/* The row's words as its ledger has them now. */
void stage_show(struct staged_row *row);

/* count.c: everything a count does. */
int change_count(struct change *c, const struct apply *a, const struct event *e, uint8_t *notes);
void count_commit(struct ledger *l);

instant_t ledger_movements_floor(const struct ledger *l, const struct log_settings *settings,
                                 instant_t log_time);

#endif
