/* `onhand serve`: the engine, the HTTP front door and intake, put together; and taken apart when a signal
 * asks for it. */
#include "engine/serve_options.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/checkpoint.h"
#include "engine/engine.h"
#include "engine/feed.h"
#include "engine/history_replay.h"
#include "engine/serve_insights.h"
#include "engine/serve_kafka.h"
#include "engine/serve_letters.h"
#include "engine/silence.h"
#include "engine/serve_topic.h"
#include "http/http.h"
#include "intake/intake.h"
#include "log/kafka_log.h"
#include "sinks/history_sink.h"
#include "sinks/redis_sink.h"
#include "zone/zones.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* SIGTERM has to end in 10 s: 1.5 for requests, 5 at most for intake to leave its group, the rest for the
 * last checkpoint. */
enum {
    HTTP_STOP_MS = 1500,
    HISTORY_STOP_MS = 1000,
    LOOK_MS = 100,
    EXIT_WITHIN_MS = 9500,
    SECTION_LOCATIONS = 256
};

struct server {
    const struct serve_options *options;
    struct engine *engine;
    struct http *http;
    struct intake *intake;
    struct intake_backlog *backlog; /* there is one when there is intake */
    struct serve_kafka kafka;       /* when the log is there */
    struct feed *feed;              /* NULL: no sinks */
    struct zones *zones;
    struct silence *silence;
    struct epoch_reader *reader; /* of this thread, when calendars are looked at */
    struct feed_port redis_port;
    struct redis_sink *redis;
    struct serve_topic topic;
    struct serve_letters *letters; /* of the log on Kafka */
    struct window *window;         /* of the last changes, for /v1/changes */
    struct history_sink *history;  /* NULL: none is kept */
    struct history_log *history_log;
    struct serve_insights insights;
    char group[64];
    char detail[512];
};

static void metrics(void *context, struct buffer *out)
{
    struct server *s = context;
    struct intake *intake =
        __atomic_load_n(&s->intake, __ATOMIC_ACQUIRE); /* pairs with the release in start_intake */

    struct redis_sink *redis = __atomic_load_n(&s->redis, __ATOMIC_ACQUIRE); /* as intake */

    engine_metrics(s->engine, out);
    if (intake)
        intake_metrics(intake, out);
    feed_metrics(s->feed, out);
    if (redis)
        redis_sink_as_sink(redis).metrics(redis, out);
    serve_topic_metrics(&s->topic, out);
    struct serve_letters *letters = __atomic_load_n(&s->letters, __ATOMIC_ACQUIRE); /* as intake */
    if (letters)
        serve_letters_metrics(letters, out);
    if (s->history)
        history_sink_metrics(s->history, out);
}

static void why_not_ready(void *context, char *out, size_t size)
{
    struct server *s = context;
    engine_why_not_ready(s->engine, out, size);
}

/* ---- checkpoints for other instances ---- */

static int open_checkpoint(void *context, struct http_checkpoint *ret)
{
    struct server *s = context;
    struct checkpoint_opened o;
    int error = engine_checkpoint_open(s->engine, &o);

    if (!error)
        *ret = (struct http_checkpoint){.file = o.file,
                                        .bytes = o.bytes,
                                        .incarnation = o.header.incarnation,
                                        .next_offset = o.header.next_offset,
                                        .digest = o.header.digest};
    return error;
}

static uint64_t ask_checkpoint(void *context)
{
    struct server *s = context;
    return engine_checkpoint_ask(s->engine);
}

static int asked_checkpoint(void *context, uint64_t ticket)
{
    struct server *s = context;
    return engine_checkpoint_asked(s->engine, ticket);
}

static const struct http_checkpoints checkpoints = {open_checkpoint, ask_checkpoint, asked_checkpoint};

static void judged(void *context, const struct record *r, const struct event_verdict *verdicts, size_t count,
                   uint64_t offset)
{
    if (intake_backlog_note(context, r, verdicts, count, offset) != 0)
        log_error("the dead letter of record %lu may be missing: it is in the log", offset);
}

static bool settled(void *context, uint64_t next_offset)
{
    return intake_backlog_clear(context, next_offset);
}

