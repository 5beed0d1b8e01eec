/* The pool of messages on their way. What grows with a large message is given back when it is done with. */
#include "intake/parcel.h"
#include "base/error.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FETCHED_AHEAD = 8 };

int parcel_pool_init(struct parcel_pool *p, size_t count, size_t bytes_most)
{
    *p = (struct parcel_pool){.bytes_most = bytes_most};
    p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->all = aligned_alloc(_Alignof(struct parcel), count * sizeof(*p->all));
    if (p->all)
        memset(p->all, 0, count * sizeof(*p->all));
    p->ring_mask = 1;
    while (p->ring_mask < count)
        p->ring_mask *= 2;
    p->ring = calloc(p->ring_mask--, sizeof(struct command *));
    if (p->wake < 0 || !p->all || !p->ring) {
        parcel_pool_finish(p);
        return ERROR_NOMEM;
    }
    p->count = p->free_count = count;
    for (size_t i = count; i-- > 0;) {
        p->all[i].next = p->free;
        p->free = &p->all[i];
    }
    return 0;
}

static void parcel_clear(struct parcel *p)
{
    if (p->command.verdicts != p->few)
        free(p->command.verdicts);
    p->command.verdicts = NULL;
    if (p->message)
        rd_kafka_message_destroy(p->message);
    p->message = NULL;
    if (p->headers)
        rd_kafka_headers_destroy(p->headers);
    p->headers = NULL;
    if (p->record.capacity > PARCEL_BYTES_KEPT)
        buffer_finish(&p->record);
    if (p->original.capacity > PARCEL_BYTES_KEPT)
        buffer_finish(&p->original);
    buffer_clear(&p->record);
    buffer_clear(&p->original);
}

void parcel_pool_finish(struct parcel_pool *p)
{
    for (size_t i = 0; i < p->count; i++) {
        parcel_clear(&p->all[i]);
        buffer_finish(&p->all[i].record);
        buffer_finish(&p->all[i].original);
    }
    free(p->all);
    free(p->ring);
    if (p->wake >= 0)
        close(p->wake);
    *p = (struct parcel_pool){.wake = -1};
}

struct parcel *parcel_take(struct parcel_pool *p)
{
    struct parcel *taken = p->free;

    if (!taken || p->bytes > p->bytes_most)
        return NULL;
    p->free = taken->next;
    p->free_count--;
    taken->next = NULL;
    return taken;
}

void parcel_free(struct parcel_pool *p, struct parcel *parcel)
{
    p->bytes -= parcel->counted;
    parcel->counted = 0;
    parcel_clear(parcel);
    parcel->step = PARCEL_FREE;
    parcel->letter = LETTER_NONE;
    parcel->lane = NULL;
    parcel->next = p->free;
    p->free = parcel;
    p->free_count++;
}

static void parcel_count(struct parcel_pool *p, struct parcel *parcel)
{
    size_t bytes = parcel->record.length + parcel->original.length;

    if (parcel->message)
        bytes += parcel->message->key_len + parcel->message->len;
    p->bytes += bytes - parcel->counted;
    parcel->counted = bytes;
}

void parcel_begin(struct parcel *parcel, struct lane *lane, int64_t offset)
{
    parcel->lane = lane;
    parcel->offset = offset;
    parcel->letter = LETTER_NONE;
    parcel->letter_bare = parcel->from_backlog = parcel->listed = false;
    parcel->has_key = parcel->has_value = false;
    parcel->key_length = 0;
}

void parcel_fill(struct parcel_pool *p, struct parcel *parcel, struct lane *lane, rd_kafka_message_t *m)
{
    parcel_begin(parcel, lane, m->offset);
    parcel->message = m;
    parcel->has_key = m->key != NULL;
    parcel->has_value = m->payload != NULL;
    parcel->key_length = m->key_len;
    parcel_count(p, parcel);
}

bool parcel_part(struct parcel_pool *p, struct parcel *parcel)
{
    rd_kafka_message_t *m = parcel->message;

    if (!m)
        return true;
    if (!buffer_reserve(&parcel->original, m->key_len + m->len + 1)) {
        buffer_clear(&parcel->original);
        return false;
    }
    buffer_add(&parcel->original, m->key, m->key_len);
    buffer_add(&parcel->original, m->payload, m->len);
    if (rd_kafka_message_detach_headers(m, &parcel->headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        parcel->headers = NULL;
    parcel->message = NULL;
    rd_kafka_message_destroy(m);
    parcel_count(p, parcel);
    return true;
}

bool parcel_pool_part(struct parcel_pool *p)
{
    bool all = true;

    for (size_t i = 0; i < p->count; i++)
        all &= parcel_part(p, &p->all[i]);
    return all;
}

void parcel_pool_drop_messages(struct parcel_pool *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->all[i].message)
            rd_kafka_message_destroy(p->all[i].message);
        p->all[i].message = NULL;
    }
}

