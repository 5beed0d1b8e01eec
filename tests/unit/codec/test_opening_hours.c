/* OpenStreetMap's opening hours as rows of days: every form of the demo, and the odd ones of real shops. */
#include "base/error.h"
#include "codec/csv.h"
#include "codec/opening_hours.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static bool holidays;
static char detail[OPENING_HOURS_DETAIL_BYTES];

static void assert_hours(const char *text, const char *json)
{
    struct buffer out = {0};

    int error = opening_hours_to_json(text_of(text), &out, &holidays, detail);
    buffer_byte(&out, 0);
    if (error || strcmp(out.at, json) != 0)
        fail_msg("%s: %d %s, %s", text, error, error ? detail : "", out.at);
    buffer_finish(&out);
}

static void assert_refused(const char *text, const char *said)
{
    struct buffer out = {0};

    assert_int_equal(opening_hours_to_json(text_of(text), &out, &holidays, detail), ERROR_INVALID);
    assert_int_equal(out.length, 0);
    if (!strstr(detail, said))
        fail_msg("%s: expected “%s” in “%s”", text, said, detail);
    buffer_finish(&out);
}

#define WORKDAYS "\"mo\",\"tu\",\"we\",\"th\",\"fr\""
#define ALL_DAYS WORKDAYS ",\"sa\",\"su\""

static void the_forms_that_the_data_promise(void **unused)
{
    assert_hours("Mo-Fr 09:00-17:00; Sa 10:00-13:00,14:00-16:00",
                 "[{\"days\":[" WORKDAYS "],\"opens\":\"09:00\",\"closes\":\"17:00\"},"
                 "{\"days\":[\"sa\"],\"opens\":\"10:00\",\"closes\":\"13:00\"},{\"days\":[\"sa\"],\"opens\":"
                 "\"14:00\",\"closes\":\"16:00\"}]");
    assert_hours("24/7", "[{\"days\":[" ALL_DAYS "],\"opens\":\"00:00\",\"closes\":\"24:00\"}]");
    assert_hours("off", "[]");
    assert_hours("", "[]");
    assert_hours("Mo-Su 09:00-20:00", "[{\"days\":[" ALL_DAYS "],\"opens\":\"09:00\",\"closes\":\"20:00\"}]");
}

static void equal_spans_share_a_row(void **unused)
{
    assert_hours("Mo 07:00-21:00; Tu 09:00-21:00; We 07:00-21:00",
                 "[{\"days\":[\"mo\",\"we\"],\"opens\":\"07:00\",\"closes\":\"21:00\"},{\"days\":[\"tu\"],"
                 "\"opens\":\"09:00\",\"closes\":\"21:00\"}]");
}

static void later_rules_replace_and_commas_add(void **unused)
{
    assert_hours("Mo-Su 09:00-18:00; Su off; Sa 10:00-12:00",
                 "[{\"days\":[" WORKDAYS "],\"opens\":\"09:00\",\"closes\":\"18:00\"},{\"days\":[\"sa\"],"
                 "\"opens\":\"10:00\",\"closes\":\"12:00\"}]");
    assert_hours("Mo 09:00-12:00, Mo 13:00-17:00",
                 "[{\"days\":[\"mo\"],\"opens\":\"09:00\",\"closes\":\"12:00\"},{\"days\":[\"mo\"],\"opens\":"
                 "\"13:00\",\"closes\":\"17:00\"}]");
    assert_hours("Mo,We 9:30-17:00 , Sa 10:00-12:00",
                 "[{\"days\":[\"mo\",\"we\"],\"opens\":\"09:30\",\"closes\":\"17:00\"},{\"days\":[\"sa\"],"
                 "\"opens\":\"10:00\",\"closes\":\"12:00\"}]");
}

static void past_midnight_closes_in_the_morning(void **unused)
{
    assert_hours("Fr 22:00-02:00", "[{\"days\":[\"fr\"],\"opens\":\"22:00\",\"closes\":\"02:00\"}]");
    assert_hours("Fr 22:00-26:00", "[{\"days\":[\"fr\"],\"opens\":\"22:00\",\"closes\":\"02:00\"}]");
    assert_hours("Fr 08:00-24:00", "[{\"days\":[\"fr\"],\"opens\":\"08:00\",\"closes\":\"24:00\"}]");
    assert_refused("Fr 08:00-40:00", "at most a day");
}

