/* The shapes of the documents of locations, groups, items and channels, and what must hold between their
 * fields. */
#include "codec/reference_shape.h"

#include <stdio.h>

enum { LIST_MOST = 16384 };

/* ---- shapes ---- */

const char *const reference_location_types[] = {"store",    "warehouse", "dark_store",
                                                "supplier", "virtual",   NULL};
const char *const reference_methods[] = {"pickup", "ship", "same_day", NULL};
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
    ROW("type", DOC_WORD, .words = reference_location_types),
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
    ROW("stale", DOC_SHOWN),
    ROW("stale_since", DOC_SHOWN),
    ROW("last_event_at", DOC_SHOWN),
    ROW("due_at", DOC_SHOWN),
    ROW("last_count_at", DOC_SHOWN),
    ROW("last_full_count_at", DOC_SHOWN),
    END,
};

_Static_assert(sizeof(location_fields) / sizeof(*location_fields) <= DOCUMENT_FIELDS_MOST, "the largest");
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

static const char *const conditions[] = {"stale", NULL}; /* of enum rule_when, but for always */

static const struct document_field rule_fields[] = {
    ROW("sku", DOC_TEXT, .most = TEXT_BYTES_MOST),
    ROW("product", DOC_TEXT, .most = TEXT_BYTES_MOST),
    ROW("location", DOC_NAME),
    ROW("group", DOC_NAME),
    ROW("method", DOC_WORD, .words = reference_methods),
    ROW("when", DOC_WORD, .words = conditions),
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

const struct document_field *reference_shape(enum record_kind kind)
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

static void check_exceptions(const struct json_node *nodes, const struct json_node *list, struct problems *p)
{
    char pointer[64];
    uint32_t i = document_index(nodes, list) + 1;

    for (uint32_t k = 0; k < list->count; k++, i = nodes[i].next) {
        const struct json_node *closed = document_member(nodes, i, "closed");
        bool opens = document_has(nodes, i, "opens"), closes = document_has(nodes, i, "closes");
        bool shut = closed && closed->type == JSON_TRUE;
        snprintf(pointer, sizeof(pointer), "/exceptions/%u", k);
        if (shut ? opens || closes : !opens || !closes)
            problems_add(p, pointer, "must say either closed: true, or opens and closes");
    }
}

static void check_location(const struct json_node *nodes, struct problems *p)
{
    const struct json_node *exceptions = document_member(nodes, 0, "exceptions");

    if (document_has(nodes, 0, "latitude") != document_has(nodes, 0, "longitude"))
        problems_add(p, document_has(nodes, 0, "latitude") ? "/longitude" : "/latitude",
                     "is required: latitude and longitude go together");
    if ((document_has(nodes, 0, "opening_hours") || exceptions) && !document_has(nodes, 0, "time_zone"))
        problems_add(p, "/time_zone", "is required with opening hours");
    if (exceptions)
        check_exceptions(nodes, exceptions, p);
}

static void check_group(const struct json_node *nodes, struct text id, struct problems *p)
{
    const struct json_node *members = document_member(nodes, 0, "members");
    char pointer[64];
    uint32_t i = document_index(nodes, members) + 1;

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
    uint32_t i = document_index(nodes, components) + 1, first = i;
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
    uint32_t i = document_index(nodes, rules) + 1;
    for (uint32_t k = 0; k < rules->count; k++, i = nodes[i].next) {
        bool says = false;
        for (size_t s = 0; s < sizeof(sets) / sizeof(*sets); s++)
            says |= document_has(nodes, i, sets[s]);
        snprintf(pointer, sizeof(pointer), "/rules/%u", k);
        if (!says)
            problems_add(p, pointer,
                         "sets nothing: there are buffer, buffer_percent, cap, max_per_line, safety_stock, "
                         "enabled");
        if (document_has(nodes, i, "sku") && document_has(nodes, i, "product"))
            problems_add(p, pointer, "must have sku or product, not both");
        if (document_has(nodes, i, "location") && document_has(nodes, i, "group"))
            problems_add(p, pointer, "must have location or group, not both");
    }
}

/* Asked only of documents whose fields are right one by one. */
void reference_check(enum record_kind kind, const struct json_node *nodes, struct text id, struct problems *p)
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

bool reference_id_is_right(enum record_kind kind, struct text id, struct problems *p)
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
