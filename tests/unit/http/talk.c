/* Speaks HTTP plainly: what is sent is exactly what the test says. */
#include "talk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    abort();
}

struct talk talk_to(const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    int on = 1;
    struct talk t = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
    in.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    setsockopt(t.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (t.fd < 0 || connect(t.fd, (struct sockaddr *)&in, sizeof(in)))
        fail("connect");
    return t;
}

void talk_end(struct talk *t)
{
    close(t->fd);
    buffer_finish(&t->in);
}

void talk_send(struct talk *t, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length) {
        ssize_t n = send(t->fd, at, length, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has had enough: its answer says why */
        at += n;
        length -= (size_t)n;
    }
}

void talk_say(struct talk *t, const char *text)
{
    talk_send(t, text, strlen(text));
}

/* False at the end. */
static bool more(struct talk *t)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};

    if (poll(&p, 1, 10000) != 1)
        fail("no answer within ten seconds");
    ssize_t n = recv(t->fd, buffer_reserve(&t->in, 65536), 65536, 0);
    if (n <= 0)
        return false;
    t->in.length += (size_t)n;
    return true;
}

bool talk_ended(struct talk *t)
{
    return t->in.length == 0 && !more(t);
}

static void take(struct talk *t, size_t bytes)
{
    memmove(t->in.at, t->in.at + bytes, t->in.length - bytes);
    t->in.length -= bytes;
}

char *head_value(const char *head, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, name, length) && line[length] == ':') {
            const char *value = line + length + 1;
            value += strspn(value, " \t");
            return strndup(value, strcspn(value, "\r"));
        }
    }
    return NULL;
}

static bool need(struct talk *t, size_t bytes)
{
    while (t->in.length < bytes)
        if (!more(t))
            return false;
    return true;
}

static void read_chunks(struct talk *t, struct buffer *body)
{
    for (;;) {
        char *end;
        while (!(end = t->in.length ? memmem(t->in.at, t->in.length, "\r\n", 2) : NULL))
            if (!more(t))
                return;
        size_t size = strtoul(t->in.at, NULL, 16);
        take(t, (size_t)(end - t->in.at) + 2);
        if (!need(t, size + 2))
            return;
        buffer_add(body, t->in.at, size);
        take(t, size + 2);
        if (!size)
            return;
    }
}

static void read_body(struct talk *t, const char *head, int status, struct buffer *body)
{
    char *length = head_value(head, "Content-Length"), *coding = head_value(head, "Transfer-Encoding");

    if (coding) {
        read_chunks(t, body);
    } else if (length) {
        size_t n = strtoul(length, NULL, 10);
        if (need(t, n)) {
            buffer_add(body, t->in.at, n);
            take(t, n);
        }
    } else if (status != 204 && status != 304 && status >= 200) {
        while (more(t))
            ;
        buffer_add(body, t->in.at, t->in.length);
        t->in.length = 0;
    }
    free(length);
    free(coding);
}

struct answer talk_answer(struct talk *t, bool head_only)
{
    struct answer a = {0};
    struct buffer body = {0};
    char *end;

    while (!(end = t->in.length ? memmem(t->in.at, t->in.length, "\r\n\r\n", 4) : NULL))
        if (!more(t))
            return a;
    size_t length = (size_t)(end - t->in.at) + 4;
    a.head = strndup(t->in.at, length);
    take(t, length);
    a.status = atoi(a.head + 9);
    if (!head_only)
        read_body(t, a.head, a.status, &body);
    a.body_length = body.length;
    buffer_byte(&body, '\0');
    a.body = body.at;
    return a;
}

void answer_free(struct answer *a)
{
    free(a->head);
    free(a->body);
    *a = (struct answer){0};
}

struct answer ask(const char *address, const char *method, const char *target, const char *headers,
                  const char *body)
{
    struct talk t = talk_to(address);
    struct buffer out = {0};

    buffer_printf(&out, "%s %s HTTP/1.1\r\nHost: test\r\n%s", method, target, headers);
    if (body)
        buffer_printf(&out, "Content-Length: %zu\r\n", strlen(body));
    buffer_string(&out, "\r\n");
    if (body)
        buffer_string(&out, body);
    talk_send(&t, out.at, out.length);
    struct answer a = talk_answer(&t, !strcmp(method, "HEAD"));
    buffer_finish(&out);
    talk_end(&t);
    return a;
}
