/* The dirty set: a state byte, a version and a place in the queue for each SKU. */
#include "sinks/dirty.h"
#include "base/array.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum {
    DIRTY = 1,         /* to be written: in the queue, or will be when it has landed */
    DIRTY_SECOND = 2,  /* its generation is 1, not 0 */
    FLYING = 4,        /* on its way: never twice at once, so that what is acknowledged is what Redis has */
    FLYING_SECOND = 8, /* as DIRTY_SECOND */
    WHOLE_AFTERWARDS = 16 /* what flies does not make the hash whole as of its version */
};

void dirty_finish(struct dirty_set *d)
{
    free(d->state);
    free(d->written);
    free(d->queue);
    *d = (struct dirty_set){0};
}

/* The part of the ring that wrapped around goes behind the end of the old ring. */
static void unwrap(struct dirty_set *d, size_t old)
{
    size_t wrapped = d->head + d->queued > old ? d->head + d->queued - old : 0;
    memcpy(d->queue + old, d->queue, wrapped * sizeof(*d->queue));
}

int dirty_reserve(struct dirty_set *d, size_t skus)
{
    size_t old = d->skus, count = old ? old : 1024;

    if (skus <= old)
        return 0;
    while (count < skus)
        count *= 2; /* at least twice the old: what wrapped has room behind it */
    if (!array_grow(&d->state, old, count, sizeof(*d->state)) ||
        !array_grow(&d->written, old, count, sizeof(*d->written)) ||
        !array_grow(&d->queue, old, count, sizeof(*d->queue)))
        return ERROR_NOMEM;
    unwrap(d, old);
    d->skus = count;
    return 0;
}

static void enqueue(struct dirty_set *d, uint32_t sku)
{
    d->queue[(d->head + d->queued++) % d->skus] = sku;
}

static void set_dirty(struct dirty_set *d, uint32_t sku, unsigned generation)
{
    d->state[sku] = (uint8_t)((d->state[sku] & ~DIRTY_SECOND) | DIRTY | (generation ? DIRTY_SECOND : 0));
    d->open[generation]++;
}

void dirty_mark(struct dirty_set *d, uint32_t sku, bool whole)
{
    uint8_t state = d->state[sku];

    if (whole) {
        d->written[sku] = 0;
        if (state & FLYING)
            d->state[sku] |= WHOLE_AFTERWARDS;
    }
    if (state & DIRTY)
        return;
    set_dirty(d, sku, d->now);
    if (!(state & FLYING))
        enqueue(d, sku);
}

bool dirty_take(struct dirty_set *d, uint32_t *ret_sku)
{
    if (!d->queued)
        return false;
    uint32_t sku = d->queue[d->head];
    d->head = (d->head + 1) % d->skus;
    d->queued--;
    d->flying++;
    d->state[sku] = d->state[sku] & DIRTY_SECOND ? FLYING | FLYING_SECOND : FLYING;
    *ret_sku = sku;
    return true;
}

uint64_t dirty_base(const struct dirty_set *d, uint32_t sku)
{
    return d->written[sku];
}

/* Takes the SKU out of the air; returns its generation there. */
static unsigned land(struct dirty_set *d, uint32_t sku)
{
    unsigned generation = d->state[sku] & FLYING_SECOND ? 1 : 0;

    d->state[sku] &= (uint8_t) ~(FLYING | FLYING_SECOND | WHOLE_AFTERWARDS);
    d->flying--;
    d->open[generation]--;
    return generation;
}

void dirty_done(struct dirty_set *d, uint32_t sku, uint64_t version)
{
    d->written[sku] = d->state[sku] & WHOLE_AFTERWARDS ? 0 : version;
    land(d, sku);
    if (d->state[sku] & DIRTY)
        enqueue(d, sku);
}

void dirty_retry(struct dirty_set *d, uint32_t sku)
{
    bool whole = d->state[sku] & WHOLE_AFTERWARDS;
    unsigned generation = land(d, sku);

    if (whole)
        d->written[sku] = 0;
    if (d->state[sku] & DIRTY) {
        unsigned since = d->state[sku] & DIRTY_SECOND ? 1 : 0;
        d->open[since]--;
        if (since != d->now)
            generation = since; /* the older of the two */
    }
    set_dirty(d, sku, generation);
    enqueue(d, sku);
}

void dirty_again(struct dirty_set *d, uint32_t sku)
{
    dirty_retry(d, sku);
    d->written[sku] = 0;
}

void dirty_forget(struct dirty_set *d)
{
    if (!d->skus)
        return;
    memset(d->written, 0, d->skus * sizeof(*d->written));
    for (size_t i = 0; d->flying && i < d->skus; i++)
        if (d->state[i] & FLYING)
            d->state[i] |= WHOLE_AFTERWARDS;
}

void dirty_assume(struct dirty_set *d, uint64_t version)
{
    for (size_t i = 0; i < d->skus; i++)
        d->written[i] = version;
}

bool dirty_settled(const struct dirty_set *d)
{
    return d->open[!d->now] == 0;
}

void dirty_close(struct dirty_set *d)
{
    d->now = !d->now;
}
