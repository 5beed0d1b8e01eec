/* What the queue could not hold, and what the file lost, comes from the log again. */
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "sinks/history_internal.h"

#include <stdio.h>
#include <time.h>

enum { AT_END_MS = 20, RETRY_MS = 5000 };

/* What the lines of one replayed piece go into. */
struct catching {
    struct history_sink *sink;
    int error;
};

static void replayed(void *context, const struct state *st, const struct record *r, const struct outcome *o,
                     uint64_t offset)
{
    struct catching *c = context;
    struct history_sink *s = c->sink;
    struct history_line line;
    size_t count = history_lines_count(o);

    for (size_t i = 0; i < count && !c->error && offset >= s->position.applied_to; i++) {
        history_line_tell(st, r, o, i, offset, &line);
        if (!history_keeps(s, &line)) {
            s->position.complete_from = offset + 1;
            continue;
        }
        c->error = history_file_add(s->file, &line);
        atomic_fetch_add_explicit(&s->counters.lines_total, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&s->counters.replayed_total, 1, memory_order_relaxed);
}

/* So long, but not when the sink is to stop. */
static void rest(struct history_sink *s, int ms)
{
    int64_t until = clock_monotonic_us() + (int64_t)ms * 1000;

    while (!history_stopping(s) && clock_monotonic_us() < until)
        nanosleep(&(struct timespec){.tv_nsec = AT_END_MS * 1000000L}, NULL);
}

/* One transaction of replayed records. *ret_count: how many; negative: the log could not be read, detail says
 * why. Answers errors of the file. */
static int replay_some(struct history_sink *s, int *ret_count, char *detail, size_t detail_size)
{
    const struct history_replay *replay = &s->options.replay;
    struct catching c = {.sink = s};
    struct historian h = {.context = &c, .applied = replayed};
    uint64_t next = 0;
    int error = history_file_begin(s->file);

    if (error)
        return error;
    *ret_count =
        replay->some(replay->context, history_queue_applied(s->queue), &h, &next, detail, detail_size);
    if (c.error)
        return c.error;
    if (next > s->position.applied_to)
        s->position.applied_to = next;
    return history_commit(s);
}

/* Nobody can tell what lies before the run that begins next. */
static int accept_hole(struct history_sink *s, bool over, const char *why)
{
    if (over)
        history_queue_want(s->queue);
    while (history_queue_run(s->queue) == HISTORY_RUN_WANTED && !history_stopping(s))
        rest(s, AT_END_MS);
    if (history_queue_run(s->queue) == HISTORY_RUN_WANTED)
        return 0;
    int error = history_fit_to_log(s);
    if (!error)
        error = history_file_begin(s->file);
    if (error)
        return error;
    s->position.applied_to = s->position.complete_from = history_queue_run_from(s->queue);
    log_warning("history: it is complete from record %lu on only: %s", s->position.complete_from, why);
    return history_commit(s);
}

static bool is_for_ever(int error)
{
    return error == ERROR_NOTFOUND || error == ERROR_CORRUPT || error == ERROR_CONFLICT ||
           error == ERROR_LEVEL || error == ERROR_INVALID;
}

static int give_up(struct history_sink *s, bool over, int error, const char *detail)
{
    if (is_for_ever(error))
        return accept_hole(s, over, detail);
    trouble_say(&s->trouble, "what is missing cannot be had from the log now: %s", detail);
    rest(s, RETRY_MS);
    return 0;
}

/* It may have been trimmed away under the reader, which begins better the next time; or it stays so. */
static int reading_failed(struct history_sink *s, bool over, const char *detail)
{
    enum { TRIES = 3 };

    s->tries = s->tried_at == s->position.applied_to ? s->tries + 1 : 1;
    s->tried_at = s->position.applied_to;
    if (s->tries >= TRIES)
        return accept_hole(s, over, detail);
    trouble_say(&s->trouble, "what is missing cannot be had from the log now: %s", detail);
    rest(s, RETRY_MS / 10);
    return 0;
}

/* Until the run that goes, or went, begins within what was replayed. */
static int follow(struct history_sink *s, bool over, int *ret_replay_error, char *detail, size_t detail_size)
{
    int error = 0, count = 0;

    while (!error && !history_stopping(s)) {
        if (!over && history_queue_run(s->queue) != HISTORY_RUN_WANTED &&
            history_queue_run_from(s->queue) <= s->position.applied_to)
            return 0;
        error = replay_some(s, &count, detail, detail_size);
        if (error || count > 0)
            continue;
        if (count < 0) {
            *ret_replay_error = count;
            return 0;
        }
        if (over)
            history_queue_want(s->queue); /* near enough: from now on both go side by side */
        over = false;
        rest(s, AT_END_MS);
    }
    return error;
}

static int begin(struct history_sink *s, char *detail, size_t detail_size)
{
    const struct history_replay *replay = &s->options.replay;
    uint64_t from = s->position.applied_to;

    snprintf(detail, detail_size, "the log is not asked");
    int error = replay->begin ? replay->begin(replay->context, s->position.incarnation, from, &from, detail,
                                              detail_size)
                              : ERROR_NOTFOUND;
    if (error || from <= s->position.applied_to)
        return error;
    log_warning("history: records before %lu are not in the log any more: it is complete from there on",
                from);
    s->position.applied_to = s->position.complete_from = from;
    return 0;
}

int history_catch_up(struct history_sink *s, bool over)
{
    const struct history_replay *replay = &s->options.replay;
    char detail[400];
    int replay_error = begin(s, detail, sizeof(detail)), error = 0;

    if (replay_error)
        return give_up(s, over, replay_error, detail);
    atomic_store_explicit(&s->catching_up, true, memory_order_relaxed);
    log_info("history: what is missing from record %lu on is read from the log", s->position.applied_to);
    error = follow(s, over, &replay_error, detail, sizeof(detail));
    replay->end(replay->context);
    atomic_store_explicit(&s->catching_up, false, memory_order_relaxed);
    if (!error && replay_error)
        return reading_failed(s, over && history_queue_run(s->queue) == HISTORY_RUN_OVER, detail);
    if (!error && !history_stopping(s)) {
        log_info("history: has caught up at record %lu", s->position.applied_to);
        trouble_say(&s->trouble, "%s", "");
    }
    return error;
}
