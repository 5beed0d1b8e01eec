/* An hour of a part is a table of entries, chained by their hash, and a rank for each: how often its key was
 * seen at most. A new key takes the place of the entry of least rank and inherits that rank, so that a key
 * that comes often stays; what was counted for the old one is left to the totals.
 *
 * One writer a part. What readers look at is atomic, stored with release and loaded with acquire. An entry
 * that gets another key has an odd `turn` while it changes: a reader that finds it odd, or another
 * afterwards, passes it over (its notes are in the totals). An hour that is cleared for another is none while
 * that goes on: `hour` is loaded before and after. */
#include "core/answer/unmet.h"

#include "base/error.h"
#include "base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NO_ENTRY UINT32_MAX
static const char magic[8] = "onhunm1";

struct entry {
    _Atomic uint32_t turn;
    _Atomic uint32_t sku, location, channel;
    _Atomic uint64_t times[UNMET_CAUSES];
    _Atomic uint64_t units;
    uint32_t next; /* of the chain; the writer's, as rank */
    uint64_t rank;
};

struct hour {
    _Atomic int64_t hour; /* -1: none */
    _Atomic uint64_t times[UNMET_CAUSES];
    _Atomic uint64_t units;
    _Atomic uint32_t used;
    uint32_t hand;    /* where the weakest is looked for */
    uint64_t least;   /* no rank is below */
    uint32_t *chains; /* by hash: the first entry */
    struct entry *entries;
};

struct unmet {
    unsigned parts, hours, keys; /* one part more holds what was restored */
    uint32_t chains;             /* a power of two */
    struct hour *at;             /* part after part */
    struct entry *entries;
    uint32_t *links;
};

static void add(_Atomic uint64_t *to, uint64_t n)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_release);
}

struct unmet *unmet_create(unsigned parts, unsigned hours, unsigned keys)
{
    struct unmet *u = calloc(1, sizeof(*u));
    size_t slots = (size_t)(parts + 1) * hours;

    if (!u || !hours || !keys)
        goto fail;
    *u = (struct unmet){.parts = parts, .hours = hours, .keys = keys, .chains = 1};
    while (u->chains < keys)
        u->chains *= 2;
    u->at = calloc(slots, sizeof(*u->at));
    u->entries = calloc(slots * keys, sizeof(*u->entries));
    u->links = calloc(slots * u->chains, sizeof(*u->links));
    if (!u->at || !u->entries || !u->links)
        goto fail;
    for (size_t i = 0; i < slots; i++) {
        atomic_init(&u->at[i].hour, -1);
        u->at[i].entries = u->entries + i * keys;
        u->at[i].chains = u->links + i * u->chains;
    }
    return u;
fail:
    unmet_destroy(u);
    return NULL;
}

void unmet_destroy(struct unmet *u)
{
    if (!u)
        return;
    free(u->at);
    free(u->entries);
    free(u->links);
    free(u);
}

unsigned unmet_hours(const struct unmet *u)
{
    return u->hours;
}

unsigned unmet_keys(const struct unmet *u)
{
    return u->keys;
}

size_t unmet_slots(const struct unmet *u)
{
    return (size_t)(u->parts + 1) * u->hours;
}

size_t unmet_bytes(const struct unmet *u)
{
    return unmet_slots(u) *
           (sizeof(struct hour) + u->keys * sizeof(struct entry) + u->chains * sizeof(uint32_t));
}

/* ---- noting ---- */

static void clear(const struct unmet *u, struct hour *h, int64_t hour)
{
    atomic_store_explicit(&h->hour, -1, memory_order_release);
    atomic_store_explicit(&h->used, 0, memory_order_release);
    for (int i = 0; i < UNMET_CAUSES; i++)
        atomic_store_explicit(&h->times[i], 0, memory_order_release);
    atomic_store_explicit(&h->units, 0, memory_order_release);
    for (uint32_t i = 0; i < u->chains; i++)
        h->chains[i] = NO_ENTRY;
    h->hand = 0;
    h->least = 0;
    atomic_store_explicit(&h->hour, hour, memory_order_release);
}

