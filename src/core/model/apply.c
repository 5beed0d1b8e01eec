/* One record after another makes the state, and nothing else does.
 *
 * A record moves log time to its append instant, if that is later. If it came through intake, the position of
 * its partition says whether it is the next one, a repeat or beyond a gap; only the next one is applied. Its
 * events are judged one by one, each seeing what the earlier ones did: is it well formed at the level of this
 * log, was it said before (repeats), does it lie in the future, does its item allow it. What is rejected is
 * not remembered: the same id may be sent again and is judged anew. What is accepted finds its rows, made
 * bare if nobody has heard of its SKU or location; what it does to each is computed (events.c, count.c) and
 * can still be refused; then it is remembered, and committed to the rows' ledgers and staged images
 * (change.c). At the end all rows of a SKU are published at once (staging.c), with the record's offset as
 * their version if their truth is another now.
 *
 * Whatever may want memory comes before the first thing that an event changes, so that ERROR_NOMEM stops
 * between two events: the same record, applied again, goes on there. Nothing here depends on addresses, on
 * the seed of a hash or on the order of a hash table. */
#include "core/model/apply.h"

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "core/model/demand_index.h"
#include "core/model/events.h"
#include "core/model/image.h"
#include "core/model/prefetch.h"
#include "core/model/records.h"
#include "core/model/reserve.h"

#include <stdlib.h>

enum { SWEEP_EVERY = 64, ALERTS_OF_EVENT = 4 };

static void apply_destroy(void *memory)
{
    struct apply *a = memory;
    if (!a)
        return;
    stage_reset(a);
    free(a->rows);
    free(a->skus);
    free(a->slots);
    free(a->images);
    free(a);
}

struct apply *apply_of(struct state *s)
{
    if (!s->apply) {
        struct apply *a = calloc(1, sizeof(*a));
        if (!a)
            return NULL;
        a->state = s;
        s->apply_destroy = apply_destroy;
        s->apply = a;
    }
    return s->apply;
}

/* ---- judging an event ---- */

static enum reason judge_shape(const struct apply *a, const struct event *e)
{
    struct problems problems;
    problems.count = 0;
    if (a->sound && (!ONHAND_CHECKS || event_check(e, a->state->level, &problems)))
        return REASON_NONE;
    if (ONHAND_CHECKS && a->sound)
        abort(); /* whoever decoded it should have asked */
    if (e->type <= EVENT_NONE || e->type >= EVENT_END)
        return REASON_UNKNOWN_TYPE;
    if (!event_check(e, a->state->level, &problems))
        return REASON_MALFORMED;
    return REASON_NONE;
}

static enum reason judge_instants(const struct apply *a, const struct event *e)
{
    instant_t most = a->state->log_time + a->state->settings.future_tolerance_us;
    if (e->occurred_at > most)
        return REASON_FUTURE;
    return e->has & HAS(as_of) && e->as_of > most ? REASON_FUTURE_AS_OF : REASON_NONE;
}

static bool off_step(milli_t quantity, milli_t step)
{
    return step > 1 && quantity % step != 0;
}

static enum reason judge_item(const struct sku *sku, const struct event *e)
{
    const struct item *item = sku ? item_of(sku) : NULL;
    if (!item)
        return REASON_NONE;
    if (item->components_count)
        return REASON_KIT;
    bool off = off_step(e->quantity, item->step) || off_step(e->book, item->step) ||
               off_step(e->allocation.quantity, item->step);
    for (int s = 0; s < STATUSES; s++)
        off |= off_step(e->unavailable.quantity[s], item->step);
    return off ? REASON_STEP : REASON_NONE;
}

static struct event_verdict rejected(enum reason reason)
{
    return (struct event_verdict){.verdict = VERDICT_REJECTED, .reason = (uint8_t)reason};
}

