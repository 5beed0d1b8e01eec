/* A SKU's header and the block of its rows: how they lie in memory, and where a location's row is looked for
 * first.
 *
 *   header, one line:  version · block · item · rows · mark · number · text (26 bytes or a pointer)
 *   block:             capacity rows of one line each, then the order in which they came (32 bits each)
 *
 * A location's row stands at its home slot or, where that was taken, at the next free one. Which slot is home
 * depends on four choices of sixteen, each for a quarter of all locations: blocks are built anew for every
 * few rows that come, and up to a dozen rows choices are found that put every one of them at home though
 * every slot is in use; of twenty, nine of ten. The word that leads to a block says its capacity and choices
 * too, so that who has the word knows where a row is without another look into memory. */
#ifndef CORE_TABLE_BLOCK_H
#define CORE_TABLE_BLOCK_H

#include "base/text.h"
#include "core/table/row.h"

#include <stdatomic.h>

/* One row in memory. All access is by whole words: release and acquire (latch.h names the pairs), or plain
 * while the block is not yet published. */
struct cell {
    _Alignas(64) _Atomic uint64_t word[ROW_WORDS];
};

enum { SKU_TEXT_INLINE = 26 };

struct sku {
    _Alignas(64) _Atomic uint64_t version;
    _Atomic uint64_t block; /* block word, 0: no rows yet */
    _Atomic(const void *) item;
    _Atomic uint32_t count; /* rows */
    uint32_t mark;          /* the writer's */
    uint32_t number;
    uint16_t length;
    char text[SKU_TEXT_INLINE]; /* longer ones: a pointer */
};
_Static_assert(sizeof(struct sku) == 64 && sizeof(struct cell) == 64, "a cache line each");

/* No row: what an empty slot has in ROW_WHO's location. */
#define LOCATION_NONE UINT32_MAX

/* Block word: the address without its six zeros (41 bits), the capacity's code (7 bits from BLOCK_CODE on),
 * the choices (4 times 4 bits from BLOCK_CHOICES on). */
enum { BLOCK_CODE = 41, BLOCK_CHOICES = 48, CAPACITY_CODE_MOST = 127 };
enum { BLOCK_GROUPS = 4, BLOCK_OPTIONS = 16 };
/* Blocks of up to FEW_SLOTS are built anew when a row that comes would not be at home: rows come seldom. */
enum { FEW_SLOTS = 12 };

/* Up to 32 slots the code is the capacity (0, 1, … 8, then 10, 12, 14, 16, 20, 24, 28, 32); from there on
 * codes count on in quarters of powers of two: 40, 48, 56, 64, 80, … No more than 2^29. */
enum { CODE_PLAIN_MOST = 32, CODE_QUARTERS = 16 };
static inline uint32_t capacity_of(unsigned code)
{
    if (__builtin_expect(code <= CODE_PLAIN_MOST, 1))
        return code;
    code -= CODE_QUARTERS;
    return (4 + (code & 3)) << ((code >> 2) - 1);
}

static inline unsigned block_code(uint64_t block)
{
    return (unsigned)(block >> BLOCK_CODE) & 0x7F;
}

static inline uint32_t block_capacity(uint64_t block)
{
    return capacity_of(block_code(block));
}

static inline struct cell *block_cells(uint64_t block)
{
    return (struct cell *)(uintptr_t)((block & 0x1FFFFFFFFFFu) << 6);
}

static inline uint64_t block_word(const void *memory, unsigned code, unsigned choices)
{
    return (uint64_t)(uintptr_t)memory >> 6 | (uint64_t)code << BLOCK_CODE |
           (uint64_t)choices << BLOCK_CHOICES;
}

/* Spreads locations: the upper two bits are the group whose choice counts. */
static inline uint32_t location_spread(uint32_t location)
{
    return (location + 1) * 0x9E3779B1u;
}

static inline unsigned spread_group(uint32_t spread)
{
    return spread >> 30;
}

/* Where a choice puts a location. */
static inline uint32_t spread_slot(uint32_t spread, unsigned choice, uint32_t capacity)
{
    return (uint32_t)((uint64_t)((spread ^ spread >> 15) * (2 * choice + 0x2C1B3C6Du)) * capacity >> 32);
}

/* The slot that is home to a location. */
static inline uint32_t block_home(uint64_t block, uint32_t capacity, uint32_t location)
{
    uint32_t spread = location_spread(location);
    return spread_slot(spread, block >> (BLOCK_CHOICES + 4 * spread_group(spread)) & (BLOCK_OPTIONS - 1),
                       capacity);
}

static inline _Atomic uint32_t *block_order(uint64_t block)
{
    return (_Atomic uint32_t *)(block_cells(block) + block_capacity(block));
}

static inline size_t block_bytes(unsigned code)
{
    size_t capacity = capacity_of(code);
    return (capacity * (sizeof(struct cell) + sizeof(uint32_t)) + 63) & ~(size_t)63;
}

/* How many rows may stand in a block: up to 32 slots all, else four fifths, so that a look for what is not
 * there ends soon. */
static inline uint32_t capacity_room(uint32_t capacity)
{
    return capacity <= 32 ? capacity : capacity - capacity / 5;
}

/* The smallest code with room for that many rows; 0xFFFF when there is none. */
unsigned block_code_for(size_t rows);

/* The slot of a location's row in a block nobody changes at the time (the writer's own look); -1: not there.
 * ret_free (or NULL): the first empty slot for it, -1 when there is none. */
int64_t block_find(uint64_t block, uint32_t location, int64_t *ret_free);

/* Fills fresh memory of block_bytes(code): the rows of `old` (a block word, count rows, in their order), each
 * overruled by one of `rows` with its location, then the others of `rows` in theirs. Returns the word;
 * ret_count is how many there are. */
uint64_t block_build(void *memory, unsigned code, uint64_t old, uint32_t count, const struct row_image *rows,
                     size_t rows_count, uint32_t *ret_count);

void cell_write(struct cell *c, const struct row_image *r); /* word by word, release */
static inline void cell_read(const struct cell *c, struct row_image *ret_row)
{
#pragma GCC unroll 8
    for (int k = 0; k < ROW_WORDS; k++)
        ret_row->word[k] = atomic_load_explicit(&c->word[k], memory_order_acquire);
}

#endif
