/* Checkpoints and digests: when they are due, and the writer's turns at them between batches. */
#include "engine/internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"

#include <time.h>

enum {
    COPY_BYTES_A_TURN = 256 * 1024,
    BACKLOG_BYTES_MOST = 32 * 1024 * 1024,
    ALONE_AFTER_US = 10 * 1000 * 1000,
};

static void answer_digest(struct engine *e, int status, struct hash128 digest)
{
    pthread_mutex_lock(&e->lock);
    e->wanted.digest = false;
    e->wanted.digest_done = true;
    e->wanted.digest_status = status;
    e->wanted.digest_next_offset = e->copying.next_offset;
    e->wanted.digest_value = digest;
    atomic_store_explicit(&e->digest_armed, false, memory_order_relaxed);
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

static void answer_checkpoint(struct engine *e, int status)
{
    pthread_mutex_lock(&e->lock);
    if (e->copying.answers > e->wanted.checkpoints_answered) {
        e->wanted.checkpoints_answered = e->copying.answers;
        e->wanted.checkpoint_status = status;
        pthread_cond_broadcast(&e->changed);
    }
    pthread_mutex_unlock(&e->lock);
}

static void drop_file(struct engine *e)
{
    if (e->copying.file)
        e->store.ops->destroy(e->copying.file);
    e->copying.file = NULL;
}

static int begin(struct engine *e, enum copy_kind kind)
{
    struct copying *c = &e->copying;
    int error;

    c->next_offset = e->state->next_offset;
    c->of_cut = c->image_done = false;
    c->window_at = WINDOW_SAVE_ALL;
    if (kind == COPY_CHECKPOINT) {
        c->began_us = clock_monotonic_us();
        c->file_offset = c->next_offset;
        c->held = false;
        pthread_mutex_lock(&e->lock);
        c->answers = e->wanted.checkpoints_asked;
        pthread_mutex_unlock(&e->lock);
        struct checkpoint_header h = {.format = IMAGE_FORMAT,
                                      .level = e->state->level,
                                      .incarnation = state_incarnation(e->state),
                                      .next_offset = e->state->next_offset};
        error = e->store.ops->create(e->store.context, &h, &c->file);
        if (error)
            return error;
        c->last_us = c->began_us;
        c->records_at_last = e->state->counts.records;
        c->news = 0;
        error = image_begin(e->state, e->store.ops->add, c->file);
        if (error)
            drop_file(e);
    } else {
        error = image_begin(e->state, NULL, NULL);
    }
    if (!error)
        c->kind = kind;
    return error;
}

void copying_arm(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool due = e->wanted.digest && e->copying.kind == COPY_NONE &&
               (e->wanted.digest_at == 0 || e->wanted.digest_at == e->state->next_offset);
    bool missed = e->wanted.digest && !due && e->wanted.digest_at &&
                  e->wanted.digest_at <= e->state->next_offset && e->copying.kind != COPY_DIGEST;
    pthread_mutex_unlock(&e->lock);
    if (due) {
        int error = begin(e, COPY_DIGEST);
        if (error)
            answer_digest(e, error, (struct hash128){0});
    } else if (missed) {
        bool passed = e->wanted.digest_at < e->state->next_offset;
        answer_digest(e, passed ? ERROR_NOTFOUND : ERROR_BUSY, (struct hash128){0});
    }
}

static bool checkpoint_asked(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool asked = e->wanted.checkpoints_asked > e->wanted.checkpoints_answered;
    pthread_mutex_unlock(&e->lock);
    return asked;
}

/* After so many records, or so much time when there was anything new. */
static bool due_after(struct engine *e, uint64_t records, int64_t interval_us)
{
    struct copying *c = &e->copying;

    return e->state->counts.records - c->records_at_last >= records ||
           (c->news && clock_monotonic_us() - c->last_us >= interval_us);
}

/* On a log that others read as well, all make their checkpoints behind the same cuts, so that their digests
 * can be compared: the one on duty asks for them. Whoever hears of no cut for too long makes his own. */
static bool checkpoint_due(struct engine *e)
{
    const struct engine_options *o = &e->options;

    if (checkpoint_asked(e))
        return true;
    if (!due_after(e, o->checkpoint_records, o->checkpoint_interval_us))
        return false;
    if (!o->instance || !atomic_load_explicit(&e->view.ready, memory_order_relaxed))
        return true;
    if (duty_term(duty_view(e->duty), clock_monotonic_us()))
        digests_ask_for_a_cut(e);
    return due_after(e, o->checkpoint_records + o->checkpoint_records / 2,
                     2 * o->checkpoint_interval_us + ALONE_AFTER_US);
}

static void checkpoint_failed(struct engine *e, int error, const char *detail)
{
    log_error("no checkpoint was written: %s", *detail ? detail : error_text(error));
    e->published.checkpoint_failures_total++;
    drop_file(e);
    answer_checkpoint(e, error);
}

/* The image is in memory or on its way to the disk: make it durable. */
static void commit(struct engine *e, struct hash128 digest)
{
    log_info("digest %016lx%016lx of the state before record %lu", digest.high, digest.low,
             e->copying.file_offset);
    e->store.ops->commit(e->copying.file, digest);
}

/* What is replayed was compared when it was new. Two may have asked for a cut: behind the second is nothing
 * new. */
void copying_cut(struct engine *e)
{
    struct copying *c = &e->copying;

    uint64_t news = c->news_since_cut;

    c->cut_asked_us = 0;
    c->news_since_cut = 0;
    if (c->kind != COPY_NONE || !news || !atomic_load_explicit(&e->view.ready, memory_order_relaxed))
        return;
    enum copy_kind kind = c->file ? COPY_DIGEST_OF_CUT : COPY_CHECKPOINT;
    int error = begin(e, kind);
    if (error && kind == COPY_CHECKPOINT)
        checkpoint_failed(e, error, "");
    c->of_cut = !error;
}

/* Does everybody know what the checkpoint would keep the next replay from telling? */
static bool settled(struct engine *e)
{
    const struct engine_witness *w = &e->options.witness;
    if (e->dead_letters && !dead_letters_idle(e->dead_letters))
        return false;
    return !w->settled || w->settled(w->context, e->copying.file_offset);
}

static void commit_when_settled(struct engine *e)
{
    e->copying.held = !settled(e);
    if (!e->copying.held)
        commit(e, e->copying.digest);
}

static void committed(struct engine *e)
{
    struct copying *c = &e->copying;
    uint64_t trim;

    drop_file(e);
    e->published.checkpoints_total++;
    e->published.checkpoint_offset = c->file_offset;
    e->published.checkpoint_duration_us = (uint64_t)(clock_monotonic_us() - c->began_us);
    if (!e->options.keep_log && e->store.ops->trim_offset(e->store.context, &trim))
        e->log->ops->trim(e->log, trim);
    answer_checkpoint(e, 0);
}

/* A piece of the window that stood before the cut, behind the image: whoever listens can go on after a
 * restart. 1: there may be more, 0: that was all. */
static int copy_window(struct engine *e)
{
    struct copying *c = &e->copying;

    if (!e->options.window || c->kind != COPY_CHECKPOINT)
        return 0;
    size_t length = window_save(e->options.window, &c->window_at, c->file_offset, c->window_piece);
    if (!length)
        return 0;
    int error = e->store.ops->add(c->file, IMAGE_CHANGES, c->window_piece, length);
    return error ? error : 1;
}

/* One step of the copy. 1: more at once, -1: the disk is behind, 0: the copy is done. */
static int step(struct engine *e)
{
    struct copying *c = &e->copying;
    struct hash128 digest;

    if (c->kind == COPY_CHECKPOINT && e->store.ops->backlog_bytes(c->file) > BACKLOG_BYTES_MOST)
        return -1;
    int more = c->image_done ? 0 : image_step(e->state, COPY_BYTES_A_TURN, &c->image_digest);
    if (!more) {
        c->image_done = true;
        more = copy_window(e);
    }
    if (more > 0)
        return 1;
    digest = c->image_digest;
    enum copy_kind kind = c->kind;
    c->kind = COPY_NONE;
    if (c->of_cut && more == 0)
        digests_found(e, c->next_offset, digest);
    if (kind == COPY_DIGEST)
        answer_digest(e, more, digest);
    else if (kind == COPY_DIGEST_OF_CUT)
        return 0;
    else if (more < 0)
        checkpoint_failed(e, more, "");
    else {
        c->digest = digest;
        commit_when_settled(e);
    }
    return 0;
}

/* The file of a checkpoint whose image is whole: held back, being written, or done with. False: it needs more
 * time. */
static bool file_turn(struct engine *e)
{
    struct copying *c = &e->copying;
    char detail[240] = "";

    if (c->held)
        commit_when_settled(e);
    if (c->held)
        return false;
    int status = e->store.ops->poll(c->file, detail, sizeof(detail));
    if (status < 0)
        checkpoint_failed(e, status, detail);
    else if (status == 0)
        committed(e);
    return status <= 0;
}

int copying_turn(struct engine *e)
{
    struct copying *c = &e->copying;

    if (c->kind != COPY_NONE)
        return step(e) < 0 ? -1 : 1;
    bool waits = c->file && !file_turn(e);
    if (atomic_load_explicit(&e->digest_armed, memory_order_relaxed)) {
        copying_arm(e);
        if (c->kind != COPY_NONE)
            return 1;
    }
    if (waits)
        return -1;
    if (atomic_load_explicit(&e->stopping, memory_order_relaxed) || !checkpoint_due(e))
        return 0;
    int error = begin(e, COPY_CHECKPOINT);
    if (error)
        checkpoint_failed(e, error, "");
    return error ? 0 : 1;
}

/* Nobody settles anything any more: what waits for it is given up. */
static bool is_held_for_good(struct engine *e)
{
    return e->copying.kind == COPY_NONE && e->copying.file && e->copying.held;
}

void copying_finish(struct engine *e)
{
    int64_t until = clock_monotonic_us() + e->options.stop_timeout_us;
    bool last_begun = false;

    if (e->dead_letters)
        dead_letters_flush(e->dead_letters);
    for (;;) {
        int turn = 0;
        if (e->copying.kind != COPY_NONE || e->copying.file)
            turn = copying_turn(e);
        if (turn == 0 && e->copying.kind == COPY_NONE && !e->copying.file) {
            if (last_begun || e->state->counts.records == e->copying.records_at_last ||
                begin(e, COPY_CHECKPOINT) != 0)
                break;
            last_begun = true;
            continue;
        }
        if (is_held_for_good(e) || clock_monotonic_us() > until) {
            log_warning("stopped without a last checkpoint: the next start replays more");
            break;
        }
        if (turn < 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
    image_abandon(e->state);
    drop_file(e);
    e->copying.kind = COPY_NONE;
}
