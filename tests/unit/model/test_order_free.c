/* Small random sets of events in many random orders of arrival: the figures at the end are the same, wherever
 * model.md says so. And a ledger that went through its bytes is the same ledger. */
#include "world.h"

#include "core/model/ledger.h"

enum { SETS = 400, ORDERS = 12, EVENTS_MOST = 14, MINUTES = 60 };

static uint64_t random_state;

static uint32_t dice(uint32_t sides)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % sides;
}

static const char *const references[] = {"A", "B"};
static const char *const supplies[] = {"PO", "ASN-1", "ASN-2"};

static enum status some_status(void)
{
    return dice(3) ? STATUS_NONE : (enum status)(1 + dice(STATUSES));
}

static struct event some_with_status(struct event e)
{
    enum status s = some_status();
    return s ? with_status(e, s) : e;
}

static struct event some_count(instant_t when, bool fixes)
{
    struct event e = counted(when, (enum count_basis)dice(BASIS_END), U(dice(20)));
    if (fixes) {
        e.has |= HAS(unavailable);
        e.unavailable.has = 1u << (STATUS_DAMAGED - 1) | 1u << (STATUS_MISSING - 1);
        e.unavailable.quantity[STATUS_DAMAGED - 1] = U(dice(3));
        e.unavailable.quantity[STATUS_MISSING - 1] = U(dice(2));
    }
    return e;
}

static struct event some_status_change(instant_t when)
{
    struct event e = with_quantity(event_of(EVENT_STATUS_CHANGE, when), U(1 + dice(3)));
    e.from_status = (enum status)dice(STATUS_END);
    e.to_status = (enum status)((e.from_status + 1 + dice(STATUSES)) % STATUS_END);
    e.has |= (e.from_status ? HAS(from_status) : 0) | (e.to_status ? HAS(to_status) : 0);
    return e;
}

static struct event some_supply(instant_t when)
{
    const char *reference = supplies[dice(3)];
    struct event e;
    switch (dice(4)) {
    case 0:
        e = with_location(order(EVENT_TRANSFER_SHIP, when, reference, U(1 + dice(5))), "DC");
        e.has |= HAS(to) | HAS(expected_at);
        e.to = TEXT("L1");
        e.expected_at = when + INSTANT_DAY;
        return e;
    case 1:
        e = some_with_status(with_reference(plain(EVENT_RECEIPT, when, U(1 + dice(5))), reference));
        return dice(6) ? e : with_final(e);
    default:
        return inbound(when, reference, U(dice(12)),
                       dice(3) ? when + (1 + dice(9)) * INSTANT_DAY : INSTANT_NONE,
                       reference != supplies[0] && dice(4) ? supplies[0] : NULL);
    }
}

static struct event some_demand(instant_t when)
{
    const char *reference = references[dice(2)];
    milli_t q = U(1 + dice(4));
    switch (dice(8)) {
    case 0:
        return some_with_status(sale_of_order(when, reference, q));
    case 1:
        return some_with_status(order(EVENT_ORDER_SHIPPED, when, reference, q));
    case 2:
        return order(EVENT_ORDER_PICKED_UP, when, reference, q);
    case 3:
        return order(EVENT_ORDER_SHORT, when, reference, U(1));
    case 4:
        return order(EVENT_ORDER_CANCELLED, when, reference, q);
    case 5:
        return with_reference(event_of(EVENT_ORDER_CANCELLED, when), reference);
    case 6:
        return order_set(when, reference, q);
    default:
        return order(EVENT_ORDER_PLACED, when, reference, q);
    }
}

static struct event some_setting(instant_t when)
{
    struct event e = event_of(EVENT_SETTING, when);
    e.has |= HAS(safety_stock);
    e.safety_stock = U(dice(4));
    return e;
}

static struct event some_event(instant_t when, bool fixes)
{
    switch (dice(12)) {
    case 0:
    case 1:
        return some_count(when, fixes);
    case 2:
        return some_status_change(when);
    case 3:
        return some_with_status(plain(EVENT_RETURN, when, U(1 + dice(3))));
    case 4:
        return some_setting(when);
    case 5:
        return some_with_status(plain(EVENT_SALE, when, U(1 + dice(5))));
    case 6:
        return some_with_status(plain(EVENT_ADJUSTMENT, when, dice(2) ? U(2) : -U(1)));
    case 7:
    case 8:
        return some_supply(when);
    default:
        return some_demand(when);
    }
}

/* No two at one instant: what wins at a tie is the later in the log. */
static size_t some_events(struct event events[EVENTS_MOST], char ids[EVENTS_MOST][16])
{
    bool taken[MINUTES] = {false}, fixes = dice(2);
    size_t count = 3 + dice(EVENTS_MOST - 2);
    for (size_t i = 0; i < count; i++) {
        uint32_t minute = dice(MINUTES);
        while (taken[minute])
            minute = (minute + 1) % MINUTES;
        taken[minute] = true;
        events[i] = some_event(at(9, (int)minute), fixes);
        snprintf(ids[i], sizeof(ids[i]), "id-%zu", i);
        events[i].id = text_of(ids[i]);
    }
    return count;
}

