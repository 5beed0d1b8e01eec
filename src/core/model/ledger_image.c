/* A ledger as bytes and back: little-endian, accounts in their canonical order. */
#include "core/model/books.h"

#include "base/error.h"
#include "core/model/resting.h"
#include "core/table/slab.h"

#include <stdlib.h>

enum { LEDGER_BYTES_FORMAT = 1 };
enum { HAS_STATUSES = 1, HAS_LIMITS = 2, HAS_FENCES = 4, HAS_END = 8 };
enum { DEMAND_HAS_STATUS = 1, DEMAND_UNMATCHED = 2, DEMAND_FUTURE = 4 };

/* ---- writing ---- */

static void put(struct buffer *b, uint64_t value, size_t bytes)
{
    unsigned char out[8];
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> 8 * i);
    buffer_add(b, out, bytes);
}

static void put64(struct buffer *b, int64_t value)
{
    put(b, (uint64_t)value, 8);
}

static void put_text(struct buffer *b, struct text t)
{
    put(b, t.length, 1);
    buffer_text(b, t);
}

static void put_words(struct buffer *b, const int64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put64(b, words[i]);
}

static void put_sums(struct buffer *b, const struct sums *s)
{
    int64_t words[] = {
        s->count_at,          s->base,      s->after, s->committed, s->committed_at_count, s->reserved,
        s->reserved_at_count, s->gone_after};
    put_words(b, words, sizeof(words) / sizeof(words[0]));
    put(b, s->basis, 1);
}

static void put_statuses(struct buffer *b, const struct statuses_kept *k)
{
    put_words(b, k->now, STATUSES);
    put_words(b, k->at_count, STATUSES);
    put_words(b, k->fixed_at, STATUSES);
    put64(b, k->short_before);
    put64(b, k->short_after);
}

static void put_limits(struct buffer *b, const struct limits *l)
{
    int64_t words[] = {l->safety_stock,    l->reorder_point,    l->backorder_limit,
                       l->safety_stock_at, l->reorder_point_at, l->backorder_limit_at};
    put_words(b, words, sizeof(words) / sizeof(words[0]));
}

static void put_fences(struct buffer *b, const struct fences *f)
{
    put(b, f->count, 4);
    for (uint32_t i = 0; i < f->count; i++) {
        put(b, f->at[i].channel, 4);
        put64(b, f->at[i].quantity);
        put64(b, f->at[i].consumed);
        put(b, f->at[i].sets, 8);
        put64(b, f->at[i].set_at);
    }
    put(b, f->adds_count, 4);
    for (uint32_t i = 0; i < f->adds_count; i++) {
        put(b, f->adds[i].channel, 4);
        put64(b, f->adds[i].at);
        put64(b, f->adds[i].quantity);
    }
}

static void put_movements(struct buffer *b, const struct movements *m)
{
    put64(b, m->newest_at);
    put64(b, m->forgotten_until);
    put(b, m->count, 4);
    for (uint32_t i = 0; i < m->count; i++) {
        put64(b, m->at[i].at);
        put64(b, m->at[i].quantity);
        put(b, m->at[i].span_s, 4);
        put(b, m->at[i].place, 1);
    }
}

static void put_account(struct buffer *b, const struct account *a)
{
    put_text(b, account_reference(a));
    put_text(b, account_line(a));
    put(b, a->closed, 1);
    put64(b, a->closed_at);
}

static void put_demand(struct buffer *b, const struct demand *d)
{
    put_account(b, &d->account);
    put(b,
        (d->has_status ? DEMAND_HAS_STATUS : 0) | (d->unmatched ? DEMAND_UNMATCHED : 0) |
            (d->future ? DEMAND_FUTURE : 0),
        1);
    int64_t words[] = {d->open,          d->reserved,           d->gone,
                       d->open_at_count, d->reserved_at_count,  d->gone_at_count,
                       d->required_at,   d->required_said_at,   d->fence_asked,
                       d->fence_took,    (int64_t)d->fence_sets};
    put_words(b, words, sizeof(words) / sizeof(words[0]));
    put(b, d->channel, 4);
    put(b, d->entries_count, 4);
    for (uint32_t i = 0; i < d->entries_count; i++) {
        put64(b, d->entries[i].at);
        put64(b, d->entries[i].quantity);
        put(b, d->entries[i].kind, 1);
        put(b, d->entries[i].status, 1);
    }
}

