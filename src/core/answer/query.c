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
    if (!capacity)
        return NULL; /* there may be no array: it is asked how many there are */
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

static struct rules_place rules_place_of(const struct query_row *r)
{
    return (struct rules_place){r->place, r->stale};
}

/* The table answers with a row of zeroes where there is none; one that is there has a version. */
static bool is_there(const struct row_image *r)
{
    uint64_t any = row_last_event_s(r);

    for (int w = ROW_WHO + 1; w < ROW_WORDS; w++)
        any |= r->word[w];
    return any != 0;
}

/* One SKU under a question: what is the same for all its rows. */
struct asking {
    const struct view *view;
    const struct question *question;
    const struct sku *sku;
    const struct item *item;
    struct rules rules;
};

static struct asking ask(const struct view *v, const struct sku *s, const struct question *q)
{
    return (struct asking){v, q, s, s ? item_of(s) : NULL, rules_of(v->catalogue, q->channel)};
}

static inline struct terms terms_at(const struct asking *a, struct rules_place place)
{
    if (a->sku && rules_any(&a->rules))
        return rules_resolve(a->view->catalogue, &a->rules, sku_text(a->sku), a->item, place,
                             a->question->method);
    struct terms t = terms_none;
    t.enabled = location_gives(place.location, a->question->method) &&
                item_goes_from(a->item, place.location, a->question->method);
    return t;
}

struct terms query_terms(const struct view *v, const struct sku *s, const struct question *q,
                         uint32_t location)
{
    struct asking a = ask(v, s, q);
    return terms_at(&a, (struct rules_place){place_of(v, location), is_stale(v, location)});
}

static inline struct asked_row asked_at(const struct asking *a, const struct row_image *row,
                                        uint32_t location, struct rules_place place)
{
    const struct question *q = a->question;
    struct asked_row r = {
        .row = row, .location = place.location, .item = a->item, .terms = terms_at(a, place)};

    if (q->left_out && a->sku)
        r.left_out = left_out_of(q->left_out, sku_number(a->sku), location, &r.left_out_count);
    return r;
}

/* `image` may not lie within *ret. */
static void fill(const struct asking *a, const struct row_image *image, bool known, struct query_row *ret,
                 milli_t *total)
{
    const struct view *v = a->view;
    uint32_t location = row_location(image);

    *ret = (struct query_row){.location = location,
                              .place = place_of(v, location),
                              .known = known,
                              .stale = is_stale(v, location),
                              .row = *image};
    struct asked_row asked = asked_at(a, &ret->row, location, rules_place_of(ret));
    ret->figure = figure_asked(&asked, a->question);
    *total += ret->figure.available;
}

/* ---- kits ---- */

enum { KIT_ROWS_A_TIME = 64 };
#define KIT_WITHOUT_DATE INT64_MAX

struct kit_rows { /* of some locations at once */
    size_t count;
    struct row_image image[KIT_ROWS_A_TIME];
    struct figure least[KIT_ROWS_A_TIME];
    bool known[KIT_ROWS_A_TIME];
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

static milli_t kits_granted(milli_t quantity, milli_t each)
{
    return quantity == LIMIT_NONE ? LIMIT_NONE : kits_of(quantity, each);
}

/* What one component at one location leaves of the kit. */
static void limit_kit(struct figure *least, const struct figure *component, milli_t each)
{
    least->grantable = lesser(least->grantable, kits_granted(component->grantable, each));
    least->from_stock = lesser(least->from_stock, kits_of(component->from_stock, each));
    least->sellable = lesser(least->sellable, kits_of(component->sellable, each));
    least->net_available = lesser(least->net_available, kits_of(component->net_available, each));
    least->promisable = lesser(least->promisable, kits_of(component->promisable, each));
    least->available = lesser(least->available, kits_of(component->available, each));
}

/* A kit is there when its last component is; one without a date has none. */
static void wait_for_component(struct figure *least, instant_t from)
{
    if (!from)
        least->available_from = KIT_WITHOUT_DATE;
    else if (from > least->available_from)
        least->available_from = from;
}

/* Each component under its own rules, so that a kit takes nothing that is held back for it; but for the cap,
 * which says how many of it are shown alone. */
static void limit_kits(const struct view *v, const struct component *c, const struct question *q,
                       const uint32_t *locations, struct kit_rows *k)
{
    const struct sku *s = table_find_hashed(v->table, c->sku, hash_text(c->sku));
    milli_t each = c->quantity > 0 ? c->quantity : 1;
    struct asking a = ask(v, s, q);

    memset(k->image, 0, sizeof(k->image));
    if (s)
        sku_read_many(v->table, s, locations, k->count, k->image);
    for (size_t i = 0; i < k->count; i++) {
        struct rules_place place = {place_of(v, locations[i]), is_stale(v, locations[i])};
        struct asked_row asked = asked_at(&a, &k->image[i], locations[i], place);
        asked.terms.cap = LIMIT_NONE;
        struct figure f = figure_asked(&asked, q);
        limit_kit(&k->least[i], &f, each);
        if (f.available < each)
            wait_for_component(&k->least[i], figure_from(&asked, q, each));
        k->known[i] = k->known[i] && is_there(&k->image[i]);
    }
}

/* The kit's own rules switch it off, or bound what is shown of it; it has no stock that could be held back.
 */
static void bound_kit(struct figure *f, const struct terms *t)
{
    if (!t->enabled)
        f->available = f->grantable = f->from_stock = 0;
    f->available = lesser(f->available, t->cap);
    f->capped = t->cap != LIMIT_NONE && f->available >= t->cap;
}

static void date_kit(struct figure *f, const struct item *item)
{
    bool waits = f->level == LEVEL_BACKORDER && f->available_from != KIT_WITHOUT_DATE;
    f->available_from = f->level == LEVEL_PREORDER ? item->release_at : waits ? f->available_from : 0;
}

static void kits_at(const struct asking *a, const uint32_t *locations, size_t count,
                    struct query_row *ret_rows, milli_t *total)
{
    const struct view *v = a->view;
    const struct item *item = a->item;
    const struct question *q = a->question;
    struct kit_rows k = {.count = count};

