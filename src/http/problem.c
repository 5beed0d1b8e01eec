/* Errors for people and programs: RFC 9457 problem documents. */
#include "http/server.h"

#include "codec/json.h"

#include <stdarg.h>
#include <stdio.h>

struct problem_row {
    uint16_t status;
    const char *name, *title;
};

static const struct problem_row rows[PROBLEM_END] = {
#define PROBLEM(NAME, status, name, title) {status, name, title},
#include "http/problems.def"
#undef PROBLEM
};

/* The first row with that status: the parser speaks in statuses. */
enum problem_type problem_of_status(unsigned status)
{
    for (unsigned t = 0; t < PROBLEM_END; t++)
        if (rows[t].status == status)
            return (enum problem_type)t;
    return PROBLEM_INTERNAL;
}

void problem_begin(struct exchange *x, enum problem_type t, const char *detail)
{
    const struct problem_row *row = &rows[t];

    answer_begin(x, row->status, "application/problem+json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    if (row->status == 429 || row->status == 503 || x->retry_after_s)
        buffer_printf(x->out, "Retry-After: %u\r\n", x->retry_after_s ? x->retry_after_s : 1);
    if (row->status == 401)
        buffer_text(x->out, TEXT("WWW-Authenticate: Bearer realm=\"onhand\"\r\n"));
    if (x->allow)
        buffer_printf(x->out, "Allow: %s\r\n", x->allow);
    struct buffer *b = answer_body(x);
    buffer_printf(b,
                  "{\"type\":\"urn:onhand:problem:%s\",\"title\":\"%s\",\"status\":%u,\"detail\":", row->name,
                  row->title, row->status);
    json_put_string(b, text_of(detail));
}

void problem_end(struct exchange *x)
{
    buffer_byte(x->out, '}');
    answer_end(x);
}

/* What was said may hold any bytes of a request: what is not UTF-8 is shown as question marks. */
static void clean(char *text)
{
    if (text_is_utf8(text_of(text)))
        return;
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            *text = '?';
}

__attribute__((format(printf, 3, 0))) static void begin_v(struct exchange *x, enum problem_type t,
                                                          const char *format, va_list args)
{
    char detail[512];

    vsnprintf(detail, sizeof(detail), format, args);
    clean(detail);
    problem_begin(x, t, detail);
}

void problem(struct exchange *x, enum problem_type t, const char *detail_format, ...)
{
    va_list args;

    va_start(args, detail_format);
    begin_v(x, t, detail_format, args);
    va_end(args);
    problem_end(x);
}

void put_problems(struct buffer *b, const struct problems *p)
{
    buffer_byte(b, '[');
    for (size_t i = 0; i < p->count; i++) {
        char pointer[sizeof(p->at[0].pointer)], detail[sizeof(p->at[0].detail)];
        snprintf(pointer, sizeof(pointer), "%s", p->at[i].pointer);
        snprintf(detail, sizeof(detail), "%s", p->at[i].detail);
        clean(pointer);
        clean(detail);
        buffer_string(b, i ? ",{\"pointer\":" : "{\"pointer\":");
        json_put_string(b, text_of(pointer));
        buffer_text(b, TEXT(",\"detail\":"));
        json_put_string(b, text_of(detail));
        buffer_byte(b, '}');
    }
    buffer_byte(b, ']');
}

void problem_with(struct exchange *x, enum problem_type t, const struct problems *errors,
                  const char *detail_format, ...)
{
    va_list args;

    va_start(args, detail_format);
    begin_v(x, t, detail_format, args);
    va_end(args);
    buffer_text(x->out, TEXT(",\"errors\":"));
    put_problems(x->out, errors);
    problem_end(x);
}

void problem_no_memory(struct exchange *x)
{
    problem(x, PROBLEM_UNAVAILABLE, "out of memory: try again");
}
