/* The newest event ids, by count: a queue of 24 bytes an id and an index of 13 bytes an id over it. */
#ifndef CORE_MODEL_ID_MEMORY_H
#define CORE_MODEL_ID_MEMORY_H

#include "core/model/bytes.h"
#include "core/model/instant.h"
#include "core/model/tag_index.h"

enum { IDS_A_CHUNK = 4096 };

struct id_chunk;

/* Ids are numbered in the order they were remembered; those of [oldest, next) are known. Zero-initialised but for `most` is empty and valid. */
struct id_memory {
    uint64_t oldest, next;
    uint64_t most;
    instant_t forgotten_at;   /* the greatest instant of an id ever forgotten; INSTANT_NONE */
    uint64_t directory;       /* a power of two: chunk k lies at chunks[k & (directory - 1)] */
    struct id_chunk **chunks;
    uint32_t spare_count;
    struct id_chunk *spare;   /* a list */
    struct tag_index index;
    void (*before_drop)(void *context, uint64_t chunk); /* a chunk all of whose ids were forgotten; NULL: nobody looks on */
    void *before_context;
};

void id_memory_finish(struct id_memory *m);
bool id_memory_has(const struct id_memory *m, struct hash128 id, uint32_t tag);
/* Memory for `more` ids: until they came, id_memory_add cannot fail. ERROR_NOMEM. */
int id_memory_reserve(struct id_memory *m, uint64_t more);
/* Remembers an id that is not known yet and forgets what is too much, at most a few a call. */
void id_memory_add(struct id_memory *m, struct hash128 id, uint32_t tag, instant_t at);
uint64_t id_memory_bytes(const struct id_memory *m);

/* ---- images: a chunk's part of [oldest, next) as it was at the cut ---- */
static inline uint64_t id_chunk_of(uint64_t number) { return number / IDS_A_CHUNK; }
/* Nothing is written when the chunk holds none of them. */
void id_memory_save(const struct id_memory *m, uint64_t chunk, uint64_t oldest, uint64_t next, struct buffer *out);
/* Sets what will be known; chunks follow in any order. ERROR_CORRUPT, ERROR_NOMEM. */
int id_memory_load_begin(struct id_memory *m, uint64_t oldest, uint64_t next);
int id_memory_load(struct id_memory *m, struct bytes *in);
/* Did every chunk come? */
bool id_memory_is_whole(const struct id_memory *m);

#endif
