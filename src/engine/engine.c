/* Puts the engine together, and takes it apart in the mirrored order. */
#include "engine/internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHECKPOINT_RECORDS = 2000000 };
#define CHECKPOINT_INTERVAL_US (INT64_C(300) * 1000000)
#define STOP_TIMEOUT_US (INT64_C(8) * 1000000)

static void draw_hash_seed(void)
{
    hash_seed(0);
}

void engine_set_why(struct engine *e, const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&e->lock);
    va_start(args, format);
    vsnprintf(e->why_not_ready, sizeof(e->why_not_ready), format, args);
    va_end(args);
    pthread_mutex_unlock(&e->lock);
}

void engine_why_not_ready(struct engine *e, char *out, size_t size)
{
    pthread_mutex_lock(&e->lock);
    bool ready = atomic_load_explicit(&e->view.ready, memory_order_relaxed);
    snprintf(out, size, "%s", ready ? "" : e->why_not_ready[0] ? e->why_not_ready : "starting");
    pthread_mutex_unlock(&e->lock);
}

static int make_directory(const char *path, char *detail, size_t detail_size)
{
    if (mkdir(path, 0750) == 0 || errno == EEXIST)
        return 0;
    snprintf(detail, detail_size, "cannot make the directory %s: %s", path, strerror(errno));
    return ERROR_IO;
}

static int prepare_directory(struct engine *e, char *detail, size_t detail_size)
{
    char path[4096];
    int error = make_directory(e->options.directory, detail, detail_size);

    if (error)
        return error;
    if (asprintf(&e->checkpoints_directory, "%s/checkpoints", e->options.directory) < 0) {
        e->checkpoints_directory = NULL;
        return ERROR_NOMEM;
    }
    error = make_directory(e->checkpoints_directory, detail, detail_size);
    if (error)
        return error;
    snprintf(path, sizeof(path), "%s/dead-letter.ndjson", e->options.directory);
    error = dead_letters_open(path, &e->dead_letters);
    if (error)
        snprintf(detail, detail_size, "cannot open %s: %s", path, error_text(error));
    return error;
}

static void fill_view(struct engine *e)
{
    struct view *v = &e->view;

    v->epoch = e->epoch;
    v->table = e->state->table;
    v->catalogue = e->state->catalogue;
    v->calendars = e->options.calendars;
    v->positions = e->state->positions;
    v->reservations = e->state->reservations;
    v->places = &e->state->places;
    v->incarnations = e->state->incarnations;
    atomic_store(&v->incarnations_count, e->state->incarnations_count);
    atomic_store(&v->log_time, e->state->log_time);
    atomic_store(&v->level, e->state->level);
    view_set_settings(v, &e->state->settings);
    atomic_store(&v->next_offset, e->state->next_offset);
    atomic_store(&v->ready, false);
}

