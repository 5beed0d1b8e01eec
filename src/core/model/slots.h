/* Numbered objects for lock-free readers: an array of pointers in segments that never move, so that it grows without copying. One writer. */
#ifndef CORE_MODEL_SLOTS_H
#define CORE_MODEL_SLOTS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLOTS_FIRST_BITS = 6, SLOTS_SEGMENTS = 26 };

/* Segment s holds 64 · 2^s pointers: all numbers below 2^32 have their place. Zero-initialised is empty and valid. */
struct slots {
    _Atomic uint32_t count; /* release: pairs with the acquire in slots_get, so that whoever sees a number sees its object */
    _Atomic(_Atomic(const void *) *) segment[SLOTS_SEGMENTS];
};

static inline uint32_t slots_segment_of(uint32_t number, uint32_t *ret_at)
{
    uint64_t shifted = (uint64_t)number + (1u << SLOTS_FIRST_BITS);
    uint32_t top = 63 - (uint32_t)__builtin_clzll(shifted);

    *ret_at = (uint32_t)(shifted - (UINT64_C(1) << top));
    return top - SLOTS_FIRST_BITS;
}

static inline uint32_t slots_count(const struct slots *s)
{
    return atomic_load_explicit(&s->count, memory_order_acquire);
}

/* NULL for a number that has no object. acquire: pairs with the release in slots_set. @thread any */
static inline const void *slots_get(const struct slots *s, uint32_t number)
{
    uint32_t at, segment = slots_segment_of(number, &at);
    _Atomic(const void *) *pointers =
        segment < SLOTS_SEGMENTS ? atomic_load_explicit(&s->segment[segment], memory_order_acquire) : NULL;

    return pointers ? atomic_load_explicit(&pointers[at], memory_order_acquire) : NULL;
}

/* Makes room for a number; false without memory. @thread writer */
static inline int slots_reserve(struct slots *s, uint32_t number)
{
    uint32_t at, segment = slots_segment_of(number, &at);

    if (segment >= SLOTS_SEGMENTS)
        return 0;
    if (atomic_load_explicit(&s->segment[segment], memory_order_relaxed))
        return 1;
    _Atomic(const void *) *pointers = calloc((size_t)1 << (segment + SLOTS_FIRST_BITS), sizeof(*pointers));
    if (!pointers)
        return 0;
    /* release: pairs with the acquire in slots_get; the zeroes are seen before the segment */
    atomic_store_explicit(&s->segment[segment], pointers, memory_order_release);
    return 1;
}

/* Puts an object at a number there is room for. @thread writer */
static inline void slots_set(struct slots *s, uint32_t number, const void *object)
{
    uint32_t at, segment = slots_segment_of(number, &at);
    _Atomic(const void *) *pointers = atomic_load_explicit(&s->segment[segment], memory_order_relaxed);

    atomic_store_explicit(&pointers[at], object, memory_order_release);
}

/* The numbers below `count` may be asked for from now on. @thread writer */
static inline void slots_set_count(struct slots *s, uint32_t count)
{
    atomic_store_explicit(&s->count, count, memory_order_release);
}

/* Frees the segments, not the objects. */
static inline void slots_finish(struct slots *s)
{
    for (uint32_t i = 0; i < SLOTS_SEGMENTS; i++) {
        free(atomic_load_explicit(&s->segment[i], memory_order_relaxed));
        atomic_store_explicit(&s->segment[i], NULL, memory_order_relaxed);
    }
    slots_set_count(s, 0);
}

#endif
