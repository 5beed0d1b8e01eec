/* Finding an item or a location by words that people type: which of them occur, and how well they fit. */
#ifndef CORE_ANSWER_SEARCH_H
#define CORE_ANSWER_SEARCH_H

#include "core/model/catalogue.h"

enum { SEARCH_BYTES_MOST = 256, SEARCH_WORDS_MOST = 8 };

/* From the best to none. */
enum search_rank {
    SEARCH_EXACT,  /* it is the SKU, a GTIN or the id */
    SEARCH_BEGINS, /* every word begins a word of it */
    SEARCH_INSIDE, /* every word occurs */
    SEARCH_NOT
};

/* What is looked for. The words point into `folded`: not to be copied. */
struct search {
    char folded[SEARCH_BYTES_MOST];
    struct text whole; /* folded, from the first word to the end of the last */
    size_t words_count;
    struct text words[SEARCH_WORDS_MOST];
    bool has_digits; /* a word is made of digits: it may be a GTIN */
};

/* False when there is no word in it, or more than SEARCH_WORDS_MOST, or more than SEARCH_BYTES_MOST bytes. */
bool search_init(struct search *s, struct text q);

/* Capital and small letters are the same, and so are Latin letters with and without accents (é e, ß ss, Ø o).
 * An item is looked for in its SKU, name, product, the values of its options and its GTINs; a location in its
 * id, name and address. `item` NULL: only events spoke of the SKU. @thread any, inside an epoch section */
enum search_rank search_item(const struct search *s, struct text sku, const struct item *item);
/* A product in its name and in those of one of its items. */
enum search_rank search_product(const struct search *s, const struct item *item);
enum search_rank search_location(const struct search *s, const struct location *l);

#endif
