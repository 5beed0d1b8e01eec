/* The store finder over HTTP: who is listed, in which order, page by page, and what is said of each. */
#include "front.h"

#include "http/keys.h"

#include <unistd.h>

/* The stores of an answer in their order, with spaces between them. */
static void ids_of(const char *body, char *ret)
{
    const char *at = body, *mark = "{\"location\":\"";

    *ret = '\0';
    while ((at = strstr(at, mark))) {
        at += strlen(mark);
        sprintf(ret + strlen(ret), "%s%.*s", *ret ? " " : "", (int)strcspn(at, "\""), at);
    }
}

static void expect_stores(const char *query, const char *ids)
{
    char target[600], found[1000];

    snprintf(target, sizeof(target), "/v1/stores%s", query);
    struct answer a = get(target);
    if (a.status != 200)
        fail_msg("%s: %s", target, a.body);
    ids_of(a.body, found);
    assert_string_equal(found, ids);
    answer_free(&a);
}

/* "next" of the answer; NULL: null. Free it. */
static char *next_of(const struct answer *a)
{
    const char *at = strstr(a->body, "\"next\":\"");
    return at ? strndup(at + 8, strcspn(at + 8, "\"")) : NULL;
}

/* Along the equator, a degree (111.2 km) apart: B and D first by name, C a warehouse, E switched off. */
static void open_stores(void)
{
    put_done(
        "/v1/locations/B",
        "{\"name\":\"Bee\",\"address\":\"1 \\\"Main\\\" Street, \\u00c9\",\"latitude\":0,\"longitude\":1,"
        "\"methods\":{\"pickup\":{},\"ship\":{}},\"returns\":false}");
    put_done("/v1/locations/A",
             "{\"latitude\":0,\"longitude\":2,\"methods\":{\"pickup\":{},\"same_day\":{}}}");
    put_done("/v1/locations/C", "{\"latitude\":0,\"longitude\":3,\"type\":\"warehouse\"}");
    put_done("/v1/locations/D", "{\"latitude\":0,\"longitude\":-4.5}");
    put_done("/v1/locations/E", "{\"latitude\":0,\"longitude\":0,\"enabled\":false}");
    put_done("/v1/locations/N", "{\"name\":\"nowhere\"}");
}

static void stores_are_listed_nearest_first_or_by_id(void **state)
{
    open_stores();
    expect_stores("", "A B D N");
    expect_stores("?near=0,0", "B A D");
    expect_stores("?near=0,-5", "D B A");
    expect_stores("?near=0,0&within_km=300", "B A");
    expect_stores("?near=0,0&within_km=222", "B");
    expect_stores("?near=0,0&within_km=0.001", "");
    expect_stores("?near=90,17", "B A D"); /* equally far: in the order they came */
    expect(get("/v1/stores?near=0,0&limit=1"), 200,
           "{\"stores\":[{\"location\":\"B\",\"name\":\"Bee\",\"type\":\"store\",\"address\":\"1 "
           "\\\"Main\\\" Street, \xc3\x89\",\"time_zone\":null,"
           "\"latitude\":0,\"longitude\":1,\"distance_km\":111.195,\"open_now\":true,\"hours_today\":[{"
           "\"opens\":\"00:00\","
           "\"closes\":\"24:00\"}],\"pickup\":{\"ready_at\":\"20");
    expect(get("/v1/stores?near=0,0&limit=3"), 200,
           "{\"location\":\"D\",\"name\":null,\"type\":\"store\",\"address\":null,\"time_zone\":null,"
           "\"latitude\":0,"
           "\"longitude\":-4.5,"
           "\"distance_km\":500.378,");
    expect(get("/v1/stores?after=D"), 200,
           "{\"stores\":[{\"location\":\"N\",\"name\":\"nowhere\",\"type\":\"store\",\"address\":null,"
           "\"time_zone\":null,\"latitude\":null,"
           "\"longitude\":null,\"open_now\":true,");
}