/* Was it said before? True when that decides. */
static bool judge_repeat(struct apply *a, const struct event *e, struct event_verdict *ret)
{
    switch (repeats_judge_id(a->state->repeats, e, &a->found.id)) {
    case REPEAT_SEEN:
        *ret = (struct event_verdict){.verdict = VERDICT_DUPLICATE};
        return true;
    case REPEAT_SEQUENCE_REUSED:
        *ret = rejected(REASON_SEQUENCE_REUSED);
        return true;
    case REPEAT_UNVERIFIED:
        if (a->state->settings.ids_unverified_rejected) {
            *ret = rejected(REASON_UNVERIFIED);
            return true;
        }
        a->notes |= NOTE_UNVERIFIED;
        return false;
    case REPEAT_NEW:
        break;
    }
    return false;
}

static bool judge(struct apply *a, const struct event *e, const struct sku *sku, struct event_verdict *ret)
{
    enum reason reason = judge_shape(a, e);
    if (reason == REASON_NONE && judge_repeat(a, e, ret))
        return true;
    if (reason == REASON_NONE)
        reason = judge_instants(a, e);
    if (reason == REASON_NONE)
        reason = judge_item(sku, e);
    if (reason == REASON_NONE)
        return false;
    *ret = rejected(reason);
    return true;
}

/* ---- the rows of an event ---- */

/* A row that an event speaks of: here, or where a transfer goes to. */
struct target {
    struct text place;
    struct sku *sku;   /* NULL: nobody has heard of it */
    uint32_t location; /* INDEX_NONE: nobody has heard of it */
    bool there;        /* the other end of a transfer */
    bool ready;        /* its change is computed */
    struct change change;
};

static uint32_t location_number(const struct apply *a, struct text id)
{
    const struct location *l = catalogue_location(a->state->catalogue, id);
    return l ? l->number : INDEX_NONE;
}

static int compute(struct apply *a, const struct event *e, struct target *t, struct staged_row *row)
{
    change_begin(&t->change, row, e->occurred_at);
    int error = t->there ? event_there(&t->change, a, e) : event_here(&t->change, a, e, &a->notes);
    if (!error)
        error = change_ready(&t->change, a);
    t->ready = !error;
    if (error)
        change_abandon(&t->change);
    return error;
}

static int compute_existing(struct apply *a, const struct event *e, struct target *t)
{
    int error = 0;
    if (!t->sku || t->location == INDEX_NONE)
        return 0;
    struct staged_row *row = stage_existing(a, t->sku, t->location, &error);
    return row ? compute(a, e, t, row) : error;
}

/* Is there room for what would be made bare? */
static enum reason judge_room(const struct apply *a, const struct target *targets, size_t count)
{
    const struct state *s = a->state;
    int64_t locations = catalogue_locations_count(s->catalogue);
    for (size_t i = 0; i < count; i++)
        locations += targets[i].location == INDEX_NONE;
    if (locations > catalogue_locations_count(s->catalogue) && locations > s->settings.locations_most)
        return REASON_TOO_MANY_LOCATIONS;
    if (!targets[0].sku && (int64_t)table_sku_count(s->table) >= s->settings.skus_most)
        return REASON_TOO_MANY_SKUS;
    return REASON_NONE;
}

static int make_location(struct apply *a, struct text id, uint32_t *location)
{
    bool is_new = false;
    int error = 0;
    if (*location == INDEX_NONE)
        error = catalogue_location_add(a->state->catalogue, id, (uint32_t)a->state->settings.locations_most,
                                       location, &is_new);
    a->notes |= is_new ? NOTE_UNREGISTERED : 0;
    return error ? error : places_reserve(&a->state->places, *location);
}

static int make_target(struct apply *a, const struct event *e, struct target *t)
{
    int error = make_location(a, t->place, &t->location);
    if (error)
        return error;
    if (!t->sku)
        t->sku = table_find(a->state->table, e->sku);
    if (!t->sku) {
        t->sku = table_add(a->state->table, e->sku, hash_text(e->sku));
        a->notes |= t->sku ? NOTE_UNREGISTERED : 0;
    }
    if (!t->sku)
        return ERROR_NOMEM;
    if (t->ready)
        return 0;
    struct staged_row *row = stage_row(a, t->sku, t->location);
    return row ? compute(a, e, t, row) : ERROR_NOMEM;
}

/* ---- after an event ---- */

