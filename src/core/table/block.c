/* Builds blocks: chooses a seed that puts most rows at home, then places them. */
#include "core/table/block.h"

enum { SEEDS_TRIED = 32, CHOOSE_MOST = 64 };

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

/* How many of these locations have a home of their own under a seed; blocks of at most CHOOSE_MOST slots. */
static int homes(const uint32_t *locations, uint32_t count, unsigned seed, uint32_t capacity)
{
    uint64_t taken = 0;

    for (uint32_t k = 0; k < count; k++)
        taken |= (uint64_t)1 << block_home(seed, capacity, locations[k]);
    return __builtin_popcountll(taken);
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
        locations[gathered++] =
            location_at(&cells[atomic_load_explicit(&block_order(old)[k], memory_order_relaxed)]);
    for (size_t k = 0; k < rows_count && gathered < CHOOSE_MOST; k++)
        if (block_find(old, row_location(&rows[k]), NULL) < 0)
            locations[gathered++] = row_location(&rows[k]);
    return gathered;
}

/* Puts a row where its location's is or is to be. */
static void place(uint64_t block, const struct row_image *r, uint32_t *count)
{
    int64_t room, slot = block_find(block, row_location(r), &room);

    if (slot < 0) {
        slot = room;
        atomic_store_explicit(&block_order(block)[(*count)++], (uint32_t)slot, memory_order_relaxed);
    }
    cell_write(&block_cells(block)[slot], r);
}

uint64_t block_build(void *memory, unsigned code, uint64_t old, uint32_t count, const struct row_image *rows,
                     size_t rows_count, uint32_t *ret_count)
{
    uint32_t locations[CHOOSE_MOST], capacity = capacity_of(code), placed = 0;
    unsigned seed = 0;

    memset(memory, 0, block_bytes(code));
    if (capacity <= CHOOSE_MOST)
        seed = choose_seed(locations, gather(old, count, rows, rows_count, locations), capacity);
    uint64_t block = block_word(memory, code, seed);
    for (uint32_t k = 0; k < capacity; k++)
        atomic_store_explicit(&block_cells(block)[k].word[ROW_WHO], LOCATION_NONE, memory_order_relaxed);
    for (uint32_t k = 0; k < count; k++) {
        struct row_image r;
        cell_read(&block_cells(old)[atomic_load_explicit(&block_order(old)[k], memory_order_relaxed)], &r);
        place(block, &r, &placed);
    }
    for (size_t k = 0; k < rows_count; k++)
        place(block, &rows[k], &placed);
    *ret_count = placed;
    return block;
}
