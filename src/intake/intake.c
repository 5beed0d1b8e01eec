/* The intake thread: reads, translates, hands on, settles what comes back; and the door for everybody else.
 */
#include "intake/consumer.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void intake_say(struct intake *i, char at[240], const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&i->lock);
    va_start(args, format);
    vsnprintf(at, 240, format, args);
    va_end(args);
    pthread_mutex_unlock(&i->lock);
}

/* What the engine is done with. */
static void settle(struct intake *i)
{
    size_t touched = 0;

    for (struct command *c = parcel_pool_done(&i->pool), *next; c; c = next) {
        struct parcel *p = (struct parcel *)c;
        struct lane *l = p->lane;
        next = c->next;
        if (touched == BATCH_MESSAGES && !l->touched) {
            lane_settle(l, p);
            lane_look(l);
            continue;
        }
        if (!l->touched) {
            l->touched = true;
            i->touched[touched++] = l;
        }
        lane_settle(l, p);
    }
    for (size_t k = 0; k < touched; k++)
        lane_look(i->touched[k]);
}

/* Gives the engine what it would not take before. */
static void push(struct intake *i)
{
    bool taken = true;

    if (!i->blocked)
        return;
    i->blocked = false;
    FOR_EACH_LANE (i, l)
        taken = taken && lane_push(l);
    i->blocked = !taken;
}

/* Every now and then: dead letters, lanes that start over, and once a second the wider look. */
static void upkeep(struct intake *i)
{
    if (i->letters.sent || i->letters.wanted)
        letters_upkeep(&i->letters);
    if (i->now_ms < i->upkeep_at_ms)
        return;
    i->upkeep_at_ms = i->now_ms + UPKEEP_MS;
    letters_upkeep(&i->letters);
    FOR_EACH_LANE (i, l)
        lane_upkeep(l);
    if (i->now_ms < i->watch_at_ms)
        return;
    i->watch_at_ms = i->now_ms + WATCH_MS;
    consumer_renew(i);
    if (i->window > IN_FLIGHT_USUAL) /* was it slow for long? */
        i->window -= i->window / 4;
    consumer_watch(i);
}

static size_t in_use(const struct parcel_pool *p)
{
    return p->count - p->free_count;
}

/* What is on its way should stay in the caches, but a slow disk must not be what limits. */
static void fit_window(struct intake *i, int64_t waited_since_ms)
{
    size_t most = i->pool.count;

    if (!i->blocked && clock_monotonic_us() / 1000 - waited_since_ms >= SLOW_MS)
        i->window = 2 * i->window < most ? 2 * i->window : most;
}

/* How many more may be taken now. */
static size_t room(const struct intake *i)
{
    size_t used = in_use(&i->pool);

    if (i->blocked || i->pool.bytes > i->pool.bytes_most || used >= i->window)
        return 0;
    return i->window - used;
}

/* Nothing more can be taken: waits for the engine; when that takes long, keeps the group alive and the
 * partitions paused. */
static void wait_for_room(struct intake *i)
{
    if (!i->blocked_since_ms)
        i->blocked_since_ms = i->now_ms;
    if (i->now_ms - i->blocked_since_ms < STALL_MS) {
        parcel_pool_wait(&i->pool, (int)(in_use(&i->pool) + 3) / 4, i->blocked ? 1 : 10);
        fit_window(i, i->now_ms);
        return;
    }
    FOR_EACH_LANE (i, l) {
        lane_choke(l);
        if (l->state == LANE_RESTARTING)
            consumer_pause(l);
    }
    consumer_poll(i, 10, 1);
}

