/* Who is on duty, what it proposes, what it records. */
#include "engine/duty.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "codec/record_codec.h"
#include "core/model/proposals.h"
#include "engine/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 40, PROPOSALS_MOST = 256, BEHIND_MOST = 100000, BEHIND_AGAIN = 10000 };
#define RETRY_US INSTANT_SECOND
#define PROGRESS_EVERY_US INSTANT_SECOND
#define CLOCK_AGREES_US (2 * INSTANT_SECOND)
#define CLOCK_FRESH_US (60 * INSTANT_SECOND)

/* What is known of log time between records. */
struct duty_clock {
    uint64_t next_offset;  /* at the last look; 0: none yet */
    bool heard;            /* a record came while we looked */
    int64_t log_us, at_us; /* the log said this, then (monotonic) */
    int64_t fresh_us;      /* when the log last bore that out */
};

/* A record on its way to the log. */
struct outgoing {
    struct command command;
    struct event_verdict verdict;
    struct duty *duty;
};

struct duty_output {
    struct duty *duty;
    char name[TEXT_BYTES_MOST + 1];
    /* under lock */
    bool is_recorded;
    struct duty_place recorded;
    uint64_t reported_term; /* 0: nothing reported */
    struct duty_place reported;
};

struct duty {
    struct engine *engine;
    struct duty_view view;
    pthread_t thread;
    bool started;

    /* the thread's */
    struct duty_clock clock;
    bool fit;
    uint64_t local_term, term; /* of a log that nobody shares; as last looked */
    int64_t progress_us;
    struct outgoing proposal[PROPOSALS_MOST], progress[OUTPUTS_MOST];
    struct buffer progress_bytes[OUTPUTS_MOST];
    _Atomic uint32_t proposals_out;  /* on their way */
    bool progress_out[OUTPUTS_MOST]; /* under lock */

    /* between duty and writer */
    _Atomic int64_t next_due_us; /* log time; INT64_MAX: nothing */
    _Atomic uint64_t news_offset;
    _Atomic int64_t early_us; /* the log's time when it found a proposal early; 0: none was */
    _Atomic bool asked;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    instant_t until; /* under lock, like what follows */
    bool has_answer, stopping;
    size_t count, ends[PROPOSALS_MOST];
    struct buffer bytes;
    struct outputs known; /* as the state has them */
    size_t outputs_count;
    struct duty_output outputs[OUTPUTS_MOST];

    _Atomic uint64_t gains_total, proposals_total, accepted_total, progress_total, waiting;
};

/* ---- the clock ---- */

static int64_t clock_estimate(const struct duty_clock *c, int64_t now_us)
{
    return c->log_us + (now_us - c->at_us);
}

static void clock_set(struct duty_clock *c, int64_t log_us, int64_t now_us)
{
    c->heard = true;
    c->log_us = log_us;
    c->at_us = c->fresh_us = now_us;
}

/* Records tell log time at their append, which is a moment ago: the latest that they can be made to say is
 * nearest. */
static void clock_look(struct duty_clock *c, const struct view *v, int64_t now_us)
{
    uint64_t next = atomic_load_explicit(&v->next_offset, memory_order_acquire);
    int64_t log_us = atomic_load_explicit(&v->log_time, memory_order_relaxed);

    if (next == c->next_offset)
        return;
    int64_t ahead = c->heard ? clock_estimate(c, now_us) - log_us : 0;
    if (c->next_offset && (!c->heard || ahead < 0 || ahead > CLOCK_AGREES_US))
        clock_set(c, log_us, now_us);
    else if (c->next_offset)
        c->fresh_us = now_us;
    c->next_offset = next;
}

static int64_t clock_now(const struct duty_clock *c, int64_t wall_us, int64_t now_us)
{
    int64_t estimate = clock_estimate(c, now_us);

    if (!c->heard)
        return wall_us;
    bool agrees = llabs(wall_us - estimate) < CLOCK_AGREES_US;
    return agrees || now_us - c->fresh_us < CLOCK_FRESH_US || estimate > wall_us ? estimate : wall_us;
}

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

/* ---- proposals ---- */

/* @thread writer or log */
static void proposal_done(struct command *c)
{
    struct outgoing *o = c->context;
    struct duty *d = o->duty;

    if (c->status == 0 && o->verdict.verdict == VERDICT_APPLIED)
        atomic_fetch_add_explicit(&d->accepted_total, 1, memory_order_relaxed);
    else if (c->status == 0 && c->log_time < d->until)
        atomic_store_explicit(&d->early_us, c->log_time, memory_order_relaxed);
    atomic_fetch_sub_explicit(&d->proposals_out, 1, memory_order_release);
}

