/* A running server over real sockets: framing, order, bounds, deadlines. */
#include "front.h"

#include "base/clock.h"
#include "base/error.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void alive_and_ready(void **state)
{
    front_start();
    struct answer a = get("/healthz");
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"status\":\"alive\"}");
    answer_free(&a);
    expect_status(get("/readyz"), 200);
    atomic_store(&desk.view.ready, false);
    a = get("/readyz");
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.body, "not caught up"));
    assert_non_null(strstr(a.head, "Retry-After: "));
    answer_free(&a);
}

static void every_answer_has_its_headers(void **state)
{
    static const char *const targets[] = {"/healthz", "/nope", "/v1/availability/x"};

    front_start();
    for (size_t i = 0; i < 3; i++) {
        struct answer a = get(targets[i]);
        assert_non_null(strstr(a.head, "\r\nDate: "));
        assert_non_null(strstr(a.head, "\r\nX-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(a.head, "\r\nContent-Security-Policy: default-src 'none'"));
        assert_null(strstr(a.head, "Connection: close"));
        answer_free(&a);
    }
}

static void methods_and_paths(void **state)
{
    front_start();
    expect_status(get("/"), 200);
    expect_status(get("//"), 404);
    expect_status(get("/healthz/"), 404);
    expect_status(get("/a/b/c/d/e/f/g/h/i"), 404);
    expect_status(get("/v1/availability/%4"), 400);
    expect_status(get("/v1/availability/%zz"), 400);
    expect_status(get("http://elsewhere/healthz"), 200);
    expect_status(get("/%68ealthz"), 200);
    struct answer a = delete_at("/v1/availability/x");
    assert_int_equal(a.status, 405);
    assert_non_null(strstr(a.head, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    answer_free(&a);
    a = request("PATCH", "/v1/locations/x", "", NULL);
    assert_int_equal(a.status, 405);
    assert_non_null(strstr(a.head, "\r\nAllow: GET, HEAD, PUT, DELETE, OPTIONS\r\n"));
    answer_free(&a);
    a = request("OPTIONS", "/v1/events", "", NULL);
    assert_int_equal(a.status, 204);
    assert_non_null(strstr(a.head, "\r\nAllow: POST, OPTIONS\r\n"));
    answer_free(&a);
    expect_status(request("OPTIONS", "*", "", NULL), 204);
    expect_status(request("BREW", "/", "", NULL), 501);
    expect_status(request("CONNECT", "a:80", "", NULL), 501);
}

/* The verdicts of the parser come out as answers, and the connection ends. */
static void what_is_not_http_is_answered_and_closed(void **state)
{
    static const struct {
        const char *bytes;
        int status;
    } rows[] = {
        {"GET /healthz HTTP/1.1\nHost: a\n\n", 400},
        {"GET /healthz HTTP/1.1\r\n\r\n", 400},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
        {"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: "
         "chunked\r\n\r\n0x3\r\n",
         400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", 417},
        {"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 8388609\r\n\r\n", 413},
        {"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800001\r\n", 413},
    };

    front_start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct talk t = talk_to(http_address(server));
        talk_say(&t, rows[i].bytes);
        talk_say(&t, "GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n");
        struct answer a = talk_answer(&t, false);
        assert_int_equal(a.status, rows[i].status);
        assert_non_null(strstr(a.head, "Content-Type: application/problem+json"));
        assert_non_null(strstr(a.head, "Connection: close"));
        answer_free(&a);
        assert_true(talk_ended(&t));
        talk_end(&t);
    }
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    enum { REQUESTS = 500 };
    struct buffer out = {0};
    char text[64];

    front_start();
    struct talk t = talk_to(http_address(server));
    for (int i = 0; i < REQUESTS;
         i++) /* every third is a POST with a body, whose answer takes another thread */
        if (i % 3)
            buffer_printf(&out, "GET /v1/availability/n%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        else
            buffer_printf(&out,
                          "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: "
                          "application/json\r\nContent-Length: %d\r\n\r\n%*s",
                          113 + 7, -(113 + 7),
                          (snprintf(text, sizeof(text), "%d", i),
                           "{\"id\":\"e\",\"source\":\"s\",\"type\":\"heartbeat\",\"location\":\"l\","
                           "\"occurred_at\":\"2026-11-21T10:05:00Z\"}"));
    talk_send(&t, out.at, out.length);
    for (int i = 0; i < REQUESTS; i++) {
        struct answer a = talk_answer(&t, false);
        snprintf(text, sizeof(text), "`n%d`", i);
        assert_int_equal(a.status, i % 3 ? 404 : 200);
        if (i % 3)
            assert_non_null(strstr(a.body, text));
        answer_free(&a);
    }
    buffer_finish(&out);
    talk_end(&t);
}

static void requests_in_single_bytes(void **state)
{
    static const char bytes[] =
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nPOST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n"
        "Content-Type: application/json\r\n\r\n1\r\n[\r\n1;x=y\r\n]\r\n0\r\nTrailer-Ish: a\r\n\r\n"
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    front_start();
    struct talk t = talk_to(http_address(server));
    for (size_t i = 0; i < sizeof(bytes) - 1; i++)
        talk_send(&t, bytes + i, 1);
    expect_status(talk_answer(&t, false), 200);
    struct answer a = talk_answer(&t, false);
    assert_string_equal(
        a.body,
        "{\"applied\":0,\"duplicate\":0,\"superseded\":0,\"partial\":0,\"rejected\":0,\"results\":[]}");
    answer_free(&a);
    expect_status(talk_answer(&t, false), 200);
    talk_end(&t);
}

static void a_continue_is_sent_when_it_helps(void **state)
{
    front_start();
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
                 "2\r\nExpect: 100-continue\r\n\r\n");
    struct answer a = talk_answer(&t, false);
    assert_int_equal(a.status, 100);
    answer_free(&a);
    talk_say(&t, "[]");
    expect_status(talk_answer(&t, false), 200);
    /* a body that would be refused is not asked for */
    talk_say(&t, "POST /v1/nope HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    expect_status(talk_answer(&t, false), 404);
    assert_true(talk_ended(&t));
    talk_end(&t);
}

static void http_1_0_closes_unless_asked(void **state)
{
    front_start();
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct answer a = talk_answer(&t, false);
    assert_non_null(strstr(a.head, "Connection: keep-alive"));
    answer_free(&a);
    talk_say(&t, "GET /healthz HTTP/1.0\r\n\r\n");
    expect_status(talk_answer(&t, false), 200);
    assert_true(talk_ended(&t));
    talk_end(&t);
    t = talk_to(http_address(server));
    talk_say(&t, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    a = talk_answer(&t, false);
    assert_non_null(strstr(a.head, "Connection: close"));
    answer_free(&a);
    assert_true(talk_ended(&t));
    talk_end(&t);
}

static void head_is_get_without_its_body(void **state)
{
    front_start();
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    struct answer head = talk_answer(&t, true), whole = talk_answer(&t, false);
    assert_string_equal(head.head, whole.head);
    assert_string_equal(whole.body, "{\"status\":\"alive\"}");
    answer_free(&head);
    answer_free(&whole);
    talk_end(&t);
}

static void a_client_that_only_sends_still_gets_its_answer(void **state)
{
    front_start();
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(t.fd, SHUT_WR);
    expect_status(talk_answer(&t, false), 200);
    assert_true(talk_ended(&t));
    talk_end(&t);
}

/* ---- deadlines ---- */

static void a_slow_head_is_cut(void **state)
{
    options.header_timeout_ms = 100;
    front_start();
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "GET /healthz HTTP/1.1\r\n");
    for (int i = 0; i < 6; i++) { /* a line now and then does not help */
        usleep(30000);
        talk_say(&t, "X: y\r\n");
    }
    expect_status(talk_answer(&t, false), 408);
    assert_true(talk_ended(&t));
    talk_end(&t);
}

static void a_slow_body_is_cut(void **state)
{
    options.body_timeout_ms = 100;
    front_start();
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
                 "100\r\n\r\n[");
    expect_status(talk_answer(&t, false), 408);
    assert_true(talk_ended(&t));
    talk_end(&t);
}

static void an_idle_connection_is_closed(void **state)
{
    options.idle_timeout_ms = 100;
    front_start();
    struct talk fresh = talk_to(http_address(server)), used = talk_to(http_address(server));
    talk_say(&used, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_status(talk_answer(&used, false), 200);
    assert_true(talk_ended(&fresh));
    assert_true(talk_ended(&used));
    talk_end(&fresh);
    talk_end(&used);
}

static void a_reader_that_does_not_read_is_cut(void **state)
{
    struct buffer out = {0};

    options.write_timeout_ms = 200;
    front_start();
    struct talk t = talk_to(http_address(server));
    int small = 4096;
    setsockopt(t.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 20000; i++)
        buffer_string(&out, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    struct timeval most = {5, 0};
    setsockopt(t.fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
    talk_send(&t, out.at, out.length); /* 70 MB of answers that nobody reads */
    bool cut = false;
    for (int tries = 0; tries < 1000 && !cut; tries++) {
        struct answer a = get("/metrics");
        cut = strstr(a.body, "\nonhand_http_connections_timed_out_total 1\n");
        answer_free(&a);
        usleep(10000);
    }
    assert_true(cut);
    buffer_finish(&out);
    talk_end(&t);
}

/* ---- bounds ---- */

static void connections_are_bounded(void **state)
{
    struct talk t[4];

    options.connections_most = 3;
    front_start();
    for (int i = 0; i < 3; i++) {
        t[i] = talk_to(http_address(server));
        talk_say(&t[i], "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        expect_status(talk_answer(&t[i], false), 200);
    }
    t[3] = talk_to(http_address(server));
    struct answer a = talk_answer(&t[3], false);
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.head, "Retry-After"));
    assert_non_null(strstr(a.body, "too many connections"));
    assert_int_equal(a.body[a.body_length - 1], '}');
    answer_free(&a);
    for (int i = 0; i < 4; i++)
        talk_end(&t[i]);
    for (int tries = 0; tries < 1000; tries++) { /* a place is free again once the server has seen them go */
        a = get("/healthz");
        int status = a.status;
        answer_free(&a);
        if (status == 200)
            return;
        usleep(1000);
    }
    fail_msg("no place became free");
}

static void ten_thousand_idle_connections(void **state)
{
    struct rlimit files;
    int *fds, count = 10000;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2 * 10000 + 200)
        count = (int)((files.rlim_cur - 200) / 2);
    options.threads = 2;
    front_start();
    fds = malloc((size_t)count * sizeof(*fds));
    for (int i = 0; i < count; i++) {
        struct talk t = talk_to(http_address(server));
        fds[i] = t.fd;
    }
    for (int i = 0; i < 100; i++)
        expect_status(get("/healthz"), 200);
    struct talk last = {.fd = fds[count - 1]};
    talk_say(&last, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_status(talk_answer(&last, false), 200);
    buffer_finish(&last.in);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    free(fds);
}

static void bodies_over_the_bound_of_options(void **state)
{
    options.body_bytes_most = 10;
    front_start();
    const char *json = "Content-Type: application/json\r\n";
    expect_status(post_as("/v1/events", json, "[        ]"), 200);
    expect_status(post_as("/v1/events", json, "[         ]"), 413);
}

/* ---- beginning and end ---- */

static void addresses_are_checked(void **state)
{
    static const struct {
        const char *listen;
        int error;
    } rows[] = {
        {"0.0.0.0:0", ERROR_INVALID}, {"[::]:0", ERROR_INVALID},          {"192.0.2.1:80", ERROR_INVALID},
        {"127.0.0.1", ERROR_INVALID}, {"127.0.0.1:65536", ERROR_INVALID}, {"127.0.0.1:", ERROR_INVALID},
        {"here:80", ERROR_INVALID},   {"[127.0.0.1]:80", ERROR_INVALID},  {"", ERROR_INVALID},
        {":80", ERROR_INVALID}};
    char detail[200];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_options o = {
            .listen = rows[i].listen, .threads = 1, .view = &desk.view, .commands = desk.port};
        detail[0] = '\0';
        assert_int_equal(http_start(&o, &server, detail, sizeof(detail)), rows[i].error);
        assert_true(detail[0]);
    }
    server = NULL;
}

static void a_taken_port_is_said(void **state)
{
    struct http *second = NULL;
    char detail[200];

    front_start();
    struct http_options o = options;
    o.listen = http_address(server) + strlen("http://");
    assert_int_equal(http_start(&o, &second, detail, sizeof(detail)), ERROR_IO);
    assert_non_null(strstr(detail, "in use"));
}

static void stopping_ends_idle_connections_and_lets_a_request_finish(void **state)
{
    front_start();
    struct talk idle = talk_to(http_address(server)), busy = talk_to(http_address(server));
    desk_hold(&desk, true);
    talk_say(&busy, "PUT /v1/locations/store-1 HTTP/1.1\r\nHost: a\r\nContent-Type: "
                    "application/json\r\nContent-Length: 2\r\n\r\n{}");
    while (!__atomic_load_n(&desk.submitted, __ATOMIC_RELAXED))
        usleep(1000);
    desk_hold(&desk, false);
    front_stop(5000);
    struct answer a = talk_answer(&busy, false);
    assert_int_equal(a.status, 201);
    answer_free(&a);
    assert_true(talk_ended(&idle));
    assert_true(talk_ended(&busy));
    talk_end(&idle);
    talk_end(&busy);
}

static void stopping_does_not_wait_for_ever(void **state)
{
    front_start();
    struct talk busy = talk_to(http_address(server));
    desk_hold(&desk, true);
    talk_say(&busy, "PUT /v1/locations/store-1 HTTP/1.1\r\nHost: a\r\nContent-Type: "
                    "application/json\r\nContent-Length: 2\r\n\r\n{}");
    while (!__atomic_load_n(&desk.submitted, __ATOMIC_RELAXED))
        usleep(1000);
    front_stop(50); /* the command comes back after this, and frees what is its own */
    assert_true(talk_ended(&busy));
    talk_end(&busy);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_open, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alive_and_ready),
        TEST(every_answer_has_its_headers),
        TEST(methods_and_paths),
        TEST(what_is_not_http_is_answered_and_closed),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(requests_in_single_bytes),
        TEST(a_continue_is_sent_when_it_helps),
        TEST(http_1_0_closes_unless_asked),
        TEST(head_is_get_without_its_body),
        TEST(a_client_that_only_sends_still_gets_its_answer),
        TEST(a_slow_head_is_cut),
        TEST(a_slow_body_is_cut),
        TEST(an_idle_connection_is_closed),
        TEST(a_reader_that_does_not_read_is_cut),
        TEST(connections_are_bounded),
        TEST(ten_thousand_idle_connections),
        TEST(bodies_over_the_bound_of_options),
        TEST(addresses_are_checked),
        TEST(a_taken_port_is_said),
        TEST(stopping_ends_idle_connections_and_lets_a_request_finish),
        TEST(stopping_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
