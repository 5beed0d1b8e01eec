/* The tree of places. A place's way through it is a row of octants: bit by bit of the three coordinates, and,
 * for places at one and the same point, of their numbers. A node stands where ways part (what all below it
 * share is left out), and knows the box around all that is below it. */
#include "core/model/nearby.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEAF_MOST = NEAR_KEEP_MOST,
    POINT_LEVELS = SPHERE_UNIT_BITS + 2, /* coordinates plus 2^40: from 0 to 2^41 */
    NUMBER_LEVELS = 11,                  /* three bits each */
    LEVELS = POINT_LEVELS + NUMBER_LEVELS,
    OCTANTS = 8
};

struct entry {
    struct sphere_point at;
    uint32_t number;
};

struct nearby_node {
    struct sphere_point least, most; /* the box around all below */
    uint32_t count;                  /* of places below */
    uint32_t number;                 /* of any of them */
    uint8_t level;                   /* of an inner node: where the ways below part; LEVELS: a leaf */
    struct nearby_node *fresh_next, *replaced_next; /* the writer's, while a change is made */
    /* behind it lie a leaf's entries, or an inner node's children */
};

static bool is_leaf(const struct nearby_node *n)
{
    return n->level == LEVELS;
}

static struct entry *entries_of(const struct nearby_node *leaf)
{
    return (struct entry *)(uintptr_t)(leaf + 1);
}

/* By octant; NULL where nothing is. */
static struct nearby_node **children_of(const struct nearby_node *inner)
{
    return (struct nearby_node **)(uintptr_t)(inner + 1);
}

/* ---- ways ---- */

static unsigned octant(const struct sphere_point *at, uint32_t number, unsigned level)
{
    const int64_t zero = INT64_C(1) << SPHERE_UNIT_BITS;

    if (level >= POINT_LEVELS)
        return number >> (3 * (LEVELS - 1 - level)) & 7;
    unsigned bit = POINT_LEVELS - 1 - level;
    return (unsigned)((at->x + zero) >> bit & 1) | (unsigned)((at->y + zero) >> bit & 1) << 1 |
           (unsigned)((at->z + zero) >> bit & 1) << 2;
}

/* The first level where two ways part; LEVELS: they are the same. */
static unsigned parting(const struct sphere_point *a, uint32_t number_a, const struct sphere_point *b,
                        uint32_t number_b)
{
    const int64_t zero = INT64_C(1) << SPHERE_UNIT_BITS;
    uint64_t differs = (uint64_t)(((a->x + zero) ^ (b->x + zero)) | ((a->y + zero) ^ (b->y + zero)) |
                                  ((a->z + zero) ^ (b->z + zero)));

    if (differs)
        return POINT_LEVELS - 1 - (63 - (unsigned)__builtin_clzll(differs));
    uint32_t numbers = number_a ^ number_b;
    return numbers ? LEVELS - 1 - (31 - (unsigned)__builtin_clz(numbers)) / 3 : LEVELS;
}

/* All below a node share their way down to its level, and so does this corner of its box. */
static unsigned parting_from(const struct nearby_node *n, const struct sphere_point *at, uint32_t number)
{
    return parting(&n->least, n->number, at, number);
}

/* ---- making nodes ---- */

/* Leaves are given only what they need. */
static struct nearby_node *node_make(struct nearby_change *c, unsigned level, uint32_t entries)
{
    size_t more = level == LEVELS ? entries * sizeof(struct entry) : OCTANTS * sizeof(struct nearby_node *);
    struct nearby_node *n = c->failed ? NULL : calloc(1, sizeof(*n) + more);

    if (!n) {
        c->failed = true;
        return NULL;
    }
    n->level = (uint8_t)level;
    n->fresh_next = c->fresh;
    c->fresh = n;
    return n;
}

