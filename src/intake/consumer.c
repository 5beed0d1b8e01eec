/* librdkafka's consumer, kept on a short rein: positions of truth are in the state, so every assignment,
 * failure or doubt ends in a seek to what the state has.
 *
 * Traps this file walks around (librdkafka 2.0.2):
 * - a batch may hold messages from before a rebalance that was served while it was filled: then the whole
 * batch is dropped and the lanes start over;
 * - pause and resume may skip messages in batches: resuming is always followed by a seek;
 * - a list that went through a position call must be dead before rd_kafka_destroy: every list lives in one
 * function;
 * - after auto.offset.reset=error a partition does not take a seek: the assignment is made anew. */
#include "intake/consumer.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SEEK_TIMEOUT_MS = 1000,
    COMMITTED_TIMEOUT_MS = 2000,
    DECIDE_TIMEOUT_MS = 1000,
    OTHERS_TIMEOUT_MS = 500,
    OTHERS_EVERY = 2, /* looks, a second each */
    OTHERS_A_LOOK = 256,
    COOPERATIVE_SINCE = 0x020601ff
};

static struct source *source_find(struct intake *i, const char *topic)
{
    for (size_t s = 0; s < i->sources_count; s++)
        if (strcmp(i->sources[s].topic, topic) == 0)
            return &i->sources[s];
    return NULL;
}

static bool lanes_grow(struct source *s, size_t count)
{
    if (count <= s->lanes_count)
        return true;
    struct lane **grown = realloc(s->lanes, count * sizeof(struct lane *));
    if (!grown)
        return false;
    memset(grown + s->lanes_count, 0, (count - s->lanes_count) * sizeof(*grown));
    s->lanes = grown;
    s->lanes_count = count;
    return true;
}

static struct lane *lane_find(struct intake *i, const char *topic, int32_t partition)
{
    struct source *s = source_find(i, topic);

    return s && partition >= 0 && (size_t)partition < s->lanes_count ? s->lanes[partition] : NULL;
}

/* Found or made; NULL without memory, or for what we did not ask for. */
static struct lane *lane_make(struct intake *i, const char *topic, int32_t partition)
{
    struct source *s = source_find(i, topic);
    struct lane *l = lane_find(i, topic, partition);

    if (l || !s || partition < 0 || partition >= PARTITIONS_MOST || !lanes_grow(s, (size_t)partition + 1))
        return l;
    l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->intake = i;
    l->source = s;
    l->partition = partition;
    l->done_offset = -1;
    s->lanes[partition] = l;
    pthread_mutex_lock(&i->lock);
    l->next = i->lanes;
    i->lanes = l;
    pthread_mutex_unlock(&i->lock);
    return l;
}

static void fetched_all(struct lane *l)
{
    intake_say(l->intake, l->source->trouble, "%s", "");
    l->intake->recent_topic = NULL;
}

/* Dead letters that may be missing are looked for from Kafka's committed offset on: it never passes one that
 * is not acknowledged. */
