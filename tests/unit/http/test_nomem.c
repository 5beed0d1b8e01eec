/* The Nth allocation of a loop fails, for every N of every kind of request: the answer is whole, or says 503,
 * or the connection ends; and the server goes on. */
#include "front.h"

#include "base/error.h"
#include "codec/json.h"

#include <event2/event.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define NDJSON "Content-Type: application/x-ndjson\r\n"
#define AT "\"occurred_at\":\"2026-11-21T10:00:00Z\""

static _Atomic long fail_in = -1; /* allocations of the server until one fails; negative: none does */
static _Atomic bool failed;
static pthread_t test_thread;

static bool fails(void)
{
    if (atomic_load(&fail_in) < 0 || pthread_equal(pthread_self(), test_thread) ||
        pthread_equal(pthread_self(), desk.thread))
        return false;
    if (atomic_fetch_sub(&fail_in, 1) > 0)
        return false;
    atomic_store(&failed, true);
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails() ? NULL : __real_realloc(at, size);
}

static int open_checkpoint(void *engine, struct http_checkpoint *ret)
{
    char bytes[2000]; /* looks like JSON, as all answers here do */

    memset(bytes, '7', sizeof(bytes));
    *ret = (struct http_checkpoint){.file = memfd_create("checkpoint", MFD_CLOEXEC),
                                    .bytes = sizeof(bytes),
                                    .incarnation = 1,
                                    .next_offset = 2};
    return ret->file >= 0 && write(ret->file, bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : ERROR_IO;
}

static const struct http_checkpoints checkpoints = {.open = open_checkpoint};

static int set_up(void **state)
{
    test_thread = pthread_self();
    front_open(state);
    options.checkpoints = &checkpoints;
    front_start();
    return 0;
}

static bool is_json(const struct answer *a)
{
    struct problems p = {.count = 0};
    return json_check((struct text){a->body, a->body_length}, &p) == 0;
}

/* What a client may see: nothing, a 503, or the whole answer; a piece of one only with the end of the
 * connection behind it. */
static void check(const char *what, long n, struct answer *a, struct talk *t, const struct answer *right)
{
    if (!a->status)
        return;
    char *length = head_value(a->head, "Content-Length"), *coding = head_value(a->head, "Transfer-Encoding");
    bool whole = length && strtoul(length, NULL, 10) == a->body_length;

    if (a->status != 503 && a->status != right->status && !(a->status == 200 && right->status == 201))
        fail_msg("%s, allocation %ld: %s%s", what, n, a->head, a->body);
    if (length && !whole)
        fail_msg("%s, allocation %ld: torn: %s%s", what, n, a->head, a->body);
    if (coding && a->body_length != right->body_length && !is_json(a) && !talk_ended(t))
        fail_msg("%s, allocation %ld: an answer in pieces that are not all", what, n);
    bool page = a->status == 200 && strstr(a->head, "Content-Type: text/html");
    if (whole && a->body_length && !page && !is_json(a))
        fail_msg("%s, allocation %ld: %s", what, n, a->body);
    if (a->status == 200 && whole && !strncmp(what, "GET", 3))
        assert_string_equal(a->body, right->body);
    free(length);
    free(coding);
}

static void send_request(struct talk *t, const char *line, const char *headers, const char *body)
{
    struct buffer out = {0};

    buffer_printf(&out, "%s HTTP/1.1\r\nHost: test\r\n%s", line, headers);
    if (body)
        buffer_printf(&out, "Content-Length: %zu\r\n", strlen(body));
    buffer_string(&out, "\r\n");
    if (body)
        buffer_string(&out, body);
    talk_send(t, out.at, out.length);
    buffer_finish(&out);
}

/* The same request until it needs no more allocations than may be had. Every time on a connection of its own,
 * and a healthy one after it. */
static void try_all(const char *line, const char *headers, const char *body)
{
    struct talk t = talk_to(http_address(server));
    send_request(&t, line, headers, body);
    struct answer right = talk_answer(&t, false);
    long n = 0;

    if (right.status != 200 && right.status != 201)
        fail_msg("%s: %s", line, right.body);
    talk_end(&t);
    for (bool more = true; more; n++) {
        t = talk_to(http_address(server));
        atomic_store(&failed, false);
        atomic_store(&fail_in, n);
        send_request(&t, line, headers, body);
        struct answer a = talk_answer(&t, false);
        atomic_store(&fail_in, -1);
        more = atomic_load(&failed);
        check(line, n, &a, &t, &right);
        if (!more)
            assert_true(a.status == 200 || a.status == right.status);
        answer_free(&a);
        talk_end(&t);
        expect_status(get("/healthz"), 200);
        assert_true(n < 2000);
    }
    answer_free(&right);
}

static void some_stock(void)
{
    desk_say(&desk, "[{\"id\":\"a1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":"
                    "\"store-1\",\"quantity\":5," AT "},"
                    "{\"id\":\"a2\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"store-"
                    "2\",\"quantity\":2.5," AT "}]");
}

static void questions(void **state)
{
    static const char *const lines[] = {
        "GET /v1/availability/A",
        "GET /v1/availability/A?location=store-1&location=store-2&detail=true",
        "GET /v1/availability/A?near=52.5,13.4",
        "GET /v1/availability/A?group=all",
        "GET /v1/rows/A/store-1/explain",
        "GET /v1/locations",
        "GET /v1/items/A",
        "GET /v1/settings",
        "GET /v1/checkpoint",
        "GET /openapi.json",
        "GET /stores",
        "GET /readyz"};

    some_stock();
    put_new("/v1/groups/all", "{\"members\":[\"store-1\",\"store-2\"]}");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        try_all(lines[i], "", NULL);
        front_restart(); /* nothing is left over in the loop's memory for the next */
    }
}

