/* Locations, groups, items and channels from their documents: what the engine takes out of them. Also the
 * settings of the log. */
#include "codec/reference_json.h"

#include "base/error.h"
#include "codec/reference_shape.h"
#include "codec/event_json.h"
#include "core/model/catalogue.h"

enum { DOCUMENT_BYTES_MOST = RECORD_BYTES_MOST - 1024 };

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
    const struct json_node *sources = document_member(nodes, 0, "sources");
    struct text *own = arena_alloc(a, ((sources ? sources->count : 0) + 1) * sizeof(*own));
    struct text type = text_member(nodes, "type");

    if (!l || !own)
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
    for (unsigned i = 0; type.length && reference_location_types[i]; i++)
        if (text_equal(type, text_of(reference_location_types[i])))
            l->type = (enum location_type)i;
    for (unsigned i = 0; used && reference_methods[i]; i++)
        l->methods |= document_has(nodes, document_index(nodes, used), reference_methods[i]) ? 1u << i : 0;
    l->sources_count = sources ? sources->count : 0;
    l->sources = own;
    for (uint32_t k = 0, i = sources ? document_index(nodes, sources) + 1 : 0; k < l->sources_count;
         k++, i = nodes[i].next)
        own[k] = nodes[i].text;
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
    uint32_t i = document_index(nodes, list) + 1;

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

/* Methods that are said to be false. */
static uint32_t read_restrictions(const struct json_node *nodes)
{
    const struct json_node *said = document_member(nodes, 0, "restrictions");
    uint32_t restricted = 0;

    for (unsigned i = 0; said && reference_methods[i]; i++) {
        const struct json_node *n = document_member(nodes, document_index(nodes, said), reference_methods[i]);
        restricted |= n && n->type == JSON_FALSE ? 1u << i : 0;
    }
    return restricted;
}

static const void *read_item(const struct json_node *nodes, const struct reference_said *r, struct arena *a)
{
    const struct json_node *list = document_member(nodes, 0, "components");
    uint32_t count = list ? list->count : 0, i = list ? document_index(nodes, list) + 1 : 0;
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
        .restricted = read_restrictions(nodes),
        .components_count = count,
        .components = components,
    };
    if (release_at.length)
        instant_parse(release_at, &item->release_at);
    return item;
}

static struct narrowing narrowing_of(const struct json_node *nodes, uint32_t object, const char *group,
                                     const char *name)
{
    const struct json_node *by_group = document_member(nodes, object, group);
    const struct json_node *by_name = document_member(nodes, object, name);
    if (by_name)
        return (struct narrowing){NARROWED_BY_NAME, by_name->text};
    return by_group ? (struct narrowing){NARROWED_BY_GROUP, by_group->text} : (struct narrowing){0};
}

static void read_rule(const struct json_node *nodes, uint32_t object, struct rule *ret)
{
    static const char *const fields[RULE_FIELDS] = {"buffer", "buffer_percent", "cap", "max_per_line",
                                                    "safety_stock"};
    const struct json_node *method = document_member(nodes, object, "method");
    const struct json_node *enabled = document_member(nodes, object, "enabled");

    *ret = (struct rule){.item = narrowing_of(nodes, object, "product", "sku"),
                         .place = narrowing_of(nodes, object, "group", "location")};
    for (unsigned i = 0; method && reference_methods[i]; i++)
        if (text_equal(method->text, text_of(reference_methods[i])))
            ret->method = 1u << i;
    ret->when = document_has(nodes, object, "when") ? RULE_WHEN_STALE : RULE_ALWAYS;
    for (int i = 0; i < RULE_FIELDS; i++) {
        if (!document_has(nodes, object, fields[i]))
            continue;
        ret->sets |= 1u << i;
        ret->value[i] = quantity_member(nodes, object, fields[i], 0);
    }
    ret->sets |= enabled ? RULE_SETS_ENABLED : 0;
    ret->enabled = enabled && enabled->type == JSON_TRUE;
}

static const void *read_channel(const struct json_node *nodes, const struct reference_said *r,
                                struct arena *a)
{
    struct channel *c = arena_zalloc(a, sizeof(*c));
    const struct json_node *list = document_member(nodes, 0, "rules");
    uint32_t count = list ? list->count : 0, i = list ? document_index(nodes, list) + 1 : 0;
    struct rule *rules = arena_alloc(a, (count + 1) * sizeof(*rules));

    if (!c || !rules)
        return NULL;
    for (uint32_t k = 0; k < count; k++, i = nodes[i].next)
        read_rule(nodes, i, &rules[k]);
    c->rules_count = count;
    c->rules = rules;
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
    if (!reference_id_is_right(kind, id, p) ||
        !document_write(reference_shape(kind), *ret_nodes, 0, "", id, out, p))
        return ERROR_INVALID;
    reference_check(kind, *ret_nodes, id, p);
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
        return reference_id_is_right(kind, r->id, p) ? 0 : ERROR_INVALID;
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
