/* The strict parser: bytes in, what it makes of them out, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "parser_reader.h"

static void check(const char *bytes, size_t length, const char *expected)
{
    for (size_t split = 0; split <= length; split++) {
        struct reader r = {0};
        reader_feed(&r, bytes, split);
        reader_feed(&r, bytes + split, length - split);
        char *said = reader_end(&r);
        if (strcmp(said, expected))
            print_error("split at %zu of: %.*s\n", split, (int)length, bytes);
        assert_string_equal(said, expected);
        free(said);
    }
    struct reader r = {0};
    for (size_t i = 0; i < length; i++)
        reader_feed(&r, bytes + i, 1);
    char *said = reader_end(&r);
    assert_string_equal(said, expected);
    free(said);
}

#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct row {
    const char *bytes;
    size_t length;
    const char *expected;
};
#define ROW(bytes, expected)               \
    {                                      \
        bytes, sizeof(bytes) - 1, expected \
    }

static void check_all(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(rows[i].bytes, rows[i].length, rows[i].expected);
}
#define CHECK_ALL(rows) check_all(rows, sizeof(rows) / sizeof(rows[0]))

static void good_requests_are_read(void **state)
{
    static const struct row rows[] = {
        ROW("GET / HTTP/1.1\r\n" HOST "\r\n", "GET / 1.1\n"),
        ROW("GET /a/b?c=d&e HTTP/1.1\r\n" HOST "\r\n", "GET /a/b?c=d&e 1.1\n"),
        ROW("GET /?a?b HTTP/1.1\r\n" HOST "\r\n", "GET /?a?b 1.1\n"),
        ROW("GET / HTTP/1.1\r\nhOST:a\r\n\r\n", "GET / 1.1\n"),
        ROW("GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", "GET / 1.1\n"),
        ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1\n"),
        ROW("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / 1.1\n"),
        ROW("GET / HTTP/1.1\r\n" HOST "X: \x80\xFF\tb\r\nY:\r\n\r\n", "GET / 1.1\n"),
        ROW("\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "GET / 1.1\n"),
        ROW(POST "Content-Length: 3\r\n\r\nabc", "POST / 1.1 <abc>\n"),
        ROW(POST "Content-Length: 0\r\n\r\n", "POST / 1.1\n"),
        ROW(POST "Content-Length: 003\r\n\r\nabc", "POST / 1.1 <abc>\n"),
        ROW("DELETE /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "DELETE /x 1.1 close\n"),
        ROW("PUT /x HTTP/1.1\r\n" HOST "Connection: upgrade , CLOSE,,\r\n\r\n", "PUT /x 1.1 close\n"),
        ROW("HEAD /x HTTP/1.1\r\n" HOST "Connection: a\r\nConnection: close\r\n\r\n", "HEAD /x 1.1 close\n"),
        ROW("HEAD /x HTTP/1.1\r\n" HOST "Connection: close, keep-alive\r\n\r\n", "HEAD /x 1.1 close\n"),
    };
    CHECK_ALL(rows);
}

static void framing_that_is_ambiguous_is_refused(void **state)
{
    static const struct row rows[] = {
        /* Content-Length with Transfer-Encoding, two of either */
        ROW(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"),
        ROW(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"),
        ROW(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400"),
        ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        /* Content-Length that is not digits */
        ROW(POST "Content-Length: +5\r\n\r\n", "400"),
        ROW(POST "Content-Length: 0x5\r\n\r\n", "400"),
        ROW(POST "Content-Length: -1\r\n\r\n", "400"),
        ROW(POST "Content-Length: 5, 5\r\n\r\n", "400"),
        ROW(POST "Content-Length: 5 5\r\n\r\n", "400"),
        ROW(POST "Content-Length: 5.0\r\n\r\n", "400"),
        ROW(POST "Content-Length:\r\n\r\n", "400"),
        ROW(POST "Content-Length: 9223372036854775808\r\n\r\n", "400"),
        ROW(POST "Content-Length: 18446744073709551619\r\n\r\n", "400"),
        ROW(POST "Content-Length: 99999999999999999999999\r\n\r\n", "400"),
        /* Transfer-Encoding other than exactly chunked */
        ROW(POST "Transfer-Encoding: xchunked\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding: identity\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding:\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding: chunked;a=b\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding : chunked\r\n\r\n", "400"),
        ROW(POST "Transfer-Encoding\t: chunked\r\n\r\n", "400"),
        ROW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        /* Hosts */
        ROW("GET / HTTP/1.1\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400"),
        ROW("GET / HTTP/1.0\r\n" HOST HOST "\r\n", "400"),
        ROW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", "400"),
        /* other lines that may be there once */
        ROW("GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", "400"),
        ROW(POST "Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n", "400"),
    };
    CHECK_ALL(rows);
}

static void lines_must_be_lines(void **state)
{
    static const struct row rows[] = {
        ROW("GET / HTTP/1.1\nHost: a\n\n", "400"),
        ROW("GET / HTTP/1.1\r\nHost: a\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\nHost: a\r\n\n", "400"),
        ROW("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "X: a\r\n\tfolded\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "X: a\x7F\r\n\r\n", "400"),
        ROW("GET /\0 HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "colon\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "X(: a\r\n\r\n", "400"),
        ROW("GET / HTTP/1.1\r\n" HOST "X\xC3\xA4: a\r\n\r\n", "400"),
        ROW("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("\nGET / HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("\x16\x03\x01\x02", "400"),
        /* request lines */
        ROW("GET /\r\n\r\n", "400"),
        ROW("GET\r\n", "400"),
        ROW(" GET / HTTP/1.1\r\n", "400"),
        ROW("GET  / HTTP/1.1\r\n", "400"),
        ROW("GET /  HTTP/1.1\r\n", "400"),
        ROW("GET / HTTP/1.1 \r\n", "400"),
        ROW("GET\t/\tHTTP/1.1\r\n", "400"),
        ROW("GET /a b HTTP/1.1\r\n", "400"),
        ROW("GET /a\xC3\xA4 HTTP/1.1\r\n", "400"),
        ROW("GET /a#b HTTP/1.1\r\n", "400"),
        ROW("GET /\"a\" HTTP/1.1\r\n", "400"),
        ROW("GET a HTTP/1.1\r\n", "400"),
        ROW("GET * HTTP/1.1\r\n", "400"),
        ROW("G(T / HTTP/1.1\r\n", "400"),
        ROW("GET / http/1.1\r\n", "400"),
        ROW("GET / HTTP/1.1.1\r\n", "400"),
        ROW("GET / HTTP/11\r\n", "400"),
        ROW("GET / HTTP/1,1\r\n", "400"),
        ROW("GET / HTP/1.1\r\n", "400"),
    };
    CHECK_ALL(rows);
}

static void versions_and_methods(void **state)
{
    static const struct row rows[] = {
        ROW("GET / HTTP/1.2\r\n", "505"),
        ROW("GET / HTTP/0.9\r\n", "505"),
        ROW("GET / HTTP/2.0\r\n", "505"),
        ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        ROW("BREW / HTTP/1.1\r\n", "501"),
        ROW("get / HTTP/1.1\r\n", "501"),
        ROW("CONNECT a:80 HTTP/1.1\r\n", "501"),
        ROW("PATCH / HTTP/1.1\r\n" HOST "\r\n", "PATCH / 1.1\n"),
        ROW("TRACE / HTTP/1.1\r\n" HOST "\r\n", "TRACE / 1.1\n"),
        ROW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * 1.1\n"),
        ROW("GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close\n"),
        ROW("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
            "GET / 1.0\nGET /b 1.0 close\n"),
        ROW("GET http://a/b?c HTTP/1.1\r\n" HOST "\r\n", "GET /b?c 1.1 absolute\n"),
        ROW("GET HTTPS://a.b:80/ HTTP/1.1\r\n" HOST "\r\n", "GET / 1.1 absolute\n"),
        ROW("GET http://a HTTP/1.1\r\n" HOST "\r\n", "GET  1.1 absolute\n"),
        ROW("GET http://a?q HTTP/1.1\r\n" HOST "\r\n", "GET ?q 1.1 absolute\n"),
        ROW("GET http:/// HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", "400"),
        ROW("GET http://a/b HTTP/1.1\r\n\r\n", "400"),
        ROW(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na", "POST / 1.1 expects <a>\n"),
        ROW(POST "Expect: a-miracle\r\n\r\n", "417"),
        ROW("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
            "POST / 1.0 close <a>\n"),
    };
    CHECK_ALL(rows);
}

static void chunked_bodies(void **state)
{
    static const struct row rows[] = {
        ROW(CHUNKED "3\r\nabc\r\n0\r\n\r\n", "POST / 1.1 <abc>\n"),
        ROW(CHUNKED "0\r\n\r\n", "POST / 1.1 <>\n"),
        ROW(CHUNKED "3\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\nGET /x HTTP/1.1\r\n" HOST "\r\n",
            "POST / 1.1 <abc0123456789>\nGET /x 1.1\n"),
        ROW(CHUNKED "00003\r\nabc\r\n0\r\n\r\n", "POST / 1.1 <abc>\n"),
        ROW(CHUNKED "3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", "POST / 1.1 <abc>\n"),
        ROW(CHUNKED "1\r\na\r\n0\r\nX: y\r\nChecksum:1\r\n\r\n", "POST / 1.1 <a>\n"),
        ROW(POST "Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", "POST / 1.1 <a>\n"),
        ROW(CHUNKED "3\r\nab", "POST / 1.1 <ab…"),
        /* sizes */
        ROW(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "-1\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "+1\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED " 1\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "1 \r\na\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "g\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED ";a\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "8000000000000000\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "FFFFFFFFFFFFFFFF\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "10000000000000003\r\nabc\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "7FFFFFFFFFFFFFFF\r\n", "POST / 1.1 <>413"),
        ROW(CHUNKED "100001\r\n", "POST / 1.1 <>413"),
        /* longer or shorter than the size */
        ROW(CHUNKED "3\r\nabcd\r\n0\r\n\r\n", "POST / 1.1 <abc>400"),
        ROW(CHUNKED "3\r\nabc0\r\n\r\n", "POST / 1.1 <abc>400"),
        ROW(CHUNKED "4\r\nabc\r\n0\r\n\r\n", "POST / 1.1 <abc\r>400"),
        ROW(CHUNKED "3\nabc\r\n0\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "3\r\nabc\n0\r\n\r\n", "POST / 1.1 <abc>400"),
        ROW(CHUNKED "3\rabc\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "3;a\0\r\nabc\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\nabc", "POST / 1.1 <…"),
        ROW(CHUNKED "0\r\n\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\n\rX", "POST / 1.1 <>400"),
        /* trailers */
        ROW(CHUNKED "0\r\nContent-Length: 3\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\nhost: b\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\nX : y\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\n X: y\r\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\nX: y\n\r\n", "POST / 1.1 <>400"),
        ROW(CHUNKED "0\r\n: y\r\n\r\n", "POST / 1.1 <>400"),
    };
    CHECK_ALL(rows);
}

static void pipelined_requests(void **state)
{
    static const struct row rows[] = {
        ROW("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n",
            "GET /1 1.1\nGET /2 1.1\nGET /3 1.1\n"),
        ROW(POST "Content-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\n" HOST "\r\n",
            "POST / 1.1 <ab>\nGET /2 1.1\n"),
        ROW(POST "Content-Length: 2\r\n\r\nabc / HTTP/1.1\r\n", "POST / 1.1 <ab>\n501"),
        ROW(POST "Content-Length: 0\r\n\r\n\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n", "POST / 1.1\nGET /2 1.1\n"),
        ROW("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\nHost: a\r\n\r\n", "GET /1 1.1\n400"),
    };
    CHECK_ALL(rows);
}

/* `fill` bytes of 'a' between two texts; cut into pieces of `step`. */
static void check_long(const char *before, size_t fill, const char *after, size_t step, const char *expected)
{
    struct buffer b = {0};
    struct reader r = {0};

    buffer_string(&b, before);
    for (size_t i = 0; i < fill; i++)
        buffer_byte(&b, 'a');
    buffer_string(&b, after);
    for (size_t at = 0; at < b.length; at += step)
        reader_feed(&r, b.at + at, b.length - at < step ? b.length - at : step);
    char *said = reader_end(&r);
    size_t shown = strlen(expected);
    assert_memory_equal(said, expected, strlen(said) < shown ? strlen(said) + 1 : shown);
    free(said);
    buffer_finish(&b);
}

static void bounds_are_kept(void **state)
{
    static const size_t steps[] = {1 << 20, 4096, 1000, 7};
    char expected[PARSER_LINE_BYTES_MOST + 32];
    struct buffer lines = {0};

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        /* a line of exactly 8 KiB is read, one byte more is not */
        size_t fits = PARSER_LINE_BYTES_MOST - strlen("GET / HTTP/1.1");
        snprintf(expected, sizeof(expected), "GET /%0*d 1.1\n", (int)fits, 0);
        for (size_t k = 0; k < fits; k++)
            expected[5 + k] = 'a';
        check_long("GET /", fits, " HTTP/1.1\r\nHost: a\r\n\r\n", steps[i], expected);
        check_long("GET /", fits + 1, " HTTP/1.1\r\nHost: a\r\n\r\n", steps[i], "414");
        check_long("GET /", 100000, "", steps[i], "414");
        check_long("", 100000, "", steps[i], "414");
        /* the head as a whole */
        size_t rest = strlen("GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n");
        check_long("GET / HTTP/1.1\r\nHost: a\r\nX: ", PARSER_HEAD_BYTES_MOST - rest, "\r\n\r\n", steps[i],
                   "GET / 1.1\n");
        check_long("GET / HTTP/1.1\r\nHost: a\r\nX: ", PARSER_HEAD_BYTES_MOST - rest + 1, "\r\n\r\n",
                   steps[i], "431");
        check_long("GET / HTTP/1.1\r\nHost: a\r\n", 100000, "", steps[i], "431");
        check_long(CHUNKED "1;", 300, "", steps[i], "POST / 1.1 <>400");
        check_long(CHUNKED "0\r\nX: ", 100000, "", steps[i], "POST / 1.1 <>431");
    }
    buffer_string(&lines, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 1; i < PARSER_HEADERS_MOST; i++)
        buffer_string(&lines, "A: b\r\n");
    buffer_byte(&lines, '\0');
    check_long(lines.at, 0, "\r\n", 1 << 20, "GET / 1.1\n");
    lines.at[lines.length - 1] = 'B';
    buffer_add(&lines, ": c\r\n", 6);
    check_long(lines.at, 0, "\r\n", 1 << 20, "431");
    buffer_finish(&lines);
}

static void body_bound_is_kept(void **state)
{
    struct parser p = {0};
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n";
    size_t used;
    struct text piece;

    assert_int_equal(parser_head(&p, head, sizeof(head) - 1), PARSER_READY);
    assert_int_equal(parser_body(&p, "abc", 3, 10, &used, &piece), PARSER_FAILED);
    assert_int_equal(p.status, 413);
    assert_int_equal(parser_body(&p, "abc", 3, 10, &used, &piece), PARSER_FAILED); /* for good */
}

static void known_headers_are_kept(void **state)
{
    static const char head[] =
        "POST / HTTP/1.1\r\nhost:a\r\ncontent-type: application/json \r\nAUTHORIZATION: Bearer x y\r\n"
        "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n\r\n";
    struct parser p = {0};

    assert_int_equal(parser_head(&p, head, sizeof(head) - 1), PARSER_READY);
    assert_true(text_equal(parser_header(&p, HEADER_CONTENT_TYPE, head), TEXT("application/json")));
    assert_true(text_equal(parser_header(&p, HEADER_AUTHORIZATION, head), TEXT("Bearer x y")));
    assert_true(text_equal(parser_header(&p, HEADER_IF_NONE_MATCH, head), TEXT("\"a\"")));
    assert_true(p.repeated & 1u << HEADER_IF_NONE_MATCH);
    assert_int_equal(parser_header(&p, HEADER_EXPECT, head).length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_are_read), cmocka_unit_test(framing_that_is_ambiguous_is_refused),
        cmocka_unit_test(lines_must_be_lines),    cmocka_unit_test(versions_and_methods),
        cmocka_unit_test(chunked_bodies),         cmocka_unit_test(pipelined_requests),
        cmocka_unit_test(bounds_are_kept),        cmocka_unit_test(body_bound_is_kept),
        cmocka_unit_test(known_headers_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
