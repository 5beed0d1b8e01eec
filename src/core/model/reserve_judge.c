/* What can be granted of what is asked for: promises, line by line, on copies of the rows' stock into which
 * what earlier lines took is written. */
#include "base/error.h"
#include "base/hash.h"
#include "core/model/reserve.h"
#include "core/model/rules.h"

struct judged_row {
    bool ready;
    milli_t ordered; /* of the reference's own demand here, what is free to be asked for: it takes nothing */
    instant_t at;    /* for which it is judged; INSTANT_NONE: now */
    instant_t lands_at; /* where what is taken counts: the account has one instant */
    struct stock stock;
    struct dated *dated; /* its own, with room for one more */
    struct fence *fences;
};

static milli_t lesser(milli_t a, milli_t b)
{
    return a < b ? a : b;
}

static milli_t greater(milli_t a, milli_t b)
{
    return a > b ? a : b;
}

/* ---- rows ---- */

static struct judged_row *row_at(struct judging *j, uint32_t number)
{
    if (number >= j->rows_count) {
        uint32_t count = 2 * number + j->rows_hint + 1;
        struct judged_row *rows = arena_alloc(j->arena, count * sizeof(*rows));
        if (!rows)
            return NULL;
        if (j->rows_count)
            memcpy(rows, j->rows, j->rows_count * sizeof(*rows));
        for (uint32_t i = j->rows_count; i < count; i++)
            rows[i].ready = false;
        j->rows = rows;
        j->rows_count = count;
    }
    return &j->rows[number];
}

static int own_arrays(struct judging *j, struct judged_row *r)
{
    struct stock *s = &r->stock;
    r->dated = arena_alloc(j->arena, (s->dated_count + 1) * sizeof(*r->dated));
    r->fences = arena_alloc(j->arena, (s->fences_count + 1) * sizeof(*r->fences));
    if (!r->dated || !r->fences)
        return ERROR_NOMEM;
    if (s->dated_count)
        memcpy(r->dated, s->dated, s->dated_count * sizeof(*r->dated));
    if (s->fences_count)
        memcpy(r->fences, s->fences, s->fences_count * sizeof(*r->fences));
    s->dated = r->dated;
    s->fences = r->fences;
    return 0;
}

/* ---- one demand, many messengers: what the reference has on order here already ---- */

static uint32_t entries_of(struct demand *const *of, uint32_t count)
{
    uint32_t entries = 0;
    for (uint32_t i = 0; i < count; i++)
        entries += of[i]->entries_count;
    return entries;
}

/* Several as the one account that they will be. */
static int join(struct judging *j, struct demand *const *of, uint32_t count, struct demand *ret)
{
    uint32_t entries = entries_of(of, count);
    *ret = (struct demand){.entries = arena_alloc(j->arena, (entries + 1) * sizeof(*ret->entries))};
    if (!ret->entries)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < of[i]->entries_count; k++)
            demand_add(ret, &of[i]->entries[k]);
    return 0;
}

/* Of what is open the reservation at hand gives this back before it asks anew. */
static milli_t freed_of(const struct judging *j, const struct demand *d)
{
    milli_t freed = 0;
    for (const struct hold *h = j->without ? d->holds : NULL; h; h = h->newer)
        freed += h->of == j->without ? h->open_held : 0;
    return freed;
}

/* An account that is open keeps its instant, so what is asked for on top of it has to be there by then as
 * well as when it is asked for. Unless orders did not say when: then the reservation does. */
static void know_instants(const struct judging *j, struct judged_row *r, struct demand *const *of,
                          uint32_t count)
{
    const struct demand *first = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (of[i]->open + of[i]->reserved > 0 &&
            (!first || demand_counts_at(of[i]) < demand_counts_at(first)))
            first = of[i];
    if (!first || demand_awaits_instant(first))
        return;
    r->lands_at = demand_counts_at(first);
    r->at = lesser(r->at, r->lands_at);
}

