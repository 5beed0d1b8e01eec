/* A real redis-server for one test program: on a unix socket in a folder of its own, gone with it. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include "../engine/tree.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct redis_server {
    char folder[64], socket[96], address[112];
    pid_t pid;
};

/* The socket's file is there before anybody listens on it. */
static bool server_answers(const struct redis_server *s)
{
    redisContext *c = redisConnectUnix(s->socket);
    bool answers = c && !c->err;

    if (c)
        redisFree(c);
    return answers;
}

/* 0, 1 when there is no redis-server here, -1 when it does not start. */
static int server_start(struct redis_server *s)
{
    snprintf(s->folder, sizeof(s->folder), "/tmp/onhand-redis-XXXXXX");
    if (!mkdtemp(s->folder))
        return -1;
    snprintf(s->socket, sizeof(s->socket), "%s/socket", s->folder);
    snprintf(s->address, sizeof(s->address), "unix:%s", s->socket);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", s->socket, "--dir", s->folder,
               "--save", "", "--appendonly", "no", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000; i++) {
        int status;
        if (server_answers(s))
            return 0;
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            remove_tree(s->folder);
            return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? 1 : -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    return -1;
}

static void server_stop(struct redis_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    remove_tree(s->folder);
}

#endif