static void engine_free(struct engine *e)
{
    if (e->log)
        e->log->ops->destroy(e->log);
    duty_destroy(e->duty);
    dead_letters_close(e->dead_letters);
    state_destroy(e->state);
    epoch_destroy(e->epoch);
    outcome_finish(&e->outcome);
    batch_finish(&e->batch);
    free(e->checkpoints_directory);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static struct engine *engine_allocate(const struct engine_options *o)
{
    struct engine *e = calloc(1, sizeof(*e));
    pthread_condattr_t monotonic;

    if (!e)
        return NULL;
    e->options = *o;
    e->outcome.keeps_lines = o->historian.applied != NULL;
    if (!e->options.checkpoint_records)
        e->options.checkpoint_records = CHECKPOINT_RECORDS;
    if (!e->options.checkpoint_interval_us)
        e->options.checkpoint_interval_us = CHECKPOINT_INTERVAL_US;
    if (!e->options.stop_timeout_us)
        e->options.stop_timeout_us = STOP_TIMEOUT_US;
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&e->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    e->opened_us = e->copying.last_us = clock_monotonic_us();
    return e;
}

int engine_open_unthreaded(const struct engine_options *o, struct engine **ret_engine, char *detail,
                           size_t detail_size)
{
    static pthread_once_t seeded = PTHREAD_ONCE_INIT;
    struct engine *e = engine_allocate(o);
    int error = ERROR_NOMEM;

    if (detail_size)
        detail[0] = '\0';
    if (!e)
        goto failed;
    pthread_once(&seeded, draw_hash_seed);
    e->epoch = epoch_create();
    e->state = e->epoch ? state_create(e->epoch) : NULL;
    if (!e->state)
        goto failed;
    error = o->directory ? prepare_directory(e, detail, detail_size) : 0;
    e->store = o->store ? *o->store : checkpoint_files(e->checkpoints_directory);
    if (!error)
        error = recovery_run(e, detail, detail_size);
    if (error)
        goto failed;
    fill_view(e);
    e->duty = duty_create(e);
    if (!e->duty) {
        error = ERROR_NOMEM;
        goto failed;
    }
    *ret_engine = e;
    return 0;
failed:
    if (detail_size && !detail[0])
        snprintf(detail, detail_size, "%s", error_text(error));
    if (e)
        engine_free(e);
    return error;
}

int engine_open(const struct engine_options *o, struct engine **ret_engine, char *detail, size_t detail_size)
{
    struct engine *e;
    int error = engine_open_unthreaded(o, &e, detail, detail_size);

    if (error)
        return error;
    if (pthread_create(&e->writer, NULL, writer_main, e) != 0) {
        snprintf(detail, detail_size, "the writer thread could not be started");
        engine_free(e);
        return ERROR_NOMEM;
    }
    pthread_setname_np(e->writer, "writer");
    error = duty_start(e->duty);
    if (error) {
        snprintf(detail, detail_size, "the duty thread could not be started");
        engine_close(e);
        return error;
    }
    *ret_engine = e;
    return 0;
}

int engine_turn(struct engine *e, int wait_ms)
{
    int unused;
    return writer_turn(e, wait_ms, &unused);
}

void engine_crash(struct engine *e)
{
    image_abandon(e->state);
    if (e->copying.file)
        e->store.ops->destroy(e->copying.file);
    engine_free(e);
}

struct state *engine_state(struct engine *e)
{
    return e->state;
}

void engine_stop(struct engine *e)
{
    if (!e || e->joined)
        return;
    atomic_store(&e->stopping, true);
    duty_stop(e->duty);
    e->log->ops->stop(e->log);
    atomic_store_explicit(&e->drained, true, memory_order_release);
    e->log->ops->wake(e->log);
    pthread_join(e->writer, NULL);
    e->joined = true;
}

void engine_close(struct engine *e)
{
    engine_stop(e);
    if (e)
        engine_free(e);
}

int engine_output(struct engine *e, const char *name, struct duty_port *ret_port)
{
    return duty_output(e->duty, name, ret_port);
}

void engine_duty_turn(struct engine *e, int64_t wall_us, int64_t now_us)
{
    duty_turn(e->duty, wall_us, now_us);
}

const struct view *engine_view(const struct engine *e)
{
    return &e->view;
}

static bool takes_commands(struct engine *e)
{
    return !atomic_load_explicit(&e->stopping, memory_order_relaxed) &&
           atomic_load_explicit(&e->view.ready, memory_order_relaxed);
}

static struct log_append append_of(struct command *c)
{
    return (struct log_append){.bytes = c->bytes, .length = c->length, .cookie = c};
}

static int submit(void *engine, struct command *c)
{
    struct engine *e = engine;
    struct log_append one = append_of(c);

    if (c->ask)
        return takes_commands(e) ? asks_submit(e, c) : ERROR_UNAVAILABLE;
    return takes_commands(e) ? e->log->ops->append(e->log, &one, 1) : ERROR_UNAVAILABLE;
}

static int submit_all(void *engine, struct command *const *commands, size_t count)
{
    struct engine *e = engine;
    struct log_append all[COMMANDS_AT_ONCE];

    for (size_t i = 0; i < count; i++)
        all[i] = append_of(commands[i]);
    return takes_commands(e) ? e->log->ops->append(e->log, all, count) : ERROR_UNAVAILABLE;
}

struct command_port engine_port(struct engine *e)
{
    return (struct command_port){.engine = e, .submit = submit, .submit_all = submit_all};
}

/* CLOCK_MONOTONIC, timeout_ms from now. */
static struct timespec deadline(int timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Waits under the lock until *done, the writer stopped, or time is up. */
static int wait_for(struct engine *e, const bool *done, int timeout_ms)
{
    struct timespec until = deadline(timeout_ms);

    while (!*done && !e->stopped_by)
        if (pthread_cond_timedwait(&e->changed, &e->lock, &until) == ETIMEDOUT)
            break;
    return *done ? 0 : e->stopped_by ? e->stopped_by : ERROR_TIMEOUT;
}

int engine_wait_ready(struct engine *e, int timeout_ms)
{
    pthread_mutex_lock(&e->lock);
    int error = wait_for(e, &e->ready, timeout_ms);
    pthread_mutex_unlock(&e->lock);
    return error;
}

int engine_digest(struct engine *e, uint64_t next_offset, int timeout_ms, uint64_t *ret_next_offset,
                  struct hash128 *ret_digest)
{
    int error = ERROR_BUSY;

    pthread_mutex_lock(&e->lock);
    if (!e->wanted.digest) {
        e->wanted.digest = true;
        e->wanted.digest_done = false;
        e->wanted.digest_at = next_offset;
        atomic_store_explicit(&e->digest_armed, true, memory_order_relaxed);
        e->log->ops->wake(e->log);
        error = wait_for(e, &e->wanted.digest_done, timeout_ms);
        e->wanted.digest = false;
        atomic_store_explicit(&e->digest_armed, false, memory_order_relaxed);
        if (!error)
            error = e->wanted.digest_status;
        if (!error) {
            *ret_next_offset = e->wanted.digest_next_offset;
            *ret_digest = e->wanted.digest_value;
        }
    }
    pthread_mutex_unlock(&e->lock);
    return error;
}

uint64_t engine_checkpoint_ask(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t ticket = ++e->wanted.checkpoints_asked;
    pthread_mutex_unlock(&e->lock);
    e->log->ops->wake(e->log);
    return ticket;
}

/* @lock held */
static int asked(const struct engine *e, uint64_t ticket)
{
    if (e->wanted.checkpoints_answered >= ticket)
        return e->wanted.checkpoint_status;
    return e->stopped_by ? e->stopped_by : 1;
}

int engine_checkpoint_asked(struct engine *e, uint64_t ticket)
{
    pthread_mutex_lock(&e->lock);
    int status = asked(e, ticket);
    pthread_mutex_unlock(&e->lock);
    return status;
}

int engine_checkpoint(struct engine *e, int timeout_ms)
{
    uint64_t ticket = engine_checkpoint_ask(e);
    struct timespec until = deadline(timeout_ms);
    int status;

    pthread_mutex_lock(&e->lock);
    while ((status = asked(e, ticket)) == 1)
        if (pthread_cond_timedwait(&e->changed, &e->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&e->lock);
    return status == 1 ? ERROR_TIMEOUT : status;
}

int engine_checkpoint_open(struct engine *e, struct checkpoint_opened *ret)
{
    return e->checkpoints_directory ? checkpoint_open_newest(e->checkpoints_directory, ret) : ERROR_NOTFOUND;
}

uint64_t engine_reached(const struct engine *e)
{
    return atomic_load_explicit(&e->published.log_reached_offset, memory_order_relaxed);
}

static void put_duty(struct engine *e, struct buffer *out)
{
    struct duty_counts c;

    duty_count(e->duty, &c);
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } all[] = {
        {"duty", "gauge", "1 while this instance is on duty.", c.held},
        {"duty_gains_total", "counter", "Times this instance came on duty since start.", c.gains},
        {"due", "gauge", "Things that will fall due: incoming lines, holds, dated demand.", c.waiting},
        {"proposals_total", "counter", "Proposals this instance appended since start.", c.proposals},
        {"proposals_accepted_total", "counter", "Those that were still right.", c.accepted},
        {"progress_records_total", "counter", "Records about the progress of outputs since start.",
         c.progress},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buffer_printf(out, "# HELP onhand_%s %s\n# TYPE onhand_%s %s\nonhand_%s %lu\n", all[i].name,
                      all[i].help, all[i].name, all[i].type, all[i].name, all[i].value);
}

static void put_refused(struct engine *e, struct buffer *out)
{
    buffer_string(out,
                  "# HELP onhand_reservation_steps_refused_total Steps of reservations refused since start, "
                  "by reason.\n# TYPE onhand_reservation_steps_refused_total counter\n");
    for (unsigned r = REASON_NONE + 1; r < REASON_END; r++) {
        uint64_t count = atomic_load_explicit(&e->steps_refused[r], memory_order_relaxed);
        if (count || r == REASON_INSUFFICIENT)
            buffer_printf(out, "onhand_reservation_steps_refused_total{reason=\"%s\"} %lu\n",
                          reason_name((enum reason)r), count);
    }
}

/* The name is Prometheus's own. */
static void put_memory(struct buffer *out)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long pages;

    if (f && fscanf(f, "%*u %lu", &pages) == 1)
        buffer_printf(out,
                      "# HELP process_resident_memory_bytes Memory that is in use, bytes.\n# TYPE "
                      "process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %lu\n",
                      pages * (unsigned long)sysconf(_SC_PAGESIZE));
    if (f)
        fclose(f);
}

void engine_metrics(struct engine *e, struct buffer *out)
{
#define COUNTER(name, type, help)                                                                          \
    buffer_printf(out,                                                                                     \
                  "# HELP onhand_" #name " %s\n# TYPE onhand_" #name " " #type "\nonhand_" #name " %lu\n", \
                  help, atomic_load_explicit(&e->published.name, memory_order_relaxed));
#include "engine/counters.def"
#undef COUNTER
    pthread_mutex_lock(&e->lock);
    struct digest_found newest = e->newest_digest;
    pthread_mutex_unlock(&e->lock);
    if (newest.next_offset)
        buffer_printf(out,
                      "# HELP onhand_digest_info The newest digest of the state that was told to the other "
                      "instances.\n# TYPE onhand_digest_info gauge\n"
                      "onhand_digest_info{instance=\"%s\",offset=\"%lu\",digest=\"%016lx%016lx\"} 1\n",
                      newest.instance, newest.next_offset, newest.digest.high, newest.digest.low);
    put_duty(e, out);
    put_refused(e, out);
    put_memory(out);
    buffer_printf(out,
                  "# HELP onhand_uptime_seconds Seconds since start.\n# TYPE onhand_uptime_seconds "
                  "gauge\nonhand_uptime_seconds %ld\n",
                  (clock_monotonic_us() - e->opened_us) / 1000000);
}
