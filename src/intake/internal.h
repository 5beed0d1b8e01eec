/* What intake's own files share. */
#ifndef INTAKE_INTERNAL_H
#define INTAKE_INTERNAL_H

#include "intake/backlog.h"
#include "intake/lane.h"
#include "intake/letters.h"
#include "intake/parcel.h"
#include "intake/translate.h"

#include <pthread.h>

enum {
    IN_FLIGHT_MOST = 4096,
    IN_FLIGHT_USUAL = 1024, /* few enough to stay in the caches of the cores they go through */
    SLOW_MS = 5,            /* waiting that long for some to come back: more have to be on their way */
    IN_FLIGHT_BYTES_MOST = 64 * 1024 * 1024,
    BATCH_MESSAGES = 512,
    PARTITIONS_MOST = 4096, /* of one topic */
    UPKEEP_MS = 20,
    WATCH_MS = 1000,
    STALL_MS = 1000, /* without room that long: partitions are paused */
    BACKOFF_MS = 50,
    BACKOFF_MOST_MS = 2000,
    LETTER_LATE_MS = 5000, /* a dead letter not taken by then is trouble */
    STUCK_MS = 60000,      /* lag and nothing comes: started over */
    STOP_MS = 5000,
    RENEW_MS = 1000, /* after a fatal error, doubled each time until partitions are ours again */
    RENEW_MOST_MS = 30000,
};

struct source {
    char *topic;
    char *name; /* in the state */
    enum intake_format format;
    struct lane **lanes; /* by partition; NULL: never ours */
    size_t lanes_count;
    char trouble[240]; /* under intake.lock */
};

struct intake {
    const struct view *view;
    struct command_port commands;
    struct intake_backlog *backlog;
    char *brokers, *group, *member;
    struct source *sources;
    size_t sources_count;
    struct lane *lanes; /* all of all sources, for ever; grows under lock */

    /* the intake thread's */
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    struct letters letters;
    struct parcel_pool pool;
    struct translator translator;
    rd_kafka_message_t *batch[BATCH_MESSAGES];
    const rd_kafka_topic_t *recent_topic; /* of the last message, and whose it was */
    struct lane *recent_lane;
    struct lane *filling; /* messages of it were taken and not pushed yet */
    struct lane *touched[BATCH_MESSAGES];
    uint64_t watches;
    uint64_t assignments; /* how often the assignment changed */
    bool cooperative;
    bool blocked;  /* the engine takes no more */
    size_t window; /* so many may be on their way now */
    int64_t blocked_since_ms;
    int64_t now_ms, upkeep_at_ms, watch_at_ms;
    bool broker_down; /* until one answers */
    bool fatal;       /* this consumer has ended: another one is made at renew_at_ms */
    int64_t renew_at_ms, renew_wait_ms;

    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    pthread_mutex_t lock; /* troubles, and the list of lanes */
    char trouble[240];    /* of the whole */
};

/* Every lane there is. @thread intake, or under lock */
#define FOR_EACH_LANE(i, l) for (struct lane *l = (i)->lanes; l; l = l->next)

/* Writes a trouble text ("" clears it); at is one of the char[240] above. @thread intake */
void intake_say(struct intake *i, char at[240], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Rejections of topics that are none of ours. @thread intake, or before it starts */
void intake_forget_other_names(struct intake *i);

static inline struct text source_name(const struct source *s)
{
    return text_of(s->name);
}

#endif
