/* The topic sink's life: its thread, and what it does when duty comes and goes.
 *
 * Why nothing old follows something new. The holder before wrote figures of places that the log had then. A
 * new holder makes its producer, which fences that one: from here on it commits nothing. Only then does the
 * new one ask where the log ends, and writes nothing before it has applied all up to there: so what it writes
 * is at least as new as anything that was ever written. It looks once more whether it still has duty, because
 * a process may have been frozen anywhere in between; whoever has it now will fence us the same way. */
#include "sinks/topic_internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FENCED_AGAIN_US (INT64_C(10) * 1000 * 1000)
#define STOP_WITHIN_US (INT64_C(500) * 1000)
enum { LOOK_MS = 100, BUSY_LOOK_MS = 10 };

/* ---- duty ---- */

static void leave(struct topic_sink *s)
{
    topic_close(s);
    topic_drop_work(s);
    s->batch->count = s->batch->rows = s->batch->bytes = 0;
    s->stage = TOPIC_OFF;
}

void topic_fenced(struct topic_sink *s)
{
    topic_add(&s->published.fenced_total, 1);
    trouble_say(&s->patience.trouble,
                "another instance, or one with another log, took over the transactional id %s",
                s->transactional_id);
    leave(s);
    s->fenced_us = clock_monotonic_us();
}

/* Who is fenced has lost duty and waits for another term. But the one that fenced may have done so in its
 * last moment: who has still duty after so long, or the log for itself, was told so anew. */
static bool may_begin_again(const struct topic_sink *s, int64_t now_us)
{
    return s->term && s->fenced_us && now_us - s->fenced_us > FENCED_AGAIN_US;
}

static void follow_duty(struct topic_sink *s)
{
    int64_t now_us = clock_monotonic_us();
    uint64_t term = duty_term(s->options.duty.view, now_us);

    if (term == s->term && !may_begin_again(s, now_us))
        return;
    if (s->stage != TOPIC_OFF)
        leave(s);
    s->term = term;
    s->fenced_us = 0;
    patience_anew(&s->patience);
    if (term)
        s->stage = TOPIC_OPENING;
}

/* ---- the stages ---- */

static void open_producer(struct topic_sink *s)
{
    if (!topic_open(s))
        return;
    s->end_known = false;
    s->stage = TOPIC_WAITING;
}

static void wait_for_the_log(struct topic_sink *s)
{
    const struct topic_options *o = &s->options;
    uint64_t end = 0, applied = 0;

    if (o->caught_up) {
        if (!o->caught_up(o->caught_up_context, s->end_known ? NULL : &end, &applied))
            return;
        if (!s->end_known)
            s->known_by_others = end;
        s->end_known = true;
        if (applied < s->known_by_others)
            return;
    }
    follow_duty(s);
    if (s->stage == TOPIC_WAITING && ((s->following && !s->topic_empty) || topic_take_over(s)))
        s->stage = TOPIC_WRITING;
    if (s->stage == TOPIC_WRITING)
        trouble_say(&s->patience.trouble, "%s", "");
}

static void publish_gauges(struct topic_sink *s)
{
    struct topic_published *p = &s->published;

    atomic_store_explicit(&p->writing, s->stage == TOPIC_WRITING && !s->patience.backoff_us,
                          memory_order_relaxed);
    atomic_store_explicit(&p->dirty, dirty_count(&s->dirty), memory_order_relaxed);
    atomic_store_explicit(&p->pass_left, s->pass.left, memory_order_relaxed);
}

static void turn(struct topic_sink *s)
{
    int64_t now = clock_monotonic_us();

    follow_duty(s);
    topic_take_feed(s);
    patience_look(&s->patience, now);
    if (!s->patience.resume_us && s->stage == TOPIC_OPENING)
        open_producer(s);
    if (!s->patience.resume_us && s->stage == TOPIC_WAITING)
        wait_for_the_log(s);
    if (!s->patience.resume_us && s->stage == TOPIC_WRITING)
        topic_work(s);
    publish_gauges(s);
}

static int look_again_ms(const struct topic_sink *s)
{
    if (s->feed_left)
        return 0;
    if (s->stage == TOPIC_WRITING && !s->patience.resume_us)
        return s->dirty.queued || s->transaction != TRANSACTION_NONE ? 0
               : topic_idle(s)                                       ? LOOK_MS
                                                                     : BUSY_LOOK_MS;
    return s->stage == TOPIC_OFF ? LOOK_MS : BUSY_LOOK_MS;
}

