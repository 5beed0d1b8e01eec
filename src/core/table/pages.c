/* Maps and unmaps; over-maps and trims where more than a page's alignment is wanted. */
#include "core/table/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096 };

#ifdef ONHAND_HOOKS
bool pages_shared = false;
#else
#define pages_shared false
#endif

static size_t whole_pages(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

void *pages_map(size_t bytes, size_t align, bool huge)
{
    size_t length = whole_pages(bytes), slack = align > PAGE_BYTES ? align : 0;

    if (length < bytes || length + slack < length)
        return NULL;
    int flags = MAP_ANONYMOUS | MAP_NORESERVE | (pages_shared ? MAP_SHARED : MAP_PRIVATE);
    char *mapped = mmap(NULL, length + slack, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    char *memory = mapped;
    if (slack) {
        memory = (char *)(((uintptr_t)mapped + align - 1) & ~(uintptr_t)(align - 1));
        if (memory > mapped)
            munmap(mapped, (size_t)(memory - mapped));
        size_t rest = (size_t)(mapped + length + slack - (memory + length));
        if (rest)
            munmap(memory + length, rest);
    }
    if (huge)
        pages_advise_huge(memory, length);
    return memory;
}

static _Thread_local struct {
    pages_asked asked;
    void *context;
} listener;

void pages_tell(pages_asked asked, void *context)
{
    listener.asked = asked;
    listener.context = context;
}

void pages_advise_huge(void *memory, size_t bytes)
{
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    if (listener.asked)
        listener.asked(listener.context, memory, bytes);
}

void pages_fetch(void *memory, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    (void)madvise(memory, bytes, MADV_POPULATE_WRITE);
#endif
}

void pages_unmap(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, whole_pages(bytes));
}