/* The place of an hour in a part; NULL: a newer one has it. */
static struct hour *hour_of(const struct unmet *u, unsigned part, int64_t hour)
{
    struct hour *h = &u->at[(size_t)part * u->hours + (uint64_t)hour % u->hours];
    int64_t has = atomic_load_explicit(&h->hour, memory_order_relaxed);

    if (has > hour)
        return NULL;
    if (has < hour)
        clear(u, h, hour);
    return h;
}

static uint32_t chain_of(const struct unmet *u, const struct unmet_key *k)
{
    uint64_t h = ((uint64_t)k->sku << 32 | k->location) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 29 ^ k->channel) * 0xBF58476D1CE4E5B9u;
    return (uint32_t)(h >> 32) & (u->chains - 1);
}

static bool has_key(const struct entry *e, const struct unmet_key *k)
{
    return atomic_load_explicit(&e->sku, memory_order_relaxed) == k->sku &&
           atomic_load_explicit(&e->location, memory_order_relaxed) == k->location &&
           atomic_load_explicit(&e->channel, memory_order_relaxed) == k->channel;
}

static struct unmet_key key_of(const struct entry *e)
{
    return (struct unmet_key){atomic_load_explicit(&e->sku, memory_order_acquire),
                              atomic_load_explicit(&e->location, memory_order_acquire),
                              atomic_load_explicit(&e->channel, memory_order_acquire)};
}

/* The entry of least rank. The hand goes round: all ranks between its rounds are at least `least`, so most
 * looks are short. */
static uint32_t weakest(const struct unmet *u, struct hour *h)
{
    for (;;) {
        uint64_t least = UINT64_MAX;
        for (uint32_t i = 0; i < u->keys; i++) {
            uint32_t n = h->hand;
            h->hand = n + 1 < u->keys ? n + 1 : 0;
            if (h->entries[n].rank <= h->least)
                return n;
            least = h->entries[n].rank < least ? h->entries[n].rank : least;
        }
        h->least = least;
    }
}

static void unlink_entry(const struct unmet *u, struct hour *h, uint32_t n)
{
    struct unmet_key k = key_of(&h->entries[n]);
    uint32_t *at = &h->chains[chain_of(u, &k)];

    while (*at != n)
        at = &h->entries[*at].next;
    *at = h->entries[n].next;
}

/* Gives an entry to a key that has none. */
static struct entry *take_entry(const struct unmet *u, struct hour *h, const struct unmet_key *k,
                                uint32_t chain)
{
    uint32_t used = atomic_load_explicit(&h->used, memory_order_relaxed);
    bool is_new = used < u->keys;
    uint32_t n = is_new ? used : weakest(u, h);
    struct entry *e = &h->entries[n];
    uint32_t turn = atomic_load_explicit(&e->turn, memory_order_relaxed);

    if (!is_new)
        unlink_entry(u, h, n);
    e->rank = is_new ? 0 : e->rank;
    atomic_store_explicit(&e->turn, turn + 1, memory_order_relaxed); /* before all that follow: releases */
    atomic_store_explicit(&e->sku, k->sku, memory_order_release);
    atomic_store_explicit(&e->location, k->location, memory_order_release);
    atomic_store_explicit(&e->channel, k->channel, memory_order_release);
    for (int i = 0; i < UNMET_CAUSES; i++)
        atomic_store_explicit(&e->times[i], 0, memory_order_release);
    atomic_store_explicit(&e->units, 0, memory_order_release);
    atomic_store_explicit(&e->turn, turn + 2, memory_order_release);
    e->next = h->chains[chain];
    h->chains[chain] = n;
    if (is_new)
        atomic_store_explicit(&h->used, used + 1, memory_order_release);
    return e;
}

void unmet_note(struct unmet *u, unsigned part, int64_t hour, const struct unmet_key *key,
                enum unmet_cause cause, uint64_t units)
{
    struct hour *h = hour_of(u, part, hour);

