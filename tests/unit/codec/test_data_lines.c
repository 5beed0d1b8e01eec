/* Files cut into lines while they come, in whatever pieces. */
#include "base/error.h"
#include "codec/data_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* "line: document" of each, or "line! why"; the file comes in pieces of `size`. */
static void read_all(struct data_lines *l, struct text file, size_t size, struct buffer *out)
{
    struct data_document d;
    struct problems p;

    buffer_clear(out);
    for (;;) {
        p.count = 0;
        int got = data_lines_next(l, &d, &p);
        if (got == 1) {
            assert_int_equal(d.line, l->line);
            buffer_printf(out, "%lu: %.*s%.*s\n", d.line, (int)d.id.length, d.id.length ? d.id.at : "",
                          (int)d.json.length, d.json.at);
        } else if (got == ERROR_INVALID) {
            buffer_printf(out, "%lu! %s\n", l->line, p.at[0].detail);
            if (l->unreadable)
                break;
        } else {
            assert_int_equal(got, 0);
            if (l->ended)
                break;
            size_t n = file.length < size ? file.length : size;
            data_lines_compact(l);
            buffer_add(&l->bytes, file.at, n);
            file = (struct text){file.at + n, file.length - n};
            l->ended = !file.length;
        }
    }
    buffer_byte(out, 0);
}

static void expect_lines(bool csv, const char *file, const char *lines)
{
    struct buffer out = {0};

    for (size_t size = 1; size < 80; size++) {
        struct data_lines l = {.csv = csv, .kind = DATA_KINDS};
        read_all(&l, text_of(file), size, &out);
        assert_string_equal(out.at, lines);
        data_lines_finish(&l);
    }
    buffer_finish(&out);
}

static void lines_end_at_line_breaks(void **state)
{
    expect_lines(false, "", "");
    expect_lines(false, "\n \t\r\n", "");
    expect_lines(false, "{\"a\":1}\n\n{\"b\":2}", "1: {\"a\":1}\n\n3: {\"b\":2}\n");
    expect_lines(false, "\xEF\xBB\xBF{}\n", "1: {}\n\n");
}

static void a_field_in_quotes_may_hold_line_breaks(void **state)
{
    expect_lines(true, "\xEF\xBB\xBFsku,name\r\nA,\"a \"\"b\"\"\r\nc\"\r\n\r\nB,b",
                 "2: A{\"name\":\"a \\\"b\\\"\\r\\nc\"}\n5: B{\"name\":\"b\"}\n");
}

static void a_row_that_cannot_be_read_costs_only_itself(void **state)
{
    expect_lines(true, "sku,name\nA,x\nB\nC,a\"b\nD,\"d\"x\nE,e\n",
                 "2: A{\"name\":\"x\"}\n3! there are 1 fields, the header has 2\n"
                 "4! a quote stands inside a field that does not begin with one\n");
}

static void a_header_that_tells_nothing_ends_it(void **state)
{
    expect_lines(true, "a,b\n1,2\n", "1! the columns do not tell what the file holds; say it with --kind\n");
    expect_lines(true, "", "0! there is nothing in it\n");
    expect_lines(true, "name,product\nx,y\n",
                 "1! the columns do not tell what the file holds; say it with --kind\n");
}

/* Longer than a line may be: it is passed over in bounded memory, and what follows is read. */
static void a_line_without_end_is_passed_over(void **state)
{
    struct buffer file = {0}, out = {0};

    buffer_string(&file, "{\"a\":1}\n{\"b\":\"");
    for (size_t i = 0; i < 3u * DATA_LINE_BYTES_MOST / 16; i++)
        buffer_string(&file, "0123456789abcdef");
    buffer_string(&file, "\"}\n{\"c\":3}\n");
    struct data_lines l = {.kind = DATA_KINDS};
    read_all(&l, (struct text){file.at, file.length}, 32768, &out);
    assert_string_equal(out.at, "1: {\"a\":1}\n\n2! is longer than 1048576 bytes\n3: {\"c\":3}\n\n");
    assert_true(l.bytes.capacity < 4u * DATA_LINE_BYTES_MOST);
    data_lines_finish(&l);
    buffer_finish(&file);
    buffer_finish(&out);
}

/* ---- what a line says ---- */

static struct data_line said;
static struct problems found;

