/* The two ends of the ingest bench: makes a topic full of protobuf events, and reads it with librdkafka doing
 * nothing at all with it. usage: ingest_peer fill BROKERS TOPIC COUNT | ingest_peer drain BROKERS TOPIC COUNT
 */
#include "base/clock.h"
#include "base/error.h"
#include "bench/ingest/events.h"
#include "bench/peers/client.h"
#include "intake/send.h"
#include "intake/topics.h"

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

static int drain(const char *brokers, const char *topic, uint64_t count)
{
    static rd_kafka_message_t *batch[BATCH];
    rd_kafka_t *reader = bulk_reader(brokers, topic);
    uint64_t got = 0, bytes = 0;
    int64_t began_us = 0, until_us = clock_monotonic_us() + 120 * 1000000LL;

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
