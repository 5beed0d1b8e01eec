/* Sharing out, rank by rank. */
#include "core/answer/plan.h"

enum { PERCENT_ALL = 100000 };

static bool has_share(const struct plan_share *shares, size_t count, uint32_t channel)
{
    for (size_t i = 0; i < count; i++)
        if (!shares[i].pool && shares[i].channel == channel)
            return true;
    return false;
}

milli_t plan_there(const struct stock *s, const struct plan_share *shares, size_t count)
{
    milli_t there = stock_atp(s, INSTANT_NONE, 0, 0);
    for (uint32_t i = 0; i < s->fences_count; i++)
        if (!has_share(shares, count, s->fences[i].channel))
            there -= fence_left(&s->fences[i]);
    return there > 0 ? there : 0;
}

void plan_sort(struct plan_share *shares, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct plan_share one = shares[i];
        size_t k = i;
        for (; k > 0 && shares[k - 1].rank > one.rank; k--)
            shares[k] = shares[k - 1];
        shares[k] = one;
    }
}

void plan_shares(milli_t there, milli_t step, const struct plan_share *shares, size_t count, milli_t *ret)
{
    __extension__ typedef __int128 wide;
    milli_t left = there;
    for (size_t i = 0; i < count; i++) {
        milli_t wanted = (milli_t)((wide)there * shares[i].percent / PERCENT_ALL);
        wanted = wanted > shares[i].minimum ? wanted : shares[i].minimum;
        ret[i] = quantity_floor(wanted < left ? wanted : left, step > 0 ? step : 1);
        left -= ret[i];
    }
}
