/* What a seed's engine holds in the end, held against the oracles and against a replay from the first record.
 */
#include "sim/basket.h"
#include "sim/oracle.h"
#include "sim/sim.h"

#include "base/error.h"
#include "codec/record_codec.h"
#include "core/answer/query.h"
#include "core/model/image.h"
#include "core/model/ledger.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a log made of what was witnessed, to replay all of it ---- */

struct replay {
    struct log log;
    struct sim *sim;
    uint64_t at;
    bool slowly; /* one record a turn */
};

static int replay_append(struct log *l, const struct log_append *records, size_t count)
{
    return ERROR_UNAVAILABLE;
}

static int replay_next(struct log *l, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct replay *r = (struct replay *)l;
    int got = 0;

    for (; got < (int)(r->slowly ? 1 : count) && r->at < r->sim->records_count; r->at++, got++) {
        const struct witnessed *w = &r->sim->records[r->at];
        ret_records[got] = (struct log_record){
            .offset = r->at, .appended_at = w->appended_at, .bytes = w->bytes.at, .length = w->bytes.length};
    }
    return got;
}

static int replay_trim(struct log *l, uint64_t offset)
{
    return 0;
}

static void replay_status(struct log *l, struct log_status *ret)
{
    *ret = (struct log_status){.writable = true, .end_offset = ((struct replay *)l)->sim->records_count};
}

static void replay_nothing(struct log *l) {}

static int open_replay(void *context, const struct engine_log_start *start, struct log **ret_log)
{
    static const struct log_ops ops = {replay_append, replay_next, replay_nothing, replay_trim,
                                       replay_status, NULL,        replay_nothing, replay_nothing};
    struct replay *r = context;

    r->log.ops = &ops;
    r->at = start->offset;
    *ret_log = &r->log;
    return 0;
}

/* ---- judgement ---- */

/* Shoppers and the other messengers name different SKUs. */
static bool is_shoppers(const struct record *r)
{
    bool is = r->kind != RECORD_EVENTS;

    for (unsigned i = 0; r->kind == RECORD_EVENTS && r->events_count && i < SHOPPER_SKUS; i++)
        is |= text_equal(r->events[0].sku, shopper_sku(i));
    return is;
}

static int take_all(struct sim *s, struct oracle *o, struct basket *b, struct arena *a)
{
    int64_t at[2] = {-1, -1};

    for (size_t i = 0; i < s->records_count; i++) {
        const struct witnessed *w = &s->records[i];
        struct record r = {0};
        struct problems problems = {0};
        uint32_t unknown = 0;
        if (!w->seen)
            return sim_fail(s, "record %zu never came out of the log", i);
        int error = record_decode(w->bytes.at, w->bytes.length, LEVEL_NEWEST, a, &r, &unknown, &problems);
        if (error)
            return sim_fail(s, "record %zu cannot be decoded: %s %s %s", i, error_text(error),
                            problems.at[0].pointer, problems.at[0].detail);
        if (w->appended_at > o->log_time)
            o->log_time = w->appended_at;
        basket_clock(b, w->appended_at);
        if (is_shoppers(&r))
            basket_take(b, &r);
        if (r.intake.name.length) {
            int64_t *position_of = &at[r.intake.partition];
            if (r.intake.offset <= *position_of || r.intake.after > *position_of)
                continue;
            *position_of = r.intake.offset;
        }
        for (size_t e = 0; r.kind == RECORD_EVENTS && e < r.events_count; e++)
            oracle_take(o, &r.events[e], w->appended_at);
    }
    return 0;
}

static milli_t incoming_of(const struct row_image *row)
{
    milli_t sum = 0;
    for (uint32_t i = 0; row_rare(row) && i < row_rare(row)->supply_count; i++)
        sum += row_rare(row)->supply[i].open;
    return sum;
}

static int compare_row(struct sim *s, const struct oracle *o, unsigned sku, unsigned location)
{
    const struct state *state = engine_state(s->engine);
    struct text sku_name = world_sku(sku), place = world_location(location);
    struct oracle_row want = oracle_row(o, sku_name, place);
    struct row_image row = {0};
    const struct sku *found = table_find(state->table, sku_name);
    const struct location *l = catalogue_location(state->catalogue, place);

    if (found && l)
        sku_peek(found, l->number, &row);
    const struct rare *rare = row_rare(&row);
#define SAME(what, got, expected)                                                                      \
    if ((got) != (expected))                                                                           \
        return sim_fail(s, "%.*s at %.*s: " what " is %ld, the oracle says %ld", (int)sku_name.length, \
                        sku_name.at, (int)place.length, place.at, (long)(got), (long)(expected));
    SAME("on_hand", row_on_hand(&row), want.on_hand)
    SAME("committed", row_committed(&row), want.committed)
    SAME("safety_stock", row_safety_stock(&row), want.safety_stock)
    SAME("incoming", incoming_of(&row), want.incoming)
    for (int i = 0; i < STATUSES; i++)
        SAME("a status", rare ? rare->unavailable[i] : 0, want.unavailable[i])
#undef SAME
    return 0;
}

