/* Quantities are judged by their text and written in the shortest form. */
#include "core/model/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void texts_are_judged(void **unused)
{
    static const struct {
        const char *text;
        enum quantity_error error;
        milli_t quantity;
    } cases[] = {
        {"2", QUANTITY_OK, 2000},
        {"2.0", QUANTITY_OK, 2000},
        {"2.000", QUANTITY_OK, 2000},
        {"0", QUANTITY_OK, 0},
        {"0.000", QUANTITY_OK, 0},
        {"-0.125", QUANTITY_OK, -125},
        {"200.125", QUANTITY_OK, 200125},
        {"8.5", QUANTITY_OK, 8500},
        {"1000000000000", QUANTITY_OK, QUANTITY_MOST},
        {"-1000000000000.000", QUANTITY_OK, -QUANTITY_MOST},
        {"2.0001", QUANTITY_FRACTION, 0},
        {"2.0000", QUANTITY_FRACTION, 0},
        {"-0.0000001", QUANTITY_FRACTION, 0},
        {"-0", QUANTITY_NEGATIVE_ZERO, 0},
        {"-0.00", QUANTITY_NEGATIVE_ZERO, 0},
        {"1000000000000.001", QUANTITY_RANGE, 0},
        {"-1000000000001", QUANTITY_RANGE, 0},
        {"99999999999999999999999999", QUANTITY_RANGE, 0},
        {"2e0", QUANTITY_NOT_NUMBER, 0},
        {"2E3", QUANTITY_NOT_NUMBER, 0},
        {"", QUANTITY_NOT_NUMBER, 0},
        {"-", QUANTITY_NOT_NUMBER, 0},
        {"+1", QUANTITY_NOT_NUMBER, 0},
        {".5", QUANTITY_NOT_NUMBER, 0},
        {"5.", QUANTITY_NOT_NUMBER, 0},
        {"01", QUANTITY_NOT_NUMBER, 0},
        {"-01", QUANTITY_NOT_NUMBER, 0},
        {"1,5", QUANTITY_NOT_NUMBER, 0},
        {" 1", QUANTITY_NOT_NUMBER, 0},
        {"1 ", QUANTITY_NOT_NUMBER, 0},
        {"1.2.3", QUANTITY_NOT_NUMBER, 0},
        {"0x10", QUANTITY_NOT_NUMBER, 0},
        {"NaN", QUANTITY_NOT_NUMBER, 0},
        {"Infinity", QUANTITY_NOT_NUMBER, 0},
        {"\"2\"", QUANTITY_NOT_NUMBER, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        milli_t q = 0;
        enum quantity_error error = quantity_parse(text_of(cases[i].text), &q);
        if (error != cases[i].error || q != cases[i].quantity)
            fail_msg("%s: error %d, quantity %lld", cases[i].text, error, (long long)q);
        assert_int_equal(error == QUANTITY_OK, *quantity_error_text(error) == '\0');
    }
}

static void assert_written(milli_t q, const char *expected)
{
    char out[QUANTITY_TEXT_BYTES];
    size_t length = quantity_format(q, out);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(out, expected, length);
}

static void the_shortest_form_is_written(void **unused)
{
    assert_written(0, "0");
    assert_written(12000, "12");
    assert_written(8500, "8.5");
    assert_written(-125, "-0.125");
    assert_written(10, "0.01");
    assert_written(200125, "200.125");
    assert_written(INT64_MAX, "9223372036854775.807");
    assert_written(INT64_MIN, "-9223372036854775.808");
}

static void what_is_written_reads_back(void **unused)
{
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        milli_t q = (milli_t)(x >> (x & 31)) % QUANTITY_MOST, back = 1;
        char out[QUANTITY_TEXT_BYTES];
        assert_int_equal(quantity_parse((struct text){out, quantity_format(q, out)}, &back), QUANTITY_OK);
        assert_true(back == q);
    }
}

static void sums_and_roundings(void **unused)
{
    milli_t sum = 7;
    assert_true(quantity_add(1500, -2000, &sum) && sum == -500);
    assert_false(quantity_add(INT64_MAX, 1, &sum));
    assert_true(sum == -500);
    assert_true(quantity_floor(2999, 1000) == 2000);
    assert_true(quantity_floor(-1, 1000) == -1000);
    assert_true(quantity_floor(-2000, 1000) == -2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_judged),
        cmocka_unit_test(the_shortest_form_is_written),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(sums_and_roundings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
