/* The part of `onhand serve` that has to do with a log on Kafka. */
#ifndef ENGINE_SERVE_KAFKA_H
#define ENGINE_SERVE_KAFKA_H

#include "engine/engine.h"
#include "engine/serve_options.h"

enum { INSTANCE_BYTES = 32 };

struct serve_kafka {
    const struct serve_options *options;
    struct log *log; /* the engine's; set when it was opened */
    int lock_file;
    char instance[INSTANCE_BYTES]; /* this instance's name, the same after a restart: it lies in the data
                                      folder */
};

/* A data folder belongs to one process of those that read a log on Kafka: ERROR_BUSY, ERROR_IO. Closing the
 * file gives it back. */
int serve_kafka_lock(const char *data_directory, int *ret_file, char *detail, size_t detail_size);
/* engine_options.open_log; the context is a struct serve_kafka. Locks the data folder: one process a folder.
 */
int serve_kafka_open_log(void *context, const struct engine_log_start *start, struct log **ret_log);
/* history_log_options.open_log: the same log once more, to read it beside. */
int serve_kafka_open_beside(void *context, uint64_t start_offset, uint64_t incarnation, struct log **ret_log,
                            char *detail, size_t detail_size);
void serve_kafka_finish(struct serve_kafka *k);

#endif
