/* Who of those that share a log on Kafka is on duty: the member of a consumer group that holds the log
 * topic's one partition. Nothing is read through it; the partition stands still. */
#ifndef LOG_KAFKA_DUTY_H
#define LOG_KAFKA_DUTY_H

#include "log/log.h"

struct kafka_duty;

enum { DUTY_SESSION_MS = 6000, DUTY_LEASE_MS = 2000 };

/* Starts a thread (`duty-member`) that is no member yet. Texts are copied. ERROR_NOMEM */
int kafka_duty_create(const char *brokers, const char *topic, struct kafka_duty **ret_duty);
/* Leaves the group, so that the next one need not wait; a second or so at most. Takes NULL. */
void kafka_duty_destroy(struct kafka_duty *d);
/* As log_ops.duty: who is not fit leaves the group, and comes back when it is. @thread any */
void kafka_duty_look(struct kafka_duty *d, bool fit, struct log_duty *ret);
/* The group's name: onhand-duty, or TOPIC-duty for a log that is not called onhand.log. */
void kafka_duty_group(const char *topic, char *out, size_t size);

#endif
