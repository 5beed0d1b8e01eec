/* POST /v1/allocations/plan: what each location has is shared out among channels by rank, percent and
 * minimum, and set aside. A share is an allocation event; the answer says what was set. */
#include "http/commands.h"
#include "http/shape.h"

#include "core/answer/plan.h"

#include <stdlib.h>

enum { PLAN_LOCATIONS_MOST = 1000, PLAN_EVENTS_MOST = 8000, EVENTS_A_RECORD = 200, ID_BYTES = 48 };

void allocations_plan(struct exchange *x);

struct share_asked {
    struct plan_share share;
    struct text channel; /* empty: the pool */
};

/* One location's share for one channel. */
struct share_set {
    struct text location, channel;
    milli_t quantity, previous; /* previous: as it was set before, what was consumed of it included */
};

struct plan {
    struct pending pending;
    struct batch *batch;
    struct arena arena;
    /* as asked */
    struct text id, sku;
    bool dry_run; /* nothing is set: only the answer */
    size_t locations_count, shares_count;
    const struct text *locations;
    struct share_asked shares[PLAN_SHARES_MOST]; /* by rank */
    /* as computed: locations_count times shares_count, those of the pool too */
    struct share_set *sets;
    struct event *events; /* those of channels, in the same order */
    size_t events_count;
};

static void drop(struct pending *p)
{
    struct plan *plan = (struct plan *)p;
    batch_drop(plan->batch);
    arena_finish(&plan->arena);
    free(plan);
}

/* ---- reading ---- */

struct reading {
    struct exchange *exchange;
    const struct json_node *nodes;
    struct problems problems;
};

static void wrong(struct reading *r, const char *pointer, const char *detail)
{
    problems_add(&r->problems, pointer, "%s", detail);
}

static void read_identifier(struct reading *r, uint32_t at, const char *pointer, struct text *ret)
{
    const struct json_node *n = &r->nodes[at];
    if (n->type == JSON_STRING && text_is_identifier(n->text))
        *ret = n->text;
    else
        wrong(r, pointer, "must be a string of 1 to 128 bytes without control characters");
}

static void read_locations(struct reading *r, struct plan *p, uint32_t at)
{
    const struct json_node *n = &r->nodes[at];
    if (n->type != JSON_ARRAY || n->count < 1 || n->count > PLAN_LOCATIONS_MOST) {
        wrong(r, "/locations", "must be an array of 1 to 1000 locations");
        return;
    }
    struct text *names = arena_alloc(&p->arena, n->count * sizeof(*names));
    p->locations = names;
    for (uint32_t k = 0, i = at + 1; names && k < n->count; k++, i = r->nodes[i].next) {
        if (r->nodes[i].type != JSON_STRING || !text_is_name(r->nodes[i].text)) {
            wrong(r, "/locations", "must be names: letters, digits, `.`, `_`, `-`, 1 to 128 of them");
            return;
        }
        for (size_t other = 0; other < p->locations_count; other++)
            if (text_equal(names[other], r->nodes[i].text)) {
                wrong(r, "/locations", "names a location twice");
                return;
            }
        names[p->locations_count++] = r->nodes[i].text;
    }
}

static bool read_number(const struct json_node *n, milli_t most, milli_t *ret)
{
    return n->type == JSON_NUMBER && quantity_parse(n->text, ret) == QUANTITY_OK && *ret >= 0 && *ret <= most;
}

static void read_share_member(struct reading *r, const char *share, const struct json_node *n,
                              struct share_asked *ret)
{
    char pointer[JSON_POINTER_BYTES];
    milli_t number = 0;

    json_pointer(pointer, share, n->key);
    if (text_equal(n->key, TEXT("channel"))) {
        ret->channel = n->text;
        if (n->type != JSON_STRING || !text_is_name(n->text))
            wrong(r, pointer, "must be a channel's name");
    } else if (text_equal(n->key, TEXT("pool"))) {
        ret->share.pool = n->type == JSON_TRUE;
        if (n->type != JSON_TRUE)
            wrong(r, pointer, "must be true");
    } else if (text_equal(n->key, TEXT("rank"))) {
        if (!read_number(n, 1000000 * MILLI_PER_UNIT, &number) || number % MILLI_PER_UNIT)
            wrong(r, pointer, "must be an integer from 0 to 1000000");
        ret->share.rank = (uint32_t)(number / MILLI_PER_UNIT);
    } else if (text_equal(n->key, TEXT("percent"))) {
        if (!read_number(n, 100 * MILLI_PER_UNIT, &number))
            wrong(r, pointer, "must be a number from 0 to 100 with at most three digits behind the point");
        ret->share.percent = (uint32_t)number;
    } else if (text_equal(n->key, TEXT("minimum"))) {
        if (!read_number(n, QUANTITY_MOST, &ret->share.minimum))
            wrong(r, pointer, "must be a quantity, 0 or more");
    } else {
        wrong(r, pointer, "is not a field here");
    }
}

