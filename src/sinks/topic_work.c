/* What the topic sink writes when: takes the feed into the dirty set, goes over all SKUs after a take-over,
 * fills transactions, and reports how far all is out. */
#include "sinks/topic_internal.h"
#include "base/clock.h"
#include "base/hash.h"

enum {
    FEED_ENTRIES = 512, /* taken at once */
    FEED_ROUNDS = 256,  /* before something else has its turn */
    PASS_QUEUE = 4096,  /* a pass rests while so many wait to be written */
    PASS_TURNS = 64,    /* sections before something else has its turn */
    CLOSE_EVERY_US = 50 * 1000,
    CLOSE_IDLE_US = 1000 * 1000,
};

void topic_drop_work(struct topic_sink *s)
{
    dirty_finish(&s->dirty);
    s->pass = (struct pass){0};
    s->closed.valid = false;
    s->following = false;
    s->reported = (struct duty_place){0};
}

static void out_of_memory(struct topic_sink *s)
{
    trouble_say(&s->patience.trouble, "out of memory: trying again");
    patience_pause(&s->patience);
}

bool topic_take_over(struct topic_sink *s)
{
    const struct view *v = s->options.view;
    const struct duty_port *duty = &s->options.duty;
    struct duty_place place = {0};
    uint64_t base = 0;

    topic_drop_work(s);
    if (s->topic_empty)
        duty->report(duty->output, s->term, (struct duty_place){view_incarnation(v), 0});
    else if (duty->recorded(duty->output, &place))
        base = topic_base(v, place);
    if (base && topic_rules_changed(s, base))
        base = 0;
    if (dirty_reserve(&s->dirty, table_sku_count(v->table)) != 0) {
        out_of_memory(s);
        return false;
    }
    dirty_assume(&s->dirty, base);
    pass_all(&s->pass, v, false);
    s->following = true;
    return true;
}

/* ---- what changed ---- */

/* False without memory. */
static bool mark(struct topic_sink *s, uint32_t sku, bool whole)
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
    mark(context, kit, false); /* it has been marked before: there is room */
}

static void mark_kits_of(struct topic_sink *s, uint32_t sku)
{
    if (!s->kits.count)
        return;
    epoch_enter(s->reader);
    uint64_t hash = hash_text(sku_text(table_sku(s->options.view->table, sku)));
    epoch_exit(s->reader);
    kits_of(&s->kits, hash, mark_kit, s);
}

static void take_entry(struct topic_sink *s, const struct feed_entry *e)
{
    const struct view *v = s->options.view;

    switch ((enum feed_kind)e->kind) {
    case FEED_ROW:
    case FEED_SKU:
        if (!mark(s, e->sku, e->kind == FEED_SKU))
            pass_all(&s->pass, v, e->kind == FEED_SKU); /* comes to it when there is memory again */
        else
            mark_kits_of(s, e->sku);
        return;
    case FEED_LOCATION:
        pass_location(&s->pass, v, e->location);
        return;
    case FEED_ALL:
        pass_all(&s->pass, v, true);
        return;
    }
}

void topic_take_feed(struct topic_sink *s)
{
    struct feed_entry entries[FEED_ENTRIES];

    s->feed_left = true;
    for (int round = 0; round < FEED_ROUNDS && s->feed_left; round++) {
        size_t count = s->port.take(s->port.tap, entries, FEED_ENTRIES);
        for (size_t i = 0; i < count && s->following; i++)
            take_entry(s, &entries[i]);
        s->feed_left = count > 0;
    }
}

static void pass_section(struct topic_sink *s)
{
    uint32_t sku;

    epoch_enter(s->reader);
    while (s->dirty.queued < PASS_QUEUE && pass_next(&s->pass, s->options.view, &sku))
        if (!mark(s, sku, s->pass.whole)) {
            pass_back(&s->pass, sku);
            break;
        }
    epoch_exit(s->reader);
}

static void go_on_with_pass(struct topic_sink *s)
{
    for (int turn = 0;
         s->pass.left && turn < PASS_TURNS && s->dirty.queued < PASS_QUEUE && !s->patience.resume_us; turn++)
        pass_section(s);
}

