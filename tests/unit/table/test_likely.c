/* Which rows may have anything: the bits of SKUs with many rows against the rows themselves, through every
 * way in which rows are published, and while a writer changes them. */
#include "base/hash.h"
#include "core/table/likely.h"
#include "core/table/table.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PLACES = 6000, FEW = 90 };

struct fixture {
    struct epoch *epoch;
    struct epoch_reader *reader;
    struct table *table;
    struct sku *sku;
    unsigned seed;
    bool there[PLACES], may[PLACES]; /* of each place: a row, a row that may have anything */
    size_t rows;
};

static struct fixture *begin(void)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->seed = 11;
    f->epoch = epoch_create();
    f->reader = epoch_register(f->epoch);
    f->table = table_create(&(struct table_options){.epoch = f->epoch});
    f->sku = table_add(f->table, TEXT("anything"), hash_text(TEXT("anything")));
    assert_non_null(f->sku);
    return f;
}

static void end(struct fixture *f)
{
    table_destroy(f->table);
    epoch_unregister(f->reader);
    epoch_destroy(f->epoch);
    free(f);
}

static unsigned any(struct fixture *f, unsigned below)
{
    return (unsigned)rand_r(&f->seed) % below;
}

/* Any row: with something or not in each of the ways in which a row can be so. */
static struct row_image any_row(struct fixture *f, uint32_t location)
{
    uint64_t on_hand = any(f, 4), less = any(f, 3);
    uint8_t flags = any(f, 8) ? ROW_COUNTED : ROW_DATED;
    struct row_image r = {.word = {row_who(location, 1), on_hand}};

    r.word[ROW_UNAVAILABLE + any(f, 3)] = less;
    r.word[ROW_SAFETY_STOCK] = any(f, 100); /* a channel's rule may set another: it does not count */
    r.word[ROW_VERSION] = row_version(1, 0, flags);
    f->rows += !f->there[location];
    f->there[location] = true;
    f->may[location] = flags == ROW_DATED || on_hand > less;
    return r;
}

static void publish(struct fixture *f, const struct row_image *rows, size_t count)
{
    assert_int_equal(table_publish(f->table, f->sku, rows, count), 0);
}

/* Nobody writes: the bits are as the rows are. */
static void check(const struct fixture *f, uint32_t reach)
{
    static uint32_t listed[PLACES];
    const struct likely *l = sku_likely(f->table, f->sku);
    size_t count = 0;

    assert_non_null(l);
    for (uint32_t i = 0; i < reach; i++) {
        assert_int_equal(likely_has(l, i), f->may[i]);
        count += f->may[i];
    }
    assert_int_equal(likely_count(l), count);
    assert_int_equal(likely_list(l, listed, PLACES), count);
    for (size_t i = 0; i < count; i++)
        assert_true(f->may[listed[i]] && (!i || listed[i] > listed[i - 1]));
    assert_int_equal(likely_list(l, listed, 0), count);
}

static void few_rows_have_no_bits(void **unused)
{
    struct fixture *f = begin();

    assert_null(sku_likely(f->table, f->sku));
    for (uint32_t i = 0; i < FEW; i++) {
        struct row_image r = any_row(f, i);
        publish(f, &r, 1);
        assert_null(sku_likely(f->table, f->sku));
    }
    struct row_image r = any_row(f, FEW);
    publish(f, &r, 1);
    check(f, PLACES / 6);
    end(f);
}

/* Some rows at once, now and then more than are changed in place; new ones and known ones. */
static void bits_follow_the_rows(void **unused)
{
    static struct row_image rows[PLACES];
    struct fixture *f = begin();

    for (uint32_t i = 0; i < 200; i++)
        rows[i] = any_row(f, i);
    publish(f, rows, 200);
    for (int round = 0; round < 3000; round++) {
        size_t count = any(f, 100) ? 1 + any(f, 8) : 1 + any(f, (unsigned)f->rows);
        uint32_t first = any(f, (unsigned)f->rows + 1);
        for (size_t i = 0; i < count; i++) /* side by side, so that each comes once */
            rows[i] = any_row(f, (first + (uint32_t)i) % PLACES);
        publish(f, rows, count);
        if (round % 10 == 0)
            check(f, (uint32_t)f->rows);
    }
    assert_true(f->rows > 2000);
    check(f, PLACES);
    end(f);
}

