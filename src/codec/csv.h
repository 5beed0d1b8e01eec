/* Reads CSV (RFC 4180): quoted fields with line breaks inside, doubled quotes, CRLF or LF, a BOM in front. */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include "base/buffer.h"

enum { CSV_FIELDS_MOST = 256, CSV_ROW_BYTES_MOST = 1 << 20 };

/* Fills up to size bytes; how many there were, 0 at the end, negative: an error. */
typedef long (*csv_source)(void *context, char *bytes, size_t size);

struct csv {
    csv_source source;
    void *context;
    unsigned long line; /* where the row began, from 1 */
    unsigned long next_line;
    size_t at, filled;
    bool ended, broken, began;
    struct buffer row; /* the fields' bytes, one behind the other */
    size_t ends[CSV_FIELDS_MOST], count;
    struct text fields[CSV_FIELDS_MOST];
    char bytes[65536];
};

void csv_init(struct csv *c, csv_source source, void *context);
void csv_finish(struct csv *c);
/* The next row that is not empty, in c->fields (valid until the next call) and c->count: 1; 0 at the end;
 * ERROR_INVALID (a quote in the wrong place or not closed, too long, NUL), ERROR_IO (of the source),
 * ERROR_NOMEM. *ret_problem says what. */
int csv_next(struct csv *c, const char **ret_problem);
/* For a source that ended and goes on: what is left of it is forgotten, and the next row begins at `line`. */
void csv_go_on(struct csv *c, unsigned long line);

#endif
