/* What falls due, as the state knows it; silent locations; how far outputs got. */
#include "core/model/image.h"
#include "core/model/proposals.h"
#include "world.h"

#define INSTANT_HOUR (60 * INSTANT_MINUTE)

static enum verdict told(struct world *w, const struct record *r)
{
    assert_int_equal(world_record(w, r), 0);
    return (enum verdict)w->outcome.verdicts[0].verdict;
}

/* ---- incoming lines ---- */

static struct record next_proposal(struct world *w, instant_t until)
{
    struct record r = {.kind = RECORD_PROPOSAL};
    struct state *s = w->state;
    int64_t delay_us = due_delay_us(&s->settings, DUE_SUPPLY);
    const struct due_entry *e =
        due_take(&s->due, DUE_SUPPLY, until - delay_us, s->log_time - delay_us, INSTANT_SECOND);
    assert_non_null(e);
    due_describe(s, DUE_SUPPLY, e, &r.proposal);
    return r;
}

static instant_t tomorrow(int hour, int minute)
{
    return at(24 + hour, minute);
}

static void case_42_a_line_is_due_at_the_end_of_its_grace(void **unused)
{
    struct world w;
    world_open(&w);
    w.now = tomorrow(7, 0);
    struct setting_said grace = {TEXT("supply_grace_us"), 2 * INSTANT_HOUR};
    struct record settings = {.kind = RECORD_SETTINGS, .settings = {1, &grace}};
    assert_int_equal(told(&w, &settings), VERDICT_APPLIED);
    say(&w, inbound(tomorrow(7, 0), "PO-1", U(20), tomorrow(8, 0), NULL));
    assert_int_equal(due_next(&w.state->due, DUE_SUPPLY) + due_delay_us(&w.state->settings, DUE_SUPPLY),
                     tomorrow(10, 0));
    w.now = tomorrow(9, 59);
    struct record p = next_proposal(&w, tomorrow(10, 0));
    assert_true(text_equal(p.proposal.sku, TEXT("SKU-1")) && text_equal(p.proposal.location, TEXT("L1")));
    assert_int_equal(p.proposal.seen, tomorrow(8, 0));
    assert_int_equal(told(&w, &p), VERDICT_SUPERSEDED); /* the proposer's clock is ahead of the log's */
    w.now = tomorrow(10, 1);
    p = next_proposal(&w, tomorrow(10, 1)); /* it comes again */
    assert_int_equal(told(&w, &p), VERDICT_APPLIED);
    struct row_image row = world_row(&w);
    assert_true(row_rare(&row)->supply[0].overdue);
    assert_int_equal(due_next(&w.state->due, DUE_SUPPLY), INT64_MAX);
    world_close(&w);
}

static void only_open_dated_lines_fall_due(void **unused)
{
    struct world w;
    world_open(&w);
    struct due *due = &w.state->due;
    say(&w, inbound(at(8, 0), "PO-1", U(10), at(13, 0), NULL));
    say(&w, inbound(at(8, 0), "PO-2", U(10), INSTANT_NONE, NULL));
    assert_int_equal(due_next(due, DUE_SUPPLY), at(13, 0));
    say(&w, inbound(at(8, 1), "PO-1", U(10), at(15, 0), NULL));
    assert_int_equal(due_next(due, DUE_SUPPLY), at(15, 0));
    say(&w, inbound(at(8, 1), "ASN-1", U(4), at(14, 0), "PO-1"));
    assert_int_equal(due_next(due, DUE_SUPPLY), at(14, 0));
    say(&w, with_reference(plain(EVENT_RECEIPT, at(9, 0), U(4)), "ASN-1"));
    assert_int_equal(due_next(due, DUE_SUPPLY), at(15, 0));
    say(&w, inbound(at(9, 1), "ASN-2", U(6), at(14, 30), "PO-1")); /* now the order is in its note */
    assert_int_equal(due->heap[DUE_SUPPLY].count, 1);
    say(&w, with_final(with_reference(plain(EVENT_RECEIPT, at(9, 2), U(1)), "PO-1")));
    assert_int_equal(due_next(due, DUE_SUPPLY), INT64_MAX);
    say(&w, inbound(at(9, 3), "PO-3", U(4), at(11, 0), NULL)); /* overdue from the start */
    assert_int_equal(due_next(due, DUE_SUPPLY), INT64_MAX);
    world_close(&w);
}

