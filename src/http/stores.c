/* GET /v1/stores, the store finder: which stores near me have the whole basket, is it open, when can I fetch
 * it. */
#include "http/etag.h"
#include "http/insights.h"
#include "http/shape.h"
#include "http/store_shape.h"
#include "http/stores_question.h"

#include "base/clock.h"

enum {
    /* Stores whose stock is looked at in one answer; about 0.2 us each. Then the page ends, short. */
    LOOKS_MOST = 20000
};

void stores_get(struct exchange *x);

/* One answer on its way. */
struct stores {
    const struct stores_question *asked;
    const struct view *view;
    const struct key *key;
    struct question question;
    struct finder finder;
    struct finder_line lines[FINDER_LINES_MOST];
    instant_t now, open_at;
    struct near_place *places;
    struct query_row *rows; /* lines_count for each place */
    size_t count;
    bool more;
    struct near_place last; /* where the next page goes on, when there is more */
};

/* ---- what is wanted ---- */

static bool has_methods(const struct location *l, uint32_t methods)
{
    return !methods || !l->methods || (l->methods & methods) == methods;
}

static bool is_open(const struct stores *s, const struct location *l)
{
    return hours_open_at(&calendar_of(&s->view->calendars, l)->hours, s->open_at);
}

static bool is_wanted(void *context, const struct location *l)
{
    const struct stores *s = context;
    const struct stores_question *q = s->asked;

    return l->enabled && (q->types >> l->type & 1) && has_methods(l, q->methods | q->method) &&
           (!q->returns || l->returns) && (!s->key || key_has_location(s->key, l->id)) &&
           (!q->open_is_said || is_open(s, l));
}

/* False: answered. */
static bool name_items(struct exchange *x, struct stores *s)
{
    for (size_t i = 0; i < s->asked->lines_count; i++) {
        struct text sku = s->asked->lines[i].sku;
        s->lines[i] = (struct finder_line){table_find(s->view->table, sku), s->asked->lines[i].quantity};
        if (!s->lines[i].sku) {
            problem(x, PROBLEM_NOT_FOUND, "no SKU `%.*s` is known", (int)sku.length, sku.at);
            return false;
        }
    }
    return true;
}

static bool name_group(struct exchange *x, struct stores *s)
{
    struct text group = s->asked->group;

    return !group.length || group_is_known(x, group, &s->finder.group);
}

/* ---- in which order ---- */

static void go_by_distance(struct stores *s)
{
    const struct near_said *n = &s->asked->near;

    s->finder.near = near_from(n->latitude_e7, n->longitude_e7, n->within_m);
    s->finder.near.goes_on =
        s->asked->after.length && stores_cursor_read(s->asked->after, &s->finder.near.after);
}

static bool go_by_id(struct exchange *x, struct stores *s)
{
    struct id_order *ids = &x->loop->scratch.ids;

    if (id_order_follow(ids, s->view->catalogue)) {
        problem_no_memory(x);
        return false;
    }
    s->finder.order = ids;
    s->finder.near.reach = CHORD2_ANY;
    uint32_t at = s->asked->after.length ? id_order_after(ids, s->view->catalogue, s->asked->after) : 0;
    s->finder.near.goes_on = at > 0;
    if (at)
        s->finder.near.after = (struct near_place){at - 1, ids->numbers[at - 1]};
    return true;
}

/* ---- finding ---- */

static bool find(struct exchange *x, struct stores *s)
{
    size_t limit = s->asked->limit, room = limit + 1 + FINDER_TURN;

    s->places = scratch_places(x->loop, room);
    s->rows = scratch_rows(x->loop, room * (s->asked->lines_count ? s->asked->lines_count : 1));
    if (!s->places || !s->rows) {
        problem_no_memory(x);
        return false;
    }
    s->count = finder_find(&s->finder, s->places, s->rows, limit + 1);
    s->more = s->count > limit || s->finder.ended_early;
    if (s->count > limit) {
        s->count = limit;
        s->last = s->places[limit - 1];
    } else {
        s->last = s->finder.last;
    }
    return true;
}

