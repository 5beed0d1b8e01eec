/* Lists, and the definitions of model.md over them. Slow on purpose. */
#include "sim/basket.h"

#include "base/text.h"

#include <stdlib.h>

enum {
    ROWS_MOST = 32,
    ACCOUNTS_MOST = 512,
    ENTRIES_MOST = 24,
    RESERVATIONS_MOST = 256,
    LINES_MOST = 8,
    STEPS_MOST = 64,
    SUPPLIES_MOST = 64,
    PLACES_MOST = 4,
    UNITS_TRIED = 64
};
enum { POOL, WEB, MARKET, CHANNELS };
#define FUTURE_US (5 * INSTANT_MINUTE)
#define SILENCE_US (40 * INSTANT_SECOND)

enum entry_kind {
    PLACED,
    SET,
    CANCEL,
    CANCEL_ALL,
    TILL,
    ORDER,
    FULFIL,
    HOLD,
    UNHOLD,
    CONFIRM,
    CANCEL_STEP,
    MOVE_OUT
};

struct entry {
    enum entry_kind kind;
    instant_t at;
    milli_t quantity;
};

struct fenced {
    milli_t quantity, consumed;
    unsigned sets; /* how often it was set */
    instant_t set_at;
};

struct row {
    struct text sku, place;
    milli_t moved; /* what moved on hand but for goods that left for accounts */
    milli_t safety, backorder;
    instant_t safety_at, backorder_at;
    struct fenced fences[CHANNELS];
};

struct account {
    size_t row;
    struct text key;
    unsigned channel;
    bool future; /* required later, and not found due */
    instant_t required_at, said_at;
    size_t entries_count;
    struct entry entries[ENTRIES_MOST];
    milli_t took; /* from the channel's fence, since its set number `took_sets` */
    unsigned took_sets;
    milli_t counted; /* open and gone, when the fence last looked */
};

struct supply {
    size_t row;
    struct text reference;
    milli_t expected, received;
    instant_t said_at, expected_at;
    bool overdue;
};

struct line {
    struct text sku, place;
    milli_t quantity, held, committed;
    bool kit;
};

struct kept {
    struct text id, key; /* of its accounts */
    bool has_reference, partial;
    struct hash128 digest;
    unsigned channel;
    instant_t expires_at, required_at;
    enum reservation_state ended; /* how, when nothing is open */
    size_t lines_count;
    struct line lines[LINES_MOST];
    struct basket_line shown[LINES_MOST];
    size_t steps_count;
    struct text steps[STEPS_MOST]; /* ids of those that did something */
};

struct books { /* those from before the step or event are what a refused request leaves */
    size_t rows_count, accounts_count;
    struct row rows[ROWS_MOST];
    struct account accounts[ACCOUNTS_MOST];
};

struct place {
    struct text id;
    instant_t heard; /* 0: never, since it was described */
    bool stale;
};

struct basket {
    struct books now, before;
    instant_t log_time;
    size_t supplies_count, reservations_count, events_count, names_count;
    struct supply supplies[SUPPLIES_MOST];
    struct kept reservations[RESERVATIONS_MOST];
    struct text events[4096];
    char names[RESERVATIONS_MOST][64];
    unsigned granted, refused;
    bool web, market, all, set;       /* their rules and components are known */
    struct place places[PLACES_MOST]; /* that are described: those are silent after SILENCE_US */
    size_t places_count;
};

static bool same(struct text a, struct text b)
{
    return text_equal(a, b);
}

static milli_t at_least_0(milli_t q)
{
    return q > 0 ? q : 0;
}

static milli_t larger(milli_t a, milli_t b)
{
    return a > b ? a : b;
}

static milli_t lesser(milli_t a, milli_t b)
{
    return a < b ? a : b;
}

static unsigned channel_of(struct text name)
{
    return same(name, TEXT("web")) ? WEB : same(name, TEXT("market")) ? MARKET : POOL;
}

/* ---- lists ---- */

static struct row *row_at(struct basket *b, struct text sku, struct text place)
{
    struct books *now = &b->now;

    for (size_t i = 0; i < now->rows_count; i++)
        if (same(now->rows[i].sku, sku) && same(now->rows[i].place, place))
            return &now->rows[i];
    struct row *row = &now->rows[now->rows_count++];
    *row = (struct row){.sku = sku, .place = place, .safety_at = INSTANT_NONE, .backorder_at = INSTANT_NONE};
    for (int c = 0; c < CHANNELS; c++)
        row->fences[c].set_at = INSTANT_NONE;
    return row;
}

static size_t number_of(const struct basket *b, const struct row *row)
{
    return (size_t)(row - b->now.rows);
}

static struct account *find_account(struct basket *b, const struct row *row, struct text key)
{
    for (size_t i = 0; i < b->now.accounts_count; i++)
        if (b->now.accounts[i].row == number_of(b, row) && same(b->now.accounts[i].key, key))
            return &b->now.accounts[i];
    return NULL;
}

static struct account *account_at(struct basket *b, const struct row *row, struct text key, unsigned channel)
{
    struct account *a = find_account(b, row, key);

    if (!a) {
        a = &b->now.accounts[b->now.accounts_count++];
        *a = (struct account){.row = number_of(b, row),
                              .key = key,
                              .channel = channel,
                              .required_at = INSTANT_NONE,
                              .said_at = INSTANT_NONE};
    }
    if (a->channel == POOL)
        a->channel = channel;
    return a;
}

