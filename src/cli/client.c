/* Sockets, deadlines and one retry on a connection that had been closed behind our back. */
#include "cli/client.h"
#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct client {
    char host[256], port[8], authority[300];
    char key[256];
    int64_t timeout_us;
    int socket; /* -1: not connected */
    struct answer_reader reader;
    struct buffer request;
    char detail[CLIENT_DETAIL_BYTES];
};

__attribute__((format(printf, 3, 4))) static int say(struct client *c, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->detail, sizeof(c->detail), format, args);
    va_end(args);
    return error;
}

const char *client_detail(const struct client *c)
{
    return c->detail;
}

/* ---- URL and key ---- */

/* http://HOST[:PORT][/], HOST may be [IPv6]. */
static bool url_read(struct client *c, const char *url)
{
    if (strncmp(url, "http://", 7) != 0)
        return false;
    url += 7;
    size_t length = strcspn(url, "/?#");
    if (url[length] && strcmp(url + length, "/") != 0)
        return false;
    snprintf(c->authority, sizeof(c->authority), "%.*s", (int)length, url);
    const char *host = c->authority, *host_end;
    if (*host == '[') {
        host++;
        host_end = strchr(host, ']');
        if (!host_end || (host_end[1] && host_end[1] != ':'))
            return false;
    } else {
        host_end = host + strcspn(host, ":");
    }
    if (host_end == host || (size_t)(host_end - host) >= sizeof(c->host) || length >= sizeof(c->authority))
        return false;
    snprintf(c->host, sizeof(c->host), "%.*s", (int)(host_end - host), host);
    const char *port = host_end + (*host_end == ']');
    snprintf(c->port, sizeof(c->port), "%s", *port == ':' ? port + 1 : "80");
    return *c->port && strspn(c->port, "0123456789") == strlen(c->port) && strlen(c->port) < 6;
}

static int key_file_read(struct client *c, const char *path)
{
    FILE *file = fopen(path, "re");

    if (!file)
        return say(c, ERROR_IO, "the file of the key, %s, cannot be read: %s", path, strerror(errno));
    if (!fgets(c->key, sizeof(c->key), file))
        *c->key = 0;
    fclose(file);
    c->key[strcspn(c->key, "\r\n")] = 0;
    return *c->key ? 0 : say(c, ERROR_INVALID, "the first line of %s is empty: it should be the key", path);
}

static int key_read(struct client *c, const struct settings *s)
{
    snprintf(c->key, sizeof(c->key), "%s", s->api_key);
    if (!*c->key && *s->api_key_file) {
        int error = key_file_read(c, s->api_key_file);
        if (error)
            return error;
    }
    for (const char *k = c->key; *k; k++)
        if (*k <= 0x20 || *k >= 0x7F)
            return say(c, ERROR_INVALID, "the key holds a byte that no key has");
    return 0;
}

int client_create(const struct settings *s, struct client **ret_client, char detail[CLIENT_DETAIL_BYTES])
{
    struct client *c = calloc(1, sizeof(*c));
    int error = 0;

    if (!c) {
        snprintf(detail, CLIENT_DETAIL_BYTES, "out of memory");
        return ERROR_NOMEM;
    }
    c->socket = -1;
    c->timeout_us = (int64_t)s->timeout_seconds * 1000000;
    if (strncmp(s->url, "https://", 8) == 0)
        error = say(c, ERROR_INVALID,
                    "%s: TLS is not in this version; use http:// behind a proxy that speaks it", s->url);
    else if (!url_read(c, s->url))
        error =
            say(c, ERROR_INVALID, "%s is not a URL of a server; it looks like http://127.0.0.1:8080", s->url);
    else
        error = key_read(c, s);
    if (error) {
        memcpy(detail, c->detail, CLIENT_DETAIL_BYTES);
        client_destroy(c);
        return error;
    }
    *ret_client = c;
    return 0;
}

static void disconnect(struct client *c)
{
    if (c->socket >= 0)
        close(c->socket);
    c->socket = -1;
}

