/* What falls due comes out by instant, comes again until it is taken out, and never wants memory where it
 * must not. */
#include "base/error.h"
#include "core/model/due.h"
#include "failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MANY = 3000 };

static void entries_come_out_by_instant_and_come_again(void **unused)
{
    struct due d = {0};
    struct due_entry late = {0}, early = {0};

    assert_int_equal(due_next(&d, DUE_SUPPLY), INT64_MAX);
    assert_int_equal(due_reserve(&d, DUE_SUPPLY, 2), 0);
    due_set(&d, DUE_SUPPLY, &late, 200);
    due_set(&d, DUE_SUPPLY, &early, 100);
    assert_int_equal(due_next(&d, DUE_SUPPLY), 100);
    assert_int_equal(due_next(&d, DUE_HOLD), INT64_MAX);
    assert_null(due_take(&d, DUE_SUPPLY, 99, 99, 10));
    assert_ptr_equal(due_take(&d, DUE_SUPPLY, 100, 140, 10), &early);
    assert_null(due_take(&d, DUE_SUPPLY, 149, 149, 10));
    assert_ptr_equal(due_take(&d, DUE_SUPPLY, 250, 290, 10), &early); /* still due: nothing is forgotten */
    assert_ptr_equal(due_take(&d, DUE_SUPPLY, 250, 20, 10),
                     &late); /* the log's clock is behind: not much later */
    assert_int_equal(due_next(&d, DUE_SUPPLY), 210);
    assert_ptr_equal(due_take(&d, DUE_SUPPLY, 250, 300, 10), &late);
    assert_null(due_take(&d, DUE_SUPPLY, 250, 250, 10));
    due_remove(&d, DUE_SUPPLY, &early);
    due_remove(&d, DUE_SUPPLY, &early);
    due_set(&d, DUE_SUPPLY, &late, INSTANT_NONE);
    assert_false(due_contains(&early) || due_contains(&late));
    assert_int_equal(due_next(&d, DUE_SUPPLY), INT64_MAX);
    due_finish(&d);
}

/* Against a plain array, with entries moved and removed in between. */
static void any_order_of_changes_keeps_the_order_of_instants(void **unused)
{
    static struct due_entry entries[MANY];
    static instant_t at[MANY];
    struct due d = {0};
    unsigned seed = 7;

    for (int i = 0; i < MANY; i++)
        at[i] = INSTANT_NONE;
    for (int step = 0; step < 20 * MANY; step++) {
        int i = rand_r(&seed) % MANY;
        at[i] = rand_r(&seed) % 3 ? rand_r(&seed) % 1000 : INSTANT_NONE;
        assert_int_equal(due_reserve(&d, DUE_DEMAND, 1), 0);
        due_set(&d, DUE_DEMAND, &entries[i], at[i]);
        assert_int_equal(due_contains(&entries[i]), at[i] != INSTANT_NONE);
    }
    instant_t last = 0;
    for (struct due_entry *e; (e = due_take(&d, DUE_DEMAND, 1000, 2000, 1)); at[e - entries] = INSTANT_NONE) {
        assert_true(at[e - entries] >= last);
        last = at[e - entries];
    }
    for (int i = 0; i < MANY; i++)
        assert_true(at[i] == INSTANT_NONE);
    due_finish(&d);
}

static void without_memory_nothing_is_changed_and_what_is_reserved_goes_in(void **unused)
{
    static struct due_entry entries[100];
    struct due d = {0};

    failing_left = 0;
    assert_int_equal(due_reserve(&d, DUE_HOLD, 1), ERROR_NOMEM);
    failing_left = -1;
    assert_int_equal(due_reserve(&d, DUE_HOLD, 100), 0);
    failing_left = 0;
    for (int i = 0; i < 100; i++)
        due_set(&d, DUE_HOLD, &entries[i], 1000 - i);
    failing_left = -1;
    assert_int_equal(due_next(&d, DUE_HOLD), 901);
    due_finish(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_out_by_instant_and_come_again),
        cmocka_unit_test(any_order_of_changes_keeps_the_order_of_instants),
        cmocka_unit_test(without_memory_nothing_is_changed_and_what_is_reserved_goes_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
