/* A state to play with: one log, one minute between records unless said otherwise, events from a few words.
 */
#ifndef TESTS_MODEL_WORLD_H
#define TESTS_MODEL_WORLD_H

#include "base/error.h"
#include "core/answer/availability.h"
#include "core/model/apply.h"
#include "core/model/image.h"
#include "core/model/promise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct world {
    struct epoch *epoch;
    struct state *state;
    struct outcome outcome;
    uint64_t offset;
    uint64_t ids;
    instant_t now; /* of the next record */
};

#define DAY_ZERO (INT64_C(1795219200) * INSTANT_SECOND) /* a midnight */
#define U(units) ((milli_t)((units)*1000))

/* hh:mm of day zero */
static inline instant_t at(int hour, int minute)
{
    return DAY_ZERO + (hour * INT64_C(60) + minute) * INSTANT_MINUTE;
}

static inline int world_record(struct world *w, const struct record *r)
{
    int error = state_apply(w->state, r, w->offset, w->now, &w->outcome);
    if (!error)
        w->offset++;
    return error;
}

static inline void world_open(struct world *w)
{
    *w = (struct world){.now = at(12, 0)};
    w->epoch = epoch_create();
    w->state = state_create(w->epoch);
    assert_non_null(w->state);
    struct record r = {.kind = RECORD_INCARNATION, .incarnation = {.number = 1}};
    assert_int_equal(world_record(w, &r), 0);
}

static inline void world_close(struct world *w)
{
    outcome_finish(&w->outcome);
    state_destroy(w->state);
    epoch_destroy(w->epoch);
}

static inline int world_keep(void *context, uint8_t kind, const void *bytes, size_t length)
{
    return image_load(context, kind, bytes, length);
}

/* The world as another process has it that starts from an image; to be closed like any. */
static inline void world_through_image(const struct world *w, struct world *ret)
{
    struct hash128 told, found;
    *ret = *w;
    ret->outcome = (struct outcome){0};
    ret->epoch = epoch_create();
    ret->state = state_create(ret->epoch);
    assert_int_equal(image_begin(w->state, world_keep, ret->state), 0);
    assert_int_equal(image_step(w->state, SIZE_MAX, &told), 0);
    assert_int_equal(image_load_finish(ret->state, &found), 0);
    assert_true(told.high == found.high && told.low == found.low);
    found = state_digest(ret->state);
    assert_true(told.high == found.high && told.low == found.low);
}

/* An event of this type for row SKU-1 at L1; the test adds what is missing. */
static inline struct event event_of(enum event_type type, instant_t occurred_at)
{
    return (struct event){.type = type,
                          .has = HAS(id) | HAS(source) | HAS(location) | HAS(occurred_at) | HAS(sku),
                          .source = TEXT("test"),
                          .sku = TEXT("SKU-1"),
                          .location = TEXT("L1"),
                          .occurred_at = occurred_at,
                          .as_of = INSTANT_NONE,
                          .expected_at = INSTANT_NONE,
                          .required_at = INSTANT_NONE};
}

static inline struct event with_quantity(struct event e, milli_t q)
{
    e.has |= HAS(quantity);
    e.quantity = q;
    return e;
}

static inline struct event with_reference(struct event e, const char *reference)
{
    e.has |= HAS(reference);
    e.reference = text_of(reference);
    return e;
}

static inline struct event with_status(struct event e, enum status status)
{
    e.has |= HAS(status);
    e.status = status;
    return e;
}

static inline struct event with_location(struct event e, const char *location)
{
    e.location = text_of(location);
    return e;
}

static inline struct event with_sku(struct event e, const char *sku)
{
    e.sku = text_of(sku);
    return e;
}

static inline struct event plain(enum event_type type, instant_t occurred_at, milli_t q)
{
    struct event e = with_quantity(event_of(type, occurred_at), q);
    if (type == EVENT_ADJUSTMENT) {
        e.has |= HAS(reason);
        e.reason = TEXT("test");
    }
    return e;
}

static inline struct event order(enum event_type type, instant_t occurred_at, const char *reference,
                                 milli_t q)
{
    return with_reference(with_quantity(event_of(type, occurred_at), q), reference);
}

static inline struct event order_set(instant_t occurred_at, const char *reference, milli_t q)
{
    struct event e = order(EVENT_ORDER_PLACED, occurred_at, reference, q);
    e.has |= HAS(op);
    e.op = ORDER_SET;
    return e;
}

static inline struct event sale_of_order(instant_t occurred_at, const char *order_reference, milli_t q)
{
    struct event e = plain(EVENT_SALE, occurred_at, q);
    e.has |= HAS(order_reference);
    e.order_reference = text_of(order_reference);
    return e;
}