/* ---- silent locations ---- */

static enum verdict put_location(struct world *w, const char *id, int64_t stale_after_us)
{
    struct location l = {
        .id = text_of(id), .enabled = true, .registered = true, .stale_after_us = stale_after_us};
    struct record r = {
        .kind = RECORD_LOCATION,
        .reference = {.id = text_of(id), .document = TEXT("{}"), .occurred_at = INSTANT_NONE, .decoded = &l}};
    return told(w, &r);
}

static enum verdict propose_stale(struct world *w, const char *location, instant_t seen, instant_t due)
{
    struct record r = {
        .kind = RECORD_PROPOSAL,
        .proposal = {.kind = PROPOSAL_STALE, .location = text_of(location), .seen = seen, .due = due}};
    return told(w, &r);
}

static struct place_silence silence(const struct world *w)
{
    return places_silence(&w->state->places, 0);
}

static void a_silent_location_is_stale_until_it_speaks(void **unused)
{
    struct world w;
    world_open(&w);
    put_location(&w, "L1", INSTANT_HOUR);
    assert_int_equal(propose_stale(&w, "L1", INSTANT_NONE, at(12, 0)), VERDICT_SUPERSEDED); /* never spoke */
    say(&w, plain(EVENT_RECEIPT, at(12, 0), U(10)));
    assert_int_equal(propose_stale(&w, "L1", at(12, 0), at(13, 0)), VERDICT_SUPERSEDED); /* too early */
    w.now = at(13, 0);
    assert_int_equal(propose_stale(&w, "L1", at(11, 59), at(12, 59)), VERDICT_SUPERSEDED); /* spoke since */
    assert_int_equal(propose_stale(&w, "L1", at(12, 0), at(12, 30)), VERDICT_SUPERSEDED);  /* no hour */
    assert_int_equal(propose_stale(&w, "L2", at(12, 0), at(13, 0)), VERDICT_SUPERSEDED);
    assert_false(silence(&w).stale);
    assert_int_equal(propose_stale(&w, "L1", at(12, 0), at(13, 0)), VERDICT_APPLIED);
    assert_true(silence(&w).stale);
    assert_int_equal(silence(&w).offset, w.offset - 1);
    assert_int_equal(w.outcome.locations_count, 1);
    assert_int_equal(propose_stale(&w, "L1", at(12, 0), at(13, 0)), VERDICT_SUPERSEDED); /* made twice */
    assert_int_equal(w.outcome.locations_count, 0);
    say(&w, plain(EVENT_SALE, at(11, 0), U(1))); /* from before its last word */
    assert_true(silence(&w).stale);
    say(&w, event_of(EVENT_HEARTBEAT, at(12, 50)));
    assert_false(silence(&w).stale);
    assert_int_equal(silence(&w).offset, w.offset - 1);
    assert_int_equal(w.outcome.locations_count, 1);
    world_close(&w);
}

static void another_description_of_a_location_ends_its_silence(void **unused)
{
    struct world w;
    world_open(&w);
    put_location(&w, "L1", INSTANT_HOUR);
    say(&w, plain(EVENT_RECEIPT, at(11, 0), U(10)));
    assert_int_equal(propose_stale(&w, "L1", at(11, 0), at(12, 0)), VERDICT_APPLIED);
    assert_int_equal(put_location(&w, "L1", 0), VERDICT_APPLIED);
    assert_false(silence(&w).stale);
    assert_int_equal(propose_stale(&w, "L1", at(11, 0), at(12, 0)), VERDICT_SUPERSEDED); /* never stale */
    world_close(&w);
}

