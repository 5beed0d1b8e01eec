/* Rules lie sorted by item, then place: those that may hold for an item at a location are three times three
 * short ranges, found by halves. Of these the most specific that sets a field decides it. */
#include "core/model/rules.h"

#include <stdlib.h>

enum { ALL_METHODS = METHOD_PICKUP | METHOD_SHIP | METHOD_SAME_DAY };

/* ---- the order ---- */

static int compare_narrowing(const struct narrowing *a, const struct narrowing *b)
{
    if (a->by != b->by)
        return a->by < b->by ? -1 : 1;
    return text_compare(a->name, b->name);
}

static int compare_item_and_place(const struct rule *a, const struct rule *b)
{
    int order = compare_narrowing(&a->item, &b->item);
    return order ? order : compare_narrowing(&a->place, &b->place);
}

static int compare(const void *left, const void *right)
{
    return compare_item_and_place(left, right);
}

void rules_sort(struct rule *rules, uint32_t count)
{
    if (count)
        qsort(rules, count, sizeof(*rules), compare);
}

/* The first rule that does not stand before `probe`. */
static uint32_t lower_bound(const struct channel *c, const struct rule *probe)
{
    uint32_t low = 0, high = c->rules_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_item_and_place(&c->rules[middle], probe) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- those that hold ---- */

struct subject {
    const struct catalogue *catalogue;
    const struct rules *rules;
    struct text sku, product;
    const struct location *location;
    uint32_t method, offered;
    enum rule_when when; /* which rules are looked at */
};

/* One method's terms as they are being found. A rank says how specific a rule is; 0: none. */
struct finding {
    const struct subject *subject;
    unsigned rank[RULE_FIELDS];
    milli_t value[RULE_FIELDS];
    unsigned on, on_here; /* the highest that switches on: any, and by the location's own name */
    unsigned off;         /* the highest that switches off without naming a place */
    unsigned off_here;    /* and by the location's own name */
    bool off_by_group;
};

typedef void (*visit)(struct finding *f, const struct rule *r, unsigned rank);

static bool is_member(const struct catalogue *c, struct text group, const struct location *l)
{
    const struct group *g = l ? catalogue_group(c, group) : NULL;
    return g && !g->deleted && group_has(g, l->number);
}

static bool holds_at(const struct subject *s, const struct rule *r)
{
    switch (r->place.by) {
    case NARROWED_BY_GROUP:
        return is_member(s->catalogue, r->place.name, s->location);
    case NARROWED_BY_NAME:
        return s->location && text_equal(r->place.name, s->location->id);
    default:
        return true;
    }
}

static void visit_range(struct finding *f, const struct channel *c, bool own, struct rule probe, visit v)
{
    const struct subject *s = f->subject;
    for (uint32_t i = lower_bound(c, &probe); i < c->rules_count; i++) {
        const struct rule *r = &c->rules[i];
        if (compare_narrowing(&r->item, &probe.item) != 0 || r->place.by != probe.place.by ||
            (probe.place.by == NARROWED_BY_NAME && !text_equal(r->place.name, probe.place.name)))
            return;
        if (r->when != s->when || (r->method && r->method != s->method) || !holds_at(s, r))
            continue;
        unsigned rank = r->item.by;
        rank = rank * NARROWED_END + r->place.by;
        rank = rank * 2 + (r->method != 0);
        rank = rank * 2 + own;
        v(f, r, rank + 1);
    }
}

static void visit_item(struct finding *f, const struct channel *c, bool own, struct narrowing item, visit v)
{
    const struct location *l = f->subject->location;
    struct rule probe = {.item = item};
    visit_range(f, c, own, probe, v);
    probe.place.by = NARROWED_BY_GROUP;
    visit_range(f, c, own, probe, v);
    if (!l)
        return;
    probe.place = (struct narrowing){NARROWED_BY_NAME, l->id};
    visit_range(f, c, own, probe, v);
}

static void visit_channel(struct finding *f, const struct channel *c, bool own, visit v)
{
    const struct subject *s = f->subject;
    if (!c)
        return;
    visit_item(f, c, own, (struct narrowing){0}, v);
    if (s->product.length)
        visit_item(f, c, own, (struct narrowing){NARROWED_BY_GROUP, s->product}, v);
    visit_item(f, c, own, (struct narrowing){NARROWED_BY_NAME, s->sku}, v);
}

static void visit_all(struct finding *f, visit v)
{
    visit_channel(f, f->subject->rules->all, false, v);
    visit_channel(f, f->subject->rules->own, true, v);
}

/* ---- what they say ---- */

static bool more_is_cautious(enum rule_field field)
{
    return field == RULE_BUFFER || field == RULE_BUFFER_PERCENT || field == RULE_SAFETY_STOCK;
}

static milli_t more_cautious(enum rule_field field, milli_t a, milli_t b)
{
    return more_is_cautious(field) == (a > b) ? a : b;
}

static void raise_to(unsigned *to, unsigned rank)
{
    *to = rank > *to ? rank : *to;
}

static void switch_place(struct finding *f, const struct rule *r, unsigned rank)
{
    if (r->enabled) {
        raise_to(&f->on, rank);
        if (r->place.by == NARROWED_BY_NAME)
            raise_to(&f->on_here, rank);
    } else if (r->place.by == NARROWED_BY_NAME) {
        raise_to(&f->off_here, rank);
    } else if (r->place.by == NARROWED_BY_GROUP) {
        f->off_by_group = true;
    } else {
        raise_to(&f->off, rank);
    }
}

static void take(struct finding *f, const struct rule *r, unsigned rank)
{
    for (enum rule_field field = 0; field < RULE_FIELDS; field++) {
        if (!(r->sets & 1u << field) || rank < f->rank[field])
            continue;
        f->value[field] =
            rank > f->rank[field] ? r->value[field] : more_cautious(field, f->value[field], r->value[field]);
        f->rank[field] = rank;
    }
    if (r->sets & RULE_SETS_ENABLED)
        switch_place(f, r, rank);
}

/* A group switched off: for each such rule somebody has to switch the same group, or the location, on again.
 */
struct group_switch {
    struct finding finding;
    struct text group;
    unsigned on;
    bool off;
};

static void take_same_group(struct finding *f, const struct rule *r, unsigned rank)
{
    struct group_switch *g = (struct group_switch *)f;
    if (r->sets & RULE_SETS_ENABLED && r->enabled && r->place.by == NARROWED_BY_GROUP &&
        text_equal(r->place.name, g->group))
        raise_to(&g->on, rank);
}

static void take_groups_off(struct finding *f, const struct rule *r, unsigned rank)
{
    struct group_switch *g = (struct group_switch *)f;
    if (!(r->sets & RULE_SETS_ENABLED) || r->enabled || r->place.by != NARROWED_BY_GROUP || g->off)
        return;
    struct group_switch same = {.finding.subject = f->subject, .group = r->place.name, .on = f->on_here};
    visit_all(&same.finding, take_same_group);
    g->off = same.on <= rank;
}

static bool is_enabled(const struct finding *f)
{
    bool off = (f->off && f->on <= f->off) || (f->off_here && f->on_here <= f->off_here);
    if (off || !f->off_by_group)
        return !off;
    struct group_switch groups = {.finding = *f};
    visit_all(&groups.finding, take_groups_off);
    return !groups.off;
}

static struct terms find_terms(const struct subject *s)
{
    struct finding f = {.subject = s};
    visit_all(&f, take);
    struct terms t = terms_none;
    t.enabled = is_enabled(&f);
    if (f.rank[RULE_BUFFER])
        t.buffer = f.value[RULE_BUFFER];
    if (f.rank[RULE_BUFFER_PERCENT])
        t.buffer_percent = (uint32_t)f.value[RULE_BUFFER_PERCENT];
    if (f.rank[RULE_CAP])
        t.cap = f.value[RULE_CAP];
    if (f.rank[RULE_MAX_PER_LINE])
        t.max_per_line = f.value[RULE_MAX_PER_LINE];
    if (f.rank[RULE_SAFETY_STOCK])
        t.safety_stock = f.value[RULE_SAFETY_STOCK];
    return t;
}

static milli_t larger_said(milli_t a, milli_t b)
{
    if (a == LIMIT_NONE || b == LIMIT_NONE)
        return a == LIMIT_NONE ? b : a;
    return a > b ? a : b;
}

static void be_cautious(struct terms *t, const struct terms *other)
{
    t->enabled = t->enabled && other->enabled;
    t->buffer = more_cautious(RULE_BUFFER, t->buffer, other->buffer);
    t->buffer_percent = t->buffer_percent > other->buffer_percent ? t->buffer_percent : other->buffer_percent;
    t->cap = more_cautious(RULE_CAP, t->cap, other->cap);
    t->max_per_line = more_cautious(RULE_MAX_PER_LINE, t->max_per_line, other->max_per_line);
    t->safety_stock = larger_said(t->safety_stock, other->safety_stock);
}

/* ---- from outside ---- */

bool location_gives(const struct location *l, uint32_t method)
{
    if (!l)
        return true;
    if (l->deleted || !l->enabled)
        return false;
    return !method || !l->methods || (l->methods & method);
}

static uint32_t methods_of(const struct item *item, const struct location *l)
{
    uint32_t offered = l && l->methods ? l->methods : ALL_METHODS;
    return item ? offered & ~item->restricted : offered;
}

bool item_goes_from(const struct item *item, const struct location *l, uint32_t method)
{
    if (!item || !item->restricted)
        return true;
    return method ? item_goes_by(item, method) : methods_of(item, l) != 0;
}

struct rules rules_of(const struct catalogue *c, const struct channel *channel)
{
    const struct channel *all = catalogue_channel_for_all(c);
    return (struct rules){.own = channel && channel->rules_count && channel != all ? channel : NULL,
                          .all = all && all->rules_count ? all : NULL};
}

static bool silence_matters(const struct rules *r)
{
    return (r->own && r->own->rules_name_silence) || (r->all && r->all->rules_name_silence);
}

static bool methods_matter(const struct rules *r)
{
    return (r->own && r->own->rules_name_methods) || (r->all && r->all->rules_name_methods);
}

/* What the rules that hold `s->when` say, over the methods that are asked for. */
static struct terms resolve(struct subject *s, uint32_t method)
{
    s->method = method;
    if (method || !methods_matter(s->rules))
        return find_terms(s);
    struct terms t = terms_none;
    bool first = true;
    for (uint32_t one = METHOD_PICKUP; one <= METHOD_SAME_DAY; one <<= 1) {
        if (!(s->offered & one))
            continue;
        s->method = one;
        struct terms of_method = find_terms(s);
        if (first)
            t = of_method;
        else
            be_cautious(&t, &of_method);
        first = false;
    }
    return t;
}

static uint32_t differences(const struct terms *a, const struct terms *b)
{
    uint32_t fields = 0;
    fields |= a->buffer != b->buffer ? 1u << RULE_BUFFER : 0;
    fields |= a->buffer_percent != b->buffer_percent ? 1u << RULE_BUFFER_PERCENT : 0;
    fields |= a->cap != b->cap ? 1u << RULE_CAP : 0;
    fields |= a->max_per_line != b->max_per_line ? 1u << RULE_MAX_PER_LINE : 0;
    fields |= a->safety_stock != b->safety_stock ? 1u << RULE_SAFETY_STOCK : 0;
    return fields | (a->enabled != b->enabled ? (uint32_t)RULE_SETS_ENABLED : 0);
}

struct terms rules_resolve(const struct catalogue *c, const struct rules *r, struct text sku,
                           const struct item *item, struct rules_place place, uint32_t method)
{
    struct terms t = terms_none;
    if (!location_gives(place.location, method) || !item_goes_from(item, place.location, method)) {
        t.enabled = false;
        return t;
    }
    if (!rules_any(r))
        return t;
    struct subject s = {.catalogue = c,
                        .rules = r,
                        .sku = sku,
                        .product = item ? item->product : (struct text){0},
                        .location = place.location,
                        .offered = methods_of(item, place.location)}; /* by another it goes to nobody */
    t = resolve(&s, method);
    if (!place.stale || !silence_matters(r))
        return t;
    s.when = RULE_WHEN_STALE;
    struct terms heard = t, silent = resolve(&s, method);
    be_cautious(&t, &silent);
    t.by_silence = differences(&heard, &t);
    return t;
}