static void shuffle(size_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = dice((uint32_t)i), held = order[i - 1];
        order[i - 1] = order[k];
        order[k] = held;
    }
}

/* Everything that shows of a row, as text to compare and to print. */
static void show(const struct world *w, const char *location, char *out, size_t size)
{
    struct row_image r = world_row_at(w, "SKU-1", location);
    const struct rare *rare = row_rare(&r);
    size_t n =
        (size_t)snprintf(out, size, "%s: on_hand %lld unavailable %lld committed %lld safety %lld flags %d",
                         location, (long long)row_on_hand(&r), (long long)row_unavailable(&r),
                         (long long)row_committed(&r), (long long)row_safety_stock(&r), row_flags(&r));
    for (int s = 0; rare && s < STATUSES; s++)
        n += (size_t)snprintf(out + n, size - n, " %s %lld", status_name((enum status)(s + 1)),
                              (long long)rare->unavailable[s]);
    for (uint32_t i = 0; rare && i < rare->supply_count; i++)
        n += (size_t)snprintf(out + n, size - n, " %.*s %lld @%lld", (int)rare->supply[i].reference.length,
                              rare->supply[i].reference.at, (long long)rare->supply[i].open,
                              (long long)(rare->supply[i].expected_at / INSTANT_MINUTE));
}

/* ---- the same events in the order in which they occurred, by plain additions: what the figures must be ----
 */

struct naive {
    milli_t on_hand, status[STATUSES], found_short, found_short_cleared;
    struct {
        milli_t placed, cancelled, reported[2], from[2][STATUSES];
    } order[2];
};

static milli_t larger(milli_t a, milli_t b)
{
    return a > b ? a : b;
}

static milli_t naive_status(const struct naive *n, int s)
{
    milli_t raw = n->status[s];
    if (s == STATUS_MISSING - 1)
        raw = (raw < 0 ? (raw + n->found_short_cleared < 0 ? raw + n->found_short_cleared : 0) : raw) +
              n->found_short;
    return larger(0, raw);
}

static milli_t naive_unavailable(const struct naive *n)
{
    milli_t sum = 0;
    for (int s = 0; s < STATUSES; s++)
        sum += naive_status(n, s);
    return sum;
}

static milli_t naive_committed(const struct naive *n)
{
    milli_t sum = 0;
    for (int o = 0; o < 2; o++)
        sum += larger(0, n->order[o].placed - n->order[o].cancelled -
                             larger(n->order[o].reported[0], n->order[o].reported[1]));
    return sum;
}

static void naive_move(struct naive *n, const struct event *e, milli_t q)
{
    n->on_hand += q;
    if (e->status)
        n->status[e->status - 1] += q;
}

static void naive_gone(struct naive *n, const struct event *e, int o, int reporter)
{
    milli_t *reported = n->order[o].reported, gone = larger(reported[0], reported[1]);
    reported[reporter] += e->quantity;
    n->on_hand -= larger(reported[0], reported[1]) - gone;
    if (!e->status)
        return;
    int s = e->status - 1;
    milli_t left = larger(n->order[o].from[0][s], n->order[o].from[1][s]);
    n->order[o].from[reporter][s] += e->quantity;
    n->status[s] -= larger(n->order[o].from[0][s], n->order[o].from[1][s]) - left;
}

static void naive_count(struct naive *n, const struct event *e)
{
    n->found_short_cleared += n->found_short;
    n->found_short = 0;
    for (int s = 0; s < STATUSES; s++) {
        if (!(e->unavailable.has & 1u << s))
            continue;
        n->status[s] = e->unavailable.quantity[s];
        if (s == STATUS_MISSING - 1)
            n->found_short_cleared = 0;
    }
    n->on_hand = e->quantity + (e->basis >= BASIS_SELLABLE ? naive_unavailable(n) : 0) +
                 (e->basis >= BASIS_NET_OF_COMMITTED ? naive_committed(n) : 0);
}

