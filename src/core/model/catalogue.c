/* The catalogue: named, numbered objects, found by lock-free readers, replaced as a whole by the writer,
 * retired by epoch. */
#include "core/model/catalogue.h"

#include "base/error.h"
#include "base/hash.h"
#include "core/model/catalogue_copy.h"
#include "core/model/membership.h"
#include "core/model/products.h"

#include <stdlib.h>

enum {
    LOCATIONS_LIMIT = 4194304,
    GROUPS_LIMIT = 4194304,
    CHANNELS_LIMIT = 65536
}; /* the most that settings allow */

struct catalogue {
    struct epoch *epoch;
    struct slots locations, groups, channels;
    struct index *locations_index, *groups_index, *channels_index;
    _Atomic uint32_t
        channel_for_all; /* number of `*`, or INDEX_NONE. relaxed: the object is found through slots_get */
    struct membership membership;
    struct nearby nearby;
    struct products products;
    catalogue_before before; /* NULL: nobody looks on */
    void *before_context;
};

static bool location_equal(const void *owner, uint32_t number, struct text t)
{
    const struct location *l = slots_get(owner, number);
    return text_equal(l->id, t);
}

static bool group_equal(const void *owner, uint32_t number, struct text t)
{
    const struct group *g = slots_get(owner, number);
    return text_equal(g->id, t);
}

static bool channel_equal(const void *owner, uint32_t number, struct text t)
{
    const struct channel *c = slots_get(owner, number);
    return text_equal(c->id, t);
}

struct catalogue *catalogue_create(struct epoch *e)
{
    struct catalogue *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->epoch = e;
    c->nearby.epoch = e;
    c->channel_for_all = INDEX_NONE;
    c->locations_index = index_create(e, 0, location_equal, &c->locations);
    c->groups_index = index_create(e, 0, group_equal, &c->groups);
    c->channels_index = index_create(e, 0, channel_equal, &c->channels);
    if (!c->locations_index || !c->groups_index || !c->channels_index ||
        products_init(&c->products, e) || membership_init(&c->membership, e, &c->groups)) {
        catalogue_destroy(c);
        return NULL;
    }
    return c;
}

static void free_objects(struct slots *s, void (*give_back)(void *object))
{
    for (uint32_t i = 0; i < slots_count(s); i++)
        give_back((void *)(uintptr_t)slots_get(s, i));
    slots_finish(s);
}

void catalogue_destroy(struct catalogue *c)
{
    if (!c)
        return;
    membership_finish(&c->membership);
    nearby_finish(&c->nearby);
    products_finish(&c->products);
    index_destroy(c->locations_index);
    index_destroy(c->groups_index);
    index_destroy(c->channels_index);
    free_objects(&c->locations, location_free);
    free_objects(&c->groups, free);
    free_objects(&c->channels, free);
    free(c);
}

/* ---- looking ---- */

static const void *find(const struct index *i, const struct slots *s, struct text id)
{
    uint32_t number = index_find(i, id, hash_text(id));
    return number == INDEX_NONE ? NULL : slots_get(s, number);
}

const struct location *catalogue_location(const struct catalogue *c, struct text id)
{
    return find(c->locations_index, &c->locations, id);
}

const struct location *catalogue_location_at(const struct catalogue *c, uint32_t number)
{
    return slots_get(&c->locations, number);
}

uint32_t catalogue_location_number(const struct catalogue *c, struct text id, uint64_t hash)
{
    return index_find(c->locations_index, id, hash);
}

uint32_t catalogue_locations_count(const struct catalogue *c)
{
    return slots_count(&c->locations);
}

const struct group *catalogue_group(const struct catalogue *c, struct text id)
{
    return find(c->groups_index, &c->groups, id);
}

const struct group *catalogue_group_at(const struct catalogue *c, uint32_t number)
{
    return slots_get(&c->groups, number);
}

