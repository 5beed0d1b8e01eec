/* Reads requests line by line; a line is judged when its CRLF is there, a byte as soon as it is seen. */
#include "http/parser.h"

#include <emmintrin.h>
#include <strings.h>

enum phase {
    PHASE_START,
    PHASE_HEADERS,
    PHASE_BODY,
    PHASE_CHUNK_FIRST,
    PHASE_CHUNK_SIZE,
    PHASE_CHUNK_EXTENSION,
    PHASE_CHUNK_LF,
    PHASE_CHUNK_DATA,
    PHASE_DATA_CR,
    PHASE_DATA_LF,
    PHASE_TRAILER_FIRST,
    PHASE_TRAILER_NAME,
    PHASE_TRAILER_VALUE,
    PHASE_TRAILER_LF,
    PHASE_END_LF,
    PHASE_DONE,
    PHASE_FAILED
};

enum byte_class { TOKEN = 1, TARGET = 2, VALUE = 4, HOST = 8 };

/* What a byte may be part of. TARGET is visible ASCII without " # < > \ — HOST what an authority may hold. */
static const uint8_t classes[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
#define T TOKEN | TARGET | VALUE | HOST
    ['0' ... '9'] = T,
    ['A' ... 'Z'] = T,
    ['a' ... 'z'] = T,
    ['!'] = T,
    ['$'] = T,
    ['%'] = T,
    ['&'] = T,
    ['\''] = T,
    ['*'] = T,
    ['+'] = T,
    ['-'] = T,
    ['.'] = T,
    ['_'] = T,
    ['~'] = T,
#undef T
    ['#'] = TOKEN | VALUE,
    ['^'] = TOKEN | TARGET | VALUE,
    ['`'] = TOKEN | TARGET | VALUE,
    ['|'] = TOKEN | TARGET | VALUE,
    ['('] = TARGET | VALUE | HOST,
    [')'] = TARGET | VALUE | HOST,
    [','] = TARGET | VALUE | HOST,
    [';'] = TARGET | VALUE | HOST,
    ['='] = TARGET | VALUE | HOST,
    [':'] = TARGET | VALUE | HOST,
    ['['] = TARGET | VALUE | HOST,
    [']'] = TARGET | VALUE | HOST,
    ['/'] = TARGET | VALUE,
    ['?'] = TARGET | VALUE,
    ['@'] = TARGET | VALUE,
    ['{'] = TARGET | VALUE,
    ['}'] = TARGET | VALUE,
    ['"'] = VALUE,
    ['<'] = VALUE,
    ['>'] = VALUE,
    ['\\'] = VALUE,
    [0x80 ... 0xFF] = VALUE,
};

static inline bool is(unsigned char c, enum byte_class what)
{
    return classes[c] & what;
}

static bool all(struct text t, enum byte_class what)
{
    for (size_t i = 0; i < t.length; i++)
        if (!is((unsigned char)t.at[i], what))
            return false;
    return true;
}

static enum parser_status fail(struct parser *p, unsigned status, const char *detail)
{
    p->phase = PHASE_FAILED;
    p->status = (uint16_t)status;
    p->detail = detail;
    return PARSER_FAILED;
}

static const char *const method_names[HTTP_METHOD_END] = {"GET",    "HEAD",    "POST",  "PUT",
                                                          "DELETE", "OPTIONS", "PATCH", "TRACE"};

const char *http_method_name(enum http_method m)
{
    return (unsigned)m < HTTP_METHOD_END ? method_names[m] : "";
}

/* ---- the request line ---- */

static bool find_method(struct text t, uint8_t *ret)
{
    for (unsigned m = 0; m < HTTP_METHOD_END; m++)
        if (text_equal(t, text_of(method_names[m]))) {
            *ret = (uint8_t)m;
            return true;
        }
    return false;
}

