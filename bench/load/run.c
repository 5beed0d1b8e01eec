/* The loop: what is due goes out on a free connection, what comes back is judged and counted. */
#include "bench/load/run.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16, EVENTS = 64, REDIALS_MOST = 100 };
#define SECOND_NS UINT64_C(1000000000)

struct connection {
    int fd;
    bool dirty, waits_to_write;
    struct buffer out, in;
    size_t out_at, in_at;
    struct request *flight; /* a ring of `pipeline`, oldest first */
    unsigned first, count;
};

struct run {
    const struct run_options *o;
    struct run_result *result;
    struct connection *connections;
    uint32_t *free_slots; /* connections that may take one more, the longest free first */
    unsigned slots, slots_first, slots_count;
    int epoll;
    struct arrivals arrivals;
    struct dice dice;
    uint64_t begin_ns, warm_ns, stop_ns, number, measured, in_flight, redials;
    double cpu_at_warm;
    bool window_open, ended;
    unsigned share_sum;
    struct {
        struct histogram latency;
        uint64_t next_ns, sent, answered, bad;
    } second;
    int error;
    char *detail;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void fail(struct run *r, int error, const char *what)
{
    if (r->error)
        return;
    r->error = error;
    snprintf(r->detail, STOCK_DETAIL_BYTES, "%s", what);
}

/* ---- CPU of the server ---- */

/* Of all threads a process has now; those that ended are not in it. */
static double process_cpu_seconds(int pid)
{
    char path[300];
    double sum = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *d; tasks && (d = readdir(tasks));) {
        unsigned long long ns = 0;
        snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, d->d_name);
        FILE *f = d->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (f && fscanf(f, "%llu", &ns) == 1)
            sum += (double)ns / 1e9;
        if (f)
            fclose(f);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

static double cpu_seconds(const struct run_options *o)
{
    double sum = 0;

    for (unsigned i = 0; i < PIDS_MOST && o->pids[i]; i++)
        sum += process_cpu_seconds(o->pids[i]);
    return sum;
}

/* ---- connections ---- */

static void give_slot(struct run *r, uint32_t connection)
{
    r->free_slots[(r->slots_first + r->slots_count++) % r->slots] = connection;
}

static uint32_t take_slot(struct run *r)
{
    uint32_t found = r->free_slots[r->slots_first];

    r->slots_first = (r->slots_first + 1) % r->slots;
    r->slots_count--;
    return found;
}

static void watch(struct run *r, struct connection *c, int how, bool write)
{
    struct epoll_event e = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};

    c->waits_to_write = write;
    epoll_ctl(r->epoll, how, c->fd, &e);
}

static bool dial(struct run *r, struct connection *c)
{
    c->fd = target_dial(r->o->target);
    if (c->fd < 0) {
        char text[STOCK_DETAIL_BYTES];
        snprintf(text, sizeof(text), "%s: cannot connect: %s", r->o->target->authority, strerror(errno));
        fail(r, ERROR_UNAVAILABLE, text);
        return false;
    }
    watch(r, c, EPOLL_CTL_ADD, false);
    return true;
}

static struct kind_result *of(struct run *r, const struct request *q)
{
    return &r->result->kinds[q->kind];
}

/* Nobody knows what became of it. */
static void lose(struct run *r, const struct request *q, uint64_t now)
{
    r->result->unknown++;
    r->in_flight--;
    if (!q->measured)
        return;
    of(r, q)->unanswered++;
    histogram_add(&of(r, q)->latency, now - q->due_ns);
}

static void break_off(struct run *r, struct connection *c, uint64_t now)
{
    close(c->fd);
    r->result->broken++;
    r->second.bad++;
    for (; c->count; c->count--, c->first = (c->first + 1) % r->o->pipeline) {
        lose(r, &c->flight[c->first], now);
        give_slot(r, (uint32_t)(c - r->connections));
    }
    buffer_clear(&c->out);
    buffer_clear(&c->in);
    c->out_at = c->in_at = 0;
    if (++r->redials > REDIALS_MOST)
        fail(r, ERROR_UNAVAILABLE, "the server broke off too many connections");
    else
        dial(r, c);
}

static void flush(struct run *r, struct connection *c, uint64_t now)
{
    while (c->out_at < c->out.length) {
        ssize_t n = write(c->fd, c->out.at + c->out_at, c->out.length - c->out_at);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0 && errno != EINTR) {
            break_off(r, c, now);
            return;
        }
        c->out_at += n > 0 ? (size_t)n : 0;
    }
    bool waits = c->out_at < c->out.length;
    if (waits != c->waits_to_write)
        watch(r, c, EPOLL_CTL_MOD, waits);
    if (!waits) {
        buffer_clear(&c->out);
        c->out_at = 0;
    }
}

