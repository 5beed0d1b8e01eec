/* What rests comes back as it was, whatever its bytes are. */
#include "core/model/resting.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* In memory of exactly its length, so that a sanitizer sees each byte beyond it. */
static size_t there_and_back(const unsigned char *bytes, size_t length)
{
    unsigned char packed[RESTING_PACKED_MOST], *back = malloc(length + !length);
    size_t packed_bytes = resting_pack(bytes, length, packed);

    assert_true(packed_bytes <= RESTING_PACKED_MOST);
    struct resting *r = malloc(sizeof(*r) + packed_bytes);
    r->length = (uint16_t)length;
    memcpy(r->packed, packed, packed_bytes);
    resting_unpack(r, back);
    assert_memory_equal(back, bytes, length);
    free(r);
    free(back);
    return packed_bytes;
}

static void every_length_comes_back(void **unused)
{
    unsigned seed = 7;

    for (size_t length = 0; length <= RESTING_BYTES_MOST; length++)
        for (int zeros = 1; zeros <= 64; zeros *= 4) {
            unsigned char *bytes = malloc(length + !length);
            for (size_t i = 0; i < length; i++)
                bytes[i] = rand_r(&seed) % zeros ? 0 : (unsigned char)rand_r(&seed);
            there_and_back(bytes, length);
            free(bytes);
        }
}

static void zeros_take_half_a_byte_of_each_eight(void **unused)
{
    unsigned char bytes[160] = {0};

    assert_int_equal(there_and_back(bytes, sizeof(bytes)), 10);
    bytes[8] = 1;
    assert_int_equal(there_and_back(bytes, sizeof(bytes)), 11);
    bytes[23] = 0x80;
    assert_int_equal(there_and_back(bytes, sizeof(bytes)), 19);
    memset(bytes, 0xFF, sizeof(bytes));
    assert_int_equal(there_and_back(bytes, sizeof(bytes)), 170);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(zeros_take_half_a_byte_of_each_eight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