static void put_supply(struct buffer *b, const struct supply *s)
{
    put_account(b, &s->account);
    put_text(b, s->parent);
    put(b, s->final, 1);
    int64_t words[] = {s->set_at,     s->set_quantity, s->expected_at, s->expected_said_at,
                       s->overdue_at, s->first_at,     s->said,        s->open};
    put_words(b, words, sizeof(words) / sizeof(words[0]));
    put(b, s->first_number, 4);
    put(b, s->entries_count, 4);
    for (uint32_t i = 0; i < s->entries_count; i++) {
        put64(b, s->entries[i].at);
        put64(b, s->entries[i].quantity);
        put(b, s->entries[i].number, 4);
        put(b, s->entries[i].kind, 1);
    }
}

static int by_key(const void *left, const void *right)
{
    return account_compare(*(struct account *const *)left, *(struct account *const *)right);
}

static void put_accounts(struct buffer *b, const struct accounts *all,
                         void (*put_one)(struct buffer *, const struct account *))
{
    put(b, all->count, 4);
    if (all->count == 0)
        return;
    struct account **sorted = malloc(all->count * sizeof(struct account *));
    if (!sorted) {
        b->failed = true;
        return;
    }
    memcpy(sorted, all->at, all->count * sizeof(struct account *));
    qsort(sorted, all->count, sizeof(struct account *), by_key);
    for (uint32_t i = 0; i < all->count; i++)
        put_one(b, sorted[i]);
    free(sorted);
}

static void put_demand_account(struct buffer *b, const struct account *a)
{
    put_demand(b, (const struct demand *)a);
}

static void put_supply_account(struct buffer *b, const struct account *a)
{
    put_supply(b, (const struct supply *)a);
}

void ledger_save(const struct ledger *l, struct buffer *out)
{
    put(out, LEDGER_BYTES_FORMAT, 1);
    put(out,
        (l->statuses ? HAS_STATUSES : 0) | (l->limits ? HAS_LIMITS : 0) | (l->fences.count ? HAS_FENCES : 0),
        1);
    put_sums(out, &l->sums);
    if (l->statuses)
        put_statuses(out, l->statuses);
    if (l->limits)
        put_limits(out, l->limits);
    if (l->fences.count)
        put_fences(out, &l->fences);
    put64(out, l->merged_until);
    put64(out, l->purged_until);
    put(out, l->supply_said, 4);
    put_movements(out, &l->movements);
    put_accounts(out, &l->demand, put_demand_account);
    put_accounts(out, &l->supply, put_supply_account);
}

/* ---- reading ---- */

struct reader {
    const unsigned char *at, *end;
    bool failed;
};

/* Little-endian, as the machine's own numbers (bytes.h): bytes is a constant wherever this is called, and one
 * load. */
static inline uint64_t get(struct reader *r, size_t bytes)
{
    uint64_t value = 0;
    if ((size_t)(r->end - r->at) < bytes) {
        r->failed = true;
        r->at = r->end;
        return 0;
    }
    memcpy(&value, r->at, bytes);
    r->at += bytes;
    return value;
}

static int64_t get64(struct reader *r)
{
    return (int64_t)get(r, 8);
}

static void get_words(struct reader *r, int64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        words[i] = get64(r);
}

static struct text get_text(struct reader *r)
{
    size_t length = get(r, 1);
    if ((size_t)(r->end - r->at) < length || length > TEXT_BYTES_MOST) {
        r->failed = true;
        return (struct text){0};
    }
    struct text t = {(const char *)r->at, length};
    r->at += length;
    return t;
}

/* A count of things of at least `bytes` each: no more than there can be. */
static uint32_t get_count(struct reader *r, size_t bytes)
{
    uint64_t count = get(r, 4);
    if (count > (size_t)(r->end - r->at) / bytes)
        r->failed = true;
    return r->failed ? 0 : (uint32_t)count;
}