uint32_t catalogue_groups_count(const struct catalogue *c)
{
    return slots_count(&c->groups);
}

const struct channel *catalogue_channel(const struct catalogue *c, struct text id)
{
    return find(c->channels_index, &c->channels, id);
}

const struct channel *catalogue_channel_at(const struct catalogue *c, uint32_t number)
{
    return slots_get(&c->channels, number);
}

uint32_t catalogue_channels_count(const struct catalogue *c)
{
    return slots_count(&c->channels);
}

const struct channel *catalogue_channel_for_all(const struct catalogue *c)
{
    uint32_t number = atomic_load_explicit(&c->channel_for_all, memory_order_relaxed);
    return number == INDEX_NONE ? NULL : slots_get(&c->channels, number);
}

bool location_is_spoken_for_by(const struct location *l, struct text source)
{
    for (uint32_t i = 0; i < l->sources_count; i++) {
        struct text own = l->sources[i];
        bool begins = own.length && own.at[own.length - 1] == '*';
        size_t length = own.length - begins;
        if ((begins ? source.length >= length : source.length == length) &&
            (!length || memcmp(source.at, own.at, length) == 0))
            return true;
    }
    return !l->sources_count;
}

bool group_has(const struct group *g, uint32_t location)
{
    uint32_t low = 0, high = g->locations_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (g->sorted[middle] < location)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->locations_count && g->sorted[low] == location;
}

size_t catalogue_near(const struct catalogue *c, const struct near_question *q, struct near_place *ret,
                      size_t most)
{
    return nearby_find(&c->nearby, q, ret, most);
}

size_t catalogue_near_count(const struct catalogue *c)
{
    return nearby_count(&c->nearby);
}

uint64_t product_mark(struct text product)
{
    return product.length ? hash128(product.at, product.length, 0).low | 1 : 0;
}

size_t catalogue_variants(const struct catalogue *c, struct text product, uint32_t *ret, size_t most)
{
    return products_skus(&c->products, product, ret, most);
}

/* ---- changing ---- */

void catalogue_watch(struct catalogue *c, catalogue_before before, void *context)
{
    c->before = before;
    c->before_context = context;
}

static void tell_before(struct catalogue *c, enum catalogue_kind kind, uint32_t number)
{
    if (c->before)
        c->before(c->before_context, kind, number);
}

static void retire(struct catalogue *c, const void *object, void (*give_back)(void *object))
{
    if (object)
        epoch_retire(c->epoch, (void *)(uintptr_t)object, give_back);
}

/* A new object at the next number. ERROR_NOMEM: nobody has seen it. */
static int publish_new(struct slots *s, struct index *i, uint32_t number, struct text id, const void *object)
{
    if (!slots_reserve(s, number))
        return ERROR_NOMEM;
    slots_set(s, number, object);
    if (index_insert(i, number, id, hash_text(id), 0)) {
        slots_set(s, number, NULL);
        return ERROR_NOMEM;
    }
    slots_set_count(s, number + 1);
    return 0;
}

static void say(struct event_verdict *ret, enum verdict v, enum reason r)
{
    *ret = (struct event_verdict){.verdict = (uint8_t)v, .reason = (uint8_t)r};
}

/* What all kinds have in common: is it to be done at all? */
static bool is_due(const struct reference_said *r, const void *old, instant_t old_changed_at, instant_t at,
                   struct event_verdict *ret)
{
    if (!r->deleted && !r->decoded)
        say(ret, VERDICT_REJECTED, REASON_MALFORMED);
    else if (old && at < old_changed_at)
        say(ret, VERDICT_SUPERSEDED, REASON_OLDER);
    else
        return true;
    return false;
}

static bool is_placed(const struct location *l)
{
    return l && !l->deleted && l->has_position;
}