    for (size_t i = 0; i < count; i++) {
        k.least[i] = (struct figure){.sellable = QUANTITY_MOST,
                                     .net_available = QUANTITY_MOST,
                                     .promisable = QUANTITY_MOST,
                                     .available = QUANTITY_MOST,
                                     .grantable = LIMIT_NONE,
                                     .from_stock = QUANTITY_MOST,
                                     .level = LEVEL_OUT_OF_STOCK};
        k.known[i] = true;
    }
    for (uint32_t c = 0; c < item->components_count; c++)
        limit_kits(v, &item->components[c], q, locations, &k);
    for (size_t i = 0; i < count; i++) {
        struct query_row row = {
            .location = locations[i], .place = place_of(v, locations[i]), .known = k.known[i]};
        row.stale = is_stale(v, locations[i]);
        row.row.word[ROW_WHO] = row_who(locations[i], 0);
        row.figure = k.least[i];
        struct terms terms = terms_at(a, rules_place_of(&row));
        bound_kit(&row.figure, &terms);
        row.figure.level = level_of(row.figure.available, row.figure.grantable > 0, item, q);
        date_kit(&row.figure, item);
        *total += row.figure.available;
        ret_rows[i] = row;
    }
}

static void kit_locations(const struct asking *a, const uint32_t *locations, size_t count,
                          struct query_row *ret_rows, milli_t *total)
{
    for (size_t from = 0; from < count; from += KIT_ROWS_A_TIME) {
        size_t some = count - from < KIT_ROWS_A_TIME ? count - from : KIT_ROWS_A_TIME;
        kits_at(a, locations + from, some, ret_rows + from, total);
    }
}

/* A kit is where its rarest component is. */
static size_t kit_everywhere(const struct asking *a, struct query_row *ret_rows, size_t capacity,
                             milli_t *total)
{
    const struct view *v = a->view;
    const struct item *item = a->item;
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
        kits_at(a, locations, some, ret_rows + from, total);
    }
    return count;
}

/* ---- any SKU ---- */

static bool is_kit(const struct asking *a)
{
    return a->item && a->item->components_count;
}

void query_locations(const struct view *v, const struct sku *s, const struct question *q,
                     const uint32_t *locations, size_t count, struct query_row *ret_rows, milli_t *ret_total)
{
    struct asking a = ask(v, s, q);
    milli_t total = 0;

    if (is_kit(&a)) {
        kit_locations(&a, locations, count, ret_rows, &total);
    } else if (count) {
        struct row_image *image = packed(ret_rows, count);
        sku_read_many(v->table, s, locations, count, image);
        for (size_t i = 0; i < count; i++) {
            struct row_image one = image[i];
            fill(&a, &one, is_there(&one), &ret_rows[i], &total);
        }
    }
    *ret_total = total;
}

size_t query_everywhere(const struct view *v, const struct sku *s, const struct question *q,
                        struct query_row *ret_rows, size_t capacity, milli_t *ret_total)
{
    struct asking a = ask(v, s, q);
    milli_t total = 0;
    size_t count;

    if (is_kit(&a)) {
        count = kit_everywhere(&a, ret_rows, capacity, &total);
    } else {
        struct row_image *image = packed(ret_rows, capacity);
        count = sku_read_all(v->table, s, image, capacity);
        for (size_t i = 0; i < count && count <= capacity; i++) {
            struct row_image one = image[i];
            fill(&a, &one, true, &ret_rows[i], &total);
        }
    }
    *ret_total = total;
    return count;
}

struct asked_row query_asked(const struct view *v, const struct sku *s, const struct question *q,
                             const struct query_row *row)
{
    struct asking a = ask(v, s, q);
    return asked_at(&a, &row->row, row->location, rules_place_of(row));
}
