/* The simulator's log: in memory, seeded. What was appended becomes durable whenever the seed says, or never;
 * a crash loses any suffix of what was not. One thread; `next` never waits. Offsets are contiguous from 0,
 * the first record is given at creation. */
#ifndef SIM_SIM_LOG_H
#define SIM_SIM_LOG_H

#include "log/log.h"

struct sim_log; /* the disk: lives through crashes */

/* The clock begins at begin_us and steps as the seed says: forward mostly, now and then by up to an hour, in
 * either direction. */
int sim_log_create(uint64_t seed, int64_t begin_us, const void *first_record, size_t first_length,
                   struct sim_log **ret_disk);
void sim_log_destroy(struct sim_log *disk); /* takes NULL */
/* A handle whose `next` begins at start_offset: ERROR_NOTFOUND when that is trimmed or behind the end. One at
 * a time. log->ops->destroy frees the handle, not the disk, and calls no `lost`: it is how a process dies. */
int sim_log_open(struct sim_log *disk, uint64_t start_offset, struct log **ret_log);
/* After the handle is gone: what was not durable is lost from some point on. */
void sim_log_crash(struct sim_log *disk);
/* Time passes: the clock moves, some of what waits becomes durable. `append` answers ERROR_BUSY now and then.
 */
void sim_log_tick(struct sim_log *disk);

#endif
