/* The dead-letter file read back: every place is found, whatever the lengths of lines, and a torn one waits.
 */
#include "engine/dead_letter_file.h"
#include "base/error.h"
#include "engine/dead_letter.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

enum { LINES = 60, LOG = 7 };

static char path[64];

/* Line i is of record 10 * i + 3; every third is bytes nobody could read, as many as i squared. */
static void write_lines(void)
{
    struct dead_letters *d;
    char bytes[LINES * LINES], id[16];

    memset(bytes, '\xFF', sizeof(bytes));
    assert_int_equal(dead_letters_open(path, &d), 0);
    for (uint32_t i = 0; i < LINES; i++) {
        uint64_t offset = 10 * i + 3;
        struct event e = {
            .type = EVENT_SALE, .has = HAS(id) | HAS(sku) | HAS(location) | HAS(quantity), .quantity = 1000};
        e.id = (struct text){id, (size_t)sprintf(id, "e-%u", i)};
        e.sku = TEXT("SKU");
        e.location = TEXT("L");
        if (i % 3 == 0)
            dead_letters_add_unreadable(d, LOG, offset, 1000000, "/x", "is \"no\" good",
                                        (struct text){bytes, (size_t)i * i});
        else
            dead_letters_add(d, LOG, offset, i % 4, 1000000, &e,
                             (struct event_verdict){.verdict = VERDICT_REJECTED, .reason = REASON_FUTURE});
    }
    assert_int_equal(dead_letters_flush(d), 0);
    dead_letters_close(d);
}

static int set_up(void **unused)
{
    snprintf(path, sizeof(path), "/tmp/onhand-letters-%d", (int)getpid());
    unlink(path);
    write_lines();
    return 0;
}

static int tear_down(void **unused)
{
    return unlink(path);
}

static void check_line(const struct dead_letter *d, uint32_t i)
{
    char id[16];

    assert_int_equal(d->incarnation, LOG);
    assert_int_equal(d->offset, 10 * i + 3);
    assert_int_equal(d->readable, i % 3 != 0);
    if (d->readable) {
        sprintf(id, "e-%u", i);
        assert_true(text_equal(d->id, text_of(id)));
        assert_true(text_equal(d->reason, TEXT("future")));
        assert_int_equal(d->number, i % 4);
        assert_memory_equal(d->canonical.at, "{\"id\":", 6);
        return;
    }
    assert_true(text_equal(d->detail, TEXT("is \"no\" good")));
    assert_int_equal(d->canonical.length, i * i);
    for (size_t b = 0; b < d->canonical.length; b++)
        assert_int_equal((unsigned char)d->canonical.at[b], 0xFF);
}

static void every_place_is_found(void **unused)
{
    struct dead_letter_file f;
    struct dead_letter d;
    struct arena arena = {0};

    assert_int_equal(dead_letter_file_open(&f, path), 0);
    for (uint64_t offset = 0; offset < 10 * LINES + 20; offset++) {
        uint32_t first = offset <= 3 ? 0 : (uint32_t)((offset - 3 + 9) / 10);
        assert_int_equal(dead_letter_file_seek(&f, LOG, offset), 0);
        arena_reset(&arena);
        int got = dead_letter_file_next(&f, &arena, &d);
        assert_int_equal(got, first < LINES);
        if (got)
            check_line(&d, first);
    }
    assert_int_equal(dead_letter_file_seek(&f, LOG - 1, UINT64_MAX), 0); /* a log before */
    assert_int_equal(dead_letter_file_next(&f, &arena, &d), 1);
    check_line(&d, 0);
    assert_int_equal(dead_letter_file_seek(&f, LOG + 1, 0), 0); /* and one that has no lines yet */
    assert_int_equal(dead_letter_file_next(&f, &arena, &d), 0);
    arena_finish(&arena);
    dead_letter_file_finish(&f);
}

static void all_lines_in_order_and_the_torn_one_later(void **unused)
{
    static const char torn[] = "{\"version\":\"7:9000\",\"number\":0,\"at\":null,\"reason\":\"unreadable\"",
                      rest[] = ",\"bytes\":\"Cg==\"}\n";
    struct dead_letter_file f;
    struct dead_letter d;
    struct arena arena = {0};
    int fd = open(path, O_WRONLY | O_APPEND);

    assert_int_equal(write(fd, "no letter\n", 10), 10);
    assert_int_equal(write(fd, torn, sizeof(torn) - 1), sizeof(torn) - 1);
    assert_int_equal(dead_letter_file_open(&f, path), 0);
    for (uint32_t i = 0; i < LINES; i++) {
        assert_int_equal(dead_letter_file_next(&f, &arena, &d), 1);
        check_line(&d, i);
    }
    assert_int_equal(dead_letter_file_next(&f, &arena, &d), 0);
    assert_int_equal(write(fd, rest, sizeof(rest) - 1), sizeof(rest) - 1);
    assert_int_equal(dead_letter_file_next(&f, &arena, &d), 1);
    assert_int_equal(d.offset, 9000);
    assert_int_equal(d.canonical.length, 1);
    assert_int_equal(d.canonical.at[0], '\n');
    close(fd);
    arena_finish(&arena);
    dead_letter_file_finish(&f);
}

static void a_file_that_is_not_there(void **unused)
{
    struct dead_letter_file f;

    assert_int_equal(dead_letter_file_open(&f, "/nowhere/at/all"), ERROR_IO);
    dead_letter_file_finish(&f);
}

static void what_a_full_disk_does_not_take_is_counted(void **unused)
{
    struct event e = {.type = EVENT_SALE, .has = HAS(id), .id = TEXT("e-1")};
    struct rlimit limit, full = {0};
    struct dead_letters *d;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    full.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN); /* so that the write says it */
    assert_int_equal(dead_letters_open(path, &d), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    dead_letters_add(d, LOG, 9000, 0, 1000000, &e,
                     (struct event_verdict){.verdict = VERDICT_REJECTED, .reason = REASON_FUTURE});
    assert_int_not_equal(dead_letters_flush(d), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(dead_letters_lost(d), 1);
    assert_int_equal(dead_letters_written(d), 0);
    dead_letters_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_place_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_lines_in_order_and_the_torn_one_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_full_disk_does_not_take_is_counted, set_up, tear_down),
        cmocka_unit_test(a_file_that_is_not_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
