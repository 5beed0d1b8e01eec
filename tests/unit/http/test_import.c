/* POST /v1/import over real sockets and the real state: what becomes of each line, sent whole and in pieces.
 */
#include "front.h"

#include "base/error.h"
#include "core/model/record.h"
#include "http/keys.h"

#include <unistd.h>

#define NDJSON "Content-Type: application/x-ndjson\r\n"
#define CSV "Content-Type: text/csv; charset=utf-8\r\n"
#define TIMES "\"occurred_at\":\"2026-11-21T10:00:00Z\""
#define COUNT(sku, place, quantity)                                                              \
    "{\"type\":\"count\",\"sku\":\"" sku "\",\"location\":\"" place "\",\"quantity\":" #quantity \
    ",\"as_of\":\"2026-11-21T10:00:00Z\"," TIMES "}\n"

static struct answer import(const char *query, const char *body)
{
    char target[200];

    snprintf(target, sizeof(target), "/v1/import%s", query);
    return post_as(target, NDJSON, body);
}

static void expect_whole(struct answer a, const char *body)
{
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, body);
    answer_free(&a);
}

static void expect_on_hand(const char *sku, const char *place, const char *quantity)
{
    char target[200], part[80];

    snprintf(target, sizeof(target), "/v1/availability/%s?location=%s&detail=true", sku, place);
    snprintf(part, sizeof(part), "\"on_hand\":%s,", quantity);
    expect(get(target), 200, part);
}

static void each_line_becomes_what_it_says(void **state)
{
    static const char file[] =
        "{\"location\":\"store-1\",\"name\":\"One\"}\n"
        "{\"sku\":\"A\",\"name\":\"Anchor\",\"step\":1}\n"
        "{\"id\":\"north\",\"members\":[\"store-1\"]}\n"
        "{\"channel\":\"web\",\"low_threshold\":3}\n" COUNT("A", "store-1", 5) COUNT("B", "store-1", 2.5);

    expect_whole(import("", file),
                 "{\"complete\":true,\"lines\":6,\"applied\":6,\"partial\":0,\"repeated\":0,"
                 "\"unchanged\":0,\"failed\":0}\n");
    expect(get("/v1/locations/store-1"), 200, "\"name\":\"One\"");
    expect(get("/v1/groups/north"), 200, "store-1");
    expect(get("/v1/channels/web"), 200, "\"low_threshold\":3");
    expect_on_hand("A", "store-1", "5");
    expect_on_hand("B", "store-1", "2.5");
    expect_whole(import("", file),
                 "{\"complete\":true,\"lines\":6,\"applied\":0,\"partial\":0,\"repeated\":2,"
                 "\"unchanged\":4,\"failed\":0}\n");
}

static void a_csv_says_the_same(void **state)
{
    static const char file[] = "type,sku,location,quantity,occurred_at,colour\r\n"
                               "receipt,A,s,10,2026-11-21T10:00:00Z,red\r\n"
                               "sale,A,s,1,2026-11-21T10:01:00Z,\r\n"
                               "sale,A,s,1,2026-11-21T10:01:00Z,\r\n";
    static const char places[] = "location,name,time_zone,opening_hours\n"
                                 "s,\"One, Two\",Europe/London,Mo-Fr 09:00-18:00\n";

    /* two sales that look alike are two; the file again is none */
    expect(post_as("/v1/import", CSV, file), 200,
           "\"applied\":3,\"partial\":0,\"repeated\":0,\"unchanged\":0,\"failed\":0,\"columns_left_out\":"
           "\"colour\"}");
    expect_on_hand("A", "s", "8");
    expect(post_as("/v1/import", CSV, file), 200, "\"applied\":0,\"partial\":0,\"repeated\":3,");
    expect_on_hand("A", "s", "8");
    expect(post_as("/v1/import", CSV, places), 200, "\"applied\":1,");
    expect(get("/v1/locations/s"), 200, "\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\"]");
}

static void a_line_more_repeats_none(void **state)
{
    expect(import("", COUNT("A", "s", 1) COUNT("B", "s", 1)), 200, "\"applied\":2");
    expect(import("", COUNT("C", "s", 1) COUNT("A", "s", 1) COUNT("B", "s", 1)), 200,
           "\"applied\":1,\"partial\":0,\"repeated\":2,");
}