static void exports(void **state)
{
    some_stock();
    try_all("GET /v1/export?kind=stock", "", NULL);
    try_all("GET /v1/export?kind=locations&format=csv", "", NULL);
}

static void many_at_once(void **state)
{
    struct buffer body = {0};

    some_stock();
    buffer_string(&body, "{\"detail\":true,\"items\":[");
    for (int i = 0; i < 900; i++)
        buffer_printf(&body, "%s{\"sku\":\"A\"%s}", i ? "," : "",
                      i % 2 ? ",\"locations\":[\"store-1\",\"store-2\",\"nowhere\"]" : "");
    buffer_string(&body, "]}");
    buffer_byte(&body, '\0');
    try_all("POST /v1/availability", JSON, body.at);
    buffer_finish(&body);
}

static void reservations(void **state)
{
    some_stock();
    for (int i = 1; i <= 2; i++) {
        char line[60], body[60];
        snprintf(line, sizeof(line), "PUT /v1/locations/store-%d", i);
        snprintf(body, sizeof(body), "{\"latitude\":52.%d,\"longitude\":13.4}", i);
        struct answer a = request("PUT", line + 4, JSON, body);
        assert_true(a.status == 200 || a.status == 201);
        answer_free(&a);
    }
    try_all(
        "POST /v1/reservations", JSON,
        "{\"id\":\"r-1\",\"items\":[{\"sku\":\"A\",\"quantity\":1,\"location\":\"store-1\"},{\"sku\":\"A\","
        "\"quantity\":2,\"split\":true,\"near\":{\"latitude\":52.5,\"longitude\":13.4}}]}");
    try_all("GET /v1/reservations/r-1", "", NULL);
    try_all("POST /v1/reservations/r-1/confirm", JSON, "{\"reference\":\"O-1\"}");
    try_all("GET /v1/reservations?reference=O-1", "", NULL);
    try_all("GET /v1/rows/A/store-1/demand", "", NULL);
    desk_say(&desk,
             "[{\"id\":\"s\",\"source\":\"s\",\"type\":\"adjustment\",\"sku\":\"A\",\"location\":\"store-1\","
             "\"quantity\":-5,\"reason\":\"theft\"," AT "}]");
    try_all("GET /v1/shortfalls", "", NULL);
    try_all("POST /v1/reservations/r-1/fulfil", "", NULL);
}

/* More than a turn reads and answers, and more than a connection's input holds. */
static void events(void **state)
{
    struct buffer body = {0};

    for (int i = 0; i < 1200; i++)
        buffer_printf(
            &body,
            "{\"id\":\"e%d\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\\u0041\",\"location\":\"l\","
            "\"quantity\":%d," AT "}\n",
            i, i % 10);
    buffer_byte(&body, '\0');
    try_all("POST /v1/events", NDJSON, body.at);
    try_all("POST /v1/events", JSON,
            "[{\"id\":\"x\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"B\",\"location\":\"l\","
            "\"quantity\":1," AT "},{}]");
    /* whatever failed: each event counts once */
    struct answer a = get("/v1/availability/AA");
    assert_non_null(strstr(a.body, "\"available\":5400,"));
    answer_free(&a);
    buffer_finish(&body);
}

static void reference_data(void **state)
{
    try_all("PUT /v1/locations/store-1", JSON,
            "{\"name\":\"One\",\"latitude\":52.5,\"longitude\":13.4,\"time_zone\":\"Europe/"
            "Berlin\",\"opening_hours\":[{\"days\":[\"mo\"],"
            "\"opens\":\"09:00\",\"closes\":\"18:00\"}],\"methods\":{\"pickup\":{}}}");
    try_all("PUT /v1/items/A", JSON, "{\"name\":\"Shoe\",\"options\":{\"size\":\"42\"}}");
    try_all("PUT /v1/channels/web", JSON, "{\"name\":\"Web\",\"low_threshold\":3}");
    try_all("PUT /v1/settings", JSON, "{\"future_tolerance_us\":1000000}");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(questions), TEST(exports),      TEST(many_at_once),
        TEST(events),    TEST(reservations), TEST(reference_data),
    };
    event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