static int compare_place(struct sim *s, const struct oracle *o, unsigned location)
{
    const struct state *state = engine_state(s->engine);
    struct text place = world_location(location);
    const struct location *l = catalogue_location(state->catalogue, place);

    for (int whole = 0; whole <= 1; whole++) {
        instant_t want = oracle_counted(o, place, whole),
                  got = !l      ? INSTANT_NONE
                        : whole ? places_counted_whole(&state->places, l->number)
                                : places_counted(&state->places, l->number);
        if (got != want)
            return sim_fail(s, "%.*s was counted%s at %ld, the oracle says %ld", TEXT_ARGS(place),
                            whole ? " as a whole" : "", (long)got, (long)want);
    }
    return 0;
}

/* As a reader of the table sees it. */
static milli_t seen_by(const struct sim *s, const struct sku *sku, uint32_t location, const char *channel)
{
    const struct state *state = engine_state(s->engine);
    const struct view *v = engine_view(s->engine);
    struct question q = {.channel = catalogue_channel(state->catalogue, text_of(channel)),
                         .now = state->log_time};
    struct query_row row;
    milli_t total = 0;

    query_locations(v, sku, &q, &location, 1, &row, &total);
    return total;
}

static int compare_basket_row(struct sim *s, struct basket *b, struct text sku_name, struct text place)
{
    static const char *const channels[] = {"", "web", "market"};
    const struct state *state = engine_state(s->engine);
    struct basket_row want = basket_row(b, sku_name, place);
    struct row_image row = {0};
    const struct sku *found = table_find(state->table, sku_name);
    const struct location *l = catalogue_location(state->catalogue, place);

    if (found && l)
        sku_peek(found, l->number, &row);
#define SAME(what, got, expected)                                                                      \
    if ((got) != (expected))                                                                           \
        return sim_fail(s, "%.*s at %.*s: " what " is %ld, the oracle says %ld", (int)sku_name.length, \
                        sku_name.at, (int)place.length, place.at, (long)(got), (long)(expected));
    SAME("on_hand", row_on_hand(&row), want.on_hand)
    SAME("reserved", row_reserved(&row), want.reserved)
    SAME("committed", row_committed(&row), want.committed)
    for (int c = 0; found && l && c < 3; c++) {
        milli_t seen = seen_by(s, found, l->number, channels[c]);
        if (seen != want.available[c])
            return sim_fail(s,
                            "%.*s at %.*s: channel \"%s\" sees %ld, the oracle says %ld (on hand %ld, "
                            "reserved %ld, committed %ld)",
                            TEXT_ARGS(sku_name), TEXT_ARGS(place), channels[c], (long)seen,
                            (long)want.available[c], (long)want.on_hand, (long)want.reserved,
                            (long)want.committed);
    }
#undef SAME
    return 0;
}

static milli_t line_quantity(const struct reservation *r, struct text sku, struct text location,
                             milli_t *ret_open)
{
    milli_t quantity = 0;

    *ret_open = 0;
    for (uint32_t i = 0; i < r->lines_count; i++)
        if (text_equal(r->lines[i].sku, sku) && text_equal(r->lines[i].location, location)) {
            quantity += r->lines[i].quantity;
            *ret_open += r->lines[i].held + r->lines[i].committed;
        }
    return quantity;
}

static int compare_reservation(struct sim *s, struct basket *b, unsigned number)
{
    char room[16];
    struct text id = shopper_reservation(number, room);
    const struct reservation *got = reservations_find(engine_state(s->engine)->reservations, id);
    struct basket_reservation want;
    bool is_there = basket_reservation(b, id, &want);

    if (is_there != (got != NULL))
        return sim_fail(s, "%s was %s, the oracle says it was %s", room, got ? "granted" : "refused",
                        is_there ? "granted" : "refused");
    if (!got)
        return 0;
    if (got->state != want.state)
        return sim_fail(s, "%s is %s, the oracle says %s", room, reservation_state_name(got->state),
                        reservation_state_name(want.state));
    if (got->state == RESERVATION_HELD && got->expires_at != want.expires_at)
        return sim_fail(s, "%s expires at another instant than the oracle says", room);
    for (size_t i = 0; i < want.lines_count; i++) {
        const struct basket_line *l = &want.lines[i];
        milli_t open, quantity = line_quantity(got, l->sku, l->location, &open);
        if (quantity != l->quantity || open != l->open)
            return sim_fail(s, "%s has %ld (%ld open) of %.*s at %.*s, the oracle says %ld (%ld)", room,
                            (long)quantity, (long)open, (int)l->sku.length, l->sku.at,
                            (int)l->location.length, l->location.at, (long)l->quantity, (long)l->open);
    }
    return 0;
}

