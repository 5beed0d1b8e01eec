/* The events of the ingest benches: every pair of 6,016 SKUs at 20 locations of 188 first receives one unit,
 * so that its row is there, then pairs by chance (the same ones every time), as tills would send them. */
#ifndef BENCH_INGEST_EVENTS_H
#define BENCH_INGEST_EVENTS_H

#include "base/buffer.h"

#include <stdio.h>

enum { EVENT_SKUS = 6016, EVENT_PLACES = 20, EVENT_LOCATIONS = 188, EVENT_PAIRS = EVENT_SKUS * EVENT_PLACES };

static inline uint64_t event_pair(uint64_t number)
{
    uint64_t mixed = number * UINT64_C(0x9E3779B97F4A7C15);

    mixed = (mixed ^ mixed >> 31) * UINT64_C(0xBF58476D1CE4E5B9);
    return number < EVENT_PAIRS ? number : (mixed >> 32) * EVENT_PAIRS >> 32;
}

static inline void event_varint(struct buffer *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buffer_byte(b, (char)(value | 0x80));
    buffer_byte(b, (char)value);
}

static inline void event_text(struct buffer *b, char tag, const char *text, int length)
{
    buffer_byte(b, tag);
    event_varint(b, (uint64_t)length);
    buffer_add(b, text, (size_t)length);
}

/* A receipt of one unit, with an id of its own: type 1, id 2, source 3, sku 6, location 7, quantity 8,
 * occurred_at 9. */
static inline void event_put_on(struct buffer *b, uint64_t number, uint64_t pair)
{
    char text[64];
    uint64_t sku = pair / EVENT_PLACES;

    buffer_clear(b);
    buffer_add(b, "\x08\x01", 2);
    event_text(b, 0x12, text, snprintf(text, sizeof(text), "till-%lu", number));
    event_text(b, 0x1A, "bench", 5);
    event_text(b, 0x32, text, snprintf(text, sizeof(text), "SKU-%lu", sku));
    event_text(b, 0x3A, text,
               snprintf(text, sizeof(text), "store-%lu", (sku + pair % EVENT_PLACES * 9) % EVENT_LOCATIONS));
    buffer_add(b, "\x40\xD0\x0F", 3);
    buffer_byte(b, 0x48);
    event_varint(b, UINT64_C(1767225600000000) + number);
}

static inline void event_put(struct buffer *b, uint64_t number)
{
    event_put_on(b, number, event_pair(number));
}

#endif
