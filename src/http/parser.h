/* HTTP/1.1 requests, strictly: anything two readers could read in two ways is refused (RFC 9110, RFC 9112).
 * Incremental, no allocation.
 *
 * What it says depends on the bytes alone, never on how they were cut into pieces. Not shared between
 * threads. */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include "base/text.h"

enum {
    PARSER_LINE_BYTES_MOST = 8 * 1024, /* the request line: 414 beyond */
    PARSER_HEAD_BYTES_MOST =
        16 * 1024, /* the request line and all header lines: 431 beyond; trailers have as much again */
    PARSER_HEADERS_MOST = 100,          /* lines: 431 beyond */
    PARSER_CHUNK_LINE_BYTES_MOST = 256, /* a chunk's size with its extensions: 400 beyond */
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_TRACE,
    HTTP_METHOD_END
};
const char *http_method_name(enum http_method m);

enum http_header {
#define HEADER(NAME, name, rule) HEADER_##NAME,
#include "http/headers.def"
#undef HEADER
    HEADER_END
};

enum parser_status { PARSER_MORE, PARSER_READY, PARSER_FAILED };

struct span {
    uint32_t at, length;
};

/* Zero-initialised is ready for the first request. Offsets count from the first byte of the head. */
struct parser {
    uint8_t phase, method, version_minor;
    bool keep_alive, closes, chunked, expects_continue, has_length, absolute, skipped_line;
    uint16_t headers_seen; /* bits of enum http_header */
    uint16_t repeated;     /* those of LIST that came more than once */
    uint32_t headers_count;
    uint32_t line_at, scanned;
    uint32_t head_length; /* when PARSER_READY: bytes of the head with its empty line */
    struct span path, query, header[HEADER_END];
    uint64_t content_length; /* has_length */
    uint64_t left;           /* of the body, or of the present chunk */
    uint64_t body_length;    /* of pieces handed out so far */
    uint32_t line_length;    /* of a chunk's line, or of the trailers */
    uint8_t name_length;
    char name[20];      /* of a trailer, as far as it matters */
    uint16_t status;    /* when PARSER_FAILED: what to answer before closing */
    const char *detail; /* when PARSER_FAILED: why, for people */
};

/* Goes on reading a head that begins at `bytes`; call again with the same first byte and more of them while
 * it says PARSER_MORE. The bytes may move between calls. */
enum parser_status parser_head(struct parser *p, const char *bytes, size_t length);

/* After the head: one step through the body. *ret_used bytes were read, *ret_piece of them (maybe empty) are
 * body. PARSER_READY: the body ends behind them. PARSER_MORE with nothing left to read: come again with more
 * bytes. Body bytes are checked against body_bytes_most (413). */
enum parser_status parser_body(struct parser *p, const char *bytes, size_t length, uint64_t body_bytes_most,
                               size_t *ret_used, struct text *ret_piece);

/* Whether a body follows the head. */
static inline bool parser_has_body(const struct parser *p)
{
    return p->chunked || (p->has_length && p->content_length > 0);
}

static inline struct text parser_text(struct span s, const char *head)
{
    return (struct text){head + s.at, s.length};
}

static inline struct text parser_header(const struct parser *p, enum http_header h, const char *head)
{
    return parser_text(p->header[h], head);
}

#endif
