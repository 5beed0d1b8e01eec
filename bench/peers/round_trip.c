/* How long librdkafka alone takes to produce a message and have it back, one at a time: acks=all, idempotent,
 * linger 0. usage: round_trip BROKERS TOPIC COUNT     prints {"latency_us"} */
#include "base/clock.h"
#include "bench/load/histogram_json.h"
#include "bench/peers/client.h"

enum { WARM = 100, BYTES = 100, PATIENCE_S = 60 };

static void once(rd_kafka_t *producer, rd_kafka_topic_t *topic, rd_kafka_t *consumer, int64_t until_us)
{
    static char bytes[BYTES];

    need(rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, bytes, BYTES, NULL, 0, NULL) == 0,
         "a message was not taken");
    rd_kafka_poll(producer, 0);
    for (bool back = false; !back;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, 100);
        back = m && !m->err;
        if (m)
            rd_kafka_message_destroy(m);
        need(clock_monotonic_us() < until_us, "a message never came back");
    }
}

int main(int argc, char **argv)
{
    static struct histogram h;

    if (argc != 4)
        return fprintf(stderr, "usage: round_trip BROKERS TOPIC COUNT\n"), 2;
    const char *const settings[][2] = {
        {"bootstrap.servers", argv[1]}, {"linger.ms", "0"}, {"acks", "all"}, {"enable.idempotence", "true"}};
    rd_kafka_t *producer = client_of(RD_KAFKA_PRODUCER, settings, 4),
               *consumer = prompt_reader(argv[1], argv[2]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, argv[2], NULL);
    int64_t until_us = clock_monotonic_us() + PATIENCE_S * INT64_C(1000000);

    for (int i = 0; i < WARM; i++)
        once(producer, topic, consumer, until_us);
    for (int i = 0; i < atoi(argv[3]); i++) {
        int64_t began_us = clock_monotonic_us();
        once(producer, topic, consumer, until_us);
        histogram_add(&h, (uint64_t)(clock_monotonic_us() - began_us) * 1000);
    }
    histogram_print(&h);
    rd_kafka_flush(producer, 10000);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return 0;
}
