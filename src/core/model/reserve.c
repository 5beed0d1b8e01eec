/* Each step of a reservation: is it allowed in its state, can it be granted, then carried out. Whatever may
 * want memory comes first; what carries a step out cannot fail. */
#include "core/model/reserve.h"

#include "base/error.h"
#include "core/model/image.h"
#include "core/model/reserve_plan.h"

#include <stdlib.h>

static struct event_verdict verdict(enum verdict v, enum reason reason)
{
    return (struct event_verdict){.verdict = (uint8_t)v, .reason = (uint8_t)reason};
}

/* ---- the answer ---- */

/* Refused for what lines asked for: each that falls short is named. */
static bool is_short(enum reason r)
{
    return r == REASON_INSUFFICIENT || r == REASON_MAX_PER_LINE || r == REASON_METHOD;
}

static size_t shortfall_bytes(const struct plan *p)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < p->judging.shortfalls_count; i++)
        bytes += sizeof(struct shortfall) + p->judging.shortfalls[i].sku.length +
                 p->judging.shortfalls[i].location.length;
    return bytes;
}

static struct text copy(char **to, struct text t)
{
    char *at = *to;
    memcpy(at, t.at, t.length);
    *to += t.length;
    return (struct text){at, t.length};
}

/* What is known before anything is changed. The reservation follows when it is shown. */
static int make_answer(struct plan *p, struct outcome *o)
{
    bool refused = is_short(p->reason);
    uint32_t count = refused ? p->judging.shortfalls_count : 0;
    struct reservation_answer *a = calloc(1, sizeof(*a) + (refused ? shortfall_bytes(p) : 0));
    if (!a)
        return ERROR_NOMEM;
    struct shortfall *shortfalls = (struct shortfall *)(a + 1);
    char *texts = (char *)(shortfalls + count);
    for (uint32_t i = 0; i < count; i++) {
        shortfalls[i] = p->judging.shortfalls[i];
        shortfalls[i].sku = copy(&texts, shortfalls[i].sku);
        shortfalls[i].location = copy(&texts, shortfalls[i].location);
    }
    a->verdict = verdict(p->verdict, p->reason);
    a->line = p->line;
    a->channel_number = p->judging.channel_number;
    a->shortfalls_count = count;
    a->shortfalls = shortfalls;
    reservation_answer_destroy(o->reservation);
    o->reservation = a;
    return 0;
}

/* ---- steps ---- */

static void refuse(struct plan *p, enum reason reason)
{
    p->verdict = VERDICT_REJECTED;
    p->reason = reason;
}

/* It is where the step leads to already. */
static void repeated(struct plan *p)
{
    p->verdict = VERDICT_DUPLICATE;
}

static void begin_judging(struct plan *p, const struct kept *k)
{
    const struct reservation_said *said = p->said;
    p->judging = (struct judging){.a = p->a,
                                  .arena = &p->a->state->scratch,
                                  .channel = k ? kept_channel(k) : said->channel,
                                  .reference = k && k->reference ? kept_reference(k) : said->reference,
                                  .method = k ? k->method : said->method,
                                  .required_at = k ? k->required_at : said->required_at,
                                  .moves = said->step == STEP_MOVE,
                                  .notes = p->notes};
    struct judging *j = &p->judging;
    const struct channel *c =
        j->channel.length ? catalogue_channel(p->a->state->catalogue, j->channel) : NULL;
    j->channel_number = c ? c->number : CHANNEL_POOL;
    j->account = j->reference.length ? account_hash(j->reference, (struct text){0})
                                     : account_hash((struct text){0}, said->id);
    if (j->required_at != INSTANT_NONE && j->required_at <= p->a->state->log_time)
        j->required_at = INSTANT_NONE; /* due already: now */
}

static void expiry(struct plan *p, instant_t *ret)
{
    const struct state *s = p->a->state;
    const struct log_settings *settings = &s->settings;
    instant_t most = s->log_time + settings->hold_most_us;
    instant_t at = p->said->expires_at;
    if (at == INSTANT_NONE) {
        int64_t ttl = p->said->ttl_us ? p->said->ttl_us : settings->hold_default_us;
        at = ttl < settings->hold_most_us ? s->log_time + ttl : most;
    }
    if (at <= s->log_time)
        refuse(p, REASON_EXPIRES_IN_PAST);
    *ret = at < most ? at : most;
}

static bool same(struct hash128 a, struct hash128 b)
{
    return a.high == b.high && a.low == b.low;
}

static bool has_room(struct plan *p)
{
    const struct reservations *r = p->a->state->reservations;
    int64_t most = p->a->state->settings.reservations_most;
    int64_t all = (int64_t)(r->stats.open + r->stats.remembered);
    if (all >= most && !r->oldest)
        refuse(p, REASON_TOO_MANY_RESERVATIONS);
    p->forget_one = all >= most && r->oldest;
    return !p->reason;
}