/* What a location's coming, going or moving does to the tree of places. */
static void place_anew(const struct catalogue *c, const struct location *old, const struct location *now,
                       struct nearby_change *ret)
{
    nearby_begin(&c->nearby, ret);
    if (is_placed(old) && is_placed(now) && sphere_chord2(&old->point, &now->point) == 0)
        return;
    if (is_placed(old))
        nearby_remove(ret, &old->point, old->number);
    if (is_placed(now))
        nearby_add(ret, &now->point, now->number);
}

/* Publishes a location, new (old NULL) or in another's place, with all that its coming or going means for
 * groups. Takes `object` over. */
static int publish_location(struct catalogue *c, struct location *object, const struct location *old)
{
    struct membership *m = &c->membership;
    uint32_t mention = membership_find(m, object->id);
    struct mention *named = mention == INDEX_NONE ? NULL : &m->mentions[mention];
    uint32_t before = named ? named->location : INDEX_NONE;
    uint32_t now = object->deleted ? INDEX_NONE : object->number;
    struct nearby_change nearby;
    place_anew(c, old, object, &nearby);
    int result = nearby.failed ? ERROR_NOMEM : membership_reserve(m, object->number + 1, 0);

    if (!result && named && before != now) {
        named->location = now;
        result = membership_prepare(m, mention, INDEX_NONE, NULL);
    }
    if (!result && !old)
        result = publish_new(&c->locations, c->locations_index, object->number, object->id, object);
    if (result) {
        if (named)
            named->location = before;
        membership_abandon(m);
        nearby_abandon(&nearby);
        free(object);
        return result;
    }
    if (old) {
        tell_before(c, CATALOGUE_LOCATION, old->number);
        slots_set(&c->locations, old->number, object);
        retire(c, old, location_free);
    }
    membership_commit(m);
    nearby_commit(&c->nearby, &nearby);
    return 0;
}

int catalogue_location_add(struct catalogue *c, struct text id, uint32_t most, uint32_t *ret_number,
                           bool *ret_new)
{
    uint32_t number = index_find(c->locations_index, id, hash_text(id));

    if (number == INDEX_NONE) {
        number = slots_count(&c->locations);
        if (number >= most || number >= LOCATIONS_LIMIT)
            return ERROR_LIMIT;
        struct location bare = {.number = number, .enabled = true, .id = id, .changed_at = INSTANT_NONE};
        struct location *object = location_copy(&bare);
        int result = object ? publish_location(c, object, NULL) : ERROR_NOMEM;
        if (result)
            return result;
        *ret_new = true;
    } else {
        *ret_new = false;
    }
    *ret_number = number;
    return 0;
}

int catalogue_put_location(struct catalogue *c, const struct reference_said *r, instant_t at,
                           uint64_t version, uint32_t most, struct event_verdict *ret)
{
    const struct location *old = catalogue_location(c, r->id);
    struct location now =
        r->decoded && !r->deleted ? *(const struct location *)r->decoded : (struct location){0};

    if (!is_due(r, old, old ? old->changed_at : 0, at, ret))
        return 0;
    now.number = old ? old->number : slots_count(&c->locations);
    if (now.number >= LOCATIONS_LIMIT || (!old && now.number >= most)) {
        say(ret, VERDICT_REJECTED, REASON_TOO_MANY_LOCATIONS);
        return 0;
    }
    now.id = r->id;
    now.document = r->deleted ? (struct text){0} : r->document;
    now.registered = !r->deleted;
    now.deleted = r->deleted;
    now.changed_at = at;
    now.version = version;
    struct location *object = location_copy(&now);
    int result = object ? publish_location(c, object, old) : ERROR_NOMEM;
    if (!result)
        say(ret, VERDICT_APPLIED, REASON_NONE);
    return result;
}

/* ---- groups ---- */

static void learn_mention(struct catalogue *c, uint32_t mention, struct text name)
{
    struct mention *named = &c->membership.mentions[mention];
    const struct location *l = catalogue_location(c, name);
    const struct group *g = catalogue_group(c, name);

    named->location = l && !l->deleted ? l->number : INDEX_NONE;
    named->group = g && !g->deleted ? g->number : INDEX_NONE;
    if (g)
        c->membership.links[g->number].own = mention;
}

