/* What the Redis sink writes: takes the feed into the dirty set, goes over all SKUs when something was lost,
 * keeps a bounded number of calls on their way, and tells in meta how far it has come. */
#include "sinks/redis_internal.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/logger.h"

#include <stdio.h>

enum {
    FEED_ENTRIES = 512, /* taken at once */
    FEED_ROUNDS = 256,  /* before something else has its turn */
    PASS_QUEUE = 4096,  /* a pass rests while so many wait to be written */
    PASS_TURNS = 64,    /* sections before something else has its turn */
    SECTION_SKUS = 256, /* of the pass in one epoch section */
    CALLS_A_TURN = 2,
    META_EVERY_US = 300, /* what readers see of its age is at least so old */
    META_CALM_US = 2000,
    META_IDLE_US = 1000 * 1000,
    META_LOOK_MS = 1, /* only META_EVERY_US is waited for */
    BUSY_LOOK_MS = 10,
    OFF_LOOK_MS = 40,
    IDLE_LOOK_MS = 150, /* duty may have come or gone */
};

void redis_work_init(struct redis_sink *s)
{
    for (size_t i = 0; i < CALLS_MOST; i++) {
        s->calls[i].sink = s;
        s->calls[i].next = s->free_call;
        s->free_call = &s->calls[i];
    }
}

/* ---- all anew ---- */

static void report(struct redis_sink *s, uint64_t offset)
{
    struct duty_place place = {view_incarnation(s->snapshot.view), offset};

    if (s->duty.view && s->term)
        s->duty.report(s->duty.output, s->term, place);
}

void redis_rebuild(struct redis_sink *s)
{
    redis_add(&s->published.losses_total, 1);
    s->closed.valid = false; /* it counted on what is gone */
    s->meta.valid = false;
    report(s, 0); /* who comes after us would rely on it too */
    redis_unsay_whole(s);
    dirty_forget(&s->dirty);
    s->pass_base = 0;
    pass_all(&s->pass, s->snapshot.view, true);
}

/* Groups and channels may concern any row: whoever does not know which, takes all. */
static bool scopes_are_newer(struct redis_sink *s, uint64_t base)
{
    const struct catalogue *c = s->snapshot.view->catalogue;
    bool newer = false;

    epoch_enter(s->snapshot.reader);
    for (uint32_t i = 0; i < catalogue_groups_count(c) && !newer; i++)
        newer = !catalogue_group_at(c, i) || catalogue_group_at(c, i)->version >= base;
    for (uint32_t i = 0; i < catalogue_channels_count(c) && !newer; i++)
        newer = !catalogue_channel_at(c, i) || catalogue_channel_at(c, i)->version >= base;
    epoch_exit(s->snapshot.reader);
    return newer;
}

void redis_take_over(struct redis_sink *s, struct duty_place place)
{
    if (!place.offset || scopes_are_newer(s, place.offset)) {
        redis_rebuild(s);
        return;
    }
    s->pass_base = place.offset;
    pass_all(&s->pass, s->snapshot.view, true);
}

/* ---- duty ---- */

static void drop_work(struct redis_sink *s)
{
    dirty_finish(&s->dirty);
    s->pass = (struct pass){0};
    s->closed.valid = s->meta.valid = false;
    s->meta_flying = false;
}

void redis_follow_duty(struct redis_sink *s)
{
    uint64_t term = s->duty.view ? duty_term(s->duty.view, clock_monotonic_us()) : 1;

    if (term == s->term)
        return;
    s->term = term;
    drop_work(s);
    if (s->connection)
        redis_drop(s);
    s->take_over = term != 0;
    patience_anew(&s->patience);
}

/* ---- what changed ---- */

static void out_of_memory(struct redis_sink *s)
{
    trouble_say(&s->patience.trouble, "out of memory: trying again");
    patience_pause(&s->patience);
}

/* False without memory. */
static bool mark(struct redis_sink *s, uint32_t sku, bool whole)
{
    if (dirty_reserve(&s->dirty, (size_t)sku + 1) != 0) {
        out_of_memory(s);
        return false;
    }
    dirty_mark(&s->dirty, sku, whole);
    return true;
}

static void mark_kit(void *context, uint32_t kit)
{
    mark(context, kit, true); /* it has been marked before: there is room */
}

static void mark_kits_of(struct redis_sink *s, uint32_t sku)
{
    const struct table *t = s->snapshot.view->table;

    if (!s->snapshot.kits.count)
        return;
    epoch_enter(s->snapshot.reader);
    uint64_t hash = hash_text(sku_text(table_sku(t, sku)));
    epoch_exit(s->snapshot.reader);
    kits_of(&s->snapshot.kits, hash, mark_kit, s);
}

