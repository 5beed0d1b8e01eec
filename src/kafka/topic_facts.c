/* Questions to brokers about one topic, with patience for what passes by itself. */
#include "kafka/topic_facts.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <unistd.h>

/* LATE_MS: librdkafka tells that a request timed out a little after its time. */
enum { AGAIN_MS = 200, LATE_MS = 500 };

bool kafka_set(rd_kafka_conf_t *conf, const char *const settings[][2], size_t count, char *detail,
               size_t detail_size)
{
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], detail, detail_size) != RD_KAFKA_CONF_OK)
            return false;
    return true;
}

rd_kafka_t *topic_asker_create(const char *brokers, const char *client_id, const char *const more[][2],
                               size_t more_count, char *detail, size_t detail_size)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", brokers},      {"client.id", client_id}, {"allow.auto.create.topics", "false"},
        {"reconnect.backoff.max.ms", "500"}, {"log_level", "2"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *asker = NULL;

    if (kafka_set(conf, settings, sizeof(settings) / sizeof(settings[0]), detail, detail_size) &&
        kafka_set(conf, more, more_count, detail, detail_size))
        asker = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, detail_size);
    if (!asker)
        rd_kafka_conf_destroy(conf);
    return asker;
}

void topic_asker_destroy(rd_kafka_t *asker)
{
    if (asker)
        rd_kafka_destroy_flags(asker, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/* ---- what passes ---- */

/* What a broker says of a topic that was just made, or whose leader just changed: asked again it knows
 * better. */
static bool is_passing(rd_kafka_resp_err_t answer)
{
    switch (answer) {
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
        return true;
    default:
        return false;
    }
}

static int64_t until(const struct topic_asked *a)
{
    return clock_monotonic_us() + INT64_C(1000) * a->timeout_ms;
}

/* Sleeps and says how much time is left; 0: too little for another question. */
static int wait_for_another(int64_t until_us)
{
    int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;

    if (left_ms <= 2 * AGAIN_MS)
        return 0;
    usleep(1000 * AGAIN_MS);
    return (int)left_ms - AGAIN_MS;
}

/* ---- partitions ---- */

static int judge_metadata(const struct topic_asked *a, const struct rd_kafka_metadata *m, int *ret_partitions,
                          int *ret_replicas, char *detail, size_t size)
{
    const struct rd_kafka_metadata_topic *t = m->topic_cnt == 1 ? &m->topics[0] : NULL;

    if (!t || t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || (!t->err && t->partition_cnt == 0)) {
        snprintf(detail, size, "%s %s is not there: make it with `%s`", a->called, a->topic, a->made_by);
        return ERROR_INVALID;
    }
    if (t->err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || (!t->err && t->partitions[0].leader < 0)) {
        snprintf(detail, size, "%s %s has no leader now", a->called, a->topic);
        return ERROR_UNAVAILABLE;
    }
    if (t->err) {
        snprintf(detail, size, "%s %s: %s", a->called, a->topic, rd_kafka_err2str(t->err));
        return ERROR_INVALID;
    }
    *ret_partitions = t->partition_cnt;
    *ret_replicas = t->partitions[0].replica_cnt;
    return 0;
}

static int ask_metadata(const struct topic_asked *a, rd_kafka_topic_t *t, int timeout_ms, int *ret_partitions,
                        int *ret_replicas, char *detail, size_t size)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t answer = rd_kafka_metadata(a->client, 0, t, &m, timeout_ms);

    if (answer) {
        snprintf(detail, size, "no broker answers: %s", rd_kafka_err2str(answer));
        return ERROR_UNAVAILABLE;
    }
    int error = judge_metadata(a, m, ret_partitions, ret_replicas, detail, size);
    rd_kafka_metadata_destroy(m);
    return error;
}

int topic_ask_partitions(const struct topic_asked *a, int *ret_partitions, int *ret_replicas, char *detail,
                         size_t detail_size)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(a->client, a->topic, NULL);
    int64_t until_us = until(a);
    int error, left_ms = a->timeout_ms;

    if (!t) {
        snprintf(detail, detail_size, "%s is not the name of a topic", a->topic);
        return ERROR_INVALID;
    }
    do
        error = ask_metadata(a, t, left_ms, ret_partitions, ret_replicas, detail, detail_size);
    while (error == ERROR_UNAVAILABLE && (left_ms = wait_for_another(until_us)) > 0);
    rd_kafka_topic_destroy(t);
    return error;
}

/* ---- settings ---- */

static int judge_answer(const struct topic_asked *a, rd_kafka_event_t *event, topic_judge *judge,
                        void *context, char *detail, size_t size)
{
    const rd_kafka_DescribeConfigs_result_t *result =
        event ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    size_t count = 0, entries_count = 0;

    if (!result || rd_kafka_event_error(event)) {
        snprintf(detail, size, "the settings of %s %s cannot be read: %s", a->called, a->topic,
                 event ? rd_kafka_event_error_string(event) : "no answer");
        return ERROR_UNAVAILABLE;
    }
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
    rd_kafka_resp_err_t refused = count == 1 ? rd_kafka_ConfigResource_error(resources[0]) : 0;
    if (count != 1 || refused) {
        snprintf(detail, size, "the settings of %s %s cannot be read: %s", a->called, a->topic,
                 refused ? rd_kafka_err2str(refused) : "an empty answer");
        return is_passing(refused) ? ERROR_UNAVAILABLE : ERROR_INVALID;
    }
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &entries_count);
    return judge(a, entries, entries_count, context, detail, size);
}

static int ask_settings(const struct topic_asked *a, int timeout_ms, topic_judge *judge, void *context,
                        char *detail, size_t size)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, a->topic);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(a->client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(a->client);
    char text[120];

    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
    rd_kafka_DescribeConfigs(a->client, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + LATE_MS);
    int error = judge_answer(a, event, judge, context, detail, size);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    return error;
}

int topic_ask_settings(const struct topic_asked *a, topic_judge *judge, void *context, char *detail,
                       size_t detail_size)
{
    int64_t until_us = until(a);
    int error, left_ms = a->timeout_ms;

    do
        error = ask_settings(a, left_ms, judge, context, detail, detail_size);
    while (error == ERROR_UNAVAILABLE && (left_ms = wait_for_another(until_us)) > 0);
    return error;
}

/* ---- ends ---- */

int topic_ask_ends(const struct topic_asked *a, int32_t partition, int64_t *ret_first, int64_t *ret_end,
                   char *detail, size_t detail_size)
{
    int64_t first = 0, end = 0, until_us = until(a);
    rd_kafka_resp_err_t answer;
    int left_ms = a->timeout_ms;

    do
        answer = rd_kafka_query_watermark_offsets(a->client, a->topic, partition, &first, &end, left_ms);
    while (is_passing(answer) && (left_ms = wait_for_another(until_us)) > 0);
    if (answer) {
        snprintf(detail, detail_size, "the ends of %s %s are not known: %s", a->called, a->topic,
                 rd_kafka_err2str(answer));
        return ERROR_UNAVAILABLE;
    }
    *ret_first = first;
    *ret_end = end;
    return 0;
}
