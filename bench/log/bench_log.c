/* Commit of the embedded log beside what the disk can do: a bare preallocated, zeroed file to which the same
 * bytes in the same groups are appended and synced. Rounds of both take turns; figures are the best round of
 * each and the ratio between them. */
#include "base/clock.h"
#include "base/error.h"
#include "log/file_log.h"
#include "log/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RECORD_BYTES = 128,
    FILE_BYTES = 64 << 20,
    ROUNDS = 5,
    ROUNDS_MOST = 100,
    ROUND_US = 400000,
    WAITING_MOST = 1000
};

struct figure {
    double records_a_second;
    double group; /* records a sync */
    int64_t p50_us, p99_us;
};

struct samples {
    int64_t at[1 << 18];
    size_t count;
};

static struct samples samples;

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void sample(int64_t us)
{
    if (samples.count < sizeof(samples.at) / sizeof(*samples.at))
        samples.at[samples.count++] = us;
}

static void finish(struct figure *f, uint64_t records, uint64_t syncs, int64_t took_us)
{
    qsort(samples.at, samples.count, sizeof(*samples.at), compare);
    f->records_a_second = (double)records * 1e6 / (double)took_us;
    f->group = (double)records / (double)syncs;
    f->p50_us = samples.at[samples.count / 2];
    f->p99_us = samples.at[samples.count * 99 / 100];
    samples.count = 0;
}

/* ---- bare ---- */

static int bare_open(const char *path)
{
    static char zeros[1 << 20];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (fd < 0)
        return -1;
    for (size_t at = 0; at < FILE_BYTES; at += sizeof(zeros))
        if (pwrite(fd, zeros, sizeof(zeros), (off_t)at) != sizeof(zeros))
            return -1;
    return fsync(fd) == 0 ? fd : -1;
}

static struct figure bare_round(int fd, unsigned waiting)
{
    static char group[WAITING_MOST * 256];
    static size_t at;
    size_t bytes = waiting * segment_record_bytes(RECORD_BYTES);
    struct figure f;
    uint64_t groups = 0;
    int64_t begin = clock_monotonic_us(), before = begin, now = begin;

    while (now - begin < ROUND_US) {
        if (at + bytes > FILE_BYTES)
            at = 0;
        memset(group, (int)groups + 1, bytes);
        if (pwrite(fd, group, bytes, (off_t)at) != (ssize_t)bytes || fdatasync(fd) != 0)
            abort();
        at += bytes;
        groups++;
        now = clock_monotonic_us();
        sample(now - before);
        before = now;
    }
    finish(&f, groups * waiting, groups, now - begin);
    return f;
}

/* ---- the log ---- */

/* `waiting` appends, one call each; when all came back, the next ones. */
static struct figure log_round(struct log *l, unsigned waiting)
{
    static char bytes[WAITING_MOST][RECORD_BYTES];
    static struct log_record got[WAITING_MOST];
    struct log_status first, last;
    struct figure f;
    uint64_t records = 0;
    int64_t begin = clock_monotonic_us(), before = begin, now = begin;

    l->ops->status(l, &first);
    while (now - begin < ROUND_US) {
        for (unsigned i = 0; i < waiting; i++) {
            bytes[i][0] = (char)records;
            if (l->ops->append(l, &(struct log_append){bytes[i], RECORD_BYTES, bytes[i]}, 1) != 0)
                abort();
        }
        for (unsigned back = 0; back < waiting;) {
            int n = l->ops->next(l, got, WAITING_MOST, -1);
            if (n < 0)
                abort();
            back += (unsigned)n;
        }
        records += waiting;
        now = clock_monotonic_us();
        sample(now - before);
        before = now;
        l->ops->trim(l, got[0].offset);
    }
    l->ops->status(l, &last);
    finish(&f, records, last.syncs - first.syncs, now - begin);
    return f;
}

/* ---- both ---- */

static void better(struct figure *best, const struct figure *f)
{
    if (f->records_a_second > best->records_a_second)
        *best = *f;
}

/* The rounds as JSON: [[records a second, p50 us, p99 us], …] of each. */
static void put_rounds(FILE *json, const char *name, const struct figure *f, int rounds)
{
    fprintf(json, "\"%s\":[", name);
    for (int i = 0; i < rounds; i++)
        fprintf(json, "%s[%.1f,%ld,%ld]", i ? "," : "", f[i].records_a_second, f[i].p50_us, f[i].p99_us);
    fprintf(json, "]");
}

static void compare_at(int fd, struct log *l, unsigned waiting, int rounds, FILE *json)
{
    struct figure bare = {0}, ours = {0}, bares[ROUNDS_MOST], logs[ROUNDS_MOST];

    for (int i = 0; i < rounds; i++) {
        bares[i] = bare_round(fd, waiting);
        better(&bare, &bares[i]);
        logs[i] = log_round(l, waiting);
        better(&ours, &logs[i]);
    }
    fprintf(json, "%s\"%u\":{", waiting == 1 ? "" : ",", waiting);
    put_rounds(json, "bare", bares, rounds);
    fprintf(json, ",");
    put_rounds(json, "log", logs, rounds);
    fprintf(json, "}");
    printf("%7u  %11.0f %6.0f %6ld %6ld  %11.0f %6.0f %6ld %6ld  %5.2f\n", waiting, bare.records_a_second,
           bare.group, bare.p50_us, bare.p99_us, ours.records_a_second, ours.group, ours.p50_us, ours.p99_us,
           ours.records_a_second / bare.records_a_second);
}

int main(int argc, char **argv)
{
    char directory[512], path[600], command[600];
    struct file_log_report report;
    struct log *l = NULL;
    FILE *json = fopen(argc > 2 ? argv[2] : "/dev/null", "w");
    int fd, failed = 1, rounds = argc > 3 ? atoi(argv[3]) : ROUNDS;

    if (!json || rounds < 1 || rounds > ROUNDS_MOST) {
        fprintf(stderr, "usage: bench_log [directory [file.json [rounds, 1 to %d]]]\n", ROUNDS_MOST);
        return 2;
    }

    snprintf(directory, sizeof(directory), "%s/onhand-bench-XXXXXX", argc > 1 ? argv[1] : "/var/tmp");
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof(path), "%s/bare", directory);
    fd = bare_open(path);
    snprintf(path, sizeof(path), "%s/log", directory);
    if (fd >= 0 && file_log_open(&(struct file_log_options){.directory = path}, &l, &report) == 0) {
        printf("records of %d bytes; best of %d rounds, taking turns; latencies in µs of a whole group\n",
               RECORD_BYTES, rounds);
        printf("waiting   bare rec/s  group    p50    p99    log rec/s  group    p50    p99  ratio\n");
        sleep(1); /* the first spare segment is made */
        fprintf(json, "{");
        compare_at(fd, l, 1, rounds, json);
        compare_at(fd, l, 32, rounds, json);
        compare_at(fd, l, 1000, rounds, json);
        fprintf(json, "}\n");
        l->ops->destroy(l);
        failed = 0;
    } else {
        fprintf(stderr, "%s: %s\n", directory, report.detail);
    }
    failed |= fclose(json);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command) != 0 || failed;
}
