/* What takes from units set aside, and what comes back to them. */
#include "base/error.h"
#include "core/model/fences.h"
#include "failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { WEB = 4, MARKETPLACE = 2, STORE = 9 };

#define UNITS(q) ((q)*MILLI_PER_UNIT)

static struct fence *set_aside(struct fences *f, uint32_t channel, milli_t quantity)
{
    assert_int_equal(fences_reserve(f, 1), 0);
    struct fence *of = fences_make(f, channel);
    of->quantity = quantity;
    of->consumed = 0;
    of->sets++;
    return of;
}

static void case_36_what_goes_beyond_is_the_pools(void **unused)
{
    struct fences f = {0};
    uint64_t sets = 77;

    assert_int_equal(fences_take(&f, STORE, UNITS(5), &sets), 0);
    assert_int_equal(sets, 0);
    set_aside(&f, STORE, UNITS(40));
    assert_int_equal(fences_take(&f, STORE, UNITS(30), &sets), UNITS(30));
    assert_int_equal(fences_take(&f, STORE, UNITS(20), &sets), UNITS(10));
    assert_int_equal(sets, 1);
    assert_int_equal(fences_left(&f), 0);
    assert_int_equal(fences_give(&f, STORE, sets, UNITS(10), UNITS(20)), UNITS(10)); /* 10 more: the pool's */
    assert_int_equal(fences_left(&f), UNITS(10));
    fences_finish(&f);
}

static void case_37_what_was_taken_before_the_newest_set_goes_to_the_pool(void **unused)
{
    struct fences f = {0};
    uint64_t sets;

    set_aside(&f, MARKETPLACE, UNITS(30));
    assert_int_equal(fences_take(&f, MARKETPLACE, UNITS(30), &sets), UNITS(30));
    set_aside(&f, MARKETPLACE, UNITS(30));
    assert_int_equal(fences_give(&f, MARKETPLACE, sets, UNITS(30), UNITS(10)), 0);
    assert_int_equal(fence_left(fences_find(&f, MARKETPLACE)), UNITS(30));
    assert_int_equal(fences_give(&f, WEB, sets, UNITS(30), UNITS(10)), 0);
    fences_finish(&f);
}

static void they_are_kept_by_channel(void **unused)
{
    struct fences f = {0};

    set_aside(&f, WEB, UNITS(1));
    set_aside(&f, STORE, UNITS(2));
    set_aside(&f, MARKETPLACE, UNITS(4));
    set_aside(&f, WEB, UNITS(8));
    assert_int_equal(f.count, 3);
    assert_int_equal(f.at[0].channel, MARKETPLACE);
    assert_int_equal(f.at[1].channel, WEB);
    assert_int_equal(f.at[2].channel, STORE);
    assert_int_equal(fences_left(&f), UNITS(14));
    assert_null(fences_find(&f, 5));
    fences_find(&f, WEB)->consumed = UNITS(9); /* after an `add` below what was consumed */
    assert_int_equal(fences_left(&f), UNITS(6));
    fences_finish(&f);
}

static void without_memory_all_stays_as_it_was(void **unused)
{
    struct fences f = {0};

    set_aside(&f, WEB, UNITS(1));
    failing_left = 0;
    int error = fences_reserve(&f, 100);
    failing_left = -1;
    assert_int_equal(error, ERROR_NOMEM);
    assert_int_equal(fences_left(&f), UNITS(1));
    fences_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_36_what_goes_beyond_is_the_pools),
        cmocka_unit_test(case_37_what_was_taken_before_the_newest_set_goes_to_the_pool),
        cmocka_unit_test(they_are_kept_by_channel),
        cmocka_unit_test(without_memory_all_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
