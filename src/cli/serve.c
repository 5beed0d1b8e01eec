/* `onhand serve`: turns options into what the engine wants, and hands over. */
#include "cli/cli.h"
#include "cli/from.h"
#include "engine/serve_options.h"
#include "sinks/redis_sink.h"

#include <stdio.h>
#include <stdlib.h>

enum { INTAKE_MOST = 64, TOPIC_BYTES_MOST = 249 };

static bool topic_is_name(const char *topic)
{
    size_t length = strlen(topic);

    return length && length <= TOPIC_BYTES_MOST &&
           strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

/* TOPIC[@GENERATION]=FORMAT; `copy` is cut to pieces. */
static bool intake_read(char *copy, struct serve_intake *ret)
{
    char *equals = strrchr(copy, '='), *at, *end;

    if (!equals)
        return false;
    *equals = 0;
    *ret = (struct serve_intake){.topic = copy, .generation = 1};
    if (strcmp(equals + 1, "protobuf") == 0)
        ret->format = SERVE_PROTOBUF;
    else if (strcmp(equals + 1, "json") == 0)
        ret->format = SERVE_JSON;
    else
        return false;
    at = strchr(copy, '@');
    if (at) {
        *at = 0;
        unsigned long generation = strtoul(at + 1, &end, 10);
        if (at[1] < '1' || at[1] > '9' || *end || generation > 1000000)
            return false;
        ret->generation = (unsigned)generation;
    }
    return topic_is_name(copy);
}

static int intakes_read(const struct settings *s, struct arena *a, struct serve_intake *ret)
{
    for (size_t i = 0; i < s->intake.count; i++) {
        struct text copy = arena_text(a, text_of(s->intake.at[i]));
        char *bytes = (char *)(uintptr_t)copy.at;
        if (!bytes)
            return cli_fail(EXIT_FAILED, "out of memory");
        if (!intake_read(bytes, &ret[i]))
            return cli_fail(EXIT_USAGE,
                            "--intake %s is not possible; it must be TOPIC=json or TOPIC=protobuf (TOPIC@2=… "
                            "when the topic was made anew)",
                            s->intake.at[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(ret[i].topic, ret[j].topic) == 0)
                return cli_fail(EXIT_USAGE, "--intake names the topic %s twice", ret[i].topic);
    }
    return EXIT_OK;
}

static int check(const struct settings *s)
{
    char detail[400];

    if (*s->redis && !redis_address_check(s->redis, detail, sizeof(detail)))
        return cli_fail(EXIT_USAGE, "--redis %s", detail);
    if (s->log == SERVE_LOG_KAFKA && !*s->kafka)
        return cli_fail(EXIT_USAGE, "--log kafka needs to know where Kafka is: --kafka HOST:PORT");
    if (s->log == SERVE_LOG_KAFKA && !topic_is_name(s->log_topic))
        return cli_fail(EXIT_USAGE, "--log-topic %s is not the name of a topic", s->log_topic);
    if (*s->from && s->log != SERVE_LOG_KAFKA)
        return cli_fail(
            EXIT_USAGE,
            "--from goes with --log kafka only: two servers never share an embedded log, and a copy "
            "of its checkpoint would make another log of it. `onhand move` moves a log to Kafka");
    if (s->intake.count && !*s->kafka)
        return cli_fail(EXIT_USAGE, "--intake needs to know where Kafka is: --kafka HOST:PORT");
    if (*s->availability_topic && !*s->kafka)
        return cli_fail(EXIT_USAGE, "--availability-topic needs to know where Kafka is: --kafka HOST:PORT");
    if (*s->availability_topic && !topic_is_name(s->availability_topic))
        return cli_fail(EXIT_USAGE, "--availability-topic %s is not the name of a topic",
                        s->availability_topic);
    if (*s->kafka && !s->intake.count && s->log != SERVE_LOG_KAFKA && !*s->availability_topic)
        return cli_fail(EXIT_USAGE, "--kafka alone does nothing: say which topics to read with --intake "
                                    "TOPIC=json or TOPIC=protobuf, have the log there with --log kafka, or "
                                    "rows written there with --availability-topic");
    return EXIT_OK;
}

int cli_serve(const struct settings *s)
{
    struct serve_intake intake[INTAKE_MOST];
    struct arena arena = {0};
    int code = check(s);

    if (code == EXIT_OK)
        code = intakes_read(s, &arena, intake);
    const struct serve_options options = {
        .data_directory = s->data,
        .listen = s->listen,
        .http_threads = (unsigned)s->http_threads,
        .connections_most = (unsigned)s->connections_most,
        .body_bytes_most = (size_t)s->body_kib_most << 10,
        .log = (enum serve_log)s->log,
        .log_topic = s->log_topic,
        .allow_retention = s->allow_retention,
        .kafka_brokers = *s->kafka ? s->kafka : NULL,
        .intake = intake,
        .intake_count = s->intake.count,
        .dead_letter_topic = s->dead_letter_topic,
        .availability_topic = *s->availability_topic ? s->availability_topic : NULL,
        .redis = *s->redis ? s->redis : NULL,
        .redis_prefix = s->redis_prefix,
        .history = s->history == 0,
        .history_days_most = (unsigned)s->history_days,
        .history_bytes_most = s->history_mib << 20,
        .changes_kept = (size_t)s->changes_kept,
        .insights_hours = (unsigned)s->insights_hours,
        .insights_keys = (unsigned)s->insights_keys,
        .keys_path = *s->keys ? s->keys : NULL,
        .checkpoint_seconds = (unsigned)s->checkpoint_seconds,
        .replay_records_most = s->replay_records_most,
        .segment_bytes = (size_t)s->segment_mib << 20,
        .log_level = (enum logger_level)s->log_level,
        .config_path = *s->config ? s->config : NULL,
    };
    logger_set_level(options.log_level);
    if (code == EXIT_OK && *s->from)
        code = from_prepare(s);
    if (code == EXIT_OK)
        code = cli_exit_code(engine_serve(&options)); /* which says itself what went wrong */
    arena_finish(&arena);
    return code;
}
