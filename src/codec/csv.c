/* One pass over the bytes, a few states, no look-ahead but one byte. */
#include "codec/csv.h"
#include "base/error.h"

#include <stdio.h>

enum { END = -1, BROKEN = -2 };

void csv_init(struct csv *c, csv_source source, void *context)
{
    memset(c, 0, offsetof(struct csv, bytes));
    c->source = source;
    c->context = context;
    c->next_line = 1;
}

void csv_finish(struct csv *c)
{
    buffer_finish(&c->row);
}

void csv_go_on(struct csv *c, unsigned long line)
{
    c->at = c->filled = 0;
    c->ended = c->broken = false;
    c->next_line = line;
}

static int peek(struct csv *c)
{
    if (c->at < c->filled)
        return (unsigned char)c->bytes[c->at];
    if (c->ended)
        return c->broken ? BROKEN : END;
    long n = c->source(c->context, c->bytes, sizeof(c->bytes));
    c->at = 0;
    c->filled = n > 0 ? (size_t)n : 0;
    c->ended = n <= 0;
    c->broken = n < 0;
    return n < 0 ? BROKEN : n == 0 ? END : (unsigned char)c->bytes[0];
}

static int next_byte(struct csv *c)
{
    int byte = peek(c);

    if (byte >= 0)
        c->at++;
    if (byte == '\n')
        c->next_line++;
    return byte;
}

static void skip_mark(struct csv *c)
{
    if (!c->began && peek(c) == 0xEF && c->filled - c->at >= 3 &&
        memcmp(c->bytes + c->at, "\xEF\xBB\xBF", 3) == 0)
        c->at += 3;
    c->began = true;
}

static bool field_end(int byte)
{
    return byte == ',' || byte == '\n' || byte == '\r' || byte == END || byte == BROKEN;
}

/* What stands between quotes; the closing one is taken. */
static const char *read_quoted(struct csv *c)
{
    for (;;) {
        int byte = next_byte(c);
        if (byte < 0)
            return "a quote is not closed";
        if (byte == '"' && peek(c) != '"')
            return field_end(peek(c)) ? NULL : "a closing quote is followed by something else than a comma";
        if (byte == '"')
            next_byte(c);
        if (byte == 0)
            return "there is a NUL byte";
        if (c->row.length >= CSV_ROW_BYTES_MOST)
            return "the row is longer than a mebibyte: is a quote not closed?";
        buffer_byte(&c->row, (char)byte);
    }
}

static const char *read_plain(struct csv *c)
{
    while (!field_end(peek(c))) {
        int byte = next_byte(c);
        if (byte == '"')
            return "a quote stands inside a field that does not begin with one";
        if (byte == 0)
            return "there is a NUL byte";
        if (c->row.length >= CSV_ROW_BYTES_MOST)
            return "the row is longer than a mebibyte";
        buffer_byte(&c->row, (char)byte);
    }
    return NULL;
}

/* Takes what ends a field; true when the row goes on. */
static bool read_divider(struct csv *c)
{
    int byte = next_byte(c);

    if (byte == '\r' && peek(c) == '\n')
        next_byte(c);
    return byte == ',';
}

static const char *read_row(struct csv *c)
{
    buffer_clear(&c->row);
    c->count = 0;
    c->line = c->next_line;
    do {
        const char *problem;
        if (c->count == CSV_FIELDS_MOST)
            return "there are more than 256 columns";
        if (peek(c) == '"') {
            next_byte(c);
            problem = read_quoted(c);
        } else {
            problem = read_plain(c);
        }
        if (problem)
            return problem;
        c->ends[c->count++] = c->row.length;
    } while (read_divider(c));
    return NULL;
}

static void slice(struct csv *c)
{
    size_t start = 0;

    for (size_t i = 0; i < c->count; i++) {
        c->fields[i] = (struct text){c->row.at ? c->row.at + start : "", c->ends[i] - start};
        start = c->ends[i];
    }
}

int csv_next(struct csv *c, const char **ret_problem)
{
    skip_mark(c);
    for (;;) {
        if (peek(c) == END)
            return 0;
        const char *problem = read_row(c);
        if (peek(c) == BROKEN || c->row.failed) {
            *ret_problem = c->row.failed ? "out of memory" : "reading failed";
            return c->row.failed ? ERROR_NOMEM : ERROR_IO;
        }
        if (problem) {
            *ret_problem = problem;
            return ERROR_INVALID;
        }
        slice(c);
        if (c->count > 1 || c->fields[0].length)
            return 1;
    }
}
