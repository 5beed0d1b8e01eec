/* What was asked for and not found: exact while there is room, bounded beyond, looked at while it is written,
 * kept over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/error.h"
#include "core/answer/unmet.h"

#include <pthread.h>
#include <stdatomic.h>

enum { KEYS = 64, HOURS = 4, PARTS = 2 };

static struct unmet_key key(uint32_t sku)
{
    return (struct unmet_key){sku, sku % 3, sku % 2 ? 7 : UNMET_NONE};
}

static void note(struct unmet *u, unsigned part, int64_t hour, uint32_t sku, enum unmet_cause cause,
                 uint64_t units)
{
    struct unmet_key k = key(sku);
    unmet_note(u, part, hour, &k, cause, units);
}

/* What is told of a SKU in an hour, all parts together; *ret_total likewise. */
static struct unmet_count told(const struct unmet *u, int64_t hour, uint32_t sku, uint64_t *ret_total,
                               uint64_t *ret_told)
{
    struct unmet_entry *room = calloc(unmet_keys(u), sizeof(*room));
    struct unmet_count sum = {0};
    uint64_t total = 0, all = 0;
    for (size_t n = 0; n < unmet_slots(u); n++) {
        struct unmet_hour h = unmet_copy(u, n, room);
        if (h.hour != hour)
            continue;
        total += unmet_times(&h.total);
        for (size_t i = 0; i < h.entries_count; i++) {
            all += unmet_times(&room[i].count);
            if (room[i].key.sku != sku)
                continue;
            for (int c = 0; c < UNMET_CAUSES; c++)
                sum.times[c] += room[i].count.times[c];
            sum.units += room[i].count.units;
        }
    }
    free(room);
    if (ret_total)
        *ret_total = total;
    if (ret_told)
        *ret_told = all;
    return sum;
}

static void all_is_exact_while_there_is_room(void **unused)
{
    struct unmet *u = unmet_create(PARTS, HOURS, KEYS);
    uint64_t total, all;
    for (uint32_t sku = 0; sku < KEYS; sku++)
        for (uint32_t i = 0; i <= sku; i++)
            note(u, i % PARTS, 1000, sku, (enum unmet_cause)(i % UNMET_CAUSES), 500);
    for (uint32_t sku = 0; sku < KEYS; sku++) {
        struct unmet_count c = told(u, 1000, sku, &total, &all);
        assert_int_equal(unmet_times(&c), sku + 1);
        assert_int_equal(c.times[UNMET_QUERY], sku / 3 + 1);
        assert_int_equal(c.units, (sku + 1) * 500);
    }
    assert_int_equal(total, KEYS * (KEYS + 1) / 2);
    assert_int_equal(all, total);
    struct unmet_count c = told(u, 1001, 5, &total, &all);
    assert_true(total == 0 && all == 0 && unmet_times(&c) == 0);
    unmet_destroy(u);
}

static void an_hour_gives_way_to_one_that_needs_its_place(void **unused)
{
    struct unmet *u = unmet_create(1, HOURS, KEYS);
    uint64_t total;
    note(u, 0, 1000, 1, UNMET_QUERY, 0);
    note(u, 0, 1001, 2, UNMET_QUERY, 0);
    note(u, 0, 1000 + HOURS, 3, UNMET_STORES, 0);
    told(u, 1000, 1, &total, NULL);
    assert_int_equal(total, 0);
    told(u, 1001, 2, &total, NULL);
    assert_int_equal(total, 1);
    struct unmet_count c = told(u, 1000 + HOURS, 3, &total, NULL);
    assert_true(c.times[UNMET_STORES] == 1 && total == 1);
    note(u, 0, 1000, 1, UNMET_QUERY, 0); /* a clock that went back */
    told(u, 1000, 1, &total, NULL);
    assert_int_equal(total, 0);
    unmet_destroy(u);
}

/* Many more keys than there is room for, few of them often: nothing is told that was not, totals are exact,
 * what is told of no key bounds what is missing of any, and the frequent are there. */
static void beyond_its_room_it_keeps_the_frequent_and_says_how_wrong_it_is(void **unused)
{
    enum { MANY = 5000, NOTES = 200000 };
    for (unsigned seed = 1; seed <= 5; seed++) {
        struct unmet *u = unmet_create(1, HOURS, KEYS);
        unsigned random = seed;
        static uint64_t truth[MANY];
        uint64_t total, all;
        memset(truth, 0, sizeof(truth));
        for (int i = 0; i < NOTES; i++) {
            uint32_t r = (uint32_t)rand_r(&random) % MANY + 1;
            uint32_t sku = (uint32_t)rand_r(&random) % r; /* the low ones far more often */
            sku = rand_r(&random) % 2 ? sku % 20 : sku;
            truth[sku]++;
            note(u, 0, 7, sku, UNMET_QUERY, 0);
        }
        told(u, 7, 0, &total, &all);
        assert_int_equal(total, NOTES);
        assert_true(all <= total && total - all < NOTES);
        for (uint32_t sku = 0; sku < MANY; sku++) {
            struct unmet_count c = told(u, 7, sku, NULL, NULL);
            assert_true(unmet_times(&c) <= truth[sku]);
            assert_true(truth[sku] <= unmet_times(&c) + (total - all));
            if (truth[sku] > NOTES / KEYS) /* the method's promise: it has never been let go for good */
                assert_true(unmet_times(&c) > 0);
        }
        unmet_destroy(u);
    }
}