/* HTTP/1.0 and HTTP/1.1 are served, every other HTTP/digit.digit is 505. */
static enum parser_status read_version(struct parser *p, struct text v)
{
    bool shaped = v.length == 8 && !memcmp(v.at, "HTTP/", 5) && v.at[5] >= '0' && v.at[5] <= '9' &&
                  v.at[6] == '.' && v.at[7] >= '0' && v.at[7] <= '9';
    if (!shaped)
        return fail(p, 400, "the request line must be: method, one space, target, one space, HTTP/1.1");
    if (v.at[5] != '1' || v.at[7] > '1')
        return fail(p, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    p->version_minor = (uint8_t)(v.at[7] - '0');
    p->keep_alive = p->version_minor == 1;
    return PARSER_MORE;
}

/* The length of `http://authority` in front of the path, 0 when there is none. False: not a form of target
 * known. */
static bool skip_authority(struct text t, size_t *ret_skipped)
{
    size_t scheme = t.length >= 7 && !strncasecmp(t.at, "http://", 7)    ? 7
                    : t.length >= 8 && !strncasecmp(t.at, "https://", 8) ? 8
                                                                         : 0;
    size_t end = scheme;

    if (!scheme)
        return false;
    while (end < t.length && t.at[end] != '/' && t.at[end] != '?')
        end++;
    *ret_skipped = end;
    return end > scheme && all((struct text){t.at + scheme, end - scheme}, HOST);
}

static enum parser_status read_target(struct parser *p, const char *bytes, uint32_t at, uint32_t length)
{
    struct text t = {bytes + at, length};
    size_t skipped = 0;

    if (!length || !all(t, TARGET))
        return fail(p, 400, "the target has a byte that must be percent-encoded");
    if (t.at[0] != '/') {
        if (p->method == HTTP_OPTIONS && length == 1 && t.at[0] == '*') {
            p->path = (struct span){at, 1};
            return PARSER_MORE;
        }
        if (!skip_authority(t, &skipped))
            return fail(p, 400, "the target must begin with / or be http://host/…");
        p->absolute = true;
    }
    uint32_t path = at + (uint32_t)skipped, end = at + length;
    const char *question = memchr(bytes + path, '?', end - path);
    uint32_t path_end = question ? (uint32_t)(question - bytes) : end;
    p->path = (struct span){path, path_end - path};
    p->query = question ? (struct span){path_end + 1, end - path_end - 1} : (struct span){end, 0};
    return PARSER_MORE;
}

static enum parser_status read_request_line(struct parser *p, const char *bytes, uint32_t at, uint32_t end)
{
    const char *first = memchr(bytes + at, ' ', end - at), *last = bytes + end - 1;
    static const char shape[] = "the request line must be: method, one space, target, one space, HTTP/1.1";

    while (first && *last != ' ')
        last--;
    if (!first || first == last || first == bytes + at)
        return fail(p, 400, shape);
    struct text method = {bytes + at, (size_t)(first - bytes) - at};
    if (!all(method, TOKEN))
        return fail(p, 400, shape);
    enum parser_status s = read_version(p, (struct text){last + 1, (size_t)(bytes + end - last - 1)});
    if (s == PARSER_FAILED)
        return s;
    if (!find_method(method, &p->method))
        return fail(p, 501, "this method is not known here");
    return read_target(p, bytes, (uint32_t)(first + 1 - bytes), (uint32_t)(last - first - 1));
}

/* ---- header lines ---- */

static bool name_is(struct text name, const char *lower)
{
    size_t length = strlen(lower);
    return name.length == length && !strncasecmp(name.at, lower, length);
}

static enum http_header find_header(struct text name)
{
    static const char *const names[HEADER_END] = {
#define HEADER(NAME, lower, rule) lower,
#include "http/headers.def"
#undef HEADER
    };
    for (unsigned h = 0; h < HEADER_END; h++)
        if (name_is(name, names[h]))
            return (enum http_header)h;
    return HEADER_END;
}

enum rule { ONCE, LIST };

static enum parser_status keep_header(struct parser *p, enum http_header h, struct span value)
{
    static const uint8_t rules[HEADER_END] = {
#define HEADER(NAME, lower, rule) rule,
#include "http/headers.def"
#undef HEADER
    };
    if (!(p->headers_seen & 1u << h)) {
        p->headers_seen |= (uint16_t)(1u << h);
        p->header[h] = value;
    } else if (rules[h] == ONCE) {
        return fail(p, 400,
                    h == HEADER_HOST             ? "Host must be there once"
                    : h == HEADER_CONTENT_LENGTH ? "Content-Length must be there at most once"
                                                 : "a header that may be there only once is there twice");
    } else {
        p->repeated |= (uint16_t)(1u << h);
    }
    return PARSER_MORE;
}

static enum parser_status read_content_length(struct parser *p, struct text value)
{
    uint64_t n = 0;

