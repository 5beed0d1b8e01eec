/* Follows the dead-letter file, which every instance has whole, and sends what stands in it while on duty.
 * How far that got is recorded like the other outputs' progress, so the next holder goes on in its own file.
 */
#include "engine/serve_letters.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "core/duty.h"
#include "engine/dead_letter_file.h"
#include "log/kafka_log_letters.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    LOOK_MS = 100,
    AGAIN_MS = 1000,
    LETTERS_A_TURN = 200,
    FETCH_MS = 1500,
    FLUSH_MS = 3000,
    DETAIL_BYTES = 900
};

struct serve_letters {
    struct engine *engine;
    struct duty_port duty;
    struct dead_letter_file file;
    struct kafka_letters *out;
    struct arena arena;
    pthread_t thread;
    bool started;
    _Atomic bool stopping;

    /* the thread's */
    uint64_t term;
    struct duty_place sent; /* everything before it is out */
    int64_t resume_us;

    _Atomic uint64_t sent_total, gone_total;
    pthread_mutex_t lock;
    char trouble[300]; /* under lock */
};

static void set_trouble(struct serve_letters *l, const char *text)
{
    pthread_mutex_lock(&l->lock);
    snprintf(l->trouble, sizeof(l->trouble), "%s", text);
    pthread_mutex_unlock(&l->lock);
    if (*text)
        l->resume_us = clock_monotonic_us() + INT64_C(1000) * AGAIN_MS;
}

/* Goes on behind what is out. */
static int rewind_to_sent(struct serve_letters *l)
{
    return dead_letter_file_seek(&l->file, l->sent.incarnation, l->sent.offset);
}

static void gain(struct serve_letters *l)
{
    struct duty_place place = {0};
    uint64_t incarnation = view_incarnation(engine_view(l->engine));

    if (!l->duty.recorded(l->duty.output, &place) || place.incarnation != incarnation)
        place = (struct duty_place){incarnation, 0};
    l->sent = place;
    if (rewind_to_sent(l) != 0)
        set_trouble(l, "the dead-letter file cannot be read");
}

static void detail_of(const struct dead_letter *d, char out[DETAIL_BYTES])
{
    if (d->readable)
        snprintf(out, DETAIL_BYTES, "event %u, id %.*s: %.*s %.*s", d->number, (int)d->id.length,
                 d->id.length ? d->id.at : "", (int)d->pointer.length, d->pointer.length ? d->pointer.at : "",
                 (int)d->detail.length, d->detail.length ? d->detail.at : "");
    else
        snprintf(out, DETAIL_BYTES, "%.*s %.*s", (int)d->pointer.length,
                 d->pointer.length ? d->pointer.at : "", (int)d->detail.length,
                 d->detail.length ? d->detail.at : "");
}

static int put(struct serve_letters *l, const struct dead_letter *d)
{
    char detail[DETAIL_BYTES];

    detail_of(d, detail);
    const struct kafka_letter letter = {.offset = d->offset,
                                        .reason = d->readable ? d->reason : TEXT("malformed"),
                                        .detail = text_of(detail),
                                        .canonical = d->canonical};
    return kafka_letters_put(l->out, &letter, FETCH_MS);
}

static bool on_duty(const struct serve_letters *l)
{
    return duty_term(l->duty.view, clock_monotonic_us()) == l->term && !atomic_load(&l->stopping);
}

/* What the file has now, some of it. *ret_behind: the place behind the last one. 1: there may be more. */
static int put_some(struct serve_letters *l, uint64_t *ret_behind)
{
    uint64_t behind = l->sent.offset;
    struct dead_letter d;

    for (int count = 0; count < LETTERS_A_TURN; count++) {
        arena_reset(&l->arena);
        int got = dead_letter_file_next(&l->file, &l->arena, &d);
        if (got <= 0) {
            *ret_behind = behind;
            return got;
        }
        if (!on_duty(l))
            return ERROR_UNAVAILABLE;
        if (d.incarnation != l->sent.incarnation || d.offset < behind)
            continue; /* of another log, or one more event of a record whose letter is out */
        int error = put(l, &d);
        if (error)
            return error;
        behind = d.offset + 1;
    }
    *ret_behind = behind;
    return 1;
}

