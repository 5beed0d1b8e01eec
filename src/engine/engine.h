/* The engine: a log, the one writer thread, the state it makes, checkpoints, and the view that everybody
 * reads.
 *
 * Threads: `writer` (inside) is the only one that changes the state; `log` is the log's own; `keeper`
 * (inside) writes dead letters; any thread may read the view (inside an epoch section) and submit commands.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/buffer.h"
#include "base/hash.h"
#include "core/command.h"
#include "core/duty.h"
#include "core/history.h"
#include "core/table/window.h"
#include "core/view.h"
#include "log/log.h"

/* In a data folder: says where its embedded log was moved to, which is not written on any more. */
#define ENGINE_MOVED_FILE "moved"

struct engine;
struct checkpoint_store;
struct feed;

/* Who else has to know of verdicts before a checkpoint may cover them (intake's dead letters). */
struct engine_witness {
    void *context;
    /* What became of a record that came through intake, in this life and in the replay after a start.
     * @thread writer, must not block */
    void (*judged)(void *context, const struct record *r, const struct event_verdict *verdicts, size_t count,
                   uint64_t offset);
    /* May what stands before next_offset be left out of the next replay? @thread writer, must not block */
    bool (*settled)(void *context, uint64_t next_offset);
};

/* What the engine asks of a log that it is given. */
struct engine_log_start {
    uint64_t offset;       /* `next` begins here */
    uint64_t incarnation;  /* of the checkpoint that leads up to it; 0: there is none */
    struct hash128 digest; /* of that checkpoint's state */
    log_lost lost;         /* to be called as log.h says, with this context */
    void *lost_context;
    char *detail; /* of an error: what is wrong and what to do */
    size_t detail_size;
};

struct engine_options {
    const char *directory; /* holds log/, checkpoints/ and dead-letter.ndjson; made when it is not there.
                              NULL: nothing on disk, log and store are given */
    /* NULL: the embedded log in directory/log. Else opens another one; the engine destroys it. */
    int (*open_log)(void *context, const struct engine_log_start *start, struct log **ret_log);
    void *open_log_context;
    uint64_t checkpoint_records;    /* records replayed at most after a crash, about; 0: 2,000,000 */
    int64_t checkpoint_interval_us; /* a checkpoint at least that often while records come; 0: 5 minutes */
    size_t segment_bytes;           /* of the embedded log; 0: its default */
    const struct checkpoint_store *store; /* NULL: files in directory/checkpoints (store.h) */
    struct engine_witness witness;        /* judged NULL: nobody */
    struct window *window; /* gets every change of a row; NULL: none. The caller's; outlives the engine */
    struct historian historian; /* applied NULL: nobody keeps a history */
    const char *instance; /* this instance's name, when others read the same log: it compares digests with
                             them. Looked at when the log is open. NULL: nobody else reads it */
    bool keep_log;        /* never trim the log */
    struct feed *feed;    /* NULL: nobody wants to know what changed. The caller's; outlives the engine */
    struct calendars calendars; /* for the view: what locations' documents say about time. Zero: nobody asks */
    /* When the silence of a location that was last heard of at `heard` is too long (at least heard +
     * stale_after_us); INSTANT_NONE: never. NULL: opening hours do not count. @thread duty, inside an epoch
     * section */
    instant_t (*silence_due)(void *context, const struct location *l, instant_t heard);
    void *silence_context;
    int64_t stop_timeout_us; /* for draining and the last checkpoint; 0: 8 s */
};

/* Recovers (newest checkpoint that verifies, then replay) and starts the threads; returns when recovery has
 * begun to replay, not when it is done: view->ready tells. 0 or an error with a sentence in `detail` that
 * says what to do. */
int engine_open(const struct engine_options *o, struct engine **ret_engine, char *detail, size_t detail_size);
/* Takes no more commands, applies what is durable, writes a checkpoint, joins. Whoever holds commands gets
 * them back before it returns. The view stays as it is and may be looked at. Takes NULL. */
void engine_stop(struct engine *e);
/* The same, when it was not done yet; then all is gone, the view too. Takes NULL. */
void engine_close(struct engine *e);

const struct view *engine_view(const struct engine *e);
struct command_port engine_port(struct engine *e);

/* What a shared output of this name needs to follow duty (core/duty.h). Before the output starts; ERROR_LIMIT
 * beyond sixteen. @thread of whoever opened the engine */
int engine_output(struct engine *e, const char *name, struct duty_port *ret_port);

/* Waits until everything that was in the log at open is applied. 0, ERROR_TIMEOUT, or the error that stopped
 * the writer. @thread any */
int engine_wait_ready(struct engine *e, int timeout_ms);

/* All of the log before it is applied, also where offsets have holes. @thread any */
uint64_t engine_reached(const struct engine *e);

/* The digest of the state after the record before `next_offset` (0: now). Waits at most timeout_ms for that
 * offset; ERROR_NOTFOUND when it has passed already.
 * @thread any but the writer */
int engine_digest(struct engine *e, uint64_t next_offset, int timeout_ms, uint64_t *ret_next_offset,
                  struct hash128 *ret_digest);
/* Writes a checkpoint now and waits for it. @thread any but the writer */
int engine_checkpoint(struct engine *e, int timeout_ms);
/* The same without waiting: the ticket to look with. 1: not written yet, 0: written, negative: failed.
 * @thread any */
uint64_t engine_checkpoint_ask(struct engine *e);
int engine_checkpoint_asked(struct engine *e, uint64_t ticket);
/* The newest checkpoint's file. ERROR_NOTFOUND: there is none, or it is no file. @thread any */
struct checkpoint_opened;
int engine_checkpoint_open(struct engine *e, struct checkpoint_opened *ret);

/* "" or why /readyz says no. @thread any */
void engine_why_not_ready(struct engine *e, char *out, size_t size);
/* The engine's metrics as Prometheus text. @thread any */
void engine_metrics(struct engine *e, struct buffer *out);

/* ---- without threads: simulators and tools take the writer's turns themselves ---- */

/* As engine_open, but no writer thread is started. */
int engine_open_unthreaded(const struct engine_options *o, struct engine **ret_engine, char *detail,
                           size_t detail_size);
/* One turn of the writer: how many records were applied, or the error it stops with. Never waits longer than
 * wait_ms for the log. */
int engine_turn(struct engine *e, int wait_ms);
/* One look of duty, by these clocks (the second is monotonic). */
void engine_duty_turn(struct engine *e, int64_t wall_us, int64_t now_us);
/* As if the process had been killed: nothing is finished, everything in memory is gone. */
void engine_crash(struct engine *e);
struct state *engine_state(struct engine *e);

#endif
