/* The window of the last changes: in order, resumed, written over, and read while it is written. */
#include "core/table/window.h"

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { ROOM = 1024 };

struct seen {
    uint64_t offset, value;
    unsigned more;
};

/* An entry of one slot, or of several that all carry its value. */
static void add_long(struct window *w, uint64_t offset, uint64_t value, unsigned more)
{
    struct window_slot slots[WINDOW_SLOTS_OF_ENTRY_MOST];

    for (unsigned i = 0; i <= more; i++) {
        slots[i].word[0] = window_head(offset, i ? 0 : 5, (uint8_t)(i ? 0 : more));
        for (unsigned k = 1; k < WINDOW_WORDS; k++)
            slots[i].word[k] = value * k + i;
    }
    window_add(w, slots, 1 + more);
}

static void add(struct window *w, uint64_t offset, uint64_t value)
{
    add_long(w, offset, value, 0);
}

static void check_slot(const struct window_slot *s, uint64_t value, unsigned i)
{
    for (unsigned k = 1; k < WINDOW_WORDS; k++)
        assert_int_equal(s->word[k], value * k + i);
}

/* The next entries, each looked at word by word. */
static int read_some(const struct window *w, uint64_t *cursor, struct seen *ret)
{
    static struct window_slot slots[ROOM];
    int got = window_read(w, cursor, slots, ROOM), count = 0;

    for (int i = 0; i < got; count++) {
        ret[count] =
            (struct seen){window_slot_offset(&slots[i]), slots[i].word[1], window_slot_more(&slots[i])};
        assert_int_equal(window_slot_own(&slots[i]), 5);
        for (unsigned k = 0; k <= ret[count].more; k++)
            check_slot(&slots[i + (int)k], ret[count].value, k);
        i += 1 + (int)ret[count].more;
    }
    return got < 0 ? got : count;
}

static void changes_come_in_order_and_only_when_shown(void **unused)
{
    struct window *w = window_create(ROOM);
    struct seen got[ROOM];
    uint64_t cursor = window_newest(w);

    window_show(w, 100);
    add(w, 100, 1);
    assert_int_equal(read_some(w, &cursor, got), 0);
    add(w, 100, 2);
    window_show(w, 101);
    assert_int_equal(window_shown(w), 101);
    assert_int_equal(read_some(w, &cursor, got), 2);
    assert_int_equal(got[0].value, 1);
    assert_int_equal(got[1].value, 2);
    assert_int_equal(got[1].offset, 100);
    assert_int_equal(read_some(w, &cursor, got), 0);
    window_destroy(w);
}

/* A reader whose room ends in the middle of an entry comes again for all of it. */
static void entries_of_many_slots_are_read_whole(void **unused)
{
    struct window *w = window_create(ROOM);
    struct window_slot slots[WINDOW_SLOTS_OF_ENTRY_MOST];
    struct seen got[ROOM];
    uint64_t cursor = window_newest(w), again = cursor;

    window_show(w, 100);
    add_long(w, 100, 3, 200);
    add_long(w, 101, 4, 255);
    add(w, 101, 5);
    window_show(w, 102);
    assert_int_equal(window_read(w, &cursor, slots, WINDOW_SLOTS_OF_ENTRY_MOST), 201);
    assert_int_equal(window_read(w, &cursor, slots, WINDOW_SLOTS_OF_ENTRY_MOST), 256);
    assert_int_equal(window_read(w, &cursor, slots, WINDOW_SLOTS_OF_ENTRY_MOST), 1);
    assert_int_equal(read_some(w, &again, got), 3);
    assert_int_equal(got[1].more, 255);
    assert_true(window_after(w, 100, &cursor));
    assert_int_equal(read_some(w, &cursor, got), 2);
    window_destroy(w);
}