int alerts_reserve(struct outcome *o, size_t rows)
{
    size_t most = o->alerts_count + rows * ALERTS_OF_EVENT;
    if (most <= o->alerts_capacity)
        return 0;
    if (!array_grow(&o->alerts, o->alerts_capacity, most * 2, sizeof(*o->alerts)))
        return ERROR_NOMEM;
    o->alerts_capacity = most * 2;
    return 0;
}

static void alert(struct outcome *o, enum alert_kind kind, const struct staged_row *row, size_t event)
{
    o->alerts[o->alerts_count++] = (struct outcome_alert){
        .kind = kind, .sku = row->sku, .location = row->location, .event = (uint32_t)event};
}

static milli_t sellable(const struct row_image *r)
{
    return row_on_hand(r) - row_unavailable(r);
}

static milli_t demand_of(const struct row_image *r)
{
    return row_reserved(r) + row_committed(r);
}

/* The row as promises see it, with what its ledger has to come. */
static milli_t oversold(const struct staged_row *row)
{
    const struct ledger *l = row->ledger;
    struct limits limits = ledger_limits(l);
    struct stock s = {.on_hand = row_on_hand(&row->now),
                      .unavailable = row_unavailable(&row->now),
                      .reserved = row_reserved(&row->now),
                      .committed = row_committed(&row->now),
                      .safety_stock = row_safety_stock(&row->now),
                      .backorder_limit = limits.backorder_limit,
                      .dated_count = l->dated.demands ? l->dated.count : 0,
                      .dated = l->dated.at};
    return stock_oversold(&s);
}

static void set_flags(struct row_image *r, uint8_t set, uint8_t clear)
{
    uint8_t flags = (uint8_t)((row_flags(r) & ~clear) | set);
    r->word[ROW_VERSION] = row_version(row_offset(r), row_incarnation(r), flags);
}

/* Net available fell to the reorder point: once per crossing. */
static bool crossed_reorder_point(struct row_image *r, const struct limits *limits)
{
    milli_t net = sellable(r) - demand_of(r) - row_safety_stock(r);
    bool below = limits->reorder_point != LIMIT_NONE && net <= limits->reorder_point;
    bool was_below = row_flags(r) & ROW_ALERTED;
    if (!(row_flags(r) & ROW_COUNTED))
        return false;
    set_flags(r, below ? ROW_ALERTED : 0, ROW_ALERTED);
    return below && !was_below;
}

struct alerts_before alerts_begin(const struct staged_row *row)
{
    return (struct alerts_before){row->now, oversold(row)};
}

void alerts_raise(struct outcome *o, struct staged_row *row, const struct alerts_before *before,
                  bool unmatched, size_t event)
{
    struct limits limits = ledger_limits(row->ledger);
    bool reorder = crossed_reorder_point(&row->now, &limits);
    if (!(row_flags(&row->now) & ROW_COUNTED))
        return;
    if (oversold(row) > before->oversold)
        alert(o, ALERT_OVERSOLD, row, event);
    if (reorder)
        alert(o, ALERT_REORDER_POINT, row, event);
    if (row_on_hand(&before->row) >= 0 && row_on_hand(&row->now) < 0)
        alert(o, ALERT_NEGATIVE, row, event);
    if (unmatched)
        alert(o, ALERT_UNMATCHED, row, event);
}

static int reserve_locations(struct outcome *o)
{
    if (o->locations_count < o->locations_capacity)
        return 0;
    size_t capacity = o->locations_capacity ? o->locations_capacity * 2 : 4;
    if (!array_grow(&o->locations, o->locations_capacity, capacity, sizeof(*o->locations)))
        return ERROR_NOMEM;
    o->locations_capacity = capacity;
    return 0;
}

void apply_set_stale(struct apply *a, uint32_t location, instant_t since, struct outcome *o)
{
    places_set_stale(&a->state->places, location, since, a->offset);
    o->locations[o->locations_count++] = location;
}

/* A location's own word; when it was silent, it speaks again. */
static void hear_location(struct apply *a, uint32_t location, const struct event *e, struct outcome *o)
{
    struct places *p = &a->state->places;
    const struct location *l = catalogue_location_at(a->state->catalogue, location);
    if (!location_is_spoken_for_by(l, e->source))
        return;
    if (places_is_stale(p, location) && e->occurred_at > places_heard(p, location))
        apply_set_stale(a, location, INSTANT_NONE, o);
    places_hear(p, location, e->occurred_at);
}

