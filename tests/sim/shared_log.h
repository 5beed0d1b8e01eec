/* One log that several simulated instances share, and the coordinator that gives one of them duty. What an
 * instance appends becomes durable whenever the seed says, in the order of the appends; when it crashes the
 * rest of its own may be lost. One thread. */
#ifndef SIM_SHARED_LOG_H
#define SIM_SHARED_LOG_H

#include "base/buffer.h"
#include "log/log.h"
#include "sim/random.h"

enum { SHARED_INSTANCES = 2, SHARED_RECORDS = 20000, SHARED_WAITING = 512, SHARED_LEASE_US = 2000000 };

struct shared_record {
    char *bytes;
    size_t length;
    int64_t appended_at;
    void *cookie;
    unsigned owner, life;
};

struct shared_member { /* as one instance sees duty */
    struct log log;
    struct shared_log *shared;
    unsigned number, life;
    uint64_t next;
    bool fit, held, deaf; /* deaf: hears nothing from the coordinator and believes what it knew */
    uint64_t term;
    int64_t until_us;
};

struct shared_log {
    struct random *random;
    int64_t clock_us; /* the broker's, and everybody's monotonic clock */
    uint64_t count;
    struct shared_record records[SHARED_RECORDS];
    size_t waiting_count;
    struct shared_record waiting[SHARED_WAITING];
    int holder; /* -1: nobody */
    struct shared_member member[SHARED_INSTANCES];
    bool overflow;
};

void shared_init(struct shared_log *s, struct random *r, int64_t begin_us, const void *first, size_t length);
void shared_finish(struct shared_log *s);
/* A handle for the next life of an instance. */
struct log *shared_open(struct shared_log *s, unsigned number, uint64_t start_offset);
void shared_crash(struct shared_log *s, unsigned number);
void shared_tick(struct shared_log *s, int64_t us, bool all);

#endif
