/* The writer's side of the feed: one tap for each sink, and no wait for any of them. */
#ifndef ENGINE_FEED_H
#define ENGINE_FEED_H

#include "core/feed.h"
#include "core/model/apply.h"

struct feed;

enum { FEED_RING_ENTRIES = 1 << 16 };

struct feed *feed_create(void); /* NULL without memory */
/* When the writer and all sinks are gone. Takes NULL. */
void feed_destroy(struct feed *f);

/* A tap for one more sink, before the writer starts. `ring_entries`: a power of two; 0: FEED_RING_ENTRIES.
 * `name` lives as long as the feed. ERROR_NOMEM, ERROR_IO (no eventfd), ERROR_LIMIT (too many). */
int feed_add(struct feed *f, const char *name, size_t ring_entries, struct feed_port *ret_port);

/* Hands on what the record at `offset` changed; sinks see it with the next feed_flush. NULL is no feed.
 * @thread writer */
void feed_applied(struct feed *f, const struct state *s, const struct record *r, const struct outcome *o,
                  uint64_t offset);
/* Everything before next_offset is applied and visible: shows the entries and wakes who sleeps.
 * @thread writer */
void feed_flush(struct feed *f, uint64_t next_offset);

/* Prometheus text. @thread any */
void feed_metrics(const struct feed *f, struct buffer *out);

#endif
