/* The routes, over real sockets and the real state: shapes, errors, waiting, keys. */
#include "front.h"

#include "base/error.h"
#include "http/keys.h"

#include <pthread.h>
#include <unistd.h>

#define NDJSON "Content-Type: application/x-ndjson\r\n"
#define AT "\"occurred_at\":\"2026-11-21T10:00:00Z\""

static void expect_body(struct answer a, const char *body)
{
    assert_string_equal(a.body, body);
    assert_int_equal(a.status, 200);
    answer_free(&a);
}

/* Stock of three stores in two places, a warehouse and a group. */
static void some_stock(void)
{
    front_start();
    expect(put("/v1/locations/store-1", "{\"name\":\"One\",\"latitude\":52.5,\"longitude\":13.4}"), 201,
           "\"id\":\"store-1\"");
    expect(put("/v1/locations/store-2", "{\"name\":\"Two\",\"latitude\":52.6,\"longitude\":13.4}"), 201,
           NULL);
    expect(put("/v1/locations/far", "{\"latitude\":48.1,\"longitude\":11.6}"), 201, NULL);
    expect(put("/v1/groups/berlin", "{\"name\":\"Berlin\",\"members\":[\"store-1\",\"store-2\"]}"), 201,
           NULL);
    expect(put("/v1/channels/web", "{\"name\":\"Web\",\"low_threshold\":3}"), 201, NULL);
    desk_say(&desk, "[{\"id\":\"a1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":"
                    "\"store-1\",\"quantity\":5," AT "},"
                    "{\"id\":\"a2\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"store-"
                    "2\",\"quantity\":2.5," AT "},"
                    "{\"id\":\"a3\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"far\","
                    "\"quantity\":10," AT "},"
                    "{\"id\":\"b1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"B\",\"location\":\"far\","
                    "\"quantity\":1," AT "}]");
}

/* How often a text is there; looks at no more than it must, which matters where every access is checked. */
static size_t occurrences(const struct answer *a, const char *text)
{
    size_t length = strlen(text), count = 0;

    for (size_t i = 0; i + length <= a->body_length; i++)
        count += a->body[i] == text[0] && !memcmp(a->body + i, text, length);
    return count;
}

/* ---- availability ---- */

static void availability_has_the_shape_of_the_contract(void **state)
{
    front_start();
    desk_say(&desk, "[{\"id\":\"1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"SKU-1\",\"location\":"
                    "\"store-0042\",\"quantity\":23," AT "},"
                    "{\"id\":\"2\",\"source\":\"s\",\"type\":\"status_change\",\"sku\":\"SKU-1\","
                    "\"location\":\"store-0042\",\"quantity\":1,"
                    "\"to_status\":\"damaged\"," AT "},"
                    "{\"id\":\"3\",\"source\":\"s\",\"type\":\"order_placed\",\"sku\":\"SKU-1\",\"location\":"
                    "\"store-0042\",\"quantity\":1,"
                    "\"reference\":\"O-1\"," AT "},"
                    "{\"id\":\"4\",\"source\":\"s\",\"type\":\"setting\",\"sku\":\"SKU-1\",\"location\":"
                    "\"store-0042\",\"safety_stock\":2,"
                    "\"reorder_point\":5," AT "},"
                    "{\"id\":\"5\",\"source\":\"s\",\"type\":\"inbound\",\"sku\":\"SKU-1\",\"location\":"
                    "\"store-0042\",\"quantity\":20,"
                    "\"reference\":\"PO-7\",\"expected_at\":\"2026-11-24T08:00:00Z\"," AT "}]");
    expect_body(
        get("/v1/availability/SKU-1?location=store-0042&detail=true"),
        "{\"sku\":\"SKU-1\",\"channel\":null,\"version\":\"1795219200000042:5\",\"as_of\":\"2026-11-21T10:05:"
        "00.000005Z\","
        "\"available\":19,\"level\":\"in_stock\",\"locations\":[{\"location\":\"store-0042\",\"available\":"
        "19,\"level\":\"in_stock\","
        "\"version\":\"1795219200000042:5\",\"on_hand\":23,\"unavailable\":{\"damaged\":1,\"quarantine\":0,"
        "\"display\":0,"
        "\"missing\":0,\"other\":0},\"reserved\":0,\"committed\":1,\"safety_stock\":2,\"net_available\":19,"
        "\"incoming\":[{\"reference\":\"PO-7\",\"line\":null,\"quantity\":20,\"expected_at\":\"2026-11-24T08:"
        "00:00Z\"}],"
        "\"reorder_point\":5,\"backorder_limit\":0,\"allocations\":{},\"oversold\":0,\"flags\":["
        "\"unregistered\"],"
        "\"last_event_at\":\"2026-11-21T10:00:00Z\",\"last_count_at\":null}],\"next\":null}");
}

static void locations_named_grouped_near_and_everywhere(void **state)
{
    some_stock();
    expect(get("/v1/availability/A"), 200,
           "\"available\":17.5,\"level\":\"in_stock\",\"locations\":[{\"location\":\"store-1\"");
    expect(get("/v1/availability/A?location=store-2&location=store-1"), 200,
           "\"available\":7.5,\"level\":\"in_stock\",\"locations\":[{\"location\":\"store-2\",\"available\":"
           "2.5,\"level\":\"in_stock\"},"
           "{\"location\":\"store-1\",\"available\":5,\"level\":\"in_stock\"}],\"next\":null}");
    expect(get("/v1/availability/A?group=berlin"), 200, "\"available\":7.5,");
    expect(get("/v1/availability/A?near=52.5,13.4&within_km=20"), 200,
           "\"available\":7.5,\"level\":\"in_stock\",\"locations\":[{\"location\":\"store-1\",\"available\":"
           "5,\"level\":\"in_stock\","
           "\"distance_km\":0},{\"location\":\"store-2\",\"available\":2.5,\"level\":\"in_stock\",\"distance_"
           "km\":11.12}],");
    expect(get("/v1/availability/A?near=52.5,13.4&limit=1&quantity=10"), 200,
           "\"locations\":[{\"location\":\"far\"");
    expect(get("/v1/availability/A?near=48.1,11.6&limit=1"), 200, "\"available\":10,");
    expect(get("/v1/availability/A?quantity=5"), 200,
           "\"available\":15,\"level\":\"in_stock\",\"locations\":[{\"location\":\"store-1\",\"available\":5,"
           "\"level\":\"in_stock\"},"
           "{\"location\":\"far\",\"available\":10,\"level\":\"in_stock\"}],");
    /* where it never was, and where nobody was */
    expect(get("/v1/availability/B?location=store-1&location=nowhere"), 200,
           "\"available\":0,\"level\":\"out_of_stock\",\"locations\":[{\"location\":\"store-1\","
           "\"available\":0,\"level\":"
           "\"out_of_stock\"},{\"location\":\"nowhere\",\"available\":0,\"level\":\"out_of_stock\"}]");
    expect(get("/v1/availability/C"), 404, "no SKU `C` is known");
}