bool parcel_prepare(struct parcel_pool *p, struct parcel *parcel, size_t events, bool decoded)
{
    struct event_verdict *verdicts = parcel->few;

    if (events > PARCEL_VERDICTS) {
        verdicts = malloc(events * sizeof(*verdicts));
        if (!verdicts)
            return false;
    }
    parcel_count(p, parcel);
    parcel->command =
        (struct command){.bytes = parcel->record.at,
                         .length = parcel->record.length,
                         .verdicts_capacity = events > PARCEL_VERDICTS ? events : PARCEL_VERDICTS,
                         .verdicts = verdicts,
                         .done = parcel_done,
                         .done_all = parcel_done_all,
                         .context = p,
                         .decoded = decoded ? &parcel->decoded.record : NULL};
    return true;
}

/* Pairs with parcel_pool_wait, seq_cst on both sides: either the sleeper sees what was given back, or we see
 * the sleeper. */
static void wake(struct parcel_pool *p, int count)
{
    if (atomic_load_explicit(&p->wake_after, memory_order_seq_cst) <= 0)
        return;
    int left = atomic_fetch_sub_explicit(&p->wake_after, count, memory_order_relaxed);
    if (left > 0 && left <= count) {
        ssize_t written = write(p->wake, &(uint64_t){1}, sizeof(uint64_t));
        (void)written;
    }
}

void parcel_done(struct command *c)
{
    struct parcel_pool *p = c->context;
    struct command *top = atomic_load_explicit(&p->done, memory_order_relaxed);

    do
        c->next = top;
    while (!atomic_compare_exchange_weak_explicit(&p->done, &top, c, memory_order_seq_cst,
                                                  memory_order_relaxed));
    wake(p, 1);
}

void parcel_done_all(struct command *const *commands, size_t count)
{
    struct parcel_pool *p = commands[0]->context;
    uint64_t head = atomic_load_explicit(&p->ring_head, memory_order_relaxed);

    for (size_t k = 0; k < count; k++)
        p->ring[(head + k) & p->ring_mask] = commands[k];
    atomic_store_explicit(&p->ring_head, head + count, memory_order_seq_cst);
    wake(p, (int)count);
}

/* Those that came one by one, the oldest first. */
static struct command *take_single(struct parcel_pool *p)
{
    if (!atomic_load_explicit(&p->done, memory_order_relaxed))
        return NULL;
    struct command *newest = atomic_exchange_explicit(&p->done, NULL, memory_order_acquire);
    struct command *oldest = NULL;
    while (newest) {
        struct command *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* The writer's core has their lines: each is on its way while others are linked. */
static void fetch_parcel(const struct parcel_pool *p, uint64_t at)
{
    const char *parcel = (const char *)p->ring[at & p->ring_mask];

    __builtin_prefetch(parcel, 1);
    __builtin_prefetch(parcel + 64, 1);
}

struct command *parcel_pool_done(struct parcel_pool *p)
{
    uint64_t head = atomic_load_explicit(&p->ring_head, memory_order_acquire);
    struct command *first = take_single(p), **last = &first;

    while (*last)
        last = &(*last)->next;
    for (uint64_t k = p->ring_tail; k < head && k < p->ring_tail + FETCHED_AHEAD; k++)
        fetch_parcel(p, k);
    for (; p->ring_tail < head; p->ring_tail++) {
        if (p->ring_tail + FETCHED_AHEAD < head)
            fetch_parcel(p, p->ring_tail + FETCHED_AHEAD);
        *last = p->ring[p->ring_tail & p->ring_mask];
        last = &(*last)->next;
    }
    *last = NULL;
    return first;
}

static bool has_come_back(struct parcel_pool *p)
{
    return atomic_load_explicit(&p->done, memory_order_seq_cst) ||
           atomic_load_explicit(&p->ring_head, memory_order_seq_cst) != p->ring_tail;
}

void parcel_pool_wait(struct parcel_pool *p, int count, int timeout_ms)
{
    struct pollfd wake = {.fd = p->wake, .events = POLLIN};
    uint64_t drained;

    atomic_store_explicit(&p->wake_after, count, memory_order_seq_cst);
    if (!has_come_back(p))
        poll(&wake, 1, timeout_ms);
    atomic_store_explicit(&p->wake_after, 0, memory_order_relaxed);
    ssize_t got = read(p->wake, &drained, sizeof(drained));
    (void)got;
}
