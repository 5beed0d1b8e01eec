/* The Redis sink's life: its thread, its loop and its connection.
 *
 * hiredis 0.14 has traps that 1.x shares or has mended; this file obeys the older rules, which hold for both:
 * a context whose connecting failed or that was cut is freed by hiredis after the callback, so the pointer is
 * forgotten in the callback and the next connection is made by the timer; there is no timeout, so the timer
 * gives up a connection that owes answers; its queue has no bound, so ours has (CALLS_MOST); commands always
 * go as words, because a SKU may hold anything. */
#include "sinks/redis_internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"

#include <errno.h>
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ANSWER_TIMEOUT_MS = 5000, STOP_WITHIN_US = 500 * 1000, STOP_LOOK_MS = 10 };

/* ---- connection ---- */

static void on_connect(const redisAsyncContext *connection, int status)
{
    struct redis_sink *s = connection->data;

    if (s->connection != connection)
        return;
    if (status != REDIS_OK) {
        s->connection = NULL; /* hiredis frees it */
        trouble_say(&s->patience.trouble, "no connection: %s", connection->errstr);
        patience_pause(&s->patience);
        return;
    }
    redis_add(&s->published.connects_total, 1);
    s->fresh = true;
    s->evicted_known = false;
    redis_handshake(s);
}

static void on_disconnect(const redisAsyncContext *connection, int status)
{
    struct redis_sink *s = connection->data;

    if (s->connection != connection)
        return;
    s->connection = NULL;
    s->ready = false;
    trouble_say(&s->patience.trouble, "the connection was lost: %s",
                connection->err ? connection->errstr : "closed");
    patience_pause(&s->patience);
}

static void make_connection(struct redis_sink *s)
{
    redisAsyncContext *c = s->host ? redisAsyncConnect(s->host, s->tcp_port) : redisAsyncConnectUnix(s->path);

    if (!c || c->err || redisLibeventAttach(c, s->base) != REDIS_OK) {
        trouble_say(&s->patience.trouble, "no connection: %s", c && c->err ? c->errstr : "out of memory");
        patience_pause(&s->patience);
        if (c)
            redisAsyncFree(c);
        return;
    }
    c->data = s;
    s->connection = c;
    s->progress_us = clock_monotonic_us();
    redisAsyncSetDisconnectCallback(c, on_disconnect);
    redisAsyncSetConnectCallback(c, on_connect);
}

/* ---- loop ---- */

void redis_look_again(struct redis_sink *s)
{
    int ms = s->stopping_us ? STOP_LOOK_MS : redis_look_again_ms(s);
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    event_add(s->timer, &wait);
}

static bool may_stop(const struct redis_sink *s, int64_t now)
{
    return s->stopping_us && (!s->ready || redis_idle(s) || now - s->stopping_us > STOP_WITHIN_US);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct redis_sink *s = context;
    int64_t now = clock_monotonic_us();

    redis_follow_duty(s);
    if (s->connection && (s->asked || !s->ready) && now - s->progress_us > s->answer_timeout_us) {
        trouble_say(&s->patience.trouble, "no answer within %ld ms", s->answer_timeout_us / 1000);
        redis_drop(s);
    }
    patience_look(&s->patience, now);
    if (!s->connection && !s->patience.resume_us && !s->stopping_us && s->term)
        make_connection(s);
    redis_ask_info(s, now);
    redis_turn(s);
    if (may_stop(s, now))
        event_base_loopbreak(s->base);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct redis_sink *s = context;
    uint64_t wakes;

    if (read(fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
        log_warning("redis: reading an eventfd failed: %s", strerror(errno));
    redis_turn(s);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct redis_sink *s = context;

    s->stopping_us = clock_monotonic_us();
    event_del(s->stop);
    redis_look_again(s);
}

static void *redis_main(void *context)
{
    struct redis_sink *s = context;
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE); /* hiredis writes to sockets that were closed */
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    on_timer(-1, 0, s);
    event_base_dispatch(s->base);
    s->ready = false;
    if (s->connection)
        redis_drop(s);
    return NULL;
}

/* ---- life ---- */

static void loop_finish(struct redis_sink *s)
{
    struct event *events[] = {s->timer, s->wake, s->stop};

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (events[i])
            event_free(events[i]);
    if (s->base)
        event_base_free(s->base);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    epoch_unregister(s->snapshot.reader);
    s->timer = s->wake = s->stop = NULL;
    s->base = NULL;
    s->stop_fd = -1;
    s->snapshot.reader = NULL;
}

static int loop_init(struct redis_sink *s)
{
    struct event_config *config = event_config_new();

    if (!config)
        return ERROR_NOMEM;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);        /* others wake it through eventfds */
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER); /* a coarse clock is 4 ms late */
    s->base = event_base_new_with_config(config);
    event_config_free(config);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->snapshot.reader = epoch_register(s->snapshot.view->epoch);
    if (!s->base || s->stop_fd < 0 || !s->snapshot.reader)
        return ERROR_NOMEM;
    s->timer = evtimer_new(s->base, on_timer, s);
    s->wake = event_new(s->base, s->port.wake_fd, EV_READ | EV_PERSIST, on_wake, s);
    s->stop = event_new(s->base, s->stop_fd, EV_READ | EV_PERSIST, on_stop, s);
    if (!s->timer || !s->wake || !s->stop || event_add(s->wake, NULL) != 0 || event_add(s->stop, NULL) != 0)
        return ERROR_NOMEM;
    return 0;
}

