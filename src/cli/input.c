/* zlib reads plain files as they are and gzip unpacked, so everything goes through it. */
#include "cli/input.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct input {
    gzFile file;
    char name[256];
    double file_bytes; /* 0: not known */
    size_t peeked_at, peeked;
    char first[4096];
};

static int open_file(struct input *in, const char *path, char *detail, size_t detail_size)
{
    bool standard = strcmp(path, "-") == 0;
    struct stat s;

    snprintf(in->name, sizeof(in->name), "%s", standard ? "standard input" : path);
    if (!standard && stat(path, &s) == 0) {
        if (S_ISDIR(s.st_mode)) {
            snprintf(detail, detail_size, "%s is a folder", path);
            return ERROR_IO;
        }
        in->file_bytes = S_ISREG(s.st_mode) ? (double)s.st_size : 0;
    }
    errno = 0;
    in->file = standard ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rbe");
    if (in->file) {
        gzbuffer(in->file, 128 * 1024);
        return 0;
    }
    snprintf(detail, detail_size, "%s cannot be read: %s", in->name,
             errno ? strerror(errno) : "out of memory");
    return errno ? ERROR_IO : ERROR_NOMEM;
}

int input_open(const char *path, struct input **ret_input, char *detail, size_t detail_size)
{
    struct input *in = calloc(1, sizeof(*in));
    int error = in ? open_file(in, path, detail, detail_size) : ERROR_NOMEM;

    if (error) {
        free(in);
        return error;
    }
    *ret_input = in;
    return 0;
}

void input_close(struct input *in)
{
    if (!in)
        return;
    gzclose(in->file);
    free(in);
}

const char *input_name(const struct input *in)
{
    return in->name;
}

static long read_file(struct input *in, char *bytes, size_t size)
{
    int n = gzread(in->file, bytes, size > 1 << 20 ? 1 << 20 : (unsigned)size);
    int error;

    if (n == 0) { /* the end, or gzip cut short */
        gzerror(in->file, &error);
        if (error != Z_OK && error != Z_STREAM_END)
            return ERROR_IO;
    }
    return n < 0 ? ERROR_IO : n;
}

struct text input_peek(struct input *in)
{
    while (in->peeked < sizeof(in->first)) {
        long n = read_file(in, in->first + in->peeked, sizeof(in->first) - in->peeked);
        if (n <= 0)
            break;
        in->peeked += (size_t)n;
    }
    return (struct text){in->first + in->peeked_at, in->peeked - in->peeked_at};
}

long input_read(void *context, char *bytes, size_t size)
{
    struct input *in = context;
    size_t left = in->peeked - in->peeked_at;

    if (!left)
        return read_file(in, bytes, size);
    if (left > size)
        left = size;
    memcpy(bytes, in->first + in->peeked_at, left);
    in->peeked_at += left;
    return (long)left;
}

double input_progress(const struct input *in)
{
    double done = in->file_bytes > 0 ? (double)gzoffset(in->file) / in->file_bytes : -1;

    return done > 1 ? 1 : done;
}

/* ---- formats ---- */

static bool name_has(const char *name, const char *ending)
{
    size_t length = strlen(name), end = strlen(ending);

    if (length > 3 && strcmp(name + length - 3, ".gz") == 0)
        length -= 3;
    return length >= end && strncmp(name + length - end, ending, end) == 0;
}

/* Is the first line one document? Then each line is likely to be one. */
static bool first_line_is_one(struct text first)
{
    const char *end = memchr(first.at, '\n', first.length);
    long depth = 0, documents = 0;

    for (const char *c = first.at; c < (end ? end : first.at + first.length); c++) {
        depth += (*c == '{') - (*c == '}');
        documents += *c == '}' && depth == 0;
    }
    return depth == 0 && documents == 1;
}

enum input_format input_guess(struct input *in)
{
    struct text first = input_peek(in);
    size_t skip = 0;

    if (name_has(in->name, ".csv"))
        return INPUT_CSV;
    if (name_has(in->name, ".ndjson") || name_has(in->name, ".jsonl"))
        return INPUT_NDJSON;
    if (name_has(in->name, ".json"))
        return INPUT_JSON;
    while (skip < first.length && memchr(" \t\r\n", first.at[skip], 4))
        skip++;
    first = (struct text){first.at + skip, first.length - skip};
    if (first.length && *first.at == '[')
        return INPUT_JSON;
    if (first.length && *first.at == '{')
        return first_line_is_one(first) ? INPUT_NDJSON : INPUT_JSON;
    return INPUT_CSV;
}

