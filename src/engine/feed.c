/* Hands changes from the writer to the sinks: a bounded ring for each, and for what does not fit one mark a
 * SKU, which holds any number of changes. The writer stores and never waits, whoever sleeps on the other
 * side.
 *
 * Pairs: `head` (release, writer) with its acquire in take_ring; `tail` (release, sink) with its acquire in
 * push. A mark is a plain release store by the writer and an exchange by the sink: a change published before
 * the mark that the exchange took is seen by it, and one published later sets the mark again. For sleep,
 * `position` and `asleep` are sequentially consistent: either the writer sees the sleeper, or the sleeper's
 * second look sees the entries. */
#include "engine/feed.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TAPS_MOST = 8, CHUNK_SKUS = 1 << 16, CHUNKS = 1 << 12 };

struct chunk {
    _Atomic bool any;
    _Atomic uint8_t mark[CHUNK_SKUS];
};

struct tap {
    const char *name;
    int wake_fd;
    size_t mask; /* of the ring */
    struct feed_entry *ring;

    /* the writer's */
    _Alignas(64) uint64_t pushed, tail_seen;
    _Atomic uint64_t head;     /* entries before it are shown */
    _Atomic uint64_t position; /* next_offset at the last flush */
    _Atomic uint64_t entries_total, overflows_total;
    _Atomic(struct chunk *) chunks[CHUNKS]; /* made by the writer, never moved */

    /* the sink's */
    _Alignas(64) _Atomic uint64_t tail;
    bool scanning;
    uint32_t scan_chunk, scan_at;

    /* both sides' */
    _Alignas(64) _Atomic bool asleep;
    _Atomic bool marked; /* some chunk has marks */
    _Atomic bool all;    /* not even a mark could be made */
};

struct feed {
    size_t taps_count;
    struct tap *taps[TAPS_MOST];
};

/* ---- the writer's side ---- */

static void mark_all(struct tap *t)
{
    atomic_store_explicit(&t->all, true, memory_order_release);
}

static void mark_sku(struct tap *t, uint32_t sku)
{
    uint32_t number = sku / CHUNK_SKUS;

    if (number >= CHUNKS) {
        mark_all(t);
        return;
    }
    struct chunk *c = atomic_load_explicit(&t->chunks[number], memory_order_relaxed);
    if (!c) {
        c = calloc(1, sizeof(*c));
        if (!c) {
            mark_all(t);
            return;
        }
        atomic_store_explicit(&t->chunks[number], c, memory_order_release);
    }
    atomic_store_explicit(&c->mark[sku % CHUNK_SKUS], 1, memory_order_release);
    atomic_store_explicit(&c->any, true, memory_order_release);
    atomic_store_explicit(&t->marked, true, memory_order_release);
}

