/* Hands records to the engine and takes them back. */
#include "http/commands.h"

#include "base/clock.h"
#include "codec/record_codec.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct parcel {
    struct command command; /* first: a command is its parcel */
    struct batch *batch;
    struct buffer bytes;
    void (*forget)(void *context); /* of a question: frees it */
    struct event_verdict verdicts[];
};

struct batch {
    struct loop *loop;
    struct mailbox *mailbox;
    struct connection *waiter; /* NULL: dropped */
    size_t count, capacity, submitted, back;
    struct parcel **parcels;
    struct parcel *first; /* the room of a batch of one */
    int error;            /* the first that came back, or that stopped submitting */
    bool full;            /* error came before anything was taken */
    int64_t deadline_us;
};

struct mailbox {
    _Atomic(struct command *) stack;  /* release by done: pairs with the acquire of whoever takes all */
    _Atomic(struct letter *) letters; /* the same, by letter_send */
    _Atomic unsigned references;      /* the loop's and one for every command that the engine holds */
    int fd;
    size_t waiting; /* commands the engine holds */
};

/* ---- the mailbox ---- */

struct mailbox *mailbox_create(void)
{
    struct mailbox *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0) {
        free(m);
        return NULL;
    }
    atomic_init(&m->references, 1);
    return m;
}

int mailbox_fd(const struct mailbox *m)
{
    return m->fd;
}

size_t mailbox_waiting(const struct mailbox *m)
{
    return m->waiting;
}

void mailbox_wake(struct mailbox *m)
{
    uint64_t one = 1;
    ssize_t n = write(m->fd, &one, sizeof(one)); /* EAGAIN: it is awake already */
    (void)n;
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        buffer_finish(&b->parcels[i]->bytes);
        reservation_answer_destroy(b->parcels[i]->command.reservation);
        if (b->parcels[i]->forget)
            b->parcels[i]->forget(b->parcels[i]->command.context);
        free(b->parcels[i]);
    }
    if (b->parcels != &b->first)
        free(b->parcels);
    free(b);
}

/* Takes the whole stack: oldest first. */
static struct command *take_all(struct mailbox *m)
{
    struct command *newest = atomic_exchange_explicit(&m->stack, NULL, memory_order_acquire), *oldest = NULL;

    while (newest) {
        struct command *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* Returns the connection that waits for it; NULL when nobody does. */
static struct connection *take_back(struct command *c)
{
    struct batch *b = ((struct parcel *)c)->batch;

    b->back++;
    b->mailbox->waiting--;
    if (c->status && !b->error)
        b->error = c->status;
    if (b->waiter)
        return b->waiter;
    if (b->back == b->submitted)
        batch_free(b);
    return NULL;
}

static void open_letters(struct mailbox *m, bool loop_is_there)
{
    struct letter *next;

    for (struct letter *l = atomic_exchange_explicit(&m->letters, NULL, memory_order_acquire); l; l = next) {
        next = l->next;
        l->opened(l, loop_is_there ? l->loop : NULL);
    }
}

/* The last who leaves frees; nobody else can see it then. */
static void unreference(struct mailbox *m)
{
    if (atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1)
        return;
    open_letters(m, false);
    for (struct command *c = take_all(m), *next; c; c = next) {
        next = c->next;
        take_back(c);
    }
    close(m->fd);
    free(m);
}

void mailbox_drain(struct mailbox *m)
{
    uint64_t ignored;
    ssize_t n = read(m->fd, &ignored, sizeof(ignored));
    (void)n;

    open_letters(m, true);
    for (struct command *c = take_all(m), *next; c; c = next) {
        next = c->next;
        struct loop *l = ((struct parcel *)c)->batch->loop;
        struct connection *waiter = take_back(c);
        count(l, METRIC_COMMANDS_WAITING, (uint64_t)-1);
        if (waiter)
            connection_resume(waiter);
    }
}

void mailbox_leave(struct mailbox *m)
{
    if (m)
        unreference(m);
}

/* @thread writer or log */
static void done(struct command *c)
{
    struct mailbox *m = ((struct parcel *)c)->batch->mailbox;
    struct command *top = atomic_load_explicit(&m->stack, memory_order_relaxed);

    do {
        c->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&m->stack, &top, c, memory_order_release,
                                                    memory_order_relaxed));
    if (!top)
        mailbox_wake(m); /* whoever found it empty wakes; our reference keeps m alive until here */
    unreference(m);
}

void letter_expect(struct letter *l, struct loop *loop)
{
    l->loop = loop;
    l->mailbox = loop->mailbox;
    atomic_fetch_add_explicit(&l->mailbox->references, 1, memory_order_relaxed);
}

void letter_not_sent(struct letter *l)
{
    unreference(l->mailbox); /* not the last: the loop has its own */
}

void letter_send(struct letter *l)
{
    struct mailbox *m = l->mailbox;
    struct letter *top = atomic_load_explicit(&m->letters, memory_order_relaxed);

    do {
        l->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&m->letters, &top, l, memory_order_release,
                                                    memory_order_relaxed));
    if (!top)
        mailbox_wake(m);
    unreference(m);
}

/* ---- batches ---- */