/* ---- an account, from its entries ---- */

struct figures {
    milli_t total, committed, reserved, gone, cancelled;
};

static milli_t sum_of(const struct account *a, enum entry_kind kind, instant_t until)
{
    milli_t sum = 0;

    for (size_t i = 0; i < a->entries_count; i++)
        if (a->entries[i].kind == kind && a->entries[i].at <= until)
            sum += a->entries[i].quantity;
    return sum;
}

static milli_t placed(const struct account *a, instant_t until)
{
    milli_t sum = 0;
    instant_t set_at = INSTANT_NONE;

    for (size_t i = 0; i < a->entries_count; i++)
        if (a->entries[i].kind == SET && a->entries[i].at <= until && a->entries[i].at >= set_at) {
            set_at = a->entries[i].at;
            sum = a->entries[i].quantity;
        }
    for (size_t i = 0; i < a->entries_count; i++)
        if (a->entries[i].kind == PLACED && a->entries[i].at <= until && a->entries[i].at > set_at)
            sum += a->entries[i].quantity;
    return sum;
}

static milli_t ordered(const struct account *a, instant_t until, bool held_too)
{
    milli_t confirmed = sum_of(a, CONFIRM, until);
    milli_t held = sum_of(a, HOLD, until) - sum_of(a, UNHOLD, until) - confirmed;

    return larger(placed(a, until), confirmed + (held_too ? at_least_0(held) : 0));
}

static struct figures figures_of(const struct account *a)
{
    instant_t end = INSTANT_MOST;
    milli_t cancelled = larger(sum_of(a, CANCEL, end), sum_of(a, CANCEL_STEP, end));
    struct figures f = {
        .gone = larger(sum_of(a, TILL, end), larger(sum_of(a, ORDER, end), sum_of(a, FULFIL, end)))};

    for (size_t i = 0; i < a->entries_count; i++)
        if (a->entries[i].kind == CANCEL_ALL)
            cancelled =
                larger(cancelled, ordered(a, a->entries[i].at, true) - sum_of(a, MOVE_OUT, a->entries[i].at));
    cancelled += sum_of(a, MOVE_OUT, end);
    f.total = at_least_0(ordered(a, end, true) - cancelled - f.gone);
    f.committed = lesser(f.total, at_least_0(ordered(a, end, false) - cancelled - f.gone));
    f.reserved = f.total - f.committed;
    f.cancelled = cancelled;
    return f;
}

/* ---- fences ---- */

static milli_t fenced(const struct row *row, unsigned channel)
{
    const struct fenced *f = &row->fences[channel];
    return channel == POOL ? 0 : at_least_0(f->quantity - f->consumed);
}

static void follow_fence(struct basket *b, struct account *a)
{
    struct row *row = &b->now.rows[a->row];
    struct fenced *f = &row->fences[a->channel];
    struct figures now = figures_of(a);
    milli_t counted = now.gone + (a->future ? 0 : now.total), grown = counted - a->counted;

    a->counted = counted;
    if (a->channel == POOL || grown == 0)
        return;
    if (a->took_sets != f->sets)
        a->took = 0;
    a->took_sets = f->sets;
    milli_t step = grown > 0 ? lesser(grown, fenced(row, a->channel)) : -lesser(-grown, a->took);
    f->consumed += step;
    a->took += step;
}

static void enter(struct basket *b, struct account *a, enum entry_kind kind, instant_t at, milli_t quantity)
{
    a->entries[a->entries_count++] = (struct entry){kind, at, quantity};
    follow_fence(b, a);
}

/* ---- a row, from its lists ---- */

struct sums {
    milli_t on_hand, reserved, committed, future;
};

static struct sums sums_of(const struct basket *b, const struct row *row)
{
    struct sums s = {.on_hand = row->moved};

    for (size_t i = 0; i < b->now.accounts_count; i++) {
        const struct account *a = &b->now.accounts[i];
        if (a->row != number_of(b, row))
            continue;
        struct figures f = figures_of(a);
        s.on_hand -= f.gone;
        s.reserved += f.reserved;
        s.committed += f.committed;
        s.future += a->future ? f.total : 0;
    }
    return s;
}

/* What is open of an incoming line, for a look at `t` (INSTANT_NONE: now). By date a line whose instant has
 * passed does not count any more (no grace is set here). */
static milli_t coming(const struct basket *b, const struct row *row, const struct supply *u, instant_t t)
{
    if (u->row != number_of(b, row) || u->overdue || u->expected_at == INSTANT_NONE)
        return 0;
    return t != INSTANT_NONE && u->expected_at <= b->log_time ? 0 : at_least_0(u->expected - u->received);
}

static milli_t projected(const struct basket *b, const struct row *row, milli_t safety, instant_t until,
                         instant_t t)
{
    struct sums s = sums_of(b, row);
    milli_t q = s.on_hand - s.reserved - s.committed + s.future - safety;

    for (size_t i = 0; i < b->supplies_count; i++)
        q += b->supplies[i].expected_at <= until ? coming(b, row, &b->supplies[i], t) : 0;
    for (size_t i = 0; i < b->now.accounts_count; i++) {
        const struct account *a = &b->now.accounts[i];
        if (a->row == number_of(b, row) && a->future && a->required_at <= until)
            q -= figures_of(a).total;
    }
    return q;
}

