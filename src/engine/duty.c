/* Duty's life: membership, its looks, its thread. */
#include "engine/duty_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "codec/record_codec.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 40, BEHIND_MOST = 100000, BEHIND_AGAIN = 10000 };

/* ---- membership ---- */

/* Ready, and not far behind the log's end: then others would do better. */
static bool is_fit(struct duty *d)
{
    struct engine *e = d->engine;
    uint64_t behind = atomic_load_explicit(&e->published.log_behind_records, memory_order_relaxed);

    return atomic_load_explicit(&e->view.ready, memory_order_relaxed) &&
           !atomic_load_explicit(&e->stopping, memory_order_relaxed) &&
           behind <= (d->fit ? BEHIND_MOST : BEHIND_AGAIN);
}

static void look_at_membership(struct duty *d, int64_t now_us)
{
    struct log *log = d->engine->log;
    struct log_duty now = {.until_us = INT64_MAX};
    bool was_fit = d->fit;

    d->fit = is_fit(d);
    if (log->ops->duty) {
        log->ops->duty(log, d->fit, &now);
    } else {
        d->local_term += d->fit && !was_fit;
        now.term = d->fit ? d->local_term : 0;
    }
    if (now.term != d->term) /* nobody may see the new end with the old term */
        atomic_store_explicit(&d->view.until_us, 0, memory_order_release);
    atomic_store_explicit(&d->view.term, now.term, memory_order_release);
    atomic_store_explicit(&d->view.until_us, now.until_us, memory_order_release);
    if (now.term && now.term != d->term)
        atomic_fetch_add_explicit(&d->gains_total, 1, memory_order_relaxed);
    d->term = now.term;
}

void outgoing_judged(const struct outgoing *o)
{
    const struct command *c = &o->command;

    if (c->status == 0 && o->verdict.verdict == VERDICT_APPLIED)
        atomic_fetch_add_explicit(&o->duty->accepted_total, 1, memory_order_relaxed);
    else if (c->status == 0 && c->log_time < o->due)
        atomic_store_explicit(&o->duty->early_us, c->log_time, memory_order_relaxed);
}

void outgoing_fill(struct outgoing *o, struct duty *d, const void *bytes, size_t length,
                   void (*done)(struct command *c))
{
    *o = (struct outgoing){.duty = d};
    o->command = (struct command){.bytes = bytes,
                                  .length = length,
                                  .verdicts = &o->verdict,
                                  .verdicts_capacity = 1,
                                  .done = done,
                                  .context = o};
}

/* ---- the turn ---- */

static void announced(struct command *c)
{
    struct outgoing *o = c->context;
    atomic_fetch_sub_explicit(&o->duty->announcements_out, 1, memory_order_release);
}

/* Whoever comes on duty of a log that is shared says which level it knows. That also tells it the log's time:
 * an instance that has just started, with a wrong clock and a log in which nothing happens, would have
 * nothing else to go by. */
static void announce(struct duty *d, int64_t now_us)
{
    struct command_port port = engine_port(d->engine);
    struct record r = {.kind = RECORD_ANNOUNCE, .intake.after = -1, .raise_level = LEVEL_NEWEST};
    struct buffer *b = &d->announcement_bytes;

    if (!d->engine->log->ops->duty || !duty_held(d, now_us) || d->announced_term == d->term ||
        atomic_load_explicit(&d->announcements_out, memory_order_acquire))
        return;
    buffer_clear(b);
    if (record_encode(&r, b) != 0)
        return;
    outgoing_fill(&d->announcement, d, b->at, b->length, announced);
    atomic_fetch_add_explicit(&d->announcements_out, 1, memory_order_relaxed);
    if (port.submit(port.engine, &d->announcement.command) == 0)
        d->announced_term = d->term;
    else
        atomic_fetch_sub_explicit(&d->announcements_out, 1, memory_order_relaxed);
}

static instant_t look_at_clock(struct duty *d, int64_t wall_us, int64_t now_us)
{
    const struct view *v = &d->engine->view;
    uint64_t next_offset = atomic_load_explicit(&v->next_offset, memory_order_acquire);
    int64_t log_us = atomic_load_explicit(&v->log_time, memory_order_relaxed);
    int64_t early_us = atomic_exchange_explicit(&d->early_us, 0, memory_order_relaxed);

    duty_clock_look(&d->clock, next_offset, log_us, now_us);
    if (early_us)
        duty_clock_set(&d->clock, early_us, now_us);
    return duty_clock_now(&d->clock, wall_us, now_us);
}

void duty_turn(struct duty *d, int64_t wall_us, int64_t now_us)
{
    look_at_membership(d, now_us);
    announce(d, now_us);
    instant_t log_now = look_at_clock(d, wall_us, now_us);
    duty_look_at_due(d, log_now, now_us);
    duty_look_at_silence(d, log_now, now_us);
    duty_look_at_outputs(d, now_us);
}

/* Until the next look is due, or the writer answered. */
static bool wait_for_turn(struct duty *d)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&d->lock);
    while (!d->stopping && !d->has_answer)
        if (pthread_cond_timedwait(&d->answered, &d->lock, &until) == ETIMEDOUT)
            break;
    bool stopping = d->stopping;
    pthread_mutex_unlock(&d->lock);
    return !stopping;
}

static void *duty_main(void *context)
{
    struct duty *d = context;

    while (wait_for_turn(d))
        duty_turn(d, clock_wall_us(), clock_monotonic_us());
    return NULL;
}

/* ---- life ---- */

struct duty *duty_create(struct engine *e)
{
    struct duty *d = calloc(1, sizeof(*d));
    pthread_condattr_t monotonic;

    if (!d)
        return NULL;
    d->engine = e;
    d->next_due_us = INT64_MAX;
    d->news_offset = e->state->next_offset;
    d->known = e->state->outputs;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return d;
}

int duty_start(struct duty *d)
{
    d->started = pthread_create(&d->thread, NULL, duty_main, d) == 0;
    if (d->started)
        pthread_setname_np(d->thread, "duty");
    return d->started ? 0 : ERROR_NOMEM;
}

void duty_stop(struct duty *d)
{
    if (!d || !d->started)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->answered);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    d->started = false;
    atomic_store_explicit(&d->view.term, 0, memory_order_release);
}

void duty_destroy(struct duty *d)
{
    if (!d)
        return;
    duty_stop(d);
    for (size_t i = 0; i < OUTPUTS_MOST; i++)
        buffer_finish(&d->progress_bytes[i]);
    for (size_t i = 0; i < SILENCES_MOST; i++)
        buffer_finish(&d->silence_bytes[i]);
    buffer_finish(&d->announcement_bytes);
    buffer_finish(&d->bytes);
    epoch_unregister(d->reader);
    pthread_cond_destroy(&d->answered);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

const struct duty_view *duty_view(const struct duty *d)
{
    return &d->view;
}

void duty_count(struct duty *d, struct duty_counts *ret)
{
#define GET(name) atomic_load_explicit(&d->name, memory_order_relaxed)
    *ret = (struct duty_counts){.held = duty_term(&d->view, clock_monotonic_us()) != 0,
                                .gains = GET(gains_total),
                                .proposals = GET(proposals_total),
                                .accepted = GET(accepted_total),
                                .progress = GET(progress_total),
                                .waiting = GET(waiting)};
#undef GET
}
