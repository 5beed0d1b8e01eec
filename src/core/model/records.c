/* What a record says beside stock events. */
#include "core/model/records.h"

#include "base/error.h"
#include "base/hash.h"
#include "core/model/reserve.h"

static struct event_verdict verdict(enum verdict v, enum reason reason)
{
    return (struct event_verdict){.verdict = (uint8_t)v, .reason = (uint8_t)reason};
}

/* ---- incarnation, level ---- */

bool record_continues(const struct state *s, const struct incarnation_said *i)
{
    return i->after_number == state_incarnation(s) && i->after_offset + 1 == s->next_offset &&
           i->number > i->after_number;
}

/* The first of a log, or of one that goes on where the last ended; a later one is ignored. */
static int apply_incarnation(struct apply *a, const struct record *r, struct event_verdict *ret)
{
    struct state *s = a->state;
    if (s->incarnations_count && a->offset >= s->next_offset) {
        *ret = verdict(VERDICT_SUPERSEDED, REASON_OLDER);
        return 0;
    }
    *ret = verdict(VERDICT_APPLIED, REASON_NONE);
    return state_incarnate(s, r->incarnation.number);
}

static void apply_level(struct state *s, const struct record *r, struct event_verdict *ret)
{
    *ret = verdict(VERDICT_SUPERSEDED, REASON_OLDER);
    if (r->raise_level <= s->level)
        return;
    s->level = r->raise_level;
    *ret = verdict(VERDICT_APPLIED, REASON_NONE);
}

/* ---- settings ---- */

struct setting_row {
    const char *name;
    size_t place; /* in struct log_settings */
    int64_t least, most;
};