static void one_goes_on_where_one_was(void **unused)
{
    struct window *w = window_create(ROOM);
    struct seen got[ROOM];
    uint64_t cursor;

    window_show(w, 100);
    for (uint64_t offset = 102; offset < 106; offset++) {
        add(w, offset, 1);
        add(w, offset, 2);
    }
    window_show(w, 106);
    assert_true(window_after(w, 99, &cursor)); /* nothing changed at 100 and 101 */
    assert_int_equal(read_some(w, &cursor, got), 8);
    assert_true(window_after(w, 103, &cursor));
    assert_int_equal(read_some(w, &cursor, got), 4);
    assert_int_equal(got[0].offset, 104);
    assert_true(window_after(w, 500, &cursor)); /* another instance is farther */
    assert_int_equal(cursor, window_newest(w));
    assert_int_equal(window_oldest_offset(w), 99);
    assert_false(window_after(w, 98, &cursor)); /* 99 may have changed something, before the window began */
    window_destroy(w);
}

static void what_is_written_over_is_said_to_be_lost(void **unused)
{
    struct window *w = window_create(ROOM);
    struct seen got[ROOM];
    uint64_t early = window_newest(w), cursor;

    window_show(w, 0);
    for (uint64_t offset = 0; offset < ROOM + 3; offset++)
        add(w, offset, 1);
    window_show(w, ROOM + 3);
    assert_int_equal(read_some(w, &early, got), -1);
    assert_false(window_after(w, 1, &cursor));
    assert_int_equal(window_oldest_offset(w), 3);
    assert_true(window_after(w, 3, &cursor)); /* its change is here: nothing behind it is lost */
    assert_int_equal(read_some(w, &cursor, got), ROOM - 1);
    assert_int_equal(got[0].offset, 4);
    window_destroy(w);
}

static void after_a_new_beginning_nothing_of_before_is_there(void **unused)
{
    struct window *w = window_create(ROOM);
    struct seen got[ROOM];
    uint64_t before = window_newest(w), cursor;

    window_show(w, 1000);
    add(w, 1000, 1);
    window_show(w, 1001);
    window_clear(w, 1);
    add(w, 1, 9);
    window_show(w, 2);
    assert_int_equal(read_some(w, &before, got), -1);
    assert_true(window_after(w, 0, &cursor));
    assert_int_equal(read_some(w, &cursor, got), 1);
    assert_int_equal(got[0].value, 9);
    window_destroy(w);
}

/* ---- checkpoints ---- */

/* Saves what stands before an offset and loads it into another; while it is saved, `meanwhile` are added. */
static struct window *moved(struct window *w, uint64_t before, unsigned meanwhile, size_t room)
{
    struct window *to = window_create(room);
    static char piece[WINDOW_PIECE_BYTES];
    uint64_t cursor = WINDOW_SAVE_ALL;
    size_t length;

    while ((length = window_save(w, &cursor, before, piece))) {
        assert_int_equal(window_load(to, piece, length), 0);
        for (unsigned i = 0; i < meanwhile; i++)
            add(w, before + i, 7);
    }
    window_show(to, before);
    return to;
}

static void what_is_saved_is_there_after_loading(void **unused)
{
    struct window *w = window_create(4 * ROOM), *to;
    struct seen got[ROOM];
    uint64_t cursor;

    window_show(w, 100);
    for (uint64_t offset = 100; offset < 100 + 2 * ROOM; offset++)
        add(w, offset, offset);
    add(w, 100 + 2 * ROOM, 1); /* behind the cut */
    window_show(w, 101 + 2 * ROOM);
    to = moved(w, 100 + 2 * ROOM, 1, 4 * ROOM);
    assert_false(window_after(to, 98, &cursor));
    assert_true(window_after(to, 99, &cursor));
    assert_int_equal(read_some(to, &cursor, got), ROOM);
    assert_int_equal(got[0].offset, 100);
    assert_int_equal(read_some(to, &cursor, got), ROOM);
    assert_int_equal(got[ROOM - 1].offset, 99 + 2 * ROOM);
    assert_int_equal(read_some(to, &cursor, got), 0);
    window_destroy(to);
    to = moved(w, 100 + 2 * ROOM, 1, ROOM); /* a smaller one keeps the newest */
    assert_false(window_after(to, 99 + ROOM, &cursor));
    assert_true(window_after(to, 100 + ROOM, &cursor));
    assert_int_equal(read_some(to, &cursor, got), ROOM - 1);
    window_destroy(to);
    window_destroy(w);
}

