/* Tables for people: columns as wide as they need to be, numbers to the right. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/arena.h"
#include "base/buffer.h"

enum { TABLE_COLUMNS_MOST = 16 };

struct table_column {
    const char *title;
    bool right;   /* numbers */
    size_t most;  /* wider cells are cut with an ellipsis; 0: never */
    size_t width; /* kept by table_row */
};

struct text_table {
    size_t columns_count;
    struct table_column columns[TABLE_COLUMNS_MOST];
    size_t cells_count, cells_capacity;
    struct text *cells; /* row after row */
    struct arena arena; /* their bytes */
    bool failed;
};

void table_column_add(struct text_table *t, const char *title, bool right, size_t most);
/* The next cell; a row is full after as many cells as there are columns. Control bytes become `?`. */
void table_cell(struct text_table *t, struct text cell);
void table_cell_string(struct text_table *t, const char *cell);
/* Writes title and rows. Columns without any content are left out. */
void table_write(struct text_table *t, struct buffer *out);
void table_finish(struct text_table *t);

#endif
