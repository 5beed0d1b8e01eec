/* The history's writing thread: queue in, SQLite out; and what it does when that fails. */
#include "sinks/history_sink.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "sinks/history_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    QUEUE_BYTES = 16 << 20,
    LINES_A_TRANSACTION = 5000,
    REST_MS = 5, /* between two small transactions: many changes become one */
    IDLE_MS = 500,
    RETRY_MS = 5000,
    PRUNE_MS = 1000,
    NICE = 5, /* whoever answers goes first */
};

static int64_t ms_from_now(int ms)
{
    return clock_monotonic_us() + (int64_t)ms * 1000;
}

static void add(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

bool history_stopping(const struct history_sink *s)
{
    return atomic_load_explicit(&s->stopping, memory_order_acquire);
}

static bool time_is_up(const struct history_sink *s)
{
    return history_stopping(s) &&
           clock_monotonic_us() >= atomic_load_explicit(&s->stop_by_us, memory_order_relaxed);
}

/* ---- the file ---- */

static void close_file(struct history_sink *s)
{
    history_file_close(s->file);
    s->file = NULL;
    atomic_store_explicit(&s->file_number, 0, memory_order_release);
}

static void set_aside(struct history_sink *s, const char *suffix, const char *why)
{
    close_file(s);
    atomic_store_explicit(&s->applied_to, 0, memory_order_release);
    history_desk_keep_off(s, true);
    if (history_file_set_aside(s->path, suffix) == 0)
        log_warning("history: %s; it was set aside as %s%s and is made anew", why, s->path, suffix);
    else
        log_error("history: %s, and it could not be set aside", why);
    history_desk_keep_off(s, false);
}

/* The file as it is, or a new one in place of one that cannot be used. */
static int open_file(struct history_sink *s)
{
    static _Atomic uint64_t numbers;
    char detail[400];
    int error = history_file_open(s->path, &s->file, detail, sizeof(detail));

    if (error == ERROR_CORRUPT) {
        set_aside(s, ".damaged", detail);
        error = history_file_open(s->path, &s->file, detail, sizeof(detail));
    }
    atomic_store_explicit(&s->file_fails, error != 0, memory_order_relaxed);
    if (error) {
        trouble_say(&s->trouble, "%s", detail);
        return error;
    }
    trouble_say(&s->trouble, "%s", "");
    s->position = *history_file_position(s->file);
    s->opened_to = s->position.applied_to;
    atomic_store_explicit(&s->file_damaged, false, memory_order_relaxed);
    atomic_store_explicit(&s->applied_to, s->position.applied_to, memory_order_release);
    atomic_store_explicit(&s->file_number, atomic_fetch_add(&numbers, 1) + 1, memory_order_release);
    return 0;
}

/* A file of another log stays for whoever wants to ask it. */
int history_fit_to_log(struct history_sink *s)
{
    uint64_t incarnation = history_queue_incarnation(s->queue);
    char suffix[48], why[120];

    if (s->position.incarnation == incarnation)
        return 0;
    if (s->position.incarnation) {
        snprintf(suffix, sizeof(suffix), ".%lu", s->position.incarnation);
        snprintf(why, sizeof(why), "it is of another log (%lu, not %lu)", s->position.incarnation,
                 incarnation);
        set_aside(s, suffix, why);
        int error = open_file(s);
        if (error)
            return error;
    }
    s->position = (struct history_position){.incarnation = incarnation};
    return 0;
}

static void failed(struct history_sink *s, int error)
{
    char detail[300];

    snprintf(detail, sizeof(detail), "%s", s->file ? history_file_detail(s->file) : error_text(error));
    add(&s->counters.failures_total, 1);
    trouble_say(&s->trouble, "%s cannot be written: %s", s->path, detail);
    atomic_store_explicit(&s->file_fails, error != ERROR_CORRUPT, memory_order_relaxed);
    history_queue_look_again(s->queue);
    if (s->file)
        history_file_rollback(s->file);
    if (error == ERROR_CORRUPT)
        set_aside(s, ".damaged", detail);
    else
        close_file(s);
    s->retry_us = ms_from_now(error == ERROR_CORRUPT ? 0 : RETRY_MS);
}

int history_commit(struct history_sink *s)
{
    int error = history_file_commit(s->file, &s->position);

    if (error)
        return error;
    atomic_store_explicit(&s->applied_to, s->position.applied_to, memory_order_release);
    history_desk_advanced(s);
    return 0;
}

bool history_keeps(const struct history_sink *s, const struct history_line *l)
{
    instant_t now = history_queue_log_time(s->queue);

    return !s->options.days_most || now == INSTANT_NONE ||
           l->appended_at >= now - (instant_t)s->options.days_most * INSTANT_DAY;
}

/* ---- from the queue ---- */

/* One transaction; *ret_count: how many lines were looked at. */
static int write_some(struct history_sink *s, unsigned *ret_count)
{
    uint64_t position = history_queue_position(s->queue), next = s->position.applied_to;
    struct history_line line;
    unsigned count = 0, added = 0;
    bool full = false;
    int error = history_file_begin(s->file);

    while (!error && !full && history_queue_look(s->queue, &line)) {
        count++;
        if (line.offset < s->position.applied_to)
            continue; /* in the file already */
        error = history_file_add(s->file, &line);
        added++;
        next = line.offset + 1;
        full = line.last && count >= LINES_A_TRANSACTION;
    }
    if (error)
        return error;
    s->position.applied_to = !full && position > next ? position : next;
    error = history_commit(s);
    if (error)
        return error;
    history_queue_take(s->queue);
    add(&s->counters.lines_total, added);
    *ret_count = count;
    return 0;
}

static int prune(struct history_sink *s)
{
    instant_t now = history_queue_log_time(s->queue);
    instant_t oldest = s->options.days_most && now != INSTANT_NONE
                           ? now - (instant_t)s->options.days_most * INSTANT_DAY
                           : INSTANT_NONE;
    uint64_t deleted;
    bool more;

    if (clock_monotonic_us() < s->prune_us)
        return 0;
    int error = history_file_prune(s->file, oldest, s->options.bytes_most, &deleted, &more);
    if (error)
        return error;
    s->position.complete_from = history_file_position(s->file)->complete_from;
    add(&s->counters.lines_deleted_total, deleted);
    atomic_store_explicit(&s->counters.bytes, history_file_bytes(s->file), memory_order_relaxed);
    s->prune_us = more ? 0 : ms_from_now(PRUNE_MS);
    return 0;
}

/* Does the file know records that this log does not have? Then the log is another, whatever it is called. */
static bool knows_too_much(struct history_sink *s)
{
    if (s->checked_end || s->position.incarnation != history_queue_incarnation(s->queue) ||
        !atomic_load_explicit(&s->ready, memory_order_acquire))
        return false;
    s->checked_end = true;
    return s->opened_to > history_queue_applied(s->queue);
}

/* Is there a hole between the file and the run of the queue? */
static bool is_apart(const struct history_sink *s)
{
    return history_queue_run_from(s->queue) > s->position.applied_to;
}

static int take_from_queue(struct history_sink *s, enum history_run run, unsigned *ret_count)
{
    int error = history_fit_to_log(s);

    if (!error && is_apart(s))
        error = history_catch_up(s, false);
    if (error || is_apart(s))
        return error;
    if (history_queue_position(s->queue) > s->position.applied_to || run == HISTORY_RUN_OVER)
        error = write_some(s, ret_count);
    if (error || run != HISTORY_RUN_OVER || *ret_count >= LINES_A_TRANSACTION)
        return error;
    add(&s->counters.gaps_total, 1);
    return history_catch_up(s, true);
}

/* One round with an open file. */
static int work(struct history_sink *s)
{
    enum history_run run = history_queue_run(s->queue); /* before the ring is looked at */
    uint64_t position = history_queue_position(s->queue);
    unsigned count = 0;
    int error = 0;

    if (atomic_load_explicit(&s->file_damaged, memory_order_relaxed))
        return ERROR_CORRUPT;
    if (knows_too_much(s)) {
        set_aside(s, ".other", "it knows more than the log");
        return 0;
    }
    if (run != HISTORY_RUN_WANTED)
        error = take_from_queue(s, run, &count);
    if (!error)
        error = prune(s);
    if (error)
        return error;
    if (count >= LINES_A_TRANSACTION)
        return 0;
    if (history_stopping(s))
        atomic_store_explicit(&s->stop_by_us, 0, memory_order_relaxed); /* all is written */
    else if (count)
        nanosleep(&(struct timespec){.tv_nsec = REST_MS * 1000000L}, NULL);
    else
        history_queue_wait(s->queue, position, IDLE_MS);
    return 0;
}

/* Without a file: waits, and tries again. */
static void recover(struct history_sink *s)
{
    if (clock_monotonic_us() < s->retry_us) {
        history_queue_wait(s->queue, history_queue_position(s->queue), 100);
        return;
    }
    if (open_file(s) != 0) {
        add(&s->counters.failures_total, 1);
        s->retry_us = ms_from_now(RETRY_MS);
    }
}

static void *history_main(void *context)
{
    struct history_sink *s = context;

    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    while (!time_is_up(s)) {
        int error = 0;
        if (!s->file && history_stopping(s))
            break;
        if (!s->file)
            recover(s);
        else
            error = work(s);
        if (error)
            failed(s, error);
    }
    close_file(s);
    return NULL;
}

/* ---- life ---- */

int history_sink_create(const struct history_options *o, struct history_sink **ret_sink)
{
    struct history_sink *s = calloc(1, sizeof(*s));
    pthread_condattr_t monotonic;

    if (!s)
        return ERROR_NOMEM;
    s->options = *o;
    s->path = strdup(o->path);
    s->desk.last = &s->desk.first;
    trouble_init(&s->trouble, NULL);
    pthread_mutex_init(&s->desk.lock, NULL);
    pthread_mutex_init(&s->desk.file_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->desk.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int error = s->path ? history_queue_create(o->queue_bytes ? o->queue_bytes : QUEUE_BYTES, &s->queue)
                        : ERROR_NOMEM;
    if (error)
        history_sink_destroy(s, 0);
    else
        *ret_sink = s;
    return error;
}

struct historian history_sink_writer(struct history_sink *s)
{
    return history_queue_writer(s->queue);
}

void history_sink_ready(struct history_sink *s)
{
    atomic_store_explicit(&s->ready, true, memory_order_release);
}

int history_sink_start(struct history_sink *s)
{
    int error = history_desk_start(s);
    if (error)
        return error;
    if (pthread_create(&s->thread, NULL, history_main, s) != 0)
        return ERROR_NOMEM;
    pthread_setname_np(s->thread, "history");
    s->started = true;
    return 0;
}

struct history_port history_sink_port(struct history_sink *s)
{
    return (struct history_port){.history = s, .ask = history_desk_ask};
}

void history_sink_destroy(struct history_sink *s, unsigned most_ms)
{
    if (!s)
        return;
    history_desk_stop(s);
    atomic_store_explicit(&s->stop_by_us, ms_from_now((int)most_ms), memory_order_relaxed);
    atomic_store_explicit(&s->stopping, true, memory_order_release);
    if (s->started) {
        history_queue_wake(s->queue);
        pthread_join(s->thread, NULL);
    }
    history_queue_destroy(s->queue);
    pthread_cond_destroy(&s->desk.changed);
    pthread_mutex_destroy(&s->desk.file_lock);
    pthread_mutex_destroy(&s->desk.lock);
    trouble_finish(&s->trouble);
    free(s->path);
    free(s);
}

/* ---- metrics ---- */

static void put_metric(struct buffer *out, const char *name, const char *kind, const char *help,
                       uint64_t value)
{
    buffer_printf(out, "# HELP onhand_history_%s %s\n# TYPE onhand_history_%s %s\nonhand_history_%s %lu\n",
                  name, help, name, kind, name, value);
}

void history_sink_trouble(struct history_sink *s, char *out, size_t size)
{
    trouble_tell(&s->trouble, out, size);
}

void history_sink_metrics(struct history_sink *s, struct buffer *out)
{
    uint64_t applied_to = atomic_load_explicit(&s->applied_to, memory_order_acquire),
             next = history_queue_applied(s->queue);

#define VALUE(name) atomic_load_explicit(&s->counters.name, memory_order_relaxed)
    put_metric(out, "lines_total", "counter", "Lines written since start.", VALUE(lines_total));
    put_metric(out, "lines_deleted_total", "counter",
               "Lines deleted because of their age or the file's size.", VALUE(lines_deleted_total));
    put_metric(out, "replayed_total", "counter", "Records told again from the log.", VALUE(replayed_total));
    put_metric(out, "gaps_total", "counter", "Times the queue could not hold what came.", VALUE(gaps_total));
    put_metric(out, "failures_total", "counter", "Times the file could not be opened or written.",
               VALUE(failures_total));
    put_metric(out, "bytes", "gauge", "Bytes in use in the file.", VALUE(bytes));
    put_metric(out, "behind_records", "gauge", "Records applied and not in the file yet.",
               next > applied_to ? next - applied_to : 0);
    put_metric(out, "catching_up", "gauge", "1 while lines come from the log again.",
               atomic_load_explicit(&s->catching_up, memory_order_relaxed));
#undef VALUE
}
