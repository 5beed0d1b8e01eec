/* Our reader of protobuf against protobuf-c, which reads the bodies of records in ours too: what we take, it
 * takes, with the same values; and encode(decode(x)) is stable. */
#include "base/error.h"
#include "codec/record_codec.h"
#include "core/model/event_fields.h"
#include "fuzz.h"

#include "onhand/v1/record.pb-c.h"

static bool has_nul(struct text t)
{
    return t.length && memchr(t.at, '\0', t.length);
}

/* protobuf-c cuts strings at a NUL; there the two may differ. Bodies are `bytes` in the schema. */
static bool any_nul(const struct record *r)
{
    bool nul = has_nul(r->intake.name);

    for (size_t i = 0; i < r->events_count; i++) {
        const struct event *e = &r->events[i];
        for (unsigned f = 0; f < FIELD_END; f++)
            if (field_places[f].kind == KIND_TEXT || field_places[f].kind == KIND_NAME)
                nul |= has_nul(*(const struct text *)event_member(e, (enum event_field)f));
        nul |= has_nul(e->allocation.channel) || has_nul(e->allocation.to_channel);
    }
    return nul;
}

static void encode(const struct record *r, struct buffer *out)
{
    buffer_clear(out);
    int error = record_encode(r, out);
    MUST(error == 0 || error == ERROR_LIMIT);
}

/* Through the generated code and back into ours: the same record. */
static void ask_the_oracle(struct text t, const struct buffer *ours)
{
    Onhand__V1__Record *m = onhand__v1__record__unpack(NULL, t.length, (const uint8_t *)t.at);
    struct arena a = {0};
    struct problems p = {0};
    struct buffer theirs = {0};
    struct record r;
    uint32_t unknown;

    MUST(m);
    size_t length = onhand__v1__record__get_packed_size(m);
    uint8_t *packed = malloc(length + 1);
    onhand__v1__record__pack(m, packed);
    if (length <= RECORD_BYTES_MOST) {
        MUST(record_decode(packed, length, LEVEL_NEWEST, &a, &r, &unknown, &p) == 0);
        encode(&r, &theirs);
        MUST(theirs.length == ours->length && (!ours->length || !memcmp(theirs.at, ours->at, ours->length)));
    }
    free(packed);
    onhand__v1__record__free_unpacked(m, NULL);
    buffer_finish(&theirs);
    arena_finish(&a);
}

static int on_event(void *context, size_t number, const struct event *e, const struct problems *p)
{
    MUST(e || p->count);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text t = {(const char *)data, size};
    struct arena a = {.most_bytes = 1 << 25};
    struct problems p = {0};
    struct buffer first = {0}, second = {0};
    struct record r, again;
    uint32_t unknown;
    struct event_reader reader = {NULL, on_event};

    proto_events_read(data, size, LEVEL_NEWEST, &a, &reader, &p);
    record_events_read(data, size, LEVEL_NEWEST, &a, &reader, &p);
    p.count = 0;
    int error = record_decode(data, size, LEVEL_NEWEST, &a, &r, &unknown, &p);
    MUST(error == 0 || p.count || error == ERROR_LIMIT);
    if (!error) {
        encode(&r, &first);
        if (record_decode(first.at, first.length, LEVEL_NEWEST, &a, &again, &unknown, &p) == 0) {
            encode(&again, &second);
            MUST(first.length == second.length &&
                 (!first.length || !memcmp(first.at, second.at, first.length)));
        } else {
            MUST(r.kind == RECORD_EVENTS && !r.events_count &&
                 !r.intake.name.length); /* an intake without a name */
        }
        if (!any_nul(&r))
            ask_the_oracle(t, &first);
    }
    buffer_finish(&first);
    buffer_finish(&second);
    arena_finish(&a);
    return 0;
}
