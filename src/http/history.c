/* GET /v1/rows/{sku}/{location}/history: what was said of a row and what it did, newest first. */
#include "http/etag.h"
#include "http/history_ask.h"
#include "http/shape.h"

#include "codec/row_json.h"

void history_get(struct exchange *x);

enum { LINES_USUAL = 100 };

/* ---- the answer ---- */

static void put_answer(struct exchange *x, const struct history_question *q)
{
    struct version version = {q->incarnation, q->applied_to ? q->applied_to - 1 : 0};
    struct etag etag;
    struct buffer *b = row_answer_begin(x, q->sku, q->location, &etag);

    buffer_byte(b, ',');
    size_t version_at = b->length - x->body_at;
    put_as_of(b, exchange_view(x), version);
    size_t version_end = b->length - x->body_at;
    buffer_text(b, TEXT(",\"complete_from\":"));
    json_put_version(b, (struct version){q->incarnation, q->complete_from});
    buffer_text(b, TEXT(",\"changes\":["));
    for (size_t i = 0; i < q->count; i++) {
        if (i)
            buffer_byte(b, ',');
        buffer_byte(b, '{');
        put_history_line(b, q->incarnation, &q->lines[i]);
        buffer_byte(b, '}');
    }
    if (q->next_before)
        buffer_printf(b, "],\"next\":\"%ld\"}", q->next_before);
    else
        buffer_text(b, TEXT("],\"next\":null}"));
    etag_end(x, &etag, version_at, version_end);
}

/* ---- the question ---- */

static bool read_instant(const struct parameter *p, instant_t *ret, struct problems *errors)
{
    if (instant_parse(p->value, ret))
        return true;
    parameter_wrong(errors, p->name, "must be an instant like 2026-11-21T10:05:00Z");
    return false;
}

static bool read_question(struct exchange *x, struct history_question *q)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;
    uint64_t number;

    errors.count = 0;
    q->limit = LINES_USUAL;
    q->from = q->to = INSTANT_NONE;
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("limit")))
            q->limit = parameter_number(&p, 1, HISTORY_PAGE_MOST, &number, &errors) ? (unsigned)number : 1;
        else if (text_equal(p.name, TEXT("after")))
            q->before = parameter_number(&p, 1, INT64_MAX, &number, &errors) ? (int64_t)number : 0;
        else if (text_equal(p.name, TEXT("from")))
            read_instant(&p, &q->from, &errors);
        else if (text_equal(p.name, TEXT("to")))
            read_instant(&p, &q->to, &errors);
        else
            parameter_unknown(&errors, p.name);
    }
    return parameters_right(x, &errors);
}

void history_get(struct exchange *x)
{
    struct history_question q = {0};

    if (read_question(x, &q) && history_row_is_known(x))
        history_ask(x, &q, put_answer);
}
