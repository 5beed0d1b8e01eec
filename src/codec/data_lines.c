/* A line ends at a line break; in a CSV only at one outside quotes. What cannot be read costs its own line.
 */
#include "codec/data_lines.h"

#include "base/error.h"

#include <stdlib.h>

struct table_reader {
    struct csv csv;
    struct columns columns;
    bool has_header;
    struct text chunk; /* of the file: whole rows that the CSV reader has not taken yet */
    struct buffer json;
};

/* ---- cutting ---- */

/* How many bytes the next line has with its end; 0: its end is not here. */
static size_t find_end(struct data_lines *l)
{
    const char *bytes = l->bytes.at;

    if (!l->csv || l->skips) {
        size_t from = l->at + l->scanned;
        const char *end = from < l->bytes.length ? memchr(bytes + from, '\n', l->bytes.length - from) : NULL;
        l->scanned = l->bytes.length - l->at;
        return end ? (size_t)(end - bytes) + 1 - l->at : 0;
    }
    for (size_t i = l->at + l->scanned; i < l->bytes.length; i++) {
        if (bytes[i] == '"')
            l->quoted = !l->quoted;
        if (bytes[i] == '\n' && !l->quoted) {
            l->scanned = i - l->at;
            return i + 1 - l->at;
        }
    }
    l->scanned = l->bytes.length - l->at;
    return 0;
}

static struct text take(struct data_lines *l, size_t length)
{
    struct text line = {l->bytes.at + l->at, length};

    l->line = l->newlines + 1;
    for (const char *at = line.at; (at = memchr(at, '\n', length - (size_t)(at - line.at)));) {
        l->newlines++;
        if ((size_t)(++at - line.at) == length)
            break;
    }
    l->at += length;
    l->scanned = 0;
    l->quoted = false;
    return line;
}

static int refuse_long(struct data_lines *l, size_t length, struct problems *p)
{
    bool quoted = l->quoted;

    take(l, length);
    problems_add(p, "", "is longer than %d bytes%s", DATA_LINE_BYTES_MOST,
                 quoted ? ": is a quote not closed?" : "");
    return ERROR_INVALID;
}

/* Some editors put a byte order mark in front. */
static struct text without_mark(struct text t, unsigned long line)
{
    bool marked = line == 1 && t.length >= 3 && !memcmp(t.at, "\xEF\xBB\xBF", 3);

    return marked ? (struct text){t.at + 3, t.length - 3} : t;
}

/* 1 with the next line; else as data_lines_next. */
static int cut(struct data_lines *l, struct text *ret, struct problems *p)
{
    for (;;) {
        size_t here = l->bytes.length - l->at, length = find_end(l);
        if (!length && l->ended)
            length = here;
        if (l->skips) {
            take(l, length ? length : here);
            l->skips = !length;
            if (l->at == l->bytes.length)
                return 0;
            continue;
        }
        if (length > DATA_LINE_BYTES_MOST || (!length && here > DATA_LINE_BYTES_MOST)) {
            l->skips = !length;
            return refuse_long(l, length ? length : here, p);
        }
        if (!length)
            return 0;
        *ret = take(l, length);
        *ret = without_mark(*ret, l->line);
        return 1;
    }
}

/* ---- rows of a CSV ---- */

static long give_chunk(void *context, char *bytes, size_t size)
{
    struct table_reader *r = context;
    size_t n = r->chunk.length < size ? r->chunk.length : size;

    if (!n)
        return 0;
    memcpy(bytes, r->chunk.at, n);
    r->chunk.at += n;
    r->chunk.length -= n;
    return (long)n;
}

/* 1: the next row is in r->csv. */
static int next_row(struct data_lines *l, struct problems *p)
{
    struct table_reader *r = l->rows;

    for (;;) {
        const char *problem = "";
        int got = csv_next(&r->csv, &problem);
        if (got == 1)
            l->line = r->csv.line;
        if (got == 1 || got == ERROR_NOMEM)
            return got;
        if (got) {
            problems_add(p, "", "%s", problem);
            csv_go_on(&r->csv, l->newlines + 1);
            r->chunk.length = 0;
            return ERROR_INVALID;
        }
        int error = cut(l, &r->chunk, p);
        if (error != 1)
            return error;
        csv_go_on(&r->csv, l->line);
    }
}

static int read_header(struct data_lines *l, struct problems *p)
{
    char detail[COLUMNS_DETAIL_BYTES];
    int got = next_row(l, p);

    if (got == 0 && l->ended) {
        problems_add(p, "", "there is nothing in it");
        got = ERROR_INVALID;
    } else if (got == 1) {
        got = columns_read(&l->rows->columns, l->kind, &l->rows->csv, NULL, detail);
        if (got)
            problems_add(p, "", "%s", detail);
        l->rows->has_header = !got;
        got = got ? got : 1;
    }
    l->unreadable = got == ERROR_INVALID;
    return got;
}

static int next_of_csv(struct data_lines *l, struct data_document *ret, struct problems *p)
{
    char detail[COLUMNS_DETAIL_BYTES];
    bool holidays;

    if (!l->rows) {
        l->rows = calloc(1, sizeof(*l->rows));
        if (!l->rows)
            return ERROR_NOMEM;
        csv_init(&l->rows->csv, give_chunk, l->rows);
    }
    struct table_reader *r = l->rows;
    int got = r->has_header ? 1 : read_header(l, p);
    if (got == 1)
        got = next_row(l, p);
    if (got != 1)
        return got;
    buffer_clear(&r->json);
    *ret = (struct data_document){.kind = r->columns.kind, .row = true, .line = l->line};
    int error = columns_row(&r->columns, &r->csv, &r->json, &ret->id, &holidays, detail);
    if (error == ERROR_INVALID)
        problems_add(p, "", "%s", detail);
    ret->json = (struct text){r->json.at, r->json.length};
    return error ? error : 1;
}

/* ---- either ---- */

static bool is_blank(struct text t)
{
    for (size_t i = 0; i < t.length; i++)
        if (!strchr(" \t\r\n", t.at[i]) || !t.at[i])
            return false;
    return true;
}

static int next_of_json(struct data_lines *l, struct data_document *ret, struct problems *p)
{
    *ret = (struct data_document){.kind = l->kind};
    do {
        int got = cut(l, &ret->json, p);
        if (got != 1)
            return got;
    } while (is_blank(ret->json));
    ret->line = l->line;
    return 1;
}

int data_lines_next(struct data_lines *l, struct data_document *ret, struct problems *p)
{
    if (l->bytes.failed)
        return ERROR_NOMEM;
    return l->csv ? next_of_csv(l, ret, p) : next_of_json(l, ret, p);
}

void data_lines_compact(struct data_lines *l)
{
    if (!l->at)
        return;
    memmove(l->bytes.at, l->bytes.at + l->at, l->bytes.length - l->at);
    l->bytes.length -= l->at;
    l->at = 0;
}

const char *data_lines_skipped(const struct data_lines *l)
{
    return l->rows ? l->rows->columns.skipped : "";
}

void data_lines_finish(struct data_lines *l)
{
    if (l->rows) {
        buffer_finish(&l->rows->json);
        csv_finish(&l->rows->csv);
        free(l->rows);
        l->rows = NULL;
    }
    buffer_finish(&l->bytes);
}
