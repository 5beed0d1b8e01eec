/* Goes around the numbers of SKUs once, from where the last round ended. */
#include "sinks/pass.h"

enum { LOOKS = 256 };

void pass_all(struct pass *p, const struct view *v, bool whole)
{
    p->whole = whole || (p->left && p->whole);
    p->locations_count = 0;
    p->left = table_sku_count(v->table);
}

void pass_location(struct pass *p, const struct view *v, uint32_t location)
{
    if (p->left && (!p->locations_count || p->locations_count == PASS_LOCATIONS)) {
        pass_all(p, v, false);
        return;
    }
    if (!p->left) {
        p->whole = false;
        p->locations_count = 0;
    }
    p->locations[p->locations_count++] = location;
    p->left = table_sku_count(v->table);
}

static bool belongs(const struct pass *p, const struct view *v, const struct sku *sku)
{
    const struct item *item = item_of(sku);
    struct row_image row;

    if (!p->locations_count || (item && item->components_count))
        return true;
    for (size_t i = 0; i < p->locations_count; i++)
        if (sku_read(v->table, sku, p->locations[i], &row))
            return true;
    return false;
}

bool pass_next(struct pass *p, const struct view *v, uint32_t *ret_sku)
{
    uint32_t count = table_sku_count(v->table);

    for (int look = 0; look < LOOKS && p->left; look++) {
        uint32_t sku = p->at < count ? p->at : 0;
        p->at = sku + 1;
        p->left--;
        if (belongs(p, v, table_sku(v->table, sku))) {
            *ret_sku = sku;
            return true;
        }
    }
    return false;
}

void pass_back(struct pass *p, uint32_t sku)
{
    p->at = sku;
    p->left++;
}