static int know_ordered(struct judging *j, struct judged_row *r, const struct ledger *l)
{
    struct demand *of[1 + LINES_JOINED_MOST], joined;
    r->at = r->lands_at = j->required_at;
    uint32_t count = j->reference.length && l ? demand_of_reservation(l, j->reference, of) : 0;
    if (!count || entries_of(of, count) > DEMAND_ENTRIES_END) /* it will not find room there */
        return 0;
    if (count > 1) {
        int error = join(j, of, count, &joined);
        if (error)
            return error;
    }
    know_instants(j, r, of, count);
    r->ordered = demand_covered(count > 1 ? &joined : of[0], j->a->state->log_time, freed_of(j, of[0]));
    return 0;
}

/* NULL with *ret_error 0: there is no such row. */
static struct judged_row *judged(struct judging *j, struct sku *sku, uint32_t location, int *ret_error)
{
    *ret_error = stage_reserve(j->a);
    if (*ret_error)
        return NULL;
    struct staged_row *row = stage_existing(j->a, sku, location, ret_error);
    if (!row)
        return NULL;
    struct judged_row *r = row_at(j, (uint32_t)(row - j->a->rows));
    if (!r)
        *ret_error = ERROR_NOMEM;
    if (!r || r->ready)
        return r;
    accounts_prefetch(&row->ledger->demand, j->account);
    *r = (struct judged_row){.ready = false};
    stock_of_row(&row->now, &r->stock);
    *ret_error = own_arrays(j, r);
    if (!*ret_error)
        *ret_error = know_ordered(j, r, row->ledger);
    if (*ret_error)
        return NULL;
    r->ready = true;
    return r;
}

static void take_dated(struct judged_row *r, instant_t at, milli_t quantity)
{
    struct stock *s = &r->stock;
    uint32_t i = s->dated_count;
    while (i > 0 && r->dated[i - 1].at >= at)
        i--;
    if (i == s->dated_count || r->dated[i].at != at) {
        memmove(r->dated + i + 1, r->dated + i, (s->dated_count - i) * sizeof(*r->dated));
        r->dated[i] = (struct dated){.at = at};
        s->dated_count++;
    }
    r->dated[i].demand += quantity;
}

static struct fence *fence_of(const struct judged_row *r, uint32_t channel)
{
    for (uint32_t i = 0; i < r->stock.fences_count; i++)
        if (r->fences[i].channel == channel)
            return &r->fences[i];
    return NULL;
}

/* An earlier line took it: first what is on order, then of the stock. A request has one required_at, so one
 * instant more is room enough. */
static void take(const struct judging *j, struct judged_row *r, milli_t quantity)
{
    milli_t ordered = lesser(quantity, r->ordered);
    r->ordered -= ordered;
    quantity -= ordered;
    if (quantity == 0)
        return;
    r->stock.reserved += quantity;
    struct fence *f = fence_of(r, j->channel_number);
    if (r->lands_at != INSTANT_NONE)
        take_dated(r, r->lands_at, quantity);
    else if (f)
        f->consumed += lesser(quantity, fence_left(f));
}

static void give_back(const struct judging *j, struct judged_row *r, const struct hold *h)
{
    milli_t open = h->open_held + h->open_committed;
    r->stock.reserved -= h->open_held;
    r->stock.committed -= h->open_committed;
    if (h->demand->dated)
        for (uint32_t i = 0; i < r->stock.dated_count; i++)
            r->dated[i].demand -= r->dated[i].at == h->demand->dated_at ? open : 0;
    struct fence *f = fence_of(r, h->demand->channel);
    if (f && f->sets == h->demand->fence_sets)
        f->consumed -= hold_fence_took(h);
}

int judge_leave_out(struct judging *j, const struct kept *k)
{
    j->without = k;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        const struct hold *h = k->has.holds[i];
        if (!h->demand)
            continue;
        int error = 0;
        struct judged_row *r = judged(j, h->sku, h->location, &error);
        if (error)
            return error;
        if (r)
            give_back(j, r, h);
    }
    return 0;
}

/* ---- what one place can give ---- */

/* A line, with those that ask for the same from the same places. */
struct wanted {
    uint32_t line; /* the first of them */
    const struct line_said *said;
    struct sku *sku;
    const struct item *item;
    milli_t quantity;
    milli_t most_per_line; /* the most that any of its places grants to a line */
};

