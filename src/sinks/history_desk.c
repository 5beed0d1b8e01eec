/* Answers questions from the history's file, on a thread of its own with a connection of its own. */
#include "base/clock.h"
#include "base/error.h"
#include "sinks/history_internal.h"

#include <time.h>

/* An answer waits so long for the file to have what was applied when it was asked. */
enum { FRESH_WAIT_MS = 500 };

int history_desk_ask(void *sink, struct history_question *q)
{
    struct history_sink *s = sink;
    struct history_desk *d = &s->desk;
    int error = 0;

    pthread_mutex_lock(&d->lock);
    if (d->ending)
        error = ERROR_UNAVAILABLE;
    else if (d->waiting == QUESTIONS_MOST)
        error = ERROR_BUSY;
    if (!error) {
        q->next = NULL;
        q->applied_to = history_queue_applied(s->queue);
        *d->last = q;
        d->last = &q->next;
        d->waiting++;
        pthread_cond_broadcast(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    return error;
}

void history_desk_advanced(struct history_sink *s)
{
    pthread_mutex_lock(&s->desk.lock);
    pthread_cond_broadcast(&s->desk.changed);
    pthread_mutex_unlock(&s->desk.lock);
}

/* NULL at the end, when none waits any more. @lock held */
static struct history_question *next_question(struct history_desk *d)
{
    while (!d->first && !d->ending)
        pthread_cond_wait(&d->changed, &d->lock);
    struct history_question *q = d->first;
    if (!q)
        return NULL;
    d->first = q->next;
    if (!d->first)
        d->last = &d->first;
    d->waiting--;
    return q;
}

/* What was visible when the question came should be in the answer. @lock held */
static void wait_until_fresh(struct history_sink *s, uint64_t wanted)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += FRESH_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    while (!s->desk.ending && atomic_load_explicit(&s->applied_to, memory_order_acquire) < wanted &&
           !atomic_load_explicit(&s->file_fails, memory_order_relaxed) &&
           !atomic_load_explicit(&s->catching_up, memory_order_relaxed))
        if (pthread_cond_timedwait(&s->desk.changed, &s->desk.lock, &until) != 0)
            return;
}

void history_desk_keep_off(struct history_sink *s, bool off)
{
    struct history_desk *d = &s->desk;

    if (!off) {
        pthread_mutex_unlock(&d->file_lock);
        return;
    }
    pthread_mutex_lock(&d->file_lock);
    history_reader_close(d->reader);
    d->reader = NULL;
}

/* The connection belongs to one file; when that is another now, so is the connection. @file_lock held */
static int refresh(struct history_sink *s)
{
    struct history_desk *d = &s->desk;
    uint64_t now = atomic_load_explicit(&s->file_number, memory_order_acquire);

    if (d->reader && d->reader_number == now)
        return 0;
    history_reader_close(d->reader);
    d->reader = NULL;
    d->reader_number = now;
    return now ? history_reader_open(s->path, &d->reader) : ERROR_UNAVAILABLE;
}

static void answer(struct history_sink *s, struct history_question *q)
{
    struct history_desk *d = &s->desk;

    pthread_mutex_lock(&d->file_lock);
    int error = refresh(s);
    if (!error)
        error = history_reader_answer(d->reader, q);
    if (error == ERROR_CORRUPT)
        atomic_store_explicit(&s->file_damaged, true, memory_order_relaxed);
    if (error) {
        history_reader_close(d->reader);
        d->reader = NULL;
    }
    pthread_mutex_unlock(&d->file_lock);
    q->status = error == ERROR_CORRUPT ? ERROR_UNAVAILABLE : error;
    q->done(q);
}

static void *desk_main(void *context)
{
    struct history_sink *s = context;
    struct history_desk *d = &s->desk;
    struct history_question *q;

    pthread_mutex_lock(&d->lock);
    while ((q = next_question(d))) {
        wait_until_fresh(s, q->applied_to);
        pthread_mutex_unlock(&d->lock);
        answer(s, q);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

int history_desk_start(struct history_sink *s)
{
    struct history_desk *d = &s->desk;

    if (pthread_create(&d->thread, NULL, desk_main, s) != 0)
        return ERROR_NOMEM;
    pthread_setname_np(d->thread, "history-read");
    d->started = true;
    return 0;
}

void history_desk_stop(struct history_sink *s)
{
    struct history_desk *d = &s->desk;

    pthread_mutex_lock(&d->lock);
    d->ending = true;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    if (d->started)
        pthread_join(d->thread, NULL);
    d->started = false;
    history_desk_keep_off(s, true);
    history_desk_keep_off(s, false);
}
