/* Which places are nearest to a point: a tree over the points of all locations that have one.
 *
 * It is never changed: each change builds anew the few nodes from a leaf to the root, shows the new root, and
 * retires what it replaced. So readers need no lock and see all places as they were at one moment. */
#ifndef CORE_MODEL_NEARBY_H
#define CORE_MODEL_NEARBY_H

#include "core/model/sphere.h"
#include "core/table/epoch.h"

#include <stdatomic.h>
#include <stdint.h>

/* A place as seen from a point. The order of places is that of the two: nearest first, ties by number. */
struct near_place {
    chord2_t chord2;
    uint32_t number;
};

static inline bool near_place_before(const struct near_place *a, const struct near_place *b)
{
    return a->chord2 != b->chord2 ? a->chord2 < b->chord2 : a->number < b->number;
}

struct near_question {
    struct sphere_point from;
    chord2_t reach; /* no farther; CHORD2_ANY */
    bool goes_on;   /* only what stands behind `after` in the order */
    struct near_place after;
    /* Of some places, in no order, keeps those that count, and says how many. It may say that the search is
     * to be given up: what is found then is worth nothing. NULL: all count. */
    size_t (*keep)(void *context, struct near_place *places, size_t count, bool *ret_give_up);
    void *context;
};
enum { NEAR_KEEP_MOST = 16 }; /* places that `keep` is asked about at once */

/* The nearest of those that were offered, in an array of the caller's: a heap with the farthest on top. */
struct near_heap {
    struct near_place *at;
    size_t count, most;
    chord2_t bound; /* what is farther need not be offered */
    bool given_up;
};
void near_heap_init(struct near_heap *h, const struct near_question *q, struct near_place *at, size_t most);
void near_heap_offer(struct near_heap *h, struct near_place p);
void near_heap_sort(struct near_heap *h); /* nearest first; the heap is over */

struct nearby_node;
struct nearby {
    struct epoch *epoch;
    _Atomic(struct nearby_node *) root; /* release by the writer, acquire by readers */
};

/* ---- @thread any, inside an epoch section ---- */
/* The nearest that the question allows, nearest first; at most `most`. Returns how many. */
size_t nearby_find(const struct nearby *n, const struct near_question *q, struct near_place *ret,
                   size_t most);
size_t nearby_count(const struct nearby *n);

/* ---- @thread writer ---- */
/* A change that is being prepared: nobody sees it before it is committed. */
struct nearby_change {
    struct nearby_node *root, *fresh, *replaced;
    bool failed; /* no memory */
};
void nearby_begin(const struct nearby *n, struct nearby_change *c);
/* The place must not be there / must be there at that point. */
void nearby_add(struct nearby_change *c, const struct sphere_point *at, uint32_t number);
void nearby_remove(struct nearby_change *c, const struct sphere_point *at, uint32_t number);
void nearby_commit(struct nearby *n, struct nearby_change *c); /* only when it did not fail */
void nearby_abandon(struct nearby_change *c);
void nearby_finish(struct nearby *n); /* when nobody looks any more */

#endif
