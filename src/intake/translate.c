/* Bytes of a foreign message → events → a record with `intake`. */
#include "intake/translate.h"
#include "base/array.h"
#include "base/error.h"
#include "codec/event_json.h"
#include "codec/event_plain.h"
#include "codec/record_codec.h"
#include "codec/wire.h"

#include <stdio.h>
#include <stdlib.h>

void translator_finish(struct translator *t)
{
    arena_finish(&t->arena);
    buffer_finish(&t->delimited);
    free(t->events);
    *t = (struct translator){0};
}

static int translator_keep(struct translator *t, const struct event *e)
{
    if (t->events_count == RECORD_EVENTS_MOST)
        return ERROR_LIMIT;
    if (t->events_count == t->events_capacity) {
        size_t capacity = t->events_capacity ? 2 * t->events_capacity : 16;
        if (!array_grow(&t->events, t->events_capacity, capacity, sizeof(*t->events)))
            return ERROR_NOMEM;
        t->events_capacity = capacity;
    }
    t->events[t->events_count++] = *e;
    return 0;
}

struct reading { /* of one message */
    struct translator *t;
    struct translation *ret;
};

static void say_bad_event(struct translation *ret, size_t number, const struct problems *p)
{
    if (ret->bad++)
        return; /* the first is told, the others are counted */
    ret->reason = "malformed";
    const char *pointer = p->count ? p->at[0].pointer : "";
    snprintf(ret->detail, sizeof(ret->detail), "event %zu: %s%s%s", number, pointer, *pointer ? " " : "",
             p->count ? p->at[0].detail : "cannot be read");
}

static int each_event(void *context, size_t number, const struct event *e, const struct problems *p)
{
    struct reading *r = context;

    if (e && p->count == 0)
        return translator_keep(r->t, e);
    say_bad_event(r->ret, number, p);
    return 0;
}

/* A lone event begins with the tag of its first field; a length of ten cannot hold the fields an event must
 * have. A record begins with the tag of its first event; nor can a length of eighteen hold what an event must
 * have (its instant alone takes nine bytes since 1988). */
enum { FIRST_FIELD = 0x08, RECORD_OF_EVENTS = 0x12, PLAIN_BYTES_MOST = 4096 };

static struct text delimit(struct translator *t, struct text payload)
{
    size_t left = payload.length;

    if (payload.at[0] != FIRST_FIELD)
        return payload;
    buffer_clear(&t->delimited);
    for (; left >= 0x80; left >>= 7)
        buffer_byte(&t->delimited, (char)(left | 0x80));
    buffer_byte(&t->delimited, (char)left);
    buffer_text(&t->delimited, payload);
    return (struct text){t->delimited.at, t->delimited.length};
}

static int read_events(struct translator *t, enum intake_format format, struct text payload, uint32_t level,
                       const struct event_reader *reader, struct problems *p)
{
    if (payload.length == 0) {
        problems_add(p, "", "is empty: a message holds at least one event");
        return ERROR_INVALID;
    }
    if (format == INTAKE_JSON) {
        uint32_t unknown_fields = 0;
        return json_events_read(payload, false, level, &t->arena, reader, &unknown_fields, p);
    }
    if (payload.at[0] == RECORD_OF_EVENTS)
        return record_events_read(payload.at, payload.length, level, &t->arena, reader, p);
    struct text delimited = delimit(t, payload);
    if (t->delimited.failed)
        return ERROR_NOMEM;
    return proto_events_read(delimited.at, delimited.length, level, &t->arena, reader, p);
}

/* The whole message is no good: nothing of it stands. */
static void refuse(struct translator *t, struct translation *ret, const char *reason, const char *what,
                   const char *why)
{
    t->events_count = 0;
    ret->reason = reason;
    snprintf(ret->detail, sizeof(ret->detail), "%s%s%s", what, *what ? " " : "", why);
}

static int read_message(struct translator *t, enum intake_format format, struct text payload, uint32_t level,
                        struct translation *ret)
{
    struct problems problems; /* five kilobytes: only its count begins at zero */
    struct reading reading = {t, ret};
    const struct event_reader reader = {&reading, each_event};

