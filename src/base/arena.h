/* Memory that is given out piece by piece and taken back all at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/text.h"

struct arena_block;

/* Zero-initialised is empty and valid. Not shared between threads. */
struct arena {
    struct arena_block *blocks; /* newest first */
    char *next, *end;
    size_t used_bytes; /* given out since the last reset */
    size_t most_bytes; /* arena_alloc answers NULL beyond it; 0: no bound */
    char *lent;        /* the caller's: used before anything is allocated */
    size_t lent_bytes;
};

/* Memory of the caller's to begin with, so that small rounds allocate nothing: 16-byte aligned, and to
 * outlive the arena. @thread the arena's; before the first arena_alloc. */
static inline void arena_lend(struct arena *a, char *memory, size_t bytes)
{
    a->lent = a->next = memory;
    a->lent_bytes = bytes;
    a->end = memory + bytes;
}

/* 16-byte aligned, not zeroed; NULL past the bound or without memory. */
void *arena_alloc(struct arena *a, size_t bytes);
/* Why arena_alloc said no: ERROR_LIMIT past the bound, else ERROR_NOMEM. */
int arena_error(const struct arena *a, size_t bytes);
void *arena_zalloc(struct arena *a, size_t bytes);
/* Grows the array that `array` points at (a T **) from `from` to `to` elements of `size` bytes, the new ones
 * not zeroed; its old place stays taken until the reset. False when arena_alloc says no: the array is as it
 * was. */
bool arena_grow(struct arena *a, void *array, size_t from, size_t to, size_t size);
/* A copy with a NUL behind it (not counted); at = NULL when there is no memory and t is not empty. */
struct text arena_text(struct arena *a, struct text t);
/* Takes everything back and keeps what the next round is likely to need: one block as large as all were. */
void arena_reset(struct arena *a);
void arena_finish(struct arena *a);

#endif