/* ---- documents ---- */

void json_documents_init(struct json_documents *d, struct input *in, bool lines)
{
    memset(d, 0, offsetof(struct json_documents, bytes));
    d->input = in;
    d->lines = lines;
    d->next_line = 1;
}

void json_documents_finish(struct json_documents *d)
{
    buffer_finish(&d->document);
}

/* The next byte without taking it; -1 at the end, -2 when reading failed. */
static int peek(struct json_documents *d)
{
    if (d->at == d->filled && !d->ended) {
        long n = input_read(d->input, d->bytes, sizeof(d->bytes));
        d->at = 0;
        d->filled = n > 0 ? (size_t)n : 0;
        d->ended = n == 0;
        if (n < 0)
            return -2;
    }
    return d->at < d->filled ? (unsigned char)d->bytes[d->at] : -1;
}

static void skip(struct json_documents *d)
{
    d->next_line += d->bytes[d->at++] == '\n';
}

static bool is_space(int byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Keeps the byte; line breaks, which only white space may be, become spaces. */
static bool keep(struct json_documents *d, int byte)
{
    buffer_byte(&d->document, byte == '\n' || byte == '\r' ? ' ' : (char)byte);
    skip(d);
    return d->document.length <= DOCUMENT_BYTES_MOST && !d->document.failed;
}

static int too_much(struct json_documents *d, const char **ret_problem)
{
    *ret_problem = d->document.failed ? "out of memory" : "a document is longer than 8 MiB";
    return d->document.failed ? ERROR_NOMEM : ERROR_INVALID;
}

static int take_line(struct json_documents *d, const char **ret_problem)
{
    int byte;

    while ((byte = peek(d)) >= 0 && byte != '\n')
        if (!keep(d, byte))
            return too_much(d, ret_problem);
    *ret_problem = "reading failed";
    return byte == -2 ? ERROR_IO : 1;
}

static int take_value(struct json_documents *d, const char **ret_problem)
{
    bool in_string = false, escaped = false;
    long depth = 0;

    do {
        int byte = peek(d);
        if (byte < 0) {
            *ret_problem =
                byte == -2 ? "reading failed" : "the end comes before a bracket or a string is closed";
            return byte == -2 ? ERROR_IO : ERROR_INVALID;
        }
        if (in_string) {
            in_string = escaped || byte != '"';
            escaped = !escaped && byte == '\\';
        } else {
            in_string = byte == '"';
            depth += (byte == '{' || byte == '[') - (byte == '}' || byte == ']');
        }
        if (!keep(d, byte))
            return too_much(d, ret_problem);
    } while (depth > 0);
    return 1;
}

/* White space, and between the elements of an array its commas and brackets. */
static int skip_between(struct json_documents *d)
{
    for (;;) {
        int byte = peek(d);
        if (byte == '[' && !d->in_array && !d->lines)
            d->in_array = true;
        else if (byte == ']' && d->in_array)
            d->in_array = false;
        else if (!is_space(byte) && !(byte == ',' && d->in_array))
            return byte;
        skip(d);
    }
}

static void skip_mark(struct json_documents *d)
{
    if (d->next_line == 1 && peek(d) == 0xEF && d->filled - d->at >= 3 &&
        memcmp(d->bytes + d->at, "\xEF\xBB\xBF", 3) == 0)
        d->at += 3;
}

int json_documents_next(struct json_documents *d, struct text *ret_document, const char **ret_problem)
{
    buffer_clear(&d->document);
    skip_mark(d);
    int byte = skip_between(d), got;

    d->line = d->next_line;
    if (byte == -1)
        return 0;
    if (byte == -2) {
        *ret_problem = "reading failed";
        return ERROR_IO;
    }
    if (d->lines) {
        got = take_line(d, ret_problem);
    } else if (byte == '{') {
        got = take_value(d, ret_problem);
    } else {
        *ret_problem = "something else than an object stands here";
        return ERROR_INVALID;
    }
    *ret_document = (struct text){d->document.at, d->document.length};
    return got;
}