/* Worked case 4, for lines: figures that only reservations and orders move are refused by name. */
static void case_04_what_failed_is_told_line_by_line(void **state)
{
    expect_whole(
        import("", COUNT("A", "s", 1) "\n"
                                      "{\"type\":\"count\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":1,"
                                      "\"as_of\":\"2026-11-21T10:00:00Z\"," TIMES ",\"committed\":2}\n"
                                      "nonsense\n"
                                      "{\"type\":\"sale\",\"id\":\"x\",\"sku\":\"A\",\"location\":\"s\","
                                      "\"quantity\":0," TIMES "}\n"
                                      "{\"type\":\"sale\",\"id\":\"y\",\"sku\":\"A\",\"location\":\"s\","
                                      "\"quantity\":1,\"occurred_at\":\"2099-01-01T00:00:00Z\"}\n"
                                      "{\"sku\":\"A\",\"steps\":1}\n" COUNT("A", "s", 2)),
        "{\"line\":3,\"kind\":\"events\",\"id\":null,\"sku\":\"A\",\"location\":\"s\",\"verdict\":"
        "\"rejected\","
        "\"reason\":\"malformed\",\"errors\":[{\"pointer\":\"/committed\",\"detail\":\"is not for events to "
        "say: "
        "only reservations and orders move it\"}]}\n"
        "{\"line\":4,\"verdict\":\"rejected\",\"reason\":\"malformed\",\"errors\":[{\"pointer\":\"\","
        "\"detail\":"
        "\"line 4, column 1: expected a value\"}]}\n"
        "{\"line\":5,\"kind\":\"events\",\"id\":\"x\",\"sku\":\"A\",\"location\":\"s\",\"verdict\":"
        "\"rejected\","
        "\"reason\":\"malformed\",\"errors\":[{\"pointer\":\"/quantity\",\"detail\":\"must be greater than "
        "0\"}]}\n"
        "{\"line\":6,\"kind\":\"events\",\"id\":\"y\",\"sku\":\"A\",\"location\":\"s\",\"verdict\":"
        "\"rejected\","
        "\"reason\":\"future\",\"errors\":[{\"pointer\":\"/occurred_at\",\"detail\":\"is more than five "
        "minutes "
        "after log time: check the sender's clock\"}]}\n"
        "{\"line\":7,\"kind\":\"items\",\"id\":null,\"verdict\":\"rejected\",\"reason\":\"malformed\","
        "\"errors\":["
        "{\"pointer\":\"/steps\",\"detail\":\"is not a field that is known here\"}]}\n"
        "{\"complete\":true,\"lines\":7,\"applied\":2,\"partial\":0,\"repeated\":0,\"unchanged\":0,"
        "\"failed\":5}\n");
    expect_on_hand("A", "s", "2");
}

static void all_lines_are_told_on_demand(void **state)
{
    struct answer a = import("?results=all", COUNT("A", "s", 1) "{\"location\":\"s\",\"name\":\"S\"}\n");

    assert_non_null(strstr(a.body, "{\"line\":1,\"kind\":\"events\",\"id\":\"import-"));
    assert_non_null(
        strstr(a.body, "{\"line\":2,\"kind\":\"locations\",\"id\":\"s\",\"verdict\":\"applied\"}"));
    answer_free(&a);
    expect(import("?results=all", "{\"location\":\"s\",\"name\":\"S\"}\n"), 200, "\"verdict\":\"unchanged\"");
}

/* The same object twice in one file: the last word holds, though the first was what stood before. */
static void the_last_word_of_a_file_holds(void **state)
{
    put_new("/v1/items/A", "{\"name\":\"old\"}");
    expect(import("", "{\"sku\":\"A\",\"name\":\"new\"}\n{\"sku\":\"A\",\"name\":\"old\"}\n"), 200,
           "\"applied\":2,");
    expect(get("/v1/items/A"), 200, "\"name\":\"old\"");
}

/* ---- mode=compare ---- */

/* Lateness, first worked example of model.md: 20 at 10:00, sales of 3 at 10:05 and 2 at 10:20. At 10:10 there
 * should be 17. */
