/* Pairs of component and kit in a flat table. */
#include "sinks/kits.h"
#include "base/error.h"

#include <stdlib.h>

/* Where the pair is or would be; equal components lie one after another. */
static struct kit_pair *find(const struct kits *k, uint64_t component, uint32_t kit)
{
    size_t at = component & (k->capacity - 1);

    while (k->pairs[at].kit && (k->pairs[at].component != component || k->pairs[at].kit != kit + 1))
        at = (at + 1) & (k->capacity - 1);
    return &k->pairs[at];
}

static int grow(struct kits *k)
{
    struct kits larger = {.capacity = k->capacity ? k->capacity * 2 : 64, .count = k->count};

    larger.pairs = calloc(larger.capacity, sizeof(*larger.pairs));
    if (!larger.pairs)
        return ERROR_NOMEM;
    for (size_t i = 0; i < k->capacity; i++)
        if (k->pairs[i].kit)
            *find(&larger, k->pairs[i].component, k->pairs[i].kit - 1) = k->pairs[i];
    free(k->pairs);
    *k = larger;
    return 0;
}

int kits_add(struct kits *k, uint64_t component, uint32_t kit)
{
    if (k->count * 2 >= k->capacity && grow(k) != 0)
        return ERROR_NOMEM;
    struct kit_pair *pair = find(k, component, kit);
    k->count += pair->kit == 0;
    *pair = (struct kit_pair){component, kit + 1};
    return 0;
}

void kits_of(const struct kits *k, uint64_t component, void (*each)(void *context, uint32_t kit),
             void *context)
{
    if (!k->count)
        return;
    for (size_t at = component & (k->capacity - 1); k->pairs[at].kit; at = (at + 1) & (k->capacity - 1))
        if (k->pairs[at].component == component)
            each(context, k->pairs[at].kit - 1);
}

bool kits_have(const struct kits *k, uint64_t component, uint32_t kit)
{
    return k->count && find(k, component, kit)->kit;
}

void kits_finish(struct kits *k)
{
    free(k->pairs);
    *k = (struct kits){0};
}
