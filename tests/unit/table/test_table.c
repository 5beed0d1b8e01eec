/* The allocation table by itself: what is published is what is read, in order, through every growth. */
#include "base/error.h"
#include "base/hash.h"
#include "core/table/block.h"
#include "core/table/index.h"
#include "core/table/read.h"
#include "core/table/table.h"
#include "rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
    struct epoch *epoch;
    struct epoch_reader *reader;
    struct table *table;
};

static int rares; /* retired so far */

static void count_rare(void *rare)
{
    rares++;
}

static struct fixture begin(void)
{
    struct fixture f = {.epoch = epoch_create()};

    rares = 0;
    assert_non_null(f.epoch);
    f.reader = epoch_register(f.epoch);
    f.table = table_create(&(struct table_options){.epoch = f.epoch, .retire_rare = count_rare});
    assert_non_null(f.reader);
    assert_non_null(f.table);
    return f;
}

static void end(struct fixture *f)
{
    table_destroy(f->table);
    epoch_unregister(f->reader);
    epoch_destroy(f->epoch);
}

static struct text numbered(char *buffer, size_t size, const char *prefix, unsigned number)
{
    return (struct text){buffer, (size_t)snprintf(buffer, size, "%s%u", prefix, number)};
}

static struct sku *add(struct table *t, struct text sku)
{
    struct sku *s = table_add(t, sku, hash_text(sku));
    assert_non_null(s);
    return s;
}

static void skus_are_found_by_text_and_number(void **unused)
{
    struct fixture f = begin();
    char text[64];

    for (unsigned k = 0; k < 70000; k++) {
        struct text name =
            numbered(text, sizeof(text), k % 3 ? "SKU-" : "a-longer-name-than-fits-inline-", k);
        struct sku *s = add(f.table, name);
        assert_int_equal(sku_number(s), k);
        assert_ptr_equal(add(f.table, name), s);
    }
    assert_int_equal(table_sku_count(f.table), 70000);
    for (unsigned k = 0; k < 70000; k++) {
        struct text name =
            numbered(text, sizeof(text), k % 3 ? "SKU-" : "a-longer-name-than-fits-inline-", k);
        struct sku *s = table_find(f.table, name);
        assert_ptr_equal(s, table_sku(f.table, k));
        assert_true(text_equal(sku_text(s), name));
        assert_int_equal(sku_rows_count(s), 0);
        assert_null(sku_item(s));
    }
    assert_null(table_find(f.table, TEXT("SKU-0")));
    assert_null(table_find(f.table, TEXT("SKU-70000")));
    assert_null(table_find(f.table, TEXT("")));
    end(&f);
}

static void texts_that_do_not_fit_are_refused(void **unused)
{
    struct fixture f = begin();
    char *long_text = calloc(1, 65536);

    assert_null(table_add(f.table, (struct text){long_text, 65536}, 1));
    assert_int_equal(table_sku_count(f.table), 0);
    struct sku *s = table_add(f.table, (struct text){long_text, 65535}, 1);
    assert_non_null(s);
    assert_int_equal(sku_text(s).length, 65535);
    free(long_text);
    end(&f);
}

/* One hash for all: only the texts tell them apart. */
static void equal_hashes_do_not_mix_up_texts(void **unused)
{
    struct fixture f = begin();
    char text[64];

    for (unsigned k = 0; k < 300; k++)
        assert_non_null(table_add(f.table, numbered(text, sizeof(text), "", k), 0xFFFFFFFF00000000u));
    for (unsigned k = 0; k < 300; k++)
        assert_int_equal(
            sku_number(table_find_hashed(f.table, numbered(text, sizeof(text), "", k), 0xFFFFFFFF00000000u)),
            k);
    assert_null(table_find_hashed(f.table, TEXT("300"), 0xFFFFFFFF00000000u));
    end(&f);
}

static void assert_row(const struct fixture *f, const struct sku *s, const struct row_image *want)
{
    struct row_image got;

    assert_true(sku_read(f->table, s, row_location(want), &got));
    assert_memory_equal(&got, want, sizeof(got));
    memset(&got, 0, sizeof(got));
    assert_true(sku_peek(s, row_location(want), &got));
    assert_memory_equal(&got, want, sizeof(got));
}

enum { ROWS_MOST = 3000 };

