/* One request of the load: what it asks, when it was due, and what its answer has to say. */
#ifndef BENCH_LOAD_REQUEST_H
#define BENCH_LOAD_REQUEST_H

#include "base/buffer.h"
#include "bench/load/draw.h"
#include "bench/load/stock.h"

enum kind {
#define KIND(name, what) KIND_##name,
#include "bench/load/kinds.def"
#undef KIND
    KINDS
};

enum { LINES_MOST = 1000 };

struct request {
    uint64_t number; /* of the run: ids are made of it */
    uint64_t seed;   /* its rows are drawn from it, again when the answer is looked at */
    uint64_t due_ns, sent_ns;
    uint32_t row;     /* the first */
    uint16_t answers; /* still to come: Redis answers each command */
    uint8_t kind;
    uint8_t step;  /* KIND_order: 0 the hold, 1 the confirmation */
    uint8_t worst; /* enum judgement, of its answers so far */
    bool measured;
};

/* What requests are made of. One thread; outlives the run. */
struct maker {
    const struct stock *stock;
    struct picker picker; /* of rows; for KIND_sku of SKUs as their rows weigh */
    unsigned batch, lines, ttl_seconds;
    const char *run;            /* what ids begin with */
    const char *host, *api_key; /* HTTP */
    const char *prefix;         /* Redis */
    char script[48];            /* Redis: the SHA-1 by which the script is known */
    char now[40];               /* RFC 3339: when events happened */
    struct buffer body;         /* scratch */
};

struct answer {
    int status; /* HTTP's; Redis: 200, 409 for a refusal of the script, 500 for an error */
    struct text body;
};

/* What an answer did, for the totals that are compared after. */
struct effect {
    uint64_t held, confirmed, applied; /* units */
};

enum judgement {
    ANSWER_RIGHT,
    ANSWER_REFUSED, /* not enough stock: right, and nothing happened */
    ANSWER_ERROR,   /* a status that was not asked for */
    ANSWER_WRONG    /* the right status with something else than was asked */
};

/* How a protocol says it. */
struct wire {
    const char *name;
    /* Appends the request's bytes and says in r->answers how many answers it has. */
    void (*put)(struct maker *m, struct request *r, struct buffer *out);
    /* The first whole answer in these bytes: its length; 0: more bytes are needed; negative: not this
     * protocol. */
    long (*take)(const char *bytes, size_t length, struct answer *ret);
    enum judgement (*judge)(struct maker *m, const struct request *r, const struct answer *a, bool look,
                            struct effect *ret_effect);
};

extern const struct wire wire_http, wire_redis;

/* The i-th row of a request: the first, then others drawn from its seed; a basket's are all different. */
static inline uint32_t request_row(const struct maker *m, const struct request *r, unsigned i)
{
    struct dice d = {r->seed + i};
    uint32_t rows = m->stock->rows_count;

    if (i == 0)
        return r->row;
    if (r->kind == KIND_hold || r->kind == KIND_order)
        return (uint32_t)((r->row + (uint64_t)i * (rows % 7919 ? 7919 : 1)) % rows); /* 7919 is prime */
    return (uint32_t)picker_row(&m->picker, &d);
}

#endif
