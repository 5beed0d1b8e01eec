/* The latch: how a SKU's rows change all at once for readers that never wait. All of the table's memory
 * orders are here, in block.h's cells and in table.c's publication of SKUs.
 *
 * There is one writer, so one parked area serves the whole table. Before a publish changes anything of a SKU
 * it parks the old state of all it will change; a reader that comes while the change is going on reads what
 * is parked instead, and is never held up, wherever the writer was stopped:
 *
 *   writer                                              reader
 *   P0  park: block, order, count, slots, images, sku     V0  v = sku.version
 *   P1  park.seq = odd                                  even:  read block, count, rows
 *   V1  sku.version = odd                                      V1' sku.version still v?      else start over
 *   R   rows (block, count)                             odd:   S0  s = park.seq: odd?         else start over
 *   V2  sku.version = even                                     park.sku mine?                 else start over
 *   P2  park.seq = even                                        changed rows from the area, the others from
 * the block parked there (then P0 of the next)                                      S1  park.seq still s?
 * else start over
 *
 * Every store is a release, every load of another thread's an acquire; there are no fences. A load that sees
 * a store sees all that the writer did before it, so:
 *   - V0 even sees V2 of that version: all its rows are there. A row word of a later change (R) seen in
 * between makes V1 of that change visible to V1', which differs.
 *   - V0 odd sees V1, so S0 sees P1 of that change or something later. When it is odd and the SKU is mine, P0
 * of that very publish is seen, and so is every publish before it: rows that are not parked are whole.
 * Whatever of the next publish is seen (P0 again, R) makes P2 visible to S1, which differs, for park.seq has
 * 64 bits and never comes back.
 *   - No wait: when S0 is even, or the SKU another, then V2 is visible, and looking at the version again
 * gives a newer one. A reader starts over only when the writer got on; a stopped writer stops nobody.
 *
 * One row alone can be read without its SKU's header, by who knows the cell: each cell counts its changes in
 * the spare bits of one of its words. The writer makes the count of every cell it is about to change odd (M1,
 * between V1 and the cell's R), and even again once the SKU's version is (M2, after V2); of a block that is
 * left, all cells stay odd for ever. A reader loads the count (C0), the words, and the count again (C1): when
 * it was even and the same, that is the row; else it comes through the header as above.
 *   - C0 even sees M2 of that change: all its words are there. A word of a later change makes that one's M1
 * visible to C1, which differs: a cell whose count is used up is left, with its block, so no count comes
 * back.
 *   - It fits in with readers through the header. Who gets a new row this way has seen M2, and V2 before it:
 * whatever he, or anybody he tells, reads then of that SKU is new. Who got something new through the header
 * has seen V2, and every M1 before it: the cells of that change are odd, or even again and new.
 *   - A writer that stops between M1 and M2 sends readers to the header, and stops none.
 *
 * What is read in between may be a mixture, so every slot and count is kept within its block's capacity
 * before it is used; blocks are kept from being freed by the reader's epoch section. A change that builds the
 * SKU's block anew (growth, or more rows than the area holds) needs no images: the old block, which nobody
 * writes any more, is what is parked; so a publish may change any number of rows. */
#ifndef CORE_TABLE_LATCH_H
#define CORE_TABLE_LATCH_H

#include "core/table/block.h"

enum { PARK_ROWS = 256 };

struct park {
    _Alignas(64) _Atomic uint64_t seq; /* odd: a publish is going on */
    _Atomic(const struct sku *) sku;
    _Atomic uint64_t block, order;
    _Atomic uint32_t count;
    _Atomic uint32_t rows; /* how many of slot[] and image[] are in use */
    _Atomic uint32_t slot[PARK_ROWS];
    struct cell image[PARK_ROWS];
};

/* ---- @thread writer ---- */
void latch_park(struct park *p, const struct sku *s, const uint32_t *slots, uint32_t count); /* P0 */
void latch_begin(struct park *p, struct sku *s);                                             /* P1, V1 */
void latch_end(struct park *p, struct sku *s);                                               /* V2, P2 */
void latch_write(struct cell *c, const struct row_image *r); /* M1 and R, one row */
void latch_mark(struct cell *c);                 /* M1 alone: it is left; M2: what was written stands */
void latch_append(struct sku *s, uint32_t slot); /* R, the next row that came is in this slot */
void latch_swap(struct sku *s, const struct rows_words *w); /* R, another block */

/* ---- @thread any, inside an epoch section ---- */
/* One look at a SKU: begin, read what is wanted, and ask whether it still holds; else do it all again. */
struct look {
    const struct sku *sku;
    const struct park *park; /* NULL: version was even */
    uint64_t seen;           /* version or park.seq */
    uint64_t block, order;
    uint32_t capacity, count, parked;
};

