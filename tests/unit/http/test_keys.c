/* The file of keys and what a key may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/error.h"
#include "http/keys.h"

#include <sys/stat.h>
#include <unistd.h>

static char path[64], detail[200];

static int set_up(void **state)
{
    static unsigned number;
    snprintf(path, sizeof(path), "keys-test-%d-%u", (int)getpid(), number++);
    return 0;
}

static int tear_down(void **state)
{
    char lock[80];
    snprintf(lock, sizeof(lock), "%s.lock", path);
    unlink(path);
    unlink(lock);
    return 0;
}

static void create(const struct key_request *r, char text[KEY_TEXT_BYTES + 1])
{
    assert_int_equal(key_create(path, r, text, detail, sizeof(detail)), 0);
}

static void take_last(void *context, const struct key *k)
{
    struct key *out = context;
    memcpy(out->id, k->id, sizeof(k->id));
    out->scopes = k->scopes;
    out->rate = k->rate;
    out->channels_count = k->channels_count;
    out->locations_count += 1; /* used as a counter here */
}

static void a_key_is_made_listed_and_revoked(void **state)
{
    char text[KEY_TEXT_BYTES + 1], other[KEY_TEXT_BYTES + 1];
    struct key seen = {.locations_count = 0};
    struct stat st;

    assert_int_equal(key_list(path, take_last, &seen, detail, sizeof(detail)), ERROR_NOTFOUND);
    create(&(struct key_request){.scopes = SCOPE_READ | SCOPE_RESERVE, .channels = "web,app", .rate = 7},
           text);
    assert_int_equal(strlen(text), KEY_TEXT_BYTES);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(key_list(path, take_last, &seen, detail, sizeof(detail)), 0);
    assert_int_equal(seen.locations_count, 1);
    assert_int_equal(seen.scopes, SCOPE_READ | SCOPE_RESERVE);
    assert_int_equal(seen.channels_count, 2);
    assert_int_equal(seen.rate, 7);
    assert_memory_equal(seen.id, text + 7, KEY_ID_BYTES);
    create(&(struct key_request){.scopes = SCOPE_ADMIN}, other);
    assert_string_not_equal(text, other);
    assert_int_equal(key_revoke(path, "0000000000000000", detail, sizeof(detail)), ERROR_NOTFOUND);
    assert_int_equal(key_revoke(path, seen.id, detail, sizeof(detail)), 0);
    seen.locations_count = 0;
    assert_int_equal(key_list(path, take_last, &seen, detail, sizeof(detail)), 0);
    assert_int_equal(seen.locations_count, 1);
    assert_memory_equal(seen.id, other + 7, KEY_ID_BYTES);
}

static void the_secret_is_not_in_the_file(void **state)
{
    char text[KEY_TEXT_BYTES + 1], content[1000] = "";

    create(&(struct key_request){.scopes = SCOPE_READ}, text);
    FILE *f = fopen(path, "re");
    assert_true(fread(content, 1, sizeof(content) - 1, f) > 0);
    fclose(f);
    assert_non_null(strstr(content, "# onhand keys 1\n"));
    assert_null(strstr(content, text + 7 + KEY_ID_BYTES + 1));
}

static void bad_requests_are_refused(void **state)
{
    static const struct key_request bad[] = {
        {.scopes = 0},
        {.scopes = 16},
        {.scopes = SCOPE_READ, .channels = "a b"},
        {.scopes = SCOPE_READ, .channels = "a,"},
        {.scopes = SCOPE_READ, .channels = ""},
        {.scopes = SCOPE_READ, .locations = "a\nid=1"},
        {.scopes = SCOPE_READ, .rate = 1000001},
    };
    char text[KEY_TEXT_BYTES + 1];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(key_create(path, &bad[i], text, detail, sizeof(detail)), ERROR_INVALID);
    assert_int_equal(access(path, F_OK), -1);
}

static void write_file(const char *content)
{
    FILE *f = fopen(path, "we");
    fputs(content, f);
    fclose(f);
    chmod(path, 0600);
}

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_line_that_is_not_a_key_is_named(void **state)
{
    static const char *const bad[] = {
        "hello\n",
        "id=0123456789abcdef\n",
        "id=0123456789abcdeF sha256=" SHA " scopes=read channels=* locations=* rate=0 created=x\n",
        "id=0123456789abcdef sha256=" SHA "00 scopes=read channels=* locations=* rate=0 created=x\n",
        "id=0123456789abcdef sha256=" SHA " scopes=write channels=* locations=* rate=0 created=x\n",
        "id=0123456789abcdef sha256=" SHA " scopes= channels=* locations=* rate=0 created=x\n",
        "id=0123456789abcdef sha256=" SHA " scopes=read channels=* channels=* locations=* rate=0 created=x\n",
        "id=0123456789abcdef sha256=" SHA " scopes=read channels=* locations=* rate=-1 created=x\n",
        "id=0123456789abcdef sha256=" SHA " scopes=read channels=* locations=* rate=0 created=x extra=1\n",
    };
    struct key seen = {.locations_count = 0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char content[400];
        snprintf(content, sizeof(content), "# a comment\n\n%s", bad[i]);
        write_file(content);
        assert_int_equal(key_list(path, take_last, &seen, detail, sizeof(detail)), ERROR_CORRUPT);
        assert_non_null(strstr(detail, "line 3"));
    }
    write_file("id=0123456789abcdef sha256=" SHA
               " scopes=read channels=* locations=a,b rate=0 created=x"); /* no end of line */
    assert_int_equal(key_list(path, take_last, &seen, detail, sizeof(detail)), 0);
}