    if (!value.length)
        return fail(p, 400, "Content-Length must be digits");
    for (size_t i = 0; i < value.length; i++) {
        unsigned digit = (unsigned char)value.at[i] - '0';
        if (digit > 9)
            return fail(p, 400, "Content-Length must be digits");
        if (n > (uint64_t)(INT64_MAX - digit) / 10)
            return fail(p, 400, "Content-Length is past 2^63");
        n = n * 10 + digit;
    }
    p->has_length = true;
    p->content_length = n;
    return PARSER_MORE;
}

/* `close` wins over `keep-alive`; other options mean nothing here. */
static void read_connection(struct parser *p, struct text value)
{
    const char *at = value.at, *end = value.at + value.length;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end, *last = stop;
        while (at < last && (*at == ' ' || *at == '\t'))
            at++;
        while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        struct text option = {at, (size_t)(last - at)};
        if (name_is(option, "close"))
            p->closes = true;
        else if (name_is(option, "keep-alive"))
            p->keep_alive = true;
        at = stop + 1;
    }
}

static enum parser_status read_header(struct parser *p, const char *bytes, enum http_header h,
                                      struct span value)
{
    struct text v = parser_text(value, bytes);

    if (keep_header(p, h, value) == PARSER_FAILED)
        return PARSER_FAILED;
    switch (h) {
    case HEADER_CONTENT_LENGTH:
        return read_content_length(p, v);
    case HEADER_TRANSFER_ENCODING:
        if (!name_is(v, "chunked"))
            return fail(p, 400, "Transfer-Encoding must be exactly: chunked");
        p->chunked = true;
        return PARSER_MORE;
    case HEADER_HOST:
        return all(v, HOST) ? PARSER_MORE : fail(p, 400, "Host is not a host");
    case HEADER_CONNECTION:
        read_connection(p, v);
        return PARSER_MORE;
    case HEADER_EXPECT:
        if (!name_is(v, "100-continue"))
            return fail(p, 417, "the only expectation that can be met is 100-continue");
        p->expects_continue = p->version_minor == 1;
        return PARSER_MORE;
    default:
        return PARSER_MORE;
    }
}

static enum parser_status read_header_line(struct parser *p, const char *bytes, uint32_t at, uint32_t end)
{
    if (++p->headers_count > PARSER_HEADERS_MOST)
        return fail(p, 431, "more than 100 header lines");
    if (bytes[at] == ' ' || bytes[at] == '\t')
        return fail(p, 400, "a header line must not begin with white space (folded lines are not read)");
    uint32_t colon = at;
    while (colon < end && is((unsigned char)bytes[colon], TOKEN))
        colon++;
    if (colon == at || colon == end || bytes[colon] != ':')
        return fail(p, 400, "a header line must be: name, colon (nothing between), value");
    enum http_header h = find_header((struct text){bytes + at, colon - at});
    if (h == HEADER_END)
        return PARSER_MORE;
    uint32_t from = colon + 1;
    while (from < end && (bytes[from] == ' ' || bytes[from] == '\t'))
        from++;
    while (end > from && (bytes[end - 1] == ' ' || bytes[end - 1] == '\t'))
        end--;
    return read_header(p, bytes, h, (struct span){from, end - from});
}

/* The empty line is there: do the lines go together? */
static enum parser_status finish_head(struct parser *p)
{
    bool host = p->headers_seen & 1u << HEADER_HOST;

    if (!host && p->version_minor == 1)
        return fail(p, 400, "Host must be there once");
    if (p->chunked && p->has_length)
        return fail(p, 400, "Content-Length and Transfer-Encoding must not come together");
    if (p->chunked && p->version_minor == 0)
        return fail(p, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (p->closes)
        p->keep_alive = false;
    p->left = p->content_length;
    p->phase = p->chunked ? PHASE_CHUNK_FIRST : p->left ? PHASE_BODY : PHASE_DONE;
    return PARSER_READY;
}

/* One line without its CRLF. */
static enum parser_status read_line(struct parser *p, const char *bytes, uint32_t at, uint32_t end)
{
    if (p->phase == PHASE_HEADERS)
        return at == end ? finish_head(p) : read_header_line(p, bytes, at, end);
    if (at == end) { /* RFC 9112, 2.2: an empty line before the request line is passed over, once */
        if (p->skipped_line)
            return fail(p, 400, "empty lines before the request line");
        p->skipped_line = true;
        return PARSER_MORE;
    }
    p->phase = PHASE_HEADERS;
    return read_request_line(p, bytes, at, end);
}

/* The first byte from `from` on that is a control byte (HT too) or DEL, or a place less than 16 bytes before
 * `to`: what stands before needs no look. SSE2 is part of every x86-64. */
static size_t skip_plain(const char *bytes, size_t from, size_t to)
{
    const __m128i control = _mm_set1_epi8(0x1F), del = _mm_set1_epi8(0x7F);

    for (; from + 16 <= to; from += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(bytes + from));
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(x, control), x), _mm_cmpeq_epi8(x, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask)
            return from + (unsigned)__builtin_ctz(mask);
    }
    return from;
}

