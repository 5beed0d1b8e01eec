/* Writes one record for a request. */
#include "http/record_task.h"

#include <stdlib.h>

struct record_task {
    struct pending pending;
    struct batch *batch;
    void (*answer)(struct exchange *x, const struct command *c);
};

static void drop(struct pending *p)
{
    struct record_task *t = (struct record_task *)p;

    batch_drop(t->batch);
    free(t);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct record_task *t = (struct record_task *)p;

    switch (batch_advance(t->batch)) {
    case BATCH_WAITING:
        return PENDING_WAIT;
    case BATCH_DONE:
        t->answer(x, batch_command(t->batch, 0));
        return PENDING_DONE;
    default:
        batch_answer_failure(t->batch, x);
        return PENDING_DONE;
    }
}

void record_task_run(struct exchange *x, const struct record *r,
                     void (*answer)(struct exchange *x, const struct command *c))
{
    struct record_task *t = calloc(1, sizeof(*t));
    int error = ERROR_NOMEM;

    if (t && (t->batch = batch_create(x)))
        error = batch_add(t->batch, r);
    if (error == ERROR_LIMIT)
        problem(x, PROBLEM_TOO_LARGE, "this makes a record longer than the log takes (%d bytes)",
                RECORD_BYTES_MOST);
    else if (error)
        problem_no_memory(x);
    if (error) {
        if (t)
            drop(&t->pending);
        return;
    }
    t->answer = answer;
    t->pending = (struct pending){step, drop, batch_deadline_us(t->batch), false};
    if (step(&t->pending, x) == PENDING_DONE)
        drop(&t->pending);
    else
        exchange_wait(x, &t->pending);
}

bool record_task_rejected(struct exchange *x, const struct command *c)
{
    struct event_verdict v = c->verdicts_count ? c->verdicts[0] : (struct event_verdict){0};
    enum reason r = (enum reason)v.reason;
    struct problems p = {.count = 0};

    if (v.verdict != VERDICT_REJECTED)
        return false;
    problems_add(&p, reason_pointer(r), "%s", reason_detail(r));
    problem_with(x, r == REASON_IN_USE || r == REASON_CYCLE ? PROBLEM_CONFLICT : PROBLEM_REJECTED, &p,
                 "%s: %s", reason_name(r), reason_detail(r));
    return true;
}
