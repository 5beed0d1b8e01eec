/* What steps do to accounts, planned: nothing is changed here. */
#include "core/model/reserve_plan.h"

#include "base/error.h"

#include <stdlib.h>

/* ---- acts ---- */

static int acts_make(struct plan *p, uint32_t most)
{
    p->acts = arena_alloc(&p->a->state->scratch, (most + 1) * sizeof(*p->acts));
    p->accounts = arena_alloc(&p->a->state->scratch, 2 * (most + 1) * sizeof(*p->accounts));
    return p->acts && p->accounts ? 0 : ERROR_NOMEM;
}

static void act(struct plan *p, struct hold *h, enum act_kind kind, milli_t quantity)
{
    if (quantity > 0 || kind == ACT_FULFIL_ALL)
        p->acts[p->acts_count++] = (struct act){h, kind, quantity};
}

/* ---- steps ---- */

static uint32_t fill_line(struct kept_lines *l, uint32_t line, uint32_t hold, const struct grant *g,
                          const struct table *t)
{
    const struct item *kit = g->kit ? item_of(g->sku) : NULL;
    uint32_t count = kit ? kit->components_count : 1;
    l->lines[line] =
        (struct kept_line){.sku = g->sku, .location = g->location, .kit = g->kit, .quantity = g->quantity};
    for (uint32_t i = 0; i < count; i++)
        *l->holds[hold + i] = (struct hold){.sku = kit ? table_find(t, kit->components[i].sku) : g->sku,
                                            .location = g->location,
                                            .line = (uint16_t)line,
                                            .per_unit = kit ? kit->components[i].quantity : MILLI_PER_UNIT};
    return count;
}

static milli_t of_hold(const struct hold *h, milli_t units)
{
    __extension__ typedef __int128 wide;
    return h->per_unit == MILLI_PER_UNIT ? units : (milli_t)((wide)units * h->per_unit / MILLI_PER_UNIT);
}

/* Lines and holds as they were granted. */
static int lines_of_grants(struct plan *p, struct kept_lines *ret)
{
    const struct judging *j = &p->judging;
    int error = kept_lines_make(ret, j->grants_count, j->components);
    if (error)
        return error;
    uint32_t hold = 0;
    for (uint32_t i = 0; i < j->grants_count; i++)
        hold += fill_line(ret, i, hold, &j->grants[i], p->a->state->table);
    return 0;
}

static void act_all(struct plan *p, struct kept_lines *l, enum act_kind kind)
{
    for (uint32_t i = 0; i < l->holds_count; i++)
        act(p, l->holds[i], kind, of_hold(l->holds[i], l->lines[l->holds[i]->line].quantity));
}

static int set_missing(struct kept *k, const struct judging *j)
{
    struct reservation_missing *missing;
    int error = kept_reserve_rare(k);
    if (!error)
        error = missing_copy(j->missing, j->missing_count, &missing);
    if (!error)
        kept_set_missing(k, missing, j->missing_count);
    return error;
}

int plan_new(struct plan *p, instant_t expires_at)
{
    const struct reservation_said *said = p->said;
    struct kept *k = p->kept = kept_create(said->id, said->channel);
    if (!k)
        return ERROR_NOMEM;
    p->is_new = true;
    int error = kept_reference_make(said->reference, &k->reference);
    if (!error && p->judging.missing_count)
        error = set_missing(k, &p->judging);
    if (!error)
        error = lines_of_grants(p, &k->has);
    if (!error)
        error = acts_make(p, 3 * k->has.holds_count);
    if (error)
        return error;
    k->digest = said->digest;
    k->channel_number = p->judging.channel_number;
    k->method = said->method;
    k->partial = said->partial;
    k->required_at = said->required_at;
    k->created_at = p->a->state->log_time;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        k->has.holds[i]->of = k;
    p->expires_at = expires_at;
    p->ends_as = RESERVATION_FULFILLED;
    act_all(p, &k->has, ACT_HOLD);
    if (said->begin >= RESERVATION_CONFIRMED)
        act_all(p, &k->has, ACT_CONFIRM);
    if (said->begin == RESERVATION_FULFILLED)
        act_all(p, &k->has, ACT_FULFIL);
    return 0;
}

