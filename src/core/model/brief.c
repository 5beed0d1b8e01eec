/* Rows in six numbers, and back to promises. */
#include "core/model/brief.h"

#include "core/model/rare.h"

struct brief brief_of_row(const struct row_image *r)
{
    struct stock s;
    struct brief b;

    stock_now(r, &s);
    b = (struct brief){.sellable = s.on_hand - s.unavailable,
                       .demand = s.reserved + s.committed,
                       .safety_stock = s.safety_stock,
                       .backorder_limit = s.backorder_limit};
    b.free = stock_atp(&s, INSTANT_NONE, 0, 0) + s.safety_stock;
    for (uint32_t i = 0; i < s.fences_count; i++)
        b.fenced += fence_left(&s.fences[i]);
    return b;
}

/* ---- fences ---- */

static const struct rare *fenced_part(const struct row_image *r)
{
    return row_flags(r) & ROW_FENCED ? row_rare(r) : NULL;
}

size_t brief_fences_most(const struct row_image *was, const struct row_image *now)
{
    const struct rare *a = fenced_part(was), *b = fenced_part(now);
    return (a ? a->fences_count : 0) + (size_t)(b ? b->fences_count : 0);
}

size_t brief_fences(const struct row_image *was, const struct row_image *now, struct brief_fence *ret)
{
    const struct rare *a = fenced_part(was), *b = fenced_part(now);
    uint32_t i = 0, k = 0, left = a ? a->fences_count : 0, right = b ? b->fences_count : 0;
    size_t count = 0;

    while (i < left || k < right) {
        const struct fence *x = i < left ? &a->fences[i] : NULL, *y = k < right ? &b->fences[k] : NULL;
        uint32_t channel = !x ? y->channel : !y || x->channel < y->channel ? x->channel : y->channel;
        struct brief_fence f = {.channel = channel};
        if (x && x->channel == channel) {
            f.was = fence_left(x);
            i++;
        }
        if (y && y->channel == channel) {
            f.now = fence_left(y);
            k++;
        }
        ret[count++] = f;
    }
    return count;
}

/* ---- promises ---- */

milli_t brief_oversold(const struct brief *b)
{
    if (b->backorder_limit == LIMIT_NONE)
        return 0;
    milli_t beyond = -b->free - b->backorder_limit;
    if (beyond <= 0)
        return 0;
    return beyond < b->demand ? beyond : b->demand;
}

/* A stock with the same promises now: what is to come shows in what is free, and what is set aside for others
 * is as if one channel had it. */
struct brief_promise brief_promise(const struct brief *b, uint32_t channel, milli_t fenced,
                                   const struct terms *terms, milli_t step)
{
    const struct fence fences[] = {
        {.channel = channel, .quantity = fenced},
        {.channel = CHANNEL_POOL - 1, .quantity = b->fenced - fenced},
    };
    const struct stock s = {.on_hand = b->sellable,
                            .reserved = b->sellable - b->free,
                            .safety_stock = b->safety_stock,
                            .backorder_limit = b->backorder_limit,
                            .fences_count = 2,
                            .fences = fences};
    const struct promise_question q = {.channel = channel, .terms = *terms, .at = INSTANT_NONE, .step = step};
    struct promise p = promise_of(&s, &q);

    return (struct brief_promise){p.shown, p.grant_most};
}