static uint8_t get_below(struct reader *r, unsigned end)
{
    uint8_t value = (uint8_t)get(r, 1);
    if (value >= end)
        r->failed = true;
    return r->failed ? 0 : value;
}

static void get_sums(struct reader *r, struct sums *s)
{
    int64_t words[8];
    get_words(r, words, 8);
    *s = (struct sums){.count_at = words[0],
                       .base = words[1],
                       .after = words[2],
                       .committed = words[3],
                       .committed_at_count = words[4],
                       .reserved = words[5],
                       .reserved_at_count = words[6],
                       .gone_after = words[7],
                       .basis = get_below(r, BASIS_END)};
}

static void read_statuses(struct reader *r, struct statuses_kept *k)
{
    get_words(r, k->now, STATUSES);
    get_words(r, k->at_count, STATUSES);
    get_words(r, k->fixed_at, STATUSES);
    k->short_before = get64(r);
    k->short_after = get64(r);
}

static int get_statuses(struct reader *r, struct ledger *l)
{
    l->statuses = calloc(1, sizeof(*l->statuses));
    if (!l->statuses)
        return ERROR_NOMEM;
    read_statuses(r, l->statuses);
    return 0;
}

static void read_limits(struct reader *r, struct limits *l)
{
    int64_t words[6];
    get_words(r, words, 6);
    *l = (struct limits){words[0], words[1], words[2], words[3], words[4], words[5]};
}

static int get_limits(struct reader *r, struct ledger *l)
{
    l->limits = malloc(sizeof(*l->limits));
    if (!l->limits)
        return ERROR_NOMEM;
    read_limits(r, l->limits);
    return 0;
}

static int get_fences(struct reader *r, struct fences *f)
{
    uint32_t count = get_count(r, 36);
    int error = fences_reserve(f, count);
    if (error)
        return error;
    for (uint32_t i = 0; i < count; i++) {
        struct fence *next = &f->at[i];
        *next = (struct fence){.channel = (uint32_t)get(r, 4)};
        next->quantity = get64(r);
        next->consumed = get64(r);
        next->sets = get(r, 8);
        next->set_at = get64(r);
        if (i && next->channel <= next[-1].channel) /* not as they are kept */
            r->failed = true;
        f->count++;
    }
    count = get_count(r, 20);
    error = fences_reserve_adds(f, count);
    for (uint32_t i = 0; i < count && !error; i++) {
        struct fence_add *add = &f->adds[f->adds_count++];
        add->channel = (uint32_t)get(r, 4);
        add->at = get64(r);
        add->quantity = get64(r);
    }
    return error;
}

static int get_movements(struct reader *r, struct movements *m)
{
    m->newest_at = get64(r);
    m->forgotten_until = get64(r);
    uint32_t count = get_count(r, 21);
    if (count == 0)
        return 0;
    m->at = malloc(count * sizeof(*m->at));
    if (!m->at)
        return ERROR_NOMEM;
    m->count = m->capacity = count;
    for (uint32_t i = 0; i < count; i++) {
        m->at[i].at = get64(r);
        m->at[i].quantity = get64(r);
        m->at[i].span_s = (uint32_t)get(r, 4);
        m->at[i].place = get_below(r, PLACES);
    }
    return 0;
}

struct account_said {
    struct text reference, line;
    bool closed;
    instant_t closed_at;
};

static struct account_said get_account(struct reader *r)
{
    struct account_said a;
    a.reference = get_text(r);
    a.line = get_text(r);
    a.closed = get_below(r, 2);
    a.closed_at = get64(r);
    return a;
}

/* Puts an account that was read into its table. Closed ones are linked afterwards, in the order in which they
 * closed. */
static int link_account(struct reader *r, struct accounts *all, struct account *account,
                        const struct account_said *said)
{
    if (accounts_find(all, said->reference, said->line)) {
        r->failed = true;
        return ERROR_CORRUPT;
    }
    int error = accounts_reserve(all, account_is_line(account));
    if (error)
        return error;
    accounts_link(all, account);
    account->closed_at = said->closed ? said->closed_at : INSTANT_NONE;
    return 0;
}

