/* What the table's tests share: rows whose words are tied to each other, so that a torn one shows. */
#ifndef TESTS_TABLE_ROWS_H
#define TESTS_TABLE_ROWS_H

#include "core/table/row.h"

/* A row at a location, all of whose other words follow from two numbers. */
static inline struct row_image tied_row(uint32_t location, int64_t on_hand, uint64_t offset)
{
    return (struct row_image){{row_who(location, (uint32_t)offset), (uint64_t)on_hand,
                               (uint64_t)on_hand ^ offset, (uint64_t)on_hand + 3 * offset,
                               (uint64_t)on_hand * 5, offset * 7, row_version(offset, 1, 0), 0}};
}

static inline bool row_is_tied(const struct row_image *r)
{
    struct row_image tied = tied_row(row_location(r), row_on_hand(r), row_offset(r));
    for (int k = 0; k < ROW_RARE; k++)
        if (r->word[k] != tied.word[k])
            return false;
    return true;
}

#endif
