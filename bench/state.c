/* Parts of the state by themselves, in one thread: the memory of repeats, images and loading. Prints one line
 * each. */
#include "base/clock.h"
#include "base/hash.h"
#include "core/model/apply.h"
#include "core/model/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds_since(int64_t start_us)
{
    return (double)(clock_monotonic_us() - start_us) / 1e6;
}

/* ---- repeats ---- */

enum { AHEAD = 16, SOURCES = 1000, BLOCK = 4096 };

struct texts {
    char id[32], source[32];
};

static struct event events[BLOCK + AHEAD];
static struct texts texts[BLOCK + AHEAD];

/* Events first, first + 1, …; `numbered`: each of one of some sources in turn, with its sequence number. */
static void make_events(uint64_t first, bool numbered)
{
    for (size_t i = 0; i < BLOCK + AHEAD; i++) {
        uint64_t n = first + i, source = n % SOURCES, sequence = n / SOURCES;
        struct event *e = &events[i];
        *e = (struct event){.has = HAS(id) | HAS(occurred_at), .occurred_at = (instant_t)n};
        e->id = (struct text){texts[i].id, (size_t)snprintf(texts[i].id, 32, "till-%03u-%012llu",
                                                            (unsigned)source, (unsigned long long)sequence)};
        if (!numbered)
            continue;
        e->has |= HAS(source) | HAS(sequence);
        e->source = (struct text){texts[i].source,
                                  (size_t)snprintf(texts[i].source, 32, "store-%u/till", (unsigned)source)};
        e->sequence = sequence;
    }
}

/* Of this thread alone: what others do on the machine is not a stall of ours. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Blocks of events while the memory grows (each call timed, for the longest) and then at its bound
 * (together). */
static void bench_repeats(const char *what, bool numbered, int growing, int blocks)
{
    struct repeats *r = repeats_create(1, 4194304);
    int64_t took_ns = 0, longest_ns = 0;

    for (int b = 0; b < growing + blocks; b++) {
        make_events((uint64_t)b * BLOCK, numbered);
        int64_t start = cpu_ns(), last = start;
        for (size_t i = 0; i < BLOCK; i++) {
            struct repeats_id ahead = repeats_id(r, &events[i + AHEAD]);
            repeats_prefetch(r, &events[i + AHEAD], &ahead);
            if (repeats_judge(r, &events[i]) != REPEAT_NEW || repeats_remember(r, &events[i], 0))
                abort();
            if (b >= growing)
                continue;
            int64_t now = cpu_ns();
            longest_ns = now - last > longest_ns ? now - last : longest_ns;
            last = now;
        }
        took_ns += b < growing ? 0 : cpu_ns() - start;
    }
    struct repeats_stats s = repeats_stats(r);
    double count = (double)blocks * BLOCK;
    printf("%s: judge and remember %.2f M/s, %.0f ns; longest call while growing %.0f us; %.1f bytes an id, "
           "%.0f a source\n",
           what, count * 1e3 / (double)took_ns, (double)took_ns / count, (double)longest_ns / 1e3,
           (double)s.ids_bytes / (double)s.ids,
           s.sources ? (double)s.sources_bytes / (double)s.sources : 0.0);
    repeats_destroy(r);
}

/* ---- images ---- */

static int count_bytes(void *context, uint8_t kind, const void *bytes, size_t length)
{
    *(size_t *)context += length;
    return 0;
}

struct kept {
    uint8_t kind;
    uint32_t length;
    size_t at;
};

struct file { /* an image in memory */
    struct buffer bytes;
    struct buffer sections;
};

static int keep(void *context, uint8_t kind, const void *bytes, size_t length)
{
    struct file *f = context;
    struct kept k = {kind, (uint32_t)length, f->bytes.length};

    buffer_add(&f->bytes, bytes, length);
    buffer_add(&f->sections, &k, sizeof(k));
    return f->bytes.failed || f->sections.failed ? -1 : 0;
}

static struct state *make_state(struct epoch *e, uint32_t skus, uint32_t locations)
{
    struct state *s = state_create(e);
    struct row_image *rows = calloc(locations, sizeof(*rows));
    char text[32];

    state_incarnate(s, 1);
    for (uint32_t l = 0; l < locations; l++) {
        bool is_new;
        uint32_t number;
        struct text t = {text, (size_t)snprintf(text, sizeof(text), "store-%04u", l)};
        if (catalogue_location_add(s->catalogue, t, 1000000, &number, &is_new))
            abort();
        rows[l].word[ROW_WHO] = row_who(number, 1);
    }
    for (uint32_t n = 0; n < skus; n++) {
        struct text t = {text, (size_t)snprintf(text, sizeof(text), "SKU-%08u", n)};
        struct sku *sku = table_add(s->table, t, hash_text(t));
        for (uint32_t l = 0; l < locations; l++) {
            rows[l].word[ROW_ON_HAND] = n + l;
            rows[l].word[ROW_VERSION] = row_version(n, 0, ROW_COUNTED);
        }
        if (!sku || table_publish(s->table, sku, rows, locations))
            abort();
    }
    free(rows);
    return s;
}

