/* The variants of a product by their options: which options there are, with which values, in an order that
 * makes sense to people. */
#ifndef HTTP_PRODUCT_OPTIONS_H
#define HTTP_PRODUCT_OPTIONS_H

#include "base/arena.h"
#include "codec/json.h"
#include "core/view.h"

enum { VARIANTS_MOST = 5000, OPTIONS_MOST = 32 };

struct variant_option {
    struct text name, value;
};

struct variant {
    const struct sku *sku;
    const struct item *item;
    size_t options_count;
    const struct variant_option *options; /* as the item says them */
};

struct option {
    struct text name;
    size_t values_count;
    struct text *values; /* in order, each once */
};

struct matrix {
    size_t variants_count;
    struct variant *variants; /* by their options, then by SKU */
    size_t options_count;
    struct option options[OPTIONS_MOST]; /* in the order in which items name them first */
};

/* The product's variants as they are now; everything lies in the arena or in the items. None: no such
 * product. ERROR_NOMEM, ERROR_LIMIT (more than VARIANTS_MOST). Inside an epoch section. */
int matrix_read(const struct view *v, struct text product, struct arena *a, struct matrix *ret);
struct exchange;
/* The same in the loop's arena, or the answer that says why not: false. */
bool matrix_read_or_answer(struct exchange *x, struct text product, struct matrix *ret);
/* The variant's value of an option; empty: none. */
struct text variant_value(const struct variant *v, struct text option);

#endif
