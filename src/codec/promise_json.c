/* The basket, where it is wanted, and how. */
#include "codec/promise_json.h"

#include "base/error.h"
#include "codec/reference_shape.h"

#define NO_MORE \
    {           \
        0       \
    }

static const struct document_field item_fields[] = {
    {.name = "sku", .kind = DOC_TEXT, .required = true, .most = TEXT_BYTES_MOST},
    {.name = "quantity", .kind = DOC_QUANTITY, .required = true, .least = 1, .most = QUANTITY_MOST},
    NO_MORE};
static const struct document_field item = {.kind = DOC_OBJECT, .inner = item_fields};
static const struct document_field near_fields[] = {
    {.name = "latitude", .kind = DOC_ANGLE, .required = true, .most = 90},
    {.name = "longitude", .kind = DOC_ANGLE, .required = true, .most = 180},
    {.name = "within_km", .kind = DOC_QUANTITY, .least = 1, .most = 40000 * MILLI_PER_UNIT},
    NO_MORE};
static const struct document_field shape[] = {
    {.name = "items",
     .kind = DOC_LIST,
     .required = true,
     .least = 1,
     .most = BASKET_LINES_MOST,
     .inner = &item},
    {.name = "near", .kind = DOC_OBJECT, .inner = near_fields},
    {.name = "location", .kind = DOC_NAME},
    {.name = "method", .kind = DOC_WORD, .words = reference_methods},
    {.name = "channel", .kind = DOC_NAME},
    {.name = "limit", .kind = DOC_INTEGER, .least = 1, .most = PROMISE_LIMIT_MOST},
    {.name = "at", .kind = DOC_INSTANT},
    NO_MORE};

static struct text text_of_member(const struct json_node *nodes, uint32_t object, const char *name)
{
    const struct json_node *n = document_member(nodes, object, name);
    return n ? n->text : (struct text){0};
}

static milli_t number_of(const struct json_node *nodes, uint32_t object, const char *name)
{
    milli_t q = 0;

    quantity_parse(text_of_member(nodes, object, name), &q);
    return q;
}

static uint32_t methods_of(struct text method)
{
    uint32_t all = 0;

    for (unsigned i = 0; reference_methods[i]; i++)
        if (!method.length || text_equal(method, text_of(reference_methods[i])))
            all |= 1u << i;
    return all;
}

static int read_items(const struct json_node *nodes, struct arena *a, struct promise_request *q)
{
    const struct json_node *list = document_member(nodes, 0, "items");
    struct basket_line *lines = arena_alloc(a, list->count * sizeof(*lines));
    uint32_t at = document_index(nodes, list) + 1;

    if (!lines)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < list->count; i++, at = nodes[at].next)
        lines[i] = (struct basket_line){text_of_member(nodes, at, "sku"), number_of(nodes, at, "quantity")};
    q->lines = lines;
    q->lines_count = list->count;
    return 0;
}

static int read_fields(const struct json_node *nodes, struct arena *a, struct promise_request *q)
{
    const struct json_node *near = document_member(nodes, 0, "near");

    q->location = text_of_member(nodes, 0, "location");
    q->channel = text_of_member(nodes, 0, "channel");
    q->methods = methods_of(text_of_member(nodes, 0, "method"));
    q->limit = (uint32_t)(number_of(nodes, 0, "limit") / MILLI_PER_UNIT);
    q->limit = q->limit ? q->limit : PROMISE_LIMIT;
    q->at = INSTANT_NONE;
    instant_parse(text_of_member(nodes, 0, "at"), &q->at);
    if (near) {
        uint32_t at = document_index(nodes, near);
        q->is_near = true;
        document_angle(text_of_member(nodes, at, "latitude"), 90, &q->latitude_e7);
        document_angle(text_of_member(nodes, at, "longitude"), 180, &q->longitude_e7);
        q->within_m = (uint64_t)number_of(nodes, at, "within_km"); /* thousandths of a kilometre */
    }
    return read_items(nodes, a, q);
}

int promise_from_json(struct text body, struct arena *a, struct promise_request *ret, struct problems *p)
{
    struct promise_request q = {0};
    struct buffer canonical = {0};
    const struct json_node *nodes;
    size_t count;
    int error = json_parse(body, a, &nodes, &count, p);

    if (error)
        return error == ERROR_LIMIT ? ERROR_NOMEM : error;
    if (document_write(shape, nodes, 0, "", (struct text){0}, &canonical, p)) {
        error = read_fields(nodes, a, &q);
        if (!q.is_near && !q.location.length)
            problems_add(p, "/near", "is required, or location");
    }
    error = canonical.failed ? ERROR_NOMEM : error;
    buffer_finish(&canonical);
    *ret = q;
    return error ? error : p->count ? ERROR_INVALID : 0;
}
