/* The ring between the writer and the history. Packages lie one behind the other, none across the end. */
#include "sinks/history_queue.h"
#include "base/error.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TEXTS = 9, LEAST_BYTES = 64 * 1024 };

/* A line without its own bytes; they follow: why it was refused, if it was, and the texts, one behind the
 * other. bytes 0: the rest of the ring is not used. */
struct package {
    uint32_t bytes; /* of all of it, a multiple of eight */
    uint32_t number, event;
    bool last, is_refused;
    uint16_t lengths[TEXTS];
    uint64_t offset;
    instant_t occurred_at, appended_at;
    milli_t quantity;
    struct row_figures was, now;
    struct text type, verdict, verdict_reason; /* fixed names */
};

struct history_queue {
    /* the writer's */
    char *ring;
    uint64_t mask;
    uint64_t pushed, taken_seen;
    _Atomic uint64_t head;     /* release: what is before it is whole. Pairs with the acquire in look */
    _Atomic uint64_t position; /* release, after head */
    _Atomic uint64_t run_from, incarnation, runs_over;
    _Atomic uint64_t applied;
    _Atomic int64_t log_time;
    /* wanted → goes and goes → over by the writer, over → wanted by the history. release and acquire: what
     * came before is seen */
    _Atomic uint32_t run;
    int wake_fd;

    /* the history's */
    _Alignas(64) _Atomic uint64_t tail;
    uint64_t looked;
    _Atomic bool asleep;
};

int history_queue_create(size_t bytes, struct history_queue **ret_queue)
{
    struct history_queue *q;

    if (bytes < LEAST_BYTES || bytes & (bytes - 1))
        return ERROR_INVALID;
    q = aligned_alloc(64, sizeof(*q));
    if (!q)
        return ERROR_NOMEM;
    memset(q, 0, sizeof(*q));
    atomic_init(&q->log_time, INSTANT_NONE);
    q->ring = malloc(bytes);
    q->mask = bytes - 1;
    q->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!q->ring || q->wake_fd < 0) {
        int error = q->ring ? ERROR_IO : ERROR_NOMEM;
        history_queue_destroy(q);
        return error;
    }
    *ret_queue = q;
    return 0;
}

void history_queue_destroy(struct history_queue *q)
{
    if (!q)
        return;
    if (q->wake_fd >= 0)
        close(q->wake_fd);
    free(q->ring);
    free(q);
}

/* ---- the writer's side ---- */

static void list_texts(const struct history_line *l, struct text ret[TEXTS])
{
    const struct text all[TEXTS] = {l->sku,  l->location, l->event_id, l->source,     l->reference,
                                    l->line, l->channel,  l->reason,   l->reservation};
    memcpy(ret, all, sizeof(all));
}

/* Room for so many bytes in one piece; NULL when there is none. */
static char *make_room(struct history_queue *q, size_t bytes)
{
    uint64_t at = q->pushed & q->mask, to_end = q->mask + 1 - at;
    uint64_t need = bytes > to_end ? to_end + bytes : bytes;

    if (q->pushed + need - q->taken_seen > q->mask + 1)
        q->taken_seen = atomic_load_explicit(&q->tail, memory_order_acquire);
    if (q->pushed + need - q->taken_seen > q->mask + 1)
        return NULL;
    if (bytes > to_end) {
        const uint32_t unused = 0;
        memcpy(q->ring + at, &unused, sizeof(unused));
        q->pushed += to_end;
    }
    return q->ring + (q->pushed & q->mask);
}

