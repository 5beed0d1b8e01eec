/* A row's ledger: the writer's own books behind a row, from which its figures follow. Its newest count, the
 * sums since, recent changes for late counts, limits, and the accounts of demand and supply. Changed in
 * place; what readers may see of it is copied into an immutable struct rare. */
#ifndef CORE_MODEL_LEDGER_H
#define CORE_MODEL_LEDGER_H

#include "base/buffer.h"
#include "core/model/due.h"
#include "core/model/rare.h"

/* A new ledger has one owner: whoever made it, until the first rare part built from it takes it over. Then it
 * lives as long as any rare part that names it (they are made and destroyed on the writer's thread), so that
 * freeing the table's rare parts frees all. */
struct ledger *ledger_create(void);    /* NULL without memory */
void ledger_destroy(struct ledger *l); /* only before a rare part was built from it; takes NULL */

/* ---- for image.c, @thread writer ---- */
/* Appends the books in canonical bytes: what two replicas keep equal looks equal, in whatever order their
 * hash tables lie. The buffer remembers when memory ran out. */
void ledger_save(const struct ledger *l, struct buffer *out);
/* ERROR_CORRUPT for anything ledger_save would not have written, ERROR_NOMEM. */
int ledger_load(const void *bytes, size_t length, struct ledger **ret_ledger);
/* Most rows of an image are not touched soon: a ledger without accounts and fences rests, packed (resting.h),
 * until the row is. Where readers would see nothing of it the row needs no rare part: its ROW_RARE leads to
 * the packed bytes, with its lowest bit set (row_rests); else they stand behind the rare part. Returns the
 * word for ROW_RARE; 0: this one does not rest, or there is no memory; ledger_load is to judge it. `slabs`
 * have to outlive it. */
struct slabs;
uint64_t ledger_rest(struct slabs *slabs, const void *bytes, size_t length);
/* The rare part of a row that rests, with its ledger: to be published in place of what it was. NULL without
 * memory. */
struct rare *rare_wake(uint64_t resting_word);
/* The ledger of a rare part, made now where it rested. NULL without memory. */
struct ledger *rare_ledger(const struct rare *rare);
/* ledger_save of what a row's ROW_RARE leads to (not 0), without waking it. */
void rare_save(uint64_t word, struct buffer *out);
/* After an image was loaded: what of this row will fall due. ERROR_NOMEM */
int ledger_learn_due(struct ledger *l, struct due *due, uint32_t sku, uint32_t location);
/* The rare part that shows this ledger now; NULL without memory. Goes into ROW_RARE; rare_destroy frees it.
 */
struct rare *rare_build(struct ledger *l);

#endif
