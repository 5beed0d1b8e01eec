/* Memory that runs out at a chosen allocation; the program is linked with --wrap for malloc, calloc, realloc
 * and aligned_alloc. */
#ifndef TESTS_FAILING_H
#define TESTS_FAILING_H

#include <stddef.h>
#include <sys/mman.h>

static long failing_left = -1; /* how many allocations still succeed; negative: all */

static inline int failing_now(void)
{
    return failing_left >= 0 && failing_left-- == 0 ? (failing_left = 0, 1) : 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

void *__wrap_malloc(size_t size)
{
    return failing_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return failing_now() ? NULL : __real_realloc(at, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return failing_now() ? NULL : __real_aligned_alloc(align, size);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    return failing_now() ? MAP_FAILED : __real_mmap(at, size, protection, flags, file, offset);
}

#endif
