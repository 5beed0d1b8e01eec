/* GET /v1/checkpoint: the whole file, any part of it, a fresh one; nobody else on the loop waits for it. */
#include "front.h"

#include "base/error.h"
#include "http/keys.h"

#include <fcntl.h>
#include <unistd.h>

enum { FILE_BYTES = 3 << 20 };
#define ETAG "\"1795219200000042-4712-0123456789abcdeffedcba9876543210\""

static char path[] = "/tmp/onhand-checkpoint-XXXXXX";
static char *bytes;
static _Atomic int open_error, asked_status;
static _Atomic unsigned asked_times;

static int open_file(void *engine, struct http_checkpoint *ret)
{
    if (open_error)
        return open_error;
    *ret = (struct http_checkpoint){.file = open(path, O_RDONLY | O_CLOEXEC),
                                    .bytes = FILE_BYTES,
                                    .incarnation = 1795219200000042,
                                    .next_offset = 4712,
                                    .digest = {0x0123456789abcdef, 0xfedcba9876543210}};
    assert_true(ret->file >= 0);
    return 0;
}

static uint64_t ask_fresh(void *engine)
{
    asked_times++;
    return 7;
}

static int asked_fresh(void *engine, uint64_t ticket)
{
    assert_int_equal(ticket, 7);
    return asked_status;
}

static const struct http_checkpoints source = {open_file, ask_fresh, asked_fresh};

static int make_file(void **state)
{
    int fd = mkstemp(path);

    bytes = malloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    bool ok = fd >= 0 && write(fd, bytes, FILE_BYTES) == FILE_BYTES && fsync(fd) == 0;
    if (ok) /* the first who asks waits for the disk */
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return ok && close(fd) == 0 ? 0 : -1;
}

static int remove_file(void **state)
{
    free(bytes);
    return unlink(path);
}

static int set_up(void **state)
{
    front_open(state);
    options.checkpoints = &source;
    open_error = 0;
    asked_status = 1;
    asked_times = 0;
    return 0;
}

static struct answer get_file(const char *query, const char *headers)
{
    char target[64];

    snprintf(target, sizeof(target), "/v1/checkpoint%s", query);
    return get_as(target, headers);
}

static void expect_part(struct answer a, size_t from, size_t end)
{
    char range[64];

    snprintf(range, sizeof(range), "bytes %zu-%zu/%d", from, end - 1, FILE_BYTES);
    assert_int_equal(a.status, 206);
    expect_header(&a, "Content-Range", range);
    assert_int_equal(a.body_length, end - from);
    assert_memory_equal(a.body, bytes + from, end - from);
    answer_free(&a);
}

static void expect_whole(struct answer a)
{
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_length, FILE_BYTES);
    assert_memory_equal(a.body, bytes, FILE_BYTES);
    answer_free(&a);
}

static void the_whole_file_and_what_it_is(void **state)
{
    front_start();
    struct answer a = get_file("", "");
    expect_header(&a, "ETag", ETAG);
    expect_header(&a, "Onhand-Version", "1795219200000042:4711");
    expect_header(&a, "Onhand-Digest", "0123456789abcdeffedcba9876543210");
    expect_header(&a, "Accept-Ranges", "bytes");
    expect_header(&a, "Content-Disposition",
                  "attachment; filename=\"checkpoint-00001795219200000042-00000000000000004712\"");
    expect_whole(a);
    a = request("HEAD", "/v1/checkpoint", "", NULL);
    assert_int_equal(a.status, 200);
    expect_header(&a, "Content-Length", "3145728");
    expect_header(&a, "ETag", ETAG);
    assert_int_equal(a.body_length, 0);
    answer_free(&a);
    expect_status(get_file("", "If-None-Match: \"x\", " ETAG "\r\n"), 304);
    expect(get_file("?newest=true", ""), 400, "is not a parameter");
    expect(delete_at("/v1/checkpoint"), 405, "GET, HEAD");
}

static void any_part_of_it(void **state)
{
    front_start();
    expect_part(get_file("", "Range: bytes=1000000-\r\n"), 1000000, FILE_BYTES);
    expect_part(get_file("", "Range: bytes=0-63\r\n"), 0, 64);
    expect_part(get_file("", "Range: bytes=3145727-99999999999\r\n"), FILE_BYTES - 1, FILE_BYTES);
    expect_part(get_file("", "Range: bytes=-10\r\n"), FILE_BYTES - 10, FILE_BYTES);
    expect_part(get_file("", "Range: bytes=-9999999999\r\n"), 0, FILE_BYTES);
    expect_part(get_file("", "Range: bytes=5-\r\nIf-Range: " ETAG "\r\n"), 5, FILE_BYTES);
    /* another file by now: from the beginning */
    expect_whole(get_file("", "Range: bytes=5-\r\nIf-Range: \"1-2-3\"\r\n"));
    expect(get_file("", "Range: bytes=3145728-\r\n"), 416, "has 3145728 bytes");
    expect(get_file("", "Range: bytes=-0\r\n"), 416, "has 3145728 bytes");
}

