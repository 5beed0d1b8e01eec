/* Canonical JSON events, both ways: fields.def says which there are and what each looks like. */
#include "codec/event_read.h"

#include "base/error.h"
#include "core/model/event_fields.h"

static const char required[] = "is required", not_null[] = "must not be null: leave it out";

/* One event being read. */
struct reading {
    const struct json_node *nodes;
    struct event *event;
    struct problems *problems;
    uint32_t unknown_fields;
    uint32_t failed; /* HAS bits of fields whose value could not be read */
    bool type_failed;
    unsigned next_field; /* where to begin looking: events mostly say their fields in our order */
};

static bool complain(struct reading *g, const char *pointer, const struct json_node *n, const char *detail)
{
    problems_add(g->problems, pointer, "%s", n->type == JSON_NULL ? not_null : detail);
    return false;
}

/* ---- values ---- */

static bool read_quantity(struct reading *g, const char *pointer, const struct json_node *n, milli_t *ret)
{
    enum quantity_error e = n->type == JSON_NUMBER ? quantity_parse(n->text, ret) : QUANTITY_NOT_NUMBER;

    return e == QUANTITY_OK || complain(g, pointer, n, quantity_error_text(e));
}

static bool read_sequence(struct text t, uint64_t *ret)
{
    uint64_t value = 0;

    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] < '0' || t.at[i] > '9' || value > (INT64_MAX - (uint64_t)(t.at[i] - '0')) / 10)
            return false;
        value = value * 10 + (uint64_t)(t.at[i] - '0');
    }
    *ret = value;
    return true;
}

static bool read_statuses(struct reading *g, const struct json_node *n, struct statuses_said *ret)
{
    uint32_t first = (uint32_t)(n - g->nodes) + 1;
    char pointer[JSON_POINTER_BYTES];
    enum status status;
    bool ok = true;

    for (uint32_t i = first; i < n->next; i = g->nodes[i].next) {
        json_pointer(pointer, "/unavailable", g->nodes[i].key);
        if (!status_from_name(g->nodes[i].key, &status)) {
            problems_add(g->problems, pointer,
                         "is not a status: there are damaged, quarantine, display, missing, other");
            ok = false;
        } else if (!read_quantity(g, pointer, &g->nodes[i], &ret->quantity[status - 1])) {
            ok = false;
        } else {
            ret->has |= (uint8_t)(1u << (status - 1));
        }
    }
    return ok;
}

static bool read_name(struct reading *g, const char *pointer, const struct json_node *n, struct text *ret)
{
    if (n->type != JSON_STRING)
        return complain(g, pointer, n, field_kind_must(KIND_NAME));
    *ret = n->text;
    return true;
}

static bool read_allocation(struct reading *g, const struct json_node *n, struct allocation_said *ret)
{
    uint32_t first = (uint32_t)(n - g->nodes) + 1;
    bool ok = true, said = false;

    ret->op = ALLOCATION_OP_END; /* said wrongly or not at all: event_check names it */
    for (uint32_t i = first; i < n->next; i = g->nodes[i].next) {
        const struct json_node *m = &g->nodes[i];
        if (text_equal(m->key, TEXT("channel"))) {
            ok &= read_name(g, "/allocation/channel", m, &ret->channel);
        } else if (text_equal(m->key, TEXT("to_channel"))) {
            ok &= read_name(g, "/allocation/to_channel", m, &ret->to_channel);
        } else if (text_equal(m->key, TEXT("quantity"))) {
            said = true;
            ok &= read_quantity(g, "/allocation/quantity", m, &ret->quantity);
        } else if (text_equal(m->key, TEXT("op"))) {
            if (m->type == JSON_STRING)
                allocation_op_from_name(m->text, &ret->op);
        } else {
            g->unknown_fields++;
        }
    }
    if (!said) {
        problems_add(g->problems, "/allocation/quantity", required);
        ok = false;
    }
    return ok;
}

/* A string that is one word of a list. */
static bool read_word(const struct json_node *n, enum field_kind kind, void *member)
{
    if (n->type != JSON_STRING)
        return false;
    switch (kind) {
    case KIND_STATUS:
        return status_from_name(n->text, member);
    case KIND_BASIS:
        return count_basis_from_name(n->text, member);
    default:
        return order_op_from_name(n->text, member);
    }
}