static void replace(struct nearby_change *c, struct nearby_node *n)
{
    n->replaced_next = c->replaced;
    c->replaced = n;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void box_grow(struct nearby_node *n, const struct sphere_point *least, const struct sphere_point *most)
{
    bool first = !n->count;

    n->least.x = first ? least->x : lesser(n->least.x, least->x);
    n->least.y = first ? least->y : lesser(n->least.y, least->y);
    n->least.z = first ? least->z : lesser(n->least.z, least->z);
    n->most.x = first ? most->x : greater(n->most.x, most->x);
    n->most.y = first ? most->y : greater(n->most.y, most->y);
    n->most.z = first ? most->z : greater(n->most.z, most->z);
}

static void leaf_append(struct nearby_node *n, struct entry e)
{
    box_grow(n, &e.at, &e.at);
    entries_of(n)[n->count++] = e;
    n->number = e.number;
}

static void node_adopt(struct nearby_node *n, unsigned place, struct nearby_node *child)
{
    children_of(n)[place] = child;
    if (!child)
        return;
    box_grow(n, &child->least, &child->most);
    n->count += child->count;
    n->number = child->number;
}

/* ---- adding ---- */

static struct nearby_node *leaf_of(struct nearby_change *c, const struct entry *entries, uint32_t count)
{
    struct nearby_node *n = node_make(c, LEVELS, count);

    for (uint32_t i = 0; n && i < count; i++)
        leaf_append(n, entries[i]);
    return n;
}

/* A leaf that is full, and one more: an inner node where the first of them part, with leaves below. (At least
 * two go different ways, so each leaf has fewer.) */
static struct nearby_node *split(struct nearby_change *c, const struct nearby_node *leaf, struct entry more)
{
    struct entry all[LEAF_MOST + 1], some[LEAF_MOST + 1];
    unsigned level = LEVELS;

    memcpy(all, entries_of(leaf), leaf->count * sizeof(*all));
    all[leaf->count] = more;
    for (uint32_t i = 1; i <= leaf->count; i++) {
        unsigned here = parting(&all[0].at, all[0].number, &all[i].at, all[i].number);
        level = here < level ? here : level;
    }
    struct nearby_node *n = node_make(c, level, 0);
    for (unsigned place = 0; n && place < OCTANTS; place++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i <= leaf->count; i++)
            if (octant(&all[i].at, all[i].number, level) == place)
                some[count++] = all[i];
        if (count)
            node_adopt(n, place, leaf_of(c, some, count));
    }
    return n;
}

static struct nearby_node *leaf_with(struct nearby_change *c, const struct nearby_node *leaf,
                                     struct entry more)
{
    if (leaf->count == LEAF_MOST)
        return split(c, leaf, more);
    struct nearby_node *n = node_make(c, LEVELS, leaf->count + 1);
    for (uint32_t i = 0; n && i < leaf->count; i++)
        leaf_append(n, entries_of(leaf)[i]);
    if (n)
        leaf_append(n, more);
    return n;
}

/* The place goes another way before the node is reached: a node above it. */
static struct nearby_node *fork_above(struct nearby_change *c, struct nearby_node *n, unsigned level,
                                      struct entry e)
{
    struct nearby_node *above = node_make(c, level, 0), *leaf = leaf_of(c, &e, 1);

    if (!above || !leaf)
        return NULL;
    node_adopt(above, octant(&n->least, n->number, level), n);
    node_adopt(above, octant(&e.at, e.number, level), leaf);
    return above;
}

/* The same node with one child another. */
static struct nearby_node *node_with(struct nearby_change *c, const struct nearby_node *n, unsigned place,
                                     struct nearby_node *child)
{
    struct nearby_node *copy = node_make(c, n->level, 0);

    for (unsigned i = 0; copy && i < OCTANTS; i++)
        node_adopt(copy, i, i == place ? child : children_of(n)[i]);
    return copy;
}

static struct nearby_node *with(struct nearby_change *c, struct nearby_node *n, struct entry e)
{
    struct nearby_node *now;

    if (!n)
        return leaf_of(c, &e, 1);
    unsigned parts = is_leaf(n) ? LEVELS : parting_from(n, &e.at, e.number);
    if (parts < n->level)
        return fork_above(c, n, parts, e);
    if (is_leaf(n)) {
        now = leaf_with(c, n, e);
    } else {
        unsigned place = octant(&e.at, e.number, n->level);
        struct nearby_node *child = with(c, children_of(n)[place], e);
        now = child ? node_with(c, n, place, child) : NULL;
    }
    replace(c, n);
    return now;
}

/* ---- taking away ---- */

