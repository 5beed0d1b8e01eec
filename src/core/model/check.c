/* The identities of model.md, recomputed from the books of a row: debug builds look after every record. */
#include "core/model/apply.h"
#include "core/model/books.h"
#include "core/model/staging.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ACCOUNTS_MOST = 256 }; /* rows with more are looked at now and then only */

struct checker {
    const struct state *state;
    const struct sku *sku;
    const struct row_image *row;
};

static void print_row(const struct checker *k)
{
    const struct row_image *r = k->row;
    struct text sku = sku_text(k->sku);
    const struct location *l = catalogue_location_at(k->state->catalogue, row_location(r));
    fprintf(stderr,
            "sku %.*s location %.*s: on_hand %" PRId64 " unavailable %" PRId64 " reserved %" PRId64
            " committed %" PRId64 " safety_stock %" PRId64 " offset %" PRIu64 " flags %u\n",
            (int)sku.length, sku.at, l ? (int)l->id.length : 1, l ? l->id.at : "?", row_on_hand(r),
            row_unavailable(r), row_reserved(r), row_committed(r), row_safety_stock(r), row_offset(r),
            row_flags(r));
}

static void expect(const struct checker *k, const char *what, int64_t have, int64_t want)
{
    if (have == want)
        return;
    fprintf(stderr, "identity broken: %s is %" PRId64 " and should be %" PRId64 "\n", what, have, want);
    print_row(k);
    abort();
}

/* What reservations that go on have of an account is never more than there is; what is reserved is all
 * theirs. */
static void check_holds(const struct checker *k, const struct demand *d)
{
    milli_t held = 0, committed = 0;
    uint32_t count = 0;
    for (const struct hold *h = d->holds; h; h = h->newer, count++) {
        expect(k, "a hold's account", h->demand == d, true);
        expect(k, "a hold is not below zero", h->open_held >= 0 && h->open_committed >= 0, true);
        held += h->open_held;
        committed += h->open_committed;
    }
    expect(k, "holds of an account", d->holds_count, count);
    expect(k, "open holds", d->reserved, held);
    expect(k, "confirmed by reservations, at most", committed <= d->open, true);
}

static void check_account(const struct checker *k, const struct demand *d, const struct demand_figures *now,
                          const struct demand_figures *then)
{
    expect(k, "an account's open", d->open, now->open);
    expect(k, "an account's reserved", d->reserved, now->reserved);
    expect(k, "an account's gone", d->gone, now->gone);
    expect(k, "an account's open at the count", d->open_at_count, then->open);
    expect(k, "an account's reserved at the count", d->reserved_at_count, then->reserved);
    expect(k, "an account's gone at the count", d->gone_at_count, then->gone);
    expect(k, "an account is closed", d->account.closed, now->open + now->reserved == 0 && !d->holds);
    expect(k, "an account's demand to come", d->dated, d->future ? now->open + now->reserved : 0);
    check_holds(k, d);
}

static void check_demand(const struct checker *k, const struct ledger *l)
{
    struct sums all = {0};
    milli_t dated = 0, dated_shown = 0;
    uint32_t unmatched = 0, closed = 0;
    for (uint32_t i = 0; i < l->demand.count; i++) {
        const struct demand *d = (const struct demand *)l->demand.at[i];
        struct demand_figures now, then;
        demand_evaluate(d, NULL, INT64_MAX, &now);
        demand_evaluate(d, NULL, l->sums.count_at, &then);
        check_account(k, d, &now, &then);
        all.committed += now.open;
        all.reserved += now.reserved;
        all.committed_at_count += then.open;
        all.reserved_at_count += then.reserved;
        all.gone_after += now.gone - then.gone;
        unmatched += d->unmatched;
        closed += d->account.closed;
        dated += d->dated;
    }
    for (uint32_t i = 0; i < l->dated.count; i++)
        dated_shown += l->dated.at[i].demand;
    expect(k, "committed", row_committed(k->row), all.committed);
    expect(k, "reserved", row_reserved(k->row), all.reserved);
    expect(k, "committed at the count", l->sums.committed_at_count, all.committed_at_count);
    expect(k, "reserved at the count", l->sums.reserved_at_count, all.reserved_at_count);
    expect(k, "gone after the count", l->sums.gone_after, all.gone_after);
    expect(k, "unmatched accounts", l->unmatched, unmatched);
    expect(k, "closed accounts", l->demand.closed_count, closed);
    expect(k, "demand to come", dated_shown, dated);
}

