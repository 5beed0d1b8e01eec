/* Components of a kit, side by side. */
#include "core/answer/kit_stand.h"

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "core/answer/query.h"
#include "core/model/rare.h"

#include <stdlib.h>

enum { SLOTS_A_TIME = 512 };

/* One component at one location, before and after the record at hand. */
struct side {
    struct brief was, now;
    size_t fences_count;
    struct brief_fence *fences;
    bool taken_back; /* while the stand is made: the oldest word about it was found */
};

struct place {
    uint32_t location;
    bool touched; /* by the record at hand */
    struct side *sides;
};

struct part {
    uint32_t sku;
    milli_t each;
};

struct kit_stand {
    const struct view *view;
    uint32_t kit;
    uint64_t version;
    size_t parts_count, places_count, places_capacity, touched_count;
    uint64_t offset; /* of the record at hand */
    instant_t at;
    struct place *places; /* by location */
    struct part parts[];
};

uint32_t kit_stand_kit(const struct kit_stand *k)
{
    return k->kit;
}

uint64_t kit_stand_version(const struct kit_stand *k)
{
    return k->version;
}

size_t kit_stand_parts(const struct kit_stand *k)
{
    return k->parts_count;
}

uint32_t kit_stand_part(const struct kit_stand *k, size_t i)
{
    return k->parts[i].sku;
}

static void place_finish(const struct kit_stand *k, struct place *p)
{
    for (size_t i = 0; i < k->parts_count; i++)
        free(p->sides[i].fences);
    free(p->sides);
}

void kit_stand_destroy(struct kit_stand *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->places_count; i++)
        place_finish(k, &k->places[i]);
    free(k->places);
    free(k);
}

/* ---- places ---- */

