/* Carrying out what was planned: memory for all of it first, then what cannot fail. */
#include "base/error.h"
#include "core/model/image.h"
#include "core/model/reserve_plan.h"

#include <stdlib.h>

enum { ENTRIES_OF_ACCOUNT = 6 /* of any step: steps of one kind are one entry */ };

/* ---- memory ---- */

static void refuse(struct plan *p, enum reason reason)
{
    p->verdict = VERDICT_REJECTED;
    p->reason = reason;
}

static struct text key_reference(const struct plan *p)
{
    return reference_text(p->kept->reference ? p->kept->reference : p->reference);
}

/* Without a reference it has an account of its own, by its id as line: no client's reference is empty, so it
 * is nobody else's line. */
static struct text key_line(const struct plan *p)
{
    return key_reference(p).length ? (struct text){0} : kept_id(p->kept);
}

/* The reservation's account in this row, made and linked if there is none. NULL: refused, or ERROR_NOMEM. */
static struct demand *account_in(struct plan *p, struct ledger *l, int *ret_error)
{
    struct demand *d = (struct demand *)accounts_find(&l->demand, key_reference(p), key_line(p));
    if (d)
        return d;
    if (!accounts_have_room(l, &p->a->state->settings)) {
        refuse(p, REASON_TOO_MANY_ACCOUNTS);
        return NULL;
    }
    *ret_error = accounts_reserve(&l->demand, false);
    d = *ret_error ? NULL : demand_create(key_reference(p), key_line(p));
    if (!d) {
        *ret_error = ERROR_NOMEM;
        return NULL;
    }
    accounts_link(&l->demand, &d->account);
    accounts_close(&l->demand, &d->account, p->a->state->log_time); /* until something is in it */
    return d;
}

static bool is_full(const struct demand *d, uint32_t more)
{
    return d->holds_count >= HOLDS_OF_ACCOUNT_MOST || d->entries_count + more > DEMAND_ENTRIES_END;
}

/* How many entries the planned acts add to one account at most. Fewer than any step's: most accounts live and
 * die with the room that they are made with. */
static uint32_t entries_of_acts(const struct plan *p)
{
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < p->acts_count; i++)
        kinds |= 1u << p->acts[i].kind;
    return (uint32_t)__builtin_popcount(kinds);
}

/* Room in the account for a step's entries and `more`. An order may have spoken of lines before the
 * reservation came: its accounts become one with it. */
static int prepare_entries(struct plan *p, struct staged_row *row, struct demand *d, uint32_t more,
                           bool dated)
{
    struct account *lines[LINES_JOINED_MOST];
    uint32_t count =
        d->has_steps || !d->account.reference_length
            ? 0
            : accounts_lines(&row->ledger->demand, account_reference(&d->account), lines, LINES_JOINED_MOST);
    for (uint32_t i = 0; i < count; i++) {
        const struct demand *own = (const struct demand *)lines[i];
        more += own->entries_count;
        dated |= own->required_at != INSTANT_NONE;
    }
    if (is_full(d, more + ENTRIES_OF_ACCOUNT)) /* whatever the step: a verdict */
        refuse(p, REASON_TOO_MANY_ACCOUNTS);
    return demand_prepare(p->a, row, d, more + p->acts_entries, dated);
}

/* A hold whose account is its own goes over to that of the reference which the step brings. */
static int prepare_to_join(struct plan *p, struct staged_row *row, const struct demand *own)
{
    int error = 0;
    struct demand *d = account_in(p, row->ledger, &error);
    if (!d || d == own)
        return error;
    uint32_t more = own->entries_count + own->holds_count;
    if (is_full(d, more))
        refuse(p, REASON_TOO_MANY_ACCOUNTS);
    return prepare_entries(p, row, d, more, own->required_at != INSTANT_NONE);
}

