/* A writer stopped with SIGSTOP in the middle of an update holds up no reader. The table lies in shared
 * memory, the writer is a child. */
#include "base/hash.h"
#include "core/table/latch.h"
#include "core/table/likely.h"
#include "core/table/pages.h"
#include "core/table/slab.h"
#include "core/table/read.h"
#include "core/table/table.h"
#include "rows.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { READS = 1000, SUM = 5000, SHARED_BYTES = 64 << 20 };

/* ---- large blocks come from aligned_alloc: here they are shared with children, too (the epoch is not: what
 * the child retires is its own) ---- */

void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *memory);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *memory);

static char *shared, *shared_next;

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    if (size <= SLAB_BLOCK_MOST)
        return __real_aligned_alloc(align, size);
    if (!shared)
        shared = shared_next = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *memory = (char *)(((uintptr_t)shared_next + align - 1) & ~(uintptr_t)(align - 1));
    shared_next = memory + size;
    return shared_next <= shared + SHARED_BYTES ? memory : NULL;
}

void __wrap_free(void *memory)
{
    if ((char *)memory < shared || (char *)memory >= shared + SHARED_BYTES)
        __real_free(memory);
}

/* ---- where the writer stops ---- */

struct stop {
    const char *name;
    enum latch_point at;
    unsigned nth;    /* time the point is passed in this publish */
    uint32_t before; /* rows the SKU has */
    uint32_t after;
    bool is_new; /* the stop comes when the change is complete for readers */
};

static struct stop wanted;
static unsigned passed;

static void stop_here(enum latch_point at)
{
    if (at == wanted.at && ++passed == wanted.nth)
        raise(SIGSTOP);
}

static int64_t share(uint32_t k, uint32_t rows)
{
    return k == 0 ? SUM - 100 * ((int64_t)rows - 1) : 100;
}

/* All rows of the SKU, their sum always SUM, every row another one than in the state before. */
static void fill(struct row_image *rows, uint32_t count, bool new)
{
    for (uint32_t k = 0; k < count; k++)
        rows[k] = tied_row(k * 7, share((k + new) % count, count), new ? 2 : 1);
}

static void assert_state(const struct table *t, const struct sku *s, const struct row_image *want,
                         uint32_t count)
{
    static struct row_image all[512];
    const struct likely *likely = sku_likely(t, s);
    struct row_image row;
    int64_t sum = 0;

    assert_int_equal(sku_read_all(t, s, all, 512), count);
    assert_memory_equal(all, want, count * sizeof(all[0]));
    for (uint32_t k = 0; k < count; k++) {
        assert_true(sku_read(t, s, k * 7, &row));
        assert_memory_equal(&row, &want[k], sizeof(row));
        assert_true(table_read(t, sku_text(s), k * 7, &row));
        assert_memory_equal(&row, &want[k], sizeof(row));
        assert_true(!row_may_have(&row, 1) || !likely || likely_has(likely, k * 7));
        sum += row_on_hand(&row);
    }
    assert_int_equal(sum, SUM);
    assert_false(table_read(t, sku_text(s), count * 7, &row));
    assert_false(sku_read(t, s, count * 7, &row)); /* what the change adds is not there before it */
}

static pid_t start_writer(struct table *t, struct sku *s, const struct row_image *rows, uint32_t count)
{
    pid_t child = fork();

    if (child == 0) {
        latch_hook = stop_here;
        _exit(table_publish(t, s, rows, count) == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    return child;
}

static void try_stop(const struct stop *stop)
{
    static struct row_image old[512], new[512];
    int status;

    print_message("stopped %s\n", stop->name);
    wanted = *stop;
    passed = 0;
    pages_shared = true;
    struct epoch *epoch = epoch_create();
    struct epoch_reader *reader = epoch_register(epoch);
    struct table *t = table_create(&(struct table_options){.epoch = epoch});
    struct sku *s = table_add(t, TEXT("stopped-writer"), hash_text(TEXT("stopped-writer")));
    fill(old, stop->before, false);
    fill(new, stop->after, true);
    assert_int_equal(table_publish(t, s, old, stop->before), 0);

    pid_t writer = start_writer(t, s, new, stop->after);
    assert_int_equal(waitpid(writer, &status, WUNTRACED), writer);
    assert_true(WIFSTOPPED(status));
    alarm(60); /* a reader that waits ends the test */
    for (int k = 0; k < READS; k++) {
        epoch_enter(reader);
        if (stop->is_new)
            assert_state(t, s, new, stop->after);
        else
            assert_state(t, s, old, stop->before);
        epoch_exit(reader);
    }
    alarm(0);
    kill(writer, SIGCONT);
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_state(t, s, new, stop->after);
    epoch_unregister(reader);
    table_destroy(t);
    epoch_destroy(epoch);
    pages_shared = false;
}

static void a_stopped_writer_stops_no_reader(void **unused)
{
    static const struct stop stops[] = {
        {"when all is parked", LATCH_PARKED, 1, 10, 10, false},
        {"before the first row", LATCH_BEGUN, 1, 10, 10, false},
        {"in the middle of the first row", LATCH_IN_ROW, 1, 10, 10, false},
        {"between two rows", LATCH_BETWEEN_ROWS, 1, 10, 10, false},
        {"in the middle of the fifth row", LATCH_IN_ROW, 5, 10, 10, false},
        {"before the last row", LATCH_BETWEEN_ROWS, 9, 10, 10, false},
        {"after the last row, still parked", LATCH_UNPARKING, 1, 10, 10, true},
        {"in the one row there is", LATCH_IN_ROW, 1, 1, 1, false},
        {"in a row that comes in place", LATCH_IN_ROW, 9, 8 + 16 + 16, 8 + 16 + 17, false},
        {"in the last of the most rows the area holds", LATCH_IN_ROW, 256, 256, 256, false},
        {"after the last of these, still parked", LATCH_UNPARKING, 1, 256, 256, true},
        {"with another block, its count still the old", LATCH_SWAPPED, 1, 10, 12, false},
        {"with another block, because the rows are many", LATCH_SWAPPED, 1, 300, 300, false},
        {"after growth, still parked", LATCH_UNPARKING, 1, 10, 12, true},
    };

    for (size_t k = 0; k < sizeof(stops) / sizeof(stops[0]); k++)
        try_stop(&stops[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_stopped_writer_stops_no_reader)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
