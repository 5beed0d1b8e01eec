/* The writer thread: takes durable records from the log, decodes, applies, publishes, and tells whoever
 * waits. */
#include "engine/internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "codec/record_codec.h"
#include "core/answer/notice.h"
#include "engine/feed.h"

#include <time.h>

enum { IDLE_MS = 200, COPY_WAIT_MS = 2, RETIRED_A_TURN = 4096, FETCHED_AHEAD = 8 };

static void command_finish(struct command *c, int status)
{
    c->status = status;
    c->done(c);
}

/* Another core wrote the bytes, and the command that will be answered. */
static void fetch_record(const struct log_record *r)
{
    const char *bytes = r->bytes, *command = r->cookie;

    __builtin_prefetch(bytes);
    __builtin_prefetch(bytes + 64);
    if (command) {
        __builtin_prefetch(command, 1);
        __builtin_prefetch(command + 64, 1);
    }
}

/* Everything of a batch is decoded before anything is applied, so that what apply will touch can be fetched
 * meanwhile. A record that raises the level ends the run, because what follows it is to be read at the new
 * level. */
static size_t decode_run(struct engine *e, size_t from, size_t count)
{
    struct problems problems; /* five kilobytes: only its count begins at zero */
    size_t i = from;

    for (size_t k = from; k < count && k < from + FETCHED_AHEAD; k++)
        fetch_record(&e->records[k]);
    while (i < count) {
        struct record *r = &e->decoded[i];
        if (i + FETCHED_AHEAD < count)
            fetch_record(&e->records[i + FETCHED_AHEAD]);
        problems.count = 0;
        e->unknown_fields[i] = 0;
        *r = (struct record){0};
        int error = record_decode_any(e->records[i].bytes, e->records[i].length, e->state->level, &e->arena,
                                      r, &e->unknown_fields[i], &problems);
        e->readable[i] = error == 0;
        if (error) {
            e->unreadable++;
            log_warning("record %lu cannot be read and is left out: %s %s", e->records[i].offset,
                        problems.count ? problems.at[0].pointer : "",
                        problems.count ? problems.at[0].detail : error_text(error));
        }
        i++;
        if (e->readable[i - 1] && (r->kind == RECORD_LEVEL || r->kind == RECORD_INCARNATION))
            break;
    }
    return i;
}

static void keep_dead_letters(struct engine *e, const struct record *r, uint64_t offset)
{
    const struct engine_witness *w = &e->options.witness;

    if (r->intake.name.length && w->judged)
        w->judged(w->context, r, e->outcome.verdicts, e->outcome.verdicts_count, offset);
    if (!e->dead_letters || r->kind != RECORD_EVENTS || r->intake.name.length)
        return;
    size_t count = r->events_count < e->outcome.verdicts_count ? r->events_count : e->outcome.verdicts_count;
    for (size_t i = 0; i < count; i++)
        if (e->outcome.verdicts[i].verdict == VERDICT_REJECTED)
            dead_letters_add(e->dead_letters, state_incarnation(e->state), offset, (uint32_t)i,
                             e->state->log_time, &r->events[i], e->outcome.verdicts[i]);
}

/* Bytes that are no record of ours: whoever may write to the log's topic can send them. They are kept with
 * the reason, which decoding them once more tells. */
static void keep_unreadable(struct engine *e, const struct log_record *l)
{
    struct problems problems = {0};
    struct record r = {0};
    uint32_t unknown_fields;

    if (!e->dead_letters)
        return;
    int error =
        record_decode_any(l->bytes, l->length, e->state->level, &e->arena, &r, &unknown_fields, &problems);
    dead_letters_add_unreadable(e->dead_letters, state_incarnation(e->state), l->offset, l->appended_at,
                                problems.count ? problems.at[0].pointer : "",
                                problems.count ? problems.at[0].detail : error_text(error),
                                (struct text){l->bytes, l->length});
}

static void answer(struct engine *e, struct command *c, uint64_t offset)
{
    size_t count = e->outcome.verdicts_count;

    if (count > c->verdicts_capacity)
        count = c->verdicts_capacity;
    if (count)
        memcpy(c->verdicts, e->outcome.verdicts, count * sizeof(*c->verdicts));
    c->verdicts_count = count;
    c->reservation = e->outcome.reservation; /* the submitter's from now on */
    e->outcome.reservation = NULL;
    c->incarnation = state_incarnation(e->state);
    c->offset = offset;
    c->log_time = e->state->log_time;
    c->status = 0;
    if (c->done_all)
        e->answered[e->answered_count++] = c;
    else
        c->done(c);
}

