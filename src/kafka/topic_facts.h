/* What brokers say of a topic: partitions, settings, ends. For whoever has to judge whether a topic is as it
 * must be; what passes by itself (a leader that is new) is asked again within the time there is.
 *
 * Errors: ERROR_UNAVAILABLE (nobody answers now), ERROR_INVALID (it is not there, or not as it must be); the
 * detail begins with what the topic is called. @thread any, one at a time for each client */
#ifndef KAFKA_TOPIC_FACTS_H
#define KAFKA_TOPIC_FACTS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which topic, and whom to ask. Texts are the caller's. */
struct topic_asked {
    rd_kafka_t *client;
    const char *called; /* "the log topic" */
    const char *topic;
    const char *made_by; /* the command that makes it: "onhand topics" */
    int timeout_ms;      /* of each question */
};

/* Sets many; false, with `detail`, at the first that librdkafka does not take. */
bool kafka_set(rd_kafka_conf_t *conf, const char *const settings[][2], size_t count, char *detail,
               size_t detail_size);

/* A client that only asks: a consumer, because a producer that asks for a topic may make the broker create
 * it. `more`: settings beyond those that asking needs. NULL with `detail`. */
rd_kafka_t *topic_asker_create(const char *brokers, const char *client_id, const char *const more[][2],
                               size_t more_count, char *detail, size_t detail_size);
void topic_asker_destroy(rd_kafka_t *asker); /* takes NULL */

int topic_ask_partitions(const struct topic_asked *a, int *ret_partitions, int *ret_replicas, char *detail,
                         size_t detail_size);

/* Judges the settings and says in `detail` what is wrong; what it returns is returned. */
typedef int topic_judge(const struct topic_asked *a, const rd_kafka_ConfigEntry_t **entries, size_t count,
                        void *context, char *detail, size_t detail_size);
int topic_ask_settings(const struct topic_asked *a, topic_judge *judge, void *context, char *detail,
                       size_t detail_size);

/* first ≤ offset < end can be read. */
int topic_ask_ends(const struct topic_asked *a, int32_t partition, int64_t *ret_first, int64_t *ret_end,
                   char *detail, size_t detail_size);

#endif
