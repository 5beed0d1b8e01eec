/* The second oracle: baskets, orders, channels and dates, kept by hand. It walks the log record by record and
 * does to plain lists what model.md says, computing every figure from nothing each time it is asked. It has
 * never seen reserve.c. It knows no lateness: that is oracle.c's. */
#ifndef SIM_BASKET_H
#define SIM_BASKET_H

#include "core/model/catalogue.h"
#include "core/model/reservation.h"

struct basket;

struct basket_row {
    milli_t on_hand, reserved, committed;
    milli_t available[3]; /* what the pool, web and market see */
};

struct basket_line {
    struct text sku, location;
    milli_t quantity, open;
};

struct basket_reservation {
    enum reservation_state state;
    instant_t expires_at;
    size_t lines_count;
    const struct basket_line *lines;
};

struct basket *basket_create(void);
void basket_destroy(struct basket *b); /* takes NULL */
/* Log time is at least this from now on: records of others move it too. */
void basket_clock(struct basket *b, instant_t appended_at);
/* The next record of the log; its texts have to live as long as the basket. */
void basket_take(struct basket *b, const struct record *r);
struct basket_row basket_row(struct basket *b, struct text sku, struct text location);
/* False: nothing was ever granted under this id. */
bool basket_reservation(struct basket *b, struct text id, struct basket_reservation *ret);
/* How many were granted and refused: a run that grants nothing proves nothing. */
void basket_counts(const struct basket *b, unsigned *ret_granted, unsigned *ret_refused);

#endif
