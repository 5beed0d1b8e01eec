/* The two ends of the ingest bench: makes a topic full of protobuf events, and reads it with librdkafka doing
 * nothing at all with it. usage: ingest_peer fill BROKERS TOPIC COUNT | ingest_peer drain BROKERS TOPIC COUNT
 */
#include "base/clock.h"
#include "base/error.h"
#include "bench/ingest/events.h"
#include "intake/send.h"
#include "intake/topics.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { BATCH = 1000 };

static int fill(const char *brokers, const char *topic, uint64_t count)
{
    const struct topic_wanted wanted = {.name = topic, .partitions = 1, .replication = 1};
    struct topic_found found;
    struct buffer value = {0};
    struct sender *s = NULL;
    uint64_t missing = 0;
    char detail[200] = "";
    int error = topics_ensure(brokers, &wanted, 1, 10000, &found, detail, sizeof(detail));

    if (!error)
        error = sender_create(brokers, topic, &s, detail, sizeof(detail));
    for (uint64_t n = 0; n < count && !error; n++) {
        event_put(&value, n);
        error = sender_send(s, (struct text){0}, (struct text){value.at, value.length});
    }
    if (!error)
        error = sender_finish(s, 60000, &missing, detail, sizeof(detail));
    if (error)
        fprintf(stderr, "ingest_peer: %s %s\n", error_text(error), detail);
    sender_destroy(s);
    buffer_finish(&value);
    return error ? 1 : 0;
}

static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static rd_kafka_t *open_reader(const char *brokers, const char *topic)
{
    static const char *const settings[][2] = {{"group.id", "ingest-peer"},
                                              {"enable.auto.commit", "false"},
                                              {"queued.min.messages", "1000000"},
                                              {"queued.max.messages.kbytes", "65536"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char detail[200];

    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, detail, sizeof(detail));
    for (size_t k = 0; k < sizeof(settings) / sizeof(settings[0]); k++)
        rd_kafka_conf_set(conf, settings[k][0], settings[k][1], detail, sizeof(detail));
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, sizeof(detail));
    if (!reader)
        return NULL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_poll_set_consumer(reader);
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return reader;
}

static int drain(const char *brokers, const char *topic, uint64_t count)
{
    static rd_kafka_message_t *batch[BATCH];
    rd_kafka_t *reader = open_reader(brokers, topic);
    uint64_t got = 0, bytes = 0;
    int64_t began_us = 0, until_us = clock_monotonic_us() + 120 * 1000000LL;

    if (!reader)
        return 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader);
    while (got < count && clock_monotonic_us() < until_us) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 10, batch, BATCH);
        if (n > 0 && !began_us)
            began_us = clock_monotonic_us();
        for (ssize_t k = 0; k < n; k++) {
            got += !batch[k]->err;
            bytes += batch[k]->len;
            rd_kafka_message_destroy(batch[k]);
        }
    }
    double seconds = (double)(clock_monotonic_us() - began_us) / 1e6;
    printf("{\"messages\":%lu,\"bytes\":%lu,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n", got, bytes, seconds,
           cpu_seconds());
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return got == count ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "drain") == 0)
        return drain(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    fprintf(stderr, "usage: ingest_peer fill|drain BROKERS TOPIC COUNT\n");
    return 2;
}