static inline struct event counted(instant_t as_of, enum count_basis basis, milli_t q)
{
    struct event e = plain(EVENT_COUNT, as_of, q);
    e.has |= HAS(as_of) | HAS(basis);
    e.as_of = as_of;
    e.basis = basis;
    return e;
}

static inline struct event inbound(instant_t occurred_at, const char *reference, milli_t q,
                                   instant_t expected_at, const char *parent)
{
    struct event e = order(EVENT_INBOUND, occurred_at, reference, q);
    e.expected_at = expected_at;
    e.has |= expected_at != INSTANT_NONE ? HAS(expected_at) : 0;
    e.parent = text_of(parent);
    e.has |= parent ? HAS(parent) : 0;
    return e;
}

static inline struct event with_final(struct event e)
{
    e.has |= HAS(final);
    e.final = true;
    return e;
}

static inline struct event with_channel(struct event e, const char *channel)
{
    e.has |= HAS(channel);
    e.channel = text_of(channel);
    return e;
}

static inline struct event allocation(instant_t occurred_at, enum allocation_op op, const char *channel,
                                      milli_t q, const char *to_channel)
{
    struct event e = event_of(EVENT_ALLOCATION, occurred_at);
    e.has |= HAS(allocation);
    e.allocation = (struct allocation_said){
        .channel = text_of(channel), .to_channel = text_of(to_channel), .quantity = q, .op = op};
    return e;
}

/* What is said of stock now, in the view of a channel without rules; NULL: the pool's. */
static inline struct promise world_promise(const struct world *w, const char *channel)
{
    struct row_image row = {0};
    struct stock stock;
    struct promise_question q = {.channel = CHANNEL_POOL, .terms = terms_none, .at = INSTANT_NONE, .step = 1};
    const struct channel *c = channel ? catalogue_channel(w->state->catalogue, text_of(channel)) : NULL;
    const struct sku *s = table_find(w->state->table, TEXT("SKU-1"));
    const struct location *l = catalogue_location(w->state->catalogue, TEXT("L1"));
    if (s && l)
        sku_peek(s, l->number, &row);
    if (c)
        q.channel = c->number;
    stock_now(&row, &stock);
    return promise_of(&stock, &q);
}

/* Applies one event, with an id of its own if it has none. */
static inline struct event_verdict say(struct world *w, struct event e)
{
    char id[32];
    if (!e.id.length) {
        snprintf(id, sizeof(id), "e-%llu", (unsigned long long)++w->ids);
        e.id = text_of(id);
    }
    struct record r = {.kind = RECORD_EVENTS, .events_count = 1, .events = &e};
    assert_int_equal(world_record(w, &r), 0);
    assert_int_equal(w->outcome.verdicts_count, 1);
    return w->outcome.verdicts[0];
}

#define expect_verdict(w, event, V)                                               \
    do {                                                                          \
        struct event_verdict got_ = say(w, event);                                \
        if (got_.verdict != VERDICT_##V)                                          \
            print_message("reason: %s\n", reason_name((enum reason)got_.reason)); \
        assert_int_equal(got_.verdict, VERDICT_##V);                              \
    } while (0)
#define expect_rejected(w, event, R)                                                         \
    do {                                                                                     \
        struct event_verdict got_ = say(w, event);                                           \
        assert_int_equal(got_.verdict, VERDICT_REJECTED);                                    \
        assert_string_equal(reason_name((enum reason)got_.reason), reason_name(REASON_##R)); \
    } while (0)

static inline struct row_image world_row_at(const struct world *w, const char *sku, const char *location)
{
    struct row_image row = {0};
    struct sku *s = table_find(w->state->table, text_of(sku));
    const struct location *l = catalogue_location(w->state->catalogue, text_of(location));
    if (s && l)
        sku_peek(s, l->number, &row);
    return row;
}

static inline struct row_image world_row(const struct world *w)
{
    return world_row_at(w, "SKU-1", "L1");
}

static inline milli_t available(const struct row_image *r)
{
    return figure_of(r, NULL, NULL, &(struct question){.now = DAY_ZERO}).available;
}

static inline milli_t missing(const struct row_image *r)
{
    return row_rare(r) ? row_rare(r)->unavailable[STATUS_MISSING - 1] : 0;
}

#define expect_row(w, on_hand_, unavailable_, committed_, available_) \
    do {                                                              \
        struct row_image row_ = world_row(w);                         \
        assert_int_equal(row_on_hand(&row_), on_hand_);               \
        assert_int_equal(row_unavailable(&row_), unavailable_);       \
        assert_int_equal(row_committed(&row_), committed_);           \
        assert_int_equal(available(&row_), available_);               \
    } while (0)
#define expect_on_hand(w, on_hand_)                     \
    do {                                                \
        struct row_image row_ = world_row(w);           \
        assert_int_equal(row_on_hand(&row_), on_hand_); \
    } while (0)

#endif
