/* Puts and reads frames, and judges what stands behind the last record. segment.h has the layout and the
 * argument. */
#include "log/segment.h"

#include "base/error.h"
#include "base/hash.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "segments are little-endian and read as they are");
_Static_assert(sizeof(struct segment_header) == SEGMENT_HEADER_BYTES, "the header has no holes");

struct frame {
    uint32_t crc; /* of all that follows, the payload included */
    uint32_t kind;
    uint32_t length;
    uint32_t before;
    uint64_t offset;
    int64_t appended_at;
};
_Static_assert(sizeof(struct frame) == SEGMENT_FRAME_BYTES, "a frame has no holes");

static const char magic[8] = {'o', 'n', 'h', 'a', 'n', 'd', 'L', '\n'};
static const uint32_t kind_record = 0x31434552, kind_mark = 0x314B524D; /* "REC1", "MRK1" */

static uint32_t header_crc(const struct segment_header *h)
{
    return crc32c(0, h, offsetof(struct segment_header, crc));
}

void segment_header_seal(struct segment_header *h)
{
    memcpy(h->magic, magic, sizeof(magic));
    h->format = SEGMENT_FORMAT;
    h->crc = header_crc(h);
}

int segment_header_check(const struct segment_header *h, uint64_t sequence)
{
    if (memcmp(h->magic, magic, sizeof(magic)) != 0 || h->crc != header_crc(h))
        return ERROR_CORRUPT;
    if (h->format > SEGMENT_FORMAT)
        return ERROR_LEVEL;
    if (h->format != SEGMENT_FORMAT || h->sequence != sequence || h->bytes < SEGMENT_BYTES_LEAST ||
        h->bytes > SEGMENT_BYTES_MOST || h->bytes % 8 != 0 || h->durable_end < SEGMENT_HEADER_BYTES ||
        h->durable_end > h->bytes)
        return ERROR_CORRUPT;
    return 0;
}

size_t segment_record_bytes(size_t length)
{
    return SEGMENT_FRAME_BYTES + (length + 7) / 8 * 8;
}

static uint32_t frame_crc(const void *at, uint32_t salt, size_t length)
{
    return crc32c(salt, (const char *)at + sizeof(uint32_t), SEGMENT_FRAME_BYTES - sizeof(uint32_t) + length);
}

size_t segment_record_put(void *at, uint32_t salt, const struct segment_record *r)
{
    struct frame f = {0, kind_record, r->length, r->before, r->offset, r->appended_at};
    size_t whole = segment_record_bytes(r->length), used = SEGMENT_FRAME_BYTES + r->length;
    char *to = at;

    memcpy(to, &f, sizeof(f));
    if (r->length)
        memcpy(to + sizeof(f), r->bytes, r->length);
    memset(to + used, 0, whole - used);
    f.crc = frame_crc(to, salt, r->length);
    memcpy(to, &f.crc, sizeof(f.crc));
    return whole;
}

/* The frame at a position, when it is one of that kind and its bytes are all there and whole. */
static bool frame_get(const void *bytes, size_t size, size_t at, uint32_t salt, uint32_t kind,
                      struct frame *ret)
{
    const char *p = (const char *)bytes + at;
    size_t used, whole;

    if (at > size || size - at < SEGMENT_FRAME_BYTES)
        return false;
    memcpy(ret, p, sizeof(*ret));
    if (ret->kind != kind || ret->length > SEGMENT_RECORD_BYTES_MOST)
        return false;
    used = SEGMENT_FRAME_BYTES + ret->length;
    whole = segment_record_bytes(ret->length);
    if (whole > size - at || ret->before > ret->offset || ret->crc != frame_crc(p, salt, ret->length))
        return false;
    for (size_t i = used; i < whole; i++)
        if (p[i] != 0)
            return false;
    return true;
}

bool segment_record_get(const void *bytes, size_t size, size_t at, uint32_t salt, struct segment_record *ret)
{
    struct frame f;

    if (!frame_get(bytes, size, at, salt, kind_record, &f))
        return false;
    *ret = (struct segment_record){f.offset, f.appended_at, f.before, f.length,
                                   (const char *)bytes + at + SEGMENT_FRAME_BYTES};
    return true;
}

void segment_mark_put(void *at, uint32_t salt, uint64_t end_offset, int64_t appended_at)
{
    struct frame f = {0, kind_mark, 0, 0, end_offset, appended_at};

    f.crc = frame_crc(&f, salt, 0);
    memcpy(at, &f, sizeof(f));
}

bool segment_mark_get(const void *bytes, size_t size, size_t at, uint32_t salt, uint64_t *ret_end_offset)
{
    struct frame f;

    if (!frame_get(bytes, size, at, salt, kind_mark, &f) || f.length != 0)
        return false;
    *ret_end_offset = f.offset;
    return true;
}

/* A record or mark that was to come when `offset` was: what a segment held before has smaller ones, which
 * saves the checksums of all of them. */
static bool is_to_come(const void *bytes, size_t size, size_t at, uint64_t offset)
{
    struct frame f;

    if (size - at < sizeof(f))
        return false;
    memcpy(&f, (const char *)bytes + at, sizeof(f));
    return (f.kind == kind_record || f.kind == kind_mark) && f.offset >= offset;
}

struct found {
    bool valid, synced; /* it shows that `offset` had been synced */
    uint64_t offset;
    size_t end;
};

static struct found find(const void *bytes, const struct segment_header *h, size_t at, uint64_t offset)
{
    struct segment_record r;
    uint64_t end;

    if (!is_to_come(bytes, h->bytes, at, offset))
        return (struct found){0};
    if (segment_record_get(bytes, h->bytes, at, h->salt, &r))
        return (struct found){true, r.offset - r.before > offset, r.offset,
                              at + segment_record_bytes(r.length)};
    if (segment_mark_get(bytes, h->bytes, at, h->salt, &end))
        return (struct found){true, end > offset, end, at + SEGMENT_FRAME_BYTES};
    return (struct found){0};
}

/* Everything behind this that is not zero was torn. */
static size_t old_from(const void *bytes, const struct segment_header *h, size_t at, uint64_t offset)
{
    if (!h->used_before)
        return h->bytes;
    if (at % SEGMENT_PAGE_BYTES == 0 && at < h->bytes && is_to_come(bytes, h->bytes, at, offset))
        return at + SEGMENT_FRAME_BYTES;
    return segment_page_end(at, h->bytes);
}

void segment_rest(const void *bytes, const struct segment_header *h, size_t at, uint64_t offset,
                  struct segment_rest *ret)
{
    struct segment_rest rest = {.end = at};
    size_t size = h->bytes, old = old_from(bytes, h, at, offset);
    const char *p = bytes;

    for (size_t i = at; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, p + i, 8);
        if (word == 0)
            continue;
        struct found found = find(bytes, h, i, offset);
        size_t end = found.valid ? found.end : i < old ? i + 8 : 0;
        rest.end = end > rest.end ? end : rest.end;
        if (found.synced && !rest.damage) {
            rest.damage = true;
            rest.proof_at = i;
            rest.proof_offset = found.offset;
        }
    }
    *ret = rest;
}
