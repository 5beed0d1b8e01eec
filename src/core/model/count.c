/* A count fixes one number at one instant; what occurred after it stays on top. */
#include "core/model/change.h"
#include "core/model/expected.h"

/* Older than what the row remembers, by its own changes? */
static bool is_too_old(const struct ledger *l, const struct apply *a, instant_t as_of, enum count_basis basis)
{
    const struct state *s = a->state;
    if (basis >= BASIS_NET_OF_COMMITTED && as_of < l->purged_until)
        return true; /* what was open then is forgotten */
    return as_of < l->movements.forgotten_until ||
           as_of < ledger_movements_floor(l, &s->settings, s->log_time);
}

/* What the sender's books said tells what was found: a difference, which holds whatever happened since. */
static void count_by_book(struct change *c, const struct event *e)
{
    c->at = e->as_of;
    change_move(c, e->quantity - e->book);
    c->did = true;
    if (e->unavailable.has)
        c->left_out = REASON_OLDER;
}

/* Statuses as they were at `as_of`, and since. Those that the count says are fixed; what pickers had not
 * found is cleared. */
static void count_statuses(struct change *c, const struct event *e, const milli_t after[PLACES],
                           const milli_t gone_after[STATUSES])
{
    struct statuses_kept *k = &c->statuses;
    k->short_before += k->short_after - after[PLACE_SHORT];
    k->short_after = after[PLACE_SHORT];
    for (int s = 0; s < STATUSES; s++) {
        milli_t since = after[s + 1] - gone_after[s];
        if (e->unavailable.has & 1u << s) {
            k->fixed_at[s] = e->as_of;
            k->now[s] = e->unavailable.quantity[s] + since;
            if (s + 1 == STATUS_MISSING)
                k->short_before = 0;
        }
        k->at_count[s] = k->now[s] - since;
    }
}

static void count_demand(struct change *c, milli_t ret_gone_after[STATUSES])
{
    const struct accounts *all = &c->row->ledger->demand;
    c->sums.committed_at_count = c->sums.reserved_at_count = c->sums.gone_after = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct demand *d = (const struct demand *)all->at[i];
        struct demand_figures then, now;
        demand_evaluate(d, NULL, c->sums.count_at, &then);
        c->sums.committed_at_count += then.open;
        c->sums.reserved_at_count += then.reserved;
        c->sums.gone_after += d->gone - then.gone;
        if (!d->has_status)
            continue;
        demand_evaluate(d, NULL, INT64_MAX, &now);
        for (int s = 0; s < STATUSES; s++)
            ret_gone_after[s] += now.gone_status[s] - then.gone_status[s];
    }
}

int change_count(struct change *c, const struct apply *a, const struct event *e, uint8_t *notes)
{
    const struct ledger *l = c->row->ledger;
    if (e->as_of < l->sums.count_at) {
        c->left_out = REASON_OLDER;
        return 0;
    }
    c->received = true;
    bool has_book = e->has & HAS(book);
    bool late = e->as_of < a->state->log_time - a->state->settings.movements_us;
    bool too_old = is_too_old(l, a, e->as_of, e->basis);
    if (has_book && (too_old || (late && c->row->exists))) {
        count_by_book(c, e);
        return 0;
    }
    if (too_old) {
        c->refused = REASON_COUNT_TOO_OLD;
        return 0;
    }
    milli_t after[PLACES], gone_after[STATUSES] = {0};
    bool approximate = movements_after(&l->movements, e->as_of, after) || e->as_of < l->merged_until;
    *notes |= approximate ? NOTE_APPROXIMATE : 0;
    c->sums.count_at = e->as_of;
    c->sums.basis = e->basis;
    c->sums.base = e->quantity;
    c->sums.after = after[PLACE_ON_HAND];
    count_demand(c, gone_after);
    count_statuses(c, e, after, gone_after);
    c->is_count = c->did = true;
    return 0;
}

void count_commit(struct ledger *l)
{
    movements_drop(&l->movements, l->sums.count_at);
    for (uint32_t i = 0; i < l->demand.count; i++) {
        struct demand *d = (struct demand *)l->demand.at[i];
        struct demand_figures then;
        demand_evaluate(d, NULL, l->sums.count_at, &then);
        d->open_at_count = then.open;
        d->reserved_at_count = then.reserved;
        d->gone_at_count = then.gone;
    }
}

/* ---- what a count should find ---- */

static enum reason judge_count(const struct state *s, const struct sku *sku, const struct event *e)
{
    const struct item *item = sku ? item_of(sku) : NULL;

    if (item && item->components_count)
        return REASON_KIT;
    return e->as_of > s->log_time + s->settings.future_tolerance_us ? REASON_FUTURE_AS_OF : REASON_NONE;
}

/* On hand as it is, less what it would be had the count found nothing. */
static enum reason expected_of(struct staged_row *row, const struct state *s, const struct event *e,
                               milli_t *ret_expected, bool *ret_approximate)
{
    struct apply a = {.state = (struct state *)(uintptr_t)s}; /* looked at only */
    struct event nothing = *e;
    struct change c;
    uint8_t notes = 0;

    nothing.quantity = 0;
    nothing.has &= ~HAS(book);
    change_begin(&c, row, e->occurred_at);
    change_count(&c, &a, &nothing, &notes);
    if (c.refused || !c.is_count)
        return c.refused ? c.refused : c.left_out;
    *ret_expected =
        sums_on_hand(&row->ledger->sums, row->ledger->statuses ? row->ledger->statuses : &statuses_none) -
        sums_on_hand(&c.sums, &c.statuses);
    *ret_approximate = notes & NOTE_APPROXIMATE;
    return REASON_NONE;
}

enum reason count_expected(const struct state *s, const struct event *e, milli_t *ret_expected,
                           bool *ret_approximate)
{
    struct sku *sku = table_find(s->table, e->sku);
    const struct location *l = catalogue_location(s->catalogue, e->location);
    struct staged_row row = {.sku = sku, .exists = true};
    enum reason reason = judge_count(s, sku, e);

    if (reason)
        return reason;
    bool known = sku && l && sku_peek(sku, l->number, &row.now);
    struct rare *woken = known && row_rests(&row.now) ? rare_wake(row.now.word[ROW_RARE]) : NULL;
    const struct rare *rare = woken ? woken : known ? row_rare(&row.now) : NULL;
    if (rare && (row.ledger = rare_ledger(rare))) {
        row.location = l->number;
        reason = expected_of(&row, s, e, ret_expected, ret_approximate);
    } else {
        *ret_expected = known ? row_on_hand(&row.now) : 0;
        *ret_approximate = rare || (known && row_rests(&row.now)); /* no memory to wake what its row remembers */
    }
    rare_destroy(woken);
    return reason;
}
