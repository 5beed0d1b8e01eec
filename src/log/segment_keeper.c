/* The keeper's thread: prepare the next segment, delete the trimmed ones, oldest first.
 *
 * Trimmed segments are used again, as most databases do: a new one is written twice, zeros and then records,
 * and the zeros take the disk from those who wait for their records. As many are kept as were filled since
 * the trim before, and one: so many will be wanted until the next, and a log that has little to do gives its
 * disk back. */
#include "log/segment_keeper.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    RETRY_SECONDS = 1,
    AHEAD_BYTES = 8 << 20,
    AHEAD_TIMES = 4,
    TOLD_EVERY_BYTES = 1 << 20,
    REUSED_MOST = 16
};

uint32_t segment_salt(void)
{
    uint32_t salt = 0;

    if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt)) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        salt = (uint32_t)now.tv_nsec * 2654435761u ^ (uint32_t)now.tv_sec;
    }
    return salt;
}

void segment_keeper_init(struct segment_keeper *k, const struct file_ops *ops, int directory,
                         size_t segment_bytes)
{
    pthread_condattr_t monotonic;

    *k = (struct segment_keeper){
        .ops = ops, .directory = directory, .segment_bytes = segment_bytes, .spare.fd = -1};
    k->keep_offset = UINT64_MAX;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static uint64_t next_sequence(const struct segment_keeper *k)
{
    return k->list.at[k->list.count - 1].sequence + 1;
}

/* Whole segments only, and never the last that holds a durable record (what is trimmed is durable). */
static size_t trimmed(const struct segment_keeper *k)
{
    uint64_t until = k->trim_offset < k->keep_offset ? k->trim_offset : k->keep_offset;
    size_t count = 0;

    while (count + 1 < k->list.count && k->list.at[count + 1].first_offset < until)
        count++;
    return count;
}

static bool has_too_many(const struct segment_keeper *k)
{
    return trimmed(k) > k->reused_most;
}

static bool delete_file(struct segment_keeper *k, uint64_t sequence)
{
    return k->ops->unlink(k->ops->context, k->directory, segment_name(sequence).text) == 0 || errno == ENOENT;
}

/* @lock held; let go while the file is deleted, or set aside for segment_file_make (true). One after the
 * other, and the directory synced each time: a gap would be taken for a segment that is missing. What fails
 * waits for the next trim. */
static bool remove_first(struct segment_keeper *k, bool to_use_again)
{
    uint64_t sequence = k->list.at[0].sequence;
    bool aside, gone, synced;

    pthread_mutex_unlock(&k->lock);
    aside = to_use_again && segment_file_set_aside(k->ops, k->directory, sequence, k->segment_bytes);
    gone = aside || delete_file(k, sequence);
    synced = gone && k->ops->sync_directory(k->ops->context, k->directory) == 0;
    if (aside && !synced) /* it may turn up again as the segment it was */
        segment_file_drop(k->ops, k->directory);
    pthread_mutex_lock(&k->lock);
    if (!synced)
        k->trim_offset = 0;
    if (gone) {
        k->list.count--;
        memmove(k->list.at, k->list.at + 1, k->list.count * sizeof(*k->list.at));
    }
    return aside && synced;
}

/* Zeros are written four times as fast as records: done when a quarter of the current segment is used,
 * without a burst that syncs would stand behind. Given up when a segment was trimmed that can be used. */
static bool go_on(void *context, uint64_t zeroed_bytes)
{
    struct segment_keeper *k = context;
    bool give_up;

    pthread_mutex_lock(&k->lock);
    while (!k->stop && !k->wanted && !trimmed(k) &&
           zeroed_bytes > AHEAD_BYTES + AHEAD_TIMES * k->written_bytes)
        pthread_cond_wait(&k->changed, &k->lock);
    give_up = k->stop || trimmed(k);
    pthread_mutex_unlock(&k->lock);
    return !give_up;
}

/* @lock held; let go while the file is made. */
static void prepare(struct segment_keeper *k)
{
    bool used_before = trimmed(k) && remove_first(k, true);
    struct segment_header h = {.salt = segment_salt(),
                               .sequence = next_sequence(k),
                               .bytes = k->segment_bytes,
                               .identity = k->identity,
                               .used_before = used_before};
    struct segment_pace pace = {go_on, k};
    int fd;

    pthread_mutex_unlock(&k->lock);
    fd = segment_file_make(k->ops, k->directory, &h, NULL, &pace);
    pthread_mutex_lock(&k->lock);
    k->spare_error = fd < 0 && fd != ERROR_UNAVAILABLE ? fd : 0;
    if (fd >= 0)
        k->spare = (struct segment_spare){fd, h.sequence, h.salt};
    pthread_cond_broadcast(&k->changed);
}

static void wait_a_while(struct segment_keeper *k)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RETRY_SECONDS;
    pthread_cond_timedwait(&k->changed, &k->lock, &until);
}

