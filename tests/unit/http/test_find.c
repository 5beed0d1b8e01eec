/* Lists that are searched: what is found, in which order, page by page. */
#include "front.h"

#define AT "\"occurred_at\":\"2026-11-21T10:00:00Z\""

enum { MANY = 5000 }; /* more than one turn of a loop looks at */

/* The ids of an answer in their order, with spaces between them. */
static void ids_of(const struct answer *a, const char *key, char *ret)
{
    char mark[16];
    const char *at = a->body;

    snprintf(mark, sizeof(mark), "{\"%s\":\"", key);
    *ret = '\0';
    while ((at = strstr(at, mark))) {
        at += strlen(mark);
        size_t length = strcspn(at, "\"");
        sprintf(ret + strlen(ret), "%s%.*s", *ret ? " " : "", (int)length, at);
    }
}

static void expect_ids(const char *target, const char *ids)
{
    struct answer a = get(target);
    char found[1024];

    assert_int_equal(a.status, 200);
    ids_of(&a, strstr(target, "items") ? "sku" : "id", found);
    assert_string_equal(found, ids);
    answer_free(&a);
}

static void some_items(void)
{
    put_new("/v1/items/LANTERN-RED", "{\"name\":\"Metal lantern, red\",\"product\":\"lantern\"}");
    put_new("/v1/items/B", "{\"name\":\"Stern lamp\",\"product\":\"lamp\"}");
    put_new("/v1/items/C", "{\"name\":\"Tern of brass\",\"gtins\":[\"9521987000018\"]}");
    put_new("/v1/items/TERN", "{\"name\":\"<script>alert(1)</script>\",\"product\":\"lantern\"}");
    desk_say(&desk,
             "[{\"id\":\"a1\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"tern-9\",\"location\":\"york\","
             "\"quantity\":5," AT "}]");
}

static void the_best_come_first(void **state)
{
    some_items();
    expect_ids("/v1/items?q=tern", "TERN C tern-9 LANTERN-RED B");
    expect_ids("/v1/items?q=9521987000018", "C");
    expect_ids("/v1/items?q=RED+l%C3%A4ntern", "LANTERN-RED");
    expect_ids("/v1/items?q=%3Cscript%3E", "TERN");
    expect_ids("/v1/items?q=nothing", "");
    expect_ids("/v1/items?product=lantern", "LANTERN-RED TERN");
    expect_ids("/v1/items?product=lantern&q=red", "LANTERN-RED");
    expect_ids("/v1/items?product=Lantern", "");
    struct answer a = get("/v1/items?q=tern&limit=1");
    assert_non_null(strstr(a.body, "\"found\":5,\"next\":\"1-2\",\"version\":"));
    answer_free(&a);
    a = get("/v1/items?q=tern-9"); /* only events spoke of it */
    assert_non_null(strstr(a.body, "{\"items\":[{\"sku\":\"tern-9\",\"registered\":false}],\"found\":1,"));
    answer_free(&a);
}

static void products_are_listed_by_their_first_items(void **state)
{
    struct answer a;

    some_items();
    put_new("/v1/items/D", "{\"name\":\"Lantern, blue\",\"product\":\"lantern\"}");
    a = get("/v1/products");
    assert_non_null(strstr(
        a.body, "{\"products\":[{\"product\":\"lantern\",\"name\":\"Metal lantern, red\",\"items\":3},"
                "{\"product\":\"lamp\",\"name\":\"Stern lamp\",\"items\":1}],\"found\":2,\"next\":null,"));
    answer_free(&a);
    a = get("/v1/products?limit=1&after=1-1");
    assert_non_null(strstr(a.body, "{\"products\":[{\"product\":\"lamp\","));
    answer_free(&a);
    a = get("/v1/products?q=LANTERN");
    assert_non_null(strstr(a.body, "\"product\":\"lantern\""));
    assert_non_null(strstr(a.body, "\"found\":1,"));
    answer_free(&a);
    expect_status(delete_at("/v1/items/LANTERN-RED"), 204); /* another is its first now */
    a = get("/v1/products?q=lantern");
    assert_non_null(
        strstr(a.body, "{\"product\":\"lantern\",\"name\":\"\\u003Cscript\\u003Ealert(1)\\u003C/"));
    answer_free(&a);
    expect(get("/v1/products?after=7"), 400, "`next`");
    expect(get("/v1/products?product=lantern"), 400, "is not a parameter here");
}

