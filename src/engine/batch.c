/* Decodes the records of a batch, whose bytes are fetched some records ahead. */
#include "engine/batch.h"

#include "base/error.h"
#include "codec/record_codec.h"

enum { FETCHED_AHEAD = 8 };

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

static int decode(struct batch *b, size_t i, uint32_t level)
{
    const struct log_record *l = &b->records[i];
    struct problems problems; /* five kilobytes: only its count begins at zero */

    problems.count = 0;
    b->unknown_fields[i] = 0;
    b->decoded[i] = (struct record){0};
    return record_decode_any(l->bytes, l->length, level, &b->arena, &b->decoded[i], &b->unknown_fields[i],
                             &problems);
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
    for (size_t k = b->decoded_count; k < b->count && k < b->decoded_count + FETCHED_AHEAD; k++)
        fetch_record(&b->records[k]);
    while (b->decoded_count < b->count) {
        size_t i = b->decoded_count;
        if (i + FETCHED_AHEAD < b->count)
            fetch_record(&b->records[i + FETCHED_AHEAD]);
        int error = decode(b, i, level);
        if (error == ERROR_NOMEM)
            return error;
        b->readable[i] = error == 0;
        b->decoded_count++;
        if (b->readable[i])
            check_events(&b->decoded[i], level);
        if (b->readable[i] && may_raise_level(&b->decoded[i]))
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
