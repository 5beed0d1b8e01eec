/* Makes lines of a history from records and what became of them. */
#include "core/history.h"

#include "core/model/catalogue.h"

static struct text named(const char *name)
{
    return text_of(name);
}

static void tell_event(const struct event *e, const struct event_verdict *v, struct history_line *ret)
{
    ret->type = named(event_type_name(e->type));
    ret->verdict = named(verdict_name((enum verdict)v->verdict));
    ret->verdict_reason = v->reason ? named(reason_name((enum reason)v->reason)) : (struct text){0};
    ret->event_id = e->id;
    ret->source = e->source;
    ret->reference = e->reference.length ? e->reference : e->order_reference;
    ret->line = e->line;
    ret->channel = e->channel;
    ret->reason = e->reason;
    ret->occurred_at = e->occurred_at;
}

/* What is neither an event nor known here: its rows are told all the same. */
static void tell_other(const struct record *r, const struct event_verdict *v, instant_t log_time,
                       struct history_line *ret)
{
    ret->type = r->kind == RECORD_PROPOSAL ? TEXT("overdue") : TEXT("other");
    ret->verdict = named(verdict_name((enum verdict)v->verdict));
    ret->verdict_reason = v->reason ? named(reason_name((enum reason)v->reason)) : (struct text){0};
    ret->occurred_at = log_time;
    if (r->kind != RECORD_PROPOSAL)
        return;
    ret->reference = r->proposal.reference;
    ret->line = r->proposal.line;
}

size_t history_lines_count(const struct outcome *o)
{
    return o->lines_count < HISTORY_LINES_OF_RECORD ? o->lines_count : HISTORY_LINES_OF_RECORD;
}

void history_line_tell(const struct state *s, const struct record *r, const struct outcome *o, size_t i,
                       uint64_t offset, struct history_line *ret)
{
    const struct outcome_line *l = &o->lines[i];
    const struct location *place = catalogue_location_at(s->catalogue, l->location);

    *ret = (struct history_line){.offset = offset,
                                 .number = (uint32_t)i,
                                 .event = l->event,
                                 .last = i + 1 == history_lines_count(o),
                                 .appended_at = s->log_time,
                                 .quantity = l->quantity,
                                 .was = l->was,
                                 .now = l->now,
                                 .sku = sku_text(l->sku),
                                 .location = place ? place->id : (struct text){0}};
    if (r->kind == RECORD_EVENTS)
        tell_event(&r->events[l->event], &o->verdicts[l->event], ret);
    else
        tell_other(r, &o->verdicts[0], s->log_time, ret);
}
