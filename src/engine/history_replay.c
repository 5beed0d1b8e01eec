/* From the newest checkpoint that is not too new, else from the log's first record, else from the oldest
 * checkpoint there is. */
#include "engine/history_replay.h"
#include "base/error.h"
#include "codec/record_codec.h"
#include "core/model/image.h"
#include "engine/checkpoint_file.h"
#include "log/file_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RECORDS_A_TIME = 256, WAIT_MS = 50 };

struct history_log {
    struct history_log_options options;
    uint64_t from; /* records before it need no lines */
    struct epoch *epoch;
    struct state *state;
    struct log *log;
    bool at_end; /* of a log that was opened as it then was */
    struct arena arena;
    struct outcome outcome;
    struct log_record records[RECORDS_A_TIME];
};

static void close_log(struct history_log *h)
{
    if (h->log)
        h->log->ops->destroy(h->log);
    h->log = NULL;
}

static void end(void *context)
{
    struct history_log *h = context;

    close_log(h);
    state_destroy(h->state);
    epoch_destroy(h->epoch);
    h->state = NULL;
    h->epoch = NULL;
    outcome_finish(&h->outcome);
    arena_finish(&h->arena);
}

static int make_state(struct history_log *h)
{
    end(h);
    h->epoch = epoch_create();
    h->state = h->epoch ? state_create(h->epoch) : NULL;
    return h->state ? 0 : ERROR_NOMEM;
}

/* ---- where to begin ---- */

static int load_section(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct history_log *h = context;
    return image_load(h->state, kind, bytes, length);
}

static int load(struct history_log *h, int directory, const char *name, char *detail, size_t detail_size)
{
    struct checkpoint_header header;
    struct hash128 digest;
    uint64_t sections;
    int error = make_state(h);

    if (!error)
        error =
            checkpoint_file_read(directory, name, load_section, h, &header, &sections, detail, detail_size);
    return error ? error : image_load_finish(h->state, &digest);
}

static int open_embedded(struct history_log *h, uint64_t incarnation, char *detail, size_t detail_size)
{
    struct file_log_report report = {0};
    char path[4200];

    snprintf(path, sizeof(path), "%s/log", h->options.directory);
    const struct file_log_options o = {.directory = path,
                                       .start_offset = h->state->next_offset,
                                       .identity_expected = incarnation,
                                       .read_only = true,
                                       .beside_writer = true};
    int error = file_log_open(&o, &h->log, &report);
    if (error)
        snprintf(detail, detail_size, "%s", report.detail[0] ? report.detail : error_text(error));
    return error;
}

static int open_log(struct history_log *h, uint64_t incarnation, char *detail, size_t detail_size)
{
    const struct history_log_options *o = &h->options;

    h->at_end = false;
    return o->open_log ? o->open_log(o->open_log_context, h->state->next_offset, incarnation, &h->log, detail,
                                     detail_size)
                       : open_embedded(h, incarnation, detail, detail_size);
}

static int begin_at(struct history_log *h, int directory, const struct checkpoint_name *n, char *detail,
                    size_t detail_size)
{
    int error = load(h, directory, n->text, detail, detail_size);
    return error ? error : open_log(h, n->incarnation, detail, detail_size);
}

static int begin_at_first(struct history_log *h, uint64_t incarnation, char *detail, size_t detail_size)
{
    int error = make_state(h);
    return error ? error : open_log(h, incarnation, detail, detail_size);
}

/* Tries what there is, the best first: newest first in the list. */
static int begin_somewhere(struct history_log *h, int directory, const struct checkpoint_list *list,
                           uint64_t incarnation, char *detail, size_t detail_size)
{
    int error = ERROR_NOTFOUND;

    for (size_t i = 0; i < list->count && error; i++)
        if (list->at[i].incarnation == incarnation && list->at[i].next_offset <= h->from)
            error = begin_at(h, directory, &list->at[i], detail, detail_size);
    if (error)
        error = begin_at_first(h, incarnation, detail, detail_size);
    for (size_t i = list->count; i-- > 0 && error;)
        if (list->at[i].incarnation == incarnation && list->at[i].next_offset > h->from)
            error = begin_at(h, directory, &list->at[i], detail, detail_size);
    return error;
}

static int begin(void *context, uint64_t incarnation, uint64_t from, uint64_t *ret_from, char *detail,
                 size_t detail_size)
{
    struct history_log *h = context;
    struct checkpoint_list list = {0};
    char path[4200];

    snprintf(path, sizeof(path), "%s/checkpoints", h->options.directory);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = directory < 0 ? 0 : checkpoint_list_read(directory, &list);
    h->from = from;
    if (!error)
        error = begin_somewhere(h, directory, &list, incarnation, detail, detail_size);
    checkpoint_list_finish(&list);
    if (directory >= 0)
        close(directory);
    if (error) {
        end(h);
        return error;
    }
    *ret_from = h->state->next_offset > from ? h->state->next_offset : from;
    return 0;
}

/* ---- going on ---- */

static int tell_one(struct history_log *h, const struct historian *to, const struct log_record *l)
{
    struct problems problems;
    struct record record = {0};
    uint32_t unknown = 0;

    problems.count = 0;
    arena_reset(&h->arena);
    h->outcome.verdicts_count = h->outcome.changes_count = h->outcome.alerts_count = h->outcome.lines_count =
        0;
    h->outcome.keeps_lines = l->offset >= h->from;
    if (record_decode_any(l->bytes, l->length, h->state->level, &h->arena, &record, &unknown, &problems))
        return state_skip(h->state, l->offset, l->appended_at);
    int error = state_apply(h->state, &record, l->offset, l->appended_at, &h->outcome);
    if (!error && h->outcome.keeps_lines)
        to->applied(to->context, h->state, &record, &h->outcome, l->offset);
    epoch_poll(h->epoch, RECORDS_A_TIME);
    return error;
}

/* The embedded log is read as it was when it was opened: what came since needs another look. */
static int look_again(struct history_log *h, char *detail, size_t detail_size)
{
    if (!h->at_end)
        return 0;
    close_log(h);
    return open_log(h, state_incarnation(h->state), detail, detail_size);
}

static int some(void *context, uint64_t applied, const struct historian *to, uint64_t *ret_next_offset,
                char *detail, size_t detail_size)
{
    struct history_log *h = context;
    uint64_t more = applied > h->state->next_offset ? applied - h->state->next_offset : 0;
    size_t want = more < RECORDS_A_TIME ? (size_t)more : RECORDS_A_TIME;
    int error = want ? look_again(h, detail, detail_size) : 0, count = 0;

    if (want && !error)
        count = h->log->ops->next(h->log, h->records, want, h->options.open_log ? WAIT_MS : 0);
    for (int i = 0; i < count && !error; i++)
        error = tell_one(h, to, &h->records[i]);
    h->at_end = want && !error && count == 0 && !h->options.open_log;
    *ret_next_offset = h->state->next_offset;
    if (count < 0)
        error = count;
    if (error)
        snprintf(detail, detail_size, "record %lu: %s", h->state->next_offset, error_text(error));
    return error ? error : count;
}

/* ---- life ---- */

struct history_log *history_log_create(const struct history_log_options *o)
{
    struct history_log *h = calloc(1, sizeof(*h));

    if (h)
        h->options = *o;
    return h;
}

void history_log_destroy(struct history_log *h)
{
    if (!h)
        return;
    end(h);
    free(h);
}

struct history_replay history_log_replay(struct history_log *h)
{
    return (struct history_replay){.context = h, .begin = begin, .some = some, .end = end};
}
