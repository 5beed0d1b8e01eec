/* Listeners, loops and their threads: start, run, stop. */
#include "http/commands.h"

#include "base/clock.h"
#include "base/logger.h"
#include "core/answer/query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the address ---- */

struct address {
    struct sockaddr_storage at;
    socklen_t length;
};

static bool is_loopback(const struct address *a)
{
    if (a->at.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&a->at)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->at)->sin6_addr);
}

static bool parse_port(const char *text, uint16_t *ret)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    long port = strtol(text, &end, 10);
    if (*end || port > 65535)
        return false;
    *ret = (uint16_t)port;
    return true;
}

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080": numbers and localhost, no look-ups. */
static bool parse_address(const char *text, struct address *ret)
{
    char host[64];
    uint16_t port;
    const char *colon = strrchr(text, ':');
    bool six = text[0] == '[';

    if (!colon || !parse_port(colon + 1, &port) || (six && (colon == text + 1 || colon[-1] != ']')))
        return false;
    size_t length = (size_t)(colon - text) - (six ? 2 : 0);
    if (length >= sizeof(host))
        return false;
    memcpy(host, text + (six ? 1 : 0), length);
    host[length] = '\0';
    memset(ret, 0, sizeof(*ret));
    if (six) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret->at;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        ret->length = sizeof(*in6);
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)&ret->at;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    ret->length = sizeof(*in);
    return inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1", &in->sin_addr) == 1;
}

