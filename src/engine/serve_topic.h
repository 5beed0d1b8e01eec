/* The availability topic of `onhand serve`: looked at before anything starts, followed once there are rows.
 */
#ifndef ENGINE_SERVE_TOPIC_H
#define ENGINE_SERVE_TOPIC_H

#include "core/duty.h"
#include "core/feed.h"
#include "engine/engine.h"
#include "engine/serve_options.h"
#include "log/log.h"

struct topic_sink;

struct serve_topic { /* zero-initialised: there is none */
    struct topic_sink *sink;
    struct feed_port port;
    struct engine *engine;
    struct log *log; /* on Kafka; NULL: embedded */
};

/* ERROR_INVALID: the topic is not as it must be, `detail` says what to change. A broker that does not answer
 * is no error: it is waited for. */
int serve_topic_check(const struct serve_options *o, char *detail, size_t detail_size);
int serve_topic_start(struct serve_topic *t, const struct serve_options *o, const struct duty_port *duty);
/* @thread any */
void serve_topic_metrics(const struct serve_topic *t, struct buffer *out);
void serve_topic_stop(struct serve_topic *t);

#endif