/* min over t' ≥ t of projected(t'). INSTANT_NONE, or no later than log time: now. */
static milli_t atp(const struct basket *b, const struct row *row, milli_t safety, instant_t t)
{
    if (t <= b->log_time)
        t = INSTANT_NONE;
    milli_t least = projected(b, row, safety, t, t);

    for (size_t i = 0; i < b->supplies_count; i++)
        if (b->supplies[i].row == number_of(b, row) && b->supplies[i].expected_at > t)
            least = lesser(least, projected(b, row, safety, b->supplies[i].expected_at, t));
    for (size_t i = 0; i < b->now.accounts_count; i++)
        if (b->now.accounts[i].row == number_of(b, row) && b->now.accounts[i].future &&
            b->now.accounts[i].required_at > t)
            least = lesser(least, projected(b, row, safety, b->now.accounts[i].required_at, t));
    return least;
}

static struct place *place_of(struct basket *b, struct text id)
{
    for (size_t i = 0; i < b->places_count; i++)
        if (same(b->places[i].id, id))
            return &b->places[i];
    return NULL;
}

static bool is_stale(const struct basket *b, const struct row *row)
{
    for (size_t i = 0; i < b->places_count; i++)
        if (same(b->places[i].id, row->place))
            return b->places[i].stale;
    return false;
}

/* The rules of shoppers.c: web holds back 1, and 3 while the place is silent; for market the safety stock is
 * 2, a line has 4 at most, and it has nothing of store-2 while that is silent. Of INK everybody is held back
 * 2 while the place is silent, web too: that rule names the item. */
static milli_t safety_for(const struct basket *b, const struct row *row, unsigned channel)
{
    return channel == MARKET && b->market ? 2 * MILLI_PER_UNIT : row->safety;
}

static milli_t buffer_for(const struct basket *b, const struct row *row, unsigned channel)
{
    milli_t always = channel == WEB && b->web ? MILLI_PER_UNIT : 0;

    if (is_stale(b, row) && b->all && same(row->sku, TEXT("INK")))
        return 2 * MILLI_PER_UNIT;
    return is_stale(b, row) && always ? 3 * MILLI_PER_UNIT : always;
}

static bool is_off(const struct basket *b, const struct row *row, unsigned channel)
{
    return channel == MARKET && b->market && is_stale(b, row) && same(row->place, TEXT("store-2"));
}

static milli_t line_most(const struct basket *b, unsigned channel)
{
    return channel == MARKET && b->market ? 4 * MILLI_PER_UNIT : INT64_MAX;
}

static milli_t by_stock(const struct basket *b, const struct row *row, unsigned channel, instant_t at)
{
    milli_t n = atp(b, row, safety_for(b, row, channel), at), pool = n;

    if (is_off(b, row, channel))
        return 0;
    for (unsigned c = POOL; c < CHANNELS; c++)
        pool -= fenced(row, c);
    return at_least_0(lesser(n, fenced(row, channel) + at_least_0(pool)) - buffer_for(b, row, channel));
}

static milli_t with_backorder(const struct basket *b, const struct row *row, unsigned channel, instant_t at)
{
    milli_t n = atp(b, row, safety_for(b, row, channel), at), pool = n, stock = by_stock(b, row, channel, at);

    if (is_off(b, row, channel))
        return 0;
    if (row->backorder == LIMIT_NONE)
        return INT64_MAX;
    if (row->backorder <= 0)
        return stock;
    for (unsigned c = POOL; c < CHANNELS; c++)
        pool -= fenced(row, c);
    milli_t own = fenced(row, channel);
    return larger(stock, lesser(n + row->backorder, larger(own, own + pool + row->backorder)));
}

/* ---- judging ---- */

struct kit_part {
    struct text sku;
    milli_t each;
};
static const struct kit_part kit_parts[] = {{{"PEN", 3}, 2}, {{"INK", 3}, 1}};
enum { KIT_PARTS = 2 };

static bool is_kit(const struct basket *b, struct text sku)
{
    return b->set && same(sku, TEXT("SET"));
}

static bool is_reserved(const struct account *a)
{
    bool reserved = false;

    for (size_t i = 0; i < a->entries_count; i++)
        reserved |= a->entries[i].kind == HOLD;
    return reserved;
}

/* Orders that said no instant leave it to the reservation. */
static bool said_when(const struct account *a)
{
    return is_reserved(a) || a->required_at != INSTANT_NONE;
}

/* Units that the reference's orders have here and nobody holds: so many may be held and all that is open
 * stays as much as it was. Found by trying. */
static milli_t on_order(const struct account *a, instant_t now)
{
    milli_t before = figures_of(a).total, q = 0;
    struct account with = *a;

    for (with.entries_count++; q < UNITS_TRIED * MILLI_PER_UNIT; q += MILLI_PER_UNIT) {
        with.entries[a->entries_count] = (struct entry){HOLD, now, q + MILLI_PER_UNIT};
        if (figures_of(&with).total > before)
            break;
    }
    return q;
}

