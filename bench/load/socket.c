/* Addresses and connections. */
#include "bench/load/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool target_read(struct target *ret, const char *text)
{
    *ret = (struct target){.port = "80"};
    if (strncmp(text, "unix:", 5) == 0) {
        snprintf(ret->authority, sizeof(ret->authority), "localhost");
        return snprintf(ret->path, sizeof(ret->path), "%s", text + 5) < (int)sizeof(ret->path);
    }
    text += strncmp(text, "http://", 7) == 0 ? 7 : 0;
    size_t length = strcspn(text, "/?#");
    if (length == 0 || length >= TARGET_TEXT || (text[length] && strcmp(text + length, "/") != 0))
        return false;
    snprintf(ret->authority, sizeof(ret->authority), "%.*s", (int)length, text);
    snprintf(ret->host, sizeof(ret->host), "%s", ret->authority);
    char *colon = strrchr(ret->host, ':'), *bracket = strchr(ret->host, ']');
    if (colon && (!bracket || colon > bracket)) {
        *colon = '\0';
        if (snprintf(ret->port, sizeof(ret->port), "%s", colon + 1) >= (int)sizeof(ret->port))
            return false;
    }
    if (ret->host[0] == '[' && bracket) {
        *bracket = '\0';
        memmove(ret->host, ret->host + 1, strlen(ret->host));
    }
    return ret->host[0] && ret->port[0];
}

static int dial_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(to.sun_path, path, strlen(path) + 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int dial_host(const struct target *t)
{
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int fd = -1, on = 1;

    if (getaddrinfo(t->host, t->port, &wanted, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

int target_dial(const struct target *t)
{
    int fd = t->host[0] ? dial_host(t) : dial_unix(t->path);

    if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

long target_ask(const struct target *t, const char *bytes, unsigned long length, char *answer,
                unsigned long size)
{
    int fd = target_dial(t);
    long got = -1;

    if (fd >= 0 && fcntl(fd, F_SETFL, 0) == 0 && write(fd, bytes, length) == (ssize_t)length)
        got = read(fd, answer, size);
    if (fd >= 0)
        close(fd);
    return got;
}