/* A cell's changes are counted up to 65,534: then the block is built anew. */
static void bits_stay_when_a_row_moves(void **unused)
{
    static struct row_image rows[300];
    struct fixture *f = begin();

    for (uint32_t i = 0; i < 300; i++)
        rows[i] = any_row(f, i);
    publish(f, rows, 300);
    const struct likely *first = sku_likely(f->table, f->sku);
    for (int i = 0; i < 70000; i++) {
        struct row_image r = any_row(f, 7);
        publish(f, &r, 1);
        assert_int_equal(likely_has(sku_likely(f->table, f->sku), 7), f->may[7]);
    }
    assert_ptr_not_equal(sku_likely(f->table, f->sku), first);
    check(f, 300);
    end(f);
}

/* Few rows among many locations: of those that the bits do not reach anything may be. */
static void beyond_the_bits_nothing_is_known(void **unused)
{
    static struct row_image rows[200];
    struct fixture *f = begin();
    struct row_image nothing = {.word = {row_who(1000000, 1)}},
                     something = {.word = {row_who(1000000, 1), 5}};

    for (uint32_t i = 0; i < 200; i++)
        rows[i] = any_row(f, i);
    publish(f, rows, 200);
    publish(f, &nothing, 1);
    assert_true(likely_has(sku_likely(f->table, f->sku), 1000000));
    assert_true(likely_count(sku_likely(f->table, f->sku)) <= 200); /* nothing was ever there */
    publish(f, &something, 1);
    assert_true(likely_has(sku_likely(f->table, f->sku), 1000000));
    assert_int_equal(likely_count(sku_likely(f->table, f->sku)), SIZE_MAX);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(likely_has(sku_likely(f->table, f->sku), i), f->may[i]);
    end(f);
}

/* ---- beside a writer ---- */

struct race {
    struct fixture *fixture;
    _Atomic bool over;
    _Atomic unsigned lost, looks;
};

/* A row that is seen to have something, unchanged, before and after its bit was looked at. */
static void look(struct race *race, uint32_t location)
{
    const struct fixture *f = race->fixture;
    struct row_image before, after;

    if (!sku_read(f->table, f->sku, location, &before) || !row_may_have(&before, 1))
        return;
    bool has = likely_has(sku_likely(f->table, f->sku), location);
    if (!sku_read(f->table, f->sku, location, &after) || memcmp(&before, &after, sizeof(after)) != 0)
        return;
    race->lost += !has;
    race->looks++;
}

static void *read_on(void *argument)
{
    struct race *race = argument;
    struct epoch_reader *r = epoch_register(race->fixture->epoch);
    unsigned seed = 3;

    while (!race->over) {
        epoch_enter(r);
        for (int i = 0; i < 16; i++)
            look(race, (uint32_t)rand_r(&seed) % 16);
        epoch_exit(r);
    }
    epoch_unregister(r);
    return NULL;
}

static void a_clear_bit_is_never_behind_its_row(void **unused)
{
    static struct row_image rows[PLACES];
    struct race race = {.fixture = begin()};
    struct fixture *f = race.fixture;
    pthread_t readers[2];

    for (uint32_t i = 0; i < 200; i++)
        rows[i] = any_row(f, i);
    publish(f, rows, 200);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &race), 0);
    for (uint64_t round = 1; round < 100000 || race.looks < 1000; round++) {
        struct row_image some[2] = {any_row(f, any(f, 8)), any_row(f, 8 + any(f, 8))};
        some[0].word[ROW_VERSION] += round; /* no two alike */
        some[1].word[ROW_VERSION] += round;
        publish(f, some, 2);
        if (round % 100 == 0 && f->rows < PLACES) { /* the block grows now and then */
            struct row_image more = any_row(f, (uint32_t)f->rows);
            publish(f, &more, 1);
        }
        epoch_poll(f->epoch, 16);
    }
    race.over = true;
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(race.lost, 0);
    check(f, (uint32_t)f->rows);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_rows_have_no_bits),
        cmocka_unit_test(bits_follow_the_rows),
        cmocka_unit_test(bits_stay_when_a_row_moves),
        cmocka_unit_test(beyond_the_bits_nothing_is_known),
        cmocka_unit_test(a_clear_bit_is_never_behind_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