static void locations_are_found_by_name_address_and_id(void **state)
{
    put_new("/v1/locations/ST01", "{\"name\":\"Micklegate\",\"address\":\"1 High Street, York\"}");
    put_new("/v1/locations/york", "{\"name\":\"Yorker\"}");
    put_new("/v1/locations/ST02", "{\"name\":\"New York\"}");
    expect_ids("/v1/locations?q=york", "york ST01 ST02");
    expect_ids("/v1/locations?q=york+high", "ST01");
    expect_ids("/v1/locations?q=st0", "ST01 ST02");
    expect_status(delete_at("/v1/locations/york"), 204);
    expect_ids("/v1/locations?q=york", "ST01 ST02");
}

static void questions_that_are_not_right_are_refused(void **state)
{
    expect(get("/v1/items?q="), 400, "must not be empty");
    expect(get("/v1/items?q=+"), 400, "words");
    expect(get("/v1/items?q=a+b+c+d+e+f+g+h+i"), 400, "words");
    expect(get("/v1/items?q=a&after=3"), 400, "`next`");
    expect(get("/v1/items?q=a&after=3-1"), 400, "`next`");
    expect(get("/v1/items?q=a&after=1-x"), 400, "`next`");
    expect(get("/v1/items?after=1-2"), 400, "`next`");
    expect(get("/v1/items?after=99999999999"), 400, "`next`");
    expect(get("/v1/locations?product=a"), 400, "is not a parameter here");
    expect(get("/v1/groups?q=a"), 400, "is not a parameter here");
}

static void say_many(void)
{
    for (unsigned n = 0; n < MANY; n += 500) {
        char *body = calloc(500, 160), *at = body;
        for (unsigned i = n; i < n + 500; i++)
            at += sprintf(at,
                          "%c{\"id\":\"m%u\",\"source\":\"s\",\"type\":\"receipt\",\"sku\":\"%s%04u\","
                          "\"location\":\"x\",\"quantity\":1," AT "}",
                          i == n ? '[' : ',', i, i % 3 ? "lamp-" : "OTHERLAMP", i);
        strcpy(at, "]");
        desk_say(&desk, body);
        free(body);
    }
}

/* Each of them once, whatever the size of the pages: first those that begin so, both in the order they came.
 */
static void pages_of_many_list_each_once(void **state)
{
    char target[128] = "/v1/items?q=lamp&limit=700";
    unsigned listed = 0, last = 0;
    bool inside = false;

    say_many();
    for (unsigned pages = 0; *target; pages++) {
        struct answer a = get(target);
        assert_true(a.status == 200 && pages < 10);
        assert_non_null(strstr(a.body, "\"found\":5000,"));
        for (const char *at = a.body; (at = strstr(at, "{\"sku\":\"")); at++, listed++) {
            bool is_inside = at[8] == 'O';
            unsigned number = (unsigned)atoi(at + 8 + (is_inside ? 9 : 5));
            assert_true(is_inside || !inside);
            if (listed && is_inside == inside)
                assert_true(number > last);
            inside = is_inside;
            last = number;
        }
        const char *next = strstr(a.body, "\"next\":\"");
        *target = '\0';
        if (next)
            snprintf(target, sizeof(target), "/v1/items?q=lamp&limit=700&after=%.*s",
                     (int)strcspn(next + 8, "\""), next + 8);
        answer_free(&a);
    }
    assert_int_equal(listed, MANY);
}

/* While one search goes on, slice by slice, the loop answers others; who leaves in between leaves nothing. */
static void searches_and_others_share_a_loop(void **state)
{
    struct talk searching[8], other;

    say_many();
    for (unsigned i = 0; i < 8; i++) {
        searching[i] = talk_to(http_address(server));
        talk_say(&searching[i], "GET /v1/items?q=lamp+0 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    other = talk_to(http_address(server));
    talk_say(&other, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    talk_end(&searching[0]);
    struct answer a = talk_answer(&other, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    talk_end(&other);
    for (unsigned i = 1; i < 8; i++) {
        a = talk_answer(&searching[i], false);
        assert_int_equal(a.status, 200);
        answer_free(&a);
        talk_end(&searching[i]);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, front_set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_best_come_first),
        TEST(products_are_listed_by_their_first_items),
        TEST(locations_are_found_by_name_address_and_id),
        TEST(questions_that_are_not_right_are_refused),
        TEST(pages_of_many_list_each_once),
        TEST(searches_and_others_share_a_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
