/* The Nth allocation fails, for every N: each call refuses cleanly, nothing is torn, and the same call
 * succeeds when there is memory again. */
#include "base/error.h"
#include "base/hash.h"
#include "core/table/table.h"
#include "rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

static long fail_in = -1; /* allocations until one fails; negative: none does */
static unsigned long failed;

static bool fails(void)
{
    if (fail_in < 0 || fail_in-- > 0)
        return false;
    failed++;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(align, size);
}

void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(at, length, protection, flags, fd, offset);
}

static void creation_refuses_and_frees(void **unused)
{
    struct epoch *e = NULL;
    struct table *t = NULL;

    for (long n = 0; !t; n++) {
        fail_in = n;
        e = epoch_create();
        struct epoch_reader *r = e ? epoch_register(e) : NULL;
        t = r ? table_create(&(struct table_options){.epoch = e, .expected_skus = 100000}) : NULL;
        fail_in = -1;
        assert_true(n < 100);
        if (!t)
            epoch_destroy(e);
    }
    table_destroy(t);
    table_destroy(NULL);
    epoch_destroy(e);
    epoch_destroy(NULL);
}

enum { SKUS = 150, ROWS = 40 };

static void assert_rows(const struct table *t, const struct sku *s, uint32_t count, uint64_t offset)
{
    struct row_image all[ROWS];

    assert_int_equal(sku_read_all(t, s, all, ROWS), count);
    for (uint32_t k = 0; k < count; k++) {
        struct row_image want =
            tied_row(k, k, k + 2 > count ? offset : all[k].word[ROW_VERSION] & 0xFFFFFFFFFFFF);
        assert_memory_equal(&all[k], &want, sizeof(want));
    }
}

static struct sku *add_until_it_works(struct table *t, struct text name)
{
    uint32_t count = table_sku_count(t);
    struct sku *s = NULL;

    for (long n = 0; !s; n++) {
        unsigned long before = failed;
        fail_in = n;
        s = table_add(t, name, hash_text(name));
        fail_in = -1;
        assert_true(s || failed > before);
        if (!s) {
            assert_int_equal(table_sku_count(t), count);
            assert_null(table_find(t, name));
        }
    }
    assert_ptr_equal(table_find(t, name), s);
    return s;
}

/* Changes the row before the last one and adds one, both or neither. */
static void publish_until_it_works(struct table *t, struct sku *s, uint32_t count, uint64_t offset)
{
    struct row_image rows[] = {tied_row(count, count, offset),
                               tied_row(count ? count - 1 : 0, count ? count - 1 : 0, offset)};
    int error = ERROR_NOMEM;

    for (long n = 0; error; n++) {
        unsigned long before = failed;
        fail_in = n;
        error = table_publish(t, s, rows, count ? 2 : 1);
        fail_in = -1;
        assert_true(error == 0 || (error == ERROR_NOMEM && failed > before));
        assert_rows(t, s, count + (error == 0), error ? offset - 1 : offset);
    }
}

static void every_call_refuses_whole_and_works_later(void **unused)
{
    struct epoch *e = epoch_create();
    struct table *t = table_create(&(struct table_options){.epoch = e});
    char text[64];

    for (unsigned k = 0; k < SKUS; k++) {
        int length = snprintf(text, sizeof(text),
                              k % 2 ? "short %u" : "a text that does not fit into the header %u", k);
        struct sku *s = add_until_it_works(t, (struct text){text, (size_t)length});
        for (uint32_t row = 0; row < ROWS; row++)
            publish_until_it_works(t, s, row, row + 1);
    }
    assert_int_equal(table_rows_count(t), SKUS * ROWS);
    assert_true(failed > SKUS);
    print_message("%lu allocations failed\n", failed);
    table_destroy(t);
    epoch_destroy(e);
}

static int destroyed;

static void count_destroyed(void *memory)
{
    destroyed++;
}

static void retiring_without_memory_frees_at_once_when_nobody_looks(void **unused)
{
    struct epoch *e = epoch_create();
    struct epoch_reader *r = epoch_register(e);

    epoch_enter(r);
    epoch_exit(r);
    fail_in = 0;
    epoch_retire(e, e, count_destroyed);
    fail_in = -1;
    assert_int_equal(destroyed, 1);
    epoch_retire(e, e, count_destroyed);
    assert_int_equal(destroyed, 1);
    epoch_unregister(r);
    epoch_destroy(e);
    assert_int_equal(destroyed, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creation_refuses_and_frees),
        cmocka_unit_test(every_call_refuses_whole_and_works_later),
        cmocka_unit_test(retiring_without_memory_frees_at_once_when_nobody_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