struct capacity {
    milli_t stock, most; /* by stock alone; by backorder too */
};

/* What the rules of the channel, and those of `*`, say here: as answers show it. */
static struct terms terms_at(const struct judging *j, const struct sku *sku, const struct location *l)
{
    const struct catalogue *c = j->a->state->catalogue;
    bool pool = j->channel_number == CHANNEL_POOL;
    struct rules rules = rules_of(c, pool ? NULL : catalogue_channel_at(c, j->channel_number));
    struct rules_place place = {l, places_is_stale(&j->a->state->places, l->number)};
    struct terms terms = rules_resolve(c, &rules, sku_text(sku), item_of(sku), place, j->method);
    if (j->moves)
        terms.max_per_line = LIMIT_NONE;
    return terms;
}

/* No figure of the row leaves its range, whatever is promised. */
static milli_t range_of(const struct stock *s)
{
    milli_t demand = QUANTITY_MOST - s->reserved - s->committed, hand = QUANTITY_MOST + s->on_hand;
    return greater(0, lesser(demand, hand));
}

static struct promise_question question_of(const struct judging *j, const struct terms *terms, milli_t step,
                                           instant_t at)
{
    const struct state *s = j->a->state;
    return (struct promise_question){.channel = j->channel_number,
                                     .terms = *terms,
                                     .at = at,
                                     .log_time = s->log_time,
                                     .supply_grace_us = s->settings.supply_grace_us,
                                     .step = step};
}

static int capacity_of(struct judging *j, struct sku *sku, const struct location *l,
                       const struct terms *terms, milli_t step, struct capacity *ret)
{
    int error = 0;
    struct judged_row *r = judged(j, sku, l->number, &error);
    *ret = (struct capacity){0, 0};
    if (!r)
        return error;
    struct promise_question q = question_of(j, terms, step, r->at);
    struct promise p = promise_of(&r->stock, &q);
    milli_t range = range_of(&r->stock);
    ret->stock = lesser(p.grant_stock, range) + r->ordered;
    ret->most = lesser(p.grant_most, range) + r->ordered;
    return 0;
}

/* As many whole kits as the least component allows. */
static int capacity_of_kit(struct judging *j, const struct item *kit, const struct location *l,
                           struct capacity *ret)
{
    *ret = (struct capacity){QUANTITY_MOST, QUANTITY_MOST};
    for (uint32_t i = 0; i < kit->components_count; i++) {
        struct sku *sku = table_find(j->a->state->table, kit->components[i].sku);
        struct capacity of = {0, 0};
        if (sku) {
            const struct item *item = item_of(sku);
            struct terms terms = terms_at(j, sku, l);
            int error = capacity_of(j, sku, l, &terms, item ? item->step : 1, &of);
            if (error)
                return error;
        }
        milli_t per_kit = kit->components[i].quantity;
        ret->stock = lesser(ret->stock, of.stock / per_kit * MILLI_PER_UNIT);
        ret->most = lesser(ret->most, of.most / per_kit * MILLI_PER_UNIT);
    }
    return 0;
}

static milli_t step_of(const struct wanted *w)
{
    milli_t step = w->item ? w->item->step : 1;
    return w->item && w->item->components_count && step < MILLI_PER_UNIT ? MILLI_PER_UNIT : step;
}

/* `given`: what other places give to this line already. */
static int capacity_at(struct judging *j, struct wanted *w, uint32_t candidate, milli_t given,
                       struct capacity *ret)
{
    const struct location *l = catalogue_location(j->a->state->catalogue, w->said->locations[candidate]);
    *ret = (struct capacity){0, 0};
    if (!l || !w->sku)
        return 0;
    struct terms terms = terms_at(j, w->sku, l);
    bool kit = w->item && w->item->components_count;
    int error =
        kit ? capacity_of_kit(j, w->item, l, ret) : capacity_of(j, w->sku, l, &terms, step_of(w), ret);
    if (error)
        return error;
    w->most_per_line = greater(w->most_per_line, terms.max_per_line);
    milli_t bound = terms.max_per_line == LIMIT_NONE ? LIMIT_NONE : greater(0, terms.max_per_line - given);
    if (!terms.enabled)
        bound = 0;
    ret->stock = quantity_floor(lesser(ret->stock, bound), step_of(w));
    ret->most = quantity_floor(lesser(ret->most, bound), step_of(w));
    return 0;
}