/* ---- sending ---- */

static enum kind draw_kind(struct run *r)
{
    uint64_t at = dice_below(&r->dice, r->share_sum);
    unsigned kind = 0;

    while (at >= r->o->share[kind])
        at -= r->o->share[kind++];
    return kind;
}

static void put(struct run *r, struct connection *c, const struct request *q)
{
    struct request *kept = &c->flight[(c->first + c->count++) % r->o->pipeline];

    *kept = *q;
    r->o->wire->put(r->o->maker, kept, &c->out);
    r->in_flight++;
    r->result->requests++;
    r->second.sent++;
}

/* What is due now, while there are connections for it. `idle`: those that found one free at their instant. */
static void send_due(struct run *r, uint64_t now)
{
    const struct run_options *o = r->o;

    while (r->slots_count && !r->ended) {
        uint64_t due = o->rate > 0 ? r->begin_ns + (uint64_t)r->arrivals.due_ns : now;
        if (due > now)
            return;
        if (due >= r->stop_ns || (o->count && r->measured >= o->count)) {
            r->ended = true;
            return;
        }
        struct connection *c = &r->connections[take_slot(r)];
        struct request q = {
            .number = r->number++, .seed = dice_next(&r->dice), .due_ns = due, .sent_ns = now};
        q.kind = (uint8_t)draw_kind(r);
        q.row = (uint32_t)picker_row(&o->maker->picker, &r->dice);
        q.measured = due >= r->warm_ns;
        r->measured += q.measured;
        r->result->due += q.measured;
        if (q.measured)
            histogram_add(&r->result->late, now - due);
        put(r, c, &q);
        arrivals_step(&r->arrivals);
        /* whoever keeps this connection busy sends one write, not one a request */
        if (!r->slots_count || r->free_slots[r->slots_first] != (uint32_t)(c - r->connections))
            flush(r, c, now);
        else
            c->dirty = true;
    }
}

static void flush_dirty(struct run *r, uint64_t now)
{
    for (unsigned i = 0; i < r->o->connections; i++) {
        struct connection *c = &r->connections[i];
        if (c->dirty && c->out_at < c->out.length && !c->waits_to_write)
            flush(r, c, now);
        c->dirty = false;
    }
}

/* ---- receiving ---- */

static void count_status(struct run_result *result, int status)
{
    for (unsigned i = 0; i < STATUSES_MOST; i++)
        if (result->statuses[i][1] == 0 || result->statuses[i][0] == (uint64_t)status) {
            result->statuses[i][0] = (uint64_t)status;
            result->statuses[i][1]++;
            return;
        }
}

static void keep_wrong(struct run_result *result, const struct answer *a)
{
    if (!result->wrong[0])
        snprintf(result->wrong, sizeof(result->wrong), "%d: %.*s", a->status,
                 (int)(a->body.length < 300 ? a->body.length : 300), a->body.length ? a->body.at : "");
}

static unsigned rows_of(const struct run *r, const struct request *q)
{
    const struct stock *s = r->o->maker->stock;
    uint32_t sku = s->rows[q->row].sku;

    if (q->kind == KIND_batch || q->kind == KIND_event)
        return r->o->maker->batch;
    if (q->kind == KIND_sku)
        return s->sku_first[sku + 1] - s->sku_first[sku];
    return q->kind == KIND_row ? 1 : r->o->maker->lines;
}

static void note_bad(struct run *r, enum judgement verdict, const struct answer *a)
{
    if (verdict == ANSWER_ERROR)
        count_status(r->result, a->status);
    if (verdict != ANSWER_ERROR && verdict != ANSWER_WRONG)
        return;
    keep_wrong(r->result, a);
    r->second.bad++;
}

static void count_verdict(struct run *r, const struct request *q)
{
    struct kind_result *k = of(r, q);
    uint64_t *const counts[] = {[ANSWER_RIGHT] = &k->right,
                                [ANSWER_REFUSED] = &k->refused,
                                [ANSWER_ERROR] = &k->errors,
                                [ANSWER_WRONG] = &k->wrong};

    if (q->measured)
        ++*counts[q->worst];
}

static void finish(struct run *r, const struct request *q, uint64_t now)
{
    r->second.answered++;
    histogram_add(&r->second.latency, now - q->due_ns);
    if (r->window_open && now < r->stop_ns) {
        r->result->answered++;
        r->result->rows += rows_of(r, q);
    }
    if (!q->measured)
        return;
    histogram_add(&of(r, q)->latency, now - q->due_ns);
    histogram_add(&of(r, q)->service, now - q->sent_ns);
}

