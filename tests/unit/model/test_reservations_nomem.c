/* The Nth allocation fails, for every N of every step: what was begun is done when memory is there again, and
 * the end is as if nothing had been, to the last byte of the state. */
#include "reserving.h"

#include "core/model/image.h"
#include "failing.h"

static unsigned long failures;

/* Applies a record; the allocation `first` of it fails, then, if `every`, the next, until none is left to. */
static void apply_failing(struct world *w, const struct record *r, long first, bool every)
{
    for (long n = first;;) {
        failing_left = n;
        int error = state_apply(w->state, r, w->offset, w->now, &w->outcome);
        failing_left = -1;
        if (!error)
            break;
        assert_int_equal(error, ERROR_NOMEM);
        failures++;
        n = every ? n + 1 : -1;
    }
    w->offset++;
}

struct heard { /* what a record led to */
    uint32_t verdict, reason, shortfalls, changes, state;
};

enum { HEARD_MOST = 64 };
static struct heard plainly[HEARD_MOST], hindered[HEARD_MOST];

struct telling {
    struct world *w;
    long first;
    bool every;
    struct heard *heard;
    uint32_t count;
};

static void tell(struct telling *t, const struct record *r)
{
    apply_failing(t->w, r, t->first, t->every);
    const struct outcome *o = &t->w->outcome;
    struct heard *h = &t->heard[t->count++];
    assert_true(t->count <= HEARD_MOST);
    *h = (struct heard){.verdict = o->verdicts[0].verdict,
                        .reason = o->verdicts[0].reason,
                        .changes = (uint32_t)o->changes_count};
    if (!o->reservation)
        return;
    h->shortfalls = o->reservation->shortfalls_count;
    h->state = o->reservation->reservation ? 1 + (uint32_t)o->reservation->reservation->state : 0;
}

static void tell_ask(struct telling *t, struct ask a)
{
    for (uint32_t i = 0; i < a.said.lines_count; i++)
        a.lines[i].locations = a.places[i];
    a.said.lines = a.lines;
    tell(t, &(struct record){.kind = RECORD_RESERVATION, .reservation = &a.said});
}

static void tell_event(struct telling *t, struct event e)
{
    char id[16];
    snprintf(id, sizeof(id), "e-%u", t->count);
    e.id = text_of(id);
    tell(t, &(struct record){.kind = RECORD_EVENTS, .events_count = 1, .events = &e});
}

static void tell_expiry(struct telling *t, const char *id, instant_t seen)
{
    t->w->now = seen;
    tell(t, &(struct record){
                .kind = RECORD_PROPOSAL,
                .proposal = {.kind = PROPOSAL_EXPIRE, .reference = text_of(id), .seen = seen, .due = seen}});
}

