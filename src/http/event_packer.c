/* Fills one record after the other; and what verdicts of events look like in answers. */
#include "http/event_packer.h"

#include "base/array.h"
#include "codec/json.h"

enum {
    EVENT_BYTES_BESIDE_TEXTS = 320, /* more than any event takes without its texts, encoded */
    RECORD_BYTES_BESIDE_EVENTS = 1024
};

static size_t bytes_at_most(const struct event *e)
{
    const struct text texts[] = {e->id,
                                 e->source,
                                 e->session,
                                 e->sku,
                                 e->location,
                                 e->reference,
                                 e->line,
                                 e->reason,
                                 e->channel,
                                 e->to,
                                 e->parent,
                                 e->order_reference,
                                 e->allocation.channel,
                                 e->allocation.to_channel};
    size_t bytes = EVENT_BYTES_BESIDE_TEXTS;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        bytes += texts[i].length;
    return bytes;
}

int event_packer_flush(struct event_packer *k)
{
    struct record r = {.kind = RECORD_EVENTS,
                       .level =
                           atomic_load_explicit(&k->loop->http->options.view->level, memory_order_relaxed),
                       .intake.after = -1,
                       .events_count = k->count,
                       .events = k->events};

    if (!k->count)
        return 0;
    k->count = 0;
    k->bytes = 0;
    return batch_add(k->batch, &r);
}

int event_packer_add(struct event_packer *k, const struct event *e, uint32_t *ret_record, uint32_t *ret_event)
{
    size_t bytes = bytes_at_most(e);
    bool full =
        k->count == RECORD_EVENTS_MOST || k->bytes + bytes > RECORD_BYTES_MOST - RECORD_BYTES_BESIDE_EVENTS;
    int error = full ? event_packer_flush(k) : 0;

    if (error)
        return error;
    if (k->count == k->capacity) {
        size_t capacity = k->capacity ? 2 * k->capacity : 1;
        if (!array_grow(&k->events, k->capacity, capacity, sizeof(*k->events)))
            return ERROR_NOMEM;
        k->capacity = capacity;
    }
    *ret_record = (uint32_t)batch_count(k->batch);
    *ret_event = (uint32_t)k->count;
    k->events[k->count++] = *e;
    k->bytes += bytes;
    return 0;
}

void event_packer_finish(struct event_packer *k)
{
    free(k->events);
    k->events = NULL;
    k->count = k->capacity = 0;
}

void event_check_key(const struct key *key, const struct event *e, struct problems *p)
{
    if (!key)
        return;
    if (!key_has_location(key, e->location))
        problems_add(p, "/location", "is not one that this key may speak for");
    if (e->channel.length && !key_has_channel(key, e->channel))
        problems_add(p, "/channel", "is not one that this key may speak for");
}

void put_verdict_reason(struct buffer *b, enum reason r)
{
    buffer_printf(b, ",\"reason\":\"%s\",\"errors\":[{\"pointer\":", reason_name(r));
    json_put_string(b, text_of(reason_pointer(r)));
    buffer_text(b, TEXT(",\"detail\":"));
    json_put_string(b, text_of(reason_detail(r)));
    buffer_text(b, TEXT("}]"));
}

void put_verdict_notes(struct buffer *b, unsigned notes)
{
    static const char *const names[] = {"oversold", "unmatched", "approximate", "unverified", "unregistered"};
    const char *before = ",\"notes\":[\"";

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (notes & 1u << i) {
            buffer_string(b, before);
            buffer_string(b, names[i]);
            before = "\",\"";
        }
    if (before[0] == '"')
        buffer_text(b, TEXT("\"]"));
}
