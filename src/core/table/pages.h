/* Large runs of zeroed memory straight from the kernel, on huge pages where that pays. */
#ifndef CORE_TABLE_PAGES_H
#define CORE_TABLE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

/* Zeroed, aligned to `align` bytes (a power of two, at least a page), taken from the machine only as it is
 * touched. `huge`: ask for huge pages (a quarter off a random look into a large table; a first touch then
 * clears 2 MiB, some 100 µs). NULL without memory. */
void *pages_map(size_t bytes, size_t align, bool huge);
/* Asks for huge pages for a part of what was mapped (whole huge pages). Only advice: small pages serve as
 * well, slower. */
void pages_advise_huge(void *memory, size_t bytes);
/* Who fetches pages ahead: told of each run of huge pages that the calling thread asks for from now on,
 * because it is about to touch them. NULL: nobody. @thread any, each for itself */
typedef void (*pages_asked)(void *context, void *memory, size_t bytes);
void pages_tell(pages_asked asked, void *context);
/* Takes pages from the machine as if each had been touched, and changes nothing in them; where nothing is
 * mapped any more, or the system cannot do that, nothing happens. @thread any */
void pages_fetch(void *memory, size_t bytes);
void pages_unmap(void *memory, size_t bytes); /* the same bytes as mapped; takes NULL */

#ifdef ONHAND_HOOKS
extern bool pages_shared; /* tests: what is mapped from now on is shared with children */
#endif

#endif