static int read_line(const char *json, enum data_kind kind)
{
    static struct data_line_reader reader;
    static struct arena texts;

    arena_finish(&texts);
    found.count = 0;
    int error =
        data_line_read(&reader, &(struct data_document){.kind = kind, .line = 7, .json = text_of(json)},
                       LEVEL_NEWEST, &texts, &said, &found);
    data_line_reader_finish(&reader);
    reader = (struct data_line_reader){0};
    return error;
}

static void expect_kind(const char *json, enum data_kind kind)
{
    read_line(json, DATA_KINDS);
    assert_int_equal(said.kind, kind);
}

static void fields_tell_what_a_line_is(void **state)
{
    expect_kind("{\"type\":\"heartbeat\",\"location\":\"s\"}", DATA_EVENTS);
    expect_kind("{\"sku\":\"A\",\"location\":\"s\",\"available\":3}", DATA_EVENTS);
    expect_kind("{\"type\":\"store\",\"location\":\"s\"}", DATA_LOCATIONS);
    expect_kind("{\"sku\":\"A\",\"name\":\"a\"}", DATA_ITEMS);
    expect_kind("{\"id\":\"g\",\"members\":[]}", DATA_GROUPS);
    expect_kind("{\"id\":\"c\",\"low_threshold\":3}", DATA_CHANNELS);
    expect_kind("{\"id\":\"c\"}", DATA_KINDS);
    assert_string_equal(found.at[0].detail, "does not tell what it is: say it with kind=");
}

static void an_object_is_as_a_put_takes_it(void **state)
{
    assert_int_equal(read_line("{\"location\":\"s-1\",\"name\":\"One\",\"time_zone\":\"Europe/"
                               "London\",\"opening_hours\":\"Mo 09:00-18:00\","
                               "\"stale\":false}",
                               DATA_KINDS),
                     0);
    assert_int_equal(said.record.kind, RECORD_LOCATION);
    assert_true(text_equal(said.record.reference.id, TEXT("s-1")));
    assert_true(text_equal(said.record.reference.document,
                           TEXT("{\"name\":\"One\",\"time_zone\":\"Europe/"
                                "London\",\"opening_hours\":[{\"days\":[\"mo\"],\"opens\":\"09:00\","
                                "\"closes\":\"18:00\"}]}")));
    assert_int_equal(read_line("{\"location\":\"s-1\",\"opening_hours\":\"often\"}", DATA_KINDS),
                     ERROR_INVALID);
    assert_string_equal(found.at[0].pointer, "/opening_hours");
    assert_int_equal(read_line("{\"name\":\"One\"}", DATA_LOCATIONS), ERROR_INVALID);
    assert_string_equal(found.at[0].pointer, "/location");
    assert_int_equal(read_line("{\"location\":\"a b\",\"name\":\"One\"}", DATA_KINDS), ERROR_INVALID);
    assert_string_equal(found.at[0].pointer, "/location");
    assert_int_equal(read_line("{\"channel\":\"*\",\"rules\":[]}", DATA_CHANNELS), 0);
}

static void derived_figures_are_refused_by_name(void **state)
{
    static const char *const names[] = {"reserved", "committed", "available", "net_available"};
    char json[200], pointer[40];

    for (size_t i = 0; i < 4; i++) {
        snprintf(json, sizeof(json),
                 "{\"type\":\"count\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":1,\"%s\":1}", names[i]);
        snprintf(pointer, sizeof(pointer), "/%s", names[i]);
        assert_int_equal(read_line(json, DATA_KINDS), ERROR_INVALID);
        assert_string_equal(found.at[0].pointer, pointer);
    }
}

static void a_broken_line_says_where(void **state)
{
    assert_int_equal(read_line("{\"sku\":}", DATA_KINDS), ERROR_INVALID);
    assert_non_null(strstr(found.at[0].detail, "line 7, column 8"));
    assert_int_equal(read_line("[1]", DATA_KINDS), ERROR_INVALID);
    assert_string_equal(found.at[0].detail, "must be an object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_at_line_breaks),
        cmocka_unit_test(a_field_in_quotes_may_hold_line_breaks),
        cmocka_unit_test(a_row_that_cannot_be_read_costs_only_itself),
        cmocka_unit_test(a_header_that_tells_nothing_ends_it),
        cmocka_unit_test(a_line_without_end_is_passed_over),
        cmocka_unit_test(fields_tell_what_a_line_is),
        cmocka_unit_test(an_object_is_as_a_put_takes_it),
        cmocka_unit_test(derived_figures_are_refused_by_name),
        cmocka_unit_test(a_broken_line_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
