/* The seeded simulator: the real core, writer, copying and recovery against a simulated log, disk and clock,
 * with crashes, repeats, shuffles and wrong watches; at the end every figure is held against the plain
 * oracle, every acknowledgement against the log, and the digest against a replay from the first record.
 *
 *   sim [--seeds N] [--from SEED] [--verbose]          a failing seed is printed: `sim --from SEED --seeds 1`
 * repeats it */
#include "sim/oracle.h"
#include "sim/sim_log.h"
#include "sim/sim_store.h"
#include "sim/world.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/logger.h"
#include "codec/record_codec.h"
#include "core/model/apply.h"
#include "core/model/image.h"
#include "core/model/ledger.h"
#include "engine/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MOST = 200000, EVENTS_A_MESSAGE = 8, RECORDS_MOST = 4 * WORLD_MESSAGES_MOST };
#define BEGIN_US INT64_C(1900000000000000)

/* What a client knows of one message. */
struct sending {
    struct buffer bytes;
    struct command command;
    struct event_verdict verdicts[EVENTS_A_MESSAGE];
    bool on_its_way, acknowledged;
    struct sim *sim;
};

/* A record as it came out of the log, the first time. */
struct witnessed {
    struct buffer bytes;
    instant_t appended_at;
    bool seen;
};

struct sim {
    uint64_t seed;
    struct random random;
    struct world world;
    struct sim_log *disk;
    struct sim_store store;
    struct log witness; /* stands between the engine and the simulated log */
    struct log *inner;
    struct engine *engine;
    struct sending sending[WORLD_MESSAGES_MOST];
    struct witnessed records[RECORDS_MOST];
    size_t records_count;
    size_t next_intake[2]; /* per partition: the next message to hand in */
    bool chain_broken[2];
    unsigned crash_percent_of_1000, again_percent;
    unsigned crashes, resent, turns;
    const char *failure;
    char detail[400];
};

static int fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct sim *s, const char *format, ...)
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

