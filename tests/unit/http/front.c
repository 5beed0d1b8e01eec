/* One server of each test program, and requests on connections of their own. */
#include "front.h"

#include <unistd.h>

struct desk desk;
struct http *server;
struct http_options options;

int front_open(void **state)
{
    desk_start(&desk);
    options = (struct http_options){0};
    server = NULL;
    return 0;
}

int front_set_up(void **state)
{
    front_open(state);
    front_start();
    return 0;
}

static char keys_path[64], keys_lock[80]; /* empty: no key was made */

static void forget_keys(void)
{
    if (!keys_path[0])
        return;
    unlink(keys_path);
    unlink(keys_lock);
    keys_path[0] = '\0';
}

int front_tear_down(void **state)
{
    front_stop(1000);
    desk_stop(&desk);
    forget_keys();
    return 0;
}

void new_key(uint32_t scopes, const char *channels, const char *locations, uint32_t rate, const char *more,
             char ret_headers[KEY_HEADERS_BYTES])
{
    char detail[200], text[KEY_TEXT_BYTES + 1];
    struct key_request r = {scopes, channels, locations, rate};

    snprintf(keys_path, sizeof(keys_path), "keys-test-%d", (int)getpid());
    snprintf(keys_lock, sizeof(keys_lock), "%s.lock", keys_path);
    options.keys_path = keys_path;
    assert_int_equal(key_create(keys_path, &r, text, detail, sizeof(detail)), 0);
    snprintf(ret_headers, KEY_HEADERS_BYTES, "Authorization: Bearer %s\r\n%s", text, more);
}

void front_start(void)
{
    char detail[200] = "";

    options.listen = options.listen ? options.listen : "127.0.0.1:0";
    options.threads = options.threads ? options.threads : 1;
    options.view = &desk.view;
    options.commands = desk.port;
    if (http_start(&options, &server, detail, sizeof(detail)))
        fail_msg("%s", detail);
}

void front_stop(unsigned grace_ms)
{
    http_stop(server, grace_ms);
    server = NULL;
}

void front_restart(void)
{
    front_stop(1000);
    front_start();
}

struct answer request(const char *method, const char *target, const char *headers, const char *body)
{
    return ask(http_address(server), method, target, headers, body);
}

struct answer get(const char *target)
{
    return get_as(target, "");
}

struct answer get_as(const char *target, const char *headers)
{
    return request("GET", target, headers, NULL);
}

struct answer put(const char *target, const char *body)
{
    return request("PUT", target, JSON, body);
}

struct answer post(const char *target, const char *body)
{
    return post_as(target, JSON, body);
}

struct answer post_as(const char *target, const char *headers, const char *body)
{
    return request("POST", target, headers, body);
}

struct answer delete_at(const char *target)
{
    return request("DELETE", target, "", NULL);
}

void put_new(const char *target, const char *body)
{
    expect_status(put(target, body), 201);
}

void put_done(const char *target, const char *body)
{
    struct answer a = put(target, body);

    expect_status(a, a.status == 200 ? 200 : 201);
}

void count_at(const char *sku, const char *place, const char *quantity, const char *hhmm)
{
    static int number;
    char body[400];

    snprintf(body, sizeof(body),
             "{\"id\":\"c-%d\",\"source\":\"s\",\"type\":\"count\",\"sku\":\"%s\",\"location\":\"%s\","
             "\"quantity\":%s,\"as_of\":\"2026-11-21T%s:00Z\",\"occurred_at\":\"2026-11-21T%s:00Z\"}",
             number++, sku, place, quantity, hhmm, hhmm);
    desk_say(&desk, body);
}

void expect(struct answer a, int status, const char *part)
{
    if (a.status != status || (part && !strstr(a.body, part)))
        fail_msg("expected %d and %s, got:\n%s%s", status, part ? part : "anything",
                 a.head ? a.head : "(nothing)", a.body ? a.body : "");
    answer_free(&a);
}

void expect_status(struct answer a, int status)
{
    expect(a, status, NULL);
}

void expect_header(const struct answer *a, const char *name, const char *value)
{
    char *found = head_value(a->head, name);

    if (!value && found)
        fail_msg("%s: %s is in %s", name, found, a->head);
    if (value && !found)
        fail_msg("no %s in %s", name, a->head);
    if (value)
        assert_string_equal(found, value);
    free(found);
}