/* Rows in a plain array beside the table: the same calls, the same answers. */
static void rows_agree_with_a_plain_array(void **unused)
{
    struct fixture f = begin();
    struct sku *s = add(f.table, TEXT("one"));
    static struct row_image plain[ROWS_MOST], all[ROWS_MOST];
    size_t count = 0;

    srand(1);
    for (uint64_t offset = 1; count < ROWS_MOST; offset++) {
        struct row_image rows[8];
        size_t changed = 1 + (size_t)rand() % 8, fresh = count < 40 ? 1 : (size_t)rand() % 4;
        for (size_t k = 0; k < changed; k++) {
            bool new = count == 0 || (k < fresh && count + k < ROWS_MOST);
            size_t at = new ? count : ((size_t)rand() % count + k) % count;
            uint32_t location = new ? (uint32_t)count * 2654435761u % 1000003 : row_location(&plain[at]);
            bool twice = false;
            for (size_t j = 0; j < k; j++)
                twice |= row_location(&rows[j]) == location;
            if (twice) {
                changed = k;
                break;
            }
            rows[k] = plain[at] = tied_row(location, rand() % 1000, offset);
            count += new;
        }
        assert_int_equal(table_publish(f.table, s, rows, changed), 0);
        for (size_t k = 0; k < changed; k++)
            assert_row(&f, s, &rows[k]);
        if (count < 200 || count % 64 == 0) {
            assert_int_equal(sku_read_all(f.table, s, all, ROWS_MOST), count);
            assert_memory_equal(all, plain, count * sizeof(all[0]));
        }
    }
    for (size_t k = 0; k < count; k++)
        assert_row(&f, s, &plain[k]);
    struct row_image untouched = {{42}}, none = untouched;
    assert_false(sku_read(f.table, s, 1000003, &untouched));
    assert_false(sku_peek(s, 1000003, &untouched));
    assert_memory_equal(&untouched, &none, sizeof(none));
    assert_int_equal(table_rows_count(f.table), ROWS_MOST);
    assert_int_equal(sku_rows_count(s), ROWS_MOST);
    end(&f);
}

static void a_publish_may_change_any_number_of_rows(void **unused)
{
    enum { MANY = 20000 };
    struct fixture f = begin();
    struct sku *s = add(f.table, TEXT("everywhere"));
    struct row_image *rows = calloc(MANY, sizeof(*rows)), *all = calloc(MANY, sizeof(*all));

    for (uint64_t round = 1; round <= 3; round++) {
        for (uint32_t k = 0; k < MANY; k++)
            rows[k] = tied_row(k * 7, k, round);
        assert_int_equal(table_publish(f.table, s, rows, MANY), 0);
        assert_int_equal(sku_read_all(f.table, s, all, MANY), MANY);
        assert_memory_equal(all, rows, MANY * sizeof(*rows));
    }
    all[0].word[0] = 1;
    assert_int_equal(sku_read_all(f.table, s, all, MANY - 1), MANY); /* says how many, writes none */
    assert_int_equal(all[0].word[0], 1);
    free(rows);
    free(all);
    end(&f);
}

static void many_locations_are_read_together(void **unused)
{
    struct fixture f = begin();
    struct sku *s = add(f.table, TEXT("x"));
    struct row_image rows[] = {tied_row(5, 1, 1), tied_row(0, 2, 1), tied_row(0xFFFFFFFE, 3, 1)}, got[4];
    uint32_t locations[] = {0, 7, 0xFFFFFFFE, 5};

    assert_int_equal(sku_read_many(f.table, s, locations, 4, got), 0);
    assert_int_equal(sku_read_all(f.table, s, got, 4), 0);
    assert_int_equal(table_publish(f.table, s, rows, 3), 0);
    assert_int_equal(sku_read_many(f.table, s, locations, 4, got), 3);
    assert_memory_equal(&got[0], &rows[1], sizeof(got[0]));
    assert_memory_equal(&got[1], &((struct row_image){{7}}), sizeof(got[0]));
    assert_memory_equal(&got[2], &rows[2], sizeof(got[0]));
    assert_memory_equal(&got[3], &rows[0], sizeof(got[0]));
    end(&f);
}

static void replaced_rare_parts_are_retired_once(void **unused)
{
    struct fixture f = begin();
    struct sku *s = add(f.table, TEXT("x"));
    static char rare[8];

    for (uint32_t k = 0; k < 8; k++) { /* each builds the block anew, all keep what they have */
        struct row_image r = tied_row(k, 1, k);
        r.word[ROW_RARE] = (uint64_t)(uintptr_t)&rare[0];
        assert_int_equal(table_publish(f.table, s, &r, 1), 0);
    }
    epoch_drain(f.epoch);
    assert_int_equal(rares, 0);
    struct row_image r = tied_row(3, 1, 9);
    r.word[ROW_RARE] = (uint64_t)(uintptr_t)&rare[1];
    epoch_enter(f.reader);
    assert_int_equal(table_publish(f.table, s, &r, 1), 0);
    assert_int_equal(table_publish(f.table, s, &r, 1), 0); /* the same again: not replaced */
    for (int k = 0; k < 10; k++)
        epoch_poll(f.epoch, 100);
    assert_int_equal(rares, 0); /* a reader may still look */
    epoch_exit(f.reader);
    epoch_drain(f.epoch);
    assert_int_equal(rares, 1);
    end(&f); /* frees the eight that hang on rows */
    assert_int_equal(rares, 9);
}

