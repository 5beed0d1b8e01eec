/* What the history is told of a step that was refused: a line for each row that was asked and did not give,
 * with why, and one for each that could have given. Steps that were refused without looking at stock get a
 * line for each row that they speak of. */
#include "core/model/reserve_plan.h"

#include "base/error.h"

typedef void (*told)(const struct plan *p, struct outcome *o, struct sku *sku, uint32_t location,
                     milli_t quantity);

static void count_one(const struct plan *p, struct outcome *o, struct sku *sku, uint32_t location,
                      milli_t quantity)
{
    (void)p, (void)sku, (void)location, (void)quantity;
    o->lines_count++; /* what is counted is taken back */
}

static void tell_one(const struct plan *p, struct outcome *o, struct sku *sku, uint32_t location,
                     milli_t quantity)
{
    stage_line_refused(p->a, o, sku, location, quantity, NULL);
}

/* A kit's rows are those of its components. */
static void each_row(const struct plan *p, struct outcome *o, struct sku *sku, uint32_t location,
                     milli_t quantity, told tell)
{
    const struct item *item = item_of(sku);
    uint32_t components = item ? item->components_count : 0;

    if (!components)
        tell(p, o, sku, location, quantity);
    for (uint32_t i = 0; i < components; i++) {
        struct sku *of = table_find(p->a->state->table, item->components[i].sku);
        if (of)
            tell(p, o, of, location, quantity / MILLI_PER_UNIT * item->components[i].quantity);
    }
}

static void each_granted(const struct plan *p, struct outcome *o, told tell)
{
    for (uint32_t i = 0; i < p->judging.grants_count; i++) {
        const struct grant *g = &p->judging.grants[i];
        each_row(p, o, g->sku, g->location, g->quantity, tell);
    }
}

static void each_said(const struct plan *p, struct outcome *o, told tell)
{
    for (uint32_t i = 0; i < p->said->lines_count; i++) {
        const struct line_said *l = &p->said->lines[i];
        struct sku *sku = table_find(p->a->state->table, l->sku);
        for (uint32_t n = 0; sku && n < l->locations_count && n < REFUSED_ROWS_MOST; n++) {
            const struct location *at = catalogue_location(p->a->state->catalogue, l->locations[n]);
            if (at)
                each_row(p, o, sku, at->number, l->quantity, tell);
        }
    }
}

static void each_held(const struct plan *p, const struct kept *k, struct outcome *o, told tell)
{
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        const struct hold *h = k->has.holds[i];
        tell(p, o, h->sku, h->location, h->open_held + h->open_committed);
    }
}

static void each(const struct plan *p, const struct kept *k, struct outcome *o, told tell)
{
    if (p->judging.refused_rows_count)
        each_granted(p, o, tell);
    else if (p->said->step == STEP_RESERVE)
        each_said(p, o, tell);
    else if (k)
        each_held(p, k, o, tell);
}

int tell_refused(const struct plan *p, const struct kept *k, struct outcome *o)
{
    size_t before = o->lines_count;

    if (!o->keeps_lines)
        return 0;
    each(p, k, o, count_one);
    size_t more = o->lines_count - before + p->judging.refused_rows_count;
    o->lines_count = before;
    int error = stage_reserve_lines(o, more);
    if (error)
        return error;
    for (uint32_t i = 0; i < p->judging.refused_rows_count; i++) {
        const struct refused_row *r = &p->judging.refused_rows[i];
        stage_line_refused(p->a, o, r->sku, r->location, r->refusal.requested, &r->refusal);
    }
    each(p, k, o, tell_one);
    return 0;
}
