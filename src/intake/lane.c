/* Keeps the chain of one partition whole: order, dead letters before what they stand for, starting over. */
#include "intake/internal.h"
#include "intake/consumer.h"
#include "base/error.h"

#include <stdio.h>

/* Only the intake thread counts: no bus needs to be locked. */
static void count_more(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

#define COUNT(l, what, n) count_more(&(l)->count.what, (n))

int64_t lane_position(const struct lane *l)
{
    return positions_get(l->intake->view->positions, source_name(l->source), l->partition);
}

int64_t lane_start_offset(const struct lane *l)
{
    int64_t position = lane_position(l);
    int64_t rejected = backlog_first(l->intake->backlog, source_name(l->source), l->partition, 0);

    if (rejected >= 0 && rejected <= position)
        return rejected;
    return position < 0 ? RD_KAFKA_OFFSET_BEGINNING : position + 1;
}

static void lane_go(struct lane *l)
{
    l->after = l->examine_until = lane_position(l);
    l->moved_at_ms = l->intake->now_ms;
    l->state = LANE_RUNNING;
}

static void lane_wait(struct lane *l, int64_t wait_ms)
{
    l->state = LANE_RESTARTING;
    l->restart_at_ms = l->intake->now_ms + wait_ms;
}

void lane_begin(struct lane *l)
{
    l->paused = l->decide = false;
    l->told_offset = -1;
    intake_say(l->intake, l->trouble, "%s", "");
    atomic_store_explicit(&l->count.assigned, true, memory_order_relaxed);
    if (l->in_flight)
        lane_wait(l, 0);
    else
        lane_go(l);
}

/* What it holds is of no use any more; the producer may still hold letters of it. */
static void drop_held(struct lane *l)
{
    while (l->held_first) {
        struct parcel *p = l->held_first;
        l->held_first = p->next;
        p->listed = false;
        if (p->letter == LETTER_SENT)
            p->step = PARCEL_ABANDONED;
        else {
            if (p->letter == LETTER_WANTED)
                l->intake->letters.wanted--;
            parcel_free(&l->intake->pool, p);
        }
    }
    l->held_last = NULL;
    l->held_count = 0;
}

void lane_end(struct lane *l)
{
    drop_held(l);
    l->state = LANE_UNASSIGNED;
    atomic_store_explicit(&l->count.assigned, false, memory_order_relaxed);
    atomic_store_explicit(&l->count.lag, 0, memory_order_relaxed);
}

void lane_fail(struct lane *l)
{
    if (l->state != LANE_RUNNING && l->state != LANE_RESTARTING)
        return;
    drop_held(l);
    l->backoff_ms = l->backoff_ms ? 2 * l->backoff_ms : BACKOFF_MS;
    if (l->backoff_ms > BACKOFF_MOST_MS)
        l->backoff_ms = BACKOFF_MOST_MS;
    if (l->state == LANE_RUNNING)
        COUNT(l, restarts, 1);
    lane_wait(l, l->backoff_ms);
}

void lane_choke(struct lane *l)
{
    if (l->state != LANE_RUNNING)
        return;
    COUNT(l, restarts, 1);
    lane_wait(l, BACKOFF_MS);
}

static void hold(struct lane *l, struct parcel *p)
{
    p->next = NULL;
    p->listed = true;
    if (l->held_last)
        l->held_last->next = p;
    else
        l->held_first = p;
    l->held_last = p;
    l->held_count++;
}

/* A message that the state has already, read again for the sake of its dead letter. Whether it was taken. */
static bool lane_examine(struct lane *l, rd_kafka_message_t *m)
{
    struct intake *i = l->intake;
    struct rejection r;

    if (backlog_first(i->backlog, source_name(l->source), l->partition, m->offset) != m->offset)
        return false;
    struct parcel *p = parcel_take(&i->pool);
    if (!p || !backlog_take(i->backlog, source_name(l->source), l->partition, m->offset, &r)) {
        if (p)
            parcel_free(&i->pool, p);
        lane_choke(l);
        return false;
    }
    parcel_fill(&i->pool, p, l, m);
    p->from_backlog = true;
    p->step = PARCEL_LETTER;
    p->reason = reason_name(r.reason);
    snprintf(p->detail, sizeof(p->detail), "event %u: %s %s", r.event, reason_pointer(r.reason),
             reason_detail(r.reason));
    letters_send(&i->letters, p);
    return true;
}

/* Makes a record of it; false without memory. */
static bool lane_translate(struct lane *l, struct parcel *p)
{
    struct intake *i = l->intake;
    struct translation told;
    p->after = l->after;
    const struct intake_said said = {
        .name = source_name(l->source), .partition = l->partition, .offset = p->offset, .after = p->after};
    uint32_t level = atomic_load_explicit(&i->view->level, memory_order_relaxed);

    if (translate(&i->translator, l->source->format, parcel_value(p), level, &said, &p->record, &p->decoded,
                  &told) != 0 ||
        !parcel_prepare(&i->pool, p, told.events, told.decoded))
        return false;
    p->step = told.reason ? PARCEL_AWAITS_LETTER : PARCEL_READY;
    if (told.reason) {
        p->reason = told.reason;
        snprintf(p->detail, sizeof(p->detail), "%s%s", told.detail,
                 told.bad > 1 ? " (and more events of it)" : "");
    }
    COUNT(l, messages, 1);
    COUNT(l, events, told.events);
    COUNT(l, rejected, told.bad);
    COUNT(l, unreadable, told.events == 0 && told.reason);
    return true;
}

bool lane_message(struct lane *l, rd_kafka_message_t *m)
{
    struct intake *i = l->intake;

    l->moved_at_ms = i->now_ms;
    if (l->state != LANE_RUNNING)
        return false;
    if (m->offset <= l->examine_until)
        return lane_examine(l, m);
    if (m->offset <= l->after)
        return false;
    struct parcel *p = parcel_take(&i->pool);
    if (!p) {
        lane_choke(l);
        return false;
    }
    parcel_fill(&i->pool, p, l, m);
    if (!lane_translate(l, p)) {
        parcel_free(&i->pool, p);
        lane_fail(l);
        return true;
    }
    l->after = p->offset;
    hold(l, p);
    if (p->step == PARCEL_AWAITS_LETTER)
        letters_send(&i->letters, p);
    if (!i->blocked && l->held_count >= COMMANDS_AT_ONCE)
        lane_push(l);
    if (l->held_count > i->pool.count / 4)
        lane_choke(l);
    return true;
}

/* Too long for the log after all: it becomes a dead letter and a record that only moves the position. */
static void lane_refuse(struct lane *l, struct parcel *p)
{
    struct intake *i = l->intake;
    const struct intake_said said = {
        .name = source_name(l->source), .partition = l->partition, .offset = p->offset, .after = p->after};

    if (translate_skip(&said, LEVEL_FIRST, &p->record) != 0 || !parcel_prepare(&i->pool, p, 0, false)) {
        lane_fail(l);
        return;
    }
    p->step = PARCEL_AWAITS_LETTER;
    p->reason = "too_large";
    snprintf(p->detail, sizeof(p->detail),
             "the log does not take a record that long: send fewer events a message");
    COUNT(l, unreadable, 1);
    letters_send(&i->letters, p);
}

/* The first held ones that may go, as many as go at once. */
static size_t sendable(const struct lane *l, struct command **commands)
{
    size_t count = 0;

    for (struct parcel *p = l->held_first; p && p->step == PARCEL_READY && count < COMMANDS_AT_ONCE;
         p = p->next)
        commands[count++] = &p->command;
    return count;
}

/* They leave the lane before they are handed over: from then on they are the engine's. */
static void take_held(struct lane *l, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        struct parcel *p = l->held_first;
        p->step = PARCEL_IN_FLIGHT;
        p->listed = false;
        l->held_first = p->next;
    }
    if (!l->held_first)
        l->held_last = NULL;
    l->held_count -= count;
    l->in_flight += count;
}