/* A round that is on its way begins anew and keeps its base: the place is newer than that. */
static void take_location(struct redis_sink *s, uint32_t location)
{
    if (!s->pass.left)
        s->pass_base = 0;
    pass_location(&s->pass, s->snapshot.view, location);
}

static void take_entry(struct redis_sink *s, const struct feed_entry *e)
{
    switch ((enum feed_kind)e->kind) {
    case FEED_ROW:
    case FEED_SKU:
        if (!mark(s, e->sku, e->kind == FEED_SKU))
            pass_all(&s->pass, s->snapshot.view, true); /* comes to it when there is memory again */
        else
            mark_kits_of(s, e->sku);
        return;
    case FEED_LOCATION:
        take_location(s, e->location);
        return;
    case FEED_ALL:
        redis_rebuild(s);
        return;
    }
}

/* True when the feed has nothing more. */
static bool take_feed(struct redis_sink *s)
{
    struct feed_entry entries[FEED_ENTRIES];

    s->feed_left = true;
    for (int round = 0; round < FEED_ROUNDS && s->feed_left; round++) {
        size_t count = s->port.take(s->port.tap, entries, FEED_ENTRIES);
        for (size_t i = 0; i < count && s->term; i++) /* off duty it is let go */
            take_entry(s, &entries[i]);
        s->feed_left = count > 0;
    }
    return !s->feed_left;
}

/* A place's own change is one of all its rows. */
static bool place_is_newer(const struct view *v, uint32_t location, uint64_t base)
{
    const struct location *l = catalogue_location_at(v->catalogue, location);

    return !l || l->version >= base || (v->places && places_silence(v->places, location).offset >= base);
}

/* Does anything of it stand at or behind `base`? Without memory to look: yes. */
static bool is_newer(struct redis_sink *s, const struct sku *sku, uint64_t base)
{
    const struct view *v = s->snapshot.view;
    const struct item *item = sku_item(sku);
    uint8_t present = (uint8_t)(atomic_load_explicit(&v->incarnations_count, memory_order_acquire) - 1);
    size_t count = sku_read_all(v->table, sku, s->look, s->look_capacity);

    if (count > s->look_capacity) {
        if (!array_grow(&s->look, s->look_capacity, 2 * count, sizeof(*s->look)))
            return true;
        s->look_capacity = 2 * count;
        count = sku_read_all(v->table, sku, s->look, s->look_capacity);
    }
    if (item && (item->version >= base || item->components_count))
        return true;
    for (size_t i = 0; i < count && i < s->look_capacity; i++)
        if ((row_incarnation(&s->look[i]) == present && row_offset(&s->look[i]) >= base) ||
            place_is_newer(v, row_location(&s->look[i]), base))
            return true;
    return count > s->look_capacity;
}

static bool passes_here(struct redis_sink *s, uint32_t sku)
{
    return !s->pass_base || is_newer(s, table_sku(s->snapshot.view->table, sku), s->pass_base);
}

/* One epoch section's worth; whole hashes, whatever is there. False without memory. */
static bool pass_section(struct redis_sink *s)
{
    bool room = true;
    uint32_t sku;

    epoch_enter(s->snapshot.reader);
    for (int i = 0; i < SECTION_SKUS && room && pass_next(&s->pass, s->snapshot.view, &sku); i++)
        room = !passes_here(s, sku) || mark(s, sku, true);
    if (!room)
        pass_back(&s->pass, sku);
    epoch_exit(s->snapshot.reader);
    return room;
}

static void go_on_with_pass(struct redis_sink *s)
{
    for (int turn = 0; turn < PASS_TURNS && s->pass.left && s->dirty.queued < PASS_QUEUE; turn++)
        if (!pass_section(s))
            return;
}

/* ---- calls ---- */

enum { WRITTEN = '0', GUARDED = '1', INCOMPLETE = '2', UNCHANGED = '3' };

static void land_all(struct redis_sink *s, const struct redis_call *c)
{
    for (size_t i = 0; i < c->count; i++)
        dirty_again(&s->dirty, c->sku[i]);
}

