/* How far intakes have come: repeats, what is next, gaps; many names and partitions. */
#include "core/model/positions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct intake_said said(const char *name, int32_t partition, int64_t offset, int64_t after)
{
    return (struct intake_said){
        .name = text_of(name), .partition = partition, .offset = offset, .after = after};
}

static void a_chain_is_applied_once_and_in_order(void **unused)
{
    struct positions *p = positions_create();
    struct intake_said first = said("pos", 0, 0, -1), later = said("pos", 0, 7, 0),
                       gap = said("pos", 0, 9, 8);

    assert_int_equal(positions_judge(p, &first), POSITION_NEXT);
    assert_int_equal(positions_judge(p, &gap), POSITION_GAP);
    assert_int_equal(positions_advance(p, &first), 0);
    assert_int_equal(positions_judge(p, &first), POSITION_REPEAT);
    assert_int_equal(positions_judge(p, &later), POSITION_NEXT);
    assert_int_equal(positions_advance(p, &later), 0);
    assert_int_equal(positions_get(p, TEXT("pos"), 0), 7);
    assert_int_equal(positions_judge(p, &gap), POSITION_GAP);
    assert_int_equal(positions_judge(p, &(struct intake_said){.name = TEXT("pos"), .offset = 3, .after = 2}),
                     POSITION_REPEAT);
    /* a member that started over: it says what the state has, or less */
    assert_int_equal(positions_judge(p, &(struct intake_said){.name = TEXT("pos"), .offset = 9, .after = 7}),
                     POSITION_NEXT);
    assert_int_equal(positions_judge(p, &(struct intake_said){.name = TEXT("pos"), .offset = 9, .after = 2}),
                     POSITION_NEXT);
    positions_destroy(p);
}

static void names_generations_and_partitions_are_apart(void **unused)
{
    struct positions *p = positions_create();
    char name[32];

    for (int n = 0; n < 40; n++)
        for (int partition = 0; partition < 25; partition++) {
            snprintf(name, sizeof(name), n % 2 ? "topic-%d@2" : "topic-%d", n / 2);
            struct intake_said s = said(name, partition, n * 100 + partition, -1);
            assert_int_equal(positions_advance(p, &s), 0);
        }
    assert_int_equal(positions_count(p), 1000);
    assert_int_equal(positions_get(p, TEXT("topic-3"), 24), 624);
    assert_int_equal(positions_get(p, TEXT("topic-3@2"), 24), 724);
    assert_int_equal(positions_get(p, TEXT("topic-3@3"), 24), -1);
    assert_int_equal(positions_get(p, TEXT("topic-3"), 25), -1);
    struct text first;
    int32_t partition;
    int64_t offset;
    positions_at(p, 26, &first, &partition, &offset);
    assert_true(text_equal(first, TEXT("topic-0@2")) && partition == 1 && offset == 101);
    positions_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_applied_once_and_in_order),
        cmocka_unit_test(names_generations_and_partitions_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
