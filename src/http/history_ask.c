/* A question on its way to the history and back. */
#include "http/ask.h"
#include "http/history_ask.h"
#include "http/commands.h"

#include <stdlib.h>

enum { WAIT_MS = 5000 };

/* Freed when it is back and nobody waits for it. */
struct asking {
    struct history_question question;
    struct pending pending;
    struct letter letter;
    struct connection *waiter; /* NULL: dropped */
    void (*answer)(struct exchange *x, const struct history_question *q);
    bool is_back;
    char texts[2 * TEXT_BYTES_MOST];
};

static void put_failure(struct exchange *x, int error)
{
    if (error == ERROR_NOMEM)
        problem_no_memory(x);
    else
        problem(x, PROBLEM_UNAVAILABLE, "the history cannot be read now (%s): try again", error_text(error));
}

static void free_asking(struct asking *a)
{
    arena_finish(&a->question.arena);
    free(a);
}

static void drop(struct pending *p)
{
    struct asking *a = (struct asking *)((char *)p - offsetof(struct asking, pending));

    a->waiter = NULL;
    if (a->is_back)
        free_asking(a);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct asking *a = (struct asking *)((char *)p - offsetof(struct asking, pending));

    if (!a->is_back) {
        if (x->loop->now_us < p->deadline_us)
            return PENDING_WAIT;
        problem(x, PROBLEM_UNAVAILABLE, "the history did not answer in time: try again");
        return PENDING_DONE;
    }
    if (a->question.status)
        put_failure(x, a->question.status);
    else
        a->answer(x, &a->question);
    return PENDING_DONE;
}

static void opened(struct letter *l, struct loop *loop)
{
    struct asking *a = (struct asking *)((char *)l - offsetof(struct asking, letter));

    a->is_back = true;
    if (!loop || !a->waiter)
        free_asking(a);
    else
        connection_resume(a->waiter);
}

/* @thread history-read */
static void answered(struct history_question *q)
{
    letter_send(&((struct asking *)q)->letter);
}

bool history_row_is_known(struct exchange *x)
{
    const struct view *v = exchange_view(x);
    struct text sku = x->arguments[0], location = x->arguments[1];

    epoch_enter(x->loop->reader);
    bool known = table_find(v->table, sku) && catalogue_location(v->catalogue, location);
    epoch_exit(x->loop->reader);
    if (!location_is_allowed(x, location))
        return false;
    if (!known)
        problem(x, PROBLEM_NOT_FOUND, "no row of SKU `%.*s` at location `%.*s` is known", (int)sku.length,
                sku.at, (int)location.length, location.at);
    return known;
}

static void send_question(struct exchange *x, struct asking *a)
{
    const struct history_port *port = &x->loop->http->options.history;

    letter_expect(&a->letter, x->loop);
    int error = port->ask(port->history, &a->question);
    if (!error) {
        exchange_wait(x, &a->pending);
        return;
    }
    letter_not_sent(&a->letter);
    free_asking(a);
    if (error == ERROR_BUSY)
        problem(x, PROBLEM_TOO_MANY_REQUESTS, "too many ask the history now: try again");
    else
        put_failure(x, error);
}

void history_ask(struct exchange *x, const struct history_question *q,
                 void (*answer)(struct exchange *x, const struct history_question *q))
{
    if (!x->loop->http->options.history.ask) {
        problem(x, PROBLEM_UNAVAILABLE, "this server keeps no history: it was started with --history off");
        return;
    }
    struct asking *a = malloc(sizeof(*a));
    if (!a) {
        problem_no_memory(x);
        return;
    }
    *a = (struct asking){.question = *q, .waiter = x->connection, .answer = answer};
    a->question.sku = (struct text){a->texts, x->arguments[0].length};
    memcpy(a->texts, x->arguments[0].at, x->arguments[0].length);
    a->question.location = (struct text){a->texts + x->arguments[0].length, x->arguments[1].length};
    memcpy(a->texts + x->arguments[0].length, x->arguments[1].at, x->arguments[1].length);
    a->question.done = answered;
    a->letter.opened = opened;
    a->pending = (struct pending){
        .step = step, .drop = drop, .deadline_us = x->loop->now_us + WAIT_MS * INT64_C(1000)};
    send_question(x, a);
}
