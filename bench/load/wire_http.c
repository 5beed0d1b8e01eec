/* HTTP/1.1: requests to onhand's API, its answers in pieces, and whether they say what was asked. */
#include "bench/load/request.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- requests ---- */

static void put_head(const struct maker *m, struct buffer *out)
{
    buffer_string(out, " HTTP/1.1\r\nHost: ");
    buffer_string(out, m->host);
    if (m->api_key && *m->api_key) {
        buffer_string(out, "\r\nAuthorization: Bearer ");
        buffer_string(out, m->api_key);
    }
    buffer_text(out, TEXT("\r\n"));
}

static void put_post(const struct maker *m, const char *target, const char *type, struct buffer *out)
{
    buffer_text(out, TEXT("POST "));
    buffer_string(out, target);
    put_head(m, out);
    buffer_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, m->body.length);
    buffer_add(out, m->body.at, m->body.length);
}

static void put_get(const struct maker *m, const struct request *r, struct buffer *out)
{
    const struct stock_row *row = &m->stock->rows[r->row];

    buffer_text(out, TEXT("GET /v1/availability/"));
    buffer_text(out, name_url(m->stock, &m->stock->skus[row->sku]));
    if (r->kind == KIND_row) {
        buffer_text(out, TEXT("?location="));
        buffer_text(out, name_url(m->stock, &m->stock->places[row->place]));
    }
    put_head(m, out);
    buffer_text(out, TEXT("\r\n"));
}

static struct text sku_json(const struct maker *m, uint32_t row)
{
    return name_json(m->stock, &m->stock->skus[m->stock->rows[row].sku]);
}

static struct text place_json(const struct maker *m, uint32_t row)
{
    return name_json(m->stock, &m->stock->places[m->stock->rows[row].place]);
}

static void put_batch(struct maker *m, const struct request *r, struct buffer *out)
{
    struct buffer *b = &m->body;

    buffer_text(b, TEXT("{\"items\":["));
    for (unsigned i = 0; i < m->batch; i++) {
        uint32_t row = request_row(m, r, i);
        buffer_string(b, i ? ",{\"sku\":\"" : "{\"sku\":\"");
        buffer_text(b, sku_json(m, row));
        buffer_text(b, TEXT("\",\"locations\":[\""));
        buffer_text(b, place_json(m, row));
        buffer_text(b, TEXT("\"]}"));
    }
    buffer_text(b, TEXT("]}"));
    put_post(m, "/v1/availability", "application/json", out);
}

static void put_hold(struct maker *m, const struct request *r, struct buffer *out)
{
    struct buffer *b = &m->body;

    buffer_printf(b, "{\"id\":\"%s-%llu\",\"ttl_seconds\":%u,\"items\":[", m->run,
                  (unsigned long long)r->number, m->ttl_seconds);
    for (unsigned i = 0; i < m->lines; i++) {
        uint32_t row = request_row(m, r, i);
        buffer_string(b, i ? ",{\"sku\":\"" : "{\"sku\":\"");
        buffer_text(b, sku_json(m, row));
        buffer_text(b, TEXT("\",\"quantity\":1,\"location\":\""));
        buffer_text(b, place_json(m, row));
        buffer_text(b, TEXT("\"}"));
    }
    buffer_text(b, TEXT("]}"));
    put_post(m, "/v1/reservations", "application/json", out);
}

static void put_confirm(struct maker *m, const struct request *r, struct buffer *out)
{
    char target[300];

    buffer_text(&m->body, TEXT("{}"));
    snprintf(target, sizeof(target), "/v1/reservations/%s-%llu/confirm", m->run,
             (unsigned long long)r->number);
    put_post(m, target, "application/json", out);
}

static void put_events(struct maker *m, const struct request *r, struct buffer *out)
{
    struct buffer *b = &m->body;

    for (unsigned i = 0; i < m->batch; i++) {
        uint32_t row = request_row(m, r, i);
        buffer_printf(b, "{\"id\":\"%s-%llu-%u\",\"source\":\"load\",\"type\":\"receipt\",\"sku\":\"", m->run,
                      (unsigned long long)r->number, i);
        buffer_text(b, sku_json(m, row));
        buffer_text(b, TEXT("\",\"location\":\""));
        buffer_text(b, place_json(m, row));
        buffer_text(b, TEXT("\",\"quantity\":1,\"occurred_at\":\""));
        buffer_string(b, m->now);
        buffer_text(b, TEXT("\"}\n"));
    }
    put_post(m, "/v1/events?results=problems", "application/x-ndjson", out);
}

static void put(struct maker *m, struct request *r, struct buffer *out)
{
    r->answers = 1;
    buffer_clear(&m->body);
    switch ((enum kind)r->kind) {
    case KIND_row:
    case KIND_sku:
        put_get(m, r, out);
        break;
    case KIND_batch:
        put_batch(m, r, out);
        break;
    case KIND_hold:
    case KIND_order:
        (r->step ? put_confirm : put_hold)(m, r, out);
        break;
    case KIND_event:
        put_events(m, r, out);
        break;
    case KINDS:
        break;
    }
}

/* ---- answers ---- */

/* What stands behind the name of a header (with its line's CRLF before and the colon behind); NULL: it is not
 * there. */
static const char *header(const char *head, size_t length, const char *name, size_t name_length)
{
    for (const char *at = head, *end = head + length; at && end - at > (long)name_length + 2;
         at = memmem(at, (size_t)(end - at), "\r\n", 2)) {
        if (*at == '\r')
            at += 2;
        if (end - at > (long)name_length && strncasecmp(at, name, name_length) == 0)
            return at + name_length;
    }
    return NULL;
}

