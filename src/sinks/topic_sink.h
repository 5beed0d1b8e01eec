/* Keeps a compacted Kafka topic with every row as it is after each change, for systems that follow it there
 * (README.md, The availability topic). One instance writes at a time, the one on duty, in transactions of one
 * transactional id: whoever takes over fences the one before, and nothing older ever follows something newer.
 *
 * A thread of its own does everything (@thread topic): feed in, rows through the view, librdkafka out. */
#ifndef SINKS_TOPIC_SINK_H
#define SINKS_TOPIC_SINK_H

#include "core/duty.h"
#include "core/feed.h"
#include "core/view.h"

struct topic_sink;

struct topic_options {
    const char *brokers, *topic;
    const struct view *view; /* of an engine that was ready once */
    struct duty_port duty;
    /* How far the log itself goes that others append to as well, and how far this instance has applied it; a
     * new holder waits until it knows all that the one before can have known. NULL: the log is our own.
     * False: not known now. @thread topic, may wait for a second */
    bool (*caught_up)(void *context, uint64_t *ret_end, uint64_t *ret_applied);
    void *caught_up_context;
};

enum { TOPIC_SETTINGS_MOST = 4 };
/* What the topic has to be made with: (name, value). The number of them. */
size_t topic_settings(const char *ret_settings[TOPIC_SETTINGS_MOST][2]);

/* Is the topic there, and compacted? 0, ERROR_UNAVAILABLE (no broker answers), ERROR_INVALID; `detail` says
 * what to change. */
int topic_check(const char *brokers, const char *topic, int timeout_ms, char *detail, size_t detail_size);

/* Texts are copied. ERROR_NOMEM. */
int topic_sink_create(const struct topic_options *o, struct topic_sink **ret_sink);
/* Stops when that was not done. The engine must still be there. Takes NULL. */
void topic_sink_destroy(struct topic_sink *s);
struct sink topic_sink_as_sink(struct topic_sink *s);

#endif
