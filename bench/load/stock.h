/* Which rows there are to ask for, and what they sum up to: from the instance itself (GET /v1/export) or from
 * a file of the same form (CSV with the columns sku and location; on_hand, reserved and committed are summed
 * if there). */
#ifndef BENCH_LOAD_STOCK_H
#define BENCH_LOAD_STOCK_H

#include "base/buffer.h"

/* A name in the two spellings that requests need. */
struct name {
    uint64_t at;
    uint16_t url_length, json_length; /* one behind the other; once when both are the same */
};

struct stock_row {
    uint32_t sku, place;
};

/* In milli-units. */
struct stock_sums {
    int64_t rows, on_hand, reserved, committed;
};

struct stock {
    struct buffer texts;
    struct name *skus, *places;
    uint32_t *sku_first;    /* the first row of each SKU; one more at the end */
    struct stock_row *rows; /* SKU by SKU */
    uint32_t skus_count, places_count, rows_count;
    uint32_t skus_room, places_room, rows_room;
    uint32_t *slots; /* places by name */
    uint32_t slots_count;
    struct stock_sums sums;
};

enum { STOCK_DETAIL_BYTES = 400 };

/* How to reach the instance, as the options have it. */
struct stock_source {
    const char *url, *api_key, *file; /* file: instead of asking; may be NULL */
    bool sums_only;                   /* keep no names */
};

/* 0, or one of base/error.h with `detail`. The stock must be finished in either case. */
int stock_read(struct stock *ret, const struct stock_source *from, char detail[STOCK_DETAIL_BYTES]);
void stock_finish(struct stock *s);

static inline struct text name_url(const struct stock *s, const struct name *n)
{
    return (struct text){s->texts.at + n->at, n->url_length};
}

static inline struct text name_json(const struct stock *s, const struct name *n)
{
    bool same = n->json_length == 0;
    return (struct text){s->texts.at + n->at + (same ? 0 : n->url_length),
                         same ? n->url_length : n->json_length};
}

#endif
