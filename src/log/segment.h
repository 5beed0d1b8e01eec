/* A segment of the embedded log as bytes: its header, its records, and what may stand behind the last one.
 * Pure: no files here.
 *
 * Layout, little-endian: a header of 64 bytes, then records one behind the other, each a frame of 32 bytes
 * and its payload, filled up with zeros to eight bytes; then zeros up to the end of the page of 4 KiB, and
 * behind that the rest: zeros up to the segment's size, or, in a segment that was used before, what it held
 * then. Behind the last record may stand a mark: a frame without payload that says "what is before me is
 * durable". The next group overwrites it.
 *
 * Every CRC of a segment begins with the segment's salt, drawn when it is made or used again, and told to
 * nobody: bytes left from other files, and payloads that somebody shaped like a record, do not pass for
 * records. Nor does what a segment held before: its salt was another, and its offsets are smaller than all
 * that can come, because only what was trimmed is used again.
 *
 * How a torn tail is told from damage. Groups are written one at a time: group g+1 is not written before g is
 * synced. A frame says how many records of its group stand before it, so its group's first offset is known.
 * Let n be the first offset that cannot be read. Whatever valid stands behind:
 *   - a record whose group begins at or before n: of the same, never synced group as n (a power cut keeps any
 * subset of its sectors). Torn tail.
 *   - a record whose group begins behind n, or a mark of an end behind n: n had been synced. Damage.
 *   - nothing: torn tail; n stood in the last group, which may or may not have been synced. A clean stop, and
 * a second without appends, leave a mark, so that damage in the last group is seen as damage from then on.
 * In a rest of zeros whatever is not zero was torn. In a segment that was used before, what is not zero in
 * the page of the last record was, and behind that page what is a record or mark of offsets that were to
 * come. What the header calls durable (the record a log begins with) was synced before the file got its name:
 * it cannot be torn. Files have their full size before they get their name; when the last is shorter
 * nevertheless, what is missing counts as zeros. */
#ifndef LOG_SEGMENT_H
#define LOG_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEGMENT_FORMAT = 1,
    SEGMENT_HEADER_BYTES = 64,
    SEGMENT_FRAME_BYTES = 32,
    SEGMENT_PAGE_BYTES = 4096,
    SEGMENT_BYTES_LEAST = SEGMENT_PAGE_BYTES,
    SEGMENT_BYTES_MOST = 1 << 30,
    SEGMENT_RECORD_BYTES_MOST = 512 * 1024,
};

struct segment_header {
    char magic[8];
    uint32_t format;
    uint32_t salt;
    uint64_t sequence;    /* 1, 2, 3, …; in the name too */
    uint64_t bytes;       /* of the whole file */
    uint64_t durable_end; /* records before this position were synced before the file got its name */
    uint64_t identity;    /* of the log: the same in all its segments */
    uint32_t used_before; /* 1: what is behind the records is not zeros but what it held then */
    uint8_t reserved[8];
    uint32_t crc;
};

/* A record or, without payload, a mark. */
struct segment_record {
    uint64_t offset;
    int64_t appended_at;
    uint32_t before; /* so many records of its group stand before it */
    uint32_t length;
    const void *bytes;
};

/* Fills magic, format and crc. */
void segment_header_seal(struct segment_header *h);
/* 0, ERROR_CORRUPT, or ERROR_LEVEL: of a newer format. `size` is the file's. */
int segment_header_check(const struct segment_header *h, uint64_t sequence);

/* The bytes a record of that length takes. */
size_t segment_record_bytes(size_t length);
/* Writes the record with its frame and filling; returns the bytes written: segment_record_bytes(r->length).
 */
size_t segment_record_put(void *at, uint32_t salt, const struct segment_record *r);
/* Reads the record at a position; false: there is no valid one. ret->bytes points into `bytes`. */
bool segment_record_get(const void *bytes, size_t size, size_t at, uint32_t salt, struct segment_record *ret);
/* A mark says in `offset` where the durable records end. */
void segment_mark_put(void *at, uint32_t salt, uint64_t end_offset, int64_t appended_at);
bool segment_mark_get(const void *bytes, size_t size, size_t at, uint32_t salt, uint64_t *ret_end_offset);

/* Where the zeros behind what ends at a position end: with its page, or with the segment. */
static inline size_t segment_page_end(size_t at, size_t segment_bytes)
{
    size_t end = (at + SEGMENT_PAGE_BYTES - 1) / SEGMENT_PAGE_BYTES * SEGMENT_PAGE_BYTES;

    return end < segment_bytes ? end : segment_bytes;
}

/* What stands at and behind a position at which the record `offset` should stand and does not. */
struct segment_rest {
    size_t end;      /* behind the last byte that was torn; the position itself when none was */
    bool damage;     /* something proves that `offset` had been synced */
    size_t proof_at; /* where it stands */
    uint64_t proof_offset;
};
void segment_rest(const void *bytes, const struct segment_header *h, size_t at, uint64_t offset,
                  struct segment_rest *ret);

#endif