static void report(struct serve_letters *l, uint64_t offset)
{
    struct kafka_letters_count count = kafka_letters_count(l->out);

    if (offset > l->sent.offset) { /* where there are no letters nobody needs to know how far they are */
        l->sent.offset = offset;
        l->duty.report(l->duty.output, l->term, l->sent);
    }
    atomic_store(&l->sent_total, count.sent);
    atomic_store(&l->gone_total, count.gone);
    set_trouble(l, "");
}

/* True when there may be more to do at once. */
static bool send_some(struct serve_letters *l)
{
    char detail[300] = "dead letters of the log cannot be sent: their originals cannot be read now";
    uint64_t behind = 0;
    int more = put_some(l, &behind);
    int error = kafka_letters_flush(l->out, FLUSH_MS, detail, sizeof(detail));

    if (more < 0 || error) {
        set_trouble(l, more < 0 && !on_duty(l) ? "" : detail);
        if (rewind_to_sent(l) != 0)
            l->term = 0; /* begins anew */
        return false;
    }
    report(l, behind);
    return more > 0;
}

static void *letters_main(void *context)
{
    struct serve_letters *l = context;

    while (!atomic_load(&l->stopping)) {
        int64_t now_us = clock_monotonic_us();
        uint64_t term = duty_term(l->duty.view, now_us);
        if (term && term != l->term)
            gain(l);
        l->term = term;
        if (term && now_us >= l->resume_us && send_some(l))
            continue;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    return NULL;
}

int serve_letters_start(const struct serve_options *o, struct engine *e, struct serve_letters **ret_letters,
                        char *detail, size_t detail_size)
{
    struct serve_letters *l = calloc(1, sizeof(*l));
    char path[4200];
    int error;

    if (!l)
        return ERROR_NOMEM;
    l->engine = e;
    pthread_mutex_init(&l->lock, NULL);
    snprintf(path, sizeof(path), "%s/dead-letter.ndjson", o->data_directory);
    error = dead_letter_file_open(&l->file, path);
    if (!error)
        error = engine_output(e, "letters", &l->duty);
    if (!error)
        error = kafka_letters_create(o->kafka_brokers, o->log_topic, o->dead_letter_topic, &l->out, detail,
                                     detail_size);
    if (!error && pthread_create(&l->thread, NULL, letters_main, l) != 0)
        error = ERROR_NOMEM;
    if (error) {
        serve_letters_stop(l);
        return error;
    }
    pthread_setname_np(l->thread, "letters");
    l->started = true;
    *ret_letters = l;
    return 0;
}

void serve_letters_stop(struct serve_letters *l)
{
    if (!l)
        return;
    atomic_store(&l->stopping, true);
    if (l->started)
        pthread_join(l->thread, NULL);
    kafka_letters_destroy(l->out);
    dead_letter_file_finish(&l->file);
    arena_finish(&l->arena);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void serve_letters_metrics(struct serve_letters *l, struct buffer *out)
{
    buffer_printf(
        out,
        "# HELP onhand_log_letters_total Dead letters of the log sent to the dead-letter topic since "
        "start.\n# TYPE onhand_log_letters_total counter\nonhand_log_letters_total %lu\n"
        "# HELP onhand_log_letters_gone_total Of those, sent without their original, which was gone.\n"
        "# TYPE onhand_log_letters_gone_total counter\nonhand_log_letters_gone_total %lu\n",
        atomic_load(&l->sent_total), atomic_load(&l->gone_total));
}

void serve_letters_trouble(struct serve_letters *l, char *out, size_t size)
{
    pthread_mutex_lock(&l->lock);
    snprintf(out, size, "%s", l->trouble);
    pthread_mutex_unlock(&l->lock);
}
