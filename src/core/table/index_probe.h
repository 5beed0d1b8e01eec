/* The inside of the index, for index.c and for table.c, whose look at one row is too short for a call.
 * index.c has the argument and the pairings. */
#ifndef CORE_TABLE_INDEX_PROBE_H
#define CORE_TABLE_INDEX_PROBE_H

#include "core/table/index.h"

#include <stdatomic.h>

enum { INDEX_LINE = 4 }; /* entries a cache line; every capacity is a multiple of it */

struct index_entry {
    _Atomic uint64_t key; /* hash's upper half: 32 bits, high; id + 1: 32 bits, low; 0: empty */
    _Atomic uint64_t hint;
};

struct index_cells {
    uint32_t capacity;
    bool huge;
    _Alignas(64) struct index_entry entry[]; /* four a cache line */
};

struct index {
    _Atomic(struct index_cells *) cells;
    index_equal equal;
    const void *owner;
    /* the writer's */
    struct epoch *epoch;
    struct index_cells *next; /* being filled, or NULL */
    uint32_t moved;           /* slots of cells that next has */
    size_t count;
};

static inline const struct index_cells *index_cells_of(const struct index *i)
{
    return atomic_load_explicit(&i->cells, memory_order_acquire); /* pairs with the release in publish */
}

static inline uint64_t index_tag(uint64_t hash)
{
    return hash >> 32 | 1; /* never that of an empty entry */
}

/* Where the run of a hash begins: always a whole cache line. */
static inline const struct index_entry *index_home(const struct index_cells *c, uint64_t hash)
{
    uint64_t line = (index_tag(hash) * (c->capacity / INDEX_LINE)) >> 32;
    return &c->entry[line * INDEX_LINE];
}

static inline const struct index_entry *index_after(const struct index_cells *c, const struct index_entry *e)
{
    return e + 1 == c->entry + c->capacity ? c->entry : e + 1;
}

static inline uint64_t index_key(const struct index_entry *e)
{
    return atomic_load_explicit(&e->key, memory_order_acquire); /* pairs with place */
}

/* The next entry from *entry on that has this hash, its key in ret_key; false at the end of the run. There is
 * always an empty one. */
static inline bool index_probe(const struct index_cells *c, uint64_t hash, const struct index_entry **entry,
                               uint64_t *ret_key)
{
    for (;; *entry = index_after(c, *entry)) {
        uint64_t key = index_key(*entry);
        if (__builtin_expect(key >> 32 == index_tag(hash), 1)) {
            *ret_key = key;
            return true;
        }
        if (key == 0)
            return false;
    }
}

static inline uint32_t index_key_id(uint64_t key)
{
    return (uint32_t)key - 1;
}

/* The first entry with this hash in its first line, or the line's beginning. Without a branch that the hash
 * decides: a wrong guess of the processor's would hold up the looks that come after this one for as long as
 * the line takes to come. */
static inline const struct index_entry *index_first(const struct index_cells *c, uint64_t hash)
{
    const struct index_entry *home = index_home(c, hash), *found = home;

#pragma GCC unroll 4
    for (uint32_t k = INDEX_LINE - 1; k > 0; k--)
        found = index_key(&home[k]) >> 32 == index_tag(hash) ? &home[k] : found;
    return index_key(home) >> 32 == index_tag(hash) ? home : found;
}

#endif
