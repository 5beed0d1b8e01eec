/* A sink that keeps nothing: the example to copy. It reads the feed on a thread of its own and counts. */
#ifndef SINKS_NULL_SINK_H
#define SINKS_NULL_SINK_H

#include "core/feed.h"

struct null_sink;

struct null_sink *null_sink_create(void);    /* NULL without memory */
void null_sink_destroy(struct null_sink *n); /* after stop; takes NULL */
struct sink null_sink_as_sink(struct null_sink *n);
/* Entries seen. @thread any */
uint64_t null_sink_seen(struct null_sink *n);

#endif