static int witness_next(struct log *l, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct sim *s = sim_of(l);
    int got = s->inner->ops->next(s->inner, ret_records, count, 0);

    for (int i = 0; i < got; i++) {
        const struct log_record *r = &ret_records[i];
        if (r->offset >= RECORDS_MOST)
            return fail(s, "more records than the simulator has room for");
        struct witnessed *w = &s->records[r->offset];
        if (w->seen && (w->bytes.length != r->length || memcmp(w->bytes.at, r->bytes, r->length) != 0 ||
                        w->appended_at != r->appended_at))
            return fail(s, "record %lu is another after a crash", r->offset);
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
    static const struct log_ops ops = {witness_append, witness_next, witness_wake,   witness_trim,
                                       witness_status, NULL, witness_stop, witness_destroy};
    struct sim *s = context;
    int error = sim_log_open(s->disk, start->offset, &s->inner);

    s->witness.ops = &ops;
    if (!error)
        *ret_log = &s->witness;
    return error;
}

/* ---- a log made of what was witnessed, to replay all of it ---- */

struct replay {
    struct log log;
    struct sim *sim;
    uint64_t at;
};

static int replay_append(struct log *l, const struct log_append *records, size_t count)
{
    return ERROR_UNAVAILABLE;
}

static int replay_next(struct log *l, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct replay *r = (struct replay *)l;
    int got = 0;

    for (; got < (int)count && r->at < r->sim->records_count; r->at++, got++) {
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
    static const struct log_ops ops = {replay_append, replay_next,    replay_nothing, replay_trim,
                                       replay_status, NULL, replay_nothing, replay_nothing};
    struct replay *r = context;

    r->log.ops = &ops;
    r->at = start->offset;
    *ret_log = &r->log;
    return 0;
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

    return error ? fail(s, "the engine did not open: %s", detail) : 0;
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
    s->chain_broken[0] = s->chain_broken[1] = true;
    return open_engine(s);
}

static void told(struct command *c)
{
    struct sending *m = c->context;
    size_t index = (size_t)(m - m->sim->sending);
    const struct message *what = &m->sim->world.messages[index];

    m->on_its_way = false;
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
        return fail(s, "message %zu cannot be encoded: %s", index, error_text(error));
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
    return s->failure ? ERROR_CONFLICT : count < 0 ? fail(s, "the writer stopped: %s", error_text(count)) : 0;
}

static int live(struct sim *s)
{
    int error = 0;

    for (unsigned step = 0; !error; step++) {
        uint64_t what = random_below(&s->random, 1000);
        if (what < s->crash_percent_of_1000 && step < STEPS_MOST / 2)
            error = crash(s);
        else if (what < 500)
            error = client_step(s);
        else
            error = turn(s);
        sim_log_tick(s->disk);
        if (!error && all_acknowledged(s))
            break;
        if (step == STEPS_MOST)
            return fail(s, "not everything was acknowledged after %u steps", step);
    }
    for (int quiet = 0; !error && quiet < 200; quiet++)
        error = turn(s);
    return error;
}

/* ---- judgement ---- */

static int take_all(struct sim *s, struct oracle *o, struct arena *a)
{
    int64_t at[2] = {-1, -1};

    for (size_t i = 0; i < s->records_count; i++) {
        const struct witnessed *w = &s->records[i];
        struct record r = {0};
        struct problems problems = {0};
        uint32_t unknown = 0;
        if (!w->seen)
            return fail(s, "record %zu never came out of the log", i);
        int error = record_decode(w->bytes.at, w->bytes.length, LEVEL_NEWEST, a, &r, &unknown, &problems);
        if (error)
            return fail(s, "record %zu cannot be decoded", i);
        if (w->appended_at > o->log_time)
            o->log_time = w->appended_at;
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
#define SAME(what, got, expected)                                                                  \
    if ((got) != (expected))                                                                       \
        return fail(s, "%.*s at %.*s: " what " is %ld, the oracle says %ld", (int)sku_name.length, \
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

static int compare_replay(struct sim *s)
{
    struct replay replay = {.sim = s};
    struct sim_store empty = {.random = &s->random};
    struct checkpoint_store store = sim_store_open(&empty);
    struct engine_options o = {.open_log = open_replay,
                               .open_log_context = &replay,
                               .store = &store,
                               .checkpoint_records = UINT64_MAX,
                               .checkpoint_interval_us = INT64_MAX / 4};
    struct engine *again;
    char detail[240];
    int count;

    if (engine_open_unthreaded(&o, &again, detail, sizeof(detail)) != 0)
        return fail(s, "the replay did not open: %s", detail);
    while ((count = engine_turn(again, 0)) > 0)
        ;
    image_abandon(engine_state(s->engine));
    struct hash128 lived = state_digest(engine_state(s->engine)),
                   replayed = state_digest(engine_state(again));
    engine_crash(again);
    sim_store_finish(&empty);
    if (count < 0)
        return fail(s, "the replay stopped: %s", error_text(count));
    if (lived.high != replayed.high || lived.low != replayed.low)
        return fail(s, "the state that lived through %u crashes differs from a replay of all %zu records",
                    s->crashes, s->records_count);
    return 0;
}

static int judge(struct sim *s)
{
    struct oracle *o = calloc(1, sizeof(*o));
    struct arena arena = {0};
    int error = o ? take_all(s, o, &arena) : ERROR_NOMEM;

    for (unsigned sku = 0; !error && sku < s->world.skus; sku++)
        for (unsigned location = 0; !error && location < s->world.locations; location++)
            error = compare_row(s, o, sku, location);
    if (!error)
        error = compare_replay(s);
    arena_finish(&arena);
    free(o);
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

static bool simulate(uint64_t seed, bool verbose)
{
    struct sim *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->seed = seed;
    s->random.state = seed * 0x9E3779B97F4A7C15u + 1;
    s->store.random = &s->random;
    s->crash_percent_of_1000 = (unsigned)random_below(&s->random, 12);
    s->again_percent = (unsigned)random_below(&s->random, 10);
    world_make(&s->world, &s->random, BEGIN_US);
    int error = make_disk(s);
    if (!error)
        error = open_engine(s);
    if (!error)
        error = live(s);
    if (!error)
        error = judge(s);
    if (error)
        printf("seed %lu: %s\n", seed, s->failure ? s->failure : error_text(error));
    else if (verbose)
        printf("seed %lu: %zu events, %zu messages, %zu records, %u crashes, %u sent again, %u checkpoints, "
               "%u loaded, %u damaged ones passed over\n",
               seed, s->world.events_count, s->world.messages_count, s->records_count, s->crashes, s->resent,
               s->store.written, s->store.loaded, s->store.passed_over);
    sim_finish(s);
    return !error;
}

int main(int argc, char **argv)
{
    const char *long_run = getenv("ONHAND_TEST_LONG");
    uint64_t seeds = long_run && strcmp(long_run, "1") == 0 ? 100000 : 1000, from = 1, failures = 0;
    bool verbose = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
            from = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else
            return fprintf(stderr, "usage: sim [--seeds N] [--from SEED] [--verbose]\n"), 2;
    }
    logger_set_level(LOGGER_ERROR);
    int64_t began = clock_monotonic_us();
    for (uint64_t seed = from; seed < from + seeds && failures < 20; seed++) {
        hash_seed(seed | 1);
        failures += !simulate(seed, verbose);
    }
    printf("%lu seeds from %lu: %lu failed, %.1f s\n", seeds, from, failures,
           (double)(clock_monotonic_us() - began) / 1e6);
    return failures != 0;
}