static void read_share(struct reading *r, struct plan *p, uint32_t at, uint32_t number)
{
    const struct json_node *n = &r->nodes[at];
    struct share_asked s = {.share.channel = UINT32_MAX};
    char pointer[48];

    snprintf(pointer, sizeof(pointer), "/shares/%u", number);
    if (n->type != JSON_OBJECT) {
        wrong(r, pointer, "must be an object with channel or pool, rank, percent, minimum");
        return;
    }
    for (uint32_t k = 0, i = at + 1; k < n->count; k++, i = r->nodes[i].next)
        read_share_member(r, pointer, &r->nodes[i], &s);
    if (s.share.pool == (s.channel.length > 0))
        wrong(r, pointer, "must have either a channel, or pool: true");
    for (size_t i = 0; i < p->shares_count; i++)
        if (text_equal(p->shares[i].channel, s.channel))
            wrong(r, pointer, "is a second share of the same");
    const struct key *key = r->exchange->key;
    if (key && s.channel.length && !key_has_channel(key, s.channel))
        wrong(r, pointer, "is of a channel that this key may not speak for");
    p->shares[p->shares_count++] = s;
}

static void read_shares(struct reading *r, struct plan *p, uint32_t at)
{
    const struct json_node *n = &r->nodes[at];
    if (n->type != JSON_ARRAY || n->count < 1 || n->count > PLAN_SHARES_MOST) {
        wrong(r, "/shares", "must be an array of 1 to 64 shares");
        return;
    }
    for (uint32_t k = 0, i = at + 1; k < n->count; k++, i = r->nodes[i].next)
        read_share(r, p, i, k);
}

static void read_member(struct reading *r, struct plan *p, uint32_t at)
{
    const struct json_node *n = &r->nodes[at];
    char pointer[JSON_POINTER_BYTES];

    if (text_equal(n->key, TEXT("sku"))) {
        read_identifier(r, at, "/sku", &p->sku);
    } else if (text_equal(n->key, TEXT("id"))) {
        read_identifier(r, at, "/id", &p->id);
        if (p->id.length > ID_BYTES)
            wrong(r, "/id", "must be at most 48 bytes long");
    } else if (text_equal(n->key, TEXT("dry_run"))) {
        p->dry_run = r->nodes[at].type == JSON_TRUE;
        if (!p->dry_run && r->nodes[at].type != JSON_FALSE)
            wrong(r, "/dry_run", "must be true or false");
    } else if (text_equal(n->key, TEXT("locations"))) {
        read_locations(r, p, at);
    } else if (text_equal(n->key, TEXT("shares"))) {
        read_shares(r, p, at);
    } else {
        json_pointer(pointer, "", n->key);
        wrong(r, pointer, "is not a field here");
    }
}

static void check_whole(struct reading *r, const struct plan *p)
{
    if (!p->sku.length && !r->problems.count)
        wrong(r, "/sku", "must be there");
    if (!p->locations_count && !r->problems.count)
        wrong(r, "/locations", "must be there");
    if (!p->shares_count && !r->problems.count)
        wrong(r, "/shares", "must be there");
    if (p->locations_count * p->shares_count > PLAN_EVENTS_MOST)
        wrong(r, "/locations", "make more than 8000 shares: plan for fewer at once");
}

/* By rank, each with its channel. */
static void sort_shares(struct plan *p)
{
    for (size_t i = 1; i < p->shares_count; i++) {
        struct share_asked one = p->shares[i];
        size_t k = i;
        for (; k > 0 && p->shares[k - 1].share.rank > one.share.rank; k--)
            p->shares[k] = p->shares[k - 1];
        p->shares[k] = one;
    }
}

/* The body is gone when the answer is written: texts are copied. False: answered. */
static bool read_plan(struct exchange *x, struct plan *p)
{
    struct reading r = {.exchange = x};
    size_t count;

    r.problems.count = 0;
    struct text body = arena_text(&p->arena, x->body);
    int error =
        x->body.length && !body.at ? ERROR_NOMEM : json_parse(body, &p->arena, &r.nodes, &count, &r.problems);
    if (error == ERROR_NOMEM) {
        problem_no_memory(x);
        return false;
    }
    if (!error && r.nodes[0].type != JSON_OBJECT)
        wrong(&r, "", "must be an object");
    else if (!error)
        for (uint32_t i = 1, k = 0; k < r.nodes[0].count; k++, i = r.nodes[i].next)
            read_member(&r, p, i);
    if (!error)
        check_whole(&r, p);
    if (r.problems.count)
        problem_with(x, PROBLEM_BAD_BODY, &r.problems, "%s%s%s", r.problems.at[0].pointer,
                     r.problems.at[0].pointer[0] ? " " : "", r.problems.at[0].detail);
    sort_shares(p);
    return !r.problems.count;
}