static void strike_settled(struct intake *i, const rd_kafka_topic_partition_list_t *partitions)
{
    bool any = false;

    for (int k = 0; k < partitions->cnt; k++) {
        const rd_kafka_topic_partition_t *p = &partitions->elems[k];
        struct lane *l = lane_find(i, p->topic, p->partition);
        any |= l && backlog_first(i->backlog, source_name(l->source), l->partition, 0) >= 0;
    }
    if (!any)
        return;
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(partitions);
    if (rd_kafka_committed(i->consumer, committed, COMMITTED_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (int k = 0; k < committed->cnt; k++) {
            const rd_kafka_topic_partition_t *p = &committed->elems[k];
            struct lane *l = lane_find(i, p->topic, p->partition);
            if (l && !p->err && p->offset >= 0)
                backlog_strike_before(i->backlog, source_name(l->source), l->partition, p->offset);
        }
    rd_kafka_topic_partition_list_destroy(committed);
}

/* Hands a list to librdkafka as what is ours (or, cooperative, as more or less of it). */
static int give(struct intake *i, rd_kafka_topic_partition_list_t *list, bool more)
{
    if (!i->cooperative)
        return rd_kafka_assign(i->consumer, more ? list : NULL) ? ERROR_UNAVAILABLE : 0;
    rd_kafka_error_t *error = more ? rd_kafka_incremental_assign(i->consumer, list)
                                   : rd_kafka_incremental_unassign(i->consumer, list);
    if (!error)
        return 0;
    rd_kafka_error_destroy(error);
    return ERROR_UNAVAILABLE;
}

static void assigned(struct intake *i, rd_kafka_topic_partition_list_t *partitions)
{
    for (int k = 0; k < partitions->cnt; k++)
        lane_make(i, partitions->elems[k].topic, partitions->elems[k].partition);
    strike_settled(i, partitions);
    for (int k = 0; k < partitions->cnt; k++) {
        rd_kafka_topic_partition_t *p = &partitions->elems[k];
        struct lane *l = lane_find(i, p->topic, p->partition);
        if (!l)
            continue;
        p->offset = lane_start_offset(l);
        lane_begin(l);
        fetched_all(l);
    }
    give(i, partitions, true);
}

static void revoked(struct intake *i, rd_kafka_topic_partition_list_t *partitions)
{
    for (int k = 0; k < partitions->cnt; k++) {
        struct lane *l = lane_find(i, partitions->elems[k].topic, partitions->elems[k].partition);
        if (l)
            lane_end(l);
    }
    give(i, partitions, false);
}

static void rebalanced(rd_kafka_t *consumer, rd_kafka_resp_err_t event,
                       rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct intake *i = opaque;

    i->assignments++;
    i->broker_down = false;
    if (!i->fatal)
        intake_say(i, i->trouble, "%s", "");
    if (event != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        revoked(i, partitions);
        return;
    }
    assigned(i, partitions);
    i->renew_wait_ms = 0;
}

/* A member that is fenced may have been fenced by itself: when the answer to its joining is lost with the
 * connection, it joins once more, and the broker takes it for another one of that name. So it is no reason to
 * stop for good. */
static void renew_later(struct intake *i)
{
    int64_t doubled = i->renew_wait_ms * 2;

    i->renew_wait_ms = doubled < RENEW_MS ? RENEW_MS : doubled < RENEW_MOST_MS ? doubled : RENEW_MOST_MS;
    i->renew_at_ms = clock_monotonic_us() / 1000 + i->renew_wait_ms;
    i->fatal = true;
}

/* librdkafka says it to who polls a consumer, not to the callback for errors. */
static void ended(struct intake *i)
{
    char text[200];

    if (i->fatal)
        return;
    rd_kafka_fatal_error(i->consumer, text, sizeof(text));
    intake_say(i, i->trouble,
               "joins anew: %s (again and again: does another instance run as member %s of group %s?)", text,
               i->member, i->group);
    renew_later(i);
}

/* Errors of the whole client. */
static void failed(rd_kafka_t *consumer, int error, const char *reason, void *opaque)
{
    struct intake *i = opaque;

    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !i->fatal) {
        i->broker_down = true;
        intake_say(i, i->trouble, "no broker of %s answers", i->brokers);
    }
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, char *detail, size_t size)
{
    return rd_kafka_conf_set(conf, name, value, detail, size) == RD_KAFKA_CONF_OK;
}

static bool configure(struct intake *i, rd_kafka_conf_t *conf, char *detail, size_t size)
{
    static const char *const fixed[][2] = {
        {"client.id", "onhand"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"}, /* we decide */
        {"isolation.level", "read_committed"},
        {"session.timeout.ms", "10000"},
        {"topic.metadata.refresh.interval.ms", "10000"}, /* a topic made or widened is seen by then */
        /* low marks make librdkafka pause fetching for a second whenever we fall behind; memory is what
           bounds it */
        {"queued.min.messages", "1000000"},
        {"queued.max.messages.kbytes", "65536"},
        {"fetch.message.max.bytes", "1048576"},
        {"fetch.error.backoff.ms", "100"},
        {"fetch.wait.max.ms", "100"}, /* a seek waits for the fetch that is out; data never waits */
        {"reconnect.backoff.max.ms", "1000"},
        {"log_level", "2"},
    };

    for (size_t k = 0; k < sizeof(fixed) / sizeof(fixed[0]); k++)
        if (!set(conf, fixed[k][0], fixed[k][1], detail, size))
            return false;
    return set(conf, "bootstrap.servers", i->brokers, detail, size) &&
           set(conf, "group.id", i->group, detail, size) &&
           set(conf, "group.instance.id", i->member, detail, size) &&
           set(conf, "partition.assignment.strategy", i->cooperative ? "cooperative-sticky" : "range", detail,
               size);
}

int consumer_subscribe(struct intake *i, char *detail, size_t size)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new((int)i->sources_count);

    for (size_t s = 0; s < i->sources_count; s++)
        rd_kafka_topic_partition_list_add(topics, i->sources[s].topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(i->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error)
        snprintf(detail, size, "cannot subscribe: %s", rd_kafka_err2str(error));
    return error ? ERROR_INVALID : 0;
}

int consumer_create(struct intake *i, char *detail, size_t detail_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    i->cooperative = rd_kafka_version() >= COOPERATIVE_SINCE;
    rd_kafka_conf_set_opaque(conf, i);
    rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
    rd_kafka_conf_set_error_cb(conf, failed);
    if (configure(i, conf, detail, detail_size))
        i->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, detail, detail_size);
    if (!i->consumer) {
        rd_kafka_conf_destroy(conf);
        return ERROR_INVALID;
    }
    rd_kafka_poll_set_consumer(i->consumer);
    i->queue = rd_kafka_queue_get_consumer(i->consumer);
    return 0;
}

/* The lane of a message, remembering the last: messages come in runs of one partition. */
static struct lane *lane_of(struct intake *i, rd_kafka_message_t *m)
{
    if (m->rkt == i->recent_topic && i->recent_lane->partition == m->partition)
        return i->recent_lane;
    struct lane *l = m->rkt ? lane_find(i, rd_kafka_topic_name(m->rkt), m->partition) : NULL;
    if (l) {
        i->recent_topic = m->rkt;
        i->recent_lane = l;
    }
    return l;
}

/* What the broker says instead of a message. */
static void take_error(struct intake *i, rd_kafka_message_t *m)
{
    struct source *s = m->rkt ? source_find(i, rd_kafka_topic_name(m->rkt)) : NULL;
    struct lane *l = s ? lane_find(i, s->topic, m->partition) : NULL;

    switch (m->err) {
    case RD_KAFKA_RESP_ERR__FATAL:
        ended(i);
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        if (l && l->state != LANE_UNASSIGNED) {
            l->decide = true;
            lane_fail(l);
        }
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        if (s)
            intake_say(i, s->trouble, "topic %s: %s", s->topic, rd_kafka_err2str(m->err));
        break;
    default:
        break; /* lost connections and the like: librdkafka goes on by itself */
    }
}

/* What was taken of the lane that the last message was of goes to the engine. */
static void push_filling(struct intake *i)
{
    if (i->filling && !i->blocked)
        lane_push(i->filling);
    i->filling = NULL;
}

/* Whether somebody has it now; else it is to be destroyed. */
static bool take_message(struct intake *i, rd_kafka_message_t *m)
{
    if (m->err) {
        take_error(i, m);
        return false;
    }
    struct lane *l = lane_of(i, m);
    if (l != i->filling)
        push_filling(i);
    i->filling = l;
    return l && lane_message(l, m);
}

/* The assignment changed while the batch was filled: nobody can tell which of it is from before. */
static void start_over(struct intake *i)
{
    FOR_EACH_LANE (i, l)
        lane_fail(l);
}

void consumer_poll(struct intake *i, int wait_ms, size_t most)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(i->consumer, wait_ms);

    i->now_ms = clock_monotonic_us() / 1000;
    if (!m)
        return;
    if (!take_message(i, m))
        rd_kafka_message_destroy(m);
    if (most < 2) {
        push_filling(i);
        return;
    }
    uint64_t assignments = i->assignments;
    ssize_t count = rd_kafka_consume_batch_queue(i->queue, 0, i->batch,
                                                 most - 1 < BATCH_MESSAGES ? most - 1 : BATCH_MESSAGES);
    for (ssize_t k = 0; k < count; k++)
        if (assignments != i->assignments || !take_message(i, i->batch[k]))
            rd_kafka_message_destroy(i->batch[k]);
    push_filling(i);
    if (count > 0 && assignments != i->assignments)
        start_over(i);
}