void client_destroy(struct client *c)
{
    if (!c)
        return;
    disconnect(c);
    buffer_finish(&c->request);
    free(c);
}

/* ---- sockets ---- */

/* 0 when the socket is ready, ERROR_TIMEOUT past the deadline. */
static int wait_for(struct client *c, short events, int64_t deadline_us)
{
    struct pollfd p = {.fd = c->socket, .events = events};

    for (;;) {
        int64_t left_ms = (deadline_us - clock_monotonic_us() + 999) / 1000;
        if (left_ms <= 0)
            return say(c, ERROR_TIMEOUT, "%s did not answer within %lld s", c->authority,
                       (long long)(c->timeout_us / 1000000));
        int n = poll(&p, 1, left_ms > 1000000 ? 1000000 : (int)left_ms);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return say(c, ERROR_IO, "poll: %s", strerror(errno));
    }
}

static int connect_to(struct client *c, const struct addrinfo *a, int64_t deadline_us)
{
    int one = 1, error = 0;
    socklen_t size = sizeof(error);

    c->socket = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (c->socket < 0)
        return say(c, ERROR_UNAVAILABLE, "socket: %s", strerror(errno));
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->socket, a->ai_addr, a->ai_addrlen) == 0)
        return 0;
    if (errno == EINPROGRESS) {
        int late = wait_for(c, POLLOUT, deadline_us);
        if (late)
            return late;
        if (getsockopt(c->socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && !error)
            return 0;
        errno = error;
    }
    return say(c, ERROR_UNAVAILABLE, "cannot reach http://%s: %s. Is `onhand serve` running there?",
               c->authority, strerror(errno));
}

static int connect_any(struct client *c, int64_t deadline_us)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *addresses = NULL;
    int error = getaddrinfo(c->host, c->port, &hints, &addresses);

    if (error)
        return say(c, ERROR_UNAVAILABLE, "%s: %s", c->host, gai_strerror(error));
    error = ERROR_UNAVAILABLE;
    for (const struct addrinfo *a = addresses; a && error; a = a->ai_next) {
        disconnect(c);
        error = connect_to(c, a, deadline_us);
    }
    freeaddrinfo(addresses);
    if (error)
        disconnect(c);
    return error;
}

static int write_request(struct client *c, int64_t deadline_us)
{
    size_t done = 0;

    while (done < c->request.length) {
        ssize_t n = send(c->socket, c->request.at + done, c->request.length - done, MSG_NOSIGNAL);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            int late = wait_for(c, POLLOUT, deadline_us);
            if (late)
                return late;
        } else if (errno != EINTR) {
            return say(c, ERROR_IO, "%s closed the connection: %s", c->authority, strerror(errno));
        }
    }
    return 0;
}

/* ---- requests ---- */

struct sink {
    struct client_answer *answer;
    const struct answer_body *stream;
};

static int take(void *context, int status, const char *bytes, size_t length)
{
    struct sink *s = context;

    if (s->stream && status < 300)
        return s->stream->take(s->stream->context, status, bytes, length);
    buffer_add(&s->answer->body, bytes, length);
    return s->answer->body.failed ? ERROR_NOMEM : 0;
}

static int read_answer(struct client *c, struct sink *sink, int64_t deadline_us, bool *ret_silent)
{
    const struct answer_body body = {sink, take};
    char bytes[65536];

    c->reader = (struct answer_reader){0};
    *ret_silent = true;
    while (c->reader.state != ANSWER_DONE) {
        ssize_t n = recv(c->socket, bytes, sizeof(bytes), 0);
        size_t used;
        int error = 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            error = wait_for(c, POLLIN, deadline_us);
        else if (n <= 0)
            error =
                answer_closed(&c->reader)
                    ? say(c, ERROR_IO, "%s closed the connection before the answer was whole", c->authority)
                    : 0;
        else {
            *ret_silent = false;
            deadline_us =
                clock_monotonic_us() + c->timeout_us; /* a long answer may take long, a silent server not */
            error = answer_read(&c->reader, bytes, (size_t)n, &body, &used);
            if (error == ERROR_INVALID)
                say(c, error, "%s does not speak HTTP as onhand does", c->authority);
        }
        if (error)
            return error;
    }
    return 0;
}

