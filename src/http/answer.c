/* Writes the frame of answers: status line, headers, length. */
#include "http/server.h"

#include "base/digits.h"

#include <stdio.h>

/* Room for a length that is only known when the body is written: white space in front of a value means
 * nothing. */
#define LENGTH_ROOM "          "
enum { LENGTH_DIGITS = sizeof(LENGTH_ROOM) - 1 };

static struct text status_line(unsigned status)
{
    switch (status) {
#define STATUS(code, text) \
    case code:             \
        return TEXT("HTTP/1.1 " #code " " text "\r\n");
#include "http/statuses.def"
#undef STATUS
    default:
        return (struct text){0};
    }
}

static void count_answer(struct loop *l, unsigned status)
{
    count(l,
          status < 300   ? METRIC_ANSWERS_2XX
          : status < 400 ? METRIC_ANSWERS_3XX
          : status < 500 ? METRIC_ANSWERS_4XX
                         : METRIC_ANSWERS_5XX,
          1);
}

static void put_connection(struct exchange *x)
{
    const struct parser *p = x->request;

    if (x->close || !p->keep_alive)
        buffer_text(x->out, TEXT("Connection: close\r\n"));
    else if (p->version_minor == 0)
        buffer_text(x->out, TEXT("Connection: keep-alive\r\n"));
}

static void put_status(struct exchange *x, unsigned status)
{
    struct text line = status_line(status);

    if (line.length)
        buffer_text(x->out, line);
    else
        buffer_printf(x->out, "HTTP/1.1 %u Unknown\r\n", status);
    buffer_string(x->out, x->loop->date);
}

void answer_begin_under(struct exchange *x, unsigned status, const char *content_type, const char *policy)
{
    x->answer_at = x->out->length;
    count_answer(x->loop, status);
    put_status(x, status);
    buffer_text(x->out, TEXT("X-Content-Type-Options: nosniff\r\n"
                             "Content-Security-Policy: "));
    buffer_string(x->out, policy);
    buffer_text(x->out, TEXT("\r\nContent-Type: "));
    buffer_string(x->out, content_type);
    buffer_text(x->out, TEXT("\r\n"));
    put_connection(x);
}

void answer_begin(struct exchange *x, unsigned status, const char *content_type)
{
    answer_begin_under(x, status, content_type, "default-src 'none'; frame-ancestors 'none'");
}

struct buffer *answer_body(struct exchange *x)
{
    buffer_text(x->out, TEXT("Content-Length: " LENGTH_ROOM "\r\n\r\n"));
    x->body_at = x->out->length;
    x->length_at = x->body_at - 4 - LENGTH_DIGITS;
    return x->out;
}

/* The answer could not be written whole: what stands before it is kept, and the connection ends with a 503.
 */
static void answer_without_memory(struct exchange *x)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: "
                                 "0\r\nConnection: close\r\n\r\n";

    x->close = true;
    x->out->failed = false;
    x->out->length = x->answer_at;
    if (x->out->capacity - x->out->length >= sizeof(answer) - 1)
        buffer_add(x->out, answer, sizeof(answer) - 1);
}

void answer_end(struct exchange *x)
{
    if (x->out->failed) {
        answer_without_memory(x);
        return;
    }
    size_t length = x->out->length - x->body_at;
    digits_before(x->out->at + x->length_at + LENGTH_DIGITS, length);
    if (x->request->method == HTTP_HEAD)
        x->out->length = x->body_at;
}

void answer_empty(struct exchange *x, unsigned status, const char *lines)
{
    x->answer_at = x->out->length;
    count_answer(x->loop, status);
    put_status(x, status);
    put_connection(x);
    buffer_string(x->out, lines);
    buffer_text(x->out, TEXT("\r\n"));
    if (x->out->failed)
        answer_without_memory(x);
}

static bool in_chunks(const struct exchange *x)
{
    return x->request->version_minor == 1;
}

void answer_stream_begin(struct exchange *x)
{
    if (in_chunks(x)) {
        buffer_text(x->out, TEXT("Transfer-Encoding: chunked\r\n\r\n"));
        return;
    }
    if (x->request->keep_alive)
        buffer_text(x->out, TEXT("Connection: close\r\n"));
    buffer_text(x->out, TEXT("\r\n"));
    x->close = x->connection->closing = true;
}

size_t answer_chunk_begin(struct exchange *x)
{
    if (in_chunks(x))
        buffer_text(x->out, TEXT("00000000\r\n")); /* eight hexadecimal digits, filled in at the end */
    return x->out->length;
}

void answer_chunk_end(struct exchange *x, size_t mark)
{
    static const char digits[] = "0123456789abcdef";

    if (!in_chunks(x) || x->out->failed)
        return;
    size_t length = x->out->length - mark;
    if (!length) { /* an empty chunk would end the body */
        x->out->length = mark - 10;
        return;
    }
    for (unsigned i = 0; i < 8; i++)
        x->out->at[mark - 3 - i] = digits[length >> (4 * i) & 15];
    buffer_text(x->out, TEXT("\r\n"));
}

void answer_stream_end(struct exchange *x)
{
    if (in_chunks(x))
        buffer_text(x->out, TEXT("0\r\n\r\n"));
}
