/* Computing and committing what an event does to a row. */
#include "core/model/change.h"

#include "base/error.h"

#include <stdlib.h>

void change_begin(struct change *c, struct staged_row *row, instant_t at)
{
    *c = (struct change){.row = row,
                         .at = at,
                         .sums = row->ledger->sums,
                         .statuses = ledger_statuses(row->ledger),
                         .limits = ledger_limits(row->ledger)};
}

static void remember(struct change *c, enum place place, milli_t quantity)
{
    if (c->at > c->sums.count_at)
        c->moves[c->moves_count++] = (struct movement){.at = c->at, .place = place, .quantity = quantity};
}

void change_move(struct change *c, milli_t on_hand)
{
    c->on_hand_said += on_hand;
    c->did |= sums_move(&c->sums, c->at, on_hand);
    remember(c, PLACE_ON_HAND, on_hand);
}

void change_status(struct change *c, enum status status, milli_t quantity)
{
    if (status == STATUS_NONE)
        return;
    if (statuses_move(&c->statuses, c->sums.count_at, status, c->at, quantity))
        c->did = true;
    else
        c->left_out = REASON_NOT_COUNTED;
    remember(c, (enum place)status, quantity);
}

void change_short(struct change *c, milli_t quantity)
{
    if (!statuses_short(&c->statuses, c->sums.count_at, c->at, quantity))
        c->left_out = REASON_NOT_COUNTED;
    remember(c, PLACE_SHORT, quantity);
}

/* ---- demand ---- */

/* Units that left from a status lower that status too; by how much is a matter of the account, at each
 * instant that counts. */
static void follow_statuses(struct change *c, const struct demand *d)
{
    struct demand_figures then, fixed;
    for (int s = 0; s < STATUSES; s++) {
        milli_t grown_at_count = 0, grown_at_fix = 0;
        if (c->sums.count_at != INSTANT_NONE) {
            demand_evaluate(d, NULL, c->sums.count_at, &then);
            grown_at_count = c->demand_at_count.gone_status[s] - then.gone_status[s];
        }
        if (c->statuses.fixed_at[s] != INSTANT_NONE) {
            demand_evaluate(d, NULL, c->statuses.fixed_at[s], &fixed);
            grown_at_fix = -fixed.gone_status[s];
            demand_evaluate(d, &c->entry, c->statuses.fixed_at[s], &fixed);
            grown_at_fix += fixed.gone_status[s];
        }
        demand_evaluate(d, NULL, INT64_MAX, &then);
        c->statuses.now[s] -= c->demand_now.gone_status[s] - then.gone_status[s] - grown_at_fix;
        c->statuses.at_count[s] -= grown_at_count - grown_at_fix;
        if (grown_at_fix)
            c->left_out = REASON_NOT_COUNTED;
    }
}

static void demand_evaluate_both(struct change *c, const struct demand *d)
{
    demand_evaluate(d, &c->entry, INT64_MAX, &c->demand_now);
    if (c->sums.count_at != INSTANT_NONE)
        demand_evaluate(d, &c->entry, c->sums.count_at, &c->demand_at_count);
    if (d->has_status || c->entry.status)
        follow_statuses(c, d);
    milli_t grown = c->demand_now.gone - d->gone;
    c->on_hand_said -= grown;
    c->sums.committed += c->demand_now.open - d->open;
    c->sums.committed_at_count += c->demand_at_count.open - d->open_at_count;
    c->sums.reserved += c->demand_now.reserved - d->reserved;
    c->sums.reserved_at_count += c->demand_at_count.reserved - d->reserved_at_count;
    c->sums.gone_after += grown - (c->demand_at_count.gone - d->gone_at_count);
}

static bool is_older(const struct demand *d, const struct demand_entry *e)
{
    instant_t set_at = demand_set_at(d);
    return (e->kind == DEMAND_PLACED && e->at <= set_at) || (e->kind == DEMAND_SET && e->at < set_at);
}

