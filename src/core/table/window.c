/* A ring of slots that is written over and over. */
#include "core/table/window.h"

#include "base/error.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct window {
    uint64_t mask;
    uint64_t added;  /* the writer's */
    uint64_t loaded; /* the writer's: where the next piece of a checkpoint should begin */
    bool begun;      /* the writer's */
    _Alignas(64) _Atomic uint64_t
        head;               /* slots before it may be read. release: pairs with the acquire of readers */
    _Atomic uint64_t shown; /* next_offset of the last window_show. release after head: who loads it and then
                               head sees at least the entries of the records before it */
    _Atomic uint64_t claimed;       /* slots before claimed - (mask + 1) are being overwritten */
    _Atomic uint64_t first;         /* slots before it are forgotten */
    _Atomic uint64_t complete_from; /* the offset from which on entries are here, while none is overwritten */
    _Atomic uint64_t words[][WINDOW_WORDS];
};

struct window *window_create(size_t slots)
{
    size_t bytes = sizeof(struct window) + slots * WINDOW_WORDS * sizeof(uint64_t);
    struct window *w = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

    if (!w)
        return NULL;
    w->mask = slots - 1;
    window_forget(w);
    return w;
}

void window_forget(struct window *w)
{
    w->added = 0;
    w->loaded = 0;
    w->begun = false;
    atomic_init(&w->head, 0);
    atomic_init(&w->shown, 0);
    atomic_init(&w->claimed, 0);
    atomic_init(&w->first, 0);
    atomic_init(&w->complete_from, 0);
}

void window_destroy(struct window *w)
{
    free(w);
}

size_t window_slots(const struct window *w)
{
    return w->mask + 1;
}

/* ---- the writer's side ---- */

void window_add(struct window *w, const struct window_slot *slots, size_t count)
{
    uint64_t at = w->added;

    w->added += count;
    atomic_store_explicit(&w->claimed, w->added, memory_order_relaxed);
    for (size_t i = 0; i < count; i++, at++)
        for (unsigned k = 0; k < WINDOW_WORDS; k++)
            atomic_store_explicit(&w->words[at & w->mask][k], slots[i].word[k], memory_order_release);
}

void window_show(struct window *w, uint64_t next_offset)
{
    if (!w->begun)
        atomic_store_explicit(&w->complete_from, next_offset, memory_order_relaxed);
    w->begun = true;
    atomic_store_explicit(&w->head, w->added, memory_order_release);
    atomic_store_explicit(&w->shown, next_offset, memory_order_release);
}

void window_clear(struct window *w, uint64_t next_offset)
{
    w->begun = true;
    atomic_store_explicit(&w->complete_from, next_offset, memory_order_relaxed);
    atomic_store_explicit(&w->first, w->added, memory_order_relaxed);
    atomic_store_explicit(&w->head, w->added, memory_order_release);
}

/* ---- readers ---- */

/* Slots from here on are whole: not yet written over, as far as one can see now. */
static uint64_t oldest(const struct window *w)
{
    uint64_t claimed = atomic_load_explicit(&w->claimed, memory_order_relaxed);
    uint64_t first = atomic_load_explicit(&w->first, memory_order_relaxed);
    uint64_t whole = claimed > w->mask + 1 ? claimed - (w->mask + 1) : 0;

    return whole > first ? whole : first;
}

static void slot_at(const struct window *w, uint64_t cursor, struct window_slot *ret)
{
    const _Atomic uint64_t *from = w->words[cursor & w->mask];

    for (unsigned i = 0; i < WINDOW_WORDS; i++)
        ret->word[i] = atomic_load_explicit(&from[i], memory_order_acquire);
}

static uint64_t offset_at(const struct window *w, uint64_t cursor)
{
    struct window_slot s;

    s.word[0] = atomic_load_explicit(&w->words[cursor & w->mask][0], memory_order_acquire);
    return window_slot_offset(&s);
}

uint64_t window_newest(const struct window *w)
{
    return atomic_load_explicit(&w->head, memory_order_acquire);
}

uint64_t window_shown(const struct window *w)
{
    return atomic_load_explicit(&w->shown, memory_order_acquire);
}

