/* A row has few fences: a sorted array, searched by halves. */
#include "core/model/fences.h"

#include "base/array.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* Where the channel's fence is, or would be. */
static uint32_t place_of(const struct fences *f, uint32_t channel)
{
    uint32_t low = 0, high = f->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->at[middle].channel < channel)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct fence *fences_find(const struct fences *f, uint32_t channel)
{
    uint32_t i = place_of(f, channel);
    return i < f->count && f->at[i].channel == channel ? &f->at[i] : NULL;
}

int fences_reserve(struct fences *f, uint32_t more)
{
    if (f->count + more <= f->capacity)
        return 0;
    uint32_t capacity = f->capacity * 2 > f->count + more ? f->capacity * 2 : f->count + more;
    if (!array_grow(&f->at, f->capacity, capacity, sizeof(*f->at)))
        return ERROR_NOMEM;
    f->capacity = capacity;
    return 0;
}

struct fence *fences_make(struct fences *f, uint32_t channel)
{
    uint32_t i = place_of(f, channel);
    if (i < f->count && f->at[i].channel == channel)
        return &f->at[i];
    memmove(f->at + i + 1, f->at + i, (f->count - i) * sizeof(*f->at));
    f->count++;
    f->at[i] = (struct fence){.channel = channel, .set_at = INSTANT_NONE};
    return &f->at[i];
}

milli_t fences_left(const struct fences *f)
{
    milli_t left = 0;
    for (uint32_t i = 0; i < f->count; i++)
        left += fence_left(&f->at[i]);
    return left;
}

milli_t fences_take(struct fences *f, uint32_t channel, milli_t quantity, uint64_t *ret_sets)
{
    struct fence *of = fences_find(f, channel);
    milli_t left = of ? fence_left(of) : 0;
    milli_t took = quantity < left ? quantity : left;
    *ret_sets = of ? of->sets : 0;
    if (of)
        of->consumed += took;
    return took;
}

milli_t fences_give(struct fences *f, uint32_t channel, uint64_t sets, milli_t took, milli_t quantity)
{
    struct fence *of = fences_find(f, channel);
    if (!of || of->sets != sets)
        return 0;
    milli_t gave = quantity < took ? quantity : took;
    of->consumed -= gave;
    return gave;
}

int fences_reserve_adds(struct fences *f, uint32_t more)
{
    if (f->adds_count + more <= f->adds_capacity)
        return 0;
    uint32_t capacity = f->adds_count + more < 4 ? 4 : 2 * (f->adds_count + more);
    if (!array_grow(&f->adds, f->adds_capacity, capacity, sizeof(*f->adds)))
        return ERROR_NOMEM;
    f->adds_capacity = capacity;
    return 0;
}

static void remove_add(struct fences *f, uint32_t i)
{
    f->adds_count--;
    memmove(f->adds + i, f->adds + i + 1, (f->adds_count - i) * sizeof(*f->adds));
}

void fences_note_add(struct fences *f, const struct fence_add *add)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < f->adds_count; i++)
        if (f->adds[i].at < f->adds[oldest].at)
            oldest = i;
    if (f->adds_count >= FENCE_ADDS_MOST)
        remove_add(f, oldest);
    f->adds[f->adds_count++] = *add;
}

milli_t fences_added_after(const struct fences *f, uint32_t channel, instant_t at)
{
    milli_t sum = 0;
    for (uint32_t i = 0; i < f->adds_count; i++)
        if (f->adds[i].channel == channel && f->adds[i].at > at)
            sum += f->adds[i].quantity;
    return sum;
}

void fences_forget_adds(struct fences *f, uint32_t channel, instant_t at)
{
    for (uint32_t i = f->adds_count; i > 0; i--)
        if (f->adds[i - 1].channel == channel && f->adds[i - 1].at <= at)
            remove_add(f, i - 1);
}

void fences_finish(struct fences *f)
{
    free(f->adds);
    free(f->at);
    *f = (struct fences){0};
}
