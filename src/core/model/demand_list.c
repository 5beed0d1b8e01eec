/* Lists what is open at a row. */
#include "core/model/demand_list.h"

#include "base/error.h"
#include "core/model/books.h"
#include "core/model/kept.h"

#include <stdlib.h>

static instant_t since(const struct demand *d)
{
    return d->entries_count ? d->entries[0].at : INSTANT_NONE;
}

static bool is_open(const struct demand *d)
{
    return d->open + d->reserved > 0;
}

/* By age, then reference and line: one order, whatever the accounts lie in. */
static int compare(instant_t a_since, struct text a_reference, struct text a_line, instant_t b_since,
                   struct text b_reference, struct text b_line)
{
    int order = (a_since > b_since) - (a_since < b_since);

    if (!order)
        order = text_compare(a_reference, b_reference);
    return order ? order : text_compare(a_line, b_line);
}

static int compare_accounts(const void *a, const void *b)
{
    const struct demand *x = *(const struct demand *const *)a, *y = *(const struct demand *const *)b;

    return compare(since(x), x->account.reference, x->account.line, since(y), y->account.reference,
                   y->account.line);
}

static bool is_behind(const struct demand *d, const struct demand_place *after)
{
    return !after->said || compare(since(d), d->account.reference, d->account.line, after->since,
                                   after->reference, after->line) > 0;
}

/* ---- showing one ---- */

static bool list_reservations(const struct demand *d, struct arena *a, struct demand_shown *ret)
{
    struct text *ids = NULL;
    uint32_t count = 0;

    for (const struct hold *h = d->holds; h && count < DEMAND_RESERVATIONS_MOST; h = h->newer) {
        if (h->open_held + h->open_committed <= 0)
            continue;
        if (!ids && !(ids = arena_alloc(a, DEMAND_RESERVATIONS_MOST * sizeof(*ids))))
            return false;
        ids[count] = arena_text(a, h->of->id);
        if (!ids[count++].at)
            return false;
    }
    ret->reservations = ids;
    ret->reservations_count = count;
    return true;
}

static bool copy_text(struct arena *a, struct text t, struct text *ret)
{
    *ret = arena_text(a, t);
    return ret->at || !t.length;
}

/* The account of a reservation that had no order when it was made is called by the reservation's id: it is
 * shown under the order that it got since. */
static void order_of(const struct demand *d, struct text *ret_reference, struct text *ret_line)
{
    bool own = !d->account.reference.length;

    *ret_reference = own && d->holds ? d->holds->of->reference : d->account.reference;
    *ret_line = own ? (struct text){0} : d->account.line;
}

static bool show(const struct state *s, const struct demand *d, struct arena *a, struct demand_shown *ret)
{
    struct text reference, line;
    const struct channel *c =
        d->channel == CHANNEL_POOL ? NULL : catalogue_channel_at(s->catalogue, d->channel);

    *ret = (struct demand_shown){
        .held = d->reserved, .committed = d->open, .required_at = d->required_at, .since = since(d)};
    order_of(d, &reference, &line);
    return copy_text(a, reference, &ret->reference) && copy_text(a, line, &ret->line) &&
           copy_text(a, c ? c->id : (struct text){0}, &ret->channel) && list_reservations(d, a, ret);
}

/* ---- listing ---- */

/* The open accounts that are wanted, in order. */
struct found {
    size_t count;
    const struct demand **at;
};

static int find(const struct ledger *l, const struct demand_place *after, struct arena *a,
                struct demand_page *page, struct found *ret)
{
    ret->count = 0;
    ret->at = arena_alloc(a, ((size_t)l->demand.count + 1) * sizeof(*ret->at));
    if (!ret->at)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < l->demand.count; i++) {
        const struct demand *d = (const struct demand *)l->demand.at[i];
        if (!is_open(d))
            continue;
        page->held += d->reserved;
        page->committed += d->open;
        if (is_behind(d, after))
            ret->at[ret->count++] = d;
    }
    qsort(ret->at, ret->count, sizeof(*ret->at), compare_accounts);
    return 0;
}

/* Zeroes: nothing is open there. */
static int begin(const struct state *s, struct text sku, struct text location,
                 const struct demand_place *after, struct arena *a, struct demand_page *page,
                 struct found *ret)
{
    const struct sku *known = table_find(s->table, sku);
    const struct location *l = catalogue_location(s->catalogue, location);
    struct row_image row;

    *page = (struct demand_page){0};
    *ret = (struct found){0};
    if (!known || !l || !sku_peek(known, l->number, &row))
        return ERROR_NOTFOUND;
    const struct rare *rare = row_rare(&row);
    return rare && rare->ledger ? find(rare->ledger, after, a, page, ret) : 0;
}

static bool take_place(const struct demand *d, struct arena *a, struct demand_place *ret)
{
    ret->said = true;
    ret->since = since(d);
    return copy_text(a, d->account.reference, &ret->reference) && copy_text(a, d->account.line, &ret->line);
}

int demand_list(const struct state *s, struct text sku, struct text location,
                const struct demand_place *after, size_t limit, struct arena *a, struct demand_page *ret)
{
    struct demand_page page;
    struct found found;
    int error = begin(s, sku, location, after, a, &page, &found);

    if (error)
        return error;
    page.count = found.count < limit ? found.count : limit;
    page.more = found.count > limit;
    page.at = arena_alloc(a, (page.count + 1) * sizeof(*page.at));
    for (size_t i = 0; page.at && i < page.count; i++)
        if (!show(s, found.at[i], a, &page.at[i]))
            return ERROR_NOMEM;
    if (!page.at || (page.count && !take_place(found.at[page.count - 1], a, &page.end)))
        return ERROR_NOMEM;
    *ret = page;
    return 0;
}

int demand_short(const struct state *s, struct text sku, struct text location, milli_t oversold,
                 struct arena *a, struct demand_page *ret)
{
    struct demand_page page;
    struct found found;
    int error = begin(s, sku, location, &(struct demand_place){0}, a, &page, &found);

    if (error)
        return error;
    size_t most = found.count < DEMAND_PAGE_MOST ? found.count : DEMAND_PAGE_MOST;
    page.at = arena_alloc(a, (most + 1) * sizeof(*page.at));
    if (!page.at)
        return ERROR_NOMEM;
    for (size_t i = found.count; i > 0 && oversold > 0 && page.count < most; i--) {
        struct demand_shown *one = &page.at[page.count];
        if (!show(s, found.at[i - 1], a, one))
            return ERROR_NOMEM;
        milli_t open = one->held + one->committed;
        one->is_short = open < oversold ? open : oversold;
        oversold -= one->is_short;
        page.count++;
    }
    page.more = oversold > 0;
    *ret = page;
    return 0;
}
