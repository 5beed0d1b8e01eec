/* What an event may look like: presence by type, signs, identifiers, and what holds between fields. */
#include "core/model/verdict.h"
#include "core/model/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* A sound event of a type that needs no more than a quantity. */
static struct event event_of(enum event_type type, milli_t quantity)
{
    return (struct event){
        .type = type,
        .has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(quantity) | HAS(occurred_at),
        .id = TEXT("e1"),
        .source = TEXT("till"),
        .sku = TEXT("SKU-1"),
        .location = TEXT("store-1"),
        .quantity = quantity,
        .occurred_at = 1795255500000000,
        .as_of = INSTANT_NONE,
        .expected_at = INSTANT_NONE,
        .required_at = INSTANT_NONE,
    };
}

static void expect_sound(struct event e)
{
    struct problems p = {0};
    if (!event_check(&e, LEVEL_NEWEST, &p) || p.count)
        fail_msg("%s %s", p.at[0].pointer, p.at[0].detail);
}

static void expect_problem(struct event e, const char *pointer, const char *detail)
{
    struct problems p = {0};
    assert_false(event_check(&e, LEVEL_NEWEST, &p));
    assert_int_equal(p.count, 1);
    assert_string_equal(p.at[0].pointer, pointer);
    assert_string_equal(p.at[0].detail, detail);
    assert_false(event_check(&e, LEVEL_NEWEST, NULL));
}

static void signs_follow_the_type(void **unused)
{
    struct event e = event_of(EVENT_SALE, 2000);
    expect_sound(e);
    e.quantity = 0;
    expect_problem(e, "/quantity", "must be greater than 0");
    e.quantity = QUANTITY_MOST + 1;
    expect_problem(e, "/quantity", "must be between -1000000000000 and 1000000000000");

    e = event_of(EVENT_ADJUSTMENT, -1000);
    e.has |= HAS(reason);
    e.reason = TEXT("shrinkage");
    expect_sound(e);
    e.quantity = 0;
    expect_problem(e, "/quantity", "must not be 0");

    e = event_of(EVENT_COUNT, 0);
    e.has |= HAS(as_of) | HAS(book);
    e.as_of = 0;
    e.book = -5000;
    expect_sound(e);
    e.quantity = -1;
    expect_problem(e, "/quantity", "must be 0 or more");

    e = event_of(EVENT_ORDER_PLACED, 0);
    e.has |= HAS(reference);
    e.reference = TEXT("7");
    expect_problem(e, "/quantity", "must be greater than 0");
    e.has |= HAS(op);
    e.op = ORDER_SET;
    expect_sound(e);
}

static void fields_follow_the_type(void **unused)
{
    struct event e = event_of(EVENT_SALE, 1000);
    e.has &= ~HAS(quantity);
    expect_problem(e, "/quantity", "is required for a sale");
    e = event_of(EVENT_HEARTBEAT, 1000);
    e.has &= ~HAS(sku);
    expect_problem(e, "/quantity", "is not a field of a heartbeat");
    e.has &= ~HAS(quantity);
    expect_sound(e);
    e = event_of(EVENT_ADJUSTMENT, 1000);
    expect_problem(e, "/reason", "is required for an adjustment");
    e = event_of(EVENT_NONE, 1000);
    expect_problem(e, "/type", "is not a type of event that is known here");
    e = event_of(EVENT_SALE, 1000);
    struct problems p = {0};
    assert_false(event_check(&e, 0, &p));
    assert_string_equal(p.at[0].pointer, "/type");
}

