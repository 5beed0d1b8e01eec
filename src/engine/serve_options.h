/* What `onhand serve` was told: filled by the command line (src/cli/serve.c), obeyed by engine_serve
 * (src/engine/serve.c). */
#ifndef ENGINE_SERVE_OPTIONS_H
#define ENGINE_SERVE_OPTIONS_H

#include "base/logger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum serve_log { SERVE_LOG_EMBEDDED, SERVE_LOG_KAFKA };
enum serve_format { SERVE_JSON, SERVE_PROTOBUF }; /* the order of enum intake_format */

struct serve_intake {
    const char *topic;
    enum serve_format format;
    unsigned generation; /* from 1; raised by the operator when the topic was made anew */
};

/* All texts live as long as the call of engine_serve. */
struct serve_options {
    const char *data_directory;
    const char *listen;    /* "127.0.0.1:8080" */
    unsigned http_threads; /* ≥ 1 */
    unsigned connections_most;
    size_t body_bytes_most;
    enum serve_log log;
    const char *log_topic;     /* of SERVE_LOG_KAFKA */
    bool allow_retention;      /* of the log topic */
    const char *kafka_brokers; /* NULL: none; there is one when there is intake or SERVE_LOG_KAFKA */
    const struct serve_intake *intake;
    size_t intake_count;
    const char *dead_letter_topic;
    const char *redis;              /* HOST:PORT or unix:PATH; NULL: none */
    const char *redis_prefix;       /* of all keys there */
    const char *availability_topic; /* NULL: none */
    bool history;                   /* keep one, in data_directory */
    unsigned history_days_most;     /* 0: no bound, as the next */
    uint64_t history_bytes_most;
    size_t changes_kept;            /* for /v1/changes: rounded up to a power of two */
    unsigned insights_hours;        /* what was asked for and not found, of so many hours; 0: not noted */
    unsigned insights_keys;         /* the most frequent of an hour and an HTTP thread */
    const char *keys_path;          /* NULL: no keys, loopback only */
    unsigned checkpoint_seconds;    /* a checkpoint at least this often while records come */
    uint64_t replay_records_most;   /* and after so many records */
    size_t segment_bytes;
    enum logger_level log_level; /* set already */
    const char *config_path;     /* NULL: none; for the log only */
};

/* Runs until SIGTERM or SIGINT; prints one line with its address on standard output when ready. Says itself
 * on standard error what went wrong. 0: ended as asked. ERROR_INVALID: an option is not possible.
 * ERROR_CORRUPT: the data is damaged. ERROR_LEVEL: the log asks for a newer onhand. ERROR_BUSY: another
 * process has the data. ERROR_IO, ERROR_NOMEM, ERROR_UNAVAILABLE (Kafka). */
int engine_serve(const struct serve_options *o);

#endif
