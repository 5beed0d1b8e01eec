/* How far outputs got: what they report becomes a record, what was recorded is shown to them. */
#include "engine/duty_internal.h"

#include "base/error.h"
#include "codec/record_codec.h"

#include <stdio.h>

#define PROGRESS_EVERY_US INSTANT_SECOND

/* @lock held */
static void learn_output(struct duty_output *o)
{
    const struct output *known = outputs_find(&o->duty->known, text_of(o->name));

    o->is_recorded = known != NULL;
    if (known)
        o->recorded = (struct duty_place){known->incarnation, known->offset};
}

void duty_outputs_changed(struct duty *d, const struct state *s)
{
    pthread_mutex_lock(&d->lock);
    d->known = s->outputs;
    for (size_t i = 0; i < d->outputs_count; i++)
        learn_output(&d->outputs[i]);
    pthread_mutex_unlock(&d->lock);
}

void duty_news(struct duty *d, uint64_t next_offset)
{
    atomic_store_explicit(&d->news_offset, next_offset, memory_order_relaxed);
}

static void output_report(void *output, uint64_t term, struct duty_place place)
{
    struct duty_output *o = output;

    pthread_mutex_lock(&o->duty->lock);
    o->reported_term = term;
    o->reported = place;
    pthread_mutex_unlock(&o->duty->lock);
}

static bool output_recorded(void *output, struct duty_place *ret_place)
{
    struct duty_output *o = output;

    pthread_mutex_lock(&o->duty->lock);
    bool is = o->is_recorded;
    if (is)
        *ret_place = o->recorded;
    pthread_mutex_unlock(&o->duty->lock);
    return is;
}

int duty_output(struct duty *d, const char *name, struct duty_port *ret_port)
{
    if (d->outputs_count == OUTPUTS_MOST || strlen(name) > TEXT_BYTES_MOST)
        return ERROR_LIMIT;
    struct duty_output *o = &d->outputs[d->outputs_count];
    o->duty = d;
    snprintf(o->name, sizeof(o->name), "%s", name);
    pthread_mutex_lock(&d->lock);
    learn_output(o);
    d->outputs_count++;
    pthread_mutex_unlock(&d->lock);
    *ret_port = (struct duty_port){
        .view = &d->view, .output = o, .report = output_report, .recorded = output_recorded};
    return 0;
}

/* Is there something to say about it that whoever comes next has use for? A record of progress is no news
 * itself, or progress would go on for ever. */
static bool is_worth_a_record(const struct duty *d, const struct duty_output *o)
{
    uint64_t news = atomic_load_explicit(&d->news_offset, memory_order_relaxed);
    bool same_log = o->is_recorded && o->reported.incarnation == o->recorded.incarnation;

    if (o->reported_term != d->term)
        return false;
    if (!o->reported.offset)
        return o->is_recorded && o->recorded.offset; /* nobody relies on what was never said */
    return !same_log || (o->recorded.offset < o->reported.offset && o->recorded.offset < news);
}

static void progress_done(struct command *c)
{
    struct outgoing *o = c->context;
    struct duty *d = o->duty;

    pthread_mutex_lock(&d->lock);
    d->progress_out[o - d->progress] = false;
    pthread_mutex_unlock(&d->lock);
}

static void record_output(struct duty *d, size_t i)
{
    struct command_port port = engine_port(d->engine);
    struct duty_output *o = &d->outputs[i];
    struct record r = {.kind = RECORD_PROGRESS, .intake.after = -1};

    pthread_mutex_lock(&d->lock);
    bool worth = !d->progress_out[i] && is_worth_a_record(d, o);
    d->progress_out[i] |= worth;
    r.progress = (struct progress_said){text_of(o->name), o->reported.incarnation, o->reported.offset};
    pthread_mutex_unlock(&d->lock);
    if (!worth)
        return;
    struct buffer *b = &d->progress_bytes[i];
    buffer_clear(b);
    int error = record_encode(&r, b);
    outgoing_fill(&d->progress[i], d, b->at, b->length, progress_done);
    if (!error)
        error = port.submit(port.engine, &d->progress[i].command);
    if (error)
        progress_done(&d->progress[i].command);
    else
        atomic_fetch_add_explicit(&d->progress_total, 1, memory_order_relaxed);
}

void duty_look_at_outputs(struct duty *d, int64_t now_us)
{
    if (!duty_term(&d->view, now_us) || now_us - d->progress_us < PROGRESS_EVERY_US)
        return;
    d->progress_us = now_us;
    for (size_t i = 0; i < d->outputs_count; i++)
        record_output(d, i);
}
