/* A ring of batches between two threads. The records' bytes are copied: the log's own are valid until its
 * next call only. Where the next record is to be read at a level that is not known yet, the reader waits
 * until all before it is applied; where it has no memory it hands over what it has as it is, and ends. */
#include "engine/read_ahead.h"

#include "base/error.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* All in the ring stay in the second-level cache; fewer records than LEAST are read before a thread runs. */
enum { BATCHES = 4, RECORDS_LEAST = 16 * BATCH_RECORDS };
enum { END = 2 }; /* of reading */

struct read_ahead {
    struct log *log;
    uint64_t next_offset, end_offset; /* the thread's */
    struct batch batches[BATCHES];
    pthread_t thread;
    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned read, applied; /* batches so far */
    uint32_t level;         /* behind the last that was applied */
    bool stop, ended;
    int error; /* why it ended */
};

/* ---- the thread that reads ---- */

/* Waits until at most `most` batches are not applied; false: stop. */
static bool wait_until_applied(struct read_ahead *r, unsigned most, uint32_t *ret_level)
{
    pthread_mutex_lock(&r->lock);
    while (!r->stop && r->read - r->applied > most)
        pthread_cond_wait(&r->changed, &r->lock);
    bool goes_on = !r->stop;
    *ret_level = r->level;
    pthread_mutex_unlock(&r->lock);
    return goes_on;
}

static void hand_over(struct read_ahead *r)
{
    pthread_mutex_lock(&r->lock);
    r->read++;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static bool copy_bytes(struct batch *b)
{
    size_t bytes = 0;

    for (size_t i = 0; i < b->count; i++)
        bytes += b->records[i].length;
    char *to = arena_alloc(&b->arena, bytes + 1);
    if (!to)
        return false;
    for (size_t i = 0; i < b->count; i++) {
        struct log_record *l = &b->records[i];
        memcpy(to, l->bytes, l->length);
        l->bytes = to;
        to += l->length;
    }
    return true;
}

/* Reads one batch and decodes what can be decoded now. What batch_decode says, or END, or an error. */
static int read_batch(struct read_ahead *r, struct batch *b, uint32_t level)
{
    size_t want = BATCH_RECORDS;

    batch_clear(b);
    if (r->end_offset - r->next_offset < want)
        want = (size_t)(r->end_offset - r->next_offset);
    int got = want ? r->log->ops->next(r->log, b->records, want, 0) : 0;
    if (got <= 0)
        return got ? got : END;
    b->count = (size_t)got;
    r->next_offset = b->records[got - 1].offset + 1;
    bool ours = copy_bytes(b);
    int decoded = ours ? batch_decode(b, level) : 0;
    hand_over(r);
    return !ours ? END : decoded == ERROR_NOMEM ? 1 : decoded;
}

static void *read_all(void *context)
{
    struct read_ahead *r = context;
    uint32_t level;
    int next = 0;

    for (unsigned n = 0; next == 0 || next == 1; n++) { /* 1: only what is applied tells how to go on */
        if (!wait_until_applied(r, next == 1 ? 0 : BATCHES - 1, &level))
            break;
        next = read_batch(r, &r->batches[n % BATCHES], level);
    }
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    r->error = next < 0 ? next : 0;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- the writer ---- */

static void destroy(struct read_ahead *r)
{
    for (int k = 0; k < BATCHES; k++)
        batch_finish(&r->batches[k]);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

struct read_ahead *read_ahead_begin(struct log *log, uint64_t next_offset, uint64_t end_offset,
                                    uint32_t level)
{
    if (end_offset < next_offset + RECORDS_LEAST)
        return NULL;
    struct read_ahead *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->log = log;
    r->next_offset = next_offset;
    r->end_offset = end_offset;
    r->level = level;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    if (pthread_create(&r->thread, NULL, read_all, r) != 0) {
        destroy(r);
        return NULL;
    }
    pthread_setname_np(r->thread, "read-ahead");
    return r;
}

int read_ahead_next(struct read_ahead *r, struct batch **ret_batch)
{
    pthread_mutex_lock(&r->lock);
    while (r->read == r->applied && !r->ended)
        pthread_cond_wait(&r->changed, &r->lock);
    bool there = r->read != r->applied;
    int error = r->error;
    pthread_mutex_unlock(&r->lock);
    if (!there)
        return error;
    *ret_batch = &r->batches[r->applied % BATCHES];
    return (int)(*ret_batch)->count;
}

void read_ahead_give_back(struct read_ahead *r, uint32_t level)
{
    pthread_mutex_lock(&r->lock);
    r->applied++;
    r->level = level;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void read_ahead_end(struct read_ahead *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    destroy(r);
}
