/* What fell due: duty asks, the writer answers between two batches, duty appends. */
#include "engine/duty_internal.h"

#include "codec/record_codec.h"
#include "core/model/proposals.h"

#define RETRY_US INSTANT_SECOND

/* @thread writer or log */
static void proposal_done(struct command *c)
{
    struct outgoing *o = c->context;
    struct duty *d = o->duty;

    outgoing_judged(o);
    atomic_fetch_sub_explicit(&d->proposals_out, 1, memory_order_release);
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
        d->proposal[i].due = d->until;
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

void duty_look_at_due(struct duty *d, instant_t log_now, int64_t now_us)
{
    if (atomic_load_explicit(&d->asked, memory_order_acquire) ||
        atomic_load_explicit(&d->proposals_out, memory_order_acquire))
        return;
    propose(d, now_us);
    if (duty_held(d, now_us) && !atomic_load_explicit(&d->proposals_out, memory_order_acquire) &&
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
        int64_t delay_us = due_delay_us(&s->settings, kind);
        size_t most = d->count + (PROPOSALS_MOST - d->count) / (size_t)(DUE_KINDS - kind);
        struct due_entry *e;
        while (d->count < most &&
               (e = due_take(&s->due, kind, d->until - delay_us, s->log_time - delay_us, RETRY_US)))
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
