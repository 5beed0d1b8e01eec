/* The objects of the state as bytes and back: one section each. */
#ifndef CORE_MODEL_IMAGE_OBJECTS_H
#define CORE_MODEL_IMAGE_OBJECTS_H

#include "base/hash.h"
#include "core/model/bytes.h"
#include "core/model/state.h"

/* Digests add up, so that the order of sections does not matter. */
static inline struct hash128 digest_sum(struct hash128 a, struct hash128 b)
{
    uint64_t low = a.low + b.low;
    return (struct hash128){a.high + b.high + (low < a.low), low};
}

/* How many of each the image has: known at the cut. */
struct image_counts {
    uint32_t locations, groups, channels, skus;
};

void save_header(const struct state *s, const struct image_counts *counts, struct buffer *out);
void save_positions(const struct state *s, struct buffer *out);
void save_location(const struct location *l, struct buffer *out);
void save_group(const struct group *g, struct buffer *out);
void save_channel(const struct channel *c, struct buffer *out);
/* Begins with the SKU's number, which is part of the state. `rows` is working memory. */
void save_sku(const struct state *s, const struct sku *sku, struct buffer *rows, struct buffer *out);

/* ERROR_CORRUPT, ERROR_LEVEL, ERROR_NOMEM. */
int load_header(struct state *s, struct bytes *in, struct image_counts *ret_counts);
int load_positions(struct state *s, struct bytes *in);
int load_location(struct state *s, struct bytes *in);
int load_group(struct state *s, struct bytes *in);
int load_channel(struct state *s, struct bytes *in);

/* Working memory of load_sku: which locations a SKU has rows at, so that none comes twice. Zero-initialised is empty. */
struct sku_loading {
    uint32_t locations_count; /* of the image: rows are at locations below */
    uint32_t skus_loaded;
    uint32_t *seen; /* by location: the ordinal of the last SKU with a row there */
    struct buffer rows;
};
/* The SKU that is next in number. */
int load_sku(struct state *s, struct bytes *in, struct sku_loading *l);

void image_loading_destroy(struct image_loading *l); /* takes NULL */

#endif