/* One answer to the oldest request of this connection. */
static void answered(struct run *r, struct connection *c, const struct answer *a, uint64_t now)
{
    struct request *q = &c->flight[c->first], whole;
    struct effect e = {0};
    enum judgement verdict = r->o->wire->judge(r->o->maker, q, a, r->o->look, &e);

    r->result->effect.held += e.held;
    r->result->effect.confirmed += e.confirmed;
    r->result->effect.applied += e.applied;
    note_bad(r, verdict, a);
    q->worst = verdict > q->worst ? (uint8_t)verdict : q->worst;
    if (--q->answers)
        return;
    whole = *q;
    c->first = (c->first + 1) % r->o->pipeline;
    c->count--;
    r->in_flight--;
    if (whole.kind == KIND_order && whole.step == 0 && verdict == ANSWER_RIGHT && r->o->wire == &wire_http) {
        whole.step = 1; /* the same slot, the same latency goes on */
        put(r, c, &whole);
        flush(r, c, now);
        return;
    }
    count_verdict(r, &whole);
    finish(r, &whole, now);
    give_slot(r, (uint32_t)(c - r->connections));
}

static void take_answers(struct run *r, struct connection *c, uint64_t now)
{
    struct answer a = {0};
    long used = 0;
    uint64_t redials = r->redials;

    while (c->in_at < c->in.length && c->count && !r->error) {
        used = r->o->wire->take(c->in.at + c->in_at, c->in.length - c->in_at, &a);
        if (used <= 0)
            break;
        c->in_at += (size_t)used;
        answered(r, c, &a, now);
        if (r->redials != redials)
            return;
    }
    if (used < 0)
        fail(r, ERROR_INVALID, "what came back is not of this protocol");
    if (c->in_at == c->in.length) {
        buffer_clear(&c->in);
        c->in_at = 0;
    } else if (c->in_at > READ_BYTES) {
        memmove(c->in.at, c->in.at + c->in_at, c->in.length - c->in_at);
        c->in.length -= c->in_at;
        c->in_at = 0;
    }
}

static void receive(struct run *r, struct connection *c)
{
    char *room = buffer_reserve(&c->in, READ_BYTES);
    ssize_t n = room ? read(c->fd, room, READ_BYTES) : 0;
    uint64_t now = now_ns();

    if (!room) {
        fail(r, ERROR_NOMEM, "out of memory");
    } else if (n > 0) {
        c->in.length += (size_t)n;
        take_answers(r, c, now);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        break_off(r, c, now);
    }
    send_due(r, now);
}

/* ---- the whole ---- */

static void show_second(struct run *r, uint64_t now)
{
    if (now < r->second.next_ns)
        return;
    if (r->o->progress) {
        uint64_t due =
            r->o->rate > 0 && now > r->begin_ns + (uint64_t)r->arrivals.due_ns
                ? (uint64_t)((double)(now - r->begin_ns - (uint64_t)r->arrivals.due_ns) * r->o->rate / 1e9)
                : 0;
        fprintf(
            stderr,
            "%5.0f s  %8llu/s sent  %8llu/s answered  p50 %8.3f ms  p99 %8.3f ms  behind %llu  bad %llu%s\n",
            (double)(now - r->begin_ns) / 1e9, (unsigned long long)r->second.sent,
            (unsigned long long)r->second.answered, (double)histogram_at(&r->second.latency, 0.5) / 1e6,
            (double)histogram_at(&r->second.latency, 0.99) / 1e6, (unsigned long long)due,
            (unsigned long long)r->second.bad, now < r->warm_ns ? "  (warm-up)" : "");
    }
    histogram_clear(&r->second.latency);
    r->second.sent = r->second.answered = r->second.bad = 0;
    r->second.next_ns = now + SECOND_NS;
}

static void open_window(struct run *r, uint64_t now)
{
    if (r->window_open || now < r->warm_ns)
        return;
    r->window_open = true;
    r->cpu_at_warm = cpu_seconds(r->o);
}

/* The window is over: at its end, or when so many were sent as were wanted. */
static void close_window(struct run *r, uint64_t now)
{
    if (!r->window_open || (now < r->stop_ns && !r->ended) || r->result->seconds > 0)
        return;
    r->stop_ns = now < r->stop_ns ? now : r->stop_ns;
    r->ended = true;
    r->result->seconds = (double)(r->stop_ns - r->warm_ns) / 1e9;
    r->result->cpu_seconds = cpu_seconds(r->o) - r->cpu_at_warm;
}

