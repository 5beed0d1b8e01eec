/* Finds listeners by what they asked for: SKUs, locations, a group, or nothing. */
#include "http/listeners_internal.h"

#include <stdlib.h>

/* ---- who is found by what ---- */

struct subscription **index_chain_of(const struct listeners *l, uint64_t key)
{
    uint64_t hash = key * 0x9E3779B97F4A7C15u;
    return &l->chains[(hash >> 32) & (l->chains_count - 1)];
}

void index_chain(struct listeners *l, struct subscription *s)
{
    struct subscription **at = index_chain_of(l, s->key);

    s->previous = NULL;
    s->next = *at;
    if (s->next)
        s->next->previous = s;
    *at = s;
}

/* Chains stay short; without memory they grow longer, that is all. */
void index_grow(struct listeners *l)
{
    size_t before = l->chains_count;
    struct subscription **old = l->chains, **grown;

    if (l->subscriptions_count <= 2 * before)
        return;
    grown = calloc(before * 4, sizeof(struct subscription *));
    if (!grown)
        return;
    l->chains = grown;
    l->chains_count = before * 4;
    for (size_t i = 0; i < before; i++)
        for (struct subscription *s = old[i], *next; s; s = next) {
            next = s->next;
            index_chain(l, s);
        }
    free(old);
}

void index_subscribe(struct listeners *l, struct listener *n, size_t i, enum dimension d, uint32_t number)
{
    struct subscription *s = &n->subscriptions[i];

    s->listener = n;
    s->key = key_of(d, number);
    l->subscriptions_count++;
    index_grow(l);
    index_chain(l, s);
}

void index_unsubscribe(struct listeners *l, struct subscription *s)
{
    if (!s->key)
        return;
    if (s->next)
        s->next->previous = s->previous;
    *(s->previous ? &s->previous->next : index_chain_of(l, s->key)) = s->next;
    l->subscriptions_count--;
    s->key = 0;
}

int index_group_join(struct listeners *l, uint32_t number)
{
    for (size_t i = 0; i < l->groups_count; i++)
        if (l->groups[i].number == number) {
            l->groups[i].listeners++;
            return 0;
        }
    struct group_listened *grown = realloc(l->groups, (l->groups_count + 1) * sizeof(*grown));
    if (!grown)
        return ERROR_NOMEM;
    l->groups = grown;
    l->groups[l->groups_count++] = (struct group_listened){number, 1};
    return 0;
}

void index_group_leave(struct listeners *l, uint32_t number)
{
    for (size_t i = 0; i < l->groups_count; i++)
        if (l->groups[i].number == number && --l->groups[i].listeners == 0) {
            l->groups[i] = l->groups[--l->groups_count];
            return;
        }
}

/* ---- names that nobody knew when they were asked for ---- */

static void find_sku(struct listeners *l, struct listener *n, size_t i)
{
    const struct view *v = view_of(n);
    struct wanted *w = &n->skus[i];
    const struct sku *s = w->known ? NULL : table_find(v->table, w->name);

    if (!s)
        return;
    w->number = sku_number(s);
    w->known = true;
    n->unknown_count--;
    l->unknown_count--;
    l->kits_changed = true;
    index_subscribe(l, n, i, BY_SKU, w->number);
}

static void find_location(struct listeners *l, struct listener *n, size_t i)
{
    const struct view *v = view_of(n);
    struct wanted *w = &n->locations[i];
    const struct location *at = w->known ? NULL : catalogue_location(v->catalogue, w->name);

    if (!at)
        return;
    w->number = at->number;
    w->known = true;
    n->unknown_count--;
    l->unknown_count--;
    if (!names_items(n))
        index_subscribe(l, n, i, BY_LOCATION, w->number);
}

void index_find_names(struct listeners *l, struct listener *n)
{
    for (size_t i = 0; i < n->skus_count && n->unknown_count; i++)
        find_sku(l, n, i);
    for (size_t i = 0; i < n->locations_count && n->unknown_count; i++)
        find_location(l, n, i);
}

/* Before the window is read: what a notice there names is known by then. */
void index_find_unknown(struct listeners *l)
{
    const struct view *v = l->loop->http->options.view;
    uint64_t skus = table_sku_count(v->table), locations = catalogue_locations_count(v->catalogue);

    if ((!l->unknown_count && !l->kits) || (skus == l->skus_looked && locations == l->locations_looked))
        return;
    l->skus_looked = skus;
    l->locations_looked = locations;
    l->kits_changed |= l->kits != NULL; /* a component may have become known */
    for (struct listener *n = l->first; n; n = n->next)
        if (n->unknown_count)
            index_find_names(l, n);
}
