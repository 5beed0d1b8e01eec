/* Items and locations in the words of schema.org, for pages of shops (JSON-LD), and levels in the words of
 * feeds. No price: the engine has none, and none is made up. Strings are written so that the text may stand
 * in a page between <script> and </script>. */
#ifndef CODEC_JSON_LD_H
#define CODEC_JSON_LD_H

#include "core/answer/query.h"

#include "base/arena.h"
#include "base/buffer.h"

/* "https://schema.org/InStock" …: one for each level. */
const char *ld_availability(enum level l);

/* {"@context":…,"@type":"Store",…}: name, address, GLN, position, opening hours and their dated exceptions.
 * Places that are no stores are a Place. `scratch` is reset. ERROR_NOMEM, ERROR_CORRUPT (its document cannot
 * be read, which is never so). */
int ld_put_location(struct buffer *b, const struct location *l, struct arena *scratch);

/* {"@context":…,"@type":"Product",…,"offers":[…]}: begin, an offer for each row, end. `item` may be NULL. */
int ld_product_begin(struct buffer *b, struct text sku, const struct item *item, struct arena *scratch);
void ld_put_offer(struct buffer *b, const struct query_row *r, const struct item *item, bool first);
void ld_product_end(struct buffer *b);

/* {"@context":…,"@type":"ProductGroup",…,"hasVariant":[…]}: begin, its variants, end. `names`: of the options
 * in which the variants differ; `name` may be empty. */
void ld_group_begin(struct buffer *b, struct text product, struct text name, const struct text *names,
                    size_t names_count);
/* A product with its offers inside a group, as ld_product_begin; ld_product_end ends it. */
int ld_variant_begin(struct buffer *b, struct text sku, const struct item *item, struct arena *scratch,
                     bool first);
void ld_group_end(struct buffer *b);

/* A line of a local inventory feed (Google's, tab-separated): store code, id, quantity, availability, pickup
 * method and pickup SLA. `sla`: "same_day" …, or NULL where nothing can be picked up. */
extern const char feed_local_inventory_header[];
void feed_put_local_inventory(struct buffer *b, struct text sku, const struct query_row *r, const char *sla);

#endif
