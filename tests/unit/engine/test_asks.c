/* Questions to the writer: answered between batches, in order, again while they say so; and given back when
 * nobody answers any more. */
#include "base/error.h"
#include "engine/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { ASKERS = 4, QUESTIONS = 500 };

static char directory[64];
static struct engine *engine;

static int set_up(void **unused)
{
    char detail[256];

    snprintf(directory, sizeof(directory), "/tmp/onhand-asks-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    int error =
        engine_open(&(struct engine_options){.directory = directory}, &engine, detail, sizeof(detail));
    return error ? error : engine_wait_ready(engine, 60000);
}

static int tear_down(void **unused)
{
    char command[100];

    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

/* One question and who waits for it. */
struct question {
    struct command command;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool back;
    unsigned turns, wanted;
    uint64_t next_offset;
};

/* @thread writer */
static bool look(struct command *c, const struct state *s)
{
    struct question *q = c->context;

    q->next_offset = s->next_offset;
    return ++q->turns == q->wanted;
}

static void done(struct command *c)
{
    struct question *q = c->context;

    pthread_mutex_lock(&q->lock);
    q->back = true;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static void question_make(struct question *q, unsigned turns)
{
    *q = (struct question){
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .wanted = turns};
    q->command = (struct command){.ask = look, .done = done, .context = q};
}

static void question_wait(struct question *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->back)
        pthread_cond_wait(&q->changed, &q->lock);
    pthread_mutex_unlock(&q->lock);
}

static void *asker(void *unused)
{
    struct command_port port = engine_port(engine);

    for (unsigned i = 0; i < QUESTIONS; i++) {
        struct question q;
        question_make(&q, 1 + i % 3);
        while (port.submit(port.engine, &q.command) == ERROR_BUSY) {
        }
        question_wait(&q);
        if (q.command.status || q.turns != q.wanted || q.command.offset + 1 < q.next_offset)
            return engine; /* answered wrongly */
    }
    return NULL;
}

static void many_ask_at_once(void **unused)
{
    pthread_t threads[ASKERS];
    void *wrong;

    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, asker, NULL), 0);
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    engine_close(engine);
}

/* One that would never end, and those behind it: each comes back. */
static void what_is_not_answered_comes_back(void **unused)
{
    struct command_port port = engine_port(engine);
    struct question all[20];

    for (size_t i = 0; i < 20; i++) {
        question_make(&all[i], i ? 1 : 0); /* 0: after 4,294,967,296 turns */
        assert_int_equal(port.submit(port.engine, &all[i].command), 0);
    }
    engine_close(engine);
    for (size_t i = 0; i < 20; i++) {
        assert_true(all[i].back);
        assert_int_equal(all[i].command.status, ERROR_UNAVAILABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_ask_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_answered_comes_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
