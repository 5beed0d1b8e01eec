/* What apply keeps of each location beside the catalogue: when it was last heard of, and how many rows there
 * are in use. */
#ifndef CORE_MODEL_PLACES_H
#define CORE_MODEL_PLACES_H

#include "base/buffer.h"
#include "core/model/instant.h"

#include <stdatomic.h>

enum { PLACES_CHUNK = 4096, PLACES_CHUNKS = 1024 };

struct place_facts {
    _Atomic instant_t heard_at; /* 0: never. release by the writer, acquire by readers */
    uint32_t rows_in_use;       /* with stock or demand; the writer's */
};

/* Zero-initialised is empty and valid. Chunks never move, so that readers need no epoch. */
struct places {
    struct place_facts *_Atomic chunks[PLACES_CHUNKS]; /* release: pairs with the acquire in places_heard */
    uint32_t count;                                    /* locations up to here may be known */
};

int places_reserve(struct places *p, uint32_t location); /* ERROR_NOMEM, ERROR_LIMIT */
void places_finish(struct places *p);
/* @thread writer, after places_reserve */
void places_hear(struct places *p, uint32_t location, instant_t at);
void places_count(struct places *p, uint32_t location, int rows);
uint32_t places_rows_in_use(const struct places *p, uint32_t location);
/* @thread any. INSTANT_NONE: never */
instant_t places_heard(const struct places *p, uint32_t location);
void places_save(const struct places *p, struct buffer *out);
int places_load(struct places *p, const void *bytes, size_t length);

#endif
