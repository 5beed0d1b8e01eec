/* Reads what clients say about reservations: tables of fields, and what must hold between them. */
#include "codec/reservation_json.h"

#include "base/error.h"
#include "codec/document.h"
#include "codec/reference_shape.h"

#include <stdio.h>

/* ---- shapes: field by field, in the order in which the digest sees them ---- */

#define NO_MORE \
    {           \
        0       \
    }
static const char *const modes[] = {"all", "partial", NULL};
static const char *const begins[] = {"held", "confirmed", "fulfilled", NULL};

#define TEXT_FIELD .kind = DOC_TEXT, .most = TEXT_BYTES_MOST
#define STEP_ID                       \
    {                                 \
        .name = "step_id", TEXT_FIELD \
    }

static const struct document_field candidate = {.kind = DOC_NAME};
static const struct document_field near_fields[] = {
    {.name = "latitude", .kind = DOC_ANGLE, .required = true, .most = 90},
    {.name = "longitude", .kind = DOC_ANGLE, .required = true, .most = 180},
    {.name = "within_km", .kind = DOC_QUANTITY, .least = 1, .most = 40000 * MILLI_PER_UNIT},
    {.name = "limit", .kind = DOC_INTEGER, .least = 1, .most = NEAR_LIMIT_MOST},
    NO_MORE};
/* Fields of what is sent most have their numbers: they are looked up once, not each by its name. */
enum { ITEM_SKU, ITEM_QUANTITY, ITEM_LOCATION, ITEM_CANDIDATES, ITEM_GROUP, ITEM_NEAR, ITEM_SPLIT, ITEM_END };
static const struct document_field item_fields[] = {
    [ITEM_SKU] = {.name = "sku", .required = true, TEXT_FIELD},
    [ITEM_QUANTITY] =
        {.name = "quantity", .kind = DOC_QUANTITY, .required = true, .least = 1, .most = QUANTITY_MOST},
    [ITEM_LOCATION] = {.name = "location", .kind = DOC_NAME},
    [ITEM_CANDIDATES] = {.name = "candidates",
                         .kind = DOC_LIST,
                         .least = 1,
                         .most = RESERVATION_CANDIDATES_MOST,
                         .inner = &candidate},
    [ITEM_GROUP] = {.name = "group", .kind = DOC_NAME},
    [ITEM_NEAR] = {.name = "near", .kind = DOC_OBJECT, .inner = near_fields},
    [ITEM_SPLIT] = {.name = "split", .kind = DOC_FLAG},
    [ITEM_END] = NO_MORE};
static const struct document_field item = {.kind = DOC_OBJECT, .inner = item_fields};
#define ITEMS                                                                                            \
    {                                                                                                    \
        .name = "items", .kind = DOC_LIST, .required = true, .least = 1, .most = RESERVATION_LINES_MOST, \
        .inner = &item                                                                                   \
    }
static const struct document_field line_fields[] = {
    {.name = "sku", .required = true, TEXT_FIELD},
    {.name = "location", .kind = DOC_NAME},
    {.name = "quantity", .kind = DOC_QUANTITY, .required = true, .least = 1, .most = QUANTITY_MOST},
    NO_MORE};
static const struct document_field line = {.kind = DOC_OBJECT, .inner = line_fields};
#define LINES                                                                                         \
    {                                                                                                 \
        .name = "lines", .kind = DOC_LIST, .least = 1, .most = RESERVATION_LINES_MOST, .inner = &line \
    }
/* An option of POST /v1/promises, as it was given. What it rests on was told to the client and is not looked
 * at: the log judges what is there now. */
static const struct document_field promise_line_fields[] = {
    {.name = "sku", .required = true, TEXT_FIELD},
    {.name = "quantity", .kind = DOC_QUANTITY, .required = true, .least = 1, .most = QUANTITY_MOST},
    {.name = "location", .kind = DOC_NAME, .required = true},
    NO_MORE};
static const struct document_field promise_line = {.kind = DOC_OBJECT, .inner = promise_line_fields};
static const struct document_field promise_fields[] = {
    {.name = "method", .kind = DOC_WORD, .required = true, .words = reference_methods},
    {.name = "location", .kind = DOC_NAME, .required = true},
    {.name = "distance_km", .kind = DOC_SHOWN},
    {.name = "ready_at", .kind = DOC_INSTANT, .required = true},
    {.name = "required_at", .kind = DOC_INSTANT},
    {.name = "lines",
     .kind = DOC_LIST,
     .required = true,
     .least = 1,
     .most = RESERVATION_LINES_MOST,
     .inner = &promise_line},
    {.name = "rests_on", .kind = DOC_SHOWN},
    NO_MORE};
#define EXPIRY                                                                           \
    {.name = "expires_at", .kind = DOC_INSTANT},                                         \
    {                                                                                    \
        .name = "ttl_seconds", .kind = DOC_INTEGER, .least = 1, .most = TTL_SECONDS_MOST \
    }

