/* The pages and their files: what they may do, what a browser need not fetch again. */
#include "front.h"

#include <zlib.h>

static void pages_say_what_they_may_do(void **state)
{
    static const char policy[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    static const struct {
        const char *target, *type;
    } rows[] = {
        {"/", "text/html; charset=utf-8"},
        {"/stores", "text/html; charset=utf-8"},
        {"/stores?sku=a%20b&anything=goes", "text/html; charset=utf-8"},
        {"/web/base.css", "text/css; charset=utf-8"},
        {"/web/api.js", "text/javascript; charset=utf-8"},
        {"/web/icon.svg", "image/svg+xml"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer a = get(rows[i].target);
        assert_int_equal(a.status, 200);
        expect_header(&a, "Content-Security-Policy", policy);
        expect_header(&a, "X-Content-Type-Options", "nosniff");
        expect_header(&a, "Referrer-Policy", "no-referrer");
        expect_header(&a, "Content-Type", rows[i].type);
        expect_header(&a, "Content-Encoding", NULL);
        assert_true(a.body_length > 0);
        answer_free(&a);
    }
}

static void what_is_not_there(void **state)
{
    static const char *const targets[] = {"/web/", "/web/nothing.js", "/web/..%2Fmeson.build", "/stores/",
                                          "/index.html"};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        expect_status(get(targets[i]), 404);
    }
}

static void what_the_browser_has_is_not_sent_again(void **state)
{
    char headers[100];
    struct answer a = get("/web/base.css");
    char *tag = head_value(a.head, "ETag");

    assert_non_null(tag);
    snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", tag);
    answer_free(&a);
    a = get_as("/web/base.css", headers);
    assert_int_equal(a.status, 304);
    expect_header(&a, "ETag", tag);
    expect_header(&a, "Vary", "Accept-Encoding");
    expect_header(&a, "Cache-Control", "no-cache");
    assert_int_equal(a.body_length, 0);
    answer_free(&a);
    /* the same packed is another representation */
    snprintf(headers, sizeof(headers), "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    expect_status(get_as("/web/base.css", headers), 200);
    free(tag);
}

static void head_without_body(void **state)
{
    struct answer a = get("/stores");
    char *length = head_value(a.head, "Content-Length");
    struct talk t = talk_to(http_address(server));

    answer_free(&a);
    talk_say(&t, "HEAD /stores HTTP/1.1\r\nHost: a\r\n\r\n");
    a = talk_answer(&t, true);
    assert_int_equal(a.status, 200);
    expect_header(&a, "Content-Length", length);
    answer_free(&a);
    talk_say(&t, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"); /* what follows is the next answer */
    a = talk_answer(&t, false);
    assert_string_equal(a.body, "{\"status\":\"alive\"}");
    answer_free(&a);
    talk_end(&t);
    free(length);
}

static void unpack(const struct answer *a, char *out, size_t size, size_t *ret_length)
{
    z_stream z = {.next_in = (Bytef *)a->body,
                  .avail_in = (uInt)a->body_length,
                  .next_out = (Bytef *)out,
                  .avail_out = (uInt)size};

    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    *ret_length = z.total_out;
    inflateEnd(&z);
}

static void packed_for_whom_it_may(void **state)
{
    static const struct {
        const char *accepts;
        bool packed;
    } rows[] = {{"gzip", true},
                {"gzip, deflate, br, zstd", true},
                {"br;q=1.0, GZIP;q=0.5", true},
                {"deflate , gzip ; q=0.001", true},
                {"gzip;q=0", false},
                {"gzip; q=0.000", false},
                {"identity", false},
                {"gzippo, x-gzip", false},
                {",,", false}};
    static char unpacked[1 << 20];
    struct answer plain = get("/web/base.css");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char headers[100];
        snprintf(headers, sizeof(headers), "Accept-Encoding: %s\r\n", rows[i].accepts);
        struct answer a = get_as("/web/base.css", headers);
        assert_int_equal(a.status, 200);
        expect_header(&a, "Vary", "Accept-Encoding");
        expect_header(&a, "Content-Encoding", rows[i].packed ? "gzip" : NULL);
        if (rows[i].packed) {
            size_t length;
            assert_true(a.body_length < plain.body_length);
            unpack(&a, unpacked, sizeof(unpacked), &length);
            assert_int_equal(length, plain.body_length);
            assert_memory_equal(unpacked, plain.body, length);
        } else {
            assert_int_equal(a.body_length, plain.body_length);
        }
        answer_free(&a);
    }
    answer_free(&plain);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_say_what_they_may_do),
        TEST(what_is_not_there),
        TEST(what_the_browser_has_is_not_sent_again),
        TEST(head_without_body),
        TEST(packed_for_whom_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
