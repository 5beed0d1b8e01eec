/* What apply keeps of each location beside the catalogue: when it was last heard of and last counted, whether
 * it has been silent for too long, and how many rows there are in use. */
#ifndef CORE_MODEL_PLACES_H
#define CORE_MODEL_PLACES_H

#include "base/buffer.h"
#include "core/model/instant.h"

#include <stdatomic.h>

enum { PLACES_CHUNK = 4096, PLACES_CHUNKS = 1024 };

struct place_facts {
    _Atomic instant_t heard_at;         /* 0: never. release by the writer, acquire by readers */
    _Atomic instant_t counted_at;       /* as_of of the newest count of any row there; else like heard_at */
    _Atomic instant_t counted_whole_at; /* of the newest count of all that is there */
    /* twice the offset of the record that last made it stale or not, + 1 while it is stale; 0: it never was.
     * Pairs like heard_at. */
    _Atomic uint64_t silence;
    _Atomic instant_t stale_since; /* meaningful while stale; stored before `silence` */
    uint32_t rows_in_use;          /* with stock or demand; the writer's */
};

/* A location's silence: a flag with a version. */
struct place_silence {
    bool stale;
    uint64_t offset; /* of the record that last changed it; 0: none did */
    instant_t since; /* while stale: when its silence became too long. Else INSTANT_NONE */
};

/* Zero-initialised is empty and valid. Chunks never move, so that readers need no epoch. */
struct places {
    struct place_facts *_Atomic chunks[PLACES_CHUNKS]; /* release: pairs with the acquire in places_heard */
    uint32_t count;                                    /* locations up to here may be known */
    uint32_t stale;                                    /* how many are; the writer's */
};

int places_reserve(struct places *p, uint32_t location); /* ERROR_NOMEM, ERROR_LIMIT */
void places_finish(struct places *p);
/* @thread writer, after places_reserve */
void places_hear(struct places *p, uint32_t location, instant_t at);
void places_note_count(struct places *p, uint32_t location, instant_t as_of);
void places_note_whole_count(struct places *p, uint32_t location, instant_t as_of);
/* Stale since then; INSTANT_NONE: not stale any more. */
void places_set_stale(struct places *p, uint32_t location, instant_t since, uint64_t offset);
void places_count(struct places *p, uint32_t location, int rows);
uint32_t places_rows_in_use(const struct places *p, uint32_t location);
/* @thread any. INSTANT_NONE: never */
instant_t places_heard(const struct places *p, uint32_t location);
instant_t places_counted(const struct places *p, uint32_t location);
instant_t places_counted_whole(const struct places *p, uint32_t location);
struct place_silence places_silence(const struct places *p, uint32_t location);
static inline bool places_is_stale(const struct places *p, uint32_t location)
{
    return places_silence(p, location).stale;
}
/* ---- for image.c: two sections, whole at the cut. ERROR_CORRUPT, ERROR_NOMEM ---- */
void places_save(const struct places *p, struct buffer *out);
int places_load(struct places *p, const void *bytes, size_t length);
void places_save_silence(const struct places *p, struct buffer *out);
int places_load_silence(struct places *p, const void *bytes, size_t length);

#endif
