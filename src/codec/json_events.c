/* Bodies of JSON events: one, an array, or a line each; and the same as records of the log. */
#include "base/error.h"
#include "codec/event_read.h"

#include <stdio.h>

/* ---- bodies ---- */

enum { EVENT_NODES_BYTES_MOST = 1024 * 1024, EVENT_NODES_BYTES_USUAL = 4096 };

/* One event out of `t`, which begins at `line`; ret_rest as in json_parse_piece. Not 0: the run ends. */
static int body_event(struct json_events *b, struct text t, size_t line, struct text *ret_rest)
{
    const struct json_node *nodes;
    struct event e;

    b->found.count = 0;
    arena_reset(&b->nodes);
    int error = json_parse_piece(t, line, &b->nodes, b->texts, &nodes, ret_rest, &b->found);
    if (error == ERROR_LIMIT)
        problems_add(&b->found, "", "is larger than an event may be");
    else if (error == ERROR_NOMEM)
        return error;
    bool readable = !error && nodes[0].type == JSON_OBJECT;
    if (!error)
        event_read(nodes, 0, b->level, true, &e, &b->unknown_fields, &b->found);
    return b->reader->each(b->reader->context, b->number++, readable ? &e : NULL, &b->found);
}

static struct text skip(struct text t, size_t bytes)
{
    return (struct text){t.at + bytes, t.length - bytes};
}

static struct text skip_space(struct text t)
{
    size_t space = 0;

    while (space < t.length && strchr(" \t\r\n", t.at[space]) && t.at[space])
        space++;
    return skip(t, space);
}

/* One line; a blank one is no event. */
static int read_line(struct json_events *j)
{
    const char *newline = memchr(j->left.at, '\n', j->left.length);
    size_t length = newline ? (size_t)(newline - j->left.at) : j->left.length;
    struct text one = {j->left.at, length};
    int stop = skip_space(one).length ? body_event(j, one, j->line, NULL) : 0;

    j->line++;
    j->left = skip(j->left, length + (newline != NULL));
    return stop;
}

/* One element of an array; the whole is known to be JSON. */
static int read_element(struct json_events *j)
{
    const struct json_node *nodes;
    struct text rest = {0};
    int stop = body_event(j, j->left, 1, &rest);

    if (!rest.length) /* refused before its end */
        json_parse_piece(j->left, 1, NULL, NULL, &nodes, &rest, NULL);
    j->left = skip_space(rest);
    if (j->left.at[0] == ',')
        j->left = skip_space(skip(j->left, 1));
    else
        j->left.length = 0; /* the end of the array */
    return stop;
}

/* What is known to be JSON: an object, or where an array's elements begin. */
static int begin_events(struct json_events *j, struct problems *p)
{
    struct text t = skip_space(j->body);

    if (t.at[0] != '[' && t.at[0] != '{') {
        problems_add(p, "", "must be an event (an object) or an array of events");
        return ERROR_INVALID;
    }
    j->is_array = t.at[0] == '[';
    j->left = j->is_array ? skip_space(skip(t, 1)) : t;
    if (j->is_array && j->left.at[0] == ']')
        j->left.length = 0;
    return 0;
}

static int read_one(struct json_events *j)
{
    if (j->ndjson)
        return read_line(j);
    if (j->is_array)
        return read_element(j);
    int stop = body_event(j, j->left, 1, NULL);
    j->left.length = 0;
    return stop;
}

static int begin(struct json_events *j, bool *ret_more, struct problems *p)
{
    bool more = false;

    *ret_more = true;
    if (j->ndjson) {
        j->left = j->body;
        j->line = 1;
        j->checked = true;
        return 0;
    }
    int error = json_check_some(j->body, &j->check, EVENTS_BYTES_A_TIME, &more, p);
    j->checked = !more;
    return error || more ? error : begin_events(j, p);
}

