/* The reader of HTTP answers: every framing, in pieces of every size, and what it refuses. */
#include "base/buffer.h"
#include "base/error.h"
#include "cli/answer_reader.h"
#include "cli/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct answer_reader reader;
static struct buffer body;

static int take(void *context, int status, const char *bytes, size_t length)
{
    buffer_add(&body, bytes, length);
    return 0;
}

static const struct answer_body sink = {NULL, take};

/* Bytes taken, or an error. */
static long feed(const char *bytes, size_t length, size_t step)
{
    size_t done = 0;

    reader = (struct answer_reader){0};
    buffer_clear(&body);
    while (done < length && reader.state != ANSWER_DONE) {
        size_t piece = length - done < step ? length - done : step, used;
        int error = answer_read(&reader, bytes + done, piece, &sink, &used);
        if (error)
            return error;
        assert_true(used == piece || reader.state == ANSWER_DONE);
        done += used;
    }
    return (long)done;
}

static void assert_answer(const char *bytes, int status, const char *content)
{
    for (size_t step = 1; step <= strlen(bytes) + 1; step++) {
        assert_int_equal(feed(bytes, strlen(bytes), step), (long)strlen(bytes));
        assert_int_equal(answer_closed(&reader), 0);
        assert_int_equal(reader.status, status);
        assert_int_equal(body.length, strlen(content));
        if (body.length)
            assert_memory_equal(body.at, content, body.length);
    }
}

static void every_framing_in_every_cut(void **unused)
{
    assert_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    assert_answer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n",
        200, "hello!");
    assert_answer("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end");
    assert_answer("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    assert_answer("HTTP/1.1 404 \r\ncontent-length:0\r\n\r\n", 404, "");
    assert_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", 201,
                  "x");
}

static void headers_that_matter(void **unused)
{
    const char *bytes =
        "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Type: application/problem+json; charset=utf-8\r\n"
        "Connection: close\r\nContent-Length: 0\r\n\r\n";
    feed(bytes, strlen(bytes), 1000);
    assert_int_equal(reader.retry_after_seconds, 2);
    assert_string_equal(reader.content_type, "application/problem+json");
    assert_false(reader.keep_alive);
    bytes = "HTTP/1.1 206 Partial Content\r\nETag: \"1-2-3\"\r\nContent-Range: bytes 12345678901-12345678902/"
            "12345678903\r\nContent-Length: 2\r\n\r\nxy";
    feed(bytes, strlen(bytes), 1);
    assert_string_equal(reader.etag, "\"1-2-3\"");
    assert_int_equal(reader.range_from, 12345678901);
    assert_int_equal(reader.range_total, 12345678903);
    assert_int_equal(reader.content_length, 2);
    assert_true(reader.taken);
    bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    feed(bytes, strlen(bytes), 1000);
    assert_true(reader.keep_alive);
}

/* What a range should not look like is as if it had not been said. */
static void odd_ranges_are_passed_over(void **unused)
{
    static const char *const ranges[] = {
        "bytes */100",   "bytes 1/2-3", "lines 1-2/3",  "bytes 1-2",
        "bytes x-2/100", "bytes 1-2/*", "bytes -2/100", "bytes 11111111111111111111111111111111-2/100"};
    char bytes[200];

    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        snprintf(bytes, sizeof(bytes),
                 "HTTP/1.1 206 Partial Content\r\nContent-Range: %s\r\nContent-Length: 0\r\n\r\n", ranges[i]);
        feed(bytes, strlen(bytes), 1000);
        assert_int_equal(reader.range_from + reader.range_total, 0);
    }
}

static void the_next_answer_is_left_alone(void **unused)
{
    const char *two = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n";
    assert_int_equal(feed(two, strlen(two), 1000), 40);
}

static void what_is_not_an_answer(void **unused)
{
    static const char *const wrong[] = {
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/2 200 OK\r\n",
        "HTTP/1.1 2x0 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhiX\r\n",
    };
    static char longer[20000];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(feed(wrong[i], strlen(wrong[i]), 1000), ERROR_INVALID);
    memset(longer, 'x', sizeof(longer));
    assert_int_equal(feed(longer, sizeof(longer), 1000), ERROR_INVALID);
}

static void an_answer_cut_short_is_told(void **unused)
{
    const char *bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
    feed(bytes, strlen(bytes), 1000);
    assert_int_equal(answer_closed(&reader), ERROR_IO);
    bytes = "HTTP/1.1 200";
    feed(bytes, strlen(bytes), 1000);
    assert_int_equal(answer_closed(&reader), ERROR_IO);
}

static struct settings settings_of(const char *url)
{
    return (struct settings){.url = url, .api_key = "", .api_key_file = "", .timeout_seconds = 1};
}

static void urls_are_judged(void **unused)
{
    static const char *const right[] = {"http://127.0.0.1:8080", "http://[::1]:8080/", "http://localhost"};
    static const char *const wrong[] = {"127.0.0.1:8080", "https://127.0.0.1", "http://",
                                        "http://h:port",  "http://h:1/path",   "http://h:123456"};
    char detail[CLIENT_DETAIL_BYTES];
    struct client *c = NULL;

    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
        struct settings s = settings_of(right[i]);
        assert_int_equal(client_create(&s, &c, detail), 0);
        client_destroy(c);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct settings s = settings_of(wrong[i]);
        assert_int_equal(client_create(&s, &c, detail), ERROR_INVALID);
        assert_true(*detail);
    }
    struct settings s = settings_of("http://127.0.0.1:1");
    s.api_key = "key with spaces";
    assert_int_equal(client_create(&s, &c, detail), ERROR_INVALID);
    s.api_key = "";
    s.api_key_file = "/nowhere/at/all";
    assert_int_equal(client_create(&s, &c, detail), ERROR_IO);
}

static void nobody_there_is_told(void **unused)
{
    struct settings s = settings_of("http://127.0.0.1:1");
    char detail[CLIENT_DETAIL_BYTES];
    struct client_answer answer = {0};
    struct client *c;

    assert_int_equal(client_create(&s, &c, detail), 0);
    assert_int_equal(client_get(c, "/", &answer), ERROR_UNAVAILABLE);
    assert_non_null(strstr(client_detail(c), "cannot reach http://127.0.0.1:1"));
    buffer_finish(&answer.body);
    client_destroy(c);
}

static void texts_are_encoded_for_paths(void **unused)
{
    struct buffer out = {0};
    url_put(&out, text_of("A/b c%\xC3\xA9~1"));
    assert_int_equal(out.length, strlen("A%2Fb%20c%25%C3%A9~1"));
    assert_memory_equal(out.at, "A%2Fb%20c%25%C3%A9~1", out.length);
    buffer_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_framing_in_every_cut),
        cmocka_unit_test(headers_that_matter),
        cmocka_unit_test(odd_ranges_are_passed_over),
        cmocka_unit_test(the_next_answer_is_left_alone),
        cmocka_unit_test(what_is_not_an_answer),
        cmocka_unit_test(an_answer_cut_short_is_told),
        cmocka_unit_test(urls_are_judged),
        cmocka_unit_test(nobody_there_is_told),
        cmocka_unit_test(texts_are_encoded_for_paths),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_finish(&body);
    return failed;
}
