/* Lines one by one: is it there, does it come, over which lane; then when all of it is ready. */
#include "core/answer/promises.h"

#include "base/error.h"

/* ---- the basket ---- */

static struct basket_item *find_item(struct basket *b, const struct sku *sku)
{
    for (size_t i = 0; i < b->items_count; i++)
        if (b->items[i].sku == sku)
            return &b->items[i];
    return NULL;
}

static bool is_kit(const struct item *i)
{
    return i && i->components_count;
}

static milli_t step_of(const struct item *i)
{
    milli_t step = i ? i->step : 1;
    return is_kit(i) && step < MILLI_PER_UNIT ? MILLI_PER_UNIT : step;
}

/* Lines of one SKU are summed. */
static int take_lines(struct basket *b)
{
    const struct promise_ask *ask = b->ask;

    for (size_t i = 0; i < ask->lines_count; i++) {
        const struct sku *sku = table_find(ask->view->table, ask->lines[i].sku);
        b->wrong_line = i;
        if (!sku)
            return ERROR_NOTFOUND;
        struct basket_item *there = find_item(b, sku);
        if (!there) {
            there = &b->items[b->items_count++];
            *there = (struct basket_item){.sku = sku, .item = item_of(sku)};
        }
        there->quantity += ask->lines[i].quantity;
        if (ask->lines[i].quantity % step_of(there->item))
            return ERROR_INVALID;
    }
    return 0;
}

static void take_item(struct basket *b, const struct sku *sku, const struct item *i)
{
    if (!i)
        return;
    b->restricted |= i->restricted;
    if (i->release_at != INSTANT_NONE && i->release_at > b->release_at) {
        b->release_at = i->release_at;
        b->release_sku = sku_text(sku);
    }
}

static int add_need(struct basket *b, const struct sku *sku, milli_t quantity)
{
    if (b->needs_count == BASKET_NEEDS_MOST)
        return ERROR_LIMIT;
    if (quantity > QUANTITY_MOST)
        quantity = QUANTITY_MOST + 1; /* nobody has it */
    b->needs[b->needs_count++] = (struct basket_need){sku, sku ? item_of(sku) : NULL, quantity};
    take_item(b, sku, sku ? item_of(sku) : NULL);
    return 0;
}

static int take_needs(struct basket *b, struct basket_item *i)
{
    const struct table *table = b->ask->view->table;
    int error = 0;

    i->needs_first = b->needs_count;
    take_item(b, i->sku, i->item);
    if (!is_kit(i->item))
        error = add_need(b, i->sku, i->quantity);
    for (uint32_t c = 0; !error && is_kit(i->item) && c < i->item->components_count; c++) {
        const struct component *part = &i->item->components[c];
        milli_t all;
        if (__builtin_mul_overflow(i->quantity / MILLI_PER_UNIT, part->quantity, &all))
            all = QUANTITY_MOST + 1;
        error = add_need(b, table_find(table, part->sku), all);
    }
    i->needs_count = b->needs_count - i->needs_first;
    return error;
}

/* What several lines need must be there for all of them. */
static void sum_needs(struct basket *b)
{
    for (size_t i = 0; i < b->needs_count; i++) {
        milli_t sum = b->needs[i].quantity;
        for (size_t k = 0; k < i; k++)
            if (b->needs[k].sku == b->needs[i].sku)
                sum = b->needs[k].quantity += b->needs[i].quantity;
        b->needs[i].quantity = sum;
    }
}

int basket_prepare(const struct promise_ask *ask, struct arena *a, struct basket *ret)
{
    const struct view *v = ask->view;
    struct basket b = {.ask = ask, .rows_read = 0};

    b.items = arena_alloc(a, ask->lines_count * sizeof(*b.items));
    b.needs = arena_alloc(a, BASKET_NEEDS_MOST * sizeof(*b.needs));
    if (!b.items || !b.needs)
        return ERROR_NOMEM;
    b.question = (struct question){.channel = ask->channel,
                                   .now = atomic_load_explicit(&v->log_time, memory_order_relaxed),
                                   .supply_grace_us = atomic_load_explicit(
                                       &v->settings[LOG_SETTING_supply_grace_us], memory_order_relaxed)};
    int error = take_lines(&b);
    for (size_t i = 0; !error && i < b.items_count; i++)
        error = take_needs(&b, &b.items[i]);
    sum_needs(&b);
    *ret = b;
    return error;
}

/* ---- what a place has ---- */

static struct question question_at(const struct basket *b, uint32_t method, instant_t at)
{
    struct question q = b->question;

    q.method = method;
    q.at = at == INSTANT_NONE ? 0 : at;
    return q;
}