bool window_after(const struct window *w, uint64_t offset, uint64_t *ret_cursor)
{
    uint64_t high = window_newest(w), low = oldest(w), first = low;

    while (low < high) { /* offsets only grow */
        uint64_t middle = low + (high - low) / 2;
        if (offset_at(w, middle) > offset)
            high = middle;
        else
            low = middle + 1;
    }
    if (oldest(w) > first) /* written over while we looked */
        return false;
    *ret_cursor = low;
    if (low > first)
        return true; /* an entry of that record or of one before it is here: so are all behind it */
    uint64_t complete = atomic_load_explicit(&w->complete_from, memory_order_relaxed);
    return first == atomic_load_explicit(&w->first, memory_order_relaxed) && complete != UINT64_MAX &&
           offset + 1 >= complete;
}

uint64_t window_oldest_offset(const struct window *w)
{
    uint64_t first = oldest(w), complete = atomic_load_explicit(&w->complete_from, memory_order_relaxed);

    if (first == atomic_load_explicit(&w->first, memory_order_relaxed) && complete != UINT64_MAX)
        return complete ? complete - 1 : 0;
    return first < window_newest(w) ? offset_at(w, first) : window_shown(w);
}

int window_read(const struct window *w, uint64_t *cursor, struct window_slot *ret, size_t most)
{
    uint64_t head = window_newest(w), from = *cursor, at = from;
    size_t count = 0;

    while (at < head && count < most)
        slot_at(w, at++, &ret[count++]);
    if (oldest(w) > from)
        return -1;
    size_t whole = 0;
    while (whole < count && whole + 1u + window_slot_more(&ret[whole]) <= count)
        whole += 1u + window_slot_more(&ret[whole]);
    *cursor = from + whole;
    return (int)whole;
}

/* ---- checkpoints ---- */

struct piece_head {
    uint64_t complete; /* from which offset on the window was complete when the piece was written, while
                          nothing was written over; UINT64_MAX: something was. The last one counts */
    uint64_t from;     /* the cursor of its first slot: what lies between two pieces was written over */
};

size_t window_save(const struct window *w, uint64_t *cursor, uint64_t before_offset, void *ret_piece)
{
    enum { SLOTS = (WINDOW_PIECE_BYTES - sizeof(struct piece_head)) / sizeof(struct window_slot) };
    uint64_t first = oldest(w);
    bool begins = *cursor == WINDOW_SAVE_ALL, lost = first > atomic_load(&w->first);
    struct piece_head h = {lost ? UINT64_MAX : atomic_load(&w->complete_from), 0};
    char *at = (char *)ret_piece + sizeof(h);
    struct window_slot s;
    size_t count = 0;

    if (begins || *cursor < first)
        *cursor = first;
    h.from = *cursor;
    for (; count < SLOTS && *cursor < w->added; (*cursor)++, count++) {
        slot_at(w, *cursor, &s);
        if (window_slot_offset(&s) >= before_offset)
            break;
        memcpy(at + count * sizeof(s), &s, sizeof(s));
    }
    if (!count && !begins)
        return 0;
    memcpy(ret_piece, &h, sizeof(h));
    return sizeof(h) + count * sizeof(s);
}

static int load_slots(struct window *w, const char *at, size_t length)
{
    uint64_t before = w->added ? offset_at(w, w->added - 1) : 0;
    struct window_slot s;

    for (; length; at += sizeof(s), length -= sizeof(s)) {
        memcpy(&s, at, sizeof(s));
        if (window_slot_offset(&s) < before)
            return ERROR_CORRUPT;
        before = window_slot_offset(&s);
        window_add(w, &s, 1);
        w->loaded++;
    }
    return 0;
}

int window_load(struct window *w, const void *piece, size_t length)
{
    struct piece_head h;

    if (length < sizeof(h) || (length - sizeof(h)) % sizeof(struct window_slot))
        return ERROR_CORRUPT;
    memcpy(&h, piece, sizeof(h));
    if (h.from != w->loaded) { /* the first one, or slots in between were lost */
        atomic_store_explicit(&w->first, w->added, memory_order_relaxed);
        w->loaded = h.from;
    }
    atomic_store_explicit(&w->complete_from, h.complete, memory_order_relaxed);
    w->begun = true;
    return load_slots(w, (const char *)piece + sizeof(h), length - sizeof(h));
}
