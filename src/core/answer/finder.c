/* The store finder. Candidates come in order, a batch at a time, from one of three sources: the tree of
 * places, the order of ids, or a list that is known to be short (where a rare item may be, a small group). Of
 * each batch the stock is looked at line by line. */
#include "core/answer/finder.h"

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "core/table/likely.h"

enum {
    BATCH_FIRST = 32,
    SPARE = 4, /* a few that look likely are not */
    BATCH_MOST = 512,
    LIST_MOST = 100000 /* places of an item that it starts from */
};

/* ---- the order of ids ---- */

static int compare_ids(const void *left, const void *right, void *context)
{
    const struct catalogue *c = context;
    return text_compare(catalogue_location_at(c, *(const uint32_t *)left)->id,
                        catalogue_location_at(c, *(const uint32_t *)right)->id);
}

/* The new ones, sorted at the end of the array, among the old ones before them: from behind, so that none is
 * written over before it was read. `fresh` is a copy of the new ones. */
static void merge(uint32_t *numbers, uint32_t old, const uint32_t *fresh, uint32_t fresh_count,
                  const struct catalogue *c)
{
    for (uint32_t to = old + fresh_count; fresh_count;) {
        bool from_old =
            old && compare_ids(&numbers[old - 1], &fresh[fresh_count - 1], (void *)(uintptr_t)c) > 0;
        numbers[--to] = from_old ? numbers[--old] : fresh[--fresh_count];
    }
}

int id_order_follow(struct id_order *o, const struct catalogue *c)
{
    uint32_t count = catalogue_locations_count(c), more = count - o->count;

    if (!more)
        return 0;
    if (count > o->capacity) {
        uint32_t capacity = count + count / 4 + 16;
        if (!array_grow(&o->numbers, o->capacity, capacity, sizeof(*o->numbers)) ||
            !array_grow(&o->ranks, o->capacity, capacity, sizeof(*o->ranks)))
            return ERROR_NOMEM;
        o->capacity = capacity;
    }
    uint32_t *fresh = malloc(more * sizeof(*fresh));
    if (!fresh)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < more; i++)
        fresh[i] = o->count + i;
    qsort_r(fresh, more, sizeof(*fresh), compare_ids, (void *)(uintptr_t)c);
    merge(o->numbers, o->count, fresh, more, c);
    free(fresh);
    o->count = count;
    for (uint32_t i = 0; i < count; i++)
        o->ranks[o->numbers[i]] = i;
    return 0;
}