/* The links of a group with these members: each mention once, in order of first mention. */
static int make_links(struct catalogue *c, const struct group *g, struct links *ret)
{
    struct membership *m = &c->membership;
    struct links l = {.own = INDEX_NONE};
    uint64_t stamp = ++m->mention_stamp;

    if (g->members_count && !(l.mentions = malloc(g->members_count * sizeof(*l.mentions))))
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < g->members_count; i++) {
        bool is_new;
        uint32_t mention = membership_intern(m, g->members[i], &is_new);
        if (mention == INDEX_NONE) {
            free(l.mentions);
            return ERROR_NOMEM;
        }
        if (is_new)
            learn_mention(c, mention, g->members[i]);
        if (m->mentions[mention].stamp == stamp)
            continue;
        m->mentions[mention].stamp = stamp;
        l.mentions[l.count++] = mention;
    }
    l.own = membership_find(m, g->id); /* it may name itself: a circle, and to be seen as one */
    *ret = l;
    return 0;
}

/* The group's links become `l` as long as the change is being prepared; called again with what it returned to
 * go back. */
static struct links swap_links(struct membership *m, uint32_t number, struct links l, bool alive)
{
    struct links before = m->links[number];

    m->links[number] = l;
    if (l.own != INDEX_NONE)
        m->mentions[l.own].group = alive ? number : INDEX_NONE;
    return before;
}

static int publish_group(struct catalogue *c, const struct group *draft, const struct group *old)
{
    struct membership *m = &c->membership;
    struct links now;
    membership_tidy(m);
    int result = membership_reserve(m, slots_count(&c->locations), draft->number + 1);
    if (!result)
        result = make_links(c, draft, &now);
    if (result)
        return result;
    struct links before = swap_links(m, draft->number, now, !draft->deleted);
    result = membership_prepare(m, now.own, draft->number, draft);
    if (!result)
        result = membership_link(m, draft->number, &now);
    if (!result && !old) { /* what is pending first is this group's object: committed below, in the place it
                              takes here */
        result = publish_new(&c->groups, c->groups_index, draft->number, draft->id, m->pending[0].object);
        if (result)
            membership_unlink(m, draft->number, &now);
    }
    if (result) {
        before.own = now.own;
        swap_links(m, draft->number, before, old && !old->deleted);
        membership_abandon(m);
        free(now.mentions);
        return result;
    }
    if (old) {
        tell_before(c, CATALOGUE_GROUP, old->number);
    }
    membership_unlink(m, draft->number, &before); /* a name in both was linked twice, and is once now */
    free(before.mentions);
    membership_commit(m);
    return 0;
}

int catalogue_put_group(struct catalogue *c, const struct reference_said *r, instant_t at, uint64_t version,
                        uint32_t most, struct event_verdict *ret)
{
    const struct group *old = catalogue_group(c, r->id);
    struct group now = r->decoded && !r->deleted ? *(const struct group *)r->decoded : (struct group){0};

    if (!is_due(r, old, old ? old->changed_at : 0, at, ret))
        return 0;
    now.number = old ? old->number : slots_count(&c->groups);
    if (now.number >= GROUPS_LIMIT || (!old && now.number >= most)) {
        say(ret, VERDICT_REJECTED, REASON_TOO_MANY_GROUPS);
        return 0;
    }
    now.id = r->id;
    now.document = r->deleted ? (struct text){0} : r->document;
    now.deleted = r->deleted;
    now.changed_at = at;
    now.version = version;
    int result = publish_group(c, &now, old);
    if (!result)
        say(ret, VERDICT_APPLIED, REASON_NONE);
    else if (result == ERROR_CONFLICT)
        say(ret, VERDICT_REJECTED, REASON_CYCLE);
    return result == ERROR_CONFLICT ? 0 : result;
}

