/* The CSV reader: quotes, line breaks, marks, ends of lines, and what it refuses. */
#include "base/error.h"
#include "codec/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct bytes {
    const char *at;
    size_t left, step; /* at most `step` bytes a call */
};

static long from_bytes(void *context, char *out, size_t size)
{
    struct bytes *b = context;
    size_t n = b->left < b->step ? b->left : b->step;

    n = n < size ? n : size;
    memcpy(out, b->at, n);
    b->at += n;
    b->left -= n;
    return (long)n;
}

static struct csv csv;
static const char *problem;

/* All rows as text: fields divided by |, rows by the line they began in. */
static int read_all(const char *bytes, size_t length, size_t step, struct buffer *out)
{
    struct bytes b = {bytes, length, step};
    int got;

    csv_init(&csv, from_bytes, &b);
    while ((got = csv_next(&csv, &problem)) == 1) {
        buffer_printf(out, "%lu:", csv.line);
        for (size_t i = 0; i < csv.count; i++) {
            buffer_string(out, i ? "|" : "");
            buffer_text(out, csv.fields[i]);
        }
        buffer_byte(out, ';');
    }
    csv_finish(&csv);
    return got;
}

static void assert_rows(const char *bytes, const char *rows)
{
    for (size_t step = 3; step < 100; step += 40) { /* the mark needs its three bytes at once */
        struct buffer out = {0};
        int got = read_all(bytes, strlen(bytes), step, &out);
        buffer_byte(&out, 0);
        if (got || strcmp(out.at, rows) != 0)
            fail_msg("%s (step %zu): %d, %s", bytes, step, got, out.at);
        buffer_finish(&out);
    }
}

static void assert_refused(const char *bytes, size_t length, const char *said)
{
    struct buffer out = {0};

    assert_int_equal(read_all(bytes, length, 1000, &out), ERROR_INVALID);
    if (!strstr(problem, said))
        fail_msg("expected “%s” in “%s”", said, problem);
    buffer_finish(&out);
}

static void plain_rows(void **unused)
{
    assert_rows("a,b,c\n1,2,3\n", "1:a|b|c;2:1|2|3;");
    assert_rows("a,b\n1,2", "1:a|b;2:1|2;");
    assert_rows("a\n\n\nb\n", "1:a;4:b;");
    assert_rows("a,b\n,\n", "1:a|b;2:|;");
    assert_rows("", "");
    assert_rows("\n\n", "");
}

static void ends_of_lines(void **unused)
{
    assert_rows("a,b\r\n1,2\r\n", "1:a|b;2:1|2;");
    assert_rows("a,b\r1,2\r", "1:a|b;1:1|2;");
}

static void quotes(void **unused)
{
    assert_rows("\"a\",\"b,c\",\"d\"\"e\"\n", "1:a|b,c|d\"e;");
    assert_rows("\"two\nlines\",x\r\n\"\",y\n", "1:two\nlines|x;3:|y;");
    assert_rows("\"\"\"\"\n", "1:\";");
}

static void a_mark_in_front_is_skipped(void **unused)
{
    assert_rows("\xEF\xBB\xBFsku,x\n", "1:sku|x;");
    assert_rows("\xEF\xBB\xBF\"sku\",x\n", "1:sku|x;");
}

static void what_is_refused(void **unused)
{
    static char wide[1000], longer[(1 << 20) + 100];

    assert_refused("a,\"b\n", 5, "not closed");
    assert_refused("\"a\"b,c\n", 7, "followed by");
    assert_refused("a\"b,c\n", 6, "inside a field");
    assert_refused("a,b\0c\n", 6, "NUL");
    assert_refused("\"a\0\"\n", 5, "NUL");
    memset(wide, ',', sizeof(wide));
    assert_refused(wide, sizeof(wide), "256 columns");
    memset(longer, 'x', sizeof(longer));
    assert_refused(longer, sizeof(longer), "longer than a mebibyte");
}

static long broken(void *context, char *out, size_t size)
{
    return -1;
}

static void a_broken_source_is_told(void **unused)
{
    csv_init(&csv, broken, NULL);
    assert_int_equal(csv_next(&csv, &problem), ERROR_IO);
    csv_finish(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_rows),      cmocka_unit_test(ends_of_lines),
        cmocka_unit_test(quotes),          cmocka_unit_test(a_mark_in_front_is_skipped),
        cmocka_unit_test(what_is_refused), cmocka_unit_test(a_broken_source_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
