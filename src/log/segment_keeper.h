/* Keeps the segments of an open log: a thread of its own prepares the next one before it is needed, best out
 * of one that was trimmed, and deletes those that were trimmed and will not be used again. What was trimmed
 * stays where it is until one of the two happens. */
#ifndef LOG_SEGMENT_KEEPER_H
#define LOG_SEGMENT_KEEPER_H

#include "log/segment_files.h"

#include <pthread.h>

/* A segment ready for records. */
struct segment_spare {
    int fd;
    uint64_t sequence;
    uint32_t salt;
};

struct segment_keeper {
    const struct file_ops *ops;
    int directory;
    size_t segment_bytes;
    uint64_t identity; /* what new segments carry */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, stop;
    struct segment_list list;   /* those with records, the one being written the last */
    struct segment_spare spare; /* fd -1: none */
    uint64_t written_bytes;     /* of the segment that is being written */
    bool wanted;                /* somebody waits for the spare */
    int spare_error;            /* why there is none: ERROR_LIMIT (disk full), ERROR_IO */
    uint64_t trim_offset;       /* records before it are not needed */
    uint64_t keep_offset;       /* but what is from here on is still to be read back */
    size_t taken;               /* spares since something was trimmed */
    size_t reused_most;         /* so many trimmed ones are kept to be used again */
};

/* Takes the list over. start begins the thread: ERROR_NOMEM. @thread the opener */
void segment_keeper_init(struct segment_keeper *k, const struct file_ops *ops, int directory,
                         size_t segment_bytes);
int segment_keeper_start(struct segment_keeper *k);
/* Waits until a spare is there and takes it as the segment that begins at first_offset; ERROR_LIMIT,
 * ERROR_IO, ERROR_NOMEM. @thread log */
int segment_keeper_take(struct segment_keeper *k, uint64_t first_offset, struct segment_spare *ret);
/* How far the current segment is filled: the next one is made in step with it, so that making it hardly holds
 * up syncs. @thread log */
void segment_keeper_written(struct segment_keeper *k, uint64_t bytes);
/* A spare is there. @thread any */
bool segment_keeper_has_spare(struct segment_keeper *k);
/* @thread any */
void segment_keeper_trim(struct segment_keeper *k, uint64_t offset);
/* @thread writer */
void segment_keeper_keep(struct segment_keeper *k, uint64_t offset);
uint64_t segment_keeper_first(struct segment_keeper *k);
/* The segment that holds an offset; false: none. */
bool segment_keeper_find(struct segment_keeper *k, uint64_t offset, struct segment_file *ret);
/* Ends the thread and frees. */
void segment_keeper_finish(struct segment_keeper *k);

/* A salt nobody can guess. */
uint32_t segment_salt(void);

#endif
