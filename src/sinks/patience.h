/* What a sink does about an outside that is in trouble: tells what is wrong, once, and tries again less and
 * less often. */
#ifndef SINKS_PATIENCE_H
#define SINKS_PATIENCE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct trouble {
    const char *who; /* in the operators' log; NULL: not told there */
    pthread_mutex_t lock;
    char text[400]; /* "": none */
};

void trouble_init(struct trouble *t, const char *who);
void trouble_finish(struct trouble *t);
/* What is wrong now; "" when nothing is any more. Told in the operators' log when it is news. @thread the
 * sink's own */
void trouble_say(struct trouble *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* @thread any */
void trouble_tell(struct trouble *t, char *out, size_t size);

/* One thread's own, but for its trouble. */
struct patience {
    struct trouble trouble;
    int64_t resume_us;  /* monotonic; nothing is tried before. 0: now */
    int64_t backoff_us; /* the last pause since something went well */
};

/* Nothing is tried for a while, longer each time until something went well: 100 ms, 200 ms, … 5 s. */
void patience_pause(struct patience *p);
/* Looks whether the pause is over. */
void patience_look(struct patience *p, int64_t now_us);
void patience_went_well(struct patience *p);
/* All is new: no trouble, and no pause. */
void patience_anew(struct patience *p);

#endif
