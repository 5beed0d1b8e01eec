/* The listeners of one loop: found by what they asked for, told together, caught up one by one. */
#include "http/listeners.h"

#include <stdlib.h>

enum {
    LOOK_US = 10000,
    SLOTS_A_TIME = 512,
    SLOTS_A_LOOK = 16384, /* of the window before others have their turn */
    OWN_STANDS_MOST = 64, /* kits of those who are behind, at once */
    SLOTS_A_TURN = 4096,  /* the same of one listener that is behind */
    HEARINGS = 8,         /* channels whose hearing of one notice is kept */
    FIRST_CHAINS = 1024,
};

struct group_listened {
    uint32_t number;
    uint32_t listeners;
};

struct kit_watch { /* a kit that somebody who is live asked for */
    struct kit_stand *stand;
    size_t users;
    bool touched;
    bool lost; /* it does not stand where the others are any more: to be made anew */
    struct kit_watch *touched_next;
    struct kit_watch *next, *previous; /* of the loop */
    struct subscription parts[];
};

struct listeners {
    struct loop *loop;
    struct listener *first, *last; /* who was written to last is last */
    struct listener *ready, **ready_last;
    size_t count, unknown_count, waiting_count;
    bool whole;             /* the last look came to the end: the cursor stands between records */
    uint64_t record_cursor; /* where the record at hand begins */
    uint64_t record_offset;
    struct kit_watch *kits, *touched;
    size_t own_stands;                      /* of those who are behind */
    bool kits_changed;                      /* who asked for which may be another */
    uint64_t cursor;                        /* of all who are live */
    uint64_t reached;                       /* all records before it are told to them */
    uint64_t skus_looked, locations_looked; /* how many there were when unknown names were looked for */
    struct key_set *keys;                   /* the loop's, at the last look */
    struct subscription **chains;           /* by key */
    size_t chains_count, subscriptions_count;
    struct group_listened *groups;
    size_t groups_count;
    struct hearing hearings[HEARINGS];
    size_t hearings_count;
    struct window_slot slots[SLOTS_A_TIME];
    struct notice notice, kit_notice;
};

static const struct view *view_of(const struct listener *n)
{
    return n->loop->http->options.view;
}

static const struct window *window_of(const struct loop *l)
{
    return l->http->options.window;
}

/* ---- who is found by what ---- */

static uint64_t key_of(enum dimension d, uint32_t number)
{
    return (uint64_t)d << 32 | number;
}

static struct subscription **chain_of(const struct listeners *l, uint64_t key)
{
    uint64_t hash = key * 0x9E3779B97F4A7C15u;
    return &l->chains[(hash >> 32) & (l->chains_count - 1)];
}

static void chain(struct listeners *l, struct subscription *s)
{
    struct subscription **at = chain_of(l, s->key);

    s->previous = NULL;
    s->next = *at;
    if (s->next)
        s->next->previous = s;
    *at = s;
}

/* Chains stay short; without memory they grow longer, that is all. */
static void grow_chains(struct listeners *l)
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
            chain(l, s);
        }
    free(old);
}

static void subscribe(struct listeners *l, struct listener *n, size_t i, enum dimension d, uint32_t number)
{
    struct subscription *s = &n->subscriptions[i];

    s->listener = n;
    s->key = key_of(d, number);
    l->subscriptions_count++;
    grow_chains(l);
    chain(l, s);
}

static void unsubscribe(struct listeners *l, struct subscription *s)
{
    if (!s->key)
        return;
    if (s->next)
        s->next->previous = s->previous;
    *(s->previous ? &s->previous->next : chain_of(l, s->key)) = s->next;
    l->subscriptions_count--;
    s->key = 0;
}

static int group_join(struct listeners *l, uint32_t number)
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

static void group_leave(struct listeners *l, uint32_t number)
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
    subscribe(l, n, i, BY_SKU, w->number);
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
    if (!n->skus_count)
        subscribe(l, n, i, BY_LOCATION, w->number);
}