static void items_and_marks_hang_on_skus(void **unused)
{
    struct fixture f = begin();
    struct sku *s = add(f.table, TEXT("x"));
    static const int item;

    sku_set_item(s, &item);
    sku_set_mark(s, 7);
    assert_int_equal(table_publish(f.table, s, &(struct row_image){{3}}, 1), 0);
    assert_ptr_equal(sku_item(s), &item);
    assert_int_equal(sku_mark(s), 7);
    end(&f);
}

static void prefetches_decide_nothing(void **unused)
{
    struct fixture f = begin();
    struct sku *s = add(f.table, TEXT("x"));
    struct row_image got, want = tied_row(4, 5, 6);
    uint64_t hash = hash_text(TEXT("x"));

    table_prefetch(f.table, 1);
    table_prefetch_row(f.table, 1, 1);
    assert_ptr_equal(table_find_for(f.table, TEXT("x"), hash, 4), s);
    assert_null(table_find_for(f.table, TEXT("y"), hash_text(TEXT("y")), 4));
    assert_int_equal(table_publish(f.table, s, &want, 1), 0);
    table_prefetch_row(f.table, hash, 4);
    assert_true(sku_read(f.table, table_find_for(f.table, TEXT("x"), hash, 4), 4, &got));
    assert_memory_equal(&got, &want, sizeof(got));
    end(&f);
}

/* Every length around the words a text is kept in, with a neighbour that differs in its last byte alone. */
static void rows_are_read_by_text_of_any_length(void **unused)
{
    struct fixture f = begin();
    char text[48];
    struct row_image row;

    memset(text, 'A', sizeof(text));
    for (uint32_t length = 0; length < 40; length++)
        for (uint32_t last = 0; last < (length ? 3 : 1); last++) {
            text[length ? length - 1 : 0] = (char)('A' + last);
            struct row_image r = tied_row(length + 1, last, 1 + length);
            assert_int_equal(table_publish(f.table, add(f.table, (struct text){text, length}), &r, 1), 0);
            text[length ? length - 1 : 0] = 'A';
        }
    for (uint32_t length = 0; length < 40; length++) {
        for (uint32_t last = 0; last < (length ? 3 : 1); last++) {
            text[length ? length - 1 : 0] = (char)('A' + last);
            struct text sku = {text, length};
            struct table_ask asks[2] = {{sku, length + 1}, {sku, 1000}};
            struct row_image want = tied_row(length + 1, last, 1 + length), many[2];
            assert_true(table_read(f.table, sku, length + 1, &row));
            assert_memory_equal(&row, &want, sizeof(row));
            assert_int_equal(table_read_many(f.table, asks, 2, many), 1);
            assert_memory_equal(&many[0], &want, sizeof(want));
            assert_int_equal(many[1].word[ROW_WHO], 1000);
            assert_int_equal(many[1].word[ROW_VERSION], 0);
        }
        text[length ? length - 1 : 0] = 'Z';
        if (length)
            assert_false(table_read(f.table, (struct text){text, length}, length + 1, &row));
        text[length ? length - 1 : 0] = 'A';
    }
    end(&f);
}

/* What counts a cell's changes has sixteen bits: before they come round the row moves to another block. */
static void a_row_may_change_more_often_than_its_cell_can_count(void **unused)
{
    struct fixture f = begin();
    struct sku *s = add(f.table, TEXT("changes-often"));
    struct row_image row;

    for (uint32_t k = 1; k <= 200000; k++) {
        struct row_image r = tied_row(7, k, k);
        assert_int_equal(table_publish(f.table, s, &r, 1), 0);
        assert_true(table_read(f.table, TEXT("changes-often"), 7, &row));
        assert_memory_equal(&row, &r, sizeof(r));
    }
    assert_int_equal(sku_rows_count(s), 1);
    assert_int_equal(table_rows_count(f.table), 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skus_are_found_by_text_and_number),
        cmocka_unit_test(texts_that_do_not_fit_are_refused),
        cmocka_unit_test(equal_hashes_do_not_mix_up_texts),
        cmocka_unit_test(rows_agree_with_a_plain_array),
        cmocka_unit_test(a_publish_may_change_any_number_of_rows),
        cmocka_unit_test(many_locations_are_read_together),
        cmocka_unit_test(replaced_rare_parts_are_retired_once),
        cmocka_unit_test(items_and_marks_hang_on_skus),
        cmocka_unit_test(rows_are_read_by_text_of_any_length),
        cmocka_unit_test(a_row_may_change_more_often_than_its_cell_can_count),
        cmocka_unit_test(prefetches_decide_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
