/* What the parser makes of bytes, as text: shared by its tests and its fuzz target. */
#ifndef TESTS_HTTP_PARSER_READER_H
#define TESTS_HTTP_PARSER_READER_H

#include "base/buffer.h"
#include "http/parser.h"

#include <stdlib.h>

enum { BODY_MOST = 1 << 20 };

struct reader {
    struct parser parser;
    struct buffer in; /* from the head of the present request on */
    size_t body_at;   /* 0: in the head */
    struct buffer said;
    bool over;
};

static inline void say_request(struct reader *r)
{
    const struct parser *p = &r->parser;
    struct text path = parser_text(p->path, r->in.at), query = parser_text(p->query, r->in.at);

    buffer_printf(&r->said, "%s %.*s", http_method_name(p->method), (int)path.length, path.at);
    if (query.length)
        buffer_printf(&r->said, "?%.*s", (int)query.length, query.at);
    buffer_printf(&r->said, " 1.%u%s%s%s", p->version_minor, p->keep_alive ? "" : " close",
                  p->absolute ? " absolute" : "", p->expects_continue ? " expects" : "");
    if (parser_has_body(p))
        buffer_string(&r->said, " <");
}

static inline void drop(struct reader *r, size_t bytes)
{
    memmove(r->in.at, r->in.at + bytes, r->in.length - bytes);
    r->in.length -= bytes;
}

static inline void request_over(struct reader *r)
{
    if (parser_has_body(&r->parser))
        buffer_byte(&r->said, '>');
    buffer_byte(&r->said, '\n');
    drop(r, r->body_at);
    r->body_at = 0;
    r->parser = (struct parser){0};
}

/* One step; false when more bytes are needed, or all is over. */
static inline bool reader_step(struct reader *r)
{
    enum parser_status s;

    if (!r->body_at) {
        if (!r->in.length)
            return false;
        s = parser_head(&r->parser, r->in.at, r->in.length);
        if (s == PARSER_READY) {
            say_request(r);
            r->body_at = r->parser.head_length;
            return true;
        }
    } else {
        size_t used;
        struct text piece;
        s = parser_body(&r->parser, r->in.at + r->body_at, r->in.length - r->body_at, BODY_MOST, &used,
                        &piece);
        buffer_text(&r->said, piece);
        r->body_at += used;
        if (s == PARSER_READY)
            request_over(r);
        if (s == PARSER_READY || (s == PARSER_MORE && used))
            return true;
    }
    if (s == PARSER_FAILED) {
        if (r->body_at)
            buffer_byte(&r->said, '>');
        buffer_printf(&r->said, "%u", r->parser.status);
        r->over = true;
    }
    return false;
}

static inline void reader_feed(struct reader *r, const char *bytes, size_t length)
{
    if (r->over)
        return;
    /* A fresh copy each time, exactly as long as what is there: reading past it is a sanitizer's report. */
    char *copy = malloc(r->in.length + length + 1);
    if (r->in.length)
        memcpy(copy, r->in.at, r->in.length);
    memcpy(copy + r->in.length, bytes, length);
    size_t all = r->in.length + length;
    buffer_finish(&r->in);
    buffer_add(&r->in, copy, all);
    free(copy);
    while (reader_step(r))
        ;
}

static inline char *reader_end(struct reader *r)
{
    if (!r->over && (r->in.length || r->body_at))
        buffer_string(&r->said, "…");
    buffer_byte(&r->said, '\0');
    buffer_finish(&r->in);
    return r->said.at;
}

#endif