static milli_t grantable_of_row(struct basket *b, struct text sku, struct text place, const struct kept *k,
                                bool backorder)
{
    struct row *row = row_at(b, sku, place);
    const struct account *a = k->has_reference ? find_account(b, row, k->key) : NULL;
    instant_t at = k->required_at > b->log_time ? k->required_at : INSTANT_NONE;

    if (a && figures_of(a).total > 0 && said_when(a)) { /* one demand has one instant */
        instant_t when = a->future ? a->required_at : INSTANT_NONE;
        at = when < at ? when : at;
    }
    milli_t most = (backorder ? with_backorder : by_stock)(b, row, k->channel, at);
    if (!a || most == INT64_MAX || is_off(b, row, k->channel))
        return most;
    return most + on_order(a, b->log_time);
}

static milli_t grantable(struct basket *b, struct text sku, struct text place, const struct kept *k,
                         bool backorder)
{
    milli_t least = INT64_MAX;

    if (!is_kit(b, sku))
        return grantable_of_row(b, sku, place, k, backorder);
    for (int i = 0; i < KIT_PARTS; i++) {
        milli_t q = grantable(b, kit_parts[i].sku, place, k, backorder);
        least = lesser(least, q == INT64_MAX ? q : q / (kit_parts[i].each * MILLI_PER_UNIT) * MILLI_PER_UNIT);
    }
    return least;
}

/* Demand that was not open before the record begins anew: its day may be over, or another's. */
static const struct account *open_before(const struct basket *b, const struct account *a)
{
    size_t i = (size_t)(a - b->now.accounts);
    const struct account *was = i < b->before.accounts_count ? &b->before.accounts[i] : NULL;

    return was && figures_of(was).total > 0 ? was : NULL;
}

static void require(struct basket *b, struct account *a, instant_t required_at)
{
    const struct account *was = open_before(b, a);

    if (was && said_when(was))
        return;
    if (required_at != INSTANT_NONE)
        a->said_at = b->log_time;
    if (!was || required_at != a->required_at)
        a->future = required_at > b->log_time;
    a->required_at = required_at;
}

/* The newest word of orders; one that does not say leaves what a reservation said. */
static void require_by_order(const struct basket *b, struct account *a, const struct event *e)
{
    instant_t when = a->required_at;

    if (e->occurred_at >= a->said_at && (e->required_at != INSTANT_NONE || !is_reserved(a))) {
        a->said_at = e->occurred_at;
        when = e->required_at;
    }
    if (!open_before(b, a) || when != a->required_at)
        a->future = when > b->log_time;
    a->required_at = when;
}

static void enter_line(struct basket *b, struct kept *k, const struct line *l, enum entry_kind kind,
                       milli_t quantity)
{
    for (int i = 0; i < (l->kit ? KIT_PARTS : 1); i++) {
        struct row *row = row_at(b, l->kit ? kit_parts[i].sku : l->sku, l->place);
        struct account *a = account_at(b, row, k->key, k->channel);
        if (kind == HOLD)
            require(b, a, k->required_at);
        enter(b, a, kind, b->log_time, l->kit ? quantity * kit_parts[i].each : quantity);
    }
}

static void grant(struct basket *b, struct kept *k, struct text sku, struct text place, milli_t quantity)
{
    struct line *l = NULL;

    for (size_t i = 0; i < k->lines_count && !l; i++)
        if (same(k->lines[i].sku, sku) && same(k->lines[i].place, place))
            l = &k->lines[i];
    if (!l) {
        l = &k->lines[k->lines_count++];
        *l = (struct line){.sku = sku, .place = place, .kit = is_kit(b, sku)};
    }
    l->quantity += quantity;
    l->held += quantity;
    enter_line(b, k, l, HOLD, quantity);
}

/* What is granted of one line. */
static milli_t judge_line(struct basket *b, struct kept *k, const struct line_said *said, milli_t quantity,
                          bool partial)
{
    milli_t rest = lesser(quantity, line_most(b, k->channel)), got = 0;

    for (int backorder = 0; backorder < 2; backorder++)
        for (uint32_t i = 0; i < said->locations_count && rest > 0; i++) {
            milli_t most = grantable(b, said->sku, said->locations[i], k, backorder);
            milli_t take = said->split ? lesser(most, rest) : most >= rest && rest == quantity ? rest : 0;
            if (partial && said->locations_count == 1)
                take = backorder ? lesser(most, rest) : most >= rest ? rest : 0;
            if (take <= 0)
                continue;
            grant(b, k, said->sku, said->locations[i], take);
            rest -= take;
            got += take;
        }
    return got;
}

static bool judge(struct basket *b, struct kept *k, const struct reservation_said *said, bool partial)
{
    bool all = true, any = false;

    for (uint32_t i = 0; i < said->lines_count; i++) {
        const struct line_said *l = &said->lines[i];
        milli_t quantity = 0;
        bool first = true;
        for (uint32_t j = 0; j < said->lines_count; j++) {
            const struct line_said *m = &said->lines[j];
            bool summed = same(m->sku, l->sku) && m->locations_count == 1 && l->locations_count == 1 &&
                          same(m->locations[0], l->locations[0]);
            first &= !(summed && j < i);
            quantity += summed || i == j ? m->quantity : 0;
        }
        if (!first)
            continue;
        milli_t got = judge_line(b, k, l, quantity, partial);
        all &= got == quantity;
        any |= got > 0;
    }
    return partial ? any : all;
}

/* ---- steps ---- */

static struct kept *find_kept(struct basket *b, struct text id)
{
    for (size_t i = 0; i < b->reservations_count; i++)
        if (same(b->reservations[i].id, id))
            return &b->reservations[i];
    return NULL;
}