enum parser_status parser_head(struct parser *p, const char *bytes, size_t length)
{
    if (p->phase == PHASE_FAILED)
        return PARSER_FAILED;
    size_t most = length < PARSER_HEAD_BYTES_MOST ? length : PARSER_HEAD_BYTES_MOST;
    for (size_t i = p->scanned; i < most; i++) {
        size_t line_end = p->line_at + (size_t)PARSER_LINE_BYTES_MOST;
        i = skip_plain(bytes, i, p->phase == PHASE_START && line_end < most ? line_end : most);
        if (i == most)
            break;
        unsigned char c = (unsigned char)bytes[i];
        if (p->phase == PHASE_START && i - p->line_at >= PARSER_LINE_BYTES_MOST && c != '\r')
            return fail(p, 414, "the request line is longer than 8 KiB");
        if (is(c, VALUE))
            continue;
        if (c == '\r') {
            if (i + 1 == most && most < PARSER_HEAD_BYTES_MOST) {
                p->scanned = (uint32_t)i; /* whether LF follows is seen next time */
                return PARSER_MORE;
            }
            if (i + 1 < most && bytes[i + 1] == '\n') {
                uint32_t at = p->line_at;
                p->line_at = (uint32_t)i + 2;
                enum parser_status s = read_line(p, bytes, at, (uint32_t)i);
                i++;
                if (s == PARSER_READY)
                    p->head_length = p->line_at;
                if (s != PARSER_MORE)
                    return s;
                continue;
            }
            if (i + 1 == most)
                break;
        }
        return fail(p, 400,
                    c == '\n'   ? "a line ends with LF alone: it must be CR LF"
                    : c == '\r' ? "CR without LF"
                                : "a control byte in the head");
    }
    p->scanned = (uint32_t)most;
    if (most < PARSER_HEAD_BYTES_MOST)
        return PARSER_MORE;
    return fail(p, 431, "the head is longer than 16 KiB");
}

/* ---- bodies ---- */