/* A degree of longitude is nothing at a pole, and 180 is -180. */
static void near_the_poles_and_the_date_line(void **state)
{
    front_start();
    expect(put("/v1/locations/east", "{\"latitude\":0,\"longitude\":179.99}"), 201, NULL);
    expect(put("/v1/locations/west", "{\"latitude\":0,\"longitude\":-179.99}"), 201, NULL);
    expect(put("/v1/locations/pole", "{\"latitude\":90,\"longitude\":77}"), 201, NULL);
    desk_say(&desk, "{\"id\":\"1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"west\","
                    "\"quantity\":1," AT "}");
    expect(get("/v1/availability/A?near=0,180&within_km=2"), 200,
           "\"locations\":[{\"location\":\"east\",\"available\":0,\"level\":\"out_of_stock\",\"distance_km\":"
           "1.112},"
           "{\"location\":\"west\",\"available\":1,\"level\":\"in_stock\",\"distance_km\":1.112}]");
    expect(get("/v1/availability/A?near=0,-180&within_km=2&quantity=1"), 200, "[{\"location\":\"west\",");
    expect(get("/v1/availability/A?near=90,-103&within_km=0.001"), 200,
           "\"locations\":[{\"location\":\"pole\",\"available\":0,\"level\":\"out_of_stock\",\"distance_km\":"
           "0}]");
    expect(get("/v1/availability/A?near=-90,0&limit=3"), 200,
           "{\"location\":\"pole\",\"available\":0,"
           "\"level\":\"out_of_stock\",\"distance_km\":20015.114}]");
    expect(get("/v1/availability/A?near=-90.0000001,0"), 400, "must be latitude,longitude");
}

static void a_page_leads_to_the_next(void **state)
{
    some_stock();
    expect(get("/v1/availability/A?limit=2"), 200, "\"available\":17.5,");
    expect(get("/v1/availability/A?limit=2"), 200,
           "{\"location\":\"store-2\",\"available\":2.5,\"level\":\"in_stock\"}],\"next\":\"2\"}");
    expect(get("/v1/availability/A?limit=2&after=2"), 200,
           "\"available\":17.5,\"level\":\"in_stock\",\"locations\":[{\"location\":\"far\",\"available\":10,"
           "\"level\":\"in_stock\"}],"
           "\"next\":null}");
}

static void channels_are_known_or_refused(void **state)
{
    some_stock();
    expect(get("/v1/availability/A?channel=web&location=store-2"), 200,
           "\"channel\":\"web\",\"version\":\"1795219200000042:9\"");
    expect(get("/v1/availability/A?channel=web&location=store-2"), 200,
           "\"available\":2.5,\"level\":\"low_stock\"");
    expect(get("/v1/availability/A?channel=shop"), 400, "there is no channel `shop`");
    expect(get("/v1/availability/A?method=pickup"), 200, NULL);
}

static void bad_parameters_are_named(void **state)
{
    static const struct {
        const char *query, *part;
    } rows[] = {
        {"colour=red", "{\"pointer\":\"colour\",\"detail\":\"is not a parameter here\"}"},
        {"detail=yes", "{\"pointer\":\"detail\",\"detail\":\"must be true or false\"}"},
        {"detail", "\"pointer\":\"detail\""},
        {"limit=0", "must be an integer from 1 to 1000"},
        {"limit=1001", "must be an integer from 1 to 1000"},
        {"limit=99999999999999999999", "must be an integer from 1 to 1000"},
        {"after=-1", "\"pointer\":\"after\""},
        {"quantity=0", "must be greater than 0"},
        {"quantity=1.0001", "\"pointer\":\"quantity\""},
        {"quantity=1e3", "\"pointer\":\"quantity\""},
        {"near=52", "must be latitude,longitude"},
        {"near=91,0", "must be latitude,longitude"},
        {"near=0,180.1", "must be latitude,longitude"},
        {"near=a,b", "must be latitude,longitude"},
        {"within_km=5", "goes with near only"},
        {"near=1,1&group=g", "do not go together"},
        {"near=1,1&after=3", "does not go with near"},
        {"location=a&group=g", "do not go together"},
        {"location=a%20b", "\"pointer\":\"location\""},
        {"location=", "\"pointer\":\"location\""},
        {"channel=a&channel=b", "is there twice"},
        {"method=drone", "must be pickup, ship or same_day"},
        {"by=2026-11-31", "{\"pointer\":\"by\",\"detail\":\"must be a date (2026-11-24)"},
        {"by=tomorrow", "\"pointer\":\"by\""},
        {"by=2026-11-24T10:00:00", "\"pointer\":\"by\""},
        {"reservation=", "\"pointer\":\"reservation\""},
        {"min_version=5", "must be a version as answers carry it"},
        {"min_version=a:b", "must be a version as answers carry it"},
        {"group=none", "there is no group `none`"},
        {"%zz=1", "two hexadecimal digits"},
        {"%3Cscript%3E=1", "\\u003Cscript\\u003E"},
    };
    char target[100];

    some_stock();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(target, sizeof(target), "/v1/availability/A?%s", rows[i].query);
        expect(get(target), 400, rows[i].part);
    }
    expect(get("/v1/availability/A?near=-0.5,-179.9999999&&detail=false&"), 200, NULL);
}

static void skus_are_percent_decoded(void **state)
{
    front_start();
    desk_say(&desk, "[{\"id\":\"1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"a/b "
                    "ü+%\",\"location\":\"l\",\"quantity\":1," AT "}]");
    expect(get("/v1/availability/a%2Fb%20%C3%BC+%25"), 200, "\"sku\":\"a/b ü+%\"");
    expect(get("/v1/availability/a%2fb%20%c3%bc%2B%25"), 200, NULL);
    expect(get("/v1/availability/a%FF"), 400, "1 to 128 bytes of UTF-8");
    expect(get("/v1/availability/a%00"), 400, NULL);
    expect(get("/v1/availability/"), 400, NULL);
}

static void etags_are_of_what_counts(void **state)
{
    char line[64];

    some_stock();
    struct answer a = get("/v1/availability/A?location=store-1");
    char *etag = head_value(a.head, "ETag");
    assert_int_equal(strlen(etag), 18);
    assert_non_null(strstr(a.head, "\r\nCache-Control: private, max-age=1\r\n"));
    answer_free(&a);
    /* something else happened: another version, the same answer */
    desk_say(&desk, "[{\"id\":\"x\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"B\",\"location\":\"far\","
                    "\"quantity\":1," AT "}]");
    snprintf(line, sizeof(line), "If-None-Match: \"other\", %s\r\n", etag);
    a = get_as("/v1/availability/A?location=store-1", line);
    assert_int_equal(a.status, 304);
    assert_int_equal(a.body_length, 0);
    char *again = head_value(a.head, "ETag");
    assert_string_equal(again, etag);
    assert_null(head_value(a.head, "Content-Length"));
    free(again);
    answer_free(&a);
    /* the stock changed: another answer */
    desk_say(&desk, "[{\"id\":\"y\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"store-"
                    "1\",\"quantity\":1," AT "}]");
    expect(get_as("/v1/availability/A?location=store-1", line), 200, "\"available\":4,");
    expect(get_as("/v1/availability/A", "If-None-Match: *\r\n"), 304, NULL);
    free(etag);
}

static void head_answers_as_get(void **state)
{
    some_stock();
    struct answer a = get("/v1/availability/A"), h = request("HEAD", "/v1/availability/A", "", NULL);
    char *ga = head_value(a.head, "ETag"), *he = head_value(h.head, "ETag");
    char *gl = head_value(a.head, "Content-Length"), *hl = head_value(h.head, "Content-Length");
    assert_string_equal(ga, he);
    assert_string_equal(gl, hl);
    free(ga), free(he), free(gl), free(hl);
    answer_free(&a);
    answer_free(&h);
}

static void *say_later(void *context)
{
    usleep(100000);
    desk_say(&desk, "[{\"id\":\"later\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":"
                    "\"store-1\",\"quantity\":1," AT "}]");
    return NULL;
}

