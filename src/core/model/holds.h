/* A reservation's part of a demand account: one granted line, or one component of a kit, at one row. What of
 * the account's figures is this part's follows from the steps that it took itself and, for what orders and
 * tills said, from its age: the oldest first. */
#ifndef CORE_MODEL_HOLDS_H
#define CORE_MODEL_HOLDS_H

#include "core/model/demand.h"
#include "core/table/table.h"

struct kept; /* reservations.h: the reservation, as the writer keeps it */

struct hold {
    struct demand *demand;      /* NULL: it is not in an account (any more) */
    struct accounts *accounts;  /* among which that is */
    struct hold *older, *newer; /* of the same account */
    struct kept *of;
    struct sku *sku;
    uint32_t location;
    uint16_t line;      /* of the reservation: there are twice RESERVATION_CANDIDATES_MOST at most */
    uint16_t line_then; /* after the record at hand */
    milli_t per_unit;   /* of a kit's component: how much of it is in one kit; else one */
    /* as its own steps said */
    milli_t held, confirmed, called_off, moved, fulfilled;
    milli_t lapsed; /* was open when it expired: what a revival brings back */
    /* as it follows from all that was said */
    milli_t open_held, open_committed, gone;
    milli_t by_order; /* held, and confirmed by an order since */
    /* of the record at hand */
    bool fresh, dropped; /* made by the step at hand; goes with it */
    union {
        uint32_t row;        /* staged */
        uint32_t sku_number; /* while an image is loaded */
    };
};

/* An empty one, to be freed. NULL without memory. */
struct hold *hold_create(void);
/* Puts it into the account as its newest; room for its entries has been made (demand_reserve). */
void hold_link(struct hold *h, struct demand *d, struct accounts *all);
/* Takes it out. What its steps said stays in the account. */
void hold_unlink(struct hold *h);
/* The same, and closes an account of which nothing is open and nobody's. */
void hold_leave(struct hold *h, instant_t log_time);
/* Divides an account's figures among its holds. `tell` is called for each that gets others, before it does;
 * `shown`: anybody may see them. */
typedef void hold_teller(struct kept *of, bool shown, void *context);
void holds_divide(struct demand *d, const struct demand_figures *f, hold_teller *tell, void *context);
/* What of `fence_took` of its account a query has to put back when it leaves the hold out. */
milli_t hold_fence_took(const struct hold *h);

#endif
