/* Files of events and reference data while they come: NDJSON or CSV, cut into lines, each handed on as a JSON
 * document. Bounded memory whatever the file's length. Pure. @thread any, one at a time */
#ifndef CODEC_DATA_LINES_H
#define CODEC_DATA_LINES_H

#include "codec/columns.h"
#include "core/model/record.h"

enum { DATA_LINE_BYTES_MOST = 1 << 20 };

/* Zero-initialised but for `csv` and `kind` is ready. Bytes that come are appended to `bytes`. */
struct data_lines {
    bool csv;
    enum data_kind kind; /* what all lines are; DATA_KINDS: each line (or the CSV's header) tells */
    struct buffer bytes; /* from `at` on not cut yet */
    bool ended;          /* nothing more will be appended */
    size_t at, scanned;
    bool quoted;               /* a field in quotes goes on at `scanned` */
    bool skips;                /* the rest of a line that was too long */
    bool unreadable;           /* a header that tells nothing: no line can be read */
    unsigned long line;        /* where what was handed out last began, from 1 */
    unsigned long newlines;    /* cut so far */
    struct table_reader *rows; /* of a CSV */
};

struct data_document {
    enum data_kind kind;  /* DATA_KINDS: JSON, whose reader finds out */
    bool row;             /* of a CSV: the id of reference data stands beside its JSON, not in it */
    unsigned long line;   /* where it began, from 1 */
    struct text id, json; /* valid until the next call */
};

/* The next line that is whole: 1; 0: there is none in `bytes`; ERROR_INVALID: one that cannot be taken apart
 * (`p` says why; go on with the next, unless `unreadable`); ERROR_NOMEM. l->line is where it began. */
int data_lines_next(struct data_lines *l, struct data_document *ret, struct problems *p);
/* To be called before more is appended: drops what was cut. */
void data_lines_compact(struct data_lines *l);
/* Names of the columns that nobody knows; "" when all are known, or before the header was read. */
const char *data_lines_skipped(const struct data_lines *l);
void data_lines_finish(struct data_lines *l);

#endif
