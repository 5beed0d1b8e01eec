/* Questions over many rows. The table copies row images; they are laid into the end of the caller's own array
 * and spread out from its beginning, so that no memory is asked for and all rows are of one version of the
 * SKU. */
#include "core/answer/query.h"

#include "base/hash.h"

/* Where `capacity` row images lie packed at the end of as many query rows. Row i is read before row i of the
 * answer is written: the answer's rows up to and with i end at or before the image of row i + 1. */
static struct row_image *packed(struct query_row *rows, size_t capacity)
{
    _Static_assert(sizeof(struct query_row) >= sizeof(struct row_image), "images fit into the answer");
    return (struct row_image *)((char *)rows + capacity * (sizeof(*rows) - sizeof(struct row_image)));
}

static const struct location *place_of(const struct view *v, uint32_t location)
{
    return location == INDEX_NONE ? NULL : catalogue_location_at(v->catalogue, location);
}

static bool is_stale(const struct view *v, uint32_t location)
{
    return v->places && places_is_stale(v->places, location); /* a view in a test may have none */
}

/* The table answers with a row of zeroes where there is none; one that is there has a version. */
static bool is_there(const struct row_image *r)
{
    uint64_t any = row_last_event_s(r);

    for (int w = ROW_WHO + 1; w < ROW_WORDS; w++)
        any |= r->word[w];
    return any != 0;
}

static void fill(const struct view *v, const struct item *item, const struct question *q,
                 const struct row_image *image, bool known, struct query_row *ret, milli_t *total)
{
    struct query_row row = {.location = row_location(image), .known = known, .row = *image};

    row.place = place_of(v, row.location);
    row.stale = is_stale(v, row.location);
    row.figure = figure_of(&row.row, row.place, item, q);
    *total += row.figure.available;
    *ret = row;
}

/* ---- kits ---- */

enum { KIT_ROWS_A_TIME = 64 };

struct kit_rows { /* of some locations at once */
    size_t count;
    struct row_image image[KIT_ROWS_A_TIME];
    struct figure least[KIT_ROWS_A_TIME];
    bool known[KIT_ROWS_A_TIME], backorder[KIT_ROWS_A_TIME];
};

/* Whole kits out of so much of a component. */
static milli_t kits_of(milli_t quantity, milli_t each)
{
    return quantity_floor(quantity, each) / each * MILLI_PER_UNIT;
}

static milli_t lesser(milli_t a, milli_t b)
{
    return a < b ? a : b;
}

/* What one component at one location leaves of the kit. */
static void limit_kit(struct figure *least, const struct figure *component, milli_t each)
{
    least->sellable = lesser(least->sellable, kits_of(component->sellable, each));
    least->net_available = lesser(least->net_available, kits_of(component->net_available, each));
    least->promisable = lesser(least->promisable, kits_of(component->promisable, each));
    least->available = lesser(least->available, kits_of(component->available, each));
}

static void limit_kits(const struct view *v, const struct component *c, const struct question *q,
                       const uint32_t *locations, struct kit_rows *k)
{
    const struct sku *s = table_find_hashed(v->table, c->sku, hash_text(c->sku));
    milli_t each = c->quantity > 0 ? c->quantity : 1;

    memset(k->image, 0, sizeof(k->image));
    if (s)
        sku_read_many(v->table, s, locations, k->count, k->image);
    for (size_t i = 0; i < k->count; i++) {
        const struct location *place = place_of(v, locations[i]);
        struct figure f = figure_of(&k->image[i], place, s ? item_of(s) : NULL, q);
        limit_kit(&k->least[i], &f, each);
        k->known[i] = k->known[i] && is_there(&k->image[i]);
        k->backorder[i] = k->backorder[i] && (f.available >= each || may_backorder(&k->image[i], place, q));
    }
}