static void format_address(const struct address *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    if (a->at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->at;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(out, size, "http://[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a->at;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, size, "http://%s:%u", host, ntohs(in->sin_port));
    }
}

/* ---- listening ---- */

static int open_socket(const struct address *a, bool shared)
{
    int on = 1, fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* inherited by what is accepted */
    if (a->at.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) {
        close(fd);
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)&a->at, a->length)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* SO_REUSEPORT would let a second server of the same user share the port unnoticed: so it is tried without
 * first. Fills in a free port. */
static int claim_address(struct address *a)
{
    int fd = open_socket(a, false);

    if (fd < 0 || listen(fd, 1)) {
        if (fd >= 0)
            close(fd);
        return ERROR_IO;
    }
    getsockname(fd, (struct sockaddr *)&a->at, &a->length);
    close(fd);
    return 0;
}

static void on_acceptable(void *context)
{
    struct loop *l = context;

    loop_begin(l);
    for (unsigned i = 0; i < 64; i++) {
        int fd = accept4(l->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            connection_accept(l, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            watch_set(&l->acceptable, false); /* the sweep listens again */
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

/* ---- a loop ---- */

void loop_begin(struct loop *l)
{
    l->now_us = clock_monotonic_us();
    if (l->now_us / 1000000 == l->date_second)
        return;
    l->date_second = l->now_us / 1000000;
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(l->date, sizeof(l->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
}

void loop_schedule_turn(struct loop *l)
{
    watch_timer(&l->turn, 0);
}

void loop_schedule_poll(struct loop *l)
{
    watch_timer(&l->poll, 1000);
}

static void on_turn(void *context)
{
    struct loop *l = context;
    loop_begin(l);
    connection_turns(l);
}

static void on_poll(void *context)
{
    struct loop *l = context;
    loop_begin(l);
    connection_polls(l);
}

static void on_listen(void *context)
{
    struct loop *l = context;
    loop_begin(l);
    listeners_tell(l);
}

static void begin_stop(struct loop *l)
{
    if (l->stopping || !atomic_load_explicit(&l->http->stopping, memory_order_acquire))
        return;
    l->stopping = true;
    l->stop_by_us = l->http->stop_by_us;
    watch_set(&l->acceptable, false);
    close(l->listener);
    l->listener = -1;
    connection_sweep(l);
}

static void end_if_stopped(struct loop *l)
{
    bool late = l->stopping && l->now_us >= l->stop_by_us;

    if (late)
        while (l->connections)
            connection_destroy(l->connections);
    if (late || (l->stopping && !l->connections && !mailbox_waiting(l->mailbox)))
        watch_loop_break(l->watches);
}

static void on_mail(void *context)
{
    struct loop *l = context;

    loop_begin(l);
    mailbox_drain(l->mailbox);
    begin_stop(l);
    end_if_stopped(l);
}

static void refresh_keys(struct loop *l)
{
    if (!l->http->keyring || l->now_us - l->keys_checked_us < 1000000)
        return;
    l->keys_checked_us = l->now_us;
    keyring_refresh(l->http->keyring);
    struct key_set *present = keyring_hold(l->http->keyring);
    key_set_release(l->keys);
    l->keys = present;
}

static void on_sweep(void *context)
{
    struct loop *l = context;

    loop_begin(l);
    begin_stop(l);
    connection_sweep(l);
    refresh_keys(l);
    if (!l->stopping)
        watch_set(&l->acceptable, true);
    watch_timer(&l->sweep, l->sweep_us);
    end_if_stopped(l);
}

/* A quarter of the shortest deadline, so that none is late by more than that. */
static int64_t sweep_interval_us(const struct http_options *o)
{
    unsigned all_ms[] = {loop_option(o->header_timeout_ms, 10000),
                         loop_option(o->body_timeout_ms, 30000),
                         loop_option(o->idle_timeout_ms, 60000),
                         loop_option(o->write_timeout_ms, 30000),
                         loop_option(o->command_timeout_ms, COMMAND_TIMEOUT_MS),
                         1000};
    unsigned least_ms = all_ms[0];

    for (unsigned i = 1; i < sizeof(all_ms) / sizeof(all_ms[0]); i++)
        least_ms = all_ms[i] < least_ms ? all_ms[i] : least_ms;
    return 1000 * (int64_t)(least_ms / 4 < 5 ? 5 : least_ms / 4);
}

static void *run(void *context)
{
    struct loop *l = context;

    watch_loop_run(l->watches);
    return NULL;
}

static bool loop_watch(struct loop *l)
{
    l->sweep_us = sweep_interval_us(&l->http->options);
    watch_init(&l->acceptable, l->watches, WATCH_READ, l->listener, on_acceptable, l);
    watch_init(&l->mail, l->watches, WATCH_READ, mailbox_fd(l->mailbox), on_mail, l);
    watch_init(&l->sweep, l->watches, WATCH_TIMER, -1, on_sweep, l);
    watch_init(&l->turn, l->watches, WATCH_TIMER, -1, on_turn, l);
    watch_init(&l->poll, l->watches, WATCH_TIMER, -1, on_poll, l);
    watch_init(&l->listen, l->watches, WATCH_TIMER, -1, on_listen, l);
    return watch_set(&l->acceptable, true) && watch_set(&l->mail, true) &&
           watch_timer(&l->sweep, l->sweep_us);
}

static int loop_init(struct loop *l, struct http *h, const struct address *a)
{
    l->http = h;
    l->listener = open_socket(a, true);
    if (l->listener < 0 || listen(l->listener, 1024))
        return ERROR_IO;
    l->turn_last = &l->turn_first;
    l->mailbox = mailbox_create();
    l->watches = watch_loop_create();
    l->scratch.path = malloc(INPUT_BYTES);
    l->reader = h->options.view ? epoch_register(h->options.view->epoch) : NULL;
    if (!l->mailbox || !l->watches || !l->scratch.path || (h->options.view && !l->reader))
        return ERROR_NOMEM;
    l->keys = h->keyring ? keyring_hold(h->keyring) : NULL;
    loop_begin(l);
    return loop_watch(l) ? 0 : ERROR_NOMEM;
}

static void loop_finish(struct loop *l)
{
    while (l->connections) /* what is left when the thread is gone */
        connection_destroy(l->connections);
    watch_finish(&l->acceptable);
    watch_finish(&l->mail);
    watch_finish(&l->sweep);
    watch_finish(&l->turn);
    watch_finish(&l->poll);
    watch_finish(&l->listen);
    watch_loop_destroy(l->watches);
    if (l->listener >= 0)
        close(l->listener);
    if (l->reader)
        epoch_unregister(l->reader);
    listeners_destroy(l->listeners);
    mailbox_leave(l->mailbox);
    key_set_release(l->keys);
    for (char *input = l->free_inputs, *next; input; input = next) {
        memcpy(&next, input, sizeof(next));
        free(input);
    }
    buffer_finish(&l->out);
    arena_finish(&l->scratch.arena);
    free(l->scratch.path);
    free(l->scratch.rows);
    free(l->scratch.left_out);
    free(l->scratch.locations);
    free(l->scratch.places);
    finder_room_finish(&l->scratch.finder);
    id_order_finish(&l->scratch.ids);
}

/* ---- the server ---- */

static void http_free(struct http *h)
{
    for (unsigned i = 0; i < h->loops_count; i++)
        loop_finish(&h->loops[i]);
    keyring_destroy(h->keyring);
    free(h->loops);
    free(h->keys_path);
    free(h);
}

static int start_loops(struct http *h, const struct address *a, char *detail, size_t detail_size)
{
    for (unsigned i = 0; i < h->options.threads; i++) {
        h->loops[i].listener = -1;
        h->loops_count = i + 1;
        int error = loop_init(&h->loops[i], h, a);
        if (error) {
            snprintf(detail, detail_size, "HTTP thread %u: %s", i,
                     error == ERROR_IO ? strerror(errno) : error_text(error));
            return error;
        }
    }
    for (unsigned i = 0; i < h->loops_count; i++) {
        if (pthread_create(&h->loops[i].thread, NULL, run, &h->loops[i])) {
            snprintf(detail, detail_size, "no thread for HTTP: %s", strerror(errno));
            return ERROR_NOMEM;
        }
        h->loops[i].started = true;
    }
    return 0;
}

static int check_address(const struct http_options *o, struct address *ret, char *detail, size_t detail_size)
{
    if (!parse_address(o->listen, ret)) {
        snprintf(detail, detail_size,
                 "`%s` is not an address to listen on: it must be like 127.0.0.1:8080 or [::1]:8080",
                 o->listen);
        return ERROR_INVALID;
    }
    if (!o->keys_path && !is_loopback(ret)) {
        snprintf(
            detail, detail_size,
            "`%s` can be reached from outside: make keys with `onhand key create`, or listen on 127.0.0.1",
            o->listen);
        return ERROR_INVALID;
    }
    if (claim_address(ret)) {
        snprintf(detail, detail_size, "cannot listen on %s: %s", o->listen, strerror(errno));
        return ERROR_IO;
    }
    return 0;
}

static int http_fill(struct http *h, const struct http_options *o, const struct address *a, char *detail,
                     size_t detail_size)
{
    h->options = *o;
    h->options.threads = o->threads ? o->threads : 1;
    h->loops = calloc(h->options.threads, sizeof(*h->loops));
    h->keys_path = o->keys_path ? strdup(o->keys_path) : NULL;
    if (!h->loops || (o->keys_path && !h->keys_path)) {
        snprintf(detail, detail_size, "out of memory");
        return ERROR_NOMEM;
    }
    h->options.keys_path = h->keys_path;
    format_address(a, h->listen_address, sizeof(h->listen_address));
    h->options.listen = h->listen_address;
    if (h->keys_path) {
        int error = keyring_create(h->keys_path, &h->keyring, detail, detail_size);
        if (error)
            return error;
    }
    return start_loops(h, a, detail, detail_size);
}

int http_start(const struct http_options *o, struct http **ret_http, char *detail, size_t detail_size)
{
    struct address a;
    int error = check_address(o, &a, detail, detail_size);

    if (error)
        return error;
    struct http *h = calloc(1, sizeof(*h));
    if (!h) {
        snprintf(detail, detail_size, "out of memory");
        return ERROR_NOMEM;
    }
    error = http_fill(h, o, &a, detail, detail_size);
    if (error) {
        http_stop(h, 0);
        return error;
    }
    *ret_http = h;
    return 0;
}

const char *http_address(const struct http *h)
{
    return h->listen_address;
}

void http_stop(struct http *h, unsigned most_ms)
{
    if (!h)
        return;
    h->stop_by_us = clock_monotonic_us() + (int64_t)most_ms * 1000;
    atomic_store_explicit(&h->stopping, true, memory_order_release);
    for (unsigned i = 0; i < h->loops_count; i++)
        if (h->loops[i].started)
            mailbox_wake(h->loops[i].mailbox);
    for (unsigned i = 0; i < h->loops_count; i++)
        if (h->loops[i].started)
            pthread_join(h->loops[i].thread, NULL);
    http_free(h);
}
