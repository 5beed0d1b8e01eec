/* Bodies of JSON events: one, an array, or a line each; and the same as records of the log. */
#include "base/error.h"
#include "codec/event_read.h"

#include <stdio.h>

/* ---- bodies ---- */

enum { EVENT_NODES_BYTES_MOST = 1024 * 1024 };

/* A body being read event by event. */
struct body {
    uint32_t level, unknown_fields;
    struct arena *texts, nodes; /* nodes are for one event at a time */
    const struct event_reader *reader;
    size_t number;
    struct problems found;
};

/* One event out of `t`, which begins at `line`; ret_rest as in json_parse_piece. Not 0: the run ends. */
static int body_event(struct body *b, struct text t, size_t line, struct text *ret_rest)
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

static int read_lines(struct body *b, struct text t)
{
    int stop = 0;

    for (size_t line = 1; t.length && !stop; line++) {
        const char *newline = memchr(t.at, '\n', t.length);
        size_t length = newline ? (size_t)(newline - t.at) : t.length;
        struct text one = {t.at, length};
        if (skip_space(one).length)
            stop = body_event(b, one, line, NULL);
        t = skip(t, length + (newline != NULL));
    }
    return stop;
}

/* The elements of an array; the whole is known to be JSON. */
static int read_elements(struct body *b, struct text t)
{
    const struct json_node *nodes;
    int stop = 0;

    t = skip_space(skip(t, 1));
    while (!stop && t.at[0] != ']') {
        struct text rest = {0};
        stop = body_event(b, t, 1, &rest);
        if (!rest.length) /* refused before its end */
            json_parse_piece(t, 1, NULL, NULL, &nodes, &rest, NULL);
        t = skip_space(rest);
        if (t.at[0] == ',')
            t = skip_space(skip(t, 1));
    }
    return stop;
}

static int read_body(struct body *b, struct text t, struct problems *p)
{
    int error = json_check(t, p);

    if (error)
        return error;
    t = skip_space(t);
    if (t.at[0] == '[')
        return read_elements(b, t);
    if (t.at[0] == '{')
        return body_event(b, t, 1, NULL);
    problems_add(p, "", "must be an event (an object) or an array of events");
    return ERROR_INVALID;
}

int json_events_read(struct text body, bool ndjson, uint32_t level, struct arena *a,
                     const struct event_reader *r, uint32_t *ret_unknown_fields, struct problems *p)
{
    struct body b = {.level = level, .texts = a, .nodes.most_bytes = EVENT_NODES_BYTES_MOST, .reader = r};
    int error = ndjson ? read_lines(&b, body) : read_body(&b, body, p);

    arena_finish(&b.nodes);
    *ret_unknown_fields = b.unknown_fields;
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
    for (size_t i = 0; i < r.events_count; i++, at = nodes[at].next) {
        struct problems found = {0};
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