static int prepare_hold(struct plan *p, struct hold *h)
{
    int error = stage_reserve(p->a);
    struct staged_row *row = error ? NULL : stage_existing(p->a, h->sku, h->location, &error);
    if (!row)
        return error ? error : ERROR_CORRUPT; /* a hold has a row */
    h->row = (uint32_t)(row - p->a->rows);
    bool joins = p->refers && h->demand;
    struct demand *d = h->demand ? h->demand : account_in(p, row->ledger, &error);
    if (!d)
        return error;
    if (is_full(d, 2 * ENTRIES_OF_ACCOUNT)) {
        refuse(p, REASON_TOO_MANY_ACCOUNTS);
        return 0;
    }
    if (!h->demand) {
        *h = (struct hold){.of = h->of,
                           .sku = h->sku,
                           .location = h->location,
                           .line = h->line,
                           .line_then = h->line_then,
                           .per_unit = h->per_unit,
                           .lapsed = h->lapsed,
                           .row = h->row,
                           .fresh = h->fresh};
        hold_link(h, d, &row->ledger->demand);
    }
    error = prepare_entries(p, row, d, 0, p->kept->required_at != INSTANT_NONE);
    return error || !joins ? error : prepare_to_join(p, row, d);
}

static int prepare_reference(struct plan *p)
{
    return p->refers ? kept_reference_make(p->said->reference, &p->reference) : 0;
}

static int prepare_holds(struct plan *p, const struct kept_lines *l, bool all)
{
    int error = 0;
    for (uint32_t i = 0; i < l->holds_count && !error && !p->reason; i++)
        if (all || l->holds[i]->demand)
            error = prepare_hold(p, l->holds[i]);
    return error;
}

int plan_reserve(struct plan *p, struct outcome *o)
{
    struct reservations *r = p->a->state->reservations;
    struct kept *k = p->kept;
    uint32_t rows = k->has.holds_count + p->lines.holds_count;
    int error = reservations_reserve(r);
    p->acts_entries = entries_of_acts(p);
    if (!error)
        error = due_reserve(&p->a->state->due, DUE_HOLD, 1);
    if (!error && p->said && p->said->step_id.length)
        error = kept_reserve_step(k);
    if (!error && p->missing_count)
        error = kept_reserve_rare(k);
    if (!error)
        error = prepare_reference(p);
    if (!error)
        error = prepare_holds(p, &k->has, p->is_new || p->revives);
    if (!error)
        error = prepare_holds(p, &p->lines, true);
    if (!error)
        error = alerts_reserve(o, rows);
    if (!error)
        error = stage_reserve_lines(o, rows);
    if (!error && p->reason)
        plan_abandon(p);
    return error;
}

/* Of lines that were planned only the new holds are the plan's own. */
static void drop_lines(struct plan *p)
{
    for (uint32_t i = 0; i < p->lines.holds_count; i++)
        if (p->lines.holds[i]->fresh) {
            hold_unlink(p->lines.holds[i]);
            free(p->lines.holds[i]);
        }
    free(p->lines.lines);
    p->lines = (struct kept_lines){0};
}

void plan_abandon(struct plan *p)
{
    if (p->kept && (p->is_new || p->revives))
        for (uint32_t i = 0; i < p->kept->has.holds_count; i++)
            hold_unlink(p->kept->has.holds[i]);
    if (p->is_new) {
        kept_destroy(p->kept);
        p->kept = NULL;
    }
    drop_lines(p);
    free(p->missing);
    p->missing = NULL;
    free(p->reference);
    p->reference = NULL;
}

/* ---- carrying out ---- */

/* Handed over is what was not yet, whoever reported it. */
static void fulfil_all(struct hold *h, instant_t at)
{
    struct demand_figures f;
    demand_evaluate(h->demand, NULL, INT64_MAX, &f);
    demand_step(h->demand, DEMAND_GONE_FULFIL, at, f.gone + h->open_committed - f.fulfilled);
    h->fulfilled += h->open_committed;
}

/* What is called off comes on top of what orders have cancelled. */
static void call_off(struct hold *h, instant_t at, milli_t quantity)
{
    struct demand_figures f;
    demand_evaluate(h->demand, NULL, INT64_MAX, &f);
    demand_step(h->demand, DEMAND_CALL_OFF, at, f.cancelled - f.moved + quantity - f.called_off);
    h->called_off += quantity;
}

static void confirm(struct hold *h, instant_t at, milli_t quantity)
{
    demand_step(h->demand, DEMAND_CONFIRM, at, quantity);
    h->held -= quantity;
    h->confirmed += quantity;
}

/* What an order has confirmed of other reservations stays confirmed: from now on the order's units could be
 * these as well. */
