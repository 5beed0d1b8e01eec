/* The feed: what changed, handed to whoever keeps copies of figures, and what such a sink is.
 *
 * A sink never learns numbers from the feed, only where to look: it reads rows through the view. An entry is
 * handed out after its change is visible, so what a sink reads then is at least as new. A sink that falls
 * behind loses the order and the count of changes but never the last one: what does not fit into its ring is
 * kept as one mark a SKU. */
#ifndef CORE_FEED_H
#define CORE_FEED_H

#include "base/buffer.h"

#include <stdint.h>

enum feed_kind {
    FEED_ROW,      /* one row is another: sku, location */
    FEED_SKU,      /* anything of this SKU may be another: its item, or changes that did not fit one by one */
    FEED_LOCATION, /* what every row of this location shows may be another */
    FEED_ALL,      /* anything */
};

struct feed_entry {
    uint32_t kind;     /* enum feed_kind */
    uint32_t sku;      /* number (table_sku); UINT32_MAX where it does not apply */
    uint32_t location; /* number; UINT32_MAX where it does not apply */
    uint64_t offset;   /* of the record that did it; 0: not known any more */
};

/* A sink's end of the feed. One thread of the sink's at a time. */
struct feed_port {
    void *tap;
    /* Readable after `take` returned 0 and there is something again: read its eight bytes, then take. */
    int wake_fd;
    /* At most `most` entries. 0: nothing now, wake_fd will tell. Never waits. */
    size_t (*take)(void *tap, struct feed_entry *ret_entries, size_t most);
    /* Whoever loads it and then takes until 0 has seen every change of records before this offset. */
    uint64_t (*position)(void *tap);
};

/* What keeps a copy outside: Redis, a topic, a history. Filled by its maker, called by whoever composes. */
struct sink {
    const char *name; /* one word, for metrics and the log */
    void *context;
    /* Begins to follow. 0 or an error; an outside that does not answer is no error: it is waited for. */
    int (*start)(void *context, struct feed_port port);
    /* Prometheus text. @thread any, between start and stop */
    void (*metrics)(void *context, struct buffer *out);
    /* "" or what is wrong, for people. @thread any, between start and stop */
    void (*trouble)(void *context, char *out, size_t size);
    /* Ends within a second, whether it was started or not; the view is not looked at any more. */
    void (*stop)(void *context);
};

#endif
