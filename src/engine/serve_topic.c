/* Puts the availability topic's sink together with engine and log. */
#include "engine/serve_topic.h"
#include "base/error.h"
#include "base/logger.h"
#include "log/kafka_log.h"
#include "sinks/topic_sink.h"

enum { CHECK_MS = 3000, END_MS = 500 };

int serve_topic_check(const struct serve_options *o, char *detail, size_t detail_size)
{
    if (!o->availability_topic)
        return 0;
    int error = topic_check(o->kafka_brokers, o->availability_topic, CHECK_MS, detail, detail_size);
    if (error != ERROR_UNAVAILABLE)
        return error;
    log_warning("availability topic: %s", detail);
    detail[0] = '\0';
    return 0;
}

static bool caught_up(void *context, uint64_t *ret_end, uint64_t *ret_applied)
{
    const struct serve_topic *t = context;

    if (ret_end && kafka_log_end(t->log, END_MS, ret_end) != 0)
        return false;
    *ret_applied = engine_reached(t->engine);
    return true;
}

int serve_topic_start(struct serve_topic *t, const struct serve_options *o, const struct duty_port *duty)
{
    struct topic_sink *made;

    if (!o->availability_topic)
        return 0;
    struct topic_options options = {.brokers = o->kafka_brokers,
                                    .topic = o->availability_topic,
                                    .view = engine_view(t->engine),
                                    .duty = *duty,
                                    .caught_up = t->log ? caught_up : NULL,
                                    .caught_up_context = t};
    int error = topic_sink_create(&options, &made);
    if (error)
        return error;
    error = topic_sink_as_sink(made).start(made, t->port);
    if (error)
        topic_sink_destroy(made);
    else
        __atomic_store_n(&t->sink, made, __ATOMIC_RELEASE); /* pairs with the acquire in metrics */
    return error;
}

void serve_topic_metrics(const struct serve_topic *t, struct buffer *out)
{
    struct topic_sink *sink = __atomic_load_n(&t->sink, __ATOMIC_ACQUIRE);

    if (sink)
        topic_sink_as_sink(sink).metrics(sink, out);
}

void serve_topic_stop(struct serve_topic *t)
{
    topic_sink_destroy(t->sink);
    t->sink = NULL;
}
