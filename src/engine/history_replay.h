/* Records told again for the history: a state of its own replays the log beside the running engine. It takes
 * as much memory as the engine's own state, while it lasts. */
#ifndef ENGINE_HISTORY_REPLAY_H
#define ENGINE_HISTORY_REPLAY_H

#include "core/history.h"

struct history_log;
struct log;

struct history_log_options {
    const char *directory; /* of the data: checkpoints/ and log/; lives as long as the replay */
    /* NULL: the embedded log in directory/log. Else opens another one for reading, at start_offset; errors as
     * kafka_log_open's. */
    int (*open_log)(void *context, uint64_t start_offset, uint64_t incarnation, struct log **ret_log,
                    char *detail, size_t detail_size);
    void *open_log_context;
};

/* NULL without memory. */
struct history_log *history_log_create(const struct history_log_options *o);
void history_log_destroy(struct history_log *h); /* takes NULL */
struct history_replay history_log_replay(struct history_log *h);

#endif