/* RFC 9110, 14.2: a Range that is not understood is passed over. */
static void what_is_no_range_is_passed_over(void **state)
{
    static const char *const ranges[] = {"bytes",
                                         "bytes=",
                                         "bytes=-",
                                         "bytes=5-4",
                                         "bytes=a-",
                                         "bytes=1-b",
                                         "bytes=0-1, 5-6",
                                         "lines=1-",
                                         "bytes= 1-2",
                                         "bytes=+1-",
                                         "bytes=99999999999999999999-"};
    front_start();
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        char line[64];
        snprintf(line, sizeof(line), "Range: %s\r\n", ranges[i]);
        expect_whole(get_file("", line));
    }
}

static void none_yet(void **state)
{
    open_error = ERROR_NOTFOUND;
    front_start();
    struct answer a = get_file("", "");
    expect_header(&a, "Retry-After", "5");
    expect(a, 404, "no checkpoint was written here yet");
    open_error = ERROR_IO;
    a = get_file("", "");
    expect_header(&a, "Retry-After", "5");
    expect(a, 503, "cannot be read");
}

/* On one loop: somebody waits for a fresh one, others are answered. */
static void a_fresh_one_is_waited_for(void **state)
{
    front_start();
    struct talk waiting = talk_to(http_address(server));
    talk_say(&waiting, "GET /v1/checkpoint?fresh=true HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!asked_times)
        usleep(1000);
    for (int i = 0; i < 20; i++) {
        expect_status(get("/healthz"), 200);
    }
    asked_status = 0;
    expect_whole(talk_answer(&waiting, false));
    talk_end(&waiting);
    assert_int_equal(asked_times, 1);
    asked_status = ERROR_IO;
    expect(get_file("?fresh=true", ""), 503, "no checkpoint was written");
    expect(get_file("?fresh=maybe", ""), 400, "fresh");
}

static void but_not_for_ever(void **state)
{
    options.checkpoint_wait_ms = 50;
    front_start();
    struct answer a = get_file("?fresh=true", "");
    expect_header(&a, "Retry-After", "5");
    expect(a, 503, "still being written");
}

/* Who does not read takes no memory: what is not sent is bounded, and the others go on. */
static void a_slow_reader_holds_up_nobody(void **state)
{
    struct talk slow[8];

    front_start();
    for (size_t i = 0; i < 8; i++) {
        slow[i] = talk_to(http_address(server));
        talk_say(&slow[i], "GET /v1/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (int i = 0; i < 20; i++)
        expect_part(get_file("", "Range: bytes=0-63\r\n"), 0, 64);
    for (size_t i = 0; i < 8; i++) {
        expect_whole(talk_answer(&slow[i], false));
        talk_end(&slow[i]);
    }
}

static void it_takes_a_key_that_may_everything(void **state)
{
    char keys[] = "/tmp/onhand-checkpoint-keys-XXXXXX", detail[200], line[128], lock[72];
    char text[KEY_TEXT_BYTES + 1];
    const struct {
        uint32_t scopes;
        const char *locations;
        int status;
    } cases[] = {
        {SCOPE_ADMIN, NULL, 206}, {SCOPE_READ | SCOPE_EVENTS, NULL, 403}, {SCOPE_ADMIN, "store-1", 403}};

    assert_non_null(mkdtemp(keys));
    char file[64];
    snprintf(file, sizeof(file), "%s/keys", keys);
    for (size_t i = 0; i < 3; i++) {
        const struct key_request r = {.scopes = cases[i].scopes, .locations = cases[i].locations};
        assert_int_equal(key_create(file, &r, text, detail, sizeof(detail)), 0);
        options.keys_path = file;
        front_start();
        snprintf(line, sizeof(line), "Range: bytes=0-63\r\nAuthorization: Bearer %s\r\n", text);
        expect_status(get_file("", line), cases[i].status);
        expect(get_file("", ""), 401, "send a key");
        front_stop(1000);
    }
    snprintf(lock, sizeof(lock), "%s.lock", file);
    unlink(lock);
    unlink(file);
    assert_int_equal(rmdir(keys), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, front_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_whole_file_and_what_it_is),   TEST(any_part_of_it),
        TEST(what_is_no_range_is_passed_over), TEST(none_yet),
        TEST(a_fresh_one_is_waited_for),       TEST(but_not_for_ever),
        TEST(a_slow_reader_holds_up_nobody),   TEST(it_takes_a_key_that_may_everything),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
