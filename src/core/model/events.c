/* What each type of stock event means for a row. */
#include "core/model/events.h"

static int receipt(struct change *c, struct apply *a, const struct event *e)
{
    c->received = true;
    change_move(c, e->quantity);
    change_status(c, e->status, e->quantity);
    return e->reference.length ? change_supply(c, a, e, SUPPLY_ACT_RECEIVE) : 0;
}

static int gone(struct change *c, struct apply *a, const struct event *e, struct text reference,
                enum demand_kind reporter)
{
    struct demand_entry entry = {.at = e->occurred_at,
                                 .quantity = e->quantity,
                                 .kind = (uint8_t)reporter,
                                 .status = (uint8_t)e->status};
    return change_demand(c, a, reference, e->line, &entry);
}

/* With an order's reference the goods that a till hands over are the order's: on hand falls by what no other
 * reporter has said. */
static int sale(struct change *c, struct apply *a, const struct event *e)
{
    if (e->order_reference.length)
        return gone(c, a, e, e->order_reference, DEMAND_GONE_TILL);
    change_move(c, -e->quantity);
    change_status(c, e->status, -e->quantity);
    change_consume(c, a, e->channel, e->quantity);
    return 0;
}

static int order_placed(struct change *c, struct apply *a, const struct event *e)
{
    enum demand_kind kind = e->op == ORDER_SET ? DEMAND_SET : DEMAND_PLACED;
    c->required = e->has & HAS(required_at);
    struct demand_entry entry = {.at = e->occurred_at, .quantity = e->quantity, .kind = (uint8_t)kind};
    return change_demand(c, a, e->reference, e->line, &entry);
}

static int order_cancelled(struct change *c, struct apply *a, const struct event *e)
{
    enum demand_kind kind = e->has & HAS(quantity) ? DEMAND_CANCELLED : DEMAND_CANCEL_ALL;
    struct demand_entry entry = {.at = e->occurred_at, .quantity = e->quantity, .kind = (uint8_t)kind};
    return change_demand(c, a, e->reference, e->line, &entry);
}

static int order_short(struct change *c, struct apply *a, const struct event *e)
{
    struct demand_entry entry = {.at = e->occurred_at, .quantity = e->quantity, .kind = DEMAND_CANCELLED};
    int error = change_demand(c, a, e->reference, e->line, &entry);
    change_short(c, e->quantity);
    return error;
}

static int setting(struct change *c, const struct event *e)
{
    struct {
        uint32_t said;
        milli_t value, *limit;
        instant_t *limit_at;
    } parts[] = {
        {e->has & HAS(safety_stock), e->safety_stock, &c->limits.safety_stock, &c->limits.safety_stock_at},
        {e->has & HAS(reorder_point), e->reorder_point, &c->limits.reorder_point,
         &c->limits.reorder_point_at},
        {e->has & HAS(backorder_limit), e->backorder_limit, &c->limits.backorder_limit,
         &c->limits.backorder_limit_at},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!parts[i].said)
            continue;
        if (e->occurred_at < *parts[i].limit_at) {
            c->left_out = REASON_OLDER;
            continue;
        }
        *parts[i].limit = parts[i].value;
        *parts[i].limit_at = e->occurred_at;
        c->limits_said = c->did = true;
    }
    return 0;
}

int event_here(struct change *c, struct apply *a, const struct event *e, uint8_t *notes)
{
    switch (e->type) {
    case EVENT_RECEIPT:
    case EVENT_TRANSFER_RECEIVE:
        return receipt(c, a, e);
    case EVENT_SALE:
        return sale(c, a, e);
    case EVENT_RETURN:
    case EVENT_ADJUSTMENT:
        change_move(c, e->quantity);
        change_status(c, e->status, e->quantity);
        return 0;
    case EVENT_STATUS_CHANGE:
        change_status(c, e->from_status, -e->quantity);
        change_status(c, e->to_status, e->quantity);
        return 0;
    case EVENT_COUNT:
        return change_count(c, a, e, notes);
    case EVENT_TRANSFER_SHIP:
        change_move(c, -e->quantity);
        change_status(c, e->status, -e->quantity);
        return 0;
    case EVENT_INBOUND:
        return change_supply(c, a, e, SUPPLY_ACT_SET);
    case EVENT_ORDER_PLACED:
        return order_placed(c, a, e);
    case EVENT_ORDER_CANCELLED:
        return order_cancelled(c, a, e);
    case EVENT_ORDER_SHIPPED:
    case EVENT_ORDER_PICKED_UP:
        return gone(c, a, e, e->reference, DEMAND_GONE_ORDER);
    case EVENT_ORDER_SHORT:
        return order_short(c, a, e);
    case EVENT_SETTING:
        return setting(c, e);
    case EVENT_ALLOCATION:
        change_allocation(c, a, e);
        return 0;
    case EVENT_NONE:
    case EVENT_HEARTBEAT:
    case EVENT_END:
        break; /* no effect on a row */
    }
    c->refused = REASON_NOT_SUPPORTED;
    return 0;
}

int event_there(struct change *c, struct apply *a, const struct event *e)
{
    return change_supply(c, a, e, SUPPLY_ACT_SHIP);
}
