/* The seeded simulator: the real core, writer, copying and recovery against a simulated log, disk and clock,
 * with crashes, repeats, shuffles and wrong watches; at the end every figure is held against the plain
 * oracle, every acknowledgement against the log, and the digest against a replay from the first record.
 *
 *   sim [--seeds N] [--from SEED] [--verbose] [--show]   a failing seed is printed: `sim --from SEED --seeds
 * 1` repeats it */
#include "sim/sim.h"
#include "sim/seeds.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "codec/record_codec.h"
#include "core/model/apply.h"
#include "core/model/proposals.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int sim_fail(struct sim *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->detail, sizeof(s->detail), format, args);
    va_end(args);
    s->failure = s->detail;
    return ERROR_CONFLICT;
}

/* ---- the witness: a log that remembers what it delivered ---- */

static struct sim *sim_of(struct log *l)
{
    return (struct sim *)(void *)((char *)l - offsetof(struct sim, witness));
}

static int witness_append(struct log *l, const struct log_append *records, size_t count)
{
    struct sim *s = sim_of(l);
    return s->inner->ops->append(s->inner, records, count);
}

/* For people who look for why a seed fails. */
static void show(const struct log_record *l)
{
    struct arena a = {0};
    struct record r = {0};
    struct problems p = {0};
    uint32_t unknown;

    if (record_decode(l->bytes, l->length, LEVEL_NEWEST, &a, &r, &unknown, &p))
        return;
    printf("%lu at %ld:", l->offset, (long)(l->appended_at - BEGIN_US));
    for (size_t i = 0; r.kind == RECORD_EVENTS && i < r.events_count; i++) {
        const struct event *e = &r.events[i];
        printf(" %s %.*s %.*s/%.*s %ld ref %.*s%.*s ch %.*s at %ld", event_type_name(e->type),
               TEXT_ARGS(e->id), TEXT_ARGS(e->sku), TEXT_ARGS(e->location), (long)e->quantity,
               TEXT_ARGS(e->reference), TEXT_ARGS(e->order_reference), TEXT_ARGS(e->channel),
               (long)(e->occurred_at - BEGIN_US));
    }
    for (size_t i = 0; r.kind == RECORD_EVENTS && i < r.events_count; i++)
        if (r.events[i].type == EVENT_ALLOCATION)
            printf(" %s %.*s %ld %.*s", allocation_op_name(r.events[i].allocation.op),
                   TEXT_ARGS(r.events[i].allocation.channel), (long)r.events[i].allocation.quantity,
                   TEXT_ARGS(r.events[i].allocation.to_channel));
        else if (r.events[i].type == EVENT_SETTING)
            printf(" safety %ld backorder %ld", (long)r.events[i].safety_stock,
                   (long)r.events[i].backorder_limit);
    if (r.kind == RECORD_PROPOSAL)
        printf(" proposal %d %.*s/%.*s %.*s seen %ld", r.proposal.kind, TEXT_ARGS(r.proposal.sku),
               TEXT_ARGS(r.proposal.location), TEXT_ARGS(r.proposal.reference),
               (long)(r.proposal.seen - BEGIN_US));
    if (r.kind == RECORD_RESERVATION) {
        const struct reservation_said *v = r.reservation;
        printf(" %s %.*s step %.*s ref %.*s ch %.*s partial %d begin %d expires %ld required %ld move %.*s "
               "%.*s>%.*s",
               step_name(v->step), TEXT_ARGS(v->id), TEXT_ARGS(v->step_id), TEXT_ARGS(v->reference),
               TEXT_ARGS(v->channel), v->partial, v->begin, (long)(v->expires_at - BEGIN_US),
               (long)(v->required_at - BEGIN_US), TEXT_ARGS(v->move_sku), TEXT_ARGS(v->move_from),
               TEXT_ARGS(v->move_to));
        for (uint32_t i = 0; i < v->lines_count; i++)
            printf(" [%.*s %ld at %u: %.*s split %d]", TEXT_ARGS(v->lines[i].sku), (long)v->lines[i].quantity,
                   v->lines[i].locations_count,
                   TEXT_ARGS(v->lines[i].locations_count ? v->lines[i].locations[0] : TEXT("")),
                   v->lines[i].split);
    }
    printf("\n");
    fflush(stdout);
    arena_finish(&a);
}

