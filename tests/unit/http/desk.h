/* A small engine for tests of http: the real state behind the real view, a thread that applies commands, and
 * no log. */
#ifndef TESTS_HTTP_DESK_H
#define TESTS_HTTP_DESK_H

#include "core/command.h"
#include "core/model/apply.h"
#include "core/view.h"
#include "zone/zones.h"

#include <pthread.h>

enum { DESK_WINDOW = 1 << 14 };
#define DESK_NOW_US INT64_C(1795255500000000) /* 2026-11-21T10:05:00Z */
enum { DESK_INCARNATION = 1795219200000042 };

struct desk {
    struct view view;
    struct command_port port;
    struct state *state;
    struct zones *zones;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct command *first, **last;
    bool stopping, held;           /* held: commands are taken and not answered */
    int refuses;                   /* submit answers this error */
    size_t submitted, most_events; /* records seen (atomic), and the most events in one */
    int64_t now_us;                /* the next record's append instant */
    struct outcome outcome;
    struct window *window; /* of what was applied */
};

void desk_start(struct desk *d); /* at DESK_NOW_US */
void desk_start_at(struct desk *d, int64_t now_us);
void desk_stop(struct desk *d);
void desk_hold(struct desk *d, bool held);
void desk_refuse(struct desk *d, int error);
/* Applies events of one JSON body from the test's own thread, and asserts that all are applied. */
void desk_say(struct desk *d, const char *json);

#endif
