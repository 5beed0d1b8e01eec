/* Stock events one by one: the worked cases and examples about movements, verdicts and repeats. */
#include "world.h"

static void movements_add_up(void **unused)
{
    struct world w;
    world_open(&w);
    expect_verdict(&w, plain(EVENT_RECEIPT, at(9, 0), U(10)), APPLIED);
    expect_verdict(&w, plain(EVENT_SALE, at(9, 5), U(3)), APPLIED);
    expect_verdict(&w, plain(EVENT_RETURN, at(9, 6), U(1)), APPLIED);
    expect_verdict(&w, plain(EVENT_ADJUSTMENT, at(9, 7), -U(2.5)), APPLIED);
    expect_row(&w, U(5.5), 0, 0, U(5.5));
    struct row_image r = world_row(&w);
    assert_int_equal(row_offset(&r), w.offset - 1);
    assert_int_equal(row_last_event_s(&r), at(9, 7) / INSTANT_SECOND);
    assert_true(row_flags(&r) & ROW_COUNTED);
    world_close(&w);
}

static void case_05_adjustments_both_ways(void **unused)
{
    struct world w;
    world_open(&w);
    say(&w, plain(EVENT_RECEIPT, at(9, 0), U(2)));
    say(&w, plain(EVENT_ADJUSTMENT, at(9, 1), U(2)));
    expect_on_hand(&w, U(4));
    say(&w, with_sku(plain(EVENT_RECEIPT, at(9, 0), U(2)), "SKU-2"));
    say(&w, with_sku(plain(EVENT_ADJUSTMENT, at(9, 1), -U(1)), "SKU-2"));
    struct row_image r = world_row_at(&w, "SKU-2", "L1");
    assert_int_equal(row_on_hand(&r), U(1));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(movements_add_up),
        cmocka_unit_test(case_05_adjustments_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