static void find_names(struct listeners *l, struct listener *n)
{
    for (size_t i = 0; i < n->skus_count && n->unknown_count; i++)
        find_sku(l, n, i);
    for (size_t i = 0; i < n->locations_count && n->unknown_count; i++)
        find_location(l, n, i);
}

/* Before the window is read: what a notice there names is known by then. */
static void find_unknown(struct listeners *l)
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
            find_names(l, n);
}

/* ---- filters ---- */

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

static bool wants_row(const struct listener *n, uint32_t sku, uint32_t location)
{
    return (!n->skus_count || lets_through(n->skus, n->skus_count, sku)) && wants_location(n, location);
}

static bool wants_reservation(const struct listener *n, const struct notice *t)
{
    bool all = !n->skus_count && !n->locations_count && !n->has_group, any = all;

    if (n->has_channel && n->channel != t->number)
        return false;
    for (size_t i = 0; i < t->lines_count && !any; i++)
        any = wants_row(n, (uint32_t)(t->lines[i] >> 32), (uint32_t)t->lines[i]);
    return any;
}

/* Silence is a location's: who asks about items hears of it when it asks for that. */
static bool wants(const struct listener *n, const struct notice *t)
{
    if (t->kind == NOTICE_ROW || t->kind == NOTICE_KIT)
        return wants_row(n, t->sku, t->location);
    if (t->kind == NOTICE_SILENCE)
        return n->tells & 1u << TELL_STALE && (!n->skus_count || n->says_tells) &&
               wants_location(n, t->location);
    return n->tells & 1u << TELL_RESERVATION && wants_reservation(n, t);
}

static const struct channel *channel_of(const struct listener *n)
{
    return n->has_channel ? catalogue_channel_at(view_of(n)->catalogue, n->channel) : NULL;
}

static bool has_rules(const struct listener *n)
{
    struct rules r = rules_of(view_of(n)->catalogue, channel_of(n));
    return rules_any(&r);
}

static bool rules_name_groups(const struct listener *n)
{
    struct rules r = rules_of(view_of(n)->catalogue, channel_of(n));
    return (r.own && r.own->rules_name_groups) || (r.all && r.all->rules_name_groups);
}