static int plan_of(struct plan *p, struct kept *k, uint32_t acts_of_hold)
{
    p->kept = k;
    p->expires_at = k->expires_at;
    p->ends_as = (enum reservation_state)k->ends_as;
    return acts_make(p, acts_of_hold * k->has.holds_count);
}

int plan_confirm(struct plan *p, struct kept *k)
{
    int error = plan_of(p, k, 1);
    if (error)
        return error;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        act(p, k->has.holds[i], ACT_CONFIRM, k->has.holds[i]->held);
    p->refers = p->said->reference.length && !k->reference;
    p->ends_as = RESERVATION_FULFILLED;
    return 0;
}

static milli_t units_of(const struct hold *h, milli_t quantity)
{
    __extension__ typedef __int128 wide;
    return h->per_unit == MILLI_PER_UNIT ? quantity
                                         : (milli_t)((wide)quantity * MILLI_PER_UNIT / h->per_unit);
}

/* The least of its holds, in units of the line. */
static milli_t of_line(const struct kept *k, uint32_t line, milli_t (*quantity)(const struct hold *h))
{
    milli_t least = LIMIT_NONE;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        const struct hold *h = k->has.holds[i];
        milli_t units = h->line == line ? units_of(h, quantity(h)) : LIMIT_NONE;
        least = units < least ? units : least;
    }
    return least == LIMIT_NONE ? 0 : least;
}

static milli_t lapsed_of(const struct hold *h)
{
    return h->lapsed;
}

static milli_t committed_of(const struct hold *h)
{
    return h->open_committed;
}

static milli_t open_of(const struct hold *h)
{
    return h->open_held + h->open_committed;
}

/* Asks for lines anew: each from its place. */
struct asking {
    uint32_t count;
    struct line_said *lines;
    struct text *places;
};

static int asking_make(struct plan *p, uint32_t most, struct asking *ret)
{
    ret->count = 0;
    ret->lines = arena_alloc(&p->a->state->scratch, (most + 1) * sizeof(*ret->lines));
    ret->places = arena_alloc(&p->a->state->scratch, (most + 1) * sizeof(*ret->places));
    return ret->lines && ret->places ? 0 : ERROR_NOMEM;
}

static void ask_for(struct asking *q, const struct kept_line *l, struct text place, milli_t quantity)
{
    if (quantity <= 0)
        return;
    q->places[q->count] = place;
    q->lines[q->count] = (struct line_said){.sku = sku_text(l->sku),
                                            .quantity = quantity,
                                            .locations_count = 1,
                                            .locations = &q->places[q->count]};
    q->count++;
}

static struct text place_of(const struct plan *p, const struct kept_line *l)
{
    return catalogue_location_at(p->a->state->catalogue, l->location)->id;
}

/* What a checkpoint would not take back is not granted. */
static bool is_too_large(uint32_t lines, size_t holds)
{
    return lines > RESERVATION_CANDIDATES_MOST || holds > HOLDS_MOST;
}

bool plan_is_granted(struct plan *p)
{
    if (!p->judging.refused && is_too_large(p->judging.grants_count, p->judging.components))
        p->judging.refused = REASON_TOO_MANY_LINES;
    if (p->judging.refused) {
        p->verdict = VERDICT_REJECTED;
        p->reason = p->judging.refused;
        p->line = p->judging.refused_line;
    }
    return !p->judging.refused;
}

/* What lapsed is held again, if it is still there, and confirmed. */
int plan_revival(struct plan *p, struct kept *k)
{
    struct asking q;
    int error = plan_of(p, k, 2);
    if (!error)
        error = asking_make(p, k->has.lines_count, &q);
    if (error)
        return error;
    for (uint32_t i = 0; i < k->has.lines_count; i++)
        ask_for(&q, &k->has.lines[i], place_of(p, &k->has.lines[i]), of_line(k, i, lapsed_of));
    error = judge_lines(&p->judging, q.lines, q.count, false);
    if (error || !plan_is_granted(p))
        return error;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        act(p, k->has.holds[i], ACT_HOLD, k->has.holds[i]->lapsed);
        act(p, k->has.holds[i], ACT_CONFIRM, k->has.holds[i]->lapsed);
    }
    p->revives = true;
    p->refers = p->said->reference.length && !k->reference;
    p->ends_as = RESERVATION_FULFILLED;
    return 0;
}

