/* Looking past a basket's own holds. */
#include "core/answer/left_out.h"

int left_out_by_row(const void *left, const void *right)
{
    const struct left_out *a = left, *b = right;
    if (a->sku != b->sku)
        return a->sku < b->sku ? -1 : 1;
    return a->location < b->location ? -1 : a->location > b->location;
}

const struct left_out *left_out_of(const struct left_out_set *s, uint32_t sku, uint32_t location,
                                   size_t *ret_count)
{
    const struct left_out key = {.sku = sku, .location = location};
    size_t low = 0, high = s ? s->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (left_out_by_row(&s->at[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_count = 0;
    while (s && low + *ret_count < s->count && left_out_by_row(&s->at[low + *ret_count], &key) == 0)
        ++*ret_count;
    return *ret_count ? &s->at[low] : NULL;
}

/* ---- putting it back ---- */

static milli_t not_below_zero(milli_t q)
{
    return q > 0 ? q : 0;
}

static void put_back_later(struct dated *dated, uint32_t count, const struct left_out *l)
{
    for (uint32_t i = 0; i < count; i++)
        if (dated[i].at == l->required_at) /* else it was found due, and counts now */
            dated[i].demand = not_below_zero(dated[i].demand - l->held - l->committed);
}

static void put_back_fence(struct fence *fences, uint32_t count, const struct left_out *l)
{
    for (uint32_t i = 0; i < count; i++)
        if (fences[i].channel == l->channel)
            fences[i].consumed = not_below_zero(fences[i].consumed - l->fence_took);
}

void stock_put_back(struct stock *s, const struct left_out *l, size_t count, struct put_back_room *room)
{
    if (!count || s->dated_count > PUT_BACK_MOST || s->fences_count > PUT_BACK_MOST)
        return;
    for (uint32_t i = 0; i < s->dated_count; i++)
        room->dated[i] = s->dated[i];
    for (uint32_t i = 0; i < s->fences_count; i++)
        room->fences[i] = s->fences[i];
    for (size_t i = 0; i < count; i++) {
        s->reserved = not_below_zero(s->reserved - l[i].held);
        s->committed = not_below_zero(s->committed - l[i].committed);
        if (l[i].required_at != INSTANT_NONE)
            put_back_later(room->dated, s->dated_count, &l[i]);
        put_back_fence(room->fences, s->fences_count, &l[i]);
    }
    s->dated = room->dated;
    s->fences = room->fences;
}
