/* Products by name: each with an array of its SKUs' numbers, which grows at its end for readers to see; who
 * leaves leaves a hole. When it is full, or has more holes than SKUs, it is built anew beside itself. */
#include "core/model/products.h"

#include "base/error.h"
#include "base/hash.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };
#define HOLE UINT32_MAX

struct list {
    uint32_t capacity;
    _Atomic uint32_t count;    /* release: pairs with the acquire of readers, who see the numbers before it */
    _Atomic uint32_t number[]; /* relaxed: each stands for itself */
};

struct product {
    struct chain chain;          /* first */
    _Atomic(struct list *) list; /* release, acquire */
    uint32_t skus;
    struct product *next, **from; /* of all products */
    struct text name;             /* behind the struct */
};

int products_init(struct products *p, struct epoch *e)
{
    *p = (struct products){e, chains_create(e), NULL};
    return p->chains ? 0 : ERROR_NOMEM;
}

void products_finish(struct products *p)
{
    while (p->first) {
        struct product *one = p->first;
        p->first = one->next;
        free(atomic_load_explicit(&one->list, memory_order_relaxed));
        free(one);
    }
    chains_destroy(p->chains);
    p->chains = NULL;
}

static struct product *find(const struct products *p, struct text name)
{
    uint64_t hash = hash_text(name);
    struct chains_walk w;

    for (chains_first(p->chains, hash, &w); w.at; chains_next(&w)) {
        const struct product *one = (const struct product *)w.at;
        if (w.at->hash == hash && text_equal(one->name, name))
            return (struct product *)(uintptr_t)one;
    }
    return NULL;
}

size_t products_skus(const struct products *p, struct text product, uint32_t *ret, size_t most)
{
    const struct product *one = product.length ? find(p, product) : NULL;
    size_t found = 0;

    if (!one)
        return 0;
    const struct list *l = atomic_load_explicit(&one->list, memory_order_acquire);
    uint32_t count = atomic_load_explicit(&l->count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = atomic_load_explicit(&l->number[i], memory_order_relaxed);
        if (number == HOLE)
            continue;
        if (found < most)
            ret[found] = number;
        found++;
    }
    return found;
}

/* ---- changing ---- */

static struct list *list_make(uint32_t capacity)
{
    struct list *l = malloc(sizeof(*l) + capacity * sizeof(l->number[0]));

    if (l) {
        l->capacity = capacity;
        atomic_init(&l->count, 0);
    }
    return l;
}

static void append(struct list *l, uint32_t number)
{
    uint32_t count = atomic_load_explicit(&l->count, memory_order_relaxed);

    atomic_store_explicit(&l->number[count], number, memory_order_relaxed);
    atomic_store_explicit(&l->count, count + 1, memory_order_release);
}

/* The SKUs alone, in a list with room for one more. */
static int build_anew(struct products *p, struct product *one)
{
    struct list *old = atomic_load_explicit(&one->list, memory_order_relaxed);
    struct list *l = list_make(one->skus < FIRST_CAPACITY / 2 ? FIRST_CAPACITY : 2 * one->skus);

    if (!l)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < atomic_load_explicit(&old->count, memory_order_relaxed); i++) {
        uint32_t number = atomic_load_explicit(&old->number[i], memory_order_relaxed);
        if (number != HOLE)
            append(l, number);
    }
    atomic_store_explicit(&one->list, l, memory_order_release);
    epoch_retire(p->epoch, old, free);
    return 0;
}

static int make(struct products *p, struct text name)
{
    struct product *one = malloc(sizeof(*one) + name.length);
    struct list *l = list_make(FIRST_CAPACITY);

    if (!one || !l || chains_reserve(p->chains)) {
        free(one);
        free(l);
        return ERROR_NOMEM;
    }
    *one = (struct product){.name = {(char *)(one + 1), name.length}, .next = p->first, .from = &p->first};
    memcpy(one + 1, name.at, name.length);
    atomic_init(&one->list, l);
    if (p->first)
        p->first->from = &one->next;
    p->first = one;
    chains_insert(p->chains, &one->chain, hash_text(name));
    return 0;
}

int products_reserve(struct products *p, struct text product)
{
    struct product *one = find(p, product);

    if (!one)
        return make(p, product);
    const struct list *l = atomic_load_explicit(&one->list, memory_order_relaxed);
    return atomic_load_explicit(&l->count, memory_order_relaxed) < l->capacity ? 0 : build_anew(p, one);
}

void products_add(struct products *p, struct text product, uint32_t sku)
{
    struct product *one = find(p, product);

    append(atomic_load_explicit(&one->list, memory_order_relaxed), sku);
    one->skus++;
}

static void dig_hole(struct list *l, uint32_t sku)
{
    uint32_t count = atomic_load_explicit(&l->count, memory_order_relaxed);

    for (uint32_t i = 0; i < count; i++)
        if (atomic_load_explicit(&l->number[i], memory_order_relaxed) == sku) {
            atomic_store_explicit(&l->number[i], HOLE, memory_order_relaxed);
            return;
        }
}

static void drop(struct products *p, struct product *one)
{
    chains_remove(p->chains, &one->chain);
    *one->from = one->next;
    if (one->next)
        one->next->from = one->from;
    epoch_retire(p->epoch, atomic_load_explicit(&one->list, memory_order_relaxed), free);
    epoch_retire(p->epoch, one, free);
}

void products_remove(struct products *p, struct text product, uint32_t sku)
{
    struct product *one = find(p, product);
    struct list *l = atomic_load_explicit(&one->list, memory_order_relaxed);

    dig_hole(l, sku);
    one->skus--;
    if (!one->skus)
        drop(p, one);
    else if (atomic_load_explicit(&l->count, memory_order_relaxed) / 2 > one->skus)
        build_anew(p, one); /* without memory it stays as it is */
}