/* Makes the assignment of `l` anew at offset. The older protocol knows only whole assignments: the others go
 * on where they are. */
static int reassign(struct lane *l, int64_t offset)
{
    struct intake *i = l->intake;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);

    FOR_EACH_LANE (i, other) {
        if (other->state == LANE_UNASSIGNED || (i->cooperative && other != l))
            continue;
        int64_t next = other->after < 0 ? RD_KAFKA_OFFSET_BEGINNING : other->after + 1;
        rd_kafka_topic_partition_list_add(list, other->source->topic, other->partition)->offset =
            other == l ? offset : next;
        other->paused = false;
    }
    int error = i->cooperative ? give(i, list, false) : 0;
    if (!error)
        error = give(i, list, true);
    rd_kafka_topic_partition_list_destroy(list);
    i->recent_topic = NULL;
    return error;
}

static void set_paused(struct lane *l, bool paused)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, l->source->topic, l->partition);
    if (paused)
        rd_kafka_pause_partitions(l->intake->consumer, list);
    else
        rd_kafka_resume_partitions(l->intake->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    l->paused = paused;
    atomic_store_explicit(&l->count.paused, paused, memory_order_relaxed);
}

void consumer_pause(struct lane *l)
{
    if (!l->paused)
        set_paused(l, true);
}

