/* The inside of the index, for index.c and for table.c, whose look at one row is too short for a call.
 * index.c has the argument and the pairings. */
#ifndef CORE_TABLE_INDEX_PROBE_H
#define CORE_TABLE_INDEX_PROBE_H

#include "base/hash.h"
#include "core/table/index.h"

#include <stdatomic.h>

enum { INDEX_LINE = 2 }; /* entries a cache line; every capacity is a multiple of it */

/* What of a text stands in its entry: a short one whole, of a longer one the hash. The tag is the hash's
 * upper half but for its last byte, which is the length, INDEX_TEXT_LONG for those that are not whole. It is
 * never 0. */
enum { INDEX_TEXT_LONG = 255 };
struct index_text {
    struct text_words words;
    uint32_t tag;
};

struct index_entry {
    _Atomic uint64_t first, last; /* struct text_words */
    _Atomic uint32_t tag;         /* stored last of all, 0: empty */
    _Atomic uint32_t id;
    _Atomic uint64_t hint;
};

struct index_cells {
    uint32_t capacity, lines;
    _Alignas(64) struct index_entry entry[]; /* two a cache line, and one line that stays empty */
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

static inline uint32_t index_tag(uint64_t hash, uint8_t length)
{
    return ((uint32_t)(hash >> 32) & ~0xFFu) | length;
}

static inline struct index_text index_text_of(struct text t, uint64_t hash)
{
    if (__builtin_expect(t.length - 1 >= TEXT_WORDS_MOST, 0)) /* the empty one too */
        return (struct index_text){{hash, 0}, index_tag(hash, INDEX_TEXT_LONG)};
    return (struct index_text){text_words_of(t), index_tag(hash, (uint8_t)t.length)};
}

static inline bool index_text_is_whole(const struct index_text *t)
{
    return (t->tag & 0xFF) != INDEX_TEXT_LONG;
}

/* Where the run of a tag begins: always a whole cache line. */
static inline const struct index_entry *index_home(const struct index_cells *c, uint32_t tag)
{
    return &c->entry[((uint64_t)(tag & ~0xFFu) * c->lines >> 32) * INDEX_LINE];
}

static inline const struct index_entry *index_after(const struct index_cells *c, const struct index_entry *e)
{
    return e + 1 == c->entry + c->capacity ? c->entry : e + 1;
}

static inline uint32_t index_entry_tag(const struct index_entry *e)
{
    return atomic_load_explicit(&e->tag, memory_order_acquire); /* pairs with place: the entry is there */
}

/* Has this entry this text (or, of a longer one, the hash)? */
static inline bool index_has(const struct index_entry *e, struct text_words t, uint32_t tag)
{
    return index_entry_tag(e) == tag && atomic_load_explicit(&e->last, memory_order_acquire) == t.last &&
           atomic_load_explicit(&e->first, memory_order_acquire) == t.first;
}

static inline uint32_t index_id(const struct index_entry *e)
{
    return atomic_load_explicit(&e->id, memory_order_acquire);
}

static inline uint64_t index_entry_hint(const struct index_entry *e)
{
    return atomic_load_explicit(&e->hint, memory_order_acquire); /* pairs with set_hint */
}

/* The one of a line's two entries that has this tag, if one of them has. Without a branch that the tag
 * decides: a wrong guess of the processor's would hold up the looks that come after this one for as long as
 * the line takes to come. */
static inline const struct index_entry *index_in_line(const struct index_entry *line, uint32_t tag)
{
    const struct index_entry *second = line + 1;
    return index_entry_tag(line) == tag ? line : second;
}

/* The first entry from *entry on that has this text; false at the end of the run. There is always an empty
 * one. */
static inline bool index_probe(const struct index_cells *c, const struct index_text *t,
                               const struct index_entry **entry)
{
    for (;; *entry = index_after(c, *entry)) {
        if (index_has(*entry, t->words, t->tag))
            return true;
        if (index_entry_tag(*entry) == 0)
            return false;
    }
}

#endif
