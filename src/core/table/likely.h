/* Where an item may be at all: of a SKU with many rows one bit for each location, set where the row may have
 * anything. Who looks for what is nearly sold out looks at a thousand bytes instead of at ten thousand rows.
 *
 * The bits lie in the SKU's block, behind its rows and their order, and go by the number of the location.
 * They reach LIKELY_SPREAD locations for each slot of the block; of rows beyond that nothing is known. Blocks
 * of less than LIKELY_CAPACITY_LEAST slots have none: their rows are read as quickly.
 *
 * A clear bit says that the row had nothing at some moment of the reader's own time; a set bit says nothing
 * for sure. The writer sets a bit before it publishes the row that has something, and clears it after it
 * published one that has nothing (latch.h has V and M):
 *
 *   writer                                              reader
 *   L1  bits of the rows that will have something         look_begin: the block
 *   P0 … V1 … R … V2, P2, M2: the rows                    B   a bit: clear?
 *   L2  bits of the rows that have nothing
 *
 * Every store is a release, every load of another thread's an acquire; so:
 *   - Who has seen a row with something, or was told of it, has seen V2 or M2 of that change, and L1 before
 * it: B sees that bit set, or what was stored there later. That is clear only by L2 of a later change, whose
 * V2 then came before: the row had nothing since the reader last knew of it.
 *   - A change that builds the block anew fills the new one's bits before anybody sees it. The old one's are
 * not written any more: they stand for the moment when it was left, and the reader found it inside its epoch
 * section when it was still the SKU's.
 *   - The reader needs no version for them: bits are not tied to each other, as rows of several looks are not
 * either. */
#ifndef CORE_TABLE_LIKELY_H
#define CORE_TABLE_LIKELY_H

#include "core/table/row.h"

#include <stdatomic.h>

enum { LIKELY_CAPACITY_LEAST = 128, LIKELY_SPREAD = 8 };

struct likely {
    uint32_t words;          /* how far the bits reach */
    _Atomic uint32_t top;    /* words from here on were never set */
    _Atomic uint32_t count;  /* of bits that are set */
    _Atomic uint32_t beyond; /* 1: something may also be where the bits do not reach */
    _Atomic uint64_t word[]; /* by location */
};

/* May the row have so much, or anything with `least` 1? Nothing but what is promised for a later instant can
 * make it more than its words say. */
static inline bool row_may_have(const struct row_image *r, int64_t least)
{
    return row_flags(r) & ROW_DATED ||
           row_on_hand(r) - row_unavailable(r) - row_reserved(r) - row_committed(r) >= least;
}

/* ---- @thread any, inside the epoch section in which it was found ---- */
static inline bool likely_has(const struct likely *l, uint32_t location)
{
    uint32_t at = location / 64;

    return at >= l->words ||
           atomic_load_explicit(&l->word[at], memory_order_acquire) >> location % 64 & 1; /* B */
}

/* How many there are, about; SIZE_MAX when there may be more than the bits reach. */
size_t likely_count(const struct likely *l);
/* Their locations, the least first. At most `capacity` are written; returns how many there are. Not to be
 * asked where likely_count does not know. */
size_t likely_list(const struct likely *l, uint32_t *ret_locations, size_t capacity);

/* ---- @thread writer ---- */
/* What the bits of a block take behind everything else. */
static inline size_t likely_bytes(size_t capacity)
{
    return capacity < LIKELY_CAPACITY_LEAST ? 0 : sizeof(struct likely) + capacity * LIKELY_SPREAD / 8;
}

void likely_begin(struct likely *l, size_t capacity);         /* in memory of zeroes */
void likely_put(struct likely *l, const struct row_image *r); /* of a block nobody sees yet */
/* L1. Returns how many of the rows have nothing: if any, likely_lower is wanted. */
size_t likely_raise(struct likely *l, const struct row_image *rows, size_t count);
void likely_lower(struct likely *l, const struct row_image *rows, size_t count); /* L2 */

#endif