/* An order that says what a reservation confirmed already says nothing new. */
static bool is_covered(const struct change *c)
{
    const struct demand *d = c->demand;
    const struct demand_figures *now = &c->demand_now;
    return c->entry.kind <= DEMAND_SET && d->has_steps && now->open == d->open &&
           now->reserved == d->reserved;
}

static bool demand_in_range(const struct demand_figures *f)
{
    return f->placed <= QUANTITY_MOST && f->cancelled <= QUANTITY_MOST && f->gone <= QUANTITY_MOST;
}

int change_demand(struct change *c, struct apply *a, struct text reference, struct text line,
                  const struct demand_entry *entry)
{
    struct ledger *l = c->row->ledger;
    c->demand = demand_of_order(l, reference, line);
    if (!c->demand) {
        if (!accounts_have_room(l, &a->state->settings)) {
            c->refused = REASON_TOO_MANY_ACCOUNTS;
            return 0;
        }
        c->demand = demand_create(reference, line);
        if (!c->demand)
            return ERROR_NOMEM;
        c->demand_new = true;
    }
    int error = c->demand_new ? accounts_reserve(&l->demand, line.length > 0) : 0;
    if (!error)
        error = demand_prepare(a, c->row, c->demand, 1, c->required);
    if (error)
        return error;
    if (c->demand->entries_count >= DEMAND_ENTRIES_END)
        c->refused = REASON_TOO_MANY_ACCOUNTS; /* nothing left to merge: what nobody sends in good faith */
    c->entry = *entry;
    demand_evaluate_both(c, c->demand);
    if (!demand_in_range(&c->demand_now))
        c->refused = REASON_RANGE;
    if (is_older(c->demand, entry))
        c->left_out = REASON_OLDER;
    else if (is_covered(c))
        c->left_out = REASON_COVERED;
    else
        c->did = true;
    return 0;
}

/* A reservation said when it is required: an order that confirms it need not say it again. */
static void say_required(struct change *c, const struct event *e, instant_t log_time)
{
    struct demand *d = c->demand;
    instant_t required_at = d->required_at;
    if (c->entry.kind <= DEMAND_SET && c->entry.at >= d->required_said_at && (c->required || !d->has_steps)) {
        d->required_said_at = c->entry.at;
        required_at = c->required ? e->required_at : INSTANT_NONE;
    }
    demand_require(d, required_at, log_time);
}

static void commit_demand(struct change *c, struct apply *a, const struct event *e)
{
    struct ledger *l = c->row->ledger;
    struct demand *d = c->demand;
    if (c->demand_new)
        accounts_link(&l->demand, &d->account);
    demand_add(d, &c->entry);
    say_required(c, e, a->state->log_time);
    const struct channel *channel =
        e->channel.length ? catalogue_channel(a->state->catalogue, e->channel) : NULL;
    if (channel && d->channel == CHANNEL_POOL)
        d->channel = channel->number;
    d->open = c->demand_now.open;
    d->reserved = c->demand_now.reserved;
    d->gone = c->demand_now.gone;
    d->open_at_count = c->demand_at_count.open;
    d->reserved_at_count = c->demand_at_count.reserved;
    d->gone_at_count = c->demand_at_count.gone;
    demand_follow(a, c->row, d, &c->demand_now);
}

/* ---- supply ---- */

static milli_t said_by(const struct event *e)
{
    return e->quantity < 0 ? -e->quantity : e->quantity;
}

