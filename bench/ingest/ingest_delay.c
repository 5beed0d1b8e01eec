/* How long after it was due to be produced an event is with whoever asks: open loop (each has its instant,
 * and counts from it however late the machine is). usage: ingest_delay consume BROKERS TOPIC RATE SECONDS a
 * librdkafka consumer has it ingest_delay visible BROKERS TOPIC RATE SECONDS HOST PORT    GET
 * /v1/availability says it, asked every 50 µs Prints {"latency_us"}; at 10,000 a second and more the producer
 * waits 5 ms for company (linger), as anyone would have it: without that the broker drowns. */
#include "base/buffer.h"
#include "base/clock.h"
#include "bench/ingest/events.h"
#include "bench/load/histogram_json.h"
#include "bench/peers/client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum { WARM_S = 4, ASK_US = 50, PATIENCE_S = 20, LINGER_FROM = 10000 };

struct run {
    const char *brokers, *topic, *host;
    int port;
    size_t rate, warm, count;
    int64_t began_us, until_us;
    int64_t *seen_us; /* when each was there */
    size_t seen;
    rd_kafka_t *reader;
};

static int64_t due_us(const struct run *r, size_t n)
{
    return r->began_us + (int64_t)(n * 1000000 / r->rate);
}

static void sleep_until(int64_t us)
{
    if (clock_monotonic_us() >= us)
        return;
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void saw(struct run *r, size_t until)
{
    int64_t now_us = clock_monotonic_us();

    while (r->seen < until && r->seen < r->count)
        r->seen_us[r->seen++] = now_us;
}

/* ---- a consumer ---- */

static void *consume(void *context)
{
    struct run *r = context;

    while (r->seen < r->count && clock_monotonic_us() < r->until_us) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->reader, 100);
        if (m && !m->err)
            saw(r, r->seen + 1);
        if (m)
            rd_kafka_message_destroy(m);
    }
    return NULL;
}

/* ---- a client of HTTP ---- */

static int dial(const struct run *r)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)r->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    inet_pton(AF_INET, r->host, &to.sin_addr);
    need(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "nobody listens");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* What is available of the one row that all events are about; 0 while nobody knows it. */
static size_t ask(int fd)
{
    static const char question[] = "GET /v1/availability/SKU-0?location=store-0 HTTP/1.1\r\nHost: b\r\n\r\n";
    char answer[8192];
    size_t length = 0;
    const char *body = NULL, *said;

    need(write(fd, question, sizeof(question) - 1) == sizeof(question) - 1, "the question was not sent");
    for (size_t whole = SIZE_MAX; length < whole;) {
        ssize_t got = read(fd, answer + length, sizeof(answer) - 1 - length);
        need(got > 0, "no answer");
        length += (size_t)got;
        answer[length] = '\0';
        body = strstr(answer, "\r\n\r\n");
        said = strcasestr(answer, "content-length:");
        if (body && said)
            whole = (size_t)(body + 4 - answer) + strtoul(said + 15, NULL, 10);
    }
    said = strstr(body, "\"available\":");
    return said ? strtoul(said + 12, NULL, 10) : 0;
}

static void *look(void *context)
{
    struct run *r = context;
    int fd = dial(r);

    while (r->seen < r->count && clock_monotonic_us() < r->until_us) {
        saw(r, ask(fd));
        usleep(ASK_US);
    }
    close(fd);
    return NULL;
}

/* ---- both ---- */

static void produce(struct run *r)
{
    const char *const settings[][2] = {{"bootstrap.servers", r->brokers},
                                       {"linger.ms", r->rate < LINGER_FROM ? "0" : "5"},
                                       {"queue.buffering.max.messages", "1000000"}};
    rd_kafka_t *producer = client_of(RD_KAFKA_PRODUCER, settings, 3);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, r->topic, NULL);
    struct buffer value = {0};

    for (size_t n = 0; n < r->count; n++) {
        event_put_on(&value, n, 0);
        sleep_until(due_us(r, n));
        need(rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, value.at, value.length, NULL, 0, NULL) == 0,
             "an event was not taken");
        if (n % 64 == 0 || r->rate < LINGER_FROM)
            rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 10000);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    buffer_finish(&value);
}

static void report(struct run *r)
{
    static struct histogram h;

    for (size_t n = r->warm; n < r->count; n++)
        histogram_add(&h, (uint64_t)(r->seen_us[n] - due_us(r, n)) * 1000);
    histogram_print(&h);
}

int main(int argc, char **argv)
{
    bool http = argc == 8 && strcmp(argv[1], "visible") == 0;
    pthread_t receiver;

    if (!http && !(argc == 6 && strcmp(argv[1], "consume") == 0)) {
        fprintf(stderr, "usage: ingest_delay consume|visible BROKERS TOPIC RATE SECONDS [HOST PORT]\n");
        return 2;
    }
    struct run r = {.brokers = argv[2], .topic = argv[3], .rate = strtoul(argv[4], NULL, 10)};
    need(r.rate > 0, "a rate above 0");
    r.warm = WARM_S * r.rate;
    r.count = r.warm + (size_t)((double)r.rate * strtod(argv[5], NULL));
    r.host = http ? argv[6] : NULL;
    r.port = http ? atoi(argv[7]) : 0;
    r.seen_us = calloc(r.count, sizeof(*r.seen_us));
    need(r.seen_us != NULL, "no memory");
    r.began_us = clock_monotonic_us() + 1000000;
    r.until_us = r.began_us + (int64_t)(r.count / r.rate + PATIENCE_S) * 1000000;
    if (!http)
        r.reader = prompt_reader(r.brokers, r.topic);
    pthread_create(&receiver, NULL, http ? look : consume, &r);
    produce(&r);
    pthread_join(receiver, NULL);
    if (r.reader) {
        rd_kafka_consumer_close(r.reader);
        rd_kafka_destroy(r.reader);
    }
    need(r.seen == r.count, "not all events arrived");
    report(&r);
    free(r.seen_us);
    return 0;
}