static void land(struct redis_sink *s, const struct redis_call *c, const char *verdicts)
{
    uint64_t count[4] = {0};

    for (size_t i = 0; i < c->count; i++) {
        count[(verdicts[i] - WRITTEN) & 3]++;
        if (verdicts[i] == INCOMPLETE)
            dirty_again(&s->dirty, c->sku[i]);
        else
            dirty_done(&s->dirty, c->sku[i], c->version[i]);
    }
    redis_add(&s->published.writes_total, count[WRITTEN - WRITTEN]);
    redis_add(&s->published.guarded_total, count[GUARDED - WRITTEN]);
    redis_add(&s->published.incomplete_total, count[INCOMPLETE - WRITTEN]);
    redis_add(&s->published.unchanged_total, count[UNCHANGED - WRITTEN]);
}

static void call_free(struct redis_sink *s, struct redis_call *c)
{
    c->next = s->free_call;
    s->free_call = c;
}

static void on_written(redisAsyncContext *connection, void *answer, void *context)
{
    struct redis_call *c = context;
    struct redis_sink *s = c->sink;
    const redisReply *reply = answer;
    bool usable = redis_answered(s, reply);

    if (c->term != s->term) {
        call_free(s, c);
        return;
    }
    if (usable && reply->type == REDIS_REPLY_STRING && (size_t)reply->len == c->count) {
        land(s, c, reply->str);
        patience_went_well(&s->patience);
    } else {
        land_all(s, c);
    }
    call_free(s, c);
    if (usable)
        redis_turn(s);
}

/* As many SKUs as go into one call. False: something is in the way, try again later. */
static bool fill(struct redis_sink *s, struct redis_call *c)
{
    uint32_t sku;

    c->count = 0;
    c->term = s->term;
    snapshot_begin(&s->snapshot, clock_wall_us() / 1000);
    while (c->count < CALL_SKUS && snapshot_bytes(&s->snapshot) < CALL_BYTES && dirty_take(&s->dirty, &sku)) {
        if (snapshot_add(&s->snapshot, sku, dirty_base(&s->dirty, sku), &c->version[c->count]) != 0) {
            dirty_again(&s->dirty, sku);
            out_of_memory(s);
            break;
        }
        c->sku[c->count++] = sku;
    }
    return c->count > 0;
}

static bool send_call(struct redis_sink *s, struct redis_call *c)
{
    const char *const *argv;
    const size_t *lengths;
    size_t count = snapshot_end(&s->snapshot, s->guard_sha, &argv, &lengths);

    if (!count)
        out_of_memory(s);
    if (count && redis_send(s, on_written, c, count, argv, lengths))
        return true;
    land_all(s, c);
    return false;
}

static bool may_send(const struct redis_sink *s)
{
    return s->ready && !s->patience.resume_us && s->free_call && s->dirty.queued;
}

/* Few a turn: what hiredis is given goes out behind it, and Redis is to begin. */
static void send_calls(struct redis_sink *s)
{
    for (int sent = 0; sent < CALLS_A_TURN && may_send(s); sent++) {
        struct redis_call *c = s->free_call;
        if (!fill(s, c))
            return;
        s->free_call = c->next;
        if (!send_call(s, c)) {
            call_free(s, c);
            return;
        }
    }
}

/* ---- meta ---- */

static void on_meta(redisAsyncContext *connection, void *answer, void *context)
{
    struct redis_sink *s = context;
    const redisReply *reply = answer;

    s->meta_flying = false;
    if (!redis_answered(s, reply)) {
        s->meta.valid = false;
        return;
    }
    if (reply->type == REDIS_REPLY_STRING && strcmp(reply->str, "lost") == 0) {
        log_warning("redis: what was there is gone: writing everything again");
        redis_handshake(s);
    } else {
        atomic_store_explicit(&s->published.complete_seconds, (uint64_t)(s->meta.at_us / 1000000),
                              memory_order_relaxed);
        if (s->meta.valid) /* nothing was lost since it was sent */
            report(s, s->meta.offset + 1);
        patience_went_well(&s->patience);
    }
    redis_turn(s);
}

static void send_meta(struct redis_sink *s)
{
    char incarnation[24], offset[24], at[24], lag[24];
    int64_t lag_ms = (clock_wall_us() - s->closed.at_us) / 1000;
    const char *argv[] = {"EVALSHA",   s->meta_sha, "2", s->meta_key, s->mark_key, s->mark,
                          incarnation, offset,      at,  lag,         s->engine};
    size_t lengths[sizeof(argv) / sizeof(argv[0])];

    lag_ms = lag_ms > 0 ? lag_ms : 0;
    snprintf(incarnation, sizeof(incarnation), "%lu", s->closed.incarnation);
    snprintf(offset, sizeof(offset), "%lu", s->closed.offset);
    snprintf(at, sizeof(at), "%ld", s->closed.at_us / 1000);
    snprintf(lag, sizeof(lag), "%ld", lag_ms);
    for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++)
        lengths[i] = strlen(argv[i]);
    s->meta_us = clock_monotonic_us();
    if (!s->meta.valid || s->meta.offset != s->closed.offset)
        s->news_us = s->meta_us;
    s->meta = s->closed;
    s->closed.valid = false;
    atomic_store_explicit(&s->published.lag_ms, (uint64_t)lag_ms, memory_order_relaxed);
    s->meta_flying = redis_send(s, on_meta, s, sizeof(argv) / sizeof(argv[0]), argv, lengths);
    s->meta.valid = s->meta_flying;
}

