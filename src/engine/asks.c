/* Questions about the writer's own books (accounts of a row), asked by other threads and answered by the
 * writer between two batches, a few a turn. */
#include "engine/internal.h"
#include "base/clock.h"
#include "base/error.h"

enum { ASKS_MOST = 4096, ASKS_A_TURN_US = 1000 };

int asks_submit(struct engine *e, struct command *c)
{
    struct asks *a = &e->asks;
    int error = 0;

    pthread_mutex_lock(&e->lock);
    if (e->stopped_by)
        error = ERROR_UNAVAILABLE;
    else if (a->count == ASKS_MOST)
        error = ERROR_BUSY;
    if (!error) {
        c->next = NULL;
        *(a->first ? &a->last->next : &a->first) = c;
        a->last = c;
        a->count++;
        atomic_store_explicit(&a->any, true, memory_order_relaxed); /* the lock orders the rest */
    }
    pthread_mutex_unlock(&e->lock);
    if (!error)
        e->log->ops->wake(e->log);
    return error;
}

static struct command *take(struct asks *a)
{
    struct command *c = a->first;

    if (c) {
        a->first = c->next;
        a->count--;
    }
    atomic_store_explicit(&a->any, a->first != NULL, memory_order_relaxed);
    return c;
}

static struct command *take_locked(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    struct command *c = take(&e->asks);
    pthread_mutex_unlock(&e->lock);
    return c;
}

/* Back to the front: it goes on in the next turn. */
static void put_back(struct engine *e, struct command *c)
{
    struct asks *a = &e->asks;

    pthread_mutex_lock(&e->lock);
    c->next = a->first;
    if (!a->first)
        a->last = c;
    a->first = c;
    a->count++;
    atomic_store_explicit(&a->any, true, memory_order_relaxed);
    pthread_mutex_unlock(&e->lock);
}

static void answer(struct engine *e, struct command *c)
{
    c->incarnation = state_incarnation(e->state);
    c->offset = e->state->next_offset ? e->state->next_offset - 1 : 0;
    c->log_time = e->state->log_time;
    c->status = 0;
    c->done(c);
}

bool asks_turn(struct engine *e)
{
    struct command *c;

    if (!atomic_load_explicit(&e->asks.any, memory_order_relaxed))
        return false;
    int64_t until_us = clock_monotonic_us() + ASKS_A_TURN_US;
    do {
        c = take_locked(e);
        if (!c)
            return false;
        if (!c->ask(c, e->state)) {
            put_back(e, c);
            return true;
        }
        answer(e, c);
    } while (clock_monotonic_us() < until_us);
    return atomic_load_explicit(&e->asks.any, memory_order_relaxed);
}

void asks_give_back(struct engine *e)
{
    for (struct command *c; (c = take_locked(e));) {
        c->status = ERROR_UNAVAILABLE;
        c->done(c);
    }
}