static void a_version_is_waited_for_without_holding_the_loop(void **state)
{
    pthread_t later;

    some_stock();
    expect(get("/v1/availability/A?min_version=1795219200000042:9"), 200, NULL);
    expect(get("/v1/availability/A?min_version=1795219200000041:99"), 200, NULL); /* an earlier incarnation */
    struct talk t = talk_to(http_address(server));
    talk_say(
        &t,
        "GET /v1/availability/A?min_version=1795219200000042:10&location=store-1 HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(get("/healthz"), 200, NULL); /* others are answered meanwhile, by the same thread */
    pthread_create(&later, NULL, say_later, NULL);
    expect(talk_answer(&t, false), 200, "\"available\":6,");
    expect(talk_answer(&t, false), 200, "alive");
    pthread_join(later, NULL);
    talk_end(&t);
    struct answer a = get("/v1/availability/A?min_version=1795219200000042:1000");
    assert_non_null(strstr(a.head, "Retry-After: "));
    expect(a, 503, "urn:onhand:problem:behind");
    a = post("/v1/availability", "{\"min_version\":\"1795219200000043:0\",\"items\":[]}");
    expect(a, 503, "urn:onhand:problem:behind");
}

static void many_at_once(void **state)
{
    some_stock();
    expect_body(post("/v1/availability",
                     "{\"items\":[{\"sku\":\"B\",\"locations\":[\"far\",\"store-1\"]},{\"sku\":\"C\","
                     "\"group\":\"berlin\"},"
                     "{\"sku\":\"A\",\"group\":\"berlin\"}]}"),
                "{\"version\":\"1795219200000042:9\",\"as_of\":\"2026-11-21T10:05:00.000009Z\",\"items\":["
                "{\"sku\":\"B\",\"channel\":null,\"available\":1,\"level\":\"in_stock\",\"locations\":[{"
                "\"location\":\"far\",\"available\":1,"
                "\"level\":\"in_stock\"},{\"location\":\"store-1\",\"available\":0,\"level\":\"out_of_"
                "stock\"}],\"next\":null},"
                "{\"sku\":\"C\",\"channel\":null,\"known\":false,\"available\":0,\"level\":\"out_of_stock\","
                "\"locations\":[],\"next\":null},"
                "{\"sku\":\"A\",\"channel\":null,\"available\":7.5,\"level\":\"in_stock\",\"locations\":[{"
                "\"location\":\"store-1\","
                "\"available\":5,\"level\":\"in_stock\"},{\"location\":\"store-2\",\"available\":2.5,"
                "\"level\":\"in_stock\"}],\"next\":null}]}");
    expect(post("/v1/availability", "{\"channel\":\"web\",\"detail\":true,\"items\":[{\"sku\":\"A\"}]}"), 200,
           "\"on_hand\":10");
}

static void a_batch_names_what_it_does_not_know(void **state)
{
    some_stock();
    expect(post("/v1/availability?detail=true", "{\"items\":[]}"), 400,
           "{\"pointer\":\"detail\",\"detail\":\"is not a parameter here\"}");
    expect(post("/v1/availability",
                "{\"items\":[{\"sku\":\"A\"},{\"sku\":\"C\"},{\"sku\":\"A\",\"group\":\"berlin\"},"
                "{\"sku\":\"A\",\"group\":\"munich\"}]}"),
           400, "\"errors\":[{\"pointer\":\"/items/3/group\",\"detail\":\"there is no group `munich`\"}]");
    expect(post("/v1/availability", "{\"items\":[{\"sku\":\"C\",\"group\":\"munich\"}]}"), 400,
           "\"pointer\":\"/items/0/group\"");
    expect(post("/v1/availability", "{\"items\":[{\"sku\":\"A\",\"a/b~\":1}]}"), 400,
           "{\"pointer\":\"/items/0/a~1b~0\",\"detail\":\"is not a field here\"}");
    expect(post("/v1/availability",
                "{\"method\":\"pickup\",\"channel\":\"web\",\"detail\":true,"
                "\"min_version\":\"1795219200000042:9\",\"items\":[{\"sku\":\"A\",\"locations\":[\"store-2\"]"
                "}]}"),
           200,
           "\"channel\":\"web\",\"available\":2.5,\"level\":\"low_stock\",\"locations\":[{\"location\":"
           "\"store-2\",\"available\":2.5,\"level\":\"low_stock\",\"version\":\"1795219200000042:7\","
           "\"on_hand\":2.5,");
}

static void routes_without_parameters_say_so(void **state)
{
    static const char *const targets[] = {
        "/healthz",        "/readyz",     "/openapi.json",         "/metrics",
        "/v1/settings",    "/v1/items/A", "/v1/locations/store-1", "/v1/groups/berlin",
        "/v1/channels/web"};
    char target[64];

    some_stock();
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        snprintf(target, sizeof(target), "%s?colour=red", targets[i]);
        expect(get(target), 400, "{\"pointer\":\"colour\",\"detail\":\"is not a parameter here\"}");
        expect(get(targets[i]), 200, NULL);
    }
    expect(put("/v1/settings?colour=red", "{}"), 400, "\"pointer\":\"colour\"");
    expect(delete_at("/v1/groups/berlin?colour=red"), 400, "\"pointer\":\"colour\"");
}

/* More rows than one turn looks at: named, in a group, everywhere. */
static void an_item_with_many_rows_is_answered_in_turns(void **state)
{
    enum { PLACES = 2500 };
    struct buffer events = {0}, group = {0}, ask = {0};

    front_start();
    buffer_string(&group, "{\"members\":[");
    buffer_string(&ask, "{\"items\":[{\"sku\":\"A\",\"locations\":[");
    for (int i = 0; i < PLACES; i++) {
        buffer_printf(
            &events,
            "{\"id\":\"e%d\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"p%d\","
            "\"quantity\":%d," AT "}\n",
            i, i, 1 + i % 2);
        buffer_printf(&group, "%s\"p%d\"", i ? "," : "", i);
        buffer_printf(&ask, "%s\"p%d\"", i ? "," : "", i);
    }
    buffer_string(&group, "]}");
    buffer_string(&ask,
                  "]},{\"sku\":\"A\",\"group\":\"all\"},{\"sku\":\"A\"},{\"sku\":\"B\"}],\"detail\":true}");
    buffer_byte(&events, '\0');
    buffer_byte(&group, '\0');
    buffer_byte(&ask, '\0');
    expect(post_as("/v1/events?results=problems", NDJSON, events.at), 200, "{\"applied\":2500,");
    expect(put("/v1/groups/all", group.at), 201, NULL);
    struct answer a = post("/v1/availability", ask.at);
    assert_int_equal(a.status, 200);
    char *length = head_value(a.head, "Content-Length");
    assert_null(length); /* some megabytes: in pieces */
    assert_int_equal(occurrences(&a, "{\"sku\":\"A\",\"channel\":null,\"available\":3750,"), 3);
    assert_int_equal(occurrences(&a, "{\"location\":\"p"), 3 * PLACES);
    assert_non_null(strstr(a.body, ",{\"sku\":\"B\",\"channel\":null,\"known\":false,\"available\":0,"));
    assert_string_equal(a.body + a.body_length - 17, "[],\"next\":null}]}");
    answer_free(&a);
    buffer_finish(&events);
    buffer_finish(&group);
    buffer_finish(&ask);
}

