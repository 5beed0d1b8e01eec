/* What Redis is to hold, as the arguments of one EVALSHA of redis_guard.lua for many SKUs. Reads rows through
 * the view, in an epoch section for each SKU. One thread's own. */
#ifndef SINKS_REDIS_SNAPSHOT_H
#define SINKS_REDIS_SNAPSHOT_H

#include "base/buffer.h"
#include "core/answer/query.h"
#include "sinks/kits.h"

/* Texts in a row, as hiredis wants them. They hold any byte, so they never go through a format. */
struct redis_words {
    struct buffer bytes;
    size_t *ends; /* of each word, in bytes */
    size_t count, capacity;
    bool failed; /* memory ran out: what is here is incomplete */
};

struct redis_snapshot {
    const struct view *view;
    struct epoch_reader *reader;
    const char *prefix;     /* "onhand:" */
    struct kits kits;       /* filled from the items that are looked at */
    struct query_row *rows; /* of one SKU; grows */
    size_t rows_capacity;
    struct query_row *channel_rows; /* the same in a channel's view */
    size_t channel_rows_capacity;
    const struct channel **channels; /* that see the SKU otherwise than the pool */
    size_t channels_count, channels_capacity;
    struct redis_words keys, values;
    const char **argv;
    size_t *lengths;
    size_t argv_capacity;
};

/* Zero-initialise, then fill view, reader and prefix. */
void snapshot_finish(struct redis_snapshot *s);

/* Begins a call. Errors stick until snapshot_end. */
void snapshot_begin(struct redis_snapshot *s, int64_t now_ms);
/* Adds a SKU: the rows newer than `base` (a version as snapshot_add told it), or all of them for 0.
 * ERROR_NOMEM: the call is as it was. *ret_version is what it was computed at, as one number that grows;
 * never 0. */
int snapshot_add(struct redis_snapshot *s, uint32_t sku, uint64_t base, uint64_t *ret_version);
/* The whole command, valid until the next begin. Returns the number of words; 0 without memory. */
size_t snapshot_end(struct redis_snapshot *s, const char *script_sha, const char *const **ret_argv,
                    const size_t **ret_lengths);
size_t snapshot_bytes(const struct redis_snapshot *s); /* of the call so far, about */

#endif
