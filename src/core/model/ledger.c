/* Ledgers are made and freed here, and rare parts made from them. */
#include "core/model/books.h"

#include "core/table/slab.h"

#include <stdlib.h>

struct ledger *ledger_create(void)
{
    struct ledger *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->sums.count_at = l->merged_until = l->purged_until = INSTANT_NONE;
    movements_init(&l->movements);
    return l;
}

static void finish_demand(struct account *a)
{
    demand_destroy((struct demand *)a);
}

static void finish_supply(struct account *a)
{
    supply_destroy((struct supply *)a);
}

void ledger_destroy(struct ledger *l)
{
    if (!l)
        return;
    movements_finish(&l->movements);
    accounts_finish(&l->demand, finish_demand);
    accounts_finish(&l->supply, finish_supply);
    dated_finish(&l->dated);
    fences_finish(&l->fences);
    free(l->statuses);
    free(l->limits);
    free(l);
}

uint8_t ledger_flags(const struct ledger *l)
{
    return (uint8_t)((l->unmatched ? ROW_UNMATCHED : 0) | (fences_left(&l->fences) ? ROW_FENCED : 0) |
                     (l->dated.demands ? ROW_DATED : 0) |
                     (l->limits && l->limits->backorder_limit ? ROW_BACKORDER : 0));
}

void rare_destroy(void *rare)
{
    struct rare *r = rare;
    if ((uintptr_t)rare & 1) {
        slab_free((char *)rare - 1);
        return;
    }
    if (r && r->ledger && --r->ledger->rares == 0)
        ledger_destroy(r->ledger);
    if (r && r->rested)
        slab_free(r);
    else
        free(r);
}

static int by_date(const void *left, const void *right)
{
    const struct supply_shown *a = left, *b = right;
    if (a->expected_at != b->expected_at)
        return a->expected_at < b->expected_at ? -1 : 1;
    int order = text_compare(a->reference, b->reference);
    return order ? order : text_compare(a->line, b->line);
}

static struct text copy(char **to, struct text t)
{
    char *at = *to;
    if (t.length)
        memcpy(at, t.at, t.length);
    *to += t.length;
    return (struct text){at, t.length};
}

static void show_supply(const struct ledger *l, struct rare *r)
{
    char *texts = (char *)(r->supply + r->supply_count) + r->fences_count * sizeof(struct fence) +
                  r->dated_count * sizeof(struct dated);
    struct supply_shown *shown = r->supply;
    for (uint32_t i = 0; i < l->supply.count; i++) {
        const struct supply *s = (const struct supply *)l->supply.at[i];
        if (s->open == 0)
            continue;
        *shown++ = (struct supply_shown){.reference = copy(&texts, account_reference(&s->account)),
                                         .line = copy(&texts, account_line(&s->account)),
                                         .open = s->open,
                                         .expected_at = s->expected_at,
                                         .overdue = supply_overdue(s)};
    }
    qsort(r->supply, r->supply_count, sizeof(*r->supply), by_date);
}

static void show_fences(const struct ledger *l, struct rare *r)
{
    struct fence *shown = (struct fence *)(r->supply + r->supply_count);
    memcpy(shown, l->fences.at, l->fences.count * sizeof(*shown));
    r->fences = shown;
}

static void show_dated(const struct ledger *l, struct rare *r)
{
    struct dated *shown = (struct dated *)((struct fence *)(r->supply + r->supply_count) + r->fences_count);
    memcpy(shown, l->dated.at, l->dated.count * sizeof(*shown));
    r->dated = shown;
}

void rare_show(struct rare *r, const struct statuses_kept *statuses, const struct limits *limits,
               instant_t count_at)
{
    r->reorder_point = limits->reorder_point;
    r->backorder_limit = limits->backorder_limit;
    r->last_count_at = count_at;
    for (enum status s = STATUS_NONE + 1; s < STATUS_END; s++)
        r->unavailable[s - 1] = statuses_effective(statuses, s);
}

struct rare *rare_build(struct ledger *l)
{
    uint32_t count = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < l->supply.count; i++) {
        const struct supply *s = (const struct supply *)l->supply.at[i];
        count += s->open > 0;
        bytes += s->open > 0 ? s->account.reference_length + s->account.line_length : 0;
    }
    struct rare *r =
        malloc(sizeof(*r) + count * sizeof(r->supply[0]) + l->fences.count * sizeof(r->fences[0]) +
               l->dated.count * sizeof(r->dated[0]) + bytes);
    if (!r)
        return NULL;
    *r = (struct rare){
        .ledger = l, .supply_count = count, .fences_count = l->fences.count, .dated_count = l->dated.count};
    rare_show(r, l->statuses ? l->statuses : &statuses_none, l->limits ? l->limits : &limits_none,
              l->sums.count_at);
    if (l->fences.count)
        show_fences(l, r);
    if (l->dated.count)
        show_dated(l, r);
    if (count)
        show_supply(l, r);
    l->rares++;
    return r;
}

int ledger_learn_due(struct ledger *l, struct due *due, uint32_t sku, uint32_t location)
{
    int error = due_reserve(due, DUE_SUPPLY, l->supply.count);
    if (!error)
        error = due_reserve(due, DUE_DEMAND, l->dated.demands ? l->demand.count : 0);
    for (uint32_t i = 0; i < l->demand.count && !error; i++) {
        struct demand *d = (struct demand *)l->demand.at[i];
        d->due.sku = sku;
        d->due.location = location;
        if (d->dated)
            due_set(due, DUE_DEMAND, &d->due, d->dated_at);
    }
    for (uint32_t i = 0; i < l->supply.count && !error; i++) {
        struct supply *s = (struct supply *)l->supply.at[i];
        s->due.sku = sku;
        s->due.location = location;
        supply_follow_due(s, due);
    }
    return error;
}
