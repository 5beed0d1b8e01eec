/* POST /v1/promises: goes over places, nearest first, and puts the ways in which they can hand a basket over
 * in order.
 *
 * First those that have it whole now are looked for, up to `limit` of each method; where there are fewer,
 * those that would be the nearest are asked what they can get. A thousand rows a turn, each in an epoch
 * section of its own. */
#include "http/promise_shape.h"
#include "http/server.h"

#include "base/clock.h"
#include "codec/promise_json.h"
#include "http/ask.h"
#include "http/shape.h"

#include <stdlib.h>

enum {
    PLACES_A_TIME = 256,
    LACKING_MOST = 20, /* of each method, that are asked what they can get */
    ROWS_MOST = 20000, /* looked at for one answer */
    TURNS_AT_ONCE = 3, /* small baskets are answered without waiting for the loop */
    FOUND_MOST = CALENDAR_METHODS * PROMISE_LIMIT_MOST,
};

enum phase { LOOK, ASK_LANES, LOOK_FURTHER };

/* An option as it was written, and what it is ordered by. */
struct found {
    size_t at, length; /* in `out` */
    bool waits;
    instant_t ready_at;
    double distance_m;
    unsigned method;
    size_t number;
};

/* Places that offer a method and lack something. */
struct lacking {
    uint32_t count;
    uint32_t place[LACKING_MOST];
};

struct promising {
    struct pending pending;
    struct arena arena, turn_arena; /* of the request; of one turn */
    struct promise_request request;
    struct promise_ask ask;
    const struct key *key;
    struct version version;
    enum phase phase;
    struct near_question near; /* the next places are behind the last of these */
    struct near_place places[PLACES_A_TIME];
    size_t places_count, at;
    unsigned method; /* of LOOK_FURTHER */
    size_t rows;
    struct lacking lacking[CALENDAR_METHODS];
    size_t count_of[CALENDAR_METHODS];
    struct lane_found lanes[LANES_FOUND_MOST];
    size_t lanes_count;
    struct found found[FOUND_MOST];
    size_t found_count;
    struct buffer out;
};

void promises_post(struct exchange *x);

/* ---- who may see what ---- */

static bool may_see(void *context, const struct location *l)
{
    const struct key *k = context;
    return !k || key_has_location(k, l->id);
}

/* ---- options ---- */

static void take_option(struct promising *p, struct basket *b, const struct promise_option *o,
                        unsigned method)
{
    struct found *f = &p->found[p->found_count];

    *f = (struct found){.at = p->out.length,
                        .waits = o->waits,
                        .ready_at = o->readiness.ready_at,
                        .distance_m = o->distance_m,
                        .method = method,
                        .number = p->found_count};
    put_option(&p->out, b, o);
    f->length = p->out.length - f->at;
    p->found_count++;
    p->count_of[method]++;
}

static void look_at(struct promising *p, struct basket *b, const struct location *l, unsigned method)
{
    enum method m = (enum method)(1u << method);
    struct lacking *lacking = &p->lacking[method];
    struct promise_option o;
    double distance;

    if (!(p->request.methods & m) || p->count_of[method] == p->request.limit ||
        !promise_offered(b, l, m, &distance))
        return;
    if (!promise_is_whole(b, l, m)) {
        if (lacking->count < LACKING_MOST)
            lacking->place[lacking->count++] = l->number;
    } else if (promise_option(b, l, m, NULL, 0, &o)) {
        take_option(p, b, &o, method);
    }
}

static bool is_full(const struct promising *p)
{
    for (unsigned i = 0; i < CALENDAR_METHODS; i++)
        if ((p->request.methods >> i & 1) && p->count_of[i] < p->request.limit)
            return false;
    return true;
}

static void next_places(struct promising *p)
{
    if (p->places_count) {
        p->near.goes_on = true;
        p->near.after = p->places[p->places_count - 1];
    }
    p->at = 0;
    p->places_count = catalogue_near(p->ask.view->catalogue, &p->near, p->places, PLACES_A_TIME);
}

static void look(struct promising *p, struct basket *b)
{
    const struct view *v = p->ask.view;

    while (p->at < p->places_count && b->rows_read < ROWS_A_TURN && !is_full(p)) {
        const struct location *l = catalogue_location_at(v->catalogue, p->places[p->at++].number);
        for (unsigned m = 0; l && !l->deleted && may_see(p->ask.context, l) && m < CALENDAR_METHODS; m++)
            look_at(p, b, l, m);
    }
    if (p->at == p->places_count && p->request.location.length == 0)
        next_places(p);
    if (p->at == p->places_count || is_full(p) || p->rows + b->rows_read > ROWS_MOST)
        p->phase = ASK_LANES;
}

