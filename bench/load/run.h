/* One run of the load: a schedule, some connections, and what came of it.
 *
 * Open loop: the n-th request's instant comes from the schedule alone. It goes out then, or, when every
 * connection is taken, as soon as one is free; its latency counts from the instant it was due. So a server
 * that stops for a second makes all requests of that second late, as it would to people who do not know of
 * each other (no coordinated omission). What is never answered counts with the time it has been waiting when
 * the run ends. */
#ifndef BENCH_LOAD_RUN_H
#define BENCH_LOAD_RUN_H

#include "bench/load/histogram.h"
#include "bench/load/request.h"
#include "bench/load/socket.h"

enum { PIDS_MOST = 16, STATUSES_MOST = 16, WRONG_TEXT = 400, CONNECTIONS_MOST = 10000, PIPELINE_MOST = 256 };

struct run_options {
    const struct target *target;
    const struct wire *wire;
    struct maker *maker;
    unsigned connections, pipeline;
    unsigned share[KINDS];        /* weights of the mix */
    double rate;                  /* requests a second; 0: a closed loop */
    bool poisson, look, spin;     /* look: into the answers; spin: never sleep */
    double seconds, warm_seconds; /* measured, and before it */
    double patience_seconds;      /* for what is on its way at the end */
    uint64_t count;               /* at most so many measured; 0: no bound */
    uint64_t seed, first_number;
    int pids[PIDS_MOST]; /* of the server's processes, for their CPU time; 0 ends */
    bool progress;       /* a line a second on standard error */
};

struct kind_result {
    struct histogram latency; /* from due to answered */
    struct histogram service; /* from sent to answered */
    uint64_t right, refused, errors, wrong, unanswered;
};

struct run_result {
    struct kind_result kinds[KINDS];
    struct histogram
        late;       /* from due to sent, of what found a free connection at once: the generator's own delay */
    double seconds; /* of the window that was measured */
    uint64_t due, answered;              /* in the window */
    uint64_t requests, broken;           /* all, warm-up included; connections that broke off */
    uint64_t rows;                       /* asked for or changed by the right answers in the window */
    uint64_t statuses[STATUSES_MOST][2]; /* what errors said, and how often */
    struct effect effect;                /* of all requests, warm-up included */
    uint64_t unknown;                    /* requests that may or may not have had an effect */
    double cpu_seconds;                  /* of the pids, in the window */
    char wrong[WRONG_TEXT];              /* the first wrong answer */
};

/* 0, or ERROR_NOMEM, ERROR_UNAVAILABLE, ERROR_INVALID (not that protocol) with `detail`. */
int run_load(const struct run_options *o, struct run_result *ret, char detail[STOCK_DETAIL_BYTES]);

#endif