static void a_key_is_found_by_all_of_it(void **state)
{
    char text[KEY_TEXT_BYTES + 1];
    struct keyring *ring;

    create(&(struct key_request){.scopes = SCOPE_READ, .channels = "web", .locations = "store-1,store-2"},
           text);
    assert_int_equal(keyring_create(path, &ring, detail, sizeof(detail)), 0);
    struct key_set *s = keyring_hold(ring);
    const struct key *k = key_find(s, text_of(text));
    assert_non_null(k);
    assert_true(key_may(k, SCOPE_READ));
    assert_false(key_may(k, SCOPE_EVENTS));
    assert_true(key_has_channel(k, TEXT("web")));
    assert_false(key_has_channel(k, TEXT("app")));
    assert_true(key_has_location(k, TEXT("store-2")));
    assert_false(key_has_location(k, TEXT("store-3")));
    assert_null(key_find(s, (struct text){text, KEY_TEXT_BYTES - 1}));
    assert_null(key_find(s, TEXT("")));
    for (size_t i = 0; i < KEY_TEXT_BYTES; i++) { /* one letter off is another key */
        char other[KEY_TEXT_BYTES + 1];
        memcpy(other, text, sizeof(other));
        other[i] ^= 1;
        assert_null(key_find(s, text_of(other)));
    }
    key_set_release(s);
    keyring_destroy(ring);
}

static void a_changed_file_is_read_again_and_a_broken_one_is_not(void **state)
{
    char text[KEY_TEXT_BYTES + 1], second[KEY_TEXT_BYTES + 1];
    struct keyring *ring;

    create(&(struct key_request){.scopes = SCOPE_READ}, text);
    assert_int_equal(keyring_create(path, &ring, detail, sizeof(detail)), 0);
    struct key_set *before = keyring_hold(ring);
    create(&(struct key_request){.scopes = SCOPE_READ}, second);
    keyring_refresh(ring);
    struct key_set *after = keyring_hold(ring);
    assert_null(key_find(before, text_of(second)));
    assert_non_null(key_find(after, text_of(second)));
    assert_non_null(key_find(before, text_of(text))); /* held as long as somebody looks */
    key_set_release(before);
    key_set_release(after);
    write_file("rubbish\n");
    keyring_refresh(ring);
    after = keyring_hold(ring);
    assert_non_null(key_find(after, text_of(second)));
    key_set_release(after);
    keyring_destroy(ring);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    char text[KEY_TEXT_BYTES + 1];
    struct keyring *ring;

    assert_int_equal(keyring_create(path, &ring, detail, sizeof(detail)), ERROR_NOTFOUND);
    create(&(struct key_request){.scopes = SCOPE_READ}, text);
    chmod(path, 0644);
    assert_int_equal(keyring_create(path, &ring, detail, sizeof(detail)), ERROR_INVALID);
    assert_non_null(strstr(detail, "chmod 600"));
}

static void a_rate_is_kept_over_a_change_of_the_file(void **state)
{
    char text[KEY_TEXT_BYTES + 1], other[KEY_TEXT_BYTES + 1];
    struct keyring *ring;
    unsigned retry = 0;
    int64_t now_us = 1000000000;

    create(&(struct key_request){.scopes = SCOPE_READ, .rate = 4}, text);
    assert_int_equal(keyring_create(path, &ring, detail, sizeof(detail)), 0);
    struct key_set *s = keyring_hold(ring);
    const struct key *k = key_find(s, text_of(text));
    for (int i = 0; i < 4; i++)
        assert_true(key_take(k, now_us, &retry));
    assert_false(key_take(k, now_us, &retry));
    assert_int_equal(retry, 1);
    key_set_release(s);
    create(&(struct key_request){.scopes = SCOPE_READ}, other);
    keyring_refresh(ring);
    s = keyring_hold(ring);
    k = key_find(s, text_of(text));
    assert_false(key_take(k, now_us + 249999, &retry));
    assert_true(key_take(k, now_us + 250000, &retry));
    assert_false(key_take(k, now_us + 250000, &retry));
    assert_true(key_take(k, now_us + 100000000, &retry)); /* and no more than a second's worth is saved up */
    for (int i = 0; i < 3; i++)
        assert_true(key_take(k, now_us + 100000000, &retry));
    assert_false(key_take(k, now_us + 100000000, &retry));
    key_set_release(s);
    keyring_destroy(ring);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_made_listed_and_revoked),
        TEST(the_secret_is_not_in_the_file),
        TEST(bad_requests_are_refused),
        TEST(a_line_that_is_not_a_key_is_named),
        TEST(a_key_is_found_by_all_of_it),
        TEST(a_changed_file_is_read_again_and_a_broken_one_is_not),
        TEST(a_file_that_others_may_read_is_refused),
        TEST(a_rate_is_kept_over_a_change_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