/* What its line has open, where an order may have changed it: what left or was cancelled was the
 * reservation's first. */
static void refresh(struct basket *b, struct kept *k)
{
    for (size_t i = 0; i < k->lines_count && k->has_reference; i++) {
        struct line *l = &k->lines[i];
        const struct account *a = find_account(b, row_at(b, l->sku, l->place), k->key);
        struct figures f = figures_of(a);
        milli_t claimed = sum_of(a, HOLD, INSTANT_MOST) - sum_of(a, UNHOLD, INSTANT_MOST);
        milli_t open = lesser(f.total, at_least_0(claimed - f.cancelled - f.gone));
        l->held = lesser(f.reserved, open);
        l->committed = open - l->held;
    }
}

static enum reservation_state state_of(struct basket *b, struct kept *k)
{
    bool held = false, committed = false;

    refresh(b, k);
    for (size_t i = 0; i < k->lines_count; i++) {
        held |= k->lines[i].held > 0;
        committed |= k->lines[i].committed > 0;
    }
    if (held || committed)
        return held ? RESERVATION_HELD : RESERVATION_CONFIRMED;
    return k->ended;
}

static void confirm(struct basket *b, struct kept *k)
{
    for (size_t i = 0; i < k->lines_count; i++) {
        struct line *l = &k->lines[i];
        if (l->held > 0)
            enter_line(b, k, l, CONFIRM, l->held);
        l->committed += l->held;
        l->held = 0;
    }
}

static void fulfil(struct basket *b, struct kept *k, struct line *l, milli_t quantity)
{
    if (quantity <= 0)
        return;
    enter_line(b, k, l, FULFIL, quantity);
    l->committed -= quantity;
    k->ended = RESERVATION_FULFILLED;
}

/* All that is open: what is handed over is what was not yet, whoever reported that. */
static void fulfil_all(struct basket *b, struct kept *k, struct line *l)
{
    milli_t gone = 0, fulfilled = 0;

    if (!l->kit) {
        const struct account *a = find_account(b, row_at(b, l->sku, l->place), k->key);
        gone = figures_of(a).gone;
        fulfilled = sum_of(a, FULFIL, INSTANT_MOST);
    }
    if (l->committed <= 0)
        return;
    enter_line(b, k, l, FULFIL, gone + l->committed - fulfilled);
    l->committed = 0;
    k->ended = RESERVATION_FULFILLED;
}

static void unhold(struct basket *b, struct kept *k)
{
    for (size_t i = 0; i < k->lines_count; i++) {
        if (k->lines[i].held > 0)
            enter_line(b, k, &k->lines[i], UNHOLD, k->lines[i].held);
        k->lines[i].held = 0;
    }
}

static struct text own_key(struct basket *b, struct text id)
{
    char *name = b->names[b->names_count++];
    memcpy(name, "\1", 1);
    memcpy(name + 1, id.at, id.length);
    return (struct text){name, id.length + 1};
}

/* Goods of its order left before it: what they cover is handed over. */
static void follow_what_left(struct basket *b, struct kept *k)
{
    for (size_t i = 0; k->has_reference && i < k->lines_count; i++)
        if (figures_of(find_account(b, row_at(b, k->lines[i].sku, k->lines[i].place), k->key)).gone > 0)
            k->ended = RESERVATION_FULFILLED;
}

static void reserve(struct basket *b, const struct reservation_said *said)
{
    struct kept *k = &b->reservations[b->reservations_count];

    if (find_kept(b, said->id))
        return;
    *k = (struct kept){.id = said->id,
                       .digest = said->digest,
                       .has_reference = said->reference.length > 0,
                       .partial = said->partial,
                       .channel = channel_of(said->channel),
                       .expires_at = said->expires_at,
                       .required_at = said->required_at,
                       .ended = RESERVATION_CANCELLED};
    k->key = k->has_reference ? said->reference : own_key(b, said->id);
    bool late = said->begin == RESERVATION_HELD && said->expires_at <= b->log_time;
    if (late || !judge(b, k, said, said->partial)) {
        b->names_count -= !k->has_reference;
        b->now = b->before;
        b->refused++;
        return;
    }
    b->granted++;
    b->reservations_count++;
    follow_what_left(b, k);
    if (said->begin != RESERVATION_HELD)
        confirm(b, k);
    for (size_t i = 0; said->begin == RESERVATION_FULFILLED && i < k->lines_count; i++)
        fulfil(b, k, &k->lines[i], k->lines[i].committed);
}

/* The order's reference comes with the confirmation: from now on its events speak of these accounts too. */
static void join(struct basket *b, struct kept *k, struct text reference)
{
    for (size_t i = 0; i < k->lines_count; i++) {
        struct row *row = row_at(b, k->lines[i].sku, k->lines[i].place);
        struct account *own = find_account(b, row, k->key), *order = find_account(b, row, reference);
        if (!order) {
            own->key = reference;
            continue;
        }
        memcpy(order->entries + order->entries_count, own->entries,
               own->entries_count * sizeof(*own->entries));
        order->entries_count += own->entries_count;
        order->counted += own->counted;
        order->took = (order->took_sets == own->took_sets ? order->took : 0) + own->took;
        order->took_sets = own->took_sets;
        if (order->channel == POOL)
            order->channel = own->channel;
        own->entries_count = 0;
        own->key = TEXT("\1gone");
        follow_fence(b, order);
    }
    k->key = reference;
    k->has_reference = true;
}

