/* Foreign topics → log: a Kafka consumer group translates messages into records and hands them to the engine (architecture.md, Intake). */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "base/buffer.h"
#include "core/command.h"
#include "core/view.h"

enum intake_format { INTAKE_JSON, INTAKE_PROTOBUF };
struct intake_source { const char *topic; enum intake_format format; unsigned generation; /* raised by an operator when a topic is made anew; its name in the
                       state is "topic" for 1, "topic@2" … after */ };

struct intake_options {
    const char *brokers;
    const char *group;              /* "onhand-intake-" and the log's incarnation, so that two engines with logs of their own each get everything */
    const struct intake_source *sources;
    size_t sources_count;
    const char *dead_letter_topic;  /* "onhand.dead-letter" */
    const struct view *view;        /* positions, level */
    struct command_port commands;
    unsigned in_flight_most;        /* commands on their way, 0: 4096 */
};

struct intake;
int intake_start(const struct intake_options *o, struct intake **ret_intake, char *detail, size_t detail_size);
void intake_metrics(struct intake *i, struct buffer *out); /* Prometheus text; @thread any */
/* "" or what is wrong (a topic that ends below the position, dead-letter topic down …). @thread any */
void intake_trouble(struct intake *i, char *out, size_t size);
void intake_stop(struct intake *i); /* takes NULL; joins within 5 s */

#endif
