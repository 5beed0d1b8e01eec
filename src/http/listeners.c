/* The listeners of one loop: told together, caught up one by one. */
#include "http/listeners_internal.h"

#include <stdlib.h>

/* ---- going through the window ---- */

void listeners_missed(struct listener *n)
{
    const struct http_options *o = &n->loop->http->options;
    uint64_t reached = n->loop->listeners->reached;

    listener_end_event(n, false);
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
            listener_make_ready(l, n);
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

    index_find_unknown(l);
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
            listeners_announce(l, &l->notice, at);
            i += (int)used;
            at += used;
        }
        looked += (size_t)got;
    }
    l->whole = l->cursor >= end;
    if (!l->whole)
        return false;
    listeners_announce_kits(l);
    if (l->kits_changed)
        listeners_look_at_kits(l);
    l->reached = l->reached > shown ? l->reached : shown;
    for (struct listener *n = l->ready; n; n = n->ready_next)
        if (!n->behind)
            listener_end_event(n, true); /* whole records only are shown */
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
                listener_hear_of_parts(l, n, &l->notice);
            l->hearings_count = 0;
            listener_hear(l, n, &l->notice);
        }
        looked += (size_t)got;
    }
    return true;
}

/* It has heard all that the others have. */
static void become_live(struct listeners *l, struct listener *n)
{
    if (n->stands_count)
        listener_hear_kits(l, n);
    if (n->has_kits && !listener_give_stands(l, n))
        return; /* a kit is another now, or there is no memory */
    n->behind = false;
    n->seen = 0;
    listener_end_event(n, l->reached > n->open_offset);
}

bool listeners_catch_up(struct listener *n)
{
    struct listeners *l = n->loop->listeners;
    int error = n->has_kits && !n->stands_made ? listener_make_stands(l, n) : 0;

    listener_set_waiting(l, n, error == ERROR_BUSY);
    if (error == ERROR_BUSY)
        return true;
    if (error == ERROR_CLOSED || !hear_some(l, n))
        return false;
    n->ready.failed |= error != 0;
    if (n->cursor >= l->cursor && l->whole)
        become_live(l, n);
    listener_set_waiting(l, n, n->behind && n->cursor >= l->cursor);
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
            listener_make_ready(l, n);
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

/* By SKUs and products, else by locations, else by its group, else by nothing: one way only. */
static int subscribe_all(struct listeners *l, struct listener *n)
{
    size_t named = n->skus_count + n->products_count;
    size_t most = named ? named : n->locations_count ? n->locations_count : 1;

    n->subscriptions = calloc(most, sizeof(*n->subscriptions));
    if (!n->subscriptions)
        return ERROR_NOMEM;
    n->subscriptions_count = most;
    if (!named && !n->locations_count) {
        if (n->has_group && index_group_join(l, n->group))
            return ERROR_NOMEM;
        index_subscribe(l, n, 0, n->has_group ? BY_GROUP : BY_NOTHING, n->has_group ? n->group : 0);
    }
    for (size_t i = 0; i < n->products_count; i++)
        index_subscribe(l, n, n->skus_count + i, BY_PRODUCT, n->products[i].number);
    l->products_count += n->products_count;
    n->unknown_count = n->skus_count + n->locations_count;
    l->unknown_count += n->unknown_count;
    index_find_names(l, n);
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
    int error = listener_find_kits(n);
    if (!error)
        error = subscribe_all(l, n);
    if (error) {
        free(n->subscriptions);
        n->subscriptions = NULL;
        return error;
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
        n->has_kits = listener_kit(n, i) != NULL;
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
    listener_leave_kits(l, n);
    listener_set_waiting(l, n, false);
    for (size_t i = 0; i < n->subscriptions_count; i++)
        index_unsubscribe(l, &n->subscriptions[i]);
    if (n->has_group && !names_items(n) && !n->locations_count)
        index_group_leave(l, n->group);
    l->products_count -= n->products_count;
    l->unknown_count -= n->unknown_count;
    l->count--;
    delist(l, n);
    free(n->subscriptions);
}