static bool revive(struct basket *b, struct kept *k, struct text reference)
{
    struct kept was = *k;

    k->lines_count = 0;
    if (reference.length && !k->has_reference) { /* it is that order's which comes back */
        k->key = reference;
        k->has_reference = true;
    }
    for (size_t i = 0; i < was.lines_count; i++) {
        const struct line *l = &was.lines[i];
        struct line_said said = {
            .sku = l->sku, .quantity = l->quantity, .locations_count = 1, .locations = &l->place};
        if (judge_line(b, k, &said, l->quantity, false) != l->quantity) {
            b->now = b->before;
            *k = was;
            b->refused++;
            return false;
        }
    }
    b->granted++;
    confirm(b, k);
    return true;
}

static bool confirm_step(struct basket *b, struct kept *k, const struct reservation_said *said)
{
    enum reservation_state state = state_of(b, k);

    if (state == RESERVATION_EXPIRED) {
        if (!revive(b, k, said->reference))
            return false;
        k->ended = RESERVATION_CANCELLED;
        follow_what_left(b, k);
    } else if (state == RESERVATION_HELD) {
        confirm(b, k);
    } else {
        return false;
    }
    if (said->reference.length && !k->has_reference) {
        join(b, k, said->reference);
        follow_what_left(b, k);
    }
    return true;
}

static struct line *line_of(struct kept *k, const struct line_said *said)
{
    for (size_t i = 0; i < k->lines_count; i++)
        if (same(k->lines[i].sku, said->sku) && same(k->lines[i].place, said->locations[0]))
            return &k->lines[i];
    return NULL;
}

static bool release(struct basket *b, struct kept *k)
{
    if (state_of(b, k) != RESERVATION_HELD)
        return false;
    unhold(b, k);
    k->ended = RESERVATION_RELEASED;
    return true;
}

static bool extend(struct basket *b, struct kept *k, instant_t expires_at)
{
    if (state_of(b, k) != RESERVATION_HELD || expires_at <= b->log_time)
        return false;
    k->expires_at = expires_at;
    return true;
}

static bool part_step(struct basket *b, struct kept *k, const struct reservation_said *said)
{
    if (state_of(b, k) != RESERVATION_CONFIRMED)
        return false;
    for (uint32_t i = 0; i < said->lines_count; i++) {
        struct line *l = line_of(k, &said->lines[i]);
        if (!l || said->lines[i].quantity > l->committed)
            return false;
    }
    for (size_t i = 0; i < (said->lines_count ? said->lines_count : k->lines_count); i++) {
        struct line *l = said->lines_count ? line_of(k, &said->lines[i]) : &k->lines[i];
        milli_t quantity = said->lines_count ? said->lines[i].quantity : l->committed;
        if (said->step == STEP_FULFIL && !said->lines_count) {
            fulfil_all(b, k, l);
        } else if (said->step == STEP_FULFIL) {
            fulfil(b, k, l, quantity);
        } else if (quantity > 0) {
            enter_line(b, k, l, CANCEL_STEP, quantity);
            l->committed -= quantity;
            k->ended = RESERVATION_CANCELLED;
        }
    }
    return true;
}

static bool move(struct basket *b, struct kept *k, const struct reservation_said *said)
{
    for (size_t i = 0; i < k->lines_count && state_of(b, k) <= RESERVATION_CONFIRMED; i++) {
        struct line *l = &k->lines[i];
        milli_t open = l->held + l->committed;
        bool was_held = l->held > 0;
        if (!same(l->sku, said->move_sku) || !same(l->place, said->move_from))
            continue;
        if (open <= 0 || grantable(b, l->sku, said->move_to, k, true) < open)
            return false;
        enter_line(b, k, l, was_held ? UNHOLD : MOVE_OUT, open);
        l->held = l->committed = 0;
        l->quantity -= open;
        if (l->quantity == 0)
            *l = k->lines[--k->lines_count];
        grant(b, k, said->move_sku, said->move_to, open);
        if (!was_held)
            confirm(b, k);
        return true;
    }
    return false;
}

/* What a change took more or gives back is one difference, whatever it looked like on the way. */
static void fences_again(struct basket *b)
{
    for (size_t i = 0; i < b->before.rows_count; i++)
        memcpy(b->now.rows[i].fences, b->before.rows[i].fences, sizeof(b->now.rows[i].fences));
    for (size_t i = 0; i < b->now.accounts_count; i++) {
        struct account *a = &b->now.accounts[i];
        const struct account *was = i < b->before.accounts_count ? &b->before.accounts[i] : NULL;
        a->took = was ? was->took : 0;
        a->took_sets = was ? was->took_sets : 0;
        a->counted = was ? was->counted : 0;
        follow_fence(b, a);
    }
}

static bool change(struct basket *b, struct kept *k, const struct reservation_said *said)
{
    struct kept was = *k;

    if (state_of(b, k) != RESERVATION_HELD)
        return false;
    unhold(b, k);
    k->lines_count = 0;
    if (judge(b, k, said, k->partial)) {
        fences_again(b);
        return true;
    }
    b->now = b->before;
    *k = was;
    b->refused++;
    return false;
}

