/* Table hash (multiply and fold, in the manner of wyhash), MurmurHash3 128, CRC-32C. */
#include "base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t hash_seeds[2] = {0x9E3779B97F4A7C15u, 0xD1B54A32D192ED03u};

static inline uint64_t mix(uint64_t k)
{
    k ^= k >> 33;
    k *= 0xFF51AFD7ED558CCDu;
    k ^= k >> 33;
    k *= 0xC4CEB9FE1A85EC53u;
    return k ^ k >> 33;
}

void hash_seed(uint64_t seed)
{
    if (seed == 0 && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        abort(); /* no entropy at boot: better no start than a guessable table */
    hash_seeds[0] = seed;
    hash_seeds[1] = mix(seed + 0x9E3779B97F4A7C15u);
}

static inline uint64_t load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t load32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

uint64_t hash_text(struct text t)
{
    const unsigned char *p = (const unsigned char *)t.at;
    size_t n = t.length;

    if (__builtin_expect(n <= TEXT_WORDS_MOST, 1))
        return hash_words(text_words_of(t), n);
    uint64_t h = hash_fold(n ^ hash_seeds[0], hash_seeds[1]);
    for (; n > 16; p += 16, n -= 16)
        h = hash_fold(load64(p) ^ hash_seeds[1], load64(p + 8) ^ h);
    p -= 16 - n; /* the last sixteen bytes */
    return hash_fold(load64(p) ^ hash_seeds[0], load64(p + 8) ^ h) ^ h;
}

static inline uint64_t rotate(uint64_t v, int by)
{
    return v << by | v >> (64 - by);
}

/* 1 to 8 bytes as a number, without reading beyond them. */
static inline uint64_t load_some(const unsigned char *p, size_t n)
{
    if (n >= 4)
        return load32(p) | load32(p + n - 4) << 8 * (n - 4);
    return p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) | (uint64_t)p[n - 1] << 8 * (n - 1);
}

struct hash128 hash128(const void *bytes, size_t length, uint64_t seed)
{
    const uint64_t c1 = 0x87C37B91114253D5u, c2 = 0x4CF5AD432745937Fu;
    const unsigned char *p = bytes;
    uint64_t h1 = seed, h2 = seed;
    size_t left = length;

    for (; left >= 16; p += 16, left -= 16) {
        h1 ^= rotate(load64(p) * c1, 31) * c2;
        h1 = (rotate(h1, 27) + h2) * 5 + 0x52DCE729;
        h2 ^= rotate(load64(p + 8) * c2, 33) * c1;
        h2 = (rotate(h2, 31) + h1) * 5 + 0x38495AB5;
    }
    if (left > 8) {
        h2 ^= rotate(load_some(p + 8, left - 8) * c2, 33) * c1;
        h1 ^= rotate(load64(p) * c1, 31) * c2;
    } else if (left) {
        h1 ^= rotate(load_some(p, left) * c1, 31) * c2;
    }
    h1 ^= length;
    h2 ^= length;
    h1 += h2;
    h2 += h1;
    h1 = mix(h1);
    h2 = mix(h2);
    h1 += h2;
    h2 += h1;
    return (struct hash128){h1, h2};
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t length)
{
    const unsigned char *p = bytes;
    uint64_t c = crc ^ 0xFFFFFFFFu;

    for (; length >= 8; p += 8, length -= 8)
        c = __builtin_ia32_crc32di(c, load64(p));
    for (; length; p++, length--)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return (uint32_t)c ^ 0xFFFFFFFFu;
}