/* ---- transactions ---- */

void topic_landed(struct topic_sink *s, bool committed)
{
    struct topic_batch *b = s->batch;

    for (size_t i = 0; i < b->count; i++) {
        if (committed)
            dirty_done(&s->dirty, b->sku[i], b->version[i]);
        else
            dirty_retry(&s->dirty, b->sku[i]);
    }
    if (b->rows) {
        topic_add(committed ? &s->published.transactions_total : &s->published.aborted_total, 1);
        topic_add(&s->published.rows_total, committed ? b->rows : 0);
    }
    b->count = b->rows = b->bytes = 0;
    s->transaction = TRANSACTION_NONE;
}

/* As many SKUs as go into one transaction. */
static void fill(struct topic_sink *s)
{
    struct topic_batch *b = s->batch;
    uint32_t sku;

    while (b->count < BATCH_SKUS && b->bytes < BATCH_BYTES && dirty_take(&s->dirty, &sku)) {
        b->sku[b->count++] = sku;
        if (topic_write_sku(s, sku, dirty_base(&s->dirty, sku), &b->version[b->count - 1]) == 0)
            continue;
        if (s->stage != TOPIC_WRITING)
            return; /* the producer is gone, and the batch with it */
        if (s->transaction == TRANSACTION_NONE) {
            topic_landed(s, false);
            out_of_memory(s);
        } else {
            s->transaction = TRANSACTION_ABORTING;
        }
        return;
    }
}

static void write_some(struct topic_sink *s)
{
    if (s->transaction == TRANSACTION_NONE && s->dirty.queued)
        fill(s);
    if (s->transaction != TRANSACTION_NONE)
        topic_end(s);
    else if (s->batch->count)
        topic_landed(s, true); /* nothing of them was newer than what is there */
}

/* ---- how far ---- */

/* Everything that was known when the place was read has been marked: what is marked from now on is newer. */
static void close_generation(struct topic_sink *s)
{
    struct topic_closed closed = {.valid = true, .at_us = clock_wall_us()};

    closed.place.offset = s->port.position(s->port.tap);
    closed.place.incarnation = view_incarnation(s->options.view);
    topic_take_feed(s);
    if (!closed.place.offset || s->feed_left || s->pass.left)
        return;
    dirty_close(&s->dirty);
    s->closed = closed;
    s->closed_us = clock_monotonic_us();
}

static void report(struct topic_sink *s)
{
    const struct duty_port *duty = &s->options.duty;
    int64_t lag_ms = (clock_wall_us() - s->closed.at_us) / 1000;

    duty->report(duty->output, s->term, s->closed.place);
    s->reported = s->closed.place;
    s->closed.valid = false;
    atomic_store_explicit(&s->published.lag_ms, (uint64_t)(lag_ms > 0 ? lag_ms : 0), memory_order_relaxed);
    atomic_store_explicit(&s->published.complete_seconds, (uint64_t)(s->closed.at_us / 1000000),
                          memory_order_relaxed);
}

static void settle(struct topic_sink *s)
{
    int64_t since_us = clock_monotonic_us() - s->closed_us;
    bool news = dirty_count(&s->dirty) || since_us >= CLOSE_IDLE_US ||
                s->reported.offset != s->port.position(s->port.tap);

    if (!s->closed.valid && news && since_us >= CLOSE_EVERY_US && s->pass.left == 0 &&
        dirty_settled(&s->dirty))
        close_generation(s);
    if (s->closed.valid && dirty_settled(&s->dirty))
        report(s);
}

bool topic_idle(const struct topic_sink *s)
{
    return s->stage != TOPIC_WRITING || (!s->feed_left && !dirty_count(&s->dirty) && !s->pass.left &&
                                         s->reported.offset == s->port.position(s->port.tap));
}

void topic_work(struct topic_sink *s)
{
    go_on_with_pass(s);
    write_some(s);
    if (s->stage == TOPIC_WRITING)
        settle(s);
}
