/* A list of records, a queue before it, and who is on duty. */
#include "sim/shared_log.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static struct shared_member *member_of(struct log *l)
{
    return (struct shared_member *)l;
}

static void put(struct shared_log *s, struct shared_record r)
{
    if (s->count == SHARED_RECORDS) {
        s->overflow = true;
        free(r.bytes);
        return;
    }
    r.appended_at = s->clock_us;
    s->records[s->count++] = r;
}

static struct shared_record record_of(const void *bytes, size_t length)
{
    struct shared_record r = {.bytes = malloc(length + 1), .length = length, .owner = UINT32_MAX};

    if (!r.bytes)
        abort();
    memcpy(r.bytes, bytes, length);
    return r;
}

/* ---- log.h ---- */

static int shared_append(struct log *l, const struct log_append *records, size_t count)
{
    struct shared_member *m = member_of(l);
    struct shared_log *s = m->shared;

    if (s->waiting_count + count > SHARED_WAITING || random_percent(s->random, 2))
        return ERROR_BUSY;
    for (size_t i = 0; i < count; i++) {
        struct shared_record r = record_of(records[i].bytes, records[i].length);
        r.cookie = records[i].cookie;
        r.owner = m->number;
        r.life = m->life;
        s->waiting[s->waiting_count++] = r;
    }
    return 0;
}

static int shared_next(struct log *l, struct log_record *ret_records, size_t count, int timeout_ms)
{
    struct shared_member *m = member_of(l);
    struct shared_log *s = m->shared;
    size_t most = 1 + random_below(s->random, count), got = 0;

    for (; got < most && m->next < s->count; got++, m->next++) {
        struct shared_record *r = &s->records[m->next];
        bool ours = r->owner == m->number && r->life == m->life;
        ret_records[got] = (struct log_record){.offset = m->next,
                                               .appended_at = r->appended_at,
                                               .bytes = r->bytes,
                                               .length = r->length,
                                               .cookie = ours ? r->cookie : NULL};
        if (ours)
            r->cookie = NULL;
    }
    return (int)got;
}

static void shared_nothing(struct log *l) {}

static int shared_trim(struct log *l, uint64_t offset)
{
    return 0;
}

static void shared_status(struct log *l, struct log_status *ret)
{
    *ret = (struct log_status){.writable = true, .end_offset = member_of(l)->shared->count};
}

/* What the coordinator says arrives when it is asked for, unless it cannot be heard. */
static void shared_duty(struct log *l, bool fit, struct log_duty *ret)
{
    struct shared_member *m = member_of(l);
    struct shared_log *s = m->shared;
    bool held = m->deaf ? m->held : fit && s->holder == (int)m->number;

    m->fit = fit;
    m->term += held && !m->held;
    m->held = held;
    m->until_us = s->clock_us + SHARED_LEASE_US;
    *ret = (struct log_duty){.term = held ? m->term : 0, .until_us = m->until_us};
}

/* ---- life ---- */

void shared_init(struct shared_log *s, struct random *r, int64_t begin_us, const void *first, size_t length)
{
    s->random = r;
    s->clock_us = begin_us;
    s->holder = -1;
    put(s, record_of(first, length));
}

void shared_finish(struct shared_log *s)
{
    for (uint64_t i = 0; i < s->count; i++)
        free(s->records[i].bytes);
    for (size_t i = 0; i < s->waiting_count; i++)
        free(s->waiting[i].bytes);
}

struct log *shared_open(struct shared_log *s, unsigned number, uint64_t start_offset)
{
    static const struct log_ops ops = {.append = shared_append,
                                       .next = shared_next,
                                       .wake = shared_nothing,
                                       .trim = shared_trim,
                                       .status = shared_status,
                                       .duty = shared_duty,
                                       .stop = shared_nothing,
                                       .destroy = shared_nothing};
    struct shared_member *m = &s->member[number];

    *m = (struct shared_member){
        .log = {&ops}, .shared = s, .number = number, .life = m->life + 1, .next = start_offset};
    return &m->log;
}

void shared_crash(struct shared_log *s, unsigned number)
{
    bool lost = false;
    size_t kept = 0;

    for (size_t i = 0; i < s->waiting_count; i++) {
        bool its = s->waiting[i].owner == number;
        lost |= its && random_percent(s->random, 30);
        if (its && lost)
            free(s->waiting[i].bytes);
        else
            s->waiting[kept++] = s->waiting[i];
    }
    s->waiting_count = kept;
    if (s->holder == (int)number)
        s->holder = -1;
}

static void change_duty(struct shared_log *s)
{
    struct shared_member *m = &s->member[random_below(s->random, SHARED_INSTANCES)];

    if (random_percent(s->random, 3))
        s->holder = (int)random_below(s->random, SHARED_INSTANCES + 1) - 1;
    if (random_percent(s->random, 3))
        m->deaf = !m->deaf;
}

/* Quiet: everybody hears, and somebody who is fit has it. */
static void settle_duty(struct shared_log *s)
{
    for (unsigned i = 0; i < SHARED_INSTANCES; i++)
        s->member[i].deaf = false;
    for (unsigned i = 0; i < SHARED_INSTANCES && s->holder < 0; i++)
        if (s->member[i].fit)
            s->holder = (int)i;
}

void shared_tick(struct shared_log *s, int64_t us, bool all)
{
    size_t some = all ? s->waiting_count : random_below(s->random, s->waiting_count + 1);

    s->clock_us += us;
    for (size_t i = 0; i < some; i++)
        put(s, s->waiting[i]);
    memmove(s->waiting, s->waiting + some, (s->waiting_count - some) * sizeof(s->waiting[0]));
    s->waiting_count -= some;
    if (all)
        settle_duty(s);
    else
        change_duty(s);
}