static void a_whole_basket_at_one_place(void **state)
{
    open_stores();
    count_at("X", "A", "5", "10:00");
    count_at("X", "B", "1", "10:00");
    count_at("X", "C", "9", "10:00");
    count_at("X", "D", "2.5", "10:00");
    count_at("X", "E", "7", "10:00");
    count_at("Y", "A", "1", "10:00");
    count_at("Y", "D", "40", "10:00");
    count_at("Z", "N", "3", "10:00");
    expect_stores("?near=0,0&sku=X", "B A D");
    expect_stores("?near=0,0&sku=X&quantity=2", "A D");
    expect_stores("?near=0,0&sku=X&quantity=2.501", "A");
    expect_stores("?near=0,0&sku=X&quantity=6", "");
    expect_stores("?near=0,0&sku=X&quantity=2&sku=Y", "A D");
    expect_stores("?near=0,0&sku=X&sku=Y&quantity=2", "D"); /* of Y, not of X */
    expect_stores("?near=0,0&sku=Y&quantity=2&sku=X&quantity=3", "");
    expect_stores("?near=0,0&sku=Z", ""); /* it has no position */
    expect_stores("?sku=Z", "N");
    expect_stores("?sku=X", "A B D");
    expect_stores("?sku=X&limit=1", "A");
    expect_stores("?sku=X&limit=1&after=A", "B");
    expect(get("/v1/stores?near=0,0&sku=X&quantity=2"), 200,
           "\"distance_km\":222.39,\"available\":5,\"level\":\"in_stock\",\"capped\":false,\"open_now\"");
    expect(get("/v1/stores?near=0,0&sku=X&sku=Y&quantity=2"), 200,
           "\"level\":\"in_stock\",\"items\":[{\"sku\":\"X\",\"quantity\":1,\"available\":2.5,\"level\":\"in_"
           "stock\","
           "\"capped\":false},{\"sku\":\"Y\",\"quantity\":2,\"available\":40,");
    expect(get("/v1/stores?sku=X&sku=unheard"), 404, "no SKU `unheard` is known");
}

static void places_are_narrowed_by_what_they_can_do(void **state)
{
    open_stores();
    put_done("/v1/groups/G", "{\"members\":[\"D\",\"B\",\"C\",\"E\"]}");
    expect_stores("?capability=pickup", "A B D N"); /* who says no methods is not narrowed by them */
    expect_stores("?capability=ship", "B D N");
    expect_stores("?capability=pickup&capability=same_day", "A D N");
    expect_stores("?method=ship", "B D N");
    expect_stores("?capability=returns", "A D N");
    expect_stores("?capability=warehouse", "C");
    expect_stores("?capability=warehouse&capability=store&near=0,3.1", "C A B D");
    expect_stores("?capability=supplier", "");
    expect_stores("?group=G", "B D");
    expect_stores("?group=G&near=0,-5", "D B");
    expect(get("/v1/stores?group=H"), 400, "there is no group `H`");
}

/* Page after page is the same list, also when stock goes and comes between two of them. */
static void pages_go_on_where_they_ended(void **state)
{
    char id[64], target[300], found[100];

    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "S%02d", i);
        snprintf(target, sizeof(target), "/v1/locations/%s", id);
        /* five at each point */
        snprintf(found, sizeof(found), "{\"latitude\":10,\"longitude\":%d}", i / 5);
        put_done(target, found);
        count_at("X", id, "3", "10:00");
    }
    for (int near = 0; near < 2; near++) {
        char *next = NULL;
        for (int i = 0; i < 50; i += 7) {
            snprintf(target, sizeof(target), "/v1/stores?sku=X&quantity=3&limit=7%s%s%s",
                     near ? "&near=10,-1" : "", next ? "&after=" : "", next ? next : "");
            struct answer a = get(target);
            assert_int_equal(a.status, 200);
            for (int k = i; k < i + 7 && k < 50; k++) {
                snprintf(found, sizeof(found), "\"location\":\"S%02d\"", k);
                assert_non_null(strstr(a.body, found));
            }
            snprintf(found, sizeof(found), "\"location\":\"S%02d\"", i + 7);
            assert_null(strstr(a.body, found));
            free(next);
            next = next_of(&a);
            assert_int_equal(next != NULL, i + 7 < 50);
            answer_free(&a);
            count_at("X", "S00", i % 2 ? "3" : "1", "10:00"); /* before the place where it goes on */
        }
        assert_null(next);
    }
    count_at("X", "S00", "1", "10:00");
    expect_stores("?sku=X&quantity=3&limit=2", "S01 S02");
}

