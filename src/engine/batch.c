/* Decodes the records of a batch, whose bytes are fetched some records ahead. */
#include "engine/batch.h"

#include "base/error.h"
#include "codec/record_codec.h"
#include "core/command.h"

#include <stdlib.h>

enum { FETCHED_AHEAD = 8, DECODED_FETCHED = 320 };

/* Another core wrote the bytes, and the command that will be answered. */
static void fetch_record(const struct log_record *r)
{
    const char *bytes = r->bytes, *command = r->cookie;

    __builtin_prefetch(bytes);
    __builtin_prefetch(bytes + 64);
    if (command) {
        __builtin_prefetch(command, 1);
        __builtin_prefetch(command + 64, 1);
    }
}

static bool may_raise_level(const struct record *r)
{
    return r->kind == RECORD_LEVEL || r->kind == RECORD_INCARNATION;
}

/* What its submitter decoded, once the command is here; the event stands behind it. */
static void fetch_decoded(const struct log_record *r)
{
    const struct command *c = r->cookie;
    const char *decoded = c ? (const char *)c->decoded : NULL;

    for (size_t at = 0; decoded && at < DECODED_FETCHED; at += 64)
        __builtin_prefetch(decoded + at);
}

static void fetch_ahead(const struct batch *b, size_t i)
{
    if (i + 2 * FETCHED_AHEAD < b->count)
        fetch_record(&b->records[i + 2 * FETCHED_AHEAD]);
    if (i + FETCHED_AHEAD < b->count)
        fetch_decoded(&b->records[i + FETCHED_AHEAD]);
}

/* What the submitter of this very record, whose bytes are where he left them, decoded and checked at this
 * level; NULL: there is no such thing. */
static const struct record *decoded_before(const struct log_record *r, uint32_t level)
{
    const struct command *c = r->cookie;

    if (!c || !c->decoded || c->bytes != r->bytes || c->length != r->length ||
        c->decoded->sound_level != level)
        return NULL;
    return c->decoded;
}

/* Both as bytes. */
static void check_same(const struct record *before, const struct record *now)
{
    struct buffer a = {0}, b = {0};

    if (record_encode(before, &a) || record_encode(now, &b) || before->sound_level != now->sound_level ||
        !text_equal((struct text){a.at, a.length}, (struct text){b.at, b.length}))
        abort(); /* what its submitter decoded is not what the log has */
    buffer_finish(&a);
    buffer_finish(&b);
}

static int decode(struct batch *b, size_t i, uint32_t level)
{
    const struct log_record *l = &b->records[i];
    const struct record *before = decoded_before(l, level);
    struct record *now = &b->room[i];
    struct problems problems; /* five kilobytes: only its count begins at zero */

    b->unknown_fields[i] = 0;
    b->decoded[i] = before ? before : now;
    if (before && !ONHAND_CHECKS)
        return 0;
    problems.count = 0;
    *now = (struct record){0};
    int error =
        record_decode_any(l->bytes, l->length, level, &b->arena, now, &b->unknown_fields[i], &problems);
    if (before && !error)
        check_same(before, now);
    return error;
}

/* Of events whose decoder did not. Here, because on a replay this is not the thread that has the most to do.
 */
static void check_events(struct record *r, uint32_t level)
{
    struct problems problems; /* as above */

    problems.count = 0;
    for (size_t i = 0; i < r->events_count && r->sound_level != level; i++)
        if (!event_check(&r->events[i], level, &problems))
            return; /* apply says which */
    r->sound_level = level;
}

int batch_decode(struct batch *b, uint32_t level)
{
    for (size_t k = b->decoded_count; k < b->count && k < b->decoded_count + 2 * FETCHED_AHEAD; k++)
        fetch_record(&b->records[k]);
    for (size_t k = b->decoded_count; k < b->count && k < b->decoded_count + FETCHED_AHEAD; k++)
        fetch_decoded(&b->records[k]);
    while (b->decoded_count < b->count) {
        size_t i = b->decoded_count;
        fetch_ahead(b, i);
        int error = decode(b, i, level);
        if (error == ERROR_NOMEM)
            return error;
        b->readable[i] = error == 0;
        b->decoded_count++;
        if (b->readable[i] && b->decoded[i] == &b->room[i])
            check_events(&b->room[i], level);
        if (b->readable[i] && may_raise_level(b->decoded[i]))
            return 1;
    }
    return 0;
}

void batch_clear(struct batch *b)
{
    b->count = b->decoded_count = 0;
    arena_reset(&b->arena);
}

void batch_finish(struct batch *b)
{
    arena_finish(&b->arena);
    b->count = b->decoded_count = 0;
}