static int witness_next(struct log *l, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct sim *s = sim_of(l);
    int got = s->inner->ops->next(s->inner, ret_records, count, 0);

    for (int i = 0; i < got; i++) {
        const struct log_record *r = &ret_records[i];
        if (s->show)
            show(r);
        if (r->offset >= RECORDS_MOST)
            return sim_fail(s, "more records than the simulator has room for");
        struct witnessed *w = &s->records[r->offset];
        if (w->seen && (w->bytes.length != r->length || memcmp(w->bytes.at, r->bytes, r->length) != 0 ||
                        w->appended_at != r->appended_at))
            return sim_fail(s, "record %lu is another after a crash", r->offset);
        if (w->seen)
            continue;
        w->seen = true;
        w->appended_at = r->appended_at;
        buffer_add(&w->bytes, r->bytes, r->length);
        if (r->offset + 1 > s->records_count)
            s->records_count = r->offset + 1;
    }
    return got;
}

static void witness_wake(struct log *l) {}

static int witness_trim(struct log *l, uint64_t offset)
{
    struct sim *s = sim_of(l);
    return s->inner->ops->trim(s->inner, offset);
}

static void witness_status(struct log *l, struct log_status *ret)
{
    struct sim *s = sim_of(l);
    s->inner->ops->status(s->inner, ret);
}

static void witness_stop(struct log *l)
{
    struct sim *s = sim_of(l);
    s->inner->ops->stop(s->inner);
}

static void witness_destroy(struct log *l)
{
    struct sim *s = sim_of(l);
    s->inner->ops->destroy(s->inner);
    s->inner = NULL;
}

static int open_witness(void *context, const struct engine_log_start *start, struct log **ret_log)
{
    static const struct log_ops ops = {witness_append, witness_next, witness_wake, witness_trim,
                                       witness_status, NULL,         witness_stop, witness_destroy};
    struct sim *s = context;
    int error = sim_log_open(s->disk, start->offset, &s->inner);

    s->witness.ops = &ops;
    if (!error)
        *ret_log = &s->witness;
    return error;
}

/* ---- life ---- */

/* Somebody whose dead letters are late now and then: checkpoints wait for them. */
static void judged(void *context, const struct record *r, const struct event_verdict *verdicts, size_t count,
                   uint64_t offset)
{
}

static bool settled(void *context, uint64_t next_offset)
{
    struct sim *s = context;
    return !random_percent(&s->random, 30);
}

static int open_engine(struct sim *s)
{
    struct checkpoint_store store = sim_store_open(&s->store);
    struct engine_options o = {.open_log = open_witness,
                               .open_log_context = s,
                               .store = &store,
                               .witness = {s, judged, settled},
                               .checkpoint_records = 5 + random_below(&s->random, 60),
                               .checkpoint_interval_us = INT64_MAX / 4};
    char detail[240];
    int error = engine_open_unthreaded(&o, &s->engine, detail, sizeof(detail));

    return error ? sim_fail(s, "the engine did not open: %s", detail) : 0;
}

static int crash(struct sim *s)
{
    engine_crash(s->engine);
    s->engine = NULL;
    sim_log_crash(s->disk);
    if (random_percent(&s->random, 20))
        sim_store_damage(&s->store);
    s->crashes++;
    for (size_t i = 0; i < s->world.messages_count; i++)
        s->sending[i].on_its_way = false;
    s->duty.on_its_way = false;
    s->chain_broken[0] = s->chain_broken[1] = true;
    return open_engine(s);
}

static void told(struct command *c)
{
    struct sending *m = c->context;
    size_t index = (size_t)(m - m->sim->sending);
    const struct message *what = &m->sim->world.messages[index];

    m->on_its_way = false;
    if (m->sim->show && what->record && c->verdicts_count)
        printf("   %lu: %s %s\n", c->offset, verdict_name((enum verdict)c->verdicts[0].verdict),
               reason_name((enum reason)c->verdicts[0].reason));
    reservation_answer_destroy(c->reservation);
    if (c->status)
        return;
    for (size_t i = 0; what->intake && i < c->verdicts_count; i++)
        if (c->verdicts[i].verdict == VERDICT_REJECTED && c->verdicts[i].reason == REASON_GAP)
            m->sim->chain_broken[what->partition] = true;
    m->acknowledged = true;
}

static int encode_message(struct sim *s, size_t index, int64_t after)
{
    const struct message *m = &s->world.messages[index];
    if (m->record) {
        buffer_clear(&s->sending[index].bytes);
        return record_encode(m->record, &s->sending[index].bytes);
    }
    struct record r = {.kind = RECORD_EVENTS,
                       .level = LEVEL_FIRST,
                       .events_count = m->count,
                       .events = &s->world.sent[m->first]};

    if (m->intake)
        r.intake = (struct intake_said){
            .name = TEXT("till-topic"), .partition = m->partition, .offset = m->offset, .after = after};
    buffer_clear(&s->sending[index].bytes);
    return record_encode(&r, &s->sending[index].bytes);
}

