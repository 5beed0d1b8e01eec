/* Lines of the dead-letter file. They stand in the order of the log, so a place is found by halving. */
#include "engine/dead_letter_file.h"
#include "base/error.h"
#include "codec/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

int dead_letter_file_open(struct dead_letter_file *f, const char *path)
{
    *f = (struct dead_letter_file){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    return f->fd < 0 ? ERROR_IO : 0;
}

void dead_letter_file_finish(struct dead_letter_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->line.at);
    *f = (struct dead_letter_file){.fd = -1};
}

static int line_reserve(struct dead_letter_file *f, size_t bytes)
{
    if (bytes <= f->line.capacity)
        return 0;
    size_t capacity = f->line.capacity * 2 > bytes ? f->line.capacity * 2 : bytes;
    char *at = realloc(f->line.at, capacity);
    if (!at)
        return ERROR_NOMEM;
    f->line.at = at;
    f->line.capacity = capacity;
    return 0;
}

/* The line at `at` without its end. 1, 0 when it has no end yet, an error. */
static int read_line(struct dead_letter_file *f, off_t at)
{
    f->line.length = 0;
    for (;;) {
        if (line_reserve(f, f->line.length + PIECE_BYTES) != 0)
            return ERROR_NOMEM;
        char *piece = f->line.at + f->line.length;
        ssize_t got = pread(f->fd, piece, PIECE_BYTES, at + (off_t)f->line.length);
        if (got <= 0)
            return got < 0 ? ERROR_IO : 0;
        char *end = memchr(piece, '\n', (size_t)got);
        if (end) {
            f->line.length = (size_t)(end - f->line.at);
            *end = '\0';
            return 1;
        }
        f->line.length += (size_t)got;
    }
}

static bool is_before(const char *line, uint64_t incarnation, uint64_t offset)
{
    uint64_t i = 0, o = 0;

    if (sscanf(line, "{\"version\":\"%lu:%lu\"", &i, &o) != 2)
        return true;
    return i != incarnation ? i < incarnation : o < offset;
}

/* Where the first line that begins behind `at` begins; the file's end when none does. */
static int next_line_at(struct dead_letter_file *f, off_t at, off_t end, off_t *ret)
{
    if (at == 0) {
        *ret = 0;
        return 0;
    }
    int got = read_line(f, at - 1); /* up to the end of the line that holds the byte before */
    if (got < 0)
        return got;
    *ret = got ? at + (off_t)f->line.length : end;
    return 0;
}

int dead_letter_file_seek(struct dead_letter_file *f, uint64_t incarnation, uint64_t offset)
{
    struct stat st;
    off_t low = 0, line = 0;

    if (fstat(f->fd, &st) != 0)
        return ERROR_IO;
    for (off_t high = st.st_size; low < high;) { /* the first byte behind which no line is before the place */
        off_t middle = low + (high - low) / 2;
        int got = next_line_at(f, middle, st.st_size, &line);
        if (got == 0 && line < st.st_size)
            got = read_line(f, line);
        if (got < 0)
            return got;
        if (got && is_before(f->line.at, incarnation, offset))
            low = middle + 1;
        else
            high = middle;
    }
    return next_line_at(f, low, st.st_size, &f->at);
}

/* ---- one line ---- */

/* The member's index; 0: there is none of that name and type. */
static uint32_t find(const struct json_node *nodes, uint32_t object, const char *name, enum json_type type)
{
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next)
        if (nodes[i].type == type && text_equal(nodes[i].key, text_of(name)))
            return i;
    return 0;
}

static struct text member(const struct json_node *nodes, uint32_t object, const char *name,
                          enum json_type type)
{
    uint32_t i = find(nodes, object, name, type);
    return i ? nodes[i].text : (struct text){0};
}

static int digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

static struct text from_base64(struct arena *a, struct text t)
{
    unsigned char *out = arena_alloc(a, t.length + 1);
    size_t length = 0;
    unsigned bits = 0, count = 0;

    for (size_t i = 0; out && i < t.length && digit(t.at[i]) >= 0; i++) {
        bits = bits << 6 | (unsigned)digit(t.at[i]);
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        out[length++] = (unsigned char)(bits >> count);
    }
    return (struct text){(const char *)out, length};
}

/* False: it is no letter. */
static bool read_letter(struct text line, struct arena *a, struct dead_letter *ret)
{
    const struct json_node *nodes;
    struct problems problems = {0};
    size_t count;

    *ret = (struct dead_letter){0};
    if (json_parse(line, a, &nodes, &count, &problems) != 0 || nodes[0].type != JSON_OBJECT ||
        sscanf(line.at, "{\"version\":\"%lu:%lu\",\"number\":%u", &ret->incarnation, &ret->offset,
               &ret->number) != 3)
        return false;
    uint32_t event = find(nodes, 0, "event", JSON_OBJECT);
    ret->readable = event != 0;
    ret->reason = member(nodes, 0, "reason", JSON_STRING);
    ret->pointer = member(nodes, 0, "pointer", JSON_STRING);
    ret->detail = member(nodes, 0, "detail", JSON_STRING);
    ret->id = event ? member(nodes, event, "id", JSON_STRING) : (struct text){0};
    ret->canonical = event ? nodes[event].text : from_base64(a, member(nodes, 0, "bytes", JSON_STRING));
    return true;
}

int dead_letter_file_next(struct dead_letter_file *f, struct arena *a, struct dead_letter *ret)
{
    for (;;) {
        int got = read_line(f, f->at);
        if (got <= 0)
            return got;
        f->at += (off_t)f->line.length + 1;
        struct text line = arena_text(a, (struct text){f->line.at, f->line.length});
        if (!line.at)
            return ERROR_NOMEM;
        if (read_letter(line, a, ret))
            return 1;
    }
}