int plan_release(struct plan *p, struct kept *k, enum reservation_state ends_as)
{
    int error = plan_of(p, k, 1);
    if (error)
        return error;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        act(p, k->has.holds[i], ACT_UNHOLD, k->has.holds[i]->open_held);
    p->ends_as = ends_as;
    return 0;
}

int plan_extend(struct plan *p, struct kept *k, instant_t expires_at)
{
    int error = plan_of(p, k, 0);
    p->expires_at = expires_at;
    return error;
}

/* ---- parts ---- */

static void act_part(struct plan *p, struct hold *h, milli_t quantity)
{
    act(p, h, p->said->step == STEP_FULFIL ? ACT_FULFIL : ACT_CALL_OFF, quantity);
}

static bool is_named(const struct plan *p, const struct kept_line *l, const struct line_said *said)
{
    const struct location *at = catalogue_location_at(p->a->state->catalogue, l->location);
    return text_equal(sku_text(l->sku), said->sku) &&
           (!said->locations_count || text_equal(at->id, said->locations[0]));
}

/* From the lines that it names, in their order. `taken`: of each line, by lines said before. */
static enum reason part(struct plan *p, struct kept *k, const struct line_said *said, milli_t *taken)
{
    milli_t rest = said->quantity;
    bool found = false;
    for (uint32_t line = 0; line < k->has.lines_count && rest > 0; line++) {
        if (!is_named(p, &k->has.lines[line], said))
            continue;
        found = true;
        milli_t left = of_line(k, line, committed_of) - taken[line], quantity = rest < left ? rest : left;
        taken[line] += quantity;
        rest -= quantity;
    }
    if (!found)
        return REASON_UNKNOWN_LINE;
    return rest > 0 ? REASON_TOO_MUCH : REASON_NONE;
}

bool is_released(const struct state *s, const struct sku *sku)
{
    const struct item *item = item_of(sku);
    bool released = !item || item->release_at == INSTANT_NONE || item->release_at <= s->log_time;
    for (uint32_t i = 0; item && i < item->components_count && released; i++) {
        const struct sku *of = table_find(s->table, item->components[i].sku);
        const struct item *part = of ? item_of(of) : NULL;
        released = !part || part->release_at == INSTANT_NONE || part->release_at <= s->log_time;
    }
    return released;
}

/* Before the release of its item nothing of a line is handed over; `taken` NULL: of all that is open. */
static bool refuse_before_release(struct plan *p, const struct kept *k, const milli_t *taken)
{
    for (uint32_t i = 0; i < k->has.lines_count; i++) {
        milli_t quantity = taken ? taken[i] : of_line(k, i, committed_of);
        if (quantity <= 0 || is_released(p->a->state, k->has.lines[i].sku))
            continue;
        p->verdict = VERDICT_REJECTED;
        p->reason = REASON_NOT_RELEASED;
        p->line = i;
        return true;
    }
    return false;
}

int plan_parts(struct plan *p, struct kept *k)
{
    bool fulfil = p->said->step == STEP_FULFIL;
    int error = plan_of(p, k, 1);
    milli_t *taken = arena_zalloc(&p->a->state->scratch, (k->has.lines_count + 1) * sizeof(*taken));
    if (error || !taken)
        return ERROR_NOMEM;
    p->ends_as = fulfil ? RESERVATION_FULFILLED : RESERVATION_CANCELLED;
    for (uint32_t i = 0; i < p->said->lines_count; i++) {
        enum reason reason = part(p, k, &p->said->lines[i], taken);
        if (reason) {
            p->verdict = VERDICT_REJECTED;
            p->reason = reason;
            p->line = i;
            return 0;
        }
    }
    if (fulfil && refuse_before_release(p, k, p->said->lines_count ? taken : NULL))
        return 0;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        struct hold *h = k->has.holds[i];
        if (p->said->lines_count)
            act_part(p, h, of_hold(h, taken[h->line]));
        else
            act(p, h, fulfil ? ACT_FULFIL_ALL : ACT_CALL_OFF, h->open_committed);
    }
    return 0;
}

