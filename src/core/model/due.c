/* Binary heaps whose entries know their place, so that any of them can be moved or taken out. */
#include "core/model/due.h"

#include "base/error.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

void due_finish(struct due *d)
{
    for (int kind = 0; kind < DUE_KINDS; kind++)
        free(d->heap[kind].slots);
    *d = (struct due){0};
}

int due_reserve(struct due *d, enum due_kind kind, uint32_t more)
{
    struct due_heap *h = &d->heap[kind];
    uint64_t capacity = h->capacity ? h->capacity : FIRST_SLOTS, want = (uint64_t)h->count + more;

    if (want <= h->capacity)
        return 0;
    while (capacity < want)
        capacity *= 2;
    if (capacity > UINT32_MAX)
        return ERROR_NOMEM;
    struct due_slot *slots = realloc(h->slots, capacity * sizeof(*slots));
    if (!slots)
        return ERROR_NOMEM;
    h->slots = slots;
    h->capacity = (uint32_t)capacity;
    return 0;
}

static void put(struct due_heap *h, uint32_t at, struct due_slot slot)
{
    h->slots[at] = slot;
    slot.entry->place = at + 1;
}

/* From the hole at `at` up or down to where it belongs. */
static void settle(struct due_heap *h, uint32_t at, struct due_slot slot)
{
    for (; at && h->slots[(at - 1) / 2].at > slot.at; at = (at - 1) / 2)
        put(h, at, h->slots[(at - 1) / 2]);
    for (uint32_t child; (child = 2 * at + 1) < h->count; at = child) {
        if (child + 1 < h->count && h->slots[child + 1].at < h->slots[child].at)
            child++;
        if (slot.at <= h->slots[child].at)
            break;
        put(h, at, h->slots[child]);
    }
    put(h, at, slot);
}

void due_set(struct due *d, enum due_kind kind, struct due_entry *e, instant_t at)
{
    struct due_heap *h = &d->heap[kind];

    if (at == INSTANT_NONE) {
        due_remove(d, kind, e);
        return;
    }
    settle(h, due_contains(e) ? e->place - 1 : h->count++, (struct due_slot){at, e});
}

void due_remove(struct due *d, enum due_kind kind, struct due_entry *e)
{
    struct due_heap *h = &d->heap[kind];

    if (!due_contains(e))
        return;
    uint32_t hole = e->place - 1;
    struct due_slot last = h->slots[--h->count];
    if (last.entry != e)
        settle(h, hole, last);
    e->place = 0;
}

instant_t due_next(const struct due *d, enum due_kind kind)
{
    const struct due_heap *h = &d->heap[kind];
    return h->count ? h->slots[0].at : INT64_MAX;
}

struct due_entry *due_take(struct due *d, enum due_kind kind, instant_t until, instant_t known,
                           int64_t retry_us)
{
    struct due_heap *h = &d->heap[kind];

    if (!h->count || h->slots[0].at > until)
        return NULL;
    struct due_entry *e = h->slots[0].entry;
    instant_t at = h->slots[0].at;
    settle(h, 0, (struct due_slot){(at > known ? at : known) + retry_us, e});
    return e;
}