static struct nearby_node *leaf_without(struct nearby_change *c, const struct nearby_node *leaf,
                                        uint32_t number)
{
    struct nearby_node *n = node_make(c, LEVELS, leaf->count - 1);

    for (uint32_t i = 0; n && i < leaf->count; i++)
        if (entries_of(leaf)[i].number != number)
            leaf_append(n, entries_of(leaf)[i]);
    return n;
}

static void gather(struct nearby_change *c, struct nearby_node *n, struct nearby_node *into)
{
    for (uint32_t i = 0; is_leaf(n) && i < n->count; i++)
        leaf_append(into, entries_of(n)[i]);
    for (unsigned i = 0; !is_leaf(n) && i < OCTANTS; i++)
        if (children_of(n)[i])
            gather(c, children_of(n)[i], into);
    replace(c, n);
}

/* Half a leaf's worth in several is one leaf again; half, so that a place that comes and goes does not split
 * and gather each time. */
static struct nearby_node *gathered(struct nearby_change *c, struct nearby_node *n)
{
    if (n->count > LEAF_MOST / 2)
        return n;
    struct nearby_node *leaf = node_make(c, LEVELS, n->count);
    if (leaf)
        gather(c, n, leaf);
    return leaf;
}

static struct nearby_node *without(struct nearby_change *c, struct nearby_node *n,
                                   const struct sphere_point *at, uint32_t number)
{
    struct nearby_node *now = NULL;

    if (is_leaf(n)) {
        if (n->count > 1)
            now = leaf_without(c, n, number);
    } else {
        unsigned place = octant(at, number, n->level);
        struct nearby_node *child = without(c, children_of(n)[place], at, number);
        now = c->failed ? NULL : node_with(c, n, place, child);
        now = now ? gathered(c, now) : NULL;
    }
    replace(c, n);
    return now;
}

/* ---- a change ---- */

void nearby_begin(const struct nearby *n, struct nearby_change *c)
{
    *c = (struct nearby_change){.root = atomic_load_explicit(&n->root, memory_order_relaxed)};
}

void nearby_add(struct nearby_change *c, const struct sphere_point *at, uint32_t number)
{
    c->root = c->failed ? NULL : with(c, c->root, (struct entry){*at, number});
}

void nearby_remove(struct nearby_change *c, const struct sphere_point *at, uint32_t number)
{
    c->root = c->failed ? NULL : without(c, c->root, at, number);
}

void nearby_commit(struct nearby *n, struct nearby_change *c)
{
    atomic_store_explicit(&n->root, c->root, memory_order_release);
    while (c->replaced) {
        struct nearby_node *old = c->replaced;
        c->replaced = old->replaced_next;
        epoch_retire(n->epoch, old, free);
    }
    c->fresh = NULL;
}

void nearby_abandon(struct nearby_change *c)
{
    while (c->fresh) {
        struct nearby_node *n = c->fresh;
        c->fresh = n->fresh_next;
        free(n);
    }
    c->replaced = NULL;
}

static void node_destroy(struct nearby_node *n)
{
    if (!n)
        return;
    for (unsigned i = 0; !is_leaf(n) && i < OCTANTS; i++)
        node_destroy(children_of(n)[i]);
    free(n);
}

void nearby_finish(struct nearby *n)
{
    node_destroy(atomic_load_explicit(&n->root, memory_order_relaxed));
    atomic_store_explicit(&n->root, NULL, memory_order_relaxed);
}

/* ---- the nearest so far ---- */

static void swap(struct near_place *a, struct near_place *b)
{
    struct near_place kept = *a;
    *a = *b;
    *b = kept;
}

static void sink(struct near_heap *h, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && near_place_before(&h->at[child], &h->at[child + 1]))
            child++;
        if (child >= count || !near_place_before(&h->at[at], &h->at[child]))
            return;
        swap(&h->at[at], &h->at[child]);
        at = child;
    }
}

static void rise(struct near_heap *h, size_t at)
{
    for (; at && near_place_before(&h->at[(at - 1) / 2], &h->at[at]); at = (at - 1) / 2)
        swap(&h->at[at], &h->at[(at - 1) / 2]);
}

void near_heap_init(struct near_heap *h, const struct near_question *q, struct near_place *at, size_t most)
{
    *h = (struct near_heap){.at = at, .most = most, .bound = q->reach};
}

