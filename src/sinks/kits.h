/* Which kits a SKU is a component of: what a kit shows changes when a component's rows do, and nobody changed
 * the kit. Only grows: a kit that lost a component is looked at once too often, never once too few. One
 * thread's own. */
#ifndef SINKS_KITS_H
#define SINKS_KITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kit_pair {
    uint64_t component; /* hash_text of its SKU */
    uint32_t kit;       /* number of the kit's SKU, plus 1; 0: no pair */
};

/* Zero-initialised is empty and valid. */
struct kits {
    struct kit_pair *pairs; /* open addressing, by component */
    size_t capacity, count;
};

int kits_add(struct kits *k, uint64_t component, uint32_t kit); /* ERROR_NOMEM */
/* Calls `each` for every kit that this may be a component of. */
void kits_of(const struct kits *k, uint64_t component, void (*each)(void *context, uint32_t kit),
             void *context);
/* Was that pair ever added? */
bool kits_have(const struct kits *k, uint64_t component, uint32_t kit);
void kits_finish(struct kits *k);

#endif
