/* Equal-sized objects by number, in chunks that never move; what was given back is used again first. Writer only. */
#ifndef CORE_MODEL_POOL_H
#define CORE_MODEL_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_CHUNK = 256 };
#define POOL_NONE UINT32_MAX

/* Set `size` (at least 4 bytes), leave the rest zero. */
struct pool {
    uint32_t size;
    uint32_t count; /* numbers ever given out: [0, count) */
    uint32_t free_count, free_first; /* given back: a list through their first bytes */
    uint32_t chunks_count, chunks_capacity;
    char **chunks;
};

static inline void *pool_at(const struct pool *p, uint32_t number)
{
    return p->chunks[number / POOL_CHUNK] + (size_t)(number % POOL_CHUNK) * p->size;
}

/* Memory for `more` objects: the next that many calls of pool_take cannot fail. */
static inline bool pool_reserve(struct pool *p, uint32_t more)
{
    while (p->free_count + p->chunks_count * POOL_CHUNK - p->count < more) {
        if (p->chunks_count == p->chunks_capacity) {
            uint32_t capacity = p->chunks_capacity ? 2 * p->chunks_capacity : 16;
            char **grown = realloc(p->chunks, capacity * sizeof(*grown));
            if (!grown)
                return false;
            p->chunks = grown;
            p->chunks_capacity = capacity;
        }
        char *chunk = malloc((size_t)POOL_CHUNK * p->size);
        if (!chunk)
            return false;
        p->chunks[p->chunks_count++] = chunk;
    }
    return true;
}

/* After pool_reserve. Zeroed. */
static inline uint32_t pool_take(struct pool *p)
{
    uint32_t number = p->count;

    if (p->free_count) {
        number = p->free_first;
        memcpy(&p->free_first, pool_at(p, number), sizeof(p->free_first));
        p->free_count--;
    } else {
        p->count++;
    }
    memset(pool_at(p, number), 0, p->size);
    return number;
}

static inline void pool_give(struct pool *p, uint32_t number)
{
    memset(pool_at(p, number), 0, p->size);
    memcpy(pool_at(p, number), &p->free_first, sizeof(p->free_first));
    p->free_first = number;
    p->free_count++;
}

static inline uint64_t pool_bytes(const struct pool *p)
{
    return (uint64_t)p->chunks_count * POOL_CHUNK * p->size;
}

static inline void pool_finish(struct pool *p)
{
    for (uint32_t i = 0; i < p->chunks_count; i++)
        free(p->chunks[i]);
    free(p->chunks);
    *p = (struct pool){.size = p->size};
}

#endif
