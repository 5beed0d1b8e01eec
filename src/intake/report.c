/* What intake tells about itself: metrics and troubles. @thread any */
#include "intake/internal.h"

#include <stdio.h>

struct metric {
    const char *name, *type, *help;
    size_t offset; /* of an _Atomic 64-bit number in struct lane_counters */
};

#define METRIC(name, type, help)                                                  \
    {                                                                             \
        "onhand_intake_" #name, #type, help, offsetof(struct lane_counters, name) \
    }
#define TOTAL(name, help)                                                                      \
    {                                                                                          \
        "onhand_intake_" #name "_total", "counter", help, offsetof(struct lane_counters, name) \
    }

static const struct metric metrics[] = {
    TOTAL(messages, "Messages read from intake topics."),
    TOTAL(events, "Events in them that were handed to the log."),
    TOTAL(rejected, "Events in them that were refused; the message is in the dead-letter topic."),
    TOTAL(unreadable, "Messages that could not be read at all; they are in the dead-letter topic."),
    TOTAL(restarts, "Times a partition started over from the state's position."),
    TOTAL(lost, "Messages that the topic had thrown away before they were read."),
    METRIC(lag, gauge, "Messages in the topic that have not been read."),
};

static void put_labels(struct buffer *out, const struct lane *l)
{
    buffer_printf(out, "{topic=\"%s\",partition=\"%d\"} ", l->source->topic, l->partition);
}

static void put_metric(struct intake *i, const struct metric *m, struct buffer *out)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
    FOR_EACH_LANE (i, l) {
        const _Atomic int64_t *value = (const _Atomic int64_t *)((const char *)&l->count + m->offset);
        buffer_string(out, m->name);
        put_labels(out, l);
        buffer_printf(out, "%lld\n", (long long)atomic_load_explicit(value, memory_order_relaxed));
    }
}

static void put_paused(struct intake *i, struct buffer *out)
{
    buffer_string(out, "# HELP onhand_intake_paused 1 while a partition of ours is not read.\n# TYPE "
                       "onhand_intake_paused gauge\n");
    FOR_EACH_LANE (i, l) {
        buffer_string(out, "onhand_intake_paused");
        put_labels(out, l);
        buffer_printf(out, "%d\n", atomic_load_explicit(&l->count.paused, memory_order_relaxed));
    }
}

void intake_metrics(struct intake *i, struct buffer *out)
{
    pthread_mutex_lock(&i->lock);
    for (size_t k = 0; k < sizeof(metrics) / sizeof(metrics[0]); k++)
        put_metric(i, &metrics[k], out);
    put_paused(i, out);
    pthread_mutex_unlock(&i->lock);
}

static bool told(const char *trouble, char *out, size_t size)
{
    if (!*trouble)
        return false;
    snprintf(out, size, "%s", trouble);
    return true;
}

void intake_trouble(struct intake *i, char *out, size_t size)
{
    bool found;

    *out = '\0';
    pthread_mutex_lock(&i->lock);
    found = told(i->trouble, out, size);
    for (size_t s = 0; !found && s < i->sources_count; s++)
        found = told(i->sources[s].trouble, out, size);
    FOR_EACH_LANE (i, l)
        found = found || told(l->trouble, out, size);
    if (!found)
        told(i->letters.trouble, out, size);
    pthread_mutex_unlock(&i->lock);
}
