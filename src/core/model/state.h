/* The state: all that the records said, up to one offset. A pure function of them; nothing in here looks at a
 * clock. */
#ifndef CORE_MODEL_STATE_H
#define CORE_MODEL_STATE_H

#include "core/model/catalogue.h"
#include "core/model/due.h"
#include "core/model/outputs.h"
#include "core/model/places.h"
#include "core/model/positions.h"
#include "core/model/rare.h"
#include "core/model/repeats.h"
#include "core/model/reservations.h"
#include "base/arena.h"
#include "core/table/slab.h"
#include "core/table/chains.h"
#include "core/table/table.h"

struct log_settings {
#define LOG_SETTING(name, first, least, most, meaning) int64_t name;
#include "core/model/log_settings.def"
#undef LOG_SETTING
};

enum { INCARNATIONS_MOST = 255 };

struct image; /* image.h: a cut being copied */
struct image_loading;

struct state_counts { /* of the state's life; in the digest, since every replica counts the same */
    uint64_t records, events;
    uint64_t applied, partial, superseded, duplicate, rejected;
    uint64_t unverified, unmatched, approximate, sequence_reused, gaps, intake_repeats, skipped,
        unknown_fields;
};

struct state {
    struct epoch *epoch;
    struct table *table;
    struct slabs resting; /* rare parts whose ledgers rest (ledger.h) */
    struct catalogue *catalogue;
    struct repeats *repeats;
    struct positions *positions;
    struct reservations *reservations;
    struct places places;
    struct outputs outputs;
    struct log_settings settings;
    uint32_t level;
    instant_t log_time;   /* running maximum of the records' append instants; INSTANT_NONE before the first */
    uint64_t next_offset; /* of the record to come */
    uint32_t incarnations_count; /* the last one is the present log's */
    uint64_t incarnations[INCARNATIONS_MOST];
    struct state_counts counts;
    struct due due;                     /* what will fall due: follows from the rest */
    struct chains *open_demand;         /* by reference (demand_index.h): follows from the rest */
    struct image *image;                /* a cut in progress, or NULL */
    struct image_loading *loading;      /* while it is built from an image, else NULL */
    struct arena scratch;               /* of one apply */
    void *apply;                        /* apply.c's own working memory */
    void (*apply_destroy)(void *apply); /* set by apply.c with it; called by state_destroy */
};

/* NULL without memory. One for an engine. */
struct state *state_create(struct epoch *e);
void state_destroy(struct state *s);

/* A log begins (its first record, RECORD_INCARNATION) or another goes on where the last ended: the number
 * counts from now on, and the first one seeds the memory of repeats. ERROR_LIMIT beyond INCARNATIONS_MOST.
 * @thread writer */
int state_incarnate(struct state *s, uint64_t incarnation);
/* To be called after `settings` was changed: hands them to the parts that follow them. @thread writer */
void state_settings_changed(struct state *s);

static inline uint64_t state_incarnation(const struct state *s)
{
    return s->incarnations_count ? s->incarnations[s->incarnations_count - 1] : 0;
}

#endif
