/* The window: the last changes of rows, in order, for whoever listens. One writer, any number of readers,
 * each with a cursor of its own; a reader that is too slow loses its place and is told so.
 *
 * The writer says in `claimed` which changes it is about to overwrite, then writes their words, then moves
 * `head`. A reader loads words up to head and then looks at `claimed`: what was claimed meanwhile is not to
 * be believed. Words are stored with release and loaded with acquire, so whoever sees a word of a later
 * change sees its claim as well. */
#ifndef CORE_TABLE_WINDOW_H
#define CORE_TABLE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window;

struct window_change {
    uint64_t offset;          /* of the record that did it */
    uint32_t sku, location;   /* numbers */
    int64_t net_was, net_now; /* net available, thousandths, before and after the record */
    int64_t at;               /* log time, microseconds */
};

/* Room for so many changes, a power of two. NULL without memory. */
struct window *window_create(size_t changes);
void window_destroy(struct window *w); /* takes NULL */

/* ---- @thread writer ---- */
/* The next change: of the same record as the last, or of a later one. */
void window_add(struct window *w, const struct window_change *c);
/* All records before next_offset have been added: shows their changes. The first call says where the window
 * begins. */
void window_show(struct window *w, uint64_t next_offset);
/* The offsets begin anew: what is there is forgotten. */
void window_clear(struct window *w);

/* ---- @thread any ---- */
/* Behind the newest change: what is read from here on is new. */
uint64_t window_newest(const struct window *w);
/* The cursor behind all changes of records up to `offset`. False when changes behind it are gone already. */
bool window_after(const struct window *w, uint64_t offset, uint64_t *ret_cursor);
/* The next changes; moves the cursor. How many; -1: the cursor fell out
 * of the window. */
int window_read(const struct window *w, uint64_t *cursor, struct window_change *ret, size_t most);

#endif
