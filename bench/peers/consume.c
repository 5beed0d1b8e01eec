/* What is usually built instead of an engine: librdkafka, a protobuf-c decode, and (with a Redis) one
 * pipelined HINCRBY an event. It judges no repeats, keeps no order of versions, and what it did is known by
 * Redis' memory alone. usage: consume BROKERS TOPIC COUNT SKIP [HOST PORT | SOCKET] The first SKIP messages
 * are not measured. Prints {"messages","seconds","cpu_seconds","quantity"}. */
#include "base/clock.h"
#include "bench/peers/client.h"
#include "onhand/v1/event.pb-c.h"

#include <hiredis/hiredis.h>
#include <string.h>

enum { BATCH = 1000, PATIENCE_S = 300 };

struct work {
    redisContext *redis; /* NULL: decode only */
    unsigned waiting;
    uint64_t messages;
    int64_t quantity; /* milli-units: so that nothing is left out */
};

static void take_replies(struct work *w)
{
    for (; w->waiting; w->waiting--) {
        redisReply *reply = NULL;
        need(redisGetReply(w->redis, (void **)&reply) == REDIS_OK && reply->type == REDIS_REPLY_INTEGER,
             "Redis did not count");
        freeReplyObject(reply);
    }
}

static void take(struct work *w, const rd_kafka_message_t *m)
{
    Onhand__V1__Event *e = onhand__v1__event__unpack(NULL, m->len, m->payload);

    need(e != NULL, "a message cannot be decoded");
    w->quantity += e->quantity_milli;
    w->messages++;
    if (w->redis) {
        char key[300], number[24];
        const char *parts[] = {"HINCRBY", key, e->location, number};
        snprintf(key, sizeof(key), "onhand:a:{%s}", e->sku);
        snprintf(number, sizeof(number), "%lld", (long long)(e->quantity_milli / 1000));
        redisAppendCommandArgv(w->redis, 4, parts, NULL);
        w->waiting++;
    }
    onhand__v1__event__free_unpacked(e, NULL);
}

int main(int argc, char **argv)
{
    static rd_kafka_message_t *batch[BATCH];
    struct work w = {0};

    if (argc < 5 || argc > 7)
        return fprintf(stderr, "usage: consume BROKERS TOPIC COUNT SKIP [HOST PORT | SOCKET]\n"), 2;
    uint64_t count = strtoull(argv[3], NULL, 10), skip = strtoull(argv[4], NULL, 10);
    if (argc > 5)
        w.redis = argc == 7 ? redisConnect(argv[5], atoi(argv[6])) : redisConnectUnix(argv[5]);
    need(argc == 5 || (w.redis && !w.redis->err), "no Redis");
    rd_kafka_t *reader = bulk_reader(argv[1], argv[2]);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader);
    int64_t began_us = 0, until_us = clock_monotonic_us() + PATIENCE_S * INT64_C(1000000);
    double cpu = 0;
    uint64_t at = 0;
    while (w.messages < count) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 10, batch, BATCH);
        for (ssize_t k = 0; k < n; k++) {
            if (!batch[k]->err)
                take(&w, batch[k]);
            rd_kafka_message_destroy(batch[k]);
        }
        if (w.redis)
            take_replies(&w);
        if (!began_us && w.messages >= skip && n > 0) {
            began_us = clock_monotonic_us();
            cpu = cpu_seconds();
            at = w.messages;
        }
        need(clock_monotonic_us() < until_us, "not all messages came");
    }
    printf("{\"messages\":%llu,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"quantity\":%lld}\n",
           (unsigned long long)(w.messages - at), (double)(clock_monotonic_us() - began_us) / 1e6,
           cpu_seconds() - cpu, (long long)(w.quantity / 1000));
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    if (w.redis)
        redisFree(w.redis);
    return 0;
}
