/* The window: the last changes, in order, for whoever listens. One writer, any number of readers, each with a
 * cursor of its own; a reader that is too slow loses its place and is told so.
 *
 * An entry is one slot of sixteen words or several; what they mean is the writer's and the readers' affair
 * (core/answer/notice.h), but for the first word: the offset of the record that did it, and how many slots of
 * the same entry follow.
 *
 * The writer says in `claimed` which slots it is about to overwrite, then writes their words, then moves
 * `head`. A reader loads words up to head and then looks at `claimed`: what was claimed meanwhile is not to
 * be believed. Words are stored with release and loaded with acquire, so whoever sees a word of a later
 * change sees its claim as well. */
#ifndef CORE_TABLE_WINDOW_H
#define CORE_TABLE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window;

enum { WINDOW_WORDS = 16, WINDOW_SLOTS_OF_ENTRY_MOST = 256, WINDOW_SLOTS_LEAST = 1024 };

/* word[0]: offset: 48 bits, low; the entry's own: 8 bits; how many slots follow: 8 bits, high. */
struct window_slot {
    uint64_t word[WINDOW_WORDS];
};

static inline uint64_t window_head(uint64_t offset, uint8_t own, uint8_t more)
{
    return (offset & 0xFFFFFFFFFFFFu) | (uint64_t)own << 48 | (uint64_t)more << 56;
}
static inline uint64_t window_slot_offset(const struct window_slot *s)
{
    return s->word[0] & 0xFFFFFFFFFFFFu;
}
static inline uint8_t window_slot_own(const struct window_slot *s)
{
    return (uint8_t)(s->word[0] >> 48);
}
static inline uint8_t window_slot_more(const struct window_slot *s)
{
    return (uint8_t)(s->word[0] >> 56);
}

/* Room for so many slots, a power of two, at least WINDOW_SLOTS_LEAST. NULL without memory. */
struct window *window_create(size_t slots);
void window_destroy(struct window *w); /* takes NULL */
size_t window_slots(const struct window *w);

/* ---- @thread writer ---- */
/* The next entry: of the same record as the last, or of a later one. */
void window_add(struct window *w, const struct window_slot *slots, size_t count);
/* All records before next_offset have been added: shows their entries. The first call says where the window
 * begins. */
void window_show(struct window *w, uint64_t next_offset);
/* As it was created: what pieces brought is void. Before anybody reads it. */
void window_forget(struct window *w);
/* The offsets begin anew: what is there is forgotten, and what comes from next_offset on is complete;
 * UINT64_MAX: nothing that comes is, before it is said anew. */
void window_clear(struct window *w, uint64_t next_offset);

/* For checkpoints: what the window holds of records before `before_offset`, a piece at a time. A piece is an
 * opaque run of bytes of at most WINDOW_PIECE_BYTES; *cursor begins at WINDOW_SAVE_ALL and moves. Returns its
 * length; 0: there are no more. The first one is never empty. */
enum { WINDOW_PIECE_BYTES = 16 + 1024 * WINDOW_WORDS * 8 };
#define WINDOW_SAVE_ALL UINT64_MAX
size_t window_save(const struct window *w, uint64_t *cursor, uint64_t before_offset, void *ret_piece);
/* Takes pieces in their order into a window that has not begun. ERROR_CORRUPT */
int window_load(struct window *w, const void *piece, size_t length);

/* ---- @thread any ---- */
/* Behind the newest entry: what is read from here on is new. */
uint64_t window_newest(const struct window *w);
/* Entries of all records before it are there; load it before window_newest. */
uint64_t window_shown(const struct window *w);
/* The cursor behind all entries of records up to `offset`. False when entries behind it are gone already. */
bool window_after(const struct window *w, uint64_t offset, uint64_t *ret_cursor);
/* The least offset that window_after still takes, as far as one can see now. */
uint64_t window_oldest_offset(const struct window *w);
/* The slots of the next entries, whole ones only; moves the cursor. `most`: at least
 * WINDOW_SLOTS_OF_ENTRY_MOST. How many; -1: the cursor fell out of the window. */
int window_read(const struct window *w, uint64_t *cursor, struct window_slot *ret, size_t most);

#endif
