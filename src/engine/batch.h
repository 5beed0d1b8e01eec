/* Some of the log's next records, and what they say. */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include "base/arena.h"
#include "core/model/record.h"
#include "log/log.h"

enum { BATCH_RECORDS = 256 };

/* Zero-initialised is empty and valid. One thread at a time. */
struct batch {
    size_t count;
    size_t decoded_count; /* those before it are decoded */
    struct log_record records[BATCH_RECORDS];
    struct record room[BATCH_RECORDS]; /* of those that are decoded here */
    const struct record *decoded[BATCH_RECORDS];
    bool readable[BATCH_RECORDS];
    uint32_t unknown_fields[BATCH_RECORDS]; /* left out of each */
    struct arena arena;                     /* of what is decoded */
};

/* Decodes on from decoded_count. 0: to the end; 1: behind a record that may raise the level: what follows it,
 * in this batch or the next, is to be read at the level that applying it leaves; ERROR_NOMEM: until memory
 * ran out. Texts point into the records' bytes or the arena. */
int batch_decode(struct batch *b, uint32_t level);
/* Empty again. */
void batch_clear(struct batch *b);
void batch_finish(struct batch *b);

#endif
