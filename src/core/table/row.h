/* One row: an item at a location, a cache line of eight words, as a plain image. (How rows are read and
 * written while others read and write them is table.c's and latch.h's.) */
#ifndef CORE_TABLE_ROW_H
#define CORE_TABLE_ROW_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct rare; /* core/model/rare.h: what few rows have; immutable once published */

enum row_word {
    ROW_WHO,
    ROW_ON_HAND,
    ROW_UNAVAILABLE,
    ROW_RESERVED,
    ROW_COMMITTED,
    ROW_SAFETY_STOCK,
    ROW_VERSION,
    ROW_RARE,
    ROW_WORDS
};

/*  ROW_WHO          location: 32 bits, low; last_event_s: 32 bits, high: whole seconds since the epoch, 0:
 * never ROW_ON_HAND …    thousandths ROW_VERSION      offset: 48 bits, low; incarnation's index: 8 bits;
 * flags: 8 bits, high ROW_RARE         struct rare *, or 0,
 * or with the lowest bit set what only the writer looks at (core/model/ledger.h): readers see no rare part */
struct row_image {
    uint64_t word[ROW_WORDS];
};

enum row_flag {
    ROW_COUNTED = 1 /* counted or received once */,
    ROW_UNMATCHED = 2,
    ROW_ALERTED = 4 /* below its reorder point */,
    ROW_FENCED = 8,    /* something is set aside for a channel: rare->fences */
    ROW_DATED = 16,    /* demand for a later instant: rare->dated decides what is available now */
    ROW_BACKORDER = 32 /* its backorder limit is not 0 */
};

static inline uint32_t row_location(const struct row_image *r)
{
    return (uint32_t)r->word[ROW_WHO];
}
static inline uint32_t row_last_event_s(const struct row_image *r)
{
    return (uint32_t)(r->word[ROW_WHO] >> 32);
}
static inline int64_t row_on_hand(const struct row_image *r)
{
    return (int64_t)r->word[ROW_ON_HAND];
}
static inline int64_t row_unavailable(const struct row_image *r)
{
    return (int64_t)r->word[ROW_UNAVAILABLE];
}
static inline int64_t row_reserved(const struct row_image *r)
{
    return (int64_t)r->word[ROW_RESERVED];
}
static inline int64_t row_committed(const struct row_image *r)
{
    return (int64_t)r->word[ROW_COMMITTED];
}
static inline int64_t row_safety_stock(const struct row_image *r)
{
    return (int64_t)r->word[ROW_SAFETY_STOCK];
}
static inline uint64_t row_offset(const struct row_image *r)
{
    return r->word[ROW_VERSION] & 0xFFFFFFFFFFFFu;
}
static inline uint8_t row_incarnation(const struct row_image *r)
{
    return (uint8_t)(r->word[ROW_VERSION] >> 48);
}
static inline uint8_t row_flags(const struct row_image *r)
{
    return (uint8_t)(r->word[ROW_VERSION] >> 56);
}
static inline const struct rare *row_rare(const struct row_image *r)
{
    uint64_t word = r->word[ROW_RARE];
    return (const struct rare *)(uintptr_t)(word & ((word & 1) - 1));
}
static inline bool row_rests(const struct row_image *r)
{
    return r->word[ROW_RARE] & 1;
}

static inline uint64_t row_who(uint32_t location, uint32_t last_event_s)
{
    return location | (uint64_t)last_event_s << 32;
}
static inline uint64_t row_version(uint64_t offset, uint8_t incarnation, uint8_t flags)
{
    return (offset & 0xFFFFFFFFFFFFu) | (uint64_t)incarnation << 48 | (uint64_t)flags << 56;
}

#endif
