/* One writer, two readers, everything growing: no torn row, no sum of two versions, nothing that goes back.
 * Run it under ThreadSanitizer too. */
#include "base/hash.h"
#include "core/table/latch.h"
#include "core/table/read.h"
#include "core/table/table.h"
#include "rows.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { HOT = 4, READERS = 2, PUBLISHES = 60000, ROWS_MOST = 1200, SUM = 1000000 };

static struct {
    struct epoch *epoch;
    struct table *table;
    _Atomic bool done;
    _Atomic unsigned long torn, sums, backwards, lost, reads;
} run;

static struct text name_of(char buffer[32], unsigned number)
{
    return (struct text){buffer, (size_t)snprintf(buffer, 32, "stress-%u", number)};
}

/* ---- the writer: moves quantities between rows of a SKU, so that their sum stays; adds rows without any
 * ---- */

struct hot {
    struct sku *sku;
    uint32_t rows;
    int64_t on_hand[ROWS_MOST];
};

/* A rare part says the row's offset; one that is gone says something else. */
static uint64_t *rare_of(uint64_t offset)
{
    uint64_t *rare = malloc(sizeof(*rare));

    if (!rare)
        abort();
    *rare = offset;
    return rare;
}

static void spoil_and_free(void *memory)
{
    *(uint64_t *)memory = UINT64_MAX;
    free(memory);
}

static void hot_publish(struct hot *h, uint32_t first, uint32_t count, uint64_t offset)
{
    static struct row_image rows[ROWS_MOST];

    for (uint32_t k = 0; k < count; k++) {
        uint32_t at = (first + k) % h->rows;
        rows[k] = tied_row(at * 3, h->on_hand[at], offset);
        rows[k].word[ROW_RARE] = (uint64_t)(uintptr_t)rare_of(offset);
    }
    if (table_publish(run.table, h->sku, rows, count) != 0)
        abort();
}

static void hot_change(struct hot *h, uint64_t offset, unsigned *seed)
{
    bool add = h->rows < 2 || (h->rows < ROWS_MOST && rand_r(seed) % 50 == 0);
    uint32_t first = add ? h->rows : (uint32_t)rand_r(seed) % h->rows, count = 2 + (uint32_t)rand_r(seed) % 6;

    h->rows += add;
    if (rand_r(seed) % 2000 == 0)
        count = h->rows; /* sometimes all of them, more than the parked area holds */
    count = count < h->rows ? count : h->rows;
    for (uint32_t k = 1; k < count; k++) {
        int64_t moved = rand_r(seed) % 100;
        h->on_hand[(first + k) % h->rows] += moved;
        h->on_hand[first % h->rows] -= moved;
    }
    hot_publish(h, first, count, offset);
}

static void write_all(struct hot *hot)
{
    unsigned seed = 7;
    char buffer[32];

    for (uint64_t offset = 1; offset <= PUBLISHES; offset++) {
        hot_change(&hot[rand_r(&seed) % HOT], offset, &seed);
        if (offset % 8 == 0) {
            struct text name = name_of(buffer, (unsigned)(HOT + offset / 8));
            struct sku *s = table_add(run.table, name, hash_text(name));
            struct row_image r = tied_row(1, 1, offset);
            if (!s || table_publish(run.table, s, &r, 1) != 0)
                abort();
        }
        epoch_poll(run.epoch, 16);
    }
}

/* ---- the readers ---- */

static bool is_whole(const struct row_image *r)
{
    const uint64_t *rare = (const uint64_t *)row_rare(r);
    return row_is_tied(r) && (!rare || *rare == row_offset(r));
}

static void check_all(struct sku *s, struct row_image *rows)
{
    size_t count = sku_read_all(run.table, s, rows, ROWS_MOST);
    int64_t sum = 0;

    for (size_t k = 0; k < count; k++) {
        run.torn += !is_whole(&rows[k]);
        sum += row_on_hand(&rows[k]);
    }
    run.sums += sum != SUM;
    run.reads += count;
}

/* By the SKU's header, by the row's cell alone, and with others: in turns, so that one must not be behind
 * another. */
