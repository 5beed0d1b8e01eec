/* The store finder: the first places, nearest first or in the order of their ids, that have a whole basket.
 */
#ifndef CORE_ANSWER_FINDER_H
#define CORE_ANSWER_FINDER_H

#include "core/answer/query.h"

enum { FINDER_LINES_MOST = 50, FINDER_TURN = 32 };

struct finder_line {
    const struct sku *sku; /* NULL: nobody knows it */
    milli_t quantity;      /* available there at least; 0: any, also none */
};

/* The locations in the order of their ids. One thread's own: it follows the catalogue, and ids never change.
 * Zero-initialised is empty. */
struct id_order {
    uint32_t *numbers; /* in order */
    uint32_t *ranks;   /* of each number, its place in the order */
    uint32_t count, capacity;
};
/* Takes in the locations that are new. ERROR_NOMEM leaves it as it was. @thread any, inside an epoch section
 */
int id_order_follow(struct id_order *o, const struct catalogue *c);
/* The first place in the order that stands behind an id. */
uint32_t id_order_after(const struct id_order *o, const struct catalogue *c, struct text id);
void id_order_finish(struct id_order *o);

/* Memory of one thread, for one question after another. Zero-initialised is empty. */
struct finder_room {
    struct row_image *images;
    struct near_place *list;
    uint32_t *numbers;
    size_t images_capacity, list_capacity, numbers_capacity;
};
void finder_room_finish(struct finder_room *r);

struct finder {
    const struct view *view;
    const struct question *question;
    struct finder_room *room;
    size_t lines_count;
    const struct finder_line *lines;
    bool known_only; /* only where each SKU has a row, with or without stock */
    /* From a point; or, with `order`, in the order of ids: then chord2 of a place is its rank, and only
     * goes_on and after matter here. */
    struct near_question near;
    const struct id_order *order;
    const struct group *group; /* only its locations; NULL: all */
    /* Which places are wanted at all; asked before their stock. NULL: all */
    bool (*is_wanted)(void *context, const struct location *l);
    void *context;
    size_t looks_most; /* places whose stock is looked at before it ends early; 0: no bound */
    /* what came of it */
    bool ended_early;       /* there may be more behind `last` */
    struct near_place last; /* the last place that was looked at: go on after it */
};

/* The first `most` places, in order. ret_rows: lines_count rows each, room for `most` + FINDER_TURN places;
 * ret_places likewise. Tombstones are left out, and from a point places without position. Returns how many.
 * Where it is cheaper it starts from the rows of the rarest item instead of from the point: the answer is the
 * same. @thread any, inside an epoch section */
size_t finder_find(struct finder *f, struct near_place *ret_places, struct query_row *ret_rows, size_t most);

#endif