    if (!h)
        return;
    uint32_t chain = chain_of(u, key), n = h->chains[chain];
    while (n != NO_ENTRY && !has_key(&h->entries[n], key))
        n = h->entries[n].next;
    struct entry *e = n == NO_ENTRY ? take_entry(u, h, key, chain) : &h->entries[n];
    e->rank++;
    add(&h->times[cause], 1); /* the totals first: whoever sees the entry's sees theirs */
    add(&h->units, units);
    add(&e->times[cause], 1);
    add(&e->units, units);
}

/* ---- looking ---- */

static bool copy_entry(const struct entry *e, struct unmet_entry *ret)
{
    uint32_t turn = atomic_load_explicit(&e->turn, memory_order_acquire);

    ret->key = key_of(e);
    for (int i = 0; i < UNMET_CAUSES; i++)
        ret->count.times[i] = atomic_load_explicit(&e->times[i], memory_order_acquire);
    ret->count.units = atomic_load_explicit(&e->units, memory_order_acquire);
    return !(turn & 1) && atomic_load_explicit(&e->turn, memory_order_relaxed) == turn;
}

struct unmet_hour unmet_copy(const struct unmet *u, size_t n, struct unmet_entry *ret)
{
    const struct hour *h = &u->at[n];
    struct unmet_hour none = {.hour = -1},
                      is = {.hour = atomic_load_explicit(&h->hour, memory_order_acquire)};

    if (is.hour < 0)
        return none;
    uint32_t used = atomic_load_explicit(&h->used, memory_order_acquire);
    for (uint32_t i = 0; i < used; i++)
        is.entries_count += copy_entry(&h->entries[i], &ret[is.entries_count]);
    for (int i = 0; i < UNMET_CAUSES; i++) /* after the entries: never less than what they tell together */
        is.total.times[i] = atomic_load_explicit(&h->times[i], memory_order_acquire);
    is.total.units = atomic_load_explicit(&h->units, memory_order_acquire);
    return atomic_load_explicit(&h->hour, memory_order_relaxed) == is.hour ? is : none;
}

/* ---- kept over a restart ---- */

static int by_key(const void *left, const void *right)
{
    return memcmp(&((const struct unmet_entry *)left)->key, &((const struct unmet_entry *)right)->key,
                  sizeof(struct unmet_key));
}

static int by_times(const void *left, const void *right)
{
    uint64_t a = unmet_times(&((const struct unmet_entry *)left)->count),
             b = unmet_times(&((const struct unmet_entry *)right)->count);
    return a != b ? (a > b ? -1 : 1) : by_key(left, right);
}

static void count_add(struct unmet_count *to, const struct unmet_count *c)
{
    for (int i = 0; i < UNMET_CAUSES; i++)
        to->times[i] += c->times[i];
    to->units += c->units;
}

/* All parts of one hour in one: entries of the same key added up, the most frequent kept. */
static struct unmet_hour gather(const struct unmet *u, int64_t hour, struct unmet_entry *room)
{
    struct unmet_hour all = {.hour = hour};
    size_t count = 0;

    for (unsigned part = 0; part <= u->parts; part++) {
        size_t slot = (size_t)part * u->hours + (uint64_t)hour % u->hours;
        struct unmet_hour one = unmet_copy(u, slot, room + count);
        if (one.hour != hour)
            continue;
        count_add(&all.total, &one.total);
        count += one.entries_count;
    }
    if (!count)
        return all;
    qsort(room, count, sizeof(*room), by_key);
    for (size_t i = 0; i < count; i++) {
        if (all.entries_count && !by_key(&room[all.entries_count - 1], &room[i]))
            count_add(&room[all.entries_count - 1].count, &room[i].count);
        else
            room[all.entries_count++] = room[i];
    }
    qsort(room, all.entries_count, sizeof(*room), by_times);
    all.entries_count = all.entries_count < u->keys ? all.entries_count : u->keys;
    return all;
}