static void read_row(struct basket *b, const struct sku *sku, const struct location *l,
                     const struct question *q, struct query_row *ret)
{
    milli_t total;

    query_locations(b->ask->view, sku, q, &l->number, 1, ret, &total);
    b->rows_read++;
}

/* Under the rules of the item itself, a kit's too: is it handed over here, and so many in one line? */
static bool is_allowed(struct basket *b, const struct basket_item *i, const struct location *l,
                       const struct question *q)
{
    struct query_row row = {.location = l->number, .place = l};

    row.stale = b->ask->view->places && places_is_stale(b->ask->view->places, l->number);
    struct terms t = query_asked(b->ask->view, i->sku, q, &row).terms;
    return t.enabled && (t.max_per_line == LIMIT_NONE || i->quantity <= t.max_per_line);
}

/* A line at a place at an instant (INSTANT_NONE: now); method 0: the most cautious of the place's. */
static bool has_line(struct basket *b, const struct basket_item *i, const struct location *l, uint32_t method,
                     instant_t at)
{
    struct question q = question_at(b, method, at);
    struct query_row row;

    if (!is_allowed(b, i, l, &q))
        return false;
    for (size_t n = i->needs_first; n < i->needs_first + i->needs_count; n++) {
        if (!b->needs[n].sku)
            return false;
        read_row(b, b->needs[n].sku, l, &q, &row);
        if (row.figure.from_stock < b->needs[n].quantity)
            return false;
    }
    return true;
}

/* When supply counts that is expected at `at`; INSTANT_NONE: it did not come in time. */
static instant_t counts_at(const struct question *q, instant_t at)
{
    instant_t late = at + q->supply_grace_us;

    if (at > q->now)
        return at;
    return late > q->now ? late : INSTANT_NONE;
}

/* The first instant to come at which there is enough of a need; INSTANT_NONE: none that is known. */
static instant_t need_comes(struct basket *b, const struct basket_need *n, const struct location *l,
                            uint32_t method)
{
    struct question q = question_at(b, method, INSTANT_NONE);
    struct query_row row;
    instant_t first = INSTANT_NONE;

    read_row(b, n->sku, l, &q, &row);
    const struct rare *rare = row_rare(&row.row);
    if (row.figure.from_stock >= n->quantity || !rare)
        return row.figure.from_stock >= n->quantity ? 0 : INSTANT_NONE;
    for (uint32_t i = 0; i < rare->dated_count; i++) {
        instant_t at = rare->dated[i].incoming ? counts_at(&q, rare->dated[i].at) : INSTANT_NONE;
        if (at == INSTANT_NONE || (first != INSTANT_NONE && at >= first))
            continue;
        struct question then = question_at(b, method, at);
        struct asked_row asked = query_asked(b->ask->view, n->sku, &then, &row);
        if (figure_asked(&asked, &then).from_stock >= n->quantity)
            first = at;
    }
    return first;
}

/* The first instant at which the place has the whole line, 0: now. False: none that is known. */
static bool line_comes(struct basket *b, const struct basket_item *i, const struct location *l,
                       uint32_t method, instant_t *ret_at)
{
    instant_t latest = 0;

    for (size_t n = i->needs_first; n < i->needs_first + i->needs_count; n++) {
        instant_t at = b->needs[n].sku ? need_comes(b, &b->needs[n], l, method) : INSTANT_NONE;
        if (at == INSTANT_NONE)
            return false;
        latest = at > latest ? at : latest;
    }
    *ret_at = latest;
    return has_line(b, i, l, method, latest ? latest : INSTANT_NONE);
}

instant_t promise_counts_at(const struct basket *b, const struct supply_shown *line)
{
    if (line->overdue || line->expected_at == INSTANT_NONE)
        return INSTANT_NONE;
    return counts_at(&b->question, line->expected_at);
}

void promise_row(struct basket *b, const struct basket_need *n, const struct line_source *s, enum method m,
                 struct query_row *ret)
{
    struct question q = question_at(b, s->lane ? 0 : m, s->at);
    read_row(b, n->sku, s->location, &q, ret);
}

/* ---- a place ---- */

bool promise_offered(const struct basket *b, const struct location *l, enum method m, double *ret_distance_m)
{
    const struct promise_ask *ask = b->ask;
    const struct way *w = calendar_way(calendar_of(&ask->view->calendars, l), m);
    double metres = -1;

    if (ask->has_point && l->has_position)
        metres = distance_m(ask->latitude_e7, ask->longitude_e7, l->latitude_e7, l->longitude_e7);
    *ret_distance_m = metres;
    if (!w->offered || (b->restricted & m) || !location_gives(l, m))
        return false;
    return !w->radius_m || (metres >= 0 && metres <= (double)w->radius_m);
}

bool promise_is_whole(struct basket *b, const struct location *l, enum method m)
{
    for (size_t i = 0; i < b->items_count; i++)
        if (!has_line(b, &b->items[i], l, m, INSTANT_NONE))
            return false;
    return true;
}

