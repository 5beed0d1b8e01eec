/* Files to read, or standard input ("-"); gzip is unpacked on the way. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buffer.h"

struct input;

/* 0, or ERROR_IO (`detail` says why), ERROR_NOMEM. */
int input_open(const char *path, struct input **ret_input, char *detail, size_t detail_size);
void input_close(struct input *in); /* takes NULL */
/* How many bytes there were, 0 at the end, ERROR_IO. Fits csv_source. */
long input_read(void *in, char *bytes, size_t size);
/* The first bytes (at most 4 KiB), without taking them. */
struct text input_peek(struct input *in);
/* "-" is "standard input". */
const char *input_name(const struct input *in);
/* How much of the file has been read, 0 to 1; negative when that is not known (a pipe). */
double input_progress(const struct input *in);

enum input_format { INPUT_AUTO, INPUT_JSON, INPUT_NDJSON, INPUT_CSV }; /* the order of --format */
/* By the name, then by the first bytes. */
enum input_format input_guess(struct input *in);

/* Takes JSON documents one by one out of a file: the elements of an array, or documents one behind the other.
 * Only brackets and strings are looked at: whether a document is good is for its reader to say. */
struct json_documents {
    struct input *input;
    bool lines; /* NDJSON: a line is a document, whatever it holds */
    bool in_array, ended;
    unsigned long line, next_line; /* where the document began, from 1 */
    size_t at, filled;
    struct buffer document;
    char bytes[65536];
};
enum { DOCUMENT_BYTES_MOST = 8 << 20 };
void json_documents_init(struct json_documents *d, struct input *in, bool lines);
void json_documents_finish(struct json_documents *d);
/* 1 with the document (no line breaks in it; valid until the next call), 0 at the end, ERROR_INVALID
 * (something that is neither object nor array, a bracket that is not closed, too long), ERROR_IO,
 * ERROR_NOMEM; *ret_problem says what. */
int json_documents_next(struct json_documents *d, struct text *ret_document, const char **ret_problem);

#endif
