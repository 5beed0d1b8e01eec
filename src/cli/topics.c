/* `onhand topics`: makes the Kafka topics of intake, of dead letters, of rows and of the log that are not
 * there, writes the log's first record, and shows what is. */
#include "cli/cli.h"
#include "cli/table.h"
#include "codec/json.h"
#include "intake/topics.h"
#include "log/kafka_log.h"
#include "sinks/topic_sink.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOPICS_MOST = 67, TIMEOUT_MS = 10000, DEAD_LETTER_PARTITIONS = 1, LOG_PARTITIONS = 1 };

struct topic_made_with {
    const char *log[KAFKA_LOG_SETTINGS_MOST][2];
    const char *availability[TOPIC_SETTINGS_MOST][2];
};

/* --intake TOPIC=FORMAT, as `serve` has it; only the topic matters here. */
static int read_wanted(const struct settings *s, struct arena *a, struct topic_wanted *wanted,
                       struct topic_made_with *made_with, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < s->intake.count; i++) {
        struct text name = arena_text(a, (struct text){s->intake.at[i], strcspn(s->intake.at[i], "=@")});
        if (!name.at)
            return cli_fail(EXIT_FAILED, "out of memory");
        wanted[count++] = (struct topic_wanted){
            .name = name.at, .partitions = (int)s->partitions, .replication = (int)s->replication};
    }
    wanted[count++] = (struct topic_wanted){.name = s->dead_letter_topic,
                                            .partitions = DEAD_LETTER_PARTITIONS,
                                            .replication = (int)s->replication,
                                            .dead_letter = true};
    if (*s->availability_topic)
        wanted[count++] = (struct topic_wanted){.name = s->availability_topic,
                                                .partitions = (int)s->partitions,
                                                .replication = (int)s->replication,
                                                .settings = made_with->availability,
                                                .settings_count = topic_settings(made_with->availability)};
    wanted[count++] =
        (struct topic_wanted){.name = s->log_topic,
                              .partitions = LOG_PARTITIONS,
                              .replication = (int)s->replication,
                              .settings = made_with->log,
                              .settings_count = kafka_log_settings((int)s->replication, made_with->log)};
    *ret_count = count;
    return EXIT_OK;
}

static const char *state_name(enum topic_state state)
{
    return state == TOPIC_MADE ? "made" : state == TOPIC_THERE ? "there" : "missing";
}

static void put_json(struct buffer *out, const struct topic_found *t)
{
    buffer_string(out, "{\"topic\":");
    json_put_string(out, text_of(t->name));
    buffer_printf(out,
                  ",\"state\":\"%s\",\"partitions\":%d,\"replication\":%d,\"detail\":", state_name(t->state),
                  t->partitions, t->replication);
    json_put_string(out, text_of(t->detail));
    buffer_string(out, "}\n");
}

static void put_row(struct text_table *table, const struct topic_found *t)
{
    char partitions[12], replication[12];

    snprintf(partitions, sizeof(partitions), "%d", t->partitions);
    snprintf(replication, sizeof(replication), "%d", t->replication);
    table_cell_string(table, t->name);
    table_cell_string(table, state_name(t->state));
    table_cell_string(table, partitions);
    table_cell_string(table, replication);
    table_cell_string(table, t->detail);
}

static int show(const struct settings *s, const struct topic_found *found, size_t count)
{
    struct text_table table = {0};
    struct buffer out = {0};

    table_column_add(&table, "TOPIC", false, 0);
    table_column_add(&table, "STATE", false, 0);
    table_column_add(&table, "PARTITIONS", true, 0);
    table_column_add(&table, "COPIES", true, 0);
    table_column_add(&table, "REMARK", false, 0);
    for (size_t i = 0; i < count; i++) {
        if (s->json)
            put_json(&out, &found[i]);
        else
            put_row(&table, &found[i]);
    }
    if (!s->json)
        table_write(&table, &out);
    int code = cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

/* A log topic that is not as it must be is shown with the rest; then the command fails. */
static int begin_log(const struct settings *s, struct topic_found *log, char *detail, size_t detail_size)
{
    uint64_t incarnation = 0;
    int error = kafka_log_begin(s->kafka, s->log_topic, TIMEOUT_MS,
                                s->allow_retention ? KAFKA_LOG_CHECK_BUT_RETENTION : KAFKA_LOG_CHECK_ALL,
                                &incarnation, detail, detail_size);

    if (error)
        snprintf(log->detail, sizeof(log->detail), "%s", detail);
    else if (incarnation && !log->detail[0])
        snprintf(log->detail, sizeof(log->detail), "the log of incarnation %lu", incarnation);
    return error == ERROR_CORRUPT ? ERROR_INVALID : error;
}

/* The same for the availability topic, which is the one before the log. */
static int check_availability(const struct settings *s, struct topic_found *topic, char *detail,
                              size_t detail_size)
{
    if (!*s->availability_topic)
        return 0;
    int error = topic_check(s->kafka, s->availability_topic, TIMEOUT_MS, detail, detail_size);
    if (error)
        snprintf(topic->detail, sizeof(topic->detail), "%s", detail);
    return error;
}

int cli_topics(const struct settings *s)
{
    struct topic_made_with made_with;
    struct topic_wanted wanted[TOPICS_MOST];
    struct topic_found found[TOPICS_MOST] = {0};
    struct arena arena = {0};
    char detail[400] = "";
    size_t count = 0;

    if (!*s->kafka)
        return cli_fail(EXIT_USAGE, "where is Kafka? --kafka HOST:PORT");
    int code = read_wanted(s, &arena, wanted, &made_with, &count);
    if (code == EXIT_OK) {
        int error = topics_ensure(s->kafka, wanted, count, TIMEOUT_MS, found, detail, sizeof(detail));
        if (!error)
            error = begin_log(s, &found[count - 1], detail, sizeof(detail));
        if (!error)
            error = check_availability(s, &found[count - 2], detail, sizeof(detail));
        if (error != ERROR_UNAVAILABLE && error != ERROR_NOMEM)
            code = show(s, found, count);
        if (error)
            code = cli_fail(error == ERROR_INVALID ? EXIT_REFUSED : cli_exit_code(error), "%s",
                            *detail ? detail : error_text(error));
    }
    arena_finish(&arena);
    return code;
}
