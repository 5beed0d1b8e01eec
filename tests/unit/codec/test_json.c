/* The scanner's nodes, its complaints, and the writer. The verdicts over many documents are in
 * test_json_corpus.c. */
#include "base/error.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_text(struct text t, const char *expected)
{
    assert_int_equal(t.length, strlen(expected));
    assert_memory_equal(t.at, expected, t.length);
}

static void nodes_lie_in_document_order(void **unused)
{
    struct arena a = {0};
    struct problems p = {0};
    const struct json_node *n;
    size_t count;
    struct text document = TEXT(
        " {\"a\":[1, 2.50,{}],\n\"b\\u00e4\":\"x\\n\\ud83d\\udc5f\",\"c\":null,\"d\":true,\"e\":false} ");
    assert_int_equal(json_parse(document, &a, &n, &count, &p), 0);
    assert_int_equal(count, 9);
    assert_int_equal(n[0].type, JSON_OBJECT);
    assert_int_equal(n[0].count, 5);
    assert_int_equal(n[0].next, 9);
    assert_int_equal(n[0].text.length, document.length - 2);
    assert_int_equal(n[1].type, JSON_ARRAY);
    assert_text(n[1].key, "a");
    assert_text(n[1].text, "[1, 2.50,{}]");
    assert_int_equal(n[1].count, 3);
    assert_int_equal(n[1].next, 5);
    assert_text(n[3].text, "2.50");
    assert_int_equal(n[4].type, JSON_OBJECT);
    assert_text(n[5].key, "b\xc3\xa4");
    assert_text(n[5].text, "x\n\xf0\x9f\x91\x9f");
    assert_int_equal(n[6].type, JSON_NULL);
    assert_int_equal(n[7].type, JSON_TRUE);
    assert_int_equal(n[8].type, JSON_FALSE);
    arena_finish(&a);
}

