/* Which SKUs a place outside (Redis, a topic) does not have yet: a queue that holds each at most once, and
 * what is known to be there. Bounded by the number of SKUs; one thread's own. */
#ifndef SINKS_DIRTY_H
#define SINKS_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty and valid. Changes belong to one of two generations: those counted up to the last
 * dirty_close, and those since. When dirty_settled, all of the closed one is outside. */
struct dirty_set {
    size_t skus;       /* numbers below it have room */
    uint8_t *state;    /* bits, see dirty.c */
    uint64_t *written; /* version that is known to be there whole; 0: not known */
    uint32_t *queue;   /* ring of `skus` numbers */
    size_t head, queued;
    size_t flying;
    size_t open[2]; /* queued or flying, by generation */
    unsigned now;   /* the generation that marks go to */
};

void dirty_finish(struct dirty_set *d);
/* Room for SKUs numbered below `skus`; ERROR_NOMEM leaves all as it was. */
int dirty_reserve(struct dirty_set *d, size_t skus);

/* The SKU has to be written; `whole`: not only the rows that are newer than what is there. */
void dirty_mark(struct dirty_set *d, uint32_t sku, bool whole);
/* The next one to write; it flies until dirty_done or dirty_again. False when there is none. */
bool dirty_take(struct dirty_set *d, uint32_t *ret_sku);
/* The version of it that is known to be there; 0: it has to be written whole. */
uint64_t dirty_base(const struct dirty_set *d, uint32_t sku);
/* It was written as of `version`. */
void dirty_done(struct dirty_set *d, uint32_t sku, uint64_t version);
/* It was not: it goes back, and as old as it was. */
void dirty_retry(struct dirty_set *d, uint32_t sku);
/* Nobody knows: it goes back, and is written whole. */
void dirty_again(struct dirty_set *d, uint32_t sku);
/* Of every SKU that has room, this version is there whole. (Marks nothing.) */
void dirty_assume(struct dirty_set *d, uint64_t version);
/* Nothing is known about the outside any more. (Marks nothing.) */
void dirty_forget(struct dirty_set *d);

/* Has everything of the closed generation been written? */
bool dirty_settled(const struct dirty_set *d);
/* Closes the present generation. Only when the one before is settled. */
void dirty_close(struct dirty_set *d);

static inline size_t dirty_count(const struct dirty_set *d)
{
    return d->queued + d->flying;
}

#endif
