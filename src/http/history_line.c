/* A line of the history as JSON. */
#include "http/history_ask.h"
#include "http/shape.h"

#include "codec/row_json.h"

static void put_member(struct buffer *b, const char *name, struct text t)
{
    buffer_printf(b, ",\"%s\":", name);
    put_text_or_null(b, t);
}

static void put_quantity(struct buffer *b, const char *name, milli_t q)
{
    buffer_printf(b, ",\"%s\":", name);
    if (q == LIMIT_NONE)
        buffer_text(b, TEXT("null"));
    else
        json_put_quantity(b, q);
}

static void put_figures(struct buffer *b, const char *name, const struct row_figures *r)
{
    buffer_printf(b, ",\"%s\":{\"on_hand\":", name);
    json_put_quantity(b, r->on_hand);
    put_quantity(b, "unavailable", r->unavailable);
    put_quantity(b, "reserved", r->reserved);
    put_quantity(b, "committed", r->committed);
    put_quantity(b, "safety_stock", r->safety_stock);
    put_quantity(b, "net_available",
                 r->on_hand - r->unavailable - r->reserved - r->committed - r->safety_stock);
    put_quantity(b, "incoming", r->incoming);
    buffer_byte(b, '}');
}

/* The sum goes on where the term before left it. */
struct summing {
    struct buffer *out;
    milli_t sum;
};

static void put_term(struct summing *s, const char *name, milli_t value, const char *meaning)
{
    buffer_string(s->out, s->sum == LIMIT_NONE ? "{\"name\":" : ",{\"name\":");
    json_put_string(s->out, text_of(name));
    put_quantity(s->out, "value", value);
    put_member(s->out, "meaning", text_of(meaning));
    buffer_byte(s->out, '}');
    s->sum = s->sum == LIMIT_NONE ? value : s->sum + value;
}

static void put_terms(struct buffer *b, const struct refusal *r)
{
    struct summing s = {b, LIMIT_NONE};
    milli_t own = r->fenced + (r->pool > 0 ? r->pool : 0);

    buffer_text(b, TEXT(",\"terms\":["));
    put_term(&s, "on_hand", r->on_hand, "units physically there, sellable or not");
    put_term(&s, "unavailable", -r->unavailable, "of those, what cannot be sold");
    put_term(&s, "reserved", -r->reserved, "open holds, and what earlier lines of the request took");
    put_term(&s, "committed", -r->committed, "open confirmed demand");
    put_term(&s, "safety_stock", -r->safety_stock, "units never promised, as they are for the channel");
    put_term(&s, "to_come", r->n - s.sum, "what comes and what is required later, for the instant asked for");
    put_term(&s, "set_aside", own < r->n ? own - r->n : 0, "set aside for other channels");
    put_term(&s, "buffer", -r->buffer, "a rule holds units back for the channel");
    put_term(&s, "below_zero", s.sum < 0 ? -s.sum : 0, "nothing below zero can be promised…");
    milli_t of_stock = r->available - r->ordered;
    put_term(&s, "backorder", of_stock > s.sum ? of_stock - s.sum : 0, "…but by backorder");
    put_term(&s, "ordered", r->ordered,
             "on order here under the same reference: asking for it again takes nothing");
    put_term(&s, "bound", r->available - s.sum, "beyond what is granted to one line here at all");
    put_term(&s, "available", r->available, "the sum of all this: the most that could be granted");
    buffer_byte(b, ']');
}

static void put_refusal(struct buffer *b, const struct refusal *r)
{
    buffer_text(b, TEXT(",\"refusal\":{\"bounded_by\":"));
    if (r->bound == BOUND_NONE)
        buffer_text(b, TEXT("null"));
    else
        json_put_string(b, text_of(bound_name(r->bound)));
    put_member(b, "detail", text_of(bound_detail(r->bound)));
    put_quantity(b, "requested", r->requested);
    put_quantity(b, "available", r->available);
    put_quantity(b, "backorder_limit", r->backorder_limit);
    put_quantity(b, "max_per_line", r->max_per_line);
    buffer_text(b, TEXT(",\"required_at\":"));
    json_put_instant(b, r->required_at);
    put_terms(b, r);
    buffer_byte(b, '}');
}

void put_history_line(struct buffer *b, uint64_t incarnation, const struct history_line *l)
{
    buffer_text(b, TEXT("\"version\":"));
    json_put_version(b, (struct version){incarnation, l->offset});
    buffer_printf(b, ",\"event\":%u", l->event);
    put_member(b, "type", l->type);
    put_quantity(b, "quantity", l->quantity);
    put_member(b, "verdict", l->verdict);
    put_member(b, "verdict_reason", l->verdict_reason);
    put_figures(b, "before", &l->was);
    put_figures(b, "after", &l->now);
    put_member(b, "id", l->event_id);
    put_member(b, "source", l->source);
    put_member(b, "reference", l->reference);
    put_member(b, "line", l->line);
    put_member(b, "reservation", l->reservation);
    put_member(b, "channel", l->channel);
    put_member(b, "reason", l->reason);
    if (l->is_refused)
        put_refusal(b, &l->refusal);
    else
        buffer_text(b, TEXT(",\"refusal\":null"));
    buffer_text(b, TEXT(",\"occurred_at\":"));
    json_put_instant(b, l->occurred_at);
    buffer_text(b, TEXT(",\"appended_at\":"));
    json_put_instant(b, l->appended_at);
}