static bool read_in_turns(struct sku *s, uint32_t location, struct row_image *ret_row)
{
    static _Thread_local unsigned turn;
    struct table_ask asks[2] = {{sku_text(s), location}, {sku_text(s), location + 1}};
    struct row_image rows[2];

    switch (turn++ % 3) {
    case 0:
        return sku_read(run.table, s, location, ret_row);
    case 1:
        return table_read(run.table, sku_text(s), location, ret_row);
    default:
        if (table_read_many(run.table, asks, 2, rows) != 1) /* the second is nowhere */
            return false;
        *ret_row = rows[0];
        return true;
    }
}

static void check_one(struct sku *s, uint32_t at, uint64_t *newest)
{
    struct row_image r;

    if (!read_in_turns(s, at * 3, &r)) {
        run.lost += *newest > 0;
        return;
    }
    run.torn += !is_whole(&r);
    run.backwards += row_offset(&r) < *newest;
    *newest = row_offset(&r);
    run.reads++;
}

static void check_two(struct sku *s, uint32_t at)
{
    struct row_image r[2];
    uint32_t locations[] = {at * 3, at * 3 + 1}; /* the second is nowhere */

    size_t found = sku_read_many(run.table, s, locations, 2, r);
    run.torn += found == 1 && !is_whole(&r[0]);
    run.lost += r[1].word[ROW_WHO] != locations[1] || found > 1;
}

/* A SKU below the count is found by its text, with its row or still without. */
static void check_growth(unsigned *seed)
{
    char buffer[32];
    struct text name = name_of(buffer, 0);
    uint32_t count = table_sku_count(run.table), number = (uint32_t)rand_r(seed) % count;
    struct sku *s = table_sku(run.table, number);
    struct row_image r;

    name = name_of(buffer, number < HOT ? number : number + 1);
    run.lost += table_find_for(run.table, name, hash_text(name), 1) != s || !text_equal(sku_text(s), name);
    if (number >= HOT && sku_read(run.table, s, 1, &r))
        run.torn += !is_whole(&r) || row_on_hand(&r) != 1;
}

static void *read_on(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    struct epoch_reader *reader = epoch_register(run.epoch);
    struct row_image *rows = calloc(ROWS_MOST, sizeof(*rows));
    uint64_t(*newest)[ROWS_MOST] = calloc(HOT, sizeof(*newest));

    while (!run.done) {
        uint32_t k = (uint32_t)rand_r(&seed) % HOT, at = (uint32_t)rand_r(&seed) % ROWS_MOST;
        epoch_enter(reader);
        struct sku *s = table_sku(run.table, k);
        check_all(s, rows);
        check_one(s, at, &newest[k][at]);
        check_one(s, at % 8, &newest[k][at % 8]);
        check_two(s, at % 8);
        check_growth(&seed);
        epoch_exit(reader);
    }
    free(newest);
    free(rows);
    epoch_unregister(reader);
    return NULL;
}

static void readers_see_whole_versions_while_all_grows(void **unused)
{
    static struct hot hot[HOT];
    pthread_t readers[READERS];
    char buffer[32];

    run.epoch = epoch_create();
    run.table = table_create(&(struct table_options){.epoch = run.epoch, .retire_rare = spoil_and_free});
    for (unsigned k = 0; k < HOT; k++) {
        struct text name = name_of(buffer, k);
        hot[k] =
            (struct hot){.sku = table_add(run.table, name, hash_text(name)), .rows = 1, .on_hand[0] = SUM};
        hot_publish(&hot[k], 0, 1, 0);
    }
    for (uintptr_t k = 0; k < READERS; k++)
        assert_int_equal(pthread_create(&readers[k], NULL, read_on, (void *)(k + 1)), 0);
    write_all(hot);
    run.done = true;
    for (int k = 0; k < READERS; k++)
        pthread_join(readers[k], NULL);
    print_message("%lu rows read beside %d publishes\n", run.reads, PUBLISHES);
    assert_int_equal(run.torn, 0);
    assert_int_equal(run.sums, 0);
    assert_int_equal(run.backwards, 0);
    assert_int_equal(run.lost, 0);
    for (int k = 0; k < HOT; k++)
        assert_int_equal(sku_rows_count(hot[k].sku), hot[k].rows);
    table_destroy(run.table);
    epoch_destroy(run.epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_versions_while_all_grows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