/* ---- lanes ---- */

static bool is_among(const uint32_t *all, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (all[i] == number)
            return true;
    return false;
}

static bool may_supply(const struct promise_ask *ask, const struct location *l)
{
    return l && location_gives(l, 0) && (!ask->may_see || ask->may_see(ask->context, l));
}

size_t promise_lanes(const struct promise_ask *ask, const uint32_t *to, size_t count, struct lane_found *ret,
                     size_t most)
{
    const struct view *v = ask->view;
    uint32_t locations = catalogue_locations_count(v->catalogue);
    size_t found = 0;

    for (uint32_t from = 0; from < locations; from++) {
        const struct location *l = catalogue_location_at(v->catalogue, from);
        const struct calendar *c = calendar_of(&v->calendars, l);
        if (!c->lanes_count || !may_supply(ask, l))
            continue;
        for (uint32_t i = 0; i < c->lanes_count && found < most; i++) {
            const struct location *store = catalogue_location(v->catalogue, c->lanes[i].to);
            if (store && store->number != from && is_among(to, count, store->number))
                ret[found++] = (struct lane_found){store->number, from, i};
        }
    }
    return found;
}

/* ---- where a line comes from ---- */

/* Is the other one sooner there? */
static bool is_sooner(const struct line_source *a, const struct line_source *b)
{
    return !b->location || a->there_at < b->there_at;
}

static void try_lane(struct basket *b, const struct basket_item *i, const struct calendar *to,
                     const struct lane_found *found, struct line_source *best)
{
    const struct view *v = b->ask->view;
    const struct location *from = catalogue_location_at(v->catalogue, found->from);
    const struct calendar *c = calendar_of(&v->calendars, from);
    struct line_source s = {.location = from, .at = INSTANT_NONE};
    instant_t at;

    if (!may_supply(b->ask, from) || found->lane >= c->lanes_count || !line_comes(b, i, from, 0, &at))
        return;
    s.lane = &c->lanes[found->lane];
    if (at)
        s.at = at;
    instant_t ready = at > b->ask->ordered_at ? at : b->ask->ordered_at;
    if (!calendar_transit(c, s.lane, to, ready, &s.transit))
        return;
    s.there_at = s.transit.arrives_at;
    if (is_sooner(&s, best))
        *best = s;
}

/* The place itself wins a tie. False: it does not come. */
static bool find_source(struct basket *b, const struct basket_item *i, const struct promise_option *o,
                        const struct lane_found *lanes, size_t lanes_count, struct line_source *ret)
{
    struct line_source best = {.location = NULL};
    instant_t at;

    if (line_comes(b, i, o->place, o->method, &at)) {
        best = (struct line_source){.location = o->place, .at = at ? at : INSTANT_NONE, .there_at = at};
        if (!at) {
            *ret = best;
            return true;
        }
    }
    for (size_t k = 0; k < lanes_count; k++)
        if (lanes[k].to == o->place->number)
            try_lane(b, i, o->calendar, &lanes[k], &best);
    *ret = best;
    return best.location != NULL;
}

/* As the log will judge it, all lines together. */
static bool will_be_granted(struct basket *b, const struct promise_option *o)
{
    if (!o->waits)
        return true;
    for (size_t i = 0; i < b->items_count; i++)
        if (!has_line(b, &b->items[i], o->source[i].location, o->over_lane ? 0 : o->method, o->required_at))
            return false;
    return true;
}

bool promise_option(struct basket *b, const struct location *l, enum method m, const struct lane_found *lanes,
                    size_t lanes_count, struct promise_option *ret)
{
    struct order_time order = {.at = b->ask->ordered_at, .not_before = b->release_at};

    *ret = (struct promise_option){.method = m,
                                   .place = l,
                                   .calendar = calendar_of(&b->ask->view->calendars, l),
                                   .required_at = INSTANT_NONE};
    if (!promise_offered(b, l, m, &ret->distance_m))
        return false;
    for (size_t i = 0; i < b->items_count; i++) {
        struct line_source *s = &ret->source[i];
        if (!find_source(b, &b->items[i], ret, lanes, lanes_count, s))
            return false;
        order.goods_at = s->there_at > order.goods_at ? s->there_at : order.goods_at;
        ret->waits |= s->there_at != 0;
        ret->over_lane |= s->lane != NULL;
        if (s->at != INSTANT_NONE && s->at > ret->required_at)
            ret->required_at = s->at;
    }
    if (!calendar_ready(ret->calendar, m, &order, &ret->readiness) || !will_be_granted(b, ret))
        return false;
    return m != METHOD_SAME_DAY || (ret->readiness.same_day && !ret->readiness.missed);
}
