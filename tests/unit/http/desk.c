/* Takes commands like the engine does: decoded, checked, applied in order on one thread. */
#include "desk.h"

#include "base/error.h"
#include "core/answer/notice.h"
#include "codec/event_json.h"
#include "base/hash.h"
#include "codec/record_codec.h"

#include <stdio.h>
#include <stdlib.h>

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "desk: %s\n", what);
        abort();
    }
}

static void publish(struct desk *d)
{
    struct view *v = &d->view;

    atomic_store_explicit(&v->incarnations_count, d->state->incarnations_count, memory_order_release);
    atomic_store_explicit(&v->level, d->state->level, memory_order_relaxed);
    atomic_store_explicit(&v->log_time, d->state->log_time, memory_order_relaxed);
    view_set_settings(v, &d->state->settings);
    atomic_store_explicit(&v->next_offset, d->state->next_offset, memory_order_release);
}

/* Returns the offset. With the lock held. */
static uint64_t apply(struct desk *d, const struct record *r)
{
    uint64_t offset = d->state->next_offset;

    require(state_apply(d->state, r, offset, d->now_us++, &d->outcome) == 0, "state_apply");
    if (r->kind == RECORD_INCARNATION)
        window_clear(d->window, offset + 1);
    notices_add(d->window, d->state, r, &d->outcome, offset);
    epoch_poll(d->state->epoch, 100);
    publish(d);
    window_show(d->window, d->state->next_offset);
    return offset;
}

static void take(struct desk *d, struct command *c)
{
    struct arena a = {0};
    struct record r;
    struct problems p = {.count = 0};
    uint32_t unknown;

    if (c->ask) {
        while (!c->ask(c, d->state)) {
        }
        c->status = 0;
        return;
    }
    require(record_decode(c->bytes, c->length, d->state->level, &a, &r, &unknown, &p) == 0,
            "a record of http cannot be decoded");
    if (r.events_count > d->most_events)
        d->most_events = r.events_count;
    c->offset = apply(d, &r);
    c->incarnation = state_incarnation(d->state);
    c->log_time = d->state->log_time;
    c->status = 0;
    require(d->outcome.verdicts_count <= c->verdicts_capacity, "no room for verdicts");
    c->verdicts_count = d->outcome.verdicts_count;
    memcpy(c->verdicts, d->outcome.verdicts, c->verdicts_count * sizeof(*c->verdicts));
    c->reservation = d->outcome.reservation;
    d->outcome.reservation = NULL;
    arena_finish(&a);
}

static void *run(void *context)
{
    struct desk *d = context;

    pthread_mutex_lock(&d->lock);
    while (!d->stopping || d->first) {
        struct command *c = d->held && !d->stopping ? NULL : d->first;
        if (!c) {
            pthread_cond_wait(&d->changed, &d->lock);
            continue;
        }
        d->first = c->next;
        if (!d->first)
            d->last = &d->first;
        take(d, c);
        pthread_mutex_unlock(&d->lock);
        c->done(c);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static int submit(void *engine, struct command *c)
{
    struct desk *d = engine;

    pthread_mutex_lock(&d->lock);
    int error = d->refuses;
    if (!error) {
        c->next = NULL;
        *d->last = c;
        d->last = &c->next;
        __atomic_fetch_add(&d->submitted, 1, __ATOMIC_RELAXED);
        pthread_cond_signal(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    return error;
}

void desk_start(struct desk *d)
{
    desk_start_at(d, DESK_NOW_US);
}

void desk_start_at(struct desk *d, int64_t now_us)
{
    struct record first = {
        .kind = RECORD_INCARNATION, .intake.after = -1, .incarnation.number = DESK_INCARNATION};

    memset(d, 0, sizeof(*d));
    hash_seed(1);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    d->last = &d->first;
    d->view.epoch = epoch_create();
    d->state = state_create(d->view.epoch);
    require(d->state, "state_create");
    d->view.table = d->state->table;
    d->view.catalogue = d->state->catalogue;
    d->view.positions = d->state->positions;
    d->view.reservations = d->state->reservations;
    d->view.places = &d->state->places;
    d->zones = zones_create();
    require(d->zones, "zones_create");
    d->view.calendars = zones_calendars(d->zones);
    d->view.incarnations = d->state->incarnations;
    d->outcome.keeps_briefs = true;
    d->window = window_create(DESK_WINDOW);
    require(d->window, "window_create");
    d->now_us = now_us;
    atomic_store(&d->view.ready, true);
    apply(d, &first);
    d->port = (struct command_port){.engine = d, .submit = submit};
    require(pthread_create(&d->thread, NULL, run, d) == 0, "pthread_create");
}

void desk_stop(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    outcome_finish(&d->outcome);
    window_destroy(d->window);
    state_destroy(d->state);
    epoch_destroy(d->view.epoch);
    zones_destroy(d->zones);
}

void desk_hold(struct desk *d, bool held)
{
    pthread_mutex_lock(&d->lock);
    d->held = held;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

void desk_refuse(struct desk *d, int error)
{
    pthread_mutex_lock(&d->lock);
    d->refuses = error;
    pthread_mutex_unlock(&d->lock);
}

static int say_each(void *context, size_t number, const struct event *e, const struct problems *p)
{
    struct desk *d = context;
    struct event copy;

    require(e && !p->count, p->count ? p->at[0].detail : "not an event");
    copy = *e;
    struct record r = {.kind = RECORD_EVENTS, .intake.after = -1, .events_count = 1, .events = &copy};
    apply(d, &r);
    require(d->outcome.verdicts[0].verdict == VERDICT_APPLIED, "not applied");
    return 0;
}

void desk_say(struct desk *d, const char *json)
{
    struct arena a = {0};
    struct problems p = {.count = 0};
    uint32_t unknown;
    struct event_reader reader = {d, say_each};

    pthread_mutex_lock(&d->lock);
    require(json_events_read(text_of(json), false, d->state->level, &a, &reader, &unknown, &p) == 0,
            "not JSON");
    pthread_mutex_unlock(&d->lock);
    arena_finish(&a);
}
