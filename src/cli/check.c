/* `onhand check`: reads a data directory from its first byte to its last, changes nothing, and says what is
 * whole. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "codec/json.h"
#include "codec/record_codec.h"
#include "engine/checkpoint.h"
#include "log/file_log.h"

#include <stdio.h>

enum { RECORDS_A_TURN = 256 };

struct checking {
    const struct settings *settings;
    struct buffer out;
    uint64_t records, events, unreadable;
    uint64_t oldest_checkpoint; /* next_offset; UINT64_MAX: none is whole */
};

/* One finding: a line, or an object. */
static void say(struct checking *c, const char *what, bool whole, const char *detail)
{
    if (!c->settings->json) {
        buffer_printf(&c->out, "%-11s %s%s\n", what, whole ? "" : "DAMAGED: ", detail);
        return;
    }
    buffer_printf(&c->out, "{\"part\":\"%s\",\"whole\":%s,\"detail\":", what, whole ? "true" : "false");
    json_put_string(&c->out, text_of(detail));
    buffer_string(&c->out, "}\n");
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

static int check_log(struct checking *c)
{
    char directory[4200], line[700];
    struct file_log_report report = {0};
    struct log *log;

    snprintf(directory, sizeof(directory), "%s/log", c->settings->data);
    const struct file_log_options o = {
        .directory = directory, .start_offset = FILE_LOG_FIRST, .read_only = true};
    int error = file_log_open(&o, &log, &report);
    if (error) {
        say(c, "log", false, *report.detail ? report.detail : error_text(error));
        return error;
    }
    error = read_log(c, log, &report);
    log->ops->destroy(log);
    int length = snprintf(line, sizeof(line), "records %llu to %llu, %llu events",
                          (unsigned long long)report.first_offset, (unsigned long long)report.end_offset,
                          (unsigned long long)c->events);
    if (c->unreadable)
        length += snprintf(line + length, sizeof(line) - (size_t)length,
                           ", %llu that this onhand cannot read", (unsigned long long)c->unreadable);
    if (report.torn_bytes)
        length += snprintf(line + length, sizeof(line) - (size_t)length,
                           "; the tail was cut short while it was written (%llu bytes, never acknowledged): "
                           "the next start removes it",
                           (unsigned long long)report.torn_bytes);
    if (error)
        snprintf(line + length, sizeof(line) - (size_t)length, "; reading stopped: %s", error_text(error));
    say(c, "log", !error, line);
    return error;
}

static void checkpoint_line(void *context, const char *line)
{
    say(context, "checkpoint", strstr(line, ": whole") != NULL, line);
}

static int check_checkpoints(struct checking *c)
{
    char directory[4200];

    snprintf(directory, sizeof(directory), "%s/checkpoints", c->settings->data);
    struct checking quiet = *c;
    quiet.out = (struct buffer){0};
    int error = checkpoint_verify(directory, checkpoint_line, &quiet);
    if (error == ERROR_NOTFOUND)
        say(c, "checkpoint", true, "none yet: a start replays the whole log");
    else
        buffer_add(&c->out, quiet.out.at, quiet.out.length);
    buffer_finish(&quiet.out);
    return error == ERROR_NOTFOUND ? 0 : error;
}

int cli_check(const struct settings *s)
{
    struct checking c = {.settings = s};
    int log_error = check_log(&c);
    int checkpoint_error = log_error == ERROR_NOTFOUND ? 0 : check_checkpoints(&c);
    int code = cli_write(&c.out);

    buffer_finish(&c.out);
    if (code != EXIT_OK)
        return code;
    return cli_exit_code(log_error ? log_error : checkpoint_error);
}
