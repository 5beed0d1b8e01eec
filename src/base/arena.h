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
};

/* 16-byte aligned, not zeroed; NULL past the bound or without memory. */
void *arena_alloc(struct arena *a, size_t bytes);
/* Why arena_alloc said no: ERROR_LIMIT past the bound, else ERROR_NOMEM. */
int arena_error(const struct arena *a, size_t bytes);
void *arena_zalloc(struct arena *a, size_t bytes);
/* A copy with a NUL behind it (not counted); at = NULL when there is no memory and t is not empty. */
struct text arena_text(struct arena *a, struct text t);
/* Takes everything back and keeps one block for the next round. */
void arena_reset(struct arena *a);
void arena_finish(struct arena *a);

#endif
