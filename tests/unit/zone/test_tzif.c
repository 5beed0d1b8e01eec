/* Zone files: the system's own, their rules for years to come, and files that are none. */
#include "zone/tzif.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SPANS_MOST = 400 };
#define HOUR_US (60 * INSTANT_MINUTE)

/* A file of one kind, without changes, with a rule. */
struct made {
    unsigned char bytes[400];
    size_t length;
};

static void put_header(struct made *m, unsigned kinds, unsigned names)
{
    unsigned char header[44] = "TZif2";

    header[39] = (unsigned char)kinds;
    header[43] = (unsigned char)names;
    memcpy(m->bytes + m->length, header, sizeof(header));
    m->length += sizeof(header);
}

static struct made file_with(const char *rule, int32_t offset_s)
{
    struct made m = {.length = 0};
    unsigned char kind[10] = {(unsigned char)((uint32_t)offset_s >> 24), (unsigned char)(offset_s >> 16),
                              (unsigned char)(offset_s >> 8), (unsigned char)offset_s};

    put_header(&m, 0, 0);
    put_header(&m, 1, 4);
    memcpy(m.bytes + m.length, kind, sizeof(kind));
    m.length += sizeof(kind);
    m.length += (size_t)sprintf((char *)m.bytes + m.length, "\n%s\n", rule);
    return m;
}

static uint32_t read_made(const struct made *m, struct zone_span *ret)
{
    return tzif_read(m->bytes, m->length, 2100, ret, SPANS_MOST);
}

static int64_t offset_at(const struct zone_span *span, uint32_t count, const char *text)
{
    instant_t at;

    assert_true(instant_parse(text_of(text), &at));
    while (count > 1 && span[count - 1].from > at)
        count--;
    return span[count - 1].offset_us;
}

static void a_rule_goes_on_to_the_last_year(void **unused)
{
    struct zone_span span[SPANS_MOST];
    struct made m = file_with("EET-2EEST,M4.5.5/0,M10.5.4/24", 7200); /* Cairo's */
    uint32_t count = read_made(&m, span);

    assert_int_equal(count, 1 + 2 * 131);
    /* the last Friday of April, 0:00; the last Thursday of October, 24:00 by summer's clock */
    assert_int_equal(offset_at(span, count, "2026-04-23T21:59:59Z"), 2 * HOUR_US);
    assert_int_equal(offset_at(span, count, "2026-04-23T22:00:00Z"), 3 * HOUR_US);
    assert_int_equal(offset_at(span, count, "2026-10-29T20:59:59Z"), 3 * HOUR_US);
    assert_int_equal(offset_at(span, count, "2026-10-29T21:00:00Z"), 2 * HOUR_US);
    assert_int_equal(offset_at(span, count, "2100-07-01T00:00:00Z"), 3 * HOUR_US);
}

static void rules_of_every_form(void **unused)
{
    struct zone_span span[SPANS_MOST];
    struct made m = file_with("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200); /* Nuuk: on Saturday at 23:00 */
    uint32_t count = read_made(&m, span);
    assert_int_equal(offset_at(span, count, "2026-03-29T00:59:59Z"), -2 * HOUR_US);
    assert_int_equal(offset_at(span, count, "2026-03-29T01:00:00Z"), -1 * HOUR_US);
    m = file_with("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 37800); /* Lord Howe: half an hour, in the south */
    count = read_made(&m, span);
    assert_int_equal(offset_at(span, count, "2026-01-01T00:00:00Z"), 11 * HOUR_US);
    assert_int_equal(offset_at(span, count, "2026-04-04T15:00:00Z"), 10 * HOUR_US + HOUR_US / 2);
    assert_int_equal(offset_at(span, count, "2026-10-03T15:30:00Z"), 11 * HOUR_US);
    m = file_with("AAA0BBB,J60/0,300/0", 0); /* the first of March, every year; day 300 counted from 0 */
    count = read_made(&m, span);
    assert_int_equal(offset_at(span, count, "2028-02-29T23:59:59Z"), 0);
    assert_int_equal(offset_at(span, count, "2028-03-01T00:00:00Z"), HOUR_US);
    assert_int_equal(offset_at(span, count, "2027-10-27T22:59:59Z"), HOUR_US);
    assert_int_equal(offset_at(span, count, "2027-10-27T23:00:00Z"), 0);
    m = file_with("<+0545>-5:45", 20700);
    assert_int_equal(read_made(&m, span), 1);
    m = file_with("", 3600); /* nobody knows what comes: it stays */
    assert_int_equal(read_made(&m, span), 1);
    assert_int_equal(span[0].offset_us, HOUR_US);
}

static void what_is_no_rule_is_refused(void **unused)
{
    static const char *const rules[] = {"1",
                                        "EET",
                                        "EET-",
                                        "EET-2EEST",
                                        "EET-2EEST,M4.5.5",
                                        "EET-2EEST,M13.1.1,M4.1.1",
                                        "EET-2EEST,M4.6.1,M5.1.1",
                                        "EET-2EEST,M4.0.1,M5.1.1",
                                        "EET-2EEST,M4.1.7,M5.1.1",
                                        "EET-2EEST,J0,J5",
                                        "EET-2EEST,366,1",
                                        "EET-2EEST,1/168,5",
                                        "<EET-2",
                                        "EET-26",
                                        "EET-2EEST,M4.5.5,M10.5.4 "};
    struct zone_span span[SPANS_MOST];

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct made m = file_with(rules[i], 7200);
        if (read_made(&m, span))
            fail_msg("`%s` is taken for a rule", rules[i]);
    }
}

/* Every beginning of a file, and every byte of it changed. */
static void a_damaged_file_is_refused_or_read_but_never_beyond_its_end(void **unused)
{
    struct made whole = file_with("EET-2EEST,M4.5.5/0,M10.5.4/24", 7200);
    struct zone_span span[SPANS_MOST];

    for (size_t length = 0; length < whole.length; length++) {
        unsigned char *copy = malloc(length + 1);
        memcpy(copy, whole.bytes, length);
        assert_int_equal(tzif_read(copy, length, 2100, span, SPANS_MOST), 0);
        free(copy);
    }
    for (size_t i = 0; i < whole.length; i++) {
        unsigned char *copy = malloc(whole.length);
        for (int value = 0; value < 256; value++) {
            memcpy(copy, whole.bytes, whole.length);
            copy[i] = (unsigned char)value;
            assert_true(tzif_read(copy, whole.length, 2100, span, SPANS_MOST) <= SPANS_MOST);
        }
        free(copy);
    }
    assert_int_equal(tzif_read(whole.bytes, whole.length, 2100, span, 10),
                     0); /* more than there is room for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_goes_on_to_the_last_year),
        cmocka_unit_test(rules_of_every_form),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(a_damaged_file_is_refused_or_read_but_never_beyond_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
