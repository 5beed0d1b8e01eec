/* What the tests of the embedded log share: a directory of their own, a small store, and reading it back. */
#ifndef TESTS_LOG_DIRECTORY_H
#define TESTS_LOG_DIRECTORY_H

#include "base/error.h"
#include "log/file_log.h"
#include "log/file_ops.h"
#include "log/segment_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[64];

/* In memory where there is such a place: rewriting a small file tens of thousands of times keeps a disk busy.
 */
static int make_directory(void **unused)
{
    snprintf(directory, sizeof(directory), "%s/onhand-log-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **unused)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

/* SplitMix64. */
static inline uint64_t draw(uint64_t *random, uint64_t below)
{
    uint64_t z = *random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % below;
}

static inline int no_sync(void *context, int fd)
{
    return 0;
}

/* The system's files, but not synced: these tests do not lose power, and a busy disk would make them slow. */
static inline const struct file_ops *unsynced_ops(void)
{
    static struct file_ops ops;

    if (!ops.open) {
        ops = file_ops_system;
        ops.sync = ops.sync_directory = no_sync;
    }
    return &ops;
}

static inline int try_open(struct file_log_options o, struct log **ret, struct file_log_report *report)
{
    o.directory = directory;
    if (!o.file_ops)
        o.file_ops = unsynced_ops();
    if (!o.segment_bytes)
        o.segment_bytes = SEGMENT_BYTES_LEAST;
    return file_log_open(&o, ret, report);
}

static inline struct log *open_log(struct file_log_options o, struct file_log_report *report)
{
    struct file_log_report unread;
    struct log *l = NULL;
    int error = try_open(o, &l, report ? report : &unread);

    if (error)
        print_message("%s\n", (report ? report : &unread)->detail);
    assert_int_equal(error, 0);
    return l;
}

/* Takes what is there, waiting up to timeout_ms once for each group, until `count` records came. */
static inline uint64_t take_records(struct log *l, uint64_t count, int timeout_ms,
                                    void (*each)(void *, const struct log_record *), void *context)
{
    struct log_record r[64];
    uint64_t got = 0;

    while (got < count) {
        int n = l->ops->next(l, r, 64, timeout_ms);
        if (n <= 0)
            break;
        for (int i = 0; i < n && each; i++)
            each(context, &r[i]);
        got += (uint64_t)n;
    }
    return got;
}

#endif
