/* Goes around the numbers of SKUs once, from where the last round ended. */
#include "sinks/pass.h"

enum { LOOKS = 256 };

/* The round goes around the numbers there are now: if it went around more and more of them, those just before
 * its beginning would be left out. */
static void begin(struct pass *p, const struct view *v)
{
    p->end = p->left = table_sku_count(v->table);
}

void pass_all(struct pass *p, const struct view *v, bool whole)
{
    p->whole = whole || (p->left && p->whole);
    p->locations_count = 0;
    begin(p, v);
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
    begin(p, v);
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
    for (int look = 0; look < LOOKS && p->left; look++) {
        uint32_t sku = p->at < p->end ? p->at : 0;
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
