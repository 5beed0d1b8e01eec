/* Chains in buckets. Every object has two sets of links, one for the table in use and one for a larger table
 * that is being built, so that growing copies nothing: a few buckets with each insertion are linked into the
 * larger table too, and when all are, one store makes it the table in use.
 *
 * A reader walks the chain of one table and one set of links. An object that is taken out keeps its links, so
 * whoever stands on it walks on; it is freed by the epoch. The links of the old table may still be walked
 * after the larger one is in use: only when the epoch has given the old table back are they used anew, that
 * is, only then may the table grow again.
 *
 * Pairings: a head or link, release (link_in, chains_remove) with acquire (chains_first, chains_next), so
 * that the object is seen before the way to it; chains.table release (publish) with acquire (chains_first),
 * so that a complete table is seen. */
#include "core/table/chains.h"

#include "base/error.h"

#include <stdlib.h>

enum { BUCKETS_FIRST = 64, MOVED_AT_ONCE = 4 };

struct chains_table {
    struct chains *of;
    uint64_t mask;
    int side; /* which of the objects' links */
    _Atomic(struct chain *) head[];
};

struct chains {
    struct epoch *epoch;
    _Atomic(struct chains_table *) table;
    struct chains_table *larger; /* being built; NULL: not growing */
    uint64_t moved;              /* buckets of the table in use that are in the larger one */
    uint64_t count;
    bool settling; /* readers may still look at the table before */
    bool orphaned; /* destroyed meanwhile */
};

static struct chains_table *table_make(struct chains *c, uint64_t buckets, int side)
{
    struct chains_table *t = calloc(1, sizeof(*t) + buckets * sizeof(t->head[0]));
    if (!t)
        return NULL;
    t->of = c;
    t->mask = buckets - 1;
    t->side = side;
    return t;
}

struct chains *chains_create(struct epoch *e)
{
    struct chains *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->epoch = e;
    struct chains_table *t = table_make(c, BUCKETS_FIRST, 0);
    if (!t) {
        free(c);
        return NULL;
    }
    atomic_init(&c->table, t);
    return c;
}

static struct chains_table *table_of(const struct chains *c)
{
    return atomic_load_explicit(&c->table, memory_order_acquire);
}

void chains_destroy(struct chains *c)
{
    if (!c)
        return;
    free(table_of(c));
    free(c->larger);
    c->larger = NULL;
    c->orphaned = true;
    if (!c->settling)
        free(c);
}

/* Nobody looks at a table that was grown out of any more. */
static void settled(void *memory)
{
    struct chains_table *t = memory;
    struct chains *c = t->of;
    free(t);
    c->settling = false;
    if (c->orphaned)
        free(c);
}

void chains_first(const struct chains *c, uint64_t hash, struct chains_walk *ret)
{
    const struct chains_table *t = table_of(c);
    ret->side = t->side;
    ret->at = atomic_load_explicit(&t->head[hash & t->mask], memory_order_acquire);
}

static void link_in(struct chains_table *t, struct chain *o)
{
    _Atomic(struct chain *) *head = &t->head[o->hash & t->mask];
    struct chain *first = atomic_load_explicit(head, memory_order_relaxed);
    atomic_store_explicit(&o->next[t->side], first, memory_order_relaxed);
    o->from[t->side] = head;
    if (first)
        first->from[t->side] = &o->next[t->side];
    atomic_store_explicit(head, o, memory_order_release);
}

static void take_out(const struct chains_table *t, struct chain *o)
{
    struct chain *next = atomic_load_explicit(&o->next[t->side], memory_order_relaxed);
    atomic_store_explicit(o->from[t->side], next, memory_order_release);
    if (next)
        next->from[t->side] = o->from[t->side];
}

int chains_reserve(struct chains *c)
{
    const struct chains_table *t = table_of(c);
    if (c->larger || c->settling || c->count <= t->mask)
        return 0;
    c->larger = table_make(c, 2 * (t->mask + 1), !t->side);
    c->moved = 0;
    return c->larger ? 0 : ERROR_NOMEM;
}

static void move_some(struct chains *c)
{
    struct chains_table *t = table_of(c);
    for (int i = 0; i < MOVED_AT_ONCE && c->moved <= t->mask; i++, c->moved++) {
        struct chain *o = atomic_load_explicit(&t->head[c->moved], memory_order_relaxed);
        for (; o; o = atomic_load_explicit(&o->next[t->side], memory_order_relaxed))
            link_in(c->larger, o);
    }
    if (c->moved <= t->mask)
        return;
    atomic_store_explicit(&c->table, c->larger, memory_order_release);
    c->larger = NULL;
    c->settling = true;
    epoch_retire(c->epoch, t, settled);
}

static bool is_moved(const struct chains *c, const struct chain *o)
{
    return c->larger && (o->hash & table_of(c)->mask) < c->moved;
}

void chains_insert(struct chains *c, struct chain *object, uint64_t hash)
{
    object->hash = hash;
    link_in(table_of(c), object);
    if (is_moved(c, object))
        link_in(c->larger, object);
    c->count++;
    if (c->larger)
        move_some(c);
}

void chains_remove(struct chains *c, struct chain *object)
{
    take_out(table_of(c), object);
    if (is_moved(c, object))
        take_out(c->larger, object);
    c->count--;
}

bool chains_are_long(const struct chains *c)
{
    return c->settling && c->count > table_of(c)->mask;
}

uint64_t chains_count(const struct chains *c)
{
    return c->count;
}

size_t chains_bytes(const struct chains *c)
{
    size_t heads = table_of(c)->mask + 1 + (c->larger ? c->larger->mask + 1 : 0);
    return sizeof(*c) + heads * sizeof(struct chain *);
}
