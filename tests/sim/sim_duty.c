/* The simulator of duty: two instances on one log, with engines, duty and outputs of their own, virtual
 * clocks that are wrong, and a coordinator that gives duty to one, to nobody, or is not heard by one that
 * goes on believing it has it. Instances crash, stand still and lag; what is outside is lost now and then.
 * Always: nothing is overdue or stale before its time. At the end: whatever is due has been marked, what is
 * outside equals the table, both states are equal, and the log is still.
 *
 *   sim_duty [--seeds N] [--from SEED] [--verbose] */
#include "sim/seeds.h"
#include "sim/shared_log.h"
#include "sim/sim_store.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/logger.h"
#include "codec/record_codec.h"
#include "core/model/image.h"
#include "engine/engine.h"
#include "engine/feed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SKUS = 3, PLACES = 3, LINES_MOST = 60, STEPS = 4000, QUIET_STEPS = 6000, COMMANDS = 64, EVENTS = 500 };
#define BEGIN_US INT64_C(1900000000000000)
#define STEP_US_MOST INT64_C(200000)
#define SLACK_US (INT64_C(10) * INSTANT_SECOND)
#define INCARNATION 7000000u

/* A row as it is outside. */
struct copy {
    uint64_t version; /* next_offset of the state it was read from; 0: not there */
    milli_t on_hand;
    bool stale;
};

struct outside {
    struct copy row[SKUS][PLACES];
    uint64_t life;     /* counts losses */
    uint64_t complete; /* everything before this offset is there; 0: nobody said so since the last loss */
};

/* What core/duty.h asks of an output, in its plainest form. */
struct plain_sink {
    struct duty_port duty;
    struct feed *feed;
    struct feed_port port;
    uint64_t term, life; /* of duty; of the outside, as last seen */
    bool dirty[SKUS][PLACES];
    uint64_t writes;
};

struct instance {
    struct sim *sim;
    unsigned number;
    struct sim_store store;
    struct engine *engine; /* NULL: it is down */
    struct plain_sink sink;
    int64_t wall_wrong_us;
    int still; /* steps it stands still */
};

struct sent {
    struct buffer bytes;
    struct command command;
    struct event_verdict verdict;
    bool on_its_way;
};

struct line { /* an incoming line as the log said it */
    unsigned sku, place;
    milli_t expected, received;
    instant_t expected_at;
};