int change_supply(struct change *c, const struct apply *a, const struct event *e, enum supply_act act)
{
    struct ledger *l = c->row->ledger;
    c->supply = (struct supply *)accounts_find(&l->supply, e->reference, e->line);
    c->supply_act = act;
    if (!c->supply) {
        if (!accounts_have_room(l, &a->state->settings)) {
            c->refused = REASON_TOO_MANY_ACCOUNTS;
            return 0;
        }
        c->supply = supply_create(e->reference, e->line);
        if (!c->supply)
            return ERROR_NOMEM;
        c->supply_new = true;
    }
    int error = c->supply_new ? accounts_reserve(&l->supply, e->line.length > 0) : 0;
    if (!error)
        error = dated_reserve(&l->dated, l->supply.count + 1);
    if (!error)
        error = supply_reserve(c->supply);
    if (!error)
        error = due_reserve(&a->state->due, DUE_SUPPLY,
                            1 + (l->parents || e->parent.length ? l->supply.count : 0));
    if (error)
        return error;
    if (act == SUPPLY_ACT_SET && e->parent.length) {
        c->parent = malloc(e->parent.length);
        if (!c->parent)
            return ERROR_NOMEM;
        memcpy(c->parent, e->parent.at, e->parent.length);
    }
    if (c->supply->said + said_by(e) > QUANTITY_MOST && act != SUPPLY_ACT_SET)
        c->refused = REASON_RANGE;
    bool older = (act == SUPPLY_ACT_SET && c->at < c->supply->set_at) ||
                 (act == SUPPLY_ACT_SHIP && c->at <= c->supply->set_at);
    if (older)
        c->left_out = REASON_OLDER;
    else
        c->did = true;
    return 0;
}

static void say_expected(struct supply *s, const struct change *c, const struct event *e,
                         const struct apply *a)
{
    if (c->at < s->expected_said_at)
        return;
    s->expected_said_at = c->at;
    s->expected_at = e->has & HAS(expected_at) ? e->expected_at : INSTANT_NONE;
    if (s->expected_at != INSTANT_NONE &&
        s->expected_at + a->state->settings.supply_grace_us <= a->state->log_time)
        s->overdue_at = s->expected_at;
}

static void set_parent(struct ledger *l, struct supply *s, struct change *c, const struct event *e)
{
    l->parents += (uint32_t)(c->parent != NULL) - (uint32_t)(s->parent.length > 0);
    free((char *)(uintptr_t)s->parent.at);
    s->parent = (struct text){c->parent, c->parent ? e->parent.length : 0};
    c->parent = NULL;
}

static void announce(struct supply *s, instant_t at, uint32_t number)
{
    if (s->first_at != INSTANT_NONE && s->first_at <= at)
        return;
    s->first_at = at;
    s->first_number = number;
}

/* Where delivery notes belong to orders, one line may have opened or closed another. */
static void follow_due(struct ledger *l, struct supply *s, bool parents, struct due *due)
{
    supply_follow_due(s, due);
    for (uint32_t i = 0; parents && i < l->supply.count; i++)
        supply_follow_due((struct supply *)l->supply.at[i], due);
}

static void commit_supply(struct change *c, const struct event *e, const struct apply *a)
{
    struct ledger *l = c->row->ledger;
    struct supply *s = c->supply;
    struct supply *left = NULL; /* the order it no longer belongs to */
    uint32_t number = ++l->supply_said;
    if (c->supply_new)
        accounts_link(&l->supply, &s->account);
    s->due.sku = sku_number(c->row->sku);
    s->due.location = c->row->location;
    if (c->supply_act == SUPPLY_ACT_SET) {
        announce(s, c->at, number);
        if (c->left_out != REASON_OLDER) {
            if (s->parent.length && !text_equal(s->parent, e->parent))
                left = (struct supply *)accounts_find(&l->supply, s->parent, (struct text){0});
            s->set_at = c->at;
            s->set_quantity = e->quantity;
            set_parent(l, s, c, e);
            say_expected(s, c, e, a);
        }
    } else {
        s->said += said_by(e);
        supply_add(s, c->at, e->quantity, number,
                   c->supply_act == SUPPLY_ACT_SHIP ? SUPPLY_SHIPPED : SUPPLY_RECEIVED);
        if (c->supply_act == SUPPLY_ACT_SHIP) {
            announce(s, c->at, number);
            say_expected(s, c, e, a);
        }
        s->final |= c->supply_act == SUPPLY_ACT_RECEIVE && e->final;
    }
    bool parents = l->parents > 0 || left;
    supply_refresh(&l->supply, s, parents, a->state->log_time);
    if (left)
        supply_refresh(&l->supply, left, parents, a->state->log_time);
    follow_due(l, s, parents, &a->state->due);
    dated_supply(&l->dated, &l->supply);
}