/* May a line of the request be handed over already? Else it is refused. */
static bool are_released(struct plan *p)
{
    for (uint32_t i = 0; i < p->said->lines_count && !p->reason; i++) {
        const struct sku *sku = table_find(p->a->state->table, p->said->lines[i].sku);
        p->line = i;
        if (sku && !is_released(p->a->state, sku))
            refuse(p, REASON_NOT_RELEASED);
    }
    return !p->reason;
}

static int reserve(struct plan *p, struct kept *k)
{
    instant_t expires_at = INSTANT_NONE;
    if (k) {
        bool again = same(k->digest, p->said->digest);
        if (again)
            repeated(p);
        else
            refuse(p, REASON_CONFLICT);
        count_reservations(&p->a->state->reservations->stats.conflicts, !again);
        return 0;
    }
    if (p->said->begin == RESERVATION_HELD)
        expiry(p, &expires_at);
    if (p->reason || !has_room(p))
        return 0;
    begin_judging(p, NULL);
    if (p->said->begin == RESERVATION_FULFILLED && !are_released(p))
        return 0;
    int error = judge_lines(&p->judging, p->said->lines, p->said->lines_count, p->said->partial);
    if (error || !plan_is_granted(p))
        return error;
    return plan_new(p, expires_at);
}

static int confirm(struct plan *p, struct kept *k)
{
    if (k->reference && p->said->reference.length && !text_equal(kept_reference(k), p->said->reference)) {
        refuse(p, REASON_CONFLICT);
        return 0;
    }
    if (k->state == RESERVATION_CONFIRMED || k->state == RESERVATION_FULFILLED)
        repeated(p);
    else if (k->state == RESERVATION_EXPIRED) {
        begin_judging(p, k);
        return plan_revival(p, k);
    } else if (k->state != RESERVATION_HELD)
        refuse(p, REASON_STATE);
    return p->verdict == VERDICT_APPLIED ? plan_confirm(p, k) : 0;
}

static int release(struct plan *p, struct kept *k)
{
    if (k->state == RESERVATION_RELEASED)
        repeated(p);
    else if (k->state != RESERVATION_HELD)
        refuse(p, REASON_STATE);
    return p->verdict == VERDICT_APPLIED ? plan_release(p, k, RESERVATION_RELEASED) : 0;
}

static int extend(struct plan *p, struct kept *k)
{
    instant_t expires_at;
    if (p->said->expires_at == INSTANT_NONE && !p->said->step_id.length) {
        refuse(p, REASON_STEP_ID_NEEDED);
        return 0;
    }
    if (k->state != RESERVATION_HELD) {
        refuse(p, REASON_STATE);
        return 0;
    }
    expiry(p, &expires_at);
    if (p->reason)
        return 0;
    if (expires_at == k->expires_at)
        repeated(p);
    return p->verdict == VERDICT_APPLIED ? plan_extend(p, k, expires_at) : 0;
}

/* All that is open, or parts of lines. */
static int hand_over_or_cancel(struct plan *p, struct kept *k)
{
    bool fulfil = p->said->step == STEP_FULFIL;
    if (p->said->lines_count && !p->said->step_id.length) {
        refuse(p, REASON_STEP_ID_NEEDED);
        return 0;
    }
    if (k->state == (fulfil ? RESERVATION_FULFILLED : RESERVATION_CANCELLED))
        repeated(p);
    else if (k->state != RESERVATION_CONFIRMED)
        refuse(p, REASON_STATE);
    return p->verdict == VERDICT_APPLIED ? plan_parts(p, k) : 0;
}

/* Lines said anew are for what is only held. */
static int change(struct plan *p, struct kept *k)
{
    bool held = k->state == RESERVATION_HELD;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        held &= !k->has.holds[i]->open_committed && !k->has.holds[i]->gone;
    if (!held) {
        refuse(p, REASON_STATE);
        return 0;
    }
    begin_judging(p, k);
    return plan_change(p, k);
}

static int move(struct plan *p, struct kept *k)
{
    if (k->state > RESERVATION_CONFIRMED) {
        refuse(p, REASON_STATE);
        return 0;
    }
    begin_judging(p, k);
    return plan_move(p, k);
}

static int step_of_known(struct plan *p, struct kept *k)
{
    switch (p->said->step) {
    case STEP_CONFIRM:
        return confirm(p, k);
    case STEP_RELEASE:
        return release(p, k);
    case STEP_EXTEND:
        return extend(p, k);
    case STEP_FULFIL:
    case STEP_CANCEL:
        return hand_over_or_cancel(p, k);
    case STEP_MOVE:
        return move(p, k);
    case STEP_CHANGE:
        return change(p, k);
    case STEP_RESERVE:
    case STEP_NONE:
    case STEP_END:
        break;
    }
    refuse(p, REASON_NOT_SUPPORTED);
    return 0;
}

