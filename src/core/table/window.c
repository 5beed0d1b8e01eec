/* A ring of changes that is written over and over. */
#include "core/table/window.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { WORDS = 5 };

struct window {
    uint64_t mask;
    uint64_t added; /* the writer's */
    bool begun;     /* the writer's */
    _Alignas(64) _Atomic uint64_t
        head;                 /* changes before it may be read. release: pairs with the acquire of readers */
    _Atomic uint64_t claimed; /* changes before claimed - (mask + 1) are being overwritten */
    _Atomic uint64_t first;   /* changes before it are forgotten */
    _Atomic uint64_t complete_from; /* the offset from which on changes are here, while none is overwritten */
    _Atomic uint64_t words[][WORDS];
};

struct window *window_create(size_t changes)
{
    size_t bytes = sizeof(struct window) + changes * WORDS * sizeof(uint64_t);
    struct window *w = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

    if (!w)
        return NULL;
    w->mask = changes - 1;
    w->added = 0;
    w->begun = false;
    atomic_init(&w->head, 0);
    atomic_init(&w->claimed, 0);
    atomic_init(&w->first, 0);
    atomic_init(&w->complete_from, 0);
    return w;
}

void window_destroy(struct window *w)
{
    free(w);
}

/* ---- the writer's side ---- */

void window_add(struct window *w, const struct window_change *c)
{
    const uint64_t words[WORDS] = {c->offset, (uint64_t)c->sku << 32 | c->location, (uint64_t)c->net_was,
                                   (uint64_t)c->net_now, (uint64_t)c->at};
    uint64_t at = w->added++ & w->mask;

    atomic_store_explicit(&w->claimed, w->added, memory_order_relaxed);
    for (unsigned i = 0; i < WORDS; i++)
        atomic_store_explicit(&w->words[at][i], words[i], memory_order_release);
}

void window_show(struct window *w, uint64_t next_offset)
{
    if (!w->begun)
        atomic_store_explicit(&w->complete_from, next_offset, memory_order_relaxed);
    w->begun = true;
    atomic_store_explicit(&w->head, w->added, memory_order_release);
}

void window_clear(struct window *w)
{
    w->begun = false;
    atomic_store_explicit(&w->first, w->added, memory_order_relaxed);
    atomic_store_explicit(&w->head, w->added, memory_order_release);
}

/* ---- readers ---- */

/* Changes from here on are whole: not yet written over, as far as one can see now. */
static uint64_t oldest(const struct window *w)
{
    uint64_t claimed = atomic_load_explicit(&w->claimed, memory_order_relaxed);
    uint64_t first = atomic_load_explicit(&w->first, memory_order_relaxed);
    uint64_t whole = claimed > w->mask + 1 ? claimed - (w->mask + 1) : 0;

    return whole > first ? whole : first;
}

static struct window_change change_at(const struct window *w, uint64_t cursor)
{
    const _Atomic uint64_t *from = w->words[cursor & w->mask];
    uint64_t words[WORDS];

    for (unsigned i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&from[i], memory_order_acquire);
    return (struct window_change){.offset = words[0],
                                  .sku = (uint32_t)(words[1] >> 32),
                                  .location = (uint32_t)words[1],
                                  .net_was = (int64_t)words[2],
                                  .net_now = (int64_t)words[3],
                                  .at = (int64_t)words[4]};
}

uint64_t window_newest(const struct window *w)
{
    return atomic_load_explicit(&w->head, memory_order_acquire);
}

bool window_after(const struct window *w, uint64_t offset, uint64_t *ret_cursor)
{
    uint64_t high = window_newest(w), low = oldest(w), first = low;

    while (low < high) { /* offsets only grow */
        uint64_t middle = low + (high - low) / 2;
        if (change_at(w, middle).offset > offset)
            high = middle;
        else
            low = middle + 1;
    }
    if (oldest(w) > first) /* written over while we looked */
        return false;
    *ret_cursor = low;
    if (low > first)
        return true; /* a change of that record or of one before it is here: so are all behind it */
    return first == atomic_load_explicit(&w->first, memory_order_relaxed) &&
           offset + 1 >= atomic_load_explicit(&w->complete_from, memory_order_relaxed);
}

int window_read(const struct window *w, uint64_t *cursor, struct window_change *ret, size_t most)
{
    uint64_t head = window_newest(w), at = *cursor;
    size_t count = 0;

    for (; at < head && count < most; at++)
        ret[count++] = change_at(w, at);
    if (oldest(w) > *cursor)
        return -1;
    *cursor = at;
    return (int)count;
}
