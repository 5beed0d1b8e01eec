/* A run of bytes that somebody else owns: not NUL-terminated, may hold any byte. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    const char *at; /* NULL only when length is 0 */
    size_t length;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

static inline struct text text_of(const char *string)
{
    return (struct text){string, string ? strlen(string) : 0};
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* Bytewise order, a prefix before what it begins. */
static inline int text_compare(struct text a, struct text b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

/* Eight bytes (fewer: filled up with spaces) that are all printable ASCII? */
static inline bool text_word_is_plain(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t deletes = w ^ ones * 0x7F;

    return !(((w - ones * 0x20) | (deletes - ones) | w) & tops);
}

/* Nothing but printable ASCII, the most usual case of texts: true. False says only that one has to look. */
static inline bool text_is_plain(struct text t)
{
    uint64_t w = UINT64_C(0x2020202020202020);
    bool plain = true;

    if (t.length == 0)
        return true; /* it may be nowhere at all */
    const char *p = t.at, *end = t.at + t.length;

    if (t.length >= 8) {
        for (; end - p > 8 && plain; p += 8) {
            memcpy(&w, p, 8);
            plain = text_word_is_plain(w);
        }
        memcpy(&w, end - 8, 8);
    } else if (t.length >= 4) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, end - 4, 4);
        w = low | (uint64_t)high << 32;
    } else if (t.length) {
        w ^= (uint64_t)(unsigned char)(*p ^ 0x20) | (uint64_t)(unsigned char)(p[t.length / 2] ^ 0x20) << 8 |
             (uint64_t)(unsigned char)(end[-1] ^ 0x20) << 16;
    }
    return plain && text_word_is_plain(w);
}

/* Is it valid UTF-8 (RFC 3629: shortest form, no surrogates)? */
bool text_is_utf8(struct text t);

#endif
