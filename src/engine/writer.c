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

enum { IDLE_MS = 200, COPY_WAIT_MS = 2, RETIRED_A_TURN = 4096 };

static void command_finish(struct command *c, int status)
{
    c->status = status;
    c->done(c);
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
static void keep_unreadable(struct engine *e, const struct log_record *l, struct arena *arena)
{
    struct problems problems = {0};
    struct record r = {0};
    uint32_t unknown_fields;
    int error =
        record_decode_any(l->bytes, l->length, e->state->level, arena, &r, &unknown_fields, &problems);
    const char *pointer = problems.count ? problems.at[0].pointer : "";
    const char *detail = problems.count ? problems.at[0].detail : error_text(error);

    e->unreadable++;
    log_warning("record %lu cannot be read and is left out: %s %s", l->offset, pointer, detail);
    if (e->dead_letters)
        dead_letters_add_unreadable(e->dead_letters, state_incarnation(e->state), l->offset, l->appended_at,
                                    pointer, detail, (struct text){l->bytes, l->length});
}

static void answer(struct engine *e, struct command *c, uint64_t offset)
{
    size_t count = e->outcome.verdicts_count;

    if (count > c->verdicts_capacity)
        count = c->verdicts_capacity;
    if (count)
        memcpy(c->verdicts, e->outcome.verdicts, count * sizeof(*c->verdicts));
    c->verdicts_count = (uint32_t)count;
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

/* Out of memory: a while later there may be some. False: nobody waits for that any more. */
static bool wait_for_memory(struct engine *e, const char *doing, uint64_t offset)
{
    engine_set_why(e, "out of memory while %s record %lu: trying again", doing, offset);
    atomic_store_explicit(&e->view.ready, false, memory_order_relaxed);
    if (atomic_load_explicit(&e->stopping, memory_order_relaxed))
        return false;
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    epoch_poll(e->epoch, SIZE_MAX);
    return true;
}

/* Applies one record, however long memory takes to come back. */
static int apply_one(struct engine *e, const struct batch *b, size_t i)
{
    const struct log_record *l = &b->records[i];
    int error;

    do
        error = b->readable[i] ? state_apply(e->state, b->decoded[i], l->offset, l->appended_at, &e->outcome)
                               : state_skip(e->state, l->offset, l->appended_at);
    while (error == ERROR_NOMEM && wait_for_memory(e, "applying", l->offset));
    return error;
}

static void prefetch(struct engine *e, const struct batch *b, size_t from)
{
    const struct record *records[BATCH_RECORDS];
    size_t count = 0;

    for (size_t i = from; i < b->decoded_count; i++)
        if (b->readable[i])
            records[count++] = b->decoded[i];
    state_prefetch(e->state, records, count);
}

static void tell_duty(struct engine *e, const struct record *r)
{
    enum record_kind kind = r ? r->kind : RECORD_EVENTS;

    if (record_is_news(kind))
        duty_news(e->duty, e->state->next_offset);
    else if (kind == RECORD_PROGRESS)
        duty_outputs_changed(e->duty, e->state);
}

static bool is_for_window(const struct engine *e, uint64_t offset)
{
    return e->options.window && offset >= e->window_from;
}

/* Of a long replay the window would be written over again and again: what is told begins where it may just
 * fill it, if every second record changes something. */
static void begin_window(struct engine *e)
{
    struct window *w = e->options.window;
    uint64_t most = w ? 2 * window_slots(w) : 0;

    if (!w || e->ready_at_offset <= e->state->next_offset + most)
        return;
    e->window_from = e->ready_at_offset - most;
    window_clear(w, UINT64_MAX);
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

    if (is_for_window(e, offset))
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
static void count_step(struct engine *e, const struct record *r)
{
    const struct event_verdict *v = e->outcome.verdicts;

    if (r->kind == RECORD_RESERVATION && e->outcome.verdicts_count && v->verdict == VERDICT_REJECTED)
        atomic_fetch_add_explicit(&e->steps_refused[v->reason], 1, memory_order_relaxed);
}

/* What is wanted of the next record's outcome. */
static void begin_outcome(struct engine *e, uint64_t offset)
{
    struct outcome *o = &e->outcome;

    o->verdicts_count = o->alerts_count = o->changes_count = 0;
    o->locations_count = o->lines_count = 0;
    o->keeps_briefs = is_for_window(e, offset);
    if (o->keeps_briefs && e->window_from) {
        window_clear(e->options.window, offset);
        e->window_from = 0;
    }
    if (e->options.historian.wants)
        o->keeps_lines = e->options.historian.wants(e->options.historian.context);
}

/* Hands on what became of a record: `r` is NULL when nobody could read it. */
static void applied(struct engine *e, struct batch *b, const struct record *r, struct log_record *l)
{
    struct command *c = l->cookie;

    if (r)
        keep_dead_letters(e, r, l->offset);
    else
        keep_unreadable(e, l, &b->arena);
    e->alerts += e->outcome.alerts_count;
    publish_position(e, !r || r->kind == RECORD_EVENTS || r->kind == RECORD_RESERVATION);
    tell_duty(e, r);
    if (r) {
        count_step(e, r);
        told(e, r, l->offset);
        digests_applied(e, r, r->kind == RECORD_DIGEST && digests_are_ours(c));
    } else {
        e->copying.news++;
    }
    if (atomic_load_explicit(&e->digest_armed, memory_order_relaxed))
        copying_arm(e);
    l->cookie = NULL;
    if (c)
        answer(e, c, l->offset);
}

static int apply_run(struct engine *e, struct batch *b, size_t from)
{
    prefetch(e, b, from);
    for (size_t i = from; i < b->decoded_count; i++) {
        begin_outcome(e, b->records[i].offset);
        int error = apply_one(e, b, i);
        if (error)
            return error;
        e->state->counts.unknown_fields += b->unknown_fields[i]; /* now: a digest may be taken of the state */
        applied(e, b, b->readable[i] ? b->decoded[i] : NULL, &b->records[i]);
    }
    return 0;
}

/* Everything up to a change of level is decoded before anything of it is applied, so that what apply will
 * touch can be fetched meanwhile. */
static int decode_run(struct engine *e, struct batch *b, size_t from)
{
    int error = 0;

    do
        error = batch_decode(b, e->state->level);
    while (error == ERROR_NOMEM && b->decoded_count == from &&
           wait_for_memory(e, "decoding", b->records[from].offset));
    return b->decoded_count > from ? 0 : error;
}

static int apply_all(struct engine *e, struct batch *b)
{
    int error = 0;

    for (size_t from = 0; from < b->count && !error;) {
        if (b->decoded_count == from)
            error = decode_run(e, b, from);
        size_t end = b->decoded_count;
        if (!error)
            error = apply_run(e, b, from);
        from = end;
    }
    return error;
}

static int apply_batch(struct engine *e, struct batch *b)
{
    int error = apply_all(e, b);

    give_answered(e);
    flush(e);
    for (size_t i = 0; error && i < b->count; i++)
        if (b->records[i].cookie)
            command_finish(b->records[i].cookie, ERROR_UNAVAILABLE);
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
    struct log_record *records = e->batch.records;

    while (!atomic_load_explicit(&e->drained, memory_order_acquire)) {
        int count = e->log->ops->next(e->log, records, BATCH_RECORDS, IDLE_MS);
        for (int i = 0; i < count; i++)
            if (records[i].cookie)
                command_finish(records[i].cookie, ERROR_UNAVAILABLE);
        if (count < 0)
            nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
}

/* Applies what another thread has read ahead. 0: there is no more of that. */
static int apply_ahead(struct engine *e)
{
    struct batch *b;
    int count = read_ahead_next(e->ahead, &b);
    int error = count > 0 ? apply_batch(e, b) : count;

    if (count > 0 && !error) {
        read_ahead_give_back(e->ahead, e->state->level);
        return count;
    }
    read_ahead_end(e->ahead);
    e->ahead = NULL;
    return error;
}

/* Applies the next records. How many, or an error. */
static int apply_next(struct engine *e, int wait_ms)
{
    struct batch *b = &e->batch;
    int count = e->ahead ? apply_ahead(e) : 0;

    if (count)
        return count;
    batch_clear(b);
    count = e->log->ops->next(e->log, b->records, BATCH_RECORDS, wait_ms);
    if (count <= 0)
        return count;
    b->count = (size_t)count;
    int error = apply_batch(e, b);
    return error ? error : count;
}

/* One turn: what the log has now, then a piece of whatever is being copied. How many records were applied, or
 * an error. */
int writer_turn(struct engine *e, int wait_ms, int *ret_next_wait_ms)
{
    int count = apply_next(e, wait_ms);

    if (count < 0)
        return count;
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

    if (!e->options.open_log)
        e->ahead = read_ahead_begin(e->log, e->state->next_offset, e->ready_at_offset, e->state->level);
    begin_window(e);
    flush(e); /* before anybody hears that the engine is ready */
    publish_counters(e);
    for (;;) {
        bool last = atomic_load_explicit(&e->drained, memory_order_acquire);
        count = writer_turn(e, last ? 0 : wait_ms, &wait_ms);
        if (count < 0 || (count == 0 && last))
            break;
    }
    read_ahead_end(e->ahead);
    e->ahead = NULL;
    stopped(e, count);
    if (count < 0)
        hand_back(e);
    else
        copying_finish(e);
    asks_give_back(e);
    return NULL;
}
