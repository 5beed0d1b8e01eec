/* An event touches the memory of ids, the index of SKUs, its SKU, its row, the row's rare part, its ledger
 * and its memory of changes: seven cache misses, each waiting for the one before. Here each step is taken for
 * many events before the next step, so that their misses overlap. */
#include "core/model/prefetch.h"

#include "base/hash.h"
#include "core/model/books.h"

struct ahead {
    const struct event *event;
    uint64_t hash;
    uint32_t location;
    const struct rare *rare;
};

static void find_row(const struct state *s, struct ahead *a)
{
    struct row_image row;
    const struct sku *sku = table_find_hashed(s->table, a->event->sku, a->hash);
    a->rare = sku && sku_peek(sku, a->location, &row) ? row_rare(&row) : NULL;
    if (a->rare)
        __builtin_prefetch(a->rare);
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

static void fetch(const struct state *s, struct ahead *ahead, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ahead *a = &ahead[i];
        const struct location *l = catalogue_location(s->catalogue, a->event->location);
        a->location = l ? l->number : INDEX_NONE;
        a->hash = hash_text(a->event->sku);
        table_prefetch(s->table, a->hash);
        repeats_prefetch(s->repeats, a->event);
    }
    for (size_t i = 0; i < count; i++)
        if (ahead[i].location != INDEX_NONE)
            table_prefetch_row(s->table, ahead[i].hash, ahead[i].location);
    for (size_t i = 0; i < count; i++)
        find_row(s, &ahead[i]);
    for (size_t i = 0; i < count; i++)
        if (ahead[i].rare)
            fetch_ledger(ahead[i].rare);
    for (size_t i = 0; i < count; i++)
        if (ahead[i].rare)
            fetch_movements(ahead[i].rare->ledger);
}

void prefetch_events(const struct state *s, const struct event *events, size_t count)
{
    struct ahead ahead[PREFETCH_EVENTS];
    size_t n = 0;
    for (; n < count && n < PREFETCH_EVENTS; n++)
        ahead[n].event = &events[n];
    fetch(s, ahead, n);
}

/* A record of many events fetches for itself when it is applied. */
void state_prefetch(const struct state *s, const struct record *const *records, size_t count)
{
    struct ahead ahead[PREFETCH_EVENTS];
    size_t n = 0;
    for (size_t i = 0; i < count && n < PREFETCH_EVENTS; i++)
        if (records[i]->kind == RECORD_EVENTS && records[i]->events_count == 1)
            ahead[n++].event = &records[i]->events[0];
    fetch(s, ahead, n);
}
