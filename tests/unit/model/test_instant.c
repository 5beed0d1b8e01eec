/* Instants: RFC 3339 in, microseconds inside, RFC 3339 out. */
#include "core/model/instant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static void texts_are_read(void **unused)
{
    static const struct {
        const char *text;
        instant_t at;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"2026-11-21T10:05:00Z", 1795255500000000},
        {"2026-11-21t10:05:00z", 1795255500000000},
        {"2026-11-21T11:05:00+01:00", 1795255500000000},
        {"2026-11-21T04:35:00-05:30", 1795255500000000},
        {"2026-11-21T10:05:00-00:00", 1795255500000000},
        {"2026-11-21T10:05:00.5Z", 1795255500500000},
        {"2026-11-21T10:05:00.123456789Z", 1795255500123456},
        {"2024-02-29T00:00:00Z", 1709164800000000},
        {"2000-02-29T23:59:59Z", 951868799000000},
        {"2016-12-31T23:59:60Z", 1483228799999999},
        {"2016-12-31T23:59:60.5Z", 1483228799999999},
        {"9999-12-31T23:59:59.999999Z", INSTANT_MOST},
        {"1969-12-31T23:00:00-01:00", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        instant_t at = -1;
        if (!instant_parse(text_of(cases[i].text), &at) || at != cases[i].at)
            fail_msg("%s: %lld", cases[i].text, (long long)at);
    }
}

static void other_texts_are_refused(void **unused)
{
    static const char *const cases[] = {
        "",
        "2026-11-21",
        "2026-11-21T10:05:00",
        "2026-11-21 10:05:00Z",
        "2026-11-21T10:05Z",
        "2026-11-21T10:05:00.Z",
        "2026-11-21T10:05:00.1234567890Z",
        "2026-11-21T10:05:00,5Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T10:60:00Z",
        "2026-11-21T10:05:61Z",
        "2026-13-21T10:05:00Z",
        "2026-00-21T10:05:00Z",
        "2026-11-31T10:05:00Z",
        "2026-11-00T10:05:00Z",
        "2025-02-29T10:05:00Z",
        "2100-02-29T10:05:00Z",
        "2026-11-21T10:05:00+24:00",
        "2026-11-21T10:05:00+01:60",
        "2026-11-21T10:05:00+0100",
        "2026-11-21T10:05:00+01",
        "2026-11-21T10:05:00ZZ",
        "2026-11-21T10:05:00Z ",
        " 2026-11-21T10:05:00Z",
        "26-11-21T10:05:00.000Z",
        "+2026-11-21T10:05:00Z",
        "2026-1-21T10:05:00.00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "2026-11-21T-1:05:00Z",
        "1795255500000000000000",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        instant_t at = 42;
        if (instant_parse(text_of(cases[i]), &at) || at != 42)
            fail_msg("accepted %s", cases[i]);
    }
}

static void days_agree_with_the_c_library(void **unused)
{
    for (int64_t day = 0; day < INSTANT_MOST / INSTANT_DAY; day += 13) {
        time_t seconds = (time_t)(day * 86400 + 3661);
        struct tm tm;
        char expected[64], out[INSTANT_TEXT_BYTES];
        instant_t back = -1;
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
        size_t length = instant_format((instant_t)seconds * INSTANT_SECOND, out);
        assert_int_equal(length, strlen(expected));
        assert_memory_equal(out, expected, length);
        assert_true(instant_parse((struct text){out, length}, &back) && back == seconds * INSTANT_SECOND);
    }
}

static void fractions_are_written_whole(void **unused)
{
    char out[INSTANT_TEXT_BYTES];
    size_t length = instant_format(1795255500000120, out);
    assert_int_equal(length, 27);
    assert_memory_equal(out, "2026-11-21T10:05:00.000120Z", 27);
    assert_int_equal(instant_format(INSTANT_NONE, out), 0);
    assert_int_equal(instant_format(INSTANT_MOST + 1, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(days_agree_with_the_c_library),
        cmocka_unit_test(fractions_are_written_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
