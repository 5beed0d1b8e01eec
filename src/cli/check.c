/* `onhand check`: reads a data directory from its first byte to its last, changes nothing, and says what is
 * whole. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "codec/json.h"
#include "codec/record_codec.h"
#include "core/model/image.h"
#include "engine/checkpoint.h"
#include "engine/replay.h"
#include "log/file_log.h"

#include <stdio.h>

enum { RECORDS_A_TURN = 256 };

struct checking {
    const struct settings *settings;
    struct buffer out;
    uint64_t records, events, unreadable;
};

/* One finding: a line, or an object. */
static void say(struct checking *c, const char *part, const char *line)
{
    if (!c->settings->json) {
        buffer_printf(&c->out, "%-11s %s\n", part, line);
        return;
    }
    buffer_printf(&c->out, "{\"part\":\"%s\",\"detail\":", part);
    json_put_string(&c->out, text_of(line));
    buffer_string(&c->out, "}\n");
}

/* Not having been able to look is not the same as having seen damage. */
static void say_verdict(struct checking *c, int error)
{
    bool seen = error == 0 || error == ERROR_CORRUPT || error == ERROR_LEVEL;

    if (c->settings->json)
        buffer_printf(&c->out, "{\"whole\":%s}\n", !seen ? "null" : error ? "false" : "true");
    else
        buffer_printf(&c->out, "%s: %s\n", c->settings->data,
                      !seen   ? "could not be checked"
                      : error ? "NOT WHOLE"
                              : "whole");
}

static void read_record(struct checking *c, struct arena *a, const struct log_record *r)
{
    struct problems problems = {0};
    struct record record;
    uint32_t unknown;

    arena_reset(a);
    c->records++;
    if (record_decode_any(r->bytes, r->length, LEVEL_NEWEST, a, &record, &unknown, &problems) == 0)
        c->events += record.events_count;
    else
        c->unreadable++;
}

/* Every record, as the engine would read it. */
static int read_log(struct checking *c, struct log *log, const struct file_log_report *report)
{
    struct log_record records[RECORDS_A_TURN];
    struct arena arena = {0};
    struct progress progress;
    double all = (double)(report->end_offset - report->first_offset);
    int got;

    progress_begin(&progress, "records", c->settings->json);
    while ((got = log->ops->next(log, records, RECORDS_A_TURN, 0)) > 0) {
        for (int i = 0; i < got; i++)
            read_record(c, &arena, &records[i]);
        progress_draw(&progress, all > 0 ? (double)c->records / all : 1, c->records);
    }
    progress_end(&progress);
    arena_finish(&arena);
    return got;
}

static void log_line(void *context, const char *line)
{
    say(context, "log", line);
}

/* Each record once more as the engine takes it: whole bytes may still hold what this build does not know. */
static int check_records(struct checking *c, const char *directory)
{
    struct file_log_report report = {0};
    char line[300];
    struct log *log;
    const struct file_log_options o = {
        .directory = directory, .start_offset = FILE_LOG_FIRST, .read_only = true};
    int error = file_log_open(&o, &log, &report);

    if (error) {
        say(c, "records", *report.detail ? report.detail : error_text(error));
        return error;
    }
    error = read_log(c, log, &report);
    log->ops->destroy(log);
    snprintf(line, sizeof(line), "%llu read, with %llu events; %llu that this onhand cannot read",
             (unsigned long long)c->records, (unsigned long long)c->events,
             (unsigned long long)c->unreadable);
    say(c, "records", error ? error_text(error) : line);
    return error;
}

static int check_log(struct checking *c)
{
    char directory[4200];

    snprintf(directory, sizeof(directory), "%s/log", c->settings->data);
    int error = file_log_verify(directory, log_line, c);
    return error ? error : check_records(c, directory);
}

static void checkpoint_line(void *context, const char *line)
{
    say(context, "checkpoint", line);
}

/* No checkpoint at all is no damage: a start replays the whole log. */
static int check_checkpoints(struct checking *c)
{
    char directory[4200];

    snprintf(directory, sizeof(directory), "%s/checkpoints", c->settings->data);
    int error = checkpoint_verify(directory, checkpoint_line, c);
    return error == ERROR_NOTFOUND ? 0 : error;
}

/* What two instances compare: the state at an offset, made again from the log. */
static int check_digest(struct checking *c)
{
    struct epoch *epoch;
    struct state *state;
    char line[400];
    int error = replay_state(c->settings->data, (uint64_t)c->settings->at, NULL, NULL, &epoch, &state, line,
                             sizeof(line));

    if (!error) {
        struct hash128 digest = state_digest(state);
        snprintf(line, sizeof(line), "%016lx%016lx of the state before record %lu", digest.high, digest.low,
                 state->next_offset);
        state_destroy(state);
        epoch_destroy(epoch);
    }
    say(c, "digest", line);
    return error;
}

int cli_check(const struct settings *s)
{
    struct checking c = {.settings = s};
    int log_error = check_log(&c);
    int checkpoint_error = log_error == ERROR_NOTFOUND ? 0 : check_checkpoints(&c);
    int error = log_error ? log_error : checkpoint_error;

    if (!error && s->digest)
        error = check_digest(&c);

    say_verdict(&c, error);
    int code = cli_write(&c.out);
    buffer_finish(&c.out);
    return code != EXIT_OK ? code : cli_exit_code(error);
}
