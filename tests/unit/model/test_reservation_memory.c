/* What a reservation takes of memory, counted by the allocator: there are as many as shops have baskets, and
 * memory that is touched for the first time is what they cost most. */
#include "reserving.h"

#include <malloc.h>

enum { SKUS = 100, RESERVATIONS = 4000, BASKETS = 400 };

/* What they may take, in bytes. Behind it what was counted (glibc 2.36), and before texts and steps were
 * shared and what is rare put apart. */
enum {
    ONE_MOST = 1250,   /* 1,161; 1,653 */
    LINE_MOST = 680,   /* 632; 872 */
    ENDED_MOST = 1250, /* 1,161; 1,765 */
};

static char skus[SKUS][8];

static void begin(struct world *w)
{
    world_open(w);
    for (int i = 0; i < SKUS; i++) {
        snprintf(skus[i], sizeof(skus[i]), "SKU-%d", i);
        struct event e = with_quantity(event_of(EVENT_RECEIPT, at(9, 0)), U(1000000));
        e.sku = text_of(skus[i]);
        say(w, e);
    }
}

/* An allocator that does not count, a sanitizer's, says the same always. */
static long taken(void)
{
    struct mallinfo2 now = mallinfo2();
    return (long)(now.uordblks + now.hblkhd);
}

static void make(struct world *w, const char *kind, int count, int lines)
{
    for (int i = 0; i < count; i++) {
        char id[24];
        snprintf(id, sizeof(id), "%s-%d", kind, i);
        struct ask a = ask_of(STEP_RESERVE, id);
        for (int k = 0; k < lines; k++)
            ask_line(&a, skus[(i * lines + k) % SKUS], U(1), "L1");
        expect_applied(w, a);
        epoch_poll(w->epoch, SIZE_MAX);
    }
}

static void a_reservation_is_small(void **unused)
{
    struct world w;
    begin(&w);
    make(&w, "warm", 100, 1);
    long before = taken();
    make(&w, "one", RESERVATIONS, 1);
    long one = (taken() - before) / RESERVATIONS;
    if (one == 0) {
        world_close(&w);
        skip();
    }
    before = taken();
    make(&w, "basket", BASKETS, ASKS_MOST);
    long line = (taken() - before) / BASKETS / ASKS_MOST;
    before = taken();
    for (int i = 0; i < RESERVATIONS; i++) {
        char id[24];
        snprintf(id, sizeof(id), "one-%d", i);
        expect_applied(&w, ask_of(STEP_RELEASE, id));
        epoch_poll(w.epoch, SIZE_MAX);
    }
    long ended = one + (taken() - before) / RESERVATIONS;
    print_message("a reservation of one line %ld bytes, a line of a basket %ld, one that ended %ld\n", one,
                  line, ended);
    assert_in_range(one, 1, ONE_MOST);
    assert_in_range(line, 1, LINE_MOST);
    assert_in_range(ended, 1, ENDED_MOST);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reservation_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
