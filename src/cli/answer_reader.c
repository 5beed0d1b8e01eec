/* A state machine over lines and counted bytes. It believes nothing: lengths are bounded, framing must be
 * exact. */
#include "cli/answer_reader.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool number_of(const char *text, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    size_t digits = 0;

    for (; *text && *text != ';' && *text != ' ' && *text != '\t'; text++, digits++) {
        char c = *text | 0x20;
        unsigned digit = *text >= '0' && *text <= '9' ? (unsigned)(*text - '0')
                         : c >= 'a' && c <= 'f'       ? (unsigned)(c - 'a' + 10)
                                                      : 99;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (!digits)
        return false;
    *ret = value;
    return true;
}

static int read_status(struct answer_reader *r)
{
    const char *l = r->line;

    if (strncmp(l, "HTTP/1.", 7) != 0 || (l[7] != '0' && l[7] != '1') || l[8] != ' ')
        return ERROR_INVALID;
    for (size_t i = 9; i < 12; i++)
        if (l[i] < '0' || l[i] > '9')
            return ERROR_INVALID;
    if (l[12] && l[12] != ' ')
        return ERROR_INVALID;
    r->status = (l[9] - '0') * 100 + (l[10] - '0') * 10 + (l[11] - '0');
    r->keep_alive = l[7] == '1';
    r->state = ANSWER_HEADER;
    return r->status < 100 ? ERROR_INVALID : 0;
}

/* What is not of that form is passed over. */
static void read_range(struct answer_reader *r, const char *value)
{
    const char *dash = strchr(value, '-'), *slash = strchr(value, '/');
    char from[24];
    uint64_t first, total;

    if (strncmp(value, "bytes ", 6) != 0 || !dash || !slash || slash < dash || dash - value - 6 >= 24)
        return;
    snprintf(from, sizeof(from), "%.*s", (int)(dash - value - 6), value + 6);
    if (!number_of(from, 10, &first) || !number_of(slash + 1, 10, &total))
        return;
    r->range_from = first;
    r->range_total = total;
}

static int read_header(struct answer_reader *r)
{
    char *colon = strchr(r->line, ':');
    uint64_t number;

    if (!colon)
        return ERROR_INVALID;
    *colon = 0;
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(r->line, "content-length") == 0) {
        if (!number_of(value, 10, &number) || (r->has_length && number != r->left))
            return ERROR_INVALID;
        r->has_length = true;
        r->left = r->content_length = number;
    } else if (strcasecmp(r->line, "transfer-encoding") == 0) {
        if (strcasecmp(value, "chunked") != 0)
            return ERROR_INVALID;
        r->chunked = true;
    } else if (strcasecmp(r->line, "connection") == 0) {
        r->keep_alive =
            strcasecmp(value, "close") == 0 ? false : strcasecmp(value, "keep-alive") == 0 || r->keep_alive;
    } else if (strcasecmp(r->line, "content-type") == 0) {
        snprintf(r->content_type, sizeof(r->content_type), "%.*s", (int)strcspn(value, "; "), value);
    } else if (strcasecmp(r->line, "etag") == 0) {
        if (strlen(value) < sizeof(r->etag))
            strcpy(r->etag, value);
    } else if (strcasecmp(r->line, "content-range") == 0) {
        read_range(r, value);
    } else if (strcasecmp(r->line, "retry-after") == 0 && number_of(value, 10, &number)) {
        r->retry_after_seconds = number > 3600 ? 3600 : (unsigned)number;
    }
    return 0;
}

static void end_headers(struct answer_reader *r)
{
    if (r->status < 200) /* 100 Continue and the like: the answer is still to come */
        *r = (struct answer_reader){0};
    else if (r->status == 204 || r->status == 304)
        r->state = ANSWER_DONE;
    else if (r->chunked)
        r->state = ANSWER_CHUNK_SIZE;
    else if (r->has_length)
        r->state = r->left ? ANSWER_BODY_LENGTH : ANSWER_DONE;
    else
        r->state = ANSWER_BODY_CLOSE, r->keep_alive = false;
}

static int read_chunk_size(struct answer_reader *r)
{
    if (!number_of(r->line, 16, &r->left))
        return ERROR_INVALID;
    r->state = r->left ? ANSWER_CHUNK_DATA : ANSWER_TRAILER;
    return 0;
}

static int read_line(struct answer_reader *r)
{
    switch (r->state) {
    case ANSWER_STATUS_LINE:
        return read_status(r);
    case ANSWER_HEADER:
        if (*r->line)
            return read_header(r);
        end_headers(r);
        return 0;
    case ANSWER_CHUNK_SIZE:
        return read_chunk_size(r);
    case ANSWER_CHUNK_END:
        r->state = ANSWER_CHUNK_SIZE;
        return *r->line ? ERROR_INVALID : 0;
    default:
        if (!*r->line)
            r->state = ANSWER_DONE;
        return 0;
    }
}

/* Gathers bytes up to a line feed; the line is read when it is whole. */
static int take_line(struct answer_reader *r, const char *bytes, size_t length, size_t *used)
{
    const char *end = memchr(bytes, '\n', length);
    size_t piece = end ? (size_t)(end - bytes) : length;

    if (piece >= sizeof(r->line) - r->line_length)
        return ERROR_INVALID;
    memcpy(r->line + r->line_length, bytes, piece);
    r->line_length += piece;
    *used = piece + (end != NULL);
    if (!end)
        return 0;
    if (r->line_length && r->line[r->line_length - 1] == '\r')
        r->line_length--;
    r->line[r->line_length] = 0;
    if (memchr(r->line, 0, r->line_length))
        return ERROR_INVALID;
    r->line_length = 0;
    return read_line(r);
}

static int take_body(struct answer_reader *r, const char *bytes, size_t length,
                     const struct answer_body *body, size_t *used)
{
    bool counted = r->state != ANSWER_BODY_CLOSE;
    size_t piece = counted && r->left < length ? (size_t)r->left : length;
    int error = body ? body->take(body->context, r->status, bytes, piece) : 0;

    if (error)
        return error;
    r->taken = true;
    *used = piece;
    if (counted && !(r->left -= piece))
        r->state = r->state == ANSWER_CHUNK_DATA ? ANSWER_CHUNK_END : ANSWER_DONE;
    return 0;
}

int answer_read(struct answer_reader *r, const char *bytes, size_t length, const struct answer_body *body,
                size_t *ret_used)
{
    size_t done = 0;

    while (done < length && r->state != ANSWER_DONE) {
        bool counted =
            r->state == ANSWER_BODY_LENGTH || r->state == ANSWER_BODY_CLOSE || r->state == ANSWER_CHUNK_DATA;
        size_t used = 0;
        int error = counted ? take_body(r, bytes + done, length - done, body, &used)
                            : take_line(r, bytes + done, length - done, &used);
        if (error)
            return error;
        done += used;
    }
    *ret_used = done;
    return 0;
}

int answer_closed(struct answer_reader *r)
{
    if (r->state == ANSWER_BODY_CLOSE)
        r->state = ANSWER_DONE;
    return r->state == ANSWER_DONE ? 0 : ERROR_IO;
}
