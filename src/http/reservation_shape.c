/* Writes reservations, and the problems of those that were refused. */
#include "http/reservation_shape.h"

#include "http/insights.h"

#include "codec/json.h"
#include "codec/row_json.h"

#define PUT(literal) buffer_text(b, TEXT(literal))

static void put_text(struct buffer *b, const char *key, struct text t)
{
    buffer_string(b, key);
    put_text_or_null(b, t);
}

static void put_quantity(struct buffer *b, const char *key, milli_t q)
{
    buffer_string(b, key);
    json_put_quantity(b, q);
}

static void put_instant(struct buffer *b, const char *key, instant_t at)
{
    buffer_string(b, key);
    json_put_instant(b, at);
}

static const char *method_text(uint32_t method)
{
    return method == METHOD_PICKUP     ? "\"pickup\""
           : method == METHOD_SHIP     ? "\"ship\""
           : method == METHOD_SAME_DAY ? "\"same_day\""
                                       : "null";
}

static void put_line(struct buffer *b, const struct reservation_line *l)
{
    put_text(b, "{\"sku\":", l->sku);
    put_text(b, ",\"location\":", l->location);
    put_quantity(b, ",\"quantity\":", l->quantity);
    put_quantity(b, ",\"open\":", l->held + l->committed);
    put_quantity(b, ",\"held\":", l->held);
    put_quantity(b, ",\"committed\":", l->committed);
    put_quantity(b, ",\"gone\":", l->gone);
    if (l->kit)
        PUT(",\"kit\":true");
    PUT("}");
}

static void put_lines(struct buffer *b, const struct reservation *r)
{
    PUT(",\"lines\":[");
    for (uint32_t i = 0; i < r->lines_count; i++) {
        if (i)
            PUT(",");
        put_line(b, &r->lines[i]);
    }
    PUT("],\"missing\":[");
    for (uint32_t i = 0; i < r->missing_count; i++) {
        put_text(b, i ? ",{\"sku\":" : "{\"sku\":", r->missing[i].sku);
        put_text(b, ",\"location\":", r->missing[i].location);
        put_quantity(b, ",\"quantity\":", r->missing[i].quantity);
        PUT("}");
    }
    PUT("]");
}

static struct version version_of(const struct view *v, const struct reservation *r)
{
    uint32_t count = atomic_load_explicit(&v->incarnations_count, memory_order_acquire);

    return (struct version){r->incarnation < count ? v->incarnations[r->incarnation] : 0, r->offset};
}

void put_reservation(struct buffer *b, const struct view *v, const struct reservation *r)
{
    put_text(b, "\"id\":", r->id);
    PUT(",\"state\":\"");
    buffer_string(b, reservation_state_name(r->state));
    put_text(b, "\",\"channel\":", r->channel);
    PUT(",\"method\":");
    buffer_string(b, method_text(r->method));
    put_text(b, ",\"reference\":", r->reference);
    put_instant(b, ",\"expires_at\":", r->expires_at);
    put_instant(b, ",\"required_at\":", r->required_at);
    buffer_string(b, r->partial ? ",\"mode\":\"partial\"" : ",\"mode\":\"all\"");
    buffer_string(b, r->revived ? ",\"revived\":true" : ",\"revived\":false");
    put_instant(b, ",\"created_at\":", r->created_at);
    put_instant(b, ",\"changed_at\":", r->changed_at);
    put_instant(b, ",\"ended_at\":", r->ended_at);
    PUT(",\"changed_version\":");
    json_put_version(b, version_of(v, r));
    put_lines(b, r);
}

/* ---- what became of a step ---- */

static void put_shortfalls(struct buffer *b, const struct reservation_answer *a)
{
    PUT(",\"shortfalls\":[");
    for (uint32_t i = 0; i < a->shortfalls_count; i++) {
        put_text(b, i ? ",{\"sku\":" : "{\"sku\":", a->shortfalls[i].sku);
        put_text(b, ",\"location\":", a->shortfalls[i].location);
        put_quantity(b, ",\"requested\":", a->shortfalls[i].requested);
        put_quantity(b, ",\"available\":", a->shortfalls[i].available);
        PUT("}");
    }
    PUT("]");
}

static enum problem_type problem_of(enum reason r)
{
    switch (r) {
    case REASON_INSUFFICIENT:
    case REASON_MAX_PER_LINE:
    case REASON_METHOD:
        return PROBLEM_INSUFFICIENT;
    case REASON_STATE:
    case REASON_TOO_MUCH:
    case REASON_NOT_RELEASED:
        return PROBLEM_STATE;
    case REASON_UNKNOWN_RESERVATION:
        return PROBLEM_NOT_FOUND;
    default:
        return PROBLEM_REJECTED;
    }
}

/* Where the reason lies: in one line of the request, or in the whole of it. */
static void find_pointer(const struct exchange *x, const struct reservation_answer *a, enum reason r,
                         char *out, size_t size)
{
    const char *pointer = reason_pointer(r);
    bool lines = !strcmp(pointer, "/lines"), items = !strcmp(pointer, "/items"),
         of_one = !strcmp(pointer, "/sku") || !strcmp(pointer, "/quantity") || !strcmp(pointer, "/location");
    const char *list = x->segments_count == 4 && (text_equal(x->segments[3], TEXT("fulfil")) ||
                                                  text_equal(x->segments[3], TEXT("cancel")))
                           ? "/lines"
                           : "/items";

    if (lines || items || of_one)
        snprintf(out, size, "%s/%u%s", list, a->line, of_one ? pointer : "");
    else
        snprintf(out, size, "%s", pointer);
}

static void answer_rejection(struct exchange *x, const struct command *c)
{
    const struct reservation_answer *a = c->reservation;
    enum reason r = (enum reason)a->verdict.reason;
    struct problems p = {.count = 0};
    char pointer[64], detail[256];

    find_pointer(x, a, r, pointer, sizeof(pointer));
    snprintf(detail, sizeof(detail), "%s: %s", reason_name(r), reason_detail(r));
    if (pointer[0])
        problems_add(&p, pointer, "%s", reason_detail(r));
    problem_begin(x, problem_of(r), detail);
    buffer_printf(x->out, ",\"reason\":\"%s\"", reason_name(r));
    if (r == REASON_INSUFFICIENT || a->shortfalls_count)
        put_shortfalls(x->out, a);
    if (a->reservation && problem_of(r) == PROBLEM_STATE)
        buffer_printf(x->out, ",\"state\":\"%s\"", reservation_state_name(a->reservation->state));
    if (p.count) {
        buffer_text(x->out, TEXT(",\"errors\":"));
        put_problems(x->out, &p);
    }
    buffer_text(x->out, TEXT(",\"version\":")); /* what `explain` and the history know it by */
    json_put_version(x->out, (struct version){c->incarnation, c->offset});
    problem_end(x);
}

void answer_step(struct exchange *x, const struct command *c)
{
    const struct reservation_answer *a = c->reservation;
    bool creation = x->segments_count == 2;

    if (!a) {
        problem(x, PROBLEM_INTERNAL, "the log gave no verdict");
        return;
    }
    insights_note_reservation(x, a);
    if (a->verdict.verdict == VERDICT_REJECTED || !a->reservation) {
        answer_rejection(x, c);
        return;
    }
    answer_begin(x, creation && a->verdict.verdict == VERDICT_APPLIED ? 201 : 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    struct buffer *b = answer_body(x);
    PUT("{");
    put_reservation(b, exchange_view(x), a->reservation);
    PUT(",\"version\":");
    json_put_version(b, (struct version){c->incarnation, c->offset});
    PUT("}");
    answer_end(x);
}