static bool do_step(struct basket *b, struct kept *k, const struct reservation_said *said)
{
    switch (said->step) {
    case STEP_CONFIRM:
        return confirm_step(b, k, said);
    case STEP_RELEASE:
        return release(b, k);
    case STEP_EXTEND:
        return extend(b, k, said->expires_at);
    case STEP_FULFIL:
    case STEP_CANCEL:
        return part_step(b, k, said);
    case STEP_MOVE:
        return move(b, k, said);
    case STEP_CHANGE:
        return change(b, k, said);
    default:
        return false;
    }
}

static void take_step(struct basket *b, const struct reservation_said *said)
{
    struct kept *k = find_kept(b, said->id);

    b->before = b->now;
    if (said->step == STEP_RESERVE) {
        reserve(b, said);
        return;
    }
    for (size_t i = 0; k && i < k->steps_count; i++)
        if (same(k->steps[i], said->step_id))
            return;
    if (k && do_step(b, k, said))
        k->steps[k->steps_count++] = said->step_id;
}

/* ---- proposals ---- */

static void take_proposal(struct basket *b, const struct proposal_said *p)
{
    if (b->log_time < p->due || b->log_time < p->seen)
        return;
    if (p->kind == PROPOSAL_STALE) {
        struct place *place = place_of(b, p->location);
        if (!place || place->stale || p->seen < place->heard || p->due < p->seen + SILENCE_US)
            return;
        place->heard = p->seen;
        place->stale = true;
    } else if (p->kind == PROPOSAL_EXPIRE) {
        struct kept *k = find_kept(b, p->reference);
        if (!k || state_of(b, k) != RESERVATION_HELD || k->expires_at != p->seen)
            return;
        unhold(b, k);
        k->ended = RESERVATION_EXPIRED;
    } else if (p->kind == PROPOSAL_DEMAND) {
        /* a reservation that goes without a reference is named by its id, as a line of nobody's order */
        struct kept *of = p->reference.length ? NULL : find_kept(b, p->line);
        struct text key = of ? of->key : p->reference;
        struct account *a = find_account(b, row_at(b, p->sku, p->location), key);
        if (!a || !a->future || a->required_at != p->seen)
            return;
        a->future = false;
        follow_fence(b, a);
    } else if (p->kind == PROPOSAL_OVERDUE) {
        for (size_t i = 0; i < b->supplies_count; i++) {
            struct supply *u = &b->supplies[i];
            if (same(u->reference, p->reference) && u->row == number_of(b, row_at(b, p->sku, p->location)) &&
                u->expected_at == p->seen && u->expected > u->received)
                u->overdue = true;
        }
    }
}

/* ---- events ---- */

static struct supply *supply_at(struct basket *b, const struct row *row, struct text reference)
{
    for (size_t i = 0; i < b->supplies_count; i++)
        if (b->supplies[i].row == number_of(b, row) && same(b->supplies[i].reference, reference))
            return &b->supplies[i];
    struct supply *u = &b->supplies[b->supplies_count++];
    *u = (struct supply){.row = number_of(b, row),
                         .reference = reference,
                         .said_at = INSTANT_NONE,
                         .expected_at = INSTANT_NONE};
    return u;
}

static void take_order(struct basket *b, struct row *row, const struct event *e)
{
    static const enum entry_kind kinds[EVENT_END] = {[EVENT_SALE] = TILL,
                                                     [EVENT_ORDER_PLACED] = PLACED,
                                                     [EVENT_ORDER_CANCELLED] = CANCEL,
                                                     [EVENT_ORDER_SHIPPED] = ORDER,
                                                     [EVENT_ORDER_PICKED_UP] = ORDER};
    struct text key = e->type == EVENT_SALE ? e->order_reference : e->reference;
    struct account *a = account_at(b, row, key, channel_of(e->channel));
    enum entry_kind kind = kinds[e->type];

    if (kind == PLACED && e->op == ORDER_SET)
        kind = SET;
    if (kind == CANCEL && !(e->has & HAS(quantity)))
        kind = CANCEL_ALL;
    if (kind == PLACED || kind == SET)
        require_by_order(b, a, e);
    milli_t before = figures_of(a).gone;
    bool open[RESERVATIONS_MOST] = {false};
    for (size_t i = 0; i < b->reservations_count; i++)
        open[i] =
            same(b->reservations[i].key, key) && state_of(b, &b->reservations[i]) <= RESERVATION_CONFIRMED;
    enter(b, a, kind, e->occurred_at, e->quantity);
    milli_t after = figures_of(a).gone; /* which message closed it says what it is */
    for (size_t i = 0; i < b->reservations_count; i++)
        if (open[i] && after > before)
            b->reservations[i].ended = RESERVATION_FULFILLED;
        else if (open[i] && state_of(b, &b->reservations[i]) > RESERVATION_CONFIRMED)
            b->reservations[i].ended = RESERVATION_CANCELLED;
}

static void take_allocation(struct row *row, const struct event *e)
{
    struct fenced *f = &row->fences[channel_of(e->allocation.channel)];
    struct fenced *to = &row->fences[channel_of(e->allocation.to_channel)];
    milli_t q = e->allocation.quantity;

    if (e->allocation.op == ALLOCATION_SET) {
        if (e->occurred_at < f->set_at)
            return;
        *f = (struct fenced){.quantity = q, .sets = f->sets + 1, .set_at = e->occurred_at};
    } else if (e->occurred_at > f->set_at) {
        f->quantity += e->allocation.op == ALLOCATION_MOVE ? -q : q;
        to->quantity += e->allocation.op == ALLOCATION_MOVE ? q : 0;
    }
}

