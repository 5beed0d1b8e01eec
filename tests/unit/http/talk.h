/* A client for tests: bytes out, whole answers back. */
#ifndef TESTS_HTTP_TALK_H
#define TESTS_HTTP_TALK_H

#include "base/buffer.h"

struct talk {
    int fd;
    struct buffer in; /* not yet taken */
};

struct answer {
    int status; /* 0: the connection ended without one */
    char *head; /* with NUL */
    char *body; /* with NUL */
    size_t body_length;
};

/* `address` as http_address gives it. */
struct talk talk_to(const char *address);
void talk_end(struct talk *t);
void talk_send(struct talk *t, const void *bytes, size_t length);
void talk_say(struct talk *t, const char *text);
/* The next answer; waits at most ten seconds. `head_only`: to a HEAD. */
struct answer talk_answer(struct talk *t, bool head_only);
void answer_free(struct answer *a);
/* True when the peer closed and nothing more came. */
bool talk_ended(struct talk *t);
/* One request on a connection of its own. `headers`: lines with CRLF. */
struct answer ask(const char *address, const char *method, const char *target, const char *headers,
                  const char *body);
/* The value of a header line in `head`, or NULL; free it. */
char *head_value(const char *head, const char *name);

#endif
