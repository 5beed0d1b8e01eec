/* A log in memory whose every choice comes from a seed: when records become durable, how many `next` hands
 * out, how the clock goes, what a crash takes.
 *
 * It is stricter than a real log where that finds mistakes: what `next` handed out is gone at the next call
 * (address sanitizer sees a late reader), and bytes that were changed before they came back end the program.
 * It is looser where Kafka is: appended_at may go back. */
#include "sim/sim_log.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUSY_ONE_IN = 32,
    STALL_ONE_IN = 64,
    STALL_TICKS_MOST = 20,
    TICK_US_MOST = 20000,
    STEP_ONE_IN = 256,
};
static const int64_t step_us_most = INT64_C(3600000000), clock_us_most = 20 * INT64_C(3600000000);

struct sim_record {
    char *bytes; /* a copy, owned */
    size_t length;
    int64_t appended_at;
    const void *given; /* what append was given, and by which handle */
    void *cookie;
    unsigned life;
};

struct sim_log {
    uint64_t random;
    int64_t clock_us, begin_us;
    struct sim_record *records; /* index: the offset */
    uint64_t first, durable, end, capacity;
    unsigned life;    /* handles opened so far */
    unsigned stalled; /* so many ticks nothing becomes durable */
    bool open;
};

struct sim_handle {
    struct log log;
    struct sim_log *disk;
    uint64_t delivered;
    char *handed_out; /* the bytes of the last `next` */
    bool stopped;
    uint64_t bytes;
};

static struct sim_handle *handle_of(struct log *l)
{
    return (struct sim_handle *)l;
}

/* SplitMix64. */
static uint64_t draw(struct sim_log *d, uint64_t below)
{
    uint64_t z = d->random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % below;
}

static int reserve(struct sim_log *d, size_t count)
{
    uint64_t capacity = d->capacity ? d->capacity : 64;
    struct sim_record *records;

    while (capacity < d->end + count)
        capacity *= 2;
    if (capacity == d->capacity)
        return 0;
    records = realloc(d->records, capacity * sizeof(*records));
    if (!records)
        return ERROR_NOMEM;
    d->records = records;
    d->capacity = capacity;
    return 0;
}

static int put(struct sim_log *d, const struct log_append *a)
{
    struct sim_record *r = &d->records[d->end];
    char *bytes = malloc(a->length ? a->length : 1);

    if (!bytes)
        return ERROR_NOMEM;
    if (a->length)
        memcpy(bytes, a->bytes, a->length);
    *r = (struct sim_record){bytes, a->length, d->clock_us, a->bytes, a->cookie, d->life};
    d->end++;
    return 0;
}

/* Forgets the records from an offset on. */
static void forget_from(struct sim_log *d, uint64_t offset)
{
    while (d->end > offset)
        free(d->records[--d->end].bytes);
}

static int sim_append(struct log *l, const struct log_append *records, size_t count)
{
    struct sim_handle *h = handle_of(l);
    struct sim_log *d = h->disk;
    uint64_t before = d->end;
    int error;

    if (h->stopped)
        return ERROR_UNAVAILABLE;
    if (draw(d, BUSY_ONE_IN) == 0)
        return ERROR_BUSY;
    error = reserve(d, count);
    for (size_t i = 0; i < count && !error; i++) {
        error = put(d, &records[i]);
        h->bytes += records[i].length;
    }
    if (error)
        forget_from(d, before);
    return error;
}

/* The promise of log.h: the bytes stay as they are until the record comes back. */
static void check_unchanged(const struct sim_record *r, uint64_t offset)
{
    if (memcmp(r->given, r->bytes, r->length) == 0)
        return;
    fprintf(stderr, "the bytes given to append for offset %lu were changed before they came back\n", offset);
    abort();
}

static int hand_out(struct sim_handle *h, struct log_record *ret, size_t count)
{
    struct sim_log *d = h->disk;
    size_t bytes = 0;
    char *to;

    for (size_t i = 0; i < count; i++)
        bytes += d->records[h->delivered + i].length;
    h->handed_out = to = malloc(bytes ? bytes : 1);
    if (!to)
        return ERROR_NOMEM;
    for (size_t i = 0; i < count; i++, h->delivered++) {
        const struct sim_record *r = &d->records[h->delivered];
        bool ours = r->life == d->life;
        if (ours)
            check_unchanged(r, h->delivered);
        memcpy(to, r->bytes, r->length);
        ret[i] = (struct log_record){h->delivered, r->appended_at, to, r->length, ours ? r->cookie : NULL};
        to += r->length;
    }
    return (int)count;
}

