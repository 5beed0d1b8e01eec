/* Planning and carrying out what steps do to accounts. */
#include "core/model/reserve_plan.h"

#include "base/error.h"
#include "core/model/image.h"

#include <stdlib.h>

enum { ENTRIES_OF_ACCOUNT = 4 }; /* of one step: steps of one kind are one entry */

/* ---- acts ---- */

static int acts_make(struct plan *p, uint32_t most)
{
    p->acts = arena_alloc(&p->a->state->scratch, (most + 1) * sizeof(*p->acts));
    p->acts_capacity = most;
    return p->acts ? 0 : ERROR_NOMEM;
}

static void act(struct plan *p, struct hold *h, enum act_kind kind, milli_t quantity)
{
    if (quantity > 0 || kind == ACT_FULFIL_ALL)
        p->acts[p->acts_count++] = (struct act){h, kind, quantity};
}

/* ---- steps ---- */

static uint32_t fill_line(struct kept_lines *l, uint32_t line, uint32_t hold, const struct grant *g,
                          const struct table *t)
{
    const struct item *kit = g->kit ? item_of(g->sku) : NULL;
    uint32_t count = kit ? kit->components_count : 1;
    l->lines[line] = (struct kept_line){g->sku, g->location, g->kit, g->quantity};
    for (uint32_t i = 0; i < count; i++)
        *l->holds[hold + i] = (struct hold){.sku = kit ? table_find(t, kit->components[i].sku) : g->sku,
                                            .location = g->location,
                                            .line = line,
                                            .per_unit = kit ? kit->components[i].quantity : MILLI_PER_UNIT};
    return count;
}

static milli_t of_hold(const struct hold *h, milli_t units)
{
    __extension__ typedef __int128 wide;
    return h->per_unit == MILLI_PER_UNIT ? units : (milli_t)((wide)units * h->per_unit / MILLI_PER_UNIT);
}

/* Lines and holds as they were granted. */
static int lines_of_grants(struct plan *p, struct kept_lines *ret)
{
    const struct judging *j = &p->judging;
    int error = kept_lines_make(ret, j->grants_count, j->components);
    if (error)
        return error;
    uint32_t hold = 0;
    for (uint32_t i = 0; i < j->grants_count; i++)
        hold += fill_line(ret, i, hold, &j->grants[i], p->a->state->table);
    return 0;
}

static void act_all(struct plan *p, struct kept_lines *l, enum act_kind kind)
{
    for (uint32_t i = 0; i < l->holds_count; i++)
        act(p, l->holds[i], kind, of_hold(l->holds[i], l->lines[l->holds[i]->line].quantity));
}

static int keep_missing(struct plan *p, struct kept *k)
{
    const struct judging *j = &p->judging;
    size_t bytes = j->missing_count * sizeof(*k->missing);
    for (uint32_t i = 0; i < j->missing_count; i++)
        bytes += j->missing[i].sku.length + j->missing[i].location.length;
    if (!bytes)
        return 0;
    k->missing = malloc(bytes);
    if (!k->missing)
        return ERROR_NOMEM;
    char *texts = (char *)(k->missing + j->missing_count);
    for (uint32_t i = 0; i < j->missing_count; i++) {
        struct reservation_missing m = j->missing[i];
        m.sku.at = memcpy(texts, m.sku.at, m.sku.length);
        texts += m.sku.length;
        m.location.at = memcpy(texts, m.location.at, m.location.length);
        texts += m.location.length;
        k->missing[i] = m;
    }
    k->missing_count = j->missing_count;
    return 0;
}

