/* Makes lines of a history from records and what became of them. */
#include "core/history.h"

#include "core/model/catalogue.h"
#include "core/model/reservation.h"

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

static const char *proposal_type(enum proposal_kind kind)
{
    switch (kind) {
    case PROPOSAL_OVERDUE:
        return "overdue"; /* an incoming line */
    case PROPOSAL_EXPIRE:
        return "expire"; /* a hold */
    case PROPOSAL_DEMAND:
        return "demand_due";
    case PROPOSAL_STALE:
    case PROPOSAL_KIND_END:
        break;
    }
    return "other";
}

static void tell_proposal(const struct proposal_said *p, struct history_line *ret)
{
    ret->type = named(proposal_type(p->kind));
    *(p->kind == PROPOSAL_OVERDUE ? &ret->reference : &ret->reservation) = p->reference;
    ret->line = p->line;
}

static void tell_step(const struct reservation_said *said, struct history_line *ret)
{
    ret->type = named(step_name(said->step));
    ret->reservation = said->id;
    ret->event_id = said->step_id;
    ret->reference = said->reference;
    ret->channel = said->channel;
}

/* What is no event: a step of a reservation, or what fell due. The step alone does not say under which
 * reference and for which channel it all was: the reservation does. */
static void tell_other(const struct state *s, const struct record *r, const struct outcome *o,
                       struct history_line *ret)
{
    const struct event_verdict *v = &o->verdicts[0];
    const struct reservation *reservation;

    ret->type = TEXT("other");
    ret->verdict = named(verdict_name((enum verdict)v->verdict));
    ret->verdict_reason = v->reason ? named(reason_name((enum reason)v->reason)) : (struct text){0};
    ret->occurred_at = s->log_time;
    if (r->kind == RECORD_PROPOSAL)
        tell_proposal(&r->proposal, ret);
    else if (r->kind == RECORD_RESERVATION)
        tell_step(r->reservation, ret);
    reservation = ret->reservation.length ? reservations_find(s->reservations, ret->reservation) : NULL;
    if (!reservation)
        return;
    if (!ret->reference.length)
        ret->reference = reservation->reference;
    if (!ret->channel.length)
        ret->channel = reservation->channel;
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
                                 .location = place ? place->id : (struct text){0},
                                 .is_refused = l->refusal != NULL};
    if (l->refusal)
        ret->refusal = *l->refusal;
    if (r->kind == RECORD_EVENTS)
        tell_event(&r->events[l->event], &o->verdicts[l->event], ret);
    else
        tell_other(s, r, o, ret);
}