void near_heap_offer(struct near_heap *h, struct near_place p)
{
    if (h->count < h->most) {
        h->at[h->count] = p;
        rise(h, h->count++);
    } else if (h->most && near_place_before(&p, &h->at[0])) {
        h->at[0] = p;
        sink(h, 0, h->count);
    }
    if (h->count == h->most && h->most && h->at[0].chord2 < h->bound)
        h->bound = h->at[0].chord2;
}

void near_heap_sort(struct near_heap *h)
{
    for (size_t left = h->count; left > 1; left--) {
        swap(&h->at[0], &h->at[left - 1]);
        sink(h, 0, left - 1);
    }
}

/* ---- looking ---- */

static int64_t beside(int64_t at, int64_t least, int64_t most)
{
    return at < least ? least - at : at > most ? at - most : 0;
}

static chord2_t to_box(const struct sphere_point *p, const struct nearby_node *n)
{
    return sphere_square(beside(p->x, n->least.x, n->most.x)) +
           sphere_square(beside(p->y, n->least.y, n->most.y)) +
           sphere_square(beside(p->z, n->least.z, n->most.z));
}

static int64_t across(int64_t at, int64_t least, int64_t most)
{
    return greater(most - at, at - least);
}

/* To the farthest corner. */
static chord2_t across_box(const struct sphere_point *p, const struct nearby_node *n)
{
    return sphere_square(across(p->x, n->least.x, n->most.x)) +
           sphere_square(across(p->y, n->least.y, n->most.y)) +
           sphere_square(across(p->z, n->least.z, n->most.z));
}

static bool stands_before(const struct near_question *q, const struct nearby_node *n)
{
    return q->goes_on && across_box(&q->from, n) < q->after.chord2;
}

struct way {
    chord2_t chord2;
    const struct nearby_node *node;
};

/* The children that may have something, nearest first. */
static unsigned ways_down(const struct nearby_node *n, const struct near_question *q, chord2_t bound,
                          struct way ret[OCTANTS])
{
    unsigned count = 0;

    for (unsigned i = 0; i < OCTANTS; i++) {
        const struct nearby_node *child = children_of(n)[i];
        if (!child)
            continue;
        struct way w = {to_box(&q->from, child), child};
        if (w.chord2 > bound || stands_before(q, child))
            continue;
        unsigned at = count++;
        for (; at && ret[at - 1].chord2 > w.chord2; at--)
            ret[at] = ret[at - 1];
        ret[at] = w;
    }
    return count;
}

static void look_at_leaf(const struct nearby_node *n, const struct near_question *q, struct near_heap *h)
{
    const struct entry *entries = entries_of(n);
    struct near_place some[LEAF_MOST];
    size_t count = 0;

    for (uint32_t i = 0; i < n->count; i++) {
        some[count] = (struct near_place){sphere_chord2(&q->from, &entries[i].at), entries[i].number};
        count +=
            some[count].chord2 <= h->bound && (!q->goes_on || near_place_before(&q->after, &some[count]));
    }
    if (q->keep && count)
        count = q->keep(q->context, some, count, &h->given_up);
    for (size_t i = 0; i < count; i++)
        near_heap_offer(h, some[i]);
}

static void look(const struct nearby_node *n, const struct near_question *q, struct near_heap *h)
{
    struct way ways[OCTANTS];

    if (is_leaf(n)) {
        look_at_leaf(n, q, h);
        return;
    }
    unsigned count = ways_down(n, q, h->bound, ways);
    for (unsigned i = 0; i < count && ways[i].chord2 <= h->bound && !h->given_up; i++)
        look(ways[i].node, q, h);
}

size_t nearby_find(const struct nearby *n, const struct near_question *q, struct near_place *ret, size_t most)
{
    const struct nearby_node *root = atomic_load_explicit(&n->root, memory_order_acquire);
    struct near_heap h;

    near_heap_init(&h, q, ret, most);
    if (root && most)
        look(root, q, &h);
    near_heap_sort(&h);
    return h.count;
}

size_t nearby_count(const struct nearby *n)
{
    const struct nearby_node *root = atomic_load_explicit(&n->root, memory_order_acquire);
    return root ? root->count : 0;
}