static bool push(struct history_queue *q, const struct history_line *l)
{
    struct text texts[TEXTS];
    struct package p = {.number = l->number,
                        .event = l->event,
                        .last = l->last,
                        .is_refused = l->is_refused,
                        .offset = l->offset,
                        .occurred_at = l->occurred_at,
                        .appended_at = l->appended_at,
                        .quantity = l->quantity,
                        .was = l->was,
                        .now = l->now,
                        .type = l->type,
                        .verdict = l->verdict,
                        .verdict_reason = l->verdict_reason};
    size_t bytes = sizeof(p) + (l->is_refused ? sizeof(l->refusal) : 0);

    list_texts(l, texts);
    for (unsigned i = 0; i < TEXTS; i++) {
        p.lengths[i] = (uint16_t)texts[i].length;
        bytes += p.lengths[i];
    }
    bytes = (bytes + 7) & ~(size_t)7;
    p.bytes = (uint32_t)bytes;
    char *at = make_room(q, bytes);
    if (!at)
        return false;
    memcpy(at, &p, sizeof(p));
    at += sizeof(p);
    if (l->is_refused) {
        memcpy(at, &l->refusal, sizeof(l->refusal));
        at += sizeof(l->refusal);
    }
    for (unsigned i = 0; i < TEXTS; i++) {
        if (p.lengths[i])
            memcpy(at, texts[i].at, p.lengths[i]);
        at += p.lengths[i];
    }
    q->pushed += bytes;
    return true;
}

static void begin_run(struct history_queue *q, const struct state *s, uint64_t from)
{
    atomic_store_explicit(&q->run_from, from, memory_order_relaxed);
    atomic_store_explicit(&q->incarnation, state_incarnation(s), memory_order_relaxed);
    atomic_store_explicit(&q->position, from, memory_order_relaxed);
    atomic_store_explicit(&q->run, HISTORY_RUN_GOES, memory_order_release);
}

static void end_run(struct history_queue *q)
{
    uint64_t runs = atomic_load_explicit(&q->runs_over, memory_order_relaxed);

    atomic_store_explicit(&q->runs_over, runs + 1, memory_order_relaxed);
    atomic_store_explicit(&q->run, HISTORY_RUN_OVER, memory_order_release);
}

static bool wants(void *context)
{
    struct history_queue *q = context;
    return atomic_load_explicit(&q->run, memory_order_relaxed) != HISTORY_RUN_OVER;
}

/* False: nothing may go in now. */
static bool run_goes(struct history_queue *q, const struct state *s, uint64_t from)
{
    uint32_t run = atomic_load_explicit(&q->run, memory_order_acquire);

    if (run == HISTORY_RUN_OVER || !state_incarnation(s))
        return false;
    if (run == HISTORY_RUN_WANTED)
        begin_run(q, s, from);
    if (atomic_load_explicit(&q->incarnation, memory_order_relaxed) == state_incarnation(s))
        return true;
    end_run(q);
    return false;
}

static void applied(void *context, const struct state *s, const struct record *r, const struct outcome *o,
                    uint64_t offset)
{
    struct history_queue *q = context;
    struct history_line line;
    size_t count = history_lines_count(o);

    atomic_store_explicit(&q->applied, offset + 1, memory_order_release);
    if (!o->keeps_lines || !run_goes(q, s, offset) || !count)
        return;
    uint64_t before = q->pushed;
    for (size_t i = 0; i < count; i++) {
        history_line_tell(s, r, o, i, offset, &line);
        if (!push(q, &line)) {
            q->pushed = before; /* all of a record or nothing */
            end_run(q);
            return;
        }
    }
    atomic_store_explicit(&q->head, q->pushed, memory_order_release);
}

static void flushed(void *context, const struct state *s, uint64_t next_offset)
{
    struct history_queue *q = context;

    atomic_store_explicit(&q->applied, next_offset, memory_order_release);
    atomic_store_explicit(&q->log_time, s->log_time, memory_order_relaxed);
    bool wanted = atomic_load_explicit(&q->run, memory_order_relaxed) == HISTORY_RUN_WANTED;
    bool goes = run_goes(q, s, next_offset);

    if (goes && !wanted && atomic_load_explicit(&q->position, memory_order_relaxed) == next_offset)
        return;
    if (goes)
        atomic_store(&q->position,
                     next_offset); /* before asleep is looked at: who falls asleep looks again */
    if (atomic_load(&q->asleep))
        history_queue_wake(q);
}

struct historian history_queue_writer(struct history_queue *q)
{
    return (struct historian){.context = q, .wants = wants, .applied = applied, .flushed = flushed};
}

/* ---- the history's side ---- */

