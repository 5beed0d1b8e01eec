/* What the files of the history's sink share. */
#ifndef SINKS_HISTORY_INTERNAL_H
#define SINKS_HISTORY_INTERNAL_H

#include "sinks/history_file.h"
#include "sinks/history_queue.h"
#include "sinks/history_sink.h"
#include "sinks/patience.h"

#include <pthread.h>
#include <stdatomic.h>

enum { QUESTIONS_MOST = 256 };

/* Written by one thread each, relaxed; read by any. */
struct history_counters {
    _Atomic uint64_t lines_total, lines_deleted_total, replayed_total, gaps_total, failures_total, bytes;
};

/* history-read: questions wait in order. */
struct history_desk {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a question came, the file got farther, or the end */
    struct history_question *first, **last;
    unsigned waiting;
    bool ending;
    pthread_mutex_t file_lock; /* held while the file is read, and while it is put away */
    struct history_reader *reader;
    uint64_t reader_number; /* of the file that it reads */
};

struct history_sink {
    char *path;
    struct history_options options;
    struct history_queue *queue;
    struct history_desk desk;

    pthread_t thread;
    bool started;
    _Atomic bool ready;    /* the engine was, once */
    _Atomic bool stopping; /* the engine has ended: write what is there, then end */
    _Atomic int64_t stop_by_us;
    _Atomic uint64_t file_number; /* grows whenever the file is another: readers open it again. 0: none yet */
    _Atomic bool file_fails;      /* it cannot be opened or written now */
    _Atomic bool file_damaged;    /* a reader saw it */
    _Atomic uint64_t applied_to;  /* of the file, as committed */
    _Atomic bool catching_up;     /* lines come from the log, not from the queue */

    /* @thread history */
    struct history_file *file;
    struct history_position position; /* as the transaction at hand will leave it */
    uint64_t opened_to;               /* the file was applied to there when it was opened */
    bool checked_end;                 /* it does not know more than the log did when the engine began */
    int64_t retry_us, prune_us;
    unsigned tries; /* of the replay, that failed without getting beyond … */
    uint64_t tried_at;

    struct history_counters counters;
    struct trouble trouble;
};

/* history_desk.c */
int history_desk_start(struct history_sink *s);
void history_desk_stop(struct history_sink *s);
int history_desk_ask(void *sink, struct history_question *q);
void history_desk_advanced(struct history_sink *s); /* the file has more. @thread history */
/* Closes what the desk reads from and keeps it closed until `false`. @thread history */
void history_desk_keep_off(struct history_sink *s, bool off);

/* history_sink.c */
bool history_stopping(const struct history_sink *s);
int history_commit(struct history_sink *s);
/* The file is of the log that the queue speaks of; another is set aside. */
int history_fit_to_log(struct history_sink *s);

/* history_catch_up.c: from the log until the queue goes on without a hole. `over`: the run is over and the
 * queue empty. 0 also when it has to be tried again, or the sink is to stop; an error is one of the file.
 * @thread history */
int history_catch_up(struct history_sink *s, bool over);
/* Is the line one to keep? Older ones than the bound are not even written. */
bool history_keeps(const struct history_sink *s, const struct history_line *l);

#endif