/* ---- other lines ---- */

static void own(struct plan *p)
{
    for (uint32_t i = 0; i < p->lines.holds_count; i++) {
        p->lines.holds[i]->of = p->kept;
        p->lines.holds[i]->line_then = p->lines.holds[i]->line;
        p->lines.holds[i]->fresh = true;
    }
}

static bool is_as_it_was(const struct plan *p, const struct kept *k)
{
    const struct judging *j = &p->judging;
    bool same = j->grants_count == k->has.lines_count && !j->missing_count && !kept_rare(k)->missing_count;
    for (uint32_t i = 0; same && i < j->grants_count; i++) {
        const struct kept_line *l = &k->has.lines[i];
        const struct grant *g = &j->grants[i];
        same = l->sku == g->sku && l->location == g->location && l->quantity == g->quantity;
    }
    return same;
}

/* The lines are said anew, and judged as if it had none. */
int plan_change(struct plan *p, struct kept *k)
{
    int error = plan_of(p, k, 0);
    if (!error)
        error = judge_leave_out(&p->judging, k);
    if (!error)
        error = judge_lines(&p->judging, p->said->lines, p->said->lines_count, k->partial);
    if (error || !plan_is_granted(p))
        return error;
    if (is_as_it_was(p, k)) {
        p->verdict = VERDICT_DUPLICATE;
        return 0;
    }
    const struct judging *j = &p->judging;
    error = acts_make(p, k->has.holds_count + j->components);
    if (!error)
        error = missing_copy(j->missing, j->missing_count, &p->missing);
    if (!error)
        error = lines_of_grants(p, &p->lines);
    if (error)
        return error;
    own(p);
    p->exchanges = true;
    p->missing_count = j->missing_count;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        k->has.holds[i]->dropped = true;
        act(p, k->has.holds[i], ACT_UNHOLD, k->has.holds[i]->open_held);
    }
    act_all(p, &p->lines, ACT_HOLD);
    return 0;
}

static bool is_moved(const struct plan *p, const struct kept_line *l)
{
    const struct reservation_said *said = p->said;
    return text_equal(place_of(p, l), said->move_from) &&
           (!said->move_sku.length || text_equal(sku_text(l->sku), said->move_sku));
}

/* Nothing to move: it was moved before, or never there. */
static void nothing_to_move(struct plan *p, const struct kept *k)
{
    p->verdict = VERDICT_REJECTED;
    p->reason = REASON_UNKNOWN_LINE;
    for (uint32_t i = 0; i < k->has.lines_count; i++) {
        const struct kept_line *l = &k->has.lines[i];
        if (text_equal(place_of(p, l), p->said->move_to) &&
            (!p->said->move_sku.length || text_equal(sku_text(l->sku), p->said->move_sku))) {
            p->verdict = VERDICT_DUPLICATE;
            p->reason = REASON_NONE;
        }
    }
}

/* What stays where it is. */
static void keep_lines(struct plan *p, struct kept *k, uint32_t *then)
{
    struct kept_lines *to = &p->lines;
    for (uint32_t i = 0; i < k->has.lines_count; i++) {
        const struct kept_line *l = &k->has.lines[i];
        milli_t quantity = l->quantity - (is_moved(p, l) ? of_line(k, i, open_of) : 0);
        then[i] = UINT32_MAX;
        if (quantity == 0)
            continue;
        then[i] = to->lines_count++;
        to->lines[then[i]] = *l;
        to->lines[then[i]].quantity = quantity;
    }
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        struct hold *h = k->has.holds[i];
        h->fresh = false;
        h->dropped = then[h->line] == UINT32_MAX;
        h->line_then = (uint16_t)then[h->line];
        if (!h->dropped)
            to->holds[to->holds_count++] = h;
    }
}