/* May what it is shown be another because of this, although no row is? */
static bool is_touched(const struct listener *n, const struct notice *t)
{
    switch (t->kind) {
    case NOTICE_ITEM:
        return !n->skus_count || lets_through(n->skus, n->skus_count, t->sku);
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

/* ---- kits ---- */

static const struct item *kit_of(const struct listener *n, size_t i)
{
    const struct wanted *w = &n->skus[i];
    const struct item *item = w->known ? item_of(table_sku(view_of(n)->table, w->number)) : NULL;

    return item && item->components_count ? item : NULL;
}

static void watch_drop(struct listeners *l, struct kit_watch *k)
{
    if (--k->users)
        return;
    for (struct kit_watch **at = &l->touched; *at && k->touched; at = &(*at)->touched_next)
        if (*at == k) {
            *at = k->touched_next;
            break;
        }
    for (size_t i = 0; i < kit_stand_parts(k->stand); i++)
        unsubscribe(l, &k->parts[i]);
    if (k->next)
        k->next->previous = k->previous;
    *(k->previous ? &k->previous->next : &l->kits) = k->next;
    kit_stand_destroy(k->stand);
    free(k);
}

/* Its kits are told to it no more, neither with the others nor by itself. */
static void leave_kits(struct listeners *l, struct listener *n)
{
    for (size_t i = 0; i < n->subscriptions_count; i++) {
        if (n->subscriptions[i].watch)
            watch_drop(l, n->subscriptions[i].watch);
        n->subscriptions[i].watch = NULL;
    }
    for (size_t i = 0; i < n->stands_count; i++)
        kit_stand_destroy(n->stands[i]);
    l->own_stands -= n->stands_count;
    free(n->stands);
    n->stands = NULL;
    n->stands_count = 0;
    n->stands_made = false;
}

/* Components of all its kits, as they stood where it is. */
static int make_stands(struct listeners *l, struct listener *n)
{
    size_t kits = 0;
    int error = 0;

    for (size_t i = 0; i < n->skus_count; i++)
        kits += kit_of(n, i) != NULL;
    if (l->own_stands && l->own_stands + kits > OWN_STANDS_MOST)
        return ERROR_BUSY;
    n->stands = calloc(kits ? kits : 1, sizeof(*n->stands));
    if (!n->stands)
        return ERROR_NOMEM;
    for (size_t i = 0; i < n->skus_count && !error; i++) {
        if (!kit_of(n, i))
            continue;
        error =
            kit_stand_create(view_of(n), window_of(n->loop), n->cursor,
                             table_sku(view_of(n)->table, n->skus[i].number), &n->stands[n->stands_count]);
        n->stands_count += !error;
        l->own_stands += !error;
    }
    n->stands_made = !error;
    if (error)
        leave_kits(l, n);
    return error;
}

static struct kit_watch *watch_of(const struct listeners *l, uint32_t kit)
{
    struct kit_watch *k = l->kits;

    while (k && kit_stand_kit(k->stand) != kit)
        k = k->next;
    return k;
}

/* One that nobody had yet is everybody's from now on: it stands where the others are. */
static struct kit_watch *watch_add(struct listeners *l, struct kit_stand *stand)
{
    size_t parts = kit_stand_parts(stand);
    struct kit_watch *k = calloc(1, sizeof(*k) + parts * sizeof(k->parts[0]));

    if (!k)
        return NULL;
    k->stand = stand;
    k->next = l->kits;
    if (k->next)
        k->next->previous = k;
    l->kits = k;
    for (size_t i = 0; i < parts; i++) {
        k->parts[i].watch = k;
        if (kit_stand_part(stand, i) == UINT32_MAX)
            continue;
        k->parts[i].key = key_of(BY_PART, kit_stand_part(stand, i));
        l->subscriptions_count++;
        grow_chains(l);
        chain(l, &k->parts[i]);
    }
    return k;
}

static struct kit_stand *own_stand(const struct listener *n, uint32_t kit)
{
    for (size_t i = 0; i < n->stands_count; i++)
        if (n->stands[i] && kit_stand_kit(n->stands[i]) == kit)
            return n->stands[i];
    return NULL;
}

static void forget_stand(struct listener *n, const struct kit_stand *stand)
{
    for (size_t i = 0; i < n->stands_count; i++)
        if (n->stands[i] == stand)
            n->stands[i] = NULL;
}

/* From its own to the others'. False: a kit is another than when it began, or memory ran out: it begins with
 * them anew where it is. */
static bool give_stands(struct listeners *l, struct listener *n)
{
    bool given = true;

    n->has_kits = false;
    for (size_t i = 0; i < n->skus_count && given; i++) {
        const struct item *item = kit_of(n, i);
        if (!item)
            continue;
        n->has_kits = true;
        struct kit_stand *own = own_stand(n, n->skus[i].number);
        struct kit_watch *k = watch_of(l, n->skus[i].number);
        if (k && (k->lost || kit_stand_version(k->stand) != item->version))
            k = NULL; /* the others find out themselves */
        if (!k && own && kit_stand_version(own) == item->version) {
            k = watch_add(l, own);
            if (k)
                forget_stand(n, own);
        }
        given = k != NULL;
        if (k) {
            k->users++;
            n->subscriptions[i].watch = k;
        }
    }
    if (!given) {
        leave_kits(l, n);
        return false;
    }
    for (size_t i = 0; i < n->stands_count; i++)
        kit_stand_destroy(n->stands[i]);
    l->own_stands -= n->stands_count;
    free(n->stands);
    n->stands = NULL;
    n->stands_count = 0;
    n->stands_made = false;
    return true;
}

/* Does it hear of just the kits that it asked for, as they are now? */
static bool kits_are_right(const struct listener *n)
{
    for (size_t i = 0; i < n->skus_count; i++) {
        const struct item *item = kit_of(n, i);
        const struct kit_watch *k = n->subscriptions[i].watch;
        if (!item != !k || (k && (k->lost || kit_stand_version(k->stand) != item->version)))
            return false;
        for (size_t p = 0; k && p < kit_stand_parts(k->stand); p++) {
            struct text name = item->components[p].sku;
            if (!k->parts[p].key && table_find(view_of(n)->table, name))
                return false; /* a component became known */
        }
    }
    return true;
}

static void set_waiting(struct listeners *l, struct listener *n, bool waits)
{
    l->waiting_count += (size_t)waits - (size_t)n->waits;
    n->waits = waits;
}

/* An item is another, or a name became known: whose kits are others begins with them anew, where all are. */
static void look_at_kits(struct listeners *l)
{
    l->kits_changed = false;
    for (struct listener *n = l->first; n; n = n->next) {
        if (n->behind || !n->skus_count || kits_are_right(n))
            continue;
        leave_kits(l, n);
        n->has_kits = n->behind = true;
        n->cursor = l->cursor;
        set_waiting(l, n, true);
    }
}

/* ---- telling ---- */

static void make_ready(struct listeners *l, struct listener *n)
{
    if (n->is_ready)
        return;
    n->is_ready = true;
    n->ready_next = NULL;
    *l->ready_last = n;
    l->ready_last = &n->ready_next;
}

/* Ends the event that is open: with its id, when its record has nothing more for this listener. */
static void end_event(struct listener *n, bool with_id)
{
    if (!n->open)
        return;
    n->open = false;
    if (with_id) {
        id_write(&n->ready, view_of(n), n->open_offset);
        n->last_offset = n->open_offset;
    } else {
        buffer_byte(&n->ready, '\n');
    }
}

static void add_event(struct listener *n, const char *bytes, size_t length, uint64_t offset)
{
    end_event(n, n->open_offset != offset);
    buffer_add(&n->ready, bytes, length);
    n->open = true;
    n->open_offset = offset;
    count(n->loop, METRIC_CHANGES_TOLD, 1);
}

static const struct hearing *hearing_of(struct listeners *l, const struct listener *n, const struct notice *t)
{
    bool by_channel = (t->kind == NOTICE_ROW || t->kind == NOTICE_KIT) && n->has_channel;
    uint32_t channel = by_channel ? n->channel : CHANNEL_POOL;
    size_t i = 0;

    while (i < l->hearings_count && l->hearings[i].channel != channel)
        i++;
    if (i < l->hearings_count)
        return &l->hearings[i];
    if (i == HEARINGS)
        i--;
    else
        l->hearings_count++;
    l->hearings[i].channel = channel;
    hearing_write(&l->hearings[i], view_of(n), t, channel == CHANNEL_POOL ? NULL : channel_of(n));
    return &l->hearings[i];
}

static void tell(struct listeners *l, struct listener *n, const struct notice *t)
{
    const struct hearing *h = hearing_of(l, n, t);
    uint32_t tells = h->tells & n->tells;

    n->ready.failed |= h->bytes.failed;
    for (unsigned i = 0; tells >> i; i++)
        if (tells & 1u << i)
            add_event(n, h->bytes.at + h->event[i].at, h->event[i].length, t->offset);
}

static void tell_refresh(struct listener *n, const struct notice *t)
{
    struct buffer b = {0};

    refresh_write(&b, view_of(n), t);
    n->ready.failed |= b.failed;
    if (!b.failed)
        add_event(n, b.at, b.length, t->offset);
    buffer_finish(&b);
}

/* One notice to one listener. */
static void hear(struct listeners *l, struct listener *n, const struct notice *t)
{
    if (n->skips && t->offset <= n->after_offset)
        return;
    bool is_scope = t->kind >= NOTICE_ITEM && t->kind <= NOTICE_CHANNEL;
    if ((is_scope || t->kind == NOTICE_SILENCE) && is_touched(n, t))
        tell_refresh(n, t);
    if (!is_scope && wants(n, t))
        tell(l, n, t);
}

static void fall_behind(struct listeners *l, struct listener *n, uint64_t cursor)
{
    n->behind = true;
    n->cursor = cursor;
    leave_kits(l, n);
}

/* What a record did to its own kits. */
static void hear_kits(struct listeners *l, struct listener *n)
{
    for (size_t i = 0; i < n->stands_count; i++)
        while (kit_stand_next(n->stands[i], &l->kit_notice)) {
            l->hearings_count = 0;
            hear(l, n, &l->kit_notice);
        }
}

static void hear_of_parts(struct listeners *l, struct listener *n, const struct notice *t)
{
    if (t->offset != n->kits_offset)
        hear_kits(l, n);
    n->kits_offset = t->offset;
    for (size_t i = 0; i < n->stands_count; i++)
        n->ready.failed |= kit_stand_take(n->stands[i], t) != 0;
}

/* The same to one who is live: who does not take what is written is behind from here on. */
static void offer(struct listeners *l, struct listener *n, const struct notice *t, uint64_t cursor)
{
    if (n->behind || (n->seen == cursor + 1 && t->kind != NOTICE_KIT))
        return;
    n->seen = cursor + 1;
    if (n->ready.length >= LISTENER_READY_BYTES_MOST) {
        fall_behind(l, n, n->has_kits ? l->record_cursor : cursor); /* a kit needs all of a record */
        count(l->loop, METRIC_LISTENERS_BEHIND, 1);
        return;
    }
    size_t before = n->ready.length;
    hear(l, n, t);
    if (n->ready.length != before || n->ready.failed)
        make_ready(l, n);
}

static void offer_chain(struct listeners *l, uint64_t key, const struct notice *t, uint64_t cursor)
{
    for (struct subscription *s = *chain_of(l, key); s; s = s->next)
        if (s->key == key)
            offer(l, s->listener, t, cursor);
}

static void offer_row(struct listeners *l, uint32_t sku, uint32_t location, const struct notice *t,
                      uint64_t cursor)
{
    offer_chain(l, key_of(BY_SKU, sku), t, cursor);
    offer_chain(l, key_of(BY_LOCATION, location), t, cursor);
    for (size_t i = 0; i < l->groups_count; i++) {
        const struct group *g =
            catalogue_group_at(l->loop->http->options.view->catalogue, l->groups[i].number);
        if (g && group_has(g, location))
            offer_chain(l, key_of(BY_GROUP, l->groups[i].number), t, cursor);
    }
}

static void offer_all(struct listeners *l, const struct notice *t, uint64_t cursor)
{
    for (struct listener *n = l->first; n; n = n->next)
        offer(l, n, t, cursor);
}

static void touch_kits(struct listeners *l, const struct notice *t)
{
    uint64_t key = key_of(BY_PART, t->sku);

    for (struct subscription *s = *chain_of(l, key); s; s = s->next) {
        if (s->key != key)
            continue;
        l->kits_changed |=
            kit_stand_take(s->watch->stand, t) != 0; /* made anew, or whoever needs it is cut */
        if (s->watch->touched)
            continue;
        s->watch->touched = true;
        s->watch->touched_next = l->touched;
        l->touched = s->watch;
    }
}

/* The record at hand is over: what it did to kits. */
static void announce_kits(struct listeners *l)
{
    for (struct kit_watch *k; (k = l->touched);) {
        l->touched = k->touched_next;
        k->touched = false;
        while (kit_stand_next(k->stand, &l->kit_notice)) {
            l->hearings_count = 0;
            offer_chain(l, key_of(BY_SKU, l->kit_notice.sku), &l->kit_notice, l->record_cursor);
        }
    }
}

static void begin_record(struct listeners *l, uint64_t offset, uint64_t cursor)
{
    if (l->record_offset == offset)
        return;
    announce_kits(l);
    l->record_offset = offset;
    l->record_cursor = cursor;
}

static void announce(struct listeners *l, const struct notice *t, uint64_t cursor)
{
    begin_record(l, t->offset, cursor);
    l->hearings_count = 0;
    l->kits_changed |= t->kind == NOTICE_ITEM;
    if (t->kind == NOTICE_ROW && l->kits)
        touch_kits(l, t);
    if (t->kind == NOTICE_ROW) {
        offer_row(l, t->sku, t->location, t, cursor);
        offer_chain(l, key_of(BY_NOTHING, 0), t, cursor);
    } else if (t->kind == NOTICE_RESERVATION) {
        for (size_t i = 0; i < t->lines_count; i++)
            offer_row(l, (uint32_t)(t->lines[i] >> 32), (uint32_t)t->lines[i], t, cursor);
        offer_chain(l, key_of(BY_NOTHING, 0), t, cursor);
    } else {
        offer_all(l, t, cursor);
    }
}

/* ---- going through the window ---- */

void listeners_missed(struct listener *n)
{
    const struct http_options *o = &n->loop->http->options;
    uint64_t reached = n->loop->listeners->reached;

    end_event(n, false);
    missed_write(&n->ready, o->view, o->window);
    n->last_offset = reached ? reached - 1 : 0;
    id_write(&n->ready, o->view, n->last_offset);
    count(n->loop, METRIC_LISTENERS_TOO_OLD, 1);
}

/* The whole window was written over since the last look. */
static void all_missed(struct listeners *l)
{
    l->reached = window_shown(window_of(l->loop));
    l->cursor = window_newest(window_of(l->loop));
    for (struct listener *n = l->first; n; n = n->next)
        if (!n->behind) {
            listeners_missed(n);
            make_ready(l, n);
        }
    l->kits_changed = true;
    for (struct kit_watch *k = l->kits; k; k = k->next)
        k->lost = true;
}

/* Tells all who are live; true when they have come to the end. */
static bool tell_live(struct listeners *l)
{
    const struct window *w = window_of(l->loop);
    uint64_t shown = window_shown(w), end = window_newest(w);
    size_t looked = 0;

    find_unknown(l);
    while (l->cursor < end && looked < SLOTS_A_LOOK) {
        uint64_t left = end - l->cursor, at = l->cursor;
        int got = window_read(w, &l->cursor, l->slots, left < SLOTS_A_TIME ? (size_t)left : SLOTS_A_TIME);
        if (got < 0) {
            all_missed(l);
            end = l->cursor;
            break;
        }
        for (int i = 0; i < got;) {
            size_t used = notice_read(&l->slots[i], &l->notice);
            announce(l, &l->notice, at);
            i += (int)used;
            at += used;
        }
        looked += (size_t)got;
    }
    l->whole = l->cursor >= end;
    if (!l->whole)
        return false;
    announce_kits(l);
    if (l->kits_changed)
        look_at_kits(l);
    l->reached = l->reached > shown ? l->reached : shown;
    for (struct listener *n = l->ready; n; n = n->ready_next)
        if (!n->behind)
            end_event(n, true); /* whole records only are shown */
    return true;
}

/* Some of the window, to one who is behind. False: it fell out. */
static bool hear_some(struct listeners *l, struct listener *n)
{
    size_t looked = 0;

    while (n->cursor < l->cursor && looked < SLOTS_A_TURN && n->ready.length < LISTENER_READY_BYTES_MOST) {
        uint64_t left = l->cursor - n->cursor;
        int got = window_read(window_of(n->loop), &n->cursor, l->slots,
                              left < SLOTS_A_TIME ? (size_t)left : SLOTS_A_TIME);
        if (got < 0)
            return false;
        for (int i = 0; i < got;) {
            i += (int)notice_read(&l->slots[i], &l->notice);
            if (n->stands_count)
                hear_of_parts(l, n, &l->notice);
            l->hearings_count = 0;
            hear(l, n, &l->notice);
        }
        looked += (size_t)got;
    }
    return true;
}

/* It has heard all that the others have. */
static void become_live(struct listeners *l, struct listener *n)
{
    if (n->stands_count)
        hear_kits(l, n);
    if (n->has_kits && !give_stands(l, n))
        return; /* a kit is another now, or there is no memory */
    n->behind = false;
    n->seen = 0;
    end_event(n, l->reached > n->open_offset);
}

bool listeners_catch_up(struct listener *n)
{
    struct listeners *l = n->loop->listeners;
    int error = n->has_kits && !n->stands_made ? make_stands(l, n) : 0;

    set_waiting(l, n, error == ERROR_BUSY);
    if (error == ERROR_BUSY)
        return true;
    if (error == ERROR_CLOSED || !hear_some(l, n))
        return false;
    n->ready.failed |= error != 0;
    if (n->cursor >= l->cursor && l->whole)
        become_live(l, n);
    set_waiting(l, n, n->behind && n->cursor >= l->cursor);
    return true;
}

uint64_t listeners_reached(const struct listener *n)
{
    return n->loop->listeners->reached;
}

/* ---- the loop's look ---- */

/* Whose last event may go on with the next look is written to then. */
static void write_ready(struct listeners *l)
{
    struct listener *n = l->ready, *next;

    l->ready = NULL;
    l->ready_last = &l->ready;
    for (; n; n = next) {
        next = n->ready_next;
        n->is_ready = false;
        if (n->open && !n->behind)
            make_ready(l, n);
        else
            connection_resume(n->connection); /* not while something is unsent: then when it is not */
    }
}

static void write_waiting(struct listeners *l)
{
    for (struct listener *n = l->first, *next; n && l->waiting_count; n = next) {
        next = n->next;
        if (n->waits)
            connection_resume(n->connection);
    }
}

static void write_all(struct listeners *l)
{
    for (struct listener *n = l->first, *next; n; n = next) {
        next = n->next;
        connection_resume(n->connection);
    }
}

static void beat(struct listeners *l)
{
    struct listener *last = l->last, *n = l->first, *next;

    for (; n && n->heartbeat_us <= l->loop->now_us; n = next) {
        next = n == last ? NULL : n->next;
        connection_resume(n->connection);
    }
}

void listeners_tell(struct loop *loop)
{
    struct listeners *l = loop->listeners;

    if (!l || !l->count)
        return;
    bool others = loop->keys != l->keys;
    l->keys = loop->keys;
    epoch_enter(loop->reader);
    bool done = tell_live(l);
    epoch_exit(loop->reader);
    write_ready(l);
    write_waiting(l);
    beat(l);
    if (loop->stopping || others)
        write_all(l);
    if (l->count)
        watch_timer(&loop->listen, done ? LOOK_US : 0);
}

/* ---- coming and going ---- */

static struct listeners *listeners_of(struct loop *loop)
{
    struct listeners *l = loop->listeners;

    if (l)
        return l;
    l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->chains = calloc(FIRST_CHAINS, sizeof(struct subscription *));
    if (!l->chains) {
        free(l);
        return NULL;
    }
    l->chains_count = FIRST_CHAINS;
    l->loop = loop;
    l->ready_last = &l->ready;
    loop->listeners = l;
    return l;
}

void listeners_destroy(struct listeners *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < HEARINGS; i++)
        buffer_finish(&l->hearings[i].bytes);
    free(l->chains);
    free(l->groups);
    free(l);
}

static void enlist(struct listeners *l, struct listener *n)
{
    n->next = NULL;
    n->previous = l->last;
    *(l->last ? &l->last->next : &l->first) = n;
    l->last = n;
}

static void delist(struct listeners *l, struct listener *n)
{
    *(n->next ? &n->next->previous : &l->last) = n->previous;
    *(n->previous ? &n->previous->next : &l->first) = n->next;
}

void listeners_written(struct listener *n)
{
    struct listeners *l = n->loop->listeners;

    delist(l, n);
    enlist(l, n);
}

/* By SKUs, else by locations, else by its group, else by nothing: one way only. */
static int subscribe_all(struct listeners *l, struct listener *n)
{
    size_t most = n->skus_count ? n->skus_count : n->locations_count ? n->locations_count : 1;

    n->subscriptions = calloc(most, sizeof(*n->subscriptions));
    if (!n->subscriptions)
        return ERROR_NOMEM;
    n->subscriptions_count = most;
    if (!n->skus_count && !n->locations_count) {
        if (n->has_group && group_join(l, n->group))
            return ERROR_NOMEM;
        subscribe(l, n, 0, n->has_group ? BY_GROUP : BY_NOTHING, n->has_group ? n->group : 0);
    }
    n->unknown_count = n->skus_count + n->locations_count;
    l->unknown_count += n->unknown_count;
    find_names(l, n);
    l->skus_looked = l->locations_looked = 0;
    return 0;
}

int listeners_join(struct listener *n)
{
    struct listeners *l = listeners_of(n->loop);
    const struct window *w = window_of(n->loop);

    if (!l)
        return ERROR_NOMEM;
    if (!l->count) { /* nobody listened: nobody looked */
        l->reached = window_shown(w);
        l->cursor = window_newest(w);
        l->keys = n->loop->keys;
        l->whole = true;
        l->record_cursor = l->cursor;
        l->record_offset = UINT64_MAX;
    }
    if (subscribe_all(l, n)) {
        free(n->subscriptions);
        n->subscriptions = NULL;
        return ERROR_NOMEM;
    }
    l->count++;
    enlist(l, n);
    n->last_offset = l->reached ? l->reached - 1 : 0;
    if (n->skips && !n->missed)
        n->missed = !window_after(w, n->after_offset, &n->cursor);
    if (n->missed)
        listeners_missed(n);
    n->behind = n->skips && !n->missed && n->cursor < l->cursor;
    n->skips = n->skips && !n->missed;
    for (size_t i = 0; i < n->skus_count && !n->has_kits; i++)
        n->has_kits = kit_of(n, i) != NULL;
    if (n->has_kits && !n->behind) { /* it begins where the others are, with its kits to itself */
        n->behind = true;
        n->cursor = l->cursor;
    }
    if (n->skips)
        n->last_offset = n->after_offset;
    watch_timer(&n->loop->listen, LOOK_US);
    return 0;
}

static void leave_ready(struct listeners *l, struct listener *n)
{
    struct listener **at = &l->ready;

    if (!n->is_ready)
        return;
    while (*at != n)
        at = &(*at)->ready_next;
    *at = n->ready_next;
    if (l->ready_last == &n->ready_next)
        l->ready_last = at;
}

void listeners_leave(struct listener *n)
{
    struct listeners *l = n->loop->listeners;

    leave_ready(l, n);
    leave_kits(l, n);
    set_waiting(l, n, false);
    for (size_t i = 0; i < n->subscriptions_count; i++)
        unsubscribe(l, &n->subscriptions[i]);
    if (n->has_group && !n->skus_count && !n->locations_count)
        group_leave(l, n->group);
    l->unknown_count -= n->unknown_count;
    l->count--;
    delist(l, n);
    free(n->subscriptions);
}