static void confirm_ordered(struct plan *p, const struct hold *h)
{
    for (struct hold *o = h->demand->holds; o; o = o->newer) {
        if (o == h || o->by_order <= 0)
            continue;
        reservations_touch(p->a->state->reservations, o->of);
        confirm(o, p->a->state->log_time, o->by_order < o->held ? o->by_order : o->held);
        o->by_order = 0;
    }
}

static void touch_account(struct plan *p, struct demand *d, uint32_t row, milli_t quantity)
{
    const struct staged_row *at = &p->a->rows[row];
    if (!d->stale)
        p->accounts[p->accounts_count++] = (struct account_at){
            d, row, d->unmatched, alerts_begin(at), stage_figures(p->outcome, &at->now, at->ledger)};
    d->stale = true;
    d->stale_quantity += quantity;
}

static void carry_out(struct plan *p, const struct act *act)
{
    struct hold *h = act->hold;
    instant_t at = p->a->state->log_time;
    milli_t q = act->quantity;
    touch_account(p, h->demand, h->row, q);
    switch (act->kind) {
    case ACT_HOLD:
        demand_step(h->demand, DEMAND_HOLD, at, q);
        h->held += q;
        h->lapsed = 0;
        break;
    case ACT_CONFIRM:
        confirm_ordered(p, h);
        confirm(h, at, q < h->held ? q : h->held);
        break;
    case ACT_UNHOLD:
        demand_step(h->demand, DEMAND_UNHOLD, at, q);
        h->held -= q;
        h->lapsed = p->ends_as == RESERVATION_EXPIRED ? q : 0;
        break;
    case ACT_FULFIL:
        demand_step(h->demand, DEMAND_GONE_FULFIL, at, q);
        h->fulfilled += q;
        break;
    case ACT_FULFIL_ALL:
        fulfil_all(h, at);
        break;
    case ACT_CALL_OFF:
        call_off(h, at, q);
        break;
    case ACT_MOVE_OUT:
        demand_step(h->demand, DEMAND_MOVE_OUT, at, q);
        h->moved += q;
        break;
    }
}

static bool is_open(const struct demand *d)
{
    struct demand_figures f = {.open = d->open, .reserved = d->reserved};
    if (d->stale)
        demand_evaluate(d, NULL, INT64_MAX, &f);
    return f.open + f.reserved > 0;
}

/* An account that a reservation opens is the channel's, and required when the reservation is; so is one that
 * orders opened without a word of when. */
static void say_whose(struct plan *p, struct demand *d)
{
    const struct kept *k = p->kept;
    if (d->channel == CHANNEL_POOL)
        d->channel = k->channel_number;
    if (is_open(d) && !demand_awaits_instant(d))
        return;
    demand_require(d, k->required_at, p->a->state->log_time);
    if (k->required_at != INSTANT_NONE)
        d->required_said_at = p->a->state->log_time;
}

/* What the fence gave to the one it gave to both. */
static void join_fences(struct demand *d, const struct demand *own)
{
    if (own->fence_took && own->fence_sets != d->fence_sets) {
        d->fence_took = own->fence_sets > d->fence_sets ? 0 : d->fence_took;
        d->fence_took += own->fence_sets > d->fence_sets ? own->fence_took : 0;
        d->fence_sets = own->fence_sets > d->fence_sets ? own->fence_sets : d->fence_sets;
    } else {
        d->fence_took += own->fence_took;
    }
    d->fence_asked += own->fence_asked;
}

/* What one of them asks for later goes by the other's instant: of an order's lines by the earliest. */
static bool goes_by(const struct demand *d, const struct demand *own)
{
    bool line = !own->has_steps && is_open(own);
    return !is_open(d) || (line && demand_counts_at(own) < demand_counts_at(d));
}

