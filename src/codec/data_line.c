/* From a JSON document to the record that it says. */
#include "codec/data_line.h"

#include "base/error.h"
#include "codec/event_read.h"
#include "codec/opening_hours.h"
#include "core/model/event_fields.h"

enum { LINE_NODES_BYTES_MOST = 16 << 20, LINE_NODES_BYTES_KEPT = 64 << 10 };

enum record_kind data_record_kind(enum data_kind kind)
{
    static const enum record_kind kinds[DATA_KINDS] = {[DATA_EVENTS] = RECORD_EVENTS,
                                                       [DATA_LOCATIONS] = RECORD_LOCATION,
                                                       [DATA_ITEMS] = RECORD_ITEM,
                                                       [DATA_GROUPS] = RECORD_GROUP,
                                                       [DATA_CHANNELS] = RECORD_CHANNEL};
    return kinds[kind];
}

static bool has(const struct json_node *nodes, const char *name)
{
    return json_member(nodes, 0, name) != 0;
}

static bool says_event_type(const struct json_node *nodes)
{
    enum event_type type;

    return event_type_from_name(json_text(nodes, 0, "type"), &type);
}

enum data_kind data_kind_of(const struct json_node *nodes)
{
    if (has(nodes, "occurred_at") || has(nodes, "quantity") || says_event_type(nodes))
        return DATA_EVENTS;
    if (has(nodes, "reserved") || has(nodes, "committed") || has(nodes, "available") ||
        has(nodes, "net_available"))
        return DATA_EVENTS; /* where these are refused by name */
    if (has(nodes, "members"))
        return DATA_GROUPS;
    if (has(nodes, "rules") || has(nodes, "low_threshold"))
        return DATA_CHANNELS;
    if (has(nodes, "sku"))
        return DATA_ITEMS;
    if (has(nodes, "location") || has(nodes, "latitude") || has(nodes, "opening_hours"))
        return DATA_LOCATIONS;
    return DATA_KINDS;
}

/* What answers tell beside what was PUT, and what PUT would refuse. */
static bool told_only(struct text key)
{
    static const char *const told[] = {"version",       "registered", "stale",         "stale_since",
                                       "last_event_at", "due_at",     "last_count_at", "last_full_count_at"};

    for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++)
        if (text_equal(key, text_of(told[i])))
            return true;
    return false;
}

static void put_member(struct buffer *out, const struct json_node *nodes, uint32_t i, enum data_kind kind)
{
    char why[OPENING_HOURS_DETAIL_BYTES];
    bool holidays, hours = kind == DATA_LOCATIONS && nodes[i].type == JSON_STRING &&
                           text_equal(nodes[i].key, TEXT("opening_hours"));

    if (!hours || opening_hours_to_json(nodes[i].text, out, &holidays, why))
        json_put_node(out, nodes, i);
}

struct text data_take_id(const struct json_node *nodes, enum data_kind kind, struct buffer *out)
{
    const char *name = json_member(nodes, 0, data_kind_id(kind)) ? data_kind_id(kind) : "id";
    bool first = true;

    buffer_clear(out);
    buffer_byte(out, '{');
    for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next) {
        if (text_equal(nodes[i].key, text_of(name)) || told_only(nodes[i].key))
            continue;
        buffer_string(out, first ? "" : ",");
        json_put_string(out, nodes[i].key);
        buffer_byte(out, ':');
        put_member(out, nodes, i, kind);
        first = false;
    }
    buffer_byte(out, '}');
    return json_text(nodes, 0, name);
}

static int read_reference(struct data_line_reader *r, const struct data_document *d,
                          const struct json_node *nodes, struct arena *a, struct data_line *ret,
                          struct problems *p)
{
    struct text id = d->row ? d->id : data_take_id(nodes, ret->kind, &r->body);
    struct text body = d->row ? d->json : (struct text){r->body.at, r->body.length};
    char pointer[JSON_POINTER_BYTES];

    if (r->body.failed)
        return ERROR_NOMEM;
    json_pointer(pointer, "", text_of(data_kind_id(ret->kind)));
    if (!id.length) {
        problems_add(p, pointer, "is required");
        return ERROR_INVALID;
    }
    bool name = ret->kind != DATA_ITEMS;
    if (name ? !text_is_name(id) && !(ret->kind == DATA_CHANNELS && text_equal(id, TEXT("*")))
             : !text_is_identifier(id)) {
        problems_add(p, pointer, "%s", field_kind_must(name ? KIND_NAME : KIND_TEXT));
        return ERROR_INVALID;
    }
    return reference_from_json(data_record_kind(ret->kind), id, body, a, &ret->record, p);
}

/* One line's nodes are dropped before the next; what a long one took is given back. */
static void drop_nodes(struct data_line_reader *r)
{
    if (r->nodes.used_bytes > LINE_NODES_BYTES_KEPT)
        arena_finish(&r->nodes);
    else
        arena_reset(&r->nodes);
    r->nodes.most_bytes = LINE_NODES_BYTES_MOST;
}

int data_line_read(struct data_line_reader *r, const struct data_document *d, uint32_t level, struct arena *a,
                   struct data_line *ret, struct problems *p)
{
    const struct json_node *nodes;
    struct text json = arena_text(a, d->json);

    *ret = (struct data_line){.kind = d->kind};
    event_clear(&ret->event);
    drop_nodes(r);
    if (!json.at)
        return ERROR_NOMEM;
    int error = json_parse_piece(json, d->line, &r->nodes, a, &nodes, NULL, p);
    if (error == ERROR_LIMIT) {
        problems_add(p, "", "has more in it than a line may");
        return ERROR_INVALID;
    }
    if (error)
        return error;
    if (nodes[0].type != JSON_OBJECT) {
        problems_add(p, "", "must be an object");
        return ERROR_INVALID;
    }
    if (ret->kind == DATA_KINDS)
        ret->kind = data_kind_of(nodes);
    if (ret->kind == DATA_KINDS) {
        problems_add(p, "", "does not tell what it is: say it with kind=");
        return ERROR_INVALID;
    }
    if (ret->kind != DATA_EVENTS)
        return read_reference(r, d, nodes, a, ret, p);
    return event_read(nodes, 0, level, false, &ret->event, &ret->unknown_fields, p) ? 0 : ERROR_INVALID;
}

void data_line_reader_finish(struct data_line_reader *r)
{
    arena_finish(&r->nodes);
    buffer_finish(&r->body);
}
