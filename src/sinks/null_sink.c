/* The smallest sink there can be: a thread, two descriptors to wait on, and a count. */
#include "sinks/null_sink.h"
#include "base/error.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ENTRIES_A_TIME = 256 };

struct null_sink {
    struct feed_port port;
    pthread_t thread;
    bool started;
    int stop_fd; /* an eventfd, readable for ever once written */
    _Atomic uint64_t seen;
};

static void drain(struct null_sink *n)
{
    struct feed_entry entries[ENTRIES_A_TIME];
    size_t count;

    while ((count = n->port.take(n->port.tap, entries, ENTRIES_A_TIME)) > 0)
        atomic_fetch_add_explicit(&n->seen, count, memory_order_relaxed);
}

static void *null_main(void *context)
{
    struct null_sink *n = context;
    struct pollfd fds[] = {{.fd = n->stop_fd, .events = POLLIN}, {.fd = n->port.wake_fd, .events = POLLIN}};
    uint64_t wakes;

    for (;;) {
        drain(n); /* nothing more: from here on the descriptor tells */
        if (poll(fds, 2, -1) > 0 && fds[0].revents)
            return NULL;
        if (fds[1].revents && read(n->port.wake_fd, &wakes, sizeof(wakes)) < 0)
            continue; /* somebody read it before: nothing was missed */
    }
}

static int null_start(void *context, struct feed_port port)
{
    struct null_sink *n = context;

    n->port = port;
    n->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (n->stop_fd < 0)
        return ERROR_IO;
    if (pthread_create(&n->thread, NULL, null_main, n) != 0) {
        close(n->stop_fd);
        return ERROR_NOMEM;
    }
    n->started = true;
    return 0;
}

static void null_metrics(void *context, struct buffer *out)
{
    buffer_printf(out,
                  "# HELP onhand_null_seen_total Changes seen and forgotten.\n"
                  "# TYPE onhand_null_seen_total counter\nonhand_null_seen_total %lu\n",
                  null_sink_seen(context));
}

static void null_trouble(void *context, char *out, size_t size)
{
    snprintf(out, size, "%s", "");
}

static void null_stop(void *context)
{
    static const uint64_t one = 1;
    struct null_sink *n = context;

    if (!n->started || write(n->stop_fd, &one, sizeof(one)) < 0)
        return;
    pthread_join(n->thread, NULL);
    close(n->stop_fd);
    n->started = false;
}

struct null_sink *null_sink_create(void)
{
    return calloc(1, sizeof(struct null_sink));
}

void null_sink_destroy(struct null_sink *n)
{
    free(n);
}

struct sink null_sink_as_sink(struct null_sink *n)
{
    return (struct sink){.name = "null",
                         .context = n,
                         .start = null_start,
                         .metrics = null_metrics,
                         .trouble = null_trouble,
                         .stop = null_stop};
}

uint64_t null_sink_seen(struct null_sink *n)
{
    return atomic_load_explicit(&n->seen, memory_order_relaxed);
}
