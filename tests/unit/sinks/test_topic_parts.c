/* The small parts below the availability topic: rounds over SKUs, and what a dirty set remembers. */
#include "base/hash.h"
#include "core/model/state.h"
#include "sinks/dirty.h"
#include "sinks/kits.h"
#include "sinks/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SKUS = 1000, LOCATIONS = 5 };

struct world {
    struct epoch *epoch;
    struct epoch_reader *reader;
    struct state *state;
    struct view view;
};

/* SKU n has one row, at location n % LOCATIONS. */
static void add_sku(struct world *w, uint32_t n)
{
    char name[16];
    struct text text = {name, (size_t)sprintf(name, "S%u", n)};
    struct sku *sku = table_add(w->state->table, text, hash_text(text));
    struct row_image row = {
        .word = {row_who(n % LOCATIONS, 1), 1000, 0, 0, 0, 0, row_version(n + 1, 0, 0), 0}};

    assert_int_equal(table_publish(w->state->table, sku, &row, 1), 0);
}

static int set_up(void **context)
{
    static struct world w;

    w = (struct world){.epoch = epoch_create()};
    w.reader = epoch_register(w.epoch);
    w.state = state_create(w.epoch);
    for (uint32_t i = 0; i < SKUS; i++)
        add_sku(&w, i);
    w.view.table = w.state->table;
    w.view.catalogue = w.state->catalogue;
    *context = &w;
    return 0;
}

static int tear_down(void **context)
{
    struct world *w = *context;

    epoch_unregister(w->reader);
    state_destroy(w->state);
    epoch_destroy(w->epoch);
    return 0;
}

/* Goes on until the pass is over; how often each SKU came. */
static void run(struct world *w, struct pass *p, unsigned seen[SKUS], int at_most)
{
    uint32_t sku;

    memset(seen, 0, SKUS * sizeof(*seen));
    epoch_enter(w->reader);
    while (p->left && at_most-- > 0)
        if (pass_next(p, &w->view, &sku))
            seen[sku]++;
    epoch_exit(w->reader);
}

static void a_pass_comes_to_every_sku_once(void **context)
{
    struct world *w = *context;
    struct pass p = {0};
    unsigned seen[SKUS];

    for (int round = 0; round < 3; round++) {
        pass_all(&p, &w->view, round == 1);
        assert_int_equal(p.whole, round == 1);
        run(w, &p, seen, 10 * SKUS);
        for (int i = 0; i < SKUS; i++)
            assert_int_equal(seen[i], 1);
    }
}

static void one_that_is_asked_for_on_the_way_begins_anew(void **context)
{
    struct world *w = *context;
    struct pass p = {0};
    unsigned first[SKUS], rest[SKUS];
    uint32_t sku;

    pass_all(&p, &w->view, true);
    run(w, &p, first, SKUS / 3);
    pass_all(&p, &w->view, false);
    assert_true(p.whole); /* what it was asked for before still holds */
    assert_true(pass_next(&p, &w->view, &sku));
    pass_back(&p, sku);
    run(w, &p, rest, 10 * SKUS);
    for (int i = 0; i < SKUS; i++)
        assert_int_equal(rest[i], 1);
}

/* The round began in the middle and goes around its end: what is added behind that must not push it on. */
static void skus_that_are_added_on_the_way_take_nobodys_place(void **context)
{
    struct world *w = *context;
    struct pass p = {0};
    unsigned seen[SKUS + 50];
    uint32_t sku;

    pass_all(&p, &w->view, true);
    run(w, &p, seen, SKUS / 3);
    pass_all(&p, &w->view, true);
    memset(seen, 0, sizeof(seen));
    epoch_enter(w->reader);
    for (uint32_t i = 0; p.left; i++) {
        if (i < 50)
            add_sku(w, SKUS + i);
        if (pass_next(&p, &w->view, &sku))
            seen[sku]++;
    }
    epoch_exit(w->reader);
    for (int i = 0; i < SKUS; i++)
        assert_int_equal(seen[i], 1);
}

static void a_pass_of_locations_leaves_the_others_out(void **context)
{
    struct world *w = *context;
    struct pass p = {0};
    unsigned seen[SKUS];

    pass_location(&p, &w->view, 1);
    pass_location(&p, &w->view, 3);
    run(w, &p, seen, 10 * SKUS);
    for (unsigned i = 0; i < SKUS; i++)
        assert_int_equal(seen[i], i % LOCATIONS == 1 || i % LOCATIONS == 3);
    pass_location(&p, &w->view, 2); /* the next one has forgotten them */
    run(w, &p, seen, 10 * SKUS);
    for (unsigned i = 0; i < SKUS; i++)
        assert_int_equal(seen[i], i % LOCATIONS == 2);
    for (uint32_t i = 0; i <= PASS_LOCATIONS; i++) /* more than it can hold: everything */
        pass_location(&p, &w->view, i);
    run(w, &p, seen, 10 * SKUS);
    for (unsigned i = 0; i < SKUS; i++)
        assert_int_equal(seen[i], 1);
}

static void what_was_not_written_keeps_its_version(void **context)
{
    struct dirty_set d = {0};
    uint32_t sku;

    assert_int_equal(dirty_reserve(&d, 10), 0);
    dirty_assume(&d, 7);
    assert_int_equal(dirty_base(&d, 4), 7);
    dirty_mark(&d, 4, false);
    assert_true(dirty_take(&d, &sku));
    dirty_retry(&d, sku); /* an aborted transaction */
    assert_int_equal(dirty_base(&d, 4), 7);
    assert_true(dirty_take(&d, &sku));
    dirty_mark(&d, 4, true); /* all of it, from now on */
    dirty_retry(&d, sku);
    assert_int_equal(dirty_base(&d, 4), 0);
    assert_int_equal(dirty_count(&d), 1);
    assert_true(dirty_take(&d, &sku));
    dirty_done(&d, sku, 9);
    assert_int_equal(dirty_base(&d, 4), 9);
    assert_int_equal(dirty_count(&d), 0);
    dirty_mark(&d, 4, false);
    assert_true(dirty_take(&d, &sku));
    dirty_again(&d, sku); /* nobody knows */
    assert_int_equal(dirty_base(&d, 4), 0);
    dirty_finish(&d);
}

static void a_kit_stays_known(void **context)
{
    struct kits k = {0};

    assert_false(kits_have(&k, 5, 0));
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(kits_add(&k, i * i, i), 0);
    for (uint32_t i = 0; i < 500; i++)
        assert_true(kits_have(&k, i * i, i) && !kits_have(&k, i * i, i + 1));
    kits_finish(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pass_comes_to_every_sku_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_asked_for_on_the_way_begins_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(skus_that_are_added_on_the_way_take_nobodys_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pass_of_locations_leaves_the_others_out, set_up, tear_down),
        cmocka_unit_test(what_was_not_written_keeps_its_version),
        cmocka_unit_test(a_kit_stays_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
