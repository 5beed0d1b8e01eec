/* Events of one request on their way into records, and what became of each, in order. */
#ifndef HTTP_EVENTS_TASK_H
#define HTTP_EVENTS_TASK_H

#include "http/commands.h"

struct events_task;

enum { EVENTS_A_TURN = 512 /* read, or answered */, EVENTS_A_REQUEST_MOST = 100000 };

/* Where the events come from, a turn's worth at a time. */
struct events_source {
    void *context;
    /* Adds the next ones to the task. ERROR_INVALID: the body cannot be read (p says why); ERROR_NOMEM,
     * ERROR_LIMIT. */
    int (*some)(void *context, struct exchange *x, bool *ret_more, struct problems *p);
    void (*finish)(void *context);
};

/* NULL without memory. Texts of events added must live in the request's body or in the task's arena. */
struct events_task *events_task_create(struct exchange *x, bool problems_only);
struct arena *events_task_arena(struct events_task *t);
/* Adds the next one: good (p is empty), or not an event (p says why; e may be NULL). 0, ERROR_NOMEM,
 * ERROR_LIMIT. */
int events_task_add(struct events_task *t, const struct event *e, const struct problems *p);
/* The same for an event_reader whose context is the task. */
int events_task_each(void *context, size_t number, const struct event *e, const struct problems *p);
/* Reads them all, writes them and answers, in this turn or in later ones; the task and the source are gone
 * after it. */
void events_task_run(struct events_task *t, struct exchange *x, const struct events_source *source);

#endif