static int sim_next(struct log *l, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct sim_handle *h = handle_of(l);
    uint64_t there = h->disk->durable - h->delivered;

    free(h->handed_out);
    h->handed_out = NULL;
    if (there > count)
        there = count;
    return there ? hand_out(h, ret_records, 1 + draw(h->disk, there)) : 0;
}

static void sim_wake(struct log *l) {}

/* Like segments, the log keeps a little more than it must. */
static int sim_trim(struct log *l, uint64_t offset)
{
    struct sim_log *d = handle_of(l)->disk;
    uint64_t most = offset < d->durable ? offset : d->durable;

    if (most > d->first)
        d->first += draw(d, most - d->first + 1);
    return 0;
}

static void sim_status(struct log *l, struct log_status *ret)
{
    struct sim_handle *h = handle_of(l);

    *ret = (struct log_status){.writable = !h->stopped,
                               .first_offset = h->disk->first,
                               .end_offset = h->disk->durable,
                               .bytes = h->bytes};
    if (h->stopped)
        snprintf(ret->reason, sizeof(ret->reason), "the log was stopped");
}

static void sim_stop(struct log *l)
{
    struct sim_handle *h = handle_of(l);

    h->stopped = true;
    h->disk->durable = h->disk->end;
}

static void sim_handle_destroy(struct log *l)
{
    struct sim_handle *h = handle_of(l);

    if (!h)
        return;
    h->disk->open = false;
    free(h->handed_out);
    free(h);
}

static const struct log_ops sim_ops = {sim_append, sim_next, sim_wake, sim_trim,
                                       sim_status, NULL,     sim_stop, sim_handle_destroy};

int sim_log_create(uint64_t seed, int64_t begin_us, const void *first_record, size_t first_length,
                   struct sim_log **ret_disk)
{
    struct sim_log *d = calloc(1, sizeof(*d));
    int error;

    if (!d)
        return ERROR_NOMEM;
    d->random = seed;
    d->clock_us = d->begin_us = begin_us;
    error = reserve(d, 1);
    if (!error)
        error = put(d, &(struct log_append){first_record, first_length, NULL});
    if (error) {
        sim_log_destroy(d);
        return error;
    }
    d->durable = d->end;
    *ret_disk = d;
    return 0;
}

void sim_log_destroy(struct sim_log *d)
{
    if (!d)
        return;
    forget_from(d, 0);
    free(d->records);
    free(d);
}

int sim_log_open(struct sim_log *d, uint64_t start_offset, struct log **ret_log)
{
    struct sim_handle *h;

    if (d->open)
        return ERROR_BUSY;
    if (start_offset < d->first || start_offset > d->durable)
        return ERROR_NOTFOUND;
    h = calloc(1, sizeof(*h));
    if (!h)
        return ERROR_NOMEM;
    d->open = true;
    d->life++;
    *h = (struct sim_handle){.log.ops = &sim_ops, .disk = d, .delivered = start_offset};
    *ret_log = &h->log;
    return 0;
}

void sim_log_crash(struct sim_log *d)
{
    forget_from(d, d->durable + draw(d, d->end - d->durable + 1));
    d->durable = d->end;
}

static void clock_tick(struct sim_log *d)
{
    d->clock_us += (int64_t)draw(d, TICK_US_MOST);
    if (draw(d, STEP_ONE_IN) == 0)
        d->clock_us += (int64_t)draw(d, (uint64_t)(2 * step_us_most)) - step_us_most;
    if (d->clock_us > d->begin_us + clock_us_most)
        d->clock_us -= step_us_most; /* what ended is remembered for a day: nobody forgets within one life */
}

void sim_log_tick(struct sim_log *d)
{
    clock_tick(d);
    if (d->stalled) {
        d->stalled--;
        return;
    }
    if (draw(d, STALL_ONE_IN) == 0)
        d->stalled = 1 + (unsigned)draw(d, STALL_TICKS_MOST);
    d->durable += draw(d, d->end - d->durable + 1);
}