/* Those that want to come back together: the core that waits for them is disturbed once a batch. */
static void give_answered(struct engine *e)
{
    for (size_t from = 0, to; from < e->answered_count; from = to) {
        const struct command *first = e->answered[from];
        void (*done_all)(struct command *const *, size_t) = first->done_all;
        const void *context = first->context;
        for (to = from + 1; to < e->answered_count && e->answered[to]->done_all == done_all &&
                            e->answered[to]->context == context;)
            to++;
        done_all(e->answered + from, to - from);
    }
    e->answered_count = 0;
}

/* Makes what was applied known: a reader that loads next_offset sees rows at least that new. Events change
 * neither settings nor level. */
static void publish_position(struct engine *e, bool only_events)
{
    struct view *v = &e->view;

    if (!only_events) {
        atomic_store_explicit(&v->incarnations_count, e->state->incarnations_count, memory_order_release);
        atomic_store_explicit(&v->level, e->state->level, memory_order_relaxed);
        view_set_settings(v, &e->state->settings);
    }
    atomic_store_explicit(&v->log_time, e->state->log_time, memory_order_relaxed);
    atomic_store_explicit(&v->next_offset, e->state->next_offset, memory_order_release);
}

/* Applies one record, however long memory takes to come back. */
static int apply_one(struct engine *e, size_t i)
{
    const struct log_record *l = &e->records[i];

    for (;;) {
        int error = e->readable[i]
                        ? state_apply(e->state, &e->decoded[i], l->offset, l->appended_at, &e->outcome)
                        : state_skip(e->state, l->offset, l->appended_at);
        if (error != ERROR_NOMEM)
            return error;
        engine_set_why(e, "out of memory while applying record %lu: trying again", l->offset);
        atomic_store_explicit(&e->view.ready, false, memory_order_relaxed);
        if (atomic_load_explicit(&e->stopping, memory_order_relaxed))
            return error;
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
        epoch_poll(e->epoch, SIZE_MAX);
    }
}

static void prefetch(struct engine *e, size_t from, size_t to)
{
    const struct record *records[BATCH_RECORDS];
    size_t count = 0;

    for (size_t i = from; i < to; i++)
        if (e->readable[i])
            records[count++] = &e->decoded[i];
    state_prefetch(e->state, records, count);
}

static void tell_duty(struct engine *e, size_t i)
{
    enum record_kind kind = e->readable[i] ? e->decoded[i].kind : RECORD_EVENTS;

    if (record_is_news(kind))
        duty_news(e->duty, e->state->next_offset);
    else if (kind == RECORD_PROGRESS)
        duty_outputs_changed(e->duty, e->state);
}

static void show_in_window(struct engine *e, const struct record *r, uint64_t offset)
{
    if (r->kind == RECORD_INCARNATION)
        window_clear(e->options.window, offset + 1); /* offsets may begin anew */
    notices_add(e->options.window, e->state, r, &e->outcome, offset);
}

/* Hands on what a record did. */
static void told(struct engine *e, const struct record *r, uint64_t offset)
{
    const struct historian *h = &e->options.historian;

    if (e->options.window)
        show_in_window(e, r, offset);
    feed_applied(e->options.feed, e->state, r, &e->outcome, offset);
    if (h->applied)
        h->applied(h->context, e->state, r, &e->outcome, offset);
}

/* Everything up to here is applied, visible and told. */
static void flush(struct engine *e)
{
    const struct historian *h = &e->options.historian;

    if (e->options.window)
        window_show(e->options.window, e->state->next_offset);
    feed_flush(e->options.feed, e->state->next_offset);
    if (h->applied)
        h->flushed(h->context, e->state, e->state->next_offset);
}

/* Steps that were refused, by reason: since start, replay included. */
static void count_step(struct engine *e, size_t i)
{
    const struct event_verdict *v = e->outcome.verdicts;

    if (e->readable[i] && e->decoded[i].kind == RECORD_RESERVATION && e->outcome.verdicts_count &&
        v->verdict == VERDICT_REJECTED)
        atomic_fetch_add_explicit(&e->steps_refused[v->reason], 1, memory_order_relaxed);
}

