/* Reservations that a question looks past: a basket never sees its own hold as missing (model.md, Channels).
 */
#ifndef CORE_ANSWER_LEFT_OUT_H
#define CORE_ANSWER_LEFT_OUT_H

#include "core/model/reservation.h"
#include "core/view.h"

enum { LEFT_OUT_RESERVATIONS_MOST = 16, LEFT_OUT_LINES_MOST = 1024, LEFT_OUT_TRIES = 8 };

/* What one reservation holds of one row. */
struct left_out {
    uint32_t sku, location;
    milli_t held, committed;
    milli_t fence_took; /* of these, out of what is set aside for its channel */
    uint32_t channel;
    instant_t required_at; /* INSTANT_NONE: now */
};

struct left_out_set {
    size_t reservations_count;
    struct text id[LEFT_OUT_RESERVATIONS_MOST];
    const struct reservation *reservation[LEFT_OUT_RESERVATIONS_MOST]; /* NULL: nobody knows it */
    size_t count;
    struct left_out at[LEFT_OUT_LINES_MOST]; /* by SKU, then location */
};

/* ---- @thread any, inside one epoch section ---- */
/* Reads what the reservations with these ids hold, before the rows are read. Lines beyond LEFT_OUT_LINES_MOST
 * stay as they are: held. */
void left_out_read(const struct view *v, const struct text *ids, size_t count, struct left_out_set *ret);
/* After the rows: are the reservations still what was read? If not, rows and reservations may not belong
 * together: once more, LEFT_OUT_TRIES times at most, then without leaving anything out. */
bool left_out_holds(const struct view *v, const struct left_out_set *s);

int left_out_by_row(const void *left, const void *right); /* their order, for qsort */

/* Those of one row; *ret_count of them. */
const struct left_out *left_out_of(const struct left_out_set *s, uint32_t sku, uint32_t location,
                                   size_t *ret_count);

/* Memory for stock_put_back. */
enum { PUT_BACK_MOST = 64 };
struct put_back_room {
    struct dated dated[PUT_BACK_MOST];
    struct fence fences[PUT_BACK_MOST];
};
/* The stock as if it were not held. A row with more to come, or more set aside, than there is room for stays
 * as it is. */
void stock_put_back(struct stock *s, const struct left_out *l, size_t count, struct put_back_room *room);

#endif
