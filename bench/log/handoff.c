/* From a thread that asks, to the log, to the writer, and back to who asked: the engine's own chain beside
 * the same chain bare (three threads, stacks between them, an eventfd to wake each; a preallocated, zeroed
 * file and one fdatasync for all who wait, as for the log). So many are outstanding all the time: what comes
 * back is asked again at once. usage: handoff DIRECTORY ROUNDS SECONDS    prints {"32":{"bare":[[a second,
 * p50 us, p99 us],…],"engine":[…]},"256":…} */
#include "base/clock.h"
#include "bench/load/histogram.h"
#include "codec/record_codec.h"
#include "engine/engine.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    OUTSTANDING_MOST = 256,
    RECORD_BYTES = 128,
    FILE_BYTES = 64 << 20,
    WARM_US = 200000,
    ROUNDS_MOST = 100
};

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "handoff: %s\n", what);
    exit(1);
}

/* ---- a stack that anyone may push on and one takes whole, with something to wait on ---- */

struct parcel {
    struct parcel *next;
    int64_t began_us;
    unsigned number; /* from 0 */
    char bytes[RECORD_BYTES];
};

struct door {
    _Atomic(struct parcel *) top;
    int wake;
};

static void door_open(struct door *d)
{
    atomic_init(&d->top, NULL);
    d->wake = eventfd(0, EFD_CLOEXEC);
    need(d->wake >= 0, "eventfd");
}

/* Whoever finds it empty wakes the other side. */
static void door_push(struct door *d, struct parcel *i)
{
    struct parcel *top = atomic_load(&d->top);

    do {
        i->next = top;
    } while (!atomic_compare_exchange_weak(&d->top, &top, i));
    if (!top)
        need(eventfd_write(d->wake, 1) == 0, "eventfd_write");
}

static struct parcel *door_take(struct door *d)
{
    for (;;) {
        struct parcel *all = atomic_exchange(&d->top, NULL);
        eventfd_t count;
        if (all)
            return all;
        need(eventfd_read(d->wake, &count) == 0, "eventfd_read");
    }
}

/* ---- the bare chain ---- */

static struct {
    struct door to_log, to_writer, back;
    struct parcel end; /* goes through the chain last, and ends each thread */
    int file;
} bare;

static void *bare_log(void *unused)
{
    static char group[OUTSTANDING_MOST * RECORD_BYTES];
    off_t at = 0;

    for (bool over = false; !over;) {
        struct parcel *all = door_take(&bare.to_log), *next;
        size_t length = 0;
        for (struct parcel *i = all; i; i = i->next) {
            memcpy(group + length, i->bytes, i == &bare.end ? 0 : RECORD_BYTES);
            length += i == &bare.end ? 0 : RECORD_BYTES;
        }
        if (at + (off_t)sizeof(group) > FILE_BYTES)
            at = 0;
        need(pwrite(bare.file, group, length, at) == (ssize_t)length && fdatasync(bare.file) == 0,
             "the file");
        at += (off_t)length;
        for (struct parcel *i = all; i; i = next) {
            next = i->next;
            over |= i == &bare.end;
            door_push(&bare.to_writer, i);
        }
    }
    return NULL;
}

static void *bare_writer(void *unused)
{
    for (bool over = false; !over;)
        for (struct parcel *i = door_take(&bare.to_writer), *next; i; i = next) {
            next = i->next;
            over |= i == &bare.end;
            door_push(&bare.back, i);
        }
    return NULL;
}

static void bare_open(const char *directory)
{
    static char zeros[1 << 20];
    char path[600];

    snprintf(path, sizeof(path), "%s/bare", directory);
    bare.file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    need(bare.file >= 0, path);
    for (off_t at = 0; at < FILE_BYTES; at += (off_t)sizeof(zeros))
        need(pwrite(bare.file, zeros, sizeof(zeros), at) == sizeof(zeros), path);
    need(fsync(bare.file) == 0, path);
    door_open(&bare.to_log);
    door_open(&bare.to_writer);
    door_open(&bare.back);
}

/* ---- both: keep so many outstanding, count what comes back ---- */

struct figure {
    double a_second;
    double p50_us, p99_us;
};

struct contender {
    void (*send)(struct parcel *i);
    struct door *back;
};

static struct figure keep_outstanding(const struct contender *c, unsigned outstanding, double seconds)
{
    static struct parcel items[OUTSTANDING_MOST];
    static struct histogram h;
    int64_t begin_us = clock_monotonic_us(), warm_us = begin_us + WARM_US,
            end_us = warm_us + (int64_t)(seconds * 1e6);
    unsigned away = 0;

    histogram_clear(&h);
    for (; away < outstanding; away++) {
        items[away].began_us = clock_monotonic_us();
        items[away].number = away;
        c->send(&items[away]);
    }
    while (away) {
        struct parcel *all = door_take(c->back), *next;
        int64_t now_us = clock_monotonic_us();
        for (struct parcel *i = all; i; i = next) {
            next = i->next;
            if (now_us >= warm_us && now_us < end_us)
                histogram_add(&h, (uint64_t)(now_us - i->began_us) * 1000);
            i->began_us = now_us;
            if (now_us < end_us)
                c->send(i);
            else
                away--;
        }
    }
    return (struct figure){(double)h.count / seconds, (double)histogram_at(&h, 0.5) / 1e3,
                           (double)histogram_at(&h, 0.99) / 1e3};
}

