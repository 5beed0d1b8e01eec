/* An engine that must not go on: a level it does not know, a checkpoint it does not understand, a log that
 * lost its beginning. */
#include "base/error.h"
#include "codec/record_codec.h"
#include "core/model/image.h"
#include "engine/checkpoint.h"
#include "engine/engine.h"
#include "engine/internal.h"
#include "engine/replay.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char directory[64];

static int set_up(void **unused)
{
    snprintf(directory, sizeof(directory), "/tmp/onhand-halt-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **unused)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void told(struct command *c)
{
    struct waiting *w = c->context;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Submits a record and waits; the command's status. */
static int submit(struct engine *e, const struct record *r, struct event_verdict *ret_verdict)
{
    struct waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct buffer bytes = {0};
    struct command_port port = engine_port(e);
    struct command c = {.verdicts = ret_verdict, .verdicts_capacity = 1, .done = told, .context = &w};

    assert_int_equal(record_encode(r, &bytes), 0);
    c.bytes = bytes.at;
    c.length = bytes.length;
    int error = port.submit(port.engine, &c);
    if (!error) {
        pthread_mutex_lock(&w.lock);
        while (!w.done)
            pthread_cond_wait(&w.changed, &w.lock);
        pthread_mutex_unlock(&w.lock);
        error = c.status;
    }
    buffer_finish(&bytes);
    return error;
}

static struct engine *open_here(void)
{
    struct engine *e;
    char detail[300];
    struct engine_options o = {.directory = directory};
    if (engine_open(&o, &e, detail, sizeof(detail)) != 0)
        fail_msg("%s", detail);
    return e;
}

static struct record receipt(struct event *e, const char *id)
{
    *e = (struct event){.type = EVENT_RECEIPT,
                        .has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(occurred_at) |
                               HAS(quantity),
                        .id = text_of(id),
                        .source = TEXT("t"),
                        .sku = TEXT("S"),
                        .location = TEXT("store-1"),
                        .quantity = 5000,
                        .occurred_at = INT64_C(1700000000000000),
                        .as_of = INSTANT_NONE,
                        .expected_at = INSTANT_NONE,
                        .required_at = INSTANT_NONE};
    return (struct record){.kind = RECORD_EVENTS, .level = LEVEL_FIRST, .events_count = 1, .events = e};
}

static int64_t on_hand(struct engine *e)
{
    const struct view *v = engine_view(e);
    struct epoch_reader *r = epoch_register(v->epoch);
    struct row_image row = {0};

    epoch_enter(r);
    const struct sku *s = table_find(v->table, TEXT("S"));
    if (s)
        sku_read(v->table, s, 0, &row);
    epoch_exit(r);
    epoch_unregister(r);
    return row_on_hand(&row);
}

static void ignore(struct command *c) {}

/* A cut in the middle of a batch: what was decoded ahead of it, here fields that nobody knows, is no part of
 * it. */
static void a_digest_inside_a_batch_is_that_of_a_replay(void **unused)
{
    enum { RECORDS = 6, AT = 4 };
    struct command commands[RECORDS] = {0};
    struct event_verdict verdicts[RECORDS];
    char bytes[RECORDS][256], path[80], detail[300];
    struct engine *e;

    snprintf(path, sizeof(path), "%s/batch", directory);
    struct engine_options o = {.directory = path};
    assert_int_equal(engine_open_unthreaded(&o, &e, detail, sizeof(detail)), 0);
    while (!atomic_load(&engine_view(e)->ready))
        assert_true(engine_turn(e, 100) >= 0);
    struct log_append batch[RECORDS];
    for (int i = 0; i < RECORDS; i++) {
        int length = snprintf(
            bytes[i], sizeof(bytes[i]),
            "{\"id\":\"u%d\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"S\",\"location\":\"store-1\","
            "\"quantity\":1,\"occurred_at\":\"2026-01-01T00:00:00Z\",\"colour\":\"red\"}",
            i);
        commands[i] = (struct command){.bytes = bytes[i],
                                       .length = (size_t)length,
                                       .verdicts = &verdicts[i],
                                       .verdicts_capacity = 1,
                                       .done = ignore};
        batch[i] = (struct log_append){bytes[i], (size_t)length, &commands[i]};
    }
    assert_int_equal(e->log->ops->append(e->log, batch, RECORDS), 0); /* adjacent: one batch */
    e->wanted.digest = true;
    e->wanted.digest_at = AT;
    atomic_store(&e->digest_armed, true);
    while (!e->wanted.digest_done || atomic_load(&engine_view(e)->next_offset) < RECORDS + 1)
        assert_true(engine_turn(e, 100) >= 0);
    assert_int_equal(e->wanted.digest_status, 0);
    assert_int_equal(e->wanted.digest_next_offset, AT);
    struct hash128 lived = e->wanted.digest_value;
    engine_crash(e);

    struct epoch *epoch;
    struct state *state;
    assert_int_equal(replay_state(path, AT, NULL, NULL, &epoch, &state, detail, sizeof(detail)), 0);
    struct hash128 replayed = state_digest(state);
    state_destroy(state);
    epoch_destroy(epoch);
    assert_memory_equal(&lived, &replayed, sizeof(lived));
}

static void a_checkpoint_that_is_not_understood_is_passed_over(void **unused)
{
    struct engine *e = open_here();
    struct event event;
    struct event_verdict verdict;
    struct record r = receipt(&event, "before");
    char path[128], detail[300];
    struct checkpoint_writer *w;

    assert_int_equal(engine_wait_ready(e, 10000), 0);
    assert_int_equal(submit(e, &r, &verdict), 0);
    engine_close(e);
    snprintf(path, sizeof(path), "rm -f '%s'/checkpoints/*", directory);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof(path), "%s/checkpoints", directory);
    struct checkpoint_header h = {.format = IMAGE_FORMAT, .level = 1, .incarnation = 1, .next_offset = 2};
    assert_int_equal(checkpoint_create(path, &h, &w), 0);
    assert_int_equal(checkpoint_add(w, 200, "nobody knows this", 17), 0);
    checkpoint_commit(w, (struct hash128){1, 2});
    int status;
    while ((status = checkpoint_poll(w, detail, sizeof(detail))) > 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(status, 0);
    checkpoint_destroy(w);

    e = open_here(); /* replays the log from its first record */
    assert_int_equal(engine_wait_ready(e, 10000), 0);
    assert_int_equal(on_hand(e), 5000);
    engine_close(e);
}

static void a_level_beyond_this_build_halts_and_skips_nothing(void **unused)
{
    struct engine *e = open_here();
    struct event event;
    struct event_verdict verdict;
    struct record r = receipt(&event, "e1"),
                  raise = {.kind = RECORD_LEVEL, .level = LEVEL_FIRST, .raise_level = LEVEL_NEWEST + 1};
    char why[240];

    assert_int_equal(engine_wait_ready(e, 10000), 0);
    assert_int_equal(submit(e, &r, &verdict), 0);
    int64_t before = on_hand(e);
    assert_int_not_equal(submit(e, &raise, &verdict), 0);
    r = receipt(&event, "e2");
    assert_int_not_equal(submit(e, &r, &verdict), 0);
    engine_why_not_ready(e, why, sizeof(why));
    assert_non_null(strstr(why, "newer version"));
    assert_int_equal(on_hand(e), before); /* reads go on */
    uint64_t stands = atomic_load(&engine_view(e)->next_offset);
    engine_close(e);

    e = open_here(); /* and again after a restart: the record is still there */
    assert_int_equal(engine_wait_ready(e, 10000), ERROR_LEVEL);
    assert_int_equal(on_hand(e), before);
    assert_int_equal(atomic_load(&engine_view(e)->next_offset), stands);
    engine_close(e);
}

static void refused_with(const char *word)
{
    char detail[400] = "";
    struct engine *e = NULL;
    struct engine_options o = {.directory = directory};

    assert_int_not_equal(engine_open(&o, &e, detail, sizeof(detail)), 0);
    if (!strstr(detail, word))
        fail_msg("%s", detail);
}

/* The log of another engine under this one's checkpoints would give numbers that never were. */
static void another_log_is_refused(void **unused)
{
    char other[80], command[400], detail[300];
    struct event_verdict verdict;
    struct event event;
    struct engine *e;

    snprintf(other, sizeof(other), "%s/other", directory);
    struct engine_options o = {.directory = other};
    assert_int_equal(engine_open(&o, &e, detail, sizeof(detail)), 0);
    assert_int_equal(engine_wait_ready(e, 10000), 0);
    for (int i = 0; i < 10; i++) {
        char id[8];
        snprintf(id, sizeof(id), "x%d", i);
        struct record r = receipt(&event, id);
        assert_int_equal(submit(e, &r, &verdict), 0);
    }
    engine_close(e);
    snprintf(command, sizeof(command), "cd '%s' && mv log own && cp -r other/log log", directory);
    assert_int_equal(system(command), 0);
    refused_with("this is the log");
    snprintf(command, sizeof(command), "cd '%s' && rm -rf log && mv own log", directory);
    assert_int_equal(system(command), 0);
}

static void a_checkpoint_without_its_log_is_refused(void **unused)
{
    char command[200];

    snprintf(command, sizeof(command), "rm -rf '%s/log'", directory);
    assert_int_equal(system(command), 0);
    refused_with("there is no log here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_inside_a_batch_is_that_of_a_replay),
        cmocka_unit_test(a_checkpoint_that_is_not_understood_is_passed_over),
        cmocka_unit_test(a_level_beyond_this_build_halts_and_skips_nothing),
        cmocka_unit_test(another_log_is_refused),
        cmocka_unit_test(a_checkpoint_without_its_log_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