enum {
    RESERVE_ID,
    RESERVE_CHANNEL,
    RESERVE_METHOD,
    RESERVE_REFERENCE,
    RESERVE_EXPIRES_AT,
    RESERVE_TTL,
    RESERVE_REQUIRED_AT,
    RESERVE_MODE,
    RESERVE_STATE,
    RESERVE_ITEMS,
    RESERVE_PROMISE,
    RESERVE_END
};
static const struct document_field reserve_shape[] = {
    [RESERVE_ID] = {.name = "id", .required = true, TEXT_FIELD},
    [RESERVE_CHANNEL] = {.name = "channel", .kind = DOC_NAME},
    [RESERVE_METHOD] = {.name = "method", .kind = DOC_WORD, .words = reference_methods},
    [RESERVE_REFERENCE] = {.name = "reference", TEXT_FIELD},
    [RESERVE_EXPIRES_AT] = EXPIRY,
    [RESERVE_REQUIRED_AT] = {.name = "required_at", .kind = DOC_INSTANT},
    [RESERVE_MODE] = {.name = "mode", .kind = DOC_WORD, .words = modes},
    [RESERVE_STATE] = {.name = "state", .kind = DOC_WORD, .words = begins},
    [RESERVE_ITEMS] =
        {.name = "items", .kind = DOC_LIST, .least = 1, .most = RESERVATION_LINES_MOST, .inner = &item},
    [RESERVE_PROMISE] = {.name = "promise", .kind = DOC_OBJECT, .inner = promise_fields},
    [RESERVE_END] = NO_MORE};
static const struct document_field confirm_shape[] = {{.name = "reference", TEXT_FIELD}, STEP_ID, NO_MORE};
static const struct document_field release_shape[] = {STEP_ID, NO_MORE};
static const struct document_field extend_shape[] = {EXPIRY, STEP_ID, NO_MORE};
static const struct document_field lines_shape[] = {LINES, STEP_ID, NO_MORE};
static const struct document_field move_shape[] = {{.name = "sku", TEXT_FIELD},
                                                   {.name = "from", .kind = DOC_NAME, .required = true},
                                                   {.name = "to", .kind = DOC_NAME, .required = true},
                                                   STEP_ID,
                                                   NO_MORE};
static const struct document_field change_shape[] = {ITEMS, STEP_ID, NO_MORE};

static const struct document_field *const shapes[STEP_END] = {
    [STEP_RESERVE] = reserve_shape, [STEP_CONFIRM] = confirm_shape, [STEP_RELEASE] = release_shape,
    [STEP_EXTEND] = extend_shape,   [STEP_FULFIL] = lines_shape,    [STEP_CANCEL] = lines_shape,
    [STEP_MOVE] = move_shape,       [STEP_CHANGE] = change_shape};

/* ---- values, of fields that are known to be right ---- */

struct reading {
    const struct json_node *nodes;
    struct arena *arena;
    struct problems *problems;
    bool no_memory;
};

/* Of a member, or of NULL where there is none. */
static struct text text_in(const struct json_node *n)
{
    return n ? n->text : (struct text){0};
}

static instant_t instant_in(const struct json_node *n)
{
    instant_t at = INSTANT_NONE;

    if (n)
        instant_parse(n->text, &at);
    return at;
}

static milli_t quantity_in(const struct json_node *n)
{
    milli_t q = 0;

    if (n)
        quantity_parse(n->text, &q);
    return q;
}

/* Which of the words it is, from 0; 0 when it is not there. */
static unsigned word_in(const struct json_node *n, const char *const *words)
{
    for (unsigned i = 0; n && words[i]; i++)
        if (text_equal(n->text, text_of(words[i])))
            return i;
    return 0;
}

static uint32_t method_in(const struct json_node *n)
{
    return n ? 1u << word_in(n, reference_methods) : 0;
}

static int64_t seconds_in_us(const struct json_node *n)
{
    return quantity_in(n) / MILLI_PER_UNIT * INSTANT_SECOND;
}

static struct text read_text(const struct reading *r, uint32_t object, const char *name)
{
    return text_in(document_member(r->nodes, object, name));
}

static instant_t read_instant(const struct reading *r, uint32_t object, const char *name)
{
    return instant_in(document_member(r->nodes, object, name));
}

static milli_t read_quantity(const struct reading *r, uint32_t object, const char *name)
{
    return quantity_in(document_member(r->nodes, object, name));
}

static uint32_t read_method(const struct reading *r, uint32_t object)
{
    return method_in(document_member(r->nodes, object, "method"));
}

/* ---- lines ---- */

