/* The small things everything stands on. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void crc_matches_rfc3720(void **unused)
{
    unsigned char zeros[32] = {0}, ones[32], rising[32];
    memset(ones, 0xFF, sizeof(ones));
    for (int i = 0; i < 32; i++)
        rising[i] = (unsigned char)i;
    assert_int_equal(crc32c(0, zeros, 32), 0x8A9136AA);
    assert_int_equal(crc32c(0, ones, 32), 0x62A8AB43);
    assert_int_equal(crc32c(0, rising, 32), 0x46DD794E);
    assert_int_equal(crc32c(crc32c(0, rising, 13), rising + 13, 19), 0x46DD794E);
}

static void murmur_matches_its_vectors(void **unused)
{
    struct hash128 h = hash128("hello", 5, 0);
    assert_true(h.high == 0xCBD8A7B341BD9B02u && h.low == 0x5B1E906A48AE1D19u);
    h = hash128("The quick brown fox jumps over the lazy dog", 43, 0);
    assert_true(h.high == 0xE34BBC7BBC071B6Cu && h.low == 0x7A433CA9C49A9347u);
}

/* The published algorithm with its byte-wise tail, for every length of tail. */
static struct hash128 murmur_plainly(const unsigned char *bytes, size_t length, uint64_t seed)
{
    unsigned char padded[64] = {0};
    uint64_t h1 = seed, h2 = seed, k[2];
    memcpy(padded, bytes, length);
    for (size_t i = 0; i < length; i += 16) {
        bool whole = length - i >= 16;
        memcpy(k, padded + i, 16);
        k[0] *= 0x87C37B91114253D5u, k[0] = k[0] << 31 | k[0] >> 33, k[0] *= 0x4CF5AD432745937Fu;
        k[1] *= 0x4CF5AD432745937Fu, k[1] = k[1] << 33 | k[1] >> 31, k[1] *= 0x87C37B91114253D5u;
        h1 ^= k[0];
        if (whole)
            h1 = ((h1 << 27 | h1 >> 37) + h2) * 5 + 0x52DCE729;
        h2 ^= k[1];
        if (whole)
            h2 = ((h2 << 31 | h2 >> 33) + h1) * 5 + 0x38495AB5;
    }
    h1 ^= length, h2 ^= length, h1 += h2, h2 += h1;
    for (int i = 0; i < 2; i++) {
        uint64_t *h = i ? &h2 : &h1;
        *h ^= *h >> 33, *h *= 0xFF51AFD7ED558CCDu, *h ^= *h >> 33, *h *= 0xC4CEB9FE1A85EC53u, *h ^= *h >> 33;
    }
    h1 += h2, h2 += h1;
    return (struct hash128){h1, h2};
}

static void murmur_is_right_for_every_tail(void **unused)
{
    unsigned char bytes[48];
    for (int i = 0; i < 48; i++)
        bytes[i] = (unsigned char)(i * 37 + 11);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        struct hash128 a = hash128(bytes, length, 42), b = murmur_plainly(bytes, length, 42);
        assert_true(a.high == b.high && a.low == b.low);
    }
}

static void utf8_is_judged_by_rfc3629(void **unused)
{
    static const struct {
        const char *bytes;
        bool valid;
    } cases[] = {
        {"", true},           {"plain ascii, long enough", true}, {"gr\xc3\xbc\xc3\x9f", true}, {"\xe2\x82\xac", true},
        {"\xf0\x9f\x91\x9f", true}, {"\xc0\x80", false},          {"\xed\xa0\x80", false},      {"\xf4\x90\x80\x80", false},
        {"\xe0\x80\x80", false},    {"\x80", false},              {"12345678\xc3", false},      {"\xf0\x80\x80\x80", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(text_is_utf8(text_of(cases[i].bytes)), cases[i].valid);
}

/* The quick look never takes a byte for plain that is not, wherever it stands and however long the text is. */
static void plain_texts_are_printable_ascii(void **unused)
{
    char bytes[40];

    for (size_t length = 0; length <= sizeof(bytes); length++)
        for (size_t at = 0; at < (length ? length : 1); at++)
            for (int byte = 0; byte < 256; byte++) {
                memset(bytes, byte % 2 ? ' ' : '~', sizeof(bytes));
                bytes[at] = (char)byte;
                assert_int_equal(text_is_plain((struct text){bytes, length}),
                                 length == 0 || (byte >= 0x20 && byte < 0x7F));
            }
}

static void arena_uses_what_was_lent_first(void **unused)
{
    _Alignas(16) char lent[64];
    struct arena a = {0};

    arena_lend(&a, lent, sizeof(lent));
    for (int round = 0; round < 3; round++) {
        assert_ptr_equal(arena_alloc(&a, 60), lent);
        char *more = arena_alloc(&a, 60);
        assert_true(more && (more < lent || more >= lent + sizeof(lent)));
        memset(more, 1, 60);
        arena_reset(&a);
    }
    arena_finish(&a);
    assert_null(a.lent);
}

static void arena_keeps_room_for_the_next_round(void **unused)
{
    struct arena a = {0};

    for (int i = 0; i < 10; i++)
        memset(arena_alloc(&a, 30000), i, 30000);
    arena_reset(&a);
    char *first = arena_alloc(&a, 30000);
    for (int i = 1; i < 10; i++)
        assert_ptr_equal(arena_alloc(&a, 30000), first + (size_t)i * 30000);
    arena_finish(&a);
}

static void arena_keeps_its_bound(void **unused)
{
    struct arena a = {.most_bytes = 1000};
    assert_non_null(arena_alloc(&a, 900));
    assert_null(arena_alloc(&a, 200));
    assert_non_null(arena_alloc(&a, 50));
    arena_reset(&a);
    char *p = arena_alloc(&a, 1);
    assert_int_equal((uintptr_t)p % 16, 0);
    arena_finish(&a);
}

static void buffer_grows(void **unused)
{
    struct buffer b = {0};
    for (int i = 0; i < 1000; i++)
        buffer_printf(&b, "%d,", i);
    assert_int_equal(b.length, 3890);
    assert_memory_equal(b.at, "0,1,2,", 6);
    buffer_finish(&b);
    assert_string_equal(error_text(ERROR_NOMEM), "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_matches_rfc3720), cmocka_unit_test(murmur_matches_its_vectors),
        cmocka_unit_test(murmur_is_right_for_every_tail),
        cmocka_unit_test(utf8_is_judged_by_rfc3629), cmocka_unit_test(arena_keeps_its_bound), cmocka_unit_test(plain_texts_are_printable_ascii), cmocka_unit_test(arena_uses_what_was_lent_first), cmocka_unit_test(arena_keeps_room_for_the_next_round), cmocka_unit_test(buffer_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