static void odd_forms_of_real_shops(void **unused)
{
    assert_hours("mo-sa 09:00-17:00;su off",
                 "[{\"days\":[" WORKDAYS ",\"sa\"],\"opens\":\"09:00\",\"closes\":\"17:00\"}]");
    assert_hours("09:00-17:00", "[{\"days\":[" ALL_DAYS "],\"opens\":\"09:00\",\"closes\":\"17:00\"}]");
    assert_hours("Sa-Mo 10:00-12:00",
                 "[{\"days\":[\"mo\",\"sa\",\"su\"],\"opens\":\"10:00\",\"closes\":\"12:00\"}]");
    assert_hours("Mo: 09:00 - 17:00;", "[{\"days\":[\"mo\"],\"opens\":\"09:00\",\"closes\":\"17:00\"}]");
    assert_hours("Tu 09:00-17:00 || \"on appointment\"",
                 "[{\"days\":[\"tu\"],\"opens\":\"09:00\",\"closes\":\"17:00\"}]");
    assert_hours("Mo 09:00-17:00; PH off", "[{\"days\":[\"mo\"],\"opens\":\"09:00\",\"closes\":\"17:00\"}]");
    assert_true(holidays);
    assert_hours("Mo 09:00-17:00; Su,PH 10:00-12:00",
                 "[{\"days\":[\"mo\"],\"opens\":\"09:00\",\"closes\":\"17:00\"},"
                 "{\"days\":[\"su\"],\"opens\":\"10:00\",\"closes\":\"12:00\"}]");
    assert_true(holidays);
    assert_hours("24/7", "[{\"days\":[" ALL_DAYS "],\"opens\":\"00:00\",\"closes\":\"24:00\"}]");
    assert_false(holidays);
}

static void what_is_not_understood_is_said(void **unused)
{
    assert_refused("As per garden", "expected a day");
    assert_refused("10am - 4pm, Monday - Friday.", "a time like 09:00");
    assert_refused("Monday 09:00-17:00", "expected a day");
    assert_refused("Mo-Xx 09:00-17:00", "expected a day");
    assert_refused("Mo 09:00", "a minus");
    assert_refused("Mo 09:60-17:00", "a time like");
    assert_refused("Mo 25:00-26:00", "before 24:00");
    assert_refused("Mo 09:00-17:00 Tu 09:00-17:00", "; or ,");
    assert_refused("Mo", "a time like");
    assert_refused("2026 Dec 25 off", "a time like");
    assert_refused("Mo 09:00-17:00 || Tu 09:00-12:00", "a remark");
    assert_refused("Mo 09:00-17:00 || \"", "a remark");
    assert_refused(
        "Mo 1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00",
        "at most 8");
}

static long from_file(void *file, char *bytes, size_t size)
{
    return (long)fread(bytes, 1, size, file);
}

/* The minutes a week that the rows say, for the libraries whose week the source counted itself. */
static void every_location_of_the_demo_is_read(void **unused)
{
    static struct csv csv;
    const char *problem = "";
    FILE *file = fopen(DEMO_LOCATIONS, "re");
    size_t rows = 0;

    assert_non_null(file);
    csv_init(&csv, from_file, file);
    assert_int_equal(csv_next(&csv, &problem), 1);
    assert_int_equal(csv.count, 15);
    assert_memory_equal(csv.fields[9].at, "opening_hours", csv.fields[9].length);
    while (csv_next(&csv, &problem) == 1) {
        struct buffer out = {0};
        assert_int_equal(csv.count, 15);
        if (opening_hours_to_json(csv.fields[9], &out, &holidays, detail))
            fail_msg("line %lu: %s", csv.line, detail);
        assert_true(out.length > 2);
        buffer_finish(&out);
        rows++;
    }
    assert_int_equal(rows, 32);
    csv_finish(&csv);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forms_that_the_data_promise),
        cmocka_unit_test(equal_spans_share_a_row),
        cmocka_unit_test(later_rules_replace_and_commas_add),
        cmocka_unit_test(past_midnight_closes_in_the_morning),
        cmocka_unit_test(odd_forms_of_real_shops),
        cmocka_unit_test(what_is_not_understood_is_said),
        cmocka_unit_test(every_location_of_the_demo_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