/* Before the engine, so that no change is missed; the sink itself begins when there is something to read. */
static int start_feed(struct server *s)
{
    const struct serve_options *o = s->options;
    int error = 0;

    if (!o->redis && !o->availability_topic)
        return 0;
    s->feed = feed_create();
    if (!s->feed)
        return ERROR_NOMEM;
    if (o->redis)
        error = feed_add(s->feed, "redis", 0, &s->redis_port);
    if (!error && o->availability_topic)
        error = feed_add(s->feed, "topic", 0, &s->topic.port);
    return error;
}

static int start_redis(struct server *s)
{
    const struct serve_options *o = s->options;
    struct redis_options r = {.address = o->redis, .prefix = o->redis_prefix, .view = engine_view(s->engine)};
    struct redis_sink *made;

    if (!o->redis)
        return 0;
    int error = engine_output(s->engine, "redis", &r.duty);
    if (!error)
        error = redis_sink_create(&r, &made, s->detail, sizeof(s->detail));
    if (error)
        return error;
    error = redis_sink_as_sink(made).start(made, s->redis_port);
    if (error)
        redis_sink_destroy(made);
    else
        __atomic_store_n(&s->redis, made, __ATOMIC_RELEASE);
    return error;
}

static int start_topic(struct server *s)
{
    struct duty_port duty;

    if (!s->options->availability_topic)
        return 0;
    s->topic.engine = s->engine;
    s->topic.log = s->kafka.log;
    char output[TEXT_BYTES_MOST + 1];
    snprintf(output, sizeof(output), "topic-%s", s->options->availability_topic);
    int error = engine_output(s->engine, output, &duty);
    return error ? error : serve_topic_start(&s->topic, s->options, &duty);
}

/* Before the engine, as the feed: the window, and the history, which begins to write when the engine is
 * there.
 */
static int make_history(struct server *s)
{
    const struct serve_options *o = s->options;
    char path[4200];

    size_t slots = WINDOW_SLOTS_LEAST;
    while (slots < o->changes_kept)
        slots *= 2;
    s->window = window_create(slots);
    if (!s->window)
        return ERROR_NOMEM;
    if (!o->history)
        return 0;
    snprintf(path, sizeof(path), "%s/" HISTORY_FILE, o->data_directory);
    struct history_log_options log = {.directory = o->data_directory};
    if (o->log == SERVE_LOG_KAFKA) {
        log.open_log = serve_kafka_open_beside;
        log.open_log_context = &s->kafka;
    }
    s->history_log = history_log_create(&log);
    if (!s->history_log)
        return ERROR_NOMEM;
    struct history_options h = {.path = path,
                                .days_most = o->history_days_most,
                                .bytes_most = o->history_bytes_most,
                                .replay = history_log_replay(s->history_log)};
    return history_sink_create(&h, &s->history);
}

static int start_history(struct server *s)
{
    return s->history ? history_sink_start(s->history) : 0;
}

static int start_letters(struct server *s)
{
    struct serve_letters *started = NULL;
    int error = 0;

    if (s->options->log == SERVE_LOG_KAFKA)
        error = serve_letters_start(s->options, s->engine, &started, s->detail, sizeof(s->detail));
    if (started)
        __atomic_store_n(&s->letters, started, __ATOMIC_RELEASE);
    return error;
}

static int start_engine(struct server *s)
{
    const struct serve_options *o = s->options;
    struct engine_witness witness = {0};

    s->zones = zones_create();
    if (!s->zones)
        return ERROR_NOMEM;
    struct calendars calendars = zones_calendars(s->zones);
    s->silence = silence_create(&calendars);
    if (!s->silence)
        return ERROR_NOMEM;

    if (o->intake_count) {
        s->backlog = intake_backlog_create();
        if (!s->backlog)
            return ERROR_NOMEM;
        witness = (struct engine_witness){s->backlog, judged, settled};
    }
    struct engine_options e = {.directory = o->data_directory,
                               .witness = witness,
                               .checkpoint_records = o->replay_records_most,
                               .checkpoint_interval_us = (int64_t)o->checkpoint_seconds * 1000000,
                               .segment_bytes = o->segment_bytes,
                               .calendars = calendars,
                               .silence_due = silence_due,
                               .silence_context = s->silence,
                               .feed = s->feed};

    e.window = s->window;
    if (s->history)
        e.historian = history_sink_writer(s->history);
    if (o->log == SERVE_LOG_KAFKA) {
        e.open_log = serve_kafka_open_log;
        e.open_log_context = &s->kafka;
        e.instance = s->kafka.instance; /* filled in when the log is opened */
    }
    return engine_open(&e, &s->engine, s->detail, sizeof(s->detail));
}

