/* Wraps libevent's events. */
#include "http/watch.h"

#include <event2/event.h>
#include <event2/event_struct.h>

_Static_assert(sizeof(struct event) <= WATCH_EVENT_BYTES, "room for libevent's own");

static struct event *event_of(struct watch *w)
{
    return (struct event *)(void *)w->event;
}

static struct event_base *base_of(struct watch_loop *l)
{
    return (struct event_base *)l;
}

struct watch_loop *watch_loop_create(void)
{
    struct event_config *config = event_config_new();

    if (!config)
        return NULL;
    event_config_set_flag(
        config, EVENT_BASE_FLAG_NOLOCK); /* a loop belongs to one thread; others wake it through an eventfd */
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return (struct watch_loop *)base;
}

void watch_loop_destroy(struct watch_loop *l)
{
    if (l)
        event_base_free(base_of(l));
}

void watch_loop_run(struct watch_loop *l)
{
    event_base_dispatch(base_of(l));
}

void watch_loop_break(struct watch_loop *l)
{
    event_base_loopbreak(base_of(l));
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
    struct watch *w = context;
    w->callback(w->context);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct watch *w = context;
    w->started = false;
    w->callback(w->context);
}

void watch_init(struct watch *w, struct watch_loop *l, enum watch_kind kind, int fd,
                void (*callback)(void *context), void *context)
{
    w->callback = callback;
    w->context = context;
    w->started = false;
    w->ready = true;
    if (kind == WATCH_TIMER)
        evtimer_assign(event_of(w), base_of(l), on_timer, w);
    else
        event_assign(event_of(w), base_of(l), fd, (kind == WATCH_READ ? EV_READ : EV_WRITE) | EV_PERSIST,
                     on_event, w);
}

bool watch_set(struct watch *w, bool should)
{
    if (w->started == should)
        return true;
    if (should ? event_add(event_of(w), NULL) : event_del(event_of(w)))
        return false;
    w->started = should;
    return true;
}

bool watch_timer(struct watch *w, int64_t in_us)
{
    struct timeval in = {in_us / 1000000, in_us % 1000000};

    if (w->started)
        return true;
    w->started = event_add(event_of(w), &in) == 0;
    return w->started;
}

void watch_finish(struct watch *w)
{
    if (w->ready)
        event_del(event_of(w));
    w->started = false;
}
