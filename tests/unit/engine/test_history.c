/* The history beside a real engine: what was applied is in the file once, in order, whatever happened to the
 * queue, the file or the process. */
#include "base/clock.h"
#include "base/error.h"
#include "codec/record_codec.h"
#include "engine/engine.h"
#include "engine/history_replay.h"
#include "sinks/history_file.h"
#include "sinks/history_sink.h"
#include "tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { ROWS = 7, EVENTS_OF_RECORD = 50 };

/* ---- a server without its front door ---- */

struct house {
    char directory[64], path[128];
    struct history_log *log;
    struct history_sink *sink;
    struct engine *engine;
    uint64_t said; /* events */
    size_t queue_bytes;
    unsigned days_most;
};

static void house_open(struct house *h)
{
    char detail[300] = "";
    const struct history_log_options log = {.directory = h->directory};

    h->log = history_log_create(&log);
    assert_non_null(h->log);
    const struct history_options o = {.path = h->path,
                                      .days_most = h->days_most,
                                      .queue_bytes = h->queue_bytes,
                                      .replay = history_log_replay(h->log)};
    assert_int_equal(history_sink_create(&o, &h->sink), 0);
    const struct engine_options e = {.directory = h->directory,
                                     .checkpoint_records = 1000,
                                     .segment_bytes = 1 << 20,
                                     .historian = history_sink_writer(h->sink)};
    if (engine_open(&e, &h->engine, detail, sizeof(detail)))
        fail_msg("%s", detail);
    assert_int_equal(history_sink_start(h->sink), 0);
    assert_int_equal(engine_wait_ready(h->engine, 20000), 0);
    history_sink_ready(h->sink);
}

static void house_close(struct house *h)
{
    engine_close(h->engine);
    history_sink_destroy(h->sink, 5000);
    history_log_destroy(h->log);
    h->engine = NULL;
}

static int set_up(void **state)
{
    struct house *h = calloc(1, sizeof(*h));

    snprintf(h->directory, sizeof(h->directory), "/tmp/onhand-history-XXXXXX");
    assert_non_null(mkdtemp(h->directory));
    snprintf(h->path, sizeof(h->path), "%s/%s", h->directory, HISTORY_FILE);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;

    if (h->engine)
        house_close(h);
    remove_tree(h->directory);
    free(h);
    return 0;
}

/* ---- saying things ---- */

struct done {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned waiting;
};

