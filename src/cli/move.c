/* `onhand move`: the embedded log of a data folder goes on in a Kafka topic. The topic's first record names
 * the folder's last checkpoint; whoever has that checkpoint, or a later one, can read on. Nothing that was
 * said is forgotten: versions only grow, ids are remembered, intake goes on where it was. */
#include "cli/cli.h"
#include "base/logger.h"
#include "core/model/record.h"
#include "engine/checkpoint.h"
#include "engine/engine.h"
#include "intake/topics.h"
#include "log/kafka_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOPIC_TIMEOUT_MS = 10000, LOOK_MS = 1000, CHECKPOINT_MS = 600000 };

struct moving {
    const struct settings *settings;
    struct engine *engine;
    _Atomic uint64_t rejected; /* records of intake whose dead letters nobody may have sent */
    struct checkpoint_header last;
    uint64_t incarnation; /* of the log on Kafka */
    char detail[600];
};

static int fail(struct moving *m, int error)
{
    return cli_fail(cli_exit_code(error), "%s", *m->detail ? m->detail : error_text(error));
}

/* ---- the folder ---- */

static void judged(void *context, const struct record *r, const struct event_verdict *verdicts, size_t count,
                   uint64_t offset)
{
    struct moving *m = context;

    for (size_t i = 0; i < count; i++)
        m->rejected += verdicts[i].verdict == VERDICT_REJECTED;
}

static int check(const struct settings *s)
{
    char path[4200];
    struct stat st;

    if (!*s->kafka)
        return cli_fail(EXIT_USAGE, "where is Kafka? --kafka HOST:PORT");
    snprintf(path, sizeof(path), "%s/log", s->data);
    if (stat(path, &st) != 0)
        return cli_fail(EXIT_USAGE, "there is no embedded log in %s", s->data);
    return EXIT_OK;
}

static int open_engine(struct moving *m)
{
    const struct engine_options o = {.directory = m->settings->data,
                                     .witness = {.context = m, .judged = judged}};
    int error = engine_open(&o, &m->engine, m->detail, sizeof(m->detail));

    while (!error && (error = engine_wait_ready(m->engine, LOOK_MS)) == ERROR_TIMEOUT)
        error = 0;
    return error ? fail(m, error) : EXIT_OK;
}

/* A dead letter is sent by the server that reads intake, and found again by the next after a crash, in the
 * replay: a checkpoint made here would hide it. */
static int check_letters(struct moving *m)
{
    if (!m->rejected)
        return EXIT_OK;
    return cli_fail(EXIT_REFUSED,
                    "%" PRIu64
                    " rejected messages of intake may not be in the dead-letter topic yet: start the "
                    "server once more as it was, stop it with SIGTERM, and come again",
                    m->rejected);
}

static int last_checkpoint(struct moving *m)
{
    struct checkpoint_opened o;
    int error = engine_checkpoint(m->engine, CHECKPOINT_MS);

    if (!error)
        error = engine_checkpoint_open(m->engine, &o);
    if (error)
        return cli_fail(cli_exit_code(error),
                        "the last checkpoint could not be written to %s/checkpoints: %s", m->settings->data,
                        error_text(error));
    close(o.file);
    m->last = o.header;
    return EXIT_OK;
}

/* ---- the topic ---- */

static int make_topic(struct moving *m)
{
    const struct settings *s = m->settings;
    const char *made_with[KAFKA_LOG_SETTINGS_MOST][2];
    const struct topic_wanted wanted = {.name = s->log_topic,
                                        .partitions = 1,
                                        .replication = (int)s->replication,
                                        .settings = made_with,
                                        .settings_count = kafka_log_settings((int)s->replication, made_with)};
    struct topic_found found;
    int error = topics_ensure(s->kafka, &wanted, 1, TOPIC_TIMEOUT_MS, &found, m->detail, sizeof(m->detail));

    if (error == ERROR_INVALID)
        snprintf(m->detail, sizeof(m->detail), "the topic %s could not be made: %s", s->log_topic,
                 found.detail);
    return error ? fail(m, error == ERROR_INVALID ? ERROR_CONFLICT : error) : EXIT_OK;
}

static int begin_topic(struct moving *m)
{
    const struct settings *s = m->settings;
    const struct incarnation_said from = {.after_number = m->last.incarnation,
                                          .after_offset = m->last.next_offset - 1,
                                          .digest_high = m->last.digest.high,
                                          .digest_low = m->last.digest.low};
    int error = kafka_log_go_on(s->kafka, s->log_topic, TOPIC_TIMEOUT_MS,
                                s->allow_retention ? KAFKA_LOG_CHECK_BUT_RETENTION : KAFKA_LOG_CHECK_ALL,
                                &from, &m->incarnation, m->detail, sizeof(m->detail));

    return error ? fail(m, error == ERROR_INVALID || error == ERROR_CORRUPT ? ERROR_CONFLICT : error)
                 : EXIT_OK;
}

/* ---- the mark that it was moved ---- */

static bool write_durably(int directory, const char *name, const char *line)
{
    int file = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    size_t length = strlen(line);
    bool ok = file >= 0 && write(file, line, length) == (ssize_t)length && fsync(file) == 0;

    if (file >= 0)
        close(file);
    return ok;
}

static int mark(struct moving *m)
{
    const struct settings *s = m->settings;
    char line[400];
    int directory = open(s->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    snprintf(line, sizeof(line), "the Kafka topic %s (incarnation %" PRIu64 ")\n", s->log_topic,
             m->incarnation);
    bool ok = directory >= 0 && write_durably(directory, ENGINE_MOVED_FILE ".tmp", line) &&
              renameat(directory, ENGINE_MOVED_FILE ".tmp", directory, ENGINE_MOVED_FILE) == 0 &&
              fsync(directory) == 0;
    int why = errno;
    if (directory >= 0)
        close(directory);
    if (ok)
        return EXIT_OK;
    return cli_fail(EXIT_FAILED,
                    "the log goes on in %s, but %s/" ENGINE_MOVED_FILE
                    " could not be written (%s): run the same "
                    "command again before anything else",
                    s->log_topic, s->data, strerror(why));
}

static int tell(struct moving *m)
{
    const struct settings *s = m->settings;
    struct buffer out = {0};

    buffer_printf(&out,
                  "The log of %s, up to version %" PRIu64 ":%" PRIu64 " (digest %016" PRIx64 "%016" PRIx64
                  "),\n"
                  "goes on in the Kafka topic %s as incarnation %" PRIu64 ".\n\n"
                  "Start it:     onhand serve --log kafka --kafka %s --log-topic %s --data %s\n"
                  "and others:   the same with another --data and --from URL of the first\n",
                  s->data, m->last.incarnation, m->last.next_offset - 1, m->last.digest.high,
                  m->last.digest.low, s->log_topic, m->incarnation, s->kafka, s->log_topic, s->data);
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}

int cli_move(const struct settings *s)
{
    struct moving m = {.settings = s};
    int code = check(s);

    logger_set_level(LOGGER_WARNING);
    if (code == EXIT_OK)
        code = open_engine(&m);
    if (code == EXIT_OK)
        code = check_letters(&m);
    if (code == EXIT_OK)
        code = last_checkpoint(&m);
    if (code == EXIT_OK)
        code = make_topic(&m);
    if (code == EXIT_OK)
        code = begin_topic(&m);
    if (code == EXIT_OK)
        code = mark(&m);
    engine_close(m.engine); /* it held the folder's lock all the while */
    return code == EXIT_OK ? tell(&m) : code;
}
