/* What the programs that measure librdkafka have in common. They end at the first thing that goes wrong. */
#ifndef BENCH_PEERS_CLIENT_H
#define BENCH_PEERS_CLIENT_H

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static inline void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(1);
}

static inline rd_kafka_t *client_of(rd_kafka_type_t type, const char *const settings[][2], size_t count)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char detail[200];

    for (size_t i = 0; i < count; i++)
        need(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], detail, sizeof(detail)) ==
                 RD_KAFKA_CONF_OK,
             detail);
    rd_kafka_t *made = rd_kafka_new(type, conf, detail, sizeof(detail));
    need(made != NULL, detail);
    return made;
}

/* Reads partition 0 of the topic from its beginning. */
static inline rd_kafka_t *reader_of(const char *topic, const char *const settings[][2], size_t count)
{
    rd_kafka_t *k = client_of(RD_KAFKA_CONSUMER, settings, count);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_poll_set_consumer(k);
    rd_kafka_assign(k, list);
    rd_kafka_topic_partition_list_destroy(list);
    return k;
}

/* As soon as a message is there, one at a time. */
static inline rd_kafka_t *prompt_reader(const char *brokers, const char *topic)
{
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"group.id", "bench-prompt"},
                                       {"enable.auto.commit", "false"},
                                       {"fetch.wait.max.ms", "100"}};

    return reader_of(topic, settings, sizeof(settings) / sizeof(settings[0]));
}

/* As many as there are: many wait, else librdkafka stops for a second whenever we fall behind. */
static inline rd_kafka_t *bulk_reader(const char *brokers, const char *topic)
{
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"group.id", "bench-bulk"},
                                       {"enable.auto.commit", "false"},
                                       {"queued.min.messages", "1000000"},
                                       {"queued.max.messages.kbytes", "65536"}};

    return reader_of(topic, settings, sizeof(settings) / sizeof(settings[0]));
}

/* Of the whole process until now. */
static inline double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

#endif