/* ---- looked at while it is written ---- */

static _Atomic bool stop;

static void *look(void *context)
{
    const struct unmet *u = context;
    while (!atomic_load(&stop)) {
        struct unmet_entry room[KEYS];
        for (size_t n = 0; n < unmet_slots(u); n++) {
            struct unmet_hour h = unmet_copy(u, n, room);
            uint64_t sum = 0;
            for (size_t i = 0; h.hour >= 0 && i < h.entries_count; i++) {
                struct unmet_key k = key(room[i].key.sku); /* never half of one and half of another */
                assert_memory_equal(&room[i].key, &k, sizeof(k));
                sum += unmet_times(&room[i].count);
            }
            if (h.hour >= 0)
                assert_true(sum <= unmet_times(&h.total));
        }
    }
    return NULL;
}

static void who_looks_sees_no_halves(void **unused)
{
    struct unmet *u = unmet_create(1, 2, KEYS);
    pthread_t thread;
    unsigned random = 3;
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, look, u), 0);
    for (int i = 0; i < 300000; i++)
        note(u, 0, i / 20000, (uint32_t)rand_r(&random) % 200, UNMET_QUERY, 1);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    unmet_destroy(u);
}

/* ---- kept ---- */

static void it_is_kept_over_a_restart(void **unused)
{
    struct unmet *u = unmet_create(PARTS, HOURS, KEYS), *again = unmet_create(1, HOURS, KEYS);
    struct buffer saved = {0};
    uint64_t total, all;
    for (uint32_t i = 0; i < 3 * KEYS; i++) /* two parts full, and of other keys */
        for (uint32_t k = 0; k <= i % 5; k++)
            note(u, i % PARTS, 1000, i / 2, UNMET_RESERVATION, 1000);
    note(u, 0, 1003, 9, UNMET_STORES, 2000);
    uint64_t before;
    told(u, 1000, 0, &before, NULL);
    assert_int_equal(unmet_save(u, 42, &saved), 0);
    assert_int_equal(unmet_restore(again, 43, 1003, saved.at, saved.length), ERROR_INVALID);
    assert_int_equal(unmet_restore(again, 42, 1003, saved.at, saved.length - 1), ERROR_CORRUPT);
    assert_int_equal(unmet_restore(again, 42, 1003, saved.at, 7), ERROR_CORRUPT);
    saved.at[saved.length - 1] ^= 1;
    assert_int_equal(unmet_restore(again, 42, 1003, saved.at, saved.length), ERROR_CORRUPT);
    saved.at[saved.length - 1] ^= 1;
    assert_int_equal(unmet_restore(again, 42, 1003, saved.at, saved.length), 0);
    note(again, 0, 1003, 9, UNMET_STORES, 2000);
    struct unmet_count c = told(again, 1003, 9, &total, &all);
    assert_true(c.times[UNMET_STORES] == 2 && c.units == 4000 && total == 2 && all == 2);
    told(again, 1000, 0, &total, &all);
    assert_int_equal(total, before);
    assert_true(all <= total && all > 0);
    struct unmet *later = unmet_create(1, HOURS, KEYS);
    assert_int_equal(unmet_restore(later, 42, 1000 + HOURS, saved.at, saved.length), 0);
    told(later, 1000, 0, &total, NULL);
    assert_int_equal(total, 0); /* too old */
    told(later, 1003, 0, &total, NULL);
    assert_int_equal(total, 1);
    buffer_finish(&saved);
    unmet_destroy(later);
    unmet_destroy(again);
    unmet_destroy(u);
}

static void without_room_there_is_none(void **unused)
{
    assert_null(unmet_create(1, 0, KEYS));
    assert_null(unmet_create(1, HOURS, 0));
    unmet_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_exact_while_there_is_room),
        cmocka_unit_test(an_hour_gives_way_to_one_that_needs_its_place),
        cmocka_unit_test(beyond_its_room_it_keeps_the_frequent_and_says_how_wrong_it_is),
        cmocka_unit_test(who_looks_sees_no_halves),
        cmocka_unit_test(it_is_kept_over_a_restart),
        cmocka_unit_test(without_room_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