static void hear(struct apply *a, struct staged_row *row, const struct event *e, struct outcome *o)
{
    uint64_t second = (uint64_t)(e->occurred_at / INSTANT_SECOND);
    uint32_t second_32 = second > UINT32_MAX ? UINT32_MAX : (uint32_t)second;
    if (second_32 > row_last_event_s(&row->now))
        row->now.word[ROW_WHO] = row_who(row->location, second_32);
    hear_location(a, row->location, e, o);
}

static milli_t said_quantity(const struct event *e)
{
    return e->has & HAS(quantity) ? e->quantity : LIMIT_NONE;
}

/* Commits one change. Whether anything but its memory changed is its `did`. */
static void commit(struct apply *a, const struct event *e, struct target *t, size_t event, struct outcome *o)
{
    struct change *c = &t->change;
    struct staged_row *row = c->row;
    struct alerts_before before = alerts_begin(row);
    struct row_figures figures = stage_figures(o, &before.row, row->ledger);
    milli_t gone_before = c->demand ? c->demand->gone : 0;
    change_commit(c, a, e);
    stage_line(o, row, (uint32_t)event, said_quantity(e), &figures);
    if (!t->there && e->type != EVENT_ALLOCATION) /* a plan is no word of the place itself */
        hear(a, row, e, o);
    if (c->is_count)
        places_note_count(&a->state->places, row->location, c->sums.count_at);
    if (!c->did && c->left_out)
        return;
    bool unmatched = c->demand && c->demand->unmatched && c->demand->gone > gone_before;
    a->notes |= unmatched ? NOTE_UNMATCHED : 0;
    alerts_raise(o, row, &before, unmatched, event);
    a->notes |= oversold(row) > 0 && !t->there ? NOTE_OVERSOLD : 0;
    stage_set_version(a, row);
}

static struct event_verdict verdict_of(const struct target *targets, size_t count)
{
    struct event_verdict v = {.verdict = VERDICT_APPLIED};
    bool did = false;
    for (size_t i = 0; i < count; i++) {
        did |= targets[i].change.did || !targets[i].change.left_out;
        if (targets[i].change.left_out)
            v.reason = (uint8_t)targets[i].change.left_out;
    }
    if (v.reason)
        v.verdict = did ? VERDICT_PARTIAL : VERDICT_SUPERSEDED;
    return v;
}

/* ---- one event ---- */

static void abandon(struct target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (targets[i].ready)
            change_abandon(&targets[i].change);
}

static int make_channel(struct apply *a, struct text id, enum reason *refused)
{
    uint32_t number;
    bool is_new = false;
    int error = catalogue_channel_add(a->state->catalogue, id, (uint32_t)a->state->settings.channels_most,
                                      &number, &is_new);
    a->notes |= is_new ? NOTE_UNREGISTERED : 0;
    if (error == ERROR_LIMIT)
        *refused = REASON_TOO_MANY_CHANNELS;
    return error == ERROR_LIMIT ? 0 : error;
}

/* Channels that nobody has PUT are made bare when something is set aside for them. */
static int make_channels(struct apply *a, const struct event *e, enum reason *refused)
{
    if (e->type != EVENT_ALLOCATION)
        return 0;
    int error = make_channel(a, e->allocation.channel, refused);
    if (!error && !*refused && e->allocation.op == ALLOCATION_MOVE)
        error = make_channel(a, e->allocation.to_channel, refused);
    return error;
}

static int prepare(struct apply *a, const struct event *e, struct target *targets, size_t count,
                   struct outcome *o, enum reason *refused)
{
    int error = stage_reserve(a);
    if (!error)
        error = make_channels(a, e, refused);
    if (error || *refused)
        return error;
    for (size_t i = 0; i < count && !error; i++) {
        error = compute_existing(a, e, &targets[i]);
        if (!error && targets[i].ready && targets[i].change.refused)
            *refused = targets[i].change.refused;
    }
    if (!error && !*refused)
        *refused = judge_room(a, targets, count);
    if (error || *refused)
        return error;
    for (size_t i = 0; i < count && !error; i++) {
        error = make_target(a, e, &targets[i]);
        if (!error && targets[i].change.refused)
            *refused = targets[i].change.refused;
    }
    if (!error)
        error = alerts_reserve(o, 1);
    if (!error)
        error = reserve_locations(o);
    if (!error && !*refused)
        error = repeats_remember_id(a->state->repeats, e, &a->found.id, a->state->log_time);
    return error;
}

