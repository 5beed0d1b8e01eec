/* Hashes: one for tables (seeded, not stable between versions), one for digests and memories (stable for
 * ever). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/text.h"

struct hash128 {
    uint64_t high, low;
};

/* A text of up to 16 bytes as its first eight and its last eight; of less than eight the second word is 0.
 * Texts of one length differ exactly when their words do. */
enum { TEXT_WORDS_MOST = 16 };
struct text_words {
    uint64_t first, last;
};

static inline uint64_t text_load(const char *at, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, at, bytes);
    return v;
}

/* Of 8 to 16 bytes. */
static inline struct text_words text_words_of_many(struct text t)
{
    return (struct text_words){text_load(t.at, 8), text_load(t.at + t.length - 8, 8)};
}

/* Of up to 7. */
static inline struct text_words text_words_of_few(struct text t)
{
    const char *p = t.at;
    size_t n = t.length;

    if (n >= 4)
        return (struct text_words){text_load(p, 4) | text_load(p + n - 4, 4) << 32, 0};
    if (n == 0)
        return (struct text_words){0, 0};
    return (struct text_words){text_load(p, 1) | text_load(p + n / 2, 1) << 8 | text_load(p + n - 1, 1) << 16,
                               0};
}

static inline struct text_words text_words_of(struct text t)
{
    return __builtin_expect(t.length >= 8, 1) ? text_words_of_many(t) : text_words_of_few(t);
}

extern uint64_t hash_seeds[2]; /* hash_seed draws them */

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* hash_text of such a text. Both factors are secret: nobody can make one of them 0. */
static inline uint64_t hash_words(struct text_words w, size_t length)
{
    return hash_fold(w.first ^ hash_seeds[0], (w.last ^ hash_seeds[1]) + length);
}

/* For tables in memory. Depends on a seed drawn at start, so that nobody can choose texts that collide.
 * @thread any */
uint64_t hash_text(struct text t);
/* Draws the seed; call once before the first hash_text. Tests and the simulator pass a fixed one (not 0); 0
 * draws. */
void hash_seed(uint64_t seed);

/* MurmurHash3 x64 128 (Austin Appleby, public domain): the same for ever and everywhere. What is stored or
 * compared between instances uses this one. */
struct hash128 hash128(const void *bytes, size_t length, uint64_t seed);

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) of bytes, going on from crc (0 at the beginning). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);

#endif