/* All that was said of one account is said of the other from now on. The first goes. */
static void join_accounts(struct plan *p, uint32_t row_number, struct demand *own, struct demand *d)
{
    struct staged_row *row = &p->a->rows[row_number];
    struct ledger *l = row->ledger;
    bool takes_instant = goes_by(d, own);
    touch_account(p, d, row_number, 0);
    if (d->channel == CHANNEL_POOL)
        d->channel = own->channel;
    if (takes_instant) {
        d->required_at = own->required_at;
        d->required_said_at = own->required_said_at;
        d->future = own->future;
    }
    for (uint32_t i = 0; i < own->entries_count; i++)
        demand_add(d, &own->entries[i]);
    while (own->holds) {
        struct hold *one = own->holds;
        hold_unlink(one);
        hold_link(one, d, &l->demand);
    }
    if (own->channel == d->channel) {
        join_fences(d, own);
        own->fence_asked = own->fence_took = 0;
    }
    own->entries_count = 0;
    demand_settle(p->a, row, own);
    accounts_unlink(&l->demand, &own->account);
    for (uint32_t i = 0; i < p->accounts_count; i++)
        if (p->accounts[i].demand == own) {
            d->stale_quantity += own->stale_quantity;
            p->accounts[i] = p->accounts[--p->accounts_count];
        }
    demand_destroy(own);
}

static void join_own(struct plan *p, const struct hold *h)
{
    struct ledger *l = p->a->rows[h->row].ledger;
    struct demand *d = (struct demand *)accounts_find(&l->demand, kept_reference(p->kept), (struct text){0});
    if (h->demand && h->demand != d)
        join_accounts(p, h->row, h->demand, d);
}

/* Before the reservation's first step there: what orders said by line. */
static void join_lines(struct plan *p, const struct hold *h)
{
    struct account *lines[LINES_JOINED_MOST];
    struct accounts *all = &p->a->rows[h->row].ledger->demand;
    struct text reference = kept_reference(p->kept);
    struct demand *d =
        reference.length ? (struct demand *)accounts_find(all, reference, (struct text){0}) : NULL;
    if (!d || d->has_steps)
        return;
    uint32_t count = accounts_lines(all, reference, lines, LINES_JOINED_MOST);
    for (uint32_t i = 0; i < count; i++)
        join_accounts(p, h->row, (struct demand *)lines[i], d);
}

static void settle(struct plan *p, const struct account_at *at)
{
    struct staged_row *row = &p->a->rows[at->row];
    struct demand *d = at->demand;
    demand_settle(p->a, row, d);
    stage_line(p->outcome, row, 0, d->stale_quantity, &at->figures);
    d->stale = false;
    d->stale_quantity = 0;
    alerts_raise(p->outcome, row, &at->before, d->unmatched && !at->was_unmatched, 0);
    stage_set_version(p->a, row);
}

static void exchange_lines(struct plan *p)
{
    struct kept *k = p->kept;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        if (k->has.holds[i]->dropped) {
            hold_leave(k->has.holds[i], p->a->state->log_time);
            free(k->has.holds[i]);
        }
    free(k->has.lines);
    k->has = p->lines;
    p->lines = (struct kept_lines){0};
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        k->has.holds[i]->line = k->has.holds[i]->line_then;
        k->has.holds[i]->fresh = false;
    }
    kept_set_missing(k, p->missing, p->missing_count);
    p->missing = NULL;
}

static void take_up(struct plan *p)
{
    struct reservations *r = p->a->state->reservations;
    struct kept *k = p->kept;
    if (p->forget_one)
        reservations_forget(r, r->oldest);
    if (p->is_new) {
        k->serial = ++r->granted_serial;
        reservations_put(r, k);
        count_reservations(&r->stats.granted, 1);
    }
    reservations_touch(r, k);
    k->expires_at = p->expires_at;
    k->ends_as = (uint8_t)p->ends_as;
    if (p->refers) {
        k->reference = p->reference;
        p->reference = NULL;
        reservations_refer(r, k);
    }
}

void plan_commit(struct plan *p, struct outcome *o)
{
    struct kept *k = p->kept;
    p->outcome = o;
    take_up(p);
    for (uint32_t i = 0; i < p->acts_count; i++) {
        if (p->acts[i].kind == ACT_HOLD || p->refers)
            join_lines(p, p->acts[i].hold);
        if (p->acts[i].kind == ACT_HOLD)
            say_whose(p, p->acts[i].hold->demand);
    }
    for (uint32_t i = 0; i < p->acts_count; i++)
        carry_out(p, &p->acts[i]);
    if (p->exchanges)
        exchange_lines(p);
    for (uint32_t i = 0; i < k->has.holds_count && p->refers; i++)
        join_own(p, k->has.holds[i]);
    for (uint32_t i = 0; i < p->accounts_count; i++)
        settle(p, &p->accounts[i]);
    if (p->said)
        kept_remember_step(k, p->said);
    reservations_follow(p->a);
}
