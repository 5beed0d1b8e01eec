/* Widths are counted in code points, which is right for nearly all that items and shops are called. */
#include "cli/table.h"

#include <stdlib.h>

static size_t code_points(struct text t)
{
    size_t n = 0;

    for (size_t i = 0; i < t.length; i++)
        n += ((unsigned char)t.at[i] & 0xC0) != 0x80;
    return n;
}

/* The bytes of the first n code points. */
static size_t bytes_of(struct text t, size_t n)
{
    size_t i = 0;

    for (; i < t.length; i++)
        if (((unsigned char)t.at[i] & 0xC0) != 0x80 && n-- == 0)
            break;
    return i;
}

void table_column_add(struct text_table *t, const char *title, bool right, size_t most)
{
    t->columns[t->columns_count++] = (struct table_column){title, right, most, 0};
}

static struct text printable(struct text_table *t, struct text cell, size_t most)
{
    struct text copy = arena_text(&t->arena, cell);

    for (size_t i = 0; i < copy.length; i++) {
        char *byte = (char *)(uintptr_t)copy.at + i;
        if ((unsigned char)*byte < 0x20 || *byte == 0x7F)
            *byte = '?';
    }
    if (!most || code_points(copy) <= most)
        return copy;
    struct text cut = {copy.at, bytes_of(copy, most - 1)};
    char *with_dots = arena_alloc(&t->arena, cut.length + 3);
    if (!with_dots)
        return cut;
    memcpy(with_dots, cut.at, cut.length);
    memcpy(with_dots + cut.length, "…", 3);
    return (struct text){with_dots, cut.length + 3};
}

void table_cell(struct text_table *t, struct text cell)
{
    struct table_column *column = &t->columns[t->cells_count % t->columns_count];

    if (t->cells_count == t->cells_capacity) {
        size_t capacity = t->cells_capacity ? t->cells_capacity * 2 : 256;
        struct text *grown = realloc(t->cells, capacity * sizeof(*grown));
        if (!grown) {
            t->failed = true;
            return;
        }
        t->cells = grown;
        t->cells_capacity = capacity;
    }
    struct text kept = printable(t, cell, column->most);
    size_t width = code_points(kept);
    t->failed |= cell.length && !kept.at;
    t->cells[t->cells_count++] = kept;
    if (width > column->width)
        column->width = width;
}

void table_cell_string(struct text_table *t, const char *cell)
{
    table_cell(t, text_of(cell));
}

static void put_cell(struct buffer *out, const struct table_column *c, struct text cell, size_t width,
                     bool last)
{
    size_t blank = width - code_points(cell);

    if (c->right)
        buffer_printf(out, "%*s", (int)blank, "");
    buffer_text(out, cell);
    if (!last)
        buffer_printf(out, "%*s", (int)(c->right ? 2 : blank + 2), "");
}

static void put_row(struct text_table *t, struct buffer *out, const struct text *cells)
{
    size_t last = 0;

    for (size_t c = 0; c < t->columns_count; c++)
        if (t->columns[c].width)
            last = c;
    for (size_t c = 0; c < t->columns_count; c++) {
        const struct table_column *column = &t->columns[c];
        struct text title = text_of(column->title);
        size_t width = column->width > title.length ? column->width : title.length;
        if (column->width)
            put_cell(out, column, cells ? cells[c] : title, width, c == last);
    }
    buffer_byte(out, '\n');
}

void table_write(struct text_table *t, struct buffer *out)
{
    if (t->failed) {
        out->failed = true;
        return;
    }
    put_row(t, out, NULL);
    for (size_t i = 0; i + t->columns_count <= t->cells_count; i += t->columns_count)
        put_row(t, out, t->cells + i);
}

void table_finish(struct text_table *t)
{
    if (!t)
        return;
    free(t->cells);
    arena_finish(&t->arena);
    *t = (struct text_table){0};
}