/* ---- why a place could not ---- */

static int note_refused(struct judging *j, const struct refused_row *row)
{
    if (j->refused_rows_count == REFUSED_ROWS_MOST)
        return 0;
    if (j->refused_rows_count == j->refused_rows_capacity) {
        uint32_t capacity = j->refused_rows_capacity ? 2 * j->refused_rows_capacity : 8;
        if (!arena_grow(j->arena, &j->refused_rows, j->refused_rows_capacity, capacity,
                        sizeof(*j->refused_rows)))
            return ERROR_NOMEM;
        j->refused_rows_capacity = capacity;
    }
    j->refused_rows[j->refused_rows_count++] = *row;
    return 0;
}

/* The row as it is judged now, against so much of it. */
static int note_row(struct judging *j, struct sku *sku, const struct location *l, const struct terms *terms,
                    milli_t requested)
{
    static const struct stock nothing = {0};
    const struct item *item = item_of(sku);
    milli_t step = item ? item->step : 1;
    int error = 0;
    struct judged_row *r = judged(j, sku, l->number, &error);
    if (error)
        return error;
    const struct stock *stock = r ? &r->stock : &nothing;
    struct promise_question q = question_of(j, terms, step, r ? r->at : j->required_at);
    milli_t ordered = r && terms->enabled ? lesser(r->ordered, requested) : 0;
    milli_t most = r ? lesser(promise_of(stock, &q).grant_most, range_of(stock)) + ordered : 0;
    most = quantity_floor(lesser(most, terms->max_per_line), step);
    struct refused_row row = {
        .sku = sku, .location = l->number, .refusal = refusal_of(stock, &q, requested, ordered, most)};
    if (row.refusal.bound && !item_goes_from(item, l, j->method))
        row.refusal.bound = BOUND_METHOD;
    return note_refused(j, &row);
}

/* A kit's rules hold for each of its components too. */
static struct terms terms_of_component(const struct terms *of_kit, const struct terms *own, milli_t per_kit)
{
    struct terms t = *own;
    t.enabled = own->enabled && of_kit->enabled;
    if (of_kit->max_per_line != LIMIT_NONE)
        t.max_per_line = lesser(t.max_per_line, of_kit->max_per_line / MILLI_PER_UNIT * per_kit);
    return t;
}

static int note_place(struct judging *j, const struct wanted *w, uint32_t candidate)
{
    const struct location *l = catalogue_location(j->a->state->catalogue, w->said->locations[candidate]);
    if (!l || !w->sku)
        return 0;
    struct terms terms = terms_at(j, w->sku, l);
    uint32_t components = w->item ? w->item->components_count : 0;
    int error = components ? 0 : note_row(j, w->sku, l, &terms, w->quantity);
    for (uint32_t i = 0; i < components && !error; i++) {
        const struct component *c = &w->item->components[i];
        struct sku *sku = table_find(j->a->state->table, c->sku);
        if (!sku)
            continue;
        struct terms own = terms_at(j, sku, l), both = terms_of_component(&terms, &own, c->quantity);
        error = note_row(j, sku, l, &both, w->quantity / MILLI_PER_UNIT * c->quantity);
    }
    return error;
}

static int note_places(struct judging *j, const struct wanted *w)
{
    int error = 0;
    for (uint32_t i = 0; i < w->said->locations_count && !error; i++)
        error = note_place(j, w, i);
    return error;
}

/* ---- granting ---- */

static int take_rows(struct judging *j, const struct wanted *w, uint32_t location, milli_t quantity)
{
    bool kit = w->item && w->item->components_count;
    uint32_t count = kit ? w->item->components_count : 1;
    int error = 0;
    for (uint32_t i = 0; i < count && !error; i++) {
        struct sku *sku = kit ? table_find(j->a->state->table, w->item->components[i].sku) : w->sku;
        milli_t each = kit ? quantity / MILLI_PER_UNIT * w->item->components[i].quantity : quantity;
        struct judged_row *r = judged(j, sku, location, &error);
        if (r)
            take(j, r, each);
    }
    return error;
}