static void take_setting(struct row *row, const struct event *e)
{
    if ((e->has & HAS(safety_stock)) && e->occurred_at >= row->safety_at) {
        row->safety = e->safety_stock;
        row->safety_at = e->occurred_at;
    }
    if ((e->has & HAS(backorder_limit)) && e->occurred_at >= row->backorder_at) {
        row->backorder = e->backorder_limit;
        row->backorder_at = e->occurred_at;
    }
}

static void take_inbound(struct basket *b, struct row *row, const struct event *e)
{
    struct supply *u = supply_at(b, row, e->reference);

    if (e->occurred_at < u->said_at)
        return;
    u->expected = e->quantity;
    u->said_at = e->occurred_at;
    u->expected_at = e->expected_at;
    u->overdue = e->expected_at != INSTANT_NONE && e->expected_at <= b->log_time;
}

/* All that shoppers' systems say counts as the place's own word. */
static void hear(struct basket *b, struct text place, instant_t occurred_at)
{
    struct place *p = place_of(b, place);

    if (!p || occurred_at <= p->heard)
        return;
    p->heard = occurred_at;
    p->stale = false;
}

static void describe_place(struct basket *b, struct text id)
{
    struct place *p = place_of(b, id);

    if (!p)
        b->places[b->places_count++] = (struct place){.id = id};
    else
        p->stale = false;
}

static void take_event(struct basket *b, const struct event *e)
{
    if (e->occurred_at > b->log_time + FUTURE_US)
        return;
    for (size_t i = 0; i < b->events_count; i++)
        if (same(b->events[i], e->id))
            return;
    b->events[b->events_count++] = e->id;
    b->before = b->now;
    if (e->type != EVENT_ALLOCATION)
        hear(b, e->location, e->occurred_at);
    struct row *row = row_at(b, e->sku, e->location);
    if (e->type == EVENT_RECEIPT || e->type == EVENT_RETURN || e->type == EVENT_ADJUSTMENT) {
        row->moved += e->quantity;
        if (e->reference.length)
            supply_at(b, row, e->reference)->received += e->quantity;
    } else if (e->type == EVENT_SALE && !e->order_reference.length) {
        row->moved -= e->quantity;
        unsigned c = channel_of(e->channel);
        row->fences[c].consumed += c == POOL ? 0 : lesser(e->quantity, fenced(row, c));
    } else if (e->type == EVENT_SETTING) {
        take_setting(row, e);
    } else if (e->type == EVENT_ALLOCATION) {
        take_allocation(row, e);
    } else if (e->type == EVENT_INBOUND) {
        take_inbound(b, row, e);
    } else {
        take_order(b, row, e);
    }
}

/* ---- the door ---- */

struct basket *basket_create(void)
{
    return calloc(1, sizeof(struct basket));
}

void basket_destroy(struct basket *b)
{
    free(b);
}

void basket_clock(struct basket *b, instant_t appended_at)
{
    if (appended_at > b->log_time)
        b->log_time = appended_at;
}

void basket_take(struct basket *b, const struct record *r)
{
    for (size_t i = 0; r->kind == RECORD_EVENTS && i < r->events_count; i++)
        take_event(b, &r->events[i]);
    b->web |= r->kind == RECORD_CHANNEL && same(r->reference.id, TEXT("web"));
    b->market |= r->kind == RECORD_CHANNEL && same(r->reference.id, TEXT("market"));
    b->all |= r->kind == RECORD_CHANNEL && same(r->reference.id, TEXT("*"));
    if (r->kind == RECORD_LOCATION)
        describe_place(b, r->reference.id);
    b->set |= r->kind == RECORD_ITEM;
    if (r->kind == RECORD_RESERVATION)
        take_step(b, r->reservation);
    if (r->kind == RECORD_PROPOSAL)
        take_proposal(b, &r->proposal);
}

struct basket_row basket_row(struct basket *b, struct text sku, struct text location)
{
    const struct row *row = row_at(b, sku, location);
    struct sums s = sums_of(b, row);
    struct basket_row ret = {s.on_hand, s.reserved, s.committed, {0}};

    for (unsigned c = 0; c < CHANNELS; c++)
        ret.available[c] = by_stock(b, row, c, INSTANT_NONE);
    return ret;
}

bool basket_reservation(struct basket *b, struct text id, struct basket_reservation *ret)
{
    struct kept *k = find_kept(b, id);

    if (!k)
        return false;
    *ret = (struct basket_reservation){.state = state_of(b, k),
                                       .expires_at = k->expires_at,
                                       .lines_count = k->lines_count,
                                       .lines = k->shown};
    for (size_t i = 0; i < k->lines_count; i++)
        k->shown[i] = (struct basket_line){k->lines[i].sku, k->lines[i].place, k->lines[i].quantity,
                                           k->lines[i].held + k->lines[i].committed};
    return true;
}

void basket_counts(const struct basket *b, unsigned *ret_granted, unsigned *ret_refused)
{
    *ret_granted = b->granted;
    *ret_refused = b->refused;
}
