/* The pool of messages on their way. What grows with a large message is given back when it is done with. */
#include "intake/parcel.h"
#include "base/error.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int parcel_pool_init(struct parcel_pool *p, size_t count, size_t bytes_most)
{
    *p = (struct parcel_pool){.bytes_most = bytes_most};
    p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->all = calloc(count, sizeof(*p->all));
    if (p->wake < 0 || !p->all) {
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

bool parcel_fill(struct parcel_pool *p, struct parcel *parcel, struct lane *lane, rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;

    parcel_begin(parcel, lane, m->offset);
    parcel->has_key = m->key != NULL;
    parcel->has_value = m->payload != NULL;
    parcel->key_length = m->key_len;
    if (buffer_reserve(&parcel->original, m->key_len + m->len)) {
        buffer_add(&parcel->original, m->key, m->key_len);
        buffer_add(&parcel->original, m->payload, m->len);
    }
    parcel_count(p, parcel);
    if (rd_kafka_message_detach_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        parcel->headers = headers;
    return !parcel->original.failed;
}

bool parcel_prepare(struct parcel_pool *p, struct parcel *parcel, size_t events)
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
                         .context = p};
    return true;
}

void parcel_done(struct command *c)
{
    struct parcel_pool *p = c->context;
    struct command *top = atomic_load_explicit(&p->done, memory_order_relaxed);

    do
        c->next = top;
    while (!atomic_compare_exchange_weak_explicit(&p->done, &top, c, memory_order_seq_cst,
                                                  memory_order_relaxed));
    /* seq_cst on both sides: either the sleeper sees what was pushed, or we see the sleeper */
    if (atomic_load_explicit(&p->wake_after, memory_order_seq_cst) > 0 &&
        atomic_fetch_sub_explicit(&p->wake_after, 1, memory_order_relaxed) == 1) {
        ssize_t written = write(p->wake, &(uint64_t){1}, sizeof(uint64_t));
        (void)written;
    }
}

struct command *parcel_pool_done(struct parcel_pool *p)
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

void parcel_pool_wait(struct parcel_pool *p, int count, int timeout_ms)
{
    struct pollfd wake = {.fd = p->wake, .events = POLLIN};
    uint64_t drained;

    atomic_store_explicit(&p->wake_after, count, memory_order_seq_cst);
    if (!atomic_load_explicit(&p->done, memory_order_seq_cst))
        poll(&wake, 1, timeout_ms);
    atomic_store_explicit(&p->wake_after, 0, memory_order_relaxed);
    ssize_t got = read(p->wake, &drained, sizeof(drained));
    (void)got;
}
