/* Calendars: found, published, copied; and what follows from them for orders. */
#include "core/answer/calendar.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { COLLECTION_TRIES = 1000 };

static const struct calendar nothing_said = {
    .way = {{.cut_off = NO_CUT_OFF}, {.cut_off = NO_CUT_OFF}, {.cut_off = NO_CUT_OFF}}};

/* ---- found ---- */

/* Locations lie in memory of their own and are immutable to readers, but for this one pointer, which is
 * filled once. */
static _Atomic(struct calendar *) *place_for(const struct location *l)
{
    return (_Atomic(struct calendar *) *)(uintptr_t)&l->calendar;
}

static const struct calendar *make(const struct calendars *k, const struct location *l)
{
    struct calendar *there = NULL, *made = k->make ? k->make(k->context, l) : NULL;

    if (!made)
        return &nothing_said;
    /* release: pairs with the acquire of calendar_of */
    if (atomic_compare_exchange_strong_explicit(place_for(l), &there, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    free(made);
    return there;
}

const struct calendar *calendar_of(const struct calendars *k, const struct location *l)
{
    const struct calendar *c = l ? atomic_load_explicit(place_for(l), memory_order_acquire) : &nothing_said;
    return c ? c : make(k, l);
}

/* ---- made ---- */

static size_t spans_count(const struct hours *h)
{
    const struct hours_dated *last = h->dated_count ? &h->dated[h->dated_count - 1] : NULL;
    return last ? (size_t)last->first + last->count : h->week[7];
}

struct calendar *calendar_copy(const struct calendar *c)
{
    size_t lanes_bytes = c->lanes_count * sizeof(*c->lanes);
    size_t dated_bytes = c->hours.dated_count * sizeof(*c->hours.dated);
    size_t spans_bytes = spans_count(&c->hours) * sizeof(*c->hours.span), texts_bytes = 0;

    for (uint32_t i = 0; i < c->lanes_count; i++)
        texts_bytes += c->lanes[i].to.length;
    struct calendar *copy = malloc(sizeof(*copy) + lanes_bytes + dated_bytes + spans_bytes + texts_bytes);
    if (!copy)
        return NULL;
    *copy = *c;
    struct supply_lane *lanes = (struct supply_lane *)(copy + 1);
    struct hours_dated *dated = (struct hours_dated *)(lanes + c->lanes_count);
    struct hours_span *spans = (struct hours_span *)(dated + c->hours.dated_count);
    char *at = (char *)spans + spans_bytes;
    if (dated_bytes)
        memcpy(dated, c->hours.dated, dated_bytes);
    if (spans_bytes)
        memcpy(spans, c->hours.span, spans_bytes);
    for (uint32_t i = 0; i < c->lanes_count; i++) {
        lanes[i] = c->lanes[i];
        lanes[i].to.at = memcpy(at, c->lanes[i].to.at, c->lanes[i].to.length);
        at += c->lanes[i].to.length;
    }
    copy->lanes = lanes;
    copy->hours.dated = dated;
    copy->hours.span = spans;
    return copy;
}

/* ---- when goods are ready ---- */

static instant_t later(instant_t a, instant_t b)
{
    return a > b ? a : b;
}

/* The cut-off of a day that has these hours. */
static instant_t cut_off_in(const struct hours *h, int32_t day, int32_t minute,
                            const struct hours_piece *pieces, size_t count)
{
    instant_t at = zone_instant(h->zone, day, minute);

    if (!count || at >= pieces[0].from)
        return at;
    instant_t next = zone_instant(h->zone, day, minute + DAY_MINUTES);
    return next <= pieces[count - 1].until ? next : at; /* past midnight, in hours that began on that day */
}

/* The cut-off of the order's day; INSTANT_NONE: there is none. */
static instant_t cut_off_of(const struct hours *h, const struct way *w, int32_t day)
{
    struct hours_piece pieces[HOURS_DAY_MOST];

    if (w->cut_off == NO_CUT_OFF)
        return INSTANT_NONE;
    size_t count = hours_of_day(h, day, pieces);
    return cut_off_in(h, day, w->cut_off, pieces, count);
}

/* The first hours of a later day that begin when the order is there; INSTANT_NONE: never. */
static instant_t next_start(const struct hours *h, int32_t day, instant_t ordered)
{
    struct hours_piece pieces[HOURS_DAY_MOST];

    for (int32_t d = day + 1; d <= day + HOURS_DAYS_MOST; d++) {
        size_t count = hours_of_day(h, d, pieces);
        for (size_t i = 0; i < count; i++)
            if (pieces[i].from >= ordered)
                return pieces[i].from;
    }
    return INSTANT_NONE;
}

/* The first instant at or after `at` at which it can be collected. */
static instant_t collectable(const struct hours *h, const struct way *w, instant_t at,
                             instant_t *ret_closes_at)
{
    for (int i = 0; i < COLLECTION_TRIES && at != INSTANT_NONE; i++) {
        at = hours_next(h, at);
        if (at == INSTANT_NONE)
            break;
        instant_t closes_at = hours_closing(h, at);
        *ret_closes_at = closes_at;
        if (closes_at == INSTANT_NONE || at <= closes_at - w->last_collection_minutes * INSTANT_MINUTE)
            return at;
        at = closes_at;
    }
    return INSTANT_NONE;
}

bool calendar_ready(const struct calendar *c, enum method m, const struct order_time *o,
                    struct readiness *ret)
{
    const struct hours *h = &c->hours;
    const struct way *w = calendar_way(c, m);
    struct readiness r = {.closes_at = INSTANT_NONE};
    int32_t day = hours_day_of(h, o->at);

    if (!w->offered)
        return false;
    r.cut_off_at = cut_off_of(h, w, day);
    r.missed = r.cut_off_at != INSTANT_NONE && o->at > r.cut_off_at;
    instant_t start = r.missed ? next_start(h, day, o->at) : o->at;
    if (start == INSTANT_NONE)
        return false;
    r.starts_at = hours_next(h, later(start, o->goods_at));
    if (r.starts_at == INSTANT_NONE)
        return false;
    instant_t prepared = hours_add(h, r.starts_at, w->preparation_minutes * INSTANT_MINUTE);
    r.ready_at = prepared == INSTANT_NONE ? INSTANT_NONE
                                          : collectable(h, w, later(prepared, o->not_before), &r.closes_at);
    if (r.ready_at == INSTANT_NONE)
        return false;
    r.day = hours_day_of(h, r.ready_at);
    r.same_day = r.day == day;
    *ret = r;
    return true;
}

/* ---- lanes ---- */

/* When goods leave on that day; INSTANT_NONE: not any more, or not at all. */
static instant_t leaves_on(const struct calendar *from, const struct supply_lane *lane, int32_t day,
                           instant_t at)
{
    struct hours_piece pieces[HOURS_DAY_MOST];
    size_t count = hours_of_day(&from->hours, day, pieces);

    if (!count)
        return INSTANT_NONE;
    if (lane->cut_off != NO_CUT_OFF) {
        instant_t cut_off = cut_off_in(&from->hours, day, lane->cut_off, pieces, count);
        return cut_off >= at ? cut_off : INSTANT_NONE;
    }
    if (!from->hours.limited)
        return later(at, pieces[0].from); /* no end of the working day to wait for */
    return pieces[count - 1].until >= at ? pieces[count - 1].until : INSTANT_NONE;
}

bool calendar_transit(const struct calendar *from, const struct supply_lane *lane, const struct calendar *to,
                      instant_t at, struct transit *ret)
{
    int32_t first = hours_day_of(&from->hours, at);

    for (int32_t day = first; day <= first + HOURS_DAYS_MOST; day++) {
        instant_t leaves = leaves_on(from, lane, day, at);
        if (leaves == INSTANT_NONE)
            continue;
        instant_t there = zone_instant(to->hours.zone, day + lane->days, 0);
        instant_t arrives = hours_next(&to->hours, later(leaves, there));
        if (arrives == INSTANT_NONE)
            return false;
        *ret = (struct transit){leaves, arrives};
        return true;
    }
    return false;
}
