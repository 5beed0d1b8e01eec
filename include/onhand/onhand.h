/* onhand in your own process: a durable engine for stock figures that readers never wait for.
 *
 * One engine, any number of threads. `onhand_apply…` and `onhand_reserve…` may be called from any thread and
 * returns when the events are durable and visible; each reading thread opens an `onhand_reader` of its own
 * and asks it without locks and without system calls.
 *
 *   onhand_engine *engine;
 *   onhand_engine_open(&(onhand_options){.directory = "onhand-data"}, &engine);
 *   ...
 *   onhand_engine_close(engine);
 */
#ifndef ONHAND_ONHAND_H
#define ONHAND_ONHAND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ONHAND_PUBLIC __attribute__((visibility("default")))
#else
#define ONHAND_PUBLIC
#endif

typedef struct onhand_engine onhand_engine;
typedef struct onhand_reader onhand_reader;

/* Every function that returns int returns 0 or one of these. */
enum {
    ONHAND_NOMEM = -1,       /* out of memory */
    ONHAND_INVALID = -2,     /* an argument is not valid */
    ONHAND_NOTFOUND = -3,    /* no such SKU */
    ONHAND_BUSY = -4,        /* a queue is full: try again */
    ONHAND_UNAVAILABLE = -5, /* the log does not take records now */
    ONHAND_IO = -6,          /* reading or writing failed */
    ONHAND_CORRUPT = -7,     /* stored data is damaged */
    ONHAND_LIMIT = -8,       /* a limit was reached */
    ONHAND_TIMEOUT = -9,     /* timed out */
    ONHAND_LEVEL = -10,      /* the data were written by a newer onhand */
    ONHAND_CLOSED = -11,     /* closed */
    ONHAND_EXISTS = -12,     /* exists already */
    ONHAND_CONFLICT = -13    /* conflicts with what is there */
};

/* The text of an error code; never NULL, never freed. */
ONHAND_PUBLIC const char *onhand_strerror(int code);
/* "0.1.0" */
ONHAND_PUBLIC const char *onhand_version(void);

typedef struct onhand_options {
    const char *directory;       /* where the log and the checkpoints live; made when it is not there */
    uint64_t checkpoint_records; /* about how many records are replayed after a crash; 0: 2,000,000 */
} onhand_options;

/* Opens (or makes) the data directory, recovers what is in it and waits until everything is applied. One
 * engine a directory: ONHAND_BUSY while another process has it. `detail` (may be NULL) gets a sentence that
 * says what is wrong and what to do. */
ONHAND_PUBLIC int onhand_engine_open(const onhand_options *options, onhand_engine **ret_engine, char *detail,
                                     size_t detail_size);
/* Finishes what was begun, writes a checkpoint, frees. Close all readers first. Takes NULL. */
ONHAND_PUBLIC void onhand_engine_close(onhand_engine *engine);

typedef enum onhand_verdict {
    ONHAND_APPLIED = 1, /* done */
    ONHAND_PARTIAL,     /* a later count contained part of it, the rest was done */
    ONHAND_SUPERSEDED,  /* something newer had said all of it */
    ONHAND_DUPLICATE,   /* seen before */
    ONHAND_REJECTED     /* not accepted: `reason`, `pointer` and `detail` say why */
} onhand_verdict;

typedef struct onhand_result {
    onhand_verdict verdict;
    const char *reason; /* "" or a word like "future"; never freed */
    char pointer[96];   /* which field, as a JSON pointer */
    char detail[200];   /* what would be right */
} onhand_result;

/* Applies events given as canonical JSON (one object, an array) and waits until they are durable and visible
 * to readers. `ret_results` has room for `capacity` events; *ret_count is how many there were.
 * ONHAND_INVALID: not JSON at all; nothing was applied. ONHAND_LIMIT: more events than `capacity`, or more
 * than 4,096; nothing was applied. One bad event does not stop the others. Thread-safe. */
ONHAND_PUBLIC int onhand_apply_json(onhand_engine *engine, const char *json, size_t length,
                                    onhand_result *ret_results, size_t capacity, size_t *ret_count);

