/* Packs and unpacks ledgers that rest, eight bytes at a time. Packing is on the way of a restart: it has no
 * branch that the bytes decide. */
#include "core/model/resting.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the lowest bytes of a number come first"
#endif

static size_t numbers_in(size_t length)
{
    return (length + 7) / 8;
}

static size_t lengths_bytes(size_t length)
{
    return (numbers_in(length) + 1) / 2;
}

static size_t bytes_needed(uint64_t number)
{
    return number ? (71 - (size_t)__builtin_clzll(number)) / 8 : 0;
}

static size_t pack_number(uint64_t number, size_t nth, unsigned char *lengths, unsigned char *to)
{
    size_t needed = bytes_needed(number);

    memcpy(to, &number, sizeof(number)); /* all eight: the next one begins behind those that are needed */
    lengths[nth / 2] |= (unsigned char)(needed << 4 * (nth % 2));
    return needed;
}

size_t resting_pack(const void *bytes, size_t length, unsigned char *ret)
{
    unsigned char *to = ret + lengths_bytes(length);
    uint64_t number;
    size_t nth = 0;

    memset(ret, 0, lengths_bytes(length));
    for (; (nth + 1) * 8 <= length; nth++) {
        memcpy(&number, (const char *)bytes + nth * 8, sizeof(number));
        to += pack_number(number, nth, ret, to);
    }
    if (nth * 8 < length) {
        number = 0;
        memcpy(&number, (const char *)bytes + nth * 8, length - nth * 8);
        to += pack_number(number, nth, ret, to);
    }
    return (size_t)(to - ret);
}

void resting_unpack(const struct resting *r, unsigned char *ret)
{
    const unsigned char *from = r->packed + lengths_bytes(r->length);

    for (size_t nth = 0; nth < numbers_in(r->length); nth++) {
        size_t needed = r->packed[nth / 2] >> 4 * (nth % 2) & 15, left = r->length - nth * 8;
        unsigned char eight[8] = {0};
        memcpy(eight, from, needed);
        memcpy(ret + nth * 8, eight, left < 8 ? left : 8);
        from += needed;
    }
}