static void a_channel_is_told_no_more_than_its_cap(void **state)
{
    open_stores();
    count_at("X", "A", "500", "10:00");
    count_at("X", "B", "4", "10:00");
    count_at("Y", "A", "2", "10:00");
    put_done("/v1/channels/web", "{\"low_threshold\":5,\"rules\":[{\"cap\":10}]}");
    expect(get("/v1/stores?near=0,2&sku=X&channel=web&limit=1"), 200,
           "\"available\":10,\"level\":\"in_stock\",\"capped\":true");
    expect(get("/v1/stores?near=0,1&sku=X&channel=web&limit=1"), 200,
           "\"available\":4,\"level\":\"low_stock\",\"capped\":false");
    expect_stores("?near=0,2&sku=X&channel=web&quantity=10", "A");
    expect_stores("?near=0,2&sku=X&channel=web&quantity=11", "");
    expect(get("/v1/stores?sku=X&sku=Y&channel=web"), 200, "\"level\":\"low_stock\",\"items\":[");
    expect(get("/v1/stores?sku=X&channel=web"), 200, "\"channel\":\"web\"");
    expect(get("/v1/stores?channel=nobody"), 400, "there is no channel `nobody`");
}

static void hours_are_those_of_the_place(void **state)
{
    put_done(
        "/v1/locations/L",
        "{\"latitude\":51.5,\"longitude\":0,\"time_zone\":\"Europe/London\",\"opening_hours\":["
        "{\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\",\"sa\",\"su\"],\"opens\":\"09:00\",\"closes\":\"17:"
        "30\"}]}");
    put_done(
        "/v1/locations/T",
        "{\"latitude\":35.7,\"longitude\":139.7,\"time_zone\":\"Asia/Tokyo\",\"opening_hours\":["
        "{\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\",\"sa\",\"su\"],\"opens\":\"20:00\",\"closes\":\"02:"
        "00\"}],"
        "\"methods\":{\"ship\":{}}}");
    expect_stores("?open_at=2026-11-24T09:00:00Z", "L");
    expect_stores("?open_at=2026-11-24T17:30:00Z", "");
    expect_stores("?open_at=2026-07-24T08:00:00Z", "L"); /* summer */
    expect_stores("?open_at=2026-11-24T16:59:00Z", "L T");
    expect_stores("?open_at=2026-11-24T16:59:00Z&near=0,140", "T L");
    expect_stores("?open_at=2026-11-24T18:00:00Z", "");
    expect(get("/v1/stores"), 200,
           "\"hours_today\":[{\"opens\":\"09:00\",\"closes\":\"17:30\"}],\"pickup\":{\"ready_at\":\"20");
    expect(get("/v1/stores?after=L"), 200,
           "\"hours_today\":[{\"opens\":\"20:00\",\"closes\":\"02:00\"}],\"pickup\":null,");
}

static void who_is_silent_says_so(void **state)
{
    put_done("/v1/locations/A", "{\"sources\":[\"s\"]}");
    expect(get("/v1/stores"), 200, "\"last_event_at\":null,\"stale\":false}");
    count_at("X", "A", "5", "10:00");
    expect(get("/v1/stores"), 200, "\"last_event_at\":\"20");
}

/* Last heard of at 10:00, open until 10:30: the other half hour of silence is the next day's. */
static void when_silence_will_be_too_long_is_told_in_opening_hours(void **state)
{
    put_done(
        "/v1/locations/A",
        "{\"time_zone\":\"Europe/London\",\"stale_after_seconds\":3600,\"opening_hours\":["
        "{\"days\":[\"mo\",\"tu\",\"we\",\"th\",\"fr\",\"sa\",\"su\"],\"opens\":\"09:00\",\"closes\":\"10:"
        "30\"}]}");
    expect(get("/v1/locations/A"), 200, "\"last_event_at\":null,\"due_at\":null,");
    count_at("X", "A", "5", "10:00");
    expect(get("/v1/locations/A"), 200,
           "\"last_event_at\":\"2026-11-21T10:00:00Z\",\"due_at\":\"2026-11-22T09:30:00Z\","
           "\"last_count_at\":\"2026-11-21T10:00:00Z\",\"last_full_count_at\":null}");
}

