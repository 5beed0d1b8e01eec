/* Compares this instance's digests with what the others of the log announce, and announces its own. */
#include "engine/internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "codec/record_codec.h"

#include <stdio.h>
#include <stdlib.h>

enum { CUT_WAIT_US = 10 * 1000 * 1000 }; /* a cut that is not back by then is asked for again */

/* ---- what is kept, compared ---- */

static bool same_place(const struct digest_found *a, const struct digest_found *b)
{
    return a->incarnation == b->incarnation && a->next_offset == b->next_offset;
}

void digests_own(struct digests *d, const struct digest_found *found, digests_compared each, void *context)
{
    uint64_t kept = d->others_count < DIGESTS_OTHERS ? d->others_count : DIGESTS_OTHERS;

    d->own[d->own_count++ % DIGESTS_OWN] = *found;
    for (uint64_t i = 0; i < kept; i++)
        if (same_place(found, &d->others[i]))
            each(context, found, &d->others[i]);
}

void digests_other(struct digests *d, const struct digest_found *found, digests_compared each, void *context)
{
    uint64_t kept = d->own_count < DIGESTS_OWN ? d->own_count : DIGESTS_OWN;

    d->others[d->others_count++ % DIGESTS_OTHERS] = *found;
    for (uint64_t i = 0; i < kept; i++)
        if (same_place(found, &d->own[i]))
            each(context, &d->own[i], found);
}

/* ---- saying it ---- */

/* The state is left as it is, and so is readiness: nobody knows which of the two is right, and if both
 * stopped there would be no answer at all. */
static void compared(void *context, const struct digest_found *own, const struct digest_found *other)
{
    struct engine *e = context;

    e->published.digest_compared_total++;
    atomic_store_explicit(&e->published.digest_offset, own->next_offset, memory_order_relaxed);
    if (digests_equal(own, other)) {
        log_info("the state before record %lu is the same here and at %s: digest %016lx%016lx",
                 own->next_offset, other->instance, own->digest.high, own->digest.low);
        return;
    }
    e->published.digest_differs_total++;
    log_error(
        "REPLICAS DIFFER: before record %lu of the log %lu the state here (%s) has digest "
        "%016lx%016lx, that of %s has %016lx%016lx. One of them is wrong: whoever differs from the rest "
        "is to be stopped and started with an empty data folder and --from one of the others",
        own->next_offset, own->incarnation, own->instance, own->digest.high, own->digest.low, other->instance,
        other->digest.high, other->digest.low);
}

/* ---- appending ---- */

struct announcement {
    struct command command; /* first: a command is its announcement */
    struct buffer bytes;
};

/* @thread writer or log */
static void announced(struct command *c)
{
    struct announcement *a = (struct announcement *)c;

    buffer_finish(&a->bytes);
    free(a);
}

bool digests_are_ours(const struct command *c)
{
    return c && c->done == announced;
}

/* Nobody waits for it; what the log does not take now is left out. */
static bool announce(struct engine *e, const struct record *r)
{
    struct announcement *a = calloc(1, sizeof(*a));
    int error = a ? record_encode(r, &a->bytes) : ERROR_NOMEM;

    if (!a)
        return false;
    a->command = (struct command){.bytes = a->bytes.at, .length = a->bytes.length, .done = announced};
    const struct log_append one = {a->bytes.at, a->bytes.length, &a->command};
    if (!error)
        error = e->log->ops->append(e->log, &one, 1);
    if (error)
        announced(&a->command);
    return !error;
}

void digests_ask_for_a_cut(struct engine *e)
{
    const struct record r = {.kind = RECORD_CUT,
                             .level = e->state->level,
                             .intake.after = -1,
                             .digest = {.instance = text_of(e->options.instance)}};
    int64_t now_us = clock_monotonic_us();

    if (e->copying.cut_asked_us && now_us - e->copying.cut_asked_us < CUT_WAIT_US)
        return;
    e->copying.cut_asked_us = announce(e, &r) ? now_us : 0;
}

void digests_found(struct engine *e, uint64_t next_offset, struct hash128 digest)
{
    const struct record r = {.kind = RECORD_DIGEST,
                             .level = e->state->level,
                             .intake.after = -1,
                             .digest = {.instance = text_of(e->options.instance),
                                        .incarnation = state_incarnation(e->state),
                                        .next_offset = next_offset,
                                        .digest_high = digest.high,
                                        .digest_low = digest.low}};
    struct digest_found found = {state_incarnation(e->state), next_offset, digest, ""};

    snprintf(found.instance, sizeof(found.instance), "%s", e->options.instance);
    pthread_mutex_lock(&e->lock);
    e->newest_digest = found;
    pthread_mutex_unlock(&e->lock);
    digests_own(&e->digests, &found, compared, e);
    if (!announce(e, &r) && !atomic_load_explicit(&e->stopping, memory_order_relaxed))
        log_warning("the digest before record %lu could not be told to the others", next_offset);
}

void digests_loaded(struct engine *e, struct hash128 digest)
{
    const struct digest_found found = {state_incarnation(e->state), e->state->next_offset, digest,
                                       "its checkpoint"};

    digests_own(&e->digests, &found, compared, e);
}

/* ---- listening ---- */

static void heard(struct engine *e, const struct digest_said *said)
{
    struct digest_found found = {
        said->incarnation, said->next_offset, {said->digest_high, said->digest_low}, ""};

    snprintf(found.instance, sizeof(found.instance), "%.*s", (int)said->instance.length, said->instance.at);
    digests_other(&e->digests, &found, compared, e);
}

#if ONHAND_CHECKS
/* For tests of the alarm: with ONHAND_TEST_PLANT=OFFSET in its environment this instance counts one event too
 * many from the first record at or behind OFFSET on. */
static void plant_difference(struct engine *e)
{
    static const char *said;

    if (!said) {
        said = getenv("ONHAND_TEST_PLANT");
        said = said ? said : "";
    }
    if (!*said || e->planted || e->state->next_offset < strtoull(said, NULL, 10))
        return;
    e->state->counts.unmatched++;
    e->planted = true;
}
#endif

void digests_applied(struct engine *e, const struct record *r, bool ours)
{
#if ONHAND_CHECKS
    plant_difference(e);
#endif
    e->copying.news += record_is_news(r->kind);
    e->copying.news_since_cut += record_is_news(r->kind);
    if (!e->options.instance)
        return;
    if (r->kind == RECORD_CUT)
        copying_cut(e);
    else if (r->kind == RECORD_DIGEST && !ours)
        heard(e, &r->digest);
}
