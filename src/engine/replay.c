/* Replays a log that nobody is to write: for `onhand check --at`, and whoever asks what was true at an
 * offset. */
#include "engine/replay.h"
#include "base/error.h"
#include "codec/record_codec.h"
#include "core/model/image.h"
#include "engine/checkpoint.h"
#include "log/file_log.h"

#include <stdio.h>

enum { REPLAY_RECORDS = 256 };

struct replay {
    const char *directory;
    uint64_t until;
    replay_each each;
    void *context;
    struct epoch *epoch;
    struct state *state;
    struct arena arena;
    struct outcome outcome;
    char *detail;
    size_t detail_size;
};

static int make_state(struct replay *r)
{
    state_destroy(r->state);
    epoch_destroy(r->epoch);
    r->state = NULL;
    r->epoch = epoch_create();
    if (r->epoch)
        r->state = state_create(r->epoch);
    return r->state ? 0 : ERROR_NOMEM;
}

static int load_section(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct replay *r = context;
    return image_load(r->state, kind, bytes, length);
}

static int forget(void *context)
{
    return make_state(context);
}

/* A checkpoint that is newer than what is asked for helps nobody: then from the beginning. */
static int begin(struct replay *r)
{
    struct checkpoint_header header;
    struct hash128 digest;
    unsigned rejected;
    char path[4200];

    int error = make_state(r);
    if (error)
        return error;
    snprintf(path, sizeof(path), "%s/checkpoints", r->directory);
    const struct checkpoint_taker taker = {.context = r, .each = load_section, .forget = forget};
    error = checkpoint_load(path, &taker, &header, &rejected, r->detail, r->detail_size);
    if (!error)
        error = image_load_finish(r->state, &digest);
    if (!error && (!r->until || header.next_offset <= r->until))
        return 0;
    return make_state(r);
}

static int apply_one(struct replay *r, const struct log_record *l)
{
    struct problems problems = {0};
    struct record record = {0};
    uint32_t unknown = 0;

    arena_reset(&r->arena);
    r->outcome.verdicts_count = r->outcome.alerts_count = 0;
    r->outcome.changes_count = r->outcome.locations_count = 0;
    int error =
        record_decode_any(l->bytes, l->length, r->state->level, &r->arena, &record, &unknown, &problems);
    r->state->counts.unknown_fields += unknown;
    if (error)
        return state_skip(r->state, l->offset, l->appended_at);
    error = state_apply(r->state, &record, l->offset, l->appended_at, &r->outcome);
    if (!error && r->each)
        error = r->each(r->context, r->state, &record, l->offset, &r->outcome);
    epoch_poll(r->epoch, REPLAY_RECORDS);
    return error;
}

static int apply_all(struct replay *r, struct log *log)
{
    struct log_record records[REPLAY_RECORDS];
    int got, error = 0;

    while (!error && (!r->until || r->state->next_offset < r->until)) {
        size_t want = REPLAY_RECORDS;
        if (r->until && r->until - r->state->next_offset < want)
            want = (size_t)(r->until - r->state->next_offset);
        got = log->ops->next(log, records, want, 0);
        if (got <= 0)
            return got;
        for (int i = 0; i < got && !error; i++)
            error = apply_one(r, &records[i]);
    }
    return error;
}

static int run(struct replay *r)
{
    struct file_log_report report = {0};
    struct log *log;
    char path[4200];

    snprintf(path, sizeof(path), "%s/log", r->directory);
    const struct file_log_options o = {.directory = path,
                                       .start_offset = r->state->next_offset,
                                       .identity_expected =
                                           r->state->next_offset ? state_incarnation(r->state) : 0,
                                       .read_only = true};
    int error = file_log_open(&o, &log, &report);
    if (error) {
        snprintf(r->detail, r->detail_size, "%s", report.detail);
        return error;
    }
    error = apply_all(r, log);
    log->ops->destroy(log);
    if (error)
        snprintf(r->detail, r->detail_size, "record %lu: %s", r->state->next_offset, error_text(error));
    else if (r->until && r->state->next_offset < r->until) {
        snprintf(r->detail, r->detail_size, "the log ends before record %lu: it holds records %lu to %lu",
                 r->until, report.first_offset, report.end_offset - 1);
        error = ERROR_NOTFOUND;
    }
    return error;
}

int replay_state(const char *directory, uint64_t next_offset, replay_each each, void *context,
                 struct epoch **ret_epoch, struct state **ret_state, char *detail, size_t detail_size)
{
    struct replay r = {.directory = directory,
                       .until = next_offset,
                       .each = each,
                       .context = context,
                       .detail = detail,
                       .detail_size = detail_size};

    detail[0] = '\0';
    int error = begin(&r);
    if (!error)
        error = run(&r);
    outcome_finish(&r.outcome);
    arena_finish(&r.arena);
    if (error) {
        state_destroy(r.state);
        epoch_destroy(r.epoch);
        if (!detail[0])
            snprintf(detail, detail_size, "%s", error_text(error));
        return error;
    }
    *ret_epoch = r.epoch;
    *ret_state = r.state;
    return 0;
}