static int apply_run(struct engine *e, size_t from, size_t to)
{
    prefetch(e, from, to);
    for (size_t i = from; i < to; i++) {
        e->outcome.verdicts_count = e->outcome.alerts_count = e->outcome.changes_count = 0;
        e->outcome.locations_count = e->outcome.lines_count = 0;
        e->outcome.keeps_briefs = e->options.window;
        if (e->options.historian.wants)
            e->outcome.keeps_lines = e->options.historian.wants(e->options.historian.context);
        int error = apply_one(e, i);
        if (error)
            return error;
        e->state->counts.unknown_fields +=
            e->unknown_fields[i]; /* now: a digest may be taken of the state here */
        uint64_t offset = e->records[i].offset;
        if (e->readable[i])
            keep_dead_letters(e, &e->decoded[i], offset);
        else
            keep_unreadable(e, &e->records[i]);
        e->alerts += e->outcome.alerts_count;
        publish_position(e, !e->readable[i] || e->decoded[i].kind == RECORD_EVENTS ||
                                e->decoded[i].kind == RECORD_RESERVATION);
        tell_duty(e, i);
        count_step(e, i);
        if (e->readable[i])
            told(e, &e->decoded[i], offset);
        struct command *c = e->records[i].cookie;
        if (e->readable[i])
            digests_applied(e, &e->decoded[i], e->decoded[i].kind == RECORD_DIGEST && digests_are_ours(c));
        else
            e->copying.news++;
        if (atomic_load_explicit(&e->digest_armed, memory_order_relaxed))
            copying_arm(e);
        e->records[i].cookie = NULL;
        if (c)
            answer(e, c, offset);
    }
    return 0;
}

static int apply_batch(struct engine *e, size_t count)
{
    int error = 0;

    for (size_t from = 0; from < count && !error;) {
        size_t to = decode_run(e, from, count);
        error = apply_run(e, from, to);
        from = to;
    }
    give_answered(e);
    arena_reset(&e->arena);
    flush(e);
    for (size_t i = 0; error && i < count; i++)
        if (e->records[i].cookie)
            command_finish(e->records[i].cookie, ERROR_UNAVAILABLE);
    return error;
}

static void publish_counters(struct engine *e)
{
    const struct state *s = e->state;
    const struct state_counts *c = &s->counts;
    struct repeats_stats repeats = s->repeats ? repeats_stats(s->repeats) : (struct repeats_stats){0};
    struct reservations_stats reservations = reservations_stats(s->reservations);
    struct log_status log;

    e->log->ops->status(e->log, &log);
    uint64_t reached = log.reached_offset > s->next_offset ? log.reached_offset : s->next_offset;
#define PUT(name, value) atomic_store_explicit(&e->published.name, (uint64_t)(value), memory_order_relaxed)
    PUT(records_total, c->records);
    PUT(events_total, c->events);
    PUT(events_applied_total, c->applied);
    PUT(events_partial_total, c->partial);
    PUT(events_superseded_total, c->superseded);
    PUT(events_duplicate_total, c->duplicate);
    PUT(events_rejected_total, c->rejected);
    PUT(events_unverified_total, c->unverified);
    PUT(events_unmatched_total, c->unmatched);
    PUT(counts_approximate_total, c->approximate);
    PUT(sequence_reused_total, c->sequence_reused);
    PUT(intake_repeats_total, c->intake_repeats);
    PUT(intake_gaps_total, c->gaps);
    PUT(intake_skipped_total, c->skipped);
    PUT(unknown_fields_total, c->unknown_fields);
    PUT(unreadable_records_total, e->unreadable);
    PUT(log_next_offset, s->next_offset);
    PUT(log_reached_offset, reached);
    PUT(log_time_seconds, s->log_time == INSTANT_NONE ? 0 : s->log_time / INSTANT_SECOND);
    PUT(log_behind_records, log.end_offset > reached ? log.end_offset - reached : 0);
    PUT(log_bytes_total, log.bytes);
    PUT(log_groups_total, log.groups);
    PUT(log_syncs_total, log.syncs);
    PUT(log_renewals_total, log.renewals);
    PUT(level, s->level);
    PUT(skus, table_sku_count(s->table));
    PUT(rows, table_rows_count(s->table));
    PUT(locations, catalogue_locations_count(s->catalogue));
    PUT(locations_stale, s->places.stale);
    PUT(table_bytes, table_bytes(s->table));
    PUT(ids, repeats.ids);
    PUT(ids_bytes, repeats.ids_bytes);
    PUT(sources, repeats.sources);
    PUT(sources_bytes, repeats.sources_bytes);
    PUT(sequence_gaps, repeats.sequence_gaps);
    PUT(open_demand, chains_count(s->open_demand));
    PUT(open_demand_bytes,
        chains_bytes(s->open_demand) + chains_count(s->open_demand) * sizeof(struct chain));
    PUT(reservations_open, reservations.open);
    PUT(reservations_held, reservations.held);
    PUT(reservations_remembered, reservations.remembered);
    PUT(reservations_granted_total, reservations.granted);
    PUT(reservations_refused_total, reservations.refused);
    PUT(reservations_confirmed_total, reservations.confirmed);
    PUT(reservations_released_total, reservations.released);
    PUT(reservations_expired_total, reservations.expired);
    PUT(reservations_revived_total, reservations.revived);
    PUT(reservations_cancelled_total, reservations.cancelled);
    PUT(reservations_fulfilled_total, reservations.fulfilled);
    PUT(reservations_conflicts_total, reservations.conflicts);
    PUT(alerts_total, e->alerts);
    PUT(dead_letters_total, e->dead_letters ? dead_letters_written(e->dead_letters) : 0);
    PUT(dead_letters_lost_total, e->dead_letters ? dead_letters_lost(e->dead_letters) : 0);
#undef PUT
    bool ready = log.writable && reached >= e->ready_at_offset;
    if (!log.writable)
        engine_set_why(e, "%s", log.reason);
    else if (!ready)
        engine_set_why(e, "replaying: at record %lu of %lu", reached, e->ready_at_offset);
    atomic_store_explicit(&e->view.ready, ready, memory_order_relaxed);
    atomic_store_explicit(&e->published.ready, ready, memory_order_relaxed);
    if (ready && !e->ready) {
        pthread_mutex_lock(&e->lock);
        e->ready = true;
        e->why_not_ready[0] = '\0';
        pthread_cond_broadcast(&e->changed);
        pthread_mutex_unlock(&e->lock);
    }
}

