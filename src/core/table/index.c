/* Flat open addressing: thirty-two bytes an entry, linear probing, no deletion. Short texts, which most are,
 * stand in their entry, so who finds one need not look anywhere else to know that it is the one.
 *
 * An entry's place is the upper half of the hash scaled to the capacity, so any capacity will do, and entries
 * keep their order when it grows: moving them into a larger array reads and writes both front to back. Growth
 * builds the larger array beside the one in use: every insertion moves a few entries; when all are there the
 * new array is published by one store, complete, and the old one is retired. Until then readers and the
 * writer itself look only at the old one.
 *
 * Pairings: entry.tag release (insertion) with acquire (probe), so that the entry and what `equal` looks
 * at are there; entry.hint release (set_hint) with acquire, so that what it leads to is; index.cells release
 * (publication) with acquire (cells_of), so that a complete array is seen. */
#include "core/table/index_probe.h"

#include "base/error.h"
#include "core/table/pages.h"

#include <stdlib.h>

enum {
    CAPACITY_LEAST = 64,
    MOVED_AT_ONCE =
        16, /* slots looked at by each insertion while growing: done after capacity / 16 insertions */
};

static size_t cells_bytes(uint32_t capacity)
{
    return sizeof(struct index_cells) + ((size_t)capacity + INDEX_LINE) * sizeof(struct index_entry);
}

static struct index_cells *cells_create(uint32_t capacity)
{
    size_t bytes = cells_bytes(capacity);
    bool huge = bytes >= HUGE_PAGE_BYTES;
    struct index_cells *c = pages_map(bytes, huge ? HUGE_PAGE_BYTES : 4096, huge);

    if (c) {
        c->capacity = capacity;
        c->lines = capacity / INDEX_LINE;
    }
    return c;
}

static void cells_destroy(void *memory)
{
    struct index_cells *c = memory;
    if (c)
        pages_unmap(c, cells_bytes(c->capacity));
}

struct index *index_create(struct epoch *e, size_t expected, index_equal equal, const void *owner)
{
    size_t capacity = expected < CAPACITY_LEAST / 2 ? CAPACITY_LEAST
                                                    : (2 * expected + INDEX_LINE) & ~(size_t)(INDEX_LINE - 1);
    struct index *i = pages_map(sizeof(*i), 4096, false);

    if (!i)
        return NULL;
    struct index_cells *c = capacity <= UINT32_MAX ? cells_create((uint32_t)capacity) : NULL;
    if (!c) {
        pages_unmap(i, sizeof(*i));
        return NULL;
    }
    i->epoch = e;
    i->equal = equal;
    i->owner = owner;
    atomic_store_explicit(&i->cells, c, memory_order_release);
    return i;
}

void index_destroy(struct index *i)
{
    if (!i)
        return;
    cells_destroy(i->next);
    cells_destroy(atomic_load_explicit(&i->cells, memory_order_relaxed));
    pages_unmap(i, sizeof(*i));
}

uint32_t index_find(const struct index *i, struct text t, uint64_t hash)
{
    const struct index_cells *c = index_cells_of(i);
    struct index_text text = index_text_of(t, hash);

    for (const struct index_entry *e = index_home(c, text.tag); index_probe(c, &text, &e);
         e = index_after(c, e))
        if (index_text_is_whole(&text) || i->equal(i->owner, index_id(e), t))
            return index_id(e);
    return INDEX_NONE;
}

void index_prefetch(const struct index *i, uint64_t hash)
{
    const struct index_cells *c = index_cells_of(i);
    __builtin_prefetch(index_home(c, (uint32_t)(hash >> 32)));
}

uint64_t index_hint(const struct index *i, uint64_t hash, uint32_t *ret_id)
{
    const struct index_entry *e = index_home(index_cells_of(i), (uint32_t)(hash >> 32));
    uint32_t tag = (uint32_t)(hash >> 40);

    e += index_entry_tag(e) >> 8 != tag;
    *ret_id = index_id(e);
    return index_entry_tag(e) >> 8 == tag ? index_entry_hint(e) : 0;
}