static void kits_at(const struct view *v, const struct item *item, const struct question *q,
                    const uint32_t *locations, size_t count, struct query_row *ret_rows, milli_t *total)
{
    struct kit_rows k = {.count = count};

    for (size_t i = 0; i < count; i++) {
        k.least[i] = (struct figure){QUANTITY_MOST,     QUANTITY_MOST, QUANTITY_MOST, QUANTITY_MOST, 0,
                                     LEVEL_OUT_OF_STOCK};
        k.known[i] = k.backorder[i] = true;
    }
    for (uint32_t c = 0; c < item->components_count; c++)
        limit_kits(v, &item->components[c], q, locations, &k);
    for (size_t i = 0; i < count; i++) {
        struct query_row row = {
            .location = locations[i], .place = place_of(v, locations[i]), .known = k.known[i]};
        row.stale = is_stale(v, locations[i]);
        row.row.word[ROW_WHO] = row_who(locations[i], 0);
        row.figure = k.least[i];
        row.figure.level = level_of(row.figure.available, k.backorder[i], item, q);
        *total += row.figure.available;
        ret_rows[i] = row;
    }
}

static void kit_locations(const struct view *v, const struct item *item, const struct question *q,
                          const uint32_t *locations, size_t count, struct query_row *ret_rows, milli_t *total)
{
    for (size_t from = 0; from < count; from += KIT_ROWS_A_TIME) {
        size_t some = count - from < KIT_ROWS_A_TIME ? count - from : KIT_ROWS_A_TIME;
        kits_at(v, item, q, locations + from, some, ret_rows + from, total);
    }
}

/* A kit is where its rarest component is. */
static size_t kit_everywhere(const struct view *v, const struct item *item, const struct question *q,
                             struct query_row *ret_rows, size_t capacity, milli_t *total)
{
    const struct sku *rarest = NULL;

    for (uint32_t c = 0; c < item->components_count; c++) {
        const struct sku *s =
            table_find_hashed(v->table, item->components[c].sku, hash_text(item->components[c].sku));
        if (!s)
            return 0;
        if (!rarest || sku_rows_count(s) < sku_rows_count(rarest))
            rarest = s;
    }
    struct row_image *image = packed(ret_rows, capacity);
    size_t count = sku_read_all(v->table, rarest, image, capacity);
    if (count > capacity)
        return count;
    for (size_t from = 0; from < count; from += KIT_ROWS_A_TIME) {
        size_t some = count - from < KIT_ROWS_A_TIME ? count - from : KIT_ROWS_A_TIME;
        uint32_t locations[KIT_ROWS_A_TIME];
        for (size_t i = 0; i < some; i++)
            locations[i] = row_location(&image[from + i]);
        kits_at(v, item, q, locations, some, ret_rows + from, total);
    }
    return count;
}

/* ---- any SKU ---- */

void query_locations(const struct view *v, const struct sku *s, const struct question *q,
                     const uint32_t *locations, size_t count, struct query_row *ret_rows, milli_t *ret_total)
{
    const struct item *item = item_of(s);
    milli_t total = 0;

    if (item && item->components_count) {
        kit_locations(v, item, q, locations, count, ret_rows, &total);
    } else if (count) {
        struct row_image *image = packed(ret_rows, count);
        sku_read_many(v->table, s, locations, count, image);
        for (size_t i = 0; i < count; i++) {
            struct row_image one = image[i];
            fill(v, item, q, &one, is_there(&one), &ret_rows[i], &total);
        }
    }
    *ret_total = total;
}

size_t query_everywhere(const struct view *v, const struct sku *s, const struct question *q,
                        struct query_row *ret_rows, size_t capacity, milli_t *ret_total)
{
    const struct item *item = item_of(s);
    milli_t total = 0;
    size_t count;

    if (item && item->components_count) {
        count = kit_everywhere(v, item, q, ret_rows, capacity, &total);
    } else {
        struct row_image *image = packed(ret_rows, capacity);
        count = sku_read_all(v->table, s, image, capacity);
        for (size_t i = 0; i < count && count <= capacity; i++) {
            struct row_image one = image[i];
            fill(v, item, q, &one, true, &ret_rows[i], &total);
        }
    }
    *ret_total = total;
    return count;
}
