/* The embedded log in its ordinary life: append, read, reopen, roll, trim, bounds. */
#include "base/error.h"
#include "log/file_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[64];

static int make_directory(void **unused)
{
    snprintf(directory, sizeof(directory), "/tmp/onhand-log-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **unused)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

static struct log *open_log(struct file_log_options o, struct file_log_report *report)
{
    struct log *l = NULL;
    int error;

    o.directory = directory;
    if (!o.segment_bytes)
        o.segment_bytes = 65536;
    error = file_log_open(&o, &l, report);
    if (error)
        print_message("%s\n", report->detail);
    assert_int_equal(error, 0);
    return l;
}

static void append_text(struct log *l, const char *text)
{
    struct log_append a = {text, strlen(text), (void *)(uintptr_t)text};

    assert_int_equal(l->ops->append(l, &a, 1), 0);
}

static void what_is_appended_comes_back(void **unused)
{
    struct file_log_report report;
    struct log *l =
        open_log((struct file_log_options){.first_record = "begin", .first_record_length = 5}, &report);
    struct log_record r[8];
    static const char *texts[] = {"one", "two", "three"};

    assert_true(report.created);
    assert_int_equal(report.end_offset, 1);
    assert_int_equal(l->ops->next(l, r, 8, 0), 1);
    assert_memory_equal(r[0].bytes, "begin", 5);
    assert_null(r[0].cookie);
    for (int i = 0; i < 3; i++)
        append_text(l, texts[i]);
    for (int got = 0; got < 3;) {
        int n = l->ops->next(l, r, 8, 1000);
        assert_true(n > 0);
        for (int i = 0; i < n; i++, got++) {
            assert_int_equal(r[i].offset, 1 + got);
            assert_ptr_equal(r[i].cookie, texts[got]);
            assert_memory_equal(r[i].bytes, texts[got], r[i].length);
        }
    }
    l->ops->stop(l);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.start_offset = 2}, &report);
    assert_false(report.created);
    assert_int_equal(report.torn_bytes, 0);
    assert_int_equal(report.end_offset, 4);
    assert_int_equal(l->ops->next(l, r, 8, 0), 2);
    assert_int_equal(r[1].offset, 3);
    assert_memory_equal(r[1].bytes, "three", 5);
    assert_int_equal(l->ops->next(l, r, 8, 0), 0);
    l->ops->destroy(l);
}

static void segments_roll_and_are_trimmed(void **unused)
{
    struct file_log_report report;
    struct log *l = open_log((struct file_log_options){.segment_bytes = 4096}, &report);
    char payload[1000] = {0};
    struct log_record r[4];
    struct log_status status;

    for (uint64_t i = 0; i < 100; i++) {
        memcpy(payload, &i, sizeof(i));
        assert_int_equal(l->ops->append(l, &(struct log_append){payload, sizeof(payload), NULL}, 1), 0);
        assert_int_equal(l->ops->next(l, r, 4, 10000), 1);
        assert_int_equal(r[0].offset, i);
    }
    assert_int_equal(l->ops->trim(l, 50), 0);
    for (int tries = 0; tries < 1000; tries++) {
        l->ops->status(l, &status);
        if (status.first_offset >= 47)
            break;
        usleep(1000);
    }
    assert_in_range(status.first_offset, 47, 50);
    assert_int_equal(status.end_offset, 100);
    l->ops->destroy(l);
    l = open_log((struct file_log_options){.start_offset = status.first_offset, .segment_bytes = 4096},
                 &report);
    for (uint64_t expected = status.first_offset; expected < 100;) {
        int n = l->ops->next(l, r, 4, 0);
        assert_true(n > 0);
        for (int i = 0; i < n; i++, expected++) {
            assert_int_equal(r[i].offset, expected);
            assert_memory_equal(r[i].bytes, &expected, sizeof(expected));
        }
    }
    l->ops->destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_appended_comes_back, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(segments_roll_and_are_trimmed, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
