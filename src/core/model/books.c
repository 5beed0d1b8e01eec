/* The arithmetic of a ledger's sums. */
#include "core/model/books.h"

/* Parts of a figure may be far larger than the figure; this keeps them from the end of 64 bits. */
#define PART_MOST (INT64_C(1000) * QUANTITY_MOST)

const struct statuses_kept statuses_none = {
    .fixed_at = {INSTANT_NONE, INSTANT_NONE, INSTANT_NONE, INSTANT_NONE, INSTANT_NONE}};
_Static_assert(STATUSES == 5, "statuses_none names each");

const struct limits limits_none = {.reorder_point = LIMIT_NONE,
                                   .safety_stock_at = INSTANT_NONE,
                                   .reorder_point_at = INSTANT_NONE,
                                   .backorder_limit_at = INSTANT_NONE};

/* What was missing at the count once it cleared what pickers had not found. When more was found again than
 * was missing otherwise, the rest was found of theirs, and only what goes beyond that too is a message that
 * overtook its cause. */
static milli_t missing_cleared(const struct statuses_kept *k)
{
    milli_t other = k->at_count[STATUS_MISSING - 1];
    if (other >= 0)
        return other;
    milli_t all = other + k->short_before;
    return all < 0 ? all : 0;
}

static milli_t raw_now(const struct statuses_kept *k, enum status s)
{
    if (s != STATUS_MISSING)
        return k->now[s - 1];
    return missing_cleared(k) + (k->now[s - 1] - k->at_count[s - 1]) + k->short_after;
}

milli_t statuses_effective(const struct statuses_kept *k, enum status s)
{
    milli_t raw = raw_now(k, s);
    return raw > 0 ? raw : 0;
}

milli_t statuses_effective_at_count(const struct statuses_kept *k, enum status s)
{
    milli_t raw = s == STATUS_MISSING ? missing_cleared(k) : k->at_count[s - 1];
    return raw > 0 ? raw : 0;
}

milli_t sums_unavailable(const struct statuses_kept *k)
{
    milli_t sum = 0;
    for (enum status s = STATUS_NONE + 1; s < STATUS_END; s++)
        sum += statuses_effective(k, s);
    return sum;
}

milli_t sums_on_hand(const struct sums *s, const struct statuses_kept *k)
{
    milli_t on_hand = s->base + s->after - s->gone_after;
    if (s->basis >= BASIS_SELLABLE)
        for (enum status one = STATUS_NONE + 1; one < STATUS_END; one++)
            on_hand += statuses_effective_at_count(k, one);
    if (s->basis >= BASIS_NET_OF_COMMITTED)
        on_hand += s->committed_at_count;
    if (s->basis >= BASIS_NET_OF_DEMAND)
        on_hand += s->reserved_at_count;
    return on_hand;
}

static bool within(milli_t figure, milli_t most)
{
    return figure >= -most && figure <= most;
}

bool sums_in_range(const struct sums *s, const struct statuses_kept *k)
{
    bool parts = within(s->after, PART_MOST) && within(s->gone_after, PART_MOST) &&
                 within(s->committed_at_count, PART_MOST) && within(s->reserved_at_count, PART_MOST) &&
                 within(k->short_before, PART_MOST) && within(k->short_after, PART_MOST);
    for (int i = 0; i < STATUSES; i++)
        parts = parts && within(k->now[i], QUANTITY_MOST) && within(k->at_count[i], QUANTITY_MOST);
    return parts && within(sums_on_hand(s, k), QUANTITY_MOST) && within(s->committed, QUANTITY_MOST) &&
           within(s->reserved, QUANTITY_MOST) && within(sums_unavailable(k), QUANTITY_MOST);
}

bool sums_move(struct sums *s, instant_t at, milli_t quantity)
{
    if (at <= s->count_at)
        return false;
    s->after += quantity;
    return true;
}

bool statuses_move(struct statuses_kept *k, instant_t count_at, enum status s, instant_t at, milli_t quantity)
{
    if (at <= k->fixed_at[s - 1])
        return false;
    k->now[s - 1] += quantity;
    if (at <= count_at)
        k->at_count[s - 1] += quantity;
    return true;
}

bool statuses_short(struct statuses_kept *k, instant_t count_at, instant_t at, milli_t quantity)
{
    if (at <= k->fixed_at[STATUS_MISSING - 1])
        return false;
    if (at <= count_at)
        k->short_before += quantity;
    else
        k->short_after += quantity;
    return at > count_at;
}
