/* The writer's half of the latch, and the rare half of the reader's. latch.h has the argument. */
#include "core/table/latch.h"

#ifdef ONHAND_HOOKS
void (*latch_hook)(enum latch_point at);
#endif

void latch_park(struct park *p, const struct sku *s, const uint32_t *slots, uint32_t count)
{
    uint64_t block = atomic_load_explicit(
        &s->block, memory_order_relaxed); /* the writer's own store, as is all it parks */

    for (uint32_t k = 0; k < count; k++) {
        struct row_image old;
        cell_read(&block_cells(block)[slots[k]], &old);
        cell_write(&p->image[k], &old);
        atomic_store_explicit(&p->slot[k], slots[k], memory_order_release);
    }
    atomic_store_explicit(&p->rows, count, memory_order_release);
    atomic_store_explicit(&p->block, block, memory_order_release);
    atomic_store_explicit(&p->order, atomic_load_explicit(&s->order, memory_order_relaxed),
                          memory_order_release);
    atomic_store_explicit(&p->count, atomic_load_explicit(&s->count, memory_order_relaxed),
                          memory_order_release);
    atomic_store_explicit(&p->sku, s, memory_order_release);
}

static void step(_Atomic uint64_t *counter)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed); /* only the writer stores */
    atomic_store_explicit(counter, now + 1, memory_order_release);
}

void latch_begin(struct park *p, struct sku *s)
{
    step(&p->seq); /* P1: pairs with S0 */
    LATCH_POINT(LATCH_PARKED);
    step(&s->version); /* V1: pairs with V0, V1' */
    LATCH_POINT(LATCH_BEGUN);
}

void latch_end(struct park *p, struct sku *s)
{
    step(&s->version); /* V2: pairs with V0 */
    LATCH_POINT(LATCH_UNPARKING);
    step(&p->seq); /* P2: pairs with S0, S1 */
}

void latch_mark(struct cell *c)
{
    uint64_t rare =
        atomic_load_explicit(&c->word[ROW_RARE], memory_order_relaxed); /* the writer's own store */
    atomic_store_explicit(&c->word[ROW_RARE], rare + CELL_CHANGE,
                          memory_order_release); /* pairs with C0, C1 */
}

void latch_write(struct cell *c, const struct row_image *r)
{
    latch_mark(c);
    for (int k = 0; k < ROW_RARE; k++) {
        atomic_store_explicit(&c->word[k], r->word[k],
                              memory_order_release); /* pairs with look_find, cell_read, cell_read_alone */
        if (k == ROW_WORDS / 2)
            LATCH_POINT(LATCH_IN_ROW);
    }
    uint64_t changes = atomic_load_explicit(&c->word[ROW_RARE], memory_order_relaxed) & ~CELL_RARE;
    atomic_store_explicit(&c->word[ROW_RARE], r->word[ROW_RARE] | changes, memory_order_release);
}

void latch_append(struct sku *s, uint32_t slot)
{
    uint32_t count = atomic_load_explicit(&s->count, memory_order_relaxed);
    uint64_t order = atomic_load_explicit(&s->order, memory_order_relaxed);

    if (block_capacity(s->block) <= ORDER_IN_HEADER)
        atomic_store_explicit(&s->order, order | (uint64_t)slot << 4 * count,
                              memory_order_release); /* pairs with look_begin */
    else
        atomic_store_explicit(&block_order(s->block)[count], slot,
                              memory_order_release);                   /* pairs with order_slot */
    atomic_store_explicit(&s->count, count + 1, memory_order_release); /* pairs with look_begin */
}

void latch_swap(struct sku *s, const struct rows_words *w)
{
    atomic_store_explicit(&s->block, w->block,
                          memory_order_release); /* pairs with look_begin: what it holds is there */
    LATCH_POINT(LATCH_SWAPPED);
    atomic_store_explicit(&s->order, w->order, memory_order_release); /* pairs with look_begin, as the next */
    atomic_store_explicit(&s->count, w->count, memory_order_release);
}

bool look_begin_parked(struct look *l, const struct park *p, const struct sku *s)
{
    uint64_t seq = atomic_load_explicit(&p->seq, memory_order_acquire); /* S0: pairs with P1 */

    /* pairs with P0, as do the loads below: what of a later publish is seen makes look_holds say no */
    if (!(seq & 1) || atomic_load_explicit(&p->sku, memory_order_acquire) != s)
        return false;
    l->park = p;
    l->seen = seq;
    l->count = atomic_load_explicit(&p->count, memory_order_acquire);
    l->block = atomic_load_explicit(&p->block, memory_order_acquire);
    l->order = atomic_load_explicit(&p->order, memory_order_acquire);
    l->parked = atomic_load_explicit(&p->rows, memory_order_acquire);
    return true;
}

const struct cell *look_parked_cell(const struct look *l, uint32_t slot)
{
    for (uint32_t k = 0; k < l->parked; k++)
        if (atomic_load_explicit(&l->park->slot[k], memory_order_acquire) == slot)
            return &l->park->image[k];
    return &block_cells(l->block)[slot];
}

/* From a slot on, to the first that is empty. */
const struct cell *look_find_on(const struct look *l, uint32_t location, uint32_t slot)
{
    for (uint32_t probes = 0; probes < l->capacity; probes++) {
        const struct cell *c = look_cell(l, slot);
        uint32_t at = cell_location(c);
        if (at == location)
            return c;
        if (at == LOCATION_NONE)
            return NULL;
        if (++slot == l->capacity)
            slot = 0;
    }
    return NULL;
}
