/* GET /v1/products: what items are variants of. A product is listed where its first item stands. */
#include "http/reference.h"

void products_list(struct exchange *x);

enum { VARIANT_COST = 4 };

static const struct item *item_at(const struct view *v, uint32_t n)
{
    const struct sku *s = table_sku(v->table, n);

    return s ? item_of(s) : NULL;
}

static enum search_rank rank_product(const struct view *v, uint32_t n, const struct search *s,
                                     size_t *ret_cost)
{
    const struct item *i = item_at(v, n);
    uint32_t first;

    if (!i || !i->product.length)
        return SEARCH_NOT;
    size_t variants = catalogue_variants(v->catalogue, i->product, &first, 1);
    *ret_cost += variants * VARIANT_COST;
    if (!variants || first != n)
        return SEARCH_NOT;
    return s ? search_product(s, i) : SEARCH_BEGINS;
}

static struct object product_found(const struct view *v, uint32_t n)
{
    const struct item *i = item_at(v, n);

    return i && i->product.length ? (struct object){i->product, {0}, true} : (struct object){0};
}

/* Its name is that of its first item: products have none of their own. */
static void put_product(struct buffer *b, const struct view *v, uint32_t n)
{
    const struct item *i = item_at(v, n);

    buffer_text(b, TEXT("{\"product\":"));
    json_put_string(b, i->product);
    buffer_text(b, TEXT(",\"name\":"));
    if (i->name.length)
        json_put_string(b, i->name);
    else
        buffer_text(b, TEXT("null"));
    buffer_printf(b, ",\"items\":%zu}", catalogue_variants(v->catalogue, i->product, NULL, 0));
}

static uint32_t items_count(const struct view *v)
{
    return table_sku_count(v->table);
}

static const struct family products = {.collection = "products",
                                       .count = items_count,
                                       .rank = rank_product,
                                       .found = product_found,
                                       .put = put_product};

void products_list(struct exchange *x)
{
    reference_list(x, &products);
}