uint32_t id_order_after(const struct id_order *o, const struct catalogue *c, struct text id)
{
    uint32_t low = 0, high = o->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (text_compare(catalogue_location_at(c, o->numbers[middle])->id, id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void id_order_finish(struct id_order *o)
{
    free(o->numbers);
    free(o->ranks);
    *o = (struct id_order){0};
}

/* ---- memory ---- */

static bool grow(void *array, size_t *capacity, size_t to, size_t size)
{
    if (to <= *capacity)
        return true;
    if (!array_grow(array, *capacity, to + to / 4, size))
        return false;
    *capacity = to + to / 4;
    return true;
}

void finder_room_finish(struct finder_room *r)
{
    free(r->images);
    free(r->list);
    free(r->numbers);
    *r = (struct finder_room){0};
}

/* ---- candidates ---- */

/* A line as its rows tell of it: where it may be at all. */
struct carrier {
    const struct sku *sku;       /* whose rows are everywhere where the item can be; NULL: it is nowhere */
    milli_t least;               /* such a row has at least so much; 0: any */
    const struct likely *likely; /* where it may have that; NULL: only its rows tell */
    size_t places;               /* how many those are, or the rows */
};

struct candidates {
    struct finder *finder;
    struct near_question near; /* goes on behind what came */
    size_t carriers_count;
    struct carrier carriers[FINDER_LINES_MOST]; /* of the lines that say where the basket can be */
    const struct carrier *rarest; /* that with the fewest places; NULL: the basket can be anywhere */
    bool listed;                  /* in the room's list, list_count of them */
    bool sifted;                  /* only what is likely and wanted comes */
    bool likely;                  /* most that come have the basket */
    bool careful;                 /* but too few did: rows are looked at even where bits tell */
    bool given_up;                /* too many are unlikely */
    size_t list_count, looked;
    uint32_t order_at;
};

static struct near_place place_seen(const struct finder *f, const struct location *l)
{
    if (f->order)
        return (struct near_place){f->order->ranks[l->number], l->number};
    return (struct near_place){sphere_chord2(&f->near.from, &l->point), l->number};
}

static bool is_candidate(const struct finder *f, uint32_t number)
{
    const struct location *l = catalogue_location_at(f->view->catalogue, number);

    /* the order may not know the newest yet */
    return l && !l->deleted && (f->order ? number < f->order->count : l->has_position);
}

/* These and no others: where each stands. False without memory. */
static bool list_candidates(struct candidates *c, const uint32_t *numbers, size_t count)
{
    const struct finder *f = c->finder;
    struct finder_room *r = f->room;

    if (!grow(&r->list, &r->list_capacity, count, sizeof(*r->list)))
        return false;
    c->list_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_candidate(f, numbers[i])) {
            struct near_place p = place_seen(f, catalogue_location_at(f->view->catalogue, numbers[i]));
            if (f->order || p.chord2 <= f->near.reach)
                r->list[c->list_count++] = p;
        }
    c->listed = true;
    return true;
}

static size_t next_listed(const struct candidates *c, struct near_place *ret, size_t most)
{
    const struct near_place *list = c->finder->room->list;
    struct near_question any = {.reach = CHORD2_ANY};
    struct near_heap h;

    near_heap_init(&h, &any, ret, most);
    for (size_t i = 0; i < c->list_count; i++)
        if (list[i].chord2 <= h.bound && (!c->near.goes_on || near_place_before(&c->near.after, &list[i])))
            near_heap_offer(&h, list[i]);
    near_heap_sort(&h);
    return h.count;
}

static size_t next_in_order(struct candidates *c, struct near_place *ret, size_t most)
{
    const struct id_order *o = c->finder->order;
    size_t count = 0;

    if (c->near.goes_on)
        c->order_at = (uint32_t)c->near.after.chord2 + 1;
    for (; count < most && c->order_at < o->count; c->order_at++)
        ret[count++] = (struct near_place){c->order_at, o->numbers[c->order_at]};
    return count;
}

static size_t next_candidates(struct candidates *c, struct near_place *ret, size_t most)
{
    const struct finder *f = c->finder;
    size_t count = c->listed  ? next_listed(c, ret, most)
                   : f->order ? next_in_order(c, ret, most)
                              : catalogue_near(f->view->catalogue, &c->near, ret, most);

    if (c->given_up)
        return 0;
    if (count) {
        c->near.goes_on = true;
        c->near.after = ret[count - 1];
    }
    return count;
}

/* ---- where an item may be at all ---- */

/* Only what the rows have now, and all of it, counts in this question. */
static bool rows_decide(const struct question *q)
{
    return !q->at && !q->at_location && !q->left_out;
}

static struct carrier carrier_of_sku(const struct finder *f, const struct sku *s, milli_t least)
{
    struct carrier c = {.sku = s, .least = least, .places = sku_rows_count(s)};

    if (least && rows_decide(f->question))
        c.likely = sku_likely(f->view->table, s);
    size_t likely = c.likely ? likely_count(c.likely) : SIZE_MAX;
    c.places = likely < c.places ? likely : c.places;
    return c;
}

/* A kit is where its rarest component is. */
static struct carrier carrier_of_kit(const struct finder *f, const struct item *item, milli_t least)
{
    const struct view *v = f->view;
    struct carrier rarest = {.places = SIZE_MAX};

    for (uint32_t i = 0; i < item->components_count; i++) {
        struct text text = item->components[i].sku;
        const struct sku *s = table_find_hashed(v->table, text, hash_text(text));
        if (!s)
            return (struct carrier){0};
        struct carrier one = carrier_of_sku(f, s, least);
        if (one.places < rarest.places)
            rarest = one;
    }
    return rarest;
}

static struct carrier carrier_of(const struct finder *f, const struct finder_line *l)
{
    const struct item *item = l->sku ? item_of(l->sku) : NULL;

    if (!l->sku)
        return (struct carrier){0};
    if (item && item->components_count)
        return carrier_of_kit(f, item, l->quantity ? 1 : 0);
    return carrier_of_sku(f, l->sku, l->quantity);
}

static void know_carriers(struct candidates *c)
{
    const struct finder *f = c->finder;

    for (size_t i = 0; i < f->lines_count && i < FINDER_LINES_MOST; i++) {
        const struct finder_line *l = &f->lines[i];
        struct carrier *one = &c->carriers[c->carriers_count];
        if (!l->quantity && !f->known_only)
            continue;
        *one = carrier_of(f, l);
        c->carriers_count++;
        if (!c->rarest || one->places < c->rarest->places)
            c->rarest = one;
    }
}

/* Most rows that have nothing are known by a few words. */
static bool may_have(const struct row_image *r, const struct question *q, milli_t least)
{
    return !least || !rows_decide(q) || row_may_have(r, least);
}

/* ---- sifting ---- */

/* Of some places those where the bits say that the whole basket may be. */
static size_t keep_marked(const struct candidates *c, struct near_place *places, size_t count)
{
    for (size_t k = 0; k < c->carriers_count && count; k++) {
        const struct likely *likely = c->carriers[k].likely;
        size_t kept = 0;
        if (!likely)
            continue;
        for (size_t i = 0; i < count; i++) {
            places[kept] = places[i];
            kept += likely_has(likely, places[i].number);
        }
        count = kept;
    }
    return count;
}

/* Of some places those where the whole basket may be: rows alone tell that of most, and nothing else of these
 * is touched. */
static size_t keep_likely(const struct candidates *c, struct near_place *places, size_t count)
{
    const struct finder *f = c->finder;
    struct row_image images[FINDER_TURN];
    uint32_t numbers[FINDER_TURN];

    count = keep_marked(c, places, count);
    for (size_t k = 0; k < c->carriers_count && count; k++) {
        size_t kept = 0;
        if (!c->carriers[k].least || (c->carriers[k].likely && !c->careful))
            continue;
        for (size_t i = 0; i < count; i++)
            numbers[i] = places[i].number;
        sku_read_many(f->view->table, c->carriers[k].sku, numbers, count, images);
        for (size_t i = 0; i < count; i++)
            if (may_have(&images[i], f->question, c->carriers[k].least))
                places[kept++] = places[i];
        count = kept;
    }
    return count;
}

/* Of some places those that are wanted at all. */
static size_t keep_wanted(const struct finder *f, struct near_place *places, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const struct location *l = catalogue_location_at(f->view->catalogue, places[i].number);
        if (!l || l->deleted || (!f->order && !l->has_position) ||
            (f->group && !group_has(f->group, l->number)) || (f->is_wanted && !f->is_wanted(f->context, l)))
            continue;
        places[kept++] = places[i];
    }
    return kept;
}

_Static_assert((int)NEAR_KEEP_MOST <= (int)FINDER_TURN, "what the tree asks about fits into a turn");

/* For the tree: so nothing is put in order that is not wanted. When more places were looked at than where the
 * rarest item may be, these are the better beginning. */
static size_t sift(void *context, struct near_place *places, size_t count, bool *ret_give_up)
{
    struct candidates *c = context;

    c->looked += count;
    if (c->rarest && c->looked > c->rarest->places) {
        c->given_up = *ret_give_up = true;
        return 0;
    }
    const struct finder *f = c->finder;
    count = keep_likely(c, places, count);
    return f->group || f->is_wanted ? keep_wanted(c->finder, places, count) : count;
}

/* ---- starting from an item ---- */

/* Lists where its bits say that it may be; of a basket, where the other items' bits do not say no. */
static bool list_marked(struct candidates *c)
{
    struct finder_room *room = c->finder->room;
    size_t count = c->rarest->places, kept = 0;

    do { /* it may have got more */
        if (count > LIST_MOST ||
            !grow(&room->numbers, &room->numbers_capacity, count, sizeof(*room->numbers)))
            return false;
        count = likely_list(c->rarest->likely, room->numbers, room->numbers_capacity);
    } while (count > room->numbers_capacity);
    for (size_t i = 0; i < count; i++) {
        struct near_place place = {.number = room->numbers[i]};
        if (c->carriers_count == 1 || keep_marked(c, &place, 1))
            room->numbers[kept++] = place.number;
    }
    return list_candidates(c, room->numbers, kept);
}

/* Lists the places of an item's rows. False: not possible, there are too many or there is no memory. */
static bool list_rows(struct candidates *c)
{
    const struct finder *f = c->finder;
    struct finder_room *room = f->room;
    const struct sku *s = c->rarest->sku;
    size_t count = sku_rows_count(s), kept = 0;

    do { /* it may have got more */
        if (count > LIST_MOST || !grow(&room->images, &room->images_capacity, count, sizeof(*room->images)))
            return false;
        count = sku_read_all(f->view->table, s, room->images, room->images_capacity);
    } while (count > room->images_capacity);
    if (!grow(&room->numbers, &room->numbers_capacity, count, sizeof(*room->numbers)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (may_have(&room->images[i], f->question, c->rarest->least))
            room->numbers[kept++] = row_location(&room->images[i]);
    return list_candidates(c, room->numbers, kept);
}

static bool list_rarest(struct candidates *c)
{
    bool marked = c->rarest->likely && likely_count(c->rarest->likely) != SIZE_MAX;
    return marked ? list_marked(c) : list_rows(c);
}

/* A list of so many is cheaper than looking among all of them, where only the share that is listed counts. */
static bool is_short(const struct finder *f, size_t list, size_t most)
{
    size_t places = f->order ? f->order->count : catalogue_near_count(f->view->catalogue);
    return list < places && list <= (most + SPARE) * places / (list + 1);
}

static void begin(struct candidates *c, struct finder *f, size_t most)
{
    c->finder = f;
    c->near = f->near;
    c->carriers_count = c->looked = c->list_count = 0;
    c->rarest = NULL;
    c->listed = c->sifted = c->likely = c->given_up = false;
    c->order_at = 0;
    c->careful = false;
    know_carriers(c);
    if (c->rarest && !c->rarest->sku)
        return;
    c->likely = c->rarest && is_short(f, c->rarest->places, most) && list_rarest(c);
    if (c->likely)
        return;
    if (f->group && is_short(f, f->group->locations_count, most) &&
        list_candidates(c, f->group->locations, f->group->locations_count))
        return;
    /* where the number of looks is bounded the places must come in their order */
    c->sifted = c->likely =
        !f->order && (!f->looks_most || catalogue_near_count(f->view->catalogue) <= f->looks_most);
    c->near.keep = c->sifted ? sift : NULL;
    c->near.context = c;
}

/* ---- looking at stock ---- */

static bool has_line(const struct finder *f, const struct finder_line *l, const struct query_row *r)
{
    return r->figure.available >= l->quantity && (r->known || !f->known_only);
}

/* Of the places those that have one line; each has a row of rows for all lines. */
static size_t keep_having(const struct finder *f, size_t line, struct near_place *places, size_t count,
                          struct query_row *rows)
{
    const struct finder_line *l = &f->lines[line];
    struct query_row fresh[FINDER_TURN];
    uint32_t numbers[FINDER_TURN];
    size_t kept = 0, lines = f->lines_count;
    milli_t total;

    if (!l->sku)
        return 0;
    for (size_t i = 0; i < count; i++)
        numbers[i] = places[i].number;
    query_locations(f->view, l->sku, f->question, numbers, count, fresh, &total);
    for (size_t i = 0; i < count; i++) {
        if (!has_line(f, l, &fresh[i]))
            continue;
        if (kept != i) {
            places[kept] = places[i];
            memcpy(&rows[kept * lines], &rows[i * lines], line * sizeof(*rows));
        }
        rows[kept++ * lines + line] = fresh[i];
    }
    return kept;
}

static size_t look(const struct candidates *c, const struct near_place *candidates, size_t count,
                   struct near_place *ret_places, struct query_row *ret_rows)
{
    const struct finder *f = c->finder;

    memcpy(ret_places, candidates, count * sizeof(*candidates));
    if (!c->sifted || !(f->group || f->is_wanted))
        count = keep_wanted(f, ret_places, keep_likely(c, ret_places, count));
    for (size_t line = 0; line < f->lines_count && count; line++)
        count = keep_having(f, line, ret_places, count, ret_rows);
    return count;
}

/* The rest from the item; where that is not possible, from all places, however many there are. */
static void change_source(struct candidates *c)
{
    c->given_up = false;
    c->sifted = false;
    c->near.keep = NULL;
    list_rarest(c);
}

static size_t first_size(const struct candidates *c, size_t most)
{
    return c->likely && most < BATCH_FIRST ? most + SPARE : BATCH_FIRST;
}

size_t finder_find(struct finder *f, struct near_place *ret_places, struct query_row *ret_rows, size_t most)
{
    struct near_place batch[BATCH_MOST];
    struct candidates c;
    size_t found = 0, looked = 0;

    f->ended_early = false;
    begin(&c, f, most);
    if (!most || (c.rarest && !c.rarest->sku))
        return 0;
    for (size_t count, size = first_size(&c, most);
         (count = next_candidates(&c, batch, size)) || c.given_up;) {
        if (c.given_up) {
            change_source(&c);
            continue;
        }
        for (size_t i = 0; i < count; i += FINDER_TURN) {
            size_t some = count - i < FINDER_TURN ? count - i : FINDER_TURN;
            found += look(&c, batch + i, some, ret_places + found, ret_rows + found * f->lines_count);
            f->last = batch[i + some - 1];
            looked += some;
            if (found >= most)
                return most;
            if (f->looks_most && looked >= f->looks_most) {
                f->ended_early = true;
                return found;
            }
        }
        c.careful = true;
        size = size < BATCH_MOST / 2 ? 2 * size : BATCH_MOST;
    }
    return found;
}