static int get_demand(struct reader *r, struct ledger *l)
{
    struct account_said said = get_account(r);
    struct demand *d = demand_create(said.reference, said.line);
    if (!d)
        return ERROR_NOMEM;
    int error = link_account(r, &l->demand, &d->account, &said);
    if (error) {
        demand_destroy(d);
        return error;
    }
    uint8_t flags = get_below(r, 8);
    int64_t words[11];
    get_words(r, words, 11);
    d->future = flags & DEMAND_FUTURE;
    d->has_status = flags & DEMAND_HAS_STATUS;
    d->unmatched = flags & DEMAND_UNMATCHED;
    l->unmatched += d->unmatched;
    d->open = words[0];
    d->reserved = words[1];
    d->gone = words[2];
    d->open_at_count = words[3];
    d->reserved_at_count = words[4];
    d->gone_at_count = words[5];
    d->required_at = words[6];
    d->required_said_at = words[7];
    d->fence_asked = words[8];
    d->fence_took = words[9];
    d->fence_sets = (uint64_t)words[10];
    d->channel = (uint32_t)get(r, 4);
    d->dated = d->future ? d->open + d->reserved : 0;
    d->dated_at = d->dated ? d->required_at : INSTANT_NONE;
    uint32_t count = get_count(r, 18);
    if (count > DEMAND_FIRST_ENTRIES) {
        d->entries = malloc(count * sizeof(*d->entries));
        d->entries_capacity = count;
        if (!d->entries) {
            d->entries = d->first;
            return ERROR_NOMEM;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        d->entries[i].at = get64(r);
        d->entries[i].quantity = get64(r);
        d->entries[i].kind = get_below(r, DEMAND_KINDS);
        d->has_steps |= demand_is_step(d->entries[i].kind);
        d->entries[i].status = get_below(r, STATUS_END);
    }
    d->entries_count = count;
    return 0;
}

static int get_supply_entries(struct reader *r, struct supply *s)
{
    uint32_t count = get_count(r, 21);
    if (count == 0)
        return 0;
    s->entries = malloc(count * sizeof(*s->entries));
    if (!s->entries)
        return ERROR_NOMEM;
    s->entries_count = s->entries_capacity = count;
    for (uint32_t i = 0; i < count; i++) {
        s->entries[i].at = get64(r);
        s->entries[i].quantity = get64(r);
        s->entries[i].number = (uint32_t)get(r, 4);
        s->entries[i].kind = get_below(r, SUPPLY_SHIPPED + 1);
    }
    return 0;
}

static int get_supply(struct reader *r, struct ledger *l)
{
    struct account_said said = get_account(r);
    struct supply *s = supply_create(said.reference, said.line);
    if (!s)
        return ERROR_NOMEM;
    int error = link_account(r, &l->supply, &s->account, &said);
    if (error) {
        supply_destroy(s);
        return error;
    }
    struct text parent = get_text(r);
    if (parent.length) {
        char *copy = malloc(parent.length);
        if (!copy)
            return ERROR_NOMEM;
        memcpy(copy, parent.at, parent.length);
        s->parent = (struct text){copy, parent.length};
        l->parents++;
    }
    s->final = get_below(r, 2);
    int64_t words[8];
    get_words(r, words, 8);
    s->set_at = words[0];
    s->set_quantity = words[1];
    s->expected_at = words[2];
    s->expected_said_at = words[3];
    s->overdue_at = words[4];
    s->first_at = words[5];
    s->said = words[6];
    s->open = words[7];
    s->first_number = (uint32_t)get(r, 4);
    return get_supply_entries(r, s);
}

static int by_closing(const void *left, const void *right)
{
    const struct account *a = *(struct account *const *)left, *b = *(struct account *const *)right;
    if (a->closed_at != b->closed_at)
        return a->closed_at < b->closed_at ? -1 : 1;
    return account_compare(a, b);
}

/* Those that closed at one log time go at one log time too: their order among themselves does not matter. */
static int close_accounts(struct accounts *all)
{
    if (all->count == 0)
        return 0;
    struct account **closed = malloc(all->count * sizeof(struct account *));
    if (!closed)
        return ERROR_NOMEM;
    uint32_t count = 0;
    for (uint32_t i = 0; i < all->count; i++)
        if (all->at[i]->closed_at != INSTANT_NONE)
            closed[count++] = all->at[i];
    qsort(closed, count, sizeof(struct account *), by_closing);
    for (uint32_t i = 0; i < count; i++)
        accounts_close(all, closed[i], closed[i]->closed_at);
    free(closed);
    return 0;
}

static int get_accounts(struct reader *r, struct ledger *l, struct accounts *all,
                        int (*get_one)(struct reader *, struct ledger *))
{
    uint32_t count = get_count(r, 16);
    int error = 0;
    for (uint32_t i = 0; i < count && !error && !r->failed; i++)
        error = get_one(r, l);
    return error ? error : close_accounts(all);
}

/* What is to come follows from the accounts. */
static int learn_dated(struct ledger *l)
{
    uint32_t instants = l->supply.count;
    for (uint32_t i = 0; i < l->demand.count; i++)
        instants += ((const struct demand *)l->demand.at[i])->dated != 0;
    int error = dated_reserve(&l->dated, instants);
    if (error)
        return error;
    for (uint32_t i = 0; i < l->demand.count; i++) {
        const struct demand *d = (const struct demand *)l->demand.at[i];
        dated_demand(&l->dated, d->dated_at, d->dated);
    }
    dated_supply(&l->dated, &l->supply);
    return 0;
}

static int get_ledger(struct reader *r, struct ledger *l)
{
    if (get(r, 1) != LEDGER_BYTES_FORMAT)
        return ERROR_CORRUPT;
    uint8_t parts = get_below(r, HAS_END);
    get_sums(r, &l->sums);
    int error = parts & HAS_STATUSES ? get_statuses(r, l) : 0;
    if (!error && parts & HAS_LIMITS)
        error = get_limits(r, l);
    if (!error && parts & HAS_FENCES)
        error = get_fences(r, &l->fences);
    l->merged_until = get64(r);
    l->purged_until = get64(r);
    l->supply_said = (uint32_t)get(r, 4);
    if (!error)
        error = get_movements(r, &l->movements);
    if (!error)
        error = get_accounts(r, l, &l->demand, get_demand);
    if (!error)
        error = get_accounts(r, l, &l->supply, get_supply);
    if (!error && (r->failed || r->at != r->end))
        error = ERROR_CORRUPT;
    return error ? error : learn_dated(l);
}

int ledger_load(const void *bytes, size_t length, struct ledger **ret_ledger)
{
    struct reader r = {.at = bytes, .end = (const unsigned char *)bytes + length};
    struct ledger *l = ledger_create();
    if (!l)
        return ERROR_NOMEM;
    int error = get_ledger(&r, l);
    if (error) {
        ledger_destroy(l);
        return r.failed ? ERROR_CORRUPT : error;
    }
    *ret_ledger = l;
    return 0;
}

/* ---- resting ---- */

enum { RESTING_CLASS_BYTES = 16, MOVEMENT_BYTES = 21, NO_ACCOUNTS_BYTES = 8 };

/* The movements and, behind them, that there are no accounts: no more than a look at each. */
static bool rests_to_the_end(struct reader *r)
{
    r->at += (size_t)(r->end - r->at) < 16 ? 0 : 16; /* newest_at, forgotten_until */
    uint64_t count = get(r, 4);
    if (r->failed || (size_t)(r->end - r->at) != count * MOVEMENT_BYTES + NO_ACCOUNTS_BYTES)
        return false;
    for (; count; count--, r->at += MOVEMENT_BYTES)
        if (r->at[MOVEMENT_BYTES - 1] >= PLACES)
            return false;
    return get(r, 8) == 0;
}

/* Fills what readers see of it; false: it does not rest. */
static bool rests(struct reader *r, struct rare *ret)
{
    struct statuses_kept statuses;
    struct limits limits;
    struct sums sums;

    if (get(r, 1) != LEDGER_BYTES_FORMAT)
        return false;
    uint8_t parts = get_below(r, HAS_FENCES); /* fences do not rest */
    get_sums(r, &sums);
    if (parts & HAS_STATUSES)
        read_statuses(r, &statuses);
    if (parts & HAS_LIMITS)
        read_limits(r, &limits);
    r->at += (size_t)(r->end - r->at) < 20 ? 0 : 20; /* merged_until, purged_until, supply_said */
    if (!rests_to_the_end(r))
        return false;
    rare_show(ret, parts & HAS_STATUSES ? &statuses : &statuses_none,
              parts & HAS_LIMITS ? &limits : &limits_none, sums.count_at);
    return true;
}

/* Would readers see anything of it? */
static bool shows(const struct rare *r)
{
    milli_t unavailable = 0;

    for (int i = 0; i < STATUSES; i++)
        unavailable |= r->unavailable[i];
    return unavailable || r->backorder_limit || r->reorder_point != LIMIT_NONE ||
           r->last_count_at != INSTANT_NONE;
}

static void *rest(struct slabs *slabs, size_t before, const void *bytes, size_t length)
{
    unsigned char packed[RESTING_PACKED_MOST];
    size_t packed_bytes = resting_pack(bytes, length, packed);
    size_t class =
        (before + sizeof(struct resting) + packed_bytes + RESTING_CLASS_BYTES - 1) / RESTING_CLASS_BYTES;
    char *memory =
        class < SLAB_CLASSES ? slab_alloc(slabs, (unsigned)class, class * RESTING_CLASS_BYTES) : NULL;

    if (!memory)
        return NULL;
    struct resting *r = (struct resting *)(memory + before);
    r->length = (uint16_t)length;
    memcpy(r->packed, packed, packed_bytes);
    return memory;
}

uint64_t ledger_rest(struct slabs *slabs, const void *bytes, size_t length)
{
    struct reader r = {.at = bytes, .end = (const unsigned char *)bytes + length};
    struct rare shown = {.rested = true};

    if (length > RESTING_BYTES_MOST || !rests(&r, &shown))
        return 0;
    bool shown_any = shows(&shown);
    void *memory = rest(slabs, shown_any ? sizeof(shown) : 0, bytes, length);
    if (!memory)
        return 0;
    if (shown_any)
        *(struct rare *)memory = shown;
    return (uint64_t)(uintptr_t)memory | !shown_any;
}

static const struct resting *resting_of(uint64_t word)
{
    const char *memory = (const char *)(uintptr_t)(word & ~UINT64_C(1));
    return (const struct resting *)(memory + (word & 1 ? 0 : sizeof(struct rare)));
}

static struct ledger *wake(const struct resting *r)
{
    unsigned char bytes[RESTING_BYTES_MOST];
    struct ledger *ledger;

    resting_unpack(r, bytes);
    return ledger_load(bytes, r->length, &ledger) ? NULL : ledger;
}

struct ledger *rare_ledger(const struct rare *rare)
{
    struct rare *own =
        (struct rare *)(uintptr_t)rare; /* its ledger is the writer's own field: no reader looks at it */

    if (own->ledger)
        return own->ledger;
    if ((own->ledger = wake(resting_of((uintptr_t)rare))))
        own->ledger->rares = 1;
    return own->ledger;
}

struct rare *rare_wake(uint64_t resting_word)
{
    struct ledger *ledger = wake(resting_of(resting_word));
    struct rare *rare = ledger ? rare_build(ledger) : NULL;

    if (!rare)
        ledger_destroy(ledger);
    return rare;
}

void rare_save(uint64_t word, struct buffer *out)
{
    const struct rare *rare = (const struct rare *)(uintptr_t)word;

    if (!(word & 1) && rare->ledger) {
        ledger_save(rare->ledger, out);
        return;
    }
    unsigned char bytes[RESTING_BYTES_MOST];
    const struct resting *r = resting_of(word);
    resting_unpack(r, bytes);
    buffer_add(out, bytes, r->length);
}
