/* A demand account: what was ordered, cancelled and handed over under one reference and line, each with its
 * instant. */
#ifndef CORE_MODEL_DEMAND_H
#define CORE_MODEL_DEMAND_H

#include "core/model/account.h"
#include "core/model/due.h"
#include "core/table/chains.h"

struct hold; /* holds.h: a reservation's part of an account */

/* At one instant they count in this order. Numbers stand in images. */
enum demand_kind {
    DEMAND_PLACED,      /* adds to what is ordered */
    DEMAND_SET,         /* states the total */
    DEMAND_HOLD,        /* a reservation holds */
    DEMAND_UNHOLD,      /* and no longer: released, expired, changed, moved */
    DEMAND_CONFIRM,     /* what was held is confirmed */
    DEMAND_CALL_OFF,    /* a reservation's step cancels */
    DEMAND_MOVE_OUT,    /* what was confirmed goes to another location */
    DEMAND_GONE_TILL,   /* goods left, says a till: sale with order_reference */
    DEMAND_GONE_ORDER,  /* says an order system: order_shipped, order_picked_up */
    DEMAND_GONE_FULFIL, /* says a fulfilment */
    DEMAND_CANCELLED,   /* a quantity, also what a picker did not find */
    DEMAND_CANCEL_ALL,  /* whatever was placed up to this instant */
    DEMAND_KINDS
};
/* A reservation's, but for what it hands over. */
static inline bool demand_is_step(uint8_t kind)
{
    return kind >= DEMAND_HOLD && kind <= DEMAND_MOVE_OUT;
}
enum { DEMAND_REPORTERS = DEMAND_GONE_FULFIL - DEMAND_GONE_TILL + 1 };

struct demand_entry {
    instant_t at;
    milli_t quantity;
    uint8_t kind;   /* enum demand_kind */
    uint8_t status; /* enum status: from where the goods left */
};

/* One demand, many messengers: what reservations hold or confirmed and what orders placed are the same units,
 * so the greater counts; orders confirm what is held. Cancels likewise: the greater of what orders say and
 * what steps say. What is handed over or cancelled is first what is confirmed, then what is held.
 *
 *     open + reserved = max(0, max(placed, confirmed + held) − cancelled − gone)
 *     open            = max(0, max(placed, confirmed)        − cancelled − gone)      committed
 */
struct demand_figures {
    milli_t placed;            /* by orders */
    milli_t held, confirmed;   /* by steps; what orders confirmed of it is still among what is held */
    milli_t called_off, moved; /* by steps */
    milli_t cancelled;         /* by whomever, and moved */
    milli_t gone, fulfilled;   /* by whomever; by steps */
    milli_t open, reserved;
    bool unmatched;                /* more is gone than was ever spoken of */
    milli_t gone_status[STATUSES]; /* of what is gone, that from each status */
};

enum {
    DEMAND_ENTRIES_MOST = 64 /* then they are merged */,
    DEMAND_ENTRIES_END = 1024,
    DEMAND_FIRST_ENTRIES = 2
};

/* The largest thing there is of a reservation's line: its members stand by size. */
struct demand {
    struct account account;
    milli_t open, reserved, gone;                            /* now */
    milli_t open_at_count, reserved_at_count, gone_at_count; /* at the row's newest count; zero without one */
    struct hold *holds, *holds_newest; /* of reservations that go on, oldest first; not in images */
    struct demand_entry *entries;      /* by instant, then kind, then arrival */
    struct demand_entry first[DEMAND_FIRST_ENTRIES];
    uint32_t entries_count, entries_capacity, holds_count;
    bool has_status, has_steps; /* an entry names a status; or is a reservation's */
    bool unmatched;             /* more is gone than orders spoke of */
    bool stale;                 /* entries were added that the figures do not have yet */
    milli_t stale_quantity;     /* of them */
    bool future;                /* required_at was still to come, and has not been found due yet */
    bool indexed;               /* demand_index.h */
    uint32_t channel;           /* CHANNEL_POOL: none */
    instant_t required_at, required_said_at;
    milli_t dated; /* of what is open, in the row's list of what is to come, at dated_at */
    instant_t dated_at;
    milli_t fence_asked; /* of what is open or gone, what the channel's fence was asked for */
    milli_t fence_took;  /* of that, what it gave and did not get back */
    uint64_t fence_sets; /* how often it had been set then */
    struct due_entry due;
};

/* Of those with a reference, right behind it: while `indexed`. */
static inline struct chain *demand_by_reference(struct demand *d)
{
    return (struct chain *)(d + 1);
}

/* NULL without memory. */
struct demand *demand_create(struct text reference, struct text line);
void demand_destroy(struct demand *d);
/* Room for `more` (few) entries, and one for each hold beside. An account with very many merges its older
 * ones, all on one side of the newest count `count_at`, so that what is open now and was open then stays the
 * same; *ret_merged_until is raised to the newest instant merged. ERROR_NOMEM leaves all as it was. */
int demand_reserve(struct demand *d, uint32_t more, instant_t count_at, instant_t *ret_merged_until);
/* The same without merging anything. */
int demand_room(struct demand *d, uint32_t more);
/* Nothing more will be said of it, probably: gives back the room that it does not need. */
void demand_fit(struct demand *d);
/* After demand_reserve: cannot fail. The caches are not touched. */
void demand_add(struct demand *d, const struct demand_entry *entry);
/* A reservation's step, also after demand_reserve. Zero: nothing. */
void demand_step(struct demand *d, enum demand_kind kind, instant_t at, milli_t quantity);
/* What the entries (and `extra`, when not NULL, as if it were among them) say up to `until`, that instant
 * included. */
void demand_evaluate(const struct demand *d, const struct demand_entry *extra, instant_t until,
                     struct demand_figures *ret);
/* How much may be held at `at`, once `freed` of what is held there is given back, before open + reserved
 * grow: what orders placed and nobody holds, and what had left or was cancelled before it was held. At most
 * QUANTITY_MOST. */
milli_t demand_covered(const struct demand *d, instant_t at, milli_t freed);
/* The newest instant at which a total was set; INSTANT_NONE. */
instant_t demand_set_at(const struct demand *d);

#endif