static void comparing_says_what_should_have_been_found(void **state)
{
    desk.now_us += 30 * INSTANT_MINUTE;
    count_at("A", "s", "20", "10:00");
    desk_say(
        &desk,
        "[{\"id\":\"1\",\"source\":\"t\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":3,"
        "\"occurred_at\":\"2026-11-21T10:05:00Z\"},{\"id\":\"2\",\"source\":\"t\",\"type\":\"sale\","
        "\"sku\":\"A\",\"location\":\"s\",\"quantity\":2,\"occurred_at\":\"2026-11-21T10:20:00Z\"}]");
    struct version before = view_version(&desk.view);
    expect_whole(import("?mode=compare",
                        "{\"type\":\"count\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":16,\"as_of\":"
                        "\"2026-11-21T10:10:00Z\","
                        "\"occurred_at\":\"2026-11-21T10:10:00Z\"}\n"
                        "{\"type\":\"count\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":17,\"as_of\":"
                        "\"2026-11-21T10:10:00Z\","
                        "\"occurred_at\":\"2026-11-21T10:10:00Z\"}\n"
                        "{\"type\":\"count\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":17,\"as_of\":"
                        "\"2026-11-21T09:00:00Z\","
                        "\"occurred_at\":\"2026-11-21T09:00:00Z\"}\n"
                        "{\"type\":\"count\",\"sku\":\"new\",\"location\":\"t\",\"quantity\":1,\"as_of\":"
                        "\"2026-11-21T10:10:00Z\","
                        "\"occurred_at\":\"2026-11-21T10:10:00Z\"}\n"
                        "{\"type\":\"sale\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":1," TIMES "}\n"
                        "{\"location\":\"s\",\"name\":\"S\"}\n"),
                 "{\"line\":1,\"kind\":\"events\",\"id\":null,\"sku\":\"A\",\"location\":\"s\",\"as_of\":"
                 "\"2026-11-21T10:10:00Z\","
                 "\"expected\":17,\"theirs\":16,\"difference\":-1}\n"
                 "{\"line\":3,\"kind\":\"events\",\"id\":null,\"sku\":\"A\",\"location\":\"s\",\"verdict\":"
                 "\"rejected\","
                 "\"reason\":\"superseded_by_newer\",\"errors\":[{\"pointer\":\"/"
                 "occurred_at\",\"detail\":\"something newer has "
                 "been said already\"}]}\n"
                 "{\"line\":4,\"kind\":\"events\",\"id\":null,\"sku\":\"new\",\"location\":\"t\",\"as_of\":"
                 "\"2026-11-21T10:10:00Z\","
                 "\"expected\":0,\"theirs\":1,\"difference\":1}\n"
                 "{\"line\":5,\"kind\":\"events\",\"id\":null,\"sku\":\"A\",\"location\":\"s\",\"verdict\":"
                 "\"rejected\","
                 "\"reason\":\"malformed\",\"errors\":[{\"pointer\":\"/type\",\"detail\":\"must be count: "
                 "mode=compare holds counts "
                 "against the books\"}]}\n"
                 "{\"line\":6,\"kind\":\"locations\",\"id\":\"s\",\"difference\":\"new\"}\n"
                 "{\"complete\":true,\"lines\":6,\"equal\":1,\"different\":3,\"failed\":2}\n");
    assert_int_equal(view_version(&desk.view).offset, before.offset); /* asked, and nothing written */
    expect_on_hand("A", "s", "15");
    expect(get("/v1/availability/new"), 404, NULL);
}

/* ---- scope=full ---- */

static void three_rows(void)
{
    expect(import("", "{\"type\":\"count\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":1,\"as_of\":\"2026-"
                      "11-20T10:00:00Z\","
                      "\"occurred_at\":\"2026-11-20T10:00:00Z\"}\n"
                      "{\"type\":\"count\",\"sku\":\"B\",\"location\":\"s\",\"quantity\":2,\"as_of\":\"2026-"
                      "11-20T10:00:00Z\","
                      "\"occurred_at\":\"2026-11-20T10:00:00Z\"}\n"
                      "{\"type\":\"count\",\"sku\":\"B\",\"location\":\"t\",\"quantity\":3,\"as_of\":\"2026-"
                      "11-20T10:00:00Z\","
                      "\"occurred_at\":\"2026-11-20T10:00:00Z\"}\n"),
           200, "\"applied\":3");
}

