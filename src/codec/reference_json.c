/* Locations, groups, items and channels: the shapes of their documents, and what the engine takes out of
 * them. Also the settings of the log. */
#include "codec/reference_json.h"

#include "base/error.h"
#include "codec/document.h"
#include "codec/event_json.h"
#include "core/model/catalogue.h"

#include <stdio.h>

enum { DOCUMENT_BYTES_MOST = RECORD_BYTES_MOST - 1024, LIST_MOST = 16384 };

/* ---- shapes ---- */

static const char *const location_types[] = {"store", "warehouse", "dark_store", "supplier", "virtual", NULL};
static const char *const methods[] = {"pickup", "ship", "same_day", NULL};
static const char *const days[] = {"mo", "tu", "we", "th", "fr", "sa", "su", NULL};

#define ROW(name_, ...)                    \
    {                                      \
        .name = name_, .kind = __VA_ARGS__ \
    }
#define END          \
    {                \
        .name = NULL \
    }

static const struct document_field a_name = {.kind = DOC_NAME},
                                   a_text = {.kind = DOC_TEXT, .most = TEXT_BYTES_MOST},
                                   a_day = {.kind = DOC_WORD, .words = days}, a_gtin = {.kind = DOC_GTIN};

static const struct document_field hours_fields[] = {
    ROW("days", DOC_LIST, .required = true, .least = 1, .most = 7, .inner = &a_day),
    ROW("opens", DOC_TIME, .required = true),
    ROW("closes", DOC_TIME, .required = true),
    END,
};
static const struct document_field hours = {.kind = DOC_OBJECT, .inner = hours_fields};

static const struct document_field exception_fields[] = {
    ROW("date", DOC_DATE, .required = true),
    ROW("closed", DOC_FLAG),
    ROW("opens", DOC_TIME),
    ROW("closes", DOC_TIME),
    END,
};
static const struct document_field exception = {.kind = DOC_OBJECT, .inner = exception_fields};

static const struct document_field method_fields[] = {
    ROW("preparation_minutes", DOC_INTEGER, .most = 43200),
    ROW("cut_off", DOC_TIME),
    ROW("last_collection_minutes", DOC_INTEGER, .most = 1440),
    ROW("radius_km", DOC_QUANTITY, .most = 20000 * MILLI_PER_UNIT),
    END,
};
static const struct document_field methods_fields[] = {
    ROW("pickup", DOC_OBJECT, .inner = method_fields),
    ROW("ship", DOC_OBJECT, .inner = method_fields),
    ROW("same_day", DOC_OBJECT, .inner = method_fields),
    END,
};

static const struct document_field lane_fields[] = {
    ROW("to", DOC_NAME, .required = true),
    ROW("days", DOC_INTEGER, .required = true, .most = 365),
    ROW("cut_off", DOC_TIME),
    END,
};
static const struct document_field lane = {.kind = DOC_OBJECT, .inner = lane_fields};

static const struct document_field location_fields[] = {
    ROW("id", DOC_EQUAL),
    ROW("name", DOC_TEXT, .most = 256),
    ROW("type", DOC_WORD, .words = location_types),
    ROW("address", DOC_TEXT, .most = 512),
    ROW("gln", DOC_GLN),
    ROW("latitude", DOC_ANGLE, .most = 90),
    ROW("longitude", DOC_ANGLE, .most = 180),
    ROW("time_zone", DOC_ZONE),
    ROW("opening_hours", DOC_LIST, .most = 64, .inner = &hours),
    ROW("exceptions", DOC_LIST, .most = 1024, .inner = &exception),
    ROW("methods", DOC_OBJECT, .inner = methods_fields),
    ROW("returns", DOC_FLAG),
    ROW("sources", DOC_LIST, .most = 256, .inner = &a_text),
    ROW("lanes", DOC_LIST, .most = 1024, .inner = &lane),
    ROW("stale_after_seconds", DOC_INTEGER, .most = 31536000),
    ROW("enabled", DOC_FLAG),
    ROW("occurred_at", DOC_ASIDE),
    END,
};

static const struct document_field group_fields[] = {
    ROW("id", DOC_EQUAL),
    ROW("name", DOC_TEXT, .most = 256),
    ROW("members", DOC_LIST, .required = true, .most = LIST_MOST, .inner = &a_name),
    ROW("occurred_at", DOC_ASIDE),
    END,
};

