/* Where the load goes: HOST:PORT or a unix socket, dialled once for each connection. */
#ifndef BENCH_LOAD_SOCKET_H
#define BENCH_LOAD_SOCKET_H

#include <stdbool.h>

enum { TARGET_TEXT = 256 };

struct target {
    char host[TARGET_TEXT], port[8]; /* host "": unix */
    char path[108];
    char authority[TARGET_TEXT]; /* for HTTP's Host */
};

/* http://HOST[:PORT][/], HOST:PORT or unix:PATH. False: it is none of them. */
bool target_read(struct target *ret, const char *text);
/* A connected socket that does not block, without Nagle's delay; negative: errno says why. */
int target_dial(const struct target *t);
/* Sends and waits for the answer's first bytes, for what is asked once before a run; their number, or
 * negative. */
long target_ask(const struct target *t, const char *bytes, unsigned long length, char *answer,
                unsigned long size);

#endif
