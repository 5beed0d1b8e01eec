/* Promises: the ways in which a basket can be handed over, and when (model.md, Promises). One place and one
 * method at a time; who asks goes over the places and puts the options in order.
 *
 * A place can give a basket whole when each line can be granted there now, by stock (never by backorder),
 * under the rules of the channel and method. Else each line that is missing comes by what brings it soonest:
 * supply that the place expects, with its date (ATP by date: earlier promises are not eaten), or a lane from
 * a place that has it now or expects it. Such a line is held where the goods are.
 *
 * As the log will judge it: lines at the place by the option's method; once a line comes over a lane the
 * reservation has no method (the supplier may not hand over to shoppers in that way), so all are judged by
 * the most cautious of each place's methods; and when a line waits for supply, all are judged at the latest
 * such instant (required_at). */
#ifndef CORE_ANSWER_PROMISES_H
#define CORE_ANSWER_PROMISES_H

#include "base/arena.h"
#include "core/answer/query.h"

enum { BASKET_LINES_MOST = 50, BASKET_NEEDS_MOST = 1024, LANES_FOUND_MOST = 1024 };

struct basket_line {
    struct text sku;
    milli_t quantity;
};

/* Who asks, for what, and when. */
struct promise_ask {
    const struct view *view;
    const struct channel *channel; /* NULL: the pool */
    instant_t ordered_at;
    bool has_point;
    int32_t latitude_e7, longitude_e7;
    bool (*may_see)(void *context, const struct location *l); /* NULL: all */
    void *context;
    size_t lines_count;
    const struct basket_line *lines;
};

/* What has to be there: a line's item, or a component of its kit. */
struct basket_need {
    const struct sku *sku;
    const struct item *item;
    milli_t quantity; /* over the whole basket */
};

struct basket_item {
    const struct sku *sku;
    const struct item *item; /* NULL: not registered */
    milli_t quantity;        /* lines of one SKU are one */
    size_t needs_first, needs_count;
};

/* Of one epoch section. */
struct basket {
    const struct promise_ask *ask;
    struct question question;
    size_t items_count, needs_count;
    struct basket_item *items;
    struct basket_need *needs;
    uint32_t restricted;  /* bits of methods by which some item is not handed over */
    instant_t release_at; /* nothing is handed over before; 0: no bound */
    struct text release_sku;
    size_t wrong_line; /* of basket_prepare's error */
    size_t rows_read;
};

/* 0; ERROR_NOTFOUND: nobody knows wrong_line's SKU; ERROR_INVALID: its quantity is off the item's step;
 * ERROR_LIMIT: too many components; ERROR_NOMEM. @thread any, inside an epoch section, like all that follows
 */
int basket_prepare(const struct promise_ask *ask, struct arena *a, struct basket *ret);

/* Where a line comes from, and when it can be prepared. */
struct line_source {
    const struct location *location;
    instant_t at;                   /* of supply there: the line can be granted then; INSTANT_NONE: now */
    const struct supply_lane *lane; /* NULL: it is the place itself */
    struct transit transit;         /* of the lane */
    instant_t there_at;             /* at the place that hands over; 0: it is */
};

struct promise_option {
    enum method method;
    const struct location *place;
    const struct calendar *calendar;
    double distance_m; /* below 0: no point, or no position */
    struct readiness readiness;
    bool waits;                                   /* for something that is not there */
    instant_t required_at;                        /* of the reservation; INSTANT_NONE: now */
    bool over_lane;                               /* the reservation has no method */
    struct line_source source[BASKET_LINES_MOST]; /* one an item of the basket */
};

/* The place offers the method for this basket and point, whatever its stock. *ret_distance_m as of an option.
 */
bool promise_offered(const struct basket *b, const struct location *l, enum method m, double *ret_distance_m);
/* Every line can be granted there now. */
bool promise_is_whole(struct basket *b, const struct location *l, enum method m);

/* A lane to one of some places. Numbers, so that it outlives the section. */
struct lane_found {
    uint32_t to, from; /* locations */
    uint32_t lane;     /* of the supplier's calendar */
};
/* All lanes to these places from places that may be seen; at most `most`, how many there are of those. */
size_t promise_lanes(const struct promise_ask *ask, const uint32_t *to, size_t count, struct lane_found *ret,
                     size_t most);

/* How the place can hand the basket over by that method, soonest. False: not at all. */
bool promise_option(struct basket *b, const struct location *l, enum method m, const struct lane_found *lanes,
                    size_t lanes_count, struct promise_option *ret);

/* The row by which a need of a source is granted, for what a promise rests on. */
void promise_row(struct basket *b, const struct basket_need *n, const struct line_source *s, enum method m,
                 struct query_row *ret);
/* When an open line of supply counts for promises: at its instant, or, once log time has passed that, at the
 * end of its grace. INSTANT_NONE: no more, or never. */
instant_t promise_counts_at(const struct basket *b, const struct supply_shown *line);

#endif