static const struct document_field component_fields[] = {
    ROW("sku", DOC_TEXT, .required = true, .most = TEXT_BYTES_MOST),
    ROW("quantity", DOC_QUANTITY, .required = true, .least = 1, .most = QUANTITY_MOST),
    END,
};
static const struct document_field component = {.kind = DOC_OBJECT, .inner = component_fields};

static const struct document_field restriction_fields[] = {
    ROW("pickup", DOC_FLAG),
    ROW("ship", DOC_FLAG),
    ROW("same_day", DOC_FLAG),
    END,
};

static const struct document_field item_fields[] = {
    ROW("sku", DOC_EQUAL),
    ROW("name", DOC_TEXT, .most = 256),
    ROW("product", DOC_TEXT, .most = TEXT_BYTES_MOST),
    ROW("options", DOC_MAP, .most = 32),
    ROW("gtins", DOC_LIST, .most = 64, .inner = &a_gtin),
    ROW("unit", DOC_TEXT, .most = 32),
    ROW("step", DOC_QUANTITY, .least = 1, .most = QUANTITY_MOST),
    ROW("components", DOC_LIST, .most = 1024, .inner = &component),
    ROW("release_at", DOC_INSTANT),
    ROW("restrictions", DOC_OBJECT, .inner = restriction_fields),
    ROW("occurred_at", DOC_ASIDE),
    END,
};

static const struct document_field rule_fields[] = {
    ROW("sku", DOC_TEXT, .most = TEXT_BYTES_MOST),
    ROW("product", DOC_TEXT, .most = TEXT_BYTES_MOST),
    ROW("location", DOC_NAME),
    ROW("group", DOC_NAME),
    ROW("method", DOC_WORD, .words = methods),
    ROW("buffer", DOC_QUANTITY, .most = QUANTITY_MOST),
    ROW("buffer_percent", DOC_QUANTITY, .most = 100 * MILLI_PER_UNIT),
    ROW("cap", DOC_QUANTITY, .most = QUANTITY_MOST),
    ROW("max_per_line", DOC_QUANTITY, .least = 1, .most = QUANTITY_MOST),
    ROW("safety_stock", DOC_QUANTITY, .most = QUANTITY_MOST),
    ROW("enabled", DOC_FLAG),
    END,
};
static const struct document_field rule = {.kind = DOC_OBJECT, .inner = rule_fields};

static const struct document_field channel_fields[] = {
    ROW("id", DOC_EQUAL),
    ROW("name", DOC_TEXT, .most = 256),
    ROW("low_threshold", DOC_QUANTITY, .most = QUANTITY_MOST),
    ROW("rules", DOC_LIST, .most = LIST_MOST, .inner = &rule),
    ROW("occurred_at", DOC_ASIDE),
    END,
};

static const struct document_field *shape_of(enum record_kind kind)
{
    switch (kind) {
    case RECORD_LOCATION:
        return location_fields;
    case RECORD_GROUP:
        return group_fields;
    case RECORD_ITEM:
        return item_fields;
    default:
        return channel_fields;
    }
}

/* ---- what holds between fields ---- */

static bool has(const struct json_node *nodes, uint32_t object, const char *name)
{
    return document_member(nodes, object, name) != NULL;
}

static uint32_t index_of(const struct json_node *nodes, const struct json_node *n)
{
    return (uint32_t)(n - nodes);
}

static void check_exceptions(const struct json_node *nodes, const struct json_node *list, struct problems *p)
{
    char pointer[64];
    uint32_t i = index_of(nodes, list) + 1;

    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next) {
        const struct json_node *closed = document_member(nodes, i, "closed");
        bool opens = has(nodes, i, "opens"), closes = has(nodes, i, "closes");
        bool shut = closed && closed->type == JSON_TRUE;
        snprintf(pointer, sizeof(pointer), "/exceptions/%u", k);
        if (shut ? opens || closes : !opens || !closes)
            problems_add(p, pointer, "must say either closed: true, or opens and closes");
    }
}

static void check_location(const struct json_node *nodes, struct problems *p)
{
    const struct json_node *exceptions = document_member(nodes, 0, "exceptions");

    if (has(nodes, 0, "latitude") != has(nodes, 0, "longitude"))
        problems_add(p, has(nodes, 0, "latitude") ? "/longitude" : "/latitude",
                     "is required: latitude and longitude go together");
    if ((has(nodes, 0, "opening_hours") || exceptions) && !has(nodes, 0, "time_zone"))
        problems_add(p, "/time_zone", "is required with opening hours");
    if (exceptions)
        check_exceptions(nodes, exceptions, p);
}