static int hex_value(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The size of a chunk is known: is there room for it? */
static enum parser_status begin_chunk(struct parser *p, uint64_t body_bytes_most)
{
    p->line_length = 0;
    if (p->left == 0) {
        p->phase = PHASE_TRAILER_FIRST;
        return PARSER_MORE;
    }
    if (p->left > body_bytes_most || p->body_length > body_bytes_most - p->left)
        return fail(p, 413, "the body is longer than this server takes");
    p->phase = PHASE_CHUNK_DATA;
    return PARSER_MORE;
}

/* A trailer that would have changed how the message is read is refused; others are passed over. */
static bool trailer_allowed(const struct parser *p)
{
    static const char *const framing[] = {"content-length", "transfer-encoding", "host", "trailer"};
    struct text name = {p->name, p->name_length};

    for (unsigned i = 0; i < sizeof(framing) / sizeof(framing[0]); i++)
        if (name_is(name, framing[i]))
            return false;
    return true;
}

static enum parser_status read_trailer_byte(struct parser *p, unsigned char c)
{
    if (++p->line_length > PARSER_HEAD_BYTES_MOST)
        return fail(p, 431, "the trailers are longer than 16 KiB");
    switch (p->phase) {
    case PHASE_TRAILER_FIRST:
        p->name_length = 0;
        if (c == '\r') {
            p->phase = PHASE_END_LF;
            return PARSER_MORE;
        }
        p->phase = PHASE_TRAILER_NAME;
        /* fall through */
    case PHASE_TRAILER_NAME:
        if (is(c, TOKEN)) {
            if (p->name_length < sizeof(p->name))
                p->name[p->name_length++] = (char)c;
            return PARSER_MORE;
        }
        if (c != ':' || !p->name_length || !trailer_allowed(p))
            return fail(p, 400, "a trailer must be: name, colon, value, and nothing that frames the message");
        p->phase = PHASE_TRAILER_VALUE;
        return PARSER_MORE;
    case PHASE_TRAILER_VALUE:
        if (is(c, VALUE))
            return PARSER_MORE;
        p->phase = PHASE_TRAILER_LF;
        return c == '\r' ? PARSER_MORE : fail(p, 400, "a control byte in a trailer");
    case PHASE_TRAILER_LF:
        p->phase = PHASE_TRAILER_FIRST;
        return c == '\n' ? PARSER_MORE : fail(p, 400, "CR without LF");
    default: /* PHASE_END_LF */
        p->phase = PHASE_DONE;
        return c == '\n' ? PARSER_READY : fail(p, 400, "CR without LF");
    }
}

static enum parser_status read_chunk_byte(struct parser *p, unsigned char c, uint64_t body_bytes_most)
{
    int digit = hex_value(c);

    if (++p->line_length > PARSER_CHUNK_LINE_BYTES_MOST)
        return fail(p, 400, "the line of a chunk's size is too long");
    switch (p->phase) {
    case PHASE_CHUNK_FIRST:
        p->left = 0;
        if (digit < 0)
            return fail(p, 400, "a chunk must begin with its size in hexadecimal digits");
        p->phase = PHASE_CHUNK_SIZE;
        /* fall through */
    case PHASE_CHUNK_SIZE:
        if (digit >= 0) {
            if (p->left > (uint64_t)INT64_MAX >> 4)
                return fail(p, 400, "the size of a chunk is past 2^63");
            p->left = p->left << 4 | (unsigned)digit;
            return PARSER_MORE;
        }
        if (c != ';' && c != '\r')
            return fail(p, 400, "the size of a chunk must be hexadecimal digits");
        p->phase = c == ';' ? PHASE_CHUNK_EXTENSION : PHASE_CHUNK_LF;
        return PARSER_MORE;
    case PHASE_CHUNK_EXTENSION:
        if (c == '\r')
            p->phase = PHASE_CHUNK_LF;
        else if (!is(c, VALUE))
            return fail(p, 400, "a control byte in a chunk's extension");
        return PARSER_MORE;
    case PHASE_CHUNK_LF:
        return c == '\n' ? begin_chunk(p, body_bytes_most) : fail(p, 400, "CR without LF");
    case PHASE_DATA_CR:
        p->phase = PHASE_DATA_LF;
        return c == '\r' ? PARSER_MORE : fail(p, 400, "a chunk is longer than its size");
    default: /* PHASE_DATA_LF */
        p->phase = PHASE_CHUNK_FIRST;
        p->line_length = 0;
        return c == '\n' ? PARSER_MORE : fail(p, 400, "a chunk is longer than its size");
    }
}

/* As much of `left` as is there. */
static size_t take_piece(struct parser *p, const char *bytes, size_t length, struct text *ret_piece)
{
    size_t n = p->left < length ? (size_t)p->left : length;

    *ret_piece = (struct text){bytes, n};
    p->left -= n;
    p->body_length += n;
    return n;
}

enum parser_status parser_body(struct parser *p, const char *bytes, size_t length, uint64_t body_bytes_most,
                               size_t *ret_used, struct text *ret_piece)
{
    enum parser_status s = PARSER_MORE;
    size_t i = 0;

    *ret_piece = (struct text){bytes, 0};
    *ret_used = 0;
    if (p->phase == PHASE_FAILED)
        return PARSER_FAILED;
    if (p->phase == PHASE_DONE)
        return PARSER_READY;
    if (p->phase == PHASE_BODY) {
        if (p->content_length > body_bytes_most)
            return fail(p, 413, "the body is longer than this server takes");
        *ret_used = take_piece(p, bytes, length, ret_piece);
        if (p->left == 0)
            p->phase = PHASE_DONE;
        return p->left ? PARSER_MORE : PARSER_READY;
    }
    while (i < length && s == PARSER_MORE) {
        if (p->phase == PHASE_CHUNK_DATA) {
            i += take_piece(p, bytes + i, length - i, ret_piece);
            if (p->left == 0)
                p->phase = PHASE_DATA_CR;
            break;
        }
        unsigned char c = (unsigned char)bytes[i++];
        s = p->phase >= PHASE_TRAILER_FIRST ? read_trailer_byte(p, c)
                                            : read_chunk_byte(p, c, body_bytes_most);
    }
    *ret_used = i;
    return s;
}
