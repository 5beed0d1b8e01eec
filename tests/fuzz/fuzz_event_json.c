/* Events and reference data from JSON: what is accepted survives every way round. The first byte chooses what
 * to read. */
#include "any_event.h"
#include "base/error.h"
#include "codec/event_json.h"
#include "codec/reference_json.h"
#include "fuzz.h"

/* event → JSON → event, event → protobuf → event: the same. */
static void go_round(const struct event *e)
{
    struct arena a = {0};
    struct buffer b = {0}, bytes = {0};
    struct problems p = {0};
    const struct json_node *nodes;
    struct event again;
    struct record r = {.kind = RECORD_EVENTS, .events_count = 1}, back;
    uint32_t unknown;
    size_t count;

    event_to_json(e, &b);
    MUST(json_parse((struct text){b.at, b.length}, &a, &nodes, &count, &p) == 0);
    MUST(event_from_json(nodes, 0, LEVEL_NEWEST, &a, &again, &unknown, &p) == 0);
    MUST(unknown == 0 && same_event(e, &again));
    r.events = &again;
    MUST(record_encode(&r, &bytes) == 0);
    MUST(record_decode(bytes.at, bytes.length, LEVEL_NEWEST, &a, &back, &unknown, &p) == 0);
    MUST(unknown == 0 && back.events_count == 1 && same_event(e, &back.events[0]));
    MUST(event_check(&back.events[0], LEVEL_NEWEST, &p));
    buffer_finish(&b);
    buffer_finish(&bytes);
    arena_finish(&a);
}

static int on_event(void *context, size_t number, const struct event *e, const struct problems *p)
{
    size_t *expected = context;

    MUST(number == (*expected)++);
    MUST(e || p->count);
    if (e && !p->count)
        go_round(e);
    return 0;
}

static void read_events(struct text t, bool ndjson)
{
    struct arena a = {.most_bytes = 1 << 24};
    struct problems p = {0};
    uint32_t unknown;
    size_t number = 0;
    struct event_reader reader = {&number, on_event};

    int error = json_events_read(t, ndjson, LEVEL_NEWEST, &a, &reader, &unknown, &p);
    MUST(error == 0 || error == ERROR_INVALID || error == ERROR_LIMIT);
    MUST(!error || number || p.count);
    arena_finish(&a);
}

static void read_record(struct text t)
{
    struct arena a = {.most_bytes = 1 << 24};
    struct problems p = {0};
    struct record r;
    uint32_t unknown;

    int error = record_decode_any(t.at, t.length, LEVEL_NEWEST, &a, &r, &unknown, &p);
    for (size_t i = 0; !error && r.kind == RECORD_EVENTS && i < r.events_count; i++)
        if (event_check(&r.events[i], LEVEL_NEWEST, &p))
            go_round(&r.events[i]);
    arena_finish(&a);
}

/* The canonical document is read again as itself. */
static void read_reference(enum record_kind kind, struct text t)
{
    struct arena a = {.most_bytes = 1 << 24};
    struct problems p = {0};
    struct record r, again;

    int error = reference_from_json(kind, TEXT("it-1"), t, &a, &r, &p);
    MUST(!error == !p.count || error == ERROR_LIMIT);
    if (!error) {
        MUST(r.reference.decoded);
        MUST(reference_from_json(kind, TEXT("it-1"), r.reference.document, &a, &again, &p) == 0);
        MUST(text_equal(r.reference.document, again.reference.document));
        struct buffer b = {0};
        uint32_t unknown;
        MUST(record_encode(&r, &b) == 0);
        MUST(record_decode(b.at, b.length, LEVEL_NEWEST, &a, &again, &unknown, &p) == 0);
        MUST(text_equal(r.reference.document, again.reference.document) && again.reference.decoded);
        buffer_finish(&b);
    }
    arena_finish(&a);
}

static void read_settings(struct text t)
{
    struct arena a = {.most_bytes = 1 << 24};
    struct problems p = {0};
    struct record r;

    int error = settings_from_json(t, &a, &r, &p);
    MUST(error ? p.count > 0 || error == ERROR_LIMIT : r.settings.count > 0);
    arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct text t = {(const char *)data + 1, size - 1};
    switch (data[0] % 8) {
    case 0:
        read_events(t, false);
        break;
    case 1:
        read_events(t, true);
        break;
    case 2:
        read_record(t);
        break;
    case 3:
        read_reference(RECORD_LOCATION, t);
        break;
    case 4:
        read_reference(RECORD_GROUP, t);
        break;
    case 5:
        read_reference(RECORD_ITEM, t);
        break;
    case 6:
        read_reference(RECORD_CHANNEL, t);
        break;
    case 7:
        read_settings(t);
        break;
    }
    return 0;
}
