/* Silent locations: when each falls due takes its opening hours, so it is not the writer who knows. Once a
 * second all locations that can become stale are looked at, a few in one epoch section. */
#include "engine/duty_internal.h"

#include "codec/record_codec.h"

#define SILENCE_EVERY_US INSTANT_SECOND

enum { SECTION_LOCATIONS = 512 };

/* @thread writer or log. A proposal that was early or late comes again when it is due still. */
static void silence_done(struct command *c)
{
    struct outgoing *o = c->context;
    struct duty *d = o->duty;

    outgoing_judged(o);
    atomic_fetch_sub_explicit(&d->silences_out, 1, memory_order_release);
}

/* When its silence is too long; INSTANT_NONE: it has not been, by log_now. */
static instant_t too_long_since(const struct duty *d, const struct location *l, instant_t log_now,
                                instant_t *ret_heard)
{
    const struct engine_options *o = &d->engine->options;
    const struct places *places = d->engine->view.places;
    instant_t heard = places_heard(places, l->number);

    if (l->deleted || !l->stale_after_us || heard == INSTANT_NONE || places_is_stale(places, l->number) ||
        heard + l->stale_after_us > log_now)
        return INSTANT_NONE;
    instant_t due = o->silence_due ? o->silence_due(o->silence_context, l, heard) : heard + l->stale_after_us;
    *ret_heard = heard;
    return due != INSTANT_NONE && due <= log_now ? due : INSTANT_NONE;
}

/* The record's texts are copied here, inside the epoch section. */
static bool write_proposal(struct duty *d, size_t i, const struct location *l, instant_t heard, instant_t due)
{
    struct buffer *b = &d->silence_bytes[i];
    struct record r = {.kind = RECORD_PROPOSAL,
                       .intake.after = -1,
                       .proposal = {.kind = PROPOSAL_STALE, .location = l->id, .seen = heard, .due = due}};

    buffer_clear(b);
    if (record_encode(&r, b) != 0)
        return false;
    outgoing_fill(&d->silence[i], d, b->at, b->length, silence_done);
    d->silence[i].due = due;
    return true;
}

/* Proposals for the silent among SECTION_LOCATIONS locations; adds to *count. */
static void look_at_section(struct duty *d, uint32_t from, uint32_t until, instant_t log_now, size_t *count)
{
    const struct catalogue *c = d->engine->view.catalogue;

    epoch_enter(d->reader);
    for (uint32_t n = from; n < until && *count < SILENCES_MOST; n++) {
        const struct location *l = catalogue_location_at(c, n);
        instant_t heard = INSTANT_NONE;
        instant_t due = l ? too_long_since(d, l, log_now, &heard) : INSTANT_NONE;
        if (due != INSTANT_NONE && write_proposal(d, *count, l, heard, due))
            ++*count;
    }
    epoch_exit(d->reader);
}

static void submit_all(struct duty *d, size_t count, int64_t now_us)
{
    struct command_port port = engine_port(d->engine);

    for (size_t i = 0; i < count && duty_held(d, now_us); i++) {
        atomic_fetch_add_explicit(&d->silences_out, 1, memory_order_relaxed);
        if (port.submit(port.engine, &d->silence[i].command) != 0) {
            atomic_fetch_sub_explicit(&d->silences_out, 1, memory_order_relaxed);
            return;
        }
        atomic_fetch_add_explicit(&d->proposals_total, 1, memory_order_relaxed);
    }
}

void duty_look_at_silence(struct duty *d, instant_t log_now, int64_t now_us)
{
    size_t count = 0;

    if (!duty_held(d, now_us) || now_us - d->silence_us < SILENCE_EVERY_US ||
        atomic_load_explicit(&d->silences_out, memory_order_acquire))
        return;
    if (!d->reader && !(d->reader = epoch_register(d->engine->epoch)))
        return;
    d->silence_us = now_us;
    epoch_enter(d->reader);
    uint32_t locations = catalogue_locations_count(d->engine->view.catalogue);
    epoch_exit(d->reader);
    for (uint32_t at = 0; at < locations && count < SILENCES_MOST; at += SECTION_LOCATIONS)
        look_at_section(d, at, at + SECTION_LOCATIONS < locations ? at + SECTION_LOCATIONS : locations,
                        log_now, &count);
    submit_all(d, count, now_us);
}
