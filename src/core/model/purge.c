/* Accounts that were closed long enough go; what they said stays in the row's sums and in its memory of
 * changes. */
#include "base/error.h"
#include "core/model/change.h"

/* Their handovers become plain movements, for counts still to come. */
static void keep_movements(struct movements *m, const struct demand *d, instant_t count_at)
{
    struct demand_figures before, after;
    demand_evaluate(d, NULL, count_at, &before);
    for (uint32_t i = 0; i < d->entries_count; i++) {
        instant_t at = d->entries[i].at;
        if (at <= count_at || (i + 1 < d->entries_count && d->entries[i + 1].at == at))
            continue;
        demand_evaluate(d, NULL, at, &after);
        movements_add(m, at, PLACE_ON_HAND, before.gone - after.gone);
        for (int s = 0; s < STATUSES; s++)
            movements_add(m, at, (enum place)(s + 1), before.gone_status[s] - after.gone_status[s]);
        before = after;
    }
}

instant_t ledger_movements_floor(const struct ledger *l, const struct log_settings *settings,
                                 instant_t log_time)
{
    instant_t newest = l->movements.newest_at < log_time ? l->movements.newest_at : log_time;
    return newest == INSTANT_NONE ? INSTANT_NONE : newest - settings->movements_us;
}

static int purge_demand(struct ledger *l, struct demand *d, const struct log_settings *settings,
                        instant_t log_time)
{
    uint32_t most = d->entries_count * (d->has_status ? 2 : 1);
    int error = movements_reserve(&l->movements, most, settings->movements_us,
                                  ledger_movements_floor(l, settings, log_time));
    if (error)
        return error;
    keep_movements(&l->movements, d, l->sums.count_at);
    milli_t gone_after = d->gone - d->gone_at_count;
    l->sums.gone_after -= gone_after;
    l->sums.after -= gone_after;
    l->sums.committed_at_count -= d->open_at_count;
    l->sums.reserved_at_count -= d->reserved_at_count;
    if (l->sums.basis >= BASIS_NET_OF_COMMITTED)
        l->sums.base += d->open_at_count;
    if (l->sums.basis >= BASIS_NET_OF_DEMAND)
        l->sums.base += d->reserved_at_count;
    l->unmatched -= d->unmatched;
    if (d->entries_count && d->entries[d->entries_count - 1].at > l->purged_until)
        l->purged_until = d->entries[d->entries_count - 1].at;
    accounts_unlink(&l->demand, &d->account);
    demand_destroy(d);
    return 0;
}

static bool over(const struct accounts *all, const struct log_settings *settings, instant_t log_time)
{
    const struct account *oldest = all->oldest;
    return oldest && (log_time - oldest->closed_at >= settings->closed_accounts_us ||
                      all->count > 2 * (uint64_t)settings->accounts_per_row);
}

bool ledger_purge_due(const struct ledger *l, const struct log_settings *settings, instant_t log_time)
{
    return over(&l->demand, settings, log_time) || over(&l->supply, settings, log_time);
}

/* What closed at one instant goes at one instant: their order among themselves is not in an image. */
static bool closed_at(const struct accounts *all, instant_t at)
{
    return all->oldest && all->oldest->closed_at == at;
}

int ledger_purge(struct ledger *l, const struct log_settings *settings, instant_t log_time)
{
    while (over(&l->demand, settings, log_time))
        for (instant_t at = l->demand.oldest->closed_at; closed_at(&l->demand, at);) {
            int error = purge_demand(l, (struct demand *)l->demand.oldest, settings, log_time);
            if (error)
                return error;
        }
    while (over(&l->supply, settings, log_time))
        for (instant_t at = l->supply.oldest->closed_at; closed_at(&l->supply, at);) {
            struct supply *s = (struct supply *)l->supply.oldest;
            l->parents -= s->parent.length > 0;
            accounts_unlink(&l->supply, &s->account);
            supply_destroy(s);
        }
    return 0;
}
