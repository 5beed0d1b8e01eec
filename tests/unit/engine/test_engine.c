/* The engine as a library: what was answered is there after a restart, a kill and a crash between
 * checkpoints; reads run beside it all. */
#include "onhand/onhand.h"
#include "tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char directory[64];

static int set_up(void **unused)
{
    snprintf(directory, sizeof(directory), "/tmp/onhand-engine-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **unused)
{
    remove_tree(directory);
    return 0;
}

static onhand_engine *open_here(void)
{
    onhand_engine *e;
    char detail[256] = "";
    int error = onhand_engine_open(&(onhand_options){.directory = directory}, &e, detail, sizeof(detail));
    if (error)
        fail_msg("%s: %s", onhand_strerror(error), detail);
    return e;
}

static onhand_result apply_one(onhand_engine *e, const char *type, unsigned number, unsigned quantity)
{
    char json[512];
    onhand_result result = {0};
    size_t count = 0;
    int length = snprintf(json, sizeof(json),
                          "{\"id\":\"e-%u\",\"source\":\"test\",\"type\":\"%s\",\"sku\":\"S\",\"location\":"
                          "\"store-1\",\"quantity\":%u,"
                          "\"occurred_at\":\"2026-01-01T00:00:00Z\"}",
                          number, type, quantity);
    assert_int_equal(onhand_apply_json(e, json, (size_t)length, &result, 1, &count), 0);
    assert_int_equal(count, 1);
    return result;
}

static int64_t on_hand(onhand_engine *e)
{
    onhand_reader *r;
    onhand_figures f;
    assert_int_equal(onhand_reader_open(e, &r), 0);
    int error = onhand_query(r, "S", 1, "store-1", 7, &f);
    onhand_reader_close(r);
    return error == ONHAND_NOTFOUND ? -1 : f.on_hand_milli;
}

static void answered_is_visible_and_survives_a_restart(void **unused)
{
    onhand_engine *e = open_here();
    assert_int_equal(on_hand(e), -1);
    assert_int_equal(apply_one(e, "receipt", 1, 10).verdict, ONHAND_APPLIED);
    assert_int_equal(on_hand(e), 10000);
    assert_int_equal(apply_one(e, "sale", 2, 3).verdict, ONHAND_APPLIED);
    assert_int_equal(apply_one(e, "sale", 2, 3).verdict, ONHAND_DUPLICATE);
    assert_int_equal(on_hand(e), 7000);
    onhand_engine_close(e);

    e = open_here();
    assert_int_equal(on_hand(e), 7000);
    assert_int_equal(apply_one(e, "sale", 2, 3).verdict, ONHAND_DUPLICATE);
    onhand_engine_close(e);
}

static void a_bad_event_says_what_is_wrong_and_stops_nothing(void **unused)
{
    static const char json[] =
        "[{\"id\":\"a\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"S\",\"location\":\"store-1\","
        "\"quantity\":2,\"occurred_at\":\"2026-01-01T00:00:00Z\"},"
        "{\"id\":\"b\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"S\",\"location\":\"store-1\","
        "\"quantity\":-2,\"occurred_at\":\"2026-01-01T00:00:00Z\"},"
        "{\"id\":\"c\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"S\",\"location\":\"store-1\","
        "\"quantity\":5,\"occurred_at\":\"2999-01-01T00:00:00Z\"},"
        "{\"id\":\"d\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"S\",\"location\":\"store-1\","
        "\"quantity\":1.5,\"occurred_at\":\"2026-01-01T00:00:00Z\"}]";
    onhand_engine *e = open_here();
    onhand_result results[4];
    size_t count;
    int64_t before = on_hand(e) < 0 ? 0 : on_hand(e);

    assert_int_equal(onhand_apply_json(e, json, strlen(json), results, 4, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(results[0].verdict, ONHAND_APPLIED);
    assert_int_equal(results[1].verdict, ONHAND_REJECTED);
    assert_string_equal(results[1].reason, "malformed");
    assert_string_equal(results[1].pointer, "/quantity");
    assert_int_equal(results[2].verdict, ONHAND_REJECTED);
    assert_string_equal(results[2].reason, "future");
    assert_int_equal(results[3].verdict, ONHAND_APPLIED);
    assert_int_equal(on_hand(e) - before, 3500);
    assert_int_equal(onhand_apply_json(e, "nonsense", 8, results, 4, &count), ONHAND_INVALID);
    assert_int_equal(onhand_apply_json(e, json, strlen(json), results, 3, &count), ONHAND_LIMIT);
    onhand_engine_close(e);

    char path[128], line[1024] = "";
    snprintf(path, sizeof(path), "%s/dead-letter.ndjson", directory);
    FILE *letters = fopen(path, "r");
    assert_non_null(letters);
    unsigned lines = 0;
    while (fgets(line, sizeof(line), letters))
        lines += strstr(line, "\"reason\":\"future\"") && strstr(line, "\"id\":\"c\"");
    fclose(letters);
    assert_int_equal(lines, 1);
}

/* A child applies until it is killed and tells each acknowledged number through a pipe: what it told is
 * there, wholly, and at most one event more. */
static void what_was_answered_survives_a_kill(void **unused)
{
    unsigned told_before = 0;

    for (int round = 0; round < 8; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            onhand_engine *e;
            if (onhand_engine_open(&(onhand_options){.directory = directory, .checkpoint_records = 40}, &e,
                                   NULL, 0) != 0)
                _exit(1);
            for (unsigned n = told_before + 1;; n++) {
                char json[256];
                onhand_result result;
                size_t count;
                int length = snprintf(json, sizeof(json),
                                      "{\"id\":\"k-%u\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":"
                                      "\"KILL\",\"location\":\"store-1\",\"quantity\":1,"
                                      "\"occurred_at\":\"2026-01-01T00:00:00Z\"}",
                                      n);
                if (onhand_apply_json(e, json, (size_t)length, &result, 1, &count) != 0)
                    _exit(2);
                if (write(ends[1], &n, sizeof(n)) != sizeof(n))
                    _exit(3);
            }
        }
        close(ends[1]);
        unsigned told = told_before, enough = told_before + 30 + (unsigned)round * 37;
        while (told < enough && read(ends[0], &told, sizeof(told)) == sizeof(told))
            ;
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &told, sizeof(told)) == sizeof(told))
            ;
        close(ends[0]);

        onhand_engine *e = open_here();
        onhand_reader *r;
        onhand_figures f;
        assert_int_equal(onhand_reader_open(e, &r), 0);
        assert_int_equal(onhand_query(r, "KILL", 4, "store-1", 7, &f), 0);
        assert_in_range(f.on_hand_milli, (int64_t)told * 1000, (int64_t)(told + 1) * 1000);
        told_before = (unsigned)(f.on_hand_milli / 1000);
        onhand_reader_close(r);
        onhand_engine_close(e);
    }
}

static void two_engines_do_not_share_a_directory(void **unused)
{
    onhand_engine *e = open_here(), *second = NULL;
    char detail[256] = "";
    assert_int_equal(
        onhand_engine_open(&(onhand_options){.directory = directory}, &second, detail, sizeof(detail)),
        ONHAND_BUSY);
    assert_true(strlen(detail) > 10);
    onhand_engine_close(e);
}

struct reading {
    onhand_engine *engine;
    _Atomic int stop;
    _Atomic long reads;
    _Atomic int wrong;
};

static void *read_on(void *context)
{
    struct reading *r = context;
    onhand_reader *reader;
    onhand_figures f, total;

    if (onhand_reader_open(r->engine, &reader) != 0)
        return NULL;
    while (!r->stop) {
        if (onhand_query(reader, "S", 1, "store-1", 7, &f) != 0 || f.on_hand_milli < 0 ||
            f.on_hand_milli % 2000 != 0)
            r->wrong = 1;
        if (onhand_query_total(reader, "S", 1, &total) != 0 || total.version_offset < f.version_offset)
            r->wrong = 1;
        r->reads++;
    }
    onhand_reader_close(reader);
    return NULL;
}

static void reads_run_beside_writes(void **unused)
{
    onhand_engine *e = open_here();
    struct reading reading = {.engine = e};
    pthread_t threads[2];

    if (on_hand(e) < 0)
        apply_one(e, "receipt", 900000, 2);
    if (on_hand(e) % 2000)
        apply_one(e, "receipt", 900001, 1);
    while (on_hand(e) % 2000) { /* earlier tests leave halves */
        char json[] = "{\"id\":\"half\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"S\",\"location\":"
                      "\"store-1\",\"quantity\":0.5,\"occurred_at\":\"2026-01-01T00:00:00Z\"}";
        onhand_result result;
        size_t count;
        assert_int_equal(onhand_apply_json(e, json, strlen(json), &result, 1, &count), 0);
        if (on_hand(e) % 2000)
            apply_one(e, "receipt", 900002, 1);
        break;
    }
    assert_int_equal(on_hand(e) % 2000, 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, read_on, &reading);
    for (unsigned i = 0; i < 500; i++)
        apply_one(e, "receipt", 1000000 + i, 2);
    reading.stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(reading.wrong, 0);
    assert_true(reading.reads > 0);
    onhand_engine_close(e);
}

static void digests_agree_after_a_restart(void **unused)
{
    uint64_t offset_before, offset_after, before[2], after[2];
    onhand_engine *e = open_here();
    apply_one(e, "receipt", 2000000, 4);
    assert_int_equal(onhand_digest(e, &offset_before, before), 0);
    onhand_engine_close(e);
    e = open_here();
    assert_int_equal(onhand_digest(e, &offset_after, after), 0);
    onhand_engine_close(e);
    assert_int_equal(offset_before, offset_after);
    assert_memory_equal(before, after, sizeof(before));
}

/* ---- reservations ---- */

static int64_t on_hand_of_r(onhand_engine *e)
{
    onhand_reader *r;
    onhand_figures f = {0};
    assert_int_equal(onhand_reader_open(e, &r), 0);
    assert_int_equal(onhand_query(r, "R", 1, "store-1", 7, &f), 0);
    onhand_reader_close(r);
    return f.on_hand_milli;
}

static onhand_answer reserve(onhand_engine *e, const char *id, int64_t milli, onhand_state begin)
{
    onhand_line line = {"R", "store-1", milli};
    onhand_reservation r = {.id = id, .reference = "O-1", .begin = begin, .lines = &line, .lines_count = 1};
    onhand_answer a;
    assert_int_equal(onhand_reserve(e, &r, &a), 0);
    return a;
}

static onhand_answer step(onhand_engine *e, const char *id, onhand_step s)
{
    onhand_answer a;
    assert_int_equal(onhand_reservation_step(e, id, s, NULL, &a), 0);
    return a;
}

static void a_basket_is_held_confirmed_and_handed_over(void **unused)
{
    onhand_engine *e = open_here();
    static const char receipt[] =
        "{\"id\":\"r-10\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"R\",\"location\":\"store-1\","
        "\"quantity\":10,\"occurred_at\":\"2026-01-01T00:00:00Z\"}";
    onhand_result result;
    size_t count;
    assert_int_equal(onhand_apply_json(e, receipt, sizeof(receipt) - 1, &result, 1, &count), 0);
    onhand_answer a = reserve(e, "r-1", 4000, ONHAND_HELD);
    assert_int_equal(a.result.verdict, ONHAND_APPLIED);
    assert_int_equal(a.state, ONHAND_HELD);
    assert_true(a.expires_at_us > 0);
    assert_int_equal(reserve(e, "r-1", 4000, ONHAND_HELD).result.verdict, ONHAND_DUPLICATE);
    a = reserve(e, "r-1", 5000, ONHAND_HELD);
    assert_int_equal(a.result.verdict, ONHAND_REJECTED);
    assert_string_equal(a.result.reason, "conflict");
    a = reserve(e, "r-2", 6001, ONHAND_FULFILLED);
    assert_int_equal(a.result.verdict, ONHAND_REJECTED);
    assert_int_equal(a.shortfalls, 1);
    assert_int_equal(a.requested_milli, 6001);
    assert_int_equal(a.available_milli, 6000);
    assert_int_equal(reserve(e, "r-2", 6000, ONHAND_FULFILLED).state, ONHAND_FULFILLED);
    assert_int_equal(on_hand_of_r(e), 4000);
    assert_int_equal(step(e, "r-1", ONHAND_CONFIRM).state, ONHAND_CONFIRMED);
    a = step(e, "r-1", ONHAND_RELEASE);
    assert_int_equal(a.result.verdict, ONHAND_REJECTED);
    assert_string_equal(a.result.reason, "state");
    onhand_engine_close(e);

    e = open_here(); /* and a restart forgets none of it */
    assert_int_equal(step(e, "r-1", ONHAND_FULFIL).state, ONHAND_FULFILLED);
    assert_int_equal(on_hand_of_r(e), 0);
    assert_int_equal(step(e, "nobody", ONHAND_CONFIRM).result.verdict, ONHAND_REJECTED);
    onhand_engine_close(e);
}

static void a_reservation_that_is_none_says_why(void **unused)
{
    onhand_engine *e = open_here();
    onhand_answer a;
    onhand_line line = {"R", "store 1", 1000};
    onhand_reservation r = {.id = "r-1", .lines = &line, .lines_count = 1};
    assert_int_equal(onhand_reserve(e, &r, &a), ONHAND_INVALID);
    assert_string_equal(a.result.pointer, "/lines/0/locations/0");
    line.location = "store-1";
    line.quantity_milli = 0;
    assert_int_equal(onhand_reserve(e, &r, &a), ONHAND_INVALID);
    assert_string_equal(a.result.pointer, "/lines/0/quantity");
    r.lines_count = 0;
    assert_int_equal(onhand_reserve(e, &r, &a), ONHAND_INVALID);
    r.lines_count = 501;
    assert_int_equal(onhand_reserve(e, &r, &a), ONHAND_INVALID);
    assert_int_equal(onhand_reservation_step(e, "", ONHAND_CONFIRM, NULL, &a), ONHAND_INVALID);
    onhand_engine_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answered_is_visible_and_survives_a_restart),
        cmocka_unit_test(a_bad_event_says_what_is_wrong_and_stops_nothing),
        cmocka_unit_test(what_was_answered_survives_a_kill),
        cmocka_unit_test(two_engines_do_not_share_a_directory),
        cmocka_unit_test(reads_run_beside_writes),
        cmocka_unit_test(digests_agree_after_a_restart),
        cmocka_unit_test(a_basket_is_held_confirmed_and_handed_over),
        cmocka_unit_test(a_reservation_that_is_none_says_why),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