/* The newest hour that any part has in this place. */
static int64_t hour_in(const struct unmet *u, unsigned place)
{
    int64_t newest = -1;

    for (unsigned part = 0; part <= u->parts; part++) {
        int64_t hour =
            atomic_load_explicit(&u->at[(size_t)part * u->hours + place].hour, memory_order_acquire);
        newest = hour > newest ? hour : newest;
    }
    return newest;
}

struct saved {
    char magic[8];
    uint64_t mark, check; /* of all that follows */
};

int unmet_save(const struct unmet *u, uint64_t mark, struct buffer *out)
{
    struct unmet_entry *room = calloc((size_t)(u->parts + 1) * u->keys, sizeof(*room));
    size_t begin = out->length;
    struct saved head = {.mark = mark};

    if (!room)
        return ERROR_NOMEM;
    memcpy(head.magic, magic, sizeof(magic));
    buffer_add(out, &head, sizeof(head));
    for (unsigned place = 0; place < u->hours; place++) {
        int64_t hour = hour_in(u, place);
        struct unmet_hour h = hour < 0 ? (struct unmet_hour){0} : gather(u, hour, room);
        if (!unmet_times(&h.total))
            continue;
        buffer_add(out, &h, sizeof(h));
        buffer_add(out, room, h.entries_count * sizeof(*room));
    }
    free(room);
    if (out->failed)
        return ERROR_NOMEM;
    head.check = hash128(out->at + begin + sizeof(head), out->length - begin - sizeof(head), mark).low;
    memcpy(out->at + begin, &head, sizeof(head));
    return 0;
}

static void restore_entry(const struct unmet *u, struct hour *h, const struct unmet_entry *from)
{
    struct entry *e = take_entry(u, h, &from->key, chain_of(u, &from->key));

    for (int i = 0; i < UNMET_CAUSES; i++)
        add(&e->times[i], from->count.times[i]);
    add(&e->units, from->count.units);
}

/* True: the hour's head and entries are whole; *at moves behind them. */
static bool read_hour(const char *bytes, size_t length, size_t *at, struct unmet_hour *ret,
                      const char **ret_entries)
{
    if (length - *at < sizeof(*ret))
        return false;
    memcpy(ret, bytes + *at, sizeof(*ret));
    *at += sizeof(*ret);
    if (ret->hour < 0 || ret->entries_count > (length - *at) / sizeof(struct unmet_entry))
        return false;
    *ret_entries = bytes + *at;
    *at += ret->entries_count * sizeof(struct unmet_entry);
    return true;
}

static void restore_hour(const struct unmet *u, const struct unmet_hour *from, const char *entries)
{
    struct hour *h = hour_of(u, u->parts, from->hour);

    if (!h)
        return;
    for (int i = 0; i < UNMET_CAUSES; i++)
        add(&h->times[i], from->total.times[i]);
    add(&h->units, from->total.units);
    for (size_t i = 0; i < from->entries_count && i < u->keys; i++) {
        struct unmet_entry e;
        memcpy(&e, entries + i * sizeof(e), sizeof(e));
        restore_entry(u, h, &e);
    }
}

int unmet_restore(struct unmet *u, uint64_t mark, int64_t now_hour, const void *bytes, size_t length)
{
    struct saved head;
    struct unmet_hour h;
    const char *entries;
    size_t at = sizeof(head);

    if (length < sizeof(head))
        return ERROR_CORRUPT;
    memcpy(&head, bytes, sizeof(head));
    const char *body = bytes;
    if (memcmp(head.magic, magic, sizeof(magic)) != 0)
        return ERROR_CORRUPT;
    if (head.mark != mark)
        return ERROR_INVALID;
    if (hash128(body + at, length - at, mark).low != head.check)
        return ERROR_CORRUPT;
    while (at < length && read_hour(body, length, &at, &h, &entries))
        if (h.hour > now_hour - (int64_t)u->hours && h.hour <= now_hour)
            restore_hour(u, &h, entries);
    return 0;
}