static void read_candidates(struct reading *r, const struct json_node *list, struct line_said *l)
{
    struct text *all = arena_alloc(r->arena, list->count * sizeof(*all));
    uint32_t at = document_index(r->nodes, list) + 1;

    if (!all) {
        r->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < list->count; i++, at = r->nodes[at].next)
        all[i] = r->nodes[at].text;
    l->locations = all;
    l->locations_count = list->count;
}

static void read_near(const struct reading *r, uint32_t at, struct place_said *p)
{
    document_angle(read_text(r, at, "latitude"), 90, &p->latitude_e7);
    document_angle(read_text(r, at, "longitude"), 180, &p->longitude_e7);
    p->within_m = (uint64_t)read_quantity(r, at, "within_km"); /* thousandths of a kilometre */
    p->limit = (uint32_t)(read_quantity(r, at, "limit") / MILLI_PER_UNIT);
    p->limit = p->limit ? p->limit : NEAR_LIMIT;
}

/* Exactly one way to say where from, when there has to be one. */
static void check_place(struct reading *r, uint32_t number, unsigned ways)
{
    char pointer[32];

    if (ways == 1)
        return;
    snprintf(pointer, sizeof(pointer), "/items/%u", number);
    problems_add(r->problems, pointer, "must have %s location, candidates, group, near",
                 ways ? "only one of" : "one of");
}

static void read_item(struct reading *r, uint32_t at, uint32_t number, struct line_said *l,
                      struct place_said *p)
{
    const struct json_node *in[DOCUMENT_FIELDS_MOST];
    uint32_t unknown;

    document_members(r->nodes, at, item_fields, in, &unknown);
    const struct json_node *candidates = in[ITEM_CANDIDATES], *location = in[ITEM_LOCATION],
                           *near = in[ITEM_NEAR], *split = in[ITEM_SPLIT];
    *l = (struct line_said){.sku = text_in(in[ITEM_SKU]),
                            .quantity = quantity_in(in[ITEM_QUANTITY]),
                            .split = split && split->type == JSON_TRUE};
    *p = (struct place_said){.kind = PLACE_GIVEN, .group = text_in(in[ITEM_GROUP])};
    check_place(r, number, (unsigned)!!candidates + !!location + !!near + (p->group.length > 0));
    if (location) {
        l->locations = &location->text;
        l->locations_count = 1;
    } else if (candidates) {
        read_candidates(r, candidates, l);
    } else if (near) {
        p->kind = PLACE_NEAR;
        read_near(r, document_index(r->nodes, near), p);
    } else {
        p->kind = PLACE_GROUP;
    }
}

/* A line of fulfil or cancel. */
static void read_line(struct reading *r, uint32_t at, struct line_said *l)
{
    const struct json_node *location = document_member(r->nodes, at, "location");

    *l = (struct line_said){.sku = read_text(r, at, "sku"),
                            .quantity = read_quantity(r, at, "quantity"),
                            .locations_count = location != NULL,
                            .locations = location ? &location->text : NULL};
}

/* `lines` NULL: there are none; `items`: they are asked for, not parts of what is there. */
static void read_lines(struct reading *r, const struct json_node *lines, bool items,
                       struct reservation_request *q)
{
    if (!lines)
        return;
    q->lines = arena_zalloc(r->arena, lines->count * sizeof(*q->lines));
    q->places = arena_zalloc(r->arena, lines->count * sizeof(*q->places));
    if (!q->lines || !q->places) {
        r->no_memory = true;
        return;
    }
    uint32_t at = document_index(r->nodes, lines) + 1;
    for (uint32_t i = 0; i < lines->count; i++, at = r->nodes[at].next) {
        if (items)
            read_item(r, at, i, &q->lines[i], &q->places[i]);
        else
            read_line(r, at, &q->lines[i]);
    }
    q->said.lines_count = lines->count;
    q->said.lines = q->lines;
}

/* ---- a promise ---- */

static void check_promise(const struct reading *r, const struct reservation_request *q, uint32_t promise)
{
    if (document_has(r->nodes, 0, "items"))
        problems_add(r->problems, "/items", "does not go with promise, which says its lines");
    if (q->said.required_at != INSTANT_NONE)
        problems_add(r->problems, "/required_at", "does not go with promise, which says it where it matters");
    if (q->said.method && q->said.method != read_method(r, promise))
        problems_add(r->problems, "/method", "must be the promise's, or not be said");
}

/* The log judges each line where its goods are. A place that only supplies another may not hand over to
 * shoppers by that method, so a promise over a lane is a reservation without one. */
