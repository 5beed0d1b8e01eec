/* What a listener wants to hear of. */
#include "http/listeners_internal.h"

static bool lets_through(const struct wanted *w, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (w[i].known && w[i].number == number)
            return true;
    return false;
}

static bool wants_location(const struct listener *n, uint32_t location)
{
    const struct view *v = view_of(n);

    if (n->locations_count && !lets_through(n->locations, n->locations_count, location))
        return false;
    if (!n->has_group)
        return true;
    const struct group *g = catalogue_group_at(v->catalogue, n->group);
    return g && !g->deleted && group_has(g, location);
}

bool filter_is_of_product(const struct listener *n, uint64_t mark)
{
    return mark && lets_through(n->products, n->products_count, (uint32_t)mark);
}

/* A variant is what is one now. */
static bool wants_item(const struct listener *n, uint32_t sku)
{
    if (!names_items(n) || lets_through(n->skus, n->skus_count, sku))
        return true;
    const struct sku *s = n->products_count ? table_sku(view_of(n)->table, sku) : NULL;
    const struct item *i = s ? item_of(s) : NULL;
    for (size_t p = 0; i && p < n->products_count; p++)
        if (text_equal(i->product, n->products[p].name))
            return true;
    return false;
}

static bool wants_row(const struct listener *n, uint32_t sku, uint32_t location)
{
    return wants_item(n, sku) && wants_location(n, location);
}

static bool wants_reservation(const struct listener *n, const struct notice *t)
{
    bool all = !names_items(n) && !n->locations_count && !n->has_group, any = all;

    if (n->has_channel && n->channel != t->number)
        return false;
    for (size_t i = 0; i < t->lines_count && !any; i++)
        any = wants_row(n, (uint32_t)(t->lines[i] >> 32), (uint32_t)t->lines[i]);
    return any;
}

/* Silence is a location's: who asks about items hears of it when it asks for that. */
bool filter_wants(const struct listener *n, const struct notice *t)
{
    if (t->kind == NOTICE_ROW || t->kind == NOTICE_KIT)
        return wants_row(n, t->sku, t->location);
    if (t->kind == NOTICE_SILENCE)
        return n->tells & 1u << TELL_STALE && (!names_items(n) || n->says_tells) &&
               wants_location(n, t->location);
    return n->tells & 1u << TELL_RESERVATION && wants_reservation(n, t);
}

const struct channel *filter_channel(const struct listener *n)
{
    return n->has_channel ? catalogue_channel_at(view_of(n)->catalogue, n->channel) : NULL;
}

static bool has_rules(const struct listener *n)
{
    struct rules r = rules_of(view_of(n)->catalogue, filter_channel(n));
    return rules_any(&r);
}

static bool rules_name_groups(const struct listener *n)
{
    struct rules r = rules_of(view_of(n)->catalogue, filter_channel(n));
    return (r.own && r.own->rules_name_groups) || (r.all && r.all->rules_name_groups);
}

/* May what it is shown be another because of this, although no row is? */
bool filter_is_touched(const struct listener *n, const struct notice *t)
{
    switch (t->kind) {
    case NOTICE_ITEM:
        return !names_items(n) || lets_through(n->skus, n->skus_count, t->sku) ||
               filter_is_of_product(n, t->product_was) || filter_is_of_product(n, t->product_now);
    case NOTICE_LOCATION:
        return wants_location(n, t->location);
    case NOTICE_SILENCE:
        return wants_location(n, t->location) && has_rules(n);
    case NOTICE_GROUP:
        return (n->has_group && n->group == t->number) || rules_name_groups(n);
    case NOTICE_CHANNEL:
        return t->number == CHANNEL_POOL || (n->has_channel && n->channel == t->number);
    default:
        return false;
    }
}