/* ---- outputs ---- */

static enum verdict progress(struct world *w, const char *output, uint64_t incarnation, uint64_t offset)
{
    struct record r = {.kind = RECORD_PROGRESS, .progress = {text_of(output), incarnation, offset}};
    return told(w, &r);
}

static void the_last_word_about_an_output_counts(void **unused)
{
    struct world w;
    world_open(&w);
    assert_null(outputs_find(&w.state->outputs, TEXT("redis")));
    assert_int_equal(progress(&w, "redis", 1, 1), VERDICT_APPLIED);
    assert_int_equal(progress(&w, "topic", 1, 2), VERDICT_APPLIED);
    assert_int_equal(outputs_find(&w.state->outputs, TEXT("redis"))->offset, 1);
    assert_int_equal(progress(&w, "redis", 0, 0), VERDICT_APPLIED); /* it lost all */
    assert_int_equal(outputs_find(&w.state->outputs, TEXT("redis"))->offset, 0);
    assert_int_equal(progress(&w, "redis", 1, 1000), VERDICT_REJECTED); /* not that far yet */
    assert_int_equal(progress(&w, "redis", 2, 1), VERDICT_REJECTED);    /* no log of ours */
    assert_int_equal(progress(&w, "re dis", 1, 1), VERDICT_REJECTED);
    char name[8];
    for (int i = 2; i < OUTPUTS_MOST; i++) {
        snprintf(name, sizeof(name), "out-%d", i);
        assert_int_equal(progress(&w, name, 1, 1), VERDICT_APPLIED);
    }
    assert_int_equal(progress(&w, "more", 1, 1), VERDICT_REJECTED);
    assert_int_equal(w.outcome.verdicts[0].reason, REASON_TOO_MANY_OUTPUTS);
    world_close(&w);
}

/* ---- all of it in an image ---- */

static int load_into(void *context, uint8_t kind, const void *bytes, size_t length)
{
    return image_load(context, kind, bytes, length);
}

static void an_image_has_it_all_and_knows_what_will_fall_due(void **unused)
{
    struct world w;
    struct hash128 digest, loaded;
    world_open(&w);
    put_location(&w, "L1", INSTANT_HOUR);
    say(&w, plain(EVENT_RECEIPT, at(11, 0), U(10)));
    say(&w, with_location(inbound(at(8, 0), "PO-1", U(10), at(13, 0), NULL), "L2"));
    propose_stale(&w, "L1", at(11, 0), at(12, 0));
    progress(&w, "redis", 1, 3);
    struct state *other = state_create(w.epoch);
    assert_int_equal(image_begin(w.state, load_into, other), 0);
    assert_int_equal(image_step(w.state, SIZE_MAX, &digest), 0);
    assert_int_equal(image_load_finish(other, &loaded), 0);
    assert_true(loaded.high == digest.high && loaded.low == digest.low);
    digest = state_digest(other);
    assert_true(loaded.high == digest.high && loaded.low == digest.low);
    assert_true(places_silence(&other->places, 0).stale);
    assert_int_equal(places_silence(&other->places, 0).since, at(12, 0));
    assert_int_equal(outputs_find(&other->outputs, TEXT("redis"))->offset, 3);
    assert_int_equal(due_next(&other->due, DUE_SUPPLY), at(13, 0));
    state_destroy(other);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_42_a_line_is_due_at_the_end_of_its_grace),
        cmocka_unit_test(only_open_dated_lines_fall_due),
        cmocka_unit_test(a_silent_location_is_stale_until_it_speaks),
        cmocka_unit_test(another_description_of_a_location_ends_its_silence),
        cmocka_unit_test(the_last_word_about_an_output_counts),
        cmocka_unit_test(an_image_has_it_all_and_knows_what_will_fall_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
