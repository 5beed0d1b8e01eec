/* librdkafka's admin calls, in the little shape we need them. */
#include "intake/topics.h"
#include "base/error.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static rd_kafka_NewTopic_t *new_topic(const struct topic_wanted *w)
{
    char text[200];
    rd_kafka_NewTopic_t *t =
        rd_kafka_NewTopic_new(w->name, w->partitions, w->replication, text, sizeof(text));

    if (t && w->dead_letter) {
        /* as large as any message we read; and nobody but an operator throws a dead letter away */
        rd_kafka_NewTopic_set_config(t, "max.message.bytes", "8388608");
        rd_kafka_NewTopic_set_config(t, "retention.ms", "-1");
    }
    for (size_t i = 0; t && i < w->settings_count; i++)
        rd_kafka_NewTopic_set_config(t, w->settings[i][0], w->settings[i][1]);
    return t;
}

/* One answer for each topic; the first bad one into detail. */
static int read_answers(rd_kafka_event_t *event, char *detail, size_t size)
{
    size_t count = 0;
    const rd_kafka_CreateTopics_result_t *result = event ? rd_kafka_event_CreateTopics_result(event) : NULL;

    if (!event || rd_kafka_event_error(event)) {
        snprintf(detail, size, "%s",
                 event ? rd_kafka_event_error_string(event) : "the broker does not answer");
        return ERROR_UNAVAILABLE;
    }
    const rd_kafka_topic_result_t **answers = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error = rd_kafka_topic_result_error(answers[i]);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            continue;
        const char *why = rd_kafka_topic_result_error_string(answers[i]);
        snprintf(detail, size, "%s: %s", rd_kafka_topic_result_name(answers[i]),
                 why ? why : rd_kafka_err2str(error));
        return ERROR_INVALID;
    }
    return 0;
}

int topics_create(rd_kafka_t *client, const struct topic_wanted *wanted, size_t count, int timeout_ms,
                  char *detail, size_t detail_size)
{
    rd_kafka_NewTopic_t **topics = calloc(count ? count : 1, sizeof(*topics));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_event_t *event = NULL;
    char text[200];
    size_t made = 0;
    int result = ERROR_NOMEM;

    if (!topics)
        goto out;
    for (; made < count; made++) {
        topics[made] = new_topic(&wanted[made]);
        if (!topics[made]) {
            snprintf(detail, detail_size, "%s: is not the name of a topic", wanted[made].name);
            result = ERROR_INVALID;
            goto out;
        }
    }
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
    rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, text, sizeof(text));
    rd_kafka_CreateTopics(client, topics, count, options, queue);
    event = rd_kafka_queue_poll(queue, timeout_ms + 500);
    result = read_answers(event, detail, detail_size);
out:
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    for (size_t i = 0; i < made; i++)
        rd_kafka_NewTopic_destroy(topics[i]);
    free(topics);
    return result;
}

bool topic_is_there(rd_kafka_t *client, const char *name, int timeout_ms)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    bool there = topic && rd_kafka_metadata(client, 0, topic, &m, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR &&
                 m->topic_cnt == 1 && m->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                 m->topics[0].partition_cnt > 0;

    if (m)
        rd_kafka_metadata_destroy(m);
    if (topic)
        rd_kafka_topic_destroy(topic);
    return there;
}

static const struct rd_kafka_metadata_topic *find(const struct rd_kafka_metadata *m, const char *name)
{
    for (int i = 0; i < m->topic_cnt; i++)
        if (strcmp(m->topics[i].topic, name) == 0 && m->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            m->topics[i].partition_cnt > 0)
            return &m->topics[i];
    return NULL;
}

/* Fills in what the cluster has of each. */
static int look(rd_kafka_t *client, const struct topic_wanted *wanted, size_t count, int timeout_ms,
                struct topic_found *found, char *detail, size_t detail_size)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 1, NULL, &m, timeout_ms);

    if (error) {
        snprintf(detail, detail_size, "no broker answers: %s", rd_kafka_err2str(error));
        return ERROR_UNAVAILABLE;
    }
    for (size_t i = 0; i < count; i++) {
        const struct rd_kafka_metadata_topic *t = find(m, wanted[i].name);
        found[i].name = wanted[i].name;
        if (!t) {
            found[i].state = TOPIC_MISSING;
            continue;
        }
        if (found[i].state == TOPIC_MISSING) // and it stays made, however often one looks for the others
            found[i].state = TOPIC_MADE;
        found[i].partitions = t->partition_cnt;
        found[i].replication = t->partitions[0].replica_cnt;
        if (wanted[i].replication > 0 && found[i].replication != wanted[i].replication)
            snprintf(found[i].detail, sizeof(found[i].detail), "has replication %d, not %d",
                     found[i].replication, wanted[i].replication);
    }
    rd_kafka_metadata_destroy(m);
    return 0;
}

/* What was just made takes a moment to be seen by every broker. */
static int look_until_there(rd_kafka_t *client, const struct topic_wanted *wanted, size_t count,
                            int timeout_ms, struct topic_found *found, bool all_made, char *detail,
                            size_t detail_size)
{
    for (int tries = 0;; tries++) {
        bool missing = false;
        int error = look(client, wanted, count, timeout_ms, found, detail, detail_size);
        for (size_t i = 0; i < count; i++)
            missing |= found[i].state == TOPIC_MISSING;
        if (error || !missing || !all_made || tries == 20)
            return error;
        usleep(100 * 1000);
    }
}

static int make_missing(rd_kafka_t *client, const struct topic_wanted *wanted, size_t count, int timeout_ms,
                        struct topic_found *found, char *detail, size_t detail_size)
{
    int result = 0;

    for (size_t i = 0; i < count; i++) {
        if (found[i].state != TOPIC_MISSING)
            continue;
        int error =
            topics_create(client, &wanted[i], 1, timeout_ms, found[i].detail, sizeof(found[i].detail));
        if (error && !result) {
            snprintf(detail, detail_size, "%s", found[i].detail);
            result = error;
        }
    }
    return result;
}

static rd_kafka_t *admin_create(const char *brokers, char *detail, size_t detail_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *client = NULL;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, detail, detail_size) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "client.id", "onhand-topics", detail, detail_size) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "log_level", "2", detail, detail_size) == RD_KAFKA_CONF_OK)
        client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, detail_size);
    if (!client)
        rd_kafka_conf_destroy(conf);
    return client;
}

int topics_ensure(const char *brokers, const struct topic_wanted *wanted, size_t count, int timeout_ms,
                  struct topic_found *ret_found, char *detail, size_t detail_size)
{
    rd_kafka_t *client = admin_create(brokers, detail, detail_size);

    if (!client)
        return ERROR_INVALID;
    memset(ret_found, 0, count * sizeof(*ret_found));
    int error = look(client, wanted, count, timeout_ms, ret_found, detail, detail_size);
    if (!error) {
        error = make_missing(client, wanted, count, timeout_ms, ret_found, detail, detail_size);
        int looked =
            look_until_there(client, wanted, count, timeout_ms, ret_found, error == 0, detail, detail_size);
        error = error ? error : looked;
    }
    rd_kafka_destroy(client);
    return error;
}
