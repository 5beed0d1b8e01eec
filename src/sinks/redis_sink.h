/* Keeps the figures of the pool in Redis for channels that read them there (README.md, Redis). Redis may be
 * slow, stopped, flushed, full or read-only: that changes nothing but Redis, and is made good afterwards.
 *
 * Only the instance on duty is connected. Who takes over writes what is newer than both the place that is
 * recorded in the log and the one that Redis itself has in meta, which is there only while all before it is
 * in Redis; without either it writes everything.
 *
 * A thread of its own does everything (@thread redis): feed in, rows through the view, hiredis out. */
#ifndef SINKS_REDIS_SINK_H
#define SINKS_REDIS_SINK_H

#include "core/duty.h"
#include "core/feed.h"
#include "core/view.h"

#include <stdbool.h>

struct redis_sink;

struct redis_options {
    const char *address;        /* HOST:PORT, [V6]:PORT or unix:PATH */
    const char *prefix;         /* of keys; NULL: "onhand:" */
    const struct view *view;    /* of an engine that was ready once */
    struct duty_port duty;      /* view NULL: nobody else writes there, it is always on duty */
    unsigned answer_timeout_ms; /* how long an answer may take until the connection is given up; 0: 5 s */
};

/* Would redis_sink_create take this address? Says what would be right when not. */
bool redis_address_check(const char *address, char *detail, size_t detail_size);
/* Texts are copied. ERROR_INVALID (detail says why), ERROR_NOMEM. */
int redis_sink_create(const struct redis_options *o, struct redis_sink **ret_sink, char *detail,
                      size_t detail_size);
/* Stops when that was not done. The engine must still be there. Takes NULL. */
void redis_sink_destroy(struct redis_sink *s);
struct sink redis_sink_as_sink(struct redis_sink *s);

#endif