static void turn(struct intake *i)
{
    i->now_ms = clock_monotonic_us() / 1000;
    settle(i);
    push(i);
    upkeep(i);
    size_t most = room(i);
    if (!most) {
        wait_for_room(i);
        return;
    }
    i->blocked_since_ms = 0;
    consumer_poll(i, in_use(&i->pool) ? 5 : UPKEEP_MS, most);
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* What is on its way may finish; what does not in time comes again after the next start. */
static void drain(struct intake *i)
{
    int64_t until_ms = clock_monotonic_us() / 1000 + STOP_MS / 2;

    FOR_EACH_LANE (i, l)
        lane_choke(l);
    while (i->pool.free_count < i->pool.count) {
        i->now_ms = clock_monotonic_us() / 1000;
        if (i->now_ms > until_ms)
            return;
        settle(i);
        push(i);
        letters_upkeep(&i->letters);
        parcel_pool_wait(&i->pool, 1, 2);
    }
}

static bool is_stopping(const struct intake *i)
{
    return atomic_load_explicit(&i->stopping, memory_order_relaxed);
}

static void *intake_main(void *context)
{
    struct intake *i = context;
    char detail[200];

    while (!is_stopping(i) && !atomic_load_explicit(&i->view->ready, memory_order_acquire))
        sleep_ms(UPKEEP_MS);
    if (!is_stopping(i) && consumer_subscribe(i, detail, sizeof(detail)) != 0)
        intake_say(i, i->trouble, "%s", detail);
    while (!is_stopping(i))
        turn(i);
    drain(i);
    consumer_destroy(i);
    letters_finish(&i->letters);
    return NULL;
}

static bool name_is_free(const struct intake_options *o, size_t n)
{
    for (size_t s = 0; s < n; s++)
        if (strcmp(o->sources[s].topic, o->sources[n].topic) == 0)
            return false;
    return true;
}

static int check(const struct intake_options *o, char *detail, size_t size)
{
    if (!o->brokers || !*o->brokers) {
        snprintf(detail, size, "intake needs the brokers: HOST:PORT, several with commas");
        return ERROR_INVALID;
    }
    for (size_t s = 0; s < o->sources_count; s++)
        if (!name_is_free(o, s)) {
            snprintf(detail, size, "intake topic %s is named twice", o->sources[s].topic);
            return ERROR_INVALID;
        } else if (strcmp(o->sources[s].topic, o->dead_letter_topic) == 0) {
            snprintf(detail, size, "intake topic %s is the dead-letter topic: it would read what it writes",
                     o->sources[s].topic);
            return ERROR_INVALID;
        }
    return 0;
}

static int sources_copy(struct intake *i, const struct intake_options *o)
{
    i->sources = calloc(o->sources_count ? o->sources_count : 1, sizeof(*i->sources));
    if (!i->sources)
        return ERROR_NOMEM;
    for (size_t s = 0; s < o->sources_count; s++) {
        struct source *to = &i->sources[s];
        const struct intake_source *from = &o->sources[s];
        char name[300];
        i->sources_count = s + 1;
        snprintf(name, sizeof(name), from->generation > 1 ? "%s@%u" : "%s", from->topic, from->generation);
        to->topic = strdup(from->topic);
        to->name = strdup(name);
        to->format = from->format;
        if (!to->topic || !to->name)
            return ERROR_NOMEM;
    }
    return 0;
}

void intake_forget_other_names(struct intake *i)
{
    struct text *names = calloc(i->sources_count ? i->sources_count : 1, sizeof(*names));

    for (size_t s = 0; names && s < i->sources_count; s++)
        names[s] = source_name(&i->sources[s]);
    if (names)
        backlog_keep_only(i->backlog, names, i->sources_count);
    free(names);
}

static void intake_free(struct intake *i)
{
    while (i->lanes) {
        struct lane *l = i->lanes;
        i->lanes = l->next;
        free(l);
    }
    for (size_t s = 0; s < i->sources_count; s++) {
        free(i->sources[s].lanes);
        free(i->sources[s].topic);
        free(i->sources[s].name);
    }
    free(i->sources);
    parcel_pool_finish(&i->pool);
    translator_finish(&i->translator);
    free(i->brokers);
    free(i->group);
    free(i->member);
    pthread_mutex_destroy(&i->lock);
    free(i);
}

static int prepare(struct intake *i, const struct intake_options *o, char *detail, size_t detail_size)
{
    size_t in_flight = o->in_flight_most ? o->in_flight_most : IN_FLIGHT_MOST;

    i->brokers = strdup(o->brokers);
    i->group = strdup(o->group);
    i->member = strdup(o->member ? o->member : "onhand");
    if (!i->brokers || !i->group || !i->member || sources_copy(i, o) != 0)
        return ERROR_NOMEM;
    i->window = in_flight < IN_FLIGHT_USUAL ? in_flight : IN_FLIGHT_USUAL;
    int error = parcel_pool_init(&i->pool, in_flight, IN_FLIGHT_BYTES_MOST);
    if (!error)
        error = letters_init(&i->letters, i, o->dead_letter_topic, detail, detail_size);
    if (!error)
        error = consumer_create(i, detail, detail_size);
    return error;
}

int intake_start(const struct intake_options *o, struct intake **ret_intake, char *detail, size_t detail_size)
{
    int error = check(o, detail, detail_size);
    struct intake *i = error ? NULL : calloc(1, sizeof(*i));

    if (error)
        return error;
    if (!i)
        return ERROR_NOMEM;
    i->view = o->view;
    i->commands = o->commands;
    i->backlog = o->backlog;
    i->pool.wake = -1;
    pthread_mutex_init(&i->lock, NULL);
    error = prepare(i, o, detail, detail_size);
    if (!error && pthread_create(&i->thread, NULL, intake_main, i) != 0)
        error = ERROR_NOMEM;
    if (error) {
        if (error == ERROR_NOMEM)
            snprintf(detail, detail_size, "%s", error_text(error));
        consumer_destroy(i);
        letters_finish(&i->letters);
        intake_free(i);
        return error;
    }
    pthread_setname_np(i->thread, "intake");
    intake_forget_other_names(i);
    *ret_intake = i;
    return 0;
}

void intake_stop(struct intake *i)
{
    struct timespec until;

    if (!i)
        return;
    atomic_store_explicit(&i->stopping, true, memory_order_relaxed);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_MS / 1000;
    /* librdkafka may hang when it leaves (reliability.md): the process ends soon, what hangs is left to it */
    if (pthread_timedjoin_np(i->thread, NULL, &until) != 0)
        return;
    /* a command that the engine has not given back yet points into our memory */
    if (i->pool.free_count == i->pool.count)
        intake_free(i);
}