static size_t place_index(const struct kit_stand *k, uint32_t location)
{
    size_t low = 0, high = k->places_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (k->places[middle].location < location)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The place, made without any stock when it is not there. NULL: ERROR_NOMEM, or too many. */
static struct place *place_at(struct kit_stand *k, uint32_t location, int *ret_error)
{
    size_t at = place_index(k, location);

    if (at < k->places_count && k->places[at].location == location)
        return &k->places[at];
    *ret_error = ERROR_LIMIT;
    if ((k->places_count + 1) * k->parts_count > KIT_STAND_PARTS_MOST)
        return NULL;
    *ret_error = ERROR_NOMEM;
    if (k->places_count == k->places_capacity) {
        size_t capacity = k->places_capacity ? 2 * k->places_capacity : 16;
        if (!array_grow(&k->places, k->places_capacity, capacity, sizeof(*k->places)))
            return NULL;
        k->places_capacity = capacity;
    }
    struct side *sides = calloc(k->parts_count, sizeof(*sides));
    if (!sides)
        return NULL;
    memmove(&k->places[at + 1], &k->places[at], (k->places_count - at) * sizeof(*k->places));
    k->places[at] = (struct place){.location = location, .sides = sides};
    k->places_count++;
    *ret_error = 0;
    return &k->places[at];
}

static int set_fences(struct side *s, const struct brief_fence *fences, size_t count)
{
    if (!count) {
        s->fences_count = 0;
        return 0;
    }
    struct brief_fence *grown = realloc(s->fences, count * sizeof(*grown));
    if (!grown)
        return ERROR_NOMEM;
    memcpy(grown, fences, count * sizeof(*grown));
    s->fences = grown;
    s->fences_count = count;
    return 0;
}

/* ---- making it ---- */

static int add_row(struct kit_stand *k, size_t part, const struct row_image *r)
{
    struct brief_fence few[64], *fences = few;
    size_t most = brief_fences_most(r, r);
    int error = 0;
    struct place *p = place_at(k, row_location(r), &error);

    if (!p)
        return error;
    if (most > sizeof(few) / sizeof(*few) && !(fences = malloc(most * sizeof(*fences))))
        return ERROR_NOMEM;
    p->sides[part].was = p->sides[part].now = brief_of_row(r);
    error = set_fences(&p->sides[part], fences, brief_fences(r, r, fences));
    if (fences != few)
        free(fences);
    return error;
}

/* NULL: a component that nobody has heard of yet. */
static const struct sku *sku_of(const struct kit_stand *k, size_t part)
{
    uint32_t number = k->parts[part].sku;
    return number == UINT32_MAX ? NULL : table_sku(k->view->table, number);
}

static int add_rows(struct kit_stand *k, size_t part, uint64_t shown)
{
    const struct table *t = k->view->table;
    const struct sku *s = sku_of(k, part);
    size_t capacity = s ? sku_rows_count(s) + 8 : 1, count = 0;
    struct row_image *rows = malloc(capacity * sizeof(*rows));
    int error = rows ? 0 : ERROR_NOMEM;

    if (s && !error && (count = sku_read_all(t, s, rows, capacity)) > capacity)
        error = ERROR_BUSY;
    for (size_t i = 0; !error && i < count; i++)
        error = row_offset(&rows[i]) >= shown ? ERROR_BUSY : add_row(k, part, &rows[i]);
    free(rows);
    return error;
}

static bool part_of(const struct kit_stand *k, uint32_t sku, size_t *ret)
{
    for (size_t i = 0; i < k->parts_count; i++)
        if (k->parts[i].sku == sku) {
            *ret = i;
            return true;
        }
    return false;
}

/* The fences that a notice tells, for all channels. */
static int take_fences(struct side *s, const struct notice *n, bool back)
{
    struct brief_fence fences[NOTICE_FENCES_MOST];
    size_t count = notice_fences(n, fences);

    for (size_t i = 0; back && i < count; i++)
        fences[i].now = fences[i].was;
    return set_fences(s, fences, count);
}

/* The component that a notice is about, and where; NULL: it is about none. ERROR_NOMEM, ERROR_LIMIT */
static int side_of(struct kit_stand *k, const struct notice *n, struct place **ret_place,
                   struct side **ret_side)
{
    size_t part;
    int error = 0;

    *ret_side = NULL;
    if (n->kind != NOTICE_ROW || !part_of(k, n->sku, &part))
        return 0;
    *ret_place = place_at(k, n->location, &error);
    if (*ret_place)
        *ret_side = &(*ret_place)->sides[part];
    return error;
}

/* The first word of a row behind the cursor says what it was there. */
static int take_back(struct kit_stand *k, const struct notice *n)
{
    struct place *p = NULL;
    struct side *s;
    int error = side_of(k, n, &p, &s);

    if (error || !s || s->taken_back)
        return error;
    s->taken_back = true;
    s->was = s->now = n->was;
    return take_fences(s, n, true);
}

static int take_all_back(struct kit_stand *k, const struct window *w, uint64_t cursor)
{
    struct window_slot *slots = malloc(SLOTS_A_TIME * sizeof(*slots) + sizeof(struct notice));
    struct notice *n = (struct notice *)(void *)(slots + SLOTS_A_TIME);
    int got = 0, error = slots ? 0 : ERROR_NOMEM;

    while (!error && (got = window_read(w, &cursor, slots, SLOTS_A_TIME)) > 0)
        for (int i = 0; i < got && !error;) {
            i += (int)notice_read(&slots[i], n);
            error = take_back(k, n);
        }
    free(slots);
    return error ? error : got < 0 ? ERROR_CLOSED : 0;
}

static int fill(struct kit_stand *k, const struct window *w, uint64_t cursor, const struct item *item)
{
    uint64_t shown = window_shown(w);
    int error = 0;

    for (uint32_t i = 0; i < item->components_count; i++) {
        const struct component *c = &item->components[i];
        const struct sku *s = table_find_hashed(k->view->table, c->sku, hash_text(c->sku));
        uint32_t number = s ? sku_number(s) : UINT32_MAX;
        k->parts[k->parts_count++] = (struct part){number, c->quantity > 0 ? c->quantity : 1};
    }
    for (size_t i = 0; i < k->parts_count && !error; i++)
        error = add_rows(k, i, shown);
    return error ? error : take_all_back(k, w, cursor);
}

int kit_stand_create(const struct view *v, const struct window *w, uint64_t cursor, const struct sku *kit,
                     struct kit_stand **ret_stand)
{
    const struct item *item = kit ? item_of(kit) : NULL;

    if (!item || !item->components_count)
        return ERROR_INVALID;
    struct kit_stand *k = calloc(1, sizeof(*k) + item->components_count * sizeof(k->parts[0]));
    if (!k)
        return ERROR_NOMEM;
    k->view = v;
    k->kit = sku_number(kit);
    k->version = item->version;
    int error = fill(k, w, cursor, item);
    if (error)
        kit_stand_destroy(k);
    else
        *ret_stand = k;
    return error;
}

/* ---- going on ---- */

static void touch(struct kit_stand *k, struct place *p)
{
    if (p->touched)
        return;
    p->touched = true;
    k->touched_count++;
    for (size_t i = 0; i < k->parts_count; i++) {
        struct side *s = &p->sides[i];
        s->was = s->now;
        for (size_t f = 0; f < s->fences_count; f++)
            s->fences[f].was = s->fences[f].now;
    }
}

int kit_stand_take(struct kit_stand *k, const struct notice *n)
{
    struct place *p = NULL;
    struct side *s;
    int error = side_of(k, n, &p, &s);

    if (error || !s)
        return error;
    touch(k, p);
    k->offset = n->offset;
    k->at = n->at;
    s->was = n->was;
    s->now = n->now;
    return take_fences(s, n, false);
}

bool kit_stand_next(struct kit_stand *k, struct notice *ret)
{
    for (size_t i = 0; k->touched_count && i < k->places_count; i++) {
        if (!k->places[i].touched)
            continue;
        k->places[i].touched = false;
        k->touched_count--;
        *ret = (struct notice){.kind = NOTICE_KIT,
                               .offset = k->offset,
                               .at = k->at,
                               .sku = k->kit,
                               .location = k->places[i].location,
                               .number = CHANNEL_POOL,
                               .kit = k};
        return true;
    }
    return false;
}

/* ---- what it tells ---- */

static milli_t lesser(milli_t a, milli_t b)
{
    return a < b ? a : b;
}

static milli_t kits_of(milli_t quantity, milli_t each)
{
    return quantity == LIMIT_NONE ? LIMIT_NONE : quantity_floor(quantity, each) / each * MILLI_PER_UNIT;
}

static struct brief_fence fence_of(const struct side *s, uint32_t channel)
{
    for (size_t i = 0; i < s->fences_count; i++)
        if (s->fences[i].channel == channel)
            return s->fences[i];
    return (struct brief_fence){channel, 0, 0};
}

static void limit(struct brief_promise *least, const struct brief_promise *part, milli_t each)
{
    least->shown = lesser(least->shown, kits_of(part->shown, each));
    least->grant_most = lesser(least->grant_most, kits_of(part->grant_most, each));
}

static void bound(struct brief_promise *p, const struct terms *t)
{
    if (!t->enabled)
        *p = (struct brief_promise){0, 0};
    p->shown = lesser(p->shown, t->cap);
}

/* As query.c: each component under its own rules but for the cap, then the kit's own. */
void kit_stand_told(const struct view *v, const struct notice *n, const struct channel *c, struct told *ret)
{
    const struct kit_stand *k = n->kit;
    const struct sku *kit = table_sku(v->table, k->kit);
    const struct place *p = &k->places[place_index(k, n->location)];
    const struct question q = {.channel = c};
    uint32_t channel = c ? c->number : CHANNEL_POOL;
    struct brief_promise was = {QUANTITY_MOST, LIMIT_NONE}, now = was;

    for (size_t i = 0; i < k->parts_count; i++) {
        const struct sku *s = sku_of(k, i);
        const struct side *side = &p->sides[i];
        const struct item *item = s ? item_of(s) : NULL;
        struct brief_fence f = c ? fence_of(side, channel) : (struct brief_fence){.channel = channel};
        struct terms t = query_terms(v, s, &q, n->location);
        t.cap = LIMIT_NONE;
        struct brief_promise before = brief_promise(&side->was, channel, f.was, &t, item ? item->step : 1);
        struct brief_promise after = brief_promise(&side->now, channel, f.now, &t, item ? item->step : 1);
        limit(&was, &before, k->parts[i].each);
        limit(&now, &after, k->parts[i].each);
    }
    struct terms t = query_terms(v, kit, &q, n->location);
    bound(&was, &t);
    bound(&now, &t);
    figures_told(&was, &now, item_of(kit), c, n->at, ret);
}