int json_events_some(struct json_events *j, size_t events_most, bool *ret_more, struct problems *p)
{
    j->nodes.most_bytes = EVENT_NODES_BYTES_MOST;
    if (!j->checked) {
        int error = begin(j, ret_more, p);
        if (error || !j->checked)
            return error;
    }
    size_t before = j->left.length;
    int stop = 0;
    for (size_t i = 0; !stop && i < events_most && j->left.length; i++) {
        if (before - j->left.length >= EVENTS_BYTES_A_TIME)
            break;
        stop = read_one(j);
    }
    *ret_more = j->left.length > 0;
    return stop;
}

void json_events_finish(struct json_events *j)
{
    arena_finish(&j->nodes);
}

int json_events_read(struct text body, bool ndjson, uint32_t level, struct arena *a,
                     const struct event_reader *r, uint32_t *ret_unknown_fields, struct problems *p)
{
    _Alignas(16) char usual[EVENT_NODES_BYTES_USUAL];
    struct json_events j = {.body = body, .ndjson = ndjson, .level = level, .texts = a, .reader = r};
    bool more = true;
    int error = 0;

    arena_lend(&j.nodes, usual, sizeof(usual));
    while (!error && more)
        error = json_events_some(&j, SIZE_MAX, &more, p);
    json_events_finish(&j);
    *ret_unknown_fields = j.unknown_fields;
    return error;
}

/* ---- records ---- */

static void add_below(struct problems *p, const struct problems *found, size_t number)
{
    char pointer[JSON_POINTER_BYTES + 32];

    for (size_t i = 0; i < found->count; i++) {
        snprintf(pointer, sizeof(pointer), "/%zu%s", number, found->at[i].pointer);
        problems_add(p, pointer, "%s", found->at[i].detail);
    }
}

/* An event or an array of events as a record. As in protobuf, only what cannot be represented is refused
 * here. */
static int record_from_json(struct text t, uint32_t level, struct arena *a, struct record *ret_record,
                            uint32_t *ret_unknown_fields, struct problems *p)
{
    struct record r = {.kind = RECORD_EVENTS, .intake.after = -1};
    const struct json_node *nodes;
    uint32_t unknown_fields = 0;
    size_t count, before = p->count;
    int error = json_parse(t, a, &nodes, &count, p);

    if (error)
        return error;
    bool array = nodes[0].type == JSON_ARRAY;
    r.events_count = array ? nodes[0].count : 1;
    if (!r.events_count || r.events_count > RECORD_EVENTS_MOST) {
        problems_add(p, "", "must be 1 to %d events, not %zu", RECORD_EVENTS_MOST, r.events_count);
        return r.events_count ? ERROR_LIMIT : ERROR_INVALID;
    }
    r.events = arena_alloc(a, r.events_count * sizeof(*r.events));
    if (!r.events)
        return arena_error(a, r.events_count * sizeof(*r.events));
    uint32_t at = array ? 1 : 0;
    struct problems found;
    for (size_t i = 0; i < r.events_count; i++, at = nodes[at].next) {
        found.count = 0;
        event_read(nodes, at, level, false, &r.events[i], &unknown_fields, array ? &found : p);
        add_below(p, &found, i);
    }
    if (p->count > before)
        return ERROR_INVALID;
    *ret_record = r;
    *ret_unknown_fields = unknown_fields;
    return 0;
}

int record_decode_any(const void *bytes, size_t length, uint32_t level, struct arena *a,
                      struct record *ret_record, uint32_t *ret_unknown_fields, struct problems *p)
{
    struct text t = {bytes, length};

    if (length <= RECORD_BYTES_MOST) {
        struct text json = skip_space(t);
        if (json.length && (json.at[0] == '{' || json.at[0] == '['))
            return record_from_json(t, level, a, ret_record, ret_unknown_fields, p);
    }
    return record_decode(bytes, length, level, a, ret_record, ret_unknown_fields, p);
}