/* Everything that was known when the place was read has been marked: what is marked from now on is newer. */
static void close_generation(struct redis_sink *s)
{
    struct redis_closed closed = {.valid = true, .at_us = clock_wall_us()};
    uint64_t next = s->port.position(s->port.tap);

    closed.incarnation = view_incarnation(s->snapshot.view);
    closed.offset = next ? next - 1 : 0;
    if (!next || !take_feed(s) || s->pass.left)
        return;
    dirty_close(&s->dirty);
    s->closed = closed;
}

/* While nothing changes meta is written less and less often, and not at once seldom: who looks at its age is
 * not to take a log that rests for a moment for a Redis that lags. */
static int64_t meta_again_us(const struct redis_sink *s)
{
    int64_t calm_us = s->meta_us - s->news_us;

    if (calm_us < META_CALM_US)
        return META_CALM_US;
    return calm_us < META_IDLE_US ? calm_us : META_IDLE_US;
}

/* Has anything happened that meta does not say, or was it said long ago? */
static bool meta_is_due(const struct redis_sink *s, int64_t since_us)
{
    return !s->meta.valid || dirty_count(&s->dirty) || since_us >= meta_again_us(s) ||
           s->meta.offset + 1 != s->port.position(s->port.tap);
}

/* The next generation is closed while meta is on its way with the one before. */
static void settle(struct redis_sink *s)
{
    int64_t since_us = clock_monotonic_us() - s->meta_us;

    if (!s->ready || s->patience.resume_us)
        return;
    if (!s->closed.valid && s->pass.left == 0 && dirty_settled(&s->dirty) && meta_is_due(s, since_us))
        close_generation(s);
    if (s->closed.valid && !s->meta_flying && since_us >= META_EVERY_US && dirty_settled(&s->dirty))
        send_meta(s);
}

/* ---- the turn ---- */

void redis_turn(struct redis_sink *s)
{
    redis_follow_duty(s);
    take_feed(s);
    if (s->ready && !s->patience.resume_us) {
        go_on_with_pass(s);
        send_calls(s);
        settle(s);
        send_calls(s); /* what settling took from the feed */
    }
    redis_publish_gauges(s);
    redis_look_again(s);
}

bool redis_idle(const struct redis_sink *s)
{
    return !s->feed_left && !dirty_count(&s->dirty) && !s->pass.left && !s->meta_flying && s->meta.valid &&
           s->meta.offset + 1 >= s->port.position(s->port.tap);
}

static int idle_look_ms(const struct redis_sink *s)
{
    int64_t left_ms = (s->meta_us + meta_again_us(s) - clock_monotonic_us()) / 1000 + 1;

    return left_ms > IDLE_LOOK_MS ? IDLE_LOOK_MS : left_ms > 0 ? (int)left_ms : 1;
}

int redis_look_again_ms(const struct redis_sink *s)
{
    if (s->feed_left)
        return 0;
    if (!s->term)
        return OFF_LOOK_MS;
    if (!s->connection || s->patience.resume_us || !s->ready)
        return BUSY_LOOK_MS * 5;
    if (s->pass.left && s->dirty.queued < PASS_QUEUE)
        return 0;
    if (redis_idle(s))
        return idle_look_ms(s);
    return dirty_settled(&s->dirty) && !s->meta_flying ? META_LOOK_MS : BUSY_LOOK_MS;
}

void redis_publish_gauges(struct redis_sink *s)
{
    struct redis_published *p = &s->published;

    atomic_store_explicit(&p->connected, s->ready && !s->patience.resume_us, memory_order_relaxed);
    atomic_store_explicit(&p->dirty, dirty_count(&s->dirty), memory_order_relaxed);
    atomic_store_explicit(&p->in_flight, s->asked, memory_order_relaxed);
    atomic_store_explicit(&p->rebuild_left, s->pass.left, memory_order_relaxed);
}