bool look_begin_parked(struct look *l, const struct park *p, const struct sku *s); /* S0; false: start over */
const struct cell *look_parked_cell(const struct look *l, uint32_t slot);

static inline void look_begin(struct look *l, const struct park *p, const struct sku *s)
{
    for (;;) {
        l->sku = s;
        l->seen =
            atomic_load_explicit(&s->version, memory_order_acquire); /* V0: pairs with V2 (even), V1 (odd) */
        if (__builtin_expect(l->seen & 1, 0)) {
            if (!look_begin_parked(l, p, s))
                continue;
            break;
        }
        l->park = NULL;
        l->count = atomic_load_explicit(&s->count, memory_order_acquire); /* pairs with R */
        l->order = atomic_load_explicit(&s->order, memory_order_acquire); /* pairs with R */
        l->block = atomic_load_explicit(
            &s->block, memory_order_acquire); /* pairs with R: what the block holds is there */
        break;
    }
    l->capacity = block_capacity(l->block);
    if (l->count > l->capacity) /* a mixture: look_holds will say so */
        l->count = l->capacity;
}

/* Does what was read since look_begin belong together? */
static inline bool look_holds(const struct look *l)
{
    if (__builtin_expect(l->park != NULL, 0))
        return atomic_load_explicit(&l->park->seq, memory_order_acquire) ==
               l->seen; /* S1: P2 comes before what it guards */
    return atomic_load_explicit(&l->sku->version, memory_order_acquire) == l->seen; /* V1': so does V1 */
}

/* The cell to read a slot from. */
static inline const struct cell *look_cell(const struct look *l, uint32_t slot)
{
    return __builtin_expect(l->park != NULL, 0) ? look_parked_cell(l, slot) : &block_cells(l->block)[slot];
}

/* The cell of the k-th row that came, k < count. */
static inline const struct cell *look_nth(const struct look *l, uint32_t k)
{
    uint32_t slot = order_slot(l->block, l->order, k);
    return look_cell(l, slot < l->capacity ? slot : 0);
}

static inline uint32_t cell_location(const struct cell *c)
{
    return (uint32_t)atomic_load_explicit(&c->word[ROW_WHO], memory_order_acquire); /* pairs with R */
}

/* A location's row from its cell alone. False: it is not there, or not to be had this way. */
static inline bool cell_read_alone(const struct cell *c, uint32_t location, struct row_image *ret_row)
{
    uint64_t seen = atomic_load_explicit(&c->word[ROW_RARE], memory_order_acquire); /* C0: pairs with M2 */
    struct cell_words words = cell_words(c);                                        /* pairs with R */

    if (__builtin_expect(cell_location(c) != location, 0) ||
        __builtin_expect(
            atomic_load_explicit(&c->word[ROW_RARE], memory_order_acquire) != /* C1: pairs with M1 */
                (seen & ~CELL_CHANGE), /* an odd one is none of itself */
            0))
        return false;
    cell_words_store(&words, ret_row);
    ret_row->word[ROW_RARE] = seen & CELL_RARE;
    return true;
}

/* Where a location's row is, if it is at home. */
static inline const struct cell *block_at_home(uint64_t block, uint32_t capacity, uint32_t location)
{
    return &block_cells(block)[block_home(block, capacity, location)];
}

/* The cell of a location's row, NULL when there is none. */
const struct cell *look_find_on(const struct look *l, uint32_t location, uint32_t slot);
static inline const struct cell *look_find(const struct look *l, uint32_t location)
{
    if (__builtin_expect(l->capacity == 0, 0))
        return NULL;
    if (__builtin_expect(l->park != NULL, 0))
        return look_find_on(l, location, block_home(l->block, l->capacity, location));
    const struct cell *c = block_at_home(l->block, l->capacity, location);
    return __builtin_expect(cell_location(c) == location, 1)
               ? c
               : look_find_on(l, location, block_home(l->block, l->capacity, location));
}

/* Places where tests stop the writer; nothing at all in a build without ONHAND_HOOKS. */
enum latch_point {
    LATCH_PARKED,
    LATCH_BEGUN,
    LATCH_IN_ROW,
    LATCH_BETWEEN_ROWS,
    LATCH_SWAPPED,
    LATCH_UNPARKING
};
#ifdef ONHAND_HOOKS
extern void (*latch_hook)(enum latch_point at);
#define LATCH_POINT(at) (latch_hook ? latch_hook(at) : (void)0)
#else
#define LATCH_POINT(at) ((void)0)
#endif

#endif