struct sim {
    uint64_t seed;
    struct random random;
    struct shared_log log;
    struct instance instance[SHARED_INSTANCES];
    struct outside outside;
    struct sent sent[COMMANDS];
    int64_t grace_us, stale_after_us[PLACES];
    unsigned lines, events, crashes, losses, double_duty;
    const char *failure;
    char detail[300];
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

static struct text sku_name(unsigned sku)
{
    static const char *const names[SKUS] = {"A", "B", "C"};
    return text_of(names[sku]);
}

static struct text place_name(unsigned place)
{
    static const char *const names[PLACES] = {"L0", "L1", "L2"};
    return text_of(names[place]);
}

/* ---- the output ---- */

static void mark_all(struct plain_sink *k)
{
    for (unsigned i = 0; i < SKUS * PLACES; i++)
        k->dirty[i / PLACES][i % PLACES] = true;
}

static bool read_row(const struct state *state, unsigned sku, unsigned place, struct row_image *ret,
                     bool *ret_stale, uint64_t *ret_changed)
{
    struct sku *found = table_find(state->table, sku_name(sku));
    const struct location *l = catalogue_location(state->catalogue, place_name(place));

    if (!found || !l || !sku_peek(found, l->number, ret))
        return false;
    struct place_silence silence = places_silence(&state->places, l->number);
    *ret_stale = silence.stale;
    *ret_changed = row_offset(ret) > silence.offset ? row_offset(ret) : silence.offset;
    return true;
}

static void report(struct plain_sink *k, uint64_t offset)
{
    k->duty.report(k->duty.output, k->term, (struct duty_place){INCARNATION, offset});
}

static void drain(struct plain_sink *k)
{
    struct feed_entry entries[64];
    while (k->port.take(k->port.tap, entries, 64))
        ;
}

static void take_over(struct instance *n)
{
    struct plain_sink *k = &n->sink;
    struct outside *o = &n->sim->outside;
    struct duty_place place = {0};
    uint64_t changed, base = 0;
    struct row_image row;
    bool stale;

    drain(k);
    if (k->duty.recorded(k->duty.output, &place))
        base = place.offset < o->complete ? place.offset : o->complete;
    k->life = o->life;
    if (!base) {
        o->complete = 0;
        report(k, 0);
    }
    for (unsigned sku = 0; sku < SKUS; sku++)
        for (unsigned at = 0; at < PLACES; at++)
            k->dirty[sku][at] =
                read_row(engine_state(n->engine), sku, at, &row, &stale, &changed) && changed >= base;
}

static void mark(struct instance *n, const struct feed_entry *e)
{
    const struct state *s = engine_state(n->engine);

    for (unsigned sku = 0; sku < SKUS; sku++)
        for (unsigned at = 0; at < PLACES; at++) {
            const struct sku *found = table_find(s->table, sku_name(sku));
            const struct location *l = catalogue_location(s->catalogue, place_name(at));
            bool its_sku = e->sku == UINT32_MAX || (found && sku_number(found) == e->sku);
            bool its_place = e->location == UINT32_MAX || (l && l->number == e->location);
            n->sink.dirty[sku][at] |= its_sku && its_place;
        }
}

/* The greater version wins, whoever writes it. */
static void write_row(struct instance *n, unsigned sku, unsigned place)
{
    const struct state *s = engine_state(n->engine);
    struct copy *there = &n->sim->outside.row[sku][place];
    struct row_image row;
    uint64_t changed;
    bool stale;

    n->sink.dirty[sku][place] = false;
    if (!read_row(s, sku, place, &row, &stale, &changed) || s->next_offset < there->version)
        return;
    *there = (struct copy){s->next_offset, row_on_hand(&row), stale};
    n->sink.writes++;
}

static bool any_dirty(const struct plain_sink *k)
{
    for (unsigned i = 0; i < SKUS * PLACES; i++)
        if (k->dirty[i / PLACES][i % PLACES])
            return true;
    return false;
}

static void sink_turn(struct instance *n)
{
    struct sim *s = n->sim;
    struct plain_sink *k = &n->sink;
    struct feed_entry entries[64];
    uint64_t term = duty_term(k->duty.view, s->log.clock_us);

    if (term != k->term) {
        memset(k->dirty, 0, sizeof(k->dirty));
        k->term = term;
        if (term)
            take_over(n);
    }
    if (!term) {
        drain(k);
        return;
    }
    if (k->life != s->outside.life) {
        k->life = s->outside.life;
        s->outside.complete = 0;
        report(k, 0);
        mark_all(k);
    }
    uint64_t position = k->port.position(k->port.tap);
    for (size_t got; (got = k->port.take(k->port.tap, entries, 64));)
        for (size_t i = 0; i < got; i++)
            mark(n, &entries[i]);
    unsigned from = (unsigned)random_below(&s->random, SKUS * PLACES),
             some = 1 + (unsigned)random_below(&s->random, 4);
    for (unsigned i = 0; i < SKUS * PLACES && some; i++) {
        unsigned at = (from + i) % (SKUS * PLACES);
        if (k->dirty[at / PLACES][at % PLACES] && some--)
            write_row(n, at / PLACES, at % PLACES);
    }
    if (any_dirty(k))
        return;
    if (position > s->outside.complete)
        s->outside.complete = position;
    report(k, position);
}

/* ---- life of an instance ---- */

static int open_log(void *context, const struct engine_log_start *start, struct log **ret_log)
{
    struct instance *n = context;
    *ret_log = shared_open(&n->sim->log, n->number, start->offset);
    return 0;
}

static int start(struct instance *n)
{
    struct checkpoint_store store = sim_store_open(&n->store);
    struct plain_sink *k = &n->sink;
    char detail[240] = "";

    *k = (struct plain_sink){.feed = feed_create()};
    if (!k->feed || feed_add(k->feed, "outside", 16, &k->port) != 0)
        abort();
    struct engine_options o = {.open_log = open_log,
                               .open_log_context = n,
                               .store = &store,
                               .feed = k->feed,
                               .checkpoint_records = 20 + random_below(&n->sim->random, 60),
                               .checkpoint_interval_us = INT64_MAX / 4};
    if (engine_open_unthreaded(&o, &n->engine, detail, sizeof(detail)) != 0 ||
        engine_output(n->engine, "outside", &k->duty) != 0)
        return fail(n->sim, "an engine did not open: %s", detail);
    return 0;
}

static void stop(struct instance *n)
{
    struct sim *s = n->sim;

    if (!n->engine)
        return;
    shared_crash(&s->log, n->number);
    engine_crash(n->engine);
    feed_destroy(n->sink.feed);
    n->engine = NULL;
    for (size_t i = 0; i < COMMANDS; i++)
        if (s->sent[i].command.context == n)
            s->sent[i].on_its_way = false;
}

/* Nothing is marked before its time, by the log's clock. */
static int check_times(struct instance *n)
{
    const struct state *s = engine_state(n->engine);
    struct row_image row;
    uint64_t changed;
    bool stale;

    for (unsigned sku = 0; sku < SKUS; sku++)
        for (unsigned at = 0; at < PLACES; at++) {
            if (!read_row(s, sku, at, &row, &stale, &changed))
                continue;
            const struct rare *rare = row_rare(&row);
            for (uint32_t i = 0; rare && i < rare->supply_count; i++)
                if (rare->supply[i].overdue &&
                    rare->supply[i].expected_at + s->settings.supply_grace_us > s->log_time)
                    return fail(n->sim, "a line is overdue before its time");
            if (stale &&
                state_location_heard(s, row_location(&row)) + n->sim->stale_after_us[at] > s->log_time)
                return fail(n->sim, "a location is stale before its time");
        }
    return 0;
}

static int turn(struct instance *n)
{
    struct sim *s = n->sim;
    int count = 0;

    if (!n->engine)
        return start(n);
    if (n->still) {
        n->still--;
        return 0;
    }
    uint64_t what = random_below(&s->random, 4); /* whoever wakes up first */
    if (what == 0)
        sink_turn(n);
    count = engine_turn(n->engine, 0);
    if (what != 1)
        engine_duty_turn(n->engine, s->log.clock_us + n->wall_wrong_us, s->log.clock_us);
    if (what)
        sink_turn(n);
    if (count < 0)
        return fail(s, "a writer stopped: %s", error_text(count));
    return check_times(n);
}

/* ---- what happens ---- */

static void told(struct command *c)
{
    struct sent *sent = (struct sent *)((char *)c - offsetof(struct sent, command));
    sent->on_its_way = false;
}

/* A record by way of an instance that is up; nobody cares whether it arrives. */
static void submit(struct sim *s, const struct record *r)
{
    struct instance *n = &s->instance[random_below(&s->random, SHARED_INSTANCES)];
    struct sent *sent = s->sent;

    while (sent < s->sent + COMMANDS && sent->on_its_way)
        sent++;
    if (!n->engine || n->still || sent == s->sent + COMMANDS)
        return;
    struct command_port port = engine_port(n->engine);
    buffer_clear(&sent->bytes);
    if (record_encode(r, &sent->bytes) != 0)
        abort();
    sent->command = (struct command){.bytes = sent->bytes.at,
                                     .length = sent->bytes.length,
                                     .verdicts = &sent->verdict,
                                     .verdicts_capacity = 1,
                                     .done = told,
                                     .context = n};
    sent->on_its_way = port.submit(port.engine, &sent->command) == 0;
}

static void say_something(struct sim *s)
{
    char id[32], reference[32];
    struct event e = {.has = HAS(id) | HAS(source) | HAS(location) | HAS(occurred_at),
                      .source = TEXT("sim"),
                      .as_of = INSTANT_NONE,
                      .expected_at = INSTANT_NONE,
                      .required_at = INSTANT_NONE,
                      .occurred_at = s->log.clock_us};
    uint64_t what = random_below(&s->random, 10);

    if (s->events == EVENTS || !random_percent(&s->random, 12))
        return;
    snprintf(id, sizeof(id), "e-%u", s->events++);
    e.id = text_of(id);
    e.location = place_name((unsigned)random_below(&s->random, PLACES));
    e.type = EVENT_HEARTBEAT;
    if (what < 8) {
        e.sku = sku_name((unsigned)random_below(&s->random, SKUS));
        e.has |= HAS(sku) | HAS(quantity);
        e.quantity = 1000 * (milli_t)(1 + random_below(&s->random, 20));
        e.type = EVENT_RECEIPT;
    }
    if (what < 6) { /* about a line: announced, received in part, or put off */
        unsigned line = (unsigned)random_below(&s->random, s->lines < LINES_MOST ? s->lines + 1 : LINES_MOST);
        s->lines += line == s->lines;
        snprintf(reference, sizeof(reference), "PO-%u", line);
        e.reference = text_of(reference);
        e.sku = sku_name(line % SKUS); /* a line is of one row */
        e.location = place_name(line / SKUS % PLACES);
        e.has |= HAS(reference);
        if (what < 4) {
            e.type = EVENT_INBOUND;
            e.expected_at = e.occurred_at + (int64_t)random_below(&s->random, 120 * INSTANT_SECOND);
            e.has |= HAS(expected_at);
        }
    }
    submit(s, &(struct record){.kind = RECORD_EVENTS, .intake.after = -1, .events_count = 1, .events = &e});
}

static void trouble(struct sim *s)
{
    struct instance *n = &s->instance[random_below(&s->random, SHARED_INSTANCES)];

    switch (random_below(&s->random, 60)) {
    case 0:
        stop(n);
        s->crashes++;
        break;
    case 1:
        n->still = (int)random_below(&s->random, 80);
        break;
    case 2:
        memset(s->outside.row, 0, sizeof(s->outside.row));
        s->outside.life++;
        s->outside.complete = 0;
        s->losses++;
        break;
    case 3:
        n->wall_wrong_us = random_percent(&s->random, 30)
                               ? (random_percent(&s->random, 50) ? 1 : -1) * 3600 * INSTANT_SECOND
                               : (int64_t)random_below(&s->random, 20 * INSTANT_SECOND) - 10 * INSTANT_SECOND;
        break;
    default:
        break;
    }
}

static int step(struct sim *s, bool quiet)
{
    int error = 0;

    if (!quiet) {
        say_something(s);
        trouble(s);
    }
    for (unsigned i = 0; i < SHARED_INSTANCES && !error; i++)
        error = turn(&s->instance[i]);
    s->double_duty += s->log.member[0].held && s->log.member[1].held;
    shared_tick(&s->log, 1 + (int64_t)random_below(&s->random, STEP_US_MOST), quiet);
    return !error && s->log.overflow ? fail(s, "the log does not come to rest") : error;
}

static int live(struct sim *s)
{
    int error = 0;

    for (int i = 0; i < STEPS && !error; i++)
        error = step(s, false);
    for (unsigned i = 0; i < SHARED_INSTANCES; i++)
        s->instance[i].still = 0;
    uint64_t before = 0;
    for (int i = 0; i < QUIET_STEPS && !error; i++) {
        if (i == QUIET_STEPS * 3 / 4)
            before = s->log.count;
        error = step(s, true);
    }
    if (!error && s->log.count != before)
        error = fail(s, "%lu records in a quiet log", s->log.count - before);
    return error;
}

/* ---- judgement ---- */

struct oracle {
    struct line line[LINES_MOST];
    instant_t heard[PLACES];
    instant_t log_time;
};

static unsigned number_in(struct text t) /* PO-17, L2 */
{
    unsigned number = 0;
    for (size_t i = 0; i < t.length; i++)
        if (t.at[i] >= '0' && t.at[i] <= '9')
            number = 10 * number + (unsigned)(t.at[i] - '0');
    return number;
}

static void oracle_take(struct oracle *o, const struct event *e)
{
    unsigned place = number_in(e->location);

    if (e->occurred_at > o->heard[place])
        o->heard[place] = e->occurred_at;
    if (!e->reference.length)
        return;
    struct line *l = &o->line[number_in(e->reference)];
    l->place = place;
    l->sku = (unsigned)(e->sku.at[0] - 'A');
    if (e->type == EVENT_RECEIPT) {
        l->received += e->quantity;
        return;
    }
    l->expected = e->quantity;
    l->expected_at = e->expected_at;
}

static int oracle_read(struct sim *s, struct oracle *o)
{
    struct arena arena = {0};

    for (uint64_t i = 0; i < s->log.count; i++) {
        struct record r = {0};
        struct problems problems = {0};
        uint32_t unknown;
        if (record_decode(s->log.records[i].bytes, s->log.records[i].length, LEVEL_NEWEST, &arena, &r,
                          &unknown, &problems) != 0)
            return fail(s, "record %lu cannot be read", i);
        o->log_time = s->log.records[i].appended_at;
        for (size_t e = 0; r.kind == RECORD_EVENTS && e < r.events_count; e++)
            oracle_take(o, &r.events[e]);
        arena_reset(&arena);
    }
    arena_finish(&arena);
    return 0;
}

static int judge_line(struct sim *s, const struct oracle *o, unsigned number)
{
    const struct line *l = &o->line[number];
    char reference[32];
    const struct state *state = engine_state(s->instance[0].engine);
    struct row_image row;
    uint64_t changed;
    bool stale;

    snprintf(reference, sizeof(reference), "PO-%u", number);
    if (!read_row(state, l->sku, l->place, &row, &stale, &changed))
        return 0;
    const struct rare *rare = row_rare(&row);
    const struct supply_shown *found = NULL;
    for (uint32_t i = 0; rare && i < rare->supply_count; i++)
        if (text_equal(rare->supply[i].reference, text_of(reference)))
            found = &rare->supply[i];
    if ((found ? found->open : 0) != (l->expected > l->received ? l->expected - l->received : 0))
        return fail(s, "%s has another quantity open", reference);
    if (found && l->expected_at + state->settings.supply_grace_us + SLACK_US < s->log.clock_us &&
        !found->overdue)
        return fail(s, "%s fell due and was forgotten", reference);
    return 0;
}

static int judge_places(struct sim *s, const struct oracle *o)
{
    const struct state *state = engine_state(s->instance[0].engine);

    for (unsigned at = 0; at < PLACES; at++) {
        const struct location *l = catalogue_location(state->catalogue, place_name(at));
        bool due = o->heard[at] && o->heard[at] + s->stale_after_us[at] + SLACK_US < s->log.clock_us;
        if (l && l->stale_after_us && due && !places_is_stale(&state->places, l->number))
            return fail(s, "the silence of L%u was forgotten", at);
    }
    return 0;
}

static int judge_outside(struct sim *s)
{
    struct row_image row;
    uint64_t changed;
    bool stale;

    for (unsigned sku = 0; sku < SKUS; sku++)
        for (unsigned at = 0; at < PLACES; at++) {
            const struct copy *c = &s->outside.row[sku][at];
            if (!read_row(engine_state(s->instance[0].engine), sku, at, &row, &stale, &changed))
                continue;
            if (!c->version || c->on_hand != row_on_hand(&row) || c->stale != stale)
                return fail(s, "%c at L%u is another outside (version %lu, row %lu)", 'A' + (int)sku, at,
                            c->version, changed);
        }
    return 0;
}

static int judge(struct sim *s)
{
    struct oracle o = {0};
    struct hash128 digest[SHARED_INSTANCES];
    int error = oracle_read(s, &o);

    for (unsigned i = 0; i < LINES_MOST && !error; i++)
        error = o.line[i].expected ? judge_line(s, &o, i) : 0;
    if (!error)
        error = judge_places(s, &o);
    if (!error)
        error = judge_outside(s);
    for (unsigned i = 0; i < SHARED_INSTANCES; i++) {
        image_abandon(engine_state(s->instance[i].engine));
        digest[i] = state_digest(engine_state(s->instance[i].engine));
    }
    if (!error && (digest[0].high != digest[1].high || digest[0].low != digest[1].low))
        error = fail(s, "the two states differ");
    return error;
}

/* ---- one seed ---- */

static int write_first(struct sim *s)
{
    struct record r = {
        .kind = RECORD_INCARNATION, .level = LEVEL_NEWEST, .incarnation = {.number = INCARNATION}};
    struct buffer first = {0};
    int error = record_encode(&r, &first);

    if (!error)
        shared_init(&s->log, &s->random, BEGIN_US, first.at, first.length);
    buffer_finish(&first);
    return error;
}

/* Grace and places, before anything goes wrong. */
static void describe(struct sim *s)
{
    struct setting_said grace = {TEXT("supply_grace_us"), s->grace_us};
    char document[64];

    submit(s, &(struct record){.kind = RECORD_SETTINGS, .intake.after = -1, .settings = {1, &grace}});
    for (unsigned at = 0; at < PLACES; at++) {
        snprintf(document, sizeof(document), "{\"stale_after_seconds\":%ld}",
                 s->stale_after_us[at] / INSTANT_SECOND);
        submit(s, &(struct record){.kind = RECORD_LOCATION,
                                   .intake.after = -1,
                                   .reference = {.id = place_name(at),
                                                 .document = text_of(document),
                                                 .occurred_at = INSTANT_NONE}});
    }
    for (int i = 0; i < 5; i++)
        shared_tick(&s->log, 1000, true);
}

static int begin(struct sim *s)
{
    int error = write_first(s);

    for (unsigned i = 0; i < SHARED_INSTANCES && !error; i++) {
        s->instance[i] = (struct instance){.sim = s, .number = i, .store = {.random = &s->random}};
        error = start(&s->instance[i]);
    }
    for (int i = 0; i < 20 && !error; i++) {
        error = turn(&s->instance[0]);
        if (!error)
            error = turn(&s->instance[1]);
    }
    s->grace_us = (int64_t)random_below(&s->random, 3) * 20 * INSTANT_SECOND;
    for (unsigned at = 0; at < PLACES; at++)
        s->stale_after_us[at] = (int64_t)(5 + random_below(&s->random, 60)) * INSTANT_SECOND;
    if (!error)
        describe(s);
    return error;
}

static void sim_finish(struct sim *s)
{
    for (unsigned i = 0; i < SHARED_INSTANCES; i++) {
        stop(&s->instance[i]);
        sim_store_finish(&s->instance[i].store);
    }
    shared_finish(&s->log);
    for (size_t i = 0; i < COMMANDS; i++)
        buffer_finish(&s->sent[i].bytes);
    free(s);
}

static bool simulate(uint64_t seed, bool verbose, bool unused)
{
    struct sim *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->seed = seed;
    s->random.state = seed * 0x9E3779B97F4A7C15u + 1;
    int error = begin(s);
    if (!error)
        error = live(s);
    if (!error)
        error = judge(s);
    if (error)
        printf("seed %lu: %s\n", seed, s->failure ? s->failure : error_text(error));
    else if (verbose)
        printf("seed %lu: %lu records, %u events, %u crashes, %u losses outside, %u steps of double duty\n",
               seed, s->log.count, s->events, s->crashes, s->losses, s->double_duty);
    sim_finish(s);
    return !error;
}

int main(int argc, char **argv)
{
    const struct seeds s = {.few = 100, .many = 5000, .program = "sim_duty", .simulate = simulate};
    return seeds_main(&s, argc, argv);
}
