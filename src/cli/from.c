/* Decides whether a data folder needs another server's checkpoint, and which one will do. */
#include "cli/from.h"
#include "base/logger.h"
#include "cli/cli.h"
#include "cli/fetch.h"
#include "engine/serve_kafka.h"
#include "log/kafka_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 10000 };

struct from {
    const struct settings *settings;
    struct kafka_log_found log;
    char directory[4200]; /* of checkpoints */
};

static int make_directories(const char *data, const char *checkpoints)
{
    if ((mkdir(data, 0750) == 0 || errno == EEXIST) && (mkdir(checkpoints, 0750) == 0 || errno == EEXIST))
        return EXIT_OK;
    return cli_fail(EXIT_FAILED, "%s cannot be made: %s", checkpoints, strerror(errno));
}

/* The very checkpoint that the log goes on from. */
static bool is_foundation(const struct kafka_log_found *l, const struct checkpoint_header *h)
{
    return l->after_number == h->incarnation && l->after_offset + 1 == h->next_offset;
}

static bool is_of_log(const struct kafka_log_found *l, const struct checkpoint_header *h)
{
    return !l->incarnation || l->incarnation == h->incarnation;
}

/* Another log's checkpoint is left for `serve` to refuse: nothing is put beside it. */
static bool has_enough(const struct kafka_log_found *l, const struct checkpoint_header *own)
{
    if (is_foundation(l, own))
        return true;
    if (l->after_number && own->incarnation == l->after_number)
        return false;
    return !is_of_log(l, own) || own->next_offset >= l->first_offset;
}

static bool wanted(void *context, const struct checkpoint_header *h, bool *ret_stale,
                   char ret_detail[FETCH_DETAIL_BYTES])
{
    const struct from *f = context;
    const struct kafka_log_found *l = &f->log;

    *ret_stale = false;
    if (is_foundation(l, h))
        return true;
    if (!is_of_log(l, h)) {
        snprintf(ret_detail, FETCH_DETAIL_BYTES,
                 "%s has another log: its checkpoint is of incarnation %" PRIu64
                 ", the topic %s has %" PRIu64,
                 f->settings->from, h->incarnation, f->settings->log_topic, l->incarnation);
        return false;
    }
    *ret_stale = h->next_offset < l->first_offset;
    return !*ret_stale;
}

static int copy(struct from *f)
{
    const struct fetch_options o = {.settings = f->settings,
                                    .url = f->settings->from,
                                    .directory = f->directory,
                                    .wanted = wanted,
                                    .context = f};
    struct checkpoint_header header;
    char detail[FETCH_DETAIL_BYTES];
    int error = fetch_checkpoint(&o, &header, detail);

    return error ? cli_fail(cli_exit_code(error), "--from: %s", *detail ? detail : error_text(error))
                 : EXIT_OK;
}

static int look_at_log(struct from *f, char *detail, size_t detail_size)
{
    const struct settings *s = f->settings;

    return kafka_log_look(s->kafka, s->log_topic, LOOK_MS,
                          s->allow_retention ? KAFKA_LOG_CHECK_BUT_RETENTION : KAFKA_LOG_CHECK_ALL, &f->log,
                          detail, detail_size);
}

static int look(struct from *f)
{
    struct checkpoint_header own;
    char detail[600];
    int own_error = checkpoint_load(f->directory, &(struct checkpoint_taker){0}, &own, NULL, detail, sizeof(detail));

    if (own_error == ERROR_LEVEL)
        return cli_fail(EXIT_LEVEL, "%s", detail);
    int error = look_at_log(f, detail, sizeof(detail));
    if (error == ERROR_UNAVAILABLE && !own_error)
        return EXIT_OK; /* `serve` answers reads from it until a broker answers */
    if (error)
        return cli_fail(cli_exit_code(error), "%s", detail);
    if (!own_error && has_enough(&f->log, &own)) {
        log_info("%s has a checkpoint already (before record %" PRIu64 "): nothing is copied from %s",
                 f->settings->data, own.next_offset, f->settings->from);
        return EXIT_OK;
    }
    return copy(f);
}

int from_prepare(const struct settings *s)
{
    struct from f = {.settings = s};
    char detail[600];
    int lock = -1;

    snprintf(f.directory, sizeof(f.directory), "%s/checkpoints", s->data);
    int code = make_directories(s->data, f.directory);
    if (code != EXIT_OK)
        return code;
    int error = serve_kafka_lock(s->data, &lock, detail, sizeof(detail));
    if (error)
        return cli_fail(cli_exit_code(error), "%s", detail);
    code = look(&f);
    close(lock); /* `serve` takes it again */
    return code;
}
