/* Reads the body of POST /v1/availability, and names all that is wrong with it. */
#include "http/availability_batch.h"

struct reading {
    const struct json_node *nodes;
    struct problems *errors;
};

static const char name_must[] = "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them";

enum { ITEM_POINTER_BYTES = 32 };

static const char *item_pointer(char out[ITEM_POINTER_BYTES], uint32_t number)
{
    snprintf(out, ITEM_POINTER_BYTES, "/items/%u", number);
    return out;
}

static bool is_named(const struct json_node *n)
{
    return n->type == JSON_STRING && text_is_name(n->text);
}

static void read_channel(struct availability_batch *a, struct reading *r, const struct json_node *n)
{
    if (n->type == JSON_NULL)
        return;
    if (is_named(n))
        a->channel = n->text;
    else
        problems_add(r->errors, "/channel", "%s", name_must);
}

static void read_reservations(struct availability_batch *a, struct reading *r, uint32_t at)
{
    const struct json_node *n = &r->nodes[at];
    const char *detail = "must be an array of reservations' ids";
    uint32_t i = at + 1;

    if (n->type != JSON_ARRAY) {
        problems_add(r->errors, "/reservation", "%s", detail);
        return;
    }
    for (uint32_t k = 0; k < n->count; k++, i = r->nodes[i].next)
        if (r->nodes[i].type != JSON_STRING || !past_add(&a->past, r->nodes[i].text, &detail)) {
            problems_add(r->errors, "/reservation", "%s", detail);
            return;
        }
}

static void read_top(struct availability_batch *a, struct reading *r, uint32_t at, struct version *ret_least)
{
    const struct json_node *n = &r->nodes[at];
    char pointer[JSON_POINTER_BYTES];

    if (text_equal(n->key, TEXT("channel"))) {
        read_channel(a, r, n);
    } else if (text_equal(n->key, TEXT("method"))) {
        if (n->type != JSON_NULL && (n->type != JSON_STRING || !method_from_name(n->text, &a->method)))
            problems_add(r->errors, "/method", "must be pickup, ship or same_day");
    } else if (text_equal(n->key, TEXT("detail"))) {
        if (n->type != JSON_TRUE && n->type != JSON_FALSE)
            problems_add(r->errors, "/detail", "must be true or false");
        a->detail = n->type == JSON_TRUE;
    } else if (text_equal(n->key, TEXT("min_version"))) {
        if (n->type != JSON_STRING || !version_parse(n->text, ret_least))
            problems_add(r->errors, "/min_version",
                         "must be a version as answers carry it: incarnation:offset");
    } else if (text_equal(n->key, TEXT("by"))) {
        if (n->type != JSON_NULL && (n->type != JSON_STRING || !by_parse(n->text, &a->by)))
            problems_add(r->errors, "/by", "%s", by_must);
    } else if (text_equal(n->key, TEXT("reservation"))) {
        read_reservations(a, r, at);
    } else if (text_equal(n->key, TEXT("items"))) {
        if (n->type != JSON_ARRAY)
            problems_add(r->errors, "/items", "must be an array");
        a->items = at;
    } else {
        json_pointer(pointer, "", n->key);
        problems_add(r->errors, pointer, "is not a field here");
    }
}

static void check_locations(struct reading *r, uint32_t at, uint32_t number, size_t *rows)
{
    const struct json_node *n = &r->nodes[at];
    uint32_t i = at + 1;

    if (n->type != JSON_ARRAY) {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/items/%u/locations", number);
        problems_add(r->errors, pointer, "must be an array of names");
        return;
    }
    *rows += n->count;
    for (uint32_t k = 0; k < n->count; k++, i = r->nodes[i].next) {
        if (is_named(&r->nodes[i]))
            continue;
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/items/%u/locations/%u", number, k);
        problems_add(r->errors, pointer, "%s", name_must);
        return;
    }
}

/* What is wrong with a member of an item; its pointer is only written when something is. */
static void wrong_member(struct reading *r, const char *item, struct text key, const char *detail)
{
    char pointer[JSON_POINTER_BYTES];

    json_pointer(pointer, item, key);
    problems_add(r->errors, pointer, "%s", detail);
}