/* ---- computing ---- */

static struct event share_event(struct plan *p, const struct share_set *s, instant_t at, struct text id)
{
    return (struct event){
        .type = EVENT_ALLOCATION,
        .has = HAS(id) | HAS(source) | HAS(sku) | HAS(location) | HAS(occurred_at) | HAS(allocation),
        .id = id,
        .source = TEXT("onhand/plan"),
        .sku = p->sku,
        .location = s->location,
        .occurred_at = at,
        .as_of = INSTANT_NONE,
        .expected_at = INSTANT_NONE,
        .required_at = INSTANT_NONE,
        .allocation = {.channel = s->channel, .quantity = s->quantity, .op = ALLOCATION_SET}};
}

/* The same request about rows that did not change since gives the same ids: a repeat sets nothing again. */
static struct text share_id(struct plan *p, const struct share_set *s, const struct row_image *row)
{
    struct buffer text = {0};
    char id[64];

    buffer_text(&text, p->id);
    buffer_byte(&text, 0);
    if (!p->id.length)
        buffer_printf(&text, "%llu", (unsigned long long)row->word[ROW_VERSION]);
    buffer_byte(&text, 0);
    const struct text parts[] = {p->sku, s->location, s->channel};
    for (int i = 0; i < 3; i++) {
        buffer_text(&text, parts[i]);
        buffer_byte(&text, 0);
    }
    if (!p->id.length)
        buffer_printf(&text, "%lld", (long long)s->quantity);
    struct hash128 h = hash128(text.at, text.length, 0);
    bool ok = !text.failed;
    buffer_finish(&text);
    int length = snprintf(id, sizeof(id), "plan-%016llx%016llx", (unsigned long long)h.high,
                          (unsigned long long)h.low);
    return ok ? arena_text(&p->arena, (struct text){id, (size_t)length}) : (struct text){0};
}

/* All that is in the log has been looked at: a plan is as of log time, and not before what was set there
 * before (at one instant the later in the log wins). */
static instant_t set_instant(const struct view *v, const struct stock *s, uint32_t channel)
{
    int64_t log_time = atomic_load_explicit(&v->log_time, memory_order_relaxed);
    instant_t at = log_time > 0 ? log_time : 0;
    for (uint32_t i = 0; i < s->fences_count; i++)
        if (s->fences[i].channel == channel && s->fences[i].set_at > at)
            at = s->fences[i].set_at;
    return at;
}

static milli_t set_before(const struct stock *s, uint32_t channel)
{
    for (uint32_t i = 0; i < s->fences_count; i++)
        if (s->fences[i].channel == channel)
            return s->fences[i].quantity;
    return 0;
}

static bool plan_location(struct plan *p, const struct view *v, const struct sku *sku, struct text location,
                          struct share_set *sets)
{
    const struct location *l = catalogue_location(v->catalogue, location);
    const struct item *item = item_of(sku);
    struct plan_share shares[PLAN_SHARES_MOST];
    milli_t got[PLAN_SHARES_MOST];
    struct row_image row = {0};
    struct stock stock;

    if (l)
        sku_read(v->table, sku, l->number, &row);
    stock_of_row(&row, &stock);
    for (size_t i = 0; i < p->shares_count; i++)
        shares[i] = p->shares[i].share;
    plan_shares(plan_there(&stock, shares, p->shares_count), item ? item->step : 1, shares, p->shares_count,
                got);
    for (size_t i = 0; i < p->shares_count; i++) {
        sets[i] = (struct share_set){location, p->shares[i].channel, got[i],
                                     shares[i].pool ? 0 : set_before(&stock, shares[i].channel)};
        if (shares[i].pool || p->dry_run)
            continue;
        struct text id = share_id(p, &sets[i], &row);
        if (!id.at)
            return false;
        p->events[p->events_count++] =
            share_event(p, &sets[i], set_instant(v, &stock, shares[i].channel), id);
    }
    return true;
}

/* False: answered. */
static bool compute(struct exchange *x, struct plan *p)
{
    const struct view *v = exchange_view(x);
    const struct sku *sku = table_find(v->table, p->sku);
    const struct item *item = sku ? item_of(sku) : NULL;

    if (!sku || (item && item->components_count)) {
        problem(x, sku ? PROBLEM_REJECTED : PROBLEM_NOT_FOUND,
                sku ? "`%.*s` is a kit: its components hold the stock" : "no SKU `%.*s` is known",
                (int)p->sku.length, p->sku.at);
        return false;
    }
    for (size_t i = 0; i < p->shares_count; i++) {
        const struct channel *c =
            p->shares[i].channel.length ? catalogue_channel(v->catalogue, p->shares[i].channel) : NULL;
        p->shares[i].share.channel = c ? c->number : UINT32_MAX;
    }
    bool ok = true;
    for (size_t i = 0; i < p->locations_count && ok; i++) {
        if (!location_is_allowed(x, p->locations[i]))
            return false;
        ok = plan_location(p, v, sku, p->locations[i], p->sets + i * p->shares_count);
    }
    if (!ok)
        problem_no_memory(x);
    return ok;
}

