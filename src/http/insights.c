/* GET /v1/insights: what channels asked for and did not find, the most frequent first. Counters of all loops
 * and hours are put together a few at a time, by what they are grouped by; the names come last. */
#include "http/insights.h"
#include "http/shape.h"

#include "base/clock.h"
#include "core/model/reservation.h"

#include <stdlib.h>

enum { LISTED = 100, LISTED_MOST = 1000, SLOTS_A_TURN = 16, TALLIES_AT_FIRST = 1024 };

void insights_get(struct exchange *x);

/* ---- noting ---- */

void insights_note(struct exchange *x, enum unmet_cause cause, const struct sku *s, uint32_t location,
                   const struct channel *c, milli_t units)
{
    static const enum metric metrics[UNMET_CAUSES] = {METRIC_UNMET_QUERIES, METRIC_UNMET_RESERVATIONS,
                                                      METRIC_UNMET_STORES};
    struct http *h = x->loop->http;
    struct unmet_key key = {sku_number(s), location, c ? c->number : UNMET_NONE};

    count(x->loop, metrics[cause], 1);
    if (h->options.unmet)
        unmet_note(h->options.unmet, (unsigned)(x->loop - h->loops), clock_wall_us() / UNMET_HOUR_US, &key,
                   cause, units > 0 ? (uint64_t)units : 0);
}

static void note_line(struct exchange *x, struct text sku, struct text location, uint32_t channel,
                      milli_t units)
{
    const struct view *v = exchange_view(x);
    const struct sku *s = table_find(v->table, sku);
    const struct location *l = catalogue_location(v->catalogue, location);

    if (s)
        insights_note(x, UNMET_RESERVATION, s, l ? l->number : UNMET_NONE,
                      channel == CHANNEL_POOL ? NULL : catalogue_channel_at(v->catalogue, channel), units);
}

void insights_note_reservation(struct exchange *x, const struct reservation_answer *a)
{
    const struct reservation *r = a->reservation;
    bool applied = a->verdict.verdict == VERDICT_APPLIED;

    if (!a->shortfalls_count && !(applied && r && r->missing_count))
        return;
    epoch_enter(x->loop->reader);
    for (uint32_t i = 0; i < a->shortfalls_count; i++)
        note_line(x, a->shortfalls[i].sku, a->shortfalls[i].location, a->channel_number,
                  a->shortfalls[i].requested - a->shortfalls[i].available);
    for (uint32_t i = 0; applied && r && i < r->missing_count; i++)
        note_line(x, r->missing[i].sku, r->missing[i].location, r->channel_number, r->missing[i].quantity);
    epoch_exit(x->loop->reader);
}

/* ---- the question ---- */

enum group_by { BY_SKU = 1, BY_LOCATION = 2, BY_CHANNEL = 4, BY_HOUR = 8 };

struct asked {
    instant_t from, to;
    uint64_t limit;
    unsigned group_by;
    struct text sku, location, channel;
};

/* ---- tallies ---- */

struct tally_key {
    struct unmet_key key;
    uint32_t hour; /* 0: not grouped by hours */
};

struct tally {
    struct tally_key key;
    struct unmet_count count; /* nothing: an empty place */
};

struct insights_task {
    struct pending pending;
    const struct unmet *unmet;
    const struct key *access;
    struct asked asked;
    uint32_t sku, location, channel; /* only these; UNMET_NONE with `any_…`: all */
    bool any_sku, any_location, any_channel;
    size_t slot;
    int64_t first_hour, now_hour;
    uint64_t told; /* of the keys that are told, before filters */
    struct unmet_count total;
    struct unmet_entry *room;
    size_t tallies_count, tallies_capacity; /* a power of two */
    struct tally *tallies;
};

static uint64_t hash_tally(const struct tally_key *k)
{
    return hash128(k, sizeof(*k), 0).low;
}

static struct tally *find_tally(struct tally *tallies, size_t capacity, const struct tally_key *k)
{
    size_t at = hash_tally(k) & (capacity - 1);

    while (unmet_times(&tallies[at].count) && memcmp(&tallies[at].key, k, sizeof(*k)) != 0)
        at = (at + 1) & (capacity - 1);
    return &tallies[at];
}

