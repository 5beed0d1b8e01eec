/* Memory that readers may still look at is given back only when none of them can: ck_epoch, wrapped in one
 * file. */
#ifndef CORE_TABLE_EPOCH_H
#define CORE_TABLE_EPOCH_H

#include <stdbool.h>
#include <stddef.h>

struct epoch;        /* one for an engine */
struct epoch_reader; /* one for each reading thread */

struct epoch *epoch_create(void); /* NULL without memory */
/* @thread writer, when no reader is registered any more. Calls what was still retired. Takes NULL. */
void epoch_destroy(struct epoch *e);

/* @thread any. NULL without memory. A record is reused after epoch_unregister. */
struct epoch_reader *epoch_register(struct epoch *e);
void epoch_unregister(struct epoch_reader *r); /* outside any section; takes NULL */

/* What a reader found between enter and exit stays valid until exit. Not nested; short (one callback, at most
 * a thousand rows). */
void epoch_enter(struct epoch_reader *r);
void epoch_exit(struct epoch_reader *r);

/* @thread writer, outside any section. `destroy(memory)` is called on the writer thread, by epoch_poll, once
 * no reader can see `memory` any more. The memory for the note is taken here; when there is none this call
 * itself waits for the readers and then calls destroy (it never leaks and never frees early). */
void epoch_retire(struct epoch *e, void *memory, void (*destroy)(void *memory));
/* @thread writer, between batches: calls what is due, at most `most` of them. Returns how many are still
 * waiting. */
size_t epoch_poll(struct epoch *e, size_t most);
/* @thread writer, outside any section: waits until no reader is left in a section that was open when it was
 * called, and calls all that was retired. For taking things down. */
void epoch_drain(struct epoch *e);

#endif