int plan_new(struct plan *p, instant_t expires_at)
{
    const struct reservation_said *said = p->said;
    struct kept *k = p->kept = kept_create(said->id, said->channel);
    if (!k)
        return ERROR_NOMEM;
    p->is_new = true;
    int error = kept_set_reference(k, said->reference);
    if (!error)
        error = keep_missing(p, k);
    if (!error)
        error = lines_of_grants(p, &k->has);
    if (!error)
        error = acts_make(p, 3 * k->has.holds_count);
    if (error)
        return error;
    k->digest = said->digest;
    k->channel_number = p->judging.channel_number;
    k->method = said->method;
    k->partial = said->partial;
    k->required_at = said->required_at;
    k->created_at = p->a->state->log_time;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        k->has.holds[i]->of = k;
    p->expires_at = expires_at;
    p->ends_as = RESERVATION_FULFILLED;
    act_all(p, &k->has, ACT_HOLD);
    if (said->begin >= RESERVATION_CONFIRMED)
        act_all(p, &k->has, ACT_CONFIRM);
    if (said->begin == RESERVATION_FULFILLED)
        act_all(p, &k->has, ACT_FULFIL);
    return 0;
}

static int plan_of(struct plan *p, struct kept *k, uint32_t acts_of_hold)
{
    p->kept = k;
    p->expires_at = k->expires_at;
    p->ends_as = k->ends_as;
    return acts_make(p, acts_of_hold * k->has.holds_count);
}

int plan_confirm(struct plan *p, struct kept *k)
{
    int error = plan_of(p, k, 1);
    if (error)
        return error;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        act(p, k->has.holds[i], ACT_CONFIRM, k->has.holds[i]->held);
    p->refers = p->said->reference.length && !k->reference.length;
    p->ends_as = RESERVATION_FULFILLED;
    return 0;
}

int plan_revival(struct plan *p, struct kept *k)
{
    p->verdict = VERDICT_REJECTED;
    p->reason = REASON_STATE;
    return 0;
}

int plan_release(struct plan *p, struct kept *k, enum reservation_state ends_as)
{
    int error = plan_of(p, k, 1);
    if (error)
        return error;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        act(p, k->has.holds[i], ACT_UNHOLD, k->has.holds[i]->open_held);
    p->ends_as = ends_as;
    return 0;
}

int plan_extend(struct plan *p, struct kept *k, instant_t expires_at)
{
    int error = plan_of(p, k, 0);
    p->expires_at = expires_at;
    return error;
}

/* ---- parts ---- */

static void act_part(struct plan *p, struct hold *h, milli_t quantity)
{
    act(p, h, p->said->step == STEP_FULFIL ? ACT_FULFIL : ACT_CALL_OFF, quantity);
}

static milli_t open_of_line(const struct kept *k, uint32_t line)
{
    milli_t open = LIMIT_NONE;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        const struct hold *h = k->has.holds[i];
        __extension__ typedef __int128 wide;
        milli_t units = (milli_t)((wide)h->open_committed * MILLI_PER_UNIT / h->per_unit);
        if (h->line == line && units < open)
            open = units;
    }
    return open;
}

static bool is_named(const struct plan *p, const struct kept_line *l, const struct line_said *said)
{
    const struct location *at = catalogue_location_at(p->a->state->catalogue, l->location);
    return text_equal(sku_text(l->sku), said->sku) &&
           (!said->locations_count || text_equal(at->id, said->locations[0]));
}

/* From the lines that it names, in their order. `taken`: of each line, by lines said before. */
static enum reason part(struct plan *p, struct kept *k, const struct line_said *said, milli_t *taken)
{
    milli_t rest = said->quantity;
    bool found = false;
    for (uint32_t line = 0; line < k->has.lines_count && rest > 0; line++) {
        if (!is_named(p, &k->has.lines[line], said))
            continue;
        found = true;
        milli_t left = open_of_line(k, line) - taken[line], quantity = rest < left ? rest : left;
        taken[line] += quantity;
        rest -= quantity;
    }
    if (!found)
        return REASON_UNKNOWN_LINE;
    return rest > 0 ? REASON_TOO_MUCH : REASON_NONE;
}

