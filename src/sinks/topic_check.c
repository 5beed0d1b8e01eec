/* What the availability topic has to be: there, and compacted, so that it keeps each row's last word. */
#include "sinks/topic_internal.h"
#include "base/error.h"
#include "kafka/topic_facts.h"

#include <stdio.h>
#include <string.h>

#define POLICY "cleanup.policy"

size_t topic_settings(const char *ret_settings[TOPIC_SETTINGS_MOST][2])
{
    ret_settings[0][0] = POLICY;
    ret_settings[0][1] = "compact";
    return 1;
}

static int judge_policy(const struct topic_asked *a, const rd_kafka_ConfigEntry_t **entries, size_t count,
                        void *context, char *detail, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), POLICY) != 0 || !value ||
            strcmp(value, "compact") == 0)
            continue;
        snprintf(detail, size,
                 "%s %s has " POLICY "=%s and must have compact, or it loses rows: change it with "
                 "kafka-configs, or name another topic",
                 a->called, a->topic, value);
        return ERROR_INVALID;
    }
    return 0;
}

/* Nothing was ever written to it: it is new, or was made anew. */
static int check_empty(const struct topic_asked *a, int partitions, bool *ret_empty, char *detail,
                       size_t size)
{
    int64_t first = 0, end = 0;
    int error = 0;

    for (int p = 0; p < partitions && !end && !error; p++)
        error = topic_ask_ends(a, p, &first, &end, detail, size);
    if (!error)
        *ret_empty = end == 0;
    return error;
}

int topic_check_with(rd_kafka_t *client, const char *topic, int timeout_ms, bool *ret_empty, char *detail,
                     size_t detail_size)
{
    char made_by[300];
    struct topic_asked a = {client, "the availability topic", topic, made_by, timeout_ms};
    int partitions = 0, replicas = 0;

    snprintf(made_by, sizeof(made_by), "onhand topics --availability-topic %s", topic);
    int error = topic_ask_partitions(&a, &partitions, &replicas, detail, detail_size);

    if (!error)
        error = topic_ask_settings(&a, judge_policy, NULL, detail, detail_size);
    if (!error)
        error = check_empty(&a, partitions, ret_empty, detail, detail_size);
    return error;
}

int topic_check(const char *brokers, const char *topic, int timeout_ms, char *detail, size_t detail_size)
{
    rd_kafka_t *client = topic_asker_create(brokers, "onhand-availability", NULL, 0, detail, detail_size);
    bool empty;

    if (!client)
        return ERROR_INVALID;
    int error = topic_check_with(client, topic, timeout_ms, &empty, detail, detail_size);
    topic_asker_destroy(client);
    return error;
}
