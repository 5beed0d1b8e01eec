/* Tells notices to listeners: written down once for each channel, copied to each who asked for it. */
#include "http/listeners_internal.h"

void listener_make_ready(struct listeners *l, struct listener *n)
{
    if (n->is_ready)
        return;
    n->is_ready = true;
    n->ready_next = NULL;
    *l->ready_last = n;
    l->ready_last = &n->ready_next;
}

/* Ends the event that is open: with its id, when its record has nothing more for this listener. */
void listener_end_event(struct listener *n, bool with_id)
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
    listener_end_event(n, n->open_offset != offset);
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
    hearing_write(&l->hearings[i], view_of(n), t, channel == CHANNEL_POOL ? NULL : filter_channel(n));
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

/* Kits are found when somebody comes: is one among its products' variants that was not, or no more? Nothing
 * else is in that record, so it is told all of it. */
static void end_when_kits_are_others(struct listener *n, const struct notice *t)
{
    const struct sku *sku = table_sku(view_of(n)->table, t->sku);
    const struct item *item = sku ? item_of(sku) : NULL;
    bool is = item && item->components_count && filter_is_of_product(n, product_mark_of(item));
    bool was = false;

    for (size_t i = 0; i < n->skus_count; i++)
        if (n->skus[i].known && n->skus[i].number == t->sku) {
            if (i < n->said_skus_count)
                return; /* it is told by its own name */
            was = true;
        }
    if (is == was)
        return;
    listener_end_event(n, true);
    n->ends = true;
}

/* One notice to one listener. */
void listener_hear(struct listeners *l, struct listener *n, const struct notice *t)
{
    if (n->ends || (n->skips && t->offset <= n->after_offset))
        return;
    bool is_scope = t->kind >= NOTICE_ITEM && t->kind <= NOTICE_CHANNEL;
    if ((is_scope || t->kind == NOTICE_SILENCE) && filter_is_touched(n, t))
        tell_refresh(n, t);
    if (t->kind == NOTICE_ITEM && n->products_count)
        end_when_kits_are_others(n, t);
    if (!is_scope && filter_wants(n, t))
        tell(l, n, t);
}

static void fall_behind(struct listeners *l, struct listener *n, uint64_t cursor)
{
    n->behind = true;
    n->cursor = cursor;
    listener_leave_kits(l, n);
}

/* What a record did to its own kits. */
void listener_hear_kits(struct listeners *l, struct listener *n)
{
    for (size_t i = 0; i < n->stands_count; i++)
        while (kit_stand_next(n->stands[i], &l->kit_notice)) {
            l->hearings_count = 0;
            listener_hear(l, n, &l->kit_notice);
        }
}

void listener_hear_of_parts(struct listeners *l, struct listener *n, const struct notice *t)
{
    if (t->offset != n->kits_offset)
        listener_hear_kits(l, n);
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
    listener_hear(l, n, t);
    if (n->ready.length != before || n->ready.failed || n->ends)
        listener_make_ready(l, n);
}

static void offer_chain(struct listeners *l, uint64_t key, const struct notice *t, uint64_t cursor)
{
    for (struct subscription *s = *index_chain_of(l, key); s; s = s->next)
        if (s->key == key)
            offer(l, s->listener, t, cursor);
}

static void offer_row(struct listeners *l, uint32_t sku, uint32_t location, const struct notice *t,
                      uint64_t cursor)
{
    const struct view *v = l->loop->http->options.view;
    const struct sku *of = l->products_count ? table_sku(v->table, sku) : NULL;
    uint64_t product = of ? product_mark_of(item_of(of)) : 0;

    offer_chain(l, key_of(BY_SKU, sku), t, cursor);
    offer_chain(l, key_of(BY_LOCATION, location), t, cursor);
    if (product)
        offer_chain(l, key_of(BY_PRODUCT, (uint32_t)product), t, cursor);
    for (size_t i = 0; i < l->groups_count; i++) {
        const struct group *g = catalogue_group_at(v->catalogue, l->groups[i].number);
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

    for (struct subscription *s = *index_chain_of(l, key); s; s = s->next) {
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
void listeners_announce_kits(struct listeners *l)
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
    listeners_announce_kits(l);
    l->record_offset = offset;
    l->record_cursor = cursor;
}

void listeners_announce(struct listeners *l, const struct notice *t, uint64_t cursor)
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