int consumer_seek(struct lane *l, int64_t offset)
{
    struct intake *i = l->intake;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_add(list, l->source->topic, l->partition);

    if (l->paused)
        set_paused(l, false);
    p->offset = offset;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(i->consumer, list, SEEK_TIMEOUT_MS);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : p->err;
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    i->now_ms = clock_monotonic_us() / 1000;
    if (code == RD_KAFKA_RESP_ERR__STATE)
        return reassign(l, offset);
    return code ? ERROR_UNAVAILABLE : 0;
}

bool consumer_decide(struct lane *l)
{
    struct intake *i = l->intake;
    int64_t low = 0, high = 0, start = lane_start_offset(l), position = lane_position(l);

    if (rd_kafka_query_watermark_offsets(i->consumer, l->source->topic, l->partition, &low, &high,
                                         DECIDE_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        l->restart_at_ms = i->now_ms + BACKOFF_MOST_MS;
        return false;
    }
    if (start >= 0 && start > high) {
        l->state = LANE_STOPPED;
        intake_say(i, l->trouble,
                   "topic %s, partition %d ends at offset %lld, but %lld has been read of it: was it made "
                   "anew? Then raise its generation",
                   l->source->topic, l->partition, (long long)high, (long long)position);
        return false;
    }
    if (start >= 0 && start < low)
        lane_originals_gone(l, low);
    l->decide = false;
    return true;
}

/* Of each lane the least offset that something still stands out for; what is before it is settled for good.
 */
static void find_unsettled(struct intake *i)
{
    FOR_EACH_LANE (i, l)
        l->unsettled_offset = l->after < 0 ? -1 : l->after + 1;
    for (size_t k = 0; k < i->pool.count; k++) {
        const struct parcel *p = &i->pool.all[k];
        if (p->step != PARCEL_FREE && p->lane && p->offset < p->lane->unsettled_offset)
            p->lane->unsettled_offset = p->offset;
    }
}

static void commit(struct intake *i, bool wait)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);

    find_unsettled(i);
    FOR_EACH_LANE (i, l) {
        int64_t least = l->unsettled_offset;
        int64_t rejected = backlog_first(i->backlog, source_name(l->source), l->partition, 0);
        if (rejected >= 0 && rejected < least)
            least = rejected;
        if (l->state != LANE_RUNNING || least <= l->told_offset || least <= 0)
            continue;
        rd_kafka_topic_partition_list_add(list, l->source->topic, l->partition)->offset = least;
        l->told_offset = least;
    }
    if (list->cnt)
        rd_kafka_commit(i->consumer, list, wait ? 0 : 1);
    rd_kafka_topic_partition_list_destroy(list);
}

