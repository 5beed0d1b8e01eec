/* Builds blocks: makes the choices that put most rows at home, then places them. */
#include "core/table/block.h"

#include <limits.h>

enum { CHOOSE_MOST = 64, LOOKS_MOST = 3000 };

const uint32_t capacity_of_code[CAPACITY_CODE_MOST + 1] = {
    0,         1,         2,         3,         4,         5,         6,         7,         8,
    9,         10,        11,        12,        13,        14,        15,        16,        17,
    18,        19,        20,        21,        22,        23,        24,        25,        26,
    27,        28,        29,        30,        31,        32,        40,        48,        56,
    64,        80,        96,        112,       128,       160,       192,       224,       256,
    320,       384,       448,       512,       640,       768,       896,       1024,      1280,
    1536,      1792,      2048,      2560,      3072,      3584,      4096,      5120,      6144,
    7168,      8192,      10240,     12288,     14336,     16384,     20480,     24576,     28672,
    32768,     40960,     49152,     57344,     65536,     81920,     98304,     114688,    131072,
    163840,    196608,    229376,    262144,    327680,    393216,    458752,    524288,    655360,
    786432,    917504,    1048576,   1310720,   1572864,   1835008,   2097152,   2621440,   3145728,
    3670016,   4194304,   5242880,   6291456,   7340032,   8388608,   10485760,  12582912,  14680064,
    16777216,  20971520,  25165824,  29360128,  33554432,  41943040,  50331648,  58720256,  67108864,
    83886080,  100663296, 117440512, 134217728, 167772160, 201326592, 234881024, 268435456, 335544320,
    402653184, 469762048,
};

uint64_t block_none(void)
{
    static const struct cell nothing = {{LOCATION_NONE, 0, 0, 0, 0, 0, 0, CELL_CHANGE}};
    return block_word(&nothing, 1, 0);
}

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
            s->slots[group][option] |= (uint64_t)1
                                       << spread_slot(spread, option * choice_step(group), capacity);
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
static uint32_t gather(const struct rows_words *old, const struct row_image *rows, size_t rows_count,
                       uint32_t locations[CHOOSE_MOST])
{
    uint32_t gathered = 0, count = old->count;

    for (uint32_t k = 0; k < count; k++)
        locations[gathered++] = location_at(&block_cells(old->block)[order_slot(old->block, old->order, k)]);
    for (size_t k = 0; k < rows_count; k++) {
        uint32_t location = row_location(&rows[k]);
        if (block_find(old->block, location, NULL) < 0 &&
            !among(locations + count, gathered - count, location))
            locations[gathered++] = location;
    }
    return gathered;
}

/* Gives a location its slot, and the next place in the order. */
static void settle(struct rows_words *w, uint32_t location, uint32_t slot)
{
    atomic_store_explicit(&block_cells(w->block)[slot].word[ROW_WHO], location, memory_order_relaxed);
    if (block_capacity(w->block) <= ORDER_IN_HEADER)
        w->order |= (uint64_t)slot << 4 * w->count;
    else
        atomic_store_explicit(&block_order(w->block)[w->count], slot, memory_order_relaxed);
    w->count++;
}

/* Each at home or, where that is taken, at the next free slot; but nobody takes another's home: those go
 * first who find theirs free. */
static void choose_slots(uint64_t block, const uint32_t *locations, uint32_t count,
                         uint32_t slots[CHOOSE_MOST])
{
    uint32_t capacity = block_capacity(block);
    uint64_t taken = 0, waiting = 0;

    for (uint32_t k = 0; k < count; k++) {
        slots[k] = block_home(block, capacity, locations[k]);
        if (taken >> slots[k] & 1)
            waiting |= (uint64_t)1 << k;
        taken |= (uint64_t)1 << slots[k];
    }
    for (; waiting; waiting &= waiting - 1) {
        uint32_t *slot = &slots[__builtin_ctzll(waiting)];
        while (taken >> *slot & 1)
            *slot = *slot + 1 == capacity ? 0 : *slot + 1;
        taken |= (uint64_t)1 << *slot;
    }
}

static void settle_all(struct rows_words *w, const uint32_t *locations, uint32_t count)
{
    uint32_t slots[CHOOSE_MOST];

    choose_slots(w->block, locations, count, slots);
    for (uint32_t k = 0; k < count; k++)
        settle(w, locations[k], slots[k]);
}

/* Puts a row where its location is or is to be. */
static void place(struct rows_words *w, const struct row_image *r, struct likely *likely)
{
    int64_t room, slot = block_find(w->block, row_location(r), &room);

    if (slot < 0) {
        slot = room;
        settle(w, row_location(r), (uint32_t)slot);
    }
    cell_write(&block_cells(w->block)[slot], r);
    if (likely)
        likely_put(likely, r);
}

static uint64_t begin_empty(void *memory, unsigned code, unsigned choices)
{
    uint64_t block = block_word(memory, code, choices);

    memset(memory, 0, block_bytes(code));
    for (uint32_t k = 0; k < capacity_of(code); k++)
        atomic_store_explicit(&block_cells(block)[k].word[ROW_WHO], LOCATION_NONE, memory_order_relaxed);
    struct likely *likely = block_likely(block);
    if (likely)
        likely_begin(likely, capacity_of(code));
    return block;
}

struct rows_words block_build(void *memory, unsigned code, const struct rows_words *old,
                              const struct row_image *rows, size_t rows_count)
{
    uint32_t locations[CHOOSE_MOST], capacity = capacity_of(code);
    struct rows_words w = {0};

    if (capacity <= CHOOSE_MOST) {
        uint32_t count = gather(old, rows, rows_count, locations);
        w.block = begin_empty(memory, code, choose(locations, count, capacity));
        settle_all(&w, locations, count);
    } else {
        w.block = begin_empty(memory, code, 0);
    }
    struct likely *likely = block_likely(w.block);
    for (uint32_t k = 0; k < old->count; k++) {
        struct row_image r;
        cell_read(&block_cells(old->block)[order_slot(old->block, old->order, k)], &r);
        place(&w, &r, likely);
    }
    for (size_t k = 0; k < rows_count; k++)
        place(&w, &rows[k], likely);
    return w;
}
