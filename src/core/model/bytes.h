/* Plain little-endian bytes: what images are made of, written to a buffer and read back with every length checked. */
#ifndef CORE_MODEL_BYTES_H
#define CORE_MODEL_BYTES_H

#include "base/buffer.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "images are little-endian and written as they lie in memory"
#endif

static inline void put_u8(struct buffer *b, uint8_t v) { buffer_add(b, &v, sizeof(v)); }
static inline void put_u32(struct buffer *b, uint32_t v) { buffer_add(b, &v, sizeof(v)); }
static inline void put_u64(struct buffer *b, uint64_t v) { buffer_add(b, &v, sizeof(v)); }
static inline void put_i64(struct buffer *b, int64_t v) { buffer_add(b, &v, sizeof(v)); }

static inline void put_text(struct buffer *b, struct text t)
{
    put_u32(b, (uint32_t)t.length);
    buffer_text(b, t);
}

/* What is left to read. Once something was not there, `failed` sticks and everything reads as zero. */
struct bytes {
    const char *at;
    size_t left;
    bool failed;
};

static inline const char *get(struct bytes *b, size_t length)
{
    if (b->failed || length > b->left) {
        b->failed = true;
        return NULL;
    }
    const char *at = b->at;
    b->at += length;
    b->left -= length;
    return at;
}

static inline void get_raw(struct bytes *b, void *ret, size_t length)
{
    const char *at = get(b, length);
    if (at)
        memcpy(ret, at, length);
    else
        memset(ret, 0, length);
}

static inline uint8_t get_u8(struct bytes *b)
{
    uint8_t v;
    get_raw(b, &v, sizeof(v));
    return v;
}

static inline uint32_t get_u32(struct bytes *b)
{
    uint32_t v;
    get_raw(b, &v, sizeof(v));
    return v;
}

static inline uint64_t get_u64(struct bytes *b)
{
    uint64_t v;
    get_raw(b, &v, sizeof(v));
    return v;
}

static inline int64_t get_i64(struct bytes *b)
{
    return (int64_t)get_u64(b);
}

/* True or false; anything else fails. */
static inline bool get_bool(struct bytes *b)
{
    uint8_t v = get_u8(b);
    if (v > 1)
        b->failed = true;
    return v == 1;
}

/* Points into the bytes read. */
static inline struct text get_text(struct bytes *b)
{
    uint32_t length = get_u32(b);
    const char *at = get(b, length);
    return at ? (struct text){at, length} : (struct text){0};
}

/* Was everything there, and nothing more? */
static inline bool bytes_done(const struct bytes *b)
{
    return !b->failed && b->left == 0;
}

#endif
