/* The history: what every record did to every row, kept as lines and asked for a page at a time. What the
 * writer, whoever keeps the lines (sinks/history_sink.c) and whoever shows them (http/history.c) have in
 * common. */
#ifndef CORE_HISTORY_H
#define CORE_HISTORY_H

#include "base/arena.h"
#include "core/model/apply.h"
#include "core/model/refusal.h"

/* What one event, or one step of something else, did to one row. */
struct history_line {
    uint64_t offset;                    /* of the record, below 2^48 */
    uint32_t number;                    /* of the line in its record, from 0, below HISTORY_LINES_OF_RECORD */
    uint32_t event;                     /* number of the event in its record */
    bool last;                          /* of its record */
    instant_t occurred_at, appended_at; /* as said; log time at its record */
    milli_t quantity;                   /* as said; LIMIT_NONE: nothing was said */
    struct row_figures was, now;
    struct text sku, location;
    struct text
        type; /* of the event; the step of a reservation; what fell due: overdue, expire, demand_due */
    struct text verdict, verdict_reason;
    struct text event_id, source, reference, line, channel, reason;
    struct text reservation; /* its id */
    bool is_refused;         /* the row could not give what was asked of it: */
    struct refusal refusal;
};

enum { HISTORY_LINE_BITS = 15, HISTORY_LINES_OF_RECORD = 1 << HISTORY_LINE_BITS };

/* A line's number in the whole log: grows with the log, the same on every replica, never 0. */
static inline int64_t history_line_id(uint64_t offset, uint32_t number)
{
    return (int64_t)(offset << HISTORY_LINE_BITS | number);
}

/* How many lines the outcome of a record gives, and each of them. The texts are those of the record, the
 * state and fixed names. @thread whose state it is */
size_t history_lines_count(const struct outcome *o);
void history_line_tell(const struct state *s, const struct record *r, const struct outcome *o, size_t i,
                       uint64_t offset, struct history_line *ret);

enum { HISTORY_PAGE_MOST = 1000 };

/* A question and its answer. Belongs to whoever asks until `ask` returned 0, then to the history until `done`
 * is called, then to the asker again. */
struct history_question {
    struct history_question *next; /* the holder's */
    struct text sku, location;
    bool of_record; /* only lines of the record at: */
    uint64_t offset;
    int64_t before;                           /* only lines with a smaller id; 0: from the newest */
    instant_t from, to;                       /* only lines appended in [from, to); INSTANT_NONE: any */
    unsigned limit;                           /* 1 to HISTORY_PAGE_MOST */
    void (*done)(struct history_question *q); /* @thread history-read; must not block and cannot fail */
    /* filled in before `done`; texts and lines lie in the arena, which is the asker's to finish */
    int status; /* 0, ERROR_UNAVAILABLE (no file now, or it is being made anew), ERROR_NOMEM, ERROR_IO */
    struct arena arena;
    struct history_line *lines; /* newest first */
    size_t count;
    int64_t next_before; /* where the next page goes on; 0: there is none */
    uint64_t incarnation;
    uint64_t complete_from; /* records from here on are all in it, up to… */
    uint64_t applied_to;    /* …before this one */
};

/* What http needs of the history, so that it need not see it. */
struct history_port {
    void *history; /* NULL: there is none, it is off */
    /* 0, ERROR_BUSY (too many questions wait), ERROR_UNAVAILABLE. @thread any, never blocks */
    int (*ask)(void *history, struct history_question *q);
};

/* What the writer tells of each record, so that it need not know who listens. applied NULL: nobody, and no
 * lines are made. */
struct historian {
    void *context;
    /* Are the lines of the next record wanted? False: it gets an outcome that kept none. NULL: always.
     * @thread writer, must not block */
    bool (*wants)(void *context);
    /* The record, with o->lines, is applied and visible; texts live as long as the call. @thread writer, must
     * not block */
    void (*applied)(void *context, const struct state *s, const struct record *r, const struct outcome *o,
                    uint64_t offset);
    /* Everything before next_offset was told; the next record, whenever it comes, stands there or later.
     * @thread writer, must not block */
    void (*flushed)(void *context, const struct state *s, uint64_t next_offset);
};

/* Tells lines again that the file does not have: a state of its own replays the log. */
struct history_replay {
    void *context;
    /* Begins so that all records from `from` on will be told, or from the first place that can still be
     * replayed. *ret_from: where that is. 0, or an error with a sentence in detail. @thread history */
    int (*begin)(void *context, uint64_t incarnation, uint64_t from, uint64_t *ret_from, char *detail,
                 size_t detail_size);
    /* Tells some more records (h->applied, not h->flushed) of those before `applied`: what the engine has not
     * applied may not stay. *ret_next_offset: all before it were told. How many; 0: there are no more now; or
     * an error. */
    int (*some)(void *context, uint64_t applied, const struct historian *h, uint64_t *ret_next_offset,
                char *detail, size_t detail_size);
    void (*end)(void *context);
};

#endif