/* ---- the thread ---- */

static bool may_stop(struct topic_sink *s)
{
    int64_t now = clock_monotonic_us();

    if (!s->stopping_us)
        s->stopping_us = now;
    return topic_idle(s) || s->patience.resume_us || now - s->stopping_us > STOP_WITHIN_US;
}

static void *topic_main(void *context)
{
    struct topic_sink *s = context;
    struct pollfd fds[] = {{.fd = s->stop_fd, .events = POLLIN}, {.fd = s->port.wake_fd, .events = POLLIN}};
    uint64_t wakes;

    for (;;) {
        turn(s);
        if (poll(fds, 2, look_again_ms(s)) <= 0)
            continue;
        if (fds[0].revents && may_stop(s))
            break;
        if (fds[1].revents && read(s->port.wake_fd, &wakes, sizeof(wakes)) < 0)
            continue; /* somebody read it before: nothing was missed */
    }
    if (s->transaction != TRANSACTION_NONE) { /* readers would wait for it until it times out */
        s->transaction = TRANSACTION_ABORTING;
        topic_end(s);
    }
    leave(s);
    return NULL;
}

/* ---- life ---- */

static int topic_start(void *context, struct feed_port port)
{
    struct topic_sink *s = context;

    s->port = port;
    s->reader = epoch_register(s->options.view->epoch);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!s->reader || s->stop_fd < 0 || pthread_create(&s->thread, NULL, topic_main, s) != 0)
        return ERROR_NOMEM; /* destroy takes the rest apart */
    pthread_setname_np(s->thread, "topic");
    s->started = true;
    return 0;
}

static void topic_stop(void *context)
{
    static const uint64_t one = 1;
    struct topic_sink *s = context;

    if (s->started && write(s->stop_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
        pthread_join(s->thread, NULL);
    s->started = false;
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    epoch_unregister(s->reader);
    s->stop_fd = -1;
    s->reader = NULL;
}

static void topic_metrics(void *context, struct buffer *out)
{
    struct topic_sink *s = context;

#define COUNTER(name, type, help)                                                                \
    buffer_printf(out,                                                                           \
                  "# HELP onhand_topic_" #name " " help "\n# TYPE onhand_topic_" #name " " #type \
                  "\nonhand_topic_" #name " %lu\n",                                              \
                  atomic_load_explicit(&s->published.name, memory_order_relaxed));
#include "sinks/topic_counters.def"
#undef COUNTER
}

static void topic_trouble(void *context, char *out, size_t size)
{
    struct topic_sink *s = context;

    trouble_tell(&s->patience.trouble, out, size);
}

int topic_sink_create(const struct topic_options *o, struct topic_sink **ret_sink)
{
    struct topic_sink *s = calloc(1, sizeof(*s));

    if (!s)
        return ERROR_NOMEM;
    trouble_init(&s->patience.trouble, "availability topic");
    s->stop_fd = -1;
    s->options = *o;
    s->options.brokers = strdup(o->brokers);
    s->options.topic = strdup(o->topic);
    s->batch = calloc(1, sizeof(*s->batch));
    if (!s->options.brokers || !s->options.topic || !s->batch ||
        asprintf(&s->transactional_id, "onhand-availability-%s", o->topic) < 0) {
        topic_sink_destroy(s);
        return ERROR_NOMEM;
    }
    *ret_sink = s;
    return 0;
}

void topic_sink_destroy(struct topic_sink *s)
{
    if (!s)
        return;
    topic_stop(s);
    topic_row_finish(s);
    kits_finish(&s->kits);
    free((char *)(uintptr_t)s->options.brokers);
    free((char *)(uintptr_t)s->options.topic);
    free(s->transactional_id);
    free(s->batch);
    trouble_finish(&s->patience.trouble);
    free(s);
}

struct sink topic_sink_as_sink(struct topic_sink *s)
{
    return (struct sink){.name = "topic",
                         .context = s,
                         .start = topic_start,
                         .metrics = topic_metrics,
                         .trouble = topic_trouble,
                         .stop = topic_stop};
}