static bool grow_tallies(struct insights_task *t)
{
    size_t capacity = t->tallies_capacity ? 2 * t->tallies_capacity : TALLIES_AT_FIRST;
    struct tally *tallies = calloc(capacity, sizeof(*tallies));

    if (!tallies)
        return false;
    for (size_t i = 0; i < t->tallies_capacity; i++)
        if (unmet_times(&t->tallies[i].count))
            *find_tally(tallies, capacity, &t->tallies[i].key) = t->tallies[i];
    free(t->tallies);
    t->tallies = tallies;
    t->tallies_capacity = capacity;
    return true;
}

static void count_add(struct unmet_count *to, const struct unmet_count *c)
{
    for (int i = 0; i < UNMET_CAUSES; i++)
        to->times[i] += c->times[i];
    to->units += c->units;
}

/* A key that is bound sees what it could have asked itself. */
static bool is_allowed(const struct insights_task *t, const struct view *v, const struct unmet_key *k)
{
    const struct location *l =
        k->location == UNMET_NONE ? NULL : catalogue_location_at(v->catalogue, k->location);

    if (k->sku >= table_sku_count(v->table))
        return false; /* from a file that knows more than this state */
    return !t->access || !t->access->locations_count || (l && key_has_location(t->access, l->id));
}

static bool is_wanted(const struct insights_task *t, const struct view *v, const struct unmet_key *k)
{
    return (t->any_sku || k->sku == t->sku) && (t->any_location || k->location == t->location) &&
           (t->any_channel || k->channel == t->channel) && is_allowed(t, v, k);
}

static bool add_entry(struct insights_task *t, const struct view *v, int64_t hour,
                      const struct unmet_entry *e)
{
    unsigned by = t->asked.group_by;
    struct tally_key k = {.key = {by & BY_SKU ? e->key.sku : UNMET_NONE,
                                  by & BY_LOCATION ? e->key.location : UNMET_NONE,
                                  by & BY_CHANNEL ? e->key.channel : UNMET_NONE},
                          .hour = by & BY_HOUR ? (uint32_t)hour : 0};

    t->told += unmet_times(&e->count);
    if (!unmet_times(&e->count) || !is_wanted(t, v, &e->key))
        return true;
    if (2 * t->tallies_count >= t->tallies_capacity && !grow_tallies(t))
        return false;
    struct tally *g = find_tally(t->tallies, t->tallies_capacity, &k);
    t->tallies_count += !unmet_times(&g->count);
    g->key = k;
    count_add(&g->count, &e->count);
    return true;
}

/* False: without memory. */
static bool add_slot(struct insights_task *t, const struct view *v)
{
    struct unmet_hour h = unmet_copy(t->unmet, t->slot++, t->room);
    instant_t begin = h.hour * UNMET_HOUR_US;
    bool ok = true;

    if (h.hour < 0 || h.hour <= t->now_hour - (int64_t)unmet_hours(t->unmet) ||
        (t->asked.from != INSTANT_NONE && begin + UNMET_HOUR_US <= t->asked.from) ||
        (t->asked.to != INSTANT_NONE && begin >= t->asked.to))
        return true;
    count_add(&t->total, &h.total);
    for (size_t i = 0; ok && i < h.entries_count; i++)
        ok = add_entry(t, v, h.hour, &t->room[i]);
    return ok;
}

/* ---- the answer ---- */

static int by_times(const void *left, const void *right)
{
    const struct tally *a = left, *b = right;
    uint64_t x = unmet_times(&a->count), y = unmet_times(&b->count);

    if (x != y)
        return x > y ? -1 : 1;
    return memcmp(&a->key, &b->key, sizeof(a->key));
}

static size_t pack_tallies(struct insights_task *t)
{
    size_t count = 0;

    for (size_t i = 0; i < t->tallies_capacity; i++)
        if (unmet_times(&t->tallies[i].count))
            t->tallies[count++] = t->tallies[i];
    return count;
}

static void put_instant(struct buffer *b, const char *name, instant_t at)
{
    buffer_string(b, name);
    json_put_instant(b, at);
}

static void put_count(struct buffer *b, const struct unmet_count *c)
{
    buffer_printf(b, "\"times\":%llu,\"queries\":%llu,\"reservations\":%llu,\"stores\":%llu,\"units\":",
                  (unsigned long long)unmet_times(c), (unsigned long long)c->times[UNMET_QUERY],
                  (unsigned long long)c->times[UNMET_RESERVATION],
                  (unsigned long long)c->times[UNMET_STORES]);
    json_put_quantity(b, (milli_t)(c->units < QUANTITY_MOST ? c->units : QUANTITY_MOST));
}

