/* The bits of rows that may have anything: the writer's sets and clears, and who lists them. */
#include "core/table/likely.h"

static uint64_t bit_of(uint32_t location)
{
    return (uint64_t)1 << location % 64;
}

/* ---- the writer: its own stores are read relaxed ---- */

static void count_by(struct likely *l, uint32_t more)
{
    uint32_t count = atomic_load_explicit(&l->count, memory_order_relaxed);
    atomic_store_explicit(&l->count, count + more, memory_order_release); /* only a hint */
}

static void set(struct likely *l, uint32_t location)
{
    uint32_t at = location / 64;

    if (at >= l->words) {
        atomic_store_explicit(&l->beyond, 1, memory_order_release); /* pairs with likely_count */
        return;
    }
    uint64_t word = atomic_load_explicit(&l->word[at], memory_order_relaxed);
    if (word & bit_of(location))
        return;
    if (at >= atomic_load_explicit(&l->top, memory_order_relaxed))
        atomic_store_explicit(&l->top, at + 1, memory_order_release); /* pairs with likely_list */
    atomic_store_explicit(&l->word[at], word | bit_of(location), memory_order_release); /* pairs with B */
    count_by(l, 1);
}

static void clear(struct likely *l, uint32_t location)
{
    uint32_t at = location / 64;
    uint64_t word = at < l->words ? atomic_load_explicit(&l->word[at], memory_order_relaxed) : 0;

    if (!(word & bit_of(location)))
        return;
    atomic_store_explicit(&l->word[at], word & ~bit_of(location), memory_order_release); /* pairs with B */
    count_by(l, UINT32_MAX);
}

void likely_begin(struct likely *l, size_t capacity)
{
    l->words = (uint32_t)(capacity * LIKELY_SPREAD / 64);
}

void likely_put(struct likely *l, const struct row_image *r)
{
    if (row_may_have(r, 1))
        set(l, row_location(r));
    else
        clear(l, row_location(r));
}

size_t likely_raise(struct likely *l, const struct row_image *rows, size_t count)
{
    size_t nothing = 0;

    for (size_t k = 0; k < count; k++)
        if (row_may_have(&rows[k], 1))
            set(l, row_location(&rows[k]));
        else
            nothing++;
    return nothing;
}

void likely_lower(struct likely *l, const struct row_image *rows, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (!row_may_have(&rows[k], 1))
            clear(l, row_location(&rows[k]));
}

/* ---- readers ---- */

size_t likely_count(const struct likely *l)
{
    if (atomic_load_explicit(&l->beyond, memory_order_acquire)) /* pairs with set */
        return SIZE_MAX;
    return atomic_load_explicit(&l->count, memory_order_acquire);
}

size_t likely_list(const struct likely *l, uint32_t *ret_locations, size_t capacity)
{
    uint32_t top = atomic_load_explicit(&l->top, memory_order_acquire); /* pairs with set */
    size_t count = 0;

    for (uint32_t at = 0; at < top; at++)
        for (uint64_t word = atomic_load_explicit(&l->word[at], memory_order_acquire); word; /* B */
             word &= word - 1, count++)
            if (count < capacity)
                ret_locations[count] = at * 64 + (uint32_t)__builtin_ctzll(word);
    return count;
}
