/* A sorted array of instants. */
#include "core/model/dated.h"

#include "base/array.h"
#include "base/error.h"
#include "core/model/supply.h"

#include <stdlib.h>

int dated_reserve(struct dated_list *l, uint32_t more)
{
    if (l->count + more <= l->capacity)
        return 0;
    uint32_t capacity = l->capacity * 2 > l->count + more ? l->capacity * 2 : l->count + more;
    if (!array_grow(&l->at, l->capacity, capacity, sizeof(*l->at)))
        return ERROR_NOMEM;
    l->capacity = capacity;
    return 0;
}

static uint32_t place_of(const struct dated_list *l, instant_t at)
{
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (l->at[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct dated *entry_at(struct dated_list *l, instant_t at)
{
    uint32_t i = place_of(l, at);
    if (i < l->count && l->at[i].at == at)
        return &l->at[i];
    memmove(l->at + i + 1, l->at + i, (l->count - i) * sizeof(*l->at));
    l->count++;
    l->at[i] = (struct dated){.at = at};
    return &l->at[i];
}

static void drop_empty(struct dated_list *l, uint32_t from)
{
    uint32_t kept = from;
    for (uint32_t i = from; i < l->count; i++)
        if (l->at[i].incoming || l->at[i].demand)
            l->at[kept++] = l->at[i];
    l->count = kept;
}

void dated_demand(struct dated_list *l, instant_t at, milli_t quantity)
{
    if (at == INSTANT_NONE || quantity == 0)
        return;
    struct dated *d = entry_at(l, at);
    l->demands -= d->demand != 0;
    d->demand += quantity;
    l->demands += d->demand != 0;
    if (!d->demand && !d->incoming)
        drop_empty(l, (uint32_t)(d - l->at));
}

void dated_supply(struct dated_list *l, const struct accounts *supply)
{
    for (uint32_t i = 0; i < l->count; i++)
        l->at[i].incoming = 0;
    drop_empty(l, 0);
    for (uint32_t i = 0; i < supply->count; i++) {
        const struct supply *s = (const struct supply *)supply->at[i];
        if (s->open > 0 && s->expected_at != INSTANT_NONE && !supply_overdue(s))
            entry_at(l, s->expected_at)->incoming += s->open;
    }
}

void dated_finish(struct dated_list *l)
{
    free(l->at);
    *l = (struct dated_list){0};
}