static int start_insights(struct server *s)
{
    const struct serve_options *o = s->options;

    return serve_insights_start(&s->insights, o->data_directory, o->http_threads, o->insights_hours,
                                o->insights_keys);
}

static int start_http(struct server *s)
{
    const struct serve_options *o = s->options;
    struct http_options h = {.listen = o->listen,
                             .threads = o->http_threads,
                             .view = engine_view(s->engine),
                             .commands = engine_port(s->engine),
                             .window = s->window,
                             .unmet = s->insights.unmet,
                             .history = s->history ? history_sink_port(s->history) : (struct history_port){0},
                             .keys_path = o->keys_path,
                             .body_bytes_most = o->body_bytes_most,
                             .connections_most = o->connections_most,
                             .metrics = metrics,
                             .why_not_ready = why_not_ready,
                             .checkpoints = &checkpoints,
                             .engine = s};
    return http_start(&h, &s->http, s->detail, sizeof(s->detail));
}

/* The group carries the log's incarnation: two engines with logs of their own each get everything, those of
 * one log share it. */
static int start_intake(struct server *s)
{
    const struct serve_options *o = s->options;
    struct intake *started;

    if (!o->intake_count)
        return 0;
    struct intake_source *sources = calloc(o->intake_count, sizeof(*sources));
    if (!sources)
        return ERROR_NOMEM;
    for (size_t i = 0; i < o->intake_count; i++)
        sources[i] = (struct intake_source){.topic = o->intake[i].topic,
                                            .format = o->intake[i].format == SERVE_JSON ? INTAKE_JSON
                                                                                        : INTAKE_PROTOBUF,
                                            .generation = o->intake[i].generation};
    snprintf(s->group, sizeof(s->group), "onhand-intake-%lu", view_incarnation(engine_view(s->engine)));
    struct intake_options i = {.brokers = o->kafka_brokers,
                               .group = s->group,
                               .member = s->kafka.log ? s->kafka.instance : NULL,
                               .sources = sources,
                               .sources_count = o->intake_count,
                               .dead_letter_topic = o->dead_letter_topic,
                               .view = engine_view(s->engine),
                               .commands = engine_port(s->engine),
                               .backlog = s->backlog};
    int error = intake_start(&i, &started, s->detail, sizeof(s->detail));
    if (!error)
        __atomic_store_n(&s->intake, started, __ATOMIC_RELEASE);
    free(sources);
    return error;
}

/* The signal that came within `ms`, or 0. */
static int wait_for_signal(const sigset_t *signals, int ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    int signal = sigtimedwait(signals, NULL, &wait);
    return signal > 0 ? signal : 0;
}

struct troubles { /* what was said last */
    char intake[256], log[480], letters[300], history[480];
};

static void say_once(const char *part, const char *trouble, char *last, size_t size)
{
    if (strcmp(trouble, last) == 0)
        return;
    if (*trouble)
        log_warning("%s: %s", part, trouble);
    else
        log_info("%s: goes on", part);
    snprintf(last, size, "%s", trouble);
}

static void watch(struct server *s, struct troubles *last)
{
    struct troubles now = {0};

    if (s->intake)
        intake_trouble(s->intake, now.intake, sizeof(now.intake));
    if (s->kafka.log)
        kafka_log_trouble(s->kafka.log, now.log, sizeof(now.log));
    if (s->letters)
        serve_letters_trouble(s->letters, now.letters, sizeof(now.letters));
    if (s->history)
        history_sink_trouble(s->history, now.history, sizeof(now.history));
    say_once("history", now.history, last->history, sizeof(last->history));
    say_once("intake", now.intake, last->intake, sizeof(last->intake));
    say_once("log", now.log, last->log, sizeof(last->log));
    say_once("dead letters", now.letters, last->letters, sizeof(last->letters));
}

/* Until the replay is done; *ret_signal when somebody wants it to end before. An engine that halts goes on
 * answering reads. */
static int wait_until_ready(struct server *s, const sigset_t *signals, struct troubles *last, int *ret_signal)
{
    int error;

    do {
        watch(s, last);
        *ret_signal = wait_for_signal(signals, 0);
        error = engine_wait_ready(s->engine, LOOK_MS);
    } while (error == ERROR_TIMEOUT && !*ret_signal);
    return error;
}

