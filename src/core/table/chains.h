/* Objects by hash, with objects that come and go: one writer, readers that never wait. Grows beside itself;
 * what is taken out may be freed once no reader can see it. */
#ifndef CORE_TABLE_CHAINS_H
#define CORE_TABLE_CHAINS_H

#include "core/table/epoch.h"

#include <stdatomic.h>
#include <stdint.h>

/* Embedded in what is found. */
struct chain {
    uint64_t hash;
    _Atomic(struct chain *) next[2];  /* release: pairs with the acquire in chains_first and chains_next */
    _Atomic(struct chain *) *from[2]; /* the writer's: what points at it */
};

struct chains;
struct chains_table;

struct chains *chains_create(struct epoch *e); /* NULL without memory */
void chains_destroy(struct chains *c); /* looks at no object; takes NULL. @thread writer, when nobody looks */

/* ---- @thread any, inside an epoch section (or the writer) ---- */
/* All that have this hash's place, one after the other, the hash to be compared by the caller. */
struct chains_walk {
    const struct chain *at;
    int side;
};
void chains_first(const struct chains *c, uint64_t hash, struct chains_walk *ret);
static inline void chains_next(struct chains_walk *w)
{
    w->at = atomic_load_explicit(&w->at->next[w->side], memory_order_acquire);
}

/* ---- @thread writer ---- */
/* Room for one more. ERROR_NOMEM leaves all as it was. */
int chains_reserve(struct chains *c);
void chains_insert(struct chains *c, struct chain *object, uint64_t hash); /* after chains_reserve */
void chains_remove(struct chains *c, struct chain *object);                /* to be freed by epoch_retire */
/* It has more objects than buckets and may not grow before epoch_poll has given the table before back. */
bool chains_are_long(const struct chains *c);
uint64_t chains_count(const struct chains *c);
size_t chains_bytes(const struct chains *c);

#endif
