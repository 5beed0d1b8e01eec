/* The tag of an answer is a hash of what counts in it, so that the same stock has the same tag on every
 * replica. */
#include "http/etag.h"

#include "base/hash.h"
#include "codec/json.h"

enum { TAG_AT = sizeof("ETag: \"") - 1, TAG_DIGITS = 16 };

struct etag etag_begin(struct exchange *x, const char *cache_control)
{
    struct etag e = {.lines_at = x->out->length};

    buffer_text(x->out, TEXT("ETag: \"0123456789abcdef\"\r\nCache-Control: "));
    buffer_string(x->out, cache_control);
    buffer_text(x->out, TEXT("\r\n"));
    e.lines_length = x->out->length - e.lines_at;
    return e;
}

struct buffer *row_answer_begin(struct exchange *x, struct text sku, struct text location,
                                struct etag *ret_etag)
{
    answer_begin(x, 200, "application/json");
    *ret_etag = etag_begin(x, "private, no-cache");
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, sku);
    buffer_text(b, TEXT(",\"location\":"));
    json_put_string(b, location);
    return b;
}

static void fill_in(struct exchange *x, char *tag, size_t cut_at, size_t cut_end)
{
    static const char digits[] = "0123456789abcdef";
    const char *body = x->out->at + x->body_at;
    size_t length = x->out->length - x->body_at;
    struct hash128 front = hash128(body, cut_at, 0),
                   both = hash128(body + cut_end, length - cut_end, front.low);

    for (unsigned i = 0; i < TAG_DIGITS; i++)
        tag[i] = digits[both.high >> (60 - 4 * i) & 15];
}

/* `"…"`, a list of them, W/ before them, or *. */
static bool client_has(const struct exchange *x, const char *tag)
{
    struct text given = parser_header(x->request, HEADER_IF_NONE_MATCH, x->head);

    if (!given.length || x->request->repeated & 1u << HEADER_IF_NONE_MATCH)
        return false;
    return text_equal(given, TEXT("*")) || memmem(given.at, given.length, tag - 1, TAG_DIGITS + 2);
}

void etag_end(struct exchange *x, const struct etag *e, size_t cut_at, size_t cut_end)
{
    char lines[256];

    if (x->out->failed || e->lines_length >= sizeof(lines)) {
        answer_end(x);
        return;
    }
    char *tag = x->out->at + e->lines_at + TAG_AT;
    fill_in(x, tag, cut_at, cut_end);
    if (!client_has(x, tag)) {
        answer_end(x);
        return;
    }
    memcpy(lines, x->out->at + e->lines_at, e->lines_length);
    lines[e->lines_length] = '\0';
    x->out->length = x->answer_at;
    count(x->loop, METRIC_ANSWERS_2XX, (uint64_t)-1); /* it becomes another answer */
    answer_empty(x, 304, lines);
}