enum history_run history_queue_run(const struct history_queue *q)
{
    return (enum history_run)atomic_load_explicit(&q->run, memory_order_acquire);
}

uint64_t history_queue_run_from(const struct history_queue *q)
{
    return atomic_load_explicit(&q->run_from, memory_order_relaxed);
}

uint64_t history_queue_incarnation(const struct history_queue *q)
{
    return atomic_load_explicit(&q->incarnation, memory_order_relaxed);
}

uint64_t history_queue_runs_over(const struct history_queue *q)
{
    return atomic_load_explicit(&q->runs_over, memory_order_relaxed);
}

uint64_t history_queue_applied(const struct history_queue *q)
{
    return atomic_load_explicit(&q->applied, memory_order_acquire);
}

instant_t history_queue_log_time(const struct history_queue *q)
{
    return atomic_load_explicit(&q->log_time, memory_order_relaxed);
}

void history_queue_want(struct history_queue *q)
{
    atomic_store_explicit(&q->run, HISTORY_RUN_WANTED, memory_order_release);
}

uint64_t history_queue_position(const struct history_queue *q)
{
    return atomic_load_explicit(&q->position, memory_order_acquire);
}

static void unpack(const char *at, struct history_line *ret)
{
    struct package p;
    struct text *const texts[TEXTS] = {&ret->sku,     &ret->location,  &ret->event_id,
                                       &ret->source,  &ret->reference, &ret->line,
                                       &ret->channel, &ret->reason,    &ret->reservation};

    memcpy(&p, at, sizeof(p));
    *ret = (struct history_line){.number = p.number,
                                 .event = p.event,
                                 .last = p.last,
                                 .is_refused = p.is_refused,
                                 .offset = p.offset,
                                 .occurred_at = p.occurred_at,
                                 .appended_at = p.appended_at,
                                 .quantity = p.quantity,
                                 .was = p.was,
                                 .now = p.now,
                                 .type = p.type,
                                 .verdict = p.verdict,
                                 .verdict_reason = p.verdict_reason};
    at += sizeof(p);
    if (p.is_refused) {
        memcpy(&ret->refusal, at, sizeof(ret->refusal));
        at += sizeof(ret->refusal);
    }
    for (unsigned i = 0; i < TEXTS; i++) {
        *texts[i] = (struct text){at, p.lengths[i]};
        at += p.lengths[i];
    }
}

bool history_queue_look(struct history_queue *q, struct history_line *ret_line)
{
    uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);
    uint32_t bytes;

    if (q->looked == head)
        return false;
    memcpy(&bytes, q->ring + (q->looked & q->mask), sizeof(bytes));
    if (!bytes) {
        q->looked += q->mask + 1 - (q->looked & q->mask);
        memcpy(&bytes, q->ring + (q->looked & q->mask), sizeof(bytes));
    }
    unpack(q->ring + (q->looked & q->mask), ret_line);
    q->looked += bytes;
    return true;
}

void history_queue_take(struct history_queue *q)
{
    atomic_store_explicit(&q->tail, q->looked, memory_order_release);
}

void history_queue_look_again(struct history_queue *q)
{
    q->looked = atomic_load_explicit(&q->tail, memory_order_relaxed);
}

void history_queue_wait(struct history_queue *q, uint64_t seen_position, int timeout_ms)
{
    struct pollfd fd = {.fd = q->wake_fd, .events = POLLIN};
    uint64_t wakes;

    atomic_store(&q->asleep, true);
    if (atomic_load(&q->position) != seen_position || history_queue_run(q) == HISTORY_RUN_OVER)
        timeout_ms = 0; /* a flush that missed the sleeper */
    if (poll(&fd, 1, timeout_ms) > 0 && read(q->wake_fd, &wakes, sizeof(wakes)) < 0)
        wakes = 0; /* somebody read it before: awake all the same */
    atomic_store(&q->asleep, false);
}

void history_queue_wake(struct history_queue *q)
{
    static const uint64_t one = 1;

    atomic_store(&q->asleep, false);
    if (write(q->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is awake as it can be */
}
