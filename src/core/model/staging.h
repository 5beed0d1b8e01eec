/* The rows a record touches, as they will be: found once, changed in place, published at the end, each SKU at
 * once. Beside them what apply keeps of locations. This is apply's working memory; it lives as long as the
 * state. */
#ifndef CORE_MODEL_STAGING_H
#define CORE_MODEL_STAGING_H

#include "core/model/apply.h"
#include "core/model/books.h"
#include "core/model/repeats.h"

struct staged_row {
    struct sku *sku;
    uint32_t location;
    uint32_t next;             /* the next staged row of the same SKU, or STAGED_NONE */
    struct row_image was, now; /* ROW_RARE of `now` is what shall be published */
    struct ledger *ledger;
    struct rare *rare; /* built and not yet published */
    bool exists;       /* in the table */
    bool changed;      /* its truth is another: it gets the record's version */
    bool touched;      /* something about it is another, if only when it was last heard of */
    bool rare_dirty;
};

enum { STAGED_NONE = UINT32_MAX };

struct staged_sku {
    struct sku *sku;
    uint32_t first, last, rows_count;
};

struct kept;

/* What looking ahead found of an event. */
struct found {
    const struct event *event;
    uint64_t hash;     /* of its SKU's text */
    struct sku *sku;   /* NULL: nobody had heard of it */
    uint32_t location; /* INDEX_NONE: nobody had heard of it */
    struct repeats_id id;
};

/* The events that come next, in their order. SKUs and numbers of locations stand for the same for ever, and an
 * id is hashed with the first incarnation: what was found cannot become wrong before its turn. */
struct ahead {
    uint32_t next, count, fetched;
    struct found at[PREFETCH_EVENTS];
};

struct apply {
    struct state *state;
    struct ahead ahead;
    /* of the record at hand */
    bool active; /* a record stopped for want of memory and goes on */
    uint64_t offset;
    size_t events_done, skus_done;
    bool sound;    /* its events were checked at the state's level */
    uint8_t notes; /* of the event at hand */
    struct found found; /* the same */
    struct staged_row *rows;
    uint32_t rows_count, rows_capacity;
    struct staged_sku *skus;
    uint32_t skus_count, skus_capacity;
    uint32_t *slots; /* rows by SKU and location: number + 1; used from a few rows on */
    uint32_t slots_count;
    bool by_order;            /* the events at hand, not a step, change reservations */
    struct kept *answer_of;   /* the reservation that the record spoke of, for its answer */
    struct row_image *images; /* to publish */
    uint32_t images_capacity;
};

/* Room for two more rows, so that pointers stay valid while one event is worked on. ERROR_NOMEM */
int stage_reserve(struct apply *a);
/* The row when it is staged or in the table; NULL when it is neither, or memory ran out (*ret_error). Its
 * closed accounts whose time is over are gone then. */
struct staged_row *stage_existing(struct apply *a, struct sku *sku, uint32_t location, int *ret_error);
/* The same, made new when there is none. NULL: ERROR_NOMEM. After stage_reserve pointers to staged rows stay
 * valid for two more. */
struct staged_row *stage_row(struct apply *a, struct sku *sku, uint32_t location);
/* Room for that many images in `images`. ERROR_NOMEM leaves all as it was. */
int stage_reserve_images(struct apply *a, uint32_t count);
/* Stock or open demand: its location cannot be deleted. */
bool stage_in_use(const struct row_image *r);
/* Its truth is another: it gets the record's version. */
void stage_set_version(const struct apply *a, struct staged_row *row);
/* Publishes what changed, SKU by SKU, and says so in the outcome. After ERROR_NOMEM it goes on where it
 * stopped. */
int stage_publish(struct apply *a, struct outcome *o);
/* apply.c's: the location's flag changes, with the record's version. Room in the outcome has been made. */
void apply_set_stale(struct apply *a, uint32_t location, instant_t since, struct outcome *o);
enum { LINES_OF_EVENT = 2 };
/* For whoever keeps a history (outcome.keeps_lines): room for `more` lines before anything is changed
 * (ERROR_NOMEM), a row's figures before and after, and the line. A no-op when no lines are wanted. */
int stage_reserve_lines(struct outcome *o, size_t more);
struct row_figures stage_figures(const struct outcome *o, const struct row_image *r, const struct ledger *l);
void stage_line(struct outcome *o, const struct staged_row *row, uint32_t event, milli_t quantity,
                const struct row_figures *was);
/* The line of what did nothing to a row, if it is known. */
void stage_line_idle(struct apply *a, struct outcome *o, struct sku *sku, uint32_t location, uint32_t event,
                     milli_t quantity);
/* The line of a row, known or not, that was asked for something and did not give it. */
void stage_line_refused(struct apply *a, struct outcome *o, struct sku *sku, uint32_t location,
                        milli_t quantity, const struct refusal *refusal);
/* Ready for the next record. */
void stage_reset(struct apply *a);

/* Closed accounts older than the setting go; what they say stays in the sums. ERROR_NOMEM: some may be gone,
 * none by half. */
bool ledger_purge_due(const struct ledger *l, const struct log_settings *settings, instant_t log_time);
int ledger_purge(struct ledger *l, const struct log_settings *settings, instant_t log_time);

#endif