static void check_group(const struct json_node *nodes, struct text id, struct problems *p)
{
    const struct json_node *members = document_member(nodes, 0, "members");
    char pointer[64];
    uint32_t i = index_of(nodes, members) + 1;

    for (uint32_t k = 0; k < members->count; k++, i = nodes[i].next) {
        snprintf(pointer, sizeof(pointer), "/members/%u", k);
        if (text_equal(nodes[i].text, id))
            problems_add(p, pointer, "would make the group a member of itself");
    }
}

static void check_item(const struct json_node *nodes, struct text sku, struct problems *p)
{
    const struct json_node *components = document_member(nodes, 0, "components");
    char pointer[64];

    if (!components)
        return;
    uint32_t i = index_of(nodes, components) + 1, first = i;
    for (uint32_t k = 0; k < components->count; k++, i = nodes[i].next) {
        struct text component_sku = document_member(nodes, i, "sku")->text;
        snprintf(pointer, sizeof(pointer), "/components/%u/sku", k);
        if (text_equal(component_sku, sku))
            problems_add(p, pointer, "would make the item a component of itself");
        for (uint32_t j = first; j < i; j = nodes[j].next)
            if (text_equal(document_member(nodes, j, "sku")->text, component_sku))
                problems_add(p, pointer, "stands twice among the components");
    }
}

static void check_channel(const struct json_node *nodes, struct problems *p)
{
    static const char *const sets[] = {"buffer",       "buffer_percent", "cap",
                                       "max_per_line", "safety_stock",   "enabled"};
    const struct json_node *rules = document_member(nodes, 0, "rules");
    char pointer[64];

    if (!rules)
        return;
    uint32_t i = index_of(nodes, rules) + 1;
    for (uint32_t k = 0; k < rules->count; k++, i = nodes[i].next) {
        bool says = false;
        for (size_t s = 0; s < sizeof(sets) / sizeof(*sets); s++)
            says |= has(nodes, i, sets[s]);
        snprintf(pointer, sizeof(pointer), "/rules/%u", k);
        if (!says)
            problems_add(p, pointer,
                         "sets nothing: there are buffer, buffer_percent, cap, max_per_line, safety_stock, "
                         "enabled");
        if (has(nodes, i, "sku") && has(nodes, i, "product"))
            problems_add(p, pointer, "must have sku or product, not both");
        if (has(nodes, i, "location") && has(nodes, i, "group"))
            problems_add(p, pointer, "must have location or group, not both");
    }
}

/* Asked only of documents whose fields are right one by one. */
static void check_together(enum record_kind kind, const struct json_node *nodes, struct text id,
                           struct problems *p)
{
    switch (kind) {
    case RECORD_LOCATION:
        check_location(nodes, p);
        break;
    case RECORD_GROUP:
        check_group(nodes, id, p);
        break;
    case RECORD_ITEM:
        check_item(nodes, id, p);
        break;
    default:
        check_channel(nodes, p);
    }
}

static bool id_is_right(enum record_kind kind, struct text id, struct problems *p)
{
    if (kind == RECORD_ITEM ? text_is_identifier(id) : text_is_name(id))
        return true;
    if (kind == RECORD_CHANNEL && text_equal(id, TEXT("*"))) /* rules for every channel */
        return true;
    problems_add(p, "/id",
                 kind == RECORD_ITEM
                     ? "must be 1 to 128 bytes of UTF-8 without control characters"
                     : "must be 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit");
    return false;
}

/* ---- what the engine takes out of a document ---- */

static struct text text_member(const struct json_node *nodes, const char *name)
{
    const struct json_node *n = document_member(nodes, 0, name);
    return n ? n->text : (struct text){0};
}

static bool flag_member(const struct json_node *nodes, const char *name, bool otherwise)
{
    const struct json_node *n = document_member(nodes, 0, name);
    return n ? n->type == JSON_TRUE : otherwise;
}

static milli_t quantity_member(const struct json_node *nodes, uint32_t object, const char *name,
                               milli_t otherwise)
{
    const struct json_node *n = document_member(nodes, object, name);
    milli_t q = otherwise;

    if (n)
        quantity_parse(n->text, &q);
    return q;
}

static const void *read_location(const struct json_node *nodes, const struct reference_said *r,
                                 struct arena *a)
{
    struct location *l = arena_zalloc(a, sizeof(*l));
    const struct json_node *latitude = document_member(nodes, 0, "latitude");
    const struct json_node *used = document_member(nodes, 0, "methods");
    struct text type = text_member(nodes, "type");

