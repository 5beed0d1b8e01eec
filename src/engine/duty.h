/* On duty: proposes what falls due, and records how far the shared outputs got (architecture.md, Duty).
 *
 * A thread of its own (`duty`) looks at membership and clock every few hundredths of a second. When something
 * is due it asks the writer, who answers between two batches with encoded records: it alone knows the state.
 * The duty thread appends them like any command, and what is not accepted comes again.
 *
 * Its clock is log time, as far as it can be known without appending: what the log said last, and how long
 * ago that was. Only where the log has said nothing for a while does the wall clock count. Both only propose.
 */
#ifndef ENGINE_DUTY_H
#define ENGINE_DUTY_H

#include "core/duty.h"
#include "core/model/state.h"

struct duty;
struct engine;

struct duty_counts {
    uint64_t held;  /* 1: on duty */
    uint64_t gains; /* terms begun */
    uint64_t proposals, accepted, progress;
    uint64_t waiting; /* what will fall due */
};

/* For an engine whose log and state are there; no thread yet. NULL without memory. */
struct duty *duty_create(struct engine *e);
int duty_start(struct duty *d); /* its thread. ERROR_NOMEM */
/* Proposes nothing more; what is on its way comes back later. */
void duty_stop(struct duty *d);
void duty_destroy(struct duty *d); /* when nothing is on its way any more. Takes NULL */

const struct duty_view *duty_view(const struct duty *d);
/* One more output, by name. ERROR_LIMIT. Before anything starts. */
int duty_output(struct duty *d, const char *name, struct duty_port *ret_port);
void duty_count(struct duty *d, struct duty_counts *ret); /* @thread any */

/* One look. `wall_us`, `now_us` (monotonic): the clocks. @thread duty, or a simulator's */
void duty_turn(struct duty *d, int64_t wall_us, int64_t now_us);

/* ---- @thread writer ---- */
/* Between batches: answers what duty asked. */
void duty_serve(struct duty *d, struct state *s);
/* Somebody's word about an output was applied. */
void duty_outputs_changed(struct duty *d, const struct state *s);
/* A record that is news was applied: everything before `next_offset`. */
void duty_news(struct duty *d, uint64_t next_offset);

#endif
