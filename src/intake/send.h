/* Messages into a Kafka topic, acknowledged by the broker (`onhand send --kafka`, benches). Not shared
 * between threads. */
#ifndef INTAKE_SEND_H
#define INTAKE_SEND_H

#include "base/text.h"

struct sender;

/* 0, ERROR_INVALID, ERROR_NOMEM. No broker is asked yet. */
int sender_create(const char *brokers, const char *topic, struct sender **ret_sender, char *detail,
                  size_t detail_size);
/* Queues a copy; messages of one key stay in order. Waits while the queue is full. ERROR_INVALID: too large;
 * ERROR_UNAVAILABLE: the broker has refused or not taken earlier messages (sender_finish says why). */
int sender_send(struct sender *s, struct text key, struct text value);
/* Waits until the broker has everything, at most timeout_ms. 0, or ERROR_UNAVAILABLE with how many are not
 * known to have arrived, and why. */
int sender_finish(struct sender *s, int timeout_ms, uint64_t *ret_missing, char *detail, size_t detail_size);
void sender_destroy(struct sender *s); /* takes NULL; what was not acknowledged is given up */

#endif
