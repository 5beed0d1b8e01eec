/* The least an HTTP server can do: epoll, one read, one write of the same bytes for each empty line.
 * bare_epoll PORT FILE SECONDS: the file is the whole answer. No parser, no bounds, no deadlines: a peer to
 * measure against, not an example. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWERS_MOST = 512 };

static char *answers; /* ANSWERS_MOST copies, one behind the other */
static size_t answer_length;

static void read_answer(const char *path)
{
    char one[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, one, sizeof(one));

    answers = n > 0 ? malloc((size_t)n * ANSWERS_MOST) : NULL;
    if (!answers)
        exit(1);
    answer_length = (size_t)n;
    for (size_t i = 0; i < ANSWERS_MOST; i++)
        memcpy(answers + i * answer_length, one, answer_length);
    close(fd);
}

static int open_listener(const char *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(port)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 1024))
        exit(1);
    return fd;
}

/* Wrk never cuts a request in two at these sizes. */
static void serve(int fd)
{
    char in[32768];
    size_t count = 0;
    ssize_t n = read(fd, in, sizeof(in));

    if (n <= 0) {
        close(fd);
        return;
    }
    for (char *at = in; (at = memmem(at, (size_t)(in + n - at), "\r\n\r\n", 4)); at += 4)
        count++;
    if (write(fd, answers, (count < ANSWERS_MOST ? count : ANSWERS_MOST) * answer_length) < 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct epoll_event events[64], add = {.events = EPOLLIN};

    if (argc != 4)
        return 1;
    read_answer(argv[2]);
    int listener = open_listener(argv[1]), epoll = epoll_create1(EPOLL_CLOEXEC);
    time_t end = time(NULL) + atoi(argv[3]);
    add.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &add);
    printf("ready\n");
    fflush(stdout);
    while (time(NULL) < end) {
        int n = epoll_wait(epoll, events, 64, 500);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                serve(events[i].data.fd);
                continue;
            }
            add.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (add.data.fd >= 0)
                epoll_ctl(epoll, EPOLL_CTL_ADD, add.data.fd, &add);
        }
    }
    return 0;
}
