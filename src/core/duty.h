/* Duty: what of several instances on one log only one should do, and what an output that follows it has to
 * know.
 *
 * Duty may be doubled or late, never forgotten. Doubled harms nothing, because whatever is done on duty
 * carries versions or is judged by the log; so nobody waits for certainty, but whoever is off duty stops
 * within a moment.
 *
 * An output (Redis, the availability topic) works by *terms*. It calls duty_term before each act, and at
 * least every 200 ms: 0            not on duty: write nothing, drop what is queued. another one  than last
 * time: duty was gained. Forget what you know of the outside; take the place that is recorded
 *                (duty_port.recorded) and write everything newer than that, or everything when none is: rows
 * whose version is at or behind it, SKUs whose item, and all rows of locations, whose last change is at or
 * behind it. After that follow the feed. the same     go on. Whenever everything that changed before some
 * place of the log is out, and every now and then while nothing changes, say so (duty_port.report). Engine
 * makes a record of it when other records have come since. When the outside lost what it had and all has to
 * be written anew, report place 0 first: then whoever comes after you does not trust the old place. */
#ifndef CORE_DUTY_H
#define CORE_DUTY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Written by one thread, read by any. */
struct duty_view {
    _Atomic uint64_t term;    /* grows with each gain; 0: not on duty */
    _Atomic int64_t until_us; /* monotonic: not on duty from then on, unless it is said anew */
};

/* The term this instance holds now, or 0. A process that was frozen learns here that its duty is over.
 * `now_us`: clock_monotonic_us(). @thread any */
static inline uint64_t duty_term(const struct duty_view *v, int64_t now_us)
{
    uint64_t term = atomic_load_explicit(&v->term, memory_order_acquire);
    return now_us < atomic_load_explicit(&v->until_us, memory_order_acquire) ? term : 0;
}

/* A place in the log: everything before `offset` of this incarnation. */
struct duty_place {
    uint64_t incarnation, offset;
};

/* What an output is given. */
struct duty_port {
    const struct duty_view *view;
    void *output;
    /* All that changed before this place is out, written in this term. Never blocks; the newest word counts.
     * @thread any */
    void (*report)(void *output, uint64_t term, struct duty_place place);
    /* How far the output got by the last record of it that is applied here; false: never recorded. @thread
     * any */
    bool (*recorded)(void *output, struct duty_place *ret_place);
};

#endif