static void one_done(struct command *c)
{
    struct done *d = c->context;

    pthread_mutex_lock(&d->lock);
    d->waiting--;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

static void make_event(struct event *e, char id[32], char sku[32], uint64_t n)
{
    snprintf(id, 32, "e-%lu", n);
    snprintf(sku, 32, "SKU-%lu", n % ROWS);
    *e = (struct event){.type = n % 3 ? EVENT_RECEIPT : EVENT_SALE,
                        .has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(quantity) |
                               HAS(occurred_at),
                        .id = text_of(id),
                        .source = TEXT("test"),
                        .sku = text_of(sku),
                        .location = TEXT("L"),
                        .quantity = (milli_t)(1 + n % 5) * MILLI_PER_UNIT,
                        .occurred_at = INT64_C(1767225600) * INSTANT_SECOND + (instant_t)n,
                        .as_of = INSTANT_NONE,
                        .expected_at = INSTANT_NONE,
                        .required_at = INSTANT_NONE};
}

/* So many records of EVENTS_OF_RECORD events, all on their way at once; returns when all are applied. */
static void say(struct house *h, unsigned records)
{
    struct done done = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, records};
    struct command_port port = engine_port(h->engine);
    struct command *commands = calloc(records, sizeof(*commands));
    struct buffer *bytes = calloc(records, sizeof(*bytes));
    static struct event events[EVENTS_OF_RECORD];
    static struct event_verdict verdicts[EVENTS_OF_RECORD];
    static char ids[EVENTS_OF_RECORD][32], skus[EVENTS_OF_RECORD][32];

    for (unsigned i = 0; i < records; i++) {
        struct record r = {.kind = RECORD_EVENTS, .events_count = EVENTS_OF_RECORD, .events = events};
        for (unsigned k = 0; k < EVENTS_OF_RECORD; k++)
            make_event(&events[k], ids[k], skus[k], h->said++);
        assert_int_equal(record_encode(&r, &bytes[i]), 0);
        commands[i] = (struct command){.bytes = bytes[i].at,
                                       .length = bytes[i].length,
                                       .verdicts = verdicts,
                                       .verdicts_capacity = EVENTS_OF_RECORD,
                                       .done = one_done,
                                       .context = &done};
        while (port.submit(port.engine, &commands[i]) == ERROR_BUSY)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    pthread_mutex_lock(&done.lock);
    while (done.waiting)
        pthread_cond_wait(&done.changed, &done.lock);
    pthread_mutex_unlock(&done.lock);
    for (unsigned i = 0; i < records; i++) {
        assert_int_equal(commands[i].status, 0);
        buffer_finish(&bytes[i]);
    }
    free(bytes);
    free(commands);
}

static uint64_t metric(struct house *h, const char *name)
{
    struct buffer b = {0};
    char wanted[64];
    uint64_t value = UINT64_MAX;

    history_sink_metrics(h->sink, &b);
    buffer_byte(&b, 0);
    snprintf(wanted, sizeof(wanted), "\nonhand_history_%s ", name);
    const char *at = strstr(b.at, wanted);
    if (at)
        value = strtoull(at + strlen(wanted), NULL, 10);
    buffer_finish(&b);
    assert_true(value != UINT64_MAX);
    return value;
}

static void wait_until_written(struct house *h)
{
    for (unsigned i = 0; i < 20000 && (metric(h, "behind_records") || metric(h, "catching_up")); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(metric(h, "behind_records"), 0);
}

/* ---- looking ---- */

static int64_t number_in(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

/* Each event once, and each line of a row begins where the one before ended. */
static void check_file(const struct house *h, uint64_t events)
{
    assert_int_equal(number_in(h->path, "SELECT count(*) FROM change"), events);
    assert_int_equal(number_in(h->path, "SELECT count(DISTINCT event_id) FROM change"), events);
    assert_int_equal(number_in(h->path, "SELECT count(*) FROM (SELECT on_hand_before, lag(on_hand, 1, 0) OVER"
                                        " (PARTITION BY row ORDER BY id) AS last FROM change)"
                                        " WHERE on_hand_before <> last"),
                     0);
    assert_int_equal(number_in(h->path, "SELECT count(*) FROM change WHERE verdict <> 'applied'"), 0);
}

struct asked {
    struct history_question q; /* first */
    struct done done;
};

static void question_done(struct history_question *q)
{
    struct asked *a = (struct asked *)q;

    pthread_mutex_lock(&a->done.lock);
    a->done.waiting = 0;
    pthread_cond_broadcast(&a->done.changed);
    pthread_mutex_unlock(&a->done.lock);
}

static void ask(struct house *h, struct asked *a, int64_t before, unsigned limit)
{
    struct history_port port = history_sink_port(h->sink);

    *a = (struct asked){.q = {.sku = TEXT("SKU-1"),
                              .location = TEXT("L"),
                              .before = before,
                              .limit = limit,
                              .from = INSTANT_NONE,
                              .to = INSTANT_NONE,
                              .done = question_done},
                        .done = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 1}};
    assert_int_equal(port.ask(port.history, &a->q), 0);
    pthread_mutex_lock(&a->done.lock);
    while (a->done.waiting)
        pthread_cond_wait(&a->done.changed, &a->done.lock);
    pthread_mutex_unlock(&a->done.lock);
}

/* ---- the tests ---- */

static void lines_are_written_and_paged_newest_first(void **state)
{
    struct house *h = *state;
    struct asked a;
    int64_t before = 0, last_id = INT64_MAX;
    unsigned seen = 0;

    house_open(h);
    say(h, 14);
    do {
        ask(h, &a, before, 30); /* at once: the answer waits for what is applied */
        assert_int_equal(a.q.status, 0);
        assert_true(a.q.count == 30 || !a.q.next_before);
        for (size_t i = 0; i < a.q.count; i++) {
            int64_t id = history_line_id(a.q.lines[i].offset, a.q.lines[i].number);
            assert_true(id < last_id);
            last_id = id;
            seen++;
        }
        before = a.q.next_before;
        arena_finish(&a.q.arena);
    } while (before);
    assert_int_equal(seen, 14 * EVENTS_OF_RECORD / ROWS);
    house_close(h);
    check_file(h, h->said);
}

static void pages_keep_to_instants(void **state)
{
    struct house *h = *state;
    struct asked all, some;
    struct history_port port;

    house_open(h);
    for (unsigned i = 0; i < 5; i++) { /* so that they have instants of their own */
        say(h, 1);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    ask(h, &all, 0, HISTORY_PAGE_MOST);
    instant_t from = all.q.lines[all.q.count - 1].appended_at + 1, to = all.q.lines[0].appended_at;
    size_t expected = 0;
    for (size_t i = 0; i < all.q.count; i++)
        expected += all.q.lines[i].appended_at >= from && all.q.lines[i].appended_at < to;
    assert_true(expected > 0 && expected < all.q.count);
    some = (struct asked){.q = {.sku = TEXT("SKU-1"),
                                .location = TEXT("L"),
                                .limit = HISTORY_PAGE_MOST,
                                .from = from,
                                .to = to,
                                .done = question_done},
                          .done = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 1}};
    port = history_sink_port(h->sink);
    assert_int_equal(port.ask(port.history, &some.q), 0);
    pthread_mutex_lock(&some.done.lock);
    while (some.done.waiting)
        pthread_cond_wait(&some.done.changed, &some.done.lock);
    pthread_mutex_unlock(&some.done.lock);
    assert_int_equal(some.q.count, expected);
    arena_finish(&all.q.arena);
    arena_finish(&some.q.arena);
}

static void what_the_queue_cannot_hold_comes_from_the_log(void **state)
{
    struct house *h = *state;

    h->queue_bytes = 64 * 1024; /* a record and a half */
    house_open(h);
    say(h, 200);
    wait_until_written(h);
    assert_true(metric(h, "gaps_total") > 0);
    assert_true(metric(h, "replayed_total") > 0);
    say(h, 1); /* and the queue goes on */
    wait_until_written(h);
    house_close(h);
    check_file(h, h->said);
}

/* What was applied while nobody kept a history: history is turned on later. */
static void a_file_that_was_never_there_is_made_from_the_log(void **state)
{
    struct house *h = *state;

    house_open(h);
    say(h, 40);
    house_close(h);
    assert_int_equal(unlink(h->path), 0);
    house_open(h);
    say(h, 3);
    wait_until_written(h);
    assert_true(metric(h, "replayed_total") > 0);
    house_close(h);
    check_file(h, h->said);
    assert_int_equal(
        number_in(h->path, "SELECT count(*) FROM position WHERE name = 'complete_from' AND value > 0"), 0);
}

static void a_damaged_file_is_set_aside_and_made_anew(void **state)
{
    struct house *h = *state;
    char aside[160];

    house_open(h);
    say(h, 40);
    house_close(h);
    int file = open(h->path, O_WRONLY);
    for (off_t at = 0; at < 65536; at += 512)
        assert_int_equal(pwrite(file, "damage", 6, at), 6);
    close(file);
    house_open(h);
    wait_until_written(h);
    house_close(h);
    check_file(h, h->said);
    snprintf(aside, sizeof(aside), "%s.damaged", h->path);
    assert_int_equal(access(aside, F_OK), 0);
}

/* The pages of lines are damaged, the first ones are not: seen only when they are read. */
static void damage_that_a_reader_sees_is_mended(void **state)
{
    struct house *h = *state;
    struct asked a;
    struct stat st;

    house_open(h);
    say(h, 40);
    house_close(h);
    assert_int_equal(stat(h->path, &st), 0);
    int file = open(h->path, O_WRONLY);
    for (off_t at = 32768; at < st.st_size; at += 64)
        assert_int_equal(pwrite(file, "damage", 6, at), 6);
    close(file);
    house_open(h);
    for (unsigned i = 0; i < 400; i++) {
        ask(h, &a, 0, HISTORY_PAGE_MOST);
        arena_finish(&a.q.arena);
        if (!a.q.status && a.q.count == 40 * EVENTS_OF_RECORD / ROWS + 1)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    assert_int_equal(a.q.status, 0);
    wait_until_written(h);
    house_close(h);
    check_file(h, h->said);
}

static void a_file_of_another_log_is_set_aside(void **state)
{
    struct house *h = *state;
    char command[400], aside[200];

    house_open(h);
    say(h, 3);
    wait_until_written(h);
    uint64_t incarnation = view_incarnation(engine_view(h->engine));
    house_close(h);
    snprintf(command, sizeof(command), "%s/log", h->directory);
    remove_tree(command);
    snprintf(command, sizeof(command), "%s/checkpoints", h->directory);
    remove_tree(command);
    h->said = 0;
    house_open(h);
    say(h, 2);
    wait_until_written(h);
    house_close(h);
    check_file(h, h->said);
    snprintf(aside, sizeof(aside), "%s.%lu", h->path, incarnation);
    assert_int_equal(number_in(aside, "SELECT count(*) FROM change"), 3 * EVENTS_OF_RECORD);
}

/* A log that was put back as it was before: the file knows records that are no more. */
static void a_file_that_knows_more_than_the_log_is_made_anew(void **state)
{
    struct house *h = *state;
    char command[600];

    house_open(h);
    say(h, 3);
    house_close(h);
    snprintf(command, sizeof(command), "cp -r %s/log %s/log.kept && cp -r %s/checkpoints %s/checkpoints.kept",
             h->directory, h->directory, h->directory, h->directory);
    assert_int_equal(system(command), 0);
    uint64_t said = h->said;
    house_open(h);
    say(h, 4);
    wait_until_written(h);
    house_close(h);
    snprintf(command, sizeof(command),
             "cd %s && rm -rf log checkpoints && mv log.kept log && mv checkpoints.kept checkpoints",
             h->directory);
    assert_int_equal(system(command), 0);
    h->said = said;
    house_open(h);
    say(h, 1);
    snprintf(command, sizeof(command), "%s.other", h->path);
    for (unsigned i = 0; i < 5000 && access(command, F_OK) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    wait_until_written(h);
    house_close(h);
    check_file(h, h->said);
}

/* The log was trimmed, the file is lost: it says from where on it is complete, and that is so. */
static void a_trimmed_log_gives_what_it_has(void **state)
{
    struct house *h = *state;

    house_open(h);
    for (unsigned i = 0; i < 4; i++) {
        say(h, 400);
        assert_int_equal(engine_checkpoint(h->engine, 20000), 0);
    }
    say(h, 5);
    wait_until_written(h);
    house_close(h);
    check_file(h, h->said);
    assert_int_equal(unlink(h->path), 0);
    house_open(h);
    wait_until_written(h);
    house_close(h);
    int64_t from = number_in(h->path, "SELECT value FROM position WHERE name = 'complete_from'");
    assert_true(from > 0);
    assert_int_equal(number_in(h->path, "SELECT min(id) / 32768 FROM change"), from);
    int64_t lines = number_in(h->path, "SELECT count(*) FROM change");
    int64_t last = number_in(h->path, "SELECT max(id) / 32768 FROM change");
    assert_int_equal(lines, (last - from + 1) * EVENTS_OF_RECORD);
}

/* No file may grow beyond so many bytes, as on a disk that is full. */
static void bound_files(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_stops_the_history_and_nothing_else(void **state)
{
    struct house *h = *state;
    char trouble[300] = "";

    house_open(h);
    bound_files(2 << 20); /* the log's own segments have half of that */
    for (unsigned i = 0; i < 50; i++)
        say(h, 20); /* which asserts that all are applied */
    for (unsigned i = 0; i < 30000 && !metric(h, "failures_total"); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    history_sink_trouble(h->sink, trouble, sizeof(trouble));
    bound_files(RLIM_INFINITY);
    assert_true(metric(h, "failures_total") > 0);
    assert_non_null(strstr(trouble, HISTORY_FILE));
    say(h, 20);
    wait_until_written(h); /* it tries again by itself */
    history_sink_trouble(h->sink, trouble, sizeof(trouble));
    assert_string_equal(trouble, "");
    house_close(h);
    check_file(h, h->said);
}

/* ---- the file alone ---- */

static struct history_line line_at(uint64_t offset, uint32_t number, instant_t appended_at)
{
    return (struct history_line){.offset = offset,
                                 .number = number,
                                 .appended_at = appended_at,
                                 .occurred_at = appended_at,
                                 .quantity = LIMIT_NONE,
                                 .sku = TEXT("SKU-1"),
                                 .location = TEXT("L"),
                                 .type = TEXT("sale"),
                                 .verdict = TEXT("applied")};
}

static struct history_file *file_with(const struct house *h, unsigned records, unsigned lines)
{
    struct history_file *f;
    char detail[300];

    assert_int_equal(history_file_open(h->path, &f, detail, sizeof(detail)), 0);
    assert_int_equal(history_file_begin(f), 0);
    for (unsigned i = 0; i < records * lines; i++) {
        struct history_line l = line_at(i / lines, i % lines, (instant_t)(i / lines) * INSTANT_SECOND);
        assert_int_equal(history_file_add(f, &l), 0);
    }
    assert_int_equal(history_file_commit(f, &(struct history_position){7, records, 0}), 0);
    return f;
}

static void old_lines_go_by_whole_records(void **state)
{
    struct house *h = *state;
    struct history_file *f = file_with(h, 3000, 3);
    uint64_t deleted, all = 0;
    bool more = true;

    while (more) {
        assert_int_equal(history_file_prune(f, 2500 * INSTANT_SECOND, 0, &deleted, &more), 0);
        all += deleted;
    }
    assert_int_equal(all, 2500 * 3);
    assert_int_equal(history_file_position(f)->complete_from, 2500);
    assert_int_equal(history_file_prune(f, 2500 * INSTANT_SECOND, 0, &deleted, &more), 0);
    assert_int_equal(deleted, 0);
    history_file_close(f);
    assert_int_equal(number_in(h->path, "SELECT min(appended_at) FROM change"), 2500 * INSTANT_SECOND);
    assert_int_equal(number_in(h->path, "SELECT count(*) FROM change"), 500 * 3);
}

static void a_file_too_large_loses_its_oldest(void **state)
{
    struct house *h = *state;
    struct history_file *f = file_with(h, 6000, 2);
    uint64_t deleted, bytes = history_file_bytes(f) / 2;
    bool more = true;

    while (more)
        assert_int_equal(history_file_prune(f, INSTANT_NONE, bytes, &deleted, &more), 0);
    assert_true(history_file_bytes(f) <= bytes);
    uint64_t from = history_file_position(f)->complete_from;
    history_file_close(f);
    assert_true(from > 0 && from < 6000);
    assert_int_equal(number_in(h->path, "SELECT min(id) / 32768 FROM change"), (int64_t)from);
}

/* What a full disk does: nothing of the transaction is there, and it goes on when there is room. */
static void a_file_that_cannot_grow_loses_nothing_of_before(void **state)
{
    struct house *h = *state;
    struct history_file *f = file_with(h, 100, 1);
    struct rlimit old, little = {4 << 20, 4 << 20};
    char detail[300];
    int error = 0;
    unsigned n;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    little.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    for (n = 100; !error && n < 1000000; n += 1000) {
        error = history_file_begin(f);
        for (unsigned i = 0; i < 1000 && !error; i++) {
            struct history_line l = line_at(n + i, 0, INSTANT_SECOND);
            error = history_file_add(f, &l);
        }
        if (!error)
            error = history_file_commit(f, &(struct history_position){7, n + 1000, 0});
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(error == ERROR_IO || error == ERROR_LIMIT);
    assert_true(history_file_detail(f)[0]);
    history_file_rollback(f);
    history_file_close(f);
    assert_int_equal(history_file_open(h->path, &f, detail, sizeof(detail)), 0);
    uint64_t applied_to = history_file_position(f)->applied_to;
    history_file_close(f);
    assert_true(applied_to >= 100);
    assert_int_equal(number_in(h->path, "SELECT count(*) FROM change"), (int64_t)applied_to);
}

static void what_is_no_history_is_not_written_to(void **state)
{
    struct house *h = *state;
    struct history_file *f;
    char detail[300] = "";
    sqlite3 *db;

    assert_int_equal(sqlite3_open(h->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE somebodys (own TEXT)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(history_file_open(h->path, &f, detail, sizeof(detail)), ERROR_CORRUPT);
    assert_non_null(strstr(detail, "not a history"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_written_and_paged_newest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_keep_to_instants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_queue_cannot_hold_comes_from_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_never_there_is_made_from_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside_and_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_that_a_reader_sees_is_mended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_another_log_is_set_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_knows_more_than_the_log_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_trimmed_log_gives_what_it_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_stops_the_history_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_lines_go_by_whole_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_too_large_loses_its_oldest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_grow_loses_nothing_of_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_history_is_not_written_to, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
