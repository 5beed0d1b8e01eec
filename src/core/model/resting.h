/* The bytes of a ledger that nobody needs yet: most of them are zero and left out. One immutable block in a
 * slab. */
#ifndef CORE_MODEL_RESTING_H
#define CORE_MODEL_RESTING_H

#include <stddef.h>
#include <stdint.h>

/* For each eight bytes, as one number, four bits that say how many it needs (two numbers a byte, the first
 * one in the lower half); behind all of them those bytes. */
struct resting {
    uint16_t length; /* unpacked */
    unsigned char packed[];
};

/* Longer ones do not rest. */
enum { RESTING_BYTES_MOST = 880, RESTING_PACKED_MOST = RESTING_BYTES_MOST + RESTING_BYTES_MOST / 16 + 8 };

/* Packs length bytes (at most RESTING_BYTES_MOST); returns how many bytes of `ret` (RESTING_PACKED_MOST) it
 * took. */
size_t resting_pack(const void *bytes, size_t length, unsigned char *ret);
/* Unpacks into ret, r->length bytes. */
void resting_unpack(const struct resting *r, unsigned char *ret);

#endif
