/* Deep copies: the struct first, its arrays behind it, its texts last. */
#include "core/model/catalogue_copy.h"

#include "core/model/rules.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Copies a text to *at and moves on. */
static struct text put(char **at, struct text t)
{
    struct text copy = {*at, t.length};

    if (t.length)
        memcpy(*at, t.at, t.length);
    *at += t.length;
    return copy;
}

struct location *location_copy(const struct location *l)
{
    size_t bytes = l->id.length + l->name.length + l->time_zone.length + l->document.length;

    for (uint32_t i = 0; i < l->sources_count; i++)
        bytes += sizeof(struct text) + l->sources[i].length;
    struct location *copy = malloc(sizeof(*copy) + bytes);
    if (!copy)
        return NULL;
    struct text *sources = (struct text *)(copy + 1);
    char *at = (char *)(sources + l->sources_count);
    *copy = *l;
    copy->sources = sources;
    for (uint32_t i = 0; i < l->sources_count; i++)
        sources[i] = put(&at, l->sources[i]);
    if (l->has_position)
        copy->point = sphere_point_of(l->latitude_e7, l->longitude_e7);
    copy->id = put(&at, l->id);
    copy->name = put(&at, l->name);
    copy->time_zone = put(&at, l->time_zone);
    copy->document = put(&at, l->document);
    atomic_init(&copy->calendar, NULL);
    return copy;
}

void location_free(void *location)
{
    struct location *l = location;

    if (l)
        free(atomic_load_explicit(&l->calendar, memory_order_relaxed));
    free(l);
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

struct group *group_copy(const struct group *g)
{
    size_t members_bytes = g->members_count * sizeof(struct text);
    size_t locations_bytes = g->locations_count * sizeof(uint32_t);
    size_t texts_bytes = g->id.length + g->name.length + g->document.length;

    for (uint32_t i = 0; i < g->members_count; i++)
        texts_bytes += g->members[i].length;
    struct group *copy = malloc(sizeof(*copy) + members_bytes + 2 * locations_bytes + texts_bytes);
    if (!copy)
        return NULL;
    struct text *members = (struct text *)(copy + 1);
    uint32_t *locations = (uint32_t *)(members + g->members_count);
    uint32_t *sorted = locations + g->locations_count;
    char *at = (char *)(sorted + g->locations_count);
    *copy = *g;
    copy->id = put(&at, g->id);
    copy->name = put(&at, g->name);
    copy->document = put(&at, g->document);
    for (uint32_t i = 0; i < g->members_count; i++)
        members[i] = put(&at, g->members[i]);
    if (locations_bytes) {
        memcpy(locations, g->locations, locations_bytes);
        memcpy(sorted, g->locations, locations_bytes);
        qsort(sorted, g->locations_count, sizeof(*sorted), by_number);
    }
    copy->members = members;
    copy->locations = locations;
    copy->sorted = sorted;
    return copy;
}

static size_t rules_texts_bytes(const struct channel *c)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < c->rules_count; i++)
        bytes += c->rules[i].item.name.length + c->rules[i].place.name.length;
    return bytes;
}

struct channel *channel_copy(const struct channel *c)
{
    size_t texts_bytes = c->id.length + c->name.length + c->document.length + rules_texts_bytes(c);
    struct channel *copy = malloc(sizeof(*copy) + c->rules_count * sizeof(struct rule) + texts_bytes);

    if (!copy)
        return NULL;
    struct rule *rules = (struct rule *)(copy + 1);
    char *at = (char *)(rules + c->rules_count);
    *copy = *c;
    copy->id = put(&at, c->id);
    copy->name = put(&at, c->name);
    copy->document = put(&at, c->document);
    copy->rules_name_methods = copy->rules_name_groups = copy->rules_name_silence = false;
    for (uint32_t i = 0; i < c->rules_count; i++) {
        rules[i] = c->rules[i];
        rules[i].item.name = put(&at, c->rules[i].item.name);
        rules[i].place.name = put(&at, c->rules[i].place.name);
        copy->rules_name_methods |= rules[i].method != 0;
        copy->rules_name_groups |= rules[i].place.by == NARROWED_BY_GROUP;
        copy->rules_name_silence |= rules[i].when == RULE_WHEN_STALE;
    }
    rules_sort(rules, c->rules_count);
    copy->rules = rules;
    return copy;
}

struct item *item_copy(const struct item *i)
{
    size_t texts_bytes =
        i->sku.length + i->name.length + i->product.length + i->unit.length + i->document.length;

    for (uint32_t n = 0; n < i->components_count; n++)
        texts_bytes += i->components[n].sku.length;
    struct item *copy = malloc(sizeof(*copy) + i->components_count * sizeof(struct component) + texts_bytes);
    if (!copy)
        return NULL;
    struct component *components = (struct component *)(copy + 1);
    char *at = (char *)(components + i->components_count);
    *copy = *i;
    copy->sku = put(&at, i->sku);
    copy->name = put(&at, i->name);
    copy->product = put(&at, i->product);
    copy->unit = put(&at, i->unit);
    copy->document = put(&at, i->document);
    for (uint32_t n = 0; n < i->components_count; n++)
        components[n] = (struct component){put(&at, i->components[n].sku), i->components[n].quantity};
    copy->components = components;
    return copy;
}
