/* What a reservation is, from what is open of its lines: held, confirmed, or how it ended. */
#include "core/model/image.h"
#include "core/model/reserve_plan.h"

enum { FORGOTTEN_AT_ONCE = 64 };

struct open {
    milli_t held, committed, gone;
};

static struct open open_of(const struct kept *k)
{
    struct open o = {0, 0, 0};
    for (uint32_t i = 0; i < k->has.holds_count; i++) {
        o.held += k->has.holds[i]->open_held;
        o.committed += k->has.holds[i]->open_committed;
        o.gone += k->has.holds[i]->gone;
    }
    return o;
}

/* What it held under orders or handovers that came from elsewhere counts as confirmed from now on, so that
 * nothing that is said later makes a hold of it again. It changes no figure; where it would, it is not done.
 */
static void close_hold(struct apply *a, struct hold *h)
{
    struct demand *d = h->demand;
    if (d)
        image_before_sku(a->state, h->sku);
    if (d && h->held > 0) {
        struct row_image row;
        instant_t count_at = sku_peek(h->sku, h->location, &row) && row_rare(&row)
                                 ? row_rare(&row)->ledger->sums.count_at
                                 : INSTANT_NONE;
        instant_t at = a->state->log_time > count_at ? a->state->log_time : count_at + 1;
        struct demand_entry entry = {.at = at, .quantity = h->held, .kind = DEMAND_CONFIRM};
        struct demand_figures f;
        demand_evaluate(d, &entry, INT64_MAX, &f);
        if (f.open == d->open && f.reserved == d->reserved && f.gone == d->gone &&
            f.unmatched == d->unmatched)
            demand_add(d, &entry);
    }
    hold_leave(h, a->state->log_time);
}

static uint64_t *counter_of(struct reservations_stats *s, enum reservation_state state)
{
    switch (state) {
    case RESERVATION_RELEASED:
        return &s->released;
    case RESERVATION_EXPIRED:
        return &s->expired;
    case RESERVATION_CANCELLED:
        return &s->cancelled;
    case RESERVATION_FULFILLED:
        return &s->fulfilled;
    case RESERVATION_CONFIRMED:
        return &s->confirmed;
    case RESERVATION_HELD:
    case RESERVATION_STATE_END:
        break;
    }
    return NULL;
}

static void become(struct apply *a, struct kept *k, enum reservation_state state)
{
    struct reservations *r = a->state->reservations;
    bool ends = state > RESERVATION_CONFIRMED;
    uint64_t *counter = counter_of(&r->stats, state);
    if (counter && (state != k->state || k->ended_at != INSTANT_NONE))
        count_reservations(counter, 1);
    count_reservations(&r->stats.held, (state == RESERVATION_HELD) - (k->state == RESERVATION_HELD));
    k->state = (uint8_t)state;
    due_set(&a->state->due, DUE_HOLD, &k->due, state == RESERVATION_HELD ? k->expires_at : INSTANT_NONE);
    if (!ends && k->ended_at != INSTANT_NONE) {
        reservations_reopen(r, k);
        k->revived = true;
        count_reservations(&r->stats.revived, 1);
    }
    if (!ends || k->ended_at != INSTANT_NONE)
        return;
    for (uint32_t i = 0; i < k->has.holds_count; i++)
        close_hold(a, k->has.holds[i]);
    reservations_end(r, k, a->state->log_time);
}

void reservations_follow(struct apply *a)
{
    struct state *s = a->state;
    for (struct kept *k; (k = s->reservations->stale);) {
        s->reservations->stale = k->stale_next;
        k->stale = false;
        struct open o = open_of(k);
        if (a->by_order) /* what is not open any more was handed over, or an order cancelled it */
            k->ends_as = o.gone > k->gone ? RESERVATION_FULFILLED : RESERVATION_CANCELLED;
        if (k->ends_as == RESERVATION_FULFILLED && o.gone == 0)
            k->ends_as = RESERVATION_CANCELLED; /* an order had cancelled it before it came */
        k->gone = o.gone;
        k->changed_at = s->log_time;
        k->incarnation = (uint8_t)(s->incarnations_count - 1);
        k->offset = a->offset;
        become(a, k,
               o.held > 0        ? RESERVATION_HELD
               : o.committed > 0 ? RESERVATION_CONFIRMED
                                 : (enum reservation_state)k->ends_as);
    }
}

void reservations_age(struct apply *a)
{
    struct reservations *r = a->state->reservations;
    instant_t until = a->state->log_time - a->state->settings.reservations_kept_us;
    for (int i = 0; i < FORGOTTEN_AT_ONCE && r->oldest && r->oldest->ended_at <= until; i++)
        reservations_forget(r, r->oldest);
}

int reservations_show(struct apply *a, struct outcome *o)
{
    struct reservations *r = a->state->reservations;
    if (r->dirty) /* readers that see a row of this record see this too: rows are published with release */
        atomic_store_explicit(&r->unsettled, 1, memory_order_relaxed);
    int error = stage_publish(a, o);
    if (!error)
        error = reservations_publish(r, a->state, o);
    if (error)
        return error;
    atomic_store_explicit(&r->unsettled, 0, memory_order_release); /* pairs with the acquire of who asks */
    if (o->reservation && a->answer_of && !o->reservation->reservation) {
        o->reservation->reservation = atomic_load_explicit(&a->answer_of->shown, memory_order_relaxed);
        reservation_hold(o->reservation->reservation);
    }
    a->answer_of = NULL;
    return 0;
}