/* ---- reservations ---- */

typedef enum onhand_state {
    ONHAND_HELD,      /* ends by itself */
    ONHAND_CONFIRMED, /* an order */
    ONHAND_FULFILLED, /* handed over */
    ONHAND_RELEASED,
    ONHAND_EXPIRED,
    ONHAND_CANCELLED
} onhand_state;

typedef enum onhand_step {
    ONHAND_CONFIRM = 2,
    ONHAND_RELEASE = 3,
    ONHAND_FULFIL = 5,
    ONHAND_CANCEL = 6
} onhand_step;

typedef struct onhand_line {
    const char *sku, *location;
    int64_t quantity_milli; /* thousandths of a unit */
} onhand_line;

typedef struct onhand_reservation {
    const char *id;        /* yours: the same request again gives the first answer, another one is refused */
    const char *channel;   /* NULL: none */
    const char *reference; /* the order it belongs to; NULL: none */
    int64_t ttl_seconds;   /* how long it is held; 0: as the log's settings say */
    onhand_state
        begin; /* ONHAND_HELD, ONHAND_CONFIRMED, or ONHAND_FULFILLED: a sale that must not oversell */
    const onhand_line *lines;
    size_t lines_count; /* 1 to 500 */
} onhand_reservation;

typedef struct onhand_answer {
    onhand_result result;  /* applied, duplicate (the same again), or rejected with the reason */
    onhand_state state;    /* of the reservation behind it, when there is one */
    int64_t expires_at_us; /* since 1970; 0: it does not end by itself */
    size_t shortfalls;     /* how many lines fell short: "insufficient" */
    int64_t requested_milli, available_milli; /* of the first of them */
} onhand_answer;

/* Takes all lines, each in full, or nothing; returns when that is durable and visible. 0 whatever the verdict
 * is; ONHAND_INVALID: the request is not one (*ret_answer says why). Thread-safe. */
ONHAND_PUBLIC int onhand_reserve(onhand_engine *engine, const onhand_reservation *reservation,
                                 onhand_answer *ret_answer);
/* A step of the whole reservation. `reference` (may be NULL) goes with ONHAND_CONFIRM. A step taken again in
 * the state it leads to is a duplicate and changes nothing. Thread-safe. */
ONHAND_PUBLIC int onhand_reservation_step(onhand_engine *engine, const char *id, onhand_step step,
                                          const char *reference, onhand_answer *ret_answer);

/* The figures of one item, thousandths of a unit (2500 is 2.5). */
typedef struct onhand_figures {
    int64_t on_hand_milli, unavailable_milli, reserved_milli, committed_milli, safety_stock_milli;
    int64_t net_available_milli, available_milli;
    uint64_t version_incarnation, version_offset; /* of the record that last changed it */
} onhand_figures;

/* One reading thread's handle; not shared between threads. */
ONHAND_PUBLIC int onhand_reader_open(onhand_engine *engine, onhand_reader **ret_reader);
ONHAND_PUBLIC void onhand_reader_close(onhand_reader *reader); /* takes NULL */

/* One item at one location; a known item at a location it never was has zeros. ONHAND_NOTFOUND: nobody ever
 * spoke of this SKU. Wait-free for the writer, lock-free for the reader, no system call. */
ONHAND_PUBLIC int onhand_query(onhand_reader *reader, const char *sku, size_t sku_length,
                               const char *location, size_t location_length, onhand_figures *ret_figures);
/* Sums over all locations of the item, all of one version. `available` is the sum of each location's own (a
 * shortage here does not eat stock there). */
ONHAND_PUBLIC int onhand_query_total(onhand_reader *reader, const char *sku, size_t sku_length,
                                     onhand_figures *ret_figures);

/* A hash of the whole state and the position it belongs to: equal on every engine that applied the same log
 * so far. */
ONHAND_PUBLIC int onhand_digest(onhand_engine *engine, uint64_t *ret_next_offset, uint64_t ret_digest[2]);

#ifdef __cplusplus
}
#endif

#endif
