/* What happens before the first new record: the newest checkpoint that verifies, then the log from there. */
#include "engine/internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "codec/record_codec.h"
#include "log/file_log.h"

#include <stdio.h>
#include <stdlib.h>

#define GO_ON_WITHIN_US (INT64_C(15) * 1000000)

/* What comes of a checkpoint; the digest is summed beside, on the thread that reads. */
struct loading {
    struct engine *engine;
    struct hash128 digest;
};

static int load_section(void *context, uint8_t kind, const void *bytes, size_t length)
{
    const struct loading *l = context;
    struct engine *e = l->engine;

    if (kind == IMAGE_CHANGES && e->options.window)
        return window_load(e->options.window, bytes, length);
    return image_load_digested(e->state, kind, bytes, length);
}

static void sum_section(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct loading *l = context;
    image_digest_add(&l->digest, kind, bytes, length);
}

static int forget(void *context)
{
    struct loading *l = context;
    struct engine *e = l->engine;

    l->digest = (struct hash128){0};
    if (e->options.window)
        window_forget(e->options.window);
    state_destroy(e->state);
    e->state = state_create(e->epoch);
    return e->state ? 0 : ERROR_NOMEM;
}

/* *ret_found: the state is that of a checkpoint. */
static int load_checkpoint(struct engine *e, bool *ret_found, char *detail, size_t detail_size)
{
    struct checkpoint_header header;
    struct hash128 none;
    struct loading l = {.engine = e};
    const struct checkpoint_taker taker = {&l, load_section, sum_section, forget};
    unsigned rejected = 0;

    *ret_found = false;
    int error = e->store.ops->load(e->store.context, &taker, &header, &rejected, detail, detail_size);
    if (error == ERROR_NOTFOUND)
        return 0;
    if (error == ERROR_CORRUPT) {
        log_warning(
            "no checkpoint is usable (%s): replaying the log from its first record if it is still there",
            detail);
        return 0;
    }
    if (error)
        return error;
    if (rejected)
        log_warning("%u damaged checkpoint(s) passed over: %s", rejected, detail);
    error = image_load_finish(e->state, &none);
    if (error) {
        snprintf(detail, detail_size, "the checkpoint before record %lu could not be loaded: %s",
                 header.next_offset, error_text(error));
        return error;
    }
    if (l.digest.high != header.digest.high || l.digest.low != header.digest.low ||
        e->state->next_offset != header.next_offset || state_incarnation(e->state) != header.incarnation) {
        snprintf(detail, detail_size,
                 "the checkpoint before record %lu gives another state than was written: remove it to use "
                 "the one before it",
                 header.next_offset);
        return ERROR_CORRUPT;
    }
    e->copying.records_at_last = e->state->counts.records;
    e->copying.digest = l.digest;
    digests_loaded(e, l.digest);
    *ret_found = true;
    return 0;
}

/* The bytes of a new log's first record. */
static int first_record(uint64_t incarnation, struct buffer *out)
{
    struct record r = {.kind = RECORD_INCARNATION,
                       .level = LEVEL_NEWEST,
                       .intake = {.partition = 0},
                       .incarnation = {.number = incarnation}};
    return record_encode(&r, out);
}

static void told_lost(void *context, void *cookie, int error)
{
    struct command *c = cookie;
    if (!c)
        return;
    c->status = error;
    c->done(c);
}

/* A log that was moved must not be written on: what follows stands elsewhere. */
static int refuse_moved(struct engine *e, char *detail, size_t detail_size)
{
    char path[4200], where[300] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/" ENGINE_MOVED_FILE, e->options.directory);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(where, sizeof(where), file))
        where[0] = '\0';
    fclose(file);
    where[strcspn(where, "\n")] = '\0';
    snprintf(
        detail, detail_size,
        "the log in %s was moved to %s: go on there with --log kafka. (To go back to what it was when it "
        "was moved, and lose what came after, remove %s and the newer checkpoints)",
        e->options.directory, where[0] ? where : "another place", path);
    return ERROR_CONFLICT;
}

