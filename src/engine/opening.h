/* Opening hours as arithmetic: is a location open, what is so much opening time from now, what are the hours
 * of a day. In the location's own zone, over clock changes, past midnight, with dated exceptions (ICU has the
 * zones).
 *
 * The rules: the weekly hours of a day are those whose `days` name it; an exception's date has the
 * exceptions' hours instead. Hours whose `closes` is before `opens` end on the next day and belong to the day
 * on which they begin; `closes` equal to `opens` is no hours at all. No hours said, weekly or dated: always
 * open. A local time that a clock change leaves out is the instant of the change; one that it makes twice is
 * the first. */
#ifndef ENGINE_OPENING_H
#define ENGINE_OPENING_H

#include "base/arena.h"
#include "core/model/instant.h"

/* Time zones looked up before. One thread's own. */
struct opening_zones;
struct opening_zones *opening_zones_create(void);    /* NULL without memory */
void opening_zones_destroy(struct opening_zones *z); /* takes NULL */

struct opening; /* the hours of one location; immutable, but its zone is of the struct opening_zones */

/* From a location's document (canonical JSON; empty: always open). The document is not needed afterwards; `a`
 * is working memory, reset by the caller. ERROR_NOMEM; ERROR_NOTFOUND: no such time zone. */
int opening_create(struct opening_zones *z, struct text document, struct arena *a,
                   struct opening **ret_opening);
void opening_destroy(struct opening *o); /* takes NULL; before its zones */

/* What follows takes instants of the years 1970 to 9999. */

bool opening_is_always(const struct opening *o);
bool opening_at(const struct opening *o, instant_t at);
/* The instant by which `us` microseconds of opening time have passed since `from`: `from` itself for 0.
 * INSTANT_NONE when that takes longer than OPENING_DAYS_MOST days. */
enum { OPENING_DAYS_MOST = 3660 };
instant_t opening_add(const struct opening *o, instant_t from, int64_t us);
/* The first instant at or after `from` at which it is open; INSTANT_NONE as above. */
instant_t opening_next(const struct opening *o, instant_t from);

struct opening_hours {
    instant_t from, until;
};
enum { OPENING_DAY_MOST = 64 };
/* The hours that begin on the local day `days` after that of `at`, in order, joined where they meet; at most
 * OPENING_DAY_MOST. Always open: the day from midnight to midnight in UTC. How many there are. */
size_t opening_day(const struct opening *o, instant_t at, int days,
                   struct opening_hours ret[OPENING_DAY_MOST]);

#endif