static void fields_hold_together(void **unused)
{
    struct event e = event_of(EVENT_STATUS_CHANGE, 1000);
    expect_problem(e, "/to_status", "must differ from `from_status` (left out means sellable)");
    e.has |= HAS(to_status);
    e.to_status = STATUS_DAMAGED;
    expect_sound(e);
    e.to_status = STATUS_END;
    expect_problem(e, "/to_status", "must be one of damaged, quarantine, display, missing, other");

    e = event_of(EVENT_SETTING, 0);
    e.has &= ~HAS(quantity);
    expect_problem(e, "", "must say at least one of safety_stock, reorder_point, backorder_limit");
    e.has |= HAS(backorder_limit);
    e.backorder_limit = LIMIT_NONE;
    expect_sound(e);
    e.backorder_limit = -1;
    expect_problem(e, "/backorder_limit", "must be 0 or more");

    e = event_of(EVENT_ALLOCATION, 0);
    e.has = (e.has & ~HAS(quantity)) | HAS(allocation);
    e.allocation = (struct allocation_said){.channel = TEXT("web"), .quantity = -1, .op = ALLOCATION_ADD};
    expect_sound(e);
    e.allocation.op = ALLOCATION_SET;
    expect_problem(e, "/allocation/quantity", "must be 0 or more");
    e.allocation = (struct allocation_said){
        .channel = TEXT("web"), .to_channel = TEXT("web"), .quantity = 1, .op = ALLOCATION_MOVE};
    expect_problem(e, "/allocation/to_channel", "must be another channel than the one it moves from");
    e.allocation.to_channel = TEXT("*");
    expect_problem(e, "/allocation/to_channel",
                   "must be letters, digits, '.', '_' and '-', beginning with a letter or digit");
}

static void identifiers_are_judged(void **unused)
{
    char long_one[TEXT_BYTES_MOST + 1];
    memset(long_one, 'a', sizeof(long_one));
    assert_true(text_is_name((struct text){long_one, TEXT_BYTES_MOST}));
    assert_false(text_is_name((struct text){long_one, TEXT_BYTES_MOST + 1}));
    assert_false(text_is_name((struct text){0}));
    assert_true(text_is_name(TEXT("0.a_b-C")));
    assert_false(text_is_name(TEXT(".a")));
    assert_false(text_is_name(TEXT("a b")));
    assert_false(text_is_name(TEXT("\xc3\xa4")));
    assert_true(text_is_identifier(TEXT(" \xc3\xa4|{}<script>")));
    assert_false(text_is_identifier(TEXT("a\0b")));
    assert_false(text_is_identifier(TEXT("a\nb")));
    assert_false(text_is_identifier(TEXT("a\x7f")));
    assert_false(text_is_identifier(TEXT("\xc2\x85")));
    assert_true(text_is_identifier(TEXT("\xc2\xa0")));
    assert_false(text_is_identifier(TEXT("\xff")));
    assert_false(text_is_identifier((struct text){long_one, TEXT_BYTES_MOST + 1}));
}

static void names_go_both_ways(void **unused)
{
    for (int i = 1; i < EVENT_END; i++) {
        enum event_type t = EVENT_NONE;
        assert_true(event_type_from_name(text_of(event_type_name((enum event_type)i)), &t));
        assert_int_equal(t, i);
    }
    for (int i = 0; i < FIELD_END; i++) {
        enum event_field f = FIELD_END;
        assert_true(event_field_from_name(text_of(event_field_name((enum event_field)i)), &f));
        assert_int_equal(f, i);
    }
    enum status s = STATUS_OTHER;
    assert_false(status_from_name(TEXT("sellable"), &s));
    assert_false(status_from_name(TEXT(""), &s));
    assert_int_equal(s, STATUS_OTHER);
    assert_string_equal(status_name(STATUS_NONE), "sellable");
    assert_string_equal(event_type_name(EVENT_NONE), "");
    assert_string_equal(event_type_name(EVENT_END), "");
    assert_string_equal(reason_name(REASON_STEP), "off_step");
    assert_string_equal(reason_pointer(REASON_STEP), "/quantity");
    assert_string_equal(verdict_name(VERDICT_REJECTED), "rejected");
}

static void long_problems_are_cut_between_characters(void **unused)
{
    struct problems p = {0};
    char long_one[400];
    memset(long_one, 'x', sizeof(long_one));
    memcpy(long_one + 94, "\xc3\xa4", 2);
    memcpy(long_one + 198, "\xc3\xa4", 2);
    long_one[399] = '\0';
    problems_add(&p, long_one, "%s", long_one);
    assert_int_equal(strlen(p.at[0].pointer), 94);
    assert_int_equal(strlen(p.at[0].detail), 198);
    for (int i = 0; i < 2 * PROBLEMS_MOST; i++)
        problems_add(&p, "", "again");
    assert_int_equal(p.count, PROBLEMS_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_follow_the_type), cmocka_unit_test(fields_follow_the_type),
        cmocka_unit_test(fields_hold_together),  cmocka_unit_test(identifiers_are_judged),
        cmocka_unit_test(names_go_both_ways),    cmocka_unit_test(long_problems_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
