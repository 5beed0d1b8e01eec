/* The memory of repeats as sections of an image: for image.c. */
#ifndef CORE_MODEL_REPEATS_IMAGE_H
#define CORE_MODEL_REPEATS_IMAGE_H

#include "core/model/bytes.h"
#include "core/model/repeats.h"

struct repeats_watcher {
    void *context;
    void (*before_drop)(void *context, uint64_t chunk);     /* a chunk of ids is about to go */
    void (*before_source)(void *context, uint32_t source);  /* a source is about to change, go, or take a free number */
};

/* NULL: nobody looks on any more. */
void repeats_watch(struct repeats *r, const struct repeats_watcher *w);

struct repeats_span { /* what there is, at a cut */
    uint64_t oldest, next; /* ids: chunks id_chunk_of(oldest) to id_chunk_of(next) may hold some */
    uint32_t sources;      /* numbers below may be sources */
};
struct repeats_span repeats_span(const struct repeats *r);

void repeats_save_header(const struct repeats *r, struct buffer *out);
/* The chunk's ids as they were at the cut; nothing when it had none. */
void repeats_save_ids(const struct repeats *r, uint64_t chunk, const struct repeats_span *cut, struct buffer *out);
/* Nothing where there is no source. */
void repeats_save_source(const struct repeats *r, uint32_t number, struct buffer *out);

/* The header first. ERROR_CORRUPT, ERROR_NOMEM. */
int repeats_load_header(struct repeats *r, struct bytes *in);
int repeats_load_ids(struct repeats *r, struct bytes *in);
int repeats_load_source(struct repeats *r, struct bytes *in);
int repeats_load_finish(struct repeats *r);

#endif