static void read_promise(struct reading *r, const struct json_node *promise, struct reservation_request *q)
{
    uint32_t object = document_index(r->nodes, promise);
    const struct json_node *list = document_member(r->nodes, object, "lines");
    struct text place = read_text(r, object, "location");
    check_promise(r, q, object);
    q->lines = arena_zalloc(r->arena, list->count * sizeof(*q->lines));
    q->places = arena_zalloc(r->arena, list->count * sizeof(*q->places)); /* PLACE_GIVEN */
    if (!q->lines || !q->places) {
        r->no_memory = true;
        return;
    }
    q->said.method = read_method(r, object);
    q->said.required_at = read_instant(r, object, "required_at");
    uint32_t at = document_index(r->nodes, list) + 1;
    for (uint32_t i = 0; i < list->count; i++, at = r->nodes[at].next) {
        read_line(r, at, &q->lines[i]);
        if (!text_equal(q->lines[i].locations[0], place))
            q->said.method = 0;
    }
    q->said.lines_count = list->count;
    q->said.lines = q->lines;
}

/* ---- the whole ---- */

static void read_reserve(struct reading *r, struct reservation_request *q)
{
    const struct json_node *in[DOCUMENT_FIELDS_MOST];
    struct reservation_said *s = &q->said;
    uint32_t unknown;

    document_members(r->nodes, 0, reserve_shape, in, &unknown);
    s->id = text_in(in[RESERVE_ID]);
    s->channel = text_in(in[RESERVE_CHANNEL]);
    s->method = method_in(in[RESERVE_METHOD]);
    s->reference = text_in(in[RESERVE_REFERENCE]);
    s->expires_at = instant_in(in[RESERVE_EXPIRES_AT]);
    s->ttl_us = seconds_in_us(in[RESERVE_TTL]);
    s->required_at = instant_in(in[RESERVE_REQUIRED_AT]);
    s->partial = word_in(in[RESERVE_MODE], modes) == 1;
    s->begin = (enum reservation_state)word_in(in[RESERVE_STATE], begins);
    read_lines(r, in[RESERVE_ITEMS], true, q);
    if (in[RESERVE_PROMISE])
        read_promise(r, in[RESERVE_PROMISE], q);
}

static void read_step(struct reading *r, struct reservation_request *q)
{
    const struct json_node *items = document_member(r->nodes, 0, "items"),
                           *lines = document_member(r->nodes, 0, "lines");
    struct reservation_said *s = &q->said;

    s->step_id = read_text(r, 0, "step_id");
    s->reference = read_text(r, 0, "reference");
    s->expires_at = read_instant(r, 0, "expires_at");
    s->ttl_us = seconds_in_us(document_member(r->nodes, 0, "ttl_seconds"));
    s->required_at = INSTANT_NONE;
    if (s->step == STEP_MOVE) {
        s->move_sku = read_text(r, 0, "sku");
        s->move_from = read_text(r, 0, "from");
        s->move_to = read_text(r, 0, "to");
    }
    read_lines(r, items ? items : lines, items != NULL, q);
}

static void check_together(const struct reservation_said *s, struct problems *p)
{
    if (s->ttl_us && s->expires_at != INSTANT_NONE)
        problems_add(p, "/ttl_seconds", "does not go with expires_at: say one of them");
    if (s->step == STEP_EXTEND && !s->ttl_us && s->expires_at == INSTANT_NONE)
        problems_add(p, "/expires_at", "is required, or ttl_seconds");
    if (s->step == STEP_MOVE && text_equal(s->move_from, s->move_to))
        problems_add(p, "/to", "must be another location than from");
    if (s->begin && (s->ttl_us || s->expires_at != INSTANT_NONE))
        problems_add(p, s->ttl_us ? "/ttl_seconds" : "/expires_at",
                     "goes with what is held: nothing else expires");
}

/* The canonical form is what the digest is of: fields in one order, values in one form, whatever white space
 * and order the client chose. */
int reservation_from_json(enum reservation_step step, struct text id, struct text body, struct arena *a,
                          struct reservation_request *ret, struct problems *p)
{
    struct reservation_request q = {.said = {.step = step, .id = id}};
    struct reading r = {.arena = a, .problems = p};
    struct buffer canonical = {0};
    size_t count;
    int error = json_parse(body, a, &r.nodes, &count, p);

    if (error)
        return error == ERROR_LIMIT ? ERROR_NOMEM : error;
    if (document_write(shapes[step], r.nodes, 0, "", (struct text){0}, &canonical, p)) {
        q.said.digest = hash128(canonical.at, canonical.length, (uint64_t)step);
        (step == STEP_RESERVE ? read_reserve : read_step)(&r, &q);
        check_together(&q.said, p);
    }
    if (step == STEP_RESERVE && r.nodes[0].type == JSON_OBJECT && !q.said.lines_count &&
        !document_has(r.nodes, 0, "items") && !document_has(r.nodes, 0, "promise"))
        problems_add(p, "/items", "is required, or promise");
    if (canonical.failed)
        r.no_memory = true;
    buffer_finish(&canonical);
    *ret = q;
    return r.no_memory ? ERROR_NOMEM : p->count ? ERROR_INVALID : 0;
}