static bool read_field(struct reading *g, const struct json_node *n, enum event_field field)
{
    const char *pointer = field_places[field].pointer;
    enum field_kind kind = (enum field_kind)field_places[field].kind;
    void *member = event_member_to_fill(g->event, field);
    bool ok = false;

    switch (kind) {
    case KIND_TEXT:
    case KIND_NAME:
        return read_name(g, pointer, n, member);
    case KIND_LIMIT:
        *(milli_t *)member = LIMIT_NONE;
        return n->type == JSON_NULL || read_quantity(g, pointer, n, member);
    case KIND_QUANTITY:
        return read_quantity(g, pointer, n, member);
    case KIND_SEQUENCE:
        ok = n->type == JSON_NUMBER && read_sequence(n->text, member);
        break;
    case KIND_INSTANT:
        ok = n->type == JSON_STRING && instant_parse(n->text, member);
        break;
    case KIND_STATUS:
    case KIND_BASIS:
    case KIND_ORDER_OP:
        ok = read_word(n, kind, member);
        break;
    case KIND_FLAG:
        *(bool *)member = n->type == JSON_TRUE;
        ok = n->type == JSON_TRUE || n->type == JSON_FALSE;
        break;
    case KIND_STATUSES:
        if (n->type == JSON_OBJECT)
            return read_statuses(g, n, member);
        break;
    case KIND_ALLOCATION:
        if (n->type == JSON_OBJECT)
            return read_allocation(g, n, member);
        break;
    }
    return ok || complain(g, pointer, n, field_kind_must(kind));
}

/* ---- events ---- */

/* FIELD_END when there is none of that name. */
static enum event_field find_field(struct reading *g, struct text key)
{
    for (unsigned i = 0; i < FIELD_END; i++) {
        unsigned field = (g->next_field + i) % FIELD_END;
        const struct field_place *place = &field_places[field];
        if (place->name_length == key.length && memcmp(place->pointer + 1, key.at, key.length) == 0) {
            g->next_field = field + 1;
            return (enum event_field)field;
        }
    }
    return FIELD_END;
}

/* Figures that only reservations and orders move, and that events like to carry. */
static bool is_derived(struct text key)
{
    return text_equal(key, TEXT("reserved")) || text_equal(key, TEXT("committed")) ||
           text_equal(key, TEXT("available")) || text_equal(key, TEXT("net_available"));
}

/* A type that is none stays EVENT_NONE: event_check names it. */
static void read_type(struct reading *g, const struct json_node *n)
{
    if (n->type != JSON_STRING) {
        complain(g, "/type", n, field_kind_must(KIND_NAME));
        g->type_failed = true;
    } else {
        event_type_from_name(n->text, &g->event->type);
    }
}

static void read_member(struct reading *g, const struct json_node *n)
{
    enum event_field field = find_field(g, n->key);

    if (field < FIELD_END) {
        uint32_t bit = UINT32_C(1) << field;
        if (read_field(g, n, field))
            g->event->has |= bit;
        else
            g->failed |= bit;
    } else if (is_derived(n->key)) {
        char pointer[JSON_POINTER_BYTES];
        json_pointer(pointer, "", n->key);
        problems_add(g->problems, pointer, "is not for events to say: only reservations and orders move it");
    } else {
        g->unknown_fields++;
    }
}

static void read_event(struct reading *g, uint32_t at)
{
    const struct json_node *n = &g->nodes[at];
    bool type_said = false;

    event_clear(g->event);
    for (uint32_t i = at + 1; i < n->next; i = g->nodes[i].next) {
        if (text_equal(g->nodes[i].key, TEXT("type"))) {
            type_said = true;
            read_type(g, &g->nodes[i]);
        } else {
            read_member(g, &g->nodes[i]);
        }
    }
    if (!type_said) {
        problems_add(g->problems, "/type", required);
        g->type_failed = true;
    }
}

/* The bit of the field that a pointer inside an event begins with. */
static uint32_t bit_of(const char *pointer)
{
    enum event_field field;
    size_t length = pointer[0] ? strcspn(pointer + 1, "/") : 0;

    if (!length || !event_field_from_name((struct text){pointer + 1, length}, &field))
        return 0;
    return UINT32_C(1) << field;
}

/* event_check, where some fields could not be read: what it says of those is no news. */
static void check_the_rest(struct reading *g, uint32_t level)
{
    struct event e = *g->event;
    struct problems found = {0};

    if (g->type_failed)
        return;
    e.has |= g->failed;
    event_check(&e, level, &found);
    for (size_t i = 0; i < found.count; i++)
        if (!(bit_of(found.at[i].pointer) & g->failed))
            problems_add(g->problems, found.at[i].pointer, "%s", found.at[i].detail);
}

