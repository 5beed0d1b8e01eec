/* The front door over a state in memory, for measuring: no log, no intake. serve_state PORT SKUS SECONDS
 * [THREADS] ends by itself. */
#include "base/hash.h"
#include "core/model/apply.h"
#include "core/view.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOCATIONS = 1000, EACH = 4 };

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static void fill(struct state *s, unsigned skus)
{
    struct record first = {
        .kind = RECORD_INCARNATION, .intake.after = -1, .incarnation.number = 1795219200000042};
    struct outcome o = {0};
    instant_t at = INT64_C(1795255500000000);

    require(state_apply(s, &first, 0, at, &o) == 0, "state_apply");
    for (unsigned i = 0; i < skus * EACH; i++) {
        char id[32], sku[32], location[32];
        snprintf(id, sizeof(id), "e%u", i);
        snprintf(sku, sizeof(sku), "SKU-%u", i / EACH);
        snprintf(location, sizeof(location), "store-%04u", (i / EACH * 7 + i % EACH * 251) % LOCATIONS);
        struct event e = {.type = EVENT_RECEIPT,
                          .has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(quantity) |
                                 HAS(occurred_at),
                          .id = text_of(id),
                          .source = TEXT("bench"),
                          .sku = text_of(sku),
                          .location = text_of(location),
                          .quantity = (1 + i % 50) * MILLI_PER_UNIT,
                          .occurred_at = at,
                          .as_of = INSTANT_NONE,
                          .expected_at = INSTANT_NONE,
                          .required_at = INSTANT_NONE};
        struct record r = {.kind = RECORD_EVENTS, .intake.after = -1, .events_count = 1, .events = &e};
        require(state_apply(s, &r, s->next_offset, at + i, &o) == 0 &&
                    o.verdicts[0].verdict == VERDICT_APPLIED,
                "an event was not applied");
    }
    outcome_finish(&o);
}

static int refuse(void *engine, struct command *c)
{
    return -5; /* ERROR_UNAVAILABLE: only reads are measured */
}

int main(int argc, char **argv)
{
    static struct view view;
    struct http *server;
    char listen[64], detail[200];

    require(argc == 4 || argc == 5, "serve_state PORT SKUS SECONDS [THREADS]");
    hash_seed(0);
    view.epoch = epoch_create();
    struct state *s = state_create(view.epoch);
    require(s, "out of memory");
    fill(s, (unsigned)atoi(argv[2]));
    view.table = s->table;
    view.catalogue = s->catalogue;
    view.positions = s->positions;
    view.incarnations = s->incarnations;
    atomic_store(&view.incarnations_count, s->incarnations_count);
    atomic_store(&view.level, s->level);
    atomic_store(&view.log_time, s->log_time);
    atomic_store(&view.next_offset, s->next_offset);
    atomic_store(&view.ready, true);
    snprintf(listen, sizeof(listen), "127.0.0.1:%s", argv[1]);
    struct http_options o = {.listen = listen,
                             .threads = argc > 4 ? (unsigned)atoi(argv[4]) : 1,
                             .view = &view,
                             .commands = {NULL, refuse}};
    require(http_start(&o, &server, detail, sizeof(detail)) == 0, detail);
    printf("ready\n");
    fflush(stdout);
    sleep((unsigned)atoi(argv[3]));
    http_stop(server, 1000);
    state_destroy(s);
    epoch_destroy(view.epoch);
    return 0;
}