static void send_bare(struct parcel *i)
{
    door_push(&bare.to_log, i);
}

static struct figure bare_round(unsigned outstanding, double seconds)
{
    const struct contender c = {send_bare, &bare.back};
    pthread_t log, writer;

    need(pthread_create(&log, NULL, bare_log, NULL) == 0, "pthread_create");
    need(pthread_create(&writer, NULL, bare_writer, NULL) == 0, "pthread_create");
    struct figure f = keep_outstanding(&c, outstanding, seconds);
    door_push(&bare.to_log, &bare.end);
    pthread_join(log, NULL);
    pthread_join(writer, NULL);
    need(door_take(&bare.back) == &bare.end, "the bare chain lost its end");
    return f;
}

/* ---- the engine's ---- */

struct sent {
    struct parcel *item;
    struct command command;
    struct event_verdict verdict;
    struct buffer bytes;
};

static struct {
    struct engine *engine;
    struct command_port port;
    struct door back;
    struct sent sent[OUTSTANDING_MOST];
    uint64_t number;
} ours;

/* On the writer's thread: as http's own, it pushes and wakes. */
static void came_back(struct command *c)
{
    struct sent *s = c->context;

    need(c->status == 0 && s->verdict.verdict == VERDICT_APPLIED, "an event was not applied");
    door_push(&ours.back, s->item);
}

/* A receipt of one unit of one of a hundred rows, with an id of its own. */
static void encode(struct sent *s)
{
    char id[32], sku[32];
    struct event e = {.type = EVENT_RECEIPT,
                      .has =
                          HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(quantity) | HAS(occurred_at),
                      .source = TEXT("bench"),
                      .location = TEXT("store-1"),
                      .quantity = MILLI_PER_UNIT,
                      .occurred_at = INT64_C(1767225600000000),
                      .as_of = INSTANT_NONE,
                      .expected_at = INSTANT_NONE,
                      .required_at = INSTANT_NONE};
    struct record r = {.kind = RECORD_EVENTS, .intake.after = -1, .events_count = 1, .events = &e};

    e.id =
        (struct text){id, (size_t)snprintf(id, sizeof(id), "handoff-%llu", (unsigned long long)ours.number)};
    e.sku = (struct text){sku, (size_t)snprintf(sku, sizeof(sku), "SKU-%u", (unsigned)(ours.number++ % 100))};
    buffer_clear(&s->bytes);
    need(record_encode(&r, &s->bytes) == 0, "an event cannot be encoded");
}

static void send_to_engine(struct parcel *i)
{
    struct sent *s = &ours.sent[i->number];

    s->item = i;
    encode(s);
    s->command = (struct command){.bytes = s->bytes.at,
                                  .length = s->bytes.length,
                                  .verdicts_capacity = 1,
                                  .verdicts = &s->verdict,
                                  .done = came_back,
                                  .context = s};
    need(ours.port.submit(ours.port.engine, &s->command) == 0, "an event was refused");
}

static void engine_begin(const char *directory)
{
    char path[600], detail[400] = "";

    snprintf(path, sizeof(path), "%s/engine", directory);
    need(engine_open(&(struct engine_options){.directory = path}, &ours.engine, detail, sizeof(detail)) == 0,
         detail);
    need(engine_wait_ready(ours.engine, 10000) == 0, "the engine is not ready");
    ours.port = engine_port(ours.engine);
    door_open(&ours.back);
}

/* ---- the whole ---- */

static void put_rounds(const char *name, const struct figure *f, int rounds)
{
    printf("\"%s\":[", name);
    for (int i = 0; i < rounds; i++)
        printf("%s[%.1f,%.1f,%.1f]", i ? "," : "", f[i].a_second, f[i].p50_us, f[i].p99_us);
    printf("]");
}

int main(int argc, char **argv)
{
    static const unsigned outstanding[] = {32, 256};
    static struct figure bares[ROUNDS_MOST], engines[ROUNDS_MOST];
    const struct contender engine = {send_to_engine, &ours.back};
    int rounds = argc == 4 ? atoi(argv[2]) : 0;

    if (rounds < 1 || rounds > ROUNDS_MOST)
        return fprintf(stderr, "usage: handoff DIRECTORY ROUNDS SECONDS\n"), 2;
    bare_open(argv[1]);
    engine_begin(argv[1]);
    printf("{");
    for (unsigned k = 0; k < 2; k++) {
        for (int i = 0; i < rounds; i++) {
            bares[i] = bare_round(outstanding[k], atof(argv[3]));
            engines[i] = keep_outstanding(&engine, outstanding[k], atof(argv[3]));
        }
        printf("%s\"%u\":{", k ? "," : "", outstanding[k]);
        put_rounds("bare", bares, rounds);
        printf(",");
        put_rounds("engine", engines, rounds);
        printf("}");
    }
    printf(",\"events\":%llu}\n", (unsigned long long)ours.number);
    engine_close(ours.engine);
    return 0;
}
