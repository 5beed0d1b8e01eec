/* From groups and points to explicit, ordered lists of locations: what the log judges by must stand in the
 * log. */
#include "http/reservation_request.h"

#include "core/answer/finder.h"

/* ---- keys ---- */

static bool key_may_at(const struct key *k, struct text location)
{
    return !k || key_has_location(k, location);
}

bool reservation_is_keys(const struct key *k, const struct reservation *r)
{
    if (!k)
        return true;
    if (k->channels_count && !key_has_channel(k, r->channel))
        return false;
    for (uint32_t i = 0; i < r->lines_count; i++)
        if (!key_has_location(k, r->lines[i].location))
            return false;
    return true;
}

static bool given_is_allowed(struct exchange *x, const struct line_said *l)
{
    for (uint32_t i = 0; i < l->locations_count; i++)
        if (!location_is_allowed(x, l->locations[i]))
            return false;
    return true;
}

/* ---- candidates ---- */

/* Of one line; all lines of a request share the room. */
struct candidates {
    struct text *at;
    uint32_t count, most;
    bool failed, too_many;
};

static void add(struct exchange *x, struct candidates *c, const struct location *l)
{
    if (!l || l->deleted || !key_may_at(x->key, l->id))
        return;
    if (c->count == c->most) {
        c->too_many = true;
        return;
    }
    struct text id = arena_text(&x->loop->scratch.arena, l->id); /* it may be replaced at any time */
    c->failed |= !id.at;
    c->at[c->count++] = id;
}

static void add_group(struct exchange *x, const struct group *g, struct candidates *c)
{
    const struct view *v = exchange_view(x);

    for (uint32_t i = 0; i < g->locations_count && !c->too_many; i++)
        add(x, c, catalogue_location_at(v->catalogue, g->locations[i]));
}

static bool may_here(void *context, const struct location *l)
{
    return key_may_at(context, l->id);
}

/* The nearest that have a row of the SKU; when none has, the nearest: the log says no to it. */
static void add_near(struct exchange *x, const struct place_said *p, struct text sku, struct candidates *c)
{
    const struct view *v = exchange_view(x);
    struct question q = {.now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    struct finder_line line = {table_find(v->table, sku), 0};
    struct finder f = {.view = v,
                       .question = &q,
                       .room = &x->loop->scratch.finder,
                       .lines_count = 1,
                       .lines = &line,
                       .known_only = true,
                       .near = near_from(p->latitude_e7, p->longitude_e7, p->within_m),
                       .is_wanted = may_here,
                       .context = (void *)(uintptr_t)x->key};
    struct query_row *rows = scratch_rows(x->loop, p->limit + FINDER_TURN);
    struct near_place *places = scratch_places(x->loop, p->limit + FINDER_TURN);

    if (!rows || !places) {
        c->failed = true;
        return;
    }
    size_t found = finder_find(&f, places, rows, p->limit);
    if (!found) {
        f.lines_count = 0;
        found = finder_find(&f, places, rows, 1);
    }
    for (size_t i = 0; i < found; i++)
        add(x, c, catalogue_location_at(v->catalogue, places[i].number));
}

/* ---- what cannot be resolved ---- */

static bool refuse_group(struct exchange *x, uint32_t line, struct text group)
{
    struct problems p = {.count = 0};
    char pointer[48];

    snprintf(pointer, sizeof(pointer), "/items/%u/group", line);
    problems_add(&p, pointer, "there is no group `%.*s`", (int)group.length, group.at);
    problem_with(x, PROBLEM_BAD_BODY, &p, "%s there is no group `%.*s`", pointer, (int)group.length,
                 group.at);
    return false;
}

static bool refuse_empty(struct exchange *x, uint32_t line, const struct place_said *p)
{
    struct problems problems = {.count = 0};
    char pointer[48];

    snprintf(pointer, sizeof(pointer), "/items/%u/%s", line, p->kind == PLACE_GROUP ? "group" : "near");
    problems_add(&problems, pointer, "has no location that could give anything");
    problem_with(x, PROBLEM_REJECTED, &problems, "%s has no location that could give anything", pointer);
    return false;
}

static bool refuse_too_many(struct exchange *x)
{
    problem(x, PROBLEM_TOO_LARGE,
            "more than %d locations over all lines: name fewer, a smaller group, or a "
            "smaller limit",
            RESERVATION_CANDIDATES_MOST);
    return false;
}

/* The same request again is known by its digest, whatever has become of its group since: then any location
 * does. */
static const struct reservation *known_already(struct exchange *x, const struct reservation_request *r)
{
    const struct reservation *known = reservations_find(exchange_view(x)->reservations, r->said.id);

    return known && known->lines_count ? known : NULL;
}

static bool resolve(struct exchange *x, const struct reservation_request *r, uint32_t line,
                    struct candidates c)
{
    const struct place_said *p = &r->places[line];
    struct line_said *l = &r->lines[line];

    const struct reservation *known = known_already(x, r);
    const struct group *g =
        p->kind == PLACE_GROUP ? catalogue_group(exchange_view(x)->catalogue, p->group) : NULL;
    if (p->kind == PLACE_GROUP && (!g || g->deleted) && !known)
        return refuse_group(x, line, p->group);
    if (g && !g->deleted)
        add_group(x, g, &c);
    else if (p->kind == PLACE_NEAR)
        add_near(x, p, l->sku, &c);
    if (!c.count && known && c.most) {
        c.at[c.count++] = arena_text(&x->loop->scratch.arena, known->lines[0].location);
        c.failed |= !c.at[0].at;
    }
    l->locations = c.at;
    l->locations_count = c.count;
    if (c.failed)
        problem_no_memory(x);
    else if (c.too_many)
        refuse_too_many(x);
    else if (!c.count)
        refuse_empty(x, line, p);
    return !c.failed && !c.too_many && c.count;
}

bool reservation_places_resolve(struct exchange *x, struct reservation_request *r)
{
    uint32_t used = 0;
    struct text *room = arena_alloc(&x->loop->scratch.arena,
                                    RESERVATION_CANDIDATES_MOST * sizeof(*room)); /* not touched yet */
    bool ok = true;

    if (!room) {
        problem_no_memory(x);
        return false;
    }
    epoch_enter(x->loop->reader);
    for (uint32_t i = 0; ok && i < r->said.lines_count; i++) {
        struct candidates c = {.at = room + used, .most = RESERVATION_CANDIDATES_MOST - used};
        bool given = r->places[i].kind == PLACE_GIVEN;
        ok = given ? given_is_allowed(x, &r->lines[i]) : resolve(x, r, i, c);
        if (ok && r->lines[i].locations_count > RESERVATION_CANDIDATES_MOST - used)
            ok = refuse_too_many(x);
        used += r->lines[i].locations_count;
    }
    epoch_exit(x->loop->reader);
    return ok;
}