static void add_one(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void push(struct tap *t, const struct feed_entry *e)
{
    add_one(&t->entries_total);
    if (t->pushed - t->tail_seen > t->mask)
        t->tail_seen = atomic_load_explicit(&t->tail, memory_order_acquire);
    if (t->pushed - t->tail_seen <= t->mask) {
        t->ring[t->pushed++ & t->mask] = *e;
        return;
    }
    add_one(&t->overflows_total);
    if (e->kind == FEED_ROW || e->kind == FEED_SKU)
        mark_sku(t, e->sku);
    else
        mark_all(t);
}

static void push_to_all(struct feed *f, struct feed_entry e)
{
    for (size_t i = 0; i < f->taps_count; i++)
        push(f->taps[i], &e);
}

static bool rules_name_groups(const struct catalogue *c)
{
    for (uint32_t i = 0; i < catalogue_channels_count(c); i++) {
        const struct channel *ch = catalogue_channel_at(c, i);
        if (ch && ch->rules_name_groups)
            return true;
    }
    return false;
}

/* Reference data change what rows show without changing the rows: a channel by its rules, a group where rules
 * name groups. */
static void push_reference(struct feed *f, const struct state *s, const struct record *r, uint64_t offset)
{
    struct feed_entry e = {.sku = UINT32_MAX, .location = UINT32_MAX, .offset = offset};

    if (r->kind == RECORD_ITEM) {
        const struct sku *sku = table_find(s->table, r->reference.id);
        e.kind = sku ? FEED_SKU : FEED_ALL;
        e.sku = sku ? sku_number(sku) : UINT32_MAX;
        push_to_all(f, e);
    } else if (r->kind == RECORD_LOCATION) {
        const struct location *l = catalogue_location(s->catalogue, r->reference.id);
        e.kind = l ? FEED_LOCATION : FEED_ALL;
        e.location = l ? l->number : UINT32_MAX;
        push_to_all(f, e);
    } else if (r->kind == RECORD_CHANNEL || (r->kind == RECORD_GROUP && rules_name_groups(s->catalogue))) {
        e.kind = FEED_ALL;
        push_to_all(f, e);
    }
}

void feed_applied(struct feed *f, const struct state *s, const struct record *r, const struct outcome *o,
                  uint64_t offset)
{
    if (!f || !f->taps_count)
        return;
    for (size_t i = 0; i < o->changes_count; i++)
        push_to_all(f, (struct feed_entry){.kind = FEED_ROW,
                                           .sku = sku_number(o->changes[i].sku),
                                           .location = o->changes[i].location,
                                           .offset = offset});
    for (size_t i = 0; i < o->locations_count; i++)
        push_to_all(
            f, (struct feed_entry){
                   .kind = FEED_LOCATION, .sku = UINT32_MAX, .location = o->locations[i], .offset = offset});
    if (r->kind != RECORD_EVENTS && o->verdicts_count && o->verdicts[0].verdict == VERDICT_APPLIED)
        push_reference(f, s, r, offset);
}

static void flush(struct tap *t, uint64_t next_offset)
{
    static const uint64_t one = 1;

    atomic_store_explicit(&t->head, t->pushed, memory_order_release);
    atomic_store(&t->position, next_offset);
    if (!atomic_load(&t->asleep))
        return;
    atomic_store(&t->asleep, false);
    if (write(t->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: the sink is awake as it can be */
}

void feed_flush(struct feed *f, uint64_t next_offset)
{
    for (size_t i = 0; f && i < f->taps_count; i++)
        flush(f->taps[i], next_offset);
}

/* ---- the sink's side ---- */

static size_t take_ring(struct tap *t, struct feed_entry *ret, size_t most)
{
    uint64_t tail = atomic_load_explicit(&t->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&t->head, memory_order_acquire);
    size_t count = 0;

    while (count < most && tail < head)
        ret[count++] = t->ring[tail++ & t->mask];
    atomic_store_explicit(&t->tail, tail, memory_order_release);
    return count;
}

/* Goes on with a chunk; false when it is through with it. */
static bool scan(struct tap *t, struct chunk *c, struct feed_entry *ret, size_t most, size_t *count)
{
    for (; t->scan_at < CHUNK_SKUS; t->scan_at++) {
        if (!atomic_load_explicit(&c->mark[t->scan_at], memory_order_relaxed))
            continue;
        if (*count == most)
            return true;
        atomic_exchange_explicit(&c->mark[t->scan_at], 0, memory_order_acq_rel);
        ret[(*count)++] = (struct feed_entry){
            .kind = FEED_SKU, .sku = t->scan_chunk * CHUNK_SKUS + t->scan_at, .location = UINT32_MAX};
    }
    return false;
}

static void take_marks(struct tap *t, struct feed_entry *ret, size_t most, size_t *count)
{
    if (!t->scanning) {
        if (!atomic_exchange_explicit(&t->marked, false, memory_order_acq_rel))
            return;
        t->scanning = true;
        t->scan_chunk = t->scan_at = 0;
    }
    for (; t->scan_chunk < CHUNKS; t->scan_chunk++, t->scan_at = 0) {
        struct chunk *c = atomic_load_explicit(&t->chunks[t->scan_chunk], memory_order_acquire);
        bool begun = t->scan_at > 0;
        if (!c || (!begun && !atomic_exchange_explicit(&c->any, false, memory_order_acq_rel)))
            continue;
        if (scan(t, c, ret, most, count)) {
            if (t->scan_at == 0)
                atomic_store_explicit(&c->any, true, memory_order_relaxed); /* not begun: come again */
            return;
        }
    }
    t->scanning = false;
}

static size_t take_some(struct tap *t, struct feed_entry *ret, size_t most)
{
    size_t count = take_ring(t, ret, most);

    if (count < most && atomic_exchange_explicit(&t->all, false, memory_order_acq_rel))
        ret[count++] = (struct feed_entry){.kind = FEED_ALL, .sku = UINT32_MAX, .location = UINT32_MAX};
    if (count < most)
        take_marks(t, ret, most, &count);
    return count;
}

static size_t tap_take(void *tap, struct feed_entry *ret_entries, size_t most)
{
    struct tap *t = tap;
    size_t count = take_some(t, ret_entries, most);

    if (count || !most)
        return count;
    atomic_store(&t->asleep, true);
    (void)atomic_load(&t->position); /* a flush that missed the sleeper is seen from here on */
    count = take_some(t, ret_entries, most);
    if (count)
        atomic_store(&t->asleep, false);
    return count;
}

static uint64_t tap_position(void *tap)
{
    struct tap *t = tap;
    return atomic_load(&t->position);
}

/* ---- life ---- */

struct feed *feed_create(void)
{
    return calloc(1, sizeof(struct feed));
}

static void tap_destroy(struct tap *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < CHUNKS; i++)
        free(atomic_load_explicit(&t->chunks[i], memory_order_relaxed));
    if (t->wake_fd >= 0)
        close(t->wake_fd);
    free(t->ring);
    free(t);
}

void feed_destroy(struct feed *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->taps_count; i++)
        tap_destroy(f->taps[i]);
    free(f);
}

int feed_add(struct feed *f, const char *name, size_t ring_entries, struct feed_port *ret_port)
{
    size_t entries = ring_entries ? ring_entries : FEED_RING_ENTRIES;
    struct tap *t;
    int error = ERROR_NOMEM;

    if (f->taps_count == TAPS_MOST)
        return ERROR_LIMIT;
    t = aligned_alloc(64, sizeof(*t));
    if (!t)
        return ERROR_NOMEM;
    memset(t, 0, sizeof(*t));
    t->name = name;
    t->wake_fd = -1;
    t->mask = entries - 1;
    t->ring = calloc(entries, sizeof(*t->ring));
    if (!t->ring)
        goto failed;
    error = ERROR_IO;
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->wake_fd < 0)
        goto failed;
    f->taps[f->taps_count++] = t;
    *ret_port =
        (struct feed_port){.tap = t, .wake_fd = t->wake_fd, .take = tap_take, .position = tap_position};
    return 0;
failed:
    tap_destroy(t);
    return error;
}

void feed_metrics(const struct feed *f, struct buffer *out)
{
    if (!f || !f->taps_count)
        return;
    buffer_string(out, "# HELP onhand_feed_entries_total Changes handed to a sink since start.\n"
                       "# TYPE onhand_feed_entries_total counter\n");
    for (size_t i = 0; i < f->taps_count; i++)
        buffer_printf(out, "onhand_feed_entries_total{sink=\"%s\"} %lu\n", f->taps[i]->name,
                      atomic_load_explicit(&f->taps[i]->entries_total, memory_order_relaxed));
    buffer_string(out, "# HELP onhand_feed_overflows_total Changes kept as a mark of their SKU, because the "
                       "sink's ring was full.\n# TYPE onhand_feed_overflows_total counter\n");
    for (size_t i = 0; i < f->taps_count; i++)
        buffer_printf(out, "onhand_feed_overflows_total{sink=\"%s\"} %lu\n", f->taps[i]->name,
                      atomic_load_explicit(&f->taps[i]->overflows_total, memory_order_relaxed));
}