static void stopped(struct engine *e, int error)
{
    atomic_store_explicit(&e->view.ready, false, memory_order_relaxed);
    atomic_store_explicit(&e->published.ready, 0, memory_order_relaxed);
    if (error == ERROR_LEVEL)
        engine_set_why(
            e, "the log asks for a newer version of onhand at record %lu: upgrade; nothing was skipped",
            e->state->next_offset);
    else if (error) {
        struct log_status log;
        e->log->ops->status(e->log, &log);
        engine_set_why(e, "stopped at record %lu: %s", e->state->next_offset,
                       log.writable || !log.reason[0] ? error_text(error) : log.reason);
    }
    if (error)
        log_error("no more records are applied: %s", e->why_not_ready);
    pthread_mutex_lock(&e->lock);
    e->stopped_by = error ? error : ERROR_CLOSED;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

/* After an error nothing is applied any more, but what still comes out of the log has to be handed back. */
static void hand_back(struct engine *e)
{
    while (!atomic_load_explicit(&e->drained, memory_order_acquire)) {
        int count = e->log->ops->next(e->log, e->records, BATCH_RECORDS, IDLE_MS);
        for (int i = 0; i < count; i++)
            if (e->records[i].cookie)
                command_finish(e->records[i].cookie, ERROR_UNAVAILABLE);
        if (count < 0)
            nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
}

/* One turn: what the log has now, then a piece of whatever is being copied. How many records were applied, or
 * an error. */
int writer_turn(struct engine *e, int wait_ms, int *ret_next_wait_ms)
{
    int count = e->log->ops->next(e->log, e->records, BATCH_RECORDS, wait_ms);

    if (count < 0)
        return count;
    int error = count ? apply_batch(e, (size_t)count) : 0;
    if (error)
        return error;
    if (!count && e->options.historian.applied) /* who wants something of it need not wait for a record */
        e->options.historian.flushed(e->options.historian.context, e->state, e->state->next_offset);
    epoch_poll(e->epoch, RETIRED_A_TURN);
    bool asked = asks_turn(e);
    int turn = copying_turn(e);
    *ret_next_wait_ms = turn > 0 || asked ? 0 : turn < 0 ? COPY_WAIT_MS : IDLE_MS;
    publish_counters(e);
    duty_serve(e->duty, e->state);
    return count;
}

void *writer_main(void *context)
{
    struct engine *e = context;
    int count, wait_ms = 0;

    flush(e); /* before anybody hears that the engine is ready */
    publish_counters(e);
    for (;;) {
        bool last = atomic_load_explicit(&e->drained, memory_order_acquire);
        count = writer_turn(e, last ? 0 : wait_ms, &wait_ms);
        if (count < 0 || (count == 0 && last))
            break;
    }
    stopped(e, count);
    if (count < 0)
        hand_back(e);
    else
        copying_finish(e);
    asks_give_back(e);
    return NULL;
}
