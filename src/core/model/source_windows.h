/* What each source (with its session) has numbered: a sparse window over its newest 2^20 sequence numbers, and the ids of the newest 65,536. */
#ifndef CORE_MODEL_SOURCE_WINDOWS_H
#define CORE_MODEL_SOURCE_WINDOWS_H

#include "core/model/bytes.h"
#include "core/model/instant.h"
#include "core/model/pool.h"
#include "core/model/tag_index.h"

enum { WINDOW_NUMBERS = 1 << 20, WINDOW_IDS = 65536, BLOCK_NUMBERS = 256 };

/* What a source is said to cost when memory is bounded: depends on what was said alone, not on how it is kept. */
enum { SOURCE_COST_BYTES = 128, BLOCK_COST_BYTES = 80, IDS_COST_BYTES = BLOCK_NUMBERS * 8 };

struct source {
    struct hash128 who;     /* of source and session */
    uint64_t last_used;     /* the tick of its newest number's arrival; 0: this place is free */
    uint64_t first, greatest;
    uint64_t missing;       /* numbers between first and greatest that did not come (a leap counts at most the window) */
    instant_t newest_at;    /* the greatest instant it said */
    instant_t unsure_until; /* a source of its name may have been forgotten: numbers of events at or before this prove nothing */
    uint32_t older, newer;  /* in order of last use */
    uint32_t lowest, highest; /* its blocks, in order of numbers */
    uint32_t lowest_ids;    /* the first block that has ids */
};

struct source_windows {
    uint64_t sources_most, bytes_most;
    uint64_t tick;
    uint64_t count, bytes;       /* of sources that are known, and their cost */
    uint64_t missing;
    instant_t forgotten_at;      /* the greatest newest_at of a source ever forgotten; INSTANT_NONE */
    struct pool sources, blocks, ids;
    struct tag_index sources_index, blocks_index;
    uint32_t oldest, newest;     /* by last use */
    void (*before_change)(void *context, uint32_t source); /* also of a free place that is taken; NULL: nobody looks on */
    void *before_context;
};

void source_windows_init(struct source_windows *w);
void source_windows_finish(struct source_windows *w);

enum window_verdict {
    WINDOW_NEW,     /* not seen, and it would be known if it had been */
    WINDOW_SEEN,    /* with this id, or with one that is not kept any more */
    WINDOW_REUSED,  /* seen with another id */
    WINDOW_UNKNOWN, /* the id must say: below the window, or a source that may have been forgotten */
};
/* `id`: of the event; at: its instant. */
enum window_verdict source_windows_judge(const struct source_windows *w, struct hash128 who, uint32_t tag,
                                         uint64_t sequence, uint64_t id, instant_t at);
/* Memory for `more` numbers: until they came, source_windows_add cannot fail. ERROR_NOMEM. */
int source_windows_reserve(struct source_windows *w, uint32_t more);
/* Remembers a number that is not seen yet, and forgets sources that are too much. */
void source_windows_add(struct source_windows *w, struct hash128 who, uint32_t tag, uint64_t sequence, uint64_t id,
                        instant_t at);
uint64_t source_windows_bytes(const struct source_windows *w);

/* ---- images ---- */
/* Writes nothing where there is no source. */
void source_windows_save(const struct source_windows *w, uint32_t source, struct buffer *out);
int source_windows_load(struct source_windows *w, struct bytes *in); /* ERROR_CORRUPT, ERROR_NOMEM */
int source_windows_load_finish(struct source_windows *w);            /* puts them in order of last use */

#endif