static void bad_batches_are_refused(void **state)
{
    static const struct {
        const char *body, *part;
    } rows[] = {
        {"", "line 1"},
        {"[]", "must be an object"},
        {"{}", "\"pointer\":\"/items\",\"detail\":\"must be there\""},
        {"{\"items\":{}}", "\"pointer\":\"/items\",\"detail\":\"must be an array\""},
        {"{\"items\":[1]}", "\"pointer\":\"/items/0\",\"detail\":\"must be an object\""},
        {"{\"items\":[{}]}", "\"pointer\":\"/items/0\",\"detail\":\"must have a sku\""},
        {"{\"items\":[{\"sku\":1}]}", "\"pointer\":\"/items/0/sku\""},
        {"{\"items\":[{\"sku\":\"\"}]}", "\"pointer\":\"/items/0/sku\""},
        {"{\"items\":[{\"sku\":\"a\",\"location\":\"b\"}]}",
         "\"pointer\":\"/items/0/location\",\"detail\":\"is not a field here\""},
        {"{\"items\":[{\"sku\":\"a\",\"locations\":\"b\"}]}", "\"pointer\":\"/items/0/locations\""},
        {"{\"items\":[{\"sku\":\"a\",\"locations\":[\"b\",\"\"]}]}", "\"pointer\":\"/items/0/locations/1\""},
        {"{\"items\":[{\"sku\":\"a\",\"locations\":[\"b\"],\"group\":\"g\"}]}", "do not go together"},
        {"{\"items\":[],\"channel\":1}", "\"pointer\":\"/channel\""},
        {"{\"items\":[],\"method\":\"x\"}", "\"pointer\":\"/method\""},
        {"{\"items\":[],\"by\":\"2026-11-24T\"}", "\"pointer\":\"/by\",\"detail\":\"must be a date"},
        {"{\"items\":[],\"colour\":\"x\"}", "\"pointer\":\"/colour\""},
        {"{\"items\":[],\"items\":[]}", NULL},
        {"{\"items\":[]", NULL},
        {"{\"items\":[],\"channel\":\"none\"}", "there is no channel `none`"},
    };
    front_start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(post("/v1/availability", rows[i].body), 400, rows[i].part);
    expect(post_as("/v1/availability", "", "{\"items\":[]}"), 415, NULL);
    expect(post_as("/v1/availability", "Content-Type: text/json\r\n", "{\"items\":[]}"), 415, NULL);
    expect(post_as("/v1/availability", "Content-Type: Application/JSON; charset=utf-8\r\n", "{\"items\":[]}"),
           200, "\"items\":[]");
}

static void a_big_batch_is_answered_in_turns(void **state)
{
    struct buffer body = {0};

    some_stock();
    buffer_string(&body, "{\"items\":[");
    for (int i = 0; i < 1000; i++) {
        buffer_string(&body, i ? ",{\"sku\":\"A\",\"locations\":[\"store-2\""
                               : "{\"sku\":\"A\",\"locations\":[\"store-2\"");
        for (int k = 1; k < 100; k++)
            buffer_string(&body, ",\"store-1\"");
        buffer_string(&body, "]}");
    }
    buffer_string(&body, "]}");
    size_t end = body.length;
    buffer_byte(&body, '\0');
    struct answer a = post("/v1/availability", body.at);
    assert_int_equal(a.status, 200);
    size_t sums = 0;
    for (char *at = a.body; (at = strstr(at, "\"available\":497.5,")); at++)
        sums++;
    assert_int_equal(sums, 1000);
    answer_free(&a);
    body.length = end - 2; /* one row more */
    buffer_string(&body, ",{\"sku\":\"A\",\"locations\":[\"far\"]}]}");
    buffer_byte(&body, '\0');
    expect(post("/v1/availability", body.at), 413, "1001 items");
    memcpy(strstr(body.at, "\"store-2\""), "\"xx\",\"yy\"", 9);
    body.at[end - 2] = ']';
    body.at[end - 1] = '}';
    body.at[end] = '\0';
    expect(post("/v1/availability", body.at), 413, "100001 rows");
    buffer_finish(&body);
}

/* More items than are fetched ahead, more places than are kept in mind, and items that name none between
 * them. */
static void items_are_answered_in_the_order_asked(void **state)
{
    enum { ITEMS = 200 };
    struct buffer events = {0}, ask = {0};
    char expected[80];

    front_start();
    for (int i = 0; i < ITEMS; i++) {
        buffer_printf(
            &events,
            "{\"id\":\"m%d\",\"source\":\"w\",\"type\":\"receipt\",\"sku\":\"M-%d\",\"location\":\"q%d\","
            "\"quantity\":%d,\"occurred_at\":\"2026-11-21T10:00:00Z\"}\n",
            i, i, i % 90, i + 1);
        buffer_printf(
            &ask, i % 3 ? ",{\"sku\":\"M-%d\",\"locations\":[\"q%d\",\"q-none\"]}" : ",{\"sku\":\"M-%d\"}", i,
            i % 90);
    }
    buffer_string(&ask, "]}");
    buffer_byte(&events, '\0');
    buffer_byte(&ask, '\0');
    ask.at[0] = ' ';
    struct buffer body = {0};
    buffer_printf(&body, "{\"items\":[%s", ask.at);
    expect(post_as("/v1/events?results=problems", NDJSON, events.at), 200, "{\"applied\":200,");
    struct answer a = post("/v1/availability", body.at);
    assert_int_equal(a.status, 200);
    char *at = a.body;
    for (int i = 0; i < ITEMS; i++) {
        snprintf(expected, sizeof(expected), "{\"sku\":\"M-%d\",\"channel\":null,\"available\":%d,", i,
                 i + 1);
        at = strstr(at, expected);
        assert_non_null(at);
        snprintf(expected, sizeof(expected), "[{\"location\":\"q%d\",\"available\":%d,", i % 90, i + 1);
        at = strstr(at, expected);
        assert_non_null(at);
    }
    answer_free(&a);
    buffer_finish(&events);
    buffer_finish(&ask);
    buffer_finish(&body);
}

/* ---- events ---- */

static void events_are_answered_in_order(void **state)
{
    front_start();
    expect_body(post("/v1/events",
                     "[{\"id\":\"e1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"l\","
                     "\"quantity\":5," AT "},"
                     "{\"id\":\"e2\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"l\","
                     "\"quantity\":1,"
                     "\"occurred_at\":\"2027-11-21T10:00:00Z\"},"
                     "{\"id\":\"e3\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"l\","
                     "\"quantity\":0," AT "},"
                     "{\"id\":\"e1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"l\","
                     "\"quantity\":5," AT "}]"),
                "{\"applied\":1,\"duplicate\":1,\"superseded\":0,\"partial\":0,\"rejected\":2,\"results\":["
                "{\"id\":\"e1\",\"verdict\":\"applied\",\"version\":\"1795219200000042:1\",\"notes\":["
                "\"unregistered\"]},"
                "{\"id\":\"e2\",\"verdict\":\"rejected\",\"reason\":\"future\",\"errors\":[{\"pointer\":\"/"
                "occurred_at\",\"detail\":\"is more "
                "than five minutes after log time: check the sender's clock\"}]},"
                "{\"id\":\"e3\",\"verdict\":\"rejected\",\"reason\":\"malformed\",\"errors\":[{\"pointer\":"
                "\"/quantity\",\"detail\":\"must be "
                "greater than 0\"}]},"
                "{\"id\":\"e1\",\"verdict\":\"duplicate\",\"version\":\"1795219200000042:1\"}]}");
    expect(get("/v1/availability/A"), 200, "\"available\":5,");
    expect(post("/v1/events?results=problems",
                "{\"id\":\"e4\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"l\","
                "\"quantity\":1," AT "}"),
           200,
           "{\"applied\":1,\"duplicate\":0,\"superseded\":0,\"partial\":0,\"rejected\":0,\"results\":[]}");
    expect(post_as("/v1/events", NDJSON,
                   "{\"id\":\"e5\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"l\","
                   "\"quantity\":1," AT "}\n\nrubbish\r\n"
                   "{\"id\":\"e6\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"l\","
                   "\"quantity\":1," AT "}"),
           200, "{\"applied\":2,\"duplicate\":0,\"superseded\":0,\"partial\":0,\"rejected\":1,");
    expect(get("/v1/availability/A"), 200, "\"available\":2,");
}