static void an_empty_window_is_saved_with_its_beginning(void **unused)
{
    struct window *w = window_create(ROOM), *to;
    uint64_t cursor;

    window_show(w, 100);
    window_show(w, 500);
    to = moved(w, 500, 0, ROOM);
    assert_true(window_after(to, 99, &cursor));
    assert_false(window_after(to, 98, &cursor));
    window_destroy(to);
    window_destroy(w);
}

/* What is written over while it is saved leaves no hole that nobody sees. */
static void what_is_lost_while_saving_is_said_to_be_lost(void **unused)
{
    struct window *w = window_create(2 * ROOM), *to;
    struct seen got[ROOM];
    uint64_t cursor;

    window_show(w, 0);
    for (uint64_t offset = 0; offset < 2 * ROOM; offset++)
        add(w, offset, offset);
    window_show(w, 2 * ROOM);
    to = moved(w, 2 * ROOM, ROOM + 10, 2 * ROOM); /* after the first piece ten of the rest are gone */
    assert_false(window_after(to, 5, &cursor));
    assert_false(window_after(to, ROOM + 9, &cursor));
    assert_int_equal(window_oldest_offset(to), ROOM + 10);
    assert_true(window_after(to, ROOM + 10, &cursor));
    assert_int_equal(read_some(to, &cursor, got), ROOM - 11);
    assert_int_equal(got[0].offset, ROOM + 11);
    window_destroy(to);
    window_destroy(w);
}

static void a_piece_that_is_none_is_refused(void **unused)
{
    struct window *w = window_create(ROOM);
    char piece[16 + 2 * sizeof(struct window_slot)] = {0};

    assert_int_equal(window_load(w, piece, 15), ERROR_CORRUPT);
    assert_int_equal(window_load(w, piece, 17), ERROR_CORRUPT);
    piece[16] = 9; /* the first slot is of a later record than the second */
    assert_int_equal(window_load(w, piece, sizeof(piece)), ERROR_CORRUPT);
    window_destroy(w);
}

/* ---- a reader beside the writer ---- */

enum { MANY = 200000 };
static _Atomic bool done;

static void *write_many(void *context)
{
    struct window *w = context;

    for (uint64_t n = 0; n < MANY; n++) {
        add_long(w, n, n, n % 7 == 0);
        if (n % 5 == 4)
            window_show(w, n + 1);
    }
    window_show(w, MANY);
    atomic_store(&done, true);
    return NULL;
}

static void a_reader_sees_whole_changes_or_that_it_was_too_slow(void **unused)
{
    struct window *w = window_create(ROOM);
    struct seen got[ROOM];
    pthread_t writer;
    uint64_t cursor = 0, next = 0;

    window_show(w, 0);
    assert_int_equal(pthread_create(&writer, NULL, write_many, w), 0);
    while (!atomic_load(&done)) {
        int count = read_some(w, &cursor, got);
        for (int i = 0; i < count; i++) {
            if (next)
                assert_int_equal(got[i].offset, next);
            assert_int_equal(got[i].value, got[i].offset);
            next = got[i].offset + 1;
        }
        if (count < 0) {
            cursor = window_newest(w);
            next = 0; /* whichever comes */
        }
    }
    pthread_join(writer, NULL);
    assert_true(window_after(w, MANY - 10, &cursor));
    assert_int_equal(read_some(w, &cursor, got), 9);
    assert_int_equal(got[8].value, MANY - 1);
    window_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_come_in_order_and_only_when_shown),
        cmocka_unit_test(entries_of_many_slots_are_read_whole),
        cmocka_unit_test(one_goes_on_where_one_was),
        cmocka_unit_test(what_is_saved_is_there_after_loading),
        cmocka_unit_test(an_empty_window_is_saved_with_its_beginning),
        cmocka_unit_test(what_is_lost_while_saving_is_said_to_be_lost),
        cmocka_unit_test(a_piece_that_is_none_is_refused),
        cmocka_unit_test(what_is_written_over_is_said_to_be_lost),
        cmocka_unit_test(after_a_new_beginning_nothing_of_before_is_there),
        cmocka_unit_test(a_reader_sees_whole_changes_or_that_it_was_too_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