/* ---- channels and items ---- */

static void notice_channel(struct catalogue *c, const struct channel *ch)
{
    if (text_equal(ch->id, TEXT("*")))
        atomic_store_explicit(&c->channel_for_all, ch->number, memory_order_relaxed);
}

int catalogue_put_channel(struct catalogue *c, const struct reference_said *r, instant_t at, uint64_t version,
                          uint32_t most, struct event_verdict *ret)
{
    const struct channel *old = catalogue_channel(c, r->id);
    struct channel now =
        r->decoded && !r->deleted ? *(const struct channel *)r->decoded : (struct channel){0};

    if (!is_due(r, old, old ? old->changed_at : 0, at, ret))
        return 0;
    now.number = old ? old->number : slots_count(&c->channels);
    if (now.number >= CHANNELS_LIMIT || (!old && now.number >= most)) {
        say(ret, VERDICT_REJECTED, REASON_TOO_MANY_CHANNELS);
        return 0;
    }
    now.id = r->id;
    now.document = r->deleted ? (struct text){0} : r->document;
    now.registered = !r->deleted;
    now.deleted = r->deleted;
    now.changed_at = at;
    now.version = version;
    struct channel *object = channel_copy(&now);
    if (!object)
        return ERROR_NOMEM;
    if (!old && publish_new(&c->channels, c->channels_index, now.number, object->id, object)) {
        free(object);
        return ERROR_NOMEM;
    }
    if (old) {
        tell_before(c, CATALOGUE_CHANNEL, old->number);
        slots_set(&c->channels, old->number, object);
        retire(c, old, free);
    }
    notice_channel(c, object);
    say(ret, VERDICT_APPLIED, REASON_NONE);
    return 0;
}

int catalogue_channel_add(struct catalogue *c, struct text id, uint32_t most, uint32_t *ret_number,
                          bool *ret_new)
{
    uint32_t number = index_find(c->channels_index, id, hash_text(id));
    *ret_new = number == INDEX_NONE;
    if (*ret_new) {
        number = slots_count(&c->channels);
        if (number >= most || number >= CHANNELS_LIMIT)
            return ERROR_LIMIT;
        struct channel bare = {.number = number, .id = id, .changed_at = INSTANT_NONE};
        struct channel *object = channel_copy(&bare);
        if (!object || publish_new(&c->channels, c->channels_index, number, object->id, object)) {
            free(object);
            return ERROR_NOMEM;
        }
    }
    *ret_number = number;
    return 0;
}

/* Whose variant an item is; empty: nobody's. */
static struct text product_of(const struct item *i)
{
    return i && !i->deleted ? i->product : (struct text){0};
}

/* Shows an item in the place of another (or of none). Takes `object` over. */
static int publish_item(struct catalogue *c, struct sku *sku, struct item *object, const struct item *old)
{
    struct text before = product_of(old), now = product_of(object);
    bool moves = !text_equal(before, now);

    if (moves && now.length && products_reserve(&c->products, now)) {
        free(object);
        return ERROR_NOMEM;
    }
    if (moves && now.length)
        products_add(&c->products, now, sku_number(sku));
    sku_set_item(sku, object);
    if (moves && before.length)
        products_remove(&c->products, before, sku_number(sku));
    retire(c, old, free);
    return 0;
}

int catalogue_put_item(struct catalogue *c, struct sku *sku, const struct reference_said *r, instant_t at,
                       uint64_t version, struct event_verdict *ret)
{
    const struct item *old = sku_item(sku);
    struct item now = r->decoded && !r->deleted ? *(const struct item *)r->decoded
                                                : (struct item){.step = 1, .release_at = INSTANT_NONE};

    if (!is_due(r, old, old ? old->changed_at : 0, at, ret))
        return 0;
    now.sku = sku_text(sku);
    now.document = r->deleted ? (struct text){0} : r->document;
    now.deleted = r->deleted;
    now.changed_at = at;
    now.version = version;
    struct item *object = item_copy(&now);
    if (!object)
        return ERROR_NOMEM;
    tell_before(c, CATALOGUE_ITEM, sku_number(sku));
    int result = publish_item(c, sku, object, old);
    if (!result)
        say(ret, VERDICT_APPLIED, REASON_NONE);
    return result;
}

