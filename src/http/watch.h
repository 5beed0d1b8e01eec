/* What a loop waits for: readable, writable, or an instant. The one place that sees libevent (whose struct
 * event is not ours). */
#ifndef HTTP_WATCH_H
#define HTTP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch_loop; /* belongs to one thread */

enum watch_kind { WATCH_READ, WATCH_WRITE, WATCH_TIMER };
enum { WATCH_EVENT_BYTES = 128 };

/* Zero-initialised is valid and stopped. */
struct watch {
    void (*callback)(void *context);
    void *context;
    bool ready;   /* watch_init was called */
    bool started; /* for READ and WRITE: until stopped; for TIMER: until it fires */
    _Alignas(16) char event[WATCH_EVENT_BYTES];
};

struct watch_loop *watch_loop_create(void); /* NULL without memory */
void watch_loop_destroy(struct watch_loop *l);
/* Until watch_loop_break. */
void watch_loop_run(struct watch_loop *l);
void watch_loop_break(struct watch_loop *l);

/* `fd` is ignored for timers. */
void watch_init(struct watch *w, struct watch_loop *l, enum watch_kind kind, int fd,
                void (*callback)(void *context), void *context);
/* READ, WRITE: starts or stops waiting; nothing happens when it is so already. False without memory. */
bool watch_set(struct watch *w, bool should);
/* TIMER: fires once, in so many microseconds; not changed when it runs already. */
bool watch_timer(struct watch *w, int64_t in_us);
/* Stops whatever it is. */
void watch_finish(struct watch *w);

#endif
