/* Which SKUs are variants of a product: found by its name, kept up as items come, change and go. */
#ifndef CORE_MODEL_PRODUCTS_H
#define CORE_MODEL_PRODUCTS_H

#include "base/text.h"
#include "core/table/chains.h"
#include "core/table/epoch.h"

struct product;
struct products {
    struct epoch *epoch;
    struct chains *chains;
    struct product *first; /* all of them, for the end */
};

int products_init(struct products *p, struct epoch *e); /* ERROR_NOMEM */
void products_finish(struct products *p);               /* when nobody looks any more; takes zeroes */

/* ---- @thread any, inside an epoch section ---- */
/* The numbers of its SKUs, in no particular order; at most `most` are written, returns how many there are.
 * One that is just coming or going may be among them: its item tells whose it is. */
size_t products_skus(const struct products *p, struct text product, uint32_t *ret, size_t most);

/* ---- @thread writer ---- */
/* Room for one more SKU of this product. ERROR_NOMEM leaves all as it was. */
int products_reserve(struct products *p, struct text product);
void products_add(struct products *p, struct text product, uint32_t sku); /* after products_reserve */
void products_remove(struct products *p, struct text product, uint32_t sku);

#endif
