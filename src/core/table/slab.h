/* Blocks of rows, cut from large runs of pages: no header a block, given back to any other size once a slab
 * is empty. */
#ifndef CORE_TABLE_SLAB_H
#define CORE_TABLE_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_BYTES = 64 * 1024, SLAB_BLOCK_MOST = 8 * 1024, SLAB_CLASSES = 64 };

struct region;
struct slab;

/* Zero-initialised is empty and valid. @thread writer, all of it. */
struct slabs {
    struct region *regions;             /* newest first */
    struct slab *empty;                 /* without any block */
    struct slab *partial[SLAB_CLASSES]; /* with room for another block of that class */
    size_t used_bytes;                  /* of slabs that hold blocks, and of the regions' own books */
};

/* `bytes` (a multiple of 16, at most SLAB_BLOCK_MOST) aligned to 16, and to 64 where it is a multiple of
 * that, not zeroed; always the same for a class (below SLAB_CLASSES). NULL without memory. */
void *slab_alloc(struct slabs *s, unsigned class, size_t bytes);
/* Gives a block back; it knows its slabs. */
void slab_free(void *block);
void slabs_finish(struct slabs *s); /* all at once, whatever is still in use */

#endif
