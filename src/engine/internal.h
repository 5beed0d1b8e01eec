/* What the engine's own files share. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "core/model/apply.h"
#include "core/model/image.h"
#include "engine/batch.h"
#include "engine/dead_letter.h"
#include "engine/digests.h"
#include "engine/duty.h"
#include "engine/engine.h"
#include "engine/read_ahead.h"
#include "engine/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the writer copies out of its state so that others may look: one relaxed store each, after every batch.
 */
struct published {
#define COUNTER(name, type, help) _Atomic uint64_t name;
#include "engine/counters.def"
#undef COUNTER
};

/* Questions to the writer that wait for their turn; under engine.lock, but for `any`. */
struct asks {
    struct command *first, *last;
    size_t count;
    _Atomic bool any;
};

/* A digest that was asked for, or one behind a cut while the file of the last checkpoint is not written yet.
 */
enum copy_kind { COPY_NONE, COPY_CHECKPOINT, COPY_DIGEST, COPY_DIGEST_OF_CUT };

/* The image being copied, and who waits for it. Writer's own, but for `wanted`. */
struct copying {
    enum copy_kind kind;
    void *file;            /* of a checkpoint, the store's: until it is durable */
    bool held;             /* the image is whole, but the witness is not settled */
    struct hash128 digest; /* of the image that is held */
    uint64_t file_offset;  /* where the checkpoint's cut is */
    uint64_t next_offset;  /* where the cut being copied is */
    int64_t began_us;
    uint64_t answers;         /* who asked for a checkpoint up to this number gets the one being written */
    uint64_t records_at_last; /* state->counts.records at the last checkpoint's cut */
    int64_t last_us;          /* monotonic, when the last checkpoint began */
    uint64_t news;            /* records since then that say something about the world */
    uint64_t news_since_cut;  /* since the last cut of the log, taken or not */
    bool of_cut;              /* what is copied is the state behind a cut of the log: the others are told */
    bool image_done;          /* its digest is there; the window follows */
    struct hash128 image_digest;
    uint64_t window_at;
    char window_piece[WINDOW_PIECE_BYTES];
    int64_t cut_asked_us; /* monotonic: a cut of ours is on its way since; 0: none */
};

/* Questions from other threads that only the writer can answer; under engine.lock. */
struct wanted {
    bool digest;
    uint64_t digest_at; /* 0: now */
    bool digest_done;
    int digest_status;
    uint64_t checkpoints_asked, checkpoints_answered; /* how often; several may wait for one */
    int checkpoint_status;                            /* of the last that was answered */
    uint64_t digest_next_offset;
    struct hash128 digest_value;
};

struct engine {
    struct view view;
    struct engine_options options;
    struct epoch *epoch;
    struct state *state;
    struct log *log;
    struct dead_letters *dead_letters;
    struct duty *duty;
    struct checkpoint_store store;
    char *checkpoints_directory;
    uint64_t ready_at_offset; /* what the log held at open */
    int64_t opened_us;

    /* the writer's */
    pthread_t writer;
    bool joined; /* it has ended: engine_stop */
    struct outcome outcome;
    struct batch batch;
    uint64_t window_from; /* records before it are not told to the window: it would lose them to later ones */
    struct read_ahead *ahead;                /* while records of earlier lives come, if they are many */
    struct command *answered[BATCH_RECORDS]; /* of this batch: they go back together behind it */
    size_t answered_count;
    struct copying copying;
    uint64_t alerts;
    uint64_t unreadable; /* records of the log that no decoder could read */
    struct digests digests;
    bool planted; /* tests: a difference was */

    struct published published;
    _Atomic uint64_t steps_refused[REASON_END]; /* of reservations, since start */
    _Atomic bool stopping;                      /* engine_close was called: commands are refused */
    _Atomic bool drained;                       /* nothing more will come out of the log */
    _Atomic bool digest_armed;                  /* the writer looks at wanted after each record */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* ready, stopped, or an answer to `wanted` */
    struct wanted wanted;
    struct digest_found newest_digest; /* of this instance, behind a cut; next_offset 0: none */
    struct asks asks;
    int stopped_by; /* the error that stopped the writer, 0 while it runs */
    bool ready;
    char why_not_ready[240];
};

/* recovery.c: loads the newest checkpoint into e->state (made empty when there is none), opens the log. */
int recovery_run(struct engine *e, char *detail, size_t detail_size);
/* writer.c */
void *writer_main(void *engine);
int writer_turn(struct engine *e, int wait_ms, int *ret_next_wait_ms);
/* copying.c: the writer's turn between batches. 1: come again at once, 0: nothing to do, -1: come again in a
 * little while. */
int copying_turn(struct engine *e);
void copying_cut(struct engine *e);    /* a cut was applied: take its digest, make its checkpoint */
void copying_arm(struct engine *e);    /* after a record, when a digest at an offset is waited for */
void copying_finish(struct engine *e); /* the last checkpoint before the end */

/* asks.c: ERROR_BUSY, ERROR_UNAVAILABLE. @thread any */
int asks_submit(struct engine *e, struct command *c);
/* The writer's turn between batches. True: there are more. */
bool asks_turn(struct engine *e);
/* Nobody answers any more. @thread writer, the last thing it does */
void asks_give_back(struct engine *e);

void engine_set_why(struct engine *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
