/* What the Redis sink's files share: redis_sink.c has loop and connection, redis_talk.c questions and
 * answers, redis_work.c what is written. Everything but `published` and the trouble is the redis thread's. */
#ifndef SINKS_REDIS_INTERNAL_H
#define SINKS_REDIS_INTERNAL_H

#include "sinks/dirty.h"
#include "sinks/pass.h"
#include "sinks/patience.h"
#include "sinks/redis_sink.h"
#include "sinks/redis_snapshot.h"

#include <hiredis/async.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    /* In flight: Redis works on one while the next wait. What is dirty meanwhile goes together, and once,
     * however often it changed. With CALL_BYTES the bound of what waits for a Redis that stands still. */
    CALLS_MOST = 4,
    CALL_SKUS = 128,       /* in one call */
    CALL_BYTES = 48 << 10, /* a call is sent when it is so long (the last SKU may go beyond) */
    SHA_BYTES = 41,
    MARK_BYTES = 33,
};

struct redis_sink;

struct redis_call {
    struct redis_sink *sink;
    struct redis_call *next; /* free ones */
    uint64_t term;           /* in which it was sent: what comes back in another is nobody's */
    size_t count;
    uint32_t sku[CALL_SKUS];
    uint64_t version[CALL_SKUS];
};

/* A place of the log up to which everything has been marked. */
struct redis_closed {
    bool valid;
    uint64_t incarnation, offset;
    int64_t at_us; /* wall clock */
};

struct redis_published {
#define COUNTER(name, type, help) _Atomic uint64_t name;
#include "sinks/redis_counters.def"
#undef COUNTER
};

struct redis_sink {
    char *host; /* NULL: path */
    int tcp_port;
    char *path;
    char *meta_key, *mark_key;
    char engine[96];
    struct redis_snapshot snapshot;
    int64_t answer_timeout_us;
    struct feed_port port;
    struct duty_port duty;
    uint64_t term;  /* 0: not on duty, and not connected */
    bool take_over; /* duty was gained: what Redis has is not known yet */

    /* loop (redis_sink.c) */
    struct event_base *base;
    struct event *timer, *wake, *stop;
    int stop_fd;
    pthread_t thread;
    bool started;
    int64_t stopping_us; /* 0: not stopping */

    /* connection */
    redisAsyncContext *connection; /* NULL: none */
    bool ready;                    /* scripts are loaded, the mark is known */
    bool fresh;                    /* this connection has not been ready yet */
    char guard_sha[SHA_BYTES], meta_sha[SHA_BYTES], mark[MARK_BYTES], drawn[MARK_BYTES];
    unsigned asked;           /* answers that are waited for */
    int64_t progress_us;      /* the last answer, or the first question after none */
    struct patience patience; /* in its pause nothing is sent, and no connection is made */
    bool evicted_known;
    uint64_t evicted;
    int64_t info_us, evict_rebuild_us;

    /* work (redis_work.c) */
    struct dirty_set dirty;
    struct pass pass;
    uint64_t pass_base;     /* of it only SKUs with something at or behind this offset of the present log, and
                               kits; 0: any */
    struct row_image *look; /* of one SKU; grows */
    size_t look_capacity;
    struct redis_closed closed;
    struct redis_call calls[CALLS_MOST], *free_call;
    bool meta_flying, feed_left;
    int64_t meta_us;          /* monotonic, when meta was last sent */
    int64_t news_us;          /* and when it last said something new */
    struct redis_closed meta; /* what was sent */

    struct redis_published published;
};

/* ---- redis_sink.c ---- */
/* Sets the timer by redis_look_again_ms. */
void redis_look_again(struct redis_sink *s);

/* ---- redis_talk.c ---- */
/* Gives the connection up; another is made after the pause. */
void redis_drop(struct redis_sink *s);
/* One command; false when the connection takes none (then the callback will not come). */
bool redis_send(struct redis_sink *s, redisCallbackFn *callback, void *context, size_t count,
                const char *const *argv, const size_t *lengths);
/* First thing in every callback: counts the answer, and says what is to be done about an error. True when
 * `reply` is an answer that can be used. */
bool redis_answered(struct redis_sink *s, const redisReply *reply);
/* From now until meta is written again nobody is to rely on its version: some of what is before it is not
 * there. */
void redis_unsay_whole(struct redis_sink *s);
/* Nothing is written before it is through. */
void redis_handshake(struct redis_sink *s);
/* Now and then: has Redis thrown keys away? */
void redis_ask_info(struct redis_sink *s, int64_t now_us);

/* ---- redis_work.c ---- */
void redis_work_init(struct redis_sink *s);
/* Everything that can be done now; never waits. */
void redis_turn(struct redis_sink *s);
/* Redis lost what it had, or nobody knows: all of it is written again. */
void redis_rebuild(struct redis_sink *s);
/* Duty was gained, and everything before `place` is in Redis. */
void redis_take_over(struct redis_sink *s, struct duty_place place);
/* Looks whether duty came or went; off duty nothing is connected or queued. */
void redis_follow_duty(struct redis_sink *s);
/* Is there nothing left to write, and does meta say so? */
bool redis_idle(const struct redis_sink *s);
/* How soon the timer should look again. */
int redis_look_again_ms(const struct redis_sink *s);
void redis_publish_gauges(struct redis_sink *s);

static inline void redis_add(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

#endif
