/* What a message costs on its way from Kafka into the table, step by step, in one thread and without a
 * broker: CPU time of the thread a message, the best round of some. For counting instructions: valgrind
 * --tool=callgrind
 * --toggle-collect=step_apply (or another step_…). usage: ingest_steps [EVENTS a round] [ROUNDS] */
#include "bench/ingest/events.h"
#include "codec/record_codec.h"
#include "core/model/apply.h"
#include "intake/translate.h"
#include "log/segment.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 256, VALUE_MOST = 128, RECORD_MOST = 256 };
enum step { TRANSLATE, FRAME, DECODE, APPLY, STEPS };
static const char *const step_names[STEPS] = {"translate", "frame and CRC", "decode", "apply"};

struct path {
    struct translator translator;
    struct buffer values[BATCH], records[BATCH];
    struct decoded_event told[BATCH];
    char group[BATCH * RECORD_MOST];
    struct arena arena;
    struct record decoded[BATCH];
    struct epoch *epoch;
    struct state *state;
    struct outcome outcome;
    uint64_t number; /* of the next event */
    int64_t spent_ns[STEPS];
};

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "ingest_steps: %s\n", what);
    exit(1);
}

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static __attribute__((noinline)) void step_translate(struct path *p)
{
    struct translation told;

    for (size_t i = 0; i < BATCH; i++) {
        int64_t offset = (int64_t)(p->number + i);
        const struct intake_said said = {
            .name = text_of("ingest-bench"), .offset = offset, .after = offset - 1};
        int error =
            translate(&p->translator, INTAKE_PROTOBUF, (struct text){p->values[i].at, p->values[i].length},
                      LEVEL_FIRST, &said, &p->records[i], &p->told[i], &told);
        need(!error && told.events == 1 && told.decoded, "a message was not taken");
    }
}

static __attribute__((noinline)) void step_frame(struct path *p)
{
    size_t at = 0;

    for (size_t i = 0; i < BATCH; i++) {
        const struct segment_record r = {p->number + i, 0, (uint32_t)i, (uint32_t)p->records[i].length,
                                         p->records[i].at};
        at += segment_record_put(p->group + at, 1, &r);
    }
}

static __attribute__((noinline)) void step_decode(struct path *p)
{
    for (size_t i = 0; i < BATCH; i++) {
        struct problems problems;
        uint32_t unknown = 0;
        problems.count = 0;
        p->decoded[i] = (struct record){0};
        need(record_decode_any(p->records[i].at, p->records[i].length, LEVEL_FIRST, &p->arena, &p->decoded[i],
                               &unknown, &problems) == 0,
             "a record cannot be read");
    }
}

static __attribute__((noinline)) void step_apply(struct path *p)
{
    const struct record *records[BATCH];

    for (size_t i = 0; i < BATCH; i++)
        records[i] = &p->decoded[i];
    state_prefetch(p->state, records, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        int error = state_apply(p->state, &p->decoded[i], p->state->next_offset,
                                INT64_C(1767225600000000) + (instant_t)(p->number + i), &p->outcome);
        need(!error && p->outcome.verdicts[0].verdict == VERDICT_APPLIED, "an event was not applied");
    }
}

static void batch(struct path *p)
{
    int64_t at[STEPS] = {0};

    for (size_t i = 0; i < BATCH; i++)
        event_put(&p->values[i], p->number + i);
    int64_t t0 = cpu_ns();
    step_translate(p);
    int64_t t1 = cpu_ns();
    step_frame(p);
    int64_t t2 = cpu_ns();
    step_decode(p);
    int64_t t3 = cpu_ns();
    step_apply(p);
    at[TRANSLATE] = t1 - t0, at[FRAME] = t2 - t1, at[DECODE] = t3 - t2, at[APPLY] = cpu_ns() - t3;
    for (int s = 0; s < STEPS; s++)
        p->spent_ns[s] += at[s];
    epoch_poll(p->epoch, SIZE_MAX);
    arena_reset(&p->arena);
    p->number += BATCH;
}

static void prepare(struct path *p)
{
    const struct record first = {
        .kind = RECORD_INCARNATION, .level = LEVEL_FIRST, .incarnation = {.number = 1}};

    p->epoch = epoch_create();
    p->state = p->epoch ? state_create(p->epoch) : NULL;
    need(p->state && state_apply(p->state, &first, 0, INT64_C(1767225600000000), &p->outcome) == 0,
         "no state");
    while (p->number < EVENT_PAIRS)
        batch(p);
}

int main(int argc, char **argv)
{
    static struct path p;
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, whole = 0;
    int rounds = argc > 2 ? atoi(argv[2]) : 3;
    double best[STEPS] = {0}, sum = 0;

    prepare(&p);
    for (int round = 0; round < rounds; round++) {
        uint64_t from = p.number;
        memset(p.spent_ns, 0, sizeof(p.spent_ns));
        while (p.number < from + events)
            batch(&p);
        for (int s = 0; s < STEPS; s++) {
            double ns = (double)p.spent_ns[s] / (double)(p.number - from);
            best[s] = round == 0 || ns < best[s] ? ns : best[s];
        }
    }
    for (int s = 0; s < STEPS; s++) {
        printf("%-14s %6.0f ns\n", step_names[s], best[s]);
        sum += best[s];
    }
    whole = p.state->counts.applied;
    printf("%-14s %6.0f ns a message; %lu events applied on %lu rows\n", "all", sum, whole,
           (unsigned long)table_rows_count(p.state->table));
    need(whole == p.number && table_rows_count(p.state->table) == EVENT_PAIRS, "the totals are wrong");
    arena_finish(&p.arena);
    translator_finish(&p.translator);
    outcome_finish(&p.outcome);
    state_destroy(p.state);
    epoch_destroy(p.epoch);
    return 0;
}