    problems.count = 0;
    arena_reset(&t->arena);
    t->events_count = ret->events = ret->bad = 0;
    ret->reason = NULL;
    ret->detail[0] = '\0';
    if (payload.length > MESSAGE_BYTES_MOST) {
        refuse(t, ret, "too_large", "", "has more than 262144 bytes: send fewer events a message");
        return 0;
    }
    int error = read_events(t, format, payload, level, &reader, &problems);
    if (error == ERROR_NOMEM)
        return error;
    if (error == ERROR_LIMIT)
        refuse(t, ret, "too_large", problems.count ? problems.at[0].pointer : "",
               problems.count ? problems.at[0].detail : "holds more than 4096 events: send fewer a message");
    else if (error)
        refuse(t, ret, "malformed", problems.count ? problems.at[0].pointer : "",
               problems.count ? problems.at[0].detail : "cannot be read");
    return 0;
}

static int encode(struct translator *t, const struct intake_said *said, uint32_t level, bool skipped,
                  struct buffer *out)
{
    struct record r = {.kind = RECORD_EVENTS, .level = level, .intake = *said};

    r.intake.skipped = skipped;
    r.events_count = t ? t->events_count : 0;
    r.events = t ? t->events : NULL;
    buffer_clear(out);
    int error = record_encode(&r, out);
    return error ? error : out->failed ? ERROR_NOMEM : 0;
}

int translate_skip(const struct intake_said *said, uint32_t level, struct buffer *out)
{
    return encode(NULL, said, level, true, out);
}

/* The only event of a message, as it stands there; false: it has to be looked for. */
static bool lone_event(struct text payload, struct text *ret)
{
    if (payload.length < 2 || payload.length > PLAIN_BYTES_MOST)
        return false;
    if (payload.at[0] == FIRST_FIELD) {
        *ret = payload;
        return true;
    }
    struct wire w = {payload.at + 1, payload.at + payload.length};
    return payload.at[0] == RECORD_OF_EVENTS && wire_bytes(&w, ret) && w.at == w.end;
}

/* The usual message says one event as our log would: it goes there as it is. */
static bool pass_on(enum intake_format format, struct text payload, uint32_t level,
                    const struct intake_said *said, struct buffer *out, struct decoded_event *ret)
{
    struct text only;

    buffer_clear(out);
    if (format != INTAKE_PROTOBUF || !lone_event(payload, &only) ||
        record_encode_plain(only, level, said, out, &only) != 0 ||
        !event_plain_read(only, level, &ret->event))
        return false;
    ret->record = (struct record){.kind = RECORD_EVENTS,
                                  .level = level,
                                  .intake = *said,
                                  .sound_level = level,
                                  .events_count = 1,
                                  .events = &ret->event};
    return true;
}

int translate(struct translator *t, enum intake_format format, struct text payload, uint32_t level,
              const struct intake_said *said, struct buffer *out, struct decoded_event *ret_decoded,
              struct translation *ret)
{
    ret->decoded = pass_on(format, payload, level, said, out, ret_decoded);
    if (ret->decoded) {
        ret->events = 1;
        ret->bad = 0;
        ret->reason = NULL;
        ret->detail[0] = '\0';
        return 0;
    }
    int error = read_message(t, format, payload, level, ret);
    if (error)
        return error;
    error = encode(t, said, level, t->events_count == 0 && ret->reason, out);
    if (error == ERROR_LIMIT) {
        refuse(t, ret, "too_large", "", "is too long as a record: send fewer events a message");
        error = encode(t, said, level, true, out);
    }
    ret->events = t->events_count;
    return error;
}

struct naming { /* which of the good events is looked for */
    size_t nth;
    char *out;
    size_t size;
};

static int name_event(void *context, size_t number, const struct event *e, const struct problems *p)
{
    struct naming *n = context;

    if (!e || p->count)
        return 0;
    if (n->nth-- > 0)
        return 0;
    snprintf(n->out, n->size, "event %zu, id %.*s", number, (int)e->id.length, e->id.at);
    return 1;
}

void translate_name_event(struct translator *t, enum intake_format format, struct text payload,
                          uint32_t level, size_t nth, char *out, size_t size)
{
    struct problems problems = {0};
    struct naming naming = {nth, out, size};
    const struct event_reader reader = {&naming, name_event};

    snprintf(out, size, "event %zu", nth);
    arena_reset(&t->arena);
    read_events(t, format, payload, level, &reader, &problems);
}
