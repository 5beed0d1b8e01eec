/* Foreign topics → log: a Kafka consumer group translates messages into records and hands them to the engine
 * (architecture.md, Intake).
 *
 * One thread of its own does everything here (@thread intake); the engine calls back from its writer or log
 * thread. What a message said takes effect exactly once because the state keeps how far each partition has
 * come; Kafka's committed offsets are only a hint. */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "base/buffer.h"
#include "core/command.h"
#include "core/view.h"

/* JSON: one event, or an array of events. PROTOBUF: an onhand.v1.Record with events and nothing else (what
 * producers should send: proto/onhand/v1/README.md); or one onhand.v1.Event as it is (its type first, as
 * every protobuf library writes it), or any number of them, each behind its length as a varint (what the HTTP
 * API takes as application/x-protobuf). */
enum intake_format { INTAKE_JSON, INTAKE_PROTOBUF };
struct intake_source {
    const char *topic;
    enum intake_format format;
    unsigned generation; /* raised by an operator when a topic is made anew; its name in the state is "topic"
                            for 0 and 1, "topic@2" … after */
};

struct intake_backlog;

struct intake_options {
    const char *brokers;
    const char *group;  /* "onhand-intake-" and the log's incarnation, so that two engines with logs of their
                           own each get everything */
    const char *member; /* this instance's name in the group, the same after a restart, so that a restart
                         * moves no partition; NULL: "onhand", right as long as the log is embedded and the
                         * group has one member */
    const struct intake_source *sources;
    size_t sources_count;
    const char *dead_letter_topic; /* "onhand.dead-letter" */
    const struct view *view; /* positions, level, ready: nothing is read before the engine was ready once */
    struct command_port commands;
    struct intake_backlog *backlog; /* what apply rejected before this life; NULL: nothing known */
    unsigned in_flight_most;        /* messages on their way, 0: 4096 */
};

struct intake;

/* 0, ERROR_INVALID (detail says what would be right), ERROR_NOMEM. A broker that does not answer is no error:
 * it is waited for. The options' texts are copied. */
int intake_start(const struct intake_options *o, struct intake **ret_intake, char *detail,
                 size_t detail_size);
void intake_metrics(struct intake *i, struct buffer *out); /* Prometheus text; @thread any */
/* "" or what is wrong (a topic that ends below the position, dead-letter topic down …). @thread any */
void intake_trouble(struct intake *i, char *out, size_t size);
/* Takes no more, waits for what is on its way, leaves the group; within 5 s. Takes NULL. The engine must
 * still be there: it may hold commands. */
void intake_stop(struct intake *i);

/* ---- What apply rejected and the dead-letter topic does not have yet: late or doubled, never forgotten ----
 *
 * The engine notes every record of intake that holds a rejected event, in its life and when it replays the
 * log after a start; intake strikes it out when the broker has the dead letter. A checkpoint must not become
 * durable before everything noted below its offset is struck out, because what it covers is not replayed. */
struct intake_backlog *intake_backlog_create(void); /* NULL without memory */
void intake_backlog_destroy(struct intake_backlog *b);
/* Looks for rejections among the verdicts of a record that stands at log_offset; cheap when there are none.
 * ERROR_NOMEM, ERROR_LIMIT (four million wait already): not noted. @thread writer */
int intake_backlog_note(struct intake_backlog *b, const struct record *r,
                        const struct event_verdict *verdicts, size_t count, uint64_t log_offset);
/* Is everything noted for records before log_offset in the dead-letter topic? Intakes that are not configured
 * any more do not count once intake_start has been called. @thread any */
bool intake_backlog_clear(struct intake_backlog *b, uint64_t log_offset);

#endif
