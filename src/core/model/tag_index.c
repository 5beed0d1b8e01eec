/* Ordered linear probing, growing by merging. */
#include "core/model/tag_index.h"

#include "base/error.h"
#include "core/table/pages.h"

#include <stdlib.h>

/* Behind the last home there is a tail for what is crowded out of it; at three quarters full, needing more
 * than this is less likely than a broken machine (each further slot is needed half as often as the one
 * before). One slot behind the tail stays free: it ends every search. */
enum { TAIL = 256, HOMES_LEAST = 16384, MOVED_A_TIME = 16 };

static uint64_t slots_of(const struct tag_table *t)
{
    return t->homes + TAIL;
}

static uint64_t home_of(const struct tag_table *t, uint32_t tag)
{
    return tag * t->homes >> 32;
}

static uint32_t tag_in(uint64_t entry)
{
    return (uint32_t)(entry >> 32);
}

/* The most entries so many homes take: five eighths. */
static uint64_t room_of(uint64_t homes)
{
    return homes / 8 * 5;
}

static size_t bytes_of(const struct tag_table *t)
{
    return slots_of(t) * sizeof(uint64_t);
}

static bool table_make(struct tag_table *t, uint64_t homes)
{
    t->homes = homes;
    bool huge = bytes_of(t) >= 2 * HUGE_PAGE_BYTES;
    t->at = pages_map(bytes_of(t), huge ? HUGE_PAGE_BYTES : 4096, huge);
    return t->at != NULL;
}

/* What was moved out of the old table goes back to the machine page by page: all at once would be a stall. */
static void give_back(struct tag_index *i, bool all)
{
    const uint64_t page = HUGE_PAGE_BYTES / sizeof(uint64_t);

    for (; i->moved - i->given_back >= page; i->given_back += page)
        pages_unmap(i->old.at + i->given_back, HUGE_PAGE_BYTES);
    if (!all || !i->old.at)
        return;
    pages_unmap(i->old.at + i->given_back, bytes_of(&i->old) - i->given_back * sizeof(uint64_t));
    i->old = (struct tag_table){0};
    i->moved = i->given_back = 0;
}

void tag_index_finish(struct tag_index *i)
{
    give_back(i, true);
    if (i->now.at)
        pages_unmap(i->now.at, bytes_of(&i->now));
    *i = (struct tag_index){0};
}

static struct tag_table *table_of(const struct tag_index *i, uint32_t tag, uint64_t *ret_from)
{
    const struct tag_table *t = i->old.at && tag >= i->boundary ? &i->old : &i->now;
    uint64_t home = t->homes ? home_of(t, tag) : 0;

    *ret_from = t == &i->old && home < i->moved ? i->moved : home;
    return (struct tag_table *)(uintptr_t)t;
}

int64_t tag_index_find(const struct tag_index *i, uint32_t tag, tag_equal equal, const void *owner,
                       const void *key)
{
    uint64_t at;
    const struct tag_table *t = table_of(i, tag, &at);

    if (!t->at)
        return TAG_NONE_FOUND;
    for (;; at++) {
        uint64_t entry = t->at[at];
        if (!entry || tag_in(entry) > tag)
            return TAG_NONE_FOUND;
        if (tag_in(entry) == tag && equal(owner, (uint32_t)entry, key))
            return (uint32_t)entry;
    }
}

/* Puts an entry into its place and shifts what is behind it. */
static void place(struct tag_table *t, uint64_t from, uint64_t entry)
{
    uint64_t at = from, slots = slots_of(t);

    while (t->at[at] && t->at[at] <= entry)
        at++;
    while (entry) {
        if (at + 1 == slots)
            abort(); /* see TAIL */
        uint64_t pushed = t->at[at];
        t->at[at++] = entry;
        entry = pushed;
    }
}

/* Moves the next slots of the old table; a run of equal tags is moved as a whole, so that `boundary` parts
 * the two. */
static void move_some(struct tag_index *i, uint64_t slots)
{
    uint64_t end = slots_of(&i->old);

    while (i->moved < end) {
        uint64_t entry = i->old.at[i->moved];
        if (slots == 0 && (!entry || tag_in(entry) >= i->boundary)) {
            give_back(i, false);
            return;
        }
        if (entry) {
            place(&i->now, home_of(&i->now, tag_in(entry)), entry);
            i->boundary = (uint64_t)tag_in(entry) + 1;
            i->old.at[i->moved] = 0;
        }
        i->moved++;
        slots -= slots > 0;
    }
    give_back(i, true);
}

int tag_index_reserve(struct tag_index *i, uint64_t more, uint64_t most)
{
    uint64_t need = i->count + more;

    if (need <= room_of(i->now.homes))
        return 0;
    if (i->old.at)
        move_some(i, UINT64_MAX);
    uint64_t homes = i->now.homes ? 2 * i->now.homes : HOMES_LEAST;
    uint64_t enough = (most + more) / 5 * 8 + HOMES_LEAST / 4; /* no more than will ever be needed */
    if (most && homes > enough)
        homes = enough;
    while (room_of(homes) < need)
        homes += homes / 4;
    struct tag_table bigger;
    if (!table_make(&bigger, homes))
        return ERROR_NOMEM;
    if (i->now.at)
        i->old = i->now;
    i->now = bigger;
    i->moved = i->given_back = 0;
    i->boundary = 0;
    return 0;
}

void tag_index_insert(struct tag_index *i, uint32_t tag, uint32_t value)
{
    uint64_t from;

    if (i->old.at)
        move_some(i, MOVED_A_TIME);
    struct tag_table *t = table_of(i, tag, &from);
    place(t, from, (uint64_t)tag << 32 | value);
    i->count++;
}

void tag_index_remove(struct tag_index *i, uint32_t tag, uint32_t value)
{
    uint64_t at, entry = (uint64_t)tag << 32 | value;
    struct tag_table *t = table_of(i, tag, &at);

    while (t->at[at] != entry)
        at++;
    for (;; at++) { /* close the hole: what follows moves up as long as it is not at home */
        uint64_t next = t->at[at + 1];
        if (!next || home_of(t, tag_in(next)) > at)
            break;
        t->at[at] = next;
    }
    t->at[at] = 0;
    i->count--;
}

uint64_t tag_index_bytes(const struct tag_index *i)
{
    uint64_t bytes = i->now.at ? bytes_of(&i->now) : 0;
    return bytes + (i->old.at ? bytes_of(&i->old) - i->given_back * sizeof(uint64_t) : 0);
}
