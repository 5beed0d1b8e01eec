/* One row by text and location, as part of whoever asks: the usual case as a straight line, which looks at an
 * index entry and at a row, and nowhere else.
 *
 * While a look waits for memory the processor begins the next ones, as long as it can keep the instructions
 * of all of them in mind: so what counts is how few there are. Each costs about a nanosecond, what it adds to
 * that queue, and not what it takes to do; a call costs a dozen of them. */
#ifndef CORE_TABLE_READ_H
#define CORE_TABLE_READ_H

#include "core/table/index_probe.h"
#include "core/table/latch.h"
#include "core/table/table.h"

/* What stands first in a table. */
struct table_front {
    struct index *index;
};

/* Lengths for which reading is a straight line. */
static inline bool read_is_usual(struct text sku)
{
    return __builtin_expect(sku.length - 8 <= TEXT_WORDS_MOST - 8, 1);
}

static inline const struct cell *cell_hinted(const struct index_entry *e, uint32_t location)
{
    uint64_t block = index_entry_hint(e);
    return block_at_home(block, block_capacity(block), location);
}

/* The same wherever it is: texts of other lengths, entries far from where they are looked for first, rows
 * that are not at home or are being changed. */
bool table_read_otherwise(const struct table *t, struct text sku, uint32_t location,
                          struct row_image *ret_row);
/* Of a usual text, whose entry is not in its first line. */
bool table_read_far(const struct table *t, struct text sku, uint32_t tag, uint32_t location,
                    struct row_image *ret_row);

/* One row by text and location, and nothing else of the SKU: two cache misses, one after the other. False
 * when there is none. Never waits for the writer. @thread any, inside an epoch section */
static inline bool table_read(const struct table *t, struct text sku, uint32_t location,
                              struct row_image *ret_row)
{
    if (!read_is_usual(sku))
        return table_read_otherwise(t, sku, location, ret_row);
    const struct index_cells *c = index_cells_of(((const struct table_front *)t)->index);
    struct text_words text = text_words_of_many(sku);
    uint32_t tag = index_tag(hash_words(text, sku.length), (uint8_t)sku.length);
    const struct index_entry *line = index_home(c, tag), *e = index_in_line(line, tag);
    __builtin_prefetch(line + INDEX_LINE); /* one of a dozen is there */
    if (__builtin_expect(!index_has(e, text, tag), 0))
        return table_read_far(t, sku, tag, location, ret_row);
    return __builtin_expect(cell_read_alone(cell_hinted(e, location), location, ret_row), 1) ||
           table_read_otherwise(t, sku, location, ret_row);
}

#endif
