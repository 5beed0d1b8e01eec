/* The pool of messages on their way: its bounds, and the way back from other threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "intake/parcel.h"

#include <pthread.h>

enum { PARCELS = 64, THREADS = 4, ROUNDS = 2000 };

static void gives_no_more_than_there_is(void **state)
{
    struct parcel_pool p;
    struct parcel *taken[3];

    assert_int_equal(parcel_pool_init(&p, 2, 100), 0);
    taken[0] = parcel_take(&p);
    taken[1] = parcel_take(&p);
    assert_non_null(taken[1]);
    assert_null(parcel_take(&p));
    parcel_free(&p, taken[0]);
    buffer_printf(&taken[1]->record, "%0101d", 0); /* more bytes than the pool may hold */
    assert_true(parcel_prepare(&p, taken[1], 1000, false));
    assert_int_equal(taken[1]->command.verdicts_capacity, 1000);
    assert_int_equal(p.bytes, 101);
    assert_null(parcel_take(&p));
    parcel_free(&p, taken[1]);
    assert_int_equal(p.bytes, 0);
    assert_int_equal(p.free_count, 2);
    taken[2] = parcel_take(&p);
    assert_non_null(taken[2]);
    parcel_pool_finish(&p);
}

struct lot { /* one thread's share */
    struct parcel *parcels[PARCELS / THREADS];
    struct parcel_pool *pool;
    bool batches; /* the writer's: what it answered comes back together */
    _Atomic unsigned round;
};

/* In batches of different lengths, over and over across the ring's end. */
static void give_back_batches(struct lot *lot, unsigned round)
{
    struct command *some[PARCELS / THREADS];

    for (size_t from = 0, count; from < PARCELS / THREADS; from += count) {
        count = 1 + (round + from) % 7;
        if (count > PARCELS / THREADS - from)
            count = PARCELS / THREADS - from;
        for (size_t k = 0; k < count; k++) {
            lot->parcels[from + k]->offset = round;
            some[k] = &lot->parcels[from + k]->command;
        }
        some[0]->done_all(some, count);
    }
}

static void *give_back(void *context)
{
    struct lot *lot = context;

    for (unsigned round = 1; round <= ROUNDS; round++) {
        while (atomic_load_explicit(&lot->round, memory_order_acquire) < round)
            sched_yield();
        if (lot->batches)
            give_back_batches(lot, round);
        for (int k = 0; k < PARCELS / THREADS && !lot->batches; k++) {
            lot->parcels[k]->offset = round;
            lot->parcels[k]->command.done(&lot->parcels[k]->command);
        }
    }
    return NULL;
}

static void everything_comes_back_once_and_in_order(void **state)
{
    struct parcel_pool p;
    struct lot lots[THREADS] = {0};
    pthread_t threads[THREADS];

    assert_int_equal(parcel_pool_init(&p, PARCELS, 1000), 0);
    for (int t = 0; t < THREADS; t++) {
        lots[t].pool = &p;
        lots[t].batches = t == 0;
        for (int k = 0; k < PARCELS / THREADS; k++) {
            lots[t].parcels[k] = parcel_take(&p);
            assert_true(parcel_prepare(&p, lots[t].parcels[k], 1, false));
        }
        pthread_create(&threads[t], NULL, give_back, &lots[t]);
    }
    for (unsigned round = 1; round <= ROUNDS; round++) {
        size_t back = 0, next[THREADS] = {0};
        for (int t = 0; t < THREADS; t++)
            atomic_store_explicit(&lots[t].round, round, memory_order_release);
        while (back < PARCELS) {
            struct command *c = parcel_pool_done(&p);
            if (!c)
                parcel_pool_wait(&p, 1, 10000); /* a lost wake-up would show as a test that takes hours */
            for (; c; c = c->next, back++) {
                struct parcel *parcel = (struct parcel *)c;
                int t = 0;
                while (next[t] == PARCELS / THREADS || lots[t].parcels[next[t]] != parcel)
                    assert_true(++t < THREADS);
                next[t]++;
                assert_int_equal(parcel->offset, round);
            }
        }
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    assert_null(parcel_pool_done(&p));
    parcel_pool_finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_no_more_than_there_is),
        cmocka_unit_test(everything_comes_back_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
