/* The state as it was: a data directory's log replayed up to an offset, beside a running engine or without
 * one. */
#ifndef ENGINE_REPLAY_H
#define ENGINE_REPLAY_H

#include "core/model/apply.h"

/* What to do with each record on the way; may be NULL. `o` holds its verdicts. Not 0 ends the replay with
 * that error. */
typedef int (*replay_each)(void *context, const struct state *s, const struct record *r, uint64_t offset,
                           const struct outcome *o);

/* Builds the state before `next_offset` (0: after the last whole record) from the newest checkpoint that is
 * not newer, else from the log's first record. Nothing in the directory is changed. ERROR_NOTFOUND: that
 * offset is not in the log, or what leads up to it was trimmed; `detail` says which. The caller destroys the
 * state, then the epoch. */
int replay_state(const char *directory, uint64_t next_offset, replay_each each, void *context,
                 struct epoch **ret_epoch, struct state **ret_state, char *detail, size_t detail_size);

#endif