    if (!l)
        return NULL;
    l->registered = true;
    l->id = r->id;
    l->document = r->document;
    l->changed_at = r->occurred_at;
    l->name = text_member(nodes, "name");
    l->time_zone = text_member(nodes, "time_zone");
    l->enabled = flag_member(nodes, "enabled", true);
    l->returns = flag_member(nodes, "returns", true);
    l->stale_after_us = quantity_member(nodes, 0, "stale_after_seconds", 0) / MILLI_PER_UNIT * INSTANT_SECOND;
    for (unsigned i = 0; type.length && location_types[i]; i++)
        if (text_equal(type, text_of(location_types[i])))
            l->type = (enum location_type)i;
    for (unsigned i = 0; used && methods[i]; i++)
        l->methods |= has(nodes, index_of(nodes, used), methods[i]) ? 1u << i : 0;
    if (latitude) {
        l->has_position = document_angle(latitude->text, 90, &l->latitude_e7) &&
                          document_angle(text_member(nodes, "longitude"), 180, &l->longitude_e7);
    }
    return l;
}

static const void *read_group(const struct json_node *nodes, const struct reference_said *r, struct arena *a)
{
    const struct json_node *list = document_member(nodes, 0, "members");
    struct group *g = arena_zalloc(a, sizeof(*g));
    struct text *members = arena_alloc(a, (list->count + 1) * sizeof(*members));
    uint32_t i = index_of(nodes, list) + 1;

    if (!g || !members)
        return NULL;
    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next)
        members[k] = nodes[i].text;
    *g = (struct group){
        .id = r->id,
        .name = text_member(nodes, "name"),
        .document = r->document,
        .changed_at = r->occurred_at,
        .members_count = list->count,
        .members = members,
    };
    return g;
}

static const void *read_item(const struct json_node *nodes, const struct reference_said *r, struct arena *a)
{
    const struct json_node *list = document_member(nodes, 0, "components");
    uint32_t count = list ? list->count : 0, i = list ? index_of(nodes, list) + 1 : 0;
    struct item *item = arena_zalloc(a, sizeof(*item));
    struct component *components = arena_alloc(a, (count + 1) * sizeof(*components));
    struct text release_at = text_member(nodes, "release_at");

    if (!item || !components)
        return NULL;
    for (uint32_t k = 0; k < count; k++, i = nodes[i].next)
        components[k] = (struct component){
            .sku = document_member(nodes, i, "sku")->text,
            .quantity = quantity_member(nodes, i, "quantity", 0),
        };
    *item = (struct item){
        .sku = r->id,
        .name = text_member(nodes, "name"),
        .product = text_member(nodes, "product"),
        .unit = text_member(nodes, "unit"),
        .document = r->document,
        .step = quantity_member(nodes, 0, "step", 1),
        .changed_at = r->occurred_at,
        .release_at = INSTANT_NONE,
        .components_count = count,
        .components = components,
    };
    if (release_at.length)
        instant_parse(release_at, &item->release_at);
    return item;
}

static const void *read_channel(const struct json_node *nodes, const struct reference_said *r,
                                struct arena *a)
{
    struct channel *c = arena_zalloc(a, sizeof(*c));

    if (!c)
        return NULL;
    c->id = r->id;
    c->name = text_member(nodes, "name");
    c->document = r->document;
    c->changed_at = r->occurred_at;
    c->low_threshold = quantity_member(nodes, 0, "low_threshold", 0);
    return c;
}

static const void *read_object(enum record_kind kind, const struct json_node *nodes,
                               const struct reference_said *r, struct arena *a)
{
    switch (kind) {
    case RECORD_LOCATION:
        return read_location(nodes, r, a);
    case RECORD_GROUP:
        return read_group(nodes, r, a);
    case RECORD_ITEM:
        return read_item(nodes, r, a);
    default:
        return read_channel(nodes, r, a);
    }
}

/* ---- both ways in ---- */

/* Parses and checks; the canonical form is appended to `out`. */
static int read_document(enum record_kind kind, struct text id, struct text body, struct arena *a,
                         struct buffer *out, const struct json_node **ret_nodes, struct problems *p)
{
    size_t count, before = p->count;
    int error = json_parse(body, a, ret_nodes, &count, p);