/* What is to come, as it would be built from the accounts. */
static void check_dated(const struct checker *k, const struct ledger *l, const struct rare *r)
{
    milli_t incoming = 0, incoming_shown = 0;
    for (uint32_t i = 0; i < l->supply.count; i++) {
        const struct supply *s = (const struct supply *)l->supply.at[i];
        incoming += s->expected_at != INSTANT_NONE && !supply_overdue(s) ? s->open : 0;
    }
    expect(k, "instants shown", r->dated_count, l->dated.count);
    for (uint32_t i = 0; i < l->dated.count; i++) {
        const struct dated *d = &l->dated.at[i];
        expect(k, "an instant shown", memcmp(d, &r->dated[i], sizeof(*d)), 0);
        expect(k, "instants are in order", i == 0 || d->at > d[-1].at, true);
        expect(k, "an instant is not empty", d->incoming || d->demand, true);
        incoming_shown += d->incoming;
    }
    expect(k, "supply to come", incoming_shown, incoming);
}

static void check_supply(const struct checker *k, const struct ledger *l, const struct rare *r)
{
    uint32_t shown = 0;
    milli_t open = 0, open_shown = 0;
    for (uint32_t i = 0; i < l->supply.count; i++) {
        const struct supply *s = (const struct supply *)l->supply.at[i];
        shown += s->open > 0;
        open += s->open;
    }
    for (uint32_t i = 0; i < r->supply_count; i++)
        open_shown += r->supply[i].open;
    expect(k, "supply lines shown", r->supply_count, shown);
    expect(k, "supply shown", open_shown, open);
}

static void check_fences(const struct checker *k, const struct ledger *l, const struct rare *r)
{
    const int flags = ROW_FENCED | ROW_DATED | ROW_BACKORDER; /* the others may wait for the next change */
    expect(k, "flags", row_flags(k->row) & flags, ledger_flags(l) & flags);
    expect(k, "fences shown", r->fences_count, l->fences.count);
    for (uint32_t i = 0; i < r->fences_count; i++) {
        const struct fence *f = &l->fences.at[i];
        expect(k, "a fence shown", memcmp(f, &r->fences[i], sizeof(*f)), 0);
        expect(k, "channels are in order", i == 0 || f->channel > f[-1].channel, true);
        expect(k, "a fence is not below zero", f->quantity >= 0 && f->consumed >= 0, true);
    }
}

void state_check_row(const struct state *s, const struct sku *sku, uint32_t location)
{
    struct row_image row;
    struct checker k = {s, sku, &row};
    if (!sku_peek(sku, location, &row))
        return;
    const struct rare *r = row_rare(&row);
    if (!r)
        return;
    const struct ledger *l = rare_ledger(r);
    if (!l)
        return;
    struct statuses_kept statuses = ledger_statuses(l);
    struct limits limits = ledger_limits(l);
    milli_t unavailable = 0;
    for (enum status one = STATUS_NONE + 1; one < STATUS_END; one++) {
        expect(&k, status_name(one), r->unavailable[one - 1], statuses_effective(&statuses, one));
        unavailable += r->unavailable[one - 1];
    }
    expect(&k, "on_hand", row_on_hand(&row), sums_on_hand(&l->sums, &statuses));
    expect(&k, "unavailable", row_unavailable(&row), unavailable);
    expect(&k, "reserved", row_reserved(&row), l->sums.reserved);
    expect(&k, "committed", row_committed(&row), l->sums.committed);
    expect(&k, "safety_stock", row_safety_stock(&row), limits.safety_stock);
    expect(&k, "reorder_point", r->reorder_point, limits.reorder_point);
    expect(&k, "backorder_limit", r->backorder_limit, limits.backorder_limit);
    expect(&k, "last_count_at", r->last_count_at, l->sums.count_at);
    expect(&k, "its location was counted then or later",
           places_counted(&s->places, location) >= l->sums.count_at, true);
    if (l->demand.count <= ACCOUNTS_MOST || s->counts.records % ACCOUNTS_MOST == 0)
        check_demand(&k, l);
    check_supply(&k, l, r);
    check_fences(&k, l, r);
    check_dated(&k, l, r);
}
