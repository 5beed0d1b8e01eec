/* Shares of what there is: the model's example, and what may be in the way. */
#include "core/answer/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { A, B, C, OTHER };
#define UNITS(q) ((milli_t)(q)*MILLI_PER_UNIT)
#define PERCENT(p) ((uint32_t)(p)*1000)

static void model_1000_by_rank_percent_and_minimum(void **unused)
{
    struct plan_share shares[] = {{.channel = C, .rank = 4, .percent = PERCENT(30)},
                                  {.channel = B, .rank = 3, .percent = PERCENT(20), .minimum = UNITS(300)},
                                  {.channel = A, .rank = 1, .percent = PERCENT(40), .minimum = UNITS(100)},
                                  {.pool = true, .rank = 2, .percent = PERCENT(10)}};
    milli_t got[4];

    plan_sort(shares, 4);
    plan_shares(UNITS(1000), 1, shares, 4, got);
    assert_true(shares[0].channel == A && got[0] == UNITS(400));
    assert_true(shares[1].pool && got[1] == UNITS(100));
    assert_true(shares[2].channel == B && got[2] == UNITS(300));
    assert_true(shares[3].channel == C && got[3] == UNITS(200));
}

static void shares_are_whole_steps_and_never_more_than_there_is(void **unused)
{
    const struct plan_share thirds[] = {{.channel = A, .percent = PERCENT(33)},
                                        {.channel = B, .percent = PERCENT(33)},
                                        {.channel = C, .percent = PERCENT(34)}};
    milli_t got[3];

    plan_shares(UNITS(10), UNITS(1), thirds, 3, got);
    assert_true(got[0] == UNITS(3) && got[1] == UNITS(3) && got[2] == UNITS(3)); /* 1 stays in the pool */
    plan_shares(0, UNITS(1), thirds, 3, got);
    assert_true(got[0] == 0 && got[1] == 0 && got[2] == 0);
    const struct plan_share greedy[] = {{.channel = A, .minimum = UNITS(7)},
                                        {.channel = B, .minimum = UNITS(7)}};
    plan_shares(UNITS(10), UNITS(2), greedy, 2, got);
    assert_true(got[0] == UNITS(6) && got[1] == UNITS(4));
}

static void what_is_set_aside_for_others_is_not_shared_out(void **unused)
{
    const struct plan_share only_a[] = {{.channel = A, .percent = PERCENT(100)}};
    const struct fence fences[] = {{.channel = A, .quantity = UNITS(30), .consumed = UNITS(10)},
                                   {.channel = OTHER, .quantity = UNITS(15)}};
    struct stock s = {.on_hand = UNITS(100), .safety_stock = UNITS(5), .fences_count = 2, .fences = fences};

    assert_int_equal(plan_there(&s, only_a, 1), UNITS(80));
    s.on_hand = UNITS(10);
    assert_int_equal(plan_there(&s, only_a, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_1000_by_rank_percent_and_minimum),
        cmocka_unit_test(shares_are_whole_steps_and_never_more_than_there_is),
        cmocka_unit_test(what_is_set_aside_for_others_is_not_shared_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