void batch_begin_waiting(struct batch *b)
{
    const struct http_options *o = &b->loop->http->options;

    b->deadline_us = b->loop->now_us + 1000 * (int64_t)loop_option(o->command_timeout_ms, COMMAND_TIMEOUT_MS);
}

struct batch *batch_create(struct exchange *x)
{
    struct batch *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->loop = x->loop;
    b->mailbox = x->loop->mailbox;
    b->waiter = x->connection;
    batch_begin_waiting(b);
    return b;
}

static bool grow(struct batch *b)
{
    if (b->count < b->capacity)
        return true;
    if (!b->capacity) {
        b->parcels = &b->first;
        b->capacity = 1;
        return true;
    }
    size_t capacity = 2 * b->capacity;
    bool first = b->parcels == &b->first;
    struct parcel **grown = realloc(first ? NULL : b->parcels, capacity * sizeof(*grown));
    if (!grown)
        return false;
    if (first)
        grown[0] = b->first;
    b->parcels = grown;
    b->capacity = capacity;
    return true;
}

int batch_add(struct batch *b, const struct record *r)
{
    size_t verdicts = r->events_count ? r->events_count : 1;
    struct parcel *p = grow(b) ? malloc(sizeof(*p) + verdicts * sizeof(p->verdicts[0])) : NULL;

    if (!p)
        return ERROR_NOMEM;
    *p = (struct parcel){.batch = b};
    int error = record_encode(r, &p->bytes);
    if (error) {
        buffer_finish(&p->bytes);
        free(p);
        return error;
    }
    p->command.bytes = p->bytes.at;
    p->command.length = p->bytes.length;
    p->command.verdicts = p->verdicts;
    p->command.verdicts_capacity = verdicts;
    p->command.done = done;
    b->parcels[b->count++] = p;
    return 0;
}

int batch_ask(struct batch *b, bool (*ask)(struct command *c, const struct state *s), void *context,
              void (*forget)(void *context))
{
    struct parcel *p = grow(b) ? malloc(sizeof(*p)) : NULL;

    if (!p) {
        forget(context);
        return ERROR_NOMEM;
    }
    *p = (struct parcel){.batch = b, .forget = forget};
    p->command.ask = ask;
    p->command.context = context;
    p->command.done = done;
    b->parcels[b->count++] = p;
    return 0;
}

size_t batch_count(const struct batch *b)
{
    return b->count;
}

const struct command *batch_command(const struct batch *b, size_t i)
{
    return &b->parcels[i]->command;
}

int64_t batch_deadline_us(const struct batch *b)
{
    return b->deadline_us;
}

static int submit(struct batch *b, struct parcel *p)
{
    const struct command_port *port = &b->loop->http->options.commands;
    struct mailbox *m = b->mailbox;

    if (m->waiting >= COMMANDS_A_LOOP_MOST)
        return ERROR_BUSY;
    atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
    int error = port->submit(port->engine, &p->command);
    if (error) {
        unreference(m); /* not the last: the loop has its own */
        return error;
    }
    m->waiting++;
    b->submitted++;
    count(b->loop, METRIC_COMMANDS, p->command.bytes != NULL);
    count(b->loop, METRIC_COMMANDS_WAITING, 1);
    return 0;
}

enum batch_status batch_advance(struct batch *b)
{
    while (!b->error && b->submitted < b->count && b->submitted - b->back < COMMANDS_A_BATCH_MOST) {
        int error = submit(b, b->parcels[b->submitted]);
        if (error == ERROR_BUSY && b->submitted)
            break; /* goes on when one of its own comes back, or at the next poll */
        if (error) {
            b->error = error;
            b->full = b->submitted == 0;
        }
    }
    if (b->error && b->full)
        return BATCH_REFUSED;
    if (b->back == b->submitted && b->error)
        return BATCH_FAILED;
    if (b->back == b->count)
        return BATCH_DONE;
    if (b->loop->now_us < b->deadline_us)
        return BATCH_WAITING;
    b->error = ERROR_TIMEOUT;
    return BATCH_FAILED;
}

bool batch_again(struct batch *b)
{
    if (!b->full || b->error != ERROR_BUSY || b->loop->now_us >= b->deadline_us)
        return false;
    b->full = false;
    b->error = 0;
    return true;
}

void batch_answer_failure(const struct batch *b, struct exchange *x)
{
    count(x->loop, b->error == ERROR_TIMEOUT ? METRIC_COMMANDS_TIMED_OUT : METRIC_COMMANDS_REFUSED, 1);
    if (!b->full) {
        problem(x, PROBLEM_NOT_KNOWN,
                "not known to be written (%s): send it again with the same ids, what was written is then "
                "answered as a duplicate",
                error_text(b->error));
        return;
    }
    if (b->error == ERROR_BUSY)
        problem(x, PROBLEM_TOO_MANY_REQUESTS,
                "the log has as much to do as it may: nothing was written, try again");
    else if (b->error == ERROR_LIMIT)
        problem(x, PROBLEM_TOO_LARGE, "this makes a record longer than the log takes: nothing was written");
    else
        problem(x, PROBLEM_UNAVAILABLE, "the log takes no records now: nothing was written, try again");
}

void batch_drop(struct batch *b)
{
    if (!b)
        return;
    b->waiter = NULL;
    if (b->back == b->submitted)
        batch_free(b);
}