static void what_a_full_file_does_not_mention_is_not_there(void **state)
{
    three_rows();
    expect_whole(
        import("?mode=compare&scope=full&location=s", COUNT("A", "s", 1)),
        "{\"line\":null,\"kind\":\"events\",\"id\":null,\"sku\":\"B\",\"location\":\"s\",\"as_of\":\"2026-11-"
        "21T10:"
        "00:00Z\",\"expected\":2,\"theirs\":0,\"difference\":-2}\n"
        "{\"complete\":true,\"lines\":1,\"equal\":1,\"different\":0,\"failed\":0,\"unmentioned\":1}\n");
    expect_on_hand("B", "s", "2");
    expect(import("?scope=full&location=s", COUNT("A", "s", 5)), 200,
           "\"lines\":1,\"applied\":1,\"partial\":0,\"repeated\":0,\"unchanged\":0,\"failed\":0,"
           "\"unmentioned\":1}");
    expect_on_hand("A", "s", "5");
    expect_on_hand("B", "s", "0");
    expect_on_hand("B", "t", "3"); /* another place */
    expect(get("/v1/locations/s"), 200,
           "\"last_count_at\":\"2026-11-21T10:00:00Z\",\"last_full_count_at\":\"2026-11-21T10:00:00Z\"}");
    expect(get("/v1/locations/t"), 200,
           "\"last_count_at\":\"2026-11-20T10:00:00Z\",\"last_full_count_at\":null}");
    expect(import("?scope=full&location=s", COUNT("A", "s", 5)), 200,
           "\"lines\":1,\"applied\":0,\"partial\":0,\"repeated\":1,\"unchanged\":0,\"failed\":0,"
           "\"unmentioned\":0}");
}

/* A line that failed may have been about any row: none is taken for empty. */
static void a_bad_line_takes_nothing_away(void **state)
{
    three_rows();
    expect(import("?scope=full&location=s", COUNT("A", "s", 5) "{\"sku\n"), 200,
           "\"failed\":1,\"unmentioned\":null}");
    expect_on_hand("A", "s", "5");
    expect_on_hand("B", "s", "2");
    expect(get("/v1/locations/s"), 200, "\"last_full_count_at\":null}");
    expect(import("?scope=full&location=s", COUNT("A", "t", 5)), 200,
           "\"detail\":\"must be s: scope=full is of that location alone\"");
    expect(import("?scope=full&location=s",
                  "{\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"s\",\"quantity\":1," TIMES "}"),
           200, "\"detail\":\"must be count: scope=full says what is there\"");
    expect(import("?scope=full&location=s", "{\"sku\":\"A\",\"name\":\"x\"}"), 200, "must be a count");
    expect_on_hand("B", "s", "2");
}

/* Nothing is there any more: then it has to be said when. */
static void an_empty_full_file_says_as_of_when(void **state)
{
    three_rows();
    expect(import("?scope=full&location=s", ""), 400, "as_of= is needed");
    expect_on_hand("B", "s", "2");
    expect(import("?scope=full&location=s&as_of=2026-11-21T10:00:00Z", ""), 200, "\"unmentioned\":2}");
    expect_on_hand("A", "s", "0");
    expect_on_hand("B", "s", "0");
}

/* ---- the question ---- */

static void what_is_asked_wrongly_is_told(void **state)
{
    expect(post_as("/v1/import", JSON, "{}"), 415, "application/x-ndjson or text/csv");
    expect(post_as("/v1/import", NDJSON "Content-Encoding: gzip\r\n", ""), 415, NULL);
    expect(import("?mode=try", ""), 400, "mode must be apply or compare");
    expect(import("?scope=full", ""), 400, "goes with scope=full, which needs it");
    expect(import("?location=s", ""), 400, "goes with scope=full, which needs it");
    expect(import("?scope=full&location=a%20b", ""), 400, "one name");
    expect(import("?kind=stock", ""), 400, "must be auto, events, locations, items, groups or channels");
    expect(import("?as_of=now&scope=full&location=s", ""), 400, "must be an instant");
    expect(import("?as_of=2026-11-21T10:00:00Z", ""), 400, "goes with scope=full");
    expect(import("?what=1", ""), 400, "is not a parameter here");
    expect(post_as("/v1/import", CSV, "a,b\n1,2\n"), 400,
           "line 1: the columns do not tell what the file holds");
    expect(get("/v1/import"), 405, NULL);
    expect(import("?kind=channels", "{\"id\":\"web\",\"name\":\"Web\"}"), 200, "\"applied\":1");
}

/* ---- the body, in pieces ---- */

static void expect_answer(struct talk *t, int status, const char *part)
{
    struct answer a = talk_answer(t, false);

    expect(a, status, part);
}