static void wait_for(struct run *r, uint64_t now, uint64_t until)
{
    struct epoll_event events[EVENTS];
    uint64_t due = r->begin_ns + (uint64_t)r->arrivals.due_ns,
             next = r->second.next_ns < until ? r->second.next_ns : until;

    if (!r->window_open && r->warm_ns < next)
        next = r->warm_ns;
    if (r->slots_count && !r->ended && due < next)
        next = due;
    uint64_t left = r->o->spin || next <= now ? 0 : next - now;
    struct timespec t = {.tv_sec = (time_t)(left / SECOND_NS), .tv_nsec = (long)(left % SECOND_NS)};
    int n = epoll_pwait2(r->epoll, events, EVENTS, &t, NULL);

    for (int i = 0; i < n && !r->error; i++) {
        struct connection *c = events[i].data.ptr;
        uint64_t redials = r->redials;
        if (events[i].events & EPOLLOUT)
            flush(r, c, now);
        if (r->redials == redials && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            receive(r, c);
    }
}

/* What was due in the window and never went out. */
static void count_unsent(struct run *r, uint64_t now)
{
    uint64_t stop = r->stop_ns;

    if (r->o->rate <= 0 || (r->o->count && r->measured >= r->o->count))
        return;
    for (uint64_t due; (due = r->begin_ns + (uint64_t)r->arrivals.due_ns) < stop;
         arrivals_step(&r->arrivals)) {
        if (due < r->warm_ns)
            continue;
        struct kind_result *k = &r->result->kinds[draw_kind(r)];
        r->result->due++;
        k->unanswered++;
        histogram_add(&k->latency, now > due ? now - due : 0);
    }
}

static void loop(struct run *r)
{
    uint64_t patience = (uint64_t)(r->o->patience_seconds * 1e9);

    for (;;) {
        uint64_t now = now_ns();
        open_window(r, now);
        send_due(r, now);
        flush_dirty(r, now);
        close_window(r, now);
        show_second(r, now);
        bool over = r->result->seconds > 0;
        if (r->error || (over && (r->in_flight == 0 || now >= r->stop_ns + patience)))
            break;
        wait_for(r, now, over ? r->stop_ns + patience : r->stop_ns);
    }
    uint64_t now = now_ns();
    for (unsigned i = 0; i < r->o->connections; i++) {
        struct connection *c = &r->connections[i];
        for (; c->count; c->count--, c->first = (c->first + 1) % r->o->pipeline)
            lose(r, &c->flight[c->first], now);
    }
    count_unsent(r, now);
}

static bool prepare(struct run *r)
{
    const struct run_options *o = r->o;

    r->slots = o->connections * o->pipeline;
    r->connections = calloc(o->connections, sizeof(*r->connections));
    r->free_slots = calloc(r->slots, sizeof(*r->free_slots));
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!r->connections || !r->free_slots || r->epoll < 0)
        return false;
    for (unsigned i = 0; i < o->connections; i++)
        r->connections[i].fd = -1;
    for (unsigned i = 0; i < o->connections && !r->error; i++) {
        struct connection *c = &r->connections[i];
        c->flight = calloc(o->pipeline, sizeof(*c->flight));
        if (!c->flight)
            return false;
        dial(r, c);
    }
    for (unsigned i = 0; i < r->slots; i++)
        give_slot(r, i % o->connections);
    for (unsigned k = 0; k < KINDS; k++)
        r->share_sum += o->share[k];
    return true;
}

static void tidy(struct run *r)
{
    for (unsigned i = 0; r->connections && i < r->o->connections; i++) {
        struct connection *c = &r->connections[i];
        if (c->fd >= 0)
            close(c->fd);
        buffer_finish(&c->out);
        buffer_finish(&c->in);
        free(c->flight);
    }
    free(r->connections);
    free(r->free_slots);
    if (r->epoll >= 0)
        close(r->epoll);
}

int run_load(const struct run_options *o, struct run_result *ret, char detail[STOCK_DETAIL_BYTES])
{
    struct run *r = calloc(1, sizeof(*r));

    memset(ret, 0, sizeof(*ret));
    if (!r)
        return ERROR_NOMEM;
    *r = (struct run){
        .o = o, .result = ret, .epoll = -1, .detail = detail, .number = o->first_number, .dice = {o->seed}};
    prctl(PR_SET_TIMERSLACK, 1); /* wake when asked to, not up to 50 µs later */
    if (!prepare(r))
        fail(r, ERROR_NOMEM, "out of memory");
    arrivals_begin(&r->arrivals, o->rate, o->poisson, o->seed + 1);
    r->begin_ns = now_ns();
    r->warm_ns = r->begin_ns + (uint64_t)(o->warm_seconds * 1e9);
    r->stop_ns = r->warm_ns + (uint64_t)(o->seconds * 1e9);
    r->second.next_ns = r->begin_ns + SECOND_NS;
    if (!r->error)
        loop(r);
    int error = r->error;
    tidy(r);
    free(r);
    return error;
}