    if (error)
        return error;
    if (!id_is_right(kind, id, p) || !document_write(shape_of(kind), *ret_nodes, 0, "", id, out, p))
        return ERROR_INVALID;
    check_together(kind, *ret_nodes, id, p);
    if (out->length > DOCUMENT_BYTES_MOST)
        problems_add(p, "", "must be at most %d bytes, not %zu", DOCUMENT_BYTES_MOST, out->length);
    if (out->failed)
        return ERROR_NOMEM;
    return p->count > before ? ERROR_INVALID : 0;
}

int reference_decode(enum record_kind kind, struct reference_said *r, struct arena *a, struct problems *p)
{
    struct buffer canonical = {0};
    const struct json_node *nodes;

    r->decoded = NULL;
    if (r->deleted) {
        r->document = (struct text){0};
        return id_is_right(kind, r->id, p) ? 0 : ERROR_INVALID;
    }
    int error = read_document(kind, r->id, r->document, a, &canonical, &nodes, p);
    if (!error && !text_equal(r->document, (struct text){canonical.at, canonical.length})) {
        problems_add(p, "/document", "is not in canonical form");
        error = ERROR_INVALID;
    }
    buffer_finish(&canonical);
    if (error)
        return error;
    r->decoded = read_object(kind, nodes, r, a);
    return r->decoded ? 0 : ERROR_NOMEM;
}

int reference_from_json(enum record_kind kind, struct text id, struct text body, struct arena *a,
                        struct record *ret_record, struct problems *p)
{
    struct record r = {.kind = kind, .intake.after = -1, .reference = {.occurred_at = INSTANT_NONE}};
    struct buffer canonical = {0};
    const struct json_node *nodes;
    int error = read_document(kind, id, body, a, &canonical, &nodes, p);

    if (error)
        goto out;
    struct text occurred_at = text_member(nodes, "occurred_at");
    if (occurred_at.length)
        instant_parse(occurred_at, &r.reference.occurred_at);
    r.reference.id = arena_text(a, id);
    r.reference.document = arena_text(a, (struct text){canonical.at, canonical.length});
    error = r.reference.id.at && r.reference.document.at ? reference_decode(kind, &r.reference, a, p)
                                                         : ERROR_NOMEM;
    if (!error)
        *ret_record = r;
out:
    buffer_finish(&canonical);
    return error;
}

/* ---- settings of the log ---- */

static const struct {
    struct text name;
    int64_t least, most;
} log_settings[] = {
#define LOG_SETTING(name, first, least, most, meaning) {TEXT(#name), least, most},
#include "core/model/log_settings.def"
#undef LOG_SETTING
};

enum { LOG_SETTINGS = sizeof(log_settings) / sizeof(*log_settings) };

static bool read_setting(const struct json_node *n, struct setting_said *ret, struct problems *p)
{
    char pointer[JSON_POINTER_BYTES];
    size_t i = 0;

    json_pointer(pointer, "", n->key);
    while (i < LOG_SETTINGS && !text_equal(log_settings[i].name, n->key))
        i++;
    if (i == LOG_SETTINGS) {
        problems_add(p, pointer, "is not a setting of the log");
        return false;
    }
    *ret = (struct setting_said){.name = log_settings[i].name};
    bool ok = n->type == JSON_NUMBER && n->text.length <= 18;
    for (size_t c = 0; ok && c < n->text.length; c++) {
        ok = n->text.at[c] >= '0' && n->text.at[c] <= '9';
        ret->value = ret->value * 10 + (n->text.at[c] - '0');
    }
    if (ok && ret->value >= log_settings[i].least && ret->value <= log_settings[i].most)
        return true;
    problems_add(p, pointer, "must be an integer from %lld to %lld", (long long)log_settings[i].least,
                 (long long)log_settings[i].most);
    return false;
}

int settings_from_json(struct text body, struct arena *a, struct record *ret_record, struct problems *p)
{
    struct record r = {.kind = RECORD_SETTINGS, .intake.after = -1};
    const struct json_node *nodes;
    size_t count;
    int error = json_parse(body, a, &nodes, &count, p);
    bool ok = true;

    if (error)
        return error;
    if (nodes[0].type != JSON_OBJECT || !nodes[0].count) {
        problems_add(p, "", "must be an object with at least one setting of the log");
        return ERROR_INVALID;
    }
    r.settings.at = arena_alloc(a, nodes[0].count * sizeof(*r.settings.at));
    if (!r.settings.at)
        return arena_error(a, nodes[0].count * sizeof(*r.settings.at));
    for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next)
        ok &= read_setting(&nodes[i], &r.settings.at[r.settings.count++], p);
    if (!ok)
        return ERROR_INVALID;
    *ret_record = r;
    return 0;
}
