/* Opening hours as arithmetic: is a location open, what is so much opening time from now, what are the hours
 * of a day. In the location's own zone, over clock changes, past midnight, with dated exceptions.
 *
 * The rules: the weekly hours of a day are those whose `days` name it; an exception's date has the
 * exceptions' hours instead. Hours whose `closes` is before `opens` end on the next day and belong to the day
 * on which they begin; `closes` equal to `opens` is no hours at all. No hours said, weekly or dated: always
 * open. A local time that a clock change leaves out is the instant of the change; one that it makes twice is
 * the first. Closing time is not open. */
#ifndef CORE_ANSWER_HOURS_H
#define CORE_ANSWER_HOURS_H

#include "core/answer/zone.h"

/* Minutes of the local day, from < until; until > DAY_MINUTES: of the next. */
struct hours_span {
    uint16_t from, until;
};

/* A day that has other hours than its week: span[first, first + count). */
struct hours_dated {
    int32_t day;
    uint16_t first, count;
};

enum { HOURS_DAY_MOST = 64, HOURS_DAYS_MOST = 3660 };

/* Immutable, without memory of its own: whoever made it keeps the arrays (calendar.h). Zero: always open,
 * UTC. */
struct hours {
    const struct zone *zone; /* NULL: UTC */
    bool limited;            /* false: always open */
    uint16_t week[8];        /* of weekday d (Monday is 0): span[week[d], week[d + 1]) */
    uint32_t dated_count;
    const struct hours_dated *dated; /* by day */
    const struct hours_span *span;   /* of each day in order, joined where they meet */
};

/* Adds to the spans of one day, keeps them in order, joins what meets: how many there are now. What goes
 * beyond HOURS_DAY_MOST, and what has no length, is left out. */
size_t hours_join(struct hours_span *spans, size_t count, struct hours_span s);

/* ---- @thread any; instants of the years 1970 to 9999 ---- */

bool hours_open_at(const struct hours *h, instant_t at);
/* The instant by which `us` microseconds of opening time have passed since `from`: `from` itself for 0.
 * INSTANT_NONE when that takes longer than HOURS_DAYS_MOST days. */
instant_t hours_add(const struct hours *h, instant_t from, int64_t us);
/* The first instant at or after `from` at which it is open; INSTANT_NONE as above. */
instant_t hours_next(const struct hours *h, instant_t from);
/* When it opened and when it closes that is open at `at`, without a break: hours that meet at midnight are
 * one opening. INSTANT_NONE: more than two weeks from `at`. */
instant_t hours_opening(const struct hours *h, instant_t at);
instant_t hours_closing(const struct hours *h, instant_t at);

struct hours_piece {
    instant_t from, until;
};
/* The hours that begin on a local day (zone_day tells which), in order; at most HOURS_DAY_MOST, how many
 * there are; without those of which a clock change leaves nothing. Always open: from midnight to midnight. */
size_t hours_of_day(const struct hours *h, int32_t day, struct hours_piece ret[HOURS_DAY_MOST]);
/* The local day an instant belongs to: that on which the hours began in which it lies, else the calendar's.
 */
int32_t hours_day_of(const struct hours *h, instant_t at);

#endif