static int grant(struct judging *j, const struct wanted *w, uint32_t candidate, milli_t quantity)
{
    const struct location *l = catalogue_location(j->a->state->catalogue, w->said->locations[candidate]);
    bool kit = w->item && w->item->components_count;
    int error = take_rows(j, w, l->number, quantity);
    if (error)
        return error;
    for (uint32_t i = j->grants_count; i > 0 && j->grants[i - 1].line == w->line; i--)
        if (j->grants[i - 1].location == l->number) {
            j->grants[i - 1].quantity += quantity;
            return 0;
        }
    j->grants[j->grants_count++] = (struct grant){
        .line = w->line, .sku = w->sku, .location = l->number, .kit = kit, .quantity = quantity};
    j->components += kit ? w->item->components_count : 1;
    return 0;
}

/* The first that can give all of it; else, of `best`, the one that can give most. */
static int from_one(struct judging *j, struct wanted *w, bool partial, milli_t *ret_granted,
                    milli_t *ret_most)
{
    uint32_t count = w->said->locations_count, best = 0;
    struct capacity c;
    for (int backorder = 0; backorder < 2; backorder++)
        for (uint32_t i = 0; i < count; i++) {
            int error = capacity_at(j, w, i, 0, &c);
            if (error)
                return error;
            if ((backorder ? c.most : c.stock) >= w->quantity) {
                *ret_granted = *ret_most = w->quantity;
                return grant(j, w, i, w->quantity);
            }
            if (c.most > *ret_most) {
                *ret_most = c.most;
                best = i;
            }
        }
    if (!partial || *ret_most == 0)
        return 0;
    *ret_granted = *ret_most;
    return grant(j, w, best, *ret_most);
}

/* Each gives what it can. */
static int from_many(struct judging *j, struct wanted *w, milli_t *ret_granted)
{
    for (int backorder = 0; backorder < 2; backorder++)
        for (uint32_t i = 0; i < w->said->locations_count && *ret_granted < w->quantity; i++) {
            struct capacity c;
            int error = capacity_at(j, w, i, *ret_granted, &c);
            milli_t quantity = lesser(backorder ? c.most : c.stock, w->quantity - *ret_granted);
            if (!error && quantity > 0)
                error = grant(j, w, i, quantity);
            if (error)
                return error;
            *ret_granted += quantity;
        }
    return 0;
}

/* The item, and of a kit each component, may be handed over by the method that is asked for. */
static bool goes_by_method(const struct judging *j, const struct wanted *w)
{
    bool goes = item_goes_from(w->item, NULL, j->method);
    for (uint32_t i = 0; w->item && i < w->item->components_count; i++) {
        const struct sku *sku = table_find(j->a->state->table, w->item->components[i].sku);
        goes = goes && item_goes_from(sku ? item_of(sku) : NULL, NULL, j->method);
    }
    return goes;
}

static int judge_line(struct judging *j, struct wanted *w, bool partial)
{
    milli_t granted = 0, most = 0;
    bool split = w->said->split && w->said->locations_count > 1;
    uint32_t noted = j->refused_rows_count;
    int error = split && j->notes ? note_places(j, w) : 0; /* before any of them gives what it can */
    w->most_per_line = 0;
    if (!error)
        error = split ? from_many(j, w, &granted) : from_one(j, w, partial, &granted, &most);
    if (granted == w->quantity)
        j->refused_rows_count = noted;
    if (error || granted == w->quantity)
        return error;
    if (j->notes && !split)
        error = note_places(j, w);
    if (error)
        return error;
    j->shortfalls[j->shortfalls_count++] = (struct shortfall){.sku = w->said->sku,
                                                              .location = w->said->locations[0],
                                                              .requested = w->quantity,
                                                              .available = split ? granted : most};
    if (partial)
        j->missing[j->missing_count++] =
            (struct reservation_missing){w->said->sku, w->said->locations[0], w->quantity - granted};
    bool not_so = !goes_by_method(j, w);
    bool too_many = w->most_per_line > 0 && w->quantity > w->most_per_line;
    if (!j->refused) {
        j->refused = not_so ? REASON_METHOD : too_many ? REASON_MAX_PER_LINE : REASON_INSUFFICIENT;
        j->refused_line = w->line;
    }
    return 0;
}