/* What an entry holds, as plain words. */
struct entry_image {
    struct index_text text;
    uint32_t id;
    uint64_t hint;
};

/* Puts an entry into the first empty slot of its run; returns the slot. The writer's own stores are what it
 * looks at. */
static uint32_t place(struct index_cells *c, const struct entry_image *image)
{
    const struct index_entry *at = index_home(c, image->text.tag);

    while (atomic_load_explicit(&at->tag, memory_order_relaxed) != 0)
        at = index_after(c, at);
    uint32_t slot = (uint32_t)(at - c->entry);
    struct index_entry *e = &c->entry[slot];
    atomic_store_explicit(&e->hint, image->hint, memory_order_release);
    atomic_store_explicit(&e->id, image->id, memory_order_release);
    atomic_store_explicit(&e->first, image->text.words.first, memory_order_release);
    atomic_store_explicit(&e->last, image->text.words.last, memory_order_release);
    atomic_store_explicit(&e->tag, image->text.tag, memory_order_release); /* pairs with index_entry_tag */
    return slot;
}

static void publish(struct index *i)
{
    struct index_cells *old = atomic_load_explicit(&i->cells, memory_order_relaxed);

    atomic_store_explicit(&i->cells, i->next, memory_order_release); /* pairs with the acquire in cells_of */
    i->next = NULL;
    i->moved = 0;
    epoch_retire(i->epoch, old, cells_destroy);
}

static void move_some(struct index *i, const struct index_cells *c)
{
    for (uint32_t most = MOVED_AT_ONCE; most > 0 && i->moved < c->capacity; most--, i->moved++) {
        const struct index_entry *e = &c->entry[i->moved];
        struct entry_image image = {{{e->first, e->last}, e->tag}, e->id, e->hint};
        if (image.text.tag)
            place(i->next, &image);
    }
    if (i->moved == c->capacity)
        publish(i);
}

/* Begins to grow at a half: then few runs leave their first line. Without memory the present array takes
 * more, up to fifteen sixteenths. */
static int make_room(struct index *i, const struct index_cells *c)
{
    if (i->next || i->count < c->capacity / 2)
        return 0;
    uint64_t larger = ((uint64_t)c->capacity + c->capacity / 2) & ~(uint64_t)(INDEX_LINE - 1);
    i->next = larger <= UINT32_MAX ? cells_create((uint32_t)larger) : NULL;
    return i->next || i->count < c->capacity - c->capacity / 16 ? 0 : ERROR_NOMEM;
}

int index_insert(struct index *i, uint32_t id, struct text t, uint64_t hash, uint64_t hint)
{
    struct index_cells *c = atomic_load_explicit(&i->cells, memory_order_relaxed);
    int error = make_room(i, c);

    if (error)
        return error;
    struct entry_image image = {index_text_of(t, hash), id, hint};
    uint32_t slot = place(c, &image);
    i->count++;
    if (!i->next)
        return 0;
    if (slot < i->moved) /* otherwise the move comes by */
        place(i->next, &image);
    move_some(i, c);
    return 0;
}

static void set_hint(struct index_cells *c, uint32_t id, const struct index_text *t, uint64_t hint)
{
    for (const struct index_entry *e = index_home(c, t->tag); index_probe(c, t, &e); e = index_after(c, e))
        if (index_id(e) == id) {
            atomic_store_explicit(&c->entry[e - c->entry].hint, hint, memory_order_release);
            return;
        }
}

void index_set_hint(struct index *i, uint32_t id, struct text t, uint64_t hash, uint64_t hint)
{
    struct index_text text = index_text_of(t, hash);

    set_hint(atomic_load_explicit(&i->cells, memory_order_relaxed), id, &text, hint);
    if (i->next)
        set_hint(i->next, id, &text, hint);
}

size_t index_bytes(const struct index *i)
{
    const struct index_cells *c = index_cells_of(i);
    return sizeof(*i) + cells_bytes(c->capacity) + (i->next ? cells_bytes(i->next->capacity) : 0);
}
