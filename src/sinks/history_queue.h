/* Lines on their way from the writer to the history: a ring of bytes with one end each. What does not fit is
 * not waited for. Then the run is over: nothing more goes in until the history has taken what is there and
 * asks for a new run; what lies between two runs it tells itself from the log.
 *
 * A run is a piece of the log without holes: every line of every record from run_from on. */
#ifndef SINKS_HISTORY_QUEUE_H
#define SINKS_HISTORY_QUEUE_H

#include "core/history.h"

struct history_queue;

enum history_run {
    HISTORY_RUN_WANTED, /* begins with the next record or flush */
    HISTORY_RUN_GOES,
    HISTORY_RUN_OVER, /* something did not fit, or the log's incarnation is another */
};

/* `bytes`: a power of two, at least 64 KiB. A run is wanted. ERROR_NOMEM, ERROR_IO (no eventfd),
 * ERROR_INVALID
 */
int history_queue_create(size_t bytes, struct history_queue **ret_queue);
void history_queue_destroy(struct history_queue *q); /* takes NULL */

/* ---- @thread writer ---- */
struct historian history_queue_writer(struct history_queue *q);

/* ---- @thread history ---- */
enum history_run history_queue_run(const struct history_queue *q);
/* Of the run that goes or was the last one. */
uint64_t history_queue_run_from(const struct history_queue *q);
uint64_t history_queue_incarnation(const struct history_queue *q);
/* The run is over and everything was taken: begin another. */
void history_queue_want(struct history_queue *q);
/* All lines of records before it are in the ring or were taken. Load it before looking for the next line. */
uint64_t history_queue_position(const struct history_queue *q);
/* The next line behind those that were looked at; false when there is none. Its texts lie in the ring. */
bool history_queue_look(struct history_queue *q, struct history_line *ret_line);
/* What was looked at may be overwritten. Or: it will be looked at again. */
void history_queue_take(struct history_queue *q);
void history_queue_look_again(struct history_queue *q);
/* Waits until the position is another than was seen, the run is over, history_queue_wake, or time is up. */
void history_queue_wait(struct history_queue *q, uint64_t seen_position, int timeout_ms);

/* ---- @thread any ---- */
/* All before it was applied, whether a run goes or not; and log time at the last flush. */
uint64_t history_queue_applied(const struct history_queue *q);
instant_t history_queue_log_time(const struct history_queue *q);
void history_queue_wake(struct history_queue *q);
uint64_t history_queue_runs_over(const struct history_queue *q);
#endif
