/* Bump allocation in a chain of blocks. */
#include "base/arena.h"

#include "base/error.h"

#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, KEPT_BYTES_MOST = 16 * BLOCK_BYTES, ALIGN = 16 };

struct arena_block {
    struct arena_block *older;
    size_t bytes;
    _Alignas(16) char data[];
};

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t need = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    if (need < bytes || (a->most_bytes && need > a->most_bytes - a->used_bytes))
        return NULL;
    if (!a->next || need > (size_t)(a->end - a->next)) {
        size_t room = need > BLOCK_BYTES ? need : BLOCK_BYTES;
        struct arena_block *b = malloc(sizeof(*b) + room);
        if (!b)
            return NULL;
        b->older = a->blocks;
        b->bytes = room;
        a->blocks = b;
        a->next = b->data;
        a->end = b->data + room;
    }
    void *piece = a->next;
    a->next += need;
    a->used_bytes += need;
    return piece;
}

int arena_error(const struct arena *a, size_t bytes)
{
    return a->most_bytes && bytes > a->most_bytes - a->used_bytes ? ERROR_LIMIT : ERROR_NOMEM;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    void *piece = arena_alloc(a, bytes);
    return piece ? memset(piece, 0, bytes) : NULL;
}

bool arena_grow(struct arena *a, void *array, size_t from, size_t to, size_t size)
{
    void **at = array, *grown = arena_alloc(a, to * size);

    if (!grown)
        return false;
    if (from)
        memcpy(grown, *at, from * size);
    *at = grown;
    return true;
}

struct text arena_text(struct arena *a, struct text t)
{
    char *copy = arena_alloc(a, t.length + 1);

    if (!copy)
        return (struct text){0};
    if (t.length)
        memcpy(copy, t.at, t.length);
    copy[t.length] = '\0';
    return (struct text){copy, t.length};
}

static void free_chain(struct arena_block *b)
{
    while (b) {
        struct arena_block *older = b->older;
        free(b);
        b = older;
    }
}

/* A block that is as large as all of them together; one huge round must not keep its memory for ever. */
static struct arena_block *make_one(struct arena_block *blocks)
{
    size_t bytes = 0;

    for (const struct arena_block *b = blocks; b; b = b->older)
        bytes += b->bytes;
    if (bytes <= KEPT_BYTES_MOST && !blocks->older)
        return blocks;
    free_chain(blocks);
    struct arena_block *one = bytes <= KEPT_BYTES_MOST ? malloc(sizeof(*one) + bytes) : NULL;
    if (one)
        *one = (struct arena_block){.bytes = bytes};
    return one;
}

void arena_reset(struct arena *a)
{
    a->used_bytes = 0;
    if (a->blocks && !a->lent)
        a->blocks = make_one(a->blocks);
    if (a->lent) {
        free_chain(a->blocks);
        a->blocks = NULL;
    }
    a->next = a->lent ? a->lent : a->blocks ? a->blocks->data : NULL;
    a->end = a->lent ? a->lent + a->lent_bytes : a->blocks ? a->blocks->data + a->blocks->bytes : NULL;
}

void arena_finish(struct arena *a)
{
    if (!a)
        return;
    free_chain(a->blocks);
    a->blocks = NULL;
    a->next = a->end = a->lent = NULL;
    a->used_bytes = a->lent_bytes = 0;
}