static int write_records(struct exchange *x, struct plan *p)
{
    int error = 0;
    for (size_t from = 0; from < p->events_count && !error; from += EVENTS_A_RECORD) {
        size_t left = p->events_count - from;
        struct record r = {.kind = RECORD_EVENTS,
                           .level = atomic_load_explicit(&exchange_view(x)->level, memory_order_relaxed),
                           .intake.after = -1,
                           .events_count = left < EVENTS_A_RECORD ? left : EVENTS_A_RECORD,
                           .events = p->events + from};
        error = batch_add(p->batch, &r);
    }
    return error;
}

/* ---- the answer ---- */

static void put_set(struct buffer *b, const struct plan *p, const struct share_set *s, size_t *event)
{
    buffer_text(b, TEXT("{\"location\":"));
    json_put_string(b, s->location);
    buffer_text(b, TEXT(",\"channel\":"));
    put_text_or_null(b, s->channel);
    buffer_text(b, TEXT(",\"quantity\":"));
    json_put_quantity(b, s->quantity);
    if (s->channel.length && !p->dry_run) {
        const struct command *c = batch_command(p->batch, *event / EVENTS_A_RECORD);
        struct event_verdict v = c->verdicts[*event % EVENTS_A_RECORD];
        ++*event;
        buffer_text(b, TEXT(",\"verdict\":\""));
        buffer_string(b, verdict_name((enum verdict)v.verdict));
        buffer_byte(b, '"');
        if (v.reason) {
            buffer_text(b, TEXT(",\"reason\":\""));
            buffer_string(b, reason_name((enum reason)v.reason));
            buffer_byte(b, '"');
        }
    }
    if (s->channel.length) {
        buffer_text(b, TEXT(",\"previous\":"));
        json_put_quantity(b, s->previous);
    }
    buffer_byte(b, '}');
}

static void answer(struct exchange *x, const struct plan *p)
{
    size_t event = 0;
    struct version version = view_version(exchange_view(x));

    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"sku\":"));
    json_put_string(b, p->sku);
    buffer_byte(b, ',');
    put_as_of(b, exchange_view(x), version);
    buffer_text(b, TEXT(",\"allocations\":["));
    for (size_t i = 0; i < p->locations_count * p->shares_count; i++) {
        if (i)
            buffer_byte(b, ',');
        put_set(b, p, &p->sets[i], &event);
    }
    buffer_string(b, p->dry_run ? "],\"dry_run\":true}" : "],\"dry_run\":false}");
    answer_end(x);
}

static enum pending_status step(struct pending *pending, struct exchange *x)
{
    struct plan *p = (struct plan *)pending;
    switch (p->events_count ? batch_advance(p->batch) : BATCH_DONE) {
    case BATCH_WAITING:
        return PENDING_WAIT;
    case BATCH_DONE:
        answer(x, p);
        return PENDING_DONE;
    default:
        batch_answer_failure(p->batch, x);
        return PENDING_DONE;
    }
}

static bool reserve(struct plan *p)
{
    size_t count = p->locations_count * p->shares_count;
    p->sets = arena_alloc(&p->arena, count * sizeof(*p->sets));
    p->events = arena_alloc(&p->arena, count * sizeof(*p->events));
    return p->sets && p->events;
}

/* False: answered. */
static bool begin(struct exchange *x, struct plan *p)
{
    if (!read_plan(x, p))
        return false;
    p->batch = batch_create(x);
    if (!p->batch || !reserve(p)) {
        problem_no_memory(x);
        return false;
    }
    epoch_enter(x->loop->reader);
    bool ok = compute(x, p);
    epoch_exit(x->loop->reader);
    if (ok && write_records(x, p)) {
        problem_no_memory(x);
        ok = false;
    }
    return ok;
}

void allocations_plan(struct exchange *x)
{
    if (!parameters_none(x) || !body_is_json(x))
        return;
    struct plan *p = calloc(1, sizeof(*p));
    if (!p) {
        problem_no_memory(x);
        return;
    }
    if (!begin(x, p)) {
        drop(&p->pending);
        return;
    }
    p->pending = (struct pending){step, drop, batch_deadline_us(p->batch), batch_count(p->batch) > 1};
    if (step(&p->pending, x) == PENDING_DONE)
        drop(&p->pending);
    else
        exchange_wait(x, &p->pending);
}