static void wrong_item(struct reading *r, uint32_t number, const char *detail)
{
    char item[ITEM_POINTER_BYTES];

    problems_add(r->errors, item_pointer(item, number), "%s", detail);
}

static void check_item(struct reading *r, uint32_t at, uint32_t number, size_t *rows)
{
    const struct json_node *n = &r->nodes[at];
    bool sku = false, locations = false, group = false;
    char item[ITEM_POINTER_BYTES];

    if (n->type != JSON_OBJECT) {
        wrong_item(r, number, "must be an object");
        return;
    }
    uint32_t member = at + 1;
    for (uint32_t k = 0; k < n->count; k++, member = r->nodes[member].next) {
        const struct json_node *m = &r->nodes[member];
        if (text_equal(m->key, TEXT("sku"))) {
            sku = true;
            if (m->type != JSON_STRING || !text_is_identifier(m->text))
                wrong_member(r, item_pointer(item, number), m->key,
                             "must be a SKU: 1 to 128 bytes without control characters");
        } else if (text_equal(m->key, TEXT("locations"))) {
            locations = true;
            check_locations(r, member, number, rows);
        } else if (text_equal(m->key, TEXT("group"))) {
            group = true;
            if (m->type != JSON_NULL && !is_named(m))
                wrong_member(r, item_pointer(item, number), m->key, name_must);
        } else {
            wrong_member(r, item_pointer(item, number), m->key, "is not a field here");
        }
    }
    if (!sku)
        wrong_item(r, number, "must have a sku");
    if (locations && group)
        wrong_item(r, number, "locations and group do not go together");
}

static bool check_items(struct exchange *x, struct availability_batch *a, struct reading *r)
{
    const struct json_node *n = &r->nodes[a->items];
    size_t rows = 0;

    if (!a->items) {
        problems_add(r->errors, "/items", "must be there");
        return true;
    }
    if (n->type != JSON_ARRAY)
        return true;
    if (n->count > ITEMS_MOST) {
        problem(x, PROBLEM_TOO_LARGE, "%u items: at most %d may be asked at once", n->count, ITEMS_MOST);
        return false;
    }
    uint32_t at = a->items + 1;
    for (uint32_t i = 0; i < n->count; i++, at = r->nodes[at].next)
        check_item(r, at, i, &rows);
    if (rows > BATCH_ROWS_MOST) {
        problem(x, PROBLEM_TOO_LARGE, "%zu rows: at most %d may be asked at once", rows, BATCH_ROWS_MOST);
        return false;
    }
    a->item = a->items + 1;
    return true;
}

bool batch_read_question(struct exchange *x, struct availability_batch *a, struct version *ret_least)
{
    struct problems errors;
    size_t count;

    errors.count = 0;
    int error = json_parse(x->body, &a->arena, &a->nodes, &count, &errors);
    if (error == ERROR_NOMEM) {
        problem_no_memory(x);
        return false;
    }
    struct reading r = {a->nodes, &errors};
    if (!error && a->nodes[0].type != JSON_OBJECT)
        problems_add(&errors, "", "must be an object");
    if (!error && !errors.count) {
        uint32_t at = 1;
        for (uint32_t i = 0; i < a->nodes[0].count; i++, at = a->nodes[at].next)
            read_top(a, &r, at, ret_least);
        if (!check_items(x, a, &r))
            return false;
    }
    if (errors.count)
        problem_with(x, PROBLEM_BAD_BODY, &errors, "%s%s%s", errors.at[0].pointer,
                     errors.at[0].pointer[0] ? " " : "", errors.at[0].detail);
    return !errors.count;
}

const struct json_node *batch_member(const struct json_node *nodes, uint32_t object, const char *key,
                                     uint32_t *ret_at)
{
    uint32_t at = object + 1;

    for (uint32_t i = 0; i < nodes[object].count; i++, at = nodes[at].next)
        if (text_equal(nodes[at].key, text_of(key)) && nodes[at].type != JSON_NULL) {
            *ret_at = at;
            return &nodes[at];
        }
    return NULL;
}
