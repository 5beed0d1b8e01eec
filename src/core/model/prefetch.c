/* An event touches the memory of ids, the index of SKUs, its SKU, its row, the row's rare part, its ledger
 * and its memory of changes: seven cache misses, each waiting for the one before. Here each step is taken for
 * many events before the next step, so that their misses overlap. (Taking the steps of later events between
 * those that are applied was tried: what was retired meanwhile may be gone, so each step begins again at the
 * row, and that costs more than the waiting.) What was looked up on the way is kept for apply, which would
 * look it up again. */
#include "core/model/prefetch.h"

#include "base/hash.h"
#include "core/model/records.h"

#include <stdlib.h>

enum { AT_ONCE = 16 };

static uint32_t location_of(const struct state *s, const struct event *e)
{
    const struct location *l = catalogue_location(s->catalogue, e->location);
    return l ? l->number : INDEX_NONE;
}

static void hash(const struct state *s, struct found *f)
{
    const struct event *e = f->event;

    f->hash = hash_text(e->sku);
    table_prefetch(s->table, f->hash);
    f->id = repeats_id(s->repeats, e);
    repeats_prefetch(s->repeats, e, &f->id);
    f->location = location_of(s, e);
}

static const struct rare *find_row(const struct state *s, struct found *f)
{
    struct row_image row;

    f->sku = table_find_hashed(s->table, f->event->sku, f->hash);
    const struct rare *rare = f->sku && sku_peek(f->sku, f->location, &row) ? row_rare(&row) : NULL;
    if (rare)
        __builtin_prefetch(rare);
    return rare;
}

/* One that rests lies behind its rare part. */
static void fetch_ledger(const struct rare *rare)
{
    const char *ledger = rare->ledger ? (const char *)rare->ledger : (const char *)(rare + 1);
    for (size_t at = 0; at < sizeof(struct ledger); at += 64)
        __builtin_prefetch(ledger + at, 1);
}

static void fetch_movements(const struct ledger *l)
{
    if (l && l->movements.at)
        __builtin_prefetch(l->movements.at + l->movements.count, 1);
}

/* The next few. */
static void fetch(const struct state *s, struct ahead *a)
{
    const struct rare *rares[AT_ONCE];
    struct found *found = a->at + a->fetched;
    uint32_t count = a->count - a->fetched < AT_ONCE ? a->count - a->fetched : AT_ONCE;

    for (uint32_t i = 0; i < count; i++)
        hash(s, &found[i]);
    for (uint32_t i = 0; i < count; i++)
        if (found[i].location != INDEX_NONE)
            table_prefetch_row(s->table, found[i].hash, found[i].location);
    for (uint32_t i = 0; i < count; i++)
        rares[i] = find_row(s, &found[i]);
    for (uint32_t i = 0; i < count; i++)
        if (rares[i])
            fetch_ledger(rares[i]);
    for (uint32_t i = 0; i < count; i++)
        if (rares[i])
            fetch_movements(rares[i]->ledger);
    a->fetched += count;
}

static void begin(struct ahead *a)
{
    a->next = a->count = a->fetched = 0;
}

void prefetch_events(struct apply *a, const struct event *events, size_t count)
{
    begin(&a->ahead);
    for (size_t i = 0; i < count && i < PREFETCH_EVENTS; i++)
        a->ahead.at[a->ahead.count++].event = &events[i];
}

/* A record of many events fetches for itself when it is applied. */
void state_prefetch(struct state *s, const struct record *const *records, size_t count)
{
    struct apply *a = apply_of(s);

    if (!a)
        return;
    begin(&a->ahead);
    for (size_t i = 0; i < count && a->ahead.count < PREFETCH_EVENTS; i++)
        if (records[i]->kind == RECORD_EVENTS && records[i]->events_count == 1)
            a->ahead.at[a->ahead.count++].event = &records[i]->events[0];
}

/* The event among those looked at ahead; NULL: it is not. Repeats of intake do not come to their turn. */
static struct found *expected(struct apply *a, const struct event *e)
{
    struct ahead *h = &a->ahead;

    while (h->next < h->count && h->at[h->next].event != e)
        h->next++;
    if (h->next == h->count)
        return NULL;
    while (h->next >= h->fetched)
        fetch(a->state, h);
    return &h->at[h->next++];
}

static void look(const struct state *s, struct found *f)
{
    const struct event *e = f->event;

    if (!f->sku && e->sku.length)
        f->sku = table_find(s->table, e->sku);
    if (f->location == INDEX_NONE)
        f->location = location_of(s, e);
}

static struct found found_now(const struct state *s, const struct event *e)
{
    struct found f = {.event = e, .location = INDEX_NONE, .id = repeats_id(s->repeats, e)};

    look(s, &f);
    return f;
}

struct found found_of(struct apply *a, const struct event *e)
{
    struct found *f = expected(a, e);

    if (!f)
        return found_now(a->state, e);
    look(a->state, f);
#if ONHAND_CHECKS
    struct found again = found_now(a->state, e);
    if (again.sku != f->sku || again.location != f->location || again.id.tag != f->id.tag ||
        again.id.hash.low != f->id.hash.low || again.id.hash.high != f->id.hash.high)
        abort(); /* what was found ahead belongs to another event */
#endif
    return *f;
}