/* The line at the other place: one that is there, or one more. */
static uint32_t line_there(struct kept_lines *to, const struct kept_line *l, uint32_t location)
{
    for (uint32_t i = 0; i < to->lines_count; i++)
        if (to->lines[i].sku == l->sku && to->lines[i].location == location)
            return i;
    to->lines[to->lines_count] = (struct kept_line){.sku = l->sku, .location = location, .kit = l->kit};
    return to->lines_count++;
}

/* NULL without memory. */
static struct hold *hold_there(struct kept_lines *to, uint32_t line, const struct hold *h, uint32_t location)
{
    for (uint32_t i = 0; i < to->holds_count; i++)
        if (to->holds[i]->line_then == line && to->holds[i]->sku == h->sku)
            return to->holds[i];
    struct hold *made = malloc(sizeof(*made));
    if (!made)
        return NULL;
    *made = (struct hold){.sku = h->sku,
                          .location = location,
                          .line_then = (uint16_t)line,
                          .per_unit = h->per_unit,
                          .of = h->of,
                          .fresh = true};
    return to->holds[to->holds_count++] = made;
}

static int move_line(struct plan *p, struct kept *k, uint32_t line, uint32_t location)
{
    const struct kept_line *l = &k->has.lines[line];
    milli_t quantity = is_moved(p, l) ? of_line(k, line, open_of) : 0;
    if (quantity == 0)
        return 0;
    uint32_t there = line_there(&p->lines, l, location);
    p->lines.lines[there].quantity += quantity;
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        struct hold *h = k->has.holds[i];
        if (h->line != line)
            continue;
        struct hold *to = hold_there(&p->lines, there, h, location);
        if (!to)
            return ERROR_NOMEM;
        milli_t all = of_hold(h, quantity);
        milli_t committed = h->open_committed < all ? h->open_committed : all;
        act(p, h, ACT_UNHOLD, all - committed);
        act(p, h, ACT_MOVE_OUT, committed);
        act(p, to, ACT_HOLD, all);
        act(p, to, ACT_CONFIRM, committed);
    }
    return 0;
}

static int move_lines(struct plan *p, struct kept *k, uint32_t location)
{
    uint32_t *then = arena_alloc(&p->a->state->scratch, (k->has.lines_count + 1) * sizeof(*then));
    int error =
        then ? kept_lines_make(&p->lines, 2 * k->has.lines_count, 2 * k->has.holds_count) : ERROR_NOMEM;
    if (error)
        return error;
    for (uint32_t i = 0; i < p->lines.holds_count; i++) { /* only the room */
        free(p->lines.holds[i]);
        p->lines.holds[i] = NULL;
    }
    p->lines.lines_count = p->lines.holds_count = 0;
    p->exchanges = true;
    keep_lines(p, k, then);
    for (uint32_t i = 0; i < k->has.lines_count && !error; i++)
        error = move_line(p, k, i, location);
    return error;
}

int plan_move(struct plan *p, struct kept *k)
{
    struct asking q;
    int error = plan_of(p, k, 4);
    if (!error)
        error = asking_make(p, k->has.lines_count, &q);
    if (error)
        return error;
    for (uint32_t i = 0; i < k->has.lines_count; i++)
        if (is_moved(p, &k->has.lines[i]))
            ask_for(&q, &k->has.lines[i], p->said->move_to, of_line(k, i, open_of));
    if (!q.count) {
        nothing_to_move(p, k);
        return 0;
    }
    error = judge_lines(&p->judging, q.lines, q.count, false);
    if (error || !plan_is_granted(p))
        return error;
    uint32_t location = catalogue_location(p->a->state->catalogue, p->said->move_to)->number;
    p->missing_count = kept_rare(k)->missing_count;
    error = missing_copy(kept_rare(k)->missing, p->missing_count, &p->missing);
    if (!error)
        error = move_lines(p, k, location);
    if (!error && is_too_large(p->lines.lines_count, p->lines.holds_count)) {
        plan_abandon(p);
        p->verdict = VERDICT_REJECTED;
        p->reason = REASON_TOO_MANY_LINES;
    }
    return error;
}
