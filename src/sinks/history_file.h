/* The file of the history: SQLite, written by one thread in transactions that also say how far it is, read by
 * another. history_schema.sql says what is in it. */
#ifndef SINKS_HISTORY_FILE_H
#define SINKS_HISTORY_FILE_H

#include "core/history.h"

/* ---- writing, @thread history ---- */

struct history_file;

struct history_position {
    uint64_t incarnation;   /* of the log; 0: a new file */
    uint64_t applied_to;    /* all records before it are in the file, … */
    uint64_t complete_from; /* … back to this one */
};

/* Opens it, or makes it. ERROR_CORRUPT: it is no history, of another version of the schema, or damaged: to be
 * set aside. ERROR_IO, ERROR_LIMIT (the disk is full), ERROR_NOMEM; detail says more. */
int history_file_open(const char *path, struct history_file **ret_file, char *detail, size_t detail_size);
void history_file_close(struct history_file *f); /* what is not committed is lost; takes NULL */
const struct history_position *history_file_position(const struct history_file *f);
/* Why the last call failed. */
const char *history_file_detail(const struct history_file *f);

/* A transaction. After any error: history_file_rollback. The errors are those of history_file_open. */
int history_file_begin(struct history_file *f);
int history_file_add(struct history_file *f, const struct history_line *l);
int history_file_commit(struct history_file *f, const struct history_position *now);
void history_file_rollback(struct history_file *f);

/* Deletes some of the oldest lines: those appended before `oldest`, and any while the file holds more than
 * `bytes_most`. Moves complete_from. *ret_more: come again. */
int history_file_prune(struct history_file *f, instant_t oldest, uint64_t bytes_most, uint64_t *ret_deleted,
                       bool *ret_more);
/* Pages in use, in bytes. */
uint64_t history_file_bytes(const struct history_file *f);

/* Renames it (and what belongs to it) to path + suffix, in place of an older one. 0 when there was none.
 * ERROR_IO */
int history_file_set_aside(const char *path, const char *suffix);

/* ---- reading, @thread history-read ---- */

struct history_reader;

/* Errors as history_file_open. */
int history_reader_open(const char *path, struct history_reader **ret_reader);
void history_reader_close(struct history_reader *r); /* takes NULL */
/* Fills the question in, but for `done`. */
int history_reader_answer(struct history_reader *r, struct history_question *q);

#endif
