/* What waits for its dead letter: noted, found again, struck out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "intake/backlog.h"

static void note(struct intake_backlog *b, const char *name, int32_t partition, int64_t offset,
                 uint64_t log_offset, uint8_t verdict, uint8_t reason)
{
    const struct record r = {.intake = {.name = text_of(name), .partition = partition, .offset = offset}};
    const struct event_verdict v[2] = {{.verdict = VERDICT_APPLIED}, {.verdict = verdict, .reason = reason}};

    assert_int_equal(intake_backlog_note(b, &r, v, 2, log_offset), 0);
}

static void notes_only_what_apply_rejected_for_good(void **state)
{
    struct intake_backlog *b = intake_backlog_create();

    note(b, "pos", 0, 5, 10, VERDICT_APPLIED, 0);
    note(b, "pos", 0, 6, 11, VERDICT_SUPERSEDED, REASON_NOT_COUNTED);
    note(b, "pos", 0, 7, 12, VERDICT_REJECTED, REASON_GAP);
    note(b, "", 0, 8, 13, VERDICT_REJECTED, REASON_FUTURE);
    assert_int_equal(backlog_first(b, TEXT("pos"), 0, 0), -1);
    assert_true(intake_backlog_clear(b, 100));
    note(b, "pos", 0, 9, 14, VERDICT_REJECTED, REASON_FUTURE);
    assert_int_equal(backlog_first(b, TEXT("pos"), 0, 0), 9);
    assert_int_equal(backlog_first(b, TEXT("pos"), 1, 0), -1);
    assert_int_equal(backlog_first(b, TEXT("other"), 0, 0), -1);
    intake_backlog_destroy(b);
}

static void a_checkpoint_waits_for_what_is_before_it(void **state)
{
    struct intake_backlog *b = intake_backlog_create();
    struct rejection r;

    note(b, "pos", 0, 5, 10, VERDICT_REJECTED, REASON_FUTURE);
    assert_true(intake_backlog_clear(b, 10));
    assert_false(intake_backlog_clear(b, 11));
    assert_true(backlog_take(b, TEXT("pos"), 0, 5, &r));
    assert_int_equal(r.reason, REASON_FUTURE);
    assert_int_equal(r.event, 1);
    assert_false(backlog_take(b, TEXT("pos"), 0, 5, &r)); /* somebody has it */
    assert_false(intake_backlog_clear(b, 11));            /* on its way is not there */
    backlog_give_back(b, TEXT("pos"), 0, 5);
    assert_true(backlog_take(b, TEXT("pos"), 0, 5, &r));
    backlog_strike(b, TEXT("pos"), 0, 5);
    assert_true(intake_backlog_clear(b, 11));
    assert_false(backlog_take(b, TEXT("pos"), 0, 5, &r));
    intake_backlog_destroy(b);
}

static void strikes_at_any_place(void **state)
{
    struct intake_backlog *b = intake_backlog_create();
    struct rejection r;

    for (int64_t offset = 1; offset <= 6; offset++)
        note(b, "pos", 3, offset, (uint64_t)offset, VERDICT_REJECTED, REASON_KIT);
    note(b, "pos", 3, 2, 2, VERDICT_REJECTED, REASON_KIT); /* the replay says it again */
    backlog_strike(b, TEXT("pos"), 3, 3);                  /* in the middle */
    backlog_strike(b, TEXT("pos"), 3, 6);                  /* the last */
    note(b, "pos", 3, 7, 7, VERDICT_REJECTED, REASON_KIT);
    backlog_strike_before(b, TEXT("pos"), 3, 2); /* the first */
    assert_int_equal(backlog_first(b, TEXT("pos"), 3, 0), 2);
    assert_int_equal(backlog_first(b, TEXT("pos"), 3, 3), 4);
    assert_true(backlog_take(b, TEXT("pos"), 3, 4, &r));
    assert_int_equal(backlog_first(b, TEXT("pos"), 3, 3), 5);
    assert_int_equal(backlog_first(b, TEXT("pos"), 3, 6), 7);
    intake_backlog_destroy(b);
}

static void forgets_intakes_that_are_gone(void **state)
{
    struct intake_backlog *b = intake_backlog_create();
    const struct text names[] = {TEXT("pos"), TEXT("web@2")};

    note(b, "web", 0, 1, 1, VERDICT_REJECTED, REASON_KIT);
    note(b, "pos", 0, 1, 2, VERDICT_REJECTED, REASON_KIT);
    note(b, "web@2", 0, 1, 3, VERDICT_REJECTED, REASON_KIT);
    assert_false(intake_backlog_clear(b, 2));
    backlog_keep_only(b, names, 2);
    assert_true(intake_backlog_clear(b, 2));
    assert_int_equal(backlog_first(b, TEXT("pos"), 0, 0), 1);
    assert_int_equal(backlog_first(b, TEXT("web@2"), 0, 0), 1);
    intake_backlog_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_only_what_apply_rejected_for_good),
        cmocka_unit_test(a_checkpoint_waits_for_what_is_before_it),
        cmocka_unit_test(strikes_at_any_place),
        cmocka_unit_test(forgets_intakes_that_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
