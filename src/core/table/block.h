/* A SKU's header and the block of its rows: how they lie in memory, and where a location's row is looked for
 * first.
 *
 *   header, one line:  version · block · order · item · rows · mark · number · text (18 bytes or a pointer)
 *   block:             capacity rows of one line each, then the order in which they came (32 bits each), then,
 *                      of many rows, where the item may be at all (likely.h)
 *
 * Of up to sixteen rows the order is sixteen times four bits of the header, and not in the block.
 *
 * A location's row stands at its home slot or, where that was taken, at the next free one. Which slot is home
 * depends on four choices of sixteen, each for a quarter of all locations: blocks are built anew for every
 * few rows that come, and up to a dozen rows choices are found that put every one of them at home though
 * every slot is in use; of twenty, nine of ten. The word that leads to a block says its capacity and choices
 * too, so that who has the word knows where a row is without another look into memory. */
#ifndef CORE_TABLE_BLOCK_H
#define CORE_TABLE_BLOCK_H

#include "base/text.h"
#include "core/table/likely.h"
#include "core/table/row.h"

#include <stdatomic.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* One row in memory. All access is by whole words: release and acquire (latch.h names the pairs), or plain
 * while the block is not yet published. ROW_RARE's upper 16 bits, which no address needs, count the cell's
 * changes; they never leave the table. Odd: it is being changed, or lives on in another block. */
struct cell {
    _Alignas(64) _Atomic uint64_t word[ROW_WORDS];
};

enum { SKU_TEXT_INLINE = 18 };

struct sku {
    _Alignas(64) _Atomic uint64_t version;
    _Atomic uint64_t block; /* block word, 0: no rows yet */
    _Atomic uint64_t
        order; /* the slots of up to ORDER_IN_HEADER rows as they came, 4 bits each, the first lowest */
    _Atomic(const void *) item;
    _Atomic uint32_t count; /* rows */
    uint32_t mark;          /* the writer's */
    uint32_t number;
    uint16_t length;
    char text[SKU_TEXT_INLINE]; /* longer ones: a pointer */
};
_Static_assert(sizeof(struct sku) == 64 && sizeof(struct cell) == 64, "a cache line each");

enum { CELL_CHANGES = 48 };
#define CELL_CHANGE ((uint64_t)1 << CELL_CHANGES)
#define CELL_RARE (CELL_CHANGE - 1)
/* So many times a cell changes in place; then the block is built anew, so that no count ever comes back. */
#define CELL_CHANGES_MOST (UINT16_MAX - 1)

/* No row: what an empty slot has in ROW_WHO's location. */
#define LOCATION_NONE UINT32_MAX

/* Block word: the capacity's code (7 bits), the choices (4 times 4 bits from BLOCK_CHOICES on), the address
 * without its six zeros (41 bits from BLOCK_ADDRESS on). */
enum { BLOCK_CHOICES = 7, BLOCK_ADDRESS = 23, CAPACITY_CODE_MOST = 127 };
enum { BLOCK_GROUPS = 4, BLOCK_OPTIONS = 16 };
/* Blocks of up to FEW_SLOTS are built anew when a row that comes would not be at home: rows come seldom. */
enum { FEW_SLOTS = 12 };
enum { ORDER_IN_HEADER = 16 };

/* Up to 32 slots the code is the capacity (0, 1, … 8, then 10, 12, 14, 16, 20, 24, 28, 32); from there on
 * codes count on in quarters of powers of two: 40, 48, 56, 64, 80, … No more than 2^29. */
enum { CODE_PLAIN_MOST = 32, CODE_QUARTERS = 16 };
extern const uint32_t capacity_of_code[CAPACITY_CODE_MOST + 1];
static inline uint32_t capacity_of(unsigned code)
{
    return capacity_of_code[code];
}

static inline unsigned block_code(uint64_t block)
{
    return (unsigned)block & CAPACITY_CODE_MOST;
}

static inline uint32_t block_capacity(uint64_t block)
{
    return capacity_of(block_code(block));
}

static inline struct cell *block_cells(uint64_t block)
{
    return (struct cell *)(uintptr_t)(block >> (BLOCK_ADDRESS - 6) & ~(uint64_t)63);
}

static inline uint64_t block_word(const void *memory, unsigned code, unsigned choices)
{
    return (uint64_t)(uintptr_t)memory << (BLOCK_ADDRESS - 6) | (uint64_t)choices << BLOCK_CHOICES | code;
}

/* A block without rows, for who follows a hint before there are any. */
uint64_t block_none(void);

/* Spreads locations: the upper two bits are the group whose choice counts. */
static inline uint32_t location_spread(uint32_t location)
{
    return (location + 1) * 0x9E3779B1u;
}