/* Makes the calendars of locations that are new or changed, so that no question has to. */
static void look_at_calendars(struct server *s)
{
    const struct view *v = engine_view(s->engine);
    uint32_t count = 1;

    if (!s->reader && !(s->reader = epoch_register(v->epoch)))
        return;
    for (uint32_t at = 0; at < count; at += SECTION_LOCATIONS) {
        epoch_enter(s->reader);
        count = catalogue_locations_count(v->catalogue);
        for (uint32_t n = at; n < count && n < at + SECTION_LOCATIONS; n++)
            calendar_of(&v->calendars, catalogue_location_at(v->catalogue, n));
        epoch_exit(s->reader);
    }
}

static int run(struct server *s, const sigset_t *signals)
{
    struct troubles last = {0};
    int signal = 0, error = wait_until_ready(s, signals, &last, &signal);

    if (!error && s->history)
        history_sink_ready(s->history);
    if (!error)
        serve_insights_restore(&s->insights, engine_view(s->engine));
    if (!error && !signal) {
        error = start_redis(s);
        if (!error)
            error = start_topic(s);
        if (!error)
            error = start_letters(s);
        if (!error)
            error = start_intake(s);
        if (error)
            return error;
        printf("onhand %s ready at %s\n", ONHAND_VERSION, http_address(s->http));
        fflush(stdout);
    }
    while (!signal) {
        look_at_calendars(s);
        signal = wait_for_signal(signals, 1000);
        watch(s, &last);
        serve_insights_look(&s->insights, engine_view(s->engine));
    }
    log_info("signal %d: stopping", signal);
    return error == ERROR_TIMEOUT ? 0 : error;
}

static void *exit_in_time(void *unused)
{
    nanosleep(
        &(struct timespec){.tv_sec = EXIT_WITHIN_MS / 1000, .tv_nsec = EXIT_WITHIN_MS % 1000 * 1000000L},
        NULL);
    log_error("stopping took too long: ended without a last checkpoint; the next start replays more, nothing "
              "is lost");
    _exit(0);
    return unused;
}

/* Everything acknowledged is in the log already: being slow costs a longer replay and nothing else. */
static void stop_all(struct server *s)
{
    pthread_t watchdog;

    if (pthread_create(&watchdog, NULL, exit_in_time, NULL) == 0)
        pthread_detach(watchdog);
    http_stop(s->http, HTTP_STOP_MS); /* first: /metrics looks at the others */
    if (s->engine)
        serve_insights_stop(&s->insights, engine_view(s->engine));
    serve_insights_finish(&s->insights);
    intake_stop(s->intake);
    redis_sink_destroy(s->redis); /* before the engine: it reads the view */
    serve_topic_stop(&s->topic);
    serve_letters_stop(s->letters);
    epoch_unregister(s->reader);
    engine_stop(s->engine);
    history_sink_destroy(s->history, HISTORY_STOP_MS); /* now: it writes what the engine did last */
    engine_close(s->engine);                           /* and looked at the view until then */
    history_log_destroy(s->history_log);
    intake_backlog_destroy(s->backlog);
    serve_kafka_finish(&s->kafka);
    feed_destroy(s->feed);
    silence_destroy(s->silence);
    zones_destroy(s->zones); /* locations' calendars pointed at them */
    window_destroy(s->window);
}

/* A file descriptor for each connection, and some for the rest: as many as the system allows. */
static void raise_file_limit(const struct serve_options *o)
{
    enum { OTHER_FILES = 512 };
    rlim_t want = (rlim_t)o->connections_most + OTHER_FILES;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < want)
        log_warning("%u connections may be open (--connections-most), but the system allows %lu files only",
                    o->connections_most, (unsigned long)limit.rlim_cur);
}

int engine_serve(const struct serve_options *o)
{
    struct server s = {.options = o, .kafka = {.options = o, .lock_file = -1}};
    sigset_t signals;
    int error;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit(o);

    error = serve_topic_check(o, s.detail, sizeof(s.detail));
    if (!error)
        error = start_feed(&s);
    if (!error)
        error = make_history(&s);
    if (!error)
        error = start_engine(&s);
    if (!error)
        error = start_history(&s);
    if (!error)
        error = start_insights(&s);
    if (!error)
        error = start_http(&s);
    if (!error)
        error = run(&s, &signals);
    if (error)
        log_error("%s", s.detail[0] ? s.detail : error_text(error));
    stop_all(&s);
    return error;
}