static void a_body_comes_in_pieces_and_the_next_request_behind_it(void **state)
{
    static const char requests[] =
        "POST /v1/import HTTP/1.1\r\nHost: x\r\n" NDJSON "Transfer-Encoding: chunked\r\n\r\n"
        "2\r\n{\"\r\n1d\r\nlocation\":\"s\",\"name\":\"One\"}\n{\r\n"
        "19\r\n\"sku\":\"A\",\"name\":\"one\"}\n\n\r\n0\r\n\r\n"
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

    for (size_t size = 1; size < 60; size += 7) {
        struct talk t = talk_to(http_address(server));
        for (size_t at = 0; at < sizeof(requests) - 1; at += size)
            talk_send(&t, requests + at, sizeof(requests) - 1 - at < size ? sizeof(requests) - 1 - at : size);
        expect_answer(&t, 200, size == 1 ? "\"lines\":2,\"applied\":2," : "\"unchanged\":2,");
        expect_answer(&t, 200, NULL);
        talk_end(&t);
    }
}

static void who_expects_to_be_invited_is(void **state)
{
    struct talk t = talk_to(http_address(server));

    talk_say(&t, "POST /v1/import HTTP/1.1\r\nHost: x\r\n" NDJSON
                 "Content-Length: 13\r\nExpect: 100-continue\r\n\r\n");
    struct answer a = talk_answer(&t, true);
    assert_int_equal(a.status, 100);
    answer_free(&a);
    talk_say(&t, "{\"sku\":\"A\"}\n\n");
    expect_answer(&t, 200, "\"applied\":1,");
    talk_end(&t);
}

