/* What follows from a demand account for its row. */
#include "base/error.h"
#include "core/model/change.h"
#include "core/model/demand_index.h"
#include "core/model/kept.h"

struct demand *demand_of_order(const struct ledger *l, struct text reference, struct text line)
{
    struct demand *all = (struct demand *)accounts_find(&l->demand, reference, (struct text){0});
    if (!line.length || (all && all->has_steps))
        return all;
    return (struct demand *)accounts_find(&l->demand, reference, line);
}

uint32_t demand_of_reservation(const struct ledger *l, struct text reference, struct demand **ret)
{
    struct account *lines[LINES_JOINED_MOST];
    struct demand *all = (struct demand *)accounts_find(&l->demand, reference, (struct text){0});
    uint32_t count = 0;
    if (all)
        ret[count++] = all;
    if (all && all->has_steps)
        return count;
    uint32_t lines_count = accounts_lines(&l->demand, reference, lines, LINES_JOINED_MOST);
    for (uint32_t i = 0; i < lines_count; i++)
        ret[count++] = (struct demand *)lines[i];
    return count;
}

bool accounts_have_room(const struct ledger *l, const struct log_settings *settings)
{
    uint64_t open =
        (uint64_t)l->demand.count - l->demand.closed_count + l->supply.count - l->supply.closed_count;
    return open < (uint64_t)settings->accounts_per_row;
}

int demand_prepare(struct apply *a, struct staged_row *row, struct demand *d, uint32_t entries, bool dated)
{
    struct ledger *l = row->ledger;
    int error = demand_reserve(d, entries, l->sums.count_at, &l->merged_until);
    if (!error)
        error = demand_index_reserve(a->state);
    if (error || (!dated && d->required_at == INSTANT_NONE))
        return error;
    error = dated_reserve(&l->dated, 1);
    return error ? error : due_reserve(&a->state->due, DUE_DEMAND, 1);
}

void demand_require(struct demand *d, instant_t required_at, instant_t log_time)
{
    bool opens = d->open + d->reserved == 0;
    if (opens || required_at != d->required_at)
        d->future = required_at != INSTANT_NONE && required_at > log_time;
    d->required_at = required_at;
}

static void follow_dated(struct apply *a, struct staged_row *row, struct demand *d)
{
    struct dated_list *list = &row->ledger->dated;
    milli_t dated = d->future ? d->open + d->reserved : 0;
    instant_t at = dated ? d->required_at : INSTANT_NONE;
    if (dated == d->dated && at == d->dated_at)
        return;
    dated_demand(list, d->dated_at, -d->dated);
    dated_demand(list, at, dated);
    d->dated = dated;
    d->dated_at = at;
    d->due.sku = sku_number(row->sku);
    d->due.location = row->location;
    due_set(&a->state->due, DUE_DEMAND, &d->due, at);
    row->rare_dirty = true;
}

static void take_from_fence(struct fences *f, struct demand *d, milli_t quantity)
{
    uint64_t sets;
    milli_t took = fences_take(f, d->channel, quantity, &sets);
    if (sets != d->fence_sets)
        d->fence_took = 0;
    d->fence_took += took;
    d->fence_sets = sets;
}

static void follow_fence(struct staged_row *row, struct demand *d)
{
    struct fences *f = &row->ledger->fences;
    /* what is to come takes when it falls due; what has left took, and gives nothing back */
    milli_t ask = d->gone + (d->future ? 0 : d->open + d->reserved), grown = ask - d->fence_asked;
    d->fence_asked = ask;
    if (grown == 0 || d->channel == CHANNEL_POOL || f->count == 0)
        return;
    if (grown > 0)
        take_from_fence(f, d, grown);
    else
        d->fence_took -= fences_give(f, d->channel, d->fence_sets, d->fence_took, -grown);
    row->rare_dirty = true;
}

static void tell(struct kept *of, bool shown, void *context)
{
    (shown ? reservations_touch : reservations_note)(context, of);
}

void demand_follow(struct apply *a, struct staged_row *row, struct demand *d,
                   const struct demand_figures *now)
{
    struct ledger *l = row->ledger;
    l->unmatched += (uint32_t)now->unmatched - (uint32_t)d->unmatched;
    d->unmatched = now->unmatched;
    if (d->open + d->reserved > 0 || d->holds)
        accounts_reopen(&l->demand, &d->account);
    else
        accounts_close(&l->demand, &d->account, a->state->log_time);
    demand_index_follow(a->state, d, sku_number(row->sku), row->location);
    follow_dated(a, row, d);
    follow_fence(row, d);
    holds_divide(d, now, tell, a->state->reservations);
}

void demand_settle(struct apply *a, struct staged_row *row, struct demand *d)
{
    struct sums *s = &row->ledger->sums;
    struct demand_figures now, then = {0};
    demand_evaluate(d, NULL, INT64_MAX, &now);
    if (s->count_at != INSTANT_NONE)
        demand_evaluate(d, NULL, s->count_at, &then);
    s->committed += now.open - d->open;
    s->reserved += now.reserved - d->reserved;
    s->committed_at_count += then.open - d->open_at_count;
    s->reserved_at_count += then.reserved - d->reserved_at_count;
    s->gone_after += (now.gone - d->gone) - (then.gone - d->gone_at_count);
    d->open = now.open;
    d->reserved = now.reserved;
    d->gone = now.gone;
    d->open_at_count = then.open;
    d->reserved_at_count = then.reserved;
    d->gone_at_count = then.gone;
    demand_follow(a, row, d, &now);
    stage_show(row);
}

void stage_show(struct staged_row *row)
{
    const struct ledger *l = row->ledger;
    struct statuses_kept statuses = ledger_statuses(l);
    uint64_t *word = row->now.word;
    word[ROW_ON_HAND] = (uint64_t)sums_on_hand(&l->sums, &statuses);
    word[ROW_UNAVAILABLE] = (uint64_t)sums_unavailable(&statuses);
    word[ROW_RESERVED] = (uint64_t)l->sums.reserved;
    word[ROW_COMMITTED] = (uint64_t)l->sums.committed;
    word[ROW_SAFETY_STOCK] = (uint64_t)ledger_limits(l).safety_stock;
    uint8_t flags = (uint8_t)((row_flags(&row->now) & (uint8_t)~LEDGER_FLAGS) | ledger_flags(l));
    word[ROW_VERSION] = row_version(row_offset(&row->now), row_incarnation(&row->now), flags);
    row->touched = true;
}
