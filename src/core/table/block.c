/* Builds blocks: chooses a seed that puts most rows at home, then places them. */
#include "core/table/block.h"

enum { SEEDS_TRIED = BLOCK_SEEDS, CHOOSE_MOST = 64 };

unsigned block_code_for(size_t rows)
{
    for (unsigned code = 0; code <= CAPACITY_CODE_MOST; code++)
        if (capacity_room(capacity_of(code)) >= rows)
            return code;
    return 0xFFFF;
}

static uint32_t location_at(const struct cell *c)
{
    return (uint32_t)atomic_load_explicit(&c->word[ROW_WHO],
                                          memory_order_relaxed); /* the writer's own stores */
}

static uint32_t nth_slot(uint64_t block, uint32_t k)
{
    return atomic_load_explicit(&block_order(block)[k], memory_order_relaxed);
}

int64_t block_find(uint64_t block, uint32_t location, int64_t *ret_free)
{
    const struct cell *cells = block_cells(block);
    uint32_t capacity = block_capacity(block), slot = capacity ? block_home(block, capacity, location) : 0;

    if (ret_free)
        *ret_free = -1;
    for (uint32_t probes = 0; probes < capacity; probes++) {
        uint32_t at = location_at(&cells[slot]);
        if (at == location)
            return slot;
        if (at == LOCATION_NONE) {
            if (ret_free)
                *ret_free = slot;
            return -1;
        }
        if (++slot == capacity)
            slot = 0;
    }
    return -1;
}

void cell_write(struct cell *c, const struct row_image *r)
{
    for (int k = 0; k < ROW_WORDS; k++)
        atomic_store_explicit(&c->word[k], r->word[k], memory_order_release);
}

/* How many of these locations have room at home under a seed; blocks of at most CHOOSE_MOST slots. */
static int homes(const uint32_t *locations, uint32_t count, unsigned seed, uint32_t capacity)
{
    uint64_t first = 0, second = 0;

    for (uint32_t k = 0; k < count; k++) {
        uint32_t home = block_home(seed, capacity, locations[k]);
        uint64_t bit = (uint64_t)1 << home;
        second |= first & (uint64_t)(home + 1 < capacity) << home;
        first |= bit;
    }
    return __builtin_popcountll(first) + __builtin_popcountll(second);
}

static unsigned choose_seed(const uint32_t *locations, uint32_t count, uint32_t capacity)
{
    unsigned best = 0;
    int best_homes = -1;

    for (unsigned seed = 0; seed < SEEDS_TRIED && best_homes < (int)count; seed++) {
        int found = homes(locations, count, seed, capacity);
        if (found > best_homes) {
            best = seed;
            best_homes = found;
        }
    }
    return best;
}

/* The locations the block will have, as far as a choice among seeds wants to know them. */
static uint32_t gather(uint64_t old, uint32_t count, const struct row_image *rows, size_t rows_count,
                       uint32_t locations[CHOOSE_MOST])
{
    const struct cell *cells = block_cells(old);
    uint32_t gathered = 0;

    for (uint32_t k = 0; k < count && gathered < CHOOSE_MOST; k++)
        locations[gathered++] = location_at(&cells[nth_slot(old, k)]);
    for (size_t k = 0; k < rows_count && gathered < CHOOSE_MOST; k++)
        if (block_find(old, row_location(&rows[k]), NULL) < 0)
            locations[gathered++] = row_location(&rows[k]);
    return gathered;
}

/* Gives a new location its slot and its place in the order. Who comes first to a slot that is home to several
 * has it. */
static void settle(uint64_t block, uint32_t location, uint32_t slot, uint32_t nth)
{
    atomic_store_explicit(&block_cells(block)[slot].word[ROW_WHO], location, memory_order_relaxed);
    atomic_store_explicit(&block_order(block)[nth], slot, memory_order_relaxed);
}

/* Settles the old block's locations: first those whose home is free, so that a row without a home of its own
 * takes none from another. */
static void settle_old(uint64_t block, uint64_t old, uint32_t count)
{
    uint32_t capacity = block_capacity(block);

    for (uint32_t k = 0; k < count; k++) {
        uint32_t location = location_at(&block_cells(old)[nth_slot(old, k)]),
                 home = block_home(block, capacity, location);
        if (location_at(&block_cells(block)[home]) == LOCATION_NONE)
            settle(block, location, home, k);
    }
    for (uint32_t k = 0; k < count; k++) {
        uint32_t location = location_at(&block_cells(old)[nth_slot(old, k)]);
        int64_t room;
        if (block_find(block, location, &room) < 0)
            settle(block, location, (uint32_t)room, k);
    }
}

/* Puts a row where its location is or is to be. */
static void place(uint64_t block, const struct row_image *r, uint32_t *count)
{
    int64_t room, slot = block_find(block, row_location(r), &room);

    if (slot < 0) {
        slot = room;
        settle(block, row_location(r), (uint32_t)slot, (*count)++);
    }
    cell_write(&block_cells(block)[slot], r);
}

uint64_t block_build(void *memory, unsigned code, uint64_t old, uint32_t count, const struct row_image *rows,
                     size_t rows_count, uint32_t *ret_count)
{
    uint32_t locations[CHOOSE_MOST], capacity = capacity_of(code), placed = count;
    unsigned seed = 0;

    memset(memory, 0, block_bytes(code));
    if (capacity <= CHOOSE_MOST)
        seed = choose_seed(locations, gather(old, count, rows, rows_count, locations), capacity);
    uint64_t block = block_word(memory, code, seed);
    for (uint32_t k = 0; k < capacity; k++)
        atomic_store_explicit(&block_cells(block)[k].word[ROW_WHO], LOCATION_NONE, memory_order_relaxed);
    settle_old(block, old, count);
    for (uint32_t k = 0; k < count; k++) {
        struct row_image r;
        cell_read(&block_cells(old)[nth_slot(old, k)], &r);
        cell_write(&block_cells(block)[nth_slot(block, k)], &r);
    }
    for (size_t k = 0; k < rows_count; k++)
        place(block, &rows[k], &placed);
    *ret_count = placed;
    return block;
}