/* Only what it was grouped by; null: no channel, or several places. */
static void put_tally(struct buffer *b, const struct view *v, unsigned by, const struct tally *g)
{
    const struct unmet_key *k = &g->key.key;
    const struct location *l =
        k->location == UNMET_NONE ? NULL : catalogue_location_at(v->catalogue, k->location);
    const struct channel *c =
        k->channel == UNMET_NONE ? NULL : catalogue_channel_at(v->catalogue, k->channel);

    buffer_byte(b, '{');
    if (by & BY_SKU) {
        buffer_text(b, TEXT("\"sku\":"));
        json_put_string(b, sku_text(table_sku(v->table, k->sku)));
        buffer_byte(b, ',');
    }
    if (by & BY_LOCATION) {
        buffer_text(b, TEXT("\"location\":"));
        put_text_or_null(b, l ? l->id : (struct text){0});
        buffer_byte(b, ',');
    }
    if (by & BY_CHANNEL) {
        buffer_text(b, TEXT("\"channel\":"));
        put_text_or_null(b, c ? c->id : (struct text){0});
        buffer_byte(b, ',');
    }
    if (by & BY_HOUR) {
        put_instant(b, "\"hour\":", g->key.hour * UNMET_HOUR_US);
        buffer_byte(b, ',');
    }
    put_count(b, &g->count);
    buffer_byte(b, '}');
}

static void answer(struct exchange *x, struct insights_task *t)
{
    const struct view *v = exchange_view(x);
    struct version version = view_version(v);
    uint64_t all = unmet_times(&t->total);
    size_t count = pack_tallies(t);

    if (count) /* there may be no room at all */
        qsort(t->tallies, count, sizeof(*t->tallies), by_times);
    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    struct buffer *b = answer_body(x);
    put_instant(b, "{\"from\":", t->asked.from);
    put_instant(b, ",\"to\":", t->asked.to);
    put_instant(b, ",\"kept_from\":", t->first_hour * UNMET_HOUR_US);
    buffer_text(b, TEXT(",\"total\":"));
    if (t->access && (t->access->locations_count || t->access->channels_count)) { /* not theirs to know */
        buffer_text(b, TEXT("null"));
    } else {
        buffer_byte(b, '{');
        put_count(b, &t->total);
        buffer_byte(b, '}');
    }
    buffer_printf(b, ",\"error_most\":%llu,\"entries\":[",
                  (unsigned long long)(all > t->told ? all - t->told : 0));
    for (size_t i = 0; i < count && i < t->asked.limit; i++) {
        buffer_string(b, i ? "," : "");
        put_tally(b, v, t->asked.group_by, &t->tallies[i]);
    }
    buffer_printf(b, "],\"found\":%zu,", count);
    put_as_of(b, v, version);
    buffer_byte(b, '}');
    answer_end(x);
}

static enum pending_status step(struct pending *p, struct exchange *x)
{
    struct insights_task *t = (struct insights_task *)p;
    size_t slots = unmet_slots(t->unmet);
    bool ok = true;

    epoch_enter(x->loop->reader);
    for (int i = 0; ok && i < SLOTS_A_TURN && t->slot < slots; i++)
        ok = add_slot(t, exchange_view(x));
    if (!ok)
        problem_no_memory(x);
    else if (t->slot == slots)
        answer(x, t);
    epoch_exit(x->loop->reader);
    return ok && t->slot < slots ? PENDING_TURN : PENDING_DONE;
}

static void drop(struct pending *p)
{
    struct insights_task *t = (struct insights_task *)p;

    free(t->room);
    free(t->tallies);
    free(t);
}

/* ---- reading the question ---- */

static void read_instant(const struct parameter *p, instant_t *ret, struct problems *errors)
{
    if (!instant_parse(p->value, ret))
        parameter_wrong(errors, p->name, "must be an instant, RFC 3339 with its offset");
}

static void read_group_by(const struct parameter *p, unsigned *ret, struct problems *errors)
{
    static const char *const names[] = {"sku", "location", "channel", "hour"};

    for (unsigned i = 0; i < 4; i++)
        if (text_equal(p->value, text_of(names[i]))) {
            *ret |= 1u << i;
            return;
        }
    parameter_wrong(errors, p->name,
                    "must be sku, location, channel or hour (it may be there several times)");
}