static int hand_in(struct sim *s, size_t index, int64_t after)
{
    struct sending *m = &s->sending[index];
    struct command_port port = engine_port(s->engine);

    if (m->on_its_way)
        return 0;
    int error = encode_message(s, index, after);
    if (error)
        return sim_fail(s, "message %zu cannot be encoded: %s", index, error_text(error));
    m->sim = s;
    m->command = (struct command){.bytes = m->bytes.at,
                                  .length = m->bytes.length,
                                  .verdicts_capacity = EVENTS_A_MESSAGE,
                                  .verdicts = m->verdicts,
                                  .done = told,
                                  .context = m};
    m->on_its_way = true;
    if (port.submit(port.engine, &m->command) != 0)
        m->on_its_way = false;
    return 0;
}

/* Duty was here: it proposes. */
static void proposed(struct command *c)
{
    struct sending *duty = c->context;

    duty->on_its_way = false;
    if (c->reservation)
        reservation_answer_destroy(c->reservation);
}

/* A place's silence, too early and twice as well. */
static bool describe_silence(struct sim *s, struct proposal_said *ret)
{
    const struct state *state = engine_state(s->engine);
    const struct location *l = catalogue_location(
        state->catalogue, world_location((unsigned)random_below(&s->random, SHOPPER_LOCATIONS)));
    instant_t heard = l ? places_heard(&state->places, l->number) : INSTANT_NONE;

    if (heard == INSTANT_NONE || !l->stale_after_us)
        return false;
    *ret = (struct proposal_said){
        .kind = PROPOSAL_STALE, .location = l->id, .seen = heard, .due = heard + l->stale_after_us};
    return true;
}

/* What falls due by a clock that is not the log's, twice and too early as well: apply has the last word. */
static int duty_step(struct sim *s)
{
    struct state *state = engine_state(s->engine);
    struct command_port port = engine_port(s->engine);
    enum due_kind kind = (enum due_kind)random_below(&s->random, DUE_KINDS);
    struct record r = {.kind = RECORD_PROPOSAL, .level = LEVEL_FIRST};

    if (s->duty.on_its_way || state->log_time == INSTANT_NONE)
        return 0;
    instant_t clock = state->log_time + (instant_t)random_below(&s->random, 20) * INSTANT_MINUTE;
    struct due_entry *e = due_take(&state->due, kind, clock, state->log_time, INSTANT_MINUTE);
    if (random_percent(&s->random, 30) ? !describe_silence(s, &r.proposal) : !e)
        return 0;
    if (!r.proposal.location.length)
        due_describe(state, kind, e, &r.proposal);
    buffer_clear(&s->duty.bytes);
    int error = record_encode(&r, &s->duty.bytes);
    if (error)
        return sim_fail(s, "a proposal cannot be encoded: %s", error_text(error));
    s->duty.command = (struct command){.bytes = s->duty.bytes.at,
                                       .length = s->duty.bytes.length,
                                       .verdicts_capacity = EVENTS_A_MESSAGE,
                                       .verdicts = s->duty.verdicts,
                                       .done = proposed,
                                       .context = &s->duty};
    s->duty.on_its_way = port.submit(port.engine, &s->duty.command) == 0;
    return 0;
}

/* The position that the state has of a partition, as an intake member asks for it. */
static int64_t position(struct sim *s, int32_t partition)
{
    return positions_get(engine_state(s->engine)->positions, TEXT("till-topic"), partition);
}

/* One intake member's next step: after a crash or a gap it starts over from the state. */
static int intake_step(struct sim *s, int32_t partition)
{
    size_t *next = &s->next_intake[partition];
    const struct world *w = &s->world;
    int64_t after = -2;

    if (s->chain_broken[partition]) {
        for (size_t i = 0; i < w->messages_count; i++)
            if (w->messages[i].intake && w->messages[i].partition == partition && s->sending[i].on_its_way)
                return 0; /* what is in flight has to come back first */
        s->chain_broken[partition] = false;
        *next = 0;
        after = position(s, partition);
    }
    while (*next < w->messages_count &&
           (!w->messages[*next].intake || w->messages[*next].partition != partition ||
            w->messages[*next].offset <= after))
        ++*next;
    if (*next == w->messages_count)
        return 0;
    size_t index = (*next)++;
    return hand_in(s, index, after > -2 ? after : w->messages[index].after);
}