static void bodies_of_events_that_cannot_be_read(void **state)
{
    front_start();
    expect(post("/v1/events", "nonsense"), 400, "urn:onhand:problem:bad-body");
    expect(post("/v1/events", ""), 400, NULL);
    expect(post("/v1/events", "7"), 400, NULL);
    expect(post("/v1/events", "[{\"id\":1},]"), 400, NULL);
    expect(post_as("/v1/events", "", "[]"), 415,
           "Content-Type must be application/json, application/x-ndjson or application/x-protobuf");
    expect(post_as("/v1/events", JSON "Content-Encoding: gzip\r\n", "[]"), 415, "Content-Encoding");
    expect(post_as("/v1/events", "Content-Type: application/x-protobuf\r\n", "\x7F"), 400, NULL);
    expect(post_as("/v1/events", "Content-Type: application/x-protobuf\r\n", ""), 200, "\"results\":[]");
    expect(post("/v1/events?x=y", "[]"), 400, "\"pointer\":\"x\"");
    expect(post("/v1/events?results=some", "[]"), 400, "must be all or problems");
    expect(post("/v1/events", "[{},{\"id\":\"<b>\"}]"), 200,
           "{\"id\":null,\"verdict\":\"rejected\",\"reason\":\"malformed\"");
}

static void many_events_become_several_records(void **state)
{
    enum { EVENTS = 10000 };
    struct buffer body = {0};

    front_start();
    for (int i = 0; i < EVENTS; i++)
        buffer_printf(&body,
                      "{\"id\":\"e%d\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":"
                      "\"l\",\"quantity\":1," AT "}\n",
                      i);
    buffer_byte(&body, '\0');
    struct answer a = post_as("/v1/events", NDJSON, body.at);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "{\"applied\":10000,"));
    char *first = strstr(a.body, "\"id\":\"e0\""), *last = strstr(a.body, "\"id\":\"e9999\"");
    assert_true(first && last && first < last);
    answer_free(&a);
    assert_true(desk.submitted > 2);
    assert_true(desk.most_events <= 4096);
    expect(get("/v1/availability/A"), 200, "\"available\":10000,");
    buffer_finish(&body);
}

static unsigned long long metric(const char *text, const char *name)
{
    char line[100];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(text, line);
    assert_non_null(at);
    return strtoull(at + strlen(line), NULL, 10);
}

/* While one client's 8 MiB are read on the only thread, another is answered: its answer shows that all bytes
 * had come and only some of the events were read. */
static void a_big_body_does_not_hold_the_loop(const char *type, const char *begin, const char *between,
                                              const char *end)
{
    enum { EVENTS = 58000 };
    struct buffer out = {0};
    char head[200];
    bool meanwhile = false;

    front_start();
    for (int i = 0; i < EVENTS; i++)
        buffer_printf(
            &out,
            "%s{\"id\":\"e%d\",\"source\":\"till-%d\",\"type\":\"receipt\",\"sku\":\"SKU-%d\",\"location\":"
            "\"store-1\",\"quantity\":1," AT "}",
            i ? between : begin, i, i % 10, i % 100);
    buffer_string(&out, end);
    assert_true(out.length > 7 << 20 && out.length <= 8 << 20);
    struct talk t = talk_to(http_address(server)), other = talk_to(http_address(server));
    snprintf(head, sizeof(head),
             "POST /v1/events?results=all HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n", type,
             out.length);
    talk_say(&t, head);
    talk_send(&t, out.at, out.length);
    for (unsigned long long events = 0; events < EVENTS;) {
        talk_say(&other, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        struct answer a = talk_answer(&other, false);
        events = metric(a.body, "onhand_http_events_received_total");
        if (metric(a.body, "onhand_http_read_bytes_total") >= out.length && events > 0 && events < EVENTS) {
            meanwhile = true;
            assert_int_equal(metric(a.body, "onhand_http_commands_total"), 0);
        }
        answer_free(&a);
    }
    assert_true(meanwhile);
    struct answer a = talk_answer(&t, false);
    assert_int_equal(a.status, 200);
    assert_non_null(
        strstr(a.body, "{\"applied\":58000,\"duplicate\":0,\"superseded\":0,\"partial\":0,\"rejected\":0,"));
    char *length = head_value(a.head, "Content-Length");
    assert_null(length);
    size_t at = 0;
    for (int i = 0; i < EVENTS; i++) { /* each once, in order */
        char id[32];
        snprintf(id, sizeof(id), "{\"id\":\"e%d\",", i);
        while (at < a.body_length && memcmp(a.body + at, id, 6))
            at++;
        assert_true(at + strlen(id) < a.body_length);
        assert_memory_equal(a.body + at, id, strlen(id));
        at++;
    }
    assert_int_equal(occurrences(&a, "{\"id\":"), EVENTS);
    assert_string_equal(a.body + a.body_length - 2, "]}");
    answer_free(&a);
    talk_end(&t);
    talk_end(&other);
    buffer_finish(&out);
}

static void big_lines_do_not_hold_the_loop(void **state)
{
    a_big_body_does_not_hold_the_loop(NDJSON, "", "\n", "\n");
}

static void a_big_array_does_not_hold_the_loop(void **state)
{
    a_big_body_does_not_hold_the_loop(JSON, "[", ",", "]");
}

static void a_request_has_a_bound_of_events(void **state)
{
    struct buffer out = {0};

    front_start();
    buffer_byte(&out, '[');
    for (int i = 0; i < 100000; i++)
        buffer_string(&out, i ? ",{}" : "{}");
    size_t end = out.length;
    buffer_string(&out, ",{}]");
    buffer_byte(&out, '\0');
    expect(post("/v1/events", out.at), 413, "more than 100000 events");
    memcpy(out.at + end, "]  ", 3);
    out.at[end + 3] = '\0';
    struct answer a = post("/v1/events", out.at);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"rejected\":100000,"));
    assert_int_equal(
        occurrences(&a, "{\"id\":null,\"verdict\":\"rejected\",\"reason\":\"malformed\",\"errors\":[{"),
        100000);
    assert_true(a.body_length < 32 << 20); /* all errors of the first ones, one of the others */
    answer_free(&a);
    /* broken at the very end: nothing was taken */
    out.at[end] = '}';
    expect(post("/v1/events", out.at), 400, "expected ',' or ']'");
    assert_int_equal(desk.submitted, 0);
    buffer_finish(&out);
}

static void a_full_or_silent_log_is_said(void **state)
{
    static const char sale[] = "{\"id\":\"e\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\","
                               "\"location\":\"l\",\"quantity\":1," AT "}";

    options.command_timeout_ms = 100;
    front_start();
    desk_refuse(&desk, ERROR_BUSY);
    struct answer a = post("/v1/events", sale);
    assert_non_null(strstr(a.head, "Retry-After: 1"));
    expect(a, 429, "nothing was written");
    desk_refuse(&desk, ERROR_UNAVAILABLE);
    expect(post("/v1/events", sale), 503, "nothing was written");
    expect(put("/v1/locations/l", "{}"), 503, "nothing was written");
    desk_refuse(&desk, 0);
    desk_hold(&desk, true);
    expect(post("/v1/events", sale), 503, "urn:onhand:problem:not-known");
    expect(get("/healthz"), 200, NULL);
    desk_hold(&desk, false); /* it was written after all: the id finds out */
    for (int tries = 0; tries < 1000; tries++) {
        a = post("/v1/events", sale);
        bool duplicate = strstr(a.body, "\"verdict\":\"duplicate\"");
        answer_free(&a);
        if (duplicate)
            break;
        usleep(1000);
    }
    expect(get("/v1/availability/A"), 200, "\"available\":1,");
}

