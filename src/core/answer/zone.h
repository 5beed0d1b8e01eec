/* A time zone as a plain table: from which instant on clocks there are so far ahead of UTC. Everything about
 * local time is integer arithmetic on it; who fills it asks a library once for each zone (zone/zones.h).
 *
 * Clocks go back once a year, so a local time may come twice, or not at all. Two questions settle all: what
 * the clock shows that never goes back (it stands still while an hour is repeated), and when it first shows a
 * given time or a later one. */
#ifndef CORE_ANSWER_ZONE_H
#define CORE_ANSWER_ZONE_H

#include "core/model/instant.h"

/* From `from` up to the next one's. */
struct zone_span {
    instant_t from;    /* of the first: anything at or before 1970 */
    int64_t offset_us; /* east of Greenwich is positive */
};

/* Immutable. NULL is UTC, wherever a zone is asked for. */
struct zone {
    uint32_t count;               /* ≥ 1 */
    const struct zone_span *span; /* in order, each longer than the clock ever steps */
};

enum { DAY_MINUTES = 24 * 60 };

/* ---- @thread any. `day`: since 1970-01-01, of the local calendar; `minute`: of that day, from 0 to 2 *
 * DAY_MINUTES and above, counted as if the day had no clock change ---- */

/* Microseconds since 1970-01-01T00:00 on a clock that follows the zone but never goes back. */
int64_t zone_wall(const struct zone *z, instant_t at);
int32_t zone_day(const struct zone *z, instant_t at); /* of that clock */
/* The first instant at which it shows so much: of a time that a clock change leaves out, the change; of one
 * that it makes twice, the first. */
instant_t zone_instant(const struct zone *z, int32_t day, int32_t minute);
/* The last microsecond of a day; INSTANT_MOST at most. */
instant_t zone_day_end(const struct zone *z, int32_t day);

/* Monday is 0. */
static inline unsigned weekday_of(int32_t day)
{
    return (unsigned)((day + 3) % 7 + 7) % 7;
}

#endif