static const struct setting_row settings_rows[] = {
#define LOG_SETTING(name, first, least, most, meaning) \
    {#name, offsetof(struct log_settings, name), least, most},
#include "core/model/log_settings.def"
#undef LOG_SETTING
};

static enum reason set_one(struct log_settings *settings, const struct setting_said *said)
{
    for (size_t i = 0; i < sizeof(settings_rows) / sizeof(settings_rows[0]); i++) {
        const struct setting_row *row = &settings_rows[i];
        if (!text_equal(said->name, text_of(row->name)))
            continue;
        if (said->value < row->least || said->value > row->most)
            return REASON_RANGE;
        memcpy((char *)settings + row->place, &said->value, sizeof(said->value));
        return REASON_NONE;
    }
    return REASON_UNKNOWN_FIELD;
}

/* All of them or none. */
static void apply_settings(struct state *s, const struct record *r, struct event_verdict *ret)
{
    struct log_settings settings = s->settings;
    for (size_t i = 0; i < r->settings.count; i++) {
        enum reason reason = set_one(&settings, &r->settings.at[i]);
        if (reason) {
            *ret = verdict(VERDICT_REJECTED, reason);
            return;
        }
    }
    s->settings = settings;
    state_settings_changed(s);
    *ret = verdict(VERDICT_APPLIED, REASON_NONE);
}

/* ---- reference data ---- */

static int put_item(struct apply *a, const struct reference_said *said, instant_t at,
                    struct event_verdict *ret)
{
    struct state *s = a->state;
    struct sku *sku = table_find(s->table, said->id);
    if (!sku && (int64_t)table_sku_count(s->table) >= s->settings.skus_most) {
        *ret = verdict(VERDICT_REJECTED, REASON_TOO_MANY_SKUS);
        return 0;
    }
    if (!sku)
        sku = table_add(s->table, said->id, hash_text(said->id));
    return sku ? catalogue_put_item(s->catalogue, sku, said, at, a->offset, ret) : ERROR_NOMEM;
}

static bool location_in_use(const struct apply *a, struct text id)
{
    const struct location *l = catalogue_location(a->state->catalogue, id);
    return l && places_rows_in_use(&a->state->places, l->number) > 0;
}

/* What only events spoke of has no document yet. */
static bool is_registered(const struct state *s, enum record_kind kind, struct text id)
{
    const struct sku *sku = kind == RECORD_ITEM ? table_find(s->table, id) : NULL;
    const struct location *l = kind == RECORD_LOCATION ? catalogue_location(s->catalogue, id) : NULL;
    const struct group *g = kind == RECORD_GROUP ? catalogue_group(s->catalogue, id) : NULL;
    const struct channel *c = kind == RECORD_CHANNEL ? catalogue_channel(s->catalogue, id) : NULL;

    return (sku && item_of(sku)) || (l && !l->deleted && l->document.length) || (g && !g->deleted) ||
           (c && c->registered);
}

static int put_reference(struct apply *a, const struct record *r, instant_t at, struct event_verdict *ret)
{
    struct state *s = a->state;
    const struct reference_said *said = &r->reference;

    switch (r->kind) {
    case RECORD_LOCATION:
        if (said->deleted && location_in_use(a, said->id)) {
            *ret = verdict(VERDICT_REJECTED, REASON_IN_USE);
            return 0;
        }
        return catalogue_put_location(s->catalogue, said, at, a->offset, (uint32_t)s->settings.locations_most,
                                      ret);
    case RECORD_GROUP:
        return catalogue_put_group(s->catalogue, said, at, a->offset, (uint32_t)s->settings.groups_most, ret);
    case RECORD_CHANNEL:
        return catalogue_put_channel(s->catalogue, said, at, a->offset, (uint32_t)s->settings.channels_most,
                                     ret);
    default:
        return put_item(a, said, at, ret);
    }
}

/* Another opening, another bound: whether it is still silent for too long is proposed anew. */
static void forget_silence(struct apply *a, struct text id, struct outcome *o)
{
    const struct location *l = catalogue_location(a->state->catalogue, id);
    if (l && places_is_stale(&a->state->places, l->number))
        apply_set_stale(a, l->number, INSTANT_NONE, o);
}

static int apply_reference(struct apply *a, const struct record *r, struct event_verdict *ret,
                           struct outcome *o)
{
    struct state *s = a->state;
    const struct reference_said *said = &r->reference;
    instant_t at = said->occurred_at == INSTANT_NONE ? s->log_time : said->occurred_at;
    if (at > s->log_time + s->settings.future_tolerance_us) {
        *ret = verdict(VERDICT_REJECTED, REASON_FUTURE);
        return 0;
    }
    if (!(r->kind == RECORD_ITEM ? text_is_identifier(said->id)
                                 : text_is_name(said->id) || text_equal(said->id, TEXT("*"))) ||
        (!said->deleted && !said->decoded)) {
        *ret = verdict(VERDICT_REJECTED, REASON_MALFORMED);
        return 0;
    }
    bool was_there = is_registered(s, r->kind, said->id);
    const struct sku *sku = r->kind == RECORD_ITEM ? table_find(s->table, said->id) : NULL;
    o->product_was = sku ? product_mark_of(item_of(sku)) : 0;
    int error = put_reference(a, r, at, ret);
    if (!error && r->kind == RECORD_LOCATION && ret->verdict == VERDICT_APPLIED)
        forget_silence(a, said->id, o);
    if (!error && ret->verdict == VERDICT_APPLIED && !said->deleted && !was_there)
        ret->notes |= NOTE_CREATED;
    return error;
}

/* ---- proposals ---- */

/* The line is still what the proposer saw, and its time is over by this log's clock and grace. */
static bool is_overdue(const struct state *s, const struct supply *line, const struct proposal_said *p)
{
    return line && line->open > 0 && p->seen != INSTANT_NONE && line->expected_at == p->seen &&
           !supply_overdue(line) && s->log_time >= p->due &&
           s->log_time >= p->seen + s->settings.supply_grace_us;
}

static int apply_overdue(struct apply *a, const struct proposal_said *p, struct event_verdict *ret,
                         struct outcome *o)
{
    struct state *s = a->state;
    struct sku *sku = table_find(s->table, p->sku);
    const struct location *location = catalogue_location(s->catalogue, p->location);
    *ret = verdict(VERDICT_SUPERSEDED, REASON_OLDER);
    if (!sku || !location)
        return 0;
    int error = stage_reserve(a);
    if (!error)
        error = stage_reserve_lines(o, LINES_OF_EVENT);
    if (error)
        return error;
    struct staged_row *row = stage_existing(a, sku, location->number, &error);
    if (!row)
        return error;
    struct supply *line = (struct supply *)accounts_find(&row->ledger->supply, p->reference, p->line);
    if (!is_overdue(s, line, p))
        return 0;
    struct row_figures was = stage_figures(o, &row->now, row->ledger);
    line->overdue_at = line->expected_at;
    supply_follow_due(line, &s->due);
    dated_supply(&row->ledger->dated, &row->ledger->supply);
    stage_line(o, row, 0, line->open, &was);
    row->rare_dirty = row->touched = true;
    stage_set_version(a, row);
    *ret = verdict(VERDICT_APPLIED, REASON_NONE);
    return 0;
}

/* It has said nothing since, and was silent that long by this log's clock too. How long that is in opening
 * hours the proposer computed: never less than the time itself. */
static bool is_silent(const struct state *s, const struct location *l, const struct proposal_said *p)
{
    return l && !l->deleted && l->stale_after_us > 0 && p->seen != INSTANT_NONE &&
           places_heard(&s->places, l->number) == p->seen && !places_is_stale(&s->places, l->number) &&
           p->due >= p->seen + l->stale_after_us && s->log_time >= p->due;
}

static void apply_stale(struct apply *a, const struct proposal_said *p, struct event_verdict *ret,
                        struct outcome *o)
{
    const struct location *l = catalogue_location(a->state->catalogue, p->location);
    *ret = verdict(VERDICT_SUPERSEDED, REASON_OLDER);
    if (!is_silent(a->state, l, p))
        return;
    apply_set_stale(a, l->number, p->due, o);
    *ret = verdict(VERDICT_APPLIED, REASON_NONE);
}

static int apply_proposal(struct apply *a, const struct proposal_said *p, struct event_verdict *ret,
                          struct outcome *o)
{
    switch (p->kind) {
    case PROPOSAL_OVERDUE:
        return apply_overdue(a, p, ret, o);
    case PROPOSAL_STALE:
        apply_stale(a, p, ret, o);
        return 0;
    case PROPOSAL_EXPIRE:
        return reservation_expire(a, p, ret, o);
    case PROPOSAL_DEMAND:
        return demand_come_due(a, p, ret, o);
    case PROPOSAL_KIND_END:
        *ret = verdict(VERDICT_REJECTED, REASON_NOT_SUPPORTED);
        break;
    }
    return 0;
}

/* ---- progress of outputs ---- */

/* The last word counts, also when it is less: then the output lost what it had. */
static void apply_progress(struct state *s, const struct progress_said *p, uint64_t offset,
                           struct event_verdict *ret)
{
    bool known = p->offset == 0;
    for (uint32_t i = 0; i < s->incarnations_count; i++)
        known |= s->incarnations[i] == p->incarnation;
    *ret = verdict(VERDICT_REJECTED, REASON_MALFORMED);
    if (!text_is_name(p->output) || !known || (p->incarnation == state_incarnation(s) && p->offset > offset))
        return;
    *ret = outputs_set(&s->outputs, p->output, p->incarnation, p->offset)
               ? verdict(VERDICT_APPLIED, REASON_NONE)
               : verdict(VERDICT_REJECTED, REASON_TOO_MANY_OUTPUTS);
}

int record_apply(struct apply *a, const struct record *r, struct event_verdict *ret, struct outcome *o)
{
    bool through_intake = r->intake.name.length > 0;
    *ret = verdict(VERDICT_REJECTED, REASON_NOT_SUPPORTED);
    switch (r->kind) {
    case RECORD_LOCATION:
    case RECORD_GROUP:
    case RECORD_ITEM:
    case RECORD_CHANNEL:
        return apply_reference(a, r, ret, o);
    case RECORD_INCARNATION:
        return through_intake ? 0 : apply_incarnation(a, r, ret);
    case RECORD_LEVEL: /* an operator's word alone */
        if (!through_intake)
            apply_level(a->state, r, ret);
        return 0;
    case RECORD_SETTINGS:
        if (!through_intake)
            apply_settings(a->state, r, ret);
        return 0;
    case RECORD_PROPOSAL:
        return through_intake ? 0 : apply_proposal(a, &r->proposal, ret, o);
    case RECORD_PROGRESS:
        if (!through_intake)
            apply_progress(a->state, &r->progress, a->offset, ret);
        return 0;
    case RECORD_ANNOUNCE: /* for the command that raises the level, which reads the log; the state keeps
                             nothing of it */
        if (!through_intake)
            *ret = verdict(VERDICT_APPLIED, REASON_NONE);
        return 0;
    case RECORD_CUT: /* the instances see to it (engine/digests.c) */
    case RECORD_DIGEST:
        if (!through_intake)
            *ret = verdict(VERDICT_APPLIED, REASON_NONE);
        return 0;
    case RECORD_RESERVATION:
        return through_intake ? 0 : reservation_step(a, r->reservation, ret, o);
    case RECORD_EVENTS:
    case RECORD_KIND_END:
        break;
    }
    return 0;
}