static int compare_shoppers(struct sim *s, struct basket *b)
{
    int error = 0;

    for (unsigned sku = 0; !error && sku + 1 < SHOPPER_SKUS; sku++)
        for (unsigned location = 0; !error && location < SHOPPER_LOCATIONS; location++)
            error = compare_basket_row(s, b, shopper_sku(sku), world_location(location));
    for (unsigned i = 0; !error && i < SHOPPER_RESERVATIONS_MOST; i++)
        error = compare_reservation(s, b, i);
    basket_counts(b, &s->granted, &s->refused);
    return error;
}

/* A second life: nothing but the records. */
static struct engine *replay_open(struct sim *s, struct replay *replay, struct sim_store *empty)
{
    struct checkpoint_store store = sim_store_open(empty);
    struct engine_options o = {.open_log = open_replay,
                               .open_log_context = replay,
                               .store = &store,
                               .checkpoint_records = UINT64_MAX,
                               .checkpoint_interval_us = INT64_MAX / 4};
    struct engine *again = NULL;
    char detail[240];

    if (engine_open_unthreaded(&o, &again, detail, sizeof(detail)) != 0)
        sim_fail(s, "the replay did not open: %s", detail);
    return again;
}

static int compare_replay(struct sim *s)
{
    struct replay replay = {.sim = s};
    struct sim_store empty = {.random = &s->random};
    struct engine *again = replay_open(s, &replay, &empty);
    int count;

    if (!again)
        return ERROR_CONFLICT;
    while ((count = engine_turn(again, 0)) > 0)
        ;
    image_abandon(engine_state(s->engine));
    struct hash128 lived = state_digest(engine_state(s->engine)),
                   replayed = state_digest(engine_state(again));
    engine_crash(again);
    sim_store_finish(&empty);
    if (count < 0)
        return sim_fail(s, "the replay stopped: %s", error_text(count));
    if (lived.high != replayed.high || lived.low != replayed.low)
        return sim_fail(s, "the state that lived through %u crashes differs from a replay of all %zu records",
                        s->crashes, s->records_count);
    return 0;
}

/* For people: the first record after which the shoppers' oracle says something else. */
static void find_first(struct sim *s)
{
    struct replay replay = {.sim = s, .slowly = true};
    struct sim_store empty = {.random = &s->random};
    struct engine *lived = s->engine, *again = replay_open(s, &replay, &empty);
    struct basket *b = basket_create();
    struct arena arena = {0};
    int error = 0;

    s->engine = again;
    for (size_t i = 0; !error && i < s->records_count && engine_turn(again, 0) > 0; i++) {
        struct record r = {0};
        struct problems problems = {0};
        uint32_t unknown;
        error = record_decode(s->records[i].bytes.at, s->records[i].bytes.length, LEVEL_NEWEST, &arena, &r,
                              &unknown, &problems);
        basket_clock(b, s->records[i].appended_at);
        if (is_shoppers(&r))
            basket_take(b, &r);
        if (!error)
            error = compare_shoppers(s, b);
        if (error)
            printf("first at record %zu: %s\n", i, s->failure);
    }
    s->engine = lived;
    engine_crash(again);
    sim_store_finish(&empty);
    basket_destroy(b);
    arena_finish(&arena);
}

int sim_judge(struct sim *s)
{
    struct oracle *o = calloc(1, sizeof(*o));
    struct basket *b = basket_create();
    struct arena arena = {0};
    int error = o && b ? take_all(s, o, b, &arena) : ERROR_NOMEM;

    for (unsigned sku = 0; !error && sku < s->world.skus; sku++)
        for (unsigned location = 0; !error && location < s->world.locations; location++)
            error = compare_row(s, o, sku, location);
    for (unsigned location = 0; !error && location < s->world.locations; location++)
        error = compare_place(s, o, location);
    if (!error)
        error = compare_shoppers(s, b);
    if (error && s->show)
        find_first(s);
    if (!error)
        error = compare_replay(s);
    arena_finish(&arena);
    basket_destroy(b);
    free(o);
    return error;
}
