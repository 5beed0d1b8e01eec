/* The allocation table: SKU-major, lock-free for readers, one writer.
 *
 * May overlap:            find/read (any thread, inside an epoch section)   |  everything else (writer thread
 * only) find/read                             yes                               |               yes writer's
 * calls                        yes                               |               no */
#ifndef CORE_TABLE_TABLE_H
#define CORE_TABLE_TABLE_H

#include "base/text.h"
#include "core/table/epoch.h"
#include "core/table/row.h"

struct table;
struct likely;
struct sku; /* one SKU and its rows; lives as long as the table */

struct table_options {
    struct epoch *epoch;
    size_t expected_skus; /* 0: small; only a hint */
    void (*retire_rare)(
        void *rare); /* frees a row's rare part when no reader can see it any more; NULL: nothing to free */
};

struct table *table_create(const struct table_options *o); /* NULL without memory */
/* Makes room in the index for so many SKUs at once, before the first is added and anybody looks. ERROR_NOMEM
 */
int table_expect(struct table *t, size_t skus);
void table_destroy(struct table *t); /* takes NULL; frees the rare parts too */

/* ---- @thread any, inside an epoch section ---- */
/* NULL when there is no such SKU. */
struct sku *table_find(const struct table *t, struct text sku);
struct sku *table_find_hashed(const struct table *t, struct text sku, uint64_t hash);
/* The same, and begins to fetch the row at `location`, whose likely address the index knows: with sku_read
 * after it, two cache misses in a row instead of three. */
struct sku *table_find_for(const struct table *t, struct text sku, uint64_t hash, uint32_t location);
/* One row by text and location, and nothing else of the SKU, is table_read in core/table/read.h. */
/* Many of them, each on its own: their cache misses all at once. Where there is none the row is zero but
 * for ROW_WHO. Returns how many there are. */
struct table_ask {
    struct text sku;
    uint32_t location;
};
size_t table_read_many(const struct table *t, const struct table_ask *asks, size_t count,
                       struct row_image *ret_rows);
/* For batches that want the SKUs too: first table_prefetch for all, then table_prefetch_row for all, then
 * table_find_for and sku_read. They decide nothing. */
void table_prefetch(const struct table *t, uint64_t hash);
void table_prefetch_row(const struct table *t, uint64_t hash, uint32_t location);
/* SKUs are numbered from 0 in the order they came; any number below table_sku_count may be asked for. */
uint32_t table_sku_count(const struct table *t);
struct sku *table_sku(const struct table *t, uint32_t number);
struct text sku_text(const struct sku *s);
uint32_t sku_number(const struct sku *s);
size_t sku_rows_count(const struct sku *s); /* only grows */

/* One row. False when the SKU has none there. Never waits for the writer, wherever the writer stands. */
bool sku_read(const struct table *t, const struct sku *s, uint32_t location, struct row_image *ret_row);
/* Several rows, all of one version of the SKU: ret_rows[i] is the row at locations[i]; where there is none it
 * is zero but for ROW_WHO. Returns how many there are. */
size_t sku_read_many(const struct table *t, const struct sku *s, const uint32_t *locations, size_t count,
                     struct row_image *ret_rows);
/* All rows of the SKU, of one version, in the order they came. At most `capacity` are written; returns how
 * many there are: when it is more, nothing written is valid and the caller comes again with more room. */
size_t sku_read_all(const struct table *t, const struct sku *s, struct row_image *ret_rows, size_t capacity);
/* Which of the SKU's rows may have anything (core/table/likely.h); NULL: it has few rows, look at all of them. */
const struct likely *sku_likely(const struct table *t, const struct sku *s);
/* What the catalogue hangs on a SKU (struct item), published and read like a pointer in an index; NULL at
 * first. */
const void *sku_item(const struct sku *s);

/* ---- @thread writer ---- */
/* The SKU, made when it is not there. NULL without memory. The text (at most 65,535 bytes) is copied. */
struct sku *table_add(struct table *t, struct text sku, uint64_t hash);
/* The writer's own look at a row: no latch. False when there is none. */
bool sku_peek(const struct sku *s, uint32_t location, struct row_image *ret_row);
/* Makes these the rows of their locations (ROW_WHO; any but UINT32_MAX, each at most once), all at once for
 * any reader, however many: rows not there yet are added. Rare parts replaced (another pointer than before)
 * are retired. ERROR_NOMEM leaves all as it was. Now and then it polls the epoch: not to be called inside a
 * section. */
int table_publish(struct table *t, struct sku *s, const struct row_image *rows, size_t count);
void sku_set_item(struct sku *s, const void *item);
/* The writer's own word for a SKU: the cut it was last copied for (image.c). */
uint32_t sku_mark(const struct sku *s);
void sku_set_mark(struct sku *s, uint32_t mark);

size_t table_rows_count(const struct table *t);
size_t
table_bytes(const struct table *t); /* rows, index, texts; not rare parts, not what waits in the epoch */

#endif
