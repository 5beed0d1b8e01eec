/* Regions of 32 MiB, aligned, so that a block's address leads to its books; slabs of 64 KiB, each of one size
 * at a time.
 *
 * Rows come one by one and blocks grow with them: a table of ten rows a SKU has once been a table of one row
 * a SKU, and of two. Lists per size alone would keep all those bytes; a slab whose last block was freed goes
 * back to all sizes. */
#include "core/table/slab.h"

#include "core/table/pages.h"

enum {
    REGION_BYTES = 32 << 20,
    REGION_SLABS = REGION_BYTES / SLAB_BYTES,
};

struct slab {
    struct slab *next, *previous; /* in slabs.partial[class] or slabs.empty (next only) */
    void *free;                   /* blocks given back, linked through their first word */
    uint32_t cut_bytes;           /* from here on the slab was never handed out */
    uint16_t live;
    uint16_t class;
    uint32_t block_bytes;
};

struct region { /* lies in the region's first slab */
    struct slabs *owner;
    struct region *older;
    struct slab slab[REGION_SLABS]; /* [0] is the books' own */
};
_Static_assert(sizeof(struct region) <= SLAB_BYTES, "the books fit into the first slab");

static struct region *region_of(const void *address)
{
    return (struct region *)((uintptr_t)address & ~(uintptr_t)(REGION_BYTES - 1));
}

static struct slab *slab_of(const void *block)
{
    struct region *r = region_of(block);
    return &r->slab[((uintptr_t)block - (uintptr_t)r) / SLAB_BYTES];
}

static char *slab_memory(const struct slab *s)
{
    struct region *r = region_of(s);
    return (char *)r + (size_t)(s - r->slab) * SLAB_BYTES;
}

static int region_add(struct slabs *s)
{
    struct region *r = pages_map(REGION_BYTES, REGION_BYTES, false);
    size_t small = s->regions ? 0 : HUGE_PAGE_BYTES; /* a small table stays small */

    if (!r)
        return -1;
    pages_advise_huge((char *)r + small, REGION_BYTES - small);
    r->owner = s;
    r->older = s->regions;
    s->regions = r;
    s->used_bytes += SLAB_BYTES;
    for (int k = REGION_SLABS - 1; k > 0; k--) {
        r->slab[k].next = s->empty;
        s->empty = &r->slab[k];
    }
    return 0;
}

static void partial_add(struct slabs *s, struct slab *slab)
{
    struct slab **head = &s->partial[slab->class];

    slab->previous = NULL;
    slab->next = *head;
    if (*head)
        (*head)->previous = slab;
    *head = slab;
}

static void partial_remove(struct slabs *s, struct slab *slab)
{
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        s->partial[slab->class] = slab->next;
    if (slab->next)
        slab->next->previous = slab->previous;
}

static bool is_full(const struct slab *slab)
{
    return !slab->free && slab->cut_bytes + slab->block_bytes > SLAB_BYTES;
}

static struct slab *slab_begin(struct slabs *s, unsigned class, size_t bytes)
{
    if (!s->empty && region_add(s) != 0)
        return NULL;
    struct slab *slab = s->empty;
    s->empty = slab->next;
    *slab = (struct slab){.class = (uint16_t) class, .block_bytes = (uint32_t)bytes};
    s->used_bytes += SLAB_BYTES;
    partial_add(s, slab);
    return slab;
}

void *slab_alloc(struct slabs *s, unsigned class, size_t bytes)
{
    struct slab *slab = s->partial[class];

    if (!slab)
        slab = slab_begin(s, class, bytes);
    if (!slab)
        return NULL;
    void *block = slab->free;
    if (block) {
        slab->free = *(void **)block;
    } else {
        block = slab_memory(slab) + slab->cut_bytes;
        slab->cut_bytes += slab->block_bytes;
    }
    slab->live++;
    if (is_full(slab))
        partial_remove(s, slab);
    return block;
}

void slab_free(void *block)
{
    struct slabs *s = region_of(block)->owner;
    struct slab *slab = slab_of(block);

    if (is_full(slab))
        partial_add(s, slab);
    *(void **)block = slab->free;
    slab->free = block;
    if (--slab->live > 0)
        return;
    partial_remove(s, slab);
    slab->next = s->empty;
    s->empty = slab;
    s->used_bytes -= SLAB_BYTES;
}

void slabs_finish(struct slabs *s)
{
    while (s->regions) {
        struct region *older = s->regions->older;
        pages_unmap(s->regions, REGION_BYTES);
        s->regions = older;
    }
    *s = (struct slabs){0};
}