static void read_once(const struct parameter *p, struct text *ret, struct problems *errors)
{
    if (ret->length)
        parameter_wrong(errors, p->name, "is there twice");
    else if (!text_is_identifier(p->value))
        parameter_wrong(errors, p->name, "must be 1 to 128 bytes of UTF-8 without control characters");
    else
        *ret = p->value;
}

static bool read_question(struct exchange *x, struct asked *ret)
{
    struct problems errors;
    struct parameter p;
    struct text rest = x->query;

    errors.count = 0;
    *ret = (struct asked){.from = INSTANT_NONE, .to = INSTANT_NONE, .limit = LISTED};
    while (parameter_next(x, &rest, &p, &errors)) {
        if (text_equal(p.name, TEXT("from")))
            read_instant(&p, &ret->from, &errors);
        else if (text_equal(p.name, TEXT("to")))
            read_instant(&p, &ret->to, &errors);
        else if (text_equal(p.name, TEXT("limit")))
            parameter_number(&p, 1, LISTED_MOST, &ret->limit, &errors);
        else if (text_equal(p.name, TEXT("group_by")))
            read_group_by(&p, &ret->group_by, &errors);
        else if (text_equal(p.name, TEXT("sku")))
            read_once(&p, &ret->sku, &errors);
        else if (text_equal(p.name, TEXT("location")))
            read_once(&p, &ret->location, &errors);
        else if (text_equal(p.name, TEXT("channel")))
            read_once(&p, &ret->channel, &errors);
        else
            parameter_unknown(&errors, p.name);
    }
    if (!ret->group_by)
        ret->group_by = BY_SKU | BY_LOCATION | BY_CHANNEL;
    return parameters_right(x, &errors);
}

/* Names into numbers. False: one is not known, answered. */
static bool find_names(struct exchange *x, struct insights_task *t)
{
    const struct view *v = exchange_view(x);
    const struct asked *a = &t->asked;
    const struct sku *s = a->sku.length ? table_find(v->table, a->sku) : NULL;
    const struct location *l = a->location.length ? catalogue_location(v->catalogue, a->location) : NULL;
    const struct channel *c = a->channel.length ? catalogue_channel(v->catalogue, a->channel) : NULL;

    t->any_sku = !a->sku.length;
    t->any_location = !a->location.length;
    t->any_channel = !a->channel.length;
    t->sku = s ? sku_number(s) : UNMET_NONE;
    t->location = l ? l->number : UNMET_NONE;
    t->channel = c ? c->number : UNMET_NONE;
    if (a->sku.length && !s)
        problem(x, PROBLEM_NOT_FOUND, "no SKU `%.*s` is known", (int)a->sku.length, a->sku.at);
    else if (a->location.length && !l)
        problem(x, PROBLEM_NOT_FOUND, "no location `%.*s` is known", (int)a->location.length, a->location.at);
    else if (a->channel.length && !c)
        problem(x, PROBLEM_BAD_PARAMETER, "there is no channel `%.*s`", (int)a->channel.length,
                a->channel.at);
    else
        return !l || location_is_allowed(x, l->id);
    return false;
}

static struct insights_task *make_task(struct exchange *x, const struct asked *a)
{
    struct unmet *u = x->loop->http->options.unmet;
    struct insights_task *t = calloc(1, sizeof(*t));
    struct unmet_entry *room = calloc(unmet_keys(u), sizeof(*room));

    if (!t || !room) {
        free(t);
        free(room);
        problem_no_memory(x);
        return NULL;
    }
    *t = (struct insights_task){.pending = {.step = step, .drop = drop},
                                .unmet = u,
                                .access = x->key,
                                .asked = *a,
                                .room = room,
                                .now_hour = clock_wall_us() / UNMET_HOUR_US};
    t->first_hour = t->now_hour - (int64_t)unmet_hours(u) + 1;
    return t;
}

void insights_get(struct exchange *x)
{
    struct asked a;

    if (!read_question(x, &a) || !ask_channel(x, a.channel, &a.channel))
        return;
    if (!x->loop->http->options.unmet) {
        problem(x, PROBLEM_NOT_FOUND, "this server keeps none: it runs with --insights-hours 0");
        return;
    }
    struct insights_task *t = make_task(x, &a);
    if (!t)
        return;
    epoch_enter(x->loop->reader);
    bool known = find_names(x, t);
    epoch_exit(x->loop->reader);
    if (!known || step(&t->pending, x) == PENDING_DONE)
        drop(&t->pending);
    else
        exchange_turn(x, &t->pending);
}