static int redis_start(void *context, struct feed_port port)
{
    struct redis_sink *s = context;

    s->port = port;
    int error = loop_init(s);
    if (!error && pthread_create(&s->thread, NULL, redis_main, s) != 0)
        error = ERROR_NOMEM;
    if (error) {
        loop_finish(s);
        return error;
    }
    pthread_setname_np(s->thread, "redis");
    s->started = true;
    return 0;
}

static void redis_stop(void *context)
{
    static const uint64_t one = 1;
    struct redis_sink *s = context;

    if (!s->started || write(s->stop_fd, &one, sizeof(one)) < 0)
        return;
    pthread_join(s->thread, NULL);
    loop_finish(s);
    s->started = false;
}

static void redis_metrics(void *context, struct buffer *out)
{
    struct redis_sink *s = context;
#define COUNTER(name, type, help)                                                          \
    buffer_printf(out,                                                                     \
                  "# HELP onhand_redis_" #name " %s\n# TYPE onhand_redis_" #name " " #type \
                  "\nonhand_redis_" #name " %lu\n",                                        \
                  help, atomic_load_explicit(&s->published.name, memory_order_relaxed));
#include "sinks/redis_counters.def"
#undef COUNTER
}

static void redis_trouble(void *context, char *out, size_t size)
{
    struct redis_sink *s = context;

    trouble_tell(&s->patience.trouble, out, size);
}

/* ---- addresses ---- */

/* Cuts HOST:PORT and [V6]:PORT; `path` for unix:PATH. The texts are the caller's to free. */
static int address_read(const char *address, char **ret_host, int *ret_port, char **ret_path)
{
    const char *colon = strrchr(address, ':');
    char *end;

    if (strncmp(address, "unix:", 5) == 0 && address[5]) {
        *ret_path = strdup(address + 5);
        return *ret_path ? 0 : ERROR_NOMEM;
    }
    if (!colon || colon == address || colon[1] < '0' || colon[1] > '9')
        return ERROR_INVALID;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port < 1 || port > 65535)
        return ERROR_INVALID;
    bool bracketed = address[0] == '[' && colon[-1] == ']' && colon - address > 2;
    if (!bracketed && strcspn(address, ":[]") != (size_t)(colon - address))
        return ERROR_INVALID;
    *ret_host = bracketed ? strndup(address + 1, (size_t)(colon - address) - 2)
                          : strndup(address, (size_t)(colon - address));
    *ret_port = (int)port;
    return *ret_host ? 0 : ERROR_NOMEM;
}

bool redis_address_check(const char *address, char *detail, size_t detail_size)
{
    char *host = NULL, *path = NULL;
    int port, error = address_read(address, &host, &port, &path);

    free(host);
    free(path);
    if (error == ERROR_INVALID)
        snprintf(detail, detail_size,
                 "%s is no address of a Redis; it must be HOST:PORT, [V6]:PORT or unix:PATH", address);
    return error != ERROR_INVALID;
}

int redis_sink_create(const struct redis_options *o, struct redis_sink **ret_sink, char *detail,
                      size_t detail_size)
{
    char host[64] = "";
    const char *prefix = o->prefix ? o->prefix : "onhand:";
    struct redis_sink *s;
    int error = ERROR_NOMEM;

    if (!redis_address_check(o->address, detail, detail_size))
        return ERROR_INVALID;
    s = calloc(1, sizeof(*s));
    if (!s)
        return ERROR_NOMEM;
    trouble_init(&s->patience.trouble, "redis");
    s->stop_fd = -1;
    s->answer_timeout_us = (int64_t)(o->answer_timeout_ms ? o->answer_timeout_ms : ANSWER_TIMEOUT_MS) * 1000;
    s->snapshot.view = o->view;
    s->duty = o->duty;
    s->snapshot.prefix = strdup(prefix);
    if (!s->snapshot.prefix || asprintf(&s->meta_key, "%smeta", prefix) < 0 ||
        asprintf(&s->mark_key, "%smark", prefix) < 0)
        goto failed;
    error = address_read(o->address, &s->host, &s->tcp_port, &s->path);
    if (error)
        goto failed;
    gethostname(host, sizeof(host) - 1);
    snprintf(s->engine, sizeof(s->engine), "%s:%d", host, (int)getpid());
    redis_work_init(s);
    *ret_sink = s;
    return 0;
failed:
    redis_sink_destroy(s);
    return error;
}

void redis_sink_destroy(struct redis_sink *s)
{
    if (!s)
        return;
    redis_stop(s);
    free((char *)(uintptr_t)s->snapshot.prefix);
    snapshot_finish(&s->snapshot);
    dirty_finish(&s->dirty);
    free(s->look);
    free(s->host);
    free(s->path);
    free(s->meta_key);
    free(s->mark_key);
    trouble_finish(&s->patience.trouble);
    free(s);
}

struct sink redis_sink_as_sink(struct redis_sink *s)
{
    return (struct sink){.name = "redis",
                         .context = s,
                         .start = redis_start,
                         .metrics = redis_metrics,
                         .trouble = redis_trouble,
                         .stop = redis_stop};
}
