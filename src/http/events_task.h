/* Events of one request on their way into records, and what became of each, in order. */
#ifndef HTTP_EVENTS_TASK_H
#define HTTP_EVENTS_TASK_H

#include "http/commands.h"

struct events_task;

/* NULL without memory. Texts of events added must live in the request's body or in the task's arena. */
struct events_task *events_task_create(struct exchange *x, bool problems_only);
struct arena *events_task_arena(struct events_task *t);
/* Adds the next one: good (p is empty), or not an event (p says why; e may be NULL). 0, ERROR_NOMEM,
 * ERROR_LIMIT. */
int events_task_add(struct events_task *t, const struct event *e, const struct problems *p);
/* The same for an event_reader whose context is the task. */
int events_task_each(void *context, size_t number, const struct event *e, const struct problems *p);
/* All were added: writes them and answers, now or later; the task is gone after it. */
void events_task_run(struct events_task *t, struct exchange *x);
/* The request was answered otherwise. Takes NULL. */
void events_task_destroy(struct events_task *t);

#endif
