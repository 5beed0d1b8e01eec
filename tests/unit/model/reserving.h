/* Steps of reservations in a few words, beside world.h. */
#ifndef TESTS_MODEL_RESERVING_H
#define TESTS_MODEL_RESERVING_H

#include "world.h"

#include "core/model/kept.h"

enum { ASKS_MOST = 16 };

/* What a client asks: lines at one location each, unless `places` are given. */
struct ask {
    struct reservation_said said;
    struct line_said lines[ASKS_MOST];
    struct text places[ASKS_MOST][4];
};

static inline struct ask ask_of(enum reservation_step step, const char *id)
{
    return (struct ask){.said = {.step = step,
                                 .id = text_of(id),
                                 .expires_at = INSTANT_NONE,
                                 .required_at = INSTANT_NONE,
                                 .digest = {1, (uint64_t)step}}};
}

static inline void ask_line(struct ask *a, const char *sku, milli_t quantity, const char *location)
{
    uint32_t i = a->said.lines_count++;
    a->places[i][0] = text_of(location);
    a->lines[i] =
        (struct line_said){.sku = text_of(sku), .quantity = quantity, .locations_count = location ? 1 : 0};
    a->said.digest.low = a->said.digest.low * 31 + (uint64_t)quantity + hash128(sku, strlen(sku), 1).low;
}

static inline void ask_candidate(struct ask *a, const char *location)
{
    uint32_t i = a->said.lines_count - 1;
    a->places[i][a->lines[i].locations_count++] = text_of(location);
}

/* Asks; the answer is the world's until the next record. */
static inline const struct reservation_answer *ask(struct world *w, struct ask a)
{
    for (uint32_t i = 0; i < a.said.lines_count; i++)
        a.lines[i].locations = a.places[i];
    a.said.lines = a.lines;
    struct record r = {.kind = RECORD_RESERVATION, .reservation = &a.said};
    assert_int_equal(world_record(w, &r), 0);
    assert_non_null(w->outcome.reservation);
    assert_int_equal(w->outcome.verdicts_count, 1);
    assert_int_equal(w->outcome.verdicts[0].verdict, w->outcome.reservation->verdict.verdict);
    return w->outcome.reservation;
}

static inline struct ask reserve_at(const char *id, const char *sku, milli_t quantity, const char *location)
{
    struct ask a = ask_of(STEP_RESERVE, id);
    ask_line(&a, sku, quantity, location);
    return a;
}

static inline struct ask reserve(const char *id, milli_t quantity)
{
    return reserve_at(id, "SKU-1", quantity, "L1");
}

static inline struct ask with_step_id(struct ask a, const char *step_id)
{
    a.said.step_id = text_of(step_id);
    return a;
}

static inline struct ask for_reference(struct ask a, const char *reference)
{
    a.said.reference = text_of(reference);
    return a;
}

static inline struct ask for_channel(struct ask a, const char *channel)
{
    a.said.channel = text_of(channel);
    return a;
}

static inline struct ask part_of(enum reservation_step step, const char *id, const char *step_id, milli_t q)
{
    struct ask a = with_step_id(ask_of(step, id), step_id);
    ask_line(&a, "SKU-1", q, NULL);
    return a;
}

/* What the instance on duty says when a hold's time is over. */
static inline enum verdict expire(struct world *w, const char *id, instant_t seen)
{
    struct record r = {
        .kind = RECORD_PROPOSAL,
        .proposal = {.kind = PROPOSAL_EXPIRE, .reference = text_of(id), .seen = seen, .due = seen}};
    assert_int_equal(world_record(w, &r), 0);
    return w->outcome.verdicts[0].verdict;
}

static inline const struct reservation *reservation_at(const struct world *w, const char *id)
{
    return reservations_find(w->state->reservations, text_of(id));
}

#define expect_applied(w, asked)                                              \
    do {                                                                      \
        const struct reservation_answer *got_ = ask(w, asked);                \
        if (got_->verdict.verdict != VERDICT_APPLIED)                         \
            print_message("reason: %s\n", reason_name(got_->verdict.reason)); \
        assert_int_equal(got_->verdict.verdict, VERDICT_APPLIED);             \
    } while (0)
#define expect_repeated(w, asked) assert_int_equal(ask(w, asked)->verdict.verdict, VERDICT_DUPLICATE)
#define expect_refused(w, asked, R)                                                                   \
    do {                                                                                              \
        const struct reservation_answer *got_ = ask(w, asked);                                        \
        assert_int_equal(got_->verdict.verdict, VERDICT_REJECTED);                                    \
        assert_string_equal(reason_name((enum reason)got_->verdict.reason), reason_name(REASON_##R)); \
    } while (0)
#define expect_state(w, id, S)                                                                             \
    do {                                                                                                   \
        const struct reservation *got_ = reservation_at(w, id);                                            \
        assert_non_null(got_);                                                                             \
        assert_string_equal(reservation_state_name(got_->state), reservation_state_name(RESERVATION_##S)); \
    } while (0)
#define expect_demand(w, reserved_, committed_)             \
    do {                                                    \
        struct row_image row_ = world_row(w);               \
        assert_int_equal(row_reserved(&row_), reserved_);   \
        assert_int_equal(row_committed(&row_), committed_); \
    } while (0)

static inline void put_the_item(struct world *w, const char *sku, struct item i)
{
    struct record r = {
        .kind = RECORD_ITEM,
        .reference = {
            .id = text_of(sku), .document = TEXT("{}"), .occurred_at = INSTANT_NONE, .decoded = &i}};
    assert_int_equal(world_record(w, &r), 0);
    assert_int_equal(w->outcome.verdicts[0].verdict, VERDICT_APPLIED);
}

/* A kit, when it has components. */
static inline void put_item(struct world *w, const char *sku, milli_t step, struct component *components,
                            uint32_t count)
{
    put_the_item(w, sku,
                 (struct item){.step = step,
                               .release_at = INSTANT_NONE,
                               .components = components,
                               .components_count = count,
                               .unit = TEXT("each")});
}

static inline void put_the_channel(struct world *w, struct channel c)
{
    struct record r = {
        .kind = RECORD_CHANNEL,
        .reference = {.id = c.id, .document = TEXT("{}"), .occurred_at = INSTANT_NONE, .decoded = &c}};
    assert_int_equal(world_record(w, &r), 0);
    assert_int_equal(w->outcome.verdicts[0].verdict, VERDICT_APPLIED);
}

/* A channel without rules. */
static inline void put_channel_named(struct world *w, const char *id)
{
    put_the_channel(w, (struct channel){.id = text_of(id)});
}

#endif
