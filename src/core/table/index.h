/* A flat index from texts to numbers: one writer, any number of readers that never wait. Grows beside itself.
 */
#ifndef CORE_TABLE_INDEX_H
#define CORE_TABLE_INDEX_H

#include "base/text.h"
#include "core/table/epoch.h"

struct index;
#define INDEX_NONE UINT32_MAX

/* Says whether entry `id` has this text. Asked only about texts of more than 15 bytes: of those the index
 * keeps 64 bits of hash, shorter ones whole. @thread any */
typedef bool (*index_equal)(const void *owner, uint32_t id, struct text t);

/* NULL without memory. `expected` is only a hint. */
struct index *index_create(struct epoch *e, size_t expected, index_equal equal, const void *owner);
void index_destroy(struct index *i); /* @thread writer, when no reader can look any more; takes NULL */

/* @thread any, inside an epoch section (or the writer). `hash` is hash_text(t). INDEX_NONE when not there. */
uint32_t index_find(const struct index *i, struct text t, uint64_t hash);
void index_prefetch(const struct index *i, uint64_t hash);
/* @thread writer. The text must not be there yet, and `equal` must know `id` (below INDEX_NONE) already.
 * ERROR_NOMEM leaves all as it was. Growth is spread over the following insertions: no call moves more than a
 * few dozen entries, whatever the size. */
int index_insert(struct index *i, uint32_t id, struct text t, uint64_t hash, uint64_t hint);
size_t index_bytes(const struct index *i); /* @thread writer */

/* ---- A hint: one word that lies beside the entry and comes with it, for an owner that wants to go where the
 * number leads before it has looked the number up. It may be stale: what it leads to must be given back
 * through the epoch, and say itself that it is left. ---- */
/* @thread any: the hint of the first entry with this hash (almost always the right one), 0 when it is not
 * where it is looked for first. For prefetching. */
uint64_t index_hint(const struct index *i, uint64_t hash, uint32_t *ret_id);
/* @thread writer. */
void index_set_hint(struct index *i, uint32_t id, struct text t, uint64_t hash, uint64_t hint);

#endif