/* Every step once, refusals, repeats, and orders between them. */
static void story(struct telling *t)
{
    tell_event(t, plain(EVENT_RECEIPT, at(8, 0), U(50)));
    tell_event(t, with_location(plain(EVENT_RECEIPT, at(8, 0), U(5)), "L2"));
    tell_event(t, with_sku(plain(EVENT_RECEIPT, at(8, 0), U(9)), "SKU-2"));
    struct ask basket = for_reference(reserve("r-1", U(4)), "77");
    ask_line(&basket, "SKU-2", U(3), "L1");
    ask_line(&basket, "SKU-1", U(7), "L2");
    ask_candidate(&basket, "L1");
    basket.lines[2].split = true;
    tell_ask(t, basket);
    tell_ask(t, basket);
    tell_ask(t, reserve("r-2", U(60)));
    tell_ask(t, reserve("r-2", U(6)));
    struct ask partial = reserve("r-3", U(60));
    partial.said.partial = true;
    tell_ask(t, partial);
    tell_ask(t, ask_of(STEP_RELEASE, "r-3"));
    struct ask change = ask_of(STEP_CHANGE, "r-2");
    ask_line(&change, "SKU-1", U(2), "L1");
    ask_line(&change, "SKU-2", U(2), "L1");
    tell_ask(t, change);
    struct ask move = with_step_id(ask_of(STEP_MOVE, "r-2"), "m-1");
    move.said.move_sku = TEXT("SKU-1");
    move.said.move_from = TEXT("L1");
    move.said.move_to = TEXT("L2");
    tell_ask(t, move);
    move.said.move_from = TEXT("L2");
    move.said.move_to = TEXT("L1");
    move.said.step_id = TEXT("m-2");
    tell_ask(t, move);
    struct ask extend = with_step_id(ask_of(STEP_EXTEND, "r-2"), "x-1");
    extend.said.ttl_us = 20 * INSTANT_MINUTE;
    tell_ask(t, extend);
    tell_event(t, order(EVENT_ORDER_PLACED, at(11, 0), "78", U(1)));
    tell_ask(t, for_reference(ask_of(STEP_CONFIRM, "r-2"), "78"));
    tell_ask(t, ask_of(STEP_CONFIRM, "r-1"));
    tell_ask(t, part_of(STEP_FULFIL, "r-1", "s-1", U(2)));
    tell_ask(t, part_of(STEP_CANCEL, "r-1", "s-2", U(1)));
    tell_event(t, order(EVENT_ORDER_SHIPPED, at(11, 0), "78", U(2)));
    tell_ask(t, ask_of(STEP_CANCEL, "r-2"));
    tell_ask(t, ask_of(STEP_FULFIL, "r-1"));
    struct ask later = reserve("r-4", U(3));
    later.said.required_at = at(20, 0);
    tell_ask(t, later);
    tell_expiry(t, "r-4", t->w->now + 15 * INSTANT_MINUTE);
    tell_ask(t, ask_of(STEP_CONFIRM, "r-4"));
    t->w->now += 2 * INSTANT_DAY;
    tell_event(t, plain(EVENT_SALE, at(9, 0), U(1)));
}

static struct hash128 told(long first, bool every, struct heard *heard)
{
    struct world w;
    world_open(&w);
    struct telling t = {.w = &w, .first = first, .every = every, .heard = heard};
    story(&t);
    struct hash128 digest = state_digest(w.state);
    world_close(&w);
    return digest;
}

static void every_allocation_of_every_step_may_fail(void **unused)
{
    struct hash128 first = told(-1, false, plainly);
    assert_int_equal(failures, 0);
    for (long n = -1; n < 40; n++) {
        struct hash128 second = told(n < 0 ? 0 : n, n < 0, hindered);
        for (int i = 0; i < HEARD_MOST; i++) {
            if (memcmp(&plainly[i], &hindered[i], sizeof(plainly[i])))
                print_message("record %d, allocation %ld: verdict %u %s\n", i, n, hindered[i].verdict,
                              reason_name((enum reason)hindered[i].reason));
            assert_memory_equal(&plainly[i], &hindered[i], sizeof(plainly[i]));
        }
        assert_true(first.high == second.high && first.low == second.low);
    }
    print_message("%lu failed\n", failures);
    assert_true(failures > 100);
}

static void a_step_that_stopped_may_be_abandoned_with_the_state(void **unused)
{
    for (long n = 0; n < 40; n++) {
        struct world w;
        world_open(&w);
        say(&w, plain(EVENT_RECEIPT, at(8, 0), U(5)));
        struct ask a = for_reference(reserve("r-1", U(2)), "77");
        a.lines[0].locations = a.places[0];
        a.said.lines = a.lines;
        struct record r = {.kind = RECORD_RESERVATION, .reservation = &a.said};
        failing_left = n;
        (void)state_apply(w.state, &r, w.offset, w.now, &w.outcome);
        failing_left = -1;
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_every_step_may_fail),
        cmocka_unit_test(a_step_that_stopped_may_be_abandoned_with_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
