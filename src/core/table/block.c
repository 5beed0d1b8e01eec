/* Builds blocks: makes the choices that put most rows at home, then places them. */
#include "core/table/block.h"

#include <limits.h>

enum { CHOOSE_MOST = 64, LOOKS_MOST = 3000 };

/* Which sizes there are: each power of two in quarters. */
static bool is_a_size(unsigned code)
{
    return code <= 8 || code > CODE_PLAIN_MOST || code % (code <= 16 ? 2 : 4) == 0;
}

unsigned block_code_for(size_t rows)
{
    for (unsigned code = 0; code <= CAPACITY_CODE_MOST; code++)
        if (is_a_size(code) && capacity_room(capacity_of(code)) >= rows)
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

/* The search for a block's choices: group by group, and back when rows would have to share a slot. */
struct search {
    uint64_t slots[BLOCK_GROUPS][BLOCK_OPTIONS]; /* what a group's locations would take under each option */
    int count[BLOCK_GROUPS];
    unsigned at, best; /* choices: those looked at, those that leave fewest homeless */
    int homeless;      /* under best */
    unsigned looks;
};

static void search_begin(struct search *s, const uint32_t *locations, uint32_t count, uint32_t capacity)
{
    *s = (struct search){.homeless = INT_MAX};
    for (uint32_t k = 0; k < count; k++) {
        uint32_t spread = location_spread(locations[k]);
        unsigned group = spread_group(spread);
        s->count[group]++;
        for (unsigned option = 0; option < BLOCK_OPTIONS; option++)
            s->slots[group][option] |= (uint64_t)1 << spread_slot(spread, option, capacity);
    }
}

/* All options of a group and, below each, of those that follow; stops when nobody is homeless. */
static void search_group(struct search *s, int group, uint64_t taken, int homeless)
{
    if (group == BLOCK_GROUPS) {
        s->best = s->at;
        s->homeless = homeless;
        return;
    }
    for (unsigned option = 0; option < BLOCK_OPTIONS && s->homeless > 0; option++) {
        uint64_t slots = s->slots[group][option];
        int more = homeless + s->count[group] - __builtin_popcountll(slots & ~taken);
        if (more >= s->homeless)
            continue;
        if (s->looks++ > LOOKS_MOST && s->homeless != INT_MAX)
            return;
        s->at = (s->at & ~(0xFu << 4 * group)) | option << 4 * group;
        search_group(s, group + 1, taken | slots, more);
    }
}

static unsigned choose(const uint32_t *locations, uint32_t count, uint32_t capacity)
{
    struct search s;

    search_begin(&s, locations, count, capacity);
    search_group(&s, 0, 0, 0);
    return s.best;
}

static bool among(const uint32_t *locations, uint32_t count, uint32_t location)
{
    for (uint32_t k = 0; k < count; k++)
        if (locations[k] == location)
            return true;
    return false;
}

/* The locations a block of at most CHOOSE_MOST slots will have, in their order. */
static uint32_t gather(uint64_t old, uint32_t count, const struct row_image *rows, size_t rows_count,
                       uint32_t locations[CHOOSE_MOST])
{
    uint32_t gathered = 0;

    for (uint32_t k = 0; k < count; k++)
        locations[gathered++] = location_at(&block_cells(old)[nth_slot(old, k)]);
    for (size_t k = 0; k < rows_count; k++) {
        uint32_t location = row_location(&rows[k]);
        if (block_find(old, location, NULL) < 0 && !among(locations + count, gathered - count, location))
            locations[gathered++] = location;
    }
    return gathered;
}

/* Gives a location its slot and its place in the order. */
static void settle(uint64_t block, uint32_t location, uint32_t slot, uint32_t nth)
{
    atomic_store_explicit(&block_cells(block)[slot].word[ROW_WHO], location, memory_order_relaxed);
    atomic_store_explicit(&block_order(block)[nth], slot, memory_order_relaxed);
}

/* First those that find room at home, so that a row without takes none from another; then the rest. */
static void settle_all(uint64_t block, const uint32_t *locations, uint32_t count)
{
    uint32_t capacity = block_capacity(block);
    uint64_t waiting = 0;

    for (uint32_t k = 0; k < count; k++) {
        uint32_t slot = block_home(block, capacity, locations[k]);
        if (location_at(&block_cells(block)[slot]) == LOCATION_NONE)
            settle(block, locations[k], slot, k);
        else
            waiting |= (uint64_t)1 << k;
    }
    for (; waiting; waiting &= waiting - 1) {
        uint32_t k = (uint32_t)__builtin_ctzll(waiting);
        int64_t room;
        block_find(block, locations[k], &room);
        settle(block, locations[k], (uint32_t)room, k);
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

static uint64_t begin_empty(void *memory, unsigned code, unsigned choices)
{
    uint64_t block = block_word(memory, code, choices);

    memset(memory, 0, block_bytes(code));
    for (uint32_t k = 0; k < capacity_of(code); k++)
        atomic_store_explicit(&block_cells(block)[k].word[ROW_WHO], LOCATION_NONE, memory_order_relaxed);
    return block;
}

uint64_t block_build(void *memory, unsigned code, uint64_t old, uint32_t count, const struct row_image *rows,
                     size_t rows_count, uint32_t *ret_count)
{
    uint32_t locations[CHOOSE_MOST], capacity = capacity_of(code), placed = 0;
    uint64_t block;

    if (capacity <= CHOOSE_MOST) {
        placed = gather(old, count, rows, rows_count, locations);
        block = begin_empty(memory, code, choose(locations, placed, capacity));
        settle_all(block, locations, placed);
    } else {
        block = begin_empty(memory, code, 0);
    }
    for (uint32_t k = 0; k < count; k++) {
        struct row_image r;
        cell_read(&block_cells(old)[nth_slot(old, k)], &r);
        place(block, &r, &placed);
    }
    for (size_t k = 0; k < rows_count; k++)
        place(block, &rows[k], &placed);
    *ret_count = placed;
    return block;
}
