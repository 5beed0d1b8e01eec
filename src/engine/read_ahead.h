/* Replay on two threads: one reads the log's records of earlier lives and decodes them, the writer applies
 * them. Which records come, and in which order, is the log's alone. */
#ifndef ENGINE_READ_AHEAD_H
#define ENGINE_READ_AHEAD_H

#include "engine/batch.h"

struct read_ahead;

/* Begins with what log->ops->next gives next, up to the record before end_offset, which has to be there
 * already; meanwhile nobody else may call it. `level`: the state's. NULL: no memory or no thread, or too few
 * records to be worth one: whoever wants them reads them himself. @thread writer, all of it */
struct read_ahead *read_ahead_begin(struct log *log, uint64_t next_offset, uint64_t end_offset,
                                    uint32_t level);
/* The next batch, or what `next` answered instead: 0 at the end, an error. Waits for it. *ret_batch is the
 * caller's until read_ahead_give_back; of its records some may not be decoded yet. */
int read_ahead_next(struct read_ahead *r, struct batch **ret_batch);
/* The batch is applied, and this is the level now. */
void read_ahead_give_back(struct read_ahead *r, uint32_t level);
/* Ends the thread, wherever it is. Takes NULL. */
void read_ahead_end(struct read_ahead *r);

#endif
