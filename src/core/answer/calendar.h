/* What a location's document says about time and ways of handing over, parsed and kept: opening hours,
 * methods, lanes.
 *
 * How to use it, in a question over many places:
 *
 *     const struct calendar *c = calendar_of(&view->calendars, location);
 *     if (hours_open_at(&c->hours, at)) …                            open at an instant (about 30 ns)
 *     hours_of_day(&c->hours, zone_day(c->hours.zone, now), pieces)  today's hours
 *     calendar_ready(c, METHOD_PICKUP, &(struct order_time){.at = now}, &r)  r.ready_at: the earliest pickup
 *
 * A calendar hangs on its struct location. Whoever asks first makes it (tens of microseconds; the daemon asks
 * after start and after each change, so that questions hardly ever do) and publishes it with one
 * compare-and-swap; it goes with the location, so what calendar_of returned stays valid until the epoch
 * section ends. A changed document is another struct location and so another calendar. Nobody waits for
 * anybody, and no time zone library is asked where a zone was seen before. */
#ifndef CORE_ANSWER_CALENDAR_H
#define CORE_ANSWER_CALENDAR_H

#include "core/answer/hours.h"
#include "core/model/catalogue.h"

enum { CALENDAR_METHODS = 3, NO_CUT_OFF = -1 };

/* How a location hands over in one way. */
struct way {
    bool offered;    /* the document says the method, or says none and it goes without saying */
    int16_t cut_off; /* minute of the local day; NO_CUT_OFF */
    uint16_t last_collection_minutes; /* before closing; 0: until it closes */
    uint32_t preparation_minutes;
    int64_t radius_m; /* 0: none said */
};

/* By which the location supplies another. */
struct supply_lane {
    struct text to;
    uint16_t days;
    int16_t cut_off; /* as of a way: past midnight it is the working day's whose hours last until then */
};

struct calendar {
    struct hours hours;
    bool zone_unknown; /* it names a zone that nobody knows: its hours are not used, it counts as always open
                        */
    struct way way[CALENDAR_METHODS]; /* in the order of the bits of enum method */
    uint32_t lanes_count;
    const struct supply_lane *lanes; /* to locations in the document's order */
};

/* Who makes calendars, as the view has it: in the daemon zones_calendars (zone/zones.h). Zero: nobody does.
 */
struct calendars {
    /* From the location's document; one allocation, to be given back by free(). NULL without memory. @thread
     * any */
    struct calendar *(*make)(void *context, const struct location *l);
    void *context;
};

/* Never NULL: without a location, a maker or memory it is always open in UTC and offers nothing.
 * @thread any, inside an epoch section */
const struct calendar *calendar_of(const struct calendars *k, const struct location *l);

/* For makers: everything in one allocation. NULL without memory. */
struct calendar *calendar_copy(const struct calendar *c);

static inline const struct way *calendar_way(const struct calendar *c, enum method m)
{
    return &c->way[m == METHOD_PICKUP ? 0 : m == METHOD_SHIP ? 1 : 2];
}

/* ---- when goods are ready (model.md, Promises) ---- */

struct order_time {
    instant_t at;         /* the order */
    instant_t goods_at;   /* when the last of its goods are there; 0: they are */
    instant_t not_before; /* nothing is handed over before; 0: no bound */
};

struct readiness {
    instant_t ready_at;   /* open then, and not within the last collection minutes before closing */
    instant_t starts_at;  /* preparation: opening time counts from here */
    instant_t cut_off_at; /* of the order's day; INSTANT_NONE: there is none */
    bool missed;          /* the order came after it: it starts with the first hours of a later day */
    instant_t closes_at;  /* of the opening in which it is ready; INSTANT_NONE: it does not close */
    int32_t day;          /* the local day of ready_at */
    bool same_day;        /* the order's own */
};

/* The order's day is that on which the hours began in which it lies, else the calendar's. A cut-off that lies
 * in the part of that day's hours past midnight is the next day's. At the cut-off is in time. False: never,
 * or not offered. */
bool calendar_ready(const struct calendar *c, enum method m, const struct order_time *o,
                    struct readiness *ret);

/* ---- lanes ---- */

struct transit {
    instant_t
        leaves_at; /* the lane's cut-off, or closing, of the first day at or after which the supplier works */
    instant_t arrives_at; /* the first opening `days` calendar days after that working day, by the store's
                             calendar; never before it leaves */
};

/* Goods that lie ready at `at`. False: never. */
bool calendar_transit(const struct calendar *from, const struct supply_lane *lane, const struct calendar *to,
                      instant_t at, struct transit *ret);

#endif