static void ask_lanes(struct promising *p)
{
    uint32_t to[CALENDAR_METHODS * LACKING_MOST];
    size_t count = 0;

    for (unsigned m = 0; m < CALENDAR_METHODS; m++)
        for (uint32_t i = 0; i < p->lacking[m].count && p->count_of[m] < p->request.limit; i++)
            to[count++] = p->lacking[m].place[i];
    p->lanes_count = count ? promise_lanes(&p->ask, to, count, p->lanes, LANES_FOUND_MOST) : 0;
    p->phase = LOOK_FURTHER;
    p->at = 0;
}

/* True: all have been asked. */
static bool look_further(struct promising *p, struct basket *b)
{
    const struct view *v = p->ask.view;
    struct promise_option o;

    while (p->method < CALENDAR_METHODS && b->rows_read < ROWS_A_TURN) {
        const struct lacking *lacking = &p->lacking[p->method];
        if (p->at == lacking->count || p->count_of[p->method] == p->request.limit ||
            p->rows + b->rows_read > ROWS_MOST) {
            p->method++;
            p->at = 0;
            continue;
        }
        const struct location *l = catalogue_location_at(v->catalogue, lacking->place[p->at++]);
        if (l && promise_option(b, l, (enum method)(1u << p->method), p->lanes, p->lanes_count, &o))
            take_option(p, b, &o, p->method);
    }
    return p->method == CALENDAR_METHODS;
}

/* ---- the answer ---- */

/* What is there before what has to come; then sooner, nearer, pickup before ship before same day, as found.
 */
