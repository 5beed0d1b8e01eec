/* What the availability topic has to be: there, and compacted, so that it keeps each row's last word. */
#include "sinks/topic_internal.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#define POLICY "cleanup.policy"

size_t topic_settings(const char *ret_settings[TOPIC_SETTINGS_MOST][2])
{
    ret_settings[0][0] = POLICY;
    ret_settings[0][1] = "compact";
    return 1;
}

static int judge_metadata(const struct rd_kafka_metadata *m, const char *topic, int *ret_partitions,
                          char *detail, size_t size)
{
    const struct rd_kafka_metadata_topic *t = m->topic_cnt == 1 ? &m->topics[0] : NULL;

    if (!t || t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || (!t->err && t->partition_cnt == 0)) {
        snprintf(
            detail, size,
            "the availability topic %s is not there: make it with `onhand topics --availability-topic %s`",
            topic, topic);
        return ERROR_INVALID;
    }
    if (t->err) {
        snprintf(detail, size, "the availability topic %s: %s", topic, rd_kafka_err2str(t->err));
        return t->err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ? ERROR_UNAVAILABLE : ERROR_INVALID;
    }
    *ret_partitions = t->partition_cnt;
    return 0;
}

static int check_metadata(rd_kafka_t *client, const char *topic, int timeout_ms, int *ret_partitions,
                          char *detail, size_t size)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_topic_t *t = rd_kafka_topic_new(client, topic, NULL);
    int error = ERROR_UNAVAILABLE;

    if (!t) {
        snprintf(detail, size, "%s is not the name of a topic", topic);
        return ERROR_INVALID;
    }
    rd_kafka_resp_err_t answer = rd_kafka_metadata(client, 0, t, &m, timeout_ms);
    if (answer)
        snprintf(detail, size, "no broker answers: %s", rd_kafka_err2str(answer));
    else
        error = judge_metadata(m, topic, ret_partitions, detail, size);
    if (m)
        rd_kafka_metadata_destroy(m);
    rd_kafka_topic_destroy(t);
    return error;
}

static int judge_policy(const rd_kafka_ConfigResource_t *resource, const char *topic, char *detail,
                        size_t size)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), POLICY) != 0 || !value ||
            strcmp(value, "compact") == 0)
            continue;
        snprintf(detail, size,
                 "the availability topic %s has " POLICY
                 "=%s and must have compact, or it loses rows: change it "
                 "with kafka-configs, or name another topic",
                 topic, value);
        return ERROR_INVALID;
    }
    return 0;
}

static int judge_answer(rd_kafka_event_t *event, const char *topic, char *detail, size_t size)
{
    const rd_kafka_DescribeConfigs_result_t *result =
        event ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    size_t count = 0;

    if (!result || rd_kafka_event_error(event)) {
        snprintf(detail, size, "the settings of the availability topic %s cannot be read: %s", topic,
                 event ? rd_kafka_event_error_string(event) : "no answer");
        return ERROR_UNAVAILABLE;
    }
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
    if (count == 1 && !rd_kafka_ConfigResource_error(resources[0]))
        return judge_policy(resources[0], topic, detail, size);
    snprintf(detail, size, "the settings of the availability topic %s cannot be read: %s", topic,
             count ? rd_kafka_err2str(rd_kafka_ConfigResource_error(resources[0])) : "an empty answer");
    return ERROR_INVALID;
}

static int check_policy(rd_kafka_t *client, const char *topic, int timeout_ms, char *detail, size_t size)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    char text[120];

    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
    rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 100);
    int error = judge_answer(event, topic, detail, size);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    return error;
}

/* Nothing was ever written to it: it is new, or was made anew. */
static int check_empty(rd_kafka_t *client, const char *topic, int partitions, int timeout_ms, bool *ret_empty,
                       char *detail, size_t size)
{
    int64_t first = 0, end = 0;

    for (int p = 0; p < partitions && !end; p++) {
        rd_kafka_resp_err_t answer =
            rd_kafka_query_watermark_offsets(client, topic, p, &first, &end, timeout_ms);
        if (answer) {
            snprintf(detail, size, "the end of the availability topic %s is not known: %s", topic,
                     rd_kafka_err2str(answer));
            return ERROR_UNAVAILABLE;
        }
    }
    *ret_empty = end == 0;
    return 0;
}

int topic_check_with(rd_kafka_t *client, const char *topic, int timeout_ms, bool *ret_empty, char *detail,
                     size_t detail_size)
{
    int partitions = 0;
    int error = check_metadata(client, topic, timeout_ms, &partitions, detail, detail_size);

    if (!error)
        error = check_policy(client, topic, timeout_ms, detail, detail_size);
    if (!error)
        error = check_empty(client, topic, partitions, timeout_ms, ret_empty, detail, detail_size);
    return error;
}

int topic_check(const char *brokers, const char *topic, int timeout_ms, char *detail, size_t detail_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *client = NULL;
    bool empty;

    /* a consumer, because a producer that asks for a topic may make the broker create it */
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, detail, detail_size) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "client.id", "onhand-availability", detail, detail_size) ==
            RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "allow.auto.create.topics", "false", detail, detail_size) ==
            RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "log_level", "2", detail, detail_size) == RD_KAFKA_CONF_OK)
        client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, detail_size);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return ERROR_INVALID;
    }
    int error = topic_check_with(client, topic, timeout_ms, &empty, detail, detail_size);
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return error;
}