static void *keeper_thread(void *context)
{
    struct segment_keeper *k = context;

    pthread_mutex_lock(&k->lock);
    while (!k->stop) {
        if (has_too_many(k))
            remove_first(k, false);
        else if (k->spare.fd < 0 && !k->spare_error)
            prepare(k);
        else if (k->spare_error) {
            wait_a_while(k);
            if (!k->stop)
                prepare(k);
        } else
            pthread_cond_wait(&k->changed, &k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

int segment_keeper_start(struct segment_keeper *k)
{
    if (pthread_create(&k->thread, NULL, keeper_thread, k) != 0)
        return ERROR_NOMEM;
    pthread_setname_np(k->thread, "log-keeper");
    k->started = true;
    return 0;
}

int segment_keeper_take(struct segment_keeper *k, uint64_t first_offset, struct segment_spare *ret)
{
    int error;

    pthread_mutex_lock(&k->lock);
    k->wanted = true;
    pthread_cond_broadcast(&k->changed);
    while (k->spare.fd < 0 && !k->spare_error)
        pthread_cond_wait(&k->changed, &k->lock);
    k->wanted = false;
    k->written_bytes = 0;
    error = k->spare.fd < 0
                ? k->spare_error
                : segment_list_add(&k->list, (struct segment_file){k->spare.sequence, first_offset});
    if (!error) {
        *ret = k->spare;
        k->spare.fd = -1;
        k->taken++;
        pthread_cond_broadcast(&k->changed);
    }
    pthread_mutex_unlock(&k->lock);
    return error;
}

void segment_keeper_written(struct segment_keeper *k, uint64_t bytes)
{
    pthread_mutex_lock(&k->lock);
    if (bytes / TOLD_EVERY_BYTES != k->written_bytes / TOLD_EVERY_BYTES)
        pthread_cond_broadcast(&k->changed);
    k->written_bytes = bytes;
    pthread_mutex_unlock(&k->lock);
}

bool segment_keeper_has_spare(struct segment_keeper *k)
{
    bool has;

    pthread_mutex_lock(&k->lock);
    has = k->spare.fd >= 0;
    pthread_mutex_unlock(&k->lock);
    return has;
}

void segment_keeper_trim(struct segment_keeper *k, uint64_t offset)
{
    size_t before;

    pthread_mutex_lock(&k->lock);
    before = trimmed(k);
    if (offset > k->trim_offset)
        k->trim_offset = offset;
    if (trimmed(k) > before) { /* else there is nothing to do */
        k->reused_most = k->taken < REUSED_MOST ? k->taken + 1 : REUSED_MOST;
        k->taken = 0;
        pthread_cond_broadcast(&k->changed);
    }
    pthread_mutex_unlock(&k->lock);
}

void segment_keeper_keep(struct segment_keeper *k, uint64_t offset)
{
    pthread_mutex_lock(&k->lock);
    k->keep_offset = offset;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

uint64_t segment_keeper_first(struct segment_keeper *k)
{
    uint64_t first;

    pthread_mutex_lock(&k->lock);
    first = k->list.at[0].first_offset;
    pthread_mutex_unlock(&k->lock);
    return first;
}

bool segment_keeper_find(struct segment_keeper *k, uint64_t offset, struct segment_file *ret)
{
    bool found = false;

    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < k->list.count && k->list.at[i].first_offset <= offset; i++) {
        *ret = k->list.at[i];
        found = true;
    }
    pthread_mutex_unlock(&k->lock);
    return found;
}

void segment_keeper_finish(struct segment_keeper *k)
{
    if (k->started) {
        pthread_mutex_lock(&k->lock);
        k->stop = true;
        pthread_cond_broadcast(&k->changed);
        pthread_mutex_unlock(&k->lock);
        pthread_join(k->thread, NULL);
    }
    if (k->spare.fd >= 0)
        k->ops->close(k->ops->context, k->spare.fd);
    segment_list_finish(&k->list);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
}
