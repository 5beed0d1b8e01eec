/* What the files of POST /v1/import share: a file that comes line by line becomes records, a round at a time,
 * and what became of each line is told in the order of the lines. @thread http */
#ifndef HTTP_IMPORT_H
#define HTTP_IMPORT_H

#include "http/event_packer.h"

#include "codec/data_line.h"

enum {
    IMPORT_LINES_A_TURN = 512,
    IMPORT_LINES_A_ROUND = 4096,
    IMPORT_OBJECTS_A_ROUND = 512,       /* each is a record of its own */
    IMPORT_ROUND_BYTES = 1 << 20,       /* of lines; the last may be longer */
    IMPORT_REPORT_BYTES_HELD = 1 << 20, /* a longer report is sent while the file still comes */
    IMPORT_NAMES_MOST = 1 << 20,        /* lines without an id */
    IMPORTS_MOST = 4,                   /* at once, for their memory */
};
#define IMPORT_BYTES_MOST (UINT64_C(4) << 30)

/* ---- import_names.c: ids of events that have none ---- */

/* How often each content has come. Zero-initialised is empty. */
struct import_names {
    struct import_name {
        uint64_t content;
        uint32_t times;
    } * at;
    size_t count, capacity;
};
/* Names the event by what it says and by how many lines of this file said the same before: the same file has
 * the same ids again, wherever lines are added to it. The id lies in `a`. ERROR_NOMEM, ERROR_LIMIT: there are
 * IMPORT_NAMES_MOST already. */
int import_name(struct import_names *n, struct event *e, struct arena *a);
void import_names_finish(struct import_names *n);

/* ---- import_report.c ---- */

struct import_report {
    struct buffer out;
    bool begun, all; /* part of it is sent; lines that were simply applied are told too */
    bool compares, full;
    bool left_alone; /* what no line mentions */
    uint64_t lines, applied, partial, repeated, unchanged, failed, equal, different, unmentioned;
};

/* One line and what became of it. */
struct import_line {
    unsigned long number; /* 0: a row that no line mentions */
    enum data_kind kind;  /* DATA_KINDS: not known */
    struct text id;       /* of the event or the object; empty: not known */
    struct text sku, location;
    instant_t as_of;
    milli_t quantity;
};
/* `errors`: as put_problems writes them. */
void report_bad(struct import_report *r, const struct import_line *l, struct text errors);
void report_verdict(struct import_report *r, const struct import_line *l, struct event_verdict v);
/* The object stands as the line says. */
void report_unchanged(struct import_report *r, const struct import_line *l);
/* mode=compare: a count (reason: why it cannot be compared), an object. */
void report_count(struct import_report *r, const struct import_line *l, enum reason reason, milli_t expected,
                  bool approximate);
void report_object(struct import_report *r, const struct import_line *l, bool exists, bool equal);
/* The last line: totals. `stopped`: why before the end, or NULL. */
void report_totals(struct import_report *r, const char *stopped, const char *skipped_columns);

/* ---- import_compare.c ---- */

/* A question to the writer about some counts; freed with its batch. */
struct import_question;
struct import_question *import_question_create(void); /* NULL without memory */
void import_question_forget(void *q);
/* Adds one, its texts copied. ERROR_NOMEM. */
int import_question_add(struct import_question *q, const struct event *count, uint32_t *ret_number);
bool import_question_ask(struct command *c, const struct state *s); /* @thread writer */
/* When it is back. */
enum reason import_question_answer(const struct import_question *q, uint32_t number, milli_t *ret_expected,
                                   bool *ret_approximate);

/* ---- import_round.c ---- */

struct import_result;

/* Lines read, on their way to the log and back. */
struct import_round {
    struct loop *loop;
    const struct key *key;
    bool compares, full;
    struct text location; /* full */
    struct batch *batch;
    struct event_packer packer;
    struct import_question *question; /* compares; the batch's as soon as it is asked */
    struct data_line_reader reader;
    struct arena arena;
    struct buffer errors;
    struct import_names names;
    struct import_result *results;
    size_t count, capacity, objects, bytes;
    instant_t newest_as_of; /* of all counts so far */
};

/* A new round. ERROR_NOMEM */
int import_round_begin(struct import_round *r, struct exchange *x);
/* A line that could not be taken apart. */
int import_round_add_bad(struct import_round *r, unsigned long line, const struct problems *p);
int import_round_add(struct import_round *r, const struct data_document *d);
/* What no line mentions counts 0. */
int import_round_add_zero(struct import_round *r, struct text sku, instant_t as_of);
/* All that is at the location was counted as of then. */
int import_round_add_whole(struct import_round *r, instant_t as_of);
bool import_round_is_full(const struct import_round *r);
/* No line follows: hands over what is left to the batch, which may be empty. ERROR_NOMEM, ERROR_LIMIT. */
int import_round_end(struct import_round *r);
/* After BATCH_DONE: reports all, and tells `mentioned` each SKU that was counted (NULL: it is not asked for).
 */
void import_round_report(struct import_round *r, struct import_report *report,
                         bool (*mentioned)(void *context, struct text sku), void *context);
void import_round_finish(struct import_round *r);

/* ---- import_unmentioned.c: scope=full ---- */

/* A bit for each SKU of the table. Zero-initialised is none. */
struct import_mentioned {
    uint64_t *bits;
    uint32_t words;
    uint32_t next, end; /* SKUs that are still to be looked at */
};
/* False without memory. A SKU that is in no table is nothing to remember. */
bool import_mention(struct import_mentioned *m, struct exchange *x, struct text sku);
void import_unmentioned_begin(struct import_mentioned *m, const struct view *v);
/* Adds what is at the location and was not mentioned to the round, as counts of 0, for a turn. *ret_more:
 * there is more. */
int import_unmentioned_some(struct import_mentioned *m, struct exchange *x, struct import_round *r,
                            instant_t as_of, bool *ret_more);
void import_mentioned_finish(struct import_mentioned *m);

#endif