static void put_back(struct lane *l, struct command *const *commands, size_t count)
{
    for (size_t k = count; k-- > 0;) {
        struct parcel *p = (struct parcel *)commands[k];
        p->step = PARCEL_READY;
        p->listed = true;
        p->next = l->held_first;
        l->held_first = p;
        if (!p->next)
            l->held_last = p;
    }
    l->held_count += count;
    l->in_flight -= count;
}

static int submit(struct lane *l, struct command *const *commands, size_t count)
{
    const struct command_port *port = &l->intake->commands;

    take_held(l, count);
    int error = count == 1 ? port->submit(port->engine, commands[0])
                           : port->submit_all(port->engine, commands, count);
    if (error)
        put_back(l, commands, count);
    return error;
}

bool lane_push(struct lane *l)
{
    struct command *commands[COMMANDS_AT_ONCE];
    struct intake *i = l->intake;
    size_t count;

    while ((count = sendable(l, commands)) > 0) {
        if (!i->commands.submit_all)
            count = 1;
        int error = submit(l, commands, count);
        if (error && count > 1) /* one of them is too long, or there is room for some: the first tells */
            error = submit(l, commands, 1);
        if (error == ERROR_LIMIT) {
            lane_refuse(l, l->held_first);
            return true;
        }
        if (error) {
            i->blocked = true;
            return false;
        }
    }
    return true;
}

