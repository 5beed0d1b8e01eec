/* Lists what is open at a row. */
#include "core/model/demand_list.h"

#include "base/error.h"
#include "core/model/books.h"
#include "core/model/demand_index.h"
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

    return compare(since(x), account_reference(&x->account), account_line(&x->account), since(y),
                   account_reference(&y->account), account_line(&y->account));
}

static bool is_behind(const struct demand *d, const struct demand_place *after)
{
    return !after->said || compare(since(d), account_reference(&d->account), account_line(&d->account),
                                   after->since, after->reference, after->line) > 0;
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
        ids[count] = arena_text(a, kept_id(h->of));
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
    bool own = !d->account.reference_length;

    *ret_reference = own && d->holds ? kept_reference(d->holds->of) : account_reference(&d->account);
    *ret_line = own ? (struct text){0} : account_line(&d->account);
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
    return copy_text(a, account_reference(&d->account), &ret->reference) &&
           copy_text(a, account_line(&d->account), &ret->line);
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

/* ---- of a reference, over all rows ---- */

/* An account with the names of its row, by which it is put in order. */
struct somewhere {
    const struct demand *demand;
    struct text sku, location;
};

static struct somewhere somewhere(const struct state *s, const struct demand *d)
{
    return (struct somewhere){d, sku_text(table_sku(s->table, d->due.sku)),
                              catalogue_location_at(s->catalogue, d->due.location)->id};
}

static struct demand_place place_of(const struct somewhere *o)
{
    return (struct demand_place){.said = true,
                                 .since = since(o->demand),
                                 .sku = o->sku,
                                 .location = o->location,
                                 .line = account_line(&o->demand->account)};
}

static int compare_places(const struct demand_place *a, const struct demand_place *b)
{
    int order = (a->since > b->since) - (a->since < b->since);

    if (!order)
        order = text_compare(a->sku, b->sku);
    if (!order)
        order = text_compare(a->location, b->location);
    return order ? order : text_compare(a->line, b->line);
}

static int compare_somewhere(const void *a, const void *b)
{
    struct demand_place x = place_of(a), y = place_of(b);

    return compare_places(&x, &y);
}

static bool is_among(struct text t, const struct text *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(all[i], t))
            return true;
    return count == 0;
}

static bool may_be_seen(const struct state *s, const struct somewhere *o, const struct demand_filter *f)
{
    uint32_t channel = o->demand->channel;
    const struct channel *c = channel == CHANNEL_POOL ? NULL : catalogue_channel_at(s->catalogue, channel);

    return !f || (is_among(o->location, f->locations, f->locations_count) &&
                  is_among(c ? c->id : (struct text){0}, f->channels, f->channels_count));
}

struct of_reference {
    size_t count, capacity;
    struct somewhere *at;
};

static int add(struct of_reference *o, const struct somewhere *one, struct arena *a)
{
    if (o->count == o->capacity) {
        size_t capacity = o->capacity ? 2 * o->capacity : 16;
        if (!arena_grow(a, &o->at, o->capacity, capacity, sizeof(*o->at)))
            return ERROR_NOMEM;
        o->capacity = capacity;
    }
    o->at[o->count++] = *one;
    return 0;
}

static int find_of(const struct state *s, struct text reference, const struct demand_filter *filter,
                   const struct demand_place *after, struct arena *a, struct demand_page *page,
                   struct of_reference *ret)
{
    struct demand_walk walk = {.reference = reference};
    int error = 0;

    for (const struct demand *d; !error && (d = demand_index_next(s, &walk));) {
        struct somewhere one = somewhere(s, d);
        struct demand_place place = place_of(&one);
        if (!may_be_seen(s, &one, filter))
            continue;
        page->held += d->reserved;
        page->committed += d->open;
        if (!after->said || compare_places(&place, after) > 0)
            error = add(ret, &one, a);
    }
    page->is_cut = walk.is_cut;
    if (ret->count)
        qsort(ret->at, ret->count, sizeof(*ret->at), compare_somewhere);
    return error;
}

static bool show_somewhere(const struct state *s, const struct somewhere *o, struct arena *a,
                           struct demand_shown *ret)
{
    return show(s, o->demand, a, ret) && copy_text(a, o->sku, &ret->sku) &&
           copy_text(a, o->location, &ret->location);
}

int demand_of_reference(const struct state *s, struct text reference, const struct demand_filter *filter,
                        const struct demand_place *after, size_t limit, struct arena *a,
                        struct demand_page *ret)
{
    struct demand_page page = {0};
    struct of_reference all = {0};
    int error = find_of(s, reference, filter, after, a, &page, &all);

    if (error)
        return error;
    page.count = all.count < limit ? all.count : limit;
    page.more = all.count > limit;
    page.at = arena_alloc(a, (page.count + 1) * sizeof(*page.at));
    if (!page.at)
        return ERROR_NOMEM;
    for (size_t i = 0; i < page.count; i++) {
        struct demand_shown *one = &page.at[i];
        if (!show_somewhere(s, &all.at[i], a, one))
            return ERROR_NOMEM;
        page.end = (struct demand_place){
            .said = true, .since = one->since, .sku = one->sku, .location = one->location, .line = one->line};
    }
    *ret = page;
    return 0;
}

/* Who came last goes without first. Adds to *looked_at. */
static milli_t lack_of(const struct ledger *l, const struct demand *d, milli_t oversold, size_t *looked_at)
{
    milli_t open = d->open + d->reserved;

    for (uint32_t i = 0; i < l->demand.count; i++) {
        const struct demand *other = (const struct demand *)l->demand.at[i];
        if (is_open(other) && compare_accounts(&other, &d) > 0)
            oversold -= other->open + other->reserved;
    }
    *looked_at += l->demand.count;
    return oversold <= 0 ? 0 : oversold < open ? oversold : open;
}

static milli_t lack_at(const struct state *s, const struct demand_shown *d, size_t *looked_at)
{
    const struct sku *sku = table_find(s->table, d->sku);
    const struct location *l = catalogue_location(s->catalogue, d->location);
    struct row_image row;
    struct stock stock;

    if (!sku || !l || !sku_peek(sku, l->number, &row) || !row_rare(&row) || !row_rare(&row)->ledger)
        return 0;
    stock_of_row(&row, &stock);
    milli_t oversold = stock_oversold(&stock);
    if (oversold <= 0)
        return 0;
    const struct ledger *books = row_rare(&row)->ledger;
    const struct demand *now = (const struct demand *)accounts_find(&books->demand, d->reference, d->line);
    return now ? lack_of(books, now, oversold, looked_at) : 0;
}

bool demand_lacks(const struct state *s, struct demand_page *page, size_t *at)
{
    size_t looked_at = 0;

    for (; *at < page->count && looked_at < DEMAND_LOOKED_AT_MOST; ++*at)
        page->at[*at].is_short = lack_at(s, &page->at[*at], &looked_at);
    return *at == page->count;
}

/* ---- of a row that lacks something ---- */

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