/* ---- all of it ---- */

static bool is_kept(const struct statuses_kept *k)
{
    return memcmp(k, &statuses_none, sizeof(*k)) != 0;
}

int change_ready(struct change *c, const struct apply *a)
{
    const struct state *s = a->state;
    struct ledger *l = c->row->ledger;
    if (!c->refused && !sums_in_range(&c->sums, &c->statuses))
        c->refused = REASON_RANGE;
    if (c->refused)
        return 0;
    milli_t changed = sums_on_hand(&c->sums, &c->statuses) - row_on_hand(&c->row->now);
    if (c->on_hand_said && changed != c->on_hand_said && c->at <= c->sums.count_at)
        c->left_out = REASON_NOT_COUNTED;
    c->did |= changed != 0;
    if (!l->statuses && is_kept(&c->statuses)) {
        l->statuses = malloc(sizeof(*l->statuses));
        if (!l->statuses)
            return ERROR_NOMEM;
        *l->statuses = statuses_none;
    }
    if (!l->limits && c->limits_said) {
        l->limits = malloc(sizeof(*l->limits));
        if (!l->limits)
            return ERROR_NOMEM;
        *l->limits = limits_none;
    }
    if (fences_reserve(&l->fences, c->fences_count) ||
        (c->adds_to_fences && fences_reserve_adds(&l->fences, c->fences_count)))
        return ERROR_NOMEM;
    return movements_reserve(&l->movements, c->moves_count, s->settings.movements_us,
                             ledger_movements_floor(l, &s->settings, s->log_time));
}

void change_commit(struct change *c, struct apply *a, const struct event *e)
{
    struct ledger *l = c->row->ledger;
    if (l->statuses) {
        c->row->rare_dirty |= memcmp(l->statuses, &c->statuses, sizeof(c->statuses)) != 0;
        *l->statuses = c->statuses;
    }
    if (l->limits) {
        c->row->rare_dirty |= c->limits_said;
        *l->limits = c->limits;
    }
    l->sums = c->sums;
    for (uint32_t i = 0; i < c->moves_count; i++)
        movements_add(&l->movements, c->moves[i].at, (enum place)c->moves[i].place, c->moves[i].quantity);
    if (c->is_count) {
        count_commit(l);
        c->row->rare_dirty = true;
    }
    if (c->demand)
        commit_demand(c, a, e);
    if (c->supply) {
        commit_supply(c, e, a);
        c->row->rare_dirty = true;
    }
    for (uint32_t i = 0; i < c->fences_count; i++) {
        *fences_make(&l->fences, c->fences[i].channel) = c->fences[i];
        fences_forget_adds(&l->fences, c->fences[i].channel, c->fences[i].set_at);
        if (c->adds_to_fences)
            fences_note_add(&l->fences, &(struct fence_add){c->fences[i].channel, c->at, c->fence_add[i]});
        c->row->rare_dirty = true;
    }
    if (c->received)
        c->row->now.word[ROW_VERSION] |= (uint64_t)ROW_COUNTED << 56;
    stage_show(c->row);
    free(c->parent);
    c->parent = NULL;
}

void change_abandon(struct change *c)
{
    free(c->parent);
    if (c->demand_new)
        demand_destroy(c->demand);
    if (c->supply_new)
        supply_destroy(c->supply);
    c->parent = NULL;
    c->demand_new = c->supply_new = false;
}