static void naive_event(struct naive *n, const struct event *e)
{
    int o = e->reference.length ? e->reference.at[0] == 'B'
                                : e->order_reference.length && e->order_reference.at[0] == 'B';
    milli_t gone = larger(n->order[o].reported[0], n->order[o].reported[1]);
    switch (e->type) {
    case EVENT_RECEIPT:
    case EVENT_RETURN:
    case EVENT_ADJUSTMENT:
        naive_move(n, e, e->quantity);
        break;
    case EVENT_SALE:
        if (e->order_reference.length)
            naive_gone(n, e, o, 0);
        else
            naive_move(n, e, -e->quantity);
        break;
    case EVENT_STATUS_CHANGE:
        if (e->from_status)
            n->status[e->from_status - 1] -= e->quantity;
        if (e->to_status)
            n->status[e->to_status - 1] += e->quantity;
        break;
    case EVENT_COUNT:
        naive_count(n, e);
        break;
    case EVENT_ORDER_PLACED:
        n->order[o].placed = e->quantity + (e->op == ORDER_SET ? 0 : n->order[o].placed);
        break;
    case EVENT_ORDER_SHORT:
        n->found_short += e->quantity;
        n->order[o].cancelled += e->quantity;
        break;
    case EVENT_ORDER_CANCELLED:
        n->order[o].cancelled = e->has & HAS(quantity)
                                    ? n->order[o].cancelled + e->quantity
                                    : larger(n->order[o].cancelled, n->order[o].placed - gone);
        break;
    case EVENT_ORDER_SHIPPED:
    case EVENT_ORDER_PICKED_UP:
        naive_gone(n, e, o, 1);
        break;
    default:
        break;
    }
}

static void agrees_with_plain_additions(const struct world *w, const struct event *events, size_t count,
                                        uint64_t seed)
{
    struct naive n = {0};
    for (int minute = 0; minute < MINUTES; minute++)
        for (size_t i = 0; i < count; i++)
            if (events[i].occurred_at == at(9, minute) && text_equal(events[i].location, TEXT("L1")))
                naive_event(&n, &events[i]);
    struct row_image r = world_row(w);
    if (row_on_hand(&r) == n.on_hand && row_unavailable(&r) == naive_unavailable(&n) &&
        row_committed(&r) == naive_committed(&n))
        return;
    print_message("seed %llu: on_hand %lld, plainly %lld; unavailable %lld, %lld; committed %lld, %lld\n",
                  (unsigned long long)seed, (long long)row_on_hand(&r), (long long)n.on_hand,
                  (long long)row_unavailable(&r), (long long)naive_unavailable(&n),
                  (long long)row_committed(&r), (long long)naive_committed(&n));
    fail();
}

static void ledger_survives_its_bytes(const struct world *w)
{
    struct row_image r = world_row(w);
    if (!row_rare(&r))
        return;
    struct buffer first = {0}, second = {0};
    struct ledger *copy;
    ledger_save(row_rare(&r)->ledger, &first);
    assert_int_equal(ledger_load(first.at, first.length, &copy), 0);
    ledger_save(copy, &second);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.at, second.at, first.length);
    ledger_destroy(copy);
    for (size_t cut = 0; cut < first.length; cut += 1 + first.length / 50)
        assert_int_equal(ledger_load(first.at, cut, &copy), ERROR_CORRUPT);
    buffer_finish(&first);
    buffer_finish(&second);
}

static void print_events(const struct event *events, const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct event *e = &events[order[i]];
        print_message("  %s at +%lld q %lld ref %.*s%.*s status %d basis %d op %d\n",
                      event_type_name(e->type), (long long)((e->occurred_at - at(9, 0)) / INSTANT_MINUTE),
                      (long long)e->quantity, (int)e->reference.length, e->reference.at,
                      (int)e->order_reference.length, e->order_reference.at, e->status, e->basis, e->op);
    }
}

static void one_set(uint64_t seed)
{
    struct event events[EVENTS_MOST];
    char ids[EVENTS_MOST][16], first[2][1000], now[2][1000];
    size_t order[EVENTS_MOST], before[EVENTS_MOST];
    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    size_t count = some_events(events, ids);
    for (size_t i = 0; i < count; i++)
        order[i] = before[i] = i;
    for (int round = 0; round < ORDERS; round++) {
        struct world w;
        world_open(&w);
        for (size_t i = 0; i < count; i++) {
            struct event_verdict v = say(&w, events[order[i]]);
            assert_true(v.verdict != VERDICT_REJECTED && v.verdict != VERDICT_DUPLICATE);
            if (dice(4) == 0) /* a messenger repeats */
                assert_int_equal(say(&w, events[order[dice((uint32_t)i + 1)]]).verdict, VERDICT_DUPLICATE);
        }
        show(&w, "L1", now[0], sizeof(now[0]));
        show(&w, "DC", now[1], sizeof(now[1]));
        ledger_survives_its_bytes(&w);
        agrees_with_plain_additions(&w, events, count, seed);
        world_close(&w);
        if (round == 0)
            memcpy(first, now, sizeof(now));
        if (strcmp(first[0], now[0]) != 0 || strcmp(first[1], now[1]) != 0) {
            print_message("seed %llu\n%s\n%s\n", (unsigned long long)seed, first[0], first[1]);
            print_events(events, before, count);
            print_message("and\n%s\n%s\n", now[0], now[1]);
            print_events(events, order, count);
            fail();
        }
        shuffle(order, count);
    }
}

static void the_order_of_arrival_does_not_matter(void **unused)
{
    const char *only = getenv("SEED"), *sets = getenv("SETS");
    if (only) {
        one_set(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= (sets ? strtoull(sets, NULL, 10) : SETS); seed++)
        one_set(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_order_of_arrival_does_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