int plan_parts(struct plan *p, struct kept *k)
{
    bool fulfil = p->said->step == STEP_FULFIL;
    int error = plan_of(p, k, 1);
    milli_t *taken = arena_zalloc(&p->a->state->scratch, (k->has.lines_count + 1) * sizeof(*taken));
    if (error || !taken)
        return ERROR_NOMEM;
    p->ends_as = fulfil ? RESERVATION_FULFILLED : RESERVATION_CANCELLED;
    for (uint32_t i = 0; i < p->said->lines_count; i++) {
        enum reason reason = part(p, k, &p->said->lines[i], taken);
        if (reason) {
            p->verdict = VERDICT_REJECTED;
            p->reason = reason;
            p->line = i;
            return 0;
        }
    }
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        struct hold *h = k->has.holds[i];
        if (p->said->lines_count)
            act_part(p, h, of_hold(h, taken[h->line]));
        else
            act(p, h, fulfil ? ACT_FULFIL_ALL : ACT_CALL_OFF, h->open_committed);
    }
    return 0;
}

/* ---- memory ---- */

static void refuse(struct plan *p, enum reason reason)
{
    p->verdict = VERDICT_REJECTED;
    p->reason = reason;
}

static struct text key_reference(const struct plan *p)
{
    return p->kept->reference.length ? p->kept->reference : p->refers ? p->reference : (struct text){0};
}

/* Without a reference it has an account of its own, by its id as line: no client's reference is empty. */
static struct text key_line(const struct plan *p)
{
    return key_reference(p).length ? (struct text){0} : p->kept->id;
}

/* The account for a hold that has none, made and linked. NULL: refused, or ERROR_NOMEM. */
static struct demand *account_for(struct plan *p, struct ledger *l, int *ret_error)
{
    struct demand *d = (struct demand *)accounts_find(&l->demand, key_reference(p), key_line(p));
    if (d)
        return d;
    if (!accounts_have_room(l, &p->a->state->settings)) {
        refuse(p, REASON_TOO_MANY_ACCOUNTS);
        return NULL;
    }
    *ret_error = accounts_reserve(&l->demand);
    d = *ret_error ? NULL : demand_create(key_reference(p), key_line(p));
    if (!d) {
        *ret_error = ERROR_NOMEM;
        return NULL;
    }
    accounts_link(&l->demand, &d->account);
    accounts_close(&l->demand, &d->account, p->a->state->log_time); /* until something is in it */
    return d;
}

static int prepare_hold(struct plan *p, struct hold *h)
{
    int error = stage_reserve(p->a);
    struct staged_row *row = error ? NULL : stage_existing(p->a, h->sku, h->location, &error);
    if (!row)
        return error ? error : ERROR_CORRUPT; /* a hold has a row */
    h->row = (uint32_t)(row - p->a->rows);
    struct demand *d = h->demand ? h->demand : account_for(p, row->ledger, &error);
    if (!d)
        return error;
    if (d->holds_count >= HOLDS_OF_ACCOUNT_MOST ||
        d->entries_count + 2 * ENTRIES_OF_ACCOUNT > DEMAND_ENTRIES_END) {
        refuse(p, REASON_TOO_MANY_ACCOUNTS);
        return 0;
    }
    if (!h->demand)
        hold_link(h, d);
    return demand_prepare(p->a, row, d, ENTRIES_OF_ACCOUNT, p->kept->required_at != INSTANT_NONE);
}

static int prepare_reference(struct plan *p)
{
    if (!p->refers)
        return 0;
    char *at = malloc(p->said->reference.length);
    if (!at)
        return ERROR_NOMEM;
    memcpy(at, p->said->reference.at, p->said->reference.length);
    p->reference = (struct text){at, p->said->reference.length};
    return 0;
}