static inline unsigned spread_group(uint32_t spread)
{
    return spread >> 30;
}

/* A group's first choice as it stands in a block word; its others are multiples. */
static inline uint32_t choice_step(unsigned group)
{
    return (uint32_t)1 << BLOCK_CHOICES << 4 * group;
}

#define CHOICE_BITS(group) ((uint32_t)(BLOCK_OPTIONS - 1) << BLOCK_CHOICES << 4 * (group))

/* Where the bits of its group's choice put a location. */
static inline uint32_t spread_slot(uint32_t spread, uint32_t bits, uint32_t capacity)
{
    return (uint32_t)((uint64_t)(spread * (bits + 0x2C1B3C6Du)) * capacity >> 32);
}

/* The slot that is home to a location. */
static inline uint32_t block_home(uint64_t block, uint32_t capacity, uint32_t location)
{
    static const uint32_t bits[BLOCK_GROUPS] = {CHOICE_BITS(0), CHOICE_BITS(1), CHOICE_BITS(2),
                                                CHOICE_BITS(3)};
    uint32_t spread = location_spread(location);
    return spread_slot(spread, (uint32_t)block & bits[spread_group(spread)], capacity);
}

/* The order of a block that is too large for its header to hold it. */
static inline _Atomic uint32_t *block_order(uint64_t block)
{
    return (_Atomic uint32_t *)(block_cells(block) + block_capacity(block));
}

/* The slot of the k-th row that came. */
static inline uint32_t order_slot(uint64_t block, uint64_t order, uint32_t k)
{
    return block_capacity(block) <= ORDER_IN_HEADER
               ? order >> 4 * k & 15
               : atomic_load_explicit(&block_order(block)[k],
                                      memory_order_acquire); /* pairs with R (latch.h) */
}

static inline size_t block_bytes(unsigned code)
{
    size_t capacity = capacity_of(code),
           order = capacity <= ORDER_IN_HEADER ? 0 : capacity * sizeof(uint32_t);
    return (capacity * sizeof(struct cell) + order + likely_bytes(capacity) + 63) & ~(size_t)63;
}

/* The bits of a block's rows that may have anything; NULL: it has none. */
static inline struct likely *block_likely(uint64_t block)
{
    uint32_t capacity = block_capacity(block);
    return capacity < LIKELY_CAPACITY_LEAST ? NULL
                                            : (struct likely *)(uintptr_t)(block_order(block) + capacity);
}
_Static_assert(LIKELY_CAPACITY_LEAST % 64 == 0, "bits are whole words");

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

/* The rows of a SKU: its header's words of them. */
struct rows_words {
    uint64_t block, order;
    uint32_t count;
};

/* Fills fresh memory of block_bytes(code): the rows of `old`, in their order, each overruled by one of `rows`
 * with its location, then the others of `rows` in theirs. */
struct rows_words block_build(void *memory, unsigned code, const struct rows_words *old,
                              const struct row_image *rows, size_t rows_count);

void cell_write(struct cell *c, const struct row_image *r); /* word by word, release; never changed yet */
/* A cell's words as they are loaded, release and acquire: two at a time where the processor has loads of
 * sixteen bytes (each word of them comes whole, and x86 loads in order), which halves the work. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
struct cell_words {
    __m128i pair[ROW_WORDS / 2];
};

static inline struct cell_words cell_words(const struct cell *c)
{
    const __m128i *from = (const __m128i *)c;
    __asm__ volatile("" ::: "memory");
    struct cell_words w = {
        {_mm_load_si128(from), _mm_load_si128(from + 1), _mm_load_si128(from + 2), _mm_load_si128(from + 3)}};
    __asm__ volatile("" ::: "memory");
    return w;
}

static inline void cell_words_store(const struct cell_words *w, struct row_image *ret_row)
{
#pragma GCC unroll 4
    for (int k = 0; k < ROW_WORDS / 2; k++)
        _mm_storeu_si128((__m128i *)ret_row + k, w->pair[k]);
}
#else
struct cell_words {
    uint64_t word[ROW_WORDS];
};

static inline struct cell_words cell_words(const struct cell *c)
{
    struct cell_words w;
    for (int k = 0; k < ROW_WORDS; k++)
        w.word[k] = atomic_load_explicit(&c->word[k], memory_order_acquire);
    return w;
}

static inline void cell_words_store(const struct cell_words *w, struct row_image *ret_row)
{
    memcpy(ret_row, w, sizeof(*ret_row));
}
#endif

static inline void cell_read(const struct cell *c, struct row_image *ret_row)
{
    struct cell_words w = cell_words(c);
    cell_words_store(&w, ret_row);
    ret_row->word[ROW_RARE] &= CELL_RARE;
}

#endif
