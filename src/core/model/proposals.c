/* From an entry among what falls due to the words of a proposal. */
#include "core/model/proposals.h"

#include "core/model/kept.h"
#include "core/model/supply.h"

#define OWNER(entry, type, member) ((const type *)((const char *)(entry)-offsetof(type, member)))

int64_t due_delay_us(const struct log_settings *settings, enum due_kind kind)
{
    return kind == DUE_SUPPLY ? settings->supply_grace_us : 0;
}

static struct text location_id(const struct state *s, uint32_t number)
{
    const struct location *l = catalogue_location_at(s->catalogue, number);
    return l ? l->id : (struct text){0};
}

static void describe_supply(const struct state *s, const struct supply *line, struct proposal_said *ret)
{
    *ret = (struct proposal_said){.kind = PROPOSAL_OVERDUE,
                                  .sku = sku_text(table_sku(s->table, line->due.sku)),
                                  .location = location_id(s, line->due.location),
                                  .reference = account_reference(&line->account),
                                  .line = account_line(&line->account),
                                  .seen = line->expected_at,
                                  .due = line->expected_at + s->settings.supply_grace_us};
}

static void describe_hold(const struct kept *k, struct proposal_said *ret)
{
    *ret = (struct proposal_said){
        .kind = PROPOSAL_EXPIRE, .reference = kept_id(k), .seen = k->expires_at, .due = k->expires_at};
}

static void describe_demand(const struct state *s, const struct demand *d, struct proposal_said *ret)
{
    *ret = (struct proposal_said){.kind = PROPOSAL_DEMAND,
                                  .sku = sku_text(table_sku(s->table, d->due.sku)),
                                  .location = location_id(s, d->due.location),
                                  .reference = account_reference(&d->account),
                                  .line = account_line(&d->account),
                                  .seen = d->dated_at,
                                  .due = d->dated_at};
}

void due_describe(const struct state *s, enum due_kind kind, const struct due_entry *e,
                  struct proposal_said *ret)
{
    switch (kind) {
    case DUE_SUPPLY:
        describe_supply(s, OWNER(e, struct supply, due), ret);
        break;
    case DUE_HOLD:
        describe_hold(OWNER(e, struct kept, due), ret);
        break;
    case DUE_DEMAND:
        describe_demand(s, OWNER(e, struct demand, due), ret);
        break;
    case DUE_KINDS:
        break;
    }
}