int plan_reserve(struct plan *p, struct outcome *o)
{
    struct reservations *r = p->a->state->reservations;
    struct kept *k = p->kept;
    int error = reservations_reserve(r);
    if (!error)
        error = due_reserve(&p->a->state->due, DUE_HOLD, 1);
    if (!error && p->said)
        error = kept_reserve_step(k);
    if (!error)
        error = prepare_reference(p);
    for (uint32_t i = 0; i < k->has.holds_count && !error && !p->reason; i++)
        if (p->is_new || k->has.holds[i]->demand)
            error = prepare_hold(p, k->has.holds[i]);
    if (!error)
        error = alerts_reserve(o, k->has.holds_count);
    if (!error)
        error = stage_reserve_lines(o, k->has.holds_count);
    if (!error && p->reason)
        plan_abandon(p);
    return error;
}

void plan_abandon(struct plan *p)
{
    if (p->is_new && p->kept) {
        for (uint32_t i = 0; i < p->kept->has.holds_count; i++)
            hold_unlink(p->kept->has.holds[i]);
        kept_destroy(p->kept);
        p->kept = NULL;
    }
    free((char *)(uintptr_t)p->reference.at);
    p->reference = (struct text){0};
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

static void carry_out(struct plan *p, const struct act *act)
{
    struct hold *h = act->hold;
    instant_t at = p->a->state->log_time;
    milli_t q = act->quantity;
    switch (act->kind) {
    case ACT_HOLD:
        demand_step(h->demand, DEMAND_HOLD, at, q);
        h->held += q;
        break;
    case ACT_CONFIRM:
        demand_step(h->demand, DEMAND_CONFIRM, at, q);
        h->held -= q;
        h->confirmed += q;
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
    h->demand->stale = true;
    h->demand->stale_quantity += q;
}

/* The first of the row's accounts to be settled keeps how the row was. */
static void settle(struct plan *p, struct hold *h, struct outcome *o)
{
    struct staged_row *row = &p->a->rows[h->row];
    struct demand *d = h->demand;
    if (!d || !d->stale)
        return;
    struct alerts_before before = alerts_begin(row);
    struct row_figures figures = stage_figures(o, &row->now, row->ledger);
    bool unmatched = d->unmatched;
    demand_settle(p->a, row, d);
    stage_line(o, row, 0, d->stale_quantity, &figures);
    d->stale = false;
    d->stale_quantity = 0;
    alerts_raise(o, row, &before, d->unmatched && !unmatched, 0);
    stage_set_version(p->a, row);
}

static void join_accounts(struct plan *p)
{
    const struct kept *k = p->kept;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        struct demand *d = k->has.holds[i]->demand;
        if (!d)
            continue;
        if (d->channel == CHANNEL_POOL)
            d->channel = k->channel_number;
        if (d->open + d->reserved == 0 && k->required_at != INSTANT_NONE) {
            demand_require(d, k->required_at, p->a->state->log_time);
            d->required_said_at = p->a->state->log_time;
        }
    }
}

static void settle_all(struct plan *p, struct outcome *o)
{
    const struct kept *k = p->kept;
    for (uint32_t i = 0; i < p->acts_count; i++)
        settle(p, p->acts[i].hold, o);
    (void)k;
}

void plan_commit(struct plan *p, struct outcome *o)
{
    struct reservations *r = p->a->state->reservations;
    struct kept *k = p->kept;
    if (p->forget_one)
        reservations_forget(r, r->oldest);
    if (p->is_new) {
        k->serial = ++r->granted_serial;
        reservations_put(r, k);
        count_reservations(&r->stats.granted, 1);
        join_accounts(p);
    }
    reservations_touch(r, k);
    if (p->refers) {
        k->reference = p->reference;
        p->reference = (struct text){0};
        reservations_refer(r, k);
    }
    k->expires_at = p->expires_at;
    k->ends_as = p->ends_as;
    for (uint32_t i = 0; i < p->acts_count; i++)
        carry_out(p, &p->acts[i]);
    settle_all(p, o);
    if (p->said)
        kept_remember_step(k, p->said);
    reservations_follow(p->a);
}
