/* A demand account: what was ordered, cancelled and handed over under one reference and line, each with its
 * instant. */
#ifndef CORE_MODEL_DEMAND_H
#define CORE_MODEL_DEMAND_H

#include "core/model/account.h"

/* At one instant they count in this order. A reservation's steps will be kinds of their own (held, confirmed)
 * in this list. */
enum demand_kind {
    DEMAND_PLACED,      /* adds to what is ordered */
    DEMAND_SET,         /* states the total */
    DEMAND_GONE_TILL,   /* goods left, says a till: sale with order_reference */
    DEMAND_GONE_ORDER,  /* says an order system: order_shipped, order_picked_up */
    DEMAND_GONE_FULFIL, /* says a fulfilment */
    DEMAND_CANCELLED,   /* a quantity, also what a picker did not find */
    DEMAND_CANCEL_ALL,  /* whatever was placed up to this instant */
    DEMAND_KINDS
};
enum { DEMAND_REPORTERS = DEMAND_GONE_FULFIL - DEMAND_GONE_TILL + 1 };

struct demand_entry {
    instant_t at;
    milli_t quantity;
    uint8_t kind;   /* enum demand_kind */
    uint8_t status; /* enum status: from where the goods left */
};

struct demand_figures {
    milli_t placed, cancelled, gone, open;
    milli_t gone_status[STATUSES]; /* of what is gone, that from each status */
};

enum {
    DEMAND_ENTRIES_MOST = 64 /* then they are merged */,
    DEMAND_ENTRIES_END = 1024,
    DEMAND_FIRST_ENTRIES = 2
};

struct demand {
    struct account account;
    milli_t open, gone;                   /* now */
    milli_t open_at_count, gone_at_count; /* at the row's newest count; zero without one */
    instant_t required_at, required_said_at;
    uint32_t entries_count, entries_capacity;
    bool has_status;              /* an entry names a status */
    bool unmatched;               /* more is gone than orders spoke of */
    struct demand_entry *entries; /* by instant, then kind, then arrival */
    struct demand_entry first[DEMAND_FIRST_ENTRIES];
};

/* NULL without memory. */
struct demand *demand_create(struct text reference, struct text line);
void demand_destroy(struct demand *d);
/* Room for one more entry. An account with very many merges its older ones, all on one side of the newest
 * count `count_at`, so that what is open now and was open then stays the same; *ret_merged_until is raised to
 * the newest instant merged. ERROR_NOMEM leaves all as it was. */
int demand_reserve(struct demand *d, instant_t count_at, instant_t *ret_merged_until);
/* After demand_reserve: cannot fail. The caches are not touched. */
void demand_add(struct demand *d, const struct demand_entry *entry);
/* What the entries (and `extra`, when not NULL, as if it were among them) say up to `until`, that instant
 * included. */
void demand_evaluate(const struct demand *d, const struct demand_entry *extra, instant_t until,
                     struct demand_figures *ret);
/* The newest instant at which a total was set; INSTANT_NONE. */
instant_t demand_set_at(const struct demand *d);

#endif