static int client_step(struct sim *s)
{
    const struct world *w = &s->world;
    size_t index = random_below(&s->random, w->messages_count);

    if (w->messages[index].intake) {
        if (random_percent(&s->random, 3)) { /* a second member that thinks the partition is its own */
            s->resent++;
            return hand_in(s, index, w->messages[index].after);
        }
        return intake_step(s, w->messages[index].partition);
    }
    for (size_t i = 0; i < w->messages_count;
         i++) { /* clients send in order, and again what was not answered */
        if (w->messages[i].intake || s->sending[i].on_its_way || s->sending[i].acknowledged)
            continue;
        index = i;
        break;
    }
    if (s->sending[index].acknowledged) {
        if (!random_percent(&s->random, s->again_percent))
            return 0;
        s->resent++;
    }
    return hand_in(s, index, 0);
}

static bool all_acknowledged(struct sim *s)
{
    const struct world *w = &s->world;
    int64_t last[2] = {-1, -1};

    for (size_t i = 0; i < w->messages_count; i++) {
        if (w->messages[i].intake)
            last[w->messages[i].partition] = w->messages[i].offset;
        else if (!s->sending[i].acknowledged)
            return false;
    }
    return position(s, 0) >= last[0] && position(s, 1) >= last[1];
}

static int turn(struct sim *s)
{
    int count = engine_turn(s->engine, 0);

    s->turns++;
    return s->failure  ? ERROR_CONFLICT
           : count < 0 ? sim_fail(s, "the writer stopped: %s", error_text(count))
                       : 0;
}

static int live(struct sim *s)
{
    int error = 0;

    for (unsigned step = 0; !error; step++) {
        uint64_t what = random_below(&s->random, 1000);
        if (what < s->crash_percent_of_1000 && step < STEPS_MOST / 2)
            error = crash(s);
        else if (what < 470)
            error = client_step(s);
        else if (what < 500)
            error = duty_step(s);
        else
            error = turn(s);
        sim_log_tick(s->disk);
        if (!error && all_acknowledged(s))
            break;
        if (step == STEPS_MOST)
            return sim_fail(s, "not everything was acknowledged after %u steps", step);
    }
    for (int quiet = 0; !error && quiet < 200; quiet++)
        error = turn(s);
    return error;
}

static void sim_finish(struct sim *s)
{
    if (s->engine)
        engine_crash(s->engine);
    sim_log_destroy(s->disk);
    sim_store_finish(&s->store);
    for (size_t i = 0; i < WORLD_MESSAGES_MOST; i++)
        buffer_finish(&s->sending[i].bytes);
    buffer_finish(&s->duty.bytes);
    for (size_t i = 0; i < RECORDS_MOST; i++)
        buffer_finish(&s->records[i].bytes);
    world_finish(&s->world);
    free(s);
}

/* The first record of the log. */
static int make_disk(struct sim *s)
{
    struct buffer first = {0};
    struct record r = {
        .kind = RECORD_INCARNATION, .level = LEVEL_NEWEST, .incarnation = {.number = 7000000 + s->seed}};
    int error = record_encode(&r, &first);

    if (!error)
        error = sim_log_create(s->seed, BEGIN_US, first.at, first.length, &s->disk);
    buffer_finish(&first);
    return error;
}

static bool simulate(uint64_t seed, bool verbose, bool show_records)
{
    struct sim *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->seed = seed;
    s->show = show_records;
    s->random.state = seed * 0x9E3779B97F4A7C15u + 1;
    s->store.random = &s->random;
    s->crash_percent_of_1000 = (unsigned)random_below(&s->random, 12);
    s->again_percent = (unsigned)random_below(&s->random, 10);
    world_make(&s->world, &s->random, BEGIN_US);
    shoppers_join(&s->world);
    int error = make_disk(s);
    if (!error)
        error = open_engine(s);
    if (!error)
        error = live(s);
    if (!error)
        error = sim_judge(s);
    if (error)
        printf("seed %lu: %s\n", seed, s->failure ? s->failure : error_text(error));
    else if (verbose)
        printf("seed %lu: %zu events, %zu messages, %zu records, %u crashes, %u sent again, %u checkpoints, "
               "%u loaded, %u damaged ones passed over, %u baskets granted, %u refused\n",
               seed, s->world.events_count, s->world.messages_count, s->records_count, s->crashes, s->resent,
               s->store.written, s->store.loaded, s->store.passed_over, s->granted, s->refused);
    sim_finish(s);
    return !error;
}

int main(int argc, char **argv)
{
    const struct seeds s = {
        .few = 1000, .many = 100000, .program = "sim", .shows = true, .simulate = simulate};
    return seeds_main(&s, argc, argv);
}