static void want_letter(struct lane *l, struct parcel *p, size_t first, size_t rejected)
{
    struct intake *i = l->intake;
    uint8_t reason = p->command.verdicts[first].reason;
    uint32_t level = atomic_load_explicit(&i->view->level, memory_order_relaxed);
    struct rejection r;
    char which[200];

    translate_name_event(&i->translator, l->source->format, parcel_value(p), level, first, which,
                         sizeof(which));
    p->from_backlog = backlog_take(i->backlog, source_name(l->source), l->partition, p->offset, &r);
    p->step = PARCEL_LETTER;
    p->reason = reason_name(reason);
    snprintf(p->detail, sizeof(p->detail), "%s: %s %s%s", which, reason_pointer(reason),
             reason_detail(reason), rejected > 1 ? " (and more events of it)" : "");
    COUNT(l, rejected, rejected);
    letters_send(&i->letters, p);
}

void lane_settle(struct lane *l, struct parcel *p)
{
    size_t rejected = 0, first = 0;
    bool gap = false;

    l->in_flight--;
    for (size_t k = 0; p->command.status == 0 && k < p->command.verdicts_count; k++) {
        const struct event_verdict *v = &p->command.verdicts[k];
        if (v->verdict != VERDICT_REJECTED)
            continue;
        gap |= v->reason == REASON_GAP;
        if (rejected++ == 0)
            first = k;
    }
    if (p->command.status != 0 || gap) {
        parcel_free(&l->intake->pool, p);
        lane_fail(l);
        return;
    }
    if (p->offset > l->done_offset)
        l->done_offset = p->offset;
    if (rejected)
        want_letter(l, p, first, rejected);
    else
        parcel_free(&l->intake->pool, p);
}

void lane_look(struct lane *l)
{
    int64_t done = l->done_offset;

    l->touched = false;
    l->done_offset = -1;
    if (done < 0)
        return;
    if (lane_position(l) < done)
        lane_fail(l);
    else
        l->backoff_ms = 0;
}

void lane_letter_done(struct lane *l, struct parcel *p)
{
    struct intake *i = l->intake;

    if (p->step == PARCEL_AWAITS_LETTER) {
        p->step = PARCEL_READY;
        lane_push(l);
        return;
    }
    if (p->from_backlog)
        backlog_strike(i->backlog, source_name(l->source), l->partition, p->offset);
    parcel_free(&i->pool, p);
}

void lane_originals_gone(struct lane *l, int64_t low)
{
    struct intake *i = l->intake;
    struct rejection r;
    int64_t offset;

    while ((offset = backlog_first(i->backlog, source_name(l->source), l->partition, 0)) >= 0 &&
           offset < low) {
        struct parcel *p = parcel_take(&i->pool);
        if (!p || !backlog_take(i->backlog, source_name(l->source), l->partition, offset, &r)) {
            if (p)
                parcel_free(&i->pool, p);
            return;
        }
        parcel_begin(p, l, offset);
        p->from_backlog = true;
        p->step = PARCEL_LETTER;
        p->reason = reason_name(r.reason);
        snprintf(p->detail, sizeof(p->detail),
                 "event %u: %s %s (the topic does not have the message any more)", r.event,
                 reason_pointer(r.reason), reason_detail(r.reason));
        letters_send(&i->letters, p);
    }
}

void lane_upkeep(struct lane *l)
{
    struct intake *i = l->intake;

    if (l->state != LANE_RESTARTING || l->held_first || l->in_flight || i->now_ms < l->restart_at_ms)
        return;
    if (l->decide && !consumer_decide(l))
        return;
    int64_t offset = lane_start_offset(l);
    if (consumer_seek(l, offset) != 0) {
        lane_wait(l, 2 * BACKOFF_MS);
        return;
    }
    lane_go(l);
}
