/* What a row remembers of its recent changes, so that a count that comes late can put back on top what
 * occurred after it. */
#ifndef CORE_MODEL_MOVEMENTS_H
#define CORE_MODEL_MOVEMENTS_H

#include "core/model/record.h"

/* Where a change took place: on hand, one of the statuses (its number), or what pickers did not find. */
enum place { PLACE_ON_HAND, PLACE_SHORT = STATUS_END, PLACES };

struct movement {
    instant_t at; /* when it occurred; of merged ones the newest */
    milli_t quantity;
    uint32_t span_s; /* merged ones: they occurred in [at - span_s, at]; 0: a single change */
    uint32_t place;  /* enum place */
};

enum {
    MOVEMENTS_EXACT = 64,  /* the newest ones are always single */
    MOVEMENTS_MERGED = 64, /* budget for the older ones */
    MOVEMENTS_MOST = 192,  /* at this many it is time to merge */
};

/* Zero-initialised but for `forgotten_until` (INSTANT_NONE) is empty and valid. In order of arrival, but for
 * merged ones, which come first. */
struct movements {
    struct movement *at;
    uint32_t count, capacity;
    instant_t newest_at;       /* of all ever remembered */
    instant_t forgotten_until; /* changes up to here may be missing */
};

void movements_init(struct movements *m);
void movements_finish(struct movements *m);
/* Makes room for `more` (few). Merges what is older than the newest 64, and forgets what occurred before
 * `floor`, when it is time. ERROR_NOMEM leaves all as it was. */
int movements_reserve(struct movements *m, uint32_t more, instant_t window_us, instant_t floor);
/* After movements_reserve: cannot fail. What occurred before the memory begins is not kept: no count can ask
 * for it. */
void movements_add(struct movements *m, instant_t at, enum place place, milli_t quantity);
/* Sums of what occurred after `instant`, by place. True when a merged change spans the instant: the sums are
 * approximate then. */
bool movements_after(const struct movements *m, instant_t instant, milli_t ret_sums[PLACES]);
/* Forgets what occurred at or before a count: it is contained in it. */
void movements_drop(struct movements *m, instant_t until);

#endif