static int apply_to_rows(struct apply *a, const struct event *e, struct sku *sku, size_t event,
                         struct outcome *o, struct event_verdict *ret)
{
    struct target targets[2];
    size_t count = e->type == EVENT_TRANSFER_SHIP ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        targets[i].place = i ? e->to : e->location;
        targets[i].sku = sku;
        targets[i].location = i ? location_number(a, e->to) : a->found.location;
        targets[i].there = i == 1;
        targets[i].ready = false;
    }
    enum reason refused = REASON_NONE;
    int error = prepare(a, e, targets, count, o, &refused);
    if (error || refused) {
        abandon(targets, count);
        *ret = rejected(refused);
        return error;
    }
    for (size_t i = 0; i < count; i++)
        commit(a, e, &targets[i], event, o);
    a->by_order = true;
    reservations_follow(a);
    a->by_order = false;
    *ret = verdict_of(targets, count);
    ret->notes = a->notes;
    return 0;
}

static int apply_heartbeat(struct apply *a, const struct event *e, struct outcome *o,
                           struct event_verdict *ret)
{
    uint32_t location = a->found.location;
    if (location == INDEX_NONE &&
        (int64_t)catalogue_locations_count(a->state->catalogue) >= a->state->settings.locations_most) {
        *ret = rejected(REASON_TOO_MANY_LOCATIONS);
        return 0;
    }
    int error = make_location(a, e->location, &location);
    if (!error)
        error = reserve_locations(o);
    if (!error)
        error = repeats_remember_id(a->state->repeats, e, &a->found.id, a->state->log_time);
    if (error)
        return error;
    hear_location(a, location, e, o);
    if (e->has & HAS(as_of))
        places_note_whole_count(&a->state->places, location, e->as_of);
    *ret = (struct event_verdict){.verdict = VERDICT_APPLIED, .notes = a->notes};
    return 0;
}

static void count_verdict(struct state_counts *n, struct event_verdict v)
{
    n->applied += v.verdict == VERDICT_APPLIED;
    n->partial += v.verdict == VERDICT_PARTIAL;
    n->superseded += v.verdict == VERDICT_SUPERSEDED;
    n->duplicate += v.verdict == VERDICT_DUPLICATE;
    n->rejected += v.verdict == VERDICT_REJECTED;
    n->sequence_reused += v.reason == REASON_SEQUENCE_REUSED;
    n->unverified += (v.notes & NOTE_UNVERIFIED) != 0;
    n->unmatched += (v.notes & NOTE_UNMATCHED) != 0;
    n->approximate += (v.notes & NOTE_APPROXIMATE) != 0;
}

/* A history also tells what was said of a row and did nothing. */
static void tell_idle(struct apply *a, const struct event *e, struct sku *sku, size_t event,
                      struct outcome *o)
{
    uint32_t location = location_number(a, e->location);

    if (sku && location != INDEX_NONE)
        stage_line_idle(a, o, sku, location, (uint32_t)event, said_quantity(e));
}

static int apply_event(struct apply *a, const struct event *e, size_t event, struct outcome *o)
{
    struct event_verdict v = {0};
    a->found = found_of(a, e);
    struct sku *sku = a->found.sku;
    size_t lines_before = o->lines_count;
    int error = stage_reserve_lines(o, LINES_OF_EVENT);
    if (error)
        return error;
    if (judge(a, e, sku, &v)) {
        if (v.reason == REASON_SEQUENCE_REUSED) {
            error = alerts_reserve(o, 1);
            if (error)
                return error;
            o->alerts[o->alerts_count++] = (struct outcome_alert){.kind = ALERT_SEQUENCE_REUSED,
                                                                  .sku = sku,
                                                                  .location = location_number(a, e->location),
                                                                  .event = (uint32_t)event};
        }
    } else if (e->type == EVENT_HEARTBEAT) {
        error = apply_heartbeat(a, e, o, &v);
    } else {
        error = apply_to_rows(a, e, sku, event, o, &v);
    }
    if (error)
        return error;
    if (o->keeps_lines && o->lines_count == lines_before)
        tell_idle(a, e, sku, event, o);
    o->verdicts[o->verdicts_count++] = v;
    a->state->counts.events++;
    count_verdict(&a->state->counts, v);
    a->notes = 0;
    return 0;
}