static void outgoing_fill(struct outgoing *o, struct duty *d, const void *bytes, size_t length,
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

/* The answer goes to the log, if duty is still ours. What finds no room comes again. */
static void propose(struct duty *d, int64_t now_us)
{
    struct command_port port = engine_port(d->engine);

    pthread_mutex_lock(&d->lock);
    size_t count = d->has_answer && duty_term(&d->view, now_us) ? d->count : 0;
    d->has_answer = false;
    pthread_mutex_unlock(&d->lock);
    for (size_t i = 0; i < count; i++) {
        size_t from = i ? d->ends[i - 1] : 0;
        outgoing_fill(&d->proposal[i], d, d->bytes.at + from, d->ends[i] - from, proposal_done);
        atomic_fetch_add_explicit(&d->proposals_out, 1, memory_order_relaxed);
        if (port.submit(port.engine, &d->proposal[i].command) != 0) {
            atomic_fetch_sub_explicit(&d->proposals_out, 1, memory_order_relaxed);
            return;
        }
        atomic_fetch_add_explicit(&d->proposals_total, 1, memory_order_relaxed);
    }
}

static void ask_writer(struct duty *d, instant_t until)
{
    struct log *log = d->engine->log;

    pthread_mutex_lock(&d->lock);
    d->until = until;
    pthread_mutex_unlock(&d->lock);
    atomic_store_explicit(&d->asked, true, memory_order_release); /* pairs with the acquire in duty_serve */
    log->ops->wake(log);
}

static void look_at_due(struct duty *d, int64_t wall_us, int64_t now_us)
{
    int64_t early_us = atomic_exchange_explicit(&d->early_us, 0, memory_order_relaxed);

    clock_look(&d->clock, &d->engine->view, now_us);
    if (early_us)
        clock_set(&d->clock, early_us, now_us);
    if (atomic_load_explicit(&d->asked, memory_order_acquire) ||
        atomic_load_explicit(&d->proposals_out, memory_order_acquire))
        return;
    instant_t log_now = clock_now(&d->clock, wall_us, now_us);
    propose(d, now_us);
    if (duty_term(&d->view, now_us) && !atomic_load_explicit(&d->proposals_out, memory_order_acquire) &&
        atomic_load_explicit(&d->next_due_us, memory_order_relaxed) <= log_now)
        ask_writer(d, log_now);
}

/* ---- @thread writer ---- */

static bool add_proposal(struct duty *d, const struct state *s, enum due_kind kind, const struct due_entry *e)
{
    struct record r = {.kind = RECORD_PROPOSAL, .intake.after = -1};

    due_describe(s, kind, e, &r.proposal);
    if (record_encode(&r, &d->bytes) != 0) {
        d->bytes.length = d->count ? d->ends[d->count - 1] : 0;
        d->bytes.failed = false;
        return false;
    }
    d->ends[d->count++] = d->bytes.length;
    return true;
}

/* Each kind in turn, so that many of one do not keep the others waiting for ever: what is left is due still.
 */
static void collect(struct duty *d, struct state *s)
{
    for (int kind = 0; kind < DUE_KINDS; kind++) {
        instant_t until = d->until - due_delay_us(&s->settings, kind);
        size_t most = d->count + (PROPOSALS_MOST - d->count) / (size_t)(DUE_KINDS - kind);
        struct due_entry *e;
        while (d->count < most && (e = due_take(&s->due, kind, until, until + RETRY_US)))
            if (!add_proposal(d, s, kind, e))
                return;
    }
}

static int64_t next_due(const struct state *s, uint64_t *ret_waiting)
{
    int64_t next = INT64_MAX;

    *ret_waiting = 0;
    for (int kind = 0; kind < DUE_KINDS; kind++) {
        instant_t at = due_next(&s->due, kind);
        *ret_waiting += s->due.heap[kind].count;
        if (at != INT64_MAX && at + due_delay_us(&s->settings, kind) < next)
            next = at + due_delay_us(&s->settings, kind);
    }
    return next;
}

void duty_serve(struct duty *d, struct state *s)
{
    uint64_t waiting;

    if (atomic_load_explicit(&d->asked, memory_order_acquire)) {
        pthread_mutex_lock(&d->lock);
        d->count = 0;
        buffer_clear(&d->bytes);
        collect(d, s);
        d->has_answer = true;
        atomic_store_explicit(&d->asked, false, memory_order_release);
        pthread_cond_signal(&d->answered);
        pthread_mutex_unlock(&d->lock);
    }
    atomic_store_explicit(&d->next_due_us, next_due(s, &waiting), memory_order_relaxed);
    atomic_store_explicit(&d->waiting, waiting, memory_order_relaxed);
}

/* @lock held */
static void learn_output(struct duty_output *o)
{
    const struct output *known = outputs_find(&o->duty->known, text_of(o->name));

    o->is_recorded = known != NULL;
    if (known)
        o->recorded = (struct duty_place){known->incarnation, known->offset};
}

void duty_outputs_changed(struct duty *d, const struct state *s)
{
    pthread_mutex_lock(&d->lock);
    d->known = s->outputs;
    for (size_t i = 0; i < d->outputs_count; i++)
        learn_output(&d->outputs[i]);
    pthread_mutex_unlock(&d->lock);
}

void duty_news(struct duty *d, uint64_t next_offset)
{
    atomic_store_explicit(&d->news_offset, next_offset, memory_order_relaxed);
}

/* ---- outputs ---- */

static void output_report(void *output, uint64_t term, struct duty_place place)
{
    struct duty_output *o = output;

    pthread_mutex_lock(&o->duty->lock);
    o->reported_term = term;
    o->reported = place;
    pthread_mutex_unlock(&o->duty->lock);
}

static bool output_recorded(void *output, struct duty_place *ret_place)
{
    struct duty_output *o = output;

    pthread_mutex_lock(&o->duty->lock);
    bool is = o->is_recorded;
    if (is)
        *ret_place = o->recorded;
    pthread_mutex_unlock(&o->duty->lock);
    return is;
}

int duty_output(struct duty *d, const char *name, struct duty_port *ret_port)
{
    if (d->outputs_count == OUTPUTS_MOST || strlen(name) > TEXT_BYTES_MOST)
        return ERROR_LIMIT;
    struct duty_output *o = &d->outputs[d->outputs_count];
    o->duty = d;
    snprintf(o->name, sizeof(o->name), "%s", name);
    pthread_mutex_lock(&d->lock);
    learn_output(o);
    d->outputs_count++;
    pthread_mutex_unlock(&d->lock);
    *ret_port = (struct duty_port){
        .view = &d->view, .output = o, .report = output_report, .recorded = output_recorded};
    return 0;
}

/* Is there something to say about it that whoever comes next has use for? A record of progress is no news
 * itself, or progress would go on for ever. */
static bool is_worth_a_record(const struct duty *d, const struct duty_output *o)
{
    uint64_t news = atomic_load_explicit(&d->news_offset, memory_order_relaxed);

    if (o->reported_term != d->term ||
        (o->is_recorded && o->reported.incarnation == o->recorded.incarnation &&
         o->reported.offset == o->recorded.offset))
        return false;
    return !o->is_recorded || !o->reported.offset || o->reported.incarnation != o->recorded.incarnation ||
           o->recorded.offset < news;
}

static void progress_done(struct command *c)
{
    struct outgoing *o = c->context;
    struct duty *d = o->duty;

    pthread_mutex_lock(&d->lock);
    d->progress_out[o - d->progress] = false;
    pthread_mutex_unlock(&d->lock);
}

static void record_output(struct duty *d, size_t i)
{
    struct command_port port = engine_port(d->engine);
    struct duty_output *o = &d->outputs[i];
    struct record r = {.kind = RECORD_PROGRESS, .intake.after = -1};

    pthread_mutex_lock(&d->lock);
    bool worth = !d->progress_out[i] && is_worth_a_record(d, o);
    d->progress_out[i] |= worth;
    r.progress = (struct progress_said){text_of(o->name), o->reported.incarnation, o->reported.offset};
    pthread_mutex_unlock(&d->lock);
    if (!worth)
        return;
    struct buffer *b = &d->progress_bytes[i];
    buffer_clear(b);
    int error = record_encode(&r, b);
    outgoing_fill(&d->progress[i], d, b->at, b->length, progress_done);
    if (!error)
        error = port.submit(port.engine, &d->progress[i].command);
    if (error)
        progress_done(&d->progress[i].command);
    else
        atomic_fetch_add_explicit(&d->progress_total, 1, memory_order_relaxed);
}

static void record_progress(struct duty *d, int64_t now_us)
{
    if (!duty_term(&d->view, now_us) || now_us - d->progress_us < PROGRESS_EVERY_US)
        return;
    d->progress_us = now_us;
    for (size_t i = 0; i < d->outputs_count; i++)
        record_output(d, i);
}

/* ---- the turn ---- */

void duty_turn(struct duty *d, int64_t wall_us, int64_t now_us)
{
    look_at_membership(d, now_us);
    look_at_due(d, wall_us, now_us);
    record_progress(d, now_us);
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
    buffer_finish(&d->bytes);
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