/* Was it done before, under this step_id? */
static bool judge_step_id(struct plan *p, const struct kept *k)
{
    const struct step_done *done = kept_find_step(k, p->said->step_id);
    if (!done)
        return false;
    p->was_done = true;
    if (done->step == p->said->step && same(done->digest, p->said->digest))
        repeated(p);
    else
        refuse(p, REASON_STEP_REUSED);
    return true;
}

static int judge(struct plan *p, struct kept *k)
{
    if (p->said->step == STEP_RESERVE)
        return reserve(p, k);
    if (!k) {
        refuse(p, REASON_UNKNOWN_RESERVATION);
        return 0;
    }
    return judge_step_id(p, k) ? 0 : step_of_known(p, k);
}

int reservation_step(struct apply *a, const struct reservation_said *said, struct event_verdict *ret,
                     struct outcome *o)
{
    struct plan p = {.a = a, .said = said, .verdict = VERDICT_APPLIED, .notes = o->keeps_lines};
    struct kept *k = reservations_get(a->state->reservations, said->id);
    arena_reset(&a->state->scratch);
    int error = judge(&p, k);
    if (!error && p.verdict == VERDICT_APPLIED)
        error = plan_reserve(&p, o);
    bool notes = k && p.verdict == VERDICT_DUPLICATE && !p.was_done && said->step_id.length;
    if (!error && notes)
        error = kept_reserve_step(k);
    if (!error)
        error = make_answer(&p, o);
    if (!error && p.verdict == VERDICT_REJECTED)
        error = tell_refused(&p, k, o);
    if (error) {
        plan_abandon(&p);
        return error;
    }
    if (p.verdict == VERDICT_APPLIED)
        plan_commit(&p, o);
    if (notes) { /* asked again later, it is still this step */
        reservations_note(a->state->reservations, k);
        kept_remember_step(k, said);
    }
    a->answer_of = p.kept ? p.kept : k;
    *ret = verdict(p.verdict, p.reason);
    count_reservations(&a->state->reservations->stats.refused, is_short(p.reason));
    return 0;
}

int reservation_expire(struct apply *a, const struct proposal_said *said, struct event_verdict *ret,
                       struct outcome *o)
{
    struct plan p = {.a = a, .verdict = VERDICT_APPLIED};
    struct kept *k = reservations_get(a->state->reservations, said->reference);
    *ret = verdict(VERDICT_SUPERSEDED, REASON_OLDER);
    if (!k || k->state != RESERVATION_HELD || k->expires_at != said->seen || a->state->log_time < said->seen)
        return 0;
    int error = plan_release(&p, k, RESERVATION_EXPIRED);
    if (!error)
        error = plan_reserve(&p, o);
    if (error) {
        plan_abandon(&p);
        return error;
    }
    plan_commit(&p, o);
    *ret = verdict(VERDICT_APPLIED, REASON_NONE);
    return 0;
}

int demand_come_due(struct apply *a, const struct proposal_said *said, struct event_verdict *ret,
                    struct outcome *o)
{
    const struct state *s = a->state;
    struct sku *sku = table_find(s->table, said->sku);
    const struct location *l = catalogue_location(s->catalogue, said->location);
    *ret = verdict(VERDICT_SUPERSEDED, REASON_OLDER);
    if (!sku || !l)
        return 0;
    int error = stage_reserve(a);
    if (!error)
        error = alerts_reserve(o, 1);
    if (!error)
        error = stage_reserve_lines(o, 1);
    struct staged_row *row = error ? NULL : stage_existing(a, sku, l->number, &error);
    if (!row)
        return error;
    struct demand *d = (struct demand *)accounts_find(&row->ledger->demand, said->reference, said->line);
    if (!d || !d->dated || d->dated_at != said->seen || s->log_time < said->seen)
        return 0;
    struct alerts_before before = alerts_begin(row);
    struct row_figures figures = stage_figures(o, &row->now, row->ledger);
    d->future = false;
    demand_settle(a, row, d);
    stage_line(o, row, 0, d->open + d->reserved, &figures);
    for (struct hold *h = d->holds; h; h = h->newer)
        reservations_touch(s->reservations, h->of); /* what it took of its channel's fence is shown */
    reservations_follow(a);
    alerts_raise(o, row, &before, false, 0);
    stage_set_version(a, row);
    *ret = verdict(VERDICT_APPLIED, REASON_NONE);
    return 0;
}
