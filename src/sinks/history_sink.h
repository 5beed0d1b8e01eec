/* Keeps the history: every line goes from the writer through a bounded queue into an SQLite file that anyone
 * may query (history_schema.sql). The engine never waits for it: what the queue cannot hold, what a crash or
 * a full disk left out and what is lost with the file is told again from the log by a state of its own.
 *
 * Two threads: `history` writes the file, `history-read` answers questions from it. */
#ifndef SINKS_HISTORY_SINK_H
#define SINKS_HISTORY_SINK_H

#include "core/history.h"

struct history_sink;

#define HISTORY_FILE "history.sqlite"

struct history_options {
    const char *path;             /* of the file; copied */
    unsigned days_most;           /* lines older than that of log time go; 0: no bound */
    uint64_t bytes_most;          /* the oldest lines go when the file holds more; 0: no bound */
    size_t queue_bytes;           /* a power of two; 0: 16 MiB */
    struct history_replay replay; /* begin NULL: gaps stay, and complete_from says so */
};

/* Before the engine: its writer is to be told of history_sink_writer. ERROR_NOMEM, ERROR_IO */
int history_sink_create(const struct history_options *o, struct history_sink **ret_sink);
struct historian history_sink_writer(struct history_sink *s);
/* It begins at once and holds up nothing. ERROR_NOMEM */
int history_sink_start(struct history_sink *s);
/* The engine has applied all that was in the log when it began. */
void history_sink_ready(struct history_sink *s);
struct history_port history_sink_port(struct history_sink *s);
void history_sink_metrics(struct history_sink *s, struct buffer *out);     /* @thread any */
void history_sink_trouble(struct history_sink *s, char *out, size_t size); /* @thread any */
/* After the engine has ended, so that all it did is in the queue: writes what is there, within about
 * `most_ms`, answers whoever asks and ends. Takes NULL. */
void history_sink_destroy(struct history_sink *s, unsigned most_ms);

#endif
