/* Topics of a Kafka cluster: what is there, and making what is missing (`onhand topics`). */
#ifndef INTAKE_TOPICS_H
#define INTAKE_TOPICS_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct topic_wanted {
    const char *name;
    int partitions;             /* when it is made; > 0 */
    int replication;            /* -1: as the broker has it */
    bool dead_letter;           /* room for large messages, kept until somebody deletes them */
    const char *(*settings)[2]; /* names and values that it is made with; settings_count of them */
    size_t settings_count;
};

enum topic_state { TOPIC_THERE, TOPIC_MADE, TOPIC_MISSING };
struct topic_found {
    const char *name; /* as asked */
    enum topic_state state;
    int partitions, replication; /* of what is there */
    char detail[200]; /* TOPIC_MISSING: why it could not be made; TOPIC_THERE: what differs from what was
                         wanted */
};

/* Makes the topics that are not there. ret_found has room for `count`, in the same order. 0 when all are
 * there afterwards; ERROR_UNAVAILABLE (no broker answers), ERROR_INVALID (one could not be made: its detail
 * says why), ERROR_NOMEM. @thread any; waits at most timeout_ms twice */
int topics_ensure(const char *brokers, const struct topic_wanted *wanted, size_t count, int timeout_ms,
                  struct topic_found *ret_found, char *detail, size_t detail_size);

/* The same on a client that is there already. What exists is fine. */
struct rd_kafka_s;
int topics_create(struct rd_kafka_s *client, const struct topic_wanted *wanted, size_t count, int timeout_ms,
                  char *detail, size_t detail_size);
bool topic_is_there(struct rd_kafka_s *client, const char *name, int timeout_ms);

#endif