/* A refusal before the body's end: answered, and the connection closes. */
static void a_refusal_does_not_wait_for_the_body(void **state)
{
    struct talk t = talk_to(http_address(server));

    talk_say(&t, "POST /v1/import?what=1 HTTP/1.1\r\nHost: x\r\n" NDJSON "Content-Length: 1000\r\n\r\nabc");
    struct answer a = talk_answer(&t, false);
    assert_non_null(strstr(a.head, "Connection: close"));
    expect(a, 400, NULL);
    assert_true(talk_ended(&t));
    talk_end(&t);
    t = talk_to(http_address(server));
    talk_say(&t, "POST /v1/import HTTP/1.1\r\nHost: x\r\n" NDJSON "Content-Length: 99999999999\r\n\r\n");
    expect_answer(&t, 413, "a file may have");
    talk_end(&t);
    t = talk_to(http_address(server));
    talk_say(&t, "POST /v1/import HTTP/1.1\r\nHost: x\r\n" NDJSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
    expect_answer(&t, 400, NULL);
    talk_end(&t);
}

/* Who goes away in the middle leaves nothing pending; what stalls is cut. */
static void a_body_that_does_not_end_is_cut(void **state)
{
    struct talk t = talk_to(http_address(server));

    talk_say(&t, "POST /v1/import HTTP/1.1\r\nHost: x\r\n" NDJSON "Content-Length: 1000\r\n\r\n{\"sku\":");
    talk_end(&t);
    options.body_timeout_ms = 200;
    front_restart();
    t = talk_to(http_address(server));
    talk_say(&t, "POST /v1/import HTTP/1.1\r\nHost: x\r\n" NDJSON "Content-Length: 1000\r\n\r\n{\"sku\":");
    expect_answer(&t, 408, "did not come in time");
    talk_end(&t);
    for (int i = 0; i < 8; i++) /* no place of the few is lost */
        expect(import("", ""), 200, "\"lines\":0");
}

/* More than one request may hold elsewhere: nothing of it is held. And a report that is longer than what is
 * held back comes in pieces. */
static void many_lines_make_many_rounds(void **state)
{
    enum { LINES = 60000 };
    struct buffer file = {0};

    options.body_bytes_most = 1 << 20;
    front_restart();
    for (unsigned i = 0; i < LINES; i++)
        buffer_printf(&file,
                      "{\"type\":\"receipt\",\"sku\":\"S%u\",\"location\":\"s\",\"quantity\":%s," TIMES
                      ",\"reference\":\"%u\"}\n",
                      i % 100, i % 4 ? "1" : "-1", i);
    buffer_byte(&file, 0);
    assert_true(file.length > 4u << 20);
    struct answer a = import("", file.at);
    assert_int_equal(a.status, 200);
    expect_header(&a, "Transfer-Encoding", "chunked");
    size_t lines = 0;
    for (const char *at = a.body; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, LINES / 4 + 1);
    assert_non_null(strstr(a.body, "{\"line\":1,"));
    assert_non_null(strstr(a.body, "{\"line\":59997,"));
    assert_non_null(
        strstr(a.body, "{\"complete\":true,\"lines\":60000,\"applied\":45000,\"partial\":0,\"repeated\":0,"
                       "\"unchanged\":0,\"failed\":15000}\n"));
    answer_free(&a);
    expect_on_hand("S1", "s", "600");
    buffer_finish(&file);
}

/* ---- the log says no ---- */

static void a_log_that_is_busy_is_tried_again_and_one_that_is_gone_is_told(void **state)
{
    desk_refuse(&desk, ERROR_UNAVAILABLE);
    expect(import("", COUNT("A", "s", 1)), 503, "nothing was written");
    options.command_timeout_ms = 100;
    front_restart();
    desk_refuse(&desk, ERROR_BUSY);
    expect(import("", COUNT("A", "s", 1)), 429, "try again");
    desk_refuse(&desk, 0);
    desk_hold(&desk, true);
    expect(import("", COUNT("A", "s", 1)), 503, "send it again");
    desk_hold(&desk, false);
    expect(import("", COUNT("A", "s", 1)), 200, "\"failed\":0}");
    expect_on_hand("A", "s", "1");
}

/* ---- keys ---- */

static void keys_import_what_they_may(void **state)
{
    char reader[KEY_HEADERS_BYTES], writer[KEY_HEADERS_BYTES], both[KEY_HEADERS_BYTES],
        admin[KEY_HEADERS_BYTES];

    new_key(SCOPE_READ, NULL, NULL, 0, NDJSON, reader);
    new_key(SCOPE_EVENTS, NULL, "s", 0, NDJSON, writer);
    new_key(SCOPE_EVENTS | SCOPE_READ, "web", "s", 0, NDJSON, both);
    new_key(SCOPE_ADMIN, NULL, NULL, 0, NDJSON, admin);
    front_restart();
    expect(post_as("/v1/import", reader, COUNT("A", "s", 1)), 403, "scope events");
    expect(post_as("/v1/import", writer,
                   COUNT("A", "s", 1) COUNT("A", "t", 1) "{\"sku\":\"A\",\"name\":\"x\"}\n"),
           200, "\"lines\":3,\"applied\":1,\"partial\":0,\"repeated\":0,\"unchanged\":0,\"failed\":2}");
    expect(post_as("/v1/import", writer, "{\"sku\":\"A\",\"name\":\"x\"}\n"), 200,
           "needs a key with scope admin");
    expect(post_as("/v1/import", writer, COUNT("A", "t", 1)), 200,
           "{\"pointer\":\"/location\",\"detail\":\"is not one that this key may speak for\"}");
    expect(post_as("/v1/import?scope=full&location=t", writer, ""), 403, "bound to other locations than t");
    expect(post_as("/v1/import?mode=compare", writer, COUNT("A", "s", 1)), 403, "scope read");
    expect(post_as("/v1/import?mode=compare", both, COUNT("A", "s", 1)), 200, "\"equal\":1");
    expect(post_as("/v1/import", admin, COUNT("A", "t", 1) "{\"sku\":\"A\",\"name\":\"x\"}\n"), 200,
           "\"applied\":2");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_line_becomes_what_it_says),
        TEST(a_csv_says_the_same),
        TEST(a_line_more_repeats_none),
        TEST(case_04_what_failed_is_told_line_by_line),
        TEST(all_lines_are_told_on_demand),
        TEST(the_last_word_of_a_file_holds),
        TEST(comparing_says_what_should_have_been_found),
        TEST(what_a_full_file_does_not_mention_is_not_there),
        TEST(a_bad_line_takes_nothing_away),
        TEST(an_empty_full_file_says_as_of_when),
        TEST(what_is_asked_wrongly_is_told),
        TEST(a_body_comes_in_pieces_and_the_next_request_behind_it),
        TEST(who_expects_to_be_invited_is),
        TEST(a_refusal_does_not_wait_for_the_body),
        TEST(a_body_that_does_not_end_is_cut),
        TEST(many_lines_make_many_rounds),
        TEST(a_log_that_is_busy_is_tried_again_and_one_that_is_gone_is_told),
        TEST(keys_import_what_they_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