/* ---- out of an image: objects come in any order, each at its number ---- */

static int restore(struct slots *s, struct index *i, uint32_t number, struct text id, const void *object)
{
    if (slots_get(s, number) || index_find(i, id, hash_text(id)) != INDEX_NONE)
        return ERROR_CORRUPT;
    uint32_t count = slots_count(s);
    int result = publish_new(s, i, number, id, object);
    if (!result && number + 1 < count)
        slots_set_count(s, count);
    return result;
}

int catalogue_restore_location(struct catalogue *c, const struct location *l)
{
    struct location *object = l->number < LOCATIONS_LIMIT ? location_copy(l) : NULL;

    if (!object)
        return l->number < LOCATIONS_LIMIT ? ERROR_NOMEM : ERROR_CORRUPT;
    struct nearby_change nearby;
    place_anew(c, NULL, object, &nearby);
    int result = nearby.failed ? ERROR_NOMEM : restore(&c->locations, c->locations_index, object->number, object->id, object);
    if (result) {
        nearby_abandon(&nearby);
        free(object);
        return result;
    }
    nearby_commit(&c->nearby, &nearby);
    return 0;
}

int catalogue_restore_group(struct catalogue *c, const struct group *g)
{
    struct group *object = g->number < GROUPS_LIMIT ? group_copy(g) : NULL;

    if (!object)
        return g->number < GROUPS_LIMIT ? ERROR_NOMEM : ERROR_CORRUPT;
    int result = restore(&c->groups, c->groups_index, object->number, object->id, object);
    if (result)
        free(object);
    return result;
}

int catalogue_restore_channel(struct catalogue *c, const struct channel *ch)
{
    struct channel *object = ch->number < CHANNELS_LIMIT ? channel_copy(ch) : NULL;

    if (!object)
        return ch->number < CHANNELS_LIMIT ? ERROR_NOMEM : ERROR_CORRUPT;
    int result = restore(&c->channels, c->channels_index, object->number, object->id, object);
    if (result)
        free(object);
    else
        notice_channel(c, object);
    return result;
}

int catalogue_restore_item(struct catalogue *c, struct sku *sku, const struct item *i)
{
    if (sku_item(sku))
        return ERROR_CORRUPT;
    struct item *object = item_copy(i);
    if (!object)
        return ERROR_NOMEM;
    return publish_item(c, sku, object, NULL);
}

static bool is_whole(const struct slots *s)
{
    for (uint32_t i = 0; i < slots_count(s); i++)
        if (!slots_get(s, i))
            return false;
    return true;
}

int catalogue_restore_finish(struct catalogue *c)
{
    struct membership *m = &c->membership;
    uint32_t groups = slots_count(&c->groups);

    if (!is_whole(&c->locations) || !is_whole(&c->groups) || !is_whole(&c->channels))
        return ERROR_CORRUPT;
    int result = membership_reserve(m, slots_count(&c->locations), groups);
    for (uint32_t i = 0; i < groups && !result; i++) {
        struct links l;
        const struct group *g = slots_get(&c->groups, i);
        result = make_links(c, g, &l);
        if (result)
            break;
        swap_links(m, i, l, !g->deleted);
        result = membership_link(m, i, &l);
    }
    if (!result)
        result = membership_resolve_all(m, groups);
    if (!result)
        membership_commit(m);
    return result == ERROR_CONFLICT ? ERROR_CORRUPT : result;
}