static void wrong_values_are_named(void **state)
{
    static const struct {
        const char *query, *part;
    } cases[] = {
        {"near=1", "parameter `near` must be latitude,longitude"},
        {"near=91,0", "must be latitude,longitude"},
        {"near=0,181", "must be latitude,longitude"},
        {"near=0,0&near=1,1", "`near` is there twice"},
        {"within_km=3", "`within_km` goes with near only"},
        {"near=0,0&within_km=-1", "`within_km`"},
        {"near=0,0&within_km=x", "`within_km`"},
        {"sku=", "`sku` must be a SKU"},
        {"sku=%01", "`sku` must be a SKU"},
        {"sku=A&sku=A", "`sku` names an item twice"},
        {"quantity=2", "`quantity` must follow the sku="},
        {"quantity=2&sku=A", "`quantity` must follow the sku="},
        {"sku=A&quantity=1&quantity=2", "`quantity` must follow the sku="},
        {"sku=A&quantity=0", "`quantity` must be greater than 0"},
        {"sku=A&quantity=1.2345", "`quantity`"},
        {"sku=A&quantity=", "`quantity`"},
        {"channel=a%20b", "`channel` must be a name"},
        {"channel=a&channel=b", "`channel` is there twice"},
        {"group=%2F", "`group` must be a name"},
        {"capability=coffee", "`capability` must be a way of handing over"},
        {"method=drone", "`method` must be pickup, ship or same_day"},
        {"open_at=tomorrow", "`open_at` must be now, or an RFC 3339 instant"},
        {"by=soon", "`by` must be a date"},
        {"limit=0", "`limit` must be an integer from 1 to 1000"},
        {"limit=1001", "`limit` must be an integer from 1 to 1000"},
        {"limit=1000&sku=A&sku=B&sku=C&sku=D&sku=E&sku=F", "times the number of items must be 5000 at most"},
        {"after=", "`after` must be `next` of the page before"},
        {"near=0,0&after=A", "`after` must be `next` of a page of the same question"},
        {"near=0,0&after=0000000000000000000000000000000000000000fffffffF", "`after` must be"},
        {"min_version=x", "`min_version` must be a version"},
        {"detail=true", "`detail` is not a parameter here"},
        {"location=A", "`location` is not a parameter here"},
        {"near=%zz", "two hexadecimal digits"},
    };
    char target[400];

    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(target, sizeof(target), "/v1/stores?%s", cases[i].query);
        expect(get(target), 400, cases[i].part);
    }
    char *many = strdup("/v1/stores?");
    for (int i = 0; i < 51; i++) {
        char *more;
        assert_true(asprintf(&more, "%s&sku=S%d", many, i) > 0);
        free(many);
        many = more;
    }
    expect(get(many), 400, "at most 50 items");
    free(many);
}

static void answers_are_kept_by_their_tag(void **state)
{
    char headers[100];

    open_stores();
    struct answer a = get("/v1/stores?near=0,0");
    char *tag = head_value(a.head, "ETag"), *control = head_value(a.head, "Cache-Control");
    assert_string_equal(control, "private, max-age=1");
    snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", tag);
    /* but for a minute that passes between the two, when the earliest pickup is another */
    struct answer b = get_as("/v1/stores?near=0,0", headers);
    struct answer c = get_as("/v1/stores?near=0,0", headers);
    assert_true(b.status == 304 || c.status == 304 || strcmp(a.body, c.body));
    struct answer head = request("HEAD", "/v1/stores?near=0,0", "", NULL);
    assert_int_equal(head.status, 200);
    free(tag);
    free(control);
    answer_free(&a);
    answer_free(&b);
    answer_free(&c);
    answer_free(&head);
}

/* A key that is bound to stores is told of no others, and one bound to a channel asks as no other. */
static void keys_are_bound(void **state)
{
    char header[KEY_HEADERS_BYTES];

    open_stores();
    count_at("X", "A", "50", "10:00");
    count_at("X", "B", "50", "10:00");
    put_done("/v1/channels/web", "{\"rules\":[{\"cap\":10}]}");
    new_key(SCOPE_READ, "web", "A,D", 0, "", header);
    front_restart();
    struct answer a = get_as("/v1/stores?near=0,0&sku=X", header);
    char found[200];
    ids_of(a.body, found);
    assert_string_equal(found, "A");
    assert_non_null(strstr(a.body, "\"available\":10,\"level\":\"in_stock\",\"capped\":true"));
    answer_free(&a);
    a = get_as("/v1/stores", header);
    ids_of(a.body, found);
    assert_string_equal(found, "A D");
    answer_free(&a);
    expect(get_as("/v1/stores?channel=store", header), 403, "other channels");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stores_are_listed_nearest_first_or_by_id),
        TEST(a_whole_basket_at_one_place),
        TEST(places_are_narrowed_by_what_they_can_do),
        TEST(pages_go_on_where_they_ended),
        TEST(a_channel_is_told_no_more_than_its_cap),
        TEST(hours_are_those_of_the_place),
        TEST(who_is_silent_says_so),
        TEST(when_silence_will_be_too_long_is_told_in_opening_hours),
        TEST(wrong_values_are_named),
        TEST(answers_are_kept_by_their_tag),
        TEST(keys_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