/* The same through apply: each row has a receipt and an open order, so each has a ledger. */
static struct state *make_state_with_ledgers(struct epoch *e, uint32_t skus, uint32_t locations)
{
    struct state *s = state_create(e);
    struct outcome o = {0};
    struct record r = {.kind = RECORD_INCARNATION, .incarnation = {.number = 1}};
    instant_t now = INT64_C(1795219200) * INSTANT_SECOND;
    uint64_t offset = 0;

    if (state_apply(s, &r, offset++, now, &o))
        abort();
    for (uint64_t n = 0; n < 2 * (uint64_t)skus * locations; n++) {
        char sku[32], place[32], id[32];
        struct event ev = {.type = n % 2 ? EVENT_ORDER_PLACED : EVENT_RECEIPT,
                           .has = HAS(id) | HAS(sku) | HAS(location) | HAS(occurred_at) | HAS(quantity) |
                                  HAS(source),
                           .source = TEXT("bench"),
                           .occurred_at = now,
                           .quantity = 5000,
                           .as_of = INSTANT_NONE,
                           .expected_at = INSTANT_NONE,
                           .required_at = INSTANT_NONE};
        ev.id = (struct text){id, (size_t)snprintf(id, sizeof(id), "%llu", (unsigned long long)n)};
        ev.sku = (struct text){
            sku, (size_t)snprintf(sku, sizeof(sku), "SKU-%08llu", (unsigned long long)(n / 2 / locations))};
        ev.location = (struct text){place, (size_t)snprintf(place, sizeof(place), "store-%04llu",
                                                            (unsigned long long)(n / 2 % locations))};
        if (n % 2)
            ev.has |= HAS(reference), ev.reference = ev.id;
        r = (struct record){.kind = RECORD_EVENTS, .events_count = 1, .events = &ev};
        if (state_apply(s, &r, offset++, now, &o) || o.verdicts[0].verdict != VERDICT_APPLIED)
            abort();
        epoch_poll(e, 16);
    }
    outcome_finish(&o);
    return s;
}

static double image_seconds(struct state *s, image_write write, void *context, int64_t *ret_worst_us)
{
    struct hash128 digest;
    int64_t start = clock_monotonic_us();
    int more = image_begin(s, write, context) ? -1 : 1;

    *ret_worst_us = 0;
    while (more == 1) {
        int64_t before = clock_monotonic_us();
        more = image_step(s, 64 * 1024, &digest);
        int64_t took = clock_monotonic_us() - before;
        *ret_worst_us = took > *ret_worst_us ? took : *ret_worst_us;
    }
    return more ? -1 : seconds_since(start);
}

static void bench_image(uint32_t skus, uint32_t locations, bool ledgers)
{
    struct epoch *e = epoch_create();
    struct state *s = ledgers ? make_state_with_ledgers(e, skus, locations) : make_state(e, skus, locations);
    struct file f = {{0}, {0}};
    double rows = (double)skus * locations;
    size_t bytes = 0;
    int64_t worst_us;

    for (int round = 0; round < 3; round++) {
        bytes = 0;
        double took = image_seconds(s, count_bytes, &bytes, &worst_us);
        printf(
            "image of %.0f rows%s, %zu bytes: %.2f s, %.0f MB/s, %.1f M rows/s, longest step of 64 KiB %lld "
            "us\n",
            rows, ledgers ? " with ledgers" : "", bytes, took, (double)bytes / 1e6 / took, rows / took / 1e6,
            (long long)worst_us);
    }
    image_seconds(s, keep, &f, &worst_us);
    state_destroy(s);
    int64_t start = clock_monotonic_us();
    s = state_create(e);
    const struct kept *k = (const struct kept *)f.sections.at;
    for (size_t i = 0; i < f.sections.length / sizeof(*k); i++)
        if (image_load(s, k[i].kind, f.bytes.at + k[i].at, k[i].length))
            abort();
    struct hash128 digest;
    if (image_load_finish(s, &digest))
        abort();
    double took = seconds_since(start);
    printf("load of the same: %.2f s, %.0f MB/s, %.1f M rows/s\n", took, (double)bytes / 1e6 / took,
           rows / took / 1e6);
    buffer_finish(&f.bytes);
    buffer_finish(&f.sections);
    state_destroy(s);
    epoch_destroy(e);
}

int main(int argc, char **argv)
{
    uint32_t skus = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 50000;

    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_repeats("ids", false, 1280, 960);
    bench_repeats("ids and sequences of 1,000 sources", true, 1280, 960);
    bench_image(skus, 20, false);
    bench_image(skus / 5, 20, true);
    return 0;
}