static int by_merit(const void *left, const void *right)
{
    const struct found *a = left, *b = right;

    if (a->waits != b->waits)
        return a->waits ? 1 : -1;
    if (a->ready_at != b->ready_at)
        return a->ready_at < b->ready_at ? -1 : 1;
    if (a->distance_m != b->distance_m)
        return a->distance_m < b->distance_m ? -1 : 1;
    if (a->method != b->method)
        return a->method < b->method ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

static void answer(struct exchange *x, struct promising *p)
{
    if (p->out.failed) {
        problem_no_memory(x);
        return;
    }
    qsort(p->found, p->found_count, sizeof(p->found[0]), by_merit);
    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: no-store\r\n"));
    struct buffer *b = answer_body(x);
    buffer_text(b, TEXT("{\"options\":["));
    for (size_t i = 0; i < p->found_count; i++) {
        if (i)
            buffer_byte(b, ',');
        buffer_add(b, p->out.at + p->found[i].at, p->found[i].length);
    }
    buffer_text(b, TEXT("],\"ordered_at\":"));
    json_put_instant(b, p->ask.ordered_at);
    buffer_byte(b, ',');
    put_as_of(b, p->ask.view, p->version);
    buffer_byte(b, '}');
    answer_end(x);
}

/* The field at fault, and why. */
static void answer_wrong(struct exchange *x, enum problem_type type, const char *pointer, const char *detail)
{
    struct problems errors = {.count = 0};
    bool is_field = type == PROBLEM_BAD_BODY; /* else the detail is a sentence */

    problems_add(&errors, pointer, "%s", detail);
    problem_with(x, type, &errors, "%s%s%s", is_field ? pointer : "", is_field ? " " : "", detail);
}

static void answer_bad_line(struct exchange *x, const struct promising *p, const struct basket *b, int error)
{
    struct text sku = p->request.lines[b->wrong_line].sku;
    char pointer[48], detail[200];

    snprintf(pointer, sizeof(pointer), "/items/%zu/%s", b->wrong_line,
             error == ERROR_INVALID ? "quantity" : "sku");
    if (error == ERROR_NOMEM) {
        problem_no_memory(x);
    } else if (error == ERROR_LIMIT) {
        snprintf(detail, sizeof(detail), "kits of more than %d components together: ask for fewer",
                 BASKET_NEEDS_MOST);
        answer_wrong(x, PROBLEM_TOO_LARGE, "/items", detail);
    } else if (error == ERROR_NOTFOUND) {
        snprintf(detail, sizeof(detail), "no item `%.*s` is known", (int)sku.length, sku.at);
        answer_wrong(x, PROBLEM_NOT_FOUND, pointer, detail);
    } else {
        answer_wrong(x, PROBLEM_BAD_BODY, pointer, "must be a multiple of the item's step");
    }
}

/* ---- turns ---- */

static enum pending_status turn(struct exchange *x, struct promising *p)
{
    struct basket b;

    arena_reset(&p->turn_arena);
    if (!channel_is_known(x, PROBLEM_BAD_BODY, p->request.channel, &p->ask.channel))
        return PENDING_DONE;
    int error = basket_prepare(&p->ask, &p->turn_arena, &b);
    if (error) {
        answer_bad_line(x, p, &b, error);
        return PENDING_DONE;
    }
    if (p->phase == LOOK)
        look(p, &b);
    else if (p->phase == ASK_LANES)
        ask_lanes(p);
    else if (look_further(p, &b)) {
        answer(x, p);
        return PENDING_DONE;
    }
    p->rows += b.rows_read;
    return PENDING_TURN;
}

static enum pending_status step(struct pending *pending, struct exchange *x)
{
    struct promising *p = (struct promising *)pending;

    epoch_enter(x->loop->reader);
    enum pending_status s = turn(x, p);
    epoch_exit(x->loop->reader);
    return s;
}

static void drop(struct pending *pending)
{
    struct promising *p = (struct promising *)pending;

    arena_finish(&p->arena);
    arena_finish(&p->turn_arena);
    buffer_finish(&p->out);
    free(p);
}

/* ---- the beginning ---- */

/* The one location, or the nearest. False: answered. */
static bool choose_places(struct exchange *x, struct promising *p)
{
    const struct view *v = p->ask.view;
    const struct promise_request *q = &p->request;
    char detail[200];

    if (!q->location.length) {
        p->near = near_from(q->latitude_e7, q->longitude_e7, q->within_m);
        next_places(p);
        return true;
    }
    if (!location_is_allowed(x, q->location))
        return false;
    const struct location *l = catalogue_location(v->catalogue, q->location);
    if (!l || l->deleted) {
        snprintf(detail, sizeof(detail), "no location `%.*s` is known", (int)q->location.length,
                 q->location.at);
        answer_wrong(x, PROBLEM_NOT_FOUND, "/location", detail);
        return false;
    }
    p->places[p->places_count++] = (struct near_place){.number = l->number};
    return true;
}

/* Hours follow the clock on the wall, but never fall behind the log. */
static instant_t now_of(const struct view *v)
{
    instant_t log_time = atomic_load_explicit(&v->log_time, memory_order_relaxed), wall = clock_wall_us();
    return wall > log_time ? wall : log_time;
}

static bool read_body(struct exchange *x, struct promising *p)
{
    struct problems errors = {.count = 0};
    int error = promise_from_json(x->body, &p->arena, &p->request, &errors);

    if (error)
        body_wrong(x, error, &errors);
    return !error;
}

static bool begin(struct exchange *x, struct promising *p)
{
    const struct view *v = exchange_view(x);
    const struct promise_request *q = &p->request;

    if (!read_body(x, p) || !ask_channel(x, p->request.channel, &p->request.channel))
        return false;
    p->version = view_version(v); /* before any row */
    p->ask = (struct promise_ask){.view = v,
                                  .ordered_at = q->at == INSTANT_NONE ? now_of(v) : q->at,
                                  .has_point = q->is_near,
                                  .latitude_e7 = q->latitude_e7,
                                  .longitude_e7 = q->longitude_e7,
                                  .may_see = may_see,
                                  .context = (void *)(uintptr_t)x->key,
                                  .lines_count = q->lines_count,
                                  .lines = q->lines};
    epoch_enter(x->loop->reader);
    bool ok = choose_places(x, p);
    epoch_exit(x->loop->reader);
    return ok;
}

void promises_post(struct exchange *x)
{
    if (!parameters_none(x) || !body_is_json(x))
        return;
    struct promising *p = calloc(1, sizeof(*p));
    if (!p) {
        problem_no_memory(x);
        return;
    }
    p->pending = (struct pending){step, drop, 0, false};
    enum pending_status s = PENDING_TURN;
    for (unsigned i = 0; s == PENDING_TURN && i < TURNS_AT_ONCE; i++)
        s = i || begin(x, p) ? step(&p->pending, x) : PENDING_DONE;
    if (s == PENDING_DONE)
        drop(&p->pending);
    else
        exchange_turn(x, &p->pending);
}
