/* The plain oracle: what the figures of a row must be, computed from the definitions of model.md over all
 * events that the log holds, each time from nothing. Slow, short, and written without a look at apply. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "core/model/record.h"

enum { ORACLE_EVENTS_MOST = 4096 };

struct oracle {
    size_t count;
    struct event
        events[ORACLE_EVENTS_MOST]; /* accepted ones, in the log's order; texts belong to the caller */
    instant_t log_time;
};

struct oracle_row {
    milli_t on_hand, unavailable[STATUSES], committed, incoming, safety_stock;
};

/* Takes the next event of the log. False when it changes nothing for ever: a repeat, or an instant too far
 * ahead. */
bool oracle_take(struct oracle *o, const struct event *e, instant_t appended_at);
struct oracle_row oracle_row(const struct oracle *o, struct text sku, struct text location);
/* As of when anything there was counted last, or (`whole`) all of it; INSTANT_NONE: never. */
instant_t oracle_counted(const struct oracle *o, struct text location, bool whole);

#endif
