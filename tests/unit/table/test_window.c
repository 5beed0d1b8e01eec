/* The window of the last changes: in order, resumed, written over, and read while it is written. */
#include "core/table/window.h"

#include <pthread.h>
#include <stdatomic.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { ROOM = 16 };

static void add(struct window *w, uint64_t offset, uint32_t sku)
{
    window_add(w,
               &(struct window_change){
                   .offset = offset, .sku = sku, .location = sku + 1, .net_was = -5, .net_now = 7, .at = 11});
}

static void changes_come_in_order_and_only_when_shown(void **unused)
{
    struct window *w = window_create(ROOM);
    struct window_change got[4];
    uint64_t cursor = window_newest(w);

    window_show(w, 100);
    add(w, 100, 1);
    assert_int_equal(window_read(w, &cursor, got, 4), 0);
    add(w, 100, 2);
    window_show(w, 101);
    assert_int_equal(window_read(w, &cursor, got, 4), 2);
    assert_int_equal(got[0].sku, 1);
    assert_int_equal(got[1].sku, 2);
    assert_int_equal(got[1].location, 3);
    assert_int_equal(got[1].net_was, -5);
    assert_int_equal(got[1].net_now, 7);
    assert_int_equal(got[1].at, 11);
    assert_int_equal(window_read(w, &cursor, got, 4), 0);
    window_destroy(w);
}

static void one_goes_on_where_one_was(void **unused)
{
    struct window *w = window_create(ROOM);
    struct window_change got[ROOM];
    uint64_t cursor;

    window_show(w, 100);
    for (uint64_t offset = 102; offset < 106; offset++) {
        add(w, offset, 1);
        add(w, offset, 2);
    }
    window_show(w, 106);
    assert_true(window_after(w, 99, &cursor)); /* nothing changed at 100 and 101 */
    assert_int_equal(window_read(w, &cursor, got, ROOM), 8);
    assert_true(window_after(w, 103, &cursor));
    assert_int_equal(window_read(w, &cursor, got, ROOM), 4);
    assert_int_equal(got[0].offset, 104);
    assert_true(window_after(w, 500, &cursor)); /* another instance is farther */
    assert_int_equal(cursor, window_newest(w));
    assert_false(window_after(w, 98, &cursor)); /* 99 may have changed something, before the window began */
    window_destroy(w);
}

static void what_is_written_over_is_said_to_be_lost(void **unused)
{
    struct window *w = window_create(ROOM);
    struct window_change got[ROOM];
    uint64_t early = window_newest(w), cursor;

    window_show(w, 0);
    for (uint64_t offset = 0; offset < ROOM + 3; offset++)
        add(w, offset, 1);
    window_show(w, ROOM + 3);
    assert_int_equal(window_read(w, &early, got, ROOM), -1);
    assert_false(window_after(w, 1, &cursor));
    assert_true(window_after(w, 3, &cursor)); /* its change is here: nothing behind it is lost */
    assert_int_equal(window_read(w, &cursor, got, ROOM), ROOM - 1);
    assert_int_equal(got[0].offset, 4);
    window_destroy(w);
}

static void after_a_new_beginning_nothing_of_before_is_there(void **unused)
{
    struct window *w = window_create(ROOM);
    struct window_change got[ROOM];
    uint64_t before = window_newest(w), cursor;

    window_show(w, 1000);
    add(w, 1000, 1);
    window_show(w, 1001);
    window_clear(w);
    window_show(w, 1);
    add(w, 1, 9);
    window_show(w, 2);
    assert_int_equal(window_read(w, &before, got, ROOM), -1);
    assert_true(window_after(w, 0, &cursor));
    assert_int_equal(window_read(w, &cursor, got, ROOM), 1);
    assert_int_equal(got[0].sku, 9);
    window_destroy(w);
}

/* ---- a reader beside the writer ---- */

enum { MANY = 400000 };
static _Atomic bool done;

static void *write_many(void *context)
{
    struct window *w = context;

    for (uint64_t n = 0; n < MANY; n++) {
        window_add(w, &(struct window_change){.offset = n,
                                              .sku = (uint32_t)n,
                                              .location = ~(uint32_t)n,
                                              .net_was = (int64_t)n * 3,
                                              .net_now = -(int64_t)n,
                                              .at = (int64_t)n + 1});
        if (n % 5 == 4)
            window_show(w, n + 1);
    }
    window_show(w, MANY);
    atomic_store(&done, true);
    return NULL;
}

static void check_whole(const struct window_change *c, uint64_t n)
{
    assert_int_equal(c->offset, n);
    assert_int_equal(c->sku, (uint32_t)n);
    assert_int_equal(c->location, ~(uint32_t)n);
    assert_int_equal(c->net_was, (int64_t)n * 3);
    assert_int_equal(c->net_now, -(int64_t)n);
    assert_int_equal(c->at, (int64_t)n + 1);
}

static void a_reader_sees_whole_changes_or_that_it_was_too_slow(void **unused)
{
    struct window *w = window_create(1024);
    struct window_change got[ROOM];
    pthread_t writer;
    uint64_t cursor = 0, n = 0;

    window_show(w, 0);
    assert_int_equal(pthread_create(&writer, NULL, write_many, w), 0);
    while (!atomic_load(&done)) {
        int count = window_read(w, &cursor, got, ROOM);
        for (int i = 0; i < count; i++)
            check_whole(&got[i], n++);
        if (count < 0)
            cursor = n = window_newest(w); /* the nth change is of record n */
    }
    pthread_join(writer, NULL);
    cursor = MANY - ROOM;
    assert_int_equal(window_read(w, &cursor, got, ROOM), ROOM);
    for (unsigned i = 0; i < ROOM; i++)
        check_whole(&got[i], MANY - ROOM + i);
    window_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_come_in_order_and_only_when_shown),
        cmocka_unit_test(one_goes_on_where_one_was),
        cmocka_unit_test(what_is_written_over_is_said_to_be_lost),
        cmocka_unit_test(after_a_new_beginning_nothing_of_before_is_there),
        cmocka_unit_test(a_reader_sees_whole_changes_or_that_it_was_too_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