static int write_head(struct client *c, const struct client_request *r)
{
    buffer_clear(&c->request);
    buffer_printf(&c->request, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: onhand/" ONHAND_VERSION "\r\n",
                  r->method, r->target, c->authority);
    if (*c->key)
        buffer_printf(&c->request, "Authorization: Bearer %s\r\n", c->key);
    if (r->headers)
        buffer_string(&c->request, r->headers);
    if (r->content_type)
        buffer_printf(&c->request, "Content-Type: %s\r\nContent-Length: %zu\r\n", r->content_type,
                      r->body.length);
    buffer_string(&c->request, "\r\n");
    if (r->content_type)
        buffer_text(&c->request, r->body);
    return c->request.failed ? say(c, ERROR_NOMEM, "out of memory") : 0;
}

static int attempt(struct client *c, const struct client_request *r, struct client_answer *answer,
                   bool *ret_silent)
{
    struct sink sink = {answer, r->stream};
    int64_t deadline_us = clock_monotonic_us() + c->timeout_us;
    int error = c->socket < 0 ? connect_any(c, deadline_us) : 0;

    *ret_silent = true;
    buffer_clear(&answer->body);
    if (error)
        return error;
    error = write_request(c, deadline_us);
    /* A server that refuses a long body answers before it has read it all: what it says is worth more than
     * EPIPE. */
    if (!error || error == ERROR_IO) {
        int later = read_answer(c, &sink, deadline_us, ret_silent);
        error = later ? later : 0;
    }
    if (error || !c->reader.keep_alive)
        disconnect(c);
    return error;
}

int client_send(struct client *c, const struct client_request *r, struct client_answer *ret_answer)
{
    bool kept = c->socket >= 0, silent;
    int error = write_head(c, r);

    if (error)
        return error;
    error = attempt(c, r, ret_answer, &silent);
    if (error == ERROR_IO && kept && silent)
        error = attempt(c, r, ret_answer, &silent);
    if (error)
        return error;
    ret_answer->status = c->reader.status;
    ret_answer->retry_after_seconds = c->reader.retry_after_seconds;
    memcpy(ret_answer->content_type, c->reader.content_type, sizeof(ret_answer->content_type));
    return 0;
}

struct client_head client_head(const struct client *c)
{
    const struct answer_reader *r = &c->reader;
    struct client_head head = {.content_length = r->content_length,
                               .range_from = r->range_from,
                               .range_total = r->range_total,
                               .taken = r->taken};

    memcpy(head.etag, r->etag, sizeof(head.etag));
    return head;
}

int client_send_patiently(struct client *c, const struct client_request *r, struct client_answer *ret_answer)
{
    int64_t end_us = clock_monotonic_us() + c->timeout_us;

    for (;;) {
        int error = client_send(c, r, ret_answer);
        if (error || (ret_answer->status != 429 && ret_answer->status != 503))
            return error;
        unsigned seconds = ret_answer->retry_after_seconds;
        struct timespec pause = {.tv_sec = seconds, .tv_nsec = seconds ? 0 : 100000000};
        if (clock_monotonic_us() + (int64_t)seconds * 1000000 >= end_us)
            return 0;
        nanosleep(&pause, NULL);
    }
}

int client_get(struct client *c, const char *target, struct client_answer *ret_answer)
{
    return client_send(c, &(struct client_request){.method = "GET", .target = target}, ret_answer);
}

void url_put(struct buffer *out, struct text t)
{
    for (size_t i = 0; i < t.length; i++) {
        unsigned char b = (unsigned char)t.at[i];
        bool plain =
            (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || strchr("-._~", b);
        if (plain && b)
            buffer_byte(out, (char)b);
        else
            buffer_printf(out, "%%%02X", b);
    }
}

void url_query(struct buffer *out, const char *name, const char *value)
{
    if (!*value)
        return;
    buffer_printf(out, "%c%s=", memchr(out->at, '?', out->length) ? '&' : '?', name);
    url_put(out, text_of(value));
}