/* ---- one record ---- */

static int reserve_verdicts(struct outcome *o, size_t count)
{
    if (count <= o->verdicts_capacity)
        return 0;
    if (!array_grow(&o->verdicts, o->verdicts_capacity, count, sizeof(*o->verdicts)))
        return ERROR_NOMEM;
    o->verdicts_capacity = count;
    return 0;
}

/* Closed accounts of rows that nobody touches go too: one SKU every so many records. */
static int sweep(struct apply *a)
{
    struct state *s = a->state;
    uint32_t skus = table_sku_count(s->table);
    if (s->counts.records % SWEEP_EVERY != 0 || skus == 0)
        return 0;
    struct sku *sku = table_sku(s->table, (uint32_t)(s->counts.records / SWEEP_EVERY % skus));
    int error = stage_reserve_images(a, (uint32_t)sku_rows_count(sku));
    if (error)
        return error;
    size_t count = sku_read_all(s->table, sku, a->images, a->images_capacity);
    bool told = false;
    for (size_t i = 0; i < count; i++) {
        const struct rare *rare = row_rare(&a->images[i]);
        if (!rare || !rare->ledger || !ledger_purge_due(rare->ledger, &s->settings, s->log_time))
            continue;
        if (!told)
            image_before_sku(s, sku);
        told = true;
        error = ledger_purge(rare->ledger, &s->settings, s->log_time);
        if (error)
            return error;
    }
    return 0;
}

/* The whole record gets one verdict: a repeat of intake, or one beyond a gap. */
static void one_verdict_for_all(struct apply *a, const struct record *r, struct event_verdict v,
                                struct outcome *o)
{
    size_t count = r->kind == RECORD_EVENTS ? r->events_count : 1;
    for (size_t i = 0; i < count; i++) {
        o->verdicts[o->verdicts_count++] = v;
        if (r->kind == RECORD_EVENTS)
            count_verdict(&a->state->counts, v);
    }
}

static int apply_events(struct apply *a, const struct record *r, struct outcome *o)
{
    a->sound = r->sound_level && r->sound_level == a->state->level;
    while (a->events_done < r->events_count) {
        if (r->events_count > 1 && a->events_done % PREFETCH_EVENTS == 0)
            prefetch_events(a, r->events + a->events_done, r->events_count - a->events_done);
        int error = apply_event(a, &r->events[a->events_done], a->events_done, o);
        if (error)
            return error;
        a->events_done++;
    }
    return reservations_show(a, o);
}

static int apply_other(struct apply *a, const struct record *r, struct outcome *o)
{
    if (a->events_done == 0) {
        struct event_verdict v = {0};
        int error = reserve_locations(o);
        if (!error)
            error = record_apply(a, r, &v, o);
        if (error)
            return error;
        o->verdicts[o->verdicts_count++] = v; /* not counted: it is no event */
        a->events_done = 1;
    }
    return reservations_show(a, o);
}

static int apply_record(struct apply *a, const struct record *r, struct outcome *o)
{
    struct state *s = a->state;
    bool through_intake = r->intake.name.length > 0;
    if (through_intake) {
        enum position_verdict where = positions_judge(s->positions, &r->intake);
        if (where != POSITION_NEXT) {
            s->counts.intake_repeats += where == POSITION_REPEAT;
            s->counts.gaps += where == POSITION_GAP;
            struct event_verdict duplicate = {.verdict = VERDICT_DUPLICATE};
            one_verdict_for_all(a, r, where == POSITION_REPEAT ? duplicate : rejected(REASON_GAP), o);
            return 0;
        }
    }
    if (r->kind == RECORD_INCARNATION) /* the first one seeds the hash of ids */
        a->ahead.next = a->ahead.count = 0;
    int error = r->kind == RECORD_EVENTS ? apply_events(a, r, o) : apply_other(a, r, o);
    if (!error && through_intake)
        error = positions_advance(s->positions, &r->intake);
    if (!error)
        s->counts.skipped += through_intake && r->intake.skipped;
    return error;
}

