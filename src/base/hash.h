/* Hashes: one for tables (seeded, not stable between versions), one for digests and memories (stable for ever). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/text.h"

struct hash128 {
    uint64_t high, low;
};

/* For tables in memory. Depends on a seed drawn at start, so that nobody can choose texts that collide. @thread any */
uint64_t hash_text(struct text t);
/* Draws the seed; call once before the first hash_text. Tests and the simulator pass a fixed one (not 0); 0 draws. */
void hash_seed(uint64_t seed);

/* MurmurHash3 x64 128 (Austin Appleby, public domain): the same for ever and everywhere. What is stored or compared
 * between instances uses this one. */
struct hash128 hash128(const void *bytes, size_t length, uint64_t seed);

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) of bytes, going on from crc (0 at the beginning). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);

#endif
