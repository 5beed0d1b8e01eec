/* Reads the body of POST /v1/availability, and names all that is wrong with it. */
#include "http/availability_batch.h"

struct reading {
    const struct json_node *nodes;
    uint32_t items; /* node of the array, 0: none */
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
        r->items = at;
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

static void read_sku(struct reading *r, uint32_t at, uint32_t number, struct batch_item *ret)
{
    const struct json_node *n = &r->nodes[at];
    char item[ITEM_POINTER_BYTES];

    if (n->type != JSON_STRING || !text_is_identifier(n->text))
        wrong_member(r, item_pointer(item, number), n->key,
                     "must be a SKU: 1 to 128 bytes without control characters");
    ret->sku = n->text;
}

static void read_group(struct reading *r, uint32_t at, uint32_t number, struct batch_item *ret)
{
    const struct json_node *n = &r->nodes[at];
    char item[ITEM_POINTER_BYTES];

    if (n->type == JSON_NULL)
        return;
    if (!is_named(n))
        wrong_member(r, item_pointer(item, number), n->key, name_must);
    ret->group = at;
}

static void read_item(struct reading *r, uint32_t at, uint32_t number, struct batch_item *ret, size_t *rows)
{
    const struct json_node *n = &r->nodes[at];
    bool sku = false, locations = false, group = false;
    char item[ITEM_POINTER_BYTES];

    *ret = (struct batch_item){.first = INDEX_NONE};
    if (n->type != JSON_OBJECT) {
        wrong_item(r, number, "must be an object");
        return;
    }
    uint32_t member = at + 1;
    for (uint32_t k = 0; k < n->count; k++, member = r->nodes[member].next) {
        struct text key = r->nodes[member].key;
        if (text_equal(key, TEXT("sku"))) {
            sku = true;
            read_sku(r, member, number, ret);
        } else if (text_equal(key, TEXT("locations"))) {
            locations = true;
            check_locations(r, member, number, rows);
            ret->locations = member;
        } else if (text_equal(key, TEXT("group"))) {
            group = true;
            read_group(r, member, number, ret);
        } else {
            wrong_member(r, item_pointer(item, number), key, "is not a field here");
        }
    }
    if (!sku)
        wrong_item(r, number, "must have a sku");
    if (locations && group)
        wrong_item(r, number, "locations and group do not go together");
}

/* False: answered. */
static bool read_items(struct exchange *x, struct availability_batch *a, struct reading *r)
{
    const struct json_node *n = &r->nodes[r->items];
    size_t rows = 0;

    if (!r->items) {
        problems_add(r->errors, "/items", "must be there");
        return true;
    }
    if (n->type != JSON_ARRAY)
        return true;
    if (n->count > ITEMS_MOST) {
        problem(x, PROBLEM_TOO_LARGE, "%u items: at most %d may be asked at once", n->count, ITEMS_MOST);
        return false;
    }
    a->items = arena_alloc(&a->arena, n->count * sizeof(*a->items));
    if (!a->items) {
        problem_no_memory(x);
        return false;
    }
    a->items_count = n->count;
    uint32_t at = r->items + 1;
    for (uint32_t i = 0; i < n->count; i++, at = r->nodes[at].next)
        read_item(r, at, i, &a->items[i], &rows);
    if (rows > BATCH_ROWS_MOST) {
        problem(x, PROBLEM_TOO_LARGE, "%zu rows: at most %d may be asked at once", rows, BATCH_ROWS_MOST);
        return false;
    }
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
    struct reading r = {.nodes = a->nodes, .errors = &errors};
    if (!error && a->nodes[0].type != JSON_OBJECT)
        problems_add(&errors, "", "must be an object");
    if (!error && !errors.count) {
        uint32_t at = 1;
        for (uint32_t i = 0; i < a->nodes[0].count; i++, at = a->nodes[at].next)
            read_top(a, &r, at, ret_least);
        if (!read_items(x, a, &r))
            return false;
    }
    if (errors.count)
        problem_with(x, PROBLEM_BAD_BODY, &errors, "%s%s%s", errors.at[0].pointer,
                     errors.at[0].pointer[0] ? " " : "", errors.at[0].detail);
    return !errors.count;
}