/* ---- the lines of a request ---- */

/* Lines with several candidates stay apart: each of them may be given by another place. */
static bool same_place(const struct line_said *a, const struct line_said *b)
{
    return a->locations_count == 1 && b->locations_count == 1 && text_equal(a->locations[0], b->locations[0]);
}

/* Lines by what they ask for: each its number + 1; 0: nothing. A basket has up to RESERVATION_LINES_MOST. */
struct wanted_slots {
    uint32_t mask;
    uint32_t *at;
};

static bool slots_make(struct judging *j, uint32_t count, struct wanted_slots *ret)
{
    uint32_t slots = 4;
    while (slots < 2 * count)
        slots *= 2;
    *ret = (struct wanted_slots){slots - 1, arena_zalloc(j->arena, slots * sizeof(*ret->at))};
    return ret->at;
}

/* The slot of an earlier line that asks for the same, or the empty one for this. */
static uint32_t *find_same(const struct wanted_slots *slots, const struct wanted *wanted,
                           const struct wanted *w)
{
    const struct line_said *l = w->said;
    uint32_t slot = w->sku ? sku_number(w->sku) : (uint32_t)hash_text(l->sku);
    for (slot *= 0x9E3779B1u, slot ^= slot >> 16; slots->at[slot & slots->mask]; slot++) {
        const struct wanted *other = &wanted[slots->at[slot & slots->mask] - 1];
        if (other->sku == w->sku && text_equal(other->said->sku, l->sku) && same_place(other->said, l))
            break;
    }
    return &slots->at[slot & slots->mask];
}

/* Those for the same item and location are summed first. A refusal for one line: false. */
static bool sum_up(struct judging *j, const struct line_said *lines, uint32_t count,
                   const struct wanted_slots *slots, struct wanted *wanted, uint32_t *ret_count)
{
    uint32_t wanted_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct line_said *l = &lines[i];
        struct wanted w = {.line = i, .said = l, .quantity = l->quantity};
        w.sku = table_find(j->a->state->table, l->sku);
        w.item = w.sku ? item_of(w.sku) : NULL;
        milli_t step = step_of(&w);
        j->refused_line = i;
        if (step > 1 && l->quantity % step) {
            j->refused = REASON_STEP;
            return false;
        }
        uint32_t *same = find_same(slots, wanted, &w);
        if (*same) {
            wanted[*same - 1].quantity += l->quantity;
            continue;
        }
        wanted[wanted_count++] = w;
        *same = wanted_count;
    }
    *ret_count = wanted_count;
    return true;
}

static int make_lists(struct judging *j, const struct line_said *lines, uint32_t count, struct wanted **ret)
{
    size_t candidates = 0;
    for (uint32_t i = 0; i < count; i++)
        candidates += lines[i].locations_count;
    j->grants = arena_alloc(j->arena, (candidates + 1) * sizeof(*j->grants));
    j->shortfalls = arena_alloc(j->arena, (count + 1) * sizeof(*j->shortfalls));
    j->missing = arena_alloc(j->arena, (count + 1) * sizeof(*j->missing));
    *ret = arena_alloc(j->arena, (count + 1) * sizeof(**ret));
    return j->grants && j->shortfalls && j->missing && *ret ? 0 : ERROR_NOMEM;
}

int judge_lines(struct judging *j, const struct line_said *lines, uint32_t count, bool partial)
{
    struct wanted_slots slots;
    struct wanted *wanted;
    uint32_t wanted_count;
    j->rows_hint = count;
    int error = make_lists(j, lines, count, &wanted);
    if (!error && !slots_make(j, count, &slots))
        error = ERROR_NOMEM;
    if (error || !sum_up(j, lines, count, &slots, wanted, &wanted_count))
        return error;
    for (uint32_t i = 0; i < wanted_count && !error; i++)
        error = judge_line(j, &wanted[i], partial);
    if (partial && j->grants_count)
        j->refused = REASON_NONE;
    return error;
}
