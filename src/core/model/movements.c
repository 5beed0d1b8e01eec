/* The memory of a row's recent changes: an array in order of arrival, whose older half is merged from time to
 * time. */
#include "core/model/movements.h"

#include "base/error.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 4, SLOTS_IN_WINDOW = 32 };

void movements_init(struct movements *m)
{
    *m = (struct movements){.newest_at = INSTANT_NONE, .forgotten_until = INSTANT_NONE};
}

void movements_finish(struct movements *m)
{
    free(m->at);
    movements_init(m);
}

/* A total order, so that sorting equal instants gives the same array everywhere. */
static int by_instant(const void *left, const void *right)
{
    const struct movement *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    if (a->span_s != b->span_s)
        return a->span_s < b->span_s ? -1 : 1;
    return (a->quantity > b->quantity) - (a->quantity < b->quantity);
}

static void merge(struct movement *into, const struct movement *newer)
{
    instant_t from = into->at - into->span_s * INSTANT_SECOND;
    instant_t newer_from = newer->at - newer->span_s * INSTANT_SECOND;
    if (newer_from < from)
        from = newer_from;
    if (newer->at > into->at)
        into->at = newer->at;
    uint64_t span_s = (uint64_t)(into->at - from + INSTANT_SECOND - 1) / INSTANT_SECOND;
    into->span_s = span_s > UINT32_MAX ? UINT32_MAX : span_s ? (uint32_t)span_s : 1;
    into->quantity += newer->quantity;
}

/* Merges the first `older` movements (sorted) that lie in one slot of `width_us` and in one place. Returns
 * how many are left of them. */
static uint32_t merge_slots(struct movement *at, uint32_t older, instant_t width_us)
{
    uint32_t kept = 0, slot_begins = 0;
    for (uint32_t i = 0; i < older; i++) {
        if (kept > slot_begins && at[slot_begins].at / width_us != at[i].at / width_us)
            slot_begins = kept;
        uint32_t into = slot_begins;
        while (into < kept && at[into].place != at[i].place)
            into++;
        if (into < kept)
            merge(&at[into], &at[i]);
        else
            at[kept++] = at[i];
    }
    return kept;
}

static void forget_before(struct movements *m, instant_t floor)
{
    uint32_t gone = 0;
    while (gone < m->count && m->at[gone].at < floor)
        gone++;
    if (gone == 0)
        return;
    if (m->at[gone - 1].at > m->forgotten_until)
        m->forgotten_until = m->at[gone - 1].at;
    m->count -= gone;
    memmove(m->at, m->at + gone, m->count * sizeof(*m->at));
}

static void compact(struct movements *m, instant_t window_us, instant_t floor)
{
    qsort(m->at, m->count, sizeof(*m->at), by_instant);
    forget_before(m, floor);
    if (m->count <= MOVEMENTS_EXACT)
        return;
    uint32_t older = m->count - MOVEMENTS_EXACT, kept = older;
    for (instant_t width_us = window_us / SLOTS_IN_WINDOW + 1;; width_us *= 2) {
        kept = merge_slots(m->at, kept, width_us);
        if (kept <= MOVEMENTS_MERGED)
            break;
    }
    memmove(m->at + kept, m->at + older, MOVEMENTS_EXACT * sizeof(*m->at));
    m->count = kept + MOVEMENTS_EXACT;
}

int movements_reserve(struct movements *m, uint32_t more, instant_t window_us, instant_t floor)
{
    /* When it is time to merge is a matter of what is there alone: capacities differ between replicas. */
    if (m->count + more > MOVEMENTS_MOST)
        compact(m, window_us, floor);
    if (m->count + more <= m->capacity)
        return 0;
    uint32_t capacity = m->capacity ? m->capacity : FIRST_CAPACITY;
    while (capacity < m->count + more)
        capacity *= 2;
    if (capacity > MOVEMENTS_MOST && m->count + more <= MOVEMENTS_MOST)
        capacity = MOVEMENTS_MOST;
    struct movement *at = realloc(m->at, capacity * sizeof(*at));
    if (!at)
        return ERROR_NOMEM;
    m->at = at;
    m->capacity = capacity;
    return 0;
}

void movements_add(struct movements *m, instant_t at, enum place place, milli_t quantity)
{
    if (at <= m->forgotten_until || quantity == 0)
        return;
    m->at[m->count++] = (struct movement){.at = at, .quantity = quantity, .place = place};
    if (at > m->newest_at)
        m->newest_at = at;
}

bool movements_after(const struct movements *m, instant_t instant, milli_t ret_sums[PLACES])
{
    bool approximate = false;
    memset(ret_sums, 0, PLACES * sizeof(*ret_sums));
    for (uint32_t i = 0; i < m->count; i++) {
        const struct movement *one = &m->at[i];
        if (one->at <= instant)
            continue;
        ret_sums[one->place] += one->quantity;
        approximate |= one->span_s && one->at - one->span_s * INSTANT_SECOND <= instant;
    }
    return approximate;
}

void movements_drop(struct movements *m, instant_t until)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->at[i].at > until)
            m->at[kept++] = m->at[i];
    m->count = kept;
}