/* May a record stand here? A log that stands on another is nothing without that other's state. */
static int judge_offset(const struct state *s, const struct record *r, uint64_t offset)
{
    bool incarnation = r && r->kind == RECORD_INCARNATION;
    if (s->incarnations_count == 0)
        return incarnation && !r->incarnation.after_number ? 0 : ERROR_CORRUPT;
    if (offset < s->next_offset)
        return incarnation && record_continues(s, &r->incarnation) ? 0 : ERROR_CORRUPT;
    return 0;
}

static void finish_record(struct apply *a)
{
    struct state *s = a->state;
    if (ONHAND_CHECKS)
        for (uint32_t i = 0; i < a->rows_count; i++)
            if (a->rows[i].exists)
                state_check_row(s, a->rows[i].sku, a->rows[i].location);
    s->counts.records++;
    s->next_offset = a->offset + 1;
    stage_reset(a);
}

static void drop_told(struct outcome *o)
{
    while (o->reservations_count)
        reservation_drop(o->reservations[--o->reservations_count]);
}

int state_apply(struct state *s, const struct record *r, uint64_t offset, instant_t appended_at,
                struct outcome *o)
{
    struct apply *a = apply_of(s);
    if (!a)
        return ERROR_NOMEM;
    if (a->active && offset != a->offset)
        return ERROR_INVALID;
    int error = a->active ? 0 : judge_offset(s, r, offset);
    if (error)
        return error;
    if (r->kind == RECORD_LEVEL && r->raise_level > LEVEL_NEWEST && r->intake.name.length == 0) {
        o->halted = true;
        return ERROR_LEVEL;
    }
    error = reserve_verdicts(o, r->events_count ? r->events_count : 1);
    if (!error && !a->active)
        error = sweep(a);
    if (error)
        return error;
    if (!a->active) {
        o->verdicts_count = o->changes_count = o->alerts_count = 0;
        o->locations_count = o->lines_count = o->fences_count = 0;
        drop_told(o);
        o->halted = false;
        a->active = true;
        a->offset = offset;
        s->log_time = appended_at > s->log_time ? appended_at : s->log_time;
        reservation_answer_destroy(o->reservation);
        o->reservation = NULL;
        reservations_age(a);
    }
    error = apply_record(a, r, o);
    if (!error)
        finish_record(a);
    return error;
}

int state_skip(struct state *s, uint64_t offset, instant_t appended_at)
{
    int error = judge_offset(s, NULL, offset);
    if (error)
        return error;
    s->log_time = appended_at > s->log_time ? appended_at : s->log_time;
    s->counts.records++;
    s->counts.skipped++;
    s->next_offset = offset + 1;
    return 0;
}

void outcome_finish(struct outcome *o)
{
    drop_told(o);
    free(o->fences);
    free(o->reservations);
    free(o->verdicts);
    free(o->changes);
    free(o->alerts);
    free(o->locations);
    free(o->lines);
    reservation_answer_destroy(o->reservation);
    *o = (struct outcome){0};
}

instant_t state_location_heard(const struct state *s, uint32_t location)
{
    return places_heard(&s->places, location);
}

int state_rows_loaded(struct state *s, const struct sku *sku, const struct row_image *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rare *rare = row_rare(&rows[i]);
        int error = places_reserve(&s->places, row_location(&rows[i]));
        if (!error && rare && rare->ledger) /* what rests has nothing that will fall due */
            error = ledger_learn_due(rare->ledger, &s->due, sku_number(sku), row_location(&rows[i]));
        if (!error && rare && rare->ledger)
            error = demand_index_learn(s, rare->ledger, sku_number(sku), row_location(&rows[i]));
        if (error)
            return error;
        places_count(&s->places, row_location(&rows[i]), stage_in_use(&rows[i]));
    }
    return 0;
}