static int open_embedded_log(struct engine *e, bool from_checkpoint, char *detail, size_t detail_size)
{
    char directory[4096];
    struct buffer first = {0};
    struct file_log_report report = {0};

    int error = refuse_moved(e, detail, detail_size);
    if (error)
        return error;
    snprintf(directory, sizeof(directory), "%s/log", e->options.directory);
    uint64_t incarnation = (uint64_t)clock_wall_us();
    error = first_record(incarnation, &first);
    if (!error) {
        struct file_log_options o = {
            .directory = directory,
            .start_offset = e->state->next_offset,
            .first_append_at_least = e->state->log_time == INSTANT_NONE ? 0 : (uint64_t)e->state->log_time,
            .segment_bytes = e->options.segment_bytes,
            .lost = told_lost,
            .lost_context = e,
            .first_record = first.at,
            .identity = incarnation,
            .identity_expected = from_checkpoint ? state_incarnation(e->state) : 0,
            .first_record_length = first.length};
        error = file_log_open(&o, &e->log, &report);
    }
    buffer_finish(&first);
    if (error) {
        snprintf(detail, detail_size, "%s", report.detail[0] ? report.detail : error_text(error));
        return error;
    }
    if (report.torn_bytes)
        log_warning("the log's torn tail was cut off (%lu bytes, never acknowledged): %s", report.torn_bytes,
                    report.detail);
    if (!from_checkpoint && report.first_offset > 0) {
        snprintf(detail, detail_size,
                 "the log in %s begins at record %lu and no checkpoint leads up to it: copy a checkpoint of "
                 "this log into %s (from a backup, or from "
                 "another instance)",
                 directory, report.first_offset, e->checkpoints_directory);
        return ERROR_CORRUPT;
    }
    e->ready_at_offset = report.end_offset;
    return 0;
}

/* The first record of a log that goes on where the state ends: applied before anybody looks, because offsets
 * begin anew with it. */
static int go_on(struct engine *e, char *detail, size_t detail_size)
{
    int64_t until_us = clock_monotonic_us() + GO_ON_WITHIN_US;
    uint64_t before = e->state->next_offset;
    struct problems problems = {0};
    struct log_record l;
    struct record r = {0};
    uint32_t unknown = 0;
    int got;

    while ((got = e->log->ops->next(e->log, &l, 1, 100)) == 0 && clock_monotonic_us() < until_us)
        ;
    if (got <= 0) {
        snprintf(detail, detail_size, "the first record of the log cannot be read now");
        return got ? got : ERROR_UNAVAILABLE;
    }
    int error = record_decode(l.bytes, l.length, e->state->level, &e->batch.arena, &r, &unknown, &problems);
    if (!error)
        error = state_apply(e->state, &r, l.offset, l.appended_at, &e->outcome);
    arena_reset(&e->batch.arena);
    if (!error && e->options.window)
        window_clear(e->options.window, l.offset + 1);
    if (error)
        snprintf(detail, detail_size, "the log does not go on from the checkpoint before record %lu: %s",
                 before, error_text(error));
    else
        log_info("the log %lu goes on from the checkpoint before record %lu of the one before",
                 state_incarnation(e->state), before);
    return error;
}

int recovery_run(struct engine *e, char *detail, size_t detail_size)
{
    bool from_checkpoint;
    int error = load_checkpoint(e, &from_checkpoint, detail, detail_size);

    if (error)
        return error;
    if (e->options.open_log) {
        struct log_status status;
        const struct engine_log_start start = {.offset = e->state->next_offset,
                                               .incarnation =
                                                   from_checkpoint ? state_incarnation(e->state) : 0,
                                               .digest = e->copying.digest,
                                               .lost = told_lost,
                                               .lost_context = e,
                                               .detail = detail,
                                               .detail_size = detail_size};
        error = e->options.open_log(e->options.open_log_context, &start, &e->log);
        if (error)
            return error;
        e->log->ops->status(e->log, &status);
        e->ready_at_offset = status.end_offset;
        error = status.goes_on ? go_on(e, detail, detail_size) : 0;
        if (error)
            return error;
    } else {
        error = open_embedded_log(e, from_checkpoint, detail, detail_size);
        if (error)
            return error;
    }
    log_info("recovered %s record %lu, %lu record(s) to replay",
             from_checkpoint ? "from the checkpoint before" : "from", e->state->next_offset,
             e->ready_at_offset > e->state->next_offset ? e->ready_at_offset - e->state->next_offset : 0);
    return 0;
}