static void watch_lane(struct lane *l)
{
    struct intake *i = l->intake;
    int64_t low = -1, high = -1, lag = 0;

    if (l->state == LANE_UNASSIGNED)
        return;
    if (rd_kafka_get_watermark_offsets(i->consumer, l->source->topic, l->partition, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= 0) {
        int64_t next = l->after < 0 ? (low > 0 ? low : 0) : l->after + 1;
        lag = high > next ? high - next : 0;
    }
    atomic_store_explicit(&l->count.lag, lag, memory_order_relaxed);
    atomic_store_explicit(&l->count.paused, l->paused || l->state != LANE_RUNNING, memory_order_relaxed);
    if (lag == 0)
        l->moved_at_ms = i->now_ms;
    if (l->state == LANE_RUNNING && i->now_ms - l->moved_at_ms > STUCK_MS && !i->broker_down && !i->blocked)
        lane_fail(l);
    if (l->state == LANE_STOPPED || (l->state == LANE_RESTARTING && i->now_ms > l->restart_at_ms))
        consumer_pause(l);
}

/* While no broker answered: does one now? */
static void look_for_broker(struct intake *i)
{
    const struct rd_kafka_metadata *m = NULL;

    if (rd_kafka_metadata(i->consumer, 0, NULL, &m, 200) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    rd_kafka_metadata_destroy(m);
    i->broker_down = false;
    intake_say(i, i->trouble, "%s", "");
}

static bool is_ours(struct intake *i, const struct source *s, int32_t partition)
{
    struct lane *l = lane_find(i, s->topic, partition);
    return l && l->state != LANE_UNASSIGNED;
}

static const struct source *source_named(const struct intake *i, struct text name)
{
    for (size_t s = 0; s < i->sources_count; s++)
        if (text_equal(source_name(&i->sources[s]), name))
            return &i->sources[s];
    return NULL;
}

/* Engines that share a log note each other's rejections: those of partitions that another member has are its
 * to send, and its committed offset tells how far it is. Without that our checkpoints would wait for ever. */
static void settle_others(struct intake *i)
{
    struct rejection_place places[OTHERS_A_LOOK];
    size_t count = backlog_places(i->backlog, places, OTHERS_A_LOOK);
    bool unknown = false;

    if (!count)
        return;
    rd_kafka_topic_partition_list_t *others = rd_kafka_topic_partition_list_new((int)count);
    for (size_t k = 0; k < count; k++) {
        const struct source *s = source_named(i, places[k].name);
        unknown |= !s;
        if (s && !is_ours(i, s, places[k].partition))
            rd_kafka_topic_partition_list_add(others, s->topic, places[k].partition);
    }
    if (others->cnt &&
        rd_kafka_committed(i->consumer, others, OTHERS_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (int k = 0; k < others->cnt; k++) {
            const rd_kafka_topic_partition_t *p = &others->elems[k];
            if (!p->err && p->offset >= 0)
                backlog_strike_before(i->backlog, source_name(source_find(i, p->topic)), p->partition,
                                      p->offset);
        }
    rd_kafka_topic_partition_list_destroy(others);
    if (unknown) /* another member reads a topic that we were not told of */
        intake_forget_other_names(i);
}

void consumer_watch(struct intake *i)
{
    if (!i->broker_down && ++i->watches % OTHERS_EVERY == 0)
        settle_others(i);

    if (i->broker_down)
        look_for_broker(i);
    FOR_EACH_LANE (i, l)
        watch_lane(l);
    commit(i, false);
}

static void close_consumer(struct intake *i)
{
    rd_kafka_queue_destroy(i->queue);
    rd_kafka_consumer_close(i->consumer);
    rd_kafka_destroy(i->consumer);
    i->consumer = NULL;
    i->queue = NULL;
    i->recent_topic = NULL;
}

/* There is always one: the old one goes when the new one is made. Closing it may call back, so it has to be
 * in its place. */
static int replace_consumer(struct intake *i, char *detail, size_t size)
{
    rd_kafka_t *old = i->consumer;
    rd_kafka_queue_t *old_queue = i->queue;

    if (!parcel_pool_part(&i->pool)) {
        snprintf(detail, size, "%s", error_text(ERROR_NOMEM));
        return ERROR_NOMEM;
    }
    i->consumer = NULL;
    int error = consumer_create(i, detail, size);
    rd_kafka_t *made = i->consumer;
    rd_kafka_queue_t *made_queue = i->queue;
    i->consumer = old;
    i->queue = old_queue;
    if (error)
        return error;
    close_consumer(i);
    i->consumer = made;
    i->queue = made_queue;
    return 0;
}

void consumer_renew(struct intake *i)
{
    char detail[200];

    if (!i->fatal || i->now_ms < i->renew_at_ms)
        return;
    int error = replace_consumer(i, detail, sizeof(detail));
    if (!error) {
        FOR_EACH_LANE (i, l)
            if (l->state != LANE_UNASSIGNED)
                lane_end(l);
        error = consumer_subscribe(i, detail, sizeof(detail));
    }
    if (error) {
        intake_say(i, i->trouble, "%s", detail);
        renew_later(i);
        return;
    }
    i->fatal = false;
}

void consumer_destroy(struct intake *i)
{
    if (!i->consumer)
        return;
    if (!i->fatal)
        commit(i, true);
    parcel_pool_drop_messages(&i->pool);
    close_consumer(i);
}