bool event_read(const struct json_node *nodes, uint32_t at, uint32_t level, bool check, struct event *e,
                uint32_t *unknown_fields, struct problems *p)
{
    struct reading g = {.nodes = nodes, .event = e, .problems = p};
    size_t before = p->count;

    event_clear(e);
    if (nodes[at].type != JSON_OBJECT) {
        problems_add(p, "", "must be an object");
        return false;
    }
    read_event(&g, at);
    *unknown_fields += g.unknown_fields;
    if (check && p->count == before)
        return event_check(e, level, p);
    if (check)
        check_the_rest(&g, level);
    if (event_type_level(e->type) > level) /* the same on every build */
        e->type = EVENT_NONE;
    return p->count == before;
}

int event_from_json(const struct json_node *nodes, uint32_t at, uint32_t level, struct arena *a,
                    struct event *ret_event, uint32_t *ret_unknown_fields, struct problems *p)
{
    struct event e;
    uint32_t unknown_fields = 0;

    if (!event_read(nodes, at, level, true, &e, &unknown_fields, p))
        return ERROR_INVALID;
    *ret_event = e;
    *ret_unknown_fields = unknown_fields;
    return 0;
}

/* ---- writing ---- */

static void put_statuses(struct buffer *out, const struct statuses_said *s)
{
    const char *before = "{";

    for (int i = 0; i < STATUSES; i++) {
        if (!(s->has >> i & 1))
            continue;
        buffer_printf(out, "%s\"%s\":", before, status_name((enum status)(i + 1)));
        json_put_quantity(out, s->quantity[i]);
        before = ",";
    }
    buffer_string(out, *before == '{' ? "{}" : "}");
}

static void put_allocation(struct buffer *out, const struct allocation_said *a)
{
    buffer_string(out, "{\"channel\":");
    json_put_string(out, a->channel);
    buffer_string(out, ",\"quantity\":");
    json_put_quantity(out, a->quantity);
    buffer_printf(out, ",\"op\":\"%s\"", allocation_op_name(a->op));
    if (a->to_channel.length) {
        buffer_string(out, ",\"to_channel\":");
        json_put_string(out, a->to_channel);
    }
    buffer_byte(out, '}');
}

static void put_value(struct buffer *out, const struct event *e, enum event_field field)
{
    const void *member = event_member(e, field);

    switch ((enum field_kind)field_places[field].kind) {
    case KIND_TEXT:
    case KIND_NAME:
        json_put_string(out, *(const struct text *)member);
        break;
    case KIND_SEQUENCE:
        buffer_printf(out, "%llu", *(const unsigned long long *)member);
        break;
    case KIND_LIMIT:
        if (*(const milli_t *)member == LIMIT_NONE) {
            buffer_string(out, "null");
            break;
        } /* fall through */
    case KIND_QUANTITY:
        json_put_quantity(out, *(const milli_t *)member);
        break;
    case KIND_INSTANT:
        json_put_instant(out, *(const instant_t *)member);
        break;
    case KIND_STATUS:
        json_put_string(out, text_of(status_name(*(const enum status *)member)));
        break;
    case KIND_BASIS:
        json_put_string(out, text_of(count_basis_name(e->basis)));
        break;
    case KIND_ORDER_OP:
        json_put_string(out, text_of(order_op_name(e->op)));
        break;
    case KIND_FLAG:
        buffer_string(out, *(const bool *)member ? "true" : "false");
        break;
    case KIND_STATUSES:
        put_statuses(out, &e->unavailable);
        break;
    case KIND_ALLOCATION:
        put_allocation(out, &e->allocation);
        break;
    }
}

static void put_key(struct buffer *out, enum event_field field)
{
    buffer_byte(out, '"');
    buffer_add(out, field_places[field].pointer + 1, field_places[field].name_length);
    buffer_add(out, "\":", 2);
}

void event_to_json(const struct event *e, struct buffer *out)
{
    buffer_byte(out, '{');
    for (unsigned field = 0; field < FIELD_END; field++) {
        if (e->has >> field & 1) {
            put_key(out, (enum event_field)field);
            put_value(out, e, (enum event_field)field);
            buffer_byte(out, ',');
        }
        if (field == FIELD_sequence)
            buffer_printf(out, "\"type\":\"%s\",", event_type_name(e->type));
    }
    out->length -= !out->failed; /* the last comma: there is one, the type's at least */
    buffer_byte(out, '}');
}