static bool begin(struct exchange *x, struct stores *s, struct stores_question *q, struct text channel)
{
    const struct view *v = exchange_view(x);

    *s = (struct stores){.asked = q, .view = v, .key = x->key, .now = clock_wall_us()};
    s->open_at = q->open_now ? s->now : q->open_at;
    s->question = (struct question){.method = q->method,
                                    .now = atomic_load_explicit(&v->log_time, memory_order_relaxed)};
    s->finder = (struct finder){.view = v,
                                .question = &s->question,
                                .room = &x->loop->scratch.finder,
                                .lines_count = q->lines_count,
                                .lines = s->lines,
                                .is_wanted = is_wanted,
                                .context = s,
                                .looks_most = LOOKS_MOST};
    if (!name_items(x, s) || !channel_is_known(x, PROBLEM_BAD_PARAMETER, channel, &s->question.channel) ||
        !name_group(x, s))
        return false;
    by_ask(&q->by, &s->question, v);
    if (!q->near.is_said)
        return go_by_id(x, s);
    go_by_distance(s);
    return true;
}

/* ---- the answer ---- */

static void put_next(struct buffer *b, const struct stores *s)
{
    buffer_text(b, TEXT("],\"next\":"));
    if (!s->more) {
        buffer_text(b, TEXT("null,"));
    } else if (s->asked->near.is_said) {
        buffer_byte(b, '"');
        stores_cursor_put(b, &s->last);
        buffer_text(b, TEXT("\","));
    } else {
        json_put_string(b, catalogue_location_at(s->view->catalogue, s->last.number)->id);
        buffer_byte(b, ',');
    }
}

/* Nobody has the basket; asked for by its first page. */
static void note_unmet(struct exchange *x, const struct stores *s)
{
    for (size_t i = 0; i < s->asked->lines_count; i++)
        insights_note(x, UNMET_STORES, s->lines[i].sku, UNMET_NONE, s->question.channel,
                      s->lines[i].quantity);
}

static void put_answer(struct exchange *x, const struct stores *s, struct version version)
{
    struct buffer *b = x->out;
    struct store_shape shape = {.view = s->view,
                                .near = s->asked->near.is_said ? &s->asked->near : NULL,
                                .now = s->now,
                                .lines_count = s->asked->lines_count,
                                .lines = s->lines};

    if (!s->count && !s->more && !s->asked->after.length)
        note_unmet(x, s);
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "private, max-age=1");
    answer_body(x);
    buffer_text(b, TEXT("{\"stores\":["));
    for (size_t i = 0; i < s->count; i++) {
        if (i)
            buffer_byte(b, ',');
        put_store(b, &shape, catalogue_location_at(s->view->catalogue, s->places[i].number),
                  s->rows + i * s->asked->lines_count);
    }
    put_next(b, s);
    buffer_text(b, TEXT("\"channel\":"));
    put_text_or_null(b, s->question.channel ? s->question.channel->id : (struct text){0});
    buffer_byte(b, ',');
    size_t version_at = b->length - x->body_at;
    put_as_of(b, s->view, version);
    size_t version_end = b->length - x->body_at;
    buffer_byte(b, '}');
    etag_end(x, &etag, version_at, version_end);
}

void stores_get(struct exchange *x)
{
    struct stores_question q;
    struct stores s;
    struct text channel;

    if (!stores_read_question(x, &q) || !ask_channel(x, q.channel, &channel))
        return;
    if ((q.least.incarnation || q.least.offset) && !version_reached(x, q.least))
        return;
    epoch_enter(x->loop->reader);
    struct version version = view_version(exchange_view(x)); /* before the rows */
    if (begin(x, &s, &q, channel) && find(x, &s))
        put_answer(x, &s, version);
    epoch_exit(x->loop->reader);
}