/* The length of a whole chunked body, 0 while it is not whole, negative when it is none. Chunks stay as they
 * are: who looks into such an answer looks for words. */
static long chunked_length(const char *at, size_t length)
{
    size_t used = 0;

    for (;;) {
        char *end;
        const char *line = memmem(at + used, length - used, "\r\n", 2);
        if (!line)
            return 0;
        unsigned long size = strtoul(at + used, &end, 16);
        if (end == at + used || size > 1UL << 40)
            return -1;
        used = (size_t)(line + 2 - at) + size + 2;
        if (used > length)
            return 0;
        if (size == 0)
            return (long)used;
    }
}

static long take(const char *bytes, size_t length, struct answer *ret)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4), *said;

    if (length >= 5 && memcmp(bytes, "HTTP/", 5) != 0)
        return -1;
    if (!end)
        return length > 65536 ? -1 : 0;
    size_t head = (size_t)(end + 4 - bytes);
    ret->status = length > 12 ? atoi(bytes + 9) : 0;
    if (ret->status < 100)
        return -1;
    said = header(bytes, head, "content-length:", 15);
    long body = said ? atol(said) : 0;
    if (!said && header(bytes, head, "transfer-encoding:", 18)) {
        body = chunked_length(bytes + head, length - head);
        if (body <= 0)
            return body;
    }
    if (body < 0 || head + (size_t)body > length)
        return body < 0 ? -1 : 0;
    ret->body = (struct text){bytes + head, (size_t)body};
    return (long)head + body;
}

/* ---- what they say ---- */

/* Goes on behind `prefix` + `value` + quote; false when it does not stand there. */
static bool find_quoted(struct text *at, const char *prefix, struct text value)
{
    size_t length = strlen(prefix);

    for (;;) {
        const char *found = at->length ? memmem(at->at, at->length, prefix, length) : NULL;
        if (!found)
            return false;
        at->length -= (size_t)(found + length - at->at);
        at->at = found + length;
        if (at->length > value.length && memcmp(at->at, value.at, value.length) == 0 &&
            at->at[value.length] == '"')
            return true;
    }
}

static bool says(struct text body, const char *word)
{
    return body.length && memmem(body.at, body.length, word, strlen(word)) != NULL;
}

static uint64_t number_behind(struct text body, const char *word)
{
    const char *found = body.length ? memmem(body.at, body.length, word, strlen(word)) : NULL;

    return found ? strtoull(found + strlen(word), NULL, 10) : 0;
}

/* All rows that were asked for, in the order asked. */
static bool has_rows(const struct maker *m, const struct request *r, struct text body, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t row = request_row(m, r, i);
        if (!find_quoted(&body, "\"sku\":\"", sku_json(m, row)) ||
            !find_quoted(&body, "\"location\":\"", place_json(m, row)))
            return false;
    }
    return true;
}

/* Each location that the SKU was known to have; there may be more by now. */
static bool has_places(const struct maker *m, const struct request *r, struct text body)
{
    uint32_t sku = m->stock->rows[r->row].sku,
             wanted = m->stock->sku_first[sku + 1] - m->stock->sku_first[sku];

    if (!find_quoted(&body, "\"sku\":\"", sku_json(m, r->row)))
        return false;
    for (const char *at; wanted; wanted--) {
        at = memmem(body.at, body.length, "\"location\":\"", 12);
        if (!at)
            return false;
        body.length -= (size_t)(at + 12 - body.at);
        body.at = at + 12;
    }
    return true;
}

static enum judgement judge_hold(struct maker *m, const struct request *r, const struct answer *a,
                                 struct effect *e)
{
    if (a->status == 409 && says(a->body, "\"shortfalls\""))
        return ANSWER_REFUSED;
    if (a->status != 201)
        return ANSWER_ERROR;
    e->held = m->lines;
    return says(a->body, "\"state\":\"held\"") && has_rows(m, r, a->body, m->lines) ? ANSWER_RIGHT
                                                                                    : ANSWER_WRONG;
}

static enum judgement judge_confirm(struct maker *m, const struct answer *a, struct effect *e)
{
    if (a->status != 200)
        return ANSWER_ERROR;
    e->confirmed = m->lines;
    return says(a->body, "\"state\":\"confirmed\"") ? ANSWER_RIGHT : ANSWER_WRONG;
}

static enum judgement judge_events(struct maker *m, const struct answer *a, struct effect *e)
{
    if (a->status != 200)
        return ANSWER_ERROR;
    e->applied = number_behind(a->body, "\"applied\":");
    return e->applied == m->batch ? ANSWER_RIGHT : ANSWER_WRONG;
}

static enum judgement judge(struct maker *m, const struct request *r, const struct answer *a, bool look,
                            struct effect *ret_effect)
{
    enum kind kind = r->kind;
    bool right = true;

    if (look && (kind == KIND_hold || (kind == KIND_order && r->step == 0)))
        return judge_hold(m, r, a, ret_effect);
    if (look && kind == KIND_order)
        return judge_confirm(m, a, ret_effect);
    if (look && kind == KIND_event)
        return judge_events(m, a, ret_effect);
    if (a->status < 200 || a->status > 299)
        return ANSWER_ERROR;
    if (look && kind == KIND_sku)
        right = has_places(m, r, a->body);
    else if (look)
        right = has_rows(m, r, a->body, kind == KIND_batch ? m->batch : 1);
    return right ? ANSWER_RIGHT : ANSWER_WRONG;
}

const struct wire wire_http = {"http", put, take, judge};
