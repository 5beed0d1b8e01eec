/* Who holds what at a row: its open demand, from the writer's own accounts. */
#ifndef CORE_MODEL_DEMAND_LIST_H
#define CORE_MODEL_DEMAND_LIST_H

#include "core/model/state.h"

/* One open account. Texts and the list of ids lie in the arena. */
struct demand_shown {
    struct text sku, location;   /* demand_of_reference: of the row */
    struct text reference, line; /* of the order; empty where a reservation has no order */
    struct text channel;         /* empty: none */
    milli_t held, committed;     /* both open */
    milli_t is_short;            /* demand_short, demand_lacks: how much of it nothing is there for */
    instant_t required_at;       /* INSTANT_NONE: now */
    instant_t since;             /* of the first thing that was said of it */
    uint32_t reservations_count; /* at most DEMAND_RESERVATIONS_MOST */
    const struct text *reservations;
};

enum {
    DEMAND_RESERVATIONS_MOST = 16,
    DEMAND_PAGE_MOST = 1000,
    DEMAND_LOOKED_AT_MOST = 20000 /* accounts of one turn of demand_lacks, but for the last row's */
};

/* Behind which the next page begins. Zero-initialised: at the beginning. */
struct demand_place {
    bool said;
    instant_t since;
    struct text sku, location; /* demand_of_reference */
    struct text reference, line;
};

struct demand_page {
    size_t count;
    struct demand_shown *at;
    bool more;
    struct demand_place end; /* of demand_list and demand_of_reference: of the last one */
    milli_t held, committed; /* of all open accounts: of the row, or of the reference that may be seen */
    bool is_cut;             /* of demand_of_reference: there were more than a look passes */
};

/* What may be seen: NULL, all of it. */
struct demand_filter {
    size_t channels_count, locations_count; /* 0: any */
    const struct text *channels, *locations;
};

/* The open accounts behind `after`, oldest first, at most `limit`. ERROR_NOTFOUND: no such row; ERROR_NOMEM.
 * Looks at all accounts of the row (log setting accounts_per_row). @thread writer */
int demand_list(const struct state *s, struct text sku, struct text location,
                const struct demand_place *after, size_t limit, struct arena *a, struct demand_page *ret);
/* Of a row that lacks `oversold`: which demand that is, the newest first, at most DEMAND_PAGE_MOST accounts.
 * The same errors. @thread writer */
int demand_short(const struct state *s, struct text sku, struct text location, milli_t oversold,
                 struct arena *a, struct demand_page *ret);

/* What is open under a reference, over all rows that the filter lets see: the open accounts behind `after`,
 * oldest first, then by SKU and location, at most `limit`. None is no error. ERROR_NOMEM. Looks at all open
 * accounts of the reference, the newest ones when there are more than DEMAND_PASSED_MOST
 * (demand_index.h). @thread writer */
int demand_of_reference(const struct state *s, struct text reference, const struct demand_filter *filter,
                        const struct demand_place *after, size_t limit, struct arena *a,
                        struct demand_page *ret);
/* How much of each account of that page nothing is there for, as the rows are now: from number *at on, so
 * many a turn as DEMAND_LOOKED_AT_MOST lets. True: all of them. @thread writer */
bool demand_lacks(const struct state *s, struct demand_page *page, size_t *at);

#endif
