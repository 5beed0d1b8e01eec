/* Chains of open accounts by the hash of their reference. */
#include "core/model/demand_index.h"

#include "base/hash.h"
#include "core/model/books.h"

/* demand_by_reference, the other way. */
static const struct demand *account_of(const struct chain *c)
{
    return (const struct demand *)c - 1;
}

void demand_index_change(struct state *s, struct demand *d, uint32_t sku, uint32_t location)
{
    d->indexed = !d->indexed;
    if (!d->indexed) {
        chains_remove(s->open_demand,
                      demand_by_reference(d)); /* only the writer walks there: it may be freed */
        return;
    }
    d->due.sku = sku; /* whose row it is */
    d->due.location = location;
    chains_insert(s->open_demand, demand_by_reference(d), account_reference_hash(&d->account));
}

int demand_index_learn(struct state *s, struct ledger *l, uint32_t sku, uint32_t location)
{
    int error = 0;
    for (uint32_t i = 0; i < l->demand.count && !error; i++) {
        error = demand_index_reserve(s);
        if (!error)
            demand_index_follow(s, (struct demand *)l->demand.at[i], sku, location);
        if (chains_are_long(s->open_demand)) /* nobody else polls while an image is loaded */
            epoch_poll(s->epoch, SIZE_MAX);
    }
    return error;
}

const struct demand *demand_index_next(const struct state *s, struct demand_walk *walk)
{
    if (!walk->begun) {
        walk->begun = true;
        walk->hash = hash_text(walk->reference);
        chains_first(s->open_demand, walk->hash, &walk->at);
    } else if (walk->at.at) {
        chains_next(&walk->at);
    }
    for (; walk->at.at; chains_next(&walk->at)) {
        const struct demand *d = account_of(walk->at.at);
        walk->is_cut = walk->passed == DEMAND_PASSED_MOST;
        if (walk->is_cut)
            return NULL;
        walk->passed++;
        if (walk->at.at->hash == walk->hash && text_equal(account_reference(&d->account), walk->reference))
            return d;
    }
    return NULL;
}
