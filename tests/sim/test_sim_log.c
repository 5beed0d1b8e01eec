/* The simulated log keeps the promises of log.h, whatever the seed. */
#include "base/error.h"
#include "sim/sim_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { RECORDS_MOST = 4096 };

/* What one run of a seed did: the same seed must do the same. */
struct run {
    uint64_t appended, acknowledged, lost, busy, crashes, hash;
};

static void note(struct run *r, uint64_t what)
{
    r->hash = (r->hash ^ what) * UINT64_C(0x100000001B3);
}

static void append_one(struct log *l, struct run *r, uint64_t *values)
{
    uint64_t n = r->appended;

    values[n] = n * 7 + 1;
    int error = l->ops->append(l, &(struct log_append){&values[n], sizeof(values[n]), &values[n]}, 1);
    if (error)
        assert_int_equal(error, ERROR_BUSY);
    r->busy += error != 0;
    r->appended += error == 0;
}

/* Takes what there is; each must be the one that was appended there. */
static void take(struct log *l, struct run *r, uint64_t *next_offset, const uint64_t *values)
{
    struct log_record got[16];
    int n = l->ops->next(l, got, 16, 1000);

    assert_in_range(n, 0, 16);
    for (int i = 0; i < n; i++, ++*next_offset) {
        assert_int_equal(got[i].offset, *next_offset);
        note(r, got[i].offset + (uint64_t)got[i].appended_at);
        if (got[i].cookie)
            assert_memory_equal(got[i].bytes, got[i].cookie, sizeof(*values));
    }
    if (*next_offset > r->acknowledged)
        r->acknowledged = *next_offset;
}

static struct run run_seed(uint64_t seed)
{
    static uint64_t values[RECORDS_MOST];
    struct run r = {0};
    struct sim_log *disk;
    struct log *l;
    struct log_status status;
    uint64_t next_offset = 0;

    assert_int_equal(sim_log_create(seed, 1000000, "first", 5, &disk), 0);
    assert_int_equal(sim_log_open(disk, 0, &l), 0);
    for (unsigned step = 0; step < 2000 && r.appended < RECORDS_MOST; step++) {
        append_one(l, &r, values);
        sim_log_tick(disk);
        take(l, &r, &next_offset, values);
        if (step % 100 != 99)
            continue;
        l->ops->trim(l, next_offset / 2);
        l->ops->status(l, &status);
        l->ops->destroy(l);
        sim_log_crash(disk);
        r.crashes++;
        next_offset = status.first_offset;
        assert_int_equal(sim_log_open(disk, next_offset, &l), 0);
        l->ops->status(l, &status);
        assert_true(status.end_offset >= r.acknowledged);
        r.lost += 1 + r.appended - r.lost - status.end_offset;
        note(&r, status.end_offset);
    }
    l->ops->stop(l);
    l->ops->destroy(l);
    sim_log_destroy(disk);
    return r;
}

static void nothing_acknowledged_is_lost_whatever_the_seed(void **unused)
{
    uint64_t lost = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct run r = run_seed(seed);
        assert_true(r.busy > 0 && r.crashes == 20);
        lost += r.lost;
    }
    assert_true(lost > 0); /* and what was not acknowledged is, sometimes */
}

static void the_same_seed_does_the_same(void **unused)
{
    struct run a = run_seed(42), b = run_seed(42), c = run_seed(43);

    assert_memory_equal(&a, &b, sizeof(a));
    assert_true(a.hash != c.hash);
}

static void a_trimmed_beginning_is_not_there(void **unused)
{
    struct sim_log *disk;
    struct log *l, *second;
    struct log_status status = {0};

    assert_int_equal(sim_log_create(1, 0, "first", 5, &disk), 0);
    assert_int_equal(sim_log_open(disk, 0, &l), 0);
    assert_int_equal(sim_log_open(disk, 0, &second), ERROR_BUSY);
    assert_int_equal(sim_log_open(disk, 0, &second), ERROR_BUSY);
    for (int tries = 0; status.first_offset == 0 && tries < 1000; tries++) {
        l->ops->append(l, &(struct log_append){"x", 1, NULL}, 1);
        sim_log_tick(disk);
        l->ops->status(l, &status);
        l->ops->trim(l, status.end_offset);
        l->ops->status(l, &status);
    }
    l->ops->destroy(l);
    assert_int_equal(sim_log_open(disk, status.first_offset - 1, &l), ERROR_NOTFOUND);
    assert_int_equal(sim_log_open(disk, status.end_offset + 1, &l), ERROR_NOTFOUND);
    sim_log_destroy(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost_whatever_the_seed),
        cmocka_unit_test(the_same_seed_does_the_same),
        cmocka_unit_test(a_trimmed_beginning_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