/* Requests behind one that waits fill the input; the one that waits still knows its own words. */
static void what_is_pipelined_behind_does_not_move_a_body(void **state)
{
    static const char body[] =
        "[{\"id\":\"first-of-two\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\","
        "\"location\":\"l\",\"quantity\":5," AT "},"
        "{\"id\":\"second-of-two\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\","
        "\"location\":\"l\",\"quantity\":5," AT "}]";
    enum { BEHIND = 2000 };
    struct buffer out = {0};

    front_start();
    desk_hold(&desk, true);
    buffer_string(&out, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    buffer_printf(&out, "POST /v1/events HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: %zu\r\n\r\n%s",
                  sizeof(body) - 1, body);
    struct talk t = talk_to(http_address(server));
    talk_send(&t, out.at, out.length);
    for (int tries = 0; tries < 10000 && !__atomic_load_n(&desk.submitted, __ATOMIC_RELAXED); tries++)
        usleep(1000);
    buffer_clear(&out);
    for (int i = 0; i < BEHIND; i++)
        buffer_string(&out, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_send(&t, out.at, out.length);
    expect(talk_answer(&t, false), 200, "alive");
    usleep(50000); /* the server reads what fits: too short a pause only tests less */
    desk_hold(&desk, false);
    expect(talk_answer(&t, false), 200,
           "\"results\":[{\"id\":\"first-of-two\",\"verdict\":\"applied\",\"version\":\"1795219200000042:1\","
           "\"notes\":[\"unregistered\"]},{\"id\":\"second-of-two\",");
    for (int i = 0; i < BEHIND; i++)
        expect(talk_answer(&t, false), 200, "alive");
    buffer_finish(&out);
    talk_end(&t);
}

static void a_client_that_leaves_does_not_matter(void **state)
{
    front_start();
    desk_hold(&desk, true);
    for (int i = 0; i < 50; i++) {
        struct talk t = talk_to(http_address(server));
        talk_say(&t, "PUT /v1/locations/x HTTP/1.1\r\nHost: a\r\nContent-Type: "
                     "application/json\r\nContent-Length: 2\r\n\r\n{}");
        talk_end(&t);
    }
    for (int tries = 0; tries < 5000 && __atomic_load_n(&desk.submitted, __ATOMIC_RELAXED) < 50; tries++)
        usleep(1000);
    assert_int_equal(__atomic_load_n(&desk.submitted, __ATOMIC_RELAXED), 50);
    desk_hold(&desk, false);
    expect(put("/v1/locations/x", "{}"), 200, NULL);
}

/* Who asks while another's is on its way: one of them made it, and only one says so. */
static void only_one_creates(void **state)
{
    static const char request[] =
        "PUT /v1/channels/web HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 2\r\n\r\n{}";
    struct talk t[3];

    front_start();
    desk_hold(&desk, true);
    for (size_t i = 0; i < 3; i++) {
        t[i] = talk_to(http_address(server));
        talk_say(&t[i], request);
        for (int tries = 0; tries < 10000 && __atomic_load_n(&desk.submitted, __ATOMIC_RELAXED) <= i; tries++)
            usleep(1000);
    }
    desk_hold(&desk, false);
    for (size_t i = 0; i < 3; i++) {
        expect(talk_answer(&t[i], false), i ? 200 : 201, "\"id\":\"web\"");
        talk_end(&t[i]);
    }
    expect(delete_at("/v1/channels/web"), 204, NULL);
    expect(put("/v1/channels/web", "{}"), 201, NULL);
    /* what only events spoke of is not registered yet */
    desk_say(&desk, "{\"id\":\"1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"A\",\"location\":\"l\","
                    "\"quantity\":1," AT "}");
    expect(put("/v1/locations/l", "{}"), 201, NULL);
    expect(put("/v1/locations/l", "{}"), 200, NULL);
    expect(put("/v1/items/A", "{}"), 201, NULL);
    expect(put("/v1/items/A", "{}"), 200, NULL);
    expect(put("/v1/groups/g", "{\"members\":[\"l\"]}"), 201, NULL);
    expect(put("/v1/groups/g", "{\"members\":[]}"), 200, NULL);
}

/* Every GET but those of the moment carries a tag, and knows it again; HEAD says the same as GET. */
static void reference_data_has_tags(void **state)
{
    static const char *const targets[] = {
        "/v1/locations/store-1", "/v1/locations",    "/v1/groups/berlin",  "/v1/groups",
        "/v1/channels",          "/v1/channels/web", "/v1/items",          "/v1/items/A",
        "/v1/settings",          "/openapi.json",    "/v1/availability/A", "/v1/rows/A/store-1/explain"};
    char line[64], event[200];

    some_stock();
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct answer a = get(targets[i]);
        assert_int_equal(a.status, 200);
        char *etag = head_value(a.head, "ETag"), *control = head_value(a.head, "Cache-Control");
        assert_non_null(etag);
        assert_non_null(control);
        struct answer h = request("HEAD", targets[i], "", NULL);
        char *again = head_value(h.head, "ETag"), *length = head_value(h.head, "Content-Length");
        assert_string_equal(again, etag);
        assert_int_equal(strtoul(length, NULL, 10), a.body_length);
        free(again), free(length);
        answer_free(&h);
        snprintf(event, sizeof(event),
                 "{\"id\":\"h%zu\",\"source\":\"s\",\"type\":\"heartbeat\",\"location\":\"l\"," AT "}", i);
        desk_say(&desk, event);
        snprintf(line, sizeof(line), "If-None-Match: %s\r\n", etag);
        h = get_as(targets[i], line);
        assert_int_equal(h.status, 304);
        again = head_value(h.head, "ETag");
        assert_string_equal(again, etag);
        free(again);
        again = head_value(h.head, "Cache-Control");
        assert_string_equal(again, control);
        free(again), free(etag), free(control);
        answer_free(&h);
        answer_free(&a);
    }
    struct answer a = get("/v1/locations/store-1");
    char *etag = head_value(a.head, "ETag");
    snprintf(line, sizeof(line), "If-None-Match: %s\r\n", etag);
    answer_free(&a);
    expect(put("/v1/locations/store-1", "{\"name\":\"Uno\"}"), 200, NULL);
    expect(get_as("/v1/locations/store-1", line), 200, "Uno");
    free(etag);
}

/* ---- reference data, settings, explain ---- */

static void an_object_is_put_read_listed_and_deleted(void **state)
{
    front_start();
    expect(put("/v1/locations/store-1", "{\"name\":\"One\"}"), 201, "{\"id\":\"store-1\",\"name\":\"One\"}");
    expect(put("/v1/locations/store-1", "{\"name\":\"Uno\"}"), 200, "{\"id\":\"store-1\",\"name\":\"Uno\"}");
    expect(get("/v1/locations/store-1"), 200, "\"name\":\"Uno\"");
    expect(get("/v1/locations/store-2"), 404, "none of the locations is called `store-2`");
    expect(put("/v1/locations/store-2", "{}"), 201, NULL);
    expect(get("/v1/locations?limit=1"), 200,
           "{\"locations\":[{\"id\":\"store-1\",\"name\":\"Uno\",\"stale\":false,\"stale_since\":null,"
           "\"last_event_at\":null,\"due_at\":null,\"last_count_at\":null,\"last_full_count_at\":null}],"
           "\"next\":\"1\",");
    expect(get("/v1/locations?after=1"), 200,
           "{\"locations\":[{\"id\":\"store-2\",\"stale\":false,\"stale_since\":null,\"last_event_at\":null,"
           "\"due_at\":null,\"last_count_at\":null,\"last_full_count_at\":null}],\"next\":null,"
           "\"version\":"
           "\"1795219200000042:3\"");
    expect(get("/v1/locations?stale=true"), 200, "{\"locations\":[],\"next\":null,");
    expect(get("/v1/locations?stale=false&limit=1"), 200, "{\"locations\":[{\"id\":\"store-1\"");
    expect(get("/v1/locations?stale=yes"), 400, "parameter `stale` must be true or false");
    expect(get("/v1/items?stale=true"), 400, "stale");
    expect(delete_at("/v1/locations/store-2"), 204, NULL);
    expect(delete_at("/v1/locations/store-2"), 404, NULL);
    expect(get("/v1/locations/store-2"), 404, NULL);
    expect(get("/v1/locations"), 200, "\"last_full_count_at\":null}],\"next\":null");
    expect(put("/v1/locations/store-1",
               "{\"name\":\"Uno\",\"stale\":true,\"last_event_at\":null,\"due_at\":null,"
               "\"last_count_at\":null,\"last_full_count_at\":null}"),
           200, "{\"id\":\"store-1\",\"name\":\"Uno\"}"); /* as a GET shows it */
    expect(put("/v1/items/SKU%2F1", "{\"name\":\"Shoe\",\"step\":1}"), 201,
           "{\"sku\":\"SKU/1\",\"name\":\"Shoe\"");
    expect(get("/v1/items/SKU%2F1"), 200, "\"name\":\"Shoe\"");
    expect(get("/v1/availability/SKU%2F1"), 200,
           "\"available\":0,\"level\":\"out_of_stock\",\"locations\":[]");
    expect(get("/v1/items"), 200, "{\"items\":[{\"sku\":\"SKU/1\"");
    expect(put("/v1/channels/*", "{}"), 201, "\"id\":\"*\"");
    expect(get("/v1/channels"), 200, "{\"channels\":[{\"id\":\"*\"");
    expect(get("/v1/groups"), 200, "{\"groups\":[],\"next\":null,");
}

static void objects_that_are_not_right_are_refused(void **state)
{
    some_stock();
    expect(put("/v1/locations/store-1", "{\"colour\":\"red\"}"), 400, "\"pointer\":\"/colour\"");
    expect(put("/v1/locations/store-1", "{\"latitude\":91}"), 400, "\"pointer\":\"/latitude\"");
    expect(put("/v1/locations/store-1", "nonsense"), 400, NULL);
    expect(put("/v1/locations/a%20b", "{}"), 400, "cannot be the id");
    expect(put("/v1/locations/store-1?x=1", "{}"), 400, "\"pointer\":\"x\"");
    expect(request("PUT", "/v1/locations/store-1", "", "{}"), 415, NULL);
    expect(delete_at("/v1/locations/store-1"), 409, "in_use");
    expect(put("/v1/groups/inner", "{\"members\":[\"berlin\"]}"), 201, NULL);
    expect(put("/v1/groups/berlin", "{\"members\":[\"inner\"]}"), 409, "cycle");
    expect(get("/v1/locations?limit=0"), 400, NULL);
    expect(get("/v1/locations?colour=red"), 400, NULL);
}

static void settings_are_read_and_written(void **state)
{
    front_start();
    expect(get("/v1/settings"), 200, "{\"settings\":{\"future_tolerance_us\":300000000,");
    expect(put("/v1/settings", "{\"future_tolerance_us\":1000000}"), 200, "\"future_tolerance_us\":1000000,");
    expect(get("/v1/settings"), 200, "\"future_tolerance_us\":1000000,");
    expect(put("/v1/settings", "{\"future_tolerance_us\":-1}"), 400, "future_tolerance_us");
    expect(put("/v1/settings", "{\"nope\":1}"), 400, "nope");
}

static void the_arithmetic_is_explained(void **state)
{
    some_stock();
    expect(get("/v1/rows/A/store-1/explain"), 200,
           "\"terms\":[{\"name\":\"on_hand\",\"value\":5,\"meaning\":");
    expect(get("/v1/rows/A/store-1/explain?channel=web"), 200, "\"channel\":\"web\"");
    expect(get("/v1/rows/X/store-1/explain"), 404, "SKU");
    expect(get("/v1/rows/A/nowhere/explain"), 404, "location");
    expect(get("/v1/rows/A/store-1/explain?channel=none"), 400, "there is no channel `none`");
    expect(get("/v1/rows/A/store-1/explain?version=1:2"), 404, "of another log");
    expect(get("/v1/rows/A/store-1/explain?a=b"), 400, "is not a parameter here");
}

/* ---- export ---- */

static void stock_is_exported(void **state)
{
    some_stock();
    desk_say(&desk, "[{\"id\":\"f\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"=1+\\\"2\\\",3\","
                    "\"location\":\"far\",\"quantity\":1," AT "}]");
    struct answer a = get("/v1/export?kind=stock&format=csv");
    assert_string_equal(
        a.body, "sku,location,on_hand,damaged,quarantine,display,missing,other,reserved,committed,safety_"
                "stock,net_available,"
                "available,level,version,last_event_at,last_count_at\r\n"
                "A,store-1,5,0,0,0,0,0,0,0,0,5,5,in_stock,1795219200000042:6,2026-11-21T10:00:00Z,\r\n"
                "A,store-2,2.5,0,0,0,0,0,0,0,0,2.5,2.5,in_stock,1795219200000042:7,2026-11-21T10:00:00Z,\r\n"
                "A,far,10,0,0,0,0,0,0,0,0,10,10,in_stock,1795219200000042:8,2026-11-21T10:00:00Z,\r\n"
                "B,far,1,0,0,0,0,0,0,0,0,1,1,in_stock,1795219200000042:9,2026-11-21T10:00:00Z,\r\n"
                "\"'=1+\"\"2\"\",3\",far,-1,0,0,0,0,0,0,0,0,-1,0,out_of_stock,1795219200000042:10,2026-11-"
                "21T10:00:00Z,\r\n");
    answer_free(&a);
    a = get("/v1/export?location=store-2&location=store-1");
    assert_non_null(strstr(a.body, "{\"sku\":\"A\",\"location\":\"store-1\",\"available\":5,"));
    assert_non_null(strstr(a.body, "}\n{\"sku\":\"A\",\"location\":\"store-2\","));
    assert_null(strstr(a.body, "\"far\""));
    assert_int_equal(a.body[a.body_length - 1], '\n');
    answer_free(&a);
    expect(get("/v1/export?kind=locations"), 200, "{\"id\":\"store-1\",\"name\":\"One\",");
    expect(get("/v1/export?kind=locations&format=csv"), 200, "store-1,One,store,52.5000000,13.4000000,");
    expect(get("/v1/export?kind=groups&format=csv"), 200,
           "id,name,member\r\nberlin,Berlin,store-1\r\nberlin,Berlin,store-2\r\n");
    expect(get("/v1/export?kind=channels&format=csv"), 200, "web,Web,3\r\n");
    expect(get("/v1/export?kind=items"), 200, NULL);
    expect(get("/v1/export?kind=prices"), 400, "\"pointer\":\"kind\"");
    expect(get("/v1/export?format=xml"), 400, "\"pointer\":\"format\"");
    expect(request("HEAD", "/v1/export", "", NULL), 200, NULL);
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "GET /v1/export?kind=groups&format=csv HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(talk_answer(&t, false), 200, "berlin,Berlin,store-2\r\n");
    assert_true(talk_ended(&t));
    talk_end(&t);
}

static void a_long_export_does_not_hold_the_loop(void **state)
{
    enum { SKUS = 20000 };
    struct buffer body = {0};

    front_start();
    for (int from = 0; from < SKUS; from += 4000) {
        buffer_clear(&body);
        for (int i = from; i < from + 4000; i++)
            buffer_printf(&body,
                          "{\"id\":\"e%d\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"S%d\","
                          "\"location\":\"l\",\"quantity\":1," AT "}\n",
                          i, i);
        buffer_byte(&body, '\0');
        expect(post_as("/v1/events?results=problems", NDJSON, body.at), 200, "{\"applied\":4000,");
    }
    struct talk t = talk_to(http_address(server));
    talk_say(&t, "GET /v1/export HTTP/1.1\r\nHost: a\r\n\r\n"); /* some megabytes that nobody reads yet */
    for (int i = 0; i < 20; i++)
        expect(get("/healthz"), 200, NULL);
    struct answer a = talk_answer(&t, false);
    size_t lines = 0;
    for (char *at = a.body; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, SKUS);
    answer_free(&a);
    talk_end(&t);
    buffer_finish(&body);
}

/* ---- keys ---- */

static void keys_open_what_they_may(void **state)
{
    char reader[KEY_HEADERS_BYTES], writer[KEY_HEADERS_BYTES], admin[KEY_HEADERS_BYTES],
        bound[KEY_HEADERS_BYTES], limited[KEY_HEADERS_BYTES], both[300];

    some_stock();
    new_key(SCOPE_READ, NULL, NULL, 0, "", reader);
    new_key(SCOPE_EVENTS, NULL, "store-1", 0, "", writer);
    new_key(SCOPE_ADMIN, NULL, NULL, 0, "", admin);
    new_key(SCOPE_READ, "web", "store-1,store-2", 0, "", bound);
    new_key(SCOPE_READ, NULL, NULL, 2, "", limited);
    front_restart();
    expect(get("/healthz"), 200, NULL);
    struct answer a = get("/v1/availability/A");
    assert_non_null(strstr(a.head, "WWW-Authenticate: Bearer"));
    expect(a, 401, "send a key");
    expect(get_as("/v1/availability/A", "Authorization: Bearer onhand_0\r\n"), 401, "not known");
    expect(get_as("/v1/availability/A", "Authorization: Basic YTpi\r\n"), 401, NULL);
    expect(get("/metrics"), 401, NULL);
    expect(get_as("/v1/availability/A", reader), 200, NULL);
    expect(get_as("/v1/availability/A", writer), 403, "scope read");
    expect(get_as("/v1/availability/A", admin), 200, NULL);
    snprintf(both, sizeof(both), "%s" JSON, reader);
    expect(request("PUT", "/v1/locations/x", both, "{}"), 403, "scope admin");
    expect(post_as("/v1/events", both, "[]"), 403, "scope events");
    /* bound to locations */
    snprintf(both, sizeof(both), "%s" JSON, writer);
    expect(
        post_as("/v1/events", both,
                "[{\"id\":\"k1\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"store-1\","
                "\"quantity\":1," AT "},"
                "{\"id\":\"k2\",\"source\":\"s\",\"type\":\"sale\",\"sku\":\"A\",\"location\":\"store-2\","
                "\"quantity\":1," AT "}]"),
        200, "\"applied\":1,\"duplicate\":0,\"superseded\":0,\"partial\":0,\"rejected\":1,");
    expect(get_as("/v1/availability/A?location=far", bound), 403, "other locations");
    expect(get_as("/v1/availability/A", bound), 200, "\"channel\":\"web\"");
    expect(get_as("/v1/availability/A", bound), 200, "\"available\":6.5,");
    expect(get_as("/v1/availability/A?near=48.1,11.6", bound), 200, "\"available\":6.5,");
    expect(get_as("/v1/availability/A?channel=shop", bound), 403, "other channels");
    expect(get_as("/v1/rows/A/far/explain", bound), 403, "other locations");
    /* many at once: the same answers */
    snprintf(both, sizeof(both), "%s" JSON, bound);
    expect(post_as("/v1/availability", both,
                   "{\"items\":[{\"sku\":\"A\",\"locations\":[\"store-1\"]},{\"sku\":\"A\",\"locations\":["
                   "\"store-1\",\"far\"]}]}"),
           403, "this key is bound to other locations than far");
    expect(post_as("/v1/availability", both, "{\"items\":[{\"sku\":\"nothing\",\"locations\":[\"far\"]}]}"),
           403, NULL);
    expect(post_as("/v1/availability", both,
                   "{\"items\":[{\"sku\":\"A\"},{\"sku\":\"A\",\"group\":\"berlin\"}]}"),
           200, "\"items\":[{\"sku\":\"A\",\"channel\":\"web\",\"available\":6.5,");
    expect(post_as("/v1/availability", both, "{\"channel\":\"shop\",\"items\":[]}"), 403, "other channels");
    /* rate */
    expect(get_as("/v1/availability/A", limited), 200, NULL);
    expect(get_as("/v1/availability/A", limited), 200, NULL);
    a = get_as("/v1/availability/A", limited);
    assert_non_null(strstr(a.head, "Retry-After: "));
    expect(a, 429, "2 requests a second");
}

/* ---- metrics ---- */

static void put_metrics(void *engine, struct buffer *out)
{
    buffer_string(out, "# HELP onhand_test A test.\n# TYPE onhand_test gauge\nonhand_test 1\n");
}

static void metrics_are_prometheus_text(void **state)
{
    options.metrics = put_metrics;
    some_stock();
    struct answer a = get("/metrics");
    assert_non_null(strstr(a.head, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(a.body, "\nonhand_test 1\n"));
    assert_non_null(strstr(a.body, "\nonhand_http_commands_total 5\n"));
    assert_int_equal(a.body[a.body_length - 1], '\n');
    char last[128] = "";
    unsigned samples = 0;
    for (char *line = strtok(a.body, "\n"); line; line = strtok(NULL, "\n")) {
        char name[128], kind[16];
        unsigned long long value;
        if (sscanf(line, "# TYPE %127s %15s", name, kind) == 2)
            snprintf(last, sizeof(last), "%s", name);
        else if (strncmp(line, "# HELP ", 7)) {
            assert_int_equal(sscanf(line, "%127s %llu", name, &value), 2);
            assert_string_equal(name, last);
            assert_true(!strncmp(name, "onhand_", 7));
            samples++;
        }
    }
    assert_true(samples > 15);
    answer_free(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_open, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(availability_has_the_shape_of_the_contract),
        TEST(locations_named_grouped_near_and_everywhere),
        TEST(near_the_poles_and_the_date_line),
        TEST(a_page_leads_to_the_next),
        TEST(channels_are_known_or_refused),
        TEST(bad_parameters_are_named),
        TEST(skus_are_percent_decoded),
        TEST(etags_are_of_what_counts),
        TEST(head_answers_as_get),
        TEST(a_version_is_waited_for_without_holding_the_loop),
        TEST(many_at_once),
        TEST(a_batch_names_what_it_does_not_know),
        TEST(routes_without_parameters_say_so),
        TEST(an_item_with_many_rows_is_answered_in_turns),
        TEST(bad_batches_are_refused),
        TEST(a_big_batch_is_answered_in_turns),
        TEST(items_are_answered_in_the_order_asked),
        TEST(events_are_answered_in_order),
        TEST(bodies_of_events_that_cannot_be_read),
        TEST(many_events_become_several_records),
        TEST(big_lines_do_not_hold_the_loop),
        TEST(a_big_array_does_not_hold_the_loop),
        TEST(a_request_has_a_bound_of_events),
        TEST(a_full_or_silent_log_is_said),
        TEST(what_is_pipelined_behind_does_not_move_a_body),
        TEST(a_client_that_leaves_does_not_matter),
        TEST(only_one_creates),
        TEST(reference_data_has_tags),
        TEST(an_object_is_put_read_listed_and_deleted),
        TEST(objects_that_are_not_right_are_refused),
        TEST(settings_are_read_and_written),
        TEST(the_arithmetic_is_explained),
        TEST(stock_is_exported),
        TEST(a_long_export_does_not_hold_the_loop),
        TEST(keys_open_what_they_may),
        TEST(metrics_are_prometheus_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
