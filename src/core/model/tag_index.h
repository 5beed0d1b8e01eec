/* A flat index from 32-bit tags to 32-bit values, for the writer's own memories: 8 bytes an entry, entries ordered by tag.
 *
 * Linear probing where the place of an entry grows with its tag. So a search ends at the first greater tag, and growing is a merge: the old table is
 * moved front to back, a few slots with each insertion; tags below `boundary` live in the new table, the others still in the old one. No call stalls. */
#ifndef CORE_MODEL_TAG_INDEX_H
#define CORE_MODEL_TAG_INDEX_H

#include "base/hash.h"

struct tag_table {
    uint64_t *at;        /* tag in the high half, value in the low; 0: free */
    uint64_t homes;      /* a tag's home is tag · homes / 2^32 */
};

struct tag_index {
    struct tag_table now, old; /* old.at: NULL unless it is growing */
    uint64_t moved;            /* slots of the old table that were moved: free, and never used again */
    uint64_t given_back;       /* slots of the old table that went back to the machine */
    uint64_t boundary;         /* the first tag that is still in the old table */
    uint64_t count;
};

/* Is `value` the one that is looked for? Asked only where the tags are equal. */
typedef bool (*tag_equal)(const void *owner, uint32_t value, const void *key);

enum { TAG_NONE_FOUND = -1 };

/* The tag of a stable hash: keyed with this process's seed, so that nobody can choose ids that crowd one place. Never 0. */
static inline uint32_t tag_of(struct hash128 h)
{
    uint32_t tag = (uint32_t)(hash_text((struct text){(const char *)&h, sizeof(h)}) >> 32);
    return tag ? tag : 1;
}

void tag_index_finish(struct tag_index *i);
/* Memory for `more` insertions: until they are done, insert cannot fail. `most` (0: none) is how many entries are ever expected. ERROR_NOMEM. */
int tag_index_reserve(struct tag_index *i, uint64_t more, uint64_t most);
/* The value, or TAG_NONE_FOUND. */
int64_t tag_index_find(const struct tag_index *i, uint32_t tag, tag_equal equal, const void *owner, const void *key);
/* After tag_index_reserve. */
void tag_index_insert(struct tag_index *i, uint32_t tag, uint32_t value);
/* The entry must be there. */
void tag_index_remove(struct tag_index *i, uint32_t tag, uint32_t value);
uint64_t tag_index_bytes(const struct tag_index *i);

static inline void tag_index_prefetch(const struct tag_index *i, uint32_t tag)
{
    const struct tag_table *t = i->old.at && tag >= i->boundary ? &i->old : &i->now;
    if (t->at)
        __builtin_prefetch(&t->at[tag * t->homes >> 32]);
}

#endif