static void complaints_say_where(void **unused)
{
    static const struct {
        const char *document, *detail;
    } cases[] = {
        {"", "line 1, column 1: the document ends where a value is expected"},
        {"{\n \"a\": 1,\n}", "line 3, column 1: expected a key in double quotes"},
        {"[1,]", "line 1, column 4: expected a value"},
        {"[1 2]", "line 1, column 4: expected ',' or ']'"},
        {"{\"\xc3\xa4\":1 \"b\":2}", "line 1, column 8: expected ',' or '}'"},
        {"{\"a\" 1}", "line 1, column 6: expected ':' behind the key"},
        {"[\"a]", "line 1, column 5: a string has no end"},
        {"[\"a\tb\"]", "line 1, column 4: a control character in a string: write it as \\u00XX"},
        {"[\"a\\x\"]",
         "line 1, column 4: an unknown escape: there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX"},
        {"[\"\\u12G4\"]", "line 1, column 3: a \\u needs four hexadecimal digits"},
        {"[\"\\u00@0\"]", "line 1, column 3: a \\u needs four hexadecimal digits"},
        {"[\"\\u0000\"]", "line 1, column 3: U+0000 is not allowed in a string"},
        {"[\"\\uD800x\"]", "line 1, column 3: the first half of a surrogate pair stands alone"},
        {"[\"\\uDC00\"]", "line 1, column 3: the second half of a surrogate pair stands alone"},
        {"[\"\xff\"]", "line 1, column 2: this string is not valid UTF-8"},
        {"[-]", "line 1, column 3: a number needs a digit here"},
        {"[1.]", "line 1, column 4: a number needs a digit behind its point"},
        {"[1e+]", "line 1, column 5: an exponent needs a digit"},
        {"[01]", "line 1, column 3: expected ',' or ']'"},
        {"{} {}", "line 1, column 4: something stands behind the value"},
        {"[{\"a\":1,\"b\":2,\"\\u0061\":3}]",
         "line 1, column 2: the object that begins here has a key twice"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1", "line 1, column 33: nested deeper than 32 arrays and objects"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct problems p = {0};
        const struct json_node *n;
        size_t count;
        assert_int_equal(json_parse(text_of(cases[i].document), &a, &n, &count, &p), ERROR_INVALID);
        assert_int_equal(p.count, 1);
        assert_string_equal(p.at[0].pointer, "");
        assert_string_equal(p.at[0].detail, cases[i].detail);
        arena_finish(&a);
    }
}

static int parse_many_keys(int keys, bool twice)
{
    struct buffer b = {0};
    struct arena a = {0};
    struct problems p = {0};
    const struct json_node *n;
    size_t count;
    for (int i = 0; i < keys; i++)
        buffer_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', twice && i == keys - 1 ? (keys - 1) / 2 : i, i);
    buffer_byte(&b, '}');
    int error = json_parse((struct text){b.at, b.length}, &a, &n, &count, &p);
    buffer_finish(&b);
    arena_finish(&a);
    return error;
}

static void keys_stand_once_however_many(void **unused)
{
    static const int sizes[] = {2, 16, 17, 32, 33, 1000, 200000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        assert_int_equal(parse_many_keys(sizes[i], false), 0);
        assert_int_equal(parse_many_keys(sizes[i], true), ERROR_INVALID);
    }
}

static void memory_is_bounded_by_the_arena(void **unused)
{
    struct arena a = {.most_bytes = 4096};
    struct problems p = {0};
    const struct json_node *n = NULL;
    size_t count = 7;
    char many[2001];
    memset(many, '1', sizeof(many));
    for (int i = 1; i < 2000; i += 2)
        many[i] = ',';
    many[0] = '[';
    many[1] = '1';
    many[2000] = ']';
    assert_int_equal(json_parse((struct text){many, 2001}, &a, &n, &count, &p), ERROR_LIMIT);
    assert_null(n);
    assert_int_equal(count, 7);
    arena_finish(&a);
}

static void strings_are_written_so_that_a_page_can_hold_them(void **unused)
{
    struct buffer b = {0};
    json_put_string(&b, TEXT("a\"b\\c\n\x01<s>&\xe2\x80\xa8\xe2\x80\xa9\xe2\x82\xac\x7f"));
    assert_text((struct text){b.at, b.length},
                "\"a\\\"b\\\\c\\n\\u0001\\u003Cs\\u003E\\u0026\\u2028\\u2029\xe2\x82\xac\\u007F\"");
    buffer_clear(&b);
    json_put_string(&b, TEXT("\xff-\xc3\xa4"));
    assert_text((struct text){b.at, b.length}, "\"\\uFFFD-\\uFFFD\\uFFFD\"");
    buffer_clear(&b);
    json_put_string(&b, (struct text){0});
    json_put_quantity(&b, -8500);
    json_put_instant(&b, 0);
    json_put_instant(&b, INSTANT_NONE);
    assert_text((struct text){b.at, b.length}, "\"\"-8.5\"1970-01-01T00:00:00Z\"null");
    buffer_finish(&b);
}

/* In memory of exactly its size, so that a sanitizer sees who reads beyond it. */
static int parse_exactly(const char *bytes, size_t length, struct arena *a, const struct json_node **ret)
{
    struct problems p = {0};
    char *document = malloc(length);
    size_t count;

    memcpy(document, bytes, length);
    int error = json_parse((struct text){document, length}, a, ret, &count, &p);
    if (!error) /* what points into the document is to outlive it */
        ((struct json_node *)(uintptr_t)*ret)->text = arena_text(a, (*ret)->text);
    free(document);
    return error;
}

/* Runs of sixteen bytes are looked at together: one that is special is found wherever it stands. */
static void one_special_byte_is_found_anywhere(void **unused)
{
    struct arena a = {0};
    struct buffer b = {0};
    const struct json_node *n;

    for (size_t length = 1; length < 36; length++)
        for (size_t at = 0; at < length; at++)
            for (int byte = 1; byte < 0x80; byte++) {
                char text[40], raw[40];
                memset(text, 'a', length);
                text[at] = (char)byte;
                bool escaped = byte < 0x20 || strchr("\"\\<>&\x7F", byte);
                buffer_clear(&b);
                json_put_string(&b, (struct text){text, length});
                assert_int_equal(b.length == length + 2, !escaped);
                assert_int_equal(parse_exactly(b.at, b.length, &a, &n), 0);
                assert_int_equal(n[0].text.length, length);
                assert_memory_equal(n[0].text.at, text, length);
                raw[0] = raw[length + 1] = '"';
                memcpy(raw + 1, text, length);
                bool right = byte >= 0x20 && byte != '"';
                if (byte != '\\')
                    assert_int_equal(parse_exactly(raw, length + 2, &a, &n) == 0, right);
                arena_reset(&a);
            }
    buffer_finish(&b);
    arena_finish(&a);
}

static void two_bytes_of_one_character_are_found_anywhere(void **unused)
{
    struct arena a = {0};
    struct buffer b = {0};
    const struct json_node *n;

    for (size_t length = 2; length < 36; length++)
        for (size_t at = 0; at + 1 < length; at++) {
            char text[40];
            memset(text, 'a', length);
            memcpy(text + at, "\xc3\xa4", 2);
            buffer_clear(&b);
            json_put_string(&b, (struct text){text, length});
            assert_int_equal(b.length, length + 2);
            assert_int_equal(parse_exactly(b.at, b.length, &a, &n), 0);
            assert_memory_equal(n[0].text.at, text, length);
            b.at[1 + at] = 'a'; /* half a character */
            assert_int_not_equal(parse_exactly(b.at, b.length, &a, &n), 0);
            arena_reset(&a);
        }
    buffer_finish(&b);
    arena_finish(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_lie_in_document_order),
        cmocka_unit_test(complaints_say_where),
        cmocka_unit_test(keys_stand_once_however_many),
        cmocka_unit_test(memory_is_bounded_by_the_arena),
        cmocka_unit_test(strings_are_written_so_that_a_page_can_hold_them),
        cmocka_unit_test(one_special_byte_is_found_anywhere),
        cmocka_unit_test(two_bytes_of_one_character_are_found_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
